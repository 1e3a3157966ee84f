// Matrix product C (m x n) += A (m x k) B (k x n), after BLIS: B is packed in slivers of NR columns that stay in L2, A in
// panels of MR rows that stay in L1, and a tile of C is held in registers for KC steps of the reduction.
// Every element of C is a sum of blocks of KC products. A block is summed in the order of k from 0 on (the first from
// what a fresh C begins with), and block after block is added to C. Of more than LONG products, LONG at a time are summed
// like that before their sum is added to C. So errors hardly grow with k. Tile sizes and the layout of scratch are in
// src/kernels/blocking.ts.

import { BLOCK_OFFSET, EDGE_OFFSET, GEMM_SCRATCH, KC, LONG, MR, START_OFFSET } from '../src/kernels/blocking'
import { add } from './elementwise'
import { BLOCK_COLUMNS, NR, SIZE, SLIVER_ROW } from './float'
import { ONLY_TILES } from './part'

/**
 * One tile: MR x NR values of C, in eight vectors, += panel (kc x MR, splatted) times sliver (kc x NR), summed from the
 * MR splats of `start` on and then added; `fresh`: C is not read but replaced. ldc in bytes.
 *
 * Four rows by two vectors: 8 sums, 2 of B, 4 of A and a temporary are the 15 registers that V8 allocates. TurboFan
 * hoists loads to the top of a basic block, and then spills; the exits between the steps are never taken (ldc is a
 * multiple of 4), they keep the blocks apart, and their constants differ so that they are not merged.
 */
export function tile(kc: i32, fresh: i32, panel: usize, sliver: usize, start: usize, c: usize, ldc: usize): void {
  const c1 = c + ldc
  const c2 = c1 + ldc
  const c3 = c2 + ldc
  let a: v128, b0: v128, b1: v128
  let c00 = v128.load(start)
  let c01 = c00
  let c10 = v128.load(start, 16)
  let c11 = c10
  let c20 = v128.load(start, 32)
  let c21 = c20
  let c30 = v128.load(start, 48)
  let c31 = c30
  let k = kc
  while (k >= 4) {
    b0 = v128.load(sliver, 0)
    b1 = v128.load(sliver, 16)
    a = v128.load(panel, 0)
    c00 = v128.add<Float>(c00, v128.mul<Float>(a, b0))
    c01 = v128.add<Float>(c01, v128.mul<Float>(a, b1))
    a = v128.load(panel, 16)
    c10 = v128.add<Float>(c10, v128.mul<Float>(a, b0))
    c11 = v128.add<Float>(c11, v128.mul<Float>(a, b1))
    a = v128.load(panel, 32)
    c20 = v128.add<Float>(c20, v128.mul<Float>(a, b0))
    c21 = v128.add<Float>(c21, v128.mul<Float>(a, b1))
    a = v128.load(panel, 48)
    c30 = v128.add<Float>(c30, v128.mul<Float>(a, b0))
    c31 = v128.add<Float>(c31, v128.mul<Float>(a, b1))
    if (ldc == 103) break
    b0 = v128.load(sliver, 32)
    b1 = v128.load(sliver, 48)
    a = v128.load(panel, 64)
    c00 = v128.add<Float>(c00, v128.mul<Float>(a, b0))
    c01 = v128.add<Float>(c01, v128.mul<Float>(a, b1))
    a = v128.load(panel, 80)
    c10 = v128.add<Float>(c10, v128.mul<Float>(a, b0))
    c11 = v128.add<Float>(c11, v128.mul<Float>(a, b1))
    a = v128.load(panel, 96)
    c20 = v128.add<Float>(c20, v128.mul<Float>(a, b0))
    c21 = v128.add<Float>(c21, v128.mul<Float>(a, b1))
    a = v128.load(panel, 112)
    c30 = v128.add<Float>(c30, v128.mul<Float>(a, b0))
    c31 = v128.add<Float>(c31, v128.mul<Float>(a, b1))
    if (ldc == 105) break
    b0 = v128.load(sliver, 64)
    b1 = v128.load(sliver, 80)
    a = v128.load(panel, 128)
    c00 = v128.add<Float>(c00, v128.mul<Float>(a, b0))
    c01 = v128.add<Float>(c01, v128.mul<Float>(a, b1))
    a = v128.load(panel, 144)
    c10 = v128.add<Float>(c10, v128.mul<Float>(a, b0))
    c11 = v128.add<Float>(c11, v128.mul<Float>(a, b1))
    a = v128.load(panel, 160)
    c20 = v128.add<Float>(c20, v128.mul<Float>(a, b0))
    c21 = v128.add<Float>(c21, v128.mul<Float>(a, b1))
    a = v128.load(panel, 176)
    c30 = v128.add<Float>(c30, v128.mul<Float>(a, b0))
    c31 = v128.add<Float>(c31, v128.mul<Float>(a, b1))
    if (ldc == 107) break
    b0 = v128.load(sliver, 96)
    b1 = v128.load(sliver, 112)
    a = v128.load(panel, 192)
    c00 = v128.add<Float>(c00, v128.mul<Float>(a, b0))
    c01 = v128.add<Float>(c01, v128.mul<Float>(a, b1))
    a = v128.load(panel, 208)
    c10 = v128.add<Float>(c10, v128.mul<Float>(a, b0))
    c11 = v128.add<Float>(c11, v128.mul<Float>(a, b1))
    a = v128.load(panel, 224)
    c20 = v128.add<Float>(c20, v128.mul<Float>(a, b0))
    c21 = v128.add<Float>(c21, v128.mul<Float>(a, b1))
    a = v128.load(panel, 240)
    c30 = v128.add<Float>(c30, v128.mul<Float>(a, b0))
    c31 = v128.add<Float>(c31, v128.mul<Float>(a, b1))
    panel += 256
    sliver += 128
    k -= 4
  }
  for (; k > 0; --k) {
    b0 = v128.load(sliver, 0)
    b1 = v128.load(sliver, 16)
    a = v128.load(panel, 0)
    c00 = v128.add<Float>(c00, v128.mul<Float>(a, b0))
    c01 = v128.add<Float>(c01, v128.mul<Float>(a, b1))
    a = v128.load(panel, 16)
    c10 = v128.add<Float>(c10, v128.mul<Float>(a, b0))
    c11 = v128.add<Float>(c11, v128.mul<Float>(a, b1))
    a = v128.load(panel, 32)
    c20 = v128.add<Float>(c20, v128.mul<Float>(a, b0))
    c21 = v128.add<Float>(c21, v128.mul<Float>(a, b1))
    a = v128.load(panel, 48)
    c30 = v128.add<Float>(c30, v128.mul<Float>(a, b0))
    c31 = v128.add<Float>(c31, v128.mul<Float>(a, b1))
    panel += 64
    sliver += 32
  }
  if (!fresh) {
    c00 = v128.add<Float>(v128.load(c), c00)
    c01 = v128.add<Float>(v128.load(c, 16), c01)
    c10 = v128.add<Float>(v128.load(c1), c10)
    c11 = v128.add<Float>(v128.load(c1, 16), c11)
    c20 = v128.add<Float>(v128.load(c2), c20)
    c21 = v128.add<Float>(v128.load(c2, 16), c21)
    c30 = v128.add<Float>(v128.load(c3), c30)
    c31 = v128.add<Float>(v128.load(c3, 16), c31)
  }
  v128.store(c, c00)
  v128.store(c, c01, 16)
  v128.store(c1, c10)
  v128.store(c1, c11, 16)
  v128.store(c2, c20)
  v128.store(c2, c21, 16)
  v128.store(c3, c30)
  v128.store(c3, c31, 16)
}

