// What is known of a search by its log: which trials have ended, which are in work and by whom, what they have reported,
// and the space of each round. All processes read the same log, so they all know the same.

import { FileError } from '../errors'
import { mix } from '../random'
import type { Plan } from './settings'
import { type Space, type Trial, type Values, narrow } from './space'
import { type Ending, type Entry, type Identity, problemOfEntry } from './store'
import { LAG, type Watched, addReport, lastEpoch } from './stopping'
import { clip, textOf } from './texts'
import { type Difference, type Line, type Ranking, type Round, type TrialResult, createRanking } from './trials'

/** Who has a trial in work. */
export interface Claim {
  readonly by: string
  /** How many had it before. */
  readonly attempt: number
  readonly released: boolean
}

/** So many workers may die of a trial; then it has failed. */
export const MOST_DEATHS = 10

export interface SearchRecord<S extends Space> {
  readonly plan: Plan<S>
  readonly identity: Identity | undefined
  readonly ranking: Ranking<S>
  /** By the number of the trial. */
  readonly reports: readonly Watched[]
  readonly rounds: readonly Round<S>[]
  readonly differences: readonly Difference[]
  /** How many of the trials have run twice, to the same end. */
  readonly verified: number
  /** Takes in a line. Throws a FileError where it is damaged, or of another search. */
  take(text: string): void
  has(trial: number): boolean
  endingOf(trial: number): Ending | undefined
  claimOf(task: string): Claim | undefined
  /** Trials that somebody has claimed and that have not ended. */
  inWork(): readonly { readonly index: number; readonly by: string }[]
  /** How many workers have died of a task. */
  deathsOf(task: string): number
  /** The trial and its space, once those of the rounds before have ended. */
  trial(index: number): Trial<S>
  /** The first trial that has not ended, and the end of its round; undefined where all have. */
  open(): { readonly first: number; readonly last: number } | undefined
  /** Trials that are to run once more, on a worker other than that of their first time. */
  unverified(): readonly number[]
  /** The first trial that has to come to this epoch, or to end, before this one can be compared; undefined if all have. */
  missing(index: number, epoch: number): number | undefined
}

