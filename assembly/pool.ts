// Pooling of planes (n * c of h x w).
// Forward, a maximum is bound by its comparisons, not by memory: each of the values of a window costs one, and two
// selections, of the value and of its place. 3x3 with stride 1 on 1024x28x28 takes 4.6 ms in float64, and 63 ms
// with one window at a time; 2x2 with stride 2 takes 0.54 ms, and its mean 0.27 ms.

import { poolRow, poolWide } from '../src/kernels/conv-geometry'
import { fill } from './elementwise'
import { LANES, SIZE } from './float'
import { copyStrided } from './planes'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

/** The even and the odd values of eight (float32) or four (float64) in a row. */
function evens(a: v128, b: v128): v128 {
  if (LANES == 2) return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
}

function odds(a: v128, b: v128): v128 {
  if (LANES == 2) return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
  return i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
}

/** Where b wins against a, which comes before it: larger, or NaN. */
function wins(b: v128, a: v128): v128 {
  return v128.or(v128.gt<Float>(b, a), v128.ne<Float>(b, b))
}

/**
 * Whether windows are 2 x 2 side by side, all of them whole: no row needs scratch. At the odd tail of a row comes a
 * last vector that ends where the row does, and writes some results twice.
 */
function arePairs(
  h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32,
): bool {
  return ((kh ^ 2) | (kw ^ 2) | (sh ^ 2) | (sw ^ 2) | ph | pw) == 0 && ow >= LANES && 2 * oh <= h && 2 * ow <= w
}

/**
 * LANES windows of 2 x 2 side by side, without a branch: the winner of each row, then the winner of the two, and the
 * same choices among the places. Ties and NaN go as in the other windows below.
 */
function maxOfPairs(w: i32, place: i32, relu: i32, x: usize, index: usize, y: usize): void {
  const below = x + <usize>w * SIZE
  const a0 = evens(v128.load(x), v128.load(x, 16))
  const a1 = odds(v128.load(x), v128.load(x, 16))
  const b0 = evens(v128.load(below), v128.load(below, 16))
  const b1 = odds(v128.load(below), v128.load(below, 16))
  const inA = wins(a1, a0)
  const inB = wins(b1, b0)
  const a = v128.bitselect(a1, a0, inA)
  const b = v128.bitselect(b1, b0, inB)
  const inBoth = wins(b, a)
  const zero = v128.splat<Float>(0)
  const value = v128.bitselect(b, a, inBoth)
  v128.store(y, relu ? v128.pmax<Float>(value, zero) : value)
  // All bits where the gradient goes nowhere: the place becomes -1.
  const nowhere = relu ? v128.not(v128.gt<Float>(value, zero)) : zero
  // A mask is -1 where the odd one won, so subtracting it moves on by one.
  if (LANES == 2) {
    const even = i64x2(place, place + 2)
    const inPlane = v128.or(
      v128.bitselect(i64x2.sub(i64x2.add(even, i64x2.splat(w)), inB), i64x2.sub(even, inA), inBoth),
      nowhere,
    )
    storePlaces(inPlane, index)
  } else {
    const even = i32x4.add(i32x4.splat(place), i32x4(0, 2, 4, 6))
    const inPlane = v128.bitselect(i32x4.sub(i32x4.add(even, i32x4.splat(w)), inB), i32x4.sub(even, inA), inBoth)
    storePlaces(v128.or(inPlane, nowhere), index)
  }
}

/** LANES values that lie `stride` apart; with a stride of 2 one more behind them is read. */
function loadStrided(stride: i32, from: usize): v128 {
  if (stride == 1) return v128.load(from)
  if (stride == 2) return evens(v128.load(from), v128.load(from, 16))
  const step = <usize>stride * SIZE
  if (LANES == 2) return v128.load64_lane(from + step, v128.load64_zero(from), 1)
  return v128.load32_lane(
    from + 3 * step,
    v128.load32_lane(from + 2 * step, v128.load32_lane(from + step, v128.load32_zero(from), 1), 2),
    3,
  )
}

/** Places are integers as wide as the values. */
function splatPlace(place: i32): v128 {
  return LANES == 2 ? i64x2.splat(place) : i32x4.splat(place)
}

function addPlaces(a: v128, b: v128): v128 {
  return LANES == 2 ? i64x2.add(a, b) : i32x4.add(a, b)
}

