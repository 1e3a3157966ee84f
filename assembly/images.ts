// Planes (n * c of h x w) with zeros around them or without, larger ones made of smaller ones, pools of spread windows.

import { LANES, SIZE } from './float'

@inline
/** Bytes of `count` values. */
function bytesOf(count: i32): usize {
  return <usize>count * SIZE
}

/** y = x with so many zeros at each side of each plane. */
export function padPlanes(
  planes: i32, h: i32, w: i32, top: i32, left: i32, bottom: i32, right: i32, x: usize, y: usize,
): void {
  const width = left + w + right
  for (; planes > 0; --planes) {
    // All that lies between two rows is filled at once.
    let zeros = top * width + left
    for (let i = 0; i < h; ++i) {
      memory.fill(y, 0, bytesOf(zeros))
      y += bytesOf(zeros)
      memory.copy(y, x, bytesOf(w))
      x += bytesOf(w)
      y += bytesOf(w)
      zeros = right + left
    }
    memory.fill(y, 0, bytesOf(right + bottom * width))
    y += bytesOf(right + bottom * width)
  }
}

/** dx = what of dy lies within, h x w of each plane. */
export function cropPlanes(
  planes: i32, h: i32, w: i32, top: i32, left: i32, bottom: i32, right: i32, dy: usize, dx: usize,
): void {
  const width = left + w + right
  for (; planes > 0; --planes) {
    let from = dy + bytesOf(top * width + left)
    for (let i = 0; i < h; ++i) {
      memory.copy(dx, from, bytesOf(w))
      dx += bytesOf(w)
      from += bytesOf(width)
    }
    dy += bytesOf((top + h + bottom) * width)
  }
}

/** y = x + b, b one number for each channel of n examples of c planes of hw values. */
export function addPerChannel(n: i32, c: i32, hw: i32, x: usize, b: usize, y: usize): void {
  for (let i = 0; i < n * c; ++i) {
    const value = load<Float>(b + bytesOf(i % c))
    const values = v128.splat<Float>(value)
    let count = hw
    for (; count >= LANES; count -= LANES) {
      v128.store(y, v128.add<Float>(v128.load(x), values))
      x += 16
      y += 16
    }
    for (; count > 0; --count) {
      store<Float>(y, load<Float>(x) + value)
      x += SIZE
      y += SIZE
    }
  }
}

/**
 * y = the largest value of each window, the first of equals, NaN if one is there; index = its place in the plane (i32).
 * The values of a window lie dlh rows and dlw columns apart. One that has none in the plane: -Infinity, and -1.
 */
export function dilatedMaxPool2dForward(
  planes: i32, h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32,
  dlw: i32, x: usize, index: usize, y: usize,
): void {
  for (; planes > 0; --planes) {
    for (let i = 0; i < oh; ++i) {
      for (let j = 0; j < ow; ++j) {
        let best: Float = -Infinity
        let at = -1
        for (let k = 0; k < kh; ++k) {
          const row = i * sh - ph + k * dlh
          if (row < 0 || row >= h) continue
          for (let l = 0; l < kw; ++l) {
            const column = j * sw - pw + l * dlw
            if (column < 0 || column >= w) continue
            const place = row * w + column
            const value = load<Float>(x + bytesOf(place))
            // The first value is the best there is, and of several that are NaN the last, as in the other pools.
            if (at < 0 || value > best || value != value) {
              best = value
              at = place
            }
          }
        }
        store<Float>(y, best)
        store<i32>(index, at)
        y += SIZE
        index += 4
      }
    }
    x += bytesOf(h * w)
  }
}

/** y = x with each row sh times and each column sw times. */
export function upsampleNearestForward(planes: i32, h: i32, w: i32, sh: i32, sw: i32, x: usize, y: usize): void {
  const width = bytesOf(w * sw)
  for (let i = 0; i < planes * h; ++i) {
    let to = y
    for (let j = 0; j < w; ++j) {
      const value = load<Float>(x)
      for (let k = 0; k < sw; ++k) {
        store<Float>(to, value)
        to += SIZE
      }
      x += SIZE
    }
    for (let k = 1; k < sh; ++k) memory.copy(y + <usize>k * width, y, width)
    y += <usize>sh * width
  }
}

