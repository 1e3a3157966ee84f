// The files of a TensorFlow.js layers model: model.json, which has the topology and the manifest of the weights, and the
// weights, one file or several. https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts

import { isBuffer, viewBytes } from '../../data/bytes'
import { FileError, PlanError, count, few, isObject, quote, show } from '../../errors'
import { halves } from '../../io/safetensors'

export const WHERE = 'fromTfjs'

/** What weights may be given as: one file; the shards in the order of the manifest; or files by their path. */
export type TfjsWeights =
  | ArrayBuffer
  | Uint8Array
  | readonly (ArrayBuffer | Uint8Array)[]
  | Readonly<Record<string, ArrayBuffer | Uint8Array>>
  | ReadonlyMap<string, ArrayBuffer | Uint8Array>

/** JSON, as far as it is known. */
export type Json = Readonly<Record<string, unknown>>

/** A tensor of the file. Its numbers are decoded when they are asked for. */
export interface Stored {
  readonly name: string
  readonly shape: readonly number[]
  /** Throws a FileError where it is of a type that holds no numbers. */
  decode(): Float32Array<ArrayBuffer>
}

/** Longest text of model.json: beyond this a JSON of hostile bytes takes too much memory. */
const MAX_JSON = 2 ** 27
/** Tensors that a manifest may list. */
const MOST_TENSORS = 100_000

export function fail(problem: string, cause?: unknown): FileError {
  return new FileError(`${WHERE}: ${problem}`, cause === undefined ? undefined : { cause })
}

/** A member of an object of JSON, whose name may be of no member that the file has: '__proto__', 'constructor'. */
export function member(of: unknown, name: string): unknown {
  return isObject(of) && Object.hasOwn(of, name) ? (of as Json)[name] : undefined
}

function isBytes(value: unknown): value is ArrayBuffer | Uint8Array {
  return isBuffer(value) || ArrayBuffer.isView(value)
}

/** The object that model.json is, of its text, its bytes, or of what an IO handler of TensorFlow.js gives. */
export function readJson(given: unknown): Json {
  let value = given
  if (isBytes(value)) {
    if (value.byteLength > MAX_JSON) throw fail(`model.json must be of at most ${MAX_JSON} bytes`)
    value = new TextDecoder().decode(viewBytes(WHERE, value))
  }
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value)
    } catch (cause) {
      throw fail(`the model is not JSON: ${(cause as Error).message}; give the content of model.json first`, cause)
    }
  }
  if (isObject(value) && !Array.isArray(value)) return value as Json
  throw new PlanError(`${WHERE}: wants the content of model.json, text, bytes or an object, got ${show(value)}`)
}

/** What model.json says of the network: { class_name, config }, and of who wrote it. */
export function topologyOf(json: Json): { model: unknown; writer: string; keras: string } {
  const graph =
    'the file is a graph model, of operators of TensorFlow, which has no layers to train; convert the Keras model it was ' +
    'made from once more, with tensorflowjs_converter --output_format=tfjs_layers_model, or to ONNX for v128/onnx'
  if (member(json, 'format') === 'graph-model') throw fail(graph)
  const topology = member(json, 'modelTopology') ?? json
  if (member(topology, 'node') !== undefined) throw fail(graph)
  let model = member(topology, 'model_config') ?? member(topology, 'modelConfig') ?? topology
  if (typeof model === 'string') model = readJson(model)
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return {
    model,
    writer: `${text(member(json, 'generatedBy'))} ${text(member(topology, 'keras_version'))}`,
    keras: text(member(topology, 'keras_version')),
  }
}

/** Bytes of a value, and what reads them, in the order of the host. */
const TYPES = new Map<unknown, readonly [bytes: number, read?: (buffer: ArrayBuffer) => ArrayLike<number>]>([
  ['float32', [4, (buffer) => new Float32Array(buffer)]],
  ['float16', [2, (buffer) => halves(buffer, 10, 15)]],
  ['int32', [4, (buffer) => new Int32Array(buffer)]],
  ['uint16', [2, (buffer) => new Uint16Array(buffer)]],
  ['uint8', [1, (buffer) => new Uint8Array(buffer)]],
  ['bool', [1, (buffer) => new Uint8Array(buffer)]],
  ['complex64', [8]],
])

/** The tensors that the manifest lists, in its order. */
export function readWeights(json: Json, given: TfjsWeights | undefined): Stored[] {
  const { specs, paths } = manifestOf(json)
  const parts = partsOf(given ?? (member(json, 'weightData') as TfjsWeights | undefined), paths)
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  let at = 0
  const stored = specs.map((spec): Stored => {
    const name = member(spec, 'name')
    if (typeof name !== 'string') throw fail(`a tensor of the manifest has the name ${show(name)}`)
    const shape = shapeIn(name, member(spec, 'shape'))
    const from = at
    const dtype = member(spec, 'dtype')
    if (dtype === 'string') {
      at = endOfTexts(name, parts, from, shape)
      return { name, shape, decode: () => refuse(name, 'string') }
    }
    const quantized = member(spec, 'quantization')
    const kept = quantized === undefined ? dtype : member(quantized, 'dtype')
    const type = TYPES.get(kept)
    if (!type) throw fail(`${quote(name)} is of a type that is not known: ${show(kept)}`)
    const values = shape.reduce((product, one) => product * one, 1)
    at += values * type[0]
    if (!(at <= size)) {
      throw fail(
        `${quote(name)}, (${few(shape)}), ends at byte ${at}, but the weights have ${size}; a shard is missing or cut off`,
      )
    }
    const affine = kept === 'uint8' || kept === 'uint16' ? affineOf(name, quantized) : undefined
    const [bytes, read] = type
    return {
      name,
      shape,
      decode() {
        if (!read) return refuse(name, String(kept))
        const numbers = read(slice(parts, from, values * bytes))
        if (!affine)
          return numbers instanceof Float32Array ? (numbers as Float32Array<ArrayBuffer>) : Float32Array.from(numbers)
        const { scale, min } = affine
        const decoded = new Float32Array(values)
        for (let i = 0; i < values; i++) decoded[i] = numbers[i] * scale + min
        return decoded
      },
    }
  })
  if (at === size) return stored
  throw fail(`the weights have ${size} bytes, but the manifest lists ${at}; they are of another model.json`)
}

