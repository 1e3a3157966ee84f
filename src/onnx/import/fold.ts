// What a file computes of constants and of shapes, before there is any input.

import { few } from '../../errors'
import { product } from '../../tensor'
import { DataType } from '../schema'
import type { Known } from './builder'
import { type Constant, type Numbers, constantOf, constantOfTensor, filled, isWhole } from './constants'
import { type Converter, Op } from './op'
import { converted, wrapped } from './types'

/** Of each axis, how far apart its values lie; 0 along axes of size 1, so that they are read again and again. */
function stepsOf(dims: readonly number[], rank = dims.length): number[] {
  const steps = Array<number>(rank).fill(0)
  for (let axis = dims.length - 1, step = 1; axis >= 0; axis--) {
    if (dims[axis] > 1) steps[axis + rank - dims.length] = step
    step *= dims[axis]
  }
  return steps
}

/** Calls `visit(i, at)` for each place of a shape, where `at` are the places that the lists of steps lead to. */
function walk(dims: readonly number[], lists: readonly number[][], visit: (i: number, at: readonly number[]) => void) {
  const size = product(dims)
  const at = lists.map(() => 0)
  const index = dims.map(() => 0)
  for (let i = 0; i < size; i++) {
    visit(i, at)
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]++
      lists.forEach((steps, k) => (at[k] += steps[axis]))
      if (index[axis] < dims[axis]) break
      lists.forEach((steps, k) => (at[k] -= steps[axis] * dims[axis]))
      index[axis] = 0
    }
  }
}

/** The shape of values joined number by number, as numpy has it. */
export function broadcast(op: Op, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length))
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1).filter((size) => size !== 1)
    const [size = 1] = sizes
    if (sizes.every((one) => one === size)) return size
    throw op.fail(`shapes that do not fit: ${shapes.map((shape) => `(${few(shape)})`).join(' and ')}`)
  })
}

function room(op: Op, dims: readonly number[], type: number): Numbers {
  const size = product(dims)
  op.builder.budget.take(size, `the node ${op.node.opType}`)
  return isWhole(type) || type === DataType.double ? new Float64Array(size) : new Float32Array(size)
}

function constants(op: Op): Constant[] {
  return op.inputs.map((_, i) => op.constant(i, 'what it computes with'))
}

function combine(compute: (a: number, b: number) => number, result?: number): Converter {
  return (op) => {
    const [a, b, more] = constants(op)
    if (!b || more) throw op.fail('it wants two inputs')
    const dims = broadcast(op, [a.dims, b.dims])
    const type = result ?? a.type
    const whole = isWhole(type)
    const both = (p: number, q: number) => (whole ? wrapped(op, type, compute(p, q)) : compute(p, q))
    if (a.fill !== undefined && b.fill !== undefined) {
      return filled(dims, type, both(a.fill, b.fill), op.builder.budget)
    }
    const [p, q] = [a.read(), b.read()]
    const data = room(op, dims, type)
    walk(dims, [stepsOf(a.dims, dims.length), stepsOf(b.dims, dims.length)], (i, [i0, i1]) => {
      data[i] = both(p[i0], q[i1])
    })
    return constantOf(dims, type, data)
  }
}

/** The same of however many constants, one after the other. */
function combineAll(compute: (a: number, b: number) => number): Converter {
  const two = combine(compute)
  return (op) => {
    const [first, ...others] = constants(op)
    return others.reduce<Known>((all, one) => two(new Op(op.node, [all, one], op.around)) as Known, first)
  }
}

function each(compute: (value: number) => number): Converter {
  return (op) => {
    const [{ dims, type, fill, ...a }] = constants(op)
    const one = (value: number) => (isWhole(type) ? wrapped(op, type, compute(value)) : compute(value))
    if (fill !== undefined) return filled(dims, type, one(fill), op.builder.budget)
    const data = room(op, dims, type)
    a.read().forEach((value, i) => (data[i] = one(value)))
    return constantOf(dims, type, data)
  }
}

function cast(op: Op): Known {
  const [{ dims, type: before, fill, read }] = constants(op)
  const type = op.int('to', before)
  const convert = (value: number) => converted(op, before, type, value)
  if (fill !== undefined) return filled(dims, type, convert(fill), op.builder.budget)
  const data = room(op, dims, type)
  read().forEach((value, i) => (data[i] = convert(value)))
  return constantOf(dims, type, data)
}