/** Stores LANES places as i32. */
function storePlaces(places: v128, index: usize): void {
  if (LANES == 2) {
    v128.store64_lane(index, i8x16.shuffle(places, places, 0, 1, 2, 3, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0), 0)
  } else {
    v128.store(index, places)
  }
}

/** The same for the odd tail of a row: the first `count` of them, less than LANES. */
function storeFirstPlaces(count: i32, places: v128, index: usize): void {
  v128.store32_lane(index, places, 0)
  if (count > 1) v128.store32_lane(index + 4, places, 1)
  if (count > 2) v128.store32_lane(index + 8, places, 2)
}

function storeFirst(count: i32, values: v128, to: usize): void {
  store<Float>(to, v128.extract_lane<Float>(values, 0))
  if (LANES == 4) {
    if (count > 1) v128.store32_lane(to + 4, values, 1)
    if (count > 2) v128.store32_lane(to + 8, values, 2)
  }
}

/**
 * The winners of `wide` windows of one row, and their places, from `place` on. `row` is the row with -Infinity around
 * it, which never wins: a window starts with the first of its places that is in the image.
 */
function maxOfRow(
  wide: i32, kw: i32, sw: i32, pw: i32, place: i32, row: usize, first: usize, values: usize, places: usize,
): void {
  const one = splatPlace(1)
  const steps = LANES == 2 ? i64x2(0, sw) : i32x4(0, sw, 2 * sw, 3 * sw)
  const start = splatPlace(place)
  const step = <usize>(LANES * sw) * SIZE
  let column = place - pw
  for (let j = 0; j < wide; j += LANES) {
    let best = v128.splat<Float>(-Infinity)
    let at = addPlaces(start, v128.load(first))
    let tap = addPlaces(splatPlace(column), steps)
    let from = row
    for (let k = 0; k < kw; ++k) {
      const value = loadStrided(sw, from)
      const won = wins(value, best)
      best = v128.bitselect(value, best, won)
      at = v128.bitselect(tap, at, won)
      tap = addPlaces(tap, one)
      from += SIZE
    }
    v128.store(values, best)
    v128.store(places, at)
    first += 16
    values += 16
    places += 16
    row += step
    column += LANES * sw
  }
}

/**
 * y = the largest value of each window, the first of equals, NaN if one is there; index = its place in the plane (i32).
 * With `relu`, y = max(0, y) in the same pass, which is the pool of max(0, x); index = -1 where y is not above 0.
 * First the winners of each row, kept for the kh rows that a window spans, then the winners of these. scratch:
 * poolScratch() bytes.
 */
export function maxPool2dForward(
  planes: i32, h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, relu: i32,
  x: usize, scratch: usize, index: usize, y: usize,
): void {
  const plane = <usize>(h * w) * SIZE
  if (arePairs(h, w, oh, ow, kh, kw, sh, sw, ph, pw)) {
    for (; planes > 0; --planes, x += plane) {
      for (let i = 0; i < oh; ++i) {
        for (let j = 0; j < ow; j += LANES) {
          const first = min(j, ow - LANES)
          const place = 2 * (i * w + first)
          maxOfPairs(w, place, relu, x + <usize>place * SIZE, index + 4 * first, y + <usize>first * SIZE)
        }
        y += <usize>ow * SIZE
        index += 4 * ow
      }
    }
    return
  }
  const wide = poolWide(ow, <i32>SIZE)
  const length = poolRow(w, ow, kw, sw, pw, <i32>SIZE)
  const ring = 16 * (wide / LANES)
  const first = scratch + <usize>length * SIZE
  const values = first + ring
  const places = values + <usize>kh * ring
  fill(length, -Infinity, scratch)
  for (let j = 0; j < wide; ++j) {
    const place = max(0, j * sw - pw)
    if (LANES == 2) store<i64>(first + <usize>j * 8, place)
    else store<i32>(first + <usize>j * 4, place)
  }
  const zero = v128.splat<Float>(0)
  for (; planes > 0; --planes, x += plane) {
    let done = 0
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      for (done = max(done, top); done < bottom; ++done) {
        const slot = <usize>(done % kh) * ring
        copyStrided(w, 1, x + <usize>(done * w) * SIZE, scratch + <usize>pw * SIZE)
        maxOfRow(wide, kw, sw, pw, done * w, scratch, first, values + slot, places + slot)
      }
      const begin = <usize>(top % kh) * ring
      const end = <usize>kh * ring
      for (let j = 0; j < ow; j += LANES) {
        const column = <usize>j * SIZE
        let slot = begin
        let best = v128.load(values + column + slot)
        let at = v128.load(places + column + slot)
        for (let row = top + 1; row < bottom; ++row) {
          slot += ring
          if (slot == end) slot = 0
          const value = v128.load(values + column + slot)
          const won = wins(value, best)
          best = v128.bitselect(value, best, won)
          at = v128.bitselect(v128.load(places + column + slot), at, won)
        }
        if (relu) {
          at = v128.or(at, v128.not(v128.gt<Float>(best, zero)))
          best = v128.pmax<Float>(best, zero)
        }
        const left = ow - j
        if (left >= LANES) {
          v128.store(y, best)
          storePlaces(at, index)
          y += 16
          index += 4 * LANES
        } else {
          storeFirst(left, best, y)
          storeFirstPlaces(left, at, index)
          y += <usize>left * SIZE
          index += 4 * left
        }
      }
    }
  }
}

