// Several models that answer together: means against their definition, weights that are put aside and come back.
import { createModel } from '../src/model/create'
import type { Tensor } from '../src/tensor'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  PlanError,
  adam,
  averageWeights,
  batchNorm,
  binaryCrossEntropy,
  dense,
  ensemble,
  relu,
  sequential,
  snapshot,
  softmaxCrossEntropy,
} from '../src/entries/index'
import { bits, randomData } from './models'

const network = () => sequential(dense(6), batchNorm(), relu(), dense(3))
const create = (seed: number, more: object = {}) =>
  createModel(network(), {
    input: [4],
    batch: 8,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.02 }),
    seed,
    ...more,
  })
const { x, y } = randomData(20, 4, 3)
const fixed = (data: number[], classes: number) => ({
  predict: (): Tensor => ({ shape: [data.length / classes, classes], data: Float64Array.from(data) }),
})
const softmax = (scores: number[]) => {
  const powers = scores.map(Math.exp)
  return powers.map((p) => p / powers.reduce((a, b) => a + b))
}

describe('ensemble', () => {
  const a = [1, 2, 0, 1000, -1000, 0.5]
  const b = [0, 0, 3, 0, 1, 1]
  const members = [fixed(a, 3), fixed(b, 3)]

  test('averages probabilities', () => {
    const { shape, data } = ensemble(members).predict([0])
    expect(shape).toEqual([2, 3])
    const first = [softmax([1, 2, 0]), softmax([0, 0, 3])]
    const second = [[1, 0, 0], softmax([0, 1, 1])]
    for (const [row, [p, q]] of [first, second].entries()) {
      for (let i = 0; i < 3; i++) expect(data[3 * row + i]).toBeCloseTo((p[i] + q[i]) / 2, 14)
    }
  })

  test('counts votes, of equal scores for the first', () => {
    expect([...ensemble([...members, members[1]], { combine: 'votes' }).predict([0]).data].map((v) => v * 3)).toEqual([
      0, 1, 2, 1, 2, 0,
    ])
  })

  test('averages values', () => {
    expect([...ensemble(members, { combine: 'values' }).predict([0]).data]).toEqual([0.5, 1, 1.5, 500, -499.5, 0.75])
  })

  test('evaluates what it predicts', () => {
    const { data } = ensemble(members).predict([0])
    const { loss, accuracy } = ensemble(members).evaluate({ x: [0], y: [2n, 1n] })
    expect(accuracy).toBe(0.5)
    expect(loss).toBeCloseTo(-(Math.log(data[2]) + Math.log(data[4])) / 2, 14)
    expect(ensemble(members, { combine: 'votes' }).evaluate({ x: [0], y: [1, 0] })).toEqual({ loss: NaN, accuracy: 1 })
  })

  test('of one model is that model', async () => {
    const model = await create(1)
    const { loss, accuracy } = model.evaluate({ x, y })
    const one = ensemble([model]).evaluate({ x, y })
    expect(one.accuracy).toBe(accuracy)
    expect(one.loss).toBeCloseTo(loss, 12)
  })

  test('says what is wrong', async () => {
    const two = fixed([1, 2], 2)
    expect(() => ensemble([])).toThrow(PlanError)
    expect(() => ensemble([])).toThrow(/^ensemble: wants an array of models, one at least/)
    expect(() => ensemble([members[0], {} as never])).toThrow(/^ensemble: member 1 is no model/)
    expect(() => ensemble(members, { combine: 'mean' as never })).toThrow(
      /combine must be probabilities|combine must be '/,
    )
    expect(() => ensemble([...members, two]).predict([0])).toThrow(DataError)
    expect(() => ensemble([...members, two]).predict([0])).toThrow(/member 2 gives \(1, 2\), member 0 \(2, 3\)/)
    expect(() => ensemble(members).evaluate({ x: [0], y: [0] })).toThrow(/1 labels for 2 rows/)
    expect(() => ensemble(members).evaluate({ x: [0], y: [0, 3] })).toThrow(/label of row 1 is 3/)
  })
})

