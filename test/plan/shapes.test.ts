// Shapes that were probably meant otherwise: what the errors advise, and what is noted where nothing fails.
import { afterEach, describe as group, expect, test, vi } from 'vitest'
import {
  type Layer,
  N,
  PlanError,
  avgPool2d,
  batchNorm,
  concat,
  conv2d,
  createModel,
  createRandom,
  dense,
  describe,
  flatten,
  globalAvgPool2d,
  groupNorm,
  he,
  layerNorm,
  maxPool2d,
  maxout,
  normalize,
  padChannels,
  permute,
  prelu,
  relu,
  reshape,
  sequential,
  softmax,
  zeros,
} from '../../src/entries/index'
import { convOutput, convScratch } from '../../src/kernels/conv-geometry'
import { biasGradient } from '../../src/layers/weights'

const messageOf = (network: Layer, input: readonly number[]): string => {
  try {
    describe(network, { input })
  } catch (error) {
    expect(error).toBeInstanceOf(PlanError)
    return (error as Error).message
  }
  return ''
}

group('what is no image', () => {
  test.each<[network: () => Layer, input: number[], message: RegExp]>([
    [
      () => conv2d(4, { kernel: 3 }),
      [3, 100],
      /^conv2d: wants images \(C, H, W\), got .*\(3, 100\); images of one channel have an input of \[1, 3, 100\], 3 channels of one dimension \[3, 1, 100\], with kernels such as \[1, 7\]$/,
    ],
    [
      () => sequential(relu(), maxPool2d(2)),
      [28, 28],
      /\(28, 28\); images of one channel have an input of \[1, 28, 28\]/,
    ],
    [() => globalAvgPool2d(), [784], /\(784\); images of one channel have an input of \[1, 28, 28\]$/],
    [() => avgPool2d(2), [3072], /images of three channels have an input of \[3, 32, 32\]$/],
    [() => conv2d(4, { kernel: 3 }), [100 * 3], /images of three channels have an input of \[3, 10, 10\]$/],
    [
      () => conv2d(4, { kernel: 3 }),
      [50],
      /50 values in a row are an input of \[1, 1, 50\], with kernels such as \[1, 7\]$/,
    ],
    [
      () => conv2d(4, { kernel: 3 }),
      [64, 1, 28, 28],
      /input is the shape of one example, without the batch: \[1, 28, 28\]$/,
    ],
    [
      () => sequential(flatten(), conv2d(4, { kernel: 3 })),
      [1, 8, 8],
      /\(64\); put it before flatten\(\) and dense layers$/,
    ],
    [() => conv2d(4, { kernel: 3 }), Array<number>(30).fill(1), /shape \(1, 1, 1, 1, 1, 1, 1, 1, \.\.\.\)$/],
  ])('%o on %o', (network, input, message) => {
    expect(messageOf(network(), input)).toMatch(message)
  })

  test('the advice works', () => {
    expect(
      messageOf(sequential(conv2d(4, { kernel: [1, 7] }), maxPool2d([1, 2]), flatten(), dense(2)), [3, 1, 100]),
    ).toBe('')
    expect(messageOf(conv2d(4, { kernel: 3 }), [1, 28, 28])).toBe('')
  })
})

group('windows that do not fit', () => {
  test.each<[network: () => Layer, input: number[], message: RegExp]>([
    [
      () => conv2d(4, { kernel: 5 }),
      [32, 32, 3],
      /does not fit a 32x3 input with pad 0; the input \(32, 32, 3\) looks like \(H, W, C\): channels come first, \[3, 32, 32\]$/,
    ],
    [
      () => sequential(conv2d(4, { kernel: 3 }), maxPool2d(2)),
      [48, 40, 3],
      /the input \(48, 40, 3\) looks like .* \[3, 48, 40\]$/,
    ],
    [
      () => conv2d(4, { kernel: 3, groups: 3 }),
      [31, 31, 3],
      /3 groups do not divide 31 channels .* channels come first, \[3, 31, 31\]$/,
    ],
    [
      () => normalize({ mean: [1, 2, 3], std: 1 }),
      [33, 33, 3],
      /input has 33 channels; .* channels come first, \[3, 33, 33\]$/,
    ],
    [
      () => conv2d(4, { kernel: 7 }),
      [3, 1, 100],
      /does not fit a 1x100 .*; for data of one dimension take a kernel of \[1, 7\]$/,
    ],
    [() => maxPool2d(2), [3, 100, 1], /does not fit a 100x1 .*; for data of one dimension take a kernel of \[2, 1\]$/],
    [() => conv2d(4, { kernel: 9 }), [3, 8, 8], /kernel 9x9 does not fit a 8x8 input with pad 0$/],
  ])('%o on %o', (network, input, message) => {
    expect(messageOf(network(), input)).toMatch(message)
  })
})

