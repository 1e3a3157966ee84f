// What may happen while checkpoints are written, and when they are taken; the state of the optimizer in them.
import { describe, expect, test } from 'vitest'
import {
  type AsyncBatches,
  type Batches,
  type Data,
  type FitOptions,
  type History,
  type Model,
  type ModelOptions,
  PlanError,
  adam,
  cosineDecay,
  createModel,
  dense,
  dropout,
  meanSquaredError,
  momentum,
  sequential,
  sgd,
  softmaxCrossEntropy,
  tanh,
} from '../../src/entries/index'
import { stateOf } from '../support/state'
import { batches, data, make, pause, validation, written } from './small'

describe('save', () => {
  test('never overlaps itself, and the last is waited for', async () => {
    let open = 0
    let most = 0
    let done = 0
    const sizes: number[] = []
    const save = async (bytes: Uint8Array) => {
      most = Math.max(most, ++open)
      sizes.push(bytes.length)
      await pause(10)
      open--
      done++
    }
    const model = await make()
    await model.fit(data, { epochs: 5, onBatch: () => pause(1), checkpoint: { every: { steps: 1 }, save } })
    expect([open, most, done]).toEqual([0, 1, sizes.length])
    expect(done).toBeGreaterThan(2)
    expect(done).toBeLessThan(30)
  })

  const thrown = new Error('the disk is full')
  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw thrown
      },
    ],
    ['rejects', () => Promise.reject(thrown)],
    [
      'rejects late',
      async () => {
        await pause(5)
        throw thrown
      },
    ],
  ])('that %s ends fit with that', async (_, save) => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown) => void unhandled.push(reason)
    process.on('unhandledRejection', listen)
    const model = await make()
    for (const every of [{ steps: 1 }, { epochs: 1 }, { epochs: 99 }, { seconds: 0 }]) {
      await expect(model.fit(data, { epochs: 3, checkpoint: { every, save } })).rejects.toBe(thrown)
    }
    await pause(10)
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
    // And the model is free again.
    expect((await model.fit(data)).stopped).toBe('end')
  })

  test('while which the model is closed does not keep fit waiting', async () => {
    const model = await make()
    let release = () => {}
    const save = () => new Promise<void>((resolve) => (release = resolve))
    const run = model.fit(data, { checkpoint: { every: { epochs: 9 }, save } })
    // Handled before it comes.
    const ended = expect(run).rejects.toThrow(/was closed/)
    await pause(20)
    model.close()
    await ended
    release()
  })

  test('may use the model, close it, or abort', async () => {
    const model = await make()
    const seen: number[] = []
    await model.fit(data, {
      checkpoint: { every: { steps: 2 }, save: () => void seen.push(model.predict(data.x).data.length) },
    })
    expect(seen).toEqual([66, 66, 66, 66])
    const closed = await make()
    await expect(closed.fit(data, { checkpoint: { every: { steps: 2 }, save: () => closed.close() } })).rejects.toThrow(
      /was closed/,
    )
    const controller = new AbortController()
    const all: Uint8Array[] = []
    const { stopped, steps } = await (
      await make()
    ).fit(data, {
      signal: controller.signal,
      checkpoint: { every: { steps: 2 }, save: (bytes) => (all.push(bytes), controller.abort()) },
    })
    expect([stopped, steps, all.length]).toEqual(['signal', 2, 1])
  })

  test.each([
    [{ every: { steps: 0 }, save() {} }, /steps must be an integer of at least 1/],
    [{ every: { steps: 1.5 }, save() {} }, /steps/],
    [{ every: { seconds: -1 }, save() {} }, /seconds/],
    [{ every: { seconds: NaN }, save() {} }, /seconds/],
    [{ every: { minutes: 1 }, save() {} }, /unknown option 'minutes'/],
    [{ every: { steps: 1, epochs: 1 }, save() {} }, /every must be one of/],
    [{ every: {}, save() {} }, /every/],
    [{ every: 5, save() {} }, /every/],
    [{ save() {} }, /every/],
    [{ every: { steps: 1 } }, /save must be a function/],
    [{ every: { steps: 1 }, save: 'file' }, /save must be a function/],
    [true, /checkpoint/],
  ])('%o is a PlanError', async (checkpoint, message) => {
    const model = await make()
    await expect(model.fit(data, { checkpoint: checkpoint as never })).rejects.toThrow(message)
    await expect(model.fit(data, { checkpoint: checkpoint as never })).rejects.toThrow(PlanError)
  })
})

