// Twin of assembly/softmax.ts.
import { SUM_STEPS } from './blocking'
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { products, total, values } from './reduce'

export const softmaxKernels = (heap: Heap) => {
  const { f, out } = heap

  /** The sum over channels, in the order of the kernel: a row of features as in reduce.ts, blocks one by one else. */
  function sumOf(c: number, hw: number, x: number): number {
    if (hw === 1) {
      total(heap, values, 1, c, 0, x, 0, 0)
      return F(out[0])
    }
    let sum = 0
    for (let begin = 0; begin < c; begin += SUM_STEPS) {
      let block = 0
      for (let j = begin; j < Math.min(c, begin + SUM_STEPS); j++) block = F(block + f[x + j * hw])
      sum = F(sum + block)
    }
    return sum
  }

  function sumOfProducts(c: number, hw: number, x: number, y: number): number {
    if (hw === 1) {
      total(heap, products, 1, c, 0, x, y, 0)
      return F(out[0])
    }
    let sum = 0
    for (let begin = 0; begin < c; begin += SUM_STEPS) {
      let block = 0
      for (let j = begin; j < Math.min(c, begin + SUM_STEPS); j++) block = F(block + F(f[x + j * hw] * f[y + j * hw]))
      sum = F(sum + block)
    }
    return sum
  }

  return {
    softmaxForward(n: number, c: number, hw: number, x: number, _scratch: number, y: number): void {
      x >>>= SHIFT
      y >>>= SHIFT
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < hw; p++) {
          const from = x + i * c * hw + p
          const to = y + i * c * hw + p
          let largest = f[from]
          for (let j = 1; j < c; j++) if (largest < f[from + j * hw]) largest = f[from + j * hw]
          for (let j = 0; j < c; j++) f[to + j * hw] = expNonPositive(F(f[from + j * hw] - largest))
          const sum = sumOf(c, hw, to)
          for (let j = 0; j < c; j++) f[to + j * hw] = f[to + j * hw] / sum
        }
      }
    },

    softmaxBackward(n: number, c: number, hw: number, y: number, dy: number, _scratch: number, dx: number): void {
      y >>>= SHIFT
      dy >>>= SHIFT
      dx >>>= SHIFT
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < hw; p++) {
          const at = i * c * hw + p
          const sum = sumOfProducts(c, hw, y + at, dy + at)
          for (let j = at; j < at + c * hw; j += hw) f[dx + j] = f[y + j] * F(f[dy + j] - sum)
        }
      }
    },
  }
}
