import { checkArguments, checkOptions, finite } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/**
 * Nesterov's momentum (Nesterov, 1983; Sutskever et al., 2013) in the form of CS231n, in which x is the point ahead at
 * which gradients are taken: old = v, v = ρ v - rate · dx, x += -ρ · old + (1 + ρ) v, with ρ = `rho`, 0.9 unless given.
 *
 *     nesterov({ learningRate: 0.01, rho: 0.9 })
 */
export function nesterov(options: WithRate & { rho?: number }): Optimizer {
  checkArguments('nesterov', arguments, 1)
  options = checkOptions('nesterov', options, ['learningRate', 'rho'])
  const rho = finite('nesterov', 'rho', options.rho ?? 0.9, 0, 1)
  return {
    kind: 'nesterov',
    config: { rho },
    learningRate: rateOf('nesterov', options),
    slots: ['momentum_buffer'],
    uses: ['nesterov'],
    update: ({ kernels, count, dx, slots, x }, rate) => kernels.nesterov(count, rate, rho, 1 + rho, dx, slots[0], x),
  }
}
