// How large values are: whether all of them are finite, which is the largest, how long they are as a vector.

import { scaleFor } from '../src/kernels/math'
import { scale } from './elementwise'
import { LANES, SIZE } from './float'
import { carefulDot, sumOfSquares } from './reduce'

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

/** Below it, squares of float64 may have lost digits. */
const LEAST_SQUARES: f64 = 1e-280

/**
 * The Euclidean norm of x, by the sum of its squares; where that is too large or too small for float64, scaled by a
 * power of two before. Infinite where a value is, and NaN where one is.
 */
export function norm(count: i32, x: usize): f64 {
  const squares = sumOfSquares(count, x)
  if ((squares > LEAST_SQUARES && squares < Infinity) || squares != squares) return sqrt(squares)
  const largest = <f64>maxMagnitude(count, x)
  if (largest == 0 || largest == Infinity) return largest
  const factor = scaleFor(largest)
  return sqrt(carefulDot(count, factor, x, x)) / factor
}

/** limit / norm below which a factor would have few digits in float32, or none. */
const FAR: f64 = 1e-30
/** The power of two by which so long a vector is shortened first, as often as it needs. */
const SHORTER: f64 = 5.421010862427522e-20

/**
 * Scales each row of x (rows x size) whose norm is above `limit` down to it. Rows with a value that is not finite
 * have no direction, and stay.
 */
export function limitRowNorms(rows: i32, size: i32, limit: Float, x: usize): void {
  for (; rows > 0; --rows) {
    let length = norm(size, x)
    if (length > limit && (length < Infinity || maxMagnitude(size, x) < Infinity)) {
      while (<f64>limit < FAR * length) {
        scale(size, <Float>SHORTER, x)
        length = norm(size, x)
      }
      // Of a row that is longer by less than a rounding it is 1.
      const factor = <Float>(<f64>limit / length)
      if (factor < 1) scale(size, factor, x)
    }
    x += <usize>size * SIZE
  }
}
