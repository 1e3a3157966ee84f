// Sums, products and the like: of values, and of values and constants, which are folded into the weights of the layer
// before them where that has some.

import { few } from '../../errors'
import { add, multiply } from '../../layers/joins'
import { conv2d } from '../../layers/conv2d'
import { normalize } from '../../layers/normalize'
import { permute } from '../../layers/permute'
import { positions } from '../../layers/positions'
import { relu } from '../../layers/relu'
import { type Tensor, product } from '../../tensor'
import { type Active, type Known, at, exampleOf, fileShape } from './builder'
import { type Constant, uniformOf } from './constants'
import { broadcast, expanded } from './fold'
import type { Converter, Op } from './op'

/** Numbers of a constant along neighbouring axes of an example: one, or `size`; before these axes are `outer` places. */
interface Factor {
  readonly values: readonly number[]
  readonly outer: number
  readonly size: number
  readonly inner: number
  readonly double: boolean
}

const ONE: readonly number[] = [1]
const ZERO: readonly number[] = [0]

/** What a constant is for examples of a value, whose axes are as many as its own or more. */
export function factorOf(op: Op, value: Active, constant: Constant): Factor {
  const rank = fileShape(value).length
  const full = [...Array<number>(Math.max(0, rank - constant.dims.length)).fill(1), ...constant.dims]
  const [begin, behind] = value.merged ?? [0, 1]
  const dims = full.toSpliced(begin, 1, ...Array<number>(behind - begin).fill(full[begin]))
  if (dims[value.batch] !== 1) {
    throw op.fail(`its constant of shape (${few(constant.dims)}) differs from example to example of a batch`)
  }
  const example = exampleOf(value)
  const own = dims.toSpliced(value.batch, 1)
  op.builder.budget.spend(constant.fill === undefined ? product(constant.dims) : 1)
  const double = constant.read() instanceof Float64Array
  const one = uniformOf(constant)
  // Zeros for each output are a bias, to be learnt further.
  if (one !== undefined && (one !== 0 || own.every((size) => size === 1)))
    return { values: [one], outer: 1, size: product(example), inner: 1, double }
  const first = own.findIndex((size) => size > 1)
  const last = own.findLastIndex((size) => size > 1)
  const isWhole = own.every((size, axis) => axis < first || axis > last || size === example[axis])
  const [from, end] = isWhole ? [first, last + 1] : [0, own.length]
  const data = (isWhole ? constant : expanded(op, { ...constant, dims: own }, example)).read()
  return {
    values: Array.from(data),
    outer: product(example.slice(0, from)),
    size: product(example.slice(from, end)),
    inner: product(example.slice(end)),
    double,
  }
}

/** A list of numbers for weights. */
export function tensorOf(shape: readonly number[], values: ArrayLike<number>, double: boolean): Tensor {
  return { shape, data: double ? Float64Array.from(values) : Float32Array.from(values) }
}

/** The weight and the bias of a layer scaled and shifted; `filterOf` says which output a number of the weight makes. */
export function scaleWeights(
  weights: Record<string, Tensor>,
  size: number,
  scale: readonly number[],
  shift: readonly number[],
  filterOf: (place: number) => number,
): void {
  const { weight, bias } = weights
  if (scale.some((one) => one !== 1)) {
    weights.weight = { ...weight, data: weight.data.map((value, i) => value * at(scale, filterOf(i))) }
  }
  if (!bias && shift.length === 1 && shift[0] === 0) return
  const before = bias?.data ?? new Float32Array(size)
  const after = Array.from({ length: size }, (_, i) => before[i] * at(scale, i) + at(shift, i))
  weights.bias = tensorOf([size], after, weight.data instanceof Float64Array)
}

/** scale x + shift, where both are numbers or constants of the file. */
export function affine(op: Op, value: Active, scale: Factor | undefined, shift: Factor | undefined): Active {
  const factor = scale ?? shift!
  const { outer, size, inner } = factor
  const [a, b] = [scale?.values ?? ONE, shift?.values ?? ZERO]
  const isScalar = a.length === 1 && b.length === 1
  if (isScalar && a[0] === 1 && b[0] === 0) return value
  const { builder } = op
  if (op.owns(value)) {
    const { fold } = builder.steps[value.from]
    const fits = fold && fold.size === size && (fold.axis === 'first' ? outer : inner) === 1
    if (fold && (isScalar || fits) && fold.apply(a, b)) return value
  }
  if (a.every((one) => one === 1) && b.every((one) => one === 0)) return value
  const isInput = value.from < 0 || builder.steps[value.from].hint === NORMALIZE
  const alongChannels = outer === 1 && value.stored[0] === size && value.stored.length !== 2
  if (a.every((one) => one > 0) && (isScalar || (isInput && alongChannels))) return normalized(op, value, a, b)
  if (!scale && outer * inner === 1 && !isScalar) return table(op, value, b, factor.double)
  const channels = isScalar ? value.stored[0] : size
  const rest = isScalar ? product(value.stored) / channels : inner
  return perChannel(op, value, [isScalar ? 1 : outer, channels, rest], a, b, factor.double)
}

