// Twin of assembly/attention.ts.
import { ATTENTION_OFFSET, ATTENTION_ROWS } from './blocking'
import { dropoutKernels, hash } from './dropout'
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'
import { products, total, values } from './reduce'

export const attentionKernels = (heap: Heap) => {
  const { f, i32, out } = heap
  const { gemm } = gemmKernels(heap)
  const { dropout, scaled } = dropoutKernels(heap)
  const BYTES = 1 << SHIFT

  function scaleRows(rows: number, size: number, qRow: number, scale: number, q: number, block: number): void {
    for (let t = 0; t < rows; t++) scaled(size, scale, q + t * qRow * BYTES, block + t * size * BYTES)
  }

  function maskRow(
    count: number, limit: number, key0: number, key1: number, factor: number, row: number, from: number, to: number,
  ): void {
    dropout(count, limit, hash(row, key0, key1), hash(row, key1, key0), factor, from, 0, to)
  }

  /** Below, pointers are heap indices. p = e^(p - largest). */
  function expRow(count: number, largest: number, p: number): void {
    for (let j = p; j < p + count; j++) f[j] = expNonPositive(F(f[j] - largest))
  }

  function divide(count: number, sum: number, p: number): void {
    for (let j = p; j < p + count; j++) f[j] = f[j] / sum
  }

  return {
    attentionForward(
      n: number, heads: number, all: number, queries: number, keys: number, size: number, qRow: number, kRow: number,
      causal: number, first: number, limit: number, key0: number, key1: number, factor: number, scale: number,
      q: number, k: number, v: number, lengths: number, scratch: number, statistics: number, y: number,
    ): void {
      factor = F(factor)
      const own = scratch + ATTENTION_OFFSET
      const scores = own + ATTENTION_ROWS * size * BYTES
      const yRow = all * size
      for (let i = 0; i < n; i++) {
        const length = lengths ? i32[(lengths >>> 2) + i] : keys
        for (let h = 0; h < heads; h++) {
          const pair = i * all + h
          const qs = q + (i * queries * qRow + h * size) * BYTES
          const ks = k + (i * keys * kRow + h * size) * BYTES
          const vs = v + (i * keys * kRow + h * size) * BYTES
          const ys = y + (i * queries * yRow + h * size) * BYTES
          let kept = (statistics >>> SHIFT) + 2 * pair * queries
          for (let begin = 0; begin < queries; begin += ATTENTION_ROWS) {
            const rows = Math.min(ATTENTION_ROWS, queries - begin)
            const width = causal ? begin + rows : keys
            scaleRows(rows, size, qRow, scale, qs + begin * qRow * BYTES, own)
            gemm(rows, width, size, size, 1, 1, kRow, width, 0, own, ks, scratch, scores)
            for (let t = begin; t < begin + rows; t++) {
              const count = causal ? Math.min(t + 1, length) : length
              const pointer = scores + (t - begin) * width * BYTES
              const row = pointer >>> SHIFT
              let largest = f[row]
              for (let j = row; j < row + count; j++) if (largest < f[j]) largest = f[j]
              expRow(count, largest, row)
              total(heap, values, 1, count, 0, row, 0, 0)
              const sum = F(out[0])
              f[kept++] = largest
              f[kept++] = sum
              divide(count, sum, row)
              const number = (first - 1 + pair) * queries + t
              if (factor !== 1) maskRow(count, limit, key0, key1, factor, number, pointer, pointer)
              f.fill(0, row + count, row + width)
            }
            gemm(rows, size, width, width, 1, kRow, 1, yRow, 0, scores, vs, scratch, ys + begin * yRow * BYTES)
          }
        }
      }
    },

    attentionBackward(
      n: number, heads: number, all: number, queries: number, keys: number, size: number, qRow: number, kRow: number,
      causal: number, first: number, limit: number, key0: number, key1: number, factor: number, scale: number,
      q: number, k: number, v: number, lengths: number, statistics: number, dy: number, scratch: number,
      dq: number, dk: number, dv: number,
    ): void {
      factor = F(factor)
      const own = scratch + ATTENTION_OFFSET
      const block = ATTENTION_ROWS * keys * BYTES
      const scores = own + ATTENTION_ROWS * size * BYTES
      const slopes = scores + block
      const masked = factor !== 1 ? slopes + block : scores
      const yRow = all * size
      for (let i = 0; i < n; i++) {
        const length = lengths ? i32[(lengths >>> 2) + i] : keys
        for (let h = 0; h < heads; h++) {
          const pair = i * all + h
          const toQ = (i * queries * qRow + h * size) * BYTES
          const toK = (i * keys * kRow + h * size) * BYTES
          const dys = dy + (i * queries * yRow + h * size) * BYTES
          const last = Math.floor((queries - 1) / ATTENTION_ROWS) * ATTENTION_ROWS
          for (let begin = last; begin >= 0; begin -= ATTENTION_ROWS) {
            const rows = Math.min(ATTENTION_ROWS, queries - begin)
            const width = causal ? begin + rows : keys
            const others = Number(begin + rows < queries)
            const at = toQ + begin * qRow * BYTES
            const gradients = dys + begin * yRow * BYTES
            scaleRows(rows, size, qRow, scale, q + at, own)
            gemm(rows, width, size, size, 1, 1, kRow, width, 0, own, k + toK, scratch, scores)
            gemm(rows, width, size, yRow, 1, 1, kRow, width, 0, gradients, v + toK, scratch, slopes)
            for (let t = begin; t < begin + rows; t++) {
              const count = causal ? Math.min(t + 1, length) : length
              const offset = (t - begin) * width * BYTES
              const p = (scores + offset) >>> SHIFT
              const ds = (slopes + offset) >>> SHIFT
              const kept = (statistics >>> SHIFT) + 2 * (pair * queries + t)
              expRow(count, f[kept], p)
              divide(count, f[kept + 1], p)
              if (factor !== 1) {
                const number = (first - 1 + pair) * queries + t
                maskRow(count, limit, key0, key1, factor, number, scores + offset, masked + offset)
                maskRow(count, limit, key0, key1, factor, number, slopes + offset, slopes + offset)
                f.fill(0, ((masked + offset) >>> SHIFT) + count, ((masked + offset) >>> SHIFT) + width)
              }
              total(heap, products, 1, count, 0, p, ds, 0)
              const sum = F(out[0])
              for (let j = 0; j < count; j++) f[ds + j] = f[p + j] * F(f[ds + j] - sum)
              f.fill(0, p + count, p + width)
              f.fill(0, ds + count, ds + width)
            }
            if (dv) gemm(width, size, rows, 1, width, yRow, 1, kRow, others, masked, gradients, scratch, dv + toK)
            if (dk) gemm(width, size, rows, 1, width, size, 1, kRow, others, slopes, own, scratch, dk + toK)
            if (!dq) continue
            gemm(rows, size, width, width, 1, kRow, 1, qRow, 0, slopes, k + toK, scratch, dq + at)
            for (let t = 0; t < rows; t++) scaled(size, scale, dq + at + t * qRow * BYTES, dq + at + t * qRow * BYTES)
          }
        }
      }
    },
  }
}
