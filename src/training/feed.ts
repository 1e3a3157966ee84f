// Batches for fit and evaluate, one interface over arrays, iterables and async iterables.

import {
  type Data,
  type Labels,
  type Numbers,
  checkFinite,
  checkLabel,
  checkProbabilities,
  copyLabels,
  copyRows,
  countRows,
} from '../data/batches'
import { DataError, checkNoPromise, show } from '../errors'
import type { Core } from './core'
import { settle } from './step'

/** Batches { x, y } of any size up to that of the model; a function is called for each epoch. */
export type Batches = Iterable<Data> | (() => Iterable<Data>)
/** The same, from a file, a network or a worker. */
export type AsyncBatches = AsyncIterable<Data> | (() => AsyncIterable<Data>)

/** Where batches come from, in the order in which they are taken. */
export interface Feed {
  /** In an epoch; NaN where that is not known ahead. */
  readonly rows: number
  readonly batches: number
  /** Begins an epoch; `order`, if given, is that of the rows. Whether next() gives promises. */
  start(epoch: number, order?: ArrayLike<number>): boolean
  /** Gets the next batch; false where there is none. */
  next(): boolean | Promise<boolean>
  /** Loads it into the model; returns its rows. */
  load(): number
  /** Ends an epoch, also in its middle. */
  close(): unknown
}

/** What data may hold: examples and targets, and what the readers of v128/data say beside them. */
const MEMBERS = ['x', 'y', 'shape', 'coarse', 'columns', 'classes']

/** Checks data before a run: rows, labels and every number. Returns the number of rows. */
export function checkData(where: string, core: Core, data: Data, name = ''): number {
  const what = name.replace(/\W+$/, '') || 'data'
  checkNoPromise(where, data)
  if (data === null || typeof data !== 'object') {
    throw new DataError(`${where}: ${what} must be an object { x, y }, got ${show(data)}`)
  }
  if (ArrayBuffer.isView(data) || Array.isArray(data)) {
    throw new DataError(`${where}: ${what} must be one object { x, y }, got an array; hand in ${where}({ x, y })`)
  }
  for (const key of Object.keys(data)) {
    if (MEMBERS.includes(key)) continue
    throw new DataError(`${where}: ${what} has a member '${key}' that nothing reads; it holds x and y alone`)
  }
  const { x, y } = data
  if (!x || !y) throw new DataError(`${where}: ${what} must be an object { x, y }, got ${show(data)}`)
  const rows = countRows(`${name}x`, x, core.input.size, core.input.shape)
  checkTargets(core, y, rows, `${name}y`)
  checkFinite(`${name}x`, x, core.input.size, core.dtype)
  return rows
}

/** Throws a DataError that names the first row with a target that is none, or says how many were wanted. */
export function checkTargets(core: Core, y: Labels | Numbers, rows: number, name = 'y'): void {
  const { classes, output, loss, dtype } = core
  if (classes) {
    if (y === null || typeof y !== 'object' || typeof y.length !== 'number') {
      throw new DataError(`${name}: want labels, got ${show(y)}`)
    }
    if (y.length !== rows) throw new DataError(`${name}: ${y.length} labels for ${rows} rows of x`)
    for (let row = 0; row < rows; row++) checkLabel(y, row, classes, name)
    return
  }
  const targets = countRows(name, y, output.size, output.shape)
  if (targets !== rows) throw new DataError(`${name}: ${targets} rows of targets for ${rows} rows of x`)
  if (loss?.targets === 'probabilities') checkProbabilities(name, y as Numbers, output.size)
  else checkFinite(name, y as Numbers, output.size, dtype)
}

/** The number of rows in x, of which a pass takes at most the batch of the model. */
export function rowsOf(where: string, core: Core, x: Numbers): number {
  const n = countRows('x', x, core.input.size, core.input.shape)
  if (n <= core.batch) return n
  throw new DataError(
    `${where}: ${n} rows, but the model was planned for batches of at most ${core.batch}; ` +
      `hand in fewer, or create it with batch: ${n}`,
  )
}

/** Puts n rows, rows[first] and on or, without `rows`, first and on, where the next pass finds them. */
export function loadBatch(core: Core, data: Data, n: number, rows: ArrayLike<number> | undefined, first: number): void {
  settle(core)
  if (core.classes) copyLabels(data.y, core.classes, core.labels, n, rows, first)
  else copyRows(data.y as Numbers, core.output.size, core.values, n, rows, first)
  copyRows(data.x, core.input.size, core.tensors.input.data, n, rows, first)
}

