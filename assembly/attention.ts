// Scaled dot-product attention (Vaswani et al., 2017) of several heads: of each example and head,
// y (queries x size) = softmax(scale q k^T) v, with k and v (keys x size). Never all the probabilities at once: they are
// made for a block of queries, in scratch, and made again for backward, from the largest score of each row and the sum
// behind it. With `causal`, query t sees keys 0 ... t, and the products of a block end where its last query does.
//
// A call does `heads` neighbouring heads of the `all` that an example has; its pointers are those of the first. The rows
// of q lie qRow values apart, those of k and v kRow, those of y size * all. lengths (i32), which may be 0, says how many keys of each example count.

import { ATTENTION_OFFSET, ATTENTION_ROWS, GEMM_SCRATCH } from '../src/kernels/blocking'
import { dropout, hash, scaled } from './dropout'
import { expRow, expTable } from './exp'
import { SIZE } from './float'
import { gemm } from './gemm'
import { largestOf } from './losses'
import { Products, Values, total } from './reduce'
import { divide, spread } from './softmax'

/** Behind the table of e^x and what is worked on there. */
const MASK: usize = ATTENTION_OFFSET - 64

/** Block = scale q, of rows x size values. */
function scaleRows(rows: i32, size: i32, qRow: i32, scale: Float, q: usize, block: usize): void {
  for (; rows > 0; --rows) {
    scaled(size, scale, q, block)
    q += <usize>qRow * SIZE
    block += <usize>size * SIZE
  }
}

/** 16 bits below which values are dropped, the keys of the pass, and what is left is multiplied by; 1 drops nothing. */
function maskRow(
  count: i32, limit: i32, key0: i32, key1: i32, factor: Float, row: i32, from: usize, scratch: usize, to: usize,
): void {
  dropout(count, limit, hash(row, key0, key1), hash(row, key1, key0), factor, from, scratch, to)
}

/**
 * `statistics`: the largest score and the sum of each query, for backward. Probabilities are dropped as dropout does,
 * but by the number of their row: `first` is that of the first example and head among all there are, counted from 1.
 * scratch: attentionScratch().
 */
export function attentionForward(
  n: i32, heads: i32, all: i32, queries: i32, keys: i32, size: i32, qRow: i32, kRow: i32, causal: i32,
  first: i32, limit: i32, key0: i32, key1: i32, factor: Float, scale: Float,
  q: usize, k: usize, v: usize, lengths: usize, scratch: usize, statistics: usize, y: usize,
): void {
  const table = scratch + GEMM_SCRATCH
  const own = scratch + ATTENTION_OFFSET
  const scores = own + <usize>(ATTENTION_ROWS * size) * SIZE
  const yRow = all * size
  expTable(table)
  for (let i = 0; i < n; ++i) {
    const length = lengths ? load<i32>(lengths + <usize>(4 * i)) : keys
    for (let h = 0; h < heads; ++h) {
      const pair = i * all + h
      const qs = q + <usize>(i * queries * qRow + h * size) * SIZE
      const ks = k + <usize>(i * keys * kRow + h * size) * SIZE
      const vs = v + <usize>(i * keys * kRow + h * size) * SIZE
      const ys = y + <usize>(i * queries * yRow + h * size) * SIZE
      let kept = statistics + <usize>(2 * pair * queries) * SIZE
      for (let begin = 0; begin < queries; begin += ATTENTION_ROWS) {
        const rows = min(ATTENTION_ROWS, queries - begin)
        const width = causal ? begin + rows : keys
        scaleRows(rows, size, qRow, scale, qs + <usize>(begin * qRow) * SIZE, own)
        gemm(rows, width, size, size, 1, 1, kRow, width, 0, own, ks, scratch, scores)
        let row = scores
        for (let t = begin; t < begin + rows; ++t) {
          const count = causal ? min(t + 1, length) : length
          const largest = largestOf(count, row)
          expRow(count, largest, row, table, row)
          const sum = <Float>total<Values>(1, count, 0, row, 0, false)
          store<Float>(kept, largest)
          store<Float>(kept + SIZE, sum)
          divide(count, sum, row)
          if (factor != 1) {
            const number = (first - 1 + pair) * queries + t
            maskRow(count, limit, key0, key1, factor, number, row, scratch + MASK, row)
          }
          memory.fill(row + <usize>count * SIZE, 0, <usize>(width - count) * SIZE)
          row += <usize>width * SIZE
          kept += 2 * SIZE
        }
        gemm(rows, size, width, width, 1, kRow, 1, yRow, 0, scores, vs, scratch, ys + <usize>(begin * yRow) * SIZE)
      }
    }
  }
}

