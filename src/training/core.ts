// A planned network with its memory: what all of training works on. It is data; what is done with it are functions, here
// and in the other files of this folder.

import { PlanError, few } from '../errors'
import type { Engine } from '../engine/engine'
import type { Optimizer, Parameters } from '../optimizers/optimizer'
import { titleOf } from '../plan/calls'
import type { Pointers, Regions } from '../plan/layout'
import type { Layer, Loss, LossPlan, Network } from '../plan/layer'
import type { Program } from '../plan/program'
import type { Executable } from '../plan/run'
import type { Buffer, Parameter, Value } from '../plan/value'
import type { Schedule } from '../schedules'
import type { DType, Floats, Tensor } from '../tensor'
import type { Part, Rule } from './parts'
import type { Run } from './run'

/** What createModel was told about training. */
export interface Settings {
  readonly seed: number
  readonly l2: number
  readonly l1: number
  /** Infinity where there is no limit; so for the next two. */
  readonly maxNorm: number
  readonly clipValue: number
  readonly clipNorm: number
  readonly optimizer: Optimizer | undefined
  /** Parts of the network that are trained in ways of their own. */
  readonly groups: readonly Rule[]
  /** As it was given: by name where the outputs of the network have names. */
  readonly loss: Loss | Readonly<Record<string, Loss>> | undefined
}

/** What the learning rate is a function of. */
export interface Clock {
  epoch: number
  step: number
  /** How long the run is, as far as that is known. */
  epochs: number | undefined
  steps: number | undefined
}

/** Numbers that training moves on. */
export interface Counters {
  /** Steps of the optimizer. */
  steps: number
  /** Passes that trained, the running one included: what dropout draws from. */
  passes: number
  /** Epochs that fit began: what shuffling draws from. */
  epochs: number
}

/** A pass over the loaded rows, call by call, and what it gives. */
export interface Pass {
  /** Rows that it is over; 0 once it is done. */
  rows: number
  trains: boolean
  /** Calls that are left out: those before the place where its rows entered. */
  first: number
  /** Calls of its list that are done; the step of the optimizer comes behind them. */
  at: number
  rate: number
  /** The mean loss of the rows, with what regularisation adds. */
  loss: number
  /** What regularisation adds to a mean. */
  decay: number
  /** For each output of the network. */
  readonly heads: readonly HeadPass[]
  /** Whether there was no step, since the loss was not finite, or for the gradients. */
  diverged: boolean
  /** What was wrong with the gradients, in words. */
  trouble: string | undefined
  /** What was thrown while something else ran this pass to its end, for whoever began it. */
  error: { readonly thrown: unknown } | undefined
}

/** What a pass gives for one output of the network. */
export interface HeadPass {
  /** The sum of the losses of the rows, each by its weight, and all by that of the loss; without regularisation. */
  sum: number
  /** What the rows weigh in a mean of losses: their number, or that of their positions, unless some count more. */
  weight: number
  /** How many answers there are: of rows, positions or outputs that count at all. */
  counted: number
  /** Right ones among these; NaN where targets are values. */
  right: number
}

/** A pass of a network with so many outputs. */
export function createPass(heads: number): Pass {
  return {
    rows: 0,
    trains: false,
    first: 0,
    at: 0,
    rate: 0,
    loss: NaN,
    decay: 0,
    heads: Array.from({ length: heads }, () => ({ sum: NaN, weight: 0, counted: 0, right: NaN })),
    diverged: false,
    trouble: undefined,
    error: undefined,
  }
}

/** An input of the network: where its examples go. */
export interface Entry<D extends DType = DType> {
  /** '' where the network has one input, without a name. */
  readonly name: string
  readonly value: Value
  readonly tensor: Tensor<D>
  /** Of its gradient, the first n rows; made when they are asked for. */
  readonly gradientRows: Tensor<D>[]
  /** How many of its steps count in each example of the loaded batch; empty where nobody asks. */
  readonly lengths: Int32Array
  /** The layer from which on the lengths say nothing more, if there is one: see Recorded.mixers. */
  readonly mixer: string | undefined
}

/** An output of the network, and what it is compared with. */
export interface Head<D extends DType = DType> {
  /** '' where the network has one output, without a name. */
  readonly name: string
  readonly value: Value
  readonly tensor: Tensor<D>
  /** The first n rows of it; made when they are asked for. */
  readonly firstRows: Tensor<D>[]
  /** Empty where nobody wants it. */
  readonly gradient: Floats<D>
  readonly loss: Loss | undefined
  readonly targets: LossPlan['targets'] | undefined
  /** Classes of the labels; 0 where the targets are values. */
  readonly classes: number
  /** Of the loaded batch: labels, or target values; the other is empty. */
  readonly labels: Int32Array
  readonly values: Floats<D>
  /** The shape of the target values of one example, and how many they are. */
  readonly target: { readonly shape: readonly number[]; readonly size: number }
  /** How many parts an example has that count each for itself, and how many outputs one of them has. */
  readonly positions: number
  readonly size: number
  /** The label of positions that do not count. */
  readonly ignoreIndex: number | undefined
  /** The input whose lengths say which positions count. */
  readonly sequence: Entry<D> | undefined
  readonly counts: Counts<D>
}

