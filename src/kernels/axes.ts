// Twin of assembly/axes.ts.
import { F, SHIFT, type Heap } from './float'

const LONGEST = 256

export const axisKernels = ({ f, i32 }: Heap) => {
  /** See assembly/axes.ts. */
  function sumRows(count: number, inner: number, factor: number, x: number, y: number): void {
    for (let j = 0; j < inner; j++) {
      let sum = 0
      for (let begin = 0; begin < count; begin += LONGEST) {
        let block = 0
        const end = Math.min(count, begin + LONGEST)
        for (let k = begin; k < end; k++) block = F(block + f[x + k * inner + j])
        sum = F(sum + block)
      }
      f[y + j] = sum * factor
    }
  }

  function spreadRow(count: number, inner: number, factor: number, x: number, y: number): void {
    for (let k = 0; k < count; k++) for (let j = 0; j < inner; j++) f[y + k * inner + j] = f[x + j] * factor
  }

  return {
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
      for (let i = 0; i < outer; i++) sumRows(count, inner, factor, x + i * count * inner, y + i * inner)
    },

    meanOfFirst(outer: number, count: number, inner: number, x: number, lengths: number, y: number): void {
      x >>>= SHIFT
      lengths >>>= 2
      y >>>= SHIFT
      for (let i = 0; i < outer; i++) {
        const length = Math.max(1, i32[lengths + i])
        sumRows(length, inner, F(1 / length), x + i * count * inner, y + i * inner)
      }
    },

    spreadAxis(outer: number, count: number, inner: number, scale: number, x: number, y: number): void {
      const factor = F(scale)
      x >>>= SHIFT
      y >>>= SHIFT
      for (let i = 0; i < outer; i++) spreadRow(count, inner, factor, x + i * inner, y + i * count * inner)
    },

    spreadToFirst(outer: number, count: number, inner: number, dy: number, lengths: number, dx: number): void {
      dy >>>= SHIFT
      lengths >>>= 2
      dx >>>= SHIFT
      for (let i = 0; i < outer; i++) {
        const length = Math.max(1, i32[lengths + i])
        const to = dx + i * count * inner
        spreadRow(length, inner, F(1 / length), dy + i * inner, to)
        f.fill(0, to + length * inner, to + count * inner)
      }
    },
  }
}
