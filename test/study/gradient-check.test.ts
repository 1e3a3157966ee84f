// gradientCheck itself: it finds what is wrong, and is not misled by kinks, dropout, batch norm or the scale of a loss.
import { times } from '../../src/plan/calls'
import type { Parameter } from '../../src/plan/value'
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  type ModelOptions,
  adam,
  batchNorm,
  constant,
  conv2d,
  createModel,
  createRandom,
  dense,
  dropout,
  flatten,
  freeze,
  gradientCheck,
  hinge,
  maxPool2d,
  maxout,
  meanSquaredError,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits } from '../support/models'

const random = createRandom(12)
const normals = (count: number) => Float64Array.from({ length: count }, () => random.normal())

/** The layer with the gradients of its first parameter, and of its input, so many times too large. */
const wrong = (layer: Layer, weight: number, input = 1): Layer => ({
  kind: 'wrong',
  config: {},
  plan(x, plan) {
    const parameters: Parameter[] = []
    const { parameter } = plan
    plan.parameter = (...args) => {
      parameters.push(parameter.apply(plan, args))
      return parameters[parameters.length - 1]
    }
    const y = layer.plan(x, plan)
    plan.parameter = parameter
    const [first] = parameters
    if (first) plan.backward('scale', { sizes: [first.size, weight], reads: [], writes: [first.gradient] })
    plan.backward('scale', { sizes: [times(x.size), input], reads: [], writes: [x.gradient] })
    return y
  },
})

describe('finds', () => {
  const x = normals(4 * 5)
  const y = [0, 1, 2, 0]
  const check = async (network: Layer, options = {}) => {
    const model = await createModel(network, { input: [5], batch: 4, loss: softmaxCrossEntropy(), seed: 2 })
    return gradientCheck(model, x, y, options)
  }

  test.each([0.99, 1.01, -1, 0])('a gradient that is %d times the right one', async (factor) => {
    const right = await check(sequential(dense(4), relu(), dense(3)))
    expect(right.error).toBeLessThan(1e-6)
    expect(right.checked).toBe(10 + 4 + 10 + 3)
    const result = await check(sequential(wrong(dense(4), factor), relu(), dense(3)))
    expect(result.name).toBe('0.weight')
    expect(result.error).toBeCloseTo(Math.abs(1 - factor) / Math.max(1, Math.abs(factor)), 4)
    expect(result.analytic / result.numeric).toBeCloseTo(factor, 4)
    expect(result.kinks).toEqual([])
  })

  test('a wrong gradient of the input, if asked to', async () => {
    const network = () => wrong(dense(3), 1, 1.01)
    expect((await check(network())).error).toBeLessThan(1e-7)
    const result = await check(network(), { input: true, samples: 100 })
    expect(result).toMatchObject({ name: 'input', checked: 15 + 3 + 20 })
    expect(result.error).toBeCloseTo(0.01 / 1.01, 4)
    expect((await check(dense(3), { input: true, samples: 100 })).error).toBeLessThan(1e-7)
  })
})

