// Options of layers, and inputs, that the layer table leaves out, for files of ONNX.
import type { LayerCase } from '../../cases/layers'
import {
  attention,
  avgPool1d,
  avgPool2d,
  batchNorm,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  dense,
  dropout,
  elu,
  embedding,
  flatten,
  gelu,
  graph,
  groupNorm,
  hardSigmoid,
  hardSwish,
  layerNorm,
  leakyRelu,
  lstm,
  maxPool1d,
  maxPool2d,
  maxout,
  mean,
  normalize,
  padChannels,
  permute,
  prelu,
  relu,
  repeat,
  reshape,
  selu,
  sequential,
  sigmoid,
  silu,
  softmax,
  softplus,
  take,
  tanh,
  upsample2d,
  zeroPad2d,
} from '../../src/entries/index'

/** A network, and from what to what its inputs are: from -1 to 1 unless `far` says otherwise. */
export type Variant = Pick<LayerCase, 'name' | 'network' | 'input' | 'ids'> & { readonly far?: number }

export const VARIANTS: readonly Variant[] = [
  // ---- windows ----
  {
    name: 'conv2d, a stride beyond the image, with groups and dilation',
    network: () =>
      sequential(
        conv2d(6, { kernel: [2, 3], stride: [50, 2], pad: 'same', dilation: [1, 2], groups: 2 }),
        conv2d(4, { kernel: 1, stride: 3, pad: { left: 2, bottom: 1 }, bias: false }),
      ),
    input: [4, 7, 9],
  },
  {
    name: 'conv1d, strides, of groups',
    network: () =>
      sequential(
        conv1d(6, { kernel: 3, stride: 2, pad: 'same', groups: 3 }),
        conv1d(4, { kernel: 2, stride: 3, pad: 2, dilation: 2 }),
      ),
    input: [3, 14],
  },
  {
    name: 'convTranspose2d, with more at the end than a stride and with padding',
    network: () =>
      sequential(
        convTranspose2d(4, { kernel: 3, stride: 2, pad: 1, dilation: 4, outputPad: 3, groups: 2 }),
        convTranspose2d(3, { kernel: [1, 2], stride: [3, 1], outputPad: [2, 0], bias: false }),
        convTranspose2d(2, { kernel: 2, dilation: 3, outputPad: 2, pad: [1, 0] }),
      ),
    input: [2, 3, 4],
  },
  {
    name: 'avgPool2d that rounds up, zeros counted and not, and beyond them',
    network: () =>
      sequential(
        concat(
          avgPool2d(3, { stride: 2, pad: 1, ceil: true }),
          avgPool2d(3, { stride: 2, pad: 1, ceil: true, countPad: false }),
        ),
        concat(avgPool2d(2, { stride: 2, ceil: true }), avgPool2d(2, { ceil: true, countPad: false })),
      ),
    input: [2, 8, 9],
  },
  {
    name: "avgPool2d of sides, of 'same', zeros counted",
    network: () =>
      sequential(
        avgPool2d([2, 3], { stride: 1, pad: { top: 1, right: 2, left: 1 } }),
        avgPool2d(3, { stride: 2, pad: 'same' }),
        avgPool2d(3, { stride: 1, pad: 'same', countPad: false }),
      ),
    input: [2, 7, 8],
  },
  {
    name: 'maxPool2d of negative numbers, padding as large as the kernel where there are gaps',
    network: () =>
      sequential(
        normalize({ mean: 5, std: 1 }),
        maxPool2d(2, { stride: 1, dilation: 3, pad: 2 }),
        maxPool2d(3, { stride: 2, pad: 1, ceil: true, dilation: [1, 2] }),
        maxPool2d(2, { stride: 3, ceil: true }),
      ),
    input: [2, 11, 12],
  },
  {
    name: 'pools of sequences that round up, with dilation',
    network: () =>
      sequential(
        avgPool1d(3, { stride: 2, pad: 1, ceil: true }),
        maxPool1d(2, { stride: 2, ceil: true, dilation: 2, pad: 1 }),
        avgPool1d(2, { stride: 1, pad: 'same', countPad: false }),
      ),
    input: [3, 16],
  },
  {
    name: 'upsample2d to between, of a single row, and of three sizes',
    network: () =>
      sequential(
        upsample2d({ scale: [1, 3], mode: 'bilinear' }),
        upsample2d({ scale: [4, 1], mode: 'bilinear' }),
        upsample2d({ scale: [3, 2] }),
        upsample2d({ scale: [1, 4] }),
      ),
    input: [2, 1, 5],
  },
  // ---- curves, near 0 and far from it; nearer, Selu and Elu of ONNX Runtime lose digits in float32 ----
  ...Object.entries({
    elu: () => elu({ alpha: 0.3 }),
    gelu: () => gelu(),
    'gelu by tanh': () => gelu({ approximate: 'tanh' }),
    hardSigmoid: () => hardSigmoid(),
    hardSwish: () => hardSwish(),
    leakyRelu: () => leakyRelu({ alpha: 0.1 }),
    prelu: () => prelu(),
    relu: () => relu(),
    'relu with a ceiling': () => relu({ max: 0.7 }),
    selu: () => selu(),
    sigmoid: () => sigmoid(),
    silu: () => silu(),
    softmax: () => softmax(),
    softplus: () => softplus(),
    tanh: () => tanh(),
    'dropout, vanilla': () => dropout({ keep: 0.3, mode: 'vanilla' }),
  }).flatMap(([name, network]): Variant[] => [
    { name: `${name} near 0`, network, input: [40], far: 0.05 },
    { name: `${name} about 0`, network, input: [40], far: 4 },
    { name: `${name} far from 0`, network, input: [40], far: 1000 },
  ]),
  // ---- norms, of so little that epsilon counts ----
  ...Object.entries({
    'batchNorm of features': () => batchNorm({ epsilon: 0.3 }),
    'layerNorm of features': () => layerNorm({ epsilon: 1e-3 }),
    'groupNorm of features': () => groupNorm(3, { epsilon: 1e-3 }),
  }).map(([name, network]): Variant => ({ name: `${name}, small`, network, input: [12], far: 0.01 })),
  {
    name: 'norms of images, small',
    network: () => sequential(batchNorm({ epsilon: 0.1 }), groupNorm(2), layerNorm({ axes: 2 }), groupNorm(4)),
    input: [4, 3, 5],
    far: 0.01,
  },
  {
    name: 'batch norm, concat and prelu along other axes than the first',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const a = use('a', batchNorm({ axis: -2 }), x)
        const b = use('b', sequential(prelu({ axis: 2 }), batchNorm({ axis: 2, epsilon: 0.1 })), x)
        return use('out', prelu({ axis: 1 }), use('both', concat({ axis: -1 }), a, b, x))
      }),
    input: [2, 3, 4],
  },
  { name: 'normalize, one number for a sequence', network: () => normalize({ mean: 0.3, std: 2 }), input: [4, 3] },
  {
    name: 'weights used twice, on values of other shapes',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const norm = sequential(batchNorm(), prelu(), groupNorm(2))
        const flat = use('flat', flatten(), use('norm', norm, x))
        const means = use('norm', norm, use('mean', sequential(mean({ axis: -1 }), mean({ axis: -1 })), x))
        return use('out', dense(2), use('both', concat(), flat, means))
      }),
    input: [4, 2, 3],
  },
  // ---- shapes ----
  {
    name: 'ids that are moved before they are looked up',
    network: () =>
      sequential(
        permute([1, 0, 2]),
        take({ axis: -1, from: -2 }),
        reshape([-1, 2]),
        flatten(),
        repeat(1),
        take({ axis: -1, to: 6 }),
        embedding(9, 3),
      ),
    input: [1, 4, 3],
    ids: 9,
  },
  {
    name: 'ids of which parts are copied',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const words = use('words', sequential(embedding(5, 2), flatten()), x)
        const some = use('some', take({ from: 1 }), x)
        return use('all', concat(), words, use('padded', padChannels({ before: 1, after: 2 }), some), some)
      }),
    input: [3],
    ids: 5,
  },
  {
    name: 'an embedding of images, and its head on them',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const words = embedding(6, 4)
        return use('words', words, use('tanh', tanh(), use('words', words, x)))
      }),
    input: [2, 3],
    ids: 6,
  },
  {
    name: 'mean of a vector, of the last axis and of one of 1',
    network: () => sequential(reshape([6, 1, 2]), mean({ axis: 1 }), mean({ axis: -1 }), repeat(3), mean(), mean()),
    input: [12],
  },
  {
    name: 'zeros at some sides, channels of vectors, pieces of images',
    network: () =>
      sequential(
        zeroPad2d([2, 1]),
        padChannels({ after: 2 }),
        maxout({ pieces: 3 }),
        zeroPad2d(0),
        flatten(),
        padChannels({ before: 3 }),
      ),
    input: [4, 2, 3],
  },
  // ---- sequences ----
  {
    name: 'lstm of one step, of one unit',
    network: () => sequential(lstm(1, { output: 'all', bidirectional: true }), attention({ heads: 2 }), lstm(1)),
    input: [1, 3],
  },
  {
    name: 'attention of one head whose width is no square, to itself and to fewer',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const own = use('own', attention(), x)
        return use('cross', attention({ heads: 3 }), own, use('two', take({ to: 2 }), own))
      }),
    input: [5, 6],
    far: 3,
  },
  // ---- one number before or behind a product, of which onnxruntime would keep 32 bits ----
  { name: 'avgPool1d of one window before dense', network: () => sequential(avgPool1d(3), dense(2)), input: [5, 3] },
  {
    name: 'avgPool2d of one window before upsample2d',
    network: () => sequential(avgPool2d(3), upsample2d({ scale: 2, mode: 'bilinear' })),
    input: [3, 3, 3],
  },
  {
    name: 'avgPool2d to a single number before upsample2d',
    network: () => sequential(avgPool2d(3), upsample2d({ scale: 2, mode: 'bilinear' })),
    input: [1, 3, 3],
  },
  {
    name: 'upsample2d before avgPool2d of one window',
    network: () => sequential(upsample2d({ scale: 3, mode: 'bilinear' }), avgPool2d(3)),
    input: [1, 1, 1],
  },
  {
    name: 'vanilla dropout before and behind dense',
    network: () =>
      sequential(
        dropout({ keep: 0.7, mode: 'vanilla' }),
        dense(2, { bias: false }),
        dropout({ keep: 0.6, mode: 'vanilla' }),
      ),
    input: [5, 4],
  },
  {
    name: 'vanilla dropout of a single number before and behind dense',
    network: () =>
      sequential(
        dropout({ keep: 0.7, mode: 'vanilla' }),
        dense(1, { bias: false }),
        dropout({ keep: 0.6, mode: 'vanilla' }),
      ),
    input: [1, 1],
  },
  {
    name: 'normalize of one channel before and behind dense',
    network: () =>
      sequential(
        normalize({ mean: 0.5, std: 0.3 }),
        dense(3, { bias: false }),
        normalize({ mean: 0, std: 0.3 }),
        dense(2),
      ),
    input: [1, 4],
  },
  {
    name: 'normalize of a single number before dense',
    network: () => sequential(normalize({ mean: 0.5, std: 0.3 }), dense(3, { bias: false })),
    input: [1, 1],
  },
  {
    name: 'activations behind dense without bias',
    network: () => sequential(dense(3, { bias: false }), hardSigmoid(), dense(4, { bias: false }), hardSwish()),
    input: [2, 3],
  },
  {
    name: 'batchNorm of one channel between dense',
    network: () => sequential(dense(3, { bias: false }), batchNorm({ axis: 0 }), dense(2)),
    input: [1, 4],
  },
]
