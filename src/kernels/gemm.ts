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
  /** Four rows by two columns of C at once: the values of A and B are read once for several sums. */
  function tile(k: number, a: number, aRow: number, aStep: number, b: number, bStep: number, bColumn: number, c: number, ldc: number): void {
    let c00 = f[c], c01 = f[c + 1]
    let c10 = f[c + ldc], c11 = f[c + ldc + 1]
    let c20 = f[c + 2 * ldc], c21 = f[c + 2 * ldc + 1]
    let c30 = f[c + 3 * ldc], c31 = f[c + 3 * ldc + 1]
    for (; k > 0; k--) {
      const b0 = f[b], b1 = f[b + bColumn]
      const a0 = f[a], a1 = f[a + aRow], a2 = f[a + 2 * aRow], a3 = f[a + 3 * aRow]
      c00 = F(c00 + F(a0 * b0))
      c01 = F(c01 + F(a0 * b1))
      c10 = F(c10 + F(a1 * b0))
      c11 = F(c11 + F(a1 * b1))
      c20 = F(c20 + F(a2 * b0))
      c21 = F(c21 + F(a2 * b1))
      c30 = F(c30 + F(a3 * b0))
      c31 = F(c31 + F(a3 * b1))
      a += aStep
      b += bStep
    }
    f[c] = c00
    f[c + 1] = c01
    f[c + ldc] = c10
    f[c + ldc + 1] = c11
    f[c + 2 * ldc] = c20
    f[c + 2 * ldc + 1] = c21
    f[c + 3 * ldc] = c30
    f[c + 3 * ldc + 1] = c31
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
      const n2 = n & ~1
      for (let j = 0; j < n2; j += 2) {
        const column = b + j * bColumn
        for (let i = 0; i < m4; i += 4) tile(k, a + i * aRow, aRow, aColumn, column, bRow, bColumn, c + i * n + j, n)
      }
      for (let i = 0; i < m; i++) {
        for (let j = i < m4 ? n2 : 0; j < n; j++) {
          f[c + i * n + j] = dot(f, k, f[c + i * n + j], a + i * aRow, aColumn, b + j * bColumn, bRow)
        }
      }
    },
  }
}
