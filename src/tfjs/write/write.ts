// From a model of ours to a layers model of TensorFlow.js: model.json and one file of weights.

import { PlanError, checkArguments, checkOptions, flag } from '../../errors'
import type { AnyModel } from '../../model/core-of'
import { coreOf } from '../../model/core-of'
import type { Layer, Network } from '../../plan/layer'
import { product } from '../../tensor'
import type { Core } from '../../training/core'
import { weightsOf } from '../../training/state'
import { settle } from '../../training/step'
import {
  type At,
  type Draft,
  type KerasLayer,
  type Out,
  WHERE,
  type Writer,
  emit,
  failure,
  last,
  moved,
  same,
} from './at'
import { JOINS } from './layers/joins'
import { PLAIN, REFUSED } from './layers/plain'
import { RECURRENT } from './layers/recurrent'
import { WINDOWS } from './layers/windows'

const WRITERS: Readonly<Record<string, Writer>> = { ...PLAIN, ...WINDOWS, ...RECURRENT, ...JOINS }

/** Layers of layers, which are written as what they are made of. */
const COMPOSITES = ['freeze', 'graph', 'residual', 'sequential']

/** What is decided about each kind of layer: it is written, taken apart, or refused. */
export const DECISIONS: Readonly<Record<string, 'written' | 'apart' | 'refused'>> = {
  ...Object.fromEntries(Object.keys(WRITERS).map((kind) => [kind, 'written' as const])),
  ...Object.fromEntries(COMPOSITES.map((kind) => [kind, 'apart' as const])),
  ...Object.fromEntries(Object.keys(REFUSED).map((kind) => [kind, 'refused' as const])),
}

/** What toTfjs takes. */
export interface ToTfjsOptions {
  /**
   * Whether the model there ends in probabilities, by a softmax or a sigmoid behind its scores, as the loss says: what
   * Teachable Machine and most programs expect. false unless given.
   */
  probabilities?: boolean
}

/** A layers model: see toTfjs. */
export interface TfjsModel {
  /** What is in model.json, as JSON.stringify writes it. */
  readonly modelJson: {
    /** Of layers, not of operators. */
    readonly format: 'layers-model'
    /** This library. */
    readonly generatedBy: string
    /** Nobody. */
    readonly convertedBy: null
    /** The layers: { class_name, config }. */
    readonly modelTopology: object
    /** The weights in the order of the file. */
    readonly weightsManifest: readonly [
      {
        /** The name of the file. */
        readonly paths: readonly [string]
        /** What is in it. */
        readonly weights: {
          /** Such as conv1/kernel. */
          name: string
          /** Channels last. */
          shape: number[]
          /** All are. */
          dtype: 'float32'
        }[]
      },
    ]
  }
  /** The bytes of the file that stands beside it, under the name in modelJson, 'weights.bin'. */
  readonly weights: Uint8Array<ArrayBuffer>
}

/**
 * Writes a model for TensorFlow.js: the content of model.json, and of the file weights.bin beside it, which
 * `tf.loadLayersModel` loads and which predict the same, in float32. Sequential where one layer follows the other, a
 * functional model otherwise.
 *
 *     const { modelJson, weights } = toTfjs(model, { probabilities: true })
 *     await saveFile('model.json', new TextEncoder().encode(JSON.stringify(modelJson)))
 *     await saveFile('weights.bin', weights)
 *
 * Images have their channels last there: an input of [3, 224, 224] is [224, 224, 3]; so is an output. An input of (C, T)
 * that goes into conv1d or a pool of sequences is (T, C); all others are as here. Frozen layers are not trainable there.
 * What normalize and positions add and multiply is not trained there; in training, TensorFlow.js takes the variance of a
 * batch as we do.
 *
 * Throws a PlanError that names the layer where TensorFlow.js has none of its kind or setting: gru, attention, groupNorm,
 * groups of channels other than depthwise, bilinear upsampling, pools with borders unlike 'same', stateful layers.
 */
