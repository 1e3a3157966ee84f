// gradientCheck itself: it finds what is wrong, and is not misled by kinks, dropout, batch norm or the scale of a loss.
import { createModel } from '../src/model/create'
import { times } from '../src/plan/calls'
import type { Layer } from '../src/plan/plan'
import type { Parameter } from '../src/plan/value'
import { describe, expect, test } from 'vitest'
import {
  adam,
  batchNorm,
  constant,
  createRandom,
  dense,
  dropout,
  gradientCheck,
  hinge,
  meanSquaredError,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../src/entries/index'
import { bits } from './models'

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
