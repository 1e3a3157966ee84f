// Twin of assembly/prelu.ts.
import { SHIFT, type Heap } from './float'

export const preluKernels = ({ f }: Heap) => {
  function preluBackward(n: number, c: number, hw: number, x: number, w: number, dy: number, dx: number): void {
    x >>>= SHIFT
    w >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let i = 0; i < n * c; i++) {
      const slope = f[w + (i % c)]
      for (let j = i * hw; j < (i + 1) * hw; j++) f[dx + j] = f[x + j] > 0 ? f[dy + j] : f[dy + j] * slope
    }
  }
  return {
    preluForward(n: number, c: number, hw: number, x: number, w: number, y: number): void {
      preluBackward(n, c, hw, x, w, x, y)
    },

    preluBackward,

    preluProducts(count: number, x: number, dy: number, p: number): void {
      x >>>= SHIFT
      dy >>>= SHIFT
      p >>>= SHIFT
      for (let i = 0; i < count; i++) f[p + i] = f[x + i] > 0 ? 0 : f[x + i] * f[dy + i]
    },
  }
}
