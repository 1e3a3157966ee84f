// Networks of several inputs and outputs: what is trained, measured, saved and resumed, by name.
import { describe, expect, test } from 'vitest'
import {
  type Data,
  DataError,
  FileError,
  type FitOptions,
  type OutputHistory,
  PlanError,
  adam,
  add,
  averageWeights,
  babysit,
  batchNorm,
  binaryCrossEntropy,
  concat,
  conv2d,
  createModel,
  createRandom,
  dense,
  describe as describeModel,
  dropout,
  ensemble,
  flatten,
  gradientCheck,
  graph,
  lbfgs,
  loadModel,
  meanSquaredError,
  multiply,
  relu,
  sequential,
  sgd,
  snapshot,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import fixture from '../fixtures/ours/graph.json'
import { augment, horizontalFlip } from '../../src/entries/data'
import { bits } from '../support/models'
import { watch } from '../support/watched'

type In = 'image' | 'before' | 'weather'
type Out = 'digit' | 'price'

/** That of fixtures/ours/graph.py. */
const network = () =>
  graph(['image', 'before', 'weather'], ({ image, before, weather }, use) => {
    const eye = sequential(conv2d(2, { kernel: 3 }), relu(), flatten())
    const [now, then] = [use('eye', eye, image), use('eye', eye, before)]
    const both = use('both', concat(), now, then, use('air', dense(4), weather))
    return {
      digit: use('digit', dense(3), both),
      price: use('price', dense(1), use('change', multiply(), now, then)),
    }
  })

const input = { image: [1, 6, 6], before: [1, 6, 6], weather: [3] }
const losses = () => ({ digit: softmaxCrossEntropy(), price: meanSquaredError({ weight: 0.1 }) })
const { x, y } = fixture

const make = (
  options: { dtype?: 'float64' | 'float32'; backend?: 'wasm' | 'js'; threads?: number; batch?: number } = {},
) =>
  createModel(network(), {
    input,
    batch: 5,
    seed: 3,
    loss: losses(),
    optimizer: adam({ learningRate: 0.02 }),
    ...options,
  })

/** More rows, from the same seed. */
function rowsOf(n: number): Data<In, Out> {
  const random = createRandom(8)
  const normals = (count: number) => Float64Array.from({ length: n * count }, () => random.normal())
  return {
    x: { image: normals(36), before: normals(36), weather: normals(3) },
    y: { digit: Uint8Array.from({ length: n }, () => random.integer(3)), price: normals(1) },
  }
}

function near(actual: ArrayLike<number>, expected: readonly number[], tolerance: number) {
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i] - expected[i]), `at ${i}`).toBeLessThan(tolerance * Math.max(1, Math.abs(expected[i])))
  }
}

describe.each([
  ['float64', 1e-12],
  ['float32', 1e-5],
] as const)('as PyTorch computes it, %s', (dtype, tolerance) => {
  test.each(['wasm', 'js'] as const)('three inputs, two outputs, weights used twice, on %s', async (backend) => {
    const model = await createModel(network(), {
      input,
      batch: 5,
      loss: losses(),
      optimizer: sgd({ learningRate: 0.1 }),
      dtype,
      backend,
    })
    expect(Object.keys(model.parameters)).toEqual(
      ['eye.0', 'air', 'digit', 'price'].flatMap((at) => [`${at}.weight`, `${at}.bias`]),
    )
    for (const [name, values] of Object.entries(fixture.weights)) model.parameters[name].data.set(values)
    const outputs = model.forward(x)
    near(outputs.digit.data, fixture.outputs.digit, tolerance)
    near(outputs.price.data, fixture.outputs.price, tolerance)
    expect(outputs.price.shape).toEqual([5, 1])
    for (const [total, digit, price] of fixture.losses) {
      const evaluation = model.evaluate({ x, y })
      near(
        [evaluation.loss, evaluation.outputs.digit.loss, evaluation.outputs.price.loss],
        [total, digit, price],
        tolerance,
      )
      near([model.trainStep(x, y)], [total], tolerance)
    }
    for (const [name, values] of Object.entries(fixture.trained)) near(model.parameters[name].data, values, tolerance)
  })

  test('gradients, of the inputs too', async () => {
    const model = await createModel(network(), { input, batch: 5, dtype })
    for (const [name, values] of Object.entries(fixture.weights)) model.parameters[name].data.set(values)
    const { digit, price } = model.forward(x)
    // Those of the losses, by hand.
    const dDigit = Float64Array.from(digit.data)
    for (let row = 0; row < 5; row++) {
      const scores = dDigit.subarray(3 * row, 3 * row + 3)
      const sum = scores.reduce((all, z) => all + Math.exp(z), 0)
      scores.forEach((z, j) => (scores[j] = (Math.exp(z) / sum - Number(y.digit[row] === j)) / 5))
    }
    const dPrice = Float64Array.from(price.data, (v, i) => (0.1 * 2 * (v - y.price[i])) / 5)
    const dx = model.backward({ digit: dDigit, price: dPrice })
    for (const name of ['image', 'before', 'weather'] as const)
      near(dx[name].data, fixture.inputGradients[name], tolerance)
    for (const [name, values] of Object.entries(fixture.gradients)) near(model.gradients[name].data, values, tolerance)
  })
})

