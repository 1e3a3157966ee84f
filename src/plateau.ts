// A learning rate that watches how training goes.

import { PlanError, checkArguments, checkOptions, finite, integer, oneOf, show } from './errors'
import { MEASURES, type Measure, type Schedule, checkTime } from './schedules'

/** Of reduceOnPlateau. */
export interface PlateauOptions {
  /** The rate at first. */
  initial: number
  /** What a cut multiplies the rate by, below 1: 0.1 unless given. */
  factor?: number
  /** Epochs without a new best that pass before a cut: 10 unless given. */
  patience?: number
  /** By how much a new best is better: 1e-4 unless given. */
  threshold?: number
  /** Whether threshold is a share of the best or a difference from it: 'relative' unless given. */
  thresholdMode?: 'relative' | 'absolute'
  /** Epochs after a cut that do not count: 0 unless given. */
  cooldown?: number
  /** The least rate that a cut leads to: 0 unless given. */
  minRate?: number
  /** Whether less is better, as of a loss, or more, 'max', as of an accuracy. 'min' unless given; for an accuracy 'max'. */
  mode?: 'min' | 'max'
  /** Which measure of an epoch is watched: the loss unless given, of validation or, without it, of training. */
  monitor?: Measure
}

/**
 * Cuts the rate once the loss stops falling, or another measure getting better, as PyTorch's ReduceLROnPlateau: after more
 * than `patience` epochs without a new best the rate becomes `factor` times as large, but never less than `minRate`, and the next
 * `cooldown` epochs are not counted. A loss is a new best if it is less than best · (1 - threshold) or, with
 * `thresholdMode: 'absolute'`, less than best - threshold; with `mode: 'max'` it has to be more than best · (1 + threshold),
 * or best + threshold. A NaN never is. Cuts of 1e-8 or less are left out.
 *
 * fit shows it the loss of each epoch, of validation or, without it, of training, or what `monitor` names. A loop of your
 * own calls `model.observe(loss)` at the end of each epoch, with any measure. The state belongs to the run: it starts anew with each fit.
 *
 *     sgd({ learningRate: reduceOnPlateau({ initial: 0.1, factor: 0.5, patience: 3 }) })
 */
export function reduceOnPlateau(options: PlateauOptions): Schedule {
  const where = 'reduceOnPlateau'
  checkArguments(where, arguments, 1)
  options = checkOptions(where, options, [
    'initial',
    'factor',
    'patience',
    'threshold',
    'thresholdMode',
    'cooldown',
    'minRate',
    'mode',
    'monitor',
  ])
  const initial = finite(where, 'initial', options.initial, 0)
  const factor = finite(where, 'factor', options.factor ?? 0.1, 0)
  if (factor >= 1) throw new PlanError(`${where}: factor must be less than 1, got ${show(factor)}`)
  const patience = integer(where, 'patience', options.patience ?? 10, 0)
  const threshold = finite(where, 'threshold', options.threshold ?? 1e-4, 0)
  const thresholdMode = oneOf(where, 'thresholdMode', options.thresholdMode ?? 'relative', ['relative', 'absolute'])
  const { monitor } = options
  if (monitor !== undefined) oneOf(where, 'monitor', monitor, MEASURES)
  const isAccuracy = monitor?.endsWith('ccuracy')
  const mode = oneOf(where, 'mode', options.mode ?? (isAccuracy ? 'max' : 'min'), ['min', 'max'])
  if (isAccuracy && mode === 'min') throw new PlanError(`${where}: of an accuracy more is better; leave mode out`)
  const sign = mode === 'max' ? 1 : -1
  const cooldown = integer(where, 'cooldown', options.cooldown ?? 0, 0)
  const minRate = finite(where, 'minRate', options.minRate ?? 0, 0)
  /** Places in the state: the rate, the best measure, epochs since then, epochs of cooldown left. */
  const [RATE, BEST, BAD, COOLING] = [0, 1, 2, 3]
  const rate = (t: number, total?: number, state?: Float64Array): number => {
    checkTime(where, t, total)
    return state?.[RATE] ?? initial
  }
  return Object.assign(rate, {
    kind: where,
    config: {
      initial,
      factor,
      patience,
      threshold,
      thresholdMode,
      cooldown,
      minRate,
      ...(mode === 'max' && { mode }),
      ...(monitor && { monitor }),
    },
    per: 'epoch' as const,
    initialState: [initial, -sign * Infinity, 0, 0],
    monitor,
    observe(_epoch: number, measure: number, state: Float64Array): void {
      const best = state[BEST]
      const wanted = thresholdMode === 'relative' ? best * (1 + sign * threshold) : best + sign * threshold
      if (sign * measure > sign * wanted) {
        state[BEST] = measure
        state[BAD] = 0
      } else {
        state[BAD]++
      }
      if (state[COOLING] > 0) {
        state[COOLING]--
        state[BAD] = 0
      }
      if (state[BAD] <= patience) return
      state[BAD] = 0
      state[COOLING] = cooldown
      const cut = Math.max(state[RATE] * factor, minRate)
      if (state[RATE] - cut > 1e-8) state[RATE] = cut
    },
  })
}
