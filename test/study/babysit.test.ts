// babysit: it names what is broken, says nothing bad of what is healthy, and leaves the model as it was.
import { describe, expect, test } from 'vitest'
import {
  type Babysitting,
  type Check,
  type Data,
  DataError,
  type Layer,
  type Loss,
  type Model,
  type Optimizer,
  PlanError,
  adam,
  babysit,
  batchNorm,
  binaryCrossEntropy,
  constant,
  conv2d,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  dropout,
  flatten,
  lbfgs,
  leakyRelu,
  maxPool2d,
  meanSquaredError,
  momentum,
  normal,
  normalize,
  relu,
  residual,
  rmsprop,
  sequential,
  sgd,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
  tanh,
  warmup,
  zeros,
} from '../../src/entries/index'
import { bits, classifier, learnable } from '../support/models'

// ---- data ----

interface Task extends Data {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly input: readonly number[]
  /** Outputs of a network. */
  readonly outputs: number
  readonly loss: () => Loss
}

/** Three interleaved spirals. */
function spirals(seed: number): Task {
  const random = createRandom(seed)
  const x: number[] = []
  const y = Float64Array.from({ length: 300 }, (_, i) => {
    const label = i % 3
    const radius = (0.5 + Math.floor(i / 3)) / 100
    const angle = 4 * (label + radius) + 0.2 * random.normal()
    x.push(2 * radius * Math.sin(angle), 2 * radius * Math.cos(angle))
    return label
  })
  return { x: Float64Array.from(x), y, input: [2], outputs: 3, loss: softmaxCrossEntropy }
}

/** Which of five measurements is the largest, seen through noise. */
function largestOf(seed: number, rows = 400): Task {
  const random = createRandom(seed)
  const x = Float64Array.from({ length: 5 * rows }, () => random.normal())
  const y = Float64Array.from({ length: rows }, (_, i) => {
    const row = Array.from(x.subarray(5 * i, 5 * i + 5), (v) => v + 0.1 * random.normal())
    return row.indexOf(Math.max(...row))
  })
  return { x, y, input: [5], outputs: 5, loss: softmaxCrossEntropy }
}

/** Two moons, as yes and no. */
function moons(seed: number): Task {
  const random = createRandom(seed)
  const x: number[] = []
  const y = Float64Array.from({ length: 250 }, (_, i) => {
    const upper = i % 2
    const angle = Math.PI * random.uniform()
    const [a, b] = upper ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)]
    x.push(a + 0.1 * random.normal(), b + 0.1 * random.normal())
    return upper
  })
  return { x: Float64Array.from(x), y, input: [2], outputs: 1, loss: binaryCrossEntropy }
}

const HOUSE = { area: [150, 50], rooms: [4, 1.5], year: [1970, 25], price: [300_000, 90_000] }

/** Prices of houses by area, rooms and year, in their units or of mean 0 and standard deviation 1. */
function houses(seed: number, { inputs = true, targets = true } = {}): Task {
  const random = createRandom(seed)
  const x: number[] = []
  const y = Float64Array.from({ length: 300 }, () => {
    const [area, rooms, year] = [random.normal(), random.normal(), random.normal()]
    const raw = [HOUSE.area, HOUSE.rooms, HOUSE.year].map(([mean, std], i) => mean + std * [area, rooms, year][i])
    x.push(...(inputs ? [area, rooms, year] : raw))
    const price = 0.8 * area + 0.3 * rooms + 0.3 * year + 0.2 * area * rooms + 0.15 * random.normal()
    return targets ? price : HOUSE.price[0] + HOUSE.price[1] * price
  })
  return { x: Float64Array.from(x), y, input: [3], outputs: 1, loss: meanSquaredError }
}

