// A step is whole or has not been; a run that died says so; state goes on where it was: what fit and the model promise.
import { describe, expect, test, vi } from 'vitest'
import {
  DataError,
  type Layer,
  type Loss,
  type Model,
  PlanError,
  adam,
  batchNorm,
  binaryCrossEntropy,
  conv2d,
  createModel,
  dense,
  dropout,
  flatten,
  hinge,
  lbfgs,
  meanSquaredError,
  momentum,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
  times,
} from '../../src/entries/index'
import { augment, horizontalFlip, randomCrop } from '../../src/entries/data'
import { coreOf } from '../../src/model/core-of'
import { bits, randomData } from '../support/models'

const BACKENDS = ['wasm', 'js'] as const
const { x, y } = randomData(50, 4, 3)
const data = { x, y }
const loss = softmaxCrossEntropy()
const network = () => sequential(dense(8), batchNorm(), relu(), dropout({ keep: 0.8 }), dense(3))
const make = (options: object = {}) =>
  createModel(network(), { input: [4], batch: 8, seed: 1, loss, optimizer: adam({ learningRate: 0.01 }), ...options })

/** All bytes that training changes, and the counters. */
function everything(model: Model<never>) {
  const core = coreOf('test', model)
  const { pointers, memory, engine, counters, clock } = core
  const end = pointers.optimizer + memory.optimizer
  const bytes = new Uint8Array(engine.buffer, pointers.parameters, end - pointers.parameters).slice()
  return { bytes, counters: { ...counters }, clock: { ...clock }, numbers: core.vector.numbers.slice() }
}

describe.each(BACKENDS)('a run that dies, on %s', (backend) => {
  test('ends at the first loss that is not finite, says where, and keeps the weights before it', async () => {
    const model = await createModel(sequential(dense(8), relu(), dense(1)), {
      input: [4],
      batch: 10,
      backend,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 1e200 }),
    })
    const before: Record<string, string>[] = []
    const targets = Float64Array.from(y)
    const history = await model.fit({ x, y: targets }, { epochs: 40, onBatch: () => void before.push(bits(model)) })
    expect(history.stopped).toBe('diverged')
    expect(history.loss.length).toBeLessThan(40)
    expect(history.diverged).toMatchObject({ epoch: 0, step: history.steps })
    expect(Number.isFinite(history.diverged!.loss)).toBe(false)
    expect(history.diverged!.text).toMatch(/^the loss is (NaN|Infinity) at step \d+, in epoch 0: .*(output|parameter) /)
    expect(history.diverged!.text).toContain('lower the learning rate (it is 1e+200)')
    expect(bits(model)).toEqual(before.at(-1))
  })

  test('a NaN that a transform puts into the input is named', async () => {
    const model = await make({ backend })
    const history = await model.fit(data, { transform: (input) => void (input.data[5] = NaN) })
    expect(history).toMatchObject({ stopped: 'diverged', steps: 0, loss: [] })
    expect(history.diverged!.text).toContain('the input holds NaN in row 1 of the batch')
    expect(bits(model)).toEqual(bits(await make({ backend })))
  })

  test('a parameter that is spoilt is named, and is not saved unless asked', async () => {
    const model = await make({ backend })
    model.parameters['4.weight'].data[2] = Infinity
    expect(() => model.save()).toThrow(/^save: the parameter '4\.weight' holds Infinity at 2, as it diverged; save/)
    expect(model.save({ allowNonFinite: true }).length).toBeGreaterThan(100)
    const { stopped, diverged } = await model.fit(data)
    expect(stopped).toBe('diverged')
    expect(diverged!.text).toContain("the parameter '4.weight' holds Infinity at 2")
  })

  test('trainStep takes no step on such a loss', async () => {
    const model = await make({ backend })
    model.trainStep(x.subarray(0, 32), y.subarray(0, 8))
    const before = everything(model)
    model.parameters['0.weight'].data[0] = 1e308
    model.parameters['0.weight'].data[1] = 1e308
    const spoilt = everything(model)
    expect(model.trainStep(new Float64Array(32).fill(1e300), y.subarray(0, 8))).toBe(NaN)
    expect(everything(model)).toEqual(spoilt)
    expect(spoilt).not.toEqual(before)
  })

  test('gradients of 1e20 in float32 are clipped to length 1, and a NaN among them takes no step', async () => {
    const options = {
      input: [4],
      batch: 2,
      dtype: 'float32',
      clipNorm: 1,
      optimizer: sgd({ learningRate: 1 }),
    } as const
    const model = await createModel(dense(3, { bias: false }), { ...options, backend })
    const before = model.parameters.weight.data.slice()
    model.gradients.weight.data.fill(1e20)
    model.step()
    const moved = Math.hypot(...model.parameters.weight.data.map((w, i) => w - before[i]))
    expect(moved).toBeCloseTo(1, 5)
    model.gradients.weight.data[3] = NaN
    const kept = model.parameters.weight.data.slice()
    expect(() => model.step()).toThrow(DataError)
    expect(model.parameters.weight.data).toEqual(kept)
    expect(model.gradients.weight.data.every((g) => g === 0)).toBe(true)
  })
})

