// Means of planes (n * c of h x w): of windows, and of whole planes.
// Windows of 2 x 2 side by side go nearly as fast as memory gives. The sums of others are made row by row and then down
// the columns, or the other way round, and each of them once.

import { arePairs, poolRow } from '../src/kernels/conv-geometry'
import { fill } from './elementwise'
import { LANES, SIZE } from './float'
import { evens, loadStrided, odds, zipHigh, zipLow } from './lanes'
import { Values, total } from './reduce'

@inline
/** Places that a window counts along one axis: with countPad those in the padding too, as far as it goes. */
function counted(o: i32, size: i32, k: i32, stride: i32, pad: i32, countPad: i32): i32 {
  const begin = o * stride - pad
  const end = begin + k
  return countPad ? min(end, size + pad) - begin : min(end, size) - max(begin, 0)
}

/**
 * Values of a side of a window that are summed one after the other; more in blocks of as many, and not in vectors: loops
 * over blocks in these would make the usual windows a third slower.
 */
const LONGEST: i32 = 256

@inline
/** The sum of `count` values, and in blocks of LONGEST. */
function sumOfOne(count: i32, step: usize, at: usize): Float {
  let sum: Float = 0
  for (let begin = 0; begin < count; begin += LONGEST) {
    let block: Float = 0
    for (let i = begin; i < min(count, begin + LONGEST); ++i, at += step) block += load<Float>(at)
    sum += block
  }
  return sum
}

@inline
/** Whether all counts are 1, 2 or 4: then to multiply by their inverses gives the same as to divide, and is faster. */
function areExact(kh: i32, kw: i32): bool {
  return kh <= 2 && kw <= 2
}

@inline
/** A count, or its inverse if that is exact. */
function factor(isExact: bool, count: i32): Float {
  return isExact ? 1 / <Float>count : <Float>count
}

/** What each window of a row counts, as factors. */
function countColumns(
  isExact: bool, w: i32, ow: i32, kw: i32, sw: i32, pw: i32, countPad: i32, counts: usize,
): void {
  for (let j = 0; j < ow; ++j) {
    store<Float>(counts, factor(isExact, counted(j, w, kw, sw, pw, countPad)))
    counts += SIZE
  }
}

@inline
/** values / (rows * counts), of which the last two are factors. */
function share(isExact: bool, values: v128, rows: v128, counts: usize): v128 {
  const all = v128.mul<Float>(rows, v128.load(counts))
  return isExact ? v128.mul<Float>(values, all) : v128.div<Float>(values, all)
}

@inline
/** The same of one value. */
function shareOfOne(isExact: bool, value: Float, rows: Float, counts: usize): Float {
  const all: Float = rows * load<Float>(counts)
  return isExact ? value * all : value / all
}

/** sums = the sums of the columns of `rows` rows of w values; at the odd tail some are made twice. */
function sumColumns(rows: i32, w: i32, x: usize, sums: usize): void {
  const width = <usize>w * SIZE
  for (let j = 0; j < w; j += 2 * LANES) {
    const column = <usize>min(j, w - 2 * LANES) * SIZE
    let from = x + column
    let a = v128.load(from)
    let b = v128.load(from, 16)
    if (rows > 1) {
      from += width
      a = v128.add<Float>(a, v128.load(from))
      b = v128.add<Float>(b, v128.load(from, 16))
      if (rows > 2) {
        from += width
        a = v128.add<Float>(a, v128.load(from))
        b = v128.add<Float>(b, v128.load(from, 16))
        for (let row = 3; row < rows; ++row) {
          from += width
          a = v128.add<Float>(a, v128.load(from))
          b = v128.add<Float>(b, v128.load(from, 16))
        }
      }
    }
    v128.store(sums + column, a)
    v128.store(sums + column, b, 16)
  }
}

@inline
/** The sum of kw vectors of values `stride` apart, each a value behind the one before; from 0 on, so never -0. */
function sumOfTaps(isAny: bool, kw: i32, stride: i32, at: usize): v128 {
  let sum = v128.splat<Float>(0)
  if (isAny) {
    // Once in the code, for it may be any stride.
    for (let k = 0; k < kw; ++k) sum = v128.add<Float>(sum, loadStrided(stride, at + <usize>k * SIZE))
    return sum
  }
  sum = v128.add<Float>(sum, loadStrided(stride, at))
  if (kw > 1) sum = v128.add<Float>(sum, loadStrided(stride, at + SIZE))
  if (kw > 2) sum = v128.add<Float>(sum, loadStrided(stride, at + 2 * SIZE))
  for (let k = 3; k < kw; ++k) sum = v128.add<Float>(sum, loadStrided(stride, at + <usize>k * SIZE))
  return sum
}

@inline
/** The means of a row of windows, of the sums of columns. */
function meansOfRow(
  isAny: bool, isExact: bool, ow: i32, kw: i32, sw: i32, rows: Float, counts: usize, sums: usize, y: usize,
): void {
  const allRows = v128.splat<Float>(rows)
  for (let j = 0; j < ow; j += LANES) {
    const first = min(j, ow - LANES)
    const sum = sumOfTaps(isAny, kw, sw, sums + <usize>(first * sw) * SIZE)
    v128.store(y + <usize>first * SIZE, share(isExact, sum, allRows, counts + <usize>first * SIZE))
  }
}

