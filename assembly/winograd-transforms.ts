// The transforms of Winograd's convolution (winograd.ts), a tile or a kernel at a time, each as one-dimensional
// transforms down the columns and along the rows. Tiles of 6 x 6 stand on the points 0, 1, -1, 2, -2 and infinity, tiles of
// 8 x 8 on 1/2 and -1/2 besides. Constants come from memory: V8 would build them anew each time, with more instructions
// than the arithmetic has.
//
//   tmp   | a tile: 8 rows of TILE_ROW | zeros | constants | 4 x 4 outputs of LANES tiles |

import { MR, ceilDivide } from '../src/kernels/blocking'
import { LANES, SIZE } from './float'
import { high, low, storeTurned, zipHigh, zipLow } from './lanes'

/** The sizes of tiles, as types, so that each gets code of its own: with the size in a variable dw took 5 % longer. */
export type Six = u8
export type Eight = u16

function sizeOf<T>(): i32 {
  return sizeof<T>() == sizeof<Six>() ? 6 : 8
}

/** Bytes of a row of a tile in tmp: 8 vectors. */
const TILE_ROW: usize = 128
/** Offset in tmp of the zeros that a fresh tile of a product begins with. */
export const ZEROS: usize = 8 * TILE_ROW
/** Offsets in tmp of constants, in all lanes. */
const FOUR: usize = ZEROS + 64
const HALF: usize = FOUR + 16
const QUARTER: usize = FOUR + 32
const C21_4: usize = FOUR + 48
const C17_4: usize = FOUR + 64
const C5_4: usize = FOUR + 80
const C5_2: usize = FOUR + 96
const FIVE: usize = FOUR + 112
/** Offset in tmp of the blocks of outputs of LANES tiles. */
export const BLOCKS: usize = FOUR + 128

export function fillConstants(tmp: usize): void {
  memory.fill(tmp + ZEROS, 0, 64)
  v128.store(tmp, v128.splat<Float>(4), FOUR)
  v128.store(tmp, v128.splat<Float>(0.5), HALF)
  v128.store(tmp, v128.splat<Float>(0.25), QUARTER)
  v128.store(tmp, v128.splat<Float>(5.25), C21_4)
  v128.store(tmp, v128.splat<Float>(4.25), C17_4)
  v128.store(tmp, v128.splat<Float>(1.25), C5_4)
  v128.store(tmp, v128.splat<Float>(2.5), C5_2)
  v128.store(tmp, v128.splat<Float>(5), FIVE)
}

function add(a: v128, b: v128): v128 {
  return v128.add<Float>(a, b)
}

function sub(a: v128, b: v128): v128 {
  return v128.sub<Float>(a, b)
}

function mul(a: v128, b: v128): v128 {
  return v128.mul<Float>(a, b)
}

// ---- inputs: B' d B ----

@inline
/** One row of B' d, d of six values; stored `stride` bytes apart. */
function storeInputRow6(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, tmp: usize, to: usize, stride: usize,
): void {
  const four = v128.load(tmp, FOUR)
  const a = sub(d4, mul(four, d2))
  const b = sub(d3, mul(four, d1))
  const c = sub(d4, d2)
  const e = sub(d3, d1)
  const f = add(e, e)
  v128.store(to, add(mul(four, sub(d0, d2)), c))
  to += stride
  v128.store(to, add(a, b))
  to += stride
  v128.store(to, sub(a, b))
  to += stride
  v128.store(to, add(c, f))
  to += stride
  v128.store(to, sub(c, f))
  to += stride
  v128.store(to, sub(sub(d5, d3), mul(four, e)))
}

