import { checkArguments, checkOptions, finite, flag } from '../errors'
import { constant } from '../initializers'
import { N, times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { channelsOf } from './shapes'

/**
 * Parametric ReLU (He et al., 2015): y = x where x > 0, else w x, with a w learnt for each channel of (N, C, H, W) or
 * feature of (N, D). `alpha`, 0.25 unless given, is the first w; `shared`, false unless given: one w for all, as PyTorch's
 * PReLU() has it. weight: (C), or (1). Its gradient at 0 is 0, that of x there w. Weight decay leaves it alone.
 */
export function prelu(options: { alpha?: number; shared?: boolean } = {}): Layer {
  checkArguments('prelu', arguments, 1)
  options = checkOptions('prelu', options, ['alpha', 'shared'])
  const alpha = finite('prelu', 'alpha', options.alpha ?? 0.25)
  const shared = flag('prelu', 'shared', options.shared ?? false)
  return {
    kind: 'prelu',
    initBefore: 'he',
    config: { alpha, shared },
    plan(x, plan) {
      const c = shared ? 1 : channelsOf(x, plan)
      const hw = x.size / c
      const weight = plan.parameter('weight', [c], { init: constant(alpha), fanIn: 1, fanOut: 1, decay: false })
      const y = plan.value(x.shape)
      const sizes = [N, c, hw]
      plan.forward('preluForward', { sizes, reads: [x, weight], writes: [y], flops: x.size })
      if (weight.gradient) {
        const products = plan.saved(plan.batch * x.size * plan.bytes)
        plan.backward('preluProducts', { sizes: [times(x.size)], reads: [x, y.gradient], writes: [products] })
        plan.backward('addChannelSums', { sizes: [N, c, c, hw], reads: [products], writes: [weight.gradient] })
      }
      plan.backward('preluBackward', { sizes, reads: [x, weight, y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
