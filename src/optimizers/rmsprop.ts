import { checkArguments, checkOptions, epsilonOf, finite, flag } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/** Of rmsprop. */
export interface RmspropOptions extends WithRate {
  /** How much of the mean of squares is kept in a step: 0.99 unless given. */
  decay?: number
  /** ε, which keeps the division finite: 1e-8 unless given. */
  epsilon?: number
  /** ε under the root, as TensorFlow has it, rather than beside it, as PyTorch has it; false unless given. */
  epsilonInside?: boolean
  /** How much of its last step each step takes along, v = momentum · v + u, x -= rate · v: 0 unless given. */
  momentum?: number
  /** By the variance of the gradients, cache - mean², in the place of the mean of their squares. False unless given. */
  centered?: boolean
}

/**
 * RMSProp (Tieleman & Hinton, 2012; CS231n): cache = decay · cache + (1 - decay) dx², u = dx / (√cache + ε),
 * x -= rate · u.
 *
 *     rmsprop({ learningRate: 0.001, decay: 0.99, epsilon: 1e-8 })
 */
export function rmsprop(options: RmspropOptions): Optimizer {
  checkArguments('rmsprop', arguments, 1)
  options = checkOptions('rmsprop', options, [
    'learningRate',
    'decay',
    'epsilon',
    'epsilonInside',
    'momentum',
    'centered',
  ])
  const decay = finite('rmsprop', 'decay', options.decay ?? 0.99, 0, 1)
  const epsilon = epsilonOf('rmsprop', options.epsilon ?? 1e-8)
  const epsilonInside = flag('rmsprop', 'epsilonInside', options.epsilonInside ?? false)
  const momentum = finite('rmsprop', 'momentum', options.momentum ?? 0, 0, 1)
  const centered = flag('rmsprop', 'centered', options.centered ?? false)
  const inside = epsilonInside ? epsilon : 0
  const outside = epsilonInside ? 0 : epsilon
  // Where the others are among the slots, if they are there; the kernel leaves alone what it has no use for.
  const mean = centered ? 1 : 0
  const velocity = momentum ? mean + 1 : 0
  const plain = !momentum && !centered
  return {
    kind: 'rmsprop',
    config: { decay, epsilon, epsilonInside, ...(momentum && { momentum }), ...(centered && { centered }) },
    learningRate: rateOf('rmsprop', options),
    slots: ['square_avg', ...(centered ? ['grad_avg'] : []), ...(momentum ? ['momentum_buffer'] : [])],
    uses: [plain ? 'rmsprop' : 'rmspropFull'],
    squares: true,
    update({ kernels, count, dx, slots, x }, rate) {
      const r = slots[0]
      if (plain) kernels.rmsprop(count, rate, decay, 1 - decay, inside, outside, dx, r, x)
      else {
        const flags = Number(centered)
        const a = slots[mean]
        const v = slots[velocity]
        kernels.rmspropFull(count, rate, decay, 1 - decay, inside, outside, momentum, flags, dx, r, a, v, x)
      }
    },
  }
}
