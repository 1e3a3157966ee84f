// What a layer, a loss or an initializer of the user's may do wrong: each is named, in an error of ours.
import { describe as group, expect, test } from 'vitest'
import * as v128 from '../../src/entries/index'
import {
  DataError,
  type Layer,
  type Loss,
  N,
  PlanError,
  createModel,
  dense,
  describe,
  meanSquaredError,
  relu,
  residual,
  sequential,
  sgd,
  softmaxCrossEntropy,
  times,
  zeros,
} from '../../src/entries/index'
import { bits } from '../support/models'

type Any = any

const layerOf = (plan: (x: Any, plan: Any) => unknown): Layer => ({ kind: 'mine', config: {}, plan: plan as never })
const between = (mine: Layer) => sequential(dense(4), mine, dense(3))
const training = { input: [4], batch: 2, loss: softmaxCrossEntropy(), optimizer: sgd({ learningRate: 0.1 }) }
const copy = (count: number, x: Float64Array, y: Float64Array | undefined) => y?.set(x.subarray(0, count))
const sizes = [times(4)]
const errorOf = (action: () => unknown): Error => {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  return new Error('nothing thrown')
}

const init = { init: zeros(), fanIn: 1, fanOut: 1, decay: false }

group('what a plan asks for', () => {
  test.each<[string, (x: Any, plan: Any) => unknown, RegExp]>([
    [
      'a parameter of {}',
      (_, p) => p.parameter('a', [3], {}),
      /parameter 'a': init must be an initializer .* undefined/,
    ],
    [
      'a parameter of nothing',
      (_, p) => p.parameter('a', [3]),
      /parameter 'a': options must be an object with init, fan/,
    ],
    ['a fan of text', (_, p) => p.parameter('a', [3], { ...init, fanIn: '1' }), /'a': fanIn must be a finite number/],
    ['an option too many', (_, p) => p.parameter('a', [3], { ...init, fan: 1 }), /'a': unknown option 'fan'/],
    ['a parameter without a shape', (_, p) => p.parameter('a', 3, init), /a shape must be an array of numbers, got 3/],
    ['a size of -1', (_, p) => p.parameter('a', [-1], init), /a shape\[0\] must be an integer of at least 1, got -1/],
    ['a parameter without a name', (_, p) => p.parameter(), /PlanError|options must be an object/],
    ['a name of 5', (_, p) => p.parameter(5, [3], init), /the name of a parameter or buffer must be text, got 5/],
    ['a value of 3', (_, p) => p.value(3), /a shape must be an array of numbers, got 3/],
    ['a value of nothing', (_, p) => p.value(), /a shape must be an array of numbers, got undefined/],
    [
      'a value with a hole',
      (_, p) => p.value(Object.assign([2], { 2: 3 })),
      /a shape\[1\] must be an integer of at least 1, got undefined/,
    ],
    ['another size', (x, p) => p.reshaped(x, [5]), /reshaped wants a value and a shape of as many numbers, got \[5\]/],
    ['a buffer of text', (_, p) => p.buffer('b', [2], 'ab'), /'b' must be an array of numbers, got "ab"/],
    ['a buffer of three', (_, p) => p.buffer('b', [2], [1, 2, 3]), /'b' begins with 3 numbers, but holds 2/],
    ['a constant of NaN', (_, p) => p.constant([NaN]), /a constant\[0\] must be a finite number, got NaN/],
    ['bytes of text', (_, p) => p.saved('x'), /bytes must be a finite number of at least 0, got "x"/],
    ['bytes below 0', (_, p) => p.pinned(-1), /bytes must be a finite number of at least 0, got -1/],
    ['a fork of nothing', (_, p) => p.fork(undefined, 2), /fork wants a value, got undefined/],
    ['half a reader', (x, p) => p.fork(x, 0.5), /readers of fork must be an integer/],
    ['a gradient of nothing', (x, p) => p.shareGradient(x), /shareGradient wants two values/],
    ['a call without options', (_, p) => p.forward('add'), /the call of add: sizes must be an array, got undefined/],
    [
      'a call without reads',
      (x, p) => p.forward(copy, { sizes, writes: [x] }),
      /call of copy: reads must be an array, got undef/,
    ],
    [
      'a call without sizes',
      (x, p) => p.forward(copy, { reads: [x], writes: [x] }),
      /call of copy: sizes must be an array/,
    ],
    [
      'a call of 5',
      (x, p) => p.forward(5, { sizes, reads: [x], writes: [x] }),
      /a call must be of a kernel, by its name/,
    ],
    [
      'a call of a class',
      (x, p) => p.forward(class {}, { sizes, reads: [x], writes: [x] }),
      /got a class, which cannot be/,
    ],
    [
      'a read of 5',
      (x, p) => p.forward(copy, { sizes, reads: [5], writes: [x] }),
      /its reads must be values, places.* got 5/,
    ],
    [
      'a part of nothing',
      (x, p) => p.forward(copy, { sizes, reads: [{ within: 5, offset: 0 }], writes: [x] }),
      /its reads must/,
    ],
    [
      'a size of text',
      (x, p) => p.forward(copy, { sizes: ['4'], reads: [x], writes: [x] }),
      /its sizes must be numbers, .*"4"/,
    ],
    [
      'an unknown option',
      (x, p) => p.forward(copy, { sizes, reads: [x], writes: [x], reds: 1 }),
      /unknown option 'reds'/,
    ],
    [
      'what throws',
      () => {
        throw new RangeError('no')
      },
      /its plan threw RangeError\("no"\)/,
    ],
    [
      'what throws nothing',
      () => {
        throw undefined
      },
      /its plan threw undefined/,
    ],
    ['a class', class {} as never, /its plan threw TypeError\("Class constructor/],
    ['no output', () => 5, /its plan must return a value: its output/],
    [
      'an output that no call writes',
      (x, p) => p.value(x.shape),
      /no call writes the value that its plan returns; name it/,
    ],
  ])('%s', (_, plan, message) => {
    for (const more of [training, { input: [4], batch: 2 }, { input: [4], inference: true }]) {
      const error = errorOf(() => describe(between(layerOf(plan)), more as never))
      expect(error).toBeInstanceOf(PlanError)
      expect(`${error.name} ${error.message}`).toMatch(message)
      expect(error.message).toMatch(/^sequential\.1 mine: /)
    }
  })
})

group('a layer without a backward pass is blamed itself', () => {
  const forwardOnly = layerOf((x, plan) => {
    const y = plan.value(x.shape)
    plan.forward(copy, { sizes, reads: [x], writes: [y] })
    return y
  })
  test.each<[string, Layer, string, string]>([
    ['behind dense', between(forwardOnly), '1 mine', '0 dense'],
    ['behind another', sequential(dense(4), relu(), forwardOnly, dense(3)), '2 mine', '1 relu'],
    ['in a residual', sequential(dense(4), residual(forwardOnly), dense(3)), '1.body mine', '1 residual'],
    ['behind a residual', sequential(dense(4), residual(dense(4)), forwardOnly, dense(3)), '2 mine', '1.body dense'],
  ])('%s', (_, network, mine, neighbour) => {
    expect(() => describe(network, training)).toThrow(PlanError)
    expect(() => describe(network, training)).toThrow(
      `${mine}: no call of its backward pass writes the gradient of what it reads, which ${neighbour} needs; record one ` +
        'with that gradient, such as x.gradient, among its writes',
    )
    expect(describe(network, { ...training, inference: true, optimizer: undefined }).output).toEqual([3])
  })

  test('but for the first, which only makes the gradient of the input unknown', async () => {
    const model = await createModel(sequential(forwardOnly, dense(3)), training)
    const other = await createModel(dense(3), training)
    const dy = [1, 2, 3, 4, 5, 6]
    const x = [1, -2, 3, 0.5, 1, 2, 4, 3]
    for (const one of [model, other]) one.forward(x)
    const { shape } = model.backward(dy)
    const dx = other.backward(dy)
    expect(shape).toEqual(dx.shape)
    expect([...model.gradients['1.weight'].data]).toEqual([...other.gradients.weight.data])
    expect(dx.data.some((value) => value !== 0)).toBe(true)
    expect(() => model.backward(dy).data).toThrow(/^backward: the gradient of the input, .* was not planned/)
    expect(v128.gradientCheck(model, x, [0, 1]).error).toBeLessThan(1e-6)
    for (const [layers, name] of [
      [[forwardOnly], '0 mine'],
      [[v128.flatten(), forwardOnly], '1 mine'],
    ] as const) {
      const wanted = () => describe(sequential(...layers, dense(3)), { ...training, inputGradient: true })
      expect(wanted).toThrow(PlanError)
      expect(wanted).toThrow(
        `createModel: inputGradient: true, but no call of ${name} writes the gradient of the input; record one in its ` +
          'backward pass with x.gradient among its writes',
      )
    }
    // Nothing but the loss, or who calls backward, writes that of a network that computes nothing.
    const empty = await createModel(v128.flatten(), { input: [3], batch: 1 })
    empty.forward([1, 2, 3])
    expect([...empty.backward([4, 5, 6]).data]).toEqual([4, 5, 6])
  })

  test('and a loss that writes no gradient', () => {
    const loss = {
      kind: 'mine',
      config: {},
      plan(x: Any, plan: Any) {
        const target = plan.pinned(plan.batch * x.size * plan.bytes)
        plan.loss(() => 1, { sizes: [N], reads: [x, target], writes: [] })
        return { targets: 'values', target }
      },
    } as never as Loss
    expect(() => describe(dense(3), { ...training, loss })).toThrow(
      /^loss mine: no call of its backward pass writes the gradient of what it reads, which dense needs/,
    )
  })
})

test.each<[string, (x: Any, plan: Any) => unknown, RegExp]>([
  [
    'throws',
    () => {
      throw new TypeError('no')
    },
    /^mine: its plan threw TypeError\("no"\)$/,
  ],
  ['is a class', class {} as never, /^mine: its plan threw TypeError/],
  ['calls nothing', () => 5, /^mine: its plan must call plan\.loss$/],
  [
    'calls without reads',
    (_, plan) => plan.loss(() => 1, { sizes: [] }),
    /^mine: the call of .*: reads must be an array/,
  ],
  [
    'gives nothing',
    (x, plan) => plan.loss(() => 1, { sizes: [], reads: [x], writes: [x.gradient] }),
    /must return \{ targets/,
  ],
  [
    'has too little room for targets',
    (x, plan) => {
      const target = plan.pinned(4)
      plan.loss(() => 1, { sizes: [], reads: [x, target], writes: [x.gradient] })
      return { targets: 'values', target }
    },
    /^mine: its plan must return \{ targets: .* of 48 bytes or more, got /,
  ],
])('a loss whose plan %s', (_, plan, message) => {
  const loss = { kind: 'mine', config: {}, plan } as never as Loss
  expect(() => describe(dense(3), { ...training, loss })).toThrow(PlanError)
  expect(() => describe(dense(3), { ...training, loss })).toThrow(message)
})

test.each<[string, () => unknown, RegExp]>([
  [
    'throws',
    () => {
      throw new TypeError('no')
    },
    /^createModel: the initializer of 'weight' threw TypeError\("no"\)$/,
  ],
  ['is a class', class {} as never, /^createModel: the initializer of 'weight' threw TypeError/],
  ['gives NaN', ((data: Float64Array) => data.fill(NaN)) as never, /^createModel: 'weight' begins with NaN, at 0/],
])('an initializer that %s', async (_, fill, message) => {
  const network = dense(3, { init: { kind: 'mine', config: {}, fill } as never })
  await expect(createModel(network, { input: [4], loss: meanSquaredError() })).rejects.toThrow(PlanError)
  await expect(createModel(network, { input: [4] })).rejects.toThrow(message)
})

test('an input larger than a layer can be is named', () => {
  expect(() => describe(v128.dense(1), { input: [1e5, 1e5] })).toThrow(
    /^input: an example of shape \(100000, 100000\) cannot be; kernels count to 2147483647$/,
  )
})

test.each<[string, unknown]>([
  ['null', null],
  ['true', true],
  ['"1"', '1'],
  ['1n', 1n],
  ['undefined', undefined],
  ['{}', {}],
])('a loss that gives %s is named, and the model is as before', async (shown, given) => {
  const lossOf = (loss: unknown, weight: unknown) =>
    ({
      kind: 'mine',
      config: {},
      plan(x: Any, plan: Any) {
        const target = plan.pinned(plan.batch * x.size * plan.bytes)
        plan.weight(() => weight, { sizes: [], reads: [], writes: [] })
        const write = (_: number, _y: unknown, _t: unknown, dy: Float64Array | undefined) => (dy?.fill(0.5), loss)
        plan.loss(write, { sizes: [N], reads: [x, target], writes: [x.gradient] })
        return { targets: 'values', target }
      },
    }) as never as Loss
  const network = () => sequential(dense(4), dense(3))
  for (const [loss, message] of [
    [lossOf(given, 1), `mine: the loss must be a number, got ${shown}`],
    [lossOf(1, given), `mine: the weight of the examples must be a number, got ${shown}`],
  ] as const) {
    const model = await createModel(network(), { ...training, loss })
    const before = bits(model)
    const data = { x: [1, 2, 3, 4], y: [1, 2, 3] }
    for (const ask of [() => model.trainStep(data.x, data.y), () => model.evaluate(data)]) {
      expect(ask).toThrow(DataError)
      expect(ask).toThrow(message)
    }
    await expect(model.fit(data)).rejects.toThrow(message)
    expect(bits(model)).toEqual(before)
    expect([...model.gradients['0.weight'].data]).toEqual(Array(16).fill(0))
  }
  for (const weight of [NaN, -1, Infinity]) {
    const model = await createModel(network(), { ...training, loss: lossOf(1, weight) })
    expect(() => model.trainStep([1, 2, 3, 4], [1, 2, 3])).toThrow(DataError)
    expect(() => model.evaluate({ x: [1, 2, 3, 4], y: [1, 2, 3] })).toThrow(
      `mine: the weight of the examples must be finite and not negative, got ${weight}`,
    )
    expect(model.passes).toBe(0)
  }
  const fine = await createModel(network(), { ...training, loss: lossOf(0.25, 1) })
  expect(fine.trainStep([1, 2, 3, 4], [1, 2, 3])).toBe(0.25)
})

test.each<[string, unknown]>([
  ['"2"', '2'],
  ['true', true],
  ['undefined', undefined],
  ['NaN', NaN],
])('a size that is %s in a pass is named, and the model is as before', async (shown, given) => {
  let size: unknown = 1
  const mine = layerOf((x, plan) => {
    const y = plan.value(x.shape)
    plan.forward('scaled', { sizes: [times(4), () => size], reads: [x], writes: [y] })
    plan.backward('scaled', { sizes: [times(4), 1], reads: [y.gradient], writes: [x.gradient] })
    return y
  })
  const model = await createModel(between(mine), training)
  const data = { x: [1, 2, 3, 4], y: [1] }
  model.trainStep(data.x, data.y)
  const before = bits(model)
  size = given
  expect(() => model.trainStep(data.x, data.y)).toThrow(PlanError)
  expect(() => model.trainStep(data.x, data.y)).toThrow(`1 mine: a size must be a finite number, got ${shown}`)
  await expect(model.fit(data)).rejects.toThrow('1 mine: a size must be a finite number')
  expect(bits(model)).toEqual(before)
  expect(model.passes).toBe(1)
  size = 1
  expect(model.trainStep(data.x, data.y)).toBeGreaterThan(0)
})
