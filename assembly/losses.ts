// Losses: means over the batch. Each returns the loss and, unless dz is 0, writes its gradient.

import { exp, log } from '../src/kernels/math'
import { LANES, SIZE } from './float'
import { clearLanes, totalOfLanes } from './reduce'

const SUMS: i32 = 4 * LANES

/**
 * Mean over n rows of z (n x classes) of ln(sum_j e^z_j) - z_label; dz = (softmax(z) - one-hot) / n. labels: i32.
 * The largest score is subtracted first, so nothing overflows. scratch: 64 bytes.
 */
export function softmaxCrossEntropy(n: i32, classes: i32, z: usize, labels: usize, scratch: usize, dz: usize): Float {
  const row = <usize>classes * SIZE
  const count: Float = <Float>n
  let loss: Float = 0
  for (let i = 0; i < n; ++i) {
    let largest = load<Float>(z)
    for (let j = SIZE; j < row; j += SIZE) {
      const value = load<Float>(z + j)
      if (value > largest) largest = value
    }
    clearLanes(scratch)
    let lane: usize = 0
    for (let j: usize = 0; j < row; j += SIZE) {
      const e: Float = <Float>exp(<f64>(load<Float>(z + j) - largest))
      if (dz) store<Float>(dz + j, e)
      store<Float>(scratch + lane, load<Float>(scratch + lane) + e)
      lane = (lane + SIZE) & 63
    }
    const sum = totalOfLanes(scratch)
    const label = <usize>load<i32>(labels) * SIZE
    loss += <Float>log(<f64>sum) - (load<Float>(z + label) - largest)
    if (dz) {
      const factor: Float = 1 / (sum * count)
      for (let j: usize = 0; j < row; j += SIZE) store<Float>(dz + j, load<Float>(dz + j) * factor)
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
