// Losses. Each returns the sum of the losses of n examples, or of `count` values, divided by `divisor`, and, unless dz is
// 0, writes its gradient. Sums are in the order of reduce.ts; scratch begins with 64 bytes for them.

import { SOFTMAX_SCRATCH } from '../src/kernels/blocking'
import { log } from '../src/kernels/math'
import { addScaled, scale } from './elementwise'
import { expRow, expTable } from './exp'
import { LANES, SIZE } from './float'
import { log1pOfVector, log1pTable } from './log1p'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

const SUMS: i32 = 4 * LANES

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

@inline
/** lanes += weight (z - shift), value by value: what label smoothing takes of a row. */
function accumulateWeighted(count: i32, shift: Float, z: usize, weights: usize, lanes: usize): void {
  const shifts = v128.splat<Float>(shift)
  let s0 = v128.load(lanes)
  let s1 = v128.load(lanes, 16)
  let s2 = v128.load(lanes, 32)
  let s3 = v128.load(lanes, 48)
  for (; count >= SUMS; count -= SUMS) {
    s0 = v128.add<Float>(s0, v128.mul<Float>(v128.load(weights), v128.sub<Float>(v128.load(z), shifts)))
    s1 = v128.add<Float>(s1, v128.mul<Float>(v128.load(weights, 16), v128.sub<Float>(v128.load(z, 16), shifts)))
    s2 = v128.add<Float>(s2, v128.mul<Float>(v128.load(weights, 32), v128.sub<Float>(v128.load(z, 32), shifts)))
    s3 = v128.add<Float>(s3, v128.mul<Float>(v128.load(weights, 48), v128.sub<Float>(v128.load(z, 48), shifts)))
    z += 64
    weights += 64
  }
  v128.store(lanes, s0)
  v128.store(lanes, s1, 16)
  v128.store(lanes, s2, 32)
  v128.store(lanes, s3, 48)
  for (; count > 0; --count) {
    store<Float>(lanes, load<Float>(lanes) + load<Float>(weights) * (load<Float>(z) - shift))
    lanes += SIZE
    z += SIZE
    weights += SIZE
  }
}

