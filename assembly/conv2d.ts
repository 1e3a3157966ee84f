// Convolution of NCHW images, x (n x c x h x w) with weights (f x c/groups x kh x kw), as matrix products whose right
// side never exists as a whole: the im2col matrix is read from a padded image while it is packed.
//
//   forward  y  (f x pixels)  = bias + w (f x taps) * columns (taps x pixels)
//   dw       dw (f x taps)   += dy (f x pixels) * columns^T, an image after the other
//   dx       the forward product again, of dy with the weights flipped: dx (c x pixels) = w' (c x f*taps) * columns of dy
//
// The padded image is split into stride x stride phase planes, so that whatever the stride, one tap of neighbouring
// outputs reads neighbouring values: tap t of output o reads source[o + offset(t)], and a table holds the offsets.
// With a stride, dx is computed for each phase of the image on its own, from the taps that reach it.
//
//   scratch   | GEMM_SCRATCH | source planes | flipped weights | one phase of dx | offsets (i32) |
//   of dw     | GEMM_SCRATCH | source planes | part of dw | offsets (i32) |
//
// Four cases go other ways, by shapes alone (conv-geometry.ts says which): kernels of 3 x 3 and 5 x 5 with stride 1
// by winograd.ts; kernels of 3 x 3 over one channel, as in depthwise convolutions, by depthwise.ts; fewer than MR
// filters by productOfRow; dw of one channel by accumulateTaps.
//
// Legend: n images, c channels, h x w image, f filters, kh x kw taps, sh sw stride, ph pw pad, dlh dlw dilation,
// oh x ow output; a group has c/groups channels and f/groups filters. Strides in elements, offsets in bytes.

import { BLOCK_OFFSET, GEMM_SCRATCH, KC, MR, SUM_STEPS } from '../src/kernels/blocking'
import {
  MOST_BLOCKS, TAPS, convOutput, gradientBefore, gradientPlane, slidesTaps, sourcePlane, sumsTaps, tapRows, tapsStride,
  usesWinograd,
} from '../src/kernels/conv-geometry'
import { depthwiseBackwardInput, depthwiseBackwardWeight, depthwiseForward } from './depthwise'
import { addTaps } from './depthwise-planes'
import { add } from './elementwise'
import { BLOCK_COLUMNS, LANES, NR, SIZE } from './float'
import { packPanel, panelTimesBlock, setStart } from './gemm'
import { high, low, storeTransposed } from './lanes'
import { ONLY_TILES } from './part'
import { copyInside } from './planes'
import { winogradProduct, winogradWeight } from './winograd'

/**
 * Packs kc taps of one vector of pixels that may cross the end of a row: the lanes before the end from this row, the
 * others from the next one, read so far to the left that its first pixel falls into place. Lanes past the last pixel
 * hold what lies there, and nobody reads their results.
 */
function packCrossing(
  pixel: i32, width: i32, kc: i32, offsets: usize, source: usize, sourceWidth: i32, block: usize,
): void {
  const row = pixel / width
  const column = pixel - row * width
  const inRow = min(LANES, width - column)
  const base = source + <usize>(row * sourceWidth + column) * SIZE
  const next = inRow == LANES ? base : source + <usize>((row + 1) * sourceWidth - inRow) * SIZE
  const isNext =
    LANES == 2
      ? i64x2.ge_s(i64x2(0, 1), i64x2.splat(inRow))
      : i32x4.ge_s(i32x4(0, 1, 2, 3), i32x4.splat(inRow))
  for (let k = 0; k < kc; ++k) {
    const offset = load<i32>(offsets + 4 * k)
    v128.store(block, v128.bitselect(v128.load(next + offset), v128.load(base + offset), isNext))
    block += 32
  }
}

