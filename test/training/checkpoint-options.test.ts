// What fit is told about checkpoints: where to go on, over what, how often to write; and what may happen meanwhile.
import { describe, expect, test } from 'vitest'
import {
  type AsyncBatches,
  type Batches,
  type Data,
  DataError,
  FileError,
  type FitOptions,
  type Model,
  type ModelOptions,
  PlanError,
  adam,
  createModel,
  dense,
  dropout,
  exponentialDecay,
  meanSquaredError,
  momentum,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { learnable } from '../support/models'
import { stateOf } from '../support/state'

const data = learnable(22)
const validation = learnable(9)

function make(options: Partial<ModelOptions> = {}): Promise<Model> {
  return createModel(sequential(dense(8), relu(), dropout(), dense(3)), {
    input: [4],
    batch: 4,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.01 }),
    ...options,
  }) as Promise<Model>
}

/** Batches of an epoch: others in each. */
const batches = (epoch: number): Data[] =>
  [0, 1, 2, 3].map((i) => ({
    x: data.x.slice(16 * i, 16 * i + 16),
    y: data.y.map((y) => (y + epoch) % 3).slice(4 * i, 4 * i + 4),
  }))

const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

/** The checkpoints of a run, after each step and epoch. */
async function written(model: Model, over: Data | Batches | AsyncBatches, options: FitOptions = {}) {
  const all: Uint8Array[] = []
  const checkpoint = { every: { steps: 1 }, save: (bytes: Uint8Array) => all.push(bytes) }
  const history = await model.fit(over, { ...options, checkpoint })
  return { all, history }
}

/** What comes of `bytes` in a fresh model, and what of a run that was never stopped. */
async function expectSame(bytes: Uint8Array, over: Data | Batches | AsyncBatches, options: FitOptions, more = {}) {
  const [whole, rest] = [await make(), await make()]
  const wanted = await whole.fit(over, options)
  expect(await rest.fit(over, { ...options, ...more, resume: bytes })).toEqual(wanted)
  expect(stateOf(rest)).toEqual(stateOf(whole))
}

describe('initialEpoch', () => {
  const rates = async (options: FitOptions, per: 'epoch' | 'step', over: Data | Batches = data) => {
    const learningRate = exponentialDecay({ initial: 1, decayRate: 0.5, per })
    const model = await make({ optimizer: sgd({ learningRate }) })
    const epochs: number[] = []
    const seen: number[] = []
    const onBatch = ({ epoch, learningRate }: { epoch: number; learningRate: number }) => {
      epochs.push(epoch)
      seen.push(learningRate)
    }
    const { loss } = await model.fit(over, { ...options, onBatch })
    return { epochs, seen, ended: loss.length }
  }

  test('is where a schedule of epochs begins, and epochs count from 0', async () => {
    const { epochs, seen, ended } = await rates({ epochs: 4, initialEpoch: 2 }, 'epoch')
    expect(epochs).toEqual([2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3])
    expect(seen).toEqual([...Array<number>(6).fill(1 / 4), ...Array<number>(6).fill(1 / 8)])
    expect(ended).toBe(2)
  })

  test('counts the steps of the epochs before it', async () => {
    expect((await rates({ epochs: 3, initialEpoch: 2 }, 'step')).seen).toEqual(
      [12, 13, 14, 15, 16, 17].map((t) => 0.5 ** t),
    )
    const { seen } = await rates({ epochs: 3, initialEpoch: 2, batch: 3, dropLast: true }, 'step')
    expect(seen).toEqual([14, 15, 16, 17, 18, 19, 20].map((t) => 0.5 ** t))
    expect((await rates({ steps: 2, initialEpoch: 1 }, 'step')).seen).toEqual([6, 7].map((t) => 0.5 ** t))
  })

  test('of an iterable is its number, unless the rate wants its steps', async () => {
    const asked: number[] = []
    const over = (epoch: number) => (asked.push(epoch), batches(epoch))
    expect((await rates({ epochs: 3, initialEpoch: 1 }, 'epoch', over)).seen[0]).toBe(0.5)
    expect(asked).toEqual([1, 2])
    await expect(rates({ epochs: 3, initialEpoch: 1 }, 'step', over)).rejects.toThrow(/resume a checkpoint instead/)
    expect((await rates({ epochs: 1, initialEpoch: 0 }, 'step', over)).seen.length).toBe(4)
  })

  test.each([-1, 0.5, NaN, Infinity, '1', 3, 4, {}])('%s of 3 epochs is a PlanError', async (initialEpoch) => {
    const model = await make()
    const before = stateOf(model)
    const options = { epochs: 3, initialEpoch: initialEpoch as number }
    await expect(model.fit(data, options)).rejects.toThrow(/fit: initialEpoch/)
    await expect(model.fit(data, options)).rejects.toThrow(PlanError)
    expect(stateOf(model)).toEqual(before)
  })

  test('does not go with resume', async () => {
    const model = await make()
    const { all } = await written(model, data)
    await expect(model.fit(data, { epochs: 3, initialEpoch: 1, resume: all[2] })).rejects.toThrow(
      /does not go with resume/,
    )
  })

  test('of a run that is written and resumed is kept', async () => {
    const options = { epochs: 4, initialEpoch: 2 }
    const { all } = await written(await make(), data, options)
    await expectSame(all[3], data, { epochs: 4, initialEpoch: 2 }, { initialEpoch: 0 })
  })
})

