// What layers made of layers share: the names of their children, and several readers of one value.

import { PlanError } from '../errors'
import type { Layer, Plan, Step, Value } from '../plan/plan'

export type NamedLayer = readonly [name: string, layer: Layer]

/**
 * The children of a composite: layers named by place, or, from an object, by its keys. A key of '' adds nothing to the
 * names within. Throws a PlanError that begins with `where`.
 */
export function namedLayers(where: string, args: readonly (Layer | Readonly<Record<string, Layer>>)[]): NamedLayer[] {
  const named = args.length === 1 && typeof args[0]?.plan !== 'function' ? args[0] : args
  if (named === null || typeof named !== 'object') {
    throw new PlanError(`${where}: wants layers, or an object from name to layer, got ${typeof named}`)
  }
  const entries = Object.entries(named) as [string, Layer][]
  for (const [name, layer] of entries) {
    if (name.includes('.')) throw new PlanError(`${where}: '${name}' is no name: it must have no dot`)
    if (typeof layer?.plan !== 'function')
      throw new PlanError(`${where}: ${name || "''"} is not a layer, but ${typeof layer}`)
  }
  return entries
}

/** A composite's children as plain data. */
export function configOf(children: readonly NamedLayer[]): object[] {
  return children.map(([name, { kind, config }]) => ({ name, kind, config }))
}

/** Layers that all read x. */
export interface Branches {
  readonly outputs: readonly Value[]
  /** What runs, to be followed by the composite's own part (see chain). */
  readonly parts: readonly Step[]
}

/** Plans each layer on x; an undefined one passes x on. The composite's own work then begins: it reads all outputs. */
export function planBranches(
  children: readonly (readonly [name: string, layer: Layer | undefined])[],
  x: Value,
  plan: Plan,
): Branches {
  // A value has one reader, so each branch gets a gradient of its own; that of x is the sum of all, in their order.
  const inputs = children.map(() => plan.branch(x))
  const split: Step = {
    y: x,
    flops: 0,
    forward() {},
    backward(n) {
      if (!plan.wants(x)) return
      if (inputs.length === 1) plan.kernels.copyBlocks(1, n * x.size, 0, 0, inputs[0].gradient, x.gradient)
      else plan.kernels.add(n * x.size, inputs[0].gradient, inputs[1].gradient, x.gradient)
      for (let i = 2; i < inputs.length; i++) plan.kernels.add(n * x.size, x.gradient, inputs[i].gradient, x.gradient)
    },
  }
  const parts = [split]
  const outputs = children.map(([name, layer], i) => {
    if (!layer) return inputs[i]
    const step = plan.child(name, layer, inputs[i])
    parts.push(step)
    return step.y
  })
  plan.tick()
  for (const y of outputs) plan.use(y)
  return { outputs, parts }
}
