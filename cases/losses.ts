// The case table of the losses: each row is a loss as users write it. It drives the gradient check, the comparison of the
// engines over training steps, and the mean over a data set. Each row of goldenLosses says which loss PyTorch's numbers
// in test/fixtures are of.

import type { Loss } from '../src/plan/layer'
import {
  binaryCrossEntropy,
  createRandom,
  hinge,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  softmaxCrossEntropy,
} from '../src/entries/index'

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
const values = (n: number, outputs: number) => draw(n * outputs, (random) => random.normal())
const shares = (n: number, outputs: number) => draw(n * outputs, (random) => random.uniform())

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
  {
    name: 'softmaxCrossEntropy, ignoreIndex',
    loss: () => softmaxCrossEntropy({ ignoreIndex: -1, classWeights: [1, 0.3, 7] }),
    targets: (n, outputs) => labels(n, outputs).map((label, i) => (i % 3 === 1 ? -1 : label)),
  },
  { name: 'softmaxCrossEntropy, softLabels', loss: () => softmaxCrossEntropy({ softLabels: true }), targets: shares },
  {
    name: 'softmaxCrossEntropy, softLabels and both',
    loss: () => softmaxCrossEntropy({ softLabels: true, labelSmoothing: 0.2, classWeights: [0.1, 0.3, 2] }),
    targets: shares,
  },
  { name: 'hinge', loss: () => hinge(), targets: labels },
  { name: 'hinge, margin', loss: () => hinge({ margin: 0.4 }), targets: labels },
  {
    name: 'meanSquaredError',
    loss: meanSquaredError,
    targets: values,
  },
  { name: 'meanAbsoluteError', loss: () => meanAbsoluteError(), targets: values },
  { name: 'huber', loss: () => huber(), targets: values },
  { name: 'huber, delta', loss: () => huber({ delta: 0.7 }), targets: values },
  {
    name: 'binaryCrossEntropy',
    loss: binaryCrossEntropy,
    targets: shares,
  },
  { name: 'binaryCrossEntropy, posWeight', loss: () => binaryCrossEntropy({ posWeight: 3 }), targets: shares },
  {
    name: 'binaryCrossEntropy, posWeight of each output',
    loss: () => binaryCrossEntropy({ posWeight: [0.5, 2, 3] }),
    targets: shares,
  },
]

interface GoldenLoss {
  readonly fixtures: readonly string[]
  /** `soft`: whether the targets are probabilities where labels are usual. */
  readonly loss: (config: object, soft: boolean) => Loss
}

export const goldenLosses: Readonly<Record<string, GoldenLoss>> = {
  binaryCrossEntropy: { fixtures: ['ours/losses', 'golden/losses2'], loss: (config) => binaryCrossEntropy(config) },
  hinge: { fixtures: ['golden/dense_loss', 'ours/losses'], loss: (config) => hinge(config) },
  huber: { fixtures: ['golden/losses2'], loss: (config) => huber(config) },
  meanAbsoluteError: { fixtures: ['golden/losses2'], loss: (config) => meanAbsoluteError(config) },
  meanSquaredError: {
    fixtures: ['golden/dense_loss', 'ours/losses', 'golden/losses2'],
    loss: (config) => meanSquaredError(config),
  },
  softmaxCrossEntropy: {
    fixtures: ['golden/dense_loss', 'ours/losses', 'golden/losses2'],
    loss: (config, softLabels) => softmaxCrossEntropy(softLabels ? { ...config, softLabels } : config),
  },
}
