import { checkArguments } from '../errors'
import { SOFTMAX_SCRATCH } from '../kernels/blocking'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { channelsOf } from './shapes'

/**
 * y_j = e^x_j / sum_k e^x_k over the features of (N, D) or, at each place, the channels of (N, C, H, W). For training a
 * classifier end the network in scores instead: softmaxCrossEntropy() takes its softmax itself, more exactly.
 */
export function softmax(): Layer {
  checkArguments('softmax', arguments, 0)
  return {
    kind: 'softmax',
    config: {},
    plan(x, plan) {
      const c = channelsOf(x, plan)
      const hw = x.size / c
      const y = plan.value(x.shape)
      const sizes = [N, c, hw]
      const scratch = SOFTMAX_SCRATCH + 2 * hw * plan.bytes
      plan.forward('softmaxForward', { sizes, reads: [x], scratch, writes: [y], flops: 3 * x.size })
      plan.backward('softmaxBackward', { sizes, reads: [y, y.gradient], scratch, writes: [x.gradient] })
      return y
    },
  }
}
