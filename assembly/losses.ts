// Losses: means over the batch. Each returns the loss and, unless dz is 0, writes its gradient.

import { SOFTMAX_SCRATCH } from '../src/kernels/blocking'
import { log } from '../src/kernels/math'
import { scale } from './elementwise'
import { expRow, expTable } from './exp'
import { LANES, SIZE } from './float'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

const SUMS: i32 = 4 * LANES

/** The largest of `count` values; where one is NaN, any value, since every result becomes NaN then. */
function largestOf(count: i32, z: usize): Float {
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

/**
 * Mean over n rows of z (n x classes) of ln(sum_j e^z_j) - z_label; dz = (softmax(z) - one-hot) / n. labels: i32.
 * The largest score is subtracted first, so nothing overflows. scratch: SOFTMAX_SCRATCH bytes and one row.
 */
export function softmaxCrossEntropy(n: i32, classes: i32, z: usize, labels: usize, scratch: usize, dz: usize): Float {
  const row = <usize>classes * SIZE
  const count: Float = <Float>n
  const table = scratch + 64
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
    loss += <Float>log(<f64>sum) - (load<Float>(z + label) - largest)
    if (dz) {
      scale(classes, 1 / (sum * count), dz)
      store<Float>(dz + label, load<Float>(dz + label) - 1 / count)
      dz += row
    }
    z += row
    labels += 4
  }
  return loss / count
}

/** Mean over all values of (z - target)^2; dz = 2 (z - target) / count. scratch: 64 bytes, sums as in reduce.ts. */
export function meanSquaredError(count: i32, z: usize, target: usize, scratch: usize, dz: usize): Float {
  const factor: Float = 2 / <Float>count
  clearLanes(scratch)
  for (let i = 0; i < count; ++i) {
    const d: Float = load<Float>(z) - load<Float>(target)
    const lane = scratch + <usize>(i % SUMS) * SIZE
    store<Float>(lane, load<Float>(lane) + d * d)
    if (dz) {
      store<Float>(dz, factor * d)
      dz += SIZE
    }
    z += SIZE
    target += SIZE
  }
  return totalOfLanes(scratch) / <Float>count
}
