// A process at work on a search: what it knows by the log, which trials it takes, and how it waits for others.

import { FileError, PlanError } from '../errors'
import { machine } from './identity'
import { type SearchRecord, createRecord } from './record'
import type { Plan } from './settings'
import type { Space } from './space'
import { type Beat, type Entry, type Identity, type Store, keyOf, readLines } from './store'
import { differenceOf } from './journal'
import { clip } from './texts'

/** A trial to run, or to run once more. */
export interface Task {
  /** What claims call it. */
  readonly name: string
  readonly index: number
  /** Whether it has ended before, elsewhere. */
  readonly again: boolean
}

export interface Desk<S extends Space = Space> {
  readonly store: Store
  readonly record: SearchRecord<S>
  /** What this process is called in the log; undefined where a search is this process's alone. */
  readonly worker: string | undefined
  /** Once the signal came, or something is wrong beyond a trial: what still runs does not count. */
  readonly over: boolean
  /**
   * Adds to the log. Gives whether it was added; where it was not, what is new there has been taken in. What was added is
   * known here from the next refresh on, in a search of this process alone at once.
   */
  add(entry: Entry): Promise<boolean>
  /** Takes in what is new in the log. */
  refresh(): Promise<void>
  /** Grows whenever something is new in the log. */
  readonly version: number
  /** Waits until something may have changed since a version, this one unless given: for all who wait, or in the log. */
  change(since?: number): Promise<void>
  /** What a promise gives; undefined as soon as all is over, for what runs in this thread cannot be ended. */
  unlessOver<T>(promise: Promise<T>): Promise<T | undefined>
  /** A task that nobody has, claimed; undefined where there is none. */
  take(): Promise<Task | undefined>
  /** Whether nobody has a task, and it has not ended. */
  isFree(task: Task): Promise<boolean>
  /** Claims a task that is free. */
  claim(task: Task): Promise<boolean>
  /** How many had a task before, which was claimed here. */
  attemptOf(task: Task): number
  /** A task that was claimed has ended. What has not ended is given back by `close`. */
  leave(task: Task): void
  /** Whether all trials have ended, those that run twice as well. */
  isDone(): boolean
  /** Workers that live. */
  alive(): Promise<readonly Beat[]>
  /** Ends waiting: all is over. */
  end(): void
  /** Gives back what it has claimed, and says that it ends. */
  close(): Promise<void>
}

/** How long a process that waits lets pass before it looks again, in milliseconds: less where much happens. */
const LEAST_PAUSE = 3
const MOST_PAUSE = 100

export function taskOf(index: number, again = false): Task {
  return { name: again ? `${index} again` : `${index}`, index, again }
}

/**
 * Sits down at a search: the trials of a plan. With `shared` other processes work on it too; who works says `lease`
 * milliseconds ahead that it lives.
 */