/** Values of dx that are zeroed and then added to while they are in L1. */
const CHUNK: i32 = 16384

/**
 * dx = 0, then dx[index] += dy where index is a place; `size` values in a plane of dx, `outputs` in one of dy. One
 * value at a time: windows may overlap, so a vector of places may hold one twice.
 */
export function maxPool2dBackward(planes: i32, size: i32, outputs: i32, dy: usize, index: usize, dx: usize): void {
  const chunk = max(1, CHUNK / <i32>SIZE / size)
  for (let done = 0; done < planes; ++done) {
    if (done % chunk == 0) memory.fill(dx, 0, <usize>(min(chunk, planes - done) * size) * SIZE)
    for (let i = 0; i < outputs; ++i) {
      const place = load<i32>(index)
      if (place >= 0) {
        const at = dx + <usize>place * SIZE
        store<Float>(at, load<Float>(at) + load<Float>(dy))
      }
      dy += SIZE
      index += 4
    }
    dx += <usize>size * SIZE
  }
}

/** Places that a window counts along one axis: with countPad those in the padding too, as far as it goes. */
function counted(o: i32, size: i32, k: i32, stride: i32, pad: i32, countPad: i32): i32 {
  const begin = o * stride - pad
  const end = begin + k
  return countPad ? min(end, size + pad) - begin : min(end, size) - max(begin, 0)
}

/** What each window of a row counts, as values. */
function countColumns(w: i32, ow: i32, wide: i32, kw: i32, sw: i32, pw: i32, countPad: i32, counts: usize): void {
  for (let j = 0; j < wide; ++j) {
    store<Float>(counts, j < ow ? <Float>counted(j, w, kw, sw, pw, countPad) : 1)
    counts += SIZE
  }
}

/**
 * y = the mean of each window; with countPad the zeros around the image count, as far as the padding goes. The sums of
 * the columns of a window, top to bottom, are added from left to right. scratch: poolScratch() bytes.
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
  const wide = poolWide(ow, <i32>SIZE)
  const length = poolRow(w, ow, kw, sw, pw, <i32>SIZE)
  const counts = scratch + <usize>length * SIZE
  memory.fill(scratch, 0, <usize>length * SIZE)
  countColumns(w, ow, wide, kw, sw, pw, countPad, counts)
  for (; planes > 0; --planes, x += <usize>h * width) {
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const rows = min(h, i * sh - ph + kh) - top
      const from = x + <usize>top * width
      const sums = scratch + <usize>pw * SIZE
      let column: usize = 0
      for (; column + 16 <= width; column += 16) {
        let sum = v128.splat<Float>(0)
        let at = from + column
        for (let row = 0; row < rows; ++row, at += width) sum = v128.add<Float>(sum, v128.load(at))
        v128.store(sums + column, sum)
      }
      for (; column < width; column += SIZE) {
        let sum: Float = 0
        let at = from + column
        for (let row = 0; row < rows; ++row, at += width) sum += load<Float>(at)
        store<Float>(sums + column, sum)
      }
      const counts2 = v128.splat<Float>(<Float>counted(i, h, kh, sh, ph, countPad))
      for (let j = 0; j < ow; j += LANES) {
        let sum = v128.splat<Float>(0)
        let at = scratch + <usize>(j * sw) * SIZE
        for (let k = 0; k < kw; ++k, at += SIZE) sum = v128.add<Float>(sum, loadStrided(sw, at))
        const mean = v128.div<Float>(sum, v128.mul<Float>(counts2, v128.load(counts + <usize>j * SIZE)))
        const left = ow - j
        if (left >= LANES) {
          v128.store(y, mean)
          y += 16
        } else {
          storeFirst(left, mean, y)
          y += <usize>left * SIZE
        }
      }
    }
  }
}

/** a and b by turns: the first values of each, and the last. */
function firstByTurns(a: v128, b: v128): v128 {
  if (LANES == 2) return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
}

