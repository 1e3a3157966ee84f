// The side of the worker: it makes a model, does what the page asks of it, and asks the page for what stayed there.

import type { Data } from '../data/batches'
import type { AsyncBatches } from '../data/stream'
import { PlanError } from '../errors'
import { buildModel } from '../model/create'
import { type LoadModelOptions, loadModel } from '../model/load-model'
import type { Model } from '../model/model'
import { type AnyOptions, planModel } from '../model/options'
import { type Reader, layerOf, lossesOf, optimizerOf, rateOf } from '../model/registry'
import { Thrown, toPlain } from './errors'
import { packResult } from './parcel'
import {
  type Facts,
  type Order,
  type Parcel,
  type Question,
  type Recipe,
  type Report,
  isMarked,
  marked,
} from './protocol'

/** Where a script hears and says something: the global of a worker of the web, or a port of node:worker_threads. */
export interface Scope {
  postMessage(message: unknown, transfer: Transferable[]): void
  addEventListener(name: 'message' | 'messageerror', listener: (event: MessageEvent) => void): void
  on?(name: 'message' | 'messageerror', listener: (message: unknown) => void): void
}

/** What a page may read, and what it may write. */
const READABLE = [
  'parameters',
  'gradients',
  'buffers',
  'input',
  'output',
  'optimizerState',
  'metadata',
  'epoch',
  'learningRate',
  'passes',
] as const
const WRITABLE = ['metadata', 'epoch', 'learningRate', 'passes'] as const

/** How the description of a model is read here. */
function readerOf(where: string): Reader {
  return {
    where,
    from: '',
    Fault: PlanError,
    cure: () =>
      'a worker gets the network as data, and no code of yours: take what this library has, or create the model with ' +
      'createModel in a worker of your own',
    initializer: (_kind, _config, known) => known(),
    layers: {},
  }
}

/** Serves one model to the page at the other end. */
export function serve(scope: Scope): void {
  let model: Model | undefined
  /** Why the last write failed: nobody waits for that, so the next call says it. */
  let fault: { readonly error: unknown } | undefined
  let questions = 0
  const waiting = new Map<number, { resolve(value: any): void; reject(error: unknown): void }>()
  const signals = new Map<number, AbortController>()
  const say = (report: Report, transfer: Transferable[] = []) => scope.postMessage(marked(report), transfer)
  /** Says something that holds values. */
  const post = (where: string, report: Report, transfer: Transferable[]) => {
    try {
      say(report, transfer)
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new PlanError(`${where}: what it gives cannot be sent from the worker: ${message}`, { cause })
    }
  }

  const ask = (link: number, question: Question, args: readonly unknown[]): Promise<any> => {
    const id = questions++
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    // A run that has ended waits for it no more.
    answer.catch(() => {})
    const packed = args.map(packResult)
    const transfer = packed.flatMap((one) => one.transfer)
    try {
      post('a callback', { type: 'ask', id, link, question, args: packed.map(({ value }) => value) }, transfer)
    } catch (error) {
      waiting.delete(id)
      throw error
    }
    return answer
  }

  /** Batches of the page: while one is trained on, the next is on its way. */
  const streamOf = (link: number): AsyncBatches => {
    return (epoch) => ({
      [Symbol.asyncIterator]() {
        const opened = ask(link, 'open', [epoch])
        const pull = (): Promise<IteratorResult<Data>> => {
          const batch = opened.then(() => ask(link, 'next', []))
          batch.catch(() => {})
          return batch
        }
        let ahead: Promise<IteratorResult<Data>> | undefined
        return {
          async next() {
            const result = await (ahead ?? pull())
            ahead = result?.done ? undefined : pull()
            return result
          },
          async return() {
            await ask(link, 'close', [])
            return { done: true, value: undefined }
          },
        }
      },
    })
  }

  const unpack = ({ values, links }: Parcel, id: number): any[] => {
    for (const [path, link] of links) {
      const parent = path.slice(0, -1).reduce((at: any, key) => at[key], values)
      parent[path.at(-1)!] = link.kind === 'signal' ? signalOf(id, link.aborted) : linked(link)
    }
    return values as any[]
  }
  const linked = ({ kind, id }: { kind: 'function' | 'stream'; id: number }) =>
    kind === 'stream' ? streamOf(id) : (...args: unknown[]) => ask(id, 'call', args)
  const signalOf = (id: number, aborted: boolean) => {
    const controller = new AbortController()
    signals.set(id, controller)
    if (aborted) controller.abort()
    return controller.signal
  }

  const open = (name: string): any => {
    if (model) return model
    throw new PlanError(`${name}: there is no model in this worker`)
  }

  const deeds: Record<(Order & { type: 'do' })['deed'], (name: string, args: any[]) => unknown> = {
    async create(name, [recipe]) {
      const { network, ...options } = read(name, recipe)
      model = await buildModel(planModel(name, layerOf(readerOf(name), network), options as unknown as AnyOptions))
      return factsOf(model)
    },
    async load(name, [bytes, recipe]) {
      model = await loadModel(bytes, read(name, recipe) as LoadModelOptions)
      return factsOf(model)
    },
    call: (name, args) => open(name)[name](...args),
    async study(name, args) {
      open(name)
      const { studies } = await import('./studies')
      return studies[name](open(name), ...args)
    },
    get: (name) => open(name)[oneOf(READABLE, name)],
    set(name, [value]) {
      const set = oneOf(WRITABLE, name)
      open(name)[set] = set === 'learningRate' ? rateOf(readerOf(name), value) : value
    },
  }

  const run = async ({ id, deed, name, parcel }: Order & { type: 'do' }): Promise<void> => {
    try {
      if (fault && deed !== 'set') {
        const { error } = fault
        fault = undefined
        throw error
      }
      const result = deeds[deed](name, unpack(parcel, id))
      // What is there at once is copied at once, for it may be a view of what the next call changes.
      const { value, transfer } = packResult(result instanceof Promise ? await result : withGradient(name, result))
      post(name, { type: 'done', id, value }, transfer)
    } catch (error) {
      if (deed === 'set') fault = { error }
      say({ type: 'failed', id, error: toPlain(error) })
    } finally {
      signals.delete(id)
    }
  }

  const hear = (order: unknown) => {
    if (!isMarked<Order>(order)) return
    if (order.type === 'hello') say({ type: 'ready' })
    else if (order.type === 'do') void run(order)
    else if (order.type === 'abort') signals.get(order.id)?.abort()
    else {
      const answer = waiting.get(order.id)
      waiting.delete(order.id)
      if (order.type === 'answer') answer?.resolve(order.value)
      else answer?.reject(new Thrown(order.error))
    }
  }
  const unread = () => say({ type: 'unread' })
  if (scope.on) {
    scope.on('message', hear)
    scope.on('messageerror', unread)
  } else {
    scope.addEventListener('message', ({ data }) => hear(data))
    scope.addEventListener('messageerror', unread)
    holdLock((name) => say({ type: 'lock', name }))
  }
  say({ type: 'ready' })
}

