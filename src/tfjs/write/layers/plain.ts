// Dense layers, activations, norms, and what changes shapes.

import { product } from '../../../tensor'
import { transpose } from '../../transpose'
import { type At, type Out, type Writer, emit, flattened, inOrder, last, moved, reshaped, same } from '../at'

export const dense: Writer = (at, x) => {
  const { units, bias } = at.config as { units: number; bias: boolean }
  const y = x.shape.length === 1 ? x : same(at, x)
  const inputs = y.shape.at(-1)!
  const settings = { units, activation: 'linear', use_bias: bias }
  const as = { shape: [...y.shape.slice(0, -1), units], flat: undefined }
  return emit(at, 'Dense', settings, y, as, (name) => {
    const { data } = at.weight('weight')
    const of = y.flat ?? [inputs]
    // Rows as the vector has them: channels last, where it was an image.
    const order = [...last(of.map((_, i) => i + 1)), 0]
    const kernel = { name: `${name}/kernel`, shape: [inputs, units], data: transpose(data, [units, ...of], order) }
    return bias
      ? [kernel, { name: `${name}/bias`, shape: [units], data: Float32Array.from(at.weight('bias').data) }]
      : [kernel]
  })
}

const activation =
  (activation: string, positive = false): Writer =>
  (at, x) =>
    emit(at, 'Activation', { activation }, x, { positive })

const relu: Writer = (at, x) => {
  const { max } = at.config as { max?: number }
  // Some readers know the activation alone.
  if (max === undefined) return emit(at, 'Activation', { activation: 'relu' }, x, { positive: true })
  return emit(at, 'ReLU', { max_value: max }, x, { positive: true })
}

/** x scale + offset. */
function rescaled(at: At, x: Out, scale: number, offset: number): Out {
  return emit(at, 'Rescaling', { scale, offset }, x)
}

/** x / 6 + 1/2 there is x / 5 + 1/2. */
const hardSigmoid: Writer = (at, x) => {
  const activation = 'hard_sigmoid'
  return emit(at, 'Activation', { activation }, rescaled(at, x, 1 / 1.2, 0), { positive: true })
}

const hardSwish: Writer = (at, x) => emit(at, 'Multiply', {}, [x, hardSigmoid(at, x)])

const softmax: Writer = (at, x) => {
  const y = x.shape.length === 3 ? moved(at, x) : same(at, x)
  // Named as an activation: readers of sequential models know it.
  return emit(at, 'Activation', { activation: 'softmax' }, x.shape.length === 1 && !x.flat ? x : y, { positive: true })
}

/** What `make` does to the tensor with that axis of ours last, as layers of channels there want it. */
function onLast(at: At, x: Out, axis: number | undefined, make: (y: Out) => Out): Out {
  const { length } = x.shape
  const own = axis === undefined ? 0 : axis < 0 ? axis + length : axis
  if (length === 1) return make(x)
  if (own === 0) return make(moved(at, x))
  if (own === length - 1) return make(same(at, x))
  const order = [...x.shape.map((_, i) => i).filter((i) => i !== own), own]
  return permuted(
    at,
    make(permuted(at, x, order)),
    order.map((_, i) => order.indexOf(i)),
  )
}

/** A weight for each channel. */
const perChannel = (name: string, y: Out, data: ArrayLike<number>) => {
  const values = inOrder(data, y)
  return { name, shape: [values.length], data: values }
}

const prelu: Writer = (at, x) => {
  const { shared, axis } = at.config as { shared: boolean; axis?: number }
  const axes = x.shape.map((_, i) => i + 1)
  const ones = x.shape.map(() => 1)
  if (shared) {
    return emit(at, 'PReLU', { shared_axes: axes }, x, {}, (name) => [
      { name: `${name}/alpha`, shape: ones, data: Float32Array.from(at.weight('weight').data) },
    ])
  }
  return onLast(at, x, axis, (y) =>
    emit(at, 'PReLU', { shared_axes: axes.slice(0, -1) }, y, {}, (name) => {
      const alpha = perChannel(`${name}/alpha`, y, at.weight('weight').data)
      return [{ ...alpha, shape: [...ones.slice(1), alpha.data.length] }]
    }),
  )
}

const batchNorm: Writer = (at, x) => {
  const { epsilon, momentum, axis } = at.config as { epsilon: number; momentum: number; axis?: number }
  const settings = { axis: -1, epsilon, momentum, center: true, scale: true }
  const names = { gamma: 'weight', beta: 'bias', moving_mean: 'running_mean', moving_variance: 'running_var' }
  return onLast(at, x, axis, (y) =>
    emit(at, 'BatchNormalization', settings, y, {}, (name) =>
      Object.entries(names).map(([theirs, ours]) => perChannel(`${name}/${theirs}`, y, at.weight(ours).data)),
    ),
  )
}

