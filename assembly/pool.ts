// Pooling of planes (n * c of h x w).

import { LANES, SIZE } from './float'
import { convOutput } from '../src/kernels/conv-geometry'
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
 * LANES windows of 2 x 2 side by side, without a branch: the winner of each row, then the winner of the two, and the
 * same choices among the places. Ties and NaN go as in the loop over a window below.
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
    v128.store64_lane(index, i8x16.shuffle(inPlane, inPlane, 0, 1, 2, 3, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0), 0)
  } else {
    const even = i32x4.add(i32x4.splat(place), i32x4(0, 2, 4, 6))
    const inPlane = v128.bitselect(i32x4.sub(i32x4.add(even, i32x4.splat(w)), inB), i32x4.sub(even, inA), inBoth)
    v128.store(index, v128.or(inPlane, nowhere))
  }
}

/**
 * y = the largest value of each window, the first of equals, NaN if one is there; index = its place in the plane (i32).
 * With `relu`, y = max(0, y) in the same pass, which is the pool of max(0, x); index = -1 where y is not above 0.
 */
export function maxPool2dForward(
  planes: i32, h: i32, w: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, relu: i32,
  x: usize, index: usize, y: usize,
): void {
  const oh = convOutput(h, kh, sh, ph, 1)
  const ow = convOutput(w, kw, sw, pw, 1)
  const pairs = kh == 2 && kw == 2 && sh == 2 && sw == 2 && ph == 0 && pw == 0
  for (let plane = 0; plane < planes; ++plane) {
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      let j = 0
      if (pairs) {
        for (; j + LANES <= ow; j += LANES) {
          const place = 2 * i * w + 2 * j
          maxOfPairs(w, place, relu, x + <usize>place * SIZE, index, y)
          y += 16
          index += 4 * LANES
        }
        if (j < ow && ow >= LANES) {
          // The odd tail: a last vector that ends at the end of the row, and writes some results twice.
          const back = LANES - (ow - j)
          const place = 2 * i * w + 2 * (j - back)
          maxOfPairs(w, place, relu, x + <usize>place * SIZE, index - 4 * back, y - <usize>back * SIZE)
          y += <usize>(ow - j) * SIZE
          index += 4 * (ow - j)
          j = ow
        }
      }
      for (; j < ow; ++j) {
        const left = max(0, j * sw - pw)
        const right = min(w, j * sw - pw + kw)
        let best = top * w + left
        let value = load<Float>(x + <usize>best * SIZE)
        for (let row = top; row < bottom; ++row) {
          for (let column = left; column < right; ++column) {
            const at = row * w + column
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
    x += <usize>(h * w) * SIZE
  }
}

/** dx = 0, then dx[index] += dy where index is a place; `size` values in a plane of dx, `outputs` in one of dy. */
export function maxPool2dBackward(planes: i32, size: i32, outputs: i32, dy: usize, index: usize, dx: usize): void {
  memory.fill(dx, 0, <usize>(planes * size) * SIZE)
  for (let plane = 0; plane < planes; ++plane) {
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
    const value: Float = load<Float>(dy) / <Float>size
    const values = v128.splat<Float>(value)
    let count = size
    for (; count >= LANES; count -= LANES) {
      v128.store(dx, values)
      dx += 16
    }
    for (; count > 0; --count) {
      store<Float>(dx, value)
      dx += SIZE
    }
    dy += SIZE
  }
}
