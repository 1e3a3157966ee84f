import { PlanError, checkArguments, checkOptions, show } from '../errors'
import type { Layer } from '../plan/plan'
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
  const layer = activation(
    'relu',
    max === undefined ? {} : { max },
    (kernels, count, x, _, y) => kernels.reluForward(count, ceiling, x, y),
    (kernels, count, y, dy, dx) => kernels.reluBackward(count, ceiling, y, dy, dx),
  )
  return {
    ...layer,
    initBefore: 'he',
    plan(x, plan) {
      // Max-pooling takes a ReLU before it in the same pass over memory, unless it has a ceiling.
      if (max !== undefined || plan.next?.kind !== 'maxPool2d') return layer.plan(x, plan)
      return { y: plan.leaveRelu(x), flops: 0, forward() {}, backward() {} }
    },
  }
}
