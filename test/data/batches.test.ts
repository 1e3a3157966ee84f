// How data gets into a model: what is checked, what is read once, any number of rows, and no memory on the way.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Labels,
  type Numbers,
  checkValues,
  copyLabels,
  copyRows,
  readData,
  readLabels,
  readRows,
  viewBatches,
  viewRows,
} from '../../src/data/batches'
import { rowsByLabel, splitRows } from '../../src/data/split'
import { DataError, createRandom, splitData } from '../../src/entries/index'

const KINDS = [
  Float64Array,
  Float32Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
]

/** An array whose value at `at` is another one each time it is read: the first of `values`, then the next. */
function shifty(length: number, at: number, ...values: unknown[]): number[] & number[] {
  const list = Array.from({ length }, (_, i) => i % 2)
  let read = 0
  Object.defineProperty(list, at, { get: () => values[Math.min(read++, values.length - 1)] })
  return list
}

function refusal(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(DataError)
    return (error as Error).message
  }
  return 'no error'
}

describe('readRows', () => {
  test.each(KINDS)('a %o is taken as it is', (Kind) => {
    const x = Kind.of(1, 2, 3, 4)
    expect(readRows('x', x, 2, [2])).toBe(x)
  })

  test('of anything else, a copy in the precision of the model', () => {
    expect(readRows('x', [0.1, 2, 3, 4], 2, [2])).toEqual(Float64Array.of(0.1, 2, 3, 4))
    expect(readRows('x', { length: 2, 0: 0.1, 1: 2 }, 2, [2], 'float32')).toEqual(Float32Array.of(0.1, 2))
  })

  test('reads each value once: a getter cannot give another one after the check', () => {
    expect(readRows('x', shifty(4, 3, 5, NaN), 2, [2])).toEqual(Float64Array.of(0, 1, 0, 5))
    expect(readRows('y', shifty(4, 3, 0.5, 7), 2, [2], 'float64', true)).toEqual(Float64Array.of(0, 1, 0, 0.5))
    expect(readLabels('y', shifty(4, 3, 2, 1e9), 4, 3)).toEqual(Int32Array.of(0, 1, 0, 2))
  })

  test('refuses the rest', () => {
    const cases: [unknown, RegExp][] = [
      [[1, null], /^x: row 1 holds null; remove or repair/],
      [[1, 'a'], /^x: row 1 holds "a"/],
      [[1, '2'], /^x: row 1 holds "2"/],
      [[1, true], /^x: row 1 holds true/],
      [[1, 2n], /^x: row 1 holds 2n/],
      [[1, [2]], /^x: row 1 holds \[2\]/],
      [[1, { valueOf: () => 2 }], /^x: row 1 holds \{/],
      // A hole.
      // oxlint-disable-next-line no-sparse-arrays
      [[1, , 3], /^x: row 1 holds undefined/],
      [[1, NaN], /^x: row 1 holds NaN/],
      [Float64Array.of(1, 2, -Infinity), /^x: row 2 holds -Infinity/],
      [Float32Array.of(1, NaN), /^x: row 1 holds NaN/],
      [BigInt64Array.of(1n), /^x: row 0 holds 1n/],
      [[], /^x: want rows of 1 number \(shape 1\), got 0 numbers/],
      [{ length: 2.5, 0: 1 }, /got 2.5 numbers/],
      [{ length: Infinity, 0: 1 }, /got Infinity numbers/],
      [{ length: -3, 0: 1 }, /got -3 numbers/],
      [{ length: 2 ** 52, 0: 1 }, /no memory for 4503599627370496 numbers/],
      [new DataView(new ArrayBuffer(8)), /want a typed array or an array of numbers, got a DataView/],
      ['12', /want a typed array/],
      [Promise.resolve([1]), /got a promise \(await it first\)/],
      [new Proxy([1], { get: () => { throw new Error('no') } }), /^x: it cannot be read: Error\(/], // prettier-ignore
      [shifty(2, 1, 1n), /row 1 holds 1n/],
    ]
    for (const [x, message] of cases) {
      expect(refusal(() => readRows('x', x as Numbers, 1, [1]))).toMatch(message)
    }
  })

  test('knows what float32 can hold: a finite double may be infinite there', () => {
    // The largest that is rounded down, and the least that is rounded up to infinity.
    const [most, over] = [3.4028235677973362e38, 3.4028235677973366e38]
    expect([Math.fround(most), Math.fround(over)]).toEqual([3.4028234663852886e38, Infinity])
    for (const sign of [1, -1]) {
      for (const of of [(v: number) => [0, v], (v: number) => Float64Array.of(0, v)]) {
        expect(readRows('x', of(sign * most), 1, [1], 'float32').length).toBe(2)
        expect(readRows('x', of(sign * over), 1, [1]).length).toBe(2)
        expect(refusal(() => readRows('x', of(sign * over), 1, [1], 'float32'))).toMatch(
          /^x: row 1 holds -?3.4028235677973366e\+38; too large for float32; scale the data, or .*'float64'/,
        )
        expect(refusal(() => checkValues('x', Float64Array.from(of(sign * over)), 1, 'float32'))).toMatch(
          /too large for float32/,
        )
      }
    }
  })

  test('finds what is not finite at any place of any length', () => {
    for (const Kind of [Float64Array, Float32Array]) {
      for (const dtype of ['float64', 'float32'] as const) {
        for (let length = 1; length < 14; length++) {
          checkValues('x', new Kind(length).fill(3e38), 1, dtype)
          for (let at = 0; at < length; at++) {
            for (const bad of [NaN, Infinity, -Infinity, ...(dtype === 'float32' ? [1e39, -1e300] : [])]) {
              const x = new Kind(length).fill(at)
              x[at] = bad
              expect(refusal(() => checkValues('x', x, 1, dtype))).toContain(`x: row ${at} holds `)
            }
          }
        }
      }
    }
  })

  test('probabilities are from 0 to 1', () => {
    expect(readRows('y', [0, 0.5, 1], 1, [1], 'float32', true)).toEqual(Float32Array.of(0, 0.5, 1))
    for (const y of [[0, 1.1], Float64Array.of(0, -0.1), Uint8Array.of(0, 2), [0, null], [0, NaN]]) {
      expect(refusal(() => readRows('y', y as Numbers, 1, [1], 'float64', true))).toMatch(
        /^y: row 1 holds .*; want targets from 0 to 1/,
      )
    }
  })
})

describe('readLabels', () => {
  test('typed arrays as they are, anything else as a copy', () => {
    const typed = Uint8Array.of(0, 2, 1)
    expect(readLabels('y', typed, 3, 3)).toBe(typed)
    expect(readLabels('y', [0, 2n, 1], 3, 3)).toEqual(Int32Array.of(0, 2, 1))
    expect(readLabels('y', BigInt64Array.of(0n, 2n), 2, 3)).toEqual(Int32Array.of(0, 2))
  })

  test('refuses the rest', () => {
    const cases: [unknown, RegExp][] = [
      [[0, 3], /^y: the label of row 1 is 3; want an integer from 0 to 2/],
      [[0, 1.5], /row 1 is 1.5/],
      [[0, null], /row 1 is null/],
      [[0, '1'], /row 1 is "1"/],
      [[0, -1n], /row 1 is -1n/],
      [[0, 2n ** 64n], /row 1 is 18446744073709551616n/],
      [Float64Array.of(0, NaN), /row 1 is NaN/],
      [[0], /^y: 1 label for 2 rows of x/],
      [7, /^y: want labels, got 7/],
      [null, /^y: want labels, got null/],
    ]
    for (const [labels, message] of cases) {
      expect(refusal(() => readLabels('y', labels as Labels, 2, 3))).toMatch(message)
    }
  })
})

describe('copyRows and copyLabels', () => {
  test('give what a plain loop gives, of any kind, size and order', () => {
    const kind = fc.constantFrom(...KINDS.map((Kind) => (x: number[]) => Kind.from(x)))
    fc.assert(
      fc.property(
        kind,
        fc.constantFrom(Float64Array, Float32Array),
        fc.constantFrom(1, 2, 3, 4, 5, 8, 9, 255, 256, 300),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }),
        fc.nat(5),
        fc.boolean(),
        (make, To, size, rows, places, start, ordered) => {
          const x = make(Array.from({ length: rows * size }, (_, i) => (i * 37) % 101))
          const order = places.map((place) => place % rows)
          const first = start % (ordered ? order.length : rows)
          const n = (ordered ? order.length : rows) - first
          const want = new To(n * size + 1)
          for (let i = 0; i < n; i++) {
            for (let j = 0; j < size; j++) want[i * size + j] = x[(ordered ? order[first + i] : first + i) * size + j]
          }
          const blocks = [n, Math.max(1, first)].map((batch) => viewBatches(x, size, batch))
          for (const views of [undefined, viewRows(x, size), ...(ordered ? [] : blocks)]) {
            const to = new To(n * size + 1)
            copyRows(x, size, to, n, ordered ? order : undefined, first, views)
            expect(to).toEqual(want)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('views are for long rows', () => {
    expect(viewRows(new Uint8Array(784 * 3), 784)?.map(({ length }) => length)).toEqual([784, 784, 784])
    expect(viewRows(new Uint8Array(30), 10)).toBe(undefined)
  })

  test('a label that changes after the check reaches no kernel', () => {
    for (const bad of [1e9, -1, NaN, 0.5]) {
      const labels = readLabels('y', Float64Array.of(0, 1, 2, 0), 4, 3)
      labels[2] = bad
      const to = new Int32Array(4)
      expect(refusal(() => copyLabels(labels, 3, to, 4, undefined, 0))).toMatch(/^y: the label of row 2 is/)
      expect([...to]).toEqual([0, 1, 0, 0])
    }
  })

  test('memory that was taken away is said, not trained on', () => {
    for (const size of [2, 300]) {
      const x = new Float64Array(4 * size)
      const views = viewRows(x, size)
      structuredClone(x.buffer, { transfer: [x.buffer] })
      expect(refusal(() => copyRows(x, size, new Float64Array(size), 1, [3], 0, views))).toBe(
        'x: row 3 is gone: its memory was taken away',
      )
      const blocks = [new Float64Array(0), new Float64Array(0)]
      expect(refusal(() => copyRows(x, size, new Float64Array(size), 1, undefined, 2, blocks))).toMatch(/^x: row 2 is/)
    }
  })

  test('allocate nothing', () => {
    const to = new Float64Array(8 * 300)
    for (const size of [3, 300]) {
      const x = new Uint8Array(64 * size)
      const order = Uint32Array.from({ length: 64 }, (_, i) => 63 - i)
      const views = viewRows(x, size)
      const labels = new Uint8Array(64)
      const classes = new Int32Array(8)
      const run = () => {
        for (let first = 0; first < 64; first += 8) {
          copyRows(x, size, to, 8, order, first, views)
          copyLabels(labels, 10, classes, 8, order, first)
        }
      }
      for (let i = 0; i < 3000; i++) run()
      let least = Infinity
      for (let window = 0; window < 20; window++) {
        const before = process.memoryUsage().heapUsed
        for (let i = 0; i < 100; i++) run()
        least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before))
      }
      // A view takes 200 bytes: 8 of them in each of 800 batches would be more than a million.
      expect(least).toBeLessThan(100_000)
    }
  })
})

describe('readData', () => {
  const x = [1, 2]
  test('gives the members that are known', () => {
    const data = { x, y: [0, 1], shape: [1], columns: ['a'], classes: ['p', 'q'] }
    expect(readData('fit', data)).toEqual(data)
    class Own {
      x = x
      y = [0, 1]
      path = 'a.csv'
    }
    expect(readData('fit', new Own())).toEqual({ x, y: [0, 1] })
  })

  test('refuses the rest', () => {
    const cases: [unknown, string][] = [
      [
        { x, y: x, sampleWeight: x },
        "fit: data has 'sampleWeight', which is not read; it may have x, y, shape, columns, classes, coarse",
      ],
      [{ x, labels: x }, 'fit: data must be an object { x, y } of arrays, got {'],
      [{ x, y: 5 }, 'fit: data must be an object { x, y } of arrays, got {'],
      [{ x, y: x, weight: x }, "fit: data has 'weight', which is not read"],
      [null, 'got null'],
      ['xy', 'got "xy"'],
      [[x, x], 'got [['],
      [Promise.resolve({ x, y: x }), 'got a promise (await it first)'],
      [{ x, get y() { throw new Error('gone') } }, 'fit: data: it cannot be read: Error("gone")'], // prettier-ignore
    ]
    for (const [data, message] of cases) {
      expect(refusal(() => readData('fit', data as never))).toContain(message)
    }
  })
})

describe('splitData', () => {
  test.each([false, true])('takes any number of rows, stratified: %s', (stratify) => {
    const rows = 1_500_000
    const x = Float32Array.from({ length: rows }, (_, i) => i)
    const y = Uint8Array.from({ length: rows }, (_, i) => i % 3)
    const { training, validation } = splitData({ x, y }, { validation: 0.2, stratify, seed: 1 })
    expect([training.x.length, validation.x.length]).toEqual([1_200_000, 300_000])
    const seen = new Uint8Array(rows)
    for (const { x, y } of [training, validation]) {
      for (let i = 0; i < x.length; i++) {
        seen[x[i]]++
        if (y[i] !== x[i] % 3 || (i && x[i] <= x[i - 1])) throw new Error(`row ${i}`)
      }
    }
    expect(seen.every((times) => times === 1)).toBe(true)
    if (stratify) expect(validation.y.filter((label) => label === 2).length).toBe(100_000)
  })

  test('plain arrays of a million rows', () => {
    const x = Array.from({ length: 1_000_001 }, (_, i) => i)
    const { training, validation } = splitData({ x, y: x })
    expect([training.y.length, validation.y.length]).toEqual([900_001, 100_000])
    expect(training.x).toEqual(training.y)
  })

  test('draws the rows that it always drew', () => {
    const split = splitRows('split', 12, 0.3, createRandom(5, 3))
    const shared = splitRows(
      'split',
      12,
      0.3,
      createRandom(5, 3),
      rowsByLabel('split', 12, [0, 1, 2, 0, 1, 2, 0, 1, 0, 0, 0, 1]),
    )
    expect([...shared.validation]).toEqual([0, 5, 6, 11])
    expect([[...split.validation], [...split.training]]).toEqual([
      [0, 2, 3, 5],
      [1, 4, 6, 7, 8, 9, 10, 11],
    ])
  })

  test('keeps what describes the data, and what goes with its rows', () => {
    const data = {
      x: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      y: Uint8Array.of(1, 2, 3, 4),
      coarse: Uint8Array.of(10, 20, 30, 40),
      weight: [0.1, 0.2, 0.3, 0.4],
      shape: [2],
    }
    const { training, validation } = splitData(data, { validation: 0.5 })
    for (const part of [training, validation]) {
      expect(part.shape).toEqual([2])
      expect([...part.coarse]).toEqual(Array.from(part.y, (label) => 10 * label))
      expect(part.weight).toEqual(Array.from(part.y, (label) => label / 10))
      expect([...part.x]).toEqual(Array.from(part.y).flatMap((label) => [2 * label - 1, 2 * label]))
    }
  })

  test('gives arrays of the same kind', () => {
    for (const x of [...KINDS.map((Kind) => Kind.of(1, 2, 3)), BigInt64Array.of(1n, 2n, 3n), [1, 2, 3]]) {
      const { training } = splitData({ x: [1, 2, 3], y: x as number[] })
      expect(training.y.constructor).toBe(x.constructor)
    }
    const { training } = splitData({ x: Buffer.from([1, 2, 3]), y: [1, 2, 3] })
    expect(training.x.constructor).toBe(Uint8Array)
  })

  test('refuses the rest', () => {
    const cases: [unknown, unknown, RegExp][] = [
      [{ x: [1, 2], y: [0, 1], names: [] }, {}, /data has 'names', which is not read/],
      [{ x: [1, 2], y: [0, 1], weight: [1] }, {}, /weight has 1 values for 2 rows/],
      [{ x: [1, 2], y: [0, 1], weight: null }, {}, /weight has undefined values/],
      [{ x: [1, 2], y: [0, 'a'] }, { stratify: true }, /label of row 1 is "a"/],
      [{ x: [1, 2], y: [0, NaN] }, { stratify: true }, /label of row 1 is NaN/],
      [Promise.resolve({}), {}, /got a promise/],
    ]
    for (const [data, options, message] of cases) {
      expect(refusal(() => splitData(data as never, options as object))).toMatch(message)
    }
  })

  test('takes two arguments', () => {
    const [x, y] = [[1, 2], [0, 1]] // prettier-ignore
    expect(() => (splitData as unknown as (...args: unknown[]) => unknown)(x, y, { validation: 0.5 })).toThrow(
      'splitData: takes 2 arguments, got another: {',
    )
  })
})
