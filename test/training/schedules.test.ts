// Schedules against their golden rates, PyTorch's ReduceLROnPlateau, and the runs they belong to.
import { createModel } from '../../src/model/create'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  PlanError,
  type Schedule,
  cosineDecay,
  cosineRestarts,
  dense,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  meanSquaredError,
  oneCycle,
  polynomialDecay,
  reduceOnPlateau,
  sgd,
  softmaxCrossEntropy,
  stepDecay,
  timeDecay,
  warmup,
} from '../../src/entries/index'
import { exportsFrom } from '../support/exports'

const read = (name: string) => JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'))

interface Config {
  initial: number
  decayRate: number
  total: number
  drop: number
  every: number
}

/** What each operation of the fixture takes of its config. */
const decays: Record<string, (config: Config & { per?: 'step' }) => Schedule> = {
  cosineDecay: ({ initial, total, per }) => cosineDecay({ initial, total, per }),
  exponentialDecay: ({ initial, decayRate, per }) => exponentialDecay({ initial, decayRate, per }),
  inverseSqrtDecay: ({ initial, per }) => inverseSqrtDecay({ initial, per }),
  linearDecay: ({ initial, total, per }) => linearDecay({ initial, total, per }),
  stepDecay: ({ initial, drop, every, per }) => stepDecay({ initial, drop, every, per }),
  timeDecay: ({ initial, decayRate, per }) => timeDecay({ initial, decayRate, per }),
}
/** Those of the second fixture. */
const more: Record<string, (config: any) => Schedule> = { cosineRestarts, oneCycle, polynomialDecay }
const golden: { op: string; config: Config; outputs: { rate: number[] } }[] = read('golden/schedules').cases
const cases = golden.filter(({ op }) => op !== 'constant')

interface MoreCase {
  op: string
  name: string
  config: any
  inputs?: { measure: number[] }
  outputs: { rate: number[] }
}

test.each((read('golden/schedules2').cases as MoreCase[]).map((c) => [c.name, c] as const))('%s', (_, c) => {
  const schedule = { ...more, cosineDecay, reduceOnPlateau }[c.op]!(c.config)
  const state = Float64Array.from(schedule.initialState ?? [])
  c.outputs.rate.forEach((rate, t) => {
    expect(Math.abs(schedule(t, undefined, state) - rate)).toBeLessThanOrEqual(1e-13 * Math.max(rate, 1e-3))
    schedule.observe?.(t, c.inputs!.measure[t], state)
  })
})

test('one cycle of a few epochs has the rates that PyTorch gives it, and says that they are no cycle', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const rates = (total: number) => Array.from({ length: total }, (_, t) => oneCycle({ max: 0.1, total })(t))
  const close = (found: number[], wanted: number[]) => {
    expect(found.length).toBe(wanted.length)
    found.forEach((rate, t) => expect(rate).toBeCloseTo(wanted[t], 15))
  }
  close(rates(4), [0.0040000000000000036, 0.0811745653949763, 0.028306099820869922, 4e-7])
  close(rates(3), [0.09944154354509119, 0.046263710266697504, 4e-7])
  expect(warn).not.toHaveBeenCalled()
  close(rates(2), [0.0811745653949763, 4e-7])
  expect(warn).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/oneCycle: 2 epochs make no cycle: .* per: 'step'/),
  )
  warn.mockRestore()
})

test('a curve without a total is as long as the run', () => {
  const [open, closed] = [oneCycle({ max: 0.1 }), oneCycle({ max: 0.1, total: 12 })]
  for (let t = 0; t < 14; t++) expect(open(t, 12)).toBe(closed(t))
  expect(() => open(0)).toThrow('oneCycle: the length of the run is not known')
  expect(polynomialDecay({ initial: 0.1, power: 0.5, total: 4 })(1)).toBeCloseTo(0.1 * Math.sqrt(0.75), 15)
  expect(cosineRestarts({ initial: 1, first: 2, factor: 3 })(2)).toBe(1)
  expect(cosineRestarts({ initial: 1, first: 3 })(3e9 + 1.5)).toBeCloseTo(0.5, 6)
})

