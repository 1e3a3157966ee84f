// What a frozen body makes of examples, kept: training over it ends with the bits of training over the examples.
import { describe, expect, test } from 'vitest'
import {
  DataError,
  type Layer,
  PlanError,
  adam,
  batchNorm,
  concat,
  conv2d,
  createModel,
  dense,
  dropout,
  features,
  flatten,
  freeze,
  globalAvgPool2d,
  graph,
  lbfgs,
  loadModel,
  lstm,
  meanSquaredError,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'

const body = () =>
  sequential(
    conv2d(6, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    dropout(),
    residual(sequential(conv2d(6, { kernel: 3, pad: 1 }), batchNorm(), relu())),
    globalAvgPool2d(),
  )
const head = () => sequential(dense(8), batchNorm(), relu(), dropout(), dense(3))
const network = (): Layer => sequential({ body: body(), head: head() })
const settings = {
  input: [2, 7, 7],
  batch: 8,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: 0.01 }),
  seed: 5,
  frozen: ['body'],
} as const
const data = randomData(45, 98, 3)
const other = randomData(21, 98, 3)

describe.each([
  ['float64', 'wasm'],
  ['float32', 'wasm'],
  ['float64', 'js'],
] as const)('%s, %s', (dtype, backend) => {
  const create = () => createModel(network(), { ...settings, dtype, backend, l2: 0.01 })

  test('the same bits, losses and measures as over the examples', async () => {
    const [plain, quick] = [await create(), await create()]
    const kept = features(quick, data)
    expect([kept.rows, kept.shape, kept.x.length, [...kept.y]]).toEqual([45, [6], 270, [...data.y]])
    const options = { epochs: 3, earlyStopping: { patience: 5, restoreBest: true } }
    const histories = [
      await plain.fit(data, { ...options, validation: other }),
      await quick.fit(kept, { ...options, validation: features(quick, other) }),
    ]
    expect(histories[1]).toEqual(histories[0])
    expect(bits(quick)).toEqual(bits(plain))
    expect(quick.checkpoint()).toEqual(plain.checkpoint())
    // Afterwards images go through all of it.
    expect(quick.predict(data.x).data).toEqual(plain.predict(data.x).data)
    expect(quick.evaluate(kept, { confusion: true })).toEqual(plain.evaluate(data, { confusion: true }))
    expect((await loadModel(quick.save())).predict(data.x).data).toEqual(plain.predict(data.x).data)
  })
})

test('a run goes on from a checkpoint in its middle, over features as well', async () => {
  const create = () => createModel(network(), settings)
  const [whole, cut, next] = [await create(), await create(), await create()]
  const options = { epochs: 2, validation: 0.2 }
  await whole.fit(features(whole, data), options)
  let saved: Uint8Array | undefined
  const stopped = new AbortController()
  await cut.fit(features(cut, data), {
    ...options,
    signal: stopped.signal,
    checkpoint: { every: { steps: 3 }, save: (bytes) => void (saved ??= bytes) },
    onBatch: ({ batch }) => {
      if (batch === 4) stopped.abort()
    },
  })
  await next.fit(features(next, data), { ...options, resume: saved! })
  expect(bits(next)).toEqual(bits(whole))
})

test('an optimizer that looks at the loss from several places', async () => {
  const create = () => createModel(network(), { ...settings, batch: 45, optimizer: lbfgs() })
  const [plain, quick] = [await create(), await create()]
  const histories = [await plain.fit(data, { epochs: 2 }), await quick.fit(features(quick, data), { epochs: 2 })]
  expect(histories[1]).toEqual(histories[0])
  expect(bits(quick)).toEqual(bits(plain))
})

test('target values, and a body with two inputs', async () => {
  const two = () =>
    graph(['image', 'place'], ({ image, place }, use) => {
      const eye = sequential({ seen: conv2d(3, { kernel: 3 }), pool: globalAvgPool2d() })
      const body = use('body', concat(), use('eye', freeze(eye), image), use('where', freeze(dense(4)), place))
      return use('head', dense(2), body)
    })
  const options = {
    input: { image: [2, 7, 7], place: [3] },
    batch: 4,
    loss: meanSquaredError(),
    optimizer: adam({ learningRate: 0.01 }),
  }
  const [plain, quick] = [await createModel(two(), options), await createModel(two(), options)]
  const x = { image: randomData(10, 98, 3).x, place: randomData(10, 3, 3).x }
  const examples = { x, y: randomData(10, 2, 3).x }
  const kept = features(quick, examples)
  expect(kept.shape).toEqual([7])
  kept.remove(0)
  expect(kept.y).toEqual(examples.y.slice(2))
  expect(await quick.fit(features(quick, examples) as never, { epochs: 2 })).toEqual(
    await plain.fit(examples, { epochs: 2 }),
  )
  expect(bits(quick)).toEqual(bits(plain))
})

