import { checkArguments } from '../errors'
import { checkLayer } from '../plan/checks'
import type { Layer } from '../plan/layer'

/**
 * A layer that is not trained: its parameters keep their names, but get no gradients, no optimizer slots and no l2, and
 * it runs as in evaluation, so that batch norm uses its running statistics and leaves them as they are. Gradients go
 * through it, unless nothing before it is trained: then they are not computed, and nothing is kept for them. For layers
 * deep in a network made by others there is createModel's option `frozen`.
 *
 *     sequential({ body: freeze(body), head: dense(5) })
 */
export function freeze(layer: Layer): Layer {
  checkArguments('freeze', arguments, 1, 'freeze(sequential(a, b)) freezes several')
  checkLayer('freeze', '', layer)
  return {
    kind: 'freeze',
    config: { layer: { kind: layer.kind, config: layer.config } },
    children: [['', layer]],
    plan: (x, plan) => plan.freeze(() => plan.child('', layer, x)),
  }
}