function oneOf<T extends string>(names: readonly T[], name: string): T {
  if (names.includes(name as T)) return name as T
  throw new PlanError(`${name}: a model in a worker has no such property`)
}

/** The parts of a recipe, each made where it says something. */
function read(where: string, { parts, options }: Recipe): Record<string, unknown> {
  const { network, loss, optimizer } = JSON.parse(parts) as Record<string, unknown>
  const reader = readerOf(where)
  return {
    ...options,
    ...(network !== undefined && { network }),
    ...(loss !== undefined && { loss: loss && lossesOf(reader, loss) }),
    ...(optimizer !== undefined && { optimizer: optimizer && optimizerOf(reader, optimizer) }),
  }
}

function factsOf({ backend, dtype, batch, seed, threads, memory }: Model): Facts {
  return { backend, dtype, batch, seed, threads, memory: { ...memory } }
}

/** The gradient of an input may not be there, which is an error once it is looked at, and not before. */
function withGradient(name: string, result: unknown): unknown {
  if (name !== 'backward') return result
  if (!('shape' in (result as object))) {
    return Object.fromEntries(Object.entries(result as object).map(([input, one]) => [input, withGradient(name, one)]))
  }
  try {
    return packResult(result).value
  } catch (error) {
    return { shape: (result as { shape: readonly number[] }).shape, missing: toPlain(error) }
  }
}

/**
 * Holds a lock until this worker ends, however that happens. A page is not told when a worker of the web is terminated, or
 * has no memory left; a page that waits for this lock is.
 */
function holdLock(tell: (name: string) => void): void {
  const name = `v128 ${Math.random()} ${Date.now()}`
  const hold = () => {
    tell(name)
    return new Promise<never>(() => {})
  }
  try {
    // Pages of no origin have no locks.
    navigator.locks.request(name, hold).catch(() => {})
  } catch {
    // Nor have older browsers.
  }
}
