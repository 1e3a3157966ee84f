// The network, and its data, for the worker that trains it and for the page that draws what it learnt.

// A bundler, or an import map in the page, would find 'v128'; workers have no import map.
export const v128 = /** @type {Promise<typeof import('v128')>} */ (
  import(new URL('../../dist/index.js', import.meta.url).href)
)

export async function spiralNetwork() {
  const { dense, relu, sequential } = await v128
  return sequential(dense(64), relu(), dense(64), relu(), dense(3))
}

/**
 * Three interleaved spirals, the toy data of CS231n.
 *
 * @param {number} points
 */
export async function spirals(points) {
  const { createRandom } = await v128
  const random = createRandom(11)
  const x = new Float64Array(6 * points)
  const y = new Uint8Array(3 * points)
  for (let i = 0; i < 3 * points; i++) {
    const label = Math.floor(i / points)
    const radius = (i % points) / points
    const angle = 4 * (label + radius) + 0.2 * random.normal()
    x.set([radius * Math.sin(angle), radius * Math.cos(angle)], 2 * i)
    y[i] = label
  }
  return { x, y }
}
