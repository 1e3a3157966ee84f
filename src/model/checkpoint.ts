// Checkpoints: all that training changes, as one file. It is a model file as well, with more tensors beside the weights,
// each named by that whose it is: `0.weight.exp_avg`.

import { FileError, PlanError, brief, few, isPlain, note, quote, show } from '../errors'
import { type Metadata, type StoredTensor, encodeTensors, readFile } from '../io/safetensors'
import { type RateDescription, type Schedule, describeRate } from '../schedules'
import type { Floats, Tensor } from '../tensor'
import { type Core, needNoStep } from '../training/core'
import { firstNotFinite } from '../training/divergence'
import { createHistory, listsOf, partsWithLists } from '../training/history'
import type { Restored } from '../training/resume'
import { initialStateOf } from '../training/rate'
import { type Run, account, createRun } from '../training/run'
import { slotsOf, weightsOf } from '../training/state'
import { settle } from '../training/step'
import { ARCHITECTURE, type Architecture, NUMERICS, NUMERICS_NOW, architectureOf, ownIn } from './architecture'

/** Metadata with what is not of tensors, as JSON. */
export const CHECKPOINT = 'v128.checkpoint'
/** Characters of a schedule in a note. */
const LONGEST = 300
/** What tensors beside the weights are, unless slots of the optimizer: gradients that no step has used, kept weights. */
const GRADIENT = 'grad'
const BEST = 'best'
const BEFORE = 'before'
/** How the lists of a history are named, each a tensor: in the header they would make it grow with every epoch. */
const HISTORY = 'run.history.'

/** What a checkpoint holds beside tensors. */
interface Contents {
  /** Its kind. */
  readonly optimizer: string | null
  /** What its tensors beside the weights are. */
  readonly fields: readonly string[]
  readonly counters: Core['counters']
  readonly clock: { readonly epoch: number; readonly step: number }
  readonly rate: RateDescription
  /** Whether that was set after the model was created. */
  readonly rateByHand: boolean
  readonly lastRate: number
  readonly numbers: readonly number[]
  readonly scheduleState: readonly number[]
  readonly run: Omit<Run, 'working'> | null
  readonly fingerprint: Restored['fingerprint'] | null
}

/** What the contents have of numbers. */
const LIKE = {
  counters: { steps: 0, passes: 0, epochs: 0 },
  clock: { epoch: 0, step: 0 },
  rateByHand: false,
  lastRate: 0,
  numbers: [0],
  scheduleState: [0],
}
/** How a run of a checkpoint may have ended, if it has; one that its signal ended goes on. */
const ENDS: readonly string[] = ['end', 'callback', 'earlyStopping'] satisfies Run['history']['stopped'][]

// ---- numbers ----

/** Numbers that JSON has not, as texts that Number reads. */
const PACKED = /* @__PURE__ */ new Set<unknown>(['NaN', 'Infinity', '-Infinity', '-0'])

function pack(_name: string, value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return Object.is(value, -0) ? '-0' : String(value)
}

/** `value`, whose texts of numbers are numbers again wherever `like` has a number. */
function unpack<T>(value: unknown, like: T): T {
  if (typeof like === 'number') {
    const number = PACKED.has(value) ? Number(value) : value
    if (typeof number === 'number') return number as T
  } else if (Array.isArray(like)) {
    const [first = 0] = like as unknown[]
    if (Array.isArray(value)) return value.map((one) => unpack(one, first)) as T
  } else if (typeof like === 'object' && isPlain(value)) {
    const entries = Object.entries(like as object).map(([name, one]) => [
      name,
      unpack((value as Record<string, unknown>)[name], one as unknown),
    ])
    return Object.fromEntries(entries) as T
  } else if (typeof like !== 'object' && typeof value === typeof like) {
    return value as T
  }
  throw new FileError(`checkpoint: want ${show(like)} or the like, got ${show(value)}`)
}

// ---- taking ----

/** See Model.checkpoint. */
export function checkpointOf(core: Core): Uint8Array<ArrayBuffer> {
  needNoStep('checkpoint', core)
  settle('checkpoint', core)
  const spoilt = firstNotFinite(core)
  if (spoilt) throw new PlanError(`checkpoint: ${spoilt}, as it diverged; go back to a checkpoint before that`)
  return takeCheckpoint(core)
}

