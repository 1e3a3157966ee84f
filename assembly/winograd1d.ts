// Winograd's convolution along one dimension, F(4, 3) and F(4, 5), for sequences (n x c x time) and kernels of 3 and 5
// taps with stride 1: tiles of 4 outputs from 6 or 8 inputs, with 6 or 8 multiplications for each pair of channels
// instead of 12 or 20. Transforms and algorithm are those of winograd.ts along one axis, B' x instead of B' x B and so
// on; src/kernels/conv-geometry.ts says for which shapes, and how many tiles a chunk has.
//
//   forward, dx   | tmp | tiles | U: weights, panels | a panel | V: inputs, slivers | M: products | padded sequences |
//   dw            | tmp | tiles | a panel | dU | rows, columns: inputs and gradients | padded sequences of both |
//
// Tiles of several sequences lie side by side in a chunk. For forward and dx a vector holds LANES tiles, for dw as many
// channels: so no sum runs along a vector, and results do not depend on how a call is split.

import { KC, MR, ceilDivide } from '../src/kernels/blocking'
import {
  LINE_CHUNK, LINE_PLACE, LINE_TABLE, MOST_BLOCKS, PLACES_SLACK, WINOGRAD_TMP, lineChunk, lineWidth, winogradImages,
} from '../src/kernels/conv-geometry'
import { LANES, NR, SIZE, SLIVER_ROW } from './float'
import { packPanel, tile } from './gemm'
import { ENTRY, copyPlanes, fillTable, placeStride } from './winograd'
import {
  Eight, LINE, Six, ZEROS, fillConstants, gradientLine, gradientTile, inputTile, outputTile, storeSplats, weightLine,
} from './winograd1d-transforms'

/** U = G w of all pairs, as panels: u[filter / MR][place][channel][filter % MR]. See weightPanels for `flipped`. */
function weightPanels(size: i32, c: i32, f: i32, flipped: i32, w: usize, tmp: usize, u: usize): void {
  const taps = size - 3
  const kernel = <usize>taps * SIZE
  const place = <usize>(c * MR) * SIZE
  const fromFilter = flipped ? kernel : <usize>c * kernel
  const fromChannel = flipped ? <usize>flipped * kernel : kernel
  const step = flipped ? -SIZE : SIZE
  if (flipped) w += kernel - SIZE
  // LANES filters at a time. Those past the last repeat it; nobody reads what becomes of them.
  for (let filter = 0; filter < MR * ceilDivide(f, MR); filter += LANES) {
    let p0 = w + <usize>min(filter, f - 1) * fromFilter
    let p1 = w + <usize>min(filter + 1, f - 1) * fromFilter
    let p2 = w + <usize>min(filter + 2, f - 1) * fromFilter
    let p3 = w + <usize>min(filter + 3, f - 1) * fromFilter
    let to = u + <usize>((filter / MR) * size) * place + <usize>(filter % MR) * SIZE
    for (let channel = 0; channel < c; ++channel) {
      let at: usize = 0
      for (let k = 0; k < taps; ++k, at += step) {
        let values: v128
        if (LANES == 2) {
          values = v128.load64_lane(p1 + at, v128.load64_zero(p0 + at), 1)
        } else {
          values = v128.load32_lane(p1 + at, v128.load32_zero(p0 + at), 1)
          values = v128.load32_lane(p3 + at, v128.load32_lane(p2 + at, values, 2), 3)
        }
        v128.store(tmp + <usize>k * 16, values, LINE)
      }
      weightLine(size, tmp, tmp + LINE, 16, to, place)
      p0 += fromChannel
      p1 += fromChannel
      p2 += fromChannel
      p3 += fromChannel
      to += MR * SIZE
    }
  }
}

