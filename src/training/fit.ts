// The training loop: epochs of shuffled batches, validation, callbacks, early stopping, cancelling.

import type { Tensor } from '../tensor'
import type { Data } from '../data/batches'
import { splitRows } from '../data/split'
import { PlanError, checkOptions, finite, flag, integer, oneOf, show } from '../errors'
import {
  type AsyncBatches,
  type Batches,
  type Feed,
  type Loadable,
  arrayFeed,
  checkData,
  isStream,
  streamFeed,
} from './feed'
import { addConfusion, countTopK } from '../metrics'
import { createPauses } from '../pause'
import { type Random, createRandom } from '../random'

/** Where a run is; one object, updated in place, so keep a copy rather than the object. */
export interface Progress {
  /** 0, 1, ... */
  epoch: number
  /** Of the whole run; NaN where it ends after `steps` of batches whose number is not known. */
  epochs: number
  /** Batches done in this epoch. */
  batch: number
  /** Of an epoch; NaN where an iterable gives them. */
  batches: number
  /** Examples done in this epoch. */
  examples: number
  /** Of an epoch; NaN where an iterable gives them. */
  totalExamples: number
  /** Means over the examples of this epoch so far. */
  loss: number
  /** The share of right answers; NaN where the targets are values. */
  accuracy: number
  /** Of the last step. */
  learningRate: number
}

/** What one epoch gave. */
export interface EpochResult {
  /** 0, 1, ... */
  readonly epoch: number
  /** Mean over the batches of the epoch, each before its step. */
  readonly loss: number
  /** The share of right answers in them; NaN where the targets are values. */
  readonly accuracy: number
  /** After the epoch; missing without validation. */
  readonly validationLoss?: number
  /** After the epoch; missing without validation. */
  readonly validationAccuracy?: number
  /** Of the last step. */
  readonly learningRate: number
}

/** Is waited for if it gives a promise. False, or a promise of it, ends the run. */
export type Callback<T> = (value: T) => void | boolean | Promise<void | boolean>

/** What tells how good an epoch was: a loss by being low, an accuracy by being high. */
export type Monitor = 'loss' | 'accuracy' | 'validationLoss' | 'validationAccuracy'

/** Ends a run that no longer gets better. */
export interface EarlyStopping {
  /** Epochs without an improvement after which the run ends. 5 unless given; Infinity only keeps the best. */
  patience?: number
  /** What is not more than this is no improvement. 0 unless given. */
  minDelta?: number
  /** 'validationLoss' unless given, or 'loss' if there is no validation. */
  monitor?: Monitor
  /** Whether the model ends with the parameters and buffers of its best epoch, not the last. False unless given. */
  restoreBest?: boolean
}

/** How fit trains. */
export interface FitOptions {
  /** 1 unless given; with `steps`, as many as they take. */
  epochs?: number
  /** Ends the run after so many steps, in the middle of an epoch too; that epoch is then validated and counted. */
  steps?: number
  /** Rows in a batch; that of the model unless given, and at most that. */
  batch?: number
  /** Whether each epoch has its own order, drawn from the model's seed. True unless given. */
  shuffle?: boolean
  /** What is evaluated after each epoch: data, batches, or the share of the data that is kept for it (see splitData). */
  validation?: Data | Batches | AsyncBatches | number
  /** Works in place on the first n rows of each training batch, in the model's input: augmentation. */
  transform?: (input: Tensor, n: number) => void
  /** Called after each batch; several in their order. False ends the epoch here, and the run with it. */
  onBatch?: Callback<Progress> | readonly Callback<Progress>[]
  /** Called after each epoch; several in their order. False ends the run. */
  onEpoch?: Callback<EpochResult> | readonly Callback<EpochResult>[]
  /** Ends the run once it no longer gets better, or only keeps the best epoch. */
  earlyStopping?: EarlyStopping
  /** Ends the run after the batch in work; the history says so, and what was learnt stays. */
  signal?: AbortSignal
  /** Other events, such as the frames of a page, run every so many milliseconds, even within a step. 8 unless given. */
  yieldEvery?: number
}

/** A list for each measure, an entry for each finished epoch. */
export interface History {
  /** Means over the batches of an epoch, each before its step. */
  loss: number[]
  /** Shares of right answers in them; NaN where the targets are values. */
  accuracy: number[]
  /** After each epoch; empty without validation. */
  validationLoss: number[]
  /** After each epoch; empty without validation. */
  validationAccuracy: number[]
  /** The rate of the last step of each epoch. */
  learningRate: number[]
  /** Steps done. */
  steps: number
  /** The epoch that was best by what is monitored (see EarlyStopping); -1 if none has ended. */
  bestEpoch: number
  /** Why the run ended: all was done, its signal, a callback that gave false, or early stopping. */
  stopped: 'end' | 'signal' | 'callback' | 'earlyStopping'
  /** Whether the run was cancelled by its signal. */
  aborted: boolean
}