@inline
/** The same of eight values. */
function storeInputRow8(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, d6: v128, d7: v128, tmp: usize, to: usize, stride: usize,
): void {
  v128.store(to, add(sub(d0, d6), mul(v128.load(tmp, C21_4), sub(d4, d2))))
  to += stride
  let a = sub(add(d2, d6), mul(v128.load(tmp, C17_4), d4))
  let b = sub(add(d1, d5), mul(v128.load(tmp, C17_4), d3))
  v128.store(to, add(a, b))
  to += stride
  v128.store(to, sub(a, b))
  to += stride
  const middle = mul(v128.load(tmp, C5_2), d3)
  a = sub(add(mul(v128.load(tmp, QUARTER), d2), d6), mul(v128.load(tmp, C5_4), d4))
  b = sub(add(mul(v128.load(tmp, HALF), d1), add(d5, d5)), middle)
  v128.store(to, add(a, b))
  to += stride
  v128.store(to, sub(a, b))
  to += stride
  a = sub(add(mul(v128.load(tmp, FOUR), d2), d6), mul(v128.load(tmp, FIVE), d4))
  b = sub(add(mul(v128.load(tmp, HALF), d5), add(d1, d1)), middle)
  v128.store(to, add(a, b))
  to += stride
  v128.store(to, sub(a, b))
  to += stride
  v128.store(to, add(sub(d7, d1), mul(v128.load(tmp, C21_4), sub(d3, d5))))
}

/**
 * B' d B of LANES tiles of size x size, lane l at p0, p1, ... (p2 and p3 for float32 only), rows `row` bytes apart.
 * Place e of the result goes to `to` + e * stride.
 */
export function inputTiles<T>(
  p0: usize, p1: usize, p2: usize, p3: usize, row: usize, tmp: usize, to: usize, stride: usize,
): void {
  const size = sizeOf<T>()
  let at = tmp
  for (let i = 0; i < size; ++i) {
    const a = v128.load(p0)
    const b = v128.load(p1)
    if (LANES == 2) {
      const c = v128.load(p0, 16)
      const d = v128.load(p1, 16)
      const e = v128.load(p0, 32)
      const f = v128.load(p1, 32)
      if (size == 6) {
        storeInputRow6(low(a, b), high(a, b), low(c, d), high(c, d), low(e, f), high(e, f), tmp, at, 16)
      } else {
        const g = v128.load(p0, 48)
        const h = v128.load(p1, 48)
        storeInputRow8(
          low(a, b), high(a, b), low(c, d), high(c, d), low(e, f), high(e, f), low(g, h), high(g, h), tmp, at, 16,
        )
      }
    } else {
      const c = v128.load(p2)
      const d = v128.load(p3)
      const ab0 = zipLow(a, b)
      const ab1 = zipHigh(a, b)
      const cd0 = zipLow(c, d)
      const cd1 = zipHigh(c, d)
      if (size == 6) {
        const e = zipLow(v128.load64_zero(p0, 16), v128.load64_zero(p1, 16))
        const f = zipLow(v128.load64_zero(p2, 16), v128.load64_zero(p3, 16))
        storeInputRow6(low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), low(e, f), high(e, f), tmp, at, 16)
      } else {
        const e = v128.load(p0, 16)
        const f = v128.load(p1, 16)
        const g = v128.load(p2, 16)
        const h = v128.load(p3, 16)
        const ef0 = zipLow(e, f)
        const ef1 = zipHigh(e, f)
        const gh0 = zipLow(g, h)
        const gh1 = zipHigh(g, h)
        storeInputRow8(
          low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1),
          low(ef0, gh0), high(ef0, gh0), low(ef1, gh1), high(ef1, gh1), tmp, at, 16,
        )
      }
      p2 += row
      p3 += row
    }
    p0 += row
    p1 += row
    at += TILE_ROW
  }
  at = tmp
  const down = <usize>size * stride
  for (let j = 0; j < size; ++j) {
    const d0 = v128.load(at)
    const d1 = v128.load(at, TILE_ROW)
    const d2 = v128.load(at, 2 * TILE_ROW)
    const d3 = v128.load(at, 3 * TILE_ROW)
    const d4 = v128.load(at, 4 * TILE_ROW)
    const d5 = v128.load(at, 5 * TILE_ROW)
    if (size == 6) storeInputRow6(d0, d1, d2, d3, d4, d5, tmp, to, down)
    else {
      const d6 = v128.load(at, 6 * TILE_ROW)
      storeInputRow8(d0, d1, d2, d3, d4, d5, d6, v128.load(at, 7 * TILE_ROW), tmp, to, down)
    }
    at += 16
    to += stride
  }
}

// ---- gradients of outputs: A d A' ----

