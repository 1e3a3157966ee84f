// Sizes of a convolution, one source for the kernels, their twin and the planner.
// Along one axis: size of the image, k taps, stride, pad, dilation, out = size of the output.

import { GEMM_SCRATCH, MR, SUM_STEPS, ceilDivide, floorDivide } from './blocking'

/** Size of the output; 0 or less where the kernel does not fit. */
export function convOutput(size: i32, k: i32, stride: i32, pad: i32, dilation: i32): i32 {
  const room: i32 = size + 2 * pad - dilation * (k - 1) - 1
  return room < 0 ? 0 : floorDivide(room, stride) + 1
}

/** Size of the output of a pool. With `ceil` as PyTorch: one window more where a part is left over and it would still
 * begin in the image or in the padding before it. */
export function poolOutput(size: i32, k: i32, stride: i32, pad: i32, ceil: bool): i32 {
  const whole: i32 = convOutput(size, k, stride, pad, 1)
  const end: i32 = whole * stride
  const left: bool = end - stride + k < size + 2 * pad
  return ceil && whole > 0 && left && end < size + pad ? whole + 1 : whole
}

/**
 * Whether windows are 2 x 2 side by side, all of them whole: no row needs scratch. At the odd tail of a row comes a
 * last group that ends where the row does, and writes some results twice.
 */
export function arePairs(
  h: i32, w: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32,
): bool {
  return kh == 2 && kw == 2 && sh == 2 && sw == 2 && ph + pw == 0 && ow >= 4 && 2 * oh <= h && 2 * ow <= w
}

/** Values in a row of windows, in whole groups of four. */
export function poolWide(ow: i32): i32 {
  return 4 * ceilDivide(ow, 4)
}

/** Values in a row of the image with what pooling reads and writes beyond both of its ends. */
export function poolRow(w: i32, ow: i32, kw: i32, sw: i32, pw: i32): i32 {
  return poolWide(w + pw + 2 * kw + poolWide(ow) * sw + 16)
}

/** Bytes of scratch of a pool: a row of the image, one of counts, and rings of kh rows of winners and of their places. */
export function poolScratch(w: i32, ow: i32, kh: i32, kw: i32, sw: i32, pw: i32, bytes: i32): i32 {
  return (poolRow(w, ow, kw, sw, pw) + (2 * kh + 1) * poolWide(ow)) * bytes
}

/** Size of one phase plane of the padded image: tap t of output o reads plane t*dilation % stride at o + reach(t). */
export function sourcePlane(out: i32, k: i32, stride: i32, dilation: i32): i32 {
  return out + floorDivide((k - 1) * dilation, stride)
}

/** Zeros that dx needs before the first dy. */
export function gradientBefore(k: i32, stride: i32, pad: i32, dilation: i32): i32 {
  const before: i32 = floorDivide((k - 1) * dilation, stride) - floorDivide(pad, stride)
  return before > 0 ? before : 0
}

/** Size of dy with the zeros that dx needs before and after it. */
export function gradientPlane(size: i32, out: i32, k: i32, stride: i32, pad: i32, dilation: i32): i32 {
  const last: i32 = floorDivide(pad + size - 1, stride)
  return gradientBefore(k, stride, pad, dilation) + (last >= out ? last + 1 : out)
}

