// Several models, or several states of one, that answer together.

import { type Labels, type Numbers, checkTargetRows, readData, readLabels, readRows } from '../data/batches'
import {
  DataError,
  PlanError,
  checkArguments,
  checkNoPromise,
  checkOptions,
  few,
  flag,
  isPlain,
  oneOf,
  readSafely,
  show,
} from '../errors'
import { exp, log, log1p } from '../kernels/math'
import type { SoftmaxOptions } from '../losses'
import { probabilitiesOf } from '../metrics'
import type { Loss } from '../plan/layer'
import { type Tensor, product } from '../tensor'
import type { Evaluation } from '../training/evaluate'

/** What answers: a model, a snapshot, averaged weights, another ensemble, or something of your own. */
export interface Predictor {
  /** [rows, ...] scores, or values, for any number of rows. */
  predict(x: Numbers): Tensor
  /** Says how scores become probabilities; a model has it. They are for softmaxCrossEntropy unless given. */
  readonly loss?: Loss | undefined
}

export interface Ensemble extends Predictor {
  /** See ensemble. `probabilities` may only say what `combine` is: true for 'probabilities', false for the others. */
  predict(x: Numbers, options?: { probabilities?: boolean }): Tensor
  /** See ensemble. */
  evaluate(data: { readonly x: Numbers; readonly y: Labels | Numbers }): Pick<Evaluation, 'loss' | 'accuracy'>
}

const KINDS = ['probabilities', 'votes', 'values'] as const
type Combine = (typeof KINDS)[number]

/**
 * One answer from several, which is right more often than each: models of other seeds or kinds, or snapshots of a run.
 * predict gives [rows, ...output shape], the mean over the members of what `combine`, by their loss unless given, says:
 *
 * - `'probabilities'`: what their loss makes of scores: a softmax of each row with softmaxCrossEntropy, a sigmoid of each
 *   value with binaryCrossEntropy; these two losses ask for it
 * - `'votes'`: 1 for the class of the highest score, or for each value that says yes with binaryCrossEntropy, so that
 *   predict gives the share of votes
 * - `'values'`: what they give, as it is; other losses, such as meanSquaredError and hinge, ask for it
 *
 * A member without a loss is taken to give scores for softmaxCrossEntropy.
 *
 *     const { accuracy } = ensemble([a, b, c]).evaluate({ x, y })
 *
 * evaluate takes y as the members' loss does, and gives the mean loss of the mean answer: the cross-entropy of mean
 * probabilities, without class weights and smoothing, or the mean squared error of mean values; NaN for votes, and for
 * values with another loss. The accuracy is NaN where targets are values.
 *
 * Throws a PlanError without members, where their losses are of different kinds, or have no probabilities where these
 * are asked for; and a DataError where members give other shapes, or y does not fit.
 */
export function ensemble(
  members: readonly Predictor[],
  options: { combine?: 'probabilities' | 'votes' | 'values' } = {},
): Ensemble {
  checkArguments('ensemble', arguments, 2, 'the members come in an array')
  const read = checkOptions('ensemble', options, ['combine'])
  const all = readSafely('ensemble', 'the members', () => readMembers(members))
  const [{ loss, kind, link }] = all
  all.forEach((member, i) => {
    if (member.kind === kind) return
    throw new PlanError(
      `ensemble: the loss of member ${i} is ${member.kind}, that of member 0 ${kind}; give it models of one loss`,
    )
  })
  const combine = oneOf('ensemble', 'combine', read.combine ?? (link ? 'probabilities' : 'values'), KINDS)
  if (combine === 'probabilities' && !link) {
    throw new PlanError(
      `ensemble: ${kind} has no probabilities; take combine: 'values'${kind === 'hinge' ? " or 'votes'" : ''}`,
    )
  }
  if (combine === 'votes' && kind === 'meanSquaredError') {
    throw new PlanError(`ensemble: ${kind} has no classes to vote for; take combine: 'values'`)
  }

  const ask = (x: Numbers, forClasses = combine !== 'values'): Answers => {
    const answers = all.map(({ predictor }, i) => readAnswer(predictor.predict(x), i))
    const [{ shape }] = answers
    answers.forEach((answer, i) => {
      if (answer.shape.join() === shape.join()) return
      const shapes = `(${answer.shape.join(', ')}), member 0 (${shape.join(', ')})`
      throw new DataError(`ensemble: member ${i} gives ${shapes}; members must answer the same question`)
    })
    const size = answers[0].data.length / shape[0]
    if (link === 'softmax' && forClasses && size < 2) {
      throw new DataError(
        `ensemble: members give one value for each row, of which a softmax is always 1; create models of one output ` +
          `with binaryCrossEntropy()${combine === 'values' ? '' : ", or take combine: 'values'"}`,
      )
    }
    return { shape, size, scores: answers.map(({ data }, i) => ({ data, isProbability: all[i].isProbability })) }
  }

  const isProbable = combine === 'probabilities'
  const own: Ensemble = {
    loss,
    predict(x, options = {}) {
      checkArguments('ensemble.predict', arguments, 2)
      const { probabilities } = checkOptions('ensemble.predict', options, ['probabilities'])
      if (probabilities !== undefined && flag('ensemble.predict', 'probabilities', probabilities) !== isProbable) {
        throw new PlanError(
          `ensemble.predict: its combine is '${combine}', so that probabilities cannot be ${probabilities}`,
        )
      }
      const answers = ask(x)
      return { shape: answers.shape, data: meanOf(answers, combine, link) }
    },
    evaluate(data) {
      checkArguments('ensemble.evaluate', arguments, 1)
      const { x, y } = readData('ensemble.evaluate', data)
      const answers = ask(x, true)
      const mean = meanOf(answers, combine, link)
      const isClass = link === 'softmax' || kind === 'hinge'
      const classes = classesOf(answers, link)
      const { softLabels, ignoreIndex } = (loss?.config ?? {}) as SoftmaxOptions
      if (softLabels || ignoreIndex !== undefined) {
        throw new PlanError('ensemble.evaluate: takes labels that all count; with others, compare what predict gives')
      }
      const targets = isClass
        ? readLabels('y', y as Labels, answers.shape[0], classes, { positions: answers.size / classes })
        : readTargets(y, answers, link)
      const sides = link ? shareOfSides(mean, targets, combine) : NaN
      return {
        loss: lossOfMean(answers, mean, targets, combine, link, kind),
        accuracy: isClass ? shareOfLabels(mean, targets, classes) : sides,
      }
    },
  }
  if (combine !== 'values') PROBABLE.add(own)
  return own
}

