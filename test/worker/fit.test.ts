// A model in a worker trains as one in this thread does: the same bits, histories, callbacks and ends.
import { describe, expect, test } from 'vitest'
import {
  type Data,
  type FitOptions,
  constant,
  conv2d,
  cosineDecay,
  createModel,
  dense,
  flatten,
  he,
  hinge,
  lbfgs,
  meanSquaredError,
  momentum,
  orthogonal,
  reduceOnPlateau,
  residual,
  sequential,
  sgd,
  warmup,
  xavier,
} from '../../src/entries/index'
import { cifarResNet20 } from '../../src/entries/architectures'
import type { WorkerFitOptions } from '../../src/entries/worker'
import { loadWorkerModel } from '../../src/entries/worker'
import { createRemote, data, network, rejection, settings, startWorker, twins } from '../support/workers'

const plain = <T>(value: T) => structuredClone(value)

describe('the same bits', () => {
  test.each([
    { dtype: 'float64' },
    { dtype: 'float32' },
    { backend: 'js' },
    { l2: 1e-3, clipNorm: 1, maxNorm: 2 },
  ] as const)('%j', async (options) => {
    const { remote, local } = await twins(options)
    const how = { epochs: 3, validation: 0.2, earlyStopping: { restoreBest: true } }
    expect(await remote.fit(data, how)).toEqual(await local.fit(data, how))
    expect(await remote.save()).toEqual(local.save())
    expect(await remote.checkpoint()).toEqual(local.checkpoint())
    expect(await remote.predict(data.x, { probabilities: true })).toEqual(
      local.predict(data.x, { probabilities: true }),
    )
    expect(await remote.evaluate(data, { topK: 2, confusion: true })).toEqual(
      local.evaluate(data, { topK: 2, confusion: true }),
    )
    expect(await remote.summary()).toBe(local.summary())
    for (const name of ['parameters', 'buffers', 'gradients', 'optimizerState', 'output', 'input'] as const) {
      expect(await remote[name], name).toEqual(plain(local[name]))
    }
    for (const name of ['backend', 'dtype', 'batch', 'seed', 'threads'] as const) expect(remote[name]).toBe(local[name])
    expect(remote.memory).toEqual(local.memory)
    await remote.close()
  })

  test('on several threads', async () => {
    const { remote, local } = await twins({ threads: 2 }, sequential(dense(300), dense(3)))
    expect([remote.threads, local.threads]).toEqual([2, 2])
    expect(await remote.fit(data, { epochs: 2 })).toEqual(await local.fit(data, { epochs: 2 }))
    expect(Buffer.from(await remote.checkpoint()).equals(local.checkpoint())).toBe(true)
    expect((await remote.parameters)['1.bias'].data.buffer).toBeInstanceOf(ArrayBuffer)
    await remote.close()
    local.close()
  })

  test('of first weights, by every initializer', async () => {
    const inits = [he(), xavier({ gain: 2 }), orthogonal(), constant(0.5), undefined]
    const layer = sequential(...inits.map((init) => dense(4, init && { init })), dense(3))
    const { remote, local } = await twins({}, layer)
    expect(await remote.save()).toEqual(local.save())
    await remote.close()
  })

  test('of other losses, optimizers and schedules', async () => {
    const cases = [
      {
        loss: hinge({ margin: 2 }),
        optimizer: momentum({ learningRate: warmup(5, reduceOnPlateau({ initial: 0.1 })) }),
      },
      { loss: meanSquaredError(), optimizer: lbfgs(), batch: 100 },
      { loss: meanSquaredError(), optimizer: sgd({ learningRate: warmup(2, 0.1) }) },
    ]
    for (const options of cases) {
      const { remote, local } = await twins(options)
      const over = options.loss.kind === 'hinge' ? data : { x: data.x, y: data.x.slice(0, 300) }
      expect(await remote.fit(over, { epochs: 2 })).toEqual(await local.fit(over, { epochs: 2 }))
      expect(await remote.checkpoint()).toEqual(local.checkpoint())
      await remote.close()
    }
  })

  test('of a network of composites', async () => {
    const layer = sequential({
      first: residual(conv2d(2, { kernel: 3, pad: 1, init: he() }), undefined),
      flat: flatten(),
      last: dense(3),
    })
    const { remote, local } = await twins({ input: [2, 4, 4], frozen: ['first'] }, layer)
    const x = data.x.slice(0, 320)
    expect(await remote.trainStep(x, data.y.slice(0, 10))).toBe(local.trainStep(x, data.y.slice(0, 10)))
    expect(await remote.save()).toEqual(local.save())
    await remote.close()
    const known = await twins({ input: [3, 32, 32], batch: 1, dtype: 'float32' }, cifarResNet20())
    expect(Buffer.from(await known.remote.save()).equals(known.local.save())).toBe(true)
    await known.remote.close()
  })

  test('of steps by hand', async () => {
    const { remote, local } = await twins({ loss: undefined })
    const [x, dy] = [data.x.slice(0, 20), data.x.slice(0, 15)]
    for (let i = 0; i < 2; i++) {
      expect(await remote.forward(x, { training: true })).toEqual(plain(local.forward(x, { training: true })))
      expect(await remote.backward(dy)).toEqual(plain(local.backward(dy)))
      await remote.step()
      local.step()
    }
    expect(await remote.save()).toEqual(local.save())
    await remote.close()
  })

  test('of a file', async () => {
    const { remote, local } = await twins()
    await local.fit(data)
    const bytes = local.save({ metadata: { classes: ['a', 'b', 'c'] } })
    expect(await remote.load(bytes)).toEqual({ missing: [], mismatched: [], unexpected: [] })
    expect(bytes.length).toBeGreaterThan(0)
    expect((await remote.predict(data.x)).data).toEqual(local.predict(data.x).data)
    await remote.close()
    const loaded = await loadWorkerModel(bytes, { batch: 4, optimizer: null, worker: startWorker })
    expect((await loaded.predict(data.x)).data).toEqual(local.predict(data.x).data)
    expect(await loaded.metadata).toEqual({ classes: ['a', 'b', 'c'] })
    expect(loaded.batch).toBe(4)
    expect(String(await rejection(() => loaded.fit(data)))).toMatch(/PlanError: fit: .*without an optimizer/)
    await loaded.close()
  })
})

