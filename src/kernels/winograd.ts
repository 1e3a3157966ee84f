// Twin of assembly/winograd.ts: a tile at a time, and plain matrix products.
import { MR, ceilDivide } from './blocking'
import {
  MOST_BLOCKS, WINOGRAD_TABLE, WINOGRAD_TMP, winogradChunk, winogradImages, winogradOutputs, winogradSize, winogradTiles,
} from './conv-geometry'
import { LANES, SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'
import { copyInside } from './planes'
import { winogradTransforms } from './winograd-transforms'

const NR = 2 * LANES

export const winogradKernels = (heap: Heap) => {
  const { f } = heap
  const { gemm } = gemmKernels(heap)
  const { inputRow, gradientRow, outputRow, weights, addWeightGradients } = winogradTransforms(heap)

  return {
    winogradProduct(
      taps: number, n: number, c: number, h: number, w: number, filters: number, allF: number, oh: number,
      ow: number, ph: number, pw: number, flipped: boolean, x: number, weight: number, bias: number, scratch: number, y: number,
    ): void {
      const size = winogradSize(taps, oh, ow)
      const places = size * size
      const chunk = winogradChunk(size, 1 << SHIFT)
      const outputs = winogradOutputs(size)
      const border = size - outputs
      const across = ceilDivide(ow, outputs)
      const height = outputs * ceilDivide(oh, outputs) + border
      const width = outputs * across + border
      const tiles = winogradTiles(size, oh, ow)
      const images = Math.min(n, winogradImages(tiles, chunk))
      const plane = height * width
      const tmp = scratch >>> SHIFT
      const u = (scratch + WINOGRAD_TMP + WINOGRAD_TABLE) >>> SHIFT
      const v = u + places * filters * c
      const m = v + places * c * chunk
      const source = m + places * MR * chunk
      x >>>= SHIFT
      bias >>>= SHIFT
      y >>>= SHIFT
      f.fill(0, source, source + images * c * plane)
      weights(size, c, filters, flipped ? allF : 0, weight >>> SHIFT, tmp, u)
      for (let image = 0; image < n; image += images) {
        const count = Math.min(images, n - image)
        for (let i = 0; i < count * c; i++) {
          copyInside(heap, h, w, -ph, -pw, 1, 1, height, width, x + (image * c + i) * h * w, source + i * plane)
        }
        for (let first = 0; first < count * tiles; first += chunk) {
          const used = Math.min(chunk, count * tiles - first)
          const place = c * used
          for (let t = 0; t < used; t++) {
            const inImage = (first + t) % tiles
            const row = outputs * Math.floor(inImage / across)
            const column = outputs * (inImage % across)
            const from = source + Math.floor((first + t) / tiles) * c * plane + row * width + column
            for (let channel = 0; channel < c; channel++) {
              for (let i = 0; i < size; i++) inputRow(size, from + channel * plane + i * width, 1, tmp + size * i, 1)
              for (let j = 0; j < size; j++) {
                inputRow(size, tmp + j, size, v + j * place + channel * used + t, size * place)
              }
            }
          }
          // MR filters at a time, as many as the scratch holds products of.
          for (let begin = 0; begin < filters; begin += MR) {
            const rows = Math.min(MR, filters - begin)
            const mPlace = rows * used
            for (let e = 0; e < places; e++) {
              gemm(
                rows, used, c, c, 1, used, 1, used, 0,
                (u + (e * filters + begin) * c) << SHIFT, (v + e * place) << SHIFT, scratch, (m + e * mPlace) << SHIFT,
              )
            }
            for (let t = 0; t < used; t++) {
              const inImage = (first + t) % tiles
              const row = outputs * Math.floor(inImage / across)
              const column = outputs * (inImage % across)
              const rowsIn = Math.min(outputs, oh - row)
              const columnsIn = Math.min(outputs, ow - column)
              const base = y + (image + Math.floor((first + t) / tiles)) * allF * oh * ow + row * ow + column
              for (let i = 0; i < rows; i++) {
                const filter = begin + i
                const b = bias ? f[bias + filter] : 0
                for (let j = 0; j < size; j++) {
                  outputRow(size, m + j * mPlace + i * used + t, size * mPlace, tmp + j, size)
                }
                for (let k = 0; k < rowsIn; k++) {
                  outputRow(size, tmp + size * k, 1, tmp + places, 1)
                  const to = base + filter * oh * ow + k * ow
                  for (let j = 0; j < columnsIn; j++) f[to + j] = f[tmp + places + j] + b
                }
              }
            }
          }
        }
      }
    },

    winogradWeight(
      taps: number, n: number, c: number, allC: number, h: number, w: number, filters: number, allF: number, oh: number,
      ow: number, ph: number, pw: number, x: number, dy: number, scratch: number, dw: number,
    ): void {
      const size = winogradSize(taps, oh, ow)
      const places = size * size
      const chunk = winogradChunk(size, 1 << SHIFT)
      const outputs = winogradOutputs(size)
      const border = size - outputs
      const across = ceilDivide(ow, outputs)
      const height = outputs * ceilDivide(oh, outputs) + border
      const width = outputs * across + border
      const tiles = winogradTiles(size, oh, ow)
      const images = Math.min(n, winogradImages(tiles, chunk))
      const rows = MR * ceilDivide(c < filters ? c : filters, MR)
      const columns = NR * ceilDivide(c < filters ? filters : c, NR)
      const plane = height * width
      const dyPlane = (height - border) * (width - border)
      const tmp = scratch >>> SHIFT
      const du = (scratch + WINOGRAD_TMP + WINOGRAD_TABLE) >>> SHIFT
      const v = du + places * rows * columns
      const g = v + places * (c < filters ? rows : columns) * chunk
      const source = v + places * (rows + columns) * chunk
      const dySource = source + images * c * plane
      x >>>= SHIFT
      dy >>>= SHIFT
      dw >>>= SHIFT
      let chunks = 0
      f.fill(0, du, du + places * filters * c)
      f.fill(0, source, source + images * (c * plane + filters * dyPlane))
      for (let image = 0; image < n; image += images) {
        const count = Math.min(images, n - image)
        for (let i = 0; i < count * c; i++) {
          const from = x + ((image + Math.floor(i / c)) * allC + (i % c)) * h * w
          copyInside(heap, h, w, -ph, -pw, 1, 1, height, width, from, source + i * plane)
        }
        for (let i = 0; i < count * filters; i++) {
          const from = dy + ((image + Math.floor(i / filters)) * allF + (i % filters)) * oh * ow
          copyInside(heap, oh, ow, 0, 0, 1, 1, height - border, width - border, from, dySource + i * dyPlane)
        }
        for (let first = 0; first < count * tiles; first += chunk) {
          if (chunks === MOST_BLOCKS) {
            addWeightGradients(size, filters, c, allC, du, tmp, dw)
            f.fill(0, du, du + places * filters * c)
            chunks = 0
          }
          chunks++
          const used = Math.min(chunk, count * tiles - first)
          const vPlace = c * used
          const gPlace = filters * used
          for (let t = 0; t < used; t++) {
            const inImage = (first + t) % tiles
            const row = outputs * Math.floor(inImage / across)
            const column = outputs * (inImage % across)
            const local = Math.floor((first + t) / tiles)
            const from = source + local * c * plane + row * width + column
            for (let channel = 0; channel < c; channel++) {
              for (let i = 0; i < size; i++) inputRow(size, from + channel * plane + i * width, 1, tmp + size * i, 1)
              for (let j = 0; j < size; j++) {
                inputRow(size, tmp + j, size, v + j * vPlace + channel * used + t, size * vPlace)
              }
            }
            const dyFrom = dySource + local * filters * dyPlane + row * (width - border) + column
            for (let filter = 0; filter < filters; filter++) {
              const plane = dyFrom + filter * dyPlane
              for (let i = 0; i < outputs; i++) gradientRow(size, plane + i * (width - border), 1, tmp + size * i, 1)
              for (let j = 0; j < size; j++) {
                gradientRow(size, tmp + j, size, g + j * gPlace + filter * used + t, size * gPlace)
              }
            }
          }
          for (let e = 0; e < places; e++) {
            gemm(
              filters, c, used, used, 1, 1, used, c, 1,
              (g + e * gPlace) << SHIFT, (v + e * vPlace) << SHIFT, scratch, (du + e * filters * c) << SHIFT,
            )
          }
        }
      }
      addWeightGradients(size, filters, c, allC, du, tmp, dw)
    },
  }
}
