// The file of a search: JSON lines, the first for what is searched, then one for each trial that has ended.

import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { FileError, show } from '../errors'

/** The name in the first line, by which such a file is known. */
const KIND = 'v128 search'

/**
 * Opens the file of a search, or makes it, and gives what it holds: a line for each trial that ended. Half a line at
 * its end, of a run that was killed, is cut off. Throws a FileError on a file of another search, or a damaged one.
 */
export function openJournal<Line extends { index: number }>(file: string, setting: Record<string, unknown>) {
  const first = { kind: KIND, ...setting }
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const lines = whole.split('\n').slice(0, -1)
  // Half a first line is ours; anything else is not ours to overwrite.
  const start = JSON.stringify({ kind: KIND }).slice(0, -1)
  if (!lines.length && !start.startsWith(text.slice(0, start.length))) refuse('it is no file of a search')
  const entries = lines.map((line, i): unknown => {
    try {
      return JSON.parse(line)
    } catch {
      return refuse(`line ${i + 1} is damaged: ${show(line)}`)
    }
  })
  const [found, ...trials] = entries as [Record<string, unknown> | undefined, ...Line[]]
  if (found) {
    if (found.kind !== KIND) refuse('it is no file of a search')
    for (const key of new Set([...Object.keys(first), ...Object.keys(found)])) {
      const [theirs, ours] = [found, first as Record<string, unknown>].map((line) => JSON.stringify(line[key]))
      if (theirs === ours) continue
      refuse(`it is of another search: its ${key} is ${theirs ?? 'not given'}, here ${ours ?? 'not given'}`)
    }
    trials.forEach(({ index }, i) => {
      if (!Number.isSafeInteger(index)) refuse(`line ${i + 2} is damaged: it is no trial`)
      if (trials.findIndex((other) => other.index === index) < i) {
        refuse(`line ${i + 2} is of trial ${index} once more; do two searches write to this file?`)
      }
    })
    truncateSync(file, Buffer.byteLength(whole))
  } else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${JSON.stringify(first)}\n`)
  }
  return { trials, add: (line: Line) => appendFileSync(file, `${JSON.stringify(line)}\n`) }

  function refuse(why: string): never {
    throw new FileError(`search: ${file}: ${why}; give another file, or delete it to begin anew`)
  }
}
