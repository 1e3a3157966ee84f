// Short trainings from where a model is, on a sample of its data.

import type { Data } from '../data/batches'
import type { Model } from '../model/model'
import { type Random, createRandom } from '../random'
import type { Passes } from './passes'
import type { Sample } from './sample'

/** A model under study, and what it is studied on. */
export interface Subject {
  readonly model: Model
  readonly passes: Passes
  /** All that the user gave. */
  readonly data: Data
  /** How many rows that is. */
  readonly rows: number
  /** Some of them, in random order. */
  readonly sample: Sample
  /** Rows in a batch. */
  readonly batch: number
  /** The highest learning rate of the schedule. */
  readonly rate: number
  /** Steps that any one training may take. */
  readonly steps: number
  readonly seed: number
}

/** What one short training showed. */
export interface Course {
  readonly rate: number
  /** The loss before each step; the last is not finite if the training broke down there. */
  readonly losses: readonly number[]
  /** The mean over the last fifth of the steps; Infinity if it broke down. */
  readonly level: number
  /** The loss of the batches that lossOfBatches looks at, after it; Infinity if it broke down. */
  readonly end: number
}

/** Batches of the sample, each epoch in an order of its own; the first is that of the sample. */
export function batchesOf({ sample, seed }: Pick<Subject, 'sample' | 'seed'>, rows: number): Uint32Array {
  const order = new Uint32Array(rows)
  const random: Random = createRandom(seed, 5)
  const epoch = Uint32Array.from({ length: sample.rows }, (_, i) => i)
  for (let at = 0; at < rows; at += epoch.length) {
    if (at) random.shuffle(epoch)
    order.set(epoch.subarray(0, Math.min(epoch.length, rows - at)), at)
  }
  return order
}

/**
 * Trains from the model's own state, by batches as fit would, and stops where the loss is not finite. `seeStep` is called
 * before each step.
 */
export function trainAt(
  subject: Subject,
  rate: number,
  steps: number,
  seeStep?: (step: number) => void,
): Course {
  const { passes, sample, batch } = subject
  const order = batchesOf(subject, steps * batch)
  passes.reset()
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    seeStep?.(step)
    passes.load(sample, batch, order, step * batch)
    losses.push(passes.step(batch, rate))
    if (!Number.isFinite(losses[step])) break
  }
  const last = losses.slice(-Math.ceil(losses.length / 5))
  const level = finiteOr(last.reduce((sum, loss) => sum + loss / last.length, 0))
  return { rate, losses, level, end: level < Infinity ? lossOfBatches(subject) : Infinity }
}

function finiteOr(value: number): number {
  return Number.isFinite(value) ? value : Infinity
}

/** Batches that losses before and after a training are compared on: the same ones, so that no chance is between them. */
const COMPARED = 10

/** The mean training loss of a few batches, as the model is. */
export function lossOfBatches({ passes, sample, seed, batch }: Subject): number {
  const order = batchesOf({ sample, seed }, COMPARED * batch)
  let sum = 0
  for (let i = 0; i < COMPARED; i++) {
    passes.load(sample, batch, order, i * batch)
    sum += passes.loss(batch)
  }
  return finiteOr(sum / COMPARED)
}
