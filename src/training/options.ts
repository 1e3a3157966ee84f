// What fit is told, and the checks of it.

import type { Data } from '../data/batches'
import type { ByName } from '../data/named'
import type { AsyncBatches, Batches } from '../data/stream'
import {
  PlanError,
  callable,
  checkNoPromise,
  checkOptions,
  finite,
  flag,
  given,
  integer,
  isPlain,
  oneOf,
  readSafely,
  show,
} from '../errors'
import { checkSignal } from '../pause'
import type { Tensor } from '../tensor'
import type { Core } from './core'
import type { Transform } from './feed'
import type { EpochResult, Progress } from './history'

/** Is waited for if it gives a promise. False, or a promise of it, ends the run; all else that it gives says nothing. */
export type Callback<T> = (value: T) => unknown

/** One, or several that are called in their order; what is false, null or undefined is left out. */
export type Callbacks<T> = Callback<T> | false | null | readonly (Callback<T> | false | null | undefined)[]

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
  /**
   * Whether the model ends with the parameters and buffers of its best epoch, not those of the last. False unless given.
   * Validation measures those after the epoch; 'loss' and 'accuracy' are of those before each step, so they are those
   * before its last one.
   */
  restoreBest?: boolean
}

/** What is written while fit trains, so that nothing is lost should it end at once. */
export interface Checkpoints {
  /** So many steps or epochs of the run, or seconds since the last. */
  every:
    | {
        /** Of the run, from 1; right after the step, in the middle of an epoch as a rule. */
        steps: number
      }
    | {
        /** Of the run, from 1. */
        epochs: number
      }
    | {
        /** Since the last checkpoint; 0 is after each step. */
        seconds: number
      }
  /**
   * Gets each checkpoint: a file of its own, which fit does not touch again. Training goes on while a promise that it
   * gives is open, and the next checkpoint waits for that; what it throws ends the run.
   */
  save: (bytes: Uint8Array<ArrayBuffer>) => unknown
}

/** Where a run goes on. */
export interface Resume {
  /** The checkpoint. */
  bytes: Uint8Array | ArrayBuffer
  /**
   * 'changed' says that the data need not be those of the checkpoint, nor their batches: the run goes on behind as many
   * batches of its epoch as were done, and the epoch ends where there are no more. 'same' unless given.
   */
  data?: 'same' | 'changed'
}

/** How fit trains. What is false, null or undefined where it can only mean off is off. */
export interface FitOptions<In extends string = never, Out extends string = never> {
  /** 1 unless given; with `steps`, as many as they take. Infinity: until something else ends the run. */
  epochs?: number
  /** Ends the run after so many steps, in the middle of an epoch too; that epoch is then validated and counted. */
  steps?: number
  /** Rows in a batch; that of the model unless given, and at most that. */
  batch?: number
  /** Whether each epoch has its own order, a function of the model's seed and of the epochs before it. True unless given. */
  shuffle?: boolean
  /**
   * Whether the last batch of an epoch is left out where it has fewer rows than the others. False unless given. Batch
   * norm's statistics of a few rows are poor, and of one row none.
   */
  dropLast?: boolean
  /** What is evaluated after each epoch: data, batches, or the share of the data that is kept for it (see splitData). */
  validation?: Data<In, Out> | Batches<In, Out> | AsyncBatches<In, Out> | number | false | null
  /**
   * Works in place on the first n rows of each training batch, in the model's input, or in its inputs, by name:
   * augmentation. `pass` is the number
   * of training passes before it: what it draws as a function of that, a run that goes on draws as one that was never
   * stopped.
   */
  transform?: ((input: ByName<In, Tensor>, n: number, pass: number) => void) | false | null
  /** Called after each batch; several in their order. False ends the epoch here, and the run with it. */
  onBatch?: Callbacks<Progress>
  /** Called after each epoch; several in their order. False ends the run. */
  onEpoch?: Callbacks<EpochResult>
  /** Ends the run once it no longer gets better, or only keeps the best epoch. */
  earlyStopping?: EarlyStopping | false | null
  /** Ends the run after the batch in work; the history says so, and what was learnt stays. */
  signal?: AbortSignal | null
  /** Writes checkpoints of the run, as it goes and once more at its end, after an abort too. */
  checkpoint?: Checkpoints | false | null | undefined
  /**
   * A checkpoint that this run goes on from, in the middle of an epoch too, with the options and the data of the run that
   * wrote it: it ends with the bits and the history of a run that was never stopped. Data, batches and what early stopping
   * monitors are compared (a DataError says what differs; arrays of another type are other data), functions are not. An iterable is wound
   * forward. Of a run that has ended, unless by its signal, all is done at once; with more `epochs` one that came to its
   * end goes on.
   */
  resume?: Uint8Array | ArrayBuffer | Resume | false | null | undefined
  /** The number of the first epoch, for schedules and callbacks; `epochs` counts from 0. 0 unless given. */
  initialEpoch?: number
  /** Other events, such as the frames of a page, run every so many milliseconds, even within a step. 8 unless given. */
  yieldEvery?: number
}

