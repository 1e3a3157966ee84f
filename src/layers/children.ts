// What layers made of layers share: the names of their children, and several readers of one value.

import { PlanError, brief, checkNoPromise, hasMembers, quote, readSafely, show } from '../errors'
import type { Layer, Plan, Step, Value } from '../plan/plan'

export type NamedLayer = readonly [name: string, layer: Layer]

/** Characters that the name of a layer may have. */
const LONGEST = 200

/**
 * The children of a composite: layers named by place, or, from an object, by its keys. A key of '' adds nothing to the
 * names within. Throws a PlanError that begins with `where`.
 */
export function namedLayers(where: string, args: readonly (Layer | Readonly<Record<string, Layer>>)[]): NamedLayer[] {
  return readSafely(where, 'a layer', () => {
    const named: unknown = args.length === 1 && !isLayer(args[0]) ? args[0] : args
    checkNoPromise(where, '0', named)
    if (!Array.isArray(named) && !hasMembers(named)) {
      throw new PlanError(`${where}: wants layers, or an object from name to layer, got ${kindOf(named)}`)
    }
    const entries = Object.entries(named) as [string, Layer][]
    for (const [name, layer] of entries) {
      checkName(where, name)
      checkLayer(where, brief(name) || "''", layer)
    }
    return entries
  })
}

/** Throws a PlanError unless `value` is a layer; `name` is what it is of `where`, or '' where there is but one. */
export function checkLayer(where: string, name: string, value: unknown): void {
  readSafely(where, name || 'the layer', () => {
    checkNoPromise(where, name || 'the layer', value)
    if (isLayer(value)) return
    throw new PlanError(`${where}: ${name ? `${name} is not a layer, but` : 'wants a layer, got'} ${kindOf(value)}`)
  })
}

/** Throws a PlanError unless `name` can be the name of a layer. */
export function checkName(where: string, name: unknown): void {
  if (typeof name === 'string' && !name.includes('.') && name.length <= LONGEST) return
  const wanted = `it must be text without a dot, of at most ${LONGEST} characters`
  throw new PlanError(`${where}: ${typeof name === 'string' ? quote(name) : show(name)} is no name: ${wanted}`)
}

function isLayer(value: unknown): value is Layer {
  return typeof (value as Layer | null | undefined)?.plan === 'function'
}

/** What is no layer, for an error. */
function kindOf(value: unknown): string {
  return typeof value === 'object' ? show(value) : typeof value
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
