// How large values are: whether all of them are finite, and which is the largest.

import { LANES, SIZE } from './float'

/**
 * The index of the first of `count` values that is NaN or infinite; -1 where all are finite. x - x is 0 for a finite
 * value and NaN for any other, so that one bit of it tells them apart.
 */
export function firstNotFinite(count: i32, x: usize): i32 {
  const start = x
  for (; count >= 4 * LANES; count -= 4 * LANES) {
    const a = v128.load(x)
    const b = v128.load(x, 16)
    const c = v128.load(x, 32)
    const d = v128.load(x, 48)
    const ab = v128.or(v128.sub<Float>(a, a), v128.sub<Float>(b, b))
    const cd = v128.or(v128.sub<Float>(c, c), v128.sub<Float>(d, d))
    if (v128.any_true(v128.or(ab, cd))) break
    x += 64
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    if (value - value != 0) return <i32>((x - start) / SIZE)
    x += SIZE
  }
  return -1
}

/** The largest |x|, 0 of none; a NaN does not count, infinities do. */
export function maxMagnitude(count: i32, x: usize): Float {
  let m0 = v128.splat<Float>(0)
  let m1 = m0
  // Of a NaN on its right side, pmax gives the left one.
  for (; count >= 2 * LANES; count -= 2 * LANES) {
    m0 = v128.pmax<Float>(m0, v128.abs<Float>(v128.load(x)))
    m1 = v128.pmax<Float>(m1, v128.abs<Float>(v128.load(x, 16)))
    x += 32
  }
  m0 = v128.pmax<Float>(m0, m1)
  let largest = max(v128.extract_lane<Float>(m0, 0), v128.extract_lane<Float>(m0, 1))
  if (LANES == 4) {
    largest = max(largest, max(v128.extract_lane<Float>(m0, 2), v128.extract_lane<Float>(m0, 3)))
  }
  for (; count > 0; --count) {
    const value = abs<Float>(load<Float>(x))
    if (value > largest) largest = value
    x += SIZE
  }
  return largest
}
