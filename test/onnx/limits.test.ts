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
  const bytes = fileOf(
    [3],
    chain(20_000, 'x', () => ({ opType: 'Relu' })),
  )
  let count = 0
  const time = seconds(() => (count = kindsOf(fromOnnx(bytes).network as never).length))
  expect(count).toBe(20_000)
  expect(time).toBeLessThan(5)
})

/** What scales and shifts again and again: by one number, or by one for each output. */
const STEPS = ['Mul a', 'Add b', 'Add c', 'Mul d', 'Sub a', 'Div d', 'Mul c', 'Add a', 'Mul a'].map((one) => {
  const [opType, other] = one.split(' ')
  return { opType, other }
})

test.each<[string, number[], NodeProto, TensorProto[], number[]]>([
  ['Conv', [2, 4, 4], { opType: 'Conv', input: ['x', 'w'], output: ['z'] }, [floats('w', [3, 2, 3, 3])], [3, 1, 1]],
  ['MatMul', [2, 4], { opType: 'MatMul', input: ['x', 'w'], output: ['z'] }, [floats('w', [4, 3])], [3]],
  [
    'Gemm',
    [4],
    { opType: 'Gemm', input: ['x', 'w', 'v'], output: ['z'] },
    [floats('w', [4, 3]), floats('v', [3])],
    [3],
  ],
  [
    'LayerNormalization',
    [2, 3],
    { opType: 'LayerNormalization', input: ['x', 'w'], output: ['z'] },
    [floats('w', [3])],
    [3],
  ],
])('%s, scaled and shifted many times', async (kind, input, first, weights, dims) => {
  const constants = [
    floats('a', [], [0.7]),
    floats('b', dims, [0.5, -1, 2]),
    floats('c', dims, [1.5, 0.25, -1]),
    floats('d', [1], [1.25]),
  ]
  const nodes = [first, ...chain(STEPS.length, 'z', (i) => STEPS[i])]
  const bytes = fileOf(input, nodes, [...weights, ...constants])
  const data = numbers(2 * product(input), 3)
  const { y } = await runOnnx(bytes, { x: { dims: [2, ...input], data } })
  const { model, network } = await modelOf(bytes)
  expect(kindsOf({ children: [['', network as never]] }).length, kind).toBe(1)
  expect(relativeError(model.predict(data).data, y.data)).toBeLessThan(1e-5)
})

test('3,000 factors of a convolution are put into its weights once', () => {
  const weights = [floats('w', [256, 64, 3, 3]), floats('s', [256, 1, 1])]
  const nodes = [
    { opType: 'Conv', input: ['x', 'w'], output: ['z'] },
    ...chain(3000, 'z', () => ({ opType: 'Mul', other: 's' })),
  ]
  const bytes = fileOf([64, 8, 8], nodes, weights)
  // For each of them it took 18 seconds.
  expect(seconds(() => fromOnnx(bytes))).toBeLessThan(4)
})

test('a small file cannot ask for hours', () => {
  const size = 2 ** 18
  const bytes = fileOf(
    [size],
    chain(2000, 'x', () => ({ opType: 'Mul', other: 's' })),
    [floats('s', [size])],
  )
  const time = seconds(() => expect(() => fromOnnx(bytes)).toThrow(/^fromOnnx: .*over and over/))
  expect(time).toBeLessThan(20)
})
