import { checkArguments, checkOptions, finite } from '../../errors'
import type { Augmentation } from './augment'

/** Mirrors an image, left to right, with probability `p` (0.5 unless given). */
export function horizontalFlip(options: { p?: number } = {}): Augmentation {
  checkArguments('horizontalFlip', arguments, 1)
  const read = checkOptions('horizontalFlip', options, ['p'])
  const p = finite('horizontalFlip', 'p', read.p ?? 0.5, 0, 1)
  return {
    kind: 'horizontalFlip',
    config: { p },
    prepare({ channels, height, width }) {
      const rows = channels * height
      return (data, at, random) => {
        if (random.uniform() >= p) return
        for (let row = 0; row < rows; row++) {
          let left = at + row * width
          let right = left + width - 1
          for (; left < right; left++, right--) {
            const value = data[left]
            data[left] = data[right]
            data[right] = value
          }
        }
      }
    },
  }
}
