// Dense layer, y (n x out) = x (n x in) w^T + b with w (out x in): three matrix products.

import { gemm } from './gemm'
import { SIZE } from './float'

/** y = x w^T + b; bias may be 0 (none). */
export function denseForward(
  n: i32, inputs: i32, outputs: i32, x: usize, w: usize, bias: usize, scratch: usize, y: usize,
): void {
  if (bias) {
    const bytes = <usize>outputs * SIZE
    for (let i = 0; i < n; ++i) memory.copy(y + <usize>i * bytes, bias, bytes)
  }
  gemm(n, outputs, inputs, inputs, 1, 1, inputs, i32(bias != 0), x, w, scratch, y)
}

/** dx = dy w. */
export function denseBackwardInput(
  n: i32, inputs: i32, outputs: i32, dy: usize, w: usize, scratch: usize, dx: usize,
): void {
  gemm(n, inputs, outputs, outputs, 1, inputs, 1, 0, dy, w, scratch, dx)
}

/** dw += dy^T x; db += column sums of dy, in the order of the rows; db may be 0. */
export function denseBackwardWeight(
  n: i32, inputs: i32, outputs: i32, x: usize, dy: usize, scratch: usize, dw: usize, db: usize,
): void {
  gemm(outputs, inputs, n, 1, outputs, inputs, 1, 1, dy, x, scratch, dw)
  if (!db) return
  for (let i = 0; i < n; ++i) {
    for (let j: usize = 0; j < <usize>outputs * SIZE; j += SIZE) {
      store<Float>(db + j, load<Float>(db + j) + load<Float>(dy + j))
    }
    dy += <usize>outputs * SIZE
  }
}
