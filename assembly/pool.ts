// Pooling of planes (n * c of h x w).

import { LANES, SIZE } from './float'
import { convOutput } from '../src/kernels/conv-geometry'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

/** y = the largest value of each window, the first of equals, NaN if one is there; index = its place in the plane (i32). */
export function maxPool2dForward(
  planes: i32, h: i32, w: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, x: usize, index: usize, y: usize,
): void {
  const oh = convOutput(h, kh, sh, ph, 1)
  const ow = convOutput(w, kw, sw, pw, 1)
  for (let plane = 0; plane < planes; ++plane) {
    for (let i = 0; i < oh; ++i) {
      const top = max(0, i * sh - ph)
      const bottom = min(h, i * sh - ph + kh)
      for (let j = 0; j < ow; ++j) {
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
        store<Float>(y, value)
        store<i32>(index, best)
        y += SIZE
        index += 4
      }
    }
    x += <usize>(h * w) * SIZE
  }
}

/** dx = 0, then dx[index] += dy; `size` values in a plane of dx, `outputs` in one of dy. */
export function maxPool2dBackward(planes: i32, size: i32, outputs: i32, dy: usize, index: usize, dx: usize): void {
  memory.fill(dx, 0, <usize>(planes * size) * SIZE)
  for (let plane = 0; plane < planes; ++plane) {
    for (let i = 0; i < outputs; ++i) {
      const at = dx + <usize>load<i32>(index) * SIZE
      store<Float>(at, load<Float>(at) + load<Float>(dy))
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
