// The workers of a thread, which compute shares of the calls of all its models. A model's calls are made on the main
// thread, one after the other; a call that is worth it is split (split.ts), and ends when all its shares are done.
// Workers wait for calls by looking at a word of shared memory, for a while, and then asleep. They are there as long as
// there are models that want them, and hold no process alive.

import type { Kernels } from '../kernels/index'
import type { DType } from '../tensor'
import { BLOCK_BYTES, type Block, type Routine, Word, blockOf, endShare, runShare, takeShare } from './shares'
import { RULES, type Rule, type Split, createSplit, splitOf } from './split'
import type { Answer, Message } from './thread'
import type { Threads } from './wasm'

/** thread.ts, as build.mjs puts it into this file. */
declare const THREAD: string

/** A worker of Node's kind, or of browsers'. */
interface Worker {
  postMessage(message: Message): void
  terminate(): unknown
  /** Whether it holds the process alive: Node's alone can say. */
  ref?(): void
  unref?(): void
}

interface Member {
  readonly worker: Worker
  /** What to call when it has a model. */
  readonly answered: Map<number, () => void>
  /** Rejects when it ends. */
  readonly ended: Promise<never>
}

interface Pool {
  readonly block: Block
  readonly buffer: SharedArrayBuffer
  readonly members: Member[]
  /** Whether this thread may sleep until a call is done. */
  readonly waits: boolean
  readonly errorOf: ErrorOf
  /** Numbers of the models. */
  readonly models: Set<number>
  /** Ends when all workers that were asked for are there. */
  growing: Promise<void>
  /** Why a worker ended that nobody had asked to. */
  ended: string | undefined
}

/** Looks at the word in a loop before sleeping: some 50 microseconds. */
const SPINS = 20_000
/** Nanoseconds that a share must take: handing it over takes about two microseconds. */
const LEAST_SHARE = 5000
/** Milliseconds after which a share that is in work is given up: whoever took it has ended. */
const PATIENCE = 20_000

let pool: Pool | undefined
let models = 0
let registry: FinalizationRegistry<Parameters<typeof forget>[0]> | undefined
/** For tests: every call with two units is split, and into as many shares as there are threads. */
let splitsAll = false

export function splitEverything(on: boolean): void {
  splitsAll = on
}

// ---- workers ----

const inNode = typeof process === 'object' && !!process.versions?.node

