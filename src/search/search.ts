// Hyperparameter search: many trials, each a set of hyperparameters with a seed, and which of them did best.

import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { FileError, PlanError, checkOptions, integer, oneOf, show } from '../errors'
import { openJournal } from './journal'
import { type Lane, type Report, type Run, ownLane, workerLane } from './workers'
import { type Space, type Trial, type Values, checkSpace, gridOf, gridTrial, narrow, trialOf } from './space'
import { type Curve, LAG, type TrialStopping, checkStopping, goesOn } from './stopping'

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
  /** The trial that has just ended; undefined at the start. */
  readonly latest: TrialResult<S> | undefined
  /** The best so far. */
  readonly best: TrialResult<S> | undefined
  /** Since this run of the search began; NaN until a trial has ended. */
  readonly trialsPerMinute: number
  /** What the trials that are left will take at this rate; NaN until a trial has ended. */
  readonly secondsLeft: number
}

/** What search does, and how. */
export interface SearchOptions<S extends Space> {
  /** Hyperparameters by name, each with the values it may have. */
  space: S
  /** Runs a trial, in this thread, one after the other. */
  run?: Run<S>
  /**
   * Or: a module that exports `run`, the same function. Trials then run on worker threads, many at once. A file: URL,
   * such as `new URL('trial.js', import.meta.url)`, or a path.
   */
  worker?: URL | string
  /** Worker threads; as many as the machine has cores unless given. */
  workers?: number
  /** How many trials. Of a grid it follows from `points`. */
  trials?: number
  /** Of what trials draw: the same seed gives the same trials. 0 unless given. */
  seed?: number
  /**
   * 'random' draws each trial (Bergstra & Bengio, 2012, show why that beats a grid). 'grid', for
   * comparison, tries all combinations of `points` values of each range and all values of each choice. 'random' unless
   * given.
   */
  mode?: 'random' | 'grid'
  /** Of a grid. 3 unless given. */
  points?: number
  /**
   * From coarse to fine: the trials come in so many rounds, and each round draws from ranges that shrank to where the
   * best quarter of the round before lay (3 trials at least). 1 unless given.
   */
  rounds?: number
  /**
   * Whether the best score is the lowest, 'low', such as a loss, or the highest, 'high', such as an accuracy. 'low'
   * unless given.
   */
  goal?: 'low' | 'high'
  /** Ends hopeless trials, by what they report. None unless given; a trial that diverges ends in any case. */
  earlyStopping?: TrialStopping
  /**
   * Keeps what was found: a line of JSON for each trial. A search with the same file goes on where it stopped, and ends
   * with the same result. It may be given more `trials`, if there is one round. A trial whose line is deleted runs again.
   */
  file?: string
  /** Ends the search at once. Trials in work are lost, those that have ended are not. */
  signal?: AbortSignal
  /** Called at the start and whenever a trial has ended. */
  onProgress?: (progress: SearchProgress<S>) => void
}

const OPTIONS = [
  'space',
  'run',
  'worker',
  'workers',
  'trials',
  'seed',
  'mode',
  'points',
  'rounds',
  'goal',
  'earlyStopping',
  'file',
  'signal',
  'onProgress',
]

/** What a trial has reported so far, with the sign by which less is better. */
interface Watched {
  curve: (readonly [epoch: number, score: number])[]
  /** Whether that is all. */
  over: boolean
}

/** A trial as the file has it: JSON has no NaN. */
type Line = Omit<TrialResult, 'score'> & { score: number | null }

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
 *         await model.fit(training, {
 *           epochs: 5,
 *           validation,
 *           onEpoch: ({ epoch, validationLoss = NaN }) => report(epoch, validationLoss),
 *         })
 *         return model.evaluate(validation).loss
 *       },
 *     })
 *
 * The result depends on the seed and on `run` alone, not on the number of workers, on times or on a resume. Throws a
 * PlanError on bad options and if every trial fails, a FileError on a file of another search.
 */
