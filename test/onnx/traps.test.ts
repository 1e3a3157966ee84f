// Files that look like what a layer does and do something else: what comes out is what ONNX Runtime has, or a FileError.
import { expect, test } from 'vitest'
import { FileError } from '../../src/errors'
import { fromOnnx } from '../../src/entries/onnx'
import type { NodeProto, TensorProto } from '../../src/onnx/schema'
import { product } from '../../src/tensor'
import { fileOf, floats, ints, node } from '../support/onnx-files'
import { modelOf, numbers, relativeError, runOnnx } from '../support/onnx-runtime'

interface Trap {
  readonly input: readonly (number | string)[]
  readonly nodes: readonly NodeProto[]
  readonly constants?: readonly TensorProto[]
  readonly opset?: number
  /** What the FileError says, where there must be one. */
  readonly refused?: RegExp
}

const whole = (name: string, value: number): TensorProto => ({ name, dims: [], dataType: 7, int64Data: [value] })
const zero = whole('zero', 0)
/** The size of the batch of x. */
const size = [node('Shape', ['x'], ['s']), node('Gather', ['s', 'zero'], ['n'])]

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
}

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
