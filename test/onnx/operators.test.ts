// Operators one by one, with the attributes that exporters seldom write, against ONNX Runtime.
import { expect, test } from 'vitest'
import type { NodeProto, TensorProto } from '../../src/onnx/schema'
import { product } from '../../src/tensor'
import { type Attributes, fileOf, floats, ints, node } from '../support/onnx-files'
import { kindsOf, modelOf, numbers, relativeError, runOnnx } from '../support/onnx-runtime'

interface Case {
  readonly input: readonly number[]
  readonly nodes: readonly NodeProto[]
  readonly constants?: readonly TensorProto[]
  readonly opset?: number
  readonly kinds?: string
}

/** A node from x to y. */
const single = (
  input: number[],
  opType: string,
  attributes: Attributes = {},
  constants: TensorProto[] = [],
  { opset, floats: list, kinds }: { opset?: number; floats?: string; kinds?: string } = {},
): Case => ({
  input,
  nodes: [node(opType, ['x', ...constants.map(({ name = '' }) => name)], ['y'], attributes, list)],
  constants,
  opset,
  kinds,
})

const image = [3, 7, 6]
const cases: Record<string, Case> = {
  'Conv, more zeros behind': single(image, 'Conv', { pads: [0, 1, 2, 1] }, [
    floats('w', [4, 3, 3, 3]),
    floats('b', [4]),
  ]),
  'Conv SAME_UPPER': single(image, 'Conv', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, [floats('w', [4, 3, 3, 3])]),
  'Conv SAME_LOWER': single(image, 'Conv', { auto_pad: 'SAME_LOWER', strides: [2, 2] }, [floats('w', [4, 3, 4, 4])]),
  'Conv VALID': single(image, 'Conv', { auto_pad: 'VALID' }, [floats('w', [4, 3, 2, 2])]),
  'Conv of sequences, more zeros before': single([3, 9], 'Conv', { pads: [2, 0] }, [floats('w', [4, 3, 3])]),
  'Conv in groups': single([4, 5, 5], 'Conv', { group: 2 }, [floats('w', [6, 2, 3, 3])]),
  'ConvTranspose, cut off unevenly': single([3, 4, 4], 'ConvTranspose', { strides: [2, 2], pads: [0, 1, 1, 1] }, [
    floats('w', [3, 2, 3, 3]),
    floats('b', [2]),
  ]),
  'ConvTranspose SAME_UPPER': single([3, 4, 4], 'ConvTranspose', { strides: [2, 2], auto_pad: 'SAME_UPPER' }, [
    floats('w', [3, 2, 3, 3]),
  ]),
  'ConvTranspose of a shape': single([3, 4, 4], 'ConvTranspose', { strides: [2, 2], output_shape: [8, 8] }, [
    floats('w', [3, 2, 3, 3]),
  ]),
  'ConvTranspose of sequences': single([4, 5], 'ConvTranspose', { strides: [2], group: 2, output_padding: [1] }, [
    floats('w', [4, 1, 3]),
  ]),
  'ConvTranspose, scaled': {
    input: [4, 3, 3],
    nodes: [
      node('ConvTranspose', ['x', 'w'], ['a'], { group: 2 }),
      node('Mul', ['a', 's'], ['b']),
      node('Add', ['b', 's'], ['y']),
    ],
    constants: [floats('w', [4, 2, 2, 2]), floats('s', [4, 1, 1])],
    kinds: 'convTranspose2d',
  },
  'MaxPool with ceil and uneven zeros': single(image, 'MaxPool', {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [0, 0, 1, 1],
    ceil_mode: 1,
  }),
  'MaxPool with gaps': single(image, 'MaxPool', { kernel_shape: [2, 2], dilations: [2, 3] }),
  'MaxPool SAME_UPPER': single(image, 'MaxPool', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  'AveragePool SAME_LOWER': single(image, 'AveragePool', { kernel_shape: [3, 2], auto_pad: 'SAME_LOWER' }),
  'AveragePool that counts uneven zeros': single(image, 'AveragePool', {
    kernel_shape: [3, 3],
    pads: [1, 0, 0, 1],
    count_include_pad: 1,
  }),
  'AveragePool with ceil': single(image, 'AveragePool', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
  'AveragePool of sequences': single([3, 8], 'AveragePool', { kernel_shape: [3], pads: [1, 1] }),
  GlobalMaxPool: single(image, 'GlobalMaxPool'),
  'GlobalAveragePool of sequences': single([3, 8], 'GlobalAveragePool'),
  'Gemm with alpha and beta': single(
    [5],
    'Gemm',
    { alpha: 0.5, beta: 2, transB: 1 },
    [floats('w', [3, 5]), floats('b', [3])],
    { floats: 'alpha beta', kinds: 'dense' },
  ),
  'Gemm with one number for a bias': single([5], 'Gemm', {}, [floats('w', [5, 3]), floats('b', [1])]),
  'MatMul from the left': {
    input: [4, 5],
    nodes: [node('MatMul', ['w', 'x'], ['y'])],
    constants: [floats('w', [3, 4])],
    kinds: 'permute dense permute',
  },
  'MatMul of more axes': single([2, 3, 4], 'MatMul', {}, [floats('w', [4, 5])], { kinds: 'dense' }),
  'BatchNormalization of features': single(
    [4],
    'BatchNormalization',
    { epsilon: 0.01 },
    [floats('s', [4]), floats('b', [4]), floats('m', [4]), floats('v', [4], [1, 2, 3, 4])],
    { floats: 'epsilon', kinds: 'batchNorm' },
  ),
  'BatchNormalization of sequences': single([4, 5], 'BatchNormalization', {}, [
    floats('s', [4]),
    floats('b', [4]),
    floats('m', [4]),
    floats('v', [4], [1, 2, 3, 4]),
  ]),
  'LayerNormalization of images': single([2, 3, 4], 'LayerNormalization', { axis: 2 }, [
    floats('s', [3, 4]),
    floats('b', [3, 4]),
  ]),
  'GroupNormalization 21': single(
    [4, 3, 3],
    'GroupNormalization',
    { num_groups: 2 },
    [floats('s', [4]), floats('b', [4])],
    { opset: 21 },
  ),
  'HardSigmoid of other numbers': single([4], 'HardSigmoid', { alpha: 0.4, beta: 0.3 }, [], { floats: 'alpha beta' }),
  'PRelu of images': single([3, 2, 2], 'PRelu', {}, [floats('s', [3, 1, 1])], { kinds: 'prelu' }),
  'PRelu of one number': single([3, 2, 2], 'PRelu', {}, [floats('s', [1])], { kinds: 'prelu' }),
  'Softmax of channels': single([3, 2, 2], 'Softmax', { axis: 1 }),
  'Softmax of rows': single([3, 2, 4], 'Softmax', { axis: 3 }),
  'Softmax in the middle': single([3, 5, 4], 'Softmax', { axis: 2 }),
  'Softmax of version 11': single([3, 2, 4], 'Softmax', { axis: 2 }, [], { opset: 11 }),
  Clip: single([6], 'Clip', {}, [floats('least', [], [-0.25]), floats('most', [], [0.5])]),
  'Clip above alone': {
    input: [6],
    nodes: [node('Clip', ['x', '', 'm'], ['y'])],
    constants: [floats('m', [], [0.25])],
  },
  'Clip of version 10': single([6], 'Clip', { min: 0, max: 0.5 }, [], { opset: 10, floats: 'min max', kinds: 'relu' }),
  'Max and Min': {
    input: [6],
    nodes: [node('Max', ['x', 'a'], ['z']), node('Min', ['z', 'b'], ['y'])],
    constants: [floats('a', [1], [-0.5]), floats('b', [1], [0.5])],
  },
  'Clip below, far away': single([6], 'Clip', {}, [floats('a', [], [-1e9]), floats('b', [], [0.5])]),
  'Clip above, far away': single([6], 'Clip', {}, [floats('a', [], [-0.5]), floats('b', [], [1e9])]),
  'Clip to what float16 has': single([6], 'Clip', {}, [floats('a', [], [-65504]), floats('b', [], [65504])]),
  'Clip far below alone': single([6], 'Clip', {}, [floats('a', [], [-1e6])]),
  'Clip far above alone': {
    input: [6],
    nodes: [node('Clip', ['x', '', 'm'], ['y'])],
    constants: [floats('m', [], [1e6])],
  },
  'Clip of what is far away': {
    input: [6],
    nodes: [node('Mul', ['x', 's'], ['z']), node('Clip', ['z', 'a', 'b'], ['y'])],
    constants: [floats('s', [], [2000]), floats('a', [], [-500]), floats('b', [], [700])],
  },
  'Max and Min with what is far away': {
    input: [6],
    nodes: [node('Max', ['x', 'a'], ['z']), node('Min', ['z', 'b'], ['y'])],
    constants: [floats('a', [1], [-1e6]), floats('b', [1], [1e6])],
  },
  'Conv and far limits': {
    input: [3, 5, 5],
    nodes: [node('Conv', ['x', 'w', 'c'], ['z']), node('Clip', ['z', 'a', 'b'], ['y'])],
    constants: [floats('w', [4, 3, 3, 3]), floats('c', [4]), floats('a', [], [-65504]), floats('b', [], [65504])],
    kinds: 'conv2d conv2d relu add normalize relu conv2d add',
  },
  'MatMul and far limits': {
    input: [4, 5],
    nodes: [node('MatMul', ['x', 'w'], ['z']), node('Clip', ['z', 'a', 'b'], ['y'])],
    constants: [floats('w', [5, 3]), floats('a', [], [-65504]), floats('b', [], [65504])],
  },
  'Max and Min of many constants': {
    input: [3],
    nodes: [
      node('Max', ['a', 'b', 'c'], ['most']),
      node('Min', ['a', 'b', 'c', 'd'], ['least']),
      node('Max', ['least'], ['alone']),
      node('Mul', ['x', 'most'], ['z']),
      node('Add', ['z', 'alone'], ['y']),
    ],
    constants: [
      floats('a', [3], [1, 2, 3]),
      floats('b', [3], [2, 1, 2]),
      floats('c', [1], [2.5]),
      floats('d', [3], [1, 1, -4]),
    ],
  },
  'what is no HardSwish, without a lower limit': {
    input: [4],
    nodes: [
      node('Mul', ['x', 'nine'], ['n']),
      node('Add', ['n', 'three'], ['a']),
      node('Clip', ['a', '', 'six'], ['g']),
      node('Mul', ['n', 'g'], ['m']),
      node('Div', ['m', 'six'], ['y']),
    ],
    constants: [floats('three', [], [3]), floats('six', [], [6]), floats('nine', [], [9])],
  },
  'what is no HardSwish, without an upper limit': {
    input: [4],
    nodes: [
      node('Mul', ['x', 'nine'], ['n']),
      node('Add', ['n', 'three'], ['a']),
      node('Clip', ['a'], ['g'], { min: 0 }, 'min'),
      node('Mul', ['n', 'g'], ['m']),
      node('Div', ['m', 'six'], ['y']),
    ],
    constants: [floats('three', [], [3]), floats('six', [], [6]), floats('nine', [], [9])],
    opset: 10,
  },
  'a HardSwish, written out': {
    input: [4],
    nodes: [
      node('Mul', ['x', 'nine'], ['n']),
      node('Add', ['n', 'three'], ['a']),
      node('Clip', ['a', 'zero', 'six'], ['g']),
      node('Mul', ['n', 'g'], ['m']),
      node('Div', ['m', 'six'], ['y']),
    ],
    constants: [floats('three', [], [3]), floats('six', [], [6]), floats('nine', [], [9]), floats('zero', [], [0])],
    kinds: 'normalize hardSwish',
  },
  'Sub from a constant': { input: [4], nodes: [node('Sub', ['c', 'x'], ['y'])], constants: [floats('c', [4])] },
  'Mul by a table': single([3, 4], 'Mul', {}, [floats('c', [3, 4])]),
  'Mul along the middle': single([2, 3, 4], 'Mul', {}, [floats('c', [3, 1])]),
  'Mul along the last': single([2, 3, 4], 'Mul', {}, [floats('c', [4])]),
  'Add of a part of a table': single([2, 3, 4], 'Add', {}, [floats('c', [2, 1, 4])]),
  'Add of something larger': single([1, 4], 'Add', {}, [floats('c', [1, 3, 4])]),
  'Div of channels': single([3, 2, 2], 'Div', {}, [floats('c', [1, 3, 1, 1], [0.5, 2, 4])], { kinds: 'normalize' }),
  'Pow 3': single([4], 'Pow', {}, [floats('c', [], [3])]),
  'a gate of channels': {
    input: [3, 4, 5],
    nodes: [
      node('GlobalAveragePool', ['x'], ['a']),
      node('Conv', ['a', 'w'], ['b']),
      node('Sigmoid', ['b'], ['c']),
      node('Mul', ['x', 'c'], ['y']),
    ],
    constants: [floats('w', [3, 3, 1, 1])],
  },
  'Resize to sizes': {
    input: [2, 3, 3],
    nodes: [
      node('Resize', ['x', '', '', 'sizes'], ['y'], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    ],
    constants: [ints('sizes', [2, 2, 6, 9])],
    kinds: 'upsample2d',
  },
  'Resize, linear': {
    input: [2, 3, 3],
    nodes: [node('Resize', ['x', '', 's'], ['y'], { mode: 'linear' })],
    constants: [floats('s', [4], [1, 1, 2, 3])],
  },
  'Pad by a number': single([2, 3, 3], 'Pad', {}, [ints('p', [0, 0, 1, 2, 0, 1, 0, 1]), floats('v', [], [0.5])]),
  'Pad by a number far away, and MaxPool': {
    input: [2, 5, 5],
    nodes: [
      node('Pad', ['x', 'p', 'v'], ['z']),
      node('MaxPool', ['z'], ['y'], { kernel_shape: [3, 3], strides: [2, 2] }),
    ],
    constants: [ints('p', [0, 0, 1, 0, 0, 0, 1, 2]), floats('v', [], [-1e9])],
  },
  'Pad of sequences, far away, and Max': {
    input: [2, 5],
    nodes: [node('Pad', ['x', 'p', 'v'], ['z']), node('Max', ['z', 'l'], ['y'])],
    constants: [ints('p', [0, 1, 2, 0, 0, 1]), floats('v', [], [-65504]), floats('l', [], [-0.5])],
  },
  'Pad of sequences': single([2, 5], 'Pad', {}, [ints('p', [0, 0, 2, 0, 1, 1])]),
  'Split and Concat': {
    input: [2, 6],
    nodes: [
      node('Split', ['x', 's'], ['a', 'b', 'c'], { axis: -1 }),
      node('Concat', ['c', 'a', 'b'], ['y'], { axis: 2 }),
    ],
    constants: [ints('s', [1, 2, 3])],
  },
  'Gather of one place': {
    input: [4, 3],
    nodes: [node('Gather', ['x', 'i'], ['y'], { axis: 1 })],
    constants: [{ name: 'i', dims: [], dataType: 7, int64Data: [-1] }],
  },
  'ReduceMean of channels': single([3, 4, 5], 'ReduceMean', { axes: [1], keepdims: 0 }, [], { opset: 13 }),
  'ReduceMean in the middle': single([3, 4, 5], 'ReduceMean', { axes: [2], keepdims: 1 }, [], { opset: 13 }),
  ReduceSum: single([3, 4], 'ReduceSum', { keepdims: 0 }, [ints('axes', [-1])]),
  ReduceMax: single([3, 4], 'ReduceMax', { axes: [2], keepdims: 0 }, [], { opset: 13 }),
  DepthToSpace: single([8, 2, 3], 'DepthToSpace', { blocksize: 2 }),
  'Squeeze and Unsqueeze': {
    input: [1, 4],
    nodes: [node('Squeeze', ['x', 'a'], ['b']), node('Unsqueeze', ['b', 'c'], ['y'])],
    constants: [ints('a', [1]), ints('c', [0, 3])],
  },
  'shapes that are computed': {
    input: [2, 3, 4],
    nodes: [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'zero'], ['n']),
      node('Concat', ['n', 'rest'], ['to']),
      node('Reshape', ['x', 'to'], ['z']),
      node('Transpose', ['z'], ['t'], { perm: [1, 0, 2] }),
      node('Transpose', ['t'], ['y'], { perm: [1, 0, 2] }),
    ].map((one) => (one.opType === 'Concat' ? { ...one, attribute: [{ name: 'axis', i: 0, type: 2 }] } : one)),
    constants: [ints('zero', [0]), ints('rest', [4, -1])],
  },
  'a tanh GELU, written out': {
    input: [5],
    nodes: [
      node('Mul', ['x', 'x'], ['q']),
      node('Mul', ['q', 'x'], ['p']),
      node('Mul', ['p', 'a'], ['b']),
      node('Add', ['x', 'b'], ['c']),
      node('Mul', ['c', 'd'], ['e']),
      node('Tanh', ['e'], ['f']),
      node('Add', ['f', 'one'], ['g']),
      node('Mul', ['x', 'g'], ['h']),
      node('Mul', ['h', 'half'], ['y']),
    ],
    constants: [
      floats('a', [], [0.044715]),
      floats('d', [], [0.7978846]),
      floats('one', [], [1]),
      floats('half', [], [0.5]),
    ],
    kinds: 'gelu',
  },
}

test.each(Object.entries(cases))('%s', async (_, { input, nodes, constants = [], opset = 17, kinds }) => {
  const bytes = fileOf({ inputs: { x: ['N', ...input] }, nodes, constants, opset })
  const data = numbers(2 * product(input), 3)
  const { y } = await runOnnx(bytes, { x: { dims: [2, ...input], data } })
  const { model, network } = await modelOf(bytes)
  expect(relativeError(model.predict(data).data, y.data)).toBeLessThan(1e-5)
  if (kinds) expect(kindsOf(network).join(' ')).toBe(kinds)
})
