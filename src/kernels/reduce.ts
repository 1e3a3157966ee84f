// Twin of assembly/reduce.ts, which defines the order of sums.
import { SUM_STEPS } from './blocking'
import { F, LANES, SHIFT, type Heap } from './float'

/** Number of partial sums: four vectors. */
export const SUMS = 4 * LANES
/** Values of the longest run. */
export const RUN = SUM_STEPS * SUMS

/** How many values a run adds to a partial sum at the most. */
export function stepsOf(run: number): number {
  return Math.ceil(run / SUMS)
}

/** The partial sum of value i of a run of which `whole` values fill vectors. */
export function laneOf(i: number, whole: number): number {
  return i < whole ? i & (SUMS - 1) : i - whole + 3 * LANES
}

/** The total of the partial sums of a block, which it sets to 0. */
export function totalOf(lanes: Heap['lanes']): number {
  let sum = 0
  for (let l = 0; l < LANES; l++) {
    sum += F(F(lanes[l] + lanes[l + LANES]) + F(lanes[l + 2 * LANES] + lanes[l + 3 * LANES]))
  }
  lanes.fill(0)
  return sum
}

// Below, pointers are heap indices.

/** Adds what is summed of one run to the partial sums. */
type Add = (heap: Heap, run: number, x: number, y: number, p: number) => void

export const values: Add = ({ f, lanes }, run, x) => {
  const whole = run & -LANES
  for (let i = 0; i < run; i++) {
    const lane = laneOf(i, whole)
    lanes[lane] = F(lanes[lane] + f[x + i])
  }
}

export const magnitudes: Add = ({ f, lanes }, run, x) => {
  const whole = run & -LANES
  for (let i = 0; i < run; i++) {
    const lane = laneOf(i, whole)
    lanes[lane] = F(lanes[lane] + Math.abs(f[x + i]))
  }
}

export const products: Add = ({ f, lanes }, run, x, y) => {
  const whole = run & -LANES
  for (let i = 0; i < run; i++) {
    const lane = laneOf(i, whole)
    lanes[lane] = F(lanes[lane] + F(f[x + i] * f[y + i]))
  }
}

export const deviations: Add = ({ f, lanes }, run, x, y, p) => {
  const whole = run & -LANES
  for (let i = 0; i < run; i++) {
    const lane = laneOf(i, whole)
    lanes[lane] = F(lanes[lane] + F(f[x + i] * F(f[y + i] - p)))
  }
}

export function total(
  heap: Heap, add: Add, rows: number, count: number, stride: number, x: number, y: number, p: number,
): number {
  let sum = 0
  let room = SUM_STEPS
  heap.lanes.fill(0)
  for (; rows > 0; rows--, x += stride) {
    for (let at = 0; at < count; at += RUN) {
      const run = Math.min(count - at, RUN)
      const steps = stepsOf(run)
      if (steps > room) {
        sum += totalOf(heap.lanes)
        room = SUM_STEPS
      }
      room -= steps
      add(heap, run, x + at, y + at, p)
    }
  }
  return sum + totalOf(heap.lanes)
}

export function carefulDot({ f }: Heap, count: number, scale: number, a: number, b: number): number {
  let sum = 0
  for (let at = 0; at < count; at += RUN) {
    let part = 0
    for (let i = at; i < Math.min(at + RUN, count); i++) part += f[a + i] * scale * (f[b + i] * scale)
    sum += part
  }
  return sum
}

const LEAST_SINGLE = 1e-25

export const reduceKernels = (heap: Heap) => {
  function dot(count: number, a: number, b: number): number {
    const sum = total(heap, products, 1, count, 0, a >>> SHIFT, b >>> SHIFT, 0)
    if (SHIFT === 3 || (Math.abs(sum) > LEAST_SINGLE && Math.abs(sum) < Infinity)) return sum
    return carefulDot(heap, count, 1, a >>> SHIFT, b >>> SHIFT)
  }
  return {
    dot,
    sumOfSquares: (count: number, x: number): number => dot(count, x, x),
    sumOfMagnitudes: (count: number, x: number): number => total(heap, magnitudes, 1, count, 0, x >>> SHIFT, 0, 0),
  }
}
