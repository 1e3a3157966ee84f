// What data have beside x and y: weights of examples, and lengths of sequences.
import { describe, expect, test } from 'vitest'
import {
  type Data,
  DataError,
  type Layer,
  type Loss,
  activationStatistics,
  adam,
  babysit,
  binaryCrossEntropy,
  createModel,
  createRandom,
  dense,
  ensemble,
  flatten,
  gradientCheck,
  graph,
  hinge,
  meanSquaredError,
  relu,
  residual,
  sequential,
  sgd,
  softmaxCrossEntropy,
  splitData,
  times,
} from '../../src/entries/index'

const random = createRandom(8)
const normals = (count: number) => Array.from({ length: count }, () => random.normal())
const [inputs, outputs, rows] = [4, 3, 10]
const x = normals(rows * inputs)
const labels = Array.from({ length: rows }, () => random.integer(outputs))
const values = normals(rows * outputs)
const shares = values.map((v) => Number(v > 0))
const weight = [1, 2, 0, 3, 1, 0, 2, 1, 1, 4]
/** Each row as often as it weighs. */
const repeated = weight.flatMap((times, row) => Array<number>(times).fill(row))
const rowsOf = (all: readonly number[], size: number, of: readonly number[]) =>
  of.flatMap((row) => all.slice(row * size, (row + 1) * size))

const losses: readonly [string, () => Loss, readonly number[], number][] = [
  ['softmaxCrossEntropy', softmaxCrossEntropy, labels, 1],
  [
    'softmaxCrossEntropy with class weights and smoothing',
    () => softmaxCrossEntropy({ classWeights: [1, 0.5, 3], labelSmoothing: 0.1 }),
    labels,
    1,
  ],
  ['hinge', hinge, labels, 1],
  ['meanSquaredError', meanSquaredError, values, outputs],
  ['meanSquaredError with a weight of its own', () => meanSquaredError({ weight: 0.3 }), values, outputs],
  ['binaryCrossEntropy', binaryCrossEntropy, shares, outputs],
]

const network = () => sequential(dense(6), relu(), dense(outputs))
const modelOf = (loss: Loss, more: object = {}) =>
  createModel(network(), { input: [inputs], batch: 16, loss, optimizer: sgd({ learningRate: 0.1 }), seed: 2, ...more })
const close = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length)
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(1e-12)
}

describe.each(losses)('weights of examples, %s', (_, loss, y, size) => {
  const again = { x: rowsOf(x, inputs, repeated), y: rowsOf(y, size, repeated) }

  test('a row of weight w is that row w times', async () => {
    const [one, other] = await Promise.all([modelOf(loss()), modelOf(loss())])
    const measured = one.evaluate({ x, y, weight })
    const expected = other.evaluate(again)
    expect(measured.loss).toBeCloseTo(expected.loss, 13)
    const lossOne = one.trainStep(x, y, { weight })
    expect(lossOne).toBeCloseTo(other.trainStep(again.x, again.y), 13)
    for (const name of Object.keys(one.parameters)) close(one.parameters[name].data, other.parameters[name].data)
  })

  test('passes the gradient check, and gives the same bits on both engines', async () => {
    const model = await modelOf(loss())
    const result = gradientCheck(model, x, y, { samples: 50, weight })
    expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
    for (const dtype of ['float64', 'float32'] as const) {
      const trained = await Promise.all(
        (['wasm', 'js'] as const).map(async (backend) => {
          const one = await modelOf(loss(), { backend, dtype })
          one.trainStep(x, y, { weight })
          // The next batch has no weights.
          one.trainStep(x, y)
          return Object.values(one.parameters).map(({ data }) => data.slice())
        }),
      )
      expect(trained[0]).toEqual(trained[1])
    }
  })

  test('weights of 1 change no bit', async () => {
    const [one, other] = await Promise.all([modelOf(loss()), modelOf(loss())])
    expect(one.trainStep(x, y, { weight: Array(rows).fill(1) })).toBe(other.trainStep(x, y))
    for (const name of Object.keys(one.parameters)) {
      expect(one.parameters[name].data).toEqual(other.parameters[name].data)
    }
  })

  test('an evaluation in small batches is that in one', async () => {
    const [small, large] = await Promise.all([modelOf(loss(), { batch: 3 }), modelOf(loss())])
    const [a, b] = [small, large].map((model) => model.evaluate({ x, y, weight }))
    expect(a.loss).toBeCloseTo(b.loss, 13)
    expect(a.accuracy || 0).toBeCloseTo(b.accuracy || 0, 13)
  })
})

