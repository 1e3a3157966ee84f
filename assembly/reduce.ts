// Sums over long rows, and of what is made of their values. In float32 one sum over a million values would lose its
// last digits to every addition, up to 1 % in all; so partial sums are short, and a total in float64 takes them up.
// The order is part of the definition, for both engines and for any number of rows:
//
// - A row is cut into runs of SUM_STEPS * SUMS values, the last one shorter. Runs go into SUMS partial sums, which are
//   four vectors: value i of a run into partial sum i mod SUMS, but what is left of the last vector of a run, if it is
//   not whole, into the first lanes of the fourth vector.
// - A block is a run, or as many rows shorter than one as add at most SUM_STEPS values to a partial sum. At its end the
//   four vectors are added as (0 + 1) + (2 + 3), and their lanes, one after the other, in float64.
// - Block after block is added to the total.

import { SUM_STEPS } from '../src/kernels/blocking'
import { LANES, SIZE } from './float'
import { loadFirst } from './lanes'

/** Partial sums: four vectors. */
export const SUMS: i32 = 4 * LANES
/** Values of the longest run. */
export const RUN: i32 = SUM_STEPS * SUMS

/** Of `rows` rows of `count` values, those in a block; where a row is longer than a run, a block is a run. */
export function rowsOfBlock(rows: i32, count: i32): i32 {
  return rows == 1 || count >= RUN ? 1 : SUM_STEPS / ((count + SUMS - 1) / SUMS)
}

/** The total of the partial sums of a block. */
export function totalOf(s0: v128, s1: v128, s2: v128, s3: v128): f64 {
  const s = v128.add<Float>(v128.add<Float>(s0, s1), v128.add<Float>(s2, s3))
  let sum = <f64>v128.extract_lane<Float>(s, 0) + <f64>v128.extract_lane<Float>(s, 1)
  if (sizeof<Float>() == 4) {
    sum += <f64>v128.extract_lane<Float>(s, 2)
    sum += <f64>v128.extract_lane<Float>(s, 3)
  }
  return sum
}

/** What is summed, as types, so that each gets a loop of its own: x, or |x|, and x y. */
export type Values = u8
export type Products = u16

@inline
function hasPartner<T>(): bool {
  return sizeof<T>() == sizeof<Products>()
}

@inline
function term<T>(x: v128, y: v128, sign: v128): v128 {
  return hasPartner<T>() ? v128.mul<Float>(x, y) : v128.andnot(x, sign)
}

/** The sum of what T says of a block: `rows` rows of `count` values, `stride` bytes apart; see total(). */
function totalOfBlock<T>(rows: i32, count: i32, stride: usize, x: usize, y: usize, magnitudes: bool): f64 {
  const zero = v128.splat<Float>(0)
  const sign = magnitudes ? v128.splat<Float>(-0.0) : zero
  let s0 = zero
  let s1 = zero
  let s2 = zero
  let s3 = zero
  do {
    let left = count
    let from = x
    // Magnitudes have a loop of their own: without it values would take up to a quarter longer.
    if (magnitudes) {
      for (; left >= SUMS; left -= SUMS) {
        s0 = v128.add<Float>(s0, v128.andnot(v128.load(from), sign))
        s1 = v128.add<Float>(s1, v128.andnot(v128.load(from, 16), sign))
        s2 = v128.add<Float>(s2, v128.andnot(v128.load(from, 32), sign))
        s3 = v128.add<Float>(s3, v128.andnot(v128.load(from, 48), sign))
        from += 64
      }
    }
    for (; left >= SUMS; left -= SUMS) {
      if (hasPartner<T>()) {
        s0 = v128.add<Float>(s0, term<T>(v128.load(from), v128.load(y), sign))
        s1 = v128.add<Float>(s1, term<T>(v128.load(from, 16), v128.load(y, 16), sign))
        s2 = v128.add<Float>(s2, term<T>(v128.load(from, 32), v128.load(y, 32), sign))
        s3 = v128.add<Float>(s3, term<T>(v128.load(from, 48), v128.load(y, 48), sign))
        y += 64
      } else {
        s0 = v128.add<Float>(s0, v128.load(from))
        s1 = v128.add<Float>(s1, v128.load(from, 16))
        s2 = v128.add<Float>(s2, v128.load(from, 32))
        s3 = v128.add<Float>(s3, v128.load(from, 48))
      }
      from += 64
    }
    if (left >= LANES) {
      s0 = v128.add<Float>(s0, term<T>(v128.load(from), hasPartner<T>() ? v128.load(y) : zero, sign))
      if (left >= 2 * LANES) {
        s1 = v128.add<Float>(s1, term<T>(v128.load(from, 16), hasPartner<T>() ? v128.load(y, 16) : zero, sign))
      }
      if (left >= 3 * LANES) {
        s2 = v128.add<Float>(s2, term<T>(v128.load(from, 32), hasPartner<T>() ? v128.load(y, 32) : zero, sign))
      }
      const whole = <usize>(left & -LANES) * SIZE
      from += whole
      y += whole
      left &= LANES - 1
    }
    // The lanes past the end are 0, and add nothing.
    if (left > 0) {
      s3 = v128.add<Float>(s3, term<T>(loadFirst(left, from), hasPartner<T>() ? loadFirst(left, y) : zero, sign))
    }
    // Only of values there are several rows.
    if (hasPartner<T>()) break
    x += stride
  } while (--rows > 0)
  return totalOf(s0, s1, s2, s3)
}

