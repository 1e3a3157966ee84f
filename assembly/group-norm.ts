// Group normalisation (Wu & He, 2018) of x (n x all x channels x hw): each example and group over its m = channels * hw
// values; gamma and beta (all x channels). A call does `groups` neighbouring groups, and the pointers are those of the
// first; what becomes of a group is the same in any call. With one group and hw = 1 it is layer normalisation (Ba et
// al., 2016) of features.

import { NORM_SCRATCH, SUM_STEPS } from '../src/kernels/blocking'
import { add } from './elementwise'
import { LANES, SIZE } from './float'
import { inverseDeviationOf, moments, normalizeRows, sumGradients } from './norm'
import { RUN, SUMS, totalOf } from './reduce'

/** Four vectors of the same value. */
function storeForAll(value: Float, to: usize): void {
  const values = v128.splat<Float>(value)
  v128.store(to, values)
  v128.store(to, values, 16)
  v128.store(to, values, 32)
  v128.store(to, values, 48)
}

/**
 * y = gamma * (x - mean) / sqrt(variance + epsilon) + beta; mean and invStd (n x all) are kept for backward.
 * scratch: NORM_SCRATCH bytes.
 */
export function groupNormForward(
  n: i32, groups: i32, all: i32, channels: i32, hw: i32, epsilon: Float,
  x: usize, gamma: usize, beta: usize, scratch: usize, mean: usize, invStd: usize, y: usize,
): void {
  const size = channels * hw
  // To the next example, from the end of the groups.
  const others = <usize>(all - groups) * SIZE
  for (let i = 0; i < n; ++i) {
    let at: usize = 0
    for (let group = 0; group < groups; ++group) {
      moments(1, size, 0, x, scratch)
      const average = <Float>load<f64>(scratch)
      const inverse = inverseDeviationOf(epsilon, scratch)
      store<Float>(mean, average)
      store<Float>(invStd, inverse)
      if (hw == 1) {
        normalizeExample(channels, average, inverse, x, gamma + at, beta + at, y)
        const row = <usize>channels * SIZE
        at += row
        x += row
        y += row
      } else {
        for (let channel = 0; channel < channels; ++channel) {
          normalizeRows(1, hw, -Infinity, average, load<Float>(gamma + at) * inverse, load<Float>(beta + at), 0, x, y)
          at += SIZE
          x += <usize>hw * SIZE
          y += <usize>hw * SIZE
        }
      }
      mean += SIZE
      invStd += SIZE
    }
    x += others * <usize>size
    y += others * <usize>size
    mean += others
    invStd += others
  }
}

/** y = (x - mean) * (gamma * invStd) + beta for one row of features. */
function normalizeExample(
  count: i32, mean: Float, invStd: Float, x: usize, gamma: usize, beta: usize, y: usize,
): void {
  const means = v128.splat<Float>(mean)
  const inverses = v128.splat<Float>(invStd)
  for (; count >= 2 * LANES; count -= 2 * LANES) {
    let s = v128.mul<Float>(v128.load(gamma), inverses)
    let d = v128.sub<Float>(v128.load(x), means)
    v128.store(y, v128.add<Float>(v128.mul<Float>(d, s), v128.load(beta)))
    s = v128.mul<Float>(v128.load(gamma, 16), inverses)
    d = v128.sub<Float>(v128.load(x, 16), means)
    v128.store(y, v128.add<Float>(v128.mul<Float>(d, s), v128.load(beta, 16)), 16)
    gamma += 32
    beta += 32
    x += 32
    y += 32
  }
  for (; count > 0; --count) {
    const scale: Float = load<Float>(gamma) * invStd
    store<Float>(y, (load<Float>(x) - mean) * scale + load<Float>(beta))
    gamma += SIZE
    beta += SIZE
    x += SIZE
    y += SIZE
  }
}

@inline
/**
 * Inlined, for as a call it took 5 % longer. Of a run of features in whole groups of four vectors: dbeta += dy; dgamma += dy * (x - mean) * invStd; and with
 * g = gamma * dy, the sums of g and of g * (x - mean), added to those at `out` as float64.
 */
