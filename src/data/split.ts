// Training and validation data from one set.

import { DataError, PlanError, checkOptions, finite, flag, integer } from '../errors'
import { type Random, createRandom } from '../random'
import type { Data, Labels } from './batches'

/** Which rows go where, each in ascending order. */
export interface Split {
  readonly training: Uint32Array
  readonly validation: Uint32Array
}

/**
 * Draws round(fraction · rows) rows for validation, of `labels`, if given, as many of each class; at least one row
 * stays on either side. Throws a PlanError or DataError, beginning with `where`, if that cannot be.
 */
export function splitRows(where: string, rows: number, fraction: number, random: Random, labels?: Labels): Split {
  finite(where, 'validation', fraction, 0, 1)
  if (fraction === 0 || fraction === 1) {
    throw new PlanError(`${where}: validation must be a share of the rows between 0 and 1, got ${fraction}`)
  }
  if (rows < 2) throw new DataError(`${where}: ${rows} row cannot be split; give more data`)
  const groups = new Map<number | bigint, number[]>()
  for (let row = 0; row < rows; row++) {
    const label = labels ? labels[row] : 0
    const group = groups.get(label)
    if (group) group.push(row)
    else groups.set(label, [row])
  }
  const validation: number[] = []
  const training: number[] = []
  for (const group of groups.values()) {
    random.shuffle(group)
    const wanted = Math.round(fraction * group.length)
    const taken = groups.size > 1 ? wanted : Math.min(Math.max(wanted, 1), rows - 1)
    validation.push(...group.slice(0, taken))
    training.push(...group.slice(taken))
  }
  if (!validation.length || !training.length) {
    const side = validation.length ? 'training' : 'validation'
    throw new DataError(`${where}: no row is left for ${side}: the classes are too small to share; do not stratify`)
  }
  return { training: Uint32Array.from(training).sort(), validation: Uint32Array.from(validation).sort() }
}

/** Two parts of some data, of the same types. */
export interface DataSplit<D extends Data> {
  /** What to train on. */
  training: Pick<D, 'x' | 'y'>
  /** What to watch the training by. */
  validation: Pick<D, 'x' | 'y'>
}

/**
 * Splits examples into training and validation, drawn at random with `seed`, 0 unless given: copies, each in the order
 * of the original. `validation` is the share for validation, 0.1 unless given; with `stratify`, false unless given, of
 * every label alike. y holds one value for each row; if it holds several, say how many `rows` there are, as many as
 * values of y unless given.
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
  checkOptions('splitData', options, ['validation', 'seed', 'stratify', 'rows'])
  const { x, y } = data ?? {}
  if (typeof x?.length !== 'number' || typeof y?.length !== 'number') {
    throw new DataError('splitData: data must be an object { x, y } of arrays')
  }
  const rows = integer('splitData', 'rows', options.rows ?? y.length, 1)
  if (!x.length || x.length % rows || y.length % rows) {
    throw new DataError(
      `splitData: x has ${x.length} values and y ${y.length}, which is not ${rows} rows of each; ` +
        `give rows if y has several values for each`,
    )
  }
  const stratify = flag('splitData', 'stratify', options.stratify ?? false)
  if (stratify && y.length !== rows) throw new PlanError('splitData: stratify needs labels, one for each row')
  const random = createRandom(integer('splitData', 'seed', options.seed ?? 0, 0), 3)
  const split = splitRows('splitData', rows, options.validation ?? 0.1, random, stratify ? y : undefined)
  const pick = (of: Uint32Array) => ({ x: rowsOf(x, x.length / rows, of), y: rowsOf(y, y.length / rows, of) })
  return { training: pick(split.training), validation: pick(split.validation) }
}

/** A copy of the given rows of `size` values, an array of the same kind. */
function rowsOf<T extends ArrayLike<number | bigint>>(values: T, size: number, rows: Uint32Array): T {
  const array = values as unknown as { constructor: new (length: number) => Record<number, number | bigint> }
  const Kind = ArrayBuffer.isView(values) ? array.constructor : Array
  const copy = new Kind(rows.length * size) as Record<number, number | bigint>
  for (let i = 0; i < rows.length; i++) for (let j = 0; j < size; j++) copy[i * size + j] = values[rows[i] * size + j]
  return copy as unknown as T
}
