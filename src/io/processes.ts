// Which processes live. On Linux a process is known by its number and when it began, elsewhere by its number.

import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Whether a process of this machine lives; true where that cannot be known. `started` is what startOf said of it. */
export function isAlive(pid: number, started?: string): boolean {
  // A number below 1 is that of many processes.
  if (!(Number.isInteger(pid) && pid > 0)) return false
  try {
    // Sends nothing: asks whether one could.
    process.kill(pid, 0)
  } catch (error) {
    // There is no such process. Another error is of a process that is not ours, or of a host that does not let us ask.
    if (['ESRCH', 'ERR_INVALID_ARG_TYPE'].includes(String((error as { code?: unknown }).code))) return false
  }
  const now = startOf(pid)
  return now !== '' && (started === undefined || now === undefined || started === now)
}

/** When a process began, in ticks of the system's clock; '' if it has ended, undefined where that cannot be known. */
export function startOf(pid: number): string | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (text === undefined) return undefined
  // The name of its program, in brackets, may hold spaces and brackets.
  const [state, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // A zombie has ended, but nobody has asked yet how.
  return state === 'Z' || state === 'X' ? '' : rest[18]
}

/**
 * Twelve characters for the processes that can be told alive or dead from here: those of this machine since it started,
 * and on Linux of this namespace, for two containers may number their processes alike. '' where that cannot be known.
 */
export function realm(): string {
  if (!mayAsk()) return ''
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'))
  const host = attempt(hostname)
  if (host === undefined) return ''
  return createHash('sha256')
    .update(JSON.stringify([host, boot, namespace]))
    .digest('hex')
    .slice(0, 12)
}

/** Whether Deno answers all these questions without asking its user first; other hosts do. */
function mayAsk(): boolean {
  const { Deno } = globalThis as {
    Deno?: { permissions?: { querySync(permission: object): { state: string } } }
  }
  const wanted = [{ name: 'sys', kind: 'hostname' }, { name: 'run' }, { name: 'read', path: '/proc' }]
  return wanted.every(
    (permission) => attempt(() => Deno?.permissions?.querySync(permission).state ?? 'granted') === 'granted',
  )
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
