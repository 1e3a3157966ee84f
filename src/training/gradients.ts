// What can be wrong with the gradients under a loss that is finite, in words.

import type { Optimizer } from '../optimizers/optimizer'
import type { Core } from './core'

/** The roots of the largest numbers of each precision, rounded down, for a mean of squares is rounded as well. */
export const MOST_TO_SQUARE = { float64: 1.34e154, float32: 1.84e19 } as const

/** The first gradient of a parameter that is not finite; undefined if all are. */
export function badGradient(core: Core): string | undefined {
  const { kernels, count, dx } = core.vector
  if (kernels.firstNotFinite(count, dx) < 0) return undefined
  return find(core, (value) => !Number.isFinite(value), 'the gradients are not finite while the loss is: that')
}

/** The first gradient whose square overflows; undefined if there is none. */
export function largeGradient(core: Core, { kind }: Optimizer, most: number): string | undefined {
  const cure =
    `, and ${kind} takes squares, which overflow in ${core.dtype}; scale inputs and targets, or give createModel a ` +
    'clipNorm'
  return find(core, (value) => Math.abs(value) > most, 'a gradient is too large: that', cure)
}

function find(core: Core, isBad: (value: number) => boolean, what: string, cure = ''): string | undefined {
  for (const [name, { data }] of Object.entries(core.tensors.gradients)) {
    const at = data.findIndex(isBad)
    if (at >= 0) return `${what} of parameter '${name}' is ${data[at]} at ${at}${cure}`
  }
  return undefined
}
