// From a model file back to a model.

import type { ByName } from '../data/named'
import {
  FileError,
  PlanError,
  brief,
  callable,
  checkArguments,
  checkOptions,
  few,
  given,
  isPlain,
  quote,
  readSafely,
  show,
} from '../errors'
import { readFile } from '../io/safetensors'
import type { Optimizer } from '../optimizers/optimizer'
import type { Layer, Loss } from '../plan/layer'
import type { DType } from '../tensor'
import type { AbilitiesOf } from './abilities'
import { ARCHITECTURE, ownIn } from './architecture'
import { weightsIn } from './checkpoint'
import { buildModel, fillConstants } from './create'
import { type Imported, imported } from './imported'
import type { Model } from './model'
import { type AnyOptions, type Blueprint, MODEL_OPTIONS, type ModelOptions, planModel } from './options'
import { type LayerFactory, type Reader, layerOf, lossesOf, made, optimizerOf } from './registry'
import { loadTensors } from './weights'

/** Options of createModel, of which those of the file hold unless given, and what the file cannot hold. */
export interface LoadModelOptions<
  D extends DType = DType,
  I extends boolean = boolean,
  Out extends string = never,
> extends Partial<Omit<ModelOptions<ByName<Out, Loss> | undefined, Optimizer | undefined, I, D>, 'input'>> {
  /** What makes the layers that are not of this library, by their kind; goes before those of the library. */
  layers?: Readonly<Record<string, LayerFactory>>
}

/** What createModel is told, of a file. */
type Planned = Partial<AnyOptions>

/** Bytes that a model may want, beside so many for each of its file, before its reader says for how many rows. */
const MOST_BESIDE = 2 ** 30
const MOST_PER_BYTE = 64

