// Files whose checksum is right, but which say what cannot be: in the description of the model, in what a checkpoint holds
// beside tensors, and in headers without a checksum. A FileError, never an error of JavaScript, and no giant allocation.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  DataError,
  FileError,
  type Model,
  type ModelOptions,
  PlanError,
  adam,
  createModel,
  decodeSafetensors,
  dense,
  dropout,
  encodeSafetensors,
  lbfgs,
  loadModel,
  readMetadata,
  readSafetensors,
  reduceOnPlateau,
  relu,
  sequential,
  softmaxCrossEntropy,
  warmup,
} from '../../src/entries/index'
import { encodeTensors } from '../../src/io/safetensors'
import { randomData } from '../support/models'
import { stateOf } from '../support/state'

// Notes, of other learning rates, say.
beforeAll(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}))
afterAll(() => void vi.restoreAllMocks())

const data = randomData(24, 4, 3)
const OPTIONS = { epochs: 2, earlyStopping: { restoreBest: true } }

function make(options: Partial<ModelOptions> = {}): Promise<Model> {
  return createModel(sequential(dense(4), relu(), dropout(), dense(3)), {
    input: [4],
    batch: 8,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: warmup(1, reduceOnPlateau({ initial: 0.01 })) }),
    ...options,
  }) as Promise<Model>
}

/** The same file with other metadata, and its checksum. */
function withMetadata(bytes: Uint8Array, metadata: Record<string, unknown>): Uint8Array {
  const texts = Object.entries(metadata).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const list = [...decodeSafetensors(bytes)].map(([name, tensor]) => ({ name, ...tensor }))
  const { 'v128.checksum': checksum, ...rest } = readMetadata(bytes)
  expect(checksum).toMatch(/^\w+$/)
  return encodeTensors(list, { ...rest, ...Object.fromEntries(texts) } as Record<string, string>)
}

const partsOf = (bytes: Uint8Array, name: string) => JSON.parse(readMetadata(bytes)[name]) as Record<string, unknown>

async function checkpointOf(model: Model, options: object = OPTIONS): Promise<Uint8Array> {
  const checkpoints: Uint8Array[] = []
  await model.fit(data, { ...options, checkpoint: { every: { steps: 1 }, save: (bytes) => checkpoints.push(bytes) } })
  return checkpoints.at(-3)!
}

async function errorOf(action: () => unknown): Promise<Error | undefined> {
  try {
    await action()
  } catch (error) {
    return error as Error
  }
  return undefined
}

// ---- wrong things in every place ----

const WRONG: readonly unknown[] = [
  null,
  true,
  'text',
  '',
  'constructor',
  '__proto__',
  -1,
  1e300,
  '1e300',
  'NaN',
  'Infinity',
  2 ** 31,
  2 ** 40,
  0.5,
  [],
  [null],
  ['toString'],
  [[[]]],
  {},
  { length: 3e7 },
  { toString: 1, valueOf: 1 },
  JSON.parse('{"then":1}') as object,
  JSON.parse('{"__proto__":{"kind":"dense"},"constructor":{"prototype":1}}') as object,
]

/** JSON of `value` with each of its parts, in turn, replaced, left out, or with more in it. */
function* variants(
  value: unknown,
  replace = (part: unknown): unknown => part,
): Generator<[where: string, json: string]> {
  for (const wrong of WRONG) yield [`${JSON.stringify(wrong)}`, JSON.stringify(replace(wrong))]
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value))
    yield ['twice as many', JSON.stringify(replace([...(value as unknown[]), ...(value as unknown[])]))]
  else yield ['one more', JSON.stringify(replace({ ...value, toString: 5, more: [1] }))]
  for (const [name, part] of Object.entries(value)) {
    const copy = (other: unknown) => {
      if (Array.isArray(value)) return value.map((one: unknown, i) => (String(i) === name ? other : one))
      return { ...value, [name]: other }
    }
    for (const [where, json] of variants(part, (other) => replace(copy(other)))) yield [`${name}: ${where}`, json]
    if (!Array.isArray(value)) yield [`no ${name}`, JSON.stringify(replace(copy(undefined)))]
  }
}

