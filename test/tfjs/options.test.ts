// What fromTfjs is given, its options, and what it says of layers that are not there.
import { describe, expect, test } from 'vitest'
import { FileError, PlanError, adam, createModel, softmaxCrossEntropy } from '../../src/entries/index'
import { type Imported, fromTfjs } from '../../src/entries/tfjs'
import { type Saved, channelsFirst, difference, jsonOf, layers, numbers, save, tf } from './tensorflow'

const L = layers.layers

function classifier() {
  const eye = layers.sequential({
    name: 'eye',
    layers: [
      L.conv2d({ name: 'conv', filters: 4, kernelSize: 3, activation: 'relu', inputShape: [6, 6, 2] }),
      L.flatten({ name: 'flat' }),
    ],
  })
  const head = [
    L.dense({ name: 'hidden', units: 5, activation: 'relu' }),
    L.dense({ name: 'out', units: 3, activation: 'softmax' }),
  ]
  return layers.sequential({ layers: [eye, ...head] })
}

const x = numbers(2 * 72)
const given = channelsFirst(x, [2, 6, 6, 2])
const input = tf.tensor(x, [2, 6, 6, 2])

async function apart(read: Imported, wanted: tf.Tensor) {
  const model = await createModel(read.network, { input: read.input!, batch: 2, dtype: 'float32' })
  read.load(model)
  return difference(model.predict(given).data, wanted.dataSync())
}

/** The numbers of a tensor as the converter quantises them. */
function quantize(saved: Saved, kind: 'uint8' | 'uint16' | 'float16'): Saved {
  const parts: Uint8Array[] = []
  let at = 0
  const weightSpecs = saved.weightSpecs.map(({ name, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1)
    const data = new Float32Array(saved.weightData.slice(at, at + 4 * size))
    at += 4 * size
    if (kind === 'float16') {
      // Numbers that half precision holds: eighths.
      parts.push(new Uint8Array(Uint16Array.from(data, (one) => halfOf(Math.round(one * 8) / 8)).buffer))
      return { name, shape, dtype: 'float32', quantization: { dtype: 'float16', original_dtype: 'float32' } }
    }
    const [min, max] = [Math.min(...data), Math.max(...data)]
    const scale = (max - min) / (kind === 'uint8' ? 255 : 65535) || 1
    const numbers = Array.from(data, (one) => Math.round((one - min) / scale))
    const kept = kind === 'uint8' ? Uint8Array.from(numbers) : Uint16Array.from(numbers)
    parts.push(new Uint8Array(kept.buffer))
    return { name, shape, dtype: 'float32', quantization: { dtype: kind, scale, min, original_dtype: 'float32' } }
  })
  return { ...saved, weightSpecs, weightData: Uint8Array.from(Buffer.concat(parts)).buffer }
}

function halfOf(value: number): number {
  if (value === 0) return 0
  const exponent = Math.floor(Math.log2(Math.abs(value)))
  const fraction = (Math.abs(value) / 2 ** exponent - 1) * 1024
  return (value < 0 ? 32768 : 0) + ((exponent + 15) << 10) + fraction
}