function refuse(name: string, dtype: string): never {
  throw fail(`${quote(name)} is of type ${dtype}, which holds no weights`)
}

function manifestOf(json: Json): { specs: unknown[]; paths: string[] } {
  const manifest = member(json, 'weightsManifest')
  const groups = manifest === undefined ? [{ weights: member(json, 'weightSpecs') ?? [], paths: [] }] : manifest
  if (!Array.isArray(groups)) throw fail(`weightsManifest must be a list, got ${show(groups)}`)
  const specs: unknown[] = []
  const paths: string[] = []
  for (const group of groups as unknown[]) {
    const [weights, names] = [member(group, 'weights'), member(group, 'paths') ?? []]
    if (!Array.isArray(weights) || !Array.isArray(names) || !names.every((path) => typeof path === 'string')) {
      throw fail(`each group of weightsManifest must be { paths, weights }, got ${show(group)}`)
    }
    if (specs.length + weights.length + paths.length + names.length > MOST_TENSORS) {
      throw fail(`the manifest lists more than ${MOST_TENSORS} tensors`)
    }
    for (const spec of weights as unknown[]) specs.push(spec)
    for (const path of names as string[]) paths.push(path)
  }
  return { specs, paths }
}

/** The weights in the order of the manifest. */
function partsOf(given: TfjsWeights | undefined, paths: readonly string[]): Uint8Array[] {
  const bytes = (value: unknown, what: string): Uint8Array => {
    if (isBytes(value)) return viewBytes(WHERE, value)
    throw new PlanError(`${WHERE}: ${what} must be an ArrayBuffer or a Uint8Array, got ${show(value)}`)
  }
  if (isBytes(given)) return [bytes(given, 'weights')]
  const wanted = `${count(paths.length, 'file')}: ${few(paths)}`
  if (Array.isArray(given)) {
    if (paths.length && given.length !== paths.length && given.length !== 1) {
      throw new PlanError(`${WHERE}: got ${count(given.length, 'shard')}, but the manifest has ${wanted}`)
    }
    return given.map((one, i) => bytes(one, `shard ${i}`))
  }
  if (!isObject(given)) throw new PlanError(`${WHERE}: wants the weights, the bytes of ${wanted}, got ${show(given)}`)
  if (!paths.length) throw new PlanError(`${WHERE}: the manifest names no files; give the weights as one Uint8Array`)
  return paths.map((path) => {
    const one: unknown = given instanceof Map ? given.get(path) : member(given, path)
    if (one === undefined)
      throw new PlanError(`${WHERE}: among the weights there is no ${quote(path)}; wants ${wanted}`)
    return bytes(one, `weights ${quote(path)}`)
  })
}

function shapeIn(name: string, shape: unknown): number[] {
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0
  if (Array.isArray(shape) && shape.length <= 32 && shape.every(isSize)) return shape as number[]
  throw fail(`${quote(name)} must have a shape, a list of sizes, got ${show(shape)}`)
}

function affineOf(name: string, quantized: unknown): { scale: number; min: number } {
  const [scale, min] = [member(quantized, 'scale'), member(quantized, 'min')]
  if (Number.isFinite(scale) && Number.isFinite(min)) return { scale: scale as number, min: min as number }
  throw fail(`${quote(name)} is quantised, but its scale and min are ${show(scale)} and ${show(min)}`)
}

/** Texts are each of 4 bytes of length and so many bytes. */
function endOfTexts(name: string, parts: readonly Uint8Array[], from: number, shape: readonly number[]): number {
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  let at = from
  for (let i = shape.reduce((product, one) => product * one, 1); i > 0; i--) {
    if (at + 4 > size) throw fail(`${quote(name)} ends behind the weights`)
    at += 4 + new DataView(slice(parts, at, 4)).getUint32(0, true)
  }
  return at
}

/** So many bytes from there on, which may lie in several parts. */
function slice(parts: readonly Uint8Array[], from: number, length: number): ArrayBuffer {
  const bytes = new Uint8Array(length)
  let [at, begin] = [0, 0]
  for (const part of parts) {
    const [first, last] = [Math.max(from + at, begin), Math.min(from + length, begin + part.length)]
    if (first < last) {
      bytes.set(part.subarray(first - begin, last - begin), at)
      at += last - first
    }
    begin += part.length
  }
  return bytes.buffer
}
