import { PlanError, checkArguments, integer as checkInteger, readSafely, show } from './errors'
import { log } from './kernels/math'

/** A stream of random numbers that is the same on every machine for the same seed. */
export interface Random {
  /** An integer from 0 to 2^32 - 1. */
  next(): number
  /** A number in [0, 1), 53 bits. */
  uniform(): number
  /** A number of the standard normal distribution. */
  normal(): number
  /** An integer from 0 to n - 1, without bias; n is from 1 to 2^32. Throws a PlanError on any other n. */
  integer(n: number): number
  /** Brings the values into random order, in place (Fisher and Yates). Throws a PlanError on what is no list. */
  shuffle<T extends { length: number; [index: number]: number }>(values: T): T
}

/** The last step of splitmix32: a bijection of 32 bits after which every bit depends on all. */
export function mix(z: number): number {
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}

/**
 * Random numbers from xoshiro128** (Blackman & Vigna, 2018), its state filled from `seed` by splitmix32. Integer
 * arithmetic and our own logarithm only, so that no bit depends on the engine. `stream`, 0 unless given, separates uses
 * of one seed, and `index`, 0 unless given, draws of one use, such as the orders of different epochs: what is drawn for
 * one depends on nothing drawn before. A model takes stream 0 for its first weights, 1 to shuffle, 3 to split off validation
 * data: draw data for a model of the same seed from another, or from another seed, lest it resembles those weights.
 * Throws a PlanError unless the seed is an integer from 0 to 2^53 - 1, and the stream one from 0 to 2^32 - 1.
 */
export function createRandom(seed: number, stream = 0, index = 0): Random {
  checkArguments('createRandom', arguments, 3)
  const random = createDraws(seed, stream)
  random.begin(index)
  return random
}

/** Random numbers that begin anew for each index, with nothing allocated. */
export interface Draws extends Random {
  /** From here on, the numbers are those of createRandom(seed, stream, index). */
  begin(index: number): void
}

/** See createRandom; `begin` comes before the first number. */
export function createDraws(seed: number, stream: number): Draws {
  checkInteger('createRandom', 'seed', seed, 0)
  checkInteger('createRandom', 'stream', stream, 0, 4294967295)
  let state = 0
  const split = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    return mix(state)
  }
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  /** The second of a pair of normal numbers. */
  let spare = NaN
  const begin = (index: number): void => {
    checkInteger('createRandom', 'index', index, 0, 4294967295)
    state = (seed ^ Math.imul(stream, 0x85ebca6b) ^ (index ? mix(index) : 0)) >>> 0
    a = split()
    b = split()
    // The high half of the seed enters halfway, so that no two seeds give one state.
    state = (state ^ Math.floor(seed / 4294967296)) >>> 0
    c = split()
    // Never all zero, which xoshiro would not leave.
    d = split() | 1
    spare = NaN
  }

  const next = (): number => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return result
  }
  const uniform = (): number => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992
  const below = (n: number): number => {
    // Values above the last whole multiple of n would favour small results.
    const limit = 4294967296 - (4294967296 % n)
    let value = next()
    while (value >= limit) value = next()
    return value % n
  }
  const normal = (): number => {
    // Marsaglia's polar method gives two at a time.
    if (spare === spare) {
      const value = spare
      spare = NaN
      return value
    }
    let x = 0
    let y = 0
    let s = 0
    do {
      x = 2 * uniform() - 1
      y = 2 * uniform() - 1
      s = x * x + y * y
    } while (s >= 1 || s === 0)
    const factor = Math.sqrt((-2 * log(s)) / s)
    spare = y * factor
    return x * factor
  }
  return {
    begin,
    next,
    uniform,
    normal,
    integer: (n) => below(checkInteger('random.integer', 'n', n, 1, 4294967296)),
    shuffle(values) {
      readSafely('random.shuffle', 'the list', () => {
        checkList(values)
        for (let i = values.length - 1; i > 0; i--) {
          const j = below(i + 1)
          const value = values[i]
          values[i] = values[j]
          values[j] = value
        }
      })
      return values
    },
  }
}

/** Throws unless values can be exchanged in it. */
function checkList(values: unknown): void {
  if (ArrayBuffer.isView(values) && 'length' in values) return
  // Of an array without values at its end its length says nothing of how much there is.
  if (Array.isArray(values) && !Object.isFrozen(values) && (!values.length || values.length - 1 in values)) return
  throw new PlanError(`random.shuffle: wants an array or a typed array, not frozen, got ${show(values)}`)
}