test('a plateau watches any measure that an epoch has, in the direction that is better', async () => {
  const up = reduceOnPlateau({
    initial: 1,
    factor: 0.5,
    patience: 0,
    mode: 'max',
    thresholdMode: 'absolute',
    threshold: 0.1,
  })
  const state = Float64Array.from(up.initialState!)
  const rates = [0.5, 0.55, 0.7, 0.7].map((measure, t) => {
    up.observe!(t, measure, state)
    return up(t, undefined, state)
  })
  expect(rates).toEqual([1, 0.5, 0.5, 0.25])
  const labels = { x: [1, 2, 3, 4], y: [0, 1, 0, 1] }
  const of = (learningRate: Schedule) =>
    createModel(dense(2), { input: [1], batch: 2, loss: softmaxCrossEntropy(), optimizer: sgd({ learningRate }) })
  // The rate is 0, so that no epoch is better than the first.
  const accuracy = reduceOnPlateau({ initial: 0, patience: 0, monitor: 'validationAccuracy' })
  expect(accuracy.config).toMatchObject({ mode: 'max', monitor: 'validationAccuracy' })
  const model = await of(accuracy)
  await model.fit(labels, { epochs: 2, validation: labels })
  await expect((await of(accuracy)).fit(labels)).rejects.toThrow(
    'fit: the learning rate watches validationAccuracy, for which fit needs validation',
  )
  const values = await modelOf(reduceOnPlateau({ initial: 1, monitor: 'accuracy' }))
  await expect(values.fit(data)).rejects.toThrow('fit: the learning rate watches accuracy, which is of one output')
  const seen: number[] = []
  const watching: Schedule = Object.assign(() => 0.1, {
    monitor: 'accuracy' as const,
    observe: (_: number, measure: number) => void seen.push(measure),
  })
  const history = await (await of(watching)).fit(labels, { epochs: 3, validation: labels })
  expect(seen).toEqual(history.accuracy)
  expect(warmup(2, accuracy).monitor).toBe('validationAccuracy')
  expect(() => reduceOnPlateau({ initial: 1, monitor: 'accuracy', mode: 'min' })).toThrow(PlanError)
  expect(() => reduceOnPlateau({ initial: 1, monitor: 'speed' as never })).toThrow(/monitor must be 'loss'/)
})

test('every schedule of the library is covered here', () => {
  const index = [...exportsFrom('schedules'), ...exportsFrom('plateau')]
  expect(index.toSorted()).toEqual(
    [...Object.keys(decays), ...Object.keys(more), 'reduceOnPlateau', 'warmup'].toSorted(),
  )
  expect(cases.map(({ op }) => op).toSorted()).toEqual(Object.keys(decays))
})

const options = { input: [1], batch: 2, loss: meanSquaredError() }
const data = { x: [1, 2, 3, 4], y: [1, 0, 1, 0] }
const modelOf = (learningRate: Schedule | number) =>
  createModel(dense(1), { ...options, optimizer: sgd({ learningRate }) })

describe.each(cases.map((c) => [c.op, c] as const))('%s', (op, { config, outputs }) => {
  const schedule = decays[op](config)

  test('has the golden rates', () => {
    outputs.rate.forEach((rate, t) => expect(Math.abs(schedule(t) / rate - 1)).toBeLessThan(1e-13))
    expect(schedule(0)).toBe(config.initial)
  })

  test('is what fit trains with, per epoch and per step', async () => {
    const epochs = await (await modelOf(schedule)).fit(data, { epochs: 5 })
    expect(epochs.learningRate).toEqual([0, 1, 2, 3, 4].map((t) => schedule(t)))
    const model = await modelOf(decays[op]({ ...config, per: 'step' }))
    const rates: number[] = []
    await model.fit(data, { epochs: 3, onBatch: ({ learningRate }) => void rates.push(learningRate) })
    expect(rates).toEqual([0, 1, 2, 3, 4, 5].map((t) => schedule(t)))
  })

  test('falls, and never below 0', () => {
    const rates = Array.from({ length: 60 }, (_, t) => schedule(t))
    rates.forEach((rate, t) => expect(rate <= (rates[t - 1] ?? Infinity) && rate >= 0, `${t}`).toBe(true))
  })

  test('after a warm-up starts from its own beginning', () => {
    const warm = warmup(4, schedule)
    expect(warm.per).toBe(schedule.per)
    for (let t = 0; t < 4; t++) expect(warm(t)).toBe((0.1 * (t + 1)) / 4)
    for (let t = 4; t < 20; t++) expect(warm(t)).toBe(schedule(t - 4))
  })
})

