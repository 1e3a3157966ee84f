// What stands behind the end of a row counts nowhere, or somebody says where it does.
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type Layer,
  attention,
  concat,
  conv1d,
  createModel,
  createRandom,
  customLoss,
  dense,
  flatten,
  graph,
  gru,
  lstm,
  mean,
  meanSquaredError,
  permute,
  repeat,
  reshape,
  sequential,
  sgd,
  softmaxCrossEntropy,
  take,
} from '../../src/entries/index'

const random = createRandom(4)
const [N, T, D] = [3, 6, 2]
const lengths = [3, 6, 1]
const x = Float64Array.from({ length: N * T * D }, () => random.normal())
/** The same with other numbers behind the ends. */
const other = x.map((value, i) => ((((i / D) % T) | 0) < lengths[Math.floor(i / (T * D))] ? value : value + 5))
const optimizer = sgd({ learningRate: 0.1 })
const notes = () => vi.spyOn(console, 'warn').mockImplementation(() => {})
afterEach(() => void vi.restoreAllMocks())

describe.each(['wasm', 'js'] as const)('%s', (backend) => {
  test.each<[string, () => Layer]>([
    ['the mean of a recurrent layer', () => sequential(gru(4, { output: 'all' }), mean(), dense(3))],
    ['the mean of attention', () => sequential(attention(), mean(), dense(3))],
    ['the mean of one number a step', () => sequential(lstm(1, { output: 'all' }), mean(), dense(3))],
    ['the mean of the input itself', () => sequential(mean(), dense(3))],
  ])('%s', async (_, network) => {
    const warn = notes()
    const models = [1, 2].map((seed) =>
      createModel(network(), {
        input: [T, D],
        batch: 4,
        loss: softmaxCrossEntropy(),
        optimizer,
        seed: 1,
        backend,
        threads: backend === 'js' ? 1 : seed,
      }),
    )
    const [a, b] = await Promise.all(models)
    const scores = a.predict(x, { lengths }).data
    expect(b.predict(other, { lengths }).data).toEqual(scores)
    // As the row alone, cut where it ends.
    const short = await createModel(network(), { input: [lengths[0], D], batch: 4, seed: 1, backend })
    expect(Array.from(short.predict(x.slice(0, lengths[0] * D)).data)).toEqual(Array.from(scores.slice(0, 3)))
    expect(a.trainStep(x, [0, 1, 2], { lengths })).toBe(b.trainStep(other, [0, 1, 2], { lengths }))
    expect(Object.values(a.parameters).map(({ data }) => data)).toEqual(
      Object.values(b.parameters).map(({ data }) => data),
    )
    expect(warn).not.toHaveBeenCalled()
  })
})

test('lengths are those of the input whose steps a value has, not of one that happens to be as long', async () => {
  const network = (from: 'src' | 'tgt') =>
    graph(['src', 'tgt'], (given, use) => {
      const memory = use('rep', repeat(5), use('enc', lstm(4), given.src))
      const both = use('mix', concat({ axis: 1 }), memory, given.tgt)
      return use('out', dense(3), from === 'src' ? use('all', lstm(4, { output: 'all' }), both) : both)
    })
  const model = await createModel(network('src'), {
    input: { src: [5, 2], tgt: [5, 2] },
    batch: 1,
    loss: softmaxCrossEntropy(),
    optimizer,
  })
  const data = { src: Float64Array.from({ length: 10 }, (_, i) => i / 10), tgt: new Float64Array(10).fill(0.5) }
  const all = model.evaluate({ x: data, y: [0, 1, 2, 0, 1] }).loss
  const cut = model.evaluate({ x: data, y: [0, 1, 2, 0, 1], lengths: { src: [2] } }).loss
  // What src ends with changes what all five positions say; none of them is left out.
  expect(cut).not.toBe(all)
  const label = (at: number) => model.evaluate({ x: data, y: [0, 1, 2, 0, 1].with(at, 2), lengths: { src: [2] } }).loss
  expect(label(4)).not.toBe(cut)
})

test('a forecast of as many steps as there were', async () => {
  const network = sequential(lstm(8), dense(4), reshape([4, 1]))
  const model = await createModel(network, { input: [4, 1], batch: 1, loss: meanSquaredError(), optimizer })
  const loss = (y: number[]) => model.evaluate({ x: [1, 2, 3, 4], y, lengths: [2] }).loss
  expect(loss([1, 1, 100, 100])).toBeGreaterThan(100 * loss([1, 1, 1, 1]))
})

describe('a layer that reads no lengths where they were read before', () => {
  test.each<[string, () => Layer, RegExp]>([
    [
      'take',
      () => sequential(attention(), take({ from: 1 }), lstm(3)),
      /^v128: lengths: 1 take reads no lengths, so from there on/,
    ],
    ['flatten', () => sequential(gru(2, { output: 'all' }), flatten(), dense(3)), /^v128: lengths: 1 flatten reads no/],
    [
      'conv1d',
      () => sequential(attention(), permute([1, 0]), conv1d(2, { kernel: 2 }), flatten(), dense(3)),
      /^v128: lengths: 1 permute reads no lengths/,
    ],
  ])('%s is named', async (_, network, message) => {
    const warn = notes()
    const model = await createModel(network(), { input: [T, D], batch: 4, loss: softmaxCrossEntropy(), optimizer })
    model.trainStep(x, [0, 1, 2], { lengths: [T, T, T] })
    expect(warn).not.toHaveBeenCalled()
    model.trainStep(x, [0, 1, 2], { lengths })
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(message))
  })

  test('and a loss of the user that gets all steps', async () => {
    const warn = notes()
    const squares = customLoss((outputs, targets, gradients) => {
      let loss = 0
      for (let i = 0; i < outputs.length; i++) {
        gradients[i] = 2 * (outputs[i] - targets[i])
        loss += (outputs[i] - targets[i]) ** 2
      }
      return loss
    })
    const network = lstm(2, { output: 'all' })
    const model = await createModel(network, { input: [T, D], batch: 4, loss: squares, optimizer })
    model.trainStep(x, new Float64Array(N * T * 2), { lengths })
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/lengths: customLoss gets the steps behind the end/),
    )
  })
})
