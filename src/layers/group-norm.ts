import { MAX_SIZE, PlanError, checkArguments, checkOptions, epsilonOf, integer, show } from '../errors'
import { constant, zeros } from '../initializers'
import { NORM_SCRATCH, SUM_STEPS } from '../kernels/blocking'
import { times } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Layer } from '../plan/layer'
import type { Value } from '../plan/value'
import { axisOf, channelsAlong } from './shapes'

/**
 * Group normalisation (Wu & He, 2018), as PyTorch's nn.GroupNorm: (N, C) or (N, C, H, W) to the same shape, each
 * example and group of C / groups neighbouring channels over its own values, in training and after it alike. weight γ
 * (C) from 1, bias β (C) from 0, neither decayed; `epsilon`, 1e-5 unless given, is added to the variance. One group
 * makes it a norm of whole examples, C groups an instance norm. Sequences (N, C, T) want `axis: 0`, which says that the
 * channels come first. Throws a PlanError when it is planned on channels that the groups do not divide.
 *
 *     sequential(conv2d(32, { kernel: 3, pad: 1 }), groupNorm(8), relu())
 */
export function groupNorm(groups: number, options: { epsilon?: number; axis?: 0 } = {}): Layer {
  checkArguments('groupNorm', arguments, 2)
  integer('groupNorm', 'groups', groups, 1, MAX_SIZE)
  options = checkOptions('groupNorm', options, ['epsilon', 'axis'])
  const epsilon = epsilonOf('groupNorm', options.epsilon ?? 1e-5)
  const { axis } = options
  if (axis !== undefined && axis !== 0) {
    throw new PlanError(`groupNorm: axis must be 0, the first, got ${show(axis)}; permute() puts the channels there`)
  }
  return {
    kind: 'groupNorm',
    initBefore: 'next',
    config: { groups, epsilon, ...axisOf('groupNorm', axis) },
    plan(x, plan) {
      const { c } = channelsAlong(x, plan, axis)
      if (c % groups !== 0) {
        throw plan.error(`${groups} groups do not divide the ${c} channels of the input; take a divisor of ${c}`)
      }
      return planGroupNorm(x, plan, { groups, shape: [c], epsilon })
    },
  }
}

/**
 * A norm with the parameters of `shape`: one value for each channel, of which there are as many as it has values. An
 * example is of so many `rows`, normed one by one.
 */
export function planGroupNorm(
  x: Value,
  plan: Plan,
  {
    groups = 1,
    rows = 1,
    shape,
    epsilon,
  }: { groups?: number; rows?: number; shape: readonly number[]; epsilon: number },
): Value {
  const gamma = plan.parameter('weight', shape, { init: constant(1), fanIn: 1, fanOut: 1, decay: false })
  const beta = plan.parameter('bias', shape, { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
  const c = gamma.size
  const hw = rows === 1 ? x.size / c : 1
  // All groups of as many.
  const sizes = [times(rows), groups, groups, c / groups, hw]
  const mean = plan.saved(plan.batch * rows * groups * plan.bytes)
  const invStd = plan.saved(plan.batch * rows * groups * plan.bytes)
  // Sums of gradients that are not wanted, of frozen parameters, go to places of their own.
  const spare = gamma.gradient ? undefined : [plan.saved(c * plan.bytes), plan.saved(c * plan.bytes)]
  const y = plan.value(x.shape)
  plan.forward('groupNormForward', {
    sizes: [...sizes, epsilon],
    reads: [x, gamma, beta],
    scratch: NORM_SCRATCH,
    writes: [mean, invStd, y],
    flops: 8 * x.size,
  })
  plan.backward('groupNormBackward', {
    sizes,
    reads: [x, gamma, mean, invStd, y.gradient],
    scratch: NORM_SCRATCH + (plan.batch * rows > SUM_STEPS ? 2 * c * plan.bytes : 0),
    writes: [...(spare ?? [gamma.gradient, beta.gradient]), x.gradient],
  })
  return y
}
