// From what people hand in to rows in the model's memory: each value is read once, and checked as what it becomes.

import { DataError, count, few, isObject, isPlain, quote, readSafely, show } from '../errors'
import type { DType } from '../tensor'
import type { Beside } from './beside'
import type { ByName } from './named'

/** Any typed array or array of numbers, rows one after the other. */
export type Numbers = ArrayLike<number>
/** Class indices: any integer typed array or array of numbers. */
export type Labels = ArrayLike<number | bigint>

/** Rows of the input shape, one after the other; of a graph whose inputs have names, of each, by name. */
export type Inputs<In extends string = never> = ByName<In, Numbers>
/** A label for each row, or rows of the output shape; of a graph whose outputs have names, of each, by name. */
export type Targets<Out extends string = never> = ByName<Out, Labels | Numbers>

/**
 * Examples x, rows of the input shape one after the other; y their labels, or their target values. Of a graph whose
 * inputs or outputs have names, each under its name.
 */
export interface Data<In extends string = never, Out extends string = never> extends Beside<In, Out> {
  /** Rows of the input shape, one after the other. */
  readonly x: Inputs<In>
  /** A label for each row, or rows of the output shape. */
  readonly y: Targets<Out>
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

/** What data may have beside x and y: what the readers of v128/data say of it. */
const DESCRIPTIONS = ['shape', 'columns', 'classes', 'coarse', 'categories']

/** Whether x is a typed array of numbers; one of another realm is. */
export function isTyped(x: unknown): x is TypedNumbers {
  if (!ArrayBuffer.isView(x)) return false
  const tag: unknown = (x as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]
  return typeof tag === 'string' && tag !== 'DataView' && !tag.startsWith('Big')
}

/** What `read` gives; if a getter or a proxy of the user throws meanwhile, a DataError that says so. */
export function reading<T>(name: string, read: () => T): T {
  return readSafely(name, 'it', read, DataError)
}

/** An array of so many values; a DataError where there is no memory for it. */
export function allocate<T extends TypedNumbers>(name: string, length: number, Kind: new (length: number) => T): T {
  try {
    return new Kind(length)
  } catch (cause) {
    throw new DataError(`${name}: no memory for ${length} numbers`, { cause })
  }
}

/**
 * The members of data, each read once. Throws a DataError unless it is an object with x and y, and nothing that nobody
 * would read: `more` is what this caller reads beside them. `named` are those that are objects, by name.
 */
export function readData<D extends Data>(
  where: string,
  data: D,
  name = 'data',
  more: readonly string[] = [],
  named: { readonly x?: boolean; readonly y?: boolean } = {},
): D {
  return reading(`${where}: ${name}`, () => {
    const { x, y, weight, lengths } = (isObject(data) ? data : {}) as Partial<Data>
    if (!(named.x ? isObject(x) : isArrayLike(x)) || !(named.y ? isObject(y) : isArrayLike(y))) {
      const keys = isPlain(data) ? Object.keys(data) : []
      const got = keys.length ? `{ ${few(keys)} }` : show(data)
      const wanted = named.x || named.y ? 'as the network has them' : 'of arrays'
      throw new DataError(`${where}: ${name} must be an object { x, y } ${wanted}, got ${got}`)
    }
    const known = ['x', 'y', ...more, ...DESCRIPTIONS]
    const beside = { weight, lengths }
    const given = (name: keyof Beside) => more.includes(name) && beside[name] !== undefined
    const read = { x, y, ...(given('weight') && { weight }), ...(given('lengths') && { lengths }) } as D
    // An object of a class has what its class needs beside x and y.
    for (const key of isPlain(data) ? (Object.keys(data) as (keyof D & string)[]) : []) {
      if (!known.includes(key)) {
        throw new DataError(`${where}: ${name} has ${quote(key)}, which is not read; it may have ${known.join(', ')}`)
      }
      if (!(key in read)) read[key] = data[key]
    }
    return read
  })
}

function isArrayLike(x: unknown): x is ArrayLike<unknown> {
  return isObject(x) && typeof (x as { length?: unknown }).length === 'number'
}

/** How many rows of `size` numbers `x` holds; a DataError if that is no whole number, or none. */
export function countRows(name: string, x: ArrayLike<unknown>, size: number, shape: readonly number[]): number {
  return reading(name, () => {
    if (!isArrayLike(x)) throw new DataError(`${name}: want a typed array or an array of numbers, got ${show(x)}`)
    const { length } = x
    const first = length > 0 ? x[0] : 0
    if (typeof first !== 'number') {
      throw new DataError(`${name}: row 0 holds ${show(first)}; want numbers, rows one after the other`)
    }
    const rows = length / size
    if (Number.isSafeInteger(rows) && rows > 0) return rows
    throw new DataError(
      `${name}: want rows of ${count(size, 'number')} (shape ${shape.join(' x ')}), got ${count(length, 'number')}` +
        (rows > 1 ? `, which is ${count(Math.floor(rows), 'row')} and ${count(length % size, 'number')}` : ''),
    )
  })
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
    checkValues(name, x, size, dtype, probabilities)
    return x
  }
  const copy = allocate<TypedNumbers>(name, length, dtype === 'float32' ? Float32Array : Float64Array)
  reading(name, () => checkEach(name, x, size, dtype, probabilities, copy))
  return copy
}

