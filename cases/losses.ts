// The case table of the losses: each row is a loss as users write it. It drives the gradient check, the comparison of the
// engines over training steps, and the mean over a data set. Each row of goldenLosses says which loss PyTorch's numbers
// in test/fixtures are of.

import type { Loss } from '../src/plan/layer'
import { binaryCrossEntropy, createRandom, hinge, meanSquaredError, softmaxCrossEntropy } from '../src/entries/index'

export interface LossCase {
  readonly name: string
  readonly loss: () => Loss
  /** n rows of targets for `outputs` outputs. */
  readonly targets: (n: number, outputs: number) => number[]
}

const draw = (count: number, value: (random: ReturnType<typeof createRandom>) => number): number[] => {
  const random = createRandom(11)
  return Array.from({ length: count }, () => value(random))
}
const labels = (n: number, outputs: number) => draw(n, (random) => random.integer(outputs))

export const lossCases: readonly LossCase[] = [
  { name: 'softmaxCrossEntropy', loss: () => softmaxCrossEntropy(), targets: labels },
  {
    name: 'softmaxCrossEntropy, labelSmoothing',
    loss: () => softmaxCrossEntropy({ labelSmoothing: 0.1 }),
    targets: labels,
  },
  {
    name: 'softmaxCrossEntropy, classWeights',
    loss: () => softmaxCrossEntropy({ classWeights: [1, 0.3, 7] }),
    targets: labels,
  },
  {
    name: 'softmaxCrossEntropy, both',
    loss: () => softmaxCrossEntropy({ labelSmoothing: 0.2, classWeights: [0.1, 0.3, 2] }),
    targets: labels,
  },
  { name: 'hinge', loss: () => hinge(), targets: labels },
  { name: 'hinge, margin', loss: () => hinge({ margin: 0.4 }), targets: labels },
  {
    name: 'meanSquaredError',
    loss: meanSquaredError,
    targets: (n, outputs) => draw(n * outputs, (random) => random.normal()),
  },
  {
    name: 'binaryCrossEntropy',
    loss: binaryCrossEntropy,
    targets: (n, outputs) => draw(n * outputs, (random) => random.uniform()),
  },
]

interface GoldenLoss {
  readonly fixtures: readonly string[]
  readonly loss: (config: object) => Loss
}

export const goldenLosses: Readonly<Record<string, GoldenLoss>> = {
  binaryCrossEntropy: { fixtures: ['ours/losses'], loss: binaryCrossEntropy },
  hinge: { fixtures: ['golden/dense_loss', 'ours/losses'], loss: hinge },
  meanSquaredError: { fixtures: ['golden/dense_loss', 'ours/losses'], loss: meanSquaredError },
  softmaxCrossEntropy: { fixtures: ['golden/dense_loss', 'ours/losses'], loss: softmaxCrossEntropy },
}
