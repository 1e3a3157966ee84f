// Winograd's convolution F(4x4, 3x3), F(5x5, 3x3) and F(4x4, 5x5) (Lavin & Gray, 2016), for kernels of 3 x 3 and 5 x 5
// with stride 1: tiles of 4 x 4, 5 x 5 or 4 x 4 outputs from 6 x 6, 7 x 7 or 8 x 8 inputs, with 36, 49 or 64
// multiplications for each pair of channels instead of 144, 225 or 400. The transforms of a tile are in
// winograd-transforms.ts, the choice of its size is in src/kernels/conv-geometry.ts.
//
//   forward  Y  = A' [ (G w G') . (B' x B) ] A        . is the product place by place, summed over channels:
//   dx       the same, of dy with the weights flipped    a matrix product for each of the places of a tile
//   dw       dw = G' [ (A dY A') . (B' x B) ] G       summed over tiles: the adjoint, with the same matrices
//
// A chunk of tiles goes through at a time: some whole images, or a part of a large one. Vectors hold LANES tiles (or
// channels, for dw) side by side, so every transform is the same for all lanes.
//
//   forward, dx   | tmp | tiles | U: weights, panels | a panel | V: inputs, slivers | M: products | padded planes |
//   dw            | tmp | tiles | a panel | dU | rows, columns: inputs and gradients | padded planes of both |
//
// Legend: `size` is that of a tile of inputs, `outputs` that of its outputs, the border is how much wider the first is.

import { KC, MR, ceilDivide } from '../src/kernels/blocking'
import {
  MOST_BLOCKS, PLACES_SLACK, WINOGRAD_TABLE, WINOGRAD_TMP, winogradChunk, winogradImages, winogradOutputs, winogradSize,
  winogradSplats, winogradTiles,
} from '../src/kernels/conv-geometry'
import { LANES, NR, SIZE, SLIVER_ROW } from './float'
import { packPanel, tile } from './gemm'
import { ONLY_TILES } from './part'
import { copyInside } from './planes'
import {
  BLOCKS, Eight, Seven, Six, ZEROS, addWeightGradients, blockRow, fillConstants, gradientTiles, inputTiles,
  outputTiles, storeSplats, weightPanels,
} from './winograd-transforms'

/** Bytes of an entry of the table of tiles: offset of its input, offset of its output, its rows and columns (i32). */
export const ENTRY: usize = 16

/**
 * Bytes between the values of neighbouring places: at least `bytes`, and an odd number of cache lines. A multiple of
 * 4096 would put all places of a tile into one set of the cache, which holds 8 or 12 lines.
 */
export function placeStride(bytes: i32): usize {
  return <usize>(((bytes + 63) / 64) | 1) * 64
}

/** The table of the tiles first ... first + count of the chunk that begins with an image; see ENTRY. */
export function fillTable(
  outputs: i32, first: i32, count: i32, entries: i32, oh: i32, ow: i32, inputImage: i32, inputWidth: i32,
  outputImage: i32, outputWidth: i32, table: usize,
): void {
  const across = ceilDivide(ow, outputs)
  const tiles = ceilDivide(oh, outputs) * across
  for (let t = 0; t < entries; ++t) {
    // Entries past the last repeat the first one; nobody reads what becomes of them.
    const index = first + (t < count ? t : 0)
    const image = index / tiles
    const row = ((index % tiles) / across) * outputs
    const column = ((index % tiles) % across) * outputs
    store<i32>(table, (image * inputImage + row * inputWidth + column) * <i32>SIZE)
    store<i32>(table, (image * outputImage + row * outputWidth + column) * <i32>SIZE, 4)
    store<i32>(table, min(outputs, oh - row), 8)
    store<i32>(table, min(outputs, ow - column), 12)
    table += ENTRY
  }
}

@inline
/** Copies the outputs of LANES tiles from tmp to where the entries of the table say; `count` of them exist. */
export function scatter(outputs: i32, count: i32, tmp: usize, entry: usize, ow: i32, base: usize): void {
  const row = blockRow(outputs)
  let block = tmp + BLOCKS
  for (let l = 0; l < LANES && l < count; ++l) {
    const rows = load<i32>(entry, 8)
    const columns = load<i32>(entry, 12)
    let from = block
    let to = base + load<i32>(entry, 4)
    for (let i = 0; i < rows; ++i) {
      if (columns & 4) {
        v128.store(to, v128.load(from))
        if (LANES == 2) v128.store(to, v128.load(from, 16), 16)
      }
      if (columns & 2) {
        if (LANES == 2) v128.store(to, v128.load(from))
        else store<i64>(to, load<i64>(from))
      }
      const last = <usize>(columns & 6) * SIZE
      if (columns & 1) store<Float>(to + last, load<Float>(from + last))
      from += row
      to += <usize>ow * SIZE
    }
    block += row * <usize>outputs
    entry += ENTRY
  }
}

