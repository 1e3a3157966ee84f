// Products with weights, and norms: what has weights and does not slide.

import { few } from '../../errors'
import { batchNorm } from '../../layers/batch-norm'
import { dense } from '../../layers/dense'
import { groupNorm } from '../../layers/group-norm'
import { layerNorm } from '../../layers/layer-norm'
import { permute } from '../../layers/permute'
import { type Tensor, product } from '../../tensor'
import { scaleWeights, tensorOf } from './arithmetic'
import { attend, multiply } from './attention'
import { type Active, exampleOf, fileShape } from './builder'
import { type Constant, type Numbers, uniformOf } from './constants'
import { transposed } from './fold'
import type { Converter, Op } from './op'

/** x Wᵀ + b over the last axis of examples. `weight` is (units, in). */
export function linear(op: Op, x: Active, weight: Constant, hint: string, bias?: Constant, scale = 1): Active {
  const [units, inputs] = weight.dims
  const example = exampleOf(x)
  if (x.batch === x.shape.length - 1 || example.at(-1) !== inputs) {
    throw op.fail(`weights of (${few(weight.dims)}) do not fit values of (${few(x.shape)})`)
  }
  const seen = attend(op, x, weight, hint, bias, scale)
  if (seen) return seen
  const outer = example.slice(0, -1)
  const isVector = product(outer) === 1
  const values = weight.read()
  const weights: Record<string, Tensor> = { weight: { shape: [units, inputs], data: values } }
  if (bias) weights.bias = { shape: [units], data: spread(op, bias, units, values) }
  const apply = (a: readonly number[], b: readonly number[]) => {
    scaleWeights(weights, units, a, b, (i) => Math.floor(i / inputs))
    return true
  }
  if (scale !== 1) {
    weights.weight = { shape: [units, inputs], data: values.map((value) => value * scale) }
  }
  const rows = product(outer)
  const kept = x.stored.length === 2 && x.stored[1] === inputs ? x.stored : isVector ? [inputs] : [rows, inputs]
  const from = op.builder.as(x, kept)
  const stored = [...kept.slice(0, -1), units]
  const made = op.gives(from, stored, () => dense(units, { bias: weights.bias !== undefined }), {
    hint,
    weights,
    fold: { axis: 'last', size: units, apply },
    role: { kind: 'dense' },
    batch: x.batch,
    example: [...outer, units],
  })
  return { ...made, merged: x.merged }
}

/** A bias of so many numbers, of a constant that may be one. */
function spread(op: Op, bias: Constant, units: number, like: Numbers): Numbers {
  const one = uniformOf(bias)
  if (one !== undefined) return new (like.constructor as Float32ArrayConstructor)(units).fill(one)
  const data = bias.read()
  if (data.length === units) return data
  throw op.fail(`a bias of (${few(bias.dims)}) for ${units} outputs`)
}

const gemm: Converter = (op) => {
  const [alpha, beta] = [op.float('alpha', 1), op.float('beta', 1)]
  const given = op.active(0)
  // The same memory, whose batch is the other axis.
  const x = op.int('transA', 0) ? { ...given, shape: given.shape.toReversed(), batch: 1 - given.batch } : given
  if (fileShape(x).length !== 2 || (!x.merged && x.batch !== 0))
    throw op.fail(`it wants (N, in), and gets (${few(given.shape)})`)
  const b = op.constant(1, 'the weights')
  if (b.dims.length !== 2) throw op.fail(`weights of (${few(b.dims)})`)
  const weight = op.int('transB', 0) ? b : transposed(op, b, [1, 0])
  const c = op.inputs[2] && op.constant(2, 'the bias')
  const units = weight.dims[0]
  if (c && uniformOf(c) === undefined && (c.dims.at(-1) !== units || product(c.dims) !== units)) {
    throw op.fail(`a bias of (${few(c.dims)}), which is none of ${units} outputs`)
  }
  const bias = c && (beta === 1 ? c : { ...c, fill: undefined, read: () => c.read().map((value) => value * beta) })
  return linear(op, x, weight, op.hint(1), bias, alpha)
}

const matMul: Converter = (op) => {
  const [a, b] = [op.get(0), op.get(1)]
  if (a.kind === 'active' && b.kind === 'constant') {
    if (b.dims.length !== 2) throw op.fail(`weights of (${few(b.dims)}), where layers have matrices`)
    return linear(op, a, transposed(op, b, [1, 0]), op.hint(1))
  }
  if (a.kind === 'constant' && b.kind === 'active') {
    if (a.dims.length !== 2) throw op.fail(`weights of (${few(a.dims)}), where layers have matrices`)
    const rank = b.shape.length
    if (b.batch === rank - 1 && rank === 2) {
      const made = linear(op, { ...b, shape: b.shape.toReversed(), batch: 0 }, a, op.hint(0))
      return { ...made, shape: made.shape.toReversed(), batch: 1 }
    }
    if (b.batch >= rank - 2) throw op.fail('it works across the examples of a batch')
    return turned(op, linear(op, turned(op, b), a, op.hint(0)))
  }
  return multiply(op, op.active(0), op.active(1))
}

/** The last two axes the other way round. */
function turned(op: Op, x: Active): Active {
  const example = exampleOf(x)
  const [rows, columns] = example.slice(-2)
  const outer = product(example.slice(0, -2))
  const order = outer === 1 ? [1, 0] : [0, 2, 1]
  const lead = outer === 1 ? [] : [outer]
  const from = op.builder.as(x, [...lead, rows, columns])
  const swapped = [...example.slice(0, -2), columns, rows]
  return op.gives(from, [...lead, columns, rows], () => permute(order), {
    hint: 'permute',
    example: swapped,
    batch: x.batch,
  })
}

