// The case table of the kernels: each row is one call. It drives the comparison of WebAssembly with the twin, bit for
// bit, and the benchmark. Sizes include 1, odd tails, edges of blocks and non-square shapes.

import type { Kernels } from '../src/kernels/index'
import { BINARY_SCRATCH, EXP_SCRATCH, GEMM_SCRATCH, NORM_SCRATCH, SOFTMAX_SCRATCH } from '../src/kernels/blocking'
import { arePairs, convOutput, convScratch, poolOutput, poolScratch } from '../src/kernels/conv-geometry'
import { createRandom } from '../src/random'
import { moreKernelCases } from './kernels-more'
import { lineKernelCases } from './kernels-line'
import { recurrentKernelCases } from './kernels-recurrent'

/** Hands out memory for the arguments of a call, and says what is in it. */
export interface Arguments {
  readonly bytes: 8 | 4
  /** Normal values. */
  values(count: number): number
  /** Values above 0. */
  positive(count: number): number
  /** Values of 50 and more. */
  large(count: number): number
  /** Whole numbers from -1 to limit, the first and the last beside a vocabulary, as values. */
  ids(count: number, limit: number): number
  /** Integers from 0 to limit - 1, i32. */
  integers(count: number, limit: number): number
  /** Where the kernel writes i32. */
  integersOut(count: number): number
  /** Memory whose contents after the call do not matter. */
  scratch(bytes: number): number
}

type Kernel = keyof Kernels

export interface KernelCase {
  readonly kernel: Kernel
  readonly name: string
  readonly args: (a: Arguments) => number[]
  /** For the benchmark: additions and multiplications, or values and places (i32) read and written. */
  readonly flops?: number
  readonly traffic?: number
  readonly places?: number
}

type Conv = [n: number, c: number, h: number, w: number, f: number, kernel: number[], options?: ConvOptions]
interface ConvOptions {
  stride?: number[]
  pad?: number[]
  dilation?: number[]
  groups?: number
}

/** The three passes of one convolution. */
export function convCases(...[n, c, h, w, f, kernel, options = {}]: Conv): KernelCase[] {
  const { stride = [1, 1], pad = [0, 0], dilation = [1, 1], groups = 1 } = options
  const [kh, kw] = kernel
  const [sh, sw] = stride
  const [ph, pw] = pad
  const [dlh, dlw] = dilation
  const window = [kh, kw, sh, sw, ph, pw, dlh, dlw, groups]
  const oh = convOutput(h, kh, sh, ph, dlh)
  const ow = convOutput(w, kw, sw, pw, dlw)
  const [x, y, weights] = [n * c * h * w, n * f * oh * ow, (f * c * kh * kw) / groups]
  const scratch = (a: Arguments) =>
    a.scratch(convScratch(c, h, w, f, kh, kw, sh, sw, ph, pw, dlh, dlw, groups, a.bytes))
  const flops = (2 * y * c * kh * kw) / groups
  const extra = [
    stride.join() === '1,1' ? '' : ` stride ${stride}`,
    pad.join() === '0,0' ? '' : ` pad ${pad}`,
    dilation.join() === '1,1' ? '' : ` dilation ${dilation}`,
    groups === 1 ? '' : ` groups ${groups}`,
  ].join('')
  const name = `${n}x${c}x${h}x${w} to ${f}, ${kh}x${kw}${extra}`
  return [
    {
      kernel: 'conv2dForward',
      name,
      flops,
      args: (a) => [n, c, h, w, f, f, ...window, a.values(x), a.values(weights), a.values(f), scratch(a), a.values(y)],
    },
    {
      kernel: 'conv2dBackwardInput',
      name,
      flops,
      args: (a) => [n, c, c, h, w, f, ...window, a.values(y), a.values(weights), scratch(a), a.values(x)],
    },
    {
      kernel: 'conv2dBackwardWeight',
      name,
      flops,
      args: (a) => [n, c, c, h, w, f, f, ...window, a.values(x), a.values(y), scratch(a), a.values(weights)],
    },
    { kernel: 'addChannelSums', name, args: (a) => [n, f, f, oh * ow, a.values(y), a.values(f)] },
  ]
}

/** C = A B; transposed sides have their strides exchanged. */
export function gemmCase(m: number, n: number, k: number, transposed = '', accumulate = 0): KernelCase {
  const a = transposed.includes('A') ? [1, m] : [k, 1]
  const b = transposed.includes('B') ? [1, k] : [n, 1]
  return {
    kernel: 'gemm',
    name: `${m}x${n}x${k} ${transposed}${accumulate ? ' accumulate' : ''}`.trim(),
    flops: 2 * m * n * k,
    args: (memory) => [
      m,
      n,
      k,
      ...a,
      ...b,
      n,
      accumulate,
      memory.values(m * k),
      memory.values(k * n),
      memory.scratch(GEMM_SCRATCH),
      memory.values(m * n),
    ],
  }
}

