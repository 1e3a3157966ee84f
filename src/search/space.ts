// What a search draws its hyperparameters from. A space is plain data: it goes into the file of the search.
//
// A place is a number from 0 to 1: where a value lies in its range, on the scale of the range. A trial draws its places
// evenly, so a rate from logUniform(1e-4, 1) is as likely to lie between 1e-4 and 1e-3 as between 0.1 and 1.

import {
  PlanError,
  brief,
  checkArguments,
  finite,
  integer as checkInteger,
  isPlain,
  quote,
  readSafely,
  show,
} from '../errors'
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

/** The most trials that a search has: each is a line of its file, and more than so many are no search any more. */
export const MAX_TRIALS = 1_000_000

function range(kind: Range['kind'], low: unknown, high: unknown): Range {
  const checked = { kind, low: finite(kind, 'low', low), high: finite(kind, 'high', high) }
  if (checked.low > checked.high) {
    throw new PlanError(`${kind}: low must not be more than high, got ${checked.low} and ${checked.high}`)
  }
  // Between -1e308 and 1e308 lies more than the greatest number; of integers the difference must be exact.
  if (checked.high - checked.low > (kind === 'integer' ? Number.MAX_SAFE_INTEGER - 1 : Number.MAX_VALUE)) {
    throw new PlanError(`${kind}: from ${checked.low} to ${checked.high} is too wide`)
  }
  return checked
}

/**
 * Numbers from `low` to `high`, all as likely as each other: for what works by its amount, such as the share that
 * dropout keeps.
 *
 *     uniform(0.3, 0.9)
 */
export function uniform(low: number, high: number): Range {
  checkArguments('uniform', arguments, 2)
  return range('uniform', low, high)
}

/**
 * Numbers from `low`, above 0, to `high`, each power of ten as likely as another: for what works by its ratio, such as a
 * learning rate or l2 (CS231n: "search on a log scale").
 *
 *     logUniform(1e-4, 1)
 */
export function logUniform(low: number, high: number): Range {
  checkArguments('logUniform', arguments, 2)
  const checked = range('logUniform', low, high)
  if (checked.low > 0) return checked
  throw new PlanError(`logUniform: low must be above 0, for 0 has no logarithm, got ${checked.low}`)
}

/**
 * Numbers β from `low` to `high`, below 1, whose 1 - β is log-uniform: for momentum and other decays, where 0.9 to 0.99
 * makes the difference of 0.99 to 0.999.
 *
 *     oneMinusLogUniform(0.9, 0.999)
 */
export function oneMinusLogUniform(low: number, high: number): Range {
  checkArguments('oneMinusLogUniform', arguments, 2)
  const checked = range('oneMinusLogUniform', low, high)
  if (checked.high < 1) return checked
  throw new PlanError(`oneMinusLogUniform: high must be below 1, for 0 has no logarithm, got ${checked.high}`)
}

/**
 * Integers from `low` to `high`, both included, all as likely as each other.
 *
 *     integer(1, 4)
 */
export function integer(low: number, high: number): Range {
  checkArguments('integer', arguments, 2)
  const end = (name: string, value: unknown) => checkInteger('integer', name, value, -Number.MAX_SAFE_INTEGER)
  return range('integer', end('low', low), end('high', high))
}

/**
 * One of `values`, all as likely as each other: strings, numbers, booleans, null, and arrays and objects of them.
 *
 *     choice(['sgd', 'adam'])
 */
export function choice<const T extends Choosable>(values: readonly T[]): Choice<T> {
  checkArguments('choice', arguments, 1, `write choice([...]), one list`)
  return readSafely('choice', 'the values', () => {
    if (!Array.isArray(values) || !values.length) {
      throw new PlanError(`choice: wants an array of values, one at least, got ${show(values)}`)
    }
    const room = { left: MAX_VALUES }
    return {
      kind: 'choice',
      values: Array.from(values as readonly unknown[], (value) => copyJson(value, value, room) as T),
    }
  })
}

/** How many values a choice may have, those within arrays and objects included, and how deep they may lie. */
const MAX_VALUES = 100_000
const MAX_DEPTH = 32

/** A copy of a value, or of what is in it. Throws a PlanError where it is none that JSON can write and read back. */
function copyJson(value: unknown, whole: unknown, room: { left: number }, depth = 0): Choosable {
  if (--room.left < 0 || depth > MAX_DEPTH) {
    throw new PlanError(
      `choice: ${show(whole)} is too large, or refers to itself; choose among names, and look up what they stand for in run`,
    )
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return Array.from(value as unknown[], (one) => copyJson(one, whole, room, depth + 1))
  if (isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copyJson(one, whole, room, depth + 1)]))
  }
  throw new PlanError(
    `choice: ${show(whole)} cannot be written to a file; choose among names, and look up what they stand for in run`,
  )
}

const MAKERS = { uniform, logUniform, oneMinusLogUniform, integer }

