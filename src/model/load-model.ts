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
function readerOf(layers: Readonly<Record<string, LayerFactory>>): Reader {
  return {
    where: 'loadModel',
    from: ' of the file',
    Fault: FileError,
    cure(part, kind) {
      if (part === 'layer') return `hand it in: loadModel(bytes, { layers: { ${quote(kind)}: (config) => ... } })`
      const option = part === 'loss' ? 'loss' : 'optimizer'
      return `give it again: loadModel(bytes, { ${option} }), or ${option}: null for a model without`
    },
    // The weights of a file come after the first ones, so that those may be anything.
    initializer: (kind, config) => ({ kind, config, fill: (values) => void values.fill(0) }),
    layers,
  }
}

const READER = /* @__PURE__ */ readerOf({})

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
  const file = readFile(bytes)
  const { network, loss, optimizer, options: planned = {}, lost } = architectureIn(file.metadata[ARCHITECTURE])
  const metadata = ownIn('loadModel', file.metadata)
  if (typeof lost === 'string') {
    throw new FileError(
      `loadModel: the network could not be written down, since its config holds ${brief(lost)}; create the model with ` +
        'createModel, then model.load(bytes)',
    )
  }
  const reader = readerOf(checkFactories(layers))
  const layer = layerOf(reader, network)
  const ofFile = optionsIn(planned)
  if (!('loss' in told) && given(loss) !== undefined) ofFile.loss = lossesOf(reader, loss)
  const { inference } = { ...ofFile, ...told }
  if (!('optimizer' in told) && !inference && given(optimizer) !== undefined) {
    ofFile.optimizer = optimizerOf(reader, optimizer)
  }
  const blueprint = planFile<D>(layer, ofFile, told as Planned)
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
  return buildModel<AbilitiesOf<Loss, Optimizer, I>, D, In, Out>(blueprint, (core) => {
    made(reader, 'a number', () => fillConstants(core, blueprint))
    core.metadata = metadata
    // Whoever saved numbers that are not finite said so.
    loadTensors(core, tensors, true, true)
  })
}

/** The options of createModel in a file; what computes, and on what, is not its business. */
function optionsIn(planned: unknown): Planned {
  const names = MODEL_OPTIONS.filter((name) => !['loss', 'optimizer', 'backend', 'wasm', 'threads'].includes(name))
  return made(READER, 'the model', () => ({ ...checkOptions('options', planned as object, names) })) as Planned
}

/** The plan of a model by a file and by its reader. A FileError where the file alone could not be planned either. */
function planFile<D extends DType>(layer: Layer, ofFile: Planned, told: Planned): Blueprint<D> {
  try {
    return planModel<D>('loadModel', layer, { ...ofFile, ...told } as AnyOptions<D>)
  } catch (cause) {
    made(READER, 'the model', () => planModel('loadModel', layer, ofFile as AnyOptions))
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
  const architecture = made(READER, 'the network', () => JSON.parse(text) as unknown)
  if (isPlain(architecture)) return architecture as Record<string, unknown>
  throw new FileError(`loadModel: the network of the file must be an object, got ${show(architecture)}`)
}
