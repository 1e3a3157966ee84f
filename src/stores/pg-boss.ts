// A search whose trials are jobs of a queue of pg-boss; its log is in the same Postgres.

import { PlanError, checkArguments } from '../errors'
import type { JobEnd, Store, TrialQueue } from '../search/store'
import { MAX_TRIALS } from '../search/space'
import { withoutPasswords } from '../search/texts'
import { type StoreOptions, nameOf } from './databases'
import { connect, storeOn } from './postgres'

/** What is used of pg-boss. */
interface Boss {
  on(event: 'error', hear: (error: Error) => void): unknown
  start(): Promise<unknown>
  stop(options: object): Promise<void>
  createQueue(name: string, options: object): Promise<unknown>
  insert(...jobs: unknown[]): Promise<unknown>
  fetch(name: string, options?: object): Promise<{ id: string; data: { trial: number } }[]>
  complete(name: string, id: string, output: object): Promise<unknown>
}

/** Seconds after which a job is handed out again: of who died sooner, others take the trial by the log. */
const EXPIRES = 900
const SCHEMA = 'pgboss'
/** Jobs that are added by one call. */
const BATCH = 1000

const WAITING = `select singleton_key from ${SCHEMA}.job where name = $1 and state < 'completed'`
const ACTIVE = `select id from ${SCHEMA}.job where name = $1 and singleton_key = $2 and state = 'active'`
const CLEAR = `delete from ${SCHEMA}.job where name = $1`

/**
 * The store of a search in Postgres whose trials are jobs of the pg-boss queue `v128-NAME`: people see them and their
 * results in its table, and `work` takes them from there. Wants the packages `pg-boss`, version 10 or newer, and `pg`.
 *
 *     const store = await pgBossStore('postgres://user:password@db.example/lab', { name: 'mnist' })
 *     await search({ space, trials: 1000, store, worker: new URL('trial.js', import.meta.url) })
 *
 * All else is that of `postgresStore`. Throws a FileError where Postgres cannot be reached at the start or wants another
 * password.
 */
export async function pgBossStore(address: string, options: StoreOptions = {}): Promise<Store> {
  const where = 'pgBossStore'
  checkArguments(where, arguments, 2)
  const name = nameOf(where, options)
  const pool = await connect(where, address)
  const module = (await import('pg-boss').catch((cause: unknown) => {
    throw new PlanError(`${where}: wants the package pg-boss: npm install pg-boss`, { cause })
  })) as unknown as Record<'default' | 'PgBoss', new (options: object) => Boss>
  const store = storeOn(pool, `${withoutPasswords(address)} ${name}`, name, where)
  const db = { executeSql: (text: string, values: unknown[]) => pool.query(text, values) }
  // The class is the default export before version 12.
  const boss = new (module.PgBoss ?? module.default)({ db, schema: SCHEMA, schedule: false })
  boss.on('error', () => {})
  const title = `v128-${name}`
  await patiently(() => boss.start())
  const queueOptions = { name: title, policy: 'stately', retryLimit: 1000, expireInSeconds: EXPIRES }
  await patiently(() => boss.createQueue(title, queueOptions))

  // A trial that failed has ended as well: pg-boss would run a failed job again.
  const finish = (id: string, end: JobEnd) => boss.complete(title, id, end)
  const queue: TrialQueue = {
    async offer(trials) {
      const waiting = new Set((await pool.query(WAITING, [title])).rows.map((row) => Number(row.singleton_key)))
      const fresh = trials.filter(({ index }) => !waiting.has(index))
      for (let i = 0; i < fresh.length; i += BATCH) {
        const jobs = fresh.slice(i, i + BATCH).map(({ index, parameters }) => ({
          name: title,
          data: { trial: index, parameters },
          singletonKey: `${index}`,
          priority: MAX_TRIALS - index,
        }))
        await boss.insert(jobs)
      }
    },
    async next() {
      const [job] = (await boss.fetch(title, { batchSize: 1 })) ?? []
      if (!job) return undefined
      return {
        trial: job.data.trial,
        async progress() {},
        async renew() {},
        end: async (end) => void (await finish(job.id, end)),
      }
    },
    async settle(trial, end) {
      for (const { id } of (await pool.query(ACTIVE, [title, `${trial}`])).rows) await finish(id as string, end)
    },
  }
  return {
    ...store,
    queue,
    async clear() {
      await pool.query(CLEAR, [title])
      await store.clear()
    },
    async close() {
      await boss.stop({ graceful: false, close: false })
      await store.close()
    },
  }
}

/** Of many that begin at once one makes the tables; the others are in its way, or find them half made, and try again. */
async function patiently(action: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return void (await action())
    } catch (error) {
      if (tries === 20) throw error
      await new Promise((done) => setTimeout(done, 50 + 100 * Math.random()))
    }
  }
}
