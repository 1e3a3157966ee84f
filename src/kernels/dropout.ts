// Twin of assembly/dropout.ts.
import { F, SHIFT, type Heap } from './float'

export function hash(index: number, key0: number, key1: number): number {
  let h = index ^ key0
  h = (Math.imul(h ^ (h >>> 16), 0x21f0aaad) + key1) | 0
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
  return Math.imul(h ^ (h >>> 15), 0x9e3779b1)
}

export const dropoutKernels = ({ f }: Heap) => ({
  dropout(count: number, limit: number, key0: number, key1: number, factor: number, x: number, _scratch: number, y: number): void {
    factor = F(factor)
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i += 2) {
      const h = hash(i >> 1, key0, key1)
      f[y + i] = (h << 16) >> 16 < limit ? 0 : f[x + i] * factor
      if (i + 1 < count) f[y + i + 1] = h >> 16 < limit ? 0 : f[x + i + 1] * factor
    }
  },

  scaled(count: number, factor: number, x: number, y: number): void {
    factor = F(factor)
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) f[y + i] = f[x + i] * factor
  },
})
