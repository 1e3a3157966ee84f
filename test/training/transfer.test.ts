// Transfer learning: bodies of every origin, frozen, under heads that learn.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe as group, expect, test } from 'vitest'
import { mobileNetV2, scaling } from '../../src/entries/architectures'
import {
  FileError,
  type Layer,
  PlanError,
  adam,
  batchNorm,
  conv2d,
  createModel,
  decodeSafetensors,
  dense,
  describe,
  features,
  globalAvgPool2d,
  headless,
  loadModel,
  momentum,
  readModel,
  relu,
  sequential,
  softmaxCrossEntropy,
  transfer,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'

const file = readFileSync(join(import.meta.dirname, '../fixtures/ours/mobilenet_v2_tiny.safetensors'))
const tiny = () => mobileNetV2({ width: 0.1, classes: 5 })
const head = () => sequential(dense(16), relu(), dense(3))
const options = {
  input: [3, 48, 48],
  batch: 8,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: 1e-3 }),
  seed: 3,
}
const size = 3 * 48 * 48
/** Three kinds of pictures: red, green and blue ones, under noise. */
const pictures = (rows: number) => {
  const { x, y } = randomData(rows, size, 3)
  for (let i = 0; i < x.length; i++) {
    const channel = Math.floor((i % size) / (48 * 48))
    x[i] = 100 + 30 * x[i] + (channel === y[Math.floor(i / size)] ? 100 : 0)
  }
  return { x, y }
}

const small = () =>
  sequential({
    features: sequential(conv2d(4, { kernel: 3, pad: 1 }), batchNorm(), relu(), globalAvgPool2d()),
    fc: dense(4),
  })

