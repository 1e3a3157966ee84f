// Norms of some of the channels: however a call is split, each channel gets the same bits.
import { NORM_SCRATCH } from '../../src/kernels/blocking'
import { describe, expect, test } from 'vitest'
import { type DType, type Memory, memoryOf, rounded, uniform } from '../support/sums'

/** Channels [first, first + count) of so many. */
type Range = readonly [first: number, count: number]

/** All splits in two, one into single channels, and the whole, which is what they are compared with. */
function splitsOf(count: number): Range[][] {
  const halves = Array.from({ length: count - 1 }, (_, i): Range[] => [
    [0, i + 1],
    [i + 1, count - i - 1],
  ])
  return [[[0, count]], ...halves, Array.from({ length: count }, (_, i): Range => [i, 1]).toReversed()]
}

/** n x c x hw values: some channels are hard, so that each way that a kernel has is gone, in any place of a vector. */
function hardValues(n: number, c: number, hw: number, huge: number): Float64Array {
  const values = uniform(n * c * hw)
  return values.map((value, i) => {
    const channel = Math.floor(i / hw) % c
    if (channel % 11 === 1) return -0
    // Squares that overflow.
    if (channel % 11 === 3) return value * huge
    // A first value that is far from the mean, and one that is no number.
    if (channel % 11 === 5 && i < c * hw) return 1e6
    if (channel % 11 === 8 && i < c * hw) return NaN
    return value - 0.5
  })
}

const huge = { float64: 1e200, float32: 1e25 }

function batchNormInRanges(
  dtype: DType,
  n: number,
  c: number,
  hw: number,
  training: number,
  relu: number,
  hasGradients: boolean,
) {
  return ({ kernels, put, scratch, at }: Memory, ranges: readonly Range[]): number[][] => {
    const bytes = dtype === 'float64' ? 8 : 4
    const random = (count: number, shift = 0) =>
      put(
        rounded(
          dtype,
          uniform(count).map((value) => value - shift),
        ),
      )
    const x = put(rounded(dtype, hardValues(n, c, hw, huge[dtype])))
    const dy = random(n * c * hw, 0.5)
    const [gamma, beta, runningMean, runningVar] = [random(c), random(c, 0.5), random(c), random(c)]
    const [mean, invStd, dgamma, dbeta] = [random(c), random(c), random(c), random(c)]
    const [y, dx] = [random(n * c * hw), random(n * c * hw)]
    const tmp = scratch(NORM_SCRATCH)
    for (const [first, count] of ranges) {
      const image = first * hw * bytes
      const channel = first * bytes
      const forward = [
        training, 1, relu, 1e-5, 0.9, 0.1, x + image, gamma + channel, beta + channel, runningMean + channel,
        runningVar + channel, tmp, mean + channel, invStd + channel, y + image,
      ] as const // prettier-ignore
      const backward = [
        training, relu, x + image, gamma + channel, beta + channel, mean + channel, invStd + channel, dy + image, tmp,
        hasGradients ? dgamma + channel : 0, hasGradients ? dbeta + channel : 0, dx + image,
      ] as const // prettier-ignore
      if (hw === 1) {
        kernels.batchNormFeaturesForward(n, count, c, ...forward)
        kernels.batchNormFeaturesBackward(n, count, c, ...backward)
      } else {
        kernels.batchNormForward(n, count, c, hw, ...forward)
        kernels.batchNormBackward(n, count, c, hw, ...backward)
      }
    }
    const features = [runningMean, runningVar, mean, invStd, dgamma, dbeta].map((pointer) => [...at(pointer, c)])
    return [...features, [...at(y, n * c * hw)], [...at(dx, n * c * hw)]]
  }
}

