// Pooling of planes (n * c of h x w).
// Windows of 2 x 2 side by side go nearly as fast as memory gives: 1024x28x28 take 0.43 ms in float64, 70 % of the speed
// of a copy.
// Windows that overlap are bound by their comparisons and sums, row by row and then down the columns: 3.6 ms for the
// maxima of 3x3 with stride 1, 1.4 ms for their means; 44 ms and 25 ms with one window at a time.

import { arePairs, poolRow, poolWide } from '../src/kernels/conv-geometry'
import { fill } from './elementwise'
import { LANES, SIZE } from './float'
import { addPlaces, evens, gather, odds, splatPlace, storePlaces, zipHigh, zipLow } from './lanes'
import { Values, total } from './reduce'

@inline
/** The largest of four, of equals the first; not for NaN. */
function largest(a0: v128, a1: v128, b0: v128, b1: v128): v128 {
  return v128.pmax<Float>(v128.pmax<Float>(v128.pmax<Float>(a0, a1), b0), b1)
}

@inline
/** Masks of values as masks of places, which are i32: of float64, two vectors become one. */
function masks(a: v128, b: v128): v128 {
  if (LANES == 4) return a
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6)
}

@inline
/** Four windows of 2 x 2 side by side, the first at `place`. Returns a sum that is NaN if any of the values is. */
function maxOfPairs(w: i32, place: v128, relu: i32, x: usize, index: usize, y: usize): v128 {
  const below = x + <usize>w * SIZE
  const zero = v128.splat<Float>(0)
  let a = v128.load(x)
  let b = v128.load(x, 16)
  let c = v128.load(below)
  let d = v128.load(below, 16)
  let sum = v128.add<Float>(v128.add<Float>(a, b), v128.add<Float>(c, d))
  const a0 = evens(a, b)
  const a1 = odds(a, b)
  const b0 = evens(c, d)
  let y0 = largest(a0, a1, b0, odds(c, d))
  let y1 = y0
  let is0 = v128.eq<Float>(a0, y0)
  let is1 = v128.eq<Float>(a1, y0)
  let is2 = v128.eq<Float>(b0, y0)
  let above = v128.gt<Float>(y0, zero)
  if (LANES == 2) {
    a = v128.load(x, 32)
    b = v128.load(x, 48)
    c = v128.load(below, 32)
    d = v128.load(below, 48)
    sum = v128.add<Float>(sum, v128.add<Float>(v128.add<Float>(a, b), v128.add<Float>(c, d)))
    const e0 = evens(a, b)
    const e1 = odds(a, b)
    const f0 = evens(c, d)
    y1 = largest(e0, e1, f0, odds(c, d))
    is0 = masks(is0, v128.eq<Float>(e0, y1))
    is1 = masks(is1, v128.eq<Float>(e1, y1))
    is2 = masks(is2, v128.eq<Float>(f0, y1))
    above = masks(above, v128.gt<Float>(y1, zero))
  }
  // The first that is as large as the largest: a0, a1, b0 or b1. A mask is -1.
  const down = i32x4.splat(w + 1)
  const beyond = v128.bitselect(i32x4.splat(1), i32x4.add(down, is2), is1)
  let at = i32x4.add(place, v128.andnot(beyond, is0))
  if (relu) {
    y0 = v128.pmax<Float>(y0, zero)
    y1 = v128.pmax<Float>(y1, zero)
    at = v128.or(at, v128.not(above))
  }
  v128.store(y, y0)
  if (LANES == 2) v128.store(y, y1, 16)
  v128.store(index, at)
  return sum
}

/** The windows of one plane one value at a time, for those with a NaN: it wins, the last of several. */
function maxOfPlane(
  h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, relu: i32,
  x: usize, index: usize, y: usize,
): void {
  for (let i = 0; i < oh; ++i) {
    const top = max(0, i * sh - ph)
    const bottom = min(h, i * sh - ph + kh)
    for (let j = 0; j < ow; ++j) {
      const left = max(0, j * sw - pw)
      const right = min(w, j * sw - pw + kw)
      let best = top * w + left
      let value = load<Float>(x + <usize>best * SIZE)
      for (let row = top; row < bottom; ++row) {
        for (let at = row * w + left; at < row * w + right; ++at) {
          const candidate = load<Float>(x + <usize>at * SIZE)
          if (candidate > value || candidate != candidate) {
            value = candidate
            best = at
          }
        }
      }
      store<Float>(y, relu && value < 0 ? 0 : value)
      store<i32>(index, relu && !(value > 0) ? -1 : best)
      y += SIZE
      index += 4
    }
  }
}