const NAMES = [
  'epochs',
  'steps',
  'batch',
  'shuffle',
  'dropLast',
  'validation',
  'transform',
  'onBatch',
  'onEpoch',
  'earlyStopping',
  'signal',
  'checkpoint',
  'resume',
  'initialEpoch',
  'yieldEvery',
]

/** What checkpoints are counted in. */
export type Unit = 'steps' | 'epochs' | 'seconds'

/** FitOptions, checked and complete. */
export interface FitSettings {
  readonly epochs: number
  readonly steps: number
  readonly batch: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  readonly validation: Data | Batches | AsyncBatches | number | undefined
  readonly transform: Transform | undefined
  readonly onBatch: readonly Callback<Progress>[]
  readonly onEpoch: readonly Callback<EpochResult>[]
  readonly earlyStopping: Required<EarlyStopping> | undefined
  readonly signal: AbortSignal | undefined
  readonly checkpoint: { readonly unit: Unit; readonly every: number; readonly save: Checkpoints['save'] } | undefined
  readonly resume: { readonly bytes: unknown; readonly changed: boolean } | undefined
  readonly initialEpoch: number
  readonly yieldEvery: number
}

/** Throws a PlanError that names the option that cannot be. */
export function checkFitOptions(core: Core, options: FitOptions<any, any>): FitSettings {
  options = checkOptions('fit', options, NAMES)
  const steps = options.steps === undefined ? Infinity : integer('fit', 'steps', options.steps, 0)
  const epochs = options.epochs === undefined ? (steps === Infinity ? 1 : Infinity) : options.epochs
  if (epochs !== Infinity) integer('fit', 'epochs', epochs, 0)
  const most = core.batch
  const batch = integer(
    'fit',
    'batch',
    options.batch === undefined ? most : options.batch,
    1,
    most,
    ', for which the model was planned',
  )
  const { yieldEvery = 8 } = options
  if (!(typeof yieldEvery === 'number' && yieldEvery >= 0)) {
    throw new PlanError(`fit: yieldEvery must be a number of milliseconds of at least 0, got ${show(yieldEvery)}`)
  }
  const validation = given(options.validation)
  const resume = checkResume(options.resume)
  const initialEpoch = integer('fit', 'initialEpoch', options.initialEpoch ?? 0, 0)
  if (initialEpoch && resume) {
    throw new PlanError('fit: initialEpoch does not go with resume: the checkpoint knows its epoch')
  }
  if (initialEpoch && initialEpoch >= epochs) {
    throw new PlanError(`fit: initialEpoch ${initialEpoch} leaves nothing of ${epochs} epochs, which count from 0`)
  }
  const { onBatch, onEpoch } = options
  checkCallbacks('fit', { onBatch, onEpoch })
  return {
    epochs,
    steps,
    batch,
    shuffle: flag('fit', 'shuffle', options.shuffle ?? true) && options.shuffle !== null,
    dropLast: flag('fit', 'dropLast', options.dropLast ?? false),
    validation,
    transform: checkTransform('fit', options.transform),
    onBatch: listOf(onBatch),
    onEpoch: listOf(onEpoch),
    earlyStopping: checkEarlyStopping(core, options.earlyStopping, validation !== undefined),
    signal: checkSignal('fit', options.signal),
    checkpoint: checkCheckpoints(options.checkpoint),
    resume,
    initialEpoch,
    yieldEvery,
  }
}

