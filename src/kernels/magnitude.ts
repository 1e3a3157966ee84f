// Twin of assembly/magnitude.ts.
import { F, SHIFT, type Heap } from './float'
import { scaleFor } from './math'
import { carefulDot, dot } from './reduce'

const LEAST_SQUARES = 1e-280
const FAR = 1e-30
const SHORTER = 5.421010862427522e-20

export const magnitudeKernels = (heap: Heap) => {
  const { f, out } = heap

  function maxMagnitude(count: number, x: number): number {
    x >>>= SHIFT
    let largest = 0
    for (let i = x; i < x + count; i++) {
      const value = Math.abs(f[i])
      if (value > largest) largest = value
    }
    return largest
  }

  function norm(count: number, x: number): number {
    dot(heap, count, x >>> SHIFT, x >>> SHIFT)
    const squares = out[0]
    if ((squares > LEAST_SQUARES && squares < Infinity) || squares !== squares) return Math.sqrt(squares)
    const largest = maxMagnitude(count, x)
    if (largest === 0 || largest === Infinity) return largest
    const factor = scaleFor(largest)
    carefulDot(heap, count, factor, x >>> SHIFT, x >>> SHIFT)
    return Math.sqrt(out[0]) / factor
  }

  function scale(count: number, factor: number, x: number): void {
    x >>>= SHIFT
    for (let i = x; i < x + count; i++) f[i] = f[i] * factor
  }

  return {
    firstNotFinite(count: number, x: number): number {
      x >>>= SHIFT
      for (let i = 0; i < count; i++) if (f[x + i] - f[x + i] !== 0) return i
      return -1
    },

    maxMagnitude,
    norm,

    limitRowNorms(rows: number, size: number, limit: number, x: number): void {
      limit = F(limit)
      for (let row = 0; row < rows; row++, x += size << SHIFT) {
        let length = norm(size, x)
        if (!(length > limit && (length < Infinity || maxMagnitude(size, x) < Infinity))) continue
        while (limit < FAR * length) {
          scale(size, SHORTER, x)
          length = norm(size, x)
        }
        if (F(limit / length) < 1) scale(size, F(limit / length), x)
      }
    },
  }
}