/** Copies a rows x columns corner between two row-major matrices; strides in bytes. */
function copyCorner(rows: i32, columns: i32, from: usize, fromRow: usize, to: usize, toRow: usize): void {
  for (let i = 0; i < rows; ++i) {
    for (let j: usize = 0; j < <usize>columns * SIZE; j += SIZE) store<Float>(to + j, load<Float>(from + j))
    from += fromRow
    to += toRow
  }
}

/** C (rows <= MR, columns) += the packed panel times the packed block; ldc in elements. See tile() for `fresh`. */
export function panelTimesBlock(rows: i32, columns: i32, kc: i32, fresh: i32, scratch: usize, c: usize, ldc: i32): void {
  const start = scratch + START_OFFSET
  const edge = scratch + EDGE_OFFSET
  const row = <usize>ldc * SIZE
  const sliverBytes = <usize>kc * SLIVER_ROW
  let sliver = scratch + BLOCK_OFFSET
  let j = 0
  if (rows == MR) {
    for (; j + NR <= columns; j += NR) {
      tile(kc, fresh, scratch, sliver, start, c, row)
      sliver += sliverBytes
      c += SLIVER_ROW
    }
  }
  for (; j < columns; j += NR) {
    // A tile that juts out of C is computed in `edge`, and its inner part copied.
    const inner = min(NR, columns - j)
    if (!fresh) copyCorner(rows, inner, c, row, edge, SLIVER_ROW)
    tile(kc, fresh, scratch, sliver, start, edge, SLIVER_ROW)
    copyCorner(rows, inner, edge, SLIVER_ROW, c, row)
    sliver += sliverBytes
    c += SLIVER_ROW
  }
}

/** Packs rows <= MR of A (strides in elements) as kc x MR splats; missing rows are zero. */
export function packPanel(rows: i32, kc: i32, a: usize, aRow: i32, aColumn: i32, panel: usize): void {
  const row = <usize>aRow * SIZE
  const column = <usize>aColumn * SIZE
  if (rows == MR) {
    const a1 = a + row
    const a2 = a1 + row
    const a3 = a2 + row
    let at: usize = 0
    for (let k = 0; k < kc; ++k) {
      v128.store(panel, v128.splat<Float>(load<Float>(a + at)))
      v128.store(panel, v128.splat<Float>(load<Float>(a1 + at)), 16)
      v128.store(panel, v128.splat<Float>(load<Float>(a2 + at)), 32)
      v128.store(panel, v128.splat<Float>(load<Float>(a3 + at)), 48)
      panel += 64
      at += column
    }
    return
  }
  for (let k = 0; k < kc; ++k) {
    let from = a
    for (let i = 0; i < MR; ++i) {
      v128.store(panel, v128.splat<Float>(i < rows ? load<Float>(from) : 0))
      from += row
      panel += 16
    }
    a += column
  }
}