function checkCheckpoints(options: FitOptions['checkpoint']): FitSettings['checkpoint'] {
  if (!given(options)) return undefined
  const where = 'fit.checkpoint'
  if (!isPlain(options)) {
    throw new PlanError(
      `${where}: must be in the form { every: { seconds: 10 }, save: (bytes) => saveFile(name, bytes) }, got ${show(options)}`,
    )
  }
  const { every, save } = checkOptions(where, options as Checkpoints, ['every', 'save'])
  callable(where, 'save', save, 'a function that keeps the bytes')
  const units = ['steps', 'epochs', 'seconds'] as const
  const counts = checkOptions(`${where}.every`, every as Partial<Record<Unit, number>>, units)
  const [unit, ...others] = units.filter((name) => counts[name] !== undefined)
  if (!unit || others.length) {
    throw new PlanError(`${where}: every must be one of { steps }, { epochs } and { seconds }, got ${show(every)}`)
  }
  const count = counts[unit]
  if (unit !== 'seconds') integer(`${where}.every`, unit, count, 1)
  return { unit, every: finite(`${where}.every`, unit, count, 0), save }
}

function checkResume(resume: FitOptions['resume']): FitSettings['resume'] {
  const value = given(resume) as Uint8Array | ArrayBuffer | Resume | undefined
  if (value === undefined) return undefined
  return readSafely('fit', 'resume', () => {
    checkNoPromise('fit', 'resume', value)
    if (!isPlain(value)) return { bytes: value, changed: false }
    const { bytes, data = 'same' } = checkOptions('fit.resume', value as unknown as Resume, ['bytes', 'data'])
    return { bytes, changed: oneOf('fit.resume', 'data', data, ['same', 'changed']) === 'changed' }
  })
}

function checkEarlyStopping(core: Core, options: FitOptions['earlyStopping'], validated: boolean) {
  if (!given(options)) return undefined
  const where = 'fit.earlyStopping'
  options = checkOptions(where, options as EarlyStopping, ['patience', 'minDelta', 'monitor', 'restoreBest'])
  const { patience = 5, minDelta = 0, restoreBest = false } = options
  const measures = ['loss', 'accuracy', 'validationLoss', 'validationAccuracy'] as const
  const monitor = oneOf(where, 'monitor', options.monitor ?? (validated ? 'validationLoss' : 'loss'), measures)
  if (patience !== Infinity) integer(where, 'patience', patience, 1)
  if (!validated && monitor.startsWith('validation')) {
    throw new PlanError(`${where}: to monitor ${monitor}, fit needs validation`)
  }
  if (monitor.endsWith('ccuracy')) {
    const problem =
      core.heads.length > 1
        ? 'this model has several outputs, each with its own; take the loss'
        : core.heads[0].targets === 'values' && 'the loss of this model compares values'
    if (problem) throw new PlanError(`${where}: ${monitor} is for labels, but ${problem}`)
  }
  return {
    patience,
    minDelta: finite(where, 'minDelta', minDelta, 0),
    monitor,
    restoreBest: flag(where, 'restoreBest', restoreBest),
  }
}

/** What changes the inputs of a batch, if anything does. */
export function checkTransform<T extends Transform>(
  where: string,
  transform: T | false | null | undefined,
): T | undefined {
  const wanted = given<T>(transform)
  return wanted === undefined ? undefined : callable(where, 'transform', wanted, 'a function (input, n)')
}

/** Throws a PlanError unless each is a function, a list of functions, or off. */
export function checkCallbacks(where: string, callbacks: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(callbacks)) {
    readSafely(where, name, () => {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (given(one) !== undefined) callable(where, name, one, 'a function')
      }
    })
  }
}

function listOf<T>(callbacks: Callbacks<T> | undefined): Callback<T>[] {
  const list = Array.isArray(callbacks) ? callbacks : [callbacks]
  return list.filter((callback) => typeof callback === 'function')
}
