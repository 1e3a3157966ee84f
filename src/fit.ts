// The training loop: epochs of shuffled batches, validation, callbacks, cancelling.

import { type Labels, type Numbers, checkFinite, countRows } from './data/batches'
import { DataError, PlanError, checkOptions, flag, integer, show } from './errors'
import { checkLabel } from './losses'
import type { Tensor } from './plan'
import type { Random } from './random'

/** Examples x, rows of the input shape one after the other; y their labels, or their target values. */
export interface Data {
  readonly x: Numbers
  readonly y: Labels | Numbers
}

/** Where a run is; one object, updated in place, so keep a copy rather than the object. */
export interface Progress {
  epoch: number
  epochs: number
  /** Batches done in this epoch. */
  batch: number
  batches: number
  /** Examples done in this epoch. */
  examples: number
  totalExamples: number
  /** Means over the examples of this epoch so far. */
  loss: number
  /** The share of right labels; NaN where the targets are no labels. */
  accuracy: number
  learningRate: number
}

/** What one epoch gave. */
export interface EpochResult {
  readonly epoch: number
  readonly loss: number
  readonly accuracy: number
  readonly validationLoss?: number
  readonly validationAccuracy?: number
  readonly learningRate: number
}

export interface FitOptions {
  epochs?: number
  /** Rows in a batch; that of the model unless given, and at most that. */
  batch?: number
  /** Whether each epoch has its own order, drawn from the model's seed. True unless given. */
  shuffle?: boolean
  validation?: Data
  /** Works in place on the first n rows of each training batch, in the model's input: augmentation. */
  transform?: (input: Tensor, n: number) => void
  onBatch?: (progress: Progress) => void | Promise<void>
  onEpoch?: (result: EpochResult) => void | Promise<void>
  /** Ends the run after the batch in work; the history says so, and what was learnt stays. */
  signal?: AbortSignal
}

/** A list for each measure, an entry for each finished epoch. */
export interface History {
  loss: number[]
  accuracy: number[]
  validationLoss: number[]
  validationAccuracy: number[]
  /** The rate of the last step of each epoch. */
  learningRate: number[]
  /** Whether the run was cancelled by its signal. */
  aborted: boolean
}

/** What fit needs of a model. */
export interface Trainable {
  readonly batch: number
  readonly input: Tensor
  readonly inputSize: number
  /** The stream that shuffles; it goes on from run to run. */
  readonly random: Random
  /** Classes of the labels; 0 where the targets are values, `targetSize` of them for each example. */
  readonly classes: number
  readonly targetSize: number
  evaluate(data: Data): { loss: number; accuracy: number }
  /** Puts n rows, rows[first] and on, where the next step finds them. */
  loadBatch(data: Data, n: number, rows: ArrayLike<number> | undefined, first: number): void
  /** Trains on the loaded batch and returns its loss. */
  trainLoaded(n: number): number
  /** Right labels among the n outputs of the last forward pass. */
  countRight(n: number): number
  /** Sets the clock of the learning rate for the next step. */
  setTime(epoch: number, step: number, epochs: number, steps: number): void
  readonly learningRate: number
  /** Whether the optimizer looks at a loss from several places, which must be the loss of all rows. */
  readonly fullBatch: boolean
  /** Shows the loss of the epoch that has just ended to a schedule that watches it. */
  observe(loss: number): void
}

/** Checks data before a run: rows, labels and every number. Returns the number of rows. */
export function checkData(where: string, model: Trainable, data: Data, name = ''): number {
  if (data === null || typeof data !== 'object' || !data.x || !data.y) {
    throw new DataError(`${where}: ${name.replace('.', '') || 'data'} must be an object { x, y }`)
  }
  const { x, y } = data
  const rows = countRows(`${name}x`, x, model.inputSize, model.input.shape.slice(1))
  if (model.classes) {
    if (typeof y !== 'object' || typeof y.length !== 'number')
      throw new DataError(`${name}y: want labels, got ${show(y)}`)
    if (y.length !== rows) throw new DataError(`${name}y: ${y.length} labels for ${rows} rows of x`)
    for (let row = 0; row < rows; row++) checkLabel(y, row, model.classes, `${name}y`)
  } else {
    const targets = countRows(`${name}y`, y, model.targetSize, [model.targetSize])
    if (targets !== rows) throw new DataError(`${name}y: ${targets} rows of targets for ${rows} rows of x`)
    checkFinite(`${name}y`, y as Numbers, model.targetSize)
  }
  checkFinite(`${name}x`, x, model.inputSize)
  return rows
}

