// Twin of assembly/planes.ts. x and plane are heap indices.
import { ceilDivide } from './blocking'
import type { Heap } from './float'

export function copyInside(
  { f }: Heap, h: number, w: number, top: number, left: number, sh: number, sw: number, height: number, width: number,
  x: number, plane: number,
): void {
  const row = Math.max(0, ceilDivide(-top, sh))
  const column = Math.max(0, ceilDivide(-left, sw))
  const rows = Math.min(height, ceilDivide(h - top, sh))
  const columns = Math.min(width, ceilDivide(w - left, sw))
  for (let i = row; i < rows; i++) {
    const from = x + (top + i * sh) * w + left
    for (let j = column; j < columns; j++) f[plane + i * width + j] = f[from + j * sw]
  }
}
