// What flows through a Keras model that is being read, and the graph of our layers that comes of it.
//
// Keras has the channels last, our layers of images and of windows have them first. A value therefore says how its axes
// lie; they are turned where a layer wants them otherwise, and nowhere else.

import { few } from '../../errors'
import { graph, type Handle, type InputNames, type GraphOf } from '../../layers/graph'
import { permute } from '../../layers/permute'
import { reshape } from '../../layers/reshape'
import { flatten } from '../../layers/flatten'
import { sequential } from '../../layers/sequential'
import type { Layer } from '../../plan/layer'
import type { Tensor } from '../../tensor'
import { fail } from './file'

/** The shape of an example as Keras has it; null where that is open. */
export type Shape = readonly (number | null)[]

export interface Value {
  /** Who gives it: a use of a layer, or an input. */
  readonly from: Use | Input
  readonly shape: Shape
  /** Whether the last axis of Keras, the channels, is the first one here. */
  readonly first: boolean
  /** Of a vector that was channels last: its shape then. Here its numbers are still in the order of channels first. */
  readonly flat?: Shape | undefined
}

export interface Input {
  readonly name: string
  readonly shape: Shape
  /** Whether it is of whole numbers: set by what reads it. */
  ids: boolean
}

export interface Use {
  readonly name: string
  readonly layer: Layer
  readonly of: readonly (Use | Input)[]
}

export interface Builder {
  readonly inputs: Input[]
  readonly weights: Map<string, Tensor<'float32'>>
  /** A name that no layer has. */
  unique(name: string): string
  /**
   * Uses a layer on values; the second use of a name shares the weights of the first, and its layer is not made anew. What
   * it gives has the axes of the first value, unless `as` says otherwise.
   */
  use(name: string, make: () => Layer, of: readonly Value[], as?: Partial<Value>): Value
  /** The same value with the channels first or last. */
  turned(value: Value, first: boolean, name: string): Value
  /** The network of these outputs, of what they need alone. */
  finish(outputs: ReadonlyMap<string, Value>): { network: GraphOf<never, never>; inputs: Input[] }
}

/** [1, 2, 0]: what is last comes first, or the other way round. */
function turn(length: number, first: boolean): number[] {
  const axes = Array.from({ length }, (_, i) => i)
  return first ? [length - 1, ...axes.slice(0, -1)] : [...axes.slice(1), 0]
}

export function isInput(from: Use | Input): from is Input {
  return !('layer' in from)
}

/** Makes names that are not taken; many of one beginning take no longer than others. */
export function uniqueNames(taken: Iterable<string>): (name: string) => string {
  const names = new Set(taken)
  const times = new Map<string, number>()
  return (name) => {
    let [free, i] = [name, times.get(name) ?? 1]
    while (names.has(free)) free = `${name}_${++i}`
    times.set(name, i)
    names.add(free)
    return free
  }
}

/** Uses of a network, at most: of a file of few bytes models within models may make very many. */
const MOST_USES = 20_000

/** `taken` are the names of layers. */
export function createBuilder(taken: Iterable<string>): Builder {
  const unique = uniqueNames(taken)
  const layers = new Map<string, Layer>()
  const turnedOf = new Map<Use | Input, Value[]>()
  let uses = 0
  const use: Builder['use'] = (name, make, of, as = {}) => {
    if (++uses > MOST_USES) throw fail(`the models within it make more than ${MOST_USES} layers`)
    const layer = layers.get(name) ?? make()
    layers.set(name, layer)
    const [{ shape, first, flat }] = of
    return { shape, first, flat, ...as, from: { name, layer, of: of.map(({ from }) => from) } }
  }
  return {
    inputs: [],
    weights: new Map(),
    unique,
    use,
    turned(value, first, name) {
      const { shape, flat } = value
      if (flat ? first : shape.length < 2 || value.first === first) return value
      const known = turnedOf.get(value.from)?.find((one) => one.shape.join() === shape.join() && one.first === first)
      if (known) return known
      let made: Value
      if (flat) {
        const sizes = flat as readonly number[]
        const images = [sizes.at(-1)!, ...sizes.slice(0, -1)]
        const layer = () => sequential(reshape(images), permute(turn(sizes.length, false)), flatten())
        made = use(unique(`${name}_order`), layer, [value], { flat: undefined })
      } else {
        const layer = () => permute(turn(shape.length, first))
        made = use(unique(`${name}_${first ? 'first' : 'last'}`), layer, [value], { first })
      }
      turnedOf.set(value.from, [...(turnedOf.get(value.from) ?? []), made])
      return made
    },
    finish(outputs) {
      const order: Use[] = []
      const found = new Set<Use | Input>()
      const stack: { from: Use | Input; leaving: boolean }[] = [...outputs.values()]
        .toReversed()
        .map(({ from }) => ({ from, leaving: false }))
      while (stack.length) {
        const { from, leaving } = stack.pop()!
        if (isInput(from)) found.add(from)
        else if (leaving) order.push(from)
        else if (!found.has(from)) {
          found.add(from)
          stack.push({ from, leaving: true }, ...from.of.toReversed().map((one) => ({ from: one, leaving: false })))
        }
      }
      const inputs = this.inputs.filter((input) => found.has(input))
      const ids = new Map(inputs.map((input) => [input, unique(input.name)]))
      const network = graph([...ids.values()], (handles, use) => {
        const made = new Map<Use | Input, Handle>([...ids].map(([input, id]) => [input, handles[id]]))
        for (const one of order) made.set(one, use(one.name, one.layer, ...one.of.map((from) => made.get(from)!)))
        const given = [...outputs].map(([name, { from }]) => [name, made.get(from)!] as const)
        return given.length === 1 ? given[0][1] : Object.fromEntries(given)
      }) as unknown as GraphOf<InputNames<[string]>, never>
      return { network, inputs: inputs.map((input) => ({ ...input, name: ids.get(input)! })) }
    },
  }
}

/** As messages have it. */
export function textOf(shape: Shape): string {
  return `(${few(shape.map((size) => size ?? 'any'))})`
}
