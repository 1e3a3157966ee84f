// A network without its last layers: what is left of it is the body of another.

import { PlanError, checkArguments, checkOptions, quote, show } from '../errors'
import { checkLayer } from '../plan/checks'
import type { Layer, Network } from '../plan/layer'
import type { NamedLayer } from '../layers/children'
import { freeze } from '../layers/freeze'
import { type GraphOf, graphOf } from '../layers/graph'
import { sequential } from '../layers/sequential'

type Any = Layer | Network<string, string>

/**
 * A network without what comes behind the layer `until`, such as 'features', 'layer4' or 'features.12', or the use of that
 * name in a graph: its output is then the output. Unless that is given, without its last dense layer, and whatever comes
 * behind or, being dropout, right before that: what classified. The layers that are left keep their names, so that files
 * of the whole network have their weights.
 *
 *     headless(resNet18())                       // gives 512 numbers for an image
 *     headless(resNet18(), { until: 'layer4' })  // gives images of 512 channels
 *
 * Throws a PlanError where there is no such layer, or where it lies side by side with others, in a residual or concat.
 */
export function headless(network: Layer, options?: { until?: string }): Layer
export function headless<In extends string, Out extends string>(
  network: Network<In, Out>,
  options?: { until?: string },
): GraphOf<In, never>
export function headless(network: Any, options: { until?: string } = {}): Any {
  checkArguments('headless', arguments, 2)
  checkLayer('headless', 'the network', network as Layer)
  const { until } = checkOptions('headless', options, ['until'])
  if (until !== undefined && typeof until !== 'string') {
    throw new PlanError(`headless: until must be the name of a layer, such as 'features', got ${show(until)}`)
  }
  const end =
    until !== undefined
      ? behind(network, until, '')
      : network.kind === 'dense'
        ? 'nothing'
        : beforeLastDense(network, '')
  if (end && end !== 'nothing') return end
  if (end)
    throw new PlanError(
      "headless: nothing is left before the last dense layer; say which layer's output is wanted, as until",
    )
  if (until === undefined) {
    throw new PlanError("headless: there is no dense layer to take away; say which layer's output is wanted, as until")
  }
  throw new PlanError(
    `headless: there is no layer ${quote(until)}; there are ${namesIn(network, '').slice(0, 20).join(', ')}`,
  )
}

/** The network until behind the layer of that path, or undefined where it is not in there; `at` is its own path. */
function behind(network: Any, path: string, at: string): Any | undefined {
  if (path === '') return network
  for (const [name, index, layer] of namesOf(network).toReversed()) {
    if (name !== '' && path !== name && !path.startsWith(`${name}.`)) continue
    const inner = behind(layer, name === '' ? path : path.slice(name.length + 1), joined(at, name))
    if (inner) return cut(network, index, inner, joined(at, name))
  }
  return undefined
}

/** What is left without the last dense layer; 'nothing' if nothing is, undefined where there is none. */
function beforeLastDense(network: Any, at: string): Any | 'nothing' | undefined {
  const all = namesOf(network)
  if (network.kind === 'graph' && network.wiring!.outputs.length > 1) {
    throw new PlanError("headless: a graph has several outputs; say which layer's output is wanted, as until")
  }
  for (let i = all.length - 1; i >= 0; i--) {
    const [name, index, layer] = all[i]
    const end = layer.kind === 'dense' ? 'nothing' : beforeLastDense(layer, joined(at, name))
    if (end === undefined) continue
    return end === 'nothing' ? before(network, index, joined(at, name)) : cut(network, index, end, joined(at, name))
  }
  return undefined
}

