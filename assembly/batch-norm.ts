// Batch normalisation (Ioffe & Szegedy, 2015) of x (n x c x hw), each channel over its m = n * hw values; hw = 1 for
// (N, D). With `relu`, y = max(0, ...) in the same pass, and backward takes the sign of y from x again. The shift of a
// channel's variance (norm.ts) is the mean of its first row. Features (hw = 1) are summed side by side, row after row:
// the order of reduce.ts for rows of one value.

import { LANES, SIZE } from './float'
import {
  accumulateGradients, accumulateMoments, gradientRows, inverseDeviation, normalizeColumns, normalizeRows, varianceOf,
} from './norm'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

/** Rows of features that are summed together, so that what belongs to a feature is loaded once for all of them. */
const ROWS: i32 = 4

/**
 * mean holds sums of x - shift for `count` channels of m values each, invStd of (x - shift)^2; they become what their
 * names say. running = momentum * running + rest * batch, with the unbiased variance if `unbiased`.
 */
function batchStatistics(
  count: i32, unbiased: i32, m: Float, epsilon: Float, momentum: Float, rest: Float,
  shift: usize, runningMean: usize, runningVar: usize, mean: usize, invStd: usize,
): void {
  const correct = unbiased && m > 1
  const ms = v128.splat<Float>(m)
  const less = v128.splat<Float>(m - 1)
  const zero = v128.splat<Float>(0)
  const one = v128.splat<Float>(1)
  const epsilons = v128.splat<Float>(epsilon)
  const momenta = v128.splat<Float>(momentum)
  const rests = v128.splat<Float>(rest)
  let at: usize = 0
  for (; count >= LANES; count -= LANES, at += 16) {
    const d = v128.div<Float>(v128.load(mean + at), ms)
    const square = v128.sub<Float>(v128.div<Float>(v128.load(invStd + at), ms), v128.mul<Float>(d, d))
    const variance = v128.pmax<Float>(square, zero)
    const average = v128.add<Float>(v128.load(shift + at), d)
    const seen = correct ? v128.div<Float>(v128.mul<Float>(variance, ms), less) : variance
    const oldMean = v128.mul<Float>(momenta, v128.load(runningMean + at))
    const oldVar = v128.mul<Float>(momenta, v128.load(runningVar + at))
    v128.store(runningMean + at, v128.add<Float>(oldMean, v128.mul<Float>(rests, average)))
    v128.store(runningVar + at, v128.add<Float>(oldVar, v128.mul<Float>(rests, seen)))
    v128.store(mean + at, average)
    v128.store(invStd + at, v128.div<Float>(one, v128.sqrt<Float>(v128.add<Float>(variance, epsilons))))
  }
  for (; count > 0; --count, at += SIZE) {
    const d: Float = load<Float>(mean + at) / m
    const variance = varianceOf(m, d, load<Float>(invStd + at))
    const average: Float = load<Float>(shift + at) + d
    const seen: Float = correct ? (variance * m) / (m - 1) : variance
    store<Float>(runningMean + at, momentum * load<Float>(runningMean + at) + rest * average)
    store<Float>(runningVar + at, momentum * load<Float>(runningVar + at) + rest * seen)
    store<Float>(mean + at, average)
    store<Float>(invStd + at, inverseDeviation(variance, epsilon))
  }
}

/** sums += x - shift; squares += (x - shift)^2, for n rows of c features. */
function accumulateColumnMoments(n: i32, c: i32, shift: usize, x: usize, sums: usize, squares: usize): void {
  const stride = <usize>c * SIZE
  for (; n > 0; n -= ROWS, x += <usize>ROWS * stride) {
    let at: usize = 0
    for (; at + 16 <= stride; at += 16) {
      const shifts = v128.load(shift + at)
      let from = x + at
      let d = v128.sub<Float>(v128.load(from), shifts)
      let s = v128.add<Float>(v128.load(sums + at), d)
      let q = v128.add<Float>(v128.load(squares + at), v128.mul<Float>(d, d))
      if (n > 1) {
        from += stride
        d = v128.sub<Float>(v128.load(from), shifts)
        s = v128.add<Float>(s, d)
        q = v128.add<Float>(q, v128.mul<Float>(d, d))
      }
      if (n > 2) {
        from += stride
        d = v128.sub<Float>(v128.load(from), shifts)
        s = v128.add<Float>(s, d)
        q = v128.add<Float>(q, v128.mul<Float>(d, d))
      }
      if (n > 3) {
        from += stride
        d = v128.sub<Float>(v128.load(from), shifts)
        s = v128.add<Float>(s, d)
        q = v128.add<Float>(q, v128.mul<Float>(d, d))
      }
      v128.store(sums + at, s)
      v128.store(squares + at, q)
    }
    for (; at < stride; at += SIZE) {
      let from = x + at
      for (let row = min(n, ROWS); row > 0; --row, from += stride) {
        const d: Float = load<Float>(from) - load<Float>(shift + at)
        store<Float>(sums + at, load<Float>(sums + at) + d)
        store<Float>(squares + at, load<Float>(squares + at) + d * d)
      }
    }
  }
}

