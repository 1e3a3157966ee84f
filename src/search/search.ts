// Hyperparameter search: many trials, each a set of hyperparameters with a seed, and which of them did best.

import { PlanError, checkArguments } from '../errors'
import { type Desk, agree, openDesk, taskOf } from './desk'
import { type Journal, firstLine, openJournal } from './journal'
import { localStore } from './local-store'
import { createRunner, serve } from './serve'
import { type SearchOptions, type Settings, checkSearch } from './settings'
import type { Space } from './space'
import { LEASE } from './work'
import { type Line, type SearchResult, problemOf } from './trials'

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
 * The result depends on the seed and on `run` alone, not on the number of workers, on times or on a resume; with a
 * `store`, on which processes of many machines work, not on their order and deaths either. Throws a PlanError on bad
 * options and if every trial fails; a FileError on a file or a store that is damaged, of another search, or none of a
 * search at all, which stays as it is, and while another process of this machine searches with the same file.
 */
export async function search<const S extends Space>(options: SearchOptions<S>): Promise<SearchResult<S>> {
  checkArguments('search', arguments, 1)
  const settings = checkSearch(options)
  const { file, store, setting, workers } = settings
  const journal = file === undefined ? undefined : openJournal<Line>(file, setting, problemOf)
  try {
    if (!store)
      return await run(settings, await openDesk('search', local(settings, journal), settings, { shared: false }))
    await store.add('search', firstLine(setting))
    const desk = await openDesk('search', store, settings, {
      shared: true,
      ...(workers.length && { lease: LEASE * 1000 }),
    })
    return await run(settings, desk)
  } finally {
    journal?.close()
  }
}

function local<S extends Space>({ setting, file }: Settings<S>, journal: Journal<Line> | undefined) {
  return localStore(firstLine(setting), file, journal)
}

async function run<S extends Space>(settings: Settings<S>, desk: Desk<S>): Promise<SearchResult<S>> {
  const { goal, total, workers, identity, verify, signal } = settings
  const shared = settings.store !== undefined
  const tell = createTeller(settings, desk)
  const runner = createRunner(workers, () => desk.unlessOver(tell()))
  const ending: { closed?: Promise<unknown> } = {}
  const end = () => {
    desk.end()
    return (ending.closed ??= runner.close())
  }
  if (signal?.aborted) desk.end()
  signal?.addEventListener('abort', end)
  try {
    if (shared && !desk.over) {
      await desk.add({ type: 'extent', trials: total, verify })
      if (identity) await agree('search', desk, identity)
    }
    await desk.unlessOver(tell())
    const here = workers.map(() => serve(desk, runner, LEASE * 1000))
    await Promise.all([...here, ...(shared ? [coordinate(desk, tell)] : [])])
  } finally {
    signal?.removeEventListener('abort', end)
    await end()
    await desk.close()
  }
  const { record } = desk
  const trials = record.ranking.inOrder()
  if (record.ranking.counts.failed === total) {
    const { index, error } = trials[0]
    throw new PlanError(`search: ${total > 1 ? `all ${total} trials` : 'the trial'} failed; trial ${index}: ${error}`)
  }
  const { differences, verified, rounds } = record
  return { best: record.ranking.best, trials, rounds, goal, aborted: signal?.aborted ?? false, differences, verified }
}

/** Looks after a search on which others work, until it is done: hands trials to a queue, and tells how far it is. */
async function coordinate<S extends Space>(desk: Desk<S>, tell: () => Promise<void>): Promise<void> {
  const { queue } = desk.store
  /** The round whose trials the queue has, and when it got them. */
  let offered = -1
  let asked = -Infinity
  while (!desk.over && !desk.isDone()) {
    const { version, record } = desk
    const open = record.open()
    const round = record.rounds.length - 1
    // What it has lost it gets again.
    if (queue && open && (round > offered || performance.now() - asked > OFFERS)) {
      const trials = Array.from({ length: open.last - open.first }, (_, i) => open.first + i)
      const free = await Promise.all(trials.map((index) => desk.isFree(taskOf(index))))
      await queue.offer(trials.filter((_, i) => free[i]))
      offered = round
      asked = performance.now()
    }
    await desk.change(version)
    await desk.unlessOver(tell())
  }
}

/** Milliseconds between two offers of the same trials. */
const OFFERS = 10_000

/** Tells onProgress how far the search is: at the start, and after each trial, one call at a time. */
function createTeller<S extends Space>({ total, onProgress, workers, store }: Settings<S>, desk: Desk<S>) {
  const started = performance.now()
  const before = desk.record.ranking.trials.length
  let told = before
  /** How many had run twice when that was last told; less than none at the start. */
  let twice = -1
  const call = async (latest: number | undefined) => {
    const { ranking, differences } = desk.record
    const { trials, counts } = ranking
    const seconds = (performance.now() - started) / 1000
    const rate = trials.length > before ? (trials.length - before) / seconds : NaN
    await onProgress!({
      done: trials.length,
      total,
      failed: counts.diverged + counts.failed,
      stopped: counts.stopped,
      latest: latest === undefined ? undefined : trials[latest],
      best: ranking.best,
      trialsPerMinute: 60 * rate,
      secondsLeft: (total - trials.length) / rate,
      workers: store ? (await desk.alive()).length : workers.length,
      differences,
      unverified: desk.record.unverified().length,
    })
  }
  let telling: Promise<void> = Promise.resolve()
  return (): Promise<void> => {
    if (!onProgress) return telling
    telling = telling.then(async () => {
      if (twice < 0) {
        twice = desk.record.verified + desk.record.differences.length
        return call(undefined)
      }
      // What holds the log may have lost the last of it.
      told = Math.min(told, desk.record.ranking.trials.length)
      while (told < desk.record.ranking.trials.length && !desk.over) await call(told++)
      const now = desk.record.verified + desk.record.differences.length
      if (now !== twice && !desk.over) {
        twice = now
        await call(undefined)
      }
    })
    return telling
  }
}
