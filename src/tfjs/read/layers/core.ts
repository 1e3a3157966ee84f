// Dense layers, embeddings, dropout, and what changes shapes.

import { MAX_SIZE, note, quote, show } from '../../../errors'
import { conv2d } from '../../../layers/conv2d'
import { dense as denseOf } from '../../../layers/dense'
import { dropout as dropoutOf } from '../../../layers/dropout'
import { embedding as embeddingOf } from '../../../layers/embedding'
import { flatten as flattenOf } from '../../../layers/flatten'
import { permute as permuteOf } from '../../../layers/permute'
import { repeat as repeatOf } from '../../../layers/repeat'
import { reshape as reshapeOf } from '../../../layers/reshape'
import { take } from '../../../layers/take'
import { upsample2d } from '../../../layers/upsample2d'
import { zeroPad2d } from '../../../layers/zero-pad2d'
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
  rowsFirst,
  turned,
  weightOf,
} from '../at'
import { transpose } from '../../transpose'
import { type Shape, type Value, isInput, textOf } from '../values'
import { activate } from './activations'

/** Of the last axis: of vectors and sequences; of images it is a convolution of 1 x 1. */
const dense: Handler = (at, x) => {
  const units = at.config.whole('units')
  const bias = at.config.flag('use_bias', true)
  const axes = x.shape.length
  if (axes > 3) throw at.fail(`is used on an input of ${textOf(x.shape)}, of more than three axes`)
  const kernel = weightOf(at, 'kernel', 0, [x.shape.at(-1) ?? null, units])
  const inputs = kernel.length / units
  const weight = transpose(rowsFirst(kernel, x.flat), [inputs, units], [1, 0])
  if (bias) put(at, 'bias', [units], weightOf(at, 'bias', 1, [units]))
  const shape = [...x.shape.slice(0, -1), units]
  let y: Value
  if (axes === 3) {
    put(at, 'weight', [units, inputs, 1, 1], weight)
    y = main(at, () => conv2d(units, { kernel: 1, bias }), turned(at, x, true), { shape })
  } else {
    put(at, 'weight', [units, inputs], weight)
    const from = axes === 2 ? turned(at, x, false) : x
    y = main(at, () => denseOf(units, { bias }), from, { shape, flat: undefined })
  }
  return activate(at, at.config.text('activation', 'linear'), y)
}

const embedding: Handler = (at, x) => {
  if (!isInput(x.from)) throw at.fail('reads what another layer gives; here it must read an input of the model')
  const [vocabulary, size] = [at.config.whole('input_dim'), at.config.whole('output_dim')]
  if (at.config.flag('mask_zero', false)) {
    throw at.fail(
      'has mask_zero, by which the layers behind it skip the id 0; here the data say how long each row is ' +
        '({ x, y, lengths }), so save the model with mask_zero false, and give lengths',
    )
  }
  if (x.shape.length !== 1) throw at.fail(`reads ${textOf(x.shape)}, but must read rows of ids, (steps)`)
  const table = weightOf(at, 'embeddings', 0, [vocabulary, size])
  x.from.ids = true
  put(at, 'weight', [vocabulary, size], table)
  return main(at, () => embeddingOf(vocabulary, size), x, { shape: [...x.shape, size] })
}

const dropout: Handler = (at, x) => {
  const rate = at.config.number('rate')
  if (!(rate >= 0 && rate < 1)) throw at.fail(`has a rate of ${rate}, which must be at least 0 and below 1`)
  const shape = at.config.raw('noise_shape')
  if (Array.isArray(shape)) throw at.fail('has a noise_shape, so drops whole rows; dropout here drops numbers')
  return rate ? beside(at, 'dropout', dropoutOf({ keep: 1 - rate }), x) : x
}

/** What does nothing when a model predicts, and which training here does without. */
const trainingOnly: Handler = (at, x) => {
  note(
    `fromTfjs: the layer ${quote(at.name)} works in training only, in a way that no layer here does; it was left out`,
  )
  return x
}

