// Every function that the library exports, and every public method of a model, checks all that it is given: an option
// that it does not know and an argument too many are errors of ours. An export without a row fails.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import * as architectures from '../../src/entries/architectures'
import * as data from '../../src/entries/data'
import * as files from '../../src/entries/files'
import * as bullmq from '../../src/entries/bullmq'
import * as core from '../../src/entries/index'
import * as node from '../../src/entries/node'
import * as pgBoss from '../../src/entries/pg-boss'
import * as postgres from '../../src/entries/postgres'
import * as preprocessing from '../../src/entries/preprocessing'
import * as redis from '../../src/entries/redis'
import * as tfjs from '../../src/entries/tfjs'
import * as worker from '../../src/entries/worker'
import { errorOf, isOurs } from '../support/mistakes'
import { hasPostgres, hasRedis, startPostgres, startRedis } from '../support/servers.js'
import { startWorker } from '../support/workers'

/** A call that works. */
interface Call {
  /** All of its arguments, the options among them. */
  readonly args: readonly unknown[]
  /** Which of the arguments has the options; none unless given. */
  readonly options?: number
  /** Whether it takes any number of arguments, so that none is too many. */
  readonly variadic?: boolean
  /** Ends what it gave. */
  readonly end?: (given: unknown) => unknown
}

type Row = () => Call | Promise<Call>
type Rows = Readonly<Record<string, Row>>

const { adam, createModel, dense, relu, sequential, softmaxCrossEntropy } = core

/** Of a function that has options alone. */
const only =
  (options: object = {}): Row =>
  () => ({ args: [options], options: 0 })
const nothing: Row = () => ({ args: [] })

const x = Float64Array.from({ length: 16 }, (_, i) => Math.sin(i))
const y = [0, 1, 2, 1]
const settings = { input: [4], batch: 4, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 0.01 }) }
const classifier = () => createModel(sequential(dense(4), relu(), dense(3)), settings)
const body = sequential(dense(4), relu())
const weights = (await createModel(body, { input: [4] })).save()
const transferring = { ...settings, body, weights, head: dense(3) }
const tensor = { shape: [2], data: new Float64Array(2) }
const images = { shape: [1, 2, 2] }

/** An IDX file of bytes. */
const idx = (shape: number[]) =>
  new Uint8Array([
    0,
    0,
    8,
    shape.length,
    ...shape.flatMap((n) => [0, 0, 0, n]),
    ...Array(shape.reduce((a, b) => a * b)).fill(1),
  ])
const found = async () =>
  node.search({ space: { rate: node.uniform(0, 1) }, trials: 2, run: ({ parameters }) => parameters.rate })

