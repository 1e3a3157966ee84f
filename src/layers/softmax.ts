import { checkArguments } from '../errors'
import { SOFTMAX_SCRATCH } from '../kernels/blocking'
import { N, times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { channelsOf } from './shapes'

/**
 * y_j = e^x_j / sum_k e^x_k over the features of (N, D), the last axis of (N, T, D) or, at each place, the channels of
 * (N, C, H, W). For training a classifier end the network in scores instead: softmaxCrossEntropy() takes its softmax itself, more exactly.
 */
export function softmax(): Layer {
  checkArguments('softmax', arguments, 0)
  return {
    kind: 'softmax',
    config: {},
    plan(x, plan) {
      const isSequence = x.shape.length === 2
      const c = isSequence ? x.shape[1] : channelsOf(x, plan)
      const hw = isSequence ? 1 : x.size / c
      const y = plan.value(x.shape)
      const sizes = [isSequence ? times(x.shape[0]) : N, c, hw]
      const scratch = SOFTMAX_SCRATCH + 2 * hw * plan.bytes
      plan.forward('softmaxForward', { sizes, reads: [x], scratch, writes: [y], flops: 3 * x.size })
      plan.backward('softmaxBackward', { sizes, reads: [y, y.gradient], scratch, writes: [x.gradient] })
      return y
    },
  }
}