/** A constant under another shape. */
function shaped(of: Constant, dims: readonly number[]): Constant {
  return { ...of, dims, read: () => of.read() }
}

/** The sizes that Reshape is asked for: 0 stands for the size as it is, -1 for what is left. */
export function reshapedTo(op: Op, from: readonly number[], to: readonly number[]): number[] {
  const keepsZero = op.int('allowzero', 0) === 1
  const dims = to.map((size, axis) => (size === 0 && !keepsZero ? (from[axis] ?? 0) : size))
  const open = dims.indexOf(-1)
  const known = product(dims.filter((size) => size !== -1))
  if (open >= 0) dims[open] = product(from) / known
  if (dims.some((size) => !Number.isInteger(size) || size < 0) || product(dims) !== product(from)) {
    throw op.fail(`(${few(from)}) does not make up (${few(to)})`)
  }
  return dims
}

/** The shape without the axes of size 1 that Squeeze takes away. */
export function squeezedTo(
  op: Op,
  from: readonly number[],
  isBatch: (axis: number) => boolean = () => false,
): number[] {
  const axes = op.list('axes', 1)?.map((axis) => op.axis(axis, from.length))
  const gone = axes ?? from.flatMap((size, axis) => (size === 1 && !isBatch(axis) ? [axis] : []))
  const wrong = gone.find((axis) => from[axis] !== 1 || isBatch(axis))
  if (wrong !== undefined) throw op.fail(`it cannot take axis ${wrong} of (${few(from)}) away`)
  return from.filter((_, axis) => !gone.includes(axis))
}

/** Where Unsqueeze puts its axes of size 1. */
export function unsqueezeAxes(op: Op, rank: number): number[] {
  const axes = op.list('axes', 1) ?? []
  const all = rank + axes.length
  return axes.map((axis) => op.axis(axis, all)).sort((a, b) => a - b)
}

function unsqueeze(op: Op): Known {
  const of = op.constant(0, 'what it reads')
  const dims = [...of.dims]
  for (const axis of unsqueezeAxes(op, dims.length)) dims.splice(axis, 0, 1)
  return shaped(of, dims)
}

export interface Cut {
  axis: number
  from: number
  to: number
  step: number
}

/** What Slice takes of each axis that it names, within the size of that axis. */
export function cutsOf(op: Op, shape: readonly number[]): Cut[] {
  const starts = op.list('starts', 1) ?? []
  const ends = op.list('ends', 2) ?? []
  const axes = op.list('axes', 3) ?? starts.map((_, i) => i)
  const steps = op.list('steps', 4) ?? starts.map(() => 1)
  return starts.map((start, i) => {
    const axis = op.axis(axes[i], shape.length)
    const size = shape[axis]
    const step = steps[i]
    if (!step) throw op.fail('its step is 0')
    const within = (at: number, least: number, most: number) => Math.min(Math.max(at < 0 ? at + size : at, least), most)
    return step > 0
      ? { axis, from: within(start, 0, size), to: within(ends[i] ?? size, 0, size), step }
      : { axis, from: within(start, 0, size - 1), to: within(ends[i] ?? -size - 1, -1, size - 1), step }
  })
}

function slice(op: Op): Known {
  const of = op.constant(0, 'what it cuts')
  const cuts = cutsOf(op, of.dims)
  const dims = [...of.dims]
  const steps = stepsOf(of.dims)
  let begin = 0
  for (const { axis, from, to, step } of cuts) {
    dims[axis] = Math.max(0, Math.ceil((to - from) / step))
    begin += from * steps[axis]
    steps[axis] *= step
  }
  if (of.fill !== undefined) return filled(dims, of.type, of.fill, op.builder.budget)
  const data = room(op, dims, of.type)
  const values = of.read()
  walk(dims, [steps], (i, [at]) => (data[i] = values[begin + at]))
  return constantOf(dims, of.type, data)
}