const coreRows: Rows = {
  activationStatistics: async () => ({ args: [await classifier(), x, y, {}], options: 3 }),
  lookInside: async () => ({ args: [await classifier(), x, y, {}], options: 3 }),
  babysit: async () => ({ args: [await classifier(), { x, y }, { steps: 1 }], options: 2 }),
  splitData: () => ({ args: [{ x, y }, {}], options: 1 }),
  averageWeights: async () => ({ args: [await classifier(), {}], options: 1 }),
  ensemble: async () => ({ args: [[await classifier()], {}], options: 1 }),
  snapshot: async () => ({ args: [await classifier()] }),
  gradientCheck: async () => ({ args: [await classifier(), x, y, {}], options: 3 }),
  constant: () => ({ args: [1] }),
  he: nothing,
  normal: () => ({ args: [1] }),
  orthogonal: only(),
  xavier: only(),
  zeros: nothing,
  decodeSafetensors: () => ({ args: [core.encodeSafetensors({ tensor })] }),
  readSafetensors: () => ({ args: [core.encodeSafetensors({ tensor })] }),
  encodeSafetensors: () => ({ args: [{ tensor }, {}], options: 1 }),
  readMetadata: () => ({ args: [core.encodeSafetensors({ tensor })] }),
  loadModel: async () => ({ args: [(await classifier()).save(), {}], options: 1 }),
  readModel: async () => ({ args: [(await classifier()).save(), {}], options: 1 }),
  headless: () => ({ args: [sequential(dense(4), relu(), dense(3)), {}], options: 1 }),
  features: async () => ({ args: [await core.transfer(transferring), { x, y }] }),
  transfer: only(transferring),
  avgPool1d: () => ({ args: [2, {}], options: 1 }),
  convTranspose2d: () => ({ args: [4, { kernel: 3 }], options: 1 }),
  conv1d: () => ({ args: [4, { kernel: 3 }], options: 1 }),
  gru: () => ({ args: [4, {}], options: 1 }),
  lstm: () => ({ args: [4, {}], options: 1 }),
  rnn: () => ({ args: [4, {}], options: 1 }),
  globalMaxPool2d: nothing,
  maxPool1d: () => ({ args: [2, {}], options: 1 }),
  mean: only(),
  permute: () => ({ args: [[1, 0]] }),
  repeat: () => ({ args: [2] }),
  reshape: () => ({ args: [[2, 2]] }),
  take: only({ to: 1 }),
  upsample2d: only(),
  zeroPad2d: () => ({ args: [1] }),
  add: nothing,
  avgPool2d: () => ({ args: [2, {}], options: 1 }),
  batchNorm: only(),
  concat: () => ({ args: [relu(), relu()], variadic: true }),
  conv2d: () => ({ args: [4, { kernel: 3 }], options: 1 }),
  dense: () => ({ args: [4, {}], options: 1 }),
  dropout: only(),
  elu: only(),
  flatten: nothing,
  freeze: () => ({ args: [relu()] }),
  gelu: only(),
  globalAvgPool2d: nothing,
  graph: () => ({ args: [['x'], ({ x }: any, use: any) => use('y', relu(), x)] }),
  groupNorm: () => ({ args: [2, {}], options: 1 }),
  hardSigmoid: nothing,
  hardSwish: nothing,
  attention: only(),
  embedding: () => ({ args: [5, 2, {}], options: 2 }),
  layerNorm: only(),
  positions: only(),
  leakyRelu: only(),
  maxPool2d: () => ({ args: [2, {}], options: 1 }),
  maxout: only({ pieces: 2 }),
  multiply: nothing,
  normalize: only({ mean: 0, std: 1 }),
  padChannels: only({ after: 1 }),
  prelu: only(),
  relu: only(),
  residual: () => ({ args: [relu(), relu(), {}], options: 2 }),
  selu: nothing,
  sequential: () => ({ args: [relu(), relu()], variadic: true }),
  sigmoid: nothing,
  silu: nothing,
  softmax: nothing,
  softplus: nothing,
  tanh: nothing,
  binaryCrossEntropy: only(),
  hinge: only(),
  huber: only(),
  meanAbsoluteError: only(),
  meanSquaredError: only(),
  softmaxCrossEntropy: only(),
  customLoss: () => ({ args: [() => 0, {}], options: 1 }),
  binaryReport: () => ({ args: [[1, -1], [1, 0], {}], options: 2 }),
  regressionReport: () => ({
    args: [
      [1, 2],
      [1, 2],
    ],
  }),
  classificationReport: () => ({ args: [[[1]]] }),
  createModel: () => ({ args: [dense(3), { input: [4] }], options: 1 }),
  describe: () => ({ args: [dense(3), { input: [4] }], options: 1 }),
  adagrad: only({ learningRate: 1 }),
  adam: only({ learningRate: 1 }),
  adamW: only({ learningRate: 1 }),
  lbfgs: only(),
  minimize: () => ({ args: [([a]: number[], g: number[]) => ((g[0] = 2 * a), a * a), [1], {}], options: 2 }),
  momentum: only({ learningRate: 1 }),
  nesterov: only({ learningRate: 1 }),
  rmsprop: only({ learningRate: 1 }),
  sgd: only({ learningRate: 1 }),
  createRandom: () => ({ args: [1, 2, 3] }),
  times: () => ({ args: [2] }),
  cosineDecay: only({ initial: 1 }),
  cosineRestarts: only({ initial: 1, first: 2 }),
  exponentialDecay: only({ initial: 1, decayRate: 0.5 }),
  inverseSqrtDecay: only({ initial: 1 }),
  linearDecay: only({ initial: 1 }),
  oneCycle: only({ max: 1 }),
  polynomialDecay: only({ initial: 1 }),
  reduceOnPlateau: only({ initial: 1 }),
  stepDecay: only({ initial: 1, drop: 0.5, every: 2 }),
  timeDecay: only({ initial: 1, decayRate: 0.5 }),
  warmup: () => ({ args: [2, 1] }),
}