/**
 * y = the mean of each window; with countPad the zeros around the image count, as far as the padding goes. The sums of
 * the columns of a window, top to bottom, are added from left to right, in blocks of LONGEST. scratch: poolScratch()
 * bytes.
 */
export function avgPool2dForward(
  planes: i32, h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, countPad: i32,
  x: usize, scratch: usize, y: usize,
): void {
  const width = <usize>w * SIZE
  const zero = v128.splat<Float>(0)
  if (arePairs(h, w, oh, ow, kh, kw, sh, sw, ph, pw)) {
    const quarter = v128.splat<Float>(0.25)
    for (; planes > 0; --planes, x += <usize>(h - 2 * oh) * width) {
      for (let i = 0; i < oh; ++i, x += 2 * width) {
        for (let j = 0; j < ow; j += LANES) {
          const first = <usize>min(j, ow - LANES) * SIZE
          const from = x + 2 * first
          const below = from + width
          const low = v128.add<Float>(v128.load(from), v128.load(below))
          const high = v128.add<Float>(v128.load(from, 16), v128.load(below, 16))
          const sum = v128.add<Float>(v128.add<Float>(zero, evens(low, high)), odds(low, high))
          v128.store(y + first, v128.mul<Float>(sum, quarter))
        }
        y += <usize>ow * SIZE
      }
    }
    return
  }
  const isLong = max(kh, kw) > LONGEST
  const isExact = areExact(kh, kw)
  const length = poolRow(w, ow, kw, sw, pw)
  const counts = scratch + <usize>length * SIZE
  const sums = scratch + <usize>pw * SIZE
  memory.fill(scratch, 0, <usize>length * SIZE)
  countColumns(isExact, w, ow, kw, sw, pw, countPad, counts)
  for (; planes > 0; --planes, x += <usize>h * width) {
    for (let i = 0; i < oh; ++i, y += <usize>ow * SIZE) {
      const top = max(0, i * sh - ph)
      const rows = min(h, i * sh - ph + kh) - top
      const from = x + <usize>top * width
      if (isLong || w < 2 * LANES) {
        let column: usize = 0
        if (!isLong && w >= LANES) {
          let sum = v128.load(from)
          for (let row = 1; row < rows; ++row) sum = v128.add<Float>(sum, v128.load(from + <usize>row * width))
          v128.store(sums, sum)
          column = 16
        }
        for (; column < width; column += SIZE) store<Float>(sums + column, sumOfOne(rows, width, from + column))
      } else {
        sumColumns(rows, w, from, sums)
      }
      const countRows = factor(isExact, counted(i, h, kh, sh, ph, countPad))
      if (isLong || ow < LANES) {
        for (let j = 0; j < ow; ++j) {
          const at = <usize>j * SIZE
          const sum = sumOfOne(kw, SIZE, scratch + at * <usize>sw)
          store<Float>(y + at, shareOfOne(isExact, sum, countRows, counts + at))
        }
      } else if (kw == 3 && sw == 1) {
        meansOfRow(false, false, ow, 3, 1, countRows, counts, scratch, y)
      } else if (kw == 3 && sw == 2) {
        meansOfRow(false, false, ow, 3, 2, countRows, counts, scratch, y)
      } else if (isExact && sw == 1) {
        meansOfRow(false, true, ow, kw, 1, countRows, counts, scratch, y)
      } else {
        meansOfRow(true, isExact, ow, kw, sw, countRows, counts, scratch, y)
      }
    }
  }
}

@inline
/** Stores LANES values `stride` apart; with a stride of 2, a zero behind each. */
function storeStrided(stride: i32, values: v128, to: usize): void {
  if (stride == 1) {
    v128.store(to, values)
  } else if (stride == 2) {
    const zero = v128.splat<Float>(0)
    v128.store(to, zipLow(values, zero))
    v128.store(to, zipHigh(values, zero), 16)
  } else {
    const step = <usize>stride * SIZE
    store<Float>(to, v128.extract_lane<Float>(values, 0))
    store<Float>(to + step, v128.extract_lane<Float>(values, 1))
    if (LANES == 4) {
      store<Float>(to + 2 * step, v128.extract_lane<Float>(values, 2))
      store<Float>(to + 3 * step, v128.extract_lane<Float>(values, 3))
    }
  }
}

/**
 * dx = the sum, over the windows that a place is in, of dy / count: along a row from left to right, then from top to
 * bottom. A row of dy / count is spread out, a value each sw places, so that the windows of any stride are kw
 * neighbours. scratch: poolScratch() bytes.
 */
