// Activations where it is easy to go wrong: the far tails, zeros of both signs, NaN, and gradients at kinks.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { describe, expect, test } from 'vitest'
import {
  dense,
  dropout,
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  he,
  leakyRelu,
  maxout,
  relu,
  selu,
  sequential,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
  xavier,
} from '../../src/entries/index'
import { passRaw } from '../support/models'

const RUNS = (['float64', 'float32'] as const).flatMap((dtype) =>
  (['wasm', 'js'] as const).map((backend) => ({ dtype, backend })),
)

/** y, and dx for dy = 1. */
async function pass(layer: Layer, x: number[], options: (typeof RUNS)[number], input = [x.length]) {
  const model = await createModel(layer, { input, batch: 1, ...options })
  const size = model.output.data.length
  const { y, dx } = passRaw(model, x, true, Array<number>(size).fill(1))
  return { y: Array.from(y), dx: Array.from(dx) }
}

describe.each(RUNS)('$dtype on $backend', (options) => {
  const huge = options.dtype === 'float64' ? 1e308 : 3e38
  const tiny = options.dtype === 'float64' ? 5e-324 : 2 ** -149
  const tails = [-Infinity, -huge, -800, -0, 0, 800, huge, Infinity, NaN]
  const [SCALE, BELOW, LN2] = [1.0507009873554805, 1.7580993408473768, Math.log(2)]
  const same = (values: number[]) => values.map((value) => Math.fround(value))

  test.each<[string, () => Layer, y: number[], dx: number[]]>([
    ['relu', relu, [0, 0, 0, -0, 0, 800, huge, Infinity, NaN], [0, 0, 0, 0, 0, 1, 1, 1, 0]],
    ['relu, max 6', () => relu({ max: 6 }), [0, 0, 0, -0, 0, 6, 6, 6, NaN], [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    [
      'leakyRelu',
      () => leakyRelu({ alpha: 0.5 }),
      [-Infinity, -huge / 2, -400, -0, 0, 800, huge, Infinity, NaN],
      [0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 0.5],
    ],
    ['elu', () => elu({ alpha: 2 }), [-2, -2, -2, 0, 0, 800, huge, Infinity, NaN], [0, 0, 0, 2, 2, 1, 1, 1, NaN]],
    ['sigmoid', sigmoid, [0, 0, 0, 0.5, 0.5, 1, 1, 1, NaN], [0, 0, 0, 0.25, 0.25, 0, 0, 0, NaN]],
    ['tanh', tanh, [-1, -1, -1, -0, 0, 1, 1, 1, NaN], [0, 0, 0, 1, 1, 0, 0, 0, NaN]],
    // x times what has become 0: at -Infinity that is NaN, as in PyTorch.
    ['gelu', gelu, [NaN, 0, 0, 0, 0, 800, huge, Infinity, NaN], [NaN, 0, 0, 0.5, 0.5, 1, 1, NaN, NaN]],
    [
      "gelu, 'tanh'",
      () => gelu({ approximate: 'tanh' }),
      [NaN, 0, 0, 0, 0, 800, huge, Infinity, NaN],
      [0, 0, 0, 0.5, 0.5, 1, 1, 1, NaN],
    ],
    ['silu', silu, [NaN, 0, 0, 0, 0, 800, huge, Infinity, NaN], [NaN, 0, 0, 0.5, 0.5, 1, 1, NaN, NaN]],
    [
      'selu',
      selu,
      [
        -BELOW,
        -BELOW,
        -BELOW,
        0,
        0,
        800 * SCALE,
        options.dtype === 'float64' ? huge * SCALE : Math.fround(huge) * Math.fround(SCALE),
        Infinity,
        NaN,
      ],
      [0, 0, 0, BELOW, BELOW, SCALE, SCALE, SCALE, NaN].map((slope) =>
        options.dtype === 'float64' ? slope : Math.fround(slope),
      ),
    ],
    ['softplus', softplus, [0, 0, 0, LN2, LN2, 800, huge, Infinity, NaN], [0, 0, 0, 0.5, 0.5, 1, 1, 1, NaN]],
    [
      'hardSigmoid',
      hardSigmoid,
      [0, 0, 0, 0.5, 0.5, 1, 1, 1, NaN],
      [0, 0, 0, 1 / 6, 1 / 6, 0, 0, 0, 0].map((slope) => (options.dtype === 'float64' ? slope : Math.fround(slope))),
    ],
    ['hardSwish', hardSwish, [NaN, 0, 0, 0, 0, 800, huge, Infinity, NaN], [0, 0, 0, 0.5, 0.5, 1, 1, 1, NaN]],
  ])('%s in the tails', async (_, layer, y, dx) => {
    // Twice, so that vectors and the odd tail are both seen.
    const result = await pass(layer(), [...tails, ...tails], options)
    const zeroSign = (value: number) => (value === 0 ? 0 : value)
    expect(same(result.y).map(zeroSign)).toEqual(same([...y, ...y]).map(zeroSign))
    expect(result.dx).toEqual([...dx, ...dx])
  })

  test('the least numbers are not lost', async () => {
    expect((await pass(tanh(), [tiny, -tiny, -0], options)).y).toEqual([tiny, -tiny, -0])
    expect((await pass(elu(), [tiny, -tiny], options)).y).toEqual([tiny, -tiny])
    expect((await pass(leakyRelu(), [tiny, -tiny], options)).dx).toEqual(
      [1, Math.fround(0.01)].map((d, i) => (options.dtype === 'float32' || !i ? d : 0.01)),
    )
  })

  test('relu with a ceiling has no gradient at it', async () => {
    const result = await pass(relu({ max: 6 }), [5.5, 6, 6.5, 0, -1], options)
    expect(result).toEqual({ y: [5.5, 6, 6, 0, 0], dx: [1, 0, 0, 0, 0] })
  })

  test('maxout gives the gradient to the first of equal values; NaN stays NaN', async () => {
    for (const shape of [[12], [4, 3, 1], [12, 1, 1]]) {
      // Three pieces: of channels that lie 3 values apart, or of neighbours.
      const x = shape.length > 1 && shape[1] > 1 ? undefined : [1, 1, 0, 2, 3, 3, -1, -2, -Infinity, 5, NaN, 7]
      const input = x ? shape : [6, 2, 1]
      const given = x ?? [1, NaN, 1, 5, 0, 7, 2, -3, 3, -3, 3, -3]
      const { y, dx } = await pass(maxout({ pieces: 3 }), given, options, input)
      expect(y).toEqual(x ? [1, 3, -1, NaN] : [1, NaN, 3, -3])
      expect(dx).toEqual(x ? [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0] : [1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0])
    }
  })

  test('softmax of far and of infinite scores', async () => {
    for (const input of [[4], [4, 1, 1]]) {
      expect((await pass(softmax(), [800, 800, -800, -Infinity], options, input)).y).toEqual([0.5, 0.5, 0, 0])
      expect((await pass(softmax(), [huge, -huge, huge, 0], options, input)).y).toEqual([0.5, 0, 0.5, 0])
      expect((await pass(softmax(), [1, NaN, 0, 2], options, input)).y).toEqual([NaN, NaN, NaN, NaN])
    }
    // Two places of two channels each.
    const { y } = await pass(softmax(), [huge, 3, -huge, 3], options, [2, 1, 2])
    expect(y).toEqual([1, 0.5, 0, 0.5])
  })
})

test('what keeps y does not keep x: an activation takes no memory for it', async () => {
  const input = [1000]
  const memory = async (...layers: Layer[]) =>
    (await createModel(sequential(...layers), { input, batch: 8 })).memory.activations
  // The gradient takes the place of nothing: each activation adds one value, and gradients take turns.
  for (const layer of [relu, sigmoid, tanh, elu, leakyRelu, softmax]) {
    const two = await memory(layer(), layer())
    const five = await memory(layer(), layer(), layer(), layer(), layer())
    expect((five - two) / (8 * 8 * 1000)).toBeLessThanOrEqual(3.01)
  }
})

test('weights before ReLU-like activations start with he(), dropout between or not; others with xavier()', async () => {
  const weights = async (layer: () => Layer, init?: ReturnType<typeof he>) => {
    const network = sequential(dense(40, init && { init }), dropout(), layer())
    return (await createModel(network, { input: [30], batch: 1, seed: 4 })).parameters['0.weight'].data
  }
  for (const layer of [relu, leakyRelu, elu, () => maxout({ pieces: 2 })]) {
    expect(await weights(layer)).toEqual(await weights(layer, he()))
  }
  for (const layer of [sigmoid, tanh, softmax]) expect(await weights(layer)).toEqual(await weights(layer, xavier()))
})
