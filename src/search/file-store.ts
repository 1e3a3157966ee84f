// The file of a search, shared by many processes: of one machine, or of several that share a folder. It is the file that
// a search on one machine writes, with lines in between of who has which trial in work.
//
// Who adds a line holds a lock for that moment: a file that is there or not, which disks and network folders alike see to.
// Should a lock be taken from one who was only slow, nothing is lost: of two lines with one key the first counts.

import * as fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { FileError, PlanError, checkArguments, show } from '../errors'
// Not by v128/files, which finds out where files are: here there is a disk.
import { host } from '../io/disk'
import { isAlive, realm, startOf } from '../io/processes'
import { KIND, checkStart } from './journal'
import { holderOf } from './lock'
import { type Beat, type Entry, type Store, keyOf } from './store'
import { clip, reasonOf } from './texts'

/** Milliseconds after which a lock is taken from a process of which nothing can be known. */
const LOCK_LEASE = 10_000
/** Milliseconds after which a worker that said nothing more is forgotten. */
const FORGOTTEN = 3_600_000

/**
 * The store of a search in a file: for several processes of a machine, or for machines that share a folder, such as the
 * nodes of a Slurm cluster. Once it has ended, `search({ file })` reads the same file.
 *
 *     const store = fileStore('runs/search.jsonl')
 *
 * Beside it lie checkpoints of trials, and files by which workers say that they live. Throws a PlanError where `file` is no
 * path; its members throw a FileError where the file is none of a search, or cannot be written.
 */
export function fileStore(file: string): Store {
  checkArguments('fileStore', arguments, 1)
  if (typeof file !== 'string' || file === '' || file.includes('\0')) {
    throw new PlanError(`fileStore: wants the path of a file, got ${show(file)}`)
  }
  // The process may go to another folder.
  const path = resolve(file)
  const lines: string[] = []
  const keys = new Set<string>()
  /** The bytes of these lines. */
  let size = 0
  let checked = false

  const fail = (what: string, cause: unknown): FileError => {
    if (cause instanceof FileError) return cause
    const full = /ENOSPC|EDQUOT|EFBIG/.test(String((cause as { code?: unknown }).code))
    const cure = full ? '; remove other files, or raise the limit, and start this again: it goes on' : ''
    return new FileError(`fileStore: ${clip(file)}: ${what}: ${reasonOf(cause)}${cure}`, { cause })
  }
  const attempt = <T>(what: string, action: () => T): T => {
    try {
      return action()
    } catch (cause) {
      throw fail(what, cause)
    }
  }

  /** Takes in whole lines that are new. */
  const readNew = () => {
    const stat = fs.statSync(path, { throwIfNoEntry: false })
    if (!stat || stat.size < size) {
      lines.length = 0
      keys.clear()
      size = 0
    }
    if (!stat || stat.size === size) return
    if (!checked) {
      if (!stat.isFile()) throw new Error(stat.isDirectory() ? 'it is a folder' : 'it is no regular file')
      checkStart(path, 'fileStore')
      checked = true
    }
    const bytes = Buffer.alloc(stat.size - size)
    const opened = fs.openSync(path, 'r')
    let length = 0
    try {
      length = fs.readSync(opened, bytes, 0, bytes.length, size)
    } finally {
      fs.closeSync(opened)
    }
    const whole = bytes.subarray(0, length).lastIndexOf('\n') + 1
    for (const line of bytes.toString('utf8', 0, whole).split('\n').slice(0, -1)) {
      const key = keyOfLine(line, lines.length)
      // Of two lines with one key the first counts; the number of a line stays that in the file.
      lines.push(key === undefined || !keys.has(key) ? line : '')
      if (key !== undefined) keys.add(key)
    }
    size += whole
  }

  const lockPath = `${path}.v128-writing`
  const withLock = async <T>(action: () => T): Promise<T> => {
    const token = crypto.randomUUID()
    const own = JSON.stringify({ token, pid: process.pid, started: startOf(process.pid), realm: realm() })
    for (let pause = 1; ; pause = Math.min(pause * 1.5, 20)) {
      try {
        fs.writeFileSync(lockPath, own, { flag: 'wx' })
        break
      } catch (error) {
        const { code } = error as { code?: unknown }
        if (code === 'ENOENT') fs.mkdirSync(dirname(path), { recursive: true })
        else if (code !== 'EEXIST') throw error
      }
      breakStale(lockPath)
      await new Promise((done) => setTimeout(done, pause * (0.5 + Math.random())))
    }
    try {
      return action()
    } finally {
      fs.rmSync(lockPath, { force: true })
    }
  }

  const append = (line: string) => {
    const searching = holderOf(`${path}.v128-lock`)
    if (searching) {
      throw new FileError(
        `fileStore: ${clip(file)}: process ${searching.pid} is searching with this file alone; ` +
          'wait until that has ended, or give another file',
      )
    }
    // A file that was removed meanwhile is not made anew by half.
    const flags = fs.constants.O_WRONLY | (lines.length ? 0 : fs.constants.O_CREAT)
    const opened = fs.openSync(path, flags)
    try {
      // Half a line is of a process that was killed.
      fs.ftruncateSync(opened, size)
      const bytes = Buffer.from(`${line}\n`)
      for (let at = 0; at < bytes.length;) at += fs.writeSync(opened, bytes, at, bytes.length - at, size + at)
    } catch (error) {
      fs.ftruncateSync(opened, size)
      throw error
    } finally {
      fs.closeSync(opened)
    }
  }

  const folder = `${path}.workers`
  return {
    name: file,
    add: (key, line) =>
      withLock(() => {
        readNew()
        if (keys.has(key)) return false
        if (!lines.length && key !== 'search') {
          throw new FileError(`fileStore: ${clip(file)}: the file was removed; begin the search again, or put it back`)
        }
        append(line)
        readNew()
        return true
      }).catch((error: unknown) => {
        throw fail('cannot be written', error)
      }),
    read: async (from) =>
      attempt('cannot be read', () => {
        readNew()
        return lines.slice(from)
      }),
    async beat(worker, about, lease) {
      const own = join(folder, encodeURIComponent(worker))
      attempt('workers cannot be told', () => {
        if (lease) {
          fs.mkdirSync(folder, { recursive: true })
          // Who is killed while it writes leaves what it said last.
          const next = join(folder, `.${encodeURIComponent(worker)}`)
          fs.writeFileSync(next, JSON.stringify({ worker, about, lease }))
          fs.renameSync(next, own)
          return
        }
        fs.rmSync(own, { force: true })
        try {
          fs.rmdirSync(folder)
        } catch {
          // Others are at work.
        }
      })
    },
    beats: async () => attempt('workers cannot be read', () => readBeats(folder)),
    ...filesBeside(path),
    async clear() {
      attempt('cannot be removed', () => {
        if (fs.existsSync(path)) checkStart(path, 'fileStore')
        dropCheckpoints(path, () => true)
        fs.rmSync(path, { force: true })
        fs.rmSync(folder, { recursive: true, force: true })
      })
    },
    async close() {},
  }
}

