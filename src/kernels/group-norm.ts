// Twin of assembly/group-norm.ts.
import { NORM_SCRATCH, SUM_STEPS } from './blocking'
import { F, SHIFT, type Heap } from './float'
import { gradientRow, inverseDeviationOf, moments, normalizeRow, sumGradients } from './norm'
import { RUN, SUMS, takeTotal } from './reduce'

export const groupNormKernels = (heap: Heap) => {
  const { f, partials, seconds, out } = heap

  /** out = the sums of gamma * dy and of gamma * dy * (x - mean) of one row, which it adds to dgamma and dbeta, too. */
  function addFeatures(
    count: number, mean: number, invStd: number, x: number, gamma: number, dy: number, dgamma: number, dbeta: number,
  ): void {
    const whole = count & -SUMS
    out[0] = out[1] = 0
    partials.fill(0)
    seconds.fill(0)
    for (let begin = 0; begin < whole; begin += RUN) {
      for (let j = begin; j < Math.min(whole, begin + RUN); j++) {
        const d = F(f[x + j] - mean)
        const e = f[dy + j]
        const g = F(f[gamma + j] * e)
        const k = j & (SUMS - 1)
        partials[k] = F(partials[k] + g)
        seconds[k] = F(seconds[k] + F(g * d))
        f[dgamma + j] = f[dgamma + j] + F(e * F(d * invStd))
        f[dbeta + j] = f[dbeta + j] + e
      }
      takeTotal(partials, out, 0)
      takeTotal(seconds, out, 1)
    }
    for (let j = whole; j < count; j++) {
      const d = F(f[x + j] - mean)
      const e = f[dy + j]
      const g = F(f[gamma + j] * e)
      out[0] += g
      out[1] += g * d
      f[dgamma + j] = f[dgamma + j] + F(e * F(d * invStd))
      f[dbeta + j] = f[dbeta + j] + e
    }
  }

  /** to += block, of c features. */
  function addBlock(c: number, block: number, to: number): void {
    for (let j = 0; j < c; j++) f[to + j] = f[to + j] + f[block + j]
  }

  return {
    groupNormForward(
      n: number, groups: number, all: number, channels: number, hw: number, epsilon: number,
      x: number, gamma: number, beta: number, _scratch: number, mean: number, invStd: number, y: number,
    ): void {
      epsilon = F(epsilon)
      x >>>= SHIFT
      gamma >>>= SHIFT
      beta >>>= SHIFT
      mean >>>= SHIFT
      invStd >>>= SHIFT
      y >>>= SHIFT
      const size = channels * hw
      for (let i = 0; i < n; i++) {
        for (let group = 0; group < groups; group++) {
          const at = i * all + group
          const from = x + at * size
          const to = y + at * size
          moments(heap, 1, size, 0, from)
          const average = F(out[0])
          const inverse = inverseDeviationOf(epsilon, out)
          f[mean + at] = average
          f[invStd + at] = inverse
          for (let j = 0; j < channels; j++) {
            const channel = group * channels + j
            const scale = F(f[gamma + channel] * inverse)
            normalizeRow(heap, hw, -Infinity, average, scale, f[beta + channel], from + j * hw, to + j * hw)
          }
        }
      }
    },

    groupNormBackward(
      n: number, groups: number, all: number, channels: number, hw: number,
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
      const c = groups * channels
      const size = channels * hw
      const blockGamma = (scratch + NORM_SCRATCH) >>> SHIFT
      const blockBeta = blockGamma + c
      let toGamma = dgamma || blockGamma
      let toBeta = dgamma ? dbeta : blockBeta
      for (let i = 0; i < n; i++) {
        if (i > 0 && i % SUM_STEPS === 0 && dgamma) {
          if (i > SUM_STEPS) {
            addBlock(c, blockGamma, dgamma)
            addBlock(c, blockBeta, dbeta)
          }
          f.fill(0, blockGamma, blockGamma + 2 * c)
          toGamma = blockGamma
          toBeta = blockBeta
        }
        for (let group = 0; group < groups; group++) {
          const at = i * all + group
          const first = group * channels
          const average = f[mean + at]
          const inverse = f[invStd + at]
          let sum = 0
          let product = 0
          if (hw === 1) {
            addFeatures(
              size, average, inverse, x + at * size, gamma + first, dy + at * size, toGamma + first, toBeta + first,
            )
            sum = out[0]
            product = out[1]
          } else {
            for (let j = 0; j < channels; j++) {
              const from = at * size + j * hw
              out[0] = average
              out[1] = 0
              out[2] = NaN
              sumGradients(heap, 1, hw, 0, x + from, dy + from)
              const s = out[0]
              const p = out[1]
              f[toBeta + first + j] = f[toBeta + first + j] + F(s)
              f[toGamma + first + j] = f[toGamma + first + j] + F(F(p) * inverse)
              sum += f[gamma + first + j] * s
              product += f[gamma + first + j] * p
            }
          }
          if (!dx) continue
          const b = F(F(sum) / F(size))
          const k = F(F(F(F(product) / F(size)) * inverse) * inverse)
          for (let j = 0; j < channels; j++) {
            const from = at * size + j * hw
            const scale = f[gamma + first + j]
            gradientRow(heap, hw, average, 0, NaN, inverse, scale, b, k, x + from, dy + from, dx + from)
          }
        }
      }
      if (dgamma && n > SUM_STEPS) {
        addBlock(c, blockGamma, dgamma)
        addBlock(c, blockBeta, dbeta)
      }
    },
  }
}
