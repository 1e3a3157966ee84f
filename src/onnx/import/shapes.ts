// What moves values about: shapes, axes, parts, zeros around, means.

import { few } from '../../errors'
import { concat } from '../../layers/concat'
import { embedding } from '../../layers/embedding'
import { globalAvgPool2d } from '../../layers/global-avg-pool2d'
import { globalMaxPool2d } from '../../layers/global-max-pool2d'
import { mean } from '../../layers/mean'
import { permute } from '../../layers/permute'
import { take } from '../../layers/take'
import { product } from '../../tensor'
import { affine, scalar } from './arithmetic'
import { type Active, type Known, exampleOf, fileShape } from './builder'
import { constantOf } from './constants'
import { broadcast, cutsOf, reshapedTo, shapeOf, squeezedTo, unsqueezeAxes } from './fold'
import { checkExample, ofShape, thereOf } from './open'
import type { Converter, Op } from './op'
import { padded } from './pads'
import { cast } from './types'

/** The same numbers under another shape, in which the batch is an axis, or lies within one. */
function viewed(op: Op, x: Active, shape: readonly number[]): Active {
  const size = x.shape[x.batch]
  const before = product(x.shape.slice(0, x.batch))
  const lead = (axis: number) => product(shape.slice(0, axis))
  const fits = (axis: number) => shape[axis] === size && lead(axis) === before
  const batch = fits(x.batch) ? x.batch : shape.findIndex((_, axis) => fits(axis))
  if (batch >= 0) return { ...x, shape, batch, merged: undefined }
  const within = shape.findIndex((all, axis) => before % lead(axis) === 0 && all % ((before / lead(axis)) * size) === 0)
  const first = before / lead(within)
  const last = shape[within] / (first * size)
  if (
    within >= 0 &&
    Number.isInteger(first) &&
    product(shape.slice(within + 1)) * last * before === product(x.stored)
  ) {
    const parts = [...(first > 1 ? [first] : []), size, ...(last > 1 ? [last] : [])]
    return {
      ...x,
      shape: [...shape.slice(0, within), ...parts, ...shape.slice(within + 1)],
      batch: within + Number(first > 1),
      merged: [within, within + parts.length],
    }
  }
  const text = (list: readonly number[]) => few(list.map((one) => (one === op.around.batch ? 'N' : one)))
  throw op.fail(
    `of (${text(fileShape(x))}) it makes (${text(shape)}), in which the examples of a batch are no axis of their own`,
  )
}

const reshaped: Converter = (op) => {
  const x = op.active(0)
  const list = op.list('shape', 1)
  if (!list) throw op.fail('it lacks its shape')
  return viewed(op, x, reshapedTo(op, fileShape(x), list))
}

const flattened: Converter = (op) => {
  const x = op.active(0)
  const axis = op.int('axis', 1)
  const at = axis < 0 ? axis + x.shape.length : axis
  return viewed(op, x, [product(x.shape.slice(0, at)), product(x.shape.slice(at))])
}

const squeezed: Converter = (op) => {
  const x = op.active(0)
  const isBatch = (axis: number) => axis === x.batch
  const shape = squeezedTo(op, x.shape, isBatch)
  const axes = op.list('axes', 1)?.map((axis) => op.axis(axis, x.shape.length))
  const gone = axes ?? x.shape.flatMap((size, axis) => (size === 1 && !isBatch(axis) ? [axis] : []))
  return { ...x, shape, batch: x.batch - gone.filter((axis) => axis < x.batch).length }
}

const unsqueezed: Converter = (op) => {
  const x = op.active(0)
  const shape = [...x.shape]
  let { batch } = x
  for (const axis of unsqueezeAxes(op, shape.length)) {
    shape.splice(axis, 0, 1)
    if (axis <= batch) batch++
  }
  return { ...x, shape, batch }
}