@inline
/** One row of A d, d of four values, to as many values as the tile has; stored `stride` bytes apart. */
function storeGradientRow<T>(
  d0: v128, d1: v128, d2: v128, d3: v128, tmp: usize, to: usize, stride: usize,
): void {
  const four = v128.load(tmp, FOUR)
  const a = add(d0, d2)
  const b = add(d1, d3)
  const c = add(mul(four, d2), d0)
  const half = add(mul(four, d3), d1)
  const e = add(half, half)
  v128.store(to, d0)
  to += stride
  v128.store(to, add(a, b))
  to += stride
  v128.store(to, sub(a, b))
  to += stride
  v128.store(to, add(c, e))
  to += stride
  v128.store(to, sub(c, e))
  to += stride
  if (sizeOf<T>() == 8) {
    const quarter = v128.load(tmp, QUARTER)
    const f = add(mul(quarter, d2), d0)
    const g = mul(v128.load(tmp, HALF), add(mul(quarter, d3), d1))
    v128.store(to, add(f, g))
    to += stride
    v128.store(to, sub(f, g))
    to += stride
  }
  v128.store(to, d3)
}

@inline
/** A d A' of LANES tiles of 4 x 4, to the places of a tile; as inputTiles. */
export function gradientTiles<T>(
  p0: usize, p1: usize, p2: usize, p3: usize, row: usize, tmp: usize, to: usize, stride: usize,
): void {
  const size = sizeOf<T>()
  let at = tmp
  for (let i = 0; i < 4; ++i) {
    const a = v128.load(p0)
    const b = v128.load(p1)
    if (LANES == 2) {
      const c = v128.load(p0, 16)
      const d = v128.load(p1, 16)
      storeGradientRow<T>(low(a, b), high(a, b), low(c, d), high(c, d), tmp, at, 16)
    } else {
      const c = v128.load(p2)
      const d = v128.load(p3)
      const ab0 = zipLow(a, b)
      const ab1 = zipHigh(a, b)
      const cd0 = zipLow(c, d)
      const cd1 = zipHigh(c, d)
      storeGradientRow<T>(low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), tmp, at, 16)
      p2 += row
      p3 += row
    }
    p0 += row
    p1 += row
    at += TILE_ROW
  }
  at = tmp
  const down = <usize>size * stride
  for (let j = 0; j < size; ++j) {
    storeGradientRow<T>(
      v128.load(at), v128.load(at, TILE_ROW), v128.load(at, 2 * TILE_ROW), v128.load(at, 3 * TILE_ROW), tmp, to, down,
    )
    at += 16
    to += stride
  }
}

// ---- outputs: A' m A ----

/** A' m A + bias of LANES tiles, place e at m + e * stride, to one block of 4 x 4 for each lane at `tmp` + BLOCKS. */
export function outputTiles<T>(m: usize, stride: usize, bias: Float, tmp: usize): void {
  const size = sizeOf<T>()
  const four = v128.load(tmp, FOUR)
  const quarter = v128.load(tmp, QUARTER)
  const column = <usize>size * stride
  let at = tmp
  for (let j = 0; j < size; ++j) {
    const m0 = v128.load(m)
    const m1 = v128.load(m + column)
    const m2 = v128.load(m + 2 * column)
    const m3 = v128.load(m + 3 * column)
    const m4 = v128.load(m + 4 * column)
    const m5 = v128.load(m + 5 * column)
    const p = add(m1, m2)
    const q = sub(m1, m2)
    const r = add(m3, m4)
    const s = sub(m3, m4)
    const d = add(s, s)
    let y0 = add(add(m0, p), r)
    let y1 = add(d, q)
    let y2 = add(mul(four, r), p)
    let y3 = add(mul(four, d), q)
    if (size == 6) {
      y3 = add(y3, m5)
    } else {
      const m6 = v128.load(m + 6 * column)
      const t = add(m5, m6)
      const u = mul(v128.load(tmp, HALF), sub(m5, m6))
      y0 = add(y0, t)
      y1 = add(y1, u)
      y2 = add(y2, mul(quarter, t))
      y3 = add(add(y3, mul(quarter, u)), v128.load(m + 7 * column))
    }
    v128.store(at, y0)
    v128.store(at, y1, TILE_ROW)
    v128.store(at, y2, 2 * TILE_ROW)
    v128.store(at, y3, 3 * TILE_ROW)
    at += 16
    m += stride
  }
  const b = v128.splat<Float>(bias)
  let blocks = tmp + BLOCKS
  at = tmp
  for (let i = 0; i < 4; ++i) {
    const m1 = v128.load(at, 16)
    const m2 = v128.load(at, 32)
    const m3 = v128.load(at, 48)
    const m4 = v128.load(at, 64)
    const m5 = v128.load(at, 80)
    const p = add(m1, m2)
    const q = sub(m1, m2)
    const r = add(m3, m4)
    const s = sub(m3, m4)
    const d = add(s, s)
    let y0 = add(add(v128.load(at), p), r)
    let y1 = add(d, q)
    let y2 = add(mul(four, r), p)
    let y3 = add(mul(four, d), q)
    if (size == 6) {
      y3 = add(y3, m5)
    } else {
      const m6 = v128.load(at, 96)
      const t = add(m5, m6)
      const u = mul(v128.load(tmp, HALF), sub(m5, m6))
      y0 = add(y0, t)
      y1 = add(y1, u)
      y2 = add(y2, mul(quarter, t))
      y3 = add(add(y3, mul(quarter, u)), v128.load(at, 112))
    }
    y0 = add(y0, b)
    y1 = add(y1, b)
    y2 = add(y2, b)
    y3 = add(y3, b)
    if (LANES == 2) {
      v128.store(blocks, low(y0, y1))
      v128.store(blocks, low(y2, y3), 16)
      v128.store(blocks, high(y0, y1), 128)
      v128.store(blocks, high(y2, y3), 144)
      blocks += 32
    } else {
      storeTurned(y0, y1, y2, y3, blocks, 64)
      blocks += 16
    }
    at += TILE_ROW
  }
}

