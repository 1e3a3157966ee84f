// What layers are checked for, and what they hand over while they are planned.

import {
  PlanError,
  brief,
  callable,
  checkNoPromise,
  checkOptions,
  finite,
  flag,
  isObject,
  readSafely,
  show,
} from '../errors'
import type { Initializer } from '../initializers'
import type { Kernels } from '../kernels/index'
import { type Call, type CallOptions, type Count, type Origin, type Routine, TRAINING, WEIGHT } from './calls'
import type { Layer } from './layer'
import { type ParameterOptions, type Part, type Place, Value } from './value'

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
  const { init, fanIn, fanOut, decay } = checkOptions(where, options, ['init', 'fanIn', 'fanOut', 'decay'])
  if (typeof (init as Initializer | undefined)?.fill !== 'function') {
    throw new PlanError(`${where}: init must be an initializer such as he(), got ${show(init)}`)
  }
  finite(where, 'fanIn', fanIn, 0)
  finite(where, 'fanOut', fanOut, 0)
  flag(where, 'decay', decay)
  return { init, fanIn, fanOut, decay }
}

function isSize(value: unknown): boolean {
  if (value === TRAINING || value === WEIGHT || typeof value === 'number' || typeof value === 'function') return true
  return typeof (value as Partial<Count> | null | undefined)?.perExample === 'number'
}

function isReference(value: unknown): boolean {
  if (value === undefined || value instanceof Value) return true
  if (!isObject(value)) return false
  const { within, offset, bytes } = value as Partial<Part & Place>
  if (within === undefined) return typeof bytes === 'number'
  return typeof offset === 'number' && offset >= 0 && isReference(within) && !('within' in within)
}
