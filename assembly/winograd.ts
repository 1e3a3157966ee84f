// Winograd's convolution F(4x4, 3x3) (Lavin & Gray, 2016), for kernels of 3 x 3 with stride 1: tiles of 4 x 4 outputs
// from 6 x 6 inputs, with 36 multiplications for each pair of channels instead of 144. Points 0, 1, -1, 2, -2, infinity.
//
//   forward  Y  = A' [ (G w G') . (B' x B) ] A        . is the product place by place, summed over channels:
//   dx       the same, of dy with the weights turned    36 matrix products, one for each place of a tile
//   dw       dw = G' [ (A dY A') . (B' x B) ] G       summed over tiles: the adjoint, with the same matrices
//
// A chunk of tiles goes through at a time: some whole images, or a part of a large one. Vectors hold LANES tiles (or
// channels, for dw) side by side, so every transform is the same for all lanes.
//
//   scratch   | tmp | tiles | U: weights, 36 x panels | V: inputs, 36 x slivers | M: 36 products | padded planes |

import { MR, ceilDivide } from '../src/kernels/blocking'
import { PLACES_SLACK, WINOGRAD_TABLE, WINOGRAD_TMP, winogradChunk, winogradImages } from '../src/kernels/conv-geometry'
import { LANES, NR, SIZE, SLIVER_ROW } from './float'
import { tile } from './gemm'
import { fillPlane } from './planes'

/** Offset in tmp of the zeros that a fresh tile begins with. */
const ZEROS: usize = 36 * 16
/** Offset in tmp of the factor 4, in all lanes. */
const FOUR: usize = ZEROS + 64
/** Offset in tmp of the blocks of outputs of LANES tiles. */
const BLOCKS: usize = FOUR + 16
/** Bytes of an entry of the table of tiles: offset of its input, offset of its output, its rows and columns (i32). */
const ENTRY: usize = 16

/**
 * Bytes between the values of neighbouring places: at least `bytes`, and an odd number of cache lines. A multiple of
 * 4096 would put all 36 places of a tile into one set of the cache, which holds 8 or 12 lines.
 */
function placeStride(bytes: i32): usize {
  return <usize>(((bytes + 63) / 64) | 1) * 64
}

function low(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
}

function high(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
}

/** Of float32: a0 b0 a1 b1. */
function zipLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
}

/** Of float32: a2 b2 a3 b3. */
function zipHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
}

/** a b + c */
function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return v128.add<Float>(v128.mul<Float>(a, b), c)
}

/**
 * One row of B' d, d of six values; stored `stride` bytes apart. The factor 4 comes from memory: V8 would build it anew
 * each time, with more instructions than the arithmetic has.
 */
function storeInputRow(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, four: v128, to: usize, stride: usize,
): void {
  const a = v128.sub<Float>(d4, v128.mul<Float>(four, d2))
  const b = v128.sub<Float>(d3, v128.mul<Float>(four, d1))
  const c = v128.sub<Float>(d4, d2)
  const e = v128.sub<Float>(d3, d1)
  const f = v128.add<Float>(e, e)
  v128.store(to, multiplyAdd(four, v128.sub<Float>(d0, d2), c))
  to += stride
  v128.store(to, v128.add<Float>(a, b))
  to += stride
  v128.store(to, v128.sub<Float>(a, b))
  to += stride
  v128.store(to, v128.add<Float>(c, f))
  to += stride
  v128.store(to, v128.sub<Float>(c, f))
  to += stride
  v128.store(to, v128.sub<Float>(v128.sub<Float>(d5, d3), v128.mul<Float>(four, e)))
}

/** One row of A d, d of four values; stored `stride` bytes apart. */
function storeGradientRow(d0: v128, d1: v128, d2: v128, d3: v128, four: v128, to: usize, stride: usize): void {
  const a = v128.add<Float>(d0, d2)
  const b = v128.add<Float>(d1, d3)
  const c = multiplyAdd(four, d2, d0)
  const half = multiplyAdd(four, d3, d1)
  const e = v128.add<Float>(half, half)
  v128.store(to, d0)
  to += stride
  v128.store(to, v128.add<Float>(a, b))
  to += stride
  v128.store(to, v128.sub<Float>(a, b))
  to += stride
  v128.store(to, v128.add<Float>(c, e))
  to += stride
  v128.store(to, v128.sub<Float>(c, e))
  to += stride
  v128.store(to, d3)
}