function lastByTurns(a: v128, b: v128): v128 {
  if (LANES == 2) return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
}

/** Stores LANES values `stride` apart; with a stride of 2, a zero behind each. */
function storeStrided(stride: i32, values: v128, to: usize): void {
  if (stride == 1) {
    v128.store(to, values)
  } else if (stride == 2) {
    const zero = v128.splat<Float>(0)
    v128.store(to, firstByTurns(values, zero))
    v128.store(to, lastByTurns(values, zero), 16)
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
        const left = firstByTurns(value, value)
        const right = lastByTurns(value, value)
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
  const length = poolRow(w, ow, kw, sw, pw, <i32>SIZE)
  const counts = scratch + <usize>length * SIZE
  const spread = scratch + <usize>(kw - 1) * SIZE
  const windows = scratch + <usize>pw * SIZE
  memory.fill(scratch, 0, <usize>length * SIZE)
  countColumns(w, ow, poolWide(ow, <i32>SIZE), kw, sw, pw, countPad, counts)
  for (; planes > 0; --planes, dx += <usize>h * width) {
    // Rows of dx that have got something.
    let done = 0
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      const rows: Float = <Float>counted(i, h, kh, sh, ph, countPad)
      const allRows = v128.splat<Float>(rows)
      let j = 0
      for (; j + LANES <= ow; j += LANES) {
        const count = v128.mul<Float>(allRows, v128.load(counts + <usize>j * SIZE))
        storeStrided(sw, v128.div<Float>(v128.load(dy), count), spread + <usize>(j * sw) * SIZE)
        dy += 16
      }
      for (; j < ow; ++j) {
        store<Float>(spread + <usize>(j * sw) * SIZE, load<Float>(dy) / (rows * load<Float>(counts + <usize>j * SIZE)))
        dy += SIZE
      }
      if (top > done) memory.fill(dx + <usize>done * width, 0, <usize>(top - done) * width)
      const fresh = max(done, top)
      const from = dx + <usize>top * width
      let column: usize = 0
      for (; column + 16 <= width; column += 16) {
        let sum = v128.splat<Float>(0)
        let at = windows + column
        for (let k = 0; k < kw; ++k, at += SIZE) sum = v128.add<Float>(sum, v128.load(at))
        at = from + column
        let row = top
        for (; row < fresh; ++row, at += width) v128.store(at, v128.add<Float>(v128.load(at), sum))
        for (; row < bottom; ++row, at += width) v128.store(at, sum)
      }
      for (; column < width; column += SIZE) {
        let sum: Float = 0
        let at = windows + column
        for (let k = 0; k < kw; ++k, at += SIZE) sum += load<Float>(at)
        at = from + column
        let row = top
        for (; row < fresh; ++row, at += width) store<Float>(at, load<Float>(at) + sum)
        for (; row < bottom; ++row, at += width) store<Float>(at, sum)
      }
      done = max(done, bottom)
    }
    if (done < h) memory.fill(dx + <usize>done * width, 0, <usize>(h - done) * width)
  }
}

/** y = the mean of each plane of `size` values. scratch: 64 bytes. */
export function globalAvgPool2dForward(planes: i32, size: i32, x: usize, scratch: usize, y: usize): void {
  for (let plane = 0; plane < planes; ++plane) {
    clearLanes(scratch)
    accumulate(size, x, scratch)
    store<Float>(y, totalOfLanes(scratch) / <Float>size)
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
