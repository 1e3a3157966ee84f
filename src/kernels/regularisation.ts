// Twin of assembly/regularisation.ts.
import { F, SHIFT, type Heap } from './float'
import { SUMS, clearLanes, reduceKernels, totalOfLanes } from './reduce'

export const regularisationKernels = (heap: Heap) => {
  const { f } = heap
  const { sumOfSquares } = reduceKernels(heap)
  return {
    sumOfMagnitudes(count: number, x: number, lanes: number): number {
      x >>>= SHIFT
      lanes >>>= SHIFT
      clearLanes(heap, lanes)
      for (let i = 0; i < count; i++) {
        const lane = lanes + (i & (SUMS - 1))
        f[lane] = F(f[lane] + Math.abs(f[x + i]))
      }
      return totalOfLanes(heap, lanes)
    },

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

    limitRowNorms(rows: number, size: number, limit: number, lanes: number, x: number): void {
      limit = F(limit)
      for (let row = 0; row < rows; row++, x += size << SHIFT) {
        const norm = F(Math.sqrt(sumOfSquares(size, x, lanes)))
        if (!(norm > limit)) continue
        const factor = F(limit / norm)
        const first = x >>> SHIFT
        for (let i = first; i < first + size; i++) f[i] = f[i] * factor
      }
    },
  }
}
