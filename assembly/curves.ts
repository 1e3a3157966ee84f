// Activations that are smooth, or of straight lines, with their slopes: see src/kernels/curve-kinds.ts.

import {
  DENSITY, GELU, GELU_1, GELU_3, GELU_FAR, GELU_TANH, HARD_SIGMOID, HARD_SWISH, SELU, SELU_BELOW, SELU_SCALE, SIXTH,
  SOFTPLUS,
} from '../src/kernels/curve-kinds'
import { EXPM1_LEAST } from '../src/kernels/math'
import { divide } from './activations'
import { TABLE, VALUES, expOfFour, expTable } from './exp'
import { SIZE } from './float'
import { log1pOfVector, log1pTable } from './log1p'
import { belowMinusOfFour, density, firstHalf, normalTable } from './normal'

/** Where the table of ln(1 + u) or of the normal distribution is in the scratch, and where an odd tail is worked on. */
const SECOND: usize = TABLE + 128
const TAIL: usize = SECOND + 384

@inline
function splat(value: f64): v128 {
  return v128.splat<Float>(<Float>value)
}

@inline
/** x, held to -GELU_FAR ... GELU_FAR. */
function held(x: v128): v128 {
  return v128.pmax<Float>(v128.pmin<Float>(x, splat(GELU_FAR)), splat(-GELU_FAR))
}

/** What e^x is taken of: never above 0, where it might overflow. */
function exponent(kind: i32, x: v128): v128 {
  if (kind == SELU) return v128.pmin<Float>(x, splat(0))
  if (kind == GELU) {
    const h = firstHalf(held(x))
    return v128.mul<Float>(v128.mul<Float>(h, h), splat(-0.5))
  }
  let z = x
  if (kind == GELU_TANH) {
    const w = held(x)
    z = v128.mul<Float>(w, v128.add<Float>(splat(GELU_1), v128.mul<Float>(splat(GELU_3), v128.mul<Float>(w, w))))
  }
  return v128.neg<Float>(v128.abs<Float>(z))
}

/** 1 / (1 + e^-z) from the sign of z, which is that of x, and e = e^-|z|. */
function sigmoidOf(x: v128, e: v128): v128 {
  const zero = splat(0)
  const one = splat(1)
  const b = v128.add<Float>(one, e)
  const bLost = v128.sub<Float>(e, v128.sub<Float>(b, one))
  return divide(v128.bitselect(e, one, v128.lt<Float>(x, zero)), zero, b, bLost)
}

/** e^(-x^2/2) of four vectors from what exponent gave, to `work`, and the distribution at -|x|, 64 bytes behind it. */
function normalOfFour(x: usize, work: usize, table: usize): void {
  for (let at: usize = 0; at < 64; at += 16) {
    const size = v128.abs<Float>(held(v128.load(x + at)))
    v128.store(work + at, density(size, v128.load(work + at)))
    v128.store(work + at, size, 64)
  }
  belowMinusOfFour(work + 64, work, table)
}

@inline
/** Phi(x) from the distribution at -|x|. */
function normalOf(x: v128, below: v128): v128 {
  return v128.bitselect(below, v128.sub<Float>(splat(1), below), v128.lt<Float>(x, splat(0)))
}

@inline
function hardSigmoidOf(x: v128): v128 {
  const line = v128.add<Float>(v128.mul<Float>(x, splat(SIXTH)), splat(0.5))
  return v128.pmin<Float>(v128.pmax<Float>(line, splat(0)), splat(1))
}

/** y from x and from what expOfFour made of its exponent. */
function valueOf(kind: i32, x: v128, e: v128, second: usize): v128 {
  if (kind == HARD_SIGMOID) return hardSigmoidOf(x)
  if (kind == HARD_SWISH) return v128.mul<Float>(x, hardSigmoidOf(x))
  if (kind == SOFTPLUS) return v128.add<Float>(v128.pmax<Float>(x, splat(0)), log1pOfVector(e, second))
  return v128.mul<Float>(x, sigmoidOf(x, e))
}

/** dy/dx, likewise. */
function slopeOf(kind: i32, x: v128, e: v128): v128 {
  if (kind >= HARD_SIGMOID) {
    const inside = v128.lt<Float>(v128.abs<Float>(x), splat(3))
    if (kind == HARD_SIGMOID) return v128.and(inside, splat(SIXTH))
    return v128.add<Float>(hardSigmoidOf(x), v128.and(inside, v128.mul<Float>(x, splat(SIXTH))))
  }
  const s = sigmoidOf(x, e)
  if (kind == SOFTPLUS) return s
  let w = x
  let inner = splat(1)
  if (kind == GELU_TANH) {
    w = held(x)
    inner = v128.add<Float>(splat(GELU_1), v128.mul<Float>(splat(3 * GELU_3), v128.mul<Float>(w, w)))
  }
  const bent = v128.mul<Float>(v128.mul<Float>(s, v128.sub<Float>(splat(1), s)), inner)
  return v128.add<Float>(s, v128.mul<Float>(w, bent))
}

