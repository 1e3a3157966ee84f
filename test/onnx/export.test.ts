// toOnnx: each row of the layer table gives the same in onnxruntime as in predict.
import { describe, expect, test } from 'vitest'
import { inputOf, layerCases } from '../../cases/layers'
import { createModel } from '../../src/entries/index'
import { toOnnx } from '../../src/entries/onnx'
import { TOLERANCE, difference, examplesOf, run, shake } from '../support/onnx'

const ROWS = 3

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  test.each(layerCases)('$name', async (row) => {
    const model = await createModel(row.network(), { input: inputOf(row), batch: 2, dtype, inference: true })
    shake(model)
    const { input } = examplesOf(model, ROWS)
    const wanted = model.predict(input)
    const { output } = await run(toOnnx(model), { input }, ROWS)
    expect(output.dims).toEqual(wanted.shape)
    expect(difference(output.data, wanted.data)).toBeLessThan(TOLERANCE[dtype])
  })
})
