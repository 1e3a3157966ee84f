// e^x and e^x - 1 for x <= 0 or NaN: what softmax and activations need. In float64 e^x has the bits of exp() in
// src/kernels/math.ts, whose steps it takes; in float32 the same steps with a shorter series, within 1 ulp.
// Four vectors go through the steps side by side, and constants come from a table in memory: V8 would build each
// constant anew with instructions of one port, which took longer than all the arithmetic.

import {
  EXP_2, EXP_3, EXP_4, EXP_5, EXP_6, EXP_7, EXP_8, EXP_9, EXP_10, EXP_11, EXP_12, EXP_13, EXP_UNDERFLOW,
  EXP_UNDERFLOW_SINGLE, LN2_HIGH, LN2_HIGH_SINGLE, LN2_LOW, LN2_LOW_SINGLE, LOG2_E,
} from '../src/kernels/math'
import { LANES, SIZE } from './float'

/** Where each constant is in the table, in bytes; the coefficients of the series come first. */
const SERIES: i32 = sizeof<Float>() == 8 ? 12 : 6
const LOG2: usize = 16 * SERIES
const HALF: usize = LOG2 + 16
const HIGH: usize = LOG2 + 32
const LOW: usize = LOG2 + 48
const ONE: usize = LOG2 + 64
const BIAS: usize = LOG2 + 80
const RESCALE: usize = LOG2 + 96
const UNDERFLOW: usize = LOG2 + 112
/** Bytes of the table; a row's odd tail is worked on behind it, in 64 bytes. */
export const TABLE: usize = LOG2 + 128
/** Values that go through the steps side by side. */
export const VALUES: i32 = 4 * LANES

/** A constant in every lane. */
export function put(table: usize, value: f64): void {
  v128.store(table, v128.splat<Float>(<Float>value))
}

/** Fills the table that expRow needs: EXP_SCRATCH bytes with what is worked on behind it. */
export function expTable(table: usize): void {
  let at = table
  if (sizeof<Float>() == 8) {
    put(at, EXP_13)
    put(at + 16, EXP_12)
    put(at + 32, EXP_11)
    put(at + 48, EXP_10)
    put(at + 64, EXP_9)
    put(at + 80, EXP_8)
    at += 96
  }
  put(at, EXP_7)
  put(at + 16, EXP_6)
  put(at + 32, EXP_5)
  put(at + 48, EXP_4)
  put(at + 64, EXP_3)
  put(at + 80, EXP_2)
  put(table + LOG2, LOG2_E)
  put(table + HALF, 0.5)
  put(table + ONE, 1)
  if (sizeof<Float>() == 8) {
    put(table + HIGH, LN2_HIGH)
    put(table + LOW, LN2_LOW)
    // 2^52 + 1023 + 200: added to k, it leaves k + 1223 in the last bits, which become the exponent of 2^(k + 200).
    put(table + BIAS, 4503599627370496 + 1023 + 200)
    put(table + RESCALE, 6.223015277861142e-61) // 2^-200
    put(table + UNDERFLOW, EXP_UNDERFLOW)
  } else {
    put(table + HIGH, LN2_HIGH_SINGLE)
    put(table + LOW, LN2_LOW_SINGLE)
    put(table + BIAS, 8388608 + 127 + 64) // 2^23, and then as above
    put(table + RESCALE, 5.421010862427522e-20) // 2^-64
    put(table + UNDERFLOW, EXP_UNDERFLOW_SINGLE)
  }
}

/** 2^k, scaled up so that it is never subnormal. */
function scaledPower(k: v128, table: usize): v128 {
  const biased = v128.add<Float>(k, v128.load(table, BIAS))
  return sizeof<Float>() == 8 ? i64x2.shl(biased, 52) : i32x4.shl(biased, 23)
}

@inline
/** a + b for |a| >= |b| or a = 0, and 64 bytes behind it what rounding took from it. */
function storeSum(a: v128, b: v128, to: usize): void {
  const sum = v128.add<Float>(a, b)
  v128.store(to, sum)
  v128.store(to, v128.sub<Float>(b, v128.sub<Float>(sum, a)), 64)
}

/**
 * e = e^(z - shift) of four vectors; with minusOne, which wants z - shift >= EXPM1_LEAST, e^(z - shift) - 1 and, 64 bytes
 * behind it, what rounding took from that.
 */