/** What evaluate is asked for. */
export interface EvaluateOptions {
  /** Works in place on the first n rows of each batch, in the model's input. */
  transform?: (input: Tensor, n: number) => void
  /** Asks for the share of rows whose label is among so many highest scores. */
  topK?: number
  /** Asks for the confusion matrix. */
  confusion?: boolean
}

/** How good a model is on some data. */
export interface Evaluation {
  /** Mean over the rows, with what regularisation adds. */
  loss: number
  /** The share of right answers; NaN where the targets are values. */
  accuracy: number
  /** With `topK`: the share of rows whose label is among so many highest scores. */
  topKAccuracy?: number
  /** Of each label (row) how many were given each class (column). */
  confusion?: number[][]
}

/** A pass over the loaded batch, part by part, and what it gives. */
export interface Pass {
  /** Rows that it is over; 0 once it is done. */
  rows: number
  trains: boolean
  /** Parts done. */
  at: number
  rate: number
  loss: number
  /** What the rows weigh in a mean of losses: their number, unless classes are weighted. */
  weight: number
  /** Right answers among the rows; NaN where targets are values. */
  right: number
}

export function createPass(): Pass {
  return { rows: 0, trains: false, at: 0, rate: 0, loss: 0, weight: 0, right: 0 }
}

/** What fit and evaluate need of a model. */
export interface Trainable extends Loadable {
  readonly seed: number
  /** The stream that shuffles; it goes on from run to run. */
  readonly random: Random
  readonly output: Tensor
  readonly labels: Int32Array
  /** Begins a pass over the n loaded rows: a training step, or the loss alone. */
  begin(pass: Pass, n: number, trains: boolean): void
  /** Runs the next part of it; false once all is done. */
  advance(): boolean
  /** Runs a pass as a whole. */
  runPass(n: number, trains: boolean): Pass
  /** Sets the clock of the learning rate for the next step. */
  setTime(epoch: number, step: number, epochs: number | undefined, steps: number | undefined): void
  readonly learningRate: number
  /** Whether the optimizer looks at a loss from several places, which must be the loss of all rows. */
  readonly fullBatch: boolean
  /** Shows the loss of the epoch that has just ended to a schedule that watches it. */
  observe(loss: number): void
  /** Memory for the parameters and buffers, and how to get them there and back. */
  keepWeights(): { take(): void; restore(): void }
}

/** Means over what has been evaluated. */
function createTally(model: Trainable, options: EvaluateOptions = {}) {
  const { classes, output, labels } = model
  const { topK, confusion } = options
  const matrix = confusion ? Array.from({ length: classes }, () => Array<number>(classes).fill(0)) : undefined
  let rows = 0
  let loss = 0
  let weight = 0
  let right = 0
  let among = 0
  return {
    /** Adds a pass over n rows; for topK and confusion the last of the model. */
    add(n: number, pass: Pass): void {
      rows += n
      loss += pass.weight * pass.loss
      weight += pass.weight
      right += pass.right
      if (topK) among += countTopK(output.data, labels, n, classes, topK)
      if (matrix) addConfusion(matrix, output.data, labels, n, classes)
    },
    result: (): Evaluation => ({
      loss: loss / (weight || 1),
      accuracy: right / rows,
      ...(topK && { topKAccuracy: among / rows }),
      ...(matrix && { confusion: matrix }),
    }),
  }
}

/** A feed over data that has been checked, or over batches. */
function feedOf(where: string, model: Trainable, data: Data | Batches | AsyncBatches, name = ''): Feed {
  if (isStream(data)) return streamFeed(where, model, data, name)
  return arrayFeed(model, data, model.batch, checkData(where, model, data, name && `${name}.`))
}

/** See Model.evaluate. */
export function evaluate(
  model: Trainable,
  data: Data | Batches | AsyncBatches,
  options: EvaluateOptions,
): Evaluation | Promise<Evaluation> {
  checkOptions('evaluate', options, ['transform', 'topK', 'confusion'])
  const { transform, topK, confusion } = options
  checkFunctions('evaluate', { transform })
  if (topK !== undefined) integer('evaluate', 'topK', topK, 1)
  if (confusion !== undefined) flag('evaluate', 'confusion', confusion)
  if ((topK || confusion) && !model.classes) {
    throw new PlanError('evaluate: topK and confusion are for labels, but the loss of this model compares values')
  }
  const feed = feedOf('evaluate', model, data)
  const tally = createTally(model, options)
  const pass = () => {
    const n = feed.load()
    transform?.(model.input, n)
    tally.add(n, model.runPass(n, false))
  }
  const wait = async () => {
    try {
      while (await feed.next()) pass()
    } finally {
      await feed.close()
    }
    return tally.result()
  }
  if (feed.start(0)) return wait()
  try {
    while (feed.next()) pass()
  } finally {
    void feed.close()
  }
  return tally.result()
}

