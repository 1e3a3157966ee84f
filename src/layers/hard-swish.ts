import { checkArguments } from '../errors'
import { HARD_SWISH } from '../kernels/curve-kinds'
import type { Layer } from '../plan/layer'
import { curve } from './curve'

/** y = x max(0, min(1, x / 6 + 1/2)), of any shape (Howard et al., 2019): MobileNetV3's. */
export function hardSwish(): Layer {
  checkArguments('hardSwish', arguments, 0)
  return { ...curve('hardSwish', {}, HARD_SWISH), initBefore: 'he' }
}
