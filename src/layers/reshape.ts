import { MAX_SIZE, PlanError, checkArguments, few, integer, numbers } from '../errors'
import type { Layer } from '../plan/layer'
import { product } from '../tensor'

/**
 * Examples of another shape, as (N, 12) to (N, 3, 4): the same memory, so it costs nothing. One of the sizes may be -1,
 * for what is left.
 *
 *     reshape([8, 4, 4])
 */
export function reshape(shape: readonly number[]): Layer {
  checkArguments('reshape', arguments, 1)
  const sizes = numbers('reshape', 'shape', shape, 'an array of sizes', (name, size) =>
    integer('reshape', name, size, -1, MAX_SIZE),
  )
  if (!sizes.length || sizes.includes(0) || sizes.filter((size) => size === -1).length > 1) {
    throw new PlanError(`reshape: shape must have sizes of at least 1, one of which may be -1, got (${few(sizes)})`)
  }
  return {
    kind: 'reshape',
    initBefore: 'next',
    config: { shape: sizes },
    plan(x, plan) {
      const known = product(sizes.filter((size) => size !== -1))
      const full = sizes.map((size) => (size === -1 ? x.size / known : size))
      if (!full.every(Number.isInteger) || product(full) !== x.size) {
        throw plan.error(
          `examples of shape (${few(x.shape)}) have ${x.size} numbers, which do not make up (${few(sizes)})`,
        )
      }
      return plan.reshaped(x, full)
    },
  }
}
