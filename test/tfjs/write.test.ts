// What toTfjs writes is loaded by TensorFlow.js, and predicts the same: each row of the layer table.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LayerCase, inputOf, layerCases } from '../../cases/layers'
import {
  type Layer,
  PlanError,
  adam,
  avgPool1d,
  avgPool2d,
  batchNorm,
  binaryCrossEntropy,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  createModel,
  dense,
  dropout,
  elu,
  flatten,
  freeze,
  gelu,
  globalMaxPool2d,
  graph,
  layerNorm,
  lstm,
  maxPool1d,
  maxPool2d,
  meanSquaredError,
  normalize,
  prelu,
  relu,
  reshape,
  residual,
  selu,
  sequential,
  silu,
  softmaxCrossEntropy,
  softplus,
  take,
  upsample2d,
  zeroPad2d,
} from '../../src/entries/index'
import { fromTfjs, toTfjs, type TfjsModel } from '../../src/entries/tfjs'
import { DECISIONS } from '../../src/tfjs/write/write'
import { channelsFirst, difference, layers, numbers, tf } from './tensorflow'

/** Rows that TensorFlow.js cannot have, and of which layer that is said. */
const REFUSED: Record<string, RegExp> = {
  'conv2d, stride and groups, after another': /'second' \(conv2d\) has 2 groups of 4 channels/,
  'conv2d, dilation, depthwise': /'1' \(conv2d\) has a stride and a dilation/,
  'layerNorm and groupNorm of images, the first on the input': /'2' \(groupNorm\)/,
  'groupNorm of features, frozen norms': /'groups' \(groupNorm\)/,
  'avgPool2d, and maxPool2d that rounds up': /'2' \(maxPool2d\) has a border/,
  'sigmoid, tanh, elu': /'4' \(elu\) has an alpha of 0.7/,
  'gelu, silu, selu and softplus': /'7' \(gelu\) is of 'tanh'/,
  'conv2d and pools with other zeros on each side': /'4' \(avgPool2d\) has a border/,
  'zeroPad2d, maxPool2d with dilation, globalMaxPool2d': /'3' \(maxPool2d\) has a dilation/,
  'convTranspose2d, with more at the end than the stride, of which the pad cut off a part':
    /'0' \(convTranspose2d\) has a dilation/,
  'convTranspose2d, on the input, of groups, with more at the end than a window reaches':
    /'2' \(convTranspose2d\) has 2 groups/,
  upsample2d: /'2' \(upsample2d\) is bilinear/,
  'conv1d and pools of sequences': /'2' \(conv1d\) has 2 groups/,
  'gru in one direction and in both, on one step, frozen': /'first' \(gru\)/,
  'dropout of images, vanilla': /'2.body' \(dropout\) is of mode 'vanilla'/,
  'positions of sines, attention': /'0' \(positions\) adds sines/,
  'attention that is causal and drops, of more queries than a block': /'1' \(attention\)/,
  'attention of one sequence to another': /'cross' \(attention\)/,
  'embedding that is the head as well': /\(attention\)/,
  'norms and prelu of sequences, channels first': /'3' \(groupNorm\)/,
}