function checkFunctions(where: string, functions: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(functions)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && typeof one !== 'function') {
        throw new PlanError(`${where}: ${name} must be a function, got ${show(one)}`)
      }
    }
  }
}

/** Calls each in turn. Whether one of them gave false. */
async function call<T>(callbacks: Callback<T> | readonly Callback<T>[] | undefined, value: T): Promise<boolean> {
  if (typeof callbacks === 'function') return (await callbacks(value)) === false
  let stop = false
  for (const callback of callbacks ?? []) if ((await callback(value)) === false) stop = true
  return stop
}

/** Watches one measure, epoch by epoch. */
function createWatch(model: Trainable, options: EarlyStopping | undefined, validated: boolean) {
  if (options !== undefined)
    checkOptions('fit.earlyStopping', options, ['patience', 'minDelta', 'monitor', 'restoreBest'])
  const { patience = 5, minDelta = 0, monitor = validated ? 'validationLoss' : 'loss', restoreBest } = options ?? {}
  if (patience !== Infinity) integer('fit.earlyStopping', 'patience', patience, 1)
  finite('fit.earlyStopping', 'minDelta', minDelta, 0)
  flag('fit.earlyStopping', 'restoreBest', restoreBest ?? false)
  const measures = ['loss', 'accuracy', 'validationLoss', 'validationAccuracy'] as const
  oneOf('fit.earlyStopping', 'monitor', monitor, measures)
  if (!validated && monitor.startsWith('validation')) {
    throw new PlanError(`fit.earlyStopping: to monitor ${monitor}, fit needs validation`)
  }
  if (model.targets === 'values' && monitor.endsWith('ccuracy')) {
    throw new PlanError(`fit.earlyStopping: ${monitor} is for labels, but the loss of this model compares values`)
  }
  const sign = monitor.endsWith('ccuracy') ? -1 : 1
  const weights = restoreBest ? model.keepWeights() : undefined
  let best = Infinity
  let waited = 0
  return {
    bestEpoch: -1,
    /** Whether the run has to end. */
    see(result: EpochResult): boolean {
      const value = sign * result[monitor]!
      waited++
      if (value < best - minDelta) {
        best = value
        waited = 0
        this.bestEpoch = result.epoch
        weights?.take()
      }
      return options !== undefined && waited >= patience
    },
    finish(): void {
      if (this.bestEpoch >= 0) weights?.restore()
    },
  }
}

const OPTIONS = [
  'epochs',
  'steps',
  'batch',
  'shuffle',
  'validation',
  'transform',
  'onBatch',
  'onEpoch',
  'earlyStopping',
  'signal',
  'yieldEvery',
]

/** What a run is over: batches to train on, in an order of their own, and what validates them. */
function feedsOf(model: Trainable, data: Data | Batches | AsyncBatches, options: FitOptions) {
  const { validation } = options
  const batch = integer('fit', 'batch', options.batch ?? model.batch, 1)
  const shuffle = flag('fit', 'shuffle', options.shuffle ?? true)
  if (batch > model.batch) {
    throw new PlanError(`fit: a batch of ${batch} is more than the ${model.batch} that the model was planned for`)
  }
  if (isStream(data)) {
    for (const [name, given] of Object.entries({ shuffle: options.shuffle === true, batch: options.batch })) {
      if (given) throw new PlanError(`fit: ${name} is for arrays; batches of an iterable are taken as they come`)
    }
    if (typeof validation === 'number') {
      throw new PlanError('fit: a share for validation is for arrays; hand in validation data of its own')
    }
    const validating = validation && feedOf('fit', model, validation, 'validation')
    return { training: streamFeed('fit', model, data), validating, order: undefined }
  }
  const rows = checkData('fit', model, data)
  if (typeof validation === 'number') {
    // A stream of its own, so that each run of this model has the same rows for validation.
    const split = splitRows('fit', rows, validation, createRandom(model.seed, 3))
    return {
      training: arrayFeed(model, data, batch, split.training),
      validating: arrayFeed(model, data, model.batch, split.validation),
      order: shuffle ? split.training : undefined,
    }
  }
  const validating = validation && feedOf('fit', model, validation, 'validation')
  const order = shuffle ? Uint32Array.from({ length: rows }, (_, i) => i) : undefined
  return { training: arrayFeed(model, data, batch, order ?? rows), validating, order }
}