describe('model.checkpoint() from a timer', () => {
  /** Takes checkpoints whenever other events run, until the run ends. */
  const spied = async (over: Data | Batches | AsyncBatches, options: FitOptions, some: Partial<ModelOptions> = {}) => {
    const model = await make(some)
    const taken: Uint8Array[] = []
    let ended = false
    const spy = () => {
      if (ended) return
      taken.push(model.checkpoint())
      setImmediate(spy)
    }
    const run = model.fit(over, { ...options, yieldEvery: 0 })
    setImmediate(spy)
    const history = await run
    ended = true
    return { taken, history, state: stateOf(model) }
  }

  const cases: [string, Data | Batches | AsyncBatches, FitOptions][] = [
    ['within steps', data, { epochs: 2 }],
    ['within steps and validation', data, { epochs: 2, validation, earlyStopping: { restoreBest: true, patience: 1 } }],
    ['early stopping by the training loss', data, { epochs: 3, earlyStopping: { restoreBest: true, minDelta: 0.1 } }],
    ['of an iterable', batches, { epochs: 2 }],
    [
      'while fit waits for a batch',
      async function* (epoch) {
        for (const batch of batches(epoch)) {
          await pause(1)
          yield batch
        }
      },
      { epochs: 2, validation },
    ],
  ]
  test.each(cases)('%s', async (_, over, options) => {
    const whole = await make()
    const wanted = await whole.fit(over, options)
    const { taken, history, state } = await spied(over, options)
    expect(history).toEqual(wanted)
    expect(state).toEqual(stateOf(whole))
    expect(taken.length).toBeGreaterThan(10)
    const isRun = (bytes: Uint8Array) => !Buffer.from(bytes).toString('latin1').includes('\\"run\\":null')
    const inRun = taken.filter(isRun)
    expect(inRun.length).toBeGreaterThan(5)
    for (const bytes of inRun) {
      const model = await make()
      expect(await model.fit(over, { ...options, resume: bytes })).toEqual(wanted)
      expect(stateOf(model)).toEqual(stateOf(whole))
      model.close()
    }
  })

  test('restore while fit runs is a PlanError, and changes nothing', async () => {
    const model = await make()
    const first = model.checkpoint()
    const errors: unknown[] = []
    const tryIt = () => {
      try {
        model.restore(first)
      } catch (error) {
        errors.push(error)
      }
    }
    const run = model.fit(data, { epochs: 2, yieldEvery: 0, onBatch: tryIt })
    setImmediate(tryIt)
    const history = await run
    expect(errors.length).toBe(13)
    for (const error of errors) expect(error).toBeInstanceOf(PlanError)
    expect(String(errors[0])).toMatch(/restore: fit runs on this model; abort it/)
    const whole = await make()
    expect(history).toEqual(await whole.fit(data, { epochs: 2 }))
    model.restore(first)
    expect(Buffer.compare(model.checkpoint(), first)).toBe(0)
  })
})

