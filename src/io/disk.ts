// Files on disk: Node, Deno, Bun.
//
// A file is written under a temporary name in the same folder, brought to the disk, and renamed, which replaces the old
// one in one step; then the folder is brought to the disk too. So there is no moment at which it is missing or in parts,
// whether the process is killed or the power fails.

import { type Stats, constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { FileError, show } from '../errors'
import { type FileHost, type Problem, fileError } from './file-host'
import { isAlive, realm, startOf } from './processes'

/** Names of folders, whatever is there. */
const FOLDER = process.platform === 'win32' ? /[/\\]$/ : /\/$/

export const host: FileHost = {
  at(where, name) {
    const [path, exact] = pathsOf(where, name)
    const run = async <T>(action: () => Promise<T>): Promise<T> => {
      try {
        if (FOLDER.test(name)) throw new Failure('EISDIR')
        return await action()
      } catch (error) {
        if (error instanceof FileError) throw error
        throw fileError(where, name, problemOf(where, error), error)
      }
    }
    return {
      path,
      save: (bytes) => run(() => saveToDisk(exact, bytes)),
      load: () => run(() => loadFromDisk(exact)),
    }
  },
}

/** The path of a file, as it is now: the process may go to another folder. By which it is known, and by which it is found. */
function pathsOf(where: string, name: string): [path: string, exact: string] {
  try {
    const path = resolve(name)
    if (process.platform === 'win32') return [path, path]
    // Where `link` leads to another folder, `link/..` is the one above that, of which resolve() knows nothing.
    return [path, isAbsolute(name) ? name : `${process.cwd()}/${name}`]
  } catch (error) {
    // The folder of the process has been removed.
    throw fileError(where, name, problemOf('saveFile', error), error)
  }
}

/** A failure that we find, under the name that the system has for it, or with words of its own. */
class Failure extends Error {
  constructor(
    readonly code: string,
    readonly problem?: Problem,
  ) {
    super(problem?.what ?? code)
  }
}

const PROBLEMS: Readonly<Record<string, Problem>> = {
  EACCES: { what: 'permission is missing', cure: 'choose another place, or have the permissions changed' },
  EBUSY: {
    what: 'it is in use by the system, or mounted by itself',
    cure: 'choose another place; in a container, mount its folder instead',
  },
  EDQUOT: { what: 'the quota of this user is full', cure: 'remove other files, or choose another place' },
  EFBIG: {
    what: 'it is larger than a file may be here',
    cure: 'raise the limit of the process (ulimit -f), or choose another file system',
  },
  EISDIR: { what: 'this is a folder', cure: 'give the name of a file' },
  ELOOP: { what: 'its symbolic links lead nowhere', cure: 'correct or remove them' },
  EMFILE: { what: 'the process has too many open files', cure: 'close some, or raise the limit (ulimit -n)' },
  ENAMETOOLONG: { what: 'the name is too long', cure: 'give a shorter one' },
  ENOENT: { what: 'the folder does not exist', cure: 'make it first, with mkdir, or correct the name' },
  ENOSPC: { what: 'the disk is full', cure: 'remove other files, or choose another place' },
  ENOTDIR: { what: 'what should be its folder is a file', cure: 'correct the name' },
  EROFS: { what: 'nothing can be written to this disk', cure: 'choose another place' },
  ERR_INVALID_ARG_VALUE: { what: 'this cannot be a name', cure: 'give one without the character 0' },
}

function problemOf(where: string, error: unknown): Problem {
  if (error instanceof Failure && error.problem) return error.problem
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (code === 'ENOENT' && where === 'loadFile') return { what: 'there is no such file', cure: 'correct the name' }
  const text = typeof message === 'string' ? message : show(error)
  // Deno's own, of a program that was started without leave to use these files.
  if ((error as Error | null)?.name === 'NotCapable') {
    const cure = 'start Deno with --allow-read and --allow-write for the folder'
    return { what: `${PROBLEMS.EACCES.what}: ${text}`, cure }
  }
  const known = PROBLEMS[code === 'EPERM' ? 'EACCES' : String(code)]
  return known
    ? { what: `${known.what} (${String(code)})`, cure: known.cure }
    : { what: text, cure: 'look up what the system says' }
}

// ---- saving ----

/** How often a temporary file may vanish: somebody else removes what he takes for a left-over. */
const ATTEMPTS = 3

/** Of folders that are none of a disk, such as those of /proc. */
const NO_NEW_FILES: Problem = { what: 'no file can be made in this folder', cure: 'choose another place' }

/** How much is written at once, in bytes. */
const CHUNK = 2 ** 24

type Write = (file: FileHandle, bytes: Uint8Array) => Promise<void>

const writeAll: Write = async (file, bytes) => {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(CHUNK, bytes.length - at), null)
    at += bytesWritten
  }
}

