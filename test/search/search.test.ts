// Hyperparameter search: spaces, trials, files, worker threads, and the run that is watched.

import { createModel } from '../../src/model/create'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { PlanError, createRandom, dense, relu, sequential, sgd, softmaxCrossEntropy } from '../../src/entries/index'
import {
  type PandaOptions,
  type Report,
  type SearchOptions,
  type SearchProgress,
  type SearchResult,
  type Space,
  type Trial,
  choice,
  integer,
  logUniform,
  oneMinusLogUniform,
  panda,
  search,
  searchPicture,
  searchTable,
  trialOf,
  uniform,
} from '../../src/entries/node'

const folder = mkdtempSync(join(tmpdir(), 'v128-search-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newFile = (ending = 'jsonl') => join(folder, `${++files}.${ending}`)

/** A module for worker threads. */
function moduleOf(code: string): string {
  const file = newFile('mjs')
  writeFileSync(file, code)
  return file
}

const space = { rate: logUniform(1e-5, 1), beta: oneMinusLogUniform(0.9, 0.9999), width: integer(1, 8) }
/** Best at a rate of 0.01. */
const bowl = ({ parameters }: Trial<{ rate: typeof space.rate }>) => (Math.log10(parameters.rate) + 2) ** 2

/** What does not depend on the clock. */
const outcome = <S extends Space>({ trials, rounds, aborted }: SearchResult<S>) => ({
  aborted,
  rounds,
  trials: trials.map((trial) => ({ ...trial, seconds: 0 })),
})

/** What refers to itself, is nested so deep, or would be 2^n values if it were written out. */
function circular(): never {
  const list: unknown[] = []
  list.push(list)
  return list as never
}
const nested = (depth: number): never => (depth ? [nested(depth - 1)] : []) as never
const doubling = (depth: number): never => {
  let list: unknown[] = []
  for (let i = 0; i < depth; i++) list = [list, list]
  return list as never
}

describe('spaces', () => {
  const many = <S extends Space>(s: S) => Array.from({ length: 4000 }, (_, i) => trialOf(s, 3, i).parameters)
  /** Shares of values up to each of the cuts, of which each should be the same amount more. */
  const shares = (values: number[], cuts: number[]) =>
    cuts.map((cut) => values.filter((value) => value <= cut).length / values.length)
  const expectEven = (values: number[], cuts: number[]) =>
    shares(values, cuts).forEach((share, i) => expect(share).toBeCloseTo((i + 1) / (cuts.length + 1), 1))

  it('uniform: each stretch as often as another', () => {
    expectEven(
      many({ a: uniform(-1, 3) }).map(({ a }) => a),
      [0, 1, 2],
    )
  })

  it('logUniform: each power of ten', () => {
    const values = many({ a: logUniform(1e-4, 1) }).map(({ a }) => a)
    expectEven(values, [1e-3, 1e-2, 1e-1])
    expect(Math.min(...values)).toBeGreaterThanOrEqual(1e-4)
    expect(Math.max(...values)).toBeLessThanOrEqual(1)
  })

  it('oneMinusLogUniform: each power of ten of 1 - value', () => {
    const values = many({ a: oneMinusLogUniform(0.9, 0.9999) }).map(({ a }) => a)
    expectEven(values, [0.99, 0.999])
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0.9)
    expect(Math.max(...values)).toBeLessThanOrEqual(0.9999)
  })

  it('integer: both ends included', () => {
    const values = many({ a: integer(-1, 2) }).map(({ a }) => a)
    expect(new Set(values)).toEqual(new Set([-1, 0, 1, 2]))
    expectEven(values, [-1, 0, 1])
  })

  it('choice: each value', () => {
    const kinds = many({ a: choice(['sgd', 'adam', null]) }).map(({ a }) => a)
    for (const kind of ['sgd', 'adam', null]) {
      expect(kinds.filter((k) => k === kind).length / kinds.length).toBeCloseTo(1 / 3, 1)
    }
  })

  it('hyperparameters do not depend on each other, nor do trials', () => {
    const trials = many({ a: uniform(-1, 1), b: uniform(-1, 1) })
    const mean = (f: (i: number) => number) => trials.reduce((sum, _, i) => sum + f(i), 0) / trials.length
    expect(Math.abs(mean((i) => trials[i].a * trials[i].b))).toBeLessThan(0.03)
    expect(Math.abs(mean((i) => trials[i].a * (trials[i - 1]?.a ?? 0)))).toBeLessThan(0.03)
    expect(new Set(Array.from({ length: 4000 }, (_, i) => trialOf(space, 3, i).seed)).size).toBe(4000)
  })

  it.each([
    [() => uniform(1, 0), 'uniform: low must not be more than high, got 1 and 0'],
    [() => uniform(NaN, 0), 'uniform: low must be a finite number, got NaN'],
    [() => logUniform(0, 1), 'logUniform: low must be above 0'],
    [() => oneMinusLogUniform(0.9, 1), 'oneMinusLogUniform: high must be below 1'],
    [() => integer(0.5, 1), 'integer: low must be an integer'],
    [() => choice([]), 'choice: wants an array of values, one at least, got []'],
    [() => choice([(() => 1) as never]), 'choice: a function cannot be written to a file'],
    [() => choice([{ a: NaN }]), 'cannot be written to a file'],
    [
      () => trialOf({} as Space, 1, 0),
      'trialOf: space must be an object such as { learningRate: logUniform(1e-4, 1) }',
    ],
    [() => trialOf({ a: 3 } as never, 1, 0), 'trialOf: space.a must be a range or a choice'],
    [() => trialOf(space, -1, 0), 'trialOf: seed must be an integer of at least 0, got -1'],
    [() => trialOf(space, 0, 2 ** 32), 'trialOf: index must be an integer of at most 4293918719, got 4294967296'],
    [() => logUniform(5n as never, 1), 'logUniform: low must be a finite number, got 5n'],
    [() => logUniform(Symbol('a') as never, 1), 'logUniform: low must be a finite number, got Symbol(a)'],
    [() => uniform(-1.7e308, 1.7e308), 'uniform: from -1.7e+308 to 1.7e+308 is too wide'],
    [() => integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), 'is too wide'],
    [() => choice([circular()]), 'is too large, or refers to itself; choose among names'],
    [() => choice([nested(40)]), 'is too large, or refers to itself'],
    [() => choice([doubling(30)]), 'is too large, or refers to itself'],
    [() => choice([1, , 3] as never), 'choice: undefined cannot be written to a file'], // oxlint-disable-line no-sparse-arrays
    [() => choice([new Map()] as never), 'choice: a Map cannot be written to a file'],
    [() => choice([{ get a() { throw new Error('no') } }] as never), 'choice: the values cannot be read: Error("no")'], // prettier-ignore
    [
      () => (choice as (...values: unknown[]) => unknown)(['a'], ['b']),
      'choice: takes one argument, got another: ["b"]; write choice([...])',
    ],
    [() => (uniform as (...values: unknown[]) => unknown)(0, 1, 5), 'uniform: takes 2 arguments, got another: 5'],
    [() => trialOf({ a: { ...uniform(0, 1), step: 0.1 } } as never, 1, 0), "trialOf: space.a: unknown member 'step'"],
    [() => trialOf({ a: { ...choice([1]), low: 1 } } as never, 1, 0), "trialOf: space.a: unknown member 'low'"],
    [() => trialOf({ a: { kind: 'uniform', low: 1, high: 0 } } as never, 1, 0), 'uniform: low must not be more'],
    [() => trialOf(new Map([['a', uniform(0, 1)]]) as never, 1, 0), 'space must be an object'],
  ])('refuses bad ones: %#', (make, message) => {
    expect(make).toThrow(expect.objectContaining({ name: 'PlanError', message: expect.stringContaining(message) }))
  })
})

