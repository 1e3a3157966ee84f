// Twin of assembly/pool.ts.
import { F, SHIFT, type Heap } from './float'
import { total, values } from './reduce'

/** Values that are summed one after the other; of longer windows, halves are. */
const LONGEST = 64

export const poolKernels = (heap: Heap) => {
  const { f, i32 } = heap

  /** Places that a window counts along one axis. */
  function counted(o: number, size: number, k: number, stride: number, pad: number, countPad: number): number {
    const begin = o * stride - pad
    const end = begin + k
    return countPad ? Math.min(end, size + pad) - begin : Math.min(end, size) - Math.max(begin, 0)
  }

  /** The sum of `count` values `step` apart, by halves where they are many. */
  function sumOf(count: number, step: number, x: number): number {
    if (count > LONGEST) {
      const half = count >> 1
      return F(sumOf(half, step, x) + sumOf(count - half, step, x + half * step))
    }
    let sum = 0
    for (; count > 0; count--, x += step) sum = F(sum + f[x])
    return sum
  }

  /** The sums of `count` columns of a window, from `first` on, of which there are those from 0 to w. */
  function sumOfColumns(count: number, first: number, w: number, rows: number, x: number): number {
    if (count > LONGEST) {
      const half = count >> 1
      return F(sumOfColumns(half, first, w, rows, x) + sumOfColumns(count - half, first + half, w, rows, x))
    }
    let sum = 0
    for (let column = Math.max(0, first); column < Math.min(w, first + count); column++) {
      sum = F(sum + sumOf(rows, w, x + column))
    }
    return sum
  }

  return {
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
            f[y++] = sumOfColumns(kw, j * sw - pw, w, bottom - top, x + top * w) / F(rows * counted(j, w, kw, sw, pw, countPad))
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
          /** Of the windows that begin at `count` places, from `first` on, by halves as a window. */
          const sumOfWindows = (count: number, first: number): number => {
            if (count > LONGEST) {
              const half = count >> 1
              return F(sumOfWindows(half, first) + sumOfWindows(count - half, first + half))
            }
            const last = Math.min(ow - 1, Math.floor((first + count - 1) / sw))
            let sum = 0
            for (let j = Math.max(0, Math.ceil(first / sw)); j <= last; j++) {
              sum = F(sum + F(f[dy + j] / F(rows * counted(j, w, kw, sw, pw, countPad))))
            }
            return sum
          }
          for (let column = 0; column < w; column++) {
            const sum = sumOfWindows(kw, column + pw - kw + 1)
            for (let at = dx + top * w + column; at < dx + bottom * w; at += w) f[at] = f[at] + sum
          }
        }
      }
    },

    globalAvgPool2dForward(planes: number, size: number, x: number, y: number): void {
      x >>>= SHIFT
      y >>>= SHIFT
      for (let plane = 0; plane < planes; plane++) {
        f[y + plane] = total(heap, values, 1, size, 0, x + plane * size, 0, 0) / size
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
