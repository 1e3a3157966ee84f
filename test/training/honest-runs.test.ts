// What a run leaves behind where it could not begin, or died, and what is said of numbers that mean nothing.
import { describe, expect, test, vi } from 'vitest'
import {
  DataError,
  PlanError,
  createModel,
  dense,
  meanSquaredError,
  reduceOnPlateau,
  sgd,
  softmaxCrossEntropy,
  warmup,
} from '../../src/entries/index'
import { countRight, countRightSides, countTopK } from '../../src/metrics'
import { coreOf } from '../../src/model/core-of'
import type { Schedule } from '../../src/schedules'

const loss = meanSquaredError()
const data = { x: [1, 2], y: [1, 2] }
const make = (learningRate: number | Schedule = 0.1, options: object = {}) =>
  createModel(dense(1), { input: [1], batch: 2, seed: 1, loss, optimizer: sgd({ learningRate }), ...options })

describe('a fit that cannot run changes nothing', () => {
  test('neither what a schedule has seen', async () => {
    const model = await make(reduceOnPlateau({ initial: 0.1, patience: 1, factor: 0.5 }))
    for (let i = 0; i < 4; i++) model.observe(1)
    const seen = [...coreOf('test', model).scheduleState]
    expect(seen[0]).toBeLessThan(0.1)
    await expect(model.fit(data, { nope: 1 } as never)).rejects.toThrow(/unknown option 'nope'/)
    await expect(model.fit({ x: [1], y: [NaN] })).rejects.toThrow(DataError)
    expect([...coreOf('test', model).scheduleState]).toEqual(seen)
  })

  test('nor the number of epochs, where its first batch throws', async () => {
    const model = await make()
    const transform = () => {
      throw new Error('mine')
    }
    await expect(model.fit(data, { transform })).rejects.toThrow('mine')
    expect(coreOf('test', model).counters).toEqual({ steps: 0, passes: 0, epochs: 0 })
    await model.fit(data, { epochs: 2 })
    expect(coreOf('test', model).counters.epochs).toBe(2)
  })

  test.each([
    ['initialState', { initialState: [1n] }, /learningRate.initialState must be an array of numbers, got \[1n\]/],
    ['initialState that is none', { initialState: 5 }, /learningRate.initialState must be an array of numbers, got 5/],
    ['observe', { observe: 5 }, /learningRate.observe must be a function \(epoch, loss, state\), got 5/],
  ])('nor the rate, where the %s of a schedule is none', async (_, members, message) => {
    const model = await make()
    const schedule = Object.assign(() => 0.7, members) as never
    expect(() => (model.learningRate = schedule)).toThrow(PlanError)
    expect(() => (model.learningRate = schedule)).toThrow(message)
    expect(coreOf('test', model).rate).toBe(0.1)
    expect(() => sgd({ learningRate: schedule })).toThrow(message)
  })
})

describe('a run that dies', () => {
  test.each([1e100, 1e200])('has best weights that were measured, though the last step was of %s', async (rate) => {
    const model = await make((epoch) => (epoch < 3 ? 0.1 : rate))
    const history = await model.fit(data, { epochs: 20, earlyStopping: { restoreBest: true, patience: 50 } })
    expect(history.stopped).toBe('diverged')
    expect(history.bestEpoch).toBe(3)
    // One batch is an epoch: what it measured is what the model has.
    expect(model.evaluate(data).loss).toBe(history.loss[3])
    expect(Math.abs(model.parameters.weight.data[0])).toBeLessThan(10)
  })

  test('is told apart by its validation too', async () => {
    const model = await make()
    const history = await model.fit(data, { epochs: 5, validation: { x: [1, 1e200], y: [1, 1] } })
    expect(history).toMatchObject({ stopped: 'diverged', loss: [], validationLoss: [] })
    expect(history.diverged!.text).toMatch(/^the validation loss is Infinity after epoch 0: .*outputs reach .*e\+\d+/)
  })

  test('says so though it was aborted', async () => {
    const model = await make()
    const abort = new AbortController()
    const history = await model.fit(data, {
      epochs: 5,
      signal: abort.signal,
      onBatch() {
        model.parameters.weight.data[0] = Infinity
        abort.abort()
      },
    })
    expect(history).toMatchObject({ stopped: 'diverged', aborted: true })
    expect(history.diverged!.text).toContain("the parameter 'weight' holds Infinity")
  })
})

