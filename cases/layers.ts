// The case tables of the layers. Each row of layerCases is a network that ends in scores or in values; it drives the
// gradient check, the comparison of the engines over whole training steps, and the names and shapes of parameters.
// Each row of goldenLayers says which layer PyTorch's numbers in test/fixtures are of.

import type { InputShape } from '../src/model/options'
import type { Layer } from '../src/plan/layer'
import {
  attention,
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
  embedding,
  flatten,
  freeze,
  gelu,
  globalAvgPool2d,
  globalMaxPool2d,
  graph,
  groupNorm,
  gru,
  hardSigmoid,
  hardSwish,
  layerNorm,
  leakyRelu,
  lstm,
  maxout,
  maxPool1d,
  maxPool2d,
  mean,
  multiply,
  normal,
  normalize,
  orthogonal,
  padChannels,
  permute,
  positions,
  prelu,
  relu,
  repeat,
  reshape,
  residual,
  rnn,
  selu,
  sequential,
  sigmoid,
  silu,
  softmax,
  softplus,
  take,
  tanh,
  upsample2d,
  xavier,
  zeroPad2d,
} from '../src/entries/index'

export interface LayerCase {
  readonly name: string
  readonly network: () => Layer
  readonly input: readonly number[]
  /** Of how many the ids are, where the input is of whole numbers. */
  readonly ids?: number
  /** Names of the parameters, then those of the buffers. */
  readonly names: readonly string[]
  /** Which of the parameters are not trained. */
  readonly frozen?: RegExp
}

