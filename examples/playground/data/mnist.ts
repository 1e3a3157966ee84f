// The digits that build.js packed: a head of four numbers, then labels, then pixels.

import type { Dataset } from './dataset'

export async function loadDigits(): Promise<Dataset> {
  const response = await fetch(new URL('digits.bin', document.baseURI))
  if (!response.ok) throw new Error(`the digits could not be loaded: ${response.status} ${response.statusText}`)
  let bytes = new Uint8Array(await response.arrayBuffer())
  // A server may have unpacked it on the way.
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
    bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  }
  const [train, test, height, width] = new Uint32Array(bytes.buffer, 0, 4)
  const size = height * width
  let at = 16
  const take = (length: number) => bytes.subarray(at, (at += length))
  const [trainY, testY] = [take(train), take(test)]
  const [trainX, testX] = [take(train * size), take(test * size)]
  return {
    name: 'mnist',
    title: 'Handwritten digits',
    input: [1, height, width],
    classes: Array.from('0123456789'),
    train: { x: trainX, y: trainY },
    test: { x: testX, y: testY },
  }
}
