// Convolutions.

import type { LayerWriter, Emitter } from './layer'
import { borderOf } from '../../layers/pads'
import { imagePad } from '../../layers/sequence'
import { product } from '../../tensor'
import { multiplied, sliding, spreading } from './windows'
import type { OnnxValue } from './writer'

/** A convolution along some axes, each with a number of its own; [before, behind] each axis so many zeros. */
interface Along {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly begin: readonly number[]
  readonly end: readonly number[]
}

function convolution(layer: LayerWriter, x: OnnxValue, along: Along): OnnxValue {
  const { filters, groups, bias } = layer.config
  const { kernel, stride, dilation, begin, end } = along
  const [channels, ...sizes] = x.shape
  const counts = sizes.map((size, i) => {
    const spread = dilation[i] * (kernel[i] - 1) + 1
    return Math.floor((size + begin[i] + end[i] - spread) / stride[i]) + 1
  })
  const shape = [filters, ...counts]
  if (layer.dtype === 'float32') {
    const inputs = [x, layer.parameter('weight'), ...(bias ? [layer.parameter('bias')] : [])]
    return layer.node('Conv', inputs, shape, {
      kernel_shape: kernel,
      strides: stride,
      pads: [...begin, ...end],
      dilations: dilation,
      group: groups,
    })
  }
  const dims = [groups, filters / groups, (channels / groups) * product(kernel)]
  const places = counts.map((count, i) => sliding(count, kernel[i], stride[i], dilation[i], begin[i]))
  return biased(layer, multiplied(layer, x, places, layer.parameter('weight', dims), shape))
}

/** With the bias of each channel, if there is one. */
function biased(layer: LayerWriter, y: OnnxValue): OnnxValue {
  if (!layer.config.bias) return y
  const dims = [y.shape[0], ...y.shape.slice(1).map(() => 1)]
  return layer.node('Add', [y, layer.parameter('bias', dims)], y.shape)
}

export const conv2d: Emitter = (layer, x) => {
  const { kernel, stride, dilation, pad } = layer.config
  const [top, left, bottom, right] = borderOf(pad, x.shape.slice(1), { kernel, stride, dilation })
  return convolution(layer, x, { kernel, stride, dilation, begin: [top, left], end: [bottom, right] })
}

export const conv1d: Emitter = (layer, x) => {
  const { kernel, stride, dilation, pad } = layer.config
  const window = { kernel: [1, kernel], stride: [1, stride], dilation: [1, dilation] } as const
  const [, left, , right] = borderOf(imagePad(pad, kernel, dilation), [1, x.shape[1]], window)
  return convolution(layer, x, {
    kernel: [kernel],
    stride: [stride],
    dilation: [dilation],
    begin: [left],
    end: [right],
  })
}

export const convTranspose2d: Emitter = (layer, x) => {
  const { filters, groups, bias, kernel, stride, pad, outputPad, dilation } = layer.config
  const [channels, ...sizes] = x.shape
  // What outputPad adds: a part of a stride, then what the pad would cut off, then nothing but bias.
  const reach = [0, 1].map((i) => outputPad[i] % stride[i])
  const uncut = [0, 1].map((i) => Math.min(pad[i], outputPad[i] - reach[i]))
  const beyond = [0, 1].map((i) => outputPad[i] - reach[i] - uncut[i])
  const counts = sizes.map(
    (size, i) => (size - 1) * stride[i] - 2 * pad[i] + uncut[i] + dilation[i] * (kernel[i] - 1) + reach[i] + 1,
  )
  const shape = [filters, ...counts]
  const isWhole = !beyond.some(Boolean)
  let y: OnnxValue
  if (layer.dtype === 'float32') {
    const inputs = [x, layer.parameter('weight'), ...(bias && isWhole ? [layer.parameter('bias')] : [])]
    y = layer.node('ConvTranspose', inputs, shape, {
      kernel_shape: kernel,
      strides: stride,
      pads: [...pad, pad[0] - uncut[0], pad[1] - uncut[1]],
      output_padding: reach,
      dilations: dilation,
      group: groups,
    })
    if (isWhole) return y
  } else {
    const [c, f, k] = [channels / groups, filters / groups, product(kernel)]
    const split = layer.parameter('weight', [groups, c, f, k])
    const turned = layer.node('Transpose', [split], [groups, f, c, k], { perm: [0, 2, 1, 3] })
    const sizesOf = layer.integers('weight/shape', [groups, f, c * k])
    const weight = layer.node('Reshape', [turned, sizesOf], [groups, f, c * k])
    const places = counts.map((count, i) => spreading(count, kernel[i], stride[i], dilation[i], pad[i]))
    y = multiplied(layer, x, places, weight, shape)
  }
  if (!isWhole) {
    const pads = layer.integers('beyond', [0, 0, 0, 0, 0, 0, ...beyond])
    y = layer.node('Pad', [y, pads], [filters, counts[0] + beyond[0], counts[1] + beyond[1]])
  }
  return biased(layer, y)
}
