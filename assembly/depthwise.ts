// Convolutions of one channel with kernels of 3 x 3 and a stride of 1 or 2: depthwise ones, which have a channel and a
// filter in each group, and those of images that have a single channel. conv-geometry.ts says which (slidesTaps).
//
// A matrix product of 9 steps is mostly packing, so there is none: the nine weights stay in registers and slide over
// the image. What is read is a copy of each plane with the zeros of its padding around it; with a stride of 2 a row has
// first the values of even columns, then those of odd ones, so that neighbouring outputs read neighbours. Planes of
// several channels are copied at a time, as many as stay in L1: a load waits for values that were stored a moment ago
// in other vectors. The order of each sum is that of conv2d.ts, to the bit.
//
//   scratch   | sums of dw, a row of dx: SLIDE_BEFORE | copies of planes | outputs narrower than a vector |
//
// Legend: see conv2d.ts. f is the number of filters of each channel; steps from row to row and from plane to plane are
// in bytes. A strip is a vector of neighbouring columns.

import {
  MOST_BLOCKS, SLIDE_BATCH, SLIDE_BEFORE, SLIDE_FILTERS, convOutput, tapRows, tapsStride,
} from '../src/kernels/conv-geometry'
import { SUM_STEPS } from '../src/kernels/blocking'
import { By1, By2, addNine, addTaps, slide, slideBy2, spread } from './depthwise-planes'
import { LANES, SIZE } from './float'
import { maskFirst } from './lanes'
import { copyPlanes, splitPlanes } from './planes'

@inline
/** How many planes of c channels are copied at a time. */
function batchOf(c: i32, plane: usize): i32 {
  return min(c, max(1, SLIDE_BATCH / <i32>plane))
}

/** y = bias + convolution of x (n x c x h x w) with f filters for each channel; bias may be 0. */
export function depthwiseForward(
  n: i32, c: i32, h: i32, w: i32, f: i32, stride: i32, ph: i32, pw: i32,
  x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  const oh = convOutput(h, 3, stride, ph, 1)
  const ow = convOutput(w, 3, stride, pw, 1)
  const copy = scratch + SLIDE_BEFORE
  const copyRow = <usize>(stride * ow + 3 - stride) * SIZE
  const copyPlane = <usize>(stride * oh + 3 - stride) * copyRow
  const batch = batchOf(c, copyPlane)
  const narrow = copy + <usize>batch * copyPlane
  memory.fill(copy, 0, narrow - copy)
  const xPlane = <usize>(h * w) * SIZE
  const yRow = <usize>ow * SIZE
  const yPlane = <usize>oh * yRow
  const isNarrow = ow < LANES
  const toRow = isNarrow ? <usize>16 : yRow
  const toPlane = <usize>oh * toRow
  // Planes that are computed in a row: of as many channels, or of the filters of one.
  const single = f == 1
  const filters = isNarrow ? 1 : f
  for (let image = 0; image < n; ++image) {
    for (let channel = 0; channel < c; channel += batch) {
      const count = min(batch, c - channel)
      copyIn(count, h, w, stride, ph, pw, oh, ow, x, copy, copyRow, copyPlane)
      x += <usize>count * xPlane
      const last = (channel + count) * f
      let from = copy
      for (let filter = channel * f; filter < last; filter += single ? count : filters) {
        const planes = single ? count : filters
        const taps = weight + <usize>(9 * filter) * SIZE
        const start = bias ? bias + <usize>filter * SIZE : 0
        const to = isNarrow ? narrow : y
        if (!single) from = copy + <usize>(filter / f - channel) * copyPlane
        const step = single ? copyPlane : 0
        if (stride == 1) slide(planes, oh, ow, 0, 2 * SIZE, taps, start, from, copyRow, step, to, toRow, toPlane)
        else slideBy2(planes, oh, ow, yRow + SIZE, taps, start, from, copyRow, step, to, toRow, toPlane)
        if (isNarrow) copyPlanes(planes, oh, ow, narrow, 16, toPlane, y, yRow, yPlane)
        y += <usize>planes * yPlane
      }
    }
  }
}