/** Images with a bright line, across or down, in noise. */
function lines(seed: number): Task {
  const random = createRandom(seed)
  const x = new Float64Array(64 * 400)
  const y = Float64Array.from({ length: 400 }, (_, i) => {
    const label = random.integer(2)
    const place = random.integer(8)
    for (let j = 0; j < 64; j++) {
      x[64 * i + j] = 0.4 * random.normal() + (place === (label ? j >> 3 : j & 7) ? 1.5 : 0)
    }
    return label
  })
  return { x, y, input: [1, 8, 8], outputs: 2, loss: softmaxCrossEntropy }
}

const tasks = { spirals, largestOf, moons, houses, lines }
type TaskName = keyof typeof tasks

const scaled = (task: Task, factor: number, shift = 0): Task => ({ ...task, x: task.x.map((v) => factor * v + shift) })
const withTargets = (task: Task, y: (v: number, i: number) => number): Task => ({ ...task, y: task.y.map(y) })

function withFeature(task: Task, at: number, value: number): Task {
  const size = task.input[0]
  const rows = task.x.length / size
  const x = Array.from({ length: rows }, (_, i) => {
    const row = Array.from(task.x.subarray(size * i, size * i + size))
    row.splice(at, 0, value)
    return row
  })
  return { ...task, x: Float64Array.from(x.flat()), input: [size + 1] }
}

function shuffled(task: Task, seed: number): Task {
  return { ...task, y: createRandom(seed).shuffle(task.y.slice()) }
}

/** Some rows, from all over. */
function someRows(task: Task, rows: number): Task {
  const size = task.input.reduce((a, b) => a * b)
  const order = Array.from({ length: rows }, (_, i) => (71 * i) % task.y.length)
  return {
    ...task,
    x: Float64Array.from(order.flatMap((row) => [...task.x.subarray(row * size, (row + 1) * size)])),
    y: Float64Array.from(order, (row) => task.y[row]),
  }
}

// ---- networks ----

type NetworkName = 'linear' | 'relu' | 'wide' | 'tanh' | 'sigmoid' | 'normalised' | 'images'
type Network = (outputs: number, init?: ReturnType<typeof zeros>) => Layer[]

const units = (count: number, init: ReturnType<typeof zeros> | undefined) => dense(count, init && { init })
const networks: Record<NetworkName, Network> = {
  linear: (outputs, init) => [units(outputs, init)],
  relu: (outputs, init) => [units(32, init), relu(), units(32, init), relu(), units(outputs, init)],
  wide: (outputs, init) => [units(100, init), leakyRelu(), units(outputs, init)],
  tanh: (outputs, init) => [units(24, init), tanh(), units(outputs, init)],
  sigmoid: (outputs, init) => [units(40, init), sigmoid(), units(outputs, init)],
  normalised: (outputs, init) => [units(32, init), batchNorm(), relu(), dropout({ keep: 0.8 }), units(outputs, init)],
  images: (outputs, init) => [
    conv2d(8, { kernel: 3, pad: 1, ...(init && { init }) }),
    relu(),
    maxPool2d(2),
    flatten(),
    units(outputs, init),
  ],
}

const optimizers = {
  sgd: (learningRate: number) => sgd({ learningRate }),
  momentum: (learningRate: number) => momentum({ learningRate }),
  adam: (learningRate: number) => adam({ learningRate }),
  rmsprop: (learningRate: number) => rmsprop({ learningRate }),
} satisfies Record<string, (rate: number) => Optimizer>
type OptimizerName = keyof typeof optimizers

interface Setup {
  readonly task: Task
  readonly network: Layer
  readonly optimizer: Optimizer
  readonly batch?: number
  readonly seed: number
  /** Breaks the model once it is made. */
  readonly spoil?: (model: Model) => void
}

async function create({ task, network, optimizer, batch = 32, seed, spoil }: Setup): Promise<Model> {
  const model = (await createModel(network, {
    input: task.input,
    batch,
    loss: task.loss(),
    optimizer,
    seed,
  })) as Model
  spoil?.(model)
  return model
}

