// A loss that is a function: the same numbers as the loss that it does by hand, pairs against PyTorch's numbers.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  PlanError,
  adam,
  concat,
  createModel,
  createRandom,
  customLoss,
  dense,
  ensemble,
  flatten,
  gradientCheck,
  graph,
  loadModel,
  meanSquaredError,
  relu,
  reshape,
  sequential,
  sgd,
  softmaxCrossEntropy,
  tanh,
} from '../../src/entries/index'

const random = createRandom(5)
const normals = (count: number) => Array.from({ length: count }, () => random.normal())
const [inputs, outputs, rows] = [4, 3, 10]
const x = normals(rows * inputs)
const y = normals(rows * outputs)

/** meanSquaredError by hand, with the weights of examples. */
const squares = (more: object = {}) =>
  customLoss(
    (values, targets, gradients, n, weights) => {
      const size = values.length / n
      const all = Array.from(weights).reduce((sum, weight) => sum + weight, 0)
      let loss = 0
      values.forEach((value, i) => {
        const share = weights[Math.floor(i / size)] / all / size
        loss += share * (value - targets[i]) ** 2
        gradients[i] += 2 * share * (value - targets[i])
      })
      return loss
    },
    { weighted: true, ...more },
  )
const modelOf = (loss: ReturnType<typeof customLoss>, more: object = {}) =>
  createModel(sequential(dense(6), relu(), dense(outputs)), {
    input: [inputs],
    batch: 4,
    loss,
    optimizer: sgd({ learningRate: 0.1 }),
    seed: 2,
    ...more,
  })

describe('a loss as a function', () => {
  test.each([{}, { weight: 0.25 }])('trains as the loss that it is, %o', async (more) => {
    const weight = Array.from({ length: rows }, (_, i) => i % 3)
    for (const data of [
      { x, y },
      { x, y, weight },
    ]) {
      const [own, known] = await Promise.all([modelOf(squares(more)), modelOf(meanSquaredError(more))])
      const [a, b] = await Promise.all([own, known].map((model) => model.fit(data, { epochs: 3, validation: data })))
      a.loss.forEach((loss, i) => expect(loss).toBeCloseTo(b.loss[i], 12))
      a.validationLoss.forEach((loss, i) => expect(loss).toBeCloseTo(b.validationLoss[i], 12))
      const evaluated = own.evaluate(data)
      expect(evaluated.loss).toBeCloseTo(known.evaluate(data).loss, 12)
      expect(evaluated.accuracy).toBeNaN()
    }
    const model = await modelOf(squares(more))
    expect(gradientCheck(model, x.slice(0, 12), y.slice(0, 9), { samples: 30 }).error).toBeLessThan(1e-6)
  })

  test('gets the rows in use alone, and the same bits on both engines and in both precisions', async () => {
    const seen: number[] = []
    const loss = customLoss((values, targets, gradients, n, weights) => {
      seen.push(n, values.length, targets.length, gradients.length, weights.length)
      expect(gradients.every((one) => one === 0)).toBe(true)
      gradients[0] = 1
      return values[0]
    })
    for (const dtype of ['float64', 'float32'] as const) {
      const runs = await Promise.all(
        (['wasm', 'js'] as const).map(async (backend) => {
          const model = await modelOf(loss, { dtype, backend })
          const losses = [3, 1, 3].map((n) => model.trainStep(x.slice(0, n * inputs), y.slice(0, n * outputs)))
          return [losses, ...Object.values(model.parameters).map(({ data }) => data.slice())]
        }),
      )
      expect(runs[0]).toEqual(runs[1])
    }
    expect(seen.slice(0, 10)).toEqual([3, 9, 9, 9, 3, 1, 3, 3, 3, 1])
  })

  test('labels are whole numbers, and targets may have a shape of their own', async () => {
    let labels: unknown
    const byLabels = await modelOf(
      customLoss((_, targets) => ((labels = [...targets]), targets instanceof Int32Array ? 1 : 0), {
        targets: 'labels',
      }),
    )
    expect(byLabels.trainStep(x.slice(0, 8), [2, 1])).toBe(1)
    expect(labels).toEqual([2, 1])
    expect(() => byLabels.trainStep(x.slice(0, 8), [2, 3])).toThrow(DataError)
    let targets: unknown
    const five = await modelOf(customLoss((_, given) => ((targets = [...given]), 0), { targets: [2, 1] }))
    five.trainStep(x.slice(0, 8), [1, 2, 3, 4])
    expect(targets).toEqual([1, 2, 3, 4])
    expect(() => five.trainStep(x.slice(0, 8), [1, 2, 3])).toThrow('y: want rows of 2 numbers (shape 2 x 1), got 3')
  })

  test('what cannot be is refused', async () => {
    const unweighted = await modelOf(customLoss(() => 0))
    expect(() => unweighted.evaluate({ x, y, weight: Array(rows).fill(2) })).toThrow(
      'weight: customLoss is a function over the whole batch, which knows of no weights; leave them out, or have it take them',
    )
    const text: any = customLoss((() => '1') as never)
    expect(() => (void 0, text) && 0).not.toThrow()
    const wrong = await modelOf(text)
    expect(() => wrong.trainStep(x.slice(0, 4), y.slice(0, 3))).toThrow(
      'customLoss: the loss must be a number, got "1"',
    )
    expect(() => customLoss(5 as never)).toThrow(PlanError)
    expect(() => customLoss(() => 0, { weight: 0 })).toThrow('customLoss: weight must be more than 0')
    expect(() => customLoss(() => 0, { targets: 'classes' as never })).toThrow(/^customLoss: targets must be/)
    expect(() => customLoss(() => 0, { targets: [0] })).toThrow(PlanError)
    const model = await modelOf(squares())
    await expect(loadModel(model.save())).rejects.toThrow(/customLoss/)
    expect((await loadModel(model.save(), { loss: squares() })).evaluate({ x, y }).loss).toBe(
      model.evaluate({ x, y }).loss,
    )
  })
})

