// Which trials are hopeless. What a trial is compared with does not depend on the clock: see LAG.

import { PlanError, checkOptions, finite, integer, oneOf } from '../errors'

/** When search ends a trial early; see SearchOptions.earlyStopping. */
export interface TrialStopping {
  /**
   * 'median': after each epoch a trial ends whose best score so far is worse than the median of those that others had
   * after that epoch (Golovin et al., 2017, Google Vizier). 'halving': successive halving, without waiting for a whole
   * round (Li et al., 2020, ASHA): after `grace`, `grace` · `factor`, `grace` · `factor`², ... epochs only the best
   * 1/`factor` go on.
   */
  rule: 'median' | 'halving'
  /** So many epochs are given to each trial. 1 unless given. */
  grace?: number
  /** With so few others to compare with, a trial goes on. 4 unless given. */
  least?: number
  /** Of 'halving', from 1.01 on. 3 unless given. */
  factor?: number
}

/** Scores by the epochs that they were reported in, ascending. */
export type Curve = readonly (readonly [epoch: number, score: number])[]

/**
 * A trial is compared with those LAG and more before it, however many run at once: it waits until each of them has come
 * to the same epoch, or has ended. So what ends early is the same with any number of workers, and after a resume; and
 * unless trials take very different times, nobody waits.
 */
export const LAG = 4

/** What a trial has reported so far, with the sign by which less is better. */
export interface Watched {
  /** Ascending. */
  readonly epochs: number[]
  /** The best score up to each of them. */
  readonly best: number[]
  /** Whether that is all. */
  over: boolean
}

export function addReport({ epochs, best }: Watched, epoch: number, score: number): void {
  best.push(Math.min(score, best.at(-1) ?? Infinity))
  epochs.push(epoch)
}

/** The epoch of the last report; -1 where there was none. */
export function lastEpoch({ epochs }: Watched): number {
  return epochs.at(-1) ?? -1
}

/** The best score up to an epoch, less being better; undefined if the trial has not come so far. */
function bestUntil(trial: Watched, epoch: number): number | undefined {
  if (lastEpoch(trial) < epoch) return undefined
  // How many reports came up to it, by halving.
  let low = 0
  let high = trial.epochs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (trial.epochs[middle] <= epoch) low = middle + 1
    else high = middle
  }
  return low ? trial.best[low - 1] : Infinity
}

/** A factor nearer to 1 would make a rung of every epoch. */
const LEAST_FACTOR = 1.01
const MOST = 1_000_000

/** The options with what was left out. */
export function checkStopping(options: TrialStopping): Required<TrialStopping> {
  const where = 'search.earlyStopping'
  const { rule, grace, least, factor } = checkOptions(where, options, ['rule', 'grace', 'least', 'factor'])
  const checked = finite(where, 'factor', factor ?? 3, -Infinity, MOST)
  if (checked < LEAST_FACTOR) {
    throw new PlanError(`${where}: factor must be more than 1, ${LEAST_FACTOR} at least, got ${checked}`)
  }
  return {
    rule: oneOf(where, 'rule', rule, ['median', 'halving']),
    grace: integer(where, 'grace', grace ?? 1, 1, MOST),
    least: integer(where, 'least', least ?? 4, 1, MOST),
    factor: checked,
  }
}

/** Whether a trial that has just reported goes on, by what it and others reported; less is better. */
export function goesOn(trial: Watched, others: readonly Watched[], options: Required<TrialStopping>): boolean {
  const epoch = lastEpoch(trial)
  const done = epoch + 1
  const before = (trial.epochs.at(-2) ?? -1) + 1
  if (done < options.grace || (options.rule === 'halving' && !isRung(done, before, options))) return true
  const own = bestUntil(trial, epoch)!
  let rivals = 0
  let better = 0
  for (const other of others) {
    const score = bestUntil(other, epoch)
    if (score === undefined) continue
    rivals++
    if (score < own) better++
  }
  if (rivals < options.least) return true
  // Of those at this epoch, this one among them, so many go on.
  const places = (rivals + 1) / (options.rule === 'median' ? 2 : options.factor)
  return better < Math.max(places, 1)
}

/** Whether an epoch at which trials are compared lies between the report `before` and this one, `done` epochs in. */
function isRung(done: number, before: number, { grace, factor }: Required<TrialStopping>): boolean {
  let rung = grace
  while (Math.ceil(rung) <= before) rung *= factor
  return Math.ceil(rung) <= done
}
