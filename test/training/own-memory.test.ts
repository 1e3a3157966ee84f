// Data that lies in the memory of the model itself, where passes write, and data that changes while a run reads it.
import { describe, expect, test } from 'vitest'
import {
  DataError,
  activationStatistics,
  babysit,
  batchNorm,
  binaryCrossEntropy,
  createModel,
  createRandom,
  dense,
  gradientCheck,
  meanSquaredError,
  momentum,
  sequential,
  sgd,
  softmaxCrossEntropy,
  tanh,
} from '../../src/entries/index'
import { bits } from '../support/models'

const random = createRandom(3)
const values = (n: number) => Float64Array.from({ length: n }, () => random.normal())

describe.each(['wasm', 'js'] as const)('data in the memory of the model, on %s', (backend) => {
  // As wide in as out, so that the output can be an input.
  const make = (dtype: 'float64' | 'float32' = 'float64', units = 3) =>
    createModel(sequential(dense(4), tanh(), dense(units)), {
      input: [3],
      batch: 8,
      dtype,
      backend,
      seed: 2,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.1 }),
    })
  type Made = Awaited<ReturnType<typeof make>>
  const x = values(24)

  const places: [string, (model: Made) => Made['input']['data']][] = [
    ['the input', (model) => (model.input.data.set(x), model.input.data)],
    ['rows of the input that move', (model) => (model.input.data.set(x), model.input.data.subarray(6))],
    ['the output', (model) => model.forward(x).data],
    ['bytes of the input', (model) => (model.input.data.set(x), new Int8Array(model.input.data.buffer, model.input.data.byteOffset, 24) as never)], // prettier-ignore
  ]
  const uses: Record<string, (model: Made, x: Made['input']['data']) => unknown> = {
    fit: async (model, x) => [await model.fit({ x, y: x }, { epochs: 3, batch: 2 }), bits(model)],
    'fit in one batch': async (model, x) => [
      await model.fit({ x, y: x }, { epochs: 2, transform: ({ data }) => void (data[0] += 1) }),
      bits(model),
    ],
    'fit with validation': async (model, x) => model.fit({ x, y: x }, { epochs: 2, batch: 3, validation: 0.4 }),
    validation: async (model, x) =>
      model.fit({ x: values(9).fill(1), y: values(9).fill(2) }, { validation: { x, y: x } }),
    // Read as they come, so that a second epoch would find what the first left there.
    'fit on batches': async (model, x) => [await model.fit([{ x, y: x }]), bits(model)],
    trainStep: (model, x) => [model.trainStep(x, x), bits(model)],
    evaluate: (model, x) => model.evaluate({ x, y: x }),
    predict: (model, x) => model.predict(x),
    forward: (model, x) => model.forward(x).data.slice(),
    gradientCheck: (model, x) => gradientCheck(model, x, x),
    activationStatistics: (model, x) => activationStatistics(model, x),
    babysit: (model, x) => babysit(model, { x, y: x }, { steps: 5 }).text,
  }
  describe.each(Object.keys(uses))('%s', (use) => {
    test.each(places)('of %s is as of a copy', async (_, placed) => {
      const [own, other] = [await make(), await make()]
      const copy = placed(other).slice()
      const expected = await uses[use](other, copy)
      expect(await uses[use](own, placed(own))).toEqual(expected)
    })
  })

  test('backward of the output, and of the gradient of the input', async () => {
    const [own, other] = [await make(), await make()]
    const dx = own.backward(own.forward(x).data).data
    const expected = other.backward(other.forward(x).data.slice()).data.slice()
    expect([...dx]).toEqual([...expected])
    expect([...own.backward(dx).data]).toEqual([...other.backward(expected).data])
    expect([...own.gradients['0.weight'].data]).toEqual([...other.gradients['0.weight'].data])
  })

  test('predict of more rows than a batch, in the output', async () => {
    const [own, other] = [await make('float32', 12), await make('float32', 12)]
    const copy = other.forward(x).data.slice()
    // 96 numbers are 32 rows, four times the batch.
    expect(own.predict(own.forward(x).data)).toEqual(other.predict(copy))
  })
})

describe('data that changes while fit runs', () => {
  const make = (loss = binaryCrossEntropy(), dtype: 'float32' | 'float64' = 'float64') =>
    createModel(dense(2), { input: [3], batch: 4, dtype, loss, optimizer: sgd({ learningRate: 0.1 }), seed: 1 })
  const x = values(24)

  test.each([1.5, -0.1, NaN, Infinity])(
    'targets of binaryCrossEntropy that become %d are a DataError',
    async (value) => {
      const model = await make()
      const y = new Float64Array(16).fill(0.5)
      const onEpoch = () => void (y[9] = value)
      const run = model.fit({ x, y }, { epochs: 3, shuffle: false, onEpoch })
      await expect(run).rejects.toThrow(`y: row 0 of the batch holds ${value} now; want targets from 0 to 1`)
      // One step of the second epoch, and none on the batch that was wrong.
      expect(model.passes).toBe(3)
      y[9] = 1
      await expect(model.fit({ x, y })).resolves.toMatchObject({ stopped: 'end' })
    },
  )

  test('other targets may become any number', async () => {
    const model = await make(meanSquaredError())
    const y = new Float64Array(16).fill(0.5)
    expect(await model.fit({ x, y }, { epochs: 3, onEpoch: () => void (y[9] = 7) })).toMatchObject({ stopped: 'end' })
  })

  test.each([2, -1, 2 ** 30])('labels that become %d are a DataError', async (label) => {
    const model = await make(softmaxCrossEntropy())
    const y = new Int32Array(8)
    const run = model.fit({ x, y }, { epochs: 3, onEpoch: () => void (y[5] = label) })
    await expect(run).rejects.toThrow(DataError)
    await expect(run).rejects.toThrow(`y: the label of row 5 is ${label}; want an integer from 0 to 1`)
  })
})