describe('schedules of a share of the run', () => {
  test.each([
    ['cosineDecay', cosineDecay({ initial: 1 }), 0],
    ['linearDecay', linearDecay({ initial: 1 }), 0],
    ['linearDecay to 0.25', linearDecay({ initial: 1, final: 0.25 }), 0.25],
  ] as const)('%s takes the length of the run', async (_, schedule, final) => {
    expect(schedule(0, 8)).toBe(1)
    expect(schedule(4, 8)).toBeCloseTo((1 + final) / 2, 15)
    for (const t of [8, 9, 100]) expect(schedule(t, 8)).toBe(final)
    expect(() => schedule(0)).toThrow(/^\w+: the length of the run is not known, .* outside fit; give total, in epochs/)
    expect(() => schedule(0, Infinity)).toThrow(/^\w+: the run has no end; give total, in epochs/)
    // Warm-up takes its part of the run off.
    expect(warmup(2, schedule)(6, 10)).toBe(schedule(4, 8))
    const history = await (await modelOf(warmup(2, schedule))).fit(data, { epochs: 6 })
    expect(history.learningRate).toEqual([0.5, 1, 1, 0.25, 0.5, 0.75].map((v, t) => (t < 3 ? v : schedule(t - 2, 4))))
  })

  test('a run that is all warm-up warms up', () => {
    for (const schedule of [cosineDecay({ initial: 1 }), linearDecay({ initial: 1 })]) {
      expect([0, 1, 2, 3].map((t) => warmup(4, schedule)(t, 4))).toEqual([0.25, 0.5, 0.75, 1])
      expect(warmup(8, schedule)(3, 4)).toBe(0.5)
    }
  })
})

describe('cosineDecay in cycles', () => {
  const ratesOf = (epochs: number, cycles: number) => {
    const rate = cosineDecay({ initial: 2, cycles })
    return Array.from({ length: epochs }, (_, t) => rate(t, epochs))
  }
  const curve = (length: number) => Array.from({ length }, (_, t) => 1 + Math.cos((Math.PI * t) / length))

  test('falls along whole curves, over any number of epochs', () => {
    const wanted = (...lengths: number[]) => lengths.flatMap(curve).map((rate) => expect.closeTo(rate, 14))
    expect(ratesOf(9, 4)).toEqual(wanted(2, 2, 2, 3))
    expect(ratesOf(10, 3)).toEqual(wanted(3, 3, 4))
    expect(ratesOf(12, 3)).toEqual(wanted(4, 4, 4))
    expect(ratesOf(5, 5)).toEqual(wanted(1, 1, 1, 1, 1))
  })

  test('begins every cycle at the first rate, and ends each as low as its length allows', () => {
    for (let epochs = 1; epochs <= 60; epochs++) {
      for (let cycles = 1; cycles <= epochs; cycles++) {
        const rates = ratesOf(epochs, cycles)
        const starts = rates.flatMap((rate, t) => (rate === 2 ? [t] : []))
        expect(starts, `${cycles} cycles in ${epochs} epochs`).toHaveLength(cycles)
        expect(starts[0]).toBe(0)
        starts.forEach((start, k) => {
          const end = starts[k + 1] ?? epochs
          const length = end - start
          expect(Math.abs(length - epochs / cycles)).toBeLessThan(1)
          for (let t = start + 1; t < end; t++) expect(rates[t]).toBeLessThan(rates[t - 1])
          expect(rates[end - 1]).toBeCloseTo(1 - Math.cos(Math.PI / length), 13)
        })
      }
    }
  })

  test('takes total, is 0 from there on, and is the plain decay where there is one', () => {
    const rate = cosineDecay({ initial: 2, total: 10, cycles: 3 })
    expect([10, 11, 1e9].map((t) => rate(t))).toEqual([0, 0, 0])
    expect([0, 3, 6].map((t) => rate(t, 1000))).toEqual([2, 2, 2])
    const [one, plain] = [cosineDecay({ initial: 2, cycles: 1 }), cosineDecay({ initial: 2 })]
    for (let t = 0; t < 40; t++) expect(one(t, 30)).toBe(plain(t, 30))
  })

  test('counts right where the numbers are large', () => {
    const rate = cosineDecay({ initial: 2, cycles: 1e6 })
    // Lengths of 1000 and 1001, in turn: cycle k begins at 1000 k + ⌊k / 2⌋.
    for (const k of [0, 1, 2, 3, 499_999, 999_998, 999_999]) {
      const start = 1000 * k + Math.floor(k / 2)
      expect(rate(start, 1_000_500_000)).toBe(2)
      if (k) expect(rate(start - 1, 1_000_500_000)).toBeLessThan(1e-5)
    }
    expect(rate(1_000_499_999, 1_000_500_000)).toBeLessThan(1e-5)
  })

  test('refuses more cycles than epochs, before anything is trained', async () => {
    expect(() => cosineDecay({ initial: 1, total: 3, cycles: 4 })).toThrow(PlanError)
    expect(() => cosineDecay({ initial: 1, total: 3, cycles: 4, per: 'step' })).toThrow(
      /^cosineDecay: 4 cycles need at least as many steps, got 3/,
    )
    const model = await modelOf(cosineDecay({ initial: 1, cycles: 4 }))
    const before = model.save()
    await expect(model.fit(data, { epochs: 3 })).rejects.toThrow(
      /^cosineDecay: 4 cycles need at least as many epochs, got 3/,
    )
    expect(model.save()).toEqual(before)
  })

  test('is what fit trains with, for epochs that cycles do not divide', async () => {
    const { learningRate } = await (await modelOf(cosineDecay({ initial: 2, cycles: 4 }))).fit(data, { epochs: 9 })
    expect(learningRate).toEqual(ratesOf(9, 4))
    expect(learningRate.filter((rate) => rate === 2)).toHaveLength(4)
  })
})

