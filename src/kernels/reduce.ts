// Twin of assembly/reduce.ts, which defines the order of vectorised sums.
import { F, LANES, SHIFT, type Heap } from './float'

/** Number of partial sums: four vectors. */
export const SUMS = 4 * LANES

// Below, `lanes` and `x` are heap indices, not pointers.

export function clearLanes({ f }: Heap, lanes: number): void {
  f.fill(0, lanes, lanes + SUMS)
}

export function accumulate({ f }: Heap, count: number, x: number, lanes: number): void {
  for (let i = 0; i < count; i++) {
    const lane = lanes + (i & (SUMS - 1))
    f[lane] = F(f[lane] + f[x + i])
  }
}

export function totalOfLanes({ f }: Heap, lanes: number): number {
  let sum = 0
  for (let l = 0; l < LANES; l++) {
    const at = lanes + l
    const total = F(F(f[at] + f[at + LANES]) + F(f[at + 2 * LANES] + f[at + 3 * LANES]))
    sum = l === 0 ? total : F(sum + total)
  }
  return sum
}

/** Here a, b and lanes are pointers. */
export function dot(heap: Heap, count: number, a: number, b: number, lanes: number): number {
  const { f } = heap
  a >>>= SHIFT
  b >>>= SHIFT
  lanes >>>= SHIFT
  clearLanes(heap, lanes)
  for (let i = 0; i < count; i++) {
    const lane = lanes + (i & (SUMS - 1))
    f[lane] = F(f[lane] + F(f[a + i] * f[b + i]))
  }
  return totalOfLanes(heap, lanes)
}

export const reduceKernels = (heap: Heap) => ({
  sumOfSquares: (count: number, x: number, lanes: number): number => dot(heap, count, x, x, lanes),
  dot: (count: number, a: number, b: number, lanes: number): number => dot(heap, count, a, b, lanes),
})
