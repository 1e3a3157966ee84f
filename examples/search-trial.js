// A trial of examples/search.js, run on worker threads: trains a small network on the first 1,600 of 2,000 images of
// MNIST and scores it by its loss on the other 400.

import { createModel, dense, momentum, normalize, relu, sequential, softmaxCrossEntropy } from 'v128'
import { loadMnist } from './mnist-data.js'

const { x, y } = loadMnist('train', 2000)
const training = { x: x.subarray(0, 1600 * 784), y: y.subarray(0, 1600) }
const validation = { x: x.subarray(1600 * 784), y: y.subarray(1600) }

/** @typedef {typeof import('./search.js').space} Space */

/** @type {import('v128/node').Run<Space>} */
export async function run({ parameters, seed }, report) {
  const { learningRate, rho, units } = parameters
  const model = await createModel(
    sequential(normalize({ mean: 33.3184, std: 78.5675 }), dense(units), relu(), dense(10)),
    { input: [784], batch: 50, loss: softmaxCrossEntropy(), optimizer: momentum({ learningRate, rho }), seed },
  )
  let best = Infinity
  await model.fit(training, {
    epochs: 10,
    validation,
    onEpoch: ({ epoch, validationLoss = NaN }) => {
      if (validationLoss < best) best = validationLoss
      return report(epoch, validationLoss)
    },
  })
  return best
}
