// The one loop that runs calls. Each has its arguments in an array that was filled once, so that a call makes nothing;
// the few numbers that change from pass to pass are put where they belong before the pass begins.

import { DataError, PlanError, finite, show } from '../errors'
import type { Kernels } from '../kernels/index'
import { type Call, TRAINING, WEIGHT, nameOf, titleOf } from './calls'
import { type Program, errorOf, isGradient } from './program'
import { type Place, type Reference, placeOf } from './value'

/** A call ready to run. */
export interface Prepared {
  readonly call: Call
  readonly run: (...args: unknown[]) => unknown
  readonly args: unknown[]
  /** Whether only somebody who asks for the gradient of the input wants what it writes. */
  readonly forInput: boolean
}

/** A place in an argument list whose value changes: what it is in a pass with so many examples, say. */
interface Changing<T> {
  readonly args: unknown[]
  readonly at: number
  readonly of: (what: T) => unknown
}

/** The calls of a loss, ready to run. */
export interface PreparedLoss {
  readonly weight: Prepared | undefined
  readonly loss: Prepared
  /** The loss without a gradient. */
  readonly alone: Prepared
  readonly factor: number
  /** What follows from what the examples weigh. */
  readonly changing: readonly Changing<number>[]
  /** What of the arguments is different for a piece of the batch. */
  readonly piece: Piece
}

/** The arguments of a loss that follow from where in the batch it begins, and from how much of it there is. */
interface Piece {
  /** Pointers, by the number of the first position. */
  readonly first: readonly Changing<number>[]
  /** Sizes, by the number of positions. */
  readonly count: readonly Changing<number>[]
}

/** A program over the memory of a model. */
export interface Executable {
  readonly forward: readonly Prepared[]
  /** A pass that trains, without the step: forward, the first loss, which stands for all of them, backward. */
  readonly training: readonly Prepared[]
  /** One that does not: forward, and the first loss without a gradient. */
  readonly evaluation: readonly Prepared[]
  /** One for each output of the network, if it has losses. */
  readonly losses: readonly PreparedLoss[]
  readonly backward: readonly Prepared[]
  /** Whether a call is a function in TypeScript, which may throw. */
  readonly mayThrow: boolean
  /** The numbers of the pass in work, or of the last one. */
  n: number
  trains: boolean
  draws: boolean
  forInput: boolean
  /** The function in TypeScript that runs, within which the model can do nothing else: a call, or another in words. */
  inside: Call | string | undefined
  closed: boolean
  /** What follows from them, and from the number of the pass. */
  readonly changing: {
    readonly n: Changing<number>[]
    readonly training: Changing<boolean>[]
    readonly pass: Changing<number>[]
    /** Writes that are there only for somebody who wants the gradient of the input. */
    readonly forInput: Changing<boolean>[]
  }
}

/** What kernels take for a place that is not there. */
const NOWHERE = 0

/**
 * Fills the arguments of every call. `view` gives a TypeScript routine the numbers at a place. Throws a PlanError that
 * names the layer whose call does not fit its kernel.
 */
