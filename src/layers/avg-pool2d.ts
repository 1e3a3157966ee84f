import { flag } from '../errors'
import type { Layer } from '../plan/plan'
import { type PoolOptions, pool2d } from './pool2d'

/**
 * The mean of each window: (N, C, H, W) to (N, C, OH, OW). The stride is that of the kernel unless given; pad is at
 * most half the kernel. Its zeros count as values with `countPad`, true unless given (PyTorch's count_include_pad).
 * With `ceil`, as PyTorch's ceil_mode, windows that begin in the image but reach beyond it are there too; what lies
 * beyond the padding never counts.
 *
 *     avgPool2d(3, { stride: 1, pad: 1, countPad: false })
 */
export function avgPool2d(
  kernel: number | readonly [number, number],
  options: PoolOptions & { countPad?: boolean } = {},
): Layer {
  const countPad = flag('avgPool2d', 'countPad', options?.countPad ?? true)
  const counts = countPad ? 1 : 0
  return pool2d('avgPool2d', kernel, options, { countPad }, (x, plan, windows) => {
    const { c, h, w, oh, ow, kh, kw, sh, sw, ph, pw } = windows
    const y = plan.value([c, oh, ow])
    return {
      y,
      flops: kh * kw * y.size,
      forward(n) {
        // prettier-ignore
        plan.kernels.avgPool2dForward(
          n * c, h, w, oh, ow, kh, kw, sh, sw, ph, pw, counts, x.data, plan.scratchPointer, y.data,
        )
      },
      backward(n) {
        if (!plan.wants(x)) return
        // prettier-ignore
        plan.kernels.avgPool2dBackward(
          n * c, h, w, oh, ow, kh, kw, sh, sw, ph, pw, counts, y.gradient, plan.scratchPointer, x.gradient,
        )
      },
    }
  })
}
