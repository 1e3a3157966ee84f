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
import { type Worker, coresOf, mayWait, startWorker } from './workers'
import { LEAST_SHARE } from './worth'

export { sharing } from './sharing'
export { threadsFor } from './worth'

interface Member {
  readonly worker: Worker
  /** Those who wait until it has a model. */
  readonly waiting: Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>
  /** Why it ended. */
  ended?: string
}

/** A model as its workers get it. */
interface Place {
  readonly modules: readonly WebAssembly.Module[]
  /** Weak, so that who drops a model drops its memory. */
  readonly memory: WeakRef<WebAssembly.Memory>
  readonly bytes: number
  readonly kernels: readonly string[]
}

/** The workers of all models of so many threads. */
interface Pool {
  readonly threads: number
  readonly block: Block
  readonly buffer: SharedArrayBuffer
  readonly members: Member[]
  /** Whether this thread may sleep until a call is done. */
  readonly waits: boolean
  readonly errorOf: ErrorOf
  /** By number. */
  readonly models: Map<number, Place>
  /** What is done to the members, one after the other. */
  work: Promise<void>
  /** Bytes of models that are gone, but that the workers may still hold. */
  forgotten: number
  /** Why a worker ended that nobody had asked to. */
  ended: string | undefined
}

/** Looks at the word in a loop before sleeping: some 50 microseconds. */
const SPINS = 20_000
/** Milliseconds in which workers must be there. */
const START = 20_000
/** Milliseconds after which a share that is in work is given up: whoever took it has ended. */
const PATIENCE = 20_000
/** A worker that does nothing collects no garbage: of so many bytes, others take the place of the workers. */
const MOST_FORGOTTEN = 64 * 2 ** 20

/** By their numbers of threads: a worker that a call does not need would take a core from those that it does. */
const pools = new Map<number, Pool>()
let models = 0
let registry: FinalizationRegistry<Parameters<typeof forget>[0]> | undefined
/** For tests: every call with two units is split, and into as many shares as there are threads. */
let splitsAll = false

export function splitEverything(on: boolean): void {
  splitsAll = on
}

// ---- workers ----

async function addMember(to: Pool): Promise<void> {
  const waiting: Member['waiting'] = new Map()
  // One that was never there is missed by the model alone that wanted it.
  let there = false
  const end = (why: string) => {
    // One that was replaced is missed by nobody.
    if (there && to.members.includes(member)) to.ended ??= why
    member.ended = why
    for (const { reject } of waiting.values()) reject(new Error(why))
    waiting.clear()
  }
  const listen = (answer: Answer) => {
    if ('error' in answer) return end(answer.error)
    there = true
    waiting.get(answer.model)?.resolve()
    waiting.delete(answer.model)
  }
  // What is said of it comes in an event, when it is there.
  const member: Member = { worker: await startWorker(listen, (why) => end(why)), waiting }
  to.members.push(member)
  member.worker.postMessage({ kind: 'begin', block: to.buffer, thread: to.members.length })
}

