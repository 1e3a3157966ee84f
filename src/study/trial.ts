// Short trainings from where a model is, on a sample of its data.

import type { Model } from '../model/model'
import { createRandom } from '../random'
import type { Passes } from './passes'
import type { Rows, Sample } from './sample'

/** A model under study, and what it is studied on. */
export interface Subject {
  readonly model: Model
  readonly passes: Passes
  /** All that the user gave. */
  readonly data: Rows
  /** How many rows that is. */
  readonly rows: number
  /** Some of them, in random order. */
  readonly sample: Sample
  /** Rows in a batch. */
  readonly batch: number
  /** The highest learning rate of the schedule. */
  readonly rate: number
  /** Whether the schedule only gets there after a while. */
  readonly warmsUp: boolean
  /** Steps of a training that is compared with others. */
  readonly steps: number
  /** Steps in which a few examples have to be learnt by heart. */
  readonly heartSteps: number
  /** How many these are. */
  readonly examples: number
  readonly seed: number
}

/** What one short training showed. */
export interface Course {
  readonly rate: number
  /** The loss before each step; the last is not finite if the training broke down there. */
  readonly losses: readonly number[]
  /** The mean over the last fifth of the steps; Infinity if it broke down. */
  readonly level: number
  /** Afterwards, the loss of the batches that lossOfBatches looks at; Infinity if it broke down. */
  readonly end: number
}

/** Rows for so many batches: the sample in its order, then again and again in random ones. */
export function batchesOf({ sample, seed, batch }: Pick<Subject, 'sample' | 'seed' | 'batch'>, batches: number) {
  const order = new Uint32Array(batches * batch)
  const random = createRandom(seed, 5)
  const epoch = Uint32Array.from({ length: sample.rows }, (_, i) => i)
  for (let at = 0; at < order.length; at += epoch.length) {
    if (at) random.shuffle(epoch)
    order.set(epoch.subarray(0, Math.min(epoch.length, order.length - at)), at)
  }
  return order
}

/**
 * Trains from the model's own state, by batches as fit would, and stops where the loss is not finite. `seeStep` is
 * called before each step, and after the last.
 */
export function train(subject: Subject, rate: number, seeStep?: (step: number) => void): Course {
  const { passes, sample, batch, steps, warmsUp } = subject
  const order = batchesOf(subject, steps)
  passes.reset()
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    seeStep?.(step)
    passes.load(sample, batch, order, step * batch)
    losses.push(passes.step(batch, warmsUp ? rate * Math.min(1, (5 * (step + 1)) / steps) : rate))
    if (!Number.isFinite(losses[step])) break
  }
  seeStep?.(losses.length)
  const last = losses.slice(-Math.ceil(losses.length / 5))
  const level = finiteOr(last.reduce((sum, loss) => sum + loss / last.length, 0))
  return { rate, losses, level, end: level < Infinity ? lossOfBatches(subject) : Infinity }
}

/** Whether the loss ceased to be finite. */
export function isBroken({ level, end }: Course): boolean {
  return !(level + end < Infinity)
}

function finiteOr(value: number): number {
  return Number.isFinite(value) ? value : Infinity
}

/** Batches on which losses before and after a training are compared: the same, so that no chance is between them. */
const COMPARED = 10

/** The mean training loss of a few batches, as the model is. */
export function lossOfBatches(subject: Subject): number {
  const { passes, sample, batch } = subject
  const order = batchesOf(subject, COMPARED)
  let sum = 0
  for (let i = 0; i < COMPARED; i++) {
    passes.load(sample, batch, order, i * batch)
    sum += passes.loss(batch)
  }
  return finiteOr(sum / COMPARED)
}

/** Trains on a few examples alone, without what regularises, until they are known by heart. */
export function learnByHeart({ passes, sample, examples, heartSteps }: Subject, rate: number) {
  passes.reset()
  passes.withoutRegularisation()
  passes.load(sample, examples)
  const chance = passes.lossOfZeros(examples)
  let steps = 0
  let first = NaN
  let last = NaN
  do {
    passes.load(sample, examples)
    last = passes.step(examples, rate)
    if (!steps++) first = last
  } while (steps < heartSteps && last > 0.01 * chance && last < Infinity)
  return { overfit: { examples, steps, first, last }, chance, rate }
}
