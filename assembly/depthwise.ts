// Convolutions of one channel with kernels of 3 x 3 and a stride of 1 or 2: depthwise ones, which have a channel and a
// filter in each group, and those of images that have a single channel. conv-geometry.ts says which (slidesTaps).
//
// A matrix product of 9 steps is mostly packing, so there is none: the nine weights stay in registers and slide over
// the image. What is read is a copy of each plane with the zeros of its padding around it; with a stride of 2 a row has
// first the values of even columns, then those of odd ones, so that neighbouring outputs read neighbours. Planes of
// several channels are copied at a time, as many as stay in L1: a load waits for values that were stored a moment ago
// in other vectors. The order of each sum is that of conv2d.ts, to the bit.
//
//   scratch   | sums of dw, a row of dx: SLIDE_BEFORE | copies of planes | outputs narrower than a vector |
//
// Legend: see conv2d.ts. f is the number of filters of each channel; steps from row to row and from plane to plane are
// in bytes. A strip is a vector of neighbouring columns.

import {
  MOST_BLOCKS, SLIDE_BATCH, SLIDE_BEFORE, SLIDE_FILTERS, convOutput, tapRows, tapsStride,
} from '../src/kernels/conv-geometry'
import { SUM_STEPS } from '../src/kernels/blocking'
import { LANES, SIZE } from './float'
import { evens, maskFirst, odds, zipHigh, zipLow } from './lanes'

@inline
/** s + w x; the order of the factors says which NaN is left of two. */
function plus(s: v128, w: v128, x: v128): v128 {
  return v128.add<Float>(s, v128.mul<Float>(w, x))
}

/** Copies rows x columns of each plane to where they are among zeros; nothing else is written. */
function copyPlanes(
  planes: i32, rows: i32, columns: i32, x: usize, xRow: usize, xPlane: usize, to: usize, toRow: usize, toPlane: usize,
): void {
  const last = <usize>(columns - LANES) * SIZE
  for (; planes > 0; --planes) {
    let from = x
    let at = to
    for (let row = rows; row > 0; --row) {
      if (columns >= LANES) {
        for (let i: usize = 0; i < last; i += 16) v128.store(at + i, v128.load(from + i))
        // Some values twice.
        v128.store(at + last, v128.load(from + last))
      } else if (LANES == 4 && columns > 1) {
        store<i64>(at, load<i64>(from))
        if (columns == 3) store<Float>(at, load<Float>(from, 2 * SIZE), 2 * SIZE)
      } else {
        store<Float>(at, load<Float>(from))
      }
      from += xRow
      at += toRow
    }
    x += xPlane
    to += toPlane
  }
}

/** The same with the values of even columns at `to`, those of odd ones at `odd`. */
function splitPlanes(
  planes: i32, rows: i32, columns: i32, x: usize, xRow: usize, xPlane: usize,
  to: usize, odd: usize, toRow: usize, toPlane: usize,
): void {
  const pairs = columns >> 1
  for (; planes > 0; --planes) {
    let from = x
    let at = to
    let atOdd = odd
    for (let row = rows; row > 0; --row) {
      let i = 0
      while (i < pairs) {
        if (pairs >= LANES) {
          // The last ones may be written twice.
          i = min(i, pairs - LANES)
          const values = from + 2 * <usize>i * SIZE
          const first = v128.load(values)
          const second = v128.load(values, 16)
          v128.store(at + <usize>i * SIZE, evens(first, second))
          v128.store(atOdd + <usize>i * SIZE, odds(first, second))
          i += LANES
        } else {
          store<Float>(at + <usize>i * SIZE, load<Float>(from + 2 * <usize>i * SIZE))
          store<Float>(atOdd + <usize>i * SIZE, load<Float>(from + 2 * <usize>i * SIZE, SIZE))
          i += 1
        }
      }
      if (columns & 1) store<Float>(at + <usize>pairs * SIZE, load<Float>(from + 2 * <usize>pairs * SIZE))
      from += xRow
      at += toRow
      atOdd += toRow
    }
    x += xPlane
    to += toPlane
    odd += toPlane
  }
}

