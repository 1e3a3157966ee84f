// Files that look like what a layer does and do something else: what comes out is what ONNX Runtime has, or a FileError.
import { expect, test } from 'vitest'
import { FileError } from '../../src/errors'
import { fromOnnx } from '../../src/entries/onnx'
import type { NodeProto, TensorProto } from '../../src/onnx/schema'
import { product } from '../../src/tensor'
import { type Attributes, fileOf, floats, ints, node } from '../support/onnx-files'
import { modelOf, numbers, relativeError, runOnnx } from '../support/onnx-runtime'

interface Trap {
  readonly input: readonly (number | string)[]
  readonly nodes: readonly NodeProto[]
  readonly constants?: readonly TensorProto[]
  readonly opset?: number
  /** What the FileError says, where there must be one. */
  readonly refused?: RegExp
}

const one = (name: string, value: number) => floats(name, [], [value])
const whole = (name: string, value: number): TensorProto => ({ name, dims: [], dataType: 7, int64Data: [value] })
const zero = whole('zero', 0)
/** The size of the batch of x. */
const size = [node('Shape', ['x'], ['s']), node('Gather', ['s', 'zero'], ['n'])]

/** Attention of two heads over four places of four numbers, whose scores, a0, become a1 by `between`. */
function attending(
  between: readonly NodeProto[],
  constants: readonly TensorProto[],
  axis?: number,
  opset = 17,
  [before, after] = ['a1', 'a'],
): Trap {
  const heads = [...'qkv'].flatMap((name) => [
    node('MatMul', ['x', `w${name}`], [`${name}0`]),
    node('Reshape', [`${name}0`, 'apart'], [`${name}1`]),
    node('Transpose', [`${name}1`], [name], { perm: name === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] }),
  ])
  const nodes = [
    ...heads,
    node('MatMul', ['q', 'k'], ['a0']),
    ...between,
    node('Softmax', [before], [after], axis === undefined ? {} : { axis }),
    node('MatMul', ['a', 'v'], ['o0']),
    node('Transpose', ['o0'], ['o1'], { perm: [0, 2, 1, 3] }),
    node('Reshape', ['o1', 'together'], ['o2']),
    node('MatMul', ['o2', 'wo'], ['y']),
  ]
  const weights = [...'qkvo'].map((name, i) => floats(`w${name}`, [4, 4], numbers(16, i + 20)))
  const shapes = [ints('apart', [0, 4, 2, 2]), ints('together', [0, 4, 4])]
  return { input: ['N', 4, 4], nodes, constants: [...weights, ...shapes, ...constants], opset }
}
const half = one('s', 0.5)
const scaled = node('Mul', ['a0', 's'], ['a1'])
/** What hides the later places, by a number. */
const causal = (value: number) => Array.from({ length: 16 }, (_, i) => (i % 4 > Math.floor(i / 4) ? value : 0))
const mask = (value: number, dims = [4, 4]) => floats('m', dims, causal(value))
const later: TensorProto = { name: 't', dims: [4, 4], dataType: 9, int32Data: causal(1) }
const NONE = /no layer multiplies what the network computes/
const MASK = /its mask is not that of causal attention/

/** A layer norm, written out; `inner` are the axes of a second mean, within the variance. */
function norm(mean: Attributes, variance: Attributes = {}, inner?: readonly number[]): Trap {
  const centre = inner ? 'e' : 'd'
  const nodes = [
    node('ReduceMean', ['x'], ['m'], { axes: [-1], ...mean }),
    node('ReduceMean', ['x'], ['m2'], { axes: inner ?? [-1] }),
    node('Sub', ['x', 'm'], ['d']),
    node('Sub', ['x', 'm2'], ['e']),
    node('Mul', [centre, centre], ['q']),
    node('ReduceMean', ['q'], ['v'], { axes: [-1], ...variance }),
    node('Add', ['v', 'epsilon'], ['w']),
    node('Sqrt', ['w'], ['s']),
    node('Div', ['d', 's'], ['y']),
  ]
  return { input: [1, 4, 4], nodes, constants: [one('epsilon', 1e-5)] }
}
const DIVIDES = /Sqrt, .* no layer does it|the batch is another axis/

