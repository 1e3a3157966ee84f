// Attention: what it sees, what it drops, what it takes of memory, and what it says of what does not fit.
import { describe as group, expect, test } from 'vitest'
import {
  type Layer,
  PlanError,
  attention,
  createModel,
  dense,
  describe,
  embedding,
  graph,
  layerNorm,
  mean,
  positions,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { randomData } from '../support/models'

const create = (layer: Layer, input: readonly number[], options: object = {}) =>
  createModel(layer, { input, batch: 3, seed: 4, ...options })

test('with causal, no position depends on a later one', async () => {
  const model = await create(attention({ heads: 2, causal: true }), [40, 4])
  const { x } = randomData(1, 160, 2)
  const before = model.forward(x).data.slice()
  for (let t = 37; t < 40; t++) x.fill(9, 4 * t, 4 * t + 4)
  const after = model.forward(x).data
  expect(after.subarray(0, 148)).toEqual(before.subarray(0, 148))
  for (let i = 148; i < 160; i++) expect(after[i]).not.toBe(before[i])
})

group.each([false, true])('lengths, causal: %s', (causal) => {
  test('what is behind the end of a row changes nothing, in either pass', async () => {
    const [long, short] = await Promise.all([5, 3].map((t) => create(attention({ heads: 2, causal }), [t, 4])))
    const { x } = randomData(2, 20, 2)
    const all = new Float64Array(40).fill(50)
    all.set(x.subarray(0, 12))
    all.set(x.subarray(20), 20)
    const y = long.forward(all, { lengths: [3, 5] }).data
    const alone = short.forward(x.subarray(0, 12)).data
    expect(y.subarray(0, 12)).toEqual(alone)
    const dy = new Float64Array(40)
    dy.set(randomData(1, 12, 2, 8).x)
    const dx = long.backward(dy).data
    expect(dx.subarray(0, 12)).toEqual(short.backward(dy.subarray(0, 12)).data)
    expect(dx.subarray(12, 40).every((value) => value === 0)).toBe(true)
    expect(long.gradients.in_proj_weight.data).toEqual(short.gradients.in_proj_weight.data)
  })
})

group('keep', () => {
  test('drops other weights in each pass, the same for a row whatever else is in the batch, and none in evaluation', async () => {
    const [dropping, whole] = await Promise.all([0.5, 1].map((keep) => create(attention({ heads: 2, keep }), [6, 4])))
    const { x } = randomData(3, 24, 2)
    const first = dropping.forward(x, { training: true }).data.slice()
    const second = dropping.forward(x, { training: true }).data.slice()
    expect(second).not.toEqual(first)
    dropping.passes = 0
    expect(dropping.forward(x.subarray(0, 24), { training: true }).data).toEqual(first.subarray(0, 24))
    expect(dropping.forward(x).data).toEqual(whole.forward(x).data)
  })

  test('is 1 / keep times as much on average', async () => {
    // Keys alike, so that all weights are; the values of one head are 1.
    const model = await create(attention({ keep: 0.75 }), [30, 1], { batch: 1 })
    model.parameters.in_proj_weight.data.set([0, 0, 0])
    model.parameters.in_proj_bias.data.set([0, 0, 1])
    model.parameters['out_proj.weight'].data.set([1])
    const means = Array.from({ length: 40 }, () => {
      const { data } = model.forward(new Float64Array(30), { training: true })
      return data.reduce((sum, value) => sum + value, 0) / 30
    })
    const average = means.reduce((sum, value) => sum + value, 0) / 40
    // 36,000 weights: 8 standard deviations of their mean are 0.025.
    expect(Math.abs(average - 1)).toBeLessThan(0.025)
    expect(new Set(means).size).toBeGreaterThan(20)
  })
})

test('memory grows with the length of a sequence, not with its square', () => {
  const memoryOf = (length: number) => {
    const network = sequential(attention({ heads: 4, causal: true }), mean(), dense(2))
    const { memory } = describe(network, { input: [length, 16], batch: 4, loss: softmaxCrossEntropy() })
    return memory.activations + memory.scratch
  }
  expect((memoryOf(4096) - memoryOf(2048)) / (memoryOf(2048) - memoryOf(1024))).toBeLessThan(2.1)
})

group('what does not fit', () => {
  const plan = (layer: Layer, input: readonly number[]) => () => describe(layer, { input })

  test('is named', () => {
    expect(plan(attention({ heads: 3 }), [5, 4])).toThrow(
      /^attention: 3 heads do not divide the 4 numbers of a position/,
    )
    expect(plan(attention(), [4])).toThrow(/^attention: wants sequences \(T, D\), got an input of shape \(4\)/)
    expect(plan(positions(), [1, 2, 3])).toThrow(
      /^positions: wants a sequence \(T, D\), got an input of shape \(1, 2, 3\)/,
    )
    expect(plan(layerNorm({ axes: 3 }), [4, 5])).toThrow(
      /^layerNorm: there are no 3 axes in examples of shape \(4, 5\)/,
    )
    expect(() => attention({ keep: 0 })).toThrow(/^attention: keep, the probability/)
    expect(() => attention({ dropout: 0.1 } as object)).toThrow(/^attention: .*keep/)
    expect(() => positions({ kind: 'cosines' as 'sines' })).toThrow(PlanError)
    expect(() => embedding(4, 2, { padding: 4 })).toThrow(
      /^embedding: padding must be an id of the vocabulary, below 4/,
    )
  })

  test('of two inputs is named', () => {
    const cross = (options: object) =>
      graph(['x', 'memory'], ({ x, memory }, use) => use('cross', attention(options), x, memory))
    const planned = (options: object, x: number[], memory: number[]) => () =>
      describe(cross(options), { input: { x, memory } })
    expect(planned({}, [2, 4], [3, 5])).toThrow(
      /^graph\.cross attention: its inputs are 4 and 5 wide, .*put dense\(4\)/,
    )
    expect(planned({ causal: true }, [2, 4], [3, 4])).toThrow(/^graph\.cross attention: causal is for one input/)
  })

  test('of a head that is tied to an embedding is named', () => {
    const tied = graph(['ids'], ({ ids }, use) => {
      const words = embedding(5, 4)
      return use('words', words, use('body', dense(3), use('words', words, ids)))
    })
    const input = { shape: [2], dtype: 'int32' } as const
    expect(() => describe(tied, { input })).toThrow(
      /^graph\.words embedding: used on values it wants 4 of them, .*\(2, 3\)/,
    )
  })
})
