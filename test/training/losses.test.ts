// Losses by their case table: gradients against differences, engine against engine, the mean over a data set; and what
// each promises. PyTorch's numbers are in golden.test.ts.
import { createModel } from '../../src/model/create'
import type { Loss } from '../../src/plan/layer'
import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import {
  adam,
  binaryCrossEntropy,
  createRandom,
  dense,
  flatten,
  gradientCheck,
  hinge,
  meanSquaredError,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { goldenLosses, lossCases } from '../../cases/losses'

const random = createRandom(3)
const normals = (count: number) => Array.from({ length: count }, () => random.normal())
/** A network whose outputs are its inputs. */
const scoresOf = (loss: Loss, classes: number, batch = 8) =>
  createModel(sequential(), { input: [classes], batch, loss, optimizer: sgd({ learningRate: 1 }) })

test.each([softmaxCrossEntropy, hinge])(
  'of one class, which is always right, is said to teach nothing',
  async (loss) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const model = await createModel(dense(1), { input: [3], loss: loss(), optimizer: sgd({ learningRate: 1 }) })
    expect(model.trainStep([1, 2, 3], [0])).toBe(0)
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(new RegExp(`^v128: ${loss.name}: the network ends in one class, .* binaryCrossEntropy`))],
    ])
    warn.mockRestore()
  },
)

test('every loss of the library has a row in both tables', () => {
  const index = readFileSync(new URL('../../src/entries/index.ts', import.meta.url), 'utf8')
  const [, names] = index.match(/^export \{([^}]*)\} from '\.\.\/losses'/m)!
  const factories = names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name && !name.startsWith('type '))
  expect(factories).toContain('hinge')
  expect(new Set(lossCases.map(({ loss }) => loss().kind))).toEqual(new Set(factories))
  expect(Object.keys(goldenLosses).toSorted()).toEqual(factories.toSorted())
})

describe.each(lossCases.map((c) => [c.name, c] as const))('%s', (_, { loss, targets }) => {
  const [inputs, outputs] = [5, 3]
  const network = () => sequential(dense(7), relu(), dense(outputs))
  const x = normals(13 * inputs)
  const y = targets(13, outputs)
  const perRow = y.length / 13
  const rows = (first: number, end: number) => ({
    x: x.slice(first * inputs, end * inputs),
    y: y.slice(first * perRow, end * perRow),
  })

  test.each(['wasm', 'js'] as const)('passes the gradient check on %s', async (backend) => {
    const model = await createModel(network(), { input: [inputs], batch: 13, loss: loss(), seed: 3, backend })
    const result = gradientCheck(model, x, y, { samples: 100 })
    expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
    expect(result.name).not.toBe('')
  })

  test.each(['float64', 'float32'] as const)('trains to the same bits on both engines, %s', async (dtype) => {
    const runs = await Promise.all(
      (['wasm', 'js'] as const).map(async (backend) => {
        const optimizer = adam({ learningRate: 0.05 })
        const model = await createModel(network(), {
          input: [inputs],
          batch: 4,
          dtype,
          backend,
          loss: loss(),
          optimizer,
        })
        const before = model.evaluate({ x, y }).loss
        const losses = Array.from({ length: 30 }, (_, step) => {
          const first = (step % 4) * 4
          const batch = rows(first, Math.min(first + 4, 13))
          return model.trainStep(batch.x, batch.y)
        })
        return { before, losses, evaluated: model.evaluate({ x, y }), weights: model.predict(x).data }
      }),
    )
    expect(runs[0]).toEqual(runs[1])
    expect(runs[0].evaluated.loss).toBeLessThan(runs[0].before)
  })

  test('evaluate gives the mean over the data set, whatever the batch, and fit that of an epoch', async () => {
    const results = await Promise.all(
      [13, 4, 1].map(async (batch) => {
        const optimizer = sgd({ learningRate: 0 })
        const model = await createModel(network(), { input: [inputs], batch, loss: loss(), optimizer })
        const history = await model.fit({ x, y }, { epochs: 1 })
        return { ...model.evaluate({ x, y }), epoch: history.loss[0], step: batch === 13 ? model.trainStep(x, y) : NaN }
      }),
    )
    for (const { loss, accuracy, epoch } of results) {
      expect(loss / results[0].step).toBeCloseTo(1, 13)
      expect(epoch / loss).toBeCloseTo(1, 13)
      expect(accuracy).toBe(results[0].accuracy)
    }
  })

  test('NaN stays NaN, infinite scores are no error', async () => {
    const model = await scoresOf(loss(), outputs)
    const layer = await createModel(dense(outputs), { input: [1], loss: loss(), optimizer: sgd({ learningRate: 1 }) })
    const { y } = { y: targets(1, outputs) }
    // Not as data, which is refused, but as what a network arrived at.
    layer.parameters.bias.data[1] = NaN
    expect(layer.trainStep([1], y)).toBeNaN()
    expect(layer.parameters.bias.data[1]).toBeNaN()
    expect(() => model.evaluate({ x: [1e308, -1e308, 1e308], y })).not.toThrow()
  })
})

