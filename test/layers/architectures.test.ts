// Ready-made networks: their sizes as published, names and numbers as torchvision's, and that they learn.
import { createModel } from '../../src/model/create'
import { describe } from '../../src/model/describe'
import type { Layer } from '../../src/plan/layer'
import { readFileSync } from 'node:fs'
import { describe as group, expect, test } from 'vitest'
import * as v128 from '../../src/entries/architectures'
import { type Model, adam, gradientCheck, softmaxCrossEntropy, leakyRelu } from '../../src/entries/index'
import { randomData } from '../support/models'

const image = [3, 224, 224]
const cifar = [3, 32, 32]

/** Parameters as published, and whether torchvision has the network. */
const table: [name: string, network: () => Layer, input: number[], parameters: number, multiplyAdds?: number][] = [
  ['lenet5', v128.lenet5, [1, 28, 28], 61_706],
  ["lenet5, 'avg'", () => v128.lenet5({ pool: 'avg', activation: leakyRelu }), [1, 28, 28], 61_706],
  ['alexNet', v128.alexNet, image, 61_100_840, 0.714e9],
  ['vgg11', v128.vgg11, image, 132_863_336, 7.61e9],
  ['vgg11 batchNorm', () => v128.vgg11({ batchNorm: true }), image, 132_868_840],
  ['vgg16', v128.vgg16, image, 138_357_544, 15.47e9],
  ['vgg16 batchNorm', () => v128.vgg16({ batchNorm: true }), image, 138_365_992],
  ['googLeNet', v128.googLeNet, image, 6_624_904, 1.5e9],
  ['mobileNetV1', v128.mobileNetV1, image, 4_231_976, 569e6],
  // The paper's table 6.
  ['mobileNetV1, 0.75', () => v128.mobileNetV1({ width: 0.75 }), image, 2_585_560, 325e6],
  ['mobileNetV1, 0.25', () => v128.mobileNetV1({ width: 0.25 }), image, 470_072, 41e6],
  ['mobileNetV2', v128.mobileNetV2, image, 3_504_872, 300e6],
  ['mobileNetV2, 1.4', () => v128.mobileNetV2({ width: 1.4 }), image, 6_108_776, 582e6],
  ['resNet18', v128.resNet18, image, 11_689_512, 1.81e9],
  ['resNet34', v128.resNet34, image, 21_797_672, 3.66e9],
  ['resNet50', v128.resNet50, image, 25_557_032, 4.09e9],
  ['cifarResNet20', v128.cifarResNet20, cifar, 269_722, 40.5e6],
  ['cifarResNet32', v128.cifarResNet32, cifar, 464_154],
  ['cifarResNet44', v128.cifarResNet44, cifar, 658_586],
  ['cifarResNet56', v128.cifarResNet56, cifar, 853_018, 125e6],
  ['cifarResNet110', v128.cifarResNet110, cifar, 1_727_962, 253e6],
  ['cifarResNet20 B', () => v128.cifarResNet20({ shortcut: 'B' }), cifar, 272_474],
  ['cifarResNet32 B', () => v128.cifarResNet32({ shortcut: 'B' }), cifar, 466_906],
  ['cifarResNet44 B', () => v128.cifarResNet44({ shortcut: 'B' }), cifar, 661_338],
  ['cifarResNet56 B', () => v128.cifarResNet56({ shortcut: 'B' }), cifar, 855_770],
  ['cifarResNet110 B', () => v128.cifarResNet110({ shortcut: 'B' }), cifar, 1_730_714],
]

interface Fixture {
  shapes: string
  size?: number
  scores?: number[]
  trainingScores?: number[]
  dx?: number
  gradients?: Record<string, number>
}
const torchvision: Record<string, Fixture> = JSON.parse(
  readFileSync(new URL('../fixtures/ours/architectures.json', import.meta.url), 'utf8'),
).models

/** A row of the table, or another form of it: the name in the fixture, without what follows it. */
const forms: Record<string, (options: object) => Layer> = {
  alexNet: v128.alexNet,
  vgg11: v128.vgg11,
  vgg16: v128.vgg16,
  googLeNet: v128.googLeNet,
  resNet18: v128.resNet18,
  mobileNetV2: v128.mobileNetV2,
  resNet34: v128.resNet34,
  resNet50: v128.resNet50,
}

group.each(table)('%s', (_, network, input, parameters, multiplyAdds) => {
  test('has as many parameters as published', () => {
    const plan = describe(network(), { input })
    expect(plan.parameters).toBe(parameters)
    // Published figures count a multiplication with its addition, and convolutions and dense layers only.
    if (!multiplyAdds) return
    const products = plan.layers.filter(({ kind }) => kind === 'conv2d' || kind === 'dense')
    const flops = products.reduce((sum, row) => sum + row.flops, 0)
    expect(Math.abs(flops / 2 / multiplyAdds - 1)).toBeLessThan(0.02)
  })

  test('is planned at once', () => {
    const options = { input, batch: 8, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 1e-3 }) }
    let least = Infinity
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      describe(network(), options).summary()
      least = Math.min(least, performance.now() - start)
    }
    expect(least).toBeLessThan(100)
  })
})

