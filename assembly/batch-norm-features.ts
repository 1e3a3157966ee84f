// Batch norm of c features of rows that have `all`: each over its n values. Features lie side by side, and so do their
// sums, which have the order of reduce.ts for rows of one value: a block is SUM_STEPS rows. They go a strip of the row at
// a time, so that what belongs to a strip stays in the cache, and `stride` is the bytes from a row to the next:
//
//   scratch   | out | sums | second sums | shifts | totals of both sums (float64) |

import { BATCH_NORM_APART, BATCH_NORM_STRIP, SUM_STEPS } from '../src/kernels/blocking'
import { LANES, SIZE } from './float'
import {
  MOST_FEATURE_SHIFT, SAMPLE_ROWS, gradientRows, keepStatistics, moments, storeMoments, takeRunning,
} from './norm'

/** Rows of features that are summed together, so that what belongs to a feature is loaded once for all of them. */
const ROWS: i32 = 4

const STRIP: usize = BATCH_NORM_STRIP
/** Bytes of a strip as float64. */
const WIDE: usize = (STRIP / SIZE) * 8
/** Keeps what belongs to the same feature out of the same set of the cache. */
const APART: usize = BATCH_NORM_APART
/** Offsets in scratch. */
const SUMS_AT: usize = 64
const SECONDS_AT: usize = SUMS_AT + STRIP + APART
const SHIFTS_AT: usize = SECONDS_AT + STRIP + APART
const TOTALS_AT: usize = SHIFTS_AT + STRIP
const SECOND_TOTALS_AT: usize = TOTALS_AT + WIDE

/** totals += the sums of a block, as float64; = the sums, for the first block. */
function addBlock(first: bool, width: usize, sums: usize, totals: usize): void {
  for (let at: usize = 0; at < width; at += 16, sums += 16) {
    const s = v128.load(sums)
    if (LANES == 2) {
      v128.store(totals, first ? s : f64x2.add(v128.load(totals), s))
      totals += 16
    } else {
      const low = f64x2.promote_low_f32x4(s)
      const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(s, s, 1, 1))
      v128.store(totals, first ? low : f64x2.add(v128.load(totals), low))
      v128.store(totals, first ? high : f64x2.add(v128.load(totals, 16), high), 16)
      totals += 32
    }
  }
}

/** shifts = the means of the first n <= SAMPLE_ROWS rows; sums, squares = those of accumulateColumnMoments for them. */
function beginColumnMoments(
  n: i32, width: usize, stride: usize, shift: usize, x: usize, sums: usize, squares: usize,
): void {
  let at: usize = 0
  if (n == 4) {
    const quarter = v128.splat<Float>(0.25)
    for (; at + 16 <= width; at += 16) {
      const from = x + at
      const x0 = v128.load(from)
      const x1 = v128.load(from + stride)
      const x2 = v128.load(from + 2 * stride)
      const x3 = v128.load(from + 3 * stride)
      const sum = v128.add<Float>(v128.add<Float>(v128.add<Float>(x0, x1), x2), x3)
      const shifts = v128.mul<Float>(sum, quarter)
      const d0 = v128.sub<Float>(x0, shifts)
      const d1 = v128.sub<Float>(x1, shifts)
      const d2 = v128.sub<Float>(x2, shifts)
      const d3 = v128.sub<Float>(x3, shifts)
      const q = v128.add<Float>(v128.mul<Float>(d0, d0), v128.mul<Float>(d1, d1))
      v128.store(shift + at, shifts)
      v128.store(sums + at, v128.add<Float>(v128.add<Float>(v128.add<Float>(d0, d1), d2), d3))
      v128.store(squares + at, v128.add<Float>(v128.add<Float>(q, v128.mul<Float>(d2, d2)), v128.mul<Float>(d3, d3)))
    }
  }
  for (; at < width; at += SIZE) {
    let sum: Float = 0
    let from = x + at
    for (let row = 0; row < n; ++row, from += stride) sum += load<Float>(from)
    store<Float>(shift + at, sum / <Float>n)
    store<Float>(sums + at, 0)
    store<Float>(squares + at, 0)
    from = x + at
    for (let row = 0; row < n; ++row, from += stride) addMoment(shift + at, from, sums + at, squares + at)
  }
}

