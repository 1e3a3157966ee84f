// Twin of assembly/batch-norm.ts, and of batch-norm-features.ts, which differs in speed only.
import { F, SHIFT, type Heap } from './float'
import { gradientRow, inverseDeviation, inverseDeviationOf, moments, normalizeRow, sumGradients } from './norm'

export const batchNormKernels = (heap: Heap) => {
  const { f, out } = heap

  const kernels = {
    batchNormForward(
      n: number, c: number, all: number, hw: number, training: number, unbiased: number, relu: number,
      epsilon: number, momentum: number, rest: number,
      x: number, gamma: number, beta: number, runningMean: number, runningVar: number, _scratch: number,
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
      const stride = all * hw
      const m = F(n * hw)
      const floor = relu ? 0 : -Infinity
      for (let channel = 0; channel < c; channel++) {
        const at = channel * hw
        let average = f[runningMean + channel]
        let inverse: number
        if (training) {
          moments(heap, n, hw, stride, x + at)
          average = F(out[0])
          inverse = inverseDeviationOf(epsilon, out)
          const variance = F(out[1] / (out[2] * out[2]))
          const seen = unbiased && n * hw > 1 ? F(F(variance * m) / F(m - 1)) : variance
          f[runningMean + channel] = F(momentum * f[runningMean + channel]) + F(rest * average)
          // One value says nothing of how far values lie apart.
          if (n * hw > 1) f[runningVar + channel] = F(momentum * f[runningVar + channel]) + F(rest * seen)
        } else {
          inverse = inverseDeviation(f[runningVar + channel], epsilon)
        }
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
      n: number, c: number, all: number, hw: number, training: number, relu: number,
      x: number, gamma: number, beta: number, mean: number, invStd: number, dy: number, _scratch: number,
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
      const stride = all * hw
      const m = F(n * hw)
      for (let channel = 0; channel < c; channel++) {
        const at = channel * hw
        const average = f[mean + channel]
        const inverse = f[invStd + channel]
        const scale = F(f[gamma + channel] * inverse)
        const threshold = relu ? -f[beta + channel] : NaN
        out[0] = average
        out[1] = scale
        out[2] = threshold
        sumGradients(heap, n, hw, stride, x + at, dy + at)
        const sum = F(out[0])
        const product = F(out[1])
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

    batchNormFeaturesForward(
      n: number, c: number, all: number, training: number, unbiased: number, relu: number,
      epsilon: number, momentum: number, rest: number,
      x: number, gamma: number, beta: number, runningMean: number, runningVar: number, scratch: number,
      mean: number, invStd: number, y: number,
    ): void {
      kernels.batchNormForward(
        n, c, all, 1, training, unbiased, relu, epsilon, momentum, rest, x, gamma, beta, runningMean, runningVar,
        scratch, mean, invStd, y,
      )
    },

    batchNormFeaturesBackward(
      n: number, c: number, all: number, training: number, relu: number,
      x: number, gamma: number, beta: number, mean: number, invStd: number, dy: number, scratch: number,
      dgamma: number, dbeta: number, dx: number,
    ): void {
      kernels.batchNormBackward(
        n, c, all, 1, training, relu, x, gamma, beta, mean, invStd, dy, scratch, dgamma, dbeta, dx,
      )
    },
  }
  return kernels
}
