import { PlanError, callable, checkArguments, checkOptions, finite, integer, oneOf, readSafely, show } from './errors'
import { cos, exp, integerPower, log } from './kernels/math'

/**
 * A learning rate as a pure function of time t = 0, 1, ...: the epoch, or, with `per: 'step'`, the step. A loop of your
 * own may set times between these as well. `total` is the length of the run in the same unit, as far as it is known:
 * inside fit, and there unless the run has no end or an iterable gives its batches.
 * One that watches the loss keeps what it saw in `state`, which belongs to the run; the function itself stays pure.
 */
export interface Schedule {
  /** The rate at time t. Those of this library throw a PlanError unless t is a finite number of at least 0. */
  (t: number, total?: number, state?: Float64Array): number
  /** The unit of t: epochs unless given. */
  readonly per?: 'epoch' | 'step'
  /** The name of the function that made it; a model file has no schedule without one. */
  readonly kind?: string
  /** What that function was given. */
  readonly config?: object
  /** What `state` holds at the start of a run. */
  readonly initialState?: readonly number[]
  /** Takes into `state` the loss of an epoch that has ended: of validation or, without it, of training. */
  observe?(epoch: number, loss: number, state: Float64Array): void
}

/** `value` if it is a schedule, of the library or of the user; else a PlanError that says what is `wanted`. */
export function checkSchedule(
  where: string,
  name: string,
  value: Schedule,
  wanted = 'a schedule, a function of the time',
): Schedule {
  callable(where, name, value, wanted)
  // A misspelt unit would be taken for epochs.
  readSafely(where, name, () => {
    const { per, initialState, observe } = value
    if (per !== undefined) oneOf(where, `${name}.per`, per, ['epoch', 'step'])
    if (observe !== undefined) callable(where, `${name}.observe`, observe, 'a function (epoch, loss, state)')
    if (initialState === undefined) return
    const isList = Array.isArray(initialState) && Array.from(initialState).every((one) => typeof one === 'number')
    if (!isList) {
      throw new PlanError(`${where}: ${name}.initialState must be an array of numbers, got ${show(initialState)}`)
    }
  })
  return value
}

/** A rate as plain data; null for a schedule that says nothing of itself, a function of the user's. */
export type RateDescription = number | { readonly kind: string; readonly config: object } | null

/** A rate or a schedule as plain data. */
export function describeRate(rate: number | Schedule): RateDescription {
  if (typeof rate === 'number') return rate
  const { kind, config = {} } = rate
  return kind === undefined ? null : { kind, config }
}

/** What schedules are told in any case. */
export interface Timed {
  /** The rate at t = 0. */
  initial: number
  /** The unit of t: 'epoch' unless given. */
  per?: 'epoch' | 'step'
}

const TIMED = ['initial', 'per'] as const

/** Checks the values of what all have in common. */
function timed(where: string, options: Timed): Required<Timed> {
  return {
    initial: finite(where, 'initial', options.initial, 0),
    per: oneOf(where, 'per', options.per ?? 'epoch', ['epoch', 'step']),
  }
}

/** What a schedule was given, of which these are needed. */
type Described = Pick<Required<Timed>, 'per'> & Readonly<Record<string, unknown>>

/** A schedule that checks its time, and its total, if that is known. */
function scheduleOf(
  where: string,
  config: Described,
  rate: (t: number, total: number | undefined) => number,
): Schedule {
  const schedule = (t: number, total?: number): number => {
    checkTime(where, t, total)
    return rate(t, total)
  }
  return Object.assign(schedule, { kind: where, config, per: config.per })
}

function checkTime(where: string, t: number, total: number | undefined): void {
  finite(where, 't', t, 0)
  // A run without an end is one of Infinity epochs.
  if (total !== undefined && total !== Infinity) finite(where, 'total', total, 0)
}

/** initial · baseᵗ; 0 stays 0 where the power overflows. */
function powered(initial: number, base: number, t: number): number {
  if (initial === 0) return 0
  const whole = Math.floor(t)
  const power = integerPower(base, whole)
  return initial * (t === whole ? power : power * exp((t - whole) * log(base)))
}

/**
 * Time-based decay (CS231n: 1/t decay): initial / (1 + decayRate · t).
 *
 *     sgd({ learningRate: timeDecay({ initial: 0.1, decayRate: 0.5 }) })
 */
export function timeDecay(options: Timed & { decayRate: number }): Schedule {
  checkArguments('timeDecay', arguments, 1)
  options = checkOptions('timeDecay', options, [...TIMED, 'decayRate'])
  const { initial, per } = timed('timeDecay', options)
  const decayRate = finite('timeDecay', 'decayRate', options.decayRate, 0)
  return scheduleOf('timeDecay', { initial, per, decayRate }, (t) => initial / (1 + decayRate * t))
}

