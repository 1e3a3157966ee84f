// Three interleaved spirals, the toy data of CS231n.

import { createRandom } from 'v128'

/** @param {number} points of each */
export function spirals(points) {
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
