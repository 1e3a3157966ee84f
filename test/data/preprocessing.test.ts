// Preprocessing: fitted on one set, applied to another; against scikit-learn (fixtures/ours/preprocessing.py), and the way
// there and back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError, FileError, PlanError, createRandom } from '../../src/entries/index'
import { loadTransform, standardize, zeroCenter } from '../../src/entries/data'
import { decodeSafetensors, encodeSafetensors, normalize } from '../../src/entries/index'
import { type Projection, pca, pcaWhitening, zca } from '../../src/entries/preprocessing'
import fixtures from '../fixtures/ours/preprocessing.json'

const random = createRandom(3)
const normals = (count: number) => Float64Array.from({ length: count }, () => random.normal())
const shape = (d: number) => ({ shape: [d] })

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-10) {
  expect(actual.length).toBe(expected.length)
  const scale = Math.max(1, ...Array.from(expected, Math.abs))
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]) / scale)
  expect(worst).toBeLessThan(tolerance)
}

/** CᵀC / n of centred rows. */
function covariance(y: Float64Array, d: number): Float64Array {
  const n = y.length / d
  const c = zeroCenter(y, shape(d)).apply(y)
  return Float64Array.from({ length: d * d }, (_, at) => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += c[i * d + Math.floor(at / d)] * c[i * d + (at % d)]
    return sum / n
  })
}

const identity = (d: number) => Float64Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? 1 : 0))

describe.each(fixtures.cases.map((c) => [c.name, c] as const))('as scikit-learn: %s', (_, c) => {
  const { d, k, epsilon } = c
  const x = Float64Array.from(c.x)
  const unbiased = { ...shape(d), covariance: 'unbiased' } as const

  test('zeroCenter, standardize', () => {
    expectClose(zeroCenter(x, shape(d)).mean, c.mean)
    const scaling = standardize(x, shape(d))
    expectClose(scaling.mean, c.mean)
    expectClose(scaling.std, c.std)
    expectClose(scaling.apply(c.new), c.standardized)
  })

  test('pca', () => {
    const p = pca(x, { ...unbiased, components: k })
    expect(p.components.shape).toEqual([k, d])
    expectClose(p.components.data, c.components)
    expectClose(p.variances, c.variances)
    expectClose(
      p.variances.map((v) => v / p.totalVariance),
      c.shares,
    )
    expectClose(p.apply(c.new), c.projected)
    expectClose(p.invert(p.apply(c.new)), c.restored)
  })

  test('pcaWhitening', () => {
    expectClose(pcaWhitening(x, { ...unbiased, components: k, epsilon: 0 }).apply(c.new), c.whitened)
  })

  test('zca', () => {
    expectClose(zca(x, { ...shape(d), epsilon }).apply(c.new), c.zca)
  })
})

describe('zeroCenter and standardize', () => {
  const images = Uint8Array.from({ length: 5 * 2 * 3 * 4 }, () => random.integer(256))

  test.each(['feature', 'channel'] as const)('of images, per %s', (per) => {
    const options = { shape: [2, 3, 4], per } as const
    const scaling = standardize(images, options)
    const groups = per === 'feature' ? 24 : 2
    expect(scaling.mean.length).toBe(groups)
    const y = scaling.apply(images)
    for (let g = 0; g < groups; g++) {
      const of = [...y].filter((_, i) => (per === 'feature' ? i % 24 : Math.floor(i / 12) % 2) === g)
      expect(of.reduce((a, b) => a + b) / of.length).toBeCloseTo(0, 12)
      expect(of.reduce((a, b) => a + b * b, 0) / of.length).toBeCloseTo(1, 12)
    }
    expectClose(scaling.invert(y), images, 1e-14)
    const centred = zeroCenter(images, options)
    expect(centred.std).toEqual(scaling.std.map(() => 1))
    expect(centred.apply(images)[0]).toBe(images[0] - scaling.mean[0])
  })

  test('the figures per channel are what the layer normalize takes', () => {
    const { mean, std } = standardize(images, { shape: [2, 3, 4], per: 'channel' })
    expect(normalize({ mean, std }).config).toEqual({ mean, std })
  })

  test('a constant feature becomes 0, exactly', () => {
    const x = [0.1, 1, 0.1, 2, 0.1, 4]
    const scaling = standardize(x, shape(2))
    expect([scaling.mean[0], scaling.std[0]]).toEqual([0.1, 1])
    expect([...scaling.apply(x)].filter((_, i) => i % 2 === 0)).toEqual([0, 0, 0])
  })

  test('change nothing that they were given', () => {
    const x = normals(12)
    const before = x.slice()
    const scaling = standardize(x, shape(3))
    scaling.invert(scaling.apply(x))
    expect(x).toEqual(before)
    expect(() => scaling.apply([1, 2])).toThrow('standardize.apply: x: want rows of 3 numbers')
    expect(() => scaling.invert([1, 2])).toThrow('standardize.invert: y: want rows of 3 numbers')
  })
})

