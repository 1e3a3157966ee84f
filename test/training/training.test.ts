// The training loop beyond plain epochs: steps, shares for validation, batches that come one by one, callbacks that end
// a run, early stopping, metrics, pauses within a step.
import { createModel } from '../../src/model/create'
import type { Evaluation } from '../../src/training/evaluate'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  type Data,
  type FitOptions,
  type ModelOptions,
  PlanError,
  warmup,
  normalize,
  maxPool2d,
  layerNorm,
  flatten,
  cosineDecay,
  conv2d,
  concat,
  avgPool2d,
  adamW,
  batchNorm,
  classificationReport,
  createRandom,
  dense,
  dropout,
  meanSquaredError,
  momentum,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
  splitData,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'

const data = randomData(50, 2, 3)
const BATCHES = 7
const make = (options: Partial<ModelOptions> = {}) =>
  createModel(sequential(dense(8), batchNorm(), relu(), residual(dense(8)), dropout({ keep: 0.8 }), dense(3)), {
    input: [2],
    batch: 8,
    loss: softmaxCrossEntropy(),
    optimizer: momentum({ learningRate: 0.05 }),
    seed: 1,
    ...options,
  })

/** The batches of unshuffled fit. */
const batches = (of: Data = data, size = 8): Data[] =>
  Array.from({ length: Math.ceil(of.y.length / size) }, (_, i) => ({
    x: Array.from(of.x).slice(2 * size * i, 2 * size * (i + 1)),
    y: Array.from(of.y as Int32Array).slice(size * i, size * (i + 1)),
  }))

async function* later(all: Iterable<Data>) {
  for (const batch of all) {
    await new Promise((resolve) => setTimeout(resolve))
    yield batch
  }
}

const run = async (of: Parameters<Awaited<ReturnType<typeof make>>['fit']>[0], options: FitOptions) => {
  const model = await make()
  const history = await model.fit(of, options)
  return { history, bits: bits(model) }
}

describe('steps', () => {
  test.each([1, 6, 7, 8, 20])('%i of them, whatever the epochs', async (steps) => {
    let seen = 0
    const { history } = await run(data, { steps, onBatch: () => void seen++ })
    expect(history).toMatchObject({ steps, stopped: 'end' })
    expect(seen).toBe(steps)
    // An epoch that ends early counts.
    expect(history.loss.length).toBe(Math.ceil(steps / BATCHES))
  })

  test('and epochs: what ends first', async () => {
    expect((await run(data, { steps: 100, epochs: 2 })).history.steps).toBe(2 * BATCHES)
    expect((await run(data, { steps: 3, epochs: 2 })).history.steps).toBe(3)
    expect((await run(data, { steps: 0 })).history).toMatchObject({ steps: 0, loss: [], bestEpoch: -1 })
  })

  test('a schedule learns their number, callbacks that of the epochs', async () => {
    const seen: unknown[] = []
    const rate = Object.assign((_: number, total?: number) => (seen.push(total), 0.1), { per: 'step' as const })
    const model = await make({ optimizer: momentum({ learningRate: rate }) })
    await model.fit(data, { steps: 10, onBatch: ({ epochs }) => void seen.push(epochs) })
    expect(new Set(seen)).toEqual(new Set([10, 2]))
  })
})

