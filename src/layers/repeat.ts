import { MAX_SIZE, checkArguments, integer } from '../errors'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'

/** Each example so many times along a new first axis: (N, D) to (N, times, D), as Keras's RepeatVector. */
export function repeat(times: number): Layer {
  checkArguments('repeat', arguments, 1)
  integer('repeat', 'times', times, 1, MAX_SIZE)
  return {
    kind: 'repeat',
    movesSteps: true,
    initBefore: 'next',
    config: { times },
    plan(x, plan) {
      if (times === 1) return plan.reshaped(x, [1, ...x.shape])
      const y = plan.value([times, ...x.shape])
      const sizes = [N, times, x.size, 1]
      plan.forward('spreadAxis', { sizes, reads: [x], writes: [y] })
      plan.backward('sumAxis', { sizes, reads: [y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
