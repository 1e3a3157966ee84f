// Layers of windows: convolutions and pools, of images and of sequences.

import { quote } from '../../../errors'
import { avgPool1d } from '../../../layers/avg-pool1d'
import { avgPool2d } from '../../../layers/avg-pool2d'
import { conv1d } from '../../../layers/conv1d'
import { conv2d } from '../../../layers/conv2d'
import { convTranspose2d } from '../../../layers/conv-transpose2d'
import { globalAvgPool2d } from '../../../layers/global-avg-pool2d'
import { globalMaxPool2d } from '../../../layers/global-max-pool2d'
import { maxPool1d } from '../../../layers/max-pool1d'
import { maxPool2d } from '../../../layers/max-pool2d'
import { mean } from '../../../layers/mean'
import { reshape } from '../../../layers/reshape'
import { sequential } from '../../../layers/sequential'
import { take } from '../../../layers/take'
import { product } from '../../../tensor'
import {
  type At,
  type Handler,
  beside,
  channelsOf,
  checkAxes,
  checkChannelsLast,
  main,
  put,
  turned,
  weightOf,
} from '../at'
import { transpose } from '../../transpose'
import type { Shape, Value } from '../values'
import { activate } from './activations'

type Pair = readonly [number, number]
type Pad = 'same' | 'valid' | 'causal'

/** How windows lie, along each axis that they slide on. */
interface Windows {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly pad: Pad
}

function padOf(at: At): Pad {
  const pad = at.config.text('padding', 'valid')
  if (pad === 'same' || pad === 'valid' || pad === 'causal') return pad
  throw at.fail(`has a padding of ${quote(pad)}`)
}

/** A setting along one axis or two. */
function alongOf(at: At, name: string, axes: number, byDefault?: number): number[] {
  if (axes === 2) return positive(at, name, at.config.pair(name, byDefault))
  const raw = at.config.raw(name)
  const one = Array.isArray(raw) && raw.length === 1 ? (raw[0] as unknown) : (raw ?? byDefault)
  if (typeof one === 'number' && Number.isSafeInteger(one)) return positive(at, name, [one])
  throw at.fail(`${name} must be a whole number`)
}

function positive(at: At, name: string, sizes: number[]): number[] {
  if (sizes.every((size) => size >= 1 && size <= 2 ** 20)) return sizes
  throw at.fail(`${name} must be of at least 1 and of at most ${2 ** 20}, got ${sizes.join(' x ')}`)
}

/** The shape of what windows give, of which the last axis is `channels`. */
function slid(at: At, { shape }: Value, { kernel, stride, dilation, pad }: Windows, channels: number): Shape {
  const sizes = kernel.map((taps, i) => {
    const size = shape[i]
    if (size === null) return null
    const span = pad === 'valid' ? dilation[i] * (taps - 1) : 0
    const out = Math.ceil((size - span) / stride[i])
    if (out >= 1) return out
    throw at.fail(`its windows of ${kernel.join(' x ')} do not fit into an input of (${shape.join(', ')})`)
  })
  return [...sizes, channels]
}

function windowsOf(at: At, axes: number): Windows {
  const windows = {
    kernel: alongOf(at, 'kernel_size', axes),
    stride: alongOf(at, 'strides', axes, 1),
    dilation: alongOf(at, 'dilation_rate', axes, 1),
    pad: padOf(at),
  }
  if (windows.pad === 'causal' && axes === 2) throw at.fail('has a causal padding, which images have not')
  return windows
}

/** Takes images, or sequences: with the channels first. */
function begin(at: At, x: Value, axes: number): Value {
  checkAxes(at, x, axes + 1, axes === 2 ? 'images (height, width, channels)' : 'sequences (steps, channels)')
  checkChannelsLast(at)
  return turned(at, x, true)
}

/** A convolution here, of one axis or two. */
function convolution(
  filters: number,
  { kernel, stride, dilation, pad }: Windows,
  options: { groups?: number; bias: boolean },
) {
  if (kernel.length === 1) {
    const windows = { kernel: kernel[0], stride: stride[0], dilation: dilation[0] }
    return conv1d(filters, { ...windows, pad: pad === 'valid' ? 0 : pad, ...options })
  }
  const windows = { kernel: kernel as unknown as Pair, stride: stride as unknown as Pair }
  return conv2d(filters, {
    ...windows,
    dilation: dilation as unknown as Pair,
    pad: pad === 'same' ? 'same' : 0,
    ...options,
  })
}

