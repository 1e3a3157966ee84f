// Batch normalisation (Ioffe & Szegedy, 2015) of x (n x c x hw), each channel over its m = n * hw values; hw = 1 for
// (N, D). With `relu`, y = max(0, ...) in the same pass, and backward takes the sign of y from x again.
// Sums follow the order of reduce.ts. The variance is the shifted one, E[(x-s)^2] - E[x-s]^2, with s the mean of the
// channel's first row: one pass over the data, and no cancellation unless that row is far from all others.

import { LANES, SIZE } from './float'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

const SUMS: i32 = 4 * LANES

/** sums += x - shift; squares += (x - shift)^2. */
function accumulateMoments(count: i32, shift: Float, x: usize, sums: usize, squares: usize): void {
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

/** y = (x - mean) * scale + beta, and max(0, y) with `relu`, for the rows of one channel; stride in bytes. */
function apply(
  n: i32, hw: i32, relu: i32, mean: Float, scale: Float, beta: Float, stride: usize, x: usize, y: usize,
): void {
  const means = v128.splat<Float>(mean)
  const scales = v128.splat<Float>(scale)
  const betas = v128.splat<Float>(beta)
  // With `relu` the floor is 0, without it nothing is below it.
  const floor: Float = relu ? 0 : -Infinity
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
 * y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.
 * Training: mean and variance of the batch, kept in mean and invStd for backward; running = momentum * running +
 * rest * batch, with the unbiased variance (divided by m - 1) if `unbiased`. Else: the running statistics.
 * rest = 1 - momentum, handed in because float32 would lose digits. scratch: 128 bytes.
 */
export function batchNormForward(
  n: i32, c: i32, hw: i32, training: i32, unbiased: i32, relu: i32, epsilon: Float, momentum: Float, rest: Float,
  x: usize, gamma: usize, beta: usize, runningMean: usize, runningVar: usize, scratch: usize,
  mean: usize, invStd: usize, y: usize,
): void {
  const stride = <usize>(c * hw) * SIZE
  const m: Float = <Float>(n * hw)
  const squares = scratch + 64
  for (let channel = 0; channel < c; ++channel) {
    const at = <usize>channel * SIZE
    let average = load<Float>(runningMean + at)
    let variance = load<Float>(runningVar + at)
    if (training) {
      clearLanes(scratch)
      accumulate(hw, x, scratch)
      const shift: Float = totalOfLanes(scratch) / <Float>hw
      clearLanes(scratch)
      clearLanes(squares)
      let row = x
      for (let i = 0; i < n; ++i, row += stride) accumulateMoments(hw, shift, row, scratch, squares)
      const d: Float = totalOfLanes(scratch) / m
      const square: Float = totalOfLanes(squares) / m - d * d
      // Not "square > 0 ? square : 0": a NaN must stay one.
      variance = square < 0 ? 0 : square
      average = shift + d
      const seen: Float = unbiased && n * hw > 1 ? (variance * m) / (m - 1) : variance
      store<Float>(runningMean + at, momentum * load<Float>(runningMean + at) + rest * average)
      store<Float>(runningVar + at, momentum * load<Float>(runningVar + at) + rest * seen)
    }
    const inverse: Float = 1 / sqrt<Float>(variance + epsilon)
    store<Float>(mean + at, average)
    store<Float>(invStd + at, inverse)
    apply(n, hw, relu, average, load<Float>(gamma + at) * inverse, load<Float>(beta + at), stride, x, y)
    x += <usize>hw * SIZE
    y += <usize>hw * SIZE
  }
}

/** sums += dy; products += dy * (x - mean); dy counts only where (x - mean) * scale + beta > floor. */
function accumulateGradients(
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
 * dgamma += sum dy (x - mean) invStd, dbeta += sum dy, unless dgamma is 0; and, unless dx is 0,
 * dx = gamma invStd (dy - mean(dy) - (x - mean) invStd^2 mean(dy (x - mean))); without `training` the statistics are
 * constants and dx = gamma invStd dy. scratch: 128 bytes.
 */
export function batchNormBackward(
  n: i32, c: i32, hw: i32, training: i32, relu: i32,
  x: usize, gamma: usize, beta: usize, mean: usize, invStd: usize, dy: usize, scratch: usize,
  dgamma: usize, dbeta: usize, dx: usize,
): void {
  const stride = <usize>(c * hw) * SIZE
  const m: Float = <Float>(n * hw)
  const products = scratch + 64
  const floor: Float = relu ? 0 : -Infinity
  const floors = v128.splat<Float>(floor)
  for (let channel = 0; channel < c; ++channel) {
    const at = <usize>channel * SIZE
    const average = load<Float>(mean + at)
    const inverse = load<Float>(invStd + at)
    const scale: Float = load<Float>(gamma + at) * inverse
    const shift = load<Float>(beta + at)
    clearLanes(scratch)
    clearLanes(products)
    let offset: usize = 0
    for (let i = 0; i < n; ++i, offset += stride) {
      accumulateGradients(hw, average, scale, shift, floor, x + offset, dy + offset, scratch, products)
    }
    const sum = totalOfLanes(scratch)
    const product = totalOfLanes(products)
    if (dgamma) {
      store<Float>(dgamma + at, load<Float>(dgamma + at) + product * inverse)
      store<Float>(dbeta + at, load<Float>(dbeta + at) + sum)
    }
    if (dx) {
      const b: Float = training ? sum / m : 0
      const k: Float = training ? (product / m) * inverse * inverse : 0
      const means = v128.splat<Float>(average)
      const scales = v128.splat<Float>(scale)
      const shifts = v128.splat<Float>(shift)
      const bs = v128.splat<Float>(b)
      const ks = v128.splat<Float>(k)
      offset = 0
      for (let i = 0; i < n; ++i, offset += stride) {
        let from = x + offset
        let grad = dy + offset
        let to = dx + offset
        let count = hw
        for (; count >= LANES; count -= LANES) {
          const d = v128.sub<Float>(v128.load(from), means)
          const g = v128.and(v128.load(grad), v128.gt<Float>(v128.add<Float>(v128.mul<Float>(d, scales), shifts), floors))
          v128.store(to, v128.mul<Float>(scales, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))))
          from += 16
          grad += 16
          to += 16
        }
        for (; count > 0; --count) {
          const d: Float = load<Float>(from) - average
          const g: Float = d * scale + shift > floor ? load<Float>(grad) : 0
          store<Float>(to, scale * (g - b - d * k))
          from += SIZE
          grad += SIZE
          to += SIZE
        }
      }
      dx += <usize>hw * SIZE
    }
    x += <usize>hw * SIZE
    dy += <usize>hw * SIZE
  }
}
