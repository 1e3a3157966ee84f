// The bytes of a WebAssembly module by kind: opcodes apart from the numbers of locals, from offsets, from constants. So
// zipped they take a tenth less, since what resembles each other stands together. One walk over a module, from its
// first byte to its last, says of each of them which stream it belongs to: the build takes them apart with it, and a page
// puts them together.
// https://webassembly.github.io/spec/core/binary/

/** Sections but for code, sizes, declarations; then what the codes below say. */
const OTHER = 0
const OPCODE = 1
const LOCAL = 2
const ALIGNMENT = 3
const OFFSET = 4
const INTEGER = 5
const BYTES = 6
const LABEL = 7
const STREAMS = 8

/**
 * Hands the kind of each byte of a module of `length` bytes to `move`, which returns the byte. Knows the instructions
 * that the kernels are made of.
 */
function walk(length: number, move: (stream: number) => number): void {
  let at = 0
  const byte = (stream: number): number => {
    at++
    return move(stream)
  }
  const bytes = (stream: number, count: number): void => {
    while (count-- > 0) byte(stream)
  }
  /** A number in LEB128. */
  const number = (stream: number): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const next = byte(stream)
      value += (next % 128) * 2 ** shift
      if (next < 128) return value
    }
  }
  const instruction = (): void => {
    const code = byte(OPCODE)
    // 0xfc and 0xfd begin codes of two numbers, the second from 256 on here.
    const op = code < 0xfc ? code : number(OPCODE) + (code - 0xfb) * 256
    if (op < 2) return
    if (op < 5) byte(LABEL)
    else if (op > 0x0b && op < 0x11) number(LABEL)
    else if (op > 0x1f && op < 0x25) number(LOCAL)
    else if (op === 0x41 || op === 0x42) number(INTEGER)
    else if (op === 0x43 || op === 0x44) bytes(BYTES, op === 0x43 ? 4 : 8)
    else if (op === 256 + 10) bytes(OTHER, 2)
    else if (op === 256 + 11) byte(OTHER)
    else if (op === 512 + 12 || op === 512 + 13) bytes(BYTES, 16)
    else if (op > 512 + 20 && op < 512 + 35) byte(LABEL)
    else if ((op > 0x27 && op < 0x3f) || (op > 511 && op < 524) || (op > 512 + 83 && op < 512 + 94)) {
      number(ALIGNMENT)
      number(OFFSET)
      if (op > 512 + 83 && op < 512 + 92) byte(LABEL)
    }
  }
  bytes(OTHER, 8)
  while (at < length) {
    const isCode = byte(OTHER) === 10
    const size = number(OTHER)
    const end = at + size
    if (isCode) {
      for (let functions = number(OTHER); functions > 0; functions--) {
        const last = number(OTHER) + at
        for (let groups = number(OTHER); groups > 0; groups--) {
          number(OTHER)
          byte(OTHER)
        }
        while (at < last) instruction()
      }
    }
    bytes(OTHER, end - at)
  }
}

/**
 * Numbers of locals as places in the order of their last use, which are small: the bytes of a stream, changed in place,
 * or with `back` the way back.
 */
function rank(stream: Uint8Array, back: boolean): void {
  const recent = Array.from({ length: 256 }, (_, byte) => byte)
  stream.forEach((value, i) => {
    const place = back ? value : recent.indexOf(value)
    const [byte] = recent.splice(place, 1)
    recent.unshift(byte)
    stream[i] = back ? byte : place
  })
}

/** The module as streams, behind their lengths, 32 bits each. */
export function toStreams(module: Uint8Array): Uint8Array {
  const streams = Array.from({ length: STREAMS }, (): number[] => [])
  let at = 0
  walk(module.length, (stream) => {
    streams[stream].push(module[at])
    return module[at++]
  })
  if (at !== module.length) throw new Error(`an instruction that src/engine/streams.ts does not know, before ${at}`)
  const lengths = Uint32Array.from(streams, ({ length }) => length)
  const locals = Uint8Array.from(streams[LOCAL])
  rank(locals, false)
  streams[LOCAL] = [...locals]
  return Uint8Array.from([...new Uint8Array(lengths.buffer), ...streams.flat()])
}

/** The way back; `data` is changed. */
export function fromStreams(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const next: number[] = []
  let end = 4 * STREAMS
  for (let i = 0; i < 4 * STREAMS; i += 4) {
    next.push(end)
    end += data[i] + data[i + 1] * 256 + data[i + 2] * 65536
  }
  rank(data.subarray(next[LOCAL], next[LOCAL + 1]), true)
  const module = new Uint8Array(end - 4 * STREAMS)
  let at = 0
  walk(module.length, (stream) => (module[at++] = data[next[stream]++]))
  return module
}
