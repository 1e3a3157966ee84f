// The axes of weights in another order, as `permute` has it.

import { product } from '../tensor'

/** The numbers, in float32, with axis i of the result being axis `order[i]` of `shape`. */
export function transpose(
  data: ArrayLike<number>,
  shape: readonly number[],
  order: readonly number[],
): Float32Array<ArrayBuffer> {
  const to = new Float32Array(data.length)
  const steps = shape.map((_, i) => product(shape.slice(i + 1)))
  const sizes = order.map((axis) => shape[axis])
  const strides = order.map((axis) => steps[axis])
  const place = sizes.map(() => 0)
  const last = sizes.length - 1
  const [run, stride] = [sizes[last], strides[last]]
  let from = 0
  for (let i = 0; i < to.length; i += run) {
    for (let k = 0; k < run; k++) to[i + k] = data[from + k * stride]
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis]
      if (++place[axis] < sizes[axis]) break
      from -= strides[axis] * sizes[axis]
      place[axis] = 0
    }
  }
  return to
}
