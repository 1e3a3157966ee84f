// Values on their way to another thread: numbers are shared, moved or copied once, and what cannot be posted stays here,
// where the other thread asks for it.

import { type AsyncBatches, type Batches, isStream, openBatches } from '../data/stream'
import { DataError, PlanError, callable, checkNoPromise, hasMembers, isObject, isPlain, readSafely } from '../errors'
import { checkSignal } from '../pause'
import type { Link, Parcel, Question } from './protocol'

/** A value as it is posted, and what of it is moved. */
export interface Packed<T = unknown> {
  readonly value: T
  readonly transfer: Transferable[]
}

/** Answers what the worker asks of a link. */
export type Answer = (question: Question, args: readonly unknown[]) => Packed | Promise<Packed>

/** At which places among the arguments of a method, as '1.validation', what stands. */
export interface Places {
  /** Data, or batches that come one after the other. */
  readonly data?: readonly string[]
  /** Numbers that may be moved, if that is wanted; all others are copied. Data are such, too. */
  readonly numbers?: readonly string[]
  readonly signal?: string
  /** A function that works on the memory of the model, which is elsewhere. */
  readonly transform?: string
}

/** Arguments as they are posted, and what stays here of them. */
export interface Packet extends Packed<Parcel> {
  readonly answers: ReadonlyMap<number, Answer>
  readonly signal: AbortSignal | undefined
}

/** So deep, and in lists so long, functions are looked for. */
const DEEPEST = 4
const LONGEST = 1000

const NOTHING: Packed = { value: undefined, transfer: [] }

/** Packs the arguments of a method. `moves`: its arrays are moved, not copied. `number` gives each link its own. */
export function packArguments(
  where: string,
  args: readonly unknown[],
  { data = [], numbers = [], signal, transform }: Places,
  moves: boolean,
  number: () => number,
): Packet {
  const links: [path: (string | number)[], link: Link][] = []
  const answers = new Map<number, Answer>()
  const moved = createNumbers(moves)
  const copied = createNumbers(false)
  let found: AbortSignal | undefined
  const link = (path: (string | number)[], kind: 'function' | 'stream', answer: Answer) => {
    const id = number()
    answers.set(id, answer)
    links.push([path, { kind, id }])
  }
  const pack = (value: unknown, path: (string | number)[]): unknown => {
    const place = path.join('.')
    const isData = data.includes(place)
    const mayMove = [...data, ...numbers].some((one) => place === one || place.startsWith(`${one}.`))
    const send = (one: unknown) => (mayMove ? moved : copied).pack(present(where, one))
    const inner = (one: unknown, key: string | number) => pack(one, [...path, key])
    if (place === signal) {
      found = checkSignal(where, value)
      if (found) links.push([path, { kind: 'signal', aborted: found.aborted }])
      return undefined
    }
    if (place === transform && value) throw noTransform(where)
    const what = isData ? (place === '0' ? 'data' : 'validation') : 'what it was given'
    checkNoPromise(where, what, value)
    if (isData && isStream(value)) {
      return void link(path, 'stream', streamed(where, what, value, moves))
    }
    if (typeof value === 'function') return void link(path, 'function', called(where, place, value))
    if (!isObject(value) || path.length > DEEPEST) return value
    if (Array.isArray(value)) {
      const calls = value.length <= LONGEST && value.some((one) => typeof one === 'function')
      return calls ? value.map(inner) : value
    }
    if (isPlain(value) || (path.length === 1 && !isData && hasMembers(value))) return packMembers(value, inner)
    return isData ? packData(value, send) : send(value)
  }
  const values = readSafely(where, 'what it was given', () => args.map((value, i) => pack(value, [i])))
  return { value: { values, links }, transfer: [...moved.transfer, ...copied.transfer], answers, signal: found }
}

function noTransform(where: string): PlanError {
  return new PlanError(
    `${where}: transform works on the memory of the model, which is in the worker; change the data before they are ` +
      'handed in, as an iterable of batches, or create the model with createModel in a worker of your own',
  )
}

/** The members of a plain object, each packed. */
function packMembers(value: object, pack: (member: unknown, name: string) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, pack(member, name)]))
}

