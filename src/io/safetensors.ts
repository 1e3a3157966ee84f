// The safetensors file: 8 bytes of little-endian header length, a JSON header
// {"name": {"dtype": "F64", "shape": [...], "data_offsets": [begin, end]}}, then the bytes of the tensors.
// https://github.com/huggingface/safetensors#format

import { DataError, FileError, checkArguments, few, isPlain, quote, readSafely, show } from '../errors'
import { type Tensor, product } from '../tensor'

/** A tensor as a file has it. Its values are decoded when they are asked for, so that others cost nothing. */
export interface StoredTensor {
  /** As the file names it, such as 'F32'. */
  readonly dtype: string
  /** Its dimensions, the last of which changes fastest. */
  readonly shape: readonly number[]
  /** Whether it is of a type that decode() reads: F64, F32, F16, BF16 or I64. */
  readonly decodable: boolean
  /** A copy of the values: F64 and I64 as Float64Array, F32, F16 and BF16 as Float32Array. A FileError for others. */
  decode(): Float64Array | Float32Array
}

/** What a value of a type takes, and how it is read. */
const TYPES: Readonly<Record<string, { bytes: number; read: (view: DataView, at: number) => number }>> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfOf(view.getUint16(at, true), 10, 15) },
  BF16: { bytes: 2, read: (view, at) => halfOf(view.getUint16(at, true), 7, 127) },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
}
const MAX_HEADER = 100_000_000
const METADATA = '__metadata__'
/** Files are; where the host is too, floats are copied as bytes, which is ten times as fast. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** A number of 16 bits: a sign, an exponent with its bias, and a fraction of so many bits. */
function halfOf(bits: number, fractionBits: number, bias: number): number {
  const one = 2 ** fractionBits
  const fraction = bits % one
  const exponent = (bits & 0x7fff) >> fractionBits
  const scale = 2 ** (Math.max(exponent, 1) - bias - fractionBits)
  const endless = exponent === 0x7fff >> fractionBits
  const size = endless ? (fraction ? NaN : Infinity) : (fraction + (exponent && one)) * scale
  return bits >> 15 ? -size : size
}

/**
 * One file with all tensors, in the order given; `__metadata__` says that the layout is PyTorch's. Throws a DataError
 * where one is no Float64Array or Float32Array of as many values as its shape says.
 */
export function encodeSafetensors(tensors: Readonly<Record<string, Tensor>>): Uint8Array<ArrayBuffer> {
  const where = 'encodeSafetensors'
  checkArguments(where, arguments, 1)
  const list = readSafely(where, 'the tensors', () => listTensors(where, tensors))
  let end = 0
  const entries = list.map(({ name, shape, data }) => {
    const dtype = data.BYTES_PER_ELEMENT === 8 ? 'F64' : 'F32'
    const begin = end
    end += data.byteLength
    return [name, { dtype, shape, data_offsets: [begin, end] }]
  })
  const header = Object.fromEntries([[METADATA, { format: 'pt' }], ...entries]) as object
  const json = new TextEncoder().encode(JSON.stringify(header))
  // Padded with spaces, so that the values are aligned.
  const start = 8 + Math.ceil(json.length / 8) * 8
  const bytes = allocate(where, start + end)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, start - 8, true)
  bytes.set(json, 8)
  bytes.fill(0x20, 8 + json.length, start)
  let at = start
  for (const { data } of list) {
    if (LITTLE_ENDIAN) bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    else if (data.BYTES_PER_ELEMENT === 8)
      for (let i = 0; i < data.length; i++) view.setFloat64(at + 8 * i, data[i], true)
    else for (let i = 0; i < data.length; i++) view.setFloat32(at + 4 * i, data[i], true)
    at += data.byteLength
  }
  return bytes
}

function listTensors(where: string, tensors: Readonly<Record<string, Tensor>>) {
  // A Map, or a promise, would become an empty file.
  if (!isPlain(tensors)) {
    throw new DataError(`${where}: want an object { name: { shape, data } }, got ${show(tensors)}`)
  }
  return Object.entries(tensors).map(([name, tensor]) => {
    const { shape, data } = (tensor as Partial<Tensor> | null | undefined) ?? {}
    if (name === METADATA) throw new DataError(`${where}: '${METADATA}' is no name for a tensor`)
    const kind = ArrayBuffer.isView(data) && data[Symbol.toStringTag]
    if (kind !== 'Float64Array' && kind !== 'Float32Array') {
      throw new DataError(`${where}: ${quote(name)}: data must be a Float64Array or a Float32Array, got ${show(data)}`)
    }
    const sizes = Array.isArray(shape) ? Array.from(shape as number[]) : undefined
    if (!isSizes(sizes) || product(sizes) !== data!.length) {
      throw new DataError(`${where}: ${quote(name)}: ${data!.length} values are not of shape ${show(shape)}`)
    }
    return { name, shape: sizes, data: data! }
  })
}