/** See values in fixtures/ours/architectures.py. */
function hash(k: number, i: number): number {
  let h = Math.imul(i ^ Math.imul(k + 1, 0x9e3779b1), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  h ^= h >>> 13
  return (h >>> 0) / 2 ** 32 - 0.5
}
const values = (k: number, count: number) => Float64Array.from({ length: count }, (_, i) => hash(k, i))
const dot = (data: ArrayLike<number>, k: number) => {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i] * hash(k, i)
  return sum
}

function fill(model: Model<never>): void {
  Object.entries({ ...model.parameters, ...model.buffers }).forEach(([name, { shape, data }], k) => {
    const fanIn = data.length / shape[0]
    const scale = shape.length > 1 ? 2 * Math.sqrt(6 / fanIn) : 1
    const shift = shape.length === 1 && /(weight|running_var)$/.test(name) ? 1 : 0
    for (let i = 0; i < data.length; i++) data[i] = hash(k, i) * scale + shift
  })
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length)
  const scale = Math.max(...expected.map(Math.abs))
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i] - expected[i])).toBeLessThan(tolerance * scale)
}

group.each(Object.entries(torchvision).filter(([name]) => name.split(' ')[0] in forms))(
  'torchvision: %s',
  (name, { shapes, size = 0, scores, trainingScores, dx, gradients }) => {
    const [form, option, value] = name.split(' ')
    const options = option ? { [option]: value === undefined ? true : Number(value) } : {}

    test('has the same names and shapes', () => {
      const found = Object.entries(describe(forms[form](options), { input: image }).shapes)
      expect(found.map(([tensor, shape]) => `${tensor}:${shape.join('x')}`)).toEqual(shapes.split(' '))
    })

    test.runIf(scores)('has the same scores', async () => {
      const network = forms[form]({ ...options, classes: 5 })
      const model = await createModel(network, { input: [3, size, size], batch: 3, inference: true })
      fill(model)
      expectClose(model.predict(values(1000, 3 * 3 * size * size)).data, scores!, 1e-10)
    })

    test.runIf(gradients)('has the same gradients in training', async () => {
      const keep = form === 'resNet18' ? {} : { keep: 1 }
      const network = forms[form]({ ...options, ...keep, classes: 5 })
      const model = await createModel(network, { input: [3, size, size], batch: 3 })
      fill(model)
      expectClose(model.forward(values(1000, 3 * 3 * size * size), { training: true }).data, trainingScores!, 1e-10)
      expectClose([dot(model.backward(values(1001, 15)).data, 1002)], [dx!], 1e-9)
      const found = Object.values(model.gradients).map(({ data }) => dot(data, 1003))
      expect(Object.keys(model.gradients)).toEqual(Object.keys(gradients!))
      expectClose(found, Object.values(gradients!), 1e-9)
    })
  },
)

const learners: [string, number, () => Layer][] = [
  ['cifarResNet20', 16, () => v128.cifarResNet20({ classes: 3 })],
  // Without dropout, which makes a tiny set hard to learn by heart.
  ['mobileNetV2', 32, () => v128.mobileNetV2({ classes: 3, width: 0.35, keep: 1 })],
]

group.each(learners)('%s learns', (_, side, network) => {
  const size = 3 * side * side
  const options = { input: [3, side, side], batch: 12, loss: softmaxCrossEntropy(), seed: 1 }
  // Each class is a pattern of its own, under noise.
  const { x, y } = randomData(12, size, 3)
  const patterns = [0, 1, 2].map((k) => values(k, size))
  for (let i = 0; i < x.length; i++) x[i] += 4 * patterns[y[Math.floor(i / size)]][i % size]

  test('its gradients are right', async () => {
    const model = await createModel(network(), options)
    const result = gradientCheck(model, x, y, { samples: 1 })
    expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
  })

  test('its loss falls', async () => {
    const model = await createModel(network(), { ...options, optimizer: adam({ learningRate: 3e-3 }) })
    const { loss } = await model.fit({ x, y }, { epochs: 15 })
    expect(loss[14]).toBeLessThan(loss[0] / 4)
  })
})

test('refuses wrong options by name', () => {
  const untyped = v128 as unknown as Record<string, (options: object) => void>
  expect(() => untyped.resNet18({ classes: 0 })).toThrow(/^resNet18: classes must be an integer of at least 1, got 0/)
  expect(() => untyped.lenet5({ pool: 'mean' })).toThrow(/^lenet5: pool must be 'max', 'avg', got "mean"/)
  expect(() => untyped.lenet5({ activation: 'relu' })).toThrow(/^lenet5: activation must be a function .* got "relu"/)
  expect(() => untyped.vgg16({ keep: 0 })).toThrow(/^dropout: keep/)
  expect(() => untyped.vgg16({ batchNorm: 1 })).toThrow(/^vgg16: batchNorm must be true or false, got 1/)
  expect(() => untyped.mobileNetV1({ width: 0 })).toThrow(/^mobileNetV1: width must be/)
  expect(() => untyped.resNet50({ depth: 3 })).toThrow(/^resNet50: unknown option 'depth'; allowed: classes/)
  expect(() => untyped.cifarResNet20({ shortcut: 'C' })).toThrow(/^cifarResNet20: shortcut must be 'A', 'B'/)
})
