// From a model file back to a model: a registry from the names of layers, losses, optimizers and schedules to what makes
// them.

import {
  FileError,
  PlanError,
  brief,
  callable,
  checkArguments,
  checkOptions,
  few,
  given,
  isObject,
  isPlain,
  quote,
  readSafely,
  show,
} from '../errors'
import type { Initializer } from '../initializers'
import { readFile } from '../io/safetensors'
import { avgPool2d } from '../layers/avg-pool2d'
import { batchNorm } from '../layers/batch-norm'
import { concat } from '../layers/concat'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { elu } from '../layers/elu'
import { flatten } from '../layers/flatten'
import { freeze } from '../layers/freeze'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { groupNorm } from '../layers/group-norm'
import { layerNorm } from '../layers/layer-norm'
import { leakyRelu } from '../layers/leaky-relu'
import { maxPool2d } from '../layers/max-pool2d'
import { maxout } from '../layers/maxout'
import { normalize } from '../layers/normalize'
import { padChannels } from '../layers/pad-channels'
import { relu } from '../layers/relu'
import { residual } from '../layers/residual'
import { sequential } from '../layers/sequential'
import { sigmoid } from '../layers/sigmoid'
import { softmax } from '../layers/softmax'
import { tanh } from '../layers/tanh'
import { binaryCrossEntropy, hinge, meanSquaredError, softmaxCrossEntropy } from '../losses'
import { adagrad } from '../optimizers/adagrad'
import { adam, adamW } from '../optimizers/adam'
import { lbfgs } from '../optimizers/lbfgs'
import { momentum } from '../optimizers/momentum'
import { nesterov } from '../optimizers/nesterov'
import type { Optimizer } from '../optimizers/optimizer'
import { rmsprop } from '../optimizers/rmsprop'
import { sgd } from '../optimizers/sgd'
import { checkLayer } from '../plan/checks'
import type { Layer, Loss } from '../plan/layer'
import {
  type Schedule,
  cosineDecay,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  reduceOnPlateau,
  stepDecay,
  timeDecay,
  warmup,
} from '../schedules'
import type { DType } from '../tensor'
import type { AbilitiesOf } from './abilities'
import { ARCHITECTURE, ownIn } from './architecture'
import { weightsIn } from './checkpoint'
import { buildModel, fillConstants } from './create'
import type { Model } from './model'
import { type Blueprint, MODEL_OPTIONS, type ModelOptions, planModel } from './options'
import { loadTensors } from './weights'

/**
 * What makes a layer from its config, as JSON has it; `build` makes those within it, from { kind, config }.
 *
 *     await loadModel(bytes, {
 *       layers: { mine: ({ units }) => dense(units), still: ({ layer }, build) => freeze(build(layer)) },
 *     })
 */
export type LayerFactory = (config: any, build: (description: unknown) => Layer) => Layer

/** Options of createModel, of which those of the file hold unless given, and what the file cannot hold. */
export interface LoadModelOptions<D extends DType = DType, I extends boolean = boolean> extends Partial<
  Omit<ModelOptions<Loss | undefined, Optimizer | undefined, I, D>, 'input'>
> {
  /** What makes the layers that are not of this library, by their kind; goes before those of the library. */
  layers?: Readonly<Record<string, LayerFactory>>
}

/** A child of a composite. */
type Child = { readonly name: string; readonly kind: string; readonly config: object }

/** Children named by place, or by their keys. */
function children(list: readonly Child[], build: (description: unknown) => Layer): Layer[] | [Record<string, Layer>] {
  if (!Array.isArray(list))
    throw new FileError(`loadModel: the layers within a layer must be a list, got ${show(list)}`)
  if (list.length > MOST_LAYERS) throw new FileError(`loadModel: more than ${MOST_LAYERS} layers`)
  const layers = list.map((one) => build(one))
  const names = new Set(list.map(({ name }) => name))
  const isNamed = names.size === list.length && [...names].every((name: unknown) => typeof name === 'string')
  if (!isNamed) throw new FileError('loadModel: layers within a layer must each have a name, a text of its own')
  if (list.every(({ name }, i) => name === String(i))) return layers
  return [Object.fromEntries(list.map(({ name }, i) => [name, layers[i]]))]
}

