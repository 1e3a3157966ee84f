import { checkArguments } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { imageShape } from './shapes'

/** The mean of each channel: (N, C, H, W) to (N, C). */
export function globalAvgPool2d(): Layer {
  checkArguments('globalAvgPool2d', arguments, 0)
  return {
    kind: 'globalAvgPool2d',
    initBefore: 'next',
    config: {},
    plan(x, plan) {
      const [c, h, w] = imageShape(x, plan)
      const y = plan.value([c])
      const sizes = [times(c), h * w]
      plan.forward('globalAvgPool2dForward', { sizes, reads: [x], writes: [y], flops: x.size })
      plan.backward('globalAvgPool2dBackward', { sizes, reads: [y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
