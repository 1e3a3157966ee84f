// Processes that train are killed at random moments, also while they write a checkpoint, and started again: they end with
// the bits, the history and the file of one that was never touched.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { History } from '../../src/entries/index'
import { checksumOf } from '../../src/io/checksum'
import { readMetadata } from '../../src/io/safetensors'
import { CHECKPOINT } from '../../src/model/checkpoint'
import { bundle, newFolder, start, temporary } from '../support/processes'

/** V128_KILLS=1000 for more. */
const KILLS = Number(process.env.V128_KILLS ?? 48)
/** Processes at once. */
const LANES = 2
/** Milliseconds between the pieces that the disk takes. */
const PAUSE = 1
/** Within so many milliseconds a process is killed; later, the more have fallen since it last wrote a checkpoint. */
const WINDOW = 150

const PROGRAMS = ['cnn', 'lbfgs', 'iterable'].flatMap((name) => ['wasm', 'js'].map((backend) => [name, backend]))

let program = ''
beforeAll(async () => {
  program = await bundle('training/trainer.ts')
})

/** What a run leaves, and whether a process has. */
const read = (file: string) => ({
  end: fs.readFileSync(`${file}.end`, 'utf8'),
  checkpoint: checksumOf(fs.readFileSync(file)),
})
const modified = (file: string) => (fs.existsSync(file) ? fs.statSync(file).mtimeMs : 0)

/** Where a run is by its file, which is whole or not there; undefined before its first. */
function positionOf(file: string): { batch: number; history: History } | undefined {
  if (!fs.existsSync(file)) return undefined
  return JSON.parse(readMetadata(fs.readFileSync(file))[CHECKPOINT]).run
}

test('a run that is killed again and again ends as one that never was', { timeout: 3_600_000 }, async () => {
  const counts = { kills: 0, within: 0, resumed: 0, inside: 0, runs: 0, mismatches: 0 }

  const kill = async ([name, backend]: string[], times: number) => {
    const untouched = join(newFolder(), 'run')
    expect(await start(program, name, backend, untouched, '0').ended).toBe('begins\nended\n')
    const wanted = read(untouched)
    const { history } = JSON.parse(wanted.end) as { history: History }
    expect(history.steps).toBeGreaterThan(30)
    // Or nothing would be brought back.
    if (name === 'cnn')
      expect([history.stopped, history.bestEpoch < history.loss.length - 1]).toEqual(['earlyStopping', true])

    for (let left = times; left > 0; counts.runs++) {
      const place = newFolder()
      const file = join(place, 'run')
      for (let idle = 0, ends = false; !ends;) {
        const before = { time: modified(file), left: temporary(place) }
        const { child, begun, ended } = start(program, name, backend, file, `${PAUSE}`)
        await begun
        const position = positionOf(file)
        if (position) counts.resumed++
        if (position?.batch) counts.inside++
        // The last is left alone.
        const over = await (left ? Promise.race([ended, setTimeout(WINDOW * (1 + idle) * Math.random())]) : ended)
        child.kill('SIGKILL')
        const said = await ended
        ends = said === 'begins\nended\n'
        if (ends) break
        expect([said, over]).toEqual(['begins\n', undefined])
        left--
        counts.kills++
        if (temporary(place).some((one) => !before.left.includes(one))) counts.within++
        idle = modified(file) === before.time ? idle + 1 : 0
      }
      const found = read(file)
      if (found.end !== wanted.end || found.checkpoint !== wanted.checkpoint) counts.mismatches++
      expect(found).toEqual(wanted)
      fs.rmSync(place, { recursive: true })
    }
  }

  const waiting = PROGRAMS.map((one, i) => ({ one, times: Math.floor((KILLS + i) / PROGRAMS.length) }))
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await kill(next.one, next.times)
  }
  try {
    await Promise.all(Array.from({ length: LANES }, lane))
  } finally {
    const { kills, within, resumed, inside, runs, mismatches } = counts
    console.log(
      `${kills} kills, ${within} of them within a write; ${resumed} restarts from a checkpoint, ${inside} of them in an ` +
        `epoch; ${runs} runs, ${mismatches} of which ended otherwise`,
    )
  }
  expect(counts.kills).toBe(KILLS)
  expect(counts.within).toBeGreaterThan(KILLS / 10)
  expect(counts.inside).toBeGreaterThan(KILLS / 8)
})