/**
 * B' d B of LANES tiles of 6 x 6, lane l at p0, p1, ... (p2 and p3 for float32 only), rows `row` bytes apart.
 * Place e of the result goes to `to` + e * stride.
 */
function inputTiles(p0: usize, p1: usize, p2: usize, p3: usize, row: usize, tmp: usize, to: usize, stride: usize): void {
  const four = v128.load(tmp, FOUR)
  let at = tmp
  for (let i = 0; i < 6; ++i) {
    const a = v128.load(p0)
    const b = v128.load(p1)
    if (LANES == 2) {
      const c = v128.load(p0, 16)
      const d = v128.load(p1, 16)
      const e = v128.load(p0, 32)
      const f = v128.load(p1, 32)
      storeInputRow(low(a, b), high(a, b), low(c, d), high(c, d), low(e, f), high(e, f), four, at, 16)
    } else {
      const c = v128.load(p2)
      const d = v128.load(p3)
      const ab0 = zipLow(a, b)
      const ab1 = zipHigh(a, b)
      const cd0 = zipLow(c, d)
      const cd1 = zipHigh(c, d)
      const e = zipLow(v128.load64_zero(p0, 16), v128.load64_zero(p1, 16))
      const f = zipLow(v128.load64_zero(p2, 16), v128.load64_zero(p3, 16))
      storeInputRow(low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), low(e, f), high(e, f), four, at, 16)
      p2 += row
      p3 += row
    }
    p0 += row
    p1 += row
    at += 96
  }
  at = tmp
  for (let j = 0; j < 6; ++j) {
    storeInputRow(
      v128.load(at), v128.load(at, 96), v128.load(at, 192), v128.load(at, 288), v128.load(at, 384), v128.load(at, 480),
      four, to, 6 * stride,
    )
    at += 16
    to += stride
  }
}

/** A d A' of LANES tiles of 4 x 4; as inputTiles. */
function gradientTiles(
  p0: usize, p1: usize, p2: usize, p3: usize, row: usize, tmp: usize, to: usize, stride: usize,
): void {
  const four = v128.load(tmp, FOUR)
  let at = tmp
  for (let i = 0; i < 4; ++i) {
    const a = v128.load(p0)
    const b = v128.load(p1)
    if (LANES == 2) {
      const c = v128.load(p0, 16)
      const d = v128.load(p1, 16)
      storeGradientRow(low(a, b), high(a, b), low(c, d), high(c, d), four, at, 16)
    } else {
      const c = v128.load(p2)
      const d = v128.load(p3)
      const ab0 = zipLow(a, b)
      const ab1 = zipHigh(a, b)
      const cd0 = zipLow(c, d)
      const cd1 = zipHigh(c, d)
      storeGradientRow(low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), four, at, 16)
      p2 += row
      p3 += row
    }
    p0 += row
    p1 += row
    at += 96
  }
  at = tmp
  for (let j = 0; j < 6; ++j) {
    storeGradientRow(v128.load(at), v128.load(at, 96), v128.load(at, 192), v128.load(at, 288), four, to, 6 * stride)
    at += 16
    to += stride
  }
}