function allocate(where: string, length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new DataError(`${where}: no memory for a file of ${length} bytes`, { cause })
  }
}

/**
 * The tensors of a file, decoded: F64 and I64 as Float64Array (of an I64 beyond 2^53 the nearest), F32, F16 and BF16 as
 * Float32Array. Throws a FileError where the file is truncated, inconsistent, or holds another type; readSafetensors
 * takes what there is.
 */
export function decodeSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  checkArguments('decodeSafetensors', arguments, 1)
  const stored = [...readSafetensors(bytes)]
  return new Map(stored.map(([name, tensor]) => [name, { shape: tensor.shape, data: tensor.decode() }]))
}

/**
 * The tensors of a file, of any type, as views of its bytes: for files of which only a part is wanted, or can be
 * decoded. Every length and offset is checked before it is used: throws a FileError where the file is truncated or
 * inconsistent.
 *
 *     for (const [name, tensor] of readSafetensors(bytes)) {
 *       if (tensor.decodable) console.log(name, tensor.shape, tensor.decode()[0])
 *     }
 */
export function readSafetensors(bytes: Uint8Array): Map<string, StoredTensor> {
  checkArguments('readSafetensors', arguments, 1)
  if (!(ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1)) {
    throw new FileError(`weights: want a Uint8Array, the bytes of the file, got ${show(bytes)}`)
  }
  const { text, header, start } = readHeader(bytes)
  const available = bytes.length - start
  const tensors = new Map<string, StoredTensor>()
  const spans: [number, number, string][] = []
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue
    if (!isRecord(entry)) throw new FileError(`weights: ${quote(name)} has no description`)
    const { dtype, shape, data_offsets: offsets } = entry
    if (typeof dtype !== 'string') throw unknownType(name, dtype)
    if (!isSizes(shape)) throw new FileError(`weights: ${quote(name)} has no valid shape`)
    if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
      throw new FileError(`weights: ${quote(name)} has no valid data_offsets`)
    }
    const [begin, end] = offsets
    if (end > available) {
      throw new FileError(`weights: ${quote(name)} ends at byte ${end} of ${available}; the file is truncated`)
    }
    const decodable = Object.hasOwn(TYPES, dtype)
    if (decodable && product(shape) * TYPES[dtype].bytes !== end - begin) {
      throw new FileError(`weights: ${quote(name)} of shape (${few(shape)}) has ${end - begin} bytes`)
    }
    const values = bytes.subarray(start + begin, start + end)
    tensors.set(name, { dtype, shape, decodable, decode: () => decode(name, dtype, values) })
    spans.push([begin, end, name])
  }
  // JSON.parse keeps the last of equal names; each description has one list of offsets.
  const described = text.match(/"data_offsets"\s*:\s*\[/g)?.length ?? 0
  if (described !== tensors.size) throw new FileError('weights: the header names a tensor twice')
  let last = 0
  for (const [begin, end, name] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin !== last) {
      throw new FileError(`weights: ${quote(name)} begins at byte ${begin}, but the one before ends at ${last}`)
    }
    last = end
  }
  if (last !== available) throw new FileError(`weights: ${available - last} bytes after the last tensor`)
  return tensors
}

/** The header, as text and read, and where the tensors begin. */
function readHeader(bytes: Uint8Array): { text: string; header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) throw new FileError(`weights: the file has ${bytes.length} bytes, too few for safetensors`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  if (length > MAX_HEADER || length > bytes.length - 8) {
    throw new FileError(
      `weights: the header claims ${length} bytes, but ${bytes.length - 8} follow; the file is truncated or not safetensors`,
    )
  }
  let text: string
  let header: unknown
  try {
    // A copy: a browser decodes no shared memory.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.slice(8, 8 + length))
    header = JSON.parse(text)
  } catch (cause) {
    throw new FileError('weights: the header is not JSON; the file is damaged or not safetensors', { cause })
  }
  if (!isRecord(header)) throw new FileError('weights: the header is not an object')
  const metadata = Object.hasOwn(header, METADATA) ? header[METADATA] : {}
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new FileError(`weights: '${METADATA}' is no object of texts`)
  }
  return { text, header, start: 8 + length }
}

function decode(name: string, dtype: string, bytes: Uint8Array): Float64Array | Float32Array {
  if (!Object.hasOwn(TYPES, dtype)) throw unknownType(name, dtype)
  const { bytes: width, read } = TYPES[dtype]
  const size = bytes.length / width
  const data = width === 8 ? new Float64Array(size) : new Float32Array(size)
  if (LITTLE_ENDIAN && (dtype === 'F64' || dtype === 'F32')) {
    new Uint8Array(data.buffer).set(bytes)
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0; i < size; i++) data[i] = read(view, i * width)
  }
  return data
}

function unknownType(name: string, dtype: unknown): FileError {
  return new FileError(`weights: ${quote(name)} has type ${show(dtype)}; want ${Object.keys(TYPES).join(', ')}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0)
}
