// From a TensorFlow.js layers model to a network of our layers.

import {
  FileError,
  PlanError,
  brief,
  checkArguments,
  checkOptions,
  count,
  few,
  flag,
  quote,
  readSafely,
  show,
} from '../../errors'
import { type Imported, imported } from '../../model/imported'
import type { InputShape } from '../../model/options'
import type { At, Handler } from './at'
import { configOf } from './config'
import { type Json, type TfjsWeights, WHERE, fail, member, readJson, readWeights, topologyOf } from './file'
import { ACTIVATIONS } from './layers/activations'
import { CORE } from './layers/core'
import { MERGES } from './layers/merge'
import { RECURRENT, timeDistributed } from './layers/recurrent'
import { SCALES } from './layers/scale'
import { WINDOWS } from './layers/windows'
import { type Finder, createFinder } from './stored'
import { type Node, type Ref, type Topology, readTopology, stepsOf } from './topology'
import { type Builder, type Shape, type Value, createBuilder, isInput, uniqueNames } from './values'

const PLAIN: Readonly<Record<string, Handler>> = {
  ...CORE,
  ...WINDOWS,
  ...ACTIVATIONS,
  ...SCALES,
  ...MERGES,
  ...RECURRENT,
}

/** What reads the layers of a class. */
export const HANDLERS: Readonly<Record<string, Handler>> = { ...PLAIN, TimeDistributed: timeDistributed(PLAIN) }

/** What fromTfjs takes. */
export interface FromTfjsOptions {
  /**
   * The name of a layer: the network ends there, and what comes behind it is not read, such as the head of a classifier.
   * Within models of models 'outer/inner', where the name alone would say several. All of the model unless given.
   */
  until?: string
  /**
   * Whether a softmax or a sigmoid at the end, if there is one, is left out, so that the network ends in scores, as softmaxCrossEntropy and
   * binaryCrossEntropy want them: predict(x, { probabilities: true }) has it back. false unless given.
   */
  scores?: boolean
}

/**
 * Reads a layers model of TensorFlow.js (format 'layers-model'), as its `save` and tensorflowjs_converter write it, of
 * Keras 2 and of Keras 3: a network of our layers, trainable, and its weights. `modelJson` is the content of model.json,
 * text, bytes or an object; `weights` are the bytes of the weights file, of several in an array as the manifest lists
 * them, or by their paths in an object or a Map. What an IO handler of TensorFlow.js gives (`{ modelTopology, weightSpecs,
 * weightData }`) is read as it is, without `weights`. Quantised weights are read as well.
 *
 *     const read = fromTfjs(modelJson, weights, { scores: true })
 *     const model = await createModel(read.network, { input: read.input!, loss: softmaxCrossEntropy(), optimizer })
 *     read.load(model)
 *
 * Images go in, and come out, with their channels first: [224, 224, 3] is [3, 224, 224] here, which channelsFirst of
 * v128/data makes of pixels. Sequences stay (steps, features). An input that an embedding reads is of whole numbers. Names
 * of layers stay; those of weights are PyTorch's, `conv1.weight`. What works in training only and that we have not, such as
 * GaussianNoise, is left out, with a note on the console. A batch norm without scale, or without center, has weights of 1,
 * or of 0, that training changes.
 *
 * Throws a FileError where the file is damaged, and where it has a layer that cannot be expressed: with its name, its
 * class, and what to do. A PlanError where what is given is none of these, or there is no layer `until`.
 */
export function fromTfjs<In extends string = never, Out extends string = never>(
  modelJson: unknown,
  weights?: TfjsWeights,
  options: FromTfjsOptions = {},
): Imported<In, Out> {
  checkArguments(WHERE, arguments, 3)
  const { until, scores = false } = checkOptions(WHERE, options, ['until', 'scores'])
  if (until !== undefined && typeof until !== 'string')
    throw new PlanError(`${WHERE}: until must be the name of a layer, got ${show(until)}`)
  flag(WHERE, 'scores', scores)
  const json = readJson(modelJson)
  // An object that no JSON is, such as a list with a constructor of its own, may fail anywhere.
  return readSafely(WHERE, 'the model', () => networkOf<In, Out>(json, weights, until, scores), FileError)
}

