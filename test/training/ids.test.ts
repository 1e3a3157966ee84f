// Inputs of whole numbers that name something: which are taken, which are refused and in what words, and what becomes of
// the gradient of such an input.
import { describe as group, expect, test } from 'vitest'
import {
  DataError,
  PlanError,
  type Tensor,
  adam,
  add,
  createModel,
  dense,
  describe,
  embedding,
  flatten,
  gradientCheck,
  graph,
  loadModel,
  mean,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits } from '../support/models'

const network = () => sequential(embedding(7, 4), mean(), dense(3))
const input = { shape: [3], dtype: 'int32' } as const
const create = (options: object = {}) =>
  createModel(network(), {
    input,
    batch: 4,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.01 }),
    ...options,
  })
const x = [0, 6, 2, 3, 3, 1]
const y = [0, 2]

test('are taken as arrays of any kind, to the same bits', async () => {
  const forms = [x, Int32Array.from(x), Uint8Array.from(x), Uint16Array.from(x), Float64Array.from(x)]
  const results = []
  for (const form of forms) {
    const model = await create()
    const losses = [model.trainStep(form, y), model.evaluate({ x: form, y }).loss]
    results.push({ losses, bits: bits(model), output: model.predict(form).data })
  }
  for (const result of results) expect(result).toEqual(results[0])
})

group.each([
  [
    'one that is too large',
    [0, 6, 2, 3, 7, 1],
    'example 1 holds 7, at position 1, but wants ids from 0 to 6, a vocabulary of 7',
  ],
  [
    'one below 0',
    Int8Array.of(0, -1, 2),
    'example 0 holds -1, at position 1, but wants ids from 0 to 6, a vocabulary of 7',
  ],
  [
    'a fraction',
    [0, 1, 2, 1.5, 0, 0],
    'example 1 holds 1.5, at position 0, but wants ids from 0 to 6, a vocabulary of 7',
  ],
  [
    'NaN',
    Float32Array.of(0, 1, NaN),
    'example 0 holds NaN, at position 2, but wants ids from 0 to 6, a vocabulary of 7',
  ],
])('%s', (_, wrong, message) => {
  const labels = Array.from({ length: wrong.length / 3 }, () => 0)
  const expected = expect.objectContaining({ constructor: DataError, message: expect.stringContaining(message) })

  test('is refused wherever data come in, and nothing changes', async () => {
    const model = await create()
    const before = bits(model)
    expect(() => model.trainStep(wrong, labels)).toThrow(expected)
    expect(() => model.forward(wrong)).toThrow(expected)
    expect(() => model.predict(wrong)).toThrow(expected)
    expect(() => model.evaluate({ x: wrong, y: labels })).toThrow(expected)
    await expect(model.fit({ x: wrong, y: labels }, { epochs: 1 })).rejects.toThrow(expected)
    await expect(model.fit([{ x: wrong, y: labels }], { epochs: 1 })).rejects.toThrow(expected)
    expect(bits(model)).toEqual(before)
  })
})

test('a typed array that changed after its check is looked at again', async () => {
  const model = await create({ batch: 1 })
  const ids = Int32Array.from(x)
  const spoil = () => void (ids[3] = 70)
  const run = model.fit({ x: ids, y }, { epochs: 2, shuffle: false, onEpoch: spoil })
  await expect(run).rejects.toThrow('x, in this batch: example 0 holds 70, at position 0, but wants ids from 0 to 6')
})

test('a transform must leave ids', async () => {
  const model = await create()
  const transform = (rows: Tensor) => void (rows.data[4] = 0.5)
  const run = model.fit({ x, y }, { epochs: 1, transform })
  await expect(run).rejects.toThrow('fit: the transform left an input that, in this batch: example 1 holds 0.5')
})

test('of the smallest of several tables, each id is below it', async () => {
  const both = graph(['ids'], ({ ids }, use) => {
    return use(
      'sum',
      add(),
      use('a', sequential(embedding(7, 2), flatten()), ids),
      use('b', sequential(embedding(5, 2), flatten()), ids),
    )
  })
  const model = await createModel(both, { input, batch: 2 })
  expect(() => model.forward([0, 5, 1])).toThrow('x: example 0 holds 5, at position 1, but wants ids from 0 to 4')
})

