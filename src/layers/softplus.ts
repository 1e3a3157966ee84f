import { checkArguments } from '../errors'
import { SOFTPLUS } from '../kernels/curve-kinds'
import type { Layer } from '../plan/layer'
import { curve } from './curve'

/** y = ln(1 + e^x), of any shape, which is above 0; exact, without the threshold of PyTorch's. */
export function softplus(): Layer {
  checkArguments('softplus', arguments, 0)
  return curve('softplus', {}, SOFTPLUS)
}
