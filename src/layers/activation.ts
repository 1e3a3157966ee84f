// What activations of one value share.

import type { Kernels } from '../kernels/index'
import { EXP_SCRATCH } from '../kernels/blocking'
import type { Layer } from '../plan/plan'

/** A layer that works value by value, of any shape, and whose backward pass needs nothing but y. */
export function activation(
  kind: string,
  config: object,
  forward: (kernels: Kernels, count: number, x: number, scratch: number, y: number) => void,
  backward: (kernels: Kernels, count: number, y: number, dy: number, dx: number) => void,
): Layer {
  return {
    kind,
    config,
    plan(x, plan) {
      const y = plan.value(x.shape)
      plan.keep(y)
      plan.scratch(EXP_SCRATCH)
      return {
        y,
        flops: x.size,
        forward: (n) => forward(plan.kernels, n * x.size, x.data, plan.scratchPointer, y.data),
        backward(n) {
          if (plan.wants(x)) backward(plan.kernels, n * x.size, y.data, y.gradient, x.gradient)
        },
      }
    },
  }
}
