// One run, watched: CS231n's "babysitting", and in Andrew Ng's words the way of the panda, which has one child and looks
// after it; a search with many trials at once is that of the caviar.

import type { Data } from '../data/batches'
import type { AsyncBatches, Batches } from '../data/stream'
import {
  PlanError,
  callable,
  checkArguments,
  checkNoPromise,
  checkOptions,
  count,
  finite,
  given,
  integer,
  readSafely,
} from '../errors'
import { needLoss } from '../training/core'
import { evaluate } from '../training/evaluate'
import { checkOneObject } from '../training/feed'
import { type FitOptions, checkCallbacks, checkTransform } from '../training/options'
import { forget, keepWeights } from '../training/state'
import { unlessEnded } from '../training/wait'
import { coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import { checkSignal } from '../pause'
import type { Schedule } from '../schedules'

/** How panda trains, and when it changes the rate. */
export interface PandaOptions extends Pick<FitOptions, 'batch' | 'shuffle' | 'transform' | 'onBatch' | 'signal'> {
  /** What is evaluated after each epoch; its loss is what is watched. */
  validation: Data | Batches | AsyncBatches
  /** The first rate. */
  learningRate: number
  /** Epochs in all, those that were undone included. */
  epochs: number
  /** So many epochs without a new best loss, and the rate is cut. 2 unless given. */
  patience?: number
  /** What a cut leaves of the rate. 0.3 unless given. */
  lower?: number
  /** After `patience` new bests in a row a rate so many times as high is tried. 2 unless given; 1 never tries. */
  raise?: number
  /** A loss, of validation or in training, of so many times that of the best epoch has diverged. 2 unless given. */
  diverged?: number
  /** The run ends once the rate is below. A millionth of the first unless given. */
  minRate?: number
  /** Called after each epoch, and waited for if it gives a promise. */
  onEpoch?: (epoch: PandaEpoch) => void
}

/** A change of the rate, and why. */
export interface PandaDecision {
  /** After which epoch. */
  readonly epoch: number
  /** 'undo' goes back to the rate before one that was tried, and was too high. */
  readonly action: 'raise' | 'undo' | 'lower'
  /** What was seen. */
  readonly reason: string
  /** The rate before. */
  readonly from: number
  /** The rate from now on. */
  readonly to: number
}

/** An epoch of a watched run. */
export interface PandaEpoch {
  /** 0, 1, ... */
  readonly epoch: number
  /** The rate of this epoch. */
  readonly learningRate: number
  /** Mean over the epoch; NaN or infinite if it diverged. */
  readonly loss: number
  /** Of validation, after the epoch. */
  readonly validationLoss: number
  /** NaN where the targets are values. */
  readonly validationAccuracy: number
  /** What was changed after it. */
  readonly decision?: PandaDecision
}

/** What a watched run gave. */
export interface PandaResult {
  /** With the weights of its best epoch. */
  readonly model: Model
  /** All of them, those that were undone included. */
  readonly epochs: readonly PandaEpoch[]
  /** Those of the epochs, in a row. */
  readonly decisions: readonly PandaDecision[]
  /** -1 if none was better than the untrained model. */
  readonly bestEpoch: number
  /** The least loss of validation: that of the model. Infinity where none was measured. */
  readonly bestLoss: number
  /** Whether the signal ended the run. */
  readonly aborted: boolean
}

/**
 * Trains one model and watches it: where the loss of validation diverges or rests, it goes back to the best weights so
 * far and lowers the rate; while all goes well, it tries a higher one, and takes that back if it does not help. Going
 * back begins with a new optimizer: momentum that led astray is gone. The model ends with its best weights, so never
 * worse than it was. `create` makes the model with the rate that it is handed:
 *
 *     const { model, decisions } = await panda(
 *       (learningRate) => createModel(network, { input: [784], loss: softmaxCrossEntropy(), optimizer: adam({ learningRate }) }),
 *       training,
 *       { validation, learningRate: 0.1, epochs: 20 },
 *     )
 *
 * Every decision follows from losses, so the same seed gives the same run. Throws a PlanError on bad options, and where
 * the signal comes before `create` gave a model.
 */
export async function panda(
  create: (learningRate: Schedule) => Model | Promise<Model>,
  data: Data | Batches | AsyncBatches,
  options: PandaOptions,
): Promise<PandaResult> {
  const where = 'panda'
  checkArguments(where, arguments, 3)
  checkNoPromise(where, 'what comes first', create, 'it inside a function (learningRate) => model')
  callable(where, '', create, 'a function (learningRate) => model first of all')
  checkSource(where, 'data', data, `${where}(create, { x, y }, options)`)
  const settings = checkPanda(where, options)
  const { validation, signal, onEpoch, onBatch, batch, shuffle, transform } = settings
  const { patience, lower, raise, diverged, minRate } = settings
  let rate = settings.learningRate
  let asked = false
  const schedule: Schedule = () => {
    asked = true
    return rate
  }

  const made = create(schedule)
  // Whatever it is: to await it looks at it.
  readSafely(where, 'what create gives', () => (made as Partial<Promise<Model>> | undefined)?.then)
  const found = await unlessEnded(undefined, made, signal)
  if (!found && signal?.aborted) {
    throw new PlanError(`${where}: the signal came before create gave a model, so that there is none to hand back`)
  }
  const model = found as Model
  const core = coreOf(where, model)
  const best = keepWeights(core)
  // The loss of a model that is out of range already, or of a part of the rows, is nothing to compare with.
  needLoss('evaluate', core)
  const { loss: untrained } = await evaluate(core, validation, {}, signal)
  let bestLoss = Number.isFinite(untrained) && !signal?.aborted ? untrained : Infinity
  let bestEpoch = -1
  /** In training, which dropout and augmentation make harder than validation. */
  let lossOfBest = 0
  let bad = 0
  let good = 0
  /** The rate before the one that is being tried. */
  let proven: number | undefined
  const epochs: PandaEpoch[] = []

  /** Back to the best weights, with a new optimizer; shuffling and dropout go on, so that no order comes twice. */
  const restore = () => {
    best.restore()
    forget(core)
  }

  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    if (rate < minRate || signal?.aborted) break
    const learningRate = rate
    const fit = { batch, shuffle, transform, signal, validation, onBatch }
    const history = await model.fit(data, { ...fit, epochs: 1 })
    if (!asked) throw new PlanError(`${where}: create must hand the learningRate that it gets to the optimizer`)
    if (history.aborted) break
    // A run that died tells no losses.
    const [loss = NaN] = history.loss
    const [validationLoss = NaN] = history.validationLoss
    const [validationAccuracy = NaN] = history.validationAccuracy
    // A loss that shot up on the way leaves dead units behind, even where it has come down again by the end.
    const far = !(loss <= diverged * Math.max(bestLoss, lossOfBest)) || !(validationLoss <= diverged * bestLoss)
    const better = !far && validationLoss < bestLoss
    const was = bestLoss
    if (better) {
      bestLoss = validationLoss
      lossOfBest = loss
      bestEpoch = epoch
      best.take()
    }
    bad = better ? 0 : bad + 1
    good = better ? good + 1 : 0

    let decision: PandaDecision | undefined
    const decide = (action: PandaDecision['action'], reason: string, to: number) => {
      decision = { epoch, action, reason, from: rate, to }
      rate = to
      bad = good = 0
    }
    const seen = `loss ${loss.toPrecision(4)} in training, ${validationLoss.toPrecision(4)} after it, best ${was.toPrecision(4)}`
    if (proven !== undefined && !better) {
      decide('undo', `the higher rate does not help: ${seen}`, proven)
      proven = undefined
      // Not at once again: as many new bests are wanted twice over.
      good = -patience
    } else if (far || bad >= patience) {
      decide('lower', far ? `diverged: ${seen}` : `no new best in ${count(patience, 'epoch')}: ${seen}`, rate * lower)
    } else if (raise > 1 && good >= patience && Number.isFinite(rate * raise)) {
      proven = rate
      decide('raise', `${count(patience, 'new best')} in a row: ${seen}`, rate * raise)
    } else if (better) {
      proven = undefined
    }
    if (decision && decision.action !== 'raise') restore()
    const result = { epoch, learningRate, loss, validationLoss, validationAccuracy, ...(decision && { decision }) }
    epochs.push(result)
    await unlessEnded(core, onEpoch?.(result), signal)
  }
  best.restore()
  const decisions = epochs.flatMap(({ decision }) => decision ?? [])
  return { model, epochs, decisions, bestEpoch, bestLoss, aborted: signal?.aborted ?? false }
}

