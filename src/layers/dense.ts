import { MAX_SIZE, checkArguments, checkOptions, few, flag, integer } from '../errors'
import type { Initializer } from '../initializers'
import type { Layer } from '../plan/layer'
import { planLinear } from './linear'
import { checkInitializer, defaultInitializer, planBias } from './weights'

/**
 * Fully connected: (N, in) to (N, units), y = x wᵀ + b, or (N, T, in) to (N, T, units), each position for itself.
 * weight: (units, in), bias: (units). `bias`, true unless given,
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
      const { shape } = x
      if (shape.length > 2) {
        throw plan.error(
          `wants a vector, got an input of shape (${few(shape)}); put flatten() before it, or make it a sequence (T, D), of ` +
            'which dense takes the last axis',
        )
      }
      const inputs = shape.at(-1)!
      const weight = plan.parameter('weight', [units, inputs], {
        init: init ?? defaultInitializer(plan.ahead),
        fanIn: inputs,
        fanOut: units,
        decay: true,
      })
      const bias = hasBias ? planBias(plan, units) : undefined
      const y = plan.value([...shape.slice(0, -1), units])
      planLinear(plan, {
        x,
        y,
        rows: x.size / inputs,
        inputs,
        outputs: units,
        weight,
        weightGradient: weight.gradient,
        bias,
        biasGradient: bias?.gradient,
      })()
      return y
    },
  }
}