group('transfer', () => {
  test('a file of torchvision, and a head that learns in epochs over what the body gave once', async () => {
    // The end of so narrow a network, trained for so short a time, sees no colours.
    const body = headless(tiny(), { until: 'features.2' })
    const learner = sequential({ pool: globalAvgPool2d(), norm: batchNorm(), fc: dense(3) })
    const model = await transfer({ body, weights: file, head: learner, normalize: scaling('imagenet'), ...options })
    expect(Object.keys(model.gradients)).toEqual(
      ['norm.weight', 'norm.bias', 'fc.weight', 'fc.bias'].map((n) => `head.${n}`),
    )
    // The body has the weights of the file.
    const stored = decodeSafetensors(file)
    for (const [name, { data }] of Object.entries({ ...model.parameters, ...model.buffers })) {
      if (name.startsWith('body.'))
        expect(
          data.every((v, i) => v === stored.get(name.slice(5))!.data[i]),
          name,
        ).toBe(true)
    }
    const before = bits(model)
    const [training, testing] = [pictures(24), pictures(12)]
    const kept = features(model, training)
    const { accuracy, validationAccuracy } = await model.fit(kept, { epochs: 60, validation: features(model, testing) })
    expect(accuracy.at(-1)).toBe(1)
    expect(validationAccuracy!.at(-1)).toBeGreaterThan(0.8)
    for (const [name, value] of Object.entries(bits(model)))
      expect(value === before[name]).toBe(!name.startsWith('head.'))
    // Pictures go through all of it, of a file as well.
    const loaded = await loadModel(model.save())
    expect(loaded.predict(testing.x).data).toEqual(model.predict(testing.x).data)
    expect(model.evaluate(testing)).toEqual(model.evaluate(features(model, testing)))
  })

  test('one example after the other, while it trains', async () => {
    const model = await transfer({
      body: headless(tiny()),
      weights: file,
      head: dense(3),
      ...options,
      dtype: 'float32',
    })
    const { x, y } = pictures(12)
    const all = features(model, { x, y })
    const little = features(model)
    for (let row = 0; row < 12; row++) little.add({ x: x.subarray(row * size, (row + 1) * size), y: [y[row]] })
    expect([little.rows, [...little.y]]).toEqual([12, [...y]])
    expect(little.x).toEqual(all.x)
    expect(little.x).toBeInstanceOf(Float32Array)
    little.remove(3)
    expect([little.rows, [...little.y]]).toEqual([11, [...y].toSpliced(3, 1)])
    expect([...little.x]).toEqual([...all.x].toSpliced(3 * 1280, 1280))
    expect(() => little.remove(11)).toThrow(/^features\.remove: row must be an integer of at most 10, got 11/)
    const plain = await loadModel(model.save())
    const runs = [model, plain].map((one) => {
      let steps = 0
      return one.fit(one === model ? all : { x, y }, {
        epochs: 2,
        yieldEvery: 0,
        onBatch: () => {
          if (one === model && steps++ === 1) little.add({ x: x.subarray(0, size), y: [0] })
        },
      })
    })
    await Promise.all(runs)
    expect(little.rows).toBe(12)
    expect(bits(model)).toEqual(bits(plain as typeof model))
  })

  test('a model of our own, by its file, until a layer of it; and all of it trained later', async () => {
    const trained = await createModel(small(), { ...options, input: [2, 6, 6] })
    const { x, y } = randomData(8, 72, 3)
    await trained.fit({ x, y }, { epochs: 2 })
    for (const bytes of [trained.save(), trained.checkpoint()]) {
      const body = readModel(bytes)
      expect(body.input).toEqual([2, 6, 6])
      expect(Object.keys(body.weights)).toEqual(Object.keys({ ...trained.parameters, ...trained.buffers }))
      const model = await transfer({ body, until: 'features', head: dense(3), ...options, input: undefined })
      const same = await createModel(headless(small(), { until: 'features' }), { ...options, input: [2, 6, 6] })
      same.load(trained.save(), { strict: false })
      const wanted = same.predict(x).data
      expect(features(model, { x, y }).x).toEqual(wanted)
    }
    const model = await transfer({ body: readModel(trained.save()), head: dense(3), ...options, input: [2, 6, 6] })
    const all = await loadModel(model.save(), { frozen: [], groups: { body: { learningRate: 0.1 } } })
    expect(Object.keys(all.gradients)).toContain('body.features.0.weight')
    // An Imported, as the entries for ONNX and TensorFlow.js give them, loads into a part as well.
    const larger = await createModel(sequential({ mine: small(), more: dense(2) }), { input: [2, 6, 6] })
    readModel(trained.save()).load(larger, { at: 'mine' })
    expect(larger.parameters['mine.fc.weight'].data).toEqual(trained.parameters['fc.weight'].data)
  })

  test('tensors by name, and names that rename gives them', async () => {
    const trained = await createModel(small(), { input: [2, 6, 6], seed: 9 })
    const weights = { ...trained.parameters, ...trained.buffers }
    const named = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [`net.${name}`, tensor]))
    const given = { ...options, input: [2, 6, 6], body: headless(small()), head: dense(3) }
    const models = [
      await transfer({ ...given, weights }),
      await transfer({ ...given, weights: named, rename: (name) => name.replace('net.', '') }),
    ]
    for (const model of models) {
      expect(model.parameters['body.features.0.weight'].data).toEqual(weights['features.0.weight'].data)
    }
  })

  test('says what does not fit', async () => {
    const given = { ...options, head: dense(3) }
    const refuses = async (wrong: object, message: RegExp, Fault: new (message: string) => Error) => {
      const made = transfer({ body: headless(tiny()), weights: file, ...given, ...wrong } as never)
      await expect(made).rejects.toThrow(message)
      await expect(made).rejects.toBeInstanceOf(Fault)
    }
    await refuses({ body: small() }, /^transfer: the weights have no 'features\.0\.weight'.* rename says/, FileError)
    const wider = mobileNetV2({ width: 0.5 })
    await refuses(
      { body: headless(wider) },
      /^transfer: 'body\..*' is F16 \(8, 3, 3, 3\) among the weights, \(16, /,
      FileError,
    )
    await refuses({ weights: file.subarray(0, 100) }, /.*/, FileError)
    await refuses({ heads: 1 }, /^transfer: unknown option 'heads'/, PlanError)
    await refuses({ body: globalAvgPool2d() }, /frozen: no parameter lies in a layer named "body"/, PlanError)
    await refuses({ body: undefined }, /body/, PlanError)
    const body = readModel((await createModel(small(), { input: [2, 6, 6] })).save())
    await refuses({ body }, /^transfer: this body has its own weights; leave weights out/, PlanError)
  })
})

test('a frozen body takes the memory that inference takes', () => {
  const body = headless(mobileNetV2())
  const network = (own: Layer) => sequential({ body: own, head: head() })
  const given = { input: [3, 96, 96], batch: 32, dtype: 'float32' } as const
  const inference = describe(network(body), { ...given, inference: true })
  const frozen = describe(network(body), {
    ...given,
    frozen: ['body'],
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 1e-3 }),
  })
  const ofHead = describe(head(), {
    ...given,
    input: [1280],
    loss: softmaxCrossEntropy(),
    optimizer: momentum({ learningRate: 1 }),
  })
  const more = frozen.memory.activations - inference.memory.activations
  expect(more).toBeLessThanOrEqual(ofHead.memory.activations)
  expect(frozen.memory.total).toBeLessThan(1.01 * inference.memory.total)
})