const tfjsRows: Rows = {
  fromTfjs: async () => {
    const { modelJson, weights } = tfjs.toTfjs(await classifier())
    return { args: [modelJson, weights, {}], options: 2 }
  },
  toTfjs: async () => ({ args: [await classifier(), {}], options: 1 }),
}
const architectureRows: Rows = {
  ...Object.fromEntries(Object.keys(architectures).map((name) => [name, only()])),
  scaling: () => ({ args: ['imagenet', {}], options: 1 }),
  timmNames: () => ({ args: ['mobileNetV1'] }),
}

const dataRows: Rows = {
  augment: () => ({ args: [[data.horizontalFlip()], {}], options: 1 }),
  channelsFirst: () => ({ args: [new Uint8Array(12), [2, 2, 3], {}], options: 2 }),
  colorJitter: only({ brightness: 0.5 }),
  cutout: only({ size: 2 }),
  horizontalFlip: only(),
  randomCrop: only({ pad: 1 }),
  randomRotation: only({ degrees: 5 }),
  randomScale: only({ scale: [0.5, 2] }),
  readCifar10: () => ({ args: [new Uint8Array(3073)] }),
  readCifar100: () => ({ args: [new Uint8Array(3074)] }),
  readCsv: () => ({ args: ['a,b\n1,2', {}], options: 1 }),
  readIdx: () => ({ args: [idx([2])] }),
  readMnist: () => ({ args: [idx([2, 1, 1]), idx([2])] }),
  loadTransform: () => ({ args: [data.standardize(x, images).save()] }),
  standardize: () => ({ args: [x, images], options: 1 }),
  impute: () => ({ args: [x, images], options: 1 }),
  oneHot: () => ({ args: [x, images], options: 1 }),
  ordinal: () => ({ args: [x, images], options: 1 }),
  zeroCenter: () => ({ args: [x, images], options: 1 }),
}

const preprocessingRows: Rows = {
  loadTransform: dataRows.loadTransform,
  pca: () => ({ args: [x, images], options: 1 }),
  pcaWhitening: () => ({ args: [x, { ...images, epsilon: 1e-3 }], options: 1 }),
  zca: () => ({ args: [x, { ...images, epsilon: 1e-3 }], options: 1 }),
}

