// Maxout (Goodfellow et al., 2013): the largest of each run of `pieces` channels, with its place for backward.
// pieces >= 2; x: groups x pieces x hw, y and index (i32): groups x hw; hw = 1 for features, where groups lie side by
// side instead.

import { LANES, SIZE } from './float'
import {
  addPlaces, evens, gather, high, loadPlaces, low, odds, splatPlace, storePlaces, zipHigh, zipLow,
} from './lanes'

@inline
/** Whether b takes the place of a: it is larger, or the first NaN. */
function wins(a: v128, b: v128): v128 {
  return v128.andnot(v128.eq<Float>(a, a), v128.ge<Float>(a, b))
}

@inline
function scalarWins(a: Float, b: Float): bool {
  return a == a && !(a >= b)
}

@inline
/** Places, or `place`, which is larger than all of them, where that has won. */
function laterPlace(places: v128, place: i32, won: v128): v128 {
  return i32x4.max_s(places, v128.and(splatPlace(place), won))
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

@inline
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
  if (pieces % LANES == 0) {
    // LANES pieces of LANES groups: loaded by groups, and transposed.
    for (; groups >= LANES; groups -= LANES) {
      let best = v128.splat<Float>(0)
      let places = splatPlace(0)
      for (let j = 0; j < pieces; j += LANES) {
        const from = x + <usize>j * SIZE
        const a = v128.load(from)
        const b = v128.load(from + apart)
        let larger: v128
        let place: v128
        // A mask is -1 where the second one won.
        if (LANES == 2) {
          const won = wins(low(a, b), high(a, b))
          larger = v128.bitselect(high(a, b), low(a, b), won)
          place = i64x2.neg(won)
        } else {
          const c = v128.load(from + 2 * apart)
          const d = v128.load(from + 3 * apart)
          const ab0 = zipLow(a, b)
          const ab1 = zipHigh(a, b)
          const cd0 = zipLow(c, d)
          const cd1 = zipHigh(c, d)
          const wonLow = wins(low(ab0, cd0), high(ab0, cd0))
          const wonHigh = wins(low(ab1, cd1), high(ab1, cd1))
          const first = v128.bitselect(high(ab0, cd0), low(ab0, cd0), wonLow)
          const second = v128.bitselect(high(ab1, cd1), low(ab1, cd1), wonHigh)
          const won = wins(first, second)
          larger = v128.bitselect(second, first, won)
          place = v128.bitselect(i32x4.sub(i32x4.splat(2), wonHigh), i32x4.neg(wonLow), won)
        }
        if (j == 0) {
          best = larger
          places = place
        } else {
          const won = wins(best, larger)
          best = v128.bitselect(larger, best, won)
          places = v128.bitselect(addPlaces(place, splatPlace(j)), places, won)
        }
      }
      v128.store(y, best)
      storePlaces(places, index)
      x += <usize>LANES * apart
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
      places = laterPlace(places, j, won)
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

@inline
function samePlace(a: v128, b: v128): v128 {
  return sizeof<Float>() == 8 ? i64x2.eq(a, b) : i32x4.eq(a, b)
}

@inline
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

@inline
/** The gradient where the place is the one that won. */
function gradientAt(at: v128, gradient: v128, places: v128): v128 {
  return v128.and(gradient, samePlace(at, places))
}

@inline
/** Each group of pieces by vectors that begin at its first; what they write beyond its last, the next one overwrites. */
function featuresBackward(groups: i32, pieces: i32, index: usize, dy: usize, dx: usize): void {
  if (LANES == 4 && pieces == 2) {
    // Two groups to a vector.
    const places = i32x4(0, 1, 0, 1)
    for (; groups >= LANES; groups -= LANES) {
      const at = v128.load(index)
      const gradient = v128.load(dy)
      const first = v128.shuffle<i32>(at, at, 0, 0, 1, 1)
      const last = v128.shuffle<i32>(at, at, 2, 2, 3, 3)
      v128.store(dx, gradientAt(first, v128.shuffle<i32>(gradient, gradient, 0, 0, 1, 1), places))
      v128.store(dx, gradientAt(last, v128.shuffle<i32>(gradient, gradient, 2, 2, 3, 3), places), 16)
      index += 16
      dy += 16
      dx += 32
    }
  }
  if (LANES == 4 && pieces == 4) {
    const places = i32x4(0, 1, 2, 3)
    for (; groups >= LANES; groups -= LANES) {
      const at = v128.load(index)
      const gradient = v128.load(dy)
      v128.store(dx, gradientAt(v128.shuffle<i32>(at, at, 0, 0, 0, 0), v128.shuffle<i32>(gradient, gradient, 0, 0, 0, 0), places))
      v128.store(
        dx, gradientAt(v128.shuffle<i32>(at, at, 1, 1, 1, 1), v128.shuffle<i32>(gradient, gradient, 1, 1, 1, 1), places), 16,
      )
      v128.store(
        dx, gradientAt(v128.shuffle<i32>(at, at, 2, 2, 2, 2), v128.shuffle<i32>(gradient, gradient, 2, 2, 2, 2), places), 32,
      )
      v128.store(
        dx, gradientAt(v128.shuffle<i32>(at, at, 3, 3, 3, 3), v128.shuffle<i32>(gradient, gradient, 3, 3, 3, 3), places), 48,
      )
      index += 16
      dy += 16
      dx += 64
    }
  }
  const step = splatPlace(LANES)
  // So many groups at the end have vectors that would leave the array.
  const last = (LANES - 1 + pieces - 1) / pieces
  for (; groups > last; --groups) {
    const at = splatPlace(load<i32>(index))
    const gradient = v128.splat<Float>(load<Float>(dy))
    let places = sizeof<Float>() == 8 ? i64x2(0, 1) : i32x4(0, 1, 2, 3)
    for (let j = 0; j < pieces; j += LANES) {
      v128.store(dx + <usize>j * SIZE, v128.and(gradient, samePlace(at, places)))
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
