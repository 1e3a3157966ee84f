// From what people hand in to rows in the model's memory.

import { DataError, show } from '../errors'
import type { DType } from '../tensor'

/** Any typed array or array of numbers, rows one after the other. */
export type Numbers = ArrayLike<number>
/** Class indices: any integer typed array or array of numbers. */
export type Labels = ArrayLike<number | bigint>

/** Examples x, rows of the input shape one after the other; y their labels, or their target values. */
export interface Data {
  /** Rows of the input shape, one after the other. */
  readonly x: Numbers
  /** A label for each row, or rows of the output shape. */
  readonly y: Labels | Numbers
}

/** How many rows of `size` numbers `x` holds; a DataError if that is no whole number, or none. */
export function countRows(name: string, x: ArrayLike<unknown>, size: number, shape: readonly number[]): number {
  if (x === null || typeof x !== 'object' || typeof x.length !== 'number') {
    throw new DataError(`${name}: want a typed array or an array of numbers, got ${show(x)}`)
  }
  if (x.length && typeof x[0] !== 'number')
    throw new DataError(`${name}: row 0 holds ${show(x[0])}; want numbers, rows one after the other`)
  const rows = x.length / size
  if (Number.isInteger(rows) && rows > 0) return rows
  throw new DataError(
    `${name}: want rows of ${size} numbers (shape ${shape.join(' x ')}), got ${x.length} numbers` +
      (rows > 1 ? `, which is ${Math.floor(rows)} rows and ${x.length % size} numbers` : ''),
  )
}

/** Throws a DataError that names the first row with a NaN, an infinity or something that is no number. */
export function checkFinite(name: string, x: Numbers, size: number, dtype: DType = 'float64'): void {
  // By tag, not instanceof: an array may come from another realm.
  if (/^(Ui|I)nt/.test((x as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? '')) return
  for (let i = 0; i < x.length; i++) {
    // x - x is 0 for finite numbers only.
    const value = dtype === 'float32' ? Math.fround(x[i]) : x[i]
    if (typeof x[i] !== 'number' || value - value !== 0) {
      throw new DataError(`${name}: row ${Math.floor(i / size)} holds ${show(x[i])}; remove or repair that row`)
    }
  }
}

/** Throws a DataError that names the first row with anything but a number from 0 to 1. */
export function checkProbabilities(name: string, x: Numbers, size: number): void {
  for (let i = 0; i < x.length; i++) {
    if (typeof x[i] !== 'number' || !(x[i] >= 0 && x[i] <= 1)) {
      throw new DataError(`${name}: row ${Math.floor(i / size)} holds ${show(x[i])}; want targets from 0 to 1`)
    }
  }
}

/** to = n rows of x: rows[first], rows[first + 1], ..., or first, first + 1, ... without `rows`. */
export function copyRows(
  x: Numbers,
  size: number,
  to: Float64Array | Float32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
): void {
  for (let i = 0; i < n; i++) {
    const from = (rows ? rows[first + i] : first + i) * size
    const at = i * size
    for (let j = 0; j < size; j++) to[at + j] = x[from + j]
  }
}

/** Copies n labels, `rows[first + i]` of them if given, into the model, once each is known to be a class. */
export function copyLabels(
  labels: ArrayLike<number | bigint>,
  classes: number,
  to: Int32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
): void {
  for (let i = 0; i < n; i++) checkLabel(labels, rows ? rows[first + i] : first + i, classes)
  for (let i = 0; i < n; i++) to[i] = Number(labels[rows ? rows[first + i] : first + i])
}

/** Throws a DataError unless labels[row] is a class. */
export function checkLabel(labels: ArrayLike<number | bigint>, row: number, classes: number, name = 'y'): void {
  const given = labels[row]
  const label = typeof given === 'bigint' ? Number(given) : given
  if (Number.isInteger(label) && label >= 0 && label < classes) return
  throw new DataError(
    `${name}: the label of row ${row} is ${show(labels[row])}; want an integer from 0 to ${classes - 1}`,
  )
}
