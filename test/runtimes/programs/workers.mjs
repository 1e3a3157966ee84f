// The same training in a model of v128/worker: with callbacks, cut off by a signal and gone on with from its checkpoint, in
// another worker; predictions on the way; and a worker that is ended from outside.

import { createWorkerModel } from 'v128/worker'
import { EPOCHS, createData, digestOf, network, settings } from './digest.mjs'

/** The digest of a run in two workers, in each precision, and what else they did. */
export async function trainInWorkers(options = {}) {
  const results = []
  for (const dtype of ['float64', 'float32']) {
    const data = createData()
    const create = () => createWorkerModel(network(), { ...settings(), dtype, ...options })
    const first = await create()
    const controller = new AbortController()
    let checkpoint
    let predictions = 0
    const { stopped } = await first.fit(data, {
      epochs: EPOCHS,
      signal: controller.signal,
      checkpoint: { every: { steps: 33 }, save: async (bytes) => void (checkpoint = bytes) },
      async onBatch({ epoch, batch }) {
        if (batch === 1) predictions += (await first.predict(data.x)).shape[0]
        if (epoch === 2 && batch === 7) controller.abort()
      },
    })
    await first.close()
    const second = await create()
    const batches = async function* (epoch) {
      // Another run before it, over an iterable: what goes on then has the checkpoint alone.
      for (let i = epoch; i < 2; i++) yield { x: data.x.slice(0, 1024), y: data.y.slice(0, 8) }
    }
    await second.fit(batches, { steps: 2 })
    const history = await second.fit(data, { epochs: EPOCHS, resume: checkpoint })
    const tensors = { parameters: await second.parameters, buffers: await second.buffers }
    const error = await second.predict([1]).catch(({ name, message }) => `${name}: ${message}`)
    results.push({
      backend: second.backend,
      dtype,
      digest: digestOf(tensors),
      stopped,
      steps: history.steps,
      predictions,
      error,
    })
    await second.close()
  }
  return results
}

/** What a run says whose worker is ended by others, if `make` makes one that can be. */
export async function endFromOutside(make) {
  const worker = make()
  const model = await createWorkerModel(network(), { ...settings(), worker: () => worker })
  const run = model.fit(createData(), { epochs: 1e6 }).then(
    () => 'no error',
    (error) => `${error.name}: ${error.message}`,
  )
  await model.passes
  worker.terminate()
  return run
}
