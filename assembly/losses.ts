// Losses. Each returns the sum of the losses of n examples, or of `count` values, divided by `divisor`, in float64, and,
// unless dz is 0, writes its gradient. Sums are in the order of reduce.ts.

import { SOFTMAX_SCRATCH, SUM_STEPS } from '../src/kernels/blocking'
import { log } from '../src/kernels/math'
import { addScaled, scale } from './elementwise'
import { expRow, expTable } from './exp'
import { LANES, SIZE } from './float'
import { log1pOfVector, log1pTable } from './log1p'
import { ONLY_TILES } from './part'
import { normalizeRows } from './norm'
import { Products, RUN, SUMS, Values, total, totalOf } from './reduce'

/** The largest of `count` values; where one is NaN, any value, since every result becomes NaN then. */
export function largestOf(count: i32, z: usize): Float {
  let largest = load<Float>(z)
  if (count >= SUMS) {
    let m0 = v128.load(z)
    let m1 = v128.load(z, 16)
    let m2 = v128.load(z, 32)
    let m3 = v128.load(z, 48)
    for (; count >= SUMS; count -= SUMS) {
      m0 = v128.pmax<Float>(m0, v128.load(z))
      m1 = v128.pmax<Float>(m1, v128.load(z, 16))
      m2 = v128.pmax<Float>(m2, v128.load(z, 32))
      m3 = v128.pmax<Float>(m3, v128.load(z, 48))
      z += 64
    }
    const m = v128.pmax<Float>(v128.pmax<Float>(m0, m1), v128.pmax<Float>(m2, m3))
    largest = max(v128.extract_lane<Float>(m, 0), v128.extract_lane<Float>(m, 1))
    if (sizeof<Float>() == 4) {
      largest = max(largest, max(v128.extract_lane<Float>(m, 2), v128.extract_lane<Float>(m, 3)))
    }
  }
  for (; count > 0; --count) {
    const value = load<Float>(z)
    if (value > largest) largest = value
    z += SIZE
  }
  return largest
}

/** The sum of the weights of n labels, in blocks; value by value, since each is somewhere else. */
export function sumOfLabelWeights(n: i32, labels: usize, weights: usize): f64 {
  let sum: f64 = 0
  for (; n > 0; n -= SUM_STEPS) {
    let block: f64 = 0
    for (let i = min(n, SUM_STEPS); i > 0; --i) {
      block += <f64>load<Float>(weights + <usize>load<i32>(labels) * SIZE)
      labels += 4
    }
    sum += block
  }
  return sum
}

/**
 * Of n rows of z (n x classes), labels i32: sum_c q_c (ln(sum_j e^z_j) - z_c), dz = (Q softmax(z) - q) / divisor, where
 * q_c = weight_c (smoothing / classes + (1 - smoothing) [c = label]) and Q = sum_c q_c. `weights` has one for each
 * class, or is 0 for ones, and then there must be no smoothing.
 * The largest score is subtracted first, so nothing overflows. scratch: SOFTMAX_SCRATCH bytes and one row.
 */
export function softmaxCrossEntropy(
  n: i32, classes: i32, divisor: f64, smoothing: Float,
  z: usize, labels: usize, weights: usize, scratch: usize, dz: usize,
): f64 {
  if (ONLY_TILES) {
    smoothing = 0
    weights = 0
  }
  const row = <usize>classes * SIZE
  const kept: Float = 1 - smoothing
  const spread: Float = smoothing / <Float>classes
  const share: Float = <Float>(-<f64>spread / divisor)
  const spreadSum: f64 = smoothing ? <f64>spread * total<Values>(1, classes, 0, weights, 0, false) : 0
  let loss: f64 = 0
  expTable(scratch)
  for (let i = 0; i < n; ++i) {
    const largest = largestOf(classes, z)
    const e = dz ? dz : scratch + SOFTMAX_SCRATCH
    // First, while there is room for it: the sum over weights and scores less the largest.
    let smoothed: f64 = 0
    if (smoothing) {
      normalizeRows(1, classes, -Infinity, largest, 1, -0.0, 0, z, e)
      smoothed = <f64>spread * total<Products>(1, classes, 0, weights, e, false)
    }
    expRow(classes, largest, z, scratch, e)
    const sum = total<Values>(1, classes, 0, e, 0, false)
    const label = <usize>load<i32>(labels) * SIZE
    const q: f64 = weights ? <f64>kept * <f64>load<Float>(weights + label) : kept
    const mass = q + spreadSum
    loss += mass * log(sum) - q * (<f64>load<Float>(z + label) - <f64>largest)
    if (smoothing) loss -= smoothed
    if (dz) {
      scale(classes, <Float>(mass / (sum * divisor)), dz)
      if (smoothing) addScaled(classes, share, weights, dz)
      store<Float>(dz + label, load<Float>(dz + label) - <Float>(q / divisor))
      dz += row
    }
    z += row
    labels += 4
  }
  return loss / divisor
}

