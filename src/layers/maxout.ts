import { MAX_SIZE, checkArguments, checkOptions, integer } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { channelsOf } from './shapes'

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
    movesSteps: true,
    initBefore: 'he',
    config: { pieces },
    plan(x, plan) {
      const channels = channelsOf(x, plan)
      const [, ...plane] = x.shape
      if (channels % pieces !== 0) {
        throw plan.error(`${pieces} pieces do not divide ${channels} ${plane.length ? 'channels' : 'features'}`)
      }
      const groups = channels / pieces
      const y = plan.value([groups, ...plane])
      const index = plan.saved(4 * plan.batch * y.size)
      const sizes = [times(groups), pieces, x.size / channels]
      plan.forward('maxoutForward', { sizes, reads: [x], writes: [index, y], flops: x.size })
      plan.backward('maxoutBackward', { sizes, reads: [index, y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