/** A module of Node's. Its name is not there as a whole: bundlers for pages would look for it. */
const ofNode = (name: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`)

/** How many cores the host has, as far as it says. */
async function coresOf(): Promise<number> {
  return inNode ? (await ofNode('os')).availableParallelism() : (globalThis.navigator?.hardwareConcurrency ?? 1)
}

/** Why there can be no threads here, and what would help; undefined where there can. */
function obstacle(): string | undefined {
  if (typeof SharedArrayBuffer !== 'function') {
    return inNode || globalThis.crossOriginIsolated
      ? 'this host has no SharedArrayBuffer'
      : 'this page is not cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin and ' +
          'Cross-Origin-Embedder-Policy: require-corp'
  }
  if (!inNode && typeof globalThis.Worker !== 'function') return 'this host has no workers'
  return undefined
}

async function startWorker(listen: (answer: Answer) => void, end: (why: string) => void): Promise<Worker> {
  if (inNode) {
    const { Worker } = await ofNode('worker_threads')
    const code = `import { parentPort as port } from 'node:worker_threads'\n${THREAD}`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      // What the process was started with is not for this.
      argv: [],
      execArgv: [],
      env: {},
      stdin: false,
    })
    worker.on('message', listen)
    worker.on('error', (error: unknown) => end(String(error)))
    worker.on('exit', () => end('it ended'))
    return worker as Worker
  }
  const url = URL.createObjectURL(new Blob([`const port = self\n${THREAD}`], { type: 'text/javascript' }))
  try {
    const worker = new globalThis.Worker(url, { name: 'v128' })
    worker.onmessage = ({ data }: MessageEvent<Answer>) => listen(data)
    worker.onerror = ({ message }) =>
      end(message || "it did not load; allow blob: in worker-src of the page's content security policy")
    return worker as Worker
  } finally {
    // When it was read: a worker that is being made still needs it.
    setTimeout(() => URL.revokeObjectURL(url), 10_000)
  }
}

/** Whether this thread may sleep on shared memory. */
function mayWait(words: Int32Array): boolean {
  try {
    Atomics.wait(words, Word.Done, -1, 0)
    return true
  } catch {
    return false
  }
}

async function addMember(to: Pool): Promise<void> {
  const answered: Member['answered'] = new Map()
  let tell: (why: string) => void = () => {}
  const end = (why: string) => {
    if (to.models.size) to.ended ??= why
    tell(why)
  }
  const listen = (answer: Answer) => {
    if ('error' in answer) return end(answer.error)
    answered.get(answer.model)?.()
    answered.delete(answer.model)
  }
  const ended = new Promise<never>((_, reject) => {
    tell = (why) => reject(new Error(why))
  })
  ended.catch(() => {})
  const worker = await startWorker(listen, end)
  to.members.push({ worker, answered, ended })
  worker.postMessage({ kind: 'begin', block: to.buffer, thread: to.members.length })
}

/** Brings the workers out of their waiting for calls: they read what they are sent, the last of which is 'serve'. */
function pause({ block: { words } }: Pool): void {
  Atomics.add(words, Word.Pauses, 1)
  // Another state, of no call, so that nobody falls asleep on the old one.
  Atomics.add(words, Word.State, 256)
  Atomics.notify(words, Word.State)
}

function send(to: Pool, messages: readonly Message[]): void {
  pause(to)
  const serve: Message = { kind: 'serve', pauses: Atomics.load(to.block.words, Word.Pauses) }
  for (const { worker } of to.members) for (const message of [...messages, serve]) worker.postMessage(message)
}

function forget({ from, model }: { from: Pool; model: number }): void {
  if (!from.models.delete(model)) return
  if (from.models.size) return send(from, [{ kind: 'forget', model }])
  if (pool === from) pool = undefined
  pause(from)
  for (const { worker } of from.members) worker.terminate()
}

/** The import of a memory by the kernels, as asc writes it: env.memory of any size; and of one that is shared. */
const IMPORT = [1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2]
const OWN = [...IMPORT, 0, 0]
const SHARED = [...IMPORT, 3, 0, 0x80, 0x80, 4]

/** The kernels for memory that is shared among threads: they differ by how they import it, and by that alone. */
export function sharing(source: BufferSource): Uint8Array<ArrayBuffer> {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)
  // The section of imports, 2, is among the first, and its size a single byte.
  const at = bytes.findIndex(
    (_, i) => bytes[i] === 2 && bytes[i + 1] === OWN.length && OWN.every((b, j) => bytes[i + 2 + j] === b),
  )
  if (at < 0) throw new TypeError('they import no memory that could be shared')
  return Uint8Array.from([
    ...bytes.subarray(0, at + 1),
    SHARED.length,
    ...SHARED,
    ...bytes.subarray(at + 2 + OWN.length),
  ])
}

// ---- how many ----

/** What is known of a model before it has memory. */
export interface Wish {
  readonly threads: number | 'auto'
  readonly backend: 'auto' | 'wasm' | 'js'
  readonly wasm: unknown
  readonly batch: number
  /** Bytes of a value. */
  readonly bytes: number
  /** The calls of a step. */
  readonly calls: readonly {
    readonly kernel: string | ((...args: any[]) => unknown)
    readonly sizes: readonly unknown[]
    readonly reads: readonly unknown[]
    readonly writes: readonly unknown[]
  }[]
}

/** How many threads the model gets: as many as it wishes, or as its work is worth; in words, why there can be but one. */
export async function threadsFor({ threads, backend, wasm, batch, bytes, calls }: Wish): Promise<number | string> {
  if (backend === 'js') return "the TypeScript kernels of backend: 'js' are for one; take WebAssembly's"
  if (wasm && !('byteLength' in (wasm as object))) {
    return 'the module given as wasm is compiled for memory of one thread; give its bytes instead'
  }
  const why = obstacle()
  if (why || threads !== 'auto') return why ?? (threads as number)
  const sizeOf = (size: unknown) =>
    typeof size === 'number' ? size : ((size as { perExample?: number }).perExample ?? 0) * batch
  const sized = calls.flatMap(({ kernel, sizes, reads, writes }) => {
    const args = [...sizes.map(sizeOf), ...reads.map(Number), ...writes.map(Number), 0]
    return typeof kernel === 'string' ? [{ kernel, args }] : []
  })
  return threadsWorth(sized, await coresOf(), bytes)
}

/**
 * Nanoseconds that splitting a call costs, and each thread of it. Measured on two cores, two threads against one: dense
 * networks of 10 classes, float64, gain from steps of 0.25 ms on (64 units, batch 128: 1.18 times as fast; 128 units, batch
 * 32: 1.28; 256 units, batch 128: 1.71), and lose up to a tenth below 0.1 ms.
 */
const DISPATCH = 12_000
const DISPATCH_THREAD = 2000

/** How many of `cores` threads these calls are worth: one more as long as it makes a step a tenth faster. */
function threadsWorth(
  calls: readonly { readonly kernel: string; readonly args: readonly number[] }[],
  cores: number,
  bytes: number,
): number {
  const split = createSplit(bytes)
  const costs = calls.flatMap(({ kernel, args }) => {
    const rule = RULES[kernel as keyof Kernels]
    if (rule) splitOf(rule, args, split)
    return rule ? [{ cost: split.cost, most: Math.min(split.units, Math.floor(split.cost / LEAST_SHARE)) }] : []
  })
  const timeOf = (threads: number): number => {
    let time = 0
    for (const { cost, most } of costs) {
      const shares = Math.max(1, Math.min(threads, most))
      time += cost / shares + (shares > 1 ? DISPATCH + DISPATCH_THREAD * shares : 0)
    }
    return time
  }
  let threads = 1
  while (threads < cores && timeOf(threads + 1) < 0.9 * timeOf(threads)) threads++
  return threads
}

// ---- models ----

/** Makes a PlanError: this file is a bundle of its own, where that would be another class. */
type ErrorOf = (message: string) => Error

/** Kernels whose calls several threads compute. */
export interface ThreadedKernels {
  readonly kernels: Kernels
  /** Throws a PlanError, once, where a worker has ended. */
  check(): void
  close(): void
}

/**
 * The kernels of an instance over shared memory, computed by so many threads; scratches of threads lie `scratchBytes`
 * apart. Throws an Error that says why workers could not be had.
 */
export async function threadedKernels(
  dtype: DType,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  exports: Kernels,
  { count: threads, scratchBytes }: Threads,
  errorOf: ErrorOf,
): Promise<ThreadedKernels> {
  const model = ++models
  // Workers of which one has ended are for the models that have them.
  if (pool?.ended !== undefined) pool = undefined
  const own = (pool ??= createPool(errorOf))
  own.models.add(model)
  const place = { from: own, model }
  let spins = SPINS
  const names = (Object.keys(exports) as (keyof Kernels)[]).filter((name) => RULES[name])
  try {
    const cores = await coresOf()
    // Looking takes the core from whom is waited for, where there are fewer cores than threads.
    if (threads > cores) spins = 0
    own.growing = own.growing.then(async () => {
      while (own.members.length < threads - 1) await addMember(own)
    })
    await own.growing
    const answers = own.members.map(({ answered, ended }) =>
      Promise.race([ended, new Promise<void>((resolve) => answered.set(model, resolve))]),
    )
    // While somebody waits for them; otherwise they hold no process.
    for (const { worker } of own.members) worker.ref?.()
    send(own, [{ kind: 'model', model, module, memory, kernels: names }])
    await Promise.all(answers)
    for (const { worker } of own.members) worker.unref?.()
  } catch (error) {
    forget(place)
    throw error
  }
  const team: Team = { pool: own, model, threads, spins, scratchBytes, split: createSplit(dtype === 'float64' ? 8 : 4) }
  const table: Record<string, unknown> = { ...exports }
  names.forEach((name, kernel) => {
    table[name] = splitting(team, kernel, exports[name] as Routine['run'], RULES[name]!)
  })
  const kernels = table as unknown as Kernels
  registry ??= new FinalizationRegistry(forget)
  registry.register(kernels, place)
  let closed = false
  return {
    kernels,
    check() {
      if (closed || own.ended === undefined) return
      const { ended } = own
      closed = true
      throw errorOf(
        `a thread of this model ended: ${ended}; the model is as it was before this call, and goes on with the others`,
      )
    },
    close() {
      forget(place)
    },
  }
}

function createPool(errorOf: ErrorOf): Pool {
  const buffer = new SharedArrayBuffer(BLOCK_BYTES)
  const block = blockOf(buffer)
  return {
    block,
    buffer,
    members: [],
    waits: mayWait(block.words),
    errorOf,
    models: new Set(),
    growing: Promise.resolve(),
    ended: undefined,
  }
}

/** The threads that compute the calls of a model. */
interface Team {
  readonly pool: Pool
  readonly model: number
  readonly threads: number
  /** How often to look before sleeping. */
  readonly spins: number
  readonly scratchBytes: number
  /** Of the call in work. */
  readonly split: Split
}

/** A kernel, of which calls that are worth it are split. Takes up to 20 arguments, each by name: a list would be made anew. */
function splitting(team: Team, kernel: number, run: Routine['run'], rule: Rule): Routine['run'] {
  // Of mixed kinds from the start: an array of doubles would make an object of each at every call.
  const whole: Routine = { run, args: Array<undefined>(run.length).fill(undefined) }
  const part: Routine = { run, args: Array<undefined>(run.length).fill(undefined) }
  const { args } = whole
  const { length } = run
  const call = (
    a0: unknown,
    a1: unknown,
    a2: unknown,
    a3: unknown,
    a4: unknown,
    a5: unknown,
    a6: unknown,
    a7: unknown,
    a8: unknown,
    a9: unknown,
    a10: unknown,
    a11: unknown,
    a12: unknown,
    a13: unknown,
    a14: unknown,
    a15: unknown,
    a16: unknown,
    a17: unknown,
    a18: unknown,
    a19: unknown,
  ): unknown => {
    // prettier-ignore
    args[0] = a0
    args[1] = a1
    args[2] = a2
    if (length > 3) args[3] = a3
    if (length > 4) args[4] = a4
    if (length > 5) args[5] = a5
    if (length > 6) args[6] = a6
    if (length > 7) args[7] = a7
    if (length > 8) args[8] = a8
    if (length > 9) args[9] = a9
    if (length > 10) args[10] = a10
    if (length > 11) args[11] = a11
    if (length > 12) args[12] = a12
    if (length > 13) args[13] = a13
    if (length > 14) args[14] = a14
    if (length > 15) args[15] = a15
    if (length > 16) args[16] = a16
    if (length > 17) args[17] = a17
    if (length > 18) args[18] = a18
    if (length > 19) args[19] = a19
    const { split, threads } = team
    splitOf(rule, args as number[], split)
    const worth = splitsAll ? threads : Math.floor(split.cost / LEAST_SHARE)
    const shares = Math.min(threads, split.units, worth)
    if (shares < 2) return Reflect.apply(run, undefined, args)
    compute(team, kernel, args as number[], shares, part)
  }
  // Whoever plans a call compares its arguments with it.
  return Object.defineProperty(call, 'length', { value: length })
}

/** Computes a call in shares, with whoever else is there. */
function compute(team: Team, kernel: number, args: readonly number[], shares: number, routine: Routine): void {
  const { pool, split, threads } = team
  const { block } = pool
  const { words, whole, step, perUnit } = block
  words[Word.Model] = team.model
  words[Word.Kernel] = kernel
  words[Word.Shares] = shares
  words[Word.Units] = split.units
  words[Word.Grain] = split.grain
  words[Word.Arguments] = args.length
  words[Word.Scratch] = split.scratch
  words[Word.ScratchBytes] = team.scratchBytes
  words[Word.Threads] = threads
  words[Word.Spins] = team.spins
  for (let i = 0; i < args.length; i++) {
    whole[i] = args[i]
    step[i] = split.step[i]
    perUnit[i] = split.perUnit[i]
  }
  Atomics.store(words, Word.Done, 0)
  // From here on shares may be taken.
  Atomics.store(words, Word.State, (((Atomics.load(words, Word.State) >> 8) + 1) << 8) | shares)
  if (Atomics.load(words, Word.Sleepers)) {
    // Whoever wakes may be one that other models have, but not this one.
    const all = pool.members.length === threads - 1
    Atomics.notify(words, Word.State, all ? shares - 1 : Infinity)
  }
  let share: number
  while ((share = takeShare(block, 0)) >= 0) {
    runShare(block, share, routine, 0)
    endShare(block)
  }
  join(pool, shares)
}

/** Waits for the shares that others have taken. */
function join({ block: { words }, waits, errorOf }: Pool, shares: number): void {
  let looked = 0
  let since = 0
  for (;;) {
    const done = Atomics.load(words, Word.Done)
    if (done === shares) break
    if (looked++ < words[Word.Spins]) continue
    if (waits) Atomics.wait(words, Word.Done, done, 1000)
    looked = 0
    const now = performance.now()
    since ||= now
    if (now - since < PATIENCE) continue
    throw errorOf(
      `a thread of this model did not finish its share of a call within ${PATIENCE / 1000} s: it has ended; create the ` +
        'model again, and restore its last checkpoint',
    )
  }
  if (Atomics.exchange(words, Word.Failed, 0)) {
    throw errorOf(
      'a thread of this model failed in the middle of a call; create the model again, and restore its last checkpoint',
    )
  }
}
