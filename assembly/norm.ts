// What batch norm and group norm share: passes over rows of one channel, and over rows of features.
// Sums follow the order of reduce.ts, but for a second sum beside the first, and are stored as float64.

import { scaleFor } from '../src/kernels/math'
import { LANES, SIZE } from './float'
import { loadFirst, maskFirst } from './lanes'
import { maxMagnitude } from './magnitude'
import { RUN, SUMS, Values, rowsOfBlock, total, totalOf } from './reduce'

/** Where in `out` a pass over a channel stores its two sums, and moments() what it makes of them; float64 all. */
const SECOND: usize = 8
const SCALE: usize = 16

/** The sums of x - shift and of (x - shift)^2 of a block of reduce.ts, added to those at `out`. */
function accumulateMoments(rows: i32, hw: i32, shifts: v128, stride: usize, x: usize, out: usize): void {
  const mask = maskFirst(hw & (LANES - 1))
  const zero = v128.splat<Float>(0)
  let s0 = zero
  let s1 = zero
  let s2 = zero
  let s3 = zero
  let q0 = zero
  let q1 = zero
  let q2 = zero
  let q3 = zero
  for (; rows > 0; --rows, x += stride) {
    let left = hw
    let from = x
    for (; left >= SUMS; left -= SUMS) {
      let d = v128.sub<Float>(v128.load(from), shifts)
      s0 = v128.add<Float>(s0, d)
      q0 = v128.add<Float>(q0, v128.mul<Float>(d, d))
      d = v128.sub<Float>(v128.load(from, 16), shifts)
      s1 = v128.add<Float>(s1, d)
      q1 = v128.add<Float>(q1, v128.mul<Float>(d, d))
      d = v128.sub<Float>(v128.load(from, 32), shifts)
      s2 = v128.add<Float>(s2, d)
      q2 = v128.add<Float>(q2, v128.mul<Float>(d, d))
      d = v128.sub<Float>(v128.load(from, 48), shifts)
      s3 = v128.add<Float>(s3, d)
      q3 = v128.add<Float>(q3, v128.mul<Float>(d, d))
      from += 64
    }
    if (left == 0) continue
    if (left >= LANES) {
      let d = v128.sub<Float>(v128.load(from), shifts)
      s0 = v128.add<Float>(s0, d)
      q0 = v128.add<Float>(q0, v128.mul<Float>(d, d))
      if (left >= 2 * LANES) {
        d = v128.sub<Float>(v128.load(from, 16), shifts)
        s1 = v128.add<Float>(s1, d)
        q1 = v128.add<Float>(q1, v128.mul<Float>(d, d))
      }
      if (left >= 3 * LANES) {
        d = v128.sub<Float>(v128.load(from, 32), shifts)
        s2 = v128.add<Float>(s2, d)
        q2 = v128.add<Float>(q2, v128.mul<Float>(d, d))
      }
      from += <usize>(left & -LANES) * SIZE
      left &= LANES - 1
    }
    if (left > 0) {
      const d = v128.and(v128.sub<Float>(loadFirst(left, from), shifts), mask)
      s3 = v128.add<Float>(s3, d)
      q3 = v128.add<Float>(q3, v128.mul<Float>(d, d))
    }
  }
  store<f64>(out, load<f64>(out) + totalOf(s0, s1, s2, s3))
  store<f64>(out, load<f64>(out, SECOND) + totalOf(q0, q1, q2, q3), SECOND)
}

/** The sums of x - shift and of (x - shift)^2, for n rows of one channel, to `out`; stride in bytes. */
function sumMoments(n: i32, hw: i32, shift: Float, stride: usize, x: usize, out: usize): void {
  const shifts = v128.splat<Float>(shift)
  const together = rowsOfBlock(n, hw)
  v128.store(out, v128.splat<Float>(0))
  for (; n > 0; n -= together, x += <usize>together * stride) {
    for (let at = 0; at < hw; at += RUN) {
      accumulateMoments(min(n, together), min(hw - at, RUN), shifts, stride, x + <usize>at * SIZE, out)
    }
  }
}

/** Rows of the sample whose mean is the first shift. */
export const SAMPLE_ROWS: i32 = 4
/** The most values of each. */
const SAMPLE_VALUES: i32 = 16
/**
 * So many times the variance the square of a mean's difference from its shift may be. For features, whose sample is so
 * small that it is often far off, it may be more.
 */