/** A' m A + bias of LANES tiles, place e at m + e * stride, to one block of 4 x 4 for each lane at `blocks`. */
function outputTiles(m: usize, stride: usize, bias: Float, tmp: usize, blocks: usize): void {
  const four = v128.load(tmp, FOUR)
  const column: usize = 6 * stride
  let at = tmp
  for (let j = 0; j < 6; ++j) {
    const m0 = v128.load(m)
    const m1 = v128.load(m + column)
    const m2 = v128.load(m + 2 * column)
    const m3 = v128.load(m + 3 * column)
    const m4 = v128.load(m + 4 * column)
    const m5 = v128.load(m + 5 * column)
    const p = v128.add<Float>(m1, m2)
    const q = v128.sub<Float>(m1, m2)
    const r = v128.add<Float>(m3, m4)
    const s = v128.sub<Float>(m3, m4)
    v128.store(at, v128.add<Float>(v128.add<Float>(m0, p), r))
    const d = v128.add<Float>(s, s)
    v128.store(at, v128.add<Float>(d, q), 96)
    v128.store(at, multiplyAdd(four, r, p), 192)
    v128.store(at, v128.add<Float>(multiplyAdd(four, d, q), m5), 288)
    at += 16
    m += stride
  }
  const b = v128.splat<Float>(bias)
  at = tmp
  for (let i = 0; i < 4; ++i) {
    const m1 = v128.load(at, 16)
    const m2 = v128.load(at, 32)
    const m3 = v128.load(at, 48)
    const m4 = v128.load(at, 64)
    const p = v128.add<Float>(m1, m2)
    const q = v128.sub<Float>(m1, m2)
    const r = v128.add<Float>(m3, m4)
    const s = v128.sub<Float>(m3, m4)
    const y0 = v128.add<Float>(v128.add<Float>(v128.add<Float>(v128.load(at), p), r), b)
    const t = v128.add<Float>(s, s)
    const y1 = v128.add<Float>(v128.add<Float>(t, q), b)
    const y2 = v128.add<Float>(multiplyAdd(four, r, p), b)
    const y3 = v128.add<Float>(v128.add<Float>(multiplyAdd(four, t, q), v128.load(at, 80)), b)
    if (LANES == 2) {
      v128.store(blocks, low(y0, y1))
      v128.store(blocks, low(y2, y3), 16)
      v128.store(blocks, high(y0, y1), 128)
      v128.store(blocks, high(y2, y3), 144)
      blocks += 32
    } else {
      const a = zipLow(y0, y1)
      const c = zipLow(y2, y3)
      const d = zipHigh(y0, y1)
      const e = zipHigh(y2, y3)
      v128.store(blocks, low(a, c))
      v128.store(blocks, high(a, c), 64)
      v128.store(blocks, low(d, e), 128)
      v128.store(blocks, high(d, e), 192)
      blocks += 16
    }
    at += 96
  }
}

/** G w of three values that lie `step` values apart, to six that lie `stride` bytes apart. */
function weightRow(w: usize, step: i32, to: usize, stride: usize): void {
  const w0 = load<Float>(w)
  const w1 = load<Float>(w + <usize>step * SIZE)
  const w2 = load<Float>(w + <usize>(2 * step) * SIZE)
  const a: Float = w0 + w2
  const b: Float = w0 + 4 * w2
  const c: Float = w1 + w1
  store<Float>(to, w0 * <Float>0.25)
  store<Float>(to + stride, (a + w1) * <Float>(-1.0 / 6.0))
  store<Float>(to + 2 * stride, (a - w1) * <Float>(-1.0 / 6.0))
  store<Float>(to + 3 * stride, (b + c) * <Float>(1.0 / 24.0))
  store<Float>(to + 4 * stride, (b - c) * <Float>(1.0 / 24.0))
  store<Float>(to + 5 * stride, w2)
}

/**
 * U = G w G' of all pairs, as panels of splats: u[place][filter / MR][channel][filter % MR]. `turned`: w is (c x f) and
 * each kernel is read backwards, for dx. Filters past the last are zero.
 */
function weightPanels(c: i32, f: i32, turned: i32, w: usize, tmp: usize, u: usize): void {
  const padded = ceilDivide(f, MR) * MR
  const stride = <usize>(padded * c) * 16
  for (let filter = 0; filter < padded; ++filter) {
    for (let channel = 0; channel < c; ++channel) {
      const to = u + <usize>(((filter / MR) * c + channel) * MR + (filter % MR)) * 16
      if (filter < f) {
        const kernel = w + <usize>((turned ? channel * f + filter : filter * c + channel) * 9) * SIZE
        // Backwards: from the last value with negative steps.
        for (let i = 0; i < 3; ++i) {
          if (turned) weightRow(kernel + <usize>(8 - 3 * i) * SIZE, -1, tmp + <usize>(6 * i) * SIZE, SIZE)
          else weightRow(kernel + <usize>(3 * i) * SIZE, 1, tmp + <usize>(6 * i) * SIZE, SIZE)
        }
        for (let j = 0; j < 6; ++j) {
          weightRow(tmp + <usize>j * SIZE, 6, tmp + <usize>(18 + j) * SIZE, 6 * SIZE)
        }
        for (let e = 0; e < 36; ++e) {
          const value = v128.splat<Float>(load<Float>(tmp + <usize>(18 + e) * SIZE))
          v128.store(to + <usize>e * stride, value)
        }
      } else {
        for (let e = 0; e < 36; ++e) v128.store(to + <usize>e * stride, v128.splat<Float>(0))
      }
    }
  }
}

