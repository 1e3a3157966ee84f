// Initializers: orthogonality to the last digits, and the moments that the others promise.
import { createModel } from '../../src/model/create'
import { describe, expect, test } from 'vitest'
import {
  type Initializer,
  PlanError,
  constant,
  conv2d,
  createRandom,
  dense,
  he,
  normal,
  orthogonal,
  xavier,
  zeros,
} from '../../src/entries/index'

function valuesOf({ fill }: Initializer, rows: number, fanIn: number, fanOut = rows, seed = 1): Float64Array {
  const values = new Float64Array(rows * fanIn)
  fill(values, fanIn, fanOut, createRandom(seed))
  return values
}

/** The largest entry of W Wᵀ - gain² I, or of WᵀW - gain² I where there are more rows than columns. */
function departure(w: ArrayLike<number>, rows: number, columns: number, gain: number): number {
  const wide = rows <= columns
  const [count, length] = wide ? [rows, columns] : [columns, rows]
  const at = (i: number, k: number) => (wide ? w[i * columns + k] : w[k * columns + i])
  let worst = 0
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0
      for (let k = 0; k < length; k++) sum += at(i, k) * at(j, k)
      worst = Math.max(worst, Math.abs(sum - (i === j ? gain * gain : 0)))
    }
  }
  return worst
}

describe('orthogonal', () => {
  test.each([
    [1, 1, 1],
    [1, 7, 1],
    [7, 1, 1],
    [2, 2, 1],
    [5, 5, 2],
    [10, 64, 1],
    [64, 10, 1.5],
    [100, 100, Math.SQRT2],
    [200, 200, 1],
    [33, 300, 0.1],
  ])('%i rows, %i columns, gain %d', (rows, columns, gain) => {
    for (const seed of [1, 2, 3]) {
      expect(departure(valuesOf(orthogonal({ gain }), rows, columns, rows, seed), rows, columns, gain)).toBeLessThan(
        1e-12,
      )
    }
  })

  test('in a model: dense, and convolutions as (filters, channels KH KW)', async () => {
    const init = orthogonal({ gain: 2 })
    const layer = await createModel(dense(12, { init }), { input: [5], batch: 1 })
    expect(departure(layer.parameters.weight.data, 12, 5, 2)).toBeLessThan(1e-12)
    for (const dtype of ['float64', 'float32'] as const) {
      const conv = await createModel(conv2d(8, { kernel: 3, init }), { input: [3, 6, 6], batch: 1, dtype })
      expect(departure(conv.parameters.weight.data, 8, 27, 2)).toBeLessThan(dtype === 'float64' ? 1e-12 : 1e-5)
    }
  })

  test('keeps the length of a vector through many layers', () => {
    let x = Float64Array.from({ length: 64 }, (_, i) => Math.sin(i))
    const length = Math.hypot(...x)
    for (let layer = 0; layer < 50; layer++) {
      const w = valuesOf(orthogonal(), 64, 64, 64, layer)
      x = x.map((_, i) => x.reduce((sum, value, j) => sum + w[i * 64 + j] * value, 0))
    }
    expect(Math.hypot(...x)).toBeCloseTo(length, 10)
  })

  test('favours no sign: the entries have mean 0 and variance 1 / columns', () => {
    const entries = Array.from({ length: 400 }, (_, seed) => [...valuesOf(orthogonal(), 4, 4, 4, seed)])
    for (let at = 0; at < 16; at++) {
      const column = entries.map((w) => w[at])
      expect(Math.abs(column.reduce((a, b) => a + b) / 400)).toBeLessThan(0.1)
      expect(column.reduce((a, b) => a + b * b, 0) / 400).toBeCloseTo(0.25, 1)
    }
  })

  test('the same seed gives the same values', () => {
    expect(valuesOf(orthogonal(), 9, 4)).toEqual(valuesOf(orthogonal(), 9, 4))
    expect(valuesOf(orthogonal(), 9, 4)).not.toEqual(valuesOf(orthogonal(), 9, 4, 9, 2))
  })

  test('refuses bad options', () => {
    expect(() => orthogonal({ gain: -1 })).toThrow(PlanError)
    expect(() => orthogonal({ gain: '2' as never })).toThrow(/^orthogonal: gain must be a finite number of at least 0/)
    expect(() => orthogonal({ std: 1 } as never)).toThrow(/^orthogonal: unknown option 'std'; allowed: gain/)
  })
})

test.each([
  ['normal(0.01)', normal(), 0.01],
  ['normal(0.3)', normal(0.3), 0.3],
  ['xavier', xavier(), Math.sqrt(2 / (300 + 200))],
  ['he', he(), Math.sqrt(2 / 300)],
] as const)('%s: mean 0 and its standard deviation, in the shape of the normal distribution', (_, init, std) => {
  const values = valuesOf(init, 200, 300)
  const moment = (power: number) => values.reduce((sum, v) => sum + (v / std) ** power, 0) / values.length
  // Five standard errors of each.
  expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(60_000))
  expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / 60_000))
  expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / 60_000))
  expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / 60_000))
})

test('constant and zeros', () => {
  expect([...valuesOf(constant(0.5), 2, 2)]).toEqual([0.5, 0.5, 0.5, 0.5])
  expect([...valuesOf(zeros(), 2, 2)]).toEqual([0, 0, 0, 0])
})
