// Values whose squares do not fit: norms, clipping, losses and the norms of layers stay right where float32, or
// float64, cannot square what they are made of.
import { NORM_SCRATCH, SOFTMAX_SCRATCH } from '../../src/kernels/blocking'
import { scaleFor } from '../../src/kernels/math'
import { describe, expect, test } from 'vitest'
import {
  createModel,
  dense,
  layerNorm,
  lbfgs,
  meanSquaredError,
  minimize,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { expectClose, onBoth, rounded, uniform } from '../support/sums'

const DTYPES = ['float64', 'float32'] as const
/** Powers of ten from the least to the largest of each precision. */
const SCALES = {
  float64: [5e-324, 1e-310, 1e-300, 1e-200, 1e-150, 1e-20, 1, 1e20, 1e150, 1e200, 1e300],
  float32: [1e-44, 1e-37, 1e-30, 1e-19, 1, 1e10, 1e18, 1e20, 1e30, 1e37],
}
const EPSILON = { float64: 1e-14, float32: 1e-6 }
const largestOf = { float64: Number.MAX_VALUE, float32: 3.4028234663852886e38 }

/** The norm of values, without overflow. */
const normOf = (values: ArrayLike<number>) => Math.hypot(...Array.from(values))

describe.each(DTYPES)('%s', (dtype) => {
  describe.each(SCALES[dtype])('values of %d', (scale) => {
    test.each([1, 2, 7, 16, 33, 1000])('the norm of %i values', async (count) => {
      const x = rounded(
        dtype,
        uniform(count).map((value, i) => (i % 2 ? -value : value) * scale),
      )
      const [norm] = await onBoth(dtype, ({ kernels, put }) => [kernels.norm(count, put(x))])
      expectClose(norm, normOf(x), normOf(x) || 1, EPSILON[dtype])
    })

    test.each([1, 1e-3, 1e5])('rows are scaled down to %d, and only those above', async (limit) => {
      const [rows, size] = [4, 37]
      // Each row is a thousand times smaller than the one before it.
      const x = rounded(
        dtype,
        uniform(rows * size).map((value, i) => ((value + 0.1) * scale) / 1000 ** Math.floor(i / size)),
      )
      const result = await onBoth(dtype, ({ kernels, put, at }) => {
        const pointer = put(x)
        kernels.limitRowNorms(rows, size, limit, pointer)
        return at(pointer, rows * size)
      })
      for (let row = 0; row < rows; row++) {
        const before = x.subarray(row * size, (row + 1) * size)
        const after = result.slice(row * size, (row + 1) * size)
        const norm = normOf(before)
        if (norm <= limit) {
          expect(after).toEqual(Array.from(before))
          continue
        }
        expectClose(normOf(after), limit, limit, EPSILON[dtype])
        // It points where it did.
        after.forEach((value, i) => expectClose(value / limit, before[i] / norm, 1, EPSILON[dtype]))
      }
    })
  })

  test('norms that do not fit into float64', async () => {
    const count = 1000
    const x = new Float64Array(count).fill(largestOf[dtype])
    const [norm, ...row] = await onBoth(dtype, ({ kernels, put, at }) => {
      const pointer = put(x)
      const before = kernels.norm(count, pointer)
      kernels.limitRowNorms(1, count, 2, pointer)
      return [before, ...at(pointer, count)]
    })
    if (dtype === 'float64') expect(norm).toBe(Infinity)
    else expectClose(norm, largestOf[dtype] * Math.sqrt(count), norm, 1e-6)
    for (const value of row) expectClose(value, 2 / Math.sqrt(count), 1, EPSILON[dtype])
  })

  test.each([
    [NaN, NaN],
    [Infinity, Infinity],
    [-Infinity, Infinity],
  ])('a value of %d gives a norm of %d, and its row stays', async (bad, expected) => {
    const x = [3, bad, 4, 3, 4, 0]
    const result = await onBoth(dtype, ({ kernels, put, at }) => {
      const pointer = put(x)
      const norm = kernels.norm(3, pointer)
      kernels.limitRowNorms(2, 3, 1, pointer)
      return [norm, ...at(pointer, 6)]
    })
    const f = dtype === 'float32' ? Math.fround : (value: number) => value
    expect(result).toEqual([expected, 3, bad, 4, f(3 * f(0.2)), f(4 * f(0.2)), 0])
  })

  test('the norm of nothing and of zeros is 0', async () => {
    const result = await onBoth(dtype, ({ kernels, put }) => [
      kernels.norm(0, put([1])),
      kernels.norm(20, put(new Float64Array(20))),
    ])
    expect(result).toEqual([0, 0])
  })

  const huge = dtype === 'float64' ? 1e200 : 1e25

  test.each([1, -1, 1e5])('group norm of values around %d times the largest that can be squared', async (offset) => {
    const count = 50
    const x = rounded(
      dtype,
      uniform(count).map((value) => (value + offset) * huge),
    )
    const result = await onBoth(dtype, ({ kernels, put, scratch, at }) => {
      const [ones, zeros, statistics, y] = [
        put(new Float64Array(count).fill(1)),
        put(new Float64Array(count)),
        put([0, 0]),
        put(x),
      ]
      const mean = statistics
      const inverse = put([0])
      const tmp = scratch(NORM_SCRATCH)
      kernels.groupNormForward(1, 1, 1, count, 1, 1e-5, put(x), ones, zeros, tmp, mean, inverse, y)
      return [...at(mean, 1), ...at(inverse, 1), ...at(y, count)]
    })
    const scaled = x.map((value) => value / huge)
    const mean = scaled.reduce((sum, value) => sum + value, 0) / count
    const deviation = Math.sqrt(scaled.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count)
    const tolerance = EPSILON[dtype] * (1 + Math.abs(offset) / deviation) * 2
    expectClose(result[0] / huge, mean, 1 + Math.abs(mean), EPSILON[dtype])
    expectClose(result[1] * huge, 1 / deviation, 1 / deviation, tolerance)
    scaled.forEach((value, i) => expectClose(result[2 + i], (value - mean) / deviation, 1, tolerance))
  })

  test.each([
    [40, 6, 1],
    [5, 2, 30],
  ])('batch norm of %i x %i x %i such values, beside ordinary ones', async (n, c, hw) => {
    const size = n * c * hw
    const channelOf = (i: number) => Math.floor(i / hw) % c
    const x = rounded(
      dtype,
      uniform(size).map((value, i) => (channelOf(i) === 1 ? value * huge : value)),
    )
    const dy = rounded(dtype, uniform(size).toReversed())
    const result = await onBoth(dtype, ({ kernels, put, scratch, at }) => {
      const fill = (value: number) => put(new Float64Array(c).fill(value))
      const [xs, ones, zeros, mean, inverse, dgamma, dbeta] = [
        put(x),
        fill(1),
        fill(0),
        fill(0),
        fill(0),
        fill(0),
        fill(0),
      ]
      const [runningMean, runningVar, y, dx] = [fill(0), fill(0), put(x), put(x)]
      const tmp = scratch(NORM_SCRATCH)
      const places = [xs, ones, zeros, runningMean, runningVar, tmp, mean, inverse, y] as const
      const gradients = [xs, ones, zeros, mean, inverse, put(dy), tmp, dgamma, dbeta, dx] as const
      if (hw === 1) {
        kernels.batchNormFeaturesForward(n, c, c, 1, 0, 0, 1e-30, 0.5, 0.5, ...places)
        kernels.batchNormFeaturesBackward(n, c, c, 1, 0, ...gradients)
      } else {
        kernels.batchNormForward(n, c, c, hw, 1, 0, 0, 1e-30, 0.5, 0.5, ...places)
        kernels.batchNormBackward(n, c, c, hw, 1, 0, ...gradients)
      }
      return [...at(y, size), ...at(dx, size), ...at(dgamma, c)]
    })
    // What is normalised has no scale: channel 1 is as if its values were ordinary.
    for (let channel = 0; channel < c; channel++) {
      const indices = Array.from({ length: size }, (_, i) => i).filter((i) => channelOf(i) === channel)
      const unit = channel === 1 ? huge : 1
      const values = indices.map((i) => x[i] / unit)
      const m = values.length
      const mean = values.reduce((sum, value) => sum + value, 0) / m
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / m)
      const normalised = values.map((value) => (value - mean) / deviation)
      const sum = indices.reduce((sum, i) => sum + dy[i], 0)
      const product = indices.reduce((sum, i, j) => sum + dy[i] * normalised[j], 0)
      const tolerance = 10 * EPSILON[dtype]
      expectClose(result[2 * size + channel], product, m, tolerance, 'dgamma')
      indices.forEach((i, j) => {
        expectClose(result[i], normalised[j], 1, tolerance, 'y')
        const dx = (dy[i] - sum / m - (normalised[j] * product) / m) / deviation
        expectClose(result[size + i] * unit, dx, 1 / deviation, tolerance, 'dx')
      })
    }
  })

  test('a cross-entropy of scores at both ends', async () => {
    const end = largestOf[dtype]
    const [loss, ...dz] = await onBoth(dtype, ({ kernels, put, labels, scratch, at }) => {
      const gradient = put([0, 0, 0])
      const z = put([end / 4, -end / 4, 0])
      const loss = kernels.softmaxCrossEntropy(1, 3, 1, 0, z, labels([1]), 0, scratch(SOFTMAX_SCRATCH + 64), gradient)
      return [loss, ...at(gradient, 3)]
    })
    expectClose(loss, end / 2, end / 2, 1e-6)
    expect(dz).toEqual([1, -1, 0])
  })
})

