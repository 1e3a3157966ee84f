// What batch norm and group norm share: passes over rows of one channel, and over rows of features.
// Sums follow the order of reduce.ts. A variance is the shifted one, E[(x-s)^2] - E[x-s]^2, with s the mean of some of
// the values: one pass over the data, and at worst as many times the rounding error as there are values to one of s.

import { LANES, SIZE } from './float'

const SUMS: i32 = 4 * LANES

/** sums += x - shift; squares += (x - shift)^2, for n rows of one channel; stride in bytes. */
export function accumulateMoments(
  n: i32, hw: i32, shift: Float, stride: usize, x: usize, sums: usize, squares: usize,
): void {
  const shifts = v128.splat<Float>(shift)
  let s0 = v128.load(sums)
  let s1 = v128.load(sums, 16)
  let s2 = v128.load(sums, 32)
  let s3 = v128.load(sums, 48)
  let q0 = v128.load(squares)
  let q1 = v128.load(squares, 16)
  let q2 = v128.load(squares, 32)
  let q3 = v128.load(squares, 48)
  for (; n > 0; --n, x += stride) {
    let from = x
    let count = hw
    for (; count >= SUMS; count -= SUMS) {
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
    // Between rows the partial sums stay in registers, unless a row has a tail.
    if (n > 1 && !count) continue
    v128.store(sums, s0)
    v128.store(sums, s1, 16)
    v128.store(sums, s2, 32)
    v128.store(sums, s3, 48)
    v128.store(squares, q0)
    v128.store(squares, q1, 16)
    v128.store(squares, q2, 32)
    v128.store(squares, q3, 48)
    for (let lane: usize = 0; count > 0; --count, lane += SIZE) {
      const d: Float = load<Float>(from + lane) - shift
      store<Float>(sums + lane, load<Float>(sums + lane) + d)
      store<Float>(squares + lane, load<Float>(squares + lane) + d * d)
    }
    s0 = v128.load(sums)
    s1 = v128.load(sums, 16)
    s2 = v128.load(sums, 32)
    s3 = v128.load(sums, 48)
    q0 = v128.load(squares)
    q1 = v128.load(squares, 16)
    q2 = v128.load(squares, 32)
    q3 = v128.load(squares, 48)
  }
}

/** Of m values, where d is their mean less the shift and `squares` the sum of (x - shift)^2. */
export function varianceOf(m: Float, d: Float, squares: Float): Float {
  const variance: Float = squares / m - d * d
  // Not "variance > 0 ? variance : 0": a NaN must stay one.
  return variance < 0 ? 0 : variance
}

export function inverseDeviation(variance: Float, epsilon: Float): Float {
  return 1 / sqrt<Float>(variance + epsilon)
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

/**
 * y = max(floor, (x - mean) * (gamma * invStd) + beta) for n rows of c features. mean and invStd: one for each
 * feature, or, with `step` 0 instead of 1, four vectors of the same one for all.
 */
export function normalizeColumns(
  n: i32, c: i32, step: usize, floor: Float, x: usize, mean: usize, invStd: usize, gamma: usize, beta: usize, y: usize,
): void {
  const floors = v128.splat<Float>(floor)
  for (; n > 0; --n) {
    let averages = mean
    let inverses = invStd
    let scales = gamma
    let shifts = beta
    let count = c
    for (; count >= 4 * LANES; count -= 4 * LANES) {
      let s = v128.mul<Float>(v128.load(scales), v128.load(inverses))
      let d = v128.sub<Float>(v128.load(x), v128.load(averages))
      v128.store(y, v128.pmax<Float>(v128.add<Float>(v128.mul<Float>(d, s), v128.load(shifts)), floors))
      s = v128.mul<Float>(v128.load(scales, 16), v128.load(inverses, 16))
      d = v128.sub<Float>(v128.load(x, 16), v128.load(averages, 16))
      v128.store(y, v128.pmax<Float>(v128.add<Float>(v128.mul<Float>(d, s), v128.load(shifts, 16)), floors), 16)
      s = v128.mul<Float>(v128.load(scales, 32), v128.load(inverses, 32))
      d = v128.sub<Float>(v128.load(x, 32), v128.load(averages, 32))
      v128.store(y, v128.pmax<Float>(v128.add<Float>(v128.mul<Float>(d, s), v128.load(shifts, 32)), floors), 32)
      s = v128.mul<Float>(v128.load(scales, 48), v128.load(inverses, 48))
      d = v128.sub<Float>(v128.load(x, 48), v128.load(averages, 48))
      v128.store(y, v128.pmax<Float>(v128.add<Float>(v128.mul<Float>(d, s), v128.load(shifts, 48)), floors), 48)
      averages += 64 * step
      inverses += 64 * step
      scales += 64
      shifts += 64
      x += 64
      y += 64
    }
    for (; count > 0; --count) {
      const scale: Float = load<Float>(scales) * load<Float>(inverses)
      const z: Float = (load<Float>(x) - load<Float>(averages)) * scale + load<Float>(shifts)
      store<Float>(y, z < floor ? floor : z)
      averages += SIZE * step
      inverses += SIZE * step
      scales += SIZE
      shifts += SIZE
      x += SIZE
      y += SIZE
    }
  }
}

/**
 * sums += dy; products += dy * (x - mean), for n rows of one channel; stride in bytes. dy does not count where
 * (x - mean) * scale <= threshold: -beta before a ReLU, which is y <= 0, and NaN, which saves the comparisons, before
 * none.
 */
export function accumulateGradients(
  n: i32, hw: i32, mean: Float, scale: Float, threshold: Float, stride: usize, x: usize, dy: usize,
  sums: usize, products: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const thresholds = v128.splat<Float>(threshold)
  const masked = threshold == threshold
  let s0 = v128.load(sums)
  let s1 = v128.load(sums, 16)
  let s2 = v128.load(sums, 32)
  let s3 = v128.load(sums, 48)
  let q0 = v128.load(products)
  let q1 = v128.load(products, 16)
  let q2 = v128.load(products, 32)
  let q3 = v128.load(products, 48)
  for (; n > 0; --n, x += stride, dy += stride) {
    let from = x
    let grad = dy
    let count = hw
    for (; count >= SUMS; count -= SUMS) {
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
    // As in accumulateMoments.
    if (n > 1 && !count) continue
    v128.store(sums, s0)
    v128.store(sums, s1, 16)
    v128.store(sums, s2, 32)
    v128.store(sums, s3, 48)
    v128.store(products, q0)
    v128.store(products, q1, 16)
    v128.store(products, q2, 32)
    v128.store(products, q3, 48)
    for (let lane: usize = 0; count > 0; --count, lane += SIZE) {
      const d: Float = load<Float>(from + lane) - mean
      const g: Float = d * scale <= threshold ? 0 : load<Float>(grad + lane)
      store<Float>(sums + lane, load<Float>(sums + lane) + g)
      store<Float>(products + lane, load<Float>(products + lane) + g * d)
    }
    s0 = v128.load(sums)
    s1 = v128.load(sums, 16)
    s2 = v128.load(sums, 32)
    s3 = v128.load(sums, 48)
    q0 = v128.load(products)
    q1 = v128.load(products, 16)
    q2 = v128.load(products, 32)
    q3 = v128.load(products, 48)
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
