// What a model is made with, and the plan that follows from it: all that can be known before there is any memory.

import { type ByName, byName, memberName, membersOf } from '../data/named'
import type { WasmSources } from '../engine/engine'
import {
  MAX_SIZE,
  PlanError,
  checkNoPromise,
  checkOptions,
  few,
  finite,
  flag,
  given,
  integer,
  isPlain,
  oneOf,
  readSafely,
  show,
} from '../errors'
import type { Optimizer } from '../optimizers/optimizer'
import { type Contents, type Pointers, type Regions, layOut } from '../plan/layout'
import { Plan } from '../plan/plan'
import type { Layer, Loss, LossPlan, Network, Row } from '../plan/layer'
import { callsOf, programOf } from '../plan/program'
import type { InputPlan, Recorded } from '../plan/recorded'
import { type DType, product } from '../tensor'
import type { Core, Settings } from '../training/core'
import type { Group } from '../training/parts'
import { checkGroups, readGroups, ruleOf } from './groups'
import { checkNetwork } from './network-checks'
import { checkThreads } from './threads'

/** One; or, by name, one for each output of a graph; or none. */
export type Losses = Loss | Readonly<Record<string, Loss>> | undefined

/**
 * The shape of one example; or, for whole numbers that name something, such as words of a vocabulary, that with 'int32':
 * embedding() reads them.
 */
export type InputShape =
  | readonly number[]
  | {
      /** Of one example, such as [40] for 40 words. */
      readonly shape: readonly number[]
      /** What the numbers are. */
      readonly dtype: 'int32'
    }

/** Its type parameters are what a model's abilities come from; `ModelOptions` alone may hold any loss, or none. */
export interface ModelOptions<
  L extends Losses = Loss | undefined,
  O extends Optimizer | undefined = Optimizer | undefined,
  I extends boolean = boolean,
  D extends DType = DType,
  In extends string = never,
> {
  /**
   * Shape of one example: [features], [channels, height, width], or [T, features] of a sequence; of whole numbers, such as
   * those of words, `{ shape: [T], dtype: 'int32' }`. One for each input of a graph, by name.
   */
  input: ByName<In, InputShape>
  /**
   * The most rows that a step, a forward pass or a batch of fit may have; memory is planned for it. 32 unless given.
   * Where rows are not a multiple of it, the last batch of an epoch has fewer: see fit's `dropLast`.
   */
  batch?: number
  /** Needed by trainStep, evaluate and fit; one for each output of a graph, by name: they are added up. */
  loss?: L | false | null
  /** Needed by step, trainStep and fit. */
  optimizer?: O | false | null
  /** Of the initial parameters, the shuffling and dropout. The same seed gives the same bits everywhere. 0 unless given. */
  seed?: number
  /** λ of ½ λ ‖w‖², added to the loss for weights; not for biases and norms. 0 unless given. */
  l2?: number
  /** λ of λ ‖w‖₁, added for the same weights; its gradient at 0 is 0. With l2, the elastic net. 0 unless given. */
  l1?: number
  /** After each step, the weights into each unit or filter, if their norm is larger, are scaled down to it (CS231n). */
  maxNorm?: number
  /** Each value of the gradients is held to -clipValue ... clipValue; before clipNorm, should both be given. */
  clipValue?: number
  /** Gradients whose norm, over all parameters, is larger are scaled down to it: exactly, where PyTorch adds 1e-6. */
  clipNorm?: number
  /** The numbers that it computes with: 'float64' unless given; 'float32' is faster and half as large. */
  dtype?: D
  /** 'auto': WebAssembly where it runs, else the TypeScript twin. 'auto' unless given. */
  backend?: 'auto' | 'wasm' | 'js'
  /** Kernels for hosts that cannot compile the built-in ones. */
  wasm?: WasmSources
  /**
   * How many threads compute, to the same bits: 1 unless given; 'auto': as many as the host has cores, fewer where the
   * network is too small to gain. In a page that needs the headers Cross-Origin-Opener-Policy: same-origin and
   * Cross-Origin-Embedder-Policy: require-corp. Where there can be no threads the model computes on one, and the console
   * says why. Views of such a model lie on shared memory, which some functions of browsers do not take: copy them there.
   */
  threads?: number | 'auto'
  /** Plans no gradients and no optimizer: less memory, no training. False unless given. */
  inference?: I
  /**
   * Names of layers that are not trained, such as ['features', 'classifier.1'], with all that is in them: their
   * parameters get no gradients, no optimizer slots and no l2, and they run as in evaluation. See freeze.
   */
  frozen?: readonly string[]
  /**
   * What weight decay, l2 and l1 apply to: 'weights', or 'all' parameters, biases and norms too. 'weights' unless given.
   */
  decay?: 'weights' | 'all'
  /**
   * Parts of the network that are trained in ways of their own, by the names of their parameters: that of a layer stands
   * for all in it, and * for any letters. Of several that fit, the last counts that says something of it, for each of the
   * three. So all but the last block can be frozen: `{ features: { frozen: true }, 'features.17': { frozen: false } }`.
   *
   *     const groups = { features: { learningRate: 0.1 }, '*.bias': { weightDecay: 0 }, 'features.0': { frozen: true } }
   */
  groups?: Readonly<Record<string, Group>>
  /**
   * Whether `backward` can give the gradient of the input. It can unless told otherwise, but for a network that begins
   * with frozen layers: there that takes the memory of a network that is trained as a whole, so it must be asked for.
   */
  inputGradient?: boolean
  /**
   * Of convolutions: 'direct' never takes Winograd's, which is faster but less precise (see conv2d). 'auto' unless given.
   */
  algorithm?: 'auto' | 'direct'
}

