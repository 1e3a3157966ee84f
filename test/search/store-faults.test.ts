// What goes wrong with a store that many processes share, and what comes of it: others who have another version, another
// search, something else in its place; servers that refuse, that are full, that die; trials that kill their workers.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FileError, PlanError } from '../../src/entries/index'
import {
  type Run,
  type SearchOptions,
  type SearchResult,
  type Store,
  fileStore,
  search,
  searchStatus,
  uniform,
  work,
} from '../../src/entries/node'
import { bullmqStore } from '../../src/entries/bullmq'
import { postgresStore } from '../../src/entries/postgres'
import { redisStore } from '../../src/entries/redis'
import { moduleOf, v128 } from '../support/commands'
import { newFolder } from '../support/processes'
import { hasPostgres, hasRedis, startPostgres, startRedis } from '../support/servers.js'

const space = { a: uniform(0, 1) }
const run: Run<typeof space> = ({ parameters: { a } }) => a
const slowly: Run<typeof space> = async ({ parameters: { a } }) => {
  await setTimeout(20)
  return a
}
const scores = ({ trials }: SearchResult<typeof space>) => trials.map(({ index, score }) => [index, score])
const alone = async (trials: number) => scores(await search({ space, trials, run }))

const newFile = () => join(newFolder(), 's.jsonl')

