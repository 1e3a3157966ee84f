// What toOnnx writes in float32 comes back by fromOnnx as a network that predicts, and learns on, as the first one does.
import { describe, expect, test } from 'vitest'
import { inputOf, layerCases } from '../../cases/layers'
import {
  FileError,
  type Layer,
  adam,
  attention,
  conv2d,
  createModel,
  dense,
  flatten,
  lstm,
  relu,
  sequential,
  softmax,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { fromOnnx, toOnnx } from '../../src/entries/onnx'
import { TOLERANCE, difference, examplesOf, shake } from '../support/onnx'

/** Rows of the layer table whose nodes nothing here is made of, as a whole: what is said of them. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'maxout of images': /fromOnnx: /,
}

test('each row of the layer table is read again, or named', async () => {
  const refused: Record<string, string> = {}
  for (const row of layerCases) {
    const model = await createModel(row.network(), {
      input: inputOf(row),
      batch: 3,
      dtype: 'float32',
      seed: 1,
      inference: true,
    })
    shake(model)
    const x = examplesOf(model, 3) as any
    const bytes = toOnnx(model)
    try {
      const back = fromOnnx(bytes)
      const again = await createModel(back.network, { input: back.input!, batch: 3, dtype: 'float32', inference: true })
      back.load(again)
      const [wanted, got] = [model.predict(x.input ?? x), again.predict(x.input ?? x)]
      expect(difference(got.data, wanted.data), row.name).toBeLessThan(TOLERANCE.float32)
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      refused[row.name] = error.message
    }
  }
  console.log(
    Object.entries(refused)
      .map(([name, text]) => `${name}: ${text}`)
      .join('\n'),
  )
  expect(REFUSED).toBeDefined()
})

describe('trains on', () => {
  test.each<[string, () => Layer, number[]]>([
    ['dense', () => sequential(dense(5), relu(), dense(3)), [4]],
    ['conv2d', () => sequential(conv2d(4, { kernel: 3 }), relu(), flatten(), dense(3)), [1, 6, 6]],
    ['lstm', () => sequential(lstm(4, { output: 'all' }), dense(3), flatten(), dense(3)), [5, 2]],
    ['attention', () => sequential(attention({ heads: 2 }), flatten(), dense(3)), [5, 4]],
  ])('%s, from biases of zeros as well', async (_, network, input) => {
    const options = {
      batch: 6,
      dtype: 'float32',
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.01 }),
    } as const
    const model = await createModel(network(), { ...options, input, seed: 1 })
    const back = fromOnnx(toOnnx(model))
    const again = await createModel(back.network, { ...options, input: back.input! })
    back.load(again)
    const { input: x } = examplesOf(model, 6) as any
    for (let step = 0; step < 5; step++) {
      const [a, b] = [model, again].map((one) => one.trainStep(x, [0, 1, 2, 0, 1, 2]))
      expect(Math.abs(b / a - 1)).toBeLessThan(1e-4)
    }
  })
})

test('scores leaves out a softmax at the end, where there is one', async () => {
  const model = await createModel(sequential(dense(3), softmax()), { input: [4], dtype: 'float32', seed: 1 })
  const bytes = toOnnx(model)
  const kinds = (scores: boolean) => JSON.stringify(fromOnnx(bytes, { scores }).network).match(/softmax/g)?.length ?? 0
  expect([kinds(false) > 0, kinds(true)]).toEqual([true, 0])
  const bare = toOnnx(await createModel(dense(3), { input: [4], dtype: 'float32' }))
  expect(JSON.stringify(fromOnnx(bare, { scores: true }).network)).toBe(JSON.stringify(fromOnnx(bare).network))
})
