// The training loop, and what surrounds it: evaluate, predict, schedules, l2, clipNorm.
import { createModel } from '../../src/model/create'
import { describe, expect, test } from 'vitest'
import {
  type Data,
  type EpochResult,
  type Model,
  type ModelOptions,
  type Progress,
  adam,
  batchNorm,
  constant,
  conv2d,
  cosineDecay,
  createRandom,
  dense,
  flatten,
  globalAvgPool2d,
  maxPool2d,
  meanSquaredError,
  momentum,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'

const CENTRES = [
  [2, 0],
  [-1, 2],
  [-1, -2],
]

/** Three Gaussian blobs in the plane, one for each class. */
function blobs(rows: number, seed = 1) {
  const { normal, integer } = createRandom(seed)
  const y = Int32Array.from({ length: rows }, () => integer(3))
  const x = Float64Array.from({ length: 2 * rows }, (_, i) => CENTRES[y[i >> 1]][i & 1] + 0.5 * normal())
  return { x, y }
}

const data = blobs(50)
const BATCH = 8
const BATCHES = 7
const make = (options: Partial<ModelOptions> = {}) =>
  createModel(sequential(dense(16), relu(), dense(3)), {
    input: [2],
    batch: BATCH,
    loss: softmaxCrossEntropy(),
    optimizer: momentum({ learningRate: 0.1 }),
    seed: 1,
    ...options,
  })

const bits = ({ parameters, buffers }: Model<never>) =>
  Object.values({ ...parameters, ...buffers }).map(({ data }) => [...data])
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length
const normOf = (values: Iterable<number>) => Math.hypot(...values)

/** Mean softmax cross-entropy and accuracy, written down from the definition. */
function score(scores: ArrayLike<number>, labels: ArrayLike<number>): { loss: number; accuracy: number } {
  const rows = Array.from(labels, (label, i) => {
    const row = Array.from({ length: 3 }, (_, j) => scores[3 * i + j])
    const largest = Math.max(...row)
    const sum = row.reduce((s, z) => s + Math.exp(z - largest), 0)
    return { loss: Math.log(sum) + largest - row[label], right: row.indexOf(largest) === label ? 1 : 0 }
  })
  return { loss: mean(rows.map((r) => r.loss)), accuracy: mean(rows.map((r) => r.right)) }
}

const runOf = async (seed: number, backend: 'wasm' | 'js' = 'wasm') => {
  const model = await make({ seed, backend })
  return [await model.fit(data, { epochs: 3 }), bits(model)]
}

describe('fit', () => {
  test.each(['float64', 'float32'] as const)('learns three blobs in %s', async (dtype) => {
    const model = await make({ dtype, batch: 32, optimizer: adam({ learningRate: 0.01 }) })
    const validation = blobs(200, 2)
    const history = await model.fit(blobs(600), { epochs: 10, validation })
    expect(history.aborted).toBe(false)
    for (const values of [history.loss, history.accuracy, history.validationLoss, history.validationAccuracy]) {
      expect(values.length).toBe(10)
    }
    expect(history.learningRate).toEqual(Array(10).fill(0.01))
    expect(history.loss[9]).toBeLessThan(history.loss[0] / 3)
    expect(history.accuracy[9]).toBeGreaterThan(0.95)
    expect(model.evaluate(validation)).toEqual({
      loss: history.validationLoss[9],
      accuracy: history.validationAccuracy[9],
    })
    expect(history.validationAccuracy[9]).toBeGreaterThan(0.95)
  })

  test('meanSquaredError learns a linear map', async () => {
    const { normal } = createRandom(4)
    const [w, b] = [
      [2, -1, 0.5],
      [0, 3, 1],
    ]
    const x = Float64Array.from({ length: 3 * 200 }, normal)
    const y = Float64Array.from({ length: 2 * 200 }, (_, i) => {
      const row = x.subarray(3 * (i >> 1))
      const weights = i & 1 ? b : w
      return weights.reduce((sum, v, j) => sum + v * row[j], (i & 1) - 0.25)
    })
    const loss = meanSquaredError()
    const model = await createModel(dense(2), { input: [3], batch: 16, loss, optimizer: sgd({ learningRate: 0.2 }) })
    const history = await model.fit({ x, y }, { epochs: 30, validation: { x, y } })
    expect(history.validationLoss[29]).toBeLessThan(1e-12)
    expect(history.accuracy).toEqual(Array(30).fill(NaN))
    expect(history.validationAccuracy).toEqual(Array(30).fill(NaN))
    const { weight, bias } = model.parameters
    expect([...weight.data].every((v, i) => Math.abs(v - [...w, ...b][i]) < 1e-6)).toBe(true)
    expect([...bias.data].every((v, i) => Math.abs(v - [-0.25, 0.75][i]) < 1e-6)).toBe(true)
  })

  test('one seed gives the same bits, another does not', async () => {
    const first = await runOf(1)
    expect(await runOf(1)).toEqual(first)
    expect(await runOf(1, 'js')).toEqual(first)
    expect(await runOf(2)).not.toEqual(first)
  })

  test.each([BATCH, 5, 1])('without shuffling is a loop of trainStep over batches of %i', async (batch) => {
    const [fitted, looped] = [await make(), await make()]
    const losses: number[] = []
    const history = await fitted.fit(data, { epochs: 2, shuffle: false, batch })
    for (let epoch = 0; epoch < 2; epoch++) {
      let loss = 0
      for (let first = 0; first < 50; first += batch) {
        const y = data.y.subarray(first, first + batch)
        loss += y.length * looped.trainStep(data.x.subarray(2 * first, 2 * (first + batch)), y)
      }
      losses.push(loss / 50)
    }
    expect(bits(fitted)).toEqual(bits(looped))
    expect(history.loss).toEqual(losses)
  })

  test('shuffles: each row once in each epoch, in another order', async () => {
    const rows = 20
    const x = Float64Array.from({ length: 2 * rows }, (_, i) => i >> 1)
    const seen: number[][] = [[], [], []]
    let epoch = 0
    const model = await make()
    await model.fit(
      { x, y: new Int32Array(rows) },
      {
        epochs: 3,
        transform: ({ data }, n) => {
          for (let i = 0; i < n; i++) seen[epoch].push(data[2 * i])
        },
        onEpoch: () => void epoch++,
      },
    )
    const all = Array.from({ length: rows }, (_, i) => i)
    expect(seen.map((order) => order.toSorted((a, b) => a - b))).toEqual([all, all, all])
    expect(new Set([all, ...seen].map(String)).size).toBe(4)
    // The data of the caller stays in order.
    expect(x[2 * rows - 1]).toBe(rows - 1)
  })

  test('no epochs change nothing', async () => {
    const [model, untouched] = [await make(), await make()]
    expect((await model.fit(data, { epochs: 0 })).loss).toEqual([])
    expect(bits(model)).toEqual(bits(untouched))
  })

  test('fewer rows than a batch', async () => {
    const model = await make()
    const few = { x: data.x.subarray(0, 6), y: data.y.subarray(0, 3) }
    expect((await model.fit(few)).loss).toEqual([(await make()).trainStep(few.x, few.y)])
  })
})

describe('callbacks', () => {
  test('get right numbers, and are waited for', async () => {
    const [model, looped] = [await make(), await make()]
    const batches: Progress[] = []
    const epochs: EpochResult[] = []
    let waiting = 0
    const pause = async () => {
      waiting++
      await new Promise((resolve) => setTimeout(resolve, 1))
      waiting--
    }
    const history = await model.fit(data, {
      epochs: 2,
      shuffle: false,
      validation: blobs(20, 2),
      onBatch: async (progress) => {
        expect(waiting).toBe(0)
        batches.push({ ...progress })
        await pause()
      },
      onEpoch: async (result) => {
        expect(waiting).toBe(0)
        expect(batches.length).toBe(BATCHES * (result.epoch + 1))
        epochs.push(result)
        await pause()
      },
    })
    let [loss, right] = [0, 0]
    for (const [i, progress] of batches.entries()) {
      const index = i % BATCHES
      const [first, last] = [index * BATCH, Math.min(50, (index + 1) * BATCH)]
      if (index === 0) [loss, right] = [0, 0]
      const y = data.y.subarray(first, last)
      const batchLoss = looped.trainStep(data.x.subarray(2 * first, 2 * last), y)
      loss += y.length * batchLoss
      right += Math.round(y.length * score(looped.output.data, y).accuracy)
      expect(progress).toEqual({
        epoch: Math.floor(i / BATCHES),
        epochs: 2,
        batch: index + 1,
        batches: BATCHES,
        examples: last,
        totalExamples: 50,
        batchLoss,
        loss: loss / last,
        accuracy: right / last,
        learningRate: 0.1,
      })
    }
    expect(batches.length).toBe(2 * BATCHES)
    expect(epochs).toEqual(
      [0, 1].map((epoch) => ({
        epoch,
        loss: history.loss[epoch],
        accuracy: history.accuracy[epoch],
        validationLoss: history.validationLoss[epoch],
        validationAccuracy: history.validationAccuracy[epoch],
        learningRate: 0.1,
      })),
    )
    expect(history.loss[1]).toBe(batches[2 * BATCHES - 1].loss)
  })

  test('without validation, no numbers of validation', async () => {
    const model = await make()
    const history = await model.fit(data, { onEpoch: (result) => expect(result).not.toHaveProperty('validationLoss') })
    expect(history.validationLoss).toEqual([])
    expect(history.validationAccuracy).toEqual([])
    expect.assertions(3)
  })

  test('an error in one ends the run, between two steps', async () => {
    const error = new RangeError('enough')
    const [model, looped] = [await make(), await make()]
    await expect(model.fit(data, { shuffle: false, onBatch: () => Promise.reject(error) })).rejects.toBe(error)
    looped.trainStep(data.x.subarray(0, 2 * BATCH), data.y.subarray(0, BATCH))
    expect(bits(model)).toEqual(bits(looped))
    await model.fit(data)
  })

  test('other events run meanwhile', async () => {
    const model = await make()
    const large = blobs(4000)
    let [ticks, done] = [0, false]
    const tick = () => {
      ticks++
      if (!done) setImmediate(tick)
    }
    setImmediate(tick)
    await model.fit(large, { epochs: 2, yieldEvery: 0 })
    done = true
    expect(ticks).toBeGreaterThan(100)
  })
})

describe('an AbortSignal', () => {
  test('before the start: nothing is done', async () => {
    const [model, untouched] = [await make(), await make()]
    const history = await model.fit(data, { epochs: 2, signal: AbortSignal.abort() })
    expect(history).toMatchObject({ loss: [], accuracy: [], learningRate: [], aborted: true })
    expect(bits(model)).toEqual(bits(untouched))
  })

  test('in the middle of an epoch: what was learnt stays, and the model works on', async () => {
    const [model, whole] = [await make(), await make()]
    const controller = new AbortController()
    let count = 0
    const onBatch = ({ epoch, batch }: Progress) => {
      count++
      if (epoch === 1 && batch === 3) controller.abort()
    }
    const history = await model.fit(data, { epochs: 4, onBatch, signal: controller.signal, validation: data })
    expect(count).toBe(BATCHES + 3)
    expect(history.aborted).toBe(true)
    const first = await whole.fit(data, { validation: data })
    expect(history).toEqual({ ...first, steps: BATCHES + 3, stopped: 'signal', aborted: true })
    expect(model.evaluate(data).loss).not.toBe(first.validationLoss[0])
    const again = await model.fit(data, { epochs: 2 })
    expect(again.loss[1]).toBeLessThan(first.loss[0])
    expect(again.aborted).toBe(false)
  })

  test('from a timer', async () => {
    const model = await make()
    const history = await model.fit(data, { epochs: 1e6, signal: AbortSignal.timeout(20) })
    expect(history.aborted).toBe(true)
    expect(history.loss.every(Number.isFinite)).toBe(true)
  })
})

const double = ({ data }: { data: Float64Array | Float32Array }, n: number) => {
  for (let i = 0; i < 2 * n; i++) data[i] *= 2
}

describe('transform', () => {
  const doubled = { x: data.x.map((v) => 2 * v), y: data.y }

  test('works on the batches for training, not on validation', async () => {
    const [transformed, plain] = [await make(), await make()]
    const validation = blobs(20, 2)
    const sizes: number[] = []
    const history = await transformed.fit(data, {
      epochs: 2,
      validation,
      transform: (input, n) => {
        sizes.push(n)
        expect(input).toBe(transformed.input)
        double(input, n)
      },
    })
    expect(history).toEqual(await plain.fit(doubled, { epochs: 2, validation }))
    expect(bits(transformed)).toEqual(bits(plain))
    expect(sizes).toEqual([8, 8, 8, 8, 8, 8, 2, 8, 8, 8, 8, 8, 8, 2])
    expect(data.x[0]).toBe(doubled.x[0] / 2)
  })

  test('works in evaluate', async () => {
    const model = await make()
    expect(model.evaluate(data, { transform: double })).toEqual(model.evaluate(doubled))
    expect(model.evaluate(data)).not.toEqual(model.evaluate(doubled))
  })
})

describe('evaluate and predict', () => {
  test.each([1, BATCH, 50])('evaluate is the mean over %i rows', async (rows) => {
    const model = await make()
    const part = { x: data.x.subarray(0, 2 * rows), y: data.y.subarray(0, rows) }
    const { loss, accuracy } = model.evaluate(part)
    const wanted = score(model.predict(part.x).data, part.y)
    expect(loss).toBeCloseTo(wanted.loss, 13)
    expect(accuracy).toBe(wanted.accuracy)
  })

  test('evaluate of values is the mean of squares', async () => {
    const model = await make({ loss: meanSquaredError() })
    const y = Float64Array.from({ length: 3 * 50 }, (_, i) => Math.sin(i))
    const { loss, accuracy } = model.evaluate({ x: data.x, y })
    const { data: output } = model.predict(data.x)
    expect(loss).toBeCloseTo(mean([...output].map((v, i) => (v - y[i]) ** 2)), 13)
    expect(accuracy).toBe(NaN)
  })

  test('evaluate changes nothing', async () => {
    const model = await make()
    const before = bits(model)
    expect(model.evaluate(data)).toEqual(model.evaluate(data))
    expect(bits(model)).toEqual(before)
  })

  const networks = {
    dense: [[2], sequential(dense(16), batchNorm(), relu(), dense(3))],
    conv: [
      [2, 5, 6],
      sequential(
        conv2d(3, { kernel: 3, pad: 1 }),
        batchNorm(),
        relu(),
        maxPool2d(2),
        conv2d(4, { kernel: 2 }),
        flatten(),
      ),
    ],
    pooled: [[3, 4, 4], sequential(conv2d(5, { kernel: 3, stride: 2, pad: 1 }), globalAvgPool2d(), dense(2))],
  } as const

  describe.each(Object.entries(networks))('%s', (_, [input, network]) => {
    const size = input.reduce((a, b) => a * b, 1)
    const { normal } = createRandom(8)
    const x = Float64Array.from({ length: size * (3 * BATCH + 1) }, normal)
    const create = async () => {
      const model = await createModel(network, { input, batch: BATCH })
      // Running statistics of their own.
      model.forward(x.subarray(0, size * BATCH), { training: true })
      return model
    }

    test.each([1, BATCH, BATCH + 1, 3 * BATCH + 1])('predict of %i rows is forward, row by row', async (rows) => {
      const model = await create()
      const { shape, data } = model.predict(x.subarray(0, rows * size))
      expect(shape).toEqual([rows, ...model.output.shape.slice(1)])
      const single = Array.from({ length: rows }, (_, i) => [
        ...model.forward(x.subarray(i * size, (i + 1) * size)).data,
      ])
      expect([...data]).toEqual(single.flat())
    })

    test('forward takes 1 to batch rows and returns as many', async () => {
      const model = await create()
      const whole = model.predict(x.subarray(0, size * BATCH)).data
      for (let n = 1; n <= BATCH; n++) {
        const { shape, data } = model.forward(x.subarray(0, n * size))
        expect(shape).toEqual([n, ...model.output.shape.slice(1)])
        expect(data).toEqual(whole.slice(0, data.length))
        expect(data.length).toBe((whole.length / BATCH) * n)
        expect(data.buffer).toBe(model.output.data.buffer)
      }
    })

    test('predict gives a copy', async () => {
      const model = await create()
      const { data } = model.predict(x.subarray(0, size))
      const before = data.slice()
      model.predict(x.subarray(size, 2 * size))
      expect(data).toEqual(before)
    })
  })
})

const run = async ({ x, y }: Data) => {
  const model = await make({ batch: 10, optimizer: sgd({ learningRate: 1e-3 }) })
  const loss = model.trainStep(x, y)
  return [
    loss,
    await model.fit({ x, y }),
    model.evaluate({ x, y }),
    model.predict(x),
    model.forward(x).data,
    bits(model),
  ]
}

describe('numbers of any kind', () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => (i * 37) % 128)
  const labels = Uint8Array.from({ length: 10 }, (_, i) => i % 3)
  const xs: [string, Data['x']][] = [
    ['Uint8ClampedArray', Uint8ClampedArray.from(bytes)],
    ['Int8Array', Int8Array.from(bytes)],
    ['Int16Array', Int16Array.from(bytes)],
    ['Uint16Array', Uint16Array.from(bytes)],
    ['Int32Array', Int32Array.from(bytes)],
    ['Uint32Array', Uint32Array.from(bytes)],
    ['Float32Array', Float32Array.from(bytes)],
    ['Float64Array', Float64Array.from(bytes)],
    ['an array', [...bytes]],
    ['what is like an array', { ...bytes, length: 20 } as ArrayLike<number>],
  ]
  const ys: [string, Data['y']][] = [
    ['Int32Array', Int32Array.from(labels)],
    ['Uint32Array', Uint32Array.from(labels)],
    ['Int8Array', Int8Array.from(labels)],
    ['Float64Array', Float64Array.from(labels)],
    ['BigInt64Array', BigInt64Array.from(labels, BigInt)],
    ['BigUint64Array', BigUint64Array.from(labels, BigInt)],
    ['an array', [...labels]],
    ['an array of bigints', Array.from(labels, BigInt)],
  ]
  test.each(xs)('x as %s', async (_, x) => {
    expect(await run({ x, y: labels })).toEqual(await run({ x: bytes, y: labels }))
  })
  test.each(ys)('y as %s', async (_, y) => {
    expect(await run({ x: bytes, y })).toEqual(await run({ x: bytes, y: labels }))
  })

  test('bytes stay bytes', async () => {
    const { x, y } = { x: bytes.slice(), y: labels.slice() }
    await run({ x, y })
    expect([x, y]).toEqual([bytes, labels])
  })
})

