// The side of the page: calls that are in flight to a worker, what they ask of the page, and how they end.

import { PlanError } from '../errors'
import { fromPlain, toPlain } from './errors'
import { type WorkerHandle, type WorkerHost, openChannel } from './host'
import { type Answer, type Places, packArguments } from './parcel'
import { type Deed, type Order, type Report, isMarked, marked } from './protocol'

/** What is asked of the worker. */
export interface Request {
  readonly deed: Deed
  /** The method or the property. */
  readonly name: string
  readonly args?: readonly unknown[]
  readonly places?: Places
  /** Whether arrays among the arguments are moved, not copied. */
  readonly moves?: boolean
  /** What must not be collected before the answer is there. */
  readonly keep?: object
}

/** A worker that serves a model. */
export interface Connection {
  /** Rejects as what was asked did, or with a PlanError that begins with its name where the worker ends before. */
  ask(request: Request): Promise<any>
  /** Why there is nothing more to ask, of something of that name. */
  ended(name: string): PlanError | undefined
  /** Ends the worker, and all that is in flight. */
  close(): Promise<void>
}

/** A call in flight. */
interface Call {
  readonly name: string
  readonly keep: object | undefined
  readonly answers: ReadonlyMap<number, Answer>
  /** What its callbacks threw, by number. */
  readonly thrown: Map<number, unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Lets go of its signal. */
  release(): void
}

/** After so many milliseconds without an answer somebody should be told what the script must do. */
const LONG = 10_000

/** Starts a worker, and resolves once it serves. `where` is what wants it. */
export async function connect(where: string, host: WorkerHost, make?: () => WorkerHandle): Promise<Connection> {
  const calls = new Map<number, Call>()
  const watching = new AbortController()
  let end: ((name: string) => PlanError) | undefined
  let count = 0
  const number = () => count++
  let starting: { resolve(): void; reject(error: unknown): void } | undefined

  const finish = (reason: (name: string) => PlanError): unknown => {
    if (end) return undefined
    end = reason
    watching.abort()
    starting?.reject(reason(where))
    for (const call of calls.values()) {
      call.release()
      call.reject(reason(call.name))
    }
    calls.clear()
    return channel.terminate()
  }
  const fail = (why: string, cause?: unknown) => {
    const options = cause === undefined ? {} : { cause }
    const started = !starting
    finish((name) => new PlanError(`${name}: ${started ? lost(why) : unstarted(why, host, make)}`, options))
  }
  const say = (order: Order, transfer: Transferable[] = []) => {
    if (!end) channel.post(marked(order), transfer)
  }

  const answer = async (link: number, { id, question, args }: Report & { type: 'ask' }) => {
    const call = [...calls.values()].find(({ answers }) => answers.has(link))
    // Of a call that has ended meanwhile, nobody waits for an answer.
    if (!call) return
    try {
      const { value, transfer } = await call.answers.get(link)!(question, args)
      post(call.name, { type: 'answer', id, value }, transfer)
    } catch (error) {
      const thrown = number()
      call.thrown.set(thrown, error)
      const { name, message } = toPlain(error)
      say({ type: 'refuse', id, error: { thrown, name, message } })
    }
  }
  /** Says something that holds values of the user's. */
  const post = (where: string, order: Order, transfer: Transferable[]) => {
    try {
      say(order, transfer)
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new PlanError(`${where}: what it was given cannot be sent to the worker: ${message}`, { cause })
    }
  }

  const settle = (id: number, end: (call: Call) => void) => {
    const call = calls.get(id)
    if (!call) return
    calls.delete(id)
    call.release()
    channel.hold(calls.size > 0)
    end(call)
  }
  const hear = (report: unknown) => {
    if (!isMarked<Report>(report)) return
    if (report.type === 'ready') starting?.resolve()
    else if (report.type === 'lock') watch(report.name, watching.signal, () => fail('it was ended from outside'))
    else if (report.type === 'unread') fail('something that was sent to it could not be read there')
    else if (report.type === 'ask') void answer(report.link, report)
    else if (report.type === 'done') settle(report.id, ({ resolve }) => resolve(report.value))
    else settle(report.id, ({ reject, thrown }) => reject(fromPlain(report.error, thrown)))
  }

  const channel = openChannel(startWorker(where, host, make), { hear, fail })
  // Before the worker says so, its script may be loaded.
  const timer = setTimeout(() => {
    const script = make ? "its script must import 'v128/worker/script'" : `is ${host.script} there, and is it allowed?`
    console.warn(`v128: ${where}: the worker has not said anything for ${LONG / 1000} s; ${script}`)
  }, LONG)
  try {
    await new Promise<void>((resolve, reject) => {
      starting = { resolve, reject }
      // One that was started before has said so before.
      channel.post(marked<Order>({ type: 'hello' }), [])
    })
  } finally {
    clearTimeout(timer)
    starting = undefined
  }
  channel.hold(false)

  return {
    async ask({ deed, name, args = [], places = {}, moves = false, keep }) {
      if (end) throw end(name)
      const { value: parcel, transfer, answers, signal } = packArguments(name, args, places, moves, number)
      const id = number()
      const abort = () => say({ type: 'abort', id })
      const result = new Promise((resolve, reject) => {
        const release = () => signal?.removeEventListener('abort', abort)
        calls.set(id, { name, keep, answers, thrown: new Map(), resolve, reject, release })
      })
      channel.hold(true)
      try {
        post(name, { type: 'do', id, deed, name, parcel }, transfer)
        signal?.addEventListener('abort', abort)
      } catch (error) {
        settle(id, ({ reject }) => reject(error))
      }
      return result
    },
    ended: (name) => end?.(name),
    async close() {
      await finish((name) => new PlanError(`${name}: this model was closed; create another`))
    },
  }
}

/** Calls `lost` once the lock is free: see holdLock in serve.ts. */
function watch(name: string, signal: AbortSignal, lost: () => void): void {
  navigator.locks?.request(name, { signal }, lost).catch(() => {})
}

/** Two models in one worker would take each other's calls for their own. */
const taken = /* @__PURE__ */ new WeakSet<WorkerHandle>()

function startWorker(where: string, host: WorkerHost, make: (() => WorkerHandle) | undefined): WorkerHandle {
  try {
    const worker = (make ?? host.start)()
    if (typeof worker?.postMessage !== 'function') {
      throw new PlanError(`${where}: worker must be a function that gives a worker: () => new Worker(...)`)
    }
    if (taken.has(worker)) {
      throw new PlanError(
        `${where}: worker gave a worker that has, or had, another model; each model needs one of its own: ` +
          '() => new Worker(...)',
      )
    }
    taken.add(worker)
    return worker
  } catch (cause) {
    if (cause instanceof PlanError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new PlanError(`${where}: ${unstarted(why, host, make)}`, { cause })
  }
}

function lost(why: string): string {
  return (
    `the worker of this model is gone: ${why}; create the model once more, and go on from its last checkpoint, by ` +
    "restore(bytes) or by fit's resume"
  )
}

function unstarted(why: string, { advice, needs }: WorkerHost, make: (() => WorkerHandle) | undefined): string {
  const cure = make ? "its script must import 'v128/worker/script'" : advice
  return `the worker could not be started: ${why}; ${cure}${needs}`
}
