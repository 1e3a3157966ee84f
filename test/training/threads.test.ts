// Models that several threads compute: the bits of one thread, whatever is split and however; and threads that end.
import { execFileSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { cnn, inputOf, layerCases } from '../../cases/layers'
import { threads as host } from '#host'
import {
  type ModelOptions,
  PlanError,
  adagrad,
  adam,
  batchNorm,
  conv2d,
  createModel,
  dense,
  describe as describeModel,
  flatten,
  lbfgs,
  loadModel,
  meanSquaredError,
  momentum,
  nesterov,
  relu,
  rmsprop,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits, classifier, learnable, randomData } from '../support/models'

// Of the bundle that models load.
const { splitEverything } = await host!.load()

const COUNTS = [2, 3, 4, 7]

/** A model of each number of threads, of which every call is split that can be. */
function onThreads<T>(make: (threads: number) => Promise<T>): Promise<T[]> {
  splitEverything(true)
  return Promise.all([1, ...COUNTS].map(make))
}

afterEach(() => {
  splitEverything(false)
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe.each(['float64', 'float32'] as const)('the bits of one thread, %s', (dtype) => {
  test.each(layerCases.map((c) => [c.name, c] as const))('%s', async (_, { network, input: shape, ids }) => {
    const size = shape.reduce((a, b) => a * b)
    const input = inputOf({ input: shape, ids })
    const loss = softmaxCrossEntropy()
    const options = { input, dtype, batch: 7, loss, optimizer: adam({ learningRate: 1e-2 }), seed: 3, l2: 1e-3 }
    const models = await onThreads((threads) => createModel(network(), { ...options, threads }))
    expect(models.map(({ threads }) => threads)).toEqual([1, ...COUNTS])
    const { x, y } = randomData(7, size, models[0].output.shape[1], 5, ids)
    const results = models.map((model) => {
      const losses = [7, 5, 1, 7].map((n) => model.trainStep(x.subarray(0, n * size), y.subarray(0, n)))
      return { losses, bits: bits(model), output: [...model.predict(x).data], dx: inputGradient(model, x) }
    })
    for (const result of results) expect(result).toEqual(results[0])
    for (const model of models) model.close()
  })

  /** Of the sum of the outputs, or none where it cannot be had. */
  function inputGradient(model: Awaited<ReturnType<typeof createModel>>, x: Float64Array): number[] {
    const y = model.forward(x)
    try {
      return [...model.backward(new Float64Array(y.data.length).fill(1)).data]
    } catch (error) {
      expect(error).toBeInstanceOf(PlanError)
      return []
    }
  }

  const optimizers = { adagrad, adam, momentum, nesterov, rmsprop, sgd }
  const limits: Partial<ModelOptions>[] = [{}, { clipNorm: 0.1 }, { clipValue: 0.01, maxNorm: 0.5, l1: 1e-3 }]
  test.each(Object.entries(optimizers).flatMap(([name, make]) => limits.map((limit) => ({ name, limit, make }))))(
    '$name, $limit',
    async ({ make, limit }) => {
      const optimizer = make({ learningRate: 0.01 })
      const options = { input: [2, 9, 9], batch: 8, loss: softmaxCrossEntropy(), optimizer, dtype, seed: 1, ...limit }
      const models = await onThreads((threads) => createModel(cnn(4), { ...options, threads }))
      const { x, y } = randomData(24, 162, 4)
      for (const model of models) await model.fit({ x, y }, { epochs: 2 })
      for (const model of models) expect(bits(model)).toEqual(bits(models[0]))
      for (const model of models) model.close()
    },
  )

  test('lbfgs', async () => {
    const make = (threads: number) => classifier(dense(3), { optimizer: lbfgs(), dtype, threads })
    const models = await onThreads(make)
    const { x, y } = learnable(16)
    for (const model of models) for (let i = 0; i < 5; i++) model.trainStep(x, y)
    for (const model of models) expect(bits(model)).toEqual(bits(models[0]))
    for (const model of models) model.close()
  })
})

test('a run goes on with another number of threads', async () => {
  const make = (threads: number) => classifier(sequential(dense(16), batchNorm(), relu(), dense(3)), { threads })
  const data = learnable(64)
  const [whole, first, second] = await onThreads(make)
  await whole.fit(data, { epochs: 3 })
  let bytes: Uint8Array | undefined
  const checkpoint = { every: { steps: 5 }, save: (taken: Uint8Array) => void (bytes ??= taken) }
  await first.fit(data, { epochs: 3, checkpoint })
  await second.fit(data, { epochs: 3, resume: bytes })
  expect(bits(second)).toEqual(bits(whole))
  // The number of threads is of the machine, not of the network.
  expect(first.save()).toEqual(whole.save())
  const loaded = await loadModel(whole.save(), { threads: 2 })
  expect(loaded.threads).toBe(2)
  expect((await loadModel(first.save())).threads).toBe(1)
})

test('memory is planned for each thread, and says so', async () => {
  const options = { input: [3, 8, 8], batch: 4 }
  const network = () => sequential(conv2d(4, { kernel: 3 }), flatten(), dense(2))
  const one = describeModel(network(), options)
  const four = describeModel(network(), { ...options, threads: 4 })
  expect(four.memory.scratch).toBe(4 * one.memory.scratch)
  expect(four.memory.total - one.memory.total).toBe(3 * one.memory.scratch)
  expect(four.summary()).toMatch(/batches of 4, 4 threads/)
  const model = await createModel(network(), { ...options, threads: 4 })
  expect(model.memory).toEqual(four.memory)
  expect(model.summary()).toMatch(/wasm, batches of 4, 4 threads/)
  expect(model.input.data.buffer).toBeInstanceOf(SharedArrayBuffer)
})

test("'auto' takes one thread where the network is too small, and more where it is not", async () => {
  const small = await createModel(sequential(dense(8), relu(), dense(2)), { input: [4], threads: 'auto' })
  expect(small.threads).toBe(1)
  vi.stubGlobal('navigator', { hardwareConcurrency: 2 })
  const large = await createModel(sequential(dense(512), relu(), dense(512)), {
    input: [512],
    batch: 64,
    threads: 'auto',
  })
  const { availableParallelism } = await import('node:os')
  expect(large.threads > 1).toBe(availableParallelism() > 1)
})

test.each([0, -1, 1.5, 65, '2', NaN, {}])('threads: %s is refused', async (threads) => {
  await expect(createModel(dense(2), { input: [4], threads: threads as number })).rejects.toThrow(
    /^createModel: threads must be 'auto' or an integer from 1 to 64, got /,
  )
})

describe('where there can be no threads', () => {
  const make = (options: Partial<ModelOptions> = {}) => createModel(dense(2), { input: [4], threads: 2, ...options })

  test('a host without shared memory computes on one, and says what would help', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    vi.stubGlobal('SharedArrayBuffer', undefined)
    expect((await make()).threads).toBe(1)
    expect(warn.mock.calls).toEqual([
      ['v128: createModel: threads: the model computes on one: this host has no SharedArrayBuffer'],
    ])
  })

  test("'auto' says nothing where one is enough", async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    vi.stubGlobal('SharedArrayBuffer', undefined)
    expect((await make({ threads: 'auto' })).threads).toBe(1)
    expect(warn).not.toHaveBeenCalled()
  })

  test('so does the TypeScript twin', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    expect((await make({ backend: 'js' })).threads).toBe(1)
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/computes on one: the TypeScript kernels/))
  })
})

