// Options of layers, losses, optimizers and the like: what each refuses, and what it takes for left out.
import { describe as group, expect, test } from 'vitest'
import { mobileNetV1, resNet18 } from '../../src/entries/architectures'
import * as v128 from '../../src/entries/index'
import { PlanError, createModel, createRandom, describe } from '../../src/entries/index'

// As JavaScript sees the library: no types that keep mistakes out.
const untyped = v128 as unknown as Record<string, (...args: unknown[]) => never>
const { avgPool2d, binaryCrossEntropy, constant, conv2d, dense, dropout, flatten, freeze, globalAvgPool2d } = untyped
const { groupNorm, hinge, lbfgs, maxPool2d, maxout, meanSquaredError, minimize, normal, normalize } = untyped
const { adam, batchNorm, padChannels, relu, residual, sequential, sgd, sigmoid, softmax, softmaxCrossEntropy } = untyped
const { he, tanh, zeros } = untyped
const random = createRandom(1) as unknown as Record<string, (...args: unknown[]) => unknown>

const rate = { learningRate: 0.1 }
const messageOf = async (action: () => unknown): Promise<string> => {
  try {
    await action()
  } catch (error) {
    expect(error).toBeInstanceOf(PlanError)
    return (error as Error).message
  }
  return 'nothing'
}

group('what nobody reads is refused', () => {
  test.each<[action: () => unknown, message: RegExp]>([
    [
      () => binaryCrossEntropy({ gamma: 2 }),
      /^binaryCrossEntropy: unknown option 'gamma'; allowed: posWeight, weight$/,
    ],
    [() => meanSquaredError({ reduction: 'sum' }), /^meanSquaredError: unknown option 'reduction'/],
    [() => softmax({ axis: 1 }), /^softmax: unknown option 'axis'/],
    [() => softmax(1), /^softmax: takes no arguments, got 1$/],
    [() => sigmoid({ x: 1 }), /^sigmoid: unknown option 'x'/],
    [() => tanh(true), /^tanh: takes no arguments, got true$/],
    [() => flatten(1), /^flatten: takes no arguments, got 1$/],
    [() => globalAvgPool2d(2), /^globalAvgPool2d: takes no arguments, got 2$/],
    [
      () => freeze(relu(), relu()),
      /^freeze: takes one argument, got another: .*; freeze\(sequential\(a, b\)\) freezes several$/,
    ],
    [
      () => residual(relu(), relu(), {}, relu()),
      /^residual: takes 3 arguments, got another: .* has a body of several$/,
    ],
    [() => dense(3, { bias: true }, relu()), /^dense: takes 2 arguments, got another/],
    [() => dense(3, [1]), /^dense: options must be an object with bias, init, got \[1\]$/],
    [() => relu(new Map([['max', 6]])), /^relu: options must be an object with max, got a Map$/],
    [() => adam(0.1), /^adam: options must be an object with learningRate/],
    [() => adam(rate, 0.9), /^adam: takes one argument, got another: 0\.9$/],
    [() => zeros(3), /^zeros: takes no arguments, got 3$/],
    [() => he({ gain: 2 }), /^he: unknown option 'gain'; it has no options$/],
    [() => normal(0.1, 1), /^normal: takes one argument, got another: 1$/],
    [
      () => sequential(new Map([['a', relu()]])),
      /^sequential: wants layers, or an object from name to layer, got a Map$/,
    ],
    [() => sequential(relu(), { init: 'he' }), /^sequential: 1 is not a layer, but \{"init":"he"\}$/],
    [
      () => resNet18({ pretrained: true } as never),
      /^resNet18: unknown option 'pretrained'; allowed: classes, batchNorm$/,
    ],
    [() => minimize(() => 0, [1], {}, 5), /^minimize: takes 3 arguments, got another: 5$/],
    [() => untyped.createRandom(1, 2, 3, 4), /^createRandom: takes 3 arguments, got another: 4$/],
  ])('%#', async (action, message) => {
    expect(await messageOf(action)).toMatch(message)
  })
})