describe('resume over something else', () => {
  const differs: [string, Partial<FitOptions>, RegExp, Data?][] = [
    ['other values', {}, /checksum of x: \w{16} there, \w{16} here/, { x: data.x.map((x) => x + 1), y: data.y }],
    ['other labels', {}, /checksum of y: \w{16} there/, { x: data.x, y: data.y.map((y) => (y + 1) % 3) }],
    ['fewer rows', {}, /rows: 22 there, 9 here/, validation],
    ['another batch', { batch: 3 }, /batch: 4 there, 3 here/],
    ['no shuffling', { shuffle: false }, /shuffle: true there, false here/],
    ['dropLast', { dropLast: true }, /dropLast: false there, true here/],
    ['a share for validation', { validation: 0.2 }, /share for validation: 0 there, 0.2 here/],
    ['another measure', { validation }, /monitor: loss there, validationLoss here/],
  ]
  test.each(differs)('%s', async (_, options, message, over = data) => {
    const { all } = await written(await make(), data, { epochs: 2 })
    const model = await make()
    const before = stateOf(model)
    const resume = (how: object) => model.fit(over, { epochs: 2, ...options, ...how })
    await expect(resume({ resume: all[2] })).rejects.toThrow(message)
    await expect(resume({ resume: { bytes: all[2] } })).rejects.toThrow(DataError)
    await expect(resume({ resume: { bytes: all[2], data: 'same' } })).rejects.toThrow(/data: 'changed' \} goes on/)
    expect(stateOf(model)).toEqual(before)
    const { loss, stopped } = await resume({ resume: { bytes: all[2], data: 'changed' } })
    expect([loss.length, stopped]).toEqual([2, 'end'])
  })

  test('an iterable where there were arrays, and the other way', async () => {
    const { all } = await written(await make(), data, { epochs: 2 })
    const model = await make()
    await expect(model.fit(batches, { epochs: 2, resume: all[1] })).rejects.toThrow(
      /kind: arrays there, an iterable here/,
    )
    const { all: others } = await written(await make(), batches, { epochs: 2 })
    await expect(model.fit(data, { epochs: 2, resume: others[1] })).rejects.toThrow(
      /kind: an iterable there, arrays here/,
    )
    expect((await model.fit(data, { epochs: 2, resume: { bytes: others[1], data: 'changed' } })).loss.length).toBe(2)
  })

  test.each([
    [5, FileError],
    ['path', FileError],
    [{}, FileError],
    [{ data: 'changed' }, FileError],
    [{ bytes: new Uint8Array(8), data: 'other' }, PlanError],
    [{ bytes: new Uint8Array(8), date: 'changed' }, PlanError],
    [Promise.resolve(new Uint8Array(8)), PlanError],
    [new Uint8Array(0), FileError],
    [new Float64Array(8), FileError],
    [new Map(), FileError],
  ] as const)('%s is no checkpoint', async (resume, kind) => {
    await expect((await make()).fit(data, { resume: resume as unknown as Uint8Array })).rejects.toThrow(kind)
  })

  test('of another model, or outside of fit', async () => {
    const { all } = await written(await make(), data, { epochs: 2 })
    const resume = async (options: Partial<ModelOptions>, bytes = all[2]) =>
      (await make(options)).fit(data, { epochs: 2, resume: bytes })
    await expect(resume({ optimizer: momentum({ learningRate: 1 }) })).rejects.toThrow(
      /was taken with adam, .* has momentum/,
    )
    await expect(resume({ dtype: 'float32' })).rejects.toThrow(/'0\.weight' is F64 \(8, 4\) in the checkpoint, F32/)
    await expect(resume({ frozen: ['0'] })).rejects.toThrow(FileError)
    const model = await make()
    await expect(resume({}, model.checkpoint())).rejects.toThrow(/no run to go on with; call model\.restore/)
    await expect(resume({}, model.save())).rejects.toThrow(/no checkpoint, but weights alone/)
  })

  test('restoreBest that the run had not', async () => {
    const { all } = await written(await make(), data, { epochs: 3 })
    const options = { epochs: 3, earlyStopping: { restoreBest: true } }
    await expect((await make()).fit(data, { ...options, resume: all.at(-3)! })).rejects.toThrow(
      /written by a run without it/,
    )
  })
})

