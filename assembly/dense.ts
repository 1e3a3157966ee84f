// Dense layer, y (n x out) = x (n x in) w^T + b with w (out x in): three matrix products.

import { SUM_STEPS } from '../src/kernels/blocking'
import { LANES, SIZE } from './float'
import { gemm } from './gemm'
import { Values, total } from './reduce'

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

/** dw += dy^T x; db += column sums of dy; db may be 0. */
export function denseBackwardWeight(
  n: i32, inputs: i32, outputs: i32, x: usize, dy: usize, scratch: usize, dw: usize, db: usize,
): void {
  gemm(outputs, inputs, n, 1, outputs, inputs, 1, 1, dy, x, scratch, dw)
  if (db) addColumnSums(n, outputs, dy, db)
}

/** sums += the sums of the columns of x (n x c), in the order of reduce.ts for rows of one value. */
function addColumnSums(n: i32, c: i32, x: usize, sums: usize): void {
  const stride = <usize>c * SIZE
  for (; c >= LANES; c -= LANES, x += 16, sums += 16) {
    let low = f64x2.splat(0)
    let high = low
    let from = x
    for (let left = n; left > 0; left -= SUM_STEPS) {
      let sum = v128.splat<Float>(0)
      for (let row = min(left, SUM_STEPS); row > 0; --row, from += stride) sum = v128.add<Float>(sum, v128.load(from))
      if (LANES == 2) {
        low = f64x2.add(low, sum)
      } else {
        low = f64x2.add(low, f64x2.promote_low_f32x4(sum))
        high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(sum, sum, 1, 1)))
      }
    }
    if (LANES == 4) low = v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2)
    v128.store(sums, v128.add<Float>(v128.load(sums), low))
  }
  for (; c > 0; --c, x += SIZE, sums += SIZE) {
    store<Float>(sums, load<Float>(sums) + <Float>total<Values>(n, 1, stride, x, 0, 0))
  }
}
