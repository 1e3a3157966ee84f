// Hyperparameter search: many trials, each a set of hyperparameters with a seed, and which of them did best.

import { viewBytes } from '../data/bytes'
import { FileError, PlanError, checkArguments, integer, show } from '../errors'
import { checkpointsOf } from './checkpoints'
import { type Journal, openJournal } from './journal'
import { type SearchOptions, type Settings, checkSearch } from './settings'
import { type Space, type Trial, type Values, narrow } from './space'
import { LAG, type Watched, addReport, goesOn, lastEpoch } from './stopping'
import {
  type Line,
  type Ranking,
  type Round,
  type SearchResult,
  type TrialResult,
  createRanking,
  problemOf,
} from './trials'
import { clip, reasonOf, textOf } from './texts'
import type { Report, TrialCheckpoint, TrialWorker } from './workers'

/**
 * Searches hyperparameters: runs many trials with values drawn from `space`, and ranks them by the score that each gives.
 *
 *     const { best } = await search({
 *       space: { learningRate: logUniform(1e-4, 1), rho: oneMinusLogUniform(0.9, 0.999), units: integer(8, 64) },
 *       trials: 40,
 *       seed: 1,
 *       file: 'runs/search.jsonl',
 *       run: async ({ parameters, seed }, report) => {
 *         const { learningRate, rho, units } = parameters
 *         const model = await createModel(sequential(dense(units), relu(), dense(10)), {
 *           input: [784], loss: softmaxCrossEntropy(), optimizer: momentum({ learningRate, rho }), seed,
 *         })
 *         await model.fit(training, { epochs: 5, validation, onEpoch: (e) => report(e.epoch, e.validationLoss ?? NaN) })
 *         return model.evaluate(validation).loss
 *       },
 *     })
 *
 * The result depends on the seed and on `run` alone, not on the number of workers, on times or on a resume. Throws a
 * PlanError on bad options and if every trial fails; a FileError on a file that is damaged, of another search, or none
 * of a search at all, which stays as it is, and while another process of this machine searches with the same file.
 */
export async function search<const S extends Space>(options: SearchOptions<S>): Promise<SearchResult<S>> {
  checkArguments('search', arguments, 1)
  const settings = checkSearch(options)
  const journal =
    settings.file === undefined ? undefined : openJournal<Line>(settings.file, settings.setting, problemOf)
  try {
    return await run(settings, journal)
  } finally {
    journal?.close()
  }
}

