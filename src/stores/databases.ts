// What stores in databases share: addresses, names of searches, and how long one waits for a database.

import { PlanError, checkOptions, show } from '../errors'
import { withoutPasswords } from '../search/texts'

/** Which search of a Redis or a Postgres. */
export interface StoreOptions {
  /** The name of the search, one of many that may be there: letters, digits, `-`, `_` and `.`. 'search' unless given. */
  name?: string
}

/** Milliseconds for which a database may be away at the start: it may just be started anew. Later there is no limit. */
const PATIENCE = 10_000
/** What errors say of a database that does not answer now, and may later. */
const AWAY = /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|closed|LOADING|starting up/

/** What a first connection gives; tried again for a while where the database is away. */
export async function reach<T>(connect: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  for (;;) {
    try {
      return await connect()
    } catch (error) {
      if (!AWAY.test((error as Error).message) || performance.now() - begun > PATIENCE) throw error
      await new Promise((done) => setTimeout(done, 250))
    }
  }
}

/** The name of a search in a database. */
export function nameOf(where: string, options: StoreOptions): string {
  const { name = 'search' } = checkOptions(where, options, ['name'])
  if (typeof name === 'string' && /^[\w.-]{1,100}$/.test(name)) return name
  throw new PlanError(`${where}: name must be 1 to 100 letters, digits, '-', '_' and '.', got ${show(name)}`)
}

/** An address that can be read as one. Throws a PlanError where it is of another kind, or where it cannot. */
export function checkAddress(where: string, address: unknown, kind: RegExp, wanted: string): string {
  if (typeof address !== 'string' || !kind.test(address)) {
    const got = typeof address === 'string' ? show(withoutPasswords(address)) : show(address)
    throw new PlanError(`${where}: wants the address of ${wanted}, got ${got}`)
  }
  try {
    decodeURIComponent(new URL(address).href)
  } catch {
    throw new PlanError(
      `${where}: ${withoutPasswords(address)} is no address; in a password write / as %2F, # as %23, ? as %3F, @ as %40, % as %25`,
    )
  }
  return address
}
