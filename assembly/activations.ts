// Activations with e^x. Backward passes need y alone.

import { EXPM1_LEAST, TANH_FAR } from '../src/kernels/math'
import { TABLE, VALUES, expOfFour, expTable } from './exp'
import { LANES, SIZE } from './float'

const SIGMOID: i32 = 0
const TANH: i32 = 1
const ELU: i32 = 2

@inline
/** What e^x, for the sigmoid, or e^x - 1 is taken of: never above 0, where it might overflow. */
function exponent(kind: i32, x: v128): v128 {
  if (kind == SIGMOID) return v128.neg<Float>(v128.abs<Float>(x))
  const z =
    kind == TANH
      ? v128.mul<Float>(v128.abs<Float>(x), v128.splat<Float>(-2))
      : v128.pmin<Float>(x, v128.splat<Float>(0))
  return v128.pmax<Float>(z, v128.splat<Float>(<Float>EXPM1_LEAST))
}

@inline
/** a / b, where rounding has taken aLost and bLost from a and b: together that may be an ulp of the result, or two. */
export function divide(a: v128, aLost: v128, b: v128, bLost: v128): v128 {
  const y = v128.div<Float>(a, b)
  return v128.add<Float>(y, v128.div<Float>(v128.sub<Float>(aLost, v128.mul<Float>(y, bLost)), b))
}

/** y from x and from e^-|x| at `work`, or from e^(-2 |x|) - 1 or e^x - 1 there and what it lost 64 bytes behind it. */
function result(kind: i32, alphas: v128, x: v128, work: usize): v128 {
  const zero = v128.splat<Float>(0)
  const one = v128.splat<Float>(1)
  const first = v128.load(work)
  if (kind == SIGMOID) {
    const b = v128.add<Float>(one, first)
    const bLost = v128.sub<Float>(first, v128.sub<Float>(b, one))
    return divide(v128.bitselect(first, one, v128.lt<Float>(x, zero)), zero, b, bLost)
  }
  if (kind == TANH) {
    const two = v128.splat<Float>(2)
    const lost = v128.load(work, 64)
    const b = v128.add<Float>(two, first)
    const bLost = v128.add<Float>(v128.sub<Float>(first, v128.sub<Float>(b, two)), lost)
    const near = divide(v128.neg<Float>(first), v128.neg<Float>(lost), b, bLost)
    const e = v128.add<Float>(v128.add<Float>(one, first), lost)
    const far = v128.sub<Float>(one, v128.div<Float>(v128.add<Float>(e, e), v128.add<Float>(one, e)))
    const y = v128.bitselect(far, near, v128.lt<Float>(e, v128.splat<Float>(<Float>TANH_FAR)))
    return v128.bitselect(x, y, v128.splat<Float>(-0.0))
  }
  return v128.bitselect(x, v128.mul<Float>(first, alphas), v128.gt<Float>(x, zero))
}

/** Four vectors; table: filled by expTable, and 128 bytes behind it. */
function activateFour(kind: i32, alphas: v128, x: usize, table: usize, y: usize): void {
  const work = table + TABLE
  const x0 = v128.load(x)
  const x1 = v128.load(x, 16)
  const x2 = v128.load(x, 32)
  const x3 = v128.load(x, 48)
  v128.store(work, exponent(kind, x0))
  v128.store(work, exponent(kind, x1), 16)
  v128.store(work, exponent(kind, x2), 32)
  v128.store(work, exponent(kind, x3), 48)
  expOfFour(kind != SIGMOID, v128.splat<Float>(0), work, table, work)
  v128.store(y, result(kind, alphas, x0, work))
  v128.store(y, result(kind, alphas, x1, work + 16), 16)
  v128.store(y, result(kind, alphas, x2, work + 32), 32)
  v128.store(y, result(kind, alphas, x3, work + 48), 48)
}

function activate(kind: i32, count: i32, alpha: Float, x: usize, scratch: usize, y: usize): void {
  const alphas = v128.splat<Float>(alpha)
  expTable(scratch)
  for (; count >= VALUES; count -= VALUES) {
    activateFour(kind, alphas, x, scratch, y)
    x += 64
    y += 64
  }
  if (count == 0) return
  const tail = scratch + TABLE + 128
  memory.copy(tail, x, <usize>count * SIZE)
  activateFour(kind, alphas, tail, scratch, tail)
  memory.copy(y, tail, <usize>count * SIZE)
}

/** y = 1 / (1 + e^-x). scratch, here and below: EXP_SCRATCH bytes. */
export function sigmoidForward(count: i32, x: usize, scratch: usize, y: usize): void {
  activate(SIGMOID, count, 0, x, scratch, y)
}

/** dx = dy * y * (1 - y). */
export function sigmoidBackward(count: i32, y: usize, dy: usize, dx: usize): void {
  const one = v128.splat<Float>(1)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(y)
    v128.store(dx, v128.mul<Float>(v128.load(dy), v128.mul<Float>(value, v128.sub<Float>(one, value))))
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(y)
    store<Float>(dx, load<Float>(dy) * (value * (1 - value)))
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/** y = tanh x = (1 - e) / (1 + e), e = e^-2|x|, with the sign of x; far from 0 in the form 1 - 2 e / (1 + e). */
export function tanhForward(count: i32, x: usize, scratch: usize, y: usize): void {
  activate(TANH, count, 0, x, scratch, y)
}

/** dx = dy * (1 - y^2). */
export function tanhBackward(count: i32, y: usize, dy: usize, dx: usize): void {
  const one = v128.splat<Float>(1)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(y)
    v128.store(dx, v128.mul<Float>(v128.load(dy), v128.sub<Float>(one, v128.mul<Float>(value, value))))
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(y)
    store<Float>(dx, load<Float>(dy) * (1 - value * value))
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/** y = x > 0 ? x : alpha * (e^x - 1). */
export function eluForward(count: i32, alpha: Float, x: usize, scratch: usize, y: usize): void {
  activate(ELU, count, alpha, x, scratch, y)
}

/** dx = y > 0 ? dy : dy * (y + alpha), since alpha * e^x = y + alpha. */
export function eluBackward(count: i32, alpha: Float, y: usize, dy: usize, dx: usize): void {
  const zero = v128.splat<Float>(0)
  const alphas = v128.splat<Float>(alpha)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(y)
    const gradient = v128.load(dy)
    const below = v128.mul<Float>(gradient, v128.add<Float>(value, alphas))
    v128.store(dx, v128.bitselect(gradient, below, v128.gt<Float>(value, zero)))
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(y)
    const gradient = load<Float>(dy)
    store<Float>(dx, value > 0 ? gradient : gradient * (value + alpha))
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}