/** Ensembles whose answers are probabilities, or shares of votes, and no scores. */
const PROBABLE = /* @__PURE__ */ new WeakSet<Predictor>()

/** A member, and what is known of its answers. */
interface Member {
  readonly predictor: Predictor
  readonly loss: Loss | undefined
  /** Of its loss. */
  readonly kind: string
  /** What that makes of scores before it compares them; undefined where it takes values as they are. */
  readonly link: Link
  readonly isProbability: boolean
}
type Link = 'softmax' | 'sigmoid' | undefined

function readMembers(members: readonly Predictor[]): Member[] {
  if (!Array.isArray(members) || !members.length) {
    throw new PlanError('ensemble: wants an array of models, one at least')
  }
  return Array.from(members as readonly Predictor[], (predictor, i) => {
    checkNoPromise('ensemble', `member ${i}`, predictor, 'createModel(...)')
    if (typeof predictor?.predict !== 'function') {
      throw new PlanError(`ensemble: member ${i} is no model: it cannot predict, got ${show(predictor)}`)
    }
    const { loss } = predictor
    const isProbability = PROBABLE.has(predictor)
    if (loss === undefined) return { predictor, loss, kind: 'softmaxCrossEntropy', link: 'softmax', isProbability }
    const { kind, probabilities: link } = Object(loss) as Loss
    if (isPlain(loss) && kind === undefined) {
      throw new PlanError(
        `ensemble: member ${i} has several outputs, ${few(Object.keys(loss))}; an ensemble is of models with one: ` +
          'combine what their predict gives for each output yourself',
      )
    }
    const known = link === undefined || link === 'softmax' || link === 'sigmoid'
    if (typeof kind === 'string' && known) return { predictor, loss, kind, link, isProbability }
    throw new PlanError(
      `ensemble: the loss of member ${i} must be one, such as softmaxCrossEntropy(), got ${show(loss)}`,
    )
  })
}

/** A copy of what a member gave; a DataError unless it is what predict has to give. */
function readAnswer(answer: Tensor, i: number): Tensor<'float64'> {
  return readSafely('ensemble', `the answer of member ${i}`, () => {
    const { shape, data } = Object(answer) as Partial<Tensor>
    if (
      Array.isArray(shape) &&
      shape.length &&
      shape.every((d) => d >= 1 && Number.isSafeInteger(d)) &&
      data &&
      product(shape) === data.length
    ) {
      const copy = new Float64Array(data.length)
      for (let at = 0; at < copy.length; at++) {
        const value: unknown = data[at]
        if (typeof value !== 'number' || !Number.isFinite(value)) {
          throw new DataError(`ensemble: member ${i} gives ${show(value)} at ${at}; answers must be finite numbers`)
        }
        copy[at] = value
      }
      return { shape: Array.from(shape as number[]), data: copy }
    }
    throw new DataError(`ensemble: member ${i} must predict { shape: [rows, ...], data }, got ${show(answer)}`)
  })
}

