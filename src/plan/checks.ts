// What layers are checked for, and what they hand over while they are planned.

import {
  DataError,
  FileError,
  PlanError,
  brief,
  callable,
  checkNoPromise,
  checkOptions,
  few,
  finite,
  flag,
  integer,
  isObject,
  numbers,
  readSafely,
  show,
} from '../errors'
import type { Initializer } from '../initializers'
import type { Kernels } from '../kernels/index'
import { product } from '../tensor'
import {
  type Call,
  type CallOptions,
  type Count,
  type Divisor,
  type Origin,
  type Routine,
  TRAINING,
  WEIGHT,
  doesWrite,
  isOfLoss,
} from './calls'
import type { Layer, LossPlan } from './layer'
import { type ParameterOptions, type Part, type Place, Value, type Variable } from './value'

/** Throws a PlanError unless `value` is a layer; `name` is what it is of `where`, or '' where there is but one. */
export function checkLayer(where: string, name: string, value: unknown): void {
  readSafely(where, name || 'the layer', () => {
    checkNoPromise(where, name || 'the layer', value)
    if (isLayer(value)) return
    throw new PlanError(`${where}: ${name ? `${name} is not a layer, but` : 'wants a layer, got'} ${noLayer(value)}`)
  })
}

export function isLayer(value: unknown): value is Layer {
  return typeof (value as Layer | null | undefined)?.plan === 'function'
}

/** What is no layer, for an error. */
export function noLayer(value: unknown): string {
  if (Array.isArray(value)) return 'an array; sequential(...) makes one layer of several'
  if (typeof value !== 'function') return typeof value === 'object' ? show(value) : typeof value
  const name: unknown = value.name
  return `function; call it: ${typeof name === 'string' ? brief(name) : ''}()`
}

/** What a call has, first what is not of CallOptions. */
const CALL = /* @__PURE__ */ new Set([
  'kernel',
  'layer',
  'sizes',
  'reads',
  'updates',
  'scratch',
  'writes',
  'flops',
  'variant',
  'draws',
])

/** A call that the layer named `where` records, once it is known to be one. */
export function checkedCall(where: string, layer: Origin, kernel: keyof Kernels | Routine, options: CallOptions): Call {
  if (typeof kernel !== 'string') callable(where, 'a call', kernel, 'of a kernel, by its name, or a function')
  // Thousands of calls are planned: their names are made for errors alone.
  const title = () =>
    `${where}: the call of ${brief(typeof kernel === 'string' ? kernel : kernel.name || 'a function')}`
  const call: Call = { ...options, kernel, layer }
  for (const name in call) if (!CALL.has(name)) checkOptions(title(), options, [...CALL].slice(2))
  const all = (name: 'sizes' | 'reads' | 'writes', fits: (value: unknown) => boolean, wanted: string) => {
    const list: readonly unknown[] = call[name]
    if (!Array.isArray(list)) throw new PlanError(`${title()}: ${name} must be an array, got ${show(list)}`)
    for (const one of list) {
      if (!fits(one)) throw new PlanError(`${title()}: its ${name} must be ${wanted}, got ${show(one)}`)
    }
  }
  all('sizes', isSize, 'numbers, times(n), N or the like')
  all('reads', isReference, 'values, places or undefined')
  all('writes', isReference, 'values, places or undefined')
  // Sizes of scratch are computed with 32 bits, as in the kernels.
  if (call.scratch !== undefined && !(call.scratch >= 0)) {
    throw new PlanError(`${where}: it is larger than kernels can be`)
  }
  return call
}

/** What a parameter, named `where`, begins with, once it is known to be that. */
export function checkedParameter(where: string, options: ParameterOptions): ParameterOptions {
  const { init, fanIn, fanOut, decay, still } = checkOptions(where, options, [
    'init',
    'fanIn',
    'fanOut',
    'decay',
    'still',
  ])
  if (typeof (init as Initializer | undefined)?.fill !== 'function') {
    throw new PlanError(`${where}: init must be an initializer such as he(), got ${show(init)}`)
  }
  finite(where, 'fanIn', fanIn, 0)
  finite(where, 'fanOut', fanOut, 0)
  flag(where, 'decay', decay)
  return { init, fanIn, fanOut, decay, still }
}

/**
 * What a loss planned on `size` outputs, with its call and what it is multiplied by, once it is known to be that: `bytes`
 * are those of a value.
 */