export function denseCases(n: number, inputs: number, outputs: number): KernelCase[] {
  const name = `${n}x${inputs} to ${outputs}`
  const flops = 2 * n * inputs * outputs
  const [x, w, y] = [n * inputs, inputs * outputs, n * outputs]
  return [
    {
      kernel: 'denseForward',
      name,
      flops,
      args: (a) => [
        n,
        inputs,
        outputs,
        outputs,
        a.values(x),
        a.values(w),
        a.values(outputs),
        a.scratch(GEMM_SCRATCH),
        a.values(y),
      ],
    },
    {
      kernel: 'denseForward',
      name: `${name} no bias`,
      args: (a) => [n, inputs, outputs, outputs, a.values(x), a.values(w), 0, a.scratch(GEMM_SCRATCH), a.values(y)],
    },
    {
      kernel: 'denseBackwardInput',
      name,
      flops,
      args: (a) => [n, inputs, inputs, outputs, a.values(y), a.values(w), a.scratch(GEMM_SCRATCH), a.values(x)],
    },
    {
      kernel: 'denseBackwardWeight',
      name,
      flops,
      args: (a) => [
        n,
        inputs,
        inputs,
        outputs,
        outputs,
        a.values(x),
        a.values(y),
        a.scratch(GEMM_SCRATCH),
        a.values(w),
      ],
    },
    { kernel: 'addChannelSums', name, args: (a) => [n, outputs, outputs, 1, a.values(y), a.values(outputs)] },
  ]
}

export function batchNormCases(n: number, c: number, hw: number, training: number, relu: number): KernelCase[] {
  const size = n * c * hw
  const name = `${n}x${c}x${hw}${training ? '' : ' running'}${relu ? ' + relu' : ''}`
  const [kernel, sizes] =
    hw === 1 ? (['batchNormFeatures', [n, c, c]] as const) : (['batchNorm', [n, c, c, hw]] as const)
  return [
    {
      kernel: `${kernel}Forward`,
      name,
      // x twice, since the statistics come first.
      traffic: (training ? 3 : 2) * size,
      args: (a) => [
        ...sizes,
        training,
        relu,
        relu,
        1e-5,
        0.9,
        1 - 0.9,
        a.values(size),
        a.values(c),
        a.values(c),
        a.values(c),
        a.positive(c),
        a.scratch(NORM_SCRATCH),
        a.values(c),
        a.values(c),
        a.values(size),
      ],
    },
    {
      kernel: `${kernel}Backward`,
      name,
      traffic: 5 * size,
      args: (a) => [
        ...sizes,
        training,
        relu,
        a.values(size),
        a.values(c),
        a.values(c),
        a.values(c),
        a.positive(c),
        a.values(size),
        a.scratch(NORM_SCRATCH),
        a.values(c),
        a.values(c),
        a.values(size),
      ],
    },
  ]
}

export function groupNormCases(n: number, groups: number, c: number, hw: number): KernelCase[] {
  const size = n * c * hw
  const name = `${n}x${c}x${hw} in ${groups}`
  const sizes = [n, groups, groups, c / groups, hw]
  const [x, features, statistics] = [size, c, n * groups]
  const outputs = (a: Arguments) => [a.values(features), a.values(features)]
  return [
    {
      kernel: 'groupNormForward',
      name,
      traffic: 3 * size,
      args: (a) => [
        ...sizes,
        1e-5,
        a.values(x),
        ...outputs(a),
        a.scratch(NORM_SCRATCH),
        a.values(statistics),
        a.values(statistics),
        a.values(x),
      ],
    },
    ...[true, false].map((dx): KernelCase => ({
      kernel: 'groupNormBackward',
      name: `${name}${dx ? '' : ' without dx'}`,
      traffic: dx ? 5 * size : 2 * size,
      args: (a) => [
        ...sizes,
        a.values(x),
        a.values(features),
        a.values(statistics),
        a.positive(statistics),
        a.values(x),
        a.scratch(NORM_SCRATCH + 2 * features * a.bytes),
        ...outputs(a),
        dx ? a.values(x) : 0,
      ],
    })),
  ]
}

type Pool = [planes: number, h: number, w: number, kernel: number[], options?: PoolOptions]
interface PoolOptions {
  stride?: number[]
  pad?: number[]
  ceil?: boolean
  relu?: number
  countPad?: number
}

