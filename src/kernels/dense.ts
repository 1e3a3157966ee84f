// Twin of assembly/dense.ts.
import { SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'

export const denseKernels = (heap: Heap) => {
  const { f } = heap
  const { gemm } = gemmKernels(heap)
  return {
    denseForward(
      n: number, inputs: number, outputs: number, allOutputs: number, x: number, w: number, bias: number,
      scratch: number, y: number,
    ): void {
      const from = bias >>> SHIFT
      for (let i = 0; bias && i < n; i++) f.copyWithin((y >>> SHIFT) + i * allOutputs, from, from + outputs)
      gemm(n, outputs, inputs, inputs, 1, 1, inputs, allOutputs, bias ? 1 : 0, x, w, scratch, y)
    },

    denseBackwardInput(
      n: number, inputs: number, allInputs: number, outputs: number, dy: number, w: number, scratch: number, dx: number,
    ): void {
      gemm(n, inputs, outputs, outputs, 1, allInputs, 1, allInputs, 0, dy, w, scratch, dx)
    },

    denseBackwardWeight(
      n: number, inputs: number, allInputs: number, outputs: number, allOutputs: number, x: number, dy: number,
      scratch: number, dw: number,
    ): void {
      gemm(outputs, inputs, n, 1, allOutputs, allInputs, 1, allInputs, 1, dy, x, scratch, dw)
    },
  }
}
