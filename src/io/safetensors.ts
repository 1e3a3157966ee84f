// The safetensors file: 8 bytes of little-endian header length, a JSON header
// {"name": {"dtype": "F64", "shape": [...], "data_offsets": [begin, end]}}, then the bytes of the tensors.
// https://github.com/huggingface/safetensors#format

import { allocate } from '../data/batches'
import { isBuffer } from '../data/bytes'
import { DataError, FileError, checkArguments, checkOptions, few, isPlain, quote, readSafely, show } from '../errors'
import { type Tensor, product } from '../tensor'
import { checksumOf } from './checksum'

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

/** Bytes of a value of a type, and the values in a buffer of them, once those are in the order of the host. */
const TYPES: Readonly<Record<string, readonly [bytes: number, read: (buffer: ArrayBuffer) => Tensor['data']]>> = {
  F64: [8, (buffer) => new Float64Array(buffer)],
  F32: [4, (buffer) => new Float32Array(buffer)],
  F16: [2, (buffer) => halves(buffer, 10, 15)],
  BF16: [2, (buffer) => halves(buffer, 7, 127)],
  I64: [8, (buffer) => Float64Array.from(new BigInt64Array(buffer), Number)],
}
/** What a header may have: bytes, objects in objects, and members of them: more would take long, and much memory. */
const MAX_HEADER = 2 ** 25
const DEEPEST = 3
const MOST_MEMBERS = 2 ** 17
const METADATA = '__metadata__'
const [QUOTE, BACKSLASH, COMMA, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] =
  /* @__PURE__ */ new TextEncoder().encode('"\\,{}[]')
/** What our own metadata is named with. */
const OURS = 'v128.'
const CHECKSUM = 'v128.checksum'
/** How the header of a file of ours begins; then comes the checksum, of the whole file with zeros in its place. */
const BEGINNING = /* @__PURE__ */ new TextEncoder().encode(`{"${METADATA}":{"${CHECKSUM}":"`)
const NO_CHECKSUM = '0000000000000000'
/** The part of a file with the checksum in it. */
const HEAD = 64
/** As files are. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Numbers of 16 bits: a sign, an exponent with its bias, and a fraction of so many bits. */
export function halves(buffer: ArrayBuffer, fractionBits: number, bias: number): Float32Array {
  return Float32Array.from(new Uint16Array(buffer), (bits) => {
    const one = 2 ** fractionBits
    const fraction = bits % one
    const exponent = (bits & 0x7fff) >> fractionBits
    const scale = 2 ** (Math.max(exponent, 1) - bias - fractionBits)
    const endless = exponent === 0x7fff >> fractionBits
    const size = endless ? (fraction ? NaN : Infinity) : (fraction + (exponent && one)) * scale
    return bits >> 15 ? -size : size
  })
}

/** Brings values of `width` bytes from the order of files to that of the host, or back. */
function reorder(bytes: Uint8Array, width: number): void {
  for (let at = 0; !LITTLE_ENDIAN && at < bytes.length; at += width) bytes.subarray(at, at + width).reverse()
}

/** Texts by name, as a safetensors file has them beside its tensors. */
export type Metadata = Readonly<Record<string, string>>