/** Packs kc taps of the output pixels first ... first + columns, counted along rows of `width`, in slivers of NR. */
function packColumns(
  first: i32, columns: i32, width: i32, kc: i32, offsets: usize, source: usize, sourceWidth: i32, block: usize,
): void {
  for (let q = 0; q < columns; q += NR) {
    const row = (first + q) / width
    const column = first + q - row * width
    if (column + NR <= width && q + NR <= columns) {
      const base = source + <usize>(row * sourceWidth + column) * SIZE
      for (let k = 0; k < kc; ++k) {
        const from = base + load<i32>(offsets + 4 * k)
        v128.store(block, v128.load(from))
        v128.store(block, v128.load(from, 16), 16)
        block += 32
      }
    } else if (ONLY_TILES || width >= LANES) {
      // A second vector wholly past the last pixel repeats the first, to stay inside the memory.
      const second = first + q + (q + LANES < columns ? LANES : 0)
      packCrossing(first + q, width, kc, offsets, source, sourceWidth, block)
      packCrossing(second, width, kc, offsets, source, sourceWidth, block + 16)
      block += <usize>kc * 32
    } else {
      // Rows shorter than a vector; pixels past the last read those of the next row, and nobody reads their results.
      for (let l = 0; l < NR; ++l) {
        let to = block + <usize>l * SIZE
        const r = (first + q + l) / width
        const base = q + l < columns ? source + <usize>(r * sourceWidth + first + q + l - r * width) * SIZE : source
        for (let k = 0; k < kc; ++k, to += 32) store<Float>(to, load<Float>(base + load<i32>(offsets + 4 * k)))
      }
      block += <usize>kc * 32
    }
  }
}

@inline
/**
 * y = start + the sum of a[t] * x[offsets[t]], in order, or y += that unless `fresh`; four vectors of neighbours at a
 * time, then single ones. Inlined: as a call for each row it took 10 % longer.
 */
function productOfRow(
  k: i32, width: i32, fresh: i32, a: usize, start: Float, source: usize, offsets: usize, y: usize,
): void {
  const begin = v128.splat<Float>(start)
  let column = 0
  for (; column + 4 * LANES <= width; column += 4 * LANES) {
    const base = source + <usize>column * SIZE
    let s0 = begin
    let s1 = begin
    let s2 = begin
    let s3 = begin
    for (let t = 0; t < k; ++t) {
      const x = base + load<i32>(offsets + 4 * t)
      const w = v128.splat<Float>(load<Float>(a + <usize>t * SIZE))
      s0 = v128.add<Float>(s0, v128.mul<Float>(w, v128.load(x)))
      s1 = v128.add<Float>(s1, v128.mul<Float>(w, v128.load(x, 16)))
      s2 = v128.add<Float>(s2, v128.mul<Float>(w, v128.load(x, 32)))
      s3 = v128.add<Float>(s3, v128.mul<Float>(w, v128.load(x, 48)))
    }
    const to = y + <usize>column * SIZE
    if (!fresh) {
      s0 = v128.add<Float>(v128.load(to), s0)
      s1 = v128.add<Float>(v128.load(to, 16), s1)
      s2 = v128.add<Float>(v128.load(to, 32), s2)
      s3 = v128.add<Float>(v128.load(to, 48), s3)
    }
    v128.store(to, s0)
    v128.store(to, s1, 16)
    v128.store(to, s2, 32)
    v128.store(to, s3, 48)
  }
  while (column < width) {
    // A fresh row's last vector ends with it, and may write some results twice.
    const vector = fresh ? width >= LANES : column + LANES <= width
    if (vector) column = min(column, width - LANES)
    const base = source + <usize>column * SIZE
    const to = y + <usize>column * SIZE
    if (vector) {
      let sum = begin
      for (let t = 0; t < k; ++t) {
        const w = v128.splat<Float>(load<Float>(a + <usize>t * SIZE))
        sum = v128.add<Float>(sum, v128.mul<Float>(w, v128.load(base + load<i32>(offsets + 4 * t))))
      }
      v128.store(to, fresh ? sum : v128.add<Float>(v128.load(to), sum))
      column += LANES
    } else {
      let sum = start
      for (let t = 0; t < k; ++t) {
        sum += load<Float>(a + <usize>t * SIZE) * load<Float>(base + load<i32>(offsets + 4 * t))
      }
      store<Float>(to, fresh ? sum : load<Float>(to) + sum)
      column += 1
    }
  }
}