@inline
/** LANES values that lie `stride` apart; with a stride of 2 one more behind them is read. */
function loadStrided(stride: i32, from: usize): v128 {
  if (stride == 1) return v128.load(from)
  if (stride == 2) return evens(v128.load(from), v128.load(from, 16))
  return gather(from, <usize>stride * SIZE)
}

@inline
/** Stores the first `count` lanes of 32 bits, one to three. */
function storeFirstWords(count: i32, words: v128, to: usize): void {
  v128.store32_lane(to, words, 0)
  if (count > 1) v128.store32_lane(to + 4, words, 1)
  if (count > 2) v128.store32_lane(to + 8, words, 2)
}

@inline
/** Stores the first `count` values of a vector, less than LANES. */
function storeFirst(count: i32, values: v128, to: usize): void {
  if (LANES == 2) v128.store64_lane(to, values, 0)
  else storeFirstWords(count, values, to)
}

@inline
/**
 * The winners of `wide` windows of one row, and their places, from `place` on. `row` is the row with -Infinity around
 * it, which never wins: a window starts with the first of its places that is in the image. A later place is a larger
 * number, so the place of the winner is the largest of those that won when their turn came.
 */
function maxOfRow(
  wide: i32, kw: i32, sw: i32, pw: i32, place: i32, row: usize, values: usize, places: usize,
): void {
  const one = splatPlace(1)
  const start = splatPlace(place)
  const step = <usize>(LANES * sw) * SIZE
  const along = splatPlace(LANES * sw)
  let taps = addPlaces(splatPlace(place - pw), LANES == 2 ? i64x2(0, sw) : i32x4(0, sw, 2 * sw, 3 * sw))
  for (let j = 0; j < wide; j += LANES) {
    let best = loadStrided(sw, row)
    let at = i32x4.max_s(start, taps)
    let tap = taps
    let from = row
    for (let k = 1; k < kw; ++k) {
      tap = addPlaces(tap, one)
      from += SIZE
      const value = loadStrided(sw, from)
      at = i32x4.max_s(at, v128.and(tap, v128.gt<Float>(value, best)))
      best = v128.pmax<Float>(best, value)
    }
    v128.store(values, best)
    v128.store(places, at)
    values += 16
    places += 16
    row += step
    taps = addPlaces(taps, along)
  }
}

/** Copies a row, and returns a sum that is NaN if a value is. */
function copyAndSum(count: i32, from: usize, to: usize): v128 {
  let sum = v128.splat<Float>(0)
  for (; count >= LANES; count -= LANES) {
    const values = v128.load(from)
    sum = v128.add<Float>(sum, values)
    v128.store(to, values)
    from += 16
    to += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(from)
    sum = v128.add<Float>(sum, v128.splat<Float>(value))
    store<Float>(to, value)
    from += SIZE
    to += SIZE
  }
  return sum
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
  const size = h * w
  const plane = <usize>size * SIZE
  const outputs = oh * ow
  const wide = poolWide(ow, <i32>SIZE)
  const length = poolRow(w, ow, kw, sw, pw, <i32>SIZE)
  const ring = 16 * (wide / LANES)
  const values = scratch + <usize>length * SIZE
  const places = values + <usize>kh * ring
  const zero = v128.splat<Float>(0)
  fill(length, -Infinity, scratch)
  for (; planes > 0; --planes) {
    // NaN if a value of the plane is; or if infinities of both signs are, which costs time only.
    let sum = zero
    let done = 0
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      for (done = max(done, top); done < bottom; ++done) {
        const line = <usize>(done % kh) * ring
        sum = v128.add<Float>(sum, copyAndSum(w, x + <usize>(done * w) * SIZE, scratch + <usize>pw * SIZE))
        maxOfRow(wide, kw, sw, pw, done * w, scratch, values + line, places + line)
      }
      const begin = <usize>(top % kh) * ring
      const end = <usize>kh * ring
      for (let j = 0; j < ow; j += LANES) {
        const column = <usize>j * SIZE
        let line = begin
        let best = v128.load(values + column + line)
        let at = v128.load(places + column + line)
        for (let row = top + 1; row < bottom; ++row) {
          line += ring
          if (line == end) line = 0
          const value = v128.load(values + column + line)
          at = i32x4.max_s(at, v128.and(v128.load(places + column + line), v128.gt<Float>(value, best)))
          best = v128.pmax<Float>(best, value)
        }
        if (relu) {
          at = v128.or(at, v128.not(v128.gt<Float>(best, zero)))
          best = v128.pmax<Float>(best, zero)
        }
        const to = i * ow + j
        const left = ow - j
        if (left >= LANES) {
          v128.store(y + <usize>to * SIZE, best)
          storePlaces(at, index + 4 * to)
        } else {
          storeFirst(left, best, y + <usize>to * SIZE)
          storeFirstWords(left, at, index + 4 * to)
        }
      }
    }
    if (v128.any_true(v128.ne<Float>(sum, sum))) {
      maxOfPlane(h, w, oh, ow, kh, kw, sh, sw, ph, pw, relu, x, index, y)
    }
    x += plane
    index += 4 * outputs
    y += <usize>outputs * SIZE
  }
}