/** Both passes of both pools. */
export function poolCases(...[planes, h, w, kernel, options = {}]: Pool): KernelCase[] {
  const { stride = kernel, pad = [0, 0], ceil = false, relu = 0, countPad = 1 } = options
  const [kh, kw] = kernel
  const [sh, sw] = stride
  const [ph, pw] = pad
  const oh = poolOutput(h, kh, sh, ph, ceil)
  const ow = poolOutput(w, kw, sw, pw, ceil)
  const extra = `${ceil ? ' ceil' : ''}${relu ? ' + relu' : ''}${countPad ? '' : ', pad not counted'}`
  const name = `${planes}x${h}x${w}, ${kernel.join('x')} stride ${stride} pad ${pad}${extra}`
  const [x, y] = [planes * h * w, planes * oh * ow]
  const sizes = [planes, h, w, oh, ow, kh, kw, sh, sw, ph, pw]
  const scratch = (a: Arguments) => a.scratch(poolScratch(w, ow, kh, kw, sw, pw, a.bytes))
  return [
    {
      kernel: 'maxPool2dForward',
      name,
      traffic: x + y,
      places: y,
      args: (a) => [...sizes, relu, a.values(x), scratch(a), a.integersOut(y), a.values(y)],
    },
    ...(arePairs(h, w, oh, ow, kh, kw, sh, sw, ph, pw)
      ? [
          {
            kernel: 'maxPool2x2Forward' as const,
            name,
            traffic: x + y,
            places: y,
            args: (a: Arguments) => [planes, h, w, oh, ow, relu, a.values(x), a.integersOut(y), a.values(y)],
          },
        ]
      : []),
    {
      kernel: 'maxPool2dBackward',
      name,
      traffic: x + y,
      places: y,
      args: (a) => [planes, h * w, oh * ow, a.values(y), a.integers(y, h * w), a.values(x)],
    },
    {
      kernel: 'avgPool2dForward',
      name,
      traffic: x + y,
      args: (a) => [...sizes, countPad, a.values(x), scratch(a), a.values(y)],
    },
    {
      kernel: 'avgPool2dBackward',
      name,
      traffic: x + y,
      args: (a) => [...sizes, countPad, a.values(y), scratch(a), a.values(x)],
    },
  ]
}

export function adamCase(count: number, inside = 0, outside = 1e-8, keep = 1): KernelCase {
  return {
    kernel: 'adam',
    name: `${count} parameters`,
    traffic: 7 * count,
    args: (a) => [
      count,
      1e-3,
      0.9,
      1 - 0.9,
      0.999,
      1 - 0.999,
      1.7,
      inside,
      outside,
      keep,
      a.values(count),
      a.values(count),
      a.positive(count),
      a.values(count),
    ],
  }
}

/** The other updates of `count` parameters, and what lbfgs is made of. */
export function updateCases(count: number): KernelCase[] {
  const name = `${count} parameters`
  const values = (a: Arguments, n: number) => Array.from({ length: n }, () => a.values(count))
  const rmsprop = (a: Arguments, scalars: number[]) => [count, 1e-3, ...scalars, a.values(count), a.positive(count)]
  return [
    { kernel: 'momentum', name, traffic: 5 * count, args: (a) => [count, 0.01, 0.9, 1 - 0.9, ...values(a, 3)] },
    { kernel: 'nesterov', name, traffic: 5 * count, args: (a) => [count, 0.01, 0.9, 1.9, ...values(a, 3)] },
    {
      kernel: 'rmsprop',
      name,
      traffic: 5 * count,
      args: (a) => [...rmsprop(a, [0.99, 1 - 0.99, 0, 1e-8]), a.values(count)],
    },
    {
      kernel: 'rmsprop',
      name: `${name}, inside`,
      traffic: 5 * count,
      args: (a) => [...rmsprop(a, [0.99, 1 - 0.99, 1e-7, 0]), a.values(count)],
    },
    { kernel: 'addScaled', name, traffic: 3 * count, args: (a) => [count, 0.3, ...values(a, 2)] },
    { kernel: 'addScaledTo', name, traffic: 3 * count, args: (a) => [count, 0.3, ...values(a, 3)] },
    { kernel: 'dot', name, traffic: 2 * count, args: (a) => [count, ...values(a, 2)] },
  ]
}

/** Of rows x size values. */
export function regularisationCases(rows: number, size: number): KernelCase[] {
  const name = `${rows}x${size}`
  const count = rows * size
  return [
    { kernel: 'sumOfMagnitudes', name, traffic: count, args: (a) => [count, a.values(count)] },
    { kernel: 'addSigns', name, traffic: 3 * count, args: (a) => [count, 0.3, a.values(count), a.values(count)] },
    { kernel: 'clamp', name, traffic: 2 * count, args: (a) => [count, 1e-3, a.values(count)] },
    {
      kernel: 'limitRowNorms',
      name,
      traffic: count,
      args: (a) => [rows, size, 0.1, a.values(count)],
    },
  ]
}

/** How large values are. */
export function magnitudeCases(count: number): KernelCase[] {
  return (['firstNotFinite', 'maxMagnitude', 'norm'] as const).map((kernel) => ({
    kernel,
    name: `${count}`,
    traffic: count,
    args: (a) => [count, a.values(count)],
  }))
}