/** The weights of a file come after the first ones, so that those may be anything. */
function withInit({ init, ...rest }: { init?: { kind: string } }): object {
  if (!init) return rest
  const { kind, ...config } = init
  return { ...rest, init: { kind, config, fill: (values) => void values.fill(0) } satisfies Initializer }
}

const LAYERS: Readonly<Record<string, LayerFactory>> = {
  avgPool2d: ({ kernel, ...options }) => avgPool2d(kernel, options),
  batchNorm: (config) => batchNorm(config),
  concat: ({ branches }, build) => (concat as (...args: unknown[]) => Layer)(...children(branches, build)),
  conv2d: ({ filters, ...options }) => conv2d(filters, withInit(options) as Parameters<typeof conv2d>[1]),
  dense: ({ units, ...options }) => dense(units, withInit(options)),
  dropout: (config) => dropout(config),
  elu: (config) => elu(config),
  flatten: () => flatten(),
  freeze: ({ layer }, build) => freeze(build(layer)),
  globalAvgPool2d: () => globalAvgPool2d(),
  groupNorm: ({ groups, ...options }) => groupNorm(groups, options),
  layerNorm: (config) => layerNorm(config),
  leakyRelu: (config) => leakyRelu(config),
  maxPool2d: ({ kernel, ...options }) => maxPool2d(kernel, options),
  maxout: (config) => maxout(config),
  normalize: (config) => normalize(config),
  padChannels: (config) => padChannels(config),
  relu: (config) => relu(config),
  residual: ({ body, shortcut, ...options }, build) => residual(build(body), shortcut && build(shortcut), options),
  sequential: ({ layers }, build) => (sequential as (...args: unknown[]) => Layer)(...children(layers, build)),
  sigmoid: () => sigmoid(),
  softmax: () => softmax(),
  tanh: () => tanh(),
}

const LOSSES: Readonly<Record<string, (config: any) => Loss>> = {
  binaryCrossEntropy: () => binaryCrossEntropy(),
  hinge,
  meanSquaredError: () => meanSquaredError(),
  softmaxCrossEntropy,
}

const OPTIMIZERS: Readonly<Record<string, (config: any) => Optimizer>> = {
  adagrad,
  adam,
  adamW,
  lbfgs,
  momentum,
  nesterov,
  rmsprop,
  sgd,
}

const SCHEDULES: Readonly<Record<string, (config: any) => Schedule>> = {
  cosineDecay,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  reduceOnPlateau,
  stepDecay,
  timeDecay,
  warmup: ({ steps, schedule }) => warmup(steps, rateOf(schedule)),
}

/** What createModel is told, of a file. */
type Planned = Partial<ModelOptions>

/** Bytes that a model may want, beside so many for each of its file, before its reader says for how many rows. */
const MOST_BESIDE = 2 ** 30
const MOST_PER_BYTE = 64

/** Layers within layers, as in a plan; and layers in all, for a plan of very many takes very long. */
const DEEPEST = 500
const MOST_LAYERS = 10_000

/** The factory of a kind. Throws a FileError, with its cure, where this library has none. */
function factoryOf<T>(registry: Readonly<Record<string, T>>, what: string, kind: string, cure: string): T {
  if (Object.hasOwn(registry, kind)) return registry[kind]
  throw new FileError(`loadModel: the ${what} ${quote(kind)} is not one of this library; ${cure}`)
}

/** What to do about a part that a model may also be without. */
function again(option: 'loss' | 'optimizer'): string {
  return `give it again: loadModel(bytes, { ${option} }), or ${option}: null for a model without`
}

