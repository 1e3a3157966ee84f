// Twin of assembly/axes.ts.
import { F, SHIFT, type Heap } from './float'

const LONGEST = 256

export const axisKernels = ({ f }: Heap) => ({
  transposeAxes(n: number, a: number, b: number, inner: number, x: number, y: number): void {
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < n * a * b; i++) {
      const from = x + i * inner
      const [k, rest] = [Math.floor(i / (a * b)) * a * b, i % (a * b)]
      const to = y + (k + (rest % b) * a + Math.floor(rest / b)) * inner
      for (let j = 0; j < inner; j++) f[to + j] = f[from + j]
    }
  },

  sumAxis(outer: number, count: number, inner: number, scale: number, x: number, y: number): void {
    const factor = F(scale)
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < outer; i++) {
      for (let j = 0; j < inner; j++) {
        let sum = 0
        for (let begin = 0; begin < count; begin += LONGEST) {
          let block = 0
          const end = Math.min(count, begin + LONGEST)
          for (let k = begin; k < end; k++) block = F(block + f[x + (i * count + k) * inner + j])
          sum = F(sum + block)
        }
        f[y + i * inner + j] = sum * factor
      }
    }
  },

  spreadAxis(outer: number, count: number, inner: number, scale: number, x: number, y: number): void {
    const factor = F(scale)
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < outer * count; i++) {
      const from = x + Math.floor(i / count) * inner
      for (let j = 0; j < inner; j++) f[y + i * inner + j] = f[from + j] * factor
    }
  },
})
