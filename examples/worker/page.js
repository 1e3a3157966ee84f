// The page: starts and cancels the training in the worker, shows how far it is, and draws what was learnt.

import { spiralNetwork, spirals, v128 } from './network.js'

/** @type {<T extends HTMLElement>(id: string, kind: new () => T) => T} */
const element = (id, kind) => {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`no ${kind.name} #${id}`)
  return found
}
const start = element('start', HTMLButtonElement)
const cancel = element('cancel', HTMLButtonElement)
const bar = element('bar', HTMLProgressElement)
const output = element('output', HTMLOutputElement)
const canvas = element('canvas', HTMLCanvasElement)

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
/** @param {import('./messages').Order} order */
const send = (order) => worker.postMessage(order)

start.onclick = () => {
  start.disabled = true
  cancel.disabled = false
  output.value = 'starting'
  send({ type: 'train', epochs: 2000, seed: 1 })
}
cancel.onclick = () => send({ type: 'cancel' })

worker.onmessage = async (/** @type {MessageEvent<import('./messages').Report>} */ { data: report }) => {
  if (report.type === 'progress') {
    const { epoch, epochs, batch, batches, loss, accuracy } = report
    bar.value = (epoch + batch / batches) / epochs
    output.value = `epoch ${epoch + 1} of ${epochs}, loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}`
    return
  }
  start.disabled = false
  cancel.disabled = true
  if (report.type === 'failed') {
    output.value = report.message
    return
  }
  const { aborted, epochs, accuracy, weights } = report
  output.value = `${aborted ? 'cancelled' : 'done'} after ${epochs} epochs, accuracy ${percent(accuracy)}`
  await draw(weights)
}
worker.onerror = (/** @type {ErrorEvent} */ { message }) => {
  output.value = message
}

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`

/** Colours each point of the plane by its class, and the data over it. @param {Uint8Array} weights */
async function draw(weights) {
  const context = canvas.getContext('2d')
  if (!context) return
  const { createModel } = await v128
  const { width: side } = canvas
  const model = await createModel(await spiralNetwork(), { input: [2], batch: side, inference: true })
  model.load(weights)
  const at = (/** @type {number} */ pixel) => (2.4 * pixel) / side - 1.2
  const plane = Float64Array.from({ length: 2 * side * side }, (_, i) =>
    at(i % 2 ? Math.floor(i / 2 / side) : (i / 2) % side),
  )
  const { data: scores } = model.predict(plane)
  const colours = [
    [43, 108, 176],
    [221, 107, 32],
    [47, 133, 90],
  ]
  const image = context.createImageData(side, side)
  for (let i = 0; i < side * side; i++) {
    const row = scores.subarray(3 * i, 3 * i + 3)
    image.data.set([...colours[row.indexOf(Math.max(...row))], 110], 4 * i)
  }
  context.putImageData(image, 0, 0)
  const { x, y } = await spirals(300)
  for (const [i, label] of y.entries()) {
    context.fillStyle = `rgb(${colours[label]})`
    context.fillRect(((x[2 * i] + 1.2) / 2.4) * side - 1, ((x[2 * i + 1] + 1.2) / 2.4) * side - 1, 3, 3)
  }
}
