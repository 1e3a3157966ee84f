// Planes of images with zeros around them.

import { SIZE } from './float'

/** Copies `count` values that lie `stride` apart. */
function copyStrided(count: i32, stride: i32, from: usize, to: usize): void {
  if (stride == 1) {
    memory.copy(to, from, <usize>count * SIZE)
    return
  }
  for (let i = 0; i < count; ++i) {
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
      memory.fill(plane, 0, <usize>width * SIZE)
    } else {
      memory.fill(plane, 0, <usize>begin * SIZE)
      const from = x + <usize>(row * w + left + begin * sw) * SIZE
      copyStrided(end - begin, sw, from, plane + <usize>begin * SIZE)
      memory.fill(plane + <usize>end * SIZE, 0, <usize>(width - end) * SIZE)
    }
    plane += <usize>width * SIZE
  }
}
