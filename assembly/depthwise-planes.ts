// What depthwise.ts does to planes: the loops over rows and columns of forward, dx and dw, with nine taps in registers.

import { LANES, SIZE } from './float'
import { zipHigh, zipLow } from './lanes'
import { copyPlanes } from './planes'

@inline
/** s + w x; the order of the factors says which NaN is left of two. */
function plus(s: v128, w: v128, x: v128): v128 {
  return v128.add<Float>(s, v128.mul<Float>(w, x))
}

/**
 * y = start + the nine products, strip after strip, from row to row: each row of x is loaded once and serves three rows
 * of y. Tap (i, 0) reads `first` and tap (i, 2) reads `last` beyond x, tap (i, 1) one value. Steps from row to row may
 * be negative: dx is the same upside down. y must be at least as wide as a vector, or its rows as far apart.
 */
export function slide(
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
export function slideBy2(
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
export function spread(
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

/** Strides, as types, so that each gets a loop of its own. */
export type By1 = u8
export type By2 = u16

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
export function addNine<T>(
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