/** Sets what the sums of the rows of a tile begin with: `bias` of each row, or zero. */
export function setStart(rows: i32, bias: usize, scratch: usize): void {
  for (let i = 0; i < MR; ++i) {
    const value: Float = bias && i < rows ? load<Float>(bias + <usize>i * SIZE) : 0
    v128.store(scratch + START_OFFSET + 16 * i, v128.splat<Float>(value))
  }
}

/** Packs kc x columns of B (strides in elements) in slivers of NR columns; missing columns are zero. */
function packBlock(kc: i32, columns: i32, b: usize, bRow: i32, bColumn: i32, block: usize): void {
  const row = <usize>bRow * SIZE
  const column = <usize>bColumn * SIZE
  for (let j = 0; j < columns; j += NR) {
    let from = b
    if (bColumn == 1 && j + NR <= columns) {
      for (let k = 0; k < kc; ++k) {
        v128.store(block, v128.load(from))
        v128.store(block, v128.load(from, 16), 16)
        block += 32
        from += row
      }
    } else {
      const inner = min(NR, columns - j)
      for (let k = 0; k < kc; ++k) {
        let at = from
        for (let l = 0; l < NR; ++l) {
          store<Float>(block, l < inner ? load<Float>(at) : 0)
          block += SIZE
          at += column
        }
        from += row
      }
    }
    b += <usize>NR * column
  }
}

/**
 * C (m x n) = A (m x k) B (k x n), or C += A B with `accumulate`. A and B have row and column strides in elements, so
 * that any of them may be transposed; the rows of C lie cRow elements apart. scratch: GEMM_SCRATCH bytes.
 */
export function gemm(
  m: i32, n: i32, k: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, cRow: i32, accumulate: i32,
  a: usize, b: usize, scratch: usize, c: usize,
): void {
  setStart(0, 0, scratch)
  if (!ONLY_TILES && k > LONG) {
    longGemm(m, n, k, aRow, aColumn, bRow, bColumn, cRow, accumulate, a, b, scratch, c)
    return
  }
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = min(BLOCK_COLUMNS, n - j)
    for (let p = 0; p < k; p += KC) {
      const kc = min(KC, k - p)
      packBlock(kc, columns, b + <usize>(p * bRow + j * bColumn) * SIZE, bRow, bColumn, scratch + BLOCK_OFFSET)
      for (let i = 0; i < m; i += MR) {
        const rows = min(MR, m - i)
        packPanel(rows, kc, a + <usize>(i * aRow + p * aColumn) * SIZE, aRow, aColumn, scratch)
        panelTimesBlock(rows, columns, kc, i32(!accumulate && p == 0), scratch, c + <usize>(i * cRow + j) * SIZE, cRow)
      }
    }
  }
}

/** Columns and rows of what longGemm sums on its own: half of the block holds B, half of it the sums. */
const PART_COLUMNS: i32 = BLOCK_COLUMNS / 2
const PART_ROWS: i32 = KC

/** gemm() for k > LONG. */
function longGemm(
  m: i32, n: i32, k: i32, aRow: i32, aColumn: i32, bRow: i32, bColumn: i32, cRow: i32, accumulate: i32,
  a: usize, b: usize, scratch: usize, c: usize,
): void {
  const part = scratch + BLOCK_OFFSET + <usize>(GEMM_SCRATCH - BLOCK_OFFSET) / 2
  for (let j = 0; j < n; j += PART_COLUMNS) {
    const columns = min(PART_COLUMNS, n - j)
    for (let first = 0; first < m; first += PART_ROWS) {
      const end = min(m, first + PART_ROWS)
      for (let p = 0; p < k; p += KC) {
        const kc = min(KC, k - p)
        packBlock(kc, columns, b + <usize>(p * bRow + j * bColumn) * SIZE, bRow, bColumn, scratch + BLOCK_OFFSET)
        for (let i = first; i < end; i += MR) {
          const rows = min(MR, end - i)
          const to = part + <usize>((i - first) * PART_COLUMNS) * SIZE
          packPanel(rows, kc, a + <usize>(i * aRow + p * aColumn) * SIZE, aRow, aColumn, scratch)
          panelTimesBlock(rows, columns, kc, i32(p % LONG == 0), scratch, to, PART_COLUMNS)
        }
        if ((p + kc) % LONG != 0 && p + kc < k) continue
        for (let i = first; i < end; ++i) {
          const from = part + <usize>((i - first) * PART_COLUMNS) * SIZE
          const to = c + <usize>(i * cRow + j) * SIZE
          if (accumulate || p >= LONG) add(columns, to, from, to)
          else memory.copy(to, from, <usize>columns * SIZE)
        }
      }
    }
  }
}