describe('pca, pcaWhitening, zca', () => {
  const mixed = (n: number, d: number) => {
    const [a, b] = [normals(n * d), normals(d * d)]
    return Float64Array.from({ length: n * d }, (_, i) => {
      let sum = 5
      for (let j = 0; j < d; j++) sum += a[Math.floor(i / d) * d + j] * b[j * d + (i % d)]
      return sum
    })
  }
  const x = mixed(200, 6)

  test('components have length 1, are at right angles, and are found again in any order of the rows', () => {
    for (const [n, d] of [
      [30, 9],
      [9, 30],
    ]) {
      const rows = mixed(n, d)
      const p = pca(rows, shape(d))
      const k = Math.min(d, n - 1)
      expect(p.size).toBe(k)
      const w = p.components.data
      const products = Float64Array.from({ length: k * k }, (_, i) => {
        let sum = 0
        for (let j = 0; j < d; j++) sum += w[Math.floor(i / k) * d + j] * w[(i % k) * d + j]
        return sum
      })
      expectClose(products, identity(k), 1e-12)
      for (let i = 0; i < k; i++) {
        const row = [...w.subarray(i * d, (i + 1) * d)]
        expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)))
      }
      const backward = Float64Array.from(rows, (_, i) => rows[(n - 1 - Math.floor(i / d)) * d + (i % d)])
      expectClose(pca(backward, shape(d)).components.data, w, 1e-9)
    }
  })

  test('whitened data has the identity as its covariance', () => {
    expectClose(covariance(pcaWhitening(x, { ...shape(6), epsilon: 0 }).apply(x), 6), identity(6))
    expectClose(covariance(zca(x, { ...shape(6), epsilon: 0 }).apply(x), 6), identity(6))
  })

  test.each([
    [40, 5],
    [5, 12],
  ])('zca is a symmetric map, %i rows of %i', (n, d) => {
    const z = zca(mixed(n, d), { ...shape(d), epsilon: 1e-3 })
    const units = identity(d).map((value, i) => value + z.mean[i % d])
    const matrix = z.apply(units)
    expectClose(
      matrix,
      matrix.map((_, i) => matrix[(i % d) * d + Math.floor(i / d)]),
      1e-12,
    )
  })

  test.each([
    [200, 6],
    [6, 20],
  ])('invert is the way back, %i rows of %i', (n, d) => {
    const rows = mixed(n, d)
    for (const p of [pca(rows, shape(d)), pcaWhitening(rows, shape(d)), zca(rows, shape(d))]) {
      expectClose(p.invert(p.apply(rows)), rows, 1e-12)
    }
    // zca keeps all directions, so new rows come back as well.
    const z = zca(rows, shape(d))
    const other = normals(3 * d)
    expectClose(z.invert(z.apply(other)), other, 1e-9)
  })

  test('variance keeps the fewest components that hold that share', () => {
    const all = pca(x, shape(6))
    const sums = all.variances.map((_, i) => all.variances.slice(0, i + 1).reduce((a, b) => a + b) / all.totalVariance)
    for (const share of [0.1, 0.5, 0.9, 0.999, 1]) {
      const p = pca(x, { ...shape(6), variance: share })
      expect(p.size).toBe(Math.min(6, sums.findIndex((sum) => sum >= share - 1e-12) + 1))
      expect(p.apply(x).length).toBe(200 * p.size)
    }
  })

  test('images of bytes', () => {
    const pixels = Uint8Array.from({ length: 20 * 48 }, () => random.integer(256))
    const z = zca(pixels, { shape: [3, 4, 4], epsilon: 0.1 })
    expect(z.shape).toEqual([3, 4, 4])
    expectClose(z.invert(z.apply(pixels)), pixels, 1e-12)
  })

  test('constant features, and twice the same one, hold no variance', () => {
    const rows = Float64Array.from({ length: 4 * 30 }, (_, i) => (i % 4 === 3 ? 7 : x[6 * Math.floor(i / 4) + (i % 2)]))
    expect(pca(rows, shape(4)).size).toBe(2)
    expect(pca(rows, { ...shape(4), components: 4 }).variances.slice(2)).toEqual(Float64Array.of(0, 0))
    expect(pcaWhitening(rows, shape(4)).size).toBe(2)
    expectClose(zca(rows, shape(4)).invert(zca(rows, shape(4)).apply(rows)), rows, 1e-9)
    const zero = { ...shape(4), epsilon: 0 }
    expect(pcaWhitening(rows, zero).size).toBe(2)
    expect(() => zca(rows, zero)).toThrow('zca: x has variance in 2 of 4 directions, and epsilon 0 would divide by 0')
    expect(() => pcaWhitening(rows, { ...zero, components: 3 })).toThrow('or at most 2 components')
  })

  test('the same bits again, and in every engine: only + - * /, sqrt and comparisons are used', () => {
    expect(pca(x, shape(6)).save()).toEqual(pca(x, shape(6)).save())
    const p = pca([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233], shape(3))
    expect([...p.variances]).toEqual([13133.991777062003, 0.0082229379944113])
  })

  test('equal rows whose mean is rounded have no variance either', () => {
    expect(() => pca([0.1, 0.7, 0.1, 0.7, 0.1, 0.7], shape(2))).toThrow('all the same')
  })
})