interface SoftmaxOptions {
  gradient?: boolean
  smoothing?: number
  weighted?: boolean
}

export function softmaxCase(n: number, classes: number, options: SoftmaxOptions = {}): KernelCase {
  const { gradient = true, smoothing = 0, weighted = smoothing > 0 } = options
  const extra = [gradient ? '' : ' loss only', smoothing ? ` smoothing ${smoothing}` : '', weighted ? ' weighted' : '']
  return {
    kernel: 'softmaxCrossEntropy',
    name: `${n}x${classes}${extra.join('')}`,
    traffic: 2 * n * classes,
    args: (a) => [
      n,
      classes,
      n + 0.3,
      smoothing,
      a.values(n * classes),
      a.integers(n, classes),
      weighted ? a.positive(classes) : 0,
      a.scratch(SOFTMAX_SCRATCH + classes * a.bytes),
      gradient ? a.values(n * classes) : 0,
    ],
  }
}

export function hingeCase(n: number, classes: number, gradient = true): KernelCase {
  return {
    kernel: 'hinge',
    name: `${n}x${classes}${gradient ? '' : ' loss only'}`,
    traffic: (gradient ? 2 : 1) * n * classes,
    args: (a) => [
      n,
      classes,
      n + 0.3,
      0.9,
      a.values(n * classes),
      a.integers(n, classes),
      gradient ? a.values(n * classes) : 0,
    ],
  }
}

export function meanSquaredErrorCase(count: number, gradient = true): KernelCase {
  return {
    kernel: 'meanSquaredError',
    name: `${count}${gradient ? '' : ' loss only'}`,
    traffic: (gradient ? 3 : 2) * count,
    args: (a) => [count, count + 0.3, a.values(count), a.values(count), a.scratch(64), gradient ? a.values(count) : 0],
  }
}

export function binaryCase(count: number, gradient = true): KernelCase {
  return {
    kernel: 'binaryCrossEntropy',
    name: `${count}${gradient ? '' : ' loss only'}`,
    traffic: (gradient ? 3 : 2) * count,
    args: (a) => [
      count,
      count + 0.3,
      a.values(count),
      a.positive(count),
      a.scratch(BINARY_SCRATCH),
      gradient ? a.values(count) : 0,
    ],
  }
}

/** An activation whose backward pass reads y; `scalars` come after the count. */
export function activationCases(activation: Activation, count: number, scalars: number[] = []): KernelCase[] {
  const name = [`${count} values`, ...scalars].join(' ')
  const scratch = (a: Arguments) => (WITH_EXP.has(activation) ? [a.scratch(EXP_SCRATCH)] : [])
  return [
    {
      kernel: `${activation}Forward`,
      name,
      traffic: 2 * count,
      args: (a) => [count, ...scalars, a.values(count), ...scratch(a), a.values(count)],
    },
    {
      kernel: `${activation}Backward`,
      name,
      traffic: 3 * count,
      args: (a) => [count, ...scalars, a.values(count), a.values(count), a.values(count)],
    },
  ]
}

type Activation = 'relu' | 'leakyRelu' | 'sigmoid' | 'tanh' | 'elu'
const WITH_EXP = new Set<Activation>(['sigmoid', 'tanh', 'elu'])

export function softmaxLayerCases(n: number, c: number, hw: number): KernelCase[] {
  const name = `${n}x${c}x${hw}`
  const size = n * c * hw
  const scratch = (a: Arguments) => a.scratch(SOFTMAX_SCRATCH + 2 * hw * a.bytes)
  return [
    {
      kernel: 'softmaxForward',
      name,
      traffic: 2 * size,
      args: (a) => [n, c, hw, a.values(size), scratch(a), a.values(size)],
    },
    {
      kernel: 'softmaxBackward',
      name,
      traffic: 3 * size,
      args: (a) => [n, c, hw, a.values(size), a.values(size), scratch(a), a.values(size)],
    },
  ]
}

export function maxoutCases(groups: number, pieces: number, hw = 1): KernelCase[] {
  const name = `${groups}x${pieces}x${hw}`
  const size = groups * hw
  const traffic = (pieces + 1) * size
  return [
    {
      kernel: 'maxoutForward',
      name,
      traffic,
      places: size,
      args: (a) => [groups, pieces, hw, a.values(size * pieces), a.integersOut(size), a.values(size)],
    },
    {
      kernel: 'maxoutBackward',
      name,
      traffic,
      places: size,
      args: (a) => [groups, pieces, hw, a.integers(size, pieces), a.values(size), a.values(size * pieces)],
    },
  ]
}

export function dropoutCase(count: number, keep = 0.5): KernelCase {
  const limit = Math.floor((1 - keep) * 65536) - 32768
  return {
    kernel: 'dropout',
    name: `${count} values, keep ${keep}`,
    traffic: 2 * count,
    args: (a) => [count, limit, 0x12345678, -0x76543211, 1 / keep, a.values(count), a.scratch(16), a.values(count)],
  }
}

