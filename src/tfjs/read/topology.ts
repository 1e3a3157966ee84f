// The layers of a Keras model and how they are connected, as TensorFlow.js, Keras 2 and Keras 3 write them.

import { isObject, quote, show } from '../../errors'
import { fail, member } from './file'

/** What a call of a layer gives: the tensor of that number. */
export interface Ref {
  readonly layer: string
  readonly call: number
  readonly tensor: number
}

/** A layer of a model, and what it is called on; a model within a model has a topology of its own. */
export interface Node {
  readonly name: string
  readonly className: string
  readonly config: unknown
  /** What each call reads. Of an input none. */
  readonly calls: readonly (readonly Ref[])[]
  readonly inner: Topology | undefined
}

export interface Topology {
  readonly nodes: ReadonlyMap<string, Node>
  readonly inputs: readonly Ref[]
  readonly outputs: readonly Ref[]
}

const MODELS = new Set<unknown>(['Sequential', 'Model', 'Functional', 'LayersModel'])
/** Layers in all, models within models, and how deep lists are nested that calls are looked for in. */
const MOST_LAYERS = 10_000
const DEEPEST = 50

/** Of { class_name, config }. */
export function readTopology(model: unknown): Topology {
  return modelIn(model, 0, { layers: 0 })
}

function modelIn(model: unknown, depth: number, budget: { layers: number }): Topology {
  const className = textOf(model, 'class_name', 'className')
  if (!MODELS.has(className)) {
    throw fail(
      `wants the model.json of a layers model, { modelTopology: { model_config } }, got one of ${show(className)}`,
    )
  }
  if (depth > DEEPEST) throw fail(`models are nested more than ${DEEPEST} deep`)
  const config = member(model, 'config')
  // Keras 1 and early TensorFlow.js had the layers of a Sequential for its config.
  const layers = Array.isArray(config) ? (config as unknown) : member(config, 'layers')
  if (!Array.isArray(layers) || !layers.length)
    throw fail(`the ${className} has no list of layers, but ${show(layers)}`)
  budget.layers += layers.length
  if (budget.layers > MOST_LAYERS) throw fail(`more than ${MOST_LAYERS} layers`)
  const isChain = className === 'Sequential'
  const nodes = new Map<string, Node>()
  let last: Ref | undefined
  for (const one of layers as unknown[]) {
    const kind = textOf(one, 'class_name', 'className')
    const inside = member(one, 'config')
    const name = textOf(one, 'name') ?? textOf(inside, 'name')
    if (kind === undefined || name === undefined) throw fail(`a layer must be { class_name, config }, got ${show(one)}`)
    if (nodes.has(name)) throw fail(`two layers have the name ${quote(name)}`)
    const inner = MODELS.has(kind) ? modelIn(one, depth + 1, budget) : undefined
    const inbound = member(one, 'inbound_nodes') ?? member(one, 'inboundNodes') ?? []
    const calls = !isChain ? callsOf(name, inbound) : kind === 'InputLayer' ? [] : [last ? [last] : []]
    nodes.set(name, { name, className: kind, config: inside, calls, inner })
    last = { layer: name, call: 0, tensor: 0 }
  }
  if (isChain) {
    const [[first]] = nodes
    return { nodes, inputs: [{ layer: first, call: 0, tensor: 0 }], outputs: [last!] }
  }
  const refs = (snake: string, camel: string) => {
    const found = refsIn(member(config, snake) ?? member(config, camel), 0)
    if (found.length) return found
    throw fail(`the model must have ${snake}, a list of [layer, call, tensor], got ${show(member(config, snake))}`)
  }
  const outputs = refs('output_layers', 'outputLayers')
  const read = [...outputs, ...[...nodes.values()].flatMap(({ calls }) => calls.flat())]
  const most = new Map<string, number>()
  for (const { layer, call } of read) most.set(layer, Math.max(most.get(layer) ?? 0, call))
  for (const [name, node] of nodes) {
    // A model was called once, on its own inputs, when it was made: mostly that counts as call 0.
    const { calls } = node
    if (node.inner && calls.length && most.get(name) === calls.length)
      nodes.set(name, { ...node, calls: [calls[0], ...calls] })
  }
  return { nodes, inputs: refs('input_layers', 'inputLayers'), outputs }
}