const of = (name: NetworkName, outputs: number, init?: ReturnType<typeof zeros>) =>
  sequential(...networks[name](outputs, init))

/** What a training at its usual rate takes. */
type Usual = readonly [TaskName, NetworkName, OptimizerName, number]
const setup = ([task, network, optimizer, rate]: Usual, seed: number): Setup => {
  const data = tasks[task](seed)
  return { task: data, network: of(network, data.outputs), optimizer: optimizers[optimizer](rate), seed }
}

/** Of the rows alone: babysit refuses members that nobody reads. */
const look = (model: Model, { x, y }: Task) => babysit(model, { x, y })
const named = ({ checks }: Babysitting) => checks.filter(({ ok }) => !ok).map(({ name }) => name)
const textOf = ({ checks }: Babysitting, name: Check['name']) => checks.find((check) => check.name === name)?.text

// ---- twelve broken trainings ----

const usual: Usual[] = [
  ['spirals', 'relu', 'adam', 0.01],
  ['largestOf', 'tanh', 'sgd', 0.3],
  ['moons', 'wide', 'momentum', 0.03],
  ['houses', 'relu', 'rmsprop', 0.001],
  ['largestOf', 'normalised', 'adam', 0.003],
  ['houses', 'linear', 'sgd', 0.1],
  ['lines', 'images', 'adam', 0.003],
]
const seeds = [1, 2]
const cases = usual.flatMap((each) => seeds.map((seed) => [each, seed] as const))
const flat = cases.filter(([[task]]) => task !== 'lines')
const regressions = cases.filter(([[task]]) => task === 'houses')
const hidden = cases.filter(([[, network]]) => network !== 'linear')

