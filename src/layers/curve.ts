// What activations share whose slope is computed from x.

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
      const sizes = [times(x.size), which]
      const scratch = CURVE_SCRATCH
      plan.forward('curveForward', { sizes, reads: [x], scratch, writes: [y], flops: x.size })
      plan.backward('curveBackward', { sizes, reads: [x, y.gradient], scratch, writes: [x.gradient] })
      return y
    },
  }
}