group('the gradient of such an input', () => {
  test('is refused, in words', async () => {
    const model = await create()
    model.forward(x, { training: true })
    const dx = model.backward([1, 0, 0, 0, 1, 0])
    expect(dx.shape).toEqual([2, 3])
    expect(() => dx.data).toThrow(/^backward: whole numbers that name something have no gradient/)
    expect(() => gradientCheck(model, x, y, { input: true })).toThrow(
      /whole numbers that name something have no gradient/,
    )
    expect(gradientCheck(model, x, y).error).toBeLessThan(1e-6)
    await expect(create({ inputGradient: true })).rejects.toThrow(PlanError)
  })

  test('leaves that of another input beside it', async () => {
    const two = graph(['word', 'size'], ({ word, size }, use) => {
      return use('sum', add(), use('words', sequential(embedding(7, 4), flatten()), word), use('sizes', dense(4), size))
    })
    const options = { input: { word: { shape: [1], dtype: 'int32' }, size: [2] }, loss: softmaxCrossEntropy() } as const
    const model = await createModel(two, options)
    model.forward({ word: [3], size: [1, 2] }, { training: true })
    const gradients = model.backward([1, 0, 0, 0])
    expect([...gradients.size.data]).toEqual([...model.parameters['sizes.weight'].data.subarray(0, 2)])
    expect(() => gradients.word.data).toThrow(PlanError)
    const data = { word: [3, 4], size: [1, 2, 3, 4] }
    expect(gradientCheck(model, data, [0, 1], { input: true }).error).toBeLessThan(1e-6)
    expect(() => model.predict({ word: [7], size: [1, 2] })).toThrow(/^x\.word: example 0 holds 7 but wants ids/)
  })
})

test('its description comes back with the model', async () => {
  const model = await create()
  const again = await loadModel(model.save())
  expect(again.predict(x).data).toEqual(model.predict(x).data)
  expect(() => again.predict([9, 0, 0])).toThrow(DataError)
})

test('only what takes ids may read them, and embedding takes nothing else', async () => {
  const plan = (layer: Parameters<typeof describe>[0], shape: object) => () =>
    describe(layer, { input: shape } as never)
  expect(plan(dense(3), input)).toThrow(
    /^dense: reads whole numbers that name something as if they were measured; put embedding/,
  )
  expect(plan(sequential(relu()), input)).toThrow(/^sequential\.0 relu: reads whole numbers/)
  expect(plan(network(), [3])).toThrow(
    /^sequential\.0 embedding: wants whole numbers.*input as \{ shape: \[3\], dtype: 'int32' \}/,
  )
  expect(plan(network(), { shape: [3], dtype: 'int64' })).toThrow(/input\.dtype/)
  expect(plan(network(), { shape: [3], type: 'int32' })).toThrow(/type/)
  expect(plan(sequential(embedding(2 ** 25, 1), mean()), { shape: [3], dtype: 'int32' })).not.toThrow()
  expect(() => describe(embedding(2 ** 25, 1), { input, dtype: 'float32' })).toThrow(/float32 counts to 16777216/)
})

test('the row of padding is 0 at first, and learns nothing', async () => {
  const model = await createModel(sequential(embedding(4, 2, { padding: 1 }), flatten(), dense(2)), {
    input: { shape: [2], dtype: 'int32' },
    batch: 2,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.1 }),
  })
  const { data } = model.parameters['0.weight']
  const before = data.slice()
  expect([...before.subarray(2, 4)]).toEqual([0, 0])
  for (let i = 0; i < 3; i++) model.trainStep([1, 0, 1, 3], [0, 1])
  expect([...data.subarray(2, 4)]).toEqual([0, 0])
  expect(data[0]).not.toBe(before[0])
  // That of an id which no example had.
  expect(data.subarray(4, 6)).toEqual(before.subarray(4, 6))
})

test('gradientCheck leaves alone the row that padding keeps as it is', async () => {
  const network = sequential(embedding(5, 3, { padding: 0 }), mean(), dense(2))
  const options = { input: { shape: [4], dtype: 'int32' }, batch: 2, seed: 1 } as const
  const model = await createModel(network, {
    ...options,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 1 }),
  })
  const { error, checked } = gradientCheck(model, [0, 0, 1, 2, 3, 4, 0, 0], [0, 1])
  expect(error).toBeLessThan(1e-6)
  expect(checked).toBeGreaterThan(12)
})