group('each option has its largest value', () => {
  const size = 2 ** 30
  test.each<[action: () => unknown, message: RegExp]>([
    [() => dense(1e12), /^dense: units must be an integer of at most 1073741824, got 1000000000000$/],
    [() => conv2d(size + 1, { kernel: 3 }), /^conv2d: filters must be .* at most 1073741824/],
    [() => conv2d(4, { kernel: 2e6 }), /^conv2d: kernel must be .* at most 1048576/],
    [() => conv2d(4, { kernel: 3, stride: 3e9 }), /^conv2d: stride must be .* at most 1048576/],
    [() => conv2d(4, { kernel: 3, pad: [0, 3e9] }), /^conv2d: pad must be .* at most 1048576, got 3000000000$/],
    [() => conv2d(4, { kernel: 3, dilation: 3e9 }), /^conv2d: dilation must be .* at most 1048576/],
    [() => conv2d(4, { kernel: 3, groups: 1e12 }), /^conv2d: groups must be .* at most 1073741824/],
    [() => maxPool2d(1e9), /^maxPool2d: kernel must be .* at most 1048576/],
    [() => avgPool2d(2, { stride: 1e9 }), /^avgPool2d: stride must be .* at most 1048576/],
    [() => maxout({ pieces: 1e12 }), /^maxout: pieces must be .* at most 1073741824/],
    [() => padChannels({ after: 1e12 }), /^padChannels: after must be .* at most 1073741824/],
    [() => groupNorm(1e12), /^groupNorm: groups must be .* at most 1073741824/],
    [() => lbfgs({ memory: 1e9 }), /^lbfgs: memory must be .* at most 1000, got 1000000000$/],
    [() => lbfgs({ iterations: 1e9 }), /^lbfgs: iterations must be .* at most 1000000, got/],
    [() => minimize(() => 0, [1], { memory: 1e9 }), /^lbfgs: memory must be .* at most 1000/],
    [() => resNet18({ classes: 1e12 }), /^resNet18: classes must be .* at most 1073741824/],
    [
      () => mobileNetV1({ width: 1e9 }),
      /^mobileNetV1: width must be a finite number from 0\.01 to 100, got 1000000000$/,
    ],
    [() => createRandom(2 ** 53), /^createRandom: seed must be .* at most 9007199254740991/],
    [() => createRandom(1, 2 ** 32), /^createRandom: stream must be .* at most 4294967295/],
    [() => random.integer(2 ** 32 + 1), /^random\.integer: n must be .* at most 4294967296, got 4294967297$/],
    [() => random.shuffle({ length: 2 ** 33 }), /^random\.shuffle: wants an array or a typed array, not frozen, got/],
  ])('%#', async (action, message) => {
    expect(await messageOf(action)).toMatch(message)
  })

  test('which is one that it takes', () => {
    expect(dense(size)).toMatchObject({ kind: 'dense' })
    expect(lbfgs({ memory: 1000, iterations: 1e6 })).toMatchObject({ slots: { length: 2003 } })
    const drawn = Array.from({ length: 100 }, () => random.integer(2 ** 32) as number)
    expect(Math.max(...drawn)).toBeGreaterThan(2 ** 31)
    expect(drawn.every((v) => Number.isInteger(v) && v >= 0 && v < 2 ** 32)).toBe(true)
  })
})

group('a seed is a number', () => {
  test.each([['abc'], [undefined], [null], [1.5], [-1], [NaN], [Infinity], [3n], [{}]])('%o', async (seed) => {
    expect(await messageOf(() => createRandom(seed as never))).toMatch(/^createRandom: seed must be an integer of at/)
  })

  test('and what is drawn from has a number of values', async () => {
    for (const n of [0, -1, 1.5, NaN, '3', undefined, Infinity]) {
      expect(await messageOf(() => random.integer(n))).toMatch(/^random\.integer: n must be an integer of at/)
    }
    for (const list of ['abc', 5, null, {}, Object.freeze([1, 2]), { length: 1.5 }, new DataView(new ArrayBuffer(4))]) {
      expect(await messageOf(() => random.shuffle(list))).toMatch(/^random\.shuffle: wants an array/)
    }
  })
})