describe.each(['wasm', 'js'] as const)('a gradient that is not finite, on %s', (backend) => {
  test.each(['float64', 'float32'] as const)('is refused by its row, and the next is taken: %s', async (dtype) => {
    const model = await createModel(dense(3), { input: [2], batch: 8, dtype, backend, seed: 2, inputGradient: true })
    const x = values(8)
    model.forward(x)
    const dy = values(12)
    const right = model.backward(dy).data.slice()
    const cases: [value: number, message: RegExp][] = [
      [NaN, /^dy: row 2 holds NaN; remove or repair that row$/],
      [-Infinity, /^dy: row 2 holds -Infinity; remove or repair that row$/],
      [1e300, /^dy: row 2 holds 1e\+300; too large for float32/],
    ]
    for (const [value, message] of cases) {
      const bad = dy.slice()
      bad[7] = value
      if (dtype === 'float64' && Number.isFinite(value)) model.backward(bad)
      else for (const given of [bad, [...bad]]) expect(() => model.backward(given)).toThrow(message)
      expect(model.backward(dy).data).toEqual(right)
    }
  })
})

describe.each(['wasm', 'js'] as const)('a row that is not finite, on %s', (backend) => {
  const cases: [value: number, message: string][] = [
    [NaN, 'row 2 holds NaN; remove or repair that row'],
    [-Infinity, 'row 2 holds -Infinity; remove or repair that row'],
    [1e300, "row 2 holds 1e+300; too large for float32; scale the data, or take dtype: 'float64'"],
  ]

  test.each(cases)('%d of x or of y is refused by its row, and changes nothing', async (value, message) => {
    const network = sequential(dense(3), batchNorm(), dense(2))
    const options = { input: [2], batch: 4, dtype: 'float32', backend, seed: 2, loss: meanSquaredError() } as const
    const optimizer = momentum({ learningRate: 0.1 })
    const model = await createModel(network, { ...options, optimizer })
    const [x, y] = [values(8), values(8)]
    const spoilt = (numbers: Float64Array) => numbers.with(4, value)
    model.trainStep(x, y)
    const before = model.checkpoint()
    const output = model.predict(x).data
    const calls: [name: string, call: () => unknown][] = [
      ['x', () => model.trainStep(spoilt(x), y)],
      ['x', () => model.trainStep([...spoilt(x)], y)],
      ['x', () => model.trainStep(spoilt(x), spoilt(y))],
      ['y', () => model.trainStep(x, spoilt(y))],
      ['y', () => model.trainStep(x, [...spoilt(y)])],
      ['x', () => model.forward(spoilt(x))],
      ['x', () => model.predict(spoilt(x))],
      ['x', () => model.evaluate([{ x: spoilt(x), y }])],
    ]
    for (const [name, call] of calls) {
      const thrown = `${name}: ${message}`
      expect(call).toThrow(DataError)
      expect(call).toThrow(thrown)
      expect(model.checkpoint()).toEqual(before)
    }
    // The row is that of all that was handed in, not of the batch that held it.
    const many = Float64Array.from([...x, ...x, ...spoilt(x)])
    expect(() => model.predict(many)).toThrow(`x: ${message.replace('row 2', 'row 10')}`)
    const batches = (bad: object) => [
      { x, y },
      { x, y, ...bad },
    ]
    await expect(model.fit(batches({ x: spoilt(x) }))).rejects.toThrow(`batch 1 of epoch 0: x: ${message}`)
    await expect(model.fit(batches({ y: spoilt(y) }))).rejects.toThrow(`batch 1 of epoch 0: y: ${message}`)
    model.restore(before)
    expect(model.predict(x).data).toEqual(output)
  })

  test.each(['forward', 'predict', 'trainStep'] as const)('%s: nothing goes back through it', async (name) => {
    const model = await createModel(dense(2), {
      input: [2],
      batch: 4,
      backend,
      seed: 2,
      loss: meanSquaredError(),
      optimizer: momentum({ learningRate: 0.1 }),
    })
    const [x, dy] = [values(8), values(8)]
    model.forward(x)
    expect(() => {
      const bad = x.with(4, NaN)
      if (name === 'trainStep') model.trainStep(bad, dy)
      else model[name](bad)
    }).toThrow('x: row 2 holds NaN')
    expect(() => model.backward(dy)).toThrow('backward: there was no forward pass; call forward first')
    model.forward(x)
    model.backward(dy)
  })
})
