// L-BFGS: how fast it gets there, against PyTorch's counts in fixtures/ours/lbfgs.json, and what it refuses.
import { createModel } from '../../src/model/create'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  PlanError,
  dense,
  lbfgs,
  minimize,
  relu,
  sequential,
  softmaxCrossEntropy,
  zeros,
} from '../../src/entries/index'
import { coreOf } from '../../src/model/core-of'
import type { Model } from '../../src/model/model'
import type { Prepared } from '../../src/plan/run'

interface Fixture {
  rosenbrock: { start: number[]; evaluations: number; value: number }[]
  labels: number[]
  logistic: { name: string; l2: number; evaluations: number; loss: number; x: number[] }[]
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('../fixtures/ours/lbfgs.json', import.meta.url), 'utf8'))
const { labels } = fixture
const [plain] = fixture.logistic

/** Rosenbrock's function of any number of coordinates; least, 0, at (1, ..., 1). */
function rosenbrock(x: ArrayLike<number>, gradient: { [index: number]: number }): number {
  let value = 0
  for (let i = 0; i + 1 < x.length; i++) {
    const rest = x[i + 1] - x[i] ** 2
    value += 100 * rest ** 2 + (1 - x[i]) ** 2
    gradient[i] += -400 * x[i] * rest - 2 * (1 - x[i])
    gradient[i + 1] += 200 * rest
  }
  return value
}

/** Counts how often the loss of a model is computed with its gradient. */
function counting(model: Model<never>) {
  const counter = { calls: 0 }
  const loss = coreOf('test', model).run.losses[0].loss as { -readonly [K in keyof Prepared]: Prepared[K] }
  const { run } = loss
  loss.run = (...args) => {
    counter.calls++
    return run(...args)
  }
  return counter
}

function regression(options: object = {}) {
  const common = { input: [4], batch: 150, loss: softmaxCrossEntropy(), optimizer: lbfgs() }
  return createModel(dense(3, { init: zeros() }), { ...common, ...options })
}

describe('minimize', () => {
  test.each(fixture.rosenbrock.map((c) => [JSON.stringify(c.start), c] as const))(
    'Rosenbrock from %s',
    async (_, c) => {
      const found = await minimize(rosenbrock, c.start)
      expect(found.converged).toBe(true)
      expect(found.gradientNorm).toBeLessThanOrEqual(1e-8)
      expect(found.evaluations).toBeLessThanOrEqual(1.5 * c.evaluations)
      expect(found.value).toBeLessThan(1e-14)
      const gradient = Array.from(c.start, () => 0)
      expect(rosenbrock(found.x, gradient)).toBe(found.value)
      expect(Math.hypot(...gradient)).toBeCloseTo(found.gradientNorm, 15)
    },
  )

  test('counts calls and iterations, and stops where it is told to', async () => {
    let calls = 0
    const f: typeof rosenbrock = (x, gradient) => {
      calls++
      return rosenbrock(x, gradient)
    }
    const few = await minimize(f, [-1.2, 1], { iterations: 5 })
    expect(few).toMatchObject({ converged: false, iterations: 5, evaluations: calls })
    expect(few.value).toBeLessThan(rosenbrock([-1.2, 1], [0, 0]))
    const rough = await minimize(rosenbrock, [-1.2, 1], { tolerance: 1e-2 })
    expect(rough.gradientNorm).toBeLessThanOrEqual(1e-2)
    expect(rough.iterations).toBeLessThan((await minimize(rosenbrock, [-1.2, 1])).iterations)
    expect(await minimize(rosenbrock, [1, 1])).toMatchObject({
      converged: true,
      iterations: 0,
      evaluations: 1,
      value: 0,
    })
  })

  test('solves a quadratic bowl of 100 unlike directions', async () => {
    const bowl = (x: ArrayLike<number>, gradient: Float64Array) => {
      let value = 0
      for (let i = 0; i < 100; i++) {
        value += 0.5 * (i + 1) * (x[i] - i) * (x[i] - i)
        gradient[i] = (i + 1) * (x[i] - i)
      }
      return value
    }
    const { x, converged, evaluations } = await minimize(bowl, new Float64Array(100))
    expect(converged).toBe(true)
    x.forEach((value, i) => expect(value).toBeCloseTo(i, 7))
    expect(evaluations).toBeLessThan(150)
  })

  test('comes back from where a function is no number', async () => {
    // ln x - x has its only maximum at 1; from 1e-3 on the first steps lead to where there is no logarithm.
    const f = ([x]: ArrayLike<number>[] | Float64Array, gradient: Float64Array) => {
      gradient[0] = 1 - 1 / (x as number)
      return (x as number) - Math.log(x as number)
    }
    for (const start of [1e-3, 0.5, 4, 1000]) {
      const { x, converged } = await minimize(f, [start])
      expect(converged).toBe(true)
      expect(x[0]).toBeCloseTo(1, 7)
    }
  })

  test('ends where there is no minimum or nothing but NaN, with the best it saw', async () => {
    const slope = await minimize(
      ([x], gradient) => {
        gradient[0] = 1
        return x
      },
      [0],
      { iterations: 3 },
    )
    expect(slope.converged).toBe(false)
    expect(slope.value).toBeLessThan(-1000)
    const nothing = await minimize(() => NaN, [1, 2])
    expect(nothing).toMatchObject({ converged: false, evaluations: 1 })
    expect([...nothing.x]).toEqual([1, 2])
    // A gradient that points uphill: no step of any length helps, and x stays.
    const wrong = await minimize(
      ([x], gradient) => {
        gradient[0] = -2 * x
        return x * x
      },
      [3],
    )
    expect(wrong).toMatchObject({ converged: false, iterations: 0, value: 9 })
    expect(wrong.x[0]).toBe(3)
  })

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['no function', () => minimize(3 as never, [1]), /^minimize: wants a function \(x, gradient\), got 3/],
    ['no start', () => minimize(rosenbrock, undefined as never), /^minimize: start must be a list/],
    ['an empty start', () => minimize(rosenbrock, []), /^minimize: start must be a list of at least one number/],
    ['a NaN', () => minimize(rosenbrock, [0, NaN]), /^minimize: start\[1\] is NaN; want finite numbers/],
    [
      'an unknown option',
      () => minimize(rosenbrock, [0, 0], { speed: 1 } as never),
      /^minimize: unknown option 'speed'/,
    ],
    ['no value', () => minimize((() => {}) as never, [0]), /^minimize: the function must return its value, a number/],
  ])('refuses %s', (_, run, message) => expect(run()).rejects.toThrow(message))
})