describe('weights', async () => {
  const model = classifier()
  const saved = await save(model)
  const json = jsonOf(saved)
  const wanted = model.predict(input) as tf.Tensor
  const bytes = new Uint8Array(saved.weightData)

  test('come whole, in shards, by path, in an IO handler; model.json as text, bytes or object', async () => {
    const cuts = [0, 13, 500, bytes.length]
    const paths = ['a.bin', 'b.bin', 'c.bin']
    const shards = paths.map((_, i) => bytes.slice(cuts[i], cuts[i + 1]))
    const parts = jsonOf(saved, paths)
    const reads = [
      fromTfjs(json, bytes),
      fromTfjs(JSON.stringify(json), saved.weightData),
      fromTfjs(new TextEncoder().encode(JSON.stringify(json)), { 'weights.bin': bytes }),
      fromTfjs(parts, shards),
      fromTfjs(
        parts,
        shards.map((one) => one.buffer),
      ),
      fromTfjs(parts, Object.fromEntries(paths.map((path, i) => [path, shards[i]]))),
      fromTfjs(parts, new Map(paths.map((path, i) => [path, shards[i]]))),
      fromTfjs(saved),
      fromTfjs({ ...saved, weightData: shards }),
    ]
    for (const read of reads) expect(await apart(read, wanted)).toBeLessThan(1e-5)
    expect(() => fromTfjs(parts, shards.slice(1))).toThrow(
      /got 2 shards, but the manifest has 3 files: a.bin, b.bin, c.bin/,
    )
    expect(() => fromTfjs(parts, { 'a.bin': bytes })).toThrow(/there is no 'b.bin'/)
    expect(() => fromTfjs(json)).toThrow(PlanError)
    expect(() => fromTfjs(json, [1, 2] as never)).toThrow(PlanError)
    expect(() => fromTfjs(json, bytes.subarray(1))).toThrow(/a shard is missing or cut off/)
    expect(() => fromTfjs(json, new Uint8Array(bytes.length + 4))).toThrow(/they are of another model.json/)
    expect(() => fromTfjs(7, bytes)).toThrow(PlanError)
    expect(() => fromTfjs('{', bytes)).toThrow(FileError)
  })

  test.each(['uint8', 'uint16', 'float16'] as const)('are quantised to %s', async (kind) => {
    const small = quantize(saved, kind)
    const artifacts = {
      modelTopology: small.modelTopology,
      weightSpecs: small.weightSpecs,
      weightData: small.weightData,
    }
    const theirs = await layers.loadLayersModel(tf.io.fromMemory(artifacts as never))
    expect(await apart(fromTfjs(jsonOf(small), small.weightData), theirs.predict(input) as tf.Tensor)).toBeLessThan(
      1e-5,
    )
  })

  test('that nobody reads are passed over: whole numbers, texts', async () => {
    const more = [
      { name: 'steps', shape: [1], dtype: 'int32' },
      { name: 'words', shape: [2], dtype: 'string' },
      { name: 'is', shape: [3], dtype: 'bool' },
    ]
    const texts = Uint8Array.of(9, 0, 0, 0, 2, 0, 0, 0, 65, 66, 0, 0, 0, 0, 1, 0, 1)
    const specs = [...saved.weightSpecs, ...more]
    const read = fromTfjs(jsonOf({ ...saved, weightSpecs: specs }), Uint8Array.from([...bytes, ...texts]))
    expect(await apart(read, wanted)).toBeLessThan(1e-5)
  })

  test('a flatten of channels that come first is named', async () => {
    const network = layers.sequential({ layers: [L.flatten({ dataFormat: 'channelsFirst', inputShape: [3, 4] })] })
    const made = await save(network)
    expect(() => fromTfjs(jsonOf(made), new Uint8Array(0))).toThrow(
      /has a data_format of 'channels_first'; only channels_last is read/,
    )
  })

  test('until takes a part, scores the model without its softmax', async () => {
    const inner = layers.model({ inputs: model.inputs, outputs: (model.getLayer('hidden') as any).output })
    expect(await apart(fromTfjs(json, bytes, { until: 'hidden' }), inner.predict(input) as tf.Tensor)).toBeLessThan(
      1e-5,
    )
    const conv = model.getLayer('eye') as layers.Sequential
    const seen = conv.layers[0].apply(input) as tf.Tensor
    const part = fromTfjs(json, bytes, { until: 'eye/conv' })
    const ours = await createModel(part.network, { input: part.input!, batch: 2, dtype: 'float32' })
    part.load(ours)
    expect(Object.keys(part.weights)).toEqual(['conv.weight', 'conv.bias'])
    expect(difference(ours.predict(given).data, channelsFirst(seen.dataSync(), seen.shape))).toBeLessThan(1e-5)
    const read = fromTfjs(json, bytes, { scores: true })
    const settings = {
      input: read.input!,
      batch: 2,
      dtype: 'float32',
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.01 }),
    } as const
    const whole = await createModel(read.network, settings)
    read.load(whole)
    expect(difference(whole.predict(given, { probabilities: true }).data as never, wanted.dataSync())).toBeLessThan(
      1e-5,
    )
    const first = whole.trainStep(given, [0, 1])
    for (let i = 0; i < 20; i++) whole.trainStep(given, [0, 1])
    expect(whole.trainStep(given, [0, 1])).toBeLessThan(first / 2)
    expect(() => fromTfjs(json, bytes, { until: 'nowhere' })).toThrow(
      /until 'nowhere' is the name of no layer; there are .*hidden, out/,
    )
    // Where there is none, nothing is left out.
    const flat = (scores: boolean) => JSON.stringify(fromTfjs(json, bytes, { until: 'flat', scores }).network)
    expect(flat(true)).toBe(flat(false))
  })

  test('load changes nothing where a model is another', async () => {
    const read = fromTfjs(json, bytes)
    const other = await createModel(fromTfjs(json, bytes, { until: 'hidden' }).network, {
      input: [2, 6, 6],
      dtype: 'float32',
    })
    const before = other.parameters['conv.weight'].data.slice()
    expect(() => read.load(other)).toThrow(FileError)
    expect(other.parameters['conv.weight'].data).toEqual(before)
  })
})

