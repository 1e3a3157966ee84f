// Small ONNX files, put together node by node.
import { type AttributeProto, type NodeProto, type TensorProto, encodeModel } from '../../src/onnx/schema'
import { product } from '../../src/tensor'
import { numbers } from './onnx-runtime'

/** Of a node; whole numbers are ints. */
export type Attributes = Readonly<Record<string, number | string | readonly number[]>>

/** A node; whole numbers are ints, but those in `floats`. */
export function node(
  opType: string,
  input: string[],
  output: string[],
  attributes: Attributes = {},
  floats = '',
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]): AttributeProto => {
    if (typeof value === 'string') return { name, s: value, type: 3 }
    if (typeof value !== 'number') return { name, ints: value, type: 7 }
    return floats.split(' ').includes(name) ? { name, f: value, type: 1 } : { name, i: value, type: 2 }
  })
  return { opType, input, output, attribute }
}

/** A constant of float32, of numbers from -1 to 1 unless given. */
export const floats = (
  name: string,
  dims: number[],
  data: ArrayLike<number> = numbers(product(dims), 7),
): TensorProto => ({
  name,
  dims,
  dataType: 1,
  floatData: Float32Array.from(data),
})

/** A list of int64. */
export const ints = (name: string, data: number[]): TensorProto => ({
  name,
  dims: [data.length],
  dataType: 7,
  int64Data: data,
})

interface FileParts {
  /** The shapes of inputs by name; a size that is a text is open. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>
  readonly nodes: readonly NodeProto[]
  readonly constants?: readonly TensorProto[]
  readonly opset?: number
  readonly outputs?: readonly string[]
}

/** The bytes of a file, of version 17 and with the output y unless given. */
export function fileOf({ inputs, nodes, constants = [], opset = 17, outputs = ['y'] }: FileParts): Uint8Array {
  const dims = (list: readonly (number | string)[]) =>
    list.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }))
  return encodeModel({
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'test',
      node: [...nodes],
      initializer: [...constants],
      input: Object.entries(inputs).map(([name, list]) => ({
        name,
        type: { tensorType: { elemType: 1, shape: { dim: dims(list) } } },
      })),
      output: outputs.map((name) => ({ name, type: { tensorType: { elemType: 1 } } })),
    },
  })
}
