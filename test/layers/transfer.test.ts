// Planning without memory, frozen layers, and loading a part of a file.
import { createModel } from '../../src/model/create'
import { describe } from '../../src/model/describe'
import type { Layer } from '../../src/plan/layer'
import { describe as group, expect, test } from 'vitest'
import {
  FileError,
  PlanError,
  adam,
  batchNorm,
  conv2d,
  dense,
  flatten,
  freeze,
  momentum,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { cnn, inputOf, layerCases } from '../../cases/layers'
import { bits, randomData } from '../support/models'

const loss = softmaxCrossEntropy()

group('describe', () => {
  test.each(layerCases.map((c) => [c.name, c] as const))('says what createModel makes: %s', async (_, c) => {
    const { network } = c
    const options = {
      input: inputOf(c),
      batch: 4,
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 1 }),
    } as const
    const model = await createModel(network(), options)
    const plan = describe(network(), options)
    const sizes = (record: typeof model.parameters) =>
      Object.values(record).reduce((sum, { data }) => sum + data.length, 0)
    expect(plan.parameters).toBe(sizes(model.parameters))
    expect(plan.trainable).toBe(sizes(model.gradients))
    expect(plan.memory).toEqual(model.memory)
    expect(plan.output).toEqual(model.output.shape.slice(1))
    const tensors = Object.entries({ ...model.parameters, ...model.buffers })
    expect(Object.entries(plan.shapes)).toEqual(tensors.map(([name, { shape }]) => [name, shape]))
    expect(plan.summary()).toBe(model.summary().replace(', wasm, ', ', '))
    expect(plan.flops).toBe(plan.layers.reduce((sum, row) => sum + row.flops, 0))
  })

  const large = () => sequential(dense(40_000), relu(), dense(40_000))

  test('plans what is larger than WebAssembly can address, without a byte of it', async () => {
    const options = { input: [40_000], loss, optimizer: adam({ learningRate: 1e-3 }) }
    const before = process.memoryUsage()
    const { parameters, memory, summary } = describe(large(), options)
    const after = process.memoryUsage()
    expect(parameters).toBe(2 * 40_000 * 40_001)
    expect(memory.total).toBeGreaterThan(4 * parameters * 8)
    expect(summary()).toContain(memory.total.toLocaleString('en'))
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1e5)
    await expect(createModel(large(), options)).rejects.toThrow(/needs .* GiB .* more than the 4 GiB/)
  })

  test('finds the same mistakes, under its own name', () => {
    expect(() => describe(dense(3), { input: [] })).toThrow(/^describe: input must be/)
    expect(() => describe(sequential(dense(3)), { input: [3, 8, 8] })).toThrow(/^sequential\.0 dense: wants a vector/)
    expect(() => describe(dense(3), { inputs: [3] } as never)).toThrow(/^describe: unknown option 'inputs'/)
  })
})

const body = () =>
  sequential(conv2d(4, { kernel: 3, pad: 1 }), batchNorm(), relu(), conv2d(5, { kernel: 3 }), relu(), flatten())
const options = { input: [1, 6, 6], batch: 8, loss, optimizer: momentum({ learningRate: 0.1 }), seed: 4 } as const
const ways: [string, () => Layer, readonly string[]][] = [
  ['freeze', () => sequential({ body: freeze(body()), head: dense(3) }), []],
  ['frozen', () => sequential({ body: body(), head: dense(3) }), ['body']],
  ['frozen, layer by layer', () => sequential({ body: body(), head: dense(3) }), ['body.0', 'body.1', 'body.3']],
]

