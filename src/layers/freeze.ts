import { PlanError } from '../errors'
import type { Layer } from '../plan/plan'

/**
 * A layer that is not trained: its parameters keep their names, but get no gradients, no optimizer slots and no l2, and
 * it runs as in evaluation, so that batch norm uses its running statistics and leaves them as they are. Gradients go
 * through it, unless nothing before it is trained: then they are not computed at all. For layers deep in a network
 * made by others there is createModel's option `frozen`.
 *
 *     sequential({ body: freeze(body), head: dense(5) })
 */
export function freeze(layer: Layer): Layer {
  if (typeof layer?.plan !== 'function') throw new PlanError(`freeze: wants a layer, got ${typeof layer}`)
  return {
    kind: 'freeze',
    config: { layer: { kind: layer.kind, config: layer.config } },
    plan: (x, plan) => plan.freeze(() => plan.child('', layer, x)),
    children: [['', layer]],
  }
}