/** Of an object of a class, x and y, which may be getters: posting would lose them. */
function packData(value: unknown, pack: (member: unknown) => unknown): unknown {
  if (!isObject(value) || Array.isArray(value) || ArrayBuffer.isView(value)) return pack(value)
  // By name, of a graph with several inputs or outputs.
  const member = (one: unknown) => (isPlain(one) ? packMembers(one, pack) : pack(one))
  if (isPlain(value)) return packMembers(value, member)
  const { x, y } = value as { x?: unknown; y?: unknown }
  return { x: member(x), y: member(y) }
}

/** A callback. Only false says anything, and all else may be something that cannot be posted. */
function called(where: string, place: string, value: unknown): Answer {
  const call = callable(where, place.replace(/^\d+\.?/, ''), value as (...args: unknown[]) => unknown, 'a function')
  return async (_, args) => ((await call(...args)) === false ? { value: false, transfer: [] } : NOTHING)
}

/** Batches of the page, one for each time that the worker asks. */
function streamed(where: string, what: string, source: Batches | AsyncBatches, moves: boolean): Answer {
  let iterator: ReturnType<typeof openBatches>['iterator'] | undefined
  return async (question, [epoch]) => {
    if (question === 'open') iterator = openBatches(where, what, source, epoch as number).iterator
    else if (question === 'close') await iterator?.return?.()
    else {
      const result: unknown = await iterator!.next()
      if (!isObject(result)) return { value: result, transfer: [] }
      const { done, value } = result as IteratorResult<unknown>
      if (done) return { value: { done, value: undefined }, transfer: [] }
      const { pack, transfer } = createNumbers(moves)
      return { value: { done, value: packData(value, (one) => pack(present(where, one))) }, transfer }
    }
    return NOTHING
  }
}

/** An array that is still here: of one that was moved, some hosts post nothing, and others something that arrives broken. */
function present(where: string, value: unknown): unknown {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value
  // Older hosts know no `detached`; what has no bytes may be no more than empty.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength || canBeViewed(buffer)) return value
  throw new DataError(
    `${where}: an array that it was given is empty, since it was moved by an earlier call with transfer: true, or by ` +
      'postMessage; hand in another, or leave out the transfer of that call',
  )
}

function canBeViewed(buffer: ArrayBuffer): boolean {
  try {
    return new Uint8Array(buffer).length === 0
  } catch {
    return false
  }
}

/**
 * Packs arrays: what lies in shared memory is shared, and all else moved: as it is, or, unless `moves`, a copy of it, for
 * that is the only copy then; a clone would take all that the buffer holds beside. One array twice is packed once.
 */
export function createNumbers(moves: boolean) {
  const transfer: Transferable[] = []
  const packed = new Map<object, unknown>()
  const move = (buffer: ArrayBufferLike) => {
    if (!transfer.includes(buffer as ArrayBuffer)) transfer.push(buffer as ArrayBuffer)
  }
  const copy = (value: object): unknown => {
    if (value instanceof ArrayBuffer) {
      const own = moves ? value : value.slice(0)
      move(own)
      return own
    }
    if (!ArrayBuffer.isView(value) || isShared(value.buffer)) return value
    const own = moves ? value : copyOf(value)
    move(own.buffer)
    return own
  }
  const pack = (value: unknown): unknown => {
    if (!isObject(value)) return value
    if (!packed.has(value)) packed.set(value, copy(value))
    return packed.get(value)
  }
  return { pack, transfer }
}

function isShared(buffer: ArrayBufferLike): boolean {
  return typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer
}

/** A copy with a buffer of its own: Node's Buffer.slice makes none. */
function copyOf(view: ArrayBufferView): ArrayBufferView {
  const { buffer, byteOffset, byteLength } = view
  if (view instanceof DataView) return new DataView(buffer.slice(byteOffset, byteOffset + byteLength))
  const kind = (view as Uint8Array)[Symbol.toStringTag] as 'Uint8Array'
  return new (globalThis[kind] as Uint8ArrayConstructor)(view as Uint8Array)
}

/** What a model gave, to be posted: its arrays are copied where they are views of something larger, such as its memory. */
export function packResult(result: unknown): Packed {
  const own = createNumbers(true)
  const pack = (value: unknown): unknown => {
    if (ArrayBuffer.isView(value)) {
      const isWhole = value.byteLength === value.buffer.byteLength && !isShared(value.buffer)
      return own.pack(isWhole ? value : copyOf(value))
    }
    return isPlain(value) ? packMembers(value, pack) : value
  }
  return { value: pack(result), transfer: own.transfer }
}