describe('says what cannot be', () => {
  const create = (layer: Layer, options = {}) => createModel(layer, { ...settings, frozen: [], ...options })
  const frozen = () => sequential({ body: freeze(body()), head: head() })

  test.each<[string, () => Layer, RegExp]>([
    [
      'nothing is frozen',
      network,
      /^features: wants a model that begins with a frozen body .* but body\.0 conv2d, with which/,
    ],
    ['nothing is trained', () => freeze(network()), /nothing of it is trained/],
    [
      'dropout before all else',
      () => sequential(dropout(), freeze(body()), dense(3)),
      /but 0 dropout, with which it begins, is trained or draws random numbers/,
    ],
    [
      'what goes around the body',
      () =>
        graph(['x'], ({ x }, use) => {
          const seen = use('seen', freeze(sequential(conv2d(4, { kernel: 3 }), globalAvgPool2d())), x)
          return use('head', dense(3), use('both', concat(), seen, use('more', dense(2), use('flat', flatten(), x))))
        }),
      /^features: wants a body that hands on one value, but what is trained reads several/,
    ],
  ])('%s', async (_, layer, message) => {
    const model = await create(layer())
    expect(() => features(model, data)).toThrow(message)
    expect(() => features(model, data)).toThrow(PlanError)
  })

  test('sequences with lengths, and several outputs', async () => {
    const sequences = sequential({ body: freeze(lstm(3)), head: dense(3) })
    const model = await create(sequences, { input: [5, 2] })
    expect(() => features(model)).toThrow(/^features: what a model makes of sequences with lengths/)
    const two = graph(['x'], ({ x }, use) => {
      const seen = use('seen', freeze(dense(4)), x)
      return { a: use('a', dense(2), seen), b: use('b', dense(3), seen) }
    })
    const several = await createModel(two, { input: [4] })
    expect(() => features(several as never)).toThrow(/^features: is for networks of one output, but this one has a, b/)
  })

  test('features of another model, of other weights, or with a transform', async () => {
    const [one, another] = [await create(frozen()), await create(frozen())]
    const kept = features(one, data)
    await expect(another.fit(kept)).rejects.toThrow(/^fit: these features are of another model/)
    expect(() => another.evaluate(kept)).toThrow(/^evaluate: these features are of another model/)
    await expect(one.fit(kept, { transform: () => {} })).rejects.toThrow(/^fit: transform is for examples/)
    expect(() => one.evaluate(kept, { transform: () => {} })).toThrow(/^evaluate: transform is for examples/)
    await expect(one.fit(kept, { validation: features(another, data) })).rejects.toThrow(/are of another model/)
    one.parameters['body.0.weight'].data[0] += 1
    expect(() => kept.add(data)).toThrow(
      /^features\.add: the frozen weights are others than when these features were made/,
    )
    await expect(one.fit(kept)).rejects.toThrow(
      /^fit: the frozen weights are others than when these features were made/,
    )
    await one.fit(features(one, data), { epochs: 1 })
    one.close()
    expect(() => kept.add(data)).toThrow(/closed/)
  })

  test('rows that fit would not take', async () => {
    const model = await create(frozen())
    const kept = features(model)
    const refuses = (wrong: object, message: RegExp, Fault: new (message: string) => Error) => {
      expect(() => kept.add(wrong as never)).toThrow(message)
      expect(() => kept.add(wrong as never)).toThrow(Fault)
      expect(kept.rows).toBe(0)
    }
    refuses({ x: [1], y: [0] }, /rows of 98 numbers/, DataError)
    refuses({ x: new Float64Array(98).fill(NaN), y: [0] }, /row 0 holds NaN/, DataError)
    refuses({ x: new Float64Array(98), y: [3] }, /y/, DataError)
    refuses({ ...data, weight: new Float64Array(45).fill(1) }, /leave weight out/, PlanError)
    refuses([1], /one object \{ x, y \}/, DataError)
    await expect(model.fit(kept)).rejects.toThrow(DataError)
  })
})
