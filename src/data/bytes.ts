// What the readers of files share: bytes in, and a guess at what came where they are something else.

import { FileError, few, show } from '../errors'

/** What a file is read from: its bytes, as Node's readFile or a response's arrayBuffer() gives them. */
export type Bytes = Uint8Array | ArrayBuffer

/** `value` as a view of its bytes, not a copy. */
export function viewBytes(where: string, value: Bytes): Uint8Array {
  try {
    // By kind, not instanceof: they may come from another realm.
    if (ArrayBuffer.isView(value) && value.BYTES_PER_ELEMENT === 1) {
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    }
    if (isBuffer(value)) return new Uint8Array(value)
  } catch (cause) {
    throw new FileError(`${where}: the memory of the bytes is gone, as of a buffer that was given to a worker`, {
      cause,
    })
  }
  throw new FileError(`${where}: want the bytes of the file, a Uint8Array, got ${show(value)}`)
}

/** Whether a value is an ArrayBuffer, of whichever realm: one alone has its byteLength. */
export function isBuffer(value: unknown): value is ArrayBuffer {
  try {
    Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')!.get!.call(value)
    return true
  } catch {
    return false
  }
}

/** UTF-8 as text. A copy, where others may write to the bytes: browsers decode no shared memory. */
export function decodeText(bytes: Uint8Array): string {
  const own = bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice()
  return new TextDecoder('utf-8', { fatal: true }).decode(own)
}

/** The sizes of an array in an error message; there may be 255. */
export function sizesOf(shape: readonly number[]): string {
  return few(shape).replaceAll(', ', ' x ')
}

/** The end of an error message: what these bytes seem to be and what to do, or ''. */
export function hint(bytes: Uint8Array): string {
  const start = (from: number, length: number) => String.fromCharCode(...bytes.subarray(from, from + length))
  const text = start(0, 64).trimStart().toLowerCase()
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    return '; these bytes are gzip: unpack them first, with DecompressionStream or zlib'
  }
  if (text.startsWith('pk\x03\x04')) return '; these bytes are a zip archive: take the file out of it first'
  if (start(257, 5) === 'ustar') return '; these bytes are a tar archive: take the file out of it first'
  if (/^<(!doctype|html|head|body|\?xml)/.test(text)) {
    return '; these bytes are a web page: the address it came from does not hold the file'
  }
  if (text.startsWith('version https://git-lfs')) return '; this is a pointer of Git LFS: fetch the file itself'
  return ''
}
