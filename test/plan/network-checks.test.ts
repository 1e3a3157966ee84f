// Networks that cannot learn: which of them createModel refuses, in which words, and which it must leave alone.
import { describe as group, expect, test } from 'vitest'
import * as architectures from '../../src/entries/architectures'
import {
  type Layer,
  type Loss,
  PlanError,
  avgPool2d,
  batchNorm,
  binaryCrossEntropy,
  concat,
  conv2d,
  createModel,
  dense,
  describe,
  dropout,
  elu,
  flatten,
  freeze,
  globalAvgPool2d,
  hardSigmoid,
  hinge,
  leakyRelu,
  maxPool2d,
  maxout,
  meanSquaredError,
  normalize,
  padChannels,
  relu,
  residual,
  sequential,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
  tanh,
} from '../../src/entries/index'
import { checkNetwork } from '../../src/model/network-checks'

const messageOf = (network: Layer, loss?: Loss, input: readonly number[] = [4]): string => {
  try {
    describe(network, { input, batch: 2, loss })
  } catch (error) {
    expect(error).toBeInstanceOf(PlanError)
    return (error as Error).message
  }
  return ''
}

const ce = softmaxCrossEntropy
const bce = binaryCrossEntropy

group('a network that ends in the wrong layer', () => {
  test.each<[name: string, network: () => Layer, loss: Loss, message: RegExp]>([
    [
      'softmax twice',
      () => sequential(dense(3), softmax()),
      ce(),
      /^describe: sequential\.1 softmax comes before softmaxCrossEntropy, which takes the softmax itself: .*; remove seq\S+1 softmax$/,
    ],
    [
      'sigmoid, classes',
      () => sequential(dense(3), sigmoid()),
      ce(),
      /\.1 sigmoid comes before softmaxCrossEntropy, .* 0 to 1/,
    ],
    [
      'sigmoid twice',
      () => sequential(dense(1), sigmoid()),
      bce(),
      /takes the sigmoid itself: .*remove sequential\.1 sigmoid/,
    ],
    [
      'softmax, binary',
      () => sequential(dense(2), softmax()),
      bce(),
      /for one class of several take softmaxCrossEntropy; .*; remove sequential\.1 softmax/,
    ],
    [
      'relu',
      () => sequential(dense(3), relu()),
      ce(),
      /none would be below 0, nor have a gradient there; remove sequential\.1 relu/,
    ],
    [
      'relu, binary',
      () => sequential(dense(3), relu()),
      bce(),
      /relu comes before binaryCrossEntropy, which wants scores of any size: none would be below 0/,
    ],
    [
      'hardSigmoid',
      () => sequential(dense(3), hardSigmoid()),
      ce(),
      /all would lie from 0 to 1.*remove sequential\.1 hardSigmoid/,
    ],
    ['relu with a ceiling', () => sequential(dense(3), relu({ max: 6 })), ce(), /remove sequential\.1 relu/],
    [
      'leakyRelu that does not leak',
      () => sequential(dense(3), leakyRelu({ alpha: 0 })),
      ce(),
      /remove sequential\.1 leaky/,
    ],
    ['elu of nothing', () => sequential(dense(3), elu({ alpha: 0 })), bce(), /remove sequential\.1 elu/],
    [
      'softmax, hinge',
      () => sequential(dense(3), softmax()),
      hinge(),
      /which wants scores of any size: all would lie from 0 to 1, and the loss could not come near 0; remove/,
    ],
    ['sigmoid, hinge', () => sequential(dense(3), sigmoid()), hinge({ margin: 2 }), /remove sequential\.1 sigmoid/],
    ['relu, hinge', () => sequential(dense(3), relu()), hinge(), /remove sequential\.1 relu/],
    ['alone', () => softmax(), ce(), /^describe: softmax comes before .*; remove softmax$/],
    ['behind flatten', () => sequential(relu(), flatten()), ce(), /remove sequential\.0 relu/],
    ['behind dropout', () => sequential(dense(3), softmax(), dropout()), ce(), /remove sequential\.1 softmax/],
    ['named', () => sequential({ head: dense(3), p: softmax() }), ce(), /remove sequential\.p softmax/],
    [
      'nested, frozen, before what is empty',
      () =>
        sequential({ a: sequential({ b: dense(3), c: freeze(sequential(softmax(), sequential())) }), d: flatten() }),
      ce(),
      /remove sequential\.a\.c\.0 softmax/,
    ],
    [
      'softmax, then scaled',
      () => sequential(dense(3), softmax(), normalize({ mean: 0.5, std: 0.5 })),
      ce(),
      /\.1 softmax comes before .*: all would lie from 0 to 1 before normalize, and the loss .*; remove sequential\.1 softmax$/,
    ],
    [
      'relu, then scaled',
      () => sequential(dense(3), relu(), normalize({ mean: 0, std: 0.1 })),
      ce(),
      /remove sequential\.1 relu$/,
    ],
    [
      'relu, then more channels',
      () => sequential(dense(3), relu(), padChannels({ after: 1 })),
      ce(),
      /none would be below 0, nor have a gradient there; remove sequential\.1 relu$/,
    ],
    [
      'softmax, then more channels',
      () => sequential(dense(3), softmax(), padChannels({ after: 1 })),
      ce(),
      /1 softmax$/,
    ],
    [
      'added to itself',
      () => sequential(dense(3), softmax(), residual(sequential(dense(3), softmax()))),
      ce(),
      /remove sequential\.2\.body\.1 softmax, sequential\.1 softmax$/,
    ],
    [
      'both sides of a sum',
      () => residual(sequential(dense(3), relu()), sequential(dense(3), relu())),
      ce(),
      /remove residual\.body\.1 relu, residual\.shortcut\.1 relu$/,
    ],
    [
      'in all branches',
      () => concat({ a: sequential(dense(2), relu()), b: sequential(dense(2), softmax()) }),
      ce(),
      /^describe: concat\.a\.1 relu comes.*; remove concat\.a\.1 relu, concat\.b\.1 softmax$/,
    ],
    [
      'before branches that change nothing',
      () => sequential(dense(2), softmax(), concat(sequential(), flatten())),
      ce(),
      /remove sequential\.1 softmax/,
    ],
  ])('%s', (_, network, loss, message) => {
    expect(messageOf(network(), loss)).toMatch(message)
  })

  test('createModel refuses it under its own name', async () => {
    const made = createModel(sequential(dense(3), softmax()), { input: [4], loss: ce() })
    await expect(made).rejects.toThrow(/^createModel: sequential\.1 softmax comes before softmaxCrossEntropy/)
  })

  test.each<[name: string, network: () => Layer, loss?: Loss]>([
    ['scores', () => sequential(dense(3)), ce()],
    ['no loss', () => sequential(dense(3), softmax())],
    ['probabilities as values', () => sequential(dense(3), softmax()), meanSquaredError()],
    ['a sigmoid as values', () => sequential(dense(3), sigmoid()), meanSquaredError()],
    ['a relu as values', () => sequential(dense(3), relu()), meanSquaredError()],
    ['a softmax within', () => sequential(dense(3), softmax(), dense(3)), ce()],
    ['a relu before batch norm', () => sequential(dense(3), relu(), batchNorm()), ce()],
    ['leakyRelu', () => sequential(dense(3), leakyRelu()), ce()],
    ['elu', () => sequential(dense(3), elu()), ce()],
    ['maxout', () => sequential(dense(6), maxout({ pieces: 2 })), ce()],
    ['tanh, whose scores have a sign', () => sequential(dense(3), tanh()), ce()],
    ['a margin that fits between 0 and 1', () => sequential(dense(3), sigmoid()), hinge({ margin: 0.5 })],
    ['one branch of two', () => concat(sequential(dense(2), relu()), dense(2)), ce()],
    ['a branch that is the input', () => concat(sequential(dense(2), relu()), sequential()), ce()],
    ['a softmax beside what it is added to', () => sequential(dense(3), residual(softmax())), ce()],
    ['a softmax that is scaled up', () => sequential(dense(3), softmax(), normalize({ mean: 0, std: 0.01 })), ce()],
    ['a relu that is shifted below 0', () => sequential(dense(3), relu(), normalize({ mean: 1, std: 1 })), ce()],
    ['scores with more channels', () => sequential(dense(3), padChannels({ after: 1 })), ce()],
    ['a relu inside a sum', () => sequential(dense(3), residual(relu())), ce()],
    [
      'a layer of the user that is called softmax, with no loss of ours',
      () => sequential(dense(3), softmax()),
      { ...ce(), kind: 'mine' },
    ],
  ])('leaves alone: %s', (_, network, loss) => {
    expect(messageOf(network(), loss)).toBe('')
  })

  test('leaves alone a relu before a mean, as SqueezeNet has it', () => {
    const network = sequential(conv2d(3, { kernel: 1 }), relu(), globalAvgPool2d())
    expect(messageOf(network, ce(), [2, 4, 4])).toBe('')
  })

  test.each<[string, Layer, RegExp]>([
    [
      'maxPool2d',
      sequential(conv2d(3, { kernel: 1 }), softmax(), maxPool2d(4), flatten()),
      /remove sequential\.1 softmax$/,
    ],
    ['a mean', sequential(conv2d(3, { kernel: 1 }), sigmoid(), globalAvgPool2d()), /remove sequential\.1 sigmoid$/],
    [
      'avgPool2d',
      sequential(conv2d(3, { kernel: 1 }), softmax(), avgPool2d(4), flatten()),
      /remove sequential\.1 soft/,
    ],
    [
      'maxPool2d, of a relu',
      sequential(conv2d(3, { kernel: 1 }), relu(), maxPool2d(4), flatten()),
      /remove sequential\.1 relu$/,
    ],
  ])('and of images, before %s', (_, network, message) => {
    expect(messageOf(network, ce(), [2, 4, 4])).toMatch(message)
  })

  const { scaling: _, timmNames: __, ...networks } = architectures
  test.each(Object.entries(networks))('leaves alone %s, whose layers are all different objects', (_, make) => {
    const input = make === architectures.lenet5 ? [1, 28, 28] : [3, 64, 64]
    expect(messageOf((make as () => Layer)(), ce(), input)).toBe('')
  })
})