/** count - mask, lane by lane as integers: one more where the mask is set. */
function countMask(count: v128, mask: v128): v128 {
  return sizeof<Float>() == 8 ? i64x2.sub(count, mask) : i32x4.sub(count, mask)
}

/**
 * Multiclass hinge of n rows of z (n x classes), labels i32: sum_{j != label} max(0, z_j - z_label + margin), and dz, 1
 * for each active j (the term above 0) and minus their number for the label, / divisor. All of dz is NaN if the loss
 * is.
 */
export function hinge(
  n: i32, classes: i32, divisor: f64, margin: Float, z: usize, labels: usize, dz: usize,
): f64 {
  const factor: Float = <Float>(1 / divisor)
  const factors = v128.splat<Float>(factor)
  const zero = v128.splat<Float>(0)
  const gradients = dz
  let sum: f64 = 0
  for (let i = 0; i < n; ++i) {
    const label = <usize>load<i32>(labels) * SIZE
    const own = z + label
    const ownGradient = dz + label
    const right = load<Float>(own)
    const shift: Float = margin - right
    const shifts = v128.splat<Float>(shift)
    // For this row, the label's own score is out of the way, so that the loops need not ask for it.
    store<Float>(own, -Infinity)
    let actives = zero
    let count = classes
    while (count >= SUMS) {
      let s0 = zero
      let s1 = zero
      let s2 = zero
      let s3 = zero
      let run = min(count, RUN) & -SUMS
      count -= run
      for (; run > 0; run -= SUMS) {
        const m0 = v128.add<Float>(v128.load(z), shifts)
        const m1 = v128.add<Float>(v128.load(z, 16), shifts)
        const m2 = v128.add<Float>(v128.load(z, 32), shifts)
        const m3 = v128.add<Float>(v128.load(z, 48), shifts)
        s0 = v128.add<Float>(s0, v128.pmax<Float>(m0, zero))
        s1 = v128.add<Float>(s1, v128.pmax<Float>(m1, zero))
        s2 = v128.add<Float>(s2, v128.pmax<Float>(m2, zero))
        s3 = v128.add<Float>(s3, v128.pmax<Float>(m3, zero))
        if (dz) {
          const a0 = v128.gt<Float>(m0, zero)
          const a1 = v128.gt<Float>(m1, zero)
          const a2 = v128.gt<Float>(m2, zero)
          const a3 = v128.gt<Float>(m3, zero)
          actives = countMask(countMask(countMask(countMask(actives, a0), a1), a2), a3)
          v128.store(dz, v128.and(factors, a0))
          v128.store(dz, v128.and(factors, a1), 16)
          v128.store(dz, v128.and(factors, a2), 32)
          v128.store(dz, v128.and(factors, a3), 48)
          dz += 64
        }
        z += 64
      }
      sum += totalOf(s0, s1, s2, s3)
    }
    let activeCount: i32 = i32x4.extract_lane(actives, 0) + i32x4.extract_lane(actives, 2)
    if (sizeof<Float>() == 4) activeCount += i32x4.extract_lane(actives, 1) + i32x4.extract_lane(actives, 3)
    for (; count > 0; --count) {
      const m: Float = load<Float>(z) + shift
      sum += m < 0 ? 0 : <f64>m
      if (dz) {
        activeCount += i32(m > 0)
        store<Float>(dz, m > 0 ? factor : 0)
        dz += SIZE
      }
      z += SIZE
    }
    store<Float>(own, right)
    if (dz) store<Float>(ownGradient, -(<Float>activeCount * factor))
    labels += 4
  }
  const loss = sum / divisor
  if (loss != loss && dz) {
    for (let at = gradients; at < dz; at += SIZE) store<Float>(at, NaN)
  }
  return loss
}

/**
 * Of `count` values, (z - target)^2; dz = 2 (z - target) / divisor. scratch: none, it is called as binaryCrossEntropy.
 */
