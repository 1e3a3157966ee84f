import { checkArguments, checkOptions, flag } from '../errors'
import type { Layer } from '../plan/layer'
import { avgPool } from './avg-pool2d'
import { type Pool1dOptions, pool1d } from './pool1d'

/**
 * The mean of each window: (N, C, T) to (N, C, OT). The stride is that of the kernel unless given. Zeros of the padding
 * count as values with `countPad`, true unless given (PyTorch's count_include_pad).
 */
export function avgPool1d(kernel: number, options: Pool1dOptions & { countPad?: boolean } = {}): Layer {
  checkArguments('avgPool1d', arguments, 2)
  options = checkOptions('avgPool1d', options, ['stride', 'pad', 'ceil', 'countPad'])
  const countPad = flag('avgPool1d', 'countPad', options.countPad ?? true)
  return pool1d('avgPool1d', kernel, options, { countPad }, (window, { dilation: _none, ...of }) =>
    avgPool('avgPool1d', window, { ...of, countPad }),
  )
}