/** Bytes of scratch that the three passes of a convolution need, for values of `bytes` bytes. */
export function convScratch(
  c: i32, h: i32, w: i32, f: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32, groups: i32,
  bytes: i32,
): i32 {
  const oh: i32 = convOutput(h, kh, sh, ph, dlh)
  const ow: i32 = convOutput(w, kw, sw, pw, dlw)
  if (usesWinograd(c, f, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
    const forward: i32 = winogradProductScratch(winogradSize(kh, oh, ow), c, f, oh, ow, bytes)
    const backward: i32 = winogradProductScratch(winogradSize(kh, h, w), f, c, h, w, bytes)
    const weight: i32 = winogradWeightScratch(winogradSize(kh, oh, ow), c, f, oh, ow, bytes)
    const products: i32 = forward > backward ? forward : backward
    return products > weight ? products : weight
  }
  const parts: i32 = groups < 0 ? -groups : groups
  return directScratch(
    floorDivide(c, parts), h, w, floorDivide(f, parts), kh, kw, sh, sw, ph, pw, dlh, dlw, bytes,
  )
}

/** The same for the direct algorithm, with c and f of one group. */
function directScratch(
  c: i32, h: i32, w: i32, f: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32, bytes: i32,
): i32 {
  const oh: i32 = convOutput(h, kh, sh, ph, dlh)
  const ow: i32 = convOutput(w, kw, sw, pw, dlw)
  const source: i32 = c * sh * sw * sourcePlane(oh, kh, sh, dlh) * sourcePlane(ow, kw, sw, dlw)
  const phase: i32 = sh * sw == 1 ? 0 : c * (floorDivide(h - 1, sh) + 1) * (floorDivide(w - 1, sw) + 1)
  const gradient: i32 = f * gradientPlane(h, oh, kh, sh, ph, dlh) * gradientPlane(w, ow, kw, sw, pw, dlw)
  const backward: i32 = gradient + c * f * kh * kw + phase
  const taps: i32 = (c > f ? c : f) * kh * kw
  const weights: i32 = source + c * f * kh * kw
  const values: i32 = weights > backward ? weights : backward
  // Vectors at the end of the last plane are read across it: by a vector, and by how far the last tap is to the right.
  return GEMM_SCRATCH + (values + kw * dlw + 8) * bytes + 4 * taps
}

/** Blocks that dw adds up one after the other before their sum is added to that of the others. */
export const MOST_BLOCKS: i32 = 256

/** Rows of a block that dw of a single channel sums: SUM_STEPS vectors of them, or a part of a longer row. */
export function tapRows(width: i32, lanes: i32): i32 {
  const rows: i32 = floorDivide(SUM_STEPS, ceilDivide(width, lanes))
  return rows > 1 ? rows : 1
}

/** Taps that dw of a single channel sums side by side. */
export const TAPS: i32 = 5

/** Bytes of the partial sums of one filter: a vector for each tap, in whole groups of TAPS. */
export function tapsStride(taps: i32): i32 {
  return 16 * TAPS * ceilDivide(taps, TAPS)
}

/**
 * Whether dw goes by sums over pixels instead of a matrix product: with one channel (c of a group), whose few taps
 * would fill a part of a tile only. 64x1x28x28 to 16, 3x3 measured 1.8 (float64) and 1.2 ms (float32) as a product.
 */
export function sumsTaps(c: i32, f: i32, taps: i32): bool {
  return c == 1 && f * tapsStride(taps) + 16 <= GEMM_SCRATCH
}

/** Bytes of scratch of depthwise.ts before its copies of planes, and of as many of these as it makes at a time. */
export const SLIDE_BEFORE: i32 = 36864
export const SLIDE_BATCH: i32 = 16384
/** Filters whose partial sums depthwise.ts holds at a time. */
export const SLIDE_FILTERS: i32 = 128

/**
 * Whether the passes of a convolution (c and f of a group) go by depthwise.ts: those of one channel with kernels of
 * 3 x 3 and a stride of 1 or 2, whose sums and rows have room in the scratch of a matrix product. dx only with one
 * filter. The twin has no need of it, for no sum changes. Milliseconds, without / with (Zen 4, one thread):
 *
 *                                  float64                                   float32
 *                                  forward      dx           dw              forward      dx           dw
 *   8x32x48x48                     1.05 / 0.86  1.10 / 0.90  1.13 / 0.96     0.50 / 0.36  0.51 / 0.37  0.55 / 0.45
 *     96x48x48 stride 2            2.18 / 1.79  3.47 / 1.07  2.85 / 1.70     1.32 / 0.50  2.50 / 0.49  1.46 / 0.58
 *     144x24x24                    1.12 / 0.95  1.33 / 1.12  1.47 / 1.13     0.85 / 0.42  0.86 / 0.43  0.78 / 0.53
 *     192x12x12                    0.58 / 0.28  0.58 / 0.28  0.50 / 0.35     0.50 / 0.15  0.50 / 0.15  0.32 / 0.19
 *     576x6x6 stride 2             0.58 / 0.15  1.11 / 0.19  0.54 / 0.19     0.64 / 0.14  1.21 / 0.15  0.51 / 0.17
 *     960x3x3                      0.60 / 0.16  0.59 / 0.16  0.53 / 0.22     0.69 / 0.12  0.69 / 0.12  0.48 / 0.16
 *   64x1x28x28 to 16               1.09 / 0.81               1.29 / 1.15     0.56 / 0.40               0.72 / 0.53
 */
export function slidesTaps(
  c: i32, f: i32, h: i32, w: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32,
): bool {
  const fits: bool = f <= SLIDE_FILTERS && h <= 4096 && w <= 4096
  return fits && c == 1 && kh == 3 && kw == 3 && sh == sw && sh <= 2 && ph <= 2 && pw <= 2 && dlh * dlw == 1
}

/** Bytes of the small things of winograd.ts: a tile in work, and the table of the tiles of a chunk. */
export const WINOGRAD_TMP: i32 = 1792
export const WINOGRAD_TABLE: i32 = 16 * 104
/** Bytes that the places of a tile take more when they lie an odd number of cache lines apart. */
export const PLACES_SLACK: i32 = 64 * 128

/** Whole images whose tiles fill a chunk, or one where that is more. */
export function winogradImages(tiles: i32, chunk: i32): i32 {
  const images: i32 = floorDivide(chunk, tiles)
  return images > 1 ? images : 1
}

/** Outputs of a tile of inputs, a side. */
export function winogradOutputs(size: i32): i32 {
  return size == 7 ? 5 : 4
}

/** Taps of the kernels that tiles of a size are for, a side. */
export function winogradTaps(size: i32): i32 {
  return size + 1 - winogradOutputs(size)
}

/** Tiles of a plane of outputs. */
export function winogradTiles(size: i32, oh: i32, ow: i32): i32 {
  const outputs: i32 = winogradOutputs(size)
  return ceilDivide(oh, outputs) * ceilDivide(ow, outputs)
}

/** Multiplications of a plane of outputs, for each pair of channels. */
function multiplications(size: i32, oh: i32, ow: i32): i32 {
  return size * size * winogradTiles(size, oh, ow)
}

/**
 * The size of the tiles for kernels of k x k. For 3 x 3 it is 7 where that saves a tenth of the multiplications. The
 * time with 6 over that with 7 (float64, forward, 64x16xNxN to 32) is 2.2 for N = 5, 0.73 for 8, 1.5 for 10, 1.24 for
 * 14, 1.3 for 25, 0.99 for 28.
 */
export function winogradSize(k: i32, oh: i32, ow: i32): i32 {
  if (k == 5) return 8
  return 10 * multiplications(7, oh, ow) < 9 * multiplications(6, oh, ow) ? 7 : 6
}

/**
 * Whether a convolution goes by winograd.ts: never where `groups` is negative, by which the three passes are told to take
 * the direct algorithm, with as many groups. It must have kernels of 3 x 3 or 5 x 5, stride 1 and one group, and pay: a
 * half to a seventh of the multiplications, less what the transforms cost, which weighs more as channels get few, and
 * what tiles that jut out waste. Milliseconds, direct / Winograd (Xeon at 3 GHz, one thread):
 *
 *                             float64                              float32
 *                             forward    dx         dw             forward    dx         dw
 *   3x3 32x64x28x28 to 64     113 / 37   113 / 37   115 / 40       58 / 19    58 / 19    58 / 21
 *       64x16x14x14 to 32     7.4 / 2.9  8.1 / 3.0  7.7 / 3.3      3.9 / 1.6  4.3 / 1.6  3.9 / 1.8
 *       64x8x14x14 to 8       1.1 / 0.6  1.1 / 0.6  1.2 / 0.7      0.6 / 0.4  0.6 / 0.4  0.6 / 0.4
 *       64x4x14x14 to 4       0.4 / 0.3  0.4 / 0.3  0.4 / 0.3      0.2 / 0.2  0.2 / 0.2  0.2 / 0.2
 *       64x3x32x32 to 32      7.2 / 6.1  11 / 7.7   9.0 / 6.3      3.6 / 3.4  5.3 / 4.1  5.2 / 3.4
 *       64x3x28x28 to 3       0.8 / 0.8  0.8 / 0.8  1.3 / 0.9      0.6 / 0.5  0.6 / 0.5  0.8 / 0.7
 *       64x2x28x28 to 2       0.4 / 0.6  0.4 / 0.6  1.0 / 0.7      0.3 / 0.3  0.3 / 0.3  0.7 / 0.7   (left direct)
 *   5x5 16x64x27x27 to 192    425 / 101  439 / 117  424 / 112      214 / 54   221 / 60   213 / 55
 *       32x3x32x32 to 64      19 / 9.8   32 / 13    20 / 10        9.4 / 5.2  15 / 6.5   11 / 5.1
 *       64x6x14x14 to 16      2.0 / 1.1  6.2 / 2.3  2.1 / 1.5      1.2 / 0.6  3.5 / 1.3  1.1 / 0.9
 *       64x16x5x5 to 16       2.2 / 1.0  1.8 / 1.0  1.6 / 1.3      1.6 / 0.6  1.2 / 0.6  0.9 / 0.8
 *       64x2x16x16 to 8       1.0 / 0.6  1.1 / 0.9  1.1 / 0.9      0.5 / 0.4  0.6 / 0.5  0.6 / 0.6
 *       64x1x28x28 to 32      5.1 / 6.1  9.9 / 11   7.4 / 9.5      2.6 / 3.4  6.4 / 6.0  3.9 / 5.0   (left direct)
 *
 * The error, relative to the largest value, is below 1e-13 in float64, and in float32 below 1e-5 for 3 x 3
 * and 2e-5 for 5 x 5 (test/layers/convolution.test.ts).
 */
export function usesWinograd(
  c: i32, f: i32, oh: i32, ow: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dlh: i32, dlw: i32,
  groups: i32,
): bool {
  if (kh != kw || (kh != 3 && kh != 5) || sh * sw * dlh * dlw * groups != 1 || ph >= kh || pw >= kh) return false
  const count: i32 = multiplications(winogradSize(kh, oh, ow), oh, ow)
  if (kh == 5) return c >= 2 && f >= 2 && count <= 12 * oh * ow
  return c >= 3 && f >= 3 && 2 * count <= 9 * oh * ow
}

/** Tiles of a chunk: see winograd.ts. */
export function winogradChunk(size: i32, bytes: i32): i32 {
  return floorDivide((size == 6 ? 26 : size == 7 ? 20 : 12) * 16, bytes)
}

/**
 * Whether the weights become splats at once, for all filters, or panel by panel for each chunk of tiles: where they are many
 * for the cache, and for the `tiles` of an image. Milliseconds, at once / by panels (Zen 4, one thread, 32 images, forward):
 * float32 32x32x16x16 1.59 / 1.63, 64x64x8x8 1.74 / 1.57, 128x128x8x8 6.3 / 5.3, 512x512x4x4 53 / 42; float64
 * 64x64x28x28 29.3 / 30.3.
 */
export function winogradSplats(c: i32, f: i32, tiles: i32): bool {
  return c * f <= (tiles > 8 ? 200 * tiles : 1600)
}

/** Values of a padded plane in tiles of outputs, `border` more than there are. */
function tiledPlane(size: i32, oh: i32, ow: i32, border: i32): i32 {
  const outputs: i32 = winogradOutputs(size)
  return (outputs * ceilDivide(oh, outputs) + border) * (outputs * ceilDivide(ow, outputs) + border)
}

function winogradProductScratch(size: i32, c: i32, f: i32, oh: i32, ow: i32, bytes: i32): i32 {
  const places: i32 = size * size
  const chunk: i32 = winogradChunk(size, bytes)
  const rows: i32 = MR * ceilDivide(f, MR)
  const outputs: i32 = winogradOutputs(size)
  const tiles: i32 = winogradTiles(size, oh, ow)
  const images: i32 = winogradImages(tiles, chunk)
  const values: i32 = places * (c + MR) * chunk + images * c * tiledPlane(size, oh, ow, size - outputs)
  const weights: i32 = places * rows * c * (winogradSplats(c, f, tiles) ? 16 : bytes) + MR * c * 16
  return WINOGRAD_TMP + WINOGRAD_TABLE + 2 * PLACES_SLACK + weights + values * bytes
}

function winogradWeightScratch(size: i32, c: i32, f: i32, oh: i32, ow: i32, bytes: i32): i32 {
  const places: i32 = size * size
  const chunk: i32 = winogradChunk(size, bytes)
  const nr: i32 = floorDivide(32, bytes)
  const rows: i32 = MR * ceilDivide(c < f ? c : f, MR)
  const columns: i32 = nr * ceilDivide(c < f ? f : c, nr)
  const outputs: i32 = winogradOutputs(size)
  const images: i32 = winogradImages(winogradTiles(size, oh, ow), chunk)
  const planes: i32 = images * (c * tiledPlane(size, oh, ow, size - outputs) + f * tiledPlane(size, oh, ow, 0))
  const values: i32 = places * (rows * columns + (rows + columns) * chunk) + planes
  return WINOGRAD_TMP + WINOGRAD_TABLE + 2 * PLACES_SLACK + MR * chunk * 16 + values * bytes
}

/** Tiles of a chunk of winograd1d.ts at most, times the bytes of a value, and bytes of the table of them. */
export const LINE_CHUNK: i32 = 1024
export const LINE_TABLE: i32 = 4 * LINE_CHUNK
/** Bytes between the products of neighbouring places, of MR filters: an odd number of cache lines. */
export const LINE_PLACE: i32 = MR * LINE_CHUNK + 64

/**
 * Whether a convolution of sequences goes by winograd1d.ts: as usesWinograd, but the planner asks, since the kernels are
 * of the second group. Half to two fifths of the multiplications; so few channels that the transforms cost more are
 * left direct. Milliseconds, direct / Winograd (Zen 4, one thread):
 *
 *                           float64                               float32
 *                           forward      dx           dw          forward      dx           dw
 *   5   64x64x32 to 128     9.6 / 3.4    11 / 3.5     9.6 / 3.5   4.9 / 1.9    5.0 / 1.9    4.7 / 1.9
 *       64x32x64 to 64      4.2 / 2.0    5.0 / 2.0    4.5 / 2.0   2.2 / 1.1    2.3 / 1.0    2.2 / 1.1
 *       64x8x128 to 8       .34 / .27    .34 / .27    .33 / .26   .18 / .15    .18 / .15    .18 / .17
 *       64x3x128 to 32      .50 / .55    .61 / .50    .52 / .47   .25 / .29    .31 / .28    .30 / .27
 *       64x4x128 to 4       .12 / .11    .11 / .11    .11 / .11   .06 / .07    .06 / .07    .07 / .09   (left direct)
 *   3   64x32x64 to 64      2.6 / 1.7    2.7 / 1.7    2.9 / 1.9   1.3 / .82    1.4 / .80    1.3 / .90
 *       64x16x64 to 16      .38 / .28    .37 / .28    .38 / .27   .20 / .15    .20 / .15    .21 / .17
 *       64x32x2 to 32       .18 / .07    .18 / .07    .15 / .07   .19 / .04    .19 / .04    .10 / .05
 *       64x8x128 to 8       .23 / .21    .22 / .21    .21 / .21   .12 / .12    .12 / .12    .12 / .15   (left direct)
 *       64x3x128 to 32      .33 / .44    .41 / .37    .41 / .34   .17 / .23    .21 / .21    .29 / .23   (left direct)
 *
 * More than 4096 channels or filters are left direct as well, for the memory that their transformed weights take.
 */
export function usesLine(c: i32, f: i32, k: i32, stride: i32, pad: i32, dilation: i32, groups: i32): bool {
  if ((k != 3 && k != 5) || stride * dilation * groups != 1 || pad >= k || c > 4096 || f > 4096) return false
  return k == 5 ? c >= 3 && f >= 3 && c * f >= 64 : c >= 4 && f >= 4 && c * f >= 128
}

/** Tiles of a chunk where a sequence has so many: those of some whole sequences, or an even part of a longer one. */
export function lineChunk(tiles: i32, bytes: i32): i32 {
  const most: i32 = floorDivide(LINE_CHUNK, bytes)
  if (tiles <= most) return most
  const columns: i32 = floorDivide(32, bytes)
  return columns * ceilDivide(ceilDivide(tiles, ceilDivide(tiles, most)), columns)
}

/** Values of a padded sequence: those that the tiles of its outputs read. */
export function lineWidth(size: i32, ow: i32): i32 {
  return 4 * ceilDivide(ow, 4) + size - 4
}

/** Bytes of scratch of winograd1d.ts, enough for each of the three passes: dw has the most of all but sequences. */
export function lineScratch(c: i32, w: i32, f: i32, taps: i32, pad: i32, bytes: i32): i32 {
  const nr: i32 = floorDivide(32, bytes)
  const rows: i32 = MR * ceilDivide(c < f ? c : f, MR)
  const columns: i32 = nr * ceilDivide(c < f ? f : c, nr)
  const forward: i32 = chunkWidth(taps + 3, w + 2 * pad - taps + 1, bytes)
  const backward: i32 = chunkWidth(taps + 3, w, bytes)
  const values: i32 = (taps + 3) * rows * columns + (c + f) * (forward > backward ? forward : backward)
  const panel: i32 = 16 * MR * (columns + floorDivide(LINE_CHUNK, bytes))
  const chunk: i32 = (taps + 3) * (rows + columns) * LINE_CHUNK
  return WINOGRAD_TMP + LINE_TABLE + 2 * PLACES_SLACK + panel + chunk + values * bytes
}

/** Values of a channel of the padded sequences of a chunk. */
function chunkWidth(size: i32, ow: i32, bytes: i32): i32 {
  const tiles: i32 = ceilDivide(ow, 4)
  return winogradImages(tiles, lineChunk(tiles, bytes)) * lineWidth(size, ow)
}
