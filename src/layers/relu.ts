import { PlanError, checkOptions, show } from '../errors'
import type { Layer } from '../plan'

/**
 * y = max(0, x), of any shape; with `max`, y = min(max(0, x), max): relu({ max: 6 }) is the ReLU6 of MobileNet. The
 * gradient at 0, and at `max`, is 0.
 */
export function relu(options: { max?: number } = {}): Layer {
  checkOptions('relu', options, ['max'])
  const { max } = options
  if (max !== undefined && !(typeof max === 'number' && max > 0 && max < Infinity)) {
    throw new PlanError(`relu: max must be a finite number above 0, got ${show(max)}`)
  }
  // The kernels take NaN for no ceiling.
  const ceiling = max ?? NaN
  return {
    kind: 'relu',
    config: max === undefined ? {} : { max },
    plan(x, plan) {
      if (max === undefined && plan.next?.kind === 'maxPool2d') {
        return { y: plan.leaveRelu(x), flops: 0, forward() {}, backward() {} }
      }
      const y = plan.value(x.shape)
      plan.keep(y)
      return {
        y,
        flops: x.size,
        forward(n) {
          plan.kernels.reluForward(n * x.size, ceiling, x.data, y.data)
        },
        backward(n) {
          if (plan.wants(x)) plan.kernels.reluBackward(n * x.size, ceiling, y.data, y.gradient, x.gradient)
        },
      }
    },
  }
}
