// ReLU with a slope below 0 for each channel, which is learnt.

import { LANES, SIZE } from './float'

/** y = x > 0 ? x : w x, of n examples of c channels of hw values; w per channel. */
export function preluForward(n: i32, c: i32, hw: i32, x: usize, w: usize, y: usize): void {
  preluBackward(n, c, hw, x, w, x, y)
}

/** dx = x > 0 ? dy : w dy. */
export function preluBackward(n: i32, c: i32, hw: i32, x: usize, w: usize, dy: usize, dx: usize): void {
  const zero = v128.splat<Float>(0)
  // Features lie side by side, so their vectors are of several channels; else a vector is of one.
  const step: usize = hw == 1 ? SIZE : 0
  const row = hw == 1 ? c : hw
  const channels = hw == 1 ? 1 : c
  for (let i = 0; i < n * channels; ++i) {
    let at = w + <usize>(i % channels) * SIZE
    let slopes = v128.splat<Float>(load<Float>(at))
    let count = row
    for (; count >= LANES; count -= LANES) {
      if (step) slopes = v128.load(at)
      const gradient = v128.load(dy)
      const above = v128.gt<Float>(v128.load(x), zero)
      v128.store(dx, v128.bitselect(gradient, v128.mul<Float>(gradient, slopes), above))
      at += <usize>LANES * step
      x += 16
      dy += 16
      dx += 16
    }
    for (; count > 0; --count) {
      const gradient = load<Float>(dy)
      store<Float>(dx, load<Float>(x) > 0 ? gradient : gradient * load<Float>(at))
      at += step
      x += SIZE
      dy += SIZE
      dx += SIZE
    }
  }
}

/** p = x > 0 ? 0 : x dy, whose sums over the channels are the gradients of w. */
export function preluProducts(count: i32, x: usize, dy: usize, p: usize): void {
  const zero = v128.splat<Float>(0)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(x)
    v128.store(p, v128.andnot(v128.mul<Float>(value, v128.load(dy)), v128.gt<Float>(value, zero)))
    x += 16
    dy += 16
    p += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    store<Float>(p, value > 0 ? 0 : value * load<Float>(dy))
    x += SIZE
    dy += SIZE
    p += SIZE
  }
}
