// From a network to the nodes of a graph: layer after layer, as they are planned, those within others as they are wired.

import { PlanError, hasMembers, quote, show } from '../../errors'
import type { Layer, Network, Wiring } from '../../plan/layer'
import { LayerWriter, type OnnxEmitter } from './layer'
import { EMITTERS, WITHIN } from './table'
import type { OnnxValue, Writer } from './writer'

/** What is written, and how. */
export interface Walk {
  readonly writer: Writer
  /** For layers that are not of this library, by kind; these come first. */
  readonly emitters: Readonly<Record<string, OnnxEmitter>>
  /** How many steps of each row of the input of that number count, where the file is to have such an input. */
  readonly lengths: (input: number) => OnnxValue | undefined
}

/** Writes the whole network; gives its outputs. */
export function writeNetwork(
  walk: Walk,
  network: Layer | Network<string, string>,
  inputs: readonly OnnxValue[],
): readonly OnnxValue[] {
  const { children, wiring } = network
  if ('names' in network && children && wiring) {
    const child = childrenOf(walk)
    return writeWired(children, wiring, inputs, (name, layer, of) => child('', name, layer, of))
  }
  return [writeLayer(walk, '', network as Layer, inputs)]
}

type Write = (name: string, layer: Layer, inputs: readonly OnnxValue[]) => OnnxValue

const childrenOf =
  (walk: Walk) =>
  (path: string, name: string, layer: Layer, inputs: readonly OnnxValue[]): OnnxValue =>
    writeLayer(walk, [path, name].filter(Boolean).join('.'), layer, inputs)

function writeLayer(walk: Walk, path: string, layer: Layer, inputs: readonly OnnxValue[]): OnnxValue {
  const { kind, children, wiring } = layer
  const of = (x: OnnxValue) => (x.sequence === undefined ? undefined : walk.lengths(x.sequence))
  const at = new LayerWriter(walk.writer, path, layer, of, childrenOf(walk))
  const own = Object.hasOwn(walk.emitters, kind) ? walk.emitters[kind] : undefined
  const known = Object.hasOwn(EMITTERS, kind) ? EMITTERS[kind as keyof typeof EMITTERS] : undefined
  const emitter = own ?? (children && known ? WITHIN : known)
  if (emitter === undefined) {
    throw new PlanError(
      `toOnnx: the layer ${quote(kind)}${path && ` at ${quote(path)}`} is not one of this library; say how it is written: ` +
        `toOnnx(model, { layers: { ${kind}: (layer, x) => layer.node(...) } })`,
    )
  }
  const y =
    emitter === WITHIN
      ? within(children ?? [], wiring, inputs, at)
      : emitter(at, ...(inputs as [OnnxValue, ...OnnxValue[]]))
  if (own && !(hasMembers(y) && typeof y.name === 'string' && Array.isArray(y.shape))) {
    throw new PlanError(`toOnnx: what layers.${kind} gives must be a value, as layer.node gives one, got ${show(y)}`)
  }
  // Lengths are those of what it reads, where it keeps the steps: see Plan.
  const keeps = ({ sequence, shape }: OnnxValue) =>
    sequence !== undefined && shape[0] === y.shape[0] && shape.length <= y.shape.length
  const from = children?.length || layer.movesSteps ? undefined : inputs.find(keeps)
  return from && y.sequence === undefined ? { ...y, sequence: from.sequence } : y
}

function within(
  children: NonNullable<Layer['children']>,
  wiring: Wiring | undefined,
  inputs: readonly OnnxValue[],
  layer: LayerWriter,
): OnnxValue {
  const write: Write = (name, child, of) => layer.child(name, child, of)
  if (wiring) return writeWired(children, wiring, inputs, write)[0]
  return children.reduce((x, [name, child]) => write(name, child, [x]), inputs[0])
}

function writeWired(
  children: NonNullable<Layer['children']>,
  { inputs: ids, uses, outputs }: Wiring,
  inputs: readonly OnnxValue[],
  write: Write,
): readonly OnnxValue[] {
  const values = new Map(ids.map((id, i) => [id, inputs[i]]))
  for (const { id, child, of } of uses) {
    const [name, layer] = children[child]
    values.set(
      id,
      write(
        name,
        layer,
        of.map((one) => values.get(one)!),
      ),
    )
  }
  return outputs.map((id) => values.get(id)!)
}
