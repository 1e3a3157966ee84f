// What babysit looks at in short trainings: whether the loss falls, at this learning rate and at others.

import type { Check, WeightStatistics } from './babysit'
import { largest, least, short } from './numbers'
import { type Course, type Subject, batchesOf, trainAt } from './trial'

/** Of a few examples, before and after training on them alone. */
export interface Overfit {
  /** How many. */
  readonly examples: number
  /** Steps taken. */
  readonly steps: number
  /** Their loss before. */
  readonly first: number
  /** Their loss after. */
  readonly last: number
}

/** Trains on a few examples alone, without what regularises, until they are known by heart. */
export function learnByHeart({ passes, sample }: Subject, examples: number, steps: number, rate: number) {
  passes.reset()
  passes.withoutRegularisation()
  passes.load(sample, examples)
  const chance = passes.lossOfZeros(examples)
  const losses: number[] = []
  while (losses.length < steps) {
    passes.load(sample, examples)
    losses.push(passes.step(examples, rate))
    const last = losses[losses.length - 1]
    if (last <= 0.01 * chance || !Number.isFinite(last)) break
  }
  const last = losses[losses.length - 1]
  return { examples, steps: losses.length, first: losses[0], last, learnt: last <= 0.5 * chance, chance }
}

/** What trainings at several rates showed. */
export interface Rates {
  /** The mean loss before any step. */
  readonly start: number
  /** At the model's own rate. */
  readonly own: Course
  /** At others, from the lowest on. */
  readonly others: readonly Course[]
}

export function isBroken(course: Course): boolean {
  return course.level === Infinity
}

/** Trains at the model's rate, and at lower and higher ones, as far as they could tell something. */
export function tryRates(subject: Subject, start: number, own: Course): Rates {
  const { rate } = subject
  const steps = own.losses.length < subject.steps ? subject.steps : own.losses.length
  const lower: Course[] = []
  for (const factor of [0.1, 0.01, 0.001]) {
    const course = trainAt(subject, rate * factor, steps)
    lower.unshift(course)
    // One that falls is enough, unless its own is not even as good as the first loss.
    if (own.level < start || course.level < start) break
  }
  const higher: Course[] = []
  for (const factor of [10, 100, 1000]) {
    if (own.level < 0.5 * start || isBroken(own)) break
    const course = trainAt(subject, rate * factor, steps)
    higher.push(course)
    if (isBroken(course)) break
  }
  return { start, own, others: [...lower, ...higher] }
}

/** The rate, judged by what others would do. */
export function checkRate({ rate }: Subject, rates: Rates, weights: readonly WeightStatistics[], cause: string, pace: number): Check {
  const name = 'learning rate'
  const { own, others, start } = rates
  const ratios = weights.map(({ updateRatio }) => updateRatio)
  const updates = weights.length ? `; updates are ${short(least(ratios))} to ${short(largest(ratios))} of the weights` : ''
  const steps = own.losses.length
  const peak = largest(own.losses)
  const course = isBroken(own)
    ? `at ${short(rate)} the loss goes from ${short(start)} to ${short(own.losses[steps - 1])} in ${steps} steps`
    : `at ${short(rate)} the loss goes from ${short(start)} to ${short(own.level)} in ${steps} steps`
  if (cause) {
    const rose = own.level > start
    return {
      name,
      ok: !rose,
      text: rose ? `${course}: mend the ${cause} first, then choose the rate` : `${course}, with ${cause} as they are${updates}`,
    }
  }
  const best = others.reduce((a, b) => (b.level < a.level ? b : a), own)
  const learnable = start - best.level
  const progress = (start - own.level) / learnable
  const fall = (start - own.end) / (start - best.end)
  const beside = `${course}, at ${short(best.rate)} to ${short(best.level)}`
  if (learnable > 0.05 * start) {
    if (best.rate < own.rate && progress < 0.6) {
      return { name, ok: false, text: `${beside}: the learning rate is too high, lower it${updates}` }
    }
    if (best.rate > own.rate && fall < 0.015 && pace < 1e-3) {
      return { name, ok: false, text: `${beside}: the learning rate is too low, raise it${updates}` }
    }
  }
  if (isBroken(own) || own.level > 1.5 * start) {
    return { name, ok: false, text: `${course}: the learning rate is too high, lower it${updates}` }
  }
  void peak
  return { name, ok: true, text: `${course}${updates}` }
}
void batchesOf
