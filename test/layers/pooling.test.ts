// Pools where values are equal, infinite or NaN, in windows of every kind, against the definition.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { describe, expect, test } from 'vitest'
import { avgPool2d, createRandom, globalAvgPool2d, maxPool2d } from '../../src/entries/index'
import { passRaw } from '../support/models'

const RUNS = (['float64', 'float32'] as const).flatMap((dtype) =>
  (['wasm', 'js'] as const).map((backend) => ({ dtype, backend })),
)

interface Windows {
  kernel: [number, number]
  stride: [number, number]
  pad: [number, number]
}

const table: [h: number, w: number, windows: Windows][] = [
  [8, 12, { kernel: [2, 2], stride: [2, 2], pad: [0, 0] }],
  [9, 21, { kernel: [2, 2], stride: [1, 1], pad: [0, 0] }],
  [9, 14, { kernel: [3, 3], stride: [2, 2], pad: [1, 1] }],
  [12, 19, { kernel: [3, 3], stride: [2, 2], pad: [0, 0] }],
  [7, 11, { kernel: [3, 3], stride: [1, 1], pad: [1, 1] }],
  [10, 29, { kernel: [3, 4], stride: [2, 3], pad: [0, 2] }],
  [5, 5, { kernel: [5, 5], stride: [5, 5], pad: [0, 0] }],
  [1, 1, { kernel: [3, 3], stride: [1, 1], pad: [1, 1] }],
]

/** The places of the windows that begin in the image or before it, from left to right and top to bottom. */
function windowsOf(h: number, w: number, { kernel, stride, pad }: Windows, ceil: boolean): number[][] {
  const along = (size: number, k: number, s: number, p: number) => {
    const list: number[][] = []
    for (let begin = -p; ceil ? begin < size && begin - s + k < size + p : begin + k <= size + p; begin += s) {
      list.push(Array.from({ length: k }, (_, t) => begin + t).filter((at) => at >= 0 && at < size))
    }
    return list
  }
  const rows = along(h, kernel[0], stride[0], pad[0])
  const columns = along(w, kernel[1], stride[1], pad[1])
  return rows.flatMap((row) => columns.map((column) => row.flatMap((i) => column.map((j) => i * w + j))))
}

/** Few different values, so that windows have ties; now and then one that is not finite. */
function draw(count: number, odd: readonly number[]): Float64Array {
  const random = createRandom(3)
  return Float64Array.from({ length: count }, () =>
    odd.length > 0 && random.uniform() < 0.2 ? odd[random.integer(odd.length)] : random.integer(4) - 2,
  )
}

const PLANES = 3
const inputs: [string, number[]][] = [
  ['ties', []],
  ['infinities', [-Infinity, Infinity]],
  ['nothing but -Infinity in places', [-Infinity, -Infinity]],
  ['NaN', [NaN]],
  ['zeros of both signs', [-0, 0]],
]

describe.each(RUNS)('maxPool2d, $dtype on $backend', ({ dtype, backend }) => {
  test.each(inputs)('%s', async (_, odd) => {
    for (const [h, w, windows] of table) {
      for (const ceil of [false, true]) {
        const { kernel, ...options } = windows
        const places = windowsOf(h, w, windows, ceil)
        const model = await createModel(maxPool2d(kernel, { ...options, ceil }), {
          input: [PLANES, h, w],
          batch: 1,
          dtype,
          backend,
        })
        const x = draw(PLANES * h * w, odd)
        expect(model.output.data.length).toBe(PLANES * places.length)
        const dy = Float64Array.from({ length: PLANES * places.length }, (_value, i) => 1 + (i % 7))
        const { y, dx } = passRaw(model, x, false, dy)
        const expected = { y: [] as number[], dx: Array.from({ length: x.length }, () => 0) }
        for (let plane = 0; plane < PLANES; plane++) {
          for (const window of places) {
            const at = window.map((place) => plane * h * w + place)
            // NaN wins, the last of several; else the first of the largest.
            const nan = at.findLast((place) => Number.isNaN(x[place]))
            const winner = nan ?? at.reduce((best, place) => (x[place] > x[best] ? place : best))
            expected.dx[winner] += dy[expected.y.length]
            expected.y.push(x[winner])
          }
        }
        expect(Array.from(y)).toEqual(expected.y)
        expect(Array.from(dx)).toEqual(expected.dx)
      }
    }
  })
})

