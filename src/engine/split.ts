// How a call is split among threads: by its outputs, never along a sum, so that no bit depends on how many threads there
// are. This table is the only place that says which calls are split, and along what. A rule gets the arguments of a
// call; it says of how many units the outputs are, which sizes count them, and how far pointers move from one to the next.

import { convOutput, usesWinograd, winogradSize, winogradTiles } from '../kernels/conv-geometry'
import type { Kernels } from '../kernels/index'
import { gatesOf, keptOf, slopesOf, statesOf } from '../kernels/recurrent-kinds'
import { MOST_ARGUMENTS } from './shares'

/** What a rule says of a call. Made once, and filled for each call. */
export interface Split {
  /** Bytes of a value. */
  readonly bytes: number
  /** How many units; a call of less than two is not split. */
  units: number
  /** Of how many units a share should be a multiple, so that vectors and tiles are whole; results do not depend on it. */
  grain: number
  /** About how long the call takes, in nanoseconds. */
  cost: number
  /** The argument that is the scratch, of which each thread has its own; -1 if none is. */
  scratch: number
  /** For each argument: see Block. */
  readonly step: Float64Array
  readonly perUnit: Float64Array
}

export type Rule = (a: ArrayLike<number>, split: Split) => void

/** Nanoseconds of a multiplication and an addition within a product, and of a value that is read or written. */
const PRODUCT = 0.045
const VALUE = 0.12

/** `units` of them, counted by the argument `size`, which is so many for each. */
function along(s: Split, units: number, grain: number, size: number, perUnit = 1): void {
  s.units = units
  s.grain = grain
  s.perUnit[size] = perUnit
}

/** The pointer `at` moves by so many values, or places (i32), from one unit to the next. */
function move(s: Split, at: number, values: number): void {
  s.step[at] = values * s.bytes
}
function movePlaces(s: Split, at: number, places: number): void {
  s.step[at] = 4 * places
}

/** Values, as many as argument 0 says, at these pointers; `weight`: how many times as long as copying each takes. */
function elements(pointers: readonly number[], weight = 1, scratch = -1): Rule {
  return (a, s) => {
    along(s, a[0], 16, 0)
    for (let i = 0; i < pointers.length; i++) s.step[pointers[i]] = s.bytes
    s.scratch = scratch
    s.cost = a[0] * pointers.length * weight * VALUE
  }
}

/** Rows, as many as argument 0 says, each of so many values at a pointer as `sizes` multiply to, such as c * hw. */
function rows(sizes: readonly number[], pointers: readonly number[], weight = 1, scratch = -1): Rule {
  return (a, s) => {
    along(s, a[0], 1, 0)
    let size = 1
    for (let i = 0; i < sizes.length; i++) size *= a[sizes[i]]
    for (let i = 0; i < pointers.length; i++) move(s, pointers[i], size)
    s.scratch = scratch
    s.cost = a[0] * size * pointers.length * weight * VALUE
  }
}

/** Planes of h x w and their windows of oh x ow: pointers to images, to places in them and to results. */
function windows(image: number, places: number, results: number, weight: number, scratch = -1): Rule {
  return (a, s) => {
    const size = a[1] * a[2]
    const count = a[3] * a[4]
    along(s, a[0], 1, 0)
    move(s, image, size)
    move(s, results, count)
    if (places) movePlaces(s, places, count)
    s.scratch = scratch
    s.cost = a[0] * (size + count) * weight * VALUE
  }
}

/** Planes of h x w, and of those with zeros around them: pointers to both. */
function planesAround(inner: number, outer: number): Rule {
  return (a, s) => {
    const size = a[1] * a[2]
    const around = (a[1] + a[3] + a[5]) * (a[2] + a[4] + a[6])
    along(s, a[0], 1, 0)
    move(s, inner, size)
    move(s, outer, around)
    s.cost = a[0] * (size + around) * VALUE
  }
}