const MOST_SHIFT: f64 = 2
export const MOST_FEATURE_SHIFT: f64 = 8

/** The mean of a sample of the values of a channel: of features the first rows, else pieces of rows from all over it. */
function meanOfSample(n: i32, hw: i32, stride: usize, x: usize): Float {
  let rows = min(n, SAMPLE_ROWS)
  let count = hw
  let step = hw == 1 ? stride : <usize>max(n / SAMPLE_ROWS, 1) * stride
  if (hw >= SAMPLE_ROWS) {
    const quarter = hw / SAMPLE_ROWS
    count = min(quarter, SAMPLE_VALUES)
    if (n == 1) {
      // A single row gives all of the pieces.
      rows = SAMPLE_ROWS
      step = 0
    }
    step += <usize>quarter * SIZE
  }
  return <Float>(total<Values>(rows, count, step, x, 0, false) / <f64>(rows * count))
}

/**
 * Mean and variance of the m = n * hw values of a channel, and a scale, as float64 to `out`, where the variance is that
 * of the values times the scale, and the scale is 1 unless it would overflow; stride in bytes.
 *
 * The variance is the shifted one, E[(x-s)^2] - E[x-s]^2, in one pass, with s the mean of a sample. Where that is far
 * off, as with an outlier in the sample, digits are lost, and a second pass takes the mean itself for s.
 */
export function moments(n: i32, hw: i32, stride: usize, x: usize, out: usize): void {
  const inverseM: f64 = 1 / (<f64>n * <f64>hw)
  const most = hw == 1 ? MOST_FEATURE_SHIFT : MOST_SHIFT
  let shift = meanOfSample(n, hw, stride, x)
  sumMoments(n, hw, shift, stride, x, out)
  let d = load<f64>(out) * inverseM
  let variance = load<f64>(out, SECOND) * inverseM - d * d
  if (!(d * d <= most * variance && variance < Infinity)) {
    shift = <Float>(<f64>shift + d)
    sumMoments(n, hw, shift, stride, x, out)
    d = load<f64>(out) * inverseM
    variance = load<f64>(out, SECOND) * inverseM - d * d
    if (!(variance < Infinity)) {
      scaledMoments(n, hw, stride, x, out)
      return
    }
  }
  storeMoments(shift, d, variance, out)
}

/** What moments() stores, of a mean less its shift and a variance. */
export function storeMoments(shift: Float, d: f64, variance: f64, out: usize): void {
  store<f64>(out, <f64>shift + d)
  // Not "variance > 0 ? variance : 0": a NaN must stay one.
  store<f64>(out, variance < 0 ? 0 : variance, SECOND)
  store<f64>(out, 1, SCALE)
}

/** moments() value by value, for values whose squares overflow, or that are not finite. */
function scaledMoments(n: i32, hw: i32, stride: usize, x: usize, out: usize): void {
  let largest: Float = 0
  for (let i = 0; i < n; ++i) largest = max(largest, maxMagnitude(hw, x + <usize>i * stride))
  const scale = scaleFor(<f64>largest)
  const m = <f64>n * <f64>hw
  let mean: f64 = 0
  let variance: f64 = 0
  for (let pass = 0; pass < 2; ++pass) {
    let sum: f64 = 0
    for (let i = 0; i < n; ++i) {
      let part: f64 = 0
      const row = x + <usize>i * stride
      for (let at = row; at < row + <usize>hw * SIZE; at += SIZE) {
        const d = <f64>load<Float>(at) * scale - mean
        part += pass ? d * d : d
      }
      sum += part
    }
    if (pass) variance = sum / m
    else mean = sum / m
  }
  store<f64>(out, mean / scale)
  store<f64>(out, variance, SECOND)
  store<f64>(out, scale, SCALE)
}

/** 1 / sqrt(variance + epsilon) of what moments() stores. */
export function inverseDeviationOf(epsilon: Float, out: usize): Float {
  const scale = load<f64>(out, SCALE)
  const scaled = inverseDeviation(<Float>load<f64>(out, SECOND), <Float>(<f64>epsilon * scale * scale))
  return <Float>(<f64>scaled * scale)
}

export function inverseDeviation(variance: Float, epsilon: Float): Float {
  return 1 / sqrt<Float>(variance + epsilon)
}

