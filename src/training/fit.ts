// The training loop: epochs of shuffled batches, validation, callbacks, early stopping, cancelling. What it knows of a run
// is in run.ts.

import type { Data } from '../data/batches'
import { splitRows } from '../data/split'
import { PlanError } from '../errors'
import { createPauses } from '../pause'
import { createRandom } from '../random'
import { type Core, createPass } from './core'
import { explain, firstNotFinite } from './divergence'
import {
  type AsyncBatches,
  type Batches,
  type Feed,
  arrayFeed,
  checkData,
  checkOneObject,
  feedOf,
  isStream,
  streamFeed,
} from './feed'
import type { EpochResult, History, Progress } from './history'
import { type Callback, type FitOptions, type FitSettings, checkFitOptions } from './options'
import { beginEpoch, createRun, report } from './run'
import { advance, begin, observe } from './step'
import { accuracyOf, addPass, createTally, lossOf } from './tally'
import { createWatch } from './watch'

/** The streams of random numbers that fit draws from. */
const ORDER = 1
const SPLIT = 3

/** What a run is over: batches to train on, rows of which each epoch has an order of its own, and what validates them. */
interface Feeds {
  readonly training: Feed
  readonly validating: Feed | undefined
  readonly shuffled: Uint32Array | undefined
}

function feedsOf(core: Core, data: Data | Batches | AsyncBatches, options: FitOptions, settings: FitSettings): Feeds {
  const { validation, batch, shuffle, dropLast } = settings
  const validatingBy = (given: Data | Batches | AsyncBatches | undefined) =>
    given === undefined ? undefined : feedOf('fit', core, given, 'validation')
  if (isStream(data)) {
    for (const [name, given] of Object.entries({ shuffle: options.shuffle === true, batch: options.batch, dropLast })) {
      if (given) throw new PlanError(`fit: ${name} is for arrays; batches of an iterable are taken as they come`)
    }
    if (typeof validation === 'number') {
      throw new PlanError('fit: a share for validation is for arrays; hand in validation data of its own')
    }
    return {
      training: streamFeed('fit', core, data),
      validating: validatingBy(validation),
      shuffled: undefined,
    }
  }
  const checked = checkData('fit', core, data)
  const { rows } = checked
  const split =
    typeof validation === 'number'
      ? // Each run of this model has the same rows for validation.
        splitRows('fit', rows, validation, createRandom(core.settings.seed, SPLIT))
      : undefined
  const order = split?.training ?? (shuffle ? Uint32Array.from({ length: rows }, (_, i) => i) : undefined)
  const training = arrayFeed(core, checked, batch, { rows: order?.length, order, dropLast })
  if (training.batches === 0) {
    throw new PlanError(`fit: dropLast leaves nothing of ${order?.length ?? rows} rows in batches of ${batch}`)
  }
  return {
    training,
    validating: split
      ? arrayFeed(core, checked, core.batch, { rows: split.validation.length, order: split.validation })
      : validatingBy(validation as Data | Batches | AsyncBatches | undefined),
    shuffled: shuffle ? order : undefined,
  }
}

/** Throws a PlanError where an optimizer that wants all rows at once gets several batches. */
function checkFullBatch(core: Core, { rows, batches }: Feed): void {
  if (!core.settings.optimizer?.minimize || batches === 1) return
  throw new PlanError(
    `fit: this optimizer wants all rows in one batch, got ${batches || 'an iterable'}; ` +
      `${rows ? `create the model with batch: ${rows}` : 'hand in arrays'}, or take another optimizer`,
  )
}