const cosine = (t: number, total: number) => (0.1 * (1 + Math.cos((Math.PI * t) / total))) / 2

describe('learning rates', () => {
  test.each([undefined, 10])('cosineDecay per step, total %s', async (total) => {
    const rates: number[] = []
    const model = await make({ optimizer: sgd({ learningRate: cosineDecay({ initial: 0.1, total, per: 'step' }) }) })
    const onBatch = ({ learningRate }: Progress) => void rates.push(learningRate)
    const history = await model.fit(data, { epochs: 3, onBatch })
    const steps = 3 * BATCHES
    expect(rates.length).toBe(steps)
    const wanted = rates.map((_, t) => cosine(Math.min(t, total ?? steps), total ?? steps))
    rates.forEach((rate, t) => expect(rate, `step ${t}`).toBeCloseTo(wanted[t], 15))
    expect(rates[0]).toBe(0.1)
    expect(history.learningRate).toEqual([rates[BATCHES - 1], rates[2 * BATCHES - 1], rates[steps - 1]])
  })

  test('cosineDecay per epoch', async () => {
    const model = await make({ optimizer: sgd({ learningRate: cosineDecay({ initial: 0.1 }) }) })
    const { learningRate } = await model.fit(data, { epochs: 4 })
    learningRate.forEach((rate, epoch) => expect(rate).toBeCloseTo(cosine(epoch, 4), 15))
  })

  test('a schedule sees epochs, or steps, and the length of the run', async () => {
    for (const per of ['epoch', 'step'] as const) {
      const seen: (number | undefined)[][] = []
      const schedule = Object.assign((t: number, total?: number) => (seen.push([t, total]), 0.1), { per })
      const model = await make({ optimizer: sgd({ learningRate: schedule }) })
      await model.fit(data, { epochs: 2 })
      const steps = Array.from({ length: 2 * BATCHES }, (_, t) => t)
      expect(seen).toEqual(steps.map((t) => (per === 'step' ? [t, 2 * BATCHES] : [Math.floor(t / BATCHES), 2])))
    }
  })

  test('in a loop of one’s own, steps count up and the epoch is set', async () => {
    const seen: number[] = []
    const schedule = (t: number) => (seen.push(t), 0.1)
    const steps = await make({
      optimizer: sgd({ learningRate: Object.assign(schedule.bind(null), { per: 'step' as const }) }),
    })
    const epochs = await make({ optimizer: sgd({ learningRate: schedule }) })
    for (const model of [steps, epochs]) {
      for (let i = 0; i < 3; i++) {
        model.epoch = 10 * i
        model.trainStep([1, 2], [0])
      }
    }
    expect(seen).toEqual([0, 1, 2, 0, 10, 20])
  })

  test('the length of a run is forgotten after it', async () => {
    const model = await make({ optimizer: sgd({ learningRate: cosineDecay({ initial: 0.1 }) }) })
    await model.fit(data, { epochs: 2 })
    expect(() => model.trainStep([1, 2], [0])).toThrow(/^cosineDecay: .* outside fit/)
  })
})

