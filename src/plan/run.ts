// The one loop that runs calls. Each has its arguments in an array that was filled once, so that a call makes nothing;
// the few numbers that change from pass to pass are put where they belong before the pass begins.

import { PlanError } from '../errors'
import type { Kernels } from '../kernels/index'
import { type Call, type Count, type Size, TRAINING, WEIGHT, nameOf } from './calls'
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

/** A number of an argument list that changes from pass to pass. */
interface Changing<T> {
  readonly args: unknown[]
  readonly at: number
  readonly value: T
}

/** A program over the memory of a model. */
export interface Executable {
  readonly forward: readonly Prepared[]
  readonly weight: Prepared | undefined
  readonly loss: Prepared | undefined
  /** The loss without a gradient. */
  readonly lossAlone: Prepared | undefined
  readonly backward: readonly Prepared[]
  /** Whether a call is a function in TypeScript, which may throw. */
  readonly mayThrow: boolean
  /** The numbers of the pass in work, or of the last one. */
  n: number
  training: boolean
  draws: boolean
  forInput: boolean
  readonly counts: readonly Changing<number>[]
  readonly trainings: readonly Changing<undefined>[]
  readonly weights: readonly Changing<undefined>[]
  readonly drawn: readonly Changing<(pass: number) => number>[]
  /** Writes that are there only for somebody who wants the gradient of the input: what to hand over then, and else. */
  readonly inputWrites: readonly Changing<{ wanted: unknown; unwanted: unknown }>[]
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
  const counts: Changing<number>[] = []
  const trainings: Changing<undefined>[] = []
  const weights: Changing<undefined>[] = []
  const drawn: Changing<(pass: number) => number>[] = []
  const inputWrites: Changing<{ wanted: unknown; unwanted: unknown }>[] = []
  let mayThrow = false

  const prepared = (call: Call, writeNothing = false): Prepared => {
    const routine = typeof call.kernel === 'function' ? call.kernel : undefined
    if (routine) mayThrow = true
    const run = (routine ?? kernels[call.kernel as keyof Kernels]) as Prepared['run'] | undefined
    if (!run) throw new PlanError(`${call.layer.kind}: there is no kernel '${nameOf(call)}'`)
    const { sizes, reads, writes } = call
    const length = sizes.length + reads.length + (call.scratch === undefined ? 0 : 1) + writes.length
    if (!routine && run.length !== length) {
      throw errorOf(call, `takes ${run.length} numbers, but its sizes, reads, scratch and writes are ${length}`)
    }
    // Of mixed kinds from the start: an array of doubles would make an object of each at every call.
    const args: unknown[] = Array<undefined>(length).fill(undefined)
    let at = 0
    const argument = (reference: Reference): unknown => {
      if (reference === undefined) return routine ? undefined : NOWHERE
      const place = placeOf(reference)
      const offset = 'within' in reference ? reference.offset : 0
      if (routine) return offset ? view(place).subarray(offset) : view(place)
      return place.pointer + offset * kernels.bytesPerValue()
    }
    const put = (size: Size): unknown => {
      if (typeof size === 'function') drawn.push({ args, at, value: size })
      else if (size === TRAINING) trainings.push({ args, at, value: undefined })
      else if (size === WEIGHT) weights.push({ args, at, value: undefined })
      else if (typeof size === 'object') counts.push({ args, at, value: (size as Count).perExample })
      else return size
      return 0
    }
    for (; at < sizes.length; at++) args[at] = put(sizes[at])
    for (const read of reads) args[at++] = argument(read)
    if (call.scratch !== undefined) {
      args[at++] = routine ? view(scratch).subarray(0, call.scratch / kernels.bytesPerValue()) : scratch.pointer
    }
    const kinds = new Set(writes.filter(isGradient).map((write) => program.wanted(write)))
    const forInput = !writeNothing && kinds.has('input') && !kinds.has('always')
    for (const write of writes) {
      const wanted = writeNothing ? 'never' : program.wanted(write)
      args[at] = argument(wanted === 'always' ? write : undefined)
      if (wanted === 'input') {
        inputWrites.push({ args, at, value: { wanted: argument(write), unwanted: argument(undefined) } })
      }
      at++
    }
    return { call, run, args, forInput }
  }

  const { forward, weight, loss, backward } = program
  return {
    forward: forward.map((call) => prepared(call)),
    weight: weight && prepared(weight),
    loss: loss && prepared(loss),
    lossAlone: loss && prepared(loss, true),
    backward: backward.map((call) => prepared(call)),
    counts,
    trainings,
    weights,
    drawn,
    inputWrites,
    mayThrow,
    n: 0,
    training: false,
    draws: false,
    forInput: false,
  }
}

/** Begins a pass over n examples: the `pass`-th that trains, if it trains. */
export function beginPass(e: Executable, n: number, training: boolean, draws: boolean, pass: number): void {
  if (n !== e.n) {
    e.n = n
    for (let i = 0; i < e.counts.length; i++) e.counts[i].args[e.counts[i].at] = n * e.counts[i].value
  }
  if (training !== e.training) {
    e.training = training
    for (let i = 0; i < e.trainings.length; i++) e.trainings[i].args[e.trainings[i].at] = training ? 1 : 0
  }
  e.draws = training && draws
  if (training) for (let i = 0; i < e.drawn.length; i++) e.drawn[i].args[e.drawn[i].at] = e.drawn[i].value(pass)
}

/** Whether the backward passes from here on reach the input of the model. */
export function wantInput(e: Executable, wanted: boolean): void {
  if (wanted === e.forInput) return
  e.forInput = wanted
  for (let i = 0; i < e.inputWrites.length; i++) {
    const { args, at, value } = e.inputWrites[i]
    args[at] = wanted ? value.wanted : value.unwanted
  }
}

/** Runs one call, unless the pass has no need of it. */
export function runCall(e: Executable, { call, run, args, forInput }: Prepared): void {
  if (call.draws !== undefined && call.draws !== e.draws) return
  if (forInput && !e.forInput) return
  Reflect.apply(run, undefined, args)
}

/** What the examples in use weigh in a mean. */
export function weigh(e: Executable): number {
  return e.weight ? (Reflect.apply(e.weight.run, undefined, e.weight.args) as number) : e.n
}

/** The mean loss of the examples in use; with `gradient`, writes that of the output. */
export function runLoss(e: Executable, weight: number, gradient: boolean): number {
  const { run, args } = (gradient ? e.loss : e.lossAlone)!
  // Where no class that counts is there, the loss and its gradients are 0.
  for (let i = 0; i < e.weights.length; i++) e.weights[i].args[e.weights[i].at] = weight || 1
  return Reflect.apply(run, undefined, args) as number
}
