import type { Layer } from '../plan/plan'
import { imageShape } from './pool2d'

/** The mean of each channel: (N, C, H, W) to (N, C). */
export function globalAvgPool2d(): Layer {
  return {
    kind: 'globalAvgPool2d',
    initBefore: 'next',
    config: {},
    plan(x, plan) {
      const [c, h, w] = imageShape(x, plan)
      const y = plan.value([c])
      return {
        y,
        flops: x.size,
        forward(n) {
          plan.kernels.globalAvgPool2dForward(n * c, h * w, x.data, y.data)
        },
        backward(n) {
          if (plan.wants(x)) plan.kernels.globalAvgPool2dBackward(n * c, h * w, y.gradient, x.gradient)
        },
      }
    },
  }
}
