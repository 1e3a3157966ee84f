// Planes of images with zeros around them. Rows are short, so they are copied by loops: a bulk memory operation costs
// as much as twenty stores before it begins.

import { LANES, SIZE } from './float'

@inline
function zero(count: i32, to: usize): void {
  for (; count > 0; --count) {
    store<Float>(to, 0)
    to += SIZE
  }
}

/** Copies `count` values that lie `stride` apart. */
function copyStrided(count: i32, stride: i32, from: usize, to: usize): void {
  if (stride == 1) {
    for (; count >= LANES; count -= LANES) {
      v128.store(to, v128.load(from))
      from += 16
      to += 16
    }
  }
  for (; count > 0; --count) {
    store<Float>(to, load<Float>(from))
    to += SIZE
    from += <usize>stride * SIZE
  }
}

/** plane (height x width) = x (h x w) read from (top, left) on in steps of (sh, sw), zero outside. */
export function fillPlane(
  h: i32, w: i32, top: i32, left: i32, sh: i32, sw: i32, height: i32, width: i32, x: usize, plane: usize,
): void {
  // Columns begin ... end are inside the image.
  const begin = min(width, left < 0 ? (sw - 1 - left) / sw : 0)
  const end = max(begin, min(width, w - left <= 0 ? 0 : (w - left + sw - 1) / sw))
  for (let i = 0; i < height; ++i) {
    const row = top + i * sh
    if (row < 0 || row >= h) {
      zero(width, plane)
    } else {
      zero(begin, plane)
      const from = x + <usize>(row * w + left + begin * sw) * SIZE
      copyStrided(end - begin, sw, from, plane + <usize>begin * SIZE)
      zero(width - end, plane + <usize>end * SIZE)
    }
    plane += <usize>width * SIZE
  }
}
