// Twin of assembly/elementwise.ts.
import { F, SHIFT, type Heap } from './float'

function addScaledTo(f: Heap['f'], count: number, scale: number, a: number, b: number, y: number): void {
  const factor = F(scale)
  a >>>= SHIFT
  b >>>= SHIFT
  y >>>= SHIFT
  for (let i = 0; i < count; i++) f[y + i] = f[a + i] + F(factor * f[b + i])
}

export const elementwiseKernels = ({ f, pick }: Heap) => ({
  add(count: number, a: number, b: number, y: number): void {
    a >>>= SHIFT
    b >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) f[y + i] = f[a + i] + f[b + i]
  },

  multiply(count: number, a: number, b: number, y: number): void {
    a >>>= SHIFT
    b >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) f[y + i] = f[a + i] * f[b + i]
  },

  addScaled(count: number, scale: number, x: number, y: number): void {
    addScaledTo(f, count, scale, y, x, y)
  },

  addScaledTo(count: number, scale: number, a: number, b: number, y: number): void {
    addScaledTo(f, count, scale, a, b, y)
  },

  scale(count: number, factor: number, x: number): void {
    factor = F(factor)
    x >>>= SHIFT
    for (let i = 0; i < count; i++) f[x + i] = f[x + i] * factor
  },

  fill(count: number, value: number, x: number): void {
    x >>>= SHIFT
    f.fill(value, x, x + count)
  },

  copyBlocks(n: number, count: number, fromStride: number, toStride: number, from: number, to: number): void {
    from >>>= SHIFT
    to >>>= SHIFT
    for (let i = 0; i < n; i++) {
      const begin = from + i * fromStride
      f.copyWithin(to + i * toStride, begin, begin + count)
    }
  },

  reluForward(count: number, ceiling: number, x: number, y: number): void {
    ceiling = F(ceiling)
    x >>>= SHIFT
    y >>>= SHIFT
    pick[1] = 0
    for (let i = 0; i < count; i++) {
      pick[0] = f[x + i]
      f[y + i] = pick[Number(f[x + i] < 0)]
      if (ceiling < f[y + i]) f[y + i] = ceiling
    }
  },

  reluBackward(count: number, ceiling: number, y: number, dy: number, dx: number): void {
    ceiling = F(ceiling)
    y >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    pick[0] = 0
    for (let i = 0; i < count; i++) {
      pick[1] = f[dy + i]
      f[dx + i] = pick[Number(f[y + i] > 0) & Number(!(f[y + i] >= ceiling))]
    }
  },

  leakyReluForward(count: number, alpha: number, x: number, y: number): void {
    alpha = F(alpha)
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) {
      pick[0] = f[x + i] * alpha
      pick[1] = f[x + i]
      f[y + i] = pick[Number(f[x + i] > 0)]
    }
  },

  leakyReluBackward(count: number, alpha: number, y: number, dy: number, dx: number): void {
    alpha = F(alpha)
    y >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let i = 0; i < count; i++) {
      pick[0] = f[dy + i] * alpha
      pick[1] = f[dy + i]
      f[dx + i] = pick[Number(f[y + i] > 0)]
    }
  },

  normalizeForward(n: number, c: number, hw: number, x: number, mean: number, std: number, y: number): void {
    x >>>= SHIFT
    mean >>>= SHIFT
    std >>>= SHIFT
    y >>>= SHIFT
    for (let row = 0; row < n * c; row++) {
      const m = f[mean + (row % c)]
      const s = f[std + (row % c)]
      for (let i = row * hw; i < (row + 1) * hw; i++) f[y + i] = F(f[x + i] - m) / s
    }
  },

  normalizeBackward(n: number, c: number, hw: number, std: number, dy: number, dx: number): void {
    std >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let row = 0; row < n * c; row++) {
      const s = f[std + (row % c)]
      for (let i = row * hw; i < (row + 1) * hw; i++) f[dx + i] = f[dy + i] / s
    }
  },
})