describe('at any time', () => {
  interface Options {
    initial: number
    decayRate: number
    drop: number
    every: number
    final: number
    total: number
    cycles: number
  }
  /** The formulas of the docstrings, as they stand there. */
  const formulas: Record<string, [make: (o: Options) => Schedule, formula: (o: Options, t: number) => number]> = {
    timeDecay: [
      ({ initial, decayRate }) => timeDecay({ initial, decayRate }),
      ({ initial, decayRate }, t) => initial / (1 + decayRate * t),
    ],
    exponentialDecay: [
      ({ initial, decayRate }) => exponentialDecay({ initial, decayRate }),
      ({ initial, decayRate }, t) => initial * decayRate ** t,
    ],
    stepDecay: [
      ({ initial, drop, every }) => stepDecay({ initial, drop, every }),
      ({ initial, drop, every }, t) => initial * drop ** Math.floor(t / every),
    ],
    linearDecay: [
      ({ initial, total, final }) => linearDecay({ initial, total, final }),
      ({ initial, total, final }, t) => (t < total ? initial + ((final - initial) * t) / total : final),
    ],
    inverseSqrtDecay: [({ initial }) => inverseSqrtDecay({ initial }), ({ initial }, t) => initial / Math.sqrt(t + 1)],
    cosineDecay: [
      ({ initial, total, cycles }) => cosineDecay({ initial, total, cycles }),
      ({ initial, total, cycles }, t) => {
        const starts = Array.from({ length: cycles + 1 }, (_, k) => Math.floor((k * total) / cycles))
        const k = starts.findLastIndex((start) => start <= t)
        if (k === cycles) return 0
        return (initial * (1 + Math.cos((Math.PI * (t - starts[k])) / (starts[k + 1] - starts[k])))) / 2
      },
    ],
    warmup: [
      ({ initial, decayRate, every }) => warmup(every, timeDecay({ initial, decayRate })),
      ({ initial, decayRate, every }, t) =>
        t < every ? (initial * Math.min(t + 1, every)) / every : initial / (1 + decayRate * (t - every)),
    ],
    reduceOnPlateau: [({ initial }) => reduceOnPlateau({ initial }), ({ initial }) => initial],
    cosineRestarts: [
      ({ initial, every, final }) => cosineRestarts({ initial, first: every, final }),
      ({ initial, every, final }, t) =>
        final + ((initial - final) * (1 + Math.cos((Math.PI * (t % every)) / every))) / 2,
    ],
    polynomialDecay: [
      ({ initial, total, final }) => polynomialDecay({ initial, total, final, power: 2 }),
      ({ initial, total, final }, t) => (t < total ? final + (initial - final) * (1 - t / total) ** 2 : final),
    ],
    oneCycle: [
      ({ initial, total }) => oneCycle({ max: initial, total, divFactor: 10, finalDivFactor: 10 }),
      ({ initial, total }, t) => {
        const top = 0.3 * total - 1
        const [from, to, share] =
          t < top ? [initial / 10, initial, t / top] : [initial, initial / 100, (t - top) / (total - 1 - top)]
        return t < top || t < total - 1 ? to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2 : initial / 100
      },
    ],
  }
  const upTo = (max: number) => fc.double({ min: 0, max, noNaN: true })
  const some = fc
    .record({
      initial: upTo(10),
      decayRate: fc.oneof(upTo(1.5), fc.constantFrom(0, 1)),
      drop: upTo(1),
      every: fc.integer({ min: 1, max: 50 }),
      final: upTo(10),
      total: fc.integer({ min: 1, max: 300 }),
      cycles: fc.integer({ min: 1, max: 300 }),
    })
    .map((options) => ({ ...options, cycles: Math.min(options.cycles, options.total) }))
  const times = fc.oneof(fc.integer({ min: 0, max: 400 }), upTo(400))

  test('no schedule is left out', () => {
    const all = [...exportsFrom('schedules'), ...exportsFrom('plateau')]
    expect(Object.keys(formulas).toSorted()).toEqual(all.toSorted())
  })

  test.each(Object.entries(formulas))('%s is what its docstring says', (_, [make, formula]) => {
    fc.assert(
      fc.property(some, times, (options, t) => {
        const [got, wanted] = [make(options)(t), formula(options, t)]
        // A power multiplies its rounding errors by t, so the bound grows with it; a rate near 0 is a difference from 1.
        const least = 1e-15 * (options.initial + options.final) + 1e-300
        expect(Math.abs(got - wanted)).toBeLessThanOrEqual(least + 1e-15 * (t + 8) * Math.abs(wanted))
      }),
      { seed: 1, numRuns: 2000 },
    )
  })

  const plain = { initial: 0.5, decayRate: 0.5, drop: 0.5, every: 3, final: 0.25, total: 9, cycles: 2 }
  test.each(Object.entries(formulas))('%s answers at once or refuses', (name, [make]) => {
    const schedule = make(plain)
    const late = schedule(1e9)
    expect(late).toBeGreaterThanOrEqual(0)
    expect(late).toBeLessThanOrEqual(0.5)
    for (const t of [1e300, Number.MAX_VALUE]) expect(schedule(t)).toBeGreaterThanOrEqual(0)
    for (const t of [Infinity, -Infinity, NaN, -1, -1e-9, '3', null, undefined, 3n] as number[]) {
      expect(() => schedule(t), `${t}`).toThrow(PlanError)
      expect(() => schedule(t)).toThrow(`${name}: t must be a finite number of at least 0, got `)
    }
    for (const total of [NaN, -1, '9'] as number[]) {
      expect(() => schedule(1, total)).toThrow(`${name}: total must be a finite number of at least 0, got `)
    }
    expect(schedule(1, Infinity)).toBe(schedule(1))
  })

  test('a rate of 0 stays 0 where the power overflows', () => {
    expect(exponentialDecay({ initial: 0, decayRate: 2 })(5000)).toBe(0)
    expect(stepDecay({ initial: 0, drop: 2, every: 1 })(5000)).toBe(0)
    expect(exponentialDecay({ initial: 0.5, decayRate: 0 })(0)).toBe(0.5)
    expect(exponentialDecay({ initial: 0.5, decayRate: 0 })(0.5)).toBe(0)
  })

  test('a power between two whole times is the power', () => {
    expect(exponentialDecay({ initial: 1, decayRate: 0.25 })(2.5)).toBeCloseTo(0.03125, 16)
    expect(exponentialDecay({ initial: 1, decayRate: 4 })(2.5)).toBeCloseTo(32, 12)
  })

  test('a warm-up never exceeds the rate it leads to', () => {
    for (const t of [0, 0.5, 1, 1.5, 1.999]) expect(warmup(2, 0.5)(t)).toBeLessThanOrEqual(0.5)
  })
})

