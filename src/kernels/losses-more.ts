// Twin of assembly/losses-more.ts.
import { SOFTMAX_SCRATCH } from './blocking'
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { log1pOfUnit } from './log1p'
import { log } from './math'
import { RUN, SUMS, takeTotal, total, values } from './reduce'

export const moreLossKernels = (heap: Heap) => {
  const { f, partials, out } = heap

  const softLabel = (kept: number, spread: number, target: number, weight: number): number => {
    const q = F(F(kept * f[target]) + spread)
    return weight ? F(q * f[weight]) : q
  }

  const errorOf = (d: number, delta: number): number => {
    const r = Math.abs(d)
    if (!delta) return r
    const c = delta < r ? delta : r
    return F(c * F(r - F(0.5 * c)))
  }

  const slopeOf = (d: number, delta: number, factor: number): number => {
    if (!delta) return d > 0 ? factor : d < 0 ? -factor : 0
    return factor * (d > delta ? delta : d < -delta ? -delta : d)
  }

  return {
    softCrossEntropy(
      n: number, classes: number, divisor: number, smoothing: number,
      z: number, targets: number, weights: number, scratch: number, dz: number,
    ): number {
      smoothing = F(smoothing)
      z >>>= SHIFT
      targets >>>= SHIFT
      weights >>>= SHIFT
      dz >>>= SHIFT
      const kept = F(1 - smoothing)
      const spread = F(smoothing / F(classes))
      const share = F(1 / divisor)
      let loss = 0
      for (let i = 0; i < n; i++) {
        let largest = f[z]
        for (let j = 1; j < classes; j++) if (f[z + j] > largest) largest = f[z + j]
        const e = dz || (scratch + SOFTMAX_SCRATCH) >>> SHIFT
        for (let j = 0; j < classes; j++) f[e + j] = expNonPositive(F(f[z + j] - largest))
        total(heap, values, 1, classes, 0, e, 0, 0)
        const sum = out[0]
        let mass = 0
        let reached = 0
        for (let j = 0; j < classes; j++) {
          const q = softLabel(kept, spread, targets + j, weights && weights + j)
          mass += q
          reached += q * (f[z + j] - largest)
        }
        loss += mass * log(sum) - reached
        if (dz) {
          const factor = F(mass / (sum * divisor))
          for (let j = 0; j < classes; j++) {
            const q = softLabel(kept, spread, targets + j, weights && weights + j)
            f[dz + j] = F(factor * f[dz + j]) - F(share * q)
          }
          dz += classes
        }
        z += classes
        targets += classes
      }
      return loss / divisor
    },

    weightedBinaryCrossEntropy(
      count: number, divisor: number, z: number, target: number, weights: number, _scratch: number, dz: number,
    ): number {
      z >>>= SHIFT
      target >>>= SHIFT
      weights >>>= SHIFT
      dz >>>= SHIFT
      const factor = F(1 / divisor)
      out[0] = 0
      partials.fill(0)
      for (let begin = 0; begin < count; begin += RUN) {
        for (let i = begin; i < Math.min(count, begin + RUN); i++) {
          const x = f[z + i]
          const t = f[target + i]
          const p = f[weights + i]
          const e = expNonPositive(-Math.abs(x))
          const w = F(1 + F(F(p - 1) * t))
          const curved = F(w * F(log1pOfUnit(e) + (-x < 0 ? 0 : -x)))
          const k = i & (SUMS - 1)
          partials[k] = F(partials[k] + F(F(F(1 - t) * x) + curved))
          if (dz) f[dz + i] = F(F(w * F((x < 0 ? e : 1) / F(1 + e))) - F(p * t)) * factor
        }
        takeTotal(partials, out, 0)
      }
      return out[0] / divisor
    },

    robustError(count: number, divisor: number, delta: number, z: number, target: number, dz: number): number {
      delta = F(delta)
      z >>>= SHIFT
      target >>>= SHIFT
      dz >>>= SHIFT
      const factor = F(1 / divisor)
      const whole = count & -SUMS
      out[0] = 0
      partials.fill(0)
      for (let begin = 0; begin < whole; begin += RUN) {
        for (let i = begin; i < Math.min(whole, begin + RUN); i++) {
          const d = F(f[z + i] - f[target + i])
          const k = i & (SUMS - 1)
          partials[k] = F(partials[k] + errorOf(d, delta))
          if (dz) f[dz + i] = slopeOf(d, delta, factor)
        }
        takeTotal(partials, out, 0)
      }
      for (let i = whole; i < count; i++) {
        const d = F(f[z + i] - f[target + i])
        out[0] += errorOf(d, delta)
        if (dz) f[dz + i] = slopeOf(d, delta, factor)
      }
      return out[0] / divisor
    },
  }
}
