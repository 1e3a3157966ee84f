// Files of many nodes: what fromOnnx does for each of them does not grow with their number.
import { expect, test } from 'vitest'
import { fromOnnx } from '../../src/entries/onnx'
import { freeName } from '../../src/onnx/import/builder'
import { Writer } from '../../src/onnx/export/writer'
import { type NodeProto, type TensorProto, encodeModel } from '../../src/onnx/schema'
import { product } from '../../src/tensor'
import { kindsOf, modelOf, numbers, relativeError, runOnnx } from '../support/onnx-runtime'

const floats = (name: string, dims: number[], data: ArrayLike<number> = numbers(product(dims), 7)): TensorProto => ({
  name,
  dims,
  dataType: 1,
  floatData: Float32Array.from(data),
})

/** A file of nodes from x to y. */
function fileOf(input: readonly number[], node: NodeProto[], initializer: TensorProto[] = []): Uint8Array {
  const dim = [{ dimParam: 'N' }, ...input.map((dimValue) => ({ dimValue }))]
  return encodeModel({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'test',
      node,
      initializer,
      input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim } } } }],
      output: [{ name: 'y', type: { tensorType: { elemType: 1 } } }],
    },
  })
}

/** So many nodes, one after the other, from `first` to y; what else they read is a constant. */
const chain = (count: number, first: string, make: (i: number) => Pick<NodeProto, 'opType'> & { other?: string }) =>
  Array.from({ length: count }, (_, i): NodeProto => {
    const { opType, other } = make(i)
    const input = [i ? `v${i}` : first, ...(other ? [other] : [])]
    return { opType, input, output: [i === count - 1 ? 'y' : `v${i + 1}`] }
  })

/** What `work` takes, in seconds. */
function seconds(work: () => unknown): number {
  const begin = performance.now()
  work()
  return (performance.now() - begin) / 1000
}

test('names that nodes share have a number behind them, each another', () => {
  const taken = new Map<string, number>()
  const names = ['relu', 'relu', 'relu_2', 'relu_3', 'relu', 'relu_2', 'relu'].map((hint) => freeName(hint, taken))
  expect(names).toEqual(['relu', 'relu_2', 'relu_2_2', 'relu_3', 'relu_4', 'relu_2_3', 'relu_5'])
  const writer = new Writer('float32', {})
  const written = ['a', 'a', 'a_1', 'a_2', 'a', 'a'].map((name) => writer.unique(name))
  expect(written).toEqual(['a', 'a_1', 'a_1_1', 'a_2', 'a_3', 'a_4'])
})

test('40,000 names take no longer each than 400', () => {
  const taken = new Map<string, number>()
  const writer = new Writer('float32', {})
  const time = seconds(() => {
    for (let i = 0; i < 40_000; i++) {
      freeName('relu', taken)
      writer.unique('Relu')
    }
  })
  // Counted from the start for each, they took a minute.
  expect(time).toBeLessThan(2)
})

test('20,000 nodes without names', () => {
  const bytes = fileOf([3], chain(20_000, 'x', () => ({ opType: 'Relu' })))
  let count = 0
  const time = seconds(() => (count = kindsOf(fromOnnx(bytes).network as never).length))
  expect(count).toBe(20_000)
  expect(time).toBeLessThan(5)
})
