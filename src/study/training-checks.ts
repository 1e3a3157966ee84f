// What babysit looks at in short trainings: whether the loss falls, at this learning rate and at others.

import type { Check, WeightStatistics } from './babysit'
import { largest, least, short } from './numbers'
import { type Course, type Subject, trainAt } from './trial'

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

/** What is known of a model besides, when its rate is judged. */
export interface Evidence {
  /** The loss of outputs of 0, with what regularisation adds. */
  readonly chance: number
  readonly weights: readonly WeightStatistics[]
  /** The slowest of the weights' first updates, beside their usual sizes. */
  readonly pace: number
  /** The name of a check that has found why it learns nothing, whatever the rate. */
  readonly cause: string
}

/** The rate, judged by what others would do. */
export function checkRate({ rate }: Subject, rates: Rates, { chance, weights, pace, cause }: Evidence): Check {
  const name = 'learning rate'
  const { own, others, start } = rates
  const ratios = weights.map(({ updateRatio }) => updateRatio)
  const updates = weights.length ? `; updates are ${short(least(ratios))} to ${short(largest(ratios))} of the weights` : ''
  const steps = own.losses.length
  const last = isBroken(own) ? own.losses[steps - 1] : own.level
  const course = `at ${short(rate)} the loss goes from ${short(start)} to ${short(last)} in ${steps} steps`
  const rose = own.level > 1.2 * Math.max(start, chance)
  if (cause) {
    const text = rose ? `${course}: mend the ${cause} first, then choose the rate` : course
    return { name, ok: !rose, text: text + updates }
  }
  const best = others.reduce((a, b) => (b.level < a.level ? b : a), own)
  const from = Math.min(start, chance)
  const learnable = from - best.level
  const progress = (from - own.level) / learnable
  const fall = (from - own.end) / (from - best.end)
  const beside = `${course}, at ${short(best.rate)} to ${short(best.level)}`
  if ((globalThis as any).DBG) console.log('   DBG', JSON.stringify({ fall, pace, progress, learnable: learnable / from, best: best.rate / rate }))
  if (best.rate < rate && learnable > 0.05 * from && progress < 0.75) {
    return { name, ok: false, text: `${beside}: the learning rate is too high, lower it${updates}` }
  }
  const crawls = (fall < 0.015 && pace < 1e-3) || (fall < 0.15 && pace < 1e-4)
  if ((best.rate > rate && learnable > 0.05 * from && crawls) || largest(ratios) < 2e-5) {
    return { name, ok: false, text: `${beside}: the learning rate is too low, raise it${updates}` }
  }
  if (rose) return { name, ok: false, text: `${course}: the learning rate is too high, lower it${updates}` }
  return { name, ok: true, text: course + updates }
}
