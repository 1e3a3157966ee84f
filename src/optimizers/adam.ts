import { PlanError, checkArguments, checkOptions, epsilonOf, finite, flag, show } from '../errors'
import { integerPower } from '../kernels/math'
import { type Optimizer, type Parameters, type WithRate, rateOf } from './optimizer'

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
  /**
   * ε beside the root of v itself, as TensorFlow, Keras and ONNX have it: x -= rate · √(1 - β2ᵗ) / (1 - β1ᵗ) · m /
   * (√v + ε). False unless given.
   */
  epsilonUncorrected?: boolean
  /** By the largest v so far in the place of v (AMSGrad; Reddi et al., 2018), as PyTorch has it. False unless given. */
  amsgrad?: boolean
  /** Makes up for means that begin at 0; true unless given. */
  biasCorrection?: boolean
}

const KEYS = [
  'learningRate',
  'beta1',
  'beta2',
  'epsilon',
  'epsilonInside',
  'epsilonUncorrected',
  'amsgrad',
  'biasCorrection',
]

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
 * PyTorch decays all it is given, as createModel's `decay: 'all'` does. `weightDecay` is 0.01 unless given.
 *
 *     adamW({ learningRate: 1e-3, weightDecay: 0.05 })
 */
export function adamW(options: AdamOptions & { weightDecay?: number }): Optimizer {
  checkArguments('adamW', arguments, 1)
  options = checkOptions('adamW', options, [...KEYS, 'weightDecay'])
  const weightDecay = finite('adamW', 'weightDecay', options.weightDecay ?? 0.01, 0)
  const { config, ...optimizer } = adamOf('adamW', options, weightDecay)
  return { ...optimizer, config: { ...config, weightDecay }, decays: true }
}

function adamOf(kind: string, options: AdamOptions, ownDecay: number): Optimizer {
  const beta1 = fraction(kind, 'beta1', options.beta1 ?? 0.9)
  const beta2 = fraction(kind, 'beta2', options.beta2 ?? 0.999)
  const epsilon = epsilonOf(kind, options.epsilon ?? 1e-8)
  const epsilonInside = flag(kind, 'epsilonInside', options.epsilonInside ?? false)
  const epsilonUncorrected = flag(kind, 'epsilonUncorrected', options.epsilonUncorrected ?? false)
  const amsgrad = flag(kind, 'amsgrad', options.amsgrad ?? false)
  const biasCorrection = flag(kind, 'biasCorrection', options.biasCorrection ?? true)
  if (epsilonInside && epsilonUncorrected) {
    throw new PlanError(`${kind}: epsilonInside and epsilonUncorrected put epsilon in two places; take one of them`)
  }
  const inside = epsilonInside ? epsilon : 0
  const outside = epsilonInside ? 0 : epsilon
  return {
    kind,
    config: {
      beta1,
      beta2,
      epsilon,
      epsilonInside,
      ...(epsilonUncorrected && { epsilonUncorrected }),
      ...(amsgrad && { amsgrad }),
      biasCorrection,
    },
    learningRate: rateOf(kind, options),
    slots: ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])],
    uses: [amsgrad ? 'amsgrad' : 'adam'],
    squares: true,
    update(parameters, rate, t) {
      const { kernels, count, weightDecay = ownDecay } = parameters
      let first = biasCorrection ? rate / (1 - integerPower(beta1, t)) : rate
      let second = biasCorrection ? 1 / (1 - integerPower(beta2, t)) : 1
      if (epsilonUncorrected) {
        first /= Math.sqrt(second)
        second = 1
      }
      // Those that decay first, then the others; all at once where nothing decays.
      const split = weightDecay ? parameters.decayed : 0
      const keep = 1 - rate * weightDecay
      if (split) step(parameters, split, first, second, keep, 0)
      step(parameters, count - split, first, second, 1, split * kernels.bytesPerValue())
    },
  }

  /** A step of so many parameters, `skip` bytes behind the first. */
  function step(
    { kernels, dx, slots, x }: Parameters,
    count: number,
    first: number,
    second: number,
    keep: number,
    skip: number,
  ): void {
    const rest1 = 1 - beta1
    const rest2 = 1 - beta2
    const m = slots[0] + skip
    const v = slots[1] + skip
    dx += skip
    x += skip
    if (!amsgrad) {
      kernels.adam(count, first, beta1, rest1, beta2, rest2, second, inside, outside, keep, dx, m, v, x)
      return
    }
    const s = slots[2] + skip
    kernels.amsgrad(count, first, beta1, rest1, beta2, rest2, second, inside, outside, keep, dx, m, v, s, x)
  }
}

/** β from 0 to less than 1: with 1 there is nothing to correct the bias by, and 1 - βᵗ is 0. */
function fraction(where: string, name: string, value: number): number {
  if (finite(where, name, value, 0) < 1) return value
  throw new PlanError(`${where}: ${name} must be from 0 to less than 1, got ${show(value)}`)
}