describe('a share for validation', () => {
  const rowsOf = async (seed: number, epochs = 1) => {
    const x = Float64Array.from({ length: 100 }, (_, i) => i >> 1)
    const model = await make({ seed })
    const seen: number[] = []
    const options = {
      epochs,
      validation: 0.2,
      transform: (input: { data: ArrayLike<number> }, n: number) => {
        for (let i = 0; i < n; i++) seen.push(input.data[2 * i])
      },
    }
    const history = await model.fit({ x, y: data.y }, options)
    const again = seen.length
    await model.fit({ x, y: data.y }, options)
    return { model, history, first: seen.slice(0, again), second: seen.slice(again), x }
  }

  test('is left out of training, the same rows in each run of a model', async () => {
    const { first, second, history } = await rowsOf(1)
    expect(new Set(first).size).toBe(40)
    expect(first.toSorted()).toEqual(second.toSorted())
    expect(first).not.toEqual(second)
    expect(history.validationLoss.length).toBe(1)
    expect((await rowsOf(2)).first.toSorted()).not.toEqual(first.toSorted())
  })

  test('is what is evaluated', async () => {
    const { model, first, x } = await rowsOf(1)
    const rest = Array.from({ length: 50 }, (_, i) => i).filter((i) => !first.includes(i))
    const part = { x: rest.flatMap((i) => [x[2 * i], x[2 * i + 1]]), y: rest.map((i) => data.y[i]) }
    const history = await model.fit({ x, y: data.y }, { validation: 0.2 })
    expect(history.validationLoss).toEqual([model.evaluate(part).loss])
    expect(part.y.length).toBe(10)
  })

  test.each([0, 1, 1.5, -0.1, NaN])('%d is no share', async (validation) => {
    await expect(run(data, { validation })).rejects.toThrow(PlanError)
  })
})

describe('splitData', () => {
  const x = Float32Array.from({ length: 200 }, (_, i) => i)
  const y = Uint8Array.from({ length: 100 }, (_, i) => (i < 80 ? 0 : 1))

  test('gives each row once, in order, arrays of the same kind', () => {
    const { training, validation } = splitData({ x, y }, { validation: 0.25, seed: 3 })
    expect([training.x, validation.y].map((a) => a.constructor)).toEqual([Float32Array, Uint8Array])
    expect([training.y.length, validation.y.length]).toEqual([75, 25])
    const rows = [training, validation].map((part) =>
      Array.from({ length: part.y.length }, (_, i) => part.x[2 * i] / 2),
    )
    expect(rows.flat().toSorted((a, b) => a - b)).toEqual(Array.from(y, (_, i) => i))
    for (const part of rows) expect(part).toEqual(part.toSorted((a, b) => a - b))
    rows.forEach((part, i) => part.forEach((row, j) => expect([training, validation][i].y[j]).toBe(y[row])))
    expect(splitData({ x, y }, { validation: 0.25, seed: 3 })).toEqual({ training, validation })
    expect(splitData({ x, y }, { validation: 0.25, seed: 4 })).not.toEqual({ training, validation })
  })

  test('stratify: of each label the same share', () => {
    for (let seed = 0; seed < 5; seed++) {
      const { validation } = splitData({ x, y }, { validation: 0.2, seed, stratify: true })
      expect(validation.y.reduce((sum, v) => sum + v, 0)).toBe(4)
      expect(validation.y.length).toBe(20)
    }
  })

  test('several values for each row', () => {
    const { training } = splitData({ x, y: x }, { rows: 100 })
    expect(training.y).toEqual(training.x)
    expect(training.x.length).toBe(180)
  })

  test.each([
    [() => splitData({ x, y: [1, 2, 3] }), /x has 200 values and y 3, which is not 3 rows/],
    [() => splitData({ x: [1], y: [1] }), /1 row cannot be split/],
    [() => splitData({ x: [1, 2], y: [0, 1] }, { stratify: true }), /no row is left for .*do not stratify/],
    [() => splitData(null as unknown as Data), /data must be an object/],
    [() => splitData({ x, y: x }, { rows: 100, stratify: true }), /stratify needs labels/],
    [() => splitData({ x, y }, { share: 1 } as object), /unknown option 'share'/],
  ])('refuses %s', (action, message) => expect(action).toThrow(message))
})

