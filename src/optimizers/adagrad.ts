import { checkArguments, checkOptions, epsilonOf } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/**
 * AdaGrad (Duchi et al., 2011; CS231n): cache += dx², x -= rate · dx / (√cache + ε). ε, `epsilon`, is outside the root:
 * 1e-8 unless given (PyTorch's is 1e-10).
 *
 *     adagrad({ learningRate: 0.01 })
 */
export function adagrad(options: WithRate & { epsilon?: number }): Optimizer {
  checkArguments('adagrad', arguments, 1)
  options = checkOptions('adagrad', options, ['learningRate', 'epsilon'])
  const epsilon = epsilonOf('adagrad', options.epsilon ?? 1e-8)
  return {
    kind: 'adagrad',
    config: { epsilon },
    learningRate: rateOf('adagrad', options),
    slots: ['sum'],
    uses: ['rmsprop'],
    squares: 'sum',
    // RMSProp's kernel with nothing forgotten.
    update: ({ kernels, count, dx, slots, x }, rate) => kernels.rmsprop(count, rate, 1, 1, 0, epsilon, dx, slots[0], x),
  }
}
