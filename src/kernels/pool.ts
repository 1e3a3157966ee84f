// Twin of assembly/pool.ts.
import { F, SHIFT, type Heap } from './float'
import { total, values } from './reduce'

/** Values of a side of a window that are summed one after the other; more in blocks of as many. */
const LONGEST = 256

export const poolKernels = (heap: Heap) => {
  const { f, out } = heap

  /** Places that a window counts along one axis. */
  function counted(o: number, size: number, k: number, stride: number, pad: number, countPad: number): number {
    const begin = o * stride - pad
    const end = begin + k
    return countPad ? Math.min(end, size + pad) - begin : Math.min(end, size) - Math.max(begin, 0)
  }

  /** The sum of `count` values `step` apart, in blocks. */
  function sumOf(count: number, step: number, x: number): number {
    let sum = 0
    for (; count > LONGEST; count -= LONGEST) {
      let block = 0
      for (let i = 0; i < LONGEST; i++, x += step) block = F(block + f[x])
      sum = F(sum + block)
    }
    let block = 0
    for (; count > 0; count--, x += step) block = F(block + f[x])
    return F(sum + block)
  }

  return {
    avgPool2dForward(
      planes: number, h: number, w: number, oh: number, ow: number, kh: number, kw: number, sh: number, sw: number,
      ph: number, pw: number, countPad: number, x: number, _scratch: number, y: number,
    ): void {
      x >>>= SHIFT
      y >>>= SHIFT
      for (let plane = 0; plane < planes; plane++, x += h * w) {
        for (let i = 0; i < oh; i++) {
          const top = Math.max(0, i * sh - ph)
          const bottom = Math.min(h, i * sh - ph + kh)
          const rows = counted(i, h, kh, sh, ph, countPad)
          for (let j = 0; j < ow; j++) {
            const left = j * sw - pw
            let sum = 0
            for (let begin = left; begin < left + kw; begin += LONGEST) {
              const end = Math.min(w, left + kw, begin + LONGEST)
              let block = 0
              for (let column = Math.max(0, begin); column < end; column++) {
                block = F(block + sumOf(bottom - top, w, x + top * w + column))
              }
              sum = F(sum + block)
            }
            f[y++] = sum / F(rows * counted(j, w, kw, sw, pw, countPad))
          }
        }
      }
    },

    avgPool2dBackward(
      planes: number, h: number, w: number, oh: number, ow: number, kh: number, kw: number, sh: number, sw: number,
      ph: number, pw: number, countPad: number, dy: number, _scratch: number, dx: number,
    ): void {
      dy >>>= SHIFT
      dx >>>= SHIFT
      f.fill(0, dx, dx + planes * h * w)
      for (let plane = 0; plane < planes; plane++, dx += h * w) {
        for (let i = 0; i < oh; i++, dy += ow) {
          const top = Math.max(0, i * sh - ph)
          const bottom = Math.min(h, i * sh - ph + kh)
          const rows = counted(i, h, kh, sh, ph, countPad)
          for (let column = 0; column < w; column++) {
            // The places from the first at which a window that ends behind the column can begin to the column itself.
            let sum = 0
            for (let begin = column + pw - kw + 1; begin <= column + pw; begin += LONGEST) {
              const last = Math.min(ow - 1, Math.floor(Math.min(column + pw, begin + LONGEST - 1) / sw))
              let block = 0
              for (let j = Math.max(0, Math.ceil(begin / sw)); j <= last; j++) {
                block = F(block + F(f[dy + j] / F(rows * counted(j, w, kw, sw, pw, countPad))))
              }
              sum = F(sum + block)
            }
            for (let at = dx + top * w + column; at < dx + bottom * w; at += w) f[at] = f[at] + sum
          }
        }
      }
    },

    globalAvgPool2dForward(planes: number, size: number, x: number, y: number): void {
      x >>>= SHIFT
      y >>>= SHIFT
      for (let plane = 0; plane < planes; plane++) {
        total(heap, values, 1, size, 0, x + plane * size, 0, 0)
        f[y + plane] = out[0] / size
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