/** What `make` makes of a config; where that throws, a FileError. */
function made<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof FileError) throw cause
    throw new FileError(`loadModel: ${what} of the file cannot be made: ${message(cause)}`, { cause })
  }
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : show(cause)
}

/** The kind and the config of a description. */
function partsOf(what: string, description: unknown): { kind: string; config: object; learningRate?: unknown } {
  const { kind, config, ...rest } = (isObject(description) ? description : {}) as Record<string, unknown>
  if (typeof kind === 'string' && isPlain(config)) return { kind, config, ...rest }
  throw new FileError(`loadModel: ${what} of the file must be { kind, config }, got ${show(description)}`)
}

function layerOf(
  description: unknown,
  own: Readonly<Record<string, LayerFactory>>,
  count = { layers: 0 },
  depth = 0,
): Layer {
  const { kind, config } = partsOf('a layer', description)
  if (++count.layers > MOST_LAYERS) throw new FileError(`loadModel: more than ${MOST_LAYERS} layers`)
  if (depth > DEEPEST) throw new FileError(`loadModel: layers are nested more than ${DEEPEST} deep`)
  const cure = `hand it in: loadModel(bytes, { layers: { ${quote(kind)}: (config) => ... } })`
  const factory = factoryOf(Object.hasOwn(own, kind) ? own : LAYERS, 'layer', kind, cure)
  const layer = made(`the layer ${quote(kind)}`, () =>
    factory(config, (inner) => layerOf(inner, own, count, depth + 1)),
  )
  checkLayer('loadModel', `what layers.${kind} makes`, layer)
  return layer
}

function lossOf(description: unknown): Loss {
  const { kind, config } = partsOf('the loss', description)
  const factory = factoryOf(LOSSES, 'loss', kind, again('loss'))
  return made(`the loss ${quote(kind)}`, () => factory(config))
}

function optimizerOf(description: unknown): Optimizer {
  const { kind, config, learningRate } = partsOf('the optimizer', description)
  const factory = factoryOf(OPTIMIZERS, 'optimizer', kind, again('optimizer'))
  if (learningRate === null) {
    throw new FileError(`loadModel: the learning rate of ${kind} was a function; ${again('optimizer')}`)
  }
  return made(`the optimizer ${quote(kind)}`, () => factory({ ...config, learningRate: rateOf(learningRate) }))
}

function rateOf(description: unknown): number | Schedule {
  if (typeof description === 'number') return description
  if (description === null) {
    throw new FileError(`loadModel: a schedule within warmup was a function; ${again('optimizer')}`)
  }
  const { kind, config } = partsOf('the learning rate', description)
  const factory = factoryOf(SCHEDULES, 'schedule', kind, again('optimizer'))
  return made(`the schedule ${quote(kind)}`, () => factory(config))
}

/**
 * The model of a file that Model.save or Model.checkpoint wrote: its network, options, loss, optimizer, weights and
 * metadata, without any code of the network. It predicts the same bits. `options` are those of createModel, but for
 * `input`, and go before those of the file; layers that are not of this library are made by `layers`.
 *
 *     const model = await loadModel(bytes, { inference: true })
 *     const { data } = model.predict(x, { probabilities: true })
 *     model.metadata.classes   // what save was given
 *
 * Throws a FileError where the file is damaged, holds weights alone, has a layer, a loss or a schedule that must be given
 * again (it says which), or wants gigabytes beyond its own size while `batch` is not given; a PlanError where an option
 * given here is wrong.
 */