/** A layer that hands on what it gets, and throws in the passes for which `when` says so. */
const throwing = (when: { forward: boolean; backward: boolean }): Layer => ({
  kind: 'throwing',
  config: {},
  plan(value, plan) {
    const out = plan.value(value.shape)
    const pass = (throws: () => boolean) => (count: number, from: Float64Array, to: Float64Array | undefined) => {
      if (throws()) throw new Error('thrown on purpose')
      for (let i = 0; to && i < count; i++) to[i] = from[i]
    }
    const sizes = [times(value.size)]
    plan.forward(
      pass(() => when.forward),
      { sizes, reads: [value], writes: [out] },
    )
    plan.backward(
      pass(() => when.backward),
      { sizes, reads: [out.gradient], writes: [value.gradient] },
    )
    return out
  },
})

describe.each(BACKENDS)('whatever throws, on %s', (backend) => {
  test.each(['forward', 'backward'] as const)(
    'a layer in its %s pass: the model is as before, and usable',
    async (pass) => {
      const when = { forward: false, backward: false }
      const layers = () => sequential(dense(8), batchNorm(), throwing(when), relu(), dense(3))
      const create = () =>
        createModel(layers(), { input: [4], batch: 8, backend, loss, optimizer: adam({ learningRate: 0.01 }) })
      const [model, other] = [await create(), await create()]
      const [rows, labels] = [x.subarray(0, 32), y.subarray(0, 8)]
      for (const one of [model, other]) one.trainStep(rows, labels)
      const before = everything(model)
      when[pass] = true
      expect(() => model.trainStep(rows, labels)).toThrow('thrown on purpose')
      expect(everything(model)).toEqual(before)
      await expect(model.fit(data)).rejects.toThrow('thrown on purpose')
      expect({ ...everything(model), clock: 0 }).toEqual({ ...before, clock: 0 })
      when[pass] = false
      expect(model.predict(x).data).toEqual(other.predict(x).data)
      expect(model.trainStep(rows, labels)).toBe(other.trainStep(rows, labels))
      expect(bits(model)).toEqual(bits(other))
    },
  )

  test('a loss of the user: L-BFGS leaves no trial weights, SGD no gradients', async () => {
    for (const optimizer of [lbfgs(), sgd({ learningRate: 0.1 })]) {
      const model = await createModel(sequential(dense(3)), { input: [4], batch: 50, backend, optimizer })
      const before = everything(model)
      let calls = 0
      const step = () =>
        model.step(() => {
          const out = model.forward(x).data
          model.backward(Float64Array.from(out))
          if (optimizer.kind === 'sgd' || ++calls === 3) throw new Error('thrown on purpose')
          return out.reduce((sum, v) => sum + 0.5 * v * v, 0)
        })
      expect(step).toThrow('thrown on purpose')
      expect({ ...everything(model), counters: 0 }).toEqual({ ...before, counters: 0 })
      expect(coreOf('test', model).counters.steps).toBe(0)
    }
  })

  test('a callback or a schedule: the step before it stands', async () => {
    const model = await make({ backend })
    const other = await make({ backend })
    const stop = new Error('thrown on purpose')
    const thrower = () => {
      throw stop
    }
    await expect(model.fit(data, { shuffle: false, onBatch: thrower })).rejects.toBe(stop)
    other.trainStep(x.subarray(0, 32), y.subarray(0, 8))
    expect(bits(model)).toEqual(bits(other))
    model.learningRate = () => NaN
    const before = everything(model)
    expect(() => model.trainStep(x.subarray(0, 32), y.subarray(0, 8))).toThrow(PlanError)
    expect(everything(model)).toEqual(before)
  })
})

