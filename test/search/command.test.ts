// npx v128: what it prints, with which code it ends, and what is left of it when it is ended from outside.
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileStore, search, uniform } from '../../src/entries/node'
import { moduleOf, v128 } from '../support/commands'
import { newFolder } from '../support/processes'

const space = { a: uniform(0, 1) }
const plain = 'await setTimeout(5); return a'
const scores = (trials: readonly { readonly index: number; readonly score: number }[]) =>
  trials.map(({ index, score }) => [index, score])
/** The trials of a search that runs alone. */
const alone = async (trials: number) =>
  scores((await search({ space, trials, run: ({ parameters }) => parameters.a })).trials)
/** Those of a store; all must have ended. */
async function found(file: string, trials: number) {
  const result = await search({ space, trials, store: fileStore(file) })
  return scores(result.trials)
}
/** What was claimed in a log and given back. */
const linesOf = (file: string, type: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`{"type":"${type}"`))

let good: string
beforeAll(() => {
  good = moduleOf(plain)
})

describe('typed wrongly: code 2, and what would be right', () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'empty.mjs'), 'export const run = () => 1\n')
  test.each<[string, readonly string[], string]>([
    ['a command that is none', ['serach'], 'there is no command "serach"; there are search, work and status'],
    ['an option that is none', ['search', 'empty.mjs', '--trails', '5'], "Unknown option '--trails'"],
    [
      'an option of another command',
      ['work', 'empty.mjs', '--trials', '5'],
      '--trials is none of work, which has --store',
    ],
    ['no module', ['search'], 'search wants a module: v128 search trial.js; got none'],
    ['two modules', ['work', 'a.js', 'b.js'], 'work wants a module: v128 work trial.js; got a.js b.js'],
    ['a module for status', ['status', 'a.js'], 'status wants no module, got a.js'],
    ['a module that is not there', ['search', 'gone.mjs'], 'there is no file gone.mjs'],
    ['a module without a space', ['search', 'empty.mjs'], 'empty.mjs exports no space, such as { learningRate:'],
    ['no store to work on', ['work', 'empty.mjs'], 'work wants --store, the address that search was given'],
    ['no store to look at', ['status'], 'status wants --store, the address that search was given'],
    [
      'a store of another kind',
      ['status', '--store', 'mysql://host'],
      '--store wants a file, redis://... or postgres://...',
    ],
    [
      'a queue in a file',
      ['status', '--store', 'a.jsonl', '--queue'],
      '--queue wants a store in Redis (BullMQ) or Postgres',
    ],
    [
      'a text for a number',
      ['work', 'empty.mjs', '--store', 'a.jsonl', '--lease', 'long'],
      '--lease wants a number, got "long"',
    ],
  ])('%s', async (_, args, message) => {
    const { code, output, errors } = await v128(args, { cwd: folder }).ended
    expect(errors).toContain(`v128: ${message}`)
    expect(errors).toMatch(/\nv128 --help says more\n$/)
    expect([code, output]).toEqual([2, expect.stringMatching(/^(works on a.jsonl\n)?$/)])
    expect(existsSync(join(folder, 'a.jsonl'))).toBe(false)
  })
})

test('what the library refuses ends with code 1 and its message alone', async () => {
  const { code, output, errors } = await v128(['search', good, '--trials', '0']).ended
  expect([code, output]).toEqual([1, ''])
  expect(errors).toMatch(/^v128: search: trials must be [^\n]*\n$/)
})

test('a search on one machine: its bar in lines, its table, its file; and once more it is there already', async () => {
  const cwd = newFolder()
  const first = await v128(['search', good, '--trials', '12', '--workers', '2', '--table', '3'], { cwd }).ended
  expect([first.code, first.errors]).toEqual([0, ''])
  const [[best, score]] = await alone(12)
  expect(first.output).toContain(`best: trial ${best}, {"a":${score}}`)
  expect(first.output).toContain('all trials: runs/trial.jsonl')
  // No terminal: nothing that moves a cursor.
  expect(first.output.includes('\u001b')).toBe(false)
  expect(first.bar.join().includes('\u001b')).toBe(false)
  expect(first.bar[0]).toBe('░░░░░░░░░░░░░░░░░░░░░░░░ 0/12 trials, - a minute, - left, best -, 2 workers')
  expect(first.bar.at(-1)).toMatch(/^█{24} 12\/12 trials, \d+ a minute, 0 s left, best 0\.\d+, 2 workers$/)
  const before = readFileSync(join(cwd, 'runs/trial.jsonl'), 'utf8')
  expect((await v128(['search', good, '--trials', '12'], { cwd }).ended).code).toBe(0)
  expect(readFileSync(join(cwd, 'runs/trial.jsonl'), 'utf8')).toBe(before)
})

