// Rows of the case table for the kernels of the second group: see kernels.ts.

import { CURVE_SCRATCH, SOFTMAX_SCRATCH, WEIGHTED_BINARY_SCRATCH, attentionScratch } from '../src/kernels/blocking'
import { convOutput } from '../src/kernels/conv-geometry'
import { GELU, GELU_TANH, HARD_SIGMOID, HARD_SWISH, SELU, SILU, SOFTPLUS } from '../src/kernels/curve-kinds'
import type { KernelCase } from './kernels'

const CURVES = { GELU, GELU_TANH, HARD_SIGMOID, HARD_SWISH, SELU, SILU, SOFTPLUS }

/** A curve, with its slope and without. */
export function curveCases(name: keyof typeof CURVES, count: number): KernelCase[] {
  const sizes = [count, CURVES[name]]
  return [true, false].map((slope) => ({
    kernel: 'curveForward',
    name: `${name} of ${count} values${slope ? ', with slopes' : ''}`,
    traffic: (slope ? 3 : 2) * count,
    args: (a) => [...sizes, a.values(count), a.scratch(CURVE_SCRATCH), slope ? a.values(count) : 0, a.values(count)],
  }))
}

export function preluCases(n: number, c: number, hw: number): KernelCase[] {
  const size = n * c * hw
  const name = `${n}x${c}x${hw}`
  return [
    {
      kernel: 'preluForward',
      name,
      traffic: 2 * size,
      args: (a) => [n, c, hw, a.values(size), a.values(c), a.values(size)],
    },
    {
      kernel: 'preluBackward',
      name,
      traffic: 3 * size,
      args: (a) => [n, c, hw, a.values(size), a.values(c), a.values(size), a.values(size)],
    },
    {
      kernel: 'preluProducts',
      name,
      traffic: 3 * size,
      args: (a) => [size, a.values(size), a.values(size), a.values(size)],
    },
  ]
}

export function softCase(n: number, classes: number, smoothing = 0, weighted = false, gradient = true): KernelCase {
  return {
    kernel: 'softCrossEntropy',
    name: [`${n}x${classes}`, smoothing, weighted ? 'weighted' : '', gradient ? '' : 'loss only'].join(' '),
    traffic: 3 * n * classes,
    args: (a) => [
      n,
      classes,
      n + 0.3,
      smoothing,
      a.values(n * classes),
      a.positive(n * classes),
      weighted ? a.positive(classes) : 0,
      a.scratch(SOFTMAX_SCRATCH + classes * a.bytes),
      gradient ? a.values(n * classes) : 0,
    ],
  }
}

export function weightedBinaryCase(count: number, gradient = true): KernelCase {
  return {
    kernel: 'weightedBinaryCrossEntropy',
    name: `${count}${gradient ? '' : ' loss only'}`,
    traffic: (gradient ? 4 : 3) * count,
    args: (a) => [
      count,
      count + 0.3,
      a.values(count),
      a.positive(count),
      a.positive(count),
      a.scratch(WEIGHTED_BINARY_SCRATCH),
      gradient ? a.values(count) : 0,
    ],
  }
}

export function robustCase(count: number, delta: number, gradient = true): KernelCase {
  return {
    kernel: 'robustError',
    name: `${count}, ${delta}${gradient ? '' : ' loss only'}`,
    traffic: (gradient ? 3 : 2) * count,
    args: (a) => [count, count + 0.3, delta, a.values(count), a.values(count), gradient ? a.values(count) : 0],
  }
}

/** The scalars of a step. */
const ADAM = [1e-3, 0.9, 0.1, 0.999, 1e-3, 1.3, 0, 1e-8, 0.99]
const RMSPROP = [1e-3, 0.9, 0.1, 0, 1e-6]

export function amsgradCase(count: number): KernelCase {
  return {
    kernel: 'amsgrad',
    name: `${count}`,
    traffic: 9 * count,
    args: (a) => [
      count,
      ...ADAM,
      a.values(count),
      a.values(count),
      a.positive(count),
      a.positive(count),
      a.values(count),
    ],
  }
}

export function rmspropFullCase(count: number, rho: number, centered: number): KernelCase {
  return {
    kernel: 'rmspropFull',
    name: `${count}, ${rho} ${centered}`,
    traffic: 9 * count,
    args: (a) => [
      count,
      ...RMSPROP,
      rho,
      centered,
      a.values(count),
      a.positive(count),
      a.values(count),
      a.values(count),
      a.values(count),
    ],
  }
}

type Sides = [top: number, left: number, bottom: number, right: number]

export function padCases(planes: number, h: number, w: number, sides: Sides): KernelCase[] {
  const [top, left, bottom, right] = sides
  const [x, y] = [planes * h * w, planes * (h + top + bottom) * (w + left + right)]
  const name = `${planes}x${h}x${w}, ${sides.join(' ')}`
  const sizes = [planes, h, w, ...sides]
  return [
    { kernel: 'padPlanes', name, traffic: x + y, args: (a) => [...sizes, a.values(x), a.values(y)] },
    { kernel: 'cropPlanes', name, traffic: 2 * x, args: (a) => [...sizes, a.values(y), a.values(x)] },
  ]
}