/**
 * What becomes of the moments of one channel in `out`: mean and invStd, and
 * running = momentum * running + rest * batch, with the unbiased variance, of m values, if `unbiased`.
 */
export function keepStatistics(
  unbiased: i32, m: Float, epsilon: Float, momentum: Float, rest: Float, out: usize,
  runningMean: usize, runningVar: usize, mean: usize, invStd: usize,
): void {
  const average = <Float>load<f64>(out)
  const scale = load<f64>(out, SCALE)
  const variance = <Float>(load<f64>(out, SECOND) / (scale * scale))
  const seen: Float = unbiased && m > 1 ? (variance * m) / (m - 1) : variance
  store<Float>(runningMean, momentum * load<Float>(runningMean) + rest * average)
  // One value says nothing of how far values lie apart.
  if (m > 1) store<Float>(runningVar, momentum * load<Float>(runningVar) + rest * seen)
  store<Float>(mean, average)
  store<Float>(invStd, inverseDeviationOf(epsilon, out))
}

/** mean and invStd of c channels, from their running statistics. */
export function takeRunning(
  c: i32, epsilon: Float, runningMean: usize, runningVar: usize, mean: usize, invStd: usize,
): void {
  for (let at: usize = 0; at < <usize>c * SIZE; at += SIZE) {
    store<Float>(mean + at, load<Float>(runningMean + at))
    store<Float>(invStd + at, inverseDeviation(load<Float>(runningVar + at), epsilon))
  }
}

/** y = max(floor, (x - mean) * scale + beta) for the rows of one channel; stride in bytes. */
export function normalizeRows(
  n: i32, hw: i32, floor: Float, mean: Float, scale: Float, beta: Float, stride: usize, x: usize, y: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const betas = v128.splat<Float>(beta)
  const floors = v128.splat<Float>(floor)
  for (let row = 0; row < n; ++row) {
    let from = x
    let to = y
    let count = hw
    for (; count >= 2 * LANES; count -= 2 * LANES) {
      let z = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(v128.load(from), means), scales), betas)
      v128.store(to, v128.pmax<Float>(z, floors))
      z = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(v128.load(from, 16), means), scales), betas)
      v128.store(to, v128.pmax<Float>(z, floors), 16)
      from += 32
      to += 32
    }
    for (; count > 0; --count) {
      const z: Float = (load<Float>(from) - mean) * scale + beta
      store<Float>(to, z < floor ? floor : z)
      from += SIZE
      to += SIZE
    }
    x += stride
    y += stride
  }
}

