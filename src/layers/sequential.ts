import { type Layer, type Step, chain } from '../plan/plan'
import { configOf, namedLayers } from './children'

/**
 * One layer after the other. Parameters are named by place (`0.weight`), or, from an object, by its keys
 * (`conv1.weight`); a key of '' adds nothing to the names within.
 */
export function sequential(...layers: Layer[]): Layer
export function sequential(layers: Readonly<Record<string, Layer>>): Layer
export function sequential(...args: (Layer | Readonly<Record<string, Layer>>)[]): Layer {
  const entries = namedLayers('sequential', args)
  const layers = entries.map(([, layer]) => layer)
  return {
    kind: 'sequential',
    config: { layers: configOf(entries) },
    children: entries,
    plan(x, plan) {
      const after = plan.following
      const steps: Step[] = []
      let y = x
      for (let i = 0; i < layers.length; i++) {
        const following = [...layers.slice(i + 1), ...after]
        const step = plan.child(entries[i][0], layers[i], y, following, layers[i + 1])
        steps.push(step)
        y = step.y
        if (step.fused) i++
      }
      return chain(y, steps)
    },
  }
}