// ---- weights: G w G' and its adjoint ----

/** G w of size - 3 values that lie `step` values apart, to `size` values that lie `stride` bytes apart. */
function weightRow(size: i32, w: usize, step: i32, to: usize, stride: usize): void {
  const apart = <isize>step * SIZE
  const w0 = load<Float>(w)
  const w1 = load<Float>(w + apart)
  const w2 = load<Float>(w + 2 * apart)
  if (size == 6) {
    const a: Float = w0 + w2
    const b: Float = w0 + 4 * w2
    const c: Float = w1 + w1
    store<Float>(to, w0 * <Float>0.25)
    store<Float>(to + stride, (a + w1) * <Float>(-1.0 / 6.0))
    store<Float>(to + 2 * stride, (a - w1) * <Float>(-1.0 / 6.0))
    store<Float>(to + 3 * stride, (b + c) * <Float>(1.0 / 24.0))
    store<Float>(to + 4 * stride, (b - c) * <Float>(1.0 / 24.0))
    store<Float>(to + 5 * stride, w2)
  } else {
    const w3 = load<Float>(w + 3 * apart)
    const w4 = load<Float>(w + 4 * apart)
    let even: Float = w0 + w2 + w4
    let odd: Float = w1 + w3
    store<Float>(to, w0)
    store<Float>(to + stride, (even + odd) * <Float>(-2.0 / 9.0))
    store<Float>(to + 2 * stride, (even - odd) * <Float>(-2.0 / 9.0))
    even = w0 + 4 * w2 + 16 * w4
    odd = 2 * w1 + 8 * w3
    store<Float>(to + 3 * stride, (even + odd) * <Float>(1.0 / 90.0))
    store<Float>(to + 4 * stride, (even - odd) * <Float>(1.0 / 90.0))
    even = w0 + <Float>0.25 * w2 + <Float>0.0625 * w4
    odd = <Float>0.5 * w1 + <Float>0.125 * w3
    store<Float>(to + 5 * stride, (even + odd) * <Float>(32.0 / 45.0))
    store<Float>(to + 6 * stride, (even - odd) * <Float>(32.0 / 45.0))
    store<Float>(to + 7 * stride, w4)
  }
}

/**
 * U = G w G' of all pairs, as panels of splats: u[filter / MR][place][channel][filter % MR]. `turned`: w is (c x f) and
 * each kernel is read backwards, for dx. Filters past the last are zero.
 */
