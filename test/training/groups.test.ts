// Parts of a network that are trained in ways of their own, and decay of all parameters.
import { describe, expect, test } from 'vitest'
import {
  type Optimizer,
  PlanError,
  adagrad,
  adam,
  adamW,
  batchNorm,
  createModel,
  createRandom,
  dense,
  lbfgs,
  momentum,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'

const random = createRandom(4)
const x = Array.from({ length: 12 * 4 }, () => random.normal())
const y = Array.from({ length: 12 }, () => random.integer(3))
const network = () =>
  sequential({
    features: sequential(dense(6), batchNorm(), relu()),
    classifier: sequential(dense(5), relu(), dense(3)),
  })
const modelOf = (optimizer: Optimizer, more: object = {}) =>
  createModel(network(), { input: [4], batch: 12, loss: softmaxCrossEntropy(), optimizer, seed: 1, ...more })
const valuesOf = (model: Awaited<ReturnType<typeof modelOf>>) =>
  Object.fromEntries(Object.entries(model.parameters).map(([name, { data }]) => [name, [...data]]))

describe('groups', () => {
  test('that say nothing change no bit', async () => {
    for (const optimizer of [adamW({ learningRate: 0.01 }), momentum({ learningRate: 0.1 })]) {
      const [plain, grouped] = await Promise.all([modelOf(optimizer), modelOf(optimizer, { groups: { features: {} } })])
      for (let i = 0; i < 3; i++) expect(grouped.trainStep(x, y)).toBe(plain.trainStep(x, y))
      expect(valuesOf(grouped)).toEqual(valuesOf(plain))
    }
  })

  test('a factor of the learning rate is that of its part', async () => {
    const groups = { features: { learningRate: 0.1 }, 'classifier.0': { learningRate: 0 } }
    const [plain, grouped] = await Promise.all([
      modelOf(sgd({ learningRate: 0.5 })),
      modelOf(sgd({ learningRate: 0.5 }), { groups }),
    ])
    const before = valuesOf(plain)
    plain.trainStep(x, y)
    grouped.trainStep(x, y)
    const [full, part] = [valuesOf(plain), valuesOf(grouped)]
    for (const name of Object.keys(before)) {
      const factor = name.startsWith('features') ? 0.1 : name.startsWith('classifier.0') ? 0 : 1
      part[name].forEach((value, i) => {
        expect(value - before[name][i]).toBeCloseTo(factor * (full[name][i] - before[name][i]), 14)
      })
    }
    expect(part['classifier.0.weight']).toEqual(before['classifier.0.weight'])
  })

  test('weight decay is that of the last group that fits; biases have none but by decay: all', async () => {
    const optimizer = adamW({ learningRate: 0.1, weightDecay: 0.5 })
    const zeroGradients = async (more: object) => {
      const model = await modelOf(optimizer, more)
      for (const { data } of Object.values(model.parameters)) data.fill(1)
      model.step()
      return Object.fromEntries(Object.entries(model.parameters).map(([name, { data }]) => [name, data[0]]))
    }
    const plain = await zeroGradients({})
    expect(plain).toMatchObject({ 'features.0.weight': 0.95, 'features.0.bias': 1, 'features.1.weight': 1 })
    const all = await zeroGradients({ decay: 'all' })
    expect(new Set(Object.values(all))).toEqual(new Set([0.95]))
    const groups = {
      '*': { weightDecay: 0.1 },
      'classifier.2': { weightDecay: 0 },
      'features.*.bias': { learningRate: 0 },
    }
    const some = await zeroGradients({ decay: 'all', groups })
    expect(some).toMatchObject({
      'features.0.weight': 0.99,
      'features.0.bias': 1,
      'features.1.weight': 0.99,
      'classifier.0.bias': 0.99,
      'classifier.2.weight': 1,
    })
  })

  test('of several groups that fit, each option is that of the last which has it', async () => {
    const groups = { features: { learningRate: 0.5 }, '*.bias': { weightDecay: 0 }, '*': { weightDecay: 0 } }
    const model = await modelOf(sgd({ learningRate: 0.1 }), { groups: { features: groups.features, '*.bias': {} } })
    const before = valuesOf(model)
    const twin = await modelOf(sgd({ learningRate: 0.1 }), { groups: { features: groups.features } })
    for (const one of [model, twin]) one.trainStep(x, y)
    expect(valuesOf(model)).toEqual(valuesOf(twin))
    expect(valuesOf(model)).not.toEqual(before)
    const decayed = await modelOf(adamW({ learningRate: 0.1, weightDecay: 0.5 }), { decay: 'all', groups })
    for (const { data } of Object.values(decayed.parameters)) data.fill(1)
    decayed.step()
    expect(new Set(Object.values(decayed.parameters).map(({ data }) => data[0]))).toEqual(new Set([1]))
  })

  test('all but a part of what is frozen', async () => {
    const groups = { features: { frozen: true }, 'features.1': { frozen: false, learningRate: 0.5 } }
    const model = await modelOf(adam({ learningRate: 0.1 }), { groups })
    const trained = Object.keys(model.gradients)
    expect(trained.filter((name) => name.startsWith('features.'))).toEqual(
      Object.keys(model.parameters).filter((name) => name.startsWith('features.1.')),
    )
    expect(trained.some((name) => name.startsWith('classifier.'))).toBe(true)
    await expect(
      modelOf(adam({ learningRate: 0.1 }), { frozen: ['features'], groups: { features: { frozen: false } } }),
    ).rejects.toThrow(
      /^createModel: groups: 'features' is not frozen, but 'features\.0\.weight' lies in a layer that is: say it of the whole/,
    )
  })

  test('frozen is what the option of that name does, by patterns as well', async () => {
    const adamOf = () => adam({ learningRate: 0.1 })
    const models = await Promise.all([
      modelOf(adamOf(), { frozen: ['features'] }),
      modelOf(adamOf(), { groups: { features: { frozen: true } } }),
      modelOf(adamOf(), { groups: { 'feat*': { frozen: true } } }),
    ])
    for (const model of models) for (let i = 0; i < 3; i++) model.trainStep(x, y)
    expect(valuesOf(models[1])).toEqual(valuesOf(models[0]))
    expect(valuesOf(models[2])).toEqual(valuesOf(models[0]))
    expect(Object.keys(models[1].gradients)).toEqual(Object.keys(models[0].gradients))
    expect(models[1].memory).toEqual(models[0].memory)
  })

  test('are saved with the model, and resumed to the same bits', async () => {
    const groups = { features: { learningRate: 0.1, weightDecay: 0 } }
    const [one, other] = await Promise.all([
      modelOf(adamW({ learningRate: 0.05 }), { groups }),
      modelOf(adamW({ learningRate: 0.05 }), { groups }),
    ])
    one.trainStep(x, y)
    other.restore(one.checkpoint())
    expect(other.trainStep(x, y)).toBe(one.trainStep(x, y))
    expect(valuesOf(other)).toEqual(valuesOf(one))
  })

  test.each<[more: object, optimizer: Optimizer, message: string]>([
    [
      { groups: { feature: {} } },
      sgd({ learningRate: 1 }),
      "createModel: groups: no parameter is called 'feature', nor lies in such a layer; there are features, classifier",
    ],
    [
      { groups: { '*.bias': { frozen: true } } },
      sgd({ learningRate: 1 }),
      "createModel: groups: '*.bias' is frozen, which is for whole layers, but 'features.0.bias' is a parameter; with learningRate: 0 it stays as it is",
    ],
    [
      { groups: { features: { rate: 1 } } },
      sgd({ learningRate: 1 }),
      "createModel: groups: 'features': unknown option 'rate'; allowed: learningRate, weightDecay, frozen",
    ],
    [
      { groups: { features: { weightDecay: 1 } } },
      sgd({ learningRate: 1 }),
      "createModel: groups: 'features': sgd has no weight decay of its own; adamW has",
    ],
    [
      { groups: { features: { learningRate: 1, frozen: true } } },
      sgd({ learningRate: 1 }),
      "createModel: groups: 'features': what is frozen has neither a learning rate nor a weight decay",
    ],
    [
      { groups: { features: { learningRate: 1 } } },
      lbfgs({ learningRate: 1 }),
      "createModel: groups: 'features': lbfgs looks at all parameters at once; take another optimizer",
    ],
    [
      { groups: [] },
      sgd({ learningRate: 1 }),
      'createModel: groups must be an object from names to { learningRate, weightDecay, frozen }, got []',
    ],
    [{ decay: 'biases' }, sgd({ learningRate: 1 }), `createModel: decay must be 'weights', 'all', got "biases"`],
  ])('%#: what cannot be is refused', async (more, optimizer, message) => {
    await expect(modelOf(optimizer, more)).rejects.toThrow(new PlanError(message))
  })
})

test('maxNorm is for weights alone, with decay: all too', async () => {
  const model = await modelOf(sgd({ learningRate: 1e-9 }), { decay: 'all', maxNorm: 0.1 })
  for (const { data } of Object.values(model.parameters)) data.fill(1)
  model.trainStep(x, y)
  expect(model.parameters['features.0.bias'].data[0]).toBeCloseTo(1, 6)
  expect(model.parameters['features.0.weight'].data[0]).toBeLessThan(0.1)
})

test('an accumulator begins where it is told, and again where the optimizer begins anew', async () => {
  const model = await modelOf(adagrad({ learningRate: 0.1, initialAccumulator: 0.25 }))
  const sum = () => model.optimizerState['features.0.weight.sum'].data[0]
  expect(sum()).toBe(0.25)
  const weights = model.save()
  model.trainStep(x, y)
  expect(sum()).toBeGreaterThan(0.25)
  model.restore((await modelOf(adagrad({ learningRate: 0.1, initialAccumulator: 0.25 }))).checkpoint())
  expect(sum()).toBe(0.25)
  expect(weights.length).toBeGreaterThan(0)
})

test('options that say two things at once are refused', () => {
  const rate = { learningRate: 1 }
  expect(() => adam({ ...rate, epsilonInside: true, epsilonUncorrected: true })).toThrow(PlanError)
  expect(() => momentum({ ...rate, average: true, dampening: 0.1 })).toThrow(PlanError)
  expect(() => momentum({ ...rate, dampening: 2 })).toThrow(
    'momentum: dampening must be a finite number from 0 to 1, got 2',
  )
})
