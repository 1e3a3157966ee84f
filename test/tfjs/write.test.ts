// What toTfjs writes is loaded by TensorFlow.js, and predicts the same: each row of the layer table.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LayerCase, inputOf, layerCases } from '../../cases/layers'
import {
  type Layer,
  PlanError,
  adam,
  attention,
  avgPool2d,
  conv2d,
  createModel,
  dense,
  flatten,
  freeze,
  graph,
  gru,
  groupNorm,
  lstm,
  maxPool2d,
  meanSquaredError,
  relu,
  sequential,
  softmaxCrossEntropy,
  upsample2d,
} from '../../src/entries/index'
import { fromTfjs, toTfjs, type TfjsModel } from '../../src/entries/tfjs'
import { DECISIONS } from '../../src/tfjs/write/write'
import { channelsFirst, difference, layers, numbers, tf } from './tensorflow'

/** Rows that TensorFlow.js cannot have, and of which layer that is said. */
const REFUSED: Record<string, RegExp> = {}

async function load({ modelJson, weights }: TfjsModel): Promise<layers.LayersModel> {
  const { modelTopology, weightsManifest } = JSON.parse(JSON.stringify(modelJson)) as any
  const artifacts = { modelTopology, weightSpecs: weightsManifest[0].weights, weightData: weights.buffer }
  return layers.loadLayersModel(tf.io.fromMemory(artifacts))
}

/** (N, C, H, W) as TensorFlow.js has it: the inverse of channelsFirst. */
function channelsLast(data: Float32Array, [n, h, w, c]: readonly number[]): Float32Array {
  const places = channelsFirst(
    Float32Array.from({ length: data.length }, (_, i) => i),
    [n, h, w, c],
  )
  const to = new Float32Array(data.length)
  places.forEach((place, i) => (to[place] = data[i]))
  return to
}

async function modelOf({ network, ...row }: LayerCase, dtype: 'float32' | 'float64') {
  const model = await createModel(network(), { input: inputOf(row), batch: 3, dtype, seed: 5, algorithm: 'direct' })
  Object.values(model.parameters).forEach(({ data }, i) => {
    numbers(data.length, i + 2).forEach((one, k) => (data[k] = 0.6 * one))
  })
  Object.entries(model.buffers ?? {}).forEach(([name, { data }], i) => {
    if (/running/.test(name))
      numbers(data.length, i + 50).forEach((one, k) => (data[k] = 0.3 * one + Number(/var/.test(name))))
  })
  return model
}

/** The largest difference between a model and what TensorFlow.js loads of it. */
async function apart(
  model: Awaited<ReturnType<typeof modelOf>>,
  { input, ids }: Pick<LayerCase, 'input' | 'ids'>,
  written: TfjsModel,
) {
  const theirs = await load(written)
  const size = 3 * input.reduce((a, b) => a * b)
  const x = ids ? Int32Array.from({ length: size }, (_, i) => (5 * i + 2) % ids) : numbers(size, 4)
  const [{ shape }] = theirs.inputs
  const full = [3, ...(shape.slice(1) as number[])]
  // Two axes that are turned are an image of width 1.
  const turned =
    input.length === 2 && shape[1] !== input[0]
      ? channelsLast(x as Float32Array, [3, input[1], 1, input[0]])
      : undefined
  const given = turned ?? (full.length === 4 ? channelsLast(Float32Array.from(x), full) : Float32Array.from(x))
  const y = theirs.predict(tf.tensor(given, full)) as tf.Tensor
  return difference((model.predict(x as never) as { data: Float32Array }).data, channelsFirst(y.dataSync(), y.shape))
}

describe('rows of the layer table', () => {
  for (const row of layerCases) {
    const refusal = REFUSED[row.name]
    test(`${row.name}${refusal ? ', refused' : ''}`, async () => {
      for (const dtype of ['float32', 'float64'] as const) {
        const model = await modelOf(row, dtype)
        if (refusal) expect(() => toTfjs(model)).toThrow(refusal)
        else expect(await apart(model, row, toTfjs(model))).toBeLessThan(1e-5)
        model.close()
      }
    })
  }
})