/** Of any network. */
export type AnyOptions<D extends DType = DType> = Omit<
  ModelOptions<Losses, Optimizer | undefined, boolean, D>,
  'input'
> & { input: unknown }

/** Their names. */
export const MODEL_OPTIONS = [
  'input',
  'batch',
  'loss',
  'optimizer',
  'seed',
  'l2',
  'l1',
  'maxNorm',
  'clipValue',
  'clipNorm',
  'dtype',
  'backend',
  'wasm',
  'threads',
  'inference',
  'frozen',
  'decay',
  'groups',
  'inputGradient',
  'algorithm',
]

/** 32-bit pointers. */
const MAX_BYTES = 2 ** 32
/** Of the input. */
const MOST_DIMENSIONS = 32
/** Values that an index or a size may count: more would wrap, and no memory holds them. */
const MAX_VALUES = 2 ** 50

/** What planModel gives: a model without memory. */
export interface Blueprint<D extends DType = DType> extends Contents {
  readonly dtype: D
  readonly batch: number
  readonly backend: 'auto' | 'wasm' | 'js'
  readonly wasm: WasmSources | undefined
  /** How many were asked for; the memory is that of one until withThreads. */
  readonly threads: number | 'auto'
  readonly settings: Settings
  readonly origin: Core['origin']
  /** One for each output of the network, if it has losses. */
  readonly lossPlans: readonly LossPlan[]
  readonly losses: readonly Loss[]
  readonly names: Core['names']
  readonly memory: Regions
  readonly pointers: Pointers
  readonly rows: readonly Row[]
  readonly constants: Recorded['constants']
}

