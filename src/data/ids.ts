// Whole numbers that name something, such as words of a vocabulary: from what people hand in to rows in a model's memory.

import { DataError, show } from '../errors'
import { type Numbers, type TypedNumbers, allocate, countRows, isTyped, reading } from './batches'

/**
 * The rows of x, whole numbers from 0 to below `below`: x itself if it is a typed array, else a copy. Throws a DataError
 * that names the first example with another.
 */
export function readIds(name: string, x: Numbers, size: number, shape: readonly number[], below: number): TypedNumbers {
  const length = countRows(name, x, size, shape) * size
  if (isTyped(x)) {
    checkIds(name, x, length, size, below)
    return x
  }
  const copy = allocate(name, length, Int32Array)
  reading(name, () => checkIds(name, x, length, size, below, copy))
  return copy
}

/** Throws a DataError unless `length` of them are such numbers. They go into `copy`, if given. */
export function checkIds(
  name: string,
  x: Numbers,
  length: number,
  size: number,
  below: number,
  copy?: TypedNumbers,
): void {
  const most = Math.min(below, 2 ** 31) - 1
  const least = below === Infinity ? -(2 ** 31) : 0
  for (let i = 0; i < length; i++) {
    const id = x[i]
    if (!(Number.isInteger(id) && id >= least && id <= most)) throw badId(name, i, size, id, below)
    if (copy) copy[i] = id
  }
}

function badId(name: string, i: number, size: number, id: unknown, below: number): DataError {
  const at = size > 1 ? `, at position ${i % size},` : ''
  const wanted =
    below === Infinity ? 'whole numbers of 32 bits' : `ids from 0 to ${below - 1}, a vocabulary of ${below}`
  return new DataError(`${name}: example ${Math.floor(i / size)} holds ${show(id)}${at} but wants ${wanted}`)
}
