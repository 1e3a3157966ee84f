// The file of a search: JSON lines, the first for what is searched, then one for each trial that has ended.

import * as fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { FileError, isPlain } from '../errors'
import { lock } from './lock'
import { clip, reasonOf, textOf } from './texts'

/** The name in the first line, by which such a file is known. */
export const KIND = 'v128 search'
const START = `{"kind":"${KIND}"`
/** Half a first line, as a process leaves it that was killed, is known to be ours from here on. */
const LEAST = '{"kind":"v'.length

/** The file of a search while it is open: no other process of this machine writes to it. */
export interface Journal<Line> {
  /** The trials that it held, each with the number of its line. */
  readonly trials: readonly { readonly number: number; readonly line: Line }[]
  /** Writes the line of a trial that has ended. */
  add(line: string): void
  close(): void
}

/**
 * Opens the file of a search, or makes it. Half a line at its end, of a run that was killed, is cut off. Throws a
 * FileError, and leaves the file as it is, where it is no file of a search, or of another one, where a line is damaged
 * (`problemOf` says how), or while another process has it open.
 */
export function openJournal<Line extends { index: number }>(
  file: string,
  setting: Record<string, unknown>,
  problemOf: (line: unknown) => string | undefined,
): Journal<Line> {
  const attempt = <T>(what: string, action: () => T): T => {
    try {
      return action()
    } catch (cause) {
      if (cause instanceof FileError) throw cause
      throw new FileError(`search: ${clip(file)}: ${what}: ${reasonOf(cause)}`, { cause })
    }
  }
  return attempt('cannot be opened', () => {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    if (stat && !stat.isFile()) throw notOurs(file, stat.isDirectory() ? 'it is a folder' : 'it is no regular file')
    if (stat && stat.nlink > 1) {
      throw notOurs(file, 'it has other names (hard links), by which another process may write to it')
    }
    // Before there is a lock beside it: what is not ours is left alone.
    if (stat) checkStart(file)
    const place = stat ? fs.realpathSync(file) : placeOf(file)
    const held = lock(`${place}.v128-lock`)
    if (!('free' in held)) {
      const who = held.pid === process.pid ? 'this process' : `process ${held.pid}`
      throw new FileError(
        `search: ${clip(file)}: ${who} is searching with this file already; wait until that has ended, or give another file`,
      )
    }
    try {
      const trials = readLines<Line>(file, setting, problemOf)
      return {
        trials,
        add: (line) => attempt('cannot be written', () => append(file, line)),
        close: () => held.free(),
      }
    } catch (error) {
      held.free()
      throw error
    }
  })
}

/** Where a file that is not there will be, in a folder that is made; one place for all links to it. */
function placeOf(file: string): string {
  for (let links = 0; links < 40 && fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink(); links++) {
    file = resolve(dirname(file), fs.readlinkSync(file))
  }
  const folder = dirname(file)
  fs.mkdirSync(folder, { recursive: true })
  return join(fs.realpathSync(folder), basename(file))
}

/** Adds a line. Does not make the file anew, without its first line, where somebody removed it meanwhile. */
function append(file: string, line: string): void {
  const opened = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_APPEND)
  try {
    fs.writeFileSync(opened, `${line}\n`)
  } finally {
    fs.closeSync(opened)
  }
}

function notOurs(file: string, why = 'it is no file of a search, or line 1 is damaged', where = 'search'): FileError {
  return new FileError(`${where}: ${clip(file)}: ${why}; give another file`)
}

function refusal(file: string, why: string): FileError {
  return new FileError(`search: ${clip(file)}: ${why}; give another file, or delete it to begin anew`)
}

/** Throws unless a file begins as ours do, or is empty. */
export function checkStart(file: string, where?: string): void {
  const start = Buffer.alloc(START.length)
  const opened = fs.openSync(file, 'r')
  try {
    const text = start.toString('latin1', 0, fs.readSync(opened, start, 0, start.length, 0))
    if (text !== '' && !(text.length >= LEAST && START.startsWith(text))) throw notOurs(file, undefined, where)
  } finally {
    fs.closeSync(opened)
  }
}

/** The trials of the file, which it makes ready for more. */
function readLines<Line extends { index: number }>(
  file: string,
  setting: Record<string, unknown>,
  problemOf: (line: unknown) => string | undefined,
): { number: number; line: Line }[] {
  const exists = fs.existsSync(file)
  // Again: what was made between the first look and the lock may be anybody's.
  if (exists) checkStart(file)
  const bytes = exists ? fs.readFileSync(file) : Buffer.alloc(0)
  const whole = bytes.lastIndexOf('\n') + 1
  const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1)
  const first = `${firstLine(setting)}\n`
  if (!lines.length) {
    fs.writeFileSync(file, first)
    return []
  }
  // Whoever deletes a line may leave no end of the last one.
  const rest = bytes.toString('utf8', whole)
  const complete = problemOf(parse(rest)) === undefined
  if (complete) lines.push(rest)

  const found = parse(lines[0])
  if (typeof found !== 'object' || found === null || (found as { kind?: unknown }).kind !== KIND) {
    throw notOurs(file)
  }
  const difference = differenceOf(found as Record<string, unknown>, setting)
  if (difference) throw refusal(file, difference)
  const trials: { number: number; line: Line }[] = []
  const numbers = new Map<number, number>()
  for (const [i, text] of lines.entries()) {
    if (i === 0 || text.trim() === '') continue
    const number = i + 1
    const line = parse(text)
    // Of a file that many processes shared: see fileStore.
    if (isPlain(line) && 'type' in line) continue
    const problem = line === undefined ? 'it is no JSON' : problemOf(line)
    if (problem) {
      const cure = 'delete that line, and its trial runs again'
      throw new FileError(`search: ${clip(file)}: line ${number} is damaged: ${problem}; ${cure}`)
    }
    const { index } = line as Line
    const before = numbers.get(index)
    if (before !== undefined) {
      throw refusal(file, `line ${number} is of trial ${index} once more, as line ${before} is; delete one of them`)
    }
    numbers.set(index, number)
    trials.push({ number, line: line as Line })
  }
  if (complete) fs.appendFileSync(file, '\n')
  else if (bytes.length > whole) fs.truncateSync(file, whole)
  return trials
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The first line of the log of a search. */
export function firstLine(setting: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ kind: KIND, ...setting })
}

/** In what the first line of a log is of another search than this; undefined where both say the same. */
export function differenceOf(
  theirs: Readonly<Record<string, unknown>>,
  setting: Readonly<Record<string, unknown>>,
): string | undefined {
  const ours = JSON.parse(firstLine(setting)) as Record<string, unknown>
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [found, wanted] = [theirs, ours].map((setting) => textOf(setting[key]))
    if (found !== wanted) {
      return `it is of another search: its ${clip(key)} is ${clip(found)}, here ${clip(wanted)}`
    }
  }
  return undefined
}