const head = () => [flatten(), dense(3)]
/** What stands in rows that are refused, without what is refused. */
const MORE: readonly LayerCase[] = [
  {
    name: 'depthwise, of several filters each, with a stride',
    network: () =>
      sequential(
        conv2d(4, { kernel: 3, stride: 2, pad: 1, groups: 2 }),
        conv2d(4, { kernel: 2, groups: 4, bias: false }),
        ...head(),
      ),
    input: [2, 9, 10],
    names: [],
  },
  {
    name: 'borders of every kind',
    network: () =>
      sequential(
        conv2d(4, { kernel: 3, stride: 2, pad: 'same' }),
        avgPool2d(2, { stride: 1, pad: 'same', countPad: false }),
        conv2d(3, { kernel: [2, 3], pad: { top: 0, left: 2, bottom: 1 } }),
        maxPool2d(3, { stride: 2, pad: 'same' }),
        avgPool2d(3, { stride: 1, pad: 1 }),
        relu(),
        maxPool2d(3, { stride: 2, pad: 1 }),
        zeroPad2d({ top: 1, right: 2 }),
        upsample2d({ scale: [2, 3] }),
        globalMaxPool2d(),
        dense(3),
      ),
    input: [2, 12, 15],
    names: [],
  },
  {
    name: 'pools that round up, and that do not reach the border',
    network: () =>
      sequential(relu(), maxPool2d(3, { stride: 2, ceil: true }), maxPool2d(2, { stride: 2, pad: 1 }), ...head()),
    input: [2, 8, 9],
    names: [],
  },
  {
    name: 'transposed convolutions',
    network: () =>
      sequential(
        convTranspose2d(4, { kernel: 3, stride: 2, pad: 1, outputPad: 1 }),
        relu(),
        convTranspose2d(3, { kernel: [2, 1], stride: [1, 2], outputPad: [0, 1] }),
        convTranspose2d(2, { kernel: 2, bias: false }),
      ),
    input: [2, 3, 4],
    names: [],
  },
  {
    name: 'convolutions and pools of sequences',
    network: () =>
      sequential(
        conv1d(4, { kernel: 3, pad: 'causal', dilation: 2 }),
        maxPool1d(3, { stride: 2 }),
        conv1d(6, { kernel: 4, pad: 'same' }),
        avgPool1d(2, { stride: 1, pad: 'causal' }),
        conv1d(6, { kernel: 2, groups: 6 }),
        relu(),
        maxPool1d(2, { stride: 1, pad: 'same' }),
      ),
    input: [3, 13],
    names: [],
  },
  {
    name: 'gelu, silu, selu, softplus, elu',
    network: () => sequential(gelu(), dense(6), silu(), dense(5), selu(), dense(7), softplus(), elu(), dense(3)),
    input: [4],
    names: [],
  },
  {
    name: 'dropout of images',
    network: () => sequential(conv2d(3, { kernel: 2 }), residual(dropout({ keep: 0.4 })), ...head()),
    input: [2, 4, 5],
    names: [],
  },
  {
    name: 'a norm and a prelu behind flatten, and what is no dense layer',
    network: () =>
      sequential(
        conv2d(3, { kernel: 2 }),
        flatten(),
        batchNorm(),
        prelu(),
        layerNorm(),
        residual(take({ from: 0 })),
        reshape([9, 4]),
        lstm(3),
      ),
    input: [2, 4, 5],
    names: [],
  },
  {
    name: 'norms and prelu of sequences, and a norm of the middle axis',
    network: () =>
      sequential(
        normalize({ mean: [0.5, -1], std: [2, 3], axis: 0 }),
        conv1d(4, { kernel: 3 }),
        batchNorm({ axis: 0 }),
        prelu({ axis: 0 }),
        reshape([2, 5, 2]),
        batchNorm({ axis: 1 }),
        ...head(),
      ),
    input: [2, 7],
    names: [],
  },
  { name: 'no layer at all', network: () => sequential(), input: [4], names: [] },
]

async function load({ modelJson, weights }: TfjsModel): Promise<layers.LayersModel> {
  const { modelTopology, weightsManifest } = JSON.parse(JSON.stringify(modelJson)) as any
  const artifacts = { modelTopology, weightSpecs: weightsManifest[0].weights, weightData: weights.buffer }
  return layers.loadLayersModel(tf.io.fromMemory(artifacts))
}

/** (N, C, H, W) as TensorFlow.js has it: the inverse of channelsFirst. */
function channelsLast(data: Float32Array, [n, h, w, c]: readonly number[]): Float32Array {
  const places = channelsFirst(
    Float32Array.from({ length: data.length }, (_, i) => i),
    [n, h, w, c],
  )
  const to = new Float32Array(data.length)
  places.forEach((place, i) => (to[place] = data[i]))
  return to
}

