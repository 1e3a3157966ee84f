// What a search draws its hyperparameters from. A space is plain data: it goes into the file of the search.
//
// A place is a number from 0 to 1: where a value lies in its range, on the scale of the range. A trial draws its places
// evenly, so a rate from logUniform(1e-4, 1) is as likely to lie between 1e-4 and 1e-3 as between 0.1 and 1.

import { PlanError, finite, integer as checkInteger, show } from '../errors'
import { exp, log } from '../kernels/math'
import { createRandom } from '../random'

/** What a choice may hold: JSON, for values go into files and to worker threads. */
export type Choosable = string | number | boolean | null | readonly Choosable[] | { readonly [key: string]: Choosable }

/** Numbers from `low` to `high`, both included; see uniform, logUniform, oneMinusLogUniform and integer. */
export interface Range {
  /** On which scale all values are equally likely. */
  readonly kind: 'uniform' | 'logUniform' | 'oneMinusLogUniform' | 'integer'
  /** The least value. */
  readonly low: number
  /** The greatest value. */
  readonly high: number
}

/** One of some values; see choice. */
export interface Choice<T extends Choosable = Choosable> {
  /** What tells it from a range. */
  readonly kind: 'choice'
  /** All of them, each as likely as another. */
  readonly values: readonly T[]
}

/** Hyperparameters by name, each with what its values are drawn from. */
export type Space = Readonly<Record<string, Range | Choice>>

/** A value for each hyperparameter of a space. */
export type Values<S extends Space> = {
  readonly [K in keyof S]: S[K] extends Choice<infer T> ? T : number
}

/** What a trial tries. It follows from the space, the seed of the search and the index alone: see trialOf. */
export interface Trial<S extends Space = Space> {
  /** 0, 1, ... */
  readonly index: number
  /** For createModel, say: each trial has its own. */
  readonly seed: number
  /** The hyperparameters. */
  readonly parameters: Values<S>
}

function range(kind: Range['kind'], low: number, high: number): Range {
  finite(kind, 'low', low)
  finite(kind, 'high', high)
  if (low > high) throw new PlanError(`${kind}: low must not be more than high, got ${low} and ${high}`)
  return { kind, low, high }
}

/**
 * Numbers from `low` to `high`, all as likely as each other: for what works by its amount, such as the share that
 * dropout keeps.
 *
 *     uniform(0.3, 0.9)
 */
export function uniform(low: number, high: number): Range {
  return range('uniform', low, high)
}

/**
 * Numbers from `low`, above 0, to `high`, each power of ten as likely as another: for what works by its ratio, such as a
 * learning rate or l2 (CS231n: "search on a log scale").
 *
 *     logUniform(1e-4, 1)
 */
export function logUniform(low: number, high: number): Range {
  if (!(low > 0)) {
    throw new PlanError(`logUniform: low must be above 0, for 0 has no logarithm, got ${show(low)}`)
  }
  return range('logUniform', low, high)
}

/**
 * Numbers β from `low` to `high`, below 1, whose 1 - β is log-uniform: for momentum and other decays, where 0.9 to 0.99
 * makes the difference of 0.99 to 0.999.
 *
 *     oneMinusLogUniform(0.9, 0.999)
 */
export function oneMinusLogUniform(low: number, high: number): Range {
  if (!(high < 1)) {
    throw new PlanError(`oneMinusLogUniform: high must be below 1, for 0 has no logarithm, got ${show(high)}`)
  }
  return range('oneMinusLogUniform', low, high)
}

/**
 * Integers from `low` to `high`, both included, all as likely as each other.
 *
 *     integer(1, 4)
 */
export function integer(low: number, high: number): Range {
  checkInteger('integer', 'low', low, -Number.MAX_SAFE_INTEGER)
  checkInteger('integer', 'high', high, -Number.MAX_SAFE_INTEGER)
  return range('integer', low, high)
}

/**
 * One of `values`, all as likely as each other: strings, numbers, booleans, null, and arrays and objects of them.
 *
 *     choice(['sgd', 'adam'])
 */
export function choice<const T extends Choosable>(values: readonly T[]): Choice<T> {
  if (!Array.isArray(values) || !values.length) {
    throw new PlanError(`choice: wants an array of values, one at least, got ${show(values)}`)
  }
  for (const value of values) {
    if (!isJson(value)) {
      throw new PlanError(
        `choice: ${show(value)} cannot be written to a file; choose among names, and look up what they stand for in run`,
      )
    }
  }
  return { kind: 'choice', values }
}

function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (Array.isArray(value)) return value.every(isJson)
  return typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype
    ? Object.values(value).every(isJson)
    : false
}

/** Throws a PlanError unless `space` is one. */
export function checkSpace(where: string, space: Space): void {
  const example = '{ learningRate: logUniform(1e-4, 1) }'
  if (space === null || typeof space !== 'object' || !Object.keys(space).length) {
    throw new PlanError(`${where}: space must be an object such as ${example}, got ${show(space)}`)
  }
  const makers = { uniform, logUniform, oneMinusLogUniform, integer }
  for (const [name, dimension] of Object.entries(space)) {
    if (dimension?.kind === 'choice') choice(dimension.values)
    else if (Object.hasOwn(makers, dimension?.kind ?? '')) makers[dimension.kind](dimension.low, dimension.high)
    else throw new PlanError(`${where}: space.${name} must be a range or a choice, as in ${example}`)
  }
}