/** See Model.fit. */
export async function fit(
  model: Trainable,
  data: Data | Batches | AsyncBatches,
  options: FitOptions = {},
): Promise<History> {
  checkOptions('fit', options, OPTIONS)
  const { transform, onBatch, onEpoch, earlyStopping, signal, yieldEvery = 8 } = options
  const steps = options.steps === undefined ? Infinity : integer('fit', 'steps', options.steps, 0)
  const epochs = options.epochs ?? (steps === Infinity ? 1 : Infinity)
  if (epochs !== Infinity || steps === Infinity) integer('fit', 'epochs', epochs, 0)
  if (!(typeof yieldEvery === 'number' && yieldEvery >= 0)) {
    throw new PlanError(`fit: yieldEvery must be a number of milliseconds of at least 0, got ${show(yieldEvery)}`)
  }
  checkFunctions('fit', { transform, onBatch, onEpoch })
  const { training, validating, order } = feedsOf(model, data, options)
  const watch = createWatch(model, earlyStopping, validating !== undefined)

  if (model.fullBatch && training.batches !== 1) {
    const { rows } = training
    throw new PlanError(
      rows
        ? `fit: this optimizer wants all ${rows} rows in one batch, got ${training.batches} batches; ` +
            `create the model with batch: ${rows}, or take another optimizer`
        : 'fit: this optimizer wants all rows in one batch; hand in arrays, or take another optimizer',
    )
  }

  // How long the run is, as far as that can be known: for schedules and for callbacks.
  const { batches } = training
  const allSteps = Math.min(steps, epochs * (batches || Infinity))
  const allEpochs = Math.min(epochs, Math.ceil(steps / (batches || 0)) || Infinity)
  const known = (length: number) => (Number.isFinite(length) ? length : undefined)

  const history: History = {
    loss: [],
    accuracy: [],
    validationLoss: [],
    validationAccuracy: [],
    learningRate: [],
    steps: 0,
    bestEpoch: -1,
    stopped: 'end',
    aborted: false,
  }
  const progress: Progress = {
    epoch: 0,
    epochs: known(allEpochs) ?? NaN,
    batch: 0,
    batches,
    examples: 0,
    totalExamples: training.rows,
    loss: 0,
    accuracy: NaN,
    learningRate: 0,
  }
  const pauses = createPauses(yieldEvery)
  // Its own, for whatever else uses the model in a pause has another.
  const pass = createPass()
  const run = async (n: number, trains: boolean) => {
    model.begin(pass, n, trains)
    while (model.advance()) if (pauses.due()) await pauses.take()
  }
  const ended = (): boolean => history.stopped !== 'end' || history.steps === steps

  const trainEpoch = async (epoch: number): Promise<void> => {
    let loss = 0
    let weight = 0
    let right = 0
    progress.epoch = epoch
    progress.batch = 0
    progress.examples = 0
    while (!ended()) {
      if (pauses.due()) await pauses.take()
      if (signal?.aborted || !(await training.next())) break
      if (signal?.aborted) break
      const n = training.load()
      transform?.(model.input, n)
      model.setTime(epoch, history.steps, known(allEpochs), known(allSteps))
      await run(n, true)
      history.steps++
      loss += pass.weight * pass.loss
      weight += pass.weight
      right += pass.right
      progress.batch++
      progress.examples += n
      progress.loss = loss / (weight || 1)
      progress.accuracy = right / progress.examples
      progress.learningRate = model.learningRate
      if (onBatch && (await call(onBatch, progress))) history.stopped = 'callback'
    }
  }
  const validate = async (feed: Feed): Promise<Evaluation> => {
    const tally = createTally(model)
    feed.start(progress.epoch)
    try {
      while (await feed.next()) {
        if (signal?.aborted) break
        const n = feed.load()
        await run(n, false)
        tally.add(n, pass)
      }
    } finally {
      await feed.close()
    }
    return tally.result()
  }

  try {
    for (let epoch = 0; epoch < epochs && !ended(); epoch++) {
      if (order) model.random.shuffle(order)
      training.start(epoch)
      try {
        await trainEpoch(epoch)
      } finally {
        await training.close()
      }
      const validated = validating && !signal?.aborted ? await validate(validating) : undefined
      if (signal?.aborted) {
        history.stopped = 'signal'
        history.aborted = true
        break
      }
      model.observe((validated ?? progress).loss)
      const { loss, accuracy, learningRate } = progress
      history.loss.push(loss)
      history.accuracy.push(accuracy)
      history.learningRate.push(learningRate)
      if (validated) {
        history.validationLoss.push(validated.loss)
        history.validationAccuracy.push(validated.accuracy)
      }
      const result = {
        epoch,
        loss,
        accuracy,
        learningRate,
        ...(validated && { validationLoss: validated.loss, validationAccuracy: validated.accuracy }),
      }
      const enough = watch.see(result)
      history.bestEpoch = watch.bestEpoch
      const stop = await call(onEpoch, result)
      if (history.stopped === 'end' && (stop || enough)) history.stopped = stop ? 'callback' : 'earlyStopping'
    }
    watch.finish()
  } finally {
    pauses.close()
  }
  return history
}
