import { checkArguments, checkOptions, epsilonOf, finite, oneOf } from '../errors'
import { constant, zeros } from '../initializers'
import { NORM_SCRATCH } from '../kernels/blocking'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { axisOf, channelsAlong } from './shapes'

/** Of batchNorm. */
export interface BatchNormOptions {
  /** Of the running statistics: the share of the old ones that stays; PyTorch's is what goes. 0.9 unless given. */
  momentum?: number
  /** Added to the variance that normalises. 1e-5 unless given. */
  epsilon?: number
  /** Which variance of the batch they take: divided by N or, as PyTorch has it, by N - 1. 'biased' unless given. */
  runningVar?: 'biased' | 'unbiased'
  /** Which axis of an example has the channels: the first unless given. */
  axis?: number
}

/**
 * Batch normalisation (Ioffe & Szegedy, 2015): (N, D) or (N, C, H, W) to the same shape, each feature or channel over
 * the batch. weight γ (C) from 1, bias β (C) from 0; buffers running_mean, running_var (C). In training the batch's own
 * statistics normalise, else the running ones: running = momentum * running + (1 - momentum) * batch. Sequences want
 * `axis`: 0 for (N, C, T) as PyTorch's BatchNorm1d, 1 for (N, T, D); each channel is then normed over the batch and all
 * steps.
 *
 *     sequential(conv1d(16, { kernel: 5 }), batchNorm({ axis: 0 }), relu())
 */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  checkArguments('batchNorm', arguments, 1)
  options = checkOptions('batchNorm', options, ['momentum', 'epsilon', 'runningVar', 'axis'])
  const momentum = finite('batchNorm', 'momentum', options.momentum ?? 0.9, 0, 1)
  const epsilon = epsilonOf('batchNorm', options.epsilon ?? 1e-5)
  const runningVar = oneOf('batchNorm', 'runningVar', options.runningVar ?? 'biased', ['biased', 'unbiased'])
  const { axis } = axisOf('batchNorm', options.axis)
  return {
    kind: 'batchNorm',
    initBefore: 'next',
    config: { momentum, epsilon, runningVar, ...axisOf('batchNorm', axis) },
    plan(x, plan) {
      const { rows, c, hw } = channelsAlong(x, plan, axis)
      // All channels of as many. Features have kernels of their own, which need no hw.
      const sizes = hw === 1 ? [times(rows), c, c] : [times(rows), c, c, hw]
      const kernel = hw === 1 ? 'batchNormFeatures' : 'batchNorm'
      const unbiased = runningVar === 'unbiased' ? 1 : 0
      const gamma = plan.parameter('weight', [c], { init: constant(1), fanIn: 1, fanOut: 1, decay: false })
      const beta = plan.parameter('bias', [c], { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
      const runningMean = plan.buffer('running_mean', [c], 0)
      const runningVariance = plan.buffer('running_var', [c], 1)
      const mean = plan.saved(c * plan.bytes)
      const invStd = plan.saved(c * plan.bytes)
      const y = plan.value(x.shape)
      // The 0 after `unbiased`, and in backward after the mode: whether a ReLU is done as well, which the plan finds out.
      plan.forward(`${kernel}Forward`, {
        sizes: [...sizes, plan.training, unbiased, 0, epsilon, momentum, 1 - momentum],
        reads: [x, gamma, beta, runningMean, runningVariance],
        updates: [runningMean, runningVariance],
        scratch: NORM_SCRATCH,
        writes: [mean, invStd, y],
        flops: 4 * x.size,
      })
      plan.backward(`${kernel}Backward`, {
        sizes: [...sizes, plan.training, 0],
        reads: [x, gamma, beta, mean, invStd, y.gradient],
        scratch: NORM_SCRATCH,
        writes: [gamma.gradient, beta.gradient, x.gradient],
      })
      return y
    },
  }
}
