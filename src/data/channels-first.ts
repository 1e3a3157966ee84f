// The order of pictures: canvases, PNGs and most data sets have the channels of a pixel side by side, (N, H, W, C);
// convolutions want channels first, (N, C, H, W).

import { DataError, PlanError, checkArguments, checkOptions, few, integer, numbers, show } from '../errors'
import { type TypedNumbers, allocate, isTyped } from './batches'

/**
 * Pictures whose channels come last, (N, height, width, channels), as such whose channels come first, as `conv2d` wants
 * them: an array of the same type. `keep` takes the first channels only, all unless given: without alpha, say.
 *
 *     const pixels = new Uint8ClampedArray(28 * 28 * 4) // such as context.getImageData(0, 0, 28, 28).data
 *     const x = channelsFirst(pixels, [28, 28, 4], { keep: 3 }) // for input [3, 28, 28]
 *
 * Throws a DataError unless x is a typed array of whole pictures, a PlanError on sizes that are none.
 */
export function channelsFirst<X extends TypedNumbers>(
  x: X,
  shape: readonly [height: number, width: number, channels: number],
  options: { keep?: number } = {},
): X {
  const where = 'channelsFirst'
  checkArguments(where, arguments, 3)
  const sizes = numbers(where, 'shape', shape, '[height, width, channels]', (name, value) =>
    integer(where, name, value, 1),
  )
  if (sizes.length !== 3) throw new PlanError(`${where}: shape must be [height, width, channels], got [${few(sizes)}]`)
  const [height, width, channels] = sizes
  const { keep } = checkOptions(where, options, ['keep'])
  const kept = integer(where, 'keep', keep ?? channels, 1, channels)
  if (!isTyped(x)) throw new DataError(`${where}: want a typed array of numbers, got ${show(x)}`)
  const pixels = height * width
  const pictures = x.length / (pixels * channels)
  if (!x.length || !Number.isInteger(pictures)) {
    throw new DataError(`${where}: ${x.length} values are no whole pictures of ${height} x ${width} x ${channels}`)
  }
  // Not x.constructor, which is Buffer in Node.
  const kinds = globalThis as unknown as Record<string, new (length: number) => TypedNumbers>
  const y = allocate(where, pictures * kept * pixels, kinds[x[Symbol.toStringTag]])
  let at = 0
  for (let n = 0; n < pictures; n++) {
    for (let c = 0; c < kept; c++) {
      const first = n * pixels * channels + c
      for (let p = 0; p < pixels; p++) y[at++] = x[first + p * channels]
    }
  }
  return y as X
}