/** maxPool2dForward() where arePairs(): windows of 2 x 2 side by side, which need no scratch. */
export function maxPool2x2Forward(
  planes: i32, h: i32, w: i32, oh: i32, ow: i32, relu: i32, x: usize, index: usize, y: usize,
): void {
  const outputs = oh * ow
  for (; planes > 0; --planes) {
    // NaN if a value of the plane is; or if infinities of both signs are, which costs time only.
    let sum = v128.splat<Float>(0)
    const steps = i32x4(0, 2, 4, 6)
    for (let i = 0; i < oh; ++i) {
      const row = i * ow
      for (let j = 0; j < ow; j += 4) {
        const column = min(j, ow - 4)
        const place = 2 * (i * w + column)
        const from = x + <usize>place * SIZE
        const to = row + column
        sum = v128.add<Float>(
          sum,
          maxOfPairs(w, i32x4.add(i32x4.splat(place), steps), relu, from, index + 4 * to, y + <usize>to * SIZE),
        )
      }
    }
    if (v128.any_true(v128.ne<Float>(sum, sum))) {
      maxOfPlane(h, w, oh, ow, 2, 2, 2, 2, 0, 0, relu, x, index, y)
    }
    x += <usize>(h * w) * SIZE
    index += 4 * outputs
    y += <usize>outputs * SIZE
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
/** The sum of `count` vectors `step` bytes apart, from 0 on; without a loop for up to three, the usual ones. */
function sumOf(count: i32, step: usize, at: usize): v128 {
  let sum = v128.add<Float>(v128.splat<Float>(0), v128.load(at))
  if (count > 1) sum = v128.add<Float>(sum, v128.load(at + step))
  if (count > 2) sum = v128.add<Float>(sum, v128.load(at + 2 * step))
  for (let i = 3; i < count; ++i) sum = v128.add<Float>(sum, v128.load(at + <usize>i * step))
  return sum
}

@inline
/** The same of single values, and in blocks of LONGEST. */
function sumOfOne(count: i32, step: usize, at: usize): Float {
  let sum: Float = 0
  for (let begin = 0; begin < count; begin += LONGEST) {
    let block: Float = 0
    for (let i = begin; i < min(count, begin + LONGEST); ++i, at += step) block += load<Float>(at)
    sum += block
  }
  return sum
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
 * the columns of a window, top to bottom, are added from left to right, in blocks of
 * LONGEST. scratch: poolScratch() bytes.
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
  const inVectors: usize = isLong ? 0 : width
  const windows = isLong ? 0 : ow
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
      for (; column + 16 <= inVectors; column += 16) {
        v128.store(sums + column, sumOf(rows, width, from + column))
      }
      for (; column < width; column += SIZE) {
        store<Float>(sums + column, sumOfOne(rows, width, from + column))
      }
      const countRows: Float = <Float>counted(i, h, kh, sh, ph, countPad)
      for (let j = windows; j < ow; ++j) {
        const sum = sumOfOne(kw, SIZE, scratch + <usize>(j * sw) * SIZE)
        store<Float>(y, sum / (countRows * load<Float>(counts + <usize>j * SIZE)))
        y += SIZE
      }
      const counts2 = v128.splat<Float>(countRows)
      for (let j = 0; j < windows; j += LANES) {
        let at = scratch + <usize>(j * sw) * SIZE
        let sum: v128
        if (sw == 1) {
          sum = sumOf(kw, SIZE, at)
        } else {
          sum = v128.splat<Float>(0)
          for (let k = 0; k < kw; ++k, at += SIZE) sum = v128.add<Float>(sum, loadStrided(sw, at))
        }
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
  const inVectors: usize = kw > LONGEST ? 0 : width
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
      for (; column + 16 <= inVectors; column += 16) {
        let sum = v128.splat<Float>(0)
        let at = windows + column
        for (let k = 0; k < kw; ++k, at += SIZE) sum = v128.add<Float>(sum, v128.load(at))
        at = from + column
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
    store<Float>(y, <Float>(total<Values>(1, size, 0, x, 0, 0) / <f64>size))
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