interface Answers {
  readonly shape: readonly number[]
  /** Values of a row. */
  readonly size: number
  readonly scores: readonly Answer[]
}
interface Answer {
  readonly data: Float64Array
  readonly isProbability: boolean
}

/** The place of the first of the largest values. */
function largest(values: ArrayLike<number>, from: number, count: number): number {
  let best = from
  for (let i = from + 1; i < from + count; i++) if (values[i] > values[best]) best = i
  return best - from
}

/** How many classes each label is one of: scores are of them, or, for each position, (T, classes). */
function classesOf({ shape, size }: Answers, link: Link): number {
  return link === 'softmax' && shape.length > 2 ? shape.at(-1)! : size
}

function meanOf(answers: Answers, combine: Combine, link: Link): Float64Array {
  const { scores } = answers
  const size = classesOf(answers, link)
  const mean = new Float64Array(scores[0].data.length)
  for (const answer of scores) {
    const values = combine === 'votes' ? votesOf(answer, size, link) : answer.data.slice()
    if (combine === 'probabilities' && !answer.isProbability) probabilitiesOf(link!, values, size)
    // Each by its share, for a sum may be more than the largest number.
    for (let i = 0; i < mean.length; i++) mean[i] += values[i] / scores.length
  }
  return mean
}

function votesOf({ data, isProbability }: Answer, size: number, link: Link): Float64Array {
  if (link === 'sigmoid') return data.map((value) => Number(value > (isProbability ? 0.5 : 0)))
  const votes = new Float64Array(data.length)
  for (let at = 0; at < data.length; at += size) votes[at + largest(data, at, size)] = 1
  return votes
}

function readTargets(y: Labels | Numbers, { shape, size }: Answers, link: Link): ArrayLike<number> {
  const targets = readRows('y', y as Numbers, size, shape.slice(1), 'float64', link !== undefined)
  checkTargetRows('y', targets.length, size, shape[0])
  return targets
}

function shareOfLabels(mean: Float64Array, labels: ArrayLike<number>, size: number): number {
  let right = 0
  for (let row = 0; row < labels.length; row++) if (largest(mean, row * size, size) === labels[row]) right++
  return right / labels.length
}

/** Of yes and no; scores say yes above 0, probabilities and votes above a half. */
function shareOfSides(mean: Float64Array, targets: ArrayLike<number>, combine: Combine): number {
  let right = 0
  for (let i = 0; i < mean.length; i++) {
    if (mean[i] > (combine === 'values' ? 0 : 0.5) === targets[i] > 0.5) right++
  }
  return right / mean.length
}

function lossOfMean(
  answers: Answers,
  mean: Float64Array,
  targets: ArrayLike<number>,
  combine: Combine,
  link: Link,
  kind: string,
): number {
  const count = targets.length
  let loss = 0
  if (combine === 'values' && kind === 'meanSquaredError') {
    for (let i = 0; i < count; i++) loss += (mean[i] - targets[i]) ** 2 / count
    return loss
  }
  if (combine !== 'probabilities') return NaN
  for (let i = 0; i < count; i++) {
    const target = targets[i]
    if (link === 'softmax') {
      loss -= logOfMean(answers, (one) => logOfLabel(one, i, target, classesOf(answers, link)))
    } else {
      // A target of 0 or 1 has one part alone: the other may be 0 times an infinite logarithm.
      if (target > 0) loss -= target * logOfMean(answers, (one) => logOfSide(one, i, true))
      if (target < 1) loss -= (1 - target) * logOfMean(answers, (one) => logOfSide(one, i, false))
    }
  }
  return loss / count
}

/** The logarithm of a mean of probabilities from their logarithms, which do not vanish where probabilities do. */
function logOfMean({ scores }: Answers, logOf: (member: Answer) => number): number {
  const logs = scores.map(logOf)
  const most = logs.reduce((a, b) => Math.max(a, b))
  if (most === -Infinity) return most
  return most + log(logs.reduce((sum, value) => sum + exp(value - most), 0) / logs.length)
}

function logOfLabel({ data, isProbability }: Answer, row: number, label: number, size: number): number {
  const first = row * size
  if (isProbability) return log(data[first + label])
  const most = data[first + largest(data, first, size)]
  let sum = 0
  for (let i = first; i < first + size; i++) sum += exp(data[i] - most)
  return data[first + label] - most - log(sum)
}

/** ln σ(z), or ln σ(-z) = ln (1 - σ(z)). */
function logOfSide({ data, isProbability }: Answer, i: number, yes: boolean): number {
  if (isProbability) return log(yes ? data[i] : 1 - data[i])
  const z = yes ? data[i] : -data[i]
  return Math.min(z, 0) - log1p(exp(-Math.abs(z)))
}
