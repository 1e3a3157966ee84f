// Protocol Buffers' wire format, as far as ONNX needs it: a reader and a writer that tables of fields drive. What is read
// may come from anybody, so nothing is believed: no length beyond the message that it stands in, no depth without limit,
// and no memory that the file is too small for.

import { FileError } from '../errors'

/**
 * What a field holds. 'int' is a varint, as a number (rounded beyond 2 ** 53); 'string' is text, which must be UTF-8;
 * 'text' are bytes that stand for text; 'bytes' is a view of the file, and no copy.
 */
type Scalar = 'int' | 'float' | 'double' | 'string' | 'text' | 'bytes'

/** One field of a message: its name here, what it holds, and whether there may be several. */
export interface Field {
  readonly name: string
  readonly of: Scalar | (() => MessageType)
  readonly repeated?: boolean
}

/** The fields of a message by their numbers. Others are skipped. */
export interface MessageType {
  readonly name: string
  readonly fields: Readonly<Record<number, Field>>
}

/** A message as an object: members that are absent in the file are absent here; lists of numbers are typed arrays. */
export type Message = Record<string, unknown>

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5
const WIRES: Readonly<Record<Scalar, number>> = {
  int: VARINT,
  float: FIXED32,
  double: FIXED64,
  string: LENGTH,
  text: LENGTH,
  bytes: LENGTH,
}
const wireOf = ({ of }: Field) => (typeof of === 'function' ? LENGTH : WIRES[of])
const isPacked = ({ of, repeated }: Field) => repeated === true && typeof of === 'string' && WIRES[of] !== LENGTH

/** Messages within messages: Protocol Buffers' own limit. */
const DEEPEST = 100
/** Messages and texts of a file: each takes more memory than the two bytes that can ask for it. */
const MOST = 2 ** 20
/** What a varint of 64 bits takes at most. */
const LONGEST_VARINT = 10

// ---- reading ----

