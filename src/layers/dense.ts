import { checkOptions, flag, integer } from '../errors'
import type { Initializer } from '../initializers'
import { GEMM_SCRATCH } from '../kernels/blocking'
import type { Layer } from '../plan/plan'
import { checkInitializer, defaultInitializer, planBias } from './weights'

/**
 * Fully connected: (N, in) to (N, units), y = x wᵀ + b. weight: (units, in), bias: (units). `bias`, true unless given,
 * says whether there is a b; `init`, what suits the layers after it unless given, fills the weights.
 */
export function dense(units: number, options: { bias?: boolean; init?: Initializer } = {}): Layer {
  integer('dense', 'units', units, 1)
  checkOptions('dense', options, ['bias', 'init'])
  const hasBias = flag('dense', 'bias', options.bias ?? true)
  checkInitializer('dense', options.init)
  return {
    kind: 'dense',
    config: {
      units,
      bias: hasBias,
      ...(options.init && { init: { kind: options.init.kind, ...options.init.config } }),
    },
    plan(x, plan) {
      if (x.shape.length !== 1) {
        throw plan.error(`wants a vector, got an input of shape (${x.shape.join(', ')}); put flatten() before it`)
      }
      const inputs = x.size
      const weight = plan.parameter('weight', [units, inputs], {
        init: options.init ?? defaultInitializer(plan.following),
        fanIn: inputs,
        fanOut: units,
        decay: true,
      })
      const bias = hasBias ? planBias(plan, units) : undefined
      plan.keep(x)
      plan.scratch(GEMM_SCRATCH)
      const y = plan.value([units])
      return {
        y,
        flops: 2 * inputs * units,
        forward(n) {
          const b = bias ? bias.data : 0
          plan.kernels.denseForward(n, inputs, units, x.data, weight.data, b, plan.scratchPointer, y.data)
        },
        backward(n) {
          const db = bias ? bias.gradient : 0
          const { kernels, scratchPointer } = plan
          if (weight.gradient)
            kernels.denseBackwardWeight(n, inputs, units, x.data, y.gradient, scratchPointer, weight.gradient, db)
          if (!plan.wants(x)) return
          kernels.denseBackwardInput(n, inputs, units, y.gradient, weight.data, scratchPointer, x.gradient)
        },
      }
    },
  }
}
