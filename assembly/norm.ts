// What batch norm and group norm share: passes over rows of one channel, and over rows of features.
// Sums follow the order of reduce.ts. A variance is the shifted one, E[(x-s)^2] - E[x-s]^2, with s the mean of some of
// the values: one pass over the data, and at worst as many times the rounding error as there are values to one of s.

import { LANES, SIZE } from './float'

const SUMS: i32 = 4 * LANES

/** sums += x - shift; squares += (x - shift)^2. */
export function accumulateMoments(count: i32, shift: Float, x: usize, sums: usize, squares: usize): void {
  const shifts = v128.splat<Float>(shift)
  let s0 = v128.load(sums)
  let s1 = v128.load(sums, 16)
  let s2 = v128.load(sums, 32)
  let s3 = v128.load(sums, 48)
  let q0 = v128.load(squares)
  let q1 = v128.load(squares, 16)
  let q2 = v128.load(squares, 32)
  let q3 = v128.load(squares, 48)
  for (; count >= SUMS; count -= SUMS) {
    const d0 = v128.sub<Float>(v128.load(x), shifts)
    const d1 = v128.sub<Float>(v128.load(x, 16), shifts)
    const d2 = v128.sub<Float>(v128.load(x, 32), shifts)
    const d3 = v128.sub<Float>(v128.load(x, 48), shifts)
    s0 = v128.add<Float>(s0, d0)
    s1 = v128.add<Float>(s1, d1)
    s2 = v128.add<Float>(s2, d2)
    s3 = v128.add<Float>(s3, d3)
    q0 = v128.add<Float>(q0, v128.mul<Float>(d0, d0))
    q1 = v128.add<Float>(q1, v128.mul<Float>(d1, d1))
    q2 = v128.add<Float>(q2, v128.mul<Float>(d2, d2))
    q3 = v128.add<Float>(q3, v128.mul<Float>(d3, d3))
    x += 64
  }
  v128.store(sums, s0)
  v128.store(sums, s1, 16)
  v128.store(sums, s2, 32)
  v128.store(sums, s3, 48)
  v128.store(squares, q0)
  v128.store(squares, q1, 16)
  v128.store(squares, q2, 32)
  v128.store(squares, q3, 48)
  for (; count > 0; --count) {
    const d: Float = load<Float>(x) - shift
    store<Float>(sums, load<Float>(sums) + d)
    store<Float>(squares, load<Float>(squares) + d * d)
    sums += SIZE
    squares += SIZE
    x += SIZE
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
    for (; count >= LANES; count -= LANES) {
      const z = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(v128.load(from), means), scales), betas)
      v128.store(to, v128.pmax<Float>(z, floors))
      from += 16
      to += 16
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
 * feature, or, with `step` 0 instead of 1, a vector of the same one for all.
 */
export function normalizeColumns(
  n: i32, c: i32, step: i32, floor: Float, x: usize, mean: usize, invStd: usize, gamma: usize, beta: usize, y: usize,
): void {
  const stride = <usize>c * SIZE
  const floors = v128.splat<Float>(floor)
  let at: usize = 0
  for (; at + 16 <= stride; at += 16) {
    const means = v128.load(mean + at * step)
    const scales = v128.mul<Float>(v128.load(gamma + at), v128.load(invStd + at * step))
    const betas = v128.load(beta + at)
    let offset = at
    for (let row = 0; row < n; ++row, offset += stride) {
      const z = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(v128.load(x + offset), means), scales), betas)
      v128.store(y + offset, v128.pmax<Float>(z, floors))
    }
  }
  for (; at < stride; at += SIZE) {
    const average = load<Float>(mean + at * step)
    const scale: Float = load<Float>(gamma + at) * load<Float>(invStd + at * step)
    const shift = load<Float>(beta + at)
    let offset = at
    for (let row = 0; row < n; ++row, offset += stride) {
      const z: Float = (load<Float>(x + offset) - average) * scale + shift
      store<Float>(y + offset, z < floor ? floor : z)
    }
  }
}

