// Preprocessing of tables, fitted on training data: what is missing, and columns whose numbers stand for categories.

import {
  DataError,
  FileError,
  MAX_SIZE,
  PlanError,
  checkArguments,
  checkOptions,
  few,
  integer,
  oneOf,
  readSafely,
  show,
} from '../errors'
import { type Tensor, product } from '../tensor'
import { type Numbers, countRows, readRows, reading } from './batches'
import { type Transform, checkShape, saveTransform, tensorOf } from './transforms'

/** What missing values are filled in by: a figure of the column over the training data, or a number. */
export type Filling = 'mean' | 'median' | 'mode' | number

/** Fills in what is missing. */
export interface Imputation extends Transform {
  /** The name of the function that made it. */
  readonly kind: 'impute'
  /** What each value of an example is filled in by. */
  readonly fill: readonly number[]
}

/** Takes numbers for categories. */
export interface Encoding extends Transform {
  /** The name of the function that made it. */
  readonly kind: 'oneHot' | 'ordinal'
  /** Which values of an example are categories. */
  readonly columns: readonly number[]
  /** Of each of these, the categories in their order. */
  readonly categories: readonly (readonly number[])[]
  /** Whether a category that the training data has not is none, and not an error. */
  readonly unknown: 'refuse' | 'none'
}

/**
 * Fills in NaN, as readCsv gives it with `missing: 'keep'`, by a figure of the training data for each value of an example,
 * `by`: 'mean' unless given, 'median' or 'mode', the most frequent (of equals the least), or a number; or a list, one for
 * each. `shape` is that of an example. invert gives what was filled in, for nobody knows what was missing.
 *
 *     const filling = impute(training.x, { shape: [3], by: ['mean', 'median', 'mode'] })
 *     const x = filling.apply(test.x)
 *
 * Throws a DataError where a column has no value at all, or holds what is no number.
 */
export function impute(
  x: Numbers,
  options: { shape: readonly number[]; by?: Filling | readonly Filling[] },
): Imputation {
  const where = 'impute'
  checkArguments(where, arguments, 2)
  const read = checkOptions(where, options, ['shape', 'by'])
  const shape = checkShape(where, read.shape)
  const size = product(shape)
  const by = readSafely(where, 'by', () => checkFillings(where, read.by ?? 'mean', size))
  const values = readPartial(`${where}: x`, x, size, shape)
  const fill = Array.from({ length: size }, (_, column) => {
    const how = by[column % by.length]
    if (typeof how === 'number') return how
    const own: number[] = []
    for (let i = column; i < values.length; i += size) if (values[i] === values[i]) own.push(values[i])
    if (!own.length) throw new DataError(`${where}: value ${column} of an example is missing in all rows; leave it out`)
    return figureOf(how, own)
  })
  return createImputation(shape, fill)
}

function checkFillings(where: string, by: unknown, size: number): readonly Filling[] {
  const list: readonly unknown[] = Array.isArray(by) ? Array.from(by as readonly unknown[]) : [by]
  if (Array.isArray(by) && list.length !== size) {
    throw new PlanError(`${where}: by must be one, or one for each of ${size} values of an example, got ${show(by)}`)
  }
  return list.map((one): Filling => {
    if (typeof one === 'number' && Number.isFinite(one)) return one
    return oneOf(where, 'by, unless a finite number,', one as 'mean', ['mean', 'median', 'mode']) as Filling
  })
}

function figureOf(how: 'mean' | 'median' | 'mode', own: number[]): number {
  if (how === 'mean') return own.reduce((sum, value) => sum + value, 0) / own.length
  own.sort((a, b) => a - b)
  const middle = own.length >> 1
  if (how === 'median') return own.length % 2 ? own[middle] : own[middle - 1] / 2 + own[middle] / 2
  let [best, most] = [own[0], 0]
  for (let first = 0, end = 0; first < own.length; first = end) {
    while (own[end] === own[first]) end++
    if (end - first > most) [best, most] = [own[first], end - first]
  }
  return best
}

/** Rows of numbers, of which NaN is one. */
function readPartial(name: string, x: Numbers, size: number, shape: readonly number[]): Float64Array {
  countRows(name, x, size, shape)
  return reading(name, () =>
    Float64Array.from(x, (value: unknown, i) => {
      if (typeof value === 'number' && Math.abs(value) !== Infinity) return value
      throw new DataError(
        `${name}: row ${Math.floor(i / size)} holds ${show(value)}; want numbers, or NaN where one is missing`,
      )
    }),
  )
}