/** A value with the axes of its examples in another order. */
export function ordered(op: Op, x: Active, order: readonly number[]): Active {
  const example = exampleOf(x)
  const target = order.map((axis) => example[axis])
  const moving = order.filter((axis) => example[axis] !== 1)
  if (moving.every((axis, i) => !i || axis > moving[i - 1]))
    return { ...x, shape: target.toSpliced(x.batch, 0, x.shape[x.batch]) }
  return op.gives(op.builder.as(x, example), target, () => permute(order), {
    batch: x.batch,
    hint: 'permute',
    moves: { order },
  })
}

const turned: Converter = (op) => {
  const x = op.active(0)
  const [first, end] = x.merged ?? [0, 1]
  const extra = end - first - 1
  const rank = x.shape.length - extra
  const perm = op.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  if (perm.length !== rank || perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw op.fail(`[${few(perm)}] is no order of ${rank} axes`)
  }
  // Axes that the file has as one stay together.
  const all = perm.flatMap((axis) =>
    axis === first ? Array.from({ length: extra + 1 }, (_, i) => first + i) : [axis > first ? axis + extra : axis],
  )
  const order = all.filter((axis) => axis !== x.batch).map((axis) => (axis < x.batch ? axis : axis - 1))
  const made = ordered(op, x, order)
  const batch = all.indexOf(x.batch)
  const at = all.indexOf(first)
  return {
    ...made,
    shape: all.map((axis) => x.shape[axis]),
    batch,
    merged: x.merged && [at, at + extra + 1],
  }
}

/** Two neighbouring groups of axes change places, of [outer, size, inner]. */
function swapped(op: Op, x: Active, [outer, size, inner]: readonly [number, number, number]): Active {
  return op.gives(op.builder.as(x, [outer, size, inner]), [size, outer, inner], () => permute([1, 0, 2]), {
    hint: 'permute',
    moves: { order: [1, 0, 2] },
  })
}

const joined: Converter = (op) => {
  const parts = op.inputs.map((_, i) => op.active(i))
  const [first] = parts
  if (parts.length === 1) return first
  const axis = op.exampleAxis(first, op.int('axis', 0))
  const examples = parts.map(exampleOf)
  const [example] = examples
  const isApart = examples.some((one) => one.toSpliced(axis, 1).join() !== example.toSpliced(axis, 1).join())
  if (isApart || parts.some(({ batch }) => batch !== first.batch)) {
    throw op.fail(
      `it joins ${examples.map((one) => `(${few(one)})`).join(' and ')}, which differ in more than one axis`,
    )
  }
  const size = examples.reduce((sum, one) => sum + one[axis], 0)
  const outer = product(example.slice(0, axis))
  const inner = product(example.slice(axis + 1))
  const whole = example.with(axis, size)
  const { batch } = first
  const { builder } = op
  if (outer === 1) {
    const isImage = example.length === 3 && axis === 0
    const shapeOfPart = (one: readonly number[]) => (isImage ? one : [one[axis] * inner])
    const of = parts.map((part, i) => builder.as(part, shapeOfPart(examples[i])))
    return op.gives(of, shapeOfPart(whole), () => concat(), { batch, example: whole })
  }
  const of = parts.map((part, i) => {
    const sizes = [outer, examples[i][axis], inner] as const
    return builder.as(swapped(op, part, sizes), [sizes[1], outer, inner])
  })
  const made = op.gives(of, [size, outer, inner], () => concat())
  const back = swapped(op, made, [size, outer, inner])
  return { ...back, shape: whole.toSpliced(batch, 0, op.around.batch), batch }
}

/** A part of a value along an axis of its examples. */
export function part(op: Op, x: Active, axis: number, from: number, to: number): Active {
  const example = exampleOf(x)
  if (from === 0 && to === example[axis]) return x
  if (!(from < to)) throw op.fail(`nothing is left of (${few(x.shape)})`)
  const stored = example.with(axis, to - from)
  const made = op.gives(op.builder.as(x, example), stored, () => take({ axis, from, to }), {
    batch: x.batch,
    hint: 'take',
    moves: { axis, from, to },
  })
  return { ...made, whole: x.whole }
}