/** See Model.fit. */
export async function fit(model: Trainable, data: Data, options: FitOptions = {}): Promise<History> {
  checkOptions('fit', options, [
    'epochs',
    'batch',
    'shuffle',
    'validation',
    'transform',
    'onBatch',
    'onEpoch',
    'signal',
  ])
  const epochs = integer('fit', 'epochs', options.epochs ?? 1, 0)
  const batch = integer('fit', 'batch', options.batch ?? model.batch, 1)
  if (batch > model.batch) {
    throw new PlanError(`fit: a batch of ${batch} is more than the ${model.batch} that the model was planned for`)
  }
  const { validation, transform, onBatch, onEpoch, signal } = options
  for (const [name, value] of Object.entries({ transform, onBatch, onEpoch })) {
    if (value !== undefined && typeof value !== 'function') {
      throw new PlanError(`fit: ${name} must be a function, got ${show(value)}`)
    }
  }
  const shuffle = flag('fit', 'shuffle', options.shuffle ?? true)
  const rows = checkData('fit', model, data)
  if (validation) checkData('fit', model, validation, 'validation.')
  const order = shuffle ? Uint32Array.from({ length: rows }, (_, i) => i) : undefined
  const batches = Math.ceil(rows / batch)
  if (model.fullBatch && batches > 1) {
    throw new PlanError(
      `fit: this optimizer wants all ${rows} rows in one batch, got batches of ${batch}; ` +
        `create the model with batch: ${rows}, or take another optimizer`,
    )
  }
  const history: History = {
    loss: [],
    accuracy: [],
    validationLoss: [],
    validationAccuracy: [],
    learningRate: [],
    aborted: false,
  }
  const progress: Progress = {
    epoch: 0,
    epochs,
    batch: 0,
    batches,
    examples: 0,
    totalExamples: rows,
    loss: 0,
    accuracy: NaN,
    learningRate: 0,
  }
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (order) model.random.shuffle(order)
    let loss = 0
    let right = 0
    progress.epoch = epoch
    for (let index = 0; index < batches; index++) {
      // Between batches, so that a page stays alive and a signal gets through.
      await breathe()
      if (signal?.aborted) {
        history.aborted = true
        return history
      }
      const first = index * batch
      const n = Math.min(batch, rows - first)
      model.loadBatch(data, n, order, first)
      transform?.(model.input, n)
      model.setTime(epoch, epoch * batches + index, epochs, epochs * batches)
      loss += n * model.trainLoaded(n)
      if (model.classes) right += model.countRight(n)
      progress.batch = index + 1
      progress.examples = first + n
      progress.loss = loss / progress.examples
      progress.accuracy = model.classes ? right / progress.examples : NaN
      progress.learningRate = model.learningRate
      if (onBatch) await onBatch(progress)
    }
    const validated = validation && model.evaluate(validation)
    model.observe((validated ?? progress).loss)
    history.loss.push(progress.loss)
    history.accuracy.push(progress.accuracy)
    history.learningRate.push(progress.learningRate)
    if (validated) {
      history.validationLoss.push(validated.loss)
      history.validationAccuracy.push(validated.accuracy)
    }
    await onEpoch?.({
      epoch,
      loss: progress.loss,
      accuracy: progress.accuracy,
      learningRate: progress.learningRate,
      ...(validated && { validationLoss: validated.loss, validationAccuracy: validated.accuracy }),
    })
  }
  return history
}

/** Lets pending events run. Timers wait milliseconds in a browser; a message does not. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve)
    } else if (typeof MessageChannel === 'function') {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(null)
    } else {
      setTimeout(resolve)
    }
  })
}
