// Preprocessing that is fitted on training data, then applied to any: zero-centring, standardising, and, fitted by
// v128/preprocessing, projections on principal components. What applies and loads them needs no dependency.
//
// N examples of D values; a mean and a standard deviation for each of P groups of values: P = D (each feature, in
// images each pixel), or P = C (each channel).

import { type Tensor, product } from '../tensor'
import {
  DataError,
  MAX_SIZE,
  PlanError,
  checkArguments,
  checkOptions,
  integer,
  oneOf,
  readSafely,
  show,
} from '../errors'
import { encodeSafetensors } from '../io/safetensors'
import { type Numbers, type TypedNumbers, allocate, checkValues, readRows } from './batches'

/** Fitted preprocessing: plain numbers, which nothing changes any more. */
export interface Transform {
  /** The name of the function that made it. */
  readonly kind: string
  /** Of one example that goes in. */
  readonly shape: readonly number[]
  /** Values of one example that comes out. */
  readonly size: number
  /** The rows of x, changed: a new array. Throws a DataError where x holds no whole rows, NaN or infinity. */
  apply(x: Numbers): Float64Array
  /** The way back from what apply gave: exact but for rounding, where no components were left out. */
  invert(y: Numbers): Float64Array
  /** As a safetensors file, for loadTransform. Float64, so that nothing is lost. */
  save(): Uint8Array<ArrayBuffer>
}

/** What the figures are taken over. */
export interface ScalingOptions {
  /** Of one example: [features], or [channels, height, width]. */
  shape: readonly number[]
  /**
   * 'feature': each value of an example has its own figures, in images each pixel; 'channel': each channel has.
   * 'feature' unless given.
   */
  per?: 'feature' | 'channel'
}

/** A mean and a standard deviation for each feature, or for each channel. */
export interface Scaling extends Transform {
  /** The name of the function that made it. */
  readonly kind: 'zeroCenter' | 'standardize'
  /** Of the training data, for each feature or channel. */
  readonly mean: readonly number[]
  /** All 1 after zeroCenter, and 1 where a feature is constant. */
  readonly std: readonly number[]
}

/** Principal components with their variances. */
export interface Projection extends Transform {
  /** The name of the function that made it. */
  readonly kind: 'pca' | 'pcaWhitening' | 'zca'
  /** (D): the mean of the training data. */
  readonly mean: Float64Array
  /** (K, D): one component a row, of length 1, the one of most variance first; its largest entry is positive. */
  readonly components: Tensor
  /** (K): the variance of the training data along each component. */
  readonly variances: Float64Array
  /** The variance of all components, those left out included. */
  readonly totalVariance: number
  /** Added to each variance before its root is divided by; 0 for 'pca'. */
  readonly epsilon: number
}

/**
 * y = x - mean, the mean of the training data per feature (in images: per pixel) or per channel.
 *
 *     const centering = zeroCenter(training.x, { shape: [3, 32, 32], per: 'channel' })
 *     const x = centering.apply(test.x)
 *
 * Throws a DataError where x holds no whole rows of `shape`, NaN or infinity.
 */
export function zeroCenter(x: Numbers, options: ScalingOptions): Scaling {
  checkArguments('zeroCenter', arguments, 2)
  return fitScaling('zeroCenter', x, options)
}

/**
 * y = (x - mean) / std, per feature (in images: per pixel) or per channel: the training data gets mean 0 and standard
 * deviation 1 (that of N values, divided by N). A constant feature becomes 0. For images, the figures per channel can
 * travel with the model instead, as its first layer:
 *
 *     const { mean, std } = standardize(training.x, { shape: [3, 32, 32], per: 'channel' })
 *     const network = sequential(normalize({ mean, std }), conv2d(16, { kernel: 3 }), relu(), flatten(), dense(10))
 *
 * Throws a DataError where x holds no whole rows of `shape`, NaN or infinity.
 */
export function standardize(x: Numbers, options: ScalingOptions): Scaling {
  checkArguments('standardize', arguments, 2)
  return fitScaling('standardize', x, options)
}

