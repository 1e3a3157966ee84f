// Value by value: sums, ReLU and its leaky form, per-channel scaling. Vectors first, then the odd tail.

import { LANES, SIZE } from './float'

/** y = a b, number by number. */
export function multiply(count: i32, a: usize, b: usize, y: usize): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.mul<Float>(v128.load(a), v128.load(b)))
    a += 16
    b += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(a) * load<Float>(b))
    a += SIZE
    b += SIZE
    y += SIZE
  }
}

/** y = a + b. */
export function add(count: i32, a: usize, b: usize, y: usize): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.add<Float>(v128.load(a), v128.load(b)))
    a += 16
    b += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(a) + load<Float>(b))
    a += SIZE
    b += SIZE
    y += SIZE
  }
}

/** y += scale * x. */
export function addScaled(count: i32, scale: Float, x: usize, y: usize): void {
  addScaledTo(count, scale, y, x, y)
}

/** y = a + scale * b. */
export function addScaledTo(count: i32, scale: Float, a: usize, b: usize, y: usize): void {
  const scales = v128.splat<Float>(scale)
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.add<Float>(v128.load(a), v128.mul<Float>(scales, v128.load(b))))
    a += 16
    b += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(a) + scale * load<Float>(b))
    a += SIZE
    b += SIZE
    y += SIZE
  }
}

/** x *= scale. */
export function scale(count: i32, factor: Float, x: usize): void {
  const factors = v128.splat<Float>(factor)
  for (; count >= LANES; count -= LANES) {
    v128.store(x, v128.mul<Float>(v128.load(x), factors))
    x += 16
  }
  for (; count > 0; --count) {
    store<Float>(x, load<Float>(x) * factor)
    x += SIZE
  }
}

/** x = value. */
export function fill(count: i32, value: Float, x: usize): void {
  const values = v128.splat<Float>(value)
  for (; count >= LANES; count -= LANES) {
    v128.store(x, values)
    x += 16
  }
  for (; count > 0; --count) {
    store<Float>(x, value)
    x += SIZE
  }
}

/** Values up to which a loop copies faster than a bulk memory operation begins. */
const SHORT: i32 = 16 * LANES

/** Copies n blocks of `count` values that begin fromStride values apart to where they begin toStride apart. */
export function copyBlocks(n: i32, count: i32, fromStride: i32, toStride: i32, from: usize, to: usize): void {
  for (let i = 0; i < n; ++i) {
    if (count > SHORT) {
      memory.copy(to, from, <usize>count * SIZE)
    } else {
      let j = 0
      for (; j <= count - LANES; j += LANES) v128.store(to + <usize>j * SIZE, v128.load(from + <usize>j * SIZE))
      for (; j < count; ++j) store<Float>(to + <usize>j * SIZE, load<Float>(from + <usize>j * SIZE))
    }
    from += <usize>fromStride * SIZE
    to += <usize>toStride * SIZE
  }
}

/** y = max(0, min(x, ceiling)), or max(0, x) if the ceiling is NaN, which is below nothing. NaN stays NaN. */
export function reluForward(count: i32, ceiling: Float, x: usize, y: usize): void {
  const zero = v128.splat<Float>(0)
  const ceilings = v128.splat<Float>(ceiling)
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.pmin<Float>(v128.pmax<Float>(v128.load(x), zero), ceilings))
    x += 16
    y += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    const floored: Float = value < 0 ? 0 : value
    store<Float>(y, ceiling < floored ? ceiling : floored)
    x += SIZE
    y += SIZE
  }
}

/** dx = 0 < y < ceiling ? dy : 0. */
export function reluBackward(count: i32, ceiling: Float, y: usize, dy: usize, dx: usize): void {
  const zero = v128.splat<Float>(0)
  const ceilings = v128.splat<Float>(ceiling)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(y)
    const inside = v128.andnot(v128.gt<Float>(value, zero), v128.ge<Float>(value, ceilings))
    v128.store(dx, v128.and(v128.load(dy), inside))
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(y)
    store<Float>(dx, value > 0 && !(value >= ceiling) ? load<Float>(dy) : 0)
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/** y = x > 0 ? x : alpha * x. */
export function leakyReluForward(count: i32, alpha: Float, x: usize, y: usize): void {
  leakyReluBackward(count, alpha, x, x, y)
}

/** dx = y > 0 ? dy : alpha * dy: for alpha >= 0, the sign of y is that of x. */
export function leakyReluBackward(count: i32, alpha: Float, y: usize, dy: usize, dx: usize): void {
  const zero = v128.splat<Float>(0)
  const alphas = v128.splat<Float>(alpha)
  for (; count >= LANES; count -= LANES) {
    const gradient = v128.load(dy)
    const above = v128.gt<Float>(v128.load(y), zero)
    v128.store(dx, v128.bitselect(gradient, v128.mul<Float>(gradient, alphas), above))
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    const gradient = load<Float>(dy)
    store<Float>(dx, load<Float>(y) > 0 ? gradient : gradient * alpha)
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/** y = (x - mean) / std for n examples of c channels of hw values; mean and std per channel, mean may be 0 (none). */
export function normalizeForward(n: i32, c: i32, hw: i32, x: usize, mean: usize, std: usize, y: usize): void {
  // Features lie side by side, so their vectors are of several channels; else a vector is of one.
  const step: usize = hw == 1 ? 16 : 0
  const row = hw == 1 ? c : hw
  const channels = hw == 1 ? 1 : c
  for (let i = 0; i < n * channels; ++i) {
    let at = <usize>(i % channels) * SIZE
    let means = v128.splat<Float>(mean ? load<Float>(mean + at) : 0)
    let stds = v128.splat<Float>(load<Float>(std + at))
    let count = row
    for (; count >= LANES; count -= LANES) {
      if (step) {
        if (mean) means = v128.load(mean + at)
        stds = v128.load(std + at)
        at += step
      }
      v128.store(y, v128.div<Float>(v128.sub<Float>(v128.load(x), means), stds))
      x += 16
      y += 16
    }
    for (; count > 0; --count) {
      store<Float>(y, (load<Float>(x) - (mean ? load<Float>(mean + at) : 0)) / load<Float>(std + at))
      if (step) at += SIZE
      x += SIZE
      y += SIZE
    }
  }
}

/** dx = dy / std. */
export function normalizeBackward(n: i32, c: i32, hw: i32, std: usize, dy: usize, dx: usize): void {
  normalizeForward(n, c, hw, dy, 0, std, dx)
}