async function modelOf({ network, ...row }: LayerCase, dtype: 'float32' | 'float64') {
  const model = await createModel(network(), { input: inputOf(row), batch: 3, dtype, seed: 5, algorithm: 'direct' })
  Object.values(model.parameters).forEach(({ data }, i) => {
    numbers(data.length, i + 2).forEach((one, k) => (data[k] = 0.6 * one))
  })
  Object.entries(model.buffers ?? {}).forEach(([name, { data }], i) => {
    if (/running/.test(name))
      numbers(data.length, i + 50).forEach((one, k) => (data[k] = 0.3 * one + Number(/var/.test(name))))
  })
  return model
}

/** The largest difference between a model and what TensorFlow.js loads of it. */
async function apart(
  model: Awaited<ReturnType<typeof modelOf>>,
  { input, ids }: Pick<LayerCase, 'input' | 'ids'>,
  written: TfjsModel,
) {
  const theirs = await load(written)
  const size = 3 * input.reduce((a, b) => a * b)
  const x = ids ? Int32Array.from({ length: size }, (_, i) => (5 * i + 2) % ids) : numbers(size, 4)
  const [{ shape }] = theirs.inputs
  const full = [3, ...(shape.slice(1) as number[])]
  // Two axes that are turned are an image of width 1.
  const turned =
    input.length === 2 && shape[1] !== input[0]
      ? channelsLast(x as Float32Array, [3, input[1], 1, input[0]])
      : undefined
  const given = turned ?? (full.length === 4 ? channelsLast(Float32Array.from(x), full) : Float32Array.from(x))
  const y = theirs.predict(tf.tensor(given, full)) as tf.Tensor
  return difference((model.predict(x as never) as { data: Float32Array }).data, channelsFirst(y.dataSync(), y.shape))
}

describe('rows of the layer table', () => {
  for (const row of [...layerCases, ...MORE]) {
    const refusal = REFUSED[row.name]
    test(`${row.name}${refusal ? ', refused' : ''}`, async () => {
      for (const dtype of ['float32', 'float64'] as const) {
        const model = await modelOf(row, dtype)
        if (refusal) expect(() => toTfjs(model)).toThrow(refusal)
        else expect(await apart(model, row, toTfjs(model))).toBeLessThan(1e-5)
        model.close()
      }
    })
  }
})

/** The kinds of all layers within a network. */
function kindsOf({ kind, children = [] }: Layer): string[] {
  return [kind, ...children.flatMap(([, layer]) => kindsOf(layer))]
}

test('each kind of layer is decided about', () => {
  const kinds = new Set(layerCases.flatMap(({ network }) => kindsOf(network())))
  for (const kind of kinds) expect(DECISIONS, kind).toHaveProperty(kind)
  // And nothing but layers.
  for (const kind of Object.keys(DECISIONS)) expect(kinds, kind).toContain(kind)
})

