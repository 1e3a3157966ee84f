// Measures of a classifier: from scores (N, classes) and labels.

import { DataError, checkArguments, readSafely, show } from './errors'
import { exp } from './kernels/math'

type Scores = Float64Array | Float32Array

/** The class of the highest of the scores of a row; of equal ones the first. */
function best(scores: Scores, row: number, classes: number): number {
  const first = row * classes
  let best = first
  for (let j = first + 1; j < first + classes; j++) if (scores[j] > scores[best]) best = j
  return best - first
}

/** Whether a score of a row is NaN: then it answers nothing. */
function isBad(scores: Scores, row: number, classes: number): boolean {
  const first = row * classes
  for (let j = first; j < first + classes; j++) if (scores[j] !== scores[j]) return true
  return false
}

/** What rows weigh, of which those of 0 do not count at all; all count where there are none. */
type RowWeights = Float64Array | undefined

/** Rows whose highest score is that of their label; none with a NaN. */
export function countRight(
  scores: Scores,
  labels: Int32Array,
  n: number,
  classes: number,
  weights?: RowWeights,
): number {
  let right = 0
  for (let i = 0; i < n; i++) {
    if (weights?.[i] === 0) continue
    if (best(scores, i, classes) === labels[i] && !isBad(scores, i, classes)) right++
  }
  return right
}

/** Scores that are right, of rows where each of `size` answers a yes (target above 0.5) or no. */
export function countRightSides(
  scores: Scores,
  targets: Scores,
  n: number,
  size: number,
  weights?: RowWeights,
): number {
  let right = 0
  for (let row = 0; row < n; row++) {
    if (weights?.[row] === 0) continue
    for (let i = row * size; i < (row + 1) * size; i++) {
      if (scores[i] > 0 === targets[i] > 0.5 && scores[i] === scores[i]) right++
    }
  }
  return right
}

/** Rows whose highest score is where their highest target is. */
export function countSameBest(
  scores: Scores,
  targets: Scores,
  n: number,
  classes: number,
  weights?: RowWeights,
): number {
  let right = 0
  for (let i = 0; i < n; i++) {
    if (weights?.[i] === 0 || isBad(scores, i, classes)) continue
    if (best(scores, i, classes) === best(targets, i, classes)) right++
  }
  return right
}

/** Rows whose label is among the k highest scores; of equal scores the first classes count as higher. */
export function countTopK(
  scores: Scores,
  labels: Int32Array,
  n: number,
  classes: number,
  k: number,
  weights?: RowWeights,
): number {
  let right = 0
  for (let i = 0; i < n; i++) {
    if (weights?.[i] === 0 || isBad(scores, i, classes)) continue
    const row = i * classes
    const own = scores[row + labels[i]]
    let higher = 0
    for (let j = 0; j < classes; j++) {
      if (j === labels[i]) continue
      if (scores[row + j] > own || (scores[row + j] === own && j < labels[i])) higher++
    }
    if (higher < k) right++
  }
  return right
}

/** Adds n rows to a confusion matrix: a row for each label, a column for each class with the highest score. */
export function addConfusion(
  to: number[][],
  scores: Scores,
  labels: Int32Array,
  n: number,
  classes: number,
  weights?: RowWeights,
): void {
  for (let i = 0; i < n; i++) {
    if (weights?.[i] === 0) continue
    if (isBad(scores, i, classes)) {
      throw new DataError('confusion: the scores of the model hold NaN, which answers no class; it diverged')
    }
    to[labels[i]][best(scores, i, classes)]++
  }
}

/** What a confusion matrix says, for each class and on the whole. */
export interface ClassificationReport {
  /** The share of right answers. */
  readonly accuracy: number
  /** Of the examples given this class, the share that is of it; NaN if there are none. */
  readonly precision: readonly number[]
  /** Of the examples of this class, the share that was given it; NaN if there are none. */
  readonly recall: readonly number[]
  /** The harmonic mean of both, 2 TP / (2 TP + FP + FN). */
  readonly f1: readonly number[]
  /** Examples of each class. */
  readonly support: readonly number[]
  /** The mean of f1 over the classes that occur, each counting alike. */
  readonly macroF1: number
}

/**
 * Precision, recall and F1 of each class from a confusion matrix: `matrix[label][predicted]` examples.
 *
 *     const { confusion } = model.evaluate(test, { confusion: true })
 *     const { precision, recall } = classificationReport(confusion)
 *
 * Throws a DataError unless the matrix is square, of counts.
 */
export function classificationReport(matrix: readonly (readonly number[])[] | undefined): ClassificationReport {
  checkArguments('classificationReport', arguments, 1)
  const classes = readSafely('classificationReport', 'the matrix', () => readMatrix(matrix))
  const own = classes.map((row, i) => row[i])
  const support = classes.map((row) => row.reduce((sum, v) => sum + v, 0))
  const given = classes.map((_, j) => classes.reduce((sum, row) => sum + row[j], 0))
  const total = support.reduce((sum, v) => sum + v, 0)
  const f1 = own.map((v, i) => (2 * v) / (support[i] + given[i]))
  const occurring = f1.filter((v) => v === v)
  return {
    accuracy: own.reduce((sum, v) => sum + v, 0) / total,
    precision: own.map((v, i) => v / given[i]),
    recall: own.map((v, i) => v / support[i]),
    f1,
    support,
    macroF1: occurring.reduce((sum, v) => sum + v, 0) / occurring.length,
  }
}

/** Turns scores into probabilities, in place: each row of `size` through softmax, or each value through the sigmoid. */
export function probabilitiesOf(kind: 'softmax' | 'sigmoid', scores: Scores, size: number): void {
  if (kind === 'sigmoid') {
    for (let i = 0; i < scores.length; i++) scores[i] = sigmoid(scores[i])
    return
  }
  for (let row = 0; row < scores.length; row += size) {
    let highest = scores[row]
    for (let i = row; i < row + size; i++) highest = Math.max(highest, scores[i])
    let sum = 0
    for (let i = row; i < row + size; i++) sum += exp(scores[i] - highest)
    for (let i = row; i < row + size; i++) scores[i] = exp(scores[i] - highest) / sum
  }
}

/** 1 / (1 + e^-z), from the side on which e^... does not overflow. */
function sigmoid(z: number): number {
  const e = exp(-Math.abs(z))
  return z >= 0 ? 1 / (1 + e) : e / (1 + e)
}

/** The counts of a square matrix, each read once. */
function readMatrix(matrix: unknown): number[][] {
  const rows = Array.isArray(matrix)
    ? Array.from(matrix as unknown[], (row) => (isList(row) ? Array.from(row) : []))
    : []
  let total = 0
  for (const row of rows) for (const count of row) total += Number.isSafeInteger(count) && count >= 0 ? count : NaN
  if (rows.length && rows.every((row) => row.length === rows.length) && Number.isSafeInteger(total)) return rows
  throw new DataError(
    `classificationReport: want a confusion matrix, as many rows as columns, of counts, got ${show(matrix)}; ` +
      `model.evaluate(data, { confusion: true }) gives one`,
  )
}

function isList(value: unknown): value is number[] {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
}
