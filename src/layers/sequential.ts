import { PlanError } from '../errors'
import type { Layer, Step } from '../plan'

/**
 * One layer after the other. Parameters are named by place (`0.weight`), or, from an object, by its keys
 * (`conv1.weight`).
 */
export function sequential(...layers: Layer[]): Layer
export function sequential(layers: Readonly<Record<string, Layer>>): Layer
export function sequential(...args: (Layer | Readonly<Record<string, Layer>>)[]): Layer {
  const named = args.length === 1 && typeof args[0]?.plan !== 'function' ? args[0] : args
  if (named === null || typeof named !== 'object') {
    throw new PlanError(`sequential: wants layers, or an object from name to layer, got ${typeof named}`)
  }
  const entries = Object.entries(named) as [string, Layer][]
  for (const [name, layer] of entries) {
    if (!name || name.includes('.')) throw new PlanError(`sequential: '${name}' is no name: it must have no dot`)
    if (typeof layer?.plan !== 'function')
      throw new PlanError(`sequential: ${name} is not a layer, but ${typeof layer}`)
  }
  const layers = entries.map(([, layer]) => layer)
  return {
    kind: 'sequential',
    config: { layers: entries.map(([name, { kind, config }]) => ({ name, kind, config })) },
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
      return {
        y,
        flops: steps.reduce((sum, step) => sum + step.flops, 0),
        forward(n, training) {
          for (let i = 0; i < steps.length; i++) steps[i].forward(n, training)
        },
        backward(n) {
          for (let i = steps.length - 1; i >= 0; i--) steps[i].backward(n)
        },
      }
    },
  }
}