/** sums += x - shift; squares += (x - shift)^2, for n rows of features. */
function accumulateColumnMoments(
  n: i32, width: usize, stride: usize, shift: usize, x: usize, sums: usize, squares: usize,
): void {
  for (; n > 0; n -= ROWS, x += <usize>ROWS * stride) {
    let at: usize = 0
    for (; at + 32 <= width; at += 32) {
      const shift0 = v128.load(shift + at)
      const shift1 = v128.load(shift + at, 16)
      let s0 = v128.load(sums + at)
      let s1 = v128.load(sums + at, 16)
      let q0 = v128.load(squares + at)
      let q1 = v128.load(squares + at, 16)
      let from = x + at
      for (let row = min(n, ROWS); row > 0; --row, from += stride) {
        const d0 = v128.sub<Float>(v128.load(from), shift0)
        const d1 = v128.sub<Float>(v128.load(from, 16), shift1)
        s0 = v128.add<Float>(s0, d0)
        s1 = v128.add<Float>(s1, d1)
        q0 = v128.add<Float>(q0, v128.mul<Float>(d0, d0))
        q1 = v128.add<Float>(q1, v128.mul<Float>(d1, d1))
      }
      v128.store(sums + at, s0)
      v128.store(sums + at, s1, 16)
      v128.store(squares + at, q0)
      v128.store(squares + at, q1, 16)
    }
    for (; at < width; at += SIZE) {
      let from = x + at
      for (let row = min(n, ROWS); row > 0; --row, from += stride) addMoment(shift + at, from, sums + at, squares + at)
    }
  }
}

function addMoment(shift: usize, x: usize, sum: usize, square: usize): void {
  const d: Float = load<Float>(x) - load<Float>(shift)
  store<Float>(sum, load<Float>(sum) + d)
  store<Float>(square, load<Float>(square) + d * d)
}

@inline
/** The mean of two features less their shift, from their totals. */
function meanOfPair(inverseM: v128, totals: usize): v128 {
  return f64x2.mul(v128.load(totals), inverseM)
}

@inline
/** Their variance. */
function varianceOfPair(inverseM: v128, d: v128, totals: usize): v128 {
  return f64x2.sub(f64x2.mul(v128.load(totals), inverseM), f64x2.mul(d, d))
}

@inline
/** Whether the shifts of two features are near enough to their means for the variances to keep their digits. */
function pairIsNear(d: v128, variance: v128, most: v128): v128 {
  return f64x2.le(f64x2.mul(d, d), f64x2.mul(most, variance))
}