test('a siamese pair: the gradients of both uses add up, by hand', async () => {
  const pair = graph(['a', 'b'], ({ a, b }, use) => {
    const eye = dense(1, { bias: false })
    return use('sum', add(), use('eye', eye, a), use('eye', eye, b))
  })
  const model = await createModel(pair, { input: { a: [2], b: [2] }, batch: 1, loss: meanSquaredError() })
  model.parameters['eye.weight'].data.set([0.5, -1])
  // y = 0.5 · (1 + 3) - (2 + 5) = -5; dL/dy = 2 (y - 1) = -12; dL/dw = -12 (a + b).
  expect([...model.forward({ a: [1, 2], b: [3, 5] }).data]).toEqual([-5])
  const dx = model.backward([-12])
  expect([...model.gradients['eye.weight'].data]).toEqual([-48, -84])
  expect([...dx.a.data]).toEqual([-6, 12])
  expect([...dx.b.data]).toEqual([-6, 12])
})

test('passes the gradient check, parameters and inputs, with a loss of each kind', async () => {
  const many = graph(['a', 'b'], ({ a, b }, use) => {
    const cell = sequential(dense(5), batchNorm(), relu())
    const first = use('cell', cell, a)
    const second = use('cell', cell, use('sum', add(), a, b))
    const out = use('mixed', multiply(), first, second)
    return { scores: use('scores', dense(3), out), yes: use('yes', dense(2), first), same: out }
  })
  const model = await createModel(many, {
    input: { a: [4], b: [4] },
    batch: 4,
    seed: 2,
    l2: 0.01,
    loss: {
      scores: softmaxCrossEntropy({ weight: 0.7, labelSmoothing: 0.1, classWeights: [1, 2, 0.5] }),
      yes: binaryCrossEntropy({ weight: 3 }),
      same: meanSquaredError(),
    },
  })
  const random = createRandom(3)
  const normals = (n: number) => Float64Array.from({ length: n }, () => random.normal())
  const result = gradientCheck(
    model,
    { a: normals(16), b: normals(16) },
    { scores: [0, 2, 1, 1], yes: [0, 1, 1, 0, 0.5, 1, 0, 0], same: normals(20) },
    { input: true, samples: 16 },
  )
  expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
  expect(result.checked).toBeGreaterThan(50)
})

test('every call is watched, on both engines and in both precisions, to the same bits', async () => {
  for (const dtype of ['float64', 'float32'] as const) {
    const results = []
    for (const backend of ['wasm', 'js'] as const) {
      const model = await make({ dtype, backend })
      const count = await watch(model)
      const steps = [5, 3, 4].map((n) => {
        const data = rowsOf(n)
        return model.trainStep(data.x, data.y)
      })
      results.push({ steps, evaluation: model.evaluate({ x, y }), bits: bits(model) })
      expect(count()).toBeGreaterThan(30)
    }
    expect(results[0]).toEqual(results[1])
  }
})

test('threads compute the same bits', async () => {
  const run = async (threads: number) => {
    const model = await make({ threads })
    await model.fit(rowsOf(20), { epochs: 2 })
    const found = bits(model)
    model.close()
    return found
  }
  expect(await run(2)).toEqual(await run(1))
})