describe.each(['wasm', 'js'] as const)('a model on %s', (backend) => {
  test.each(fixture.logistic.map((c) => [c.name, c] as const))(
    'solves logistic regression: %s',
    async (_, { x, l2, loss, evaluations }) => {
      const optimizer = lbfgs({ iterations: 1000, tolerance: 1e-8 })
      const model = await regression({ l2, optimizer, backend })
      const counter = counting(model)
      expect(model.trainStep(x, labels)).toBeCloseTo(Math.log(3), 12)
      expect(counter.calls).toBeLessThanOrEqual(1.5 * evaluations)
      expect(model.evaluate({ x, y: labels }).loss).toBeCloseTo(loss, 14)
      // The norm of the gradient, l2 included, found anew.
      const { data } = model.forward(x)
      const dy = data.map((_, at) => {
        const row = [0, 1, 2].map((j) => Math.exp(data[at - (at % 3) + j]))
        const share = row[at % 3] / row.reduce((a, b) => a + b)
        return (share - (labels[(at - (at % 3)) / 3] === at % 3 ? 1 : 0)) / 150
      })
      model.backward(dy)
      const { weight, bias } = model.gradients
      const squares = [...weight.data.map((g, i) => g + l2 * model.parameters.weight.data[i]), ...bias.data]
      expect(Math.hypot(...squares)).toBeLessThanOrEqual(1.0001e-8)
      // It stays there.
      const before = model.parameters.weight.data.slice()
      counter.calls = 0
      model.trainStep(x, labels)
      expect(counter.calls).toBe(1)
      expect(model.parameters.weight.data).toEqual(before)
    },
  )

  test('solves it in steps of 20 iterations, and in fit', async () => {
    const model = await regression({ backend })
    const counter = counting(model)
    const history = await model.fit({ x: plain.x, y: labels }, { epochs: 4, shuffle: false })
    expect(model.evaluate({ x: plain.x, y: labels }).loss).toBeCloseTo(plain.loss, 14)
    expect(counter.calls).toBeLessThanOrEqual(1.5 * plain.evaluations + 3)
    expect(history.loss[0]).toBeCloseTo(Math.log(3), 12)
    expect(history.loss[3]).toBeCloseTo(plain.loss, 14)
    expect(history.learningRate).toEqual([1, 1, 1, 1])
  })

  test('float32 gets as far as float32 goes, and stays there', async () => {
    const model = await regression({ dtype: 'float32', backend })
    for (let i = 0; i < 10; i++) model.trainStep(plain.x, labels)
    const before = model.parameters.weight.data.slice()
    expect(model.evaluate({ x: plain.x, y: labels }).loss).toBeCloseTo(plain.loss, 5)
    for (let i = 0; i < 10; i++) expect(model.trainStep(plain.x, labels)).toBeCloseTo(plain.loss, 5)
    before.forEach((w, i) => expect(model.parameters.weight.data[i]).toBeCloseTo(w, 2))
  })

  test('a loop of your own: Rosenbrock as the parameters of a model', async () => {
    const [{ start, evaluations }] = fixture.rosenbrock
    const optimizer = lbfgs({ iterations: 1000, tolerance: 1e-8 })
    const model = await createModel(dense(1, { bias: false }), { input: [2], batch: 1, optimizer, backend })
    const { data: x } = model.parameters.weight
    x.set(start)
    let calls = 0
    const value = model.step(() => {
      calls++
      expect([...model.gradients.weight.data]).toEqual([0, 0])
      return rosenbrock(x, model.gradients.weight.data)
    })
    expect(value).toBeCloseTo(24.2, 12)
    expect(calls).toBeLessThanOrEqual(1.5 * evaluations)
    const gradient = [0, 0]
    expect(rosenbrock(x, gradient)).toBeLessThan(1e-16)
    expect(Math.hypot(...gradient)).toBeLessThanOrEqual(1e-8)
    expect([...model.gradients.weight.data]).toEqual([0, 0])
  })

  test('never ends a step higher than it began, whatever the network', async () => {
    const network = sequential(dense(16), relu(), dense(16), relu(), dense(3))
    const optimizer = lbfgs({ iterations: 3, memory: 2 })
    const model = await createModel(network, {
      input: [4],
      batch: 150,
      seed: 5,
      loss: softmaxCrossEntropy(),
      optimizer,
      backend,
    })
    const losses = Array.from({ length: 40 }, () => model.trainStep(plain.x, labels))
    for (let i = 1; i < 40; i++) expect(losses[i]).toBeLessThanOrEqual(losses[i - 1] * (1 + 1e-14))
    expect(losses[39]).toBeLessThan(0.5 * losses[0])
  })
})