test('a mean squared error of 1e30 in float32', async () => {
  const [z, target] = [Array.from({ length: 37 }, (_, i) => (i - 18) * 1e30), new Float64Array(37)]
  const f = Math.fround
  const [loss, ...dz] = await onBoth('float32', ({ kernels, put, at }) => {
    const gradient = put(target)
    return [kernels.meanSquaredError(37, 37, put(z), put(target), 0, gradient), ...at(gradient, 37)]
  })
  const expected = z.reduce((sum, value) => sum + f(value) ** 2, 0) / 37
  expectClose(loss, expected, expected, 1e-12)
  dz.forEach((value, i) => expect(value).toBe(f(f(2 / 37) * f(z[i]))))
})

test('products of float32 that are too large or too small for it', async () => {
  for (const scale of [1e25, 1e-25]) {
    const [a, b] = [uniform(50).map((value) => value * scale), uniform(50).toReversed()].map((x) =>
      rounded('float32', x),
    )
    const big = rounded(
      'float32',
      b.map((value) => value * scale),
    )
    const [dot, squares] = await onBoth('float32', ({ kernels, put }) => [
      kernels.dot(50, put(a), put(big)),
      kernels.sumOfSquares(50, put(a)),
    ])
    const expected = a.reduce((sum, value, i) => sum + value * big[i], 0)
    expectClose(dot, expected, expected, 1e-14)
    expectClose(squares, normOf(a) ** 2, normOf(a) ** 2, 1e-14)
  }
})

