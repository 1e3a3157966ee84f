// The learning rate, as a schedule has it.

import { PlanError, show } from '../errors'
import { isRate, rateOf as checkRate } from '../optimizers/optimizer'
import type { Schedule } from '../schedules'
import { type Core, needOptimizer, within } from './core'

/** The learning rate of the next step. */
export function rateOf(core: Core): number {
  return rateAt(core, core.clock)
}

/** The learning rate at some time. Throws a PlanError where a schedule gives none. */
export function rateAt(core: Core, clock: Core['clock']): number {
  const { rate, scheduleState } = core
  if (isRate(rate)) return rate
  // An optimizer of the user's may have anything.
  if (typeof rate !== 'function') checkRate('the optimizer', { learningRate: rate })
  const isStep = rate.per === 'step'
  const time = isStep ? clock.step : clock.epoch
  const length = isStep ? clock.steps : clock.epochs
  const value = within(
    'learningRate',
    core,
    'asking the schedule of its learning rate',
    rate,
    time,
    length,
    scheduleState,
  )
  if (isRate(value)) return value
  throw new PlanError(`learningRate: the schedule gives ${show(value)} at step ${clock.step} of epoch ${clock.epoch}`)
}

/** See Model.learningRate. */
export function setRate(core: Core, rate: number | Schedule): void {
  needOptimizer('learningRate', core)
  core.rate = checkRate('model', { learningRate: rate })
  core.rateByHand = true
  if (typeof core.rate === 'number') core.lastRate = core.rate
  resetSchedule(core)
}

/** Begins what a schedule remembers of a run. */
export function resetSchedule(core: Core): void {
  core.scheduleState = initialStateOf(core.rate)
}

/** What a schedule remembers where a run begins; of a number, nothing. */
export function initialStateOf(rate: number | Schedule): Float64Array {
  return Float64Array.from(typeof rate === 'function' ? (rate.initialState ?? []) : [])
}

/** Throws a PlanError where a schedule watches what an epoch will not have. */
export function checkMonitor({ rate, heads }: Core, validated: boolean): void {
  const { monitor } = typeof rate === 'function' ? rate : {}
  if (!monitor) return
  if (!validated && monitor.startsWith('validation')) {
    throw new PlanError(`fit: the learning rate watches ${monitor}, for which fit needs validation`)
  }
  const one = heads.length === 1 && heads[0].targets !== 'values'
  if (monitor.endsWith('ccuracy') && !one) {
    throw new PlanError(`fit: the learning rate watches ${monitor}, which is of one output and of labels alone`)
  }
}

/** Shows what an epoch that has ended was like to a schedule that watches it. */
export function observe(core: Core, loss: number, measures?: Readonly<Record<string, unknown>>): void {
  const { rate, clock, scheduleState } = core
  if (typeof rate !== 'function' || !rate.observe) return
  const see = (...args: Parameters<typeof rate.observe>) => rate.observe!(...args)
  const seen = measures && rate.monitor ? (measures[rate.monitor] as number) : loss
  within('observe', core, 'showing its schedule the loss', see, clock.epoch, seen, scheduleState)
}
