// Training and validation data from one set.

import { DataError, PlanError, checkArguments, checkOptions, count, flag, integer, note, show } from '../errors'
import { type Random, createRandom } from '../random'
import { type Data, type Labels, allocate, readData, reading } from './batches'

/** Which rows go where, each in ascending order. */
export interface Split {
  readonly training: Uint32Array
  readonly validation: Uint32Array
}

/**
 * Draws round(fraction · rows) rows for validation, at least one and not all of them; or, of `groups` of rows, if given,
 * round(fraction · its rows) of each. Throws a PlanError or DataError, beginning with `where`, if that cannot be.
 */
export function splitRows(
  where: string,
  rows: number,
  fraction: number,
  random: Random,
  groups?: readonly number[][],
): Split {
  if (!(typeof fraction === 'number' && fraction > 0 && fraction < 1)) {
    throw new PlanError(`${where}: validation must be a share of the rows, between 0 and 1, got ${show(fraction)}`)
  }
  if (rows < 2) throw new DataError(`${where}: ${count(rows, 'row')} cannot be split; give more data`)
  const all = Uint32Array.from({ length: rows }, (_, row) => row)
  const validates = new Uint8Array(rows)
  for (const group of groups ?? [all.slice()]) {
    const wanted = Math.round(fraction * group.length)
    const taken = groups ? wanted : Math.min(Math.max(wanted, 1), rows - 1)
    random.shuffle(group)
    for (let i = 0; i < taken; i++) validates[group[i]] = 1
  }
  return { training: all.filter((row) => !validates[row]), validation: all.filter((row) => validates[row]) }
}

/** The rows of each label, in ascending order; the labels in the order in which they first occur. */
export function rowsByLabel(where: string, rows: number, labels: Labels): number[][] {
  const groups = new Map<number | bigint, number[]>()
  for (let row = 0; row < rows; row++) {
    const label = labels[row]
    if (typeof label !== 'bigint' && !Number.isFinite(label)) {
      throw new DataError(`${where}: y: the label of row ${row} is ${show(label)}; want a number`)
    }
    const group = groups.get(label)
    if (group) group.push(row)
    else groups.set(label, [row])
  }
  return [...groups.values()]
}

/** Two parts of some data, of the same types. */
export interface DataSplit<D extends Data> {
  /** What to train on. */
  training: D
  /** What to watch the training by. */
  validation: D
}

/** One value for each row, which goes where its row goes. */
const BESIDE = ['weight', 'lengths', 'coarse'] as const

/**
 * Splits examples into training and validation, drawn at random with `seed`, 0 unless given: copies, each in the order
 * of the original. `validation` is the share for validation, 0.1 unless given; with `stratify`, false unless given, of
 * every label alike. y holds one value for each row; if it holds several, say how many `rows` there are, as many as
 * values of y unless given. What the readers of v128/data say of data, such as its shape, is in both parts.
 *
 *     const { training, validation } = splitData({ x, y }, { validation: 0.2, seed: 1, stratify: true })
 *     await model.fit(training, { validation })
 *
 * Throws a DataError where x and y do not hold the same whole number of rows.
 */
export function splitData<D extends Data>(
  data: D,
  options: { validation?: number; seed?: number; stratify?: boolean; rows?: number } = {},
): DataSplit<D> {
  const where = 'splitData'
  checkArguments(where, arguments, 2)
  const { validation, seed, stratify, ...more } = checkOptions(where, options, [
    'validation',
    'seed',
    'stratify',
    'rows',
  ])
  const { x, y, ...rest } = readData(where, data, 'data', ['weight', 'lengths']) as unknown as Data &
    Record<string, ArrayLike<number>>
  const rows = integer(where, 'rows', more.rows ?? y.length, 1)
  if (!x.length || x.length % rows || y.length % rows) {
    throw new DataError(
      `${where}: x has ${x.length} values and y ${y.length}, which is not ${rows} rows of each; ` +
        `give rows if y has several values for each`,
    )
  }
  if (more.rows === undefined && x.length === y.length && rows > 1) {
    note(`${where}: x has as many values as y, so each is taken for a row; give rows if an example has several`)
  }
  const beside = BESIDE.flatMap((name) => (rest[name] === undefined ? [] : [[name, rest[name]] as const]))
  for (const [name, values] of beside) {
    const length = reading(`${where}: ${name}`, () => values?.length)
    if (length !== rows) throw new DataError(`${where}: ${name} has ${show(length)} values for ${count(rows, 'row')}`)
  }
  const byLabel = flag(where, 'stratify', stratify ?? false)
  if (byLabel && y.length !== rows) throw new PlanError(`${where}: stratify needs labels, one for each row`)
  const random = createRandom(integer(where, 'seed', seed ?? 0, 0), 3)
  const groups = byLabel ? rowsByLabel(where, rows, y) : []
  // A single class is split as if there were none.
  const split = splitRows(where, rows, validation ?? 0.1, random, groups.length > 1 ? groups : undefined)
  for (const [side, { length }] of Object.entries(split) as [string, Uint32Array][]) {
    if (length) continue
    throw new DataError(`${where}: no row is left for ${side}: the classes are too small to share; do not stratify`)
  }
  const pick = (of: Uint32Array) => ({
    ...rest,
    x: rowsOf(where, x, x.length / rows, of),
    y: rowsOf(where, y, y.length / rows, of),
    ...Object.fromEntries(beside.map(([name, values]) => [name, rowsOf(where, values, 1, of)])),
  })
  return { training: pick(split.training), validation: pick(split.validation) } as unknown as DataSplit<D>
}

/** A copy of the given rows of `size` values, an array of the same kind. */
function rowsOf<T extends ArrayLike<number | bigint>>(where: string, values: T, size: number, rows: Uint32Array): T {
  return reading(where, () => {
    if (!ArrayBuffer.isView(values)) {
      const list: (number | bigint)[] = []
      for (const row of rows) {
        for (let j = 0; j < size; j++) {
          const value: unknown = values[row * size + j]
          if (typeof value !== 'number' && typeof value !== 'bigint') {
            throw new DataError(`${where}: row ${row} holds ${show(value)}; want numbers, rows one after the other`)
          }
          list.push(value)
        }
      }
      return list as unknown as T
    }
    // Its kind by name: the constructor of a Buffer, or of an array of another realm, is another one.
    const Kind = globalThis[(values as unknown as Float64Array)[Symbol.toStringTag] as 'Float64Array']
    const typed = values as unknown as Float64Array
    const copy = allocate(where, rows.length * size, Kind) as Float64Array
    for (let i = 0; i < rows.length; i++) {
      const from = rows[i] * size
      // A view costs as much as a few dozen values.
      if (size > 32) copy.set(typed.subarray(from, from + size), i * size)
      else for (let j = 0; j < size; j++) copy[i * size + j] = typed[from + j]
    }
    return copy as unknown as T
  })
}
