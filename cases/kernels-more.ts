// Rows of the case table for the kernels of the second group: see kernels.ts.

import { CURVE_SCRATCH } from '../src/kernels/blocking'
import { GELU, GELU_TANH, HARD_SIGMOID, HARD_SWISH, SELU, SILU, SOFTPLUS } from '../src/kernels/curve-kinds'
import type { KernelCase } from './kernels'

const CURVES = { GELU, GELU_TANH, HARD_SIGMOID, HARD_SWISH, SELU, SILU, SOFTPLUS }

/** Both passes of a curve. */
export function curveCases(name: keyof typeof CURVES, count: number): KernelCase[] {
  const sizes = [count, CURVES[name]]
  return [
    {
      kernel: 'curveForward',
      name: `${name} of ${count} values`,
      traffic: 2 * count,
      args: (a) => [...sizes, a.values(count), a.scratch(CURVE_SCRATCH), a.values(count)],
    },
    {
      kernel: 'curveBackward',
      name: `${name} of ${count} values`,
      traffic: 3 * count,
      args: (a) => [...sizes, a.values(count), a.values(count), a.scratch(CURVE_SCRATCH), a.values(count)],
    },
  ]
}

export function preluCases(n: number, c: number, hw: number): KernelCase[] {
  const size = n * c * hw
  const name = `${n}x${c}x${hw}`
  return [
    {
      kernel: 'preluForward',
      name,
      traffic: 2 * size,
      args: (a) => [n, c, hw, a.values(size), a.values(c), a.values(size)],
    },
    {
      kernel: 'preluBackward',
      name,
      traffic: 3 * size,
      args: (a) => [n, c, hw, a.values(size), a.values(c), a.values(size), a.values(size)],
    },
    {
      kernel: 'preluProducts',
      name,
      traffic: 3 * size,
      args: (a) => [size, a.values(size), a.values(size), a.values(size)],
    },
  ]
}

const COUNTS = [1, 3, 7, 8, 9, 16, 17, 130]

export const moreKernelCases: readonly KernelCase[] = [
  ...(Object.keys(CURVES) as (keyof typeof CURVES)[]).flatMap((name) =>
    COUNTS.flatMap((count) => curveCases(name, count)),
  ),
  ...COUNTS.flatMap((count) => [...preluCases(2, 3, count), ...preluCases(3, count, 1), ...preluCases(2, 1, count)]),
]
