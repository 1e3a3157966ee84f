// Twin of assembly/max-pool.ts.
import { SHIFT, type Heap } from './float'

export const maxPoolKernels = ({ f, i32 }: Heap) => {
  const kernels = {
    maxPool2dForward(
      planes: number, h: number, w: number, oh: number, ow: number, kh: number, kw: number, sh: number, sw: number,
      ph: number, pw: number, relu: number, x: number, _scratch: number, index: number, y: number,
    ): void {
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
                // Without a branch, as with Heap.pick.
                best += (at - best) * (Number(candidate > value) | Number(candidate !== candidate))
                value = f[x + best]
              }
            }
            f[y++] = relu && value < 0 ? 0 : value
            i32[index++] = relu && !(value > 0) ? -1 : best
          }
        }
        x += h * w
      }
    },

    maxPool2x2Forward(
      planes: number, h: number, w: number, oh: number, ow: number, relu: number, x: number, index: number, y: number,
    ): void {
      kernels.maxPool2dForward(planes, h, w, oh, ow, 2, 2, 2, 2, 0, 0, relu, x, 0, index, y)
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
  }
  return kernels
}