const flatten: Handler = (at, x) => {
  const { shape } = x
  if (shape.length === 1) return x
  checkChannelsLast(at)
  const known = shape.every((size) => size !== null)
  const size = known ? product(shape as readonly number[]) : null
  // Of one channel, or one place, both orders are the same.
  const open = shape.slice(0, -1)
  const alike = shape.at(-1) === 1 || open.every((one) => one === 1)
  const y = x.first && (known || alike) ? x : turned(at, x, false)
  const flat = y.first && !alike ? shape : undefined
  return beside(at, 'flat', flattenOf(), y, { shape: [size], first: false, flat })
}

const reshape: Handler = (at, x) => {
  const target = at.config.raw('target_shape')
  if (!Array.isArray(target) || !target.length || target.length > 16)
    throw at.fail(`target_shape must be a list, got ${show(target)}`)
  // null and -1 both stand for what is left.
  const sizes = (target as unknown[]).map((size) => size ?? -1)
  const isSize = (size: unknown): size is number =>
    Number.isSafeInteger(size) && (size === -1 || ((size as number) >= 1 && (size as number) <= MAX_SIZE))
  if (!sizes.every(isSize) || sizes.filter((size) => size === -1).length > 1) {
    throw at.fail(`target_shape must be sizes, of which one may be -1, got ${show(target)}`)
  }
  const known = product(sizes.filter((size) => size !== -1))
  const all = x.shape.every((size) => size !== null) ? product(x.shape as readonly number[]) : null
  const rest = all === null ? null : all / known
  if (rest !== null && (sizes.includes(-1) ? !Number.isInteger(rest) || rest < 1 : rest !== 1)) {
    throw at.fail(`cannot make (${sizes.join(', ')}) of an input of ${textOf(x.shape)}`)
  }
  const shape = sizes.map((size) => (size === -1 ? rest : size))
  return beside(at, 'shape', reshapeOf(sizes), turned(at, x, false), { shape, first: false })
}

const permute: Handler = (at, x) => {
  const dims = at.config.raw('dims')
  const axes = x.shape.map((_, i) => i)
  const order = Array.isArray(dims) ? (dims as unknown[]).map((dim) => Number(dim) - 1) : []
  if (order.length !== axes.length || order.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw at.fail(`dims must have each of the axes from 1 to ${axes.length}, got ${show(dims)}`)
  }
  const shape = order.map((axis) => x.shape[axis])
  return beside(at, 'order', permuteOf(order), turned(at, x, false), { shape, first: false })
}

const repeat: Handler = (at, x) => {
  checkAxes(at, x, 1, 'vectors')
  const times = at.config.whole('n')
  if (times < 1) throw at.fail(`repeats its input ${times} times`)
  return beside(at, 'repeat', repeatOf(times), turned(at, x, false), { shape: [times, ...x.shape] })
}

/** [[top, bottom], [left, right]] of a setting that may be one number, or two. */
function sidesOf(at: At, name: string): [number, number, number, number] {
  const raw = at.config.raw(name) ?? 1
  const rows: unknown[] = Array.isArray(raw) ? raw : [raw, raw]
  const sides = rows.flatMap((side): unknown[] => (Array.isArray(side) ? side : [side, side]))
  const isSize = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= 0 && (one as number) <= 2 ** 20
  if (rows.length === 2 && sides.length === 4 && sides.every(isSize)) return sides as [number, number, number, number]
  throw at.fail(`${name} must be [[top, bottom], [left, right]], got ${show(raw)}`)
}

/** [before, behind] of a sequence. */
function endsOf(at: At, name: string): [number, number] {
  const ends = at.config.pair(name, 1)
  if (ends.every((one) => one >= 0 && one <= 2 ** 20)) return ends
  throw at.fail(`${name} must be of at least 0`)
}

