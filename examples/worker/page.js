// The page: starts and cancels a training, shows how far it is, and draws what was learnt. The model is in a worker, so
// nothing here ever waits for it.

import { adam, cosineDecay, dense, relu, sequential, softmaxCrossEntropy } from 'v128'
import { createWorkerModel } from 'v128/worker'
import { draw } from './picture.js'
import { spirals } from './spirals.js'

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

const epochs = 2000
const network = sequential(dense(64), relu(), dense(64), relu(), dense(3))
const data = spirals(300)

/** @param {AbortSignal} signal */
async function train(signal) {
  const optimizer = adam({ learningRate: cosineDecay({ initial: 0.01 }) })
  const options = { input: [2], batch: 50, loss: softmaxCrossEntropy(), optimizer, seed: 1 }
  const model = await createWorkerModel(network, options)
  const history = await model.fit(data, {
    epochs,
    signal,
    async onEpoch({ epoch, loss, accuracy }) {
      bar.value = (epoch + 1) / epochs
      output.value = `epoch ${epoch + 1} of ${epochs}, loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}`
      if (epoch % 100 === 99) await draw(canvas, model, data)
    },
  })
  const { accuracy } = await model.evaluate(data)
  await draw(canvas, model, data)
  await model.close()
  const end = history.aborted ? 'cancelled' : 'done'
  return `${end} after ${history.loss.length} epochs, accuracy ${percent(accuracy)}`
}

start.onclick = async () => {
  const controller = new AbortController()
  cancel.onclick = () => controller.abort()
  start.disabled = true
  cancel.disabled = false
  output.value = 'starting'
  const end = await train(controller.signal).catch(String)
  start.disabled = false
  cancel.disabled = true
  output.value = end
}

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`