describe('state goes on', () => {
  const image = randomData(40, 36, 3)
  const create = (backend: 'wasm' | 'js', optimizer = adam({ learningRate: 0.01 })) =>
    createModel(sequential(conv2d(4, { kernel: 3 }), batchNorm(), relu(), dropout(), flatten(), dense(3)), {
      input: [1, 6, 6],
      batch: 7,
      seed: 3,
      backend,
      loss,
      optimizer,
    })
  const transform = () => augment([randomCrop({ pad: 1 }), horizontalFlip()], { seed: 5 })

  test.each(BACKENDS)('fit(5) twice is fit(10), to the bit, on %s', async (backend) => {
    const [once, twice] = [await create(backend), await create(backend)]
    const whole = await once.fit(image, { epochs: 10, validation: 0.2, transform: transform() })
    const parts = []
    // A transform of its own for each run: what it draws depends on the number of the pass alone.
    for (const _ of [0, 1]) parts.push(await twice.fit(image, { epochs: 5, validation: 0.2, transform: transform() }))
    expect(bits(twice)).toEqual(bits(once))
    expect(parts.flatMap(({ loss }) => loss)).toEqual(whole.loss)
    expect(parts.flatMap(({ validationLoss }) => validationLoss)).toEqual(whole.validationLoss)
  })

  test('each epoch has an order of its own', async () => {
    const model = await createModel(dense(3), { input: [1], batch: 50, loss, optimizer: sgd({ learningRate: 0 }) })
    const orders: string[] = []
    const rows = { x: Float64Array.from({ length: 50 }, (_, i) => i), y: y.subarray(0, 50) }
    await model.fit(rows, { epochs: 4, transform: (input) => void orders.push(input.data.join()) })
    expect(new Set(orders).size).toBe(4)
    for (const order of orders)
      expect(
        order
          .split(',')
          .map(Number)
          .toSorted((a, b) => a - b),
      ).toEqual([...rows.x])
  })

  test.each(['dense', 'conv'])('the first loss is within a fiftieth of what outputs of 0 give: %s', async (kind) => {
    for (const classes of [2, 3, 10]) {
      for (const seed of [1, 2, 3]) {
        const layers =
          kind === 'dense' ? [dense(64), relu(), dense(64), relu()] : [conv2d(8, { kernel: 3 }), relu(), flatten()]
        const model = await createModel(sequential(...layers, dense(classes)), {
          input: kind === 'dense' ? [36] : [1, 6, 6],
          batch: 400,
          seed,
          loss,
        })
        const { x, y } = randomData(400, 36, classes, seed)
        expect(Math.abs(model.evaluate({ x, y }).loss / Math.log(classes) - 1)).toBeLessThan(0.02)
      }
    }
  })
})