describe('kinks', () => {
  /** relu(w x) with w = 1, seen by a mean of squares: its derivative by x is 2 relu(x), or 2 (relu(x) - y). */
  const model = (network = sequential(dense(1, { bias: false, init: constant(1) }), relu())) =>
    createModel(network, { input: [1], batch: 3, loss: meanSquaredError() })
  const inputsOf = (kinks: readonly { name: string; index: number }[]) =>
    kinks.filter(({ name }) => name === 'input').map(({ index }) => index)

  test('within a step are left behind, and named', async () => {
    const result = gradientCheck(await model(), [3e-6, -2, -4e-6], [-1, -1, -1], { input: true })
    expect(result.error).toBeLessThan(1e-6)
    expect(inputsOf(result.kinks).toSorted()).toEqual([0, 2])
  })

  test('under a value itself let pass the gradients between those of its sides', async () => {
    const result = gradientCheck(await model(), [0, 1, -1], [-1, -1, -1], { input: true })
    expect(result.error).toBeLessThan(1e-6)
    expect(inputsOf(result.kinks)).toEqual([0])
  })

  test('let no other gradient pass', async () => {
    // max(0, m) at m = 0, where 2 is no slope between 0 and 1 of the hinge.
    const network = (factor: number) => wrong(dense(2, { bias: false, init: constant(1) }), 1, factor)
    const check = async (factor: number, x: number[]) =>
      gradientCheck(await model(network(factor)), x, [0, 1, 0, 0, 0, 0], { input: true })
    expect((await check(1, [1, 2, 3])).error).toBeLessThan(1e-6)
    expect((await check(2, [1, 2, 3])).error).toBeCloseTo(0.5, 4)
    const steep: Layer = {
      kind: 'steep',
      config: {},
      plan(x, plan) {
        const y = plan.value(x.shape)
        plan.forward('reluForward', { sizes: [times(x.size), NaN], reads: [x], writes: [y] })
        // Wrong at 0 alone: a gradient of 5, where the slopes are 0 and 1.
        const sizes = [times(x.size), 4]
        plan.backward('addScaledTo', { sizes, reads: [y.gradient, y.gradient], writes: [x.gradient] })
        return y
      },
    }
    const first = dense(1, { bias: false, init: constant(1) })
    const result = gradientCheck(await model(sequential(first, steep)), [0, 0, 0], [-1, -1, -1], { input: true })
    expect(result.error).toBeGreaterThan(0.5)
    expect(result.kinks.length).toBeGreaterThan(0)
  })

  test('of l1 at weights of 0, and of hinge at its margin', async () => {
    const zero = await createModel(dense(2, { init: constant(0) }), {
      input: [3],
      batch: 4,
      loss: meanSquaredError(),
      l1: 0.3,
    })
    const regression = gradientCheck(zero, normals(12), normals(8))
    expect(regression.error).toBeLessThan(1e-6)
    // The central difference across 0 is that of the rest of the loss, as is the gradient: no kink in the way.
    expect(regression.kinks).toEqual([])
    const model = await createModel(dense(2, { init: constant(0) }), {
      input: [1],
      batch: 1,
      loss: hinge({ margin: 0 }),
    })
    const margin = gradientCheck(model, [1], [0])
    expect(margin.error).toBeLessThan(1e-6)
    expect(margin.kinks.map(({ name }) => name).toSorted()).toEqual(['bias', 'bias', 'weight', 'weight'])
  })
})

