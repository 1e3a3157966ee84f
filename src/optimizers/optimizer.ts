// What optimizers share.

import type { Kernels } from '../kernels/index'
import { PlanError, show } from '../errors'
import { type Schedule, checkSchedule } from '../schedules'

/** All parameters of a model as one vector, and what the optimizer keeps for them. Pointers are in bytes. */
export interface Parameters {
  /** What computes on the memory of the model, by pointers. */
  readonly kernels: Kernels
  /** How many parameters there are. */
  readonly count: number
  /** So many of them come first and are weights, to which weight decay applies; biases and norms follow. */
  readonly decayed: number
  /** Pointer to the parameters. */
  readonly x: number
  /** Pointer to their gradients. */
  readonly dx: number
  /** Pointers to Optimizer.slots. */
  readonly slots: readonly number[]
  /** Optimizer.numbers; zero at first. */
  readonly numbers: Float64Array
  /** What createModel's `groups` say of these parameters in the place of the optimizer's own weight decay, if they do. */
  readonly weightDecay?: number | undefined
}

/** How parameters follow their gradients: by `update`, or, where it must try several places, by `minimize`. */
export interface Optimizer {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given. */
  readonly config: object
  /** A number, or a schedule. */
  readonly learningRate: number | Schedule
  /** What it remembers for each parameter, by name; zero at first. */
  readonly slots: readonly string[]
  /** What each of these begins with: 0 unless given. */
  readonly slotsBegin?: readonly number[]
  /** Whether it has a weight decay of its own, for which it reads that of the parameters. False unless given. */
  readonly decays?: boolean
  /** What it remembers beside: so many numbers, zero at first. 0 unless given. */
  readonly numbers?: number
  /** Whether it can go on from such numbers, as a file may have any. From all unless given. */
  accepts?(numbers: readonly number[]): boolean
  /** The names of the kernels that it calls: all of `assembly/index.ts` unless given. */
  readonly uses?: readonly (keyof Kernels)[]
  /**
   * Whether it remembers squares of gradients: true for their mean, 'sum' for their sum, in the first slot. A gradient
   * whose square overflows, or that sum, would stop it for ever without a word, so such a step is not taken.
   */
  readonly squares?: boolean | 'sum'
  /** Step t = 1, 2, ... with the gradients dx; called once for each of createModel's `groups`, with a part of them. */
  update?(parameters: Parameters, rate: number, t: number): void
  /**
   * A step that looks at the loss from several places: `evaluate` gives the loss at the parameters x and writes the
   * gradients dx. Returns the first loss.
   */
  minimize?(parameters: Parameters, rate: number, evaluate: () => number): number
}

/** What optimizers are told in any case. */
export interface WithRate {
  /** A number of at least 0, or a schedule. */
  learningRate: number | Schedule
}

/** Whether it can be a learning rate: '0.1' and true, which a schedule of the user's may give, cannot. */
export function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

export function rateOf(where: string, { learningRate }: WithRate): number | Schedule {
  const wanted = 'a number of at least 0 or a schedule'
  if (typeof learningRate === 'function') return checkSchedule(where, 'learningRate', learningRate, wanted)
  // -0 becomes 0.
  if (isRate(learningRate)) return learningRate + 0
  throw new PlanError(`${where}: learningRate must be ${wanted}, got ${show(learningRate)}`)
}
