// The networks whose training steps are measured. Each is a function of the library, since programs measure the library
// as it is built, its sources, or an older commit of it.

import { initial, labels, product, values } from './peers/values.mjs'

/** @typedef {Record<string, any>} Library */

/**
 * `ids`: the input is whole numbers below that, such as words of a vocabulary. `each`: each step of the output has a label.
 *
 * @typedef {{
 *   layers: (v128: Library) => any
 *   input: number[]
 *   batch: number
 *   classes: number
 *   ids?: number
 *   each?: boolean
 * }} Network
 */

/** @type {Record<string, Network>} */
export const networks = {
  'MNIST CNN': {
    layers: ({ sequential, conv2d, batchNorm, relu, maxPool2d, flatten, dense }) => {
      const block = (/** @type {number} */ filters) => [
        conv2d(filters, { kernel: 3, pad: 1 }),
        batchNorm(),
        relu(),
        maxPool2d(2),
      ]
      return sequential(...block(16), ...block(32), flatten(), dense(10))
    },
    input: [1, 28, 28],
    batch: 64,
    classes: 10,
  },
  'CIFAR ResNet-20': {
    layers: ({ cifarResNet20 }) => cifarResNet20(),
    input: [3, 32, 32],
    batch: 32,
    classes: 10,
  },
  'MobileNetV2 at 96x96': {
    // What dropout drops is not the same for everyone.
    layers: ({ mobileNetV2 }) => mobileNetV2({ keep: 1 }),
    input: [3, 96, 96],
    batch: 8,
    classes: 1000,
  },
  'MLP 784-256-128-10': {
    layers: ({ sequential, dense, relu }) => sequential(dense(256), relu(), dense(128), relu(), dense(10)),
    input: [784],
    batch: 64,
    classes: 10,
  },
  'LSTM 50x32 to 128': {
    layers: ({ sequential, lstm, dense }) => sequential(lstm(128), dense(10)),
    input: [50, 32],
    batch: 64,
    classes: 10,
  },
  'GRU 50x32 to 128': {
    layers: ({ sequential, gru, dense }) => sequential(gru(128), dense(10)),
    input: [50, 32],
    batch: 64,
    classes: 10,
  },
  'transformer, 4 blocks, 64x128': {
    layers: ({ sequential, embedding, positions, residual, layerNorm, attention, dense, gelu }) => {
      const block = () => [
        residual(sequential(layerNorm(), attention({ heads: 4, causal: true }))),
        residual(sequential(layerNorm(), dense(512), gelu(), dense(128))),
      ]
      return sequential(
        embedding(96, 128),
        positions(),
        ...block(),
        ...block(),
        ...block(),
        ...block(),
        layerNorm(),
        dense(96),
      )
    },
    input: [64],
    ids: 96,
    batch: 16,
    classes: 96,
    each: true,
  },
  'three 1-D convolutions, dense, 3x128': {
    layers: ({ sequential, conv1d, relu, maxPool1d, flatten, dense }) => {
      const block = (/** @type {number} */ filters) => [conv1d(filters, { kernel: 5, pad: 2 }), relu(), maxPool1d(2)]
      return sequential(...block(32), ...block(64), ...block(128), flatten(), dense(10))
    },
    input: [3, 128],
    batch: 64,
    classes: 10,
  },
  'embedding 20,000x64, mean, dense': {
    layers: ({ sequential, embedding, mean, dense }) => sequential(embedding(20_000, 64), mean(), dense(2)),
    input: [40],
    ids: 20_000,
    batch: 64,
    classes: 2,
  },
  'four 3x3 convolutions, two dense, 3x32x32': {
    layers: ({ sequential, conv2d, relu, maxPool2d, flatten, dense }) => {
      const conv = (/** @type {number} */ filters) => [conv2d(filters, { kernel: 3, pad: 1 }), relu()]
      const block = (/** @type {number} */ filters) => [...conv(filters), ...conv(filters), maxPool2d(2)]
      return sequential(...block(32), ...block(64), flatten(), dense(512), relu(), dense(10))
    },
    input: [3, 32, 32],
    batch: 32,
    classes: 10,
  },
}

/** @param {string} network */
export const titleOf = (network) => `${network}, batch ${networks[network].batch}`

/**
 * A training step of each network, as a task for the children of bench:peers and bench:threads: plain data.
 *
 * @param {Library} v128
 */
export const trainingTasks = (v128) =>
  Object.entries(networks).map(([network, { layers, ...sizes }]) => ({
    id: `Training step: ${titleOf(network)}`,
    // Peers that cannot read a description have this network written by hand.
    kind: network === 'MNIST CNN' ? 'mnist' : network.startsWith('LSTM') ? 'lstm' : 'training',
    network,
    // A layer says of itself its kind and its config.
    description: JSON.parse(JSON.stringify(layers(v128))),
    ...sizes,
  }))

/**
 * A training step of a network, on a batch that lies there. Its first two losses are told, as proof that all peers train
 * the same network.
 *
 * @param {Library} v128
 * @param {string} network
 * @param {{ dtype: 'float64' | 'float32', backend?: 'wasm' | 'js', threads?: number }} options
 */
export async function trainingStep(v128, network, { dtype, backend = 'wasm', threads = 1 }) {
  const { layers, input, batch, classes, ids, each } = networks[network]
  const model = await v128.createModel(layers(v128), {
    input: ids ? { shape: input, dtype: 'int32' } : input,
    batch,
    dtype,
    backend,
    seed: 1,
    loss: v128.softmaxCrossEntropy(),
    optimizer: v128.adam({ learningRate: 1e-3 }),
    ...(threads > 1 && { threads }),
  })
  if (threads > 1 && model.threads !== threads) throw new Error(`got ${model.threads} threads, not ${threads}`)
  const Type = dtype === 'float64' ? Float64Array : Float32Array
  for (const [name, { shape, data }] of Object.entries(model.parameters)) data.set(initial(name, shape, Type))
  const count = batch * product(input)
  const x = ids ? Int32Array.from(labels(count, ids)) : values(count, Type)
  const y = Int32Array.from(labels(each ? count : batch, classes))
  const losses = [model.trainStep(x, y), model.trainStep(x, y)]
  // So low that the network stays what it is: no unit dies, whose moments would become denormal numbers, which are slow.
  model.learningRate = 1e-6
  return Object.assign(() => model.trainStep(x, y), { losses })
}