const plus = (size: number | null, more: number) => (size === null ? null : size + more)

const zeroPadding2d: Handler = (at, x) => {
  checkAxes(at, x, 3, 'images (height, width, channels)')
  checkChannelsLast(at)
  const [top, bottom, left, right] = sidesOf(at, 'padding')
  const [h, w, c] = x.shape
  const shape = [plus(h, top + bottom), plus(w, left + right), c]
  return beside(at, 'pad', zeroPad2d({ top, bottom, left, right }), turned(at, x, true), { shape })
}

const zeroPadding1d: Handler = (at, x) => {
  checkAxes(at, x, 2, 'sequences (steps, channels)')
  const [left, right] = endsOf(at, 'padding')
  const [steps, channels] = [x.shape[0], channelsOf(at, x)]
  const image = beside(at, 'image', reshapeOf([channels, 1, -1]), turned(at, x, true), { shape: [1, steps, channels] })
  const shape = [plus(steps, left + right), channels]
  const padded = beside(at, 'pad', zeroPad2d({ left, right }), image, { shape: [1, ...shape] })
  return beside(at, 'back', reshapeOf([channels, -1]), padded, { shape })
}

/** Leaves out so much at both ends of an axis, as Keras counts them. */
function cropped(at: At, x: Value, axis: number, before: number, behind: number): Value {
  if (!before && !behind) return x
  const size = x.shape[axis]
  if (size !== null && before + behind >= size) throw at.fail(`leaves out all of an input of ${textOf(x.shape)}`)
  const shape = x.shape.with(axis, plus(size, -before - behind))
  const layer = take({ axis: x.first ? axis + 1 : axis, from: before, ...(behind && { to: -behind }) })
  return beside(at, 'cut', layer, x, { shape })
}

const cropping2d: Handler = (at, x) => {
  checkAxes(at, x, 3, 'images (height, width, channels)')
  checkChannelsLast(at)
  const [top, bottom, left, right] = sidesOf(at, 'cropping')
  return cropped(at, cropped(at, x, 0, top, bottom), 1, left, right)
}

const cropping1d: Handler = (at, x) => {
  checkAxes(at, x, 2, 'sequences (steps, channels)')
  return cropped(at, x, 0, ...endsOf(at, 'cropping'))
}

const upsampling2d: Handler = (at, x) => {
  checkAxes(at, x, 3, 'images (height, width, channels)')
  checkChannelsLast(at)
  const scale = at.config.pair('size', 2)
  if (!scale.every((one) => one >= 1 && one <= 2 ** 20)) throw at.fail(`has a size of ${scale.join(' x ')}`)
  const mode = at.config.text('interpolation', 'nearest')
  if (mode !== 'nearest' && mode !== 'bilinear') throw at.fail(`has the interpolation ${quote(mode)}`)
  if (mode === 'bilinear' && at.dialect === 'tfjs') {
    throw at.fail(
      'is bilinear in TensorFlow.js, which has other places between pixels than Keras, PyTorch and upsample2d here',
    )
  }
  const [h, w, c] = x.shape
  const shape: Shape = [h === null ? null : h * scale[0], w === null ? null : w * scale[1], c]
  return beside(at, 'upsample', upsample2d({ scale, mode }), turned(at, x, true), { shape })
}

export const CORE: Readonly<Record<string, Handler>> = {
  Dense: dense,
  Embedding: embedding,
  Dropout: dropout,
  SpatialDropout1D: trainingOnly,
  SpatialDropout2D: trainingOnly,
  GaussianNoise: trainingOnly,
  GaussianDropout: trainingOnly,
  AlphaDropout: trainingOnly,
  ActivityRegularization: trainingOnly,
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  RepeatVector: repeat,
  ZeroPadding1D: zeroPadding1d,
  ZeroPadding2D: zeroPadding2d,
  Cropping1D: cropping1d,
  Cropping2D: cropping2d,
  UpSampling2D: upsampling2d,
}