/** Planes of h x w, and of those sh and sw times as large: pointers to both. */
function upsampling(small: number, large: number, weight: number, scratch = -1): Rule {
  return (a, s) => {
    const size = a[1] * a[2]
    along(s, a[0], 1, 0)
    move(s, small, size)
    move(s, large, size * a[3] * a[4])
    s.scratch = scratch
    s.cost = a[0] * size * a[3] * a[4] * weight * VALUE
  }
}

/** Arrays of [outer, count, inner], and of those without the axis: pointers to both. */
function axis(all: number, summed: number, lengths = -1): Rule {
  return (a, s) => {
    along(s, a[0], 1, 0)
    move(s, all, a[1] * a[2])
    move(s, summed, a[2])
    if (lengths >= 0) movePlaces(s, lengths, 1)
    s.cost = a[0] * (a[1] + 1) * a[2] * VALUE
  }
}

/** Below so many images a convolution is split by filters, or channels: shares of images would differ too much. */
const FEW_IMAGES = 8
/**
 * Tiles of a channel, by Winograd, for each byte of a value, below which shares of filters are the faster, each of which
 * transforms all inputs: measured, 4 tiles in float64 and 2 in float32.
 */
const TILES_OF_WEIGHTS = 0.5

/**
 * forward, of f filters; or dx, of c channels, with what is said of both exchanged. By filters where images are few, or
 * where each thread would transform more weights for its images than inputs for its filters; else by images.
 */
function convolution(x: number, outputs: number, backward: boolean): Rule {
  // Those of sequences have no size of an image that is 1.
  const line = x < 15
  const at = line ? 2 : 3
  return (a, s) => {
    // A list of them would be made anew in each call.
    const c = a[1]
    const h = line ? 1 : a[backward ? 3 : 2]
    const w = a[backward ? at + 1 : at]
    const f = a[backward ? at + 2 : at + 1]
    const kh = line ? 1 : a[6]
    const kw = a[line ? 5 : 7]
    const sh = line ? 1 : a[8]
    const sw = line ? 1 : a[9]
    const ph = line ? 0 : a[10]
    const pw = a[line ? 6 : 11]
    const dlh = line ? 1 : a[12]
    const dlw = line ? 1 : a[13]
    const groups = line ? 1 : a[14]
    const oh = convOutput(h, kh, sh, ph, dlh)
    const ow = convOutput(w, kw, sw, pw, dlw)
    const from = backward ? f : c
    const to = backward ? c : f
    const toH = backward ? h : oh
    const toW = backward ? w : ow
    const toSize = toH * toW
    const fromSize = backward ? oh * ow : h * w
    const tiles = line
      ? toW / 4
      : usesWinograd(c, f, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)
        ? winogradTiles(winogradSize(kh, toH, toW), toH, toW)
        : Infinity
    const few = a[0] < FEW_IMAGES || TILES_OF_WEIGHTS * s.bytes * to > a[0] * tiles
    if (few && Math.abs(groups) === 1 && from > 1 && to > FEW_IMAGES) {
      along(s, to, 4, backward ? 1 : at + 1)
      move(s, x + 1, backward ? kh * kw : c * kh * kw)
      if (!backward) move(s, x + 2, 1)
      move(s, outputs, toSize)
    } else {
      along(s, a[0], 1, 0)
      move(s, x, from * fromSize)
      move(s, outputs, to * toSize)
    }
    s.scratch = outputs - 1
    s.cost = (a[0] * f * oh * ow * c * kh * kw * PRODUCT) / Math.abs(groups)
  }
}

/**
 * dw: groups where there are several, else channels, or filters where those are more than twice as many: each thread
 * transforms the others, and gradients take less than inputs.
 */
const convolutionWeight: Rule = (a, s) => {
  const groups = Math.abs(a[15])
  const outputs = convOutput(a[3], a[7], a[9], a[11], a[13]) * convOutput(a[4], a[8], a[10], a[12], a[14])
  weights(s, a[0], a[2] / groups, a[3] * a[4], a[6] / groups, a[7] * a[8], outputs, groups, 5, 16)
}

