// Twin of assembly/reduce.ts, which defines the order of sums.
import { SUM_STEPS } from './blocking'
import { F, LANES, SHIFT, type Heap } from './float'

/** Number of partial sums: four vectors. */
export const SUMS = 4 * LANES
/** Values of the longest run. */
export const RUN = SUM_STEPS * SUMS

/** Of `rows` rows of `count` values, those in a block; where a row is longer than a run, a block is a run. */
export function rowsOfBlock(rows: number, count: number): number {
  return rows === 1 || count >= RUN ? 1 : Math.floor(SUM_STEPS / Math.ceil(count / SUMS))
}

/** out[to] += the total of the partial sums of a block, which it sets to 0. */
export function takeTotal(partials: Heap['partials'], out: Heap['out'], to: number): void {
  let sum = 0
  for (let l = 0; l < LANES; l++) {
    sum += F(F(partials[l] + partials[l + LANES]) + F(partials[l + 2 * LANES] + partials[l + 3 * LANES]))
  }
  out[to] += sum
  partials.fill(0)
}

// Below, pointers are heap indices.

/** Adds what is summed of a block, `rows` rows of `count` values, to the partial sums. */
type Add = (heap: Heap, rows: number, count: number, stride: number, x: number, y: number, p: number) => void

/** The partial sum of the first value past the last whole vector of a row. */
export const TAIL = 3 * LANES

export const values: Add = ({ f, partials }, rows, count, stride, x) => {
  const whole = count & -LANES
  for (; rows > 0; rows--, x += stride) {
    for (let i = 0; i < whole; i++) {
      const k = i & (SUMS - 1)
      partials[k] = F(partials[k] + f[x + i])
    }
    for (let i = whole; i < count; i++) {
      const k = TAIL + i - whole
      partials[k] = F(partials[k] + f[x + i])
    }
  }
}

export const magnitudes: Add = ({ f, partials }, _rows, count, _stride, x) => {
  const whole = count & -LANES
  for (let i = 0; i < whole; i++) {
    const k = i & (SUMS - 1)
    partials[k] = F(partials[k] + Math.abs(f[x + i]))
  }
  for (let i = whole; i < count; i++) {
    const k = TAIL + i - whole
    partials[k] = F(partials[k] + Math.abs(f[x + i]))
  }
}

export const products: Add = ({ f, partials }, _rows, count, _stride, x, y) => {
  const whole = count & -LANES
  for (let i = 0; i < whole; i++) {
    const k = i & (SUMS - 1)
    partials[k] = F(partials[k] + F(f[x + i] * f[y + i]))
  }
  for (let i = whole; i < count; i++) {
    const k = TAIL + i - whole
    partials[k] = F(partials[k] + F(f[x + i] * f[y + i]))
  }
}

export const deviations: Add = ({ f, partials }, _rows, count, _stride, x, y, p) => {
  const whole = count & -LANES
  for (let i = 0; i < count; i++) {
    const k = i < whole ? i & (SUMS - 1) : TAIL + i - whole
    partials[k] = F(partials[k] + F(f[x + i] * F(f[y + i] - p)))
  }
}

/** out[0] = the sum. */
export function total(
  heap: Heap, add: Add, rows: number, count: number, stride: number, x: number, y: number, p: number,
): void {
  const { partials, out } = heap
  const together = rowsOfBlock(rows, count)
  out[0] = 0
  partials.fill(0)
  for (; rows > 0; rows -= together, x += together * stride) {
    for (let at = 0; at < count; at += RUN) {
      add(heap, Math.min(rows, together), Math.min(count - at, RUN), stride, x + at, y + at, p)
      takeTotal(partials, out, 0)
    }
  }
}

/** out[0] = the sum of (a scale) (b scale). */
export function carefulDot({ f, out }: Heap, count: number, scale: number, a: number, b: number): void {
  out[0] = 0
  for (let at = 0; at < count; at += RUN) {
    let part = 0
    for (let i = at; i < Math.min(at + RUN, count); i++) part += f[a + i] * scale * (f[b + i] * scale)
    out[0] += part
  }
}

const LEAST_SINGLE = 1e-25

/** out[0] = the sum of products of a and b. */
export function dot(heap: Heap, count: number, a: number, b: number): void {
  total(heap, products, 1, count, 0, a, b, 0)
  const magnitude = Math.abs(heap.out[0])
  if (SHIFT === 2 && !(magnitude > LEAST_SINGLE && magnitude < Infinity)) carefulDot(heap, count, 1, a, b)
}

export const reduceKernels = (heap: Heap) => {
  const { f, out } = heap
  return {
    addChannelSums(n: number, c: number, all: number, hw: number, x: number, sums: number): void {
      for (let channel = 0; channel < c; channel++) {
        total(heap, values, n, hw, all * hw, (x >>> SHIFT) + channel * hw, 0, 0)
        f[(sums >>> SHIFT) + channel] = f[(sums >>> SHIFT) + channel] + F(out[0])
      }
    },

    dot(count: number, a: number, b: number): number {
      dot(heap, count, a >>> SHIFT, b >>> SHIFT)
      return out[0]
    },

    sumOfSquares(count: number, x: number): number {
      dot(heap, count, x >>> SHIFT, x >>> SHIFT)
      return out[0]
    },

    sumOfMagnitudes(count: number, x: number): number {
      total(heap, magnitudes, 1, count, 0, x >>> SHIFT, 0, 0)
      return out[0]
    },
  }
}
