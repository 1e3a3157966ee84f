import { PlanError, checkArguments, checkOptions, finite, flag } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/**
 * Momentum (Polyak, 1964; CS231n): v = ρ v + dx, x -= rate · v, with ρ = `rho`, 0.9 unless given. With `average`, false
 * unless given, v = ρ v + (1 - ρ) dx: the exponential moving average of the gradients, whose steps are 1 - ρ as long.
 * `dampening`, 0 unless given, is PyTorch's: v = dx in the first step, then v = ρ v + (1 - dampening) dx.
 *
 *     momentum({ learningRate: 0.01, rho: 0.9 })
 */
export function momentum(options: WithRate & { rho?: number; average?: boolean; dampening?: number }): Optimizer {
  checkArguments('momentum', arguments, 1)
  options = checkOptions('momentum', options, ['learningRate', 'rho', 'average', 'dampening'])
  const rho = finite('momentum', 'rho', options.rho ?? 0.9, 0, 1)
  const average = flag('momentum', 'average', options.average ?? false)
  const dampening = finite('momentum', 'dampening', options.dampening ?? 0, 0, 1)
  if (average && dampening) {
    throw new PlanError(
      `momentum: average says what gradients are multiplied by, and so does dampening; take one of them`,
    )
  }
  const keep = average ? 1 - rho : 1 - dampening
  return {
    kind: 'momentum',
    config: { rho, average, ...(dampening && { dampening }) },
    learningRate: rateOf('momentum', options),
    slots: ['momentum_buffer'],
    uses: ['momentum'],
    update({ kernels, count, dx, slots, x }, rate, t) {
      kernels.momentum(count, rate, rho, dampening && t === 1 ? 1 : keep, dx, slots[0], x)
    },
  }
}
