// Products with constants.

import { product } from '../../tensor'
import type { LayerWriter } from './layer'
import type { OnnxValue } from './writer'

/**
 * x times a constant, or divided by one. Next to a MatMul ONNX Runtime makes a constant of one number an attribute of that,
 * which is float32: so in float64 it is written as several numbers, all the same.
 */
export function scaledBy(
  layer: LayerWriter,
  opType: 'Mul' | 'Div',
  x: OnnxValue,
  factor: OnnxValue | number,
  name = 'factor',
): OnnxValue {
  const { shape } = x
  const isNumber = typeof factor === 'number'
  if (layer.dtype === 'float32' || (!isNumber && product(factor.shape) > 1)) {
    return layer.node(opType, [x, isNumber ? layer.scalar(name, factor) : factor], shape)
  }
  const from = shape.findLastIndex((size) => size > 1)
  const sizes = from < 0 ? [2] : shape.slice(from)
  let several: OnnxValue
  if (isNumber) several = layer.constant(name, sizes, Array<number>(product(sizes)).fill(factor))
  else {
    const ones = Array<number>(Math.max(0, factor.shape.length - sizes.length)).fill(1)
    several = layer.node('Expand', [factor, layer.integers('sizes', sizes)], [...ones, ...sizes])
  }
  if (from >= 0) return layer.node(opType, [x, several], shape)
  // Of a single number two, whose mean is what each of them is.
  const two = layer.node(opType, [x, several], [...shape.slice(0, -1), 2])
  return layer.node('ReduceMean', [two], shape, { axes: [-1], keepdims: 1 })
}
