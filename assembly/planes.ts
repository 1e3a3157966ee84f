// Planes of images with zeros around them. The zeros are written once, the insides for each image. Rows are short, so
// they are copied by loops: a bulk memory operation costs as much as twenty stores before it begins.

import { LANES, SIZE } from './float'
import { evens, odds } from './lanes'

/**
 * plane (height x width) = x (h x w) read from (top, left) on in steps of (sh, sw), where that is inside of x; the rest
 * of the plane is left as it is.
 */
export function copyInside(
  h: i32, w: i32, top: i32, left: i32, sh: i32, sw: i32, height: i32, width: i32, x: usize, plane: usize,
): void {
  const row = top < 0 ? (sh - 1 - top) / sh : 0
  const column = left < 0 ? (sw - 1 - left) / sw : 0
  const rows = min(height, (h - top + sh - 1) / sh) - row
  const columns = max(0, min(width, (w - left + sw - 1) / sw) - column)
  x += <usize>((top + row * sh) * w + left + column * sw) * SIZE
  plane += <usize>(row * width + column) * SIZE
  for (let i = 0; i < rows; ++i) {
    let from = x
    let to = plane
    let count = columns
    if (sw == 1) {
      for (; count >= LANES; count -= LANES) {
        v128.store(to, v128.load(from))
        from += 16
        to += 16
      }
      if (LANES == 4 && count & 2) {
        store<i64>(to, load<i64>(from))
        from += 8
        to += 8
        count -= 2
      }
    }
    for (; count > 0; --count) {
      store<Float>(to, load<Float>(from))
      from += <usize>sw * SIZE
      to += SIZE
    }
    x += <usize>(sh * w) * SIZE
    plane += <usize>width * SIZE
  }
}

/** Copies rows x columns of each plane to where they are among zeros; nothing else is written. */
export function copyPlanes(
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
export function splitPlanes(
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