/**
 * y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.
 * Training: mean and variance of the batch, kept in mean and invStd for backward; running = momentum * running +
 * rest * batch, with the unbiased variance (divided by m - 1) if `unbiased`. Else: the running statistics.
 * rest = 1 - momentum, handed in because float32 would lose digits. scratch: NORM_SCRATCH bytes.
 */
export function batchNormForward(
  n: i32, c: i32, hw: i32, training: i32, unbiased: i32, relu: i32, epsilon: Float, momentum: Float, rest: Float,
  x: usize, gamma: usize, beta: usize, runningMean: usize, runningVar: usize, scratch: usize,
  mean: usize, invStd: usize, y: usize,
): void {
  const stride = <usize>(c * hw) * SIZE
  const m: Float = <Float>(n * hw)
  const floor: Float = relu ? 0 : -Infinity
  if (!training) {
    for (let at: usize = 0; at < <usize>c * SIZE; at += SIZE) {
      store<Float>(mean + at, load<Float>(runningMean + at))
      store<Float>(invStd + at, inverseDeviation(load<Float>(runningVar + at), epsilon))
    }
  }
  if (hw == 1) {
    if (training) {
      memory.fill(mean, 0, stride)
      memory.fill(invStd, 0, stride)
      accumulateColumnMoments(n, c, x, x, mean, invStd)
      batchStatistics(c, unbiased, m, epsilon, momentum, rest, x, runningMean, runningVar, mean, invStd)
    }
    normalizeColumns(n, c, 1, floor, x, mean, invStd, gamma, beta, y)
    return
  }
  const squares = scratch + 64
  const shift = scratch + 128
  for (let channel = 0; channel < c; ++channel) {
    if (training) {
      clearLanes(scratch)
      accumulate(hw, x, scratch)
      store<Float>(shift, totalOfLanes(scratch) / <Float>hw)
      clearLanes(scratch)
      clearLanes(squares)
      accumulateMoments(n, hw, load<Float>(shift), stride, x, scratch, squares)
      store<Float>(mean, totalOfLanes(scratch))
      store<Float>(invStd, totalOfLanes(squares))
      batchStatistics(1, unbiased, m, epsilon, momentum, rest, shift, runningMean, runningVar, mean, invStd)
    }
    const scale: Float = load<Float>(gamma) * load<Float>(invStd)
    normalizeRows(n, hw, floor, load<Float>(mean), scale, load<Float>(beta), stride, x, y)
    x += <usize>hw * SIZE
    y += <usize>hw * SIZE
    gamma += SIZE
    beta += SIZE
    runningMean += SIZE
    runningVar += SIZE
    mean += SIZE
    invStd += SIZE
  }
}

/** The same as accumulateGradients for n rows of c features. */
function accumulateColumnGradients(
  n: i32, c: i32, relu: i32, x: usize, gamma: usize, beta: usize, mean: usize, invStd: usize, dy: usize,
  sums: usize, products: usize,
): void {
  const stride = <usize>c * SIZE
  let at: usize = 0
  for (; at + 16 <= stride; at += 16) {
    const means = v128.load(mean + at)
    const scales = v128.mul<Float>(v128.load(gamma + at), v128.load(invStd + at))
    const thresholds = relu ? v128.neg<Float>(v128.load(beta + at)) : v128.splat<Float>(NaN)
    let s = v128.load(sums + at)
    let q = v128.load(products + at)
    let offset = at
    for (let row = 0; row < n; ++row, offset += stride) {
      const d = v128.sub<Float>(v128.load(x + offset), means)
      const g = v128.andnot(v128.load(dy + offset), v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
      s = v128.add<Float>(s, g)
      q = v128.add<Float>(q, v128.mul<Float>(g, d))
    }
    v128.store(sums + at, s)
    v128.store(products + at, q)
  }
  for (; at < stride; at += SIZE) {
    const average = load<Float>(mean + at)
    const scale: Float = load<Float>(gamma + at) * load<Float>(invStd + at)
    const threshold: Float = relu ? -load<Float>(beta + at) : NaN
    let offset = at
    for (let row = 0; row < n; ++row, offset += stride) {
      const d: Float = load<Float>(x + offset) - average
      const g: Float = d * scale <= threshold ? 0 : load<Float>(dy + offset)
      store<Float>(sums + at, load<Float>(sums + at) + g)
      store<Float>(products + at, load<Float>(products + at) + g * d)
    }
  }
}

/** The same as gradientRows for n rows of c features. */
function gradientColumns(
  n: i32, c: i32, relu: i32, x: usize, gamma: usize, beta: usize, mean: usize, invStd: usize, dy: usize,
  b: usize, k: usize, dx: usize,
): void {
  const stride = <usize>c * SIZE
  let at: usize = 0
  for (; at + 16 <= stride; at += 16) {
    const means = v128.load(mean + at)
    const scales = v128.mul<Float>(v128.load(gamma + at), v128.load(invStd + at))
    const thresholds = relu ? v128.neg<Float>(v128.load(beta + at)) : v128.splat<Float>(NaN)
    const bs = v128.load(b + at)
    const ks = v128.load(k + at)
    let offset = at
    for (let row = 0; row < n; ++row, offset += stride) {
      const d = v128.sub<Float>(v128.load(x + offset), means)
      const g = v128.andnot(v128.load(dy + offset), v128.le<Float>(v128.mul<Float>(d, scales), thresholds))
      const rest = v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))
      v128.store(dx + offset, v128.mul<Float>(scales, rest))
    }
  }
  for (; at < stride; at += SIZE) {
    const scale: Float = load<Float>(gamma + at) * load<Float>(invStd + at)
    gradientRows(
      n, 1, load<Float>(mean + at), scale, relu ? -load<Float>(beta + at) : <Float>NaN, load<Float>(b + at),
      load<Float>(k + at), stride, x + at, dy + at, dx + at,
    )
  }
}

