// Twin of assembly/magnitude.ts.
import { SHIFT, type Heap } from './float'

export const magnitudeKernels = ({ f }: Heap) => ({
  firstNotFinite(count: number, x: number): number {
    x >>>= SHIFT
    for (let i = 0; i < count; i++) if (f[x + i] - f[x + i] !== 0) return i
    return -1
  },

  maxMagnitude(count: number, x: number): number {
    x >>>= SHIFT
    let largest = 0
    for (let i = x; i < x + count; i++) {
      const value = Math.abs(f[i])
      if (value > largest) largest = value
    }
    return largest
  },
})
