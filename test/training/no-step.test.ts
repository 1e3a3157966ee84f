// Steps that cannot be taken, and what is said of them.
import { describe, expect, test, vi } from 'vitest'
import {
  DataError,
  adagrad,
  adam,
  adamW,
  batchNorm,
  createModel,
  dense,
  hinge,
  lbfgs,
  meanSquaredError,
  momentum,
  rmsprop,
  sequential,
  sgd,
} from '../../src/entries/index'
import { coreOf } from '../../src/model/core-of'

const loss = meanSquaredError()

describe.each(['wasm', 'js'] as const)('gradients that are not finite under a finite loss, on %s', (backend) => {
  const make = (optimizer = sgd({ learningRate: 0.1 }), options: object = {}) =>
    createModel(dense(1), { input: [2], dtype: 'float32', backend, loss, optimizer, ...options })

  test.each([
    ['sgd', sgd({ learningRate: 0.1 })],
    ['lbfgs', lbfgs()],
  ])('no step of %s is taken', async (_, optimizer) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const model = await make(optimizer)
    const { data } = model.parameters.weight
    data.fill(1e-20)
    const before = [...data]
    // The loss is (2e10)², its gradient 4e10 · 1e30.
    const value = model.trainStep([1e30, 1e30], [0])
    expect(value).toBeGreaterThan(3e20)
    expect(Number.isFinite(value)).toBe(true)
    expect([...data]).toEqual(before)
    expect([...model.gradients.weight.data]).toEqual([0, 0])
    expect(model.passes).toBe(0)
    expect(coreOf('test', model).counters.steps).toBe(0)
    warn.mockRestore()
    const history = await model.fit({ x: [1e30, 1e30], y: [0] }, { epochs: 3 })
    expect(history).toMatchObject({ stopped: 'diverged', steps: 0 })
    expect(history.diverged!.text).toMatch(
      /no step was taken at step 0, in epoch 0: .*'weight' is Infinity.*scale inputs/,
    )
    expect([...data]).toEqual(before)
  })

  test('step() is a DataError that names the parameter, step of a function takes none', async () => {
    const model = await make()
    const { weight } = model.parameters
    const before = [...weight.data]
    model.gradients.weight.data[1] = NaN
    expect(() => model.step()).toThrow(DataError)
    model.gradients.weight.data[1] = NaN
    expect(() => model.step()).toThrow(/step: .*parameter 'weight' is NaN at 1.*no step was taken/)
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    model.step(() => {
      // Each message is said once in a process.
      model.gradients.bias.data[0] = backend === 'js' ? -Infinity : Infinity
      return 1
    })
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('step: a gradient is not finite'))
    warn.mockRestore()
    expect([...weight.data]).toEqual(before)
    expect([...model.parameters.bias.data]).toEqual([0])
  })

  test('an infinite norm of finite gradients is none', async () => {
    const model = await make(sgd({ learningRate: 1e-308 }), { dtype: 'float64' })
    const before = model.parameters.weight.data.slice()
    model.gradients.weight.data.fill(1.5e308)
    model.step()
    expect(model.parameters.weight.data[0]).toBeCloseTo(before[0] - 1.5, 12)
  })

  test.each([
    adam({ learningRate: 0.1 }),
    adamW({ learningRate: 0.1 }),
    rmsprop({ learningRate: 0.1 }),
    adagrad({ learningRate: 0.1 }),
  ])('$kind, which squares, takes no step whose squares overflow', async (optimizer) => {
    const model = await make(optimizer, { input: [1] })
    const before = [...model.parameters.weight.data]
    const history = await model.fit({ x: [1.7e12, 1.8e12], y: [1, 2] }, { epochs: 50 })
    // (1e12)² times the weight is 1e24, whose square float32 does not hold.
    expect(history.stopped).toBe('diverged')
    expect(history.diverged!.text).toMatch(
      /parameter 'weight' is .*e\+24 .*squares, which overflow in float32; scale inp/,
    )
    expect([...model.parameters.weight.data]).toEqual(before)
    const { engine, pointers, memory } = coreOf('test', model)
    expect(new Uint8Array(engine.buffer, pointers.optimizer, memory.optimizer).every((byte) => byte === 0)).toBe(true)

    const limited = await make(optimizer, { input: [1], clipNorm: 1 })
    expect((await limited.fit({ x: [1.7e12, 1.8e12], y: [1, 2] }, { epochs: 5 })).stopped).toBe('end')
    // What does not square goes on.
    const plain = await make(momentum({ learningRate: 1e-26 }), { input: [1] })
    expect((await plain.fit({ x: [1.7e12, 1.8e12], y: [1, 2] }, { epochs: 5 })).stopped).toBe('end')
  })
})