/** How labels are read of which each row has several, or of which some do not count. */
export interface LabelOptions {
  /** Labels in a row. 1 unless given. */
  readonly positions?: number
  /** What stands for a label that does not count. */
  readonly ignoreIndex?: number | undefined
  /** How many labels of each row count; the others may be anything. */
  readonly lengths?: ArrayLike<number> | undefined
}

/** The labels, each a class: themselves if they are a typed array of numbers, else a copy. */
export function readLabels(
  name: string,
  labels: Labels,
  rows: number,
  classes: number,
  { positions = 1, ignoreIndex, lengths }: LabelOptions = {},
): TypedNumbers {
  return reading(name, () => {
    if (!isArrayLike(labels)) throw new DataError(`${name}: want labels, got ${show(labels)}`)
    const { length } = labels
    const all = rows * positions
    if (length !== all) {
      const each =
        positions > 1
          ? `; each row has ${positions}, one for each position; where there is one a row, end in one score: ` +
            "output: 'last', mean() or flatten()"
          : ''
      const cure =
        length === all * classes
          ? `; labels are class numbers, one a ${positions > 1 ? 'position' : 'row'}, not one-hot`
          : each
      throw new DataError(`${name}: ${count(length, 'label')} for ${count(rows, 'row')} of x${cure}`)
    }
    const typed = isTyped(labels)
    const to = typed ? labels : allocate(name, all, Int32Array)
    for (let at = 0; at < all; at++) {
      if (lengths && at % positions >= lengths[Math.floor(at / positions)]) continue
      const ignored = ignoreIndex !== undefined && Number(labels[at]) === ignoreIndex
      const label = ignored ? ignoreIndex : checkLabel(labels, at, classes, name, positions, ignoreIndex)
      if (!typed) to[at] = label
    }
    return to
  })
}

/** Throws a DataError unless targets of `size` values a row are as many rows as those of x. */
export function checkTargetRows(name: string, length: number, size: number, rows: number): void {
  const found = length / size
  if (found === rows) return
  const each = size > 1 ? `; the network gives ${size} values a row` : ''
  throw new DataError(`${name}: ${count(found, 'row')} of targets for ${count(rows, 'row')} of x${each}`)
}

/** Throws a DataError that names the first row with what is not as readRows wants it. */
export function checkValues(
  name: string,
  x: TypedNumbers,
  size: number,
  dtype: DType = 'float64',
  probabilities = false,
): void {
  const integers = /^(Ui|I)nt/.test(x[Symbol.toStringTag])
  if (probabilities || !(integers || allBelow(x, dtype))) checkEach(name, x, size, dtype, probabilities)
}

/** Looks at one value after the other, which goes into `copy`, if given. */
function checkEach(
  name: string,
  x: Numbers,
  size: number,
  dtype: DType,
  probabilities: boolean,
  copy?: TypedNumbers,
): void {
  // In float32 the last that is not rounded to Infinity.
  const most = probabilities ? 1 : dtype === 'float32' ? 3.4028235677973362e38 : Number.MAX_VALUE
  const least = probabilities ? 0 : -most
  const { length } = copy ?? x
  for (let i = 0; i < length; i++) {
    const value: unknown = x[i]
    if (!(typeof value === 'number' && value >= least && value <= most)) {
      const cure = probabilities
        ? 'want targets from 0 to 1'
        : Number.isFinite(value)
          ? "too large for float32; scale the data, or take dtype: 'float64'"
          : typeof value === 'number'
            ? 'remove or repair that row'
            : 'remove or repair that row: want numbers'
      throw new DataError(`${name}: row ${Math.floor(i / size)} holds ${show(value)}; ${cure}`)
    }
    if (copy) copy[i] = value
  }
}

/** Whether all are finite, in float32 with room to spare: four at a time, for speed. */
function allBelow(x: TypedNumbers, dtype: DType): boolean {
  // So that what is too large for float32 is so for float64 as well.
  const scale = dtype === 'float32' ? 2 ** 897 : 1
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  // v * 0 is 0 for finite numbers only, else NaN, which the sum keeps.
  const zero = 0
  for (; i + 3 < x.length; i += 4) {
    s0 += x[i] * scale * zero
    s1 += x[i + 1] * scale * zero
    s2 += x[i + 2] * scale * zero
    s3 += x[i + 3] * scale * zero
  }
  for (; i < x.length; i++) s0 += x[i] * scale * zero
  return s0 + s1 + s2 + s3 === 0
}

