// saveFile and loadFile on disk while processes are killed, write the same file, and read it; and the order of what it
// does, on which all depends when the power fails.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { loadFile, saveFile } from '../../src/entries/files'
import { newFolder, temporary } from '../support/processes'
import { contentOf, numberOf } from './content'
import { bytesOf, startLoop } from './processes'

describe('a process that is killed', () => {
  /** V128_KILLS=5000 for more. */
  const kills = Number(process.env.V128_KILLS ?? 240)
  const LANES = 4
  const BYTES = 40_000

  test('leaves the old file or the new one, whole, and what it left over goes', { timeout: 3_600_000 }, async () => {
    let within = 0
    const lane = async (number: number) => {
      const place = newFolder()
      const file = join(place, 'model.safetensors')
      await saveFile(file, contentOf(0, BYTES))
      for (let i = 0; i < kills / LANES; i++) {
        // Every fourth at full speed, through the package's own door.
        const { child, begun, ended } = startLoop(file, BYTES, i % 4 ? 1 : -1)
        await begun
        await setTimeout(60 * Math.random())
        child.kill('SIGKILL')
        expect(await ended).toBe('begins\n')
        const left = temporary(place).length
        // The one of this process, and that of the one before it where this had not yet looked.
        expect(left).toBeLessThanOrEqual(2)
        if (left) within++
        expect(numberOf(fs.readFileSync(file), BYTES), `kill ${i} of lane ${number}`).toBeDefined()
      }
      await saveFile(file, contentOf(1, BYTES))
      expect(fs.readdirSync(place)).toEqual(['model.safetensors'])
    }
    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)))
    console.log(`${kills} kills, ${within} of them within a write`)
    expect(within).toBeGreaterThan(kills / 4)
  })
})

test('two processes, one file, and who reads it: always a whole one, and none loses what it writes', async () => {
  const place = newFolder()
  const file = join(place, 'a')
  await saveFile(file, contentOf(0, 30_000))
  const writers = [startLoop(file, 30_000, 1, 12), startLoop(file, 30_000, 0, 25), startLoop(file, 30_000, -1, 100)]
  const all = Promise.all(writers.map(({ ended }) => ended))
  let over = false
  void all.then(() => (over = true))
  const seen = new Set<number | undefined>()
  while (!over) {
    seen.add(numberOf(await loadFile(file), 30_000))
    // Cleans up among them.
    await saveFile(join(place, 'b'), bytesOf('b'))
  }
  expect(await all).toEqual(Array(3).fill('begins\nended\n'))
  expect(seen).not.toContain(undefined)
  expect(seen.size).toBeGreaterThan(2)
  expect(fs.readdirSync(place).toSorted()).toEqual(['a', 'b'])
})