describe('optimizerState', () => {
  test('can be read and set: the next step of adam is as the formula says', async () => {
    const learningRate = 0.1
    const model = (await createModel(dense(1, { bias: false }), {
      input: [1],
      batch: 1,
      loss: meanSquaredError(),
      optimizer: adam({ learningRate }),
    })) as Model
    expect(Object.keys(model.optimizerState)).toEqual(['weight.exp_avg', 'weight.exp_avg_sq'])
    const { 'weight.exp_avg': m, 'weight.exp_avg_sq': v } = model.optimizerState
    expect([m.shape, [...m.data], [...v.data]]).toEqual([[1, 1], [0], [0]])
    model.gradients.weight.data[0] = 3
    model.step()
    expect(m.data[0]).toBeCloseTo(0.3, 15)
    expect(v.data[0]).toBeCloseTo(0.009, 15)
    m.data[0] = -2
    v.data[0] = 0.5
    const before = model.parameters.weight.data[0]
    model.gradients.weight.data[0] = 1
    model.step()
    // torch.optim.Adam: exp_avg = lerp(exp_avg, grad, 1 - beta1), and the denominator is sqrt(v / (1 - beta2^t)) + eps.
    const expAvg = 0.9 * -2 + 0.1 * 1
    const expAvgSq = 0.999 * 0.5 + 0.001 * 1
    const step = learningRate / (1 - 0.9 ** 2)
    const wanted = before - (step * expAvg) / (Math.sqrt(expAvgSq) / Math.sqrt(1 - 0.999 ** 2) + 1e-8)
    expect(model.parameters.weight.data[0]).toBeCloseTo(wanted, 13)
    expect(m.data[0]).toBeCloseTo(expAvg, 14)
    expect(v.data[0]).toBeCloseTo(expAvgSq, 14)
  })

  test('of momentum, and what is set is in the checkpoint', async () => {
    const model = await make({ optimizer: momentum({ learningRate: 0.1 }), frozen: ['0'] })
    expect(Object.keys(model.optimizerState)).toEqual(['3.weight.momentum_buffer', '3.bias.momentum_buffer'])
    model.optimizerState['3.bias.momentum_buffer'].data.set([1, 2, 3])
    const other = await make({ optimizer: momentum({ learningRate: 0.1 }), frozen: ['0'], seed: 5 })
    other.restore(model.checkpoint())
    expect([...other.optimizerState['3.bias.momentum_buffer'].data]).toEqual([1, 2, 3])
    const { data: bias } = other.parameters['3.bias']
    other.gradients['3.bias'].data.fill(1)
    other.step()
    // v = 0.9 v + g, x -= 0.1 v
    expect([...bias]).toEqual([1, 2, 3].map((v) => -(0.1 * (0.9 * v + 1))))
  })

  test('is empty where nothing is kept', async () => {
    expect((await make({ optimizer: sgd({ learningRate: 1 }) })).optimizerState).toEqual({})
    expect((await make({ optimizer: null })).optimizerState).toEqual({})
    expect((await make({ inference: true })).optimizerState).toEqual({})
    const closed = await make()
    closed.close()
    expect(() => closed.optimizerState).toThrow(PlanError)
  })
})

