// Networks that PyTorch wrote: what they give is what PyTorch gave. See fixtures/onnx/export.py.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createModel } from '../../src/entries/index'
import { fromOnnx } from '../../src/entries/onnx'
import { kindsOf, relativeError } from '../support/onnx-runtime'

interface Case {
  readonly inputs: Readonly<Record<string, { dims: number[]; data: number[]; type: string }>>
  readonly y: { dims: number[]; data: number[] }
}

const here = new URL('../fixtures/onnx/', import.meta.url)
const read = (name: string) => readFileSync(new URL(`${name}.onnx`, here))
const cases = JSON.parse(readFileSync(new URL('expected.json', here), 'utf8')) as Record<string, Case>

test.each(Object.entries(cases))('%s', async (name, { inputs, y }) => {
  const { network, input, load } = fromOnnx<string>(read(name))
  const dtype = name === 'double' ? 'float64' : 'float32'
  const [[, { dims }]] = Object.entries(inputs)
  const model = await createModel(network, { input: input as never, batch: dims[0], dtype })
  load(model)
  const data = Object.entries(inputs).map(([key, one]) => [
    key,
    one.type === 'int64' ? Int32Array.from(one.data) : Float32Array.from(one.data),
  ])
  const got = model.predict((data.length > 1 ? Object.fromEntries(data) : data[0][1]) as never) as never as {
    data: Float64Array
  }
  expect(relativeError(got.data, y.data)).toBeLessThan(1e-5)
})

test.each([
  ['conv', 'conv2d relu batchNorm conv2d leakyRelu globalAvgPool2d dense'],
  ['conv1d', 'conv1d silu maxPool1d prelu conv1d hardSwish dense softmax'],
  ['norm16', 'dense layerNorm relu dense'],
  ['norms', 'conv2d groupNorm conv2d groupNorm layerNorm dense'],
  ['lstm', 'lstm take dense'],
  ['lstm-last', 'lstm'],
  ['gru-both', 'gru gru dense'],
  ['words', 'embedding mean dense'],
  ['attention', 'layerNorm attention add dense'],
  ['causal', 'positions attention add'],
  ['cross', 'attention'],
])('%s is of our layers, each where one does it all', (name, kinds) => {
  expect(kindsOf(fromOnnx(read(name)).network).join(' ')).toBe(kinds)
})
