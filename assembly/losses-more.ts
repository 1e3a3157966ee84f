// Losses that few networks have: soft labels, yes or no where one of them counts more, and errors that grow slower than a
// square. As in losses.ts each returns the sum of the losses divided by `divisor` and, unless dz is 0, writes its gradient.

import { SOFTMAX_SCRATCH, SUM_STEPS } from '../src/kernels/blocking'
import { log } from '../src/kernels/math'
import { expRow, expTable } from './exp'
import { SIZE } from './float'
import { log1pOfVector, log1pTable } from './log1p'
import { largestOf, takeTotal } from './losses'
import { RUN, SUMS, Values, total, totalOf } from './reduce'

/**
 * Of n rows of z (n x classes) with as many targets, t: sum_c q_c (ln(sum_j e^z_j) - z_c), dz = (Q softmax(z) - q) /
 * divisor, where q_c = weight_c (smoothing / classes + (1 - smoothing) t_c) and Q = sum_c q_c. `weights` has one for each
 * class, or is 0 for ones. The largest score is subtracted first. scratch: SOFTMAX_SCRATCH bytes and one row.
 */
export function softCrossEntropy(
  n: i32, classes: i32, divisor: f64, smoothing: Float,
  z: usize, targets: usize, weights: usize, scratch: usize, dz: usize,
): f64 {
  const row = <usize>classes * SIZE
  const kept: Float = 1 - smoothing
  const spread: Float = smoothing / <Float>classes
  const share: Float = <Float>(1 / divisor)
  let loss: f64 = 0
  expTable(scratch)
  for (let i = 0; i < n; ++i) {
    const largest = largestOf(classes, z)
    const e = dz ? dz : scratch + SOFTMAX_SCRATCH
    expRow(classes, largest, z, scratch, e)
    const sum = total<Values>(1, classes, 0, e, 0, false)
    let mass: f64 = 0
    let reached: f64 = 0
    for (let at: usize = 0; at < row; at += SIZE) {
      const q = softLabel(kept, spread, targets + at, weights ? weights + at : 0)
      mass += <f64>q
      reached += <f64>q * (<f64>load<Float>(z + at) - <f64>largest)
    }
    loss += mass * log(sum) - reached
    if (dz) {
      const factor: Float = <Float>(mass / (sum * divisor))
      for (let at: usize = 0; at < row; at += SIZE) {
        const q = softLabel(kept, spread, targets + at, weights ? weights + at : 0)
        store<Float>(dz + at, factor * load<Float>(dz + at) - share * q)
      }
      dz += row
    }
    z += row
    targets += row
  }
  return loss / divisor
}

@inline
function softLabel(kept: Float, spread: Float, target: usize, weight: usize): Float {
  const q: Float = kept * load<Float>(target) + spread
  return weight ? q * load<Float>(weight) : q
}

/** Where weightedBinaryCrossEntropy's scratch holds what, in bytes, as binaryCrossEntropy's, but with a longer tail. */
const EXPONENTIALS: usize = 64
const TAIL: usize = 128
const LOG_TABLE: usize = 384
const EXP_TABLE: usize = 640

/**
 * Of `count` scores z with targets t from 0 to 1 and weights p of a yes: (1 - t) z + w (ln(1 + e^-|z|) + max(-z, 0)), with
 * w = 1 + (p - 1) t; dz = (w sigmoid(z) - p t) / divisor. scratch: WEIGHTED_BINARY_SCRATCH bytes.
 */
export function weightedBinaryCrossEntropy(
  count: i32, divisor: f64, z: usize, target: usize, weights: usize, scratch: usize, dz: usize,
): f64 {
  const factors = v128.splat<Float>(<Float>(1 / divisor))
  const zero = v128.splat<Float>(0)
  const one = v128.splat<Float>(1)
  const exponentials = scratch + EXPONENTIALS
  const tail = scratch + TAIL
  expTable(scratch + EXP_TABLE)
  log1pTable(scratch + LOG_TABLE)
  memory.fill(scratch, 0, 64)
  let sum: f64 = 0
  let room = SUM_STEPS
  for (; count > 0; count -= SUMS) {
    const odd = count < SUMS
    const bytes = <usize>count * SIZE
    const gradient = dz
    if (odd) {
      // The odd tail, filled up with scores so low that their loss is 0.
      const low = v128.splat<Float>(-10000)
      for (let at: usize = 0; at < 64; at += 16) v128.store(tail + at, low)
      memory.fill(tail + 64, 0, 128)
      memory.copy(tail, z, bytes)
      memory.copy(tail + 64, target, bytes)
      memory.copy(tail + 128, weights, bytes)
      z = tail
      target = tail + 64
      weights = tail + 128
      if (dz) dz = tail + 192
    }
    for (let at: usize = 0; at < 64; at += 16) {
      v128.store(exponentials + at, v128.neg<Float>(v128.abs<Float>(v128.load(z + at))))
    }
    expRow(SUMS, 0, exponentials, scratch + EXP_TABLE, exponentials)
    for (let at: usize = 0; at < 64; at += 16) {
      const x = v128.load(z + at)
      const t = v128.load(target + at)
      const p = v128.load(weights + at)
      const e = v128.load(exponentials + at)
      const w = v128.add<Float>(one, v128.mul<Float>(v128.sub<Float>(p, one), t))
      const below = v128.pmax<Float>(v128.neg<Float>(x), zero)
      const curved = v128.mul<Float>(w, v128.add<Float>(log1pOfVector(e, scratch + LOG_TABLE), below))
      const loss = v128.add<Float>(v128.mul<Float>(v128.sub<Float>(one, t), x), curved)
      const sums = scratch + at
      v128.store(sums, v128.add<Float>(v128.load(sums), loss))
      if (dz) {
        // The sigmoid: 1 / (1 + e) or, for negative z, e / (1 + e).
        const above = v128.bitselect(e, one, v128.lt<Float>(x, zero))
        const sigmoid = v128.div<Float>(above, v128.add<Float>(one, e))
        const slope = v128.sub<Float>(v128.mul<Float>(w, sigmoid), v128.mul<Float>(p, t))
        v128.store(dz + at, v128.mul<Float>(slope, factors))
      }
    }
    room -= 1
    if (room == 0) {
      sum += takeTotal(scratch)
      room = SUM_STEPS
    }
    if (odd && dz) memory.copy(gradient, dz, bytes)
    z += 64
    target += 64
    weights += 64
    if (dz) dz += 64
  }
  return (sum + takeTotal(scratch)) / divisor
}

