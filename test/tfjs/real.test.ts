// Real models, of the package nsfwjs.
import { describe, expect, test } from 'vitest'
import { FileError, adam, createModel, dense, freeze, sequential, softmaxCrossEntropy } from '../../src/entries/index'
import { fromTfjs } from '../../src/entries/tfjs'
import { channelsFirst, difference, layers, nsfw, numbers, tf } from './tensorflow'

describe('a real model: MobileNet V2, of 8 bits', () => {
  const { json, weights } = nsfw('mobilenet_v2', 1)

  test('gives what TensorFlow.js gives, in both precisions', { timeout: 120_000 }, async () => {
    const read = fromTfjs(json, weights)
    expect(read.input).toEqual([3, 224, 224])
    const { modelTopology, weightsManifest } = json as any
    const theirs = await layers.loadLayersModel(
      tf.io.fromMemory({
        modelTopology,
        weightSpecs: weightsManifest[0].weights,
        weightData: weights[0].buffer as ArrayBuffer,
      }),
    )
    const x = numbers(224 * 224 * 3)
    const wanted = (theirs.predict(tf.tensor(x, [1, 224, 224, 3])) as tf.Tensor).dataSync()
    const given = channelsFirst(x, [1, 224, 224, 3])
    for (const dtype of ['float32', 'float64'] as const) {
      const model = await createModel(read.network, { input: read.input!, batch: 1, dtype })
      read.load(model)
      expect(difference(model.predict(given).data, wanted)).toBeLessThan(1e-5)
      model.close()
    }
  })

  test("is a body for a head of one's own, which learns", { timeout: 60_000 }, async () => {
    const body = fromTfjs(json, weights, { until: 'flatten_1' })
    const network = sequential({ body: freeze(body.network), head: dense(2) })
    const model = await createModel(network, {
      input: [3, 224, 224],
      batch: 2,
      dtype: 'float32',
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.03 }),
    })
    body.load(model, { at: 'body' })
    // A smooth picture, and one of fine stripes.
    const size = 3 * 224 * 224
    const x = Float32Array.from({ length: 2 * size }, (_, i) =>
      i < size ? Math.sin((i % 224) / 70) : i % 4 < 2 ? 0.9 : -0.9,
    )
    const first = model.trainStep(x, [0, 1])
    let loss = first
    for (let i = 0; i < 5; i++) loss = model.trainStep(x, [0, 1])
    expect(loss).toBeLessThan(first / 2)
  })

  test('a graph model is refused, with what to do', () => {
    const other = nsfw('mobilenet_v2_mid', 2)
    expect(() => fromTfjs(other.json, other.weights)).toThrow(FileError)
    expect(() => fromTfjs(other.json, other.weights)).toThrow(/is a graph model.*tfjs_layers_model/)
  })
})
