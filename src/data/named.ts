// Numbers of a network whose inputs or outputs have names: an object of them by name; else the numbers themselves.

import type { DType, Tensor } from '../tensor'
import { DataError, few, isPlain, quote, readSafely, show } from '../errors'

/** One for each name, under it; where there are no names, the one. */
export type ByName<Names extends string, T> = [Names] extends [never] ? T : Readonly<Record<Names, T>>

/** A tensor; of a graph, one for each input or output that has a name. */
export type Tensors<Names extends string, D extends DType = DType> = ByName<Names, Tensor<D>>

/** What is told of each output of a graph, where they have names. */
export type PerOutput<Out extends string, T> = [Out] extends [never]
  ? unknown
  : {
      /** Of each output, under its name. */
      outputs: Readonly<Record<Out, T>>
    }

/**
 * What is there for each of the names, in their order, or `value` itself where there are none. Throws an error that says
 * what is missing, and what nobody would read; it begins with `where`, unless that is ''.
 */
export function membersOf(
  where: string,
  what: string,
  names: readonly string[],
  value: unknown,
  Fault: typeof DataError = DataError,
): readonly any[] {
  if (!names.length) return [value]
  const prefix = where && `${where}: `
  return readSafely(
    where || what,
    what,
    () => {
      const wanted = `{ ${few(names)} }, as the network has them`
      if (!isPlain(value)) throw new Fault(`${prefix}${what} must be an object ${wanted}, got ${show(value)}`)
      const given = value as Readonly<Record<string, unknown>>
      for (const key of Object.keys(given)) {
        if (!names.includes(key)) throw new Fault(`${prefix}${what} has ${quote(key)}; it must be ${wanted}`)
      }
      return names.map((name) => {
        if (Object.hasOwn(given, name)) return given[name]
        throw new Fault(`${prefix}${what} has no ${quote(name)}; it must be ${wanted}`)
      })
    },
    Fault,
  )
}

/** The way back: what belongs to each of the names, under it; where there are none, the one. */
export function byName<T>(names: readonly string[], values: readonly T[]): T | Readonly<Record<string, T>> {
  return names.length ? Object.fromEntries(names.map((name, i) => [name, values[i]])) : values[0]
}

/** The name of one of them for errors: `x`, or `x.image`. */
export function memberName(what: string, name: string): string {
  return name ? `${what}.${name}` : what
}
