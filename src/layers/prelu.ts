import { checkArguments, checkOptions, finite, flag } from '../errors'
import { constant } from '../initializers'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { axisOf, channelsAlong } from './shapes'

/**
 * Parametric ReLU (He et al., 2015): y = x where x > 0, else w x, with a w learnt for each channel of (N, C, H, W) or
 * feature of (N, D). `alpha`, 0.25 unless given, is the first w; `shared`, false unless given: one w for all, as PyTorch's
 * PReLU() has it. weight: (C), or (1). Its gradient at 0 is 0, that of x there w. Weight decay leaves it alone. `axis` says
 * which axis of an example has the channels: the first unless given; sequences want it, 0 for (N, C, T), 1 for (N, T, D).
 */
export function prelu(options: { alpha?: number; shared?: boolean; axis?: number } = {}): Layer {
  checkArguments('prelu', arguments, 1)
  options = checkOptions('prelu', options, ['alpha', 'shared', 'axis'])
  const alpha = finite('prelu', 'alpha', options.alpha ?? 0.25)
  const shared = flag('prelu', 'shared', options.shared ?? false)
  const { axis } = axisOf('prelu', options.axis)
  return {
    kind: 'prelu',
    initBefore: 'he',
    config: { alpha, shared, ...axisOf('prelu', axis) },
    plan(x, plan) {
      const { rows, c, hw } = shared ? { rows: 1, c: 1, hw: x.size } : channelsAlong(x, plan, axis)
      const weight = plan.parameter('weight', [c], { init: constant(alpha), fanIn: 1, fanOut: 1, decay: false })
      const y = plan.value(x.shape)
      const sizes = [times(rows), c, hw]
      plan.forward('preluForward', { sizes, reads: [x, weight], writes: [y], flops: x.size })
      if (weight.gradient) {
        const products = plan.saved(plan.batch * x.size * plan.bytes)
        plan.backward('preluProducts', { sizes: [times(x.size)], reads: [x, y.gradient], writes: [products] })
        plan.backward('addChannelSums', {
          sizes: [times(rows), c, c, hw],
          reads: [products],
          writes: [weight.gradient],
        })
      }
      plan.backward('preluBackward', { sizes, reads: [x, weight, y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