function batchNorm(attributes: Attributes, opset: number, outputs = ['y']): Trap {
  const constants = ['s', 'b', 'm', 'v'].map((name) => floats(name, [2], [0.5, 2]))
  return {
    input: ['N', 2, 3],
    nodes: [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], outputs, attributes)],
    constants,
    opset,
  }
}

/** A node of two constants. */
const node2 = (opType: string, attributes: Attributes = {}) => [node(opType, ['a', 'b'], ['k'], attributes)]

/** x, and what nodes make of two lists of whole numbers, of int64 unless given, added. */
function added(nodes: readonly NodeProto[], a: number[], b: number[], type = 7): Trap {
  const list = (name: string, data: number[]): TensorProto =>
    type === 7 ? ints(name, data) : { name, dims: [data.length], dataType: type, int32Data: data }
  return {
    input: ['N', 3],
    nodes: [...nodes, node('Cast', ['k'], ['f'], { to: 1 }), node('Add', ['x', 'f'], ['y'])],
    constants: [list('a', a), list('b', b)],
  }
}

const traps: Record<string, Trap> = {
  'an output whose batch is the second axis': {
    input: ['N', 3, 2],
    nodes: [node('Transpose', ['x'], ['y'], { perm: [1, 0, 2] })],
    refused: /output 'y' of shape \(3, N, 2\) has the batch as its axis 1/,
  },
  'an output that a constant gives an axis before the batch': {
    input: ['N', 4],
    nodes: [node('Add', ['x', 'c'], ['y'])],
    constants: [floats('c', [2, 1, 4])],
    refused: /has the batch as its axis 1/,
  },
  'an output with an axis of one before the batch': {
    input: ['N', 4],
    nodes: [node('Unsqueeze', ['x', 'a'], ['y'])],
    constants: [ints('a', [0])],
  },
  'the size of a batch as a number': {
    input: ['N', 5],
    nodes: [...size, node('Cast', ['n'], ['f'], { to: 1 }), node('Div', ['x', 'f'], ['y'])],
    constants: [zero],
    refused: /'y', Div, .*'f' rests on the size of a batch/s,
  },
  'the number of values as a number': {
    input: ['N', 5],
    nodes: [node('Size', ['x'], ['n']), node('Cast', ['n'], ['f'], { to: 1 }), node('Mul', ['x', 'f'], ['y'])],
    refused: /rests on the size of a batch/,
  },
  'the product of a shape as a number': {
    input: ['N', 5],
    nodes: [
      node('Shape', ['x'], ['s']),
      node('ReduceProd', ['s'], ['p'], { keepdims: 0 }),
      node('Cast', ['p'], ['f'], { to: 1 }),
      node('Add', ['x', 'f'], ['y']),
    ],
    refused: /rests on the size of a batch/,
  },
  'what is left of the size of a batch as a number': {
    input: ['N', 5],
    nodes: [
      ...size,
      node('Mod', ['n', 'four'], ['r']),
      node('Cast', ['r'], ['f'], { to: 1 }),
      node('Mul', ['x', 'f'], ['y']),
    ],
    constants: [zero, whole('four', 4)],
    refused: /rests on the size of a batch/,
  },
  'a part as long as the batch': {
    input: ['N', 5],
    nodes: [node('Shape', ['x'], ['s'], { end: 1 }), node('Slice', ['x', 'from', 's', 'axes'], ['y'])],
    constants: [ints('from', [0]), ints('axes', [1])],
    refused: /rests on the size of a batch/,
  },
  'as many columns as examples': {
    input: ['N', 1],
    nodes: [
      node('Shape', ['x'], ['s'], { end: 1 }),
      node('Concat', ['s', 's'], ['to'], { axis: 0 }),
      node('Expand', ['x', 'to'], ['y']),
    ],
    refused: /rests on the size of a batch/,
  },
  'another size as a number': {
    input: ['N', 5],
    nodes: [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'one'], ['n']),
      node('Cast', ['n'], ['f'], { to: 1 }),
      node('Div', ['x', 'f'], ['y']),
    ],
    constants: [whole('one', 1)],
  },
  'the size of a batch in a shape, after sums with it': {
    input: ['N', 6],
    nodes: [
      ...size,
      node('Mul', ['n', 'two'], ['m']),
      node('Div', ['m', 'two'], ['d']),
      node('Unsqueeze', ['d', 'axes'], ['u']),
      node('Concat', ['u', 'rest'], ['to'], { axis: 0 }),
      node('Reshape', ['x', 'to'], ['y']),
    ],
    constants: [zero, whole('two', 2), ints('axes', [0]), ints('rest', [3, -1])],
  },
  'attention of version 11 over its last axis': attending([scaled], [half], 3, 11),
  'attention of version 11 over two axes': { ...attending([scaled], [half], 2, 11), refused: NONE },
  'attention of version 11 over all axes': { ...attending([scaled], [half], undefined, 11), refused: NONE },
  'attention over rows of two queries': {
    ...attending(
      [scaled, node('Reshape', ['a1', 'pairs'], ['p']), node('Reshape', ['r', 'back'], ['a'])],
      [half, ints('pairs', [0, 2, 2, 8]), ints('back', [0, 2, 4, 4])],
      -1,
      17,
      ['p', 'r'],
    ),
    refused: NONE,
  },
  'attention with a mask, scaled before': attending(
    [node('Mul', ['a0', 's'], ['b']), node('Add', ['b', 'm'], ['a1'])],
    [half, mask(-1e9)],
  ),
  'attention with a mask, scaled behind': attending(
    [node('Add', ['a0', 'm'], ['b']), node('Mul', ['b', 's'], ['a1'])],
    [half, mask(-1e9)],
  ),
  'attention with a mask that a scale takes away': {
    ...attending([node('Add', ['a0', 'm'], ['b']), node('Mul', ['b', 's'], ['a1'])], [one('s', 1e-9), mask(-1e9)]),
    refused: MASK,
  },
  'attention with a mask, negated': {
    ...attending([node('Add', ['a0', 'm'], ['b']), node('Neg', ['b'], ['a1'])], [mask(-1e9)]),
    refused: MASK,
  },
  'attention with a mask that is negated to be one': attending(
    [node('Add', ['a0', 'm'], ['b']), node('Neg', ['b'], ['a1'])],
    [mask(1e9)],
  ),
  'attention with a number added, then scaled': {
    ...attending([node('Add', ['a0', 'm'], ['b']), node('Mul', ['b', 's'], ['a1'])], [one('m', -1e9), one('s', 1e-9)]),
    refused: NONE,
  },
  'attention whose mask is chosen': attending(
    [node('Mul', ['a0', 's'], ['b']), node('Where', ['t', 'low', 'b'], ['a1'])],
    [half, later, one('low', -1e9)],
  ),
  'attention whose mask is chosen, then scaled away': {
    ...attending(
      [node('Where', ['t', 'low', 'a0'], ['b']), node('Mul', ['b', 's'], ['a1'])],
      [later, one('low', -1e4), one('s', 1e-4)],
    ),
    refused: MASK,
  },
  'attention whose norm is no projection': {
    input: ['N', 4, 4],
    nodes: [
      node('LayerNormalization', ['x', 'g', 'h'], ['q'], { axis: 1 }),
      node('Transpose', ['q'], ['k'], { perm: [0, 2, 1] }),
      node('MatMul', ['q', 'k'], ['a0']),
      node('Softmax', ['a0'], ['a']),
      node('MatMul', ['a', 'q'], ['o']),
      node('MatMul', ['o', 'wo'], ['y']),
    ],
    constants: ['g', 'h', 'wo'].map((name, i) => floats(name, [4, 4], numbers(16, i + 30))),
    refused: /its projections are not dense layers/,
  },
  'Gemm with a number for each row': {
    input: [3, 5],
    nodes: [node('Gemm', ['x', 'w', 'c'], ['y'])],
    constants: [floats('w', [5, 3]), floats('c', [3, 1])],
    refused: /a bias of \(3, 1\)/,
  },
  'Gemm with a row': {
    input: [3, 5],
    nodes: [node('Gemm', ['x', 'w', 'c'], ['y'])],
    constants: [floats('w', [5, 3]), floats('c', [1, 3])],
  },
  'a norm that loses its axis': { ...norm({ keepdims: 0 }), refused: DIVIDES },
  'a norm that loses the axis of its variance': { ...norm({}, { keepdims: 0 }), refused: DIVIDES },
  'a norm whose variance is around another mean': { ...norm({}, {}, [-2, -1]), refused: DIVIDES },
  'a norm whose variance is around the same mean': norm({}, {}, [-1]),
  'BatchNormalization in training': {
    ...batchNorm({ training_mode: 1 }, 15, ['y', 'rm', 'rv']),
    refused: /as in training/,
  },
  'BatchNormalization in training, of version 9': {
    ...batchNorm({}, 9, ['y', 'rm', 'rv', 'sm', 'sv']),
    refused: /as in training/,
  },
  'BatchNormalization of places': { ...batchNorm({ spatial: 0 }, 8), refused: /means for each place/ },
  'what is left of a division, of the sign of the first': added(node2('Mod', { fmod: 1 }), [-7, 7, 5], [3, -3, 3]),
  'what is left of a division, of the sign of the second': added([...node2('Mod')], [-7, 7, 5], [3, -3, 3]),
  'whole numbers that wrap around': added(node2('Mul'), [2 ** 20, 2 ** 16, -3], [2 ** 20 + 1, 2 ** 15, 5], 6),
  'small whole numbers that wrap around': added(node2('Add'), [200, 1, 255], [100, 2, 255], 2),
  'whole numbers too large to know': { ...added(node2('Mul'), [2 ** 40, 1, 1], [2 ** 40, 1, 1]), refused: /2 \*\* 53/ },
  'constants cut to bytes': added([node('Cast', ['a'], ['k'], { to: 2 })], [300, -1, 7], [0, 0, 0]),
  'constants rounded to 16 bits': {
    input: ['N', 4],
    nodes: [
      node('Cast', ['c'], ['h'], { to: 10 }),
      node('Cast', ['h'], ['f'], { to: 1 }),
      node('Mul', ['x', 'f'], ['y']),
    ],
    constants: [floats('c', [4], [0.1, 3.14159265, -2049, 1e-7])],
  },
  'values rounded to 16 bits': {
    input: ['N', 4],
    nodes: [node('Cast', ['x'], ['h'], { to: 10 }), node('Cast', ['h'], ['y'], { to: 1 })],
    refused: /rounds to 16 bits/,
  },
  'a gate of whole numbers': {
    input: ['N', 4],
    nodes: [
      node('Cast', ['x'], ['i'], { to: 7 }),
      node('Cast', ['i'], ['f'], { to: 1 }),
      node('Sigmoid', ['f'], ['g']),
      node('Mul', ['x', 'g'], ['y']),
    ],
    refused: /cuts off/,
  },
}