/**
 * Exponential decay: initial · decayRateᵗ. CS231n writes it as initial · e⁻ᵏᵗ: decayRate is e⁻ᵏ.
 *
 *     sgd({ learningRate: exponentialDecay({ initial: 0.1, decayRate: 0.95 }) })
 */
export function exponentialDecay(options: Timed & { decayRate: number }): Schedule {
  checkArguments('exponentialDecay', arguments, 1)
  options = checkOptions('exponentialDecay', options, [...TIMED, 'decayRate'])
  const { initial, per } = timed('exponentialDecay', options)
  const decayRate = finite('exponentialDecay', 'decayRate', options.decayRate, 0)
  return scheduleOf('exponentialDecay', { initial, per, decayRate }, (t) => powered(initial, decayRate, t))
}

/**
 * Step decay (CS231n): initial · dropⁿ with n = ⌊t / every⌋.
 *
 *     sgd({ learningRate: stepDecay({ initial: 0.1, drop: 0.5, every: 10 }) })
 */
export function stepDecay(options: Timed & { drop: number; every: number }): Schedule {
  checkArguments('stepDecay', arguments, 1)
  options = checkOptions('stepDecay', options, [...TIMED, 'drop', 'every'])
  const { initial, per } = timed('stepDecay', options)
  const drop = finite('stepDecay', 'drop', options.drop, 0)
  const every = integer('stepDecay', 'every', options.every, 1)
  return scheduleOf('stepDecay', { initial, per, drop, every }, (t) => powered(initial, drop, Math.floor(t / every)))
}

/** What schedules are told that end with the run. */
export interface Ending extends Timed {
  /** Where it ends, in the unit of t: with the run of fit unless given. */
  total?: number
}

/**
 * Linear decay from `initial` at t = 0 to `final` at t = total, and `final` from then on:
 * initial + (final - initial) · t / total. `final` is 0 unless given.
 *
 *     sgd({ learningRate: linearDecay({ initial: 0.1, final: 0.001, per: 'step' }) })
 */
export function linearDecay(options: Ending & { final?: number }): Schedule {
  checkArguments('linearDecay', arguments, 1)
  options = checkOptions('linearDecay', options, [...TIMED, 'total', 'final'])
  const { initial, per } = timed('linearDecay', options)
  const final = finite('linearDecay', 'final', options.final ?? 0, 0)
  const config = { initial, final, per, ...totalOf(options) }
  return untilEnd('linearDecay', config, final, (t, end) => initial + ((final - initial) * t) / end)
}

/**
 * Inverse square root decay: initial / √(t + 1).
 *
 *     sgd({ learningRate: inverseSqrtDecay({ initial: 0.1 }) })
 */
export function inverseSqrtDecay(options: Timed): Schedule {
  checkArguments('inverseSqrtDecay', arguments, 1)
  options = checkOptions('inverseSqrtDecay', options, TIMED)
  const { initial, per } = timed('inverseSqrtDecay', options)
  return scheduleOf('inverseSqrtDecay', { initial, per }, (t) => initial / Math.sqrt(t + 1))
}

/**
 * Cosine decay (Loshchilov & Hutter, 2017): initial · (1 + cos(π t / total)) / 2, from `initial` at t = 0 to 0 at
 * t = total, and 0 from then on.
 *
 *     adam({ learningRate: cosineDecay({ initial: 1e-3, per: 'step' }) })
 *
 * With `cycles`, 1 unless given, it falls that many times, each time from `initial` along the whole curve: a run for
 * snapshot. Cycle k = 0, 1, ... begins at ⌊k · total / cycles⌋, so that each begins with an epoch (or step), all are of
 * the same length to within one, and none is empty; a PlanError if there are more cycles than epochs. The last epoch of
 * a cycle of n has the rate initial · (1 - cos(π / n)) / 2: with `per: 'step'` it is close to 0.
 */