export function avgPool2dBackward(
  planes: i32, h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, countPad: i32,
  dy: usize, scratch: usize, dx: usize,
): void {
  const width = <usize>w * SIZE
  if (2 * oh == h && 2 * ow == w && arePairs(h, w, oh, ow, kh, kw, sh, sw, ph, pw)) {
    const zero = v128.splat<Float>(0)
    const quarter = v128.splat<Float>(0.25)
    for (let i = 0; i < planes * oh; ++i, dx += 2 * width) {
      for (let j = 0; j < ow; j += LANES) {
        const first = <usize>min(j, ow - LANES) * SIZE
        const value = v128.add<Float>(v128.mul<Float>(v128.load(dy + first), quarter), zero)
        const left = zipLow(value, value)
        const right = zipHigh(value, value)
        const to = dx + 2 * first
        v128.store(to, left)
        v128.store(to, right, 16)
        v128.store(to + width, left)
        v128.store(to + width, right, 16)
      }
      dy += <usize>ow * SIZE
    }
    return
  }
  const isExact = areExact(kh, kw)
  const inVectors: usize = kw > LONGEST ? 0 : width
  const length = poolRow(w, ow, kw, sw, pw)
  const counts = scratch + <usize>length * SIZE
  const spread = scratch + <usize>(kw - 1) * SIZE
  const windows = scratch + <usize>pw * SIZE
  const zero = v128.splat<Float>(0)
  memory.fill(scratch, 0, <usize>length * SIZE)
  countColumns(isExact, w, ow, kw, sw, pw, countPad, counts)
  for (; planes > 0; --planes, dx += <usize>h * width) {
    // Rows of dx that have got something.
    let done = 0
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      const rows = factor(isExact, counted(i, h, kh, sh, ph, countPad))
      const allRows = v128.splat<Float>(rows)
      let j = 0
      for (; j + LANES <= ow; j += LANES) {
        const values = share(isExact, v128.load(dy), allRows, counts + <usize>j * SIZE)
        storeStrided(sw, values, spread + <usize>(j * sw) * SIZE)
        dy += 16
      }
      for (; j < ow; ++j) {
        const value = shareOfOne(isExact, load<Float>(dy), rows, counts + <usize>j * SIZE)
        store<Float>(spread + <usize>(j * sw) * SIZE, value)
        dy += SIZE
      }
      if (top > done) memory.fill(dx + <usize>done * width, 0, <usize>(top - done) * width)
      const fresh = max(done, top)
      const old = fresh - top
      const from = dx + <usize>top * width
      let column: usize = 0
      for (; column + 32 <= inVectors; column += 32) {
        const taps = windows + column
        let a = v128.add<Float>(zero, v128.load(taps))
        let b = v128.add<Float>(zero, v128.load(taps, 16))
        if (kw > 1) {
          a = v128.add<Float>(a, v128.load(taps, SIZE))
          b = v128.add<Float>(b, v128.load(taps, SIZE + 16))
          if (kw > 2) {
            a = v128.add<Float>(a, v128.load(taps, 2 * SIZE))
            b = v128.add<Float>(b, v128.load(taps, 2 * SIZE + 16))
            for (let k = 3; k < kw; ++k) {
              a = v128.add<Float>(a, v128.load(taps + <usize>k * SIZE))
              b = v128.add<Float>(b, v128.load(taps + <usize>k * SIZE, 16))
            }
          }
        }
        let at = from + column
        for (let row = old; row > 0; --row, at += width) {
          v128.store(at, v128.add<Float>(v128.load(at), a))
          v128.store(at, v128.add<Float>(v128.load(at, 16), b), 16)
        }
        for (let row = fresh; row < bottom; ++row, at += width) {
          v128.store(at, a)
          v128.store(at, b, 16)
        }
      }
      for (; column + 16 <= inVectors; column += 16) {
        const sum = sumOfTaps(true, kw, 1, windows + column)
        let at = from + column
        let row = top
        for (; row < fresh; ++row, at += width) v128.store(at, v128.add<Float>(v128.load(at), sum))
        for (; row < bottom; ++row, at += width) v128.store(at, sum)
      }
      for (; column < width; column += SIZE) {
        const sum = sumOfOne(kw, SIZE, windows + column)
        let at = from + column
        let row = top
        for (; row < fresh; ++row, at += width) store<Float>(at, load<Float>(at) + sum)
        for (; row < bottom; ++row, at += width) store<Float>(at, sum)
      }
      done = max(done, bottom)
    }
    if (done < h) memory.fill(dx + <usize>done * width, 0, <usize>(h - done) * width)
  }
}

/** y = the mean of each plane of `size` values. */
export function globalAvgPool2dForward(planes: i32, size: i32, x: usize, y: usize): void {
  for (let plane = 0; plane < planes; ++plane) {
    store<Float>(y, <Float>(total<Values>(1, size, 0, x, 0, false) / <f64>size))
    x += <usize>size * SIZE
    y += SIZE
  }
}

/** dx = dy / size, for all values of a plane. */
export function globalAvgPool2dBackward(planes: i32, size: i32, dy: usize, dx: usize): void {
  for (let plane = 0; plane < planes; ++plane) {
    fill(size, load<Float>(dy) / <Float>size, dx)
    dx += <usize>size * SIZE
    dy += SIZE
  }
}
