// TensorFlow.js on its own backend of plain JavaScript, and what it saves.
import { createRequire } from 'node:module'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-cpu'
// Some initializers of TensorFlow.js want it.
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops'
import * as layers from '@tensorflow/tfjs-layers'
import { createModel } from '../../src/entries/index'
import type { Imported } from '../../src/entries/tfjs'
import type { DType } from '../../src/tensor'

await tf.setBackend('cpu')
export { layers, tf }

export interface Saved {
  modelTopology: object
  weightSpecs: { name: string; shape: number[]; dtype: string; quantization?: object }[]
  weightData: ArrayBuffer
}

/** What TensorFlow.js saves. */
export async function save(model: layers.LayersModel): Promise<Saved> {
  let saved: unknown
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
    }),
  )
  return saved as Saved
}

/** model.json of what is saved. */
export function jsonOf({ modelTopology, weightSpecs }: Saved, paths = ['weights.bin']) {
  return {
    format: 'layers-model',
    generatedBy: 'TensorFlow.js tfjs-layers v4.22.0',
    modelTopology,
    weightsManifest: [{ paths, weights: weightSpecs }],
  }
}

/** Numbers within ± 1, always the same. */
export function numbers(count: number, seed = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) * 0.99)
}

/** (N, ..., C) as (N, C, ...) where there are three axes behind the batch. */
export function channelsFirst(data: ArrayLike<number>, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return Float32Array.from(data)
  const [n, h, w, c] = shape
  const to = new Float32Array(data.length)
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < h * w; p++)
      for (let k = 0; k < c; k++) to[(i * c + k) * h * w + p] = data[(i * h * w + p) * c + k]
  }
  return to
}

/** The largest difference, relative to the largest of the numbers that are wanted. */
export function difference(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Infinity
  let [largest, off] = [1e-30, 0]
  for (let i = 0; i < wanted.length; i++) {
    largest = Math.max(largest, Math.abs(wanted[i]))
    const apart = Math.abs(got[i] - wanted[i])
    off = Number.isNaN(apart) ? Infinity : Math.max(off, apart)
  }
  return off / largest
}

/** How far the outputs are from those of TensorFlow.js, on the same numbers. */
export async function compare(
  model: layers.LayersModel,
  read: Imported,
  { batch = 3, dtype = 'float32', ids = 0 }: { batch?: number; dtype?: DType; ids?: number } = {},
): Promise<number> {
  const ours = await createModel(read.network as never, {
    input: read.input as never,
    batch,
    dtype,
    algorithm: 'direct',
  })
  read.load(ours)
  const inputs = model.inputs.map(({ shape }, i) => {
    const full = [batch, ...(shape.slice(1) as number[])]
    const size = full.reduce((a, b) => a * b)
    const data = ids ? Float32Array.from({ length: size }, (_, k) => (7 * k + 3) % ids) : numbers(size, i + 1)
    return { shape: full, data }
  })
  const given = inputs.map(({ shape, data }) => channelsFirst(data, shape))
  const names = (read.network as { names?: { inputs: string[]; outputs: string[] } }).names
  const asIds = (data: Float32Array) => (ids ? Int32Array.from(data) : data)
  const x = names?.inputs.length
    ? Object.fromEntries(names.inputs.map((name, i) => [name, asIds(given[i])]))
    : asIds(given[0])
  const y = ours.predict(x as never) as unknown as { data: Float32Array } | Record<string, { data: Float32Array }>
  const wanted = model.predict(inputs.map(({ shape, data }) => tf.tensor(data, shape))) as tf.Tensor | tf.Tensor[]
  const list = Array.isArray(wanted) ? wanted : [wanted]
  const got = names?.outputs.length
    ? names.outputs.map((name) => (y as Record<string, { data: Float32Array }>)[name])
    : [y]
  const apart = list.map((one, i) =>
    difference((got[i] as { data: Float32Array }).data, channelsFirst(one.dataSync(), one.shape)),
  )
  ours.close()
  return Math.max(...apart)
}

const require = createRequire(import.meta.url)

/** A model that the package nsfwjs has. */
export function nsfw(name: string, shards: number): { json: object; weights: Uint8Array[] } {
  const at = `nsfwjs/dist/models/${name}`
  const weights = Array.from({ length: shards }, (_, i) => {
    const text: unknown = require(require.resolve(`../../node_modules/${at}/group1-shard${i + 1}of${shards}.min.js`))
    return Uint8Array.from(Buffer.from((text as { default?: string }).default ?? (text as string), 'base64'))
  })
  return { json: require(`../../node_modules/${at}/model.min.js`) as object, weights }
}