/** keepStatistics() of the features of a strip, from the totals of x - shift and of its squares. */
function keepColumnStatistics(
  n: i32, width: usize, stride: usize, unbiased: i32, epsilon: Float, momentum: Float, rest: Float,
  x: usize, scratch: usize, runningMean: usize, runningVar: usize, mean: usize, invStd: usize,
): void {
  const m: Float = <Float>n
  const inverse: f64 = 1 / <f64>n
  const inverseM = f64x2.splat(inverse)
  const correct = unbiased && m > 1
  const ms = v128.splat<Float>(m)
  const less = v128.splat<Float>(m - 1)
  const one = v128.splat<Float>(1)
  const epsilons = v128.splat<Float>(epsilon)
  const momenta = v128.splat<Float>(momentum)
  const rests = v128.splat<Float>(rest)
  const totals = scratch + TOTALS_AT
  const squares = scratch + SECOND_TOTALS_AT
  const shift = scratch + SHIFTS_AT
  // By way of memory: V8 builds a constant that it knows anew in every round of a loop.
  v128.store(scratch, f64x2.splat(MOST_FEATURE_SHIFT), 32)
  let at: usize = 0
  while (at < width) {
    let end = min(at + 16, width)
    const wide = (at / SIZE) * 8
    if (at + 16 <= width) {
      const shifts = v128.load(shift + at)
      let d = meanOfPair(inverseM, totals + wide)
      let variance = varianceOfPair(inverseM, d, squares + wide)
      const most = v128.load(scratch, 32)
      let near = pairIsNear(d, variance, most)
      let average: v128
      if (LANES == 2) {
        average = f64x2.add(shifts, d)
      } else {
        const d1 = meanOfPair(inverseM, totals + wide + 16)
        const variance1 = varianceOfPair(inverseM, d1, squares + wide + 16)
        near = v128.and(near, pairIsNear(d1, variance1, most))
        const low = f64x2.add(f64x2.promote_low_f32x4(shifts), d)
        const high = f64x2.add(f64x2.promote_low_f32x4(v128.shuffle<i64>(shifts, shifts, 1, 1)), d1)
        average = v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2)
        variance = v128.shuffle<i64>(f32x4.demote_f64x2_zero(variance), f32x4.demote_f64x2_zero(variance1), 0, 2)
      }
      // 0 where the variance is infinite.
      const inverses = v128.div<Float>(one, v128.sqrt<Float>(v128.add<Float>(variance, epsilons)))
      if (i64x2.all_true(near) && (LANES == 2 ? i64x2.all_true(inverses) : i32x4.all_true(inverses))) {
        const seen = correct ? v128.div<Float>(v128.mul<Float>(variance, ms), less) : variance
        const oldMean = v128.mul<Float>(momenta, v128.load(runningMean + at))
        const oldVar = v128.mul<Float>(momenta, v128.load(runningVar + at))
        v128.store(runningMean + at, v128.add<Float>(oldMean, v128.mul<Float>(rests, average)))
        if (m > 1) v128.store(runningVar + at, v128.add<Float>(oldVar, v128.mul<Float>(rests, seen)))
        v128.store(mean + at, average)
        v128.store(invStd + at, inverses)
        at = end
      }
    }
    for (; at < end; at += SIZE) {
      const place = (at / SIZE) * 8
      const d = load<f64>(totals + place) * inverse
      const variance = load<f64>(squares + place) * inverse - d * d
      const near = d * d <= MOST_FEATURE_SHIFT * variance && variance < Infinity
      if (near) storeMoments(load<Float>(shift + at), d, variance, scratch)
      else moments(n, 1, stride, x + at, scratch)
      keepStatistics(
        unbiased, m, epsilon, momentum, rest, scratch, runningMean + at, runningVar + at, mean + at, invStd + at,
      )
    }
  }
}

/** The totals and shifts of the features of a strip, to scratch. */
function columnTotals(n: i32, width: usize, stride: usize, x: usize, scratch: usize): void {
  const shift = scratch + SHIFTS_AT
  const sums = scratch + SUMS_AT
  const squares = scratch + SECONDS_AT
  let row = min(n, SAMPLE_ROWS)
  beginColumnMoments(row, width, stride, shift, x, sums, squares)
  for (let end = SUM_STEPS; ; end += SUM_STEPS) {
    accumulateColumnMoments(min(n, end) - row, width, stride, shift, x + <usize>row * stride, sums, squares)
    addBlock(end == SUM_STEPS, width, sums, scratch + TOTALS_AT)
    addBlock(end == SUM_STEPS, width, squares, scratch + SECOND_TOTALS_AT)
    if (end >= n) return
    row = end
    memory.fill(sums, 0, STRIP)
    memory.fill(squares, 0, STRIP)
  }
}

/** scale = gamma * invStd, of the features of a strip. */
function scalesOf(width: usize, gamma: usize, invStd: usize, scale: usize): void {
  for (let at: usize = 0; at < width; at += SIZE) {
    store<Float>(scale + at, load<Float>(gamma + at) * load<Float>(invStd + at))
  }
}

/** y = max(floor, (x - mean) * scale + beta) for n rows of features. */
function normalizeStrip(
  n: i32, width: usize, stride: usize, floor: Float, x: usize, mean: usize, scale: usize, beta: usize, y: usize,
): void {
  const floors = v128.splat<Float>(floor)
  const step = <usize>ROWS * stride
  for (; n > 0; n -= ROWS, x += step, y += step) {
    let at: usize = 0
    for (; at + 32 <= width; at += 32) {
      const m0 = v128.load(mean + at)
      const m1 = v128.load(mean + at, 16)
      const c0 = v128.load(scale + at)
      const c1 = v128.load(scale + at, 16)
      const b0 = v128.load(beta + at)
      const b1 = v128.load(beta + at, 16)
      let from = x + at
      let to = y + at
      for (let row = min(n, ROWS); row > 0; --row, from += stride, to += stride) {
        const z0 = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(v128.load(from), m0), c0), b0)
        const z1 = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(v128.load(from, 16), m1), c1), b1)
        v128.store(to, v128.pmax<Float>(z0, floors))
        v128.store(to, v128.pmax<Float>(z1, floors), 16)
      }
    }
    for (; at < width; at += SIZE) {
      let from = x + at
      let to = y + at
      for (let row = min(n, ROWS); row > 0; --row, from += stride, to += stride) {
        const z: Float = (load<Float>(from) - load<Float>(mean + at)) * load<Float>(scale + at) + load<Float>(beta + at)
        store<Float>(to, z < floor ? floor : z)
      }
    }
  }
}

