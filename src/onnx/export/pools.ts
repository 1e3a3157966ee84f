// Pools of windows, and of whole images.

import { convOutput, poolOutput } from '../../kernels/conv-geometry'
import { borderOf } from '../../layers/pads'
import { imagePad } from '../../layers/sequence'
import { scaledBy } from './factors'
import type { Emitter, LayerWriter } from './layer'
import { type Places, gathered, sliding } from './windows'
import type { OnnxValue } from './writer'

/** Windows along some axes, each with a number of its own. */
interface Pooled {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  /** Padding before and behind each axis, as the layer has it. */
  readonly begin: readonly number[]
  readonly end: readonly number[]
  /** How far the last window reaches beyond that. */
  readonly beyond: readonly number[]
  /** Windows along each axis. */
  readonly counts: readonly number[]
}

/** The windows of a layer of images, or of sequences, whose config has plain numbers. */
function pooledOf({ config }: LayerWriter, [, ...sizes]: readonly number[]): Pooled {
  const isFlat = sizes.length === 1
  const two = (value: any): readonly [number, number] => (isFlat ? [1, value] : value)
  const dilated = config.dilation ?? (isFlat ? 1 : [1, 1])
  const window = { kernel: two(config.kernel), stride: two(config.stride), dilation: two(dilated) }
  const pad = isFlat ? imagePad(config.pad, config.kernel, dilated) : config.pad
  const border = borderOf(pad, isFlat ? [1, ...sizes] : sizes, window)
  const own = <T>(list: readonly T[]) => list.slice(isFlat ? 1 : 0)
  const [kernel, stride, dilation] = [own(window.kernel), own(window.stride), own(window.dilation)]
  const [begin, end] = [own(border.slice(0, 2)), own(border.slice(2))]
  const spread = kernel.map((k, i) => dilation[i] * (k - 1) + 1)
  const counts = sizes.map((size, i) =>
    config.ceil
      ? poolOutput(size, spread[i], stride[i], begin[i], true)
      : convOutput(size + begin[i] + end[i], spread[i], stride[i], 0, 1),
  )
  const beyond = counts.map((count, i) =>
    Math.max(0, (count - 1) * stride[i] + spread[i] - sizes[i] - begin[i] - end[i]),
  )
  return { kernel, stride, dilation, begin, end, beyond, counts }
}

export const maxPool: Emitter = (layer, x) => {
  const { kernel, stride, dilation, begin, end, beyond, counts } = pooledOf(layer, x.shape)
  const last = end.map((size, i) => size + beyond[i])
  const shape = [x.shape[0], ...counts]
  const attributes = { kernel_shape: kernel, strides: stride, dilations: dilation }
  // ONNX Runtime takes no padding as large as the kernel, which that of windows with gaps may be.
  if (kernel.every((size, i) => begin[i] < size && last[i] < size)) {
    return layer.node('MaxPool', [x], shape, { ...attributes, pads: [...begin, ...last] })
  }
  const padded = [x.shape[0], ...x.shape.slice(1).map((size, i) => size + begin[i] + last[i])]
  const inputs = [x, layer.integers('pads', [0, 0, ...begin, 0, 0, ...last]), layer.scalar('lowest', -Infinity)]
  return layer.node('MaxPool', [layer.node('Pad', inputs, padded)], shape, attributes)
}

export const avgPool: Emitter = (layer, x) => {
  const pooled = pooledOf(layer, x.shape)
  return layer.dtype === 'float32' ? averaged(layer, x, pooled) : averagedByHand(layer, x, pooled)
}

function averaged(layer: LayerWriter, x: OnnxValue, pooled: Pooled): OnnxValue {
  const { kernel, stride, begin, end, beyond, counts } = pooled
  const { countPad } = layer.config
  const shape = [x.shape[0], ...counts]
  const attributes = { kernel_shape: kernel, strides: stride }
  if (!beyond.some(Boolean)) {
    return layer.node('AveragePool', [x], shape, {
      ...attributes,
      pads: [...begin, ...end],
      count_include_pad: Number(countPad),
    })
  }
  // What lies beyond the padding never counts; the padding itself, where it does, is made a part of the image.
  if (countPad && [...begin, ...end].some(Boolean)) {
    const padded = [x.shape[0], ...x.shape.slice(1).map((size, i) => size + begin[i] + end[i])]
    const image = layer.node('Pad', [x, layer.integers('pads', [0, 0, ...begin, 0, 0, ...end])], padded)
    return layer.node('AveragePool', [image], shape, { ...attributes, pads: [...begin.map(() => 0), ...beyond] })
  }
  return layer.node('AveragePool', [x], shape, {
    ...attributes,
    pads: [...begin, ...end.map((size, i) => size + beyond[i])],
  })
}

/** ONNX Runtime has no AveragePool of doubles. */
function averagedByHand(layer: LayerWriter, x: OnnxValue, pooled: Pooled): OnnxValue {
  const { kernel, stride, begin, end, counts } = pooled
  const [channels, ...sizes] = x.shape
  const axes = counts.map((count, i): Places => sliding(count, kernel[i], stride[i], 1, begin[i]))
  /** For each window along an axis, how many of its values count. */
  const counted = axes.map((places, i) => {
    const [first, last] = layer.config.countPad ? [-begin[i], sizes[i] + end[i]] : [0, sizes[i]]
    return Array.from({ length: counts[i] }, (_, o) => places.filter((row) => row[o] >= first && row[o] < last).length)
  })
  const all = counted.reduce((a, b) => a.flatMap((one) => b.map((other) => one * other)), [1])
  const windows = gathered(layer, x, axes)
  const kernels = layer.integers(
    'axes',
    axes.map((_, i) => 2 + 2 * i),
  )
  const sums = layer.node('ReduceSum', [windows, kernels], [channels, ...counts], { keepdims: 0 })
  return scaledBy(layer, 'Div', sums, all.length > 1 ? layer.constant('counts', counts, all) : all[0], 'counts')
}

/** The mean or the largest value of a whole channel. */
const overAll =
  (pool: string, reduce: string): Emitter =>
  (layer, x) => {
    const [channels] = x.shape
    if (layer.dtype === 'float64') return layer.node(reduce, [x], [channels], { axes: [2, 3], keepdims: 0 })
    return layer.node('Flatten', [layer.node(pool, [x], [channels, 1, 1])], [channels], { axis: 1 })
  }

export const globalAvgPool2d = overAll('GlobalAveragePool', 'ReduceMean')
export const globalMaxPool2d = overAll('GlobalMaxPool', 'ReduceMax')