/** The option of createModel. */
export function inputOf({ input, ids }: Pick<LayerCase, 'input' | 'ids'>): InputShape {
  return ids ? { shape: input, dtype: 'int32' } : input
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

/** The parameters of a recurrent layer, of one direction. */
function recurrentNames(at: string, direction = ''): string[] {
  return ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map((name) => `${at}.${name}_l0${direction}`)
}

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
    name: 'norms and prelu of sequences, channels first',
    network: () =>
      sequential(
        normalize({ mean: [0.5, -1], std: [2, 3], axis: 0 }),
        conv1d(4, { kernel: 3 }),
        batchNorm({ axis: 0 }),
        groupNorm(2, { axis: 0 }),
        prelu({ axis: 0 }),
        ...head(),
      ),
    input: [2, 7],
    names: ['1', '2', '3']
      .flatMap((at) => [`${at}.weight`, `${at}.bias`])
      .concat('4.weight', '6.weight', '6.bias', '0.mean', '0.std', '2.running_mean', '2.running_var'),
  },
  {
    name: 'norms, prelu and concat of sequences, features last',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const a = use('a', sequential(dense(3), batchNorm({ axis: 1 })), x)
        const b = use('b', sequential(normalize({ mean: [1, 2], std: 2, axis: -1 }), prelu({ axis: 1 })), x)
        const wide = use('wide', sequential(dense(5), tanh()), use('features', concat({ axis: 1 }), a, b))
        const long = use('long', concat({ axis: 0 }), wide, wide)
        return use('head', sequential(...head()), long)
      }),
    input: [4, 2],
    names: [
      'a.0.weight',
      'a.0.bias',
      'a.1.weight',
      'a.1.bias',
      'b.1.weight',
      'wide.0.weight',
      'wide.0.bias',
      'head.1.weight',
      'head.1.bias',
      'a.1.running_mean',
      'a.1.running_var',
      'b.0.mean',
      'b.0.std',
    ],
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
    name: 'convTranspose2d, with more at the end than the stride, of which the pad cut off a part',
    network: () =>
      sequential(
        convTranspose2d(3, { kernel: 2, pad: 1, dilation: 2, outputPad: 1 }),
        convTranspose2d(2, { kernel: [2, 3], stride: [1, 2], pad: [1, 2], outputPad: [2, 3], dilation: [3, 4] }),
        ...head(),
      ),
    input: [2, 3, 4],
    names: ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias'],
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
    name: "conv1d by Winograd's tiles",
    network: () =>
      sequential(
        conv1d(24, { kernel: 5, pad: 2 }),
        conv1d(8, { kernel: 3, pad: 'causal', bias: false }),
        reshape([8, 1, 10]),
        conv2d(9, { kernel: [1, 5], pad: [0, 1] }),
        ...head(),
      ),
    input: [3, 10],
    names: ['0.weight', '0.bias', '1.weight', '3.weight', '3.bias', '5.weight', '5.bias'],
  },
  {
    name: 'rnn, the first on the input',
    network: () => sequential(rnn(5, { output: 'all' }), rnn(4, { activation: 'relu' }), dense(3)),
    input: [4, 2],
    names: [...['0', '1'].flatMap((at) => recurrentNames(at)), '2.weight', '2.bias'],
  },
  {
    name: 'lstm in both directions, every step and the last',
    network: () =>
      sequential({
        first: lstm(3, { output: 'all', bidirectional: true }),
        second: lstm(5, { bidirectional: true, init: orthogonal() }),
        head: dense(3),
      }),
    input: [5, 3],
    names: [
      ...['first', 'second'].flatMap((at) => [...recurrentNames(at), ...recurrentNames(at, '_reverse')]),
      'head.weight',
      'head.bias',
    ],
  },
  {
    name: 'gru in one direction and in both, on one step, frozen',
    network: () =>
      sequential({
        first: gru(4, { output: 'all' }),
        second: freeze(gru(3, { output: 'all', bidirectional: true })),
        third: gru(2, { bidirectional: true }),
        reshape: reshape([1, 4]),
        last: gru(3, { init: xavier() }),
        head: dense(3),
      }),
    input: [3, 2],
    names: [
      ...recurrentNames('first'),
      ...['second', 'third'].flatMap((at) => [...recurrentNames(at), ...recurrentNames(at, '_reverse')]),
      ...recurrentNames('last'),
      'head.weight',
      'head.bias',
    ],
    frozen: /^second/,
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
  {
    name: 'dense, softmax, layerNorm and activations of a sequence',
    network: () => sequential(dense(6), layerNorm(), gelu(), dropout({ keep: 0.8 }), dense(4), softmax(), ...head()),
    input: [5, 3],
    names: ['0', '1', '4', '7'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
  },
  {
    name: 'layerNorm of the last axes',
    network: () => sequential(layerNorm({ axes: 2 }), conv2d(2, { kernel: 2 }), layerNorm({ axes: 1 }), ...head()),
    input: [2, 3, 5],
    names: ['0', '1', '2', '4'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
  },
  {
    name: 'embedding, mean',
    network: () => sequential(embedding(7, 5), mean(), dense(3)),
    input: [4],
    ids: 7,
    names: ['0.weight', '2.weight', '2.bias'],
  },
  {
    name: 'embedding with padding, positions that are learnt, take',
    network: () => sequential(take({ from: 1 }), embedding(6, 4, { padding: 2 }), positions(), tanh(), ...head()),
    input: [5],
    ids: 6,
    names: ['1.weight', '2.weight', '5.weight', '5.bias'],
  },
  {
    name: 'positions of sines, attention',
    network: () => sequential(positions({ kind: 'sines' }), attention({ heads: 2 }), ...head()),
    input: [5, 4],
    names: ['1.in_proj_weight', '1.in_proj_bias', '1.out_proj.weight', '1.out_proj.bias', '3.weight', '3.bias'],
  },
  {
    name: 'attention that is causal and drops, of more queries than a block',
    network: () => sequential(dense(3), attention({ heads: 3, causal: true, keep: 0.7 }), mean(), dense(2)),
    input: [35, 2],
    names: [
      '0.weight',
      '0.bias',
      '1.in_proj_weight',
      '1.in_proj_bias',
      '1.out_proj.weight',
      '1.out_proj.bias',
      '3.weight',
      '3.bias',
    ],
  },
  {
    name: 'attention of one sequence to another',
    network: () =>
      graph(['x'], ({ x }, use) => {
        const few = use('few', take({ to: 2 }), x)
        return use(
          'head',
          sequential(...head()),
          use('cross', attention({ heads: 2 }), few, use('memory', dense(4), x)),
        )
      }),
    input: [5, 4],
    names: [
      'memory.weight',
      'memory.bias',
      'cross.in_proj_weight',
      'cross.in_proj_bias',
      'cross.out_proj.weight',
      'cross.out_proj.bias',
      'head.1.weight',
      'head.1.bias',
    ],
  },
  {
    name: 'embedding that is the head as well',
    network: () =>
      graph(['ids'], ({ ids }, use) => {
        const words = embedding(5, 4, { init: normal(0.5) })
        const block = sequential(residual(sequential(layerNorm(), attention({ causal: true }))), mean(), tanh())
        return use('words', words, use('block', block, use('words', words, ids)))
      }),
    input: [4],
    ids: 5,
    names: [
      'words.weight',
      'block.0.body.0.weight',
      'block.0.body.0.bias',
      'block.0.body.1.in_proj_weight',
      'block.0.body.1.in_proj_bias',
      'block.0.body.1.out_proj.weight',
      'block.0.body.1.out_proj.bias',
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
const CONV_1D = ['golden/conv1d']
const SEQUENCES = 'golden/sequences'
const ACTIVATIONS_2 = ['golden/activations2']

/** By operation of the fixtures. */
export const goldenLayers: Readonly<Record<string, GoldenLayer>> = {
  avgPool2d: {
    fixtures: ['golden/pool', 'ours/pool', ...IMAGES],
    layer: ({ kernel, ...options }) => avgPool2d(kernel, options),
  },
  batchNorm: { fixtures: ['golden/norm'], layer: ({ eps, momentum }) => batchNorm({ epsilon: eps, momentum }) },
  avgPool1d: { fixtures: CONV_1D, layer: ({ kernel, ...options }) => avgPool1d(kernel, options) },
  conv1d: { fixtures: CONV_1D, layer: ({ filters, ...options }) => conv1d(filters, options) },
  maxPool1d: { fixtures: CONV_1D, layer: ({ kernel, ...options }) => maxPool1d(kernel, options) },
  conv2d: { fixtures: ['golden/conv2d', ...IMAGES], layer: ({ filters, ...options }) => conv2d(filters, options) },
  convTranspose2d: { fixtures: IMAGES, layer: ({ filters, ...options }) => convTranspose2d(filters, options) },
  globalMaxPool2d: { fixtures: IMAGES, layer: () => globalMaxPool2d() },
  upsample2d: { fixtures: IMAGES, layer: upsample2d },
  zeroPad2d: { fixtures: IMAGES, layer: zeroPad2d },
  attention: { fixtures: [SEQUENCES], layer: attention },
  embedding: {
    fixtures: [SEQUENCES],
    layer: ({ vocabulary, size, ...options }) => embedding(vocabulary, size, options),
  },
  positions: { fixtures: [SEQUENCES], layer: positions },
  dense: { fixtures: ['golden/dense_loss', SEQUENCES], layer: ({ units }) => dense(units) },
  maxPool2d: {
    fixtures: ['golden/pool', 'ours/pool', ...IMAGES],
    layer: ({ kernel, ...options }) => maxPool2d(kernel, options),
  },
  groupNorm: {
    fixtures: ['ours/norm'],
    layer: ({ groups, eps }) => groupNorm(groups, { epsilon: eps }),
  },
  layerNorm: {
    fixtures: ['golden/norm', 'ours/norm', SEQUENCES],
    layer: ({ eps, epsilon = eps, axes }) => layerNorm({ epsilon, axes }),
  },
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
  gru: { fixtures: [SEQUENCES], layer: ({ units, ...options }) => gru(units, options) },
  lstm: { fixtures: [SEQUENCES], layer: ({ units, ...options }) => lstm(units, options) },
  rnn: { fixtures: [SEQUENCES], layer: ({ units, ...options }) => rnn(units, options) },
  softmax: { fixtures: ['ours/activations', SEQUENCES], layer: () => softmax() },
  sigmoid: { fixtures: ACTIVATIONS, layer: sigmoid },
  tanh: { fixtures: ACTIVATIONS, layer: tanh },
}