function biasOf(at: At, place: number, size: number): boolean {
  const has = at.config.flag('use_bias', true)
  if (has) put(at, 'bias', [size], weightOf(at, 'bias', place, [size]))
  return has
}

function ending(at: At, y: Value): Value {
  return activate(at, at.config.text('activation', 'linear'), y)
}

const conv =
  (axes: 1 | 2): Handler =>
  (at, x) => {
    const y = begin(at, x, axes)
    const windows = windowsOf(at, axes)
    const [filters, groups] = [at.config.whole('filters'), at.config.whole('groups', 1)]
    const channels = channelsOf(at, x)
    if (!(groups >= 1) || channels % groups || filters % groups)
      throw at.fail(`has ${groups} groups of ${channels} channels`)
    const shape = [...windows.kernel, channels / groups, filters]
    const kernel = weightOf(at, 'kernel', 0, shape)
    const order = axes === 2 ? [3, 2, 0, 1] : [2, 1, 0]
    put(at, 'weight', [filters, channels / groups, ...windows.kernel], transpose(kernel, shape, order))
    const bias = biasOf(at, 1, filters)
    const to = slid(at, x, windows, filters)
    return ending(
      at,
      main(at, () => convolution(filters, windows, { groups, bias }), y, { shape: to, first: true }),
    )
  }

/** (..., channels, multiplier): each channel has so many filters of its own. */
function depthwise(
  at: At,
  variables: readonly string[],
  windows: Windows,
  channels: number,
): { filters: number; data: Float32Array<ArrayBuffer> } {
  // TensorFlow.js does not save how many of a separable convolution: its weights say so.
  const told = (at.config.raw('depth_multiplier') ?? null) === null ? null : at.config.whole('depth_multiplier')
  const kernel = weightOf(at, variables, 0, [...windows.kernel, channels, told])
  const multiplier = kernel.length / (channels * product(windows.kernel))
  const shape = [...windows.kernel, channels, multiplier]
  const { length } = windows.kernel
  const order = [length, length + 1, ...windows.kernel.map((_, axis) => axis)]
  return { filters: channels * multiplier, data: transpose(kernel, shape, order) }
}

const depthwiseConv =
  (axes: 1 | 2): Handler =>
  (at, x) => {
    const y = begin(at, x, axes)
    const windows = windowsOf(at, axes)
    const channels = channelsOf(at, x)
    const { filters, data } = depthwise(at, ['depthwise_kernel', 'kernel'], windows, channels)
    put(at, 'weight', [filters, 1, ...windows.kernel], data)
    const bias = biasOf(at, 1, filters)
    const to = slid(at, x, windows, filters)
    return ending(
      at,
      main(at, () => convolution(filters, windows, { groups: channels, bias }), y, { shape: to, first: true }),
    )
  }

/** Two convolutions: each channel by itself, then each place by itself. */
const separable =
  (axes: 1 | 2): Handler =>
  (at, x) => {
    const y = begin(at, x, axes)
    const windows = windowsOf(at, axes)
    const channels = channelsOf(at, x)
    const { filters: middle, data } = depthwise(at, ['depthwise_kernel'], windows, channels)
    const filters = at.config.whole('filters')
    const ones = windows.kernel.map(() => 1)
    const shape = [...ones, middle, filters]
    const point = transpose(weightOf(at, 'pointwise_kernel', 1, shape), shape, axes === 2 ? [3, 2, 0, 1] : [2, 1, 0])
    put(at, 'depth.weight', [middle, 1, ...windows.kernel], data)
    put(at, 'point.weight', [filters, middle, ...ones], point)
    const bias = at.config.flag('use_bias', true)
    if (bias) put(at, 'point.bias', [filters], weightOf(at, 'bias', 2, [filters]))
    const pointwise: Windows = { kernel: ones, stride: ones, dilation: ones, pad: 'valid' }
    const make = () =>
      sequential({
        depth: convolution(middle, windows, { groups: channels, bias: false }),
        point: convolution(filters, pointwise, { bias }),
      })
    return ending(at, main(at, make, y, { shape: slid(at, x, windows, filters), first: true }))
  }