describe('a worker that does not start', () => {
  const { postMessage } = Worker.prototype
  const network = () => sequential(dense(16), relu(), dense(3))

  test('is waited for, but not forever; models to come get others', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    vi.spyOn(Worker.prototype, 'postMessage').mockReturnValue()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const making = classifier(network(), { threads: 2 })
    let threads: number | undefined
    void making.then((model) => (threads = model.threads))
    while (threads === undefined) {
      vi.advanceTimersByTime(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    vi.useRealTimers()
    expect(threads).toBe(1)
    expect(warn.mock.calls).toEqual([
      [
        'v128: createModel: threads: the model computes on one: a worker could not be had: it was not there within 20 s',
      ],
    ])
    vi.restoreAllMocks()
    expect((await classifier(network(), { threads: 2 })).threads).toBe(2)
  })

  test('is missed by the model alone that wanted it', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const [one, two] = [await classifier(network()), await classifier(network(), { threads: 2 })]
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...args) {
      if ((args[0] as { thread?: number }).thread === 2) void this.terminate()
      else postMessage.apply(this, args)
    })
    // Of that number there are no workers yet.
    expect((await classifier(network(), { threads: 5 })).threads).toBe(1)
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/computes on one: a worker could not be had: it ended$/))
    vi.restoreAllMocks()
    splitEverything(true)
    const { x, y } = learnable(16)
    for (const model of [one, two]) for (let i = 0; i < 3; i++) model.trainStep(x, y)
    expect(bits(two)).toEqual(bits(one))
  })
})

