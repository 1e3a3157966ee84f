// What tells kernels for memory that is shared among threads from the others, which are compiled once.

/** The import of a memory by the kernels, as asc writes it: env.memory of any size; and of one that is shared. */
const IMPORT = [1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2]
const OWN = [...IMPORT, 0, 0]
const SHARED = [...IMPORT, 3, 0, 0x80, 0x80, 4]

/** The kernels for memory that is shared among threads: they differ by how they import it, and by that alone. */
export function sharing(source: BufferSource): Uint8Array<ArrayBuffer> {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)
  // The section of imports, 2, is among the first, and its size a single byte.
  const at = bytes.findIndex(
    (_, i) => bytes[i] === 2 && bytes[i + 1] === OWN.length && OWN.every((b, j) => bytes[i + 2 + j] === b),
  )
  if (at < 0) throw new TypeError('they import no memory that could be shared')
  return Uint8Array.from([
    ...bytes.subarray(0, at + 1),
    SHARED.length,
    ...SHARED,
    ...bytes.subarray(at + 2 + OWN.length),
  ])
}