// ---- places ----

/** The value at a place from 0 to 1, which counts as the end of the range. */
export function valueAt(dimension: Range | Choice, place: number): Choosable {
  if (dimension.kind === 'choice') {
    const { values } = dimension
    return values[Math.min(Math.floor(place * values.length), values.length - 1)]
  }
  const { kind, low, high } = dimension
  if (kind === 'integer') return Math.min(low + Math.floor(place * (high - low + 1)), high)
  const between = (a: number, b: number) => a + place * (b - a)
  const value =
    kind === 'logUniform'
      ? exp(between(log(low), log(high)))
      : kind === 'oneMinusLogUniform'
        ? 1 - exp(between(log(1 - low), log(1 - high)))
        : between(low, high)
  // Rounding must not leave the range.
  return Math.min(Math.max(value, low), high)
}

/** Where a value of a range lies, from 0 to 1: the middle of the places that have it. */
export function placeOf({ kind, low, high }: Range, value: number): number {
  if (kind === 'integer') return (value - low + 0.5) / (high - low + 1)
  if (low === high) return 0.5
  if (kind === 'logUniform') return (log(value) - log(low)) / (log(high) - log(low))
  if (kind === 'oneMinusLogUniform') return (log(1 - value) - log(1 - low)) / (log(1 - high) - log(1 - low))
  return (value - low) / (high - low)
}

// ---- trials ----

/** Streams of a seed from here on belong to trials, one each. */
const FIRST_STREAM = 0x100000

/** The seed and, from then on, the places of trial `index`: no other trial has a part in them. */
function drawTrial<S extends Space>(space: S, seed: number, index: number, draw?: (name: string) => Choosable) {
  const random = createRandom(seed, FIRST_STREAM + index)
  const own = random.next()
  const parameters: Record<string, Choosable> = {}
  for (const [name, dimension] of Object.entries(space)) {
    parameters[name] = draw ? draw(name) : valueAt(dimension, random.uniform())
  }
  return { index, seed: own, parameters: parameters as Values<S> }
}

/**
 * Trial `index` of a random search with this seed: its hyperparameters and its own seed, which no other trial has a part
 * in. So any trial can be run again alone; one of a later round of a search from coarse to fine with the space of that
 * round.
 *
 *     const { parameters, seed } = trialOf(space, 1, 17)
 */
export function trialOf<S extends Space>(space: S, seed: number, index: number): Trial<S> {
  checkSpace('trialOf', space)
  checkInteger('trialOf', 'seed', seed, 0)
  checkInteger('trialOf', 'index', index, 0)
  return drawTrial(space, seed, index)
}

/** The values of each dimension of a grid: all of a choice, and `points` of a range, its ends among them. */
export function gridOf(space: Space, points: number): Record<string, readonly Choosable[]> {
  const values = (dimension: Range | Choice): readonly Choosable[] => {
    if (dimension.kind === 'choice') return dimension.values
    const n = dimension.low === dimension.high ? 1 : points
    const places = Array.from({ length: n }, (_, i) => (n === 1 ? 0.5 : i / (n - 1)))
    const { kind, low, high } = dimension
    // Of an integer the places between the ends are those of the numbers, so that few points lie evenly.
    const at = (place: number) =>
      kind === 'integer' ? low + Math.floor(place * (high - low) + 0.5) : valueAt(dimension, place)
    return [...new Set(places.map(at))]
  }
  return Object.fromEntries(Object.entries(space).map(([name, dimension]) => [name, values(dimension)]))
}

/** Trial `index` of a grid: the last hyperparameter changes fastest. */
export function gridTrial<S extends Space>(
  space: S,
  grid: Record<string, readonly Choosable[]>,
  seed: number,
  index: number,
) {
  let rest = index
  const chosen: Record<string, Choosable> = {}
  for (const name of Object.keys(grid).toReversed()) {
    const values = grid[name]
    chosen[name] = values[rest % values.length]
    rest = Math.floor(rest / values.length)
  }
  return drawTrial(space, seed, index, (name) => chosen[name])
}

/**
 * The space of the next round: each range shrinks to where its best values lay, and the mean distance of `trials`
 * values to either side; a choice keeps the values that are among the best. What does not matter, so that
 * its best values lie everywhere, stays as wide as it is.
 */
export function narrow<S extends Space>(space: S, best: readonly Values<S>[], trials: number): S {
  const margin = 1 / trials
  const narrowed = Object.entries(space).map(([name, dimension]) => {
    const values = best.map((parameters) => parameters[name])
    if (dimension.kind === 'choice') {
      const kept = dimension.values.filter((value) => values.some((v) => JSON.stringify(v) === JSON.stringify(value)))
      return [name, { ...dimension, values: kept }]
    }
    const places = (values as number[]).map((value) => placeOf(dimension, value))
    const low = valueAt(dimension, Math.max(Math.min(...places) - margin, 0))
    const high = valueAt(dimension, Math.min(Math.max(...places) + margin, 1))
    return [name, { ...dimension, low, high }]
  })
  return Object.fromEntries(narrowed) as S
}
