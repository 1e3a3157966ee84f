import { checkOptions, finite, integer } from '../errors'
import { constant, zeros } from '../initializers'
import { NORM_SCRATCH } from '../kernels/blocking'
import type { Layer, Plan, Step, Value } from '../plan/plan'

/**
 * Group normalisation (Wu & He, 2018), as PyTorch's nn.GroupNorm: (N, C) or (N, C, H, W) to the same shape, each
 * example and group of C / groups neighbouring channels over its own values, in training and after it alike. weight γ
 * (C) from 1, bias β (C) from 0, neither decayed; `epsilon`, 1e-5 unless given, is added to the variance. One group
 * makes it a norm of whole examples, C groups an instance norm. Throws a PlanError when it is planned on channels that
 * the groups do not divide.
 *
 *     sequential(conv2d(32, { kernel: 3, pad: 1 }), groupNorm(8), relu())
 */
export function groupNorm(groups: number, options: { epsilon?: number } = {}): Layer {
  integer('groupNorm', 'groups', groups, 1)
  checkOptions('groupNorm', options, ['epsilon'])
  const epsilon = finite('groupNorm', 'epsilon', options.epsilon ?? 1e-5, 0)
  return {
    kind: 'groupNorm',
    initBefore: 'next',
    config: { groups, epsilon },
    plan(x, plan) {
      const [c] = x.shape
      if (c % groups !== 0) {
        throw plan.error(`${groups} groups do not divide the ${c} channels of the input; take a divisor of ${c}`)
      }
      return planGroupNorm(x, plan, groups, [c], epsilon)
    },
  }
}

/** A norm with the parameters of `shape`: one value for each channel, of which there are as many as it has values. */
export function planGroupNorm(x: Value, plan: Plan, groups: number, shape: readonly number[], epsilon: number): Step {
  const gamma = plan.parameter('weight', shape, { init: constant(1), fanIn: 1, fanOut: 1, decay: false })
  const beta = plan.parameter('bias', shape, { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
  const c = gamma.size
  const hw = x.size / c
  const mean = plan.saved(plan.batch * groups * plan.bytes)
  const invStd = plan.saved(plan.batch * groups * plan.bytes)
  plan.keep(x)
  plan.scratch(NORM_SCRATCH + 2 * c * plan.bytes)
  const y = plan.value(x.shape)
  return {
    y,
    flops: 8 * x.size,
    forward(n) {
      // prettier-ignore
      plan.kernels.groupNormForward(
        n, groups, c, hw, epsilon,
        x.data, gamma.data, beta.data, plan.scratchPointer, mean.pointer, invStd.pointer, y.data,
      )
    },
    backward(n) {
      // Frozen parameters have no gradients: the sums go to scratch.
      const spare = plan.scratchPointer + NORM_SCRATCH
      // prettier-ignore
      plan.kernels.groupNormBackward(
        n, groups, c, hw,
        x.data, gamma.data, mean.pointer, invStd.pointer, y.gradient, plan.scratchPointer,
        gamma.gradient || spare, beta.gradient || spare + c * plan.bytes, plan.wants(x) ? x.gradient : 0,
      )
    },
  }
}
