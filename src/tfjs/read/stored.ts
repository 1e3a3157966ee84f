// Which tensors of the file are the weights of a layer. TensorFlow.js names them layer/kernel; converters of Keras put the
// models around it, or cells within it, into the name, Keras 3 numbers in place of names: layer/vars/0.

import { quote } from '../../errors'
import { type Stored, fail } from './file'

/** Finds a weight of a layer: one of these names or, in files with numbers, the one at this place. */
export type Finder = (
  owners: readonly string[],
  around: readonly string[],
  variables: readonly string[],
  place: number,
) => Stored | undefined

/** Parts that a name is taken apart into, at most: of long ones there is nothing to find. */
const MOST_PARTS = 64

export function createFinder(tensors: readonly Stored[]): Finder {
  const byName = new Map<string, Stored>()
  const byParts = new Map<string, Stored[]>()
  for (const tensor of tensors) {
    const name = tensor.name.replace(/:\d+$/, '')
    if (byName.has(name)) throw fail(`two weights have the name ${quote(name)}`)
    byName.set(name, tensor)
    const parts = name.split('/')
    if (parts.length > MOST_PARTS) continue
    const last = parts.pop()!
    for (const part of new Set(parts)) {
      const key = `${part}/${last}`
      const known = byParts.get(key)
      if (known) known.push(tensor)
      else byParts.set(key, [tensor])
    }
  }
  const within = (owner: string, last: string, around: readonly string[]): Stored | undefined => {
    const found = byParts.get(`${owner}/${last}`) ?? []
    if (found.length < 2) return found[0]
    const nearer = found.filter(({ name }) => around.every((one) => `/${name}`.includes(`/${one}/`)))
    if (around.length && nearer.length === 1) return nearer[0]
    throw fail(
      `several weights may be ${quote(last)} of the layer ${quote(owner)}, such as ${quote(found[0].name)} and ${quote(found[1].name)}`,
    )
  }
  return (owners, around, variables, place) => {
    for (const owner of owners) {
      for (const variable of variables) {
        const found = byName.get(`${owner}/${variable}`) ?? within(owner, variable, around)
        if (found) return found
      }
    }
    return within(owners[0], String(place), around)
  }
}
