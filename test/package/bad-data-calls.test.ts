// Anything in any place of every call of v128/data, v128/preprocessing and v128/node, of what these give, and of the
// functions for data of v128: an error is one of ours, short, and comes at once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import * as core from '../../src/entries/index'
import * as data from '../../src/entries/data'
import * as node from '../../src/entries/node'
import * as preprocessing from '../../src/entries/preprocessing'
import { Mine, NOTHING, circular, detached, fail, isOurs, outcomeOf, revoked, withGetter } from '../support/mistakes'

const folder = mkdtempSync(join(tmpdir(), 'v128-bad-data-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// ---- values ----

function nested(levels: number): unknown[] {
  let list: unknown[] = []
  for (let i = 0; i < levels; i++) list = [list]
  return list
}

/** By name, so that a counterexample can be read; made anew each time. */
const SPECIAL: Readonly<Record<string, () => unknown>> = {
  detachedBytes: () => detached(new Uint8Array(16)),
  detachedFloats: () => detached(new Float64Array(16)),
  detachedBuffer: () => detached(new Uint8Array(16)).buffer,
  sharedBytes: () => new Uint8Array(new SharedArrayBuffer(16)),
  resizable: () => new ArrayBuffer(8),
  revokedObject: () => revoked({}),
  revokedArray: () => revoked([]),
  revokedFunction: () => revoked(() => 1),
  hostile: () => new Proxy({}, Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, fail]))),
  hostileArray: () => new Proxy([1, 2], { get: fail }),
  circular,
  nested: () => nested(20_000),
  doubling: () => Array.from({ length: 40 }).reduce<unknown[]>((list) => [list, list], []),
  holes: () => Array<number>(3),
  longList: () => Array<number>(1_000_000).fill(0),
  longText: () => '1'.repeat(10_000_000),
  manyBytes: () => new Uint8Array(10_000_000),
  endless: () => ({ length: 1e15, 0: 1 }),
  negative: () => ({ length: -1, 0: 1 }),
  throwingLength: () => withGetter('length'),
  throwingX: () => withGetter('x'),
  throwingThen: () => withGetter('then'),
  throwingElement: () => Object.defineProperty([1, 2], 0, { get: fail }),
  throwingText: () => ({ toJSON: fail, toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
  class: () => class {},
  native: () => Map,
  throws: () => fail,
  gives5: () => () => 5,
  gives: () => () => {},
  generator: () => function* () {},
  promise: () => Promise.resolve([1, 2]),
  fakeBuffer: () => ({ [Symbol.toStringTag]: 'ArrayBuffer', length: 1e9 }),
  fakeFloats: () => ({ [Symbol.toStringTag]: 'Float64Array', length: 4, 0: 'a' }),
  iterator: () => ({ [Symbol.iterator]: () => ({ next: () => 5 }) }),
  throwingIterator: () => ({ [Symbol.iterator]: fail }),
  notAbort: () => ({ aborted: false }),
  aborted: () => AbortSignal.abort(),
  folder: () => folder,
  device: () => '/dev/zero',
  url: () => new URL('https://example.com/'),
  date: () => new Date(NaN),
  symbol: () => Symbol('s'),
}

const NUMBERS = [0, -0, 1, 2, 3, 0.5, -1, 5e-324, 1e6, 3e9, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, Infinity, -Infinity, NaN]

/** A name of SPECIAL, or a value. */
const anything = fc.oneof(
  { arbitrary: fc.constantFrom(...Object.keys(SPECIAL)).map((name) => ({ name })), weight: 3 },
  { arbitrary: fc.constantFrom<unknown>(...NUMBERS, true, false, null, undefined, '', '__proto__', 5n), weight: 2 },
  { arbitrary: fc.array(fc.constantFrom(...NUMBERS), { maxLength: 4 }), weight: 1 },
  {
    arbitrary: fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
    weight: 2,
  },
)

const isName = (value: unknown): value is { name: string } =>
  typeof value === 'object' && value !== null && Object.keys(value).join() === 'name' && Object.hasOwn(SPECIAL, (value as { name: string }).name) // prettier-ignore
const valueOf = (value: unknown): unknown => (isName(value) ? SPECIAL[value.name]() : value)

// ---- calls ----

type Function = (...args: unknown[]) => unknown

/** A call that works: its arguments, of which one may hold the options that its function has. */
interface Call {
  readonly call: Function
  readonly args: () => readonly unknown[]
  /** Which argument holds them. */
  readonly at?: number
  readonly options?: readonly string[]
  /** Runs for each place, of those that are slow. */
  readonly runs?: number
}

const x = Float64Array.from({ length: 24 }, (_, i) => Math.sin(i))
const labels = Uint8Array.of(0, 1, 0, 1)
const space = { a: node.uniform(0, 1), b: node.choice(['x', 'y']) }
const found = await node.search({ space, run: ({ index }) => index, trials: 4 })
const run = () => 1
/** The store of a search that has ended. */
const ended = node.fileStore(join(folder, 'ended.jsonl'))
await Promise.all([node.search({ space, run, trials: 2, store: ended }), node.work({ store: ended, run })])
const log = await ended.read(0)
/** What a store would hold of an entry; 'null' where it is too large, or no JSON. */
const lineOf = (entry: unknown): string => {
  let left = 10_000
  const counted = (_: string, value: unknown) => {
    if (--left < 0) throw new Error('too large')
    return typeof value === 'bigint' ? String(value) : value
  }
  try {
    return JSON.stringify(entry, counted) ?? 'null'
  } catch {
    return 'null'
  }
}
/** A line of each kind that a log may hold. */
const LINES: Readonly<Record<string, object>> = {
  extent: { type: 'extent', trials: 2, verify: 0 },
  run: { type: 'run', version: '1', kernels: 'a b', run: 'c' },
  claim: { type: 'claim', task: '1', attempt: 0, by: 'host:1:a' },
  release: { type: 'release', task: '1', attempt: 0 },
  report: { type: 'report', trial: 1, epoch: 0, score: 1 },
  again: { type: 'again', trial: 1, ending: { hash: 'a', status: 'done', score: 1, by: 'b', machine: { host: 'c', runtime: 'd', pid: 1 } } }, // prettier-ignore
}
/** The first line of the file of a search. */
const HEADER = JSON.stringify({ kind: 'v128 search', space, seed: 0, goal: 'low', mode: 'random' })
const idx = (...bytes: number[]) => Uint8Array.of(...bytes)
const images = idx(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8)
const pixels = () => ({ shape: [2, 3, 4, 4], data: new Float64Array(96).fill(0.5) })
const model = (learningRate: unknown) =>
  core.createModel(core.dense(2), {
    input: [6],
    batch: 4,
    loss: core.softmaxCrossEntropy(),
    optimizer: core.sgd({ learningRate: learningRate as number }),
  })
const shape = [6]
const pad = { pad: 1 }
const untyped = (functions: object) => functions as unknown as Readonly<Record<string, Function>>

const call = (call: Function, args: () => readonly unknown[], at?: number, options?: string, runs?: number): Call => ({
  call,
  args,
  at,
  options: options?.split(' '),
  runs,
})

/** The augmentation, and what it does to images. */
const augmented = (make: Function) => (options: unknown) => {
  const transform = data.augment([make(options) as data.Augmentation])
  transform(pixels(), 2)
}

/** What a fitted transform does to its own data. */
const fitted = (fit: Function) => (values: unknown, options: unknown) => {
  const transform = fit(values, options) as data.Transform
  return transform.invert(transform.apply(values as number[]))
}

const d = untyped(data)
const p = untyped(preprocessing)
const n = untyped(node)
const c = untyped(core)
const table = 'a,b,c\n1,2,x\n3,4,y\n'

const CALLS: Readonly<Record<string, Call>> = {
  augment: call(d.augment, () => [[data.horizontalFlip()], {}], 1, 'seed'),
  channelsFirst: call(d.channelsFirst, () => [new Uint8Array(12), [2, 2, 3], {}], 2, 'keep'),
  colorJitter: call(augmented(d.colorJitter), () => [{}], 0, 'brightness contrast saturation hue max'),
  cutout: call(augmented(d.cutout), () => [{ size: 1 }], 0, 'size p fill'),
  horizontalFlip: call(augmented(d.horizontalFlip), () => [{}], 0, 'p'),
  randomCrop: call(augmented(d.randomCrop), () => [pad], 0, 'pad fill'),
  randomRotation: call(augmented(d.randomRotation), () => [{ degrees: 5 }], 0, 'degrees fill'),
  randomScale: call(augmented(d.randomScale), () => [{ scale: [1, 2] }], 0, 'scale fill'),
  readCifar10: call(d.readCifar10, () => [[new Uint8Array(3073)]]),
  readCifar100: call(d.readCifar100, () => [new Uint8Array(3074)]),
  readCsv: call(d.readCsv, () => [table, { label: 'c' }], 1, 'header label target ignore classes delimiter'),
  readIdx: call(d.readIdx, () => [images]),
  readMnist: call(d.readMnist, () => [images, idx(0, 0, 8, 1, 0, 0, 0, 1, 5)]),
  loadTransform: call(d.loadTransform, () => [data.zeroCenter(x, { shape }).save()]),
  standardize: call(fitted(d.standardize), () => [x, { shape }], 1, 'shape per'),
  zeroCenter: call(fitted(d.zeroCenter), () => [x, { shape }], 1, 'shape per'),
  pca: call(fitted(p.pca), () => [x, { shape }], 1, 'shape components variance covariance'),
  pcaWhitening: call(fitted(p.pcaWhitening), () => [x, { shape }], 1, 'shape components variance covariance epsilon'),
  zca: call(fitted(p.zca), () => [x, { shape }], 1, 'shape covariance epsilon'),
  uniform: call(n.uniform, () => [0, 1]),
  logUniform: call(n.logUniform, () => [0.1, 1]),
  oneMinusLogUniform: call(n.oneMinusLogUniform, () => [0.1, 0.9]),
  integer: call(n.integer, () => [1, 4]),
  choice: call(n.choice, () => [['a', 'b']]),
  trialOf: call(n.trialOf, () => [space, 1, 0]),
  searchTable: call(n.searchTable, () => [found, {}], 1, 'limit'),
  searchPicture: call(n.searchPicture, () => [found, {}], 1, 'title score'),
  search: call(
    n.search,
    () => [{ space, run: () => 1, trials: 3 }],
    0,
    'space run worker workers trials seed mode points rounds goal earlyStopping file store verify signal onProgress',
    25,
  ),
  fileStore: call(n.fileStore, () => [join(folder, 'search.jsonl')]),
  searchStatus: call(n.searchStatus, () => [ended]),
  work: call(n.work, () => [{ store: ended, run }], 0, 'store run worker workers lease signal onTrial', 25),
  panda: call(
    n.panda,
    () => [model, { x, y: labels }, { validation: { x, y: labels }, learningRate: 0.1, epochs: 1 }],
    2,
    'validation learningRate epochs patience lower raise diverged minRate onEpoch batch shuffle transform onBatch signal',
    25,
  ),
  splitData: call(c.splitData, () => [{ x, y: labels }, {}], 1, 'validation seed stratify rows'),
  classificationReport: call(c.classificationReport, () => [[[1, 2], [3, 4]]]), // prettier-ignore
  decodeSafetensors: call(c.decodeSafetensors, () => [core.encodeSafetensors({ a: { shape: [24], data: x } })]),
  readSafetensors: call(c.readSafetensors, () => [core.encodeSafetensors({ a: { shape: [24], data: x } })]),
  readMetadata: call(c.readMetadata, () => [core.encodeSafetensors({ a: { shape: [24], data: x } })]),
  encodeSafetensors: call(c.encodeSafetensors, () => [{ a: { shape: [24], data: x } }, {}], 1, 'metadata'),
  // Members of what is handed in.
  'data of splitData': call((value) => core.splitData(value as core.Data), () => [{ x, y: labels }], 0, 'x y weight coarse shape'), // prettier-ignore
  'tensor of encodeSafetensors': call((a) => core.encodeSafetensors({ a: a as core.Tensor }), () => [{ shape: [24], data: x }], 0, 'shape data'), // prettier-ignore
  'earlyStopping of search': call(
    (earlyStopping) => node.search({ space, trials: 6, run: async (_, report) => { await report(0, 1); return 1 }, earlyStopping: earlyStopping as node.TrialStopping }), // prettier-ignore
    () => [{ rule: 'median' }],
    0,
    'rule grace least factor',
  ),
  'dimension of search': call(
    (a) => node.search({ space: { a } as node.Space, trials: 2, run: () => 1 }),
    () => [{ kind: 'uniform', low: 0, high: 1 }],
    0,
    'kind low high values',
  ),
  'trial of searchPicture': call(
    (trial) => node.searchPicture({ ...found, trials: [trial as node.TrialResult<typeof space>] }),
    () => [found.trials[0]],
    0,
    'index seed parameters status score curve seconds error',
  ),
  'round of searchTable': call(
    (round) => node.searchTable({ ...found, rounds: [round as node.Round<typeof space>] }),
    () => [found.rounds[0]],
    0,
    'space first trials',
  ),
  // What is given.
  'run of search': call((value) => node.search({ space, trials: 2, run: () => value as number }), () => [1], undefined, undefined, 60), // prettier-ignore
  'report of search': call(
    (epoch, score) => node.search({ space, trials: 1, run: async (_, report) => { await report(epoch as number, score as number); return 1 } }), // prettier-ignore
    () => [0, 1],
  ),
  'create of panda': call(
    (made) => node.panda((rate) => (made === 'a model' ? model(rate) : made) as never, { x, y: labels }, { validation: { x, y: labels }, learningRate: 0.1, epochs: 1 }), // prettier-ignore
    () => ['a model'],
  ),
  'file of search': call(
    (text) => {
      const file = join(folder, 'any.jsonl')
      writeFileSync(file, `${HEADER}${typeof text === 'object' || typeof text === 'function' ? '{}' : String(text)}`)
      return node.search({ space, trials: 2, run: () => 1, file })
    },
    () => ['\n'],
  ),
  ...Object.fromEntries(
    Object.entries(LINES).map(([type, line]) => [
      `${type} of a log`,
      call(
        (entry) => node.searchStatus({ ...ended, read: async (from) => [...log, lineOf(entry)].slice(from) }),
        () => [line],
        0,
        Object.keys(line).join(' '),
      ),
    ]),
  ),
  'what augment gives': call(data.augment([data.randomCrop(pad)]) as Function, () => [pixels(), 2], 0, 'shape data'),
  'an augmentation of one’s own': call(
    (prepare) => data.augment([{ kind: 'mine', config: {}, prepare: prepare as never }])(pixels(), 2),
    () => [() => () => {}],
  ),
  'apply of a scaling': call(data.standardize(x, { shape }).apply as Function, () => [x]),
  'invert of a scaling': call(data.standardize(x, { shape }).invert as Function, () => [x]),
  'apply of a projection': call(preprocessing.zca(x, { shape }).apply as Function, () => [x]),
  'invert of a projection': call(preprocessing.pcaWhitening(x, { shape, components: 2 }).invert as Function, () => [x]),
}

test('every function has a row', () => {
  const functions = (entry: object) =>
    Object.entries(entry).flatMap(([name, f]) => (typeof f === 'function' ? [name] : []))
  const rows = Object.keys(CALLS).filter((name) => !name.includes(' '))
  const all = [data, preprocessing, node].flatMap(functions)
  const ofCore = [
    'splitData',
    'classificationReport',
    'decodeSafetensors',
    'readSafetensors',
    'readMetadata',
    'encodeSafetensors',
  ]
  expect(rows.toSorted()).toEqual([...new Set([...all, ...ofCore])].toSorted())
})

/** How long one call may take of the processor, in milliseconds: far more than any takes, far less than one that looks at everything. */
const AT_ONCE = 5000
const SEED = 128
const RUNS = 150

describe.each(Object.entries(CALLS))('%s', (_, { call, args, at, options = [], runs = RUNS }) => {
  test('works', async () => expect(await outcomeOf(() => call(...args()))).toBe(NOTHING))

  test('of anything', async () => {
    const places = [...args().keys(), ...options]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), anything, async (place, given) => {
        // A million trials take their time.
        fc.pre(!(place === 'trials' && given === 1e6))
        const value = valueOf(given)
        const list = [...args()]
        if (typeof place === 'number') list[place] = value
        else list[at!] = { ...(list[at!] as object), [place]: value }
        const before = process.cpuUsage()
        const error = await outcomeOf(() => call(...list))
        const { user, system } = process.cpuUsage(before)
        if (error !== NOTHING) {
          if (!isOurs(error) && !(error instanceof Mine)) throw error
          expect((error as Error).message.length).toBeLessThan(1000)
        }
        expect((user + system) / 1000).toBeLessThan(AT_ONCE)
      }),
      { seed: SEED, numRuns: runs * Math.ceil(places.length / 2), endOnFailure: true },
    )
  })
})
