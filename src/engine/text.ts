// Bytes as text, as which a bundle carries the kernels: printable ASCII, zipped as small as the bytes themselves are,
// where hexadecimal takes 10 % more and base64 a third, since zipping finds what repeats in bytes, not in 6 bits.

/**
 * Without what some kind of string would escape (" $ ' \ `), and without <, which begins a tag where a page holds the
 * script.
 */
const ALPHABET = /* @__PURE__ */ Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
  .join('')
  .replace(/["$'<\\`]/g, '')
/** So many bytes, the first, are one character; the last two of the alphabet begin one of two characters. */
const SINGLE = ALPHABET.length - 2

export function encode(bytes: Uint8Array): string {
  const codes = Array.from({ length: 256 }, (_, byte) => {
    const rest = byte - SINGLE
    const begins = rest < 0 ? '' : ALPHABET[SINGLE + Math.floor(rest / ALPHABET.length)]
    return begins + ALPHABET[rest < 0 ? byte : rest % ALPHABET.length]
  })
  return Array.from(bytes, (byte) => codes[byte]).join('')
}

export function decode(text: string): Uint8Array<ArrayBuffer> {
  const places = new Uint8Array(128)
  for (let i = 0; i < ALPHABET.length; i++) places[ALPHABET.charCodeAt(i)] = i
  const bytes = new Uint8Array(text.length)
  let length = 0
  let first = 0
  for (let i = 0; i < text.length; i++) {
    const place = places[text.charCodeAt(i)]
    if (first === 0 && place >= SINGLE) {
      first = SINGLE + ALPHABET.length * (place - SINGLE)
    } else {
      bytes[length++] = first + place
      first = 0
    }
  }
  return bytes.subarray(0, length)
}
