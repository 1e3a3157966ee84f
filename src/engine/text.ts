// Bytes as text, as which a bundle carries the kernels: printable ASCII, zipped as small as the bytes themselves are,
// where hexadecimal takes 10 % more and base64 a third, since zipping finds what repeats in bytes, not in 6 bits.

/** What encode of build.mjs makes of bytes. */
export interface ByteText {
  /** The most frequent bytes, each of which is one character of the text, in hexadecimal. */
  readonly frequent: string
  /** The others are two characters: one of the last of the alphabet, and one of all. */
  readonly text: string
}

/**
 * Without what some kind of string would escape (" $ ' \ `), and without <, which begins a tag where a page holds the
 * script.
 */
const ALPHABET = [...' !#%&()*+,-./0123456789:;=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~']

export function decode({ frequent, text }: ByteText): Uint8Array<ArrayBuffer> {
  const order = Array.from(frequent.match(/../g)!, (digits) => parseInt(digits, 16))
  const single = order.length
  for (let byte = 0; byte < 256; byte++) if (!order.includes(byte)) order.push(byte)
  const places = new Uint8Array(128)
  ALPHABET.forEach((character, place) => (places[character.charCodeAt(0)] = place))

  const bytes = new Uint8Array(text.length)
  let length = 0
  let first = 0
  for (let i = 0; i < text.length; i++) {
    const place = places[text.charCodeAt(i)]
    if (first === 0 && place >= single) {
      first = single + ALPHABET.length * (place - single)
    } else {
      bytes[length++] = order[first + place]
      first = 0
    }
  }
  return bytes.subarray(0, length)
}
