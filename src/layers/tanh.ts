import { checkArguments } from '../errors'
import type { Layer } from '../plan/layer'
import { activation } from './activation'

/** y = tanh x, of any shape. The gradient, 1 - y², is 0 where y has become 1 or -1, from |x| = 19.1 on. */
export function tanh(): Layer {
  checkArguments('tanh', arguments, 0)
  return activation('tanh', {}, { forward: 'tanhForward', backward: 'tanhBackward', exp: true })
}