/** The table of the tiles first ... first + count of the chunk that begins with an image; see ENTRY. */
function fillTable(
  first: i32, count: i32, entries: i32, oh: i32, ow: i32, inputImage: i32, inputWidth: i32, outputImage: i32,
  outputWidth: i32, table: usize,
): void {
  const across = ceilDivide(ow, 4)
  const tiles = ceilDivide(oh, 4) * across
  for (let t = 0; t < entries; ++t) {
    // Entries past the last repeat the first one; nobody reads what becomes of them.
    const index = first + (t < count ? t : 0)
    const image = index / tiles
    const row = ((index % tiles) / across) * 4
    const column = ((index % tiles) % across) * 4
    store<i32>(table, (image * inputImage + row * inputWidth + column) * <i32>SIZE)
    store<i32>(table, (image * outputImage + row * outputWidth + column) * <i32>SIZE, 4)
    store<i32>(table, min(4, oh - row), 8)
    store<i32>(table, min(4, ow - column), 12)
    table += ENTRY
  }
}

/** y (n x f x oh x ow) = bias + convolution of x (n x c x h x w) with 3 x 3 kernels, pads ph and pw; bias may be 0. */
export function winogradProduct(
  n: i32, c: i32, h: i32, w: i32, f: i32, oh: i32, ow: i32, ph: i32, pw: i32, turned: i32,
  x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  const chunk = winogradChunk(<i32>SIZE)
  const height = 4 * ceilDivide(oh, 4) + 2
  const width = 4 * ceilDivide(ow, 4) + 2
  const tiles = ceilDivide(oh, 4) * ceilDivide(ow, 4)
  const images = winogradImages(tiles, chunk)
  const panels = ceilDivide(f, MR)
  const table = scratch + WINOGRAD_TMP
  const u = table + WINOGRAD_TABLE
  const v = u + <usize>(36 * panels * MR * c) * 16
  const m = v + <usize>(36 * c * chunk) * SIZE + PLACES_SLACK
  const source = m + <usize>(36 * panels * MR * chunk) * SIZE + PLACES_SLACK
  const plane = height * width
  const row = <usize>width * SIZE
  memory.fill(scratch + ZEROS, 0, 64)
  v128.store(scratch + FOUR, v128.splat<Float>(4))
  weightPanels(c, f, turned, weight, scratch, u)
  for (let image = 0; image < n; image += images) {
    const count = min(images, n - image)
    for (let i = 0; i < count * c; ++i) {
      const from = x + <usize>((image * c + i) * h * w) * SIZE
      fillPlane(h, w, -ph, -pw, 1, 1, height, width, from, source + <usize>(i * plane) * SIZE)
    }
    const yImage = y + <usize>(image * f * oh * ow) * SIZE
    for (let first = 0; first < count * tiles; first += chunk) {
      const used = min(chunk, count * tiles - first)
      const columns = ceilDivide(used, NR) * NR
      fillTable(first, used, columns, oh, ow, c * plane, width, f * oh * ow, ow, table)

      const vPlace = placeStride(c * columns * <i32>SIZE)
      // Slivers outside, channels inside: so lines of the cache are filled one after the other.
      let to = v
      for (let s = 0; s < columns; s += NR) {
        const entry = table + <usize>s * ENTRY
        let base = source
        for (let channel = 0; channel < c; ++channel) {
          for (let half: usize = 0; half < 2; ++half) {
            const at = entry + half * LANES * ENTRY
            inputTiles(
              base + load<i32>(at), base + load<i32>(at, ENTRY),
              base + (LANES == 4 ? load<i32>(at, 2 * ENTRY) : 0), base + (LANES == 4 ? load<i32>(at, 3 * ENTRY) : 0),
              row, scratch, to, vPlace,
            )
            to += 16
          }
          base += <usize>plane * SIZE
        }
      }

      const mPlace = placeStride(panels * MR * columns * <i32>SIZE)
      for (let e = 0; e < 36; ++e) {
        for (let i = 0; i < panels; ++i) {
          const panel = u + <usize>((e * panels + i) * c * MR) * 16
          let to = m + <usize>e * mPlace + <usize>(i * MR * columns) * SIZE
          let sliver = v + <usize>e * vPlace
          for (let j = 0; j < columns; j += NR) {
            tile(c, 1, panel, sliver, scratch + ZEROS, to, <usize>columns * SIZE)
            sliver += <usize>c * SLIVER_ROW
            to += SLIVER_ROW
          }
        }
      }

      const blocks = scratch + BLOCKS
      for (let filter = 0; filter < f; ++filter) {
        const b: Float = bias ? load<Float>(bias + <usize>filter * SIZE) : 0
        const base = yImage + <usize>(filter * oh * ow) * SIZE
        for (let s = 0; s < used; s += LANES) {
          outputTiles(m + <usize>(filter * columns + s) * SIZE, mPlace, b, scratch, blocks)
          for (let l = 0; l < LANES && s + l < used; ++l) {
            const entry = table + <usize>(s + l) * ENTRY
            const rows = load<i32>(entry, 8)
            const bytes = <usize>load<i32>(entry, 12) * SIZE
            let from = blocks + <usize>(16 * l) * SIZE
            let to = base + load<i32>(entry, 4)
            for (let i = 0; i < rows; ++i) {
              if (bytes == 4 * SIZE) {
                v128.store(to, v128.load(from))
                if (LANES == 2) v128.store(to, v128.load(from, 16), 16)
              } else {
                for (let k: usize = 0; k < bytes; k += SIZE) store<Float>(to + k, load<Float>(from + k))
              }
              from += 4 * SIZE
              to += <usize>ow * SIZE
            }
          }
        }
      }
    }
  }
}