describe('what a tester found', () => {
  const expectEnd = (model: Model, history: History, whole: Model, wanted: History) => {
    expect(history).toEqual(wanted)
    expect(stateOf(model)).toEqual(stateOf(whole))
  }
  const whole = async (options: FitOptions, model = make, over: Data | Batches = data) => {
    const first = await model()
    return { model: first, ...(await written(first, over, options)) }
  }

  test('a checkpoint does not grow with its history by more than the numbers', async () => {
    const model = await make()
    const sizes: number[] = []
    const headers: number[] = []
    const save = (bytes: Uint8Array) => {
      sizes.push(bytes.length)
      headers.push(new DataView(bytes.buffer).getUint32(0, true))
    }
    const small = { x: data.x.slice(0, 16), y: data.y.slice(0, 4) }
    await model.fit(small, { epochs: 2000, checkpoint: { every: { epochs: 1000 }, save } })
    expect(headers[1] - headers[0]).toBeLessThan(64)
    // Loss, accuracy and learning rate of each epoch.
    expect(sizes[1] - sizes[0]).toBeLessThan(64 + 3 * 8 * 1000)
  })

  test('a run with initialEpoch and a number of steps', async () => {
    const optimizer = adam({ learningRate: cosineDecay({ initial: 0.1 }) })
    const { all, history, model } = await whole({ initialEpoch: 2, steps: 14 }, () => make({ optimizer }))
    for (const bytes of all) {
      const other = await make({ optimizer })
      expectEnd(other, await other.fit(data, { steps: 14, resume: bytes }), model, history)
    }
  })

  test('steps of a callback at the end of an epoch know how long the run is', async () => {
    const optimizer = adam({ learningRate: cosineDecay({ initial: 0.1 }) })
    const create = async () => make({ optimizer })
    const options = (model: Model): FitOptions => ({
      epochs: 3,
      onEpoch: () => void model.trainStep(data.x.slice(0, 16), data.y.slice(0, 4)),
    })
    const first = await create()
    const { all, history } = await written(first, data, options(first))
    for (const bytes of all) {
      const other = await create()
      expectEnd(other, await other.fit(data, { ...options(other), resume: bytes }), first, history)
    }
  })

  test('a run whose first part wrote no checkpoints, over an iterable', async () => {
    const first = await make()
    let taken: Uint8Array | undefined
    await first.fit(batches, {
      epochs: 2,
      onBatch: ({ batch }) => void (batch === 1 && (taken ??= first.checkpoint())),
    })
    const second = await make()
    const all: Uint8Array[] = []
    const history = await second.fit(batches, {
      epochs: 2,
      resume: taken,
      checkpoint: { every: { steps: 1 }, save: (bytes) => all.push(bytes) },
    })
    for (const bytes of all) {
      const third = await make()
      expectEnd(third, await third.fit(batches, { epochs: 2, resume: bytes }), second, history)
    }
  })

  test('a checkpoint while an iterable is wound forward', async () => {
    const slow = async function* (epoch: number) {
      for (const batch of batches(epoch)) {
        await pause(5)
        yield batch
      }
    }
    const first = await make()
    const all: Uint8Array[] = []
    const history = await first.fit(slow, {
      epochs: 2,
      checkpoint: { every: { steps: 3 }, save: (bytes) => all.push(bytes) },
    })
    const model = await make()
    const going = model.fit(slow, { epochs: 2, resume: all[0] })
    await pause(3)
    const taken = model.checkpoint()
    expectEnd(model, await going, first, history)
    const other = await make()
    expectEnd(other, await other.fit(slow, { epochs: 2, resume: taken }), first, history)
  })

  test('a rate of -0 is 0', async () => {
    const model = await make()
    model.learningRate = -0
    const bytes = model.checkpoint()
    model.restore(bytes)
    expect(model.learningRate).toBe(0)
  })

  test('none within a step', async () => {
    const model = await make()
    const loss = (act: () => void) => () => {
      act()
      return 1
    }
    expect(() => model.step(loss(() => model.checkpoint()))).toThrow(/checkpoint: a step waits for its function/)
    const bytes = model.checkpoint()
    expect(() => model.step(loss(() => model.restore(bytes)))).toThrow(/restore: a step waits for its function/)
  })

  test('another network is refused, though all shapes fit', async () => {
    const { all } = await whole({ epochs: 1 })
    const other = (await createModel(sequential(dense(8), tanh(), dropout(), dense(3)), {
      input: [4],
      batch: 4,
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.01 }),
    })) as Model
    const before = stateOf(other)
    expect(() => other.restore(all[0])).toThrow(/restore: the checkpoint is of another network .*model\.load\(bytes\)/)
    await expect(other.fit(data, { resume: all[0] })).rejects.toThrow(/fit: the checkpoint is of another network/)
    expect(stateOf(other)).toEqual(before)
    other.load(all[0])
  })

  test('other data for validation are told', async () => {
    const { all } = await whole({ epochs: 2, validation })
    const other = { x: validation.x.map((value) => value + 1), y: validation.y }
    await expect((await make()).fit(data, { epochs: 2, validation: other, resume: all[1] })).rejects.toThrow(
      /checksum of validation/,
    )
  })

  test('what an optimizer of others remembers must have names of its own', async () => {
    for (const slots of [['m', 'm'], ['best'], ['a.b'], [1], 'm']) {
      const optimizer = { ...adam({ learningRate: 1 }), kind: 'mine', slots: slots as string[] }
      await expect(make({ optimizer })).rejects.toThrow(/the slots of mine must be names without dots, each once/)
    }
  })
})