export function prepare(
  program: Program,
  kernels: Kernels,
  scratch: Place,
  view: (place: Place) => Float64Array | Float32Array,
): Executable {
  const changing: Executable['changing'] = { n: [], training: [], pass: [], forInput: [] }
  // Of the loss that is being prepared.
  let weighing: Changing<number>[] = []
  let mayThrow = false

  const prepared = (call: Call, writeNothing = false): Prepared => {
    const { kernel, sizes, reads, scratch: bytes, writes } = call
    const routine = typeof kernel === 'function'
    mayThrow ||= routine
    const run = (routine ? kernel : kernels[kernel]) as Prepared['run'] | undefined
    if (!run) throw new PlanError(`${call.layer.kind}: there is no kernel '${nameOf(call)}'`)
    const length = sizes.length + reads.length + (bytes === undefined ? 0 : 1) + writes.length
    if (!routine && run.length !== length) {
      throw errorOf(call, `takes ${run.length} numbers, but its sizes, reads, scratch and writes are ${length}`)
    }
    // Of mixed kinds from the start: an array of doubles would make an object of each at every call.
    const args: unknown[] = Array<undefined>(length).fill(undefined)
    let at = 0
    const argument = (reference: Reference): unknown => {
      if (!reference) return routine ? undefined : NOWHERE
      const place = placeOf(reference)
      const offset = 'within' in reference ? reference.offset : 0
      if (routine) return offset ? view(place).subarray(offset) : view(place)
      return place.pointer + offset * kernels.bytesPerValue()
    }
    for (const size of sizes) {
      if (typeof size === 'function') {
        const where = titleOf(call.layer)
        changing.pass.push({ args, at, of: (pass) => finite(where, 'a size', size(pass)) })
      } else if (size === TRAINING) changing.training.push({ args, at, of: Number })
      else if (size === WEIGHT) weighing.push({ args, at, of: Number })
      else if (typeof size === 'object' && 'perWeight' in size) {
        weighing.push({ args, at, of: (weight) => weight * size.perWeight })
      } else if (typeof size === 'object') changing.n.push({ args, at, of: (n) => n * size.perExample })
      args[at++] = typeof size === 'number' ? size : 0
    }
    for (const read of reads) args[at++] = argument(read)
    if (bytes !== undefined) {
      args[at++] = routine ? view(scratch).subarray(0, bytes / kernels.bytesPerValue()) : scratch.pointer
    }
    const kinds = new Set(writes.filter(isGradient).map(program.wanted))
    const forInput = !writeNothing && kinds.has('input') && !kinds.has('always')
    for (const write of writes) {
      const wanted = writeNothing ? 'never' : program.wanted(write)
      const [there, nowhere] = [argument(write), argument(undefined)]
      if (wanted === 'input') changing.forInput.push({ args, at, of: (wants) => (wants ? there : nowhere) })
      args[at++] = wanted === 'always' ? there : nowhere
    }
    return { call, run, args, forInput }
  }

  const forward = program.forward.map((call) => prepared(call))
  const losses = program.losses.map(({ weight, loss, factor, output, planned }): PreparedLoss => {
    const own: Changing<number>[] = (weighing = [])
    const sized = changing.n.length
    const all = {
      weight: weight && prepared(weight),
      loss: prepared(loss),
      alone: prepared(loss, true),
    }
    const { positions = 1, targets, target } = planned
    const values = (output.size / positions) * kernels.bytesPerValue()
    const strides = new Map<Place | undefined, number>([
      [output.data, values],
      [output.gradient, values],
      [target, targets === 'labels' ? 4 : values],
    ])
    const first = Object.values(all).flatMap((one) => (one ? pointersOf(one, strides, kernels.bytesPerValue()) : []))
    const count = changing.n.slice(sized).map(({ args, at, of }) => {
      return { args, at, of: (rows: number) => (of(rows) as number) / positions }
    })
    return { ...all, factor, changing: own, piece: { first, count } }
  })
  const [first] = losses
  const backward = program.backward.map((call) => prepared(call))
  return {
    forward,
    training: first ? [...forward, first.loss, ...backward] : forward,
    evaluation: first ? [...forward, first.alone] : forward,
    losses,
    backward,
    changing,
    mayThrow,
    n: 0,
    trains: false,
    draws: false,
    forInput: false,
    inside: undefined,
    closed: false,
  }
}