/** The record of a search; `name` is for messages. */
export function createRecord<S extends Space>(name: string, plan: Plan<S>): SearchRecord<S> {
  const { goal, total, rounds: count } = plan
  const sign = goal === 'low' ? 1 : -1
  const ranking = createRanking<S>(sign)
  const reports: Watched[] = []
  const results = new Map<number, { result: TrialResult<S>; ending: Ending | undefined; line: number }>()
  const claims = new Map<string, Claim>()
  const deaths = new Map<string, number>()
  const again = new Map<number, Ending[]>()
  const differences: Difference[] = []
  const rounds: Round<S>[] = []
  let verified = 0
  /** Trials of the whole search, and the share of them that runs twice. */
  let extent: { trials: number; verify: number } | undefined
  let identity: Identity | undefined
  let lines = 0
  /** The first trial that has not ended. */
  let first = 0
  /** Which are to run twice, as far as that has been found out. */
  let toVerify: number[] = []

  const startOf = (round: number) => Math.ceil((round * total) / count)
  /** Begins the next round: all trials of those before have ended. */
  const begin = () => {
    const from = startOf(rounds.length)
    const to = startOf(rounds.length + 1)
    const last = rounds.at(-1)
    rounds.push({ space: last ? narrowed(last, ranking.inOrder()) : plan.space, first: from, trials: to - from })
    for (let index = from; index < to; index++) check(index)
  }
  /** Throws where a trial that has ended is not that of this search. */
  const check = (index: number) => {
    const known = results.get(index)
    if (!known) return
    const [ours, theirs] = [trial(index), known.result].map(({ seed, parameters }) => textOf({ seed, parameters }))
    if (ours === theirs) return
    throw new FileError(
      `search: ${clip(name)}: line ${known.line}: trial ${index} has ${clip(theirs)}, here it is ${clip(ours)}; ` +
        'give another file, or delete it to begin anew',
    )
  }
  const trial = (index: number): Trial<S> => {
    const round = rounds.find(({ first, trials }) => index < first + trials)!
    return plan.make(round.space, index)
  }
  /** Goes on to the first trial that has not ended, and to its round. */
  const advance = () => {
    for (;;) {
      while (first < total && results.has(first)) first++
      if (rounds.length === count || first < startOf(rounds.length)) return
      begin()
    }
  }
  const watched = (index: number) => (reports[index] ??= { epochs: [], best: [], over: false })

  const end = (entry: Line & { ending?: Ending }) => {
    const { ending, ...line } = entry
    const { index } = line
    if (index >= total || results.has(index)) return
    const result = { ...line, score: line.score ?? NaN } as TrialResult<S>
    results.set(index, { result, ending, line: lines })
    reports[index] = { epochs: [], best: [], over: true }
    for (const [epoch, score] of line.curve) addReport(reports[index], epoch, sign * score)
    ranking.add(result)
    if (rounds.length && index < rounds.at(-1)!.first + rounds.at(-1)!.trials) check(index)
    if (ending && extent && isChosen(plan.seed, index, extent.verify)) toVerify.push(index)
    for (const other of again.get(index) ?? []) compare(index, other)
  }
  /** Looks at a trial that has ended once more. */
  const compare = (trial: number, other: Ending) => {
    const own = results.get(trial)?.ending
    if (!own || own.by === other.by) return
    if (own.hash === other.hash) verified++
    else differences.push({ trial, endings: [own, other] })
    toVerify = toVerify.filter((index) => index !== trial)
  }

  const take = (text: string): void => {
    lines++
    if (lines === 1 || text.trim() === '') return
    let entry: Entry
    try {
      entry = JSON.parse(text) as Entry
    } catch {
      throw damaged('it is no JSON')
    }
    const problem = problemOfEntry(entry)
    if (problem) throw damaged(problem)
    switch (entry.type) {
      case undefined:
        return end(entry)
      case 'extent':
        extent = entry
        toVerify = [...results]
          .filter(([index, { ending }]) => ending && isChosen(plan.seed, index, entry.verify) && !again.has(index))
          .map(([index]) => index)
        return
      case 'run':
        identity = entry
        return
      case 'claim': {
        const before = claims.get(entry.task)
        if (before && !before.released) deaths.set(entry.task, (deaths.get(entry.task) ?? 0) + 1)
        claims.set(entry.task, { by: entry.by, attempt: entry.attempt, released: false })
        return
      }
      case 'release': {
        const claim = claims.get(entry.task)
        if (claim?.attempt === entry.attempt) claims.set(entry.task, { ...claim, released: true })
        return
      }
      case 'report': {
        const own = watched(entry.trial)
        if (!own.over && entry.epoch > lastEpoch(own)) addReport(own, entry.epoch, sign * entry.score)
        return
      }
      case 'again': {
        const endings = again.get(entry.trial) ?? []
        again.set(entry.trial, [...endings, entry.ending])
        compare(entry.trial, entry.ending)
      }
    }
  }
  const damaged = (problem: string) =>
    new FileError(
      `search: ${clip(name)}: line ${lines} is damaged: ${problem}; delete that line, and its trial runs again`,
    )

  return {
    plan,
    ranking,
    reports,
    rounds,
    differences,
    get verified() {
      return verified
    },
    get identity() {
      return identity
    },
    take,
    has: (index) => results.has(index),
    endingOf: (index) => results.get(index)?.ending,
    claimOf: (task) => claims.get(task),
    inWork: () =>
      Array.from(claims, ([task, { by, released }]) => ({
        index: parseInt(task),
        by,
        released,
        again: task.endsWith('n'),
      }))
        .filter(
          ({ index, released, again: isAgain }) => !released && (isAgain ? !again.has(index) : !results.has(index)),
        )
        .map(({ index, by }) => ({ index, by })),
    deathsOf: (task) => deaths.get(task) ?? 0,
    trial,
    open() {
      advance()
      if (first >= total) return undefined
      const { first: from, trials } = rounds.at(-1)!
      return { first, last: from + trials }
    },
    unverified: () => toVerify,
    missing(index, epoch) {
      for (let i = first; i <= index - LAG; i++) {
        const other = reports[i]
        if (!other || (!other.over && lastEpoch(other) < epoch)) return i
      }
      return undefined
    },
  }
}

/** Whether a trial is one of those that run twice: it depends on the seed and its number alone. */
function isChosen(seed: number, index: number, share: number): boolean {
  return (mix(mix(seed | 0) + index) >>> 0) / 2 ** 32 < share
}

/** The space after a round, by its best trials. */
function narrowed<S extends Space>({ space, first, trials }: Round<S>, ranked: readonly TrialResult<S>[]): S {
  const own = ranked.filter(({ index }) => index >= first && index < first + trials)
  const scored = own.filter(({ score }) => Number.isFinite(score))
  const best = scored.slice(0, Math.max(3, Math.ceil(trials / 4))).map(({ parameters }) => parameters as Values<S>)
  return best.length ? narrow(space, best, trials) : space
}