/** The copies of x that forward and dw read, into zeros. */
function copyIn(
  planes: i32, h: i32, w: i32, stride: i32, ph: i32, pw: i32, oh: i32, ow: i32,
  x: usize, copy: usize, copyRow: usize, copyPlane: usize,
): void {
  // What lies beyond the last window is left out.
  const rows = min(h, stride * oh + 3 - stride - ph)
  const columns = min(w, stride * ow + 3 - stride - pw)
  const xRow = <usize>w * SIZE
  const xPlane = <usize>h * xRow
  const to = copy + <usize>ph * copyRow
  if (stride == 1) {
    copyPlanes(planes, rows, columns, x, xRow, xPlane, to + <usize>pw * SIZE, copyRow, copyPlane)
    return
  }
  // With an odd pad the even columns of x are odd ones of the copy.
  const half = <usize>(pw >> 1) * SIZE
  const odd = to + <usize>(ow + 1) * SIZE + half
  const isOdd = pw & 1
  const even = to + half
  splitPlanes(
    planes, rows, columns, x, xRow, xPlane, isOdd ? odd : even, isOdd ? even + SIZE : odd, copyRow, copyPlane,
  )
}

/** dx of a depthwise convolution, one filter for each of c channels. */
export function depthwiseBackwardInput(
  n: i32, c: i32, h: i32, w: i32, stride: i32, ph: i32, pw: i32, dy: usize, weight: usize, scratch: usize, dx: usize,
): void {
  const oh = convOutput(h, 3, stride, ph, 1)
  const ow = convOutput(w, 3, stride, pw, 1)
  // Zeros before the first dy, and the size of dy with zeros before and behind it.
  const top = stride == 1 ? 2 - ph : 1 - (ph >> 1)
  const left = stride == 1 ? 2 - pw : 1 - (pw >> 1)
  const copyH = stride == 1 ? h + 2 : ((ph + h - 1) >> 1) + 1 + top
  const copyW = stride == 1 ? w + 2 : ((pw + w - 1) >> 1) + 1 + left
  const copy = scratch + SLIDE_BEFORE
  const copyRow = <usize>copyW * SIZE
  const copyPlane = <usize>copyH * copyRow
  const batch = batchOf(c, copyPlane)
  const narrow = copy + <usize>batch * copyPlane
  memory.fill(copy, 0, narrow - copy)
  const rows = min(oh, copyH - top)
  const columns = min(ow, copyW - left)
  const inner = copy + <usize>top * copyRow + <usize>left * SIZE
  const dyRow = <usize>ow * SIZE
  const dyPlane = <usize>oh * dyRow
  const dxRow = <usize>w * SIZE
  const dxPlane = <usize>h * dxRow
  const isNarrow = w < LANES
  const toRow = isNarrow ? <usize>16 : dxRow
  const toPlane = <usize>h * toRow
  const bottom = <usize>(h - 1)
  for (let image = 0; image < n; ++image) {
    for (let channel = 0; channel < c; channel += batch) {
      const count = min(batch, c - channel)
      const taps = weight + <usize>(9 * channel) * SIZE
      copyPlanes(count, rows, columns, dy, dyRow, dyPlane, inner, copyRow, copyPlane)
      if (stride == 1) {
        // Tap 0 reads what is furthest down and to the right, so for sums in the order of taps rows go upwards.
        const from = copy + (bottom + 2) * copyRow
        const to = (isNarrow ? narrow : dx) + bottom * toRow
        slide(count, h, w, 2 * SIZE, 0, taps, 0, from, 0 - copyRow, copyPlane, to, 0 - toRow, toPlane)
        if (isNarrow) copyPlanes(count, h, w, narrow, 16, toPlane, dx, dxRow, dxPlane)
      } else {
        const before = pw & 1 ? <usize>0 : SIZE
        const from = copy + copyRow + SIZE - before
        spread(count, h, w, ph, before, taps, from, copyRow, copyPlane, scratch, dx, dxPlane)
      }
      dy += <usize>count * dyPlane
      dx += <usize>count * dxPlane
    }
  }
}

