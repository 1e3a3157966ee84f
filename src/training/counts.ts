// What of a batch counts in the loss, and how much: weights of examples, lengths of sequences, labels that are ignored.

import { type TypedNumbers, reading } from '../data/batches'
import { checkLength, checkWeight, readEach, someOf } from '../data/beside'
import { memberName } from '../data/named'
import { DataError, note } from '../errors'
import { type PreparedLoss, runLoss, setPiece, weigh } from '../plan/run'
import type { Core, Head } from './core'

/** What was given beside x and y, once it is checked; nothing where all rows are alike. */
export interface Besides {
  /** For each output. */
  readonly weight?: readonly (TypedNumbers | undefined)[] | undefined
  /** For each input. */
  readonly lengths?: readonly (TypedNumbers | undefined)[] | undefined
}

/** Reads and checks what each row weighs in the loss of each output. */
export function readWeights(core: Core, name: string, weight: unknown, rows: number): Besides['weight'] {
  if (weight === undefined) return undefined
  const { heads, names } = core
  const what = `${name}weight`
  const read = (values: unknown, own: string) => readEach(own, values, rows, (list, row) => checkWeight(list, row, own))
  // One list is for all outputs.
  const isList = reading(what, () => typeof (weight as ArrayLike<number> | null)?.length === 'number')
  const shared = isList || !names.outputs.length ? read(weight, what) : undefined
  const each = shared ? [] : someOf(what, names.outputs, weight)
  return heads.map((head, i) => {
    const own = shared ?? (each[i] === undefined ? undefined : read(each[i], memberName(what, head.name)))
    if (own && !head.counts.places && typeof core.run.losses[i].loss.call.kernel === 'function') {
      throw new DataError(
        `${what}: ${head.loss!.kind} is a function over the whole batch, which knows of no weights; leave them out, or ` +
          'have it take them',
      )
    }
    return own
  })
}

/** Reads and checks how many steps of each row count. */
export function readLengths(core: Core, name: string, lengths: unknown, rows: number): Besides['lengths'] {
  if (lengths === undefined) return undefined
  const { inputs, names } = core
  const what = `${name}lengths`
  return someOf(what, names.inputs, lengths).map((values, i) => {
    if (values === undefined) return undefined
    const { value, name: input, lengths: to, mixer } = inputs[i]
    const own = memberName(what, input)
    if (to.length) {
      const read = readEach(own, values, rows, (list, row) => checkLength(list, row, value.shape[0], own))
      if (read.some((length) => length < value.shape[0])) notePadding(core, own, mixer)
      return read
    }
    throw new DataError(
      `${own}: nothing in this network reads the lengths of its rows, as recurrent layers do; leave them out`,
    )
  })
}

/** Tells the user, once, of what counts although it stands behind the end of a row. */
function notePadding({ heads, run }: Core, own: string, mixer: string | undefined): void {
  if (mixer) {
    note(`${own}: ${mixer} reads no lengths, so from there on what stands behind the end of a row counts as well`)
  }
  heads.forEach(({ loss, value }, i) => {
    if (value.shape.length < 2 || typeof run.losses[i]?.loss.call.kernel !== 'function') return
    note(`${own}: ${loss!.kind} gets the steps behind the end of a row as well, and knows of no lengths`)
  })
}

/** Puts the lengths of n rows where layers read them: as many as the input has steps, unless they are given. */
export function loadLengths(
  { inputs }: Core,
  lengths: Besides['lengths'],
  n: number,
  rows?: ArrayLike<number>,
  first = 0,
): void {
  for (let at = 0; at < inputs.length; at++) {
    const { lengths: to, name, value } = inputs[at]
    if (!to.length) continue
    const given = lengths?.[at]
    const [most] = value.shape
    if (!given) to.fill(most, 0, n)
    else {
      for (let i = 0; i < n; i++) {
        to[i] = checkLength(given, rows ? rows[first + i] : first + i, most, memberName('lengths', name))
      }
    }
  }
}

/** Puts down what each position of n rows weighs, by the weights of the rows and, with `cut`, the lengths as loaded. */
export function loadWeights(
  head: Head,
  weight: TypedNumbers | undefined,
  cut: boolean,
  n: number,
  rows?: ArrayLike<number>,
  first = 0,
): void {
  const { counts, name, positions, sequence, ignoreIndex } = head
  const lengths = cut ? sequence?.lengths : undefined
  counts.alike = !weight && !lengths && ignoreIndex === undefined
  if (counts.alike) return
  for (let i = 0; i < n; i++) {
    const own = weight ? checkWeight(weight, rows ? rows[first + i] : first + i, memberName('weight', name)) : 1
    const length = lengths ? lengths[i] : positions
    for (let at = 0; at < positions; at++) counts.weights[i * positions + at] = at < length ? own : 0
  }
}

/** Once the labels are there too: whether all that was loaded counts alike. */
export function settleCounts({ counts, positions }: Head, n: number): void {
  const { weights, places } = counts
  if (!counts.alike) {
    counts.alike = true
    for (let i = 0; i < n * positions; i++) if (weights[i] !== 1) counts.alike = false
  }
  if (!places) return
  if (counts.alike) places.fill(1, 0, n * positions)
  else for (let i = 0; i < n * positions; i++) places[i] = weights[i]
}

/** How many of the positions of the n loaded rows count at all. */
export function countedOf({ counts, positions }: Head, n: number): number {
  if (counts.alike) return n * positions
  let counted = 0
  for (let i = 0; i < n * positions; i++) if (counts.weights[i]) counted++
  return counted
}

/** What the n loaded rows weigh in the mean of a loss. */
export function weightOf({ run }: Core, { counts, positions }: Head, loss: PreparedLoss, n: number): number {
  const all = n * positions
  if (counts.alike) return weigh(run, loss, all)
  const { weights } = counts
  let sum = 0
  for (let first = 0, end = 0; first < all; first = end) {
    end = endOfPiece(weights, first, all)
    if (!weights[first]) continue
    if (loss.weight) setPiece(loss, first, end - first)
    sum += weights[first] * weigh(run, loss, end - first)
  }
  if (loss.weight) setPiece(loss, 0, all)
  return sum
}

/**
 * The mean loss of the n loaded rows, which weigh `weight`; with `gradient`, writes that of the output. Kernels know of
 * one weight: a batch of which not all counts alike is run in pieces, each of one weight, in their order; what does not
 * count has the gradient 0.
 */
export function meanLoss(
  { run }: Core,
  head: Head,
  loss: PreparedLoss,
  n: number,
  weight: number,
  gradient: boolean,
): number {
  const { counts, positions, size } = head
  if (counts.alike || counts.places) return runLoss(run, loss, weight, gradient)
  const { weights } = counts
  const all = n * positions
  let sum = 0
  for (let first = 0, end = 0; first < all; first = end) {
    end = endOfPiece(weights, first, all)
    if (weights[first]) {
      setPiece(loss, first, end - first)
      sum += runLoss(run, loss, (weight || 1) / weights[first], gradient)
    } else if (gradient) head.gradient.fill(0, first * size, end * size)
  }
  setPiece(loss, 0, all)
  return sum
}

/** Where the positions from `first` on that weigh the same end. */
function endOfPiece(weights: Float64Array, first: number, all: number): number {
  let end = first + 1
  while (end < all && weights[end] === weights[first]) end++
  return end
}