/** Where checkpoints of a search in a file are: beside it. */
export function filesBeside(path: string): Pick<Store, 'save' | 'load' | 'drop'> {
  const pathOf = (name: string) => `${path}.${name}`
  return {
    save: (name, bytes) => host.at('search', pathOf(name)).save(bytes),
    load: async (name) => (fs.existsSync(pathOf(name)) ? host.at('search', pathOf(name)).load() : undefined),
    drop: async (name) => fs.rmSync(pathOf(name), { force: true }),
  }
}

/** Drops the checkpoints beside the file of a search of those trials: who is killed as one ends leaves it. */
export function dropCheckpoints(path: string, isOver: (trial: number) => boolean): void {
  const folder = dirname(path)
  const start = `${basename(path)}.trial-`
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    if (name.startsWith(start) && isOver(Number(name.slice(start.length))))
      fs.rmSync(join(folder, name), { force: true })
  }
}

function keyOfLine(line: string, number: number): string | undefined {
  if (number === 0) return line.startsWith(`{"kind":"${KIND}"`) ? 'search' : undefined
  try {
    return keyOf(JSON.parse(line) as Entry)
  } catch {
    // Whoever takes it in says what is wrong with it.
    return undefined
  }
}

/** The workers of a folder, their leases by its own clock: those of several machines may differ. */
function readBeats(folder: string): readonly Beat[] {
  if (!fs.existsSync(folder)) return []
  const probe = join(folder, `.${process.pid}-${crypto.randomUUID().slice(0, 8)}`)
  fs.writeFileSync(probe, '')
  const now = fs.statSync(probe).mtimeMs
  fs.rmSync(probe)
  const beats: Beat[] = []
  for (const name of fs.readdirSync(folder)) {
    const path = join(folder, name)
    const stat = fs.statSync(path, { throwIfNoEntry: false })
    if (!stat) continue
    const age = now - stat.mtimeMs
    if (age > FORGOTTEN) {
      fs.rmSync(path, { force: true })
      continue
    }
    if (name.startsWith('.')) continue
    try {
      const { worker, about, lease } = JSON.parse(fs.readFileSync(path, 'utf8')) as Beat & { lease: number }
      beats.push({ worker, about, left: lease - age })
    } catch {
      // That worker has just ended, or a disk has lost what it said: nobody waits for it.
    }
  }
  return beats
}

/** Removes the lock of a process that has died, or that has held it far too long. */
function breakStale(path: string): void {
  const read = (from: string) => {
    try {
      return JSON.parse(fs.readFileSync(from, 'utf8')) as {
        token: string
        pid: number
        started?: string
        realm: string
      }
    } catch {
      return undefined
    }
  }
  const stat = fs.statSync(path, { throwIfNoEntry: false })
  const found = read(path)
  if (!stat) return
  const here = realm()
  const dead = found !== undefined && here !== '' && found.realm === here && !isAlive(found.pid, found.started)
  if (!dead && Date.now() - stat.mtimeMs < LOCK_LEASE) return
  const aside = `${path}.${crypto.randomUUID().slice(0, 8)}`
  try {
    fs.renameSync(path, aside)
    // Meanwhile another may have removed it and a third have taken the next.
    if (read(aside)?.token !== found?.token) fs.linkSync(aside, path)
  } catch {
    // Another was first.
  }
  fs.rmSync(aside, { force: true })
}