/** What it is, unless a FileError with a message that can be read. */
function complaint(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined
  if (
    error instanceof FileError &&
    error.message.length < 600 &&
    !/object Object|not a function|not iterable|[Cc]annot (read|convert)/.test(error.message)
  )
    return undefined
  return `${error.name}: ${error.message.slice(0, 300)}`
}

describe('wrong things in every place', () => {
  test('of the description of a model', async () => {
    const file = (await make({ l2: 0.1, maxNorm: 3, frozen: ['0'], algorithm: 'direct' })).save({ metadata: { a: 1 } })
    const complaints: string[] = []
    let count = 0
    let refused = 0
    for (const [where, json] of variants(partsOf(file, 'v128.model'))) {
      const bytes = withMetadata(file, { 'v128.model': json })
      const error = await errorOf(() => loadModel(bytes))
      count++
      if (error) refused++
      const said = complaint(error)
      if (said) complaints.push(`${where}: ${said}`)
    }
    expect(complaints.slice(0, 20)).toEqual([])
    expect(count).toBeGreaterThan(500)
    // The others may be: another seed, no optimizer.
    expect(refused / count).toBeGreaterThan(0.8)
  })

  test.each([
    ['adam and a schedule', '', () => make(), OPTIONS],
    ['lbfgs', 'numbers', () => make({ batch: 24, optimizer: lbfgs({ memory: 3 }) }), { epochs: 5, shuffle: false }],
  ])('of a checkpoint: %s', async (_, part, create, options) => {
    const model = await create()
    const file = await checkpointOf(await create(), options)
    const before = stateOf(model)
    const complaints: string[] = []
    let refused = 0
    let count = 0
    const contents = partsOf(file, 'v128.checkpoint')
    const of: unknown = part ? contents[part] : contents
    for (const [where, json] of variants(of, (other) => (part ? { ...contents, [part]: other } : other))) {
      count++
      const bytes = withMetadata(file, { 'v128.checkpoint': json })
      const [restored, loaded] = [await errorOf(() => model.restore(bytes)), await errorOf(() => loadModel(bytes))]
      complaints.push(
        ...[restored, loaded].flatMap((error) => complaint(error) ?? []).map((said) => `${where}: ${said}`),
      )
      if (restored) {
        refused++
        if (JSON.stringify(stateOf(model)) !== JSON.stringify(before)) complaints.push(`${where}: the model changed`)
      }
      if (restored && count % 10) continue
      // What was taken may train, or say what is wrong, but in our words.
      const fresh = await create()
      const resumed = await errorOf(() => fresh.fit(data, { ...options, resume: { bytes, data: 'changed' } }))
      const stepped = await errorOf(() => fresh.trainStep(data.x.subarray(0, 32), data.y.subarray(0, 8)))
      for (const error of [resumed, stepped]) {
        const fine = !error || [FileError, DataError, PlanError].some((kind) => error instanceof kind)
        if (!fine) complaints.push(`${where}: then ${error.stack?.slice(0, 400)}`)
      }
      fresh.close()
      model.restore(file)
      Object.assign(before, stateOf(model))
    }
    expect(complaints.slice(0, 20)).toEqual([])
    expect(count).toBeGreaterThan(200)
    expect(refused / count).toBeGreaterThan(part ? 0.3 : 0.6)
  })

  test("of the user's metadata", async () => {
    const file = (await make()).save({ metadata: { a: 1 } })
    for (const text of ['', '{', '5', 'null', '[]', '"a"', '{"a":']) {
      const bytes = withMetadata(file, { 'v128.metadata': text })
      expect(complaint(await errorOf(() => loadModel(bytes))), text).toBe(undefined)
      expect(await errorOf(() => loadModel(bytes)), text).toBeInstanceOf(FileError)
    }
    const model = await loadModel(withMetadata(file, { 'v128.metadata': '{"__proto__":{"a":1},"constructor":2}' }))
    expect(Object.keys(model.metadata)).toEqual(['__proto__', 'constructor'])
    expect(({} as { a?: number }).a).toBe(undefined)
  })
})

