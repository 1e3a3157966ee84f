// What emitters get: a layer at its place in the network, and the means to write nodes for it.

import { PlanError } from '../../errors'
import type { Layer } from '../../plan/layer'
import type { DType, Floats } from '../../tensor'
import type { NodeProto } from '../schema'
import type { Attributes, OnnxAttributes, OnnxValue, Writer } from './writer'

/** A layer that is written, at one of its uses. */
export interface OnnxLayer {
  /** Of the layer in the model, such as features.0; '' for the network itself. */
  readonly path: string
  /** What the layer was given, as JSON has it. */
  readonly config: any
  /** Of the file's numbers. */
  readonly dtype: DType
  /** A node with one output, of `shape`; its attributes by name, none unless given. */
  node(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shape: readonly number[],
    attributes?: OnnxAttributes,
  ): OnnxValue
  /** A node with several outputs; of one that nobody wants the shape is undefined. Attributes: none unless given. */
  nodes(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shapes: readonly (readonly number[] | undefined)[],
    attributes?: OnnxAttributes,
  ): OnnxValue[]
  /** A parameter or buffer of the layer; with `dims`, as one of those sizes. */
  parameter(name: string, dims?: readonly number[]): OnnxValue
  /** A constant of the file's dtype, of the sizes `dims`. */
  constant(name: string, dims: readonly number[], values: ArrayLike<number>): OnnxValue
  /** One number of the file's dtype. */
  scalar(name: string, value: number): OnnxValue
  /** A constant of whole numbers (int64), such as sizes and axes; a list of them unless `dims` are given. */
  integers(name: string, values: readonly number[], dims?: readonly number[]): OnnxValue
  /** x with its examples in another shape. */
  reshaped(x: OnnxValue, shape: readonly number[]): OnnxValue
  /** How many steps of each row count, int32 of [N]; undefined where the file has no such input, or x is no sequence. */
  lengths(x: OnnxValue): OnnxValue | undefined
  /** The output of a layer within this one, on values that it reads. */
  child(name: string, layer: Layer, inputs: readonly OnnxValue[]): OnnxValue
}

/**
 * Writes the nodes of a layer, which reads x, and `others` where it takes several values; gives its output. Shapes are
 * those of one example; the batch is the first axis of each value, of whatever size.
 *
 *     const bytes = toOnnx(model, { layers: { softsign: (layer, x) => layer.node('Softsign', [x], x.shape) } })
 */
export type OnnxEmitter = (layer: OnnxLayer, x: OnnxValue, ...others: readonly OnnxValue[]) => OnnxValue

/** The same, of a layer of this library. */
export type Emitter = (layer: LayerWriter, x: OnnxValue, ...others: readonly OnnxValue[]) => OnnxValue

/** Writes what is within a layer. */
export type Child = (path: string, name: string, layer: Layer, inputs: readonly OnnxValue[]) => OnnxValue

/** See OnnxLayer; what is more is for our own layers. */
export class LayerWriter implements OnnxLayer {
  readonly #writer: Writer
  readonly #lengths: (x: OnnxValue) => OnnxValue | undefined
  readonly #child: Child

  constructor(
    writer: Writer,
    readonly path: string,
    readonly layer: Layer,
    lengths: (x: OnnxValue) => OnnxValue | undefined,
    child: Child,
  ) {
    this.#writer = writer
    this.#lengths = lengths
    this.#child = child
  }

  get config(): any {
    return this.layer.config
  }

  get dtype(): DType {
    return this.#writer.dtype
  }

  node(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shape: readonly number[],
    attributes: Attributes = {},
  ): OnnxValue {
    return this.nodes(opType, inputs, [shape], attributes)[0]
  }

  nodes(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shapes: readonly (readonly number[] | undefined)[],
    attributes: Attributes = {},
  ): OnnxValue[] {
    return this.#writer.node(this.path, opType, inputs, shapes, attributes)
  }

  parameter(name: string, dims?: readonly number[]): OnnxValue {
    return this.#writer.weight(this.path, name, dims)
  }

  /** The values of a parameter or buffer of the layer. */
  valuesOf(name: string): Floats {
    return this.#writer.weights[this.#named(name)].data
  }

  constant(name: string, dims: readonly number[], values: ArrayLike<number>): OnnxValue {
    return this.#writer.constant(this.#named(name), dims, values)
  }

  scalar(name: string, value: number): OnnxValue {
    return this.constant(name, [], [value])
  }

  integers(name: string, values: readonly number[], dims?: readonly number[]): OnnxValue {
    return this.#writer.integers(this.#named(name), values, dims)
  }

  /** The same of int32. */
  integers32(name: string, values: readonly number[], dims?: readonly number[]): OnnxValue {
    return this.#writer.integers32(this.#named(name), values, dims)
  }

  /** Numbers of float32, as ONNX wants scales. */
  singles(name: string, values: readonly number[]): OnnxValue {
    return this.#writer.singles(this.#named(name), values)
  }

  reshaped(x: OnnxValue, shape: readonly number[]): OnnxValue {
    return this.node('Reshape', [x, this.integers('shape', [0, ...shape])], shape)
  }

  lengths(x: OnnxValue): OnnxValue | undefined {
    return this.#lengths(x)
  }

  /** What `write` writes as a graph of its own, for an attribute of a loop. */
  within<T>(write: () => T): { readonly nodes: NodeProto[]; readonly result: T } {
    return this.#writer.within(write)
  }

  /** A name for a value within such a graph. */
  unique(name: string): string {
    return this.#writer.unique(this.path ? `${this.path}/${name}` : name)
  }

  child(name: string, layer: Layer, inputs: readonly OnnxValue[]): OnnxValue {
    return this.#child(this.path, name, layer, inputs)
  }

  /** A PlanError that names the layer. */
  error(message: string): PlanError {
    return new PlanError(`toOnnx: ${this.path ? `${this.path} ` : ''}${this.layer.kind}: ${message}`)
  }

  #named(name: string): string {
    return this.path ? `${this.path}.${name}` : name
  }
}

/** The place of an axis of examples: -1 is the last. */
export function axisOf({ shape }: OnnxValue, axis: number): number {
  return axis < 0 ? axis + shape.length : axis
}

/** Sizes with which one value for each channel reaches all of it; the channels are along the first axis unless given. */
export function perChannel({ shape }: OnnxValue, axis = 0): number[] {
  const at = axisOf({ name: '', shape }, axis)
  return [shape[at], ...shape.slice(at + 1).map(() => 1)]
}
