// Axes of examples, as layers are told of them.

import { few, integer } from '../errors'
import type { Plan } from '../plan/plan'
import { product } from '../tensor'
import type { Value } from '../plan/value'

/** An axis of an example, 0 for the first or -1 for the last; which there are is known when it is planned. */
export function checkAxis(where: string, axis: unknown): number {
  return integer(where, 'axis', axis, -32, 31)
}

/** The axis of x, and how many numbers lie before, along and behind it. */
export function along(x: Value, plan: Plan, axis: number) {
  const { shape } = x
  const at = axis < 0 ? axis + shape.length : axis
  if (at < 0 || at >= shape.length) {
    throw plan.error(`there is no axis ${axis} in examples of shape (${few(shape)}); the batch is not counted`)
  }
  return { at, outer: product(shape.slice(0, at)), size: shape[at], inner: product(shape.slice(at + 1)) }
}
