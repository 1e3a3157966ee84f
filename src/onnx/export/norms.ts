// Layers that scale values to a mean and a deviation. An epsilon is a float32 attribute of ONNX's operators, so in float64
// they are written out.

import { product } from '../../tensor'
import type { OnnxEmitter, OnnxLayer } from './layer'
import type { OnnxValue } from './writer'

/** Sizes with which one value for each channel reaches all of it. */
const perChannel = ({ shape }: OnnxValue) => [shape[0], ...shape.slice(1).map(() => 1)]

/** x weight + bias, of one for each channel, or of other sizes. */
function scaled(layer: OnnxLayer, x: OnnxValue, dims: readonly number[]): OnnxValue {
  const product = layer.node('Mul', [x, layer.parameter('weight', dims)], x.shape)
  return layer.node('Add', [product, layer.parameter('bias', dims)], x.shape)
}

/** 1 / √(variance + ε), the other way round: the root. */
function deviation(layer: OnnxLayer, variance: OnnxValue): OnnxValue {
  const sum = layer.node('Add', [variance, layer.scalar('epsilon', layer.config.epsilon)], variance.shape)
  return layer.node('Sqrt', [sum], variance.shape)
}

/** (x - mean) / √(variance + ε) over some of the last axes of examples. */
function normed(layer: OnnxLayer, x: OnnxValue, last: number): OnnxValue {
  const axes = Array.from({ length: last }, (_, i) => i - last)
  const shape = x.shape.map((size, i) => (i < x.shape.length - last ? size : 1))
  const means = layer.node('ReduceMean', [x], shape, { axes, keepdims: 1 })
  const apart = layer.node('Sub', [x, means], x.shape)
  const squares = layer.node('Mul', [apart, apart], x.shape)
  const variance = layer.node('ReduceMean', [squares], shape, { axes, keepdims: 1 })
  return layer.node('Div', [apart, deviation(layer, variance)], x.shape)
}

export const batchNorm: OnnxEmitter = (layer, x) => {
  if (layer.dtype === 'float32') {
    const inputs = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => layer.parameter(name))
    return layer.node('BatchNormalization', [x, ...inputs], x.shape, { epsilon: { float: layer.config.epsilon } })
  }
  const dims = perChannel(x)
  const apart = layer.node('Sub', [x, layer.parameter('running_mean', dims)], x.shape)
  const factor = layer.node(
    'Div',
    [layer.parameter('weight', dims), deviation(layer, layer.parameter('running_var', dims))],
    dims,
  )
  const product = layer.node('Mul', [apart, factor], x.shape)
  return layer.node('Add', [product, layer.parameter('bias', dims)], x.shape)
}

export const layerNorm: OnnxEmitter = (layer, x) => {
  const { length } = x.shape
  const { axes: last = length === 2 ? 1 : length, epsilon } = layer.config
  const dims = x.shape.slice(length - last)
  if (layer.dtype === 'float64') return scaled(layer, normed(layer, x, last), dims)
  const inputs = [x, layer.parameter('weight'), layer.parameter('bias')]
  return layer.node('LayerNormalization', inputs, x.shape, { axis: -last, epsilon: { float: epsilon } })
}

export const groupNorm: OnnxEmitter = (layer, x) => {
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

export const normalize: OnnxEmitter = (layer, x) => {
  const dims = perChannel(x)
  const apart = layer.node('Sub', [x, layer.parameter('mean', dims)], x.shape)
  return layer.node('Div', [apart, layer.parameter('std', dims)], x.shape)
}