/** The network until right before one of its parts, and before the dropout in front of that. */
function before(network: Any, index: number, at: string): Any | 'nothing' {
  const { kind, children = [], wiring } = network
  const dropouts = (layer: Layer | undefined) => layer?.kind === 'dropout'
  if (kind !== 'graph') {
    if (kind !== 'sequential' && kind !== 'freeze') throw noEnd(kind, at)
    let last = index - 1
    while (dropouts(children[last]?.[1])) last--
    return last < 0 ? 'nothing' : cut(network, last, children[last][1], at)
  }
  const { uses } = wiring!
  const giver = (id: string) => uses.findIndex((use) => use.id === id)
  const layerOf = (use: number): Layer | undefined => children[uses[use]?.child]?.[1]
  let last = giver(uses[index].of[0])
  while (dropouts(layerOf(last))) last = giver(uses[last].of[0])
  return last < 0 ? 'nothing' : cut(network, last, layerOf(last)!, at)
}

function noEnd(kind: string, at: string): PlanError {
  return new PlanError(
    `headless: ${quote(at)} lies in a ${kind}, which cannot end there; give until a layer that others come behind`,
  )
}

/** The parts of a network: of a graph its uses, else its layers; each with its place among them. */
function namesOf({ kind, children = [], wiring }: Any): readonly [name: string, index: number, layer: Layer][] {
  return kind === 'graph'
    ? wiring!.uses.map(({ id, child }, i) => [id, i, children[child][1]])
    : children.map(([name, layer], i) => [name, i, layer])
}

/** The network until one of its parts, of which `end` is left. */
function cut(network: Any, index: number, end: Any, at: string): Any {
  const { kind, children = [] } = network
  if (kind === 'sequential') return chain([...children.slice(0, index), [children[index][0], end as Layer]])
  if (kind === 'freeze') return freeze(end as Layer)
  if (kind === 'graph') return graphUntil(network, index, end, at)
  throw noEnd(kind, at)
}

/** A sequential of layers that keep their names. */
function chain(entries: readonly NamedLayer[]): Layer {
  if (entries.every(([name], i) => name === String(i))) return sequential(...entries.map(([, layer]) => layer))
  return sequential(Object.fromEntries(entries))
}

/** A graph until one of its uses, without those that nobody needs any more. */
function graphUntil({ children = [], wiring, config }: Any, index: number, end: Any, at: string): Any {
  const { inputs, uses } = wiring!
  const last = uses[index]
  const shared = uses.some(({ child }, i) => i !== index && child === last.child)
  if (shared && end !== children[last.child][1]) {
    throw new PlanError(
      `headless: ${quote(at)} lies in a layer that the graph uses twice; give until a layer of its own`,
    )
  }
  const wanted = new Set([last.id])
  const kept = uses.slice(0, index + 1)
  for (const { id, of } of kept.toReversed()) if (wanted.has(id)) for (const read of of) wanted.add(read)
  const described = (config as { uses: readonly { name: string }[] }).uses
  const layers = new Map<unknown, Layer>()
  const times = new Map<string, number>()
  // Where the first use of a layer is not needed, the second becomes the first.
  const ids = new Map<string, string>()
  const list = kept.flatMap(({ id, of, child }, i) => {
    if (!wanted.has(id)) return []
    const { name } = described[i]
    const time = (times.get(name) ?? 0) + 1
    times.set(name, time)
    ids.set(id, time === 1 ? name : `${name}#${time}`)
    const layer = i === index ? (end as Layer) : children[child][1]
    const reads = of.map((read) => ids.get(read) ?? read)
    const use = { name, of: reads, ...(time === 1 && { kind: layer.kind, config: layer.config }) }
    layers.set(use, layer)
    return [use]
  })
  const read = inputs.filter((id) => wanted.has(id))
  return graphOf({ inputs: read, uses: list, outputs: ids.get(last.id) }, (use) => layers.get(use)!)
}

/** The paths of layers, for errors: the outermost first. */
function namesIn(network: Any, at: string): string[] {
  const own = namesOf(network).filter(([name]) => name !== '')
  const inner = namesOf(network).flatMap(([name, , layer]) => namesIn(layer, joined(at, name)))
  return [...own.map(([name]) => quote(joined(at, name))), ...inner]
}

function joined(at: string, name: string): string {
  return [at, name].filter(Boolean).join('.')
}
