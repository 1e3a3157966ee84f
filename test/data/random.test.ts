// The random stream: pinned, since every seed's weights and shuffles come from it, and random enough.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PlanError, createRandom } from '../../src/entries/index'

const draw = (seed: number, stream?: number) => Array.from({ length: 4 }, createRandom(seed, stream).next)
const COUNT = 100_000
const many = (name: 'uniform' | 'normal') => Array.from({ length: COUNT }, createRandom(3)[name])
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length

// From a second implementation, in Python, of xoshiro128** seeded by splitmix32.
describe('the stream stays what it is', () => {
  test.each([
    [0, 0, [1789933344, 44971166, 2521392804, 3836935353]],
    [1, 0, [393288148, 2174103013, 3814759091, 2092745082]],
    [1, 1, [2113752136, 1120643331, 1514019756, 851135148]],
    [42, 2, [1773285662, 2492749984, 603446445, 604974162]],
    [4294967295, 0, [4104197751, 1825856343, 1152209388, 2427537429]],
  ])('next, seed %i, stream %i', (seed, stream, values) => {
    expect(draw(seed, stream)).toEqual(values)
  })

  test('uniform, normal, integer, shuffle', () => {
    const { uniform, normal, integer, shuffle } = createRandom(1)
    expect([uniform(), uniform()]).toEqual([0.09156953175513294, 0.8881928137485323])
    expect([normal(), normal(), normal()]).toEqual([-0.4219232706535274, 1.58409270212488, 0.43666702696343557])
    expect([integer(10), integer(10), integer(1), integer(3e9)]).toEqual([7, 9, 0, 1303255859])
    expect(shuffle([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([7, 9, 1, 4, 5, 6, 0, 3, 2, 8])
  })

  test('one seed, one stream: twice the same', () => {
    expect(draw(5)).toEqual(draw(5))
    expect(draw(5)).toEqual(draw(5, 0))
  })
})

describe('seeds and streams', () => {
  test('no two give the same', () => {
    const seeds = [...Array(1000).keys(), 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER]
    const first = seeds.flatMap((seed) => [0, 1, 2].map((stream) => draw(seed, stream).join()))
    expect(new Set(first).size).toBe(first.length)
  })

  // The high half of a seed must not be folded into the low one: 2^40 would be 256.
  test.each([32, 33, 40, 52])('2^%i is none of the first seeds', (power) => {
    const large = draw(2 ** power).join()
    expect([...Array(2048).keys()].filter((seed) => draw(seed).join() === large)).toEqual([])
    expect(draw(2 ** power + 1).join()).not.toBe(large)
  })

  test('neighbours are not alike', () => {
    const firsts = Array.from({ length: 10_000 }, (_, seed) => createRandom(seed).uniform())
    expect(mean(firsts)).toBeCloseTo(0.5, 1.5)
    const products = firsts.slice(1).map((v, i) => (v - 0.5) * (firsts[i] - 0.5))
    expect(Math.abs(mean(products)) * 12).toBeLessThan(0.04)
  })
})

describe('distributions', () => {
  test('next: 32 bits, each set half of the time', () => {
    const { next } = createRandom(3)
    const set = Array<number>(32).fill(0)
    for (let i = 0; i < COUNT; i++) {
      const value = next()
      expect(value >>> 0).toBe(value)
      for (let bit = 0; bit < 32; bit++) set[bit] += (value >>> bit) & 1
    }
    for (const count of set) expect(Math.abs(count / COUNT - 0.5)).toBeLessThan(0.01)
  })

  test('uniform: in [0, 1), even', () => {
    const values = many('uniform')
    expect(values.every((v) => v >= 0 && v < 1)).toBe(true)
    expect(mean(values)).toBeCloseTo(0.5, 2)
    expect(mean(values.map((v) => (v - 0.5) ** 2))).toBeCloseTo(1 / 12, 2)
    const tenths = Array<number>(10).fill(0)
    for (const v of values) tenths[Math.floor(10 * v)]++
    for (const count of tenths) expect(Math.abs(count / COUNT - 0.1)).toBeLessThan(0.005)
    // 53 bits: the last ones are in use.
    expect(values.some((v) => (v * 2 ** 53) % 2 === 1)).toBe(true)
  })

  test('normal: mean 0, variance 1, skewness 0, kurtosis 3', () => {
    const values = many('normal')
    expect(values.every(Number.isFinite)).toBe(true)
    expect(Math.abs(mean(values))).toBeLessThan(0.015)
    expect(Math.abs(mean(values.map((v) => v ** 2)) - 1)).toBeLessThan(0.02)
    expect(Math.abs(mean(values.map((v) => v ** 3)))).toBeLessThan(0.05)
    expect(Math.abs(mean(values.map((v) => v ** 4)) - 3)).toBeLessThan(0.1)
    // Successive ones come in pairs.
    expect(Math.abs(mean(values.slice(1).map((v, i) => v * values[i])))).toBeLessThan(0.015)
  })

  test.each([1, 2, 3, 7, 100])('integer(%i): each equally often', (n) => {
    const { integer } = createRandom(4)
    const counts = Array<number>(n).fill(0)
    for (let i = 0; i < COUNT; i++) counts[integer(n)]++
    const chi = counts.reduce((sum, count) => sum + (count - COUNT / n) ** 2 / (COUNT / n), 0)
    // Six standard deviations above the mean of chi squared.
    expect(chi).toBeLessThanOrEqual(n - 1 + 6 * Math.sqrt(2 * (n - 1)))
  })

  // The remainder of 2^32 alone would give values below 2^30 twice as often.
  test('integer(3 * 2^30) does not favour the small', () => {
    const { integer } = createRandom(4)
    let small = 0
    for (let i = 0; i < COUNT; i++) if (integer(3 * 2 ** 30) < 2 ** 30) small++
    expect(Math.abs(small / COUNT - 1 / 3)).toBeLessThan(0.01)
  })
})

describe('shuffle', () => {
  const hostile = (trap: object) => new Proxy([1, 2, 3], trap)
  const fail = () => {
    throw new Error('no')
  }
  test.each<[string, unknown, RegExp]>([
    ['a length alone, which was endless', { length: 2 ** 32 }, /^random\.shuffle: wants an array or a typed array/],
    ['an array without values', Array(4294967295), /^random\.shuffle: wants an array or a typed array/],
    ['a proxy that gives nothing', hostile({ get: fail }), /^random\.shuffle: the list cannot be read: Error\("no"\)/],
    ['a proxy that takes nothing', hostile({ set: fail }), /^random\.shuffle: the list cannot be read/],
    ['a proxy of no prototype', hostile({ getPrototypeOf: fail, has: fail }), /^random\.shuffle: the list cannot/],
    ['an array that is frozen', Object.freeze([1, 2]), /^random\.shuffle: .* not frozen/],
    [
      'a getter that throws',
      Object.defineProperty([1, 2, 3], 1, { get: fail }),
      /^random\.shuffle: the list cannot be read: Error/,
    ],
  ])('refuses %s', (_, list, message) => {
    const { shuffle } = createRandom(1)
    expect(() => shuffle(list as number[])).toThrow(PlanError)
    expect(() => shuffle(list as number[])).toThrow(message)
  })

  test('is a permutation, in place, of arrays and typed arrays', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(), (values, seed) => {
        const plain = [...values]
        const typed = Int32Array.from(values)
        expect(createRandom(seed).shuffle(plain)).toBe(plain)
        expect([...createRandom(seed).shuffle(typed)]).toEqual(plain)
        expect(plain.toSorted((a, b) => a - b)).toEqual(values.toSorted((a, b) => a - b))
      }),
    )
  })

  test('gives each order equally often', () => {
    const { shuffle } = createRandom(5)
    const counts = new Map<string, number>()
    for (let i = 0; i < 24_000; i++) {
      const order = shuffle([0, 1, 2, 3]).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200)
  })
})