group.each(ways)('%s', (_, network, frozen) => {
  test.each(['wasm', 'js'] as const)('trains the head as if the features were data, on %s', async (backend) => {
    const { x, y } = randomData(8, 36, 3)
    const model = await createModel(network(), {
      ...options,
      frozen,
      backend,
      l2: 0.01,
      clipNorm: 1,
      inputGradient: true,
    })
    // The same first weights as without freezing; and running statistics that are not the first ones.
    const plain = await createModel(sequential({ body: body(), head: dense(3) }), { ...options, backend })
    expect(bits(plain)).toEqual(bits(model))
    plain.buffers['body.1.running_mean'].data.fill(0.1)
    plain.buffers['body.1.running_var'].data.fill(0.7)
    model.load(plain.save())

    const features = await createModel(body(), { input: [1, 6, 6], batch: 8, inference: true, backend })
    for (const [name, { data }] of Object.entries({ ...features.parameters, ...features.buffers })) {
      data.set({ ...plain.parameters, ...plain.buffers }[`body.${name}`].data)
    }
    const head = await createModel(sequential({ head: dense(3) }), {
      ...options,
      input: [80],
      backend,
      l2: 0.01,
      clipNorm: 1,
    })
    for (const [name, { data }] of Object.entries(head.parameters)) data.set(plain.parameters[name].data)
    const z = features.predict(x).data
    const before = bits(model)
    for (let step = 0; step < 5; step++) expect(model.trainStep(x, y)).toBe(head.trainStep(z, y))
    for (const [name, value] of Object.entries(bits(model))) {
      expect(value === before[name], name).toBe(name.startsWith('body.'))
    }
    expect(bits(model)).toMatchObject(bits(head))
    // Also by the long way, to the gradient of the input.
    model.forward(x, { training: true })
    expect(model.backward(Array.from({ length: 24 }, (_, i) => i - 12)).data.some((value) => value !== 0)).toBe(true)
    for (const [name, value] of Object.entries(bits(model))) {
      if (name.startsWith('body.')) expect(value).toBe(before[name])
    }
  })

  test('plans neither gradients nor optimizer slots', async () => {
    const model = await createModel(network(), { ...options, frozen })
    expect(Object.keys(model.gradients)).toEqual(['head.weight', 'head.bias'])
    const region = 8 * (80 * 3 + 3)
    const { parameters, gradients, optimizer, state } = model.memory
    for (const bytes of [parameters, gradients, optimizer]) expect(bytes).toBe(Math.ceil(region / 64) * 64)
    expect(state).toBeGreaterThanOrEqual(8 * (40 + 8 + 185 + 8))
    expect(model.summary()).toMatch(/total +476 .*\ntrainable +243\n/)
    expect(Object.keys(model.parameters)).toHaveLength(8)
  })
})

test('a model that is frozen as a whole can run a step, which changes nothing', async () => {
  const model = await createModel(freeze(cnn(3)), { ...options, input: [1, 8, 8] })
  const { x, y } = randomData(4, 64, 3)
  const before = bits(model)
  expect(model.trainStep(x, y)).toBe(model.trainStep(x, y))
  expect(bits(model)).toEqual(before)
})

test.each([
  [
    { frozen: ['head', 'heart'] },
    /^createModel: frozen: no parameter lies in a layer named "heart"; there are body, h/,
  ],
  [{ frozen: ['head.weight'] }, /no parameter lies in a layer named "head\.weight"/],
  [{ frozen: 'head' }, /^createModel: frozen must be an array of names of layers, got "head"/],
])('refuses %j', async (wrong, message) => {
  const model = createModel(sequential({ body: body(), head: dense(3) }), { ...options, ...wrong } as never)
  await expect(model).rejects.toThrow(message)
  await expect(model).rejects.toBeInstanceOf(PlanError)
})

test('freeze wants a layer', () => {
  expect(() => freeze(relu as never)).toThrow(/^freeze: wants a layer, got function/)
})

group('load with strict: false', () => {
  const network = (classes: number, extra = {}) => sequential({ body: body(), ...extra, head: dense(classes) })

  test('takes what fits and says what does not', async () => {
    const from = await createModel(network(3), { ...options, seed: 1 })
    const to = await createModel(network(5, { more: batchNorm() }), { ...options, seed: 2 })
    const before = bits(to)
    const result = to.load(from.save(), { strict: false })
    expect(result).toEqual({
      missing: ['more.weight', 'more.bias', 'more.running_mean', 'more.running_var'],
      mismatched: ['head.weight', 'head.bias'],
      unexpected: [],
    })
    for (const [name, value] of Object.entries(bits(to))) {
      expect(value).toBe(name.startsWith('body.') ? bits(from)[name] : before[name])
    }
    expect(from.load(to.save(), { strict: false }).unexpected).toEqual(result.missing)
    expect(() => to.load(from.save())).toThrow(FileError)
    expect(to.load(to.save())).toEqual({ missing: [], mismatched: [], unexpected: [] })
  })

  test('refuses a file of which nothing fits', async () => {
    const from = await createModel(dense(3), { input: [4] })
    const to = await createModel(network(3), options)
    expect(() => to.load(from.save(), { strict: false })).toThrow(/nothing in the file \(weight, bias, \.\.\.\)/)
    expect(() => to.load(from.save(), { strict: 0 as never })).toThrow(/^load: strict must be true or false/)
    expect(() => to.load(from.save(), { partial: true } as never)).toThrow(/^load: unknown option 'partial'/)
  })
})
