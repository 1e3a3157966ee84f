// Twin of assembly/pool.ts.
import { convOutput } from './conv-geometry'
import { F, SHIFT, type Heap } from './float'
import { accumulate, clearLanes, totalOfLanes } from './reduce'

export const poolKernels = (heap: Heap) => {
  const { f, i32 } = heap
  return {
    maxPool2dForward(
      planes: number, h: number, w: number, kh: number, kw: number, sh: number, sw: number, ph: number, pw: number,
      relu: number, x: number, index: number, y: number,
    ): void {
      const oh = convOutput(h, kh, sh, ph, 1)
      const ow = convOutput(w, kw, sw, pw, 1)
      x >>>= SHIFT
      index >>>= 2
      y >>>= SHIFT
      for (let plane = 0; plane < planes; plane++) {
        for (let i = 0; i < oh; i++) {
          const top = Math.max(0, i * sh - ph)
          const bottom = Math.min(h, i * sh - ph + kh)
          for (let j = 0; j < ow; j++) {
            const left = Math.max(0, j * sw - pw)
            const right = Math.min(w, j * sw - pw + kw)
            let best = top * w + left
            let value = f[x + best]
            for (let row = top; row < bottom; row++) {
              for (let at = row * w + left; at < row * w + right; at++) {
                const candidate = f[x + at]
                if (candidate > value || candidate !== candidate) {
                  value = candidate
                  best = at
                }
              }
            }
            f[y++] = relu && value < 0 ? 0 : value
            i32[index++] = relu && !(value > 0) ? -1 : best
          }
        }
        x += h * w
      }
    },

    maxPool2dBackward(planes: number, size: number, outputs: number, dy: number, index: number, dx: number): void {
      dy >>>= SHIFT
      index >>>= 2
      dx >>>= SHIFT
      f.fill(0, dx, dx + planes * size)
      for (let plane = 0; plane < planes; plane++) {
        for (let i = 0; i < outputs; i++) {
          const place = i32[index++]
          if (place >= 0) f[dx + place] = f[dx + place] + f[dy]
          dy++
        }
        dx += size
      }
    },

    globalAvgPool2dForward(planes: number, size: number, x: number, scratch: number, y: number): void {
      x >>>= SHIFT
      y >>>= SHIFT
      const lanes = scratch >>> SHIFT
      for (let plane = 0; plane < planes; plane++) {
        clearLanes(heap, lanes)
        accumulate(heap, size, x + plane * size, lanes)
        f[y + plane] = totalOfLanes(heap, lanes) / F(size)
      }
    },

    globalAvgPool2dBackward(planes: number, size: number, dy: number, dx: number): void {
      dy >>>= SHIFT
      dx >>>= SHIFT
      for (let plane = 0; plane < planes; plane++) {
        const value = F(f[dy + plane] / F(size))
        f.fill(value, dx + plane * size, dx + (plane + 1) * size)
      }
    },
  }
}
