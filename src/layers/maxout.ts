import { MAX_SIZE, checkArguments, checkOptions, integer } from '../errors'
import type { Layer } from '../plan/plan'

/**
 * Maxout (Goodfellow et al., 2013): the largest of each run of `pieces` features or channels, (N, D) to
 * (N, D / pieces), (N, C, H, W) to (N, C / pieces, H, W). The gradient goes to the first of equal values.
 */
export function maxout(options: { pieces: number }): Layer {
  checkArguments('maxout', arguments, 1)
  options = checkOptions('maxout', options, ['pieces'])
  const pieces = integer('maxout', 'pieces', options.pieces, 2, MAX_SIZE)
  return {
    kind: 'maxout',
    initBefore: 'he',
    config: { pieces },
    plan(x, plan) {
      const [channels, ...plane] = x.shape
      if (channels % pieces !== 0) {
        throw plan.error(`${pieces} pieces do not divide ${channels} ${plane.length ? 'channels' : 'features'}`)
      }
      const groups = channels / pieces
      const hw = x.size / channels
      const y = plan.value([groups, ...plane])
      const index = plan.saved(4 * plan.batch * y.size)
      return {
        y,
        flops: x.size,
        forward(n) {
          plan.kernels.maxoutForward(n * groups, pieces, hw, x.data, index.pointer, y.data)
        },
        backward(n) {
          if (plan.wants(x)) {
            plan.kernels.maxoutBackward(n * groups, pieces, hw, index.pointer, y.gradient, x.gradient)
          }
        },
      }
    },
  }
}