describe('the model that is written', () => {
  const cnn = () =>
    sequential({
      stem: freeze(sequential(conv2d(4, { kernel: 3 }), relu())),
      pool: maxPool2d(2),
      flatten: flatten(),
      head: dense(3),
    })
  const settings = { input: [2, 8, 8], batch: 3, dtype: 'float32', optimizer: adam({ learningRate: 0.01 }) } as const

  test('is a Sequential of plain layers, which ends in probabilities where that is wanted', async () => {
    const model = await createModel(cnn(), { ...settings, loss: softmaxCrossEntropy() })
    const x = numbers(3 * 128)
    await model.fit({ x, y: [0, 1, 2] }, { epochs: 2 })
    const written = toTfjs(model, { probabilities: true })
    const topology = written.modelJson.modelTopology as any
    expect(topology.class_name).toBe('Sequential')
    expect(
      topology.config.layers.map((layer: any) => [layer.class_name, layer.config.name, layer.config.trainable]),
    ).toEqual([
      ['Conv2D', 'stem_0', false],
      ['Activation', 'stem_1', false],
      ['MaxPooling2D', 'pool', true],
      ['Flatten', 'flatten', true],
      ['Dense', 'head', true],
      ['Activation', 'probabilities', true],
    ])
    expect(topology.config.layers[0].config.batch_input_shape).toEqual([null, 8, 8, 2])
    expect(written.modelJson.weightsManifest[0].weights.map(({ name }) => name)).toEqual([
      'stem_0/kernel',
      'stem_0/bias',
      'head/kernel',
      'head/bias',
    ])
    const theirs = await load(written)
    const y = theirs.predict(tf.tensor(channelsLast(x, [3, 8, 8, 2]), [3, 8, 8, 2])) as tf.Tensor
    expect(difference(y.dataSync(), Array.from(model.predict(x, { probabilities: true }).data))).toBeLessThan(1e-5)
    // It can be trained there.
    theirs.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' })
    expect(theirs.trainableWeights.map(({ originalName }) => originalName)).toEqual(['head/kernel', 'head/bias'])
    // And it comes back as it was.
    const { network, input, load: put } = fromTfjs(written.modelJson, written.weights, { scores: true })
    const again = await createModel(network, { ...settings, input: input!, loss: softmaxCrossEntropy() })
    put(again)
    expect(difference(again.predict(x).data, model.predict(x).data)).toBeLessThan(1e-6)
  })

  test('is loaded from two files, as from a server', async () => {
    const model = await createModel(cnn(), { ...settings, loss: softmaxCrossEntropy() })
    const folder = mkdtempSync(join(tmpdir(), 'v128-tfjs-'))
    const { modelJson, weights } = toTfjs(model)
    writeFileSync(join(folder, 'model.json'), JSON.stringify(modelJson))
    writeFileSync(join(folder, 'weights.bin'), weights)
    const fetchFunc = async (url: string) => {
      const bytes = readFileSync(join(folder, url.split('/').at(-1)!))
      return new Response(bytes, {
        headers: { 'content-type': url.endsWith('json') ? 'application/json' : 'application/octet-stream' },
      })
    }
    const theirs = await layers.loadLayersModel(
      tf.io.http('http://server.example/model.json', { fetchFunc: fetchFunc as never }),
    )
    const x = numbers(3 * 128)
    const y = theirs.predict(tf.tensor(channelsLast(x, [3, 8, 8, 2]), [3, 8, 8, 2])) as tf.Tensor
    expect(difference(y.dataSync(), model.predict(x).data)).toBeLessThan(1e-5)
    rmSync(folder, { recursive: true })
  })

  test('has the names of inputs and outputs, and shares what is shared', async () => {
    const network = graph(['left', 'right'], ({ left, right }, use) => {
      const eye = sequential(conv2d(3, { kernel: 2 }), flatten(), dense(4))
      const [a, b] = [use('eye', eye, left), use('eye', eye, right)]
      return { same: use('same', dense(1), use('both', concat(), a, b)), size: use('size', dense(2), a) }
    })
    const model = await createModel(network, {
      input: { left: [1, 4, 4], right: [1, 4, 4] },
      batch: 2,
      loss: { same: binaryCrossEntropy(), size: meanSquaredError() },
    })
    const theirs = await load(toTfjs(model))
    expect(theirs.inputNames).toEqual(['left', 'right'])
    expect(theirs.outputNames).toEqual(['same', 'size'])
    expect(theirs.weights.length).toBe(8)
    const [left, right] = [numbers(32, 1), numbers(32, 2)]
    const tensors = [left, right].map((data) => tf.tensor(data, [2, 4, 4, 1]))
    const outputs = theirs.predict(tensors) as tf.Tensor[]
    const ours = model.predict({ left, right })
    expect(difference(outputs[0].dataSync(), ours.same.data)).toBeLessThan(1e-5)
    expect(difference(outputs[1].dataSync(), ours.size.data)).toBeLessThan(1e-5)
    expect(() => toTfjs(model, { probabilities: true })).toThrow(PlanError)
  })

  test("is none of a layer of one's own, and probabilities want a loss that makes some", async () => {
    const own: Layer = { kind: 'own', config: {}, plan: (x) => x }
    const model = await createModel(sequential(own, dense(2)), { input: [3], loss: meanSquaredError() })
    expect(() => toTfjs(model)).toThrow(/toTfjs: '0' \(own\) is a layer of your own/)
    const plain = await createModel(dense(2), { input: [3], loss: meanSquaredError() })
    expect(() => toTfjs(plain, { probabilities: true })).toThrow(/probabilities wants a model whose loss/)
  })
})