function createImputation(shape: readonly number[], fill: readonly number[]): Imputation {
  const size = product(shape)
  return {
    kind: 'impute',
    shape,
    size,
    fill,
    apply(x) {
      checkArguments('impute.apply', arguments, 1)
      return readPartial('impute.apply: x', x, size, shape).map((v, i) => (v === v ? v : fill[i % size]))
    },
    invert(y) {
      checkArguments('impute.invert', arguments, 1)
      return Float64Array.from(readRows('impute.invert: y', y, size, shape))
    },
    save() {
      checkArguments('impute.save', arguments, 0)
      return saveTransform('impute', shape, { fill: tensorOf(fill) })
    },
  }
}

/** Of oneHot and ordinal. */
export interface EncodingOptions {
  /** Of one example: [columns]. */
  shape: readonly number[]
  /** Which of its values are categories, such as the numbers that readCsv gives to words. All of them unless given. */
  columns?: readonly number[]
  /**
   * What becomes of a category that the training data has not, or that is missing: 'refuse', a DataError, or 'none',
   * which has a 0 for each category, or -1 as ordinal. 'refuse' unless given.
   */
  unknown?: 'refuse' | 'none'
}

/**
 * A 0 or 1 for each category of the training data in the place of its number, sorted by that: with four columns, of which
 * the last has three categories, six values. invert gives the category of the highest value.
 *
 *     const colours = oneHot(training.x, { shape: [4], columns: [3] })
 *     const x = colours.apply(test.x)   // colours.size values a row
 *
 * Throws a DataError where x holds no whole rows of `shape`, NaN or infinity.
 */
export function oneHot(x: Numbers, options: EncodingOptions): Encoding {
  checkArguments('oneHot', arguments, 2)
  return fitEncoding('oneHot', x, options)
}

/**
 * The place 0, 1, ... of a category among those of the training data, sorted by their numbers, in the place of its number:
 * for codes with gaps, and as what embedding takes. invert gives the category back.
 *
 *     const codes = ordinal(training.x, { shape: [4], columns: [0, 3] })
 *
 * Throws a DataError where x holds no whole rows of `shape`, NaN or infinity.
 */
export function ordinal(x: Numbers, options: EncodingOptions): Encoding {
  checkArguments('ordinal', arguments, 2)
  return fitEncoding('ordinal', x, options)
}

function fitEncoding(kind: Encoding['kind'], x: Numbers, options: EncodingOptions): Encoding {
  const read = checkOptions(kind, options, ['shape', 'columns', 'unknown'])
  const shape = checkShape(kind, read.shape)
  const size = product(shape)
  const unknown = oneOf(kind, 'unknown', read.unknown ?? 'refuse', ['refuse', 'none'])
  const columns = readSafely(kind, 'columns', () => checkColumns(kind, read.columns, size))
  const values = unknown === 'none' ? readPartial(`${kind}: x`, x, size, shape) : readRows(`${kind}: x`, x, size, shape)
  const categories = columns.map((column) => {
    const found = new Set<number>()
    for (let i = column; i < values.length; i += size) if (values[i] === values[i]) found.add(values[i] + 0)
    if (!found.size) throw new DataError(`${kind}: column ${column} is missing in all rows; leave it out`)
    return [...found].sort((a, b) => a - b)
  })
  return createEncoding(kind, shape, columns, categories, unknown)
}

function checkColumns(where: string, columns: unknown, size: number): readonly number[] {
  if (columns === undefined) return Array.from({ length: size }, (_, i) => i)
  const list: readonly unknown[] = Array.isArray(columns) ? Array.from(columns as readonly unknown[]) : []
  if (!list.length) throw new PlanError(`${where}: columns must be a list of numbers of columns, got ${show(columns)}`)
  const own = list.map((one) => integer(where, 'each of columns', one, 0, size - 1))
  if (new Set(own).size < own.length) throw new PlanError(`${where}: columns has one twice: ${few(own)}`)
  return own.toSorted((a, b) => a - b)
}

