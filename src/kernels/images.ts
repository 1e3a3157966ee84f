// Twin of assembly/images.ts.
import { F, SHIFT, type Heap } from './float'

function sourceOf(o: number, scale: number): number {
  const source = F(F((o + 0.5) / scale) - 0.5)
  return source > 0 ? source : 0
}

export const imageKernels = ({ f, i32 }: Heap) => ({
  padPlanes(
    planes: number, h: number, w: number, top: number, left: number, bottom: number, right: number, x: number,
    y: number,
  ): void {
    x >>>= SHIFT
    y >>>= SHIFT
    const width = left + w + right
    const size = (top + h + bottom) * width
    f.fill(0, y, y + planes * size)
    for (let i = 0; i < planes * h; i++) {
      const to = y + Math.floor(i / h) * size + (top + (i % h)) * width + left
      f.copyWithin(to, x + i * w, x + (i + 1) * w)
    }
  },

  cropPlanes(
    planes: number, h: number, w: number, top: number, left: number, bottom: number, right: number, dy: number,
    dx: number,
  ): void {
    dy >>>= SHIFT
    dx >>>= SHIFT
    const width = left + w + right
    const size = (top + h + bottom) * width
    for (let i = 0; i < planes * h; i++) {
      const from = dy + Math.floor(i / h) * size + (top + (i % h)) * width + left
      f.copyWithin(dx + i * w, from, from + w)
    }
  },

  addPerChannel(n: number, c: number, hw: number, x: number, b: number, y: number): void {
    x >>>= SHIFT
    b >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < n * c; i++) {
      const value = f[b + (i % c)]
      for (let j = i * hw; j < (i + 1) * hw; j++) f[y + j] = f[x + j] + value
    }
  },

  dilatedMaxPool2dForward(
    planes: number, h: number, w: number, oh: number, ow: number, kh: number, kw: number, sh: number, sw: number,
    ph: number, pw: number, dlh: number, dlw: number, x: number, index: number, y: number,
  ): void {
    x >>>= SHIFT
    index >>>= 2
    y >>>= SHIFT
    for (let o = 0; o < planes * oh * ow; o++) {
      const plane = x + Math.floor(o / (oh * ow)) * h * w
      const top = (Math.floor(o / ow) % oh) * sh - ph
      const left = (o % ow) * sw - pw
      let best = -Infinity
      let at = -1
      for (let row = top; row < top + kh * dlh; row += dlh) {
        if (row < 0 || row >= h) continue
        for (let column = left; column < left + kw * dlw; column += dlw) {
          if (column < 0 || column >= w) continue
          const value = f[plane + row * w + column]
          if (at < 0 || value > best || value !== value) {
            best = value
            at = row * w + column
          }
        }
      }
      f[y + o] = best
      i32[index + o] = at
    }
  },

  upsampleNearestForward(planes: number, h: number, w: number, sh: number, sw: number, x: number, y: number): void {
    x >>>= SHIFT
    y >>>= SHIFT
    const width = w * sw
    for (let i = 0; i < planes * h * sh; i++) {
      const from = x + Math.floor(i / sh) * w
      for (let j = 0; j < width; j++) f[y + i * width + j] = f[from + Math.floor(j / sw)]
    }
  },

  upsampleNearestBackward(planes: number, h: number, w: number, sh: number, sw: number, dy: number, dx: number): void {
    dy >>>= SHIFT
    dx >>>= SHIFT
    const width = w * sw
    for (let i = 0; i < planes * h; i++) {
      for (let j = 0; j < w; j++) {
        let sum = 0
        for (let k = 0; k < sh; k++) {
          const row = dy + (i * sh + k) * width + j * sw
          for (let l = 0; l < sw; l++) sum = F(sum + f[row + l])
        }
        f[dx + i * w + j] = sum
      }
    }
  },

  upsampleBilinearForward(
    planes: number, h: number, w: number, sh: number, sw: number, x: number, scratch: number, y: number,
  ): void {
    x >>>= SHIFT
    scratch >>>= SHIFT
    y >>>= SHIFT
    const width = w * sw
    for (let i = 0; i < planes * h * sh; i++) {
      const plane = x + Math.floor(i / (h * sh)) * h * w
      const source = sourceOf(i % (h * sh), sh)
      const above = Math.floor(source)
      const b = F(source - above)
      const a = F(1 - b)
      const p = plane + above * w
      const q = plane + Math.min(above + 1, h - 1) * w
      for (let j = 0; j < w; j++) f[scratch + j] = F(a * f[p + j]) + F(b * f[q + j])
      for (let j = 0; j < width; j++) {
        const at = sourceOf(j, sw)
        const before = Math.floor(at)
        const d = F(at - before)
        const after = Math.min(before + 1, w - 1)
        f[y + i * width + j] = F(F(1 - d) * f[scratch + before]) + F(d * f[scratch + after])
      }
    }
  },

  upsampleBilinearBackward(
    planes: number, h: number, w: number, sh: number, sw: number, dy: number, scratch: number, dx: number,
  ): void {
    dy >>>= SHIFT
    scratch >>>= SHIFT
    dx >>>= SHIFT
    const width = w * sw
    f.fill(0, dx, dx + planes * h * w)
    for (let i = 0; i < planes * h * sh; i++) {
      f.fill(0, scratch, scratch + w)
      for (let j = 0; j < width; j++) {
        const at = sourceOf(j, sw)
        const before = Math.floor(at)
        const d = F(at - before)
        const p = scratch + before
        const q = scratch + Math.min(before + 1, w - 1)
        const value = f[dy + i * width + j]
        f[p] = f[p] + F(F(1 - d) * value)
        f[q] = f[q] + F(d * value)
      }
      const plane = dx + Math.floor(i / (h * sh)) * h * w
      const source = sourceOf(i % (h * sh), sh)
      const above = Math.floor(source)
      const b = F(source - above)
      const a = F(1 - b)
      const p = plane + above * w
      const q = plane + Math.min(above + 1, h - 1) * w
      for (let j = 0; j < w; j++) f[p + j] = f[p + j] + F(a * f[scratch + j])
      for (let j = 0; j < w; j++) f[q + j] = f[q + j] + F(b * f[scratch + j])
    }
  },
})
