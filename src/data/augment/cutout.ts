import { checkArguments, checkOptions, finite, pair } from '../../errors'
import { type Augmentation, type Fill, checkFill, fillChannels } from './augment'

/**
 * Cutout (DeVries & Taylor, 2017): covers a rectangle of `size` ([height, width], or one number for a square) about a
 * random pixel, cut off at the edges of the image, with `fill` (0 unless given), one number or one for each channel;
 * with probability `p` (1 unless given).
 */
export function cutout(options: { size: number | readonly [number, number]; p?: number; fill?: Fill }): Augmentation {
  checkArguments('cutout', arguments, 1)
  const read = checkOptions('cutout', options, ['size', 'p', 'fill'])
  const size = pair('cutout', 'size', read.size, 1)
  const p = finite('cutout', 'p', read.p ?? 1, 0, 1)
  const fill = checkFill('cutout', read.fill)
  return {
    kind: 'cutout',
    config: { size, p, fill },
    prepare({ channels, height, width }) {
      const fills = fillChannels('cutout', fill, channels)
      return (data, at, random) => {
        if (random.uniform() >= p) return
        // An even size has one pixel more above and left of the middle one.
        const y = random.integer(height) - Math.floor(size[0] / 2)
        const x = random.integer(width) - Math.floor(size[1] / 2)
        const bottom = Math.min(height, y + size[0])
        const right = Math.min(width, x + size[1])
        for (let c = 0; c < channels; c++) {
          for (let row = Math.max(0, y); row < bottom; row++) {
            const start = at + (c * height + row) * width
            for (let column = Math.max(0, x); column < right; column++) data[start + column] = fills[c]
          }
        }
      }
    },
  }
}