/**
 * y = start + the nine products, strip after strip, from row to row: each row of x is loaded once and serves three rows
 * of y. Tap (i, 0) reads `first` and tap (i, 2) reads `last` beyond x, tap (i, 1) one value. Steps from row to row may
 * be negative: dx is the same upside down. y must be at least as wide as a vector, or its rows as far apart.
 */
function slide(
  planes: i32, rows: i32, width: i32, first: usize, last: usize, weight: usize, bias: usize,
  x: usize, xRow: usize, xPlane: usize, y: usize, yRow: usize, yPlane: usize,
): void {
  const lastColumn = width - LANES
  for (; planes > 0; --planes) {
    // Loaded as vectors, they stay in registers; V8 would make a vector of a number anew wherever it is used.
    const w0 = v128.load_splat<Float>(weight)
    const w1 = v128.load_splat<Float>(weight, SIZE)
    const w2 = v128.load_splat<Float>(weight, 2 * SIZE)
    const w3 = v128.load_splat<Float>(weight, 3 * SIZE)
    const w4 = v128.load_splat<Float>(weight, 4 * SIZE)
    const w5 = v128.load_splat<Float>(weight, 5 * SIZE)
    const w6 = v128.load_splat<Float>(weight, 6 * SIZE)
    const w7 = v128.load_splat<Float>(weight, 7 * SIZE)
    const w8 = v128.load_splat<Float>(weight, 8 * SIZE)
    const begin = v128.splat<Float>(bias ? load<Float>(bias) : 0)
    let column = 0
    for (;;) {
      let x0 = x + <usize>column * SIZE + first
      let x1 = x + <usize>column * SIZE + SIZE
      let x2 = x + <usize>column * SIZE + last
      let to = y + <usize>column * SIZE
      let a = v128.load(x0)
      let b = v128.load(x1)
      let c = v128.load(x2)
      x0 += xRow
      x1 += xRow
      x2 += xRow
      let s0 = plus(plus(plus(begin, w0, a), w1, b), w2, c)
      a = v128.load(x0)
      b = v128.load(x1)
      c = v128.load(x2)
      s0 = plus(plus(plus(s0, w3, a), w4, b), w5, c)
      let s1 = plus(plus(plus(begin, w0, a), w1, b), w2, c)
      let row = rows
      do {
        x0 += xRow
        x1 += xRow
        x2 += xRow
        a = v128.load(x0)
        b = v128.load(x1)
        c = v128.load(x2)
        v128.store(to, plus(plus(plus(s0, w6, a), w7, b), w8, c))
        to += yRow
        s0 = plus(plus(plus(s1, w3, a), w4, b), w5, c)
        s1 = plus(plus(plus(begin, w0, a), w1, b), w2, c)
        row -= 1
      } while (row > 0)
      if (column >= lastColumn) break
      // The last strip ends with the row, and may write some results twice.
      column = min(column + LANES, lastColumn)
    }
    weight += 9 * SIZE
    if (bias) bias += SIZE
    x += xPlane
    y += yPlane
  }
}

