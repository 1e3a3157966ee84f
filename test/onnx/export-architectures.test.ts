// toOnnx: the well-known networks give the same in onnxruntime as in predict.
import { describe, expect, test } from 'vitest'
import * as architectures from '../../src/entries/architectures'
import { type Layer, createModel, tanh } from '../../src/entries/index'
import { toOnnx } from '../../src/entries/onnx'
import { TOLERANCE, difference, examplesOf, run, shake } from '../support/onnx'

type Name = keyof typeof architectures
/** Of the least image that they take, and as narrow as they come. */
const INPUTS: Readonly<Record<Name, readonly number[]>> = {
  alexNet: [3, 63, 63],
  cifarResNet110: [3, 8, 8],
  cifarResNet20: [3, 16, 16],
  cifarResNet32: [3, 8, 8],
  cifarResNet44: [3, 8, 8],
  cifarResNet56: [3, 8, 8],
  googLeNet: [3, 32, 32],
  lenet5: [1, 28, 28],
  mobileNetV1: [3, 32, 32],
  mobileNetV2: [3, 32, 32],
  resNet18: [3, 32, 32],
  resNet34: [3, 32, 32],
  resNet50: [3, 32, 32],
  vgg11: [3, 32, 32],
  vgg16: [3, 32, 32],
}
const NARROW: Partial<Record<Name, object>> = { mobileNetV1: { width: 0.25 }, mobileNetV2: { width: 0.35 } }
const network = (name: Name): Layer => {
  const make = architectures[name] as (options: object) => Layer
  return make({ classes: 5, ...NARROW[name] })
}

async function check(net: Layer, input: readonly number[], dtype: 'float32' | 'float64', rows = 2): Promise<void> {
  const model = await createModel(net, { input, batch: rows, dtype, inference: true })
  shake(model)
  const { input: x } = examplesOf(model, rows)
  const wanted = model.predict(x)
  const bytes = toOnnx(model)
  model.close()
  const { output } = await run(bytes, { input: x }, rows)
  expect(output.dims).toEqual(wanted.shape)
  expect(difference(output.data, wanted.data)).toBeLessThan(TOLERANCE[dtype])
}

test('all are here', () => {
  const made = Object.keys(architectures).filter((name) => name in architectures)
  expect(Object.keys(INPUTS).toSorted()).toEqual(made.toSorted())
})

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  test.each(Object.entries(INPUTS) as [Name, readonly number[]][])('%s', (name, input) =>
    check(network(name), input, dtype),
  )
  test('lenet5 of the paper', () => check(architectures.lenet5({ activation: tanh, pool: 'avg' }), [1, 28, 28], dtype))
})
