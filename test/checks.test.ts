// activationStatistics and babysit: right numbers, mistakes found, the model left as it was.
import { createModel } from '../src/model/create'
import type { Layer } from '../src/plan/plan'
import { activationStatistics } from '../src/study/statistics'
import { describe, expect, test } from 'vitest'
import {
  type Data,
  DataError,
  type ModelOptions,
  PlanError,
  adam,
  babysit,
  batchNorm,
  constant,
  conv2d,
  cosineDecay,
  createRandom,
  dense,
  dropout,
  flatten,
  freeze,
  maxPool2d,
  meanSquaredError,
  momentum,
  normal,
  relu,
  residual,
  sequential,
  sgd,
  sigmoid,
  softmaxCrossEntropy,
  tanh,
  warmup,
} from '../src/entries/index'
import { bits, randomData } from './models'

const make = (network: Layer, options: Partial<ModelOptions> = {}) =>
  createModel(network, {
    input: [4],
    batch: 16,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.01 }),
    seed: 1,
    ...options,
  })

/** Labels that follow from the data. */
function learnable(rows: number, size = 4, classes = 3): Data {
  const { x } = randomData(rows, size, classes)
  const y = Int32Array.from({ length: rows }, (_, i) => {
    const row = x.subarray(size * i, size * i + classes)
    return row.indexOf(Math.max(...row))
  })
  return { x, y }
}

const momentsOf = (values: ArrayLike<number>) => {
  const all = Array.from(values)
  const mean = all.reduce((sum, v) => sum + v, 0) / all.length
  return { mean, std: Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length) }
}

const expectMoments = (got: { mean: number; std: number } | undefined, values: ArrayLike<number>) => {
  const { mean, std } = momentsOf(values)
  expect(got?.mean).toBeCloseTo(mean, 12)
  expect(got?.std).toBeCloseTo(std, 12)
}

describe('activationStatistics', () => {
  const data = learnable(12)

  test.each(['wasm', 'js'] as const)('are those of the layers by themselves, on %s', async (backend) => {
    const layers = () => [dense(6), tanh(), dense(5), relu(), dense(3)]
    const whole = await make(sequential(...layers()), { backend })
    const found = activationStatistics(whole, data.x, data.y)
    expect(found.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      '0 dense',
      '1 tanh',
      '2 dense',
      '3 relu',
      '4 dense',
    ])
    for (let depth = 1; depth <= 5; depth++) {
      const head = await make(sequential(...layers().slice(0, depth)), { loss: undefined, backend })
      head.load(whole.save(), { strict: false })
      for (const [name, { data: values }] of Object.entries(head.parameters)) values.set(whole.parameters[name].data)
      expectMoments(found[depth - 1].activations, head.forward(data.x).data)
      // The gradient by a layer's output is that by the input of the rest.
      const output = head.forward(data.x).data.slice()
      if (depth === 5) continue
      const rest = await make(sequential(...layers().slice(depth)), { input: [output.length / 12], backend })
      Object.values(rest.parameters).forEach(({ data: values }, i, all) => {
        values.set(Object.values(whole.parameters).slice(-all.length)[i].data)
      })
      const scores = rest.forward(output).data
      const dy = scores.map((_, i) => {
        const row = Array.from(scores.subarray(3 * Math.floor(i / 3), 3 * Math.floor(i / 3) + 3))
        const sum = row.reduce((s, v) => s + Math.exp(v), 0)
        return (Math.exp(scores[i]) / sum - (Number(data.y[Math.floor(i / 3)]) === i % 3 ? 1 : 0)) / 12
      })
      expectMoments(found[depth - 1].gradients, rest.backward(dy).data)
    }
  })

  test('of layers that do the work of others, in branches and frozen', async () => {
    const network = sequential(
      freeze(conv2d(2, { kernel: 1 })),
      residual(sequential(conv2d(2, { kernel: 3, pad: 1 }), batchNorm(), relu())),
      relu(),
      maxPool2d(2),
      flatten(),
      dense(3),
    )
    const model = await make(network, { input: [1, 4, 4] })
    const { x, y } = randomData(5, 16, 3)
    const found = activationStatistics(model, x, y)
    expect(found.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      '0 conv2d',
      '1.body.0 conv2d',
      '1.body.1 batchNorm + relu',
      '1 residual',
      '2 relu',
      '3 maxPool2d',
      '4 flatten',
      '5 dense',
    ])
    // Nothing before the frozen layer is trained.
    expect(found[0].gradients).toBeUndefined()
    expect(found.slice(1).every(({ gradients }) => gradients!.std > 0)).toBe(true)
    // The pool does the work of this ReLU, whose values are shown all the same.
    const relued = activationStatistics(model, x, undefined, { bins: 4, range: [-1, 1] })[4].activations
    expect(relued.histogram!.counts.slice(0, 2)).toEqual([0, 0])
    expect(relued.mean).toBeGreaterThan(found[3].activations.mean)
  })

  test('count dead and saturated units', async () => {
    const model = await make(sequential(dense(4, { init: constant(0) }), relu(), dense(2), sigmoid(), tanh(), dense(3)))
    const { weight, bias } = { weight: model.parameters['0.weight'], bias: model.parameters['0.bias'] }
    weight.data[0] = 1
    bias.data.set([0, 1, -1, 0])
    // Unit 0 fires for some, 1 for all, 2 and 3 never.
    model.parameters['2.weight'].data.fill(0)
    model.parameters['2.bias'].data.set([50, 0])
    const found = activationStatistics(model, learnable(16).x)
    expect(found.map(({ dead }) => dead)).toEqual([undefined, 0.5, undefined, undefined, undefined, undefined])
    expect(found[3].saturated).toBe(0.5)
    expect(found[4].saturated).toBe(0)
  })

  test('histograms count all values, those beyond the ends in the outer bins', async () => {
    const model = await make(sequential(dense(50), relu(), dense(3)))
    const [first, second] = activationStatistics(model, data.x, undefined, { bins: 10 })
    for (const { activations } of [first, second]) {
      const { counts, low, high } = activations.histogram!
      expect(counts.reduce((sum, v) => sum + v, 0)).toBe(600)
      expect([low, high]).toEqual([activations.mean - 3 * activations.std, activations.mean + 3 * activations.std])
    }
    const narrow = activationStatistics(model, data.x, undefined, { bins: 2, range: [0, 1e-300] })[1]
    expect(narrow.activations.histogram!.counts[0]).toBeGreaterThan(0)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'too many rows',
      async () => activationStatistics(await make(dense(3)), learnable(17).x, learnable(17).y),
      /17 rows/,
    ],
    [
      'a bad range',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { range: [1, 1] }),
      /low below/,
    ],
    [
      'an unknown option',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { x: 1 } as object),
      /'x'/,
    ],
    [
      'bad labels',
      async () => activationStatistics(await make(dense(3)), [1, 2, 3, 4], [7]),
      /the label of row 0 is 7/,
    ],
  ])('refuses %s', async (_, action, message) => {
    await expect(action()).rejects.toThrow(message)
  })
})