/** slide() with a stride of 2; the values of odd columns are `odd` beyond those of even ones. */
function slideBy2(
  planes: i32, rows: i32, width: i32, odd: usize, weight: usize, bias: usize,
  x: usize, xRow: usize, xPlane: usize, y: usize, yRow: usize, yPlane: usize,
): void {
  const lastColumn = width - LANES
  for (; planes > 0; --planes) {
    const w0 = v128.load_splat<Float>(weight)
    const w1 = v128.load_splat<Float>(weight, SIZE)
    const w2 = v128.load_splat<Float>(weight, 2 * SIZE)
    const w3 = v128.load_splat<Float>(weight, 3 * SIZE)
    const w4 = v128.load_splat<Float>(weight, 4 * SIZE)
    const w5 = v128.load_splat<Float>(weight, 5 * SIZE)
    const w6 = v128.load_splat<Float>(weight, 6 * SIZE)
    const w7 = v128.load_splat<Float>(weight, 7 * SIZE)
    const w8 = v128.load_splat<Float>(weight, 8 * SIZE)
    const begin = v128.splat<Float>(bias ? load<Float>(bias) : 0)
    let column = 0
    for (;;) {
      let even = x + <usize>column * SIZE
      let to = y + <usize>column * SIZE
      let a = v128.load(even)
      let b = v128.load(even + odd)
      let c = v128.load(even, SIZE)
      let s = plus(plus(plus(begin, w0, a), w1, b), w2, c)
      let row = rows
      do {
        even += xRow
        a = v128.load(even)
        b = v128.load(even + odd)
        c = v128.load(even, SIZE)
        s = plus(plus(plus(s, w3, a), w4, b), w5, c)
        even += xRow
        a = v128.load(even)
        b = v128.load(even + odd)
        c = v128.load(even, SIZE)
        v128.store(to, plus(plus(plus(s, w6, a), w7, b), w8, c))
        to += yRow
        s = plus(plus(plus(begin, w0, a), w1, b), w2, c)
        row -= 1
      } while (row > 0)
      if (column >= lastColumn) break
      column = min(column + LANES, lastColumn)
    }
    weight += 9 * SIZE
    if (bias) bias += SIZE
    x += xPlane
    y += yPlane
  }
}

@inline
/** How many planes of c channels are copied at a time. */
function batchOf(c: i32, plane: usize): i32 {
  return min(c, max(1, SLIDE_BATCH / <i32>plane))
}

/** y = bias + convolution of x (n x c x h x w) with f filters for each channel; bias may be 0. */
export function depthwiseForward(
  n: i32, c: i32, h: i32, w: i32, f: i32, stride: i32, ph: i32, pw: i32,
  x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  const oh = convOutput(h, 3, stride, ph, 1)
  const ow = convOutput(w, 3, stride, pw, 1)
  const copy = scratch + SLIDE_BEFORE
  const copyRow = <usize>(stride * ow + 3 - stride) * SIZE
  const copyPlane = <usize>(stride * oh + 3 - stride) * copyRow
  const batch = batchOf(c, copyPlane)
  const narrow = copy + <usize>batch * copyPlane
  memory.fill(copy, 0, narrow - copy)
  const xPlane = <usize>(h * w) * SIZE
  const yRow = <usize>ow * SIZE
  const yPlane = <usize>oh * yRow
  const isNarrow = ow < LANES
  const toRow = isNarrow ? <usize>16 : yRow
  const toPlane = <usize>oh * toRow
  // Planes that are computed in a row: of as many channels, or of the filters of one.
  const single = f == 1
  const filters = isNarrow ? 1 : f
  for (let image = 0; image < n; ++image) {
    for (let channel = 0; channel < c; channel += batch) {
      const count = min(batch, c - channel)
      copyIn(count, h, w, stride, ph, pw, oh, ow, x, copy, copyRow, copyPlane)
      x += <usize>count * xPlane
      const last = (channel + count) * f
      let from = copy
      for (let filter = channel * f; filter < last; filter += single ? count : filters) {
        const planes = single ? count : filters
        const taps = weight + <usize>(9 * filter) * SIZE
        const start = bias ? bias + <usize>filter * SIZE : 0
        const to = isNarrow ? narrow : y
        if (!single) from = copy + <usize>(filter / f - channel) * copyPlane
        const step = single ? copyPlane : 0
        if (stride == 1) slide(planes, oh, ow, 0, 2 * SIZE, taps, start, from, copyRow, step, to, toRow, toPlane)
        else slideBy2(planes, oh, ow, yRow + SIZE, taps, start, from, copyRow, step, to, toRow, toPlane)
        if (isNarrow) copyPlanes(planes, oh, ow, narrow, 16, toPlane, y, yRow, yPlane)
        y += <usize>planes * yPlane
      }
    }
  }
}