/** sums += dy; products += dy * (x - mean); dy counts only where (x - mean) * scale + beta > floor. */
export function accumulateGradients(
  count: i32, mean: Float, scale: Float, beta: Float, floor: Float, x: usize, dy: usize, sums: usize, products: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const betas = v128.splat<Float>(beta)
  const floors = v128.splat<Float>(floor)
  let s0 = v128.load(sums)
  let s1 = v128.load(sums, 16)
  let s2 = v128.load(sums, 32)
  let s3 = v128.load(sums, 48)
  let q0 = v128.load(products)
  let q1 = v128.load(products, 16)
  let q2 = v128.load(products, 32)
  let q3 = v128.load(products, 48)
  for (; count >= SUMS; count -= SUMS) {
    let d = v128.sub<Float>(v128.load(x), means)
    let g = v128.and(v128.load(dy), v128.gt<Float>(v128.add<Float>(v128.mul<Float>(d, scales), betas), floors))
    s0 = v128.add<Float>(s0, g)
    q0 = v128.add<Float>(q0, v128.mul<Float>(g, d))
    d = v128.sub<Float>(v128.load(x, 16), means)
    g = v128.and(v128.load(dy, 16), v128.gt<Float>(v128.add<Float>(v128.mul<Float>(d, scales), betas), floors))
    s1 = v128.add<Float>(s1, g)
    q1 = v128.add<Float>(q1, v128.mul<Float>(g, d))
    d = v128.sub<Float>(v128.load(x, 32), means)
    g = v128.and(v128.load(dy, 32), v128.gt<Float>(v128.add<Float>(v128.mul<Float>(d, scales), betas), floors))
    s2 = v128.add<Float>(s2, g)
    q2 = v128.add<Float>(q2, v128.mul<Float>(g, d))
    d = v128.sub<Float>(v128.load(x, 48), means)
    g = v128.and(v128.load(dy, 48), v128.gt<Float>(v128.add<Float>(v128.mul<Float>(d, scales), betas), floors))
    s3 = v128.add<Float>(s3, g)
    q3 = v128.add<Float>(q3, v128.mul<Float>(g, d))
    x += 64
    dy += 64
  }
  v128.store(sums, s0)
  v128.store(sums, s1, 16)
  v128.store(sums, s2, 32)
  v128.store(sums, s3, 48)
  v128.store(products, q0)
  v128.store(products, q1, 16)
  v128.store(products, q2, 32)
  v128.store(products, q3, 48)
  for (; count > 0; --count) {
    const d: Float = load<Float>(x) - mean
    const g: Float = d * scale + beta > floor ? load<Float>(dy) : 0
    store<Float>(sums, load<Float>(sums) + g)
    store<Float>(products, load<Float>(products) + g * d)
    sums += SIZE
    products += SIZE
    x += SIZE
    dy += SIZE
  }
}

/**
 * dx = outer * (inner * dy - b - (x - mean) * k) for the rows of one channel; dy counts only where
 * (x - mean) * scale + beta > floor; stride in bytes.
 */
export function gradientRows(
  n: i32, hw: i32, mean: Float, scale: Float, beta: Float, floor: Float, outer: Float, inner: Float, b: Float, k: Float,
  stride: usize, x: usize, dy: usize, dx: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const betas = v128.splat<Float>(beta)
  const floors = v128.splat<Float>(floor)
  const outers = v128.splat<Float>(outer)
  const inners = v128.splat<Float>(inner)
  const bs = v128.splat<Float>(b)
  const ks = v128.splat<Float>(k)
  for (let row = 0; row < n; ++row) {
    let at: usize = 0
    let count = hw
    for (; count >= LANES; count -= LANES) {
      const d = v128.sub<Float>(v128.load(x + at), means)
      const g = v128.and(v128.load(dy + at), v128.gt<Float>(v128.add<Float>(v128.mul<Float>(d, scales), betas), floors))
      const rest = v128.sub<Float>(v128.sub<Float>(v128.mul<Float>(inners, g), bs), v128.mul<Float>(d, ks))
      v128.store(dx + at, v128.mul<Float>(outers, rest))
      at += 16
    }
    for (; count > 0; --count) {
      const d: Float = load<Float>(x + at) - mean
      const g: Float = d * scale + beta > floor ? load<Float>(dy + at) : 0
      store<Float>(dx + at, outer * (inner * g - b - d * k))
      at += SIZE
    }
    x += stride
    dy += stride
    dx += stride
  }
}
