// toOnnx: each row of the layer table, and more of their options, give the same in onnxruntime as in predict.
import { describe, expect, test } from 'vitest'
import { inputOf, layerCases } from '../../cases/layers'
import { createModel } from '../../src/entries/index'
import { toOnnx } from '../../src/entries/onnx'
import { TOLERANCE, difference, examplesOf, run, shake } from '../support/onnx'
import { VARIANTS, type Variant } from './variants'

const ROWS = 3

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  test.each<Variant>([...layerCases, ...VARIANTS])('$name', async (row) => {
    const { network, far = 1 } = row
    const model = await createModel(network(), { input: inputOf(row), batch: 2, dtype, inference: true })
    shake(model)
    const { input } = examplesOf(model, ROWS)
    if (far !== 1) for (let i = 0; i < input.length; i++) input[i] *= far
    const wanted = model.predict(input)
    const { output } = await run(toOnnx(model), { input }, ROWS)
    expect(output.dims).toEqual(wanted.shape)
    expect(difference(output.data, wanted.data)).toBeLessThan(TOLERANCE[dtype])
  })
})
