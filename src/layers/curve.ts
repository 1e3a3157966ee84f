// What activations share whose slope is computed with them, from what they have in common.

import { CURVE_SCRATCH } from '../kernels/blocking'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'

/** A layer that takes a curve of each value, of any shape: `which` of src/kernels/curve-kinds.ts. */
export function curve(kind: string, config: object, which: number): Layer {
  return {
    kind,
    config,
    plan(x, plan) {
      const y = plan.value(x.shape)
      const count = times(x.size)
      const sizes = [count, which]
      const scratch = CURVE_SCRATCH
      const slope = x.gradient && plan.saved(plan.batch * x.size * plan.bytes)
      plan.forward('curveForward', { sizes, reads: [x], scratch, writes: [slope, y], flops: x.size })
      plan.backward('multiply', { sizes: [count], reads: [y.gradient, slope], writes: [x.gradient] })
      return y
    },
  }
}