const NORMALIZE = 'normalize'

/** By normalize, which is not trained: x is a scale away from what is wanted. */
function normalized(op: Op, value: Active, a: readonly number[], b: readonly number[]): Active {
  let [scale, shift] = [a, b]
  const make = () => {
    const length = Math.max(scale.length, shift.length)
    const list = Array.from({ length }, (_, i) => [at(scale, i), at(shift, i)])
    return normalize({ mean: list.map(([s, t]) => -t / s), std: list.map(([s]) => 1 / s) })
  }
  const channels = value.stored[0]
  const weights: Record<string, Tensor> = {}
  const buffers = () => {
    const full = (one: (i: number) => number) => Array.from({ length: channels }, (_, i) => one(i))
    weights.mean = tensorOf(
      [channels],
      full((i) => -at(shift, i) / at(scale, i)),
      true,
    )
    weights.std = tensorOf(
      [channels],
      full((i) => 1 / at(scale, i)),
      true,
    )
  }
  op.builder.budget.take(2 * channels, 'a scale')
  const apply = (c: readonly number[], d: readonly number[]) => {
    const length = Math.max(scale.length, c.length, d.length)
    if (c.some((one) => !(one > 0)) || (length > 1 && scale.length === 1 && a.length === 1)) return false
    op.builder.budget.spend(4 * length)
    const next = Array.from({ length }, (_, i) => [at(scale, i) * at(c, i), at(shift, i) * at(c, i) + at(d, i)])
    scale = next.map(([s]) => s)
    shift = next.map(([, t]) => t)
    return true
  }
  const fold = { axis: 'first', size: channels, apply, mayRefuse: true, settle: buffers } as const
  const factor = () => (scale.length === 1 && shift.length === 1 && shift[0] === 0 ? scale[0] : undefined)
  return op.same(value, make, { hint: NORMALIZE, weights, fold, factor })
}

/** A table that is added to all examples. */
export function table(op: Op, value: Active, shift: readonly number[], double: boolean): Active {
  const last = exampleOf(value).at(-1) ?? 1
  const stored = [shift.length / last, last]
  const weights = { weight: tensorOf(stored, shift, double) }
  return op.same(op.builder.as(value, stored), () => positions(), { hint: op.hint(1), weights })
}

/** By a filter for each place along one axis, which sees nothing else. */
function perChannel(
  op: Op,
  value: Active,
  [outer, size, inner]: readonly [number, number, number],
  a: readonly number[],
  b: readonly number[],
  double: boolean,
): Active {
  const { builder } = op
  builder.budget.take(2 * size, 'a scale')
  const full = (values: readonly number[]) => Array.from({ length: size }, (_, i) => at(values, i))
  const weights: Record<string, Tensor> = {
    weight: tensorOf([size, 1, 1, 1], full(a), double),
    bias: tensorOf([size], full(b), double),
  }
  const apply = (scale: readonly number[], shift: readonly number[]) => {
    scaleWeights(weights, size, scale, shift, (i) => i)
    return true
  }
  const swap = (of: Active, stored: readonly number[]) =>
    op.builder.add({ hint: 'permute', make: () => permute([1, 0, 2]), of: [of], weights: {} }, stored)
  const before =
    outer === 1
      ? builder.as(value, [size, 1, inner])
      : swap(builder.as(value, [outer, size, inner]), [size, outer, inner])
  const made = op.same(before, () => conv2d(size, { kernel: 1, groups: size }), {
    hint: op.hint(1),
    weights,
    ...(outer === 1 && { fold: { axis: 'first', size, apply } as const }),
  })
  const after = outer === 1 ? made : swap(made, [outer, size, inner])
  return { ...value, from: after.from, stored: after.stored, whole: undefined }
}

/** One number as a factor. */
export function scalar(value: number): Factor {
  return { values: [value], outer: 1, size: 1, inner: 1, double: false }
}

/** Values of one shape, repeated where the file leaves that to the operator. */
export function alike(op: Op, values: readonly Active[]): Active[] {
  const shape = broadcast(
    op,
    values.map((value) => value.shape),
  )
  const rank = shape.length
  const [behind] = values.map((value) => value.shape.length - value.batch)
  if (values.some((value) => value.shape.length - value.batch !== behind)) {
    throw op.fail('the batch is another axis of one input than of the other')
  }
  const batch = rank - behind
  const example = shape.toSpliced(batch, 1)
  const full = values.map((value) => {
    const ones = Array<number>(rank - value.shape.length).fill(1)
    return op.builder.stretched({ ...value, shape: [...ones, ...value.shape], batch }, example)
  })
  const [{ stored }] = full
  return full.map((value) => op.builder.as(value, stored))
}

function join(op: Op, values: readonly Active[], make: typeof add): Active {
  const all = alike(op, values)
  const [first] = all
  const step = { hint: op.hint(), make, of: all, weights: {} }
  return op.builder.add(step, first.stored, first.shape, first.batch)
}

