import { checkArguments, checkOptions, finite, flag } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/**
 * Momentum (Polyak, 1964; CS231n): v = ρ v + dx, x -= rate · v, with ρ = `rho`, 0.9 unless given. With `average`, false
 * unless given, v = ρ v + (1 - ρ) dx: the exponential moving average of the gradients, whose steps are 1 - ρ as long.
 *
 *     momentum({ learningRate: 0.01, rho: 0.9 })
 */
export function momentum(options: WithRate & { rho?: number; average?: boolean }): Optimizer {
  checkArguments('momentum', arguments, 1)
  options = checkOptions('momentum', options, ['learningRate', 'rho', 'average'])
  const rho = finite('momentum', 'rho', options.rho ?? 0.9, 0, 1)
  const average = flag('momentum', 'average', options.average ?? false)
  const keep = average ? 1 - rho : 1
  return {
    kind: 'momentum',
    config: { rho, average },
    learningRate: rateOf('momentum', options),
    slots: ['momentum_buffer'],
    uses: ['momentum'],
    update: ({ kernels, count, dx, slots, x }, rate) => kernels.momentum(count, rate, rho, keep, dx, slots[0], x),
  }
}
