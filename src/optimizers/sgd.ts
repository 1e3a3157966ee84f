import { checkArguments, checkOptions } from '../errors'
import { type Optimizer, type WithRate, rateOf } from './optimizer'

/** Stochastic gradient descent: x -= rate · dx. */
export function sgd(options: WithRate): Optimizer {
  checkArguments('sgd', arguments, 1)
  options = checkOptions('sgd', options, ['learningRate'])
  return {
    kind: 'sgd',
    config: {},
    learningRate: rateOf('sgd', options),
    slots: [],
    uses: ['addScaled'],
    update: ({ kernels, count, dx, x }, rate) => kernels.addScaled(count, -rate, dx, x),
  }
}