describe('models that nobody has memory for', () => {
  const layer = (kind: string, config: object = {}) => ({ kind, config })
  const sequence = (list: object[]) =>
    layer('sequential', { layers: list.map((one, i) => ({ name: String(i), ...one })) })
  /** Layers in layers, as text: JSON.stringify would not reach its end. */
  const nested = (depth: number, before: string, behind: string) =>
    `${before.repeat(depth)}{"kind":"relu","config":{}}${behind.repeat(depth)}`
  const relus = (count: number) => Array.from({ length: count }, () => layer('relu'))
  const huge = 2 ** 30
  const cases: [string, object | string, object, RegExp][] = [
    ['a giant dense', layer('dense', { units: huge }), {}, /has no 'weight', but its network wants \(1073741824, 4\)/],
    ['a giant one on a giant input', layer('dense', { units: huge }), { input: [huge] }, /./],
    [
      'a giant input',
      layer('relu'),
      { input: [2 ** 26], batch: 2 },
      /wants \d\.\d GiB for batches of 2; say loadModel/,
    ],
    ['a giant batch', layer('relu'), { batch: 2 ** 25 }, /wants \d\.\d GiB/],
    ['more than a memory can have', layer('relu'), { input: [huge], batch: 64 }, /GiB|memory/],
    ['more than can be counted', layer('relu'), { input: [huge, huge], batch: 2 ** 50 }, /more than any memory/],
    ['giant windows', layer('conv2d', { filters: huge, kernel: 2 ** 20, pad: 2 ** 20 }), { input: [1, 9, 9] }, /./],
    ['giant channels', layer('padChannels', { before: huge, after: huge }), { input: [1, 9, 9] }, /./],
    ['a giant list', layer('normalize', { mean: { length: huge }, std: 1 }), {}, /mean must be a finite number/],
    ['many layers', sequence(relus(200_000)), {}, /more than 10000 layers/],
    [
      'many layers, in a few',
      sequence(Array.from({ length: 20 }, () => sequence(relus(1000)))),
      {},
      /more than 10000 layers/,
    ],
    [
      'half a million layers in layers',
      nested(5e5, '{"kind":"freeze","config":{"layer":', '}}'),
      {},
      /nested more than 500 deep/,
    ],
    ['501 layers in layers', nested(501, '{"kind":"freeze","config":{"layer":', '}}'), {}, /nested more than/],
    [
      'a name twice',
      layer('sequential', {
        layers: [
          { name: 'a', ...layer('relu') },
          { name: 'a', ...layer('relu') },
        ],
      }),
      {},
      /each have a name/,
    ],
    ['a number for a name', layer('sequential', { layers: [{ name: 1, ...layer('relu') }] }), {}, /each have a name/],
    ['kernels of its own', layer('relu'), { wasm: {} }, /unknown option 'wasm'/],
    ['a host of its own', layer('relu'), { backend: 'js' }, /unknown option 'backend'/],
    [
      'memory that cannot be compared',
      layer('relu'),
      { dtype: 'float32', l2: 1e300, frozen: ['constructor'] },
      /no parameter lies/,
    ],
  ]
  test.each(cases)('%s', async (_, network, options, message) => {
    const file = (await createModel(relu(), { input: [4] })).save()
    const json = typeof network === 'string' ? network : JSON.stringify(network)
    const rest = JSON.stringify({ input: [4], ...options })
    const bytes = withMetadata(file, { 'v128.model': `{"network":${json},"options":${rest}}` })
    const before = process.memoryUsage()
    const error = await errorOf(() => loadModel(bytes))
    expect(error?.message).toMatch(message)
    expect(error).toBeInstanceOf(FileError)
    expect(complaint(error)).toBe(undefined)
    // What the process holds outside of JavaScript's own objects: a memory of WebAssembly, arrays.
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(1e8)
  })

  test('but who says for how many rows gets them', async () => {
    const file = (await createModel(relu(), { input: [4] })).save()
    const options = { input: [4], batch: 2 ** 25 }
    const bytes = withMetadata(file, { 'v128.model': { network: layer('relu'), options } })
    await expect(loadModel(bytes)).rejects.toThrow(FileError)
    expect((await loadModel(bytes, { batch: 2 })).predict([1, -1, 2, 3]).data).toEqual(Float64Array.of(1, 0, 2, 3))
  })

  test('numbers that its type cannot hold', async () => {
    const file = (await createModel(dense(2), { input: [1], loss: softmaxCrossEntropy(), dtype: 'float32' })).save()
    const model = partsOf(file, 'v128.model')
    const loss = { kind: 'softmaxCrossEntropy', config: { classWeights: [1e300, 1] } }
    const bytes = withMetadata(file, { 'v128.model': { ...model, loss } })
    await expect(loadModel(bytes)).rejects.toThrow(/begins with 1e\+300, in float32 Infinity/)
    await expect(loadModel(bytes)).rejects.toThrow(FileError)
    await loadModel(bytes, { dtype: 'float64' })
  })
})