/** The same of a model that is between two steps, and finite. */
export function takeCheckpoint(core: Core): Uint8Array<ArrayBuffer> {
  const { active, settings, counters, clock, rate, rateByHand, lastRate, vector, scheduleState, tensors } = core
  if (active) account(core, active.run, active.pass)
  const weights = weightsOf(core)
  const names = Object.keys(weights)
  const kept = Object.entries(active?.kept() ?? {})
  const gradients = hasValues(core.allGradients) ? Object.entries(tensors.gradients) : []
  const beside: [string, Tensor][] = [
    ...Object.entries(slotsOf(core)),
    ...gradients.map(([name, tensor]): [string, Tensor] => [`${name}.${GRADIENT}`, tensor]),
    ...kept.flatMap(([field, all]) =>
      all.map((data, i): [string, Tensor] => [`${names[i]}.${field}`, { shape: weights[names[i]].shape, data }]),
    ),
    ...listsOf(active?.run.history).map(([name, list]): [string, Tensor] => {
      return [HISTORY + name, { shape: [list.length], data: Float64Array.from(list) }]
    }),
  ]
  for (const [name] of beside) {
    if (Object.hasOwn(weights, name)) {
      throw new PlanError(`checkpoint: ${quote(name)} is the name of a weight and of what training keeps; rename it`)
    }
  }
  const contents: Contents = {
    optimizer: settings.optimizer?.kind ?? null,
    fields: [
      ...(settings.optimizer?.slots ?? []),
      ...(gradients.length ? [GRADIENT] : []),
      ...kept.map(([field]) => field),
    ],
    counters,
    clock: { epoch: clock.epoch, step: clock.step },
    rate: describeRate(rate),
    rateByHand,
    lastRate,
    numbers: [...vector.numbers],
    scheduleState: [...scheduleState],
    run: active ? ofRun(active.run) : null,
    fingerprint: active?.fingerprint() ?? null,
  }
  const list = [...Object.entries(weights), ...beside].map(([name, { shape, data }]) => ({ name, shape, data }))
  return encodeTensors(list, { ...architectureOf('checkpoint', core), [CHECKPOINT]: JSON.stringify(contents, pack) })
}

/** Whether not all are 0. By whole numbers: of others an interpreter makes an object each. */
function hasValues({ buffer, byteOffset, byteLength }: Floats): boolean {
  const words = new Int32Array(buffer, byteOffset, byteLength / 4)
  for (let i = 0; i < words.length; i++) if (words[i]) return true
  return false
}

/** A run that was cut off is one that goes on. */
function ofRun({ working, ...run }: Run): Contents['run'] {
  // Nothing is in work between steps.
  void working
  // Where it died, its last step was not taken: it is taken again.
  const { diverged, ...history } = run.history
  void diverged
  const stopped = ENDS.includes(history.stopped) ? history.stopped : 'end'
  const noLists = createHistory(Object.keys(history.outputs ?? {}))
  return { ...run, history: { ...history, ...partsWithLists(noLists), stopped, aborted: false } }
}

// ---- giving back ----

/** Reads a checkpoint of this model. Throws a FileError where it is of another; nothing changes before `apply`. */
export function readCheckpoint(where: string, core: Core, bytes: unknown): Restored {
  needNoStep(where, core)
  const { tensors, metadata } = readFile(bytes)
  const contents = readContents(where, metadata, core.names.outputs)
  if (metadata[NUMERICS] !== NUMERICS_NOW) {
    note(
      `${where}: the checkpoint is of another version of v128, which computed other bits ` +
        `(${show(metadata[NUMERICS])}, now ${NUMERICS_NOW}): what comes is right, but not that of a run that was never stopped`,
    )
  }
  const { optimizer, fields, counters, clock, rate, rateByHand, lastRate, numbers, scheduleState, run } = contents
  const { settings, vector } = core
  const kind = settings.optimizer?.kind
  if (optimizer !== (kind ?? null)) {
    throw new FileError(
      `${where}: the checkpoint was taken with ${optimizer === null ? 'no optimizer' : brief(optimizer)}, but this ` +
        `model has ${kind ?? 'none'}; create it with the same`,
    )
  }
  const weights = Object.entries(weightsOf(core))
  const read = readerOf(where, tensors)
  const targets: { to: Floats; from: Floats }[] = []
  const take = (name: string, { shape, data }: Tensor) => void targets.push({ to: data, from: read(name, shape, data) })
  for (const [name, tensor] of weights) take(name, tensor)
  for (const [name, tensor] of Object.entries(slotsOf(core))) take(name, tensor)
  if (fields.includes(GRADIENT)) {
    for (const [name, tensor] of Object.entries(core.tensors.gradients)) take(`${name}.${GRADIENT}`, tensor)
  }
  const kept: Record<string, Floats[]> = {}
  for (const field of [BEST, BEFORE]) {
    if (!fields.includes(field)) continue
    kept[field] = weights.map(([name, { shape, data }]) => read(`${name}.${field}`, shape, data))
  }
  for (const [name, list] of listsOf(run?.history)) list.push(...read.list(HISTORY + name))
  if (read.left()) throw new FileError(`${where}: the checkpoint has ${quote(read.left()!)}, which this model has not`)
  if (numbers.length !== vector.numbers.length) {
    throw new FileError(
      `${where}: the checkpoint has ${numbers.length} numbers of ${kind}, want ${vector.numbers.length}`,
    )
  }
  if (settings.optimizer?.accepts?.(numbers) === false) {
    throw new FileError(`${where}: the checkpoint has numbers of ${kind} that it never has: ${show(numbers)}`)
  }
  const own = ownIn(where, metadata)
  compareOrigins(where, core, metadata)
  const rateNow = rateIn(where, core, rate, rateByHand)
  const stateNow = stateOf(where, rateNow, rate, scheduleState)
  return {
    run: run && { ...run, working: { rows: 0, seen: '' } },
    counters,
    fingerprint: contents.fingerprint,
    kept,
    apply() {
      core.allGradients.fill(0)
      for (const { to, from } of targets) to.set(from)
      vector.numbers.set(numbers)
      Object.assign(core.counters, counters)
      Object.assign(core.clock, clock)
      core.scheduleState = stateNow
      core.rate = rateNow
      core.rateByHand = rateByHand
      core.lastRate = lastRate
      if (!Object.keys(core.metadata).length) core.metadata = own
      // The values between the layers are those of other weights.
      core.rows = 0
    },
  }
}