describe('callbacks', () => {
  /** What a run tells its callbacks, and gives. */
  async function told(fit: (data: Data, options: WorkerFitOptions) => Promise<unknown>, options: FitOptions = {}) {
    const calls: unknown[] = []
    const onBatch = [(progress: object) => void calls.push({ ...progress }), async () => void calls.push('second')]
    const onEpoch = (result: object) => calls.push(result)
    const history = await fit(data, { epochs: 2, validation: data, onBatch: [...onBatch, null], onEpoch, ...options })
    return { calls, history }
  }

  test('hear the same, in the same order', async () => {
    const { remote, local } = await twins()
    const [far, near] = [await told((...args) => remote.fit(...args)), await told((...args) => local.fit(...args))]
    expect(far).toEqual(near)
    expect(far.calls.length).toBe(2 * 7 * 2 + 2)
    await remote.close()
  })

  test.each<[string, (calls: { count: number }) => FitOptions]>([
    ['onBatch false', (calls) => ({ onBatch: () => ++calls.count < 5 })],
    ['onBatch a promise of false', (calls) => ({ onBatch: async () => ++calls.count < 9 })],
    ['one of several', (calls) => ({ onBatch: [() => false, () => ++calls.count] })],
    ['onEpoch', (calls) => ({ onEpoch: () => ++calls.count < 2 })],
    ['what is no false', (calls) => ({ onEpoch: () => (++calls.count, 0) })],
  ])('end the run: %s', async (_, make) => {
    const { remote, local } = await twins()
    const [far, near] = [{ count: 0 }, { count: 0 }]
    const history = await remote.fit(data, { epochs: 4, ...(make(far) as WorkerFitOptions) })
    expect(history).toEqual(await local.fit(data, { epochs: 4, ...make(near) }))
    expect(far).toEqual(near)
    expect(await remote.save()).toEqual(local.save())
    await remote.close()
  })

  test('may give what cannot be posted', async () => {
    const remote = await createRemote()
    expect((await remote.fit(data, { onEpoch: () => () => 1, onBatch: () => new WeakMap() })).stopped).toBe('end')
    await remote.close()
  })

  test('what they throw arrives as it is', async () => {
    const remote = await createRemote()
    for (const thrown of [new RangeError('mine'), { some: 'thing' }, undefined, 'text']) {
      const fail = () => {
        throw thrown
      }
      for (const options of [
        { onBatch: fail },
        { onEpoch: async () => fail() },
        { checkpoint: { every: { steps: 1 }, save: fail } },
        { checkpoint: { every: { steps: 1 }, save: async () => fail() } },
      ]) {
        let caught: unknown = 'nothing'
        await remote.fit(data, options).catch((error: unknown) => (caught = error))
        expect(caught).toBe(thrown)
      }
      const source = function* () {
        yield { x: data.x.slice(0, 64), y: data.y.slice(0, 16) }
        fail()
      }
      let caught: unknown = 'nothing'
      await remote.evaluate(source).catch((error: unknown) => (caught = error))
      expect(caught).toBe(thrown)
    }
    await remote.close()
  })

  test('use the model while it trains', async () => {
    const { remote, local } = await twins()
    const rates: number[] = []
    const options = (model: { learningRate: any; predict(x: ArrayLike<number>): unknown }): WorkerFitOptions => ({
      epochs: 3,
      async onEpoch({ epoch }) {
        model.learningRate = epoch ? cosineDecay({ initial: 0.1, total: 9 }) : 0.25
        await model.predict(data.x)
        rates.push(await model.learningRate)
      },
    })
    const far = await remote.fit(data, options(remote))
    expect(far).toEqual(await local.fit(data, options(local)))
    expect(far.learningRate[1]).toBe(0.25)
    expect(rates.slice(0, 3)).toEqual(rates.slice(3))
    expect(await remote.save()).toEqual(local.save())
    await remote.close()
  })
})