/**
 * The sum over `rows` rows of `count` values, `stride` bytes apart, of what T says; of values with `magnitudes`, of
 * their absolute values. y: a single row, only for products.
 */
export function total<T>(rows: i32, count: i32, stride: usize, x: usize, y: usize, magnitudes: bool): f64 {
  const together = rowsOfBlock(rows, count)
  let sum: f64 = 0
  for (; rows > 0; rows -= together, x += <usize>together * stride) {
    for (let at = 0; at < count; at += RUN) {
      const offset = <usize>at * SIZE
      sum += totalOfBlock<T>(min(rows, together), min(count - at, RUN), stride, x + offset, y + offset, magnitudes)
    }
  }
  return sum
}

/** The same order for (a scale) (b scale), value by value in float64: slow, for what float32 cannot square. */
export function carefulDot(count: i32, scale: f64, a: usize, b: usize): f64 {
  let sum: f64 = 0
  for (; count > 0; count -= RUN) {
    let part: f64 = 0
    for (let i = min(count, RUN); i > 0; --i) {
      part += <f64>load<Float>(a) * scale * (<f64>load<Float>(b) * scale)
      a += SIZE
      b += SIZE
    }
    sum += part
  }
  return sum
}

/** Below it, products of float32 may have lost digits. */
const LEAST_SINGLE: f64 = 1e-25

/** Sum of products of a and b. In float32 neither too large nor too small for products of its own. */
export function dot(count: i32, a: usize, b: usize): f64 {
  const sum = total<Products>(1, count, 0, a, b, false)
  if (sizeof<Float>() == 8 || (abs(sum) > LEAST_SINGLE && abs(sum) < Infinity)) return sum
  return carefulDot(count, 1, a, b)
}

/** Sum of squares of x, as dot. */
export function sumOfSquares(count: i32, x: usize): f64 {
  return dot(count, x, x)
}

/** Sum of |x|. */
export function sumOfMagnitudes(count: i32, x: usize): f64 {
  return total<Values>(1, count, 0, x, 0, true)
}

/**
 * sums += the sums of each of c channels of x, of the `all` that an image has, over n images of hw values. For biases: the
 * gradients of an output.
 */
export function addChannelSums(n: i32, c: i32, all: i32, hw: i32, x: usize, sums: usize): void {
  const stride = <usize>(all * hw) * SIZE
  // Of single values, a vector of channels at a time, in the order of total().
  for (; hw == 1 && c >= LANES; c -= LANES, x += 16, sums += 16) {
    let low = f64x2.splat(0)
    let high = low
    let from = x
    for (let left = n; left > 0; left -= SUM_STEPS) {
      let sum = v128.splat<Float>(0)
      for (let row = min(left, SUM_STEPS); row > 0; --row, from += stride) sum = v128.add<Float>(sum, v128.load(from))
      if (LANES == 2) {
        low = f64x2.add(low, sum)
      } else {
        low = f64x2.add(low, f64x2.promote_low_f32x4(sum))
        high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(sum, sum, 1, 1)))
      }
    }
    if (LANES == 4) low = v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2)
    v128.store(sums, v128.add<Float>(v128.load(sums), low))
  }
  for (; c > 0; --c, x += <usize>hw * SIZE, sums += SIZE) {
    store<Float>(sums, load<Float>(sums) + <Float>total<Values>(n, hw, stride, x, 0, false))
  }
}
