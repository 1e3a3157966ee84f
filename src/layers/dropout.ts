import { PlanError, checkArguments, checkOptions, oneOf, show } from '../errors'
import { type Size, times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import type { Plan } from '../plan/plan'
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
  checkArguments('dropout', arguments, 1)
  if (typeof options === 'number') {
    throw new PlanError(
      `dropout: options must be an object with keep, mode, got ${show(options)}; keep is the share of values that ` +
        'stays: dropout({ keep: 0.9 }) drops a tenth',
    )
  }
  options = checkOptions('dropout', options, ['keep', 'mode'])
  const keep = options.keep ?? 0.5
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
      const y = plan.value(x.shape)
      const count = times(x.size)
      const masked = { sizes: [count, ...maskOf(plan, keep, trainingFactor)], scratch: 16, draws: true }
      const scaled = { sizes: [count, testFactor], draws: false }
      plan.forward('dropout', { ...masked, reads: [x], writes: [y], flops: x.size })
      plan.forward('scaled', { ...scaled, reads: [x], writes: [y] })
      // The gradient of a mask is the mask.
      plan.backward('dropout', { ...masked, reads: [y.gradient], writes: [x.gradient] })
      plan.backward('scaled', { ...scaled, reads: [y.gradient], writes: [x.gradient] })
      return y
    },
  }
}

/** The numbers of a call that draws a mask: below which 16 bits are dropped, two keys, and the factor of what is kept. */
export function maskOf(plan: Plan, keep: number, factor: number): Size[] {
  const layer = plan.randomLayer()
  const stream0 = streamOf(plan.seed, layer, 0x243f6a88)
  const stream1 = streamOf(plan.seed, layer, 0x85a308d3)
  const key0 = (pass: number) => mix(stream0 ^ pass)
  const key1 = (pass: number) => mix(stream1 ^ pass)
  // The kernel compares 16 bits. The fraction that they leave out is rounded up as often as it is large.
  const limit = (pass: number) => Math.floor((1 - keep) * 65536 + mix(key1(pass)) / 4294967296) - 32768
  return [limit, key0, key1, factor]
}

/** A hash of the seed (53 bits) and of the number of a layer; another for each `use`. */
function streamOf(seed: number, layer: number, use: number): number {
  return mix(mix(mix(use ^ seed) ^ Math.floor(seed / 4294967296)) ^ layer)
}