/** The same of sequences. */
const lineWeight: Rule = (a, s) => {
  weights(s, a[0], a[2], a[3], a[5], a[6], convOutput(a[3], a[6], 1, a[7], 1), 1, 4, 8)
}

/** cg channels of `size` values and fg filters of a group; the place of f, and of x, behind which are dy, scratch and dw. */
function weights(
  s: Split,
  n: number,
  cg: number,
  size: number,
  fg: number,
  taps: number,
  outputs: number,
  groups: number,
  f: number,
  x: number,
): void {
  if (groups > 1) {
    along(s, groups, 8, 1, cg)
    s.perUnit[f] = fg
    move(s, x, cg * size)
    move(s, x + 1, fg * outputs)
    move(s, x + 3, fg * cg * taps)
  } else if (2 * cg >= fg) {
    along(s, cg, 8, 1)
    move(s, x, size)
    move(s, x + 3, taps)
  } else {
    along(s, fg, 8, f)
    move(s, x + 1, outputs)
    move(s, x + 3, cg * taps)
  }
  s.scratch = x + 2
  s.cost = n * fg * groups * outputs * cg * taps * PRODUCT
}

/** Batch norm by channels: `image` pointers move by hw values, `features` by one. */
function channels(hw: number, image: readonly number[], features: readonly number[], scratch: number): Rule {
  return (a, s) => {
    const size = hw ? a[hw] : 1
    along(s, a[1], hw ? 1 : 16, 1)
    for (let i = 0; i < image.length; i++) move(s, image[i], size)
    for (let i = 0; i < features.length; i++) move(s, features[i], 1)
    s.scratch = scratch
    s.cost = a[0] * a[1] * size * (image.length + 1) * VALUE
  }
}

/** Group norm by groups, whose statistics lie together for each example; of one group, if nothing is summed, by examples. */
function groups(
  images: readonly number[],
  features: readonly number[],
  statistics: readonly number[],
  scratch: number,
): Rule {
  return (a, s) => {
    const byExample = a[2] === 1 && images.length === 2
    along(s, byExample ? a[0] : a[1], 1, byExample ? 0 : 1)
    for (let i = 0; i < images.length; i++) move(s, images[i], a[3] * a[4])
    for (let i = 0; i < features.length && !byExample; i++) move(s, features[i], a[3])
    for (let i = 0; i < statistics.length; i++) move(s, statistics[i], 1)
    s.scratch = scratch
    s.cost = a[0] * a[1] * a[3] * a[4] * (images.length + 1) * VALUE
  }
}

/** A pointer, and by how many values for each unit of a kind of recurrent layer it moves. */
type OfKind = readonly [pointer: number, perUnit: (kind: number) => number]

/** Steps of a recurrent layer, by rows: pointers to what each row has at every step, or once; and to lengths and to y. */
function steps(
  ofSteps: readonly OfKind[],
  ofRows: readonly OfKind[],
  lengths: number,
  y: number,
  scratch: number,
): Rule {
  return (a, s) => {
    const time = a[1]
    const units = a[2]
    const kind = a[3]
    along(s, a[0], 4, 0)
    for (let i = 0; i < ofSteps.length; i++) move(s, ofSteps[i][0], time * ofSteps[i][1](kind) * units)
    for (let i = 0; i < ofRows.length; i++) move(s, ofRows[i][0], ofRows[i][1](kind) * units)
    movePlaces(s, lengths, 1)
    move(s, y, a[8] ? time * a[9] : a[9])
    s.scratch = scratch
    s.cost = a[0] * (a[6] - a[5]) * gatesOf(kind) * units * (units * PRODUCT + 12 * VALUE)
  }
}

