// Batch normalisation (Ioffe & Szegedy, 2015) of x (n x all x hw), each channel over its m = n * hw values. A call does
// c neighbouring channels, and the pointers are those of the first; what becomes of a channel is the same in any call.
// Features, for which hw is 1, are in batch-norm-features.ts. With `relu`, y = max(0, ...) in the same pass, and
// backward takes the sign of y from x again.

import { SIZE } from './float'
import { gradientRows, keepStatistics, moments, normalizeRows, sumGradients, takeRunning } from './norm'

/**
 * y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.
 * Training: mean and variance of the batch, kept in mean and invStd for backward; running = momentum * running +
 * rest * batch, with the unbiased variance (divided by m - 1) if `unbiased`. Else: the running statistics.
 * rest = 1 - momentum, handed in because float32 would lose digits. scratch: NORM_SCRATCH bytes.
 */
export function batchNormForward(
  n: i32, c: i32, all: i32, hw: i32, training: i32, unbiased: i32, relu: i32,
  epsilon: Float, momentum: Float, rest: Float,
  x: usize, gamma: usize, beta: usize, runningMean: usize, runningVar: usize, scratch: usize,
  mean: usize, invStd: usize, y: usize,
): void {
  const stride = <usize>(all * hw) * SIZE
  const floor: Float = relu ? 0 : -Infinity
  if (!training) takeRunning(c, epsilon, runningMean, runningVar, mean, invStd)
  for (let channel = 0; channel < c; ++channel) {
    if (training) {
      moments(n, hw, stride, x, scratch)
      keepStatistics(
        unbiased, <Float>(n * hw), epsilon, momentum, rest, scratch, runningMean, runningVar, mean, invStd,
      )
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

/**
 * dgamma += sum dy (x - mean) invStd, dbeta += sum dy, unless dgamma is 0; and, unless dx is 0,
 * dx = gamma invStd (dy - mean(dy) - (x - mean) invStd^2 mean(dy (x - mean))); without `training` the statistics are
 * constants and dx = gamma invStd dy. scratch: NORM_SCRATCH bytes.
 */
export function batchNormBackward(
  n: i32, c: i32, all: i32, hw: i32, training: i32, relu: i32,
  x: usize, gamma: usize, beta: usize, mean: usize, invStd: usize, dy: usize, scratch: usize,
  dgamma: usize, dbeta: usize, dx: usize,
): void {
  const stride = <usize>(all * hw) * SIZE
  const m: Float = <Float>(n * hw)
  for (let channel = 0; channel < c; ++channel) {
    const at = <usize>channel * SIZE
    const average = load<Float>(mean + at)
    const inverse = load<Float>(invStd + at)
    const scale: Float = load<Float>(gamma + at) * inverse
    const threshold: Float = relu ? -load<Float>(beta + at) : NaN
    sumGradients(n, hw, average, scale, threshold, stride, x, dy, scratch)
    const sum = <Float>load<f64>(scratch)
    const product = <Float>load<f64>(scratch, 8)
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
