import {
  PlanError,
  callable,
  checkArguments,
  checkOptions,
  finite,
  integer,
  note,
  oneOf,
  readSafely,
  show,
} from './errors'
import { cos, exp, integerPower, log } from './kernels/math'

/** What tells how good an epoch was. */
export type Measure = 'loss' | 'accuracy' | 'validationLoss' | 'validationAccuracy'

/** Their names. */
export const MEASURES: readonly Measure[] = ['loss', 'accuracy', 'validationLoss', 'validationAccuracy']

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
  /**
   * Which measure of an epoch it watches; the loss unless given, of validation or, without it, of training.
   */
  readonly monitor?: Measure
  /** Takes into `state` what it watches, of an epoch that has ended. */
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
    const { per, initialState, observe, monitor } = value
    if (monitor !== undefined) oneOf(where, `${name}.monitor`, monitor, MEASURES)
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

export function checkTime(where: string, t: number, total: number | undefined): void {
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
 * Cosine decay (Loshchilov & Hutter, 2017): final + (initial - final) (1 + cos(π t / total)) / 2, from `initial` at t = 0 to
 * `final`, 0 unless given, at t = total, and that from then on.
 *
 *     adam({ learningRate: cosineDecay({ initial: 1e-3, per: 'step' }) })
 *
 * With `cycles`, 1 unless given, it falls that many times, each time from `initial` along the whole curve: a run for
 * snapshot. Cycle k = 0, 1, ... begins at ⌊k · total / cycles⌋, so that each begins with an epoch (or step), all are of
 * the same length to within one, and none is empty; a PlanError if there are more cycles than epochs. The last epoch of
 * a cycle of n has the rate initial · (1 - cos(π / n)) / 2: with `per: 'step'` it is close to 0.
 */
export function cosineDecay(options: Ending & { cycles?: number; final?: number }): Schedule {
  checkArguments('cosineDecay', arguments, 1)
  options = checkOptions('cosineDecay', options, [...TIMED, 'total', 'cycles', 'final'])
  const { initial, per } = timed('cosineDecay', options)
  const final = finite('cosineDecay', 'final', options.final ?? 0, 0)
  const cycles = integer('cosineDecay', 'cycles', options.cycles ?? 1, 1)
  const { total } = options
  if (total !== undefined) checkCycles(cycles, integer('cosineDecay', 'total', total, 1), per)
  const config = { initial, per, cycles, ...(final && { final }), ...totalOf(options) }
  return untilEnd('cosineDecay', config, final, (t, end) => {
    checkCycles(cycles, end, per)
    // The last k with ⌊k · end / cycles⌋ at most t.
    const k = Math.ceil(((Math.floor(t) + 1) * cycles) / end) - 1
    const start = Math.floor((k * end) / cycles)
    const length = Math.floor(((k + 1) * end) / cycles) - start
    return cosineBetween(initial, final, t - start, length)
  })
}

/** From one rate to another along half a cosine, at a time of so many. */
function cosineBetween(from: number, to: number, t: number, length: number): number {
  return to + ((from - to) * (1 + cos((Math.PI * t) / length))) / 2
}

/**
 * Warm restarts (Loshchilov & Hutter, 2017): the curve of cosineDecay from `initial` to `final`, 0 unless given, again and
 * again: the first `first` long, and each next one `factor` times as long, 1 unless given. PyTorch's
 * CosineAnnealingWarmRestarts.
 *
 *     sgd({ learningRate: cosineRestarts({ initial: 0.1, first: 10, factor: 2 }) })
 */
export function cosineRestarts(options: Timed & { first: number; factor?: number; final?: number }): Schedule {
  const where = 'cosineRestarts'
  checkArguments(where, arguments, 1)
  options = checkOptions(where, options, [...TIMED, 'first', 'factor', 'final'])
  const { initial, per } = timed(where, options)
  const first = integer(where, 'first', options.first, 1)
  const factor = integer(where, 'factor', options.factor ?? 1, 1)
  const final = finite(where, 'final', options.final ?? 0, 0)
  return scheduleOf(where, { initial, per, first, factor, final }, (t) => {
    if (factor === 1) return cosineBetween(initial, final, t % first, first)
    let [start, length] = [0, first]
    for (; t >= start + length; length *= factor) start += length
    return cosineBetween(initial, final, t - start, length)
  })
}

/**
 * Polynomial decay: final + (initial - final) (1 - t / total)^power, from `initial` at t = 0 to `final`, 0 unless given, at
 * t = total, and that from then on. `power` is 1 unless given, a straight line.
 *
 *     adam({ learningRate: polynomialDecay({ initial: 0.01, power: 2, total: 20 }) })
 */
export function polynomialDecay(options: Ending & { final?: number; power?: number }): Schedule {
  const where = 'polynomialDecay'
  checkArguments(where, arguments, 1)
  options = checkOptions(where, options, [...TIMED, 'total', 'final', 'power'])
  const { initial, per } = timed(where, options)
  const final = finite(where, 'final', options.final ?? 0, 0)
  const power = finite(where, 'power', options.power ?? 1, 0)
  return untilEnd(where, { initial, per, final, power, ...totalOf(options) }, final, (t, end) => {
    const base = 1 - t / end
    const share = Number.isInteger(power) ? integerPower(base, power) : exp(power * log(base))
    return final + (initial - final) * share
  })
}

/** Of oneCycle. */
export interface OneCycleOptions {
  /** The highest rate. */
  max: number
  /** How long the cycle is; the run unless given. */
  total?: number
  /** The share of it in which the rate rises: 0.3 unless given. */
  start?: number
  /** The rate begins at so much less than the highest: 25 unless given. */
  divFactor?: number
  /** It ends at so much less than it began with: 1e4 unless given. */
  finalDivFactor?: number
  /** The unit of t: 'epoch' unless given. */
  per?: 'epoch' | 'step'
}

/**
 * One cycle (Smith & Topin, 2018): the rate rises from max / divFactor to `max`, at t = start · total - 1, and falls to
 * max / divFactor / finalDivFactor, at t = total - 1, along half a cosine each. PyTorch's OneCycleLR, but for momentum,
 * which stays as it is.
 *
 *     sgd({ learningRate: oneCycle({ max: 0.1, per: 'step' }) })
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const where = 'oneCycle'
  checkArguments(where, arguments, 1)
  options = checkOptions(where, options, ['max', 'total', 'start', 'divFactor', 'finalDivFactor', 'per'])
  const max = finite(where, 'max', options.max, 0)
  const per = oneOf(where, 'per', options.per ?? 'epoch', ['epoch', 'step'])
  const start = finite(where, 'start', options.start ?? 0.3, 0, 1)
  const divFactor = finite(where, 'divFactor', options.divFactor ?? 25, 1)
  const finalDivFactor = finite(where, 'finalDivFactor', options.finalDivFactor ?? 1e4, 1)
  const first = max / divFactor
  const last = first / finalDivFactor
  const config = { max, per, start, divFactor, finalDivFactor, ...totalOf(options) }
  return untilEnd(where, config, last, (t, end) => {
    const top = start * end - 1
    if (end < 3 && per === 'epoch')
      note(
        `oneCycle: ${end} epochs make no cycle: the last is at max / ${divFactor * finalDivFactor}; take per: 'step'`,
      )
    if (t < top) return cosineBetween(first, max, t, top)
    return t < end - 1 ? cosineBetween(max, last, t - top, end - 1 - top) : last
  })
}

/** `total`, where it is given. */
function totalOf({ total }: { total?: number }): { total?: number } {
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
    monitor: inner.monitor,
    observe(epoch: number, loss: number, state: Float64Array): void {
      if (epoch >= steps) inner.observe?.(epoch - steps, loss, state)
    },
  })
}

function always(rate: number): Schedule {
  finite('warmup', 'schedule, unless a schedule,', rate, 0)
  return () => rate
}
