// What a model has learnt of the plane.

const COLOURS = [
  [43, 108, 176],
  [221, 107, 32],
  [47, 133, 90],
]

/**
 * Colours each point of the plane by its class, and the data over it.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {import('v128/worker').WorkerModel<never>} model
 * @param {{ x: Float64Array, y: Uint8Array }} data
 */
export async function draw(canvas, model, { x, y }) {
  const context = canvas.getContext('2d')
  if (!context) return
  const { width: side } = canvas
  const at = (/** @type {number} */ pixel) => (2.4 * pixel) / side - 1.2
  const plane = Float64Array.from({ length: 2 * side * side }, (_, i) =>
    at(i % 2 ? Math.floor(i / 2 / side) : (i / 2) % side),
  )
  const { data: scores } = await model.predict(plane, { transfer: true })
  const image = context.createImageData(side, side)
  for (let i = 0; i < side * side; i++) {
    const row = scores.subarray(3 * i, 3 * i + 3)
    image.data.set([...COLOURS[row.indexOf(Math.max(...row))], 110], 4 * i)
  }
  context.putImageData(image, 0, 0)
  for (const [i, label] of y.entries()) {
    context.fillStyle = `rgb(${COLOURS[label]})`
    context.fillRect(((x[2 * i] + 1.2) / 2.4) * side - 1, ((x[2 * i + 1] + 1.2) / 2.4) * side - 1, 3, 3)
  }
}