/** The sums of sumGradients() of a block of reduce.ts, added to those at `out`. */
function accumulateGradients(
  rows: i32, hw: i32, means: v128, scales: v128, thresholds: v128, masked: bool, stride: usize, x: usize, dy: usize,
  out: usize,
): void {
  const zero = v128.splat<Float>(0)
  let s0 = zero
  let s1 = zero
  let s2 = zero
  let s3 = zero
  let q0 = zero
  let q1 = zero
  let q2 = zero
  let q3 = zero
  for (; rows > 0; --rows, x += stride, dy += stride) {
    let left = hw
    let from = x
    let grad = dy
    for (; left >= SUMS; left -= SUMS) {
      let d = v128.sub<Float>(v128.load(from), means)
      let e = v128.sub<Float>(v128.load(from, 16), means)
      let g = v128.load(grad)
      let h = v128.load(grad, 16)
      if (masked) {
        g = v128.andnot(g, v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
        h = v128.andnot(h, v128.le<Float>(v128.mul<Float>(e, scales), thresholds))
      }
      s0 = v128.add<Float>(s0, g)
      s1 = v128.add<Float>(s1, h)
      q0 = v128.add<Float>(q0, v128.mul<Float>(g, d))
      q1 = v128.add<Float>(q1, v128.mul<Float>(h, e))
      d = v128.sub<Float>(v128.load(from, 32), means)
      e = v128.sub<Float>(v128.load(from, 48), means)
      g = v128.load(grad, 32)
      h = v128.load(grad, 48)
      if (masked) {
        g = v128.andnot(g, v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
        h = v128.andnot(h, v128.le<Float>(v128.mul<Float>(e, scales), thresholds))
      }
      s2 = v128.add<Float>(s2, g)
      s3 = v128.add<Float>(s3, h)
      q2 = v128.add<Float>(q2, v128.mul<Float>(g, d))
      q3 = v128.add<Float>(q3, v128.mul<Float>(h, e))
      from += 64
      grad += 64
    }
    if (left == 0) continue
    if (left >= LANES) {
      let d = v128.sub<Float>(v128.load(from), means)
      let g = v128.andnot(v128.load(grad), v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
      s0 = v128.add<Float>(s0, g)
      q0 = v128.add<Float>(q0, v128.mul<Float>(g, d))
      if (left >= 2 * LANES) {
        d = v128.sub<Float>(v128.load(from, 16), means)
        g = v128.andnot(v128.load(grad, 16), v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
        s1 = v128.add<Float>(s1, g)
        q1 = v128.add<Float>(q1, v128.mul<Float>(g, d))
      }
      if (left >= 3 * LANES) {
        d = v128.sub<Float>(v128.load(from, 32), means)
        g = v128.andnot(v128.load(grad, 32), v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
        s2 = v128.add<Float>(s2, g)
        q2 = v128.add<Float>(q2, v128.mul<Float>(g, d))
      }
      const whole = <usize>(left & -LANES) * SIZE
      from += whole
      grad += whole
      left &= LANES - 1
    }
    if (left > 0) {
      // The lanes of dy past the end are 0, and add nothing.
      const d = v128.sub<Float>(loadFirst(left, from), means)
      const g = v128.andnot(loadFirst(left, grad), v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
      s3 = v128.add<Float>(s3, g)
      q3 = v128.add<Float>(q3, v128.mul<Float>(g, d))
    }
  }
  store<f64>(out, load<f64>(out) + totalOf(s0, s1, s2, s3))
  store<f64>(out, load<f64>(out, SECOND) + totalOf(q0, q1, q2, q3), SECOND)
}

/**
 * The sums of dy and of dy * (x - mean), for n rows of one channel, to `out` as float64; stride in bytes. dy does not
 * count where (x - mean) * scale <= threshold: -beta before a ReLU, which is y <= 0, and NaN, which saves the
 * comparisons, before none.
 */
export function sumGradients(
  n: i32, hw: i32, mean: Float, scale: Float, threshold: Float, stride: usize, x: usize, dy: usize, out: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const thresholds = v128.splat<Float>(threshold)
  const together = rowsOfBlock(n, hw)
  v128.store(out, v128.splat<Float>(0))
  for (; n > 0; n -= together) {
    for (let at = 0; at < hw; at += RUN) {
      const offset = <usize>at * SIZE
      accumulateGradients(
        min(n, together), min(hw - at, RUN), means, scales, thresholds, threshold == threshold, stride, x + offset,
        dy + offset, out,
      )
    }
    x += <usize>together * stride
    dy += <usize>together * stride
  }
}

/** dx = scale * (dy - b - (x - mean) * k) for n rows of one channel, dy and the threshold as above; stride in bytes. */
export function gradientRows(
  n: i32, hw: i32, mean: Float, scale: Float, threshold: Float, b: Float, k: Float,
  stride: usize, x: usize, dy: usize, dx: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const thresholds = v128.splat<Float>(threshold)
  const masked = threshold == threshold
  const bs = v128.splat<Float>(b)
  const ks = v128.splat<Float>(k)
  for (; n > 0; --n, x += stride, dy += stride, dx += stride) {
    let from = x
    let grad = dy
    let to = dx
    let count = hw
    for (; count >= 2 * LANES; count -= 2 * LANES) {
      const d = v128.sub<Float>(v128.load(from), means)
      const e = v128.sub<Float>(v128.load(from, 16), means)
      let g = v128.load(grad)
      let h = v128.load(grad, 16)
      if (masked) {
        g = v128.andnot(g, v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
        h = v128.andnot(h, v128.le<Float>(v128.mul<Float>(e, scales), thresholds))
      }
      v128.store(to, v128.mul<Float>(scales, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))))
      v128.store(to, v128.mul<Float>(scales, v128.sub<Float>(v128.sub<Float>(h, bs), v128.mul<Float>(e, ks))), 16)
      from += 32
      grad += 32
      to += 32
    }
    for (; count > 0; --count) {
      const d: Float = load<Float>(from) - mean
      const g: Float = d * scale <= threshold ? 0 : load<Float>(grad)
      store<Float>(to, scale * (g - b - d * k))
      from += SIZE
      grad += SIZE
      to += SIZE
    }
  }
}