/** The copies of x that forward and dw read, into zeros. */
function copyIn(
  planes: i32, h: i32, w: i32, stride: i32, ph: i32, pw: i32, oh: i32, ow: i32,
  x: usize, copy: usize, copyRow: usize, copyPlane: usize,
): void {
  // What lies beyond the last window is left out.
  const rows = min(h, stride * oh + 3 - stride - ph)
  const columns = min(w, stride * ow + 3 - stride - pw)
  const xRow = <usize>w * SIZE
  const xPlane = <usize>h * xRow
  const to = copy + <usize>ph * copyRow
  if (stride == 1) {
    copyPlanes(planes, rows, columns, x, xRow, xPlane, to + <usize>pw * SIZE, copyRow, copyPlane)
    return
  }
  // With an odd pad the even columns of x are odd ones of the copy.
  const half = <usize>(pw >> 1) * SIZE
  const odd = to + <usize>(ow + 1) * SIZE + half
  const isOdd = pw & 1
  const even = to + half
  splitPlanes(
    planes, rows, columns, x, xRow, xPlane, isOdd ? odd : even, isOdd ? even + SIZE : odd, copyRow, copyPlane,
  )
}

@inline
/** Stores two vectors of columns by turns. */
function storePairs(first: v128, second: v128, to: usize): void {
  v128.store(to, zipLow(first, second))
  v128.store(to, zipHigh(first, second), 16)
}

/**
 * dx (h x w) of a stride of 2. Columns come in pairs: the first is one that only tap 1 of a row reaches, the second one
 * that the taps 0 and 2 do. Where the padding is even, dx begins with a second one, and `before` = SIZE is how far the
 * pair begins before it. `dy` is what the first pair's tap 2 reads, in the row that the first row's tap 0 or 1 reads.
 * Rows that jut out over their end write to the next ones, which come later; what must not goes by way of `spare`.
 */
function spread(
  planes: i32, h: i32, w: i32, ph: i32, before: usize, weight: usize, dy: usize, dyRow: usize, dyPlane: usize,
  spare: usize, dx: usize, dxPlane: usize,
): void {
  const zero = v128.splat<Float>(0)
  const dxRow = <usize>w * SIZE
  const width = w + i32(before != 0)
  const strips = (width + 2 * LANES - 1) / (2 * LANES)
  // Rows from here on would write past the plane.
  const inner = h * w - strips * 2 * LANES
  for (; planes > 0; --planes) {
    const w0 = v128.load_splat<Float>(weight)
    const w1 = v128.load_splat<Float>(weight, SIZE)
    const w2 = v128.load_splat<Float>(weight, 2 * SIZE)
    const w3 = v128.load_splat<Float>(weight, 3 * SIZE)
    const w4 = v128.load_splat<Float>(weight, 4 * SIZE)
    const w5 = v128.load_splat<Float>(weight, 5 * SIZE)
    const w6 = v128.load_splat<Float>(weight, 6 * SIZE)
    const w7 = v128.load_splat<Float>(weight, 7 * SIZE)
    const w8 = v128.load_splat<Float>(weight, 8 * SIZE)
    let source = dy
    for (let row = 0; row < h; ++row) {
      const isSpare = before != 0 || row * w > inner
      const out = dx + <usize>row * dxRow
      let to = isSpare ? spare : out
      let at = source
      if ((row + ph) & 1) {
        for (let i = strips; i > 0; --i) {
          const d0 = v128.load(at)
          const d1 = v128.load(at, SIZE)
          storePairs(plus(zero, w4, d0), plus(plus(zero, w3, d1), w5, d0), to)
          at += 16
          to += 32
        }
        source += dyRow
      } else {
        let above = at - dyRow
        for (let i = strips; i > 0; --i) {
          const d0 = v128.load(at)
          const d1 = v128.load(at, SIZE)
          const b0 = v128.load(above)
          const b1 = v128.load(above, SIZE)
          const first = plus(plus(zero, w1, d0), w7, b0)
          storePairs(first, plus(plus(plus(plus(zero, w0, d1), w2, d0), w6, b1), w8, b0), to)
          at += 16
          above += 16
          to += 32
        }
      }
      if (isSpare) copyPlanes(1, 1, w, spare + before, 0, 0, out, 0, 0)
    }
    weight += 9 * SIZE
    dy += dyPlane
    dx += dxPlane
  }
}

