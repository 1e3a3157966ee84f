// What fit is told about checkpoints: where to go on, over what, from which epoch.
import { describe, expect, test, vi } from 'vitest'
import {
  type AsyncBatches,
  type Batches,
  type Data,
  type FitOptions,
  type ModelOptions,
  type Schedule,
  DataError,
  FileError,
  PlanError,
  adam,
  cosineDecay,
  exponentialDecay,
  momentum,
  sgd,
} from '../../src/entries/index'
import { stateOf } from '../support/state'
import { data, validation, make, batches, pause, written, expectSame } from './small'

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
    await expect(resume({ resume: { bytes: all[2], data: 'same' } })).rejects.toThrow(/data: 'changed' \} to go on/)
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

  test('another seed, l2 or beta is said, and goes on', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { all } = await written(await make({ seed: 7 }), data, { epochs: 2 })
    const options = { seed: 8, l2: 0.125, optimizer: adam({ learningRate: 0.01, beta1: 0.75 }) }
    const resume = async (bytes: FitOptions['resume']) => (await make(options)).fit(data, { epochs: 2, resume: bytes })
    await expect(resume(all[2])).rejects.toThrow(/seed: 7 there, 8 here/)
    await resume({ bytes: all[2], data: 'changed' })
    expect(warn.mock.calls.join()).toMatch(
      /fit: this model differs from .* in optimizer, seed, l2: it goes on, but not/,
    )
    warn.mockRestore()
  })

  test('a run that has ended by itself trains nothing more, and says how', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { all, history } = await written(await make(), data, { epochs: 2, onEpoch: () => false })
    const model = await make()
    expect(await model.fit(data, { epochs: 9, resume: all.at(-1) })).toEqual(history)
    expect(warn.mock.calls.join()).toMatch(/has ended \(callback\): nothing is trained; .*initialEpoch: 1/)
    warn.mockRestore()
    model.restore(all.at(-1)!)
    expect((await model.fit(data, { epochs: 3, initialEpoch: 1 })).loss.length).toBe(2)
  })

  test('metadata comes back where there is none', async () => {
    const model = await make()
    model.metadata = { classes: ['a', 'b'] }
    const bytes = model.checkpoint()
    const other = await make()
    other.restore(bytes)
    expect(other.metadata).toEqual({ classes: ['a', 'b'] })
    other.metadata = { mine: 1 }
    other.restore(bytes)
    expect(other.metadata).toEqual({ mine: 1 })
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

describe('the learning rate of a checkpoint', () => {
  const cosine = (initial = 0.01) => cosineDecay({ initial, total: 9 })
  const own: Schedule = () => 0.25
  /** The rate of the step after a restore, and what was said. */
  const goOn = async (was: number | Schedule, byHand: number | Schedule | undefined, is: number | Schedule) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      const model = await make({ optimizer: adam({ learningRate: was }) })
      model.trainStep(data.x.slice(0, 16), data.y.slice(0, 4))
      if (byHand !== undefined) model.learningRate = byHand
      const bytes = model.checkpoint()
      const other = await make({ optimizer: adam({ learningRate: is }) })
      other.restore(bytes)
      other.trainStep(data.x.slice(0, 16), data.y.slice(0, 4))
      return [other.learningRate, warn.mock.calls.join()]
    } finally {
      warn.mockRestore()
    }
  }

  test('that the model was created with is that of whoever goes on; another is said', async () => {
    expect(await goOn(0.5, undefined, 0.5)).toEqual([0.5, ''])
    expect(await goOn(own, undefined, own)).toEqual([0.25, ''])
    expect(await goOn(cosine(), undefined, cosine())).toEqual([0.01, ''])
    expect(await goOn(0.5, undefined, 0.125)).toEqual([0.125, expect.stringMatching(/was 0\.5 .* goes on as 0\.125/)])
    expect(await goOn(0.5, undefined, own)).toEqual([0.25, expect.stringMatching(/was 0\.5 .* goes on as a function/)])
    expect(await goOn(own, undefined, 0.125)).toEqual([0.125, expect.stringMatching(/was a function .* as 0\.125/)])
    expect(await goOn(cosine(), undefined, cosine(0.5))).toEqual([
      0.5,
      expect.stringMatching(/"initial":0\.01.*"initial":0\.5/),
    ])
    expect(await goOn(cosine(), undefined, own)).toEqual([
      0.25,
      expect.stringMatching(/was \{"kind":"cosineDecay".* as a function/),
    ])
  })

  test('that was set by hand comes back', async () => {
    expect(await goOn(0.5, 0.125, 0.5)).toEqual([0.125, ''])
    expect(await goOn(cosine(), 0.125, cosine())).toEqual([0.125, ''])
    expect(await goOn(0.5, cosine(), cosine())).toEqual([0.01, ''])
    await expect(goOn(0.5, cosine(), 0.5)).rejects.toThrow(
      /set to .*cosineDecay.* before the checkpoint.*model\.learningRate/,
    )
    await expect(goOn(0.5, own, 0.5)).rejects.toThrow(/set to a function before the checkpoint/)
  })
})