test('status: of nothing, of a search without workers, of one that goes on until it is done', async () => {
  const cwd = newFolder()
  const status = ['status', '--store', 's.jsonl']
  expect(await v128(status, { cwd }).ended).toEqual({
    code: 0,
    output: 's.jsonl: no search has begun\n',
    errors: '',
    bar: [],
  })
  expect(existsSync(join(cwd, 's.jsonl'))).toBe(false)
  const coordinator = v128(['search', good, '--store', 's.jsonl', '--trials', '20'], { cwd })
  while (!existsSync(join(cwd, 's.jsonl')) || !linesOf(join(cwd, 's.jsonl'), 'run').length) await setTimeout(20)
  expect((await v128(status, { cwd }).ended).output).toBe(
    's.jsonl: 0 of 20 trials have ended, 0 of them early, 0 failed or diverged\n0 workers live\n',
  )
  const watch = v128([...status, '--watch', '--table', '2'], { cwd })
  await setTimeout(300)
  const worker = await v128(['work', good, '--store', 's.jsonl', '--workers', '2'], { cwd }).ended
  expect([worker.code, worker.errors]).toEqual([0, ''])
  expect(worker.output).toMatch(/\ndone: 20 trials here\n$/)
  const watched = await watch.ended
  expect([watched.code, watched.errors]).toEqual([0, ''])
  expect(watched.output).toMatch(/s.jsonl: 20 of 20 trials have ended, 0 of them early, 0 failed or diverged; done\n/)
  expect(watched.bar.at(-1)).toContain(' 20/20 trials, ')
  expect((await coordinator.ended).code).toBe(0)
  expect(await found(join(cwd, 's.jsonl'), 20)).toEqual(await alone(20))
}, 20_000)

describe('ended in the middle of a trial', () => {
  const slow = () =>
    moduleOf('await setTimeout(index === 2 && !resume ? (await save(Uint8Array.of(1)), 60_000) : 5); return a')

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'a worker by %s: its trials are free at once',
    async (signal) => {
      const [cwd, module] = [newFolder(), slow()]
      const coordinator = v128(['search', module, '--store', 's.jsonl', '--trials', '8'], { cwd })
      const args = ['work', module, '--store', 's.jsonl', '--lease', '3600']
      const one = v128(args, { cwd })
      await one.until('trial 1: ')
      while (!existsSync(join(cwd, 's.jsonl.trial-2'))) await setTimeout(10)
      one.child.kill(signal)
      const stopped = await one.ended
      expect([stopped.code, stopped.errors]).toEqual([130, ''])
      expect(stopped.output).toMatch(/\nstopped after 2 trials; what was in work others go on with\n$/)
      expect(linesOf(join(cwd, 's.jsonl'), 'release')).toEqual(['{"type":"release","task":"2","attempt":0}'])
      expect((await v128(args, { cwd }).ended).output).toMatch(/\ndone: 6 trials here\n$/)
      expect((await coordinator.ended).code).toBe(0)
      expect(await found(join(cwd, 's.jsonl'), 8)).toEqual(await alone(8))
      expect(readdirSync(cwd)).toEqual(['s.jsonl'])
    },
    20_000,
  )

  test('a worker by SIGKILL: when its lease has passed', async () => {
    const [cwd, module] = [newFolder(), slow()]
    const coordinator = v128(['search', module, '--store', 's.jsonl', '--trials', '8'], { cwd })
    const args = ['work', module, '--store', 's.jsonl', '--lease', '1']
    const one = v128(args, { cwd })
    while (!existsSync(join(cwd, 's.jsonl.trial-2'))) await setTimeout(10)
    one.child.kill('SIGKILL')
    await one.ended
    expect((await v128(args, { cwd }).ended).output).toMatch(/\ndone: 6 trials here\n$/)
    expect((await coordinator.ended).code).toBe(0)
    expect(linesOf(join(cwd, 's.jsonl'), 'release')).toEqual([])
    expect(await found(join(cwd, 's.jsonl'), 8)).toEqual(await alone(8))
  }, 20_000)

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'the coordinator by %s: workers go on, and so does the same command',
    async (signal) => {
      const [cwd, module] = [newFolder(), moduleOf('await setTimeout(100); return a')]
      const args = ['search', module, '--store', 's.jsonl', '--trials', '15']
      const first = v128(args, { cwd })
      const worker = v128(['work', module, '--store', 's.jsonl'], { cwd })
      await worker.until('trial 3: ')
      first.child.kill(signal)
      const stopped = await first.ended
      if (signal === 'SIGINT') {
        expect([stopped.code, stopped.errors]).toEqual([130, ''])
        expect(stopped.output).toContain('stopped; the same command goes on, and workers did not stop')
      }
      const again = await v128(args, { cwd }).ended
      expect([again.code, again.errors]).toEqual([0, ''])
      expect((await worker.ended).output).toMatch(/\ndone: 15 trials here\n$/)
      expect(await found(join(cwd, 's.jsonl'), 15)).toEqual(await alone(15))
    },
    20_000,
  )
})

