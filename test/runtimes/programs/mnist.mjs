// The CNN of examples/mnist.js, and images for it.

import {
  adam,
  batchNorm,
  conv2d,
  createModel,
  dense,
  flatten,
  maxPool2d,
  normalize,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'

/** Of batches of 64, in the given precision. */
export const createMnist = (dtype) =>
  createModel(
    sequential(
      normalize({ mean: 33.3184, std: 78.5675 }),
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
      dtype,
    },
  )

/** What only takes as long as images do. */
export const createImages = (n) => ({
  x: Uint8Array.from({ length: n * 784 }, (_, i) => (i * 7) % 256),
  y: Uint8Array.from({ length: n }, (_, i) => i % 10),
})
