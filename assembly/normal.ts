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

/**
 * Of four vectors of x >= 0 or NaN at `sizes`, and of e^(-x^2/2) at `e`: the distribution at -x, which goes to `sizes`.
 * Side by side, so that they do not wait for each other; table: filled by normalTable.
 */
export function belowMinusOfFour(sizes: usize, e: usize, table: usize): void {
  const centre = v128.splat<Float>(<Float>TAIL_CENTRE)
  let x = v128.load(sizes)
  const s0 = v128.div<Float>(v128.sub<Float>(x, centre), v128.add<Float>(x, centre))
  x = v128.load(sizes, 16)
  const s1 = v128.div<Float>(v128.sub<Float>(x, centre), v128.add<Float>(x, centre))
  x = v128.load(sizes, 32)
  const s2 = v128.div<Float>(v128.sub<Float>(x, centre), v128.add<Float>(x, centre))
  x = v128.load(sizes, 48)
  const s3 = v128.div<Float>(v128.sub<Float>(x, centre), v128.add<Float>(x, centre))
  let p0 = v128.load(table)
  let p1 = p0
  let p2 = p0
  let p3 = p0
  for (let at: usize = 16; at < NORMAL_TABLE; at += 16) {
    const coefficient = v128.load(table + at)
    p0 = v128.add<Float>(v128.mul<Float>(p0, s0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, s1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, s2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, s3), coefficient)
  }
  p0 = v128.div<Float>(p0, v128.add<Float>(v128.load(sizes), centre))
  p1 = v128.div<Float>(p1, v128.add<Float>(v128.load(sizes, 16), centre))
  p2 = v128.div<Float>(p2, v128.add<Float>(v128.load(sizes, 32), centre))
  p3 = v128.div<Float>(p3, v128.add<Float>(v128.load(sizes, 48), centre))
  v128.store(sizes, v128.mul<Float>(v128.load(e), p0))
  v128.store(sizes, v128.mul<Float>(v128.load(e, 16), p1), 16)
  v128.store(sizes, v128.mul<Float>(v128.load(e, 32), p2), 32)
  v128.store(sizes, v128.mul<Float>(v128.load(e, 48), p3), 48)
}
