import { checkArguments, checkOptions } from '../errors'
import type { Layer } from '../plan/plan'
import { POOL_OPTIONS, type PoolOptions, pool2d } from './pool2d'

/**
 * The largest value of each window: (N, C, H, W) to (N, C, OH, OW). The stride is that of the kernel unless given; pad
 * is at most half the kernel and never wins. The gradient goes to the first of equal values. With `ceil`, as PyTorch's
 * ceil_mode, windows that begin in the image but reach beyond it are there too.
 *
 *     maxPool2d(3, { stride: 2, ceil: true })   // 12 x 12 to 6 x 6, without `ceil` to 5 x 5
 */
export function maxPool2d(kernel: number | readonly [number, number], options: PoolOptions = {}): Layer {
  checkArguments('maxPool2d', arguments, 2)
  options = checkOptions('maxPool2d', options, POOL_OPTIONS)
  return pool2d('maxPool2d', kernel, options, {}, (x, plan, { c, h, w, oh, ow, kh, kw, sh, sw, ph, pw }) => {
    // The pool of max(0, x) is max(0, the pool of x): a ReLU that left its work to this layer is done here.
    const relu = plan.takeRelu(x) ? 1 : 0
    const y = plan.value([c, oh, ow])
    const index = plan.saved(4 * plan.batch * y.size)
    return {
      y,
      flops: kh * kw * y.size,
      forward(n) {
        // prettier-ignore
        plan.kernels.maxPool2dForward(
          n * c, h, w, oh, ow, kh, kw, sh, sw, ph, pw, relu, x.data, plan.scratchPointer, index.pointer, y.data,
        )
      },
      backward(n) {
        if (plan.wants(x)) plan.kernels.maxPool2dBackward(n * c, h * w, oh * ow, y.gradient, index.pointer, x.gradient)
      },
    }
  })
}
