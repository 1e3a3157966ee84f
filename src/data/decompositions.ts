// Principal components of training data, by the symmetric eigenvalue decomposition of ml-matrix (Householder's
// tridiagonal form, then implicit QL): + - * /, sqrt and comparisons only, so that no bit depends on the engine.
//
// N examples of D values, K components. The formulas are CS231n's (notes, "Neural Networks Part 2", data
// preprocessing): the covariance CᵀC / N of the centred data C, projections on its eigenvectors, and for whitening a
// division by sqrt(variance + epsilon).

import { product } from '../tensor'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { DataError, PlanError, checkArguments, checkOptions, finite, integer, oneOf } from '../errors'
import { type Numbers, countRows, readRows } from './batches'
import { type Projection, checkShape, createProjection, fitScaling, multiplyTransposed, transpose } from './transforms'

/** Of pca. */
export interface PcaOptions {
  /** Of one example: [features], or [channels, height, width]. */
  shape: readonly number[]
  /** How many components to keep. All with variance unless given. */
  components?: number
  /** In place of `components`: keeps the fewest that hold this share of the variance, above 0 and at most 1. */
  variance?: number
  /**
   * 'biased': squares are divided by N, as in CS231n; 'unbiased': by N - 1, as in scikit-learn. 'biased' unless given.
   */
  covariance?: 'biased' | 'unbiased'
}

/** Of pcaWhitening. */
export interface WhiteningOptions extends PcaOptions {
  /** Added to each variance, or noise in directions of little variance would be blown up. 1e-5 unless given. */
  epsilon?: number
}

/** For zca: it keeps all directions. */
export type ZcaOptions = Omit<WhiteningOptions, 'components' | 'variance'>

/**
 * Principal component analysis: apply gives the coordinates of (x - mean) along the components of most variance, invert
 * the way back, exact where all components are kept, else the nearest point that they reach. Each component's largest
 * entry is positive, which settles its sign.
 *
 *     const p = pca(training.x, { shape: [784], variance: 0.95 })
 *     const x = p.apply(test.x) // rows of p.size values
 *
 * Throws a DataError where x has fewer than two rows, NaN or infinity, or no variance at all. Takes about
 * D^3 + N D^2 operations for D features, or N^3 + N^2 D where N is smaller.
 */
export function pca(x: Numbers, options: PcaOptions): Projection {
  checkArguments('pca', arguments, 2)
  return fitProjection('pca', x, checkOptions('pca', options, ['shape', 'components', 'variance', 'covariance']), 0)
}

/**
 * PCA whitening: the coordinates of pca, each divided by sqrt(its variance + epsilon), so that their covariance is
 * about the identity. Throws as pca does, and where epsilon is 0 but a component that is kept has no variance.
 */
export function pcaWhitening(x: Numbers, options: WhiteningOptions): Projection {
  checkArguments('pcaWhitening', arguments, 2)
  const read = checkOptions('pcaWhitening', options, ['shape', 'components', 'variance', 'covariance', 'epsilon'])
  return fitProjection('pcaWhitening', x, read, finite('pcaWhitening', 'epsilon', read.epsilon ?? 1e-5, 0))
}

/**
 * ZCA whitening (Bell & Sejnowski, 1997): pcaWhitening turned back into the space of the data by a symmetric matrix, of
 * all whitenings the one that changes the data least; whitened images still look like images. Throws as pcaWhitening
 * does.
 */
export function zca(x: Numbers, options: ZcaOptions): Projection {
  checkArguments('zca', arguments, 2)
  const read = checkOptions('zca', options, ['shape', 'covariance', 'epsilon'])
  return fitProjection('zca', x, read, finite('zca', 'epsilon', read.epsilon ?? 1e-5, 0))
}

/** Of the matrix to decompose: it takes 2 GiB, and its decomposition hours. */
const MAX_SIDE = 16_384
/** Less, as the sum of all squares, is rounded to a few bits, or to 0, where it is multiplied by rounding errors. */
const LEAST_SQUARES = 1e-260

