// Optimizers by their case table: engine against engine, options, and what their formulas promise.
import { createEngine } from '../../src/engine/create'
import { createModel } from '../../src/model/create'
import { describe, expect, test, vi } from 'vitest'
import {
  type Optimizer,
  adam,
  adamW,
  dense,
  freeze,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { exportsFrom } from '../support/exports'
import { optimizerCases, optimizers } from '../../cases/optimizers'

test('every optimizer of the library has a row in the tables', () => {
  const factories = exportsFrom('optimizers').filter((name) => name !== 'minimize')
  expect(factories).toContain('adam')
  expect(Object.keys(optimizers).toSorted()).toEqual(factories.toSorted())
  expect([...new Set(optimizerCases.map(({ op }) => op))].toSorted()).toEqual(factories.toSorted())
})

test.each(Object.entries(optimizers))('%s says which kernels it calls', async (_, create) => {
  const { kernels, buffer } = await createEngine('float64', 65536, 'js')
  const optimizer = create({ learningRate: 0.1, ...(create === optimizers.adamW && { weightDecay: 0.1 }) })
  const called = new Set<string>()
  const heard = new Proxy(kernels, {
    get(all, name: keyof typeof kernels) {
      called.add(name)
      return all[name]
    },
  })
  const values = new Float64Array(buffer)
  const [x, dx] = [64, 128].map((pointer) => values.subarray(pointer / 8, pointer / 8 + 8))
  x.fill(3)
  const parameters = {
    kernels: heard,
    count: 8,
    decayed: 4,
    x: 64,
    dx: 128,
    slots: optimizer.slots.map((_slot, i) => 192 + 64 * i),
    numbers: new Float64Array(optimizer.numbers ?? 0),
    weightDecay: undefined,
  }
  // The sum of x⁴.
  const evaluate = () => {
    dx.set(x.map((v) => 4 * v ** 3))
    return x.reduce((sum, v) => sum + v ** 4, 0)
  }
  for (let t = 1; t <= 3; t++) {
    evaluate()
    if (optimizer.minimize) optimizer.minimize(parameters, 1, evaluate)
    else optimizer.update!(parameters, 0.1, t)
  }
  expect(Math.max(...x)).toBeLessThan(3)
  // Every module of kernels tells the size of its numbers.
  expect([...called].filter((name) => name !== 'bytesPerValue').toSorted()).toEqual(optimizer.uses?.toSorted())
})

const x = Float64Array.from({ length: 32 * 5 }, (_, i) => Math.sin(i * i))
const y = Uint8Array.from({ length: 32 }, (_, i) => (x[5 * i] > 0 ? (x[5 * i + 1] > 0 ? 2 : 1) : 0))

function make(optimizer: Optimizer, options: object = {}) {
  const network = sequential(dense(7), relu(), dense(3))
  return createModel(network, { input: [5], batch: 32, seed: 2, loss: softmaxCrossEntropy(), optimizer, ...options })
}

const bits = (model: Awaited<ReturnType<typeof make>>) => Object.values(model.parameters).map(({ data }) => [...data])

describe.each(optimizerCases.map((c) => [`${c.op} ${JSON.stringify(c.options)}`, c] as const))('%s', (_, c) => {
  const create = (learningRate = 0.05) => optimizers[c.op]({ learningRate, ...c.options })

  test.each(['float64', 'float32'] as const)('trains with the same bits on both engines, %s', async (dtype) => {
    const [wasm, js] = await Promise.all(
      (['wasm', 'js'] as const).map((backend) => make(create(), { dtype, backend, l2: 1e-3 })),
    )
    const losses = [wasm, js].map((model) => Array.from({ length: 60 }, () => model.trainStep(x, y)))
    expect(losses[0]).toEqual(losses[1])
    expect(bits(wasm)).toEqual(bits(js))
    expect(losses[0][59]).toBeLessThan(0.7 * losses[0][0])
  })

  test('says what it is', () => {
    const { kind, config, learningRate } = create(0.25)
    expect(kind).toBe(c.op)
    expect(config).toMatchObject(c.options)
    expect(learningRate).toBe(0.25)
    // The config, and the rate, are the options: they make the same optimizer again.
    expect(optimizers[kind]({ learningRate, ...config })).toMatchObject({ kind, config })
  })

  test('one description serves two models', async () => {
    const shared = create()
    const [first, second] = await Promise.all([make(shared), make(shared)])
    for (let i = 0; i < 3; i++) first.trainStep(x, y)
    const losses = Array.from({ length: 3 }, () => second.trainStep(x, y))
    expect(losses[2]).toBeLessThan(losses[0])
    expect(bits(second)).toEqual(bits(first))
  })

  test('a step with a function is a step on what it leaves', async () => {
    const [plain, called] = await Promise.all([make(create(), { l2: 0.1 }), make(create(), { l2: 0.1 })])
    const { data } = called.gradients['0.weight']
    // The losses differ by rounding, which grows over the iterations of lbfgs: 20 in a step.
    for (let i = 0; i < (c.op === 'lbfgs' ? 1 : 3); i++) {
      const loss = plain.trainStep(x, y)
      const value = called.step(() => {
        const scores = called.forward(x, { training: true }).data
        const dy = softmaxGradient(scores, y)
        called.backward(dy.gradient)
        return dy.loss
      })
      expect(data.every((g) => g === 0)).toBe(true)
      expect(value).toBeCloseTo(loss, 10)
    }
    for (const [name, { data }] of Object.entries(plain.parameters)) {
      data.forEach((value, i) => expect(called.parameters[name].data[i]).toBeCloseTo(value, 8))
    }
  })

  test('refuses options that it has not, and bad rates', () => {
    expect(() => optimizers[c.op]({ learningRate: 1, speed: 2 })).toThrow(`${c.op}: unknown option 'speed'`)
    for (const learningRate of [-1, NaN, Infinity, '0.1', null]) {
      expect(() => optimizers[c.op]({ learningRate })).toThrow(`${c.op}: learningRate must be`)
    }
  })
})

/** The mean cross-entropy of 3 classes and its gradient, by the definition. */
function softmaxGradient(scores: ArrayLike<number>, labels: ArrayLike<number>) {
  let loss = 0
  const gradient = Float64Array.from(scores, (_, at) => {
    const row = Array.from({ length: 3 }, (_, j) => Math.exp(scores[at - (at % 3) + j]))
    const share = row[at % 3] / row.reduce((a, b) => a + b)
    const right = labels[(at - (at % 3)) / 3] === at % 3
    if (right) loss -= Math.log(share) / labels.length
    return (share - (right ? 1 : 0)) / labels.length
  })
  return { loss, gradient }
}

describe('adamW', () => {
  test('decays weights, not biases', async () => {
    const model = await make(adamW({ learningRate: 0.1, weightDecay: 0.5 }))
    for (const { data } of Object.values(model.parameters)) data.fill(1)
    // No gradients: only the decay is left.
    model.step()
    for (const [name, { data }] of Object.entries(model.parameters)) {
      for (const value of data) expect(value).toBe(name.endsWith('weight') ? 1 - 0.1 * 0.5 : 1)
    }
  })

  test('without decay is adam, to the bit', async () => {
    const [decayed, plain] = await Promise.all([
      make(adamW({ learningRate: 0.1, weightDecay: 0 })),
      make(adam({ learningRate: 0.1 })),
    ])
    for (let i = 0; i < 5; i++) expect(decayed.trainStep(x, y)).toBe(plain.trainStep(x, y))
    expect(bits(decayed)).toEqual(bits(plain))
  })

  test('decays with the rate of the schedule', async () => {
    const model = await make(adamW({ learningRate: (t) => (t === 0 ? 0.5 : 0.25), weightDecay: 1 }))
    for (const { data } of Object.values(model.parameters)) data.fill(1)
    model.step()
    model.epoch = 1
    model.step()
    expect(model.parameters['0.weight'].data[0]).toBe(0.5 * 0.75)
  })
})

test.each<[string, object, RegExp]>([
  ['momentum', { rho: 1.5 }, /^momentum: rho must be .* from 0 to 1, got 1\.5/],
  ['momentum', { average: 1 }, /^momentum: average must be true or false/],
  ['nesterov', { rho: -0.1 }, /^nesterov: rho must be .* from 0 to 1, got -0\.1/],
  ['adagrad', { epsilon: -1 }, /^adagrad: epsilon must be .* at least 0, got -1/],
  ['rmsprop', { decay: 2 }, /^rmsprop: decay must be .* from 0 to 1, got 2/],
  ['rmsprop', { epsilon: '1' }, /^rmsprop: epsilon must be .* got "1"/],
  ['rmsprop', { epsilonInside: 'yes' }, /^rmsprop: epsilonInside must be true or false/],
  ['adamW', { weightDecay: -1 }, /^adamW: weightDecay must be .* at least 0, got -1/],
  ...(['adam', 'adamW', 'adagrad', 'rmsprop'] as const).flatMap((op) =>
    [0, 1e-46].map((epsilon): [string, object, RegExp] => [
      op,
      { epsilon },
      new RegExp(`^${op}: epsilon ${epsilon} is 0 as float32, and 0 / 0 where nothing is added`),
    ]),
  ),
  ['adamW', { beta1: 1 }, /^adamW: beta1 must be from 0 to less than 1, got 1/],
])('%s refuses %j', (op, options, message) => {
  expect(() => optimizers[op]({ learningRate: 0.1, ...options })).toThrow(message)
})

test.each(['adam', 'adamW', 'adagrad', 'rmsprop'] as const)(
  '%s with the least epsilon moves nothing where the gradient is 0',
  async (op) => {
    for (const dtype of ['float64', 'float32'] as const) {
      for (const epsilonInside of op === 'adagrad' ? [undefined] : [false, true]) {
        const options = { learningRate: 0.1, epsilon: 1.4e-45, ...(epsilonInside !== undefined && { epsilonInside }) }
        const model = await make(optimizers[op]({ ...options, ...(op === 'adamW' && { weightDecay: 0 }) }), { dtype })
        const before = bits(model)
        model.step()
        expect(bits(model)).toEqual(before)
      }
    }
  },
)

test('a schedule whose unit is none is refused, where it is given and where it is set', async () => {
  const schedule = Object.assign(() => 0.1, { per: 'steps' as 'step' })
  const message = /learningRate\.per must be 'epoch', 'step', got "steps"/
  for (const create of Object.values(optimizers)) expect(() => create({ learningRate: schedule })).toThrow(message)
  const model = await make(adam({ learningRate: 0.1 }))
  expect(() => (model.learningRate = schedule as never)).toThrow(message)
})

test('a model of which nothing is trained says so, once it has an optimizer', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const options = { input: [5], loss: softmaxCrossEntropy() }
  const frozen = () => freeze(dense(3))
  await createModel(frozen(), options)
  expect(warn).not.toHaveBeenCalled()
  await createModel(frozen(), { ...options, optimizer: adam({ learningRate: 0.1 }) })
  expect(warn.mock.calls).toEqual([
    [expect.stringMatching(/^v128: createModel: no parameter of this network is trained/)],
  ])
  warn.mockRestore()
})

describe('step', () => {
  test('refuses what is no function, and a function that returns no number', async () => {
    const model = await make(adam({ learningRate: 0.1 }))
    expect(() => model.step(3 as never)).toThrow(/^step: wants nothing, or a function/)
    expect(() => model.step((() => undefined) as never)).toThrow(/^step: the function must return the loss, a number/)
  })
})