const transposed: Handler = (at, x) => {
  const y = begin(at, x, 2)
  const { kernel, stride, dilation, pad } = windowsOf(at, 2)
  if (dilation.some((one) => one !== 1))
    throw at.fail('has a dilation, which transposed convolutions of Keras do without')
  if ((at.config.raw('output_padding') ?? null) !== null) throw at.fail('has an output_padding')
  const [filters, channels] = [at.config.whole('filters'), channelsOf(at, x)]
  const shape = [...kernel, filters, channels]
  put(at, 'weight', [channels, filters, ...kernel], transpose(weightOf(at, 'kernel', 0, shape), shape, [3, 2, 0, 1]))
  const bias = biasOf(at, 1, filters)
  // 'same' cuts off what is beyond size x stride, one more behind than before where that is odd.
  const cuts = kernel.map((taps, i) => (pad === 'same' ? Math.max(taps - stride[i], 0) : 0))
  const [ph, pw] = cuts.map((cut) => Math.floor(cut / 2))
  const [oh, ow] = kernel.map((taps, i) => Math.max(stride[i] - taps, 0))
  const to = kernel.map((taps, i) => {
    const size = x.shape[i]
    return size === null ? null : size * stride[i] + (pad === 'same' ? 0 : Math.max(taps - stride[i], 0))
  })
  const options = { kernel: kernel as unknown as Pair, stride: stride as unknown as Pair, bias }
  const make = () => convTranspose2d(filters, { ...options, pad: [ph, pw], outputPad: [oh, ow] })
  let z = main(at, make, y, { shape: [...to, filters], first: true })
  cuts.forEach((cut, i) => {
    if (cut % 2) z = beside(at, 'cut', take({ axis: i + 1, to: -1 }), z)
  })
  return ending(at, z)
}

const pool =
  (kind: 'max' | 'avg', axes: 1 | 2): Handler =>
  (at, x) => {
    const y = begin(at, x, axes)
    const kernel = alongOf(at, 'pool_size', axes, 2)
    const stride =
      at.config.raw('strides') === undefined || at.config.raw('strides') === null
        ? kernel
        : alongOf(at, 'strides', axes)
    const pad = padOf(at)
    if (pad === 'causal') throw at.fail('has a causal padding, which pools have not')
    const windows = { kernel, stride, pad, dilation: kernel.map(() => 1) }
    const to = slid(at, x, windows, channelsOf(at, x))
    const as = { shape: to, first: true }
    const options = { pad: pad === 'same' ? ('same' as const) : 0 }
    // TensorFlow's means do not count what lies beyond the image.
    const mean = { ...options, countPad: false }
    if (axes === 1) {
      const [size, step] = [kernel[0], stride[0]]
      const layer =
        kind === 'max' ? maxPool1d(size, { ...options, stride: step }) : avgPool1d(size, { ...mean, stride: step })
      return beside(at, 'pool', layer, y, as)
    }
    const [size, step] = [kernel, stride] as unknown as [Pair, Pair]
    const layer =
      kind === 'max' ? maxPool2d(size, { ...options, stride: step }) : avgPool2d(size, { ...mean, stride: step })
    return beside(at, 'pool', layer, y, as)
  }

const globalPool =
  (kind: 'max' | 'avg', axes: 1 | 2): Handler =>
  (at, x) => {
    const y = begin(at, x, axes)
    const channels = channelsOf(at, x)
    const vector = { shape: [channels], first: false }
    let z: Value
    if (axes === 1 && kind === 'avg') z = beside(at, 'mean', mean({ axis: -1 }), y, vector)
    else {
      const images =
        axes === 1 ? beside(at, 'image', reshape([channels, 1, -1]), y, { shape: [1, x.shape[0], channels] }) : y
      z = beside(at, 'pool', kind === 'avg' ? globalAvgPool2d() : globalMaxPool2d(), images, vector)
    }
    if (!at.config.flag('keepdims', false)) return z
    return beside(at, 'keep', reshape([...Array<number>(axes).fill(1), channels]), z, {
      shape: [...Array<number>(axes).fill(1), channels],
    })
  }

export const WINDOWS: Readonly<Record<string, Handler>> = {
  Conv1D: conv(1),
  Conv2D: conv(2),
  DepthwiseConv1D: depthwiseConv(1),
  DepthwiseConv2D: depthwiseConv(2),
  SeparableConv1D: separable(1),
  SeparableConv2D: separable(2),
  Conv2DTranspose: transposed,
  MaxPooling1D: pool('max', 1),
  MaxPooling2D: pool('max', 2),
  AveragePooling1D: pool('avg', 1),
  AveragePooling2D: pool('avg', 2),
  GlobalMaxPooling1D: globalPool('max', 1),
  GlobalMaxPooling2D: globalPool('max', 2),
  GlobalAveragePooling1D: globalPool('avg', 1),
  GlobalAveragePooling2D: globalPool('avg', 2),
}
