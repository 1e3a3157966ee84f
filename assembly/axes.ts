// Axes of arrays of [outer, count, inner]: exchanged, summed, spread.

import { LANES, SIZE } from './float'
import { gather } from './lanes'

/** y[i, b, a, inner] = x[i, a, b, inner] for n of them. */
export function transposeAxes(n: i32, a: i32, b: i32, inner: i32, x: usize, y: usize): void {
  const bytes = <usize>inner * SIZE
  const stride = <usize>b * bytes
  for (; n > 0; --n) {
    for (let j = 0; j < b; ++j) {
      let from = x + <usize>j * bytes
      let count = a
      if (inner == 1) {
        for (; count >= LANES; count -= LANES) {
          v128.store(y, gather(from, stride))
          from += <usize>LANES * stride
          y += 16
        }
      }
      for (; count > 0; --count) {
        if (inner == 1) store<Float>(y, load<Float>(from))
        else memory.copy(y, from, bytes)
        from += stride
        y += bytes
      }
    }
    x += <usize>a * stride
  }
}

/** Values that are summed one after the other; more in blocks of as many. */
const LONGEST: i32 = 256

/** y[j] = scale times the sum of x[k, j] over the `count` values of k. */
function sumRows(count: i32, inner: i32, scale: Float, x: usize, y: usize): void {
  const stride = <usize>inner * SIZE
  const scales = v128.splat<Float>(scale)
  let j = 0
  for (; j <= inner - LANES; j += LANES) {
    let sums = v128.splat<Float>(0)
    let at = x + <usize>j * SIZE
    for (let begin = 0; begin < count; begin += LONGEST) {
      let block = v128.splat<Float>(0)
      for (let k = begin; k < min(count, begin + LONGEST); ++k) {
        block = v128.add<Float>(block, v128.load(at))
        at += stride
      }
      sums = v128.add<Float>(sums, block)
    }
    v128.store(y, v128.mul<Float>(sums, scales))
    y += 16
  }
  for (; j < inner; ++j) {
    let sum: Float = 0
    let at = x + <usize>j * SIZE
    for (let begin = 0; begin < count; begin += LONGEST) {
      let block: Float = 0
      for (let k = begin; k < min(count, begin + LONGEST); ++k) {
        block += load<Float>(at)
        at += stride
      }
      sum += block
    }
    store<Float>(y, sum * scale)
    y += SIZE
  }
}

/** y[i, j] = scale times the sum of x[i, k, j] over the `count` values of k, for `outer` values of i. */
export function sumAxis(outer: i32, count: i32, inner: i32, scale: Float, x: usize, y: usize): void {
  for (; outer > 0; --outer) {
    sumRows(count, inner, scale, x, y)
    x += <usize>(count * inner) * SIZE
    y += <usize>inner * SIZE
  }
}

/** y[i, j] = the mean of x[i, k, j] over the first lengths[i] of `count` values of k; the others do not count. */
export function meanOfFirst(outer: i32, count: i32, inner: i32, x: usize, lengths: usize, y: usize): void {
  for (; outer > 0; --outer) {
    const length = max(1, load<i32>(lengths))
    sumRows(length, inner, <Float>(1 / <f64>length), x, y)
    x += <usize>(count * inner) * SIZE
    lengths += 4
    y += <usize>inner * SIZE
  }
}

/** y[k, j] = scale * x[j] for each of `count` values of k. */
function spreadRow(count: i32, inner: i32, scale: Float, x: usize, y: usize): void {
  const bytes = <usize>inner * SIZE
  const scales = v128.splat<Float>(scale)
  let left = inner
  for (; left >= LANES; left -= LANES) {
    v128.store(y, v128.mul<Float>(v128.load(x), scales))
    x += 16
    y += 16
  }
  for (; left > 0; --left) {
    store<Float>(y, load<Float>(x) * scale)
    x += SIZE
    y += SIZE
  }
  for (let k = 1; k < count; ++k) {
    memory.copy(y, y - bytes, bytes)
    y += bytes
  }
}

/** y[i, k, j] = scale * x[i, j] for each of `count` values of k. */
export function spreadAxis(outer: i32, count: i32, inner: i32, scale: Float, x: usize, y: usize): void {
  for (; outer > 0; --outer) {
    spreadRow(count, inner, scale, x, y)
    x += <usize>inner * SIZE
    y += <usize>(count * inner) * SIZE
  }
}

/** The way back of meanOfFirst: dx[i, k, j] = dy[i, j] / lengths[i] for the first of k, 0 for the others. */
export function spreadToFirst(outer: i32, count: i32, inner: i32, dy: usize, lengths: usize, dx: usize): void {
  const bytes = <usize>inner * SIZE
  for (; outer > 0; --outer) {
    const length = max(1, load<i32>(lengths))
    spreadRow(length, inner, <Float>(1 / <f64>length), dy, dx)
    memory.fill(dx + <usize>length * bytes, 0, <usize>(count - length) * bytes)
    dy += bytes
    lengths += 4
    dx += <usize>count * bytes
  }
}
