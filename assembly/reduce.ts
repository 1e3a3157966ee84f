// Sums over long rows. A sum that is vectorised has another order than a plain one, so the order is part of the
// definition: four vectors of partial sums (8 in float64, 16 in float32), value i of a row into partial sum i mod
// their number, rows one after the other; at the end the four vectors as (0 + 1) + (2 + 3), then lane after lane.
// `lanes` is where the partial sums live between rows: 64 bytes.

import { LANES, SIZE } from './float'

const SUMS: i32 = 4 * LANES

export function clearLanes(lanes: usize): void {
  memory.fill(lanes, 0, 64)
}

/** lanes += the values of x. */
export function accumulate(count: i32, x: usize, lanes: usize): void {
  let s0 = v128.load(lanes)
  let s1 = v128.load(lanes, 16)
  let s2 = v128.load(lanes, 32)
  let s3 = v128.load(lanes, 48)
  for (; count >= SUMS; count -= SUMS) {
    s0 = v128.add<Float>(s0, v128.load(x))
    s1 = v128.add<Float>(s1, v128.load(x, 16))
    s2 = v128.add<Float>(s2, v128.load(x, 32))
    s3 = v128.add<Float>(s3, v128.load(x, 48))
    x += 64
  }
  v128.store(lanes, s0)
  v128.store(lanes, s1, 16)
  v128.store(lanes, s2, 32)
  v128.store(lanes, s3, 48)
  for (; count > 0; --count) {
    store<Float>(lanes, load<Float>(lanes) + load<Float>(x))
    lanes += SIZE
    x += SIZE
  }
}

export function totalOfLanes(lanes: usize): Float {
  const total = v128.add<Float>(
    v128.add<Float>(v128.load(lanes), v128.load(lanes, 16)),
    v128.add<Float>(v128.load(lanes, 32), v128.load(lanes, 48)),
  )
  let sum: Float = v128.extract_lane<Float>(total, 0) + v128.extract_lane<Float>(total, 1)
  if (sizeof<Float>() == 4) {
    sum += v128.extract_lane<Float>(total, 2)
    sum += v128.extract_lane<Float>(total, 3)
  }
  return sum
}

/** Sum of squares of x; lanes: 64 bytes. */
export function sumOfSquares(count: i32, x: usize, lanes: usize): Float {
  return dot(count, x, x, lanes)
}

/** Sum of products of a and b; lanes: 64 bytes. */
export function dot(count: i32, a: usize, b: usize, lanes: usize): Float {
  clearLanes(lanes)
  let s0 = f64x2.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  for (; count >= SUMS; count -= SUMS) {
    s0 = v128.add<Float>(s0, v128.mul<Float>(v128.load(a), v128.load(b)))
    s1 = v128.add<Float>(s1, v128.mul<Float>(v128.load(a, 16), v128.load(b, 16)))
    s2 = v128.add<Float>(s2, v128.mul<Float>(v128.load(a, 32), v128.load(b, 32)))
    s3 = v128.add<Float>(s3, v128.mul<Float>(v128.load(a, 48), v128.load(b, 48)))
    a += 64
    b += 64
  }
  v128.store(lanes, s0)
  v128.store(lanes, s1, 16)
  v128.store(lanes, s2, 32)
  v128.store(lanes, s3, 48)
  let lane = lanes
  for (; count > 0; --count) {
    store<Float>(lane, load<Float>(lane) + load<Float>(a) * load<Float>(b))
    lane += SIZE
    a += SIZE
    b += SIZE
  }
  return totalOfLanes(lanes)
}