describe('fit', () => {
  test('an abort ends a run that waits for a stalled source', async () => {
    const model = await make()
    const controller = new AbortController()
    const stalled = async function* () {
      yield { x: x.subarray(0, 16), y: y.subarray(0, 4) }
      await new Promise(() => {})
    }
    const run = model.fit(stalled, { signal: controller.signal, epochs: 3 })
    setTimeout(() => controller.abort(), 20)
    expect(await run).toMatchObject({ stopped: 'signal', aborted: true, steps: 1 })
    expect((await model.fit(data)).stopped).toBe('end')
  })

  test('dropLast leaves out the last batch that is not full', async () => {
    const model = await make()
    const sizes: number[] = []
    await model.fit(data, { dropLast: true, transform: (_, n) => void sizes.push(n) })
    expect(sizes).toEqual(Array<number>(6).fill(8))
    await expect(model.fit({ x: x.subarray(0, 12), y: y.subarray(0, 3) }, { dropLast: true })).rejects.toThrow(
      PlanError,
    )
  })

  test('batchLoss is that of the batch, loss the mean of the epoch so far', async () => {
    const model = await make()
    const seen: [number, number][] = []
    await model.fit(
      { x: x.subarray(0, 96), y: y.subarray(0, 24) },
      { onBatch: ({ loss, batchLoss }) => void seen.push([loss, batchLoss]) },
    )
    expect(seen[0][0]).toBeCloseTo(seen[0][1], 12)
    expect(seen[2][0]).toBeCloseTo((seen[0][1] + seen[1][1] + seen[2][1]) / 3, 12)
  })

  test('epochs: Infinity ends by a callback, a learning rate may be set meanwhile', async () => {
    const model = await make({ optimizer: momentum({ learningRate: 0.1 }) })
    const rates: number[] = []
    const history = await model.fit(data, {
      epochs: Infinity,
      onEpoch: ({ epoch, learningRate }) => {
        rates.push(learningRate)
        model.learningRate = 0.1 / (epoch + 2)
        return epoch < 3
      },
    })
    expect(history.stopped).toBe('callback')
    expect(rates).toEqual([0.1, 0.05, 0.1 / 3, 0.025])
    expect(() => void (model.learningRate = -1)).toThrow(PlanError)
    model.learningRate = (t: number) => 1 / (t + 1)
    expect((await model.fit(data, { epochs: 3 })).learningRate).toEqual([1, 0.5, 1 / 3])
  })

  test('falsy options are off where they can only mean off', async () => {
    const model = await make()
    const off = {
      validation: false,
      earlyStopping: null,
      signal: null,
      onEpoch: [false, undefined],
      onBatch: null,
    } as const
    expect((await model.fit(data, { ...off, epochs: 2 })).stopped).toBe('end')
    await expect(model.fit(data, { signal: 5 as never })).rejects.toThrow(PlanError)
    await expect(model.fit(data, { onEpoch: [5] as never })).rejects.toThrow(PlanError)
  })

  test('data that would be trained on otherwise than meant is refused', async () => {
    const model = await make()
    await expect(model.fit({ ...data, sampleWeight: y } as never)).rejects.toThrow(/sampleWeight/)
    await expect((model.fit as (...args: unknown[]) => Promise<unknown>).call(model, x, y, {})).rejects.toThrow(
      /\{ x, y \}/,
    )
    await expect(model.fit(Promise.resolve(data) as never)).rejects.toThrow(/promise/)
  })

  test('a last batch of one row leaves running_var alone, and says so once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const model = await createModel(sequential(dense(3), batchNorm({ momentum: 0.5 }), dense(3)), {
      input: [4],
      batch: 8,
      loss,
      optimizer: sgd({ learningRate: 0.1 }),
    })
    model.trainStep(x.subarray(0, 32), y.subarray(0, 8))
    const before = model.buffers['1.running_var'].data.slice()
    for (let i = 0; i < 3; i++) model.trainStep(x.subarray(0, 4), y.subarray(0, 1))
    expect(model.buffers['1.running_var'].data).toEqual(before)
    const said = warn.mock.calls.filter(([text]) => /1 batchNorm got a batch of one row.*dropLast/.test(String(text)))
    expect(said).toHaveLength(1)
    warn.mockRestore()
  })

  test('everything public, tried in a pause, leaves the run to the bit', async () => {
    const [model, plain] = [await make(), await make()]
    const options = { epochs: 20, yieldEvery: 0 }
    let going = true
    let uses = 0
    const use = () => {
      if (!going) return
      uses++
      model.predict(x, { probabilities: true })
      model.evaluate(data)
      model.save()
      model.summary()
      void [model.learningRate, model.epoch, model.passes, model.parameters, model.output]
      setImmediate(use)
    }
    setImmediate(use)
    const history = await model.fit(data, options)
    going = false
    expect(history).toEqual(await plain.fit(data, options))
    expect(bits(model)).toEqual(bits(plain))
    expect(uses).toBeGreaterThan(10)
  })
})

