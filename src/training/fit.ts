// The training loop: epochs of shuffled batches, validation, callbacks, early stopping, cancelling. What it knows of a run
// is in run.ts.

import type { Data } from '../data/batches'
import { splitRows } from '../data/split'
import { PlanError } from '../errors'
import { createPauses } from '../pause'
import { createRandom } from '../random'
import { type Core, createPass, needOpen } from './core'
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
  transformBatch,
} from './feed'
import type { Divergence, EpochResult, History, Progress } from './history'
import { type Callback, type FitOptions, type FitSettings, checkFitOptions } from './options'
import { observe, resetSchedule } from './rate'
import { beginEpoch, createRun, report } from './run'
import { advance, begin } from './step'
import { accuracyOf, addPass, createTally, lossOf, lossOfAll } from './tally'
import { createWatch } from './early-stopping'
import { unlessEnded } from './wait'

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
  const isShare = typeof validation === 'number'
  const validating = () =>
    validation === undefined || isShare ? undefined : feedOf('fit', core, validation, 'validation')
  if (isStream(data)) {
    const ofArrays = {
      shuffle: options.shuffle,
      batch: options.batch,
      dropLast,
      'a share for validation, instead of data of its own,': isShare,
    }
    for (const [name, given] of Object.entries(ofArrays)) {
      if (given) throw new PlanError(`fit: ${name} is for arrays; batches of an iterable are taken as they come`)
    }
    return { training: streamFeed('fit', core, data), validating: validating(), shuffled: undefined }
  }
  const checked = checkData('fit', core, data)
  const { rows } = checked
  // Each run of this model has the same rows for validation.
  const split = isShare ? splitRows('fit', rows, validation, createRandom(core.settings.seed, SPLIT)) : undefined
  const order = split?.training ?? (shuffle ? Uint32Array.from({ length: rows }, (_, i) => i) : undefined)
  const training = arrayFeed(core, checked, batch, order, dropLast)
  if (!training.batches) {
    throw new PlanError(`fit: dropLast leaves nothing of ${order?.length ?? rows} rows in batches of ${batch}`)
  }
  return {
    training,
    validating: split ? arrayFeed(core, checked, core.batch, split.validation) : validating(),
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
  // Not before all is checked: what cannot run changes nothing.
  resetSchedule(core)
  const watch = createWatch(core, settings.earlyStopping, validating !== undefined)

  // How long the run is, as far as that can be known: for schedules and for callbacks.
  const { batches } = training
  const known = (length: number) => (Number.isFinite(length) ? length : undefined)
  const allSteps = known(Math.min(steps, epochs * (batches || Infinity)))
  const allEpochs = known(Math.min(epochs, Math.ceil(steps / (batches || 0)) || Infinity))

  const run = createRun()
  const { history } = run
  const progress = { epochs: allEpochs ?? NaN, batches, totalExamples: training.rows } as Progress
  report(run, progress, NaN, 0)
  const pauses = createPauses(settings.yieldEvery)
  const aborted = () => signal?.aborted
  // Its own, for whatever else uses the model in a pause has another.
  const pass = createPass()
  const runPass = async (n: number, trains: boolean) => {
    begin(core, pass, n, trains)
    while (pass.rows && advance(core)) if (pauses.due()) await pauses.take()
    if (pass.error) throw pass.error.thrown
  }
  const ended = (): boolean => history.stopped !== 'end' || history.steps === steps
  const die = (diverged: Divergence) => Object.assign(history, { stopped: 'diverged', diverged })

  /** Runs the batches of an epoch, until one gives false. */
  const runEpoch = async (feed: Feed, runBatch: (n: number) => Promise<boolean>) => {
    try {
      for (let goesOn = true; goesOn;) {
        if (pauses.due()) await pauses.take()
        const found = !aborted() && (await unlessEnded(core, feed.next(), signal))
        needOpen('fit', core)
        goesOn = found && !aborted() ? await runBatch(feed.load()) : false
      }
    } finally {
      await closeFeed(core, feed, signal)
    }
  }
  const train = async (n: number) => {
    const { epoch } = run
    transformBatch('fit', core, transform, n)
    Object.assign(core.clock, { epoch, step: history.steps, epochs: allEpochs, steps: allSteps })
    watch.beforeStep()
    await runPass(n, true)
    if (pass.diverged) {
      die(explain(core, pass, n, epoch, history.steps))
      return false
    }
    history.steps++
    // An epoch counts from its first step on.
    if (!run.batch++) core.counters.epochs++
    addPass(run.tally, n, pass)
    report(run, progress, pass.loss, pass.rate)
    if (await call(core, settings.onBatch, progress, signal)) history.stopped = 'callback'
    return !ended()
  }
  const validate = async (feed: Feed) => {
    const tally = createTally()
    feed.start(run.epoch)
    await runEpoch(feed, async (n) => {
      await runPass(n, false)
      addPass(tally, n, pass)
      if (Number.isFinite(pass.loss)) return true
      die(explain(core, pass, n, run.epoch, history.steps))
      return false
    })
    return { validationLoss: lossOfAll('fit: validation', tally), validationAccuracy: accuracyOf(tally) }
  }

  try {
    for (let epoch = 0; epoch < epochs && !ended(); epoch++) {
      beginEpoch(run, epoch)
      training.start(epoch, shuffled && orderOf(core, shuffled))
      await runEpoch(training, train)
      if (history.diverged) break
      const text = firstNotFinite(core)
      if (text) die({ epoch, step: history.steps, loss: progress.batchLoss, text })
      const validated = validating && !text && !aborted() ? await validate(validating) : undefined
      history.aborted = aborted() ?? false
      if (history.diverged) break
      if (history.aborted) {
        history.stopped = 'signal'
        break
      }
      const measures = {
        loss: lossOf(run.tally),
        accuracy: accuracyOf(run.tally),
        learningRate: pass.rate,
        ...validated,
      }
      observe(core, validated?.validationLoss ?? measures.loss)
      needOpen('fit', core)
      for (const [name, value] of Object.entries(measures)) history[name as keyof typeof measures].push(value)
      const result: EpochResult = { epoch, ...measures }
      const enough = watch.see(run, result)
      const stop = await call(core, settings.onEpoch, result, signal)
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

/** Ends an epoch of a feed. A source that may never answer, since it was left waiting, is not waited for. */
async function closeFeed(core: Core, feed: Feed, signal: AbortSignal | undefined): Promise<void> {
  await unlessEnded(core, (async () => feed.close())(), signal)
}

/** Calls each in turn. Whether one of them gave false. */
async function call<T>(
  core: Core,
  callbacks: readonly Callback<T>[],
  value: T,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let stop = false
  for (const callback of callbacks) {
    if ((await unlessEnded(core, callback(value), signal)) === false) stop = true
    needOpen('fit', core)
  }
  return stop
}