describe('search', () => {
  it('finds the best of its trials, each of which trialOf gives alone', async () => {
    const result = await search({ space, run: bowl, trials: 30, seed: 5 })
    expect(result.trials).toHaveLength(30)
    for (const { index, seed, parameters, score, status } of result.trials) {
      expect({ index, seed, parameters }).toEqual(trialOf(space, 5, index))
      expect(score).toBe(bowl({ index, seed, parameters }))
      expect(status).toBe('done')
    }
    const scores = result.trials.map(({ score }) => score)
    expect(scores).toEqual(scores.toSorted((a, b) => a - b))
    expect(result.best).toBe(result.trials[0])
    const more = await search({ space, run: bowl, trials: 31, seed: 5 })
    expect(outcome(more).trials.filter(({ index }) => index < 30)).toEqual(outcome(result).trials)
    const other = await search({ space, run: bowl, trials: 30, seed: 6 })
    expect(other.best!.parameters).not.toEqual(result.best!.parameters)
  })

  it("with goal 'high' the best is the highest", async () => {
    const { trials } = await search({ space, run: bowl, trials: 5, goal: 'high' })
    const scores = trials.map(({ score }) => score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
  })

  it('a grid has all combinations, the ends of ranges among them', async () => {
    const grid = { a: logUniform(0.01, 1), b: choice(['x', 'y']), c: integer(1, 5), d: uniform(2, 2) }
    const { trials } = await search({ space: grid, mode: 'grid', run: ({ parameters }) => parameters.c })
    const all = trials.toSorted((p, q) => p.index - q.index).map(({ parameters }) => Object.values(parameters))
    expect(all).toHaveLength(18)
    expect(new Set(all.map(String)).size).toBe(18)
    expect(all.slice(0, 4).map(([, ...rest]) => rest)).toEqual([
      ['x', 1, 2],
      ['x', 3, 2],
      ['x', 5, 2],
      ['y', 1, 2],
    ])
    const rates = [...new Set(all.map(([a]) => a as number))]
    expect(rates).toHaveLength(3)
    ;[0.01, 0.1, 1].forEach((rate, i) => expect(rates[i]).toBeCloseTo(rate, 14))
  })

  it('from coarse to fine: ranges shrink around the best', async () => {
    const wide = { ...space, free: uniform(0, 1), kind: choice(['good', 'bad']) }
    const run = (trial: Trial<typeof wide>) => bowl(trial) + (trial.parameters.kind === 'bad' ? 100 : 0)
    const result = await search({ space: wide, run, trials: 60, rounds: 3, seed: 2 })
    expect(result.rounds.map(({ first, trials }) => [first, trials])).toEqual([
      [0, 20],
      [20, 20],
      [40, 20],
    ])
    const decades = result.rounds.map((round) => Math.log10(round.space.rate.high / round.space.rate.low))
    expect(decades[0]).toBeCloseTo(5, 10)
    expect(decades[1]).toBeLessThan(0.7 * decades[0])
    expect(decades[2]).toBeLessThan(0.7 * decades[1])
    for (const round of result.rounds) {
      expect(round.space.rate.low).toBeLessThan(0.01)
      expect(round.space.rate.high).toBeGreaterThan(0.01)
    }
    // What does not matter stays wide; of choices the bad ones go.
    expect(result.rounds[1].space.free.high - result.rounds[1].space.free.low).toBeGreaterThan(0.5)
    expect(result.rounds[1].space.kind.values).toEqual(['good'])
    for (const { index, seed, parameters } of result.trials) {
      const round = result.rounds.findLast(({ first }) => first <= index)!
      expect({ index, seed, parameters }).toEqual(trialOf(round.space, 2, index))
    }
    const random = await search({ space: wide, run, trials: 60, seed: 2 })
    expect(result.best!.score).toBeLessThan(random.best!.score)
  })

  it('goes on after trials that fail or diverge, and ranks them last', async () => {
    const run = ({ index }: Trial) => {
      if (index === 1) throw new Error('no memory')
      return [5, 0, NaN, Infinity, -Infinity, 1, undefined as unknown as number][index]
    }
    const { trials, best } = await search({ space, run, trials: 7 })
    expect(best!.index).toBe(5)
    expect(trials.map(({ index, status }) => `${index} ${status}`)).toEqual([
      '5 done',
      '0 done',
      '1 failed',
      '2 diverged',
      '3 diverged',
      '4 diverged',
      '6 failed',
    ])
    expect(trials[2]).toMatchObject({ error: 'no memory', score: NaN })
    expect(trials[6].error).toBe('run must give the score, a number, got undefined')
    const all = search({ space, run: () => Promise.reject(new Error('no such file')), trials: 3 })
    await expect(all).rejects.toThrow('search: all 3 trials failed; trial 0: no such file')
  })

  it('tells how far it is', async () => {
    const seen: SearchProgress[] = []
    const run = async (trial: Trial<typeof space>, report: Report) => {
      await report(0, trial.index === 3 ? NaN : 1)
      return bowl(trial)
    }
    const onProgress = (progress: SearchProgress<typeof space>) => seen.push(progress)
    const { best } = await search({ space, run, trials: 4, onProgress })
    expect(seen.map(({ done, total, failed }) => [done, total, failed])).toEqual([
      [0, 4, 0],
      [1, 4, 0],
      [2, 4, 0],
      [3, 4, 0],
      [4, 4, 1],
    ])
    expect(seen[0]).toMatchObject({ latest: undefined, best: undefined, trialsPerMinute: NaN, secondsLeft: NaN })
    expect(seen[2].trialsPerMinute).toBeGreaterThan(0)
    expect(seen[2].secondsLeft).toBeGreaterThan(0)
    expect(seen[2].latest!.index).toBe(1)
    expect(seen[4]).toMatchObject({ best, secondsLeft: 0 })
  })

  it.each([
    [{ run: undefined }, 'search: wants run, a function, or worker, the module of one; got none'],
    [{ worker: 'x.js' }, 'not both'],
    [{ run: 3 }, 'run must be a function, got 3'],
    [{ workers: 2 }, 'search: workers run a module'],
    [{ run: undefined, worker: 3 }, 'worker must be the URL or the path of a module, got 3'],
    [{ run: undefined, worker: 'x.js', workers: 0 }, 'workers must be an integer of at least 1, got 0'],
    [{ trials: undefined }, 'trials must be an integer of at least 1'],
    [{ mode: 'best' }, "mode must be 'random', 'grid', got \"best\""],
    [{ mode: 'grid' }, 'search: trials is for a random search; a grid has points instead'],
    [{ points: 3 }, "points is for mode: 'grid'"],
    [{ rounds: 5 }, '5 rounds want a trial each at least, got 4 trials'],
    [{ goal: 'best' }, "goal must be 'low', 'high'"],
    [{ earlyStopping: { rule: 'mean' } }, "search.earlyStopping: rule must be 'median', 'halving'"],
    [{ earlyStopping: { rule: 'halving', factor: 1 } }, 'factor must be more than 1'],
    [{ onProgress: 3 }, 'onProgress must be a function, got 3'],
    [{ space: undefined }, 'search: space must be an object'],
    [{ trials: 1e9 }, 'search: trials must be an integer of at most 1000000, got 1000000000'],
    [{ trials: undefined, mode: 'grid', points: 1e9 }, 'points must be an integer of at most 1000000'],
    [{ trials: undefined, mode: 'grid', points: 1000 }, 'search: this grid has more than 1000000 trials; give fewer'],
    [{ run: undefined, worker: 'x.js', workers: 1e9 }, 'workers must be an integer of at most 1024'],
    [{ run: undefined, worker: 'a\0b' }, 'worker must be the URL or the path of a module'],
    [{ run: undefined, worker: new URL('https://example.com/a.js') }, 'worker must be the URL or the path of a module'],
    [{ run: class {} }, 'run must be a function, got a class'],
    [{ onProgress: Map }, 'onProgress must be a function, got a class'],
    [{ signal: 5 }, 'search: signal must be that of an AbortController, got 5'],
    [{ signal: new AbortController() }, 'search: signal must be that of an AbortController'],
    [{ earlyStopping: true }, 'search.earlyStopping: options must be an object'],
    [{ earlyStopping: 0 }, 'search.earlyStopping: options must be an object'],
    [{ earlyStopping: { rule: 'halving', factor: 1 + 2 ** -52 } }, 'factor must be more than 1, 1.01 at least'],
    [{ earlyStopping: { rule: 'median', grace: 1e9 } }, 'grace must be an integer of at most 1000000'],
    [{ file: 0 }, 'search: file must be the path of a file, got 0'],
    [{ file: '' }, 'search: file must be the path of a file, got ""'],
    [{ epochs: 3 }, "search: unknown option 'epochs'"],
  ])('refuses bad options: %j', async (change, message) => {
    const options = { space, run: bowl, trials: 4, ...change } as SearchOptions<typeof space>
    await expect(search(options)).rejects.toThrow(
      expect.objectContaining({ name: 'PlanError', message: expect.stringContaining(message) }),
    )
  })
})

describe('what is off, wrong or late', () => {
  it('null and false leave an option out', async () => {
    const off = { signal: false, earlyStopping: null, file: false, onProgress: null } as object
    const { trials, aborted } = await search({ space, run: bowl, trials: 2, ...off })
    expect([trials.length, aborted]).toEqual([2, false])
  })

  it('takes one argument', async () => {
    const call = search as unknown as (...args: unknown[]) => Promise<unknown>
    await expect(call({ space, run: bowl, trials: 2 }, { trials: 3 })).rejects.toThrow('search: takes one argument')
  })

  it('options and spaces are read once: what is changed meanwhile changes nothing', async () => {
    const own = { a: uniform(0, 1), b: choice(['x', 'y']) }
    const plain = outcome(await search({ space: own, run: ({ parameters }) => parameters.a, trials: 6 }))
    const changing = { a: { ...uniform(0, 1) }, b: choice(['x', 'y']) }
    const run = ({ parameters }: Trial<typeof own>) => {
      Object.assign(changing.a, { low: 5, high: NaN })
      ;(changing.b.values as string[])[0] = 'z'
      return parameters.a
    }
    expect(outcome(await search({ space: changing, run, trials: 6 }))).toEqual(plain)
  })

  it('a name may be any, __proto__ too', async () => {
    const odd = JSON.parse('{"__proto__":{"kind":"integer","low":3,"high":3},"toString":{"kind":"choice","values":[1]}}') as Space // prettier-ignore
    const file = newFile()
    const seen: unknown[] = []
    const run = ({ parameters }: Trial) => seen.push(Object.entries(parameters))
    await search({ space: odd, run, trials: 1, file })
    expect(seen).toEqual([[['__proto__', 3], ['toString', 1]]]) // prettier-ignore
    const { trials } = await search({ space: odd, run: () => Promise.reject(new Error('ran')), trials: 1, file })
    expect(searchTable({ ...(await search({ space: odd, run, trials: 1, file })), trials })).toContain('__proto__')
  })

  it('onProgress may be slow, and may fail', async () => {
    const order: string[] = []
    await search({
      space,
      run: ({ index }) => (order.push(`run ${index}`), 1),
      trials: 2,
      onProgress: async ({ done }) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        order.push(`done ${done}`)
      },
    })
    expect(order).toEqual(['done 0', 'run 0', 'done 1', 'run 1', 'done 2'])
    const failing = async ({ done }: { done: number }) => {
      if (done === 1) throw new Error('full')
    }
    await expect(search({ space, run: bowl, trials: 3, onProgress: failing })).rejects.toThrow('full')
  })

  it('a signal ends a search whose run in this thread never ends', async () => {
    const controller = new AbortController()
    let fail: (error: Error) => void = () => {}
    const run = ({ index }: Trial) => {
      if (index < 2) return index
      setTimeout(() => controller.abort(), 10)
      return new Promise<number>((_, reject) => (fail = reject))
    }
    const { aborted, trials } = await search({ space, run, trials: 9, signal: controller.signal })
    expect([aborted, trials.length]).toEqual([true, 2])
    // Nobody hears it any more.
    fail(new Error('too late'))
    await new Promise((done) => setTimeout(done, 10))
  })

  it.each([0, 2])('a signal ends a search whose onProgress never ends, after %d trials', async (at) => {
    const controller = new AbortController()
    let fail: (error: Error) => void = () => {}
    const onProgress = ({ done }: { done: number }) => {
      if (done < at) return undefined
      setTimeout(() => controller.abort(), 10)
      return new Promise<void>((_, reject) => (fail = reject))
    }
    const { aborted, trials } = await search({
      space,
      run: ({ index }) => index,
      trials: 9,
      signal: controller.signal,
      onProgress,
    })
    expect([aborted, trials.length]).toEqual([true, at])
    fail(new Error('too late'))
    await new Promise((done) => setTimeout(done, 10))
  })

  it('a signal gets through where trials wait for nothing', async () => {
    const signal = AbortSignal.timeout(30)
    const { aborted, trials } = await search({ space, run: () => 1, trials: 1_000_000, signal })
    expect(aborted).toBe(true)
    expect(trials.length).toBeGreaterThan(0)
    expect(trials.length).toBeLessThan(1_000_000)
  })

  it('a bad report fails its trial, whether run waits for the answer or not', async () => {
    const run = async ({ index }: Trial, report: Report) => {
      if (index === 1) void report(-1, 0)
      return index
    }
    const { trials } = await search({ space, run, trials: 3 })
    expect(trials.map(({ status }) => status)).toEqual(['done', 'done', 'failed'])
    expect(trials[2].error).toContain('must be an integer of at least 0, got -1')
  })

  it('a report after the end of its trial changes nothing', async () => {
    let late: Report
    const answers: boolean[] = []
    const run = async ({ index }: Trial, report: Report) => {
      if (index === 1) answers.push(await late(5, 1))
      late = report
      await report(0, 1)
      return index
    }
    const { trials } = await search({ space, run, trials: 2 })
    expect(answers).toEqual([false])
    expect(trials.map(({ curve }) => curve)).toEqual([[[0, 1]], [[0, 1]]])
  })

  it('whatever a trial throws is told in few words', async () => {
    const thrown = [
      new Error('x'.repeat(1e7)),
      'a text',
      null,
      undefined,
      Object.create(null),
      { get message() { throw new Error('no') } }, // prettier-ignore
      Symbol('s'),
      { message: 5 },
    ]
    const run = ({ index }: Trial) => {
      if (index === thrown.length) return 1
      throw thrown[index]
    }
    const file = newFile()
    const { trials } = await search({ space, run, trials: thrown.length + 1, file })
    const errors = trials.slice(1).map(({ error }) => error!)
    expect(errors[0]).toBe(`${'x'.repeat(500)}...`)
    expect(errors.slice(1)).toEqual([
      'a text',
      'null',
      'undefined',
      '{}',
      '{"message":a getter}',
      'Symbol(s)',
      '{"message":5}',
    ])
    expect(readFileSync(file, 'utf8').length).toBeLessThan(5000)
  })

  it('a hundred thousand trials take no longer than their runs', async () => {
    let told = 0
    const run = ({ index }: Trial) => index % 1000
    const { trials, best } = await search({ space, run, trials: 100_000, onProgress: () => void told++ })
    expect([trials.length, best!.index, told]).toEqual([100_000, 0, 100_001])
  })

  it('a trial of a hundred thousand reports', async () => {
    const run = async (_: Trial, report: Report) => {
      for (let epoch = 0; epoch < 100_000; epoch++) await report(epoch, 1)
      return 1
    }
    const earlyStopping = { rule: 'median', least: 1 } as const
    const { trials } = await search({ space, run, trials: 6, earlyStopping })
    expect(trials.every(({ curve, status }) => curve.length === 100_000 && status === 'done')).toBe(true)
  })
})

