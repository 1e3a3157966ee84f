// Schedules against their golden rates, PyTorch's ReduceLROnPlateau, and the runs they belong to.
import { createModel } from '../src/model/create'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  PlanError,
  type Schedule,
  cosineDecay,
  dense,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  meanSquaredError,
  reduceOnPlateau,
  sgd,
  stepDecay,
  timeDecay,
  warmup,
} from '../src/entries/index'
import { exportsFrom } from './exports'

const read = (name: string) => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'))

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
const golden: { op: string; config: Config; outputs: { rate: number[] } }[] = read('schedules').cases
const cases = golden.filter(({ op }) => op !== 'constant')

test('every schedule of the library is covered here', () => {
  const index = exportsFrom('schedules')
  expect(index.toSorted()).toEqual([...Object.keys(decays), 'reduceOnPlateau', 'warmup'].toSorted())
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
    expect(() => schedule(0)).toThrow(/^\w+: the length of the run is not known outside fit; give total, in epochs/)
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
  const plateaus: Plateau[] = read('plateau').cases

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
  ['warmup', [5, 'cosine'], /^warmup: schedule, unless a schedule, must be a finite number/],
])('%s refuses %j', (name, args, message) => {
  expect(() => untyped[name](...args)).toThrow(PlanError)
  expect(() => untyped[name](...args)).toThrow(message)
})