/** Copies n planes of images of h x w, with pads, into planes of height x width. */
export function copyPlanes(n: i32, h: i32, w: i32, ph: i32, pw: i32, height: i32, width: i32, x: usize, planes: usize): void {
  for (let i = 0; i < n; ++i) {
    copyInside(h, w, -ph, -pw, 1, 1, height, width, x, planes)
    x += <usize>(h * w) * SIZE
    planes += <usize>(height * width) * SIZE
  }
}

/**
 * y (n x allF x oh x ow), f filters of it = bias + convolution of x (n x c x h x w), pads ph and pw; bias may be 0. An image
 * of y has allF filters, and, flipped, a channel of the weights.
 */
export function winogradProduct(
  taps: i32, n: i32, c: i32, h: i32, w: i32, f: i32, allF: i32, oh: i32, ow: i32, ph: i32, pw: i32, flipped: i32,
  x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  const size = ONLY_TILES ? ONLY_TILES : winogradSize(taps, oh, ow)
  const places = size * size
  const chunk = winogradChunk(size, <i32>SIZE)
  const outputs = winogradOutputs(size)
  const border = size - outputs
  const height = outputs * ceilDivide(oh, outputs) + border
  const width = outputs * ceilDivide(ow, outputs) + border
  const tiles = winogradTiles(size, oh, ow)
  const images = min(n, winogradImages(tiles, chunk))
  const panels = ceilDivide(f, MR)
  const table = scratch + WINOGRAD_TMP
  const u = table + WINOGRAD_TABLE
  const bytes: usize = ONLY_TILES || winogradSplats(c, allF, tiles) ? 16 : SIZE
  const splats = u + <usize>(places * panels * MR * c) * bytes
  const v = splats + <usize>(MR * c) * 16
  const m = v + <usize>(places * c * chunk) * SIZE + PLACES_SLACK
  const source = m + <usize>(places * MR * chunk) * SIZE + PLACES_SLACK
  const plane = height * width
  const row = <usize>width * SIZE
  fillConstants(size, scratch)
  memory.fill(source, 0, <usize>(images * c * plane) * SIZE)
  weightPanels(size, c, f, flipped ? allF : 0, weight, scratch, bytes, u)
  for (let image = 0; image < n; image += images) {
    const count = min(images, n - image)
    copyPlanes(count * c, h, w, ph, pw, height, width, x + <usize>(image * c * h * w) * SIZE, source)
    const yImage = y + <usize>(image * allF * oh * ow) * SIZE
    for (let first = 0; first < count * tiles; first += chunk) {
      const used = min(chunk, count * tiles - first)
      const columns = ceilDivide(used, NR) * NR
      fillTable(outputs, first, used, columns, oh, ow, c * plane, width, allF * oh * ow, ow, table)

      const vPlace = placeStride(c * columns * <i32>SIZE)
      // Slivers outside, channels inside: so lines of the cache are filled one after the other.
      let to = v
      for (let s = 0; s < columns; s += NR) {
        const entry = table + <usize>s * ENTRY
        let base = source
        for (let channel = 0; channel < c; ++channel) {
          for (let half: usize = 0; half < 2; ++half) {
            const at = entry + half * LANES * ENTRY
            const p0 = base + load<i32>(at)
            const p1 = base + load<i32>(at, ENTRY)
            const p2 = base + (LANES == 4 ? load<i32>(at, 2 * ENTRY) : 0)
            const p3 = base + (LANES == 4 ? load<i32>(at, 3 * ENTRY) : 0)
            if (size == 6) inputTiles<Six>(p0, p1, p2, p3, row, scratch, to, vPlace)
            else if (size == 7) inputTiles<Seven>(p0, p1, p2, p3, row, scratch, to, vPlace)
            else inputTiles<Eight>(p0, p1, p2, p3, row, scratch, to, vPlace)
            to += 16
          }
          base += <usize>plane * SIZE
        }
      }

      const block = ONLY_TILES ? c : min(c, KC)
      // MR filters at a time, so that their products are still in the cache when they become outputs.
      const mPlace = placeStride(MR * columns * <i32>SIZE)
      let panel = u
      for (let begin = 0; begin < f; begin += MR) {
        for (let e = 0; e < places; ++e) {
          let a = panel
          if (bytes == SIZE) {
            a = splats
            storeSplats((c * MR) / LANES, panel, a)
          }
          panel += <usize>(c * MR) * bytes
          let to = m + <usize>e * mPlace
          let sliver = v + <usize>e * vPlace
          for (let j = 0; j < columns; j += NR) {
            tile(block, 1, a, sliver, scratch + ZEROS, to, <usize>columns * SIZE)
            for (let p = KC; !ONLY_TILES && p < c; p += KC) {
              const from = a + <usize>(p * MR) * 16
              tile(min(KC, c - p), 0, from, sliver + <usize>p * SLIVER_ROW, scratch + ZEROS, to, <usize>columns * SIZE)
            }
            sliver += <usize>c * SLIVER_ROW
            to += SLIVER_ROW
          }
        }
        for (let filter = begin; filter < min(begin + MR, f); ++filter) {
          const b: Float = bias ? load<Float>(bias + <usize>filter * SIZE) : 0
          const base = yImage + <usize>(filter * oh * ow) * SIZE
          for (let s = 0; s < used; s += LANES) {
            const from = m + <usize>((filter - begin) * columns + s) * SIZE
            if (size == 6) outputTiles<Six>(from, mPlace, b, scratch)
            else if (size == 7) outputTiles<Seven>(from, mPlace, b, scratch)
            else outputTiles<Eight>(from, mPlace, b, scratch)
            scatter(outputs, used - s, scratch, table + <usize>s * ENTRY, ow, base)
          }
        }
      }
    }
  }
}