const folder = mkdtempSync(join(tmpdir(), 'v128-exports-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'file')
const filesRows: Rows = {
  saveFile: () => ({ args: [file, new Uint8Array(1)] }),
  loadFile: async () => {
    await files.saveFile(file, new Uint8Array(1))
    return { args: [file, {}], options: 1 }
  },
}

const workerRows: Rows = {
  createWorkerModel: () => ({ args: [dense(3), { input: [4], worker: startWorker }], options: 1 }),
  loadWorkerModel: async () => ({ args: [(await classifier()).save(), { worker: startWorker }], options: 1 }),
}

const nodeRows: Rows = {
  panda: () => ({
    args: [classifier2, { x, y }, { validation: { x, y }, learningRate: 0.1, epochs: 1 }],
    options: 2,
  }),
  search: only({ space: { rate: node.uniform(0, 1) }, trials: 1, run: () => 1 }),
  choice: () => ({ args: [['a', 'b']] }),
  integer: () => ({ args: [1, 3] }),
  logUniform: () => ({ args: [1, 3] }),
  oneMinusLogUniform: () => ({ args: [0.9, 0.99] }),
  trialOf: () => ({ args: [{ rate: node.uniform(0, 1) }, 1, 0] }),
  uniform: () => ({ args: [1, 3] }),
  searchPicture: async () => ({ args: [await found(), {}], options: 1 }),
  searchTable: async () => ({ args: [await found(), {}], options: 1 }),
  fileStore: () => ({ args: [join(folder, 'search.jsonl')] }),
  searchStatus: async () => ({ args: [await searched()] }),
  work: async () => ({ args: [{ store: await searched(), run: score }], options: 0 }),
}
const score = () => 1
/** The store of a search that has ended. */
async function searched(): Promise<node.Store> {
  const store = node.fileStore(join(folder, 'searched.jsonl'))
  await Promise.all([
    node.search({ space: { rate: node.uniform(0, 1) }, trials: 1, store, run: score }),
    node.work({ store, run: score }),
  ])
  return store
}

/** A server that begins when a row wants it. */
function lazily(start: () => ReturnType<typeof startRedis>): () => Promise<string> {
  let server: ReturnType<typeof startRedis> | undefined
  afterAll(async () => (await server)?.remove())
  return async () => (await (server ??= start())).address
}
const redisAddress = lazily(() => startRedis())
const postgresAddress = lazily(() => startPostgres())
const storeRow = (address: () => Promise<string>): Row => {
  return async () => ({ args: [await address(), {}], options: 1, end: (store) => (store as node.Store).close() })
}
/** Rows that need a server. */
const serverRows: Readonly<Record<string, boolean>> = {
  redisStore: hasRedis,
  bullmqStore: hasRedis,
  postgresStore: hasPostgres,
  pgBossStore: hasPostgres,
}
const classifier2 = (learningRate: core.Schedule) =>
  createModel(sequential(dense(4), relu(), dense(3)), { ...settings, optimizer: core.sgd({ learningRate }) })

/** Of a model that has been used: its methods, and what may be written to. */
const methodRows: Rows = {
  forward: () => ({ args: [x, {}], options: 1 }),
  backward: () => ({ args: [x.slice(0, 12)] }),
  resetState: nothing,
  step: () => ({ args: [() => 1] }),
  trainStep: () => ({ args: [x, y, {}], options: 2 }),
  predict: () => ({ args: [x, {}], options: 1 }),
  evaluate: () => ({ args: [{ x, y }, {}], options: 1 }),
  fit: () => ({ args: [{ x, y }, { epochs: 1 }], options: 1 }),
  save: only(),
  load: async () => ({ args: [(await classifier()).save(), {}], options: 1 }),
  checkpoint: nothing,
  restore: async () => ({ args: [(await classifier()).checkpoint()] }),
  summary: nothing,
  observe: () => ({ args: [1] }),
  close: nothing,
}

const wordsOf = (text: string) => new Set(text.trim().split(/\s+/))

/** Functions of src/study that still take an argument too many without a word. To be emptied, and deleted. */
const TOO_LENIENT = wordsOf('')

const entries: [name: string, exports: object, rows: Rows][] = [
  ['v128', core, coreRows],
  ['v128/architectures', architectures, architectureRows],
  ['v128/tfjs', tfjs, tfjsRows],
  ['v128/data', data, dataRows],
  ['v128/preprocessing', preprocessing, preprocessingRows],
  ['v128/files', files, filesRows],
  ['v128/worker', worker, workerRows],
  ['v128/node', node, nodeRows],
  ['v128/redis', redis, { redisStore: storeRow(redisAddress) }],
  ['v128/bullmq', bullmq, { bullmqStore: storeRow(redisAddress) }],
  ['v128/postgres', postgres, { postgresStore: storeRow(postgresAddress) }],
  ['v128/pg-boss', pgBoss, { pgBossStore: storeRow(postgresAddress) }],
]

type Function = (...args: unknown[]) => unknown

/** What a row demands of its function; `make` gives the function anew. */
function checks(row: Row, make: () => Function | Promise<Function>, lenient: boolean): void {
  test('works', async () => {
    const call = await make()
    const { args, end } = await row()
    const use = async () => {
      const given = await call(...args)
      await end?.(given)
    }
    expect(await errorOf(use)).toBe('no error')
  })

  test('knows no option that it does not list', async () => {
    const { args, options, variadic } = await row()
    if (variadic) return
    const call = await make()
    // Where there are no options, the first argument too many is what somebody takes for them.
    const unknown =
      options === undefined ? [...args, { bogus: 1 }] : args.with(options, { ...(args[options] as object), bogus: 1 })
    const error = await errorOf(() => call(...unknown))
    if (lenient && options === undefined) return
    expect(isOurs(error), String(error)).toBe(true)
    expect((error as Error).message).toMatch(/bogus/)
  })

  test.skipIf(lenient)('takes no argument too many', async () => {
    const { args, variadic } = await row()
    if (variadic) return
    const call = await make()
    const error = await errorOf(() => call(...args, 987))
    expect(isOurs(error), String(error)).toBe(true)
    expect((error as Error).message).toMatch(/987/)
  })
}

describe.each(entries)('%s', (_, exported, rows) => {
  const functions = Object.entries(exported).filter(
    ([, value]) => typeof value === 'function' && !(value.prototype instanceof Error),
  )

  test('every export has a row, and every row an export', () => {
    expect(Object.keys(rows).toSorted()).toEqual(functions.map(([name]) => name).toSorted())
  })

  describe.each(functions)('%s', (name, value) => {
    if (serverRows[name] === false) return void test.skip('its server is not installed', () => {})
    if (rows[name]) checks(rows[name], () => value as Function, TOO_LENIENT.has(name))
  })
})

function membersOf(model: object): [methods: string[], properties: string[]] {
  const members = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(model) as object))
  const named = (type: string) =>
    members.flatMap(([name, { value }]) => (typeof value === type && name !== 'constructor' ? [name] : [])).toSorted()
  return [named('function'), named('undefined')]
}

