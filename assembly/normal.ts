// The standard normal distribution of vectors. Constants come from a table in memory, as in exp.ts.

import {
  EXP_3, TAIL_0, TAIL_1, TAIL_10, TAIL_11, TAIL_12, TAIL_13, TAIL_14, TAIL_15, TAIL_16, TAIL_17, TAIL_18, TAIL_19, TAIL_2,
  TAIL_20, TAIL_21, TAIL_22, TAIL_3, TAIL_4, TAIL_5, TAIL_6, TAIL_7, TAIL_8, TAIL_9, TAIL_CENTRE, TAIL_SINGLE_0,
  TAIL_SINGLE_1, TAIL_SINGLE_2, TAIL_SINGLE_3, TAIL_SINGLE_4, TAIL_SINGLE_5, TAIL_SINGLE_6, TAIL_SINGLE_7,
  TAIL_SINGLE_8, TAIL_SINGLE_9,
} from '../src/kernels/math'
import { put } from './exp'

const COEFFICIENTS: usize = sizeof<Float>() == 8 ? 23 : 10
/** Bytes of the table. */
export const NORMAL_TABLE: usize = 16 * COEFFICIENTS
/** A factor that splits a value into two halves of its digits (Veltkamp, 1968). */
const SPLIT: Float = sizeof<Float>() == 8 ? 134217729 : 4097

/** Fills the table that belowMinusOfFour needs: coefficients from the highest on. */
export function normalTable(table: usize): void {
  if (sizeof<Float>() == 8) {
    put(table, TAIL_22)
    put(table + 16, TAIL_21)
    put(table + 32, TAIL_20)
    put(table + 48, TAIL_19)
    put(table + 64, TAIL_18)
    put(table + 80, TAIL_17)
    put(table + 96, TAIL_16)
    put(table + 112, TAIL_15)
    put(table + 128, TAIL_14)
    put(table + 144, TAIL_13)
    put(table + 160, TAIL_12)
    put(table + 176, TAIL_11)
    put(table + 192, TAIL_10)
    put(table + 208, TAIL_9)
    put(table + 224, TAIL_8)
    put(table + 240, TAIL_7)
    put(table + 256, TAIL_6)
    put(table + 272, TAIL_5)
    put(table + 288, TAIL_4)
    put(table + 304, TAIL_3)
    put(table + 320, TAIL_2)
    put(table + 336, TAIL_1)
    put(table + 352, TAIL_0)
  } else {
    put(table, TAIL_SINGLE_9)
    put(table + 16, TAIL_SINGLE_8)
    put(table + 32, TAIL_SINGLE_7)
    put(table + 48, TAIL_SINGLE_6)
    put(table + 64, TAIL_SINGLE_5)
    put(table + 80, TAIL_SINGLE_4)
    put(table + 96, TAIL_SINGLE_3)
    put(table + 112, TAIL_SINGLE_2)
    put(table + 128, TAIL_SINGLE_1)
    put(table + 144, TAIL_SINGLE_0)
  }
}

@inline
/** The first half of the digits of x, for |x| < 2^100. */
export function firstHalf(x: v128): v128 {
  const c = v128.mul<Float>(x, v128.splat<Float>(SPLIT))
  return v128.sub<Float>(c, v128.sub<Float>(c, x))
}

@inline
/**
 * e^(-x^2/2) from e = e^(-h^2/2), h = firstHalf(x), whose square is exact: the rounding of x^2 alone would cost as many
 * digits as it has.
 */
export function density(x: v128, e: v128): v128 {
  const half = v128.splat<Float>(0.5)
  const h = firstHalf(x)
  const d = v128.mul<Float>(v128.mul<Float>(v128.sub<Float>(h, x), v128.add<Float>(h, x)), half)
  // e^d - 1; in float64 d is below 1e-5, in float32 below 0.02.
  const bent = v128.add<Float>(half, v128.mul<Float>(d, v128.splat<Float>(<Float>EXP_3)))
  const factor = v128.add<Float>(d, v128.mul<Float>(v128.mul<Float>(d, d), bent))
  return v128.add<Float>(e, v128.mul<Float>(e, factor))
}

/** How a polynomial in s is taken: the even and the odd powers each by s^2, side by side, highest first. */
const LAST: usize = NORMAL_TABLE - 16

/**
 * Of four vectors of x >= 0 or NaN at `sizes`, and of e^(-x^2/2) at `e`: the distribution at -x, which goes to `sizes`.
 * Eight sums side by side, so that they hardly wait for each other; table: filled by normalTable.
 */
export function belowMinusOfFour(sizes: usize, e: usize, table: usize): void {
  const centre = v128.splat<Float>(<Float>TAIL_CENTRE)
  const s0 = argument(centre, sizes)
  const s1 = argument(centre, sizes + 16)
  const s2 = argument(centre, sizes + 32)
  const s3 = argument(centre, sizes + 48)
  let a0 = v128.load(table)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  let b0 = v128.load(table, 16)
  let b1 = b0
  let b2 = b0
  let b3 = b0
  {
    const z0 = v128.mul<Float>(s0, s0)
    const z1 = v128.mul<Float>(s1, s1)
    const z2 = v128.mul<Float>(s2, s2)
    const z3 = v128.mul<Float>(s3, s3)
    let at: usize = 32
    for (; at < LAST; at += 32) {
      let coefficient = v128.load(table + at)
      a0 = v128.add<Float>(v128.mul<Float>(a0, z0), coefficient)
      a1 = v128.add<Float>(v128.mul<Float>(a1, z1), coefficient)
      a2 = v128.add<Float>(v128.mul<Float>(a2, z2), coefficient)
      a3 = v128.add<Float>(v128.mul<Float>(a3, z3), coefficient)
      coefficient = v128.load(table + at, 16)
      b0 = v128.add<Float>(v128.mul<Float>(b0, z0), coefficient)
      b1 = v128.add<Float>(v128.mul<Float>(b1, z1), coefficient)
      b2 = v128.add<Float>(v128.mul<Float>(b2, z2), coefficient)
      b3 = v128.add<Float>(v128.mul<Float>(b3, z3), coefficient)
    }
    // Of an odd number of coefficients the first powers are the even ones.
    if (at == LAST) {
      const coefficient = v128.load(table + at)
      a0 = v128.add<Float>(v128.mul<Float>(a0, z0), coefficient)
      a1 = v128.add<Float>(v128.mul<Float>(a1, z1), coefficient)
      a2 = v128.add<Float>(v128.mul<Float>(a2, z2), coefficient)
      a3 = v128.add<Float>(v128.mul<Float>(a3, z3), coefficient)
    }
  }
  finish(centre, s0, a0, b0, e, sizes)
  finish(centre, s1, a1, b1, e + 16, sizes + 16)
  finish(centre, s2, a2, b2, e + 32, sizes + 32)
  finish(centre, s3, a3, b3, e + 48, sizes + 48)
}

@inline
function argument(centre: v128, size: usize): v128 {
  const x = v128.load(size)
  return v128.div<Float>(v128.sub<Float>(x, centre), v128.add<Float>(x, centre))
}

@inline
/** e p / (x + centre), p = a + s b for an odd number of coefficients, else b + s a. */
function finish(centre: v128, s: v128, a: v128, b: v128, e: usize, size: usize): void {
  const even = (COEFFICIENTS & 1) == 0
  const p = v128.add<Float>(v128.mul<Float>(even ? a : b, s), even ? b : a)
  const tail = v128.div<Float>(p, v128.add<Float>(v128.load(size), centre))
  v128.store(size, v128.mul<Float>(v128.load(e), tail))
}