export function cosineDecay(options: Ending & { cycles?: number }): Schedule {
  checkArguments('cosineDecay', arguments, 1)
  options = checkOptions('cosineDecay', options, [...TIMED, 'total', 'cycles'])
  const { initial, per } = timed('cosineDecay', options)
  const cycles = integer('cosineDecay', 'cycles', options.cycles ?? 1, 1)
  const { total } = options
  if (total !== undefined) checkCycles(cycles, integer('cosineDecay', 'total', total, 1), per)
  return untilEnd('cosineDecay', { initial, per, cycles, ...totalOf(options) }, 0, (t, end) => {
    checkCycles(cycles, end, per)
    // The last k with ⌊k · end / cycles⌋ at most t.
    const k = Math.ceil(((Math.floor(t) + 1) * cycles) / end) - 1
    const start = Math.floor((k * end) / cycles)
    const length = Math.floor(((k + 1) * end) / cycles) - start
    return (initial * (1 + cos((Math.PI * (t - start)) / length))) / 2
  })
}

/** `total`, where it is given. */
function totalOf({ total }: Ending): { total?: number } {
  return total === undefined ? {} : { total }
}

function checkCycles(cycles: number, end: number, per: string): void {
  if (cycles > end && cycles > 1) {
    throw new PlanError(`cosineDecay: ${cycles} cycles need at least as many ${per}s, got ${end}`)
  }
}

/** A schedule that has arrived at `final` at `total`, or at the end of the run, and stays there; before, rate(t, end). */
function untilEnd(
  where: string,
  config: Described & { readonly total?: number },
  final: number,
  rate: (t: number, end: number) => number,
): Schedule {
  const { per, total } = config
  if (total !== undefined) integer(where, 'total', total, 1)
  return scheduleOf(where, config, (t, run) => {
    const end = total ?? run
    if (end === undefined || end === Infinity) {
      const why = end
        ? 'the run has no end'
        : 'the length of the run is not known, as with epochs: Infinity, for batches of an iterable, or outside fit'
      throw new PlanError(`${where}: ${why}; give total, in ${per}s`)
    }
    return t < end ? rate(t, end) : final
  })
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
  checkArguments('warmup', arguments, 2)
  integer('warmup', 'steps', steps, 0)
  if (schedule === undefined) throw new PlanError('warmup: wants (steps, schedule), got no schedule')
  const inner = typeof schedule === 'function' ? checkSchedule('warmup', 'schedule', schedule) : always(schedule)
  const rate = (t: number, total?: number, state?: Float64Array): number => {
    checkTime('warmup', t, total)
    // At least 1, so that a run that is all warm-up has a start to warm up to.
    const rest = total === undefined ? undefined : Math.max(total - steps, 1)
    if (t >= steps) return inner(t - steps, rest, state)
    return (finite('warmup', 'what schedule gives', inner(0, rest, state), 0) * Math.min(t + 1, steps)) / steps
  }
  return Object.assign(rate, {
    kind: 'warmup',
    config: { steps, schedule: describeRate(schedule) },
    per: inner.per,
    initialState: inner.initialState,
    observe(epoch: number, loss: number, state: Float64Array): void {
      if (epoch >= steps) inner.observe?.(epoch - steps, loss, state)
    },
  })
}

function always(rate: number): Schedule {
  finite('warmup', 'schedule, unless a schedule,', rate, 0)
  return () => rate
}

/** Of reduceOnPlateau. */
export interface PlateauOptions {
  /** The rate at first. */
  initial: number
  /** What a cut multiplies the rate by, below 1: 0.1 unless given. */
  factor?: number
  /** Epochs without a new best loss that pass before a cut: 10 unless given. */
  patience?: number
  /** By how much a new best is better: 1e-4 unless given. */
  threshold?: number
  /** Whether threshold is a share of the best loss or a difference from it: 'relative' unless given. */
  thresholdMode?: 'relative' | 'absolute'
  /** Epochs after a cut that do not count: 0 unless given. */
  cooldown?: number
  /** The least rate that a cut leads to: 0 unless given. */
  minRate?: number
}

/**
 * Cuts the rate once the loss stops falling, as PyTorch's ReduceLROnPlateau: after more than `patience` epochs
 * without a new best loss the rate becomes `factor` times as large, but never less than `minRate`, and the next
 * `cooldown` epochs are not counted. A loss is a new best if it is less than best · (1 - threshold) or, with
 * `thresholdMode: 'absolute'`, less than best - threshold; a NaN never is. Cuts of 1e-8 or less are left out.
 *
 * fit shows it the loss of each epoch: of validation or, without it, of training. A loop of your own calls
 * `model.observe(loss)` at the end of each epoch. The state belongs to the run: it starts anew with each fit.
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
  ])
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
  const rate = (t: number, total?: number, state?: Float64Array): number => {
    checkTime(where, t, total)
    return state?.[RATE] ?? initial
  }
  return Object.assign(rate, {
    kind: where,
    config: { initial, factor, patience, threshold, thresholdMode: mode, cooldown, minRate },
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