describe('softmaxCrossEntropy', () => {
  test('label smoothing of 0 and weights of 1 change no bit', async () => {
    const x = normals(24)
    const y = [0, 1, 2, 0, 1, 2, 2, 2]
    const losses = await Promise.all(
      [{}, { labelSmoothing: 0 }, { classWeights: [1, 1, 1] }, { classWeights: new Float32Array([2, 2, 2]) }].map(
        async (options) => (await scoresOf(softmaxCrossEntropy(options), 3)).evaluate({ x, y }).loss,
      ),
    )
    expect(losses[1]).toBe(losses[0])
    expect(losses[2]).toBe(losses[0])
    expect(losses[3]).toBeCloseTo(losses[0], 14)
  })

  test('an example of class weight 2 counts as two examples', async () => {
    const [a, b] = [normals(3), normals(3)]
    const weighted = await scoresOf(softmaxCrossEntropy({ classWeights: [2, 1, 1] }), 3)
    const plain = await scoresOf(softmaxCrossEntropy(), 3)
    expect(weighted.evaluate({ x: [...a, ...b], y: [0, 2] }).loss).toBeCloseTo(
      plain.evaluate({ x: [...a, ...a, ...b], y: [0, 0, 2] }).loss,
      14,
    )
  })

  test('a batch of classes that weigh nothing trains nothing', async () => {
    const loss = softmaxCrossEntropy({ classWeights: [0, 1] })
    const model = await createModel(dense(2), { input: [1], batch: 2, loss, optimizer: sgd({ learningRate: 1 }) })
    const before = model.parameters.weight.data.slice()
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect(model.trainStep([1, 2], [0, 1])).toBeGreaterThan(0)
    model.evaluate({ x: [1, 2, 3], y: [0, 0, 1] })
    expect(warn).not.toHaveBeenCalled()
    model.parameters.weight.data.set(before)
    expect(model.trainStep([1, 2], [0, 0])).toBe(0)
    expect(model.parameters.weight.data).toEqual(before)
    const ofBatch = 'v128: no row of a batch counts, for their classes have weight 0: it teaches nothing; '
    expect(warn.mock.calls).toEqual([[`${ofBatch}leave out rows of such classes`]])
    const none = { x: [1, 2, 3], y: [0, 0, 0] }
    expect(model.evaluate(none).loss).toBe(0)
    await model.fit({ x: [1], y: [1] }, { validation: none })
    const ofAll =
      'no row counts, for they, or their classes, have weight 0: the loss is no mean, and says nothing of them'
    expect(warn.mock.calls.slice(1)).toEqual([[`v128: evaluate: ${ofAll}`], [`v128: fit: validation: ${ofAll}`]])
    warn.mockRestore()
    const both = model.evaluate({ x: [1, 2, 3], y: [0, 0, 1] }).loss
    expect(both).toBeCloseTo(model.evaluate({ x: [3], y: [1] }).loss, 14)
  })

  test('class weights are neither saved nor seen by the caller’s array', async () => {
    const classWeights = [1, 2, 3]
    const loss = softmaxCrossEntropy({ classWeights })
    classWeights[0] = 50
    const model = await scoresOf(loss, 3)
    expect(model.evaluate({ x: [1, 2, 3, 3, 1, 0], y: [0, 1] }).loss).toBeCloseTo(
      (Math.log(1 + Math.E + Math.E ** 2) + 2 * (Math.log(Math.E ** 3 + Math.E + 1) - 1)) / 3,
      12,
    )
    expect(Object.keys(model.buffers)).toEqual([])
  })
})

