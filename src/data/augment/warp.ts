// Rotation and scaling about the centre of an image, by bilinear interpolation.
//
// Pixels are points: that of row i and column j of an H x W image is at x = j - (W - 1) / 2, y = i - (H - 1) / 2, from
// the centre. The pixel of the result at (x, y) is read at (a x - b y, b x + a y) of the image, between its four
// neighbours; what lies outside has the value `fill`, so the edge fades into it. These are the conventions of
// torchvision's affine and rotate with bilinear interpolation, without its quirk of fading twice where fill is given.

import { PlanError, checkArguments, checkOptions, finite } from '../../errors'
import { cos, sin } from '../../kernels/math'
import type { Random } from '../../random'
import {
  type Augmentation,
  type Change,
  type Fill,
  type ImageShape,
  between,
  checkFill,
  fillChannels,
  range,
} from './augment'

const RADIANS = 0.017453292519943295
/** A hundred turns either way: of many more, no digit would be left for the angle. */
const DEGREES = [-36_000, 36_000] as const
/** An image that is enlarged, or made smaller, so many times is one colour. */
const MAX_SCALE = 1000

/**
 * Turns an image about its centre by a random angle in degrees, counter-clockwise where it is positive: from -degrees
 * to degrees, or from a range [min, max]. Bilinear; what comes in from outside has the value `fill` (0 unless given),
 * one number or one for each channel.
 */
export function randomRotation(options: { degrees: number | readonly [number, number]; fill?: Fill }): Augmentation {
  checkArguments('randomRotation', arguments, 1)
  const read = checkOptions('randomRotation', options, ['degrees', 'fill'])
  const { degrees } = read
  const angles =
    typeof degrees === 'number'
      ? range('randomRotation', 'degrees', [-finite('randomRotation', 'degrees', degrees, 0), degrees], ...DEGREES)
      : range('randomRotation', 'degrees', degrees, ...DEGREES)
  const fill = checkFill('randomRotation', read.fill)
  return {
    kind: 'randomRotation',
    config: { degrees: angles, fill },
    prepare: (shape) =>
      prepareWarp('randomRotation', shape, fill, (random, matrix) => {
        // Whole turns change nothing, and cos and sin want small angles.
        const angle = (between(random, angles) % 360) * RADIANS
        matrix[0] = cos(angle)
        matrix[1] = sin(angle)
      }),
  }
}

/**
 * Enlarges or shrinks an image about its centre by a random factor from a range [min, max]; it keeps its size in
 * pixels, so that an enlarged one loses its edges and a shrunken one gets a margin of `fill` (0 unless given), one
 * number or one for each channel. Bilinear.
 */
export function randomScale(options: { scale: readonly [number, number]; fill?: Fill }): Augmentation {
  checkArguments('randomScale', arguments, 1)
  const read = checkOptions('randomScale', options, ['scale', 'fill'])
  const scale = range('randomScale', 'scale', read.scale, 0, MAX_SCALE)
  if (scale[0] < 1 / MAX_SCALE) throw new PlanError(`randomScale: scale must be above 0, ${1 / MAX_SCALE} at least`)
  const fill = checkFill('randomScale', read.fill)
  return {
    kind: 'randomScale',
    config: { scale, fill },
    prepare: (shape) =>
      prepareWarp('randomScale', shape, fill, (random, matrix) => {
        matrix[0] = 1 / between(random, scale)
        matrix[1] = 0
      }),
  }
}

/** `draw` writes a and b of each image. */
function prepareWarp(
  where: string,
  { channels, height, width }: ImageShape,
  fill: readonly number[],
  draw: (random: Random, matrix: Float64Array) => void,
): Change {
  const fills = fillChannels(where, fill, channels)
  const size = height * width
  const image = new Float64Array(channels * size)
  const matrix = new Float64Array(2)
  return (data, at, random) => {
    draw(random, matrix)
    const a = matrix[0]
    const b = matrix[1]
    for (let i = 0; i < image.length; i++) image[i] = data[at + i]
    for (let i = 0; i < height; i++) {
      const y = i - (height - 1) / 2
      for (let j = 0; j < width; j++) {
        const x = j - (width - 1) / 2
        const fromX = a * x - b * y + (width - 1) / 2
        const fromY = b * x + a * y + (height - 1) / 2
        const left = Math.floor(fromX)
        const top = Math.floor(fromY)
        const right = fromX - left
        const down = fromY - top
        const x0 = left >= 0 && left < width
        const x1 = left + 1 >= 0 && left + 1 < width
        const y0 = top >= 0 && top < height
        const y1 = top + 1 >= 0 && top + 1 < height
        let from = top * width + left
        let to = at + i * width + j
        for (let c = 0; c < channels; c++, from += size, to += size) {
          const none = fills[c]
          const upper = (1 - right) * (x0 && y0 ? image[from] : none) + right * (x1 && y0 ? image[from + 1] : none)
          const lower =
            (1 - right) * (x0 && y1 ? image[from + width] : none) + right * (x1 && y1 ? image[from + width + 1] : none)
          data[to] = (1 - down) * upper + down * lower
        }
      }
    }
  }
}