test('predict is answered while fit trains', async () => {
  const remote = await createRemote()
  let done = false
  const fitting = remote.fit(data, { epochs: Infinity }).catch(() => (done = true))
  const trained = []
  for (let i = 0; i < 50; i++) {
    expect((await remote.predict(data.x)).shape).toEqual([100, 3])
    trained.push(await remote.passes)
  }
  expect(trained[0]).toBeLessThan(trained[49])
  expect(done).toBe(false)
  expect(String(await rejection(() => remote.fit(data)))).toMatch(/being trained already/)
  await remote.close()
  expect(await fitting).toBe(true)
})

describe('a signal', () => {
  test('ends the run', async () => {
    const remote = await createRemote()
    const controller = new AbortController()
    const during = remote.fit(data, { epochs: Infinity, signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    expect(await during).toMatchObject({ stopped: 'signal', aborted: true })
    expect(await remote.fit(data, { signal: controller.signal })).toMatchObject({ aborted: true, steps: 0 })
    await remote.close()
  })

  test('in a callback ends it right after that batch', async () => {
    const { remote, local } = await twins()
    const options = (): WorkerFitOptions => {
      const controller = new AbortController()
      const onBatch = ({ batch }: { batch: number }) => void (batch === 3 && controller.abort())
      return { epochs: 9, signal: controller.signal, onBatch }
    }
    expect(await remote.fit(data, options())).toEqual(await local.fit(data, options()))
    expect(await remote.save()).toEqual(local.save())
    await remote.close()
  })

  test('ends one that waits for a callback or for its data', async () => {
    const remote = await createRemote()
    const never = () => new Promise<never>(() => {})
    const soon = () => AbortSignal.timeout(50)
    expect((await remote.fit(data, { onBatch: never, signal: soon() })).stopped).toBe('signal')
    const source = async function* () {
      yield { x: data.x.slice(0, 64), y: data.y.slice(0, 16) }
      await never()
    }
    expect((await remote.fit(source, { signal: soon() })).stopped).toBe('signal')
    await remote.close()
  })

  test('that is none is refused', async () => {
    const remote = await createRemote()
    const signal = new AbortController() as unknown as AbortSignal
    expect(String(await rejection(() => remote.fit(data, { signal })))).toMatch(/hand in controller.signal/)
    await remote.close()
  })
})

describe('checkpoints', () => {
  test('are those of a run in this thread, and it goes on from them', async () => {
    const { remote, local } = await twins()
    const whole = await local.fit(data, { epochs: 4 })
    const kept: Uint8Array<ArrayBuffer>[] = []
    const save = async (bytes: Uint8Array<ArrayBuffer>) => void kept.push(bytes)
    const stopped = { checkpoint: { every: { steps: 9 }, save }, onBatch: (p: { epoch: number }) => p.epoch < 2 }
    await remote.fit(data, { epochs: 4, ...stopped })
    await remote.close()
    const [first] = kept
    const near = await createModel(network(), settings)
    const nearKept: Uint8Array<ArrayBuffer>[] = []
    await near.fit(data, {
      epochs: 4,
      checkpoint: { every: { steps: 9 }, save: (bytes) => void nearKept.push(bytes) },
      onBatch: stopped.onBatch,
    })
    expect(first).toEqual(nearKept[0])
    const again = await createRemote()
    expect(await again.fit(data, { epochs: 4, resume: first })).toEqual(whole)
    expect(await again.save()).toEqual(local.save())
    // It was copied, not moved.
    expect(first.length).toBeGreaterThan(0)
    const third = await createRemote()
    await third.restore(first)
    expect(await third.save()).not.toEqual(local.save())
    await Promise.all([again.close(), third.close()])
  })

  test('of moved data: the checkpoint stays', async () => {
    const remote = await createRemote()
    let last = new Uint8Array()
    await remote.fit(data, { checkpoint: { every: { epochs: 1 }, save: (bytes) => void (last = bytes) } })
    const moved = { x: data.x.slice(), y: data.y.slice() }
    await remote.fit(moved, { epochs: 2, resume: last, transfer: true })
    expect([moved.x.length, moved.y.length, last.length > 0]).toEqual([0, 0, true])
    await remote.close()
  })
})
