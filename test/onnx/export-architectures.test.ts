// toOnnx: the well-known networks give the same in onnxruntime as in predict. They are made narrower, for as they are the
// least of them takes seconds; so they agree too: of all 32, in both precisions, within the same bounds.
import { describe, expect, test } from 'vitest'
import * as architectures from '../../src/entries/architectures'
import { FileError, type Layer, createModel, tanh } from '../../src/entries/index'
import { toOnnx } from '../../src/entries/onnx'
import { type Reader, layerOf } from '../../src/model/registry'
import { TOLERANCE, difference, examplesOf, run, shake } from '../support/onnx'

type Name = Exclude<keyof typeof architectures, 'scaling' | 'timmNames'>
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

/** With an eighth of the filters and a 64th of the units, where there are many of them. */
function slim({ kind, config }: Layer): Layer {
  const less = (key: string, value: unknown) => {
    if (typeof value !== 'number') return value
    if (key === 'filters' && value >= 64) return value / 8
    return key === 'units' && value >= 64 ? value / 64 : value
  }
  const reader: Reader = {
    where: 'slim',
    from: '',
    Fault: FileError,
    cure: () => '',
    initializer: (_kind, _config, known) => known(),
    layers: {},
  }
  return layerOf(reader, JSON.parse(JSON.stringify({ kind, config }), less))
}

function network(name: Name): Layer {
  const make = architectures[name] as (options: object) => Layer
  const net = make({ classes: 5, ...NARROW[name] })
  return /^(alexNet|googLeNet|resNet|vgg)/.test(name) ? slim(net) : net
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
  const made = Object.keys(architectures).filter((name) => name !== 'scaling' && name !== 'timmNames')
  expect(Object.keys(INPUTS).toSorted()).toEqual(made.toSorted())
})

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  test.each(Object.entries(INPUTS) as [Name, readonly number[]][])('%s', (name, input) =>
    check(network(name), input, dtype),
  )
  test('lenet5 of the paper', () => check(architectures.lenet5({ activation: tanh, pool: 'avg' }), [1, 28, 28], dtype))
})
