// What is known of the trials of a search: results, their lines in the file, and which is the best.

import { isPlain, show } from '../errors'
import type { Space, Trial } from './space'
import type { Ending } from './store'
import type { Curve } from './stopping'

/** A trial that has ended, and how. */
export interface TrialResult<S extends Space = Space> extends Trial<S> {
  /**
   * 'done': it ran to its end. 'stopped': report ended it early. 'diverged': its score, or one that it reported, is no
   * finite number. 'failed': it threw, or its worker thread crashed.
   */
  readonly status: 'done' | 'stopped' | 'diverged' | 'failed'
  /** What run gave; NaN if the trial diverged or failed. */
  readonly score: number
  /** What it reported. */
  readonly curve: Curve
  /** How long it took. */
  readonly seconds: number
  /** Why it failed. */
  readonly error?: string
}

/** Some trials of a search, all from one space: the whole search or, from coarse to fine, a part. */
export interface Round<S extends Space = Space> {
  /** What its trials were drawn from. */
  readonly space: S
  /** Index of its first trial. */
  readonly first: number
  /** How many trials it has. */
  readonly trials: number
}

/** What a search found. */
export interface SearchResult<S extends Space = Space> {
  /** The trial with the best score; undefined if none has ended with one. */
  readonly best: TrialResult<S> | undefined
  /** All that have ended, the best first; those that diverged or failed last. */
  readonly trials: readonly TrialResult<S>[]
  /** One, unless the search went from coarse to fine. */
  readonly rounds: readonly Round<S>[]
  /** Whether a low or a high score is good. */
  readonly goal: 'low' | 'high'
  /** Whether the signal ended the search. */
  readonly aborted: boolean
  /**
   * Trials that ran twice, on different workers, and did not end with the same scores, reports and status: `run` depends
   * on more than its trial, or a machine computes wrongly. Always empty without a store.
   */
  readonly differences: readonly Difference[]
  /** How many trials ran twice and ended with the same. */
  readonly verified: number
}

/** A trial that ended in two ways. */
export interface Difference {
  /** Its number. */
  readonly trial: number
  /** Both, that which counts first. */
  readonly endings: readonly [Ending, Ending]
}

/** How far a search is. */
export interface SearchProgress<S extends Space = Space> {
  /** Trials that have ended, those of the file and those that failed included. */
  readonly done: number
  /** Trials of the whole search. */
  readonly total: number
  /** Of those done: how many diverged or failed. */
  readonly failed: number
  /** Of those done: how many were ended early. */
  readonly stopped: number
  /** The trial that has just ended; undefined at the start, and when a trial has ended once more. */
  readonly latest: TrialResult<S> | undefined
  /** The best so far. */
  readonly best: TrialResult<S> | undefined
  /** Since this call of search began; NaN until a trial has ended. */
  readonly trialsPerMinute: number
  /** What the trials that are left will take at this rate; NaN until a trial has ended. */
  readonly secondsLeft: number
  /** Those that live: worker threads, or the processes of a store, of which each may have several threads. */
  readonly workers: number
  /** Trials that ran twice to different ends; see SearchResult. */
  readonly differences: readonly Difference[]
  /** How many trials are to run once more, on a worker other than that of their first time: it may take a second one. */
  readonly unverified: number
}

/** A trial as the file has it: JSON has no NaN. */
export type Line = Omit<TrialResult, 'score'> & { readonly score: number | null }

/** What keeps a value from being the line of a trial; undefined where nothing does. */
export function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('index' in value)) return 'it is no trial'
  const line = value as { readonly [key in keyof Line]: unknown }
  const scored = line.status === 'done' || line.status === 'stopped'
  const wrong: Partial<Record<keyof Line, boolean>> = {
    index: !isCount(line.index),
    seed: !isCount(line.seed),
    parameters: !isPlain(line.parameters),
    status: !scored && line.status !== 'diverged' && line.status !== 'failed',
    score: scored ? !Number.isFinite(line.score) : line.score !== null,
    curve: !isCurve(line.curve),
    seconds: !(Number.isFinite(line.seconds) && (line.seconds as number) >= 0),
    error: line.error !== undefined && typeof line.error !== 'string',
  }
  const name = (Object.keys(wrong) as (keyof Line)[]).find((key) => wrong[key])
  return name && `its ${name} is ${show(line[name])}`
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isCurve(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  let last = -1
  return value.every((report: unknown) => {
    if (!Array.isArray(report) || report.length !== 2) return false
    const [epoch, score] = report as unknown[]
    const grows = Number.isSafeInteger(epoch) && (epoch as number) > last
    last = epoch as number
    return grows && Number.isFinite(score)
  })
}

/** The trials that have ended, and what has to be known of them whenever one more has. */
export interface Ranking<S extends Space> {
  readonly trials: readonly TrialResult<S>[]
  readonly best: TrialResult<S> | undefined
  /** How many ended so. */
  readonly counts: Readonly<Record<TrialResult['status'], number>>
  add(trial: TrialResult<S>): void
  /** All, the best first; of equal ones the first; those without a score last. */
  inOrder(): TrialResult<S>[]
}

/** A ranking by scores, with the sign by which less is better. */
export function createRanking<S extends Space>(sign: 1 | -1): Ranking<S> {
  const trials: TrialResult<S>[] = []
  const rank = ({ score }: TrialResult<S>) => (Number.isFinite(score) ? sign * score : Infinity)
  const compare = (a: TrialResult<S>, b: TrialResult<S>) =>
    rank(a) === rank(b) ? a.index - b.index : rank(a) < rank(b) ? -1 : 1
  const counts = { done: 0, stopped: 0, diverged: 0, failed: 0 }
  let best: TrialResult<S> | undefined
  return {
    trials,
    counts,
    get best() {
      return best
    },
    add(trial) {
      trials.push(trial)
      counts[trial.status]++
      if (Number.isFinite(trial.score) && (!best || compare(trial, best) < 0)) best = trial
    },
    inOrder: () => trials.toSorted(compare),
  }
}