/** `where` is what errors name: zeroCenter is a part of other transforms. */
export function fitScaling(kind: Scaling['kind'], x: Numbers, options: ScalingOptions, where: string = kind): Scaling {
  const read = checkOptions(where, options, ['shape', 'per'])
  const shape = checkShape(where, read.shape)
  const per = oneOf(where, 'per', read.per ?? 'feature', ['feature', 'channel'])
  const values = readRows(`${where}: x`, x, product(shape), shape)
  const rows = values.length / product(shape)
  const groups = per === 'feature' ? product(shape) : shape[0]
  const span = product(shape) / groups
  const mean = Array.from({ length: groups }, () => 0)
  const std = Array.from({ length: groups }, () => 1)
  const count = rows * span
  // Two passes: the difference of mean squares would lose digits.
  each(values, groups, span, (g, value) => (mean[g] += value))
  for (let g = 0; g < groups; g++) mean[g] /= count
  const least = mean.map(() => Infinity)
  const most = mean.map(() => -Infinity)
  const squares = mean.map(() => 0)
  each(values, groups, span, (g, value) => {
    least[g] = Math.min(least[g], value)
    most[g] = Math.max(most[g], value)
    squares[g] += (value - mean[g]) * (value - mean[g])
  })
  for (let g = 0; g < groups; g++) {
    // A constant feature, exactly: its sum was rounded, and a deviation of 1e-17 would blow that up.
    if (least[g] === most[g]) mean[g] = least[g]
    else if (kind === 'standardize') std[g] = Math.sqrt(squares[g] / count)
    if (!Number.isFinite(mean[g]) || !Number.isFinite(std[g]) || std[g] === 0) {
      throw new DataError(`${where}: ${per} ${g} spans ${least[g]} to ${most[g]}, too much or too little for float64`)
    }
  }
  return createScaling(kind, shape, mean, std)
}

/** Calls f with the group of each value; a group has `span` values of each example, one after the other. */
function each(x: TypedNumbers, groups: number, span: number, f: (group: number, value: number) => void): void {
  for (let i = 0; i < x.length;) {
    for (let g = 0; g < groups; g++) {
      for (let j = 0; j < span; j++, i++) f(g, x[i])
    }
  }
}

export function createScaling(
  kind: Scaling['kind'],
  shape: readonly number[],
  mean: readonly number[],
  std: readonly number[],
): Scaling {
  const size = product(shape)
  const map = (
    way: 'apply' | 'invert',
    args: ArrayLike<unknown>,
    x: Numbers,
    f: (value: number, g: number) => number,
  ): Float64Array => {
    const where = `${kind}.${way}`
    checkArguments(where, args, 1)
    const values = readRows(`${where}: ${way === 'apply' ? 'x' : 'y'}`, x, size, shape)
    const y = allocate(where, values.length, Float64Array) as Float64Array
    let i = 0
    each(values, mean.length, size / mean.length, (g, value) => (y[i++] = f(value, g)))
    checkValues(`${where}: the result`, y, size)
    return y
  }
  return {
    kind,
    shape,
    size,
    mean,
    std,
    apply(x) {
      return map('apply', arguments, x, (value, g) => (value - mean[g]) / std[g])
    },
    invert(y) {
      return map('invert', arguments, y, (value, g) => value * std[g] + mean[g])
    },
    save() {
      checkArguments(`${kind}.save`, arguments, 0)
      return saveTransform(kind, shape, { mean: tensorOf(mean), std: tensorOf(std) })
    },
  }
}

interface ProjectionParts extends Pick<Projection, 'mean' | 'components' | 'variances' | 'totalVariance' | 'epsilon'> {}

/**
 * W (K, D) holds the components, c = x - mean, a_k = 1 / sqrt(variance_k + epsilon):
 *
 *     pca           y = W c                    x = Wᵀ y + mean
 *     pcaWhitening  y = diag(a) W c            x = Wᵀ diag(1/a) y + mean
 *     zca           y = Wᵀ diag(a) W c         x = Wᵀ diag(1/a) W y + mean
 *
 * In the directions that no component of a zca has, for lack of examples, the training data has no variance: there
 * a = 1 / sqrt(epsilon).
 */