describe('warmup', () => {
  test('goes before a constant rate, takes its unit from the schedule, and may be of no length', () => {
    expect([0, 1, 2, 50].map((t) => warmup(2, 0.5)(t))).toEqual([0.25, 0.5, 0.5, 0.5])
    expect(warmup(3, cosineDecay({ initial: 1, per: 'step' })).per).toBe('step')
    expect(warmup(0, timeDecay({ initial: 1, decayRate: 1 }))(3)).toBe(0.25)
  })

  test('goes before any function, and before itself', () => {
    expect(warmup(2, (t) => 10 - t)(5)).toBe(7)
    expect([0, 1, 2, 3, 4].map((t) => warmup(2, warmup(2, 1))(t))).toEqual([0.25, 0.5, 0.5, 1, 1])
  })
})

describe('reduceOnPlateau', () => {
  interface Plateau {
    name: string
    options: Parameters<typeof reduceOnPlateau>[0]
    losses: (number | null)[]
    rates: number[]
  }
  const plateaus: Plateau[] = read('ours/plateau').cases

  test.each(plateaus.map((c) => [`${c.name} ${JSON.stringify(c.options)}`, c] as const))(
    'cuts as PyTorch does: %s',
    (_, { options, losses, rates }) => {
      const schedule = reduceOnPlateau(options)
      const state = Float64Array.from(schedule.initialState!)
      losses.forEach((loss, epoch) => {
        expect(Math.abs(schedule(epoch, undefined, state) / rates[epoch] - 1)).toBeLessThan(1e-13)
        schedule.observe!(epoch, loss ?? NaN, state)
      })
    },
  )

  test('the cases cut the rate, more than once and not always', () => {
    const cuts = plateaus.map(({ rates }) => new Set(rates).size)
    expect(Math.max(...cuts)).toBeGreaterThan(3)
    expect(Math.min(...cuts)).toBeLessThan(3)
  })

  const watch = (patience: number) => reduceOnPlateau({ initial: 0.1, factor: 0.5, patience })
  /** x is 1, so the loss is (b + w - y)²: the training loss falls, that on the opposite target rises. */
  const falling = { x: [1, 1], y: [1, 1] }
  const rising = { x: [1, 1], y: [-9, -9] }

  test('fit shows it the loss of validation, or that of training', async () => {
    const falls = await (await modelOf(watch(0))).fit(falling, { epochs: 6, validation: falling })
    expect(falls.learningRate).toEqual(Array.from({ length: 6 }, () => 0.1))
    const alone = await (await modelOf(watch(0))).fit(falling, { epochs: 6 })
    expect(alone.learningRate).toEqual(falls.learningRate)
    const rises = await (await modelOf(watch(1))).fit(falling, { epochs: 6, validation: rising })
    expect(rises.validationLoss.toSorted((a, b) => a - b)).toEqual(rises.validationLoss)
    expect(rises.learningRate).toEqual([0.1, 0.1, 0.1, 0.05, 0.05, 0.025])
  })

  test('starts anew with each run, and two models do not share what they saw', async () => {
    const schedule = watch(0)
    const [first, second] = await Promise.all([modelOf(schedule), modelOf(schedule)])
    const runs = [first, first, second].map((model) => () => model.fit(falling, { epochs: 4, validation: rising }))
    for (const run of runs) expect((await run()).learningRate).toEqual([0.1, 0.1, 0.05, 0.025])
  })

  test('a loop of your own shows it the loss', async () => {
    const model = await modelOf(watch(0))
    const rates = [3, 2, 2, 1, 1].map((loss, epoch) => {
      model.epoch = epoch
      model.trainStep([1], [1])
      model.observe(loss)
      return model.learningRate
    })
    expect(rates).toEqual([0.1, 0.1, 0.1, 0.05, 0.05])
  })

  test('watches from the end of a warm-up on', async () => {
    const model = await modelOf(warmup(3, watch(0)))
    const { learningRate } = await model.fit(falling, { epochs: 7, validation: rising })
    expect(learningRate.map((rate) => rate / 0.1)).toEqual(
      [1 / 3, 2 / 3, 1, 1, 1, 0.5, 0.25].map((v) => expect.closeTo(v)),
    )
  })
})

