import { checkArguments, checkOptions, epsilonOf, finite, flag } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/** Of adagrad. */
export interface AdagradOptions extends WithRate {
  /** ε, which keeps the division finite: 1e-8 unless given (PyTorch's is 1e-10, TensorFlow's 1e-7). */
  epsilon?: number
  /** ε under the root rather than beside it; false unless given. */
  epsilonInside?: boolean
  /** What the cache begins with: 0 unless given (TensorFlow's is 0.1). */
  initialAccumulator?: number
}

/**
 * AdaGrad (Duchi et al., 2011; CS231n): cache += dx², x -= rate · dx / (√cache + ε), or, with `epsilonInside`,
 * √(cache + ε).
 *
 *     adagrad({ learningRate: 0.01 })
 */
export function adagrad(options: AdagradOptions): Optimizer {
  checkArguments('adagrad', arguments, 1)
  options = checkOptions('adagrad', options, ['learningRate', 'epsilon', 'epsilonInside', 'initialAccumulator'])
  const epsilon = epsilonOf('adagrad', options.epsilon ?? 1e-8)
  const epsilonInside = flag('adagrad', 'epsilonInside', options.epsilonInside ?? false)
  const initialAccumulator = finite('adagrad', 'initialAccumulator', options.initialAccumulator ?? 0, 0)
  const inside = epsilonInside ? epsilon : 0
  const outside = epsilonInside ? 0 : epsilon
  return {
    kind: 'adagrad',
    config: { epsilon, ...(epsilonInside && { epsilonInside }), ...(initialAccumulator && { initialAccumulator }) },
    learningRate: rateOf('adagrad', options),
    slots: ['sum'],
    ...(initialAccumulator && { slotsBegin: [initialAccumulator] }),
    uses: ['rmsprop'],
    squares: 'sum',
    // RMSProp's kernel with nothing forgotten.
    update: ({ kernels, count, dx, slots, x }, rate) =>
      kernels.rmsprop(count, rate, 1, 1, inside, outside, dx, slots[0], x),
  }
}
