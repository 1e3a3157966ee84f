import { PlanError, checkArguments, checkOptions, epsilonOf, finite, flag, show } from '../errors'
import { integerPower } from '../kernels/math'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/** Of adam and adamW. */
export interface AdamOptions extends WithRate {
  /** Of the mean of gradients: 0.9 unless given; at least 0, less than 1. */
  beta1?: number
  /** Of the mean of their squares: 0.999 unless given; at least 0, less than 1. */
  beta2?: number
  /** ε, which keeps the division finite: 1e-8 unless given. */
  epsilon?: number
  /** ε under the root rather than beside it; false unless given. */
  epsilonInside?: boolean
  /** Makes up for means that begin at 0; true unless given. */
  biasCorrection?: boolean
}

const KEYS = ['learningRate', 'beta1', 'beta2', 'epsilon', 'epsilonInside', 'biasCorrection']

/**
 * Adam (Kingma & Ba, 2015): m = β1 m + (1 - β1) dx, v = β2 v + (1 - β2) dx², x -= rate · m̂ / (√v̂ + ε) with
 * m̂ = m / (1 - β1ᵗ), v̂ = v / (1 - β2ᵗ) unless `biasCorrection` is false. With `epsilonInside`, √(v̂ + ε).
 *
 *     adam({ learningRate: 1e-3 })
 */
export function adam(options: AdamOptions): Optimizer {
  checkArguments('adam', arguments, 1)
  return adamOf('adam', checkOptions('adam', options, KEYS), 0)
}

/**
 * AdamW (Loshchilov & Hutter, 2019), in PyTorch's form: x -= rate · weightDecay · x, then Adam's step. The decay is not
 * part of the gradient, so Adam does not rescale it. It applies to weights only, not to biases and norms, as l2 does;
 * PyTorch decays all it is given. `weightDecay` is 0.01 unless given.
 *
 *     adamW({ learningRate: 1e-3, weightDecay: 0.05 })
 */
export function adamW(options: AdamOptions & { weightDecay?: number }): Optimizer {
  checkArguments('adamW', arguments, 1)
  options = checkOptions('adamW', options, [...KEYS, 'weightDecay'])
  const weightDecay = finite('adamW', 'weightDecay', options.weightDecay ?? 0.01, 0)
  const { config, ...optimizer } = adamOf('adamW', options, weightDecay)
  return { ...optimizer, config: { ...config, weightDecay } }
}

function adamOf(kind: string, options: AdamOptions, weightDecay: number): Optimizer {
  const beta1 = fraction(kind, 'beta1', options.beta1 ?? 0.9)
  const beta2 = fraction(kind, 'beta2', options.beta2 ?? 0.999)
  const epsilon = epsilonOf(kind, options.epsilon ?? 1e-8)
  const epsilonInside = flag(kind, 'epsilonInside', options.epsilonInside ?? false)
  const biasCorrection = flag(kind, 'biasCorrection', options.biasCorrection ?? true)
  const inside = epsilonInside ? epsilon : 0
  const outside = epsilonInside ? 0 : epsilon
  return {
    kind,
    config: { beta1, beta2, epsilon, epsilonInside, biasCorrection },
    learningRate: rateOf(kind, options),
    slots: ['exp_avg', 'exp_avg_sq'],
    uses: ['adam'],
    squares: true,
    update({ kernels, count, decayed, dx, slots, x }, rate, t) {
      const first = biasCorrection ? rate / (1 - integerPower(beta1, t)) : rate
      const second = biasCorrection ? 1 / (1 - integerPower(beta2, t)) : 1
      const m = slots[0]
      const v = slots[1]
      // Those that decay first, then the others; all at once where nothing decays.
      const split = weightDecay ? decayed : 0
      const keep = 1 - rate * weightDecay
      const skip = split * kernels.bytesPerValue()
      if (split) {
        kernels.adam(split, first, beta1, 1 - beta1, beta2, 1 - beta2, second, inside, outside, keep, dx, m, v, x)
      }
      kernels.adam(
        count - split,
        first,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        second,
        inside,
        outside,
        1,
        dx + skip,
        m + skip,
        v + skip,
        x + skip,
      )
    },
  }
}

/** β from 0 to less than 1: with 1 there is nothing to correct the bias by, and 1 - βᵗ is 0. */
function fraction(where: string, name: string, value: number): number {
  if (finite(where, name, value, 0) < 1) return value
  throw new PlanError(`${where}: ${name} must be from 0 to less than 1, got ${show(value)}`)
}
