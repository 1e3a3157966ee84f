import { checkArguments, checkOptions, pair } from '../../errors'
import { type Augmentation, type Fill, checkFill, fillChannels } from './augment'

/**
 * Pads an image by `pad` on each side ([vertical, horizontal], or one number for both) with `fill`, then crops a piece
 * of its own size, each place as likely as any other: the image moves by up to `pad`. `fill` (0 unless given) is one
 * number or one for each channel.
 */
export function randomCrop(options: { pad: number | readonly [number, number]; fill?: Fill }): Augmentation {
  checkArguments('randomCrop', arguments, 1)
  const read = checkOptions('randomCrop', options, ['pad', 'fill'])
  const pad = pair('randomCrop', 'pad', read.pad, 0)
  const fill = checkFill('randomCrop', read.fill)
  return {
    kind: 'randomCrop',
    config: { pad, fill },
    prepare({ channels, height, width }) {
      const fills = fillChannels('randomCrop', fill, channels)
      const plane = new Float64Array(height * width)
      return (data, at, random) => {
        const down = random.integer(2 * pad[0] + 1) - pad[0]
        const right = random.integer(2 * pad[1] + 1) - pad[1]
        for (let c = 0; c < channels; c++) {
          const start = at + c * plane.length
          for (let i = 0; i < plane.length; i++) plane[i] = data[start + i]
          for (let y = 0, i = start; y < height; y++) {
            const fromY = y + down
            for (let x = 0; x < width; x++, i++) {
              const fromX = x + right
              const inside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width
              data[i] = inside ? plane[fromY * width + fromX] : fills[c]
            }
          }
        }
      }
    },
  }
}