group('two dimensions, of which either may be the channels', () => {
  test.each<[name: string, layer: () => Layer]>([
    ['batchNorm', () => batchNorm()],
    ['groupNorm', () => groupNorm(2)],
    ['maxout', () => maxout({ pieces: 2 })],
    ['padChannels', () => padChannels({ after: 1 })],
    ['prelu', () => prelu()],
    ['normalize', () => normalize({ mean: [1, 2], std: 1 })],
    ['concat', () => concat(relu(), relu())],
  ])('%s', (name, layer) => {
    expect(messageOf(layer(), [10, 4])).toMatch(
      new RegExp(
        `^${name}: got an input of shape \\(10, 4\\), of which either may .* \\[10, 1, 4\\] or, turned round, ` +
          '\\[4, 1, 10\\], or put flatten\\(\\)',
      ),
    )
    const cured = name === 'normalize' ? [2, 1, 10] : [4, 1, 10]
    expect(messageOf(layer(), cured)).toBe('')
    if (name !== 'normalize') expect(messageOf(sequential(flatten(), layer()), [10, 4])).toBe('')
  })

  test.each<[name: string, layer: (options?: object) => Layer]>([
    ['batchNorm', (options) => batchNorm(options)],
    ['prelu', (options) => prelu(options)],
    ['normalize', (options) => normalize({ mean: [1, 2, 3], std: 2, ...options })],
    ['groupNorm', (options) => groupNorm(3, options)],
  ])('%s, told which: as in an image of height 1', async (name, layer) => {
    const n = 5
    const random = createRandom(1)
    const draw = () => Float64Array.from({ length: n * 12 }, () => random.normal())
    const [x, dy] = [draw(), draw()]
    const run = async (network: Layer) => {
      const model = await createModel(sequential({ only: network, flat: flatten() }), { input: [3, 4], batch: n })
      const y = model.forward(x, { training: true }).data.slice()
      model.backward(dy)
      const values = [...Object.values(model.gradients), ...Object.values(model.buffers)]
      return [y, ...values.map(({ data }) => data.slice())]
    }
    const expected = await run(sequential(reshape([3, 1, 4]), layer()))
    expect(await run(layer({ axis: 0 }))).toEqual(expected)
    if (name === 'groupNorm')
      return expect(() => layer({ axis: 1 })).toThrow(/^groupNorm: axis must be 0, .* got 1; permute/)
    expect(messageOf(layer({ axis: 2 }), [3, 4])).toMatch(/no axis 2 in examples of shape \(3, 4\)/)
    // Features last, put first again: values as before, in sums of another order.
    const turned = await run(sequential(permute([1, 0]), layer({ axis: 1 }), permute([1, 0])))
    expect(turned.length).toBe(expected.length)
    turned.forEach((values, i) => values.forEach((v, k) => expect(v).toBeCloseTo(expected[i][k], 12)))
  })

  test('are a sequence for layers that take the last axis, as PyTorch', () => {
    const network = sequential(dense(6), layerNorm(), softmax())
    const { shapes, output } = describe(network, { input: [10, 4] })
    expect(output).toEqual([10, 6])
    expect(shapes).toEqual({ '0.weight': [6, 4], '0.bias': [6], '1.weight': [6], '1.bias': [6] })
  })

  test('one number for all suits every shape', () => {
    expect(messageOf(normalize({ mean: 1, std: 2 }), [10, 4])).toBe('')
    expect(messageOf(sequential(relu(), flatten()), [10, 4])).toBe('')
  })
})