describe('several kinks in one place', () => {
  const classes = [0, 1, 2, 0]
  const check = async (network: Layer, x: ArrayLike<number>, seed = 2) => {
    const model = await createModel(network, { input: [5], batch: 4, loss: softmaxCrossEntropy(), seed })
    return gradientCheck(model, x, classes, { input: true, samples: 100 })
  }
  /** Two rows in which every ReLU is on its kink, for all biases are 0. */
  const x = normals(20).fill(0, 0, 10)
  const deep = (wrap = (layer: Layer) => layer) =>
    sequential(dense(6), relu(), wrap(dense(5)), relu(), dense(4, { bias: false }), relu(), dense(3))

  test.each([1, 2, 3, 4, 5])('pass, and are named, seed %d', async (seed) => {
    const result = await check(deep(), x, seed)
    expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
    // On the two rows, all five inputs and all biases of the first two layers.
    const names = new Set(
      result.kinks.map(({ name, index }) => (name === 'input' ? `input of row ${(index / 5) | 0}` : name)),
    )
    expect(names).toContain('input of row 0')
    expect(names).toContain('input of row 1')
    expect(names).toContain('0.bias')
    expect(names).not.toContain('input of row 2')
    expect(names).not.toContain('6.bias')
  })

  test('pass where they cancel: max(0, x) - max(0, -x) is x, but its gradient at 0 is given as 0', async () => {
    const network = sequential(dense(2, { bias: false }), relu(), dense(1, { bias: false }))
    for (const last of [
      [1, -1],
      [1, 2],
      [2, -1],
    ]) {
      const model = await createModel(network, { input: [1], batch: 1, loss: meanSquaredError() })
      model.parameters['0.weight'].data.set([1, -1])
      model.parameters['2.weight'].data.set(last)
      const result = gradientCheck(model, [0], [-1], { input: true })
      expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
      expect(result.kinks).toContainEqual({ name: 'input', index: 0 })
    }
  })

  test.each([0.99, 1.01, 0, -1])('hide no gradient that is %d times the right one', async (factor) => {
    const result = await check(
      deep((layer) => wrong(layer, factor)),
      x,
    )
    expect(result.name).toBe('2.weight')
    expect(result.error).toBeCloseTo(Math.abs(1 - factor) / Math.max(1, Math.abs(factor)), 3)
    const back = await check(
      deep((layer) => wrong(layer, 1, factor)),
      x,
    )
    expect(back.error).toBeGreaterThan(0.9 * (Math.abs(1 - factor) / Math.max(1, Math.abs(factor))))
  })

  test('hide no gradient that is wrong at the kink alone, and outside of all slopes around it', async () => {
    /** Adds 30 dy where x is exactly 0. */
    const add = (count: number, input: Float64Array, dy: Float64Array, dx?: Float64Array) => {
      for (let i = 0; dx && i < count; i++) if (input[i] === 0) dx[i] += 30 * dy[i]
    }
    const steep: Layer = {
      kind: 'steep',
      config: {},
      plan(input, plan) {
        const count = times(input.size)
        const y = plan.value(input.shape)
        plan.forward('reluForward', { sizes: [count, NaN], reads: [input], writes: [y] })
        plan.backward('reluBackward', { sizes: [count, NaN], reads: [y, y.gradient], writes: [input.gradient] })
        plan.backward(add, { sizes: [count], reads: [input, y.gradient], writes: [input.gradient] })
        return y
      },
    }
    const model = await createModel(sequential(dense(6), steep, dense(3)), {
      input: [5],
      batch: 4,
      loss: softmaxCrossEntropy(),
    })
    expect(gradientCheck(model, normals(20), classes, { input: true, samples: 100 }).error).toBeLessThan(1e-6)
    expect(gradientCheck(model, x, classes, { input: true, samples: 100 }).error).toBeGreaterThan(0.5)
  })
})

describe('gradients of nearly 0', () => {
  test('are compared with what rounding leaves of a difference', async () => {
    // Two clouds far apart, learnt until the loss is nothing but rounding.
    const x = Float64Array.from({ length: 40 }, (_, i) => (i < 20 ? 3 : -3) + 0.1 * random.normal())
    const y = Array.from({ length: 20 }, (_, i) => Number(i >= 10))
    for (const scale of [1, 5, 10, 20, 100]) {
      const model = await createModel(dense(2), { input: [2], batch: 20, loss: softmaxCrossEntropy() })
      const { weight, bias } = model.parameters
      weight.data.set([1, 1, -1, -1].map((v) => v * scale))
      bias.data.set([0.1, -0.1])
      const result = gradientCheck(model, x, y, { input: true })
      expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
      // Its own gradients, by naive loops.
      model.forward(x)
      const dScores = Array.from({ length: 20 }, (_, i) => {
        const z = [0, 1].map(
          (k) => bias.data[k] + weight.data[2 * k] * x[2 * i] + weight.data[2 * k + 1] * x[2 * i + 1],
        )
        return 1 / (1 + Math.exp(z[y[i]] - z[1 - y[i]])) / 20
      })
      const largest = dScores.reduce((sum, d, i) => sum + d * Math.abs(x[2 * i]), 0)
      expect(result.floor).toBeGreaterThanOrEqual(1e-4 * largest)
      expect(Math.abs(result.analytic)).toBeLessThanOrEqual(2 * largest * scale)
    }
  })

  test('that are wrong by more than rounding are found all the same', async () => {
    const x = normals(40)
    const y = Array.from({ length: 20 }, (_, i) => Number(x[2 * i] < 0))
    const model = await createModel(wrong(dense(2), 1.5), { input: [2], batch: 20, loss: softmaxCrossEntropy() })
    model.parameters.weight.data.set([8, 0, -8, 0])
    expect(gradientCheck(model, x, y).error).toBeCloseTo(1 / 3, 3)
    // Below the floor, in proportion.
    model.parameters.weight.data.set([60, 0, -60, 0])
    const { error, floor } = gradientCheck(model, x, y)
    expect(floor).toBeLessThan(1e-4)
    expect(error).toBeGreaterThan(1e-3)
  })

  test('that are 0 are right', async () => {
    const network = sequential(dense(4), relu(), dense(2))
    const model = await createModel(network, { input: [2], batch: 5, loss: meanSquaredError() })
    model.parameters['0.bias'].data.fill(-100)
    const result = gradientCheck(model, normals(10), new Float64Array(10), { input: true })
    expect(result).toMatchObject({ error: 0, analytic: 0, numeric: 0, kinks: [] })
  })
})