const untyped: Record<string, (...args: any[]) => unknown> = {
  cosineDecay,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  reduceOnPlateau,
  stepDecay,
  timeDecay,
  warmup,
}
const rest = { decayRate: 0.5, drop: 0.5, every: 3 }
const needed: Record<string, string[]> = {
  exponentialDecay: ['decayRate'],
  stepDecay: ['drop', 'every'],
  timeDecay: ['decayRate'],
}
test.each(['reduceOnPlateau', ...Object.keys(decays)])('%s refuses bad options', (name) => {
  const more = Object.fromEntries((needed[name] ?? []).map((key) => [key, rest[key as keyof typeof rest]]))
  const make = untyped[name]
  expect(() => make({ initial: 1, ...more })).not.toThrow()
  expect(() => make()).toThrow(PlanError)
  expect(() => make({ ...more })).toThrow(`${name}: initial must be a finite number of at least 0`)
  expect(() => make({ initial: -1, ...more })).toThrow(`${name}: initial must be`)
  expect(() => make({ initial: 1, ...more, speed: 1 })).toThrow(`${name}: unknown option 'speed'`)
  expect(() => make({ initial: 1, ...more }, { per: 'step' })).toThrow(
    `${name}: takes one argument, got another: {"per":"step"}`,
  )
  for (const key of Object.keys(more)) {
    expect(() => make({ initial: 1, ...more, [key]: -1 })).toThrow(`${name}: ${key} must be`)
    expect(() => make({ initial: 1, ...more, [key]: undefined })).toThrow(`${name}: ${key} must be`)
  }
})