group('what is left out', () => {
  test('null is not given, as undefined is', () => {
    expect(dense(3, { bias: null, init: null })).toMatchObject({ config: { bias: true } })
    expect(relu({ max: null })).toMatchObject({ config: {} })
    expect(dropout({ keep: null, mode: null })).toMatchObject({ config: { keep: 0.5, mode: 'inverted' } })
    expect(batchNorm({ momentum: null })).toMatchObject({ config: { momentum: 0.9 } })
    expect(hinge({ margin: null })).toMatchObject({ config: { margin: 1 } })
  })

  test('so is false, where it can only mean off', async () => {
    expect(residual(relu(), false)).toMatchObject({ config: { body: { kind: 'relu' } } })
    expect(softmaxCrossEntropy({ classWeights: false })).toMatchObject({ config: { labelSmoothing: 0 } })
    const network = dense(3)
    const model = await createModel(network, { input: [4], loss: false, optimizer: null })
    expect(model.loss).toBeUndefined()
  })

  test.each<[action: () => unknown, message: RegExp]>([
    [() => residual(relu(), 0), /^residual: shortcut is not a layer, but number$/],
    [() => residual(relu(), ''), /^residual: shortcut is not a layer, but string$/],
    [
      () => softmaxCrossEntropy({ classWeights: 0 }),
      /^softmaxCrossEntropy: classWeights must be one number for each class, got 0$/,
    ],
    [() => softmaxCrossEntropy({ classWeights: '' }), /classWeights must be one number for each class, got ""$/],
    [
      () => softmaxCrossEntropy({ classWeights: Object.assign([1], { length: 3 }) }),
      /^softmaxCrossEntropy: classWeights\[1\] must be a finite number/,
    ],
    [() => sequential(relu(), false), /^sequential: 1 is not a layer, but boolean$/],
    [() => dense(3, { init: false }), /^dense: init must be an initializer such as he\(\), got false$/],
    [() => dense(3, { init: v128.he }), /^dense: init must be .* got a function$/],
    [() => dense(3, { bias: 0 }), /^dense: bias must be true or false, got 0$/],
    [() => dense(3, { bias: 'no' }), /^dense: bias must be true or false, got "no"$/],
    [() => createModel(dense(3), { input: [4], loss: 0 } as never), /^createModel: loss must be one such as .* got 0$/],
    [() => createModel(dense(3), { input: [4], optimizer: '' } as never), /optimizer must be one such as .* got ""$/],
    [() => createModel(dense(3), { input: [4], wasm: 5 } as never), /^createModel: wasm must be .* got 5$/],
    [
      () => createModel(dense(3), { input: Object.assign([1], { 2: 28 }) } as never),
      /^createModel: every size in input must be .* got undefined$/,
    ],
  ])('but not %#', async (action, message) => {
    expect(await messageOf(action)).toMatch(message)
  })
})

group('a promise without await', () => {
  const promise = Promise.resolve(1)
  test.each<[action: () => unknown, message: RegExp]>([
    [() => sequential(relu(), promise), /^sequential: 1 is a promise: await it first$/],
    [() => freeze(promise), /^freeze: the layer is a promise: await it first$/],
    [() => residual(promise), /^residual: body is a promise: await it first$/],
    [() => dense(promise), /^dense: units must be .* got a promise \(await it first\)$/],
    [() => dense(3, { init: promise }), /^dense: init is a promise: await it first$/],
    [() => dense(3, promise), /^dense: options must be .* got a promise \(await it first\)$/],
    [() => sgd({ learningRate: promise }), /learningRate must be .* got a promise \(await it first\)$/],
    [() => createModel(promise as never, { input: [4] }), /^createModel: the network is a promise: await it first$/],
    [
      () => createModel(dense(3), { input: [4], loss: promise } as never),
      /^createModel: loss is a promise: await it first$/,
    ],
    [
      () => v128.gradientCheck(createModel(dense(3), { input: [4] }) as never, [], []),
      /^gradientCheck: the model is a promise: await createModel\(\.\.\.\)$/,
    ],
  ])('%#', async (action, message) => {
    expect(await messageOf(action)).toMatch(message)
  })
})

