// The run of digest.mjs in parts: what one leaves, the next goes on from, in another host or when a page was loaded again.
import { BATCHES, EPOCHS, createData, digestOf } from './digest.mjs'

export const DTYPES = ['float64', 'float32']

/**
 * Trains from a checkpoint, or from the start, until so many steps of the run are done, or to its end. Returns the last
 * checkpoint, the digest and the history.
 */
export async function trainPart(model, resume, until = Infinity) {
  const controller = new AbortController()
  let checkpoint
  const history = await model.fit(createData(), {
    epochs: EPOCHS,
    resume,
    signal: controller.signal,
    checkpoint: { every: { epochs: 1 }, save: (bytes) => (checkpoint = bytes) },
    onBatch: ({ epoch, batch }) => void (epoch * BATCHES + batch === until && controller.abort()),
  })
  return { checkpoint, digest: digestOf(model), history }
}