/**
 * dw += the sums over images and pixels of dy, of f filters for each of c channels, times what the taps read. An image
 * has allC channels and allF filters, of which these may be some.
 */
export function depthwiseBackwardWeight(
  n: i32, c: i32, allC: i32, h: i32, w: i32, f: i32, allF: i32, stride: i32, ph: i32, pw: i32,
  x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  const oh = convOutput(h, 3, stride, ph, 1)
  const ow = convOutput(w, 3, stride, pw, 1)
  const copy = scratch + SLIDE_BEFORE
  const odd = <usize>(ow + 1) * SIZE
  const copyRow = <usize>(stride * ow + 3 - stride) * SIZE
  const copyPlane = <usize>(stride * oh + 3 - stride) * copyRow
  const batch = batchOf(c, copyPlane)
  memory.fill(copy, 0, <usize>batch * copyPlane)
  const sumsPlane = tapsStride(9)
  const mask = maskFirst(ow % LANES)
  const xPlane = <usize>(h * w) * SIZE
  const dyRow = <usize>ow * SIZE
  const dyPlane = <usize>oh * dyRow
  // Blocks as those of other convolutions of one channel: see conv2d.ts.
  const columns = SUM_STEPS * LANES
  const rows = tapRows(ow, LANES)
  // As many channels at a time as there is room for their sums.
  const most = SLIDE_FILTERS / f
  for (let first = 0; first < c; first += most) {
    const end = min(c, first + most)
    memory.fill(scratch, 0, <usize>((end - first) * f * sumsPlane))
    let blocks = 0
    for (let image = 0; image < n; ++image) {
      const blocksBefore = blocks
      for (let channel = first; channel < end; channel += batch) {
        const count = min(batch, end - channel)
        const filters = count * f
        const sums = scratch + <usize>((channel - first) * f * sumsPlane)
        const channels = x + <usize>(image * allC + channel) * xPlane
        copyIn(count, h, w, stride, ph, pw, oh, ow, channels, copy, copyRow, copyPlane)
        blocks = blocksBefore
        for (let row = 0; row < oh; row += rows) {
          for (let column = 0; column < ow; column += columns) {
            if (blocks == MOST_BLOCKS) {
              addTaps(filters, 9, sumsPlane, sums, dw + <usize>(9 * channel * f) * SIZE)
              blocks = 0
            }
            blocks += 1
            const height = min(rows, oh - row)
            const width = min(columns, ow - column)
            let block = copy + <usize>(row * stride) * copyRow + <usize>column * SIZE
            const plane = <usize>(image * allF + channel * f)
            let from = dy + plane * dyPlane + <usize>row * dyRow + <usize>column * SIZE
            // Of many channels the only filter, or all filters of one channel after the other.
            const planes = f == 1 ? count : f
            const step = f == 1 ? copyPlane : 0
            for (let filter = 0; filter < filters; filter += planes) {
              const to = sums + <usize>(filter * sumsPlane)
              if (stride == 1) {
                addNine<By1>(
                  planes, height, width, from, dyRow, dyPlane, block, copyRow, step, odd, mask, to, sumsPlane,
                )
              } else {
                addNine<By2>(
                  planes, height, width, from, dyRow, dyPlane, block, copyRow, step, odd, mask, to, sumsPlane,
                )
              }
              block += copyPlane
              from += <usize>planes * dyPlane
            }
          }
        }
      }
    }
    addTaps((end - first) * f, 9, sumsPlane, scratch, dw + <usize>(9 * first * f) * SIZE)
  }
}
