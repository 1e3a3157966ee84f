// Layers that scale: Rescaling, Normalization and the norms.

import { batchNorm } from '../../../layers/batch-norm'
import { groupNorm } from '../../../layers/group-norm'
import { layerNorm } from '../../../layers/layer-norm'
import { normalize } from '../../../layers/normalize'
import type { Layer } from '../../../plan/layer'
import { product } from '../../../tensor'
import { type At, type Handler, axisOf, channelsOf, main, put, rowsFirst, turned, weightOf } from '../at'
import type { Shape, Value } from '../values'

/** Sizes of an input that nobody has checked against weights. */
const MOST_CHANNELS = 2 ** 12

/** x scale + offset, of every number alike; `what` names it. */
export function scaled(at: At, x: Value, scale: number, offset: number, what: string): Value {
  if (scale === 1 && offset === 0) return x
  const std = 1 / scale
  if (!(std > 0 && std < Infinity)) throw at.fail(`multiplies by ${scale}, which must be above 0 here`)
  const count = channelsOf(at, x)
  if (count > MOST_CHANNELS) throw at.fail(`cannot be read on ${count} channels`)
  const name = at.builder.unique(`${at.name}_${what}`)
  const mean = -offset / scale
  for (const [parameter, value] of Object.entries({ mean, std })) {
    at.builder.weights.set(`${name}.${parameter}`, { shape: [count], data: new Float32Array(count).fill(value) })
  }
  return at.builder.use(name, () => normalize({ mean, std, ...axisHere(x) }), [x])
}

/** Where the channels are here: the first axis unless that must be said. */
export function axisHere({ shape, first }: Value): { axis?: number } {
  return shape.length === 1 || (first && shape.length === 3) ? {} : { axis: first ? 0 : shape.length - 1 }
}

/** A layer of channels, which is told where they are. */
function onChannels(at: At, make: (axis: { axis?: number }) => Layer, x: Value): Value {
  const y = x.shape.length === 3 ? turned(at, x, true) : x
  return main(at, () => make(axisHere(y)), y)
}

/** The axes of a norm, of an example. */
function normedAxes(at: At, x: Value): number[] {
  const axis = at.config.raw('axis') ?? -1
  const list: unknown[] = Array.isArray(axis) ? axis : [axis]
  const axes = list.map((one) => axisOf(at, x, typeof one === 'number' ? one : NaN))
  return axes.toSorted((a, b) => a - b)
}

const batch: Handler = (at, x) => {
  const axes = normedAxes(at, x)
  if (axes.length !== 1 || axes[0] !== x.shape.length - 1) {
    throw at.fail('norms another axis than the last; only that of the channels is read')
  }
  const { config } = at
  const [scale, center] = [config.flag('scale', true), config.flag('center', true)]
  const epsilon = config.number('epsilon', 1e-3)
  const momentum = config.number('momentum', 0.99)
  if (!(epsilon > 0)) throw at.fail('has an epsilon of 0, which must be above it here')
  if (!(momentum >= 0 && momentum <= 1)) throw at.fail(`has a momentum of ${momentum}`)
  const shape = [x.shape.at(-1) ?? null]
  const take = (name: string, place: number) => rowsFirst(weightOf(at, name, place, shape), x.flat)
  const moving = Number(scale) + Number(center)
  const mean = take('moving_mean', moving)
  const of = [mean.length]
  const keep = (parameter: string, data: Float32Array<ArrayBuffer>) => put(at, parameter, of, data)
  keep('weight', scale ? take('gamma', 0) : new Float32Array(mean.length).fill(1))
  keep('bias', center ? take('beta', Number(scale)) : new Float32Array(mean.length))
  keep('running_mean', mean)
  keep('running_var', take('moving_variance', moving + 1))
  return onChannels(at, (axis) => batchNorm({ epsilon, momentum, ...axis }), {
    ...x,
    shape: [...x.shape.slice(0, -1), mean.length],
  })
}

const layer: Handler = (at, x) => {
  const { config } = at
  const axes = normedAxes(at, x)
  const isLast = axes.every((axis, i) => axis === x.shape.length - axes.length + i)
  if (!isLast) throw at.fail('norms other axes than the last ones')
  const epsilon = config.number('epsilon', 1e-3)
  if (!(epsilon > 0)) throw at.fail('has an epsilon of 0, which must be above it here')
  const shape: Shape = axes.map((axis) => x.shape[axis])
  const [scale, center] = [config.flag('scale', true), config.flag('center', true)]
  const [gamma, beta] = [scale && weightOf(at, 'gamma', 0, shape), center && weightOf(at, 'beta', Number(scale), shape)]
  const known = gamma || beta
  const size = known ? known.length : product(shape.map((one) => one ?? Infinity))
  if (!(size <= MOST_CHANNELS || known)) throw at.fail('has neither a scale nor an offset, and too many numbers')
  const sizes = axes.length === 1 ? [size] : (shape as number[])
  put(at, 'weight', sizes, gamma ? rowsFirst(gamma, x.flat) : new Float32Array(size).fill(1))
  put(at, 'bias', sizes, beta ? rowsFirst(beta, x.flat) : new Float32Array(size))
  return main(at, () => layerNorm({ axes: axes.length, epsilon }), turned(at, x, x.shape.length === 1))
}

const group: Handler = (at, x) => {
  const channels = channelsOf(at, x)
  const axes = normedAxes(at, x)
  if (axes.length !== 1 || axes[0] !== x.shape.length - 1) throw at.fail('norms another axis than the last')
  const [scale, center] = [at.config.flag('scale', true), at.config.flag('center', true)]
  if (!(scale && center)) throw at.fail('has no scale or no offset, which groupNorm here always has')
  const y = x.flat ? at.builder.turned(x, false, at.name) : x
  put(at, 'weight', [channels], weightOf(at, 'gamma', 0, [channels]))
  put(at, 'bias', [channels], weightOf(at, 'beta', 1, [channels]))
  const groups = at.config.whole('groups', 32)
  const epsilon = at.config.number('epsilon', 1e-3)
  if (x.shape.length > 3) throw at.fail('is read on vectors, sequences and images alone')
  const first = turned(at, y, x.shape.length > 1)
  return main(at, () => groupNorm(groups, { epsilon, ...(x.shape.length === 2 && { axis: 0 }) }), first)
}

const rescaling: Handler = (at, x) => scaled(at, x, at.config.number('scale'), at.config.number('offset', 0), 'scale')

const normalization: Handler = (at, x) => {
  const axes = normedAxes(at, x)
  if (axes.length !== 1 || axes[0] !== x.shape.length - 1) throw at.fail('scales other axes than the last')
  if (at.config.raw('invert') === true) throw at.fail('is inverted')
  const [mean, variance] = ['mean', 'variance'].map((name, place) => {
    const stored = at.stored([name], place)
    const data = stored?.decode()
    if (data && data.length === x.shape.at(-1)) return rowsFirst(data, x.flat)
    throw at.fail(`the file has no ${name} for each of ${x.shape.at(-1) ?? 'its'} channels`)
  })
  const std = variance.map((one) => Math.max(Math.sqrt(one), 1e-7))
  put(at, 'mean', [mean.length], mean)
  put(at, 'std', [std.length], std)
  return onChannels(at, (axis) => normalize({ mean: [...mean], std: [...std], ...axis }), x)
}

export const SCALES: Readonly<Record<string, Handler>> = {
  BatchNormalization: batch,
  BatchNormalizationV1: batch,
  LayerNormalization: layer,
  GroupNormalization: group,
  Rescaling: rescaling,
  Normalization: normalization,
}
