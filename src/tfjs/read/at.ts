// What readers of layers share: the layer that is read, its settings, its weights, and what becomes of it.

import { type FileError, few, quote } from '../../errors'
import type { Layer } from '../../plan/layer'
import { product } from '../../tensor'
import { transpose } from '../transpose'
import type { Config } from './config'
import type { Stored } from './file'
import { type Builder, type Shape, type Value, textOf } from './values'

/** A layer of Keras while it is read. */
export interface At {
  /** The name of what it becomes. */
  readonly name: string
  readonly config: Config
  readonly builder: Builder
  /** Of which library the settings are, where the same name means two things. */
  readonly dialect: 'keras' | 'keras 3' | 'tfjs'
  /** An error that names the layer. */
  fail(problem: string): FileError
  /** Its weights: of these names or, in files that have numbers for names, the one at this place. Undefined: none. */
  stored(variables: readonly string[], place: number): Stored | undefined
}

/** Reads a layer; throws a FileError where there is no such layer here. */
export type Handler = (at: At, x: Value, ...others: Value[]) => Value

/** A weight of the layer, which must have this shape; null stands for any size. */
export function weightOf(
  at: At,
  variables: string | readonly string[],
  place: number,
  shape: Shape,
): Float32Array<ArrayBuffer> {
  const names = typeof variables === 'string' ? [variables] : variables
  const stored = at.stored(names, place)
  if (!stored) throw at.fail(`the file has no weight ${quote(names[0])} for it`)
  const fits =
    stored.shape.length === shape.length && shape.every((size, i) => size === null || size === stored.shape[i])
  if (fits) return stored.decode()
  throw at.fail(`its weight ${quote(names[0])} is (${few(stored.shape)}) in the file, but must be ${textOf(shape)}`)
}

/** Keeps a weight of ours. */
export function put(at: At, parameter: string, shape: readonly number[], data: Float32Array<ArrayBuffer>): void {
  at.builder.weights.set(`${at.name}.${parameter}`, { shape, data })
}

/** Uses the layer that has the weights. */
export function main(at: At, make: () => Layer, x: Value, as?: Partial<Value>): Value {
  return at.builder.use(at.name, make, [x], as)
}

/** Uses a layer that has none, of a name like that of the layer. */
export function beside(at: At, what: string, layer: Layer, of: Value | readonly Value[], as?: Partial<Value>): Value {
  const values = Array.isArray(of) ? (of as readonly Value[]) : [of as Value]
  return at.builder.use(at.builder.unique(`${at.name}_${what}`), () => layer, values, as)
}

export function turned(at: At, x: Value, first: boolean): Value {
  return at.builder.turned(x, first, at.name)
}

/** The size of the last axis. */
export function channelsOf(at: At, x: Value): number {
  const channels = x.shape.at(-1)
  if (typeof channels === 'number') return channels
  throw at.fail(`the size of the last axis of its input ${textOf(x.shape)} is open; the file must say it`)
}

/** The axes of each example, of which there must be so many. */
export function checkAxes(at: At, x: Value, axes: number, what: string): void {
  if (x.shape.length === axes) return
  throw at.fail(`wants ${what}, of ${axes} axes, got an input of ${textOf(x.shape)}`)
}

/** The axis of an example that Keras calls so: 1 is the first behind the batch, -1 the last. */
export function axisOf(at: At, x: Value, axis: number): number {
  const own = axis < 0 ? axis + x.shape.length : axis - 1
  if (axis !== 0 && own >= 0 && own < x.shape.length) return own
  throw at.fail(`there is no axis ${axis} of examples in an input of ${textOf(x.shape)}, the batch being axis 0`)
}

export function checkChannelsLast(at: At): void {
  const format = at.config.text('data_format', 'channels_last')
  if (format === 'channels_last') return
  throw at.fail(`has a data_format of ${quote(format)}; only channels_last is read`)
}

/** Rows, one for each number of a vector, from the order of channels last to that of channels first. */
export function rowsFirst(data: Float32Array<ArrayBuffer>, flat: Shape | undefined): Float32Array<ArrayBuffer> {
  if (!flat) return data
  const sizes = flat as readonly number[]
  const axes = sizes.map((_, i) => i)
  const width = data.length / product(sizes)
  return transpose(data, [...sizes, width], [axes.length - 1, ...axes.slice(0, -1), axes.length])
}