const close = (values: Iterable<number>, wanted: readonly number[]) =>
  [...values].forEach((v, i) => expect(v).toBeCloseTo(wanted[i], 13))

const valuesOf = ({ parameters }: Model<never>) => [...parameters.weight.data, ...parameters.bias.data]

describe('l2 and clipNorm', () => {
  const [L2, RATE] = [0.1, 0.5]
  const x = [1, 2, 3, -1, 0.5, 2]
  const y = [1, -1, 0.5, 2]
  const weight = [0.1, -0.2, 0.3, 0.4, 0.5, -0.6]
  const bias = [0.7, -0.8]
  const create = async (options: Partial<ModelOptions>) => {
    const model = await createModel(dense(2, { init: constant(0) }), {
      input: [3],
      batch: 2,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: RATE }),
      ...options,
    })
    model.parameters.weight.data.set(weight)
    model.parameters.bias.data.set(bias)
    return model
  }
  /** Loss and gradients of the mean of squares, by hand; weights first. */
  function byHand(l2: number): { loss: number; gradient: number[] } {
    const gradient = Array<number>(8).fill(0)
    let loss = (l2 / 2) * normOf(weight) ** 2
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 2; j++) {
        let d = bias[j] - y[2 * i + j]
        for (let k = 0; k < 3; k++) d += weight[3 * j + k] * x[3 * i + k]
        loss += d ** 2 / 4
        gradient[6 + j] += d / 2
        for (let k = 0; k < 3; k++) gradient[3 * j + k] += (d / 2) * x[3 * i + k]
      }
    }
    return { loss, gradient: gradient.map((g, i) => (i < 6 ? g + l2 * weight[i] : g)) }
  }
  const stepped = (gradient: readonly number[]) => [...weight, ...bias].map((v, i) => v - RATE * gradient[i])
  test.each([0, L2])('l2 of %d is half λ of the squared weights, not the biases', async (l2) => {
    const model = await create({ l2 })
    const { loss, gradient } = byHand(l2)
    expect(model.evaluate({ x, y }).loss).toBeCloseTo(loss, 13)
    expect(model.trainStep(x, y)).toBeCloseTo(loss, 13)
    close(valuesOf(model), stepped(gradient))
  })

  test('l2 counts once, however many rows or batches', async () => {
    const model = await create({ l2: L2, batch: 1 })
    expect(model.evaluate({ x, y }).loss).toBeCloseTo(byHand(L2).loss, 13)
  })

  test.each([0.5, 2])('clipNorm scales gradients, with l2, to a norm of %d', async (clipNorm) => {
    const { gradient } = byHand(L2)
    const norm = normOf(gradient)
    expect(norm).toBeGreaterThan(clipNorm)
    const model = await create({ l2: L2, clipNorm })
    model.trainStep(x, y)
    close(valuesOf(model), stepped(gradient.map((g) => (g * clipNorm) / norm)))
    const moved = valuesOf(model).map((v, i) => (v - [...weight, ...bias][i]) / RATE)
    expect(normOf(moved)).toBeCloseTo(clipNorm, 13)
  })

  test('clipNorm leaves smaller gradients to the bit', async () => {
    const [clipped, free] = [await create({ clipNorm: 100 }), await create({})]
    expect(clipped.trainStep(x, y)).toBe(free.trainStep(x, y))
    expect(valuesOf(clipped)).toEqual(valuesOf(free))
  })

  test('batch norm’s γ and β are not decayed', async () => {
    const network = sequential(batchNorm(), dense(1, { init: constant(0) }))
    const model = await createModel(network, { input: [2], loss: meanSquaredError(), l2: 10 })
    expect(model.evaluate({ x: [1, 2], y: [0] }).loss).toBe(0)
  })
})
