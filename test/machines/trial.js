// A trial of test/machines/run.mjs: a small network on real digits, some 50 to 300 ms.

import { createModel, dense, momentum, normalize, relu, sequential, softmaxCrossEntropy } from 'v128'
import { integer, logUniform, oneMinusLogUniform } from 'v128/node'
import { loadMnist } from '../../examples/mnist-data.js'

export const space = {
  learningRate: logUniform(1e-4, 1),
  rho: oneMinusLogUniform(0.5, 0.99),
  units: integer(8, 32),
}

const { x, y } = loadMnist('train', 1500)
const training = { x: x.subarray(0, 1200 * 784), y: y.subarray(0, 1200) }
const validation = { x: x.subarray(1200 * 784), y: y.subarray(1200) }

/** @type {import('v128/node').Run<typeof space>} */
export async function run({ parameters: { learningRate, rho, units }, seed }, report, { resume, save }) {
  const network = sequential(normalize({ mean: 33.3184, std: 78.5675 }), dense(units), relu(), dense(10))
  const model = await createModel(network, {
    input: [784],
    batch: 40,
    loss: softmaxCrossEntropy(),
    optimizer: momentum({ learningRate, rho }),
    seed,
  })
  const { validationLoss } = await model.fit(training, {
    epochs: 12,
    validation,
    resume,
    checkpoint: { every: { epochs: 6 }, save },
    onEpoch: ({ epoch, validationLoss: loss = NaN }) => report(epoch, loss),
  })
  model.close()
  return validationLoss.at(-1) ?? NaN
}
