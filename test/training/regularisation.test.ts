// l1, l2, maxNorm and clipping, against PyTorch and by their definitions.
import { createModel } from '../../src/model/create'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type ModelOptions,
  PlanError,
  adam,
  batchNorm,
  conv2d,
  createRandom,
  dense,
  flatten,
  gradientCheck,
  lbfgs,
  meanSquaredError,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'

const fixture = JSON.parse(readFileSync(new URL('../fixtures/ours/losses.json', import.meta.url), 'utf8'))
const cases = (op: string) => fixture.cases.filter((c: { op: string }) => c.op === op)
const RUNS = (['float64', 'float32'] as const).flatMap((dtype) =>
  (['wasm', 'js'] as const).map((backend) => ({ dtype, backend, tolerance: dtype === 'float64' ? 1e-12 : 1e-5 })),
)
const random = createRandom(8)
const normOf = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0))
const normals = (count: number) => Array.from({ length: count }, () => random.normal())
const optimizer = sgd({ learningRate: 1 })

describe.each(RUNS)('PyTorch, $dtype on $backend', ({ dtype, backend, tolerance }) => {
  test.each<any>(cases('regularisation'))('$config', async (c) => {
    const { inputs, outputs } = c
    const config: Partial<ModelOptions> = c.config
    const options = { input: [3], batch: 4, dtype, backend, loss: meanSquaredError(), optimizer, ...config }
    const model = await createModel(dense(2), options)
    const { weight, bias } = model.parameters
    weight.data.set(inputs.w.data)
    bias.data.set(inputs.b.data)
    const start = [...weight.data, ...bias.data]
    expect(Math.abs(model.evaluate({ x: inputs.x.data, y: inputs.y.data }).loss - outputs.loss)).toBeLessThan(tolerance)
    expect(Math.abs(model.trainStep(inputs.x.data, inputs.y.data) - outputs.loss)).toBeLessThan(tolerance)
    // clip_grad_norm_ divides by the norm and 1e-6.
    const exact = config.clipNorm === undefined ? 1 : (outputs.norm + 1e-6) / outputs.norm
    const expected = [...outputs.dw.data, ...outputs.db.data].map((g) => g * exact)
    const actual = [...weight.data, ...bias.data].map((w, i) => start[i] - w)
    expected.forEach((g, i) => expect(Math.abs(actual[i] - g)).toBeLessThan(tolerance))
  })

  test('maxNorm', async () => {
    const [{ config, inputs, outputs }] = cases('maxNorm')
    const { maxNorm }: { maxNorm: number } = config
    const [units, size] = inputs.w.shape
    const model = await createModel(dense(units), { input: [size], dtype, backend, optimizer, maxNorm })
    model.parameters.weight.data.set(inputs.w.data)
    model.parameters.bias.data.fill(100)
    model.step()
    // torch.renorm divides by the norm and 1e-7.
    model.parameters.weight.data.forEach((w, i) => expect(w).toBeCloseTo(outputs.w.data[i], 6))
    // Rows below the limit stay to the bit, and biases.
    const row = Array.from(model.parameters.weight.data.subarray(2 * size, 3 * size))
    const given = dtype === 'float64' ? inputs.w.data : Array.from(Float32Array.from(inputs.w.data))
    expect(row).toEqual(given.slice(2 * size, 3 * size))
    expect([...model.parameters.bias.data]).toEqual(Array(units).fill(100))
    if (dtype === 'float64') {
      for (let unit = 0; unit < units; unit++) {
        const [first, end] = [unit * size, (unit + 1) * size]
        const norm = Math.min(normOf(inputs.w.data.slice(first, end)), maxNorm)
        expect(normOf(model.parameters.weight.data.subarray(first, end))).toBeCloseTo(norm, 13)
      }
    }
  })
})

const network = () => sequential(conv2d(4, { kernel: 3 }), batchNorm(), relu(), flatten(), dense(5), relu(), dense(3))
const x = normals(6 * 2 * 5 * 5)
const y = [0, 1, 2, 1, 0, 2]
const all = { l1: 1e-3, l2: 1e-2, maxNorm: 0.8, clipValue: 0.05, clipNorm: 0.2 }
const create = (options: Partial<ModelOptions>) =>
  createModel(network(), {
    input: [2, 5, 5],
    batch: 6,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.05 }),
    ...options,
  })

