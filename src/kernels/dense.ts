// Twin of assembly/dense.ts.
import { F, SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'
import { total, values } from './reduce'

export const denseKernels = (heap: Heap) => {
  const { f, out } = heap
  const { gemm } = gemmKernels(heap)
  return {
    denseForward(n: number, inputs: number, outputs: number, x: number, w: number, bias: number, scratch: number, y: number): void {
      if (bias) {
        const from = bias >>> SHIFT
        for (let i = 0; i < n; i++) f.copyWithin((y >>> SHIFT) + i * outputs, from, from + outputs)
      }
      gemm(n, outputs, inputs, inputs, 1, 1, inputs, bias ? 1 : 0, x, w, scratch, y)
    },

    denseBackwardInput(n: number, inputs: number, outputs: number, dy: number, w: number, scratch: number, dx: number): void {
      gemm(n, inputs, outputs, outputs, 1, inputs, 1, 0, dy, w, scratch, dx)
    },

    denseBackwardWeight(
      n: number, inputs: number, outputs: number, x: number, dy: number, scratch: number, dw: number, db: number,
    ): void {
      gemm(outputs, inputs, n, 1, outputs, inputs, 1, 1, dy, x, scratch, dw)
      if (!db) return
      const from = dy >>> SHIFT
      const to = db >>> SHIFT
      for (let j = 0; j < outputs; j++) {
        total(heap, values, n, 1, outputs, from + j, 0, 0)
        f[to + j] = f[to + j] + F(out[0])
      }
    },
  }
}
