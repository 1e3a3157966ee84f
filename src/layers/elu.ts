import { checkArguments, checkOptions, finite } from '../errors'
import type { Layer } from '../plan/layer'
import { activation } from './activation'

/**
 * ELU (Clevert et al., 2015): y = x where x > 0, else alpha (e^x - 1), of any shape; `alpha`, 1 unless given, is at
 * least 0. The gradient at 0 is alpha.
 */
export function elu(options: { alpha?: number } = {}): Layer {
  checkArguments('elu', arguments, 1)
  options = checkOptions('elu', options, ['alpha'])
  const alpha = finite('elu', 'alpha', options.alpha ?? 1, 0)
  const layer = activation(
    'elu',
    { alpha },
    { forward: 'eluForward', backward: 'eluBackward', numbers: [alpha], exp: true },
  )
  return { ...layer, initBefore: 'he' }
}