/** A run of 9 epochs whose loss falls to the bowl of its rate. */
const slow = async (trial: Trial<typeof space>, report: Report) => {
  const end = bowl(trial)
  for (let epoch = 0; epoch < 9; epoch++) if (!(await report(epoch, end + 1 / (1 + epoch)))) break
  return end
}

describe('early stopping', () => {
  it.each(['median', 'halving'] as const)('%s ends hopeless trials, not the best', async (rule) => {
    const all = await search({ space, run: slow, trials: 30, seed: 4 })
    const some = await search({ space, run: slow, trials: 30, seed: 4, earlyStopping: { rule } })
    const stopped = some.trials.filter(({ status }) => status === 'stopped')
    expect(stopped.length).toBeGreaterThan(8)
    expect(stopped.length).toBeLessThan(25)
    expect(some.best!.index).toBe(all.best!.index)
    for (const { index, curve } of stopped) {
      expect(curve.length).toBeLessThan(9)
      // The first have too few to be compared with: 4 at least, each 4 before.
      expect(index).toBeGreaterThanOrEqual(7)
    }
    const rank = (index: number) => all.trials.findIndex((trial) => trial.index === index)
    expect(Math.min(...stopped.map(({ index }) => rank(index)))).toBeGreaterThan(2)
  })

  it('halving compares after 1, 3 and 9 epochs, or as soon after as there is a report', async () => {
    const ends = async (every: number) => {
      const run = async (trial: Trial<typeof space>, report: Report) => {
        for (let epoch = every - 1; epoch < 30; epoch += every) if (!(await report(epoch, bowl(trial)))) break
        return bowl(trial)
      }
      const options = { space, run, trials: 120, seed: 4, earlyStopping: { rule: 'halving' } as const }
      const { trials } = await search(options)
      return [...new Set(trials.map(({ curve }) => curve.at(-1)![0] + 1))].toSorted((a, b) => a - b)
    }
    expect(await ends(1)).toEqual([1, 3, 9, 27, 30])
    expect(await ends(2)).toEqual([2, 4, 10, 28, 30])
  })

  it('a trial that reports NaN ends, without a rule too', async () => {
    const go: boolean[] = []
    const run = async (_: Trial, report: Report) => {
      go.push(await report(0, 1), await report(1, NaN), await report(2, 1))
      return 1
    }
    const { trials, best } = await search({ space, run, trials: 1 })
    expect(go).toEqual([true, false, false])
    expect(trials[0]).toMatchObject({ status: 'diverged', score: NaN })
    expect(best).toBeUndefined()
  })

  it('refuses reports that make no sense: the trial fails', async () => {
    const reports: [number, unknown][] = [
      [0.5, 1],
      [0, 1],
      [1, 'good'],
    ]
    const run = async ({ index }: Trial, report: Report) => {
      if (index === 1) await report(0, 1)
      await report(reports[index][0], reports[index][1] as number)
      return 1
    }
    await expect(search({ space, run, trials: 3 })).rejects.toThrow(
      'trial 0: report of trial 0: epoch, which grows from call to call, must be an integer of at least 0, got 0.5',
    )
    const file = newFile()
    await search({ space, run, trials: 3, file }).catch(() => {})
    expect(readFileSync(file, 'utf8')).toContain('the score must be a number, got \\"good\\"')
    expect(readFileSync(file, 'utf8')).toContain('must be an integer of at least 1, got 0')
  })
})

