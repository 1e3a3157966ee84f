// What layers with weights share.

import { PlanError, show } from '../errors'
import { type Initializer, he, xavier, zeros } from '../initializers'
import type { Layer, Plan, Slot } from '../plan'

/** Layers through which the activation after a weight is looked for. */
const TRANSPARENT = new Set([
  'batchNorm',
  'dropout',
  'maxPool2d',
  'avgPool2d',
  'globalAvgPool2d',
  'flatten',
  'normalize',
  'groupNorm',
  'layerNorm',
])

/** Throws a PlanError unless `init` is an initializer, or left out. */
export function checkInitializer(where: string, init: Initializer | undefined): void {
  if (init === undefined || typeof init?.fill === 'function') return
  throw new PlanError(`${where}: init must be an initializer such as he(), got ${show(init)}`)
}

/** Activations that pass about half of what they get, so that the next layer sees half of the variance. */
const RELU_LIKE = new Set(['relu', 'leakyRelu', 'elu', 'maxout'])

/** He's initialisation where a ReLU or the like comes before the next weights, else Xavier's. */
export function defaultInitializer(following: readonly Layer[]): Initializer {
  const next = following.find((layer) => !TRANSPARENT.has(layer.kind))
  return next && RELU_LIKE.has(next.kind) ? he() : xavier()
}

/** A bias for each output; zero at first, never decayed. */
export function planBias(plan: Plan, outputs: number): Slot {
  return plan.parameter('bias', [outputs], { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
}