test('a value called by the names of two others is not their product', async () => {
  const nodes = [node('Mul', ['a', 'b'], ['p']), node('Sigmoid', ['p'], ['g']), node('Mul', ['a,b', 'g'], ['y'])]
  const names = ['a', 'b', 'a,b']
  const bytes = fileOf({ inputs: Object.fromEntries(names.map((name) => [name, ['N', 3]])), nodes })
  const data = names.map((_, i) => numbers(6, i + 1))
  const { y } = await runOnnx(
    bytes,
    Object.fromEntries(names.map((name, i) => [name, { dims: [2, 3], data: data[i] }])),
  )
  const { model, input } = await modelOf(bytes)
  const fed = Object.fromEntries(Object.keys(input as object).map((name, i) => [name, data[i]]))
  expect(relativeError((model.predict(fed as never) as { data: Float32Array }).data, y.data)).toBeLessThan(1e-5)
})

test.each(Object.entries(traps))('%s', async (_, { input, nodes, constants, opset, refused }) => {
  const bytes = fileOf({ inputs: { x: input }, nodes, constants, opset })
  if (refused) {
    expect(() => fromOnnx(bytes)).toThrow(FileError)
    expect(() => fromOnnx(bytes)).toThrow(refused)
    return
  }
  const dims = input.map((size) => (typeof size === 'string' ? 2 : size))
  const data = numbers(product(dims), 3)
  const { y } = await runOnnx(bytes, { x: { dims, data } })
  const { model } = await modelOf(bytes)
  expect(relativeError(model.predict(data).data, y.data)).toBeLessThan(1e-5)
})