/**
 * One file with all tensors, in the order given. Its `__metadata__` has a checksum, which reading the file compares,
 * `format: 'pt'`, which says that the layout is PyTorch's, and the texts of `metadata`, none unless given. Throws a
 * DataError where a tensor is no Float64Array or Float32Array of as many values as its shape says, metadata no text, or
 * names and metadata take more than 32 MiB, or are more than 131,072 members of JSON, which no reader here takes.
 *
 *     const bytes = encodeSafetensors({ w: { shape: [2], data: Float64Array.of(1, 2) } }, { metadata: { made: 'today' } })
 *     readMetadata(bytes).made   // 'today'
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  options: { metadata?: Metadata } = {},
): Uint8Array<ArrayBuffer> {
  const where = 'encodeSafetensors'
  checkArguments(where, arguments, 2)
  const { metadata = {} } = checkOptions(where, options, ['metadata'])
  checkMetadata(where, metadata)
  const list = readSafely(where, 'the tensors', () => listTensors(where, tensors))
  return encodeTensors(list, metadata)
}

/** The same of what needs no checks. */
export function encodeTensors(list: readonly NamedTensor[], metadata: Metadata): Uint8Array<ArrayBuffer> {
  for (const { name } of list) {
    if (name === METADATA) throw new DataError(`encodeSafetensors: '${METADATA}' is no name for a tensor`)
  }
  let end = 0
  const texts = [[CHECKSUM, NO_CHECKSUM], ...Object.entries({ format: 'pt', ...metadata })]
  const entries = list.map(({ name, shape, data }) => {
    const dtype = data.BYTES_PER_ELEMENT === 8 ? 'F64' : 'F32'
    return [name, JSON.stringify({ dtype, shape, data_offsets: [end, (end += data.byteLength)] })]
  })
  const json = objectOf([[METADATA, objectOf(texts.map(([name, text]) => [name, JSON.stringify(text)]))], ...entries])
  const encode = (text: string) => new TextEncoder().encode(text)
  // Padded with spaces, so that the values are aligned.
  const text = encode(json + ' '.repeat(-encode(json).length & 7))
  const excess = excessOf(text)
  if (excess) throw new DataError(`encodeSafetensors: the header ${excess}; give fewer or shorter names and metadata`)
  const start = 8 + text.length
  const bytes = allocate('encodeSafetensors', start + end, Uint8Array)
  new DataView(bytes.buffer).setUint32(0, text.length, true)
  bytes.set(text, 8)
  let at = start
  for (const { data } of list) {
    const part = bytes.subarray(at, (at += data.byteLength))
    part.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    reorder(part, data.BYTES_PER_ELEMENT)
  }
  bytes.set(encode(checksumOf(bytes.subarray(0, HEAD), bytes.subarray(HEAD))), 8 + BEGINNING.length)
  return bytes
}