export function upsampleCases(planes: number, h: number, w: number, sh: number, sw: number): KernelCase[] {
  const [x, y] = [planes * h * w, planes * h * sh * w * sw]
  const name = `${planes}x${h}x${w} by ${sh}x${sw}`
  const sizes = [planes, h, w, sh, sw]
  const traffic = x + y
  return [
    { kernel: 'upsampleNearestForward', name, traffic, args: (a) => [...sizes, a.values(x), a.values(y)] },
    { kernel: 'upsampleNearestBackward', name, traffic, args: (a) => [...sizes, a.values(y), a.values(x)] },
    {
      kernel: 'upsampleBilinearForward',
      name,
      traffic,
      args: (a) => [...sizes, a.values(x), a.scratch(w * a.bytes), a.values(y)],
    },
    {
      kernel: 'upsampleBilinearBackward',
      name,
      traffic,
      args: (a) => [...sizes, a.values(y), a.scratch(w * a.bytes), a.values(x)],
    },
  ]
}

type Two = [vertical: number, horizontal: number]

export function dilatedPoolCase(
  planes: number,
  h: number,
  w: number,
  kernel: Two,
  stride: Two,
  pad: Two,
  dilation: Two,
): KernelCase {
  const [oh, ow] = [
    convOutput(h, kernel[0], stride[0], pad[0], dilation[0]),
    convOutput(w, kernel[1], stride[1], pad[1], dilation[1]),
  ]
  const y = planes * oh * ow
  return {
    kernel: 'dilatedMaxPool2dForward',
    name: `${planes}x${h}x${w}, ${kernel} stride ${stride} pad ${pad} dilation ${dilation}`,
    traffic: planes * h * w + y,
    places: y,
    args: (a) => [
      planes,
      h,
      w,
      oh,
      ow,
      ...kernel,
      ...stride,
      ...pad,
      ...dilation,
      a.values(planes * h * w),
      a.integersOut(y),
      a.values(y),
    ],
  }
}

/** Of arrays of [outer, count, inner]. */
export function axisCases(outer: number, count: number, inner: number): KernelCase[] {
  const name = `${outer}x${count}x${inner}`
  const [all, summed] = [outer * count * inner, outer * inner]
  const sizes = [outer, count, inner, 0.3]
  return [
    { kernel: 'sumAxis', name, traffic: all, args: (a) => [...sizes, a.values(all), a.values(summed)] },
    { kernel: 'spreadAxis', name, traffic: all, args: (a) => [...sizes, a.values(summed), a.values(all)] },
    {
      kernel: 'meanOfFirst',
      name,
      traffic: all,
      args: (a) => [outer, count, inner, a.values(all), a.integers(outer, count + 1), a.values(summed)],
    },
    {
      kernel: 'spreadToFirst',
      name,
      traffic: all,
      args: (a) => [outer, count, inner, a.values(summed), a.integers(outer, count + 1), a.values(all)],
    },
  ]
}

export function transposeCase(n: number, a: number, b: number, inner: number): KernelCase {
  const size = n * a * b * inner
  return {
    kernel: 'transposeAxes',
    name: `${n}x${a}x${b}x${inner}`,
    traffic: 2 * size,
    args: (memory) => [n, a, b, inner, memory.values(size), memory.values(size)],
  }
}

export function addPerChannelCase(n: number, c: number, hw: number): KernelCase {
  const size = n * c * hw
  return {
    kernel: 'addPerChannel',
    name: `${n}x${c}x${hw}`,
    traffic: 2 * size,
    args: (a) => [n, c, hw, a.values(size), a.values(c), a.values(size)],
  }
}

export function embeddingCases(rows: number, vocabulary: number, size: number, padding = -1): KernelCase[] {
  const name = `${rows} rows of ${vocabulary}x${size}${padding < 0 ? '' : `, padding ${padding}`}`
  const [w, y] = [vocabulary * size, rows * size]
  const traffic = 2 * y
  return [
    {
      kernel: 'embeddingForward',
      name,
      traffic,
      args: (a) => [rows, size, vocabulary, a.ids(rows, vocabulary), a.values(w), a.values(y)],
    },
    {
      kernel: 'embeddingBackward',
      name,
      traffic: traffic + y,
      args: (a) => [rows, size, size, vocabulary, padding, a.ids(rows, vocabulary), a.values(y), a.values(w)],
    },
  ]
}

export function addTableCase(n: number, size: number): KernelCase {
  return {
    kernel: 'addTable',
    name: `${n}x${size}`,
    traffic: 2 * n * size,
    args: (a) => [n, size, a.values(n * size), a.values(size), a.values(n * size)],
  }
}

