// Files of browsers: those of the page's origin, in its origin private file system.
//
// A file is written under a temporary name in the same folder and moved over the old one. That is one step where nothing
// is killed; a Firefox that is killed meanwhile may have an empty file, or none (7 of 20 kills; and one of 20 where the
// stream of createWritable replaces the file). So there is a second copy first, the journal, with a checksum behind the
// bytes: where that is whole, it is the file, whatever happened to the other.

import { FileError } from '../errors'
import { type FileHost, type Problem, fileError } from './file-host'

/** What not every browser has, and TypeScript's library of the page lacks. */
interface Movable extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncAccess>
  move?(folder: FileSystemDirectoryHandle, name: string): Promise<void>
}

interface SyncAccess {
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  flush(): void
  close(): void
}

interface Listed extends FileSystemDirectoryHandle {
  keys(): AsyncIterableIterator<string>
}

export const host: FileHost = {
  at(where, name) {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.')
    const own = parts.pop()
    const run = async <T>(action: () => Promise<T>): Promise<T> => {
      try {
        return await action()
      } catch (error) {
        throw error instanceof FileError ? error : fileError(where, name, problemOf(where, error), error)
      }
    }
    if (own === undefined || name.endsWith('/') || name.endsWith('/.')) throw fileError(where, name, IS_FOLDER)
    if (own === '..' || parts.includes('..')) {
      throw fileError(where, name, { what: 'nothing is above the storage of a page', cure: "give a path without '..'" })
    }
    const path = [...parts, own].join('/')
    return {
      path,
      save: (bytes) => run(async () => saveToOrigin(await folderOf(parts), path, own, bytes)),
      load: () => run(async () => loadFromOrigin(await folderOf(parts), own)),
    }
  },
}

// ---- what may fail ----

/** A failure that we find. */
class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.what)
  }
}

const IS_FOLDER: Problem = { what: 'this is a folder', cure: 'give the name of a file' }

/** By the name of what browsers throw. */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  InvalidModificationError: IS_FOLDER,
  NoModificationAllowedError: { what: 'another tab or worker has it open', cure: 'close that, and try again' },
  NotAllowedError: { what: 'permission is missing', cure: 'allow this site to store data' },
  QuotaExceededError: {
    what: 'the storage of this site is full',
    cure: 'remove other files, or ask for more with navigator.storage.persist()',
  },
  SecurityError: { what: 'the browser forbids storage here', cure: 'allow this site to store data' },
  TypeError: { what: 'the browser does not take this name', cure: 'give one of letters, digits, dots and dashes' },
  TypeMismatchError: IS_FOLDER,
}

function problemOf(where: string, error: unknown): Problem {
  if (error instanceof Failure) return error.problem
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown }
  if (name === 'NotFoundError' && where === 'loadFile')
    return { what: 'there is no such file', cure: 'correct the name' }
  const known = PROBLEMS[String(name)]
  return known
    ? { what: `${known.what} (${String(name)})`, cure: known.cure }
    : {
        what: `${String(name)}: ${String(message)}`,
        cure: 'private windows of some browsers store nothing: take another',
      }
}

// ---- folders ----

async function folderOf(parts: readonly string[]): Promise<Listed> {
  // Not there without https, nor in a browser that has no such files, nor in a host that is no browser.
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as
    Partial<StorageManager> | undefined
  if (typeof storage?.getDirectory !== 'function') {
    throw new Failure({
      what: 'there are no files here: the host has no origin private file system',
      cure: 'in a browser, take a newer one, or serve the page by https or from localhost; else keep the bytes elsewhere',
    })
  }
  let folder = await storage.getDirectory()
  for (const [i, part] of parts.entries()) {
    try {
      folder = await folder.getDirectoryHandle(part)
    } catch (error) {
      const path = parts.slice(0, i + 1).join('/')
      if (isNamed(error, 'NotFoundError')) {
        const cure =
          'make it first, with getDirectoryHandle(name, { create: true }) of navigator.storage.getDirectory()'
        throw new Failure({ what: `the folder ${path} does not exist`, cure })
      }
      if (isNamed(error, 'TypeMismatchError'))
        throw new Failure({ what: `${path} is a file`, cure: 'correct the name' })
      throw error
    }
  }
  return folder as Listed
}

function isNamed(error: unknown, name: string): boolean {
  return (error as { name?: unknown } | null)?.name === name
}

// ---- saving ----

/** Whether a file can be flushed: WebKitGTK has the function for it, but nothing behind it. */
let flushing = true

async function saveToOrigin(folder: Listed, path: string, name: string, bytes: Uint8Array<ArrayBuffer>) {
  // One page or worker at a time; what has ended holds the lock no more.
  await navigator.locks.request(`v128 ${path}`, async () => {
    // Some browsers move a file over a folder, and the folder is gone.
    await folder.getFileHandle(name).catch((error: unknown) => {
      if (!isNamed(error, 'NotFoundError')) throw error
    })
    const { prefix, journal } = await ownNames(name)
    const left = await readJournal(folder, journal)
    await removeOwn(folder, prefix, left && journal)
    // The file that a killed page saved last, before its journal is written over.
    if (left) await move(await writeTemporary(folder, prefix, left), folder, name)
    try {
      const temporary = await writeTemporary(folder, prefix, bytes)
      await write(await folder.getFileHandle(journal, { create: true }), await withChecksum(bytes))
      await move(temporary, folder, name)
    } catch (error) {
      // Without a journal, the old file is the file.
      await removeOwn(folder, prefix)
      throw error
    }
    await folder.removeEntry(journal)
  })
}

