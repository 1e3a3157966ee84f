// Twin of assembly/planes.ts. x and plane are heap indices.
import type { Heap } from './float'

export function fillPlane(
  { f }: Heap, h: number, w: number, top: number, left: number, sh: number, sw: number, height: number, width: number,
  x: number, plane: number,
): void {
  for (let i = 0; i < height; i++) {
    const row = top + i * sh
    for (let j = 0; j < width; j++) {
      const column = left + j * sw
      const inside = row >= 0 && row < h && column >= 0 && column < w
      f[plane++] = inside ? f[x + row * w + column] : 0
    }
  }
}