/** dx of a depthwise convolution, one filter for each of c channels. */
export function depthwiseBackwardInput(
  n: i32, c: i32, h: i32, w: i32, stride: i32, ph: i32, pw: i32, dy: usize, weight: usize, scratch: usize, dx: usize,
): void {
  const oh = convOutput(h, 3, stride, ph, 1)
  const ow = convOutput(w, 3, stride, pw, 1)
  // Zeros before the first dy, and the size of dy with zeros before and behind it.
  const top = stride == 1 ? 2 - ph : 1 - (ph >> 1)
  const left = stride == 1 ? 2 - pw : 1 - (pw >> 1)
  const copyH = stride == 1 ? h + 2 : ((ph + h - 1) >> 1) + 1 + top
  const copyW = stride == 1 ? w + 2 : ((pw + w - 1) >> 1) + 1 + left
  const copy = scratch + SLIDE_BEFORE
  const copyRow = <usize>copyW * SIZE
  const copyPlane = <usize>copyH * copyRow
  const batch = batchOf(c, copyPlane)
  const narrow = copy + <usize>batch * copyPlane
  memory.fill(copy, 0, narrow - copy)
  const rows = min(oh, copyH - top)
  const columns = min(ow, copyW - left)
  const inner = copy + <usize>top * copyRow + <usize>left * SIZE
  const dyRow = <usize>ow * SIZE
  const dyPlane = <usize>oh * dyRow
  const dxRow = <usize>w * SIZE
  const dxPlane = <usize>h * dxRow
  const isNarrow = w < LANES
  const toRow = isNarrow ? <usize>16 : dxRow
  const toPlane = <usize>h * toRow
  const bottom = <usize>(h - 1)
  for (let image = 0; image < n; ++image) {
    for (let channel = 0; channel < c; channel += batch) {
      const count = min(batch, c - channel)
      const taps = weight + <usize>(9 * channel) * SIZE
      copyPlanes(count, rows, columns, dy, dyRow, dyPlane, inner, copyRow, copyPlane)
      if (stride == 1) {
        // Tap 0 reads what is furthest down and to the right, so for sums in the order of taps rows go upwards.
        const from = copy + (bottom + 2) * copyRow
        const to = (isNarrow ? narrow : dx) + bottom * toRow
        slide(count, h, w, 2 * SIZE, 0, taps, 0, from, 0 - copyRow, copyPlane, to, 0 - toRow, toPlane)
        if (isNarrow) copyPlanes(count, h, w, narrow, 16, toPlane, dx, dxRow, dxPlane)
      } else {
        const before = pw & 1 ? <usize>0 : SIZE
        const from = copy + copyRow + SIZE - before
        spread(count, h, w, ph, before, taps, from, copyRow, copyPlane, scratch, dx, dxPlane)
      }
      dy += <usize>count * dyPlane
      dx += <usize>count * dxPlane
    }
  }
}

/** Strides, as types, so that each gets a loop of its own. */
type By1 = u8
type By2 = u16

@inline
/** What a tap of this column reads in a row of the copy. */
function load3<T>(x: usize, odd: usize, column: i32): v128 {
  if (column == 0) return v128.load(x)
  if (sizeof<T>() == 1) return column == 1 ? v128.load(x, SIZE) : v128.load(x, 2 * SIZE)
  return column == 1 ? v128.load(x + odd) : v128.load(x, SIZE)
}

/**
 * sums[t] += dy times what tap t reads, over a block of pixels that is summed on its own; a vector of partial sums for
 * each tap, and of each plane `sumsPlane` further on. `mask` has the lanes of the last vector of a row that is not whole.
 * The exits, which no row of whole values takes, keep V8 from loading all that is read at first, for which there are
 * not enough registers: it takes 1.6 times as long.
 */
