// Models against what onnxruntime makes of the files that are written of them.
import * as ort from 'onnxruntime-web'
import { type AnyModel, coreOf } from '../../src/model/core-of'
import { createRandom } from '../../src/random'
import { product } from '../../src/tensor'

ort.env.wasm.numThreads = 1

export type Feeds = Readonly<Record<string, Float32Array | Float64Array | Int32Array>>

/** Numbers from -1 to 1. */
export function noise(length: number, seed = 1): Float64Array {
  const random = createRandom(seed)
  return Float64Array.from({ length }, () => 2 * random.uniform() - 1)
}

/** Weights and running statistics as of a model that was trained: none is 0 or 1 any more. */
export function shake(model: AnyModel): void {
  const { tensors } = coreOf('shake', model)
  let seed = 1
  for (const { data } of Object.values(tensors.parameters)) {
    const random = noise(data.length, seed++)
    const size = Math.sqrt(Float64Array.from(data).reduce((sum, value) => sum + value * value, 0) / data.length)
    for (let i = 0; i < data.length; i++) data[i] += 0.5 * (size || 0.4) * random[i]
  }
  for (const [name, { data }] of Object.entries(tensors.buffers)) {
    if (!/running/.test(name)) continue
    const random = noise(data.length, seed++)
    for (let i = 0; i < data.length; i++) data[i] = name.endsWith('var') ? 1.2 + random[i] : 0.3 * random[i]
  }
}

/** `rows` examples for each input of the model, by its name in the file; of ids, the same ones for every call. */
export function examplesOf(model: AnyModel, rows: number): Record<string, Float64Array | Int32Array> {
  const { inputs } = coreOf('examplesOf', model)
  return Object.fromEntries(
    inputs.map(({ name, value: { size, ids } }, i) => {
      const values = noise(rows * size, 100 + i)
      const made = ids ? Int32Array.from(values, (one) => Math.floor(((one + 1) / 2) * ids.below)) : values
      return [name || 'input', made]
    }),
  )
}

/** What onnxruntime makes of the file, by the names of its outputs. */
export async function run(bytes: Uint8Array, feeds: Feeds, rows: number) {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })
  const fed = Object.fromEntries(
    session.inputMetadata.map((input) => {
      if (!input.isTensor) throw new Error(`${input.name} is no tensor`)
      const dims = input.shape.map((size) => (typeof size === 'number' ? size : rows))
      const given = feeds[input.name]
      const data = input.type === 'float32' ? Float32Array.from(given) : given
      if (data.length !== product(dims)) throw new Error(`${input.name} wants ${dims.join(' x ')}`)
      return [input.name, new ort.Tensor(input.type as 'float32', data as Float32Array, dims)]
    }),
  )
  const results = await session.run(fed)
  const outputs = Object.entries(results).map(([name, { dims, data }]) => [
    name,
    { dims, data: Array.from(data as Float64Array) },
  ])
  await session.release()
  return Object.fromEntries(outputs) as Record<string, { readonly dims: readonly number[]; readonly data: number[] }>
}

/** The largest difference between two lists, by the largest number of the second. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity
  let [most, largest] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) return Infinity
    most = Math.max(most, Math.abs(a[i] - b[i]))
    largest = Math.max(largest, Math.abs(b[i]))
  }
  return most && most / largest
}

/** How far an output may be off, of the largest number in it. */
export const TOLERANCE = { float32: 1e-5, float64: 1e-12 } as const