describe('dropout and batch norm', () => {
  const network = () => sequential(dense(8), batchNorm(), relu(), dropout({ keep: 0.6 }), dense(3))

  test('pass, and the model is as it was', async () => {
    const optimizer = adam({ learningRate: 0.01 })
    const options = { input: [5], batch: 6, loss: softmaxCrossEntropy(), optimizer, seed: 5, l1: 0.01, l2: 0.02 }
    const [checked, untouched] = await Promise.all([createModel(network(), options), createModel(network(), options)])
    const [x, y] = [normals(30), [0, 1, 2, 0, 1, 2]]
    for (const model of [checked, untouched]) model.trainStep(x, y)
    const result = gradientCheck(checked, x, y, { samples: 30, input: true })
    expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
    expect(checked.passes).toBe(untouched.passes)
    expect(bits(checked)).toEqual(bits(untouched))
    for (let i = 0; i < 5; i++) expect(checked.trainStep(x, y)).toBe(untouched.trainStep(x, y))
  })
})

describe('what is right passes', () => {
  const classes = [0, 1, 2, 0, 1, 2, 1, 1]
  const ce = softmaxCrossEntropy
  const mlp = () => sequential(dense(8), relu(), dense(3))
  const normed = () => sequential(dense(8), batchNorm(), relu(), dense(3))
  const ties = (factor = 1) =>
    sequential(wrong(conv2d(3, { kernel: 3, pad: 1 }), factor), relu(), maxPool2d(2), flatten(), dense(3))
  const table: [string, () => Layer, Partial<ModelOptions>, (rows: number) => Float64Array, number][] = [
    ['batch norm of one row', normed, {}, normals, 1],
    ['batch norm of two rows', normed, {}, normals, 2],
    ['batch norm of equal rows', normed, {}, (count) => new Float64Array(count).fill(0.7), 2],
    [
      'l1, l2, maxNorm and clipped gradients',
      mlp,
      { l1: 0.1, l2: 0.1, maxNorm: 0.5, clipNorm: 1e-3, clipValue: 1e-4 },
      normals,
      8,
    ],
    ['rows that weigh nothing', mlp, { loss: ce({ classWeights: [0, 1, 5], labelSmoothing: 0.2 }) }, normals, 8],
    ['only rows that weigh nothing', mlp, { loss: ce({ classWeights: [0, 1, 1] }) }, normals, 1],
    ['and those with smoothing', mlp, { loss: ce({ classWeights: [0, 1, 1], labelSmoothing: 0.2 }) }, normals, 1],
    ['a frozen part', () => sequential(freeze(normed()), relu(), dense(3)), { inputGradient: true }, normals, 8],
    ['equal values under a maximum', () => ties(), { input: [1, 4, 4] }, (count) => normals(count).fill(0, 0, 20), 4],
    [
      'equal pieces',
      () => sequential(dense(12), maxout({ pieces: 3 }), dense(3)),
      {},
      (count) => new Float64Array(count),
      8,
    ],
    ...[1e-150, 1e-20, 1e-5, 1e5, 1e20, 1e100, 1e150].flatMap((scale): typeof table => [
      [`inputs of ${scale}`, mlp, {}, (count) => normals(count).map((v) => v * scale), 8],
      [`normalised inputs of ${scale}`, normed, {}, (count) => normals(count).map((v) => v * scale), 8],
    ]),
  ]

  test.each(table)('%s', async (_, network, options, inputs, rows) => {
    for (const seed of [1, 2, 3]) {
      const model = await createModel(network(), { input: [5], batch: 8, loss: ce(), seed, ...options })
      const size = model.input.data.length / 8
      const result = gradientCheck(model, inputs(rows * size), classes.slice(0, rows), { input: true, samples: 40 })
      expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
    }
  })

  test('equal values, in float32', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      for (const [network, wanted] of [
        [ties(), 0],
        [ties(0.7), 0.3],
      ] as const) {
        const options = { input: [1, 4, 4], batch: 4, loss: ce(), dtype: 'float32', seed } as const
        const model = await createModel(network, options)
        const x = normals(64).fill(0, 0, 40)
        const { error } = gradientCheck(model, x, classes.slice(0, 4), { input: true, samples: 100 })
        expect(Math.abs(error - wanted), `${seed}: ${error} for ${wanted}`).toBeLessThan(0.02)
      }
    }
  })
})

