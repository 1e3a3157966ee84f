import { checkOptions, finite } from '../errors'
import type { Layer } from '../plan'

/**
 * Leaky ReLU (Maas et al., 2013): y = x where x > 0, else alpha x, of any shape; alpha >= 0. The gradient at 0 is
 * alpha.
 */
export function leakyRelu(options: { alpha?: number } = {}): Layer {
  checkOptions('leakyRelu', options, ['alpha'])
  const alpha = finite('leakyRelu', 'alpha', options.alpha ?? 0.01, 0)
  return {
    kind: 'leakyRelu',
    config: { alpha },
    plan(x, plan) {
      const y = plan.value(x.shape)
      plan.keep(y)
      return {
        y,
        flops: x.size,
        forward(n) {
          plan.kernels.leakyReluForward(n * x.size, alpha, x.data, y.data)
        },
        backward(n) {
          if (plan.wants(x)) plan.kernels.leakyReluBackward(n * x.size, alpha, y.data, y.gradient, x.gradient)
        },
      }
    },
  }
}
