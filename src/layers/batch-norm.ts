import { checkOptions, finite, oneOf } from '../errors'
import { constant, zeros } from '../initializers'
import { NORM_SCRATCH } from '../kernels/blocking'
import type { Layer } from '../plan/plan'

/**
 * Batch normalisation (Ioffe & Szegedy, 2015): (N, D) or (N, C, H, W) to the same shape, each feature or channel over
 * the batch. weight γ (C) from 1, bias β (C) from 0; buffers running_mean, running_var (C). In training the batch's own
 * statistics normalise, else the running ones: running = momentum * running + (1 - momentum) * batch, with `momentum`,
 * 0.9 unless given. `runningVar`, 'biased' unless given, takes the batch variance divided by N, or, as PyTorch has it,
 * 'unbiased', by N - 1. `epsilon`, 1e-5 unless given, is added to the variance that normalises.
 */
export function batchNorm(
  options: { momentum?: number; epsilon?: number; runningVar?: 'biased' | 'unbiased' } = {},
): Layer {
  checkOptions('batchNorm', options, ['momentum', 'epsilon', 'runningVar'])
  const momentum = finite('batchNorm', 'momentum', options.momentum ?? 0.9, 0, 1)
  const epsilon = finite('batchNorm', 'epsilon', options.epsilon ?? 1e-5, 0)
  const runningVar = oneOf('batchNorm', 'runningVar', options.runningVar ?? 'biased', ['biased', 'unbiased'])
  return {
    kind: 'batchNorm',
    initBefore: 'next',
    config: { momentum, epsilon, runningVar },
    plan(x, plan) {
      const c = x.shape[0]
      const hw = x.size / c
      // A ReLU that follows is done in the same pass over memory.
      const relu = isRelu(plan.next) ? 1 : 0
      const unbiased = runningVar === 'unbiased' ? 1 : 0
      const gamma = plan.parameter('weight', [c], { init: constant(1), fanIn: 1, fanOut: 1, decay: false })
      const beta = plan.parameter('bias', [c], { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
      const runningMean = plan.buffer('running_mean', [c], 0)
      const runningVariance = plan.buffer('running_var', [c], 1)
      const mean = plan.saved(c * plan.bytes)
      const invStd = plan.saved(c * plan.bytes)
      plan.keep(x)
      plan.scratch(Math.max(NORM_SCRATCH, 2 * c * plan.bytes))
      const y = plan.value(x.shape)
      let trained = 0
      return {
        y,
        flops: 4 * x.size,
        fused: relu === 1,
        forward(n, training) {
          trained = training ? 1 : 0
          // prettier-ignore
          plan.kernels.batchNormForward(
            n, c, hw, trained, unbiased, relu, epsilon, momentum, 1 - momentum,
            x.data, gamma.data, beta.data, runningMean.data, runningVariance.data, plan.scratchPointer,
            mean.pointer, invStd.pointer, y.data,
          )
        },
        backward(n) {
          // prettier-ignore
          plan.kernels.batchNormBackward(
            n, c, hw, trained, relu,
            x.data, gamma.data, beta.data, mean.pointer, invStd.pointer, y.gradient,
            plan.scratchPointer, gamma.gradient, beta.gradient, plan.wants(x) ? x.gradient : 0,
          )
        },
      }
    },
  }
}

/** Whether `layer` is max(0, x) and no more: a ReLU may have an upper bound as well. */
function isRelu(layer: Layer | undefined): boolean {
  if (layer?.kind !== 'relu') return false
  const { max } = layer.config as { max?: number | null }
  return (max ?? Infinity) === Infinity
}
