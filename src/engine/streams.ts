// The bytes of a WebAssembly module by kind: opcodes, with what goes with them most of the time, apart from the numbers of
// locals, from offsets, from constants. So zipped they take a tenth less, since what resembles each other stands together.
// One walk over a module, from its first byte to its last, says of each of them which stream it belongs to: the build
// takes them apart with it, and a page puts them together.
// https://webassembly.github.io/spec/core/binary/

/** Constants of 4 bytes and more. */
const BYTES = 0
const OFFSET = 1
const LOCAL = 2
/** Sections but for code, sizes, declarations. */
const OTHER = 3
/** With labels, alignments, lanes and integers. */
const OPCODE = 4
const STREAMS = 5
/** So many bytes of each stream, the most frequent, are put in the place of the first: what is frequent is alike in all. */
const FRONT = 24
/** Before the streams: their lengths, 32 bits each, and the bytes that are put in front. */
const HEAD = STREAMS * (4 + FRONT)

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
  /** A number in LEB128, of which 32 bits count. */
  const number = (stream: number): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const next = byte(stream)
      value |= (next & 127) << shift
      if (next < 128) return value
    }
  }
  const instruction = (): void => {
    const code = byte(OPCODE)
    // 0xfc and 0xfd begin codes of two numbers, the second from 256 on here.
    const op = code < 0xfc ? code : number(OPCODE) + (code - 0xfb) * 256
    if (op > 0x1f && op < 0x25) number(LOCAL)
    else if (op === 0x43 || op === 0x44) bytes(BYTES, op === 0x43 ? 4 : 8)
    else if (op === 512 + 12 || op === 512 + 13) bytes(BYTES, 16)
    else if (op === 256 + 10) bytes(OPCODE, 2)
    else if ((op > 0x27 && op < 0x3f) || (op > 511 && op < 524) || (op > 512 + 83 && op < 512 + 94)) {
      number(OPCODE)
      number(OFFSET)
      if (op > 512 + 83 && op < 512 + 92) byte(OPCODE)
    } else if (
      (op > 1 && op < 5) ||
      (op > 0x0b && op < 0x11) ||
      op === 0x41 ||
      op === 0x42 ||
      op === 256 + 11 ||
      (op > 512 + 20 && op < 512 + 35)
    ) {
      number(OPCODE)
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
  const recent = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  stream.forEach((value, i) => {
    const place = back ? value : recent.indexOf(value)
    const byte = recent[place]
    recent.copyWithin(1, 0, place)
    recent[0] = byte
    stream[i] = back ? byte : place
  })
}

/** All bytes, those of `front` first. */
function orderOf(front: Iterable<number>): number[] {
  return [...new Set([...front, ...Array(256).keys()])]
}

/** The module as streams, behind what they need for the way back. */
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
  const fronts = streams.map((stream) => {
    const counts = new Uint32Array(256)
    for (const byte of stream) counts[byte]++
    return [...counts.keys()].sort((a, b) => counts[b] - counts[a]).slice(0, FRONT)
  })
  const ordered = streams.map((stream, i) => {
    const order = orderOf(fronts[i])
    return stream.map((byte) => order.indexOf(byte))
  })
  return Uint8Array.from([...new Uint8Array(lengths.buffer), ...fronts.flat(), ...ordered.flat()])
}

/** The way back. */
export function fromStreams(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const streams: Uint8Array[] = []
  let end = HEAD
  for (const length of new Uint32Array(data.slice(0, 4 * STREAMS).buffer)) {
    const front = HEAD - FRONT * (STREAMS - streams.length)
    const order = orderOf(data.subarray(front, front + FRONT))
    streams.push(data.subarray(end, (end += length)).map((byte) => order[byte]))
  }
  rank(streams[LOCAL], true)
  const next = new Uint32Array(STREAMS)
  const module = new Uint8Array(end - HEAD)
  let at = 0
  walk(module.length, (stream) => (module[at++] = streams[stream][next[stream]++]))
  return module
}
