// A short name for weights: who has the same has the same bits.

/** FNV-1a of 32 bits, twice, over the bytes of all parameters in their order; 16 digits. */
export function hashOf(parameters: Readonly<Record<string, { data: Float32Array | Float64Array }>>): string {
  let [a, b] = [0x811c9dc5, 0x1b873593]
  for (const { data } of Object.values(parameters)) {
    for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) {
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b ^ byte, 0x01000193) + 1
    }
  }
  return [a, b].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('')
}