/** dx = the sums of dy over the places of each value, row by row. */
export function upsampleNearestBackward(planes: i32, h: i32, w: i32, sh: i32, sw: i32, dy: usize, dx: usize): void {
  const width = bytesOf(w * sw)
  for (let i = 0; i < planes * h; ++i) {
    for (let j = 0; j < w; ++j) {
      let sum: Float = 0
      for (let k = 0; k < sh; ++k) {
        const row = dy + <usize>k * width + bytesOf(j * sw)
        for (let l = 0; l < sw; ++l) sum += load<Float>(row + bytesOf(l))
      }
      store<Float>(dx, sum)
      dx += SIZE
    }
    dy += <usize>sh * width
  }
}

@inline
/** Where an output lies among the inputs: its middle, and none before the first. */
function sourceOf(o: i32, scale: i32): Float {
  const source = (<Float>o + 0.5) / <Float>scale - 0.5
  return source > 0 ? source : 0
}

/** y = a * p + b * q, of `count` values. */
function blend(count: i32, a: Float, p: usize, b: Float, q: usize, y: usize): void {
  const as = v128.splat<Float>(a)
  const bs = v128.splat<Float>(b)
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.add<Float>(v128.mul<Float>(as, v128.load(p)), v128.mul<Float>(bs, v128.load(q))))
    p += 16
    q += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, a * load<Float>(p) + b * load<Float>(q))
    p += SIZE
    q += SIZE
    y += SIZE
  }
}

/** y += a * p, of `count` values. */
function addTimes(count: i32, a: Float, p: usize, y: usize): void {
  const as = v128.splat<Float>(a)
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.add<Float>(v128.load(y), v128.mul<Float>(as, v128.load(p))))
    p += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(y) + a * load<Float>(p))
    p += SIZE
    y += SIZE
  }
}

/**
 * Planes of sh h x sw w, each value between the four around it, by how near it is to each; first between two rows, then
 * between two columns. scratch, here and below: w values.
 */
export function upsampleBilinearForward(
  planes: i32, h: i32, w: i32, sh: i32, sw: i32, x: usize, scratch: usize, y: usize,
): void {
  for (; planes > 0; --planes) {
    for (let i = 0; i < h * sh; ++i) {
      const source = sourceOf(i, sh)
      const above = <i32>source
      const b = source - <Float>above
      blend(w, 1 - b, x + bytesOf(above * w), b, x + bytesOf(min(above + 1, h - 1) * w), scratch)
      for (let j = 0; j < w * sw; ++j) {
        const at = sourceOf(j, sw)
        const before = <i32>at
        const d = at - <Float>before
        const p = load<Float>(scratch + bytesOf(before))
        const q = load<Float>(scratch + bytesOf(min(before + 1, w - 1)))
        store<Float>(y, (1 - d) * p + d * q)
        y += SIZE
      }
    }
    x += bytesOf(h * w)
  }
}

/** dx: what each value gave to each of y is what it gets of dy. */
export function upsampleBilinearBackward(
  planes: i32, h: i32, w: i32, sh: i32, sw: i32, dy: usize, scratch: usize, dx: usize,
): void {
  for (; planes > 0; --planes) {
    memory.fill(dx, 0, bytesOf(h * w))
    for (let i = 0; i < h * sh; ++i) {
      memory.fill(scratch, 0, bytesOf(w))
      for (let j = 0; j < w * sw; ++j) {
        const at = sourceOf(j, sw)
        const before = <i32>at
        const d = at - <Float>before
        const p = scratch + bytesOf(before)
        const q = scratch + bytesOf(min(before + 1, w - 1))
        const value = load<Float>(dy)
        store<Float>(p, load<Float>(p) + (1 - d) * value)
        store<Float>(q, load<Float>(q) + d * value)
        dy += SIZE
      }
      const source = sourceOf(i, sh)
      const above = <i32>source
      const b = source - <Float>above
      addTimes(w, 1 - b, scratch, dx + bytesOf(above * w))
      addTimes(w, b, scratch, dx + bytesOf(min(above + 1, h - 1) * w))
    }
    dx += bytesOf(h * w)
  }
}
