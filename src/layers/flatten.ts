import { checkArguments } from '../errors'
import type { Layer } from '../plan/layer'

/** (N, ...) to (N, D): the same memory under another shape, so it costs nothing. */
export function flatten(): Layer {
  checkArguments('flatten', arguments, 0)
  return {
    kind: 'flatten',
    initBefore: 'next',
    config: {},
    plan: (x, plan) => plan.reshaped(x, [x.size]),
  }
}
