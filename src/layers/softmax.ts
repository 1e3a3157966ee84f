import { checkArguments } from '../errors'
import { SOFTMAX_SCRATCH } from '../kernels/blocking'
import type { Layer } from '../plan/plan'

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
      const c = x.shape[0]
      const hw = x.size / c
      const y = plan.value(x.shape)
      plan.keep(y)
      plan.scratch(SOFTMAX_SCRATCH + 2 * hw * plan.bytes)
      return {
        y,
        flops: 3 * x.size,
        forward(n) {
          plan.kernels.softmaxForward(n, c, hw, x.data, plan.scratchPointer, y.data)
        },
        backward(n) {
          if (!plan.wants(x)) return
          plan.kernels.softmaxBackward(n, c, hw, y.data, y.gradient, plan.scratchPointer, x.gradient)
        },
      }
    },
  }
}