test.each([{ l1: 0.01 }, { l2: 0.1 }, { l1: 0.02, l2: 0.1 }, all])('gradientCheck: %o', async (options) => {
  const result = gradientCheck(await create(options), x, y, { samples: 20 })
  expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
})

test.each(['float64', 'float32'] as const)('all at once: the same bits on both engines, %s', async (dtype) => {
  const runs = await Promise.all(
    (['wasm', 'js'] as const).map(async (backend) => {
      const model = await create({ ...all, dtype, backend })
      const losses = Array.from({ length: 20 }, () => model.trainStep(x, y))
      const history = await model.fit({ x, y }, { epochs: 5, batch: 4 })
      return { losses, history, bytes: model.save() }
    }),
  )
  expect(runs[0]).toEqual(runs[1])
  expect(runs[0].losses.every(Number.isFinite)).toBe(true)
})

test('maxNorm holds every filter and every unit after each step, by trainStep, step and fit', async () => {
  const model = await create({ maxNorm: 0.5 })
  const norms = () =>
    Object.entries(model.parameters)
      .filter(([, { shape }]) => shape.length > 1)
      .flatMap(([, { shape, data }]) => {
        const size = data.length / shape[0]
        return Array.from({ length: shape[0] }, (_, row) => normOf(data.subarray(row * size, (row + 1) * size)))
      })
  expect(Math.max(...norms())).toBeGreaterThan(0.6)
  model.trainStep(x, y)
  expect(norms()).toHaveLength(4 + 5 + 3)
  expect(Math.max(...norms())).toBeCloseTo(0.5, 13)
  await model.fit({ x, y }, { epochs: 3 })
  expect(Math.max(...norms())).toBeCloseTo(0.5, 13)
  model.parameters['0.weight'].data.fill(5)
  model.step()
  expect(Math.max(...norms())).toBeLessThan(0.5 + 1e-12)
})

test('l1 drives weights that the data does not want to zero', async () => {
  // Only the first of ten features matters.
  const rows = 64
  const features = normals(rows * 10)
  const targets = Array.from({ length: rows }, (_, i) => 2 * features[10 * i])
  const weights = async (options: object) => {
    const loss = meanSquaredError()
    const model = await createModel(dense(1), {
      input: [10],
      batch: rows,
      loss,
      optimizer: sgd({ learningRate: 0.01 }),
      ...options,
    })
    for (let i = 0; i < 2000; i++) model.trainStep(features, targets)
    return [...model.parameters.weight.data].map(Math.abs)
  }
  const [first, ...others] = await weights({ l1: 0.1 })
  expect(first).toBeGreaterThan(1.8)
  // Within a step of 0.
  expect(Math.max(...others)).toBeLessThan(0.002)
})

test.each(['maxNorm', 'clipValue', 'clipNorm'])('%s does not go with lbfgs', async (name) => {
  await expect(create({ optimizer: lbfgs(), [name]: 1 })).rejects.toThrow(PlanError)
  await expect(create({ optimizer: lbfgs(), [name]: 1 })).rejects.toThrow(`createModel: ${name} does not go with lbfgs`)
})

test('a NaN gradient is not clipped away', async () => {
  const model = await createModel(dense(1, { bias: false }), { input: [3], optimizer, clipValue: 0.5 })
  model.gradients.weight.data.set([NaN, 7, -7])
  const before = [...model.parameters.weight.data]
  expect(() => model.step()).toThrow(/step: a gradient is not finite: that of parameter 'weight' is NaN at 0/)
  expect([...model.parameters.weight.data]).toEqual(before)
  // An infinite one is.
  model.gradients.weight.data.set([Infinity, 7, -7])
  model.step()
  const moved = [...model.parameters.weight.data].map((w, i) => before[i] - w)
  for (const [i, by] of [0.5, 0.5, -0.5].entries()) expect(moved[i]).toBeCloseTo(by, 14)
})