test('trials that depend on their process are found by --verify, with both machines, and code 1', async () => {
  const [cwd, module] = [newFolder(), moduleOf('await setTimeout(20); return a + process.pid')]
  const coordinator = v128(['search', module, '--store', 's.jsonl', '--trials', '6', '--verify', '1'], { cwd })
  const workers = [1, 2].map(() => v128(['work', module, '--store', 's.jsonl'], { cwd }))
  const { code, errors } = await coordinator.ended
  for (const worker of workers) expect((await worker.ended).code).toBe(0)
  expect(code).toBe(1)
  const where = workers.map(
    ({ child }) =>
      `${hostname()} (Node ${process.versions.node}, ${process.platform} ${process.arch}, process ${child.pid})`,
  )
  const lines = errors.trimEnd().split('\n')
  expect(lines.map((line) => /^trial (\d) is not the same twice: /.exec(line)?.[1]).toSorted()).toEqual([...'012345'])
  for (const line of lines) for (const text of where) expect(line).toContain(text)
  // Whoever asks is told, too.
  const status = await v128(['status', '--store', 's.jsonl'], { cwd }).ended
  expect([status.code, status.errors.split('\n').length]).toEqual([1, 7])
}, 20_000)

test('a worker with another run, or with another file that its module imports, is refused', async () => {
  const [cwd, folder] = [newFolder(), newFolder()]
  const helper = join(folder, 'helper.mjs')
  writeFileSync(helper, 'export const factor = 1\n')
  const module = moduleOf('return a * factor', folder, "import { factor } from './helper.mjs'")
  const coordinator = v128(['search', module, '--store', 's.jsonl', '--trials', '3'], { cwd })
  while (!existsSync(join(cwd, 's.jsonl')) || !linesOf(join(cwd, 's.jsonl'), 'run').length) await setTimeout(20)
  const work = ['work', module, '--store', 's.jsonl']
  writeFileSync(helper, 'export const factor = 2\n')
  const other = await v128(work, { cwd }).ended
  expect(other.code).toBe(1)
  expect(other.errors).toMatch(
    /^v128: work: s.jsonl: this process has another source of run than the search: ([0-9a-f]{16}) here, (?!\1)[0-9a-f]{16} there; its trials would not be those of the search: use the same, to the letter\n$/,
  )
  expect((await v128(['work', good, '--store', 's.jsonl'], { cwd }).ended).errors).toContain('another source of run')
  writeFileSync(helper, 'export const factor = 1\n')
  expect((await v128(work, { cwd }).ended).output).toMatch(/\ndone: 3 trials here\n$/)
  expect((await coordinator.ended).code).toBe(0)
}, 20_000)

test('a full disk is said, the file stays whole, and the same commands go on', async () => {
  const [cwd, module] = [newFolder(), moduleOf(plain)]
  const args = ['search', module, '--store', 's.jsonl', '--trials', '30']
  const coordinator = v128(args, { cwd })
  const work = ['work', module, '--store', 's.jsonl', '--lease', '3600']
  const limited = await v128(work, { cwd, kilobytes: 4 }).ended
  expect(limited.code).toBe(1)
  expect(limited.errors).toMatch(
    /^v128: fileStore: s.jsonl: cannot be written: EFBIG: .*; remove other files, or raise the limit, and start this again: it goes on\n$/,
  )
  const file = join(cwd, 's.jsonl')
  expect(statSync(file).size).toBeGreaterThan(3000)
  const text = readFileSync(file, 'utf8')
  expect(text.endsWith('\n')).toBe(true)
  for (const line of text.trimEnd().split('\n')) JSON.parse(line)
  // What it had in work is free at once.
  expect((await v128(work, { cwd }).ended).code).toBe(0)
  expect((await coordinator.ended).code).toBe(0)
  expect(await found(file, 30)).toEqual(await alone(30))
}, 20_000)
