// The transforms of Winograd's convolution (winograd.ts), a tile or a kernel at a time, each as one-dimensional
// transforms down the columns and along the rows. Tiles of 6 x 6 stand on the points 0, 1, -1, 2, -2 and infinity, in
// this order, tiles of 7 x 7 on 1/2 besides, tiles of 8 x 8 on 1/2 and -1/2. Constants come from memory: V8 would build
// them anew each time, with more instructions than the arithmetic has.
//
//   tmp   | a tile: 8 rows of TILE_ROW | zeros | constants | outputs of LANES tiles, or G |

import { MR, ceilDivide } from '../src/kernels/blocking'
import { winogradTaps } from '../src/kernels/conv-geometry'
import { LANES, SIZE } from './float'
import { high, low, storeTransposed, zipHigh, zipLow } from './lanes'

/** The sizes of tiles, as types, so that each gets code of its own: with the size in a variable dw took 5 % longer. */
export type Six = u8
export type Seven = u16
export type Eight = u32

export function sizeOf<T>(): i32 {
  return sizeof<T>() == sizeof<Six>() ? 6 : sizeof<T>() == sizeof<Seven>() ? 7 : 8
}

/** Outputs of a tile, a side. */
function outputsOf<T>(): i32 {
  return sizeof<T>() == sizeof<Seven>() ? 5 : 4
}

/** Bytes of a row of a tile in tmp: 8 vectors. */
const TILE_ROW: usize = 128
/** Offset in tmp of the zeros that a fresh tile of a product begins with. */
export const ZEROS: usize = 8 * TILE_ROW
/** Offsets in tmp of constants, in all lanes. */
export const FOUR: usize = ZEROS + 64
export const HALF: usize = FOUR + 16
export const QUARTER: usize = FOUR + 32
/** Offset in tmp of the blocks of outputs of LANES tiles. */
export const BLOCKS: usize = FOUR + 64
/** Bytes of a row of such a block, in whole vectors. */
export function blockRow(outputs: i32): usize {
  return outputs == 4 ? 4 * SIZE : LANES == 2 ? 48 : 32
}

/** What the transforms of a size read from tmp. */
export function fillConstants(size: i32, tmp: usize): void {
  memory.fill(tmp + ZEROS, 0, 64)
  v128.store(tmp, v128.splat<Float>(4), FOUR)
  v128.store(tmp, v128.splat<Float>(0.5), HALF)
  v128.store(tmp, v128.splat<Float>(0.25), QUARTER)
  fillWeightTransform(size, tmp)
}

export function add(a: v128, b: v128): v128 {
  return v128.add<Float>(a, b)
}

export function sub(a: v128, b: v128): v128 {
  return v128.sub<Float>(a, b)
}

export function mul(a: v128, b: v128): v128 {
  return v128.mul<Float>(a, b)
}

// ---- inputs: B' d B ----

