// Products of rows with a matrix: y = x wᵀ + b, of every row of numbers that a layer has, for layers with such weights.

import { GEMM_SCRATCH, LONG } from '../kernels/blocking'
import { times } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Reference, Value } from '../plan/value'

/** What is multiplied, and where to. */
export interface Linear {
  readonly x: Value
  readonly y: Value
  /** Rows that each example has. */
  readonly rows: number
  /** Numbers of a row of x, and of y. */
  readonly inputs: number
  readonly outputs: number
  /** (outputs, inputs), and its gradient; none where it is frozen. */
  readonly weight: Reference
  readonly weightGradient: Reference
  /** (outputs), likewise. */
  readonly bias?: Reference
  readonly biasGradient?: Reference
}

/** Records the product; gives what records its backward pass, whose calls may have to stand behind others. */
export function planLinear(plan: Plan, linear: Linear): () => void {
  const { x, y, rows, inputs, outputs, weight, weightGradient, bias, biasGradient } = linear
  const scratch = GEMM_SCRATCH
  const n = times(rows)
  // See assembly/part.ts.
  const variant = Math.max(inputs, outputs, plan.batch * rows) > LONG ? undefined : 0
  plan.forward('denseForward', {
    sizes: [n, inputs, outputs, outputs],
    variant,
    reads: [x, weight, bias],
    scratch,
    writes: [y],
    flops: 2 * rows * inputs * outputs,
  })
  return () => {
    plan.backward('denseBackwardWeight', {
      sizes: [n, inputs, inputs, outputs, outputs],
      variant,
      reads: [x, y.gradient],
      scratch,
      writes: [weightGradient],
    })
    if (bias) {
      const sizes = [n, outputs, outputs, 1]
      plan.backward('addChannelSums', { sizes, reads: [y.gradient], writes: [biasGradient] })
    }
    plan.backward('denseBackwardInput', {
      sizes: [n, inputs, inputs, outputs],
      variant,
      reads: [y.gradient, weight],
      scratch,
      writes: [x.gradient],
    })
  }
}