async function refusal(action: () => Promise<unknown>, kind: new (message: string) => Error = FileError) {
  const error: unknown = await action().then(
    () => 'no error',
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(kind)
  return (error as Error).message
}

/** A search that has begun, with this run, and has no worker. */
async function begun(store: Store, own: Run<typeof space> = run) {
  const controller = new AbortController()
  const found = search({ space, trials: 5, seed: 1, store, run: own, signal: controller.signal })
  while (!(await store.read(0)).some((line) => line.startsWith('{"type":"run"'))) await setTimeout(5)
  controller.abort()
  await found
}

describe('a worker that would run something else is refused', () => {
  test('another run, a function or a module', async () => {
    const store = fileStore(newFile())
    await begun(store)
    const other: Run<typeof space> = ({ parameters: { a } }) => a + 1
    const message = await refusal(() => work({ store, run: other }), PlanError)
    expect(message).toMatch(
      /^work: \S+s.jsonl: this process has another source of run than the search: (\w{16}) here, (?!\1)\w{16} there; its trials would not be those of the search: use the same, to the letter$/,
    )
    const module = pathToFileURL(moduleOf('return a'))
    expect(await refusal(() => work({ store, worker: module }), PlanError)).toContain('another source of run')
    // Nothing was claimed, and nobody lives.
    expect([(await store.read(0)).some((line) => line.includes('"claim"')), await store.beats()]).toEqual([false, []])
    expect(await refusal(() => search({ space, trials: 5, seed: 1, store, run: other }), PlanError)).toMatch(
      /^search: .* another source of run/,
    )
    expect(await work({ store, run })).toEqual({ trials: 5, aborted: false })
  })

  test.each([
    ['version', 'version of v128', '0.0.9'],
    ['kernels', 'build of the kernels of v128', '0123 4567'],
  ])('another %s', async (member, text, theirs) => {
    const file = newFile()
    await begun(fileStore(file))
    const ours = new RegExp(`"${member}":"([^"]*)"`).exec(readFileSync(file, 'utf8'))![1]
    writeFileSync(file, readFileSync(file, 'utf8').replace(`"${member}":"${ours}"`, `"${member}":"${theirs}"`))
    expect(await refusal(() => work({ store: fileStore(file), run }), PlanError)).toMatch(
      new RegExp(
        `: this process has another ${text} than the search: ${ours} here, ${theirs} there; .*: use the same$`,
      ),
    )
  })
})

describe('a store that holds something else', () => {
  test.each<[string, Partial<SearchOptions<{ a: typeof space.a }>>, string]>([
    ['seed', { seed: 2 }, 'its seed is 1, here 2'],
    ['space', { space: { a: uniform(0, 2) } }, 'its space is {"a":{"kind":"uniform","low":0,"high":1}}, here {"a":'],
    ['rounds', { rounds: 2 }, 'its rounds is not given, here 2'],
    ['goal', { goal: 'high' }, 'its goal is "low", here "high"'],
  ])('another %s', async (_, change, text) => {
    const file = newFile()
    await begun(fileStore(file))
    const before = readFileSync(file)
    const options = { space, trials: 5, seed: 1, run, store: fileStore(file), ...change }
    const message = await refusal(() => search(options))
    expect(message).toContain(`s.jsonl: it is of another search: ${text}`)
    expect(message).toMatch(/; give another name, or clear it \(npx v128 search --anew\)$/)
    expect(readFileSync(file)).toEqual(before)
  })

  test('a text file, a folder: left as it is by all who come', async () => {
    const file = newFile()
    writeFileSync(file, 'my diary\n')
    const store = fileStore(file)
    const all = [
      () => search({ space, trials: 5, store }),
      () => work({ store, run }),
      () => searchStatus(store),
      () => store.clear(),
      () => store.add('search', '{}'),
    ]
    for (const action of all) {
      expect(await refusal(action)).toBe(
        `fileStore: ${file}: it is no file of a search, or line 1 is damaged; give another file`,
      )
    }
    expect(readFileSync(file, 'utf8')).toBe('my diary\n')
    expect(await refusal(() => searchStatus(fileStore(newFolder())))).toMatch(/: cannot be read: it is a folder$/)
  })

  test.each([
    ['no JSON', '{"type":', 'it is no JSON'],
    ['no line', '5', 'it is no line of a search'],
    ['another type', '{"type":"x"}', 'its type is "x"'],
    ['a claim without a task', '{"type":"claim","attempt":0,"by":"a"}', 'its task is undefined'],
    ['a report without a score', '{"type":"report","trial":1,"epoch":0,"score":null}', 'its score is null'],
    ['an ending that is none', '{"type":"again","trial":1,"ending":{}}', 'its ending is {}'],
  ])('a damaged line: %s', async (_, line, problem) => {
    const file = newFile()
    await begun(fileStore(file))
    const number = readFileSync(file, 'utf8').split('\n').length
    appendFileSync(file, `${line}\n`)
    for (const action of [
      () => search({ space, trials: 5, seed: 1, store: fileStore(file) }),
      () => work({ store: fileStore(file), run }),
      () => searchStatus(fileStore(file)),
    ]) {
      expect(await refusal(action)).toBe(
        `search: ${file}: line ${number} is damaged: ${problem}; delete that line, and its trial runs again`,
      )
    }
  })
})

describe('search({ file }) and fileStore(file)', () => {
  test('read what the other has left', async () => {
    const file = newFile()
    const store = fileStore(file)
    await Promise.all([search({ space, trials: 8, store }), work({ store, run })])
    const never = () => {
      throw new Error('all trials have ended')
    }
    expect(
      scores(
        await search({ space, trials: 12, file, run: (trial) => (trial.index < 8 ? never() : trial.parameters.a) }),
      ),
    ).toEqual(await alone(12))
    const shared = fileStore(file)
    const [result, worked] = await Promise.all([
      search({ space, trials: 15, store: shared }),
      work({ store: shared, run }),
    ])
    expect(scores(result)).toEqual(await alone(15))
    // Whoever finds the search ended, for it had 12 trials, may be gone before it has 15.
    expect(worked.trials).toBeLessThanOrEqual(3)
  }, 20_000)

  test('not both at once: the store says who has it', async () => {
    const file = newFile()
    let end: (score: number) => void
    const ended = new Promise<number>((resolve) => (end = resolve))
    const slow = search({ space, trials: 1, file, run: () => ended })
    const message = `fileStore: ${file}: process ${process.pid} is searching with this file alone; wait until that has ended, or give another file`
    expect(await refusal(() => search({ space, trials: 1, store: fileStore(file) }))).toBe(message)
    expect(await refusal(() => fileStore(file).add('run', '{}'))).toBe(message)
    end!(1)
    await slow
  })
})

test('a trial of which ten workers have died has failed, and the search ends', async () => {
  const store = fileStore(newFile())
  const found = search({ space, trials: 3, store })
  while (!(await searchStatus(store))) await setTimeout(5)
  for (let attempt = 0; attempt < 10; attempt++) {
    const claim = { type: 'claim', task: '1', attempt, by: `host:${attempt}:a` }
    await store.add(`claim 1 ${attempt}`, JSON.stringify(claim))
  }
  const ran: number[] = []
  await work({ store, run: ({ index }) => ran.push(index) })
  expect(ran).toEqual([0, 2])
  const { trials } = await found
  expect(trials.find(({ index }) => index === 1)).toMatchObject({
    status: 'failed',
    error: '10 workers have died while they ran it',
  })
})

test('workers that were told to end have not died of their trial', async () => {
  const store = fileStore(newFile())
  const found = search({ space, trials: 2, store })
  let controller = new AbortController()
  let ends = true
  const own: Run<typeof space> = ({ parameters: { a } }) => {
    if (!ends) return a
    controller.abort()
    return new Promise(() => {})
  }
  for (let i = 0; i < 12; i++) {
    controller = new AbortController()
    expect(await work({ store, run: own, signal: controller.signal })).toEqual({ trials: 0, aborted: true })
  }
  const given = (await store.read(0)).filter((line) => line.startsWith('{"type":"release"'))
  expect(given).toHaveLength(12)
  ends = false
  expect(await work({ store, run: own })).toEqual({ trials: 2, aborted: false })
  expect(scores(await found)).toEqual(await alone(2))
})

test('what is wrong with the store is no failure of a trial that waits for others', async () => {
  const store = fileStore(newFile())
  let fails = false
  const broken: Store = {
    ...store,
    read: (from) => (fails ? Promise.reject(new FileError('it cannot be read')) : store.read(from)),
  }
  const own: Run<typeof space> = async ({ parameters: { a }, index }, report) => {
    // From here on trials wait for the first, which another worker has.
    fails = index === 9
    await report(0, a)
    // Whoever does not look at the answer.
    fails = false
    return a
  }
  const options = { space, trials: 12, seed: 1, earlyStopping: { rule: 'median' } } as const
  const found = search({ ...options, store })
  while (!(await searchStatus(store))) await setTimeout(5)
  await store.beat('host:1:a', '{"host":"host","runtime":"Node","pid":1}', 60_000)
  await store.add('claim 0 0', '{"type":"claim","task":"0","attempt":0,"by":"host:1:a"}')
  await store.add('report 0 0', '{"type":"report","trial":0,"epoch":0,"score":0.5}')
  const ignores: Run<typeof space> = (trial, report, checkpoint) =>
    own(trial, (epoch, score) => report(epoch + Number(trial.index === 9), score).catch(() => true), checkpoint)
  expect(await refusal(() => work({ store: broken, run: ignores, lease: 1 }))).toBe('it cannot be read')
  const failed = (await store.read(0)).filter((line) => line.includes('"status":"failed"'))
  expect(failed).toEqual([])
  await store.beat('host:1:a', '', 0)
  await work({ store, run: ignores })
  expect((await found).trials.filter(({ status }) => status === 'failed')).toEqual([])
}, 20_000)

test('a trial that ends its process each time fails in the end, and the others are done', async () => {
  const file = newFile()
  const module = moduleOf('if (index === 1) process.kill(process.pid, "SIGKILL"); await setTimeout(5); return a')
  const store = fileStore(file)
  const found = search({ space, trials: 4, store })
  let died = 0
  for (let code: number | null = null; code !== 0;) {
    ;({ code } = await v128(['work', module, '--store', file, '--lease', '0.2']).ended)
    if (code !== 0) died++
    expect(died).toBeLessThan(12)
  }
  expect(died).toBe(10)
  const { trials } = await found
  expect(
    trials
      .filter(({ status }) => status === 'done')
      .map(({ index }) => index)
      .toSorted(),
  ).toEqual([0, 2, 3])
  expect(trials.at(-1)).toMatchObject({ index: 1, status: 'failed', error: '10 workers have died while they ran it' })
}, 60_000)

test.each([[null], [5], ['{"kind":"v128 search"}'], [[1]], [{ length: 1 }]])(
  'a store that reads %j is said to read no lines',
  async (lines) => {
    const store = { ...fileStore(newFile()), read: async () => lines as never }
    await expect(searchStatus(store)).rejects.toThrow(/read\(\) must give an array of strings, got/)
  },
)

describe.skipIf(!hasRedis)('Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>
  let client: Redis
  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.address)
    client.on('error', () => {})
  })
  afterAll(async () => {
    client.disconnect()
    await server.remove()
  })

  test.each([
    ['redisStore', redisStore],
    ['bullmqStore', bullmqStore],
  ])(
    '%s: that is not there, or wants a password',
    async (_, open) => {
      const locked = await startRedis('127.0.0.1', ['--requirepass', 'secret-1'])
      const url = (password: string) => locked.address.replace('//', `//:${password}@`)
      const cure = 'give its password in the address: redis://:PASSWORD@host:6379'
      const none = await refusal(() => open(locked.address))
      expect(none).toMatch(/^\w+: redis:\/\/127.0.0.1:\d+: NOAUTH /)
      const wrong = await refusal(() => open(url('secret-2')))
      expect(wrong).toMatch(/^\w+: redis:\/\/:\*\*\*@127.0.0.1:\d+: WRONGPASS /)
      expect(wrong).not.toContain('secret')
      for (const message of [none, wrong]) expect(message.endsWith(`; ${cure}`)).toBe(true)
      const store = await open(url('secret-1'))
      expect(store.name).toMatch(/^redis:\/\/:\*\*\*@127.0.0.1:\d+ search$/)
      expect(await searchStatus(store)).toBeUndefined()
      await store.close()
      await locked.remove()
    },
    20_000,
  )

  test('that is not there, after some patience: it may just be started anew', async () => {
    expect(await refusal(() => redisStore('redis://127.0.0.1:1'))).toMatch(
      /^redisStore: redis:\/\/127.0.0.1:1: .*ECONNREFUSED.*; start a Redis there, or correct the address$/,
    )
  }, 20_000)

  test('something else under its name', async () => {
    await client.set('v128:{taken}:log', 'text')
    const store = await redisStore(server.address, { name: 'taken' })
    for (const action of [
      () => search({ space, trials: 2, store }),
      () => work({ store, run }),
      () => searchStatus(store),
    ]) {
      expect(await refusal(action)).toMatch(
        / taken: .*WRONGTYPE.*; something else is kept under this name: give another$/,
      )
    }
    expect(await client.get('v128:{taken}:log')).toBe('text')
    await store.close()
  })

  test.each([
    ['redisStore', redisStore],
    ['bullmqStore', bullmqStore],
  ])(
    '%s: full in the middle: all who write end and say so, and later go on',
    async (name, open) => {
      const worker = pathToFileURL(moduleOf('await setTimeout(20); return a'))
      const options = { space, trials: 40, worker, workers: 1 }
      const begin = async () => {
        const store = await open(server.address, { name: `full-${name}` })
        const found = search({ ...options, store }).finally(() => store.close())
        return { store, found }
      }
      const begin2 = async () => {
        const store = await open(server.address, { name: `full-${name}` })
        return work({ store, worker, lease: 1 }).finally(() => store.close())
      }
      const [one, two] = [await begin(), begin2()]
      const outcomes = Promise.allSettled([one.found, two])
      while ((await client.llen(`v128:{full-${name}}:log`)) < 20) await setTimeout(5)
      await client.config('SET', 'maxmemory-policy', 'noeviction')
      await client.config('SET', 'maxmemory', '1')
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(FileError) as unknown })
        expect(String((outcome as PromiseRejectedResult).reason)).toMatch(
          new RegExp(
            `${name}: \\S+ full-${name}: .*OOM.*; it has no room: free some memory or disk there, and start this again: it goes on$`,
          ),
        )
      }
      const kept = await client.lrange(`v128:{full-${name}}:log`, 0, -1)
      for (const line of kept) JSON.parse(line)
      await client.config('SET', 'maxmemory', '0')
      const [result] = await Promise.all([(await begin()).found, begin2()])
      expect(scores(result)).toEqual(await alone(40))
      // What had ended before stands.
      expect(await client.lrange(`v128:{full-${name}}:log`, 0, kept.length - 1)).toEqual(kept)
    },
    20_000,
  )

  test.each([
    ['redisStore', redisStore],
    ['bullmqStore', bullmqStore],
  ])(
    '%s: killed and started anew, by its append-only file, that had lost the last line',
    async (_, open) => {
      const own = await startRedis()
      const stores = await Promise.all([1, 2, 3].map(() => open(own.address)))
      const found = search({ space, trials: 60, store: stores[0], run: slowly })
      const worked = stores.slice(1).map((store) => work({ store, run: slowly, lease: 2 }))
      while (((await searchStatus(stores[0]))?.trials.length ?? 0) < 15) await setTimeout(10)
      await own.stop('SIGKILL')
      await setTimeout(300)
      await own.start()
      // More of it is lost than a second of Redis would be.
      const cutter = new Redis(own.address)
      await cutter.rpop('v128:{search}:log').then(async (line) => {
        if (line === null) return
        const { type, task, attempt, index, trial, epoch } = JSON.parse(line) as Record<string, unknown>
        const key =
          type === undefined
            ? `result ${index as number}`
            : type === 'report'
              ? `report ${trial as number} ${epoch as number}`
              : `${type as string} ${task as string} ${attempt as number}`
        await cutter.srem('v128:{search}:keys', key)
      })
      cutter.disconnect()
      expect(scores(await found)).toEqual(await alone(60))
      await Promise.all(worked)
      await Promise.all(stores.map((store) => store.close()))
      await own.remove()
    },
    30_000,
  )
})

