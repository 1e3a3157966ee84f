import { checkArguments } from '../errors'
import { HARD_SIGMOID } from '../kernels/curve-kinds'
import type { Layer } from '../plan/layer'
import { curve } from './curve'

/** y = max(0, min(1, x / 6 + 1/2)), of any shape: PyTorch's. The gradient at -3 and 3 is 0. */
export function hardSigmoid(): Layer {
  checkArguments('hardSigmoid', arguments, 0)
  return curve('hardSigmoid', {}, HARD_SIGMOID)
}