describe('names what is broken:', () => {
  /** Babysits a broken training, and checks that the first thing to look at is what is broken. */
  async function finds(broken: Setup, name: Check['name'], words: RegExp, first = true): Promise<Babysitting> {
    const report = look(await create(broken), broken.task)
    expect(named(report), report.text).toContain(name)
    expect(textOf(report, name)).toMatch(words)
    if (first) expect(named(report)[0], report.text).toBe(name)
    return report
  }

  test.each([
    [['spirals', 'relu', 'adam', 0.5], 1],
    [['largestOf', 'tanh', 'sgd', 10], 1],
    [['largestOf', 'relu', 'sgd', 3], 2],
    [['houses', 'relu', 'sgd', 0.5], 1],
    [['houses', 'wide', 'sgd', 0.5], 3],
    [['houses', 'linear', 'sgd', 1.5], 2],
    [['lines', 'images', 'momentum', 10], 2],
    [['largestOf', 'sigmoid', 'rmsprop', 0.5], 1],
    [['moons', 'relu', 'momentum', 2], 1],
  ] as const)('a learning rate ten times too high: %j, seed %d', async (each: Usual, seed) => {
    const [task, network, optimizer, rate] = each
    const broken = setup(each, seed)
    const report = await finds(broken, 'updates', /lower the learning rate/, false)
    expect(report.text).not.toMatch(/raise the learning rate/)
    // It is broken: at a tenth of that, it comes to much less.
    const lossAt = async (factor: number) => {
      const model = await create(setup([task, network, optimizer, factor * rate], seed))
      const { x, y } = broken.task
      await model.fit({ x, y }, { steps: 600 })
      return model.evaluate({ x, y }).loss
    }
    expect(await lossAt(1)).not.toBeLessThan(1.5 * (await lossAt(0.1)))
  })

  // The last of them falls from its first weights, a tenth of the usual ones, as fast as it is slow.
  const slow: (typeof cases)[number] = [['houses', 'linear', 'sgd', 0.1], 7]
  test.each([...cases, slow])('a thousandth of the learning rate: %j, seed %d', async (each, seed) => {
    const [task, network, optimizer, rate] = each
    const broken = setup([task, network, optimizer, rate / 1000], seed)
    await finds(broken, 'updates', /at a learning rate of .*: raise the learning rate, which is too low/, false)
  })

  test.each(cases.filter(([[, network]]) => network !== 'normalised'))(
    'inputs that are not scaled: %j, seed %d',
    async (each, seed) => {
      const right = setup(each, seed)
      for (const factor of [255, 1e5, 1e-3]) {
        const broken = { ...right, task: scaled(right.task, factor) }
        const report = await finds(broken, 'inputs', /inputs are not scaled.*standardize\(\)/)
        expect(report.text).not.toMatch(/(raise|lower) the learning rate, which/)
      }
    },
  )

  test('inputs of which one is not scaled, behind batch norm too', async () => {
    for (const name of ['relu', 'normalised'] as const) {
      const task = spirals(4)
      const x = task.x.map((v, i) => (i % 2 ? v : 2000 + 300 * v))
      const broken = { task: { ...task, x }, network: of(name, 3), optimizer: adam({ learningRate: 0.01 }), seed: 1 }
      await finds(broken, 'inputs', /inputs are not scaled/)
    }
  })

  test.each(regressions)('targets that are not scaled: %j, seed %d', async (each, seed) => {
    const right = setup(each, seed)
    for (const [factor, shift] of [
      [9e4, 3e5],
      [50, 0],
      [1e-4, 0],
    ]) {
      const broken = { ...right, task: withTargets(right.task, (v) => factor * v + shift) }
      const report = await finds(broken, 'targets', /targets are not scaled/)
      expect(report.text).not.toMatch(/(raise|lower) the learning rate, which/)
    }
  })

  test.each(hidden)('zeros as weights: %j, seed %d', async ([task, network, optimizer, rate], seed) => {
    const right = setup([task, network, optimizer, rate], seed)
    for (const init of [zeros(), ...(network === 'normalised' ? [] : [constant(0.1)])]) {
      const broken = { ...right, network: of(network, right.task.outputs, init) }
      await finds(broken, 'initial weights', /start with the same weights \(0(\.1)?\).*he\(\) or xavier\(\)/)
    }
  })

  test.each(cases.filter(([[, network]]) => network === 'relu' || network === 'images'))(
    'dead ReLUs: %j, seed %d',
    async (each, seed) => {
      const spoil = ({ parameters }: Model) => parameters['0.bias'].data.fill(-30)
      await finds({ ...setup(each, seed), spoil }, 'dead units', /dead ReLUs: at most 100 %/)
    },
  )

  test.each([
    ['spirals', 'sigmoid', 1],
    ['largestOf', 'sigmoid', 2],
    ['houses', 'sigmoid', 3],
    ['largestOf', 'tanh', 4],
    ['moons', 'tanh', 5],
  ] as const)('saturated sigmoids: %s, %s, seed %d', async (task, network, seed) => {
    const right = setup([task, network, 'adam', 0.003], seed)
    const spoil = ({ parameters }: Model) => {
      parameters['0.weight'].data.forEach((v, i, data) => (data[i] = 100 * v + 3 * Math.sign(v)))
    }
    await finds({ ...right, spoil }, 'saturation', /saturated \(1 \w+\): .*smaller initial weights/)
  })

  /** A layer of the user's, which no check of the network knows. */
  const disguised = (layer: Layer): Layer => ({ ...layer, kind: 'myOwn' })

  test.each(cases.filter(([[task]]) => task === 'spirals' || task === 'largestOf' || task === 'lines'))(
    'a softmax too many: %j, seed %d',
    async ([task, network, optimizer, rate], seed) => {
      const right = setup([task, network, optimizer, rate], seed)
      const layers = networks[network](right.task.outputs)
      const end = disguised(softmax())
      await finds({ ...right, network: sequential(...layers, end) }, 'outputs', /a softmax too many.*remove \d myOwn/)
      const within = sequential(disguised(softmax()), dense(right.task.outputs))
      await finds({ ...right, network: sequential(...layers, within) }, 'outputs', /a softmax too many.*more layers/)
    },
  )

  test('a softmax too many before other losses, and a sigmoid too many', async () => {
    const task = largestOf(1)
    const hot = Float64Array.from({ length: 5 * task.y.length }, (_, i) =>
      task.y[Math.floor(i / 5)] === i % 5 ? 1 : 0,
    )
    const base = { optimizer: adam({ learningRate: 0.01 }), seed: 1 }
    const layers = networks.relu(5)
    const twice = sequential(...layers, softmax(), softmax())
    await finds(
      { ...base, task: { ...task, y: hot, loss: meanSquaredError }, network: twice },
      'outputs',
      /softmax too/,
    )
    const values = { ...task, y: hot.map((v) => 3 * v), loss: meanSquaredError }
    await finds({ ...base, task: values, network: sequential(...layers, softmax()) }, 'outputs', /targets do not/)
    const own = sequential(...layers, disguised(softmax()))
    await finds({ ...base, task: { ...task, y: hot, loss: binaryCrossEntropy }, network: own }, 'outputs', /sigmoid/)
    for (const seed of seeds) {
      const both = { ...base, seed, network: sequential(...networks.relu(1), disguised(sigmoid())) }
      await finds({ ...both, task: moons(seed) }, 'outputs', /between 0 and 1.*remove the sigmoid/)
    }
    // Mean squared error of probabilities and one-hot targets is the Brier score: nothing is wrong with one softmax.
    const brier = {
      ...base,
      task: { ...task, y: hot, loss: meanSquaredError },
      network: sequential(...layers, softmax()),
    }
    expect(textOf(look(await create(brier), brier.task), 'outputs')).toBe('nothing squashes them but the loss')
  })

  test.each(cases)('labels that were shuffled: %j, seed %d', async (each, seed) => {
    const right = setup(each, seed)
    await finds(
      { ...right, task: shuffled(right.task, seed) },
      'labels',
      /as if the (labels|targets) had been shuffled/,
    )
  })

  test.each(flat)('a constant feature: %j, seed %d', async ([task, network, optimizer, rate], seed) => {
    const right = setup([task, network, optimizer, rate], seed)
    for (const value of [0, 1, -1]) {
      const broken = { ...right, task: withFeature(right.task, 1, value) }
      const report = await finds(broken, 'features', new RegExp(`input 1 is constant \\(${value} in all rows\\)`))
      expect(named(report)).toEqual(['features'])
    }
  })

  test.each(cases)('one class only: %j, seed %d', async (each, seed) => {
    const right = setup(each, seed)
    const words = /there is one (class|value) only/
    await finds({ ...right, task: withTargets(right.task, () => 1) }, 'targets', words)
  })

  test.each(cases)('too little data: %j, seed %d', async (each, seed) => {
    const right = setup(each, seed)
    for (const rows of [6, 12]) await finds({ ...right, task: someRows(right.task, rows) }, 'rows', /too little data/)
  })

  test('house prices as they are, whatever the optimizer and the rate: never a higher rate', async () => {
    for (const seed of seeds) {
      const task = houses(seed, { inputs: false, targets: false })
      for (const optimizer of Object.values(optimizers)) {
        for (const rate of [1e-7, 1e-3, 0.1]) {
          const model = await create({ task, network: of('relu', 1), optimizer: optimizer(rate), seed })
          const report = look(model, task)
          expect(named(report).slice(0, 3)).toEqual(['inputs', 'targets', 'initial loss'])
          expect(report.text).not.toMatch(/raise the learning rate/)
        }
      }
    }
  })
})