/** Errors are the system's. `write` brings the bytes into the temporary file; tests have a slow one. */
export async function saveToDisk(path: string, bytes: Uint8Array, write = writeAll): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const file = await follow(path)
    const old = await statOf(file)
    if (old) await checkOld(file, old)
    // A folder that is not there is found here.
    const folder = await open(dirname(file), 'r')
    try {
      await removeLeftovers(dirname(file))
      const temporary = join(dirname(file), nameTemporary())
      try {
        await writeNew(temporary, bytes, old, write)
        await rename(temporary, file)
      } catch (error) {
        const gone = isCode(error, 'ENOENT') && !(await statOf(temporary))
        await unlink(temporary).catch(() => {})
        if (!gone) throw error
        if (attempt < ATTEMPTS) continue
        throw (await statOf(dirname(file))) ? new Failure('', NO_NEW_FILES) : error
      }
      await syncFolder(folder)
      return
    } finally {
      await folder.close()
    }
  }
}

/** The path of a file where the last part of the given one is no symbolic link, and its folder is real. */
async function follow(path: string): Promise<string> {
  let at = path
  for (let links = 0; links < 40; links++) {
    const folder = await realpath(dirname(at))
    const file = join(folder, basename(at))
    if (!(await statOf(file))?.isSymbolicLink()) return file
    const target = await readlink(file)
    // Not join(): it would take `link/..` for nothing.
    at = isAbsolute(target) ? target : `${folder}/${target}`
  }
  throw new Failure('ELOOP')
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Throws unless the old file is one, and may be written to: renaming asks for neither. */
async function checkOld(path: string, old: Stats): Promise<void> {
  if (old.isDirectory()) throw new Failure('EISDIR')
  if (!old.isFile()) {
    throw new Failure('', { what: 'this is a device, a pipe or a socket', cure: 'give the name of a file' })
  }
  const file = await open(path, constants.O_WRONLY)
  await file.close()
}

/** A new file with these bytes, on the disk, and with the owner and the permissions of the old one. */
async function writeNew(path: string, bytes: Uint8Array, old: Stats | undefined, write: Write): Promise<void> {
  // Until it has those permissions, it is nobody else's.
  const file = await open(path, 'wx', old ? 0o600 : 0o666)
  try {
    await write(file, bytes)
    if (old) {
      const { uid, gid } = await file.stat()
      // Only root may give a file away; others keep its group, if it is one of theirs.
      if (uid !== old.uid || gid !== old.gid) {
        await file
          .chown(old.uid, old.gid)
          .catch(() => file.chown(uid, old.gid))
          .catch(() => {})
      }
      // Behind the change of the owner, which takes some away.
      await file.chmod(old.mode & 0o7777)
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Windows, and some network file systems, bring no folder to the disk by itself. */
async function syncFolder(folder: FileHandle): Promise<void> {
  try {
    await folder.sync()
  } catch (error) {
    if (['EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM', 'EISDIR', 'EBADF'].some((code) => isCode(error, code))) return
    throw new Failure('', {
      what: `it is written, but may be lost in a power cut: ${(error as Error).message}`,
      cure: 'check the disk, and save again',
    })
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as { code?: unknown } | undefined)?.code === code
}

// ---- temporary files ----

/** `.v128-`, the realm, number and start of the process, a UUID. */
const TEMPORARY = /^\.v128-([0-9a-f]*)-(\d+)-(\d*)-[0-9a-f-]{36}\.tmp$/
/** A temporary file that nobody has written to for so long, in milliseconds, is left over, whosever it was. */
const OLD = 3_600_000

function nameTemporary(): string {
  const place = realm()
  const started = place && startOf(process.pid)
  return `.v128-${place}-${process.pid}-${started ?? ''}-${crypto.randomUUID()}.tmp`
}

/** Removes the temporary files of dead processes from a folder. */
async function removeLeftovers(folder: string): Promise<void> {
  const here = realm()
  // A folder that cannot be listed may be written to all the same.
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const [, place, pid, started] = TEMPORARY.exec(name) ?? []
    if (pid === undefined) continue
    const path = join(folder, name)
    const ours = here !== '' && place === here
    const over = ours ? !isAlive(Number(pid), started || undefined) : await isOld(path)
    // Another process may be faster, or it belongs to somebody else: a later call, or he, removes it.
    if (over) await unlink(path).catch(() => {})
  }
}

async function isOld(path: string): Promise<boolean> {
  const stat = await statOf(path).catch(() => undefined)
  return stat !== undefined && Date.now() - stat.mtimeMs > OLD
}

// ---- loading ----

async function loadFromDisk(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    let bytes = allocate(size)
    let length = 0
    for (;;) {
      if (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, Math.min(CHUNK, bytes.length - length), null)
        if (bytesRead === 0) break
        length += bytesRead
        continue
      }
      // Whoever says that he has no more may have: a pipe, or a file that grows.
      const more = new Uint8Array(2 ** 16)
      const { bytesRead } = await file.read(more, 0, more.length, null)
      if (bytesRead === 0) break
      const larger = allocate(Math.max(2 * length, length + bytesRead))
      larger.set(bytes.subarray(0, length))
      larger.set(more.subarray(0, bytesRead), length)
      bytes = larger
      length += bytesRead
    }
    return length === bytes.length ? bytes : bytes.slice(0, length)
  } finally {
    await file.close()
  }
}

function allocate(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length)
  } catch {
    throw new Failure('', { what: `there is no memory for its ${length} bytes`, cure: 'read a smaller file' })
  }
}