/**
 * dgamma += sum dy (x - mean) invStd, dbeta += sum dy, unless dgamma is 0; and, unless dx is 0,
 * dx = gamma invStd (dy - mean(dy) - (x - mean) invStd^2 mean(dy (x - mean))); without `training` the statistics are
 * constants and dx = gamma invStd dy. scratch: NORM_SCRATCH bytes, and for features at
 * least 2 c values.
 */
export function batchNormBackward(
  n: i32, c: i32, hw: i32, training: i32, relu: i32,
  x: usize, gamma: usize, beta: usize, mean: usize, invStd: usize, dy: usize, scratch: usize,
  dgamma: usize, dbeta: usize, dx: usize,
): void {
  const stride = <usize>(c * hw) * SIZE
  const m: Float = <Float>(n * hw)
  if (hw == 1) {
    const products = scratch + stride
    memory.fill(scratch, 0, 2 * stride)
    for (let i = 0; i < n; i += ROWS) {
      const offset = <usize>i * stride
      accumulateColumnGradients(
        min(ROWS, n - i), c, relu, x + offset, gamma, beta, mean, invStd, dy + offset, scratch, products,
      )
    }
    for (let at: usize = 0; at < stride; at += SIZE) {
      const inverse = load<Float>(invStd + at)
      const sum = load<Float>(scratch + at)
      const product = load<Float>(products + at)
      if (dgamma) {
        store<Float>(dgamma + at, load<Float>(dgamma + at) + product * inverse)
        store<Float>(dbeta + at, load<Float>(dbeta + at) + sum)
      }
      store<Float>(scratch + at, training ? sum / m : 0)
      store<Float>(products + at, training ? (product / m) * inverse * inverse : 0)
    }
    if (!dx) return
    for (let i = 0; i < n; i += ROWS) {
      const offset = <usize>i * stride
      gradientColumns(
        min(ROWS, n - i), c, relu, x + offset, gamma, beta, mean, invStd, dy + offset, scratch, products, dx + offset,
      )
    }
    return
  }
  const products = scratch + 64
  for (let channel = 0; channel < c; ++channel) {
    const at = <usize>channel * SIZE
    const average = load<Float>(mean + at)
    const inverse = load<Float>(invStd + at)
    const scale: Float = load<Float>(gamma + at) * inverse
    const threshold: Float = relu ? -load<Float>(beta + at) : NaN
    clearLanes(scratch)
    clearLanes(products)
    accumulateGradients(n, hw, average, scale, threshold, stride, x, dy, scratch, products)
    const sum = totalOfLanes(scratch)
    const product = totalOfLanes(products)
    if (dgamma) {
      store<Float>(dgamma + at, load<Float>(dgamma + at) + product * inverse)
      store<Float>(dbeta + at, load<Float>(dbeta + at) + sum)
    }
    if (dx) {
      const b: Float = training ? sum / m : 0
      const k: Float = training ? (product / m) * inverse * inverse : 0
      gradientRows(n, hw, average, scale, threshold, b, k, stride, x, dy, dx)
      dx += <usize>hw * SIZE
    }
    x += <usize>hw * SIZE
    dy += <usize>hw * SIZE
  }
}