function createEncoding(
  kind: Encoding['kind'],
  shape: readonly number[],
  columns: readonly number[],
  categories: readonly (readonly number[])[],
  unknown: Encoding['unknown'],
): Encoding {
  const width = product(shape)
  const places = categories.map((list) => new Map(list.map((value, i) => [value, i])))
  /** Of each value of an example: how many it becomes, and its number among the columns, -1 for those left alone. */
  const parts = Array.from({ length: width }, (_, column) => {
    const at = columns.indexOf(column)
    return { at, size: at >= 0 && kind === 'oneHot' ? categories[at].length : 1 }
  })
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  return {
    kind,
    shape,
    size,
    columns,
    categories,
    unknown,
    apply(x) {
      const where = `${kind}.apply`
      checkArguments(where, arguments, 1)
      const values =
        unknown === 'none' ? readPartial(`${where}: x`, x, width, shape) : readRows(`${where}: x`, x, width, shape)
      const y = new Float64Array((values.length / width) * size)
      for (let i = 0, to = 0; i < values.length; i++) {
        const { at, size: own } = parts[i % width]
        const value = values[i]
        if (at < 0) {
          if (value !== value)
            throw new DataError(`${where}: x: row ${Math.floor(i / width)} holds NaN; impute fills it in`)
          y[to] = value
        } else {
          const place = places[at].get(value) ?? -1
          if (place < 0 && unknown === 'refuse') {
            throw new DataError(
              `${where}: x: row ${Math.floor(i / width)} has the category ${value} in column ${i % width}, which the training ` +
                "data has not; fit it on more, or with unknown: 'none'",
            )
          }
          if (kind === 'ordinal') y[to] = place
          else if (place >= 0) y[to + place] = 1
        }
        to += own
      }
      return y
    },
    invert(y) {
      const where = `${kind}.invert`
      checkArguments(where, arguments, 1)
      const values = readRows(`${where}: y`, y, size, [size])
      const x = new Float64Array((values.length / size) * width)
      for (let i = 0, from = 0; i < x.length; i++) {
        const { at, size: own } = parts[i % width]
        let place = 0
        if (at >= 0 && kind === 'oneHot') {
          for (let j = 1; j < own; j++) if (values[from + j] > values[from + place]) place = j
          // Of what was unknown there is nothing.
          if (unknown === 'none' && values[from + place] === 0) place = -1
        } else place = Math.round(values[from])
        x[i] = at < 0 ? values[from] : (categories[at][place] ?? NaN)
        if (at >= 0 && !(place >= 0 && place < categories[at].length) && unknown === 'refuse') {
          throw new DataError(
            `${where}: y: row ${Math.floor(i / width)} has the place ${place}, of ${categories[at].length} categories`,
          )
        }
        from += own
      }
      return x
    },
    save() {
      checkArguments(`${kind}.save`, arguments, 0)
      const lists = categories.map((list, i): [string, Tensor] => [`categories.${i}`, tensorOf(list)])
      const numbers = { columns: tensorOf(columns), unknown: tensorOf([Number(unknown === 'none')]) }
      return saveTransform(kind, shape, { ...numbers, ...Object.fromEntries(lists) })
    },
  }
}

/** What save() wrote of these, by `get`, which reads a part of the file. */
export function loadTable(
  kind: 'impute' | Encoding['kind'],
  shape: readonly number[],
  get: (part: string, ...want: (number | undefined)[]) => Float64Array,
): Imputation | Encoding {
  const size = product(shape)
  if (kind === 'impute') return createImputation(shape, Array.from(get('fill', size)))
  const columns = Array.from(get('columns', undefined))
  const isColumn = (column: number, i: number) =>
    Number.isInteger(column) && column >= 0 && column < Math.min(size, MAX_SIZE) && (!i || column > columns[i - 1])
  if (!columns.length || !columns.every(isColumn)) {
    throw new FileError(`loadTransform: '${kind}.columns' cannot be those of ${size} values; the file is damaged`)
  }
  const categories = columns.map((_, i) => Array.from(get(`categories.${i}`, undefined)))
  if (categories.some((list) => !list.length || list.some((value, i) => i && value <= list[i - 1]))) {
    throw new FileError(`loadTransform: the categories of '${kind}' are not sorted; the file is damaged`)
  }
  return createEncoding(kind, shape, columns, categories, get('unknown', 1)[0] ? 'none' : 'refuse')
}
