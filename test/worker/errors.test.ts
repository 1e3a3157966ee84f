// What cannot be is said here as createModel says it, and what a worker cannot have, with what to do.
import { describe, expect, test } from 'vitest'
import {
  DataError,
  FileError,
  type Layer,
  PlanError,
  cosineDecay,
  createModel,
  dense,
  he,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
  warmup,
} from '../../src/entries/index'
import { createWorkerModel, loadWorkerModel } from '../../src/entries/worker'
import { Thrown, fromPlain, toPlain } from '../../src/worker/errors'
import { createRemote, data, network, rejection, settings, startWorker, twins } from '../support/workers'

const messageOf = async (action: () => unknown, Kind: typeof PlanError = PlanError): Promise<string> => {
  const error = await rejection(action)
  expect(error).toBeInstanceOf(Kind)
  return (error as Error).message
}

const mine: Layer = { kind: 'mine', config: { units: 2 }, plan: (x) => x }
const init = { kind: 'ones', config: {}, fill: (values: Float64Array | Float32Array) => void values.fill(1) }

describe('what is not of this library', () => {
  const code = 'a worker gets the network as data, and no code of yours: take what this library has, '
  const own = 'or create the model with createModel in a worker of your own'
  test.each<[string, object, Layer, string]>([
    ['a layer', {}, sequential(mine, dense(3)), `the layer 'mine' is not one of this library; ${code}${own}`],
    [
      'a layer without a config',
      {},
      sequential({ kind: 'mine', plan: (x: unknown) => x } as unknown as Layer, dense(3)),
      `the layer 'mine' is not one of this library; ${code}${own}`,
    ],
    [
      'an optimizer without a rate',
      { optimizer: { kind: 'ours', config: {}, slots: [], update() {} } },
      dense(3),
      `the optimizer 'ours' is not one of this library; ${code}${own}`,
    ],
    ['an initializer', {}, dense(3, { init }), `the initializer 'ones' is not one of this library; ${code}${own}`],
    [
      'a loss',
      { loss: { ...softmaxCrossEntropy(), kind: 'ours' } },
      dense(3),
      `the loss 'ours' is not one of this library; ${code}${own}`,
    ],
    [
      'an optimizer',
      { optimizer: { ...sgd({ learningRate: 1 }), kind: 'ours' } },
      dense(3),
      "the optimizer 'ours' is not",
    ],
    ['a schedule', { optimizer: sgd({ learningRate: () => 1 }) }, dense(3), 'the learning rate of sgd was a function'],
    [
      'a schedule within one',
      { optimizer: sgd({ learningRate: warmup(3, () => 1) }) },
      dense(3),
      'a schedule within warmup was a function',
    ],
    [
      'a schedule with a name',
      { optimizer: sgd({ learningRate: Object.assign(() => 1, { kind: 'ours' }) }) },
      dense(3),
      "the schedule 'ours' is not one of this library",
    ],
  ])('%s', async (_, options, layer, message) => {
    expect(await messageOf(() => createRemote(options, layer))).toContain(`createWorkerModel: ${message}`)
  })

  test('a config that is no data', async () => {
    const layer: Layer = { ...relu(), config: { inside: () => 1 } }
    expect(await messageOf(() => createRemote({}, sequential(layer, dense(3))))).toBe(
      'createWorkerModel: the network is sent to the worker as data, but its config, or that of its loss or optimizer, ' +
        "holds a function as 'inside'; create the model with createModel in a worker of your own",
    )
  })

  test('layers of loadWorkerModel', async () => {
    const bytes = (await createModel(dense(3), settings)).save()
    const options = { worker: startWorker, layers: { mine: () => relu() } }
    expect(await messageOf(() => loadWorkerModel(bytes, options as object))).toMatch(/layers are functions/)
  })
})

describe('what createModel refuses', () => {
  test.each<[any, any]>([
    [undefined, settings],
    [relu, settings],
    [[dense(3)], settings],
    [Promise.resolve(dense(3)), settings],
    [dense(3), undefined],
    [dense(3), []],
    [dense(3), { ...settings, input: 4 }],
    [dense(3), { ...settings, bogus: 1 }],
    [dense(3), { ...settings, loss: 5 }],
    [dense(3), { ...settings, loss: softmaxCrossEntropy }],
    [dense(3), { ...settings, optimizer: {} }],
    [dense(3), { ...settings, optimizer: { kind: 'x', config: {} } }],
    [dense(3), { ...settings, loss: { kind: 'x', config: {} } }],
    [dense(3), { ...settings, optimizer: Promise.resolve(settings.optimizer) }],
    [sequential(dense(3), dense(3)), { ...settings, frozen: ['7'] }],
    [dense(3), { ...settings, batch: 1e9 }],
  ])('%#', async (layer, options) => {
    const near = await messageOf(() => createModel(layer, options))
    const given = options && !Array.isArray(options) ? { ...options, worker: startWorker } : options
    const far = await messageOf(() => createWorkerModel(layer, given))
    // Of layers, the message begins with their path.
    if (near.startsWith('createModel: ') && !near.includes('GiB')) expect(far).toMatch(/^createWorkerModel: /)
    expect(far.replace(/^createWorkerModel/, 'createModel').replace(/, worker(?=$|, got )/, '')).toBe(near)
  })

  test('a worker that is none', async () => {
    const make = (worker: unknown) =>
      messageOf(() => createWorkerModel(dense(3), { input: [4], worker: worker as never }))
    expect(await make(5)).toBe('createWorkerModel: worker must be a function: () => new Worker(...), got 5')
    expect(await make(() => 5)).toMatch(/^createWorkerModel: worker must be a function that gives a worker/)
    const failing = () => {
      throw new Error('no threads')
    }
    expect(await make(failing)).toMatch(/the worker could not be started: no threads; its script must import/)
  })
})