test('its slots are planned: 2 memory + 3 times the parameters', async () => {
  const [three, ten] = await Promise.all([regression({ optimizer: lbfgs({ memory: 3 }) }), regression()])
  expect(three.memory.optimizer).toBe(9 * three.memory.parameters)
  expect(ten.memory.optimizer).toBe(23 * ten.memory.parameters)
})

describe('refuses', () => {
  test('step() alone', async () => {
    const model = await regression()
    expect(() => model.step()).toThrow(PlanError)
    expect(() => model.step()).toThrow(/^step: lbfgs .*; hand in a function .*, or call trainStep\(x, y\) or fit/)
  })

  test('fit in several batches', async () => {
    const model = await regression({ batch: 100 })
    await expect(model.fit({ x: plain.x, y: labels })).rejects.toThrow(PlanError)
    await expect(model.fit({ x: plain.x, y: labels })).rejects.toThrow(
      /^fit: .* all rows in one batch, got 2; .*batch: 150/,
    )
    expect(Math.max(...model.parameters.weight.data)).toBe(0)
  })

  test('clipNorm', async () => {
    await expect(regression({ clipNorm: 1 })).rejects.toThrow(/^createModel: clipNorm does not go with lbfgs/)
  })

  test('a function that returns no loss', async () => {
    const model = await regression()
    expect(() => model.step((() => '3') as never)).toThrow(DataError)
  })

  test.each<[object, RegExp]>([
    [{ memory: 0 }, /^lbfgs: memory must be an integer of at least 1, got 0/],
    [{ iterations: 1.5 }, /^lbfgs: iterations must be an integer/],
    [{ tolerance: -1 }, /^lbfgs: tolerance must be .* at least 0/],
  ])('%j', (options, message) => expect(() => lbfgs(options)).toThrow(message))
})
