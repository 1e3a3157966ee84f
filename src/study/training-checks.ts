// What babysit looks at in short trainings: whether the loss falls, at this learning rate and at others.

import { count } from '../errors'
import { type Check, fine, look } from './check'
import { largest, least, short } from './numbers'
import { type Course, type Subject, isBroken, learnByHeart, train } from './trial'

/** What trainings at several rates showed. */
export interface Rates {
  /** The mean loss before any step. */
  readonly start: number
  /** That of outputs of 0, with what regularisation adds. */
  readonly chance: number
  /** At the model's own rate. */
  readonly own: Course
  /** At others, the best first. */
  readonly others: readonly Course[]
}

/**
 * Trains at lower and higher rates, as far as they may tell something: a tenth in any case; less where its own rate
 * does not even come below the first loss; more where the loss is not halved.
 */
export function tryRates(subject: Subject, start: number, chance: number, own: Course): Rates {
  const others: Course[] = []
  for (const factor of [0.1, 0.01, 0.001]) {
    const course = train(subject, subject.rate * factor)
    others.push(course)
    if (own.level < start || course.level < 0.8 * start) break
  }
  for (const factor of [10, 100, 1000]) {
    if (own.level < 0.5 * start || isBroken(own)) break
    const course = train(subject, subject.rate * factor)
    others.push(course)
    if (isBroken(course)) break
  }
  others.sort((a, b) => (a.level < b.level ? -1 : 1))
  return { start, chance, own, others }
}

/**
 * How fast the weights move, in some steps of a training: `ratios` of updates and weights; the others where weights that
 * are smaller than usual count as usual ones, lest first weights of nearly 0 seem to move fast.
 */
export interface Pace {
  readonly ratios: readonly number[]
  /** Of the slowest weights, in their fastest step. */
  readonly slowest: number
  /** Of the fastest weights, in their fastest step. */
  readonly fastest: number
  /** Of the fastest weights, in the last step. */
  readonly last: number
}

/**
 * The learning rate, judged by what others would do. `cause` names the check, if any, that has found why nothing is
 * learnt at any rate; `clipped` what holds the gradients down, of which no rate is to make up.
 */
export function checkRate(
  { rate }: Subject,
  { own, others, start, chance }: Rates,
  pace: Pace,
  cause: string,
  clipped: string,
): Check {
  const name = 'updates'
  if (rate === 0) return look(name, 'the learning rate is 0, so that nothing is learnt: raise the learning rate')
  const steps = own.losses.length
  const last = isBroken(own) ? own.losses[steps - 1] : own.level
  const most = largest(pace.ratios)
  const updates = pace.ratios.length
    ? `updates are ${short(least(pace.ratios))} to ${short(most)} of the weights; `
    : ''
  const course =
    `${updates}at a learning rate of ${short(rate)} the loss goes from ${short(start)} to ${short(last)} ` +
    `in ${count(steps, 'step')}`
  const rose = own.level > 1.2 * Math.max(start, chance)
  if (cause) return rose ? look(name, `${course}: mend the ${cause} first, then choose the rate`) : fine(name, course)
  const best = others.length && others[0].level < own.level ? others[0] : own
  const compared = best === own ? course : `${course}, at ${short(best.rate)} to ${short(best.level)}`
  const from = Math.min(start, chance)
  const learnt = (from - best.level) / from
  // At a good rate, a tenth of it is far behind after so few steps.
  const share = (from - own.level) / (from - best.level)
  const late = best.rate < rate && ((learnt > 0.05 && share < 0.6) || (learnt > 0.3 && share < 0.9))
  const jumps = own.level > 0.98 * from && pace.last > 0.1
  if (late || rose || jumps) return look(name, `${compared}: lower the learning rate, which is too high`)
  // Neither tells by itself: a fall may begin with a plateau, or with a first loss that any step mends; and weights that
  // move slowly may move the right way.
  const fall = Math.max(0, Math.min((from - own.end) / (from - best.end), (start - own.end) / (start - best.end)))
  const crawls = pace.slowest < 5e-4 && fall * pace.slowest < 5e-5
  const falls = best.rate > rate && start - best.level > 0.05 * start
  const stands = pace.fastest > 0 && pace.fastest < 5e-5
  if (stands || (falls && crawls)) {
    return look(name, `${compared}: raise ${clipped || 'the learning rate, which is too low'}`)
  }
  return fine(name, course)
}

/** What learning by heart came to at the rate of the model or, if that is not enough, at others. */
export function checkByHeart(subject: Subject, others: readonly number[]) {
  let best = learnByHeart(subject, subject.rate)
  // Half of what guessing gives is the least that anything learnt by heart comes to; it is what slow rates reach too.
  const learnt = () => best.overfit.last <= 0.5 * best.chance
  for (const rate of others) {
    if (learnt()) break
    const again = learnByHeart(subject, rate)
    if (again.overfit.last < best.overfit.last) best = again
  }
  const { examples, first, last, steps } = best.overfit
  const at = best.rate === subject.rate ? '' : `, at a learning rate of ${short(best.rate)}`
  const course = `${count(examples, 'example')} alone: the loss goes from ${short(first)} to ${short(last)} in ${count(steps, 'step')}${at}`
  const name = 'overfit'
  if (learnt()) return { check: fine(name, course), overfit: best.overfit }
  const check = look(
    name,
    `${course}, which is the most at any rate tried, and should come close to 0: look at the checks above, and for a ` +
      `mistake in the data, the labels or the network`,
  )
  return { check, overfit: best.overfit }
}