describe('scores that are NaN', () => {
  test('are right nowhere', () => {
    const scores = Float64Array.of(NaN, 0, 1, 2, 0, NaN)
    expect(countRight(scores, Int32Array.of(0, 0, 0), 3, 2)).toBe(0)
    expect(countRight(scores, Int32Array.of(0, 1, 0), 3, 2)).toBe(1)
    expect(countTopK(scores, Int32Array.of(0, 0, 0), 3, 2, 2)).toBe(1)
    expect(countRightSides(Float64Array.of(NaN, -1), Float64Array.of(0, 0), 2, 1)).toBe(1)
  })

  test('and the user is told', async () => {
    const model = await createModel(dense(3), { input: [2], loss: softmaxCrossEntropy() })
    model.parameters.weight.data[1] = NaN
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const rows = { x: [1, 2, 3, 4], y: [0, 0] }
    expect(model.evaluate(rows).accuracy).toBe(0)
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/evaluate: the output holds NaN.*'weight' holds NaN at 1/))
    model.predict(rows.x)
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/predict: the output holds NaN.*'weight' holds NaN at 1/))
    expect(() => model.evaluate(rows, { confusion: true })).toThrow(DataError)
    warn.mockRestore()
  })
})

test.each(['abc', NaN, undefined, Infinity])('observe(%s) is an error', async (value) => {
  const model = await make(reduceOnPlateau({ initial: 0.1 }))
  expect(() => model.observe(value as number)).toThrow(DataError)
  expect(() => model.observe(value as number)).toThrow(/observe: the loss must be a finite number/)
})

test('the rate of an epoch is that of its last step, whatever was set since', async () => {
  const model = await make()
  const { learningRate } = await model.fit(data, { epochs: 2, onBatch: () => void (model.learningRate = 0.01) })
  expect(learningRate).toEqual([0.1, 0.01])
})

test('null is off, or an error', async () => {
  const orders: string[] = []
  const rows = { x: [1, 2, 3, 4, 5, 6, 7, 8], y: [1, 2, 3, 4, 5, 6, 7, 8] }
  const transform = (input: { data: Float64Array | Float32Array }) => void orders.push(input.data.join())
  await (await make()).fit(rows, { shuffle: null as never, transform })
  expect(orders).toEqual(['1,2', '3,4', '5,6', '7,8'])
  for (const option of ['epochs', 'steps', 'batch']) {
    await expect((await make()).fit(data, { [option]: null })).rejects.toThrow(new RegExp(`fit: ${option} must be`))
  }
})

test.each(['clipNorm', 'clipValue', 'maxNorm'])('%s of 0 is refused, for nothing could be learnt', async (name) => {
  await expect(make(0.1, { [name]: 0 })).rejects.toThrow(`createModel: ${name} must be more than 0, got 0`)
  await expect(make(0.1, { [name]: 1e-60, dtype: 'float32' })).rejects.toThrow(/must be more than 0, got 1e-60/)
  await make(0.1, { [name]: 1e-60 })
})

describe('a rate, or a loss, that is no number', () => {
  test.each<[string, unknown]>([
    ['"0.1"', '0.1'],
    ['true', true],
    ['[0.1]', [0.1]],
    ['null', null],
    ['undefined', undefined],
    ['-1', -1],
    ['Infinity', Infinity],
    ['a promise (await it first)', Promise.resolve(0.1)],
  ])('%s of a schedule or of an optimizer of the user’s', async (shown, given) => {
    const [mine, warming] = [() => given, warmup(2, (() => given) as never)]
    const { update } = sgd({ learningRate: 1 })
    const own = { kind: 'own', config: {}, learningRate: given, slots: [], update }
    const cases = [
      [await make(mine as never), `learningRate: the schedule gives ${shown} at step 0 of epoch 0`],
      [await make(warming), `warmup: what schedule gives must be a finite number of at least 0, got ${shown}`],
      ...(given === null || given === undefined
        ? []
        : [
            [
              await make(1, { optimizer: own }),
              `the optimizer: learningRate must be a number of at least 0 or a`,
            ] as const,
          ]),
    ] as const
    for (const [model, message] of cases) {
      const before = model.parameters.weight.data.slice()
      for (const step of [() => model.trainStep([1], [2]), () => model.step(), () => model.step(() => 1)]) {
        expect(step).toThrow(PlanError)
        expect(step).toThrow(message)
      }
      await expect(model.fit(data)).rejects.toThrow(message)
      expect(model.parameters.weight.data).toEqual(before)
      expect(coreOf('test', model).counters).toMatchObject({ steps: 0, passes: 0 })
    }
  })

  test.each<[string, unknown]>([
    ['"1"', '1'],
    ['undefined', undefined],
    ['a promise (await it first)', Promise.resolve(1)],
  ])('%s of an optimizer’s minimize', async (shown, given) => {
    const minimize = (p: { x: number; kernels: { scale(n: number, by: number, x: number): void } }) => {
      p.kernels.scale(1, 2, p.x)
      return given
    }
    const own = { kind: 'own', config: {}, learningRate: 1, slots: [], minimize }
    const model = await make(1, { optimizer: own })
    const before = model.parameters.weight.data.slice()
    for (const step of [() => model.trainStep([1], [2]), () => model.step(() => 1)]) {
      expect(step).toThrow(PlanError)
      expect(step).toThrow(`own: minimize must return the first loss, a number, got ${shown}`)
      expect(model.parameters.weight.data).toEqual(before)
    }
  })
})