describe('a worker that ends', () => {
  const workers = new Set<Worker>()
  const { postMessage } = Worker.prototype
  const watch = () =>
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...args) {
      workers.add(this)
      postMessage.apply(this, args)
    })

  test('is an error, once, before anything changes; what follows goes on without it', async () => {
    watch()
    const network = () => sequential(dense(16), relu(), dense(3))
    const [one, two] = [await classifier(network()), await classifier(network(), { threads: 2 })]
    splitEverything(true)
    const { x, y } = learnable(16)
    for (const model of [one, two]) model.trainStep(x, y)
    expect(workers.size).toBeGreaterThan(0)
    await Promise.all([...workers].map((worker) => worker.terminate()))
    const before = bits(two)
    expect(() => two.trainStep(x, y)).toThrow(
      /^a thread of this model ended: it ended; the model is as it was before this call/,
    )
    expect(bits(two)).toEqual(before)
    for (const model of [one, two]) for (let i = 0; i < 3; i++) model.trainStep(x, y)
    expect(bits(two)).toEqual(bits(one))
    const third = await classifier(network(), { threads: 2 })
    expect(third.threads).toBe(2)
    third.trainStep(x, y)
  })

  test('ends a fit that runs with that error', async () => {
    workers.clear()
    watch()
    const model = await classifier(sequential(dense(16), relu(), dense(3)), { threads: 2 })
    let batches = 0
    const onBatch = async () => {
      if (++batches === 3) await Promise.all([...workers].map((worker) => worker.terminate()))
    }
    await expect(model.fit(learnable(320), { onBatch })).rejects.toThrow(/a thread of this model ended/)
    await model.fit(learnable(64))
  })
})

test('an aborted fit leaves them ready', async () => {
  const make = (threads: number) =>
    createModel(cnn(4), {
      input: [2, 9, 9],
      batch: 8,
      loss: softmaxCrossEntropy(),
      optimizer: sgd({ learningRate: 0.1 }),
      seed: 1,
      threads,
    })
  const models = await onThreads(make)
  const { x, y } = randomData(80, 162, 4)
  for (const model of models) {
    const controller = new AbortController()
    let batches = 0
    const onBatch = () => void (++batches === 4 && controller.abort())
    await model.fit({ x, y }, { signal: controller.signal, onBatch })
    await model.fit({ x, y })
  }
  for (const model of models) expect(bits(model)).toEqual(bits(models[0]))
})

test('training steps on two threads allocate nothing', () => {
  const args = ['--expose-gc', 'test/support/allocations.js', 'wasm', '2']
  const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  expect(result).toMatchObject({ threads: 2, steps: 300, constructed: 0, sameBuffers: true, finite: true })
  // As without; and what Node allocates for a thread that waits asleep, which depends on what else the machine does.
  expect(result.heapBytesPerStep).toBeLessThan(3000)
})

test('1,000 models made and dropped, or closed, leave no thread behind, and threads hold no process', () => {
  const args = ['--expose-gc', 'test/support/threads-left.js']
  const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 }))
  expect(result).toMatchObject({ models: 1000, left: 0, afterClosed: 0 })
  // Workers that end beside those that begin.
  expect(result.most).toBeLessThan(20)
})

test('the memory of models that are closed, or dropped, is freed while another lives', () => {
  const args = ['--expose-gc', 'test/support/threads-memory.js']
  const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 }))
  // 24 models of 30 MiB each.
  expect(result.most).toBeGreaterThan(100)
  expect(result.left).toBeLessThan(150)
})

test('several models at once, of several numbers of threads', async () => {
  const made = await Promise.all([2, 3, 2, 4, 2].map((threads) => classifier(dense(3), { threads })))
  expect(made.map(({ threads }) => threads)).toEqual([2, 3, 2, 4, 2])
  const script = `import { createModel, dense } from 'v128'
    const make = (threads) => createModel(dense(3), { input: [4], threads })
    console.log((await Promise.all([2, 2, 3, 2].map(make))).length)`
  const args = ['--input-type=module', '-e', script]
  for (let i = 0; i < 4; i++) expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('4\n')
})

test('targets that are values', async () => {
  const models = await onThreads((threads) =>
    createModel(sequential(dense(9), dense(5)), {
      input: [6],
      batch: 7,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.1 }),
      threads,
    }),
  )
  const { x } = randomData(7, 6, 2)
  const results = models.map((model) => model.trainStep(x, x.subarray(0, 35)))
  expect(new Set(results).size).toBe(1)
})
