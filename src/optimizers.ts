import { PlanError, checkOptions, finite, flag, show } from './errors'
import type { Kernels } from './engine/index'
import type { Schedule } from './schedules'

/** How parameters follow their gradients. All parameters lie in one piece, and so does each slot. */
export interface Optimizer {
  readonly kind: string
  readonly config: object
  readonly learningRate: number | Schedule
  /** What it remembers for each parameter, by name; zero at first. */
  readonly slots: readonly string[]
  /** Step t = 1, 2, ... of all `count` parameters x, with gradients dx; pointers. */
  update(
    kernels: Kernels,
    count: number,
    rate: number,
    t: number,
    dx: number,
    slots: readonly number[],
    x: number,
  ): void
}

interface WithRate {
  learningRate: number | Schedule
}

/** Stochastic gradient descent: x -= rate · dx. */
export function sgd(options: WithRate): Optimizer {
  checkOptions('sgd', options, ['learningRate'])
  return {
    kind: 'sgd',
    config: {},
    learningRate: rateOf('sgd', options),
    slots: [],
    update: (kernels, count, rate, _t, dx, _slots, x) => kernels.addScaled(count, -rate, dx, x),
  }
}

/**
 * Momentum (Polyak, 1964; CS231n): v = ρ v + dx, x -= rate · v. With `average`, v = ρ v + (1 - ρ) dx.
 *
 *     momentum({ learningRate: 0.01, rho: 0.9 })
 */
export function momentum(options: WithRate & { rho?: number; average?: boolean }): Optimizer {
  checkOptions('momentum', options, ['learningRate', 'rho', 'average'])
  const rho = finite('momentum', 'rho', options.rho ?? 0.9, 0, 1)
  const average = flag('momentum', 'average', options.average ?? false)
  return {
    kind: 'momentum',
    config: { rho, average },
    learningRate: rateOf('momentum', options),
    slots: ['velocity'],
    update(kernels, count, rate, _t, dx, slots, x) {
      kernels.momentum(count, rate, rho, average ? 1 - rho : 1, dx, slots[0], x)
    },
  }
}

/**
 * Adam (Kingma & Ba, 2015): m = β1 m + (1 - β1) dx, v = β2 v + (1 - β2) dx², x -= rate · m̂ / (√v̂ + ε) with
 * m̂ = m / (1 - β1ᵗ), v̂ = v / (1 - β2ᵗ) unless `biasCorrection` is false. With `epsilonInside`, √(v̂ + ε).
 */
export function adam(
  options: WithRate & {
    beta1?: number
    beta2?: number
    epsilon?: number
    epsilonInside?: boolean
    biasCorrection?: boolean
  },
): Optimizer {
  const keys = ['learningRate', 'beta1', 'beta2', 'epsilon', 'epsilonInside', 'biasCorrection']
  checkOptions('adam', options, keys)
  const beta1 = decay('beta1', options.beta1 ?? 0.9)
  const beta2 = decay('beta2', options.beta2 ?? 0.999)
  const epsilon = finite('adam', 'epsilon', options.epsilon ?? 1e-8, 0)
  const epsilonInside = flag('adam', 'epsilonInside', options.epsilonInside ?? false)
  const biasCorrection = flag('adam', 'biasCorrection', options.biasCorrection ?? true)
  return {
    kind: 'adam',
    config: { beta1, beta2, epsilon, epsilonInside, biasCorrection },
    learningRate: rateOf('adam', options),
    slots: ['m', 'v'],
    update(kernels, count, rate, t, dx, slots, x) {
      const first = biasCorrection ? rate / (1 - integerPower(beta1, t)) : rate
      const second = biasCorrection ? 1 / (1 - integerPower(beta2, t)) : 1
      const inside = epsilonInside ? epsilon : 0
      const outside = epsilonInside ? 0 : epsilon
      const m = slots[0]
      const v = slots[1]
      kernels.adam(count, first, beta1, 1 - beta1, beta2, 1 - beta2, second, inside, outside, dx, m, v, x)
    },
  }
}

/** β from 0 to less than 1: with 1 there is nothing to correct the bias by, and 1 - βᵗ is 0. */
function decay(name: string, value: number): number {
  if (finite('adam', name, value, 0) < 1) return value
  throw new PlanError(`adam: ${name} must be from 0 to less than 1, got ${show(value)}`)
}

/** base^exponent by repeated squaring: Math.pow differs between engines. */
function integerPower(base: number, exponent: number): number {
  let power = 1
  for (let square = base; exponent > 0; square *= square) {
    if (exponent % 2 === 1) power *= square
    exponent = Math.floor(exponent / 2)
  }
  return power
}

function rateOf(where: string, { learningRate }: WithRate): number | Schedule {
  if (typeof learningRate === 'function') return learningRate
  if (typeof learningRate !== 'number' || !(learningRate >= 0) || learningRate === Infinity) {
    throw new PlanError(
      `${where}: learningRate must be a number of at least 0 or a schedule, got ${show(learningRate)}`,
    )
  }
  return learningRate
}