describe('save and loadTransform', () => {
  const x = normals(60)
  const transforms = [
    zeroCenter(x, shape(4)),
    standardize(x, { shape: [2, 2, 1], per: 'channel' }),
    pca(x, { ...shape(4), components: 2 }),
    pcaWhitening(x, shape(4)),
    zca(x, { shape: [1, 2, 2] }),
    zca(x.subarray(0, 30), { shape: [10] }),
  ]

  test.each(transforms.map((t) => [t.kind, t] as const))('%s comes back to the bit', (_, transform) => {
    const again = loadTransform(transform.save())
    expect(JSON.stringify(again)).toBe(JSON.stringify(transform))
    const y = transform.apply(x)
    expect(again.apply(x)).toEqual(y)
    expect(again.invert(y)).toEqual(transform.invert(y))
    expect(again.save()).toEqual(transform.save())
  })

  const change = (
    at: number,
    edit: (tensors: Record<string, { shape: readonly number[]; data: Float64Array }>) => void,
  ) => {
    const tensors = Object.fromEntries(decodeSafetensors(transforms[at].save()))
    edit(tensors as Record<string, { shape: number[]; data: Float64Array }>)
    return encodeSafetensors(tensors)
  }
  const one = (...values: number[]) => ({ shape: [values.length], data: Float64Array.from(values) })

  test.each([
    ['weights of a model', () => encodeSafetensors({ '0.weight': one(1) }), 'holds no transform'],
    ['no tensor', () => encodeSafetensors({}), 'holds no transform'],
    ['no safetensors', () => new Uint8Array(20), 'header'],
    ['no mean', () => change(0, (t) => delete t['zeroCenter.mean']), "no 'zeroCenter.mean'"],
    ['means that do not fit', () => change(0, (t) => Object.assign(t, { 'zeroCenter.mean': one(1, 2, 3) })), 'std'],
    ['NaN', () => change(0, (t) => t['zeroCenter.mean'].data.fill(NaN)), 'finite'],
    ['a deviation of 0', () => change(1, (t) => t['standardize.std'].data.fill(0)), '2 means'],
    ['a shape of 1.5', () => change(0, (t) => t['zeroCenter.shape'].data.fill(1.5)), 'a shape of 1.5'],
    ['a shape of -4', () => change(0, (t) => t['zeroCenter.shape'].data.fill(-4)), 'a shape of -4'],
    ['negative variances', () => change(3, (t) => t['pcaWhitening.variances'].data.fill(-1)), 'variances'],
    [
      'components of another size',
      () => change(2, (t) => Object.assign(t, { 'pca.components': one(1) })),
      'components',
    ],
    ['no epsilon where it divides', () => change(5, (t) => t['zca.numbers'].data.fill(0)), 'variances'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => loadTransform(bytes())).toThrow(FileError)
    expect(() => loadTransform(bytes())).toThrow(message)
  })

  test('any damage is a FileError, or gives a transform', () => {
    const good = transforms[2].save()
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
        const bytes = good.slice(0, length)
        if (at < length) bytes[at] = byte
        try {
          loadTransform(bytes).apply(x)
        } catch (error) {
          expect(error).toBeInstanceOf(FileError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('what would spoil unseen', () => {
  test('values are read once', () => {
    const list = [1, 2, 3, 5]
    let read = 0
    Object.defineProperty(list, 3, { get: () => (read++ ? NaN : 5) })
    expect(zeroCenter(list, { shape: [1] }).mean).toEqual([2.75])
  })

  test('a result that overflows', () => {
    const scaling = standardize([0, 1e-150, 0, 2e-150], { shape: [1] })
    expect(() => scaling.apply([0, 1e160])).toThrow('standardize.apply: the result: row 1 holds Infinity')
    const far = zeroCenter([1.7e308, 1.7e308], { shape: [1] })
    expect(() => far.apply([0, -1.7e308])).toThrow('zeroCenter.apply: the result: row 1 holds -Infinity')
    expect(() => far.invert([1.7e308])).toThrow('zeroCenter.invert: the result: row 0 holds Infinity')
    const whitened = (factor: number) =>
      pcaWhitening(
        [0, 1, 2, 5, 1, 3].map((value) => value * factor),
        { shape: [2], epsilon: 0 },
      )
    expect(() => whitened(1e-100).apply([0, 0, 1e300, 1e300])).toThrow(
      /^pcaWhitening.apply: the result: row 1 holds -?(Infinity|NaN)/,
    )
    expect(() => whitened(1e100).invert([1e300, 1e300])).toThrow(
      /^pcaWhitening.invert: the result: row 0 holds -?(Infinity|NaN)/,
    )
  })

  test('values that differ too little are said to, not taken for equal or for fewer directions', () => {
    const x = normals(60)
    // Powers of two change no digit.
    const { components, variances } = pca(x, { shape: [6] })
    for (const rows of [10, 4]) {
      const part = x.subarray(0, rows * 6)
      const plain = pca(part, { shape: [6] })
      for (const power of [2 ** -400, 2 ** -160, 2 ** 160, 2 ** 480]) {
        const scaled = pca(part.map((value) => value * power), { shape: [6] }) // prettier-ignore
        expect(scaled.components.data).toEqual(plain.components.data)
        expect(scaled.variances.map((value) => value / power / power)).toEqual(plain.variances)
      }
    }
    expect([components.shape, variances.length]).toEqual([[6, 6], 6])
    for (const power of [1e-140, 1e-162, 1e-165, 1e-300]) {
      expect(() => pca(x.map((value) => value * power), { shape: [6] })).toThrow('pca: the values of x differ by too little') // prettier-ignore
    }
    expect(() => pca([3, 3, 3, 3], { shape: [1] })).toThrow('pca: the rows of x are all the same')
  })

  test('a matrix that nobody can decompose is refused at once', () => {
    const x = new Uint8Array(16_385 * 16_385)
    expect(() => pca(x, { shape: [16_385] })).toThrow(
      'pca: 16385 rows of 16385 values want the decomposition of a matrix of 16385 x 16385, and 16384 is the most',
    )
  })

  test('shapes with holes or without end', () => {
    expect(() => zeroCenter([1], { shape: [1, , 1] as never })).toThrow('every size in shape must be an integer') // oxlint-disable-line no-sparse-arrays
    expect(() => zeroCenter([1], { shape: [2 ** 20, 2 ** 20] })).toThrow(
      'shape has 1099511627776 values, and must have',
    )
    expect(() => zeroCenter([1], { shape: [1e12] })).toThrow('must be an integer of at most 1073741824')
  })

  test('each takes what it takes, and no more', () => {
    const scaling = standardize([1, 2, 3], { shape: [1] })
    const more = (f: unknown) => f as (...args: unknown[]) => unknown
    expect(() => more(zeroCenter)([1, 2], { shape: [1] }, 'channel')).toThrow('zeroCenter: takes 2 arguments')
    expect(() => more(scaling.apply)([1], [2])).toThrow('standardize.apply: takes one argument, got another: [2]')
    expect(() => more(scaling.invert)([1], [2])).toThrow('standardize.invert: takes one argument')
    expect(() => more(scaling.save)('file')).toThrow('standardize.save: takes no arguments')
    expect(() => more(loadTransform)(scaling.save(), { a: 1 })).toThrow('loadTransform: takes one argument')
    expect(() => more(loadTransform)(Promise.resolve(scaling.save()))).toThrow('got a promise (await it first)')
  })
})

describe('bad input', () => {
  const fits = { zeroCenter, standardize, pca, pcaWhitening, zca }
  const x = normals(12)

  test.each(Object.entries(fits))('%s', (name, fit: (x: ArrayLike<number>, options: never) => unknown) => {
    const call = (values: unknown, options: unknown) => () => fit(values as number[], options as never)
    const rows: [unknown, unknown, new () => Error, string][] = [
      [x, undefined, PlanError, 'options must be an object'],
      [x, {}, PlanError, 'shape must be that of one example'],
      [x, { shape: 4 }, PlanError, 'shape must be that of one example, such as [4] or [3, 32, 32], got 4'],
      [x, { shape: [0] }, PlanError, 'every size in shape must be an integer of at least 1, got 0'],
      [x, { shape: [4], axis: 1 }, PlanError, "unknown option 'axis'"],
      [x, { shape: [5] }, DataError, 'x: want rows of 5 numbers (shape 5), got 12 numbers, which is 2 rows and 2'],
      [[], { shape: [4] }, DataError, 'want rows of 4 numbers'],
      [[1, 2, NaN, 4], { shape: [2] }, DataError, 'x: row 1 holds NaN'],
      [[1, 2, 3, Infinity], { shape: [2] }, DataError, 'x: row 1 holds Infinity'],
      [[[1, 2]], { shape: [2] }, DataError, 'row 0 holds [1,2]; want numbers'],
      [undefined, { shape: [2] }, DataError, 'want a typed array'],
      [[1.7e308, -1.7e308, 1.7e308, 1.7e308, -1.7e308, 1.7e308], { shape: [1] }, DataError, 'float64'],
    ]
    for (const [values, options, kind, message] of rows) {
      if (name === 'zeroCenter' && message === 'float64') continue
      expect(call(values, options)).toThrow(kind)
      expect(call(values, options)).toThrow(message)
      expect(call(values, options)).toThrow(name)
    }
  })

  test.each([
    [{ components: 0 }, 'components must be an integer of at least 1'],
    [{ components: 5 }, '5 components, but x has no more than 4'],
    [{ components: 2, variance: 0.5 }, 'give components or variance, not both'],
    [{ variance: 2 }, 'variance must be a finite number from 0 to 1'],
    [{ covariance: 'n' }, "covariance must be 'biased', 'unbiased'"],
  ])('pca with %j', (options, message) => {
    expect(() => pca(normals(40), { ...shape(4), ...options } as Parameters<typeof pca>[1])).toThrow(message)
  })

  test('one row, or equal ones', () => {
    expect(() => pca([1, 2, 3], shape(3))).toThrow('pca: one row has no variance')
    expect(() => zca([1, 2, 1, 2, 1, 2], shape(2))).toThrow('zca: the rows of x are all the same')
    expect(() => zca(normals(8), { ...shape(2), epsilon: -1 })).toThrow('epsilon must be a finite number of at least 0')
  })

  test('a projection of another size', () => {
    const p: Projection = pca(x, { ...shape(4), components: 2 })
    expect(() => p.apply([1, 2])).toThrow('pca.apply: x: want rows of 4 numbers')
    expect(() => p.invert([1, 2, 3])).toThrow('pca.invert: y: want rows of 2 numbers')
  })
})