test('pairs that are alike or not, as PyTorch trains them', async () => {
  const { cases } = JSON.parse(readFileSync(new URL('../fixtures/golden/training2.json', import.meta.url), 'utf8'))
  const { config, inputs: given, outputs: wanted } = cases.find((c: any) => c.config.kind === 'siamese')
  const { features, hidden, size, margin, steps, optimizer } = config
  const contrastive = customLoss(
    (pairs, same, gradients, n) => {
      let loss = 0
      for (let i = 0; i < n; i++) {
        const a = 2 * size * i
        let squared = 0
        for (let j = 0; j < size; j++) squared += (pairs[a + j] - pairs[a + size + j]) ** 2
        const distance = Math.sqrt(squared)
        const off = same[i] ? distance : Math.max(0, margin - distance)
        loss += (off * off) / n
        const slope = distance ? ((same[i] ? 2 : -2) * off) / (n * distance) : 0
        for (let j = 0; j < size; j++) {
          const d = slope * (pairs[a + j] - pairs[a + size + j])
          gradients[a + j] = d
          gradients[a + size + j] = -d
        }
      }
      return loss
    },
    { targets: [1] },
  )
  const network = graph(['a', 'b'], ({ a, b }, use) => {
    const body = sequential({ hidden: dense(hidden), tanh: tanh(), out: dense(size) })
    return use('pair', concat(), use('body', body, a), use('body', body, b))
  })
  const model = await createModel(network, {
    input: { a: [features], b: [features] },
    batch: 6,
    loss: contrastive,
    optimizer: adam(optimizer.config),
  })
  for (const [name, { data }] of Object.entries<any>(given.parameters)) model.parameters[name].data.set(data)
  for (let step = 0; step < steps; step++) {
    const { a, b, same } = given.batches[step % given.batches.length]
    const loss = model.trainStep({ a: a.data, b: b.data }, Array.from(same.data ?? same, Number))
    expect(Math.abs(loss / wanted.loss[step] - 1)).toBeLessThan(1e-8)
  }
  for (const [name, { data }] of Object.entries<any>(wanted.parameters)) {
    data.forEach((value: number, i: number) => expect(model.parameters[name].data[i]).toBeCloseTo(value, 9))
  }
})

