// Tables as people have them: gaps, words, categories; and reports of what is predicted.
import { describe, expect, test, vi } from 'vitest'
import {
  DataError,
  FileError,
  PlanError,
  binaryReport,
  createModel,
  dense,
  meanSquaredError,
  regressionReport,
  sgd,
} from '../../src/entries/index'
import { impute, loadTransform, oneHot, ordinal, readCsv } from '../../src/entries/data'

describe('readCsv', () => {
  const text = 'size,colour,price\n1,red,10\n?,blue,20\n3,,30\nNA,red,40\n'

  test('keeps gaps as NaN, and gives words numbers', () => {
    const table = readCsv(text, { target: 'price', missing: 'keep', categories: ['colour'] })
    expect(table.x).toEqual(Float64Array.of(1, 1, NaN, 0, 3, NaN, NaN, 1))
    expect(table.categories).toEqual({ colour: ['blue', 'red'] })
    const again = readCsv('size,colour,price\n5,red,1', { target: 'price', categories: table.categories })
    expect(again.x).toEqual(Float64Array.of(5, 1))
    expect(again.categories).toEqual(table.categories)
    const ordered = readCsv('a\nS\nL\nM\n', { categories: { a: ['S', 'M', 'L'] } })
    expect([...ordered.x]).toEqual([0, 2, 1])
  })

  test('refuses what cannot be', () => {
    const read = (options: object) => () => readCsv(text, { target: 'price', ...options })
    expect(read({ categories: ['colour'] })).toThrow(/line 3, column 0 "size": the value is missing/)
    expect(read({ missing: 'keep' })).toThrow(/line 2, column 1 "colour": want a number, got "red"/)
    expect(read({ missing: 'drop' })).toThrow(PlanError)
    expect(read({ missing: 'keep', categories: { colour: ['red'] } })).toThrow(
      new FileError('readCsv: line 3, column 1 "colour": "blue" is not among ["red"], the categories given'),
    )
    expect(read({ categories: ['shape'] })).toThrow(/categories: no column "shape"/)
    expect(read({ categories: ['price'] })).toThrow(/column "price" is both target and categories/)
    expect(read({ categories: ['colour', 1] })).toThrow(/categories has column 1 twice/)
    expect(read({ categories: { colour: [] } })).toThrow(PlanError)
    expect(read({ categories: 'colour' })).toThrow(/categories must be a list of columns, or an object/)
  })
})

describe('impute', () => {
  const shape = [3]
  const x = [1, 5, 2, NaN, 5, 2, 3, NaN, 7, 8, 1, NaN]

  test('fills in a figure of the training data', () => {
    expect(impute(x, { shape }).fill).toEqual([4, 11 / 3, 11 / 3])
    const filling = impute(x, { shape, by: ['median', 'mode', -1] })
    expect(filling.fill).toEqual([3, 5, -1])
    expect(filling.apply([NaN, NaN, NaN, 1, 2, 3])).toEqual(Float64Array.of(3, 5, -1, 1, 2, 3))
    expect(filling.invert([1, 2, 3])).toEqual(Float64Array.of(1, 2, 3))
    expect(impute([1, NaN, 4, 2], { shape: [1], by: 'median' }).fill).toEqual([2])
    expect(impute([1, 9, 4, 2], { shape: [1], by: 'median' }).fill).toEqual([3])
    const loaded = loadTransform(filling.save())
    expect(loaded.apply(x)).toEqual(filling.apply(x))
    expect(loaded).toMatchObject({ kind: 'impute', fill: [3, 5, -1], shape, size: 3 })
  })

  test('refuses what cannot be', () => {
    expect(() => impute([NaN, 1], { shape: [2] })).toThrow(
      new DataError('impute: value 0 of an example is missing in all rows; leave it out'),
    )
    expect(() => impute([Infinity], { shape: [1] })).toThrow('impute: x: row 0 holds Infinity')
    expect(() => impute(x, { shape, by: ['mean'] })).toThrow('impute: by must be one, or one for each of 3 values')
    expect(() => impute(x, { shape, by: 'most' as never })).toThrow(PlanError)
    expect(() => impute(x, { shape, by: NaN })).toThrow(PlanError)
    expect(() => impute(x, { shape }).apply([1, 2])).toThrow('want rows of 3 numbers')
  })
})

