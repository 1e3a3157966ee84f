// Model files: whatever a model is made of comes back from its file, without its code, to the bit.
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  type Model,
  type ModelOptions,
  PlanError,
  type Schedule,
  adam,
  conv2d,
  constant,
  cosineDecay,
  createModel,
  decodeSafetensors,
  dense,
  encodeSafetensors,
  exponentialDecay,
  flatten,
  he,
  inverseSqrtDecay,
  linearDecay,
  loadModel,
  meanSquaredError,
  normal,
  orthogonal,
  readMetadata,
  reduceOnPlateau,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
  stepDecay,
  timeDecay,
  warmup,
  xavier,
  zeros,
} from '../../src/entries/index'
import * as architectures from '../../src/entries/architectures'
import { encodeTensors } from '../../src/io/safetensors'
import { inputOf, layerCases } from '../../cases/layers'
import { lossCases } from '../../cases/losses'
import { optimizerCases, optimizers } from '../../cases/optimizers'
import { exportsFrom } from '../support/exports'
import { bits, randomData } from '../support/models'
import { stateOf } from '../support/state'

const ROWS = 3

const values = (size: number, seed: number) => randomData(ROWS, size, 2, seed).x

/** All kinds in what a file says of its model. */
function kindsIn(bytes: Uint8Array): Set<string> {
  const kinds = new Set<string>()
  JSON.parse(readMetadata(bytes)['v128.model'], (name, value: unknown) => {
    if (name === 'kind') kinds.add(value as string)
    return value
  })
  return kinds
}

interface Batch {
  readonly x: Float64Array
  readonly y: ArrayLike<number>
}

/** Saves a model that was trained a little, and compares all that comes back with it. */
async function roundTrip(model: Model, { x, y }: Batch): Promise<Uint8Array> {
  const step = (one: Model) => one.trainStep(x, y as Float64Array)
  step(model)
  step(model)
  const file = model.save({ metadata: { classes: ['a', 'b'] } })
  for (const backend of ['wasm', 'js'] as const) {
    const loaded = await loadModel(file, { backend })
    expect(loaded.dtype).toBe(model.dtype)
    expect(loaded.batch).toBe(model.batch)
    expect(loaded.seed).toBe(model.seed)
    expect(loaded.metadata).toEqual({ classes: ['a', 'b'] })
    expect(bits(loaded)).toEqual(bits(model))
    expect(loaded.predict(x)).toEqual(model.predict(x))
    // What comes out says of itself what went in.
    expect(Buffer.compare(loaded.save(), file)).toBe(0)
    loaded.close()
  }

  const checkpoint = model.checkpoint()
  const other = await loadModel(checkpoint)
  other.restore(checkpoint)
  expect(stateOf(other)).toEqual(stateOf(model))
  expect(Buffer.compare(other.checkpoint(), checkpoint)).toBe(0)
  for (let i = 0; i < 2; i++) expect(step(other)).toBe(step(model))
  expect(stateOf(other)).toEqual(stateOf(model))

  const fresh = await loadModel(file)
  fresh.load(checkpoint)
  expect(Buffer.compare(fresh.save(), file)).toBe(0)
  for (const one of [model, other, fresh]) one.close()
  return checkpoint
}

describe('each layer', () => {
  const seen = new Set<string>()

  describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
    test.each(layerCases)('$name', async ({ network, input, ids }) => {
      const optimizer = adam({ learningRate: 1e-3 })
      const options = { batch: ROWS, dtype, seed: 2, loss: meanSquaredError(), optimizer }
      const model = (await createModel(network(), { input: inputOf({ input, ids }), ...options })) as Model
      const size = input.reduce((a, b) => a * b, 1)
      const { x } = randomData(ROWS, size, 2, 1, ids)
      const y = values(model.output.data.length / ROWS, 2)
      for (const kind of kindsIn(await roundTrip(model, { x, y }))) seen.add(kind)
    })
  })

  test('that is exported came back', () => {
    expect(exportsFrom('layers').filter((name) => !seen.has(name))).toEqual([])
  })

  test.each([he(), xavier({ gain: 2 }), normal(0.1), constant(3), zeros(), orthogonal({ gain: 0.5 })])(
    'with its initializer, $kind',
    async (init) => {
      const network = sequential(conv2d(2, { kernel: 2, init }), flatten(), dense(3, { init }))
      const options = { input: [1, 3, 3], batch: ROWS, loss: meanSquaredError(), optimizer: sgd({ learningRate: 0.1 }) }
      const model = (await createModel(network, options)) as Model
      await roundTrip(model, { x: values(9, 1), y: values(3, 2) })
    },
  )
})

