// What examples/search.js searches, and a trial of it, run on worker threads or machines: trains a small network on 1,600
// images of MNIST and scores it by its loss on 400 others.

import { createModel, dense, momentum, normalize, relu, sequential, softmaxCrossEntropy } from 'v128'
import { integer, logUniform, oneMinusLogUniform } from 'v128/node'
import { loadMnist } from './mnist-data.js'

export const space = {
  learningRate: logUniform(1e-4, 1),
  rho: oneMinusLogUniform(0.5, 0.999),
  units: integer(8, 64),
}

const { x, y } = loadMnist('train', 2000)
export const training = { x: x.subarray(0, 1600 * 784), y: y.subarray(0, 1600) }
export const validation = { x: x.subarray(1600 * 784), y: y.subarray(1600) }

/**
 * @param {{ learningRate: number | import('v128').Schedule, rho: number, units: number }} parameters
 * @param {number} seed
 */
export function create({ learningRate, rho, units }, seed) {
  const network = sequential(normalize({ mean: 33.3184, std: 78.5675 }), dense(units), relu(), dense(10))
  const optimizer = momentum({ learningRate, rho })
  return createModel(network, { input: [784], batch: 50, loss: softmaxCrossEntropy(), optimizer, seed })
}

/** @type {import('v128/node').Run<typeof space>} */
export async function run({ parameters, seed }, report) {
  const model = await create(parameters, seed)
  const { validationLoss } = await model.fit(training, {
    epochs: 10,
    validation,
    onEpoch: ({ epoch, validationLoss: loss = NaN }) => report(epoch, loss),
  })
  return validationLoss.at(-1) ?? NaN
}
