// Twin of assembly/losses.ts.
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { log1pOfUnit } from './log1p'
import { log } from './math'
import { SUMS, accumulate, clearLanes, totalOfLanes } from './reduce'

export const lossKernels = (heap: Heap) => {
  const { f, i32 } = heap

  /**
   * e = e^(z - largest) of one row, unless e is 0, and their sum; leaves the largest at `lanes`, for a number that is
   * handed over costs memory. All are heap indices.
   */
  function expRow(classes: number, z: number, lanes: number, e: number): number {
    let largest = f[z]
    for (let j = 1; j < classes; j++) if (f[z + j] > largest) largest = f[z + j]
    clearLanes(heap, lanes)
    for (let j = 0; j < classes; j++) {
      const y = expNonPositive(F(f[z + j] - largest))
      if (e) f[e + j] = y
      const lane = lanes + (j & (SUMS - 1))
      f[lane] = F(f[lane] + y)
    }
    const sum = totalOfLanes(heap, lanes)
    f[lanes] = largest
    return sum
  }

  return {
    sumOfLabelWeights(n: number, labels: number, weights: number): number {
      labels >>>= 2
      weights >>>= SHIFT
      let sum = 0
      for (let i = 0; i < n; i++) sum = F(sum + f[weights + i32[labels + i]])
      return sum
    },

    softmaxCrossEntropy(
      n: number, classes: number, divisor: number, smoothing: number,
      z: number, labels: number, weights: number, scratch: number, dz: number,
    ): number {
      divisor = F(divisor)
      smoothing = F(smoothing)
      z >>>= SHIFT
      labels >>>= 2
      weights >>>= SHIFT
      dz >>>= SHIFT
      const lanes = scratch >>> SHIFT
      const kept = F(1 - smoothing)
      const spread = F(smoothing / F(classes))
      let spreadSum = 0
      if (smoothing) {
        clearLanes(heap, lanes)
        accumulate(heap, classes, weights, lanes)
        spreadSum = F(spread * totalOfLanes(heap, lanes))
      }
      let loss = 0
      for (let i = 0; i < n; i++) {
        const sum = expRow(classes, z, lanes, dz)
        const largest = f[lanes]
        const label = i32[labels + i]
        const q = weights ? F(kept * f[weights + label]) : kept
        const total = F(q + spreadSum)
        loss = F(loss + F(F(total * F(log(sum))) - F(q * F(f[z + label] - largest))))
        if (smoothing) {
          clearLanes(heap, lanes)
          for (let j = 0; j < classes; j++) {
            const lane = lanes + (j & (SUMS - 1))
            f[lane] = F(f[lane] + F(f[weights + j] * F(f[z + j] - largest)))
          }
          loss = F(loss - F(spread * totalOfLanes(heap, lanes)))
        }
        if (dz) {
          const factor = F(total / F(sum * divisor))
          const share = F(-spread / divisor)
          for (let j = 0; j < classes; j++) {
            const dp = F(f[dz + j] * factor)
            f[dz + j] = smoothing ? dp + F(share * f[weights + j]) : dp
          }
          f[dz + label] = f[dz + label] - F(q / divisor)
          dz += classes
        }
        z += classes
      }
      return F(loss / divisor)
    },

    hinge(
      n: number, classes: number, divisor: number, margin: number,
      z: number, labels: number, scratch: number, dz: number,
    ): number {
      divisor = F(divisor)
      margin = F(margin)
      z >>>= SHIFT
      labels >>>= 2
      dz >>>= SHIFT
      const lanes = scratch >>> SHIFT
      const factor = F(1 / divisor)
      const gradients = dz
      clearLanes(heap, lanes)
      for (let i = 0; i < n; i++) {
        const label = i32[labels + i]
        const right = f[z + label]
        const shift = F(margin - right)
        // For this row, the label's own score is out of the way.
        f[z + label] = -Infinity
        let actives = 0
        for (let j = 0; j < classes; j++) {
          const m = F(f[z + j] + shift)
          const lane = lanes + (j & (SUMS - 1))
          f[lane] = F(f[lane] + (m < 0 ? 0 : m))
          if (!dz) continue
          if (m > 0) actives++
          f[dz + j] = m > 0 ? factor : 0
        }
        f[z + label] = right
        if (dz) {
          f[dz + label] = -F(actives * factor)
          dz += classes
        }
        z += classes
      }
      const loss = F(totalOfLanes(heap, lanes) / divisor)
      if (loss !== loss && dz) f.fill(NaN, gradients, dz)
      return loss
    },

    meanSquaredError(count: number, divisor: number, z: number, target: number, scratch: number, dz: number): number {
      divisor = F(divisor)
      z >>>= SHIFT
      target >>>= SHIFT
      dz >>>= SHIFT
      const lanes = scratch >>> SHIFT
      const factor = F(2 / divisor)
      clearLanes(heap, lanes)
      for (let i = 0; i < count; i++) {
        const d = F(f[z + i] - f[target + i])
        const lane = lanes + (i & (SUMS - 1))
        f[lane] = F(f[lane] + F(d * d))
        if (dz) f[dz + i] = factor * d
      }
      return F(totalOfLanes(heap, lanes) / divisor)
    },

    binaryCrossEntropy(
      count: number, divisor: number, z: number, target: number, scratch: number, dz: number,
    ): number {
      divisor = F(divisor)
      z >>>= SHIFT
      target >>>= SHIFT
      dz >>>= SHIFT
      const lanes = scratch >>> SHIFT
      const factor = F(1 / divisor)
      clearLanes(heap, lanes)
      for (let i = 0; i < count; i++) {
        const x = f[z + i]
        const t = f[target + i]
        const e = expNonPositive(-Math.abs(x))
        const hinge = F((x < 0 ? 0 : x) - F(x * t))
        const lane = lanes + (i & (SUMS - 1))
        f[lane] = F(f[lane] + F(hinge + log1pOfUnit(e)))
        if (dz) f[dz + i] = F(F((x < 0 ? e : 1) / F(1 + e)) - t) * factor
      }
      return F(totalOfLanes(heap, lanes) / divisor)
    },
  }
}
