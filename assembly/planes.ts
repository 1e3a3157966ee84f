// Planes of images with zeros around them. The zeros are written once, the insides for each image. Rows are short, so
// they are copied by loops: a bulk memory operation costs as much as twenty stores before it begins.

import { LANES, SIZE } from './float'

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