// ---- healthy trainings ----

describe('says nothing bad of what is healthy:', () => {
  test.each(usual)('%s, %s, %s', async (...each) => {
    for (const seed of [1, 2, 3, 4]) {
      const right = setup(each, seed)
      const report = look(await create(right), right.task)
      expect(report.text).not.toContain('LOOK')
      expect(report.ok).toBe(true)
    }
  })

  test('bytes that the network scales itself, flat pixels that are always dark, a layer that begins with zeros', async () => {
    const task = lines(1)
    const bytes = Uint8Array.from(task.x, (v) => Math.min(255, Math.max(0, 128 + 50 * v)))
    const scales = sequential(normalize({ mean: 140, std: 60 }), ...networks.images(2))
    const optimizer = adam({ learningRate: 0.003 })
    const images = await createModel(scales, { input: [1, 8, 8], loss: softmaxCrossEntropy(), optimizer })
    expect(babysit(images, { x: bytes, y: task.y }).text).not.toContain('LOOK')
    const norms = sequential(conv2d(8, { kernel: 3, pad: 1 }), batchNorm(), relu(), maxPool2d(2), flatten(), dense(2))
    const normed = await createModel(norms, { input: [1, 8, 8], loss: softmaxCrossEntropy(), optimizer })
    expect(babysit(normed, { x: bytes, y: task.y }).text).not.toContain('LOOK')
    const dark = task.x.map((v, i) => (i % 64 < 5 ? 0 : Math.max(0, v)))
    const flat = await createModel(of('relu', 2), { input: [64], loss: softmaxCrossEntropy(), optimizer })
    expect(babysit(flat, { x: dark, y: task.y }).text).not.toContain('LOOK')
    const points = largestOf(1)
    for (const network of [
      dense(5, { init: zeros() }),
      sequential(dense(16), residual(sequential(relu(), dense(16, { init: zeros() }))), relu(), dense(5)),
    ]) {
      const model = await createModel(network, { input: [5], loss: softmaxCrossEntropy(), optimizer })
      expect(look(model, points).text).not.toContain('LOOK')
    }
  })

  test('a rate that a warm-up leads to, and L-BFGS', async () => {
    const task = largestOf(2)
    for (const optimizer of [adam({ learningRate: warmup(5, cosineDecay({ initial: 0.01 })) }), lbfgs()]) {
      const model = await create({ task, network: of('tanh', 5), optimizer, seed: 1 })
      expect(look(model, task).text).not.toContain('LOOK')
    }
  })
})

