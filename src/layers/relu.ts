import { PlanError, checkArguments, checkOptions, show } from '../errors'
import type { Layer } from '../plan/layer'
import { activation } from './activation'

/**
 * y = max(0, x), of any shape; with `max`, y = min(max(0, x), max): relu({ max: 6 }) is the ReLU6 of MobileNet. The
 * gradient at 0, and at `max`, is 0.
 */
export function relu(options: { max?: number } = {}): Layer {
  checkArguments('relu', arguments, 1)
  options = checkOptions('relu', options, ['max'])
  const max = options.max ?? undefined
  if (max !== undefined && !(typeof max === 'number' && max > 0 && max < Infinity)) {
    throw new PlanError(`relu: max must be a finite number above 0, got ${show(max)}`)
  }
  // The kernels take NaN for no ceiling.
  const ceiling = max ?? NaN
  const layer = activation('relu', max === undefined ? {} : { max }, {
    forward: 'reluForward',
    backward: 'reluBackward',
    numbers: [ceiling],
  })
  return { ...layer, initBefore: 'he' }
}