/** The pointers of a call of a kernel to places of which each position has so many bytes. */
function pointersOf(
  { call, args }: Prepared,
  strides: ReadonlyMap<Place | undefined, number>,
  bytes: number,
): Changing<number>[] {
  const { kernel, sizes, reads, scratch, writes } = call
  if (typeof kernel === 'function') return []
  const behind = sizes.length + reads.length + (scratch === undefined ? 0 : 1)
  return [...reads, ...writes].flatMap((reference, i) => {
    const place = reference && placeOf(reference)
    const stride = strides.get(place)
    if (!place || !stride) return []
    const at = i < reads.length ? sizes.length + i : behind + i - reads.length
    const offset = 'within' in reference ? reference.offset * bytes : 0
    // What is not wanted stays nowhere.
    return [{ args, at, of: (first: number) => args[at] && place.pointer + offset + first * stride }]
  })
}

/**
 * Changes the arguments of a loss to those of a piece of the batch, `count` positions from `first` on; all of them for 0
 * and their number.
 */
export function setPiece({ piece }: PreparedLoss, first: number, count: number): void {
  change(piece.first, first)
  change(piece.count, count)
}

function change<T>(list: readonly Changing<T>[], what: T): void {
  for (let i = 0; i < list.length; i++) list[i].args[list[i].at] = list[i].of(what)
}

/** Begins a pass over n examples: the `pass`-th that trains, if it trains. */
export function beginPass(e: Executable, n: number, training: boolean, draws: boolean, pass: number): void {
  if (n !== e.n) change(e.changing.n, n)
  if (training !== e.trains) change(e.changing.training, training)
  if (training) change(e.changing.pass, pass)
  e.n = n
  e.trains = training
  e.draws = training && draws
}

/** Whether the backward passes from here on reach the input of the model. */
export function wantInput(e: Executable, wanted: boolean): void {
  if (wanted !== e.forInput) change(e.changing.forInput, wanted)
  e.forInput = wanted
}

/** Runs one call, unless the pass has no need of it. */
export function runCall(e: Executable, prepared: Prepared): void {
  const { call, forInput } = prepared
  if (call.draws !== undefined && call.draws !== e.draws) return
  if (forInput && !e.forInput) return
  apply(e, prepared)
}

/** Runs calls, one after the other, from that on. */
export function runAll(e: Executable, calls: readonly Prepared[], from = 0): void {
  for (let i = from; i < calls.length; i++) runCall(e, calls[i])
}

/** Runs one call; a function of TypeScript so that whoever asks can see that it runs. */
function apply(e: Executable, { call, run, args }: Prepared): unknown {
  if (typeof call.kernel === 'string') return Reflect.apply(run, undefined, args)
  const { inside } = e
  e.inside = call
  try {
    return Reflect.apply(run, undefined, args)
  } finally {
    e.inside = inside
    // Whatever it threw, if it did, was on memory that is gone.
    needMemory(e, call)
  }
}

function needMemory(e: Executable, call: Call): void {
  if (e.closed) throw errorOf(call, 'closed the model that it is part of; close it when the call is over')
}

/** What a call gives, which one of the user's may not: null would count as 0, and '1' would be put in front of others. */
function numberOf(e: Executable, prepared: Prepared, what: string): number {
  const value = apply(e, prepared)
  if (typeof value === 'number') return value
  throw new DataError(`${prepared.call.layer.kind}: ${what} must be a number, got ${show(value)}`)
}

/** What so many positions weigh in the mean of a loss. */
export function weigh(e: Executable, { weight }: PreparedLoss, rows: number): number {
  if (!weight) return rows
  const value = numberOf(e, weight, 'the weight of the examples')
  if (value >= 0 && value < Infinity) return value
  throw new DataError(
    `${weight.call.layer.kind}: the weight of the examples must be finite and not negative, got ${value}`,
  )
}

/** The mean loss of the examples in use, by its factor; with `gradient`, writes that of the output. */
export function runLoss(e: Executable, of: PreparedLoss, weight: number, gradient: boolean): number {
  // Where no class that counts is there, the loss and its gradients are 0.
  change(of.changing, (weight || 1) / of.factor)
  return numberOf(e, gradient ? of.loss : of.alone, 'the loss')
}
