// What layers made of layers share: the names of their children, and several readers of one value.

import { PlanError } from '../errors'
import type { Layer, Plan } from '../plan/plan'
import type { Value } from '../plan/value'

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

/** Plans each layer on x, of which each is a reader; an undefined one passes x on. Returns their outputs. */
export function planBranches(
  children: readonly (readonly [name: string, layer: Layer | undefined])[],
  x: Value,
  plan: Plan,
): Value[] {
  const inputs = plan.fork(x, children.length)
  return children.map(([name, layer], i) => (layer ? plan.child(name, layer, inputs[i]) : inputs[i]))
}
