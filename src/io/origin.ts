// Files of browsers: those of the page's origin, in its origin private file system.
//
// A file is written under a temporary name in the same folder, flushed where the browser lets us, and moved over the old
// one in one step. Workers have a file that can be flushed (createSyncAccessHandle); pages, and workers of WebKitGTK,
// have a stream, which the browser brings to the disk when it sees fit (createWritable).

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
    return {
      path: [...parts, own].join('/'),
      save: (bytes) => run(async () => saveToOrigin(await folderOf(parts), own, bytes)),
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

async function folderOf(parts: readonly string[]): Promise<FileSystemDirectoryHandle> {
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
  return folder
}

function isNamed(error: unknown, name: string): boolean {
  return (error as { name?: unknown } | null)?.name === name
}

// ---- saving ----

/** Temporary names. Whoever writes to such a file holds a lock of its name, which the browser frees when he ends. */
const TEMPORARY = /^\.v128-[0-9a-f-]{36}\.tmp/

/** Whether the function createSyncAccessHandle has something behind it: not so in WebKitGTK. */
let flushing = true

async function saveToOrigin(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array<ArrayBuffer>) {
  // Some browsers move a file over a folder, and the folder is gone.
  await folder.getFileHandle(name).catch((error: unknown) => {
    if (!isNamed(error, 'NotFoundError')) throw error
  })
  await removeLeftovers(folder as Listed)
  try {
    await replace(folder, name, bytes)
  } catch (error) {
    if (!flushing || !isNamed(error, 'NotSupportedError')) throw error
    flushing = false
    // With a file of its own: this one takes nothing any more.
    await replace(folder, name, bytes)
  }
}

async function replace(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array<ArrayBuffer>) {
  const temporary = `.v128-${crypto.randomUUID()}.tmp`
  await navigator.locks.request(temporary, async () => {
    try {
      const file: Movable = await folder.getFileHandle(temporary, { create: true })
      const write = wayOf(file)
      await write(file, bytes)
      await file.move!(folder, name)
    } catch (error) {
      await folder.removeEntry(temporary).catch(() => {})
      throw error
    }
  })
}

type Write = (file: Movable, bytes: Uint8Array<ArrayBuffer>) => Promise<void>

/** How this browser writes a file. */
function wayOf(file: Movable): Write {
  if (file.move && file.createSyncAccessHandle && flushing) return writeFlushed
  if (file.move && (file as Partial<Movable>).createWritable) return writeStream
  const [what, cure] =
    typeof document === 'undefined'
      ? ['this browser cannot', 'take a newer one']
      : ['a page of this browser cannot', 'call saveFile in a worker, or take a newer browser']
  throw new Failure({ what: `${what} write a file whole or not at all`, cure })
}

const writeStream: Write = async (file, bytes) => {
  const stream = await file.createWritable()
  try {
    await stream.write(bytes)
  } catch (error) {
    await stream.abort().catch(() => {})
    throw error
  }
  await stream.close()
}

const writeFlushed: Write = async (file, bytes) => {
  const access = await file.createSyncAccessHandle!()
  try {
    for (let at = 0; at < bytes.length;) {
      const written = access.write(bytes.subarray(at), { at })
      if (written === 0) throw new Failure(PROBLEMS.QuotaExceededError)
      at += written
    }
    access.flush()
  } finally {
    access.close()
  }
}

/** Removes the temporary files of pages and workers that have ended. */
async function removeLeftovers(folder: Listed): Promise<void> {
  for await (const name of folder.keys()) {
    if (!TEMPORARY.test(name)) continue
    const [lock] = TEMPORARY.exec(name)!
    await navigator.locks.request(lock, { ifAvailable: true }, async (held) => {
      // It cannot be removed while another page does so.
      if (held) await folder.removeEntry(name).catch(() => {})
    })
  }
}

// ---- loading ----

/** How often a file may be replaced while it is read. */
const ATTEMPTS = 100

async function loadFromOrigin(folder: FileSystemDirectoryHandle, name: string): Promise<Uint8Array<ArrayBuffer>> {
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