function networkOf<In extends string, Out extends string>(
  json: Json,
  weights: TfjsWeights | undefined,
  until: string | undefined,
  scores: boolean,
): Imported<In, Out> {
  const { model, writer, keras } = topologyOf(json)
  const topology = readTopology(model)
  const find = createFinder(readWeights(json, weights))
  const names = namesOf(topology)
  const dialect = /tfjs-layers|TensorFlow\.js/i.test(writer) ? 'tfjs' : keras.startsWith('3') ? 'keras 3' : 'keras'
  const end = until === undefined ? undefined : pathTo(topology, until, names)
  const builder = createBuilder(
    new Set([...names].filter(([node]) => !isTopInput(topology, node)).map(([, name]) => name)),
  )
  const walk: Walk = { builder, find, names, dialect, steps: 0 }
  const given = topology.inputs.map((ref) => inputOf(topology, ref, walk))
  const values = walkModel(topology, given, walk, [], end)
  const refs = end ? [{ layer: end.at(-1)!.name }] : topology.outputs
  const outputs = new Map<string, Value>()
  const outputName = uniqueNames([])
  refs.forEach(({ layer }, i) => {
    const name = outputName(clean(layer))
    const value = scores ? withoutEnd(values[i]) : values[i]
    outputs.set(name, builder.turned(value, value.shape.length === 3, name))
  })
  let finished: ReturnType<Builder['finish']>
  try {
    finished = builder.finish(outputs)
  } catch (cause) {
    throw cause instanceof PlanError ? fail(cause.message, cause) : cause
  }
  const { network, inputs } = finished
  const unread = given.find(({ from }) => isInput(from) && !inputs.some(({ name }) => name === from.name))
  if (unread && !end && topology.inputs.length > 1)
    throw fail(`nothing in the model reads the input ${quote((unread.from as { name: string }).name)}`)
  const shapes = inputs.map(({ name, shape, ids }): [string, InputShape | undefined] => {
    const here = shape.length === 3 ? [shape[2], shape[0], shape[1]] : shape
    if (!here.every((size): size is number => size !== null)) return [name, undefined]
    return [name, ids ? { shape: here, dtype: 'int32' } : here]
  })
  const isOpen = shapes.some(([, shape]) => shape === undefined)
  const input = isOpen ? undefined : shapes.length === 1 ? shapes[0][1] : Object.fromEntries(shapes)
  const used = usedBy(network)
  const kept = [...builder.weights].filter(([name]) => used.has(name.slice(0, name.indexOf('.'))))
  // Names of inputs and outputs are the file's: only who calls knows them.
  return imported<In, Out>(WHERE, {
    network: network as unknown as Imported<In, Out>['network'],
    input: input as Imported<In, Out>['input'],
    weights: Object.fromEntries(kept),
  })
}

/** The names of the layers of a graph. */
function usedBy({ children = [] }: Pick<Imported['network'], 'children'>): Set<string> {
  return new Set(children.map(([name]) => name))
}

/** What the walk through a model needs, and how far it is. */
interface Walk {
  readonly builder: Builder
  readonly find: Finder
  readonly names: ReadonlyMap<Node, string>
  readonly dialect: At['dialect']
  steps: number
}

/** As the name of a layer here may be: without dots, and not too long. */
function clean(name: string): string {
  return name.replaceAll('.', '_').slice(0, 100) || 'layer'
}