@inline
/** The loss of a difference d: |d| where delta is 0, else c (|d| - c / 2), with c = |d| held to delta. */
function errorOf(d: v128, delta: v128, absolute: bool): v128 {
  const r = v128.abs<Float>(d)
  if (absolute) return r
  const c = v128.pmin<Float>(r, delta)
  return v128.mul<Float>(c, v128.sub<Float>(r, v128.mul<Float>(v128.splat<Float>(0.5), c)))
}

@inline
/** Its slope, times a factor: the sign of d, or d held to -delta ... delta. */
function slopeOf(d: v128, delta: v128, factors: v128, absolute: bool): v128 {
  const zero = v128.splat<Float>(0)
  if (absolute) {
    const above = v128.and(factors, v128.gt<Float>(d, zero))
    return v128.sub<Float>(above, v128.and(factors, v128.lt<Float>(d, zero)))
  }
  return v128.mul<Float>(factors, v128.pmax<Float>(v128.pmin<Float>(d, delta), v128.neg<Float>(delta)))
}

/**
 * Of `count` values and their targets, with d = z - target: where delta is 0 |d|, whose gradient at 0 is 0; else Huber's
 * loss (1964), d^2 / 2 for |d| < delta, delta (|d| - delta / 2) beyond.
 */
export function robustError(
  count: i32, divisor: f64, delta: Float, z: usize, target: usize, dz: usize,
): f64 {
  const absolute = delta == 0
  const factor: Float = <Float>(1 / divisor)
  const factors = v128.splat<Float>(factor)
  const deltas = v128.splat<Float>(delta)
  const zero = v128.splat<Float>(0)
  let sum: f64 = 0
  while (count >= SUMS) {
    let s0 = zero
    let s1 = zero
    let s2 = zero
    let s3 = zero
    let run = min(count, RUN) & -SUMS
    count -= run
    for (; run > 0; run -= SUMS) {
      const d0 = v128.sub<Float>(v128.load(z), v128.load(target))
      const d1 = v128.sub<Float>(v128.load(z, 16), v128.load(target, 16))
      const d2 = v128.sub<Float>(v128.load(z, 32), v128.load(target, 32))
      const d3 = v128.sub<Float>(v128.load(z, 48), v128.load(target, 48))
      s0 = v128.add<Float>(s0, errorOf(d0, deltas, absolute))
      s1 = v128.add<Float>(s1, errorOf(d1, deltas, absolute))
      s2 = v128.add<Float>(s2, errorOf(d2, deltas, absolute))
      s3 = v128.add<Float>(s3, errorOf(d3, deltas, absolute))
      if (dz) {
        v128.store(dz, slopeOf(d0, deltas, factors, absolute))
        v128.store(dz, slopeOf(d1, deltas, factors, absolute), 16)
        v128.store(dz, slopeOf(d2, deltas, factors, absolute), 32)
        v128.store(dz, slopeOf(d3, deltas, factors, absolute), 48)
        dz += 64
      }
      z += 64
      target += 64
    }
    sum += totalOf(s0, s1, s2, s3)
  }
  for (; count > 0; --count) {
    const d = v128.splat<Float>(load<Float>(z) - load<Float>(target))
    sum += <f64>v128.extract_lane<Float>(errorOf(d, deltas, absolute), 0)
    if (dz) {
      store<Float>(dz, v128.extract_lane<Float>(slopeOf(d, deltas, factors, absolute), 0))
      dz += SIZE
    }
    z += SIZE
    target += SIZE
  }
  return sum / divisor
}
