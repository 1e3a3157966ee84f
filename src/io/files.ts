// Files by name, the same in every host that has files.

import { host } from '#files'
import { type Bytes, viewBytes } from '../data/bytes'
import { FileError, checkArguments, checkOptions, flag, show } from '../errors'

/**
 * Writes a file, whole or not at all: at any moment, also after `kill -9` or a power cut, the file named is the old one
 * or the new one. In Node, Deno and Bun `name` is a path on disk, in browsers one in the storage of the page's origin
 * (the origin private file system), which no other site sees; folders must exist. Of two calls for one file, in one page
 * or process, the last one called wins. The bytes are copied at once: what happens to them afterwards does not matter.
 *
 *     await saveFile('model.safetensors', model.save())
 *     model.load(await loadFile('model.safetensors'))
 *
 * On disk, a file that was there keeps its permissions, and a symbolic link is followed. What a killed process left beside
 * it, a file `.v128-….tmp`, is removed by the next call for that folder. Browsers that are killed may lose the file that
 * they replace; there it is written twice, and `loadFile` finds the other one. They bring it to the disk at once in a
 * worker, in a page when they see fit.
 *
 * Throws a FileError that says what to do, and leaves the old file as it is, where the disk or the quota is full, a folder
 * does not exist, permission is missing, the name is that of a folder, another thread changes the bytes meanwhile, or the
 * host has no files: workerd, edge-runtime, a page without https.
 */
export async function saveFile(name: string, bytes: Bytes): Promise<void> {
  checkArguments('saveFile', arguments, 2)
  const place = host.at('saveFile', checkName('saveFile', name))
  const copy = copyOf(viewBytes('saveFile', bytes))
  await inTurn(place.path, () => place.save(copy))
}

/** Of loadFile. */
export interface LoadOptions {
  /** Whether a file that is not there is undefined, rather than an error. False unless given. */
  optional?: boolean
}

/**
 * The bytes of a file, which `saveFile` wrote or anybody else. `name` is a path on disk in Node, Deno and Bun, and one in
 * the storage of the page's origin in browsers. Throws a FileError that says what to do where there is no such file, or
 * it cannot be read.
 *
 *     const file = await loadFile('model.safetensors')
 *     const { missing } = model.load(file, { strict: false })
 */
export async function loadFile(
  name: string,
  options?: LoadOptions & { optional?: false },
): Promise<Uint8Array<ArrayBuffer>>
export async function loadFile(name: string, options: LoadOptions): Promise<Uint8Array<ArrayBuffer> | undefined>
export async function loadFile(name: string, options: LoadOptions = {}): Promise<Uint8Array<ArrayBuffer> | undefined> {
  checkArguments('loadFile', arguments, 2)
  const optional = flag('loadFile', 'optional', checkOptions('loadFile', options, ['optional']).optional ?? false)
  const place = host.at('loadFile', checkName('loadFile', name))
  try {
    return await place.load()
  } catch (error) {
    if (optional && isMissing(error)) return undefined
    throw error
  }
}

/** Whether an error says that there is no such file: in the words of a disk, or of the storage of an origin. */
function isMissing(error: unknown): boolean {
  const { code, name } = ((error as Error).cause ?? {}) as { code?: unknown; name?: unknown }
  return code === 'ENOENT' || name === 'NotFoundError'
}

function checkName(where: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  const cure = name instanceof URL ? '; of a URL give fileURLToPath(url)' : ''
  throw new FileError(
    `${where}: name must be a string that is not empty, such as 'model.safetensors', got ${show(name)}${cure}`,
  )
}

/** A copy; of memory that another thread has changed meanwhile, and of which it may hold a mixture, a FileError. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let copy: Uint8Array<ArrayBuffer>
  try {
    copy = new Uint8Array(bytes)
  } catch (cause) {
    throw new FileError(`saveFile: no memory for a copy of ${bytes.length} bytes; save less at once`, { cause })
  }
  if (!(bytes.buffer instanceof ArrayBuffer) && copy.some((value, i) => value !== bytes[i])) {
    throw new FileError(
      'saveFile: another thread writes to the bytes while they are read; call it when the thread has ended, or hand over a copy',
    )
  }
  return copy
}

/** The last call for each file that is being written. */
const turns = new Map<string, Promise<void>>()

/** Runs `action` when all that was asked before it for the same file is over, well or not. */
async function inTurn(path: string, action: () => Promise<void>): Promise<void> {
  const turn = (turns.get(path) ?? Promise.resolve()).catch(() => {}).then(action)
  turns.set(path, turn)
  try {
    await turn
  } finally {
    if (turns.get(path) === turn) turns.delete(path)
  }
}