function fitProjection(kind: Projection['kind'], x: Numbers, options: PcaOptions, epsilon: number): Projection {
  const shape = checkShape(kind, options.shape)
  const covariance = oneOf(kind, 'covariance', options.covariance ?? 'biased', ['biased', 'unbiased'])
  if (options.components !== undefined && options.variance !== undefined) {
    throw new PlanError(`${kind}: give components or variance, not both`)
  }
  const d = product(shape)
  const n = countRows(`${kind}: x`, x, d, shape)
  if (n < 2) throw new DataError(`${kind}: one row has no variance; want at least two`)
  if (Math.min(n, d) > MAX_SIDE) {
    throw new DataError(
      `${kind}: ${n} rows of ${d} values want the decomposition of a matrix of ${Math.min(n, d)} x ${Math.min(n, d)}, ` +
        `and ${MAX_SIDE} is the most: fit it to fewer rows, or to smaller images`,
    )
  }

  // Exactly 0 for constant features.
  const values = readRows(`${kind}: x`, x, d, shape)
  const centering = fitScaling('zeroCenter', values, { shape }, kind)
  const centered = centering.apply(values)
  const squares = dot(centered, centered)
  if (!Number.isFinite(squares)) throw new DataError(`${kind}: the values of x are too large for float64`)
  if (squares < LEAST_SQUARES && centered.some((value) => value !== 0)) {
    throw new DataError(`${kind}: the values of x differ by too little for float64; multiply them by a power of ten`)
  }
  let found: Found
  try {
    found = n < d ? ofExamples(centered, n, d) : ofFeatures(centered, n, d)
  } catch (cause) {
    throw new DataError(`${kind}: no memory for the decomposition of ${n} rows of ${d} values`, { cause })
  }

  // Rounding leaves about this much where there is nothing.
  const least = found.squares[0] * Math.max(n, d) * 2 ** -52
  const rank = found.squares.filter((square) => square > least).length
  if (!rank) throw new DataError(`${kind}: the rows of x are all the same`)
  const divisor = covariance === 'biased' ? n : n - 1
  const all = found.squares.map((square) => (square > least ? square / divisor : 0))
  const totalVariance = all.reduce((sum, variance) => sum + variance, 0)
  const k = kind === 'zca' ? found.squares.length : chooseCount(kind, options, all, totalVariance, rank)
  if (epsilon === 0 && kind !== 'pca' && (kind === 'zca' ? d : k) > rank) {
    throw new DataError(
      `${kind}: x has variance in ${rank} of ${d} directions, and epsilon 0 would divide by 0 in the others; ` +
        `want an epsilon above 0${kind === 'zca' ? '' : ` or at most ${rank} components`}`,
    )
  }
  return createProjection(kind, shape, {
    mean: Float64Array.from(centering.mean),
    components: { shape: [k, d], data: found.components.slice(0, k * d) },
    variances: all.slice(0, k),
    totalVariance,
    epsilon,
  })
}

function chooseCount(kind: string, options: PcaOptions, all: Float64Array, total: number, rank: number): number {
  if (options.components !== undefined) {
    const count = integer(kind, 'components', options.components, 1)
    if (count <= all.length) return count
    throw new PlanError(`${kind}: ${count} components, but x has no more than ${all.length}`)
  }
  if (options.variance === undefined) return rank
  const share = finite(kind, 'variance', options.variance, 0, 1)
  let sum = 0
  for (let k = 0; k < rank; k++) {
    sum += all[k]
    if (sum >= share * total) return k + 1
  }
  return rank
}

interface Found {
  /** The sum of the squares of the centred data along each component, the largest first. */
  squares: Float64Array
  /** (K, D), one after the other. */
  components: Float64Array
}

/** From the (D, D) matrix CᵀC: its eigenvectors are the components. */
function ofFeatures(centered: Float64Array, n: number, d: number): Found {
  const c = transpose(centered, n, d)
  const { squares, vectors } = eigen(multiplyTransposed(c, c, d, d, n), d)
  for (let k = 0; k < d; k++) settleSign(vectors.subarray(k * d, (k + 1) * d))
  return { squares, components: vectors }
}

/** From the (N, N) matrix C Cᵀ, smaller where N < D: for an eigenvector u, Cᵀu is a component, but for its length. */
function ofExamples(centered: Float64Array, n: number, d: number): Found {
  const { squares, vectors } = eigen(multiplyTransposed(centered, centered, n, n, d), n)
  const least = squares[0] * d * 2 ** -52
  // Centred rows sum to 0: at most n - 1 of them are independent.
  const rank = squares.filter((square) => square > least).length
  const components = multiplyTransposed(vectors.subarray(0, rank * n), transpose(centered, n, d), rank, d, n)
  const rows = Array.from({ length: rank }, (_, k) => components.subarray(k * d, (k + 1) * d))
  for (const [k, component] of rows.entries()) {
    // Where variances differ by many orders, rounding leaves a little of the larger components in a smaller one.
    for (const larger of rows.slice(0, k)) add(component, larger, -dot(component, larger))
    const length = Math.sqrt(dot(component, component))
    for (let j = 0; j < d; j++) component[j] /= length
    settleSign(component)
  }
  return { squares: squares.slice(0, rank), components }
}

/** Eigenvalues of a symmetric (n, n) matrix, the largest first, and their vectors, one a row. */
function eigen(values: Float64Array, n: number): { squares: Float64Array; vectors: Float64Array } {
  const decomposition = new EigenvalueDecomposition(Matrix.from1DArray(n, n, values), { assumeSymmetric: true })
  const order = decomposition.realEigenvalues.map((_, i) => n - 1 - i)
  const matrix = decomposition.eigenvectorMatrix
  return {
    squares: Float64Array.from(order, (i) => decomposition.realEigenvalues[i]),
    vectors: Float64Array.from({ length: n * n }, (_, i) => matrix.get(i % n, order[Math.floor(i / n)])),
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j]
  return sum
}

/** a += factor b. */
function add(a: Float64Array, b: Float64Array, factor: number): void {
  for (let j = 0; j < a.length; j++) a[j] += factor * b[j]
}

function settleSign(component: Float64Array): void {
  let largest = 0
  for (const value of component) if (Math.abs(value) > Math.abs(largest)) largest = value
  if (largest < 0) for (let j = 0; j < component.length; j++) component[j] = -component[j]
}
