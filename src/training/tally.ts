// Means over passes: of an epoch, of a validation.

import { note } from '../errors'
import { addConfusion, countTopK } from '../metrics'
import type { Core, Pass } from './core'

/** Sums over the passes so far. */
export interface Tally {
  rows: number
  /** Of the losses of the rows, each by its weight, with what regularisation adds. */
  loss: number
  /** Of what regularisation adds, once for each row. */
  decay: number
  weight: number
  right: number
  /** Rows whose label was among the highest scores. */
  among: number
}

export function createTally(): Tally {
  return { rows: 0, loss: 0, decay: 0, weight: 0, right: 0, among: 0 }
}

/** Adds a pass over n rows. */
export function addPass(tally: Tally, n: number, pass: Pass): void {
  tally.rows += n
  tally.loss += pass.sum + pass.weight * pass.decay
  tally.decay += n * pass.decay
  tally.weight += pass.weight
  tally.right += pass.right
}

/** Adds what the scores of the n rows of the last pass say: `topK` highest, and the confusion matrix, if there is one. */
export function addScores(tally: Tally, core: Core, n: number, topK: number, confusion: number[][] | undefined): void {
  const { tensors, labels, classes } = core
  if (topK) tally.among += countTopK(tensors.output.data, labels, n, classes, topK)
  if (confusion) addConfusion(confusion, tensors.output.data, labels, n, classes)
}

/** The mean loss; of rows that all weigh nothing, the sum of their losses, with what regularisation adds to a mean. */
export function lossOf({ loss, decay, rows, weight }: Tally): number {
  return weight ? loss / weight : loss + decay / rows
}

/** The same of all rows of an evaluation; where they weigh nothing, the user is told. */
export function lossOfAll(where: string, tally: Tally): number {
  if (!tally.weight) {
    note(`${where}: no row counts, for their classes have weight 0: the loss is no mean, and says nothing of them`)
  }
  return lossOf(tally)
}

/** The share of right answers; NaN where targets are values. */
export function accuracyOf({ right, rows }: Tally): number {
  return right / rows
}
