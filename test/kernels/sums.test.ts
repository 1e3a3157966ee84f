// Sums over up to a million terms, in every order that is hard for one accumulator: the kernels that sum, on both
// engines, against sums that lose nothing. Those of convolutions and norms are in image-sums.test.ts.
import { BINARY_SCRATCH, GEMM_SCRATCH, LONG, SOFTMAX_SCRATCH } from '../../src/kernels/blocking'
import { poolScratch } from '../../src/kernels/conv-geometry'
import { describe, expect, test } from 'vitest'
import { type Memory, ORDERS, TOLERANCE, expectClose, onBoth, rounded, sumOf, terms, uniform } from '../support/sums'

/** A sum over n values: what the kernel makes of them, and the same from the terms. */
interface Case {
  count?: number
  /** In which orders; all in float32 unless given. */
  orders?: readonly string[]
  run(memory: Memory, x: Float64Array): ArrayLike<number>
  /** For each result: its terms, and what becomes of their sum. */
  expected(x: Float64Array): { terms: Iterable<number>; of?: (sum: number) => number }[]
}

/** The hardest, for kernels that take long. */
const HARDEST = ['constant', 'rising', 'outlier first']

const ramp = (i: number) => ((i * 7) % 5) - 1.5
const n = 1_000_000

const cases: Record<string, Case> = {
  sumOfSquares: {
    run: ({ kernels, put }, x) => [kernels.sumOfSquares(n, put(x))],
    expected: (x) => [{ terms: terms(n, (i) => x[i] * x[i]) }],
  },
  dot: {
    run: ({ kernels, put }, x) => [kernels.dot(n, put(x), put(x.map((_, i) => ramp(i))))],
    expected: (x) => [{ terms: terms(n, (i) => x[i] * ramp(i)) }],
  },
  sumOfMagnitudes: {
    run: ({ kernels, put }, x) => [kernels.sumOfMagnitudes(n, put(x.map((value, i) => (i % 3 ? value : -value))))],
    expected: (x) => [{ terms: x }],
  },
  norm: {
    run: ({ kernels, put }, x) => [kernels.norm(n, put(x))],
    expected: (x) => [{ terms: terms(n, (i) => x[i] * x[i]), of: Math.sqrt }],
  },
  sumOfLabelWeights: {
    run: ({ kernels, put, labels }, x) => [kernels.sumOfLabelWeights(n, labels(x.map((_, i) => i)), put(x))],
    expected: (x) => [{ terms: x }],
  },
  globalAvgPool2dForward: {
    run({ kernels, put, at }, x) {
      const y = put([0])
      kernels.globalAvgPool2dForward(1, n, put(x), y)
      return at(y, 1)
    },
    expected: (x) => [{ terms: x, of: (sum) => sum / n }],
  },
  'avgPool2dForward of a window of 1000 x 1000': {
    run({ kernels, put, scratch, at }, x) {
      const y = put([0])
      const tmp = scratch(poolScratch(1000, 1, 1000, 1000, 1, 0, 8))
      kernels.avgPool2dForward(1, 1000, 1000, 1, 1, 1000, 1000, 1, 1, 0, 0, 1, put(x), tmp, y)
      return at(y, 1)
    },
    expected: (x) => [{ terms: x, of: (sum) => sum / n }],
  },
  'avgPool2dForward of overlapping windows of 300 x 400': {
    orders: HARDEST,
    count: 400 * 500,
    run({ kernels, put, scratch, at }, x) {
      const [oh, ow] = [34, 11]
      const y = put(new Float64Array(oh * ow))
      const tmp = scratch(poolScratch(500, ow, 300, 400, 10, 0, 8))
      kernels.avgPool2dForward(1, 400, 500, oh, ow, 300, 400, 3, 10, 0, 0, 1, put(x), tmp, y)
      return [at(y, oh * ow)[0], at(y, oh * ow)[oh * ow - 1]]
    },
    expected: (x) =>
      [
        [0, 0],
        [33 * 3, 100],
      ].map(([top, left]) => ({
        terms: terms(300 * 400, (i) => x[(top + Math.floor(i / 400)) * 500 + left + (i % 400)]),
        of: (sum) => sum / (300 * 400),
      })),
  },
  'avgPool2dBackward of long windows': {
    count: 1200,
    run({ kernels, put, scratch, at }, x) {
      const dx = put(new Float64Array(1799))
      const tmp = scratch(poolScratch(1799, 1200, 1, 600, 1, 0, 8))
      kernels.avgPool2dBackward(1, 1, 1799, 1, 1200, 1, 600, 1, 1, 0, 0, 1, put(x), tmp, dx)
      return [at(dx, 1799)[900]]
    },
    expected: (x) => [{ terms: x.subarray(301, 901), of: (sum) => sum / 600 }],
  },
  meanSquaredError: {
    run: ({ kernels, put }, x) => [kernels.meanSquaredError(n, n, put(x), put(new Float64Array(n)), 0, 0)],
    expected: (x) => [{ terms: terms(n, (i) => x[i] * x[i]), of: (sum) => sum / n }],
  },
  binaryCrossEntropy: {
    orders: HARDEST,
    run: ({ kernels, put, scratch }, x) => [
      kernels.binaryCrossEntropy(n, n, put(x), put(new Float64Array(n)), scratch(BINARY_SCRATCH), 0),
    ],
    expected: (x) => [{ terms: terms(n, (i) => x[i] + Math.log1p(Math.exp(-x[i]))), of: (sum) => sum / n }],
  },
  'hinge of many rows': {
    orders: HARDEST,
    run: ({ kernels, put, labels }, x) => [kernels.hinge(n / 4, 4, n, 2, put(x), labels(new Uint8Array(n / 4)), 0)],
    // The outlier, as the right score, makes the terms of its row 0.
    expected: (x) => [
      { terms: terms(n, (i) => (i % 4 ? Math.max(0, x[i] - x[i - (i % 4)] + 2) : 0)), of: (sum) => sum / n },
    ],
  },
  'hinge of many classes': {
    orders: HARDEST,
    run({ kernels, put, labels, at }, x) {
      const dz = put(x)
      const loss = kernels.hinge(1, n, 1, 0.05, put(x), labels([n >> 1]), dz)
      return [loss, at(dz, n)[n >> 1]]
    },
    expected: (x) => [
      { terms: terms(n, (i) => (i === n >> 1 ? 0 : Math.max(0, x[i] - x[n >> 1] + 0.05))) },
      { terms: terms(n, (i) => (i === n >> 1 || x[i] - x[n >> 1] + 0.05 <= 0 ? 0 : -1)) },
    ],
  },
  'softmaxCrossEntropy of many rows': {
    orders: HARDEST,
    run: ({ kernels, put, labels, scratch }, x) => [
      kernels.softmaxCrossEntropy(
        n / 2,
        2,
        n,
        0,
        put(x),
        labels(new Uint8Array(n / 2)),
        0,
        scratch(SOFTMAX_SCRATCH + 64),
        0,
      ),
    ],
    expected: (x) => [
      {
        terms: terms(n / 2, (i) => {
          const d = x[2 * i + 1] - x[2 * i]
          return Math.max(d, 0) + Math.log1p(Math.exp(-Math.abs(d)))
        }),
        of: (sum) => sum / n,
      },
    ],
  },
  'softmaxForward of many classes': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const y = put(x)
      kernels.softmaxForward(1, n, 1, put(x.map((value) => Math.min(value, 2))), scratch(SOFTMAX_SCRATCH + 64), y)
      return [at(y, n)[5]]
    },
    expected: (x) => [
      { terms: terms(n, (i) => Math.exp(Math.min(x[i], 2))), of: (sum) => Math.exp(Math.min(x[5], 2)) / sum },
    ],
  },
  'softmaxForward of many channels': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const y = put(x)
      const z = put(x.map((value) => Math.min(value, 2)))
      kernels.softmaxForward(1, n / 8, 8, z, scratch(SOFTMAX_SCRATCH + 2 * 8 * 8), y)
      return at(y, 8)
    },
    expected: (x) =>
      Array.from({ length: 8 }, (_, p) => ({
        terms: terms(n / 8, (i) => Math.exp(Math.min(x[8 * i + p], 2))),
        of: (sum) => Math.exp(Math.min(x[p], 2)) / sum,
      })),
  },
  'softmaxBackward of many classes': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const dx = put(x)
      kernels.softmaxBackward(1, n, 1, put(x), put(new Float64Array(n).fill(1)), scratch(SOFTMAX_SCRATCH + 64), dx)
      return [at(dx, n)[3]]
    },
    expected: (x) => [{ terms: x, of: (sum) => x[3] * (1 - sum) }],
  },
  'softmaxBackward of many channels': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const dx = put(x)
      const dy = put(new Float64Array(n).fill(1))
      kernels.softmaxBackward(1, n / 8, 8, put(x), dy, scratch(SOFTMAX_SCRATCH + 2 * 8 * 8), dx)
      return at(dx, 8)
    },
    expected: (x) =>
      Array.from({ length: 8 }, (_, p) => ({
        terms: terms(n / 8, (i) => x[8 * i + p]),
        of: (sum) => x[p] * (1 - sum),
      })),
  },
  'gemm along k': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const c = put(new Float64Array(15))
      const b = put(Float64Array.from({ length: 3 * n }, (_, i) => 1 + (i % 3)))
      // Five rows: x, and x from other places on.
      const a = put(Float64Array.from({ length: 5 * n }, (_, i) => x[i % n]))
      kernels.gemm(5, 3, n, n, 1, 3, 1, 3, 0, a, b, scratch(GEMM_SCRATCH), c)
      return at(c, 15)
    },
    expected: (x) => Array.from({ length: 15 }, (_, i) => ({ terms: x, of: (sum) => sum * (1 + (i % 3)) })),
  },
  'gemm along k, added': {
    orders: HARDEST,
    count: LONG + 300,
    run({ kernels, put, scratch, at }, x) {
      const c = put(new Float64Array(25).fill(1))
      const b = put(new Float64Array(5 * x.length).fill(1))
      const a = put(Float64Array.from({ length: 5 * x.length }, (_, i) => x[Math.floor(i / 5)]))
      kernels.gemm(5, 5, x.length, 1, 5, 1, x.length, 5, 1, a, b, scratch(GEMM_SCRATCH), c)
      return at(c, 25)
    },
    expected: (x) => Array.from({ length: 25 }, () => ({ terms: x, of: (sum) => sum + 1 })),
  },
  'denseForward over many inputs': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const y = put([0, 0])
      const w = put(new Float64Array(2 * n).fill(0.5))
      kernels.denseForward(1, n, 2, 2, put(x), w, put([1, 2]), scratch(GEMM_SCRATCH), y)
      return at(y, 2)
    },
    expected: (x) => [1, 2].map((bias) => ({ terms: x, of: (sum) => sum / 2 + bias })),
  },
  'denseBackwardInput over many outputs': {
    orders: HARDEST,
    run({ kernels, put, scratch, at }, x) {
      const dx = put([0, 0, 0])
      const w = put(new Float64Array(3 * n).fill(0.5))
      kernels.denseBackwardInput(1, 3, 3, n, put(x), w, scratch(GEMM_SCRATCH), dx)
      return at(dx, 3)
    },
    expected: (x) => [0, 1, 2].map(() => ({ terms: x, of: (sum) => sum / 2 })),
  },
  'denseBackwardWeight over many rows': {
    orders: HARDEST,
    count: 200_000,
    run({ kernels, put, scratch, at }, x) {
      const dw = put(new Float64Array(10))
      const db = put(new Float64Array(5))
      // Every fifth value: a column of dy.
      const dy = put(Float64Array.from({ length: 5 * x.length }, (_, i) => x[Math.floor(i / 5)] * (1 + (i % 5))))
      const ones = put(new Float64Array(2 * x.length).fill(1))
      kernels.denseBackwardWeight(x.length, 2, 2, 5, 5, ones, dy, scratch(GEMM_SCRATCH), dw)
      kernels.addChannelSums(x.length, 5, 5, 1, dy, db)
      return [...at(dw, 10), ...at(db, 5)]
    },
    expected: (x) => [
      ...Array.from({ length: 10 }, (_, i) => ({ terms: x, of: (sum: number) => sum * (1 + Math.floor(i / 2)) })),
      ...Array.from({ length: 5 }, (_, i) => ({ terms: x, of: (sum: number) => sum * (1 + i) })),
    ],
  },
}

describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
  describe.each(Object.entries(cases))(
    '%s',
    (name, { count = n, orders = dtype === 'float32' ? Object.keys(ORDERS) : HARDEST, run, expected }) => {
      test.each(orders)('%s', async (order) => {
        const x = rounded(dtype, ORDERS[order](count))
        const results = await onBoth(dtype, (memory) => run(memory, x))
        const references = expected(x)
        expect(results.length).toBe(references.length)
        references.forEach(({ terms, of = (sum) => sum }, i) => {
          const { sum, magnitude } = sumOf(terms)
          const value = of(sum)
          // Where the terms have signs, the result cannot be more exact than their magnitudes allow.
          const scale = Math.max(Math.abs(value), Math.abs(of(magnitude)), 1e-300)
          expectClose(results[i], value, scale, TOLERANCE[dtype], `${name}, result ${i}`)
        })
      })
    },
  )
})

test.each(['float64', 'float32'] as const)(
  'a product whose rows, columns and steps take several parts, %s',
  async (dtype) => {
    const [m, n, k] = [300, 140, LONG + 300]
    // Rows and columns that overlap: a[i][p] = x[i + p], b[p][j] = y[p + j].
    const [x, y] = [uniform(k + m), uniform(k + n).toReversed()].map((values) => rounded(dtype, values))
    const results = await onBoth(dtype, ({ kernels, put, scratch, at }) => {
      const c = put(new Float64Array(m * n).fill(2))
      kernels.gemm(m, n, k, 1, 1, 1, 1, n, 1, put(x), put(y), scratch(GEMM_SCRATCH), c)
      return at(c, m * n)
    })
    for (const [i, j] of [
      [0, 0],
      [255, 63],
      [256, 127],
      [259, 128],
      [299, 139],
    ]) {
      const { sum } = sumOf(terms(k, (p) => x[i + p] * y[p + j]))
      expectClose(results[i * n + j], 2 + sum, sum, TOLERANCE[dtype])
    }
  },
)
