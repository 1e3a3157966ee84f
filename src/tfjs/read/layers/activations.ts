// Activations: of their own, and those that other layers have as a setting.

import { quote } from '../../../errors'
import { elu } from '../../../layers/elu'
import { gelu } from '../../../layers/gelu'
import { hardSigmoid } from '../../../layers/hard-sigmoid'
import { hardSwish } from '../../../layers/hard-swish'
import { leakyRelu } from '../../../layers/leaky-relu'
import { prelu } from '../../../layers/prelu'
import { relu } from '../../../layers/relu'
import { selu } from '../../../layers/selu'
import { sigmoid } from '../../../layers/sigmoid'
import { silu } from '../../../layers/silu'
import { softmax } from '../../../layers/softmax'
import { softplus } from '../../../layers/softplus'
import { tanh } from '../../../layers/tanh'
import type { Layer } from '../../../plan/layer'
import { type At, type Handler, axisOf, beside, main, put, rowsFirst, turned, weightOf } from '../at'
import type { Shape, Value } from '../values'
import { axisHere, scaled } from './scale'

/** Of any shape, number by number. */
const PLAIN = new Map<string, () => Layer>([
  ['relu', relu],
  ['relu6', () => relu({ max: 6 })],
  ['elu', elu],
  ['selu', selu],
  ['sigmoid', sigmoid],
  ['tanh', tanh],
  ['softplus', softplus],
  ['swish', silu],
  ['silu', silu],
  ['gelu', () => gelu()],
  ['gelu_new', () => gelu({ approximate: 'tanh' })],
  ['leaky_relu', () => leakyRelu({ alpha: 0.2 })],
  ['hard_swish', hardSwish],
  ['hard_silu', hardSwish],
])

/** The activation of that name, behind x. */
export function activate(at: At, name: string, x: Value): Value {
  if (name === 'linear') return x
  if (name === 'softmax') return softmaxOf(at, x)
  // Keras 3 has PyTorch's, x / 6 + 1/2; before it was x / 5 + 1/2.
  if (name === 'hard_sigmoid') {
    return beside(at, name, hardSigmoid(), at.dialect === 'keras 3' ? x : scaled(at, x, 1.2, 0, 'slope'))
  }
  const make = PLAIN.get(name)
  if (make) return beside(at, name, make(), x)
  throw at.fail(
    `has the activation ${quote(name)}, which is none of ${[...PLAIN.keys()].join(', ')}, hard_sigmoid, softmax and linear`,
  )
}

/** Over the last axis, the channels. */
function softmaxOf(at: At, x: Value): Value {
  if (x.shape.length > 3) throw at.fail('has a softmax of more than three axes')
  return beside(at, 'softmax', softmax(), turned(at, x, x.shape.length === 3))
}

const activation: Handler = (at, x) => activate(at, at.config.text('activation', 'linear'), x)

const reluLayer: Handler = (at, x) => {
  const { config } = at
  const max = config.raw('max_value') ?? undefined
  const slope = config.number('negative_slope', 0)
  if (config.number('threshold', 0) !== 0) throw at.fail('has a threshold; relu here begins at 0')
  if (slope !== 0 && max !== undefined)
    throw at.fail('has both a negative_slope and a max_value; here is one or the other')
  if (slope < 0) throw at.fail('has a negative_slope below 0')
  if (slope) return beside(at, 'relu', leakyRelu({ alpha: slope }), x)
  return beside(at, 'relu', max === undefined ? relu() : relu({ max: config.number('max_value') }), x)
}

const thresholded: Handler = (at, x) => {
  if (at.config.number('theta', 1) === 0) return beside(at, 'relu', relu(), x)
  throw at.fail('has a theta other than 0; relu here begins at 0')
}

const leaky: Handler = (at, x) => {
  const alpha = at.config.number('alpha', at.config.number('negative_slope', 0.3))
  if (alpha < 0) throw at.fail('has an alpha below 0')
  return beside(at, 'leaky', leakyRelu({ alpha }), x)
}

const eluLayer: Handler = (at, x) => {
  const alpha = at.config.number('alpha', 1)
  if (alpha < 0) throw at.fail('has an alpha below 0')
  return beside(at, 'elu', elu({ alpha }), x)
}

const softmaxLayer: Handler = (at, x) => {
  const axis = at.config.raw('axis') ?? -1
  const [only] = Array.isArray(axis) && axis.length === 1 ? (axis as unknown[]) : [axis]
  if (typeof only === 'number' && axisOf(at, x, only) === x.shape.length - 1) return softmaxOf(at, x)
  throw at.fail('is over another axis than the last, which softmax here is not')
}

const preluLayer: Handler = (at, x) => {
  const axes = x.shape.length
  const shared = at.config.raw('shared_axes') ?? []
  const list: unknown[] = Array.isArray(shared) ? shared : [shared]
  const isShared = (axis: number) => list.includes(axis + 1)
  const shape: Shape = x.shape.map((size, axis) => (isShared(axis) ? 1 : size))
  const alpha = weightOf(at, 'alpha', 0, shape)
  if (alpha.length === 1) {
    put(at, 'weight', [1], alpha)
    return main(at, () => prelu({ shared: true }), x)
  }
  const perChannel = !isShared(axes - 1) && shape.slice(0, -1).every((size) => size === 1)
  if (!perChannel) {
    throw at.fail(
      'learns an alpha for each place, where prelu here has one for each channel or one for all; share its axes',
    )
  }
  const y = axes === 3 ? turned(at, x, true) : x
  put(at, 'weight', [alpha.length], rowsFirst(alpha, y.flat))
  return main(at, () => prelu(axisHere(y)), y)
}

export const ACTIVATIONS: Readonly<Record<string, Handler>> = {
  Activation: activation,
  ReLU: reluLayer,
  ThresholdedReLU: thresholded,
  LeakyReLU: leaky,
  ELU: eluLayer,
  Softmax: softmaxLayer,
  PReLU: preluLayer,
}