describe('fit', () => {
  test('learns, and tells of each output', async () => {
    const model = await make()
    const seen: unknown[] = []
    const history = await model.fit(rowsOf(23), {
      epochs: 30,
      validation: 0.2,
      onEpoch: ({ outputs }) => void seen.push(outputs),
    })
    expect(history.loss.at(-1)).toBeLessThan(history.loss[0] / 2)
    const { digit, price } = history.outputs
    expect(history.accuracy.every(Number.isNaN)).toBe(true)
    expect(digit.accuracy.at(-1)).toBeGreaterThan(0.9)
    expect(price.accuracy.every(Number.isNaN)).toBe(true)
    history.loss.forEach((loss, i) => expect(digit.loss[i] + 0.1 * price.loss[i]).toBeCloseTo(loss, 12))
    history.validationLoss.forEach((loss, i) =>
      expect(digit.validationLoss[i] + 0.1 * price.validationLoss[i]).toBeCloseTo(loss, 12),
    )
    expect(seen[29]).toEqual({
      digit: lastOf(digit),
      price: lastOf(price),
    })
  })

  const lastOf = (lists: OutputHistory) =>
    Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, (list as number[]).at(-1)]))

  test('takes batches of an iterable, an async one too, to the bits of arrays', async () => {
    const data = rowsOf(15)
    const part = (values: ArrayLike<number | bigint>, size: number, i: number) =>
      Array.from(values as ArrayLike<number>).slice(5 * size * i, 5 * size * (i + 1))
    const batches = [0, 1, 2].map((i) => ({
      x: { image: part(data.x.image, 36, i), before: part(data.x.before, 36, i), weather: part(data.x.weather, 3, i) },
      y: { digit: part(data.y.digit, 1, i), price: part(data.y.price, 1, i) },
    }))
    const arrays = await make()
    await arrays.fit(data, { epochs: 2, shuffle: false })
    const iterable = await make()
    await iterable.fit(() => batches, { epochs: 2 })
    const asynchronous = await make()
    await asynchronous.fit(
      async function* () {
        yield* batches
      },
      { epochs: 2 },
    )
    expect(bits(iterable)).toEqual(bits(arrays))
    expect(bits(asynchronous)).toEqual(bits(arrays))
    expect(iterable.evaluate(batches)).toEqual(arrays.evaluate(data))
  })

  test('transform gets the inputs by name, and evaluate does', async () => {
    const model = await make()
    const shapes: unknown[] = []
    const transform = (inputs: typeof model.input, n: number) => {
      shapes.push(n, inputs.weather.shape)
      inputs.image.data.fill(0)
    }
    await model.fit(rowsOf(7), { transform })
    expect(shapes).toEqual([5, [5, 3], 2, [5, 3]])
    model.evaluate(rowsOf(2), { transform })
    expect(model.input.image.data.every((v) => v === 0)).toBe(true)
  })

  test('augments the input that is named', async () => {
    const data = rowsOf(4)
    const run = async (transform: FitOptions<In>['transform']) => {
      const model = await make({ batch: 4 })
      await model.fit(data, { shuffle: false, transform: transform ?? false })
      return model.input
    }
    const [before, after] = [await run(undefined), await run(augment([horizontalFlip({ p: 1 })], { input: 'image' }))]
    expect([...after.image.data.subarray(0, 6)]).toEqual([...before.image.data.subarray(0, 6)].toReversed())
    expect(after.before).toEqual(before.before)
    const wrong = augment([horizontalFlip()], { input: 'picture' })
    await expect((await make()).fit(data, { transform: wrong as never })).rejects.toThrow(/no input 'picture'/)
    await expect((await make()).fit(data, { transform: augment([horizontalFlip()]) as never })).rejects.toThrow(
      PlanError,
    )
  })

  test('goes on from every step to the bits and the history of a run that was never stopped', async () => {
    const data = rowsOf(13)
    const options = {
      epochs: 3,
      validation: 0.3,
      earlyStopping: { patience: 5, restoreBest: true },
    } satisfies FitOptions
    const all: Uint8Array[] = []
    const written = await make()
    const wanted = await written.fit(data, {
      ...options,
      checkpoint: { every: { steps: 1 }, save: (bytes) => void all.push(bytes) },
    })
    expect(all.length).toBeGreaterThan(5)
    for (const bytes of all) {
      const model = await make()
      expect(await model.fit(data, { ...options, resume: bytes })).toEqual(wanted)
      expect(bits(model)).toEqual(bits(written))
    }
  })

  test('minimises with lbfgs, each output with its own loss', async () => {
    const model = await createModel(network(), { input, batch: 5, loss: losses(), optimizer: lbfgs(), seed: 1 })
    const before = model.evaluate({ x, y })
    const history = await model.fit({ x, y }, { epochs: 5 })
    expect(history.loss[0]).toBeCloseTo(before.loss, 12)
    expect(history.outputs.digit.loss[0]).toBeCloseTo(before.outputs.digit.loss, 12)
    expect(history.outputs.price.loss[0]).toBeCloseTo(before.outputs.price.loss, 12)
    expect(history.loss[4]).toBeLessThan(before.loss / 10)
  })
})