describe('oneHot and ordinal', () => {
  const shape = [3]
  // Columns: a value, and codes 10, 20, 99 and 0, 1.
  const x = [0.5, 20, 1, 1.5, 10, 0, 2.5, 99, 1]

  test('each category gets a place, and comes back', () => {
    const hot = oneHot(x, { shape, columns: [2, 1] })
    expect(hot).toMatchObject({
      size: 6,
      columns: [1, 2],
      categories: [
        [10, 20, 99],
        [0, 1],
      ],
    })
    const y = hot.apply(x)
    expect([...y]).toEqual([0.5, 0, 1, 0, 0, 1, 1.5, 1, 0, 0, 1, 0, 2.5, 0, 0, 1, 0, 1])
    expect([...hot.invert(y)]).toEqual(x)
    const places = ordinal(x, { shape, columns: [1] })
    expect([...places.apply(x)]).toEqual([0.5, 1, 1, 1.5, 0, 0, 2.5, 2, 1])
    expect([...places.invert(places.apply(x))]).toEqual(x)
    for (const one of [hot, places]) {
      const loaded = loadTransform(one.save())
      expect([...loaded.apply(x)]).toEqual([...one.apply(x)])
      expect(loaded).toMatchObject({ kind: one.kind, columns: one.columns, categories: one.categories })
    }
  })

  test('what the training data has not is refused, or none', () => {
    const strange = [1, 30, 0]
    const options = { shape, columns: [1] }
    expect(() => oneHot(x, options).apply(strange)).toThrow(
      'oneHot.apply: x: row 0 has the category 30 in column 1, which the training data has not',
    )
    expect([...oneHot(x, { ...options, unknown: 'none' }).apply(strange)]).toEqual([1, 0, 0, 0, 0])
    const places = ordinal(x, { ...options, unknown: 'none' })
    expect([...places.apply([1, NaN, 0])]).toEqual([1, -1, 0])
    expect([...places.invert([1, -1, 0])]).toEqual([1, NaN, 0])
    expect(() => places.apply([NaN, 10, 0])).toThrow('ordinal.apply: x: row 0 holds NaN; impute fills it in')
    expect(() => ordinal(x, options).invert([1, 3, 0])).toThrow('row 0 has the place 3, of 3 categories')
    expect(() => ordinal(x, { shape, columns: [3] })).toThrow(PlanError)
    expect(() => ordinal(x, { shape, columns: [1, 1] })).toThrow('ordinal: columns has one twice: 1, 1')
    expect(() => oneHot(x, { shape, columns: [] })).toThrow('oneHot: columns must be a list')
    expect(() => oneHot(x, { shape, unknown: 'zero' as never })).toThrow(PlanError)
  })
})

describe('reports', () => {
  test('of yes or no: scikit-learn has the same figures', () => {
    const scores = [0.1, 0.4, 0.35, 0.8, -1, 0.4]
    const report = binaryReport(scores, [0, 0, 1, 1, 0, 1], { threshold: 0.38 })
    expect(report).toMatchObject({ accuracy: 4 / 6, precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 })
    expect(report.confusion).toEqual([
      [2, 1],
      [1, 2],
    ])
    // Of 9 pairs 7 are in order, and one is even.
    expect(report.auc).toBeCloseTo(7.5 / 9, 15)
    expect(binaryReport([1, 2], [1, 1]).auc).toBeNaN()
    expect(binaryReport([-1, -2], [1, 0]).precision).toBeNaN()
    expect(binaryReport({ shape: [2, 1], data: Float64Array.of(1, -1) }, [1, 0])).toMatchObject({ f1: 1, auc: 1 })
    expect(() => binaryReport([1, 2], [1])).toThrow(new DataError('binaryReport: 2 predictions for 1 target'))
    expect(() => binaryReport([NaN], [1])).toThrow('binaryReport: scores: row 0 holds NaN')
  })

  test('of values', () => {
    const report = regressionReport([2.5, 0, 2, 8], [3, -0.5, 2, 7])
    expect(report.meanAbsoluteError).toBe(0.5)
    expect(report.rootMeanSquaredError).toBeCloseTo(Math.sqrt(0.375), 15)
    expect(report.r2).toBeCloseTo(0.9486081370449679, 14)
    expect(regressionReport([1, 2], [3, 3]).r2).toBeNaN()
    expect(() => regressionReport([1], [1, 2])).toThrow(DataError)
  })
})

test('what was unknown is still unknown after invert', () => {
  const encoding = oneHot([0, 1, 2], { shape: [1], unknown: 'none' })
  expect([...encoding.invert(encoding.apply([7, NaN, 1]))]).toEqual([NaN, NaN, 1])
})

test('words of a table: listed ones that look like gaps, ones that are new, columns with spaces', () => {
  const listed = { missing: 'keep', target: 'price', categories: { alley: ['None', 'Grvl'] } } as const
  expect([...readCsv('alley,price\nNone,1\nGrvl,2\nNA,3', listed).x]).toEqual([0, 1, NaN])
  const known = { target: 'y', categories: { city: ['Bern'] } }
  expect(() => readCsv('city,y\nLugano,1', known)).toThrow(/"Lugano" is not among .*, the categories given$/)
  expect([...readCsv('city,y\nLugano,1\nBern,2', { ...known, unknown: 'keep' }).x]).toEqual([NaN, 0])
  const spaced = readCsv('size, colour, y\n1, red, 2\n3, blue, 4', { target: 'y', categories: ['colour'] })
  expect(spaced.categories).toEqual({ colour: ['blue', 'red'] })
  const again = readCsv('size, colour, y\n5, red, 6', { target: 'y', categories: spaced.categories })
  expect([...again.x]).toEqual([5, 1])
  expect(() => readCsv('city,y\nBern,1', { target: 'y' })).toThrow(
    /want a number, got "Bern"; columns of words go into/,
  )
  expect(() => readCsv('a,y\n1,', { target: 'y', missing: 'keep' })).toThrow(/remove the row or the column \(ignore\)$/)
})

test('a table with words goes into fit as it is', async () => {
  const table = readCsv('a,b,y\n1,x,3\n2,z,4', { target: 'y', categories: ['b'] })
  const optimizer = sgd({ learningRate: 0.01 })
  const model = await createModel(dense(1), { input: table.shape, loss: meanSquaredError(), optimizer })
  expect((await model.fit(table, { epochs: 1 })).steps).toBe(1)
})

test('scores that look like probabilities are noted, unless there is a threshold', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  binaryReport([0.1, 0.9], [0, 1], { threshold: 0.5 })
  binaryReport([-0.1, 0.9], [0, 1])
  expect(warn).not.toHaveBeenCalled()
  binaryReport([0.1, 0.9], [0, 1])
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/binaryReport: all scores lie from 0 to 1, .*0.5 }$/),
  )
  warn.mockRestore()
})
