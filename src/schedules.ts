import { PlanError, checkOptions, finite, integer, oneOf, show } from './errors'
import { cos, integerPower } from './kernels/math'

/**
 * A learning rate as a pure function of time t = 0, 1, ...: the epoch, or, with `per: 'step'`, the step.
 * `total` is the length of the run in the same unit, as far as it is known (inside fit).
 * One that watches the loss keeps what it saw in `state`, which belongs to the run; the function itself stays pure.
 */
export interface Schedule {
  /** The rate at time t. */
  (t: number, total?: number, state?: Float64Array): number
  /** The unit of t: epochs unless given. */
  readonly per?: 'epoch' | 'step'
  /** What `state` holds at the start of a run. */
  readonly initialState?: readonly number[]
  /** Takes into `state` the loss of an epoch that has ended: of validation or, without it, of training. */
  observe?(epoch: number, loss: number, state: Float64Array): void
}

/** What schedules are told in any case. */
export interface Timed {
  /** The rate at t = 0. */
  initial: number
  /** The unit of t: 'epoch' unless given. */
  per?: 'epoch' | 'step'
}

/** Checks what all have in common. */
function timed(where: string, options: Timed, more: readonly string[]): Required<Timed> {
  checkOptions(where, options, ['initial', ...more, 'per'])
  return {
    initial: finite(where, 'initial', options.initial, 0),
    per: oneOf(where, 'per', options.per ?? 'epoch', ['epoch', 'step']),
  }
}

/**
 * Time-based decay (CS231n: 1/t decay): initial / (1 + decayRate · t).
 *
 *     sgd({ learningRate: timeDecay({ initial: 0.1, decayRate: 0.5 }) })
 */
export function timeDecay(options: Timed & { decayRate: number }): Schedule {
  const { initial, per } = timed('timeDecay', options, ['decayRate'])
  const decayRate = finite('timeDecay', 'decayRate', options.decayRate, 0)
  return Object.assign((t: number) => initial / (1 + decayRate * t), { per })
}

/**
 * Exponential decay: initial · decayRateᵗ. CS231n writes it as initial · e⁻ᵏᵗ: decayRate is e⁻ᵏ.
 *
 *     sgd({ learningRate: exponentialDecay({ initial: 0.1, decayRate: 0.95 }) })
 */
export function exponentialDecay(options: Timed & { decayRate: number }): Schedule {
  const { initial, per } = timed('exponentialDecay', options, ['decayRate'])
  const decayRate = finite('exponentialDecay', 'decayRate', options.decayRate, 0)
  return Object.assign((t: number) => initial * integerPower(decayRate, Math.floor(t)), { per })
}

/**
 * Step decay (CS231n): initial · dropⁿ with n = ⌊t / every⌋.
 *
 *     sgd({ learningRate: stepDecay({ initial: 0.1, drop: 0.5, every: 10 }) })
 */
export function stepDecay(options: Timed & { drop: number; every: number }): Schedule {
  const { initial, per } = timed('stepDecay', options, ['drop', 'every'])
  const drop = finite('stepDecay', 'drop', options.drop, 0)
  const every = integer('stepDecay', 'every', options.every, 1)
  return Object.assign((t: number) => initial * integerPower(drop, Math.floor(t / every)), { per })
}

/**
 * Linear decay from `initial` at t = 0 to `final` (0) at t = total, and `final` from then on:
 * initial + (final - initial) · t / total. Without `total` it is the whole run of `fit`.
 *
 *     sgd({ learningRate: linearDecay({ initial: 0.1, final: 0.001, per: 'step' }) })
 */
export function linearDecay(options: Timed & { total?: number; final?: number }): Schedule {
  const final = options?.final ?? 0
  const schedule = untilEnd(
    'linearDecay',
    options,
    ['final'],
    (initial, t, end) => initial + ((final - initial) * t) / end,
  )
  finite('linearDecay', 'final', final, 0)
  return schedule
}

/**
 * Inverse square root decay: initial / √(t + 1).
 *
 *     sgd({ learningRate: inverseSqrtDecay({ initial: 0.1 }) })
 */
export function inverseSqrtDecay(options: Timed): Schedule {
  const { initial, per } = timed('inverseSqrtDecay', options, [])
  return Object.assign((t: number) => initial / Math.sqrt(t + 1), { per })
}

/**
 * Cosine decay (Loshchilov & Hutter, 2017): initial · (1 + cos(π t / total)) / 2, from `initial` at t = 0 to 0 at
 * t = total, and 0 from then on. Without `total` it is the whole run of `fit`.
 *
 *     adam({ learningRate: cosineDecay({ initial: 1e-3, per: 'step' }) })
 *
 * With `cycles` that many times, from `initial` down again in each: a run for snapshot.
 */
export function cosineDecay(options: Timed & { total?: number; cycles?: number }): Schedule {
  const cycles = integer('cosineDecay', 'cycles', options?.cycles ?? 1, 1)
  return untilEnd('cosineDecay', options, ['cycles'], (initial, t, end) => {
    const length = Math.ceil(end / cycles)
    const place = t < end ? t % length : length
    return (initial * (1 + cos((Math.PI * place) / length))) / 2
  })
}

