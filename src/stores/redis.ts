// A search kept in Redis: a list for the log, a set of the keys of its lines, a hash for who lives, a string for each
// checkpoint.

import { FileError, PlanError, checkArguments } from '../errors'
import type { Beat, Store } from '../search/store'
import { clip, reasonOf, withoutPasswords } from '../search/texts'
import { type StoreOptions, checkAddress, nameOf, reach } from './databases'

/** What a store needs of a client of `ioredis`. */
export interface RedisClient {
  /** Sends a command. */
  call(command: string, ...args: (string | number | Uint8Array)[]): Promise<unknown>
  /** Sends a command whose answer is bytes. */
  callBuffer(command: string, ...args: (string | number | Uint8Array)[]): Promise<unknown>
  /** Ends the connection. */
  disconnect(): void
}

/** Adds a line unless its key is there. */
const ADD = `if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[2])
return 1`

/** Puts down until when a worker lives, by the clock of Redis. */
const BEAT = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(ARGV[3]) == 0 then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', now + ARGV[3], ARGV[2]))`

/** Who lives for how long; forgets those who have been dead for an hour. */
const BEATS = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local answer = {}
for i = 1, #all, 2 do
  local space = string.find(all[i + 1], ' ')
  local left = tonumber(string.sub(all[i + 1], 1, space - 1)) - now
  if left < -3600000 then
    redis.call('HDEL', KEYS[1], all[i])
  else
    table.insert(answer, { all[i], string.sub(all[i + 1], space + 1), string.format('%.0f', left) })
  end
end
return answer`

/** Milliseconds in which Redis answers, or the connection is taken for cut, and made anew. */
const SILENCE = 10_000

/**
 * The store of a search in Redis, version 5 or newer, for `search` and `work` on any number of machines. Wants the package
 * `ioredis`, version 5 or newer.
 *
 *     const store = await redisStore('redis://:password@queue.example:6379', { name: 'mnist' })
 *
 * Where the connection is cut, or Redis starts anew, it waits and goes on. What Redis loses then, by the last second of
 * `appendonly yes`, runs again. Throws a FileError where Redis cannot be reached at the start, wants a password, or has no
 * room.
 */
export async function redisStore(address: string, options: StoreOptions = {}): Promise<Store> {
  checkArguments('redisStore', arguments, 2)
  const name = nameOf('redisStore', options)
  const client = await connect('redisStore', address)
  return storeOn(client, `${withoutPasswords(address)} ${name}`, name)
}

/** A connected client of `ioredis`. Throws a FileError where there can be none. */
export async function connect(where: string, address: string): Promise<RedisClient> {
  checkAddress(where, address, /^rediss?:\/\//i, "a Redis, such as 'redis://localhost:6379'")
  const { Redis } = await import('ioredis').catch((cause: unknown) => {
    throw new PlanError(`${where}: wants the package ioredis: npm install ioredis`, { cause })
  })
  return reach(async () => {
    let connected = false
    const client = new Redis(address, {
      lazyConnect: true,
      connectTimeout: SILENCE,
      socketTimeout: SILENCE,
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => (connected ? Math.min(50 * times, 2000) : null),
    })
    let last: unknown
    client.on('error', (error: unknown) => (last = error))
    try {
      await client.connect()
      await client.call('PING')
      // Of a database that is not there ioredis says so, and goes on in the first.
      if (/DB index/i.test(reasonOf(last))) throw last
      connected = true
      return client as unknown as RedisClient
    } catch (cause) {
      client.disconnect()
      throw failure(where, address, last ?? cause)
    }
  })
}

/** What Redis says, and what helps. */
function failure(where: string, address: string, cause: unknown): FileError {
  if (cause instanceof FileError) return cause
  const reason = reasonOf(cause)
  const cures: [RegExp, string][] = [
    [/NOAUTH|WRONGPASS|invalid.*password/i, 'give its password in the address: redis://:PASSWORD@host:6379'],
    [/DB index/i, 'correct the number of the database in the address'],
    [/NOPERM/, 'give its user more rights'],
    [
      /ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|ENETUNREACH|closed/i,
      'start a Redis there, or correct the address',
    ],
    [/ECONNRESET|DENIED/, 'it refuses who comes from here: see its protected-mode, bind and requirepass'],
    [/OOM|MISCONF|ENOSPC/, 'it has no room: free some memory or disk there, and start this again: it goes on'],
    [/READONLY/, 'this is a replica: give the address of its primary'],
    [/WRONGTYPE/, 'something else is kept under this name: give another'],
  ]
  const cure = cures.find(([pattern]) => pattern.test(reason))?.[1] ?? 'see the log of Redis'
  return new FileError(`${where}: ${clip(withoutPasswords(address))}: ${reason}; ${cure}`, { cause })
}

/** What Redis answers: it may start anew, or be cut off, and is asked again then, which must do no harm. */
export async function patiently<T>(where: string, label: string, action: () => Promise<unknown>): Promise<T> {
  for (;;) {
    try {
      return (await action()) as T
    } catch (cause) {
      if (!TRANSIENT.test(reasonOf(cause))) throw failure(where, label, cause)
      await new Promise((done) => setTimeout(done, 100))
    }
  }
}

/** The store on a client. */
export function storeOn(client: RedisClient, label: string, name: string, where = 'redisStore'): Store {
  const key = (what: string) => `v128:{${name}}:${what}`
  const [log, keys, beats] = ['log', 'keys', 'workers'].map(key)
  const ask = <T>(action: () => Promise<unknown>) => patiently<T>(where, label, action)
  const kept = (what: string) => key(`kept:${what}`)
  return {
    name: label,
    add: async (key, line) => (await ask<number>(() => client.call('EVAL', ADD, 2, log, keys, key, line))) === 1,
    read: (from) => ask<string[]>(() => client.call('LRANGE', log, from, -1)),
    beat: async (worker, about, lease) =>
      void (await ask(() => client.call('EVAL', BEAT, 1, beats, worker, about, lease))),
    async beats() {
      const found = await ask<[string, string, string][]>(() => client.call('EVAL', BEATS, 1, beats))
      return found.map(([worker, about, left]): Beat => ({ worker, about, left: Number(left) }))
    },
    save: async (name, bytes) => void (await ask(() => client.call('SET', kept(name), Buffer.from(bytes)))),
    async load(name) {
      const found = await ask<Buffer | null>(() => client.callBuffer('GET', kept(name)))
      return found ? new Uint8Array(found) : undefined
    },
    drop: async (name) => void (await ask(() => client.call('DEL', kept(name)))),
    async clear() {
      for (let cursor = '0'; ;) {
        const [next, found] = await ask<[string, string[]]>(() =>
          client.call('SCAN', cursor, 'MATCH', key('*').replace(/[[\]?\\]/g, '\\$&'), 'COUNT', 1000),
        )
        if (found.length) await ask(() => client.call('DEL', ...found))
        if (next === '0') return
        cursor = next
      }
    },
    async close() {
      client.disconnect()
    },
  }
}

/** What passes by itself. */
const TRANSIENT =
  /LOADING|BUSY |TRYAGAIN|CLUSTERDOWN|MASTERDOWN|Socket timeout|Connection is closed|ECONN|EPIPE|timed out/i
