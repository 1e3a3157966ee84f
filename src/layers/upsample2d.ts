import { checkArguments, checkOptions, oneOf, pair } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { imageShape } from './shapes'

/**
 * Images that are so many times as large: (N, C, H, W) to (N, C, scale H, scale W). `scale`, 2 unless given, is a whole
 * number, or [vertical, horizontal]. `mode`, 'nearest' unless given, repeats each value; 'bilinear' takes what lies
 * between the four values around a place, as PyTorch does with align_corners=False.
 */
export function upsample2d(
  options: { scale?: number | readonly [number, number]; mode?: 'nearest' | 'bilinear' } = {},
): Layer {
  checkArguments('upsample2d', arguments, 1)
  options = checkOptions('upsample2d', options, ['scale', 'mode'])
  const [sh, sw] = pair('upsample2d', 'scale', options.scale ?? 2, 1)
  const mode = oneOf('upsample2d', 'mode', options.mode ?? 'nearest', ['nearest', 'bilinear'])
  return {
    kind: 'upsample2d',
    movesSteps: true,
    initBefore: 'next',
    config: { scale: [sh, sw], mode },
    plan(x, plan) {
      const [c, h, w] = imageShape(x, plan)
      const y = plan.value([c, h * sh, w * sw])
      const sizes = [times(c), h, w, sh, sw]
      if (mode === 'nearest') {
        plan.forward('upsampleNearestForward', { sizes, reads: [x], writes: [y] })
        plan.backward('upsampleNearestBackward', { sizes, reads: [y.gradient], writes: [x.gradient] })
        return y
      }
      const scratch = w * plan.bytes
      plan.forward('upsampleBilinearForward', { sizes, reads: [x], scratch, writes: [y], flops: 6 * y.size })
      plan.backward('upsampleBilinearBackward', { sizes, reads: [y.gradient], scratch, writes: [x.gradient] })
      return y
    },
  }
}
