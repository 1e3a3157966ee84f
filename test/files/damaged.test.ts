// Damaged files: whatever happened to one of ours, every reader of files says so with a FileError, and no model changes.
// V128_DAMAGED says how many; V128_DAMAGE_SEED, which.
import { describe, expect, test } from 'vitest'
import {
  FileError,
  type FitOptions,
  type Model,
  type Random,
  adam,
  batchNorm,
  createModel,
  createRandom,
  decodeSafetensors,
  dense,
  dropout,
  encodeSafetensors,
  loadModel,
  readMetadata,
  readSafetensors,
  reduceOnPlateau,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { cnn } from '../../cases/layers'
import { checksumOf } from '../../src/io/checksum'
import { stateOf } from '../support/state'
import { randomData } from '../support/models'

const COUNT = Number(process.env.V128_DAMAGED ?? 3000)
const SEED = Number(process.env.V128_DAMAGE_SEED ?? 1)
/** One of so many is of the size of the MNIST CNN. */
const LARGE = 50

/** A model, data for it, and files of it of each kind. */
interface Subject {
  readonly model: Model
  readonly data: ReturnType<typeof randomData>
  readonly files: readonly Uint8Array[]
}

async function subject(make: () => Promise<Model>, data: Subject['data'], options: FitOptions): Promise<Subject> {
  const trained = await make()
  const checkpoints: Uint8Array[] = []
  const checkpoint = { every: { steps: 1 }, save: (bytes: Uint8Array) => checkpoints.push(bytes) }
  await trained.fit(data, { ...options, checkpoint })
  const model = await make()
  // So that a change of any kind shows.
  model.trainStep(data.x.subarray(0, data.x.length / data.y.length), data.y.subarray(0, 1))
  const files = [
    encodeSafetensors({ ...trained.parameters, ...trained.buffers }),
    trained.save({ metadata: { classes: ['cat', 'dog', 'ox'] } }),
    trained.checkpoint(),
    checkpoints.at(-3)!,
  ]
  return { model, data, files }
}

const small = () => {
  const network = sequential(dense(4), batchNorm(), relu(), dropout(), dense(3))
  const optimizer = adam({ learningRate: reduceOnPlateau({ initial: 0.01 }) })
  return createModel(network, { input: [4], batch: 8, loss: softmaxCrossEntropy(), optimizer, seed: 1 })
}
const large = () =>
  createModel(cnn(), {
    input: [1, 28, 28],
    batch: 4,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 1e-3 }),
    dtype: 'float32',
  }) as Promise<Model>

const OPTIONS: FitOptions = { epochs: 2, earlyStopping: { restoreBest: true } }
const subjects = await Promise.all([
  subject(small, randomData(24, 4, 3), OPTIONS),
  subject(large, randomData(12, 784, 10), OPTIONS),
])

// ---- damage ----

const headerEnd = (bytes: Uint8Array) => 8 + Number(Buffer.from(bytes.buffer, bytes.byteOffset).readBigUInt64LE())