export function toTfjs(model: AnyModel, options: ToTfjsOptions = {}): TfjsModel {
  checkArguments(WHERE, arguments, 2)
  const core = coreOf(WHERE, model)
  const { probabilities = false } = checkOptions(WHERE, options, ['probabilities'])
  flag(WHERE, 'probabilities', probabilities)
  settle(WHERE, core)
  const { network, options: plain } = core.origin
  const draft: Draft = { layers: [], names: new Set(), shared: new Map() }
  const names = core.names.inputs
  const inputs = (names.length ? names : ['input']).map((name) => {
    const given = (names.length ? (plain.input as Record<string, unknown>)[name] : plain.input) as
      { shape?: number[] } | number[]
    const shape = Array.isArray(given) ? given : given.shape!
    return inputOf(draft, name, shape, isMovedBy(network, name))
  })
  const walk: Walk = { core, draft, weights: weightsOf(core) }
  const outs = walkLayer(walk, '', network, inputs, false)
  const outputs = outs.map((out, i) => ending(walk, out, core.names.outputs[i], probabilities, i))
  return filesOf(draft, inputs, outputs)
}

interface Walk {
  readonly core: Core
  readonly draft: Draft
  readonly weights: ReturnType<typeof weightsOf>
}

/** Whether the first layer behind an input slides along (C, T), so that Keras wants (T, C). */
function isMovedBy(network: Layer | Network<string, string>, id: string): boolean {
  const { kind, children = [], wiring } = network
  if (/^(conv|maxPool|avgPool)1d$/.test(kind)) return true
  if (wiring) {
    const use = wiring.uses.find(({ of }) => of.includes(wiring.inputs.length === 1 ? wiring.inputs[0] : id))
    return use !== undefined && isMovedBy(children[use.child][1], id)
  }
  return children.length > 0 && isMovedBy(children[0][1], id)
}

function inputOf(draft: Draft, name: string, shape: readonly number[], sliding: boolean): Out {
  const plain = name.replace(/[^\w-]/g, '_')
  const own = /^[A-Za-z]/.test(plain) ? plain : `input_${plain}`
  draft.names.add(own)
  const isMoved = shape.length === 3 || (shape.length === 2 && sliding)
  const batch_input_shape = [null, ...(isMoved ? last(shape) : shape)]
  // Of ids as well: the first layer of a Sequential has weights of this type.
  const config = { name: own, trainable: true, batch_input_shape, dtype: 'float32', sparse: false }
  const from: KerasLayer = { className: 'InputLayer', config, calls: [], weights: [] }
  draft.layers.push(from)
  return { from, call: 0, shape, moved: isMoved }
}

/** Writes a layer, or those that it is made of; gives its outputs. */
function walkLayer(
  walk: Walk,
  path: string,
  layer: Layer | Network<string, string>,
  inputs: readonly Out[],
  frozen: boolean,
): Out[] {
  const { kind, children, wiring } = layer
  const isFrozen = frozen || kind === 'freeze'
  const inside = (name: string) => [path, name].filter(Boolean).join('.')
  if (wiring && children) {
    const values = new Map(wiring.inputs.map((id, i): [string, Out] => [id, inputs[i]]))
    for (const { id, child, of } of wiring.uses) {
      const [name, one] = children[child]
      const [out] = walkLayer(
        walk,
        inside(name),
        one,
        of.map((from) => values.get(from)!),
        isFrozen,
      )
      values.set(id, out)
    }
    return wiring.outputs.map((id) => values.get(id)!)
  }
  if (children && Object.hasOwn(DECISIONS, kind)) {
    return children.reduce((values, [name, one]) => walkLayer(walk, inside(name), one, values, isFrozen), [...inputs])
  }
  const fail = (problem: string) => failure(path, kind, problem)
  if (Object.hasOwn(REFUSED, kind)) throw fail(REFUSED[kind])
  if (!Object.hasOwn(WRITERS, kind)) throw fail('is a layer of your own, which TensorFlow.js does not know')
  const at: At = {
    path,
    layer: layer as Layer,
    config: layer.config,
    trainable: !isFrozen,
    draft: walk.draft,
    weight: (name) => walk.weights[inside(name)],
    fail,
  }
  const [x, ...others] = inputs
  return [WRITERS[kind](at, x, ...others)]
}

