import { checkArguments, checkOptions, epsilonOf } from '../errors'
import type { Layer } from '../plan/layer'
import { planGroupNorm } from './group-norm'
import { channelsOf } from './shapes'

/**
 * Layer normalisation (Ba, Kiros & Hinton, 2016): (N, D) or (N, C, H, W) to the same shape, each example over all of
 * its values, in training and after it alike, as PyTorch's nn.LayerNorm of the whole shape of an example.
 * weight γ from 1 and bias β from 0 have that shape too, (D) or (C, H, W); neither is decayed. `epsilon`, 1e-5 unless
 * given, is added to the variance.
 *
 *     sequential(dense(64), layerNorm(), relu(), dense(10))
 */
export function layerNorm(options: { epsilon?: number } = {}): Layer {
  checkArguments('layerNorm', arguments, 1)
  options = checkOptions('layerNorm', options, ['epsilon'])
  const epsilon = epsilonOf('layerNorm', options.epsilon ?? 1e-5)
  return {
    kind: 'layerNorm',
    initBefore: 'next',
    config: { epsilon },
    // One group of channels of a single value each.
    plan(x, plan) {
      channelsOf(x, plan)
      return planGroupNorm(x, plan, 1, x.shape, epsilon)
    },
  }
}
