// Means over passes: of an epoch, of a validation.

import { note } from '../errors'
import { addConfusion, countTopK } from '../metrics'
import type { Core, Pass } from './core'

/** Sums over the passes so far. */
export interface Tally {
  rows: number
  /** Of what regularisation adds, once for each row. */
  decay: number
  /** For each output of the network. */
  readonly heads: readonly HeadTally[]
}

/** The same of one output. */
export interface HeadTally {
  /** Of the losses of the rows, each by its weight; of the first output, with what regularisation adds. */
  loss: number
  /** The same without regularisation. */
  alone: number
  weight: number
  right: number
  /** Rows whose label was among the highest scores. */
  among: number
}

/** Of a network with so many outputs. */
export function createTally(heads: number): Tally {
  const one = () => ({ loss: 0, alone: 0, weight: 0, right: 0, among: 0 })
  return { rows: 0, decay: 0, heads: Array.from({ length: heads }, one) }
}

/** Adds a pass over n rows. */
export function addPass(tally: Tally, n: number, pass: Pass): void {
  tally.rows += n
  tally.decay += n * pass.decay
  for (let i = 0; i < tally.heads.length; i++) {
    const { sum, weight, right } = pass.heads[i]
    const head = tally.heads[i]
    head.loss += i ? sum : sum + weight * pass.decay
    head.alone += sum
    head.weight += weight
    head.right += right
  }
}

/** Adds what the scores of the n rows of the last pass say: `topK` highest, and the confusion matrices, if there are any. */
export function addScores(
  tally: Tally,
  { heads }: Core,
  n: number,
  topK: number,
  confusions: readonly (number[][] | undefined)[],
): void {
  heads.forEach(({ tensor, labels, classes }, i) => {
    if (!classes) return
    if (topK) tally.heads[i].among += countTopK(tensor.data, labels, n, classes, topK)
    const confusion = confusions[i]
    if (confusion) addConfusion(confusion, tensor.data, labels, n, classes)
  })
}

/**
 * The mean loss, of several outputs their sum; of rows that all weigh nothing, the sum of their losses, with what
 * regularisation adds to a mean.
 */
export function lossOf({ decay, rows, heads }: Tally): number {
  let all = 0
  for (let i = 0; i < heads.length; i++) {
    const { loss, weight } = heads[i]
    const mean = weight ? loss / weight : i ? loss : loss + decay / rows
    all = i ? all + mean : mean
  }
  return all
}

/** The same of all rows of an evaluation; where they weigh nothing, the user is told. */
export function lossOfAll(where: string, tally: Tally): number {
  if (tally.heads.some(({ weight }) => !weight)) {
    note(`${where}: no row counts, for their classes have weight 0: the loss is no mean, and says nothing of them`)
  }
  return lossOf(tally)
}

/** The share of right answers; NaN where targets are values, and of several outputs, each of which has its own. */
export function accuracyOf({ heads, rows }: Tally): number {
  return heads.length === 1 ? heads[0].right / rows : NaN
}

/** What an output of a network of several was like: its loss, before it is multiplied by its weight. */
export function measuresOf({ heads, rows }: Tally, at: number, factor: number): { loss: number; accuracy: number } {
  const { alone, weight, right } = heads[at]
  return { loss: alone / (weight || 1) / factor, accuracy: right / rows }
}
