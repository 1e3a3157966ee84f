// A page that trains the CNN of the README in float32 on bars that lie or stand, and says how well it does. What it
// downloads for that is what `test/package/sizes.json` and `npm run test:runtimes` hold to a budget.

import {
  adam,
  batchNorm,
  conv2d,
  createModel,
  dense,
  flatten,
  maxPool2d,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'

const N = 64
const x = new Float32Array(N * 784)
const y = Uint8Array.from({ length: N }, (_, i) => i % 2)
for (let i = 0; i < N; i++) {
  for (let at = 4; at < 24; at++) x[784 * i + (y[i] ? 28 * at + (i % 28) : 28 * (i % 28) + at)] = 1
}

const model = await createModel(
  sequential(
    conv2d(16, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    conv2d(32, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    flatten(),
    dense(10),
  ),
  {
    input: [1, 28, 28],
    batch: 64,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 1e-3 }),
    seed: 1,
    dtype: 'float32',
  },
)
await model.fit({ x, y }, { epochs: 5 })
const { loss, accuracy } = model.evaluate({ x, y })
document.querySelector('output').textContent = `${model.backend} ${model.dtype}: loss ${loss}, accuracy ${accuracy}`
