// Trials that are cut off go on from what their run has kept, to the result of a search that never was.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { createRandom } from '../../src/entries/index'
import { type Run, search, uniform } from '../../src/entries/node'

const folder = mkdtempSync(join(tmpdir(), 'v128-search-checkpoints-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const newFile = () => join(folder, `${++files}.jsonl`)
const left = (file: string) => readdirSync(folder).filter((name) => join(folder, name).startsWith(`${file}.trial-`))

/**
 * A process that searches. It is killed so many milliseconds after it began, or later: once a trial has kept something,
 * however fast the machine is; not if it has ended.
 */
async function start(file: string, milliseconds = Infinity): Promise<string | undefined> {
  const child = spawn(process.execPath, ['test/support/searching.js', file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  const begun = new Promise((resolve) => {
    child.stdout.on('data', (data: Buffer) => resolve((text += data.toString())))
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  if (milliseconds === Infinity) await ended
  else {
    await Promise.race([begun, ended])
    let running = true
    void ended.then(() => (running = false))
    await Promise.race([ended, setTimeout(milliseconds)])
    while (running && !left(file).length) await setTimeout(1)
    child.kill('SIGKILL')
  }
  return (await ended) === 0 ? text : undefined
}

describe('a search', () => {
  test('that is killed again and again, on worker threads', async () => {
    const whole = await start(newFile())
    expect(JSON.parse(whole!.split('\n')[1])).toHaveLength(14)
    const file = newFile()
    const random = createRandom(5)
    let kills = 0
    let cut = 0
    let found: string | undefined
    while (kills < 20 && (found = await start(file, 80 + 140 * random.uniform())) === undefined) {
      kills++
      cut += left(file).length
    }
    expect(found ?? (await start(file))).toBe(whole)
    expect(kills).toBeGreaterThan(0)
    expect(cut).toBeGreaterThan(0)
    expect(left(file)).toEqual([])
  })

  const space = { a: uniform(0, 1) }
  /** Three epochs, each a report; `at` is called before the epoch with its number. */
  const counting =
    (at: (epoch: number) => void, seen: (Uint8Array | undefined)[] = []): Run<typeof space> =>
    async ({ parameters }, report, { resume, save }) => {
      seen.push(resume)
      for (let epoch = resume?.[0] ?? 0; epoch < 3; epoch++) {
        at(epoch)
        if (!(await report(epoch, parameters.a + epoch))) break
        await save(Uint8Array.of(epoch + 1))
      }
      return parameters.a
    }

  test('keeps reports with what run keeps: a trial goes on behind them', async () => {
    const whole = await search({ space, run: counting(() => {}), trials: 3 })
    const file = newFile()
    const controller = new AbortController()
    const { signal } = controller
    const cut = await search({
      space,
      trials: 3,
      file,
      signal,
      run: counting((epoch) => epoch === 2 && controller.abort()),
    })
    expect(cut.trials).toEqual([])
    expect(left(file)).toHaveLength(1)
    const seen: (Uint8Array | undefined)[] = []
    const { trials } = await search({ space, trials: 3, file, run: counting(() => {}, seen) })
    expect(seen).toEqual([Uint8Array.of(2), undefined, undefined])
    expect(trials.map(({ curve, score }) => ({ curve, score }))).toEqual(
      whole.trials.map(({ curve, score }) => ({ curve, score })),
    )
    expect(left(file)).toEqual([])
  })

  test('that a report has ended stays ended, though it was cut off before it gave its score', async () => {
    const file = newFile()
    const controller = new AbortController()
    const run: Run<typeof space> = async (_, report, { resume, save }) => {
      if (resume) return 7
      await report(0, NaN)
      await save(Uint8Array.of(1))
      controller.abort()
      return 7
    }
    await search({ space, trials: 1, file, run, signal: controller.signal })
    const { trials } = await search({ space, trials: 1, file, run })
    expect(trials[0]).toMatchObject({ status: 'diverged', score: NaN, curve: [] })
  })

  test('takes nothing from a trial of another search, and says what is damaged', async () => {
    const file = newFile()
    const controller = new AbortController()
    const run = counting((epoch) => epoch === 1 && controller.abort())
    await search({ space, trials: 1, seed: 1, file, run, signal: controller.signal })
    const [name] = left(file)
    const kept = readFileSync(join(folder, name))
    rmSync(file)
    const seen: (Uint8Array | undefined)[] = []
    await search({ space, trials: 1, seed: 2, file, run: counting(() => {}, seen) })
    expect(seen).toEqual([undefined])
    expect(existsSync(join(folder, name))).toBe(false)
    // A bit of what the search has written, one of what run has, and an end that is missing.
    for (const damage of [
      (bytes: Buffer) => (bytes[40] ^= 1),
      (bytes: Buffer) => (bytes[bytes.length - 1] ^= 1),
      (bytes: Buffer) => bytes.copyWithin(0, 1),
    ]) {
      rmSync(file, { force: true })
      const bytes = Buffer.from(kept)
      damage(bytes)
      writeFileSync(join(folder, name), bytes)
      await expect(search({ space, trials: 1, seed: 1, file, run: counting(() => {}) })).rejects.toThrow(
        /trial-0 is damaged; delete it/,
      )
    }
  })

  test('without a file keeps nothing, and refuses what is no bytes', async () => {
    let answer: unknown = 'none'
    const run: Run<typeof space> = async (_, _report, { resume, save }) => {
      answer = [resume, await save(Uint8Array.of(1))]
      await save('bytes' as never)
      return 1
    }
    await expect(search({ space, trials: 1, run })).rejects.toThrow(/trial failed; trial 0: save: /)
    expect(answer).toEqual([undefined, undefined])
  })
})
