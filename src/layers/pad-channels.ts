import { MAX_SIZE, checkArguments, checkOptions, integer } from '../errors'
import { N, times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { channelsOf } from './shapes'

/**
 * Channels of zeros before and after those of the input: (N, C, H, W) to (N, before + C + after, H, W); vectors
 * likewise. `before` is 0 unless given, `after` is 0 unless given. Shortcuts without parameters (He et al., 2015,
 * option A) widen with it.
 */
export function padChannels(options: { before?: number; after?: number }): Layer {
  checkArguments('padChannels', arguments, 1)
  options = checkOptions('padChannels', options, ['before', 'after'])
  const before = integer('padChannels', 'before', options.before ?? 0, 0, MAX_SIZE)
  const after = integer('padChannels', 'after', options.after ?? 0, 0, MAX_SIZE)
  return {
    kind: 'padChannels',
    movesSteps: true,
    config: { before, after },
    plan(x, plan) {
      const c = channelsOf(x, plan)
      const [, ...rest] = x.shape
      const y = plan.value([before + c + after, ...rest])
      const offset = (before * x.size) / c
      plan.forward('fill', { sizes: [times(y.size), 0], reads: [], writes: [y] })
      plan.forward('copyBlocks', {
        sizes: [N, x.size, x.size, y.size],
        reads: [x],
        writes: [{ within: y, offset }],
      })
      plan.backward('copyBlocks', {
        sizes: [N, x.size, y.size, x.size],
        reads: [y.gradient && { within: y.gradient, offset }],
        writes: [x.gradient],
      })
      return y
    },
  }
}