function readContents(where: string, metadata: Metadata, outputs?: readonly string[]) {
  const text = metadata[CHECKPOINT]
  if (text === undefined) {
    throw new FileError(`${where}: the file is no checkpoint, but weights alone; model.load(bytes) takes those`)
  }
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (cause) {
    throw new FileError(`${where}: the checkpoint's metadata is not JSON`, { cause })
  }
  if (!isPlain(given)) throw new FileError(`${where}: the checkpoint's metadata is no object`)
  const { optimizer, fields, rate, run, fingerprint, ...others } = given as Record<keyof Contents, unknown>
  const need = (name: string, value: unknown, fits: boolean) => {
    if (!fits) throw new FileError(`${where}: the checkpoint cannot have ${show(value)} as ${name}`)
  }
  const isRate = (value: unknown) => typeof value === 'number' && value >= 0 && value < Infinity
  const isText = (value: unknown) => typeof value === 'string'
  const isPlainValue = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)
  const { kind, config } = (isPlain(rate) ? rate : {}) as { kind?: unknown; config?: unknown }
  need('its optimizer', optimizer, optimizer === null || isText(optimizer))
  need('its fields', fields, Array.isArray(fields) && fields.every(isText))
  need('its learning rate', rate, rate === null || isRate(rate) || (isText(kind) && isPlain(config)))
  need('its run', run, run === null || isPlain(run))
  need('what tells its data', fingerprint, isPlain(fingerprint ?? {}))
  for (const [name, value] of Object.entries(fingerprint ?? {})) need(quote(name), value, isPlainValue(value))

  const numbers = unpack(others, LIKE)
  const read = run === null ? undefined : unpack<Contents['run']>(run, ofRun(createRun(0, 0, 0, outputs ?? [])))!
  for (const count of [...Object.values(numbers.counters), ...Object.values(numbers.clock), ...countsOf(read)]) {
    need('a count', count, Number.isSafeInteger(count) && count >= 0)
  }
  for (const one of [numbers.lastRate, read?.rate ?? 0]) need('a learning rate', one, isRate(one))
  const heads = read?.tally.heads.length
  if (read && outputs) need('its outputs', read.tally.heads, heads === (outputs.length || 1))
  if (read) need('the end of its run', read.history.stopped, ENDS.includes(read.history.stopped))
  return {
    ...numbers,
    optimizer: optimizer as string | null,
    fields: fields as readonly string[],
    rate: rate as RateDescription,
    run: read,
    fingerprint: (fingerprint ?? {}) as Restored['fingerprint'],
  }
}

/** What of a run are counts. */
function countsOf(run: Contents['run'] | undefined): number[] {
  if (!run) return []
  const { epoch, batch, stepsBefore, tally, best, history } = run
  // It is -1 where no epoch was the best.
  return [epoch, batch, stepsBefore, tally.rows, best.waited, history.steps, history.bestEpoch + 1]
}