test.each<[string, unknown[], RegExp]>([
  ['stepDecay', [{ initial: 1, drop: 0.5, every: 0 }], /^stepDecay: every must be an integer of at least 1, got 0/],
  ['linearDecay', [{ initial: 1, total: 0 }], /^linearDecay: total must be an integer of at least 1, got 0/],
  ['linearDecay', [{ initial: 1, final: -1 }], /^linearDecay: final must be .* at least 0, got -1/],
  ['timeDecay', [{ initial: 1, decayRate: 1, per: 'day' }], /^timeDecay: per must be 'epoch', 'step', got "day"/],
  ['reduceOnPlateau', [{ initial: 1, factor: 1 }], /^reduceOnPlateau: factor must be less than 1, got 1/],
  ['reduceOnPlateau', [{ initial: 1, patience: 0.5 }], /^reduceOnPlateau: patience must be an integer/],
  ['reduceOnPlateau', [{ initial: 1, threshold: -1 }], /^reduceOnPlateau: threshold must be/],
  ['reduceOnPlateau', [{ initial: 1, thresholdMode: 'rel' }], /^reduceOnPlateau: thresholdMode must be 'relative'/],
  ['reduceOnPlateau', [{ initial: 1, cooldown: -1 }], /^reduceOnPlateau: cooldown must be an integer/],
  ['reduceOnPlateau', [{ initial: 1, minRate: NaN }], /^reduceOnPlateau: minRate must be/],
  ['warmup', [-1, 0.1], /^warmup: steps must be an integer of at least 0, got -1/],
  ['warmup', [5], /^warmup: wants \(steps, schedule\), got no schedule/],
  ['warmup', [5, 0.1, { per: 'step' }], /^warmup: takes 2 arguments, got another: {"per":"step"}/],
  ['warmup', [5, Map], /^warmup: schedule must be a schedule, a function of the time, got a class/],
  [
    'warmup',
    [5, Object.assign(() => 1, { per: 'steps' })],
    /^warmup: schedule.per must be 'epoch', 'step', got "steps"/,
  ],
  ['cosineDecay', [{ initial: 1, cycles: 0 }], /^cosineDecay: cycles must be an integer of at least 1, got 0/],
  ['cosineDecay', [{ initial: 1, cycles: 1.5 }], /^cosineDecay: cycles must be an integer of at least 1, got 1.5/],
  ['warmup', [5, 'cosine'], /^warmup: schedule, unless a schedule, must be a finite number/],
])('%s refuses %j', (name, args, message) => {
  expect(() => untyped[name](...args)).toThrow(PlanError)
  expect(() => untyped[name](...args)).toThrow(message)
})
