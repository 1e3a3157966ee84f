// Activations, each a layer.

import { few } from '../../errors'
import { dropout } from '../../layers/dropout'
import { elu } from '../../layers/elu'
import { gelu } from '../../layers/gelu'
import { hardSigmoid } from '../../layers/hard-sigmoid'
import { hardSwish } from '../../layers/hard-swish'
import { leakyRelu } from '../../layers/leaky-relu'
import { permute } from '../../layers/permute'
import { prelu } from '../../layers/prelu'
import { relu } from '../../layers/relu'
import { selu } from '../../layers/selu'
import { sigmoid } from '../../layers/sigmoid'
import { softmax } from '../../layers/softmax'
import { softplus } from '../../layers/softplus'
import { tanh } from '../../layers/tanh'
import type { Layer } from '../../plan/layer'
import { product } from '../../tensor'
import { affine, factorOf, scalar, tensorOf } from './arithmetic'
import { where } from './attention'
import { type Active, exampleOf } from './builder'
import type { Converter, Op } from './op'

const plain =
  (make: () => Layer): Converter =>
  (op) =>
    op.same(op.active(0), make)

/** Whether a number of the file, which has 32 bits, stands for another. */
export function isAbout(value: number, wanted: number): boolean {
  return Math.abs(value - wanted) <= 1e-6 * Math.abs(wanted)
}

const leaky: Converter = (op) => {
  const alpha = op.float('alpha', 0.01)
  return op.same(op.active(0), () => leakyRelu({ alpha }))
}

const exponential: Converter = (op) => {
  const alpha = op.float('alpha', 1)
  return op.same(op.active(0), () => elu({ alpha }))
}

const scaled: Converter = (op) => {
  const [alpha, gamma] = [op.float('alpha', 1.6732632), op.float('gamma', 1.050701)]
  if (!isAbout(alpha, 1.6732632423543772) || !isAbout(gamma, 1.0507009873554805)) {
    throw op.fail(`selu() has the numbers of its paper, not alpha ${alpha} and gamma ${gamma}`)
  }
  return op.same(op.active(0), selu)
}

const hard: Converter = (op) => {
  const [alpha, beta] = [op.float('alpha', 0.2), op.float('beta', 0.5)]
  const x = op.active(0)
  if (isAbout(alpha, 1 / 6) && isAbout(beta, 0.5)) return op.same(x, hardSigmoid)
  return op.same(affine(op, x, scalar(alpha), scalar(beta)), () => relu({ max: 1 }))
}

const parametric: Converter = (op) => {
  const x = op.active(0)
  const { values, outer, size, inner, double } = factorOf(op, x, op.constant(1, 'the slope'))
  const shared = values.length === 1
  if (!shared && outer > 1) throw op.fail('prelu() has slopes for channels, which come first')
  const weights = { weight: tensorOf([shared ? 1 : size], values, double) }
  const from = shared ? x : op.builder.as(x, inner === 1 ? [size] : [size, 1, inner])
  return op.same(from, () => prelu({ shared }), { weights, hint: op.hint(1) })
}

/** Softmax along one axis of examples, or along the last ones taken together. */
export function softmaxOver(op: Op, x: Active, axis: number, axes = 1): Active {
  const example = exampleOf(x)
  const size = product(example.slice(axis, axis + axes))
  const outer = product(example.slice(0, axis))
  const inner = product(example.slice(axis + axes))
  const { builder } = op
  if (inner === 1) {
    const from = builder.as(x, outer === 1 ? [size] : [outer, size])
    // Attention normalises the last axis, and that alone.
    const isLast = axis + axes === example.length && size === example.at(-1)
    return op.same(from, softmax, isLast ? { role: { kind: 'shares' } } : {})
  }
  if (outer === 1) return op.same(builder.as(x, [size, 1, inner]), softmax)
  const swap = (of: Active, stored: readonly number[]) =>
    builder.add({ hint: 'permute', make: () => permute([0, 2, 1]), of: [of], weights: {} }, stored)
  const turned = swap(builder.as(x, [outer, size, inner]), [outer, inner, size])
  const made = op.same(builder.as(turned, [outer * inner, size]), softmax)
  const back = swap(builder.as(made, [outer, inner, size]), [outer, size, inner])
  return { ...x, from: back.from, stored: back.stored }
}

const soft: Converter = (op) => {
  const x = op.active(0)
  if (op.opset >= 13) return softmaxOver(op, x, op.exampleAxis(x, op.int('axis', -1)))
  // Of older versions: over all axes from this one on.
  const axis = op.exampleAxis(x, op.int('axis', 1))
  const example = exampleOf(x)
  if (x.batch > axis) throw op.fail(`it works across the examples of a batch of (${few(x.shape)})`)
  return softmaxOver(op, x, axis, example.length - axis)
}

const smooth: Converter = (op) => {
  const approximate = op.text('approximate', 'none')
  return op.same(op.active(0), () => gelu({ approximate: approximate === 'tanh' ? 'tanh' : 'none' }))
}

/** In training, as the file says; what only training wants is often gone from files. */
const drop: Converter = (op) => {
  if (op.node.output?.[1]) throw op.fail('the mask of what it dropped is read, which no layer gives')
  const ratio = op.opset < 12 ? op.float('ratio', 0.5) : op.number('', 1, 0.5)
  const x = op.active(0)
  return ratio > 0 && ratio < 1 ? op.same(x, () => dropout({ keep: 1 - ratio })) : x
}

/** By operator. */
export const ACTIVATIONS: Readonly<Record<string, Converter>> = {
  Relu: plain(() => relu()),
  LeakyRelu: leaky,
  Elu: exponential,
  Selu: scaled,
  Sigmoid: plain(sigmoid),
  Tanh: plain(tanh),
  Softplus: plain(softplus),
  HardSigmoid: hard,
  HardSwish: plain(hardSwish),
  PRelu: parametric,
  Softmax: soft,
  Where: where,
  Gelu: smooth,
  Dropout: drop,
}