group('what cannot be called', () => {
  class Made {
    kind = 'made'
  }
  test.each<[action: () => unknown, message: RegExp]>([
    [() => sgd({ learningRate: Made }), /^sgd: learningRate must be a number of at least 0 or a schedule, got a class/],
    [() => minimize(Made, [1]), /^minimize: wants a function \(x, gradient\), got a class/],
  ])('%#', async (action, message) => {
    expect(await messageOf(action)).toMatch(message)
  })

  test('an activation of lenet5', async () => {
    const { lenet5 } = await import('../../src/entries/architectures')
    expect(await messageOf(() => lenet5({ activation: Made as never }))).toMatch(
      /^lenet5: activation must be a function that makes a layer/,
    )
    expect(await messageOf(() => lenet5({ activation: (() => 5) as never }))).toMatch(
      /activation1 is not a layer, but number$/,
    )
  })
})

group('numbers that float32 cannot hold', () => {
  const make = (network: unknown, options: object = {}) =>
    createModel(network as v128.Layer, { input: [2], batch: 1, dtype: 'float32', ...options } as never)

  test.each<[action: (dtype: string) => unknown, message: RegExp]>([
    [
      (dtype) => make(dense(2, { init: constant(1e300) }), { dtype }),
      /^createModel: 'weight' begins with .*Infinity, at 0; a model begins with finite/,
    ],
    [
      (dtype) => make(normalize({ mean: 1e300, std: 1 }), { dtype }),
      /^createModel: 'mean' begins with 1e\+300, in float32 Infinity, at 0/,
    ],
    [
      (dtype) => make(normalize({ mean: 0, std: [1, 1e-60] }), { dtype }),
      /^createModel: 'std' begins with 1e-60, in float32 0, at 1/,
    ],
    [
      (dtype) => make(dense(2), { dtype, loss: softmaxCrossEntropy({ classWeights: [1, 1e300] }) }),
      /begins with 1e\+300, in float32 Infinity, at 1/,
    ],
  ])('%#', async (action, message) => {
    expect(await messageOf(() => action('float32'))).toMatch(message)
    expect(await messageOf(() => action('float64'))).toBe('nothing')
  })

  test('nor what an initializer of the user gives', async () => {
    const init = { kind: 'mine', config: {}, fill: (values: Float64Array) => void (values[1] = NaN) }
    expect(await messageOf(() => make(dense(2, { init }), { dtype: 'float64' }))).toMatch(
      /'weight' begins with NaN, at 1/,
    )
  })
})

test('an option is read once, so that it is what was checked', () => {
  let reads = 0
  const options = {
    get max() {
      return ++reads
    },
  }
  expect(relu(options)).toMatchObject({ config: { max: 1 } })
  expect(reads).toBe(1)
  const kernel = Object.defineProperty([3, 3], 0, { get: () => ++reads })
  expect(conv2d(4, { kernel })).toMatchObject({ config: { kernel: [2, 3] } })
})

test('a class with members is an object with options, and so is one without a prototype', () => {
  class Options {
    max = 6
  }
  expect(relu(new Options())).toMatchObject({ config: { max: 6 } })
  expect(relu(Object.assign(Object.create(null), { max: 6 }))).toMatchObject({ config: { max: 6 } })
})

test('names of layers are short, without a dot', async () => {
  expect(await messageOf(() => sequential({ ['n'.repeat(201)]: relu() }))).toMatch(
    /^sequential: 'n{37}\.\.\.' is no name: it must be text without a dot, of at most 200 characters$/,
  )
  expect(await messageOf(() => residual(relu(), relu(), { names: { body: 5 } }))).toMatch(/^residual: 5 is no name/)
  expect(describe(sequential({ ['n'.repeat(200)]: relu() }), { input: [3] }).layers.length).toBe(1)
})