/** What they say, unless it takes too long: a host may neither start a worker nor say so. */
async function inTime(answers: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it was not there within ${START / 1000} s`)), START)
  })
  await Promise.race([answers, late]).finally(() => clearTimeout(timer))
}

/** Gives models to all workers, which are made where there are none yet; then they must be all the models of the pool. */
async function give(to: Pool, numbers: readonly number[]): Promise<void> {
  try {
    while (to.members.length < to.threads - 1) await addMember(to)
    const messages = numbers.flatMap((model): Extract<Message, { kind: 'model' }>[] => {
      const { memory: held, bytes: _, ...place } = to.models.get(model) ?? {}
      const memory = held?.deref()
      return memory ? [{ kind: 'model', model, memory, ...(place as Pick<Place, 'modules' | 'kernels'>) }] : []
    })
    for (const { ended } of to.members) if (ended !== undefined) throw new Error(ended)
    const answers = to.members.flatMap(({ waiting }) =>
      messages.map(({ model }) => new Promise<void>((resolve, reject) => waiting.set(model, { resolve, reject }))),
    )
    for (const { worker } of to.members) worker.ref?.()
    send(to, messages)
    await inTime(Promise.all(answers))
  } finally {
    // They hold the process while somebody waits for them, and only then.
    for (const { worker } of to.members) worker.unref?.()
  }
}

/** Does something to the members, behind what is to be done before. */
function doNext(to: Pool, work: () => Promise<void>): Promise<void> {
  const done = to.work.then(work)
  to.work = done.catch(() => {})
  return done
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
  const place = from.models.get(model)
  if (!place) return
  from.models.delete(model)
  from.forgotten += place.bytes
  if (!from.models.size) {
    if (pools.get(from.threads) === from) pools.delete(from.threads)
    endMembers(from)
  } else if (from.forgotten < MOST_FORGOTTEN) {
    send(from, [{ kind: 'forget', model }])
  } else {
    // Until they are there, this thread computes alone.
    from.forgotten = 0
    void doNext(from, async () => {
      endMembers(from)
      if (from.models.size) await give(from, [...from.models.keys()])
    }).catch((error: unknown) => (from.ended ??= String(error)))
  }
}

function endMembers(from: Pool): void {
  pause(from)
  for (const { worker } of from.members.splice(0)) worker.terminate()
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
 * The kernels of instances of these modules over shared memory, computed by so many threads; scratches of threads lie `scratchBytes`
 * apart. Throws an Error that says why workers could not be had.
 */
export async function threadedKernels(
  dtype: DType,
  modules: readonly WebAssembly.Module[],
  memory: WebAssembly.Memory,
  exports: Kernels,
  { count: threads, scratchBytes }: Threads,
  errorOf: ErrorOf,
): Promise<ThreadedKernels> {
  const model = ++models
  const names = (Object.keys(exports) as (keyof Kernels)[]).filter((name) => RULES[name])
  // Workers of which one has ended are for the models that have them.
  if (pools.get(threads)?.ended !== undefined) pools.delete(threads)
  const own = pools.get(threads) ?? createPool(threads, errorOf)
  pools.set(threads, own)
  own.models.set(model, { modules, memory: new WeakRef(memory), bytes: memory.buffer.byteLength, kernels: names })
  const place = { from: own, model }
  try {
    // Looking takes the core from whom is waited for, where there are fewer cores than threads.
    own.block.words[Word.Spins] = threads > (await coresOf()) ? 0 : SPINS
    await doNext(own, () => give(own, own.members.length ? [model] : [...own.models.keys()]))
  } catch (error) {
    forget(place)
    // Models to come try anew.
    if (pools.get(threads) === own) pools.delete(threads)
    throw error
  }
  const team: Team = { pool: own, model, scratchBytes, split: createSplit(dtype === 'float64' ? 8 : 4) }
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

function createPool(threads: number, errorOf: ErrorOf): Pool {
  const buffer = new SharedArrayBuffer(BLOCK_BYTES)
  const block = blockOf(buffer)
  return {
    threads,
    block,
    buffer,
    members: [],
    waits: mayWait(block.words),
    errorOf,
    models: new Map(),
    work: Promise.resolve(),
    forgotten: 0,
    ended: undefined,
  }
}

/** The threads that compute the calls of a model. */
interface Team {
  readonly pool: Pool
  readonly model: number
  readonly scratchBytes: number
  /** Of the call in work. */
  readonly split: Split
}

/** A kernel, of which calls that are worth it are split. Takes up to 25 arguments, each by name: a list would be made anew. */
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
    a20: unknown,
    a21: unknown,
    a22: unknown,
    a23: unknown,
    a24: unknown,
  ): unknown => {
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
    if (length > 20) args[20] = a20
    if (length > 21) args[21] = a21
    if (length > 22) args[22] = a22
    if (length > 23) args[23] = a23
    if (length > 24) args[24] = a24
    const { split, pool } = team
    const { threads } = pool
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
  const { pool, split } = team
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
  for (let i = 0; i < args.length; i++) {
    whole[i] = args[i]
    step[i] = split.step[i]
    perUnit[i] = split.perUnit[i]
  }
  Atomics.store(words, Word.Done, 0)
  // From here on shares may be taken.
  Atomics.store(words, Word.State, (((Atomics.load(words, Word.State) >> 8) + 1) << 8) | shares)
  if (Atomics.load(words, Word.Sleepers)) Atomics.notify(words, Word.State, shares - 1)
  let share: number
  while ((share = takeShare(block)) >= 0) {
    runShare(block, share, routine, 0)
    endShare(block)
  }
  join(pool, shares)
}

/** Waits for the shares that others have taken. */
function join({ block: { words }, waits, errorOf }: Pool, shares: number): void {
  let looked = 0
  let since = 0
  const looks = waits ? words[Word.Spins] : SPINS
  for (;;) {
    const done = Atomics.load(words, Word.Done)
    if (done === shares) break
    if (looked++ < looks) continue
    looked = 0
    // The clock allocates: it is looked at when there is a doubt.
    if (waits && Atomics.wait(words, Word.Done, done, 1000) !== 'timed-out') continue
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
