import { PlanError, checkOptions, pair } from '../errors'
import { convOutput } from '../kernels/conv-geometry'
import type { Layer } from '../plan'

/**
 * The largest value of each window: (N, C, H, W) to (N, C, OH, OW). The stride is that of the kernel unless given; pad
 * is at most half the kernel and never wins. The gradient goes to the first of equal values.
 */
export function maxPool2d(
  kernel: number | readonly [number, number],
  options: { stride?: number | readonly [number, number]; pad?: number | readonly [number, number] } = {},
): Layer {
  checkOptions('maxPool2d', options, ['stride', 'pad'])
  const [kh, kw] = pair('maxPool2d', 'kernel', kernel, 1)
  const [sh, sw] = pair('maxPool2d', 'stride', options.stride ?? kernel, 1)
  const [ph, pw] = pair('maxPool2d', 'pad', options.pad ?? 0, 0)
  if (2 * ph > kh || 2 * pw > kw) {
    throw new PlanError(`maxPool2d: pad must be at most half of the kernel ${kh}x${kw}, got ${ph}x${pw}`)
  }
  return {
    kind: 'maxPool2d',
    config: { kernel: [kh, kw], stride: [sh, sw], pad: [ph, pw] },
    plan(x, plan) {
      if (x.shape.length !== 3)
        throw plan.error(`wants images (C, H, W), got an input of shape (${x.shape.join(', ')})`)
      const [c, h, w] = x.shape
      const oh = convOutput(h, kh, sh, ph, 1)
      const ow = convOutput(w, kw, sw, pw, 1)
      if (oh < 1 || ow < 1) throw plan.error(`kernel ${kh}x${kw} does not fit a ${h}x${w} input with pad ${ph}x${pw}`)
      // The pool of max(0, x) is max(0, the pool of x): a ReLU that left its work to this layer is done here.
      const relu = plan.takeRelu(x) ? 1 : 0
      const y = plan.value([c, oh, ow])
      const index = plan.saved(4 * plan.batch * y.size)
      return {
        y,
        flops: kh * kw * y.size,
        forward(n) {
          plan.kernels.maxPool2dForward(n * c, h, w, kh, kw, sh, sw, ph, pw, relu, x.data, index.pointer, y.data)
        },
        backward(n) {
          if (plan.wants(x))
            plan.kernels.maxPool2dBackward(n * c, h * w, oh * ow, y.gradient, index.pointer, x.gradient)
        },
      }
    },
  }
}