/** The sum of the weights of n labels; value by value, since each is somewhere else. */
export function sumOfLabelWeights(n: i32, labels: usize, weights: usize): Float {
  let sum: Float = 0
  for (; n > 0; --n) {
    sum += load<Float>(weights + <usize>load<i32>(labels) * SIZE)
    labels += 4
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
  n: i32, classes: i32, divisor: Float, smoothing: Float,
  z: usize, labels: usize, weights: usize, scratch: usize, dz: usize,
): Float {
  const row = <usize>classes * SIZE
  const table = scratch + 64
  const kept: Float = 1 - smoothing
  const spread: Float = smoothing / <Float>classes
  let spreadSum: Float = 0
  if (smoothing) {
    clearLanes(scratch)
    accumulate(classes, weights, scratch)
    spreadSum = spread * totalOfLanes(scratch)
  }
  let loss: Float = 0
  expTable(table)
  for (let i = 0; i < n; ++i) {
    const largest = largestOf(classes, z)
    const e = dz ? dz : scratch + SOFTMAX_SCRATCH
    expRow(classes, largest, z, table, e)
    clearLanes(scratch)
    accumulate(classes, e, scratch)
    const sum = totalOfLanes(scratch)
    const label = <usize>load<i32>(labels) * SIZE
    const q: Float = weights ? kept * load<Float>(weights + label) : kept
    const total: Float = q + spreadSum
    loss += total * <Float>log(<f64>sum) - q * (load<Float>(z + label) - largest)
    if (smoothing) {
      clearLanes(scratch)
      accumulateWeighted(classes, largest, z, weights, scratch)
      loss -= spread * totalOfLanes(scratch)
    }
    if (dz) {
      scale(classes, total / (sum * divisor), dz)
      if (smoothing) addScaled(classes, -(spread / divisor), weights, dz)
      store<Float>(dz + label, load<Float>(dz + label) - q / divisor)
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
 * is. scratch: 64 bytes.
 */
export function hinge(
  n: i32, classes: i32, divisor: Float, margin: Float, z: usize, labels: usize, scratch: usize, dz: usize,
): Float {
  const factor: Float = 1 / divisor
  const factors = v128.splat<Float>(factor)
  const zero = v128.splat<Float>(0)
  const gradients = dz
  clearLanes(scratch)
  for (let i = 0; i < n; ++i) {
    const label = <usize>load<i32>(labels) * SIZE
    const own = z + label
    const ownGradient = dz + label
    const right = load<Float>(own)
    const shift: Float = margin - right
    const shifts = v128.splat<Float>(shift)
    // For this row, the label's own score is out of the way, so that the loops need not ask for it.
    store<Float>(own, -Infinity)
    let s0 = v128.load(scratch)
    let s1 = v128.load(scratch, 16)
    let s2 = v128.load(scratch, 32)
    let s3 = v128.load(scratch, 48)
    let actives = zero
    let count = classes
    for (; count >= SUMS; count -= SUMS) {
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
    v128.store(scratch, s0)
    v128.store(scratch, s1, 16)
    v128.store(scratch, s2, 32)
    v128.store(scratch, s3, 48)
    let activeCount: i32 = i32x4.extract_lane(actives, 0) + i32x4.extract_lane(actives, 2)
    if (sizeof<Float>() == 4) activeCount += i32x4.extract_lane(actives, 1) + i32x4.extract_lane(actives, 3)
    let lane = scratch
    for (; count > 0; --count) {
      const m: Float = load<Float>(z) + shift
      store<Float>(lane, load<Float>(lane) + (m < 0 ? 0 : m))
      if (dz) {
        activeCount += i32(m > 0)
        store<Float>(dz, m > 0 ? factor : 0)
        dz += SIZE
      }
      lane += SIZE
      z += SIZE
    }
    store<Float>(own, right)
    if (dz) store<Float>(ownGradient, -(<Float>activeCount * factor))
    labels += 4
  }
  const loss = totalOfLanes(scratch) / divisor
  if (loss != loss && dz) {
    for (let at = gradients; at < dz; at += SIZE) store<Float>(at, NaN)
  }
  return loss
}

/** Of `count` values, (z - target)^2; dz = 2 (z - target) / divisor. scratch: 64 bytes. */
export function meanSquaredError(
  count: i32, divisor: Float, z: usize, target: usize, scratch: usize, dz: usize,
): Float {
  const factor: Float = 2 / divisor
  const factors = v128.splat<Float>(factor)
  clearLanes(scratch)
  let s0 = v128.load(scratch)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  for (; count >= SUMS; count -= SUMS) {
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
  v128.store(scratch, s0)
  v128.store(scratch, s1, 16)
  v128.store(scratch, s2, 32)
  v128.store(scratch, s3, 48)
  let lane = scratch
  for (; count > 0; --count) {
    const d: Float = load<Float>(z) - load<Float>(target)
    store<Float>(lane, load<Float>(lane) + d * d)
    if (dz) {
      store<Float>(dz, factor * d)
      dz += SIZE
    }
    lane += SIZE
    z += SIZE
    target += SIZE
  }
  return totalOfLanes(scratch) / divisor
}

/** Where binaryCrossEntropy's scratch holds what, in bytes: 64 of sums, then this. */
const LOSSES: usize = 64
const EXPONENTIALS: usize = 128
const TAIL: usize = 192
const LOG_TABLE: usize = 384
const EXP_TABLE: usize = 640

/**
 * Of `count` scores z with targets t from 0 to 1: max(z, 0) - z t + ln(1 + e^-|z|), which is the cross-entropy of
 * sigmoid(z) without its overflow; dz = (sigmoid(z) - t) / divisor. scratch: BINARY_SCRATCH bytes.
 */
export function binaryCrossEntropy(
  count: i32, divisor: Float, z: usize, target: usize, scratch: usize, dz: usize,
): Float {
  const factors = v128.splat<Float>(1 / divisor)
  const zero = v128.splat<Float>(0)
  const one = v128.splat<Float>(1)
  const losses = scratch + LOSSES
  const exponentials = scratch + EXPONENTIALS
  const tail = scratch + TAIL
  expTable(scratch + EXP_TABLE)
  log1pTable(scratch + LOG_TABLE)
  clearLanes(scratch)
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
      v128.store(losses + at, v128.add<Float>(linear, log1pOfVector(e, scratch + LOG_TABLE)))
      if (dz) {
        // The sigmoid: 1 / (1 + e) or, for negative z, e / (1 + e).
        const above = v128.bitselect(e, one, v128.lt<Float>(x, zero))
        const sigmoid = v128.div<Float>(above, v128.add<Float>(one, e))
        v128.store(dz + at, v128.mul<Float>(v128.sub<Float>(sigmoid, t), factors))
      }
    }
    accumulate(SUMS, losses, scratch)
    if (odd && dz) memory.copy(gradient, dz, bytes)
    z += 64
    target += 64
    if (dz) dz += 64
  }
  return totalOfLanes(scratch) / divisor
}