/** A copy of a space, each part read once. Throws a PlanError unless it is one. */
export function checkSpace<S extends Space>(where: string, space: S): S {
  const example = '{ learningRate: logUniform(1e-4, 1) }'
  return readSafely(where, 'space', () => {
    const entries = isPlain(space) ? Object.entries(space) : []
    if (!entries.length) throw new PlanError(`${where}: space must be an object such as ${example}, got ${show(space)}`)
    return Object.fromEntries(
      entries.map(([name, dimension]): [string, Range | Choice] => {
        const at = `${where}: space.${brief(name)}`
        const { kind, low, high, values, ...rest } = (isPlain(dimension) ? dimension : {}) as Record<string, unknown>
        const isChoice = kind === 'choice'
        if (!isChoice && !(typeof kind === 'string' && Object.hasOwn(MAKERS, kind))) {
          throw new PlanError(`${at} must be a range or a choice, as in ${example}`)
        }
        const [unknown] = [
          ...(isChoice ? ['low', 'high'] : ['values']).filter((key) => key in dimension),
          ...Object.keys(rest),
        ]
        if (unknown !== undefined) throw new PlanError(`${at}: unknown member ${quote(unknown)}`)
        return [
          name,
          isChoice ? choice(values as never) : MAKERS[kind as keyof typeof MAKERS](low as never, high as never),
        ]
      }),
    ) as S
  })
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

/** Streams of a seed from here on belong to trials, one each; there are 2^32 of them. */
const FIRST_STREAM = 0x100000
const LAST_INDEX = 2 ** 32 - 1 - FIRST_STREAM

/** The seed and, from then on, the places of trial `index`: no other trial has a part in them. */
function drawTrial<S extends Space>(space: S, seed: number, index: number, chosen?: ReadonlyMap<string, Choosable>) {
  const random = createRandom(seed, FIRST_STREAM + index)
  const own = random.next()
  const draw = (name: string, dimension: Range | Choice) =>
    chosen ? chosen.get(name) : valueAt(dimension, random.uniform())
  const parameters = Object.entries(space).map(([name, dimension]) => [name, draw(name, dimension)])
  return { index, seed: own, parameters: Object.fromEntries(parameters) as Values<S> }
}

/** Trial `index` of a random search over a space that has been checked. */
export function randomTrial<S extends Space>(space: S, seed: number, index: number): Trial<S> {
  return drawTrial(space, seed, index)
}

/**
 * Trial `index` of a random search with this seed: its hyperparameters and its own seed, which no other trial has a part
 * in. So any trial can be run again alone; one of a later round of a search from coarse to fine with the space of that
 * round.
 *
 *     const { parameters, seed } = trialOf(space, 1, 17)
 */
export function trialOf<S extends Space>(space: S, seed: number, index: number): Trial<S> {
  const where = 'trialOf'
  checkArguments(where, arguments, 3)
  const checked = checkSpace(where, space)
  return drawTrial(checked, checkInteger(where, 'seed', seed, 0), checkInteger(where, 'index', index, 0, LAST_INDEX))
}

/**
 * The values of each dimension of a grid: all of a choice, and `points` of a range, its ends among them. Throws a
 * PlanError where that is more trials than a search may have.
 */
export function gridOf(space: Space, points: number): ReadonlyMap<string, readonly Choosable[]> {
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
  const grid = new Map<string, readonly Choosable[]>()
  let trials = 1
  for (const [name, dimension] of Object.entries(space)) {
    grid.set(name, values(dimension))
    trials *= grid.get(name)!.length
    if (trials > MAX_TRIALS) {
      throw new PlanError(
        `search: this grid has more than ${MAX_TRIALS} trials; give fewer points, or search at random`,
      )
    }
  }
  return grid
}

/** Trial `index` of a grid: the last hyperparameter changes fastest. */
export function gridTrial<S extends Space>(
  space: S,
  grid: ReadonlyMap<string, readonly Choosable[]>,
  seed: number,
  index: number,
): Trial<S> {
  let rest = index
  const chosen = new Map<string, Choosable>()
  for (const [name, values] of [...grid].toReversed()) {
    chosen.set(name, values[rest % values.length])
    rest = Math.floor(rest / values.length)
  }
  return drawTrial(space, seed, index, chosen)
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
      const good = new Set(values.map((value) => JSON.stringify(value)))
      return [name, { ...dimension, values: dimension.values.filter((value) => good.has(JSON.stringify(value))) }]
    }
    let least = 1
    let most = 0
    for (const value of values as number[]) {
      const place = placeOf(dimension, value)
      least = Math.min(least, place)
      most = Math.max(most, place)
    }
    const low = valueAt(dimension, Math.max(least - margin, 0))
    const high = valueAt(dimension, Math.min(most + margin, 1))
    return [name, { ...dimension, low, high }]
  })
  return Object.fromEntries(narrowed) as S
}