test('scales are powers of two that make squares safe, and 1 for ordinary values', () => {
  for (const largest of [1e-12, 1e-3, 1, 60_000]) expect(scaleFor(largest)).toBe(1)
  for (const largest of [5e-324, 1e-300, 1e-44, 1e-20, 1e10, 3e38, 1e200, Number.MAX_VALUE]) {
    const scale = scaleFor(largest)
    // 2^16 to some power.
    let power = scale
    while (power > 1) power /= 65_536
    while (power < 1) power *= 65_536
    expect(power).toBe(1)
    expect(largest * scale).toBeGreaterThan(1e-20)
    expect(largest * scale).toBeLessThan(1e5)
  }
  expect(scaleFor(0)).toBe(1)
  expect(scaleFor(Infinity)).toBe(1)
})

// ---- through the public API ----

describe.each(DTYPES)('models in %s', (dtype) => {
  describe.each(['wasm', 'js'] as const)('on %s', (backend) => {
    const huge = dtype === 'float64' ? 1e200 : 1e20

    test('clipNorm makes a step of its length of gradients whose squares overflow', async () => {
      const model = await createModel(dense(1), {
        input: [3],
        batch: 1,
        dtype,
        backend,
        loss: meanSquaredError(),
        optimizer: sgd({ learningRate: 1 }),
        clipNorm: 1,
      })
      const weights = [model.parameters['weight'].data, model.parameters['bias'].data]
      for (const data of weights) data.fill(0)
      // dz is 2 (0 - 1), so the gradient is -2 x and -2.
      model.trainStep([3 * huge, 4 * huge, 0], [1])
      const [w, b] = weights
      expectClose(normOf([...w, ...b]), 1, 1, 1e-6)
      expectClose(w[0], 0.6, 1, 1e-6)
      expectClose(w[1], 0.8, 1, 1e-6)
      expect(w[2]).toBe(0)
    })

    test('maxNorm limits weights whose squares overflow', async () => {
      const model = await createModel(dense(2), {
        input: [2],
        batch: 1,
        dtype,
        backend,
        loss: meanSquaredError(),
        optimizer: sgd({ learningRate: 0 }),
        maxNorm: 2,
      })
      model.parameters['weight'].data.set([3 * huge, -4 * huge, 0.3, 0.4])
      model.trainStep([0, 0], [0, 0])
      const { data } = model.parameters['weight']
      expectClose(data[0], 1.2, 1, 1e-6)
      expectClose(data[1], -1.6, 1, 1e-6)
      expectClose(data[2], 0.3, 1, 1e-7)
      expectClose(data[3], 0.4, 1, 1e-7)
    })

    test('layer norm of such values is that of ordinary ones', async () => {
      const model = await createModel(layerNorm(), { input: [8], batch: 1, dtype, backend, inference: true })
      const x = uniform(8)
      const ordinary = Array.from(model.predict(x.map((value) => value * 1e6)).data)
      const scale = dtype === 'float64' ? 1e200 : 1e30
      const y = Array.from(model.predict(x.map((value) => value * scale)).data)
      y.forEach((value, i) => expectClose(value, ordinary[i], 1, 1e-5))
    })
  })
})