/** Checks the options and lays everything out; allocates nothing. */
export function planModel<D extends DType>(
  where: string,
  network: Layer | Network<string, string>,
  options: AnyOptions<D>,
): Blueprint<D> {
  checkNoPromise(where, 'the network', network)
  // That it can be looked at: plan.child says what is no layer.
  readSafely(where, 'the network', () => network?.plan)
  options = checkOptions(where, options, MODEL_OPTIONS)
  const names = namesOf(network)
  const inputs = readSafely(where, 'input', () =>
    membersOf(where, 'input', names.inputs, options.input, PlanError).map((input, i) =>
      checkInput(where, memberName('input', names.inputs[i] ?? ''), input),
    ),
  )
  const batch = integer(where, 'batch', options.batch ?? 32, 1)
  for (const { shape } of inputs) {
    if (product(shape) * batch <= MAX_VALUES) continue
    throw new PlanError(
      `${where}: batches of ${batch} examples of (${shape.join(', ')}) are more than any memory holds`,
    )
  }
  const dtype = oneOf(where, 'dtype', options.dtype ?? 'float64', ['float64', 'float32']) as D
  const backend = oneOf(where, 'backend', options.backend ?? 'auto', ['auto', 'wasm', 'js'])
  const algorithm = oneOf(where, 'algorithm', options.algorithm ?? 'auto', ['auto', 'direct'])
  const inference = flag(where, 'inference', options.inference ?? false)
  const threads = checkThreads(where, options.threads ?? 1)
  const wasm = given(options.wasm)
  checkNoPromise(where, 'wasm', wasm)
  if (wasm !== undefined && typeof wasm !== 'object') {
    throw new PlanError(`${where}: wasm must be v128's kernels, bytes or a module, got ${show(wasm)}`)
  }
  const settings = readSafely(where, 'options', () => checkSettings(where, options))
  const { optimizer } = settings
  const losses = readSafely(where, 'loss', () => checkLosses(where, settings.loss, names.outputs))
  const frozen = readSafely(where, 'frozen', () => checkFrozen(where, options.frozen ?? []))
  const inputGradient =
    options.inputGradient === undefined ? undefined : flag(where, 'inputGradient', options.inputGradient)

  if (inputGradient && inputs.every((input) => input.dtype)) {
    throw new PlanError(`${where}: inputGradient: true, but whole numbers that name something have no gradient`)
  }

  const decay = oneOf(where, 'decay', options.decay ?? 'weights', ['weights', 'all'])
  const isFrozen = (path: string) =>
    frozen.some((name) => `${path}.`.startsWith(`${name}.`)) || ruleOf(settings.groups, path).frozen
  const plan = new Plan({ inputs, batch, dtype, inference, seed: settings.seed, isFrozen, algorithm, decay })
  const heads = plan.network(network)
  const lossPlans = losses.map((loss, i) => plan.planLoss(loss, heads[i], names.outputs[i]))
  // Now: a shape that does not fit is the plainer mistake.
  checkNetwork(where, network, losses)
  const recorded = plan.finish(heads)
  const all = recorded.parameters.map((p) => p.name)
  for (const layer of frozen) {
    if (all.some((name) => name.startsWith(`${layer}.`))) continue
    const layers = [...new Set(all.map((name) => name.replace(/\..*/, '')))]
    throw new PlanError(`${where}: frozen: no parameter lies in a layer named ${show(layer)}; there are ${few(layers)}`)
  }
  const shown = () => few([...new Set(all.map((name) => name.replace(/\..*/, '')))])
  checkGroups(where, settings.groups, recorded.parameters, shown)
  const program = programOf({ ...recorded, inputGradient: inference ? false : inputGradient })
  const calls = callsOf(program)
  const contents = {
    ...recorded,
    program,
    bytes: plan.bytes,
    inference,
    optimizerSlots: optimizer?.slots.length ?? 0,
    scratch: Math.max(0, ...calls.map((call) => call.scratch ?? 0)),
  }
  const rows = recorded.rows.map(({ layer, row }): Row => {
    const joined = program.joined.get(layer)
    return { path: layer.path, kind: joined ?? layer.kind, ...row, ...(joined && { flops: 0 }) }
  })
  const { backend: _host, wasm: _kernels, threads: _threads, loss: _loss, optimizer: _optimizer, ...plain } = options
  const input = byName(
    names.inputs,
    inputs.map(({ shape, dtype }) => (dtype ? { shape, dtype } : shape)),
  )
  const complete: Record<string, unknown> = { ...plain, input, batch, dtype, frozen, seed: settings.seed }
  // In one order, whatever was given: a model that was loaded writes the file that it was loaded from.
  const ordered = MODEL_OPTIONS.filter((name) => name in complete).map((name) => [name, complete[name]])
  const origin = { network, options: Object.fromEntries(ordered) as Record<string, unknown> }
  const own = { dtype, batch, backend, wasm, threads, settings, origin, names, losses, lossPlans, rows }
  return { ...contents, ...layOut(contents), ...own }
}

/** A model that so many threads compute: each has a scratch of its own. */
export function withThreads<D extends DType>(blueprint: Blueprint<D>, threads: number): Blueprint<D> {
  const { memory } = blueprint
  const more = (threads - 1) * memory.scratch
  return { ...blueprint, threads, memory: { ...memory, scratch: memory.scratch + more, total: memory.total + more } }
}

/** What the inputs and outputs of a network are called; nothing where it needs no names. */
function namesOf(network: Layer | Network<string, string>): Core['names'] {
  const { inputs = [], outputs = [] } = (network as Partial<Network<string, string>> | undefined)?.names ?? {}
  return { inputs, outputs }
}

function checkLosses(where: string, loss: Settings['loss'], names: readonly string[]): readonly Loss[] {
  if (loss === undefined) return []
  if (names.length && typeof (loss as Partial<Loss> | null)?.plan === 'function') {
    throw new PlanError(
      `${where}: loss is one loss, but the network has the outputs ${few(names)}; give { ${names[0]}: ... }`,
    )
  }
  return membersOf(where, 'loss', names, loss, PlanError).map((one: unknown, i) => {
    const name = memberName('loss', names[i] ?? '')
    checkNoPromise(where, name, one)
    if (typeof (one as Loss | null | undefined)?.plan === 'function') return one as Loss
    throw new PlanError(`${where}: ${name} must be one such as softmaxCrossEntropy(), got ${show(one)}`)
  })
}

