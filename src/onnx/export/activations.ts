// Activations. ONNX Runtime has most of those with an attribute for float32 alone, and an attribute is float32 in every
// file: in float64 they are written out.

import { GELU_1, SELU_BELOW, SELU_SCALE, SIXTH } from '../../kernels/curve-kinds'
import {
  TAIL_0,
  TAIL_1,
  TAIL_10,
  TAIL_11,
  TAIL_12,
  TAIL_13,
  TAIL_14,
  TAIL_15,
  TAIL_16,
  TAIL_17,
  TAIL_18,
  TAIL_19,
  TAIL_2,
  TAIL_20,
  TAIL_21,
  TAIL_22,
  TAIL_3,
  TAIL_4,
  TAIL_5,
  TAIL_6,
  TAIL_7,
  TAIL_8,
  TAIL_9,
  TAIL_CENTRE,
} from '../../kernels/math'
import { scaledBy } from './factors'
import { type Emitter, type LayerWriter, perChannel } from './layer'
import type { OnnxAttributes, OnnxValue } from './writer'

/** An operator of one value. */
const plain =
  (opType: string): Emitter =>
  (layer, x) =>
    layer.node(opType, [x], x.shape)

export const sigmoid = plain('Sigmoid')
export const tanh = plain('Tanh')

/** Number by number, with one number, or a value of the same shape. */
function by(layer: LayerWriter, opType: string, x: OnnxValue, other: OnnxValue | number, name = 'factor'): OnnxValue {
  if (typeof other === 'number' && (opType === 'Mul' || opType === 'Div'))
    return scaledBy(layer, opType, x, other, name)
  return layer.node(opType, [x, typeof other === 'number' ? layer.scalar(name, other) : other], x.shape)
}

/** Held between two numbers. */
function clipped(layer: LayerWriter, x: OnnxValue, least: number, most: number): OnnxValue {
  return layer.node('Clip', [x, layer.scalar('min', least), layer.scalar('max', most)], x.shape)
}

/** Where x is above 0, x times a number; else what `below` makes of the rest, which is 0 at 0. */
function bent(layer: LayerWriter, x: OnnxValue, above: number, below: (least: OnnxValue) => OnnxValue): OnnxValue {
  const upper = layer.node('Relu', [x], x.shape)
  const least = by(layer, 'Min', x, 0, 'zero')
  return by(layer, 'Add', above === 1 ? upper : by(layer, 'Mul', upper, above, 'above'), below(least))
}

/** factor (e^x - 1) */
function exponential(layer: LayerWriter, x: OnnxValue, factor: number): OnnxValue {
  const power = by(layer, 'Sub', layer.node('Exp', [x], x.shape), 1, 'one')
  return by(layer, 'Mul', power, factor, 'alpha')
}

/** An operator for float32, and what it is written as in float64. */
const single =
  (opType: string, attributes: (config: any) => OnnxAttributes, double: Emitter): Emitter =>
  (layer, x) =>
    layer.dtype === 'float32' ? layer.node(opType, [x], x.shape, attributes(layer.config)) : double(layer, x)

export const relu: Emitter = (layer, x) => {
  const { max } = layer.config
  return max === undefined ? layer.node('Relu', [x], x.shape) : clipped(layer, x, 0, max)
}

export const leakyRelu = single(
  'LeakyRelu',
  ({ alpha }) => ({ alpha: { float: alpha } }),
  (layer, x) => bent(layer, x, 1, (least) => by(layer, 'Mul', least, layer.config.alpha, 'alpha')),
)

export const elu = single(
  'Elu',
  ({ alpha }) => ({ alpha: { float: alpha } }),
  (layer, x) => bent(layer, x, 1, (least) => exponential(layer, least, layer.config.alpha)),
)

export const selu = single(
  'Selu',
  () => ({}),
  (layer, x) => bent(layer, x, SELU_SCALE, (least) => exponential(layer, least, SELU_BELOW)),
)

export const softplus = single(
  'Softplus',
  () => ({}),
  (layer, x) => {
    const upper = layer.node('Relu', [x], x.shape)
    const power = layer.node('Exp', [layer.node('Neg', [layer.node('Abs', [x], x.shape)], x.shape)], x.shape)
    return by(layer, 'Add', upper, layer.node('Log', [by(layer, 'Add', power, 1, 'one')], x.shape))
  },
)

/** max(0, min(1, x / 6 + 1/2)) */
function hardGate(layer: LayerWriter, x: OnnxValue): OnnxValue {
  return clipped(layer, by(layer, 'Add', by(layer, 'Mul', x, SIXTH, 'sixth'), 0.5, 'half'), 0, 1)
}

