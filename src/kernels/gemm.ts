// Twin of assembly/gemm.ts, which defines the order of sums.
import { KC, LONG } from './blocking'
import { F, SHIFT, type Heap } from './float'

/** The sum of f[a + k * aStep] * f[b + k * bStep], in order. */
function dot(f: Heap['f'], k: number, a: number, aStep: number, b: number, bStep: number): number {
  let sum = 0
  for (; k > 0; k--) {
    sum = F(sum + F(f[a] * f[b]))
    a += aStep
    b += bStep
  }
  return sum
}

export const gemmKernels = ({ f }: Heap) => {
  /** Four rows by four columns of C at once += one block: the values of A and B are read once for several sums. */
  function tile(
    k: number, a: number, aRow: number, aStep: number, b: number, bStep: number, bColumn: number, c: number, ldc: number,
  ): void {
    const d1 = c + ldc, d2 = d1 + ldc, d3 = d2 + ldc
    let c00 = 0, c01 = 0, c02 = 0, c03 = 0
    let c10 = 0, c11 = 0, c12 = 0, c13 = 0
    let c20 = 0, c21 = 0, c22 = 0, c23 = 0
    let c30 = 0, c31 = 0, c32 = 0, c33 = 0
    for (; k > 0; k--) {
      const b0 = f[b], b1 = f[b + bColumn], b2 = f[b + 2 * bColumn], b3 = f[b + 3 * bColumn]
      const a0 = f[a]
      c00 = F(c00 + F(a0 * b0))
      c01 = F(c01 + F(a0 * b1))
      c02 = F(c02 + F(a0 * b2))
      c03 = F(c03 + F(a0 * b3))
      const a1 = f[a + aRow]
      c10 = F(c10 + F(a1 * b0))
      c11 = F(c11 + F(a1 * b1))
      c12 = F(c12 + F(a1 * b2))
      c13 = F(c13 + F(a1 * b3))
      const a2 = f[a + 2 * aRow]
      c20 = F(c20 + F(a2 * b0))
      c21 = F(c21 + F(a2 * b1))
      c22 = F(c22 + F(a2 * b2))
      c23 = F(c23 + F(a2 * b3))
      const a3 = f[a + 3 * aRow]
      c30 = F(c30 + F(a3 * b0))
      c31 = F(c31 + F(a3 * b1))
      c32 = F(c32 + F(a3 * b2))
      c33 = F(c33 + F(a3 * b3))
      a += aStep
      b += bStep
    }
    f[c] = f[c] + c00
    f[c + 1] = f[c + 1] + c01
    f[c + 2] = f[c + 2] + c02
    f[c + 3] = f[c + 3] + c03
    f[d1] = f[d1] + c10
    f[d1 + 1] = f[d1 + 1] + c11
    f[d1 + 2] = f[d1 + 2] + c12
    f[d1 + 3] = f[d1 + 3] + c13
    f[d2] = f[d2] + c20
    f[d2 + 1] = f[d2 + 1] + c21
    f[d2 + 2] = f[d2 + 2] + c22
    f[d2 + 3] = f[d2 + 3] + c23
    f[d3] = f[d3] + c30
    f[d3 + 1] = f[d3 + 1] + c31
    f[d3 + 2] = f[d3 + 2] + c32
    f[d3 + 3] = f[d3 + 3] + c33
  }

  return {
    gemm(
      m: number, n: number, k: number, aRow: number, aColumn: number, bRow: number, bColumn: number, cRow: number,
      accumulate: number, a: number, b: number, scratch: number, c: number,
    ): void {
      a >>>= SHIFT
      b >>>= SHIFT
      c >>>= SHIFT
      for (let i = 0; !accumulate && i < m; i++) f.fill(0, c + i * cRow, c + i * cRow + n)
      const part = scratch >>> SHIFT
      const m4 = m & ~3
      const n4 = n & ~3
      for (let j = 0; j < n4; j += 4) {
        for (let i = 0; i < m4; i += 4) {
          const to = c + i * cRow + j
          for (let first = 0; first < k; first += LONG) {
            const end = Math.min(k, first + LONG)
            const blocks = k > LONG ? part : to
            const ldc = k > LONG ? 4 : cRow
            if (k > LONG) f.fill(0, part, part + 16)
            for (let p = first; p < end; p += KC) {
              tile(
                Math.min(KC, end - p), a + i * aRow + p * aColumn, aRow, aColumn,
                b + j * bColumn + p * bRow, bRow, bColumn, blocks, ldc,
              )
            }
            if (k <= LONG) continue
            for (let e = 0; e < 16; e++) {
              const at = to + (e >> 2) * cRow + (e & 3)
              f[at] = f[at] + f[part + e]
            }
          }
        }
      }
      for (let i = 0; i < m; i++) {
        for (let j = i < m4 ? n4 : 0; j < n; j++) {
          const to = c + i * cRow + j
          for (let first = 0; first < k; first += LONG) {
            const end = Math.min(k, first + LONG)
            let sum = k > LONG ? 0 : f[to]
            for (let p = first; p < end; p += KC) {
              const from = a + i * aRow + p * aColumn
              sum = F(sum + dot(f, Math.min(KC, end - p), from, aColumn, b + j * bColumn + p * bRow, bRow))
            }
            f[to] = k > LONG ? f[to] + sum : sum
          }
        }
      }
    },
  }
}