/** A place in the file: half of them in its header. */
function placeIn(bytes: Uint8Array, random: Random): number {
  return random.integer(random.integer(2) ? bytes.length : Math.min(bytes.length, headerEnd(bytes)))
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function withHeader(bytes: Uint8Array, text: string, body = bytes.subarray(headerEnd(bytes))): Uint8Array {
  const first = Buffer.alloc(8)
  first.writeUInt32LE(Buffer.byteLength(text))
  return joined(first, Buffer.from(text), body)
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(8, headerEnd(bytes))).toString()

const noise = (length: number, random: Random) => Uint8Array.from({ length }, () => random.integer(256))

type Damage = (bytes: Uint8Array, random: Random) => Uint8Array

function flipped(bytes: Uint8Array, random: Random, times: number): Uint8Array {
  const copy = bytes.slice()
  for (let i = 0; i < times; i++) copy[placeIn(bytes, random)] ^= 1 << random.integer(8)
  return copy
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'a flipped bit': (bytes, random) => flipped(bytes, random, 1),
  'flipped bits': (bytes, random) => flipped(bytes, random, 2 + random.integer(8)),
  'a changed byte': (bytes, random) => {
    const copy = bytes.slice()
    copy[placeIn(bytes, random)] = random.integer(256)
    return copy
  },
  truncation: (bytes, random) => bytes.slice(0, placeIn(bytes, random)),
  'zeros where it was not written': (bytes, random) => {
    const copy = bytes.slice()
    const begin = placeIn(bytes, random)
    return copy.fill(0, begin, begin + 1 + random.integer(4096))
  },
  'swapped offsets': (bytes, random) => {
    const text = textOf(bytes)
    const offsets = text.match(/"data_offsets":\[\d+,\d+\]/g)!
    const [a, b] = [random.integer(offsets.length), random.integer(offsets.length)]
    let at = 0
    const swapped = text.replace(/"data_offsets":\[\d+,\d+\]/g, (one) => {
      const place = at++
      return place === a ? offsets[b] : place === b ? offsets[a] : one
    })
    return withHeader(bytes, swapped)
  },
  'swapped names': (bytes, random) => {
    const text = textOf(bytes)
    const names = text.match(/"[^"]*":\{"dtype"/g)!
    const [a, b] = [random.integer(names.length), random.integer(names.length)]
    let at = 0
    const swapped = text.replace(/"[^"]*":\{"dtype"/g, (one) => {
      const place = at++
      return place === a ? names[b] : place === b ? names[a] : one
    })
    return withHeader(bytes, swapped)
  },
  'swapped blocks': (bytes, random) => {
    const size = [1, 4, 8, 16, 64, 512][random.integer(6)]
    const blocks = Math.floor(bytes.length / size)
    const [a, b] = [random.integer(blocks) * size, random.integer(blocks) * size]
    const copy = bytes.slice()
    copy.set(bytes.subarray(a, a + size), b)
    copy.set(bytes.subarray(b, b + size), a)
    return copy
  },
  'bytes inserted': (bytes, random) => {
    const at = placeIn(bytes, random)
    return joined(bytes.subarray(0, at), noise(1 + random.integer(16), random), bytes.subarray(at))
  },
  'bytes removed': (bytes, random) => {
    const at = placeIn(bytes, random)
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.integer(16)))
  },
  'a byte removed from the header, and a space added': (bytes, random) => {
    const text = textOf(bytes)
    const at = random.integer(text.length)
    return withHeader(bytes, `${text.slice(0, at)}${text.slice(at + 1)} `)
  },
  'another length of the header': (bytes, random) => {
    const copy = bytes.slice()
    const view = new DataView(copy.buffer)
    const length = [
      () => random.integer(2 ** 32),
      () => random.integer(copy.length),
      () => headerEnd(bytes) - 8 + random.integer(65) - 32,
    ]
    view.setUint32(0, length[random.integer(3)](), true)
    if (!random.integer(4)) view.setUint32(4, random.integer(2 ** 32), true)
    return copy
  },
  'rubbish behind it': (bytes, random) => joined(bytes, noise(1 + random.integer(64), random)),
  'rubbish before it': (bytes, random) => joined(noise(1 + random.integer(64), random), bytes),
  'the file twice': (bytes) => joined(bytes, bytes),
  'the header of one and the end of another': (bytes, random) => {
    const { files } = subjects[0]
    const other = files[random.integer(files.length)]
    return withHeader(bytes, textOf(bytes), other.subarray(headerEnd(other)))
  },
}

// ---- what reads files ----

