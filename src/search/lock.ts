// One process at a time writes to a file, on one machine. A process that is killed frees its locks.
//
// A lock is a file of its own, to which every process that wants it appends a claim. Appending is atomic, so all see one
// order: the lock belongs to the first claim of a process that still lives. Nobody takes anything away from another,
// which is what goes wrong where a process finds the lock of a dead one and removes it.

import { appendFileSync, closeSync, constants, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { isAlive, startOf } from '../io/processes'

/** Who wants a lock. */
export interface Claim {
  readonly token: string
  readonly pid: number
  /** When the process began, where that can be known: another may have its number by now. */
  readonly started?: string
  readonly host: string
}

/** How often a lock may vanish between a claim and a look at it: its owner has just freed it. */
const ATTEMPTS = 100

/** Takes the lock, and gives what frees it; or gives the claim of the process that has it. */
export function lock(path: string): { free(): void } | Claim {
  const { pid } = process
  const own: Claim = { token: crypto.randomUUID(), pid, started: startOf(pid), host: hostname() }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // A line of its own, after half a line too, of a process that was killed.
    appendFileSync(path, `\n${JSON.stringify(own)}\n`)
    const claims = claimsOf(path)
    const place = claims.findIndex(({ token }) => token === own.token)
    if (place < 0) continue
    const owner = claims.slice(0, place).find(counts)
    if (!owner) return { free: () => free(path, own.token) }
    withdraw(path, own.token)
    return owner
  }
  throw new Error(`${path} vanishes again and again`)
}

/** The process that has a lock; undefined where nobody has. */
export function holderOf(path: string): Claim | undefined {
  return claimsOf(path).find(counts)
}

function free(path: string, token: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Windows does not remove what another process looks at.
    withdraw(path, token)
  }
}

/** Says that a claim counts no more. */
function withdraw(path: string, token: string): void {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_APPEND)
    try {
      writeSync(file, `\n${JSON.stringify({ withdrawn: token })}\n`)
    } finally {
      closeSync(file)
    }
  } catch {
    // The owner has just freed the lock, and all claims with it.
  }
}

/** The claims that count, in their order. */
function claimsOf(path: string): Claim[] {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
  }
  const lines = text.split('\n').flatMap((line): Partial<Claim & { withdrawn: string }>[] => {
    try {
      const value: unknown = JSON.parse(line)
      return typeof value === 'object' && value !== null ? [value] : []
    } catch {
      return []
    }
  })
  const withdrawn = new Set(lines.map((line) => line.withdrawn))
  return lines.filter((line): line is Claim => typeof line.token === 'string' && !withdrawn.has(line.token))
}

/** Whether the process of a claim lives. Of another machine nothing can be known: its claims do not count. */
function counts({ pid, started, host }: Claim): boolean {
  return host === hostname() && isAlive(pid, started)
}
