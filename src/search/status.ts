// How far a search is that a store has, for who is neither its coordinator nor a worker.

import { PlanError, checkArguments } from '../errors'
import { openDesk } from './desk'
import { checkStore } from './settings'
import { type Machine, type Store, readLines } from './store'
import type { SearchResult } from './trials'
import { readPlan } from './work'

/** How far a search is. */
export interface SearchStatus extends Omit<SearchResult, 'aborted'> {
  /** Trials of the whole search. */
  readonly total: number
  /** Those that live. */
  readonly workers: readonly WorkerStatus[]
  /** How many trials are to run once more, on a worker other than that of their first time. */
  readonly unverified: number
  /** Whether all trials have ended, those that run twice as well. */
  readonly done: boolean
}

/** A worker that lives. */
export interface WorkerStatus extends Machine {
  /** What the log calls it. */
  readonly name: string
  /** The trials that it has in work. */
  readonly trials: readonly number[]
}

/**
 * How far the search is that a store has; undefined where none has begun.
 *
 *     const status = await searchStatus(fileStore('runs/search.jsonl'))
 *     console.log(status?.trials.length, status?.best?.score)
 *
 * Throws a FileError where the store cannot be used, or holds something else.
 */
export async function searchStatus(store: Store): Promise<SearchStatus | undefined> {
  const where = 'searchStatus'
  checkArguments(where, arguments, 1)
  const checked = checkStore(where, store)
  if (!checked) throw new PlanError(`${where}: wants a store, such as fileStore('runs/search.jsonl'), got none`)
  const plan = readPlan(where, checked.name, await readLines(where, checked, 0), true)
  if (!plan) return undefined
  const desk = await openDesk(where, checked, plan, { shared: true })
  const { ranking, rounds, differences, verified } = desk.record
  const inWork = desk.record.inWork()
  const workers = (await desk.alive()).map(({ worker, about }) => ({
    ...(JSON.parse(about) as Machine),
    name: worker,
    trials: inWork.filter(({ by }) => by === worker).map(({ index }) => index),
  }))
  return {
    best: ranking.best,
    trials: ranking.inOrder(),
    rounds,
    goal: plan.goal,
    differences,
    verified,
    total: plan.total,
    unverified: desk.record.unverified().length,
    workers,
    done: desk.isDone(),
  }
}