/** out (m x height*width) = bias + a (m x k) times the columns of `source`; bias may be 0. */
function productWithColumns(
  m: i32, k: i32, height: i32, width: i32, sourceWidth: i32,
  a: usize, bias: usize, source: usize, offsets: usize, scratch: usize, out: usize,
): void {
  const pixels = height * width
  if (m < MR) {
    // Too few filters for a tile, above all in depthwise convolutions: no packing, a row at a time.
    for (let p = 0; p < k; p += KC) {
      let to = out
      for (let i = 0; i < m; ++i) {
        const start: Float = bias && p == 0 ? load<Float>(bias + <usize>i * SIZE) : 0
        for (let row = 0; row < height; ++row) {
          const from = source + <usize>(row * sourceWidth) * SIZE
          const weights = a + <usize>(i * k + p) * SIZE
          productOfRow(min(k - p, KC), width, i32(p == 0), weights, start, from, offsets + 4 * p, to)
          to += <usize>width * SIZE
        }
      }
    }
    return
  }
  for (let j = 0; j < pixels; j += BLOCK_COLUMNS) {
    const columns = min(BLOCK_COLUMNS, pixels - j)
    for (let p = 0; p < k; p += KC) {
      const kc = min(KC, k - p)
      packColumns(j, columns, width, kc, offsets + 4 * p, source, sourceWidth, scratch + BLOCK_OFFSET)
      for (let i = 0; i < m; i += MR) {
        const rows = min(MR, m - i)
        packPanel(rows, kc, a + <usize>(i * k + p) * SIZE, k, 1, scratch)
        setStart(rows, bias && p == 0 ? bias + <usize>i * SIZE : 0, scratch)
        panelTimesBlock(rows, columns, kc, i32(p == 0), scratch, out + <usize>(i * pixels + j) * SIZE, pixels)
      }
    }
  }
}

/** The phase planes of c channels of one padded image, into zeros: source[c][sh][sw][planeH][planeW]. */
function fillSource(
  c: i32, h: i32, w: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32,
  planeH: i32, planeW: i32, x: usize, source: usize,
): void {
  const bytes = <usize>(planeH * planeW) * SIZE
  for (let channel = 0; channel < c; ++channel) {
    for (let i = 0; i < kh; ++i) {
      // The phases of the taps repeat from 0 on.
      const a = (i * dlh) % sh
      if (i > 0 && a == 0) break
      for (let j = 0; j < kw; ++j) {
        const b = (j * dlw) % sw
        if (j > 0 && b == 0) break
        copyInside(h, w, a - ph, b - pw, sh, sw, planeH, planeW, x, source + <usize>(a * sw + b) * bytes)
      }
    }
    x += <usize>(h * w) * SIZE
    source += <usize>(sh * sw) * bytes
  }
}

/** offsets[tap (channel, i, j)] into the planes of fillSource, in bytes. */
function fillOffsets(
  c: i32, kh: i32, kw: i32, sh: i32, sw: i32, dlh: i32, dlw: i32, planeH: i32, planeW: i32, offsets: usize,
): void {
  for (let channel = 0; channel < c; ++channel) {
    for (let i = 0; i < kh; ++i) {
      const row = (((channel * sh + (i * dlh) % sh) * sw) * planeH + (i * dlh) / sh) * planeW
      for (let j = 0; j < kw; ++j) {
        store<i32>(offsets, (row + ((j * dlw) % sw) * planeH * planeW + (j * dlw) / sw) * <i32>SIZE)
        offsets += 4
      }
    }
  }
}

/**
 * y = bias + convolution of x with w; bias may be 0. For f filters, to which the pointers are, of allF: any of a single
 * group of several channels, or all. scratch: convScratch() bytes.
 */
