// Model files with what is not of this library in them, and with names that mean something elsewhere.
import { describe, expect, test, vi } from 'vitest'
import {
  DataError,
  FileError,
  type Layer,
  type LayerFactory,
  type Loss,
  type Model,
  type ModelOptions,
  PlanError,
  type Schedule,
  adam,
  constant,
  createModel,
  dense,
  freeze,
  loadModel,
  meanSquaredError,
  readSafetensors,
  relu,
  residual,
  sequential,
  sgd,
  times,
  warmup,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'
import { stateOf } from '../support/state'

const ROWS = 4
const { x } = randomData(ROWS, 3, 2)

const make = (network: Layer, options: Partial<ModelOptions> = {}) =>
  createModel(network, {
    input: [3],
    batch: ROWS,
    loss: meanSquaredError(),
    optimizer: adam({ learningRate: 0.01 }),
    ...options,
  }) as Promise<Model>

type View = Float64Array

function scaleForward(count: number, x: View, w: View, y: View) {
  for (let i = 0; i < count; i++) y[i] = w[i % w.length] * x[i]
}

function scaleBackward(count: number, x: View, w: View, dy: View, dx?: View, dw?: View) {
  for (let i = 0; i < count; i++) {
    if (dx) dx[i] = w[i % w.length] * dy[i]
    if (dw) dw[i % w.length] += x[i] * dy[i]
  }
}

/** y = w x, value by value: a layer with a parameter of a name that it is given. */
function scale(name = 'weight', first = 2): Layer {
  return {
    kind: 'scale',
    config: { name, first },
    plan(x, plan) {
      const w = plan.parameter(name, x.shape, { init: constant(first), fanIn: 1, fanOut: 1, decay: true })
      const y = plan.value(x.shape)
      const sizes = [times(x.size)]
      plan.forward(scaleForward, { sizes, reads: [x, w], writes: [y] })
      plan.backward(scaleBackward, { sizes, reads: [x, w, y.gradient], writes: [x.gradient, w.gradient] })
      return y
    },
  }
}

/** A layer with a child and a name for it. */
function wrap(name: string, layer: Layer): Layer {
  return {
    kind: 'wrap',
    config: { name, layer: { kind: layer.kind, config: layer.config } },
    children: [[name, layer]],
    plan: (x, plan) => plan.child(name, layer, x),
  }
}

const layers: Record<string, LayerFactory> = {
  scale: ({ name, first }: { name: string; first: number }) => scale(name, first),
  wrap: ({ name, layer }: { name: string; layer: unknown }, build) => wrap(name, build(layer)),
}

/** Trains a little, and compares what comes of the checkpoint with what comes without. */
async function goesOn(model: Model, own = layers): Promise<Uint8Array> {
  const y = randomData(ROWS, model.output.data.length / ROWS, 2, 7).x
  for (let i = 0; i < 2; i++) model.trainStep(x, y)
  const bytes = model.checkpoint()
  const loaded = await loadModel(bytes, { layers: own })
  expect(loaded.predict(x)).toEqual(model.predict(x))
  loaded.restore(bytes)
  for (let i = 0; i < 2; i++) expect(loaded.trainStep(x, y)).toBe(model.trainStep(x, y))
  expect(stateOf(loaded)).toEqual(stateOf(model))
  expect(Buffer.compare(loaded.checkpoint(), model.checkpoint())).toBe(0)
  const fresh = await loadModel(model.save(), { layers: own })
  expect(fresh.load(bytes)).toEqual({ missing: [], mismatched: [], unexpected: [] })
  return bytes
}

describe('layers of others', () => {
  const network = () => sequential(dense(3), wrap('inner', sequential(scale(), relu())), residual(scale('w', 3)))

  test('come back by what makes them, children and all', async () => {
    await goesOn(await make(network()))
  })

  test.each([
    [
      'no layers',
      undefined,
      /the layer 'wrap' is not one of this library; .*layers: \{ 'wrap': \(config\) => \.\.\. \}/,
    ],
    ['only one of them', { wrap: layers.wrap }, /the layer 'scale' is not one of this library; hand it in/],
    [
      'one that throws',
      {
        ...layers,
        scale: () => {
          throw new Error('no such thing')
        },
      },
      /'scale' .*no such thing/,
    ],
    [
      'one that makes nothing',
      { ...layers, scale: () => undefined as never },
      /what layers\.scale makes is not a layer/,
    ],
    ['another layer', { ...layers, scale: () => relu() }, /has '1\.inner\.0\.weight', which/],
    ['one of other sizes', { ...layers, wrap: () => dense(7) }, /the file has no '1\.weight', but its network wants/],
    [
      'one that is made of a child that is none',
      { ...layers, wrap: (_, build) => build({ kind: 5 }) },
      /must be \{ kind, config \}/,
    ],
  ] as [string, Record<string, LayerFactory> | undefined, RegExp][])('%s', async (_, own, message) => {
    const bytes = (await make(network())).save()
    const options = own ? { layers: own } : undefined
    await expect(loadModel(bytes, options)).rejects.toThrow(message)
    const error = await loadModel(bytes, options).catch((one: unknown) => one)
    expect(error instanceof FileError || error instanceof PlanError).toBe(true)
  })

  test('may go before ours of the same kind', async () => {
    const bytes = (await make(sequential(dense(3), relu()))).save()
    const seen: unknown[] = []
    const own = { relu: (config: unknown) => (seen.push(config), relu()) }
    expect((await loadModel(bytes, { layers: own })).predict(x)).toEqual((await loadModel(bytes)).predict(x))
    expect(seen).toEqual([{}])
  })

  test('whose config JSON cannot hold are saved, but not loaded', async () => {
    const layer = { ...scale(), config: { f: () => 1 } }
    const model = await make(layer)
    const bytes = model.save()
    expect(readSafetensors(bytes).size).toBe(1)
    await expect(loadModel(bytes, { layers })).rejects.toThrow(/config holds a function as 'f'; create the model with/)
    const other = await make(scale('weight', 5))
    other.load(bytes)
    expect(bits(other)).toEqual(bits(model))
    for (const config of [{ m: new Map([[1, 2]]) }, { a: Float32Array.of(1, 2) }, { d: new Set() }]) {
      const lossy = await make({ ...scale(), config })
      await expect(loadModel(lossy.save(), { layers }), Object.keys(config)[0]).rejects.toThrow(/config holds/)
    }
  })
})

describe('losses, optimizers and schedules of others', () => {
  const ownLoss = (): Loss => ({ ...meanSquaredError(), kind: 'mine', config: { sharp: true } })
  const ownSchedule: Schedule = (t) => 0.1 / (t + 1)
  const bytesOf = async (options: Partial<ModelOptions>) => (await make(dense(2), options)).save()

  test('a loss', async () => {
    const bytes = await bytesOf({ loss: ownLoss() })
    await expect(loadModel(bytes)).rejects.toThrow(/the loss 'mine' is not one of this library; .*\{ loss \}/)
    await expect(loadModel(bytes)).rejects.toThrow(FileError)
    expect((await loadModel(bytes, { loss: ownLoss() })).loss?.kind).toBe('mine')
    expect((await loadModel(bytes, { loss: null })).loss).toBe(undefined)
  })

  test('a schedule that is a function', async () => {
    const bytes = await bytesOf({ optimizer: sgd({ learningRate: ownSchedule }) })
    await expect(loadModel(bytes)).rejects.toThrow(/learning rate of sgd was a function; .*\{ optimizer \}/)
    await expect(loadModel(bytes)).rejects.toThrow(FileError)
    await loadModel(bytes, { optimizer: null })
    await loadModel(bytes, { inference: true })
    const model = await make(dense(2), { optimizer: sgd({ learningRate: ownSchedule }) })
    model.epoch = 3
    model.trainStep(x, randomData(ROWS, 2, 2).x)
    const checkpoint = model.checkpoint()
    await expect(loadModel(checkpoint)).rejects.toThrow(/was a function/)
    const loaded = await loadModel(checkpoint, { optimizer: sgd({ learningRate: ownSchedule }) })
    loaded.restore(checkpoint)
    expect(stateOf(loaded)).toEqual(stateOf(model))
    const other = await loadModel(checkpoint, { optimizer: sgd({ learningRate: 0.1 }) })
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    other.restore(checkpoint)
    expect(warn.mock.calls.join()).toMatch(/learning rate was a function in the checkpoint; it goes on as 0\.1/)
    warn.mockRestore()
    other.learningRate = ownSchedule
    other.restore(checkpoint)
    expect(stateOf(other)).toEqual(stateOf(model))
  })

  test('a schedule within warmup', async () => {
    const bytes = await bytesOf({ optimizer: sgd({ learningRate: warmup(2, ownSchedule) }) })
    await expect(loadModel(bytes)).rejects.toThrow(/schedule within warmup was a function; .*\{ optimizer \}/)
  })

  test('a schedule that names itself', async () => {
    const named = Object.assign((t: number) => 0.1 / (t + 1), { kind: 'mine', config: {} })
    const bytes = await bytesOf({ optimizer: sgd({ learningRate: named }) })
    await expect(loadModel(bytes)).rejects.toThrow(/the schedule 'mine' is not one of this library; .*\{ optimizer \}/)
  })

  test('an optimizer', async () => {
    const mine = { ...sgd({ learningRate: 0.1 }), kind: 'mine' }
    const bytes = await bytesOf({ optimizer: mine })
    await expect(loadModel(bytes)).rejects.toThrow(/the optimizer 'mine' is not one of this library; .*\{ optimizer \}/)
    await loadModel(bytes, { optimizer: mine })
  })

  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('a kind named %s', async (kind) => {
    const layer = await make({ ...dense(2), kind })
    await expect(loadModel(layer.save())).rejects.toThrow(`the layer '${kind}' is not one of this library`)
    const loss = await bytesOf({ loss: { ...meanSquaredError(), kind } })
    await expect(loadModel(loss)).rejects.toThrow(`the loss '${kind}' is not one of this library`)
    const optimizer = await bytesOf({ optimizer: { ...sgd({ learningRate: 0.1 }), kind } })
    await expect(loadModel(optimizer)).rejects.toThrow(`the optimizer '${kind}' is not one of this library`)
    const rate = Object.assign((t: number) => t, { kind, config: {} })
    const schedule = await bytesOf({ optimizer: sgd({ learningRate: rate }) })
    await expect(loadModel(schedule)).rejects.toThrow(`the schedule '${kind}' is not one of this library`)
  })
})

describe('names that look like something else', () => {
  const names = ['weight.exp_avg', 'best', 'grad', 'before', 'v128.x', '0', '__proto__', 'constructor', 'weight.best']
  test.each(names)('a parameter named %s', async (name) => {
    await goesOn(await make(scale(name)))
    await goesOn(await make(sequential(dense(3), scale(name), relu(), dense(2))))
    await goesOn(await make(wrap('weight', scale(name))))
  })

  test.each(['best', 'grad', 'exp_avg', 'v128', '__proto__', '__metadata__', 'constructor'])(
    'a layer named %s',
    async (name) => {
      const named = Object.fromEntries([
        [name, dense(3)],
        ['last', scale('best')],
      ])
      await goesOn(await make(sequential(named)))
    },
  )

  test('a frozen weight beside one that is named as its state would be', async () => {
    const network = () => sequential({ a: freeze(wrap('', scale('weight'))), 'a ': wrap('', scale('b')) })
    await goesOn(await make(network()))
    const both = () => sequential({ '': freeze(scale('weight')), b: relu() })
    const model = await make(sequential(both(), wrap('', scale('weight.exp_avg'))))
    // Of the frozen one there is no state, so that both names are free.
    await goesOn(model)
  })

  test('one that is both is said before anything is written', async () => {
    const model = await make(sequential({ '': scale('weight'), b: wrap('', scale('exp_avg')) }))
    await goesOn(model)
    const clash = await make(wrap('', sequential({ '': scale('weight'), weight: scale('exp_avg') })))
    expect(() => clash.checkpoint()).toThrow(/'weight\.exp_avg' is the name of a weight and of what training keeps/)
    expect(() => clash.checkpoint()).toThrow(PlanError)
    clash.load(clash.save())
  })

  test('that of the metadata is refused', async () => {
    const model = await make(scale('__metadata__'))
    expect(() => model.save()).toThrow(/'__metadata__' is no name for a tensor/)
    expect(() => model.checkpoint()).toThrow(DataError)
  })
})

describe('metadata of the user', () => {
  test('comes back, and goes into what the loaded model writes', async () => {
    const model = await make(dense(2))
    const metadata = { classes: ['cat', 'Ünï'], size: [28, 28], nested: { a: null, b: [true, -0.5] } }
    const loaded = await loadModel(model.save({ metadata }))
    expect(loaded.metadata).toEqual(metadata)
    expect((await loadModel(loaded.save())).metadata).toEqual(metadata)
    expect((await loadModel(loaded.checkpoint())).metadata).toEqual(metadata)
    expect((await loadModel(loaded.save({ metadata: {} }))).metadata).toEqual({})
    expect((await loadModel(model.save())).metadata).toEqual({})
    model.metadata = metadata
    expect((await loadModel(model.save())).metadata).toEqual(metadata)
  })

  test.each([
    ['a function', { f: () => 1 }],
    ['NaN', { n: NaN }],
    ['a bigint', { n: 1n }],
    ['a Map', { m: new Map() }],
    ['a typed array', { m: Float64Array.of(1) }],
    ['a Set', { deep: [{ s: new Set([1]) }] }],
    ['undefined in a list', { list: [undefined] }],
    ['a list', [1]],
    ['a text', 'cats'],
    ['null', null],
    ['a Map alone', new Map([['a', 1]])],
  ])('that JSON would change: %s', async (_, metadata) => {
    const model = await make(dense(2))
    expect(() => model.save({ metadata: metadata as object })).toThrow(/metadata must be an object that JSON can hold/)
    expect(() => {
      model.metadata = metadata as Record<string, unknown>
    }).toThrow(PlanError)
  })
})
