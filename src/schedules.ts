import { PlanError, checkOptions, finite, integer, oneOf } from './errors'
import { cos } from './kernels/math'

/**
 * A learning rate as a pure function of time t = 0, 1, ...: the epoch, or, with `per: 'step'`, the step.
 * `total` is the length of the run in the same unit, as far as it is known (inside fit).
 */
export interface Schedule {
  (t: number, total?: number): number
  readonly per?: 'epoch' | 'step'
}

/**
 * Cosine decay (Loshchilov & Hutter, 2017): initial * (1 + cos(pi t / total)) / 2, from `initial` at t = 0 to 0 at
 * t = total. Without `total` it is the whole run of `fit`.
 *
 *     adam({ learningRate: cosineDecay({ initial: 1e-3, per: 'step' }) })
 */
export function cosineDecay(options: { initial: number; total?: number; per?: 'epoch' | 'step' }): Schedule {
  checkOptions('cosineDecay', options, ['initial', 'total', 'per'])
  const initial = finite('cosineDecay', 'initial', options.initial, 0)
  if (options.total !== undefined) integer('cosineDecay', 'total', options.total, 1)
  const per = oneOf('cosineDecay', 'per', options.per ?? 'epoch', ['epoch', 'step'])
  const rate = (t: number, run?: number): number => {
    const total = options.total ?? run
    if (total === undefined) {
      throw new PlanError(`cosineDecay: the length of the run is not known outside fit; give total, in ${per}s`)
    }
    return (initial * (1 + cos((Math.PI * Math.min(t, total)) / total))) / 2
  }
  return Object.assign(rate, { per })
}