/** A value as large as the constant that it is joined with. */
function asLarge(op: Op, value: Active, constant: Constant): Active {
  if (value.merged) return value
  const { length } = constant.dims
  const ones = Array<number>(Math.max(0, length - value.shape.length)).fill(1)
  const whole = { ...value, shape: [...ones, ...value.shape], batch: value.batch + ones.length }
  const shape = broadcast(op, [whole.shape, constant.dims])
  return op.builder.stretched(whole, shape.toSpliced(whole.batch, 1))
}

/** The value and the constant of a node that has one of each; `isFirst`: the constant is the first input. */
function sides(op: Op): { value: Active; constant: Constant; isFirst: boolean } | undefined {
  const [a, b] = [op.get(0), op.get(1)]
  if (a.kind === 'active' && b.kind === 'constant') return { value: asLarge(op, a, b), constant: b, isFirst: false }
  if (b.kind === 'active' && a.kind === 'constant') return { value: asLarge(op, b, a), constant: a, isFirst: true }
  return undefined
}

const mapped = (factor: Factor, to: (value: number) => number): Factor => ({ ...factor, values: factor.values.map(to) })

const sum: Converter = (op) => {
  const both = sides(op)
  if (both) return affine(op, both.value, undefined, factorOf(op, both.value, both.constant))
  return join(op, [op.active(0), op.active(1)], add)
}

const difference: Converter = (op) => {
  const both = sides(op)
  if (!both) return join(op, [op.active(0), affine(op, op.active(1), scalar(-1), undefined)], add)
  const factor = factorOf(op, both.value, both.constant)
  if (!both.isFirst)
    return affine(
      op,
      both.value,
      undefined,
      mapped(factor, (value) => -value),
    )
  return affine(op, affine(op, both.value, scalar(-1), undefined), undefined, factor)
}

const times: Converter = (op) => {
  const both = sides(op)
  if (both) return affine(op, both.value, factorOf(op, both.value, both.constant), undefined)
  return join(op, [op.active(0), op.active(1)], multiply)
}

const quotient: Converter = (op) => {
  const both = sides(op)
  if (!both || both.isFirst) throw op.fail('no layer divides by what the network computes')
  const factor = factorOf(op, both.value, both.constant)
  return affine(
    op,
    both.value,
    mapped(factor, (value) => 1 / value),
    undefined,
  )
}

const power: Converter = (op) => {
  const exponent = op.number('exponent', 1, NaN)
  const value = op.active(0)
  if (exponent === 1) return value
  if (exponent !== 2 && exponent !== 3) throw op.fail(`no layer takes the power of ${exponent}; 1, 2 and 3 there are`)
  return join(op, Array<Active>(exponent).fill(value), multiply)
}

/** max(x, least), and of that min(..., most). */
export function clip(op: Op, value: Active, least: number, most: number): Active {
  if (!(least < most)) throw op.fail(`there is nothing between ${least} and ${most}`)
  const [hasLeast, hasMost] = [least > -HUGE, most < HUGE]
  const span = hasLeast && hasMost ? { max: most - least } : {}
  const rectified = (of: Active, options = {}) => op.same(of, () => relu(options))
  const shifted = (of: Active, scale: number, shift: number) => affine(op, of, scalar(scale), scalar(shift))
  if (hasLeast && least >= -NEAR) return shifted(rectified(shifted(value, 1, -least), span), 1, least)
  if (hasMost && most <= NEAR) return shifted(rectified(shifted(value, -1, most), span), -1, most)
  // x + max(0, least - x), and the like above: where nothing is cut off that is x, to the last digit.
  const sum = (of: Active, part: (whole: Active) => Active) => {
    // Two read it, so nothing can be folded into it.
    if (of.from >= 0) op.around.shared.add(of.from)
    return join(op, [of, part(of)], add)
  }
  let now = value
  if (hasLeast) now = sum(now, (of) => rectified(shifted(of, -1, least)))
  if (hasMost) now = sum(now, (of) => shifted(rectified(shifted(of, 1, -most)), -1, 0))
  return now
}

/** How far values may be moved away and back: what float32 rounds then is less than a millionth. */
export const NEAR = 16

/** About the largest number of float32, which files have for no limit. */
const HUGE = 3e38

const extreme =
  (isMax: boolean): Converter =>
  (op) => {
    if (op.inputs.length === 1) return op.active(0)
    const both = op.inputs.length === 2 ? sides(op) : undefined
    const limit = both && uniformOf(both.constant)
    if (!both || limit === undefined) throw op.fail('layers compare with one constant number only')
    return isMax ? clip(op, both.value, limit, Infinity) : clip(op, both.value, -Infinity, limit)
  }

/** By operator. */
export const ARITHMETIC: Readonly<Record<string, Converter>> = {
  Add: sum,
  Sub: difference,
  Mul: times,
  Div: quotient,
  Pow: power,
  Neg: (op) => affine(op, op.active(0), scalar(-1), undefined),
  Sum: (op): Known =>
    op.inputs.length === 1
      ? op.active(0)
      : join(
          op,
          op.inputs.map((_, i) => op.active(i)),
          add,
        ),
  Max: extreme(true),
  Min: extreme(false),
  Clip: (op) => clip(op, op.active(0), op.number('min', 1, -Infinity), op.number('max', 2, Infinity)),
}
