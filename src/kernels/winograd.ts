// Twin of assembly/winograd.ts: a tile at a time, and plain matrix products.
import { MR, ceilDivide } from './blocking'
import { WINOGRAD_TABLE, WINOGRAD_TMP, winogradChunk, winogradImages } from './conv-geometry'
import { F, LANES, SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'
import { fillPlane } from './planes'

const CHUNK = winogradChunk(1 << SHIFT)
const NR = 2 * LANES
const SIXTH = F(1 / 6)
const MINUS_SIXTH = F(-1 / 6)
const TWELFTH = F(1 / 12)
const TWENTY_FOURTH = F(1 / 24)

export const winogradKernels = (heap: Heap) => {
  const { f } = heap
  const { gemm } = gemmKernels(heap)

  /** B' d of six values `step` apart, to six places `stride` apart. */
  function inputRow(from: number, step: number, to: number, stride: number): void {
    const d0 = f[from], d1 = f[from + step], d2 = f[from + 2 * step]
    const d3 = f[from + 3 * step], d4 = f[from + 4 * step], d5 = f[from + 5 * step]
    const a = F(d4 - F(4 * d2))
    const b = F(d3 - F(4 * d1))
    const c = F(d4 - d2)
    const e = F(d3 - d1)
    const g = F(e + e)
    f[to] = F(4 * F(d0 - d2)) + c
    f[to + stride] = a + b
    f[to + 2 * stride] = a - b
    f[to + 3 * stride] = c + g
    f[to + 4 * stride] = c - g
    f[to + 5 * stride] = F(d5 - d3) - F(4 * e)
  }

  /** A d of four values. */
  function gradientRow(from: number, step: number, to: number, stride: number): void {
    const d0 = f[from], d1 = f[from + step], d2 = f[from + 2 * step], d3 = f[from + 3 * step]
    const a = F(d0 + d2)
    const b = F(d1 + d3)
    const c = F(F(4 * d2) + d0)
    const half = F(F(4 * d3) + d1)
    const e = F(half + half)
    f[to] = d0
    f[to + stride] = a + b
    f[to + 2 * stride] = a - b
    f[to + 3 * stride] = c + e
    f[to + 4 * stride] = c - e
    f[to + 5 * stride] = d3
  }

  /** A' m of six values. */
  function outputRow(from: number, step: number, to: number, stride: number): void {
    const m1 = f[from + step], m2 = f[from + 2 * step], m3 = f[from + 3 * step], m4 = f[from + 4 * step]
    const p = F(m1 + m2)
    const q = F(m1 - m2)
    const r = F(m3 + m4)
    const s = F(m3 - m4)
    f[to] = F(F(f[from] + p) + r)
    const d = F(s + s)
    f[to + stride] = d + q
    f[to + 2 * stride] = F(4 * r) + p
    f[to + 3 * stride] = F(F(4 * d) + q) + f[from + 5 * step]
  }

  /** G w of three values. */
  function weightRow(from: number, step: number, to: number, stride: number): void {
    const w0 = f[from], w1 = f[from + step], w2 = f[from + 2 * step]
    const a = F(w0 + w2)
    const b = F(w0 + F(4 * w2))
    const c = F(w1 + w1)
    f[to] = w0 * 0.25
    f[to + stride] = F(a + w1) * MINUS_SIXTH
    f[to + 2 * stride] = F(a - w1) * MINUS_SIXTH
    f[to + 3 * stride] = F(b + c) * TWENTY_FOURTH
    f[to + 4 * stride] = F(b - c) * TWENTY_FOURTH
    f[to + 5 * stride] = w2
  }

  /** G' t of six values. */
  function weightGradientRow(from: number, step: number, to: number, stride: number): void {
    const t1 = f[from + step], t2 = f[from + 2 * step], t3 = f[from + 3 * step], t4 = f[from + 4 * step]
    const a = F(F(t1 + t2) * SIXTH)
    const b = F(t3 + t4)
    f[to] = F(F(F(f[from] * 0.25) - a) + F(b * TWENTY_FOURTH))
    f[to + stride] = F(F(F(t2 - t1) * SIXTH) + F(F(t3 - t4) * TWELFTH))
    f[to + 2 * stride] = F(F(F(b * SIXTH) - a) + f[from + 5 * step])
  }

  /** U = G w G': u[place][filter][channel]. */
  function weights(c: number, filters: number, turned: boolean, w: number, tmp: number, u: number): void {
    for (let filter = 0; filter < filters; filter++) {
      for (let channel = 0; channel < c; channel++) {
        const kernel = w + (turned ? channel * filters + filter : filter * c + channel) * 9
        for (let i = 0; i < 3; i++) {
          if (turned) weightRow(kernel + 8 - 3 * i, -1, tmp + 6 * i, 1)
          else weightRow(kernel + 3 * i, 1, tmp + 6 * i, 1)
        }
        const place = filters * c
        for (let j = 0; j < 6; j++) weightRow(tmp + j, 6, u + j * place + filter * c + channel, 6 * place)
      }
    }
  }

  return {
    winogradProduct(
      n: number, c: number, h: number, w: number, filters: number, oh: number, ow: number, ph: number, pw: number,
      turned: boolean, x: number, weight: number, bias: number, scratch: number, y: number,
    ): void {
      const height = 4 * ceilDivide(oh, 4) + 2
      const width = 4 * ceilDivide(ow, 4) + 2
      const across = (width - 2) / 4
      const tiles = ((height - 2) / 4) * across
      const images = winogradImages(tiles, CHUNK)
      const rows = MR * ceilDivide(filters, MR)
      const plane = height * width
      const tmp = scratch >>> SHIFT
      const u = (scratch + WINOGRAD_TMP + WINOGRAD_TABLE) >>> SHIFT
      const v = u + ((36 * rows * c * 16) >>> SHIFT)
      const m = v + 36 * c * CHUNK
      const source = m + 36 * rows * CHUNK
      x >>>= SHIFT
      bias >>>= SHIFT
      y >>>= SHIFT
      weights(c, filters, turned, weight >>> SHIFT, tmp, u)
      for (let image = 0; image < n; image += images) {
        const count = Math.min(images, n - image)
        for (let i = 0; i < count * c; i++) {
          fillPlane(heap, h, w, -ph, -pw, 1, 1, height, width, x + (image * c + i) * h * w, source + i * plane)
        }
        for (let first = 0; first < count * tiles; first += CHUNK) {
          const used = Math.min(CHUNK, count * tiles - first)
          const place = c * used
          for (let t = 0; t < used; t++) {
            const inImage = (first + t) % tiles
            const row = 4 * Math.floor(inImage / across)
            const column = 4 * (inImage % across)
            const from = source + Math.floor((first + t) / tiles) * c * plane + row * width + column
            for (let channel = 0; channel < c; channel++) {
              for (let i = 0; i < 6; i++) inputRow(from + channel * plane + i * width, 1, tmp + 6 * i, 1)
              for (let j = 0; j < 6; j++) inputRow(tmp + j, 6, v + j * place + channel * used + t, 6 * place)
            }
          }
          for (let e = 0; e < 36; e++) {
            const product = m + e * filters * used
            gemm(
              filters, used, c, c, 1, used, 1, 0,
              (u + e * filters * c) << SHIFT, (v + e * place) << SHIFT, scratch, product << SHIFT,
            )
          }
          const mPlace = filters * used
          for (let t = 0; t < used; t++) {
            const inImage = (first + t) % tiles
            const row = 4 * Math.floor(inImage / across)
            const column = 4 * (inImage % across)
            const rowsIn = Math.min(4, oh - row)
            const columnsIn = Math.min(4, ow - column)
            const base = y + (image + Math.floor((first + t) / tiles)) * filters * oh * ow + row * ow + column
            for (let filter = 0; filter < filters; filter++) {
              const b = bias ? f[bias + filter] : 0
              for (let j = 0; j < 6; j++) outputRow(m + j * mPlace + filter * used + t, 6 * mPlace, tmp + j, 6)
              for (let i = 0; i < rowsIn; i++) {
                outputRow(tmp + 6 * i, 1, tmp + 36, 1)
                const to = base + filter * oh * ow + i * ow
                for (let j = 0; j < columnsIn; j++) f[to + j] = f[tmp + 36 + j] + b
              }
            }
          }
        }
      }
    },

    winogradWeight(
      n: number, c: number, h: number, w: number, filters: number, oh: number, ow: number, ph: number, pw: number,
      x: number, dy: number, scratch: number, dw: number,
    ): void {
      const height = 4 * ceilDivide(oh, 4) + 2
      const width = 4 * ceilDivide(ow, 4) + 2
      const across = (width - 2) / 4
      const tiles = ((height - 2) / 4) * across
      const images = winogradImages(tiles, CHUNK)
      const rows = MR * ceilDivide(filters, MR)
      const columns = NR * ceilDivide(c, NR)
      const plane = height * width
      const dyPlane = (height - 2) * (width - 2)
      const tmp = scratch >>> SHIFT
      const du = (scratch + WINOGRAD_TMP + WINOGRAD_TABLE) >>> SHIFT
      const v = du + 36 * rows * columns
      const g = v + 36 * columns * CHUNK
      const source = g + 36 * rows * CHUNK
      const dySource = source + images * c * plane
      x >>>= SHIFT
      dy >>>= SHIFT
      dw >>>= SHIFT
      f.fill(0, du, du + 36 * filters * c)
      for (let image = 0; image < n; image += images) {
        const count = Math.min(images, n - image)
        for (let i = 0; i < count * c; i++) {
          fillPlane(heap, h, w, -ph, -pw, 1, 1, height, width, x + (image * c + i) * h * w, source + i * plane)
        }
        for (let i = 0; i < count * filters; i++) {
          const from = dy + (image * filters + i) * oh * ow
          fillPlane(heap, oh, ow, 0, 0, 1, 1, height - 2, width - 2, from, dySource + i * dyPlane)
        }
        for (let first = 0; first < count * tiles; first += CHUNK) {
          const used = Math.min(CHUNK, count * tiles - first)
          const vPlace = c * used
          const gPlace = filters * used
          for (let t = 0; t < used; t++) {
            const inImage = (first + t) % tiles
            const row = 4 * Math.floor(inImage / across)
            const column = 4 * (inImage % across)
            const local = Math.floor((first + t) / tiles)
            const from = source + local * c * plane + row * width + column
            for (let channel = 0; channel < c; channel++) {
              for (let i = 0; i < 6; i++) inputRow(from + channel * plane + i * width, 1, tmp + 6 * i, 1)
              for (let j = 0; j < 6; j++) inputRow(tmp + j, 6, v + j * vPlace + channel * used + t, 6 * vPlace)
            }
            const dyFrom = dySource + local * filters * dyPlane + row * (width - 2) + column
            for (let filter = 0; filter < filters; filter++) {
              for (let i = 0; i < 4; i++) gradientRow(dyFrom + filter * dyPlane + i * (width - 2), 1, tmp + 6 * i, 1)
              for (let j = 0; j < 6; j++) gradientRow(tmp + j, 6, g + j * gPlace + filter * used + t, 6 * gPlace)
            }
          }
          for (let e = 0; e < 36; e++) {
            gemm(
              filters, c, used, used, 1, 1, used, 1,
              (g + e * gPlace) << SHIFT, (v + e * vPlace) << SHIFT, scratch, (du + e * filters * c) << SHIFT,
            )
          }
        }
      }
      const place = filters * c
      for (let pair = 0; pair < place; pair++) {
        for (let j = 0; j < 6; j++) weightGradientRow(du + j * place + pair, 6 * place, tmp + j, 6)
        for (let i = 0; i < 3; i++) weightGradientRow(tmp + 6 * i, 1, tmp + 18 + 3 * i, 1)
        for (let k = 0; k < 9; k++) f[dw + 9 * pair + k] = f[dw + 9 * pair + k] + f[tmp + 18 + k]
      }
    },
  }
}