const sliced: Converter = (op) => {
  let x = op.active(0)
  const cuts = cutsOf(op, x.shape)
  const there = cutsOf(thereOf(op), x.shape)
  const moving = cuts.findIndex(
    ({ axis, from, to }, i) => from !== there[i].from || (to !== there[i].to && axis !== x.batch),
  )
  if (moving >= 0) throw op.fail('where it cuts rests on the size of a batch, which the file leaves open')
  for (const { axis, from, to, step } of cuts) {
    if (from === 0 && to === x.shape[axis] && step === 1) continue
    const at = op.exampleAxis(x, axis)
    if (step !== 1) throw op.fail(`no layer takes every other value, with steps of ${step}`)
    x = part(op, x, at, from, to)
  }
  return x
}

const split: Converter = (op) => {
  const x = op.active(0)
  const axis = op.exampleAxis(x, op.int('axis', 0))
  const size = exampleOf(x)[axis]
  const parts = op.node.output?.length ?? 0
  const each = Math.ceil(size / op.int('num_outputs', parts))
  const sizes = op.list('split', 1) ?? Array.from({ length: parts }, (_, i) => Math.min(each, size - i * each))
  if (sizes.reduce((sum, one) => sum + one, 0) !== size)
    throw op.fail(`its parts (${few(sizes)}) do not make up ${size}`)
  let from = 0
  return sizes.map((one) => part(op, x, axis, from, (from += one)))
}

const gathered: Converter = (op) => {
  const [table, at] = [op.get(0), op.get(1)]
  if (table.kind === 'constant') return embedded(op)
  if (at.kind !== 'constant') throw op.fail('it takes what the network computes from places that it computes')
  const axis = op.exampleAxis(table, op.int('axis', 0))
  const example = exampleOf(table)
  const places = op.limited(at, 'indices').map((place) => (place < 0 ? place + example[axis] : place))
  if (at.dims.length > 1 || !places.length || places.some((place, i) => i && place !== places[i - 1] + 1)) {
    throw op.fail('layers take values that stand side by side, not any')
  }
  if (!(places[0] >= 0 && places.at(-1)! < example[axis])) throw op.fail(`there is no place ${places[0]}`)
  const made = part(op, table, axis, places[0], places.at(-1)! + 1)
  if (at.dims.length) return made
  const gone = axis < table.batch ? axis : axis + 1
  return { ...made, shape: made.shape.toSpliced(gone, 1), batch: made.batch - Number(gone < table.batch) }
}

function embedded(op: Op): Known {
  const table = op.constant(0, 'the table')
  const at = op.active(1)
  if (table.dims.length !== 2 || op.int('axis', 0) !== 0) throw op.fail(`a table of (${few(table.dims)})`)
  if (!at.whole) throw op.fail('its indices are no whole numbers that come in as such')
  const [words, size] = table.dims
  const example = exampleOf(at)
  const weights = { weight: { shape: table.dims, data: table.read() } }
  const from = example.length ? op.builder.as(at, example) : op.builder.as(at, [1])
  return op.gives(from, [...from.stored, size], () => embedding(words, size), {
    hint: op.hint(0),
    weights,
    batch: at.batch,
    example: [...example, size],
  })
}