describe('predict', () => {
  test('probabilities: through softmax or the sigmoid, as the loss says', async () => {
    const make = (loss: Loss) => createModel(dense(3), { input: [4], batch: 8, loss, seed: 2 })
    const softmax = await make(softmaxCrossEntropy())
    const scores = softmax.predict(x).data
    const { data: shares } = softmax.predict(x, { probabilities: true })
    for (let row = 0; row < 50; row++) {
      const e = [0, 1, 2].map((j) => Math.exp(scores[3 * row + j]))
      const sum = e[0] + e[1] + e[2]
      for (let j = 0; j < 3; j++) expect(shares[3 * row + j]).toBeCloseTo(e[j] / sum, 12)
    }
    const sigmoid = await make(binaryCrossEntropy())
    const yes = sigmoid.predict(x, { probabilities: true }).data
    sigmoid.predict(x).data.forEach((z, i) => expect(yes[i]).toBeCloseTo(1 / (1 + Math.exp(-z)), 12))
    for (const loss of [hinge(), meanSquaredError()]) {
      const model = await make(loss)
      expect(() => model.predict(x, { probabilities: true })).toThrow(PlanError)
    }
  })

  test('checks every value', async () => {
    const model = await make()
    const wrong = [...x]
    for (const bad of [NaN, Infinity, '1', null, undefined]) {
      wrong[190] = bad as number
      for (const call of [() => model.predict(wrong), () => model.forward(wrong.slice(176), { training: true })]) {
        expect(call).toThrow(DataError)
      }
    }
    const narrow = await make({ dtype: 'float32' })
    expect(() => narrow.predict([1, 2, 3, 1e39])).toThrow(/too large for float32/)
    expect(() => narrow.trainStep([1, 2, 3, 1e39], [0])).toThrow(DataError)
  })
})

describe('close', () => {
  test.each(BACKENDS)('frees the memory; everything after it is an error, on %s', async (backend) => {
    const model = await make({ backend })
    const { data: weight } = model.parameters['0.weight']
    expect(weight.length).toBe(32)
    model.close()
    model.close()
    expect(weight.length).toBe(0)
    const uses = [
      () => model.parameters,
      () => model.predict(x),
      () => model.trainStep(x, y),
      () => model.evaluate(data),
      () => model.save(),
      () => model.forward(x),
      () => model.input,
    ]
    for (const use of uses) expect(use).toThrow(/closed/)
    await expect(model.fit(data)).rejects.toThrow(/closed/)
  })

  test('ends a fit that runs, with an error', async () => {
    const model = await make()
    const run = model.fit(data, { epochs: 1000, yieldEvery: 0 })
    setTimeout(() => model.close(), 10)
    await expect(run).rejects.toThrow(PlanError)
  })
})

test.each(['float64', 'float32'] as const)("algorithm: 'direct' loses fewer bits than Winograd, %s", async (dtype) => {
  const { x } = randomData(2, 8 * 14 * 14, 2)
  const outputs = async (options: object, layer: object = {}) => {
    const model = await createModel(conv2d(8, { kernel: 3, pad: 1, ...layer }), {
      input: [8, 14, 14],
      batch: 2,
      ...options,
    })
    return model.forward(x).data.slice()
  }
  const exact = await outputs({ dtype: 'float64', algorithm: 'direct' })
  const error = (values: ArrayLike<number>) => exact.reduce((most, v, i) => Math.max(most, Math.abs(v - values[i])), 0)
  const direct = await outputs({ dtype, algorithm: 'direct' })
  expect(await outputs({ dtype }, { algorithm: 'direct' })).toEqual(direct)
  expect(await outputs({ dtype, algorithm: 'direct' }, { algorithm: 'auto' })).toEqual(await outputs({ dtype }))
  expect(error(await outputs({ dtype }))).toBeGreaterThan(3 * error(direct))
  expect(await outputs({ dtype, algorithm: 'direct', backend: 'js' })).toEqual(direct)
  await expect(outputs({ algorithm: 'fast' })).rejects.toThrow(/^createModel: algorithm must be 'auto', 'direct'/)
})