/** See Model.fit. */
export async function fit(core: Core, data: Data | Batches | AsyncBatches, options: FitOptions): Promise<History> {
  // First the data: fit(x, y, options) is a mistake that the options would explain less well.
  checkOneObject('fit', data)
  const settings = checkFitOptions(core, options)
  const { transform, signal, epochs, steps } = settings
  const { training, validating, shuffled } = feedsOf(core, data, options, settings)
  checkFullBatch(core, training)
  const watch = createWatch(core, settings.earlyStopping, validating !== undefined)

  // How long the run is, as far as that can be known: for schedules and for callbacks.
  const { batches } = training
  const known = (length: number) => (Number.isFinite(length) ? length : undefined)
  const allSteps = known(Math.min(steps, epochs * (batches || Infinity)))
  const allEpochs = known(Math.min(epochs, Math.ceil(steps / (batches || 0)) || Infinity))

  const run = createRun()
  const { history } = run
  const progress: Progress = {
    epoch: 0,
    epochs: allEpochs ?? NaN,
    batch: 0,
    batches,
    examples: 0,
    totalExamples: training.rows,
    loss: NaN,
    batchLoss: NaN,
    accuracy: NaN,
    learningRate: 0,
  }
  const pauses = createPauses(settings.yieldEvery)
  // Its own, for whatever else uses the model in a pause has another.
  const pass = createPass()
  const runPass = async (n: number, trains: boolean) => {
    begin(core, pass, n, trains)
    while (pass.rows && advance(core)) if (pauses.due()) await pauses.take()
    if (pass.error) throw pass.error.thrown
  }
  const ended = (): boolean => history.stopped !== 'end' || history.steps === steps

  const trainEpoch = async (): Promise<void> => {
    while (!ended()) {
      if (pauses.due()) await pauses.take()
      if (signal?.aborted || !(await unlessAborted(training.next(), signal)) || signal?.aborted) return
      const n = training.load()
      transform?.(core.tensors.input, n, core.counters.passes)
      Object.assign(core.clock, { epoch: run.epoch, step: history.steps, epochs: allEpochs, steps: allSteps })
      await runPass(n, true)
      if (pass.diverged) {
        history.stopped = 'diverged'
        history.diverged = explain(core, pass, n, run.epoch, history.steps)
        return
      }
      history.steps++
      run.batch++
      addPass(run.tally, n, pass)
      report(run, progress, pass.loss, core.lastRate)
      if (await call(settings.onBatch, progress)) history.stopped = 'callback'
    }
  }
  const validate = async (feed: Feed) => {
    const tally = createTally()
    feed.start(run.epoch)
    try {
      while (!signal?.aborted && (await unlessAborted(feed.next(), signal))) {
        const n = feed.load()
        await runPass(n, false)
        addPass(tally, n, pass)
      }
    } finally {
      await closeFeed(feed, signal)
    }
    return { validationLoss: lossOf(tally), validationAccuracy: accuracyOf(tally) }
  }

  try {
    for (let epoch = 0; epoch < epochs && !ended(); epoch++) {
      beginEpoch(run, epoch)
      training.start(epoch, shuffled && orderOf(core, shuffled))
      core.counters.epochs++
      try {
        await trainEpoch()
      } finally {
        await closeFeed(training, signal)
      }
      if (history.stopped === 'diverged') break
      const spoilt = firstNotFinite(core)
      if (spoilt && !signal?.aborted) {
        history.stopped = 'diverged'
        history.diverged = { epoch, step: history.steps, loss: progress.batchLoss, text: spoilt }
        break
      }
      const validated = validating && !signal?.aborted ? await validate(validating) : undefined
      if (signal?.aborted) {
        history.stopped = 'signal'
        history.aborted = true
        break
      }
      const result: EpochResult = {
        epoch,
        loss: lossOf(run.tally),
        accuracy: accuracyOf(run.tally),
        learningRate: core.lastRate,
        ...validated,
      }
      observe(core, validated?.validationLoss ?? result.loss)
      history.loss.push(result.loss)
      history.accuracy.push(result.accuracy)
      history.learningRate.push(result.learningRate)
      if (validated) {
        history.validationLoss.push(validated.validationLoss)
        history.validationAccuracy.push(validated.validationAccuracy)
      }
      const enough = watch.see(run, result)
      const stop = await call(settings.onEpoch, result)
      if (history.stopped === 'end' && (stop || enough)) history.stopped = stop ? 'callback' : 'earlyStopping'
    }
    watch.finish(run)
  } finally {
    pauses.close()
  }
  return history
}

/** The rows in the order of the coming epoch: a function of the seed and of the number of epochs that fit began before. */
function orderOf(core: Core, rows: Uint32Array): Uint32Array {
  return createRandom(core.settings.seed, ORDER, core.counters.epochs).shuffle(rows.slice())
}

/** Waits for a promise, but no longer than until the signal: then undefined. */
async function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (!signal?.addEventListener || typeof (value as PromiseLike<T> | undefined)?.then !== 'function') return value
  let abort = () => {}
  const aborted = new Promise<undefined>((resolve) => {
    abort = () => resolve(undefined)
    signal.addEventListener('abort', abort)
  })
  try {
    return await Promise.race([value, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Ends an epoch of a feed. A source that may never answer, since it was left waiting, is not waited for. */
async function closeFeed(feed: Feed, signal: AbortSignal | undefined): Promise<void> {
  const closing = (async () => feed.close())()
  if (!signal?.aborted) await closing
  else closing.catch(() => {})
}

/** Calls each in turn. Whether one of them gave false. */
async function call<T>(callbacks: readonly Callback<T>[], value: T): Promise<boolean> {
  let stop = false
  for (const callback of callbacks) if ((await callback(value)) === false) stop = true
  return stop
}
