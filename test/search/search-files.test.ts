// The file of a search: whose it is, who may write to it, and what of it is damaged; with real processes.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { FileError } from '../../src/entries/index'
import { type SearchOptions, choice, search, uniform } from '../../src/entries/node'
import { lock } from '../../src/search/lock'

const folder = mkdtempSync(join(tmpdir(), 'v128-search-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newFile = (content?: string | Uint8Array) => {
  const file = join(folder, `${++files}.jsonl`)
  if (content !== undefined) writeFileSync(file, content)
  return file
}

const space = { a: uniform(0, 1), b: choice(['x', 'y']) }
const run = ({ parameters }: { parameters: { a: number } }) => parameters.a
const options = { space, run, trials: 40, seed: 3 }
const first = `${JSON.stringify({ kind: 'v128 search', space, seed: 3, goal: 'low', mode: 'random' })}\n`

const indices = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => (JSON.parse(line) as { index: number }).index)

async function refusal(file: string, more: object = {}): Promise<string> {
  const error: unknown = await search({ ...options, file, ...more } as SearchOptions<typeof space>).then(
    () => 'no error',
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(FileError)
  return (error as Error).message
}

describe('a file that is not ours is never touched', () => {
  const big = Buffer.alloc(3_000_000, 'x')
  test.each<[string, string | Uint8Array]>([
    ['0', '0'],
    ['0 and a line', '0\nmy numbers\n'],
    ['null', 'null\n'],
    ['false', 'false\n'],
    ['a text', 'false is the first word of my diary\n'],
    ['""', '""\n'],
    ['a number', '12\n'],
    ['a list', '[]\n'],
    ['an object', '{"kind":"v128"}\n'],
    ['a brace', '{'],
    ['a brace and a name', '{"kind":'],
    ['other JSON', '{"kind":"v128 searches"}\n'],
    ['bytes', Uint8Array.of(0, 255, 254, 10)],
    ['3 MB', big],
    ['a blank line', '\n'],
    ['a byte order mark', '\ufeff{"kind":"v128 search"}\n'],
  ])('%s', async (_, content) => {
    const file = newFile(content)
    const before = readFileSync(file)
    expect(await refusal(file)).toMatch(/: it is no file of a search, or line 1 is damaged; give another file$/)
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(existsSync(`${file}.v128-lock`)).toBe(false)
  })

  test('folders, devices, and what cannot be opened, are named', async () => {
    expect(await refusal(folder)).toBe(`search: ${folder}: it is a folder; give another file`)
    expect(await refusal('/dev/null')).toBe('search: /dev/null: it is no regular file; give another file')
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    expect(await refusal(pipe)).toMatch(/it is no regular file/)
    const file = newFile('text\n')
    expect(await refusal(join(file, 'below'))).toMatch(/cannot be opened: ENOTDIR/)
    expect(await refusal('a\0b')).toMatch(/cannot be opened: /)
    expect(await refusal(`/tmp/${'a'.repeat(1e6)}`)).toMatch(
      /^search: \/tmp\/a{195}\.\.\.: cannot be opened: .{0,520}$/,
    )
  })

  test('an empty one may be anybody’s', async () => {
    const file = newFile('')
    await search({ ...options, file })
    expect(readFileSync(file, 'utf8').startsWith(first)).toBe(true)
  })
})

describe('a damaged line is named by its number', () => {
  const good = {
    index: 0,
    seed: 1,
    parameters: { a: 0.5, b: 'x' },
    status: 'done',
    score: 1,
    curve: [[0, 2]],
    seconds: 0.1,
  }
  test.each<[string, unknown, string]>([
    ['index -1', { ...good, index: -1 }, 'its index is -1'],
    ['index 1.5', { ...good, index: 1.5 }, 'its index is 1.5'],
    ['index as text', { ...good, index: '1' }, 'its index is "1"'],
    ['index 2^53', { ...good, index: 2 ** 53 }, 'its index is 9007199254740992'],
    ['no index', {}, 'it is no trial'],
    ['null', null, 'it is no trial'],
    ['a number', 0, 'it is no trial'],
    ['a list', [good], 'it is no trial'],
    ['no seed', { ...good, seed: undefined }, 'its seed is undefined'],
    ['no parameters', { ...good, parameters: null }, 'its parameters is null'],
    ['another status', { ...good, status: 'lost' }, 'its status is "lost"'],
    ['a score as text', { ...good, score: '1' }, 'its score is "1"'],
    ['no score', { ...good, score: null }, 'its score is null'],
    ['a score of a failure', { ...good, status: 'failed' }, 'its score is 1'],
    ['no curve', { ...good, curve: undefined }, 'its curve is undefined'],
    ['a curve of numbers', { ...good, curve: [1] }, 'its curve is [1]'],
    ['a curve backward', { ...good, curve: [[1, 1], [0, 1]] }, 'its curve is [[1,1],[0,1]]'], // prettier-ignore
    ['a curve of text', { ...good, curve: [[0, 'a']] }, 'its curve is [[0,"a"]]'],
    ['seconds before it began', { ...good, seconds: -1 }, 'its seconds is -1'],
    ['an error that is none', { ...good, error: 5 }, 'its error is 5'],
  ])('%s', async (_, line, problem) => {
    const text = `${first}\n${JSON.stringify(line)}\n`
    const file = newFile(text)
    // Line 2 is blank.
    expect(await refusal(file)).toBe(
      `search: ${file}: line 3 is damaged: ${problem}; delete that line, and its trial runs again`,
    )
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(readdirSync(folder).filter((name) => name.endsWith('lock'))).toEqual([])
  })

  test('what is no JSON, what is nested deeply, and trials that are another search’s', async () => {
    const file = newFile(`${first}{"index":\n`)
    expect(await refusal(file)).toContain('line 2 is damaged: it is no JSON;')
    const deep = newFile(`${first}{"index":0,"seed":1,"parameters":{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}}\n`)
    expect(await refusal(deep)).toMatch(/line 2 is damaged: its status is undefined;/)
    const other = newFile(`${first}${JSON.stringify(good)}\n`)
    expect(await refusal(other)).toMatch(
      /: line 2: trial 0 has {"seed":1,"parameters":{"a":0.5,"b":"x"}}, here it is {"/,
    )
    const header = newFile(first.replace('"seed":3', `"seed":${'['.repeat(1e5)}${']'.repeat(1e5)}`))
    expect(await refusal(header)).toMatch(/it is of another search: its seed is .{0,300}, here 3;/)
    const twice = newFile()
    await search({ ...options, file: twice })
    const lines = readFileSync(twice, 'utf8').split('\n')
    writeFileSync(twice, [...lines.slice(0, 5), lines[2], ...lines.slice(5)].join('\n'))
    expect(await refusal(twice)).toContain('line 6 is of trial 1 once more, as line 3 is; delete one of them')
  })

  test('the end of a file may lack its line end, or the half of a line', async () => {
    const file = newFile()
    const whole = await search({ ...options, file })
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.trimEnd())
    let ran = 0
    const counting = (trial: { parameters: { a: number } }) => (ran++, run(trial))
    expect((await search({ ...options, run: counting, file })).best).toEqual(whole.best)
    expect([ran, readFileSync(file, 'utf8') === text]).toEqual([0, true])
    // Half of a character of two bytes.
    const half = Buffer.from(text.trimEnd().split('\n')[5].replace('"seconds"', '"error":"é')).subarray(0, -1)
    for (const torn of [half.subarray(0, half.indexOf('é') + 1), '{', 'x']) {
      writeFileSync(file, Buffer.concat([Buffer.from(text), Buffer.from(torn)]))
      await search({ ...options, file })
      expect(readFileSync(file, 'utf8')).toBe(text)
    }
  })
})

describe('one search at a time', () => {
  const started: ChildProcess[] = []
  afterEach(() => started.splice(0).forEach((child) => child.kill('SIGKILL')))
  const script = newFile().replace('.jsonl', '.mjs')
  // Prints what it does; a trial takes so many milliseconds.
  writeFileSync(
    script,
    `import { choice, search, uniform } from ${JSON.stringify(join(process.cwd(), 'dist/node.js'))}
    const [, , file, trials, milliseconds] = process.argv
    try {
      const { trials: found } = await search({
        space: { a: uniform(0, 1), b: choice(['x', 'y']) },
        trials: Number(trials),
        seed: 3,
        file,
        run: async ({ index, parameters }) => {
          console.log('trial ' + index)
          await new Promise((done) => setTimeout(done, Number(milliseconds)))
          return parameters.a
        },
      })
      console.log('done ' + found.length)
    } catch (error) {
      console.log(error.name + ' ' + error.message)
    }`,
  )

  function start(file: string, trials: number, milliseconds: number) {
    const child = spawn(process.execPath, [script, file, String(trials), String(milliseconds)])
    started.push(child)
    let output = ''
    const hearers = new Set<() => void>()
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      for (const hear of hearers) hear()
    })
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const ended = new Promise<string>((resolve) => child.on('close', () => resolve(output)))
    const until = (text: string) =>
      Promise.race([
        ended,
        new Promise<void>((resolve) => {
          const hear = () => output.includes(text) && resolve()
          hearers.add(hear)
          hear()
        }),
      ])
    return { child, ended, until }
  }

  test('two processes: the second is told who has the file, and loses no trial of the first', async () => {
    const file = newFile()
    const one = start(file, 60, 20)
    await one.until('trial 3\n')
    for (let i = 0; i < 20; i++) {
      expect(await refusal(file, { trials: 60 })).toBe(
        `search: ${file}: process ${one.child.pid} is searching with this file already; wait until that has ended, or give another file`,
      )
    }
    expect(await start(file, 60, 0).ended).toMatch(/^FileError search: .* process \d+ is searching with this file/)
    expect(await one.ended).toMatch(/done 60\n$/)
    expect(indices(file)).toEqual(Array.from({ length: 60 }, (_, i) => i))
    expect(existsSync(`${file}.v128-lock`)).toBe(false)
  })

  test('a process that is killed frees the file at once, and loses only the trial in work', async () => {
    const file = newFile()
    for (const [place, killed] of [
      [5, true],
      [11, true],
      [23, true],
      [40, false],
    ] as const) {
      // prettier-ignore
      const one = start(file, 40, 15)
      if (killed) {
        await one.until(`trial ${place}\n`)
        one.child.kill('SIGKILL')
        await one.ended
        expect(indices(file).length).toBeGreaterThanOrEqual(place)
      } else {
        expect(await one.ended).toMatch(/done 40\n$/)
      }
    }
    expect(indices(file)).toEqual(Array.from({ length: 40 }, (_, i) => i))
    expect(existsSync(`${file}.v128-lock`)).toBe(false)
    const { trials } = await search({ ...options, file })
    expect(trials.map(({ index, score }) => [index, score])).toEqual(
      (await search(options)).trials.map(({ index, score }) => [index, score]),
    )
  })

  test('of many that begin at once, beside the lock of a dead one too, one gets the file', async () => {
    const dead = spawn(process.execPath, ['-e', ''])
    await new Promise((done) => dead.on('close', done))
    for (const stale of [false, true]) {
      const file = newFile()
      if (stale) {
        const claim = { token: 'a', pid: dead.pid, started: '1', host: hostname() }
        writeFileSync(`${file}.v128-lock`, `\n${JSON.stringify(claim)}\n{"token":"half`)
      }
      const outputs = await Promise.all(Array.from({ length: 5 }, () => start(file, 3, 1500).ended))
      const winners = outputs.filter((output) => output.includes('done 3'))
      expect(outputs.filter((output) => output.startsWith('FileError'))).toHaveLength(4)
      expect(winners).toHaveLength(1)
      expect(indices(file)).toEqual([0, 1, 2])
      expect(existsSync(`${file}.v128-lock`)).toBe(false)
    }
  })

  test('in one process, and by whatever name the file goes', async () => {
    const file = newFile()
    const link = join(folder, 'link')
    symlinkSync(file, link)
    let end: (score: number) => void
    const ended = new Promise<number>((resolve) => (end = resolve))
    const slow = search({ ...options, file, run: () => ended, trials: 1 })
    expect(await refusal(file)).toContain('this process is searching with this file already')
    expect(await refusal(link)).toContain('this process is searching with this file already')
    end!(1)
    await slow
    await search({ ...options, file: link })
    expect(indices(file)).toHaveLength(40)
  })

  test('a link to a file that is not there yet is that file', async () => {
    const file = newFile()
    const link = join(folder, 'early')
    symlinkSync(file, link)
    let end: (score: number) => void
    const ended = new Promise<number>((resolve) => (end = resolve))
    const slow = search({ ...options, file: link, run: () => ended, trials: 1 })
    expect(existsSync(file)).toBe(true)
    expect(await refusal(file)).toContain('this process is searching with this file already')
    end!(1)
    await slow
    expect(indices(file)).toEqual([0])
  })

  test('a file of several names is refused, for each could be searched with', async () => {
    const file = newFile()
    await search({ ...options, file, trials: 2 })
    const other = join(folder, 'hard')
    linkSync(file, other)
    for (const name of [file, other]) {
      expect(await refusal(name, { trials: 2 })).toBe(
        `search: ${name}: it has other names (hard links), by which another process may write to it; give another file`,
      )
    }
    expect(indices(file)).toEqual([0, 1])
  })

  test('what run does to its trial reaches neither the results nor the file', async () => {
    const file = newFile()
    const lists = { a: uniform(0, 1), b: choice([[1, [2]], [3]]) }
    const spoil = (trial: { index: number; seed: number; parameters: { a: number; b: readonly unknown[] } }) => {
      const { a } = trial.parameters
      ;(trial.parameters.b as unknown[]).push('spoilt')
      Object.assign(trial.parameters, { a: -1 })
      Object.assign(trial, { index: 77, seed: 77 })
      return a
    }
    const told = { space: lists, trials: 6, seed: 3 }
    const honest = await search({ ...told, run: ({ parameters }) => parameters.a })
    const spoilt = await search({ ...told, run: spoil, file })
    const plain = ({ trials }: typeof honest) => trials.map((trial) => ({ ...trial, seconds: 0 }))
    expect(plain(spoilt)).toEqual(plain(honest))
    expect(indices(file).toSorted()).toEqual([0, 1, 2, 3, 4, 5])
    // And goes on from there.
    expect(plain(await search({ ...told, run: spoil, file, trials: 6 }))).toEqual(plain(honest))
  })

  test('a file that is removed meanwhile is not made anew by half', async () => {
    const file = newFile()
    const remove = ({ index }: { index: number }) => {
      if (index === 2) rmSync(file)
      return index
    }
    expect(await refusal(file, { run: remove })).toMatch(/: cannot be written: ENOENT/)
    expect(existsSync(file)).toBe(false)
    await search({ ...options, file })
  })
})

