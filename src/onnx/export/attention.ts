// Attention, written out.

import type { Emitter, LayerWriter } from './layer'
import { linear } from './linear'
import type { OnnxValue } from './writer'

/** (T, D) to (heads, T, D / heads), or, as keys, (heads, D / heads, T). */
function heads(layer: LayerWriter, x: OnnxValue, perm: readonly number[]): OnnxValue {
  const { heads: count } = layer.config
  const [time, width] = x.shape
  const split = layer.reshaped(x, [time, count, width / count])
  return layer.node(
    'Transpose',
    [split],
    perm.slice(1).map((axis) => split.shape[axis - 1]),
    { perm },
  )
}

/** The last axis of a sequence in parts of a width. */
function parts(layer: LayerWriter, y: OnnxValue, width: number): OnnxValue[] {
  const [time, all] = y.shape
  const shapes = Array.from({ length: all / width }, () => [time, width])
  const sizes = layer.integers(
    'parts',
    shapes.map(() => width),
  )
  return layer.nodes('Split', [y, sizes], shapes, { axis: 2 })
}

/** Rows of a parameter. */
function slice(layer: LayerWriter, of: OnnxValue, from: number, to: number): OnnxValue {
  const inputs = [of, layer.integers('from', [from]), layer.integers('to', [to]), layer.integers('rows', [0])]
  return layer.node('Slice', inputs, [to - from, ...of.shape.slice(1)])
}

export const attention: Emitter = (layer, x, memory) => {
  const { heads: count, causal } = layer.config
  const [queries, width] = x.shape
  const keys = (memory ?? x).shape[0]
  const size = width / count
  const weight = layer.parameter('in_proj_weight')
  const bias = layer.parameter('in_proj_bias')
  let [q, k, v]: OnnxValue[] = []
  if (memory) {
    const [wq, bq] = [slice(layer, weight, 0, width), slice(layer, bias, 0, width)]
    const [wkv, bkv] = [slice(layer, weight, width, 3 * width), slice(layer, bias, width, 3 * width)]
    q = linear(layer, x, wq, bq)
    const both = linear(layer, memory, wkv, bkv)
    ;[k, v] = parts(layer, both, width)
  } else [q, k, v] = parts(layer, linear(layer, x, weight, bias), width)
  // Here, and not behind the product, where ONNX Runtime makes it an attribute of that, which is float32.
  const scaled = layer.node('Mul', [q, layer.scalar('scale', 1 / Math.sqrt(size))], q.shape)
  const sides = [heads(layer, scaled, [0, 2, 1, 3]), heads(layer, k, [0, 2, 3, 1])]
  let scores = layer.node('MatMul', sides, [count, queries, keys])
  if (causal) {
    const mask = Array.from({ length: queries * keys }, (_, i) => (i % keys > Math.floor(i / keys) ? -Infinity : 0))
    scores = layer.node('Add', [scores, layer.constant('mask', [queries, keys], mask)], scores.shape)
  }
  const lengths = layer.lengths(memory ?? x)
  if (lengths) {
    // Nobody sees what is behind the end of a row.
    const places = layer.integers32('places', Array.from(Array(keys).keys()))
    const column = layer.node('Unsqueeze', [lengths, layer.integers('axes', [1, 2, 3])], [1, 1, 1])
    const counts = layer.node('Less', [places, column], [1, 1, keys])
    scores = layer.node('Where', [counts, scores, layer.scalar('unseen', -Infinity)], scores.shape)
  }
  const shares = layer.node('Softmax', [scores], scores.shape, { axis: 3 })
  const seen = layer.node('MatMul', [shares, heads(layer, v, [0, 2, 1, 3])], [count, queries, size])
  const rows = layer.node('Transpose', [seen], [queries, count, size], { perm: [0, 2, 1, 3] })
  const joined = layer.reshaped(rows, [queries, width])
  return linear(layer, joined, layer.parameter('out_proj.weight'), layer.parameter('out_proj.bias'))
}