/** A small model that gives 3 scores. */
const scorer = (options: Partial<ModelOptions>) =>
  createModel(sequential(dense(4), relu(), dense(3)), {
    input: [4],
    batch: ROWS,
    loss: softmaxCrossEntropy(),
    optimizer: sgd({ learningRate: 0.1 }),
    ...options,
  }) as Promise<Model>

const scored = { x: values(4, 1), y: Int32Array.of(0, 2, 1) }

describe('each loss', () => {
  test.each(lossCases)('$name', async ({ loss, targets }) => {
    await roundTrip(await scorer({ loss: loss() }), { x: scored.x, y: targets(ROWS, 3) })
  })

  test('that is exported has a row', () => {
    expect(new Set(lossCases.map(({ loss }) => loss().kind))).toEqual(new Set(exportsFrom('losses')))
  })
})

describe('each optimizer', () => {
  test.each(optimizerCases)('$op $options', async ({ op, options }) => {
    await roundTrip(await scorer({ optimizer: optimizers[op]({ learningRate: 0.01, ...options }) }), scored)
  })

  test('that is exported has a row', () => {
    const exported = exportsFrom('optimizers').filter((name) => name !== 'minimize')
    expect(new Set(optimizerCases.map(({ op }) => op))).toEqual(new Set(exported))
  })
})

describe('each schedule', () => {
  const initial = 0.1
  const schedules: Schedule[] = [
    cosineDecay({ initial, total: 9, cycles: 2 }),
    cosineDecay({ initial, per: 'step', total: 30 }),
    exponentialDecay({ initial, decayRate: 0.9 }),
    inverseSqrtDecay({ initial, per: 'step' }),
    linearDecay({ initial, final: 0.01, total: 7, per: 'step' }),
    reduceOnPlateau({ initial, factor: 0.5, patience: 0, threshold: 0.1, thresholdMode: 'absolute', minRate: 0.01 }),
    stepDecay({ initial, drop: 0.5, every: 2, per: 'step' }),
    timeDecay({ initial, decayRate: 0.5 }),
    warmup(3, 0.2),
    warmup(2, warmup(1, reduceOnPlateau({ initial, cooldown: 2 }))),
  ]

  test.each(schedules)('$kind $config', async (learningRate) => {
    const model = await scorer({ optimizer: sgd({ learningRate }) })
    model.epoch = 1
    model.observe(3)
    await roundTrip(model, scored)
  })

  test('that is exported has a row', () => {
    expect(new Set(schedules.map(({ kind }) => kind))).toEqual(new Set(exportsFrom('schedules')))
  })
})