export async function loadModel<D extends DType = DType, I extends boolean = false>(
  bytes: Uint8Array | ArrayBuffer,
  options: LoadModelOptions<D, I> = {},
): Promise<Model<AbilitiesOf<Loss, Optimizer, I>, D>> {
  checkArguments('loadModel', arguments, 2)
  const { layers = {}, ...told } = checkOptions('loadModel', options, [
    ...MODEL_OPTIONS.filter((name) => name !== 'input'),
    'layers',
  ])
  const file = readFile(bytes)
  const { network, loss, optimizer, options: planned = {}, lost } = architectureIn(file.metadata[ARCHITECTURE])
  const metadata = ownIn('loadModel', file.metadata)
  if (typeof lost === 'string') {
    throw new FileError(
      `loadModel: the network could not be written down, since its config holds ${brief(lost)}; create the model with ` +
        'createModel, then model.load(bytes)',
    )
  }
  const layer = layerOf(network, checkFactories(layers))
  const ofFile = optionsIn(planned)
  if (!('loss' in told) && given(loss) !== undefined) ofFile.loss = lossOf(loss)
  const { inference } = { ...ofFile, ...told }
  if (!('optimizer' in told) && !inference && given(optimizer) !== undefined) ofFile.optimizer = optimizerOf(optimizer)
  const blueprint = planFile<D>(layer, ofFile, told)
  const wanted = new Map([...blueprint.parameters, ...blueprint.buffers].map(({ name, shape }) => [name, shape]))
  const tensors = weightsIn(file, (name) => wanted.has(name))
  // Before there is any memory: a file asks for no more than it has.
  for (const [name, shape] of wanted) {
    const stored = tensors.get(name)
    if (stored?.shape.join() === shape.join()) continue
    const has = stored ? `has ${quote(name)} as (${few(stored.shape)})` : `has no ${quote(name)}`
    throw new FileError(`loadModel: the file ${has}, but its network wants (${few(shape)})`)
  }
  const { memory, batch } = blueprint
  if (told.batch === undefined && memory.total > MOST_BESIDE + MOST_PER_BYTE * bytes.byteLength) {
    throw new FileError(
      `loadModel: the model of the file wants ${(memory.total / 2 ** 30).toFixed(1)} GiB for batches of ${batch}; say ` +
        `loadModel(bytes, { batch: ${batch} }) if that is meant, or a smaller one`,
    )
  }
  return buildModel<AbilitiesOf<Loss, Optimizer, I>, D>(blueprint, (core) => {
    made('a number', () => fillConstants(core, blueprint))
    core.metadata = metadata
    // Whoever saved numbers that are not finite said so.
    loadTensors(core, tensors, true, true)
  })
}

/** The options of createModel in a file; what computes, and on what, is not its business. */
function optionsIn(planned: unknown): Planned {
  const names = MODEL_OPTIONS.filter((name) => !['loss', 'optimizer', 'backend', 'wasm', 'threads'].includes(name))
  return made('the model', () => ({ ...checkOptions('options', planned as object, names) })) as Planned
}

/** The plan of a model by a file and by its reader. A FileError where the file alone could not be planned either. */
function planFile<D extends DType>(layer: Layer, ofFile: Planned, told: LoadModelOptions): Blueprint<D> {
  try {
    return planModel<D>('loadModel', layer, { ...ofFile, ...told } as ModelOptions<any, any, boolean, D>)
  } catch (cause) {
    made('the model', () => planModel('loadModel', layer, ofFile as ModelOptions))
    throw cause
  }
}

/** The factories of others, each of which is a function. */
function checkFactories(layers: unknown): Readonly<Record<string, LayerFactory>> {
  return readSafely('loadModel', 'layers', () => {
    if (!isPlain(layers)) {
      throw new PlanError(`loadModel: layers must be an object { kind: (config) => layer }, got ${show(layers)}`)
    }
    for (const [kind, factory] of Object.entries(layers)) {
      callable('loadModel.layers', kind, factory, 'a function that makes a layer from its config')
    }
    return layers as Record<string, LayerFactory>
  })
}

/** What a model file says of itself. */
function architectureIn(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) {
    throw new FileError(
      'loadModel: the file holds weights alone; create the model with createModel, then model.load(bytes)',
    )
  }
  const architecture = made('the network', () => JSON.parse(text) as unknown)
  if (isPlain(architecture)) return architecture as Record<string, unknown>
  throw new FileError(`loadModel: the network of the file must be an object, got ${show(architecture)}`)
}