/** So long a row is copied faster as a whole than value by value, even the first time, when its view is made. */
const LONG_ROW = 256

/**
 * A view of each row, with which copyRows copies long rows about six times as fast: made once for many batches, since a
 * view costs 200 bytes, and a step allocates nothing. Undefined for short rows.
 */
export function viewRows(x: TypedNumbers, size: number): readonly TypedNumbers[] | undefined {
  if (size < LONG_ROW) return undefined
  return Array.from({ length: x.length / size }, (_, row) => x.subarray(row * size, (row + 1) * size))
}

/** A view of each `batch` rows as they lie, and of those that are left: copyRows copies one at a time as a whole. */
export function viewBatches(x: TypedNumbers, size: number, batch: number): readonly TypedNumbers[] {
  const length = batch * size
  return Array.from({ length: Math.ceil(x.length / length) }, (_, i) => x.subarray(i * length, (i + 1) * length))
}

/**
 * to = n rows of x, which readRows gave: rows[first], rows[first + 1], ..., or first, first + 1, ... without `rows`.
 * `views` are those of viewRows or, without `rows`, of viewBatches. Allocates nothing.
 */
export function copyRows(
  x: TypedNumbers,
  size: number,
  to: Float64Array | Float32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
  views?: readonly TypedNumbers[],
): void {
  if (!rows) {
    const whole = views?.[Math.floor((first * size) / views[0].length)] ?? x
    const isThat = views ? (first * size) % views[0].length === 0 : first === 0
    if (isThat && whole.length === n * size) return to.set(whole)
  }
  for (let i = 0; i < n; i++) {
    const row = rows ? rows[first + i] : first + i
    // A buffer that is transferred to a worker, or made smaller, while a run goes on.
    if ((row + 1) * size > x.length) throw new DataError(`x: row ${row} is gone: its memory was taken away`)
    if (rows && views) to.set(views[row], i * size)
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

/** Throws a DataError unless n copied rows of targets are from 0 to 1: an array may have changed since its check. */
export function recheckTargets(targets: Float64Array | Float32Array, n: number, size: number): void {
  for (let i = 0; i < n * size; i++) {
    if (!(targets[i] >= 0 && targets[i] <= 1)) {
      throw new DataError(
        `y: row ${Math.floor(i / size)} of the batch holds ${targets[i]} now; want targets from 0 to 1`,
      )
    }
  }
}

/**
 * Copies the labels of n rows, which readLabels gave, `rows[first + i]` of them if given, into the model. Each is checked
 * again: a typed array may have changed since, and a kernel takes a label for a place. Those that do not count, with the
 * weight 0 among `weights`, if given, or with the label `ignoreIndex`, are 0, and so is their weight.
 */
export function copyLabels(
  labels: TypedNumbers,
  classes: number,
  to: Int32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
  positions = 1,
  ignoreIndex?: number,
  weights?: Float64Array,
): void {
  for (let i = 0; i < n * positions; i++) {
    const row = first + Math.floor(i / positions)
    const at = (rows ? rows[row] : row) * positions + (i % positions)
    if (weights && (!weights[i] || labels[at] === ignoreIndex)) {
      weights[i] = 0
      to[i] = 0
    } else to[i] = checkLabel(labels, at, classes, 'y', positions, ignoreIndex)
  }
}

/** A label, read once; a DataError unless it is a class. */
export function checkLabel(
  labels: ArrayLike<number | bigint>,
  at: number,
  classes: number,
  name = 'y',
  positions = 1,
  ignoreIndex?: number,
): number {
  const given = labels[at]
  const label = typeof given === 'bigint' ? Number(given) : given
  if (Number.isInteger(label) && label >= 0 && label < classes) return label
  const where = `row ${Math.floor(at / positions)}${positions > 1 ? `, position ${at % positions}` : ''}`
  const unsigned =
    ignoreIndex !== undefined &&
    ignoreIndex < 0 &&
    String((labels as TypedNumbers)[Symbol.toStringTag]).startsWith('Ui')
  const kind = unsigned ? `; a ${(labels as TypedNumbers)[Symbol.toStringTag]} holds no ${ignoreIndex}` : ''
  const ignored = ignoreIndex === undefined ? '' : `, or ${ignoreIndex}, which is ignored${kind}`
  throw new DataError(
    `${name}: the label of ${where} is ${show(given)}; want an integer from 0 to ${classes - 1}, a class of the ` +
      `${count(classes, 'score')}${ignored}`,
  )
}