function textOf(of: unknown, ...names: string[]): string | undefined {
  const value = names.map((name) => member(of, name)).find((one) => one !== undefined)
  return typeof value === 'string' ? value : undefined
}

/** The tensors that each call of a layer reads. */
function callsOf(name: string, inbound: unknown): Ref[][] {
  if (!Array.isArray(inbound)) throw fail(`the layer ${quote(name)} has inbound_nodes of ${show(inbound)}`)
  return (inbound as unknown[]).map((call) => {
    const extra = Array.isArray(call) && call.some((one) => Object.keys(Object(member(one, '3') ?? {})).length)
    const kwargs = member(call, 'kwargs')
    const named = isObject(kwargs) ? Object.keys(kwargs).filter((key) => member(kwargs, key) !== null) : []
    // Whether it was training, and no mask, is nothing that a layer reads.
    const unknown = named.find((key) => key !== 'training' && refsIn(member(kwargs, key), 0).length)
    if (extra || unknown !== undefined) {
      throw fail(
        `the layer ${quote(name)} reads ${unknown === undefined ? 'more' : quote(unknown)} beside its inputs, ` +
          'such as a mask or a first state, which layers here do not',
      )
    }
    const refs = refsIn(isObject(call) && !Array.isArray(call) ? member(call, 'args') : call, 0)
    if (refs.length) return refs
    throw fail(`the layer ${quote(name)} is called on ${show(call)}, which names no tensors`)
  })
}

/** All [layer, call, tensor] in nested lists, and all __keras_tensor__ of Keras 3. */
function refsIn(value: unknown, depth: number): Ref[] {
  if (depth > DEEPEST) throw fail(`lists of tensors are nested more than ${DEEPEST} deep`)
  if (Array.isArray(value)) {
    const [layer, call, tensor] = value as unknown[]
    if (typeof layer === 'string') {
      const isPlace = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= 0
      if (isPlace(call) && isPlace(tensor)) return [{ layer, call: call as number, tensor: tensor as number }]
      throw fail(`a tensor must be [layer, call, tensor], got ${show(value)}`)
    }
    return (value as unknown[]).flatMap((one) => refsIn(one, depth + 1))
  }
  if (!isObject(value)) return []
  if (textOf(value, 'class_name') === '__keras_tensor__') {
    const config = member(value, 'config')
    return refsIn(member(config, 'keras_history'), depth + 1)
  }
  if (textOf(value, 'class_name') !== undefined) return []
  return Object.keys(value).flatMap((key) => refsIn(member(value, key), depth + 1))
}

/** A call of a layer: so many, and in an order in which each stands behind all that it reads. */
export interface Step {
  readonly node: Node
  readonly call: number
}

/** The calls that `wanted` needs. Throws a FileError where they go in a circle, or a layer is not there. */
export function stepsOf({ nodes }: Topology, wanted: readonly Ref[]): Step[] {
  const steps: Step[] = []
  const begun = new Map<string, 'open' | 'done'>()
  const stack: { ref: Ref; leaving: boolean }[] = wanted.toReversed().map((ref) => ({ ref, leaving: false }))
  while (stack.length) {
    const { ref, leaving } = stack.pop()!
    const key = `${ref.call} ${ref.layer}`
    const node = nodes.get(ref.layer)
    if (!node) throw fail(`the layer ${quote(ref.layer)} is read, but the model has none of that name`)
    if (leaving) {
      begun.set(key, 'done')
      steps.push({ node, call: ref.call })
      continue
    }
    const state = begun.get(key)
    if (state === 'done') continue
    if (state === 'open') throw fail(`the layer ${quote(ref.layer)} reads what depends on it: a circle`)
    if (ref.call >= Math.max(1, node.calls.length)) {
      throw fail(`call ${ref.call} of the layer ${quote(ref.layer)} is read, but it has ${node.calls.length}`)
    }
    begun.set(key, 'open')
    stack.push({ ref, leaving: true })
    for (const read of (node.calls[ref.call] ?? []).toReversed()) stack.push({ ref: read, leaving: false })
  }
  return steps
}