test('rows of weight 0 are no answers, and others are one each', async () => {
  const model = await modelOf(softmaxCrossEntropy())
  const { data } = model.predict(x)
  const best = Array.from({ length: rows }, (_, i) => {
    const scores = [...data.subarray(i * outputs, (i + 1) * outputs)]
    return scores.indexOf(Math.max(...scores))
  })
  const counting = weight.flatMap((w, i) => (w ? [i] : []))
  const right = counting.filter((i) => best[i] === labels[i]).length
  const result = model.evaluate({ x, y: labels, weight }, { topK: 3, confusion: true })
  expect(result.accuracy).toBe(right / counting.length)
  expect(result.topKAccuracy).toBe(1)
  expect(result.confusion!.flat().reduce((sum, n) => sum + n)).toBe(counting.length)
})

test('fit takes weights of arrays, of a share for validation, of streams and of validation data', async () => {
  const y = labels
  const batches = (size: number): Data[] =>
    Array.from({ length: Math.ceil(rows / size) }, (_, i) => {
      const of = Array.from({ length: Math.min(size, rows - i * size) }, (_, j) => i * size + j)
      return { x: rowsOf(x, inputs, of), y: rowsOf(y, 1, of), weight: rowsOf(weight, 1, of) }
    })
  const [arrays, stream] = await Promise.all([modelOf(softmaxCrossEntropy()), modelOf(softmaxCrossEntropy())])
  const options = { epochs: 3, validation: { x, y, weight } }
  const a = await arrays.fit({ x, y, weight }, { ...options, shuffle: false, batch: 4 })
  const b = await stream.fit(() => batches(4), options)
  expect(a.loss).toEqual(b.loss)
  expect(a.validationLoss).toEqual(b.validationLoss)
  expect(a.validationLoss.at(-1)).toBe(arrays.evaluate({ x, y, weight }).loss)
  for (const name of Object.keys(arrays.parameters)) {
    expect(arrays.parameters[name].data).toEqual(stream.parameters[name].data)
  }
  // Rows that weigh nothing may be anything: what is learnt is the same.
  const spoilt = x.map((v, i) => (weight[Math.floor(i / inputs)] ? v : 99))
  const [one, other] = await Promise.all([modelOf(softmaxCrossEntropy()), modelOf(softmaxCrossEntropy())])
  const shuffled = { epochs: 2, validation: 0.3 }
  const [c, d] = [await one.fit({ x, y, weight }, shuffled), await other.fit({ x: spoilt, y, weight }, shuffled)]
  expect(c.loss).toEqual(d.loss)
  expect(c.validationLoss).toEqual(d.validationLoss)
})

test('of several outputs, weights are for all of them, or for some by name', async () => {
  const make = () =>
    createModel(
      graph(['in'], (h, use) => ({ a: use('a', dense(outputs), h.in), b: use('b', dense(outputs), h.in) })),
      {
        input: [inputs],
        batch: 16,
        loss: { a: softmaxCrossEntropy(), b: meanSquaredError() },
        optimizer: sgd({ learningRate: 0.1 }),
      },
    )
  const model = await make()
  const [plainA, plainB] = await Promise.all(
    [softmaxCrossEntropy(), meanSquaredError()].map(async (loss) => {
      const one = await createModel(dense(outputs), { input: [inputs], batch: 16, loss })
      return one
    }),
  )
  for (const name of ['weight', 'bias']) {
    plainA.parameters[name].data.set(model.parameters[`a.${name}`].data)
    plainB.parameters[name].data.set(model.parameters[`b.${name}`].data)
  }
  const data = { x, y: { a: labels, b: values } }
  const all = model.evaluate({ ...data, weight })
  const some = model.evaluate({ ...data, weight: { b: weight } })
  expect(all.outputs.a.loss).toBe(plainA.evaluate({ x, y: labels, weight }).loss)
  expect(all.outputs.b.loss).toBe(plainB.evaluate({ x, y: values, weight }).loss)
  expect(some.outputs.a.loss).toBe(plainA.evaluate({ x, y: labels }).loss)
  expect(some.outputs.b.loss).toBe(all.outputs.b.loss)
  const wrong: any = { ...data, weight: { c: weight } }
  expect(() => model.evaluate(wrong)).toThrow(new DataError("weight has 'c', but the network has { a, b }"))
})