test('a loss that diverges says in which output', async () => {
  const model = await createModel(network(), {
    input,
    batch: 5,
    loss: losses(),
    optimizer: sgd({ learningRate: 1e200 }),
  })
  const { diverged } = await model.fit({ x, y }, { epochs: 5 })
  expect(diverged?.text).toMatch(/lower the learning rate/)
})

test('predicts by name, through the probabilities of the losses that have some', async () => {
  const model = await make()
  const data = rowsOf(12)
  const scores = model.predict(data.x)
  const found = model.predict(data.x, { probabilities: true })
  expect(found.digit.shape).toEqual([12, 3])
  expect(found.digit.data[0] + found.digit.data[1] + found.digit.data[2]).toBeCloseTo(1, 12)
  expect(found.price).toEqual(scores.price)
  const evaluation = model.evaluate(data, { topK: 2, confusion: true })
  expect(evaluation.outputs.digit.confusion?.flat().reduce((a, b) => a + b)).toBe(12)
  expect(evaluation.outputs.digit.topKAccuracy).toBeGreaterThan(0)
  expect(evaluation.outputs.price).not.toHaveProperty('confusion')
  expect(evaluation).not.toHaveProperty('confusion')
})

test('snapshots and averages answer by name; an ensemble says that it does not', async () => {
  const model = await make()
  const kept = snapshot(model)
  const average = averageWeights(model)
  const before = model.predict(x)
  const loss = model.evaluate({ x, y })
  await model.fit({ x, y }, { epochs: 3, onBatch: average.update })
  expect(kept.predict(x)).toEqual(before)
  expect(kept.evaluate({ x, y })).toEqual(loss)
  expect(average.evaluate({ x, y }).outputs.digit.loss).toBeLessThan(loss.outputs.digit.loss)
  expect(() => ensemble([model] as never)).toThrow(
    /^ensemble: member 0 has several outputs, digit, price; an ensemble is/,
  )
  expect(() => babysit(model as never, { x, y } as never)).toThrow(PlanError)
  expect(() => babysit(model as never, { x, y } as never)).toThrow(
    /^babysit: is for networks of one input and one output, .* image, before/,
  )
})

describe('files', () => {
  test('a model file holds the graph, and its losses', async () => {
    const model = await make()
    await model.fit(rowsOf(10), { epochs: 1 })
    const bytes = model.save()
    const loaded = await loadModel<'float64', false, In, Out>(bytes)
    expect(loaded.predict(x)).toEqual(model.predict(x))
    expect(loaded.evaluate({ x, y })).toEqual(model.evaluate({ x, y }))
    expect(loaded.loss?.price.weight).toBe(0.1)
    expect(loaded.save()).toEqual(bytes)
    expect(loaded.trainStep(x, y)).toBeGreaterThan(0)
    const half = await loadModel<'float64', false, In, Out>(bytes, { loss: { ...losses(), price: meanSquaredError() } })
    expect(half.loss?.price.weight).toBe(undefined)
  })

  test('a checkpoint is of one network alone', async () => {
    const model = await make()
    model.trainStep(x, y)
    const bytes = model.checkpoint()
    const other = await make()
    other.restore(bytes)
    expect(bits(other)).toEqual(bits(model))
    const one = await createModel(dense(2), {
      input: [3],
      loss: meanSquaredError(),
      optimizer: adam({ learningRate: 1 }),
    })
    expect(() => one.restore(bytes)).toThrow(FileError)
  })
})

