import { checkOptions, integer } from '../errors'
import type { Layer } from '../plan/plan'

/**
 * Channels of zeros before and after those of the input: (N, C, H, W) to (N, before + C + after, H, W); vectors
 * likewise. `before` is 0 unless given, `after` is 0 unless given. Shortcuts without parameters (He et al., 2015,
 * option A) widen with it.
 */
export function padChannels(options: { before?: number; after?: number }): Layer {
  checkOptions('padChannels', options, ['before', 'after'])
  const before = integer('padChannels', 'before', options.before ?? 0, 0)
  const after = integer('padChannels', 'after', options.after ?? 0, 0)
  return {
    kind: 'padChannels',
    config: { before, after },
    plan(x, plan) {
      const [c, ...rest] = x.shape
      const y = plan.value([before + c + after, ...rest])
      const offset = ((before * x.size) / c) * plan.bytes
      return {
        y,
        flops: 0,
        forward(n) {
          plan.kernels.fill(n * y.size, 0, y.data)
          plan.kernels.copyBlocks(n, x.size, x.size, y.size, x.data, y.data + offset)
        },
        backward(n) {
          if (plan.wants(x)) plan.kernels.copyBlocks(n, x.size, y.size, x.size, y.gradient + offset, x.gradient)
        },
      }
    },
  }
}