function addNine<T>(
  planes: i32, rows: i32, width: i32, dy: usize, dyRow: usize, dyPlane: usize,
  x: usize, xRow: usize, xPlane: usize, odd: usize, mask: v128, sums: usize, sumsPlane: usize,
): void {
  for (; planes > 0; --planes) {
    let s0 = v128.splat<Float>(0)
    let s1 = s0
    let s2 = s0
    let s3 = s0
    let s4 = s0
    let s5 = s0
    let s6 = s0
    let s7 = s0
    let s8 = s0
    let from = dy
    let row = x
    for (let i = rows; i > 0; --i) {
      let at = from
      let x0 = row
      let x1 = row + xRow
      let x2 = x1 + xRow
      let left = width
      for (; left >= LANES; left -= LANES) {
        const d = v128.load(at)
        s0 = plus(s0, d, load3<T>(x0, odd, 0))
        s1 = plus(s1, d, load3<T>(x0, odd, 1))
        s2 = plus(s2, d, load3<T>(x0, odd, 2))
        if (xRow == 101) break
        s3 = plus(s3, d, load3<T>(x1, odd, 0))
        s4 = plus(s4, d, load3<T>(x1, odd, 1))
        s5 = plus(s5, d, load3<T>(x1, odd, 2))
        if (xRow == 103) break
        s6 = plus(s6, d, load3<T>(x2, odd, 0))
        s7 = plus(s7, d, load3<T>(x2, odd, 1))
        s8 = plus(s8, d, load3<T>(x2, odd, 2))
        at += 16
        x0 += 16
        x1 += 16
        x2 += 16
      }
      if (left > 0) {
        // Products past the row become zeros, which change no bit of the sums.
        const d = v128.load(at)
        s0 = v128.add<Float>(s0, v128.and(mask, v128.mul<Float>(d, load3<T>(x0, odd, 0))))
        s1 = v128.add<Float>(s1, v128.and(mask, v128.mul<Float>(d, load3<T>(x0, odd, 1))))
        s2 = v128.add<Float>(s2, v128.and(mask, v128.mul<Float>(d, load3<T>(x0, odd, 2))))
        if (xRow == 105) break
        s3 = v128.add<Float>(s3, v128.and(mask, v128.mul<Float>(d, load3<T>(x1, odd, 0))))
        s4 = v128.add<Float>(s4, v128.and(mask, v128.mul<Float>(d, load3<T>(x1, odd, 1))))
        s5 = v128.add<Float>(s5, v128.and(mask, v128.mul<Float>(d, load3<T>(x1, odd, 2))))
        if (xRow == 107) break
        s6 = v128.add<Float>(s6, v128.and(mask, v128.mul<Float>(d, load3<T>(x2, odd, 0))))
        s7 = v128.add<Float>(s7, v128.and(mask, v128.mul<Float>(d, load3<T>(x2, odd, 1))))
        s8 = v128.add<Float>(s8, v128.and(mask, v128.mul<Float>(d, load3<T>(x2, odd, 2))))
      }
      from += dyRow
      row += sizeof<T>() == 1 ? xRow : 2 * xRow
    }
    v128.store(sums, v128.add<Float>(v128.load(sums), s0))
    v128.store(sums, v128.add<Float>(v128.load(sums, 16), s1), 16)
    v128.store(sums, v128.add<Float>(v128.load(sums, 32), s2), 32)
    v128.store(sums, v128.add<Float>(v128.load(sums, 48), s3), 48)
    v128.store(sums, v128.add<Float>(v128.load(sums, 64), s4), 64)
    v128.store(sums, v128.add<Float>(v128.load(sums, 80), s5), 80)
    v128.store(sums, v128.add<Float>(v128.load(sums, 96), s6), 96)
    v128.store(sums, v128.add<Float>(v128.load(sums, 112), s7), 112)
    v128.store(sums, v128.add<Float>(v128.load(sums, 128), s8), 128)
    dy += dyPlane
    x += xPlane
    sums += sumsPlane
  }
}