describe.each(RUNS)('means, $dtype on $backend', ({ dtype, backend }) => {
  test('a NaN or an infinity stays in its windows', async () => {
    for (const [h, w, windows] of table) {
      const { kernel, ...options } = windows
      const places = windowsOf(h, w, windows, true)
      const model = await createModel(avgPool2d(kernel, { ...options, ceil: true, countPad: false }), {
        input: [PLANES, h, w],
        batch: 1,
        dtype,
        backend,
      })
      const x = draw(PLANES * h * w, [NaN, Infinity])
      const { y } = passRaw(model, x)
      for (let plane = 0; plane < PLANES; plane++) {
        places.forEach((window, i) => {
          const mean = window.reduce((sum, place) => sum + x[plane * h * w + place], 0) / window.length
          const got = y[plane * places.length + i]
          if (Number.isFinite(mean)) expect(Math.abs(got - mean)).toBeLessThan(1e-6)
          else expect(got).toBe(mean)
        })
      }
    }
  })

  test('a window as large as the image is globalAvgPool2d', async () => {
    const run = async (layer: Layer) => {
      const model = await createModel(layer, { input: [4, 7, 5], batch: 2, dtype, backend })
      const y = model.forward(draw(280, [])).data.slice()
      return [...y, ...model.backward(draw(8, [])).data]
    }
    const means = await run(globalAvgPool2d())
    ;(await run(avgPool2d([7, 5]))).forEach((value, i) => expect(Math.abs(value - means[i])).toBeLessThan(1e-6))
  })
})

describe.each(RUNS)('windows that are spread or cut off, $dtype on $backend', ({ dtype, backend }) => {
  const run = async (layer: Layer, input: number[], x: ArrayLike<number>) => {
    const model = await createModel(layer, { input, batch: 1, dtype, backend })
    const { y, dx } = passRaw(
      model,
      x,
      false,
      Float64Array.from({ length: model.output.data.length }, () => 1),
    )
    return { shape: model.output.shape.slice(1), y: Array.from(y), dx: Array.from(dx) }
  }

  test('dilation: NaN wins, the first of equal values has the gradient', async () => {
    const x = [1, 5, 3, 5, 2, NaN, 4, 0, 9]
    const { y, dx } = await run(maxPool2d([1, 2], { stride: 1, dilation: [1, 2] }), [1, 1, 9], x)
    expect(y).toEqual([3, 5, 3, NaN, 4, NaN, 9])
    expect(dx).toEqual([0, 1, 2, 0, 0, 2, 1, 0, 1])
  })

  test('dilation: a window without anything of the image gets nothing and gives nothing', async () => {
    const { y, dx } = await run(maxPool2d([1, 2], { stride: 1, pad: [0, 1], dilation: [1, 2] }), [1, 1, 1], [7])
    expect(y).toEqual([-Infinity])
    expect(dx).toEqual([0])
  })

  test("'same': nothing but -Infinity, and the gradient stays within the image", async () => {
    const x = Array<number>(5).fill(-Infinity)
    const { y, dx } = await run(maxPool2d([1, 4], { stride: [1, 3], pad: 'same' }), [1, 1, 5], x)
    expect(y).toEqual([-Infinity, -Infinity])
    expect(dx).toEqual([1, 0, 1, 0, 0])
  })

  test.each<[string, Layer, number[], number[]]>([
    ['maxPool2d, right', maxPool2d([1, 2], { pad: { right: 1 } }), [1, 2, 3], [2, 3]],
    ['maxPool2d, left', maxPool2d([1, 2], { pad: { left: 1 } }), [1, 2, 3], [1, 3]],
    ['avgPool2d, right, which counts', avgPool2d([1, 2], { pad: { right: 1 } }), [1, 2, 3], [1.5, 1.5]],
    ['avgPool2d, left, which counts', avgPool2d([1, 2], { pad: { left: 1 } }), [1, 2, 3], [0.5, 2.5]],
    [
      'avgPool2d, right, which does not',
      avgPool2d([1, 2], { pad: { right: 1 }, countPad: false }),
      [1, 2, 3],
      [1.5, 3],
    ],
    ['avgPool2d, left, which does not', avgPool2d([1, 2], { pad: { left: 1 }, countPad: false }), [1, 2, 3], [1, 2.5]],
  ])('%s', async (_, layer, x, y) => {
    expect((await run(layer, [1, 1, 3], x)).y).toEqual(y)
  })
})