/** One row of G' t: three values of six that lie `step` values apart. */
function weightGradientRow(t: usize, step: i32, to: usize, stride: usize): void {
  const apart = <usize>step * SIZE
  const t1 = load<Float>(t + apart)
  const t2 = load<Float>(t + 2 * apart)
  const t3 = load<Float>(t + 3 * apart)
  const t4 = load<Float>(t + 4 * apart)
  const a: Float = (t1 + t2) * <Float>(1.0 / 6.0)
  const b: Float = t3 + t4
  store<Float>(to, load<Float>(t) * <Float>0.25 - a + b * <Float>(1.0 / 24.0))
  store<Float>(to + stride, (t2 - t1) * <Float>(1.0 / 6.0) + (t3 - t4) * <Float>(1.0 / 12.0))
  store<Float>(to + 2 * stride, b * <Float>(1.0 / 6.0) - a + load<Float>(t + 5 * apart))
}

/** dw (f x c x 3 x 3) += the gradient of a convolution of x with dy. */
export function winogradWeight(
  n: i32, c: i32, h: i32, w: i32, f: i32, oh: i32, ow: i32, ph: i32, pw: i32,
  x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  const chunk = winogradChunk(<i32>SIZE)
  const height = 4 * ceilDivide(oh, 4) + 2
  const width = 4 * ceilDivide(ow, 4) + 2
  const tiles = ceilDivide(oh, 4) * ceilDivide(ow, 4)
  const images = winogradImages(tiles, chunk)
  const panels = ceilDivide(f, MR)
  const slivers = ceilDivide(c, NR)
  const plane = height * width
  const dyPlane = (height - 2) * (width - 2)
  const table = scratch + WINOGRAD_TMP
  const panel = table + WINOGRAD_TABLE
  const du = panel + <usize>(MR * chunk) * 16
  const v = du + <usize>(36 * panels * MR * slivers * NR) * SIZE
  const g = v + <usize>(36 * slivers * NR * chunk) * SIZE + PLACES_SLACK
  const source = g + <usize>(36 * panels * MR * chunk) * SIZE + PLACES_SLACK
  const dySource = source + <usize>(images * c * plane) * SIZE
  const duRow = <usize>(slivers * NR) * SIZE
  v128.store(scratch + FOUR, v128.splat<Float>(4))
  memory.fill(du, 0, <usize>(36 * panels * MR) * duRow)
  for (let image = 0; image < n; image += images) {
    const count = min(images, n - image)
    for (let i = 0; i < count * c; ++i) {
      const from = x + <usize>((image * c + i) * h * w) * SIZE
      fillPlane(h, w, -ph, -pw, 1, 1, height, width, from, source + <usize>(i * plane) * SIZE)
    }
    for (let i = 0; i < count * f; ++i) {
      const from = dy + <usize>((image * f + i) * oh * ow) * SIZE
      fillPlane(oh, ow, 0, 0, 1, 1, height - 2, width - 2, from, dySource + <usize>(i * dyPlane) * SIZE)
    }
    for (let first = 0; first < count * tiles; first += chunk) {
      const used = min(chunk, count * tiles - first)
      fillTable(first, used, used, oh, ow, c * plane, width, f * dyPlane, width - 2, table)

      // V: v[place][channel / NR][tile][channel % NR], G: g[place][filter / MR][tile][filter % MR].
      const vPlace = placeStride(slivers * NR * used * <i32>SIZE)
      const gPlace = placeStride(panels * MR * used * <i32>SIZE)
      for (let t = 0; t < used; ++t) {
        const entry = table + <usize>t * ENTRY
        const from = source + load<i32>(entry)
        for (let channel = 0; channel < slivers * NR; channel += LANES) {
          // Channels past the last repeat it; their columns of dU are never read.
          const p0 = from + <usize>(min(channel, c - 1) * plane) * SIZE
          const p1 = from + <usize>(min(channel + 1, c - 1) * plane) * SIZE
          const p2 = from + <usize>(min(channel + 2, c - 1) * plane) * SIZE
          const p3 = from + <usize>(min(channel + 3, c - 1) * plane) * SIZE
          const to = v + <usize>((channel / NR) * used + t) * SLIVER_ROW + <usize>((channel % NR) / LANES) * 16
          inputTiles(p0, p1, p2, p3, <usize>width * SIZE, scratch, to, vPlace)
        }
        const dyFrom = dySource + load<i32>(entry, 4)
        for (let filter = 0; filter < panels * MR; filter += LANES) {
          const p0 = dyFrom + <usize>(min(filter, f - 1) * dyPlane) * SIZE
          const p1 = dyFrom + <usize>(min(filter + 1, f - 1) * dyPlane) * SIZE
          const p2 = dyFrom + <usize>(min(filter + 2, f - 1) * dyPlane) * SIZE
          const p3 = dyFrom + <usize>(min(filter + 3, f - 1) * dyPlane) * SIZE
          const to = g + <usize>(((filter / MR) * used + t) * MR + (filter % MR)) * SIZE
          gradientTiles(p0, p1, p2, p3, <usize>(width - 2) * SIZE, scratch, to, gPlace)
        }
      }

      for (let e = 0; e < 36; ++e) {
        for (let i = 0; i < panels; ++i) {
          let from = g + <usize>e * gPlace + <usize>(i * used * MR) * SIZE
          let at = panel
          for (let k = 0; k < used * MR; ++k) {
            v128.store(at, v128.splat<Float>(load<Float>(from)))
            from += SIZE
            at += 16
          }
          let sliver = v + <usize>e * vPlace
          let to = du + <usize>((e * panels + i) * MR) * duRow
          for (let j = 0; j < slivers; ++j) {
            tile(used, 0, panel, sliver, 0, to, duRow)
            sliver += <usize>used * SLIVER_ROW
            to += SLIVER_ROW
          }
        }
      }
    }
  }
  const place = <usize>(panels * MR) * duRow
  for (let filter = 0; filter < f; ++filter) {
    for (let channel = 0; channel < c; ++channel) {
      const from = du + <usize>filter * duRow + <usize>channel * SIZE
      for (let e = 0; e < 36; ++e) store<Float>(scratch + <usize>e * SIZE, load<Float>(from + <usize>e * place))
      // Down the columns: t[row][column] to rows 0, 1, 2 of six columns; then along them.
      const half = scratch + 36 * SIZE
      for (let j = 0; j < 6; ++j) {
        weightGradientRow(scratch + <usize>j * SIZE, 6, half + <usize>j * SIZE, 6 * SIZE)
      }
      const full = half + 18 * SIZE
      for (let i = 0; i < 3; ++i) weightGradientRow(half + <usize>(6 * i) * SIZE, 1, full + <usize>(3 * i) * SIZE, SIZE)
      for (let k: usize = 0; k < 9 * SIZE; k += SIZE) {
        store<Float>(dw + k, load<Float>(dw + k) + load<Float>(full + k))
      }
      dw += 9 * SIZE
    }
  }
}
