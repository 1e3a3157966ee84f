import { checkArguments, checkOptions } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { along, checkAxis } from './axes'

/**
 * The mean over one axis, which is then gone: (N, T, D) to (N, D). `axis`, 0 unless given, is the first of an example;
 * -1 is the last. Of (N, D) there remains (N, 1). Where the data say the lengths of their rows (`{ x, y, lengths }`), the
 * mean over the steps of a sequence is that of the steps that count.
 */
export function mean(options: { axis?: number } = {}): Layer {
  checkArguments('mean', arguments, 1)
  options = checkOptions('mean', options, ['axis'])
  const axis = checkAxis('mean', options.axis ?? 0)
  return {
    kind: 'mean',
    initBefore: 'next',
    config: { axis },
    plan(x, plan) {
      const { at, outer, size, inner } = along(x, plan, axis)
      const shape = x.shape.toSpliced(at, 1)
      if (size === 1 && shape.length) return plan.reshaped(x, shape)
      const y = plan.value(shape.length ? shape : [1])
      const { lengths } = plan
      if (at === 0 && x.shape.length === 2 && lengths) {
        const first = [times(1), size, inner]
        plan.forward('meanOfFirst', { sizes: first, reads: [x, lengths], writes: [y], flops: x.size })
        plan.backward('spreadToFirst', { sizes: first, reads: [y.gradient, lengths], writes: [x.gradient] })
        return y
      }
      if (inner === 1) {
        const sizes = [times(outer), size]
        plan.forward('globalAvgPool2dForward', { sizes, reads: [x], writes: [y], flops: x.size })
        plan.backward('globalAvgPool2dBackward', { sizes, reads: [y.gradient], writes: [x.gradient] })
        return y
      }
      const sizes = [times(outer), size, inner, 1 / size]
      plan.forward('sumAxis', { sizes, reads: [x], writes: [y], flops: x.size })
      plan.backward('spreadAxis', { sizes, reads: [y.gradient], writes: [x.gradient] })
      return y
    },
  }
}