export const hardSigmoid = single('HardSigmoid', () => ({ alpha: { float: SIXTH }, beta: { float: 0.5 } }), hardGate)
export const hardSwish = single(
  'HardSwish',
  () => ({}),
  (layer, x) => by(layer, 'Mul', x, hardGate(layer, x)),
)

export const silu: Emitter = (layer, x) => {
  if (layer.dtype === 'float32') return by(layer, 'Mul', x, layer.node('Sigmoid', [x], x.shape))
  // ONNX Runtime makes x sigmoid(x) a QuickGelu of doubles, which it does not have.
  const power = layer.node('Exp', [layer.node('Neg', [x], x.shape)], x.shape)
  return by(layer, 'Div', x, by(layer, 'Add', power, 1, 'one'))
}

/** As other libraries write it, so that runtimes know it again and take their own. */
export const gelu: Emitter = (layer, x) => {
  if (layer.config.approximate === 'tanh') {
    const cube = by(layer, 'Pow', x, 3, 'three')
    const inner = by(layer, 'Add', x, by(layer, 'Mul', cube, 0.044715, 'cubic'))
    const bend = layer.node('Tanh', [by(layer, 'Mul', inner, GELU_1 / 2, 'slope')], x.shape)
    return by(layer, 'Mul', by(layer, 'Mul', x, by(layer, 'Add', bend, 1, 'one')), 0.5, 'half')
  }
  if (layer.dtype === 'float64') return by(layer, 'Mul', x, normalDistribution(layer, x))
  const error = layer.node('Erf', [by(layer, 'Div', x, Math.SQRT2, 'root')], x.shape)
  return by(layer, 'Mul', by(layer, 'Mul', x, by(layer, 'Add', error, 1, 'one')), 0.5, 'half')
}

/** Of powers of s, from the 0th on: see assembly/normal.ts. */
const TAIL = [
  TAIL_0,
  TAIL_1,
  TAIL_2,
  TAIL_3,
  TAIL_4,
  TAIL_5,
  TAIL_6,
  TAIL_7,
  TAIL_8,
  TAIL_9,
  TAIL_10,
  TAIL_11,
  TAIL_12,
  TAIL_13,
  TAIL_14,
  TAIL_15,
  TAIL_16,
  TAIL_17,
  TAIL_18,
  TAIL_19,
  TAIL_20,
  TAIL_21,
  TAIL_22,
]

/** Φ(x) in float64, for which ONNX Runtime has no Erf, as our own kernel takes it. */
function normalDistribution(layer: LayerWriter, x: OnnxValue): OnnxValue {
  const size = layer.node('Abs', [x], x.shape)
  const sum = by(layer, 'Add', size, TAIL_CENTRE, 'centre')
  const s = by(layer, 'Div', by(layer, 'Sub', size, TAIL_CENTRE, 'centre'), sum)
  // A polynomial: powers along one more axis, times the coefficients.
  const column = layer.node('Unsqueeze', [s, layer.integers('last', [-1])], [...x.shape, 1])
  const exponents = layer.constant('exponents', [TAIL.length], Array.from(TAIL.keys()))
  const powers = layer.node('Pow', [column, exponents], [...x.shape, TAIL.length])
  const tail = layer.node('MatMul', [powers, layer.constant('coefficients', [TAIL.length], TAIL)], x.shape)
  const square = by(layer, 'Mul', by(layer, 'Mul', x, x), -0.5, 'minusHalf')
  const density = layer.node('Exp', [square], x.shape)
  const below = by(layer, 'Mul', density, by(layer, 'Div', tail, sum))
  const above = layer.node('Sub', [layer.scalar('one', 1), below], x.shape)
  const isBelow = by(layer, 'Less', x, 0, 'zero')
  return layer.node('Where', [isBelow, below, above], x.shape)
}

export const prelu: Emitter = (layer, x) => {
  const { shared, axis } = layer.config
  const dims = shared ? [1] : perChannel(x, axis)
  return layer.node('PRelu', [x, layer.parameter('weight', dims)], x.shape)
}

export const softmax: Emitter = (layer, x) =>
  layer.node('Softmax', [x], x.shape, { axis: x.shape.length === 2 ? 2 : 1 })

export const maxout: Emitter = (layer, x) => {
  const { pieces } = layer.config
  const [channels, ...rest] = x.shape
  const runs = layer.reshaped(x, [channels / pieces, pieces, ...rest])
  return layer.node('ReduceMax', [runs], [channels / pieces, ...rest], { axes: [2], keepdims: 0 })
}

/** Nothing is dropped but in training; 'vanilla' scales what it then keeps. */
export const dropout: Emitter = (layer, x) => {
  const { keep, mode } = layer.config
  return mode === 'vanilla' ? by(layer, 'Mul', x, keep, 'keep') : x
}