describe('the file', () => {
  const options = { space, run: slow, trials: 24, seed: 9, rounds: 2, earlyStopping: { rule: 'median' } as const }

  it('a search that was killed goes on, to the same result', async () => {
    const whole = await search(options)
    const file = newFile()
    await search({ ...options, file })
    const text = readFileSync(file, 'utf8')
    const lines = text.trimEnd().split('\n')
    expect(lines).toHaveLength(25)
    let ran = 0
    const run = (trial: Trial<typeof space>, report: Report) => {
      ran++
      return slow(trial, report)
    }
    for (const keep of [1, 2, 11, 17, 25]) {
      // Killed in the middle of a line.
      writeFileSync(file, lines.slice(0, keep).join('\n') + '\n' + (lines[keep] ?? '').slice(0, 40))
      ran = 0
      expect(outcome(await search({ ...options, run, file }))).toEqual(outcome(whole))
      expect(ran).toBe(25 - keep)
      expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(25)
    }
    // Killed while it wrote the first line.
    writeFileSync(file, lines[0].slice(0, 12))
    expect(outcome(await search({ ...options, file }))).toEqual(outcome(whole))
    // One that is deleted runs again.
    writeFileSync(file, [...lines.slice(0, 4), ...lines.slice(5)].join('\n') + '\n')
    ran = 0
    expect(outcome(await search({ ...options, run, file }))).toEqual(outcome(whole))
    expect(ran).toBe(1)
  })

  it('is in a folder that it makes, and keeps what diverged and failed', async () => {
    const file = join(folder, 'new', 'deep', 'search.jsonl')
    const run = ({ index }: Trial) => {
      if (index === 0) throw new Error('bad')
      return index === 1 ? NaN : index
    }
    const first = await search({ space, run, trials: 4, file })
    const again = await search({ space, run: () => Promise.reject(new Error('ran')), trials: 4, file })
    expect(again).toEqual(first)
  })

  it('may be given more trials', async () => {
    const file = newFile()
    const { rounds: _, ...one } = options
    await search({ ...one, trials: 10, file })
    expect(outcome(await search({ ...one, file }))).toEqual(outcome(await search(one)))
    // Fewer are those of the beginning.
    expect(outcome(await search({ ...one, trials: 10, file }))).toEqual(outcome(await search({ ...one, trials: 10 })))
  })

  it.each([
    ['another space', { space: { ...space, width: integer(1, 9) } }, 'it is of another search: its space is {"rate"'],
    ['another seed', { seed: 10 }, 'it is of another search: its seed is 9, here 10'],
    ['another goal', { goal: 'high' }, 'its goal is "low", here "high"'],
    ['other rounds', { rounds: 1 }, 'its rounds is 2, here not given'],
    ['no early stopping', { earlyStopping: undefined }, 'its earlyStopping is {"rule":"median"'],
  ])('of %s is refused', async (_, change, message) => {
    const file = newFile()
    await search({ ...options, file })
    const before = readFileSync(file, 'utf8')
    const again = search({ ...options, ...change, file } as unknown as typeof options)
    await expect(again).rejects.toThrow(
      expect.objectContaining({ name: 'FileError', message: expect.stringContaining(message) }),
    )
    await expect(again).rejects.toThrow(`search: ${file}: `)
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it.each([
    ['something else', () => 'not mine\n', 'line 1 is damaged'],
    ['something else without a line end', () => 'not mine', 'it is no file of a search'],
    ['other JSON', () => '{"a":1}\n', 'it is no file of a search'],
    ['a damaged line', (text: string) => text.replace(/\n.*\n/, '\n{"index"\n'), 'line 2 is damaged'],
    ['no trial', (text: string) => text.replace(/\n.*\n/, '\n{}\n'), 'line 2 is damaged: it is no trial'],
    ['a trial twice', (text: string) => text + text.split('\n')[3] + '\n', 'line 26 is of trial 2 once more'],
    ['other values', (text: string) => text.replace(/"seed":\d+,"par/, '"seed":7,"par'), 'trial 0 has {"seed":7'],
  ])('that holds %s is refused', async (_, damage, message) => {
    const file = newFile()
    await search({ ...options, file })
    const damaged = damage(readFileSync(file, 'utf8'))
    writeFileSync(file, damaged)
    await expect(search({ ...options, file })).rejects.toThrow(
      expect.objectContaining({ name: 'FileError', message: expect.stringContaining(message) }),
    )
    expect(readFileSync(file, 'utf8')).toBe(damaged)
  })

  it('after a signal holds what had ended', async () => {
    const file = newFile()
    const controller = new AbortController()
    const run = async (trial: Trial<typeof space>, report: Report) => {
      if (trial.index === 5) controller.abort()
      return slow(trial, report)
    }
    const { trials, aborted } = await search({ ...options, run, file, signal: controller.signal })
    expect(aborted).toBe(true)
    expect(trials.map(({ index }) => index).toSorted()).toEqual([0, 1, 2, 3, 4])
    expect(outcome(await search({ ...options, file }))).toEqual(outcome(await search(options)))
    const at = search({ ...options, signal: AbortSignal.abort() })
    expect(await at).toMatchObject({ aborted: true, trials: [], best: undefined })
  })
})

describe('worker threads', () => {
  const code = `
    export async function run({ index, seed, parameters }, report) {
      const end = (Math.log10(parameters.rate) + 2) ** 2
      for (let epoch = 0; epoch < 9; epoch++) {
        await new Promise((done) => setTimeout(done, (seed + epoch) % 3))
        if (!(await report(epoch, end + 1 / (1 + epoch)))) break
      }
      return end
    }`

  it('give the same result, however many, as one thread does', async () => {
    const options = { space, trials: 20, seed: 9, earlyStopping: { rule: 'median' } as const }
    const alone = outcome(await search({ ...options, run: slow }))
    expect(alone.trials.some(({ status }) => status === 'stopped')).toBe(true)
    const worker = moduleOf(code)
    for (const workers of [1, 2, 5]) {
      expect(outcome(await search({ ...options, worker, workers }))).toEqual(alone)
    }
  })

  it('that crash fail their trial alone; the file keeps that', async () => {
    const worker = moduleOf(`
      export default async function ({ index }, report) {
        if (index === 1) process.exit(7)
        if (index === 2) setTimeout(() => { throw new Error('out of it') })
        if (index === 2) await new Promise(() => {})
        if (index === 3) throw new Error('refused')
        if (index === 4) await report(-1, 0)
        if (index === 5) setTimeout(() => process.exit(3), 1)
        return index
      }`)
    const file = newFile()
    const { trials, best } = await search({ space, worker, workers: 2, trials: 8, file })
    expect(best!.index).toBe(0)
    expect(trials).toHaveLength(8)
    const errors = Object.fromEntries(trials.flatMap(({ index, error }) => (error ? [[index, error]] : [])))
    expect(errors).toMatchObject({
      1: 'its worker thread ended with code 7',
      2: 'its worker thread crashed: out of it',
      3: 'refused',
      4: expect.stringContaining('must be an integer of at least 0, got -1'),
    })
    expect((await search({ space, worker, trials: 8, file })).trials).toEqual(trials)
  })

  it.each([
    ['is missing', join(folder, 'nowhere.mjs'), 'Cannot find module'],
    ['exports no run', moduleOf('export const other = 1'), 'it exports no function run(trial, report, checkpoint)'],
    ['throws', moduleOf('throw new Error("early")'), 'early'],
    [
      'ends its thread',
      moduleOf('process.exit(4); export const run = () => 1'),
      'its thread ended at once, with code 4',
    ],
  ])('a module that %s ends the search', async (_, worker, message) => {
    const file = newFile()
    const searching = search({ space, worker, workers: 2, trials: 4, file })
    await expect(searching).rejects.toThrow(
      expect.objectContaining({ name: 'PlanError', message: expect.stringContaining(message) }),
    )
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(1)
  })

  it('may talk to others beside us, and throw anything', async () => {
    const worker = moduleOf(`
      import { parentPort } from 'node:worker_threads'
      parentPort.postMessage('hello')
      parentPort.postMessage(null)
      export const run = async ({ index }, report) => {
        parentPort.postMessage(['score', -1])
        parentPort.postMessage({ kind: 'ready' })
        if (index === 1) throw Object.create(null)
        if (index === 2) throw 'x'.repeat(1e7)
        if (index === 3) { setTimeout(() => { throw null }); await new Promise(() => {}) }
        if (index === 4) await report(0, () => 1)
        if (index === 5) return () => 1
        if (index === 6) { await report(0, 1); await report(1, Symbol()).catch(() => {}); await report(2, 1) }
        return index
      }`)
    const { trials } = await search({ space, worker, workers: 2, trials: 8 })
    const found = trials.toSorted((a, b) => a.index - b.index)
    expect(found.map(({ status }) => status)).toEqual(['done', ...Array<string>(5).fill('failed'), 'done', 'done'])
    expect(found.slice(1, 6).map(({ error }) => error!.slice(0, 60))).toEqual([
      expect.stringMatching(/it threw what has no text/),
      'x'.repeat(60),
      expect.stringMatching(/^its worker thread crashed: /),
      expect.stringMatching(/could not be cloned/),
      expect.stringMatching(/could not be cloned/),
    ])
    expect(found[6].curve).toEqual([[0, 1], [2, 1]]) // prettier-ignore
  })

  it('an address of a megabyte is told in few words', async () => {
    const worker = `data:text/javascript,throw ${'1'.repeat(1e6)}`
    const error: unknown = await search({ space, worker, workers: 1, trials: 1 }).catch((cause: unknown) => cause)
    expect((error as Error).name).toBe('PlanError')
    expect((error as Error).message.length).toBeLessThan(1000)
  })

  it('a signal ends trials that never report', async () => {
    const worker = moduleOf('export const run = ({ index }) => { while (index > 1); return index }')
    const controller = new AbortController()
    const file = newFile()
    const onProgress = ({ done }: { done: number }) => {
      if (done === 2) setTimeout(() => controller.abort(), 50)
    }
    const result = await search({ space, worker, workers: 2, trials: 9, file, onProgress, signal: controller.signal })
    expect(result.aborted).toBe(true)
    expect(result.trials.map(({ index }) => index)).toEqual([0, 1])
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(3)
  })
})

describe('the table and the picture', () => {
  const wide = { ...space, kind: choice(['a & b', 'c']), keep: uniform(0.5, 1) }
  const run = async (trial: Trial<typeof wide>, report: Report) => {
    if (trial.index === 3) throw new Error('bad')
    return trial.index === 4 ? NaN : slow(trial as unknown as Trial<typeof space>, report)
  }

  it('the table has a line for each trial, the best first', async () => {
    const result = await search({ space: wide, run, trials: 12, seed: 1 })
    const lines = searchTable(result).split('\n')
    expect(lines).toHaveLength(13)
    expect(lines[0]).toMatch(/^rank +trial +score +status +rate +beta +width +kind +keep +seconds$/)
    const cells = lines.map((line) => line.trim().split(/ {2,}/))
    expect(cells[1][1]).toBe(String(result.best!.index))
    expect(Number(cells[1][2])).toBeCloseTo(result.best!.score, 3)
    expect(cells[1][7]).toBe(result.best!.parameters.kind)
    // Three digits of 1 - β.
    expect((1 - Number(cells[1][5])) / (1 - result.best!.parameters.beta)).toBeCloseTo(1, 2)
    expect(lines[11]).toMatch(/^ *11 +3 +- {2}failed /)
    expect(lines[12]).toMatch(/^ *12 +4 +- {2}diverged /)
    const short = searchTable(result, { limit: 2 }).split('\n')
    expect(short).toHaveLength(4)
    expect(short[3]).toBe('and 10 more')
    expect(() => searchTable(result, { limit: 0 })).toThrow('searchTable: limit must be an integer of at least 1')
  })

  it.each([
    ['many', { trials: 20, rounds: 2 }],
    ['one', { trials: 1 }],
    ['a grid', { mode: 'grid', points: 2 }],
  ])('the picture of %s has a mark for each trial and hyperparameter', async (_, more) => {
    const result = await search({ space: wide, run, ...more } as SearchOptions<typeof wide>)
    const svg = searchPicture(result, { title: 'a < b', score: 'loss' })
    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
    expect(svg).not.toMatch(/NaN|undefined|Infinity|>-0</)
    expect(svg).toContain('a &lt; b')
    expect(svg).toContain('a &amp; b')
    const legend = result.rounds.length > 1 ? 4 : 3
    const crosses = result.trials.filter(({ score }) => !Number.isFinite(score)).length
    expect(svg.match(/<circle /g)).toHaveLength(5 * (result.trials.length - crosses) + legend)
  })

  it('of a result that went through JSON they are the same', async () => {
    const result = await search({ space: wide, run, trials: 12, seed: 1 })
    const again = JSON.parse(JSON.stringify(result)) as typeof result
    expect(searchTable(again)).toBe(searchTable(result))
    expect(searchPicture(again)).toBe(searchPicture(result))
  })

  it('of hundreds of thousands of trials there is a table, and of scores at the ends of float64 a picture', async () => {
    const result = await search({ space: { a: uniform(0, 1) }, run: () => 1, trials: 1 })
    const [one] = result.trials
    const many = { ...result, trials: Array.from({ length: 200_000 }, (_, index) => ({ ...one, index })) }
    expect(searchTable(many).split('\n').length).toBe(200_001)
    const scores = [-1.7e308, 1.7e308, 0, 5e-324]
    const ends = { ...result, trials: scores.map((score, index) => ({ ...one, index, score })) }
    for (const trials of [ends.trials, ends.trials.slice(1, 2), ends.trials.slice(1).toSpliced(1, 1)]) {
      expect(searchPicture({ ...result, trials })).not.toMatch(/NaN|undefined|Infinity/)
    }
    const close = [1e17, 1e17 + 16].map((score, index) => ({ ...one, index, score }))
    expect(searchPicture({ ...result, trials: close })).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('names and values of any length fit', async () => {
    const long = { ['n'.repeat(1e5)]: choice(['v'.repeat(1e5), 'a\nb']) }
    const result = await search({ space: long, run: ({ index }) => index, trials: 4 })
    const table = searchTable(result)
    expect(table.split('\n')).toHaveLength(5)
    expect(table.length).toBeLessThan(1000)
    expect(searchPicture(result, { title: 'a\0b' })).not.toContain('\0')
  })

  it('what is no result is refused', async () => {
    const result = await search({ space, run: slow, trials: 2 })
    const [trial] = result.trials
    const bad: [unknown, string][] = [
      [undefined, 'wants what search gives, got undefined'],
      [{}, 'wants what search gives, got {}'],
      [Promise.resolve(result), 'the result is a promise: await search(...) first'],
      [{ ...result, rounds: [] }, 'wants what search gives'],
      [{ ...result, rounds: [{}] }, 'space must be an object'],
      [{ ...result, goal: 'up' }, 'wants what search gives'],
      [{ ...result, trials: [null] }, 'trials[0]: it is no trial'],
      [{ ...result, trials: [{ ...trial, curve: 5 }] }, 'trials[0]: its curve is 5'],
      [{ ...result, trials: [trial, { ...trial, parameters: {} }] }, "trials[1]: its 'rate' is undefined, not of the"],
      [{ ...result, trials: [{ ...trial, parameters: { ...trial.parameters, rate: 9 } }] }, "its 'rate' is 9"],
    ]
    for (const [value, message] of bad) {
      for (const show of [searchTable, searchPicture]) {
        expect(() => show(value as typeof result)).toThrow(
          expect.objectContaining({ name: 'PlanError', message: expect.stringContaining(message) }),
        )
      }
    }
    expect(() => searchPicture(result, { title: 5 } as never)).toThrow('searchPicture: title must be a text, got 5')
    expect(() => searchTable(result, { limit: 1e300 })).toThrow('searchTable: limit must be an integer')
  })

  it('the picture of nothing is refused, of failures it is not', async () => {
    const none = await search({ space, run: slow, trials: 4, signal: AbortSignal.abort() })
    expect(() => searchPicture(none)).toThrow('searchPicture: no trial has ended yet')
    expect(searchTable(none)).toMatch(/^rank/)
    const lost = await search({ space, run: () => NaN, trials: 2 })
    expect(searchPicture(lost)).not.toMatch(/NaN|undefined|Infinity/)
  })
})

describe('panda', () => {
  const random = createRandom(1)
  const rows = 120
  const x = Float64Array.from({ length: rows * 2 }, () => random.normal())
  // Inside or outside a circle.
  const y = Uint8Array.from({ length: rows }, (_, i) => (x[2 * i] ** 2 + x[2 * i + 1] ** 2 < 1.2 ? 1 : 0))
  const training = { x: x.subarray(0, 160), y: y.subarray(0, 80) }
  const validation = { x: x.subarray(160), y: y.subarray(80) }
  const create = (learningRate: Parameters<Parameters<typeof panda>[0]>[0] | number) =>
    createModel(sequential(dense(16), relu(), dense(2)), {
      input: [2],
      batch: 8,
      loss: softmaxCrossEntropy(),
      optimizer: sgd({ learningRate }),
      seed: 3,
    })

  it.each([1e-3, 0.1, 30, 1e6])('from a rate of %d: the model is that of the best epoch', async (learningRate) => {
    const options = { validation, learningRate, epochs: 30 }
    const { model, epochs, decisions, bestLoss, bestEpoch } = await panda(create, training, options)
    const losses = epochs.map(({ validationLoss }) => validationLoss).filter(Number.isFinite)
    expect(bestLoss).toBe(Math.min(...losses))
    expect(epochs[bestEpoch].validationLoss).toBe(bestLoss)
    expect(model.evaluate(validation).loss).toBe(bestLoss)
    expect(bestLoss).toBeLessThan((await create(0)).evaluate(validation).loss)
    // Each epoch has the rate that the decisions led to.
    let rate = learningRate
    for (const epoch of epochs) {
      expect(epoch.learningRate).toBe(rate)
      if (epoch.decision) {
        expect(epoch.decision).toMatchObject({ epoch: epoch.epoch, from: rate })
        rate = epoch.decision.to
      }
    }
    expect(decisions.length).toBeGreaterThan(0)
    const again = await panda(create, training, options)
    expect([again.epochs, again.decisions]).toEqual([epochs, decisions])
    expect(again.model.save()).toEqual(model.save())
  })

  it.each([30, 100, 1000])('rescues a run whose rate is too high: %d', async (learningRate) => {
    const { bestLoss, decisions } = await panda(create, training, { validation, learningRate, epochs: 30 })
    expect(decisions[0]).toMatchObject({ epoch: 0, action: 'lower', from: learningRate, to: 0.3 * learningRate })
    expect(decisions[0].reason).toContain('diverged')
    const plain = await create(learningRate)
    await plain.fit(training, { epochs: 30 })
    expect(bestLoss).toBeLessThan(0.2)
    expect(plain.evaluate(validation).loss).not.toBeLessThan(1)
  })

  it('raises a rate that is too low, and takes back what does not help', async () => {
    const { decisions, bestLoss } = await panda(create, training, { validation, learningRate: 1e-3, epochs: 40 })
    expect(decisions[0]).toMatchObject({ epoch: 1, action: 'raise', from: 1e-3, to: 2e-3 })
    const plain = await create(1e-3)
    await plain.fit(training, { epochs: 40 })
    expect(bestLoss).toBeLessThan(plain.evaluate(validation).loss)
    for (const [i, decision] of decisions.entries()) {
      if (decision.action === 'undo') expect(decisions[i - 1]).toMatchObject({ action: 'raise', from: decision.to })
    }
  })

  it('ends at a rate of minRate, and at a signal', async () => {
    const low = await panda(create, training, { validation, learningRate: 1e6, minRate: 1e5, epochs: 30 })
    expect(low.epochs.length).toBeLessThan(5)
    const controller = new AbortController()
    const stopped = await panda(create, training, {
      validation,
      learningRate: 0.1,
      epochs: 30,
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 2) controller.abort()
      },
    })
    expect(stopped).toMatchObject({ aborted: true })
    expect(stopped.epochs).toHaveLength(3)
    expect(stopped.model.evaluate(validation).loss).toBe(stopped.bestLoss)
  })

  const never = () => new Promise<never>(() => {})
  const stalled = async function* () {
    yield { x: validation.x.subarray(0, 16), y: validation.y.subarray(0, 8) }
    await never()
  }
  it.each<[string, object, number]>([
    ['the first validation', { validation: stalled }, 0],
    ['onEpoch', { onEpoch: never }, 1],
    ['onBatch', { onBatch: never }, 0],
  ])('a signal ends a run that waits for %s', async (_, waits, epochs) => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 20)
    const options = { validation, learningRate: 0.1, epochs: 30, batch: 8, signal: controller.signal, ...waits }
    const run = await panda(create, training, options)
    expect(run.aborted).toBe(true)
    expect(run.epochs).toHaveLength(epochs)
    const { loss } = run.model.evaluate(validation)
    expect(run.bestLoss).toBe('validation' in waits ? Infinity : loss)
  })

  it('a signal that comes before there is a model is an error', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 20)
    const run = panda(never, training, { validation, learningRate: 0.1, epochs: 3, signal: controller.signal })
    await expect(run).rejects.toThrow(PlanError)
    await expect(run).rejects.toThrow(/^panda: the signal came before create gave a model, so that there is none/)
  })

  it.each([
    [[1, 2], { validation }, /^panda: data must be one object .*; hand in panda\(create, \{ x, y \}, options\)$/],
    [training, { validation: new Float64Array(2) }, /^panda: validation must be one object .*; hand in \{ x, y \}$/],
  ])('refuses arrays for data: %#', async (data, change, message) => {
    const options = { learningRate: 0.1, epochs: 2, ...change } as PandaOptions
    await expect(panda(create, data as never, options)).rejects.toThrow(message)
  })

  it('waits for onEpoch, and gives no more arguments a meaning', async () => {
    const order: string[] = []
    const onEpoch = async ({ epoch }: { epoch: number }) => {
      await new Promise((done) => setTimeout(done, 5))
      order.push(`epoch ${epoch}`)
    }
    const onBatch = [({ epoch, batch }: { epoch: number; batch: number }) => void order.push(`${epoch} ${batch}`)]
    await panda(create, training, { validation, learningRate: 0.1, epochs: 2, batch: 8, onEpoch, onBatch })
    expect(order.filter((line) => line.startsWith('epoch'))).toEqual(['epoch 0', 'epoch 1'])
    expect(order.indexOf('epoch 0')).toBe(10)
    const failing = async () => Promise.reject(new Error('full'))
    await expect(
      panda(create, training, { validation, learningRate: 0.1, epochs: 2, onEpoch: failing }),
    ).rejects.toThrow('full')
    const call = panda as unknown as (...args: unknown[]) => Promise<unknown>
    await expect(call(create, training, { validation, learningRate: 0.1, epochs: 1 }, {}, 7)).rejects.toThrow(
      'panda: takes 3 arguments, got another: 7',
    )
  })

  it('2 times the best loss has diverged, unless another is given', async () => {
    const runs = (more: object) =>
      Promise.all(
        [3, 10, 30, 100, 300].map(async (learningRate) => {
          const { epochs } = await panda(create, training, { validation, learningRate, epochs: 12, ...more })
          return epochs
        }),
      )
    const plain = await runs({})
    expect(await runs({ diverged: 2 })).toEqual(plain)
    expect(await runs({ diverged: 3 })).not.toEqual(plain)
  })

  it.each([
    [undefined, {}, 'panda: wants a function (learningRate) => model'],
    [create, { validation: undefined }, 'panda: wants validation'],
    [create, { learningRate: -1 }, 'panda: learningRate must be a finite number of at least 0, got -1'],
    [create, { lower: 1 }, 'panda: lower must be less than 1, got 1'],
    [create, { raise: 0.5 }, 'panda: raise must be a finite number of at least 1'],
    [create, { patience: 0 }, 'panda: patience must be an integer of at least 1, got 0'],
    [create, { earlyStopping: {} }, "panda: unknown option 'earlyStopping'"],
    [create, { signal: 5 }, 'panda: signal must be that of an AbortController'],
    [create, { onEpoch: [undefined] }, 'panda: onEpoch must be a function, got [undefined]'],
    [create, { onEpoch: 5 }, 'panda: onEpoch must be a function, got 5'],
    [create, { onBatch: [5] }, 'panda: onBatch must be a function, got 5'],
    [create, { onBatch: class {} }, 'panda: onBatch must be a function, got a class'],
    [create, { transform: 5 }, 'panda: transform must be a function (input, n), got 5'],
    [create, { validation: Promise.resolve(1) }, 'panda: validation is a promise: await it first'],
    [create, { epochs: 1e9 }, 'panda: epochs must be an integer of at most 1000000'],
    [create, { patience: 1e9 }, 'panda: patience must be an integer of at most 1000000'],
    [class {}, {}, 'panda: wants a function (learningRate) => model first of all, got a class'],
    [create(0.1), {}, 'panda: what comes first is a promise: await it inside a function (learningRate) => model'],
    [() => undefined, {}, 'panda: wants a model of createModel, got undefined'],
    [() => ({ fit: 1 }), {}, 'panda: wants a model of createModel, got {"fit":1}'],
    [() => create(0.1), {}, 'panda: create must hand the learningRate that it gets to the optimizer'],
  ])('refuses what cannot work: %#', async (make, change, message) => {
    const options = { validation, learningRate: 0.1, epochs: 2, ...change } as PandaOptions
    await expect(panda(make as typeof create, training, options)).rejects.toThrow(
      expect.objectContaining({ name: 'PlanError', message: expect.stringContaining(message) }),
    )
  })
})