/** Both passes of `n` examples of so many heads, each `size` wide; of one sequence where `keys` are left out. */
export function attentionCases(
  n: number,
  heads: number,
  size: number,
  queries: number,
  {
    keys = queries,
    causal = false,
    keep = 1,
    short = false,
  }: { keys?: number; causal?: boolean; keep?: number; short?: boolean } = {},
): KernelCase[] {
  const width = heads * size
  const alone = keys === queries
  // The three side by side, or queries by themselves.
  const [qRow, kRow] = alone ? [3 * width, 3 * width] : [width, 2 * width]
  const limit = keep < 1 ? Math.floor((1 - keep) * 65536) - 32768 : -32768
  const factor = keep < 1 ? 1 / keep : 1
  const sizes = [n, heads, heads, queries, keys, size, qRow, kRow, Number(causal), 1, limit, 123, 456, factor, 0.3]
  const how = [
    alone ? '' : ` to ${keys}`,
    causal ? ', causal' : '',
    keep < 1 ? `, keep ${keep}` : '',
    short ? ', short' : '',
  ].join('')
  const name = `${n}x${heads}x${queries}x${size}${how}`
  const products = n * heads * queries * keys * size * 2
  const places = (a: Parameters<KernelCase['args']>[0]) => {
    const q = a.values(n * queries * qRow)
    const other = alone ? q + width * a.bytes : a.values(n * keys * kRow)
    return [q, other, other + width * a.bytes]
  }
  const lengths = (a: Parameters<KernelCase['args']>[0]) => (short ? a.integers(n, keys + 1) : 0)
  const scratch = (a: Parameters<KernelCase['args']>[0]) => a.scratch(attentionScratch(size, keys, a.bytes))
  return [
    {
      kernel: 'attentionForward',
      name,
      flops: 2 * products,
      args: (a) => [
        ...sizes,
        ...places(a),
        lengths(a),
        scratch(a),
        a.values(2 * n * heads * queries),
        a.values(n * queries * width),
      ],
    },
    {
      kernel: 'attentionBackward',
      name,
      flops: 5 * products,
      args: (a) => {
        const inputs = places(a)
        // Sums that no probability is more than 1 by, and largest scores that none is above.
        const statistics = a.large(2 * n * heads * queries)
        const dy = a.values(n * queries * width)
        const work = scratch(a)
        return [...sizes, ...inputs, lengths(a), statistics, dy, work, ...places(a)]
      },
    },
  ]
}

const COUNTS = [1, 3, 7, 8, 9, 16, 17, 130]

export const moreKernelCases: readonly KernelCase[] = [
  ...(Object.keys(CURVES) as (keyof typeof CURVES)[]).flatMap((name) =>
    COUNTS.flatMap((count) => curveCases(name, count)),
  ),
  ...COUNTS.flatMap((count) => [
    ...axisCases(2, 3, count),
    ...axisCases(3, count, 5),
    transposeCase(2, count, 3, 1),
    transposeCase(2, 3, count, 1),
    transposeCase(3, 2, 5, count),
    addPerChannelCase(2, 3, count),
    addTableCase(3, count),
    ...embeddingCases(count, 5, 3),
    ...embeddingCases(5, 7, count, 2),
    ...upsampleCases(2, 3, count, 2, 3),
  ]),
  ...[1, 3, 4, 9, 16].flatMap((size) => attentionCases(2, 3, size, 5, { causal: size % 2 === 0 })),
  ...attentionCases(1, 1, 1, 1),
  ...attentionCases(2, 2, 5, 33),
  ...attentionCases(1, 3, 4, 70, { causal: true, keep: 0.7 }),
  ...attentionCases(3, 2, 7, 6, { keys: 9, keep: 0.5 }),
  ...attentionCases(2, 2, 8, 40, { keys: 1 }),
  ...attentionCases(5, 2, 3, 35, { short: true, causal: true }),
  ...attentionCases(5, 1, 4, 6, { short: true, keys: 3, keep: 0.6 }),
  ...axisCases(2, 700, 3),
  ...axisCases(1, 1, 1),
  ...padCases(3, 4, 5, [0, 0, 0, 0]),
  ...padCases(3, 4, 5, [1, 2, 3, 4]),
  ...padCases(2, 1, 9, [0, 3, 1, 0]),
  ...upsampleCases(3, 1, 1, 1, 1),
  ...upsampleCases(3, 4, 5, 3, 2),
  ...upsampleCases(2, 4, 1, 5, 4),
  dilatedPoolCase(3, 7, 9, [3, 2], [1, 2], [1, 1], [2, 3]),
  dilatedPoolCase(2, 1, 1, [2, 2], [1, 1], [1, 1], [2, 2]),
  dilatedPoolCase(2, 12, 5, [2, 1], [3, 1], [0, 0], [4, 1]),
  ...COUNTS.flatMap((count) => [...preluCases(2, 3, count), ...preluCases(3, count, 1), ...preluCases(2, 1, count)]),
  ...[...COUNTS, 9000].flatMap((count): KernelCase[] => [
    softCase(2, count),
    softCase(3, count, 0.1, true),
    softCase(2, count, 0, false, false),
    weightedBinaryCase(count),
    weightedBinaryCase(count, false),
    robustCase(count, 0),
    robustCase(count, 0.4),
    robustCase(count, 0.4, false),
    amsgradCase(count),
    rmspropFullCase(count, 0, 1),
    rmspropFullCase(count, 0.9, 0),
    rmspropFullCase(count, 0.9, 1),
  ]),
]