export function meanSquaredError(
  count: i32, divisor: f64, z: usize, target: usize, scratch: usize, dz: usize,
): f64 {
  const factor: Float = <Float>(2 / divisor)
  const factors = v128.splat<Float>(factor)
  const zero = v128.splat<Float>(0)
  const scores = z
  const targets = target
  const values = count
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
      s0 = v128.add<Float>(s0, v128.mul<Float>(d0, d0))
      s1 = v128.add<Float>(s1, v128.mul<Float>(d1, d1))
      s2 = v128.add<Float>(s2, v128.mul<Float>(d2, d2))
      s3 = v128.add<Float>(s3, v128.mul<Float>(d3, d3))
      if (dz) {
        v128.store(dz, v128.mul<Float>(factors, d0))
        v128.store(dz, v128.mul<Float>(factors, d1), 16)
        v128.store(dz, v128.mul<Float>(factors, d2), 32)
        v128.store(dz, v128.mul<Float>(factors, d3), 48)
        dz += 64
      }
      z += 64
      target += 64
    }
    sum += totalOf(s0, s1, s2, s3)
  }
  for (; count > 0; --count) {
    const d: Float = load<Float>(z) - load<Float>(target)
    sum += <f64>d * <f64>d
    if (dz) {
      store<Float>(dz, factor * d)
      dz += SIZE
    }
    z += SIZE
    target += SIZE
  }
  if (sizeof<Float>() == 4 && !(sum < Infinity)) sum = carefulSquares(values, scores, targets)
  return sum / divisor
}

/** The sum of (z - target)^2 value by value in float64, where float32 cannot square the differences. */
function carefulSquares(count: i32, z: usize, target: usize): f64 {
  let sum: f64 = 0
  for (; count > 0; --count) {
    const d = <f64>load<Float>(z) - <f64>load<Float>(target)
    sum += d * d
    z += SIZE
    target += SIZE
  }
  return sum
}

/** Where binaryCrossEntropy's scratch holds what, in bytes: 64 of partial sums, then this. */
const EXPONENTIALS: usize = 64
const TAIL: usize = 128
const LOG_TABLE: usize = 320
const EXP_TABLE: usize = 576

/**
 * Of `count` scores z with targets t from 0 to 1: max(z, 0) - z t + ln(1 + e^-|z|), which is the cross-entropy of
 * sigmoid(z) without its overflow; dz = (sigmoid(z) - t) / divisor. scratch: BINARY_SCRATCH bytes.
 */
export function binaryCrossEntropy(
  count: i32, divisor: f64, z: usize, target: usize, scratch: usize, dz: usize,
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
      memory.fill(tail + 64, 0, 64)
      memory.copy(tail, z, bytes)
      memory.copy(tail + 64, target, bytes)
      z = tail
      target = tail + 64
      if (dz) dz = tail + 128
    }
    for (let at: usize = 0; at < 64; at += 16) {
      v128.store(exponentials + at, v128.neg<Float>(v128.abs<Float>(v128.load(z + at))))
    }
    expRow(SUMS, 0, exponentials, scratch + EXP_TABLE, exponentials)
    for (let at: usize = 0; at < 64; at += 16) {
      const x = v128.load(z + at)
      const t = v128.load(target + at)
      const e = v128.load(exponentials + at)
      const linear = v128.sub<Float>(v128.pmax<Float>(x, zero), v128.mul<Float>(x, t))
      const sums = scratch + at
      v128.store(sums, v128.add<Float>(v128.load(sums), v128.add<Float>(linear, log1pOfVector(e, scratch + LOG_TABLE))))
      if (dz) {
        // The sigmoid: 1 / (1 + e) or, for negative z, e / (1 + e).
        const above = v128.bitselect(e, one, v128.lt<Float>(x, zero))
        const sigmoid = v128.div<Float>(above, v128.add<Float>(one, e))
        v128.store(dz + at, v128.mul<Float>(v128.sub<Float>(sigmoid, t), factors))
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
    if (dz) dz += 64
  }
  return (sum + takeTotal(scratch)) / divisor
}

/** The total of the partial sums in memory, which it sets to 0. */
export function takeTotal(sums: usize): f64 {
  const sum = totalOf(v128.load(sums), v128.load(sums, 16), v128.load(sums, 32), v128.load(sums, 48))
  memory.fill(sums, 0, 64)
  return sum
}