/** The message in the bytes. Throws a FileError, which begins with `where`, where they are none. */
export function decodeMessage(where: string, bytes: Uint8Array, type: MessageType): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const tolerant = new TextDecoder('utf-8', { ignoreBOM: true })
  let at = 0
  let objects = 0

  function fault(what: string, place = at): FileError {
    return new FileError(`${where}: the file is damaged or no ONNX file: ${what} at byte ${place} of ${bytes.length}`)
  }

  /** A varint as a signed number of 64 bits. */
  function varint(end: number): number {
    const begin = at
    let value = 0
    for (let scale = 1, taken = 0; taken < LONGEST_VARINT; taken++, scale *= 128) {
      if (at >= end) throw fault('a number is cut off', begin)
      const byte = bytes[at++]
      value += (byte & 127) * scale
      if (byte < 128) return taken < 7 ? value : signed(begin, taken + 1)
    }
    throw fault(`a number of more than ${LONGEST_VARINT} bytes`, begin)
  }

  /** The same, of a varint whose bits are more than a number holds. */
  function signed(begin: number, length: number): number {
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 7n) | BigInt(bytes[begin + i] & 127)
    if (value >> 64n) throw fault('a number of more than 64 bits', begin)
    return Number(BigInt.asIntN(64, value))
  }

  /** Where what follows ends, as its length says. */
  function lengthEnd(end: number, what: string): number {
    const begin = at
    const length = varint(end)
    if (length < 0 || length > end - at) {
      throw fault(`${what} of ${length} bytes, of which there are ${end - at},`, begin)
    }
    return at + length
  }

  function room(end: number, size: number): number {
    const begin = at
    if (size > end - at) throw fault('a number is cut off', begin)
    at += size
    return begin
  }

  function scalar(kind: Scalar, end: number, what: string): number | string | Uint8Array {
    if (kind === 'int') return varint(end)
    if (kind === 'float') return view.getFloat32(room(end, 4), true)
    if (kind === 'double') return view.getFloat64(room(end, 8), true)
    const stop = lengthEnd(end, what)
    const part = bytes.subarray(at, stop)
    const begin = at
    at = stop
    if (kind === 'bytes') return part
    counted()
    if (kind === 'text') return tolerant.decode(part)
    try {
      return strict.decode(part)
    } catch {
      throw fault(`${what} is not UTF-8`, begin)
    }
  }

  function counted(): void {
    if (++objects > MOST) throw fault(`more than ${MOST} messages and texts`)
  }

  /** Numbers one after the other, counted before memory is taken. */
  function packed(kind: Scalar, end: number, what: string): Float64Array | Float32Array {
    if (kind === 'int') {
      let numbers = 0
      for (let i = at; i < end; i++) if (bytes[i] < 128) numbers++
      const list = new Float64Array(numbers)
      for (let i = 0; i < numbers; i++) list[i] = varint(end)
      if (at < end) throw fault('a number is cut off')
      return list
    }
    const size = kind === 'float' ? 4 : 8
    if ((end - at) % size) throw fault(`${what} of ${end - at} bytes, which ${size} do not divide,`)
    const length = (end - at) / size
    const list = kind === 'float' ? new Float32Array(length) : new Float64Array(length)
    for (let i = 0; i < length; i++, at += size) {
      list[i] = kind === 'float' ? view.getFloat32(at, true) : view.getFloat64(at, true)
    }
    return list
  }

  function skip(wire: number, end: number): void {
    if (wire === VARINT) varint(end)
    else if (wire === FIXED64) room(end, 8)
    else if (wire === FIXED32) room(end, 4)
    else if (wire === LENGTH) at = lengthEnd(end, 'a field')
    else throw fault(`a field of the unknown kind ${wire}`)
  }

  function message({ name: own, fields }: MessageType, end: number, depth: number): Message {
    counted()
    if (depth > DEEPEST) throw fault(`more than ${DEEPEST} messages one in the other`)
    const result: Message = {}
    /** Numbers of lists that are not packed, or packed in several pieces. */
    const loose = new Map<Field, number[]>()
    while (at < end) {
      const begin = at
      const key = varint(end)
      const [number, wire] = [Math.floor(key / 8), key % 8]
      if (key < 8 || key >= 2 ** 32) throw fault('a field without a number', begin)
      const field = Object.hasOwn(fields, number) ? fields[number] : undefined
      if (!field) {
        skip(wire, end)
        continue
      }
      const { name, of, repeated } = field
      const what = `${own}.${name}`
      if (isPacked(field) && (wire === LENGTH || wire === wireOf(field))) {
        if (wire === LENGTH) {
          const numbers = packed(of as Scalar, lengthEnd(end, what), what)
          if (!Object.hasOwn(result, name) && !loose.has(field)) {
            result[name] = numbers
            continue
          }
          const list = listOf(field)
          for (const value of numbers) list.push(value)
        } else listOf(field).push(scalar(of as Scalar, end, what) as number)
        continue
      }
      if (wire !== wireOf(field)) throw fault(`${what} is of the kind ${wire}, not ${wireOf(field)},`, begin)
      let value: unknown
      if (typeof of === 'function') {
        if (!repeated && Object.hasOwn(result, name)) throw fault(`a second ${what}`, begin)
        value = message(of(), lengthEnd(end, what), depth + 1)
      } else value = scalar(of, end, what)
      if (!repeated) result[name] = value
      else if (Object.hasOwn(result, name)) (result[name] as unknown[]).push(value)
      else result[name] = [value]
    }
    for (const [{ name, of }, list] of loose) {
      result[name] = of === 'float' ? Float32Array.from(list) : Float64Array.from(list)
    }
    return result

    function listOf(field: Field): number[] {
      let list = loose.get(field)
      if (!list) loose.set(field, (list = Array.from((result[field.name] as ArrayLike<number> | undefined) ?? [])))
      return list
    }
  }

  return message(type, bytes.length, 1)
}

// ---- writing ----

const encoder = new TextEncoder()

