import { checkArguments, checkOptions, epsilonOf, few, integer } from '../errors'
import type { Layer } from '../plan/layer'
import { product } from '../tensor'
import { planGroupNorm } from './group-norm'

/**
 * Layer normalisation (Ba, Kiros & Hinton, 2016), as PyTorch's nn.LayerNorm, in training and after it alike: over the
 * last `axes` axes, which are 1 for (N, D) and (N, T, D), so each position for itself, and all 3 for (N, C, H, W), unless
 * given. weight γ from 1 and bias β from 0 have the shape of those axes; neither is decayed. `epsilon`, 1e-5 unless given,
 * is added to the variance.
 *
 *     sequential(dense(64), layerNorm(), relu(), dense(10))
 */
export function layerNorm(options: { axes?: number; epsilon?: number } = {}): Layer {
  checkArguments('layerNorm', arguments, 1)
  options = checkOptions('layerNorm', options, ['axes', 'epsilon'])
  const axes = options.axes === undefined ? undefined : integer('layerNorm', 'axes', options.axes, 1, 32)
  const epsilon = epsilonOf('layerNorm', options.epsilon ?? 1e-5)
  return {
    kind: 'layerNorm',
    initBefore: 'next',
    config: { ...(axes && { axes }), epsilon },
    // One group of channels of a single value each.
    plan(x, plan) {
      const { length } = x.shape
      const last = axes ?? (length === 2 ? 1 : length)
      if (last > length) throw plan.error(`there are no ${last} axes in examples of shape (${few(x.shape)})`)
      const shape = x.shape.slice(length - last)
      return planGroupNorm(x, plan, { rows: x.size / product(shape), shape, epsilon })
    },
  }
}