export function checkedLoss(
  where: string,
  call: Call | undefined,
  factor: number,
  planned: LossPlan,
  batch: number,
  size: number,
  bytes: number,
): LossPlan {
  if (!call) throw new PlanError(`${where}: its plan must call plan.loss`)
  if (factor !== 1 && !call.sizes.some(isOfLoss)) {
    throw new PlanError(
      `${where}: it has a weight, ${factor}, but its call does not divide by WEIGHT, which knows of that`,
    )
  }
  return readSafely(where, 'what its plan gives', () => {
    const { targets, target, positions = 1, weights, shape } = Object(planned) as LossPlan
    integer(where, 'positions', positions, 1)
    const values = shape ? sizeOf(() => where, shape) : size
    const least = batch * (targets === 'labels' ? 4 * positions : values * bytes)
    if (weights && !(weights.bytes >= batch * positions * bytes)) {
      throw new PlanError(
        `${where}: weights must be plan.pinned(bytes), a value for each of ${batch * positions} positions`,
      )
    }
    if (size % positions) throw new PlanError(`${where}: ${size} outputs are not ${positions} positions of as many`)
    if (['labels', 'values', 'probabilities'].includes(targets) && target?.bytes >= least) return planned
    throw new PlanError(
      `${where}: its plan must return { targets: 'labels', 'values' or 'probabilities', target: plan.pinned(bytes) }, ` +
        `of ${least} bytes or more, got ${show(planned)}`,
    )
  })
}

/**
 * What is wrong with what the plan of a layer returned, in words: `known` is what it, and the network, got, and
 * `backward` the calls that it recorded.
 */
export function faultOf(
  y: unknown,
  known: readonly Value[],
  forward: readonly Call[],
  backward: readonly (readonly Call[])[],
): string | undefined {
  if (!(y instanceof Value)) return 'its plan must return a value: its output'
  const { data, gradient } = y
  if (!known.some((x) => x.data === data) && !forward.findLast((call) => doesWrite(call, data))) {
    return 'no call writes the value that its plan returns; name it among the writes of a plan.forward'
  }
  if (!gradient || known.some((x) => x.gradient === gradient)) return undefined
  if (!backward.some((calls) => calls.some((call) => doesWrite(call, gradient)))) return undefined
  return 'its backward pass writes the gradient of its own output, which others may read; write x.gradient alone'
}

/** How many numbers a shape has, once it is known to be one. */
export function sizeOf(where: () => string, shape: readonly number[]): number {
  let size = Array.isArray(shape) && shape.length ? 1 : NaN
  for (let i = 0; size > 0 && i < shape.length; i++) size *= Number.isSafeInteger(shape[i]) ? shape[i] : NaN
  if (size > 0 && shape.every((one) => one > 0)) return size
  // Which says what is wrong.
  const check = (name: string, one: unknown) => integer(where(), name, one, 1)
  return product(numbers(where(), 'a shape', shape, 'an array of numbers', check))
}

/** What `plan` gives; if that throws what is no error of ours, a PlanError that names the layer, `where`. */
export function ask<T>(where: string, plan: () => T): T {
  try {
    return plan()
  } catch (cause) {
    if (cause instanceof PlanError || cause instanceof DataError || cause instanceof FileError) throw cause
    throw new PlanError(`${where}: its plan threw ${show(cause)}`, { cause })
  }
}

/** Throws a PlanError unless a name that is taken is that of a layer which is used again, `isAgain`, on the same shape. */
export function checkShared(where: string, { name, shape }: Variable, isAgain: boolean, now: readonly number[]): void {
  const problem = (what: string) => new PlanError(`${where}: '${name}' is ${what}`)
  if (!isAgain) throw problem('the name of another parameter or buffer already; rename one')
  if (shape.join() === now.join()) return
  throw problem(
    `(${few(shape)}) where this layer is used first, but (${few(now)}) here; give it another name and layer`,
  )
}

function isSize(value: unknown): boolean {
  if (value === TRAINING || value === WEIGHT || typeof value === 'number' || typeof value === 'function') return true
  const { perExample, perWeight } = Object(value) as Partial<Count & Divisor>
  return typeof (perExample ?? perWeight) === 'number'
}

function isReference(value: unknown): boolean {
  if (value === undefined || value instanceof Value) return true
  if (!isObject(value)) return false
  const { within, offset, bytes } = value as Partial<Part & Place>
  if (within === undefined) return typeof bytes === 'number'
  return typeof offset === 'number' && offset >= 0 && isReference(within) && !('within' in within)
}
