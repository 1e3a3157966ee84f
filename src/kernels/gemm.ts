// Twin of assembly/gemm.ts. Every element of C is summed in the order k = 0, 1, ..., so plain loops give its bits.
import { F, SHIFT, type Heap } from './float'

/** `start` plus the sum of f[a + k * aStep] * f[b + k * bStep], in order. */
export function dot(f: Heap['f'], k: number, start: number, a: number, aStep: number, b: number, bStep: number): number {
  let sum = start
  for (; k > 0; k--) {
    sum = F(sum + F(f[a] * f[b]))
    a += aStep
    b += bStep
  }
  return sum
}

export const gemmKernels = ({ f }: Heap) => {
  /** Four rows by four columns of C at once: the values of A and B are read once for several sums. */
  function tile(
    k: number, a: number, aRow: number, aStep: number, b: number, bStep: number, bColumn: number, c: number, ldc: number,
  ): void {
    const d1 = c + ldc, d2 = d1 + ldc, d3 = d2 + ldc
    let c00 = f[c], c01 = f[c + 1], c02 = f[c + 2], c03 = f[c + 3]
    let c10 = f[d1], c11 = f[d1 + 1], c12 = f[d1 + 2], c13 = f[d1 + 3]
    let c20 = f[d2], c21 = f[d2 + 1], c22 = f[d2 + 2], c23 = f[d2 + 3]
    let c30 = f[d3], c31 = f[d3 + 1], c32 = f[d3 + 2], c33 = f[d3 + 3]
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
    f[c] = c00
    f[c + 1] = c01
    f[c + 2] = c02
    f[c + 3] = c03
    f[d1] = c10
    f[d1 + 1] = c11
    f[d1 + 2] = c12
    f[d1 + 3] = c13
    f[d2] = c20
    f[d2 + 1] = c21
    f[d2 + 2] = c22
    f[d2 + 3] = c23
    f[d3] = c30
    f[d3 + 1] = c31
    f[d3 + 2] = c32
    f[d3 + 3] = c33
  }

  return {
    gemm(
      m: number, n: number, k: number, aRow: number, aColumn: number, bRow: number, bColumn: number,
      accumulate: number, a: number, b: number, _scratch: number, c: number,
    ): void {
      a >>>= SHIFT
      b >>>= SHIFT
      c >>>= SHIFT
      if (!accumulate) f.fill(0, c, c + m * n)
      const m4 = m & ~3
      const n4 = n & ~3
      for (let j = 0; j < n4; j += 4) {
        const column = b + j * bColumn
        for (let i = 0; i < m4; i += 4) tile(k, a + i * aRow, aRow, aColumn, column, bRow, bColumn, c + i * n + j, n)
      }
      for (let i = 0; i < m; i++) {
        for (let j = i < m4 ? n4 : 0; j < n; j++) {
          f[c + i * n + j] = dot(f, k, f[c + i * n + j], a + i * aRow, aColumn, b + j * bColumn, bRow)
        }
      }
    },
  }
}
