// Small runs with all that a run can have, for tests that cut them off.
import { augment, cutout, horizontalFlip } from '../../src/entries/data'
import {
  type Data,
  type FitOptions,
  type Model,
  type ModelOptions,
  adam,
  batchNorm,
  conv2d,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  dropout,
  flatten,
  maxPool2d,
  relu,
  sequential,
  softmaxCrossEntropy,
  warmup,
} from '../../src/entries/index'

export const ROWS = 46

/** Pictures of three classes that can be told apart, but not at once. */
export function pictures(rows: number, seed: number): { x: Float64Array; y: Uint8Array } {
  const random = createRandom(seed, 9)
  const y = Uint8Array.from({ length: rows }, () => random.integer(3))
  const x = Float64Array.from(
    { length: rows * 72 },
    (_, i) => random.normal() + (i % 3 === y[Math.floor(i / 72)] ? 1 : 0),
  )
  return { x, y }
}

export const data = pictures(ROWS, 1)
export const validation = pictures(20, 2)

/** What an iterable gives in an epoch. */
export const batches = (epoch = 0): Data[] => [0, 1, 2, 3, 4].map((i) => pictures(5, 10 + i + 10 * epoch))

export function cnn(options: Partial<ModelOptions> = {}): Promise<Model> {
  const network = sequential(
    conv2d(4, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    flatten(),
    dropout({ keep: 0.8 }),
    dense(3),
  )
  return createModel(network, {
    input: [2, 6, 6],
    batch: 8,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: warmup(5, cosineDecay({ initial: 1e-2, per: 'step' })) }),
    seed: 3,
    ...options,
  }) as Promise<Model>
}

/** Validation, augmentation, and early stopping that brings the best back. */
export function dress(): FitOptions {
  return {
    epochs: 4,
    validation,
    transform: augment([horizontalFlip(), cutout({ size: 2 })], { seed: 4 }),
    earlyStopping: { patience: 1, restoreBest: true },
  }
}
