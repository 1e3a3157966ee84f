import { checkArguments } from '../errors'
import type { Layer } from '../plan/layer'
import { activation } from './activation'

/** y = 1 / (1 + e^-x), of any shape. The gradient, y (1 - y), is 0 where y has become 1, from x = 37 on. */
export function sigmoid(): Layer {
  checkArguments('sigmoid', arguments, 0)
  return activation('sigmoid', {}, { forward: 'sigmoidForward', backward: 'sigmoidBackward', exp: true })
}