describe.each(['wasm', 'js'] as const)('squares that adagrad adds up, on %s', (backend) => {
  test.each([
    ['float32', 1.5e19],
    ['float64', 1.2e154],
  ] as const)('a step that makes the sum infinite is not taken: %s', async (dtype, large) => {
    const optimizer = adagrad({ learningRate: 0.1 })
    const model = await createModel(dense(1), { input: [2], dtype, backend, loss, optimizer })
    const { weight } = model.parameters
    const gradient = model.gradients.weight.data
    const step = () => (gradient.set([1, large]), model.step())
    // One such square is less than the largest number, two are more.
    step()
    const before = [...weight.data]
    const slots = () => {
      const { engine, pointers, memory } = coreOf('test', model)
      return new Uint8Array(engine.buffer, pointers.optimizer, memory.optimizer).slice()
    }
    const [kept, { counters }] = [slots(), coreOf('test', model)]
    expect(step).toThrow(DataError)
    expect(step).toThrow(
      `step: a gradient is too large: that of parameter 'weight' is ${gradientOf(dtype, large)} at 1, and adagrad adds up ` +
        `squares, which overflow in ${dtype}; scale inputs and targets, or give createModel a clipNorm`,
    )
    expect([...weight.data]).toEqual(before)
    expect(slots()).toEqual(kept)
    expect(counters.steps).toBe(1)
    // Others go on, up to the last that is rounded away.
    for (let i = 0; i < 3; i++) {
      gradient.set([1, dtype === 'float32' ? 1e15 : 1e145])
      model.step()
    }
    expect(counters.steps).toBe(4)
    expect(weight.data[0]).not.toBe(before[0])
  })

  test('fit says so', async () => {
    const optimizer = adagrad({ learningRate: 1e-30 })
    const model = await createModel(dense(1), { input: [1], dtype: 'float32', backend, loss, optimizer })
    model.parameters.weight.data[0] = 1
    // The gradient is 2 · (2.6e9)², about 1.35e19: its square fits, that of two does not.
    const history = await model.fit({ x: [2.6e9], y: [0] }, { epochs: 9 })
    expect(history).toMatchObject({ stopped: 'diverged', steps: 1 })
    expect(history.diverged!.text).toMatch(
      /step 1, in epoch 1: .*'weight' is 13519\d+ at 0, and adagrad adds up squares/,
    )
  })
})

const gradientOf = (dtype: 'float32' | 'float64', value: number) => (dtype === 'float32' ? Math.fround(value) : value)

test('a console that throws leaves no step open', async () => {
  const model = await createModel(sequential(dense(2), batchNorm(), dense(1)), {
    input: [2],
    loss,
    optimizer: sgd({ learningRate: 0.1 }),
  })
  const before = [...model.parameters['0.weight'].data]
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {
    throw new Error('no console')
  })
  expect(() => model.trainStep([1, 2], [3])).toThrow('no console')
  warn.mockRestore()
  expect(model.passes).toBe(0)
  model.predict([1, 2])
  expect([...model.parameters['0.weight'].data]).toEqual(before)
})

describe('what is said of a loss that is not finite', () => {
  const make = (dtype: 'float32' | 'float64' = 'float64') =>
    createModel(dense(1), { input: [1], batch: 2, dtype, loss, optimizer: sgd({ learningRate: 0.1 }) })

  test('targets that are too large', async () => {
    const { diverged } = await (await make()).fit({ x: [1, 2], y: [1e200, 1] }, { shuffle: false })
    expect(diverged!.text).toMatch(/meanSquaredError that overflows: outputs reach [^,]*, targets reach 1e\+200; /)
    expect(diverged!.text).toContain('scale inputs and targets')
  })

  test('targets that became bad while it ran', async () => {
    const y = new Float64Array([1, 2])
    const model = await make()
    const { diverged } = await model.fit(
      { x: [1, 2], y },
      { epochs: 3, shuffle: false, onEpoch: () => void (y[1] = NaN) },
    )
    expect(diverged!.text).toMatch(/epoch 1: the target y holds NaN in row 1 of the batch; mend the data/)
  })

  test('a loss that overflows by its own numbers', async () => {
    const hinged = createModel(dense(3), {
      input: [1],
      dtype: 'float32',
      loss: hinge({ margin: 1e300 }),
      optimizer: sgd({ learningRate: 0.1 }),
    })
    const { diverged } = await (await hinged).fit({ x: [1], y: [1] })
    expect(diverged!.text).toMatch(/so it is hinge that overflows: outputs reach/)
  })
})