test('L2 of float32 weights whose squares overflow is a number', async () => {
  const model = await createModel(dense(1), {
    input: [1],
    batch: 1,
    dtype: 'float32',
    loss: meanSquaredError(),
    optimizer: sgd({ learningRate: 0 }),
    l2: 1,
  })
  model.parameters['weight'].data.fill(1e25)
  const w = Math.fround(1e25)
  const loss = model.trainStep([0], [0])
  expectClose(loss, 0.5 * w * w, 0.5 * w * w, 1e-6)
})

test('L-BFGS in float32 with gradients of 1e20', async () => {
  const model = await createModel(dense(1), {
    input: [1],
    batch: 4,
    dtype: 'float32',
    loss: meanSquaredError(),
    optimizer: lbfgs({ iterations: 50 }),
  })
  // y = 3 x: the gradient is of the order of the square of x.
  const x = [1, 2, 3, 4].map((value) => value * 1e10)
  model.parameters['bias'].data.fill(0)
  for (let i = 0; i < 5; i++)
    model.trainStep(
      x,
      x.map((value) => 3 * value),
    )
  expectClose(model.parameters['weight'].data[0], 3, 3, 1e-5)
})

test('L-BFGS with a last layer of classes and huge inputs ends in finite weights', async () => {
  const model = await createModel(dense(3), {
    input: [2],
    batch: 6,
    dtype: 'float32',
    loss: softmaxCrossEntropy(),
    optimizer: lbfgs(),
  })
  const x = Array.from({ length: 12 }, (_, i) => Math.sin(i) * 1e18)
  for (let i = 0; i < 5; i++) model.trainStep(x, [0, 1, 2, 0, 1, 2])
  expect(Array.from(model.parameters['weight'].data).every(Number.isFinite)).toBe(true)
})

test.each([1, 1e100, 1e150, 1e200, 1e290])('minimize of %d times a function finds its minimum', async (scale) => {
  const { x, value } = await minimize(
    ([a, b], gradient) => {
      gradient[0] = scale * (-400 * a * (b - a * a) - 2 * (1 - a))
      gradient[1] = scale * 200 * (b - a * a)
      return scale * (100 * (b - a * a) ** 2 + (1 - a) ** 2)
    },
    [-1.2, 1],
  )
  expectClose(x[0], 1, 1, 1e-6)
  expectClose(x[1], 1, 1, 1e-6)
  expect(value).toBeLessThan(1e-12 * scale)
})
