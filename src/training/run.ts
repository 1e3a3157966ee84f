// A run of fit as plain data: where it is, and what it has seen.

import { type History, type Progress, createHistory } from './history'
import { type Tally, accuracyOf, createTally, lossOf } from './tally'

export interface Run {
  /** The epoch in work, 0, 1, ... */
  epoch: number
  /** Batches done in it. */
  batch: number
  /** Over the epoch so far. */
  tally: Tally
  /** What early stopping has seen: the best measure, the lower the better, and the epochs since. */
  readonly best: { value: number; waited: number }
  readonly history: History
}

/** A run that has not begun. */
export function createRun(): Run {
  return { epoch: 0, batch: 0, tally: createTally(), best: { value: Infinity, waited: 0 }, history: createHistory() }
}

/** Begins the epoch of that number. */
export function beginEpoch(run: Run, epoch: number): void {
  run.epoch = epoch
  run.batch = 0
  run.tally = createTally()
}

/** Brings `progress` to where the run is. */
export function report(run: Run, progress: Progress, batchLoss: number, learningRate: number): void {
  progress.epoch = run.epoch
  progress.batch = run.batch
  progress.examples = run.tally.rows
  progress.loss = lossOf(run.tally)
  progress.batchLoss = batchLoss
  progress.accuracy = accuracyOf(run.tally)
  progress.learningRate = learningRate
}
