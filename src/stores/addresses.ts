// Addresses of databases, and names of searches in them.

import { PlanError, checkOptions, show } from '../errors'

/** An address as messages may have it. */
export function withoutPassword(address: string): string {
  return address.replace(/^([a-z+]+:\/\/[^:/@]*):.*@/i, '$1:***@')
}

/** The name of a search in a database. */
export function nameOf(where: string, options: { name?: string }): string {
  const { name = 'search' } = checkOptions(where, options, ['name'])
  if (typeof name === 'string' && /^[\w.-]{1,100}$/.test(name)) return name
  throw new PlanError(`${where}: name must be 1 to 100 letters, digits, '-', '_' and '.', got ${show(name)}`)
}