/** A value as images or features, of which the first axis are channels. */
function channelsFirst(op: Op, x: Active): { from: Active; channels: number } {
  if (x.batch) throw op.fail('its batch is no longer the first axis')
  const example = exampleOf(x)
  const [channels = 0] = example
  if (x.stored.length !== 2 && x.stored[0] === channels) return { from: x, channels }
  const rest = product(example.slice(1))
  return { from: op.builder.as(x, rest === 1 ? [channels] : [channels, 1, rest]), channels }
}

/** The constants of a norm, each of so many numbers. */
function perChannel(op: Op, names: readonly string[], size: number): Tensor[] {
  return names.map((name, i) => {
    const constant = op.constant(i + 1, name)
    const data = constant.read()
    if (data.length !== size) throw op.fail(`${name} of (${few(constant.dims)}) for ${size} channels`)
    return { shape: [size], data }
  })
}

function foldInto(weights: Record<string, Tensor>, axis: 'first' | 'last', size: number) {
  const apply = (scale: readonly number[], shift: readonly number[]) => {
    scaleWeights(weights, size, scale, shift, (i) => i)
    return true
  }
  return { axis, size, apply } as const
}

const batch: Converter = (op) => {
  // Before version 14, outputs behind the first were those of training.
  const trains = op.int('training_mode', 0) !== 0 || (op.opset < 14 && op.node.output?.slice(1).some(Boolean))
  if (trains) throw op.fail('it takes the means of its batch, as in training; export the model for inference')
  if (op.int('spatial', 1) !== 1) throw op.fail('it has means for each place, and batchNorm() for each channel')
  const { from, channels } = channelsFirst(op, op.active(0))
  const [weight, bias, mean, variance] = perChannel(op, ['scale', 'B', 'mean', 'var'], channels)
  const weights: Record<string, Tensor> = { weight, bias, running_mean: mean, running_var: variance }
  const [momentum, epsilon] = [op.float('momentum', 0.9), op.float('epsilon', 1e-5)]
  const more = { hint: op.hint(1), weights, fold: foldInto(weights, 'first', channels) }
  return op.same(from, () => batchNorm({ momentum, epsilon }), more)
}

const layer: Converter = (op) => {
  const x = op.active(0)
  const axis = op.exampleAxis(x, op.int('axis', -1))
  const scale = op.constant(1, 'scale')
  const bias = op.inputs[2] && op.constant(2, 'B')
  return normalised(op, x, axis, op.float('epsilon', 1e-5), op.hint(1), scale, bias)
}

/** Layer normalisation of examples from an axis on. */
export function normalised(
  op: Op,
  x: Active,
  axis: number,
  epsilon: number,
  hint: string,
  scale?: Constant,
  bias?: Constant,
): Active {
  const example = exampleOf(x)
  if (x.batch > axis) throw op.fail('it works across the examples of a batch')
  const shape = example.slice(axis)
  const size = product(shape)
  const list = (constant: Constant | undefined, missing: number): Tensor => {
    if (!constant) op.builder.budget.take(size, 'a norm')
    const data = constant?.read() ?? new Float32Array(size).fill(missing)
    if (data.length !== size) throw op.fail(`weights of (${few(constant!.dims)}) for values of (${few(shape)})`)
    return { shape, data }
  }
  const weights: Record<string, Tensor> = { weight: list(scale, 1), bias: list(bias, 0) }
  const apply = (a: readonly number[], b: readonly number[]) => {
    scaleWeights(weights, size, a, b, (i) => i)
    weights.bias = { ...weights.bias, shape }
    return true
  }
  const make = () => layerNorm({ axes: shape.length, epsilon })
  return op.same(op.builder.as(x, example), make, { hint, weights, fold: { axis: 'last', size, apply } })
}

const instance: Converter = (op) => {
  const { from, channels } = channelsFirst(op, op.active(0))
  const [weight, bias] = perChannel(op, ['scale', 'B'], channels)
  const weights: Record<string, Tensor> = { weight, bias }
  const epsilon = op.float('epsilon', 1e-5)
  const more = { hint: op.hint(1), weights, fold: foldInto(weights, 'first', channels) }
  return op.same(from, () => groupNorm(channels, { epsilon }), more)
}

const group: Converter = (op) => {
  const { from, channels } = channelsFirst(op, op.active(0))
  const groups = op.int('num_groups', 1)
  const epsilon = op.float('epsilon', 1e-5)
  // Version 18 has weights for groups, version 21 for channels.
  const list = (input: number, name: string): Tensor => {
    const data = op.constant(input, name).read()
    if (data.length === channels) return { shape: [channels], data }
    if (data.length !== groups || channels % groups) throw op.fail(`${name} of ${data.length} numbers`)
    const full = Array.from({ length: channels }, (_, i) => data[Math.floor((i * groups) / channels)])
    return tensorOf([channels], full, data instanceof Float64Array)
  }
  const weights: Record<string, Tensor> = { weight: list(1, 'scale'), bias: list(2, 'bias') }
  const more = { hint: op.hint(1), weights, fold: foldInto(weights, 'first', channels) }
  return op.same(from, () => groupNorm(groups, { epsilon }), more)
}

/** By operator. */
export const PRODUCTS: Readonly<Record<string, Converter>> = {
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batch,
  LayerNormalization: layer,
  InstanceNormalization: instance,
  GroupNormalization: group,
}
