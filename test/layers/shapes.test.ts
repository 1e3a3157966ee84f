// Layers that give examples another shape: what lies where, and what it costs.
import { describe, expect, test } from 'vitest'
import {
  conv1d,
  conv2d,
  createModel,
  maxPool1d,
  mean,
  permute,
  repeat,
  reshape,
  sequential,
  take,
  upsample2d,
  zeroPad2d,
} from '../../src/entries/index'
import { coreOf } from '../../src/model/core-of'
import type { Layer } from '../../src/plan/layer'
import { passRaw } from '../support/models'

const RUNS = (['float64', 'float32'] as const).flatMap((dtype) =>
  (['wasm', 'js'] as const).map((backend) => ({ dtype, backend })),
)

const count = (size: number) => Float64Array.from({ length: size }, (_, i) => i)

describe.each(RUNS)('$dtype on $backend', (options) => {
  /** What two examples of 0, 1, 2, ... become, and the gradient of dy = 0, 1, 2, ... */
  async function run(layer: Layer, input: number[]) {
    const model = await createModel(layer, { input, batch: 2, ...options })
    const { shape, data } = model.output
    const size = 2 * input.reduce((a, b) => a * b)
    const { y, dx } = passRaw(model, count(size), false, count(data.length))
    return { shape: shape.slice(1), y: Array.from(y), dx: Array.from(dx) }
  }

  test.each([
    [
      [1, 0],
      [3, 5],
    ],
    [
      [2, 0, 1],
      [2, 3, 4],
    ],
    [
      [2, 1, 0],
      [3, 1, 5],
    ],
    [
      [1, 3, 0, 2],
      [2, 3, 4, 5],
    ],
    [
      [3, 2, 1, 0],
      [2, 3, 1, 5],
    ],
    [
      [0, 2, 1],
      [2, 9, 8],
    ],
    [
      [0, 1],
      [2, 3],
    ],
    [
      [1, 0],
      [1, 7],
    ],
  ])('permute %j of %j', async (order, input) => {
    const { shape, y, dx } = await run(permute(order), input)
    expect(shape).toEqual(order.map((axis) => input[axis]))
    const size = input.reduce((a, b) => a * b)
    // Where each value of y comes from, by the definition.
    const from = Array.from({ length: size }, (_, i) => {
      const place = Array<number>(order.length)
      for (let k = order.length - 1, rest = i; k >= 0; k--) {
        place[order[k]] = rest % shape[k]
        rest = Math.floor(rest / shape[k])
      }
      return place.reduce((sum, at, axis) => sum * input[axis] + at, 0)
    })
    const both = [...from, ...from.map((at) => at + size)]
    expect(y).toEqual(both)
    const expected = Array<number>(2 * size)
    both.forEach((at, i) => (expected[at] = i))
    expect(dx).toEqual(expected)
  })

  test('take', async () => {
    const { shape, y, dx } = await run(take({ axis: 1, from: 1, to: -1 }), [2, 4])
    expect(shape).toEqual([2, 2])
    expect(y).toEqual([1, 2, 5, 6, 9, 10, 13, 14])
    expect(dx).toEqual([0, 0, 1, 0, 0, 2, 3, 0, 0, 4, 5, 0, 0, 6, 7, 0])
    expect((await run(take({ from: -1 }), [3, 2])).y).toEqual([4, 5, 10, 11])
    expect((await run(take({ axis: -1, to: 1 }), [3, 2])).y).toEqual([0, 2, 4, 6, 8, 10])
  })

  test('repeat and mean', async () => {
    const repeated = await run(repeat(3), [2])
    expect(repeated).toEqual({
      shape: [3, 2],
      y: [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3],
      dx: [0 + 2 + 4, 1 + 3 + 5, 6 + 8 + 10, 7 + 9 + 11],
    })
    expect(await run(mean(), [2, 2])).toEqual({ shape: [2], y: [1, 2, 5, 6], dx: [0, 0.5, 0, 0.5, 1, 1.5, 1, 1.5] })
    expect((await run(mean({ axis: -1 }), [2, 2])).y).toEqual([0.5, 2.5, 4.5, 6.5])
    expect(await run(mean(), [4])).toEqual({ shape: [1], y: [1.5, 5.5], dx: [0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25] })
  })

  test('long means lose no digits', async () => {
    const size = 100_000
    const model = await createModel(mean(), { input: [size, 2], batch: 1, inference: true, ...options })
    const [a] = model.predict(new Float64Array(2 * size).fill(0.1)).data
    expect(Math.abs(a - 0.1)).toBeLessThan(options.dtype === 'float64' ? 1e-15 : 1e-7)
  })

  test('causal convolutions see nothing that comes later', async () => {
    const layer = conv1d(2, { kernel: 3, dilation: 2, pad: 'causal', bias: false })
    const model = await createModel(layer, { input: [1, 8], batch: 1, seed: 1, ...options })
    const x = count(8)
    const before = Array.from(model.predict(x).data)
    x[5] = 100
    const after = Array.from(model.predict(x).data)
    expect(after.map((value, i) => value !== before[i])).toEqual(before.map((_, i) => [5, 7].includes(i % 8)))
  })
})

