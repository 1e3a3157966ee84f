// What holds parameters and their gradients small, beside addScaled and sumOfSquares, which do L2.

import { scale } from './elementwise'
import { LANES, SIZE } from './float'
import { clearLanes, sumOfSquares, totalOfLanes } from './reduce'

const SUMS: i32 = 4 * LANES

/** Sum of |x|, in the order of reduce.ts; lanes: 64 bytes. */
export function sumOfMagnitudes(count: i32, x: usize, lanes: usize): Float {
  clearLanes(lanes)
  let s0 = f64x2.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  for (; count >= SUMS; count -= SUMS) {
    s0 = v128.add<Float>(s0, v128.abs<Float>(v128.load(x)))
    s1 = v128.add<Float>(s1, v128.abs<Float>(v128.load(x, 16)))
    s2 = v128.add<Float>(s2, v128.abs<Float>(v128.load(x, 32)))
    s3 = v128.add<Float>(s3, v128.abs<Float>(v128.load(x, 48)))
    x += 64
  }
  v128.store(lanes, s0)
  v128.store(lanes, s1, 16)
  v128.store(lanes, s2, 32)
  v128.store(lanes, s3, 48)
  let lane = lanes
  for (; count > 0; --count) {
    store<Float>(lane, load<Float>(lane) + abs<Float>(load<Float>(x)))
    lane += SIZE
    x += SIZE
  }
  return totalOfLanes(lanes)
}

/** y += scale * sign(x), where the sign of 0 is 0: the gradient of scale * |x|. */
export function addSigns(count: i32, scale: Float, x: usize, y: usize): void {
  const zero = v128.splat<Float>(0)
  const scales = v128.splat<Float>(scale)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(x)
    const above = v128.and(scales, v128.gt<Float>(value, zero))
    const below = v128.and(scales, v128.lt<Float>(value, zero))
    v128.store(y, v128.add<Float>(v128.load(y), v128.sub<Float>(above, below)))
    x += 16
    y += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    store<Float>(y, load<Float>(y) + (value > 0 ? scale : value < 0 ? -scale : 0))
    x += SIZE
    y += SIZE
  }
}

/** x = x limited to -limit ... limit; NaN stays NaN. */
export function clamp(count: i32, limit: Float, x: usize): void {
  const highest = v128.splat<Float>(limit)
  const lowest = v128.splat<Float>(-limit)
  for (; count >= LANES; count -= LANES) {
    v128.store(x, v128.pmax<Float>(v128.pmin<Float>(v128.load(x), highest), lowest))
    x += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    store<Float>(x, value > limit ? limit : value < -limit ? -limit : value)
    x += SIZE
  }
}

/** Scales each row of x (rows x size) whose norm is above `limit` down to it; lanes: 64 bytes. */
export function limitRowNorms(rows: i32, size: i32, limit: Float, lanes: usize, x: usize): void {
  for (; rows > 0; --rows) {
    const norm = sqrt<Float>(sumOfSquares(size, x, lanes))
    if (norm > limit) scale(size, limit / norm, x)
    x += <usize>size * SIZE
  }
}
