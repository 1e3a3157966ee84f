// The training loop: epochs of shuffled batches, validation, callbacks, early stopping, cancelling. What it knows of a run
// is in run.ts.

import type { Data } from '../data/batches'
import { splitRows } from '../data/split'
import { type AsyncBatches, type Batches, isStream } from '../data/stream'
import { PlanError } from '../errors'
import { createPauses } from '../pause'
import { createRandom } from '../random'
import { type Core, type Fingerprint, createPass, needAll, needOpen } from './core'
import { explain, firstNotFinite } from './divergence'
import { needExamples, seenBy } from './door'
import {
  type Feed,
  arrayFeed,
  checkData,
  checkOneObject,
  feedOf,
  given,
  streamFeed,
  sumOf,
  transformBatch,
} from './feed'
import type { Divergence, EpochResult, OutputResult, Progress, Written } from './history'
import { type Callback, type FitOptions, type FitSettings, checkFitOptions } from './options'
import { checkMonitor, observe, resetSchedule } from './rate'
import { account, createRun, nextEpoch, report } from './run'
import { type Checkpointing, checkResumed, wind } from './resume'
import { createSaver } from './saving'
import { putCarriedAside, resetCarried, restoreState, takeState } from './state'
import { advance, begin, settle } from './step'
import { type Tally, accuracyOf, addPass, createTally, lossOf, lossOfAll, measuresOf } from './tally'
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
  /** What the data are told by, and the options by which batches are made of them. */
  fingerprint(): Fingerprint
}