export function conv2dForward(
  n: i32, c: i32, h: i32, w: i32, f: i32, allF: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32,
  groups: i32, x: usize, weight: usize, bias: usize, scratch: usize, y: usize,
): void {
  if (ONLY_TILES) {
    kh = kw = 3
    sh = sw = ph = pw = dlh = dlw = 1
  }
  const oh = convOutput(h, kh, sh, ph, dlh)
  const ow = convOutput(w, kw, sw, pw, dlw)
  if (usesWinograd(c, allF, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
    winogradProduct(kh, n, c, h, w, f, allF, oh, ow, ph, pw, 0, x, weight, bias, scratch, y)
    return
  }
  groups = ONLY_TILES ? 1 : abs(groups)
  const cg = ONLY_TILES ? 1 : c / groups
  const fg = f / groups
  if (!ONLY_TILES && slidesTaps(cg, fg, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw)) {
    depthwiseForward(n, groups, h, w, fg, sh, ph, pw, x, weight, bias, scratch, y)
    return
  }
  const taps = cg * kh * kw
  const planeH = sourcePlane(oh, kh, sh, dlh)
  const planeW = sourcePlane(ow, kw, sw, dlw)
  const source = scratch + GEMM_SCRATCH
  const offsets = source + <usize>(cg * sh * sw * planeH * planeW) * SIZE
  // With neither pad nor stride the image is its own source.
  const plain = sh * sw == 1 && planeH == h && planeW == w && ph + pw == 0
  fillOffsets(cg, kh, kw, sh, sw, dlh, dlw, planeH, planeW, offsets)
  if (!plain) memory.fill(source, 0, offsets - source)
  for (let image = 0; image < n; ++image) {
    for (let g = 0; g < groups; ++g) {
      const channels = x + <usize>((image * c + g * cg) * h * w) * SIZE
      if (!plain) fillSource(cg, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw, planeH, planeW, channels, source)
      productWithColumns(
        fg, taps, oh, ow, planeW, weight + <usize>(g * fg * taps) * SIZE, bias ? bias + <usize>(g * fg) * SIZE : 0,
        plain ? channels : source, offsets, scratch, y + <usize>((image * allF + g * fg) * oh * ow) * SIZE,
      )
    }
  }
}

/**
 * dx = convolution of dy with the flipped weights, phase by phase of the image. For c channels, to which the pointers are,
 * of allC: any of a single group, or all. scratch: convScratch() bytes.
 */
export function conv2dBackwardInput(
  n: i32, c: i32, allC: i32, h: i32, w: i32, f: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32,
  groups: i32, dy: usize, weight: usize, scratch: usize, dx: usize,
): void {
  if (ONLY_TILES) {
    kh = kw = 3
    sh = sw = ph = pw = dlh = dlw = 1
  }
  const oh = convOutput(h, kh, sh, ph, dlh)
  const ow = convOutput(w, kw, sw, pw, dlw)
  if (usesWinograd(allC, f, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
    winogradProduct(kh, n, f, oh, ow, c, allC, h, w, kh - 1 - ph, kw - 1 - pw, 1, dy, weight, 0, scratch, dx)
    return
  }
  groups = ONLY_TILES ? 1 : abs(groups)
  const cg = ONLY_TILES ? 1 : c / groups
  const fg = f / groups
  if (!ONLY_TILES && fg == 1 && slidesTaps(cg, fg, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw)) {
    depthwiseBackwardInput(n, groups, h, w, sh, ph, pw, dy, weight, scratch, dx)
    return
  }
  const planeH = gradientPlane(h, oh, kh, sh, ph, dlh)
  const planeW = gradientPlane(w, ow, kw, sw, pw, dlw)
  const top = gradientBefore(kh, sh, ph, dlh)
  const left = gradientBefore(kw, sw, pw, dlw)
  const plain = planeH == oh && planeW == ow
  const single = sh * sw == 1
  const source = scratch + GEMM_SCRATCH
  const flipped = source + <usize>(fg * planeH * planeW) * SIZE
  const phase = flipped + <usize>(cg * fg * kh * kw) * SIZE
  const offsets = phase + (single ? 0 : <usize>(cg * ((h - 1) / sh + 1) * ((w - 1) / sw + 1)) * SIZE)
  if (!plain) memory.fill(source, 0, flipped - source)
  for (let g = 0; g < groups; ++g) {
    for (let a = 0; a < sh; ++a) {
      // Rows q of this phase: image row q * sh + a - ph, for q from q0 on.
      const q0 = max(0, (ph - a + sh - 1) / sh)
      const rows = (ph + h - 1 - a) < q0 * sh ? 0 : (ph + h - 1 - a) / sh - q0 + 1
      for (let b = 0; b < sw; ++b) {
        const r0 = max(0, (pw - b + sw - 1) / sw)
        const columns = (pw + w - 1 - b) < r0 * sw ? 0 : (pw + w - 1 - b) / sw - r0 + 1
        if (rows == 0 || columns == 0) continue
        let taps = 0
        for (let filter = 0; filter < fg; ++filter) {
          for (let i = 0; i < kh; ++i) {
            if ((i * dlh) % sh != a) continue
            const row = filter * planeH + q0 - (i * dlh) / sh + top
            for (let j = 0; j < kw; ++j) {
              if ((j * dlw) % sw != b) continue
              store<i32>(offsets + 4 * taps, (row * planeW + r0 - (j * dlw) / sw + left) * <i32>SIZE)
              taps += 1
            }
          }
        }
        let to = flipped
        for (let channel = 0; channel < cg; ++channel) {
          for (let filter = 0; filter < fg; ++filter) {
            const from = weight + <usize>(((g * fg + filter) * (allC / groups) + channel) * kh * kw) * SIZE
            for (let i = 0; i < kh; ++i) {
              if ((i * dlh) % sh != a) continue
              for (let j = 0; j < kw; ++j) {
                if ((j * dlw) % sw != b) continue
                store<Float>(to, load<Float>(from + <usize>(i * kw + j) * SIZE))
                to += SIZE
              }
            }
          }
        }
        for (let image = 0; image < n; ++image) {
          const dyGroup = dy + <usize>((image * f + g * fg) * oh * ow) * SIZE
          const dxGroup = dx + <usize>((image * allC + g * cg) * h * w) * SIZE
          const out = single ? dxGroup : phase
          if (taps == 0) {
            memory.fill(out, 0, <usize>(cg * rows * columns) * SIZE)
          } else {
            if (!plain) {
              for (let filter = 0; filter < fg; ++filter) {
                copyInside(
                  oh, ow, -top, -left, 1, 1, planeH, planeW, dyGroup + <usize>(filter * oh * ow) * SIZE,
                  source + <usize>(filter * planeH * planeW) * SIZE,
                )
              }
            }
            productWithColumns(
              cg, taps, rows, columns, planeW, flipped, 0, plain ? dyGroup : source, offsets, scratch, out,
            )
          }
          if (single) continue
          let from = phase
          for (let channel = 0; channel < cg; ++channel) {
            for (let i = 0; i < rows; ++i) {
              const row = channel * h + (q0 + i) * sh + a - ph
              let at = dxGroup + <usize>(row * w + r0 * sw + b - pw) * SIZE
              for (let j = 0; j < columns; ++j) {
                store<Float>(at, load<Float>(from))
                at += <usize>sw * SIZE
                from += SIZE
              }
            }
          }
        }
      }
    }
  }
}

/** Packs LANES taps, from `offsets` on, of kc pixels, transposed into half a sliver: block[pixel][tap]. */
function packTaps(
  first: i32, kc: i32, width: i32, taps: i32, offsets: usize, source: usize, sourceWidth: i32, block: usize,
): void {
  // Taps past the last give columns that nobody copies out; they read tap 0.
  const o0 = load<i32>(offsets)
  const o1 = taps > 1 ? load<i32>(offsets, 4) : o0
  const o2 = taps > 2 && LANES == 4 ? load<i32>(offsets, 8) : o0
  const o3 = taps > 3 && LANES == 4 ? load<i32>(offsets, 12) : o0
  let row = first / width
  let column = first - row * width
  while (kc > 0) {
    const run = min(kc, width - column)
    let at = source + <usize>(row * sourceWidth + column) * SIZE
    let i = 0
    for (; i + LANES <= run; i += LANES) {
      const v0 = v128.load(at + o0)
      const v1 = v128.load(at + o1)
      if (LANES == 2) {
        v128.store(block, low(v0, v1))
        v128.store(block, high(v0, v1), 32)
      } else {
        storeTransposed(v0, v1, v128.load(at + o2), v128.load(at + o3), block, 32)
      }
      at += 16
      block += 32 * LANES
    }
    for (; i < run; ++i) {
      store<Float>(block, load<Float>(at + o0))
      store<Float>(block, load<Float>(at + o1), SIZE)
      if (LANES == 4) {
        store<Float>(block, load<Float>(at + o2), 2 * SIZE)
        store<Float>(block, load<Float>(at + o3), 3 * SIZE)
      }
      at += SIZE
      block += 32
    }
    kc -= run
    column = 0
    row += 1
  }
}

/**
 * sums[t] += dy * x[offsets[t]] for `count` <= TAPS taps, over a block of pixels that is summed on its own; a vector of
 * partial sums for each tap.
 */
function accumulateTaps(
  count: i32, height: i32, width: i32, sourceWidth: i32, offsets: usize, dy: usize, source: usize, mask: v128, sums: usize,
): void {
  const o0 = load<i32>(offsets)
  const o1 = count > 1 ? load<i32>(offsets, 4) : o0
  const o2 = count > 2 ? load<i32>(offsets, 8) : o0
  const o3 = count > 3 ? load<i32>(offsets, 12) : o0
  const o4 = count > 4 ? load<i32>(offsets, 16) : o0
  let s0 = v128.splat<Float>(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let s4 = s0
  for (let row = 0; row < height; ++row) {
    let x = source + <usize>(row * sourceWidth) * SIZE
    let left = width
    for (; left >= LANES; left -= LANES) {
      const d = v128.load(dy)
      s0 = v128.add<Float>(s0, v128.mul<Float>(d, v128.load(x + o0)))
      s1 = v128.add<Float>(s1, v128.mul<Float>(d, v128.load(x + o1)))
      s2 = v128.add<Float>(s2, v128.mul<Float>(d, v128.load(x + o2)))
      s3 = v128.add<Float>(s3, v128.mul<Float>(d, v128.load(x + o3)))
      s4 = v128.add<Float>(s4, v128.mul<Float>(d, v128.load(x + o4)))
      dy += 16
      x += 16
    }
    if (left > 0) {
      // The odd tail: the lanes past the row are zero on both sides, so that they change no bit.
      const d = v128.and(v128.load(dy), mask)
      s0 = v128.add<Float>(s0, v128.mul<Float>(d, v128.and(v128.load(x + o0), mask)))
      s1 = v128.add<Float>(s1, v128.mul<Float>(d, v128.and(v128.load(x + o1), mask)))
      s2 = v128.add<Float>(s2, v128.mul<Float>(d, v128.and(v128.load(x + o2), mask)))
      s3 = v128.add<Float>(s3, v128.mul<Float>(d, v128.and(v128.load(x + o3), mask)))
      s4 = v128.add<Float>(s4, v128.mul<Float>(d, v128.and(v128.load(x + o4), mask)))
      dy += <usize>left * SIZE
    }
  }
  v128.store(sums, v128.add<Float>(v128.load(sums), s0))
  v128.store(sums, v128.add<Float>(v128.load(sums, 16), s1), 16)
  v128.store(sums, v128.add<Float>(v128.load(sums, 32), s2), 32)
  v128.store(sums, v128.add<Float>(v128.load(sums, 48), s3), 48)
  v128.store(sums, v128.add<Float>(v128.load(sums, 64), s4), 64)
}

/** Adds a matrix to one whose rows lie `row` elements apart. */
function addRows(rows: i32, columns: i32, from: usize, to: usize, row: i32): void {
  for (let i = 0; i < rows; ++i) {
    add(columns, to, from, to)
    from += <usize>columns * SIZE
    to += <usize>row * SIZE
  }
}

/**
 * dw += dy times the columns of x, transposed: for c channels and f filters, to which the pointers are, of the allC and
 * allF of all groups. They are any of a single group, or all of some of the groups. scratch: convScratch() bytes.
 */
export function conv2dBackwardWeight(
  n: i32, c: i32, allC: i32, h: i32, w: i32, f: i32, allF: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32,
  dlh: i32, dlw: i32, groups: i32, x: usize, dy: usize, scratch: usize, dw: usize,
): void {
  if (ONLY_TILES) {
    kh = kw = 3
    sh = sw = ph = pw = dlh = dlw = 1
  }
  const oh = convOutput(h, kh, sh, ph, dlh)
  const ow = convOutput(w, kw, sw, pw, dlw)
  const pixels = oh * ow
  // Which way it goes depends on all channels and filters, so that a part of them goes the same.
  if (usesWinograd(allC, allF, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
    winogradWeight(kh, n, c, allC, h, w, f, allF, oh, ow, ph, pw, x, dy, scratch, dw)
    return
  }
  const allGroups = ONLY_TILES ? 1 : abs(groups)
  const dwTaps = ONLY_TILES ? kh * kw : (allC / allGroups) * kh * kw
  // Of which these are to do, each of cg channels and fg filters.
  groups = allGroups > 1 ? c / (allC / allGroups) : 1
  const cg = ONLY_TILES ? 1 : c / groups
  const fg = f / groups
  if (
    !ONLY_TILES &&
    slidesTaps(allC / allGroups, allF / allGroups, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw)
  ) {
    depthwiseBackwardWeight(n, c, allC, h, w, fg, allF, sh, ph, pw, x, dy, scratch, dw)
    return
  }
  const taps = cg * kh * kw
  const planeH = sourcePlane(oh, kh, sh, dlh)
  const planeW = sourcePlane(ow, kw, sw, dlw)
  const padded = scratch + GEMM_SCRATCH
  const part = padded + <usize>(cg * sh * sw * planeH * planeW) * SIZE
  const offsets = part + <usize>(fg * taps) * SIZE
  const block = scratch + BLOCK_OFFSET
  const plain = sh * sw == 1 && planeH == h && planeW == w && ph + pw == 0
  fillOffsets(cg, kh, kw, sh, sw, dlh, dlw, planeH, planeW, offsets)
  if (!plain) memory.fill(padded, 0, part - padded)
  if (ONLY_TILES || sumsTaps(allC / allGroups, allF / allGroups, dwTaps)) {
    // One channel: no matrix product, but sums over pixels. Partial sum l of a tap has the pixels l, l + LANES, ... of
    // each row, in blocks of at most SUM_STEPS vectors. The partial sums of MOST_BLOCKS blocks at a time are added to dw.
    const stride = tapsStride(taps)
    const sums = scratch
    const end = sums + <usize>(fg * stride)
    memory.fill(end, 0, 16)
    memory.fill(end, 255, <usize>(ow % LANES) * SIZE)
    const mask = v128.load(end)
    const columns = SUM_STEPS * LANES
    const rows = tapRows(ow, LANES)
    for (let g = 0; g < groups; ++g) {
      const dwGroup = dw + <usize>(g * fg * taps) * SIZE
      let blocks = 0
      memory.fill(sums, 0, <usize>(fg * stride))
      for (let image = 0; image < n; ++image) {
        const channel = x + <usize>((image * allC + g) * h * w) * SIZE
        if (!plain) fillSource(1, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw, planeH, planeW, channel, padded)
        const source = plain ? channel : padded
        for (let row = 0; row < oh; row += rows) {
          for (let column = 0; column < ow; column += columns) {
            if (blocks == MOST_BLOCKS) {
              addTaps(fg, taps, stride, sums, dwGroup)
              blocks = 0
            }
            blocks += 1
            for (let filter = 0; filter < fg; ++filter) {
              const plane = (image * allF + g * fg + filter) * pixels
              const dyBlock = dy + <usize>(plane + row * ow + column) * SIZE
              const block = source + <usize>(row * planeW + column) * SIZE
              for (let t = 0; t < taps; t += TAPS) {
                const at = sums + <usize>(filter * stride + 16 * t)
                accumulateTaps(
                  min(TAPS, taps - t), min(rows, oh - row), min(columns, ow - column), planeW, offsets + 4 * t,
                  dyBlock, block, mask, at,
                )
              }
            }
          }
        }
      }
      addTaps(fg, taps, stride, sums, dwGroup)
    }
    return
  }
  // Blocks of pixels are added to dw one after the other; after the first MOST_BLOCKS, as many at a time are summed on
  // their own before they are.
  const size = <usize>(fg * taps) * SIZE
  setStart(0, 0, scratch)
  for (let g = 0; g < groups; ++g) {
    const dwGroup = dw + <usize>(g * fg * dwTaps) * SIZE
    let target = dwGroup
    let row = dwTaps
    let blocks = 0
    for (let image = 0; image < n; ++image) {
      const channels = x + <usize>((image * allC + g * cg) * h * w) * SIZE
      const dyGroup = dy + <usize>((image * allF + g * fg) * pixels) * SIZE
      if (!plain) fillSource(cg, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw, planeH, planeW, channels, padded)
      const source = plain ? channels : padded
      for (let p = 0; p < pixels; p += KC) {
        const kc = min(KC, pixels - p)
        if (blocks == MOST_BLOCKS) {
          if (target == part) addRows(fg, taps, part, dwGroup, dwTaps)
          memory.fill(part, 0, size)
          target = part
          row = taps
          blocks = 0
        }
        blocks += 1
        for (let t = 0; t < taps; t += BLOCK_COLUMNS) {
          const columns = min(BLOCK_COLUMNS, taps - t)
          for (let j = 0; j < columns; j += LANES) {
            // Sliver j / NR, its first or second vector.
            const to = block + <usize>((j / NR) * kc * 32 + ((j % NR) / LANES) * 16)
            packTaps(p, kc, ow, columns - j, offsets + 4 * (t + j), source, planeW, to)
          }
          for (let i = 0; i < fg; i += MR) {
            const rows = min(MR, fg - i)
            packPanel(rows, kc, dyGroup + <usize>(i * pixels + p) * SIZE, pixels, 1, scratch)
            panelTimesBlock(rows, columns, kc, 0, scratch, target + <usize>(i * row + t) * SIZE, row)
          }
        }
      }
    }
    if (target == part) addRows(fg, taps, part, dwGroup, dwTaps)
  }
}