describe('each option of createModel', () => {
  const options: Partial<ModelOptions>[] = [
    { l2: 0.1, l1: 0.01, maxNorm: 2, clipValue: 1, clipNorm: 3 },
    { frozen: ['0'], inputGradient: true },
    { frozen: ['0'], inputGradient: false, algorithm: 'direct' },
    { seed: 2 ** 40, batch: 5 },
  ]
  test.each(options)('%o', async (some) => {
    const model = await scorer(some)
    const wanted = { batch: ROWS, dtype: 'float64', frozen: [], seed: 0, input: [4], ...some }
    expect((JSON.parse(readMetadata(model.save())['v128.model']) as { options: object }).options).toEqual(wanted)
    await roundTrip(model, scored)
  })

  test('may be given anew, or taken away', async () => {
    const file = (await scorer({ l2: 0.1 })).save()
    const inference = await loadModel(file, { inference: true, batch: 1 })
    expect([inference.batch, inference.memory.gradients, inference.memory.optimizer]).toEqual([1, 0, 0])
    // @ts-expect-error: what is for inference cannot be trained.
    expect(() => inference.trainStep(scored.x, scored.y)).toThrow(PlanError)
    expect((await loadModel(file, { loss: null, optimizer: null })).loss).toBe(undefined)
    expect(Object.keys((await loadModel(file, { optimizer: adam({ learningRate: 1 }) })).optimizerState)[0]).toBe(
      '0.weight.exp_avg',
    )
    // One for inference trains again where it is told how.
    const again = await loadModel(inference.save(), { inference: false, optimizer: sgd({ learningRate: 1 }) })
    expect(again.trainStep(scored.x.subarray(0, 4), scored.y.subarray(0, 1))).toBeGreaterThan(0)
  })

  test('that is wrong is a PlanError where the caller gave it', async () => {
    const file = (await scorer({})).save()
    const wrong = [
      { batch: -1 },
      { dtype: 'float16' },
      { seed: 0.5 },
      { l2: NaN },
      { input: [4] },
      { frozen: ['no'] },
      { loss: 3 },
      { layers: 5 },
      { layers: { dense: class {} } },
      { optimiser: null },
    ]
    for (const options of wrong) {
      await expect(loadModel(file, options as object), JSON.stringify(options)).rejects.toThrow(PlanError)
    }
    const surplus = loadModel as (...args: unknown[]) => Promise<unknown>
    await expect(surplus(file, undefined, 3)).rejects.toThrow(PlanError)
    await expect(loadModel('model.safetensors' as never)).rejects.toThrow(/read the file first/)
  })
})

describe('architectures', () => {
  const cifar = [3, 32, 32]
  const small: [string, () => Layer, readonly number[]][] = [
    ['lenet5', () => architectures.lenet5(), [1, 28, 28]],
    ['cifarResNet20', () => architectures.cifarResNet20(), cifar],
    ['cifarResNet20 B', () => architectures.cifarResNet20({ shortcut: 'B' }), cifar],
    ['mobileNetV1', () => architectures.mobileNetV1({ width: 0.25, classes: 3 }), cifar],
    ['mobileNetV2', () => architectures.mobileNetV2({ width: 0.25, classes: 3 }), cifar],
    ['googLeNet', () => architectures.googLeNet({ classes: 3 }), cifar],
    ['resNet18', () => architectures.resNet18({ classes: 3 }), cifar],
    ['cifarResNet110', () => architectures.cifarResNet110(), cifar],
  ]
  test.each(small)('%s', async (_, network, input) => {
    const model = await createModel(network(), { input, batch: 2, dtype: 'float32', inference: true, seed: 3 })
    const file = model.save()
    const loaded = await loadModel(file)
    const { x } = randomData(
      2,
      input.reduce((a, b) => a * b, 1),
      2,
    )
    expect(loaded.predict(x)).toEqual(model.predict(x))
    expect(Buffer.compare(loaded.save(), file)).toBe(0)
    model.close()
    loaded.close()
  })

  // Of the large ones no weights are wanted to see that their description comes back.
  const large: [string, () => Layer][] = [
    ['alexNet', () => architectures.alexNet()],
    ['vgg16', () => architectures.vgg16({ batchNorm: true })],
    ['vgg11', () => architectures.vgg11()],
    ['resNet50', () => architectures.resNet50()],
    ['resNet34', () => architectures.resNet34()],
  ]
  test.each(large)('%s', async (_, network) => {
    const options = { input: [3, 224, 224], batch: 1, inference: true }
    const { kind, config } = network()
    const file = encodeSafetensors({})
    const bytes = withModel(file, { network: { kind, config }, options })
    // All of it could be made, and now the weights are missed.
    await expect(loadModel(bytes)).rejects.toThrow(/the file has no '.*weight', but its network wants/)
  })
})

/** A file that says something else of its model. */
function withModel(bytes: Uint8Array, model: object): Uint8Array {
  const header = { ...readMetadata(bytes), 'v128.model': JSON.stringify(model) } as Record<string, string>
  delete header['v128.checksum']
  return encodeTensors(
    [...decodeSafetensors(bytes)].map(([name, tensor]) => ({ name, ...tensor })),
    header,
  )
}
