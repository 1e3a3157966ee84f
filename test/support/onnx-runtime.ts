// ONNX Runtime, the judge of what ONNX files compute.
import * as ort from 'onnxruntime-web'
import { createModel } from '../../src/entries/index'
import { type FromOnnxOptions, fromOnnx } from '../../src/entries/onnx'
import type { Layer } from '../../src/plan/layer'
import { createRandom } from '../../src/random'

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

/** A tensor of what goes in. */
export interface Fed {
  readonly type?: 'float32' | 'int64' | 'int32' | 'float64'
  readonly dims: readonly number[]
  readonly data: ArrayLike<number>
}

const make = ({ type = 'float32', dims, data }: Fed) =>
  type === 'int64'
    ? new ort.Tensor(type, BigInt64Array.from(Array.from(data), BigInt), dims)
    : type === 'int32'
      ? new ort.Tensor(type, Int32Array.from(data), dims)
      : type === 'float64'
        ? new ort.Tensor(type, Float64Array.from(data), dims)
        : new ort.Tensor(type, Float32Array.from(data), dims)

/** What a file gives for what goes in, by the names of its outputs. */
export async function runOnnx(bytes: Uint8Array, feeds: Readonly<Record<string, Fed>>) {
  const session = await ort.InferenceSession.create(bytes)
  const results = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, fed]) => [name, make(fed)])))
  await session.release()
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dims, data: Float64Array.from(data as Float32Array) },
    ]),
  )
}

/** What a file of one input gives first. */
export async function resultOf(bytes: Uint8Array, data: ArrayLike<number>, dims: readonly number[]) {
  const session = await ort.InferenceSession.create(bytes)
  const results = await session.run({ [session.inputNames[0]]: make({ dims, data }) })
  const first = results[session.outputNames[0]]
  await session.release()
  return { dims: first.dims, data: Float64Array.from(first.data as Float32Array) }
}

/** Numbers from -1 to 1. */
export function numbers(count: number, seed = 1): Float32Array {
  const random = createRandom(seed)
  return Float32Array.from({ length: count }, () => 2 * random.uniform() - 1)
}

/** The largest difference, as a part of the largest number wanted. */
export function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Infinity
  let [error, size] = [0, 1e-30]
  for (let i = 0; i < wanted.length; i++) {
    error = Math.max(error, Math.abs(got[i] - wanted[i]))
    size = Math.max(size, Math.abs(wanted[i]))
  }
  return Number.isNaN(error) ? Infinity : error / size
}

/** A model of the file's network, with its weights; rows of a batch are those that the file has. */
export async function modelOf(bytes: Uint8Array, options: FromOnnxOptions & { batch?: number } = {}) {
  const { batch = 2, ...rest } = options
  const read = fromOnnx(bytes, rest)
  const model = await createModel(read.network, { input: read.input!, batch, dtype: 'float32' })
  read.load(model)
  return { ...read, model }
}

/** The kinds of a network's layers, one after the other, reshapes left out. */
export function kindsOf({ children = [] }: Pick<Layer, 'children'>): string[] {
  return children.map(([, { kind }]) => kind).filter((kind) => kind !== 'reshape')
}
