// A run of fit as plain data: where it is, and what it has seen. All of it is in a checkpoint.

import type { Core, Pass } from './core'
import { type Progress, type Written, createHistory } from './history'
import { type Tally, accuracyOf, addPass, createTally, lossOf } from './tally'

export interface Run {
  /** The epoch in work, 0, 1, ... */
  epoch: number
  /** Batches done in it. */
  batch: number
  /** Over the epoch so far. */
  tally: Tally
  /** What early stopping has seen: the best measure, the lower the better, and the epochs since. */
  readonly best: { value: number; waited: number }
  readonly history: Written
  /** The learning rate of the last step, and the loss of its batch. */
  rate: number
  batchLoss: number
  /** The checksum of the batches of an iterable in this epoch; '' where nobody asked for it. */
  seen: string
  /** So many epochs were asked for. */
  readonly epochs: number
  /** The number of its first epoch, and steps that count as done before it. */
  readonly firstEpoch: number
  readonly stepsBefore: number
  /** The step in work: its rows, 0 where there is none, and `seen` after it. A checkpoint is between steps. */
  readonly working: { rows: number; seen: string }
}

/** A run of `epochs` that has not begun, with these names of outputs; its first epoch has that number. */
export function createRun(epochs: number, epoch: number, stepsBefore: number, outputs: readonly string[]): Run {
  return {
    epoch,
    batch: 0,
    tally: createTally(outputs.length || 1),
    best: { value: Infinity, waited: 0 },
    history: createHistory(outputs),
    rate: 0,
    batchLoss: NaN,
    seen: '',
    epochs,
    firstEpoch: epoch,
    stepsBefore,
    working: { rows: 0, seen: '' },
  }
}

/** Begins the next epoch. */
export function nextEpoch(run: Run): void {
  run.epoch++
  run.batch = 0
  run.tally = createTally(run.tally.heads.length)
  run.seen = ''
}

/**
 * Takes the step in work, once it is done, into the run. Whoever has it run to its end in a pause, for a checkpoint, takes
 * it in before fit does.
 */
export function account({ counters }: Core, run: Run, pass: Pass): void {
  const { working } = run
  const { rows } = working
  if (!rows || pass.rows || pass.diverged || pass.error) return
  working.rows = 0
  run.seen = working.seen
  run.history.steps++
  // An epoch counts from its first step on.
  if (!run.batch++) counters.epochs++
  addPass(run.tally, rows, pass)
  run.rate = pass.rate
  run.batchLoss = pass.loss
}

/** Brings `progress` to where the run is. */
export function report(run: Run, progress: Progress): void {
  progress.epoch = run.epoch
  progress.batch = run.batch
  progress.examples = run.tally.rows
  progress.loss = lossOf(run.tally)
  progress.batchLoss = run.batchLoss
  progress.accuracy = accuracyOf(run.tally)
  progress.learningRate = run.rate
}
