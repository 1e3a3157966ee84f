// The safetensors file: 8 bytes of little-endian header length, a JSON header
// {"name": {"dtype": "F64", "shape": [...], "data_offsets": [begin, end]}}, then the bytes of the tensors.

import { type Tensor, product } from '../tensor'
import { FileError, show } from '../errors'

/** What a value of a type takes, and how it is read. */
const TYPES: Readonly<Record<string, { bytes: number; read: (view: DataView, at: number) => number }>> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfOf(view.getUint16(at, true), 10, 15) },
  BF16: { bytes: 2, read: (view, at) => halfOf(view.getUint16(at, true), 7, 127) },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
}
const MAX_HEADER = 100_000_000

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

/** One file with all tensors, in the order given; `__metadata__` says that the layout is PyTorch's. */
export function encodeSafetensors(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  const header: [string, unknown][] = [['__metadata__', { format: 'pt' }]]
  let end = 0
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = data.BYTES_PER_ELEMENT === 8 ? 'F64' : 'F32'
    header.push([name, { dtype, shape, data_offsets: [end, end + data.byteLength] }])
    end += data.byteLength
  }
  let text = JSON.stringify(Object.fromEntries(header))
  // Padded with spaces, so that the values are aligned.
  while (new TextEncoder().encode(text).length % 8) text += ' '
  const json = new TextEncoder().encode(text)
  const bytes = new Uint8Array(8 + json.length + end)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, json.length, true)
  bytes.set(json, 8)
  let at = 8 + json.length
  for (const { data } of Object.values(tensors)) {
    // Written through a DataView: the file is little-endian, whatever the host.
    const wide = data.BYTES_PER_ELEMENT === 8
    for (let i = 0; i < data.length; i++, at += wide ? 8 : 4) {
      if (wide) view.setFloat64(at, data[i], true)
      else view.setFloat32(at, data[i], true)
    }
  }
  return bytes
}

/**
 * The tensors of a file: F64 and I64 as Float64Array, F32, F16 and BF16 as Float32Array. Every length and offset is
 * checked before it is used: throws a FileError where the file is truncated, inconsistent, or holds another type.
 */
export function decodeSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  if (!(ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1)) throw new FileError('weights: want a Uint8Array')
  if (bytes.length < 8) throw new FileError(`weights: the file has ${bytes.length} bytes, too few for safetensors`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  if (length > MAX_HEADER || length > bytes.length - 8) {
    throw new FileError(
      `weights: the header claims ${length} bytes, but ${bytes.length - 8} follow; the file is truncated or not safetensors`,
    )
  }
  let header: unknown
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length))
    header = JSON.parse(text)
  } catch (cause) {
    throw new FileError('weights: the header is not JSON; the file is damaged or not safetensors', { cause })
  }
  if (!isRecord(header)) throw new FileError('weights: the header is not an object')
  const start = 8 + length
  const available = bytes.length - start
  const tensors = new Map<string, Tensor>()
  const spans: [number, number, string][] = []
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    if (!isRecord(entry)) throw new FileError(`weights: '${name}' has no description`)
    const { dtype, shape, data_offsets: offsets } = entry
    if (typeof dtype !== 'string' || !Object.hasOwn(TYPES, dtype)) {
      throw new FileError(`weights: '${name}' has type ${show(dtype)}; want ${Object.keys(TYPES).join(', ')}`)
    }
    const type = TYPES[dtype]
    if (!isSizes(shape)) throw new FileError(`weights: '${name}' has no valid shape`)
    if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
      throw new FileError(`weights: '${name}' has no valid data_offsets`)
    }
    const [begin, end] = offsets
    if (end > available) {
      throw new FileError(`weights: '${name}' ends at byte ${end} of ${available}; the file is truncated`)
    }
    const size = product(shape)
    if (size * type.bytes !== end - begin) {
      throw new FileError(`weights: '${name}' of shape (${shape.join(', ')}) has ${end - begin} bytes`)
    }
    const data = type.bytes === 8 ? new Float64Array(size) : new Float32Array(size)
    for (let i = 0, at = start + begin; i < size; i++, at += type.bytes) data[i] = type.read(view, at)
    tensors.set(name, { shape, data })
    spans.push([begin, end, name])
  }
  // JSON.parse keeps the last of equal names; each description has one list of offsets.
  const described = text.match(/"data_offsets"\s*:\s*\[/g)?.length ?? 0
  if (described !== tensors.size) throw new FileError('weights: the header names a tensor twice')
  let last = 0
  for (const [begin, end, name] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin !== last)
      throw new FileError(`weights: '${name}' begins at byte ${begin}, but the one before ends at ${last}`)
    last = end
  }
  if (last !== available) throw new FileError(`weights: ${available - last} bytes after the last tensor`)
  return tensors
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0)
}
