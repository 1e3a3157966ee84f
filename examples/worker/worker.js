// Trains when told to, reports on the way, and stops when told to: fit lets messages through even within a step.

import { spiralNetwork, spirals, v128 } from './network.js'

/** @typedef {import('./messages').Order} Order */

/** @param {import('./messages').Report} report @param {Transferable[]} [moved] */
const send = (report, moved = []) => globalThis.postMessage(report, { transfer: moved })

let controller = new AbortController()

// Before anything is waited for, so that no message is lost.
globalThis.addEventListener('message', (/** @type {MessageEvent<Order>} */ { data: order }) => {
  if (order.type === 'cancel') controller.abort()
  else train(order).catch((error) => send({ type: 'failed', message: String(error) }))
})

/** @param {Extract<Order, { type: 'train' }>} order */
async function train({ epochs, seed }) {
  controller = new AbortController()
  const { signal } = controller
  const { adam, cosineDecay, createModel, softmaxCrossEntropy } = await v128
  const model = await createModel(await spiralNetwork(), {
    input: [2],
    batch: 50,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: cosineDecay({ initial: 0.01 }) }),
    seed,
  })
  const data = await spirals(300)
  let last = 0
  const history = await model.fit(data, {
    epochs,
    signal,
    onBatch({ epoch, batch, batches, loss, accuracy }) {
      // A page shows 60 pictures a second: more reports than that are only work.
      if (performance.now() - last < 16) return
      last = performance.now()
      send({ type: 'progress', epoch, epochs, batch, batches, loss, accuracy })
    },
  })
  const { accuracy } = model.evaluate(data)
  const weights = new Uint8Array(model.save())
  send({ type: 'done', aborted: history.aborted, epochs: history.loss.length, accuracy, weights }, [weights.buffer])
}
