// Layers that move values, or join them.

import { sines } from '../../layers/positions'
import { product } from '../../tensor'
import { DataType } from '../schema'
import { countsOf } from './recurrent'
import { type Emitter, type LayerWriter, axisOf } from './layer'
import type { OnnxAttributes, OnnxValue } from './writer'

/** x as numbers of the file's dtype: of ids what a layer that only copies makes. */
export function asNumbers(layer: LayerWriter, x: OnnxValue): OnnxValue {
  if (!x.ids) return x
  return layer.node('Cast', [x], x.shape, { to: layer.dtype === 'float64' ? DataType.double : DataType.float })
}

const joined =
  (opType: string): Emitter =>
  (layer, x, ...others) =>
    others.reduce((a, b) => layer.node(opType, [a, b], x.shape), x)

export const add = joined('Add')
export const multiply = joined('Mul')

export const concat: Emitter = (layer, x, ...others) => {
  const parts = [x, ...others].map((one) => asNumbers(layer, one))
  if (parts.length === 1) return parts[0]
  const at = axisOf(x, layer.config.axis ?? 0)
  const size = parts.reduce((sum, { shape }) => sum + shape[at], 0)
  return layer.node('Concat', parts, x.shape.with(at, size), { axis: at + 1 })
}

export const flatten: Emitter = (layer, x) =>
  x.shape.length === 1 ? x : { ...layer.node('Flatten', [x], [product(x.shape)], { axis: 1 }), ids: x.ids }

export const reshape: Emitter = (layer, x) => {
  const { shape } = layer.config as { shape: readonly number[] }
  const known = product(shape.filter((size) => size !== -1))
  const full = shape.map((size) => (size === -1 ? product(x.shape) / known : size))
  return { ...layer.reshaped(x, full), ids: x.ids }
}

export const permute: Emitter = (layer, x) => {
  const { order } = layer.config as { order: readonly number[] }
  const perm = [0, ...order.map((axis) => axis + 1)]
  const shape = order.map((axis) => x.shape[axis])
  return { ...layer.node('Transpose', [x], shape, { perm }), ids: x.ids }
}

export const take: Emitter = (layer, x) => {
  const { axis, from, to } = layer.config
  const at = axisOf(x, axis)
  const size = x.shape[at]
  const [first, end] = [from, to ?? size].map((place: number) => (place < 0 ? place + size : place))
  if (end - first === size) return x
  const inputs = [x, layer.integers('starts', [first]), layer.integers('ends', [end]), layer.integers('axes', [at + 1])]
  return { ...layer.node('Slice', inputs, x.shape.with(at, end - first)), ids: x.ids }
}

export const repeat: Emitter = (layer, x) => {
  const { times } = layer.config
  const one = layer.node('Unsqueeze', [x, layer.integers('axes', [1])], [1, ...x.shape])
  if (times === 1) return { ...one, ids: x.ids }
  const sizes = layer.integers('times', [1, times, ...x.shape.map(() => 1)])
  return layer.node('Expand', [one, sizes], [times, ...x.shape])
}

export const mean: Emitter = (layer, x) => {
  const at = axisOf(x, layer.config.axis)
  const isLast = x.shape.length === 1
  const shape = isLast ? [1] : x.shape.toSpliced(at, 1)
  const lengths = at === 0 && x.shape.length === 2 ? layer.lengths(x) : undefined
  if (lengths) {
    const counts = countsOf(layer, lengths, x.shape[0])
    const counted = layer.node('Where', [counts, x, layer.scalar('none', 0)], x.shape)
    const sums = layer.node('ReduceSum', [counted, layer.integers('axes', [1])], shape, { keepdims: 0 })
    const column = layer.node('Unsqueeze', [lengths, layer.integers('axes', [1])], [1])
    return layer.node('Div', [sums, asNumbers(layer, { ...column, ids: true })], shape)
  }
  return layer.node('ReduceMean', [x], shape, { axes: [at + 1], keepdims: Number(isLast) })
}

/** x with zeros before and behind each axis of an example. */
function zeros(layer: LayerWriter, x: OnnxValue, before: readonly number[], behind: readonly number[]): OnnxValue {
  if (![...before, ...behind].some(Boolean)) return x
  const shape = x.shape.map((size, i) => before[i] + size + behind[i])
  return layer.node('Pad', [x, layer.integers('pads', [0, ...before, 0, ...behind])], shape)
}

export const padChannels: Emitter = (layer, x) => {
  const { before, after } = layer.config
  const rest = x.shape.slice(1).map(() => 0)
  return zeros(layer, asNumbers(layer, x), [before, ...rest], [after, ...rest])
}

export const zeroPad2d: Emitter = (layer, x) => {
  const { pad = [0, 0], top = pad[0], left = pad[1], bottom = pad[0], right = pad[1] } = layer.config
  return zeros(layer, x, [0, top, left], [0, bottom, right])
}

export const upsample2d: Emitter = (layer, x) => {
  const { scale, mode } = layer.config
  const [sh, sw] = scale as readonly number[]
  if (sh * sw === 1) return x
  const [c, h, w] = x.shape
  const shape = [c, h * sh, w * sw]
  const isNearest = mode === 'nearest'
  if (layer.dtype === 'float32') {
    const how: OnnxAttributes = isNearest
      ? { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
      : { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }
    return layer.node('Resize', [x, undefined, layer.singles('scales', [1, 1, sh, sw])], shape, how)
  }
  // ONNX Runtime has no Resize of doubles.
  if (isNearest) {
    const places = (size: number, times: number) =>
      Array.from({ length: size * times }, (_, i) => Math.floor(i / times))
    const rows = layer.node('Gather', [x, layer.integers('rows', places(h, sh))], [c, h * sh, w], { axis: 2 })
    return layer.node('Gather', [rows, layer.integers('columns', places(w, sw))], shape, { axis: 3 })
  }
  const rows = layer.node('MatMul', [layer.constant('rows', [h * sh, h], between(h, sh)), x], [c, h * sh, w])
  const columns = layer.constant('columns', [w * sw, w], between(w, sw))
  const turned = layer.node('Transpose', [columns], [w, w * sw], { perm: [1, 0] })
  return layer.node('MatMul', [rows, turned], shape)
}

/** The matrix (size times, size) that takes what lies between two values. */
function between(size: number, times: number): number[] {
  const matrix = Array<number>(size * times * size).fill(0)
  for (let i = 0; i < size * times; i++) {
    const place = Math.max((i + 0.5) / times - 0.5, 0)
    const first = Math.min(Math.floor(place), size - 1)
    const second = Math.min(first + 1, size - 1)
    matrix[i * size + first] += 1 - (place - first)
    matrix[i * size + second] += place - first
  }
  return matrix
}

export const positions: Emitter = (layer, x) => {
  const [length, size] = x.shape
  const table =
    layer.config.kind === 'sines' ? layer.constant('sines', x.shape, sines(length, size)) : layer.parameter('weight')
  return layer.node('Add', [x, table], x.shape)
}
