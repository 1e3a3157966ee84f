// Whether labels, or targets, belong to the rows that they come with.

import { sizesOf } from './passes'
import { createRandom } from '../random'
import { type Check, fine, look } from './check'
import { agreement, dependence } from './dependence'
import { type Subject, isBroken, train } from './trial'

/** Rows that are compared with each other: the time grows with the square of their number. */
const COMPARED = 300
/** Inputs of a row that are looked at. */
const INPUTS = 1000
/** Rows of each class below which nothing is said. */
const ENOUGH = 15

/**
 * If neither rows that are alike have like labels, nor a short training on one half of the rows helps with the other
 * half, at one of `rates`, labels might as well have been shuffled.
 */
export function checkLabels(subject: Subject, rates: readonly number[]): Check {
  const { model, sample, seed } = subject
  const name = 'labels'
  const what = sizesOf(model).targets === 'values' ? 'targets' : 'labels'
  const { classes, positions } = sizesOf(model)
  const chosen = balanced(sample.y, positions > 1 ? 0 : classes, sample.rows)
  const { found, power } = dependence(
    inputsOf(subject, chosen),
    outcomesOf(subject, chosen),
    chosen.length,
    createRandom(seed, 6),
  )
  if (found) return fine(name, `${what} depend on the inputs`)
  if (!(power > 12) || chosen.length < ENOUGH * (sizesOf(model).classes || 2)) {
    return fine(name, `too few rows to tell whether the ${what} belong to the inputs`)
  }
  if (rates.some((rate) => carriesOver(subject, rate)))
    return fine(name, 'what is learnt of some rows holds for others')
  return look(
    name,
    `rows that are alike have ${what} no more alike than chance, and what is learnt of some rows says nothing about ` +
      `others, as if the ${what} had been shuffled: look whether they are in the order of the rows`,
  )
}

/** Rows of the sample, about as many of each class. */
function balanced(y: ArrayLike<number>, classes: number, rows: number): number[] {
  if (!classes) return Array.from({ length: Math.min(rows, COMPARED) }, (_, i) => i)
  const counts = new Uint32Array(classes)
  for (let i = 0; i < rows; i++) counts[y[i]]++
  const most = Math.ceil(COMPARED / counts.filter((count) => count > 0).length)
  counts.fill(0)
  const chosen: number[] = []
  for (let i = 0; i < rows; i++) if (counts[y[i]]++ < most) chosen.push(i)
  return chosen
}

/** Outcomes as rows of values: 1 for the class of a label. */
function outcomesOf({ model, sample }: Subject, chosen: readonly number[]): Float64Array {
  const size = sizesOf(model).targetSize
  const outcomes = new Float64Array(chosen.length * size)
  chosen.forEach((row, i) => {
    const { classes, positions } = sizesOf(model)
    if (classes) {
      for (let at = 0; at < positions; at++) {
        const label = sample.y[row * positions + at]
        // Not one that is ignored.
        if (label >= 0 && label < classes) outcomes[i * size + at * classes + label] = 1
      }
    } else outcomes.set(sample.y.subarray(row * size, (row + 1) * size), i * size)
  })
  return outcomes
}

/** Inputs; of long rows every so many. */
function inputsOf({ model, sample }: Subject, chosen: readonly number[]): Float64Array {
  const stride = Math.ceil(sizesOf(model).inputSize / INPUTS)
  const size = Math.ceil(sizesOf(model).inputSize / stride)
  const inputs = new Float64Array(chosen.length * size)
  chosen.forEach((row, i) => {
    for (let j = 0; j < size; j++) inputs[i * size + j] = sample.x[row * sizesOf(model).inputSize + j * stride]
  })
  return inputs
}

/** Whether a model trained on one half of the sample knows something of the other. */
function carriesOver(subject: Subject, rate: number): boolean {
  const { model, passes, sample, seed } = subject
  const rows = sample.rows >> 1
  const size = sizesOf(model).targetSize
  const x = sample.x.subarray(0, rows * sizesOf(model).inputSize)
  const { classes, positions } = sizesOf(model)
  const y = sample.y.subarray(0, rows * (classes ? positions : size))
  const { weight, lengths } = sample
  const batch = Math.min(subject.batch, rows)
  if (isBroken(train({ ...subject, sample: { x, y, rows, weight, lengths }, batch }, rate))) return false
  passes.withoutRegularisation()
  const others: number[] = []
  const predictions: Float64Array[] = []
  for (let first = rows; first + batch <= sample.rows; first += batch) {
    const order = Uint32Array.from({ length: batch }, (_, i) => first + i)
    passes.load(sample, batch, order)
    passes.loss(batch)
    predictions.push(Float64Array.from(model.output.data.subarray(0, batch * size)))
    for (const row of order) others.push(row)
  }
  const all = new Float64Array(others.length * size)
  predictions.forEach((part, i) => all.set(part, i * batch * size))
  return agreement(all, outcomesOf(subject, others), others.length, createRandom(seed, 7))
}