@inline
function curveOne(kind: i32, at: usize, x: usize, scratch: usize, slope: usize, y: usize): void {
  const z = v128.load(x + at)
  const e = v128.load(scratch + TABLE + at)
  v128.store(y + at, valueOf(kind, z, e, scratch + SECOND))
  if (slope) v128.store(slope + at, slopeOf(kind, z, e))
}

@inline
/** x Phi(x), and Phi(x) + x Phi'(x), from what normalOfFour gave. */
function geluOne(at: usize, x: usize, work: usize, slope: usize, y: usize): void {
  const z = v128.load(x + at)
  const phi = normalOf(z, v128.load(work + at, 64))
  v128.store(y + at, v128.mul<Float>(z, phi))
  if (!slope) return
  const bent = v128.mul<Float>(z, v128.mul<Float>(v128.load(work + at), splat(DENSITY)))
  v128.store(slope + at, v128.add<Float>(phi, bent))
}

/** SELU of four vectors, or, without minusOne, its slope. */
function seluFour(minusOne: bool, x: usize, scratch: usize, y: usize): void {
  const work = scratch + TABLE
  for (let at: usize = 0; at < 64; at += 16) {
    const z = v128.pmin<Float>(v128.load(x + at), splat(0))
    v128.store(work + at, minusOne ? v128.pmax<Float>(z, splat(EXPM1_LEAST)) : z)
  }
  expOfFour(minusOne, splat(0), work, scratch, work)
  for (let at: usize = 0; at < 64; at += 16) {
    const z = v128.load(x + at)
    const above = minusOne ? v128.mul<Float>(z, splat(SELU_SCALE)) : splat(SELU_SCALE)
    const below = v128.mul<Float>(v128.load(work + at), splat(SELU_BELOW))
    v128.store(y + at, v128.bitselect(above, below, v128.gt<Float>(z, splat(0))))
  }
}

/** Four vectors. */
function curveFour(kind: i32, x: usize, scratch: usize, slope: usize, y: usize): void {
  const work = scratch + TABLE
  if (kind == SELU) {
    seluFour(true, x, scratch, y)
    if (slope) seluFour(false, x, scratch, slope)
    return
  }
  if (kind < HARD_SIGMOID) {
    v128.store(work, exponent(kind, v128.load(x)))
    v128.store(work, exponent(kind, v128.load(x, 16)), 16)
    v128.store(work, exponent(kind, v128.load(x, 32)), 32)
    v128.store(work, exponent(kind, v128.load(x, 48)), 48)
    expOfFour(false, splat(0), work, scratch, work)
  }
  if (kind == GELU) {
    normalOfFour(x, work, scratch + SECOND)
    geluOne(0, x, work, slope, y)
    geluOne(16, x, work, slope, y)
    geluOne(32, x, work, slope, y)
    geluOne(48, x, work, slope, y)
    return
  }
  curveOne(kind, 0, x, scratch, slope, y)
  curveOne(kind, 16, x, scratch, slope, y)
  curveOne(kind, 32, x, scratch, slope, y)
  curveOne(kind, 48, x, scratch, slope, y)
}

/**
 * y = the curve of this kind at x, and its slope there, for backward; slope may be 0 (not wanted).
 * scratch: CURVE_SCRATCH bytes.
 */
export function curveForward(count: i32, kind: i32, x: usize, scratch: usize, slope: usize, y: usize): void {
  if (kind < HARD_SIGMOID) expTable(scratch)
  if (kind == SOFTPLUS) log1pTable(scratch + SECOND)
  if (kind == GELU) normalTable(scratch + SECOND)
  for (; count >= VALUES; count -= VALUES) {
    curveFour(kind, x, scratch, slope, y)
    x += 64
    y += 64
    if (slope) slope += 64
  }
  if (count == 0) return
  const tail = scratch + TAIL
  const bytes = <usize>count * SIZE
  memory.copy(tail, x, bytes)
  // The slope goes where x was.
  curveFour(kind, tail, scratch, slope ? tail : 0, tail + 64)
  memory.copy(y, tail + 64, bytes)
  if (slope) memory.copy(slope, tail, bytes)
}