/** What each does with the bytes; a FileError is all that may come of it. */
function readersOf({ model, data }: Subject): Record<string, (bytes: Uint8Array) => unknown> {
  return {
    decodeSafetensors,
    readSafetensors,
    readMetadata,
    load: (bytes) => model.load(bytes),
    'load what fits': (bytes) => model.load(bytes, { strict: false }),
    loadModel: (bytes) => loadModel(bytes),
    restore: (bytes) => model.restore(bytes),
    resume: (bytes) => model.fit(data, { ...OPTIONS, resume: bytes }),
    'resume over other data': (bytes) => model.fit(data, { ...OPTIONS, resume: { bytes, data: 'changed' } }),
  }
}

async function errorOf(action: () => unknown): Promise<unknown> {
  try {
    await action()
  } catch (error) {
    return error
  }
  return 'no error'
}

describe('damaged files', () => {
  const names = Object.keys(DAMAGES)

  test(`${COUNT} of them are FileErrors, and change nothing`, async () => {
    const random = createRandom(SEED)
    const before = subjects.map(({ model }) => stateOf(model))
    const readers = subjects.map(readersOf)
    for (let i = 0; i < COUNT; i++) {
      const which = i % LARGE === LARGE - 1 ? 1 : 0
      const { files, model } = subjects[which]
      const file = random.integer(files.length)
      const name = names[random.integer(names.length)]
      const bytes = DAMAGES[name](files[file], random)
      if (Buffer.compare(bytes, files[file]) === 0) continue
      for (const [reader, read] of Object.entries(readers[which])) {
        const error = await errorOf(() => read(bytes))
        if (error instanceof FileError && error.message.length < 400) continue
        expect.fail(`${i}: ${name} of file ${file} of subject ${which}, ${reader}: ${String(error)}`)
      }
      if (which || i % 10 === 0) expect(stateOf(model)).toEqual(before[which])
    }
    for (const [i, { model }] of subjects.entries()) expect(stateOf(model)).toEqual(before[i])
  })

  test('are read as they were where nothing happened to them', async () => {
    const { model, data, files } = subjects[0]
    for (const bytes of files) expect(decodeSafetensors(bytes).size).toBeGreaterThan(0)
    for (const bytes of files.slice(1)) expect((await loadModel(bytes)).parameters['0.weight'].shape).toEqual([4, 4])
    const before = stateOf(model)
    model.restore(files[3])
    expect(stateOf(model)).not.toEqual(before)
    expect((await model.fit(data, { ...OPTIONS, resume: files[3] })).steps).toBe(6)
  })
})

test('each byte that is lost from its header is missed, whatever comes in its place behind it', () => {
  const bytes = encodeSafetensors({ w: { shape: [2], data: Float64Array.of(1, 2) } })
  const text = textOf(bytes)
  for (let at = 0; at < text.trimEnd().length; at++) {
    const lost = withHeader(bytes, `${text.slice(0, at)}${text.slice(at + 1)} `)
    if (Buffer.compare(lost, bytes)) expect(() => readSafetensors(lost), String(at)).toThrow(FileError)
  }
})

test('each flipped bit of a small file is found', () => {
  const bytes = encodeSafetensors({ w: { shape: [8], data: Float64Array.from({ length: 8 }, (_, i) => i) } })
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const copy = bytes.slice()
    copy[bit >> 3] ^= 1 << (bit & 7)
    expect(() => readSafetensors(copy), `bit ${bit}`).toThrow(FileError)
  }
})

test('no flipped bit hides another from the checksum', () => {
  const bytes = Uint8Array.from({ length: 60 }, (_, i) => 7 * i)
  const whole = checksumOf(bytes)
  for (let a = 0; a < 8 * bytes.length; a++) {
    for (let b = a + 1; b < 8 * bytes.length; b++) {
      for (const bit of [a, b]) bytes[bit >> 3] ^= 1 << (bit & 7)
      if (checksumOf(bytes) === whole) expect.fail(`bits ${a} and ${b}`)
      for (const bit of [a, b]) bytes[bit >> 3] ^= 1 << (bit & 7)
    }
  }
})