/** Throws unless it can be data, or a function that gives batches. */
function checkSource(where: string, name: string, source: unknown, form?: string): void {
  checkNoPromise(where, name, source)
  // Of a proxy that was revoked nothing can be known.
  readSafely(where, name, () => Array.isArray(source))
  checkOneObject(where, source, name, form)
  if (typeof source === 'function') callable(where, name, source, 'data, or a function that gives batches')
}

/** More epochs than any run has, and a patience that is none. */
const MOST = 1_000_000

function checkPanda(where: string, options: PandaOptions) {
  const names = ['validation', 'learningRate', 'epochs', 'patience', 'lower', 'raise', 'diverged', 'minRate', 'onEpoch']
  const read = checkOptions(where, options, [...names, 'batch', 'shuffle', 'transform', 'onBatch', 'signal'])
  if (read.validation === undefined) throw new PlanError(`${where}: wants validation, whose loss it watches`)
  checkSource(where, 'validation', read.validation)
  const learningRate = finite(where, 'learningRate', read.learningRate, 0)
  const lower = finite(where, 'lower', read.lower ?? 0.3, 0)
  if (lower >= 1) throw new PlanError(`${where}: lower must be less than 1, got ${lower}`)
  const onEpoch = given(read.onEpoch)
  if (onEpoch !== undefined) callable(where, 'onEpoch', onEpoch, 'a function')
  const { onBatch } = read
  checkCallbacks(where, { onBatch })
  const transform = checkTransform(where, read.transform)
  return {
    validation: read.validation,
    batch: read.batch,
    shuffle: read.shuffle,
    transform,
    onEpoch,
    onBatch,
    signal: checkSignal(where, read.signal),
    learningRate,
    lower,
    epochs: integer(where, 'epochs', read.epochs, 1, MOST),
    patience: integer(where, 'patience', read.patience ?? 2, 1, MOST),
    raise: finite(where, 'raise', read.raise ?? 2, 1),
    diverged: finite(where, 'diverged', read.diverged ?? 2, 1),
    minRate: finite(where, 'minRate', read.minRate ?? learningRate * 1e-6, 0),
  }
}
