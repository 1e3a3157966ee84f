import { checkArguments } from '../errors'
import { SILU } from '../kernels/curve-kinds'
import type { Layer } from '../plan/layer'
import { curve } from './curve'

/** SiLU, or swish (Elfwing et al., 2017; Ramachandran et al., 2017): y = x / (1 + e^-x), of any shape. */
export function silu(): Layer {
  checkArguments('silu', arguments, 0)
  return { ...curve('silu', {}, SILU), initBefore: 'he' }
}