test('errors are of their classes, with their causes', async () => {
  const { remote, local } = await twins()
  const bad = new Uint8Array(100)
  for (const use of [
    (model: any) => model.predict([1, 2, 3]),
    (model: any) => model.load(bad),
    (model: any) => model.restore(bad),
    (model: any) => model.observe(NaN),
    (model: any) => model.fit(data, { epochs: -1 }),
    (model: any) => model.fit(data, { bogus: 1 }),
    (model: any) => model.fit(data, { bogus: () => 1 }),
    (model: any) => model.fit(data.x, data.y),
    (model: any) => model.fit(data, 5),
    (model: any) => model.fit(data, { onBatch: class {} }),
    (model: any) => model.fit(data, { checkpoint: { every: { steps: 1 }, save: 5 } }),
    (model: any) => model.evaluate(data, { topK: 0 }),
    (model: any) => model.save({ metadata: { f: () => 1 } }),
    (model: any) => model.save({ metadata: new Map() }),
    (model: any) => model.trainStep([1, 2, 3, 4], [7]),
    (model: any) => model.backward([1], 2),
    (model: any) => model.summary(1),
  ]) {
    const [far, near] = [(await rejection(() => use(remote))) as Error, (await rejection(() => use(local))) as Error]
    expect([PlanError, DataError, FileError]).toContain(far.constructor)
    expect([far.constructor, far.message]).toEqual([near.constructor, near.message])
  }
  await remote.close()
})

test('an error that travels is what it was', () => {
  const cause = new FileError('inner', { cause: new Error('innermost') })
  const other = Object.assign(new Error('of a kind of its own'), { name: 'Odd' })
  for (const error of [new PlanError('a', { cause }), new DataError('b'), new TypeError('c'), other]) {
    const found = fromPlain(structuredClone(toPlain(error)), new Map()) as Error
    expect([found.constructor, found.name, found.message, found.stack]).toEqual([
      error.constructor,
      error.name,
      error.message,
      error.stack,
    ])
    if (error.cause) expect(found.cause).toMatchObject({ message: 'inner', cause: { message: 'innermost' } })
    else expect('cause' in found).toBe(false)
  }
  const odd = Object.assign(new Error('x'), { message: () => 1, stack: new WeakMap() })
  expect(structuredClone(toPlain(odd))).toMatchObject({ name: 'Error', message: 'a function', stack: 'a WeakMap' })
  expect(fromPlain(toPlain('text'), new Map())).toMatchObject({ message: '"text"' })
  const own = {}
  const wrapped = new DataError('outer', { cause: new Thrown({ thrown: 3, name: 'x', message: 'y' }) })
  expect((fromPlain(toPlain(wrapped), new Map([[3, own]])) as Error).cause).toBe(own)
})

describe('a transform', () => {
  test('is refused, with what to do', async () => {
    const remote = await createRemote()
    const transform = () => {}
    const wanted = /transform works on the memory of the model.*an iterable of batches/
    expect(await messageOf(() => remote.fit(data, { transform } as object))).toMatch(wanted)
    expect(await messageOf(() => remote.evaluate(data, { transform } as object))).toMatch(wanted)
    expect((await remote.fit(data, { transform: null } as object)).stopped).toBe('end')
    await remote.close()
  })
})

describe('what is written', () => {
  test('is checked at once', async () => {
    const remote = await createRemote()
    expect(await messageOf(() => (remote.learningRate = -1 as never))).toMatch(/^model: learningRate must be/)
    expect(await messageOf(() => (remote.learningRate = (() => 1) as never))).toMatch(/cannot be sent to a worker/)
    const schedule = Object.assign(() => 1, { kind: 'ours', config: { inner: new WeakMap() } })
    expect(await messageOf(() => (remote.learningRate = schedule as never))).toMatch(
      /^model: learningRate is sent to the worker as data, but the config of its schedule holds a WeakMap as 'inner'$/,
    )
    expect(await messageOf(() => (remote.epoch = 0.5 as never))).toMatch(/^model: epoch must be/)
    expect(await messageOf(() => (remote.passes = -1 as never))).toMatch(/^model: passes must be/)
    expect(await messageOf(() => (remote.metadata = { f: () => 1 } as never))).toMatch(/^metadata: metadata must be/)
    remote.epoch = 3
    remote.passes = 4
    remote.metadata = { classes: ['a'] }
    remote.learningRate = 0.5
    expect([await remote.epoch, await remote.passes, await remote.learningRate]).toEqual([3, 4, 0.5])
    expect(await remote.metadata).toEqual({ classes: ['a'] })
    remote.learningRate = cosineDecay({ initial: 0.125, total: 5 })
    remote.epoch = 0
    await remote.trainStep([1, 2, 3, 4, 5, 6, 7, 8], [0, 1])
    expect(await remote.learningRate).toBe(0.125)
    await remote.close()
  })

  test('and what only the worker knows is said by the next call', async () => {
    const remote = await createRemote({ optimizer: undefined })
    remote.learningRate = 0.1
    expect(await messageOf(() => remote.predict([1, 2, 3, 4]))).toMatch(/^learningRate: .*without an optimizer/)
    expect((await remote.predict([1, 2, 3, 4])).shape).toEqual([1, 3])
    await remote.close()
  })
})

test('of a network that is right, nothing is said', async () => {
  const remote = await createRemote({}, sequential(network(), dense(3, { init: he() })))
  expect(remote.backend).toBe('wasm')
  await remote.close()
})