/** An object in JSON, of members in JSON in their order; one in JavaScript would have numbers among its names first. */
function objectOf(members: readonly (readonly string[])[]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join()}}`
}

function checkMetadata(where: string, metadata: unknown): void {
  readSafely(where, 'metadata', () => {
    if (!isPlain(metadata)) throw new DataError(`${where}: metadata must be an object of texts, got ${show(metadata)}`)
    for (const [name, text] of Object.entries(metadata)) {
      if (name.startsWith(OURS)) throw new DataError(`${where}: metadata named ${quote(name)} is our own; rename it`)
      if (typeof text === 'string') continue
      throw new DataError(
        `${where}: metadata ${quote(name)} must be text, such as JSON.stringify gives, got ${show(text)}`,
      )
    }
  })
}

/** A tensor and its name. */
export interface NamedTensor extends Tensor {
  readonly name: string
}

function listTensors(where: string, tensors: Readonly<Record<string, Tensor>>): NamedTensor[] {
  // A Map, or a promise, would become an empty file.
  if (!isPlain(tensors)) {
    throw new DataError(`${where}: want an object { name: { shape, data } }, got ${show(tensors)}`)
  }
  return Object.entries(tensors).map(([name, tensor]) => {
    const { shape, data } = (tensor as Partial<Tensor> | null | undefined) ?? {}
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

/**
 * The tensors of a file, decoded: F64 and I64 as Float64Array (of an I64 beyond 2^53 the nearest), F32, F16 and BF16 as
 * Float32Array. Throws a FileError where the file is truncated, inconsistent, or holds another type; readSafetensors
 * takes what there is.
 */
export function decodeSafetensors(bytes: Uint8Array | ArrayBuffer): Map<string, Tensor> {
  checkArguments('decodeSafetensors', arguments, 1)
  const stored = [...readSafetensors(bytes)]
  return new Map(stored.map(([name, tensor]) => [name, { shape: tensor.shape, data: tensor.decode() }]))
}

/**
 * The tensors of a file, of any type, as views of its bytes: for files of which only a part is wanted, or can be
 * decoded. Every length and offset is checked before it is used: throws a FileError where the file is truncated or
 * inconsistent, or has a checksum that does not fit.
 *
 *     for (const [name, tensor] of readSafetensors(bytes)) {
 *       if (tensor.decodable) console.log(name, tensor.shape, tensor.decode()[0])
 *     }
 */
export function readSafetensors(file: Uint8Array | ArrayBuffer): Map<string, StoredTensor> {
  checkArguments('readSafetensors', arguments, 1)
  return readFile(file).tensors
}

/**
 * The texts that a file has beside its tensors, such as those of encodeSafetensors' `metadata`. Throws a FileError as
 * readSafetensors does.
 */
export function readMetadata(file: Uint8Array | ArrayBuffer): Metadata {
  checkArguments('readMetadata', arguments, 1)
  return readFile(file).metadata
}

/** A file, checked. */
export function readFile(file: unknown): { tensors: Map<string, StoredTensor>; metadata: Metadata } {
  const bytes = bytesOf(file)
  const { text, header, metadata, start } = readHeader(bytes)
  const available = bytes.length - start
  const tensors = new Map<string, StoredTensor>()
  const spans: [number, number, string][] = []
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue
    if (!isPlain(entry)) throw fault(name, 'has no description')
    const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>
    if (typeof dtype !== 'string') throw unknownType(name, dtype)
    if (!isSizes(shape)) throw fault(name, 'has no valid shape')
    if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
      throw fault(name, 'has no valid data_offsets')
    }
    const [begin, end] = offsets
    if (end > available) throw fault(name, `ends at byte ${end} of ${available}; the file is truncated`)
    const decodable = Object.hasOwn(TYPES, dtype)
    if (decodable && product(shape) * TYPES[dtype][0] !== end - begin) {
      throw fault(name, `of shape (${few(shape)}) has ${end - begin} bytes`)
    }
    const decode = () => {
      if (!decodable) throw unknownType(name, dtype)
      const [width, read] = TYPES[dtype]
      const values = new Uint8Array(bytes.subarray(start + begin, start + end))
      reorder(values, width)
      return read(values.buffer)
    }
    tensors.set(name, { dtype, shape, decodable, decode })
    spans.push([begin, end, name])
  }
  // JSON.parse keeps the last of equal names; each description has one list of offsets.
  const described = text.match(/"data_offsets"\s*:\s*\[/g) ?? []
  if (described.length !== tensors.size) throw new FileError('weights: the header names a tensor twice')
  let last = 0
  for (const [begin, end, name] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin !== last) throw fault(name, `begins at byte ${begin}, but the one before ends at ${last}`)
    last = end
  }
  if (last !== available) throw new FileError(`weights: ${available - last} bytes after the last tensor`)
  checkSum(bytes, metadata)
  return { tensors, metadata }
}

/** Throws a FileError where the file has a checksum, or nearly, and another than it says. */
function checkSum(bytes: Uint8Array, metadata: Metadata): void {
  const at = 8 + BEGINNING.length
  const said = String.fromCharCode(...bytes.subarray(at, at + NO_CHECKSUM.length))
  let right = said.replace(/[^0-9a-f]/g, '').length
  for (let i = 0; i < BEGINNING.length; i++) if (bytes[8 + i] === BEGINNING[i]) right++
  // Damage leaves most of that. What another program wrote anew, without a checksum, has other metadata there, ours too.
  const hasChecksum = right >= BEGINNING.length + NO_CHECKSUM.length - 8 || Object.keys(metadata).some(isNearlyChecksum)
  if (!hasChecksum) return
  // A copy, which slice() of Node's Buffer is not.
  const head = new Uint8Array(bytes.subarray(0, HEAD))
  head.fill(NO_CHECKSUM.charCodeAt(0), at, at + NO_CHECKSUM.length)
  if (said === checksumOf(head, bytes.subarray(HEAD))) return
  throw new FileError(
    `weights: the checksum does not fit: the file is damaged; or another program changed it, which should leave out ` +
      `'${CHECKSUM}'`,
  )
}

/** Whether metadata is named as the checksum, but for what was changed, added or lost in one place. */
function isNearlyChecksum(name: string): boolean {
  let begin = 0
  let end = 0
  while (begin < name.length && name[begin] === CHECKSUM[begin]) begin++
  while (end < name.length && name.at(-1 - end) === CHECKSUM.at(-1 - end)) end++
  return begin + end >= CHECKSUM.length - 2
}

function bytesOf(file: unknown): Uint8Array {
  if (ArrayBuffer.isView(file) && (file as Uint8Array).BYTES_PER_ELEMENT === 1) return file as Uint8Array
  if (isBuffer(file)) return file.byteLength ? new Uint8Array(file) : new Uint8Array(0)
  const cure = typeof file === 'string' ? '; read the file first' : ''
  throw new FileError(`weights: want a Uint8Array, the bytes of the file, got ${show(file)}${cure}`)
}

interface Header {
  readonly text: string
  readonly header: object
  readonly metadata: Metadata
  /** Where the tensors begin. */
  readonly start: number
}

function readHeader(bytes: Uint8Array): Header {
  const available = bytes.length - 8
  if (available < 0) throw new FileError(`weights: the file has ${bytes.length} bytes, too few for safetensors`)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  if (length > available) {
    throw new FileError(
      `weights: the header claims ${length} bytes, but ${available} follow; the file is truncated or not safetensors`,
    )
  }
  const excess = excessOf(bytes.subarray(8, 8 + length))
  if (excess) throw new FileError(`weights: the header ${excess}; the file is damaged or not safetensors`)
  let text: string
  let header: unknown
  try {
    // A copy: a browser decodes no shared memory.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.slice(8, 8 + length))
    header = JSON.parse(text)
  } catch (cause) {
    throw new FileError('weights: the header is not JSON; the file is damaged or not safetensors', { cause })
  }
  if (!isPlain(header)) throw new FileError('weights: the header is not an object')
  const { [METADATA]: metadata = {} } = header as Record<string, unknown>
  if (!isPlain(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new FileError(`weights: '${METADATA}' is no object of texts`)
  }
  return { text, header, metadata: metadata as Metadata, start: 8 + length }
}

/** What a header has too much of, in words: before it is read, for nonsense takes many times its memory. */
function excessOf(header: Uint8Array): string | undefined {
  if (header.length > MAX_HEADER) return `has ${header.length} bytes, more than ${MAX_HEADER}`
  let depth = 0
  let members = 0
  for (let i = 0; i < header.length; i++) {
    const byte = header[i]
    if (byte === QUOTE) {
      i = endOfText(header, i)
      // JSON.parse says what is wrong.
      if (i < 0) return undefined
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > DEEPEST) return `is nested more than ${DEEPEST} deep`
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--
    } else if (byte === COMMA && ++members > MOST_MEMBERS) {
      return `has more than ${MOST_MEMBERS} members`
    }
  }
  return undefined
}

/** Where the text in JSON ends that begins there; -1 where it does not. */
function endOfText(bytes: Uint8Array, start: number): number {
  for (let end = bytes.indexOf(QUOTE, start + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let slashes = 0
    while (bytes[end - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return -1
}

function fault(name: string, what: string): FileError {
  return new FileError(`weights: ${quote(name)} ${what}`)
}

function unknownType(name: string, dtype: unknown): FileError {
  return fault(name, `has type ${show(dtype)}; want ${Object.keys(TYPES).join(', ')}`)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0)
}
