// What layers made of layers share: the names of their children.

import { PlanError, brief, checkNoPromise, hasMembers, quote, readSafely, show } from '../errors'
import { checkLayer, isLayer, noLayer } from '../plan/checks'
import type { Layer } from '../plan/layer'

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
      throw new PlanError(`${where}: wants layers, or an object from name to layer, got ${noLayer(named)}`)
    }
    // By places, for holes count as well.
    const entries = (
      Array.isArray(named) ? Array.from(named, (layer, i) => [String(i), layer]) : Object.entries(named)
    ) as [string, Layer][]
    for (const [name, layer] of entries) {
      if (!Array.isArray(named)) checkKey(where, name)
      checkLayer(where, brief(name) || "''", layer)
    }
    return entries
  })
}

/** Throws a PlanError unless `name` can be the key of a layer in an object, where it keeps its place. */
function checkKey(where: string, name: string): void {
  checkName(where, name)
  if (!/^(0|[1-9]\d*)$/.test(name)) return
  throw new PlanError(
    `${where}: JavaScript moves the key ${quote(name)}, a number, before the others; give names with letters, or ` +
      `${where}(a, b, ...), which names by place`,
  )
}

/** Throws a PlanError unless `name` can be the name of a layer. */
export function checkName(where: string, name: unknown): void {
  if (typeof name === 'string' && !name.includes('.') && name.length <= LONGEST) return
  const wanted = `it must be text without a dot, of at most ${LONGEST} characters`
  throw new PlanError(`${where}: ${typeof name === 'string' ? quote(name) : show(name)} is no name: ${wanted}`)
}

/** A composite's children as plain data. */
export function configOf(children: readonly NamedLayer[]): object[] {
  return children.map(([name, { kind, config }]) => ({ name, kind, config }))
}
