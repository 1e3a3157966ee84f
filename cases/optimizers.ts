// The case tables of the optimizers. `optimizers` maps the operations of PyTorch's numbers, which have our names and
// options, to factories; each row of `optimizerCases` drives the comparison of the engines over whole training runs.

import { type Optimizer, adagrad, adam, adamW, lbfgs, momentum, nesterov, rmsprop, sgd } from '../src/entries/index'

// Every factory has options of its own.
type Factory = (options: any) => Optimizer

export const optimizers: Readonly<Record<string, Factory>> = {
  adagrad,
  adam,
  adamW,
  lbfgs,
  momentum,
  nesterov,
  rmsprop,
  sgd,
}

export interface OptimizerCase {
  readonly op: string
  /** Beside the learning rate. */
  readonly options: Readonly<Record<string, unknown>>
}

export const optimizerCases: readonly OptimizerCase[] = [
  { op: 'adagrad', options: {} },
  { op: 'adam', options: {} },
  { op: 'adagrad', options: { initialAccumulator: 0.1, epsilonInside: true } },
  { op: 'adam', options: { amsgrad: true } },
  { op: 'adam', options: { epsilonUncorrected: true, epsilon: 1e-7 } },
  { op: 'adamW', options: { amsgrad: true } },
  { op: 'adam', options: { biasCorrection: false, epsilon: 1e-5, epsilonInside: true } },
  { op: 'adamW', options: { weightDecay: 0.1 } },
  { op: 'lbfgs', options: {} },
  { op: 'lbfgs', options: { memory: 3, iterations: 2 } },
  { op: 'momentum', options: {} },
  { op: 'momentum', options: { average: true } },
  { op: 'momentum', options: { dampening: 0.3 } },
  { op: 'nesterov', options: {} },
  { op: 'rmsprop', options: {} },
  { op: 'rmsprop', options: { epsilon: 1e-5, epsilonInside: true } },
  { op: 'rmsprop', options: { momentum: 0.9 } },
  { op: 'rmsprop', options: { centered: true } },
  { op: 'rmsprop', options: { momentum: 0.5, centered: true, epsilonInside: true } },
  { op: 'sgd', options: {} },
]
