import type { Layer } from '../plan/layer'
import { configOf, namedLayers } from './children'
import { aheadOf } from './weights'

/**
 * One layer after the other. Parameters are named by place (`0.weight`), or, from an object, by its keys
 * (`conv1.weight`); a key of '' adds nothing to the names within, and no key may be a number: JavaScript moves
 * those to the front.
 */
export function sequential(...layers: Layer[]): Layer
export function sequential(layers: Readonly<Record<string, Layer>>): Layer
export function sequential(...args: (Layer | Readonly<Record<string, Layer>>)[]): Layer {
  const entries = namedLayers('sequential', args)
  return {
    kind: 'sequential',
    config: { layers: configOf(entries) },
    children: entries,
    plan(x, plan) {
      const ahead = aheadOf(
        entries.map(([, layer]) => layer),
        plan.ahead,
      )
      let y = x
      for (let i = 0; i < entries.length; i++) y = plan.child(entries[i][0], entries[i][1], y, ahead[i])
      return y
    },
  }
}