/** batchNormForward() of features: hw = 1. */
export function batchNormFeaturesForward(
  n: i32, c: i32, all: i32, training: i32, unbiased: i32, relu: i32, epsilon: Float, momentum: Float, rest: Float,
  x: usize, gamma: usize, beta: usize, runningMean: usize, runningVar: usize, scratch: usize,
  mean: usize, invStd: usize, y: usize,
): void {
  const row = <usize>c * SIZE
  const stride = <usize>all * SIZE
  const floor: Float = relu ? 0 : -Infinity
  if (!training) takeRunning(c, epsilon, runningMean, runningVar, mean, invStd)
  for (let at: usize = 0; at < row; at += STRIP) {
    const width = min(STRIP, row - at)
    const strip = x + at
    if (training) {
      columnTotals(n, width, stride, strip, scratch)
      keepColumnStatistics(
        n, width, stride, unbiased, epsilon, momentum, rest, strip, scratch,
        runningMean + at, runningVar + at, mean + at, invStd + at,
      )
    }
    const scale = scratch + SUMS_AT
    scalesOf(width, gamma + at, invStd + at, scale)
    normalizeStrip(n, width, stride, floor, strip, mean + at, scale, beta + at, y + at)
  }
}

/** The same sums as those of sumGradients for n rows of features, added to `sums` and `products`. */
function accumulateColumnGradients(
  n: i32, width: usize, stride: usize, relu: i32, x: usize, scale: usize, beta: usize, mean: usize, dy: usize,
  sums: usize, products: usize,
): void {
  let at: usize = 0
  for (; at + 32 <= width; at += 32) {
    const m0 = v128.load(mean + at)
    const m1 = v128.load(mean + at, 16)
    const c0 = v128.load(scale + at)
    const c1 = v128.load(scale + at, 16)
    const t0 = v128.neg<Float>(v128.load(beta + at))
    const t1 = v128.neg<Float>(v128.load(beta + at, 16))
    let s0 = v128.load(sums + at)
    let s1 = v128.load(sums + at, 16)
    let q0 = v128.load(products + at)
    let q1 = v128.load(products + at, 16)
    let from = x + at
    let grad = dy + at
    for (let row = n; row > 0; --row, from += stride, grad += stride) {
      const d = v128.sub<Float>(v128.load(from), m0)
      const e = v128.sub<Float>(v128.load(from, 16), m1)
      let g = v128.load(grad)
      let h = v128.load(grad, 16)
      if (relu) {
        g = v128.andnot(g, v128.le<Float>(v128.mul<Float>(d, c0), t0))
        h = v128.andnot(h, v128.le<Float>(v128.mul<Float>(e, c1), t1))
      }
      s0 = v128.add<Float>(s0, g)
      q0 = v128.add<Float>(q0, v128.mul<Float>(g, d))
      s1 = v128.add<Float>(s1, h)
      q1 = v128.add<Float>(q1, v128.mul<Float>(h, e))
    }
    v128.store(sums + at, s0)
    v128.store(sums + at, s1, 16)
    v128.store(products + at, q0)
    v128.store(products + at, q1, 16)
  }
  for (; at < width; at += SIZE) {
    const average = load<Float>(mean + at)
    const scales = load<Float>(scale + at)
    const threshold: Float = relu ? -load<Float>(beta + at) : NaN
    let offset = at
    for (let row = 0; row < n; ++row, offset += stride) {
      const d: Float = load<Float>(x + offset) - average
      const g: Float = d * scales <= threshold ? 0 : load<Float>(dy + offset)
      store<Float>(sums + at, load<Float>(sums + at) + g)
      store<Float>(products + at, load<Float>(products + at) + g * d)
    }
  }
}