export function expOfFour(minusOne: bool, shift: v128, z: usize, table: usize, e: usize): void {
  const log2 = v128.load(table, LOG2)
  const half = v128.load(table, HALF)
  const x0 = v128.sub<Float>(v128.load(z, 0), shift)
  const x1 = v128.sub<Float>(v128.load(z, 16), shift)
  const x2 = v128.sub<Float>(v128.load(z, 32), shift)
  const x3 = v128.sub<Float>(v128.load(z, 48), shift)
  const k0 = v128.floor<Float>(v128.add<Float>(v128.mul<Float>(x0, log2), half))
  const k1 = v128.floor<Float>(v128.add<Float>(v128.mul<Float>(x1, log2), half))
  const k2 = v128.floor<Float>(v128.add<Float>(v128.mul<Float>(x2, log2), half))
  const k3 = v128.floor<Float>(v128.add<Float>(v128.mul<Float>(x3, log2), half))
  const high = v128.load(table, HIGH)
  const low = v128.load(table, LOW)
  const r0 = v128.sub<Float>(v128.sub<Float>(x0, v128.mul<Float>(k0, high)), v128.mul<Float>(k0, low))
  const r1 = v128.sub<Float>(v128.sub<Float>(x1, v128.mul<Float>(k1, high)), v128.mul<Float>(k1, low))
  const r2 = v128.sub<Float>(v128.sub<Float>(x2, v128.mul<Float>(k2, high)), v128.mul<Float>(k2, low))
  const r3 = v128.sub<Float>(v128.sub<Float>(x3, v128.mul<Float>(k3, high)), v128.mul<Float>(k3, low))
  let p0 = v128.load(table)
  let p1 = p0
  let p2 = p0
  let p3 = p0
  let coefficient: v128
  coefficient = v128.load(table, 16)
  p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
  p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
  p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
  p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
  coefficient = v128.load(table, 32)
  p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
  p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
  p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
  p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
  coefficient = v128.load(table, 48)
  p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
  p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
  p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
  p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
  coefficient = v128.load(table, 64)
  p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
  p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
  p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
  p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
  coefficient = v128.load(table, 80)
  p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
  p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
  p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
  p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
  if (SERIES == 12) {
    coefficient = v128.load(table, 96)
    p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
    coefficient = v128.load(table, 112)
    p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
    coefficient = v128.load(table, 128)
    p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
    coefficient = v128.load(table, 144)
    p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
    coefficient = v128.load(table, 160)
    p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
    coefficient = v128.load(table, 176)
    p0 = v128.add<Float>(v128.mul<Float>(p0, r0), coefficient)
    p1 = v128.add<Float>(v128.mul<Float>(p1, r1), coefficient)
    p2 = v128.add<Float>(v128.mul<Float>(p2, r2), coefficient)
    p3 = v128.add<Float>(v128.mul<Float>(p3, r3), coefficient)
  }
  const one = v128.load(table, ONE)
  const rescale = v128.load(table, RESCALE)
  p0 = v128.add<Float>(r0, v128.mul<Float>(v128.mul<Float>(r0, r0), p0))
  p1 = v128.add<Float>(r1, v128.mul<Float>(v128.mul<Float>(r1, r1), p1))
  p2 = v128.add<Float>(r2, v128.mul<Float>(v128.mul<Float>(r2, r2), p2))
  p3 = v128.add<Float>(r3, v128.mul<Float>(v128.mul<Float>(r3, r3), p3))
  if (minusOne) {
    const power0 = v128.mul<Float>(scaledPower(k0, table), rescale)
    const power1 = v128.mul<Float>(scaledPower(k1, table), rescale)
    const power2 = v128.mul<Float>(scaledPower(k2, table), rescale)
    const power3 = v128.mul<Float>(scaledPower(k3, table), rescale)
    // 2^k (e^r - 1) + (2^k - 1), where no digits are lost near 0.
    storeSum(v128.sub<Float>(power0, one), v128.mul<Float>(power0, p0), e)
    storeSum(v128.sub<Float>(power1, one), v128.mul<Float>(power1, p1), e + 16)
    storeSum(v128.sub<Float>(power2, one), v128.mul<Float>(power2, p2), e + 32)
    storeSum(v128.sub<Float>(power3, one), v128.mul<Float>(power3, p3), e + 48)
    return
  }
  p0 = v128.add<Float>(one, p0)
  p1 = v128.add<Float>(one, p1)
  p2 = v128.add<Float>(one, p2)
  p3 = v128.add<Float>(one, p3)
  const underflow = v128.load(table, UNDERFLOW)
  p0 = v128.mul<Float>(v128.mul<Float>(p0, scaledPower(k0, table)), rescale)
  p1 = v128.mul<Float>(v128.mul<Float>(p1, scaledPower(k1, table)), rescale)
  p2 = v128.mul<Float>(v128.mul<Float>(p2, scaledPower(k2, table)), rescale)
  p3 = v128.mul<Float>(v128.mul<Float>(p3, scaledPower(k3, table)), rescale)
  v128.store(e, v128.andnot(p0, v128.lt<Float>(x0, underflow)), 0)
  v128.store(e, v128.andnot(p1, v128.lt<Float>(x1, underflow)), 16)
  v128.store(e, v128.andnot(p2, v128.lt<Float>(x2, underflow)), 32)
  v128.store(e, v128.andnot(p3, v128.lt<Float>(x3, underflow)), 48)
}

/** e = e^(z - shift) of `count` values, z - shift <= 0 or NaN; table: filled by expTable, and 64 bytes behind it. */
export function expRow(count: i32, shift: Float, z: usize, table: usize, e: usize): void {
  const shifts = v128.splat<Float>(shift)
  for (; count >= VALUES; count -= VALUES) {
    expOfFour(false, shifts, z, table, e)
    z += 64
    e += 64
  }
  if (count == 0) return
  const tail = table + TABLE
  const bytes = <usize>count * SIZE
  memory.copy(tail, z, bytes)
  expOfFour(false, shifts, tail, table, tail)
  memory.copy(e, tail, bytes)
}