/** Examples, or heads where those are more: pointers to rows of q, of k and v, to statistics, and to rows of y; 18: lengths. */
function attention(
  queries: readonly number[],
  keys: readonly number[],
  statistics: number,
  outputs: number,
  scratch: number,
  products: number,
): Rule {
  return (a, s) => {
    const byExample = a[0] >= a[1]
    along(s, byExample ? a[0] : a[1], 1, byExample ? 0 : 1)
    s.step[9] = byExample ? a[2] : 1
    for (let i = 0; i < queries.length; i++) move(s, queries[i], byExample ? a[3] * a[6] : a[5])
    for (let i = 0; i < keys.length; i++) move(s, keys[i], byExample ? a[4] * a[7] : a[5])
    if (byExample) movePlaces(s, 18, 1)
    move(s, statistics, 2 * a[3] * (byExample ? a[2] : 1))
    move(s, outputs, a[5] * (byExample ? a[3] * a[2] : 1))
    s.scratch = scratch
    s.cost = a[0] * a[1] * a[3] * a[4] * (products * a[5] * PRODUCT + 12 * VALUE)
  }
}

/** C by columns, or by rows where those are more. */
const product: Rule = (a, s) => {
  const m = a[0]
  const n = a[1]
  const k = a[2]
  if (n >= m) {
    along(s, n, 8, 1)
    move(s, 10, a[6])
    move(s, 12, 1)
  } else {
    along(s, m, 4, 0)
    move(s, 9, a[3])
    move(s, 12, a[7])
  }
  s.scratch = 11
  s.cost = m * n * k * PRODUCT
}