group('images whose channels come last, where nothing fails', () => {
  afterEach(() => void vi.restoreAllMocks())
  const notes = () => vi.spyOn(console, 'warn').mockImplementation(() => {})
  const network = () => sequential(relu(), conv2d(4, { kernel: 3, pad: 1 }), maxPool2d(1), conv2d(4, { kernel: 1 }))

  test('are noted, once, with the cure', async () => {
    const warn = notes()
    for (let i = 0; i < 3; i++) await createModel(network(), { input: [24, 24, 3], batch: 1 })
    expect(warn.mock.calls).toEqual([
      [
        expect.stringMatching(
          /^v128: an input of \[24, 24, 3\] is taken for 24 channels of 24 x 3; .* input \[3, 24, 24\]/,
        ),
      ],
    ])
    await createModel(network(), { input: [20, 24, 4], batch: 1 })
    await createModel(network(), { input: [28, 28, 1], batch: 1 })
    expect(warn.mock.calls.length).toBe(3)
  })

  test.each([
    [[3, 32, 32]],
    [[1, 28, 28]],
    [[64, 8, 8]],
    [[80, 1000, 1]],
    [[16, 3, 3]],
    [[32, 32, 5]],
    [[3, 1, 100]],
    [[4, 4, 3]],
  ])('says nothing of %o', async (input) => {
    const warn = notes()
    describe(network(), { input })
    expect(warn).not.toHaveBeenCalled()
  })

  test('says nothing of what has such a shape within the network', () => {
    const warn = notes()
    describe(sequential(conv2d(26, { kernel: [1, 6] }), conv2d(2, { kernel: 1 })), { input: [3, 26, 8] })
    expect(warn).not.toHaveBeenCalled()
  })
})

group('a stride that leaves the image at once', () => {
  test('takes no more memory than one that just does', () => {
    for (const make of [
      (stride: number) => conv2d(1, { kernel: 1, stride }),
      (stride: number) => maxPool2d(1, { stride }),
      (stride: number) => avgPool2d(1, { stride }),
    ]) {
      const [near, far] = [3, 2 ** 20].map((stride) => describe(make(stride), { input: [1, 3, 3] }))
      expect(far.memory).toEqual(near.memory)
      expect(far.memory.scratch).toBeLessThan(1e6)
      expect(far.output).toEqual([1, 1, 1])
      expect((make(2 ** 20).config as { stride: unknown }).stride).toEqual([2 ** 20, 2 ** 20])
    }
  })

  /** conv2d with the stride that it is told, whatever the image. */
  const asTold = (filters: number, k: number, s: number, p: number): Layer => ({
    kind: 'conv2d',
    config: {},
    plan(x, plan) {
      const [c, h, w] = x.shape
      const init = { init: he(), fanIn: c * k * k, fanOut: filters * k * k, decay: true }
      const weight = plan.parameter('weight', [filters, c, k, k], init)
      const bias = plan.parameter('bias', [filters], { ...init, init: zeros() })
      const y = plan.value([filters, convOutput(h, k, s, p, 1), convOutput(w, k, s, p, 1)])
      const window = [k, k, s, s, p, p, 1, 1, 1]
      const scratch = convScratch(c, h, w, filters, k, k, s, s, p, p, 1, 1, 1, plan.bytes)
      const sizes = [N, c, h, w, filters, filters, ...window]
      plan.forward('conv2dForward', { sizes, reads: [x, weight, bias], scratch, writes: [y] })
      const all = [N, c, c, h, w, filters, filters, ...window]
      const toInput = [N, c, c, h, w, filters, ...window]
      plan.backward('conv2dBackwardWeight', { sizes: all, reads: [x, y.gradient], scratch, writes: [weight.gradient] })
      plan.backward('addChannelSums', biasGradient(y, bias, y.size / filters))
      plan.backward('conv2dBackwardInput', {
        sizes: toInput,
        reads: [y.gradient, weight],
        scratch,
        writes: [x.gradient],
      })
      return y
    },
  })

  test.each(['wasm', 'js'] as const)('gives the bits that it gave, on %s', async (backend) => {
    for (const [size, k, p] of [
      [5, 3, 1],
      [3, 3, 0],
      [1, 1, 0],
      [4, 2, 2],
    ]) {
      const outcomes = []
      for (const s of [size + 2 * p, size + 2 * p + 1, 23]) {
        for (const layer of [asTold(4, k, s, p), conv2d(4, { kernel: k, stride: s, pad: p, init: he() })]) {
          if (s < 2) continue
          const network = sequential(layer, flatten())
          const model = await createModel(network, { input: [3, size, size], batch: 2, backend, seed: 3 })
          const { data } = model.forward(Float64Array.from({ length: 6 * size * size }, (_, i) => Math.sin(i)))
          const kept = [...data]
          const dx = [...model.backward(Float64Array.from({ length: kept.length }, (_, i) => Math.cos(i))).data]
          outcomes.push({ kept, dx, gradients: Object.values(model.gradients).map((one) => [...one.data]) })
        }
      }
      for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
      expect(outcomes[0].kept).toHaveLength(8)
    }
  })
})