/**
 * With p the probabilities, m their mask: dv = (m p)^T dy, ds = p (m dy v^T - its mean by p), dq = scale ds k,
 * dk = scale ds^T q. dq, or dk and dv, may be 0 (not wanted). dq has the rows of q, dk and dv those of k.
 */
export function attentionBackward(
  n: i32, heads: i32, all: i32, queries: i32, keys: i32, size: i32, qRow: i32, kRow: i32, causal: i32,
  first: i32, limit: i32, key0: i32, key1: i32, factor: Float, scale: Float,
  q: usize, k: usize, v: usize, lengths: usize, statistics: usize, dy: usize, scratch: usize,
  dq: usize, dk: usize, dv: usize,
): void {
  const table = scratch + GEMM_SCRATCH
  const own = scratch + ATTENTION_OFFSET
  const block = <usize>(ATTENTION_ROWS * keys) * SIZE
  const scores = own + <usize>(ATTENTION_ROWS * size) * SIZE
  const slopes = scores + block
  const masked = factor != 1 ? slopes + block : scores
  const yRow = all * size
  expTable(table)
  for (let i = 0; i < n; ++i) {
    const length = lengths ? load<i32>(lengths + <usize>(4 * i)) : keys
    for (let h = 0; h < heads; ++h) {
      const pair = i * all + h
      const toQ = <usize>(i * queries * qRow + h * size) * SIZE
      const toK = <usize>(i * keys * kRow + h * size) * SIZE
      const dys = dy + <usize>(i * queries * yRow + h * size) * SIZE
      // From the last block on, which sees all keys: it sets the sums that the others are added to.
      for (let begin = ((queries - 1) / ATTENTION_ROWS) * ATTENTION_ROWS; begin >= 0; begin -= ATTENTION_ROWS) {
        const rows = min(ATTENTION_ROWS, queries - begin)
        const width = causal ? begin + rows : keys
        const others = i32(begin + rows < queries)
        const at = toQ + <usize>(begin * qRow) * SIZE
        const gradients = dys + <usize>(begin * yRow) * SIZE
        scaleRows(rows, size, qRow, scale, q + at, own)
        gemm(rows, width, size, size, 1, 1, kRow, width, 0, own, k + toK, scratch, scores)
        gemm(rows, width, size, yRow, 1, 1, kRow, width, 0, gradients, v + toK, scratch, slopes)
        let kept = statistics + <usize>(2 * (pair * queries + begin)) * SIZE
        let offset: usize = 0
        for (let t = begin; t < begin + rows; ++t) {
          const count = causal ? min(t + 1, length) : length
          const rest = <usize>(width - count) * SIZE
          const p = scores + offset
          const ds = slopes + offset
          expRow(count, load<Float>(kept), p, table, p)
          divide(count, load<Float>(kept + SIZE), p)
          if (factor != 1) {
            const number = (first - 1 + pair) * queries + t
            const left = masked + offset
            maskRow(count, limit, key0, key1, factor, number, p, scratch + MASK, left)
            maskRow(count, limit, key0, key1, factor, number, ds, scratch + MASK, ds)
            memory.fill(left + <usize>count * SIZE, 0, rest)
          }
          spread(count, <Float>total<Products>(1, count, 0, p, ds, false), p, ds, ds)
          memory.fill(p + <usize>count * SIZE, 0, rest)
          memory.fill(ds + <usize>count * SIZE, 0, rest)
          offset += <usize>width * SIZE
          kept += 2 * SIZE
        }
        if (dv) gemm(width, size, rows, 1, width, yRow, 1, kRow, others, masked, gradients, scratch, dv + toK)
        if (dk) gemm(width, size, rows, 1, width, size, 1, kRow, others, slopes, own, scratch, dk + toK)
        if (dq) {
          gemm(rows, size, width, width, 1, kRow, 1, qRow, 0, slopes, k + toK, scratch, dq + at)
          for (let t = 0; t < rows; ++t) {
            const to = dq + at + <usize>(t * qRow) * SIZE
            scaled(size, scale, to, to)
          }
        }
      }
    }
  }
}
