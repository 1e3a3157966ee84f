import { checkArguments, checkOptions } from '../errors'
import type { Layer } from '../plan/layer'
import { FILTER_OPTIONS, type FilterOptions, checkFilters, configOf, convolve } from './convolution'
import { type Pad1d, along, asImages, asSequences, checkPad1d, imagePad } from './sequence'

/** How a convolution slides along sequences, and what it has. */
export interface Conv1dOptions extends FilterOptions {
  /** Taps of the kernel. */
  kernel: number
  /** From one window to the next. 1 unless given. */
  stride?: number
  /** Zeros at both ends, or 'same', or 'causal'. 0 unless given. */
  pad?: Pad1d
  /** From one value of a window to the next: 2 leaves out every other. 1 unless given. */
  dilation?: number
}

/**
 * Convolution (cross-correlation) of sequences: (N, C, T) to (N, filters, OT), with
 * OT = floor((T + 2 pad - dilation (K - 1) - 1) / stride) + 1. weight: (filters, C/groups, K), bias: (filters).
 *
 * `pad: 'same'` gives OT = ceil(T / stride), as TensorFlow's does (see conv2d). `'causal'` has dilation (K - 1) zeros
 * before and none behind, as Keras's: no output sees what comes after it.
 *
 *     conv1d(16, { kernel: 3, dilation: 2, pad: 'causal' })
 *
 * Precision: kernels of 3 and 5 taps, of stride, dilation and groups 1, go by Winograd's algorithm along one dimension
 * where that is faster. It loses some digits: an output is off by 41 to 183 roundings of the outputs' root mean square in
 * float64, by 40 to 199 in float32, where a direct sum loses 7 to 41. What conv2d says of large inputs and of
 * `algorithm: 'direct'` holds here too.
 */
export function conv1d(filters: number, options: Conv1dOptions): Layer {
  checkArguments('conv1d', arguments, 2)
  options = checkOptions('conv1d', options, ['kernel', 'stride', 'pad', 'dilation', ...FILTER_OPTIONS])
  const kernel = along('conv1d', 'kernel', options.kernel, 1)
  const stride = along('conv1d', 'stride', options.stride ?? 1, 1)
  const pad = checkPad1d('conv1d', options.pad ?? 0)
  const dilation = along('conv1d', 'dilation', options.dilation ?? 1, 1)
  const of = checkFilters('conv1d', filters, options)
  const windows = {
    kernel: [1, kernel],
    stride: [1, stride],
    pad: imagePad(pad, kernel, dilation),
    dilation: [1, dilation],
  } as const
  return {
    kind: 'conv1d',
    movesSteps: true,
    config: configOf(of, { kernel, stride, pad, dilation }),
    plan: (x, plan) => asSequences(convolve(asImages(x, plan), plan, of, windows, [kernel]), plan),
  }
}
