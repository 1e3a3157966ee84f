// A graph of ONNX while it is written: its nodes, the constants that they read, and the names of all, each there once.

import { PlanError, few, quote } from '../../errors'
import { type DType, type Floats, type Tensor, product } from '../../tensor'
import {
  type AttributeProto,
  AttributeType,
  DataType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../schema'

/** What a node reads or gives. */
export interface OnnxValue {
  /** In the file. */
  readonly name: string
  /** Of one example: the batch, which comes before, is not counted. Of a constant all of its sizes. */
  readonly shape: readonly number[]
  /** Whether it is of whole numbers that name something. */
  readonly ids?: boolean
  /** Of a value whose first axis is that of an input which is a sequence, the number of that input. */
  readonly sequence?: number | undefined
}

/** One attribute of a node: a number is a whole one; a text; lists of whole numbers or of texts; numbers as a constant. */
export type OnnxAttribute =
  | number
  | {
      /** Any number. */
      readonly float: number
    }
  | string
  | readonly number[]
  | readonly string[]
  | Floats

/** Attributes of a node by name. */
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>

/** The same, graphs among them. */
export type Attributes = Readonly<Record<string, OnnxAttribute | GraphProto>>

/** Whole numbers as ONNX has most: of 64 bits. */
type Typed = Floats | Int32Array | BigInt64Array

/** The graph. `dtype` is that of its numbers, whatever that of what it is given. */
export class Writer {
  readonly initializers: TensorProto[] = []
  /** Of the graph, or of the one within it that is being written. */
  nodes: NodeProto[] = []
  /** Those that are taken, each with the number that was last put behind it. */
  readonly #names = new Map<string, number>()
  /** Constants by the name that was asked for. */
  readonly #constants = new Map<string, { readonly value: OnnxValue; readonly data: Typed }[]>()

  constructor(
    readonly dtype: DType,
    /** Parameters and buffers of the model, by name. */
    readonly weights: Readonly<Record<string, Tensor>>,
  ) {}

  /** A name that nothing else has: the one wanted, with a number behind it where that is taken. */
  unique(wanted: string): string {
    let name = wanted
    let last = this.#names.get(wanted) ?? 0
    while (this.#names.has(name)) name = `${wanted}_${++last}`
    this.#names.set(wanted, last)
    if (name !== wanted) this.#names.set(name, 0)
    return name
  }

  /** Appends a node; gives what it gives, of the shapes. */
  node(
    path: string,
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shapes: readonly (readonly number[] | undefined)[],
    attributes: Attributes,
  ): OnnxValue[] {
    const name = this.unique(path ? `${path}/${opType}` : opType)
    const output = shapes.map((shape, i) => (shape ? (i ? this.unique(`${name}.${i}`) : name) : ''))
    const input = inputs.map((value) => value?.name ?? '')
    this.nodes.push({
      name,
      opType,
      input,
      output,
      attribute: Object.entries(attributes).map(([key, value]) => this.#attribute(key, value)),
    })
    return shapes.map((shape, i) => ({ name: output[i], shape: shape ?? [] }))
  }

  /** What `write` appends to a graph of its own, such as the body of a loop. */
  within<T>(write: () => T): { readonly nodes: NodeProto[]; readonly result: T } {
    const outer = this.nodes
    const nodes: NodeProto[] = []
    this.nodes = nodes
    const result = write()
    this.nodes = outer
    return { nodes, result }
  }

  /**
   * A parameter or buffer of the model under its own name, as it is or with other sizes of as many values. It is in the
   * file once, however often it is read.
   */
  weight(path: string, name: string, dims?: readonly number[]): OnnxValue {
    const full = path ? `${path}.${name}` : name
    if (!Object.hasOwn(this.weights, full)) {
      const found = Object.keys(this.weights)
      throw new PlanError(`toOnnx: the model has no ${quote(full)}; it has ${found.length ? few(found) : 'no weights'}`)
    }
    const { shape, data } = this.weights[full]
    const [known] = this.#constants.get(full) ?? []
    if (!known) return this.constant(full, dims ?? shape, data)
    if (!dims || known.value.shape.join() === dims.join()) return known.value
    const sizes = this.integers(`${full}/shape`, dims)
    return this.node(full, 'Reshape', [known.value, sizes], [dims], {})[0]
  }

  /** A constant of the graph's own numbers. */
  constant(name: string, dims: readonly number[], values: ArrayLike<number>): OnnxValue {
    const isRight = this.dtype === 'float64' ? values instanceof Float64Array : values instanceof Float32Array
    const data = isRight ? (values as Floats) : this.#floats(values)
    return this.#store(name, dims, data, this.dtype === 'float64' ? DataType.double : DataType.float)
  }

  /** A constant of whole numbers of 64 bits, such as sizes and axes; a list unless `dims` says otherwise. */
  integers(name: string, values: readonly number[], dims: readonly number[] = [values.length]): OnnxValue {
    return this.#store(name, dims, BigInt64Array.from(values, BigInt), DataType.int64)
  }

  /** The same of 32 bits. */
  integers32(name: string, values: readonly number[], dims: readonly number[] = [values.length]): OnnxValue {
    return this.#store(name, dims, Int32Array.from(values), DataType.int32)
  }

  /** Numbers of float32, whatever the graph's: ONNX wants those of scales. */
  singles(name: string, values: readonly number[]): OnnxValue {
    return this.#store(name, [values.length], Float32Array.from(values), DataType.float)
  }

  #floats(values: ArrayLike<number>): Floats {
    return this.dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values)
  }

  #store(wanted: string, dims: readonly number[], data: Typed, dataType: number): OnnxValue {
    const known = this.#constants.get(wanted) ?? []
    const same = known.find(({ value, data: other }) => value.shape.join() === dims.join() && isSame(data, other))
    if (same) return same.value
    if (product(dims) !== data.length) {
      throw new PlanError(`toOnnx: the constant ${quote(wanted)} of (${dims.join(', ')}) has ${data.length} values`)
    }
    const value = { name: this.unique(wanted), shape: [...dims] }
    this.#constants.set(wanted, [...known, { value, data }])
    this.initializers.push({ name: value.name, dims, dataType, rawData: bytesOf(data) })
    return value
  }

  #attribute(name: string, value: Attributes[string]): AttributeProto {
    const { int, float, string, tensor, graph, ints, strings } = AttributeType
    if (typeof value === 'number') return { name, type: int, i: value }
    if (typeof value === 'string') return { name, type: string, s: value }
    if (ArrayBuffer.isView(value)) {
      const dataType = value instanceof Float64Array ? DataType.double : DataType.float
      const t = { dims: [value.length], dataType, rawData: bytesOf(value) }
      return { name, type: tensor, t }
    }
    if (Array.isArray(value)) {
      const isText = value.length > 0 && typeof value[0] === 'string'
      return isText
        ? { name, type: strings, strings: [...value] as string[] }
        : { name, type: ints, ints: value as number[] }
    }
    if ('float' in value) return { name, type: float, f: value.float }
    return { name, type: graph, g: value as GraphProto }
  }
}

/** Little endian, as ONNX wants it: so are all machines on which WebAssembly, or this library, runs. */
function bytesOf({ buffer, byteOffset, byteLength }: Typed): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function isSame(a: Typed, b: Typed): boolean {
  if (a === b) return true
  if (a.constructor !== b.constructor || a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