/** How the names of all begin that belongs to a file, and the name of its journal; of a length of their own. */
async function ownNames(name: string): Promise<{ prefix: string; journal: string }> {
  const hash = await checksum(new TextEncoder().encode(name))
  const hex = Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return { prefix: `.v128-${hex}-`, journal: `.v128-${hex}-new` }
}

/** Removes what a killed page left of a file, and what its browser left of that, which has longer names. */
async function removeOwn(folder: Listed, prefix: string, but?: string): Promise<void> {
  const names: string[] = []
  for await (const name of folder.keys()) if (name.startsWith(prefix) && name !== but) names.push(name)
  // What cannot be removed now is by a later call.
  for (const name of names) await folder.removeEntry(name).catch(() => {})
}

async function writeTemporary(folder: Listed, prefix: string, bytes: Uint8Array<ArrayBuffer>): Promise<Movable> {
  const make = () => folder.getFileHandle(prefix + crypto.randomUUID(), { create: true })
  const file = await make()
  // Another save of this worker may find out meanwhile.
  const tried = flushing
  try {
    await write(file, bytes)
    return file
  } catch (error) {
    if (!tried || !isNamed(error, 'NotSupportedError')) throw error
    flushing = false
    // Another file: that one takes nothing any more.
    const next = await make()
    await write(next, bytes)
    return next
  }
}

async function write(file: Movable, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if (file.move && file.createSyncAccessHandle && flushing) {
    writeFlushed(await file.createSyncAccessHandle(), bytes)
  } else if (file.move && typeof (file as Partial<Movable>).createWritable === 'function') {
    await writeStream(await file.createWritable(), bytes)
  } else {
    const [what, cure] =
      typeof document === 'undefined'
        ? ['this browser cannot', 'take a newer one']
        : ['a page of this browser cannot', 'call saveFile in a worker, or take a newer browser']
    throw new Failure({ what: `${what} write a file whole or not at all`, cure })
  }
  // WebKitGTK says nothing where the disk is full.
  if ((await file.getFile()).size !== bytes.length) throw new Failure(PROBLEMS.QuotaExceededError)
}

async function writeStream(stream: FileSystemWritableFileStream, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  try {
    await stream.write(bytes)
  } catch (error) {
    await stream.abort().catch(() => {})
    throw error
  }
  await stream.close()
}

function writeFlushed(file: SyncAccess, bytes: Uint8Array<ArrayBuffer>): void {
  try {
    for (let at = 0; at < bytes.length;) {
      const written = file.write(bytes.subarray(at), { at })
      if (written === 0) throw new Failure(PROBLEMS.QuotaExceededError)
      at += written
    }
    file.flush()
  } finally {
    file.close()
  }
}

async function move(file: Movable, folder: Listed, name: string): Promise<void> {
  await file.move?.(folder, name)
}

// ---- the journal: the bytes of a file, and their SHA-256 ----

const CHECKSUM = 32

async function checksum(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

async function withChecksum(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const both = new Uint8Array(bytes.length + CHECKSUM)
  both.set(bytes)
  both.set(await checksum(bytes), bytes.length)
  return both
}

/** The bytes of a journal that is whole; undefined if there is none. */
async function readJournal(folder: Listed, journal: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let both: Uint8Array<ArrayBuffer>
  try {
    both = await read(folder, journal)
  } catch (error) {
    if (isNamed(error, 'NotFoundError')) return undefined
    throw error
  }
  if (both.length < CHECKSUM) return undefined
  const bytes = both.slice(0, -CHECKSUM)
  const sum = await checksum(bytes)
  return sum.every((byte, i) => byte === both[bytes.length + i]) ? bytes : undefined
}

// ---- loading ----

/** How often a file may be replaced while it is read. */
const ATTEMPTS = 100

async function loadFromOrigin(folder: Listed, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const { journal } = await ownNames(name)
  return (await readJournal(folder, journal)) ?? (await read(folder, name))
}

async function read(folder: Listed, name: string): Promise<Uint8Array<ArrayBuffer>> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const handle = await folder.getFileHandle(name)
    try {
      const file = await handle.getFile()
      const bytes = new Uint8Array(await file.arrayBuffer())
      // Of a file that was replaced meanwhile, WebKit gives the new bytes in the length of the old ones.
      const now = await handle.getFile()
      if (now.size === file.size && now.lastModified === file.lastModified) return bytes
    } catch (error) {
      // And Chromium, Firefox throw one of these.
      if (!['NotReadableError', 'AbortError', 'NotFoundError'].some((known) => isNamed(error, known))) throw error
    }
  }
  throw new Failure({ what: 'it is written again and again, or cannot be read', cure: 'try again later' })
}
