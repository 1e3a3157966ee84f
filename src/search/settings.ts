// What search is asked for: checked, and with what was left out.

import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import {
  PlanError,
  callable,
  checkNoPromise,
  checkOptions,
  finite,
  given,
  integer,
  isObject,
  oneOf,
  readSafely,
  show,
} from '../errors'
import { checkSignal } from '../pause'
import { type Choosable, MAX_TRIALS, type Space, type Trial, checkSpace, gridOf, gridTrial, randomTrial } from './space'
import { type TrialStopping, checkStopping } from './stopping'
import { identityOf } from './identity'
import type { Identity, Store } from './store'
import type { SearchProgress } from './trials'
import { type Run, type TrialWorker, ownThread, workerThread } from './workers'

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
  /** Worker threads; as many as the machine has cores unless given, with a store none. */
  workers?: number
  /** How many trials. Of a grid it follows from `points`. */
  trials?: number
  /** Of what trials draw: the same seed gives the same trials. 0 unless given. */
  seed?: number
  /**
   * 'random' draws each trial (Bergstra & Bengio, 2012, show why that beats a grid). 'grid', for comparison, tries all
   * combinations of `points` values of each range and all values of each choice. 'random' unless given.
   */
  mode?: 'random' | 'grid'
  /** Of a grid. 3 unless given. */
  points?: number
  /**
   * From coarse to fine: the trials come in so many rounds, and each round draws from ranges that shrank to where the
   * best quarter of the round before lay (3 trials at least). 1 unless given.
   */
  rounds?: number
  /** Whether the best score is the lowest, such as a loss, or the highest, such as an accuracy. 'low' unless given. */
  goal?: 'low' | 'high'
  /** Ends hopeless trials, by what they report. None unless given; a trial that diverges ends in any case. */
  earlyStopping?: TrialStopping
  /**
   * Keeps what was found: a line of JSON for each trial. A search with the same file goes on where it stopped, and ends
   * with the same result. It may be given more `trials`, if there is one round. A trial whose line is deleted runs
   * again. One process of a machine writes to it at a time, and says so in a file beside it, which goes when the search
   * ends. A trial that was cut off goes on from the checkpoint that its `run` kept (see TrialCheckpoint), in a file beside
   * it as well; else it begins anew.
   */
  file?: string
  /**
   * Or: keeps it where many processes and machines work on it, each started with `work`. This process then coordinates:
   * it says what is searched, tells how far it is, and gives the result, which is that of one thread, whatever the
   * number of workers, their order and their deaths. It runs trials itself only if `workers` says so. With `run` or
   * `worker` it sees to it that all workers run the same source.
   */
  store?: Store
  /**
   * With a store: this share of the trials, from 0 to 1, runs twice, on different workers; see SearchResult.differences.
   * 0 unless given.
   */
  verify?: number
  /**
   * Ends the search at once, whatever it waits for: run, report or onProgress. Trials in work are lost, those that have
   * ended are not.
   */
  signal?: AbortSignal
  /** Called at the start and whenever a trial has ended, or ended once more; waited for if it gives a promise. */
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
  'store',
  'verify',
  'signal',
  'onProgress',
]

/** More threads than any machine has cores. */
const MAX_WORKERS = 1024

/** Which trials a search has. */
export interface Plan<S extends Space = Space> {
  readonly space: S
  readonly seed: number
  readonly goal: 'low' | 'high'
  readonly stopping: Required<TrialStopping> | undefined
  /** Trials of the whole search. */
  readonly total: number
  readonly rounds: number
  /** Trial `index`, from the space of its round. */
  make(space: S, index: number): Trial<S>
  /** All that the trials depend on, as the log says it in its first line. */
  readonly setting: Readonly<Record<string, unknown>>
}

/** What a search does. */
export interface Settings<S extends Space> extends Plan<S> {
  readonly workers: readonly TrialWorker[]
  readonly identity: Identity | undefined
  readonly file: string | undefined
  readonly store: Store | undefined
  readonly verify: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: SearchOptions<S>['onProgress']
}

type PlanOptions<S extends Space> = Pick<
  SearchOptions<S>,
  'space' | 'seed' | 'mode' | 'points' | 'trials' | 'rounds' | 'goal' | 'earlyStopping'
>

/** The trials that options ask for. Throws a PlanError where there can be none. */
export function planOf<S extends Space>(read: PlanOptions<S>): Plan<S> {
  const where = 'search'
  const space = checkSpace(where, read.space)
  const seed = integer(where, 'seed', read.seed ?? 0, 0)
  const goal = oneOf(where, 'goal', read.goal ?? 'low', ['low', 'high'])
  const mode = oneOf(where, 'mode', read.mode ?? 'random', ['random', 'grid'])
  const early = given(read.earlyStopping)
  const stopping = early === undefined ? undefined : checkStopping(early)
  const { grid, points, total, rounds } = extent(mode, space, read)
  return {
    space,
    seed,
    goal,
    stopping,
    total,
    rounds,
    make: (from, index) => (grid ? gridTrial(from, grid, seed, index) : randomTrial(from, seed, index)),
    setting: {
      space,
      seed,
      goal,
      mode,
      points,
      // More rounds depend on how many trials each has.
      rounds: rounds > 1 ? rounds : undefined,
      trials: rounds > 1 ? total : undefined,
      earlyStopping: stopping,
    },
  }
}

/** The trials of a search by the first line of its log. */
export function planFrom(setting: Readonly<Record<string, unknown>>, trials: number): Plan {
  const { mode, kind: _, ...options } = setting
  return planOf({ ...options, mode, ...(mode === 'random' && { trials }) } as unknown as PlanOptions<Space>)
}