function accumulateFeatures(
  run: i32, mean: Float, invStd: Float, x: usize, gamma: usize, dy: usize, out: usize, dgamma: usize, dbeta: usize,
): void {
  const means = v128.splat<Float>(mean)
  const inverses = v128.splat<Float>(invStd)
  let s0 = v128.splat<Float>(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let q0 = s0
  let q1 = s0
  let q2 = s0
  let q3 = s0
  for (; run > 0; run -= SUMS) {
    let d = v128.sub<Float>(v128.load(x), means)
    let e = v128.load(dy)
    let g = v128.mul<Float>(v128.load(gamma), e)
    s0 = v128.add<Float>(s0, g)
    q0 = v128.add<Float>(q0, v128.mul<Float>(g, d))
    v128.store(dgamma, v128.add<Float>(v128.load(dgamma), v128.mul<Float>(e, v128.mul<Float>(d, inverses))))
    v128.store(dbeta, v128.add<Float>(v128.load(dbeta), e))
    d = v128.sub<Float>(v128.load(x, 16), means)
    e = v128.load(dy, 16)
    g = v128.mul<Float>(v128.load(gamma, 16), e)
    s1 = v128.add<Float>(s1, g)
    q1 = v128.add<Float>(q1, v128.mul<Float>(g, d))
    v128.store(dgamma, v128.add<Float>(v128.load(dgamma, 16), v128.mul<Float>(e, v128.mul<Float>(d, inverses))), 16)
    v128.store(dbeta, v128.add<Float>(v128.load(dbeta, 16), e), 16)
    d = v128.sub<Float>(v128.load(x, 32), means)
    e = v128.load(dy, 32)
    g = v128.mul<Float>(v128.load(gamma, 32), e)
    s2 = v128.add<Float>(s2, g)
    q2 = v128.add<Float>(q2, v128.mul<Float>(g, d))
    v128.store(dgamma, v128.add<Float>(v128.load(dgamma, 32), v128.mul<Float>(e, v128.mul<Float>(d, inverses))), 32)
    v128.store(dbeta, v128.add<Float>(v128.load(dbeta, 32), e), 32)
    d = v128.sub<Float>(v128.load(x, 48), means)
    e = v128.load(dy, 48)
    g = v128.mul<Float>(v128.load(gamma, 48), e)
    s3 = v128.add<Float>(s3, g)
    q3 = v128.add<Float>(q3, v128.mul<Float>(g, d))
    v128.store(dgamma, v128.add<Float>(v128.load(dgamma, 48), v128.mul<Float>(e, v128.mul<Float>(d, inverses))), 48)
    v128.store(dbeta, v128.add<Float>(v128.load(dbeta, 48), e), 48)
    x += 64
    dy += 64
    gamma += 64
    dgamma += 64
    dbeta += 64
  }
  store<f64>(out, load<f64>(out) + totalOf(s0, s1, s2, s3))
  store<f64>(out, load<f64>(out, 8) + totalOf(q0, q1, q2, q3), 8)
}

/** The same for a row of any length; its sums replace those at `out`. What fills no four vectors comes last. */
function sumFeatures(
  count: i32, mean: Float, invStd: Float, x: usize, gamma: usize, dy: usize, dgamma: usize, dbeta: usize, out: usize,
): void {
  v128.store(out, v128.splat<Float>(0))
  while (count >= SUMS) {
    const run = min(count, RUN) & -SUMS
    const bytes = <usize>run * SIZE
    accumulateFeatures(run, mean, invStd, x, gamma, dy, out, dgamma, dbeta)
    count -= run
    x += bytes
    gamma += bytes
    dy += bytes
    dgamma += bytes
    dbeta += bytes
  }
  let sum = load<f64>(out)
  let product = load<f64>(out, 8)
  for (; count > 0; --count) {
    const d: Float = load<Float>(x) - mean
    const e = load<Float>(dy)
    const g: Float = load<Float>(gamma) * e
    sum += <f64>g
    product += <f64>g * <f64>d
    store<Float>(dgamma, load<Float>(dgamma) + e * (d * invStd))
    store<Float>(dbeta, load<Float>(dbeta) + e)
    x += SIZE
    dy += SIZE
    gamma += SIZE
    dgamma += SIZE
    dbeta += SIZE
  }
  store<f64>(out, sum)
  store<f64>(out, product, 8)
}

/** dx = invStd * (gamma * dy - b - (x - mean) * k). gamma: one for each, or with `step` 0 vectors of one for all. */
function gradientFeatures(
  count: i32, step: usize, mean: Float, invStd: Float, b: Float, k: Float, x: usize, gamma: usize, dy: usize, dx: usize,
): void {
  const means = v128.splat<Float>(mean)
  const inverses = v128.splat<Float>(invStd)
  const bs = v128.splat<Float>(b)
  const ks = v128.splat<Float>(k)
  for (; count >= 4 * LANES; count -= 4 * LANES) {
    let g = v128.mul<Float>(v128.load(gamma), v128.load(dy))
    let d = v128.sub<Float>(v128.load(x), means)
    v128.store(dx, v128.mul<Float>(inverses, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))))
    g = v128.mul<Float>(v128.load(gamma, 16), v128.load(dy, 16))
    d = v128.sub<Float>(v128.load(x, 16), means)
    v128.store(dx, v128.mul<Float>(inverses, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))), 16)
    g = v128.mul<Float>(v128.load(gamma, 32), v128.load(dy, 32))
    d = v128.sub<Float>(v128.load(x, 32), means)
    v128.store(dx, v128.mul<Float>(inverses, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))), 32)
    g = v128.mul<Float>(v128.load(gamma, 48), v128.load(dy, 48))
    d = v128.sub<Float>(v128.load(x, 48), means)
    v128.store(dx, v128.mul<Float>(inverses, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))), 48)
    gamma += 64 * step
    x += 64
    dy += 64
    dx += 64
  }
  for (; count >= LANES; count -= LANES) {
    const g = v128.mul<Float>(v128.load(gamma), v128.load(dy))
    const d = v128.sub<Float>(v128.load(x), means)
    v128.store(dx, v128.mul<Float>(inverses, v128.sub<Float>(v128.sub<Float>(g, bs), v128.mul<Float>(d, ks))))
    gamma += 16 * step
    x += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    const g: Float = load<Float>(gamma) * load<Float>(dy)
    store<Float>(dx, invStd * (g - b - (load<Float>(x) - mean) * k))
    gamma += SIZE * step
    x += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/**
 * dgamma += sum dy (x - mean) invStd, dbeta += sum dy, unless dgamma is 0; and, unless dx is 0, with g = gamma dy and
 * means over a group, dx = invStd (g - mean(g) - (x - mean) invStd^2 mean(g (x - mean))). After the first SUM_STEPS
 * examples, as many at a time are summed on their own. scratch: NORM_SCRATCH bytes and, unless n <= SUM_STEPS and
 * dgamma is wanted, two values for each channel.
 */
export function groupNormBackward(
  n: i32, groups: i32, all: i32, channels: i32, hw: i32,
  x: usize, gamma: usize, mean: usize, invStd: usize, dy: usize, scratch: usize,
  dgamma: usize, dbeta: usize, dx: usize,
): void {
  const c = groups * channels
  const size = channels * hw
  const others = <usize>(all - groups) * SIZE
  const m: Float = <Float>size
  const bytes = <usize>size * SIZE
  const row = <usize>hw * SIZE
  const features = <usize>c * SIZE
  const blockGamma = scratch + NORM_SCRATCH
  const blockBeta = blockGamma + features
  let toGamma = dgamma ? dgamma : blockGamma
  let toBeta = dgamma ? dbeta : blockBeta
  for (let i = 0; i < n; ++i) {
    if (i > 0 && i % SUM_STEPS == 0 && dgamma) {
      if (i > SUM_STEPS) addBlocks(c, blockGamma, blockBeta, dgamma, dbeta)
      memory.fill(blockGamma, 0, 2 * features)
      toGamma = blockGamma
      toBeta = blockBeta
    }
    let at: usize = 0
    for (let group = 0; group < groups; ++group) {
      const average = load<Float>(mean)
      const inverse = load<Float>(invStd)
      let sum: f64 = 0
      let product: f64 = 0
      if (hw == 1) {
        sumFeatures(channels, average, inverse, x, gamma + at, dy, toGamma + at, toBeta + at, scratch)
        sum = load<f64>(scratch)
        product = load<f64>(scratch, 8)
      } else {
        let offset: usize = 0
        for (let channel = at; channel < at + <usize>channels * SIZE; channel += SIZE, offset += row) {
          sumGradients(1, hw, average, 0, NaN, 0, x + offset, dy + offset, scratch)
          const s = load<f64>(scratch)
          const p = load<f64>(scratch, 8)
          store<Float>(toBeta + channel, load<Float>(toBeta + channel) + <Float>s)
          store<Float>(toGamma + channel, load<Float>(toGamma + channel) + <Float>p * inverse)
          sum += <f64>load<Float>(gamma + channel) * s
          product += <f64>load<Float>(gamma + channel) * p
        }
      }
      if (dx) {
        const b: Float = <Float>sum / m
        const k: Float = (<Float>product / m) * inverse * inverse
        if (hw == 1) {
          gradientFeatures(channels, 1, average, inverse, b, k, x, gamma + at, dy, dx)
        } else {
          let offset: usize = 0
          for (let channel = at; channel < at + <usize>channels * SIZE; channel += SIZE, offset += row) {
            storeForAll(load<Float>(gamma + channel), scratch)
            gradientFeatures(hw, 0, average, inverse, b, k, x + offset, scratch, dy + offset, dx + offset)
          }
        }
        dx += bytes
      }
      at += <usize>channels * SIZE
      x += bytes
      dy += bytes
      mean += SIZE
      invStd += SIZE
    }
    x += others * <usize>size
    dy += others * <usize>size
    if (dx) dx += others * <usize>size
    mean += others
    invStd += others
  }
  if (dgamma && n > SUM_STEPS) addBlocks(c, blockGamma, blockBeta, dgamma, dbeta)
}

function addBlocks(c: i32, blockGamma: usize, blockBeta: usize, dgamma: usize, dbeta: usize): void {
  add(c, dgamma, blockGamma, dgamma)
  add(c, dbeta, blockBeta, dbeta)
}