export async function search<const S extends Space>(options: SearchOptions<S>): Promise<SearchResult<S>> {
  const where = 'search'
  checkOptions(where, options, OPTIONS)
  const { space, file, signal, onProgress } = options
  checkSpace(where, space)
  const seed = integer(where, 'seed', options.seed ?? 0, 0)
  const goal = oneOf(where, 'goal', options.goal ?? 'low', ['low', 'high'])
  const stopping = options.earlyStopping && checkStopping(options.earlyStopping)
  const { grid, total, rounds } = extent(options as unknown as SearchOptions<Space>)
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new PlanError(`${where}: onProgress must be a function, got ${show(onProgress)}`)
  }
  const lanes = lanesOf(options as unknown as SearchOptions<Space>, total)
  const sign = goal === 'low' ? 1 : -1

  const setting = {
    space,
    seed,
    goal,
    mode: options.mode ?? 'random',
    points: grid && (options.points ?? 3),
    // More rounds depend on how many trials each has.
    rounds: rounds > 1 ? rounds : undefined,
    trials: rounds > 1 ? total : undefined,
    earlyStopping: stopping,
  }
  const journal = file === undefined ? undefined : openJournal<Line>(file, setting)
  const ended: TrialResult<S>[] = []
  const reports: Watched[] = []
  const signed = (curve: Curve) => curve.map(([epoch, score]) => [epoch, sign * score] as const)
  for (const line of journal?.trials ?? []) {
    if (line.index >= total) continue
    ended.push({ ...line, score: line.score ?? NaN } as TrialResult<S>)
    reports[line.index] = { curve: signed(line.curve), over: true }
  }

  const rank = (trial: TrialResult<S>) => (Number.isFinite(trial.score) ? sign * trial.score : Infinity)
  const inOrder = (trials: readonly TrialResult<S>[]) =>
    trials.toSorted((a, b) => (rank(a) === rank(b) ? a.index - b.index : rank(a) - rank(b)))
  const found = () => inOrder(ended).find((trial) => Number.isFinite(trial.score))

  /** Once the signal came, or something is wrong beyond a trial: what still runs does not count. */
  const over = { yet: signal?.aborted ?? false }
  const started = performance.now()
  const before = ended.length
  const tell = (latest?: TrialResult<S>) => {
    const seconds = (performance.now() - started) / 1000
    const rate = ended.length > before ? (ended.length - before) / seconds : NaN
    const count = (...kinds: string[]) => ended.filter(({ status }) => kinds.includes(status)).length
    onProgress?.({
      done: ended.length,
      total,
      failed: count('diverged', 'failed'),
      stopped: count('stopped'),
      latest,
      best: found(),
      trialsPerMinute: 60 * rate,
      secondsLeft: (total - ended.length) / rate,
    })
  }

  // Trials that wait for those before them look again whenever one of them reports, or ends.
  let waiting: (() => void)[] = []
  const wake = () => {
    const woken = waiting
    waiting = []
    for (const one of woken) one()
  }
  const reached = (index: number, epoch: number) => {
    const { curve, over } = reports[index] ?? { curve: [], over: false }
    return over || (curve.at(-1)?.[0] ?? -1) >= epoch
  }
  const canCompare = (index: number, epoch: number) => {
    for (let i = 0; i <= index - LAG; i++) if (!reached(i, epoch)) return false
    return true
  }

  const runTrial = async (lane: Lane, trial: Trial<S>): Promise<void> => {
    const { index } = trial
    const own: Watched = { curve: [], over: false }
    reports[index] = own
    const curve: (readonly [number, number])[] = []
    let status: TrialResult['status'] = 'done'
    const report: Report = async (epoch, score) => {
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
      own.curve.push([epoch, sign * score])
      wake()
      if (stopping && status === 'done') {
        while (!over.yet && !canCompare(index, epoch)) await new Promise<void>((done) => waiting.push(done))
        const others = reports.slice(0, Math.max(index - LAG + 1, 0)).map((other) => other.curve)
        if (!goesOn(signed(curve), others, stopping)) status = 'stopped'
      }
      return status === 'done' && !over.yet
    }
    const begun = performance.now()
    let score = NaN
    let error: string | undefined
    try {
      score = await lane.run(trial as unknown as Trial, report)
      if (typeof score !== 'number') throw new Error(`run must give the score, a number, got ${show(score)}`)
      if (!Number.isFinite(score)) status = 'diverged'
    } catch (cause) {
      status = 'failed'
      error = cause instanceof Error ? cause.message : String(cause)
    }
    own.over = true
    if (over.yet) return
    if (status === 'diverged' || status === 'failed') score = NaN
    const seconds = Math.round(performance.now() - begun) / 1000
    const result = { ...trial, status, score, curve, seconds, ...(error !== undefined && { error }) }
    ended.push(result)
    journal?.add({ ...(result as unknown as TrialResult), score: Number.isFinite(score) ? score : null })
    wake()
    tell(result)
  }

  const done: Round<S>[] = []
  const end = () => {
    over.yet = true
    wake()
    return Promise.all(lanes.map((lane) => lane.close()))
  }
  signal?.addEventListener('abort', end)
  try {
    tell()
    let current = space
    for (let round = 0; round < rounds && !(over.yet && round); round++) {
      const first = Math.ceil((round * total) / rounds)
      const last = Math.ceil(((round + 1) * total) / rounds)
      done.push({ space: current, first, trials: last - first })
      const make = (index: number): Trial<S> =>
        grid ? gridTrial(current, grid, seed, index) : trialOf(current, seed, index)
      const known = new Map(ended.map((trial) => [trial.index, trial]))
      const left: Trial<S>[] = []
      for (let index = first; index < last; index++) {
        const trial = make(index)
        const old = known.get(index)
        if (old) checkSame(file!, trial, old)
        else left.push(trial)
      }
      let next = 0
      await Promise.all(
        lanes.slice(0, left.length).map(async (lane) => {
          while (next < left.length && !over.yet) {
            const trial = left[next++]
            await lane.open().catch((error: Error) => {
              if (!over.yet) throw error
            })
            if (!over.yet) await runTrial(lane, trial)
          }
        }),
      )
      if (round + 1 < rounds && !over.yet) current = narrowed(current, last - first, first, inOrder(ended))
    }
  } finally {
    signal?.removeEventListener('abort', end)
    await end()
  }
  const trials = inOrder(ended)
  const broken = trials.filter(({ status }) => status === 'failed')
  if (broken.length === total) {
    throw new PlanError(`search: all ${total} trials failed; trial ${broken[0].index}: ${broken[0].error}`)
  }
  return { best: found(), trials, rounds: done, goal, aborted: signal?.aborted ?? false }

  /** The space after a round, by its best trials. */
  function narrowed(current: S, trials: number, first: number, ranked: readonly TrialResult<S>[]): S {
    const own = ranked.filter(({ index }) => index >= first && index < first + trials)
    const scored = own.filter(({ score }) => Number.isFinite(score))
    const best = scored.slice(0, Math.max(3, Math.ceil(trials / 4)))
    return best.length
      ? narrow(
          current,
          best.map(({ parameters }) => parameters as Values<S>),
          trials,
        )
      : current
  }
}

