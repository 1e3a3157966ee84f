import { PlanError, checkArguments } from '../errors'
import type { Layer } from '../plan/layer'
import { type Sides, WHOLE, borderOf, checkPad, padded } from './pads'
import { imageShape } from './shapes'

/**
 * Zeros around images: (N, C, H, W) to (N, C, top + H + bottom, left + W + right). One number is for all sides, two are
 * [vertical, horizontal], sides by name are 0 unless given.
 *
 *     zeroPad2d({ bottom: 1, right: 1 })
 */
export function zeroPad2d(pad: number | readonly [number, number] | Sides): Layer {
  checkArguments('zeroPad2d', arguments, 1)
  const checked = checkPad('zeroPad2d', pad)
  if (checked === 'same') throw new PlanError("zeroPad2d: 'same' is for windows; give numbers")
  const config = Array.isArray(checked) ? { pad: checked } : checked
  return {
    kind: 'zeroPad2d',
    movesSteps: true,
    config,
    plan(x, plan) {
      imageShape(x, plan)
      const { image, back } = padded(x, plan, borderOf(checked, [], WHOLE))
      back()
      return image
    },
  }
}