describe('batches one by one', () => {
  const reference = run(data, { epochs: 2, shuffle: false, validation: data })

  test.each<[string, () => Parameters<Awaited<ReturnType<typeof make>>['fit']>[0]]>([
    ['an array of them', () => batches()],
    ['a function that gives an array', () => () => batches()],
    ['a generator function', () => () => batches().values()],
    ['an async generator function', () => () => later(batches())],
    ['an async iterable', () => ({ [Symbol.asyncIterator]: () => later(batches()) })],
  ])('%s: the bits of arrays', async (_, source) => {
    const wanted = await reference
    const got = await run(source(), { epochs: 2, validation: source() })
    expect(got).toEqual(wanted)
    const model = await make()
    expect(await model.evaluate(source() as AsyncIterable<Data>)).toEqual(model.evaluate(data))
  })

  test('an iterable gives its result at once, an async one a promise', async () => {
    const model = await make()
    expect(model.evaluate(batches()).loss).toBe(model.evaluate(data).loss)
    expect(model.evaluate(() => later(batches()))).toBeInstanceOf(Promise)
  })

  test('numbers that are not known are NaN', async () => {
    await run(batches(), {
      onBatch: (progress) => expect(progress).toMatchObject({ epochs: 1, batches: NaN, totalExamples: NaN }),
    })
    expect.assertions(BATCHES)
  })

  test('an iterator is closed when the run ends early, and when it fails', async () => {
    let closed = 0
    function* source() {
      try {
        for (;;) yield* batches()
      } finally {
        closed++
      }
    }
    const { history } = await run(source, { steps: 10 })
    expect([history.steps, closed]).toEqual([10, 1])
    await expect(run(source, { onBatch: () => Promise.reject(new Error('no')) })).rejects.toThrow('no')
    expect(closed).toBe(2)
  })

  const bad = (index: number, batch: unknown) => batches().with(index, batch as Data)
  test.each<[string, unknown, RegExp]>([
    ['no batch', bad(2, 5), /^fit: batch 2 of epoch 0 must be an object \{ x, y \} of arrays, got 5/],
    ['a label that is none', bad(1, { x: [1, 2], y: [3] }), /^batch 1 of epoch 0: y: the label of row 0 is 3/],
    ['a NaN', bad(0, { x: [1, NaN], y: [0] }), /^batch 0 of epoch 0: x: row 0 holds NaN/],
    ['half a row', bad(0, { x: [1], y: [0] }), /^batch 0 of epoch 0: x: want rows of 2 numbers/],
    ['labels missing', bad(0, { x: [1, 2, 3, 4], y: [0] }), /^batch 0 of epoch 0: y: 1 label for 2 rows/],
    ['too many rows', batches(data, 9), /^fit: batch 0 of epoch 0: 9 rows, but .* at most 8; .*batch: 9/],
    ['nothing', [], /^fit: data gave no batch in epoch 0/],
    ['a function that gives none', () => 5, /^fit: the function must give an iterable of batches .* got 5/],
    ['an iterator in its second epoch', batches().values(), /no batch in epoch 1; an iterator runs once/],
  ])('%s: an error that says where', async (_, source, message) => {
    const error = await run(source as Data[], { epochs: 2 }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(DataError)
    expect((error as Error).message).toMatch(message)
  })

  test.each([{ shuffle: true }, { batch: 4 }, { validation: 0.1 }])('refuses %o', async (options) => {
    await expect(run(batches(), options)).rejects.toThrow(PlanError)
  })

  test('validation has errors of its own', async () => {
    await expect(run(data, { validation: bad(3, 0) as Data[] })).rejects.toThrow(/^fit: validation, batch 3 of epoch 0/)
  })
})

describe('callbacks', () => {
  test('several, in order; false ends the run after the others', async () => {
    const calls: string[] = []
    const { history } = await run(data, {
      epochs: 5,
      validation: data,
      onBatch: [
        () => void calls.push('a'),
        async () => (calls.push('b'), calls.length < 8),
        () => void calls.push('c'),
      ],
    })
    expect(calls.join('')).toBe('abcabcabc')
    expect(history).toMatchObject({ steps: 3, stopped: 'callback', aborted: false })
    expect([history.loss.length, history.validationLoss.length]).toEqual([1, 1])
  })

  test('onEpoch may end it too', async () => {
    const { history } = await run(data, { epochs: 5, onEpoch: ({ epoch }) => epoch < 1 })
    expect(history).toMatchObject({ steps: 2 * BATCHES, stopped: 'callback' })
  })

  test('what is no function is refused', async () => {
    await expect(run(data, { onEpoch: [5] as never })).rejects.toThrow(/^fit: onEpoch must be a function, got 5/)
  })
})

describe('early stopping', () => {
  // A learning rate that makes it worse from the third epoch on.
  const spoil = (epoch: number) => (epoch < 3 ? 0.02 : 0.6)
  const stopping = async (earlyStopping: FitOptions['earlyStopping'], epochs = 20) => {
    const model = await make({ optimizer: momentum({ learningRate: spoil }) })
    const states: Record<string, string>[] = []
    const history = await model.fit(data, {
      epochs,
      validation: data,
      earlyStopping,
      onEpoch: () => void states.push(bits(model)),
    })
    return { model, history, states }
  }

  test('ends after `patience` epochs without a better one', async () => {
    const { model, history, states } = await stopping({ patience: 2 })
    const finite = history.validationLoss.filter(Number.isFinite)
    const best = history.validationLoss.indexOf(Math.min(...finite))
    expect(history).toMatchObject({ stopped: 'earlyStopping', bestEpoch: best })
    expect(history.loss.length).toBe(best + 3)
    expect(bits(model)).toEqual(states.at(-1))
  })

  test('restoreBest: parameters and buffers of the best epoch, to the bit', async () => {
    const { model, history, states } = await stopping({ patience: 3, restoreBest: true })
    expect(history.bestEpoch).toBeLessThan(states.length - 1)
    expect(bits(model)).toEqual(states[history.bestEpoch])
    expect(bits(model)).not.toEqual(states.at(-1))
    expect(model.evaluate(data).loss).toBe(history.validationLoss[history.bestEpoch])
  })

  test('a patience of Infinity only keeps the best', async () => {
    const { model, history, states } = await stopping({ patience: Infinity, restoreBest: true }, 7)
    expect([history.stopped, states.length]).toEqual(['end', 7])
    expect(bits(model)).toEqual(states[history.bestEpoch])
  })

  test('monitor: an accuracy is good when high', async () => {
    const { history } = await stopping({ patience: 3, monitor: 'validationAccuracy' })
    const { validationAccuracy: values } = history
    expect(history.bestEpoch).toBe(values.indexOf(Math.max(...values)))
  })

  test('minDelta: less is no improvement', async () => {
    const { history } = await stopping({ patience: 2, minDelta: 100 })
    expect(history).toMatchObject({ bestEpoch: 0, stopped: 'earlyStopping' })
    expect(history.loss.length).toBe(3)
  })

  test.each<[FitOptions, RegExp]>([
    [{ earlyStopping: { monitor: 'validationLoss' } }, /to monitor validationLoss, fit needs validation/],
    [{ earlyStopping: { monitor: 'speed' as never } }, /monitor must be 'loss'/],
    [{ earlyStopping: { patience: 0 } }, /patience must be an integer of at least 1/],
    [{ earlyStopping: { minDelta: -1 } }, /minDelta must be/],
    [{ earlyStopping: { wait: 3 } as never }, /unknown option 'wait'/],
    [{ yieldEvery: -1 }, /yieldEvery must be a number/],
    [{ steps: 1.5 }, /steps must be an integer/],
  ])('refuses %o', async (options, message) => {
    await expect(run(data, options)).rejects.toThrow(message)
    await expect(run(data, options)).rejects.toThrow(PlanError)
  })

  test('accuracy is for labels', async () => {
    const model = await make({ loss: meanSquaredError() })
    const values = { x: data.x, y: new Float64Array(150) }
    const earlyStopping = { monitor: 'accuracy' } as const
    await expect(model.fit(values, { earlyStopping })).rejects.toThrow(/accuracy is for labels/)
  })
})

describe('metrics', () => {
  /** Straight from the definitions. */
  const byHand = (scores: ArrayLike<number>, labels: ArrayLike<number>, classes: number, k: number) => {
    const confusion = Array.from({ length: classes }, () => Array<number>(classes).fill(0))
    let among = 0
    for (let i = 0; i < labels.length; i++) {
      const ranked = Array.from({ length: classes }, (_, j) => j).toSorted(
        (a, b) => scores[i * classes + b] - scores[i * classes + a],
      )
      confusion[labels[i]][ranked[0]]++
      if (ranked.slice(0, k).includes(labels[i])) among++
    }
    return { confusion, topKAccuracy: among / labels.length }
  }

  test.each([1, 2, 5])('top %i and the confusion matrix are those of the definitions', async (topK) => {
    const model = await createModel(dense(6), { input: [4], batch: 8, loss: softmaxCrossEntropy(), seed: 2 })
    const set = randomData(45, 4, 6)
    const result: Evaluation = model.evaluate(set, { topK, confusion: true })
    const wanted = byHand(model.predict(set.x).data, set.y, 6, topK)
    expect(result).toMatchObject(wanted)
    const { accuracy } = classificationReport(result.confusion)
    expect(accuracy).toBe(result.accuracy)
    if (topK === 1) expect(result.topKAccuracy).toBe(result.accuracy)
    expect(model.evaluate(set)).toEqual({ loss: result.loss, accuracy: result.accuracy })
  })

  test('of equal scores the first classes count as higher, and a NaN is no success', async () => {
    const model = await createModel(dense(4), { input: [1], loss: softmaxCrossEntropy() })
    model.parameters.weight.data.fill(0)
    const set = { x: [1, 1, 1, 1], y: [0, 1, 2, 3] }
    expect(model.evaluate(set, { topK: 2 }).topKAccuracy).toBe(0.5)
    model.parameters.weight.data.fill(NaN)
    expect(model.evaluate(set, { topK: 2 }).topKAccuracy).toBe(0)
  })

  test('precision, recall and F1', () => {
    // Rows are labels: of 5 zeros 4 were found, one taken for a 2; of 3 ones none.
    const report = classificationReport([
      [4, 0, 1],
      [3, 0, 0],
      [1, 0, 7],
    ])
    expect(report.precision).toEqual([0.5, NaN, 7 / 8])
    expect(report.recall).toEqual([0.8, 0, 7 / 8])
    expect(report.support).toEqual([5, 3, 8])
    expect(report.f1).toEqual([8 / 13, 0, 14 / 16])
    expect(report.macroF1).toBeCloseTo((8 / 13 + 0 + 0.875) / 3, 15)
    expect(report.accuracy).toBe(11 / 16)
  })

  test.each([
    [undefined],
    [[]],
    [[[1, 2]]],
    [
      [
        [1, -1],
        [0, 1],
      ],
    ],
    [
      [
        [1, NaN],
        [0, 1],
      ],
    ],
    // A hole is no count, text of the right length no row, and counts must add up exactly.
    [[Array(1)]],
    [['a']],
    [[[1e300]]],
    [[[Number.MAX_SAFE_INTEGER, 1], [0, 0]]], // prettier-ignore
  ])('%o is no matrix', (matrix) => {
    expect(() => classificationReport(matrix as number[][])).toThrow(DataError)
  })

  test('a matrix may be of typed arrays, and goes alone', () => {
    expect(classificationReport([Uint32Array.of(1, 0), Uint32Array.of(1, 2)] as never).accuracy).toBe(0.75)
    expect(() => (classificationReport as (...all: unknown[]) => unknown)([[1]], 2)).toThrow('takes one argument')
  })

  test('are for labels', async () => {
    const model = await make({ loss: meanSquaredError() })
    expect(() => model.evaluate({ x: [1, 2], y: [1, 2, 3] }, { topK: 2 })).toThrow(/topK and confusion are for labels/)
  })
})

describe('pauses', () => {
  const options = { epochs: 2, validation: data, yieldEvery: 0 }

  test.each(['wasm', 'js'] as const)('between the layers change no bit, on %s', async (backend) => {
    const [paused, plain] = [await make({ backend }), await make({ backend })]
    const [first, second] = [
      await paused.fit(data, options),
      await plain.fit(data, { ...options, yieldEvery: Infinity }),
    ]
    expect(first).toEqual(second)
    expect(bits(paused)).toEqual(bits(plain))
  })

  test('are within a step: other events see it half done', async () => {
    const model = await make()
    const { passes } = model
    let events = 0
    const count = () => {
      events++
      if (model.passes < passes + 3) setImmediate(count)
    }
    setImmediate(count)
    await model.fit(data, { steps: 3, yieldEvery: 0 })
    // More than one for each step: 6 layers there and back.
    expect(events).toBeGreaterThan(20)
  })

  test('whatever uses the model in a pause finds a whole step, and does not disturb it', async () => {
    const [used, plain] = [await make(), await make()]
    let going = true
    let uses = 0
    const x = createRandom(3)
    const probe = Float64Array.from({ length: 20 }, () => x.normal())
    const use = () => {
      const before = used.predict(probe).data
      const { loss } = used.evaluate(batches(), { topK: 2 })
      used.save()
      used.forward(probe.subarray(0, 6))
      expect(used.predict(probe).data).toEqual(before)
      expect(loss).toBe(used.evaluate(data).loss)
      uses++
      if (going) setImmediate(use)
    }
    setImmediate(use)
    const history = await used.fit(data, options)
    going = false
    expect(history).toEqual(await plain.fit(data, options))
    expect(bits(used)).toEqual(bits(plain))
    expect(uses).toBeGreaterThan(10)
  })

  test('a second fit has to wait', async () => {
    const model = await make()
    const first = model.fit(data)
    await expect(model.fit(data)).rejects.toThrow(/being trained already/)
    await first
    await model.fit(data)
  })
})

// Issue 4: everything that training has to offer in one run.
describe('all of it at once', () => {
  const images = randomData(90, 64, 4)
  const run = async (backend: 'wasm' | 'js', dtype: 'float64' | 'float32') => {
    const model = await createModel(
      sequential(
        normalize({ mean: 0.1, std: 1.5 }),
        conv2d(6, { kernel: 3, pad: 1 }),
        batchNorm(),
        relu(),
        maxPool2d(2),
        residual(sequential(conv2d(6, { kernel: 3, pad: 1 }), relu())),
        dropout({ keep: 0.8 }),
        concat(conv2d(4, { kernel: 1 }), avgPool2d(3, { stride: 1, pad: 1 })),
        flatten(),
        dense(16),
        layerNorm(),
        relu(),
        dropout({ keep: 0.7 }),
        dense(4),
      ),
      {
        input: [1, 8, 8],
        batch: 16,
        loss: softmaxCrossEntropy({ labelSmoothing: 0.1, classWeights: [1, 2, 1, 0.5] }),
        optimizer: adamW({
          learningRate: warmup(5, cosineDecay({ initial: 0.02, per: 'step' })),
          weightDecay: 0.01,
        }),
        l2: 1e-3,
        clipNorm: 0.5,
        seed: 7,
        backend,
        dtype,
      },
    )
    const rates: number[] = []
    const history = await model.fit(images, {
      epochs: 12,
      validation: 0.2,
      earlyStopping: { patience: 2, minDelta: 1e-3, restoreBest: true },
      transform: ({ data: pixels }, n) => {
        for (let i = 0; i < 64 * n; i++) pixels[i] *= 1.25
      },
      onBatch: ({ learningRate }) => void rates.push(learningRate),
      yieldEvery: backend === 'js' ? 0 : 8,
    })
    return { model, history, rates }
  }

  test.each(['float64', 'float32'] as const)(
    'the same bits on both engines, and again in this process, in %s',
    async (dtype) => {
      const first = await run('wasm', dtype)
      for (const other of [await run('js', dtype), await run('wasm', dtype)]) {
        expect(other.history).toEqual(first.history)
        expect(other.rates).toEqual(first.rates)
        expect(bits(other.model)).toEqual(bits(first.model))
      }
      // And each part took part: labels of chance stop learning early, warm-up rises, the best epoch is not the last.
      const { history, rates } = first
      expect(history.stopped).toBe('earlyStopping')
      expect(history.bestEpoch).toBe(history.loss.length - 3)
      expect(rates.slice(0, 5)).toEqual(rates.slice(0, 5).toSorted((a, b) => a - b))
      expect(rates.at(-1)).toBeLessThan(Math.max(...rates))
    },
    30_000,
  )
})