test('weights that cannot be are refused, with the row', async () => {
  const model = await modelOf(softmaxCrossEntropy())
  const y = labels
  const wrong = (weight: any, text: string) => {
    expect(() => model.evaluate({ x, y, weight })).toThrow(new DataError(text))
    expect(() => model.trainStep(x, y, { weight })).toThrow(new DataError(text))
  }
  wrong([1, 2], 'weight: 2 numbers for 10 rows of x')
  wrong(weight.with(3, -1), 'weight: row 3 weighs -1; want a finite number of at least 0')
  wrong(weight.with(4, NaN), 'weight: row 4 weighs NaN; want a finite number of at least 0')
  wrong(
    Float64Array.from(weight).fill(Infinity, 9),
    'weight: row 9 weighs Infinity; want a finite number of at least 0',
  )
  wrong('12', 'weight: 2 numbers for 10 rows of x')
  wrong(7, 'weight: want a number for each row, got 7')
  await expect(model.fit(() => [{ x, y, weight: weight.with(0, -2) }])).rejects.toThrow(
    'batch 0 of epoch 0: weight: row 0 weighs -2',
  )
  const misspelt: any = { weights: weight }
  expect(() => model.trainStep(x, y, misspelt)).toThrow(/weights/)
  expect(() => ensemble([model], { combine: 'scores' as any })).toThrow()
})

test('splitData and babysit take weights and lengths along', async () => {
  const { training, validation } = splitData({ x, y: labels, weight, lengths: labels.map((v) => v + 1) }, { seed: 4 })
  for (const part of [training, validation]) {
    const at = part.y.map((_, i) => x.indexOf(part.x[i * inputs]) / inputs)
    expect(part.weight).toEqual(at.map((row) => weight[row]))
    expect(part.lengths).toEqual(at.map((row) => labels[row] + 1))
  }
  const model = await modelOf(softmaxCrossEntropy(), { optimizer: adam({ learningRate: 0.01 }) })
  expect(babysit(model, { x, y: labels, weight }).checks.length).toBeGreaterThan(0)
})

// ---- lengths ----

/** y = x, but 0 in the steps that do not count: a layer as users write it. */
function mask(): Layer {
  return {
    kind: 'mask',
    config: {},
    plan(x, plan) {
      const { lengths } = plan
      if (!lengths) throw plan.error('wants a sequence')
      const [T] = x.shape
      const size = x.size / T
      const y = plan.value(x.shape)
      const cut = (n: number, from: Float64Array, bytes: Float64Array, to: Float64Array) => {
        const whole = new Int32Array(bytes.buffer, bytes.byteOffset)
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < T * size; j++) to[i * T * size + j] = j < whole[i] * size ? from[i * T * size + j] : 0
        }
      }
      plan.forward(cut, { sizes: [times(1)], reads: [x, lengths], writes: [y] })
      plan.backward(cut, { sizes: [times(1)], reads: [y.gradient, lengths], writes: [x.gradient] })
      return y
    },
  }
}