/** All layers with their names here: their own, or with that of the model around them, where several have it. */
function namesOf(topology: Topology): Map<Node, string> {
  const found: { node: Node; path: string }[] = []
  const visit = ({ nodes }: Topology, path: string) => {
    for (const node of nodes.values()) {
      found.push({ node, path: `${path}${node.name}` })
      if (node.inner) visit(node.inner, `${path}${node.name}/`.slice(-400))
    }
  }
  visit(topology, '')
  const times = new Map<string, number>()
  for (const { node } of found) times.set(clean(node.name), (times.get(clean(node.name)) ?? 0) + 1)
  const unique = uniqueNames([])
  return new Map(
    found.map(({ node, path }) => {
      const own = clean(node.name)
      return [node, unique(times.get(own) === 1 ? own : clean(path))]
    }),
  )
}

function isTopInput({ nodes }: Topology, node: Node): boolean {
  return node.className === 'InputLayer' && nodes.get(node.name) === node
}

/** The layers from the outermost model to the one of that name. */
function pathTo(topology: Topology, until: string, names: ReadonlyMap<Node, string>): Node[] {
  const found: Node[][] = []
  const visit = ({ nodes }: Topology, above: readonly Node[]) => {
    for (const node of nodes.values()) {
      const path = [...above, node]
      if (node.name === until || path.map(({ name }) => name).join('/') === until) found.push(path)
      if (node.inner) visit(node.inner, path)
    }
  }
  visit(topology, [])
  if (found.length === 1) return found[0]
  const texts = found.length
    ? found.map((path) => path.map(({ name }) => name).join('/'))
    : [...names.keys()].map(({ name }) => name)
  const problem = found.length ? 'is the name of several layers' : 'is the name of no layer'
  throw new PlanError(
    `${WHERE}: until ${quote(until)} ${problem}; there are ${few(found.length ? texts : texts.slice(-8))}`,
  )
}

/** The first shape that a model says of its input, without the batch. */
function shapeIn(node: Node, depth = 0): Shape {
  const shape = ['batch_input_shape', 'batchInputShape', 'batch_shape', 'batchShape']
    .map((name) => member(node.config, name))
    .find((one) => one !== undefined && one !== null)
  const isSize = (size: unknown) =>
    size === null || (Number.isSafeInteger(size) && (size as number) >= 1 && (size as number) <= 2 ** 30)
  if (Array.isArray(shape) && shape.length > 1 && shape.length <= 16 && shape.slice(1).every(isSize))
    return shape.slice(1) as Shape
  if (shape === undefined && node.inner && depth < 100) {
    const [ref] = node.inner.inputs
    const first = node.inner.nodes.get(ref.layer)
    if (first) return shapeIn(first, depth + 1)
  }
  throw fail(
    `the layer ${quote(node.name)} (${brief(node.className)}), an input, must have a batch_input_shape, got ${show(shape)}`,
  )
}

function inputOf({ nodes }: Topology, { layer }: Ref, { builder, names }: Walk): Value {
  const node = nodes.get(layer)
  if (!node) throw fail(`the input ${quote(layer)} is none of the layers of the model`)
  const shape = shapeIn(node)
  const isLayer = node.className === 'InputLayer'
  const name = isLayer ? names.get(node)! : `${names.get(node)!}_input`
  const input = { name, shape, ids: false }
  builder.inputs.push(input)
  return { from: input, shape, first: shape.length === 3 }
}

/** Calls of layers in all, at most: models within models, each used twice, may make of few layers very many. */
const MOST_STEPS = 20_000