function gather(op: Op): Known {
  const [of, at] = constants(op)
  if (!at) throw op.fail('it lacks its indices')
  const axis = op.axis(op.int('axis', 0), of.dims.length)
  const size = of.dims[axis]
  const [outer, inner] = [product(of.dims.slice(0, axis)), product(of.dims.slice(axis + 1))]
  const dims = [...of.dims.slice(0, axis), ...at.dims, ...of.dims.slice(axis + 1)]
  if (of.fill !== undefined) return filled(dims, of.type, of.fill, op.builder.budget)
  const data = room(op, dims, of.type)
  const values = of.read()
  const indices = at.read()
  let i = 0
  for (let o = 0; o < outer; o++) {
    for (const raw of indices) {
      const index = raw < 0 ? raw + size : raw
      if (!(index >= 0 && index < size)) throw op.fail(`there is no place ${raw} along an axis of ${size}`)
      for (let k = 0; k < inner; k++) data[i++] = values[(o * size + index) * inner + k]
    }
  }
  return constantOf(dims, of.type, data)
}

function concat(op: Op): Known {
  const parts = constants(op)
  const [first] = parts
  const axis = op.axis(op.int('axis', 0), first.dims.length)
  if (parts.some(({ dims }) => dims.toSpliced(axis, 1).join() !== first.dims.toSpliced(axis, 1).join())) {
    throw op.fail('its inputs differ in more than the axis along which it joins them')
  }
  const dims = first.dims.with(
    axis,
    parts.reduce((sum, { dims }) => sum + dims[axis], 0),
  )
  const data = room(op, dims, first.type)
  const outer = product(dims.slice(0, axis))
  let i = 0
  for (let o = 0; o < outer; o++) {
    for (const part of parts) {
      const block = product(part.dims.slice(axis))
      data.set(part.read().subarray(o * block, (o + 1) * block), i)
      i += block
    }
  }
  return constantOf(dims, first.type, data)
}

/** The values of a constant with its axes in another order. */
export function transposed(op: Op, of: Constant, order: readonly number[]): Constant {
  if (order.length !== of.dims.length || order.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw op.fail(`[${few(order)}] is no order of ${of.dims.length} axes`)
  }
  const steps = stepsOf(of.dims)
  const dims = order.map((axis) => of.dims[axis])
  if (of.fill !== undefined) return filled(dims, of.type, of.fill, op.builder.budget)
  const data = room(op, dims, of.type)
  const values = of.read()
  walk(dims, [order.map((axis) => steps[axis])], (i, [at]) => (data[i] = values[at]))
  return constantOf(dims, of.type, data)
}

/** A constant as an example of a shape has it, each number repeated where the shape wants more. */
export function expanded(op: Op, of: Constant, dims: readonly number[]): Constant {
  if (of.fill !== undefined) return filled(dims, of.type, of.fill, op.builder.budget)
  if (of.dims.join() === dims.join()) return of
  const data = room(op, dims, of.type)
  const values = of.read()
  walk(dims, [stepsOf(of.dims, dims.length)], (i, [at]) => (data[i] = values[at]))
  return constantOf(dims, of.type, data)
}

function expand(op: Op): Known {
  const of = op.constant(0, 'what it repeats')
  const shape = op.limited(op.constant(1, 'shape'), 'shape')
  if (shape.some((size) => !(size >= 0))) throw op.fail(`(${few(shape)}) is no shape`)
  return expanded(op, of, broadcast(op, [of.dims, shape]))
}

function constantOfShape(op: Op): Known {
  const dims = op.limited(op.constant(0, 'shape'), 'shape')
  if (dims.some((size) => !(size >= 0))) throw op.fail(`(${few(dims)}) is no shape`)
  const { t } = op.attribute('value') ?? {}
  if (!t) return filled(dims, DataType.float, 0, op.builder.budget)
  const value = constantOfTensor(op.around.where, t)
  return filled(dims, value.type, value.read()[0] ?? 0, op.builder.budget)
}

function range(op: Op): Known {
  const [start, limit, delta] = constants(op).map((one) => one.read()[0])
  const size = Math.max(0, Math.ceil((limit - start) / delta))
  if (!Number.isFinite(size)) throw op.fail('it has no end')
  const { type } = op.constant(0, 'start')
  const data = room(op, [size], type)
  for (let i = 0; i < size; i++) data[i] = start + i * delta
  return constantOf([size], type, data)
}

