// The stores that many processes share: a file, Redis, Postgres. What each must do, and a search on each of them.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Queue } from 'bullmq'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Run, type SearchResult, type Store, fileStore, search, uniform, work } from '../../src/entries/node'
import { bullmqStore } from '../../src/entries/bullmq'
import { pgBossStore } from '../../src/entries/pg-boss'
import { redisStore } from '../../src/entries/redis'
import { postgresStore } from '../../src/entries/postgres'
import { endOf } from '../../src/search/run-trial'
import { hasPostgres, hasRedis, startPostgres, startRedis } from '../support/servers.js'

const folder = mkdtempSync(join(tmpdir(), 'v128-stores-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const newName = () => `test-${++count}`

const space = { a: uniform(0, 1) }
/** Five epochs with a score that depends on the trial alone, some ahead of others. */
const run: Run<typeof space> = async ({ parameters: { a }, index }, report) => {
  for (let epoch = 0; epoch < 5; epoch++) {
    if (!(await report(epoch, a + ((index * 7 + epoch) % 5) / 10))) break
  }
  return a
}
const options = { space, trials: 60, rounds: 3, seed: 1, earlyStopping: { rule: 'median' } } as const

/** What does not depend on times. */
const outcome = ({ trials, rounds, best }: SearchResult<typeof space>) => ({
  rounds,
  best: { ...best, seconds: 0 },
  trials: trials.map((trial) => ({ ...trial, seconds: 0 })),
})

interface Kind {
  readonly skip?: boolean
  begin(): Promise<void>
  end(): Promise<void>
  open(name: string): Promise<Store>
}

let redis: Awaited<ReturnType<typeof startRedis>>
let postgres: Awaited<ReturnType<typeof startPostgres>>
const KINDS: Record<string, Kind> = {
  file: {
    begin: async () => {},
    end: async () => {},
    open: async (name) => fileStore(join(folder, `${name}.jsonl`)),
  },
  Redis: {
    skip: !hasRedis,
    begin: async () => void (redis = await startRedis()),
    end: () => redis.remove(),
    open: (name) => redisStore(redis.address, { name }),
  },
  Postgres: {
    skip: !hasPostgres,
    begin: async () => void (postgres = await startPostgres()),
    end: () => postgres.remove(),
    open: (name) => postgresStore(postgres.address, { name }),
  },
  BullMQ: {
    skip: !hasRedis,
    begin: async () => void (redis = await startRedis()),
    end: () => redis.remove(),
    open: (name) => bullmqStore(redis.address, { name }),
  },
  'pg-boss': {
    skip: !hasPostgres,
    begin: async () => void (postgres = await startPostgres()),
    end: () => postgres.remove(),
    open: (name) => pgBossStore(postgres.address, { name }),
  },
}

describe.each(Object.entries(KINDS))('%s', (_, { skip, begin, end, open }) => {
  if (skip) return void test.skip('is not installed', () => {})
  beforeAll(begin)
  afterAll(end)

  test('a key is taken once, whoever comes at once, and all read the same order', async () => {
    const name = newName()
    const stores = await Promise.all(Array.from({ length: 4 }, () => open(name)))
    const first = '{"kind":"v128 search"}'
    expect(await Promise.all(stores.map((store) => store.add('search', first)))).toSatisfy(
      (added: boolean[]) => added.filter(Boolean).length === 1,
    )
    const line = (trial: number, by: number) =>
      JSON.stringify({ type: 'claim', task: `${trial}`, attempt: 0, by: `${by}`, more: 'é"\n' })
    const added = await Promise.all(
      stores.map(async (store, by) => {
        const own: boolean[] = []
        for (let i = 0; i < 25; i++) own.push(await store.add(`claim ${i} 0`, line(i, by)))
        return own
      }),
    )
    for (let i = 0; i < 25; i++) expect(added.filter((own) => own[i])).toHaveLength(1)
    const logs = await Promise.all(stores.map((store) => store.read(0)))
    expect(logs[0]).toHaveLength(26)
    for (const log of logs) expect(log).toEqual(logs[0])
    expect(await stores[1].read(20)).toEqual(logs[0].slice(20))
    expect(await stores[1].read(26)).toEqual([])
    // Another search is none of its business.
    const other = await open(newName())
    expect(await other.read(0)).toEqual([])
    await Promise.all([...stores, other].map((store) => store.close()))
  })

  test('tells who lives, by one clock, until its lease ends or it says so', async () => {
    const store = await open(newName())
    expect(await store.beats()).toEqual([])
    await store.beat('host:1:a', '{"pid":1}', 60_000)
    await store.beat('host:2:b', '{"pid":2}', 60)
    await store.beat('host:3:c', '{}', 60_000)
    await store.beat('host:3:c', '', 0)
    await setTimeout(150)
    const beats = new Map((await store.beats()).map((beat) => [beat.worker, beat]))
    expect([...beats.keys()].toSorted()).toEqual(['host:1:a', 'host:2:b'])
    expect(beats.get('host:1:a')).toMatchObject({ about: '{"pid":1}' })
    expect(beats.get('host:1:a')!.left).toBeGreaterThan(30_000)
    expect(beats.get('host:1:a')!.left).toBeLessThanOrEqual(60_000)
    expect(beats.get('host:2:b')!.left).toBeLessThanOrEqual(0)
    await store.close()
  })

  test('keeps bytes as they are, forgets them, and clears what is of this search alone', async () => {
    const name = newName()
    const [store, other] = [await open(name), await open(newName())]
    const bytes = Uint8Array.from({ length: 30_000 }, (_, i) => i % 251)
    for (const one of [store, other]) {
      await one.add('search', '{"kind":"v128 search"}')
      await one.save('trial-1', Uint8Array.of(1))
      await one.save('trial-1', bytes)
      await one.save('trial-2', Uint8Array.of(0, 255))
      expect(await one.load('trial-1')).toEqual(bytes)
    }
    await store.drop('trial-1')
    await store.drop('trial-1')
    expect(await store.load('trial-1')).toBeUndefined()
    expect(await store.load('trial-2')).toEqual(Uint8Array.of(0, 255))
    await store.clear()
    expect([await store.load('trial-2'), await store.read(0), await store.beats()]).toEqual([undefined, [], []])
    expect([await other.load('trial-1'), (await other.read(0)).length]).toEqual([bytes, 1])
    expect(await store.add('search', '{"kind":"v128 search"}')).toBe(true)
    await Promise.all([store.close(), other.close()])
  })

  test('a search by five workers, two of them in one process, is that of one thread', async () => {
    const alone = await search({ ...options, run })
    expect(alone.trials.some(({ status }) => status === 'stopped')).toBe(true)
    const name = newName()
    const stores = await Promise.all(Array.from({ length: 5 }, () => open(name)))
    const done: number[] = []
    const found = search({
      ...options,
      run,
      store: stores[0],
      verify: 0.2,
      onProgress({ done: ended, latest }) {
        if (latest || !done.length) done.push(ended)
      },
    })
    const worked = await Promise.all(stores.slice(1).map((store) => work({ store, run, lease: 5 })))
    const result = await found
    expect(outcome(result)).toEqual(outcome(alone))
    expect([done[0], done.length, done.at(-1)]).toEqual([0, 61, 60])
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(result.differences).toEqual([])
    expect(result.verified).toBeGreaterThan(2)
    expect(worked.reduce((all, { trials }) => all + trials, 0)).toBeGreaterThanOrEqual(60 + result.verified)
    expect(await stores[0].beats()).toEqual([])
    // Again, of what is there, and with more workers than there is work.
    expect(outcome(await search({ ...options, store: stores[0] }))).toEqual(outcome(alone))
    expect(await work({ store: stores[1], run })).toEqual({ trials: 0, aborted: false })
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a trial that a worker taken for dead ends otherwise is a difference', async () => {
    const name = newName()
    const stores = await Promise.all(Array.from({ length: 3 }, () => open(name)))
    const found = search({ space, trials: 1, store: stores[0] })
    let runs = 0
    let free = () => {}
    const freed = new Promise<void>((resolve) => (free = resolve))
    const run: Run<typeof space> = async () => {
      const own = ++runs
      if (own === 1) await freed
      return own
    }
    const silent: Store = { ...stores[1], beat: (worker, about) => stores[1].beat(worker, about, 300) }
    const slow = work({ store: silent, run, lease: 1000 })
    while (!runs) await setTimeout(5)
    expect(await work({ store: stores[2], run, lease: 1000 })).toMatchObject({ trials: 1 })
    expect((await found).best?.score).toBe(2)
    free()
    await slow
    const { differences } = await search({ space, trials: 1, store: stores[0] })
    expect(differences.map(({ trial, endings }) => [trial, endings.map(({ score }) => score)])).toEqual([[0, [2, 1]]])
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a worker that dies in the middle loses its trial to others, from its checkpoint', async () => {
    const name = newName()
    const stores = await Promise.all(Array.from({ length: 3 }, () => open(name)))
    const found = search({ space, trials: 6, store: stores[0] })
    const seen: (number | undefined)[] = []
    let dying = true
    let hangs = false
    const steps: Run<typeof space> = async ({ parameters: { a } }, _report, { resume, save }) => {
      const isFirst = seen.push(resume?.[0]) === 1
      for (let step = resume?.[0] ?? 0; step < 3; step++) {
        await save(Uint8Array.of(step + 1))
        // It hangs, and nobody renews its lease, as if it were killed.
        if (isFirst && step === 1) await new Promise(() => (hangs = true))
      }
      return a
    }
    const controller = new AbortController()
    const silent: Store = { ...stores[1], beat: (worker, about) => stores[1].beat(worker, about, dying ? 300 : 0) }
    const dead = work({ store: silent, run: steps, lease: 1000, signal: controller.signal })
    while (!hangs) await setTimeout(5)
    const alive = await work({ store: stores[2], run: steps, lease: 1000 })
    expect(alive).toEqual({ trials: 6, aborted: false })
    dying = false
    controller.abort()
    expect(await dead).toEqual({ trials: 0, aborted: true })
    const alone = await search({ space, trials: 6, run: ({ parameters }) => parameters.a })
    expect(outcome(await found)).toEqual(outcome(alone))
    expect(seen).toContain(2)
    await Promise.all(stores.map((store) => store.close()))
  })

  test('a trial that workers gave back, however often, has been the death of none', async () => {
    const name = newName()
    const [store, other] = await Promise.all([open(name), open(name)])
    const found = search({ space, trials: 1, store })
    let controller: AbortController | undefined
    const cutOff: Run<typeof space> = ({ parameters: { a } }) => {
      controller?.abort()
      return controller ? new Promise(() => {}) : a
    }
    for (let i = 0; i < 12; i++) {
      controller = new AbortController()
      const { signal } = controller
      expect(await work({ store: other, run: cutOff, signal })).toEqual({ trials: 0, aborted: true })
    }
    const entries = (await store.read(1)).map((line) => JSON.parse(line) as { type: string })
    expect(entries.filter(({ type }) => type === 'release')).toHaveLength(12)
    controller = undefined
    expect(await work({ store: other, run: cutOff })).toEqual({ trials: 1, aborted: false })
    expect((await found).trials).toMatchObject([{ status: 'done' }])
    await Promise.all([store.close(), other.close()])
  })
})

test('a worker that was killed while it told a file that it lives is not taken for alive', async () => {
  const file = join(folder, `${newName()}.jsonl`)
  const store = fileStore(file)
  await store.beat('host:1:a', '{}', 60_000)
  const [name] = readdirSync(`${file}.workers`)
  writeFileSync(join(`${file}.workers`, name), '')
  expect(await store.beats()).toEqual([])
  // What it was about to say does not count either, and is in nobody's way.
  writeFileSync(join(`${file}.workers`, `.${name}`), '{"wor')
  expect(await store.beats()).toEqual([])
  await store.beat('host:1:a', '{}', 60_000)
  expect(await store.beats()).toMatchObject([{ worker: 'host:1:a', about: '{}' }])
  await store.beat('host:1:a', '', 0)
  expect(existsSync(`${file}.workers`)).toBe(false)
})

describe('what people see of a search in their tools', () => {
  const fails: Run<typeof space> = ({ index, parameters: { a } }) => {
    if (index === 1) throw new Error('no such file: digits.bin')
    return a
  }
  const searchOn = async (open: (name: string) => Promise<Store>) => {
    const name = newName()
    const [store, other] = await Promise.all([open(name), open(name)])
    const found = search({ space, trials: 3, store })
    await work({ store: other, run: fails })
    const { trials } = await found
    await Promise.all([store.close(), other.close()])
    return { title: `v128-${name}`, trial: (number: number) => trials.find(({ index }) => index === number)! }
  }

  test.skipIf(!hasRedis)('jobs of BullMQ have the parameters, how they ended, and why', async () => {
    const server = await startRedis()
    const { title, trial } = await searchOn((name) => bullmqStore(server.address, { name }))
    const jobs = new Queue(title, { connection: { url: server.address } })
    const done = await jobs.getJob('trial-2')
    expect(done).toMatchObject({ name: 'trial 2', data: { trial: 2, parameters: trial(2).parameters } })
    expect(done!.returnvalue).toEqual({ status: 'done', score: trial(2).score })
    // A stack would be of v128.
    expect(await jobs.getJob('trial-1')).toMatchObject({
      failedReason: 'no such file: digits.bin',
      stacktrace: ['no such file: digits.bin'],
    })
    await jobs.close()
    await server.remove()
  })

  test.skipIf(!hasPostgres)('those of pg-boss as well', async () => {
    const server = await startPostgres()
    const { title, trial } = await searchOn((name) => pgBossStore(server.address, { name }))
    const client = new pg.Client({ connectionString: server.address })
    await client.connect()
    const { rows } = await client.query(
      'select data, state, output from pgboss.job where name = $1 order by priority desc',
      [title],
    )
    expect(rows).toEqual([
      { data: { trial: 0, parameters: trial(0).parameters }, state: 'completed', output: endOf(trial(0)) },
      { data: { trial: 1, parameters: trial(1).parameters }, state: 'completed', output: endOf(trial(1)) },
      { data: { trial: 2, parameters: trial(2).parameters }, state: 'completed', output: endOf(trial(2)) },
    ])
    expect(rows[1].output).toEqual({ status: 'failed', score: null, error: 'no such file: digits.bin' })
    await client.end()
    await server.remove()
  })
})