/** An output as it is to come out: images with the channels last, all else as ours; under its name, if it has one. */
function ending({ core, draft }: Walk, out: Out, name: string | undefined, probabilities: boolean, at: number): Out {
  const kind = name ?? 'output'
  const of = {
    draft,
    path: kind,
    trainable: true,
    layer: { kind } as Layer,
    config: {},
    weight: () => out as never,
    fail: (problem: string) => failure(kind, 'output', problem),
  }
  let y = out.shape.length === 3 ? moved(of, out) : same(of, out)
  if (probabilities) {
    const { loss } = core.settings
    const own = loss && (name === undefined || 'kind' in loss ? loss : (loss as Record<string, unknown>)[name])
    const activation = (own as { probabilities?: string } | undefined)?.probabilities
    if (!activation) {
      throw new PlanError(
        `${WHERE}: probabilities wants a model whose loss makes some of scores, as softmaxCrossEntropy; leave it out${name === undefined ? '' : ` (output ${at})`}`,
      )
    }
    y = emit({ ...of, path: 'probabilities' }, 'Activation', { activation }, y)
  }
  // Keras calls an output by its layer.
  const isNamed = name === undefined ? y.from.calls.length > 0 : y.from.config.name === name && y.call === 0
  return isNamed ? y : emit(of, 'Activation', { activation: 'linear' }, y)
}

/** As Keras and TensorFlow.js write them. */
function filesOf({ layers }: Draft, inputs: readonly Out[], outputs: readonly Out[]): TfjsModel {
  const needed = new Set<KerasLayer>()
  const visit = [...outputs]
  while (visit.length) {
    const { from } = visit.pop()!
    if (needed.has(from)) continue
    needed.add(from)
    visit.push(...from.calls.flat())
  }
  const used = layers.filter((layer) => needed.has(layer) || layer.className === 'InputLayer')
  const isChain =
    used.length > 1 &&
    inputs.length === 1 &&
    outputs.length === 1 &&
    used.every(({ calls }, i) =>
      i ? calls.length === 1 && calls[0].length === 1 && calls[0][0].from === used[i - 1] : true,
    )
  const place = ({ from, call }: Out) => [from.config.name, call, 0]
  const topology = isChain
    ? { class_name: 'Sequential', config: { name: 'sequential', layers: chainOf(used) } }
    : {
        class_name: 'Model',
        config: {
          name: 'model',
          layers: used.map(({ className, config, calls }) => ({
            class_name: className,
            name: config.name,
            config,
            inbound_nodes: calls.map((call) => call.map((one) => [...place(one), {}])),
          })),
          input_layers: inputs.map(place),
          output_layers: outputs.map(place),
        },
      }
  const weights = used.flatMap((layer) => layer.weights)
  const bytes = new Uint8Array(4 * weights.reduce((sum, { shape }) => sum + product(shape), 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const { data } of weights) {
    for (let i = 0; i < data.length; i++) view.setFloat32(offset + 4 * i, data[i], true)
    offset += 4 * data.length
  }
  return {
    modelJson: {
      format: 'layers-model',
      generatedBy: 'v128',
      convertedBy: null,
      modelTopology: { ...topology, keras_version: 'tfjs-layers 4.22.0', backend: 'tensor_flow.js' },
      weightsManifest: [
        {
          paths: ['weights.bin'],
          weights: weights.map(({ name, shape }) => ({ name, shape: [...shape], dtype: 'float32' })),
        },
      ],
    },
    weights: bytes,
  }
}

/** The first layer has the shape of the input, as TensorFlow.js writes it; an input alone stays a layer. */
function chainOf([{ config: input }, ...layers]: readonly KerasLayer[]) {
  const { batch_input_shape, dtype } = input
  return layers.map(({ className, config }, i) => ({
    class_name: className,
    config: i ? config : { ...config, batch_input_shape, dtype },
  }))
}