describe.skipIf(!hasPostgres)('Postgres', () => {
  test('that is not there, after some patience', async () => {
    expect(await refusal(() => postgresStore('postgres://me:secret@127.0.0.1:1/lab'))).toMatch(
      /^postgresStore: postgres:\/\/me:\*\*\*@127.0.0.1:1\/lab: .*ECONNREFUSED.*; start a Postgres there, or correct the address$/,
    )
  }, 20_000)

  test('another user, another database; stopped and started anew', async () => {
    const server = await startPostgres()
    const wrong = (change: [string, string]) => refusal(() => postgresStore(server.address.replace(...change)))
    expect(await wrong(['v128@', 'nobody:secret@'])).toMatch(
      /nobody:\*\*\*@.*; correct user and password in the address/,
    )
    expect(await wrong(['/postgres', '/gone'])).toMatch(/; create that database, or correct the address$/)
    const stores = await Promise.all([1, 2, 3].map(() => postgresStore(server.address)))
    const found = search({ space, trials: 60, store: stores[0], run: slowly })
    const worked = stores.slice(1).map((store) => work({ store, run: slowly, lease: 2 }))
    for (const [signal, trials] of [
      ['SIGTERM', 10],
      ['SIGKILL', 25],
    ] as const) {
      while (((await searchStatus(stores[0]))?.trials.length ?? 0) < trials) await setTimeout(10)
      await server.stop(signal)
      await setTimeout(300)
      await server.start()
    }
    expect(scores(await found)).toEqual(await alone(60))
    await Promise.all(worked)
    await Promise.all(stores.map((store) => store.close()))
    await server.remove()
  }, 30_000)
})
