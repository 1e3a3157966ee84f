import { checkArguments, checkOptions, finite } from '../errors'
import type { Layer } from '../plan/layer'
import { activation } from './activation'

/**
 * Leaky ReLU (Maas et al., 2013): y = x where x > 0, else alpha x, of any shape; `alpha`, 0.01 unless given, is at
 * least 0. The gradient at 0 is alpha.
 */
export function leakyRelu(options: { alpha?: number } = {}): Layer {
  checkArguments('leakyRelu', arguments, 1)
  options = checkOptions('leakyRelu', options, ['alpha'])
  const alpha = finite('leakyRelu', 'alpha', options.alpha ?? 0.01, 0)
  const layer = activation(
    'leakyRelu',
    { alpha },
    { forward: 'leakyReluForward', backward: 'leakyReluBackward', numbers: [alpha] },
  )
  return { ...layer, initBefore: 'he' }
}
