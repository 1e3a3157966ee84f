import { PlanError, checkArguments, checkOptions, count, few, finite, numbers } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { axisOf, channelsAlong, windowHint } from './shapes'

/** Of normalize. */
export interface NormalizeOptions {
  /** What is taken away. */
  mean: number | readonly number[]
  /** What that is divided by. */
  std: number | readonly number[]
  /** Which axis of an example has the channels: the first unless given. */
  axis?: number
}

/**
 * y = (x - mean) / std per channel, not trained: (N, C) or (N, C, H, W) to the same shape. A first layer that scales
 * raw pixels, so that the scaling travels with the saved model. One number, or one for each channel. Sequences want
 * `axis`: 0 for (N, C, T), 1 for (N, T, D).
 */
export function normalize(options: NormalizeOptions): Layer {
  checkArguments('normalize', arguments, 1)
  options = checkOptions('normalize', options, ['mean', 'std', 'axis'])
  const mean = perChannel('mean', options.mean)
  const std = perChannel('std', options.std)
  const { axis } = axisOf('normalize', options.axis)
  if (std.some((s) => s <= 0)) throw new PlanError(`normalize: std must be above 0, got ${few(std)}`)
  return {
    kind: 'normalize',
    initBefore: 'next',
    config: { mean, std, ...axisOf('normalize', axis) },
    plan(x, plan) {
      // One number for all suits every shape.
      const alike = mean.length === 1 && std.length === 1
      const { rows, c, hw } = channelsAlong(x, plan, alike ? (axis ?? 0) : axis)
      for (const [name, values] of Object.entries({ mean, std })) {
        if (values.length !== 1 && values.length !== c) {
          throw plan.error(
            `${name} has ${values.length} values, but the input has ${count(c, 'channel')}${windowHint(x, plan)}`,
          )
        }
      }
      const means = plan.buffer('mean', [c], mean)
      const stds = plan.buffer('std', [c], std)
      const y = plan.value(x.shape)
      const sizes = [times(rows), c, hw]
      plan.forward('normalizeForward', { sizes, reads: [x, means, stds], writes: [y], flops: 2 * x.size })
      plan.backward('normalizeBackward', { sizes, reads: [stds, y.gradient], writes: [x.gradient] })
      return y
    },
  }
}

function perChannel(name: string, value: unknown): number[] {
  const wanted = 'a finite number, or one for each channel'
  if (typeof value === 'number') return [finite('normalize', name, value)]
  return numbers('normalize', name, value, wanted, (_, v) => finite('normalize', name, v))
}
