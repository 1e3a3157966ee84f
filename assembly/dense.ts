// Dense layer, y (n x out) = x (n x in) w^T + b with w (out x in): three matrix products. A call may be for some of the
// columns only, of inputs or outputs: pointers are then to the first of them, and a row of x, y, or w has `allInputs` or
// `allOutputs` values.

import { SIZE } from './float'
import { gemm } from './gemm'

/** y = x w^T + b; bias may be 0 (none). */
export function denseForward(
  n: i32, inputs: i32, outputs: i32, allOutputs: i32, x: usize, w: usize, bias: usize, scratch: usize, y: usize,
): void {
  for (let i = 0; bias && i < n; ++i) {
    memory.copy(y + <usize>(i * allOutputs) * SIZE, bias, <usize>outputs * SIZE)
  }
  gemm(n, outputs, inputs, inputs, 1, 1, inputs, allOutputs, i32(bias != 0), x, w, scratch, y)
}

/** dx = dy w. */
export function denseBackwardInput(
  n: i32, inputs: i32, allInputs: i32, outputs: i32, dy: usize, w: usize, scratch: usize, dx: usize,
): void {
  gemm(n, inputs, outputs, outputs, 1, allInputs, 1, allInputs, 0, dy, w, scratch, dx)
}

/** dw += dy^T x. */
export function denseBackwardWeight(
  n: i32, inputs: i32, allInputs: i32, outputs: i32, allOutputs: i32, x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  gemm(outputs, inputs, n, 1, allOutputs, allInputs, 1, allInputs, 1, dy, x, scratch, dw)
}