export function createProjection(
  kind: Projection['kind'],
  shape: readonly number[],
  parts: ProjectionParts,
): Projection {
  const { mean, components, variances, totalVariance, epsilon } = parts
  const d = mean.length
  const k = variances.length
  const size = kind === 'zca' ? d : k
  const scales = variances.map((variance) => (kind === 'pca' ? 1 : Math.sqrt(variance + epsilon)))
  const rest = k < d ? Math.sqrt(epsilon) : 1
  const w = components.data

  const project = (c: Float64Array): Float64Array => multiplyTransposed(c, w, c.length / d, k, d)
  /** y (n, K) Wᵀ: back into the D dimensions. */
  const expand = (y: Float64Array): Float64Array => multiplyTransposed(y, columns, y.length / k, d, k)
  const columns = transpose(w, k, d)
  const scale = (y: Float64Array, inverse: boolean): Float64Array =>
    y.map((value, i) => (inverse ? value * scales[i % k] : value / scales[i % k]))

  /** Wᵀ diag(a) W c, or with 1/a; what W does not reach is c - Wᵀ W c. */
  const zca = (c: Float64Array, inverse: boolean): Float64Array => {
    const coordinates = project(c)
    const y = expand(scale(coordinates, inverse))
    if (k === d) return y
    const reached = expand(coordinates)
    return y.map((value, i) => value + (inverse ? (c[i] - reached[i]) * rest : (c[i] - reached[i]) / rest))
  }
  const minusMean = (x: TypedNumbers): Float64Array => Float64Array.from(x, (value, i) => value - mean[i % d])
  const plusMean = (x: Float64Array): Float64Array => x.map((value, i) => value + mean[i % d])

  return {
    kind,
    shape,
    size,
    mean,
    components,
    variances,
    totalVariance,
    epsilon,
    apply(x) {
      const where = `${kind}.apply`
      checkArguments(where, arguments, 1)
      const c = minusMean(readRows(`${where}: x`, x, d, shape))
      const y = kind === 'zca' ? zca(c, false) : scale(project(c), false)
      checkValues(`${where}: the result`, y, size)
      return y
    },
    invert(y) {
      const where = `${kind}.invert`
      checkArguments(where, arguments, 1)
      const values = Float64Array.from(readRows(`${where}: y`, y, size, [size]))
      const x = plusMean(kind === 'zca' ? zca(values, true) : expand(scale(values, true)))
      checkValues(`${where}: the result`, x, d)
      return x
    },
    save() {
      checkArguments(`${kind}.save`, arguments, 0)
      return saveTransform(kind, shape, {
        mean: tensorOf(mean),
        components,
        variances: tensorOf(variances),
        numbers: tensorOf([totalVariance, epsilon]),
      })
    },
  }
}

/** (n, d) to (d, n). */
export function transpose(x: ArrayLike<number>, n: number, d: number): Float64Array {
  const y = new Float64Array(n * d)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) y[j * n + i] = x[i * d + j]
  }
  return y
}

/** A Bᵀ: A (n, d), B (k, d) to (n, k). Each element is summed in the order of d; four at a time, for speed. */
export function multiplyTransposed(a: Numbers, b: Numbers, n: number, k: number, d: number): Float64Array {
  const y = new Float64Array(n * k)
  for (let j = 0; j < k; j += 4) {
    // The last ones of a number not divisible by 4 are computed more than once.
    const b0 = j * d
    const b1 = Math.min(j + 1, k - 1) * d
    const b2 = Math.min(j + 2, k - 1) * d
    const b3 = Math.min(j + 3, k - 1) * d
    for (let i = 0; i < n; i++) {
      const row = i * d
      let s0 = 0
      let s1 = 0
      let s2 = 0
      let s3 = 0
      for (let l = 0; l < d; l++) {
        const value = a[row + l]
        s0 += value * b[b0 + l]
        s1 += value * b[b1 + l]
        s2 += value * b[b2 + l]
        s3 += value * b[b3 + l]
      }
      const at = i * k + j
      y[at] = s0
      if (j + 1 < k) y[at + 1] = s1
      if (j + 2 < k) y[at + 2] = s2
      if (j + 3 < k) y[at + 3] = s3
    }
  }
  return y
}

/** A copy of the shape of one example; a PlanError where it is none. */
export function checkShape(where: string, shape: readonly number[]): readonly number[] {
  const sizes = readSafely(where, 'shape', () => {
    const list = Array.isArray(shape) ? Array.from(shape as readonly unknown[]) : []
    if (list.length) return list.map((length) => integer(where, 'every size in shape', length, 1, MAX_SIZE))
    throw new PlanError(`${where}: shape must be that of one example, such as [4] or [3, 32, 32], got ${show(shape)}`)
  })
  if (product(sizes) <= MAX_SIZE) return sizes
  throw new PlanError(`${where}: shape has ${product(sizes)} values, and must have at most ${MAX_SIZE}`)
}

// ---- files ----

export function tensorOf(values: ArrayLike<number>): Tensor {
  return { shape: [values.length], data: Float64Array.from(values) }
}

/** The kind stands before each name, as in `pca.mean`. */
export function saveTransform(
  kind: string,
  shape: readonly number[],
  tensors: Record<string, Tensor>,
): Uint8Array<ArrayBuffer> {
  const named = Object.entries({ shape: tensorOf(shape), ...tensors }).map(([name, t]) => [`${kind}.${name}`, t])
  return encodeSafetensors(Object.fromEntries(named) as Record<string, Tensor>)
}
