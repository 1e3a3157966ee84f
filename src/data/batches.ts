// From what people hand in to rows in the model's memory: each value is read once, and checked as what it becomes.

import { DataError, isPlain, quote, show } from '../errors'
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

/** Any typed array, but for those of bigints. */
export type TypedNumbers =
  | Float64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array

/** What data may have: what is trained on, and what the readers of v128/data say of it. */
export const MEMBERS = ['x', 'y', 'weight', 'coarse', 'shape', 'columns', 'classes'] as const

/** Whether x is a typed array of numbers; one of another realm is. */
export function isTyped(x: unknown): x is TypedNumbers {
  if (!ArrayBuffer.isView(x)) return false
  const tag: unknown = (x as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]
  return typeof tag === 'string' && tag !== 'DataView' && !tag.startsWith('Big')
}

/** Whether all values of an array are integers, whatever they are. */
function holdsIntegers(x: TypedNumbers): boolean {
  return /^(Ui|I)nt/.test(x[Symbol.toStringTag])
}

/** What `read` gives; if a getter or a proxy of the user throws meanwhile, a DataError that says so. */
export function reading<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw new DataError(`${name}: cannot be read: ${show(cause)}`, { cause })
  }
}

/** An array of so many values; a DataError where there is no memory for it. */
export function allocate(name: string, length: number, Kind: new (length: number) => TypedNumbers): TypedNumbers {
  try {
    return new Kind(length)
  } catch (cause) {
    throw new DataError(`${name}: no memory for a copy of ${length} numbers`, { cause })
  }
}

/**
 * The members of data, each read once. Throws a DataError unless it is an object with x and y, and nothing that nobody
 * would read.
 */
export function readData<D extends Data>(where: string, data: D, name = 'data'): D {
  return reading(`${where}: ${name}`, () => {
    const found = data as unknown as Record<string, unknown>
    const { x, y } = typeof data === 'object' && data !== null ? found : {}
    if (!isArrayLike(x) || !isArrayLike(y)) {
      throw new DataError(`${where}: ${name} must be an object { x, y } of arrays, got ${show(data)}`)
    }
    const read: Record<string, unknown> = { x, y }
    // An object of a class has what its class needs beside x and y.
    if (!isPlain(data)) return read as unknown as D
    for (const key of Object.keys(data)) {
      if (!(MEMBERS as readonly string[]).includes(key)) {
        throw new DataError(`${where}: ${name} has ${quote(key)}, which is not read; it may have ${MEMBERS.join(', ')}`)
      }
      if (key !== 'x' && key !== 'y') read[key] = found[key]
    }
    return read as unknown as D
  })
}

function isArrayLike(x: unknown): x is ArrayLike<unknown> {
  return typeof x === 'object' && x !== null && typeof (x as { length?: unknown }).length === 'number'
}

/** How many rows of `size` numbers `x` holds; a DataError if that is no whole number, or none. */
export function countRows(name: string, x: ArrayLike<unknown>, size: number, shape: readonly number[]): number {
  return reading(name, () => {
    if (!isArrayLike(x)) throw new DataError(`${name}: want a typed array or an array of numbers, got ${show(x)}`)
    const { length } = x
    const first = length > 0 ? x[0] : 0
    if (typeof first !== 'number')
      throw new DataError(`${name}: row 0 holds ${show(first)}; want numbers, rows one after the other`)
    const rows = length / size
    if (Number.isSafeInteger(rows) && rows > 0) return rows
    throw new DataError(
      `${name}: want rows of ${size} numbers (shape ${shape.join(' x ')}), got ${length} numbers` +
        (rows > 1 ? `, which is ${Math.floor(rows)} rows and ${length % size} numbers` : ''),
    )
  })
}

/** The least number whose magnitude is infinite in a model of `dtype`. */
function endOf(dtype: DType): number {
  return dtype === 'float32' ? 3.4028235677973366e38 : Infinity
}

/**
 * The rows of x as a typed array, every value finite in a model of `dtype`, or from 0 to 1 where they are
 * `probabilities`: x itself if it is one, else a copy. Throws a DataError that names the first row that is not so.
 */
export function readRows(
  name: string,
  x: Numbers,
  size: number,
  shape: readonly number[],
  dtype: DType = 'float64',
  probabilities = false,
): TypedNumbers {
  const length = countRows(name, x, size, shape) * size
  if (isTyped(x)) {
    if (probabilities) checkProbabilities(name, x, size)
    else checkFinite(name, x, size, dtype)
    return x
  }
  const copy = allocate(name, length, dtype === 'float32' ? Float32Array : Float64Array)
  reading(name, () => {
    const end = endOf(dtype)
    for (let i = 0; i < length; i++) {
      const value: unknown = x[i]
      if (probabilities ? !isProbability(value) : !isBelow(value, end)) refuse(name, i, size, value, probabilities)
      copy[i] = value as number
    }
  })
  return copy
}