/**
 * The bytes of a message, in the order of the field numbers. Members that are undefined are left out, empty lists too.
 * What must be known beforehand, the size of each part, is found first; then one array of just that size is filled.
 */
export function encodeMessage(message: object, type: MessageType): Uint8Array<ArrayBuffer> {
  /** Sizes of what has its length before it, in the order in which it is written, and texts as bytes likewise. */
  const sizes: number[] = []
  const texts: Uint8Array[] = []
  const total = measure(message as Message, type)
  const bytes = new Uint8Array(total)
  const view = new DataView(bytes.buffer)
  let at = 0
  let nextSize = 0
  let nextText = 0
  write(message as Message, type)
  return bytes

  function measure(from: Message, { fields }: MessageType): number {
    let sum = 0
    for (const [number, field] of Object.entries(fields)) {
      const value = from[field.name]
      if (value === undefined) continue
      const head = varintSize(Number(number) * 8)
      if (isPacked(field)) {
        const list = value as ArrayLike<number>
        if (!list.length) continue
        let size = 0
        for (let i = 0; i < list.length; i++) size += numberSize(field.of as Scalar, list[i])
        sizes.push(size)
        sum += head + varintSize(size) + size
        continue
      }
      for (const one of field.repeated ? (value as unknown[]) : [value]) {
        if (typeof one === 'number') {
          sum += head + numberSize(field.of as Scalar, one)
          continue
        }
        const place = sizes.push(0) - 1
        const size = typeof field.of === 'function' ? measure(one as Message, field.of()) : blob(one).length
        sizes[place] = size
        sum += head + varintSize(size) + size
      }
    }
    return sum
  }

  function blob(value: unknown): Uint8Array {
    const part = typeof value === 'string' ? encoder.encode(value) : (value as Uint8Array)
    texts.push(part)
    return part
  }

  function write(from: Message, { fields }: MessageType): void {
    for (const [number, field] of Object.entries(fields)) {
      const value = from[field.name]
      if (value === undefined) continue
      const { of } = field
      if (isPacked(field)) {
        const list = value as ArrayLike<number>
        if (!list.length) continue
        varint(Number(number) * 8 + LENGTH)
        varint(sizes[nextSize++])
        for (let i = 0; i < list.length; i++) scalar(of as Scalar, list[i])
        continue
      }
      for (const one of field.repeated ? (value as unknown[]) : [value]) {
        varint(Number(number) * 8 + wireOf(field))
        if (typeof one === 'number') {
          scalar(of as Scalar, one)
          continue
        }
        varint(sizes[nextSize++])
        if (typeof of === 'function') write(one as Message, of())
        else {
          const part = texts[nextText++]
          bytes.set(part, at)
          at += part.length
        }
      }
    }
  }

  function scalar(kind: Scalar, value: number): void {
    if (kind === 'float') view.setFloat32((at += 4) - 4, value, true)
    else if (kind === 'double') view.setFloat64((at += 8) - 8, value, true)
    else varint(value)
  }

  function varint(value: number): void {
    if (value < 0 || value >= 2 ** 53) {
      let rest = BigInt.asUintN(64, saturated(value))
      for (; rest >= 128n; rest >>= 7n) bytes[at++] = Number(rest & 127n) | 128
      bytes[at++] = Number(rest)
      return
    }
    for (; value >= 128; value = Math.floor(value / 128)) bytes[at++] = (value % 128) | 128
    bytes[at++] = value
  }
}

/** A whole number, within 64 bits: 2 ** 63 stands for the largest, "to the end". */
function saturated(value: number): bigint {
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n]
  const exact = BigInt(value)
  return exact > most ? most : exact < least ? least : exact
}

function numberSize(kind: Scalar, value: number): number {
  return kind === 'float' ? 4 : kind === 'double' ? 8 : varintSize(value)
}

function varintSize(value: number): number {
  if (value < 0) return LONGEST_VARINT
  if (value >= 2 ** 63) return 9
  let size = 1
  for (; value >= 128; value = Math.floor(value / 128)) size++
  return size
}