/** y (n x allF x ow), f filters of it = bias + convolution of x (n x c x w). See winogradProduct. */
function product(
  taps: i32, n: i32, c: i32, w: i32, f: i32, allF: i32, ow: i32, pad: i32, flipped: i32,
  x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  const size = taps + 3
  const tiles = ceilDivide(ow, 4)
  const chunk = lineChunk(tiles, <i32>SIZE)
  const images = min(n, winogradImages(tiles, chunk))
  const width = lineWidth(size, ow)
  const table = scratch + WINOGRAD_TMP
  const u = table + LINE_TABLE
  const splats = u + <usize>(size * MR * ceilDivide(f, MR) * c) * SIZE
  const v = splats + <usize>(MR * c) * 16
  const m = v + <usize>(size * c * chunk) * SIZE + PLACES_SLACK
  const source = m + <usize>size * LINE_PLACE
  const block = min(c, KC)
  fillConstants(size, scratch)
  memory.fill(source, 0, <usize>(images * c * width) * SIZE)
  weightPanels(size, c, f, flipped ? allF : 0, weight, scratch, u)
  for (let image = 0; image < n; image += images) {
    const count = min(images, n - image)
    copyPlanes(count * c, 1, w, 0, pad, 1, width, x + <usize>(image * c * w) * SIZE, source)
    const yImage = y + <usize>(image * allF * ow) * SIZE
    for (let first = 0; first < count * tiles; first += chunk) {
      const used = min(chunk, count * tiles - first)
      const columns = ceilDivide(used, NR) * NR
      fillTable(4, first, used, columns, 1, ow, c * width, width, allF * ow, ow, table)

      const vPlace = placeStride(c * columns * <i32>SIZE)
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
            if (size == 6) inputTile<Six>(p0, p1, p2, p3, scratch, to, vPlace)
            else inputTile<Eight>(p0, p1, p2, p3, scratch, to, vPlace)
            to += 16
          }
          base += <usize>width * SIZE
        }
      }

      // MR filters at a time, so that their products are still in the cache when they become outputs.
      let panel = u
      for (let begin = 0; begin < f; begin += MR) {
        for (let e = 0; e < size; ++e) {
          storeSplats((c * MR) / LANES, panel, splats)
          panel += <usize>(c * MR) * SIZE
          let to = m + <usize>e * LINE_PLACE
          let sliver = v + <usize>e * vPlace
          for (let j = 0; j < columns; j += NR) {
            tile(block, 1, splats, sliver, scratch + ZEROS, to, LINE_CHUNK)
            for (let p = KC; p < c; p += KC) {
              const from = splats + <usize>(p * MR) * 16
              tile(min(KC, c - p), 0, from, sliver + <usize>p * SLIVER_ROW, scratch + ZEROS, to, LINE_CHUNK)
            }
            sliver += <usize>c * SLIVER_ROW
            to += SLIVER_ROW
          }
        }
        for (let filter = begin; filter < min(begin + MR, f); ++filter) {
          const b: Float = bias ? load<Float>(bias + <usize>filter * SIZE) : 0
          const base = yImage + <usize>(filter * ow) * SIZE
          for (let s = 0; s < used; s += LANES) {
            const from = m + <usize>(filter - begin) * LINE_CHUNK + <usize>s * SIZE
            const entry = table + <usize>s * ENTRY
            if (size == 6) outputTile<Six>(from, b, scratch, used - s, entry, base)
            else outputTile<Eight>(from, b, scratch, used - s, entry, base)
          }
        }
      }
    }
  }
}

/** y (n x allF x ow), f filters of it = bias + convolution of x (n x c x w), weight (f x c x taps); bias may be 0. */
export function winograd1dForward(
  n: i32, c: i32, w: i32, f: i32, allF: i32, taps: i32, pad: i32,
  x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  product(taps, n, c, w, f, allF, w + 2 * pad - taps + 1, pad, 0, x, weight, bias, scratch, y)
}

/** dx (n x allC x w), c channels of it = the gradient of winograd1dForward by x. */
export function winograd1dBackwardInput(
  n: i32, c: i32, allC: i32, w: i32, f: i32, taps: i32, pad: i32,
  dy: usize, weight: usize, scratch: usize, dx: usize,
): void {
  product(taps, n, f, w + 2 * pad - taps + 1, c, allC, w, taps - 1 - pad, 1, dy, weight, 0, scratch, dx)
}

/** dw += G' t of the t of `rows` x `columns` pairs, t[place][row][column]: addWeightGradients along one axis. */
function addGradients(
  size: i32, rows: i32, columns: i32, swapped: bool, channels: i32, t: usize, row: usize, place: usize, tmp: usize,
  dw: usize,
): void {
  const taps = size - 3
  for (let i = 0; i < rows; ++i) {
    for (let j = 0; j < columns; j += LANES) {
      gradientLine(size, tmp, t + <usize>j * SIZE, place, tmp + LINE, 16)
      for (let l = 0; l < LANES && j + l < columns; ++l) {
        const pair = swapped ? (j + l) * channels + i : i * channels + j + l
        let to = dw + <usize>(pair * taps) * SIZE
        let from = tmp + LINE + <usize>l * SIZE
        for (let k = 0; k < taps; ++k) {
          store<Float>(to, load<Float>(to) + load<Float>(from))
          to += SIZE
          from += 16
        }
      }
    }
    t += row
  }
}

