// Measures of what a model predicts: of yes or no, and of values.

import { DataError, checkArguments, checkOptions, count, finite, note } from './errors'
import { type Numbers, type TypedNumbers, readRows, reading } from './data/batches'
import type { Tensor } from './tensor'

/** What binaryReport says. */
export interface BinaryReport {
  /** The share of right answers. */
  readonly accuracy: number
  /** Of the answers that are yes, the share that is right; NaN if there are none. */
  readonly precision: number
  /** Of what is a yes, the share that was answered so; NaN if there is none. */
  readonly recall: number
  /** The harmonic mean of both, 2 TP / (2 TP + FP + FN). */
  readonly f1: number
  /**
   * The area under the receiver operating characteristic: how often a yes has a higher score than a no, equal ones
   * counting half; NaN where all are yes, or none.
   */
  readonly auc: number
  /** How many of no (row 0) and of yes (row 1) were answered no and yes (columns). */
  readonly confusion: readonly [readonly [number, number], readonly [number, number]]
}

/** What regressionReport says. */
export interface RegressionReport {
  /** The mean of |prediction - target|. */
  readonly meanAbsoluteError: number
  /** The root of the mean of (prediction - target)². */
  readonly rootMeanSquaredError: number
  /**
   * R², the coefficient of determination: 1 less the squared errors over those of the mean of the targets, which has 0;
   * NaN where all targets are equal.
   */
  readonly r2: number
}

/**
 * Precision, recall, F1, AUC and the confusion matrix of yes or no: of scores, or a tensor of them as predict gives it, and
 * as many targets, above 0.5 for a yes. A score above `threshold`, 0 unless given, answers yes; for probabilities give 0.5.
 *
 *     const { precision, recall, auc } = binaryReport(model.predict(test.x), test.y)
 *
 * Throws a DataError where they are not as many, or no finite numbers.
 */
export function binaryReport(
  scores: Tensor | Numbers,
  targets: Numbers,
  options: { threshold?: number } = {},
): BinaryReport {
  const where = 'binaryReport'
  checkArguments(where, arguments, 3)
  const { threshold = 0 } = checkOptions(where, options, ['threshold'])
  finite(where, 'threshold', threshold)
  const [given, wanted] = readBoth(where, 'scores', scores, targets)
  if (!('threshold' in options) && given.every((score) => score >= 0 && score <= 1)) {
    note(
      `${where}: all scores lie from 0 to 1, as probabilities do, and above 0 is a yes: for those give { threshold: 0.5 }`,
    )
  }
  const confusion: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ]
  for (let i = 0; i < given.length; i++) confusion[Number(wanted[i] > 0.5)][Number(given[i] > threshold)]++
  const [[tn, fp], [fn, tp]] = confusion
  return {
    accuracy: (tp + tn) / given.length,
    precision: tp / (tp + fp),
    recall: tp / (tp + fn),
    f1: (2 * tp) / (2 * tp + fp + fn),
    auc: areaOf(given, wanted, tp + fn, tn + fp),
    confusion,
  }
}

/** By the sum of the ranks of what is a yes (Mann & Whitney, 1947). */
function areaOf(scores: TypedNumbers, targets: TypedNumbers, yes: number, no: number): number {
  const order = Float64Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b])
  let ranks = 0
  for (let first = 0, end = 0; first < order.length; first = end) {
    while (end < order.length && scores[order[end]] === scores[order[first]]) end++
    // Equal scores share their ranks.
    for (let i = first; i < end; i++) if (targets[order[i]] > 0.5) ranks += (first + end + 1) / 2
  }
  return (ranks - (yes * (yes + 1)) / 2) / (yes * no)
}

/**
 * The mean absolute error, the root of the mean squared error and R² of predictions, or a tensor of them as predict gives
 * it, and as many targets.
 *
 *     const { meanAbsoluteError, r2 } = regressionReport(model.predict(test.x), test.y)
 *
 * Throws a DataError where they are not as many, or no finite numbers.
 */
export function regressionReport(predictions: Tensor | Numbers, targets: Numbers): RegressionReport {
  const where = 'regressionReport'
  checkArguments(where, arguments, 2)
  const [given, wanted] = readBoth(where, 'predictions', predictions, targets)
  const { length } = given
  let mean = 0
  for (let i = 0; i < length; i++) mean += wanted[i] / length
  let [absolute, squares, spread] = [0, 0, 0]
  for (let i = 0; i < length; i++) {
    const error = given[i] - wanted[i]
    absolute += Math.abs(error)
    squares += error * error
    spread += (wanted[i] - mean) * (wanted[i] - mean)
  }
  return {
    meanAbsoluteError: absolute / length,
    rootMeanSquaredError: Math.sqrt(squares / length),
    r2: spread ? 1 - squares / spread : NaN,
  }
}

function readBoth(where: string, name: string, predicted: Tensor | Numbers, targets: Numbers) {
  const list = reading(`${where}: ${name}`, () => (predicted as Partial<Tensor> | null)?.data ?? (predicted as Numbers))
  const given = readRows(`${where}: ${name}`, list, 1, [1])
  const wanted = readRows(`${where}: targets`, targets, 1, [1])
  if (given.length === wanted.length) return [given, wanted] as const
  throw new DataError(`${where}: ${count(given.length, 'prediction')} for ${count(wanted.length, 'target')}`)
}