test('what it will be: describe and summary, by name', async () => {
  const { output, parameters, layers } = describeModel(network(), { input, loss: losses() })
  expect(output).toEqual({ digit: [3], price: [1] })
  expect(parameters).toBe(2 * 9 + 2 + 16 + 68 * 3 + 3 + 33)
  // The second use has its work, but no weights of its own.
  expect(layers.filter(({ path }) => path === 'eye.0').map((row) => row.parameters)).toEqual([20, 0])
  expect((await make()).summary()).toContain('eye.0 conv2d')
})

test('frozen by name', async () => {
  const model = await createModel(network(), {
    input,
    batch: 5,
    loss: losses(),
    optimizer: sgd({ learningRate: 0.1 }),
    frozen: ['eye'],
  })
  const before = model.parameters['eye.0.weight'].data.slice()
  model.trainStep(x, y)
  expect(model.parameters['eye.0.weight'].data).toEqual(before)
  expect(Object.keys(model.gradients)).not.toContain('eye.0.weight')
})

test('dropout draws other masks for each use', async () => {
  const twice = graph(['a'], ({ a }, use) => {
    const drop = dropout({ keep: 0.5 })
    return { first: use('drop', drop, a), second: use('drop', drop, a) }
  })
  const model = await createModel(twice, { input: [64], batch: 1 })
  const { first, second } = model.forward(new Float64Array(64).fill(1), { training: true })
  expect([...first.data]).not.toEqual([...second.data])
})

describe('one input, or one output, needs no name', () => {
  test('one input, two outputs', async () => {
    const model = await createModel(
      graph(['x'], ({ x }, use) => ({ a: use('a', dense(2), x), b: use('b', dense(1), x) })),
      {
        input: [3],
        loss: { a: softmaxCrossEntropy(), b: meanSquaredError() },
        optimizer: adam({ learningRate: 0.1 }),
      },
    )
    const data = { x: [1, 2, 3, 4, 5, 6], y: { a: [0, 1], b: [1, 2] } }
    expect(model.trainStep(data.x, data.y)).toBeGreaterThan(0)
    expect(model.predict(data.x).b.shape).toEqual([2, 1])
    expect(model.evaluate(data).outputs.a.accuracy).toBeGreaterThanOrEqual(0)
  })

  test('two inputs, one output', async () => {
    const model = await createModel(
      graph(['a', 'b'], ({ a, b }, use) => use('out', dense(2), use('both', concat(), a, b))),
      { input: { a: [1], b: [2] }, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 0.1 }) },
    )
    const data = { x: { a: [1, 2], b: [3, 4, 5, 6] }, y: [0, 1] }
    const history = await model.fit(data, { epochs: 2 })
    expect(history).not.toHaveProperty('outputs')
    expect(history.accuracy).toHaveLength(2)
    expect(model.predict(data.x).shape).toEqual([2, 2])
    expect(model.evaluate(data)).not.toHaveProperty('outputs')
  })

  test('one of each is as any layer, to the bits', async () => {
    const plain = await createModel(sequential({ a: dense(4), b: relu(), c: dense(2) }), {
      input: [3],
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.1 }),
    })
    const wired = await createModel(
      graph(['x'], ({ x }, use) => use('c', dense(2), use('b', relu(), use('a', dense(4), x)))),
      { input: [3], loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 0.1 }) },
    )
    const data = { x: [1, 2, 3, 4, 5, 6], y: [0, 1] }
    expect(wired.memory).toEqual(plain.memory)
    expect(await wired.fit(data, { epochs: 3 })).toEqual(await plain.fit(data, { epochs: 3 }))
    expect(bits(wired)).toEqual(bits(plain))
  })
})

test('the weight of a loss of one output is a factor, too', async () => {
  const values = async (weight?: number) => {
    const loss = meanSquaredError(weight === undefined ? {} : { weight })
    const model = await createModel(dense(2), { input: [3], loss, optimizer: sgd({ learningRate: 0.1 }), seed: 1 })
    model.forward([1, 2, 3])
    return { loss: model.evaluate({ x: [1, 2, 3], y: [1, -1] }).loss, config: loss.config }
  }
  expect((await values(0.25)).loss).toBeCloseTo((await values()).loss / 4, 14)
  expect((await values(0.25)).config).toEqual({ weight: 0.25 })
  expect((await values(1)).config).toEqual({})
})