test('what only has another shape costs no call', async () => {
  const network = sequential(reshape([1, -1, 2]), permute([1, 0, 2]), take({ from: 0 }), mean({ axis: 1 }), repeat(1))
  const model = await createModel(network, { input: [12], batch: 1 })
  expect(model.output.shape).toEqual([1, 1, 6, 2])
  expect(coreOf('test', model).program.forward).toEqual([])
})

test("sequences go by Winograd's tiles where that pays and is asked for", async () => {
  const forward = async (layer: Layer, input: number[]) => {
    const model = await createModel(layer, { input, batch: 1 })
    return coreOf('test', model).program.forward.map(({ kernel }) => kernel)
  }
  const kernel = 5
  const tiles = ['winograd1dForward']
  const direct = ['conv2dForward']
  expect(await forward(conv1d(32, { kernel, pad: 2 }), [3, 9])).toEqual(tiles)
  expect(await forward(conv1d(32, { kernel: 3, pad: 'causal' }), [4, 9])).toEqual(['padPlanes', ...tiles])
  expect(await forward(conv2d(32, { kernel: [1, 3] }), [4, 1, 9])).toEqual(tiles)
  expect(await forward(conv2d(32, { kernel: [1, 3] }), [4, 2, 9])).toEqual(direct)
  expect(await forward(conv2d(32, { kernel: [1, 3], pad: [1, 0] }), [4, 1, 9])).toEqual(direct)
  expect(await forward(conv1d(20, { kernel }), [3, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel: 3 }), [3, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel: 4 }), [8, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel, pad: 5 }), [8, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel, stride: 2 }), [8, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel, dilation: 2 }), [8, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel, groups: 2 }), [8, 9])).toEqual(direct)
  expect(await forward(conv1d(32, { kernel, algorithm: 'direct' }), [8, 9])).toEqual(direct)
})

test('zeros that are the same on both sides cost no copy', async () => {
  const kernels = async (layer: Layer, input = [1, 8, 8]) => {
    const model = await createModel(layer, { input, batch: 1 })
    return coreOf('test', model).program.forward.map(({ kernel }) => kernel)
  }
  const conv = ['conv2dForward']
  expect(await kernels(conv2d(1, { kernel: 3, pad: 'same' }))).toEqual(conv)
  expect(await kernels(conv2d(1, { kernel: 3, pad: { top: 1, left: 2, bottom: 1, right: 2 } }))).toEqual(conv)
  expect(await kernels(conv2d(1, { kernel: 3, stride: 2, pad: 'same' }))).toEqual(['padPlanes', ...conv])
  expect(await kernels(conv1d(1, { kernel: 3, pad: 'same' }), [1, 8])).toEqual(conv)
  expect(await kernels(maxPool1d(3, { stride: 2, pad: 'same' }), [1, 8])).toEqual(['maxPool2dForward'])
  expect(await kernels(zeroPad2d(0))).toEqual([])
  expect(await kernels(upsample2d())).toEqual(['upsampleNearestForward'])
})
