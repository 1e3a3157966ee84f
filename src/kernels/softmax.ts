// Twin of assembly/softmax.ts.
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { accumulate, clearLanes, dot, totalOfLanes } from './reduce'

export const softmaxKernels = (heap: Heap) => {
  const { f } = heap

  /** The sum over channels, in the order of the kernel: vectors along a row of features, one by one else. */
  function total(c: number, hw: number, values: number, lanes: number): number {
    if (hw === 1) {
      clearLanes(heap, lanes)
      accumulate(heap, c, values, lanes)
      return totalOfLanes(heap, lanes)
    }
    let sum = 0
    for (let j = 0; j < c; j++) sum = F(sum + f[values + j * hw])
    return sum
  }

  function totalOfProducts(c: number, hw: number, a: number, b: number, scratch: number): number {
    if (hw === 1) return dot(heap, c, a << SHIFT, b << SHIFT, scratch)
    let sum = 0
    for (let j = 0; j < c; j++) sum = F(sum + F(f[a + j * hw] * f[b + j * hw]))
    return sum
  }

  return {
    softmaxForward(n: number, c: number, hw: number, x: number, scratch: number, y: number): void {
      x >>>= SHIFT
      y >>>= SHIFT
      const lanes = scratch >>> SHIFT
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < hw; p++) {
          const from = x + i * c * hw + p
          const to = y + i * c * hw + p
          let largest = f[from]
          for (let j = 1; j < c; j++) if (largest < f[from + j * hw]) largest = f[from + j * hw]
          for (let j = 0; j < c; j++) f[to + j * hw] = expNonPositive(F(f[from + j * hw] - largest))
          const sum = total(c, hw, to, lanes)
          for (let j = 0; j < c; j++) f[to + j * hw] = f[to + j * hw] / sum
        }
      }
    },

    softmaxBackward(n: number, c: number, hw: number, y: number, dy: number, scratch: number, dx: number): void {
      y >>>= SHIFT
      dy >>>= SHIFT
      dx >>>= SHIFT
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < hw; p++) {
          const at = i * c * hw + p
          const sum = totalOfProducts(c, hw, y + at, dy + at, scratch)
          for (let j = at; j < at + c * hw; j += hw) f[dx + j] = f[y + j] * F(f[dy + j] - sum)
        }
      }
    },
  }
}