/** Reads tensors of a shape and of the type of `like`; `left` names one that nobody read. */
function readerOf(where: string, tensors: ReadonlyMap<string, StoredTensor>) {
  const left = new Set(tensors.keys())
  const read = (name: string, shape: readonly number[], like: Floats): Floats => {
    const tensor = tensors.get(name)
    if (!tensor) throw new FileError(`${where}: the checkpoint has no ${quote(name)}; it is of another model`)
    left.delete(name)
    const dtype = like.BYTES_PER_ELEMENT === 8 ? 'F64' : 'F32'
    if (tensor.dtype === dtype && tensor.shape.join() === shape.join()) return tensor.decode()
    throw new FileError(
      `${where}: ${quote(name)} is ${tensor.dtype} (${few(tensor.shape)}) in the checkpoint, ${dtype} (${few(shape)}) ` +
        'here; it is of another model',
    )
  }
  const list = (name: string): Iterable<number> => {
    const tensor = tensors.get(name)
    left.delete(name)
    if (tensor?.dtype === 'F64' && tensor.shape.length === 1) return tensor.decode()
    throw new FileError(`${where}: the checkpoint has no list of numbers ${quote(name)}`)
  }
  return Object.assign(read, { list, left: () => left.values().next().value })
}

/**
 * The rate that the model goes on with: its own, where the checkpoint has the one with which its model was created; else
 * what was set by hand there. Throws a FileError where that is a schedule that the model has not.
 */
function rateIn(where: string, core: Core, was: RateDescription, wasByHand: boolean): number | Schedule {
  const { rate } = core
  const before = textOf(was)
  const now = textOf(describeRate(rate))
  if (!wasByHand) {
    if (before !== now) note(`${where}: the learning rate was ${before} in the checkpoint; it goes on as ${now}`)
    return rate
  }
  if (typeof was === 'number') return was
  // Of a function nothing is known but that it was one: it counts once it was set again.
  if (before === now && (was || core.rateByHand)) return rate
  throw new FileError(
    `${where}: the learning rate was set to ${before} before the checkpoint, but this model has ${now}; set it again ` +
      'before: model.learningRate = ...',
  )
}

/** A rate in words; a function of the user's has none of its own. */
function textOf(rate: RateDescription): string {
  return rate === null ? 'a function' : JSON.stringify(rate, pack).slice(0, LONGEST)
}

/** What a schedule has seen, where it is still the same; else what it begins with. */
function stateOf(where: string, rate: number | Schedule, was: RateDescription, state: readonly number[]): Float64Array {
  const initial = initialStateOf(rate)
  if (textOf(describeRate(rate)) !== textOf(was)) return initial
  if (state.length === initial.length) return Float64Array.from(state)
  throw new FileError(`${where}: the schedule of the checkpoint keeps ${state.length} numbers, want ${initial.length}`)
}

/**
 * Throws a FileError where the network is another than that of the checkpoint, and says in what else the model differs, but
 * for its learning rate.
 */
function compareOrigins(where: string, core: Core, { [ARCHITECTURE]: text = 'null' }: Metadata): void {
  let was: unknown
  try {
    was = JSON.parse(text)
  } catch (cause) {
    throw new FileError(`${where}: the network of the checkpoint is not JSON`, { cause })
  }
  // One that could not be written down has none.
  if (!isPlain(was) || !isPlain((was as Architecture).options)) return
  const is: unknown = JSON.parse(architectureOf(where, core)[ARCHITECTURE])
  const [before, now] = [was, is].map((one) => {
    const { network, loss, optimizer, options } = one as Architecture
    return { network, loss, optimizer: { ...optimizer, learningRate: 0 }, ...options, batch: 0 } as Record<
      string,
      unknown
    >
  })
  const other = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]),
  )
  if (other.includes('network')) {
    throw new FileError(
      `${where}: the checkpoint is of another network than this one; create the model with that, or take its weights ` +
        'alone: model.load(bytes)',
    )
  }
  if (!other.length) return
  note(
    `${where}: this model differs from that of the checkpoint in ${few(other)}: it goes on, but not as a run that was never ` +
      'stopped',
  )
}

/** The tensors of a file without what training keeps beside the weights; `isOwn` says what is a weight in any case. */
export function weightsIn(
  { tensors, metadata }: ReturnType<typeof readFile>,
  isOwn: (name: string) => boolean,
): ReadonlyMap<string, StoredTensor> {
  if (metadata[CHECKPOINT] === undefined) return tensors
  const { fields } = readContents('load', metadata)
  const isBeside = (name: string) => {
    if (name.startsWith(HISTORY)) return !isOwn(name)
    const dot = name.lastIndexOf('.')
    return !isOwn(name) && fields.includes(name.slice(dot + 1)) && tensors.has(name.slice(0, dot))
  }
  return new Map([...tensors].filter(([name]) => !isBeside(name)))
}
