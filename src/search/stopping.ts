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
  /** Of 'halving': 3 unless given. */
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

/** The options with what was left out. */
export function checkStopping(options: TrialStopping): Required<TrialStopping> {
  const where = 'search.earlyStopping'
  checkOptions(where, options, ['rule', 'grace', 'least', 'factor'])
  const factor = finite(where, 'factor', options.factor ?? 3)
  if (factor <= 1) throw new PlanError(`${where}: factor must be more than 1, got ${factor}`)
  return {
    rule: oneOf(where, 'rule', options.rule, ['median', 'halving']),
    grace: integer(where, 'grace', options.grace ?? 1, 1),
    least: integer(where, 'least', options.least ?? 4, 1),
    factor,
  }
}

/** The best score of a curve up to an epoch, less being better; undefined if it does not go so far. */
function bestUntil(curve: Curve, epoch: number): number | undefined {
  if (!curve.length || curve[curve.length - 1][0] < epoch) return undefined
  return Math.min(...curve.filter(([at]) => at <= epoch).map(([, score]) => score))
}

/** Whether a trial that has just reported goes on, by its curve and those of others; less is better. */
export function goesOn(curve: Curve, others: readonly Curve[], options: Required<TrialStopping>): boolean {
  const [epoch] = curve[curve.length - 1]
  const done = epoch + 1
  if (done < options.grace || (options.rule === 'halving' && !isRung(done, curve, options))) return true
  const rivals = others.map((other) => bestUntil(other, epoch)).filter((score) => score !== undefined)
  if (rivals.length < options.least) return true
  const own = bestUntil(curve, epoch)!
  const better = rivals.filter((score) => score < own).length
  // Of those at this epoch, this one among them, so many go on.
  const places = (rivals.length + 1) / (options.rule === 'median' ? 2 : options.factor)
  return better < Math.max(places, 1)
}

/** Whether an epoch at which trials are compared lies between the last report and this one, `done` epochs in. */
function isRung(done: number, curve: Curve, { grace, factor }: Required<TrialStopping>): boolean {
  const before = curve.length > 1 ? curve[curve.length - 2][0] + 1 : 0
  let rung = grace
  while (Math.ceil(rung) <= before) rung *= factor
  return Math.ceil(rung) <= done
}