/** What of the loaded batch counts in the loss of an output, and how much. */
export interface Counts<D extends DType = DType> {
  /** Whether all of it counts alike; then the weights mean nothing. */
  alike: boolean
  /** Of each position. */
  readonly weights: Float64Array
  /** Where a loss that is a function over the whole batch reads the same; undefined for one that is run in pieces. */
  readonly places: Floats<D> | undefined
}

/** A planned network with its memory. */
export interface Core<D extends DType = DType> {
  readonly dtype: D
  readonly batch: number
  readonly inference: boolean
  readonly settings: Settings
  /** What it was made of: the network, and the options of createModel that are plain data. */
  readonly origin: {
    readonly network: Layer | Network<string, string>
    readonly options: Readonly<Record<string, unknown>>
  }
  readonly engine: Engine
  readonly program: Program
  readonly run: Executable
  /** The first call of a pass over rows that this core loads; 0 but for data that enter in the middle (door.ts). */
  readonly first: number
  readonly memory: Readonly<Regions>
  readonly pointers: Pointers

  // Places, and views of them.
  readonly inputs: readonly Entry<D>[]
  readonly heads: readonly Head<D>[]
  /** Of the inputs, and of the outputs; none where there is one that needs no name. */
  readonly names: Network<string, string>['names']
  /** In their order; those that are trained lie in memory as trainedOf says. */
  readonly parameters: readonly Parameter[]
  readonly buffers: readonly Buffer[]
  readonly tensors: {
    readonly parameters: Readonly<Record<string, Tensor<D>>>
    readonly gradients: Readonly<Record<string, Tensor<D>>>
    readonly buffers: Readonly<Record<string, Tensor<D>>>
    /** By name, where they have some. */
    readonly input: Tensor<D> | Readonly<Record<string, Tensor<D>>>
    readonly output: Tensor<D> | Readonly<Record<string, Tensor<D>>>
  }
  /** What goes on from batch to batch, by name: as it is before a pass, and as the last pass left it. */
  readonly carried: readonly { readonly name: string; readonly before: Tensor<D>; readonly after: Floats<D> }[]
  readonly allGradients: Floats<D>
  /** All parameters that are trained as one vector: for the optimizer. */
  readonly vector: Parameters
  /** Parts of it that are trained in ways of their own; undefined where all is trained alike. */
  parts: readonly Part[] | undefined
  /** Where the weights of each unit lie, one row for each, for maxNorm. */
  readonly limited: readonly { readonly rows: number; readonly size: number; readonly pointer: number }[]

  /** The first batch norm of features that is trained, for which a batch of one row has no variance. */
  readonly lonelyNorm: string | undefined

  // What changes.
  /** Of the user's, for the files of this model. */
  metadata: Readonly<Record<string, unknown>>
  rate: number | Schedule
  /** Whether that was set after the model was created. */
  rateByHand: boolean
  /** What a schedule that watches the loss has seen. */
  scheduleState: Float64Array
  /** The rate of the last step. */
  lastRate: number
  readonly clock: Clock
  readonly counters: Counters
  /** Whether what only regularises takes part; a check may switch it off. */
  regularises: boolean
  /** Rows of the last forward pass; 0 before it. */
  rows: number
  /** The pass in work, or the last one. */
  pass: Pass
  /** That of everything but fit. */
  readonly ownPass: Pass
  /** Whether fit runs. */
  fitting: boolean
  /** The run that fit does; none before all that it was told is checked. */
  active: ActiveRun | undefined
  /** What the optimizer remembers, by name; made when it is asked for. */
  slots: Readonly<Record<string, Tensor<D>>> | undefined
  /** Whether a step waits for the loss of the user's. */
  stepping: boolean
  closed: boolean
  /** What wakes those who wait for something else than the model. */
  readonly onClose: Set<() => void>
  /** What brings the model back to where it was before the pass in work. */
  readonly undo: {
    readonly liveBuffers: Uint8Array
    /** The buffers before the pass: all that kernels change until the step of the optimizer. */
    readonly buffers: Uint8Array
    /** The gradients before passes of the user's own. */
    gradients: Floats<D> | undefined
    /** All that a step changes; only where a call, or the optimizer, may leave it half done. */
    all: State | undefined
    /** The same before a step on a loss of the user's, within which there may be passes. */
    readonly step: { buffers?: Uint8Array; gradients?: Floats<D>; all?: State }
  }
  /** For optimizers that look at the loss from several places; made when it is needed. */
  objective: Objective | undefined
}