@inline
/** dw += the gradient of a convolution of x with dy, for c of allC channels and f of allF filters, to which the pointers are. */
export function winogradWeight(
  taps: i32, n: i32, c: i32, allC: i32, h: i32, w: i32, f: i32, allF: i32, oh: i32, ow: i32, ph: i32, pw: i32,
  x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  const size = ONLY_TILES ? ONLY_TILES : winogradSize(taps, oh, ow)
  const places = size * size
  const chunk = winogradChunk(size, <i32>SIZE)
  const outputs = winogradOutputs(size)
  const border = size - outputs
  const height = outputs * ceilDivide(oh, outputs) + border
  const width = outputs * ceilDivide(ow, outputs) + border
  const tiles = winogradTiles(size, oh, ow)
  const images = min(n, winogradImages(tiles, chunk))
  const plane = height * width
  const dyPlane = (height - border) * (width - border)
  const planeBytes = <usize>plane * SIZE
  const dyPlaneBytes = <usize>dyPlane * SIZE
  // The rows of the products are splatted: they are the side with fewer channels.
  const swapped = c < f
  const panels = ceilDivide(swapped ? c : f, MR)
  const slivers = ceilDivide(swapped ? f : c, NR)
  const table = scratch + WINOGRAD_TMP
  const panel = table + WINOGRAD_TABLE
  const du = panel + <usize>(MR * chunk) * 16
  const right = du + <usize>(places * panels * MR * slivers * NR) * SIZE
  const left = right + <usize>(places * slivers * NR * chunk) * SIZE + PLACES_SLACK
  const source = left + <usize>(places * panels * MR * chunk) * SIZE + PLACES_SLACK
  const dySource = source + <usize>(images * c) * planeBytes
  const duRow = <usize>(slivers * NR) * SIZE
  const row = <usize>width * SIZE
  const dyRow = <usize>(width - border) * SIZE
  const v = swapped ? left : right
  const g = swapped ? right : left
  const vWidth = swapped ? MR : NR
  const gWidth = swapped ? NR : MR
  const place = <usize>(panels * MR) * duRow
  // Chunks that are in dU, which is added to dw before they are so many that their sum would lose digits.
  let chunks = 0
  fillConstants(size, scratch)
  memory.fill(du, 0, <usize>places * place)
  memory.fill(source, 0, dySource - source + <usize>(images * f) * dyPlaneBytes)
  for (let image = 0; image < n; image += images) {
    const count = min(images, n - image)
    for (let i = 0; i < count; ++i) {
      const from = x + <usize>((image + i) * allC * h * w) * SIZE
      copyPlanes(c, h, w, ph, pw, height, width, from, source + <usize>(i * c) * planeBytes)
    }
    // Outputs in whole tiles are read where they are.
    let dyPlanes = dy + <usize>(image * allF * oh * ow) * SIZE
    let dyImage = allF * dyPlane
    if (dyPlane != oh * ow) {
      for (let i = 0; i < count; ++i) {
        const from = dyPlanes + <usize>(i * allF * oh * ow) * SIZE
        copyPlanes(f, oh, ow, 0, 0, height - border, width - border, from, dySource + <usize>(i * f) * dyPlaneBytes)
      }
      dyPlanes = dySource
      dyImage = f * dyPlane
    }
    for (let first = 0; first < count * tiles; first += chunk) {
      const used = min(chunk, count * tiles - first)
      fillTable(outputs, first, used, used, oh, ow, c * plane, width, dyImage, width - border, table)

      // V: v[place][channel / vWidth][tile][channel % vWidth], and G the same of filters.
      const rightPlace = placeStride(slivers * NR * used * <i32>SIZE)
      const leftPlace = placeStride(panels * MR * used * <i32>SIZE)
      const vPlace = swapped ? leftPlace : rightPlace
      const gPlace = swapped ? rightPlace : leftPlace
      for (let t = 0; t < used; ++t) {
        const entry = table + <usize>t * ENTRY
        const from = source + load<i32>(entry)
        for (let channel = 0; channel < c; channel += LANES) {
          // Channels past the last repeat it; nobody reads what becomes of them.
          const p0 = from + <usize>channel * planeBytes
          const p1 = p0 + (channel + 1 < c ? planeBytes : 0)
          const p2 = p1 + (channel + 2 < c ? planeBytes : 0)
          const p3 = p2 + (channel + 3 < c ? planeBytes : 0)
          const to = v + <usize>(((channel / vWidth) * used + t) * vWidth + (channel % vWidth)) * SIZE
          if (size == 6) inputTiles<Six>(p0, p1, p2, p3, row, scratch, to, vPlace)
          else if (size == 7) inputTiles<Seven>(p0, p1, p2, p3, row, scratch, to, vPlace)
          else inputTiles<Eight>(p0, p1, p2, p3, row, scratch, to, vPlace)
        }
        const dyFrom = dyPlanes + load<i32>(entry, 4)
        for (let filter = 0; filter < f; filter += LANES) {
          const p0 = dyFrom + <usize>filter * dyPlaneBytes
          const p1 = p0 + (filter + 1 < f ? dyPlaneBytes : 0)
          const p2 = p1 + (filter + 2 < f ? dyPlaneBytes : 0)
          const p3 = p2 + (filter + 3 < f ? dyPlaneBytes : 0)
          const to = g + <usize>(((filter / gWidth) * used + t) * gWidth + (filter % gWidth)) * SIZE
          if (size == 6) gradientTiles<Six>(p0, p1, p2, p3, dyRow, scratch, to, gPlace)
          else if (size == 7) gradientTiles<Seven>(p0, p1, p2, p3, dyRow, scratch, to, gPlace)
          else gradientTiles<Eight>(p0, p1, p2, p3, dyRow, scratch, to, gPlace)
        }
      }

      for (let e = 0; e < places; ++e) {
        for (let i = 0; i < panels; ++i) {
          packPanel(MR, used, left + <usize>e * leftPlace + <usize>(i * used * MR) * SIZE, 1, MR, panel)
          let sliver = right + <usize>e * rightPlace
          let to = du + <usize>((e * panels + i) * MR) * duRow
          for (let j = 0; j < slivers; ++j) {
            tile(used, 0, panel, sliver, scratch + ZEROS, to, duRow)
            sliver += <usize>used * SLIVER_ROW
            to += SLIVER_ROW
          }
        }
      }
      chunks += 1
      const isLast = image + count == n && first + used == count * tiles
      if (chunks < MOST_BLOCKS && !isLast) continue
      addWeightGradients(size, swapped ? c : f, swapped ? f : c, i32(swapped), allC, du, duRow, place, scratch, dw)
      memory.fill(du, 0, <usize>places * place)
      chunks = 0
    }
  }
}