/** A schedule that ends at `total`, or with the run, and stays there: rate(initial, t, end), t at most the end. */
function untilEnd(
  where: string,
  options: Timed & { total?: number },
  more: readonly string[],
  rate: (initial: number, t: number, end: number) => number,
): Schedule {
  const { initial, per } = timed(where, options, ['total', ...more])
  const { total } = options
  if (total !== undefined) integer(where, 'total', total, 1)
  const schedule = (t: number, run?: number): number => {
    const end = total ?? run
    if (end === undefined) {
      throw new PlanError(`${where}: the length of the run is not known outside fit; give total, in ${per}s`)
    }
    return rate(initial, Math.min(t, end), end)
  }
  return Object.assign(schedule, { per })
}

/**
 * Linear warm-up (Goyal et al., 2017) before any schedule, or before a constant rate: (t + 1) / steps of the rate with
 * which `schedule` starts, at t = 0 ... steps - 1, so that the first step has a rate above 0 and the last of the warm-up
 * the full one. From t = steps on it is `schedule` from its own t = 0, its run shorter by `steps`; one that watches the
 * loss watches from there on. The unit of `steps` is that of the schedule: epochs unless it has `per: 'step'`.
 *
 *     adam({ learningRate: warmup(500, cosineDecay({ initial: 1e-3, per: 'step' })) })
 */
export function warmup(steps: number, schedule: Schedule | number): Schedule {
  integer('warmup', 'steps', steps, 0)
  if (typeof schedule !== 'function') {
    if (schedule === undefined) throw new PlanError('warmup: wants (steps, schedule), got no schedule')
    const rate = finite('warmup', 'schedule, unless a schedule,', schedule, 0)
    schedule = () => rate
  }
  const inner = schedule
  const rate = (t: number, total?: number, state?: Float64Array): number => {
    // At least 1, so that a run that is all warm-up has a start to warm up to.
    const rest = total === undefined ? undefined : Math.max(total - steps, 1)
    return t < steps ? (inner(0, rest, state) * (t + 1)) / steps : inner(t - steps, rest, state)
  }
  return Object.assign(rate, {
    per: inner.per,
    initialState: inner.initialState,
    observe(epoch: number, loss: number, state: Float64Array): void {
      if (epoch >= steps) inner.observe?.(epoch - steps, loss, state)
    },
  })
}

/**
 * Cuts the rate once the loss stops falling, as PyTorch's ReduceLROnPlateau: after more than `patience` (10) epochs
 * without a new best loss the rate becomes `factor` (0.1) times as large, but never less than `minRate` (0), and the
 * next `cooldown` (0) epochs are not counted. A loss is a new best if it is less than best · (1 - threshold) or, with
 * `thresholdMode: 'absolute'`, less than best - threshold (1e-4); a NaN never is. Cuts of 1e-8 or less are left out.
 *
 * fit shows it the loss of each epoch: of validation or, without it, of training. A loop of your own calls
 * `model.observe(loss)` at the end of each epoch. The state belongs to the run: it starts anew with each fit.
 *
 *     sgd({ learningRate: reduceOnPlateau({ initial: 0.1, factor: 0.5, patience: 3 }) })
 */
export function reduceOnPlateau(options: {
  initial: number
  factor?: number
  patience?: number
  threshold?: number
  thresholdMode?: 'relative' | 'absolute'
  cooldown?: number
  minRate?: number
}): Schedule {
  const where = 'reduceOnPlateau'
  checkOptions(where, options, ['initial', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'minRate'])
  const initial = finite(where, 'initial', options.initial, 0)
  const factor = finite(where, 'factor', options.factor ?? 0.1, 0)
  if (factor >= 1) throw new PlanError(`${where}: factor must be less than 1, got ${show(factor)}`)
  const patience = integer(where, 'patience', options.patience ?? 10, 0)
  const threshold = finite(where, 'threshold', options.threshold ?? 1e-4, 0)
  const mode = oneOf(where, 'thresholdMode', options.thresholdMode ?? 'relative', ['relative', 'absolute'])
  const cooldown = integer(where, 'cooldown', options.cooldown ?? 0, 0)
  const minRate = finite(where, 'minRate', options.minRate ?? 0, 0)
  /** Places in the state: the rate, the best loss, epochs since then, epochs of cooldown left. */
  const [RATE, BEST, BAD, COOLING] = [0, 1, 2, 3]
  const rate = (_t: number, _total?: number, state?: Float64Array): number => state?.[RATE] ?? initial
  return Object.assign(rate, {
    per: 'epoch' as const,
    initialState: [initial, Infinity, 0, 0],
    observe(_epoch: number, loss: number, state: Float64Array): void {
      const best = state[BEST]
      const wanted = mode === 'relative' ? best * (1 - threshold) : best - threshold
      if (loss < wanted) {
        state[BEST] = loss
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
