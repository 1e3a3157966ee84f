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

const one = (name: string, value: number) => floats(name, [], [value])

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
