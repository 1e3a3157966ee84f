// Batches for fit and evaluate, one interface over arrays, iterables and async iterables.

import {
  type Data,
  type Labels,
  type Numbers,
  checkFinite,
  checkLabel,
  checkProbabilities,
  countRows,
} from '../data/batches'
import type { Tensor } from '../tensor'
import { DataError, show } from '../errors'
import type { LossStep } from '../losses'

/** Batches { x, y } of any size up to that of the model; a function is called for each epoch. */
export type Batches = Iterable<Data> | (() => Iterable<Data>)
/** The same, from a file, a network or a worker. */
export type AsyncBatches = AsyncIterable<Data> | (() => AsyncIterable<Data>)

/** What a feed needs of a model. */
export interface Loadable {
  readonly batch: number
  readonly input: Tensor
  readonly inputSize: number
  /** Classes of the labels; 0 where the targets are values, `targetSize` of them for each example. */
  readonly classes: number
  readonly targets: LossStep['targets']
  readonly targetSize: number
  /** Puts n rows, rows[first] and on, where the next pass finds them. */
  loadBatch(data: Data, n: number, rows: ArrayLike<number> | undefined, first: number): void
}

export interface Feed {
  /** In an epoch; NaN where that is not known ahead. */
  readonly rows: number
  readonly batches: number
  /** Begins an epoch. Whether next() gives promises. */
  start(epoch: number): boolean
  /** Gets the next batch; false where there is none. */
  next(): boolean | Promise<boolean>
  /** Loads it into the model; returns its rows. */
  load(): number
  /** Ends an epoch, also in its middle. */
  close(): unknown
}

/** Checks data before a run: rows, labels and every number. Returns the number of rows. */
export function checkData(where: string, model: Loadable, data: Data, name = ''): number {
  if (data === null || typeof data !== 'object' || !data.x || !data.y) {
    throw new DataError(`${where}: ${name.replace(/\W+$/, '') || 'data'} must be an object { x, y }, got ${show(data)}`)
  }
  const { x, y } = data
  const rows = countRows(`${name}x`, x, model.inputSize, model.input.shape.slice(1))
  if (model.classes) {
    if (typeof y !== 'object' || typeof y.length !== 'number')
      throw new DataError(`${name}y: want labels, got ${show(y)}`)
    if (y.length !== rows) throw new DataError(`${name}y: ${y.length} labels for ${rows} rows of x`)
    for (let row = 0; row < rows; row++) checkLabel(y as Labels, row, model.classes, `${name}y`)
  } else {
    const targets = countRows(`${name}y`, y, model.targetSize, [model.targetSize])
    if (targets !== rows) throw new DataError(`${name}y: ${targets} rows of targets for ${rows} rows of x`)
    checkValues(`${name}y`, model, y)
  }
  checkFinite(`${name}x`, x, model.inputSize)
  return rows
}

/** Throws a DataError that names the first row with a target that is none; labels are checked where they are copied. */
export function checkValues(name: string, { targets, targetSize }: Loadable, y: Labels | Numbers): void {
  if (targets === 'values') checkFinite(name, y as Numbers, targetSize)
  if (targets === 'probabilities') checkProbabilities(name, y as Numbers, targetSize)
}

/** Whether this is batches rather than data. */
export function isStream(data: unknown): data is Batches | AsyncBatches {
  if (typeof data === 'function') return true
  return typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
}

/** Batches of `batch` rows, in the order of `rows` if given; the data has been checked. */
export function arrayFeed(model: Loadable, data: Data, batch: number, rows: ArrayLike<number> | number): Feed {
  const count = typeof rows === 'number' ? rows : rows.length
  const order = typeof rows === 'number' ? undefined : rows
  let first = 0
  return {
    rows: count,
    batches: Math.ceil(count / batch),
    start() {
      first = 0
      return false
    },
    next: () => first < count,
    load() {
      const n = Math.min(batch, count - first)
      model.loadBatch(data, n, order, first)
      first += n
      return n
    },
    close() {},
  }
}

/** The batches of an iterable, each checked when it comes. */
export function streamFeed(where: string, model: Loadable, source: Batches | AsyncBatches, name = ''): Feed {
  let iterator: Iterator<Data> | AsyncIterator<Data>
  let finished = true
  let epoch = 0
  let index = 0
  let current: Data
  let n = 0
  const take = ({ done, value }: IteratorResult<Data>): boolean => {
    if (done) {
      finished = true
      if (index) return false
      throw new DataError(
        `${where}: ${name || 'data'} gave no batch in epoch ${epoch}` +
          (epoch ? '; an iterator runs only once: hand in a function that makes one for each epoch' : ''),
      )
    }
    const prefix = `${name && `${name}, `}batch ${index} of epoch ${epoch}: `
    n = checkData(where, model, value, prefix)
    if (n > model.batch) {
      throw new DataError(
        `${where}: ${prefix}${n} rows, but the model was planned for batches of at most ${model.batch}; ` +
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
      iterator = isAsync ? batches[Symbol.asyncIterator]() : (batches as Iterable<Data>)[Symbol.iterator]()
      finished = false
      return isAsync
    },
    next() {
      const result = iterator.next()
      return 'then' in result ? result.then(take) : take(result)
    },
    load() {
      model.loadBatch(current, n, undefined, 0)
      return n
    },
    close() {
      if (finished) return
      finished = true
      return iterator.return?.()
    },
  }
}
