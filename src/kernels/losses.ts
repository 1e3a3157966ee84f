// Twin of assembly/losses.ts.
import { SOFTMAX_SCRATCH, SUM_STEPS } from './blocking'
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { log1pOfUnit } from './log1p'
import { log } from './math'
import { RUN, SUMS, deviations, takeTotal, total, values } from './reduce'

// A row of terms that are made one after the other is summed as one of reduce.ts, but for a tail of less than SUMS
// terms, which are added to the total one by one.

export const lossKernels = (heap: Heap) => {
  const { f, i32, partials, out } = heap

  return {
    sumOfLabelWeights(n: number, labels: number, weights: number): number {
      labels >>>= 2
      weights >>>= SHIFT
      let sum = 0
      for (let begin = 0; begin < n; begin += SUM_STEPS) {
        let block = 0
        for (let i = begin; i < Math.min(n, begin + SUM_STEPS); i++) block += f[weights + i32[labels + i]]
        sum += block
      }
      return sum
    },

    softmaxCrossEntropy(
      n: number, classes: number, divisor: number, smoothing: number,
      z: number, labels: number, weights: number, scratch: number, dz: number,
    ): number {
      smoothing = F(smoothing)
      z >>>= SHIFT
      labels >>>= 2
      weights >>>= SHIFT
      dz >>>= SHIFT
      const kept = F(1 - smoothing)
      const spread = F(smoothing / F(classes))
      const share = F(-spread / divisor)
      let spreadSum = 0
      if (smoothing) {
        total(heap, values, 1, classes, 0, weights, 0, 0)
        spreadSum = spread * out[0]
      }
      let loss = 0
      for (let i = 0; i < n; i++) {
        let largest = f[z]
        for (let j = 1; j < classes; j++) if (f[z + j] > largest) largest = f[z + j]
        const e = dz || (scratch + SOFTMAX_SCRATCH) >>> SHIFT
        for (let j = 0; j < classes; j++) f[e + j] = expNonPositive(F(f[z + j] - largest))
        total(heap, values, 1, classes, 0, e, 0, 0)
        const sum = out[0]
        const label = i32[labels + i]
        const q = weights ? kept * f[weights + label] : kept
        const mass = q + spreadSum
        loss += mass * log(sum) - q * (f[z + label] - largest)
        if (smoothing) {
          total(heap, deviations, 1, classes, 0, weights, z, largest)
          loss -= spread * out[0]
        }
        if (dz) {
          const factor = F(mass / (sum * divisor))
          for (let j = 0; j < classes; j++) {
            const dp = F(f[dz + j] * factor)
            f[dz + j] = smoothing ? dp + F(share * f[weights + j]) : dp
          }
          f[dz + label] = f[dz + label] - F(q / divisor)
          dz += classes
        }
        z += classes
      }
      return loss / divisor
    },

    hinge(
      n: number, classes: number, divisor: number, margin: number, z: number, labels: number, dz: number,
    ): number {
      margin = F(margin)
      z >>>= SHIFT
      labels >>>= 2
      dz >>>= SHIFT
      const factor = F(1 / divisor)
      const gradients = dz
      const whole = classes & -SUMS
      out[0] = 0
      partials.fill(0)
      for (let i = 0; i < n; i++) {
        const label = i32[labels + i]
        const right = f[z + label]
        const shift = F(margin - right)
        // For this row, the label's own score is out of the way.
        f[z + label] = -Infinity
        let actives = 0
        for (let begin = 0; begin < whole; begin += RUN) {
          for (let j = begin; j < Math.min(whole, begin + RUN); j++) {
            const m = F(f[z + j] + shift)
            const k = j & (SUMS - 1)
            partials[k] = F(partials[k] + (m < 0 ? 0 : m))
          }
          takeTotal(partials, out, 0)
        }
        for (let j = whole; j < classes; j++) {
          const m = F(f[z + j] + shift)
          out[0] += m < 0 ? 0 : m
        }
        if (dz) {
          for (let j = 0; j < classes; j++) {
            const isActive = F(f[z + j] + shift) > 0
            if (isActive) actives++
            f[dz + j] = isActive ? factor : 0
          }
          f[dz + label] = -F(actives * factor)
          dz += classes
        }
        f[z + label] = right
        z += classes
      }
      const loss = out[0] / divisor
      if (loss !== loss && dz) f.fill(NaN, gradients, dz)
      return loss
    },

    meanSquaredError(
      count: number, divisor: number, z: number, target: number, _scratch: number, dz: number,
    ): number {
      z >>>= SHIFT
      target >>>= SHIFT
      dz >>>= SHIFT
      const factor = F(2 / divisor)
      const whole = count & -SUMS
      out[0] = 0
      partials.fill(0)
      for (let begin = 0; begin < whole; begin += RUN) {
        for (let i = begin; i < Math.min(whole, begin + RUN); i++) {
          const d = F(f[z + i] - f[target + i])
          const k = i & (SUMS - 1)
          partials[k] = F(partials[k] + F(d * d))
          if (dz) f[dz + i] = factor * d
        }
        takeTotal(partials, out, 0)
      }
      for (let i = whole; i < count; i++) {
        const d = F(f[z + i] - f[target + i])
        out[0] += d * d
        if (dz) f[dz + i] = factor * d
      }
      if (SHIFT === 2 && !(out[0] < Infinity)) {
        out[0] = 0
        for (let i = 0; i < count; i++) out[0] += (f[z + i] - f[target + i]) * (f[z + i] - f[target + i])
      }
      return out[0] / divisor
    },

    binaryCrossEntropy(
      count: number, divisor: number, z: number, target: number, _scratch: number, dz: number,
    ): number {
      z >>>= SHIFT
      target >>>= SHIFT
      dz >>>= SHIFT
      const factor = F(1 / divisor)
      out[0] = 0
      partials.fill(0)
      for (let begin = 0; begin < count; begin += RUN) {
        for (let i = begin; i < Math.min(count, begin + RUN); i++) {
          const x = f[z + i]
          const t = f[target + i]
          const e = expNonPositive(-Math.abs(x))
          const hinge = F((x < 0 ? 0 : x) - F(x * t))
          const k = i & (SUMS - 1)
          partials[k] = F(partials[k] + F(hinge + log1pOfUnit(e)))
          if (dz) f[dz + i] = F(F((x < 0 ? e : 1) / F(1 + e)) - t) * factor
        }
        takeTotal(partials, out, 0)
      }
      return out[0] / divisor
    },
  }
}