describe('what does not fit is said', () => {
  const bad = async (run: (model: Awaited<ReturnType<typeof make>>) => unknown, type: unknown, message: RegExp) => {
    const model = await make()
    const before = bits(model)
    const promise = (async () => run(model))()
    await expect(promise).rejects.toThrow(message)
    await expect(promise).rejects.toBeInstanceOf(type)
    expect(bits(model)).toEqual(before)
  }
  const untyped = (value: unknown) => value as never

  test.each<[string, (model: Awaited<ReturnType<typeof make>>) => unknown, RegExp]>([
    [
      'an input is missing',
      (m) => m.predict(untyped({ image: x.image, before: x.before })),
      /x has no 'weather'; it must be \{ image, before, weather \}/,
    ],
    ['an input that is not there', (m) => m.forward(untyped({ ...x, wind: [1] })), /x has 'wind'; it must be/],
    [
      'plain numbers',
      (m) => m.predict(untyped([1, 2])),
      /^x must be an object \{ image, before, weather \}, as the network has them, got/,
    ],
    ['plain numbers of a data set', (m) => m.fit(untyped({ x: [1], y })), /x must be an object/],
    ['an output is missing', (m) => m.fit(untyped({ x, y: { digit: y.digit } })), /y has no 'price'/],
    [
      'more rows of one input',
      (m) => m.predict({ ...x, weather: [1, 2, 3] }),
      /^x\.weather: 1 row, but x\.image has 5 rows/,
    ],
    ['fewer labels', (m) => m.fit({ x, y: { ...y, digit: [1] } }), /^y\.digit: 1 label for 5 rows/],
    ['more targets', (m) => m.fit({ x, y: { ...y, price: [1, 2] } }), /^y\.price: 2 rows of targets for 5 rows/],
    [
      'a number that is none',
      (m) => m.trainStep({ ...x, weather: x.weather.map(() => NaN) }, y),
      /^x\.weather: row 0 holds NaN/,
    ],
    ['a part of a row', (m) => m.forward({ ...x, weather: [1] }), /^x\.weather: want rows of 3 numbers/],
    ['dy of one output', (m) => (m.forward(x), m.backward(untyped({ digit: [1, 2, 3] }))), /dy has no 'price'/],
    [
      'more rows than planned',
      (m) => m.trainStep(rowsOf(6).x, rowsOf(6).y),
      /6 rows, but the model was planned for at most 5/,
    ],
  ])('data: %s', async (_, run, message) => {
    await bad(run, DataError, message)
  })

  test.each<[string, object, RegExp]>([
    ['one shape', { input: [1, 6, 6] }, /input must be an object \{ image, before, weather \}/],
    ['a shape is missing', { input: { image: [1, 6, 6], before: [1, 6, 6] } }, /input has no 'weather'/],
    ['a shape that is none', { input: { ...input, weather: 5 } }, /input\.weather must be the shape of one example/],
    ['a size that is none', { input: { ...input, weather: [0] } }, /every size in input\.weather/],
    [
      'one loss',
      { loss: softmaxCrossEntropy() },
      /loss is one loss, but the network has the outputs digit, price; give { digit: ... }/,
    ],
    ['a loss is missing', { loss: { digit: softmaxCrossEntropy() } }, /loss has no 'price'/],
    ['a loss that is none', { loss: { ...losses(), price: 3 } }, /loss\.price must be one such as/],
    ['shapes that do not fit', { input: { ...input, before: [1, 7, 7] } }, /'price\.weight'|they must be of one shape/],
  ])('options: %s', async (_, options, message) => {
    const created = createModel(network(), { input, loss: losses(), ...options } as never)
    await expect(created).rejects.toThrow(message)
    await expect(created).rejects.toThrow(PlanError)
  })

  test('an accuracy to be monitored', async () => {
    await bad(
      (m) => m.fit({ x, y }, { earlyStopping: { monitor: 'accuracy' } }),
      PlanError,
      /several outputs, each with/,
    )
  })

  test('a softmax before its loss, at the output that has it', () => {
    const wrong = graph(['x'], ({ x }, use) => ({
      a: use('a', sequential(dense(2)), x),
      b: use('b', sequential(dense(2), relu()), use('body', dense(3), x)),
    }))
    const loss = { a: softmaxCrossEntropy(), b: softmaxCrossEntropy() }
    expect(() => describeModel(wrong, { input: [3], loss })).toThrow(/^describe: graph\.b\.1 relu comes before softmax/)
  })
})
