// Long sums of convolutions and norms, on both engines, against sums that lose nothing; and through the public API.
import { NORM_SCRATCH } from '../../src/kernels/blocking'
import { convOutput, convScratch } from '../../src/kernels/conv-geometry'
import { describe, expect, test } from 'vitest'
import {
  batchNorm,
  createModel,
  dense,
  globalAvgPool2d,
  layerNorm,
  meanSquaredError,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { type Memory, ORDERS, TOLERANCE, expectClose, onBoth, rounded, sumOf, terms, uniform } from '../support/sums'

const DTYPES = ['float64', 'float32'] as const
const HARDEST = ['constant', 'rising', 'outlier first'].map((name) => [name, ORDERS[name]] as const)
const filled = (count: number, value = 1) => new Float64Array(count).fill(value)

// ---- convolutions ----

type Shape = [n: number, c: number, h: number, w: number, f: number, kh: number, kw: number, ph: number, pw: number]

/** The three passes of a convolution of stride 1 over given memory. */
function convolution(memory: Memory, bytes: number, [n, c, h, w, f, kh, kw, ph, pw]: Shape) {
  const { kernels, put, scratch, at } = memory
  const window = [kh, kw, 1, 1, ph, pw, 1, 1, 1] as const
  const y = n * f * convOutput(h, kh, 1, ph, 1) * convOutput(w, kw, 1, pw, 1)
  const tmp = scratch(convScratch(c, h, w, f, ...window, bytes))
  return {
    forward(x: Float64Array, weight: Float64Array, bias: Float64Array): ArrayLike<number> {
      const to = put(filled(y, NaN))
      kernels.conv2dForward(n, c, h, w, f, f, ...window, put(x), put(weight), put(bias), tmp, to)
      return at(to, y)
    },
    backwardInput(dy: Float64Array, weight: Float64Array): ArrayLike<number> {
      const to = put(filled(n * c * h * w, NaN))
      kernels.conv2dBackwardInput(n, c, c, h, w, f, ...window, put(dy), put(weight), tmp, to)
      return at(to, n * c * h * w)
    },
    backwardWeight(x: Float64Array, dy: Float64Array): { dw: ArrayLike<number>; db: ArrayLike<number> } {
      const dw = put(filled(f * c * kh * kw, 0))
      const db = put(filled(f, 0))
      const from = put(dy)
      kernels.conv2dBackwardWeight(n, c, c, h, w, f, f, ...window, put(x), from, tmp, dw)
      kernels.addChannelSums(n, f, f, y / (n * f), from, db)
      return { dw: at(dw, f * c * kh * kw), db: at(db, f) }
    },
  }
}

describe.each(DTYPES)('%s', (dtype) => {
  const tolerance = TOLERANCE[dtype]
  const bytes = dtype === 'float64' ? 8 : 4

  describe.each(dtype === 'float32' ? HARDEST : HARDEST.slice(0, 1))('convolutions, %s', (_, order) => {
    test.each<[string, Shape]>([
      ['by products', [1, 1, 600, 640, 4, 600, 600, 0, 0]],
      ['of few filters', [1, 1, 600, 640, 2, 600, 600, 0, 0]],
      ['of few filters, short rows', [1, 1, 600, 602, 1, 600, 600, 0, 0]],
      ["by Winograd's tiles", [1, 2000, 6, 6, 4, 3, 3, 0, 0]],
    ])('forward over many taps, %s', async (_, shape) => {
      const [, c, h, w, f, kh, kw] = shape
      const x = rounded(dtype, order(c * h * w))
      const bias = Float64Array.from({ length: f }, (_, i) => i - 1)
      const results = await onBoth(dtype, (memory) =>
        convolution(memory, bytes, shape).forward(x, filled(f * c * kh * kw, 0.5), bias),
      )
      const [oh, ow] = [h - kh + 1, w - kw + 1]
      for (const [row, column] of [
        [0, 0],
        [oh - 1, ow - 1],
      ]) {
        const { sum } = sumOf(
          terms(c * kh * kw, (i) => {
            const inPlane = i % (kh * kw)
            return x[(Math.floor(i / (kh * kw)) * h + row + Math.floor(inPlane / kw)) * w + column + (inPlane % kw)]
          }),
        )
        for (let filter = 0; filter < f; filter++) {
          const actual = results[(filter * oh + row) * ow + column]
          // Winograd's transforms, of an outlier above all, lose more than sums do.
          expectClose(actual, 0.5 * sum + bias[filter], 0.5 * sum, c > 1 ? 20 * tolerance : tolerance)
        }
      }
    })

    test.each([4, 1])('gradient of %i input channels over many filters', async (c) => {
      const f = 200_000
      const dy = rounded(dtype, order(f))
      const results = await onBoth(dtype, (memory) =>
        convolution(memory, bytes, [1, c, 1, 1, f, 1, 1, 0, 0]).backwardInput(dy, filled(c * f, 0.5)),
      )
      const { sum } = sumOf(dy)
      for (const value of results) expectClose(value, 0.5 * sum, 0.5 * sum, tolerance)
    })

    test.each<[string, Shape]>([
      ['pixels, one channel', [1, 1, 1000, 1000, 2, 3, 3, 1, 1]],
      ['pixels of one row', [1, 1, 1, 300_001, 2, 1, 3, 0, 1]],
      ['images, one channel', [4000, 1, 9, 7, 2, 3, 3, 1, 1]],
      ['pixels', [1, 2, 700, 501, 5, 1, 3, 0, 1]],
      ['images', [5000, 2, 7, 5, 5, 1, 3, 0, 1]],
      ["pixels, by Winograd's tiles", [1, 3, 800, 810, 3, 3, 3, 1, 1]],
      ["images, by Winograd's tiles", [3000, 3, 8, 8, 3, 3, 3, 1, 1]],
    ])('gradients of weights over many %s', async (_, shape) => {
      const [n, c, h, w, f, kh, kw] = shape
      const plane = h * w
      const values = rounded(dtype, order(n * plane))
      // The same image in all channels, and dy 1, 2, ... in the filters.
      const x = Float64Array.from(
        { length: n * c * plane },
        (_, i) => values[Math.floor(i / (c * plane)) * plane + (i % plane)],
      )
      const dy = Float64Array.from({ length: n * f * plane }, (_, i) => 1 + (Math.floor(i / plane) % f))
      const middle = (kh >> 1) * kw + (kw >> 1)
      const results = await onBoth(dtype, (memory) => {
        const { dw, db } = convolution(memory, bytes, shape).backwardWeight(x, dy)
        return [...Array.from({ length: f * c }, (_, i) => dw[i * kh * kw + middle]), ...Array.from(db)]
      })
      const { sum } = sumOf(values)
      const isWinograd = c === 3
      for (let i = 0; i < f * c; i++) {
        const expected = sum * (1 + Math.floor(i / c))
        expectClose(results[i], expected, expected, isWinograd ? 20 * tolerance : tolerance, `dw ${i}`)
      }
      for (let i = 0; i < f; i++)
        expectClose(results[f * c + i], n * plane * (1 + i), n * plane * (1 + i), tolerance, `db ${i}`)
    })
  })

  // ---- norms ----

  /** Orders of values, and how exact the variance of them can be: an offset costs digits before anything is summed. */
  const NORM_ORDERS: [string, (count: number) => Float64Array][] = [
    ...Object.entries(ORDERS).filter(([name]) => name !== 'constant'),
    ['far from 0', (count) => uniform(count).map((value) => 1000 + value)],
    ['in two steps', (count) => uniform(count).map((value, i) => (i < count / 2 ? value : 100 + value))],
    ['mostly 0', (count) => uniform(count).map((value) => (value < 0.999 ? 0 : value))],
  ]

  /** Mean and biased variance, of values that are at every `step` from `first` on. */
  function momentsOf(x: Float64Array, first: number, step: number) {
    const count = Math.ceil((x.length - first) / step)
    const mean = sumOf(terms(count, (i) => x[first + i * step])).sum / count
    return { mean, variance: sumOf(terms(count, (i) => (x[first + i * step] - mean) ** 2)).sum / count }
  }

  describe.each(dtype === 'float32' ? NORM_ORDERS : NORM_ORDERS.slice(3, 7))('norms, %s', (_, order) => {
    test.each([
      [262_144, 3, 1],
      [70_001, 5, 1],
      [2000, 2, 61],
      [300, 2, 1000],
      [3, 1, 100_001],
    ])('batch statistics of %i x %i x %i', async (n, c, hw) => {
      // The order is that of the rows, the same in all channels but for a factor.
      const rows = order(n * hw)
      const x = rounded(
        dtype,
        Float64Array.from({ length: n * c * hw }, (_, i) => {
          const channel = Math.floor(i / hw) % c
          return rows[Math.floor(i / (c * hw)) * hw + (i % hw)] * 2 ** channel
        }),
      )
      const dy = rounded(dtype, uniform(x.length))
      const [mean, variance, inverse, dgamma, dbeta] = [0, 1, 2, 3, 4].map((i) => i * c)
      const results = await onBoth(dtype, ({ kernels, put, scratch, at }) => {
        const [xs, ones, zeros, y] = [put(x), put(filled(c)), put(filled(c, 0)), put(x)]
        const out = [0, 1, 2, 3, 4].map(() => put(filled(c, 0)))
        const means = put(filled(c, NaN))
        const tmp = scratch(NORM_SCRATCH)
        const places = [tmp, means, out[2], y] as const
        const gradients = [xs, ones, zeros, means, out[2], put(dy), tmp, out[3], out[4], 0] as const
        if (hw === 1) {
          kernels.batchNormFeaturesForward(n, c, c, 1, 0, 0, 1e-30, 0, 1, xs, ones, zeros, out[0], out[1], ...places)
          kernels.batchNormFeaturesBackward(n, c, c, 1, 0, ...gradients)
        } else {
          kernels.batchNormForward(n, c, c, hw, 1, 0, 0, 1e-30, 0, 1, xs, ones, zeros, out[0], out[1], ...places)
          kernels.batchNormBackward(n, c, c, hw, 1, 0, ...gradients)
        }
        return out.flatMap((pointer) => Array.from(at(pointer, c)))
      })
      for (let channel = 0; channel < c; channel++) {
        const inChannel = (values: Float64Array) => values.filter((_, i) => Math.floor(i / hw) % c === channel)
        const values = inChannel(x)
        const gradients = inChannel(dy)
        const expected = momentsOf(values, 0, 1)
        const deviation = Math.sqrt(expected.variance)
        expectClose(results[mean + channel], expected.mean, Math.abs(expected.mean) + deviation, tolerance, 'mean')
        expectClose(results[variance + channel], expected.variance, expected.variance, tolerance, 'variance')
        expectClose(results[inverse + channel] * deviation, 1, 1, tolerance, 'inverse deviation')
        const sum = sumOf(gradients)
        expectClose(results[dbeta + channel], sum.sum, sum.magnitude, tolerance, 'dbeta')
        const product = sumOf(terms(values.length, (i) => (gradients[i] * (values[i] - expected.mean)) / deviation))
        // What the mean is off by, in deviations, costs dgamma as many sums of dy; and rounding it does.
        const rounding = (Math.abs(expected.mean) / deviation) * (dtype === 'float64' ? 2 ** -52 : 2 ** -23)
        const scale = product.magnitude + sum.magnitude * (1 + rounding / tolerance)
        expectClose(results[dgamma + channel], product.sum, scale, tolerance, 'dgamma')
      }
    })

    test.each([
      [1, 1, 400_001, 1],
      [2, 2, 4, 50_001],
    ])('statistics of %i examples in %i groups of %i x %i', async (n, groups, c, hw) => {
      const x = rounded(dtype, order(n * c * hw))
      const results = await onBoth(dtype, ({ kernels, put, scratch, at }) => {
        const [mean, inverse, y] = [put(filled(n * groups)), put(filled(n * groups)), put(x)]
        const tmp = scratch(NORM_SCRATCH)
        const [ones, beta] = [put(filled(c)), put(filled(c))]
        kernels.groupNormForward(n, groups, groups, c / groups, hw, 1e-30, put(x), ones, beta, tmp, mean, inverse, y)
        return [...at(mean, n * groups), ...at(inverse, n * groups)]
      })
      const size = (c / groups) * hw
      for (let group = 0; group < n * groups; group++) {
        const { mean, variance } = momentsOf(x.subarray(group * size, (group + 1) * size), 0, 1)
        expectClose(results[group], mean, Math.abs(mean) + Math.sqrt(variance), tolerance, 'mean')
        expectClose(results[n * groups + group] * Math.sqrt(variance), 1, 1, tolerance, 'inverse deviation')
      }
    })
  })

  test.each([
    [60_000, 1, 5, 1],
    [30_000, 2, 4, 3],
    [1, 1, 300_001, 1],
  ])('gradients of a group norm over %i examples in %i groups of %i x %i', async (n, groups, c, hw) => {
    const x = rounded(dtype, ORDERS.rising(n * c * hw))
    const dy = rounded(dtype, filled(x.length, 0.1))
    const size = (c / groups) * hw
    const gamma = Float64Array.from({ length: c }, (_, i) => 1 + (i % 3))
    const mean = rounded(
      dtype,
      Float64Array.from({ length: n * groups }, (_, i) => momentsOf(x.subarray(i * size, (i + 1) * size), 0, 1).mean),
    )
    const run =
      (dx: boolean, isFrozen: boolean) =>
      ({ kernels, put, scratch, at }: Memory) => {
        const [dgamma, dbeta, to] = [put(filled(c, 1)), put(filled(c, 2)), put(x)]
        const tmp = scratch(NORM_SCRATCH + 16 * c)
        const means = put(mean)
        kernels.groupNormBackward(
          n, groups, groups, c / groups, hw, put(x), put(gamma), means, put(filled(n * groups)), put(dy), tmp,
          isFrozen ? 0 : dgamma, isFrozen ? 0 : dbeta, dx ? to : 0,
        ) // prettier-ignore
        return [...at(dgamma, c), ...at(dbeta, c), at(to, x.length)[x.length - 1]]
      }
    const results = await onBoth(dtype, run(true, false))
    for (const feature of new Set([0, 1, 2, 3, c >> 1, c - 1])) {
      const indices = Array.from({ length: n * hw }, (_, i) => (Math.floor(i / hw) * c + feature) * hw + (i % hw))
      const product = sumOf(indices.map((i) => dy[i] * (x[i] - mean[Math.floor(i / size)])))
      const sum = sumOf(indices.map((i) => dy[i])).sum
      expectClose(results[feature], 1 + product.sum, 1 + product.magnitude, 2 * tolerance, 'dgamma')
      expectClose(results[c + feature], 2 + sum, 2 + sum, tolerance, 'dbeta')
    }
    // The last dx, from the sums over its group.
    const last = Array.from({ length: size }, (_, i) => x.length - size + i)
    const scaled = (i: number) => gamma[Math.floor(i / hw) % c] * dy[i]
    const centred = (i: number) => x[i] - mean[n * groups - 1]
    const meanOf = (of: (i: number) => number) => sumOf(last.map(of)).sum / size
    const at = x.length - 1
    const dx = scaled(at) - meanOf(scaled) - centred(at) * meanOf((i) => scaled(i) * centred(i))
    expectClose(results[2 * c], dx, 1, tolerance, 'dx')
    // Frozen parameters have no gradients, and dx is the same.
    const frozen = await onBoth(dtype, run(true, true))
    expect([frozen[0], frozen[c - 1], frozen[c], frozen[2 * c - 1]]).toEqual([1, 1, 2, 2])
    expect(frozen[2 * c]).toBe(results[2 * c])
  })
})

// ---- through the public API ----

describe.each(['wasm', 'js'] as const)('models in float32 on %s', (backend) => {
  test('a dense layer over a million inputs', async () => {
    const model = await createModel(dense(1), {
      input: [1_000_000],
      batch: 1,
      dtype: 'float32',
      backend,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.1 }),
    })
    model.parameters['weight'].data.fill(0.1)
    model.parameters['bias'].data.fill(0)
    const x = new Float32Array(1_000_000).fill(0.1)
    const expected = 1_000_000 * Math.fround(0.1) ** 2
    expectClose(model.predict(x).data[0], expected, expected, 1e-5)
  })

  test('the cross-entropy of 60,000 rows', async () => {
    const model = await createModel(dense(2), {
      input: [1],
      batch: 60_000,
      dtype: 'float32',
      backend,
      loss: softmaxCrossEntropy(),
      optimizer: sgd({ learningRate: 0.1 }),
    })
    model.parameters['weight'].data.set([0.7, -0.3])
    model.parameters['bias'].data.fill(0)
    const [x, y] = [new Float32Array(60_000).fill(1), new Uint8Array(60_000)]
    const { loss } = model.evaluate({ x, y })
    const [a, b] = [Math.fround(0.7), Math.fround(-0.3)]
    const expected = Math.log1p(Math.exp(b - a))
    expectClose(loss, expected, expected, 1e-6)
    // Each row gives the same gradient.
    model.trainStep(x, y)
    const gradient = 1 / (1 + Math.exp(b - a)) - 1
    expectClose((a - model.parameters['weight'].data[0]) / 0.1, gradient, Math.abs(gradient), 1e-5)
  })

  test('the mean of an image of 1000 x 1000', async () => {
    const model = await createModel(globalAvgPool2d(), {
      input: [1, 1000, 1000],
      batch: 1,
      dtype: 'float32',
      backend,
      inference: true,
    })
    expectClose(model.predict(new Float32Array(1e6).fill(0.1)).data[0], Math.fround(0.1), 0.1, 1e-5)
    const image = Float32Array.from(ORDERS['outlier first'](1e6))
    const { sum } = sumOf(image)
    expectClose(model.predict(image).data[0], sum / 1e6, sum / 1e6, 1e-6)
  })

  test.each(['first', 'last'])('batch norm of 262,144 rows, with an outlier as the %s one', async (place) => {
    const n = 262_144
    const model = await createModel(batchNorm({ momentum: 0 }), {
      input: [2],
      batch: n,
      dtype: 'float32',
      backend,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.1 }),
    })
    const x = new Float32Array(2 * n)
    uniform(2 * n).forEach((value, i) => (x[i] = 2 * value - 1))
    const outlier = place === 'first' ? 0 : 2 * n - 2
    x[outlier] = 1100
    model.forward(x, { training: true })
    for (const feature of [0, 1]) {
      const mean = sumOf(terms(n, (i) => x[2 * i + feature])).sum / n
      const variance = sumOf(terms(n, (i) => (x[2 * i + feature] - mean) ** 2)).sum / n
      if (feature === 0) expect(variance).toBeGreaterThan(4.8)
      expectClose(model.buffers['running_mean'].data[feature], mean, Math.sqrt(variance), 1e-5)
      expectClose(model.buffers['running_var'].data[feature], variance, variance, 1e-5)
    }
  })

  test('layer norm of 400,000 features far from 0', async () => {
    const model = await createModel(layerNorm(), {
      input: [400_000],
      batch: 1,
      dtype: 'float32',
      backend,
      inference: true,
    })
    const x = Float32Array.from(uniform(400_000), (value) => 100 + value)
    const y = model.predict(x).data
    expectClose(sumOf(y).sum / y.length, 0, 1, 1e-4)
    expectClose(sumOf(terms(y.length, (i) => y[i] ** 2)).sum / y.length, 1, 1, 1e-3)
  })
})