/** dw (allF x allC x taps), of f filters and c channels, += the gradient of winograd1dForward by the weights. */
export function winograd1dBackwardWeight(
  n: i32, c: i32, allC: i32, w: i32, f: i32, allF: i32, taps: i32, pad: i32,
  x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  const size = taps + 3
  const ow = w + 2 * pad - taps + 1
  const tiles = ceilDivide(ow, 4)
  const chunk = lineChunk(tiles, <i32>SIZE)
  const images = min(n, winogradImages(tiles, chunk))
  const width = lineWidth(size, ow)
  const dyWidth = 4 * tiles
  const line = <usize>width * SIZE
  // The rows of the products are splatted: they are the side with fewer channels.
  const swapped = c < f
  const panels = ceilDivide(swapped ? c : f, MR)
  const slivers = ceilDivide(swapped ? f : c, NR)
  const table = scratch + WINOGRAD_TMP
  const panel = table + LINE_TABLE
  const du = panel + <usize>(MR * chunk) * 16
  const right = du + <usize>(size * panels * MR * slivers * NR) * SIZE
  const left = right + <usize>(size * slivers * NR * chunk) * SIZE + PLACES_SLACK
  const source = left + <usize>(size * panels * MR * chunk) * SIZE + PLACES_SLACK
  const dySource = source + <usize>(images * c) * line
  const duRow = <usize>(slivers * NR) * SIZE
  const place = <usize>(panels * MR) * duRow
  const v = swapped ? left : right
  const g = swapped ? right : left
  const vWidth = swapped ? MR : NR
  const gWidth = swapped ? NR : MR
  // Chunks that are in dU, which is added to dw before they are so many that their sum would lose digits.
  let chunks = 0
  fillConstants(size, scratch)
  memory.fill(du, 0, <usize>size * place)
  memory.fill(source, 0, dySource - source + <usize>(images * f * dyWidth) * SIZE)
  for (let image = 0; image < n; image += images) {
    const count = min(images, n - image)
    for (let i = 0; i < count; ++i) {
      const from = x + <usize>((image + i) * allC * w) * SIZE
      copyPlanes(c, 1, w, 0, pad, 1, width, from, source + <usize>(i * c) * line)
    }
    // Outputs in whole tiles are read where they are.
    let dyFirst = dy + <usize>(image * allF * ow) * SIZE
    let dyImage = allF * dyWidth
    if (dyWidth != ow) {
      for (let i = 0; i < count; ++i) {
        const from = dyFirst + <usize>(i * allF * ow) * SIZE
        copyPlanes(f, 1, ow, 0, 0, 1, dyWidth, from, dySource + <usize>(i * f * dyWidth) * SIZE)
      }
      dyFirst = dySource
      dyImage = f * dyWidth
    }
    for (let first = 0; first < count * tiles; first += chunk) {
      const used = min(chunk, count * tiles - first)
      fillTable(4, first, used, used, 1, ow, c * width, width, dyImage, dyWidth, table)

      // V: v[place][channel / vWidth][tile][channel % vWidth], and G the same of filters.
      const rightPlace = placeStride(slivers * NR * used * <i32>SIZE)
      const leftPlace = placeStride(panels * MR * used * <i32>SIZE)
      const vPlace = swapped ? leftPlace : rightPlace
      const gPlace = swapped ? rightPlace : leftPlace
      for (let t = 0; t < used; ++t) {
        const entry = table + <usize>t * ENTRY
        // Channels past the last repeat it; nobody reads what becomes of them.
        const from = source + load<i32>(entry)
        for (let channel = 0; channel < c; channel += LANES) {
          const p0 = from + <usize>channel * line
          const p1 = p0 + (channel + 1 < c ? line : 0)
          const p2 = p1 + (channel + 2 < c ? line : 0)
          const p3 = p2 + (channel + 3 < c ? line : 0)
          const to = v + <usize>(((channel / vWidth) * used + t) * vWidth + (channel % vWidth)) * SIZE
          if (size == 6) inputTile<Six>(p0, p1, p2, p3, scratch, to, vPlace)
          else inputTile<Eight>(p0, p1, p2, p3, scratch, to, vPlace)
        }
        const dyLine = <usize>dyWidth * SIZE
        const dyFrom = dyFirst + load<i32>(entry, 4)
        for (let filter = 0; filter < f; filter += LANES) {
          const p0 = dyFrom + <usize>filter * dyLine
          const p1 = p0 + (filter + 1 < f ? dyLine : 0)
          const p2 = p1 + (filter + 2 < f ? dyLine : 0)
          const p3 = p2 + (filter + 3 < f ? dyLine : 0)
          const to = g + <usize>(((filter / gWidth) * used + t) * gWidth + (filter % gWidth)) * SIZE
          if (size == 6) gradientTile<Six>(p0, p1, p2, p3, scratch, to, gPlace)
          else gradientTile<Eight>(p0, p1, p2, p3, scratch, to, gPlace)
        }
      }

      for (let e = 0; e < size; ++e) {
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
      addGradients(size, swapped ? c : f, swapped ? f : c, swapped, allC, du, duRow, place, scratch, dw)
      memory.fill(du, 0, <usize>size * place)
      chunks = 0
    }
  }
}
