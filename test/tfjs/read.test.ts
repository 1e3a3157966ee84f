// Models that TensorFlow.js itself makes, trains for a few steps and saves, read by fromTfjs: the same outputs.
import { describe, expect, test } from 'vitest'
import { fromTfjs } from '../../src/entries/tfjs'
import { HANDLERS } from '../../src/tfjs/read/read'
import { CASES, IDS, type Model } from './models'
import { compare, jsonOf, numbers, save, tf } from './tensorflow'

/** Draws all weights anew, and trains two steps, so that biases and moving statistics are none of 0 and 1. */
async function trained(model: Model, ids = 0): Promise<Model> {
  const weights = model.getWeights().map((weight, i) => {
    const values = numbers(weight.size, i + 3).map(
      (one) => 0.5 * one + 0.6 * Number(/variance/.test(model.weights[i].name)),
    )
    return tf.tensor(values, weight.shape)
  })
  model.setWeights(weights)
  const full = (shape: (number | null)[], seed: number) => {
    const size = shape.slice(1).reduce((a: number, b) => a * (b ?? 4), 4)
    const data = ids ? Float32Array.from({ length: size }, (_, i) => (5 * i + 1) % ids) : numbers(size, seed)
    return tf.tensor(data, [4, ...shape.slice(1).map((one) => one ?? 4)])
  }
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
  const outputs = model.outputs.map(({ shape }) => shape)
  // TensorFlow.js has no gradient of windows with holes.
  const holes = model.layers.some((layer) => [layer.getConfig().dilationRate].flat().some((one) => Number(one) > 1))
  // Nor does it train a batch norm without a scale.
  const unscaled = model.layers.some((layer) => layer.getConfig().scale === false)
  if (model.trainableWeights.length && outputs.length === 1 && !holes && !unscaled) {
    await model.trainOnBatch(
      model.inputs.map(({ shape }, i) => full(shape, i)),
      outputs.map((shape, i) => (ids ? tf.zeros([4, ...(shape.slice(1) as number[])]) : full(shape, i + 9))),
    )
  }
  return model
}

describe('models that TensorFlow.js saves', () => {
  for (const [name, make] of [...Object.entries(CASES), ...Object.entries(IDS)]) {
    test(name, async () => {
      const ids = name in IDS ? 9 : 0
      const model = await trained(make(), ids)
      const saved = await save(model)
      const read = fromTfjs(JSON.stringify(jsonOf(saved)), saved.weightData)
      for (const dtype of ['float32', 'float64'] as const) {
        expect(await compare(model, read, { dtype, ids })).toBeLessThan(1e-5)
      }
    })
  }
})

test('each class that is read is in one of these models', () => {
  const seen = new Set<string>()
  const visit = (model: Model) => {
    for (const layer of model.layers) {
      seen.add(layer.getClassName())
      if ('layers' in layer) visit(layer as unknown as Model)
    }
  }
  for (const make of [...Object.values(CASES), ...Object.values(IDS)]) visit(make())
  // Keras has them, TensorFlow.js has not, or cannot compute them: keras.test.ts reads them.
  const others = [
    'ActivityRegularization',
    'BatchNormalizationV1',
    'Cropping1D',
    'DepthwiseConv1D',
    'GRU',
    'GroupNormalization',
    'Normalization',
    'SeparableConv1D',
    'SpatialDropout2D',
    'ZeroPadding1D',
  ]
  expect(
    Object.keys(HANDLERS)
      .filter((name) => !seen.has(name))
      .toSorted(),
  ).toEqual(others)
})
