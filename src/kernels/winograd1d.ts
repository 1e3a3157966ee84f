// Twin of assembly/winograd1d.ts: a tile at a time, and plain matrix products.
import { MR, ceilDivide } from './blocking'
import { LINE_TABLE, MOST_BLOCKS, WINOGRAD_TMP, lineChunk, lineWidth, winogradImages } from './conv-geometry'
import { SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'
import { copyInside } from './planes'
import { winogradTransforms } from './winograd-transforms'

export const winograd1dKernels = (heap: Heap) => {
  const { f } = heap
  const { gemm } = gemmKernels(heap)
  const { fillWeightTransform, inputRow, gradientRow, outputRow, multiply } = winogradTransforms(heap)

  /** U = G w: u[place][filter][channel]; `flipped`, not 0: w is (c x flipped), read backwards. */
  function weights(taps: number, c: number, filters: number, flipped: number, w: number, g: number, u: number): void {
    const size = taps + 3
    fillWeightTransform(size, g)
    for (let filter = 0; filter < filters; filter++) {
      for (let channel = 0; channel < c; channel++) {
        const from = w + (flipped ? channel * flipped + filter : filter * c + channel) * taps
        const to = u + filter * c + channel
        if (flipped) multiply(size, taps, g, taps, 1, from + taps - 1, -1, to, filters * c)
        else multiply(size, taps, g, taps, 1, from, 1, to, filters * c)
      }
    }
  }

  function product(
    taps: number, n: number, c: number, w: number, filters: number, allF: number, ow: number, pad: number,
    flipped: number, x: number, weight: number, bias: number, scratch: number, y: number,
  ): void {
    const size = taps + 3
    const tiles = ceilDivide(ow, 4)
    const chunk = lineChunk(tiles, 1 << SHIFT)
    const images = Math.min(n, winogradImages(tiles, chunk))
    const width = lineWidth(size, ow)
    const tmp = scratch >>> SHIFT
    const u = (scratch + WINOGRAD_TMP + LINE_TABLE) >>> SHIFT
    const v = u + size * filters * c
    const m = v + size * c * chunk
    const source = m + size * MR * chunk
    x >>>= SHIFT
    bias >>>= SHIFT
    y >>>= SHIFT
    f.fill(0, source, source + images * c * width)
    weights(taps, c, filters, flipped, weight >>> SHIFT, tmp, u)
    for (let image = 0; image < n; image += images) {
      const count = Math.min(images, n - image)
      for (let i = 0; i < count * c; i++) {
        copyInside(heap, 1, w, 0, -pad, 1, 1, 1, width, x + (image * c + i) * w, source + i * width)
      }
      for (let first = 0; first < count * tiles; first += chunk) {
        const used = Math.min(chunk, count * tiles - first)
        const place = c * used
        for (let t = 0; t < used; t++) {
          const from = source + Math.floor((first + t) / tiles) * c * width + 4 * ((first + t) % tiles)
          for (let channel = 0; channel < c; channel++) {
            inputRow(size, from + channel * width, 1, v + channel * used + t, place)
          }
        }
        // MR filters at a time, as many as the scratch holds products of.
        for (let begin = 0; begin < filters; begin += MR) {
          const rows = Math.min(MR, filters - begin)
          for (let e = 0; e < size; e++) {
            gemm(
              rows, used, c, c, 1, used, 1, used, 0,
              (u + (e * filters + begin) * c) << SHIFT, (v + e * place) << SHIFT, scratch,
              (m + e * rows * used) << SHIFT,
            )
          }
          for (let t = 0; t < used; t++) {
            const column = 4 * ((first + t) % tiles)
            const inside = Math.min(4, ow - column)
            const base = y + (image + Math.floor((first + t) / tiles)) * allF * ow + column
            for (let i = 0; i < rows; i++) {
              const filter = begin + i
              const b = bias ? f[bias + filter] : 0
              outputRow(size, m + i * used + t, rows * used, tmp, 1)
              for (let j = 0; j < inside; j++) f[base + filter * ow + j] = f[tmp + j] + b
            }
          }
        }
      }
    }
  }

  /** dw += G' t of filters x c pairs, t[place][pair]; a filter of dw has allC channels. */
  function addGradients(
    taps: number, filters: number, c: number, allC: number, t: number, tmp: number, dw: number,
  ): void {
    const g = tmp + taps
    const pairs = filters * c
    fillWeightTransform(taps + 3, g)
    for (let pair = 0; pair < pairs; pair++) {
      const to = dw + (Math.floor(pair / c) * allC + (pair % c)) * taps
      multiply(taps, taps + 3, g, 1, taps, t + pair, pairs, tmp, 1)
      for (let k = 0; k < taps; k++) f[to + k] = f[to + k] + f[tmp + k]
    }
  }

  return {
    winograd1dForward(
      n: number, c: number, w: number, filters: number, allF: number, taps: number, pad: number,
      x: number, weight: number, bias: number, scratch: number, y: number,
    ): void {
      product(taps, n, c, w, filters, allF, w + 2 * pad - taps + 1, pad, 0, x, weight, bias, scratch, y)
    },

    winograd1dBackwardInput(
      n: number, c: number, allC: number, w: number, filters: number, taps: number, pad: number,
      dy: number, weight: number, scratch: number, dx: number,
    ): void {
      const ow = w + 2 * pad - taps + 1
      product(taps, n, filters, ow, c, allC, w, taps - 1 - pad, allC, dy, weight, 0, scratch, dx)
    },

    winograd1dBackwardWeight(
      n: number, c: number, allC: number, w: number, filters: number, allF: number, taps: number, pad: number,
      x: number, dy: number, scratch: number, dw: number,
    ): void {
      const size = taps + 3
      const ow = w + 2 * pad - taps + 1
      const tiles = ceilDivide(ow, 4)
      const chunk = lineChunk(tiles, 1 << SHIFT)
      const images = Math.min(n, winogradImages(tiles, chunk))
      const width = lineWidth(size, ow)
      const dyWidth = 4 * tiles
      const pairs = filters * c
      const tmp = scratch >>> SHIFT
      const du = (scratch + WINOGRAD_TMP + LINE_TABLE) >>> SHIFT
      const v = du + size * pairs
      const g = v + size * c * chunk
      const source = g + size * filters * chunk
      const dySource = source + images * c * width
      x >>>= SHIFT
      dy >>>= SHIFT
      dw >>>= SHIFT
      let chunks = 0
      f.fill(0, du, du + size * pairs)
      f.fill(0, source, dySource + images * filters * dyWidth)
      for (let image = 0; image < n; image += images) {
        const count = Math.min(images, n - image)
        for (let i = 0; i < count * c; i++) {
          const from = x + ((image + Math.floor(i / c)) * allC + (i % c)) * w
          copyInside(heap, 1, w, 0, -pad, 1, 1, 1, width, from, source + i * width)
        }
        for (let i = 0; i < count * filters; i++) {
          const from = dy + ((image + Math.floor(i / filters)) * allF + (i % filters)) * ow
          copyInside(heap, 1, ow, 0, 0, 1, 1, 1, dyWidth, from, dySource + i * dyWidth)
        }
        for (let first = 0; first < count * tiles; first += chunk) {
          if (chunks === MOST_BLOCKS) {
            addGradients(taps, filters, c, allC, du, tmp, dw)
            f.fill(0, du, du + size * pairs)
            chunks = 0
          }
          chunks++
          const used = Math.min(chunk, count * tiles - first)
          for (let t = 0; t < used; t++) {
            const local = Math.floor((first + t) / tiles)
            const column = 4 * ((first + t) % tiles)
            for (let channel = 0; channel < c; channel++) {
              const from = source + (local * c + channel) * width + column
              inputRow(size, from, 1, v + channel * used + t, c * used)
            }
            for (let filter = 0; filter < filters; filter++) {
              const from = dySource + (local * filters + filter) * dyWidth + column
              gradientRow(size, from, 1, g + filter * used + t, filters * used)
            }
          }
          for (let e = 0; e < size; e++) {
            gemm(
              filters, c, used, used, 1, 1, used, c, 1,
              (g + e * filters * used) << SHIFT, (v + e * c * used) << SHIFT, scratch, (du + e * pairs) << SHIFT,
            )
          }
        }
      }
      addGradients(taps, filters, c, allC, du, tmp, dw)
    },
  }
}
