import type { Layer } from '../plan'

/** y = max(0, x), of any shape. The gradient at 0 is 0. */
export function relu(): Layer {
  return {
    kind: 'relu',
    config: {},
    plan(x, plan) {
      if (plan.next?.kind === 'maxPool2d') {
        return { y: plan.leaveRelu(x), flops: 0, forward() {}, backward() {} }
      }
      const y = plan.value(x.shape)
      plan.keep(y)
      return {
        y,
        flops: x.size,
        forward(n) {
          plan.kernels.reluForward(n * x.size, x.data, y.data)
        },
        backward(n) {
          if (plan.wants(x)) plan.kernels.reluBackward(n * x.size, y.data, y.gradient, x.gradient)
        },
      }
    },
  }
}