describe('a model', () => {
  test('every public method has a row', async () => {
    const [methods] = membersOf(await classifier())
    expect(Object.keys(methodRows).toSorted()).toEqual(methods)
  })

  describe.each(Object.entries(methodRows))('%s', (name, row) => {
    const make = async (): Promise<Function> => {
      const model = await classifier()
      model.forward(x, { training: true })
      return (...args) => (model as unknown as Record<string, Function>)[name](...args)
    }
    checks(row, make, TOO_LENIENT.has(`model.${name}`))
  })
})

/** Functions of models elsewhere, where these are methods. */
const studyRows: Rows = {
  activationStatistics: () => ({ args: [x, y, {}], options: 2 }),
  babysit: () => ({ args: [{ x, y }, { steps: 1 }], options: 1 }),
  lookInside: () => ({ args: [x, y, {}], options: 2 }),
}

describe('a model in a worker', () => {
  const remote = () =>
    worker.createWorkerModel(sequential(dense(4), relu(), dense(3)), { ...settings, worker: startWorker })

  test('has all that a model has', async () => {
    const [[methods, properties], model] = [membersOf(await classifier()), await remote()]
    // Its loss is whoever's who created it.
    const all = [...methods, ...Object.keys(studyRows)].toSorted()
    expect(membersOf(model)).toEqual([all, properties.filter((name) => name !== 'loss')])
    await model.close()
  })

  // A function that step calls would have to wait for each pass.
  describe.each(Object.entries({ ...methodRows, ...studyRows, step: nothing }))('%s', (name, row) => {
    const made: { close(): unknown }[] = []
    afterAll(() => Promise.all(made.map((model) => model.close())))
    const make = async (): Promise<Function> => {
      const model = await remote()
      made.push(model)
      await model.forward(x, { training: true })
      return (...args) => (model as unknown as Record<string, Function>)[name](...args)
    }
    checks(row, make, false)
  })
})
