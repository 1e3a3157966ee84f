// Dropout: what it computes, and whether its masks are as random as they must be.
import { createModel } from '../../src/model/create'
import { describe, expect, test } from 'vitest'
import {
  dense,
  dropout,
  gradientCheck,
  lbfgs,
  meanSquaredError,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { passRaw } from '../support/models'

const SIZE = 2 ** 20

/** What a dropout layer does to ones: its mask, for tests that need many values. */
async function masks(keep: number, options: { seed?: number; layers?: number; size?: number } = {}) {
  const { seed = 1, layers = 1, size = SIZE } = options
  // The other layers keep all, but are numbered.
  const network = sequential(...Array.from({ length: layers - 1 }, () => dropout({ keep: 1 })), dropout({ keep }))
  const model = await createModel(network, { input: [size], batch: 1, seed, dtype: 'float32' })
  const ones = new Float32Array(size).fill(1)
  return () => model.forward(ones, { training: true }).data.map((y) => (y ? 1 : 0))
}

const sum = (values: ArrayLike<number>) => Array.prototype.reduce.call(values, (a, b) => (a as number) + b, 0) as number

/** Standard deviations between the correlation of two masks and none. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>, keep: number, lag = 0): number {
  const count = a.length - lag
  let total = 0
  for (let i = 0; i < count; i++) total += (a[i] - keep) * (b[i + lag] - keep)
  return total / (keep * (1 - keep) * Math.sqrt(count))
}

describe('masks', () => {
  test.each([0.1, 0.3, 0.5, 0.8, 0.99])('keep the right share: %d', async (keep) => {
    const draw = await masks(keep)
    const deviation = Math.sqrt((keep * (1 - keep)) / SIZE)
    const z = Array.from({ length: 40 }, () => (sum(draw()) / SIZE - keep) / deviation)
    // The mean and the variance of a standard normal.
    expect(Math.abs(sum(z)) / Math.sqrt(40)).toBeLessThan(4)
    const variance = sum(z.map((value) => value * value))
    expect(Math.abs(variance - 40) / Math.sqrt(80)).toBeLessThan(4)
  })

  test('keep the right share where it is finer than the 16 bits compared', async () => {
    const draw = await masks(0.99999, { size: 65536 })
    let dropped = 0
    for (let pass = 0; pass < 400; pass++) dropped += 65536 - sum(draw())
    expect(Math.abs(dropped - 400 * 0.65536)).toBeLessThan(5 * 19)
  })

  test.each([0.5, 0.8])('have independent values, near and far: keep %d', async (keep) => {
    const draw = await masks(keep)
    const lags = [1, 2, 3, 4, 5, 6, 7, 9, 15, 28, 31, 63, 100, 784, 12544, 2047, 2049, 99999]
    for (let bit = 3; bit < 19; bit++) lags.push(2 ** bit)
    for (let pass = 0; pass < 5; pass++) {
      const mask = draw()
      for (const lag of lags) expect(Math.abs(correlation(mask, mask, keep, lag)), `lag ${lag}`).toBeLessThan(4.5)
    }
  })

  test('have all patterns of 8 neighbours equally often', async () => {
    const draw = await masks(0.5)
    const counts = new Float64Array(256)
    for (let pass = 0; pass < 8; pass++) {
      const mask = draw()
      for (let i = 0; i < SIZE; i += 8) {
        let pattern = 0
        for (let j = 0; j < 8; j++) pattern = 2 * pattern + mask[i + j]
        counts[pattern]++
      }
    }
    const expected = SIZE / 256
    const chiSquare = sum(counts.map((count) => (count - expected) ** 2 / expected))
    expect(Math.abs(chiSquare - 255) / Math.sqrt(2 * 255)).toBeLessThan(4)
  })

  test('are independent between passes, layers and seeds', async () => {
    const keep = 0.7
    const size = 2 ** 16
    const drawn: ArrayLike<number>[] = []
    for (const [seed, layers] of [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 12345].flatMap((s) => [1, 2, 3].map((l) => [s, l]))) {
      const draw = await masks(keep, { seed, layers, size })
      for (let pass = 0; pass < 4; pass++) drawn.push(draw())
    }
    const z: number[] = []
    for (let i = 0; i < drawn.length; i++) {
      for (let j = 0; j < i; j++) z.push(correlation(drawn[i], drawn[j], keep))
    }
    expect(z.length).toBe((72 * 71) / 2)
    expect(Math.max(...z.map(Math.abs))).toBeLessThan(5)
    const variance = sum(z.map((value) => value * value))
    expect(Math.abs(variance - z.length) / Math.sqrt(2 * z.length)).toBeLessThan(4)
  })

  test('do not depend on the batch, on n, on the precision or on the engine', async () => {
    const kept: string[] = []
    for (const dtype of ['float64', 'float32'] as const) {
      for (const backend of ['wasm', 'js'] as const) {
        for (const [batch, n] of [
          [64, 64],
          [64, 7],
          [7, 7],
        ]) {
          const model = await createModel(dropout(), { input: [13], batch, dtype, backend, seed: 5 })
          const { data } = model.forward(new Float64Array(13 * n).fill(1), { training: true })
          kept.push(data.subarray(0, 7 * 13).join())
        }
      }
    }
    expect(kept[0]).toContain('2')
    expect(new Set(kept).size).toBe(1)
  })
})

describe.each(['wasm', 'js'] as const)('dropout on %s', (backend) => {
  const size = 37
  const x = Float64Array.from({ length: 3 * size }, (_, i) => 1 + Math.sin(i))
  const options = { input: [size], batch: 4, backend, seed: 3 } as const

  test.each([
    ['inverted', 0.8, 1 / 0.8, 1],
    ['vanilla', 0.8, 1, 0.8],
    ['inverted', 0.5, 2, 1],
    ['vanilla', 0.1, 1, 0.1],
  ] as const)('%s, keep %d: times %d in training, times %d after it', async (mode, keep, training, test) => {
    const model = await createModel(dropout({ keep, mode }), options)
    const y = model.forward(x, { training: true }).data.slice()
    const mask = y.map((value) => (value ? training : 0))
    expect(y).toEqual(x.map((value, i) => value * mask[i]))
    expect(new Set(mask).size).toBe(2)
    const dy = x.map((value) => value - 3)
    expect(model.backward(dy).data).toEqual(dy.map((value, i) => (mask[i] ? value * training : 0)))
    expect(model.forward(x).data).toEqual(x.map((value) => value * test))
    expect(model.backward(dy).data).toEqual(dy.map((value) => value * test))
    expect(model.predict(x).data).toEqual(x.map((value) => value * test))
  })

  test('keep 1 keeps all', async () => {
    const model = await createModel(dropout({ keep: 1 }), options)
    for (let pass = 0; pass < 50; pass++) expect(model.forward(x, { training: true }).data).toEqual(x)
  })

  test('what is dropped is 0, whatever it was; what is kept stays what it was', async () => {
    const model = await createModel(dropout(), options)
    for (const value of [NaN, Infinity, -Infinity]) {
      const { y } = passRaw(model, new Float64Array(3 * size).fill(value), true)
      expect(new Set(y)).toEqual(new Set([0, value]))
    }
  })
})

describe('training passes', () => {
  const network = () => sequential(dense(20), relu(), dropout(), dense(3))
  const x = Float64Array.from({ length: 20 }, (_, i) => Math.cos(i))
  const y = [0, 1, 2, 0, 1]
  const optimizer = () => sgd({ learningRate: 0 })
  const create = (seed = 0) =>
    createModel(network(), { input: [4], batch: 5, seed, loss: softmaxCrossEntropy(), optimizer: optimizer() })

  test('are counted, and no other passes', async () => {
    const model = await create()
    expect(model.passes).toBe(0)
    model.trainStep(x, y)
    model.forward(x, { training: true })
    expect(model.passes).toBe(2)
    model.forward(x)
    model.predict(x)
    model.evaluate({ x, y })
    expect(model.passes).toBe(2)
    await model.fit({ x, y }, { epochs: 3, batch: 2 })
    expect(model.passes).toBe(2 + 9)
  })

  test('each have another mask, and the same again when set back', async () => {
    const [first, second] = [await create(), await create()]
    const losses = Array.from({ length: 10 }, () => first.trainStep(x, y))
    expect(new Set(losses).size).toBe(10)
    expect(Array.from({ length: 10 }, () => second.trainStep(x, y))).toEqual(losses)
    first.passes = 4
    expect(Array.from({ length: 6 }, () => first.trainStep(x, y))).toEqual(losses.slice(4))
    expect(() => (first.passes = -1)).toThrow(/^model: passes must be an integer/)
  })

  test('of a line search are one, with one mask', async () => {
    const losses: number[] = []
    const model = await createModel(network(), {
      input: [4],
      batch: 5,
      loss: softmaxCrossEntropy(),
      optimizer: lbfgs(),
    })
    for (let step = 0; step < 15; step++) {
      losses.push(model.trainStep(x, y))
      expect(model.passes).toBe(step + 1)
    }
    expect(losses.every(Number.isFinite)).toBe(true)
  })

  test('of a gradient check are one, which is not counted', async () => {
    const model = await createModel(sequential(dense(40), dropout({ keep: 0.3 }), dense(3)), {
      input: [4],
      batch: 5,
      loss: meanSquaredError(),
    })
    model.passes = 17
    const target = Float64Array.from({ length: 15 }, (_, i) => Math.sin(i))
    expect(gradientCheck(model, x, target, { samples: 40 }).error).toBeLessThan(1e-6)
    expect(model.passes).toBe(17)
  })
})

test('the mean of many training passes is the output after training', async () => {
  const size = 8
  const x = Float64Array.from({ length: size }, (_, i) => 1 + Math.cos(i))
  for (const mode of ['inverted', 'vanilla'] as const) {
    const model = await createModel(sequential(dropout({ keep: 0.6, mode }), dense(1)), { input: [size], batch: 1 })
    const want = model.predict(x).data[0]
    let mean = 0
    for (let pass = 0; pass < 20000; pass++) mean += model.forward(x, { training: true }).data[0] / 20000
    expect(Math.abs(mean - want)).toBeLessThan(0.03)
  }
})