describe('an iterable that is wound forward', () => {
  // Of the second epoch, after its second batch.
  const at = 5
  const resumed = async (over: Batches | AsyncBatches, changed = false) => {
    const { all } = await written(await make(), batches, { epochs: 2 })
    const model = await make()
    const before = stateOf(model)
    const bytes = all[at]
    try {
      return await model.fit(over, { epochs: 2, resume: changed ? { bytes, data: 'changed' } : bytes })
    } catch (error) {
      expect(stateOf(model)).toEqual(before)
      throw error
    }
  }

  test('and gives the same', async () => {
    const { all } = await written(await make(), batches, { epochs: 2 })
    for (const bytes of all) await expectSame(bytes, batches, { epochs: 2 })
  })

  test('but ends early', async () => {
    const short = (epoch: number) => batches(epoch).slice(0, epoch ? 1 : 4)
    await expect(resumed(short)).rejects.toThrow(/ended after 1 of the 2 batches that were done of epoch 1/)
    await expect(resumed(short)).rejects.toThrow(DataError)
    // The rest of that epoch is nothing.
    expect((await resumed(short, true)).steps).toBe(6)
  })

  test('but gives others', async () => {
    const others = (epoch: number) => batches(epoch + 1)
    await expect(resumed(others)).rejects.toThrow(/gave others for the first 2 batches of epoch 1/)
    expect((await resumed(others, true)).steps).toBe(8)
    const swapped = (epoch: number) => batches(epoch).toSpliced(0, 2, batches(epoch)[1], batches(epoch)[0])
    await expect(resumed(swapped)).rejects.toThrow(/gave others/)
  })

  test('but throws, or has nothing at all', async () => {
    const broken = function* (epoch: number) {
      yield batches(epoch)[0]
      throw new Error('the disk is gone')
    }
    await expect(resumed(broken)).rejects.toThrow('the disk is gone')
    await expect(resumed(() => [])).rejects.toThrow(/gave no batch/)
  })

  test('and never answers: an abort ends that', async () => {
    const { all } = await written(await make(), batches, { epochs: 2 })
    const model = await make()
    const controller = new AbortController()
    const silent = async function* () {
      yield await new Promise<Data>(() => {})
    }
    const run = model.fit(silent, { epochs: 2, resume: all[at], signal: controller.signal })
    await pause(5)
    controller.abort()
    expect((await run).stopped).toBe('signal')
  })
})

describe('a run that has ended', () => {
  test('is done at once', async () => {
    const { all, history } = await written(await make(), data, { epochs: 2 })
    let steps = 0
    const model = await make()
    const again = await model.fit(data, { epochs: 2, resume: all.at(-1)!, onBatch: () => void steps++ })
    expect([again, steps]).toEqual([history, 0])
  })

  test('by early stopping, or by a callback, stays so', async () => {
    const stopping = { epochs: 20, validation, earlyStopping: { patience: 1, minDelta: 1, restoreBest: true } }
    const { all, history } = await written(await make(), data, stopping)
    expect(history.stopped).toBe('earlyStopping')
    await expectSame(all.at(-1)!, data, stopping)
    const calls = { epochs: 3, onEpoch: () => false }
    const ended = await written(await make(), data, calls)
    expect((await (await make()).fit(data, { epochs: 3, resume: ended.all.at(-1)! })).stopped).toBe('callback')
  })

  test('goes on where it is given more epochs', async () => {
    const { all } = await written(await make(), data, { epochs: 2 })
    await expectSame(all.at(-1)!, data, { epochs: 5 })
    const { all: some } = await written(await make(), data, { steps: 7 })
    expect((await (await make()).fit(data, { steps: 12, resume: some[3] })).steps).toBe(12)
  })

  test('by its signal goes on, from the middle of an epoch', async () => {
    for (let stop = 1; stop < 12; stop += 2) {
      const controller = new AbortController()
      const all: Uint8Array[] = []
      let stopIn = stop
      const history = await (
        await make()
      ).fit(data, {
        epochs: 2,
        signal: controller.signal,
        validation,
        onBatch: () => void (--stopIn === 0 && controller.abort()),
        checkpoint: { every: { epochs: 9 }, save: (bytes) => all.push(bytes) },
      })
      expect(history.stopped).toBe('signal')
      expect(all.length).toBe(1)
      await expectSame(all[0], data, { epochs: 2, validation })
    }
  })
})

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