describe('what cannot be expressed is named', () => {
  const bad = (layer: unknown, inputShape: number[]) => async () => {
    const model = layers.sequential()
    model.add((layer as (shape: object) => layers.LayersModel)({ inputShape, name: 'odd' }))
    const saved = await save(model)
    return fromTfjs(jsonOf(saved), saved.weightData)
  }
  test.each<[string, RegExp, unknown, number[]]>([
    [
      'LSTM as TensorFlow.js makes it',
      /'odd' \(LSTM\): has the recurrent_activation 'hard_sigmoid'.*recurrentActivation: 'sigmoid'/,
      (a: object) => L.lstm({ ...a, units: 2 } as never),
      [3, 2],
    ],
    [
      'GRU as TensorFlow.js makes it',
      /'odd' \(GRU\): is a GRU with reset_after false/,
      (a: object) => L.gru({ ...a, units: 2, recurrentActivation: 'sigmoid' } as never),
      [3, 2],
    ],
    [
      'an LSTM of other activations',
      /'odd' \(LSTM\): has the activation 'relu'/,
      (a: object) => L.lstm({ ...a, units: 2, activation: 'relu', recurrentActivation: 'sigmoid' } as never),
      [3, 2],
    ],
    ['backwards', /goes backwards/, (a: object) => L.simpleRNN({ ...a, units: 2, goBackwards: true } as never), [3, 2]],
    [
      'conv3d',
      /'odd' \(Conv3D\): there is no such layer here; until: takes the part before it/,
      (a: object) => L.conv3d({ ...a, filters: 2, kernelSize: 1 } as never),
      [2, 2, 2, 1],
    ],
    [
      'an activation',
      /has the activation 'softsign'/,
      (a: object) => L.dense({ ...a, units: 2, activation: 'softsign' } as never),
      [3],
    ],
    [
      'mask_zero',
      /'odd' \(Embedding\): has mask_zero/,
      (a: object) => L.embedding({ ...a, inputDim: 3, outputDim: 2, maskZero: true, inputLength: 3 } as never),
      [3],
    ],
    [
      'bilinear',
      /'odd' \(UpSampling2D\): is bilinear in TensorFlow.js/,
      (a: object) => L.upSampling2d({ ...a, interpolation: 'bilinear' } as never),
      [3, 3, 1],
    ],
    ['a prelu of places', /learns an alpha for each place/, (a: object) => L.prelu(a as never), [3, 3, 2]],
    ['a threshold', /has a theta other than 0/, (a: object) => L.thresholdedReLU({ ...a, theta: 0.5 } as never), [3]],
    [
      'a scale below 0',
      /multiplies by -1, which must be above 0/,
      (a: object) => L.rescaling({ ...a, scale: -1, offset: 0 } as never),
      [3],
    ],
    [
      'convolutions of each part',
      /applies a "Conv2D" to each part/,
      (a: object) => L.timeDistributed({ ...a, layer: L.conv2d({ filters: 1, kernelSize: 1 }) } as never),
      [2, 3, 3, 1],
    ],
    [
      'a norm of another axis',
      /norms another axis than the last/,
      (a: object) => L.batchNormalization({ ...a, axis: 1 } as never),
      [3, 2],
    ],
  ])('%s', async (_, message, layer, shape) => {
    const read = bad(layer, shape)
    await expect(read()).rejects.toThrow(FileError)
    await expect(read()).rejects.toThrow(message)
  })

  test('within a model within it', async () => {
    const inner = layers.sequential({
      name: 'inner',
      layers: [L.dense({ units: 2, inputShape: [3], activation: 'softsign', name: 'odd' })],
    })
    const saved = await save(layers.sequential({ layers: [inner, L.dense({ units: 1 })] }))
    expect(() => fromTfjs(saved)).toThrow(/the layer 'odd' \(Dense\) within 'inner': has the activation 'softsign'/)
  })
})