describe('hinge', () => {
  test('has a gradient of 0 at the kink, and leaves the scores as they were', async () => {
    const model = await createModel(dense(3, { bias: false }), {
      input: [1],
      batch: 1,
      loss: hinge(),
      optimizer: sgd({ learningRate: 1 }),
    })
    const weight = model.parameters.weight.data
    // The margins are exactly 0, below, and 1.
    weight.set([2, 3, -5])
    expect(model.trainStep([1], [1])).toBe(0)
    expect([...weight]).toEqual([2, 3, -5])
    expect([...model.output.data]).toEqual([2, 3, -5])
    weight.set([3, 3, -5])
    expect(model.trainStep([1], [1])).toBe(1)
    expect([...weight]).toEqual([2, 4, -5])
  })
})

describe('binaryCrossEntropy', () => {
  test('is safe in the far tails', async () => {
    const model = await scoresOf(binaryCrossEntropy(), 1)
    const loss = (z: number, t: number) => model.evaluate({ x: [z], y: [t] }).loss
    expect(loss(1000, 1)).toBe(0)
    expect(loss(-1000, 0)).toBe(0)
    expect(loss(1e308, 0)).toBe(1e308)
    expect(loss(-1e308, 1)).toBe(1e308)
    expect(loss(40, 1)).toBeCloseTo(4.248354255291589e-18, 32)
    expect(loss(0, 0.5)).toBe(Math.LN2)
  })

  test('accuracy is the share of values on the right side, whatever the batch', async () => {
    const x = [3, -2, 0, 1, -1, 5]
    const y = [1, 0, 0, 0.2, 0.9, 0.6]
    for (const batch of [1, 2]) {
      const model = await scoresOf(binaryCrossEntropy(), 3, batch)
      expect(model.evaluate({ x, y }).accuracy).toBeCloseTo(4 / 6, 14)
      expect((await model.fit({ x, y })).accuracy[0]).toBeCloseTo(4 / 6, 14)
    }
    const right = await scoresOf(binaryCrossEntropy(), 3, 1)
    expect(right.evaluate({ x, y: [1, 0, 0, 1, 0, 1] }).accuracy).toBe(1)
    const image = await createModel(sequential(), { input: [1, 2, 3], batch: 2, loss: binaryCrossEntropy() })
    expect(image.evaluate({ x, y }).accuracy).toBeCloseTo(4 / 6, 14)
  })

  test('learns exclusive or', async () => {
    const network = sequential(dense(8), relu(), dense(1))
    const optimizer = adam({ learningRate: 0.05 })
    const model = await createModel(network, { input: [2], batch: 4, loss: binaryCrossEntropy(), optimizer, seed: 1 })
    const data = { x: [0, 0, 0, 1, 1, 0, 1, 1], y: [0, 1, 1, 0] }
    const history = await model.fit(data, { epochs: 200 })
    expect(model.evaluate(data).accuracy).toBe(1)
    expect(history.loss[199]).toBeLessThan(0.1)
  })
})

test('values have no accuracy', async () => {
  const model = await createModel(sequential(flatten()), { input: [2], loss: meanSquaredError() })
  expect(model.evaluate({ x: [1, 2], y: [1, 2] })).toEqual({ loss: 0, accuracy: NaN })
})
