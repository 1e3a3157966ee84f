import { checkArguments, checkOptions, flag } from '../errors'
import type { Layer } from '../plan/layer'
import { POOL_OPTIONS, type PoolOptions, pool2d } from './pool2d'

/**
 * The mean of each window: (N, C, H, W) to (N, C, OH, OW). The stride is that of the kernel unless given; pad is at
 * most half the kernel. Its zeros count as values with `countPad`, true unless given (PyTorch's count_include_pad);
 * TensorFlow's 'same' counts none, so take `countPad: false` with it. With `ceil`, as PyTorch's ceil_mode, windows that
 * begin in the image but reach beyond it are there too; what lies beyond the padding never counts.
 *
 *     avgPool2d(3, { stride: 1, pad: 1, countPad: false })
 */
export function avgPool2d(
  kernel: number | readonly [number, number],
  options: PoolOptions & { countPad?: boolean } = {},
): Layer {
  checkArguments('avgPool2d', arguments, 2)
  options = checkOptions('avgPool2d', options, [...POOL_OPTIONS, 'countPad'])
  return avgPool('avgPool2d', kernel, options)
}

/** The same, of checked names. */
export function avgPool(
  kind: string,
  kernel: number | readonly [number, number],
  options: PoolOptions & { countPad?: boolean },
): Layer {
  const countPad = flag(kind, 'countPad', options.countPad ?? true)
  const counts = countPad ? 1 : 0
  return pool2d(kind, kernel, options, { countPad, config: { countPad } }, (x, plan, windows) => {
    const { shape, scratch, flops } = windows
    const sizes = [...windows.sizes, counts]
    const y = plan.value(shape)
    plan.forward('avgPool2dForward', { sizes, reads: [x], scratch, writes: [y], flops })
    plan.backward('avgPool2dBackward', { sizes, reads: [y.gradient], scratch, writes: [x.gradient] })
    return y
  })
}
