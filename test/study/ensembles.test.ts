// Several models that answer together: means against their definition, weights that are put aside and come back.
import type { Tensor } from '../../src/tensor'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  type Ensemble,
  type Loss,
  type Model,
  PlanError,
  adam,
  averageWeights,
  batchNorm,
  binaryCrossEntropy,
  createModel,
  dense,
  ensemble,
  hinge,
  meanSquaredError,
  relu,
  sequential,
  snapshot,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'

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
    expect(() => ensemble(members).evaluate({ x: [0], y: [0] })).toThrow(/1 label for 2 rows/)
    expect(() => ensemble(members).evaluate({ x: [0], y: [0, 3] })).toThrow(/label of row 1 is 3/)
  })
})

describe('ensemble, by the loss of its members', () => {
  const sigmoid = (z: number) => 1 / (1 + Math.exp(-z))
  /** Which of the rows have a first value above 0, in each of so many columns. */
  const yes = (columns: number) =>
    Float64Array.from({ length: 20 * columns }, (_, i) => Number(x[4 * Math.floor(i / columns)] > 0))
  const models = async (outputs: number, loss: Loss, optimizer = adam({ learningRate: 0.05 })) => {
    const all = await Promise.all(
      [1, 2, 3].map((seed) => createModel(dense(outputs), { input: [4], batch: 8, loss, optimizer, seed })),
    )
    return all as Model[]
  }

  test.each([1, 3])('binary cross-entropy of %d outputs: a sigmoid of each value', async (outputs) => {
    const members = await models(outputs, binaryCrossEntropy())
    const targets = yes(outputs)
    for (const model of members) await model.fit({ x, y: targets }, { epochs: 4 })
    const scores = members.map((model) => model.predict(x).data)
    const mean = Array.from(targets, (_, i) => scores.reduce((sum, z) => sum + sigmoid(z[i]) / 3, 0))
    const together = ensemble(members)
    const { shape, data } = together.predict(x)
    expect(shape).toEqual([20, outputs])
    mean.forEach((p, i) => expect(data[i]).toBeCloseTo(p, 14))
    expect(new Set(data).size).toBeGreaterThan(10)
    const { loss, accuracy } = together.evaluate({ x, y: targets })
    const naive = mean.reduce((sum, p, i) => sum - Math.log(targets[i] ? p : 1 - p), 0) / mean.length
    expect(loss).toBeCloseTo(naive, 12)
    expect(accuracy).toBe(mean.filter((p, i) => p > 0.5 === targets[i] > 0.5).length / mean.length)
    expect(accuracy).toBeGreaterThan(0.7)
    // Of one model it is what that says itself.
    const own = members[0].evaluate({ x, y: targets })
    const alone = ensemble([members[0]]).evaluate({ x, y: targets })
    expect(alone.loss).toBeCloseTo(own.loss, 13)
    expect(alone.accuracy).toBeCloseTo(own.accuracy, 14)

    const votes = ensemble(members, { combine: 'votes' })
    const share = Array.from(targets, (_, i) => scores.filter((z) => z[i] > 0).length / 3)
    votes.predict(x).data.forEach((v, i) => expect(v).toBeCloseTo(share[i], 15))
    const voted = share.filter((v, i) => v > 0.5 === targets[i] > 0.5).length / share.length
    expect(votes.evaluate({ x, y: targets })).toEqual({ loss: NaN, accuracy: voted })
    const raw = ensemble(members, { combine: 'values' })
    const sums = Array.from(targets, (_, i) => scores.reduce((sum, z) => sum + z[i], 0))
    raw.predict(x).data.forEach((v, i) => expect(v).toBeCloseTo(sums[i] / 3, 13))
    const right = sums.filter((v, i) => v > 0 === targets[i] > 0.5).length / sums.length
    expect(raw.evaluate({ x, y: targets })).toEqual({ loss: NaN, accuracy: right })
  })

  test('targets between yes and no, and scores so large that probabilities are 0 and 1', async () => {
    const [model] = await models(1, binaryCrossEntropy())
    model.parameters.weight.data.set([900, 0, 0, 0])
    model.parameters.bias.data[0] = 0
    const data = { x: [1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0], y: [0, 1, 0.25] }
    expect(ensemble([model]).evaluate(data).loss).toBeCloseTo((900 + 900 + Math.log(2)) / 3, 10)
    expect(model.evaluate(data).loss).toBeCloseTo((900 + 900 + Math.log(2)) / 3, 10)
    const scores = ensemble([fixed([2000, 0, 0, 0, 0, 1000], 3)])
    expect(scores.evaluate({ x: [0], y: [1, 0] }).loss).toBeCloseTo((2000 + 1000) / 2, 10)
  })

  test('mean squared error: means of values, and their error', async () => {
    const members = await models(2, meanSquaredError())
    const targets = Float64Array.from({ length: 40 }, (_, i) => Math.sin(i))
    const values = members.map((model) => model.predict(x).data)
    const mean = Array.from(targets, (_, i) => values.reduce((sum, v) => sum + v[i] / 3, 0))
    const { data } = ensemble(members).predict(x)
    mean.forEach((v, i) => expect(data[i]).toBeCloseTo(v, 14))
    const { loss, accuracy } = ensemble(members).evaluate({ x, y: targets })
    expect(loss).toBeCloseTo(mean.reduce((sum, v, i) => sum + (v - targets[i]) ** 2, 0) / 40, 13)
    expect(accuracy).toBeNaN()
    expect(() => ensemble(members, { combine: 'probabilities' })).toThrow(
      /^ensemble: meanSquaredError has no probabilities; take combine: 'values'$/,
    )
    expect(() => ensemble(members, { combine: 'votes' })).toThrow(/no classes to vote for/)
  })

  test('hinge: means of scores', async () => {
    const members = await models(3, hinge())
    const { data } = ensemble(members).predict(x)
    const scores = members.map((model) => model.predict(x).data)
    expect(data[7]).toBeCloseTo((scores[0][7] + scores[1][7] + scores[2][7]) / 3, 14)
    const right = Array.from(y).filter((label, i) => {
      const row = Array.from(data.subarray(3 * i, 3 * i + 3))
      return row.indexOf(Math.max(...row)) === label
    })
    expect(ensemble(members).evaluate({ x, y })).toEqual({ loss: NaN, accuracy: right.length / 20 })
    expect(() => ensemble(members, { combine: 'probabilities' })).toThrow(/hinge has no probabilities; .* or 'votes'$/)
  })

  test('snapshots, averaged weights and ensembles are members like the models that they are of', async () => {
    const [a, b] = await models(1, binaryCrossEntropy())
    const [p, q] = [a, b].map((model) => Array.from(model.predict(x).data, sigmoid))
    const mean = Array.from(p, (v, i) => (v + q[i]) / 2)
    const targets = yes(1)
    for (const members of [
      [snapshot(a), averageWeights(b)],
      [ensemble([a]), ensemble([b])],
      [ensemble([a, b]), snapshot(a), b],
    ]) {
      const { data } = ensemble(members).predict(x)
      mean.forEach((v, i) => expect(data[i]).toBeCloseTo(v, 14))
      const loss = mean.reduce((sum, v, i) => sum - Math.log(targets[i] ? v : 1 - v), 0) / 20
      expect(ensemble(members).evaluate({ x, y: targets }).loss).toBeCloseTo(loss, 12)
    }
    // A softmax is not taken twice.
    const classifiers = [await create(1), await create(2)]
    const inner = ensemble(classifiers)
    expect(ensemble([inner]).predict(x).data).toEqual(inner.predict(x).data)
  })

  test('says what does not go together', async () => {
    const [binary] = await models(1, binaryCrossEntropy())
    const [values] = await models(1, meanSquaredError())
    const bare = await createModel(dense(1), { input: [4] })
    const untyped = ensemble as (...args: unknown[]) => Ensemble
    expect(() => ensemble([binary, values])).toThrow(
      /^ensemble: the loss of member 1 is meanSquaredError, that of member 0 binaryCrossEntropy/,
    )
    expect(() => ensemble([bare]).predict(x)).toThrow(
      /^ensemble: .* of which a softmax is always 1.*binaryCrossEntropy/,
    )
    expect(ensemble([bare], { combine: 'values' }).predict(x).data).toEqual(bare.predict(x).data)
    expect(() => untyped([create(1)])).toThrow(/^ensemble: member 0 is a promise: await createModel/)
    expect(() => untyped(binary, values)).toThrow(/^ensemble: options must be an object with combine/)
    expect(() => untyped(binary)).toThrow(/^ensemble: wants an array of models/)
    expect(() => untyped([binary], {}, 1)).toThrow(/^ensemble: takes 2 arguments/)
    expect(() => ensemble([{ predict: () => 5 } as never]).predict(x)).toThrow(/^ensemble: member 0 must predict/)
    expect(() => ensemble([binary]).evaluate({ x, y: [1] })).toThrow(/^y: 1 row of targets for 20 rows of x/)
    expect(() => ensemble([binary]).evaluate({ x, y: yes(1).fill(2) })).toThrow(
      /row 0 holds 2; want targets from 0 to 1/,
    )
    expect(() => ensemble([binary]).evaluate({ x, y: yes(1), weight: 1 } as never)).toThrow(
      /^ensemble.evaluate: data has 'weight', which is not read/,
    )
    expect(() => (snapshot as (model: unknown) => unknown)(create(1))).toThrow(/^snapshot: the model is a promise/)
    expect(() => (averageWeights as (model: unknown) => unknown)({})).toThrow(
      /^averageWeights: wants a model of createModel/,
    )
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

describe('weights that were put aside take what a model takes', () => {
  test('probabilities, topK and confusion; nothing else', async () => {
    const model = await create(5)
    const average = averageWeights(model)
    for (const kept of [snapshot(model), average]) {
      expect(kept.predict(x, { probabilities: true })).toEqual(model.predict(x, { probabilities: true }))
      expect(kept.evaluate({ x, y }, { topK: 2, confusion: true })).toEqual(
        model.evaluate({ x, y }, { topK: 2, confusion: true }),
      )
      const untyped = kept as unknown as Record<string, (...args: unknown[]) => unknown>
      expect(() => untyped.predict(x, { nonsense: 1 })).toThrow(/^predict: unknown option 'nonsense'/)
      expect(() => untyped.predict(x, {}, 1)).toThrow(/^predict: takes 2 arguments/)
      expect(() => untyped.evaluate({ x, y }, {}, 1)).toThrow(/^evaluate: takes 2 arguments/)
      expect(() => untyped.evaluate(x, y)).toThrow(/^evaluate: data must be one object/)
      const before = bits(model)
      expect(() => untyped.swap(5)).toThrow(/^swap: takes no arguments, got 5/)
      expect(bits(model)).toEqual(before)
    }
  })

  test('batches that come at once, and none that come later, which other weights would judge', async () => {
    const model = await create(5)
    const kept = snapshot(model)
    const result = kept.evaluate({ x, y })
    await model.fit({ x, y }, { epochs: 2 })
    const rows = (first: number, last: number) => ({ x: x.subarray(4 * first, 4 * last), y: y.subarray(first, last) })
    const batches = [rows(0, 8), rows(8, 16), rows(16, 20)]
    expect(kept.evaluate(batches).loss).toBeCloseTo(result.loss, 13)
    expect(kept.evaluate(() => batches).loss).toBeCloseTo(result.loss, 13)
    let taken = 0
    async function* later() {
      taken++
      yield* batches
    }
    const wanted = /^evaluate: weights that were put aside cannot wait for batches; swap\(\), await/
    for (const data of [later(), later]) {
      expect(() => kept.evaluate(data as never)).toThrow(wanted)
      expect(() => kept.evaluate(data as never)).toThrow(PlanError)
    }
    expect(() => kept.evaluate(class {} as never)).toThrow(/^evaluate: data must be a function/)
    expect(taken).toBe(0)
    expect(kept.evaluate({ x, y })).toEqual(result)
  })

  test('ensembles say what they cannot do', async () => {
    const model = await create(5)
    const one = ensemble([model])
    expect(one.predict(x, { probabilities: true })).toEqual(one.predict(x))
    const untyped = one as unknown as Record<string, (...args: unknown[]) => unknown>
    expect(() => untyped.predict(x, { nonsense: 1 })).toThrow(/^ensemble.predict: unknown option 'nonsense'/)
    expect(() => one.predict(x, { probabilities: false })).toThrow(/its combine is 'probabilities'.* cannot be false/)
    const votes = ensemble([model], { combine: 'votes' })
    expect(() => votes.predict(x, { probabilities: true })).toThrow(/its combine is 'votes'.* cannot be true/)
    expect(() => untyped.evaluate({ x, y }, { topK: 2 })).toThrow(/^ensemble.evaluate: takes one argument, got another/)
  })

  test.each<[string, unknown, RegExp]>([
    ['{}', {}, /^ensemble: member 1 must predict \{ shape: .*, got \{\}/],
    ['nothing', undefined, /^ensemble: member 1 must predict .*, got undefined/],
    ['a promise', Promise.resolve(), /^ensemble: member 1 must predict .*, got a promise/],
    ['NaN', { shape: [1, 2], data: [1, NaN] }, /^ensemble: member 1 gives NaN at 1; answers must be finite numbers/],
    ['a text', { shape: [1, 2], data: ['1', 2] }, /^ensemble: member 1 gives "1" at 0/],
    ['a bigint', { shape: [1, 2], data: [1n, 2] }, /^ensemble: member 1 gives 1n at 0/],
    ['too few values', { shape: [1, 2], data: [1] }, /^ensemble: member 1 must predict .*, got \{/],
  ])('a member that answers with %s is named', (_, answer, message) => {
    const bad = { predict: () => answer } as never
    const all = ensemble([fixed([1, 2], 2), bad])
    for (const ask of [() => all.predict([0]), () => all.evaluate({ x: [0], y: [0] })]) {
      expect(ask).toThrow(DataError)
      expect(ask).toThrow(message)
    }
  })

  test('one value a row is no score of a class, values or not', () => {
    const values = ensemble([fixed([1, 2], 1)], { combine: 'values' })
    expect([...values.predict([0]).data]).toEqual([1, 2])
    expect(() => values.evaluate({ x: [0], y: [0, 1] })).toThrow(
      /^ensemble: members give one value for each row.*models of one output with binaryCrossEntropy\(\)$/,
    )
  })
})

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

  test('of numbers near the ends of the range', async () => {
    const model = await create(3)
    const average = averageWeights(model, { decay: 1 })
    const { data } = model.parameters['0.weight']
    for (const value of [1.7e308, -1.7e308]) {
      data.fill(value)
      average.update()
    }
    average.swap()
    expect(data[0]).toBe(0)
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