export async function openDesk<S extends Space>(
  where: string,
  store: Store,
  plan: Plan<S>,
  { shared, lease }: { readonly shared: boolean; readonly lease?: number },
): Promise<Desk<S>> {
  // A search of this process alone asks nobody for the name of the host.
  const own = lease === undefined ? undefined : machine()
  const worker = own ? `${own.host}:${own.pid}:${crypto.randomUUID().slice(0, 8)}` : undefined
  let record = createRecord(store.name, plan)
  /** Lines taken in, and the last of them: where it is another one now, what holds the log has lost some. */
  let lines = 0
  let last: string | undefined
  let version = 0
  let over = false
  const running = new Map<string, { readonly task: Task; attempt: number }>()

  let waiting: (() => void)[] = []
  const wake = () => {
    const woken = waiting
    waiting = []
    for (const one of woken) one()
  }

  const readNew = async (): Promise<void> => {
    const from = Math.max(lines - 1, 0)
    const found = await readLines(where, store, from)
    if (lines && found[0] !== last) {
      record = createRecord(store.name, plan)
      lines = 0
      last = undefined
      return readNew()
    }
    const fresh = found.slice(lines ? 1 : 0)
    for (const line of fresh) {
      if (lines === 0) checkFirst(where, store, line, plan)
      record.take(line)
      lines++
      last = line
    }
    if (!fresh.length) return
    version++
    // Trials of a new round are known from here on.
    record.open()
    wake()
  }
  /** One at a time; who asks while one is under way gets the next, for what that one reads may be older. */
  let reading: Promise<void> = Promise.resolve()
  let queued: Promise<void> | undefined
  const refresh = () =>
    (queued ??= reading
      .catch(() => {})
      .then(() => {
        queued = undefined
        return (reading = readNew())
      }))

  let pause = LEAST_PAUSE
  const change = async (since = version) => {
    if (over || version !== since) return
    if (!shared) return new Promise<void>((done) => waiting.push(done))
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((done) => {
      waiting.push(done)
      timer = setTimeout(done, pause)
    })
    clearTimeout(timer)
    if (over) return
    await refresh()
    pause = version !== since ? LEAST_PAUSE : Math.min(pause * 1.5, MOST_PAUSE)
  }

  const add = async (entry: Entry) => {
    const added = await store.add(keyOf(entry), JSON.stringify(entry))
    if (!added || !shared) await refresh()
    return added
  }

  /** What is known of the others' lives, and since when. */
  let beats: readonly Beat[] = []
  let asked = -Infinity
  const alive = async (after = Math.min((lease ?? Infinity) / 8, 1000)): Promise<readonly Beat[]> => {
    const now = performance.now()
    if (now - asked >= after) {
      beats = await store.beats()
      asked = now
    }
    return beats.filter(({ left }) => left > performance.now() - asked)
  }
  const isFree = async (task: Task) => {
    if (!task.again && record.has(task.index)) return false
    const claim = record.claimOf(task.name)
    if (!claim || claim.released) return true
    // Of our own: its claim was added, though the answer was lost.
    if (claim.by === worker || !shared) return !running.has(task.name)
    const isAlive = ({ worker }: Beat) => worker === claim.by
    // It may have begun after the others were asked.
    return !(await alive()).some(isAlive) && !(await alive(0)).some(isAlive)
  }

  const claim = async (task: Task): Promise<boolean> => {
    // Before anything is awaited: another thread of this process may ask for it meanwhile.
    if (running.has(task.name)) return false
    const own = { task, attempt: 0 }
    running.set(task.name, own)
    const before = record.claimOf(task.name)
    // Of our own: it was added, though the answer was lost.
    const had = before?.by === worker && before?.released === false
    const attempt = before ? before.attempt + (had ? 0 : 1) : 0
    own.attempt = attempt
    const added = had || (await add({ type: 'claim', task: task.name, attempt, by: worker ?? '' }))
    // The answer may have been lost just now.
    const now = record.claimOf(task.name)
    const got = added || (now?.by === worker && now?.attempt === attempt)
    if (!got) running.delete(task.name)
    return got
  }

  /** A task that nobody has. */
  const find = async (): Promise<Task | undefined> => {
    for (const index of record.unverified()) {
      const task = taskOf(index, true)
      if (record.endingOf(index)!.by !== worker && !running.has(task.name) && (await isFree(task))) return task
    }
    const open = record.open()
    if (!open) return undefined
    for (let index = open.first; index < open.last; index++) {
      const task = taskOf(index)
      if (!running.has(task.name) && (await isFree(task))) return task
    }
    return undefined
  }

  let timer: NodeJS.Timeout | undefined
  let beating: Promise<unknown> | undefined
  if (worker !== undefined) {
    const about = JSON.stringify(own)
    await store.beat(worker, about, lease!)
    timer = setInterval(() => {
      beating ??= store
        .beat(worker, about, lease!)
        // Whoever uses the store next is told.
        .catch(() => {})
        .finally(() => (beating = undefined))
    }, lease! / 4)
    timer.unref()
  }

  const desk: Desk<S> = {
    store,
    worker,
    get record() {
      return record
    },
    get over() {
      return over
    },
    get version() {
      return version
    },
    add,
    refresh,
    change,
    async unlessOver<T>(promise: Promise<T>) {
      let settled = false
      const settle = () => {
        settled = true
        wake()
      }
      promise.then(settle, settle)
      while (!settled && !over) await new Promise<void>((done) => waiting.push(done))
      return settled ? promise : undefined
    },
    async take() {
      for (;;) {
        await refresh()
        if (over) return undefined
        const task = await find()
        if (!task) return undefined
        if (await claim(task)) return task
      }
    },
    isFree,
    claim: async (task) => !over && (await isFree(task)) && claim(task),
    attemptOf: (task) => running.get(task.name)?.attempt ?? 0,
    leave: (task) => void running.delete(task.name),
    isDone: () => !record.open() && !record.unverified().length,
    alive: () => alive(),
    end() {
      over = true
      wake()
    },
    async close() {
      clearInterval(timer)
      if (worker === undefined) return
      await refresh().catch(() => {})
      try {
        for (const { task } of running.values()) {
          const claim = record.claimOf(task.name)
          if (claim?.by !== worker || (!task.again && record.has(task.index))) continue
          const entry = { type: 'release', task: task.name, attempt: claim.attempt } as const
          await store.add(keyOf(entry), JSON.stringify(entry))
        }
      } finally {
        // One that is under way must not come behind the last.
        await beating
        // Where there is no room for a line, this says that its trials are free.
        await store.beat(worker, '', 0)
      }
    },
  }
  await refresh()
  return desk
}

/** Throws unless a log is of this search. */
function checkFirst(where: string, store: Store, line: string, plan: Plan): void {
  let found: unknown
  try {
    found = JSON.parse(line)
  } catch {
    found = undefined
  }
  const what =
    typeof found === 'object' && found !== null
      ? differenceOf(found as Record<string, unknown>, plan.setting)
      : 'its first line is damaged'
  if (what)
    throw new FileError(
      `${where}: ${clip(store.name)}: ${what}; give another name, or clear it (npx v128 search --anew)`,
    )
}

/** Sees to it that all workers of a search run the same. Throws a PlanError where they do not. */
export async function agree(where: string, desk: Desk, identity: Identity): Promise<void> {
  if (!desk.record.identity) {
    await desk.add({ type: 'run', ...identity })
    await desk.refresh()
  }
  const theirs = desk.record.identity!
  const [what, here, there] =
    theirs.version !== identity.version
      ? ['version of v128', identity.version, theirs.version]
      : theirs.kernels !== identity.kernels
        ? ['build of the kernels of v128', identity.kernels, theirs.kernels]
        : theirs.run !== identity.run
          ? ['source of run', identity.run, theirs.run]
          : []
  if (what === undefined) return
  throw new PlanError(
    `${where}: ${clip(desk.store.name)}: this process has another ${what} than the search: ${here} here, ${there} there; ` +
      `its trials would not be those of the search: use the same${what === 'source of run' ? ', to the letter' : ''}`,
  )
}