function groupNormInRanges(dtype: DType, n: number, all: number, channels: number, hw: number, hasGradients: boolean) {
  return ({ kernels, put, scratch, at }: Memory, ranges: readonly Range[]): number[][] => {
    const bytes = dtype === 'float64' ? 8 : 4
    const c = all * channels
    const random = (count: number, shift = 0) =>
      put(
        rounded(
          dtype,
          uniform(count).map((value) => value - shift),
        ),
      )
    const x = put(rounded(dtype, hardValues(n, all, channels * hw, huge[dtype])))
    const dy = random(n * c * hw, 0.5)
    const [gamma, beta, dgamma, dbeta] = [random(c), random(c, 0.5), random(c), random(c)]
    const [mean, invStd] = [random(n * all), random(n * all)]
    const [y, dx] = [random(n * c * hw), random(n * c * hw)]
    const tmp = scratch(NORM_SCRATCH + 2 * c * bytes)
    for (const [first, count] of ranges) {
      const image = first * channels * hw * bytes
      const channel = first * channels * bytes
      const group = first * bytes
      const sizes = [n, count, all, channels, hw] as const
      kernels.groupNormForward(
        ...sizes, 1e-5, x + image, gamma + channel, beta + channel, tmp, mean + group, invStd + group, y + image,
      ) // prettier-ignore
      kernels.groupNormBackward(
        ...sizes, x + image, gamma + channel, mean + group, invStd + group, dy + image, tmp,
        hasGradients ? dgamma + channel : 0, hasGradients ? dbeta + channel : 0, dx + image,
      ) // prettier-ignore
    }
    const features = [dgamma, dbeta].map((pointer) => [...at(pointer, c)])
    const statistics = [mean, invStd].map((pointer) => [...at(pointer, n * all)])
    return [...features, ...statistics, [...at(y, n * c * hw)], [...at(dx, n * c * hw)]]
  }
}

/** Runs all splits on both engines, which must make of all of them what WebAssembly makes of one call. */
async function compare(dtype: DType, count: number, run: (memory: Memory, ranges: readonly Range[]) => number[][]) {
  const expected = run(await memoryOf(dtype, 'wasm'), [[0, count]])
  expect(expected.some((values) => values.some(Number.isNaN))).toBe(count > 8)
  for (const backend of ['wasm', 'js'] as const) {
    for (const ranges of splitsOf(count)) {
      const results = run(await memoryOf(dtype, backend), ranges)
      const isSame = results.every((values, i) => values.every((value, j) => Object.is(value, expected[i][j])))
      if (!isSame) expect(results, `${backend}, ${JSON.stringify(ranges)}`).toEqual(expected)
    }
  }
}

describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
  const modes = [
    [1, 0],
    [1, 1],
    [0, 1],
  ]
  test.each(
    [
      [4, 13, 1],
      [3, 23, 1],
      [19, 12, 1],
      [515, 17, 1],
      [3, 12, 5],
      [2, 9, 49],
    ].flatMap(([n, c, hw]) => modes.map(([training, relu]) => [n, c, hw, training, relu])),
  )('batch norm of %i x %i x %i, training %i, relu %i', async (n, c, hw, training, relu) => {
    await compare(dtype, c, batchNormInRanges(dtype, n, c, hw, training, relu, true))
    await compare(dtype, c, batchNormInRanges(dtype, n, c, hw, training, relu, false))
  })

  // More than one strip of the row.
  test('batch norm of features of several strips', async () => {
    const run = batchNormInRanges(dtype, 5, 1100, 1, 1, 0, true)
    for (const backend of ['wasm', 'js'] as const) {
      const memory = await memoryOf(dtype, backend)
      const expected = run(memory, [[0, 1100]])
      for (const first of [1, 5, 511, 512, 515, 1024, 1099]) {
        expect(run(memory, [[first, 1100 - first], [0, first]])).toEqual(expected) // prettier-ignore
      }
    }
  })

  test.each([
    [3, 9, 3, 1],
    [2, 10, 35, 1],
    [3, 9, 1, 7],
    [2, 4, 2, 19],
    [1030, 3, 2, 1],
    [1030, 2, 2, 3],
  ])('group norm of %i examples in %i groups of %i x %i', async (n, groups, channels, hw) => {
    await compare(dtype, groups, groupNormInRanges(dtype, n, groups, channels, hw, true))
    await compare(dtype, groups, groupNormInRanges(dtype, n, groups, channels, hw, false))
  })
})