test.each(['float64', 'float32'] as const)(
  'a snapshot answers as the model did, and leaves it alone, %s',
  async (dtype) => {
    const model = await create(2, { dtype })
    await model.fit({ x, y }, { epochs: 2 })
    const kept = snapshot(model)
    const then = { answer: model.predict(x), result: model.evaluate({ x, y }), bits: bits(model) }
    await model.fit({ x, y }, { epochs: 3 })
    const now = bits(model)
    expect(now).not.toEqual(then.bits)
    expect(kept.predict(x)).toEqual(then.answer)
    expect(kept.evaluate({ x, y })).toEqual(then.result)
    expect(() => kept.predict([1])).toThrow(DataError)
    expect(bits(model)).toEqual(now)
    const both = ensemble([kept, model]).predict(x).data
    expect(both[5]).toBeCloseTo((ensemble([kept]).predict(x).data[5] + ensemble([model]).predict(x).data[5]) / 2, 15)
    kept.swap()
    expect(bits(model)).toEqual(then.bits)
    kept.swap()
    expect(bits(model)).toEqual(now)
  },
)

describe('averageWeights', () => {
  test.each([
    ['the plain mean', 1, (t: number) => (t - 1) / t],
    ['an exponential average', 0.6, (t: number) => Math.min(0.6, (t - 1) / t)],
    ['the latest', 0, () => 0],
  ])('is %s, of parameters and buffers', async (_, decay, share) => {
    const model = await create(3)
    const average = averageWeights(model, { decay })
    const tensors = { ...model.parameters, ...model.buffers }
    const mean = Object.values(tensors).map(({ data }) => Array.from(data, () => 0))
    let t = 0
    await model.fit(
      { x, y },
      {
        epochs: 4,
        onBatch() {
          average.update()
          t++
          Object.values(tensors).forEach(({ data }, i) =>
            data.forEach((value, j) => (mean[i][j] = share(t) * mean[i][j] + (1 - share(t)) * value)),
          )
        },
      },
    )
    const before = bits(model)
    const result = average.evaluate({ x, y })
    expect(bits(model)).toEqual(before)
    average.swap()
    expect(model.evaluate({ x, y })).toEqual(result)
    Object.values(tensors).forEach(({ data }, i) =>
      data.forEach((value, j) => expect(value).toBeCloseTo(mean[i][j], 12)),
    )
  })

  test('before an update is the model as it was', async () => {
    const model = await create(4)
    const average = averageWeights(model)
    const { data } = model.predict(x)
    await model.fit({ x, y })
    expect(average.predict(x).data).toEqual(data)
    expect(() => averageWeights(model, { decay: 1.5 })).toThrow(/^averageWeights: decay must be/)
  })
})

describe('one output', () => {
  const rows = 60
  const { x } = randomData(rows, 4, 2)
  const yes = Array.from({ length: rows }, (_, i) => (x[4 * i] + x[4 * i + 1] > 0 ? 1 : 0))

  test('probabilities are those of the sigmoid, and answers are not all yes', async () => {
    const members = await Promise.all(
      [1, 2, 3].map(async (seed) => {
        const model = await createModel(dense(1), {
          input: [4],
          batch: 20,
          seed,
          loss: binaryCrossEntropy(),
          optimizer: adam({ learningRate: 0.1 }),
        })
        await model.fit({ x, y: yes }, { epochs: 20 })
        return model
      }),
    )
    const mean = Array.from({ length: rows }, (_, i) =>
      members.reduce((sum, m) => sum + 1 / (1 + Math.exp(-m.predict(x).data[i])) / 3, 0),
    )
    for (const all of [members, members.map((model) => snapshot(model))]) {
      const joined = ensemble(all)
      joined.predict(x).data.forEach((p, i) => expect(p).toBeCloseTo(mean[i], 12))
      const { loss, accuracy } = joined.evaluate({ x, y: yes })
      const right = mean.filter((p, i) => p > 0.5 === yes[i] > 0.5).length
      expect(accuracy).toBeCloseTo(right / rows, 12)
      expect(accuracy).toBeGreaterThan(0.9)
      const naive = mean.reduce((sum, p, i) => sum - Math.log(yes[i] ? p : 1 - p) / rows, 0)
      expect(loss).toBeCloseTo(naive, 12)
    }
    const votes = ensemble(members, { combine: 'votes' }).predict(x).data
    expect(new Set(votes).has(0)).toBe(true)
  })
})
