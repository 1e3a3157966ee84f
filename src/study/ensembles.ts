// Several models, or several states of one, that answer together.

import type { EvaluateOptions, Evaluation } from '../training/evaluate'
import { type Data, type Labels, type Numbers, checkLabel } from '../data/batches'
import type { Loss } from '../plan/plan'
import type { Tensor } from '../tensor'
import {
  DataError,
  PlanError,
  checkArguments,
  checkNoPromise,
  checkOptions,
  finite,
  oneOf,
  readSafely,
  show,
} from '../errors'
import type { Batches } from '../training/feed'
import { settle } from '../training/step'
import { log } from '../kernels/math'
import { probabilitiesOf } from '../metrics'
import { type Model, coreOf } from '../model/model'

/** What answers: a model, a snapshot, averaged weights, another ensemble, or something of your own. */
export interface Predictor {
  /** [rows, classes] scores, or values, for any number of rows. */
  predict(x: Numbers): Tensor
  /** Says how scores become probabilities; a model has it. */
  readonly loss?: Loss
}

export interface Ensemble extends Predictor {
  /** The share of right answers, and the mean cross-entropy of mean probabilities (NaN for votes and values). */
  evaluate(data: { readonly x: Numbers; readonly y: Labels }): Pick<Evaluation, 'loss' | 'accuracy'>
}

/**
 * One answer from several, which is right more often than each: models of other seeds or kinds, or snapshots of one
 * run. predict gives [rows, classes], the mean over the members of what `combine`, 'probabilities' unless given, says:
 *
 * - `'probabilities'`: of their scores, as the loss of each takes them: softmax of a row or, for binaryCrossEntropy and for
 *   scores of one column, the sigmoid of each value
 * - `'votes'`: 1 for the class of the highest score or, where each value is a yes or no of its own, for a score above 0, so
 *   that predict gives the share of votes
 * - `'values'`: what they give, as it is: regression, or networks that end in probabilities
 *
 *     const { accuracy } = ensemble([a, b, c]).evaluate({ x, y })
 *
 * Throws a PlanError without members, and a DataError where members give other shapes.
 */
export function ensemble(
  members: readonly Predictor[],
  options: { combine?: 'probabilities' | 'votes' | 'values' } = {},
): Ensemble {
  checkArguments('ensemble', arguments, 2)
  const kinds = ['probabilities', 'votes', 'values'] as const
  const given = checkOptions('ensemble', options, ['combine'])
  const combine = oneOf('ensemble', 'combine', given.combine ?? 'probabilities', kinds)
  const list = readSafely('ensemble', 'the members', () => {
    if (!Array.isArray(members) || !members.length)
      throw new PlanError('ensemble: wants an array of models, one at least')
    const all = Array.from(members)
    all.forEach((member, i) => {
      checkNoPromise('ensemble', `member ${i}`, member, 'createModel(...)')
      if (typeof member?.predict !== 'function')
        throw new PlanError(`ensemble: member ${i} is no model: it cannot predict`)
    })
    return all
  })

  function predict(x: Numbers): Tensor {
    const { shape, data } = list[0].predict(x)
    const size = data.length / shape[0]
    const sum = new Float64Array(data.length)
    for (let i = 0; i < list.length; i++) {
      const answer = i ? list[i].predict(x) : { shape, data }
      if (answer.shape.join() !== shape.join()) {
        const shapes = `(${answer.shape.join(', ')}), member 0 (${shape.join(', ')})`
        throw new DataError(`ensemble: member ${i} gives ${shapes}; members must answer the same question`)
      }
      addAnswer(combine, kindOf(list[i], size), answer.data, size, sum)
    }
    return { shape, data: sum.map((value) => value / list.length) }
  }

  return {
    predict,
    evaluate({ x, y }) {
      const { shape, data } = predict(x)
      const [rows] = shape
      const size = data.length / rows
      const score = kindOf(list[0], size) === 'sigmoid' && combine !== 'values' ? yesOrNo : classes
      const { loss, right } = score(data, y, rows, size)
      return { loss: combine === 'probabilities' ? loss : NaN, accuracy: right }
    },
  }
}

/** How the scores of a member become probabilities; one that does not say takes one column for a yes or no. */
function kindOf(member: Predictor, size: number): 'softmax' | 'sigmoid' {
  return member.loss?.probabilities ?? (size === 1 ? 'sigmoid' : 'softmax')
}

/** Mean cross-entropy and share of right answers of rows of probabilities, against a label for each row. */
function classes(data: Tensor['data'], y: Labels, rows: number, size: number) {
  if (y?.length !== rows) throw new DataError(`ensemble: ${y?.length ?? typeof y} labels for ${rows} rows of x`)
  let loss = 0
  let right = 0
  for (let row = 0; row < rows; row++) {
    const label = checkLabel(y, row, size)
    loss -= log(data[row * size + label])
    if (largest(data, row * size, size) === label) right++
  }
  return { loss: loss / rows, right: right / rows }
}

/** The same where each value is the probability of a yes, against targets from 0 to 1. */
function yesOrNo(data: Tensor['data'], y: Labels, rows: number, size: number) {
  const count = rows * size
  if (y?.length !== count) throw new DataError(`ensemble: ${y?.length ?? typeof y} targets for ${rows} rows of x`)
  let loss = 0
  let right = 0
  for (let i = 0; i < count; i++) {
    const target = Number(y[i])
    if (!(target >= 0 && target <= 1)) {
      throw new DataError(`y: row ${Math.floor(i / size)} holds ${show(y[i])}; want targets from 0 to 1`)
    }
    // A target of 0 or 1 has one part alone: the other may be 0 times an infinite logarithm.
    if (target > 0) loss -= target * log(data[i])
    if (target < 1) loss -= (1 - target) * log(1 - data[i])
    if (data[i] > 0.5 === target > 0.5) right++
  }
  return { loss: loss / count, right: right / count }
}