/** Rules of all kernels; undefined where a call is never split: its result is one number. */
export const RULES: { readonly [K in keyof Kernels]: Rule | undefined } = {
  bytesPerValue: undefined,

  // Sums.
  dot: undefined,
  sumOfSquares: undefined,
  sumOfMagnitudes: undefined,
  norm: undefined,
  maxMagnitude: undefined,
  firstNotFinite: undefined,
  softmaxCrossEntropy: undefined,
  hinge: undefined,
  meanSquaredError: undefined,
  binaryCrossEntropy: undefined,
  robustError: undefined,
  softCrossEntropy: undefined,
  weightedBinaryCrossEntropy: undefined,
  sumOfLabelWeights: undefined,
  addChannelSums: (a, s) => {
    along(s, a[1], a[3] === 1 ? 16 : 1, 1)
    move(s, 4, a[3])
    move(s, 5, 1)
    s.cost = a[0] * a[1] * a[3] * VALUE
  },

  // Elementwise.
  add: elements([1, 2, 3]),
  multiply: elements([1, 2, 3]),
  addScaled: elements([2, 3], 1.5),
  addScaledTo: elements([2, 3, 4]),
  scale: elements([2], 2),
  fill: elements([2]),
  addSigns: elements([2, 3], 1.5),
  clamp: elements([2], 2),
  scaled: elements([2, 3]),
  reluForward: elements([2, 3]),
  reluBackward: elements([2, 3, 4]),
  leakyReluForward: elements([2, 3]),
  leakyReluBackward: elements([2, 3, 4]),
  eluForward: elements([2, 4], 12, 3),
  eluBackward: elements([2, 3, 4]),
  sigmoidForward: elements([1, 3], 12, 2),
  sigmoidBackward: elements([1, 2, 3]),
  tanhForward: elements([1, 3], 12, 2),
  tanhBackward: elements([1, 2, 3]),
  curveForward: elements([2, 4, 5], 15, 3),
  preluProducts: elements([1, 2, 3]),
  momentum: elements([4, 5, 6], 1.5),
  nesterov: elements([4, 5, 6], 1.5),
  rmsprop: elements([6, 7, 8], 3),
  adam: elements([10, 11, 12, 13], 3),
  amsgrad: elements([10, 11, 12, 13, 14], 3),
  rmspropFull: elements([8, 9, 10, 11, 12], 3),
  // A mask is drawn by the number of the value in the call.
  dropout: undefined,

  // Rows.
  limitRowNorms: rows([1], [3]),
  softmaxForward: rows([1, 2], [3, 5], 12, 4),
  softmaxBackward: rows([1, 2], [3, 4, 6], 1, 5),
  normalizeForward: rows([1, 2], [3, 6]),
  normalizeBackward: rows([1, 2], [4, 5]),
  preluForward: rows([1, 2], [3, 5]),
  preluBackward: rows([1, 2], [3, 5, 6]),
  copyBlocks: (a, s) => {
    along(s, a[0], 1, 0)
    move(s, 4, a[2])
    move(s, 5, a[3])
    s.cost = 2 * a[0] * a[1] * VALUE
  },
  maxoutForward: (a, s) => {
    along(s, a[0], a[2] === 1 ? 16 : 1, 0)
    move(s, 3, a[1] * a[2])
    movePlaces(s, 4, a[2])
    move(s, 5, a[2])
    s.cost = a[0] * (a[1] + 2) * a[2] * VALUE
  },
  maxoutBackward: (a, s) => {
    along(s, a[0], a[2] === 1 ? 16 : 1, 0)
    movePlaces(s, 3, a[2])
    move(s, 4, a[2])
    move(s, 5, a[1] * a[2])
    s.cost = a[0] * (a[1] + 2) * a[2] * VALUE
  },

  // Planes of images.
  maxPool2dForward: windows(12, 14, 15, 4, 13),
  maxPool2x2Forward: windows(6, 7, 8, 1),
  maxPool2dBackward: (a, s) => {
    along(s, a[0], 1, 0)
    move(s, 3, a[2])
    movePlaces(s, 4, a[2])
    move(s, 5, a[1])
    s.cost = a[0] * (a[1] + 4 * a[2]) * VALUE
  },
  avgPool2dForward: windows(12, 0, 14, 4, 13),
  avgPool2dBackward: windows(14, 0, 12, 4, 13),
  globalAvgPool2dForward: (a, s) => {
    along(s, a[0], 1, 0)
    move(s, 2, a[1])
    move(s, 3, 1)
    s.cost = a[0] * a[1] * VALUE
  },
  globalAvgPool2dBackward: (a, s) => {
    along(s, a[0], 1, 0)
    move(s, 2, 1)
    move(s, 3, a[1])
    s.cost = a[0] * a[1] * VALUE
  },

  padPlanes: planesAround(7, 8),
  cropPlanes: planesAround(8, 7),
  dilatedMaxPool2dForward: (a, s) => {
    along(s, a[0], 1, 0)
    move(s, 13, a[1] * a[2])
    movePlaces(s, 14, a[3] * a[4])
    move(s, 15, a[3] * a[4])
    s.cost = 4 * a[0] * a[3] * a[4] * a[5] * a[6] * VALUE
  },
  upsampleNearestForward: upsampling(5, 6, 4),
  upsampleNearestBackward: upsampling(6, 5, 4),
  upsampleBilinearForward: upsampling(5, 7, 10, 6),
  upsampleBilinearBackward: upsampling(7, 5, 14, 6),

  // Axes.
  transposeAxes: (a, s) => {
    const size = a[1] * a[2] * a[3]
    along(s, a[0], 1, 0)
    move(s, 4, size)
    move(s, 5, size)
    s.cost = 4 * a[0] * size * VALUE
  },
  sumAxis: axis(4, 5),
  spreadAxis: axis(5, 4),
  meanOfFirst: axis(3, 5, 4),
  spreadToFirst: axis(5, 3, 4),

  // Sequences.
  attentionForward: attention([15], [16, 17], 20, 21, 19, 2),
  attentionBackward: attention([15, 22], [16, 17, 23, 24], 19, 20, 21, 5),
  embeddingForward: (a, s) => {
    along(s, a[0], 1, 0)
    move(s, 3, 1)
    move(s, 5, a[1])
    s.cost = 2 * a[0] * a[1] * VALUE
  },
  // By columns: several rows may be added to one.
  embeddingBackward: (a, s) => {
    along(s, a[1], 8, 1)
    move(s, 6, 1)
    move(s, 7, 1)
    s.cost = 3 * a[0] * a[1] * VALUE
  },
  addTable: rows([1], [2, 4], 1.5),

  // Channels.
  addPerChannel: rows([1, 2], [3, 5]),
  batchNormForward: channels(3, [10, 18], [11, 12, 13, 14, 16, 17], 15),
  batchNormBackward: channels(3, [6, 11, 15], [7, 8, 9, 10, 13, 14], 12),
  batchNormFeaturesForward: channels(0, [9, 17], [10, 11, 12, 13, 15, 16], 14),
  batchNormFeaturesBackward: channels(0, [5, 10, 14], [6, 7, 8, 9, 12, 13], 11),
  groupNormForward: groups([6, 12], [7, 8], [10, 11], 9),
  groupNormBackward: groups([5, 9, 13], [6, 11, 12], [7, 8], 10),

  // Products.
  gemm: product,
  packWeights: undefined,
  recurrentForward: steps(
    [
      [10, keptOf],
      [16, () => 1],
    ],
    [[17, statesOf]],
    14,
    18,
    15,
  ),
  recurrentBackward: steps(
    [
      [10, keptOf],
      [11, () => 1],
      [17, slopesOf],
    ],
    [
      [16, statesOf],
      [18, slopesOf],
    ],
    13,
    14,
    15,
  ),
  denseForward: (a, s) => {
    const n = a[0]
    const inputs = a[1]
    const outputs = a[2]
    if (2 * outputs >= n) {
      along(s, outputs, 8, 2)
      move(s, 5, inputs)
      move(s, 6, 1)
      move(s, 8, 1)
    } else {
      along(s, n, 4, 0)
      move(s, 4, inputs)
      move(s, 8, a[3])
    }
    s.scratch = 7
    s.cost = n * inputs * outputs * PRODUCT
  },
  denseBackwardInput: (a, s) => {
    const n = a[0]
    const inputs = a[1]
    const outputs = a[3]
    if (2 * inputs >= n) {
      along(s, inputs, 8, 1)
      move(s, 5, 1)
      move(s, 7, 1)
    } else {
      along(s, n, 4, 0)
      move(s, 4, outputs)
      move(s, 7, a[2])
    }
    s.scratch = 6
    s.cost = n * inputs * outputs * PRODUCT
  },
  denseBackwardWeight: (a, s) => {
    const inputs = a[1]
    const outputs = a[3]
    if (inputs >= outputs) {
      along(s, inputs, 8, 1)
      move(s, 5, 1)
      move(s, 8, 1)
    } else {
      along(s, outputs, 4, 3)
      move(s, 6, 1)
      move(s, 8, a[2])
    }
    s.scratch = 7
    s.cost = a[0] * inputs * outputs * PRODUCT
  },
  conv2dForward: convolution(15, 19, false),
  conv2dBackwardInput: convolution(15, 18, true),
  conv2dBackwardWeight: convolutionWeight,
  winograd1dForward: convolution(7, 11, false),
  winograd1dBackwardInput: convolution(7, 10, true),
  winograd1dBackwardWeight: lineWeight,
}

export function createSplit(bytes: number): Split {
  const numbers = () => new Float64Array(MOST_ARGUMENTS)
  return { bytes, units: 0, grain: 1, cost: 0, scratch: -1, step: numbers(), perUnit: numbers() }
}

/** Fills `split` with what the rule says of a call. */
export function splitOf(rule: Rule, a: ArrayLike<number>, split: Split): void {
  split.step.fill(0)
  split.perUnit.fill(0)
  split.scratch = -1
  rule(a, split)
}
