// Maxout (Goodfellow et al., 2013): the largest of each run of `pieces` channels, with its place for backward.
// pieces >= 2; x: groups x pieces x hw, y and index (i32): groups x hw; hw = 1 for features, where groups lie side by side instead.

import { LANES, SIZE } from './float'
import { addPlaces, evens, loadPlaces, odds, splatPlace, storePlaces } from './lanes'

// @ts-ignore: decorator
@inline
/** Whether b takes the place of a: it is larger, or the first NaN. */
function wins(a: v128, b: v128): v128 {
  return v128.andnot(v128.eq<Float>(a, a), v128.ge<Float>(a, b))
}

// @ts-ignore: decorator
@inline
function scalarWins(a: Float, b: Float): bool {
  return a == a && !(a >= b)
}

// @ts-ignore: decorator
@inline
/** Values that lie `stride` bytes apart. */
function gather(x: usize, stride: usize): v128 {
  if (sizeof<Float>() == 8) return v128.load_lane<f64>(x + stride, v128.load64_zero(x), 1)
  let v = v128.load32_zero(x)
  v = v128.load_lane<f32>(x + stride, v, 1)
  v = v128.load_lane<f32>(x + 2 * stride, v, 2)
  return v128.load_lane<f32>(x + 3 * stride, v, 3)
}

export function maxoutForward(groups: i32, pieces: i32, hw: i32, x: usize, index: usize, y: usize): void {
  if (hw == 1) {
    featuresForward(groups, pieces, x, index, y)
    return
  }
  const row = <usize>hw * SIZE
  for (let group = 0; group < groups; ++group) {
    for (let j = 1; j < pieces; ++j) largerOf(hw, j, j == 1 ? x : y, x + <usize>j * row, index, y)
    x += <usize>pieces * row
    index += 4 * <usize>hw
    y += row
  }
}

/** y = the larger of a and b; index = place where that is b, 0 where it is a and `place` is 1, else as it was. */
function largerOf(count: i32, place: i32, a: usize, b: usize, index: usize, y: usize): void {
  const places = splatPlace(place)
  for (; count >= LANES; count -= LANES) {
    const first = v128.load(a)
    const second = v128.load(b)
    const won = wins(first, second)
    v128.store(y, v128.bitselect(second, first, won))
    storePlaces(place > 1 ? v128.bitselect(places, loadPlaces(index), won) : v128.and(places, won), index)
    a += 16
    b += 16
    index += 4 * LANES
    y += 16
  }
  for (; count > 0; --count) {
    const first = load<Float>(a)
    const second = load<Float>(b)
    const won = scalarWins(first, second)
    store<Float>(y, won ? second : first)
    if (won) store<i32>(index, place)
    else if (place <= 1) store<i32>(index, 0)
    a += SIZE
    b += SIZE
    index += 4
    y += SIZE
  }
}

function featuresForward(groups: i32, pieces: i32, x: usize, index: usize, y: usize): void {
  const apart = <usize>pieces * SIZE
  if (pieces == 2) {
    const one = splatPlace(1)
    for (; groups >= LANES; groups -= LANES) {
      const a = v128.load(x)
      const b = v128.load(x, 16)
      const first = evens(a, b)
      const second = odds(a, b)
      const won = wins(first, second)
      v128.store(y, v128.bitselect(second, first, won))
      storePlaces(v128.and(one, won), index)
      x += 32
      index += 4 * LANES
      y += 16
    }
  }
  for (; groups >= LANES; groups -= LANES) {
    let best = gather(x, apart)
    let places = splatPlace(0)
    for (let j = 1; j < pieces; ++j) {
      const value = gather(x + <usize>j * SIZE, apart)
      const won = wins(best, value)
      best = v128.bitselect(value, best, won)
      places = v128.bitselect(splatPlace(j), places, won)
    }
    v128.store(y, best)
    storePlaces(places, index)
    x += <usize>LANES * apart
    index += 4 * LANES
    y += 16
  }
  for (; groups > 0; --groups) {
    let best = load<Float>(x)
    let place = 0
    for (let j = 1; j < pieces; ++j) {
      const value = load<Float>(x + <usize>j * SIZE)
      if (scalarWins(best, value)) {
        best = value
        place = j
      }
    }
    store<Float>(y, best)
    store<i32>(index, place)
    x += apart
    index += 4
    y += SIZE
  }
}

/** dx = dy where the largest was, else 0. */
export function maxoutBackward(groups: i32, pieces: i32, hw: i32, index: usize, dy: usize, dx: usize): void {
  if (hw == 1) featuresBackward(groups, pieces, index, dy, dx)
  else planesBackward(groups, pieces, hw, index, dy, dx)
}

// @ts-ignore: decorator
@inline
function samePlace(a: v128, b: v128): v128 {
  return sizeof<Float>() == 8 ? i64x2.eq(a, b) : i32x4.eq(a, b)
}

function planesBackward(groups: i32, pieces: i32, hw: i32, index: usize, dy: usize, dx: usize): void {
  for (let group = 0; group < groups; ++group) {
    for (let j = 0; j < pieces; ++j) {
      const place = splatPlace(j)
      let left = hw
      let at = index
      let from = dy
      for (; left >= LANES; left -= LANES) {
        v128.store(dx, v128.and(v128.load(from), samePlace(loadPlaces(at), place)))
        at += 4 * LANES
        from += 16
        dx += 16
      }
      for (; left > 0; --left) {
        store<Float>(dx, load<i32>(at) == j ? load<Float>(from) : 0)
        at += 4
        from += SIZE
        dx += SIZE
      }
    }
    index += 4 * <usize>hw
    dy += <usize>hw * SIZE
  }
}

/** Each group of pieces by vectors that begin at its first; what they write beyond its last, the next one overwrites. */
function featuresBackward(groups: i32, pieces: i32, index: usize, dy: usize, dx: usize): void {
  if (LANES == 4 && pieces == 2) {
    // Two groups to a vector.
    const places = i32x4(0, 1, 0, 1)
    for (; groups >= LANES; groups -= LANES) {
      const at = v128.load(index)
      const slope = v128.load(dy)
      const low = v128.shuffle<i32>(at, at, 0, 0, 1, 1)
      const high = v128.shuffle<i32>(at, at, 2, 2, 3, 3)
      v128.store(dx, v128.and(v128.shuffle<i32>(slope, slope, 0, 0, 1, 1), i32x4.eq(low, places)))
      v128.store(dx, v128.and(v128.shuffle<i32>(slope, slope, 2, 2, 3, 3), i32x4.eq(high, places)), 16)
      index += 16
      dy += 16
      dx += 32
    }
  }
  const step = splatPlace(LANES)
  // So many groups at the end have vectors that would leave the array.
  const last = (LANES - 1 + pieces - 1) / pieces
  for (; groups > last; --groups) {
    const at = splatPlace(load<i32>(index))
    const slope = v128.splat<Float>(load<Float>(dy))
    let places = sizeof<Float>() == 8 ? i64x2(0, 1) : i32x4(0, 1, 2, 3)
    for (let j = 0; j < pieces; j += LANES) {
      v128.store(dx + <usize>j * SIZE, v128.and(slope, samePlace(at, places)))
      places = addPlaces(places, step)
    }
    index += 4
    dy += SIZE
    dx += <usize>pieces * SIZE
  }
  for (; groups > 0; --groups) {
    const place = load<i32>(index)
    for (let j = 0; j < pieces; ++j) {
      store<Float>(dx, j == place ? load<Float>(dy) : 0)
      dx += SIZE
    }
    index += 4
    dy += SIZE
  }
}
