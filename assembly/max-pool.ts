// Max-pooling of planes (n * c of h x w).
// Windows of 2 x 2 side by side go nearly as fast as memory gives. Windows that overlap are bound by their comparisons:
// first the winners of each row, then those of the rows of a window, four windows at a time.

import { poolRow, poolWide } from '../src/kernels/conv-geometry'
import { fill } from './elementwise'
import { LANES, SIZE } from './float'
import { evens, loadStrided, odds, storeFirst, storeFirstWords } from './lanes'

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
/** The first of two masks of values as masks of places, which are i32. */
function masksOf(a: v128, b: v128): v128 {
  return LANES == 4 ? a : masks(a, b)
}

/** Bytes of the winners of four windows of a row: the values, and behind them their places. */
const GROUP: usize = 4 * SIZE + 16
/** Where in a group the places are. */
const PLACES: usize = 4 * SIZE

@inline
/**
 * The winners of `wide` windows of one row, and their places, less those of the windows, from `place` on. `row` is the
 * row with -Infinity around it, which does not win. A value takes the place of the best before it if it is larger, so
 * that of equals the first stays. A mask is -1.
 */
function maxOfRow(isAny: bool, wide: i32, kw: i32, sw: i32, place: i32, row: usize, to: usize): void {
  const start = i32x4.splat(place)
  for (let j = 0; j < wide; j += 4) {
    let best: v128
    let other: v128
    let at = start
    let k = 1
    if (isAny) {
      best = loadStrided(sw, row)
      other = LANES == 2 ? loadStrided(sw, row + <usize>(LANES * sw) * SIZE) : best
    } else {
      // The first three as one, for speed.
      const half: usize = sw == 1 ? 16 : 32
      let second: v128
      let more: v128
      if (sw == 1) {
        best = v128.load(row)
        other = LANES == 2 ? v128.load(row, 16) : best
        second = v128.load(row, SIZE)
        more = LANES == 2 ? v128.load(row, SIZE + 16) : second
      } else {
        let a = v128.load(row)
        let b = v128.load(row, 16)
        best = evens(a, b)
        second = odds(a, b)
        if (LANES == 2) {
          a = v128.load(row, 32)
          b = v128.load(row, 48)
        }
        other = LANES == 2 ? evens(a, b) : best
        more = LANES == 2 ? odds(a, b) : second
      }
      if (kw > 1) {
        const isSecond = masksOf(v128.gt<Float>(second, best), v128.gt<Float>(more, other))
        best = v128.pmax<Float>(best, second)
        if (LANES == 2) other = v128.pmax<Float>(other, more)
        at = i32x4.sub(at, isSecond)
        if (kw > 2) {
          const third = loadStrided(sw, row + 2 * SIZE)
          more = LANES == 2 ? loadStrided(sw, row + 2 * SIZE + half) : third
          const isThird = masksOf(v128.gt<Float>(third, best), v128.gt<Float>(more, other))
          best = v128.pmax<Float>(best, third)
          if (LANES == 2) other = v128.pmax<Float>(other, more)
          at = i32x4.sub(i32x4.sub(start, v128.or(isSecond, isThird)), isThird)
        }
      }
      k = 3
    }
    for (; k < kw; ++k) {
      const from = row + <usize>k * SIZE
      const value = loadStrided(sw, from)
      const more = LANES == 2 ? loadStrided(sw, from + <usize>(LANES * sw) * SIZE) : value
      const later = masksOf(v128.gt<Float>(value, best), v128.gt<Float>(more, other))
      best = v128.pmax<Float>(best, value)
      if (LANES == 2) other = v128.pmax<Float>(other, more)
      at = v128.bitselect(i32x4.add(start, i32x4.splat(k)), at, later)
    }
    v128.store(to, best)
    if (LANES == 2) v128.store(to, other, 16)
    v128.store(to, at, PLACES)
    to += GROUP
    row += 4 * <usize>sw * SIZE
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
 * The winners of `ow` columns of winners of rows, and their places. The rows lie `line` bytes apart from `first` on, at
 * the end of all of them from 0 on. A later place is a larger number, so the place of the winner is the largest of those
 * that won when their turn came; `place` and `sw` make it one of the image.
 */
function maxOfRows(
  ow: i32, rows: i32, line: usize, kh: i32, first: i32, place: i32, sw: i32, relu: i32,
  winners: usize, index: usize, y: usize,
): void {
  const zero = v128.splat<Float>(0)
  const along = i32x4.splat(4 * sw)
  const second = first + 1 < kh ? first + 1 : 0
  const third = second + 1 < kh ? second + 1 : 0
  let row0 = winners + <usize>first * line
  let row1 = winners + <usize>second * line
  let row2 = winners + <usize>third * line
  let windows = i32x4.add(i32x4.splat(place), i32x4(0, sw, 2 * sw, 3 * sw))
  for (; ow > 0; ow -= 4) {
    let best = v128.load(row0)
    let other = LANES == 2 ? v128.load(row0, 16) : best
    let at = v128.load(row0, PLACES)
    if (rows > 1) {
      let value = v128.load(row1)
      let more = LANES == 2 ? v128.load(row1, 16) : value
      let won = masksOf(v128.gt<Float>(value, best), v128.gt<Float>(more, other))
      at = i32x4.max_s(at, v128.and(v128.load(row1, PLACES), won))
      best = v128.pmax<Float>(best, value)
      if (LANES == 2) other = v128.pmax<Float>(other, more)
      if (rows > 2) {
        value = v128.load(row2)
        more = LANES == 2 ? v128.load(row2, 16) : value
        won = masksOf(v128.gt<Float>(value, best), v128.gt<Float>(more, other))
        at = i32x4.max_s(at, v128.and(v128.load(row2, PLACES), won))
        best = v128.pmax<Float>(best, value)
        if (LANES == 2) other = v128.pmax<Float>(other, more)
        let next = third
        let from = row2
        for (let row = 3; row < rows; ++row) {
          next += 1
          from += line
          if (next == kh) {
            next = 0
            from -= <usize>kh * line
          }
          value = v128.load(from)
          more = LANES == 2 ? v128.load(from, 16) : value
          won = masksOf(v128.gt<Float>(value, best), v128.gt<Float>(more, other))
          at = i32x4.max_s(at, v128.and(v128.load(from, PLACES), won))
          best = v128.pmax<Float>(best, value)
          if (LANES == 2) other = v128.pmax<Float>(other, more)
        }
      }
    }
    at = i32x4.add(at, windows)
    if (relu) {
      at = v128.or(at, v128.not(masksOf(v128.gt<Float>(best, zero), v128.gt<Float>(other, zero))))
      best = v128.pmax<Float>(best, zero)
      if (LANES == 2) other = v128.pmax<Float>(other, zero)
    }
    if (ow >= 4) {
      v128.store(y, best)
      if (LANES == 2) v128.store(y, other, 16)
      v128.store(index, at)
    } else {
      if (ow >= LANES) v128.store(y, best)
      if (ow % LANES) storeFirst(ow % LANES, ow > LANES ? other : best, y + 16 * <usize>(ow / LANES))
      storeFirstWords(ow, at, index)
    }
    windows = i32x4.add(windows, along)
    row0 += GROUP
    row1 += GROUP
    row2 += GROUP
    y += 4 * SIZE
    index += 16
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
  const wide = poolWide(ow)
  const length = poolRow(w, ow, kw, sw, pw)
  const line = <usize>(wide / 4) * GROUP
  const winners = scratch + <usize>length * SIZE
  fill(length, -Infinity, scratch)
  for (; planes > 0; --planes) {
    // No finite number if a value of the plane is none; or if it is too large, which costs time only.
    let sum = v128.splat<Float>(0)
    let done = 0
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      for (done = max(done, top); done < bottom; ++done) {
        const to = winners + <usize>(done % kh) * line
        sum = v128.add<Float>(sum, copyAndSum(w, x + <usize>(done * w) * SIZE, scratch + <usize>pw * SIZE))
        if (sw == 1) maxOfRow(false, wide, kw, 1, done * w, scratch, to)
        else if (sw == 2) maxOfRow(false, wide, kw, 2, done * w, scratch, to)
        else maxOfRow(true, wide, kw, sw, done * w, scratch, to)
      }
      const row = <usize>(i * ow)
      maxOfRows(
        ow, bottom - top, line, kh, top % kh, -pw, sw, relu, winners, index + row * 4, y + row * SIZE,
      )
    }
    // The padding wins where all of a window is -Infinity.
    const rest = v128.sub<Float>(sum, sum)
    if (v128.any_true(v128.ne<Float>(rest, rest))) {
      maxOfPlane(h, w, oh, ow, kh, kw, sh, sw, ph, pw, relu, x, index, y)
    }
    x += <usize>(h * w) * SIZE
    index += <usize>(oh * ow) * 4
    y += <usize>(oh * ow) * SIZE
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

@inline
/** dx[place] += dy, if it is a place. */
function addTo(dx: usize, place: i32, dy: usize): void {
  if (place < 0) return
  const at = dx + <usize>place * SIZE
  store<Float>(at, load<Float>(at) + load<Float>(dy))
}

/**
 * dx = 0, then dx[index] += dy where index is a place; `size` values in a plane of dx, `outputs` in one of dy. One
 * value at a time: windows may overlap, so a vector of places may hold one twice.
 */
export function maxPool2dBackward(planes: i32, size: i32, outputs: i32, dy: usize, index: usize, dx: usize): void {
  const chunk = max(1, CHUNK / <i32>SIZE / size)
  for (let done = 0; done < planes; ++done) {
    if (done % chunk == 0) memory.fill(dx, 0, <usize>(min(chunk, planes - done) * size) * SIZE)
    let count = outputs
    for (; count >= 4; count -= 4) {
      addTo(dx, load<i32>(index), dy)
      addTo(dx, load<i32>(index, 4), dy + SIZE)
      addTo(dx, load<i32>(index, 8), dy + 2 * SIZE)
      addTo(dx, load<i32>(index, 12), dy + 3 * SIZE)
      dy += 4 * SIZE
      index += 16
    }
    for (; count > 0; --count) {
      addTo(dx, load<i32>(index), dy)
      dy += SIZE
      index += 4
    }
    dx += <usize>size * SIZE
  }
}
