// node examples/ensembles.js: several models are right more often than each of them.
//
//     five seeds, 8 epochs each
//       seed 1                       test loss 0.1909  accuracy 94.35 %
//       seed 2                       test loss 0.2075  accuracy 93.90 %
//       seed 3                       test loss 0.2385  accuracy 93.50 %
//       seed 4                       test loss 0.2121  accuracy 94.01 %
//       seed 5                       test loss 0.2127  accuracy 93.58 %
//       mean of their probabilities  test loss 0.1653  accuracy 95.07 %
//     one run of 20 epochs, a snapshot at the end of each of five cosine cycles
//       cycle 1                      test loss 0.2023  accuracy 94.03 %
//       cycle 2                      test loss 0.2150  accuracy 94.16 %
//       cycle 3                      test loss 0.2170  accuracy 94.89 %
//       cycle 4                      test loss 0.2276  accuracy 94.94 %
//       cycle 5                      test loss 0.2300  accuracy 94.87 %
//       mean of their probabilities  test loss 0.1835  accuracy 94.79 %
//     one run of 8 epochs at a constant rate, weights averaged after every step
//       weights of the last step     test loss 0.2375  accuracy 94.25 %
//       averaged weights             test loss 0.1898  accuracy 94.91 %

import {
  adam,
  averageWeights,
  batchNorm,
  conv2d,
  cosineDecay,
  createModel,
  dense,
  ensemble,
  flatten,
  normalize,
  relu,
  sequential,
  snapshot,
  softmaxCrossEntropy,
} from 'v128'
import { loadMnist } from './mnist-data.js'

const training = loadMnist('train', 2000)
const test = loadMnist('test')
const network = () =>
  sequential(
    normalize({ mean: 33.3184, std: 78.5675 }),
    conv2d(8, { kernel: 5, stride: 2, pad: 2 }),
    batchNorm(),
    relu(),
    conv2d(16, { kernel: 3, stride: 2, pad: 1 }),
    batchNorm(),
    relu(),
    flatten(),
    dense(10),
  )
const create = (/** @type {number} */ seed, /** @type {import('v128').Schedule | number} */ learningRate) =>
  createModel(network(), {
    input: [1, 28, 28],
    batch: 50,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate }),
    seed,
  })
const report = (/** @type {string} */ name, /** @type {{ loss: number, accuracy: number }} */ { loss, accuracy }) =>
  console.log(`  ${name.padEnd(28)} test loss ${loss.toFixed(4)}  accuracy ${(100 * accuracy).toFixed(2)} %`)

console.log('five seeds, 8 epochs each')
const models = []
for (let seed = 1; seed <= 5; seed++) {
  const model = await create(seed, cosineDecay({ initial: 1e-2, per: 'step' }))
  await model.fit(training, { epochs: 8 })
  report(`seed ${seed}`, model.evaluate(test))
  models.push(model)
}
report('mean of their probabilities', ensemble(models).evaluate(test))

console.log('one run of 20 epochs, a snapshot at the end of each of five cosine cycles')
const cyclic = await create(1, cosineDecay({ initial: 2e-2, cycles: 5, per: 'step' }))
/** @type {import('v128').Weights[]} */
const snapshots = []
await cyclic.fit(training, {
  epochs: 20,
  onEpoch({ epoch }) {
    if (epoch % 4 !== 3) return
    snapshots.push(snapshot(cyclic))
    report(`cycle ${snapshots.length}`, cyclic.evaluate(test))
  },
})
report('mean of their probabilities', ensemble(snapshots).evaluate(test))

console.log('one run of 8 epochs at a constant rate, weights averaged after every step')
const constant = await create(1, 2e-2)
const average = averageWeights(constant, { decay: 0.99 })
await constant.fit(training, { epochs: 8, onBatch: average.update })
report('weights of the last step', constant.evaluate(test))
report('averaged weights', average.evaluate(test))
