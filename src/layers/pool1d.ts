// What pools of sequences share.

import { flag } from '../errors'
import type { Layer } from '../plan/layer'
import type { PoolOptions } from './pool2d'
import { type Pad1d, along, asImages, asSequences, checkPad1d, imagePad } from './sequence'

/** How a pool slides along sequences. */
export interface Pool1dOptions {
  /** That of the kernel unless given: windows side by side. */
  stride?: number
  /** At both ends, at most half of the kernel; or 'same', or 'causal': see conv1d. 0 unless given. */
  pad?: Pad1d
  /** One window more, cut off, where a part is left over (PyTorch's ceil_mode); with a number as pad. False unless given. */
  ceil?: boolean
}

/** The pool of images of height 1 that `make` makes, as one of sequences. The names of its options are checked. */
export function pool1d(
  kind: string,
  kernel: number,
  options: Pool1dOptions & { dilation?: number },
  extra: object,
  make: (
    kernel: readonly [number, number],
    options: Omit<PoolOptions, 'pad'> & { pad: ReturnType<typeof imagePad>; dilation: readonly [number, number] },
  ) => Layer,
): Layer {
  along(kind, 'kernel', kernel, 1)
  const stride = along(kind, 'stride', options.stride ?? kernel, 1)
  const pad = checkPad1d(kind, options.pad ?? 0)
  const dilation = along(kind, 'dilation', options.dilation ?? 1, 1)
  const ceil = flag(kind, 'ceil', options.ceil ?? false)
  const images = make([1, kernel], {
    stride: [1, stride],
    pad: imagePad(pad, kernel, dilation),
    ceil,
    dilation: [1, dilation],
  })
  return {
    ...images,
    config: { kernel, stride, pad, ceil, ...(dilation > 1 && { dilation }), ...extra },
    plan: (x, plan) => asSequences(images.plan(asImages(x, plan), plan), plan),
  }
}