/** Whether this is batches rather than data. */
export function isStream(data: unknown): data is Batches | AsyncBatches {
  if (typeof data === 'function') return true
  // An array may hold batches; numbers are a mistake that checkData explains.
  if (typeof data !== 'object' || data === null || ArrayBuffer.isView(data)) return false
  if (Array.isArray(data) && data.length && typeof data[0] !== 'object') return false
  return Symbol.iterator in data || Symbol.asyncIterator in data
}

/** Batches of at most `batch` of `rows` rows, which have been checked: in the order of `order`, if given. */
export function arrayFeed(
  core: Core,
  data: Data,
  batch: number,
  { rows, order, dropLast = false }: { rows: number; order?: ArrayLike<number>; dropLast?: boolean },
): Feed {
  const taken = dropLast ? rows - (rows % batch) : rows
  let current = order
  let first = 0
  return {
    rows: taken,
    batches: Math.ceil(taken / batch),
    start(_, shuffled = order) {
      current = shuffled
      first = 0
      return false
    },
    next: () => first < taken,
    load() {
      const n = Math.min(batch, taken - first)
      loadBatch(core, data, n, current, first)
      first += n
      return n
    },
    close() {},
  }
}

/** The batches of an iterable, each checked when it comes. */
export function streamFeed(where: string, core: Core, source: Batches | AsyncBatches, name = ''): Feed {
  let iterator: Iterator<Data> | AsyncIterator<Data>
  let finished = true
  let epoch = 0
  let index = 0
  let current: Data
  let n = 0
  const take = (result: IteratorResult<Data>): boolean => {
    if (result === null || typeof result !== 'object') {
      throw new DataError(
        `${where}: ${name || 'data'}: its iterator's next() must give { value, done }, got ${show(result)}`,
      )
    }
    const { done, value } = result
    if (done) {
      finished = true
      if (index) return false
      throw new DataError(
        `${where}: ${name || 'data'} gave no batch in epoch ${epoch}` +
          (epoch ? '; an iterator runs only once: hand in a function that makes one for each epoch' : ''),
      )
    }
    const prefix = `${name && `${name}, `}batch ${index} of epoch ${epoch}: `
    n = checkData(where, core, value, prefix)
    if (n > core.batch) {
      throw new DataError(
        `${where}: ${prefix}${n} rows, but the model was planned for batches of at most ${core.batch}; ` +
          `hand in fewer, or create it with batch: ${n}`,
      )
    }
    current = value
    index++
    return true
  }
  return {
    rows: NaN,
    batches: NaN,
    start(number) {
      epoch = number
      index = 0
      const batches = typeof source === 'function' ? source() : source
      if (typeof source === 'function' && (typeof batches === 'function' || !isStream(batches))) {
        throw new DataError(`${where}: the function must give an iterable of batches { x, y }, got ${show(batches)}`)
      }
      const isAsync = Symbol.asyncIterator in batches
      const made: unknown = isAsync ? batches[Symbol.asyncIterator]() : (batches as Iterable<Data>)[Symbol.iterator]()
      if (typeof (made as Iterator<Data> | undefined)?.next !== 'function') {
        throw new DataError(`${where}: ${name || 'data'}: its iterator has no next(), got ${show(made)}`)
      }
      iterator = made as Iterator<Data>
      finished = false
      return isAsync
    },
    next() {
      const result: unknown = iterator.next()
      const promised = typeof (result as PromiseLike<unknown> | undefined)?.then === 'function'
      return promised ? (result as Promise<IteratorResult<Data>>).then(take) : take(result as IteratorResult<Data>)
    },
    load() {
      loadBatch(core, current, n, undefined, 0)
      return n
    },
    close() {
      if (finished) return
      finished = true
      return iterator.return?.()
    },
  }
}

/** Data that is checked now, or batches that are checked as they come. */
export function feedOf(where: string, core: Core, data: Data | Batches | AsyncBatches, name = ''): Feed {
  if (isStream(data)) return streamFeed(where, core, data, name)
  return arrayFeed(core, data, core.batch, { rows: checkData(where, core, data, name && `${name}.`) })
}
