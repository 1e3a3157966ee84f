// Rows of the case table for convolutions of sequences: see kernels.ts.

import { lineScratch } from '../src/kernels/conv-geometry'
import type { KernelCase } from './kernels'

/** The three passes of winograd1d.ts, of sequences of `w` steps. */
export function lineCases(n: number, c: number, w: number, f: number, taps: number, pad: number): KernelCase[] {
  const name = `${n}x${c}x${w} to ${f}, ${taps} taps, pad ${pad}`
  const ow = w + 2 * pad - taps + 1
  const [x, y, weights] = [n * c * w, n * f * ow, f * c * taps]
  const flops = 2 * n * f * ow * c * taps
  const scratch = (a: Parameters<KernelCase['args']>[0]) => a.scratch(lineScratch(c, w, f, taps, pad, a.bytes))
  return [
    {
      kernel: 'winograd1dForward',
      name,
      flops,
      args: (a) => [n, c, w, f, f, taps, pad, a.values(x), a.values(weights), a.values(f), scratch(a), a.values(y)],
    },
    {
      kernel: 'winograd1dBackwardInput',
      name,
      flops,
      args: (a) => [n, c, c, w, f, taps, pad, a.values(y), a.values(weights), scratch(a), a.values(x)],
    },
    {
      kernel: 'winograd1dBackwardWeight',
      name,
      flops,
      args: (a) => [n, c, c, w, f, f, taps, pad, a.values(x), a.values(y), scratch(a), a.values(weights)],
    },
  ]
}

export const lineKernelCases: readonly KernelCase[] = [
  ...lineCases(2, 3, 8, 4, 3, 1),
  ...lineCases(3, 5, 13, 9, 5, 2),
  ...lineCases(2, 9, 3, 7, 3, 0),
  ...lineCases(1, 1, 1, 1, 3, 1),
  ...lineCases(9, 6, 2, 11, 5, 4),
  ...lineCases(1, 17, 30, 20, 5, 0),
  ...lineCases(20, 8, 66, 12, 3, 2),
  ...lineCases(2, 13, 261, 10, 5, 1),
  ...lineCases(1, 3, 1100, 10, 3, 1),
  // More channels than a block of a product has steps, and more chunks than are summed at once.
  ...lineCases(1, 270, 7, 5, 3, 1),
  ...lineCases(1, 2, 9, 530, 5, 2),
  ...lineCases(130, 2, 1100, 1, 3, 1),
]
