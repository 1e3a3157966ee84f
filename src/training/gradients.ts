// What can be wrong with the gradients under a loss that is finite, in words.

import type { Optimizer } from '../optimizers/optimizer'
import { type Core, viewOf } from './core'

/** The roots of the largest numbers of each precision, rounded down, for a mean of squares is rounded as well. */
const MOST_TO_SQUARE = { float64: 1.34e154, float32: 1.84e19 } as const
/** Squares up to those of these numbers are rounded away where they are added to the largest number. */
const MOST_TO_SUM = { float64: 2 ** 484, float32: 2 ** 51 } as const

/** The first gradient of a parameter that is not finite; undefined if all are. */
export function badGradient(core: Core): string | undefined {
  const { kernels, count, dx } = core.vector
  if (kernels.firstNotFinite(count, dx) < 0) return undefined
  return find(core, (value) => !Number.isFinite(value), 'a gradient is not finite: that')
}

/** The first gradient whose square overflows, or the sum of those so far; none where the norm of all is small. */
export function largeGradient(core: Core, { kind, squares }: Optimizer, norm: number): string | undefined {
  const { dtype, engine, vector } = core
  const sums = squares === 'sum'
  if (!squares || norm <= (sums ? MOST_TO_SUM : MOST_TO_SQUARE)[dtype]) return undefined
  const most = MOST_TO_SQUARE[dtype]
  const round = dtype === 'float32' ? Math.fround : Number
  const cache = viewOf(dtype, engine.buffer, vector.slots[0], sums ? vector.count : 0)
  const isBad = (value: number, at: number) =>
    sums ? round(round(value * value) + cache[at]) === Infinity : Math.abs(value) > most
  const cure =
    `, and ${kind} ${sums ? 'adds up' : 'takes'} squares, which overflow in ${dtype}; scale inputs and targets, or give ` +
    'createModel a clipNorm'
  return find(core, isBad, 'a gradient is too large: that', cure)
}

/** The first that is bad by its value and its place among all gradients, in words. */
function find(core: Core, isBad: (value: number, at: number) => boolean, what: string, cure = ''): string | undefined {
  const { allGradients, tensors } = core
  for (const [name, { data }] of Object.entries(tensors.gradients)) {
    const first = (data.byteOffset - allGradients.byteOffset) / data.BYTES_PER_ELEMENT
    const at = data.findIndex((value, i) => isBad(value, first + i))
    if (at >= 0) return `${what} of parameter '${name}' is ${data[at]} at ${at}${cure}`
  }
  return undefined
}
