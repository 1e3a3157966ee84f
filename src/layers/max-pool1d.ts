import { checkArguments, checkOptions } from '../errors'
import type { Layer } from '../plan/layer'
import { maxPool } from './max-pool2d'
import { type Pool1dOptions, pool1d } from './pool1d'

/**
 * The largest value of each window: (N, C, T) to (N, C, OT). The stride is that of the kernel unless given; padding never
 * wins. The gradient goes to the first of equal values. `dilation`, 1 unless given: from one value of a window to the next.
 */
export function maxPool1d(kernel: number, options: Pool1dOptions & { dilation?: number } = {}): Layer {
  checkArguments('maxPool1d', arguments, 2)
  options = checkOptions('maxPool1d', options, ['stride', 'pad', 'ceil', 'dilation'])
  return pool1d('maxPool1d', kernel, options, {}, (window, of) => maxPool('maxPool1d', window, of))
}