/** The same as gradientRows for n rows of features. */
function gradientColumns(
  n: i32, width: usize, stride: usize, relu: i32, x: usize, scale: usize, beta: usize, mean: usize,
  dy: usize, b: usize, k: usize, dx: usize,
): void {
  let at: usize = 0
  for (; at + 32 <= width; at += 32) {
    const m0 = v128.load(mean + at)
    const m1 = v128.load(mean + at, 16)
    const c0 = v128.load(scale + at)
    const c1 = v128.load(scale + at, 16)
    const b0 = v128.load(b + at)
    const b1 = v128.load(b + at, 16)
    const k0 = v128.load(k + at)
    const k1 = v128.load(k + at, 16)
    const t0 = v128.neg<Float>(v128.load(beta + at))
    const t1 = v128.neg<Float>(v128.load(beta + at, 16))
    let from = x + at
    let grad = dy + at
    let to = dx + at
    for (let row = n; row > 0; --row, from += stride, grad += stride, to += stride) {
      const d = v128.sub<Float>(v128.load(from), m0)
      const e = v128.sub<Float>(v128.load(from, 16), m1)
      let g = v128.load(grad)
      let h = v128.load(grad, 16)
      if (relu) {
        g = v128.andnot(g, v128.le<Float>(v128.mul<Float>(d, c0), t0))
        h = v128.andnot(h, v128.le<Float>(v128.mul<Float>(e, c1), t1))
      }
      v128.store(to, v128.mul<Float>(c0, v128.sub<Float>(v128.sub<Float>(g, b0), v128.mul<Float>(d, k0))))
      v128.store(to, v128.mul<Float>(c1, v128.sub<Float>(v128.sub<Float>(h, b1), v128.mul<Float>(e, k1))), 16)
    }
  }
  for (; at < width; at += SIZE) {
    gradientRows(
      n, 1, load<Float>(mean + at), load<Float>(scale + at), relu ? -load<Float>(beta + at) : <Float>NaN,
      load<Float>(b + at), load<Float>(k + at), stride, x + at, dy + at, dx + at,
    )
  }
}

/** batchNormBackward() of features: hw = 1. */
export function batchNormFeaturesBackward(
  n: i32, c: i32, all: i32, training: i32, relu: i32,
  x: usize, gamma: usize, beta: usize, mean: usize, invStd: usize, dy: usize, scratch: usize,
  dgamma: usize, dbeta: usize, dx: usize,
): void {
  const row = <usize>c * SIZE
  const stride = <usize>all * SIZE
  const m = <Float>n
  const sums = scratch + SUMS_AT
  const products = scratch + SECONDS_AT
  const scale = scratch + SHIFTS_AT
  for (let at: usize = 0; at < row; at += STRIP) {
    const width = min(STRIP, row - at)
    scalesOf(width, gamma + at, invStd + at, scale)
    for (let begin = 0; begin < n; begin += SUM_STEPS) {
      memory.fill(sums, 0, STRIP)
      memory.fill(products, 0, STRIP)
      for (let i = begin; i < min(n, begin + SUM_STEPS); i += ROWS) {
        const offset = <usize>i * stride + at
        accumulateColumnGradients(
          min(ROWS, n - i), width, stride, relu, x + offset, scale, beta + at, mean + at, dy + offset, sums, products,
        )
      }
      addBlock(begin == 0, width, sums, scratch + TOTALS_AT)
      addBlock(begin == 0, width, products, scratch + SECOND_TOTALS_AT)
    }
    for (let j: usize = 0; j < width; j += SIZE) {
      const inverse = load<Float>(invStd + at + j)
      const wide = (j / SIZE) * 8
      const sum = <Float>load<f64>(scratch + TOTALS_AT + wide)
      const product = <Float>load<f64>(scratch + SECOND_TOTALS_AT + wide)
      if (dgamma) {
        const to = at + j
        store<Float>(dgamma + to, load<Float>(dgamma + to) + product * inverse)
        store<Float>(dbeta + to, load<Float>(dbeta + to) + sum)
      }
      store<Float>(sums + j, training ? sum / m : 0)
      store<Float>(products + j, training ? (product / m) * inverse * inverse : 0)
    }
    for (let i = 0; dx && i < n; i += ROWS) {
      const offset = <usize>i * stride + at
      gradientColumns(
        min(ROWS, n - i), width, stride, relu, x + offset, scale, beta + at, mean + at, dy + offset, sums, products,
        dx + offset,
      )
    }
  }
}
