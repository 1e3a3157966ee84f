import { checkArguments, checkOptions, epsilonOf, finite, flag } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/**
 * RMSProp (Tieleman & Hinton, 2012; CS231n): cache = decay · cache + (1 - decay) dx², x -= rate · dx / (√cache + ε).
 * `decay` is 0.99 unless given, ε is `epsilon`, 1e-8 unless given. It is outside the root, as PyTorch has it; with
 * `epsilonInside`, false unless given, √(cache + ε), as TensorFlow has it.
 *
 *     rmsprop({ learningRate: 0.001, decay: 0.99, epsilon: 1e-8 })
 */
export function rmsprop(options: WithRate & { decay?: number; epsilon?: number; epsilonInside?: boolean }): Optimizer {
  checkArguments('rmsprop', arguments, 1)
  options = checkOptions('rmsprop', options, ['learningRate', 'decay', 'epsilon', 'epsilonInside'])
  const decay = finite('rmsprop', 'decay', options.decay ?? 0.99, 0, 1)
  const epsilon = epsilonOf('rmsprop', options.epsilon ?? 1e-8)
  const epsilonInside = flag('rmsprop', 'epsilonInside', options.epsilonInside ?? false)
  const inside = epsilonInside ? epsilon : 0
  const outside = epsilonInside ? 0 : epsilon
  return {
    kind: 'rmsprop',
    config: { decay, epsilon, epsilonInside },
    learningRate: rateOf('rmsprop', options),
    slots: ['square_avg'],
    uses: ['rmsprop'],
    squares: true,
    update: ({ kernels, count, dx, slots, x }, rate) =>
      kernels.rmsprop(count, rate, decay, 1 - decay, inside, outside, dx, slots[0], x),
  }
}