group('one layer object in two places', () => {
  const shared = { relu: relu(), flatten: flatten(), dense: dense(4), block: sequential(dense(4), relu()) }

  test.each<[name: string, network: () => Layer, message: RegExp]>([
    [
      'with weights',
      () => sequential(shared.dense, relu(), shared.dense),
      /^describe: one dense layer is in two places, sequential\.0 and sequential\.2, .* make another with the same options/,
    ],
    [
      'without weights',
      () => sequential(dense(4), shared.relu, dense(4), shared.relu),
      /one relu .* sequential\.1 and sequential\.3, which cannot/,
    ],
    ['flatten', () => sequential(shared.flatten, shared.flatten), /one flatten /],
    [
      'named',
      () => sequential({ a: sequential({ b: shared.dense }), c: shared.dense }),
      /sequential\.a\.b and sequential\.c, which cannot/,
    ],
    [
      'a block',
      () => sequential(shared.block, shared.block),
      /one sequential layer .* sequential\.0 and sequential\.1, which cannot/,
    ],
    [
      'in a block',
      () => sequential(shared.block, sequential(shared.block)),
      /sequential\.0 and sequential\.1\.0, which cannot/,
    ],
    [
      'the branches of a sum',
      () => residual(shared.dense, shared.dense),
      /residual\.body and residual\.shortcut, which cannot/,
    ],
    ['beside each other', () => concat(shared.dense, shared.dense), /concat\.0 and concat\.1, which cannot/],
    [
      'frozen in one place',
      () => sequential(freeze(shared.dense), shared.dense),
      /sequential\.0 and sequential\.1, which cannot/,
    ],
  ])('%s', (_, network, message) => {
    expect(messageOf(network())).toMatch(message)
  })

  test('two models may be made of one layer', async () => {
    const network = sequential(dense(3), relu())
    const [a, b] = [
      await createModel(network, { input: [4], seed: 1 }),
      await createModel(network, { input: [4], seed: 2 }),
    ]
    expect(a.parameters['0.weight'].data).not.toEqual(b.parameters['0.weight'].data)
  })

  test('two layers of the same options are two', () => {
    expect(messageOf(sequential(dense(4), relu(), dense(4), relu()))).toBe('')
  })
})

test('a network may be long, and nested more deeply than functions can call each other', () => {
  let deep: Layer = softmax()
  for (let i = 0; i < 30_000; i++) deep = sequential({ '': deep })
  expect(() => checkNetwork('here', deep, [ce()])).toThrow(/^here: sequential softmax comes before/)
  const long = sequential(...Array.from({ length: 30_000 }, () => relu()))
  expect(() => checkNetwork('here', long, [ce()])).toThrow(/remove sequential\.29999 relu/)
})

test('a layer made of layers says what they are', () => {
  const [a, b] = [dense(3), maxPool2d(2)]
  expect(sequential({ a, b }).children).toEqual([
    ['a', a],
    ['b', b],
  ])
  expect(concat(a, b).children?.slice(0, -1)).toEqual([
    ['0', a],
    ['1', b],
  ])
  expect(residual(a).children?.slice(0, -1)).toEqual([['body', a]])
  expect(residual(a, b, { names: { body: '' } }).children?.slice(0, -1)).toEqual([
    ['', a],
    ['shortcut', b],
  ])
  expect(freeze(a).children).toEqual([['', a]])
  expect(dense(3).children).toBeUndefined()
})
