// A checksum of bytes that finds damage, not deceit: 64 bits, and whatever changes within one word of 32 bits changes it.

import { mix } from '../random'

/** Odd factors: a product with them can be undone, so that no bit of a word gets lost. */
const FACTORS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const

/** Bytes that one call takes in: of short calls the first are slow, and of one that is long all of it. */
const BLOCK = 2 ** 16

/** Of all parts one after the other, each but the last of a multiple of 16 bytes: 16 hexadecimal digits. */
export function checksumOf(...parts: readonly Uint8Array[]): string {
  const sums = Int32Array.from(FACTORS)
  let length = 0
  for (const part of parts) {
    length += part.length
    const view = new DataView(part.buffer, part.byteOffset, part.length)
    const whole = part.length - (part.length % 16)
    for (let at = 0; at < whole; at += BLOCK) takeIn(sums, view, at, Math.min(at + BLOCK, whole))
    for (let i = whole; i < part.length; i++) sums[0] = step(sums[0], part[i])
  }
  const [first, b, c, d] = sums
  const a = mix(first ^ length)
  const [f0, f1, f2, f3] = FACTORS
  const high = mix(a ^ Math.imul(b, f0) ^ Math.imul(c, f1) ^ Math.imul(d, f2))
  const low = mix(high + Math.imul(a, f3) + mix(b) + Math.imul(mix(c), f1) + Math.imul(mix(d), f2))
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('')
}

/** Takes the bytes of a view in, a multiple of 16, into four sums, which do not wait for each other. */
function takeIn(sums: Int32Array, view: DataView, from: number, to: number): void {
  let [a, b, c, d] = sums
  for (let i = from; i < to; i += 16) {
    a = step(a, view.getInt32(i, true))
    b = step(b, view.getInt32(i + 4, true))
    c = step(c, view.getInt32(i + 8, true))
    d = step(d, view.getInt32(i + 12, true))
  }
  sums[0] = a
  sums[1] = b
  sums[2] = c
  sums[3] = d
}

/**
 * Takes a word in, as xxHash does: different words give different sums, and so do different sums. The word has a product
 * of its own, so that no flip of one bit undoes that of another in the word before it.
 */
function step(sum: number, word: number): number {
  const added = (sum + Math.imul(word, FACTORS[1])) | 0
  return Math.imul((added << 13) | (added >>> 19), FACTORS[0])
}