// ---- the rest ----

describe('babysit', () => {
  const make = (...told: Parameters<typeof classifier>) => classifier(...told) as Promise<Model>
  const data = learnable(64)
  const { x, y } = data
  const healthy = () => sequential(dense(32), batchNorm(), relu(), dropout({ keep: 0.8 }), dense(3))

  test.each(['float64', 'float32'] as const)('reports in a fixed order, in %s', async (dtype) => {
    const model = await make(healthy(), { dtype, l2: 1e-3 })
    const report = babysit(model, data)
    expect(report.text).not.toContain('LOOK')
    expect(report.checks.map(({ name }) => name)).toEqual([
      'inputs',
      'features',
      'targets',
      'rows',
      'labels',
      'initial loss',
      'regularisation',
      'initial weights',
      'outputs',
      'dead units',
      'gradients',
      'updates',
      'overfit',
    ])
    expect(report.expectedLoss).toBeCloseTo(Math.log(3), 5)
    expect(report.overfit.last).toBeLessThan(0.05 * Math.log(3))
    expect(report.layers.length).toBe(4)
    expect(String(report)).toBe(report.text)
    expect(report.text.split('\n').length).toBe(13)
  })

  test.each(['wasm', 'js'] as const)('leaves the model as it was, to the bit, on %s', async (backend) => {
    const create = () =>
      make(healthy(), {
        backend,
        l2: 1e-3,
        clipNorm: 1,
        optimizer: adam({ learningRate: warmup(3, cosineDecay({ initial: 0.01, per: 'step' })) }),
      })
    const [checked, plain] = [await create(), await create()]
    // In the middle of its life, with memory of steps before.
    await checked.fit(data)
    await plain.fit(data)
    const gradients = () => Object.values(checked.gradients).map(({ data: values }) => values.slice())
    checked.gradients['0.weight'].data.fill(0.25)
    const kept = [bits(checked), gradients(), checked.passes, checked.learningRate, checked.epoch]
    babysit(checked, data)
    expect([bits(checked), gradients(), checked.passes, checked.learningRate, checked.epoch]).toEqual(kept)
    checked.gradients['0.weight'].data.fill(0)
    expect(await checked.fit(data, { epochs: 2 })).toEqual(await plain.fit(data, { epochs: 2 }))
    expect(bits(checked)).toEqual(bits(plain))
  })

  test('both engines say the same', async () => {
    const [wasm, js] = await Promise.all((['wasm', 'js'] as const).map((backend) => make(healthy(), { backend })))
    expect(babysit(wasm, data).text).toBe(babysit(js, data).text)
  })

  test('the same seed takes the same rows, another takes others', async () => {
    const model = await make(healthy())
    const [a, b, c] = [1, 1, 2].map((seed) => babysit(model, data, { seed }))
    expect(a.text).toBe(b.text)
    expect(c.initialLoss).not.toBe(a.initialLoss)
  })

  test('a model that has been trained', async () => {
    const model = await make(sequential(dense(32), relu(), dense(3)))
    await model.fit(data, { epochs: 100 })
    expect(textOf(babysit(model, data), 'initial loss')).toMatch(/has been trained already/)
  })

  test('rows that are all the same cannot be learnt by heart', async () => {
    const report = babysit(await make(healthy()), { x: new Float64Array(256).fill(1), y })
    expect(textOf(report, 'features')).toMatch(/all rows are the same/)
    expect(named(report)).toContain('overfit')
    expect(report.overfit.steps).toBe(300)
  })

  test('weights that are not finite are all that it speaks of', async () => {
    for (const value of [NaN, Infinity]) {
      const model = await make(healthy())
      model.parameters['0.weight'].data[5] = value
      const before = bits(model)
      const report = babysit(model, data)
      expect(report.text).toBe(
        `LOOK  initial weights: the parameter '0.weight' holds ${value} at 5: create the model anew, or load weights that ` +
          'are finite; diverged, of the history of fit, says how it came',
      )
      expect(report.ok).toBe(false)
      expect(report.checks).toHaveLength(1)
      expect(report.expectedLoss).toBeCloseTo(Math.log(3), 12)
      expect(bits(model)).toEqual(before)
    }
  })

  test.each([{ clipNorm: 1e-9 }, { clipValue: 1e-9 }])('gradients that are clipped away: %o', async (clip) => {
    const model = await make(sequential(dense(32), relu(), dense(3)), {
      optimizer: sgd({ learningRate: 0.1 }),
      ...clip,
    })
    const text = textOf(babysit(model, data), 'updates')
    expect(text).toMatch(
      new RegExp(`: raise ${Object.keys(clip)[0]}, which cuts the gradients from a norm of 0?[.\\d]+ to `),
    )
    expect(text).not.toMatch(/raise the learning rate/)
  })

  test('a learning rate of 0', async () => {
    const model = await make(healthy(), { optimizer: sgd({ learningRate: 0 }) })
    expect(textOf(babysit(model, data), 'updates')).toBe(
      'the learning rate is 0, so that nothing is learnt: raise the learning rate',
    )
  })

  test('update ratios are those of steps', async () => {
    // One batch holds everything: five steps of momentum by hand give the fifth update.
    const create = () => make(dense(3), { batch: 64, optimizer: momentum({ learningRate: 0.1 }) })
    const [model, other] = [await create(), await create()]
    const [found] = babysit(model, data).weights
    let before: number[] = []
    for (let i = 0; i < 5; i++) {
      before = [...other.parameters.weight.data]
      other.trainStep(x, y)
    }
    const after = [...other.parameters.weight.data]
    expect(found.name).toBe('weight')
    expect(found.updateRatio).toBeCloseTo(Math.hypot(...after.map((v, i) => v - before[i])) / Math.hypot(...before), 12)
  })

  test('vanishing and exploding gradients', async () => {
    const deep = (init: number, activation: () => Layer) =>
      sequential(...Array.from({ length: 6 }, () => [dense(32, { init: normal(init) }), activation()]).flat(), dense(3))
    const small = babysit(await make(deep(0.01, tanh)), data, { steps: 5 })
    expect(textOf(small, 'gradients')).toMatch(/gradients become .*e-\d+ times as large: they vanish; initialise/)
    expect(named(babysit(await make(deep(2, tanh)), data, { steps: 5 }))).toContain('saturation')
    expect(babysit(await make(deep(2, relu)), data, { steps: 5 }).text).toMatch(/LOOK {2}gradients: .*they explode/)
  })

  test('too much regularisation', async () => {
    expect(named(babysit(await make(healthy(), { l2: 10 }), data))).toContain('regularisation')
  })

  test('mean squared error: what outputs of 0 would give is the mean square', async () => {
    const targets = Float64Array.from({ length: 64 }, (_, i) => 2 * x[4 * i])
    const model = await make(dense(1), { loss: meanSquaredError(), batch: 64 })
    const report = babysit(model, { x, y: targets })
    expect(report.expectedLoss).toBeCloseTo(targets.reduce((sum, v) => sum + v * v, 0) / 64, 12)
    expect(named(report)).not.toContain('overfit')
  })

  test('a layer of the user that throws in a training leaves the model as it was, and usable', async () => {
    let calls = 0
    const failing: Layer = {
      ...relu(),
      plan(input, plan) {
        const y = relu().plan(input, plan)
        const stop = () => {
          if (++calls === 40) throw new Error('stop')
        }
        plan.backward(stop, { sizes: [], reads: [y.gradient], writes: [input.gradient] })
        return y
      },
    }
    const network = (layer: Layer) => sequential(dense(8), layer, batchNorm(), dense(3))
    const [checked, plain] = [await make(network(failing)), await make(network(relu()))]
    for (const model of [checked, plain]) model.trainStep(x.subarray(0, 64), y.subarray(0, 16))
    expect(() => babysit(checked, data)).toThrow('stop')
    expect(bits(checked)).toEqual(bits(plain))
    for (let i = 0; i < 3; i++) {
      const losses = [checked, plain].map((model) => model.trainStep(x.subarray(0, 64), y.subarray(0, 16)))
      expect(losses[0]).toBe(losses[1])
    }
    expect(bits(checked)).toEqual(bits(plain))
  })

  test('wants a model, a loss, an optimizer and good data', async () => {
    const [bare, fine] = [await make(dense(3), { optimizer: undefined }), await make(dense(3))]
    const untyped = babysit as (...args: unknown[]) => unknown
    expect(() => babysit(bare, data)).toThrow(PlanError)
    expect(() => babysit(bare, data)).toThrow(/^babysit: .*without an optimizer/)
    expect(() => babysit(fine, { x: [1], y: [0] })).toThrow(DataError)
    expect(() => babysit(fine, data, { steps: 0 })).toThrow(/steps must be/)
    expect(() => babysit(fine, data, { steps: 1e9 })).toThrow(/steps must be .* at most 1000000/)
    expect(() => babysit(fine, data, { rows: 1 } as object)).toThrow(/unknown option 'rows'/)
    expect(() => untyped(fine, data, {}, 1)).toThrow(/^babysit: takes 3 arguments, got another: 1/)
    expect(() => untyped(make(dense(3)), data)).toThrow(/^babysit: the model is a promise: await createModel/)
    expect(() => untyped({}, data)).toThrow(/^babysit: wants a model of createModel, got \{\}/)
  })
})