/** The options, each read once. Throws a PlanError where one cannot be. */
export function checkSearch<S extends Space>(options: SearchOptions<S>): Settings<S> {
  const where = 'search'
  const read = checkOptions(where, options, OPTIONS)
  const plan = planOf(read)
  const onProgress = given(read.onProgress)
  if (onProgress !== undefined) callable(where, 'onProgress', onProgress, 'a function')
  const file = given(read.file)
  if (file !== undefined && (typeof file !== 'string' || file === '')) {
    throw new PlanError(`${where}: file must be the path of a file, got ${show(file)}`)
  }
  const store = checkStore(where, read.store)
  if (store && file !== undefined) {
    throw new PlanError(`${where}: wants file or store; not both: fileStore(file) is a store that many processes share`)
  }
  const verify = finite(where, 'verify', read.verify ?? 0, 0, 1)
  if (verify > 0 && !store) {
    throw new PlanError(`${where}: verify runs trials twice, on different workers of a store; give store, or no verify`)
  }
  const { workers, identity } = workersOf(read as SearchOptions<Space>, plan.total, store !== undefined)
  return { ...plan, workers, identity, file, store, verify, signal: checkSignal(where, read.signal), onProgress }
}

/** A store that was handed in; undefined where none was. Throws a PlanError where it is none. */
export function checkStore(where: string, store: unknown): Store | undefined {
  const value = given(store)
  if (value === undefined) return undefined
  return readSafely(where, 'store', () => {
    checkNoPromise(where, 'store', value, 'the function that makes it first')
    const missing = METHODS.find((name) => !isObject(value) || typeof (value as Store)[name] !== 'function')
    if (missing === undefined) return value as Store
    throw new PlanError(
      `${where}: store must be a store, such as fileStore('runs/search.jsonl'), got ${show(value)}` +
        (isObject(value) ? `, which has no ${missing}()` : ''),
    )
  })
}

const METHODS = ['add', 'read', 'beat', 'beats', 'save', 'load', 'drop', 'clear', 'close'] as const

interface Extent {
  /** The values of a grid. */
  grid?: ReadonlyMap<string, readonly Choosable[]>
  points?: number
  total: number
  rounds: number
}

/** How many trials there are, in how many rounds. */
function extent(mode: 'random' | 'grid', space: Space, options: Omit<SearchOptions<never>, 'space'>): Extent {
  const where = 'search'
  const { points, trials, rounds } = options
  if (mode === 'grid') {
    for (const [name, value] of Object.entries({ trials, rounds })) {
      if (value !== undefined)
        throw new PlanError(`${where}: ${name} is for a random search; a grid has points instead`)
    }
    const count = integer(where, 'points', points ?? 3, 1, MAX_TRIALS)
    const grid = gridOf(space, count)
    return { grid, points: count, total: [...grid.values()].reduce((all, { length }) => all * length, 1), rounds: 1 }
  }
  if (points !== undefined) throw new PlanError(`${where}: points is for mode: 'grid'; a random search has trials`)
  const total = integer(where, 'trials', trials, 1, MAX_TRIALS)
  const count = integer(where, 'rounds', rounds ?? 1, 1)
  if (count > total) throw new PlanError(`${where}: ${count} rounds want a trial each at least, got ${total} trials`)
  return { total, rounds: count }
}

/** What runs trials here: this thread, or worker threads, no more of them than trials; and what tells their `run`. */
function workersOf({ run, worker, workers }: SearchOptions<Space>, total: number, shared: boolean) {
  const where = 'search'
  if (run !== undefined && worker !== undefined) {
    throw new PlanError(`${where}: wants run, a function, or worker, the module of one; not both`)
  }
  if (run === undefined && worker === undefined) {
    if (!shared) throw new PlanError(`${where}: wants run, a function, or worker, the module of one; got none`)
    if (workers !== undefined) {
      throw new PlanError(`${where}: workers run a module: hand in its address as worker, or start work() elsewhere`)
    }
    return { workers: [], identity: undefined }
  }
  // Workers of a store run elsewhere, unless some are asked for.
  return runnersOf(where, { run, worker, workers: workers ?? (shared ? 0 : undefined) }, shared ? 0 : 1, total)
}

/** What runs trials: `run` in this thread, or `workers` threads with a module. */
export function runnersOf(
  where: string,
  { run, worker, workers }: Pick<SearchOptions<Space>, 'run' | 'worker' | 'workers'>,
  least = 1,
  most = Infinity,
): { workers: readonly TrialWorker[]; identity: Identity } {
  if (run !== undefined) {
    callable(where, 'run', run, 'a function')
    if (workers !== undefined && !(least === 0 && workers === 0)) {
      throw new PlanError(`${where}: workers run a module: put run into one and hand in its address as worker`)
    }
    return { workers: workers === 0 ? [] : [ownThread(run)], identity: identityOf(run) }
  }
  const url = addressOf(where, worker)
  const count = integer(where, 'workers', workers ?? availableParallelism(), least, MAX_WORKERS)
  return {
    workers: Array.from({ length: Math.min(count, most) }, () => workerThread(where, url)),
    identity: identityOf(url),
  }
}

/** The URL of a module. */
function addressOf(where: string, worker: URL | string | undefined): string {
  if ((typeof worker === 'string' && worker !== '') || worker instanceof URL) {
    const address = String(worker)
    if (/^(file|data|node):/.test(address)) return address
    if (typeof worker === 'string' && !worker.includes('\0')) return pathToFileURL(worker).href
  }
  throw new PlanError(`${where}: worker must be the URL or the path of a module, got ${show(worker)}`)
}