test('labels of each position: the mean and the answers are over those that count', async () => {
  const [T, K] = [3, 4]
  const scores = normals(2 * T * K)
  const labels = [1, -1, 2, 0, 3, -1]
  const model = await createModel(sequential(), {
    input: [T, K],
    batch: 2,
    loss: softmaxCrossEntropy({ ignoreIndex: -1 }),
  })
  const one = await createModel(sequential(), { input: [K], batch: 8, loss: softmaxCrossEntropy() })
  const counting = [0, 2, 3, 4]
  const flat = {
    x: counting.flatMap((at) => scores.slice(at * K, (at + 1) * K)),
    y: counting.map((at) => labels[at]),
  }
  const [a, b] = [
    model.evaluate({ x: scores, y: labels }, { topK: 2, confusion: true }),
    one.evaluate(flat, { topK: 2, confusion: true }),
  ]
  expect(a.loss).toBeCloseTo(b.loss, 14)
  expect({ ...a, loss: 0 }).toEqual({ ...b, loss: 0 })
  expect(() => model.evaluate({ x: scores, y: labels.with(0, 4) })).toThrow(
    'y: the label of row 0, position 0 is 4; want an integer from 0 to 3, a class of the 4 scores, or -1, which is ignored',
  )
  expect(() => model.evaluate({ x: scores, y: [1, 2] })).toThrow(
    'y: 2 labels for 2 rows of x; each row has 3, one for each position',
  )
  // Beyond its length a label may be anything.
  const cut = model.evaluate({ x: scores, y: [1, 99, -7, 0, 3, NaN], lengths: [1, 2] })
  const some = one.evaluate({
    x: [0, 3, 4].flatMap((at) => scores.slice(at * K, (at + 1) * K)),
    y: [1, 0, 3],
  })
  expect(cut.loss).toBeCloseTo(some.loss, 14)
  expect(cut.accuracy).toBe(some.accuracy)
  const { data } = model.predict(scores, { probabilities: true })
  for (let i = 0; i < 2 * T; i++) {
    expect(data.subarray(i * K, (i + 1) * K).reduce((sum, p) => sum + p)).toBeCloseTo(1, 14)
  }
  // Steps of a series beyond their length do not count either.
  const series = await createModel(sequential(), { input: [T, 1], batch: 2, loss: meanSquaredError() })
  const [values, targets] = [normals(6), normals(6)]
  const errors = [0, 3, 4].map((at) => (values[at] - targets[at]) ** 2)
  expect(series.evaluate({ x: values, y: targets, lengths: [1, 2] }).loss).toBeCloseTo(
    errors.reduce((sum, error) => sum + error) / 3,
    14,
  )
})

test('soft labels are right where the highest score is that of the highest target', async () => {
  const model = await createModel(sequential(), {
    input: [3],
    loss: softmaxCrossEntropy({ softLabels: true }),
  })
  const result = model.evaluate({ x: [1, 2, 0, 3, 0, 0, 0, 0, 1], y: [0.1, 0.6, 0.3, 0.2, 0.5, 0.3, 0, 0, 1] })
  expect(result.accuracy).toBe(2 / 3)
  expect(() => model.evaluate({ x: [1, 2, 0], y: [0, 2, 0] })).toThrow('want targets from 0 to 1')
  expect(() => softmaxCrossEntropy({ softLabels: true, ignoreIndex: 1 })).toThrow(PlanError)
})

test('an ensemble answers each position', async () => {
  const make = (seed: number) =>
    createModel(sequential(flatten(), dense(6), reshape([2, 3])), {
      input: [2, 4],
      batch: 4,
      loss: softmaxCrossEntropy(),
      seed,
    })
  const members = await Promise.all([make(1), make(2)])
  const together = ensemble(members)
  const [a, b] = members.map((model) => model.predict(x.slice(0, 16), { probabilities: true }).data)
  const { data, shape } = together.predict(x.slice(0, 16))
  expect(shape).toEqual([2, 2, 3])
  data.forEach((value, i) => expect(value).toBeCloseTo((a[i] + b[i]) / 2, 14))
  const labels = [0, 1, 2, 1]
  const { loss } = together.evaluate({ x: x.slice(0, 16), y: labels })
  expect(loss).toBeCloseTo(
    labels.reduce((sum, label, i) => sum - Math.log(data[3 * i + label]) / 4, 0),
    13,
  )
  const ignoring = ensemble([
    await createModel(dense(3), { input: [4], loss: softmaxCrossEntropy({ ignoreIndex: -1 }) }),
  ])
  expect(() => ignoring.evaluate({ x: x.slice(0, 4), y: [1] })).toThrow(
    'ensemble.evaluate: takes labels that all count',
  )
})
