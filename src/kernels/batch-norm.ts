// Twin of assembly/batch-norm.ts.
import { F, SHIFT, type Heap } from './float'
import {
  accumulateGradients, accumulateMoments, gradientRow, inverseDeviation, normalizeRow, varianceOf,
} from './norm'
import { SUMS, accumulate, clearLanes, totalOfLanes } from './reduce'

export const batchNormKernels = (heap: Heap) => {
  const { f } = heap

  return {
    batchNormForward(
      n: number, c: number, hw: number, training: number, unbiased: number, relu: number,
      epsilon: number, momentum: number, rest: number,
      x: number, gamma: number, beta: number, runningMean: number, runningVar: number, scratch: number,
      mean: number, invStd: number, y: number,
    ): void {
      epsilon = F(epsilon)
      momentum = F(momentum)
      rest = F(rest)
      x >>>= SHIFT
      gamma >>>= SHIFT
      beta >>>= SHIFT
      runningMean >>>= SHIFT
      runningVar >>>= SHIFT
      mean >>>= SHIFT
      invStd >>>= SHIFT
      y >>>= SHIFT
      const sums = scratch >>> SHIFT
      const squares = sums + SUMS
      const stride = c * hw
      const m = F(n * hw)
      const floor = relu ? 0 : -Infinity
      for (let channel = 0; channel < c; channel++) {
        const at = channel * hw
        let average = f[runningMean + channel]
        let variance = f[runningVar + channel]
        if (training) {
          clearLanes(heap, sums)
          accumulate(heap, hw, x + at, sums)
          const shift = F(totalOfLanes(heap, sums) / hw)
          clearLanes(heap, sums)
          clearLanes(heap, squares)
          for (let i = 0; i < n; i++) accumulateMoments(heap, hw, shift, x + at + i * stride, sums, squares)
          const d = F(totalOfLanes(heap, sums) / m)
          variance = varianceOf(m, d, totalOfLanes(heap, squares))
          average = F(shift + d)
          const seen = unbiased && n * hw > 1 ? F(F(variance * m) / F(m - 1)) : variance
          f[runningMean + channel] = F(momentum * f[runningMean + channel]) + F(rest * average)
          f[runningVar + channel] = F(momentum * f[runningVar + channel]) + F(rest * seen)
        }
        const inverse = inverseDeviation(variance, epsilon)
        f[mean + channel] = average
        f[invStd + channel] = inverse
        const scale = F(f[gamma + channel] * inverse)
        const shift = f[beta + channel]
        for (let row = at; row < n * stride; row += stride) {
          normalizeRow(heap, hw, floor, average, scale, shift, x + row, y + row)
        }
      }
    },

    batchNormBackward(
      n: number, c: number, hw: number, training: number, relu: number,
      x: number, gamma: number, beta: number, mean: number, invStd: number, dy: number, scratch: number,
      dgamma: number, dbeta: number, dx: number,
    ): void {
      x >>>= SHIFT
      gamma >>>= SHIFT
      beta >>>= SHIFT
      mean >>>= SHIFT
      invStd >>>= SHIFT
      dy >>>= SHIFT
      dgamma >>>= SHIFT
      dbeta >>>= SHIFT
      dx >>>= SHIFT
      const sums = scratch >>> SHIFT
      const products = sums + SUMS
      const stride = c * hw
      const m = F(n * hw)
      for (let channel = 0; channel < c; channel++) {
        const at = channel * hw
        const average = f[mean + channel]
        const inverse = f[invStd + channel]
        const scale = F(f[gamma + channel] * inverse)
        const threshold = relu ? -f[beta + channel] : NaN
        clearLanes(heap, sums)
        clearLanes(heap, products)
        for (let i = 0; i < n; i++) {
          const offset = at + i * stride
          accumulateGradients(heap, hw, average, scale, threshold, x + offset, dy + offset, sums, products)
        }
        const sum = totalOfLanes(heap, sums)
        const product = totalOfLanes(heap, products)
        if (dgamma) {
          f[dgamma + channel] = f[dgamma + channel] + F(product * inverse)
          f[dbeta + channel] = f[dbeta + channel] + sum
        }
        if (!dx) continue
        const b = training ? F(sum / m) : 0
        const k = training ? F(F(F(product / m) * inverse) * inverse) : 0
        for (let row = at; row < n * stride; row += stride) {
          gradientRow(heap, hw, average, scale, threshold, scale, 1, b, k, x + row, dy + row, dx + row)
        }
      }
    },
  }
}