const layerNorm: Writer = (at, x) => {
  const { axes, epsilon } = at.config as { axes?: number; epsilon: number }
  const { length } = x.shape
  const normed = axes ?? (length === 2 ? 1 : length)
  // Over all of an image there is nothing to turn but the weights.
  const whole = normed === length && x.moved
  const y = whole || length === 1 ? x : same(at, x)
  const axis = x.shape.map((_, i) => i + 1).slice(length - normed)
  const shape = x.shape.slice(length - normed)
  return emit(at, 'LayerNormalization', { axis: axis.length === 1 ? -1 : axis, epsilon }, y, {}, (name) =>
    Object.entries({ gamma: 'weight', beta: 'bias' }).map(([theirs, ours]) => {
      const { data } = at.weight(ours)
      if (!whole) return { name: `${name}/${theirs}`, shape, data: inOrder(data, y) }
      return {
        name: `${name}/${theirs}`,
        shape: last(shape),
        data: transpose(data, shape, last(shape.map((_, i) => i))),
      }
    }),
  )
}

/** A number each for the channels of an image that has height 1 and width 1: y = x scale + offset, which is not trained. */
function perNumber(at: At, x: Out, scale: ArrayLike<number>, offset: ArrayLike<number>): Out {
  const { length } = scale
  const settings = {
    kernel_size: [1, 1],
    strides: [1, 1],
    padding: 'valid',
    depth_multiplier: 1,
    use_bias: true,
    trainable: false,
  }
  return emit(at, 'DepthwiseConv2D', settings, x, {}, (name) => [
    { name: `${name}/depthwise_kernel`, shape: [1, 1, length, 1], data: Float32Array.from(scale) },
    { name: `${name}/bias`, shape: [length], data: Float32Array.from(offset) },
  ])
}

const normalize: Writer = (at, x) => {
  const { mean, std, axis } = at.config as { mean: number[]; std: number[]; axis?: number }
  if (mean.length === 1 && std.length === 1) return rescaled(at, x, 1 / std[0], -mean[0] / std[0])
  const of = (values: number[], i: number) => values[values.length === 1 ? 0 : i]
  return onLast(at, x.flat ? same(at, x) : x, axis, (y) => {
    const channels = Math.max(mean.length, std.length)
    const scale = Array.from({ length: channels }, (_, i) => 1 / of(std, i))
    const offset = scale.map((one, i) => -of(mean, i) * one)
    const places = product(y.shape) / channels
    const as = { shape: [channels, 1, places], moved: true }
    const image = emit(at, 'Reshape', { target_shape: [1, places, channels] }, y, as)
    const target_shape = y.moved ? last(y.shape) : y.shape
    return emit(at, 'Reshape', { target_shape }, perNumber(at, image, scale, offset), {
      shape: y.shape,
      moved: y.moved,
    })
  })
}

/** x + table, of sequences. */
const positions: Writer = (at, x) => {
  const { kind } = at.config as { kind: string }
  if (kind === 'sines')
    throw at.fail(
      'adds sines, for which TensorFlow.js has no layer; positions() learns its table, which can be written',
    )
  const { data } = at.weight('weight')
  const rows = emit(at, 'Reshape', { target_shape: [1, 1, data.length] }, same(at, x), {
    shape: [data.length, 1, 1],
    moved: true,
  })
  const y = perNumber(at, rows, new Float32Array(data.length).fill(1), data)
  return emit(at, 'Reshape', { target_shape: x.shape }, y, { shape: x.shape, moved: false })
}

const dropout: Writer = (at, x) => {
  const { keep, mode } = at.config as { keep: number; mode?: string }
  if (mode === 'vanilla')
    throw at.fail("is of mode 'vanilla', which scales when it predicts; TensorFlow.js scales in training")
  return emit(at, 'Dropout', { rate: 1 - keep }, x, { positive: x.positive ?? false })
}

const flatten: Writer = (at, x) => {
  if (x.shape.length === 1) return x
  // Of one channel, or of one place, both orders are the same.
  const alike = x.shape[0] === 1 || x.shape.slice(1).every((size) => size === 1)
  const flat = x.moved && !alike ? x.shape : undefined
  return { ...flattened(at, x), flat, positive: x.positive ?? false }
}

const reshape: Writer = (at, x) => {
  const { shape } = at.config as { shape: number[] }
  const known = product(shape.filter((size) => size !== -1))
  return reshaped(
    at,
    x,
    shape.map((size) => (size === -1 ? product(x.shape) / known : size)),
  )
}

function permuted(at: At, x: Out, order: readonly number[]): Out {
  if (order.every((axis, i) => axis === i)) return same(at, x)
  const dims = order.map((axis) => axis + 1)
  return emit(at, 'Permute', { dims }, same(at, x), { shape: order.map((axis) => x.shape[axis]) })
}

const permute: Writer = (at, x) => permuted(at, x, (at.config as { order: number[] }).order)

/** With one axis first, what `make` does, and back. */
function onAxis(at: At, x: Out, axis: number, make: (rows: Out) => Out): Out {
  const order = [axis, ...x.shape.map((_, i) => i).filter((i) => i !== axis)]
  const turned = permuted(at, x, order)
  const [size, ...rest] = turned.shape
  const y = make(reshaped(at, turned, [size, product(rest), 1]))
  return permuted(
    at,
    reshaped(at, y, [y.shape[0], ...rest]),
    order.map((_, i) => order.indexOf(i)),
  )
}