/** dw += the partial sums of all taps of f filters, lane after lane, which become 0. */
export function addTaps(f: i32, taps: i32, stride: i32, sums: usize, dw: usize): void {
  for (let filter = 0; filter < f; ++filter) {
    let at = sums + <usize>(filter * stride)
    for (let t = 0; t < taps; ++t) {
      let sum: Float = load<Float>(at) + load<Float>(at, SIZE)
      if (LANES == 4) {
        sum += load<Float>(at, 2 * SIZE)
        sum += load<Float>(at, 3 * SIZE)
      }
      store<Float>(dw, load<Float>(dw) + sum)
      dw += SIZE
      at += 16
    }
  }
  memory.fill(sums, 0, <usize>(f * stride))
}

/** dw += the sums over images and pixels of dy, of f filters for each of c channels, times what the taps read. */
export function depthwiseBackwardWeight(
  n: i32, c: i32, h: i32, w: i32, f: i32, stride: i32, ph: i32, pw: i32,
  x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  const oh = convOutput(h, 3, stride, ph, 1)
  const ow = convOutput(w, 3, stride, pw, 1)
  const copy = scratch + SLIDE_BEFORE
  const odd = <usize>(ow + 1) * SIZE
  const copyRow = <usize>(stride * ow + 3 - stride) * SIZE
  const copyPlane = <usize>(stride * oh + 3 - stride) * copyRow
  const batch = batchOf(c, copyPlane)
  memory.fill(copy, 0, <usize>batch * copyPlane)
  const sumsPlane = tapsStride(9)
  const mask = maskFirst(ow % LANES)
  const xPlane = <usize>(h * w) * SIZE
  const dyRow = <usize>ow * SIZE
  const dyPlane = <usize>oh * dyRow
  // Blocks as those of other convolutions of one channel: see conv2d.ts.
  const columns = SUM_STEPS * LANES
  const rows = tapRows(ow, LANES)
  // As many channels at a time as there is room for their sums.
  const most = SLIDE_FILTERS / f
  for (let first = 0; first < c; first += most) {
    const end = min(c, first + most)
    memory.fill(scratch, 0, <usize>((end - first) * f * sumsPlane))
    let blocks = 0
    for (let image = 0; image < n; ++image) {
      const blocksBefore = blocks
      for (let channel = first; channel < end; channel += batch) {
        const count = min(batch, end - channel)
        const filters = count * f
        const sums = scratch + <usize>((channel - first) * f * sumsPlane)
        const channels = <usize>(image * c + channel)
        copyIn(count, h, w, stride, ph, pw, oh, ow, x + channels * xPlane, copy, copyRow, copyPlane)
        blocks = blocksBefore
        for (let row = 0; row < oh; row += rows) {
          for (let column = 0; column < ow; column += columns) {
            if (blocks == MOST_BLOCKS) {
              addTaps(filters, 9, sumsPlane, sums, dw + <usize>(9 * channel * f) * SIZE)
              blocks = 0
            }
            blocks += 1
            const height = min(rows, oh - row)
            const width = min(columns, ow - column)
            let block = copy + <usize>(row * stride) * copyRow + <usize>column * SIZE
            let from = dy + channels * <usize>f * dyPlane + <usize>row * dyRow + <usize>column * SIZE
            // Of many channels the only filter, or all filters of one channel after the other.
            const planes = f == 1 ? count : f
            const step = f == 1 ? copyPlane : 0
            for (let filter = 0; filter < filters; filter += planes) {
              const to = sums + <usize>(filter * sumsPlane)
              if (stride == 1) {
                addNine<By1>(
                  planes, height, width, from, dyRow, dyPlane, block, copyRow, step, odd, mask, to, sumsPlane,
                )
              } else {
                addNine<By2>(
                  planes, height, width, from, dyRow, dyPlane, block, copyRow, step, odd, mask, to, sumsPlane,
                )
              }
              block += copyPlane
              from += <usize>planes * dyPlane
            }
          }
        }
      }
    }
    addTaps((end - first) * f, 9, sumsPlane, scratch, dw + <usize>(9 * first * f) * SIZE)
  }
}
