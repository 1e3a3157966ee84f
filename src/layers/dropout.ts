import { PlanError, checkOptions, oneOf, show } from '../errors'
import type { Layer } from '../plan/plan'
import { mix } from '../random'

/**
 * Dropout (Srivastava et al., 2014): in training each value is kept with probability `keep`, 0.5 unless given, else
 * becomes 0; of any shape; 0 < keep <= 1. With `mode`, 'inverted' unless given, as in CS231n, what is kept is divided
 * by keep, and a forward pass that does not train changes nothing. 'vanilla': training does not scale, other passes
 * multiply by keep.
 *
 * The mask depends on the model's seed, on which of its dropout layers this is, on the number of the training pass
 * (model.passes) and on the place of the value in the batch; on nothing else, so it is the same on every engine.
 */
export function dropout(options: { keep?: number; mode?: 'inverted' | 'vanilla' } = {}): Layer {
  checkOptions('dropout', options, ['keep', 'mode'])
  const { keep = 0.5 } = options
  if (!(typeof keep === 'number' && keep > 0 && keep <= 1)) {
    throw new PlanError(
      `dropout: keep, the probability to keep a value, must be above 0 and at most 1, got ${show(keep)}`,
    )
  }
  const mode = oneOf('dropout', 'mode', options.mode ?? 'inverted', ['inverted', 'vanilla'])
  const trainingFactor = mode === 'inverted' ? 1 / keep : 1
  const testFactor = mode === 'inverted' ? 1 : keep
  return {
    kind: 'dropout',
    initBefore: 'next',
    config: { keep, mode },
    plan(x, plan) {
      const layer = plan.randomLayer()
      const stream0 = streamOf(plan.seed, layer, 0x243f6a88)
      const stream1 = streamOf(plan.seed, layer, 0x85a308d3)
      const y = plan.value(x.shape)
      plan.scratch(16)
      let trained = false
      /** From x to y, and from dy to dx: the gradient of a mask is the mask. */
      const apply = (count: number, from: number, to: number): void => {
        if (!trained) return plan.kernels.scaled(count, testFactor, from, to)
        const key0 = mix(stream0 ^ plan.passes)
        const key1 = mix(stream1 ^ plan.passes)
        // The kernel compares 16 bits. The fraction that they leave out is rounded up as often as it is large.
        const limit = Math.floor((1 - keep) * 65536 + mix(key1) / 4294967296) - 32768
        plan.kernels.dropout(count, limit, key0, key1, trainingFactor, from, plan.scratchPointer, to)
      }
      return {
        y,
        flops: x.size,
        forward(n, training) {
          trained = training && plan.regularises
          apply(n * x.size, x.data, y.data)
        },
        backward(n) {
          if (plan.wants(x)) apply(n * x.size, y.gradient, x.gradient)
        },
      }
    },
  }
}

/** A hash of the seed (53 bits) and of the number of a layer; another for each `use`. */
function streamOf(seed: number, layer: number, use: number): number {
  return mix(mix(mix(use ^ seed) ^ Math.floor(seed / 4294967296)) ^ layer)
}