/** A run in work, and what goes with it. */
export interface ActiveRun {
  readonly run: Run
  /** The pass in which its steps run. */
  readonly pass: Pass
  /** Weights that early stopping keeps, by what they are. */
  kept(): Readonly<Partial<Record<'best' | 'before', readonly Floats[]>>>
  /** What the run is over: see fingerprint.ts. */
  fingerprint(): Fingerprint
}

/** What the data of a run are told by: numbers, hashes and flags by name. */
export type Fingerprint = Readonly<Record<string, string | number | boolean>>

/** What such an optimizer minimises: a loss, with the gradients that go with it. */
export interface Objective {
  loss: () => number
  readonly ofLoaded: () => number
  /** Evaluations in the step. */
  evaluations: number
  /** What was wrong with the gradients of the first. */
  trouble: string | undefined
  /** Passes that trained before the step. */
  passes: number
  readonly evaluate: () => number
}

/** All that training changes, as it was at one moment: see state.ts. */
export interface State {
  /** Parameters, gradients, buffers and the optimizer's slots: one stretch of the memory. */
  readonly memory: Uint8Array
  /** What the optimizer remembers beside its slots. */
  readonly numbers: Float64Array
  scheduleState: Float64Array
  readonly counters: Counters
  readonly clock: Clock
  rate: number | Schedule
  rateByHand: boolean
  lastRate: number
  regularises: boolean
}

/** The numbers of a place, as a view. */
export function viewOf<D extends DType>(dtype: D, buffer: ArrayBufferLike, pointer: number, length: number): Floats<D> {
  const array = dtype === 'float64' ? Float64Array : Float32Array
  return new array(buffer as ArrayBuffer, pointer, length) as Floats<D>
}

// ---- what a model must have ----

export function needOpen(where: string, { closed }: Core): void {
  if (closed) throw new PlanError(`${where}: this model was closed; create another`)
}

/** What of a core refers to its memory, beside the engine. */
const PARTS = ['run', 'tensors', 'inputs', 'heads', 'slots', 'carried', 'allGradients', 'vector', 'undo'] as const

/** Frees the memory: nothing refers to it any more, and what asks for a part of it gets an error. */
export function closeCore(core: Core): void {
  if (core.closed) return
  core.closed = true
  core.run.closed = true
  core.engine.close()
  const get = (): never => {
    throw new PlanError('this model was closed; create another')
  }
  for (const part of PARTS) Object.defineProperty(core, part, { get })
  core.objective = undefined
  for (const wake of core.onClose) wake()
}

/** Throws where the model is in the middle of a call, and a function in TypeScript that it runs wants more of it. */
export function needFree(where: string, { run }: Core): void {
  const { inside } = run
  if (inside === undefined) return
  const what = typeof inside === 'string' ? inside : `a call of ${titleOf(inside.layer)}`
  throw new PlanError(
    `${where}: the model is in the middle of ${what}, which may not use it, for it would lose what it works on; ` +
      'take another model there',
  )
}

/**
 * Calls a function of the user's, within which the model can do nothing else; `what` says in errors what that is. Makes no
 * closure: it is called in each step.
 */
export function within<A, B, C, T>(
  where: string,
  core: Core,
  what: string,
  call: (a: A, b: B, c: C) => T,
  a: A,
  b: B,
  c: C,
): T {
  const { run } = core
  const { inside } = run
  run.inside = what
  try {
    return call(a, b, c)
  } finally {
    run.inside = inside
    // Should it have closed the model, whatever it threw was on memory that is gone.
    needOpen(where, core)
  }
}

export function needTraining(where: string, core: Core): void {
  if (core.inference) {
    throw new PlanError(`${where}: the model was created with inference: true; create it without, to train`)
  }
}

/** Throws where the function that was handed to step takes one itself. */
export function needNoStep(where: string, { stepping }: Core): void {
  if (!stepping) return
  throw new PlanError(
    `${where}: a step waits for its function, which may run passes, but neither take a step nor keep one`,
  )
}

export function needLoss(where: string, { settings }: Core): void {
  if (!settings.loss) missing(where, 'a loss')
}

/** Throws where inputs or outputs have names, which `where` has no place for; `cure` says what to do. */
export function needPlain(where: string, { names }: Core, cure: string): void {
  const all = [...names.inputs, ...names.outputs]
  if (!all.length) return
  throw new PlanError(`${where}: is for networks of one input and one output, but this one has ${few(all)}; ${cure}`)
}

export function needOptimizer(where: string, { settings }: Core): Optimizer {
  return settings.optimizer ?? missing(where, 'an optimizer')
}

/** All that a step on data wants: what the model must have, and that no other step waits. */
export function needAll(where: string, core: Core): void {
  core.engine.check()
  needTraining(where, core)
  needLoss(where, core)
  needOptimizer(where, core)
  needNoStep(where, core)
}

function missing(where: string, what: string): never {
  throw new PlanError(`${where}: the model was created without ${what}; give one to createModel`)
}