test('a gradient far below those of another parameter is compared with those of its own', async () => {
  const first = dense(1, { bias: false })
  for (const factor of [1, 1.1]) {
    const network = sequential(first, wrong(dense(1), factor))
    const model = await createModel(network, { input: [3], batch: 6, loss: meanSquaredError() })
    model.parameters['0.weight'].data.set([1e-4, -2e-4, 1e-4])
    const x = normals(18).map((v) => v * 1e4)
    const { error } = gradientCheck(model, x, normals(6))
    if (factor === 1) expect(error).toBeLessThan(1e-6)
    else expect(error).toBeCloseTo(0.1 / 1.1, 4)
  }
})

test.each([1e-6, 1e3])('a loss of scale %d passes all the same', async (scale) => {
  const model = await createModel(sequential(dense(6), relu(), dense(2)), {
    input: [4],
    batch: 5,
    loss: meanSquaredError(),
  })
  const x = normals(20)
  const y = normals(10).map((v) => v * scale)
  expect(gradientCheck(model, x, y, { samples: 40, input: true }).error).toBeLessThan(1e-6)
})

test('float32 agrees to a hundredth', async () => {
  const loss = softmaxCrossEntropy()
  const network = sequential(dense(16), batchNorm(), dense(3))
  const model = await createModel(network, { input: [5], batch: 8, loss, dtype: 'float32' })
  const result = gradientCheck(model, normals(40), [0, 1, 2, 0, 1, 2, 1, 1], { input: true })
  expect(result.error, JSON.stringify(result)).toBeLessThan(0.02)
})

test('a loss that is not finite is as wrong as can be', async () => {
  const model = await createModel(dense(2), { input: [3], batch: 4, loss: meanSquaredError() })
  for (const value of [NaN, 1e200]) {
    model.parameters.weight.data[4] = value
    const result = gradientCheck(model, normals(12), normals(8))
    expect(result.error).toBeNaN()
    expect(result.name).toBe('weight')
  }
})

test('says what is wrong', async () => {
  const model = await createModel(dense(3), { input: [5], batch: 8, loss: softmaxCrossEntropy() })
  const untyped = gradientCheck as (...args: unknown[]) => unknown
  expect(() => untyped(model, normals(40), [0, 1, 2, 0, 1, 2, 1, 1], {}, 1)).toThrow(
    /takes 4 arguments, got another: 1/,
  )
  expect(() => untyped(Promise.resolve(model), normals(5), [0])).toThrow(/the model is a promise: await createModel/)
  expect(() => untyped(model, normals(5), [0], { samples: 1e12 })).toThrow(/samples must be an integer of at most/)
  expect(() => untyped(model, normals(5), [0], { sample: 1 })).toThrow(/unknown option 'sample'/)
  expect(() => untyped(model, normals(45), Array(9).fill(0))).toThrow(/^gradientCheck: 9 rows, but .* at most 8/)
  const frozen = freeze(dense(3))
  const still = await createModel(frozen, { input: [5], loss: softmaxCrossEntropy(), inputGradient: true })
  expect(() => gradientCheck(still, normals(5), [0])).toThrow(/^gradientCheck: nothing of this model is trained/)
  expect(gradientCheck(still, normals(5), [0], { input: true })).toMatchObject({ name: 'input', checked: 5 })
})
