// Products with matrices.

import type { Emitter, LayerWriter } from './layer'
import type { OnnxValue } from './writer'

/** y = x wᵀ + b of the last axis; w is (outputs, inputs). */
export function linear(layer: LayerWriter, x: OnnxValue, weight: OnnxValue, bias?: OnnxValue): OnnxValue {
  const [outputs, inputs] = weight.shape
  const shape = [...x.shape.slice(0, -1), outputs]
  if (x.shape.length === 1) return layer.node('Gemm', [x, weight, ...(bias ? [bias] : [])], shape, { transB: 1 })
  const turned = layer.node('Transpose', [weight], [inputs, outputs], { perm: [1, 0] })
  const product = layer.node('MatMul', [x, turned], shape)
  return bias ? layer.node('Add', [product, bias], shape) : product
}

export const dense: Emitter = (layer, x) =>
  linear(layer, x, layer.parameter('weight'), layer.config.bias ? layer.parameter('bias') : undefined)

/** A table, or, on what are no ids, the head that is tied to it. */
export const embedding: Emitter = (layer, x) => {
  const weight = layer.parameter('weight')
  if (!x.ids) return linear(layer, x, weight)
  return layer.node('Gather', [weight, x], [...x.shape, layer.config.size], { axis: 0 })
}
