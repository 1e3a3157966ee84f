// Where a search is kept on which many processes work: a log that all of them see in one order, who is alive, and
// checkpoints. A search needs no more of Redis, of Postgres or of a file.

import { FileError, isPlain, readSafely, show } from '../errors'
import type { Trial } from './space'
import { type Line, isCount, problemOf } from './trials'

/**
 * What many processes share that work on one search. `v128/node` has `fileStore`, `v128/redis` and `v128/postgres` have
 * the others; an object with these members is a store as well. Where what holds it cannot be reached for a while, its
 * members wait until it can; where waiting does not help (a password, a full disk), they throw a FileError.
 */
export interface Store {
  /** What messages call it. Holds no password. */
  readonly name: string
  /**
   * Adds a line at the end of the log, unless one was added before under the same key. Gives whether it was added;
   * where an answer was lost and it was asked again, that may be false although it was.
   */
  add(key: string, line: string): Promise<boolean>
  /** The lines from number `from` (0, 1, ...) on. All processes see them in the same order. */
  read(from: number): Promise<readonly string[]>
  /** A worker says that it lives, and will for `lease` milliseconds, and what it is. With 0 it says that it ends. */
  beat(worker: string, about: string, lease: number): Promise<void>
  /** Those that have said so in the last hour, each with what is left of its lease, by one clock; 0 and less: it is dead. */
  beats(): Promise<readonly Beat[]>
  /** Keeps bytes under a name; whole or not at all. */
  save(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** What is kept under a name. */
  load(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  /** Forgets it. */
  drop(name: string): Promise<void>
  /** Forgets all of this search. */
  clear(): Promise<void>
  /** Ends the connection. */
  close(): Promise<void>
  /** Where trials are handed out by a queue: see TrialQueue. Without one, workers take them by the log alone. */
  readonly queue?: TrialQueue
}

/** What a worker has said of itself. */
export interface Beat {
  /** Its name. */
  readonly worker: string
  /** What it is, as JSON. */
  readonly about: string
  /** Milliseconds of its lease. */
  readonly left: number
}

/**
 * A queue of jobs that hands trials out, so that people see them in the tools that they have for it. What it loses or
 * hands out twice does no harm: which trials have ended stands in the log.
 */
export interface TrialQueue {
  /** Puts trials in that are to be run, in this order; those that wait already are left. People see their parameters. */
  offer(trials: readonly Trial[]): Promise<void>
  /** Hands out a trial; undefined where none waits. It may be handed out again once `lease` milliseconds pass in silence. */
  next(lease: number): Promise<TrialJob | undefined>
  /** A trial has ended that this queue did not hand out here: what still stands as in work has ended too. */
  settle(trial: number, end: JobEnd): Promise<void>
}

/** How a trial ended, for those who look at its job. */
export interface JobEnd {
  /** That of the trial, or 'elsewhere': another worker runs it. */
  readonly status: Line['status'] | 'elsewhere'
  /** Its score; null where it has none. */
  readonly score: number | null
  /** Why it failed: nothing unless given. */
  readonly error?: string
}

/** A trial that a queue has handed out. */
export interface TrialJob {
  /** Its number. */
  readonly trial: number
  /** For those who look at it. */
  progress(epoch: number, score: number): Promise<void>
  /** It is still in work. */
  renew(lease: number): Promise<void>
  /** It has ended. */
  end(end: JobEnd): Promise<void>
}

/** What a process is that works on a search. */
export interface Machine {
  /** Its name in the network. */
  readonly host: string
  /** What runs there, in which version, and on which system. */
  readonly runtime: string
  /** The number of the process there. */
  readonly pid: number
}

/** How a trial ended, and where: what is compared when it ran twice. */
export interface Ending {
  /** Of all that does not depend on where it ran. */
  readonly hash: string
  /** That of the trial. */
  readonly status: Line['status']
  /** Its score; null where it has none. */
  readonly score: number | null
  /** The worker that ran it. */
  readonly by: string
  /** Where that was. */
  readonly machine: Machine
}

/** What a worker must have in common with the search: the version, its kernels, and the source of `run`. */
export interface Identity {
  readonly version: string
  readonly kernels: string
  readonly run: string
}

/** A line of the log behind the first, which says what is searched. A trial that has ended has no `type`. */
export type Entry =
  | (Line & { readonly type?: undefined; readonly ending?: Ending })
  /** How many trials there are, and which share of them runs twice; the last of these lines counts. */
  | { readonly type: 'extent'; readonly trials: number; readonly verify: number }
  | ({ readonly type: 'run' } & Identity)
  | { readonly type: 'claim'; readonly task: string; readonly attempt: number; readonly by: string }
  /** A worker gives back what it has claimed. */
  | { readonly type: 'release'; readonly task: string; readonly attempt: number }
  | { readonly type: 'report'; readonly trial: number; readonly epoch: number; readonly score: number }
  /** A trial has ended once more. */
  | { readonly type: 'again'; readonly trial: number; readonly ending: Ending }

/** The key of a line: of each there is one. */
export function keyOf(entry: Entry): string {
  switch (entry.type) {
    case undefined:
      return `result ${entry.index}`
    case 'extent':
      return `extent ${entry.trials} ${entry.verify}`
    case 'run':
      return 'run'
    case 'claim':
    case 'release':
      return `${entry.type} ${entry.task} ${entry.attempt}`
    case 'report':
      return `report ${entry.trial} ${entry.epoch}`
    case 'again':
      return `again ${entry.trial} ${entry.ending.by}`
  }
}

const isText = (value: unknown) => typeof value === 'string'
const isTask = (value: unknown) => typeof value === 'string' && /^\d{1,9}( again)?$/.test(value)
const isScore = (value: unknown) => value === null || Number.isFinite(value)
const isRecord = (value: unknown): value is Record<string, unknown> => isPlain(value)
const isMachine = (value: unknown) =>
  isRecord(value) && isText(value.host) && isText(value.runtime) && Number.isFinite(value.pid)
const isEnding = (value: unknown) =>
  isRecord(value) &&
  isText(value.hash) &&
  isText(value.status) &&
  isScore(value.score) &&
  isText(value.by) &&
  isMachine(value.machine)

/** What the members of each kind of line must be. */
const MEMBERS: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  extent: { trials: isCount, verify: Number.isFinite },
  run: { version: isText, kernels: isText, run: isText },
  claim: { task: isTask, attempt: isCount, by: isText },
  release: { task: isTask, attempt: isCount },
  report: { trial: isCount, epoch: isCount, score: Number.isFinite },
  again: { trial: isCount, ending: isEnding },
}

/** What keeps a value from being a line of the log; undefined where nothing does. */
export function problemOfEntry(value: unknown): string | undefined {
  if (!isRecord(value)) return 'it is no line of a search'
  const { type, ending } = value
  if (type === undefined) {
    return problemOf(value) ?? (ending === undefined || isEnding(ending) ? undefined : `its ending is ${show(ending)}`)
  }
  const members = typeof type === 'string' && Object.hasOwn(MEMBERS, type) ? MEMBERS[type] : undefined
  if (!members) return `its type is ${show(type)}`
  const wrong = Object.keys(members).find((name) => !members[name](value[name]))
  return wrong && `its ${wrong} is ${show(value[wrong])}`
}

/** What a store has read. Throws a FileError where that is no list of texts. */
export async function readLines(where: string, store: Store, from: number): Promise<readonly string[]> {
  const lines: unknown = await store.read(from)
  return readSafely(where, 'what the store reads', () => {
    if (Array.isArray(lines) && lines.every((line) => typeof line === 'string')) return lines as string[]
    throw new FileError(`${where}: ${store.name}: read() must give an array of strings, got ${show(lines)}`)
  })
}