/** How many trials there are, in how many rounds, and the values of a grid. */
function extent({ space, mode, points, trials, rounds }: SearchOptions<Space>) {
  const where = 'search'
  oneOf(where, 'mode', mode ?? 'random', ['random', 'grid'])
  if (mode === 'grid') {
    for (const [name, value] of Object.entries({ trials, rounds })) {
      if (value !== undefined)
        throw new PlanError(`${where}: ${name} is for a random search; a grid has points instead`)
    }
    const grid = gridOf(space, integer(where, 'points', points ?? 3, 1))
    return { grid, total: Object.values(grid).reduce((product, { length }) => product * length, 1), rounds: 1 }
  }
  if (points !== undefined) throw new PlanError(`${where}: points is for mode: 'grid'; a random search has trials`)
  const total = integer(where, 'trials', trials, 1)
  const count = integer(where, 'rounds', rounds ?? 1, 1)
  if (count > total) throw new PlanError(`${where}: ${count} rounds want a trial each at least, got ${total} trials`)
  return { grid: undefined, total, rounds: count }
}

/** What runs the trials: this thread, or workers, no more of them than trials. */
function lanesOf({ run, worker, workers }: SearchOptions<Space>, total: number): Lane[] {
  const where = 'search'
  if ((run === undefined) === (worker === undefined)) {
    throw new PlanError(
      `${where}: wants run, a function, or worker, the module of one; ${run ? 'not both' : 'got none'}`,
    )
  }
  if (run !== undefined) {
    if (typeof run !== 'function') throw new PlanError(`${where}: run must be a function, got ${show(run)}`)
    if (workers !== undefined) {
      throw new PlanError(`${where}: workers run a module: put run into one and hand in its address as worker`)
    }
    return [ownLane(run)]
  }
  if (typeof worker !== 'string' && !(worker instanceof URL)) {
    throw new PlanError(`${where}: worker must be the URL or the path of a module, got ${show(worker)}`)
  }
  const module = String(worker)
  const url = /^(file|data|node):/.test(module) ? module : pathToFileURL(module).href
  const count = integer(where, 'workers', workers ?? availableParallelism(), 1)
  return Array.from({ length: Math.min(count, total) }, () => workerLane(url))
}

/** A file whose trials are not those of this search was changed, or written by another version. */
function checkSame(file: string, trial: Trial, old: Trial): void {
  const [ours, theirs] = [trial, old].map(({ seed, parameters }) => JSON.stringify({ seed, parameters }))
  if (ours === theirs) return
  throw new FileError(
    `search: ${file}: trial ${trial.index} has ${theirs}, here it is ${ours}; give another file, or delete it to begin anew`,
  )
}