describe('lengths of sequences', () => {
  const [T, D] = [5, 2]
  const sequences = normals(rows * T * D)
  const lengths = [5, 1, 2, 3, 4, 5, 1, 2, 3, 4]
  const cut = sequences.map((v, i) => (Math.floor((i % (T * D)) / D) < lengths[Math.floor(i / (T * D))] ? v : 0))
  const make = (...before: Layer[]) =>
    createModel(sequential(...before, flatten(), dense(outputs)), {
      input: [T, D],
      batch: 4,
      loss: softmaxCrossEntropy(),
      optimizer: sgd({ learningRate: 0.1 }),
      seed: 3,
    })

  test('a layer reads them, behind others that keep the first axis too; all of T where none are given', async () => {
    const [masked, plain] = await Promise.all([make(relu(), mask()), make(relu(), relu())])
    plain.load(masked.save())
    const zero = cut
    expect(masked.predict(sequences, { lengths }).data).toEqual(plain.predict(zero).data)
    expect(masked.predict(sequences).data).toEqual(plain.predict(sequences).data)
    const first = sequences.slice(0, 4 * T * D)
    const some = lengths.slice(0, 4)
    expect(masked.forward(first, { lengths: some }).data).toEqual(plain.forward(zero.slice(0, 4 * T * D)).data)
    // Those of the pass before are gone.
    expect(masked.forward(first).data).toEqual(plain.forward(first).data)
    const [a, b] = [masked.evaluate({ x: sequences, y: labels, lengths }), plain.evaluate({ x: zero, y: labels })]
    expect(a).toEqual(b)
    expect(masked.trainStep(first, labels.slice(0, 4), { lengths: some })).toBe(
      plain.trainStep(zero.slice(0, 4 * T * D), labels.slice(0, 4)),
    )
    const [c, d] = await Promise.all([
      masked.fit({ x: sequences, y: labels, lengths }, { epochs: 2, validation: 0.2 }),
      plain.fit({ x: zero, y: labels }, { epochs: 2, validation: 0.2 }),
    ])
    expect([c.loss, c.validationLoss]).toEqual([d.loss, d.validationLoss])
    expect(gradientCheck(masked, first, labels.slice(0, 4), { lengths: some, input: true }).error).toBeLessThan(1e-6)
    const seen = activationStatistics(masked, first, labels.slice(0, 4), { lengths: some })
    expect(seen[1].activations.mean).toBe(
      activationStatistics(plain, zero.slice(0, 4 * T * D), labels.slice(0, 4))[0].activations.mean,
    )
  })

  test('a mean over several sets of rows is that over all', async () => {
    const model = await make(mask())
    const parts = [0, 5].map((from) => ({
      x: sequences.slice(from * T * D, (from + 5) * T * D),
      y: labels.slice(from, from + 5),
      lengths: lengths.slice(from, from + 5),
    }))
    const whole = model.evaluate({ x: sequences, y: labels, lengths })
    const [a, b] = parts.map((part) => model.evaluate(part))
    expect((a.loss + b.loss) / 2).toBeCloseTo(whole.loss, 13)
  })

  test('those that cannot be are refused', async () => {
    const [masked, plain] = await Promise.all([make(mask()), make()])
    const y = labels
    const wrong = (lengths: any, text: string) => {
      expect(() => masked.evaluate({ x: sequences, y, lengths })).toThrow(new DataError(text))
      expect(() => masked.predict(sequences, { lengths })).toThrow(new DataError(text))
    }
    wrong(lengths.with(2, 0), 'lengths: the length of row 2 is 0; want a whole number from 1 to 5')
    wrong(lengths.with(2, 6), 'lengths: the length of row 2 is 6; want a whole number from 1 to 5')
    wrong(lengths.with(2, 1.5), 'lengths: the length of row 2 is 1.5; want a whole number from 1 to 5')
    wrong([1], 'lengths: 1 number for 10 rows of x')
    expect(() => plain.predict(sequences, { lengths })).toThrow(
      new DataError(
        'lengths: nothing in this network reads the lengths of its rows, as recurrent layers do; leave them out',
      ),
    )
    const image = createModel(mask(), { input: [1, 4, 4] })
    await expect(image).rejects.toThrow('mask: wants a sequence')
    // A buffer may change between the check and the step.
    const changing = Int32Array.from(lengths)
    const run = masked.fit({ x: sequences, y, lengths: changing }, { onBatch: () => void changing.fill(9) })
    await expect(run).rejects.toThrow(/lengths: the length of row \d is 9/)
  })

  test('of a graph with several sequences, by name; behind a residual too', async () => {
    const two = await createModel(
      graph(['a', 'b'], ({ a, b }, use) => ({
        y: use('y', sequential(residual(sequential(relu(), mask())), flatten(), dense(1)), a),
        z: use('z', sequential(mask(), flatten(), dense(1)), b),
      })),
      { input: { a: [T, D], b: [3, D] }, batch: 2 },
    )
    const [a, b] = [normals(2 * T * D), normals(2 * 3 * D)]
    const full = two.predict({ a, b })
    const some = two.predict({ a, b }, { lengths: { b: [1, 2] } })
    expect(some.y).toEqual(full.y)
    expect(some.z).not.toEqual(full.z)
    expect(two.predict({ a, b }, { lengths: { a: [5, 2] } }).y).not.toEqual(full.y)
    const wrong: any = { lengths: { c: [1, 2] } }
    expect(() => two.predict({ a, b }, wrong)).toThrow("lengths has 'c', but the network has { a, b }")
    const most: any = { lengths: { b: [1, 4] } }
    expect(() => two.predict({ a, b }, most)).toThrow(
      'lengths.b: the length of row 1 is 4; want a whole number from 1 to 3',
    )
  })
})
