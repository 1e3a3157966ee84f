// What activations of one value share.

import { EXP_SCRATCH } from '../kernels/blocking'
import type { Kernels } from '../kernels/index'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'

/**
 * A layer that works value by value, of any shape, and whose backward pass needs nothing but y: `forward` is a kernel
 * (count, ...numbers, x, y), `backward` one of (count, ...numbers, y, dy, dx). Where it takes e^x, `exp`, forward has
 * scratch before y.
 */
export function activation(
  kind: string,
  config: object,
  {
    forward,
    backward,
    numbers = [],
    exp = false,
  }: {
    forward: keyof Kernels
    backward: keyof Kernels
    numbers?: readonly number[]
    exp?: boolean
  },
): Layer {
  return {
    kind,
    config,
    plan(x, plan) {
      const y = plan.value(x.shape)
      const sizes = [times(x.size), ...numbers]
      const scratch = exp ? EXP_SCRATCH : undefined
      plan.forward(forward, { sizes, reads: [x], scratch, writes: [y], flops: x.size })
      plan.backward(backward, { sizes, reads: [y, y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
