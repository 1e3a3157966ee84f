// Twin of assembly/group-norm.ts.
import { SHIFT_VALUES } from './blocking'
import { F, SHIFT, type Heap } from './float'
import {
  accumulateGradients, accumulateMoments, gradientRow, inverseDeviation, normalizeRow, varianceOf,
} from './norm'
import { SUMS, accumulate, clearLanes, totalOfLanes } from './reduce'

export const groupNormKernels = (heap: Heap) => {
  const { f } = heap
  return {
    groupNormForward(
      n: number, groups: number, c: number, hw: number, epsilon: number,
      x: number, gamma: number, beta: number, scratch: number, mean: number, invStd: number, y: number,
    ): void {
      epsilon = F(epsilon)
      x >>>= SHIFT
      gamma >>>= SHIFT
      beta >>>= SHIFT
      mean >>>= SHIFT
      invStd >>>= SHIFT
      y >>>= SHIFT
      const sums = scratch >>> SHIFT
      const squares = sums + SUMS
      const channels = c / groups
      const size = channels * hw
      const first = Math.min(size, SHIFT_VALUES)
      for (let i = 0; i < n * groups; i++, x += size, y += size) {
        clearLanes(heap, sums)
        accumulate(heap, first, x, sums)
        const shift = F(totalOfLanes(heap, sums) / first)
        clearLanes(heap, sums)
        clearLanes(heap, squares)
        accumulateMoments(heap, size, shift, x, sums, squares)
        const d = F(totalOfLanes(heap, sums) / F(size))
        const average = F(shift + d)
        const inverse = inverseDeviation(varianceOf(F(size), d, totalOfLanes(heap, squares)), epsilon)
        f[mean + i] = average
        f[invStd + i] = inverse
        const from = (i % groups) * channels
        for (let j = 0; j < channels; j++) {
          const scale = F(f[gamma + from + j] * inverse)
          normalizeRow(heap, hw, -Infinity, average, scale, f[beta + from + j], x + j * hw, y + j * hw)
        }
      }
    },

    groupNormBackward(
      n: number, groups: number, c: number, hw: number,
      x: number, gamma: number, mean: number, invStd: number, dy: number, scratch: number,
      dgamma: number, dbeta: number, dx: number,
    ): void {
      x >>>= SHIFT
      gamma >>>= SHIFT
      mean >>>= SHIFT
      invStd >>>= SHIFT
      dy >>>= SHIFT
      dgamma >>>= SHIFT
      dbeta >>>= SHIFT
      dx >>>= SHIFT
      const sums = scratch >>> SHIFT
      const products = sums + SUMS
      const channels = c / groups
      const size = channels * hw
      for (let i = 0; i < n * groups; i++, x += size, dy += size) {
        const average = f[mean + i]
        const inverse = f[invStd + i]
        const from = (i % groups) * channels
        let sum = 0
        let product = 0
        if (hw === 1) {
          clearLanes(heap, sums)
          clearLanes(heap, products)
          for (let j = 0; j < size; j++) {
            const d = F(f[x + j] - average)
            const e = f[dy + j]
            const g = F(f[gamma + from + j] * e)
            const lane = j & (SUMS - 1)
            f[sums + lane] = F(f[sums + lane] + g)
            f[products + lane] = F(f[products + lane] + F(g * d))
            f[dgamma + from + j] = f[dgamma + from + j] + F(e * F(d * inverse))
            f[dbeta + from + j] = f[dbeta + from + j] + e
          }
          sum = totalOfLanes(heap, sums)
          product = totalOfLanes(heap, products)
        } else {
          for (let j = 0; j < channels; j++) {
            clearLanes(heap, sums)
            clearLanes(heap, products)
            accumulateGradients(heap, hw, average, 0, NaN, x + j * hw, dy + j * hw, sums, products)
            const s = totalOfLanes(heap, sums)
            const p = totalOfLanes(heap, products)
            f[dbeta + from + j] = f[dbeta + from + j] + s
            f[dgamma + from + j] = f[dgamma + from + j] + F(p * inverse)
            sum = F(sum + F(f[gamma + from + j] * s))
            product = F(product + F(f[gamma + from + j] * p))
          }
        }
        if (!dx) continue
        const b = F(sum / F(size))
        const k = F(F(F(product / F(size)) * inverse) * inverse)
        for (let j = 0; j < channels; j++) {
          const at = j * hw
          const scale = f[gamma + from + j]
          gradientRow(heap, hw, average, 0, NaN, inverse, scale, b, k, x + at, dy + at, dx + at)
        }
        dx += size
      }
    },
  }
}