export function weightPanels(size: i32, c: i32, f: i32, turned: i32, w: usize, tmp: usize, u: usize): void {
  const taps = size - 3
  const places = size * size
  const stride = <usize>(c * MR) * 16
  const row = <usize>size * SIZE
  const full = tmp + <usize>(taps * size) * SIZE
  for (let filter = 0; filter < MR * ceilDivide(f, MR); ++filter) {
    for (let channel = 0; channel < c; ++channel) {
      let to = u + <usize>((filter / MR) * places) * stride + <usize>(channel * MR + (filter % MR)) * 16
      if (filter < f) {
        const kernel = w + <usize>((turned ? channel * f + filter : filter * c + channel) * taps * taps) * SIZE
        // Backwards: from the last value with negative steps.
        for (let i = 0; i < taps; ++i) {
          const from = turned ? taps * taps - 1 - taps * i : taps * i
          weightRow(size, kernel + <usize>from * SIZE, turned ? -1 : 1, tmp + <usize>i * row, SIZE)
        }
        for (let j = 0; j < size; ++j) {
          const column = <usize>j * SIZE
          weightRow(size, tmp + column, size, full + column, row)
        }
        for (let e = 0; e < places; ++e, to += stride) {
          v128.store(to, v128.splat<Float>(load<Float>(full + <usize>e * SIZE)))
        }
      } else {
        for (let e = 0; e < places; ++e, to += stride) v128.store(to, v128.splat<Float>(0))
      }
    }
  }
}

/** One row of G' t: size - 3 values of `size` that lie `step` values apart. */
function weightGradientRow(size: i32, t: usize, step: i32, to: usize, stride: usize): void {
  const apart = <usize>step * SIZE
  const t0 = load<Float>(t)
  const t1 = load<Float>(t + apart)
  const t2 = load<Float>(t + 2 * apart)
  const t3 = load<Float>(t + 3 * apart)
  const t4 = load<Float>(t + 4 * apart)
  const t5 = load<Float>(t + 5 * apart)
  if (size == 6) {
    const a: Float = (t1 + t2) * <Float>(1.0 / 6.0)
    const b: Float = t3 + t4
    store<Float>(to, t0 * <Float>0.25 - a + b * <Float>(1.0 / 24.0))
    store<Float>(to + stride, (t2 - t1) * <Float>(1.0 / 6.0) + (t3 - t4) * <Float>(1.0 / 12.0))
    store<Float>(to + 2 * stride, b * <Float>(1.0 / 6.0) - a + t5)
  } else {
    const t6 = load<Float>(t + 6 * apart)
    const a: Float = (t1 + t2) * <Float>(-2.0 / 9.0)
    const b: Float = (t1 - t2) * <Float>(-2.0 / 9.0)
    const c: Float = (t3 + t4) * <Float>(1.0 / 90.0)
    const d: Float = (t3 - t4) * <Float>(1.0 / 45.0)
    const e: Float = (t5 + t6) * <Float>(32.0 / 45.0)
    const g: Float = (t5 - t6) * <Float>(16.0 / 45.0)
    store<Float>(to, t0 + a + c + e)
    store<Float>(to + stride, b + d + g)
    store<Float>(to + 2 * stride, a + 4 * c + <Float>0.25 * e)
    store<Float>(to + 3 * stride, b + 4 * d + <Float>0.25 * g)
    store<Float>(to + 4 * stride, a + 16 * c + <Float>0.0625 * e + load<Float>(t + 7 * apart))
  }
}

/** dw (taps x taps) += G' t G, t of size x size values `place` bytes apart. */
export function addWeightGradient(size: i32, t: usize, place: usize, tmp: usize, dw: usize): void {
  const taps = size - 3
  const row = <usize>size * SIZE
  const half = tmp + <usize>(size * size) * SIZE
  const full = half + <usize>(taps * size) * SIZE
  for (let e = 0; e < size * size; ++e) store<Float>(tmp + <usize>e * SIZE, load<Float>(t + <usize>e * place))
  for (let j = 0; j < size; ++j) {
    weightGradientRow(size, tmp + <usize>j * SIZE, size, half + <usize>j * SIZE, row)
  }
  for (let i = 0; i < taps; ++i) {
    weightGradientRow(size, half + <usize>i * row, 1, full + <usize>(taps * i) * SIZE, SIZE)
  }
  for (let k: usize = 0; k < <usize>(taps * taps) * SIZE; k += SIZE) {
    store<Float>(dw + k, load<Float>(dw + k) + load<Float>(full + k))
  }
}
