import { checkArguments } from '../errors'
import { SELU } from '../kernels/curve-kinds'
import type { Layer } from '../plan/layer'
import { curve } from './curve'

/**
 * SELU (Klambauer et al., 2017): y = λ x where x > 0, else λ α (e^x - 1), of any shape, with λ = 1.0507009873554805 and
 * α = 1.6732632423543772. It keeps mean 0 and variance 1 where weights are drawn by `xavier()` or the like.
 */
export function selu(): Layer {
  checkArguments('selu', arguments, 0)
  return curve('selu', {}, SELU)
}