const take: Writer = (at, x) => {
  const { axis, from, to } = at.config as { axis: number; from: number; to?: number }
  const own = axis < 0 ? axis + x.shape.length : axis
  const size = x.shape[own]
  const [first, end] = [from, to ?? size].map((one) => (one < 0 ? one + size : one))
  if (first === 0 && end === size) return x
  const cropping = [
    [first, size - end],
    [0, 0],
  ]
  return onAxis(at, x, own, (rows) =>
    emit(at, 'Cropping2D', { cropping }, rows, { shape: rows.shape.with(0, end - first) }),
  )
}

const padChannels: Writer = (at, x) => {
  const { before, after } = at.config as { before: number; after: number }
  const padding = [
    [before, after],
    [0, 0],
  ]
  return onAxis(at, x, 0, (rows) =>
    emit(at, 'ZeroPadding2D', { padding }, rows, { shape: rows.shape.with(0, before + rows.shape[0] + after) }),
  )
}

const mean: Writer = (at, x) => {
  const { axis } = at.config as { axis: number }
  const own = axis < 0 ? axis + x.shape.length : axis
  const rest = x.shape.toSpliced(own, 1)
  const turned = permuted(at, x, [own, ...x.shape.map((_, i) => i).filter((i) => i !== own)])
  const rows = reshaped(at, turned, [x.shape[own], product(rest)])
  const y = emit(at, 'GlobalAveragePooling1D', {}, rows, { shape: [product(rest)] })
  return rest.length ? reshaped(at, y, rest) : y
}

const repeat: Writer = (at, x) => {
  const { times } = at.config as { times: number }
  const vector = flattened(at, same(at, x))
  const y = emit(at, 'RepeatVector', { n: times }, vector, { shape: [times, vector.shape[0]] })
  return reshaped(at, y, [times, ...x.shape])
}

/** The largest of runs of channels: as pools of steps. */
const maxout: Writer = (at, x) => {
  const { pieces } = at.config as { pieces: number }
  const y = x.shape.length === 1 ? same(at, x) : moved(at, x)
  const size = product(x.shape)
  const rows = emit(at, 'Reshape', { target_shape: [size, 1] }, y, { shape: [size, 1], moved: false })
  const pooled = emit(at, 'MaxPooling1D', { pool_size: [pieces], strides: [pieces], padding: 'valid' }, rows)
  const shape = x.shape.with(0, x.shape[0] / pieces)
  const target_shape = x.shape.length === 1 ? shape : last(shape)
  return emit(at, 'Reshape', { target_shape }, pooled, { shape, moved: x.shape.length > 1 })
}

const embedding: Writer = (at, x) => {
  const { vocabulary, size } = at.config as { vocabulary: number; size: number }
  if (at.draft.shared.has(`${at.path} Embedding`)) {
    throw at.fail('is used once more as the head, whose weights are tied to it; TensorFlow.js has no such layer')
  }
  const y = same(at, x)
  const settings = { input_dim: vocabulary, output_dim: size, mask_zero: false, input_length: x.shape[0] }
  return emit(at, 'Embedding', settings, y, { shape: [...x.shape, size] }, (name) => [
    { name: `${name}/embeddings`, shape: [vocabulary, size], data: Float32Array.from(at.weight('weight').data) },
  ])
}

export const PLAIN: Readonly<Record<string, Writer>> = {
  dense,
  embedding,
  relu,
  leakyRelu: (at, x) => emit(at, 'LeakyReLU', { alpha: (at.config as { alpha: number }).alpha }, x),
  elu: (at, x) => {
    const { alpha } = at.config as { alpha: number }
    if (alpha !== 1) throw at.fail(`has an alpha of ${alpha}; the ELU of TensorFlow.js has 1`)
    return emit(at, 'Activation', { activation: 'elu' }, x)
  },
  selu: activation('selu'),
  gelu: (at, x) => {
    const { approximate } = at.config as { approximate: string }
    if (approximate === 'tanh') throw at.fail("is of 'tanh', which TensorFlow.js has, but cannot load; take gelu()")
    return emit(at, 'Activation', { activation: 'gelu' }, x)
  },
  silu: activation('swish'),
  softplus: activation('softplus', true),
  sigmoid: activation('sigmoid', true),
  tanh: activation('tanh'),
  hardSigmoid,
  hardSwish,
  softmax,
  prelu,
  batchNorm,
  layerNorm,
  normalize,
  positions,
  dropout,
  flatten,
  reshape,
  permute,
  take,
  padChannels,
  mean,
  repeat,
  maxout,
}

/** Those that this library has and TensorFlow.js has not. */
export const REFUSED: Readonly<Record<string, string>> = {
  attention:
    'is attention, whose layer in TensorFlow.js reads and writes other weights; there is ONNX for it, v128/onnx',
  groupNorm: 'norms groups of channels, for which TensorFlow.js has no layer; layerNorm or batchNorm it has',
  gru: "is a GRU with PyTorch's reset gate (Keras: reset_after), which TensorFlow.js cannot compute; lstm it can",
}