function checkInput(where: string, name: string, input: unknown): InputPlan {
  if (!isPlain(input)) return { shape: checkShape(where, name, input) }
  if (!readSafely(where, name, () => Object.hasOwn(input, 'shape'))) {
    const cure = name === 'input' ? '; where there is but one, it goes without its name' : ''
    throw new PlanError(
      `${where}: ${name} must be a shape, such as [4], or { shape, dtype }, got ${show(input)}${cure}`,
    )
  }
  const { shape, dtype } = checkOptions(`${where}: ${name}`, input as { shape: unknown; dtype?: unknown }, [
    'shape',
    'dtype',
  ])
  return {
    shape: checkShape(where, `${name}.shape`, shape),
    ...(dtype !== undefined && { dtype: oneOf(where, `${name}.dtype`, dtype, ['int32']) as 'int32' }),
  }
}

function checkShape(where: string, name: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > MOST_DIMENSIONS) {
    throw new PlanError(
      `${where}: ${name} must be the shape of one example, such as [4] or [1, 28, 28], got ${show(shape)}`,
    )
  }
  // By places, for holes count as well.
  return Array.from({ length: shape.length }, (_, i) => integer(where, `every size in ${name}`, shape[i], 1, MAX_SIZE))
}

function checkFrozen(where: string, names: unknown): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return [...(names as string[])]
  throw new PlanError(`${where}: frozen must be an array of names of layers, got ${show(names)}`)
}

/** What checkpoints name otherwise, behind the name of a parameter. */
const RESERVED: readonly string[] = ['grad', 'best', 'before']

/** Throws a PlanError where two things that an optimizer remembers would have one name in a checkpoint. */
function checkSlots(where: string, optimizer: Optimizer | undefined): void {
  const slots: unknown = optimizer?.slots ?? []
  const isFine =
    Array.isArray(slots) &&
    new Set(slots).size === slots.length &&
    slots.every((slot) => typeof slot === 'string' && !slot.includes('.') && !RESERVED.includes(slot))
  if (isFine) return
  throw new PlanError(
    `${where}: the slots of ${optimizer!.kind} must be names without dots, each once, and none of ${few(RESERVED)}, got ` +
      show(slots),
  )
}

function checkSettings(where: string, options: AnyOptions): Settings {
  const loss = given(options.loss) as Settings['loss']
  const optimizer = given(options.optimizer)
  checkNoPromise(where, 'loss', loss)
  checkNoPromise(where, 'optimizer', optimizer)
  if (optimizer !== undefined && typeof optimizer.update !== 'function' && typeof optimizer.minimize !== 'function') {
    throw new PlanError(`${where}: optimizer must be one such as adam({ learningRate: 1e-3 }), got ${show(optimizer)}`)
  }
  checkSlots(where, optimizer)
  const limits: string[] = []
  // None where it is not given.
  const limit = (name: 'maxNorm' | 'clipValue' | 'clipNorm') => {
    if (options[name] === undefined) return Infinity
    limits.push(name)
    const most = finite(where, name, options[name], 0)
    if (options.dtype === 'float32' ? Math.fround(most) : most) return most
    throw new PlanError(
      `${where}: ${name} must be more than 0, got ${most}: nothing could be learnt; leave it out for none`,
    )
  }
  const settings = {
    seed: integer(where, 'seed', options.seed ?? 0, 0),
    l2: finite(where, 'l2', options.l2 ?? 0, 0),
    l1: finite(where, 'l1', options.l1 ?? 0, 0),
    maxNorm: limit('maxNorm'),
    clipValue: limit('clipValue'),
    clipNorm: limit('clipNorm'),
    loss,
    optimizer,
    groups: readGroups(where, given(options.groups), optimizer),
  }
  if (optimizer?.minimize && limits.length) {
    throw new PlanError(
      `${where}: ${limits[0]} does not go with ${optimizer.kind}, which follows the gradient of the loss as it is`,
    )
  }
  return settings
}

/** Throws a PlanError if that is more than WebAssembly can address. */
export function checkTotal({ memory, batch, dtype }: { memory: Regions; batch: number; dtype: DType }): void {
  const { total, activations, scratch } = memory
  if (total <= MAX_BYTES) return
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
  const cure = activations + scratch > total / 2 ? `a smaller batch (now ${batch})` : 'fewer parameters'
  throw new PlanError(
    `createModel: this model needs ${gib(total)} (activations ${gib(activations)}), more than the 4 GiB that ` +
      `WebAssembly can address; take ${cure}${dtype === 'float64' ? " or dtype: 'float32'" : ''}`,
  )
}