function feedsOf(
  core: Core,
  data: Data | Batches | AsyncBatches,
  options: FitOptions<any, any>,
  settings: FitSettings,
): Feeds {
  const { validation, batch, shuffle, dropLast, transform } = settings
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
    const training = streamFeed('fit', core, data)
    return { training, validating: validating(), shuffled: undefined, fingerprint: () => ({ kind: 'an iterable' }) }
  }
  const seen = seenBy('fit', core, data)
  needExamples('fit', seen, transform)
  const checked = checkData('fit', seen, data)
  const { rows, x, y, weight, lengths } = checked
  // Each run of this model has the same rows for validation.
  const split = isShare ? splitRows('fit', rows, validation, createRandom(core.settings.seed, SPLIT)) : undefined
  const order = split?.training ?? (shuffle ? Uint32Array.from({ length: rows }, (_, i) => i) : undefined)
  const training = arrayFeed(seen, checked, batch, order, dropLast)
  if (!training.batches) {
    throw new PlanError(`fit: dropLast leaves nothing of ${order?.length ?? rows} rows in batches of ${batch}`)
  }
  return {
    training,
    validating: split ? arrayFeed(seen, checked, core.batch, split.validation) : validating(),
    shuffled: shuffle ? order : undefined,
    fingerprint: () => ({
      kind: 'arrays',
      rows,
      batch,
      shuffle,
      dropLast,
      'share for validation': isShare ? validation : 0,
      'checksum of x': sumOf('', ...x),
      'checksum of y': sumOf('', ...y),
      ...(weight && { 'checksum of weight': sumOf('', ...given(weight)) }),
      ...(lengths && { 'checksum of lengths': sumOf('', ...given(lengths)) }),
    }),
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

/** Throws a PlanError where what goes on from batch to batch would meet rows of another sequence. */
function checkOrder({ carried }: Core, { shuffle }: FitSettings, { shuffled }: Feeds): void {
  if (!carried.length || !shuffled || !shuffle) return
  throw new PlanError(
    'fit: a stateful layer goes on with row i of a batch where row i of the batch before ended, so rows must keep their ' +
      'order; set shuffle: false',
  )
}

/** See Model.fit. */
export async function fit(
  core: Core,
  data: Data | Batches | AsyncBatches,
  options: FitOptions<any, any>,
  files: Checkpointing,
): Promise<Written> {
  needAll('fit', core)
  if (core.fitting) throw new PlanError('fit: this model is being trained already; wait for that to end')
  core.fitting = true
  try {
    return await train(core, data, options, files)
  } finally {
    core.fitting = false
    if (!core.closed) settle('fit', core)
    Object.assign(core.clock, { epochs: undefined, steps: undefined })
  }
}

async function train(
  core: Core,
  data: Data | Batches | AsyncBatches,
  options: FitOptions<any, any>,
  { take, read }: Checkpointing,
): Promise<Written> {
  // First the data: fit(x, y, options) is a mistake that the options would explain less well.
  checkOneObject('fit', data)
  const settings = checkFitOptions(core, options)
  const { transform, signal, epochs, steps, initialEpoch, resume } = settings
  const feeds = feedsOf(core, data, options, settings)
  const { training, validating, shuffled } = feeds
  checkFullBatch(core, training)
  checkOrder(core, settings, feeds)
  checkMonitor(core, validating !== undefined)
  const monitor = settings.earlyStopping?.monitor ?? (validating ? 'validationLoss' : 'loss')
  let found: Fingerprint | undefined
  const fingerprint = () =>
    (found ??= {
      ...feeds.fingerprint(),
      monitor,
      seed: core.settings.seed,
      'checksum of validation': (typeof settings.validation === 'object' && validating?.sum()) || 'none',
    })
  const saved = resume && read('fit', core, resume.bytes)
  if (saved) checkResumed(saved, settings, resume.changed ? undefined : fingerprint())
  // Of large data it takes longer than a checkpoint: here nobody waits for the next step.
  if (settings.checkpoint) fingerprint()

  // How long the run is, as far as that can be known: for schedules and for callbacks.
  const { batches } = training
  const known = (length: number) => (Number.isFinite(length) ? length : undefined)
  const run =
    saved?.run ?? createRun(epochs, initialEpoch, stepsBefore(core, initialEpoch, batches), core.names.outputs)
  const allSteps = known(Math.min(run.stepsBefore + steps, epochs * (batches || Infinity)))
  const allEpochs = known(Math.min(epochs, run.firstEpoch + Math.ceil(steps / (batches || 0)) || Infinity))

  const { history } = run
  const progress = { epochs: allEpochs ?? NaN, batches, totalExamples: training.rows } as Progress
  report(run, progress)
  const aborted = () => signal?.aborted
  const ended = (): boolean => history.stopped !== 'end' || history.steps >= steps
  /** Begins the epoch in work, of which so many began before. */
  const start = (begun: number) => {
    training.start(run.epoch, shuffled && orderOf(core, shuffled, begun))
  }
  // In the middle of an epoch, unless nothing is left of it.
  let started = run.batch > 0 && !ended()
  // What cannot run changes nothing.
  const before = started ? takeState(core) : undefined
  const { metadata } = core
  if (saved) saved.apply()
  else resetSchedule(core)
  // From here on: what looks at the rate between the batches, and between the epochs, has to know it.
  Object.assign(core.clock, { epochs: allEpochs, steps: allSteps })
  const watch = createWatch(core, settings.earlyStopping, monitor, saved?.kept)
  // Its own, for whatever else uses the model in a pause has another.
  const pass = createPass(core.heads.length)
  pass.rate = run.rate
  core.active = { run, pass, kept: () => watch.kept(run), fingerprint }
  if (before) {
    start(core.counters.epochs - 1)
    try {
      run.seen = await wind(core, training, run, resume!.changed, signal)
    } catch (error) {
      core.active = undefined
      if (!core.closed) {
        restoreState(core, before)
        core.metadata = metadata
      }
      await closeFeed(core, training, signal)
      throw error
    }
  }
  const pauses = createPauses(settings.yieldEvery)
  // A model that died would take the place of one that did not; the end of the epoch says so.
  const taken = () => (firstNotFinite(core) ? undefined : take(core))
  // For as long as it takes, but not for a model that was closed.
  const wait = (kept: Promise<void> | undefined) => unlessEnded(core, kept)
  const saver = createSaver(settings.checkpoint, run, taken, wait)
  // Only who writes checkpoints, or reads one, has to know.
  const sums = settings.checkpoint || saved

  const runPass = async (n: number, trains: boolean, { first }: Feed) => {
    begin(core, pass, n, trains, undefined, first)
    while (pass.rows && advance(core)) if (pauses.due()) await pauses.take()
    if (pass.error) throw pass.error.thrown
  }
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
  const trainOn = async (n: number) => {
    const { epoch, working } = run
    transformBatch('fit', core, transform, n)
    core.clock.epoch = epoch
    core.clock.step = run.stepsBefore + history.steps
    watch.beforeStep()
    working.rows = n
    working.seen = sums ? training.sumWith(run.seen) : ''
    await runPass(n, true, training)
    if (pass.diverged) {
      working.rows = 0
      die(explain(core, pass, n, epoch, history.steps))
      return false
    }
    account(core, run, pass)
    report(run, progress)
    if (await call(core, settings.onBatch, progress, signal)) history.stopped = 'callback'
    saver.look()
    return !ended()
  }
  const validate = async (feed: Feed) => {
    const tally = createTally(core.heads.length)
    feed.start(run.epoch)
    const goBack = putCarriedAside(core)
    await runEpoch(feed, async (n) => {
      await runPass(n, false, feed)
      addPass(tally, n, pass)
      if (Number.isFinite(pass.loss)) return true
      die(explain(core, pass, n, run.epoch, history.steps))
      return false
    }).finally(goBack)
    return { tally, validationLoss: lossOfAll('fit: validation', tally), validationAccuracy: accuracyOf(tally) }
  }

  try {
    while (run.batch || (run.epoch < epochs && !ended())) {
      const { epoch } = run
      if (!ended()) {
        if (!started) {
          resetCarried(core)
          start(core.counters.epochs)
        }
        started = false
        await runEpoch(training, trainOn)
      }
      if (history.diverged) break
      const text = firstNotFinite(core)
      if (text) die({ epoch, step: history.steps, loss: run.batchLoss, text })
      const validated = validating && !text && !aborted() ? await validate(validating) : undefined
      history.aborted = aborted() ?? false
      if (history.diverged) break
      if (history.aborted) {
        history.stopped = 'signal'
        break
      }
      const { tally = undefined, ...validation } = validated ?? {}
      const measures = {
        loss: lossOf(run.tally),
        accuracy: accuracyOf(run.tally),
        learningRate: run.rate,
        ...validation,
      }
      const outputs = outputsOf(core, run.tally, tally)
      observe(core, validated?.validationLoss ?? measures.loss, measures)
      needOpen('fit', core)
      for (const [name, value] of Object.entries(measures)) history[name as keyof typeof measures].push(value)
      for (const [name, one] of Object.entries(outputs ?? {})) {
        for (const [measure, value] of Object.entries(one))
          history.outputs![name][measure as keyof typeof one].push(value)
      }
      const result: EpochResult = { epoch, ...measures, ...(outputs && { outputs }) }
      const enough = watch.see(run, result)
      nextEpoch(run)
      // Before the callbacks, which may take a checkpoint.
      if (enough && history.stopped === 'end') history.stopped = 'earlyStopping'
      if (await call(core, settings.onEpoch, result, signal)) history.stopped = 'callback'
      saver.look()
    }
    await saver.finish()
    needOpen('fit', core)
    watch.finish(run)
  } finally {
    pauses.close()
    await saver.abandon()
    core.active = undefined
  }
  return history
}

/** What an epoch gave for each of several outputs, by name. */
function outputsOf({ names, heads }: Core, trained: Tally, validated: Tally | undefined) {
  if (!names.outputs.length) return undefined
  return Object.fromEntries(
    heads.map(({ name, loss }, i): [string, OutputResult] => {
      const factor = loss?.weight ?? 1
      const after = validated && measuresOf(validated, i, factor)
      return [
        name,
        {
          ...measuresOf(trained, i, factor),
          ...(after && { validationLoss: after.loss, validationAccuracy: after.accuracy }),
        },
      ]
    }),
  )
}

/** Steps that a schedule counts before the first epoch of a run. */
function stepsBefore({ rate }: Core, initialEpoch: number, batches: number): number {
  if (!initialEpoch) return 0
  if (Number.isFinite(batches)) return initialEpoch * batches
  if (typeof rate === 'number' || rate.per !== 'step') return 0
  throw new PlanError(
    'fit: initialEpoch: the learning rate is a function of the step, but how many steps an epoch of an iterable has is ' +
      'not known; resume a checkpoint instead',
  )
}

/** The rows in the order of an epoch: a function of the seed and of the number of epochs that fit `begun` before. */
function orderOf(core: Core, rows: Uint32Array, begun: number): Uint32Array {
  return createRandom(core.settings.seed, ORDER, begun).shuffle(rows.slice())
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