/** What a model gives on these inputs; or, with `end`, what the last of those layers gives, one within the other. */
function walkModel(
  topology: Topology,
  given: readonly Value[],
  walk: Walk,
  above: readonly Node[],
  end?: readonly Node[],
): Value[] {
  const values = new Map<string, Value[]>()
  const keyOf = ({ layer, call }: { layer: string; call: number }) => `${call} ${layer}`
  topology.inputs.forEach((ref, i) => {
    const node = topology.nodes.get(ref.layer)
    if (node?.className === 'InputLayer') values.set(keyOf(ref), [given[i]])
  })
  const wanted: readonly Ref[] = end ? [{ layer: end[0].name, call: 0, tensor: 0 }] : topology.outputs
  const valueOf = ({ layer, call, tensor }: Ref): Value => {
    const value = values.get(keyOf({ layer, call }))?.[tensor]
    if (value) return value
    throw fail(`output ${tensor} of the layer ${quote(layer)} is read, which it does not give here`)
  }
  for (const { node, call } of stepsOf(topology, wanted)) {
    if (++walk.steps > MOST_STEPS) throw fail(`the layers of the model are used more than ${MOST_STEPS} times`)
    const key = keyOf({ layer: node.name, call })
    if (values.has(key)) continue
    if (node.className === 'InputLayer')
      throw fail(`the InputLayer ${quote(node.name)} is none of the inputs of the model`)
    const read = (node.calls[call] ?? []).map(valueOf)
    // The first layer of a Sequential reads what that reads.
    const isFirst = topology.inputs.some(({ layer }) => layer === node.name)
    const inputs = read.length || !isFirst ? read : given
    if (node.inner) {
      if (inputs.length !== node.inner.inputs.length) {
        throw fail(
          `the model ${quote(node.name)} within it takes ${count(node.inner.inputs.length, 'input')}, got ${inputs.length}`,
        )
      }
      const deeper = end && end[0] === node ? end.slice(1) : []
      values.set(key, walkModel(node.inner, inputs, walk, [...above, node], deeper.length ? deeper : undefined))
    } else values.set(key, [readLayer(node, inputs, walk, above)])
  }
  return wanted.map((ref) => {
    // What lies deeper is all that a model gives then.
    if (end && end.length > 1) return values.get(keyOf(ref))![0]
    return valueOf(ref)
  })
}

/** Layers that take several values. */
const JOINS = new Set(Object.keys(MERGES))

function readLayer(node: Node, inputs: readonly Value[], walk: Walk, above: readonly Node[]): Value {
  const { className, config, name } = node
  const failed = (problem: string, cause?: unknown) => {
    const where = above.length ? ` within ${quote(above.map((one) => one.name).join('/'))}` : ''
    return fail(`the layer ${quote(name)} (${brief(className)})${where}: ${problem}`, cause)
  }
  const handler = Object.hasOwn(HANDLERS, className) ? HANDLERS[className] : undefined
  if (!handler) {
    throw failed(
      'there is no such layer here; until: takes the part before it, or replace it in the model and save that again',
    )
  }
  if (!inputs.length || (inputs.length > 1 && !JOINS.has(className))) {
    throw failed(`takes one input, got ${inputs.length}`)
  }
  const inner = member(member(config, 'layer'), 'config')
  const innerName = member(inner, 'name')
  const own = typeof innerName === 'string' ? innerName : undefined
  const around = above.map((one) => one.name)
  const at: At = {
    name: walk.names.get(node)!,
    config: configOf(config, (problem) => failed(problem)),
    builder: walk.builder,
    dialect: walk.dialect,
    fail: failed,
    stored(variables, place) {
      const direction = /^(?:forward|backward)_/.exec(variables[0])?.[0]
      if (!direction) return walk.find(own === undefined ? [name] : [name, own], around, variables, place)
      const plain = variables.map((variable) => variable.slice(direction.length))
      const cell = own === undefined ? [] : [`${direction}${own}`]
      return (
        walk.find([...cell, `${direction}layer`], [...around], plain, place) ?? walk.find([name], around, [], place)
      )
    },
  }
  try {
    return handler(at, inputs[0], ...inputs.slice(1))
  } catch (cause) {
    // What a layer of ours says of a setting: of which layer of the file that is.
    if (cause instanceof PlanError && !(cause instanceof FileError)) throw failed(cause.message, cause)
    throw cause
  }
}

/** What the softmax or sigmoid at the end reads, if there is one. */
function withoutEnd(value: Value): Value {
  const { from } = value
  const kind = isInput(from) ? '' : from.layer.kind
  if (kind !== 'softmax' && kind !== 'sigmoid') return value
  return { ...value, from: (from as { of: readonly Value['from'][] }).of[0] }
}
