// A worker of a search: a process that runs trials of a search which others have begun, and on which others work too.

import { FileError, PlanError, callable, checkArguments, checkOptions, finite, given } from '../errors'
import { checkSignal } from '../pause'
import { agree, openDesk } from './desk'
import { createRunner, serve } from './serve'
import { type Plan, type SearchOptions, checkStore, planFrom, runnersOf } from './settings'
import type { Space } from './space'
import { type Entry, type Store, readLines } from './store'
import { clip, reasonOf } from './texts'
import type { TrialResult } from './trials'

/** Seconds for which a worker says ahead that it lives. */
export const LEASE = 30

/** What work does, and where. */
export interface WorkOptions<S extends Space = Space> extends Pick<SearchOptions<S>, 'run' | 'worker'> {
  /** Where the search is: that which was given to `search`, of the same name. */
  store: Store
  /** Worker threads with `worker`, each with a trial at a time. 1 unless given. */
  workers?: number
  /**
   * Seconds for which the worker says ahead that it lives, and does so again four times in each. When that time has
   * passed in silence, others take its trials. 30 unless given, 0.1 at least.
   */
  lease?: number
  /** Ends the work at once. Trials in work are given back, and begin again where `run` kept a checkpoint. */
  signal?: AbortSignal
  /** Called whenever a trial has ended here, and waited for if it gives a promise. */
  onTrial?: (trial: TrialResult<S>) => void
}

/** What a worker has done. */
export interface WorkResult {
  /** How many trials have ended here. */
  readonly trials: number
  /** Whether the signal ended the work. */
  readonly aborted: boolean
}

const OPTIONS = ['store', 'run', 'worker', 'workers', 'lease', 'signal', 'onTrial']

/**
 * Works on a search that `search({ ..., store })` has begun, or will: waits for it, runs trials until all have ended, and
 * ends. Start it as often and on as many machines as you like, and end it in whatever way: what it had in work others
 * take over.
 *
 *     const store = await redisStore('redis://queue.example:6379', { name: 'mnist' })
 *     await work({ store, worker: new URL('trial.js', import.meta.url) })
 *
 * With `worker` training runs in threads of its own, and nothing that it computes keeps the process from saying that it
 * lives. Throws a PlanError where the version of v128 or the source of `run` is another than that of the search, a
 * FileError where the store cannot be used.
 */
export async function work<S extends Space = Space>(options: WorkOptions<S>): Promise<WorkResult> {
  const where = 'work'
  checkArguments(where, arguments, 1)
  const read = checkOptions(where, options, OPTIONS)
  const store = checkStore(where, read.store)
  if (!store) throw new PlanError(`${where}: wants a store, such as fileStore('runs/search.jsonl'), got none`)
  if ((read.run === undefined) === (read.worker === undefined)) {
    throw new PlanError(
      `${where}: wants run, a function, or worker, the module of one; ${read.run ? 'not both' : 'got none'}`,
    )
  }
  const count = read.workers ?? (read.worker === undefined ? undefined : 1)
  const runners = { ...read, workers: count } as Pick<SearchOptions<Space>, 'run' | 'worker' | 'workers'>
  const { workers, identity } = runnersOf(where, runners)
  const lease = 1000 * finite(where, 'lease', read.lease ?? LEASE, 0.1, 86_400)
  const signal = checkSignal(where, read.signal)
  const onTrial = given(read.onTrial)
  if (onTrial !== undefined) callable(where, 'onTrial', onTrial, 'a function')

  let ended = 0
  const runner = createRunner(workers, async (line) => {
    ended++
    await onTrial?.({ ...line, score: line.score ?? NaN } as unknown as TrialResult<S>)
  })
  let closed: Promise<unknown> | undefined
  const close = () => (closed ??= runner.close())
  try {
    for (let total = 0; ;) {
      const plan = await findSearch(where, store, total, signal)
      // It may be given more trials while this one works.
      if (!plan || plan.total <= total) break
      total = plan.total
      const desk = await openDesk(where, store, plan, { shared: true, lease })
      const end = () => {
        desk.end()
        void close().catch(() => {})
      }
      signal?.addEventListener('abort', end)
      try {
        await agree(where, desk, identity)
        if (signal?.aborted) desk.end()
        await Promise.all(workers.map(() => serve(desk, runner, lease))).finally(() => desk.end())
      } finally {
        signal?.removeEventListener('abort', end)
        // First what runs here: it must not go on beside whoever takes it over.
        if (signal?.aborted) await close()
        await desk.close()
      }
    }
  } finally {
    await close()
  }
  return { trials: ended, aborted: signal?.aborted ?? false }
}

/** The search that a store has; waits for one. Undefined once the signal came. With `known` it does not wait. */
async function findSearch(
  where: string,
  store: Store,
  known: number,
  signal: AbortSignal | undefined,
): Promise<Plan | undefined> {
  for (let pause = 10; !signal?.aborted; pause = Math.min(2 * pause, 500)) {
    const plan = readPlan(where, store.name, await readLines(where, store, 0))
    if (plan || known) return plan
    await new Promise<void>((done) => {
      const timer = setTimeout(finish, pause)
      function finish() {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        done()
      }
      signal?.addEventListener('abort', finish)
    })
  }
  return undefined
}

/**
 * What a log is of; undefined where nobody has begun yet. The file of a search on one machine does not say how many
 * trials it is to have: `local` takes those that have ended.
 */
export function readPlan(where: string, name: string, lines: readonly string[], local = false): Plan | undefined {
  try {
    const setting = lines.length ? (JSON.parse(lines[0]) as Record<string, unknown>) : undefined
    const extent = lines.findLast((line) => line.startsWith('{"type":"extent"'))
    if (!setting || !(extent || local)) return undefined
    const ended = Number(setting.trials ?? lines.length - 1)
    return planFrom(setting, extent ? (JSON.parse(extent) as Entry & { type: 'extent' }).trials : Math.max(ended, 1))
  } catch (cause) {
    throw new FileError(
      `${where}: ${clip(name)}: what it holds is no search of this version (${reasonOf(cause)}); give another name, or clear it (npx v128 search --anew)`,
      { cause },
    )
  }
}
