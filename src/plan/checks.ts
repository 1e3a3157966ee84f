// What layers are checked for, and what they hand over while they are planned.

import { PlanError, brief, checkNoPromise, isObject, readSafely, show } from '../errors'
import { type Count, TRAINING, WEIGHT } from './calls'
import type { Layer } from './plan'
import { type Part, type Place, Value } from './value'

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

export function isSize(value: unknown): boolean {
  if (value === TRAINING || value === WEIGHT || typeof value === 'number' || typeof value === 'function') return true
  return typeof (value as Partial<Count> | null | undefined)?.perExample === 'number'
}

export function isReference(value: unknown): boolean {
  if (value === undefined || value instanceof Value) return true
  if (!isObject(value)) return false
  const { within, offset, bytes } = value as Partial<Part & Place>
  if (within === undefined) return typeof bytes === 'number'
  return typeof offset === 'number' && offset >= 0 && isReference(within) && !('within' in within)
}