describe('headers without a checksum', () => {
  /** Whatever JSON it is, as a file. */
  const fileOf = (text: string) => {
    const bytes = Buffer.alloc(8 + text.length)
    bytes.write(text, 8, 'latin1')
    bytes.writeBigUInt64LE(BigInt(text.length))
    return new Uint8Array(bytes)
  }
  const times = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i)).join()
  const M = 1e6
  const nothing = '{"dtype":"F64","shape":[0],"data_offsets":[0,0]}'
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['megabytes of brackets', '['.repeat(4 * M) + ']'.repeat(4 * M), /nested more than 3 deep/],
    ['brackets that do not end', '['.repeat(8 * M), /nested more than 3 deep/],
    ['objects in objects', '{"a":'.repeat(M) + '1' + '}'.repeat(M), /nested more than 3 deep/],
    ['brackets in a tensor', `{"a":${'['.repeat(M)}${']'.repeat(M)}}`, /nested more than 3 deep/],
    ['a million names', `{${times(M, (i) => `"n${i}":0`)}}`, /more than 131072 members/],
    ['a million names of metadata', `{"__metadata__":{${times(M, (i) => `"n${i}":""`)}}}`, /more than 131072 members/],
    ['half a million tensors of nothing', `{${times(M / 2, (i) => `"${i}":${nothing}`)}}`, /more than 131072 members/],
    [
      'a shape of ten million',
      `{"a":{"dtype":"F64","data_offsets":[0,0],"shape":[${'0,'.repeat(10 * M)}0]}}`,
      /members/,
    ],
    ['forty megabytes of spaces', ' '.repeat(40 * M), /more than 33554432/],
    ['a text that does not end', `{"${'a'.repeat(M)}`, /is not JSON/],
    ['quotes behind backslashes', `{"${'\\"'.repeat(M)}`, /is not JSON/],
  ]
  test.each(cases)('%s', (_, text, message) => {
    const bytes = fileOf(text)
    const start = performance.now()
    expect(() => readSafetensors(bytes)).toThrow(message)
    expect(() => readSafetensors(bytes)).toThrow(FileError)
    // By hand: 30 ms each at most, where it took up to ten seconds.
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test('names with what means something in JSON are counted as names', () => {
    const name = JSON.stringify('[[[[{{{{,,,"\\')
    expect([...readSafetensors(fileOf(`{${name}:${nothing}}`)).keys()]).toEqual(['[[[[{{{{,,,"\\'])
  })

  test('what could not be read is not written', () => {
    const texts = Object.fromEntries(Array.from({ length: 140_000 }, (_, i) => [`n${i}`, '']))
    expect(() => encodeSafetensors({}, { metadata: texts })).toThrow(/header has more than 131072 members/)
    expect(() => encodeSafetensors({}, { metadata: { long: 'x'.repeat(40 * M) } })).toThrow(/more than 33554432/)
  })
})
