// Twin of assembly/embedding.ts.
import { SHIFT, type Heap } from './float'

export const embeddingKernels = ({ f }: Heap) => {
  /** The id at a heap index, or -1. */
  function idAt(at: number, vocabulary: number): number {
    const id = f[at]
    return id >= 0 && id < vocabulary ? Math.trunc(id) : -1
  }

  return {
    embeddingForward(rows: number, size: number, vocabulary: number, ids: number, w: number, y: number): void {
      ids >>>= SHIFT
      w >>>= SHIFT
      y >>>= SHIFT
      for (let i = 0; i < rows; i++) {
        const id = idAt(ids + i, vocabulary)
        const to = y + i * size
        if (id >= 0) f.copyWithin(to, w + id * size, w + (id + 1) * size)
        else f.fill(NaN, to, to + size)
      }
    },

    embeddingBackward(
      rows: number, size: number, all: number, vocabulary: number, padding: number, ids: number, dy: number, dw: number,
    ): void {
      ids >>>= SHIFT
      dy >>>= SHIFT
      dw >>>= SHIFT
      for (let i = 0; i < rows; i++) {
        const id = idAt(ids + i, vocabulary)
        if (id < 0 || id === padding) continue
        const to = dw + id * all
        for (let j = 0; j < size; j++) f[to + j] = f[to + j] + f[dy + i * all + j]
      }
    },

    addTable(n: number, size: number, x: number, table: number, y: number): void {
      x >>>= SHIFT
      table >>>= SHIFT
      y >>>= SHIFT
      for (let i = 0; i < n * size; i += size) {
        for (let j = 0; j < size; j++) f[y + i + j] = f[x + i + j] + f[table + j]
      }
    },
  }
}