describe('babysit', () => {
  const data = learnable(64)
  const healthy = () => sequential(dense(32), batchNorm(), relu(), dropout({ keep: 0.8 }), dense(3))
  const lookAt = ({ checks }: { checks: readonly { name: string; ok: boolean }[] }) =>
    checks.filter(({ ok }) => !ok).map(({ name }) => name)

  test.each(['float64', 'float32'] as const)('finds nothing wrong with a healthy model, in %s', async (dtype) => {
    const model = await make(healthy(), { dtype, l2: 1e-3 })
    const report = babysit(model, data)
    expect(report.text).not.toContain('LOOK')
    expect(report.ok).toBe(true)
    expect(report.expectedLoss).toBeCloseTo(Math.log(3), 5)
    expect(report.overfit.last).toBeLessThan(0.05 * Math.log(3))
    expect(String(report)).toBe(report.text)
    expect(report.text.split('\n').length).toBe(report.checks.length)
  })

  test.each(['wasm', 'js'] as const)('leaves the model as it was, to the bit, on %s', async (backend) => {
    const create = () =>
      make(healthy(), {
        backend,
        l2: 1e-3,
        clipNorm: 1,
        optimizer: adam({ learningRate: warmup(3, cosineDecay({ initial: 0.01, per: 'step' })) }),
      })
    const [checked, plain] = [await create(), await create()]
    // In the middle of its life, with memory of steps before.
    await checked.fit(data)
    await plain.fit(data)
    const gradients = () => Object.values(checked.gradients).map(({ data: values }) => values.slice())
    checked.gradients['0.weight'].data.fill(0.25)
    const kept = [bits(checked), gradients(), checked.passes, checked.learningRate, checked.epoch]
    const report = babysit(checked, data)
    expect([bits(checked), gradients(), checked.passes, checked.learningRate, checked.epoch]).toEqual(kept)
    checked.gradients['0.weight'].data.fill(0)
    expect(await checked.fit(data, { epochs: 2 })).toEqual(await plain.fit(data, { epochs: 2 }))
    expect(bits(checked)).toEqual(bits(plain))
    expect(babysit(plain, data)).toMatchObject({ initialLoss: babysit(checked, data).initialLoss })
    expect(report.layers.length).toBe(4)
  })

  test('the same seed takes the same rows, another takes others', async () => {
    const model = await make(healthy())
    const [a, b, c] = [1, 1, 2].map((seed) => babysit(model, data, { seed }).initialLoss)
    expect(a).toBe(b)
    expect(c).not.toBe(a)
  })

  test('data that is not scaled', async () => {
    const model = await make(sequential(dense(32), relu(), dense(3)))
    const report = babysit(model, { x: Array.from(data.x, (v) => 1000 * v), y: data.y })
    expect(lookAt(report)).toContain('initial loss')
    expect(report.text).toMatch(/LOOK {2}initial loss: the loss is .*, outputs of 0 would give 1.1: scale the data/)
  })

  test('a model that has been trained', async () => {
    const model = await make(sequential(dense(32), relu(), dense(3)))
    await model.fit(data, { epochs: 100 })
    expect(babysit(model, data).text).toMatch(/has been trained already/)
  })

  test('labels that do not fit the data cannot be learnt by heart', async () => {
    const model = await make(healthy())
    const report = babysit(model, { x: new Float64Array(256).fill(1), y: data.y })
    expect(lookAt(report)).toContain('overfit')
    expect(report.overfit.steps).toBe(300)
  })

  test.each([
    [1e-9, /learning rate is too low, raise it/],
    [100, /learning rate is too high, lower it/],
  ])('a learning rate of %f', async (learningRate, message) => {
    const model = await make(sequential(dense(32), relu(), dense(3)), { optimizer: sgd({ learningRate }) })
    const report = babysit(model, data)
    expect(lookAt(report)).toContain('learning rate')
    expect(report.text).toMatch(message)
  })

  test('update ratios are those of steps', async () => {
    // One batch holds everything: five steps of momentum by hand give the last update.
    const create = () => make(dense(3), { batch: 64, optimizer: momentum({ learningRate: 0.1 }) })
    const [model, other] = [await create(), await create()]
    const [found] = babysit(model, data).weights
    const order = createRandom(0, 4).shuffle(Uint32Array.from({ length: 64 }, (_, i) => i))
    const x = Float64Array.from({ length: 256 }, (_, i) => data.x[4 * order[i >> 2] + (i & 3)])
    const y = Array.from(order, (row) => Number(data.y[row]))
    let before: number[] = []
    for (let i = 0; i < 5; i++) {
      before = [...other.parameters.weight.data]
      other.trainStep(x, y)
    }
    const after = [...other.parameters.weight.data]
    expect(found.name).toBe('weight')
    expect(found.updateRatio).toBeCloseTo(Math.hypot(...after.map((v, i) => v - before[i])) / Math.hypot(...before), 12)
  })

  test('vanishing gradients, saturated and dead units', async () => {
    const deep = (init: number, activation: () => Layer) =>
      sequential(...Array.from({ length: 6 }, () => [dense(32, { init: normal(init) }), activation()]).flat(), dense(3))
    const small = babysit(await make(deep(0.01, tanh)), data, { steps: 5 })
    expect(small.checks.find(({ name }) => name === 'gradients')?.text).toMatch(
      /gradients become .*e-\d+ times as large: they vanish; initialise/,
    )
    expect(lookAt(babysit(await make(deep(2, tanh)), data, { steps: 5 }))).toContain('saturation')
    expect(babysit(await make(deep(2, relu)), data, { steps: 5 }).text).toMatch(/LOOK {2}gradients: .*they explode/)
    const dead = await make(sequential(dense(32), relu(), dense(3)))
    dead.parameters['0.bias'].data.fill(-100)
    expect(babysit(dead, data, { steps: 5 }).text).toMatch(
      /LOOK {2}dead units: dead ReLUs: at most 100 % .*\(1 relu\): take smaller biases/,
    )
  })

  test('too much regularisation', async () => {
    expect(lookAt(babysit(await make(healthy(), { l2: 10 }), data))).toContain('regularisation')
  })

  test('mean squared error: what outputs of 0 would give is the mean square', async () => {
    const y = Float64Array.from({ length: 64 }, (_, i) => 2 * data.x[4 * i])
    const model = await make(dense(1), { loss: meanSquaredError(), batch: 64 })
    const report = babysit(model, { x: data.x, y }, { steps: 2000 })
    expect(report.expectedLoss).toBeCloseTo(y.reduce((sum, v) => sum + v * v, 0) / 64, 12)
    expect(lookAt(report)).not.toContain('overfit')
  })

  test('wants a loss, an optimizer and good data', async () => {
    const [bare, fine] = [await make(dense(3), { optimizer: undefined }), await make(dense(3))]
    expect(() => babysit(bare, data)).toThrow(PlanError)
    expect(() => babysit(bare, data)).toThrow(/^babysit: .*without an optimizer/)
    expect(() => babysit(fine, { x: [1], y: [0] })).toThrow(DataError)
    expect(() => babysit(fine, data, { steps: 0 })).toThrow(/steps must be/)
    expect(() => babysit(fine, data, { rows: 1 } as object)).toThrow(/unknown option 'rows'/)
  })
})