export function normalizeCases(n: number, c: number, hw: number): KernelCase[] {
  const size = n * c * hw
  const name = `${n}x${c}x${hw}`
  return [
    {
      kernel: 'normalizeForward',
      name,
      traffic: 2 * size,
      args: (a) => [n, c, hw, a.values(size), a.values(c), a.positive(c), a.values(size)],
    },
    {
      kernel: 'normalizeBackward',
      name,
      traffic: 2 * size,
      args: (a) => [n, c, hw, a.positive(c), a.values(size), a.values(size)],
    },
  ]
}

export function globalAvgPoolCases(planes: number, size: number): KernelCase[] {
  const name = `${planes}x${size}`
  const traffic = planes * (size + 1)
  return [
    {
      kernel: 'globalAvgPool2dForward',
      name,
      traffic,
      args: (a) => [planes, size, a.values(planes * size), a.values(planes)],
    },
    {
      kernel: 'globalAvgPool2dBackward',
      name,
      traffic,
      args: (a) => [planes, size, a.values(planes), a.values(planes * size)],
    },
  ]
}

const COUNTS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 130]

export const kernelCases: readonly KernelCase[] = [
  { kernel: 'bytesPerValue', name: '', args: () => [] },
  ...[
    [1, 1, 1],
    [4, 4, 4],
    [4, 8, 3],
    [3, 5, 7],
    [5, 9, 1],
    [7, 17, 33],
    [8, 16, 256],
    [9, 15, 257],
    [2, 130, 6],
    [13, 259, 5],
    [6, 7, 600],
    [64, 10, 20],
    [5, 3, 65_800],
  ].flatMap(([m, n, k]) => ['', 'A', 'B', 'AB'].map((t, i) => gemmCase(m, n, k, t, i % 2))),
  ...denseCases(1, 1, 1),
  ...denseCases(3, 7, 10),
  ...denseCases(17, 33, 5),
  ...denseCases(8, 300, 4),
  ...denseCases(1100, 2, 5),
  ...convCases(1, 1, 1, 1, 1, [1, 1]),
  ...convCases(2, 1, 5, 5, 2, [2, 2]),
  ...convCases(2, 3, 7, 6, 4, [3, 3], { pad: [1, 1] }),
  ...convCases(3, 1, 28, 28, 16, [3, 3], { pad: [1, 1] }),
  ...convCases(2, 16, 14, 14, 32, [3, 3], { pad: [1, 1] }),
  ...convCases(2, 4, 9, 8, 6, [3, 5], { stride: [2, 1], pad: [1, 2], groups: 2 }),
  ...convCases(3, 2, 8, 8, 3, [1, 1]),
  ...convCases(2, 3, 8, 7, 5, [1, 1], { stride: [2, 2] }),
  ...convCases(1, 2, 9, 9, 3, [1, 1], { stride: [3, 2], pad: [1, 1] }),
  ...convCases(2, 3, 11, 11, 4, [3, 3], { pad: [2, 2], dilation: [2, 2] }),
  ...convCases(2, 4, 6, 6, 4, [3, 3], { pad: [1, 1], groups: 4 }),
  ...convCases(2, 4, 6, 5, 8, [3, 3], { stride: [2, 2], pad: [1, 1], groups: 4 }),
  ...convCases(1, 3, 17, 13, 7, [5, 5], { stride: [2, 3], pad: [2, 2] }),
  ...convCases(1, 2, 12, 12, 3, [3, 2], { stride: [2, 2], dilation: [2, 3], pad: [2, 1] }),
  ...convCases(1, 2, 9, 10, 3, [3, 3], { stride: [3, 3], dilation: [3, 1] }),
  ...convCases(1, 2, 5, 5, 3, [2, 2], { pad: [3, 3] }),
  ...convCases(1, 2, 4, 6, 3, [1, 3], { stride: [4, 5], pad: [0, 2] }),
  ...convCases(1, 1, 7, 33, 5, [3, 11], { dilation: [1, 3] }),
  ...convCases(2, 2, 5, 3, 6, [2, 2], { pad: [1, 1] }),
  ...convCases(3, 5, 9, 11, 5, [3, 3], { pad: [1, 1], groups: 5 }),
  ...convCases(2, 3, 7, 13, 3, [5, 5], { pad: [2, 2], stride: [1, 2], groups: 3 }),
  ...convCases(2, 3, 9, 34, 2, [3, 3], { pad: [1, 1] }),
  // Sums of several blocks: of taps, of rows longer than a block, of images.
  ...convCases(1, 40, 3, 50, 2, [3, 3]),
  ...convCases(1, 140, 3, 9, 5, [2, 1]),
  ...convCases(2, 1, 2, 2500, 2, [1, 3]),
  ...convCases(300, 1, 4, 5, 2, [3, 3], { pad: [1, 1] }),
  ...convCases(530, 2, 2, 3, 5, [1, 1]),
  // One channel and 3 x 3, by depthwise.ts: every stride and pad, narrower than a vector, odd tails, several channels
  // copied at a time and planes larger than that, several filters of a channel, several blocks, rows longer than one.
  ...convCases(2, 70, 3, 3, 70, [3, 3], { pad: [1, 1], groups: 70 }),
  ...convCases(3, 40, 6, 6, 40, [3, 3], { pad: [1, 1], groups: 40 }),
  ...convCases(2, 33, 6, 6, 33, [3, 3], { stride: [2, 2], pad: [1, 1], groups: 33 }),
  ...convCases(2, 3, 28, 28, 3, [3, 3], { pad: [1, 1], groups: 3 }),
  ...convCases(2, 3, 28, 27, 3, [3, 3], { stride: [2, 2], pad: [1, 1], groups: 3 }),
  ...convCases(1, 2, 70, 90, 2, [3, 3], { pad: [1, 1], groups: 2 }),
  ...convCases(1, 2, 71, 90, 2, [3, 3], { stride: [2, 2], pad: [1, 1], groups: 2 }),
  ...convCases(2, 3, 7, 9, 3, [3, 3], { pad: [0, 2], groups: 3 }),
  ...convCases(2, 3, 7, 10, 3, [3, 3], { pad: [2, 0], groups: 3 }),
  ...convCases(2, 3, 9, 12, 3, [3, 3], { stride: [2, 2], pad: [0, 0], groups: 3 }),
  ...convCases(2, 3, 8, 11, 3, [3, 3], { stride: [2, 2], pad: [2, 2], groups: 3 }),
  ...convCases(2, 3, 5, 1, 3, [3, 3], { pad: [1, 1], groups: 3 }),
  ...convCases(2, 3, 1, 2, 3, [3, 3], { pad: [1, 1], groups: 3 }),
  ...convCases(2, 3, 5, 2, 3, [3, 3], { stride: [2, 2], pad: [1, 1], groups: 3 }),
  ...convCases(2, 3, 1, 1, 3, [3, 3], { stride: [2, 2], pad: [2, 2], groups: 3 }),
  ...convCases(2, 3, 5, 9, 6, [3, 3], { pad: [1, 1], groups: 3 }),
  ...convCases(2, 2, 5, 2, 10, [3, 3], { stride: [2, 2], pad: [1, 1], groups: 2 }),
  ...convCases(2, 130, 4, 5, 130, [3, 3], { pad: [1, 1], groups: 130 }),
  ...convCases(300, 3, 3, 2, 3, [3, 3], { pad: [1, 1], groups: 3 }),
  ...convCases(1, 2, 3, 2500, 2, [3, 3], { pad: [1, 1], groups: 2 }),
  // These go by Winograd: whole and cut tiles, several images in a chunk, one image in several chunks, odd channels.
  ...convCases(3, 8, 8, 8, 8, [3, 3], { pad: [1, 1] }),
  ...convCases(5, 9, 7, 7, 11, [3, 3], { pad: [1, 1] }),
  ...convCases(2, 13, 12, 6, 8, [3, 3], { pad: [0, 2] }),
  ...convCases(7, 10, 14, 13, 17, [3, 3], { pad: [1, 0] }),
  ...convCases(1, 8, 45, 46, 9, [3, 3], { pad: [1, 1] }),
  ...convCases(1, 33, 9, 7, 5, [3, 3], { pad: [1, 1] }),
  ...convCases(2, 3, 8, 12, 11, [3, 3], { pad: [1, 1] }),
  ...convCases(21, 6, 5, 5, 9, [3, 3], { pad: [1, 1] }),
  ...convCases(2, 11, 25, 29, 6, [3, 3]),
  ...convCases(2, 2, 8, 8, 2, [5, 5], { pad: [2, 2] }),
  ...convCases(3, 3, 13, 9, 6, [5, 5], { pad: [2, 2] }),
  ...convCases(5, 7, 5, 7, 5, [5, 5], { pad: [2, 0] }),
  ...convCases(2, 17, 10, 10, 3, [5, 5]),
  ...convCases(1, 4, 30, 31, 9, [5, 5], { pad: [4, 3] }),
  ...convCases(1, 300, 6, 6, 5, [3, 3], { pad: [1, 1] }),
  // As many weights as are splatted at once for so many tiles, and so many that it goes panel by panel.
  ...convCases(1, 41, 13, 14, 43, [3, 3], { pad: [1, 1] }),
  ...convCases(2, 37, 5, 5, 46, [3, 3], { pad: [1, 1] }),
  ...convCases(1, 41, 8, 6, 43, [3, 3], { pad: [1, 1] }),
  ...convCases(1, 300, 5, 6, 7, [3, 3], { pad: [1, 1] }),
  ...convCases(1, 33, 6, 6, 50, [5, 5], { pad: [2, 2] }),
  ...convCases(1, 3, 30, 1, 5, [3, 1], { pad: [1, 0] }),
  ...convCases(1, 2, 1, 40, 5, [1, 5], { pad: [0, 2] }),
  ...[
    [1, 1, 1],
    [6, 4, 1],
    [19, 7, 1],
    [3, 65, 1],
    [3, 5, 16],
    [2, 3, 17],
    [1, 2, 49],
    [5, 1, 9],
    [3, 1100, 1],
    [1030, 5, 1],
    [300, 2, 30],
    [2, 1, 5000],
  ].flatMap(([n, c, hw]) => [0, 1].flatMap((t) => [0, 1].flatMap((relu) => batchNormCases(n, c, hw, t, relu)))),
  ...[
    [1, 1, 1, 1],
    [2, 1, 7, 1],
    [3, 1, 300, 1],
    [3, 2, 34, 1],
    [2, 3, 6, 4],
    [2, 1, 5, 17],
    [3, 4, 4, 49],
    [2, 2, 4, 300],
    [1030, 1, 5, 1],
    [1030, 2, 4, 3],
    [1, 1, 5000, 1],
    [1, 2, 4, 5000],
  ].flatMap(([n, groups, c, hw]) => groupNormCases(n, groups, c, hw)),
  ...poolCases(1, 1, 1, [1, 1]),
  ...poolCases(6, 8, 8, [2, 2]),
  ...poolCases(3, 14, 10, [2, 2]),
  ...poolCases(2, 7, 9, [3, 3], { stride: [2, 2], pad: [1, 1] }),
  ...poolCases(4, 5, 6, [3, 2], { stride: [1, 1] }),
  ...poolCases(2, 9, 5, [2, 2]),
  ...poolCases(3, 9, 15, [2, 2]),
  ...poolCases(5, 6, 14, [2, 2], { relu: 1 }),
  ...poolCases(40, 3, 3, [3, 3], { stride: [1, 1], pad: [1, 1], relu: 1, countPad: 0 }),
  ...poolCases(9, 2, 2, [2, 2], { relu: 1 }),
  ...poolCases(3, 7, 11, [2, 2], { ceil: true }),
  ...poolCases(2, 13, 12, [3, 3], { stride: [2, 2], ceil: true, relu: 1 }),
  ...poolCases(2, 8, 10, [3, 3], { stride: [2, 2], pad: [1, 1], ceil: true, countPad: 0 }),
  ...poolCases(3, 8, 10, [3, 3], { stride: [2, 2], pad: [1, 1], ceil: true }),
  ...poolCases(2, 11, 17, [2, 2], { stride: [1, 1] }),
  ...poolCases(2, 9, 23, [3, 3], { stride: [1, 1], pad: [1, 1] }),
  ...poolCases(2, 10, 19, [2, 3], { stride: [3, 4], pad: [1, 0] }),
  ...poolCases(2, 10, 19, [2, 3], { stride: [3, 5], pad: [1, 1], ceil: true, countPad: 0 }),
  ...poolCases(3, 7, 7, [7, 7]),
  ...poolCases(1, 1, 1, [3, 3], { stride: [1, 1], pad: [1, 1] }),
  ...poolCases(1, 1, 40, [1, 5], { stride: [1, 3], pad: [0, 2] }),
  ...poolCases(2, 30, 1, [4, 1], { stride: [1, 1], pad: [2, 0], countPad: 0 }),
  ...poolCases(1, 300, 5, [300, 2], { stride: [1, 1], pad: [3, 0] }),
  ...poolCases(1, 2, 700, [1, 530], { stride: [1, 3], pad: [0, 9], countPad: 0 }),
  ...softmaxLayerCases(1, 1030, 3),
  ...softmaxLayerCases(1, 9000, 1),
  softmaxCase(2, 9000, { smoothing: 0.1 }),
  hingeCase(2, 9000),
  meanSquaredErrorCase(9000),
  binaryCase(9000),
  ...globalAvgPoolCases(2, 9000),
  ...regularisationCases(2, 9000),
  ...magnitudeCases(9000),
  ...maxoutCases(1, 2),
  ...maxoutCases(7, 9),
  ...COUNTS.flatMap((count): KernelCase[] => [
    // NaN is no ceiling.
    ...activationCases('relu', count, [NaN]),
    ...activationCases('relu', count, [0.7]),
    ...activationCases('leakyRelu', count, [0.01]),
    ...activationCases('sigmoid', count),
    ...activationCases('tanh', count),
    ...activationCases('elu', count, [0.3]),
    ...softmaxLayerCases(2, count, 1),
    ...softmaxLayerCases(2, 3, count),
    ...maxoutCases(count, 2),
    ...maxoutCases(count, 3),
    ...maxoutCases(3, 2, count),
    ...maxoutCases(2, 5, count),
    adamCase(count),
    dropoutCase(count),
    dropoutCase(count, 0.9),
    { kernel: 'scaled', name: `${count}`, args: (a) => [count, 0.3, a.values(count), a.values(count)] },
    adamCase(count, 1e-7, 0, 0.99),
    ...updateCases(count),
    { kernel: 'add', name: `${count}`, args: (a) => [count, a.values(count), a.values(count), a.values(count)] },
    { kernel: 'multiply', name: `${count}`, args: (a) => [count, a.values(count), a.values(count), a.values(count)] },
    { kernel: 'fill', name: `${count}`, args: (a) => [count, 0.3, a.values(count)] },
    {
      kernel: 'copyBlocks',
      name: `3x${count}`,
      args: (a) => [3, count, count, count + 5, a.values(3 * count), a.values(3 * (count + 5))],
    },
    { kernel: 'scale', name: `${count}`, args: (a) => [count, 0.3, a.values(count)] },
    ...regularisationCases(count, 3),
    ...regularisationCases(2, count),
    ...magnitudeCases(count),
    { kernel: 'sumOfSquares', name: `${count}`, args: (a) => [count, a.values(count)] },
    meanSquaredErrorCase(count),
    meanSquaredErrorCase(count, false),
    binaryCase(count),
    binaryCase(count, false),
    { kernel: 'sumOfLabelWeights', name: `${count}`, args: (a) => [count, a.integers(count, 7), a.positive(7)] },
    ...normalizeCases(2, 3, count),
    ...normalizeCases(3, count, 1),
    ...globalAvgPoolCases(3, count),
  ]),
  ...[1, 2, 10, 17, 40].flatMap((classes) => [
    softmaxCase(5, classes),
    softmaxCase(5, classes, { gradient: false }),
    softmaxCase(5, classes, { weighted: true }),
    softmaxCase(5, classes, { smoothing: 0.1 }),
    softmaxCase(5, classes, { smoothing: 0.1, gradient: false }),
    hingeCase(5, classes),
    hingeCase(5, classes, false),
  ]),
  ...moreKernelCases,
  ...lineKernelCases,
  ...recurrentKernelCases,
]

