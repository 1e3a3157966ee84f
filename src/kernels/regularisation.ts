// Twin of assembly/regularisation.ts.
import { F, SHIFT, type Heap } from './float'

export const regularisationKernels = ({ f }: Heap) => {
  return {
    addSigns(count: number, scale: number, x: number, y: number): void {
      scale = F(scale)
      x >>>= SHIFT
      y >>>= SHIFT
      for (let i = 0; i < count; i++) {
        const value = f[x + i]
        f[y + i] = f[y + i] + (value > 0 ? scale : value < 0 ? -scale : 0)
      }
    },

    clamp(count: number, limit: number, x: number): void {
      limit = F(limit)
      x >>>= SHIFT
      for (let i = x; i < x + count; i++) f[i] = f[i] > limit ? limit : f[i] < -limit ? -limit : f[i]
    },
  }
}