/** Means, or the largest, over axes of examples; `factor` of the number of values that there are. */
function reduced(op: Op, isMax: boolean, factor: (size: number) => number): Active {
  const x = op.active(0)
  const given = op.list('axes', 1) ?? x.shape.map((_, axis) => axis)
  const axes = given.map((axis) => op.exampleAxis(x, axis)).sort((a, b) => a - b)
  if (axes.some((axis, i) => i && axis !== axes[i - 1] + 1)) throw op.fail('axes that do not stand side by side')
  const keeps = op.int('keepdims', 1) === 1
  const example = exampleOf(x)
  const [first, end] = [axes[0], axes.at(-1)! + 1]
  const size = product(example.slice(first, end))
  const [outer, inner] = [product(example.slice(0, first)), product(example.slice(end))]
  const left = [...example.slice(0, first), ...axes.map(() => 1), ...example.slice(end)]
  const isImage = first === 1 && end === 3 && example.length === 3
  const gone = isImage ? [outer] : inner === 1 ? [outer] : outer === 1 ? [inner] : [outer, inner]
  const options = { batch: x.batch, example: left }
  const { builder } = op
  let y: Active
  if (isMax) {
    if (inner !== 1) throw op.fail('the largest along axes with others behind them is in no layer')
    y = op.gives(builder.as(x, [outer, 1, size]), gone, globalMaxPool2d, options)
  } else if (isImage) y = op.gives(builder.as(x, example), gone, globalAvgPool2d, options)
  else if (inner === 1) y = op.gives(builder.as(x, [outer, size]), gone, () => mean({ axis: 1 }), options)
  else if (outer === 1) y = op.gives(builder.as(x, [size, inner]), gone, () => mean({ axis: 0 }), options)
  else y = op.gives(builder.as(x, [outer, size, inner]), gone, () => mean({ axis: 1 }), options)
  const scaled = factor(size) === 1 ? y : affine(op, y, scalar(factor(size)), undefined)
  if (keeps) return scaled
  const places = axes.map((axis) => (axis < x.batch ? axis : axis + 1))
  const shape = scaled.shape.filter((_, axis) => !places.includes(axis))
  return { ...scaled, shape, batch: x.batch - places.filter((place) => place < x.batch).length }
}

/** (N, b²C, H, W) to (N, C, bH, bW). */
const depthToSpace: Converter = (op) => {
  const x = op.active(0)
  const [c, h, w] = op.example(x, [3], 'images (N, C, H, W)')
  const b = op.int('blocksize', 1)
  const channels = c / (b * b)
  if (!Number.isInteger(channels) || x.batch) throw op.fail(`${c} channels are no squares of ${b}`)
  const isFirst = op.text('mode', 'DCR') === 'DCR'
  const sizes = isFirst ? [b, b, channels, h, w] : [channels, b, b, h, w]
  const order = isFirst ? [2, 3, 0, 4, 1] : [0, 3, 1, 4, 2]
  const from = op.builder.as(x, sizes)
  const target = order.map((axis) => sizes[axis])
  const example = [channels, h * b, w * b]
  return op.gives(from, target, () => permute(order), { example })
}

const stretched: Converter = (op) => {
  const x = op.active(0)
  const list = op.limited(op.constant(1, 'shape'), 'shape')
  const shape = op.node.opType === 'Tile' ? x.shape.map((size, axis) => size * (list[axis] ?? 1)) : list
  const ones = Math.max(0, shape.length - x.shape.length)
  const whole = { ...x, shape: [...Array<number>(ones).fill(1), ...x.shape], batch: x.batch + ones }
  const target = broadcast(op, [whole.shape, shape])
  const example = target.toSpliced(whole.batch, 1)
  checkExample(op, example)
  return op.builder.stretched(whole, example)
}

/** By operator. */
export const SHAPES: Readonly<Record<string, Converter>> = {
  Identity: (op) => op.active(0),
  Cast: cast,
  Reshape: reshaped,
  Flatten: flattened,
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Transpose: turned,
  Concat: joined,
  Slice: sliced,
  Split: split,
  Gather: gathered,
  Pad: padded,
  Expand: stretched,
  Tile: stretched,
  ReduceMean: (op) => reduced(op, false, () => 1),
  ReduceSum: (op) => reduced(op, false, (size) => size),
  ReduceMax: (op) => reduced(op, true, () => 1),
  DepthToSpace: depthToSpace,
  Shape: (op) => ofShape(op, op.active(0), (shape) => shapeOf(op, shape)),
  Size: (op) => ofShape(op, op.active(0), (shape) => constantOf([], 7, Float64Array.of(product(shape)))),
}