/** A call laid out in memory: its arguments, and what the memory holds before it. */
export interface Call {
  readonly args: number[]
  readonly bytes: number
  /** Writes the inputs into a memory. */
  fill(buffer: ArrayBuffer): void
  /** What the call may change for good: the memory without scratch, as bits. */
  contents(buffer: ArrayBuffer): Uint32Array[]
}

/** Lays a case out; the same seed gives the same values. */
export function prepare({ args }: KernelCase, bytes: 8 | 4, seed = 1): Call {
  let end = 64
  const writers: ((buffer: ArrayBuffer, random: ReturnType<typeof createRandom>) => void)[] = []
  const spans: [number, number][] = []
  const place = (size: number, write: (typeof writers)[number]): number => {
    const pointer = end
    end = Math.ceil((end + size) / 64) * 64
    writers.push(write)
    spans.push([pointer, Math.ceil(size / 4)])
    return pointer
  }
  const floats = (count: number, draw: (random: ReturnType<typeof createRandom>) => number): number => {
    const pointer = place(count * bytes, (buffer, random) => {
      const view = bytes === 8 ? new Float64Array(buffer, pointer, count) : new Float32Array(buffer, pointer, count)
      for (let i = 0; i < count; i++) view[i] = draw(random)
    })
    return pointer
  }
  const integers = (count: number, limit: number): number => {
    const pointer = place(4 * count, (buffer, random) => {
      const view = new Int32Array(buffer, pointer, count)
      for (let i = 0; i < count; i++) view[i] = random.integer(limit)
    })
    return pointer
  }
  const list = args({
    bytes,
    values: (count) => floats(count, (random) => random.normal()),
    positive: (count) => floats(count, (random) => random.uniform() + 0.1),
    large: (count) => floats(count, (random) => random.uniform() + 50),
    ids: (count, limit) => floats(count, (random) => random.integer(limit + 2) - 1),
    integers,
    integersOut: (count) => integers(count, 1000),
    // Full of NaN, so that nothing is read before it is written.
    scratch(size) {
      const pointer = end
      end = Math.ceil((end + size) / 64) * 64
      writers.push((buffer) => new Uint8Array(buffer, pointer, size).fill(255))
      return pointer
    },
  })
  return {
    args: list,
    bytes: end,
    fill(buffer) {
      const random = createRandom(seed)
      for (const write of writers) write(buffer, random)
    },
    contents: (buffer) => spans.map(([pointer, words]) => new Uint32Array(buffer, pointer, words)),
  }
}
