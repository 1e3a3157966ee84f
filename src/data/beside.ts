// What data may have beside x and y: what each example weighs in the loss, and how many steps of its sequence count.

import { DataError, count, few, isPlain, quote, show } from '../errors'
import { type Numbers, type TypedNumbers, allocate, isTyped, reading } from './batches'

/**
 * What each example weighs in the loss, a number of at least 0 for each row; of a graph whose outputs have names, for
 * all of them, or for some by name.
 */
export type ExampleWeights<Out extends string = never> =
  Numbers | ([Out] extends [never] ? never : Readonly<Partial<Record<Out, Numbers>>>)

/**
 * How many of the T steps of a sequence count in each example, from 1 to T; of a graph whose inputs have names, of some
 * of them, by name.
 */
export type Lengths<In extends string = never> = [In] extends [never] ? Numbers : Readonly<Partial<Record<In, Numbers>>>

/** What data may have beside x and y. */
export interface Beside<In extends string = never, Out extends string = never> {
  /** What each example weighs in the loss, a number of at least 0 for each row; all the same unless given. */
  readonly weight?: ExampleWeights<Out>
  /** How many of its T steps count in each example, from 1 to T; all of them unless given. */
  readonly lengths?: Lengths<In>
}

/** A weight, read once. Throws a DataError unless it is a finite number of at least 0. */
export function checkWeight(weights: ArrayLike<number>, row: number, name: string): number {
  const weight: unknown = weights[row]
  if (typeof weight === 'number' && weight >= 0 && weight < Infinity) return weight
  throw new DataError(`${name}: row ${row} weighs ${show(weight)}; want a finite number of at least 0`)
}

/** A length, read once. Throws a DataError unless it is a whole number from 1 to `most`. */
export function checkLength(lengths: ArrayLike<number>, row: number, most: number, name: string): number {
  const length = lengths[row]
  if (Number.isInteger(length) && length >= 1 && length <= most) return length
  throw new DataError(`${name}: the length of row ${row} is ${show(length)}; want a whole number from 1 to ${most}`)
}

/** One number for each row, every one as `check` wants it: itself if it is a typed array, else a copy. */
export function readEach(
  name: string,
  values: unknown,
  rows: number,
  check: (values: ArrayLike<number>, row: number) => number,
): TypedNumbers {
  return reading(name, () => {
    const given = values as ArrayLike<number> | null | undefined
    if (typeof given?.length !== 'number')
      throw new DataError(`${name}: want a number for each row, got ${show(given)}`)
    if (given.length !== rows) {
      throw new DataError(`${name}: ${count(given.length, 'number')} for ${count(rows, 'row')} of x`)
    }
    const typed = isTyped(given)
    const to = typed ? given : allocate(name, rows, Float64Array)
    for (let row = 0; row < rows; row++) {
      const value = check(given, row)
      if (!typed) to[row] = value
    }
    return to
  })
}

/** What is there for each of the names; for one that has none, undefined. Throws a DataError on a name that nobody has. */
export function someOf(what: string, names: readonly string[], value: unknown): readonly unknown[] {
  if (!names.length) return [value]
  if (!isPlain(value)) throw new DataError(`${what} must be an object of some of { ${few(names)} }, got ${show(value)}`)
  return reading(what, () => {
    for (const key of Object.keys(value)) {
      if (!names.includes(key)) throw new DataError(`${what} has ${quote(key)}, but the network has { ${few(names)} }`)
    }
    return names.map((name) => (value as Readonly<Record<string, unknown>>)[name])
  })
}
