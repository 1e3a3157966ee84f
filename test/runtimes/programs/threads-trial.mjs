// A trial of a search: a step of a model on three threads. The score is how many threads it had.
import { createModel, dense, sgd, softmaxCrossEntropy } from 'v128'

export async function run() {
  const loss = softmaxCrossEntropy()
  const model = await createModel(dense(64), {
    input: [256],
    batch: 64,
    threads: 3,
    loss,
    optimizer: sgd({ learningRate: 0.1 }),
  })
  model.trainStep(new Float64Array(64 * 256), new Uint8Array(64))
  return model.threads
}
