import { checkArguments, checkOptions, pair } from '../errors'
import type { Layer } from '../plan/layer'
import { FILTER_OPTIONS, type FilterOptions, checkFilters, configOf, convolve } from './convolution'
import { type Pad2d, checkPad } from './pads'

/** How a convolution slides, and what it has. One number is for both directions; two are [vertical, horizontal]. */
export interface Conv2dOptions extends FilterOptions {
  /** Height and width of the kernel. */
  kernel: number | readonly [number, number]
  /** From one window to the next. 1 unless given. */
  stride?: number | readonly [number, number]
  /** Zeros on each side, or sides by name, or 'same', as TensorFlow's: ceil(size / stride) windows. 0 unless given. */
  pad?: Pad2d
  /** From one value of a window to the next: 2 leaves out every other. 1 unless given. */
  dilation?: number | readonly [number, number]
}

/**
 * Convolution (cross-correlation) of images: (N, C, H, W) to (N, filters, OH, OW), with
 * OH = floor((H + top + bottom - dilation (KH - 1) - 1) / stride) + 1, where a `pad` of a number is both top and bottom.
 * weight: (filters, C/groups, KH, KW), bias: (filters).
 *
 * `pad: 'same'` gives OH = ceil(H / stride), with total = max((OH - 1) stride + dilation (KH - 1) + 1 - H, 0) zeros, of
 * which floor(total / 2) are before. Zeros that are not as many on both sides cost a copy of the images.
 *
 * Precision: kernels of 3 x 3 and 5 x 5 of stride, dilation and groups 1 go by Winograd's algorithm (Lavin & Gray, 2016)
 * where that is faster. It loses some digits: an output is off by 343 to 503 roundings of the outputs' root mean square
 * in float64, by 266 to 900 in float32, where PyTorch in float32 loses 23 to 172. And it adds up values before it
 * multiplies: inputs beyond about a 500th of the largest number may give Infinity where a direct sum does not, as they
 * may in means. `algorithm: 'direct'`, of the layer or of createModel, turns it off. Images of height 1 go as
 * sequences do: see conv1d.
 */
export function conv2d(filters: number, options: Conv2dOptions): Layer {
  checkArguments('conv2d', arguments, 2)
  options = checkOptions('conv2d', options, ['kernel', 'stride', 'pad', 'dilation', ...FILTER_OPTIONS])
  const kernel = pair('conv2d', 'kernel', options.kernel, 1)
  const stride = pair('conv2d', 'stride', options.stride ?? 1, 1)
  const pad = checkPad('conv2d', options.pad ?? 0)
  const dilation = pair('conv2d', 'dilation', options.dilation ?? 1, 1)
  const of = checkFilters('conv2d', filters, options)
  const windows = { kernel, stride, pad, dilation }
  return {
    kind: 'conv2d',
    movesSteps: true,
    config: configOf(of, windows),
    plan: (x, plan) => convolve(x, plan, of, windows, kernel),
  }
}
