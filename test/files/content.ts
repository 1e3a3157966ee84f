/** Content `i`, of a length of its own: its number, its length, and bytes that only it has in this order. */
export function contentOf(i: number, most: number): Uint8Array<ArrayBuffer> {
  const length = 12 + Math.floor((most * (1 + (i % 5))) / 5)
  const content = new Uint8Array(length)
  new Uint32Array(content.buffer, 0, 2).set([i, length])
  for (let at = 8; at < length; at++) content[at] = at * (i + 3) + i
  return content
}

/** The number of the content that these bytes are, as a whole; undefined of a part, or a mixture. */
export function numberOf(bytes: Uint8Array, most: number): number | undefined {
  if (bytes.length < 12) return undefined
  const [i] = new Uint32Array(bytes.slice(0, 8).buffer)
  return Buffer.from(bytes).equals(contentOf(i, most)) ? i : undefined
}
