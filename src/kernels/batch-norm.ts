// Twin of assembly/batch-norm.ts.
import { F, SHIFT, type Heap } from './float'
import { SUMS, accumulate, clearLanes, totalOfLanes } from './reduce'

export const batchNormKernels = (heap: Heap) => {
  const { f } = heap

  function accumulateMoments(count: number, shift: number, x: number, sums: number, squares: number): void {
    for (let i = 0; i < count; i++) {
      const d = F(f[x + i] - shift)
      const lane = i & (SUMS - 1)
      f[sums + lane] = F(f[sums + lane] + d)
      f[squares + lane] = F(f[squares + lane] + F(d * d))
    }
  }

  function accumulateGradients(
    count: number, mean: number, scale: number, beta: number, floor: number,
    x: number, dy: number, sums: number, products: number,
  ): void {
    for (let i = 0; i < count; i++) {
      const d = F(f[x + i] - mean)
      const g = F(F(d * scale) + beta) > floor ? f[dy + i] : 0
      const lane = i & (SUMS - 1)
      f[sums + lane] = F(f[sums + lane] + g)
      f[products + lane] = F(f[products + lane] + F(g * d))
    }
  }

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
          for (let i = 0; i < n; i++) accumulateMoments(hw, shift, x + at + i * stride, sums, squares)
          const d = F(totalOfLanes(heap, sums) / m)
          const square = F(F(totalOfLanes(heap, squares) / m) - F(d * d))
          variance = square < 0 ? 0 : square
          average = F(shift + d)
          const seen = unbiased && n * hw > 1 ? F(F(variance * m) / F(m - 1)) : variance
          f[runningMean + channel] = F(momentum * f[runningMean + channel]) + F(rest * average)
          f[runningVar + channel] = F(momentum * f[runningVar + channel]) + F(rest * seen)
        }
        const inverse = F(1 / F(Math.sqrt(F(variance + epsilon))))
        f[mean + channel] = average
        f[invStd + channel] = inverse
        const scale = F(f[gamma + channel] * inverse)
        const shift = f[beta + channel]
        for (let row = 0; row < n; row++) {
          const from = x + at + row * stride
          const to = y + at + row * stride
          for (let i = 0; i < hw; i++) {
            const z = F(F(F(f[from + i] - average) * scale) + shift)
            f[to + i] = z < floor ? floor : z
          }
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
      const floor = relu ? 0 : -Infinity
      for (let channel = 0; channel < c; channel++) {
        const at = channel * hw
        const average = f[mean + channel]
        const inverse = f[invStd + channel]
        const scale = F(f[gamma + channel] * inverse)
        const shift = f[beta + channel]
        clearLanes(heap, sums)
        clearLanes(heap, products)
        for (let i = 0; i < n; i++) {
          const offset = at + i * stride
          accumulateGradients(hw, average, scale, shift, floor, x + offset, dy + offset, sums, products)
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
        for (let row = 0; row < n; row++) {
          const offset = at + row * stride
          for (let i = offset; i < offset + hw; i++) {
            const d = F(f[x + i] - average)
            const g = F(F(d * scale) + shift) > floor ? f[dy + i] : 0
            f[dx + i] = scale * F(F(g - b) - F(d * k))
          }
        }
      }
    },
  }
}
