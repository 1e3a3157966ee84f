// A search kept in Postgres: a table of lines, one of who lives, one of checkpoints, for all searches of a database.

import { FileError, PlanError, checkArguments } from '../errors'
import type { Beat, Store } from '../search/store'
import { clip, reasonOf, withoutPasswords } from '../search/texts'
import { type StoreOptions, checkAddress, nameOf, reach } from './databases'

/** What Postgres answers. */
export interface PostgresAnswer {
  /** Each with its columns by name. */
  readonly rows: readonly Record<string, unknown>[]
}

/** What a store needs of a pool of `pg`. */
export interface PostgresPool {
  /** Sends a statement. */
  query(text: string, values?: readonly unknown[]): Promise<PostgresAnswer>
  /** Ends all connections. */
  end(): Promise<void>
}

/** Made by the first who comes; a lock keeps two from making it at once. */
const TABLES = `
begin;
select pg_advisory_xact_lock(hashtext('v128 tables'));
create table if not exists v128_log (
  search text not null, position bigint not null, key text not null, line text not null,
  primary key (search, position), unique (search, key)
);
create table if not exists v128_workers (
  search text not null, worker text not null, about text not null, until timestamptz not null,
  primary key (search, worker)
);
create table if not exists v128_kept (
  search text not null, name text not null, bytes bytea not null,
  primary key (search, name)
);
create or replace function v128_add(a_search text, a_key text, a_line text) returns boolean language plpgsql as $$
begin
  -- One at a time, so that who reads never sees a line before one that stands in front of it.
  perform pg_advisory_xact_lock(hashtext('v128 log'), hashtext(a_search));
  insert into v128_log (search, position, key, line)
    select a_search, coalesce(max(position) + 1, 0), a_key, a_line from v128_log where search = a_search
    on conflict (search, key) do nothing;
  return found;
end $$;
commit`

const ADD = 'select v128_add($1, $2, $3) as added'
const READ = 'select line from v128_log where search = $1 and position >= $2 order by position'
const BEAT = `insert into v128_workers values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')
  on conflict (search, worker) do update set about = excluded.about, until = excluded.until`
const END = 'delete from v128_workers where search = $1 and worker = $2'
const BEATS = `select worker, about, extract(epoch from until - clock_timestamp()) * 1000 as left
  from v128_workers where search = $1 and until > clock_timestamp() - interval '1 hour'`
const SAVE = `insert into v128_kept values ($1, $2, $3)
  on conflict (search, name) do update set bytes = excluded.bytes`
const CLEAR = ['v128_log', 'v128_workers', 'v128_kept'].map((table) => `delete from ${table} where search = $1`)

/** Milliseconds in which Postgres answers, or the connection is taken for cut. */
const SILENCE = 10_000

/**
 * The store of a search in Postgres, version 12 or newer, for `search` and `work` on any number of machines. Wants the
 * package `pg`, version 8. Its tables, `v128_log`, `v128_workers` and `v128_kept`, are made where they are missing.
 *
 *     const store = await postgresStore('postgres://user:password@db.example/lab', { name: 'mnist' })
 *
 * Where the connection is cut, or Postgres starts anew, it waits and goes on. Throws a FileError where Postgres cannot be
 * reached at the start, wants another password, or has no room.
 */
export async function postgresStore(address: string, options: StoreOptions = {}): Promise<Store> {
  const where = 'postgresStore'
  checkArguments(where, arguments, 2)
  const name = nameOf(where, options)
  const pool = await connect(where, address)
  return storeOn(pool, `${withoutPasswords(address)} ${name}`, name, where)
}

/** A pool of connections, and the tables. Throws a FileError where there can be none. */
export async function connect(where: string, address: string): Promise<PostgresPool> {
  checkAddress(where, address, /^postgres(ql)?:\/\//i, "a Postgres, such as 'postgres://user@localhost/database'")
  const module = await import('pg').catch((cause: unknown) => {
    throw new PlanError(`${where}: wants the package pg: npm install pg`, { cause })
  })
  const pool = new module.default.Pool({
    connectionString: address,
    connectionTimeoutMillis: SILENCE,
    query_timeout: SILENCE,
    keepAlive: true,
    max: 4,
    // A process ends without saying so.
    allowExitOnIdle: true,
  })
  // Of a connection that nobody uses; the next query is told, or gets another.
  pool.on('error', () => {})
  try {
    await reach(() =>
      pool.query(TABLES).catch((cause: unknown) => {
        throw failure(where, withoutPasswords(address), cause)
      }),
    )
  } catch (error) {
    await pool.end()
    throw error
  }
  return pool
}

/** What Postgres says, and what helps. */
function failure(where: string, label: string, cause: unknown): FileError {
  const { code } = cause as { code?: unknown }
  const cures: [RegExp, string][] = [
    [/^28/, 'correct user and password in the address: postgres://USER:PASSWORD@host/database'],
    [/^3D000/, 'create that database, or correct the address'],
    [/^42501/, 'give its user the right to create tables, or make them first'],
    [/^53[12]00|^ENOSPC/, 'it has no room: free some there, and start this again: it goes on'],
    [/^53300/, 'it has too many connections: raise max_connections'],
    [/^(ECONN|ETIMEDOUT|EHOST|ENOTFOUND|ENET)/, 'start a Postgres there, or correct the address'],
  ]
  const cure = cures.find(([pattern]) => pattern.test(String(code)))?.[1] ?? 'see the log of Postgres'
  return new FileError(`${where}: ${clip(label)}: ${reasonOf(cause) || String(code)}; ${cure}`, { cause })
}

/** The store on a pool. */
export function storeOn(pool: PostgresPool, label: string, name: string, where: string): Store {
  const ask = async (text: string, ...values: readonly unknown[]) => {
    for (;;) {
      try {
        return (await pool.query(text, [name, ...values])).rows
      } catch (cause) {
        // Postgres starts anew, or was cut off: the statement is asked again, which does no harm.
        if (!isTransient(cause)) throw failure(where, label, cause)
        await new Promise((done) => setTimeout(done, 100))
      }
    }
  }
  return {
    name: label,
    add: async (key, line) => (await ask(ADD, key, line))[0].added === true,
    read: async (from) => (await ask(READ, from)).map(({ line }) => line as string),
    async beat(worker, about, lease) {
      if (lease) await ask(BEAT, worker, about, lease)
      else await ask(END, worker)
    },
    beats: async () =>
      (await ask(BEATS)).map(({ worker, about, left }): Beat => ({
        worker: worker as string,
        about: about as string,
        left: Number(left),
      })),
    save: async (name, bytes) => void (await ask(SAVE, name, Buffer.from(bytes))),
    async load(name) {
      const [row] = await ask('select bytes from v128_kept where search = $1 and name = $2', name)
      return row && new Uint8Array(row.bytes as Buffer)
    },
    drop: async (name) => void (await ask('delete from v128_kept where search = $1 and name = $2', name)),
    async clear() {
      for (const statement of CLEAR) await ask(statement)
    },
    close: () => pool.end(),
  }
}

/** What passes by itself: the server ends or starts, the network is cut, two statements were in each other's way. */
function isTransient(cause: unknown): boolean {
  const { code, message } = cause as { code?: unknown; message?: unknown }
  if (/^(57P0|08|40|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/.test(String(code))) return true
  return code === undefined && /timeout|terminated|connection|ended/i.test(String(message))
}
