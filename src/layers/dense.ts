import { MAX_SIZE, checkArguments, checkOptions, few, flag, integer } from '../errors'
import type { Initializer } from '../initializers'
import { GEMM_SCRATCH, LONG } from '../kernels/blocking'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { biasGradient, checkInitializer, defaultInitializer, planBias } from './weights'

/**
 * Fully connected: (N, in) to (N, units), y = x wᵀ + b. weight: (units, in), bias: (units). `bias`, true unless given,
 * says whether there is a b; `init`, what suits the layers after it unless given, fills the weights.
 */
export function dense(units: number, options: { bias?: boolean; init?: Initializer } = {}): Layer {
  checkArguments('dense', arguments, 2)
  integer('dense', 'units', units, 1, MAX_SIZE)
  options = checkOptions('dense', options, ['bias', 'init'])
  const hasBias = flag('dense', 'bias', options.bias ?? true)
  const init = checkInitializer('dense', options.init)
  return {
    kind: 'dense',
    config: {
      units,
      bias: hasBias,
      ...(init && { init: { kind: init.kind, ...init.config } }),
    },
    plan(x, plan) {
      if (x.shape.length !== 1) {
        throw plan.error(`wants a vector, got an input of shape (${few(x.shape)}); put flatten() before it`)
      }
      const inputs = x.size
      const weight = plan.parameter('weight', [units, inputs], {
        init: init ?? defaultInitializer(plan.ahead),
        fanIn: inputs,
        fanOut: units,
        decay: true,
      })
      const bias = hasBias ? planBias(plan, units) : undefined
      const y = plan.value([units])
      const scratch = GEMM_SCRATCH
      // See assembly/part.ts.
      const variant = Math.max(inputs, units, plan.batch) > LONG ? undefined : 0
      plan.forward('denseForward', {
        sizes: [N, inputs, units, units],
        variant,
        reads: [x, weight, bias],
        scratch,
        writes: [y],
        flops: 2 * weight.size,
      })
      plan.backward('denseBackwardWeight', {
        sizes: [N, inputs, inputs, units, units],
        variant,
        reads: [x, y.gradient],
        scratch,
        writes: [weight.gradient],
      })
      if (bias) plan.backward('addChannelSums', biasGradient(y, bias, 1))
      plan.backward('denseBackwardInput', {
        sizes: [N, inputs, inputs, units],
        variant,
        reads: [y.gradient, weight],
        scratch,
        writes: [x.gradient],
      })
      return y
    },
  }
}