/** How the description in a file is read. */
function readerOf(where: string, layers: Readonly<Record<string, LayerFactory>>): Reader {
  return {
    where,
    from: ' of the file',
    Fault: FileError,
    cure(part, kind) {
      if (part === 'layer') return `hand it in: ${where}(bytes, { layers: { ${quote(kind)}: (config) => ... } })`
      const option = part === 'loss' ? 'loss' : 'optimizer'
      return `give it again: loadModel(bytes, { ${option} }), or ${option}: null for a model without`
    },
    // The weights of a file come after the first ones, so that those may be anything.
    initializer: (kind, config) => ({ kind, config, fill: (values) => void values.fill(0) }),
    layers,
  }
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
 * given here is wrong. Layers are known by their `kind` alone: one of your own must not have that of one of this library.
 */
export async function loadModel<
  D extends DType = DType,
  I extends boolean = false,
  In extends string = never,
  Out extends string = never,
>(
  bytes: Uint8Array | ArrayBuffer,
  options: LoadModelOptions<D, I, NoInfer<Out>> = {},
): Promise<Model<AbilitiesOf<Loss, Optimizer, I>, D, In, Out>> {
  checkArguments('loadModel', arguments, 2)
  const { layers = {}, ...told } = checkOptions('loadModel', options, [
    ...MODEL_OPTIONS.filter((name) => name !== 'input'),
    'layers',
  ])
  const { file, reader, layer, description } = opened('loadModel', bytes, layers)
  const { loss, optimizer, options: planned = {} } = description
  const metadata = ownIn('loadModel', file.metadata)
  const ofFile = optionsIn(reader, planned)
  if (!('loss' in told) && given(loss) !== undefined) ofFile.loss = lossesOf(reader, loss)
  const { inference } = { ...ofFile, ...told }
  if (!('optimizer' in told) && !inference && given(optimizer) !== undefined) {
    ofFile.optimizer = optimizerOf(reader, optimizer)
  }
  const blueprint = planFile<D>(reader, layer, ofFile, told as Planned)
  const tensors = tensorsOf(reader, file, blueprint)
  const { memory, batch } = blueprint
  if (told.batch === undefined && memory.total > MOST_BESIDE + MOST_PER_BYTE * bytes.byteLength) {
    throw new FileError(
      `loadModel: the model of the file wants ${(memory.total / 2 ** 30).toFixed(1)} GiB for batches of ${batch}; say ` +
        `loadModel(bytes, { batch: ${batch} }) if that is meant, or a smaller one`,
    )
  }
  return buildModel<AbilitiesOf<Loss, Optimizer, I>, D, In, Out>(blueprint, (core) => {
    made(reader, 'a number', () => fillConstants(core, blueprint))
    core.metadata = metadata
    // Whoever saved numbers that are not finite said so.
    loadTensors(core, tensors, true, true)
  })
}

/**
 * The network of a model file and its weights, without the model: for headless, transfer, or a part of a larger network.
 * `layers` makes those that are not of this library, as for loadModel.
 *
 *     const { network, weights } = readModel(bytes)
 *     const body = headless(network)
 *     const model = await transfer({ body, weights, head: dense(3), input: [4], loss, optimizer })
 *
 * Throws a FileError where loadModel would.
 */
export function readModel<In extends string = never, Out extends string = never>(
  bytes: Uint8Array | ArrayBuffer,
  options: Pick<LoadModelOptions, 'layers'> = {},
): Imported<In, Out> {
  checkArguments('readModel', arguments, 2)
  const { layers = {} } = checkOptions('readModel', options, ['layers'])
  const { file, reader, layer, description } = opened('readModel', bytes, layers)
  const { input } = optionsIn(reader, description.options ?? {})
  const blueprint = planFile(reader, layer, { input }, { inference: true, batch: 1 })
  const tensors = tensorsOf(reader, file, blueprint)
  const names = [...blueprint.parameters, ...blueprint.buffers].map(({ name }) => name)
  const weights = names.map((name) => {
    const { shape, decode } = tensors.get(name)!
    return [name, { shape, data: decode() }]
  })
  const parts = { network: layer, input, weights: Object.fromEntries(weights) as Imported['weights'] }
  return imported('readModel', parts as Omit<Imported<In, Out>, 'load'>)
}

/** A model file, and its network. */
function opened(where: string, bytes: unknown, layers: unknown) {
  const file = readFile(bytes as Uint8Array)
  const reader = readerOf(where, checkFactories(where, layers))
  const description = architectureIn(reader, file.metadata[ARCHITECTURE])
  if (typeof description.lost === 'string') {
    throw new FileError(
      `${where}: the network could not be written down, since its config holds ${brief(description.lost)}; create the ` +
        'model with createModel, then model.load(bytes)',
    )
  }
  return { file, reader, layer: layerOf(reader, description.network), description }
}

/** The tensors of a file, which has all that its network wants. */
function tensorsOf({ where }: Reader, file: ReturnType<typeof readFile>, { parameters, buffers }: Blueprint) {
  const wanted = new Map([...parameters, ...buffers].map(({ name, shape }) => [name, shape]))
  const tensors = weightsIn(file, (name) => wanted.has(name))
  // Before there is any memory: a file asks for no more than it has.
  for (const [name, shape] of wanted) {
    const stored = tensors.get(name)
    if (stored?.shape.join() === shape.join()) continue
    const has = stored ? `has ${quote(name)} as (${few(stored.shape)})` : `has no ${quote(name)}`
    throw new FileError(`${where}: the file ${has}, but its network wants (${few(shape)})`)
  }
  return tensors
}

/** The options of createModel in a file; what computes, and on what, is not its business. */
function optionsIn(reader: Reader, planned: unknown): Planned {
  const names = MODEL_OPTIONS.filter((name) => !['loss', 'optimizer', 'backend', 'wasm', 'threads'].includes(name))
  return made(reader, 'the model', () => ({ ...checkOptions('options', planned as object, names) })) as Planned
}

/** The plan of a model by a file and by its reader. A FileError where the file alone could not be planned either. */
function planFile<D extends DType>(reader: Reader, layer: Layer, ofFile: Planned, told: Planned): Blueprint<D> {
  try {
    return planModel<D>(reader.where, layer, { ...ofFile, ...told } as AnyOptions<D>)
  } catch (cause) {
    made(reader, 'the model', () => planModel(reader.where, layer, ofFile as AnyOptions))
    throw cause
  }
}

/** The factories of others, each of which is a function. */
function checkFactories(where: string, layers: unknown): Readonly<Record<string, LayerFactory>> {
  return readSafely(where, 'layers', () => {
    if (!isPlain(layers)) {
      throw new PlanError(`${where}: layers must be an object { kind: (config) => layer }, got ${show(layers)}`)
    }
    for (const [kind, factory] of Object.entries(layers)) {
      callable(`${where}.layers`, kind, factory, 'a function that makes a layer from its config')
    }
    return layers as Record<string, LayerFactory>
  })
}

/** What a model file says of itself. */
function architectureIn(reader: Reader, text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) {
    throw new FileError(
      `${reader.where}: the file holds weights alone; create the model with createModel, then model.load(bytes)`,
    )
  }
  const architecture = made(reader, 'the network', () => JSON.parse(text) as unknown)
  if (isPlain(architecture)) return architecture as Record<string, unknown>
  throw new FileError(`${reader.where}: the network of the file must be an object, got ${show(architecture)}`)
}