async function run<S extends Space>(settings: Settings<S>, journal?: Journal<Line>): Promise<SearchResult<S>> {
  const { total, rounds, goal, stopping, workers, signal } = settings
  const sign = goal === 'low' ? 1 : -1
  const ranking = createRanking<S>(sign)
  const reports: Watched[] = []
  /** Those of the file, by their index. */
  const known = new Map<number, { trial: TrialResult<S>; number: number }>()
  for (const { number, line } of journal?.trials ?? []) {
    if (line.index >= total) continue
    const trial = { ...line, score: line.score ?? NaN } as TrialResult<S>
    ranking.add(trial)
    known.set(line.index, { trial, number })
    reports[line.index] = { epochs: [], best: [], over: true }
    for (const [epoch, score] of line.curve) addReport(reports[line.index], epoch, sign * score)
  }

  const tell = createTeller(settings, ranking)

  /** Once the signal came, or something is wrong beyond a trial: what still runs does not count. */
  let over = signal?.aborted ?? false
  // Those who wait look again whenever a trial reports, or ends, and once all is over.
  let waiting: (() => void)[] = []
  const wake = () => {
    const woken = waiting
    waiting = []
    for (const one of woken) one()
  }
  const change = () => new Promise<void>((done) => waiting.push(done))

  /** The first trial that has not ended. */
  let open = 0
  const canCompare = (index: number, epoch: number) => {
    while (reports[open]?.over) open++
    for (let i = open; i <= index - LAG; i++) {
      const other = reports[i]
      if (!other || (!other.over && lastEpoch(other) < epoch)) return false
    }
    return true
  }

  const checkpoints = checkpointsOf(settings.file)

  const runTrial = async (worker: TrialWorker, trial: Trial<S>): Promise<void> => {
    const { index } = trial
    const own: Watched = { epochs: [], best: [], over: false }
    // Files and threads know nothing of the space.
    const plain = trial as unknown as Trial
    const cutOff = await checkpoints.read(plain)
    if (over) return
    reports[index] = own
    const curve = [...(cutOff?.curve ?? [])]
    for (const [epoch, score] of curve) addReport(own, epoch, sign * score)
    let status: TrialResult['status'] = cutOff?.status ?? 'done'
    const judge = async (epoch: number, score: number): Promise<boolean> => {
      if (own.over || over) return false
      const last = curve.at(-1)?.[0] ?? -1
      integer(`report of trial ${index}`, 'epoch, which grows from call to call,', epoch, last + 1)
      if (typeof score !== 'number') {
        throw new PlanError(`report of trial ${index}: the score must be a number, got ${show(score)}`)
      }
      if (!Number.isFinite(score)) {
        status = 'diverged'
        return false
      }
      curve.push([epoch, score])
      addReport(own, epoch, sign * score)
      wake()
      if (stopping && status === 'done') {
        while (!over && !canCompare(index, epoch)) await change()
        if (!goesOn(own, reports.slice(0, Math.max(index - LAG + 1, 0)), stopping)) status = 'stopped'
      }
      return status === 'done' && !over
    }
    /** What was wrong with a report; run may not wait for the answer. */
    let refused: unknown
    const report: Report = (epoch, score) => {
      const answer = judge(epoch, score)
      answer.catch((error: unknown) => (refused ??= error))
      return answer
    }
    let writing: Promise<void> | undefined
    const checkpoint: TrialCheckpoint = {
      resume: cutOff?.bytes,
      save: async (bytes) => {
        // What runs in this thread cannot be ended: from here on it is nobody's business.
        if (own.over || over) return
        await (writing = checkpoints.write(plain, {
          curve,
          status,
          bytes: viewBytes('save', bytes),
        }))
      },
    }
    const begun = performance.now()
    let score: unknown = NaN
    let error: string | undefined
    try {
      score = await unlessOver(worker.run(plain, report, checkpoint))
      if (over) return
      if (refused) throw refused
      if (typeof score !== 'number') throw new Error(`run must give the score, a number, got ${show(score)}`)
      if (!Number.isFinite(score)) status = 'diverged'
    } catch (cause) {
      status = 'failed'
      error = reasonOf(cause)
    } finally {
      own.over = true
    }
    if (over) return
    if (status === 'diverged' || status === 'failed') score = NaN
    const seconds = Math.round(performance.now() - begun) / 1000
    const result = { ...trial, status, score: score as number, curve, seconds, ...(error !== undefined && { error }) }
    ranking.add(result)
    journal?.add({ ...(result as unknown as TrialResult), score: Number.isFinite(score) ? result.score : null })
    await writing?.catch(() => {})
    checkpoints.drop(plain)
    wake()
    await unlessOver(tell(result))
  }

  /** What a promise gives; undefined as soon as all is over, for what runs in this thread cannot be ended. */
  const unlessOver = async <T>(promise: Promise<T>): Promise<T | undefined> => {
    let settled = false
    const settle = () => {
      settled = true
      wake()
    }
    promise.then(settle, settle)
    while (!settled && !over) await change()
    return settled ? promise : undefined
  }

  const end = () => {
    over = true
    wake()
    return Promise.all(workers.map((worker) => worker.close()))
  }
  const done: Round<S>[] = []
  signal?.addEventListener('abort', end)
  try {
    await unlessOver(tell())
    let space = settings.space
    for (let round = 0; round < rounds && !(over && round); round++) {
      const first = Math.ceil((round * total) / rounds)
      const last = Math.ceil(((round + 1) * total) / rounds)
      done.push({ space, first, trials: last - first })
      for (const { trial, number } of known.values()) {
        if (trial.index >= first && trial.index < last) {
          checkSame(settings.file!, number, settings.make(space, trial.index), trial)
        }
      }
      let next = first
      const work = async (worker: TrialWorker) => {
        while (!over) {
          while (known.has(next)) next++
          if (next >= last) return
          const trial = settings.make(space, next++)
          await worker.open().catch((error: Error) => {
            if (!over) throw error
          })
          if (!over) await runTrial(worker, trial)
        }
      }
      let left = 0
      for (let index = first; index < last && left < workers.length; index++) if (!known.has(index)) left++
      await Promise.all(workers.slice(0, left).map(work))
      if (round + 1 < rounds && !over) space = narrowed(space, last - first, first, ranking.inOrder())
    }
  } finally {
    signal?.removeEventListener('abort', end)
    await end()
  }
  const trials = ranking.inOrder()
  if (ranking.counts.failed === total) {
    const { index, error } = trials[0]
    throw new PlanError(`search: ${total > 1 ? `all ${total} trials` : 'the trial'} failed; trial ${index}: ${error}`)
  }
  return { best: ranking.best, trials, rounds: done, goal, aborted: signal?.aborted ?? false }
}

/** Tells onProgress how far the search is: at the start, and after each trial. */
function createTeller<S extends Space>({ total, onProgress }: Settings<S>, ranking: Ranking<S>) {
  const { trials, counts } = ranking
  const started = performance.now()
  const before = trials.length
  return async (latest?: TrialResult<S>): Promise<void> => {
    if (!onProgress) return
    const seconds = (performance.now() - started) / 1000
    const rate = trials.length > before ? (trials.length - before) / seconds : NaN
    await onProgress({
      done: trials.length,
      total,
      failed: counts.diverged + counts.failed,
      stopped: counts.stopped,
      latest,
      best: ranking.best,
      trialsPerMinute: 60 * rate,
      secondsLeft: (total - trials.length) / rate,
    })
  }
}

/** The space after a round, by its best trials. */
function narrowed<S extends Space>(space: S, trials: number, first: number, ranked: readonly TrialResult<S>[]): S {
  const own = ranked.filter(({ index }) => index >= first && index < first + trials)
  const scored = own.filter(({ score }) => Number.isFinite(score))
  const best = scored.slice(0, Math.max(3, Math.ceil(trials / 4))).map(({ parameters }) => parameters as Values<S>)
  return best.length ? narrow(space, best, trials) : space
}

/** A file whose trials are not those of this search was changed, or written by another version. */
function checkSame(file: string, number: number, trial: Trial, old: Trial): void {
  const [ours, theirs] = [trial, old].map(({ seed, parameters }) => textOf({ seed, parameters }))
  if (ours === theirs) return
  throw new FileError(
    `search: ${clip(file)}: line ${number}: trial ${trial.index} has ${clip(theirs)}, here it is ${clip(ours)}; ` +
      'give another file, or delete it to begin anew',
  )
}
