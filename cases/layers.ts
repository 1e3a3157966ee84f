// The case tables of the layers. Each row of layerCases is a network that ends in scores or in values; it drives the
// gradient check, the comparison of the engines over whole training steps, and the names and shapes of parameters.
// Each row of goldenLayers says which layer PyTorch's numbers in test/fixtures are of.

import type { Layer } from '../src/plan/layer'
import {
  avgPool1d,
  add,
  avgPool2d,
  batchNorm,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  dense,
  dropout,
  elu,
  flatten,
  freeze,
  gelu,
  globalAvgPool2d,
  globalMaxPool2d,
  graph,
  groupNorm,
  hardSigmoid,
  hardSwish,
  layerNorm,
  leakyRelu,
  maxout,
  maxPool1d,
  maxPool2d,
  mean,
  multiply,
  normalize,
  padChannels,
  permute,
  prelu,
  relu,
  repeat,
  reshape,
  residual,
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
} from '../src/entries/index'

export interface LayerCase {
  readonly name: string
  readonly network: () => Layer
  readonly input: readonly number[]
  /** Names of the parameters, then those of the buffers. */
  readonly names: readonly string[]
  /** Which of the parameters are not trained. */
  readonly frozen?: RegExp
}

/** The CNN of the README, for images of any size. */
export function cnn(classes = 10): Layer {
  return sequential(
    conv2d(16, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    conv2d(32, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    flatten(),
    dense(classes),
  )
}

const head = () => [flatten(), dense(3)]

export const layerCases: readonly LayerCase[] = [
  { name: 'dense', network: () => dense(3), input: [5], names: ['weight', 'bias'] },
  { name: 'dense, no bias', network: () => dense(1, { bias: false }), input: [1], names: ['weight'] },
  {
    name: 'dense, relu, dense',
    network: () => sequential(dense(7), relu(), dense(3)),
    input: [5],
    names: ['0.weight', '0.bias', '2.weight', '2.bias'],
  },
  {
    name: 'conv2d',
    network: () => sequential(conv2d(4, { kernel: 3, pad: 1 }), ...head()),
    input: [2, 5, 6],
    names: ['0.weight', '0.bias', '2.weight', '2.bias'],
  },
  {
    name: 'conv2d, stride and groups, after another',
    network: () =>
      sequential({
        first: conv2d(4, { kernel: 1, bias: false }),
        second: conv2d(6, { kernel: [3, 5], stride: [2, 1], pad: [1, 2], groups: 2 }),
        flatten: flatten(),
        scores: dense(3),
      }),
    input: [3, 9, 8],
    names: ['first.weight', 'second.weight', 'second.bias', 'scores.weight', 'scores.bias'],
  },
  {
    name: 'conv2d, dilation, depthwise',
    network: () =>
      sequential(
        conv2d(4, { kernel: 2, dilation: 2 }),
        conv2d(4, { kernel: 3, stride: 3, pad: 2, dilation: 2, groups: 4 }),
        ...head(),
      ),
    input: [1, 9, 10],
    names: ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias'],
  },
  {
    name: 'batchNorm of features',
    network: () => sequential(dense(4), batchNorm({ runningVar: 'unbiased', momentum: 0.8 }), relu(), dense(3)),
    input: [3],
    names: ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias', '1.running_mean', '1.running_var'],
  },
  {
    name: 'batchNorm of images, first',
    network: () => sequential(batchNorm(), conv2d(2, { kernel: 2 }), ...head()),
    input: [3, 4, 5],
    names: ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias', '0.running_mean', '0.running_var'],
  },
  {
    name: 'normalize, maxPool2d, globalAvgPool2d',
    network: () =>
      sequential(
        normalize({ mean: [1, 0.5], std: [2, 0.1] }),
        conv2d(5, { kernel: 3, pad: 1 }),
        maxPool2d(3, { stride: 2, pad: 1 }),
        globalAvgPool2d(),
        dense(3),
      ),
    input: [2, 7, 9],
    names: ['1.weight', '1.bias', '4.weight', '4.bias', '0.mean', '0.std'],
  },
  {
    name: 'layerNorm of features',
    network: () => sequential(dense(21), layerNorm(), relu(), dense(3)),
    input: [3],
    names: ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias'],
  },
  {
    name: 'layerNorm and groupNorm of images, the first on the input',
    network: () =>
      sequential(layerNorm({ epsilon: 1e-3 }), conv2d(6, { kernel: 2 }), groupNorm(2), relu(), groupNorm(3), ...head()),
    input: [2, 4, 5],
    names: ['0', '1', '2', '4', '6'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
  },
  {
    name: 'groupNorm of features, frozen norms',
    network: () =>
      sequential({
        first: dense(6),
        groups: groupNorm(2),
        body: freeze(sequential(layerNorm(), groupNorm(1), batchNorm())),
        head: dense(3),
      }),
    input: [3],
    names: [
      'first.weight',
      'first.bias',
      'groups.weight',
      'groups.bias',
      'body.0.weight',
      'body.0.bias',
      'body.1.weight',
      'body.1.bias',
      'body.2.weight',
      'body.2.bias',
      'head.weight',
      'head.bias',
      'body.2.running_mean',
      'body.2.running_var',
    ],
    frozen: /^body\./,
  },
  {
    name: 'avgPool2d, and maxPool2d that rounds up',
    network: () =>
      sequential(
        conv2d(3, { kernel: 3, pad: 1 }),
        avgPool2d(3, { stride: 1, pad: 1, countPad: false }),
        maxPool2d(3, { stride: 2, ceil: true }),
        avgPool2d([2, 3], { stride: [2, 3], pad: [1, 0], ceil: true }),
        ...head(),
      ),
    input: [2, 8, 9],
    names: ['0.weight', '0.bias', '5.weight', '5.bias'],
  },
  {
    name: 'avgPool2d on the input',
    network: () => sequential(avgPool2d(2), ...head()),
    input: [2, 5, 6],
    names: ['2.weight', '2.bias'],
  },
  {
    name: 'relu and maxPool2d in one pass',
    network: () =>
      sequential(
        conv2d(4, { kernel: 3, pad: 1 }),
        relu(),
        maxPool2d(2),
        sequential(conv2d(3, { kernel: 2 }), relu()),
        maxPool2d(3, { stride: 1, pad: 1 }),
        ...head(),
      ),
    input: [2, 8, 10],
    names: ['0.weight', '0.bias', '3.0.weight', '3.0.bias', '6.weight', '6.bias'],
  },
  {
    name: 'relu alone before maxPool2d',
    network: () => sequential(relu(), maxPool2d(2), ...head()),
    input: [2, 4, 6],
    names: ['3.weight', '3.bias'],
  },
  {
    name: 'relu with a ceiling, where others are fused',
    network: () =>
      sequential(
        conv2d(4, { kernel: 2 }),
        batchNorm(),
        relu({ max: 0.6 }),
        maxPool2d(2),
        relu({ max: 0.3 }),
        maxPool2d(2, { stride: 1 }),
        ...head(),
      ),
    input: [2, 7, 7],
    names: ['0.weight', '0.bias', '1.weight', '1.bias', '7.weight', '7.bias', '1.running_mean', '1.running_var'],
  },
  {
    name: 'leakyRelu, maxout of features',
    network: () => sequential(dense(7), leakyRelu({ alpha: 0.2 }), dense(12), maxout({ pieces: 3 }), dense(3)),
    input: [5],
    names: ['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias'],
  },
  {
    name: 'maxout of channels, leakyRelu',
    network: () => sequential(conv2d(6, { kernel: 2 }), maxout({ pieces: 2 }), leakyRelu(), ...head()),
    input: [2, 4, 5],
    names: ['0.weight', '0.bias', '4.weight', '4.bias'],
  },
  {
    name: 'sigmoid, tanh, elu',
    network: () => sequential(tanh(), dense(6), sigmoid(), dense(5), elu({ alpha: 0.7 }), dense(3), tanh()),
    input: [4],
    names: ['1.weight', '1.bias', '3.weight', '3.bias', '5.weight', '5.bias'],
  },
  {
    name: 'gelu, silu, selu and softplus',
    network: () =>
      sequential(
        gelu(),
        dense(6),
        silu(),
        dense(5),
        selu(),
        dense(7),
        softplus(),
        gelu({ approximate: 'tanh' }),
        dense(3),
      ),
    input: [4],
    names: ['1', '3', '5', '8'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
  },
  {
    name: 'hardSigmoid and hardSwish of images',
    network: () => sequential(hardSwish(), conv2d(3, { kernel: 2 }), hardSigmoid(), ...head()),
    input: [2, 4, 5],
    names: ['1.weight', '1.bias', '4.weight', '4.bias'],
  },
  {
    name: 'prelu of images and of features, shared, frozen',
    network: () =>
      sequential({
        first: prelu({ alpha: 0.1 }),
        conv: conv2d(3, { kernel: 2 }),
        second: prelu(),
        flatten: flatten(),
        third: prelu({ shared: true }),
        dense: dense(7),
        fourth: prelu(),
        still: freeze(prelu()),
        scores: dense(3),
      }),
    input: [2, 4, 5],
    names: [
      'first.weight',
      'conv.weight',
      'conv.bias',
      'second.weight',
      'third.weight',
      'dense.weight',
      'dense.bias',
      'fourth.weight',
      'still.weight',
      'scores.weight',
      'scores.bias',
    ],
    frozen: /^still/,
  },
  {
    name: 'conv2d and pools with other zeros on each side',
    network: () =>
      sequential(
        conv2d(4, { kernel: 3, stride: 2, pad: 'same' }),
        avgPool2d(2, { stride: 1, pad: 'same' }),
        conv2d(3, { kernel: [2, 3], pad: { top: 0, left: 2, bottom: 1 } }),
        maxPool2d(3, { stride: 2, pad: 'same' }),
        avgPool2d(2, { stride: 1, pad: { right: 1 }, countPad: false }),
        maxPool2d(2, { stride: 1, pad: { top: 1, left: 1 } }),
        ...head(),
      ),
    input: [2, 8, 10],
    names: ['0', '2', '7'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
  },
  {
    name: 'zeroPad2d, maxPool2d with dilation, globalMaxPool2d',
    network: () =>
      sequential(
        zeroPad2d({ top: 1, right: 2 }),
        conv2d(5, { kernel: 2 }),
        zeroPad2d(1),
        maxPool2d(2, { stride: 1, dilation: [2, 3] }),
        globalMaxPool2d(),
        dense(3),
      ),
    input: [2, 5, 6],
    names: ['1.weight', '1.bias', '5.weight', '5.bias'],
  },
  {
    name: 'convTranspose2d, on the input, of groups, with more at the end than a window reaches',
    network: () =>
      sequential(
        convTranspose2d(4, { kernel: 3, stride: 2, pad: 1, outputPad: 1 }),
        relu(),
        convTranspose2d(6, { kernel: [2, 3], stride: [1, 2], outputPad: [1, 2], dilation: [2, 3], groups: 2 }),
        convTranspose2d(2, { kernel: 2, bias: false }),
        conv2d(2, { kernel: 5, stride: 3 }),
        ...head(),
      ),
    input: [2, 3, 4],
    names: ['0.weight', '0.bias', '2.weight', '2.bias', '3.weight', '4.weight', '4.bias', '6.weight', '6.bias'],
  },
  {
    name: 'upsample2d',
    network: () =>
      sequential(
        upsample2d(),
        conv2d(3, { kernel: 3, stride: 2 }),
        upsample2d({ scale: [2, 3], mode: 'bilinear' }),
        conv2d(2, { kernel: 3, stride: 2 }),
        upsample2d({ scale: 1 }),
        ...head(),
      ),
    input: [2, 4, 5],
    names: ['1.weight', '1.bias', '3.weight', '3.bias', '6.weight', '6.bias'],
  },
  {
    name: 'conv1d and pools of sequences',
    network: () =>
      sequential(
        conv1d(4, { kernel: 3, pad: 'causal', dilation: 2 }),
        maxPool1d(3, { stride: 2, pad: 1 }),
        conv1d(6, { kernel: 4, pad: 'same', groups: 2, bias: false }),
        avgPool1d(2, { stride: 1, pad: 'causal' }),
        maxPool1d(2, { stride: 1, pad: 'same' }),
        ...head(),
      ),
    input: [3, 11],
    names: ['0.weight', '0.bias', '2.weight', '6.weight', '6.bias'],
  },
  {
    name: 'reshape, permute, take, mean and repeat',
    network: () =>
      sequential(
        permute([2, 0, 1]),
        conv2d(4, { kernel: 1 }),
        permute([1, 2, 0]),
        take({ axis: -1, from: 1, to: -1 }),
        reshape([2, -1]),
        mean({ axis: 0 }),
        repeat(3),
        take({ to: 2 }),
        permute([1, 0]),
        mean({ axis: -1 }),
        dense(3),
      ),
    input: [3, 4, 2],
    names: ['1.weight', '1.bias', '10.weight', '10.bias'],
  },
  {
    name: 'permute of every order, take and mean on the input',
    network: () =>
      sequential(
        take({ axis: 1, from: 1 }),
        permute([2, 1, 0]),
        permute([1, 0, 2]),
        permute([0, 2, 1]),
        mean({ axis: 1 }),
        ...head(),
      ),
    input: [2, 4, 3],
    names: ['6.weight', '6.bias'],
  },
  {
    name: 'softmax of channels, softmax of features',
    network: () => sequential(softmax(), conv2d(4, { kernel: 2 }), softmax(), elu(), ...head(), softmax(), dense(3)),
    input: [3, 4, 5],
    names: ['1.weight', '1.bias', '5.weight', '5.bias', '7.weight', '7.bias'],
  },
  {
    name: 'dropout of features',
    network: () => sequential(dropout({ keep: 0.8 }), dense(7), dropout({ keep: 0.6 }), relu(), dense(3)),
    input: [5],
    names: ['1.weight', '1.bias', '4.weight', '4.bias'],
  },
  {
    name: 'dropout of images, vanilla',
    network: () =>
      sequential(conv2d(3, { kernel: 2 }), relu(), residual(dropout({ keep: 0.4, mode: 'vanilla' })), ...head()),
    input: [2, 4, 5],
    names: ['0.weight', '0.bias', '4.weight', '4.bias'],
  },
  {
    name: 'residual, identity',
    network: () =>
      sequential(
        dense(4),
        residual(sequential(dense(4), relu(), dense(4))),
        relu(),
        residual(batchNorm()),
        relu(),
        dense(3),
      ),
    input: [3],
    names: [
      '0.weight',
      '0.bias',
      '1.body.0.weight',
      '1.body.0.bias',
      '1.body.2.weight',
      '1.body.2.bias',
      '3.body.weight',
      '3.body.bias',
      '5.weight',
      '5.bias',
      '3.body.running_mean',
      '3.body.running_var',
    ],
  },
  {
    name: 'residual with shortcut, on the input',
    network: () =>
      sequential(
        residual(
          sequential(
            conv2d(4, { kernel: 3, stride: 2, pad: 1 }),
            batchNorm(),
            relu(),
            conv2d(4, { kernel: 3, pad: 1 }),
          ),
          conv2d(4, { kernel: 1, stride: 2 }),
        ),
        relu(),
        residual(residual(sequential(relu(), conv2d(4, { kernel: 1 })))),
        globalAvgPool2d(),
        dense(3),
      ),
    input: [2, 5, 6],
    names: [
      '0.body.0.weight',
      '0.body.0.bias',
      '0.body.1.weight',
      '0.body.1.bias',
      '0.body.3.weight',
      '0.body.3.bias',
      '0.shortcut.weight',
      '0.shortcut.bias',
      '2.body.body.1.weight',
      '2.body.body.1.bias',
      '4.weight',
      '4.bias',
      '0.body.1.running_mean',
      '0.body.1.running_var',
    ],
  },
  {
    name: 'concat of images',
    network: () =>
      sequential(
        conv2d(3, { kernel: 1 }),
        concat({
          a: conv2d(2, { kernel: 3, pad: 1 }),
          b: sequential(batchNorm(), relu(), conv2d(5, { kernel: 1 })),
          c: sequential(),
          d: sequential(maxPool2d(3, { stride: 1, pad: 1 }), concat(conv2d(1, { kernel: 1 }))),
        }),
        relu(),
        ...head(),
      ),
    input: [2, 4, 5],
    names: [
      '0.weight',
      '0.bias',
      '1.a.weight',
      '1.a.bias',
      '1.b.0.weight',
      '1.b.0.bias',
      '1.b.2.weight',
      '1.b.2.bias',
      '1.d.1.0.weight',
      '1.d.1.0.bias',
      '4.weight',
      '4.bias',
      '1.b.0.running_mean',
      '1.b.0.running_var',
    ],
  },
  {
    name: 'concat of vectors, on the input',
    network: () => sequential(concat(dense(4), sequential(), sequential()), residual(concat(sequential())), dense(3)),
    input: [3],
    names: ['0.0.weight', '0.0.bias', '2.weight', '2.bias'],
  },
  {
    name: 'graph: a gate, a sum of three, weights used twice',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const cell = sequential(dense(6), tanh())
        const once = use('cell', cell, use('first', dense(6), x))
        const again = use('cell', cell, once)
        const gate = use('gate', sequential(dense(6), sigmoid()), x)
        const gated = use('gated', multiply(), gate, again, once)
        return use('out', dense(3), use('all', concat(), use('sum', add(), gated, once, gate), x, again))
      }),
    input: [4],
    names: ['first', 'cell.0', 'gate.0', 'out'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
  },
  {
    name: 'graph of images, within a sequential, with a norm used twice',
    network: () =>
      sequential({
        stem: conv2d(4, { kernel: 1 }),
        block: graph(['input'], ({ input }, use) => {
          const a = use('', sequential({ norm: batchNorm(), relu: relu() }), input)
          const b = use('down', freeze(conv2d(4, { kernel: 3, pad: 1 })), a)
          const shared = residual(sequential(conv2d(4, { kernel: 1 }), batchNorm()))
          const product = use('product', multiply(), use('shared', shared, a), use('shared', shared, b))
          return use('both', concat(), product, use('pool', maxPool2d(3, { stride: 1, pad: 1 }), a))
        }),
        flatten: flatten(),
        head: dense(3),
      }),
    input: [2, 4, 5],
    names: [
      ...['stem', 'block.norm', 'block.down', 'block.shared.body.0', 'block.shared.body.1', 'head'].flatMap((at) => [
        `${at}.weight`,
        `${at}.bias`,
      ]),
      ...['block.norm', 'block.shared.body.1'].flatMap((at) => [`${at}.running_mean`, `${at}.running_var`]),
    ],
    frozen: /down/,
  },
  {
    name: 'residual with other names, padChannels',
    network: () =>
      sequential({
        block: sequential({
          '': residual(
            sequential({ relu: relu(), conv1: conv2d(7, { kernel: 3, stride: 2, pad: 1 }) }),
            sequential({
              pool: maxPool2d(1, { stride: 2 }),
              pad: padChannels({ before: 1, after: 4 }),
              bn: batchNorm(),
            }),
            { names: { body: '', shortcut: 'downsample' } },
          ),
          relu: relu(),
        }),
        flatten: flatten(),
        fc: dense(3),
      }),
    input: [2, 5, 6],
    names: [
      'block.conv1.weight',
      'block.conv1.bias',
      'block.downsample.bn.weight',
      'block.downsample.bn.bias',
      'fc.weight',
      'fc.bias',
      'block.downsample.bn.running_mean',
      'block.downsample.bn.running_var',
    ],
  },
  {
    name: 'freeze',
    network: () =>
      sequential({
        first: conv2d(3, { kernel: 3 }),
        body: freeze(
          sequential(
            batchNorm(),
            relu(),
            conv2d(4, { kernel: 2 }),
            residual(batchNorm()),
            flatten(),
            dense(6),
            layerNorm(),
          ),
        ),
        head: dense(3),
      }),
    input: [2, 5, 6],
    names: [
      'first.weight',
      'first.bias',
      'body.0.weight',
      'body.0.bias',
      'body.2.weight',
      'body.2.bias',
      'body.3.body.weight',
      'body.3.body.bias',
      'body.5.weight',
      'body.5.bias',
      'body.6.weight',
      'body.6.bias',
      'head.weight',
      'head.bias',
      'body.0.running_mean',
      'body.0.running_var',
      'body.3.body.running_mean',
      'body.3.body.running_var',
    ],
    frozen: /^body\./,
  },
  {
    name: 'cnn',
    network: () => cnn(3),
    input: [1, 8, 8],
    names: [
      '0.weight',
      '0.bias',
      '1.weight',
      '1.bias',
      '4.weight',
      '4.bias',
      '5.weight',
      '5.bias',
      '9.weight',
      '9.bias',
      '1.running_mean',
      '1.running_var',
      '5.running_mean',
      '5.running_var',
    ],
  },
]

/** What the fixtures say of an operation: JSON of many forms. */
export type GoldenConfig = any

export interface GoldenLayer {
  /** Names of files in test/fixtures, without `.json`; every case of the operation in them is compared. */
  readonly fixtures: readonly string[]
  readonly layer: (config: GoldenConfig) => Layer
}

const ACTIVATIONS = ['golden/activations', 'ours/activations']
const IMAGES = ['golden/images2']
const SEQUENCES = ['golden/conv1d']
const ACTIVATIONS_2 = ['golden/activations2']

/** By operation of the fixtures. */
export const goldenLayers: Readonly<Record<string, GoldenLayer>> = {
  avgPool2d: {
    fixtures: ['golden/pool', 'ours/pool', ...IMAGES],
    layer: ({ kernel, ...options }) => avgPool2d(kernel, options),
  },
  batchNorm: { fixtures: ['golden/norm'], layer: ({ eps, momentum }) => batchNorm({ epsilon: eps, momentum }) },
  avgPool1d: { fixtures: SEQUENCES, layer: ({ kernel, ...options }) => avgPool1d(kernel, options) },
  conv1d: { fixtures: SEQUENCES, layer: ({ filters, ...options }) => conv1d(filters, options) },
  maxPool1d: { fixtures: SEQUENCES, layer: ({ kernel, ...options }) => maxPool1d(kernel, options) },
  conv2d: { fixtures: ['golden/conv2d', ...IMAGES], layer: ({ filters, ...options }) => conv2d(filters, options) },
  convTranspose2d: { fixtures: IMAGES, layer: ({ filters, ...options }) => convTranspose2d(filters, options) },
  globalMaxPool2d: { fixtures: IMAGES, layer: () => globalMaxPool2d() },
  upsample2d: { fixtures: IMAGES, layer: upsample2d },
  zeroPad2d: { fixtures: IMAGES, layer: zeroPad2d },
  dense: { fixtures: ['golden/dense_loss'], layer: ({ units }) => dense(units) },
  maxPool2d: {
    fixtures: ['golden/pool', 'ours/pool', ...IMAGES],
    layer: ({ kernel, ...options }) => maxPool2d(kernel, options),
  },
  groupNorm: {
    fixtures: ['ours/norm'],
    layer: ({ groups, eps }) => groupNorm(groups, { epsilon: eps }),
  },
  layerNorm: { fixtures: ['golden/norm', 'ours/norm'], layer: ({ eps }) => layerNorm({ epsilon: eps }) },
  elu: { fixtures: ACTIVATIONS, layer: elu },
  leakyRelu: { fixtures: ACTIVATIONS, layer: leakyRelu },
  maxout: { fixtures: ACTIVATIONS, layer: maxout },
  gelu: { fixtures: ACTIVATIONS_2, layer: gelu },
  hardSigmoid: { fixtures: ACTIVATIONS_2, layer: () => hardSigmoid() },
  hardSwish: { fixtures: ACTIVATIONS_2, layer: () => hardSwish() },
  prelu: { fixtures: ACTIVATIONS_2, layer: prelu },
  selu: { fixtures: ACTIVATIONS_2, layer: () => selu() },
  silu: { fixtures: ACTIVATIONS_2, layer: () => silu() },
  softplus: { fixtures: ACTIVATIONS_2, layer: () => softplus() },
  relu: { fixtures: ACTIVATIONS, layer: relu },
  softmax: { fixtures: ['ours/activations'], layer: softmax },
  sigmoid: { fixtures: ACTIVATIONS, layer: sigmoid },
  tanh: { fixtures: ACTIVATIONS, layer: tanh },
}