@inline
/** One row of B' d, d of six values; stored `stride` bytes apart. */
export function storeInputRow6(
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
/** The row of the differences e - factor d. */
function storeDifferences(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, e0: v128, e1: v128, e2: v128, e3: v128, e4: v128,
  e5: v128, factor: v128, tmp: usize, to: usize, stride: usize,
): void {
  storeInputRow6(
    sub(e0, mul(factor, d0)), sub(e1, mul(factor, d1)), sub(e2, mul(factor, d2)), sub(e3, mul(factor, d3)),
    sub(e4, mul(factor, d4)), sub(e5, mul(factor, d5)), tmp, to, stride,
  )
}

@inline
/**
 * The same of seven values. The point 1/2 makes of d, in all rows but its own, the last, the differences
 * d[i + 1] - d[i] / 2.
 */
function storeInputRow7(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, d6: v128, tmp: usize, to: usize, stride: usize,
): void {
  v128.store(to + 6 * stride, sub(sub(d5, d3), mul(v128.load(tmp, FOUR), sub(d3, d1))))
  storeDifferences(d0, d1, d2, d3, d4, d5, d1, d2, d3, d4, d5, d6, v128.load(tmp, HALF), tmp, to, stride)
}

@inline
/** The same of eight values, where 1/2 and -1/2 make the differences d[i + 2] - d[i] / 4. */
export function storeInputRow8(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, d6: v128, d7: v128, tmp: usize, to: usize, stride: usize,
): void {
  const four = v128.load(tmp, FOUR)
  const a = sub(sub(d6, d4), mul(four, sub(d4, d2)))
  const b = mul(v128.load(tmp, HALF), sub(sub(d5, d3), mul(four, sub(d3, d1))))
  v128.store(to + 6 * stride, add(a, b))
  v128.store(to + 7 * stride, sub(a, b))
  storeDifferences(d0, d1, d2, d3, d4, d5, d2, d3, d4, d5, d6, d7, v128.load(tmp, QUARTER), tmp, to, stride)
}

/**
 * B' d B of LANES tiles of size x size, lane l at p0, p1, ... (p2 and p3 for float32 only), rows `row` bytes apart.
 * Place e of the result goes to `to` + e * stride.
 */
export function inputTiles<T>(
  p0: usize, p1: usize, p2: usize, p3: usize, row: usize, tmp: usize, to: usize, stride: usize,
): void {
  const size = sizeOf<T>()
  let d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128
  let d6 = i32x4.splat(0)
  let d7 = d6
  // The rows of the tiles to the rows of tmp, then its columns to the places: in one loop, which costs 1 to 3 % of a
  // convolution, since each transform that stands here once is 0.3 kB.
  let at = tmp
  let apart: usize = 16
  for (let i = 0; i < 2 * size; ++i) {
    if (i < size) {
      const a = v128.load(p0)
      const b = v128.load(p1)
      if (LANES == 2) {
        const c = v128.load(p0, 16)
        const d = v128.load(p1, 16)
        const e = v128.load(p0, 32)
        const f = v128.load(p1, 32)
        d0 = low(a, b)
        d1 = high(a, b)
        d2 = low(c, d)
        d3 = high(c, d)
        d4 = low(e, f)
        d5 = high(e, f)
        if (size == 7) {
          d6 = low(v128.load64_zero(p0, 48), v128.load64_zero(p1, 48))
        } else if (size == 8) {
          const g = v128.load(p0, 48)
          const h = v128.load(p1, 48)
          d6 = low(g, h)
          d7 = high(g, h)
        }
      } else {
        const c = v128.load(p2)
        const d = v128.load(p3)
        const ab0 = zipLow(a, b)
        const ab1 = zipHigh(a, b)
        const cd0 = zipLow(c, d)
        const cd1 = zipHigh(c, d)
        d0 = low(ab0, cd0)
        d1 = high(ab0, cd0)
        d2 = low(ab1, cd1)
        d3 = high(ab1, cd1)
        if (size == 6) {
          const ab = zipLow(v128.load64_zero(p0, 16), v128.load64_zero(p1, 16))
          const cd = zipLow(v128.load64_zero(p2, 16), v128.load64_zero(p3, 16))
          d4 = low(ab, cd)
          d5 = high(ab, cd)
        } else {
          // The last four of the row: of seven, the first is d3 once more.
          const from: usize = size == 7 ? 12 : 16
          const e = v128.load(p0 + from)
          const f = v128.load(p1 + from)
          const g = v128.load(p2 + from)
          const h = v128.load(p3 + from)
          const ef0 = zipLow(e, f)
          const ef1 = zipHigh(e, f)
          const gh0 = zipLow(g, h)
          const gh1 = zipHigh(g, h)
          if (size == 7) {
            d4 = high(ef0, gh0)
            d5 = low(ef1, gh1)
            d6 = high(ef1, gh1)
          } else {
            d4 = low(ef0, gh0)
            d5 = high(ef0, gh0)
            d6 = low(ef1, gh1)
            d7 = high(ef1, gh1)
          }
        }
        p2 += row
        p3 += row
      }
      p0 += row
      p1 += row
    } else {
      apart = <usize>size * stride
      const from = tmp + <usize>(i - size) * 16
      d0 = v128.load(from)
      d1 = v128.load(from, TILE_ROW)
      d2 = v128.load(from, 2 * TILE_ROW)
      d3 = v128.load(from, 3 * TILE_ROW)
      d4 = v128.load(from, 4 * TILE_ROW)
      d5 = v128.load(from, 5 * TILE_ROW)
      if (size > 6) d6 = v128.load(from, 6 * TILE_ROW)
      if (size > 7) d7 = v128.load(from, 7 * TILE_ROW)
      at = to
      to += stride
    }
    if (size == 6) storeInputRow6(d0, d1, d2, d3, d4, d5, tmp, at, apart)
    else if (size == 7) storeInputRow7(d0, d1, d2, d3, d4, d5, d6, tmp, at, apart)
    else storeInputRow8(d0, d1, d2, d3, d4, d5, d6, d7, tmp, at, apart)
    at += TILE_ROW
  }
}

// ---- gradients of outputs: A d A' ----

@inline
/** One row of A d, d of as many values as a tile has outputs; stored `stride` bytes apart. */
export function storeGradientRow<T>(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, tmp: usize, to: usize, stride: usize,
): void {
  const size = sizeOf<T>()
  const four = v128.load(tmp, FOUR)
  const quarter = v128.load(tmp, QUARTER)
  const a = size == 7 ? add(add(d0, d2), d4) : add(d0, d2)
  const b = add(d1, d3)
  const c = add(mul(four, size == 7 ? add(mul(four, d4), d2) : d2), d0)
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
  v128.store(to, size == 7 ? d4 : d3)
  if (size > 6) {
    to += stride
    const f = add(mul(quarter, size == 7 ? add(mul(quarter, d4), d2) : d2), d0)
    const g = mul(v128.load(tmp, HALF), add(mul(quarter, d3), d1))
    v128.store(to, add(f, g))
    if (size == 8) v128.store(to + stride, sub(f, g))
  }
}

@inline
/** A d A' of the outputs of LANES tiles, to the places of a tile; as inputTiles. */
export function gradientTiles<T>(
  p0: usize, p1: usize, p2: usize, p3: usize, row: usize, tmp: usize, to: usize, stride: usize,
): void {
  const size = sizeOf<T>()
  let at = tmp
  for (let i = 0; i < outputsOf<T>(); ++i) {
    const a = v128.load(p0)
    const b = v128.load(p1)
    if (LANES == 2) {
      const c = v128.load(p0, 16)
      const d = v128.load(p1, 16)
      const e = size == 7 ? v128.load64_lane(p1 + 32, v128.load64_zero(p0, 32), 1) : d
      storeGradientRow<T>(low(a, b), high(a, b), low(c, d), high(c, d), e, tmp, at, 16)
    } else {
      const c = v128.load(p2)
      const d = v128.load(p3)
      const ab0 = zipLow(a, b)
      const ab1 = zipHigh(a, b)
      const cd0 = zipLow(c, d)
      const cd1 = zipHigh(c, d)
      let e = d
      if (size == 7) {
        e = v128.load32_lane(p1, v128.load32_zero(p0, 16), 1, 16)
        e = v128.load32_lane(p3, v128.load32_lane(p2, e, 2, 16), 3, 16)
      }
      storeGradientRow<T>(low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), e, tmp, at, 16)
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
    const d3 = v128.load(at, 3 * TILE_ROW)
    storeGradientRow<T>(
      v128.load(at), v128.load(at, TILE_ROW), v128.load(at, 2 * TILE_ROW), d3,
      size == 7 ? v128.load(at, 4 * TILE_ROW) : d3, tmp, to, down,
    )
    at += 16
    to += stride
  }
}

// ---- outputs: A' m A ----

@inline
/** A' m A + bias of LANES tiles, place e at m + e * stride, to a block of outputs for each lane at `tmp` + BLOCKS. */
export function outputTiles<T>(m: usize, stride: usize, bias: Float, tmp: usize): void {
  const size = sizeOf<T>()
  const four = v128.load(tmp, FOUR)
  const quarter = v128.load(tmp, QUARTER)
  const b = v128.splat<Float>(bias)
  const lane = blockRow(outputsOf<T>()) * <usize>outputsOf<T>()
  let blocks = tmp + BLOCKS
  // The columns of the places to those of tmp, then its rows to those of the blocks.
  let from = m
  let apart = <usize>size * stride
  for (let i = 0; i < size + outputsOf<T>(); ++i) {
    if (i >= size) {
      from = tmp + <usize>(i - size) * TILE_ROW
      apart = 16
    }
    const m0 = v128.load(from)
    const m1 = v128.load(from + apart)
    const m2 = v128.load(from + 2 * apart)
    const m3 = v128.load(from + 3 * apart)
    const m4 = v128.load(from + 4 * apart)
    const m5 = v128.load(from + 5 * apart)
    const p = add(m1, m2)
    const q = sub(m1, m2)
    const r = add(m3, m4)
    const s = sub(m3, m4)
    const d = add(s, s)
    const e = mul(four, r)
    let y0 = add(add(m0, p), r)
    let y1 = add(d, q)
    let y2 = add(e, p)
    let y3 = add(mul(four, d), q)
    let y4 = y0
    if (size > 6) {
      let t = v128.load(from + 6 * apart)
      let u = t
      if (size == 8) {
        const m7 = v128.load(from + 7 * apart)
        t = add(t, m7)
        u = sub(u, m7)
      }
      u = mul(v128.load(tmp, HALF), u)
      const v = mul(quarter, t)
      y0 = add(y0, t)
      y1 = add(y1, u)
      y2 = add(y2, v)
      y3 = add(y3, mul(quarter, u))
      if (size == 7) y4 = add(add(mul(four, e), p), add(mul(quarter, v), m5))
    }
    if (size != 7) y3 = add(y3, m5)
    if (i < size) {
      const to = tmp + <usize>i * 16
      v128.store(to, y0)
      v128.store(to, y1, TILE_ROW)
      v128.store(to, y2, 2 * TILE_ROW)
      v128.store(to, y3, 3 * TILE_ROW)
      if (size == 7) v128.store(to, y4, 4 * TILE_ROW)
      from += stride
    } else {
      y0 = add(y0, b)
      y1 = add(y1, b)
      y2 = add(y2, b)
      y3 = add(y3, b)
      y4 = add(y4, b)
      if (LANES == 2) {
        v128.store(blocks, low(y0, y1))
        v128.store(blocks, low(y2, y3), 16)
        v128.store(blocks + lane, high(y0, y1))
        v128.store(blocks + lane, high(y2, y3), 16)
        if (size == 7) {
          v128.store64_lane(blocks, y4, 0, 32)
          v128.store64_lane(blocks + lane, y4, 1, 32)
        }
      } else {
        storeTransposed(y0, y1, y2, y3, blocks, lane)
        if (size == 7) {
          v128.store32_lane(blocks, y4, 0, 16)
          v128.store32_lane(blocks + lane, y4, 1, 16)
          v128.store32_lane(blocks + 2 * lane, y4, 2, 16)
          v128.store32_lane(blocks + 3 * lane, y4, 3, 16)
        }
      }
      blocks += blockRow(outputsOf<T>())
    }
  }
}

// ---- weights: G w G' and its adjoint ----

/** Offset in tmp of G, size rows of taps values; blocks of outputs are not in use beside it. */
const G: usize = BLOCKS
/** Offset in tmp of the vectors of one row or column, behind the rows of `taps` x `size` vectors. */
export const LINE: usize = 5 * TILE_ROW

/** The finite points of tiles: 0, 1, -1, 2, -2, 1/2, -1/2. */
function pointAt(i: i32): f64 {
  const magnitude: f64 = i < 3 ? 1 : i < 5 ? 2 : 0.5
  return i == 0 ? 0 : i & 1 ? magnitude : -magnitude
}

@inline
/**
 * G of a size: of each point scale (1, point, point^2, ...), where 1 / scale is the product of its differences from the
 * other finite points, which is exact in float64. The row of infinity, of the last tap alone, is the sixth.
 */
function fillWeightTransform(size: i32, tmp: usize): void {
  const taps = winogradTaps(size)
  const points = size - 1
  let to = tmp + G
  for (let i = 0; i < points; ++i) {
    if (i == 5) to = infinityRow(taps, to)
    let product: f64 = 1
    for (let j = 0; j < points; ++j) if (j != i) product *= pointAt(i) - pointAt(j)
    let scale = <Float>(1 / product)
    for (let k = 0; k < taps; ++k, to += SIZE) {
      store<Float>(to, scale)
      scale *= <Float>pointAt(i)
    }
  }
  if (points == 5) infinityRow(taps, to)
}

function infinityRow(taps: i32, to: usize): usize {
  const last = to + <usize>(taps - 1) * SIZE
  memory.fill(to, 0, last - to)
  store<Float>(last, 1)
  return last + SIZE
}

@inline
/** v times value `i` of a row of G. */
function scaled(g: usize, i: usize, v: v128): v128 {
  const value = g + i * SIZE
  return mul(LANES == 2 ? v128.load64_splat(value) : v128.load32_splat(value), v)
}

/** G w of the vectors of a row or column of taps, `step` bytes apart, to `size` vectors `stride` bytes apart. */
export function weightLine(size: i32, tmp: usize, from: usize, step: usize, to: usize, stride: usize): void {
  const taps = winogradTaps(size)
  const zero = v128.splat<Float>(0)
  const w0 = v128.load(from)
  const w1 = v128.load(from + step)
  const w2 = v128.load(from + 2 * step)
  const w3 = v128.load(from + 3 * step)
  const w4 = v128.load(from + 4 * step)
  let g = tmp + G
  for (let e = 0; e < size; ++e) {
    let sum = add(add(add(zero, scaled(g, 0, w0)), scaled(g, 1, w1)), scaled(g, 2, w2))
    if (taps > 3) sum = add(add(sum, scaled(g, 3, w3)), scaled(g, 4, w4))
    v128.store(to, sum)
    g += <usize>taps * SIZE
    to += stride
  }
}

/** G' t of `size` vectors, `step` bytes apart, to as many as there are taps (memory for five), `stride` bytes apart. */
export function gradientLine(size: i32, tmp: usize, from: usize, step: usize, to: usize, stride: usize): void {
  const taps = winogradTaps(size)
  let s0 = v128.splat<Float>(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let s4 = s0
  let g = tmp + G
  for (let e = 0; e < size; ++e) {
    const t = v128.load(from)
    s0 = add(s0, scaled(g, 0, t))
    s1 = add(s1, scaled(g, 1, t))
    s2 = add(s2, scaled(g, 2, t))
    if (taps > 3) {
      s3 = add(s3, scaled(g, 3, t))
      s4 = add(s4, scaled(g, 4, t))
    }
    g += <usize>taps * SIZE
    from += step
  }
  v128.store(to, s0)
  v128.store(to + stride, s1)
  v128.store(to + 2 * stride, s2)
  v128.store(to + 3 * stride, s3)
  v128.store(to + 4 * stride, s4)
}

@inline
/** Splats of the values of so many vectors at `from`. */
export function storeSplats(vectors: i32, from: usize, to: usize): void {
  for (; vectors > 0; --vectors) {
    if (LANES == 2) {
      v128.store(to, v128.load64_splat(from))
      v128.store(to, v128.load64_splat(from, 8), 16)
    } else {
      v128.store(to, v128.load32_splat(from))
      v128.store(to, v128.load32_splat(from, 4), 16)
      v128.store(to, v128.load32_splat(from, 8), 32)
      v128.store(to, v128.load32_splat(from, 12), 48)
    }
    from += 16
    to += LANES * 16
  }
}

@inline
/**
 * U = G w G' of all pairs, as panels: u[filter / MR][place][channel][filter % MR], each value `bytes` apart: as splats, or as
 * they are. `flipped`, not 0: w is (c x flipped), of which f are done, and each kernel is read backwards, for dx. Filters
 * past the last repeat it; nobody reads what becomes of them.
 */
export function weightPanels(
  size: i32, c: i32, f: i32, flipped: i32, w: usize, tmp: usize, bytes: usize, u: usize,
): void {
  const taps = winogradTaps(size)
  const places = size * size
  const stride = <usize>(c * MR) * bytes
  const down = <usize>size * stride
  const kernel = <usize>(taps * taps) * SIZE
  const fromFilter = flipped ? kernel : <usize>c * kernel
  const fromChannel = flipped ? <usize>flipped * kernel : kernel
  const step = flipped ? -SIZE : SIZE
  if (flipped) w += kernel - SIZE
  // LANES filters at a time.
  for (let filter = 0; filter < MR * ceilDivide(f, MR); filter += LANES) {
    let p0 = w + <usize>min(filter, f - 1) * fromFilter
    let p1 = w + <usize>min(filter + 1, f - 1) * fromFilter
    let p2 = w + <usize>min(filter + 2, f - 1) * fromFilter
    let p3 = w + <usize>min(filter + 3, f - 1) * fromFilter
    for (let channel = 0; channel < c; ++channel) {
      let at: usize = 0
      for (let i = 0; i < taps; ++i) {
        for (let k = 0; k < taps; ++k, at += step) {
          let values: v128
          if (LANES == 2) {
            values = v128.load64_lane(p1 + at, v128.load64_zero(p0 + at), 1)
          } else {
            values = v128.load32_lane(p1 + at, v128.load32_zero(p0 + at), 1)
            values = v128.load32_lane(p3 + at, v128.load32_lane(p2 + at, values, 2), 3)
          }
          v128.store(tmp + <usize>k * 16, values, LINE)
        }
        weightLine(size, tmp, tmp + LINE, 16, tmp + <usize>(i * size) * 16, 16)
      }
      p0 += fromChannel
      p1 += fromChannel
      p2 += fromChannel
      p3 += fromChannel
      let to = u + <usize>((filter / MR) * places) * stride + <usize>(channel * MR + (filter % MR)) * bytes
      for (let j = 0; j < size; ++j) {
        const column = tmp + <usize>j * 16
        const isSplat = bytes != SIZE
        weightLine(size, tmp, column, <usize>size * 16, isSplat ? tmp + LINE : to, isSplat ? 16 : down)
        if (isSplat) {
          let place = to
          for (let i = 0; i < size; ++i, place += down) {
            // Not by storeSplats: the transform took a fifth longer.
            const values = v128.load(tmp + <usize>i * 16, LINE)
            if (LANES == 2) {
              v128.store(place, low(values, values))
              v128.store(place, high(values, values), 16)
            } else {
              v128.store(place, v128.shuffle<f32>(values, values, 0, 0, 0, 0))
              v128.store(place, v128.shuffle<f32>(values, values, 1, 1, 1, 1), 16)
              v128.store(place, v128.shuffle<f32>(values, values, 2, 2, 2, 2), 32)
              v128.store(place, v128.shuffle<f32>(values, values, 3, 3, 3, 3), 48)
            }
          }
        }
        to += stride
      }
    }
  }
}

@inline
/**
 * dw += G' t G of the t of `rows` x `columns` pairs: t[place][row][column], rows `row` bytes apart, places `place`.
 * `swapped`: rows are channels and columns filters. A filter of dw has `channels` of them.
 */
export function addWeightGradients(
  size: i32, rows: i32, columns: i32, swapped: i32, channels: i32, t: usize, row: usize, place: usize, tmp: usize, dw: usize,
): void {
  const taps = winogradTaps(size)
  for (let i = 0; i < rows; ++i) {
    for (let j = 0; j < columns; j += LANES) {
      const from = t + <usize>j * SIZE
      for (let k = 0; k < size; ++k) {
        const column = from + <usize>k * place
        gradientLine(size, tmp, column, <usize>size * place, tmp + <usize>k * 16, <usize>size * 16)
      }
      for (let k = 0; k < taps; ++k) {
        gradientLine(size, tmp, tmp + <usize>(k * size) * 16, 16, tmp + LINE, 16)
        for (let l = 0; l < LANES && j + l < columns; ++l) {
          const pair = swapped ? (j + l) * channels + i : i * channels + j + l
          const to = dw + <usize>((pair * taps + k) * taps) * SIZE
          for (let m = 0; m < taps; ++m) {
            const at = to + <usize>m * SIZE
            store<Float>(at, load<Float>(at) + load<Float>(tmp + LINE + <usize>(m * LANES + l) * SIZE))
          }
        }
      }
    }
    t += row
  }
}
