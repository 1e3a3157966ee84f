// Batches that come one after the other, from an iterable or an async iterable.

import { DataError, isObject, show } from '../errors'
import type { Data } from './batches'

/**
 * Batches { x, y } of any size up to that of the model; a function is called for each epoch, with its number 0, 1, ...
 */
export type Batches<In extends string = never, Out extends string = never> =
  Iterable<Data<In, Out>> | ((epoch: number) => Iterable<Data<In, Out>>)
/** The same, from a file, a network or a worker. */
export type AsyncBatches<In extends string = never, Out extends string = never> =
  AsyncIterable<Data<In, Out>> | ((epoch: number) => AsyncIterable<Data<In, Out>>)

/** Whether this is batches rather than data. */
export function isStream(data: unknown): data is Batches | AsyncBatches {
  if (typeof data === 'function') return true
  if (!isObject(data) || ArrayBuffer.isView(data)) return false
  try {
    // An array may hold batches; numbers are a mistake that checkData explains.
    if (Array.isArray(data) && data.length && typeof data[0] !== 'object') return false
    return Symbol.iterator in data || Symbol.asyncIterator in data
  } catch {
    // What cannot be looked at, too.
    return false
  }
}

/** The batches of an epoch, and whether each is a promise; `what` names the source in errors. */
export function openBatches(
  where: string,
  what: string,
  source: Batches | AsyncBatches,
  epoch: number,
): { iterator: Iterator<Data> | AsyncIterator<Data>; isAsync: boolean } {
  const isMade = typeof source === 'function'
  const batches = isMade ? source(epoch) : source
  if (isMade && (typeof batches === 'function' || !isStream(batches))) {
    throw new DataError(`${where}: the function must give an iterable of batches { x, y }, got ${show(batches)}`)
  }
  const isAsync = Symbol.asyncIterator in batches
  const open: unknown = isAsync ? batches[Symbol.asyncIterator] : (batches as Iterable<Data>)[Symbol.iterator]
  const made: unknown = typeof open === 'function' ? open.call(batches) : open
  if (typeof (made as Iterator<Data> | undefined)?.next !== 'function') {
    throw new DataError(`${where}: ${what}: its iterator has no next(), got ${show(made)}`)
  }
  return { iterator: made as Iterator<Data>, isAsync }
}
