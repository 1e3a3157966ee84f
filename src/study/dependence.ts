// Whether outcomes have to do with inputs at all: permutation tests (Fisher, 1935), which hold for any data.

import { exp } from '../kernels/math'
import type { Random } from '../random'

/** Neighbours of each row. */
const NEIGHBOURS = 5
/** Permutations of the outcomes. */
const PERMUTATIONS = 300

/** What a test found. */
export interface Dependence {
  /** Whether inputs and outcomes have more in common than in any of the permutations, and by far. */
  readonly found: boolean
  /** Deviations from chance, should like inputs always have like outcomes: below about 12 the test is too weak. */
  readonly power: number
}

/**
 * Compares, for n rows of d inputs and m outcomes each, how like the outcomes are where inputs are: of the nearest
 * neighbours; by the linear kernel, which sees what a linear model sees; and by a Gaussian one (Gretton et al., "A
 * Kernel Statistical Test of Independence", 2008). All with inputs scaled to unit variance, and as they are.
 */
export function dependence(x: Float64Array, y: Float64Array, n: number, random: Random): Dependence {
  const likeness = gram(centred(y, n), n)
  const orders = Array.from({ length: PERMUTATIONS }, () =>
    random.shuffle(Uint32Array.from({ length: n }, (_, i) => i)),
  )
  let power = 0
  for (const inputs of [scaled(x, n), centred(x, n)]) {
    const products = gram(inputs, n)
    const distances = distancesOf(products, n)
    const neighbours = nearest(distances, n)
    const near = (order: ArrayLike<number>) => {
      let sum = 0
      for (let i = 0; i < n; i++) {
        const row = order[i] * n
        for (let j = i * NEIGHBOURS; j < (i + 1) * NEIGHBOURS; j++) sum += likeness[row + order[neighbours[j]]]
      }
      return sum
    }
    let own = 0
    for (let i = 0; i < n; i++) own += NEIGHBOURS * likeness[i * n + i]
    const byNeighbours = compare(near, orders)
    if (byNeighbours.beyond && byNeighbours.deviations(byNeighbours.value) > 4) return { found: true, power: Infinity }
    power = Math.max(power, byNeighbours.deviations(own))
    for (const kernel of [products, gaussian(distances)]) {
      const { beyond, deviations, value } = compare((order) => inner(kernel, likeness, order, n), orders)
      // These are skewed: their upper tail is longer than that of a normal distribution.
      if (beyond && deviations(value) > 6) return { found: true, power: Infinity }
    }
  }
  return { found: false, power }
}

/**
 * Whether predictions, n rows of m, belong to their outcomes: their inner product against that with permuted outcomes.
 */
export function agreement(predictions: Float64Array, y: Float64Array, n: number, random: Random): boolean {
  const a = centred(predictions, n)
  const b = centred(y, n)
  const m = y.length / n
  const value = (order: ArrayLike<number>) => {
    let sum = 0
    for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) sum += a[i * m + j] * b[order[i] * m + j]
    return sum
  }
  const orders = Array.from({ length: PERMUTATIONS }, () =>
    random.shuffle(Uint32Array.from({ length: n }, (_, i) => i)),
  )
  const { beyond, deviations, value: own } = compare(value, orders)
  return beyond && deviations(own) > 4
}

/** A statistic of the outcomes in their own order against those in others. */
function compare(statistic: (order: ArrayLike<number>) => number, orders: readonly Uint32Array[]) {
  const value = statistic(Uint32Array.from(orders[0], (_, i) => i))
  let sum = 0
  let most = -Infinity
  const values = orders.map(statistic)
  for (const one of values) {
    sum += one
    most = Math.max(most, one)
  }
  const mean = sum / values.length
  let squares = 0
  for (const one of values) squares += (one - mean) ** 2
  const std = Math.sqrt(squares / values.length)
  return { value, beyond: value > most, deviations: (of: number) => (std > 0 ? (of - mean) / std : 0) }
}

/** Columns of mean 0. */
function centred(x: Float64Array, n: number): Float64Array {
  const d = x.length / n
  const result = Float64Array.from(x)
  for (let j = 0; j < d; j++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += x[i * d + j] / n
    for (let i = 0; i < n; i++) result[i * d + j] -= sum
  }
  return result
}

/** Columns of mean 0 and variance 1, but for those that are constant. */
function scaled(x: Float64Array, n: number): Float64Array {
  const d = x.length / n
  const result = centred(x, n)
  for (let j = 0; j < d; j++) {
    let squares = 0
    for (let i = 0; i < n; i++) squares += result[i * d + j] ** 2 / n
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0
    for (let i = 0; i < n; i++) result[i * d + j] *= factor
  }
  return result
}

/** Inner products of all rows. */
function gram(x: Float64Array, n: number): Float64Array {
  const d = x.length / n
  const result = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0
      for (let k = 0; k < d; k++) sum += x[i * d + k] * x[j * d + k]
      result[i * n + j] = sum
      result[j * n + i] = sum
    }
  }
  return result
}

/** Squared distances, from inner products. */
function distancesOf(products: Float64Array, n: number): Float64Array {
  return products.map((p, at) => {
    const i = Math.floor(at / n)
    const j = at % n
    return Math.max(0, products[i * n + i] + products[j * n + j] - 2 * p)
  })
}

/** The nearest rows of each. */
function nearest(distances: Float64Array, n: number): Uint32Array {
  const result = new Uint32Array(n * NEIGHBOURS)
  for (let i = 0; i < n; i++) {
    const others = Array.from({ length: n }, (_, j) => j).filter((j) => j !== i)
    others.sort((a, b) => distances[i * n + a] - distances[i * n + b])
    result.set(others.slice(0, NEIGHBOURS), i * NEIGHBOURS)
  }
  return result
}

/** A kernel that falls with distance, of the width of a typical one. */
function gaussian(distances: Float64Array): Float64Array {
  const width = distances.slice().sort()[distances.length >> 1] || 1
  return distances.map((distance) => exp(-distance / width))
}

function inner(a: Float64Array, b: Float64Array, order: ArrayLike<number>, n: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const row = order[i] * n
    for (let j = 0; j < n; j++) sum += a[i * n + j] * b[row + order[j]]
  }
  return sum
}