describe('lock', () => {
  const claim = (change: object) =>
    `\n${JSON.stringify({ token: 't', pid: process.pid, host: hostname(), ...change })}\n`

  test('is had by one, again and again', () => {
    const path = newFile()
    for (let i = 0; i < 3; i++) {
      const held = lock(path)
      expect('free' in held).toBe(true)
      expect(lock(path)).toMatchObject({ pid: process.pid })
      expect(lock(path)).toMatchObject({ pid: process.pid })
      if ('free' in held) held.free()
      expect(existsSync(path)).toBe(false)
    }
  })

  test('is not held by another machine, a process that has ended, or one whose number was given again', () => {
    for (const change of [
      { host: 'elsewhere' },
      { pid: 2 ** 22 + 1 },
      { pid: -1 },
      { pid: 'x' },
      // Of Linux.
      ...(existsSync('/proc/self/stat') ? [{ started: '1' }] : []),
    ]) {
      expect('free' in lock(newFile(claim(change)))).toBe(true)
    }
    expect(lock(newFile(claim({})))).toMatchObject({ token: 't' })
    expect('free' in lock(newFile(`${claim({})}\n{"withdrawn":"t"}\n`))).toBe(true)
    expect('free' in lock(newFile('null\n[1]\n"a"\n{"token":5}\n{'))).toBe(true)
  })
})
