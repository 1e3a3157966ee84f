// Softmax as a layer: over the c channels of x (n x c x hw), or over features, where hw = 1. Features lie side by side
// and are vectorised along the row; channels lie a plane apart and are vectorised across the plane.

import { SOFTMAX_SCRATCH, SUM_STEPS } from '../src/kernels/blocking'
import { add, addScaledTo } from './elementwise'
import { expRow, expTable } from './exp'
import { LANES, SIZE } from './float'
import { largestOf } from './losses'
import { Products, Values, total } from './reduce'

/** y /= divisor. */
export function divide(count: i32, divisor: Float, y: usize): void {
  const divisors = v128.splat<Float>(divisor)
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.div<Float>(v128.load(y), divisors))
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(y) / divisor)
    y += SIZE
  }
}

/** y /= divisors, value by value. */
function divideEach(count: i32, divisors: usize, y: usize): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.div<Float>(v128.load(y), v128.load(divisors)))
    divisors += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(y) / load<Float>(divisors))
    divisors += SIZE
    y += SIZE
  }
}

/** largest = the larger of it and x, value by value. */
function raise(count: i32, x: usize, largest: usize): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(largest, v128.pmax<Float>(v128.load(largest), v128.load(x)))
    x += 16
    largest += 16
  }
  for (; count > 0; --count) {
    if (load<Float>(largest) < load<Float>(x)) store<Float>(largest, load<Float>(x))
    x += SIZE
    largest += SIZE
  }
}

/**
 * y = e^(x - largest) / their sum; the largest is subtracted first, so nothing overflows. scratch, forward and
 * backward: SOFTMAX_SCRATCH bytes, and two planes unless hw is 1.
 */
export function softmaxForward(n: i32, c: i32, hw: i32, x: usize, scratch: usize, y: usize): void {
  const plane = <usize>hw * SIZE
  const largest = scratch + SOFTMAX_SCRATCH
  const sum = largest + plane
  expTable(scratch)
  for (let i = 0; i < n; ++i) {
    if (hw == 1) {
      expRow(c, largestOf(c, x), x, scratch, y)
      divide(c, <Float>total<Values>(1, c, 0, y, 0, false), y)
    } else {
      memory.copy(largest, x, plane)
      for (let j = 1; j < c; ++j) raise(hw, x + <usize>j * plane, largest)
      memory.fill(sum, 0, plane)
      for (let j = 0; j < c; ++j) {
        const to = y + <usize>j * plane
        addScaledTo(hw, -1, x + <usize>j * plane, largest, to)
        expRow(hw, 0, to, scratch, to)
        if (j < SUM_STEPS) add(hw, sum, to, sum)
      }
      // More channels are summed in blocks, where the largest were.
      for (let begin = SUM_STEPS; begin < c; begin += SUM_STEPS) {
        memory.fill(largest, 0, plane)
        for (let j = begin; j < min(c, begin + SUM_STEPS); ++j) add(hw, largest, y + <usize>j * plane, largest)
        add(hw, sum, largest, sum)
      }
      for (let j = 0; j < c; ++j) divideEach(hw, sum, y + <usize>j * plane)
    }
    x += <usize>c * plane
    y += <usize>c * plane
  }
}

/** dx = y * (dy - sum). */
export function spread(count: i32, sum: Float, y: usize, dy: usize, dx: usize): void {
  const sums = v128.splat<Float>(sum)
  for (; count >= LANES; count -= LANES) {
    v128.store(dx, v128.mul<Float>(v128.load(y), v128.sub<Float>(v128.load(dy), sums)))
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    store<Float>(dx, load<Float>(y) * (load<Float>(dy) - sum))
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/** dx = y * (dy - sums), with a sum for each place of the plane. */
function spreadEach(count: i32, sums: usize, y: usize, dy: usize, dx: usize): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(dx, v128.mul<Float>(v128.load(y), v128.sub<Float>(v128.load(dy), v128.load(sums))))
    sums += 16
    y += 16
    dy += 16
    dx += 16
  }
  for (; count > 0; --count) {
    store<Float>(dx, load<Float>(y) * (load<Float>(dy) - load<Float>(sums)))
    sums += SIZE
    y += SIZE
    dy += SIZE
    dx += SIZE
  }
}

/** sums += y * dy. */
function addProducts(count: i32, y: usize, dy: usize, sums: usize): void {
  for (; count >= LANES; count -= LANES) {
    v128.store(sums, v128.add<Float>(v128.load(sums), v128.mul<Float>(v128.load(y), v128.load(dy))))
    y += 16
    dy += 16
    sums += 16
  }
  for (; count > 0; --count) {
    store<Float>(sums, load<Float>(sums) + load<Float>(y) * load<Float>(dy))
    y += SIZE
    dy += SIZE
    sums += SIZE
  }
}

/** dx_j = y_j * (dy_j - sum_k y_k dy_k): the product of dy and the whole Jacobian. */
export function softmaxBackward(n: i32, c: i32, hw: i32, y: usize, dy: usize, scratch: usize, dx: usize): void {
  const plane = <usize>hw * SIZE
  const sums = scratch + SOFTMAX_SCRATCH
  const block = sums + plane
  for (let i = 0; i < n; ++i) {
    if (hw == 1) {
      spread(c, <Float>total<Products>(1, c, 0, y, dy, false), y, dy, dx)
    } else {
      memory.fill(sums, 0, plane)
      for (let begin = 0; begin < c; begin += SUM_STEPS) {
        const to = begin ? block : sums
        if (begin) memory.fill(block, 0, plane)
        for (let j = begin; j < min(c, begin + SUM_STEPS); ++j) {
          addProducts(hw, y + <usize>j * plane, dy + <usize>j * plane, to)
        }
        if (begin) add(hw, sums, block, sums)
      }
      for (let j = 0; j < c; ++j) {
        spreadEach(hw, sums, y + <usize>j * plane, dy + <usize>j * plane, dx + <usize>j * plane)
      }
    }
    y += <usize>c * plane
    dy += <usize>c * plane
    dx += <usize>c * plane
  }
}
