// Layers that scale values to a mean and a deviation. An epsilon is a float32 attribute of ONNX's operators, so in float64
// they are written out.

import { product } from '../../tensor'
import { scaledBy } from './factors'
import { type Emitter, type LayerWriter, axisOf, perChannel } from './layer'
import type { OnnxValue } from './writer'

/** x weight + bias, of one for each channel, or of other sizes. */
function scaled(layer: LayerWriter, x: OnnxValue, dims: readonly number[]): OnnxValue {
  const product = scaledBy(layer, 'Mul', x, layer.parameter('weight', dims))
  return layer.node('Add', [product, layer.parameter('bias', dims)], x.shape)
}

/** 1 / √(variance + ε), the other way round: the root. */
function deviation(layer: LayerWriter, variance: OnnxValue): OnnxValue {
  const sum = layer.node('Add', [variance, layer.scalar('epsilon', layer.config.epsilon)], variance.shape)
  return layer.node('Sqrt', [sum], variance.shape)
}

/** (x - mean) / √(variance + ε) over some of the last axes of examples. */
function normed(layer: LayerWriter, x: OnnxValue, last: number): OnnxValue {
  const axes = Array.from({ length: last }, (_, i) => i - last)
  const shape = x.shape.map((size, i) => (i < x.shape.length - last ? size : 1))
  const means = layer.node('ReduceMean', [x], shape, { axes, keepdims: 1 })
  const apart = layer.node('Sub', [x, means], x.shape)
  const squares = layer.node('Mul', [apart, apart], x.shape)
  const variance = layer.node('ReduceMean', [squares], shape, { axes, keepdims: 1 })
  return layer.node('Div', [apart, deviation(layer, variance)], x.shape)
}

export const batchNorm: Emitter = (layer, x) => {
  const { axis = 0, epsilon } = layer.config
  if (layer.dtype === 'float64') return batchNormByHand(layer, x, axis)
  const inputs = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => layer.parameter(name))
  const normedFirst = (y: OnnxValue) =>
    layer.node('BatchNormalization', [y, ...inputs], y.shape, { epsilon: { float: epsilon } })
  const at = axisOf(x, axis)
  if (at === 0) return normedFirst(x)
  // ONNX's channels come first.
  const others = Array.from(x.shape.keys()).filter((one) => one !== at)
  const perm = [0, at + 1, ...others.map((one) => one + 1)]
  const turned = layer.node('Transpose', [x], [x.shape[at], ...others.map((one) => x.shape[one])], { perm })
  const back = perm.map((_, i) => perm.indexOf(i))
  return layer.node('Transpose', [normedFirst(turned)], x.shape, { perm: back })
}

function batchNormByHand(layer: LayerWriter, x: OnnxValue, axis: number): OnnxValue {
  const dims = perChannel(x, axis)
  const apart = layer.node('Sub', [x, layer.parameter('running_mean', dims)], x.shape)
  const root = deviation(layer, layer.parameter('running_var', dims))
  const factor = layer.node('Div', [layer.parameter('weight', dims), root], dims)
  const product = scaledBy(layer, 'Mul', apart, factor)
  return layer.node('Add', [product, layer.parameter('bias', dims)], x.shape)
}

export const layerNorm: Emitter = (layer, x) => {
  const { length } = x.shape
  const { axes: last = length === 2 ? 1 : length, epsilon } = layer.config
  const dims = x.shape.slice(length - last)
  if (layer.dtype === 'float64') return scaled(layer, normed(layer, x, last), dims)
  const inputs = [x, layer.parameter('weight'), layer.parameter('bias')]
  return layer.node('LayerNormalization', inputs, x.shape, { axis: -last, epsilon: { float: epsilon } })
}

export const groupNorm: Emitter = (layer, x) => {
  const { groups, epsilon } = layer.config
  const rows = layer.reshaped(x, [groups, product(x.shape) / groups])
  const one = (name: string, value: number) => layer.constant(name, [groups], Array<number>(groups).fill(value))
  const even =
    layer.dtype === 'float64'
      ? normed(layer, rows, 1)
      : layer.node('InstanceNormalization', [rows, one('ones', 1), one('zeros', 0)], rows.shape, {
          epsilon: { float: epsilon },
        })
  return scaled(layer, layer.reshaped(even, x.shape), perChannel(x))
}

export const normalize: Emitter = (layer, x) => {
  const dims = perChannel(x, layer.config.axis)
  const apart = layer.node('Sub', [x, layer.parameter('mean', dims)], x.shape)
  return scaledBy(layer, 'Div', apart, layer.parameter('std', dims))
}