/** The place of the first of the largest values. */
function largest(values: ArrayLike<number>, from: number, count: number): number {
  let best = from
  for (let i = from + 1; i < from + count; i++) if (values[i] > values[best]) best = i
  return best - from
}

/** Adds to `sum` what one member answers. */
function addAnswer(
  combine: 'probabilities' | 'votes' | 'values',
  kind: 'softmax' | 'sigmoid',
  scores: Tensor['data'],
  size: number,
  sum: Float64Array,
): void {
  if (combine === 'votes') {
    if (kind === 'sigmoid') for (let i = 0; i < sum.length; i++) sum[i] += scores[i] > 0 ? 1 : 0
    else for (let at = 0; at < sum.length; at += size) sum[at + largest(scores, at, size)] += 1
    return
  }
  const values = Float64Array.from(scores)
  if (combine === 'probabilities') probabilitiesOf(kind, values, size)
  for (let i = 0; i < sum.length; i++) sum[i] += values[i]
}

/** A state of a model's weights that was put aside. */
export interface Weights extends Predictor {
  /** As Model.predict and Model.evaluate, with these weights instead of the model's own, which come back after it. */
  predict(x: Numbers): Tensor
  /** As Model.evaluate, with these weights. */
  evaluate(data: Data | Batches, options?: EvaluateOptions): Evaluation
  /** Exchanges these weights with those of the model; a second call brings everything back. Allocates nothing. */
  swap(): void
}

/**
 * The parameters and buffers of a model as they are now. One run with a cyclic learning rate,
 * `cosineDecay({ initial, cycles })`, gives an ensemble of snapshots, one at the end of each cycle (Huang et al.,
 * "Snapshot Ensembles", 2017):
 *
 *     const members: Weights[] = []
 *     // 12 epochs of cosineDecay({ initial: 0.1, cycles: 3 }): a cycle takes 4.
 *     await model.fit(data, {
 *       epochs: 12,
 *       onEpoch({ epoch }) {
 *         if (epoch % 4 === 3) members.push(snapshot(model))
 *       },
 *     })
 *     ensemble(members).evaluate(test)
 */
export function snapshot(model: Model<never>): Weights {
  checkArguments('snapshot', arguments, 1)
  settle(coreOf('snapshot', model))
  const live = Object.values({ ...model.parameters, ...model.buffers }).map(({ data }) => data)
  return weightsOf(
    model,
    live,
    live.map((data) => data.slice()),
  )
}

function weightsOf(model: Model<never>, live: readonly Tensor['data'][], kept: readonly Tensor['data'][]): Weights {
  const swap = () => {
    // Never in the middle of a step, in which fit may pause.
    settle(coreOf('swap', model))
    for (let i = 0; i < live.length; i++) {
      const a = live[i]
      const b = kept[i]
      for (let j = 0; j < a.length; j++) {
        const value = a[j]
        a[j] = b[j]
        b[j] = value
      }
    }
  }
  const swapped = <T>(action: () => T): T => {
    swap()
    try {
      return action()
    } finally {
      swap()
    }
  }
  return {
    swap,
    loss: model.loss,
    predict: (x) => swapped(() => model.predict(x)),
    // Which says so, if there is no loss.
    evaluate: (data, options) => swapped(() => (model as Model<'loss'>).evaluate(data, options)),
  }
}

export interface AveragedWeights extends Weights {
  /** Takes the model's weights, as they are now, into the average. Allocates nothing. */
  update(): void
}

/**
 * A running average of a model's parameters and buffers, which is often better than where the last step ended. After
 * the t-th update, average += (1 - d) (weights - average) with d = min(decay, (t - 1) / t) and `decay`, 0.999 unless
 * given: the plain mean of all updates until that would weigh the latest by less than 1 - decay, then an exponential
 * moving average. `decay: 1` stays the plain mean (Polyak & Juditsky, 1992; once an epoch: Izmailov et al., "Stochastic
 * Weight Averaging", 2018).
 *
 *     const average = averageWeights(model, { decay: 0.999 })
 *     await model.fit(data, { epochs: 3, onBatch: average.update })
 *     average.evaluate(test)
 *     average.swap()   // from here on the model has the averaged weights
 */
export function averageWeights(model: Model<never>, options: { decay?: number } = {}): AveragedWeights {
  checkArguments('averageWeights', arguments, 2)
  const given = checkOptions('averageWeights', options, ['decay'])
  const decay = finite('averageWeights', 'decay', given.decay ?? 0.999, 0, 1)
  settle(coreOf('averageWeights', model))
  const live = Object.values({ ...model.parameters, ...model.buffers }).map(({ data }) => data)
  const average = live.map((data) => data.slice())
  let updates = 0
  return {
    ...weightsOf(model, live, average),
    update() {
      settle(coreOf('averageWeights', model))
      updates++
      const rest = 1 - Math.min(decay, (updates - 1) / updates)
      for (let i = 0; i < live.length; i++) {
        const from = live[i]
        const to = average[i]
        for (let j = 0; j < from.length; j++) to[j] += rest * (from[j] - to[j])
      }
    },
  }
}
