// Twin of assembly/losses.ts.
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { log } from './math'
import { SUMS, clearLanes, totalOfLanes } from './reduce'

export const lossKernels = (heap: Heap) => {
  const { f, i32 } = heap
  return {
    softmaxCrossEntropy(n: number, classes: number, z: number, labels: number, scratch: number, dz: number): number {
      z >>>= SHIFT
      labels >>>= 2
      dz >>>= SHIFT
      const lanes = scratch >>> SHIFT
      const count = F(n)
      let loss = 0
      for (let i = 0; i < n; i++) {
        let largest = f[z]
        for (let j = 1; j < classes; j++) if (f[z + j] > largest) largest = f[z + j]
        clearLanes(heap, lanes)
        for (let j = 0; j < classes; j++) {
          const e = expNonPositive(F(f[z + j] - largest))
          if (dz) f[dz + j] = e
          const lane = lanes + (j & (SUMS - 1))
          f[lane] = F(f[lane] + e)
        }
        const sum = totalOfLanes(heap, lanes)
        const label = i32[labels + i]
        loss = F(loss + F(F(log(sum)) - F(f[z + label] - largest)))
        if (dz) {
          const factor = F(1 / F(sum * count))
          for (let j = 0; j < classes; j++) f[dz + j] = f[dz + j] * factor
          f[dz + label] = f[dz + label] - F(1 / count)
          dz += classes
        }
        z += classes
      }
      return F(loss / count)
    },

    meanSquaredError(count: number, z: number, target: number, scratch: number, dz: number): number {
      z >>>= SHIFT
      target >>>= SHIFT
      dz >>>= SHIFT
      const lanes = scratch >>> SHIFT
      const factor = F(2 / F(count))
      clearLanes(heap, lanes)
      for (let i = 0; i < count; i++) {
        const d = F(f[z + i] - f[target + i])
        const lane = lanes + (i & (SUMS - 1))
        f[lane] = F(f[lane] + F(d * d))
        if (dz) f[dz + i] = factor * d
      }
      return F(totalOfLanes(heap, lanes) / F(count))
    },
  }
}
