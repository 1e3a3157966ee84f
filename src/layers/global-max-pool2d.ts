import { checkArguments } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { imageShape } from './shapes'

/** The largest value of each channel: (N, C, H, W) to (N, C). The gradient goes to the first of equal values. */
export function globalMaxPool2d(): Layer {
  checkArguments('globalMaxPool2d', arguments, 0)
  return {
    kind: 'globalMaxPool2d',
    initBefore: 'next',
    config: {},
    plan(x, plan) {
      const [c, h, w] = imageShape(x, plan)
      const y = plan.value([c])
      const index = plan.saved(4 * plan.batch * c)
      // The values of a channel are the pieces of a maxout.
      const sizes = [times(c), h * w, 1]
      plan.forward('maxoutForward', { sizes, reads: [x], writes: [index, y], flops: x.size })
      plan.backward('maxoutBackward', { sizes, reads: [index, y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