function where(op: Op): Known {
  const [test, a, b] = constants(op)
  if (!b) throw op.fail('it wants three inputs')
  const dims = broadcast(op, [test.dims, a.dims, b.dims])
  const data = room(op, dims, a.type)
  const [t, p, q] = [test.read(), a.read(), b.read()]
  const steps = [test, a, b].map((one) => stepsOf(one.dims, dims.length))
  walk(dims, steps, (i, [it, ip, iq]) => (data[i] = t[it] ? p[ip] : q[iq]))
  return constantOf(dims, a.type, data)
}

function reduceProd(op: Op): Known {
  const of = op.constant(0, 'what it multiplies')
  const axes = op.list('axes', 1)
  const isList = of.dims.length < 2 && (!axes || axes.length <= 1)
  if (!isList) throw op.fail('only the product of a list can be taken')
  const keeps = op.int('keepdims', 1) === 1
  const all = product(Array.from(of.read()))
  const whole = isWhole(of.type) ? wrapped(op, of.type, all) : all
  return constantOf(keeps ? of.dims.map(() => 1) : [], of.type, Float64Array.of(whole))
}

/** The value of a Constant node. */
export function constantNode(op: Op): Known {
  const tensor = op.attribute('value')?.t
  if (tensor) return constantOfTensor(op.around.where, tensor)
  const { int64, float } = DataType
  if (op.has('value_float')) return constantOf([], float, Float32Array.of(op.float('value_float', 0)))
  if (op.has('value_int')) return constantOf([], int64, Float64Array.of(op.int('value_int', 0)))
  const [floats, ints] = [op.floats('value_floats'), op.ints('value_ints')]
  if (floats) return constantOf([floats.length], float, Float32Array.from(floats))
  if (ints) return constantOf([ints.length], int64, Float64Array.from(ints))
  throw op.fail('it has no value that is of numbers')
}

const { bool } = DataType

/** By operator, for nodes whose inputs are all constants. */
export const FOLDED: Readonly<Record<string, Converter>> = {
  Constant: constantNode,
  ConstantOfShape: constantOfShape,
  Range: range,
  Add: combine((a, b) => a + b),
  Sub: combine((a, b) => a - b),
  Mul: combine((a, b) => a * b),
  Div: combine((a, b) => a / b),
  Mod: (op) => (op.int('fmod', 0) ? combine((a, b) => a % b) : combine((a, b) => ((a % b) + b) % b))(op),
  Min: combineAll(Math.min),
  Max: combineAll(Math.max),
  Equal: combine((a, b) => Number(a === b), bool),
  Less: combine((a, b) => Number(a < b), bool),
  Greater: combine((a, b) => Number(a > b), bool),
  And: combine((a, b) => Number(a && b), bool),
  Or: combine((a, b) => Number(a || b), bool),
  Not: each((a) => Number(!a)),
  Neg: each((a) => -a),
  Abs: each(Math.abs),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Sqrt: each(Math.sqrt),
  Reciprocal: each((a) => 1 / a),
  Cast: cast,
  Identity: (op) => op.get(0),
  Where: where,
  Gather: gather,
  Concat: concat,
  Slice: slice,
  Expand: expand,
  Unsqueeze: unsqueeze,
  Squeeze: (op) => shaped(op.constant(0, ''), squeezedTo(op, op.constant(0, '').dims)),
  Reshape(op) {
    const of = op.constant(0, '')
    return shaped(of, reshapedTo(op, of.dims, op.limited(op.constant(1, 'shape'), 'shape')))
  },
  Flatten(op) {
    const of = op.constant(0, '')
    const axis = op.int('axis', 1)
    const at = axis < 0 ? axis + of.dims.length : axis
    return shaped(of, [product(of.dims.slice(0, at)), product(of.dims.slice(at))])
  },
  Transpose(op) {
    const of = op.constant(0, '')
    return transposed(op, of, op.ints('perm') ?? of.dims.map((_, i) => of.dims.length - 1 - i))
  },
  ReduceProd: reduceProd,
  Shape: (op) => shapeOf(op, op.constant(0, '').dims),
  Size: (op) => constantOf([], DataType.int64, Float64Array.of(product(op.constant(0, '').dims))),
}

/** What Shape gives. */
export function shapeOf(op: Op, dims: readonly number[]): Constant {
  const rank = dims.length
  const place = (at: number) => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank)
  const part = dims.slice(place(op.int('start', 0)), place(op.int('end', rank)))
  return constantOf([part.length], DataType.int64, Float64Array.from(part))
}