/** The labels, one for each row and each a class: themselves if they are a typed array of numbers, else a copy. */
export function readLabels(name: string, labels: Labels, rows: number, classes: number): TypedNumbers {
  return reading(name, () => {
    if (!isArrayLike(labels)) throw new DataError(`${name}: want labels, got ${show(labels)}`)
    const { length } = labels
    if (length !== rows) throw new DataError(`${name}: ${length} labels for ${rows} rows of x`)
    const typed = isTyped(labels)
    const to = typed ? labels : allocate(name, rows, Int32Array)
    for (let row = 0; row < rows; row++) {
      const label = checkLabel(labels, row, classes, name)
      if (!typed) to[row] = label
    }
    return to
  })
}

/** Whether a value is a number below `end` in magnitude, which NaN is not. */
function isBelow(value: unknown, end: number): value is number {
  return typeof value === 'number' && value > -end && value < end
}

function isProbability(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1
}

function refuse(name: string, at: number, size: number, value: unknown, probabilities: boolean): never {
  const row = `${name}: row ${Math.floor(at / size)} holds ${show(value)}`
  if (probabilities) throw new DataError(`${row}; want targets from 0 to 1`)
  if (typeof value === 'number' && Number.isFinite(value)) {
    throw new DataError(
      `${row}, which is infinite in float32; scale the data, or create the model with dtype: 'float64'`,
    )
  }
  throw new DataError(`${row}; remove or repair that row`)
}

/** Throws a DataError that names the first row with what is no number, or not finite in a model of `dtype`. */
export function checkFinite(name: string, x: Numbers, size: number, dtype: DType = 'float64'): void {
  if (isTyped(x) && holdsIntegers(x)) return
  const end = endOf(dtype)
  for (let i = 0; i < x.length; i++) {
    const value = x[i]
    if (!isBelow(value, end)) refuse(name, i, size, value, false)
  }
}

/** Throws a DataError that names the first row with anything but a number from 0 to 1. */
export function checkProbabilities(name: string, x: Numbers, size: number): void {
  for (let i = 0; i < x.length; i++) {
    const value = x[i]
    if (!isProbability(value)) refuse(name, i, size, value, true)
  }
}

/** So long a row is copied faster as a whole than value by value, even the first time, when its view is made. */
const LONG_ROW = 256

/**
 * A view of each row, with which copyRows copies long rows about six times as fast: made once for many batches, since a
 * view costs 200 bytes, and a step allocates nothing. Undefined for short rows, and for what is no typed array.
 */
export function viewRows(x: Numbers, size: number): readonly TypedNumbers[] | undefined {
  if (!isTyped(x) || size < LONG_ROW) return undefined
  return Array.from({ length: x.length / size }, (_, row) => x.subarray(row * size, (row + 1) * size))
}

/**
 * to = n rows of x: rows[first], rows[first + 1], ..., or first, first + 1, ... without `rows`. A typed array has been
 * checked; of anything else each value is checked here, for it may give another one each time. Allocates nothing.
 */
export function copyRows(
  x: Numbers,
  size: number,
  to: Float64Array | Float32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
  views?: readonly TypedNumbers[],
): void {
  if (!isTyped(x)) return copyChecked(x, size, to, n, rows, first)
  if (!rows && first === 0 && x.length === n * size) return to.set(x)
  for (let i = 0; i < n; i++) {
    const row = rows ? rows[first + i] : first + i
    // A buffer that is transferred to a worker, or made smaller, while a run goes on.
    if ((row + 1) * size > x.length) throw new DataError(`x: row ${row} is gone: its memory was taken away meanwhile`)
    if (views) to.set(views[row], i * size)
    else copyRow(x, row * size, to, i * size, size)
  }
}

/** to[at], to[at + 1], ... = `size` values of x; four at a time, for speed. */
function copyRow(x: TypedNumbers, from: number, to: Float64Array | Float32Array, at: number, size: number): void {
  let j = 0
  for (; j + 3 < size; j += 4) {
    to[at + j] = x[from + j]
    to[at + j + 1] = x[from + j + 1]
    to[at + j + 2] = x[from + j + 2]
    to[at + j + 3] = x[from + j + 3]
  }
  for (; j < size; j++) to[at + j] = x[from + j]
}

function copyChecked(
  x: Numbers,
  size: number,
  to: Float64Array | Float32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
): void {
  const end = endOf(to.BYTES_PER_ELEMENT === 4 ? 'float32' : 'float64')
  for (let i = 0; i < n; i++) {
    const from = (rows ? rows[first + i] : first + i) * size
    for (let j = 0; j < size; j++) {
      const value = x[from + j]
      if (!isBelow(value, end)) refuse('x', from + j, size, value, false)
      to[i * size + j] = value
    }
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
  for (let i = 0; i < n; i++) to[i] = checkLabel(labels, rows ? rows[first + i] : first + i, classes)
}

/** The label of a row, read once; a DataError unless it is a class. */
export function checkLabel(labels: ArrayLike<number | bigint>, row: number, classes: number, name = 'y'): number {
  const given = labels[row]
  const label = typeof given === 'bigint' ? Number(given) : given
  if (Number.isInteger(label) && label >= 0 && label < classes) return label
  throw new DataError(`${name}: the label of row ${row} is ${show(given)}; want an integer from 0 to ${classes - 1}`)
}
