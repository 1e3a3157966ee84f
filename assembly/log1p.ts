// ln(1 + u) of vectors for u from 0 to 1 or NaN: what a cross-entropy of sigmoids needs, with u = e^-|z|. In float64 it
// has the bits of log1p() in src/kernels/math.ts, whose steps it takes; in float32 the same steps with a shorter series,
// within 2 ulp. Constants come from a table in memory, as in exp.ts.

import {
  LN2_HIGH, LN2_HIGH_SINGLE, LN2_LOW, LN2_LOW_SINGLE, LOG_3, LOG_5, LOG_7, LOG_9, LOG_11, LOG_13, LOG_15, LOG_17,
  LOG_19, LOG_21, SQRT2_LESS_1,
} from '../src/kernels/math'
import { put } from './exp'

/** Where each constant is in the table, in bytes; the coefficients of the series come first. */
const SERIES: i32 = sizeof<Float>() == 8 ? 10 : 4
const HIGH: usize = 16 * SERIES
const LOW: usize = HIGH + 16
const BOUND: usize = HIGH + 32
const HALF: usize = HIGH + 48
const ONE: usize = HIGH + 64
const TWO: usize = HIGH + 80

/** Fills the table that log1pOfVector needs: 256 bytes. */
export function log1pTable(table: usize): void {
  let at = table
  if (sizeof<Float>() == 8) {
    put(at, LOG_21)
    put(at + 16, LOG_19)
    put(at + 32, LOG_17)
    put(at + 48, LOG_15)
    put(at + 64, LOG_13)
    put(at + 80, LOG_11)
    at += 96
  }
  put(at, LOG_9)
  put(at + 16, LOG_7)
  put(at + 32, LOG_5)
  put(at + 48, LOG_3)
  put(table + HIGH, sizeof<Float>() == 8 ? LN2_HIGH : LN2_HIGH_SINGLE)
  put(table + LOW, sizeof<Float>() == 8 ? LN2_LOW : LN2_LOW_SINGLE)
  put(table + BOUND, SQRT2_LESS_1)
  put(table + HALF, 0.5)
  put(table + ONE, 1)
  put(table + TWO, 2)
}

@inline
/** ln(1 + u); table: filled by log1pTable. */
export function log1pOfVector(u: v128, table: usize): v128 {
  const large = v128.gt<Float>(u, v128.load(table, BOUND))
  const halved = v128.mul<Float>(v128.sub<Float>(u, v128.load(table, ONE)), v128.load(table, HALF))
  const f = v128.bitselect(halved, u, large)
  const two = v128.load(table, TWO)
  const s = v128.div<Float>(f, v128.add<Float>(two, f))
  const z = v128.mul<Float>(s, s)
  let q = v128.load(table)
  q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 16))
  q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 32))
  q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 48))
  if (SERIES == 10) {
    q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 64))
    q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 80))
    q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 96))
    q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 112))
    q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 128))
    q = v128.add<Float>(v128.mul<Float>(q, z), v128.load(table, 144))
  }
  const rest = v128.mul<Float>(s, v128.sub<Float>(f, v128.mul<Float>(v128.mul<Float>(two, z), q)))
  const high = v128.and(v128.load(table, HIGH), large)
  const low = v128.and(v128.load(table, LOW), large)
  return v128.sub<Float>(high, v128.sub<Float>(v128.sub<Float>(rest, low), f))
}
