// Weights files: round trips to the bit, files as PyTorch writes them, and damaged or hostile ones.
import { createModel } from '../../src/model/create'
import type { Tensor } from '../../src/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  FileError,
  type Model,
  batchNorm,
  decodeSafetensors,
  dense,
  encodeSafetensors,
  loadModel,
  readMetadata,
  readSafetensors,
  sequential,
} from '../../src/entries/index'

const TINIEST = { F64: 5e-324, F32: 2 ** -149 }
const SPECIAL = [0, -0, 1, -1 / 3, Infinity, -Infinity, NaN, Number.MAX_VALUE, 2 ** -1030, TINIEST.F64, TINIEST.F32]

const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
const bits = ({ parameters, buffers }: Model<never>) => Object.values({ ...parameters, ...buffers }).map(bytesOf)

function errorOf(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return 'no error'
}

/** A file by hand: the header as text or JSON, `length` what it says of its own length. */
function file(header: unknown, body: ArrayLike<number> | ArrayBuffer = [], length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const first = Buffer.alloc(8)
  first.writeBigUInt64LE(length ?? BigInt(json.length))
  return Uint8Array.from(Buffer.concat([first, json, Uint8Array.from(new Uint8Array(body))]))
}

const network = () => sequential(dense(2), batchNorm())
const make = (seed = 1, dtype: 'float64' | 'float32' = 'float64') => createModel(network(), { input: [3], seed, dtype })

describe("other libraries' types", () => {
  test.each([
    // Bits and values as IEEE 754 has them; bfloat16 is the first half of a float32.
    ['F16', Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00), [1, -2, 65504, 2 ** -24, -0, Infinity]],
    ['BF16', Uint16Array.of(0x3f80, 0xc000, 0x0080, 0x8000, 0xff80), [1, -2, 2 ** -126, -0, -Infinity]],
    ['I64', BigInt64Array.of(5n, -1n, 2n ** 40n), [5, -1, 2 ** 40]],
  ])('%s', (dtype, stored, values) => {
    const header = { a: { dtype, shape: [stored.length], data_offsets: [0, stored.byteLength] } }
    const { data } = decodeSafetensors(file(header, stored.buffer)).get('a')!
    expect(Array.from(data)).toEqual(values)
  })

  test('NaN in half precision', () => {
    const decoded = (dtype: string, bits: number) =>
      decodeSafetensors(file({ a: { dtype, shape: [1], data_offsets: [0, 2] } }, Uint16Array.of(bits).buffer)).get('a')!
    expect(decoded('F16', 0x7e00).data).toEqual(Float32Array.of(NaN))
    expect(decoded('BF16', 0x7fc0).data).toEqual(Float32Array.of(NaN))
  })

  // One tensor of each, none of which a model can use, beside what it can.
  const strange = ['I64', 'BOOL', 'U8', 'I8', 'F8_E4M3', 'F8_E5M2', 'I16', 'I32', 'C64', 'F4', 'no such type']
  const fileWith = async (rename: (name: string) => [string, string]) => {
    const other = await make(2)
    const tensors = { ...other.parameters, ...other.buffers }
    const entries = Object.entries(tensors).map(([name, { shape, data }]) => ({ name, dtype: 'F64', shape, data }))
    const extra = strange.map((dtype, i) => ({ name: `extra.${i}`, dtype, shape: [2], data: new Float64Array(2) }))
    let end = 0
    const header: [string, unknown][] = []
    const bodies: Uint8Array[] = []
    for (const { name, dtype, shape, data } of [...entries, ...extra]) {
      const [called, kind] = rename(name)
      header.push([called, { dtype: kind || dtype, shape, data_offsets: [end, (end += data.byteLength)] }])
      bodies.push(new Uint8Array(data.slice().buffer))
    }
    return { other, bytes: file(Object.fromEntries(header), Buffer.concat(bodies)) }
  }

  test('strict: false takes what fits and lists tensors of types that nobody needs', async () => {
    const model = await make(1)
    const { other, bytes } = await fileWith((name) => [name, ''])
    const unexpected = strange.map((_, i) => `extra.${i}`)
    expect(model.load(bytes, { strict: false })).toEqual({ missing: [], mismatched: [], unexpected })
    expect(bits(model)).toEqual(bits(other))
    expect(() => model.load(bytes)).toThrow("the file has 'extra.0', which this model has not")
  })

  test('a tensor that is wanted, of a type that cannot be decoded, does not fit', async () => {
    const model = await make(1)
    const { bytes } = await fileWith((name) => (name.startsWith('extra') ? [`${name}.num_batches_tracked`, ''] : [name, name === '1.weight' ? 'Q8' : ''])) // prettier-ignore
    const before = bits(model)
    expect(errorOf(() => model.load(bytes))).toEqual(
      new FileError('weights: \'1.weight\' has type "Q8"; want F64, F32, F16, BF16, I64'),
    )
    expect(bits(model)).toEqual(before)
    expect(model.load(bytes, { strict: false })).toEqual({ missing: [], mismatched: ['1.weight'], unexpected: [] })
  })

  test('readSafetensors lists all, and decodes what is asked for', async () => {
    const { other, bytes } = await fileWith((name) => [name, ''])
    const tensors = readSafetensors(bytes)
    expect([...tensors.values()].slice(-strange.length).map(({ dtype, decodable }) => [dtype, decodable])).toEqual(
      strange.map((dtype) => [dtype, dtype === 'I64']),
    )
    expect(tensors.get('0.weight')).toMatchObject({ dtype: 'F64', shape: [2, 3], decodable: true })
    expect(tensors.get('0.weight')!.decode()).toEqual(other.parameters['0.weight'].data)
    expect(() => tensors.get('extra.1')!.decode()).toThrow('weights: \'extra.1\' has type "BOOL"; want F64, F32')
    expect(() => decodeSafetensors(bytes)).toThrow("weights: 'extra.1' has type")
  })

  test("PyTorch's count of batches is no part of a model", async () => {
    const model = await make(1)
    const other = await make(2)
    const whole = encodeSafetensors({ ...other.parameters, ...other.buffers, '1.num_batches_tracked': one() })
    expect(model.load(whole)).toEqual({ missing: [], mismatched: [], unexpected: [] })
    expect(bits(model)).toEqual(bits(other))
    const named = encodeSafetensors({ ...other.parameters, ...other.buffers, tracked: one() })
    expect(() => model.load(named)).toThrow("the file has 'tracked', which this model has not")
  })
})

const one = (): Tensor => ({ shape: [1], data: Float64Array.of(1) })

describe('round trip', () => {
  test.each([Float64Array, Float32Array])('special values in a %o', (Floats) => {
    const tensors = {
      special: { shape: [SPECIAL.length], data: Floats.from(SPECIAL) },
      matrix: { shape: [2, 3], data: Floats.from([1, 2, 3, 4, 5, 6]) },
      scalar: { shape: [], data: Floats.of(0.1) },
      nothing: { shape: [0, 3], data: new Floats(0) },
    }
    const decoded = decodeSafetensors(encodeSafetensors(tensors))
    expect(Object.fromEntries(decoded)).toEqual(tensors)
    for (const [name, tensor] of Object.entries(tensors)) expect(bytesOf(decoded.get(name)!)).toBe(bytesOf(tensor))
  })

  test('any names, both types in one file', () => {
    const data = fc.oneof(fc.float64Array(), fc.float32Array())
    // Of '__proto__' below.
    const name = fc.string({ unit: 'binary' }).filter((n) => n !== '__proto__' && n !== '__metadata__')
    fc.assert(
      fc.property(fc.dictionary(name, data), (arrays) => {
        const entries = Object.entries(arrays).map(([n, data]) => [n, { shape: [data.length], data }] as const)
        const decoded = decodeSafetensors(encodeSafetensors(Object.fromEntries(entries)))
        expect([...decoded.keys()].toSorted()).toEqual(Object.keys(arrays).toSorted())
        for (const [n, tensor] of entries) expect(bytesOf(decoded.get(n)!)).toBe(bytesOf(tensor))
      }),
    )
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('a tensor named %s', (name) => {
    const tensor = { shape: [1], data: Float64Array.of(7) }
    const decoded = decodeSafetensors(encodeSafetensors({ [name]: tensor }))
    expect([...decoded]).toEqual([[name, tensor]])
  })

  test('the header names its parts, is padded, and starts the values at a multiple of 8', () => {
    const bytes = Buffer.from(encodeSafetensors({ a: { shape: [2], data: Float32Array.of(1, -2) } }))
    const length = Number(bytes.readBigUInt64LE())
    expect(length % 8).toBe(0)
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length))).toEqual({
      __metadata__: { 'v128.checksum': expect.stringMatching(/^[0-9a-f]{16}$/) as string, format: 'pt' },
      a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    })
    expect([bytes.readFloatLE(8 + length), bytes.readFloatLE(12 + length), bytes.length]).toEqual([1, -2, 16 + length])
  })

  test.each(['float64', 'float32'] as const)('a model in %s, special values and all', async (dtype) => {
    const [from, to] = [await make(1, dtype), await make(2, dtype)]
    from.parameters['0.weight'].data.set(SPECIAL.slice(0, 6))
    from.buffers['1.running_mean'].data.set(SPECIAL.slice(6, 8))
    expect(() => from.save()).toThrow(/^save: the parameter '0\.weight' holds .*, as it diverged; save/)
    const bytes = from.save({ allowNonFinite: true })
    expect(() => to.load(bytes)).toThrow(/^weights: '0\.weight' holds .*allowNonFinite/)
    to.load(bytes, { allowNonFinite: true })
    expect(bits(to)).toEqual(bits(from))
    expect(decodeSafetensors(to.save({ allowNonFinite: true }))).toEqual(decodeSafetensors(bytes))
  })

  test('from float64 to float32 rounds once, and back is exact', async () => {
    const [wide, narrow] = [await make(1), await make(2, 'float32')]
    narrow.load(wide.save())
    const { data } = wide.parameters['0.weight']
    expect([...narrow.parameters['0.weight'].data]).toEqual(Array.from(data, Math.fround))
    wide.load(narrow.save())
    expect([...data]).toEqual([...narrow.parameters['0.weight'].data])
  })

  test('a view into a larger buffer, at an odd offset', async () => {
    const [from, to] = [await make(1), await make(2)]
    const bytes = from.save()
    const large = new Uint8Array(bytes.length + 100).fill(0xab)
    large.set(bytes, 13)
    to.load(large.subarray(13, 13 + bytes.length))
    expect(bits(to)).toEqual(bits(from))
  })
})

describe('what cannot be written is refused', () => {
  const data = Float64Array.of(1, 2)
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'want an object { name: { shape, data } }, got undefined'],
    ['a Map', new Map([['a', { shape: [2], data }]]), 'want an object { name: { shape, data } }, got a Map'],
    ['a list', [{ shape: [2], data }], 'want an object'],
    ['a promise', Promise.resolve({}), 'promise'],
    ['no tensor', { a: null }, "'a': data must be a Float64Array or a Float32Array, got undefined"],
    ['numbers', { a: { shape: [2], data: [1, 2] } }, "'a': data must be a Float64Array or a Float32Array, got [1"],
    ['integers', { a: { shape: [2], data: Int32Array.of(1, 2) } }, 'got Int32Array(2)'],
    ['bigints', { a: { shape: [2], data: BigInt64Array.of(1n, 2n) } }, 'got BigInt64Array(2)'],
    ['too few values', { a: { shape: [3], data } }, "'a': 2 values are not of shape [3]"],
    ['no shape', { a: { data } }, "'a': 2 values are not of shape undefined"],
    // oxlint-disable-next-line no-sparse-arrays
    ['a shape with a hole', { a: { shape: [2, ,], data } }, 'are not of shape'],
    ['a shape of halves', { a: { shape: [0.5, 4], data } }, 'are not of shape [0.5'],
    ['the name of the metadata', { __metadata__: { shape: [2], data } }, "'__metadata__' is no name for a tensor"],
    ['a getter that throws', { get a() { throw new Error('no') } }, 'the tensors cannot be read'], // prettier-ignore
  ])('%s', (_, tensors, message) => {
    const error = errorOf(() => encodeSafetensors(tensors as never))
    expect((error as Error).name).toMatch(/^(Data|Plan)Error$/)
    expect((error as Error).message).toContain(`encodeSafetensors: `)
    expect((error as Error).message).toContain(message)
    if (!/promise|getter/.test(_)) expect(error).toBeInstanceOf(DataError)
  })

  test('nor are surplus arguments', () => {
    const tensors = { a: { shape: [2], data } }
    const encode = encodeSafetensors as (...args: unknown[]) => unknown
    expect(() => encode(tensors, { b: 1 })).toThrow("unknown option 'b'")
    expect(() => encode(tensors, {}, 1)).toThrow('takes 2 arguments')
    const bytes = encodeSafetensors(tensors)
    expect(() => (decodeSafetensors as (...args: unknown[]) => unknown)(bytes, ['a'])).toThrow('takes one argument')
    expect(() => (readSafetensors as (...args: unknown[]) => unknown)(bytes, ['a'])).toThrow('takes one argument')
    expect(() => (readMetadata as (...args: unknown[]) => unknown)(bytes, ['a'])).toThrow('takes one argument')
  })

  test('what is written is a part of a Blob', async () => {
    const blob = new Blob([encodeSafetensors({ a: { shape: [2], data } })])
    expect(decodeSafetensors(new Uint8Array(await blob.arrayBuffer())).get('a')!.data).toEqual(data)
  })
})

test('a file as PyTorch writes it', async () => {
  // Sorted by name, floats of 4 bytes, the header padded with spaces, an int64 counter not among them.
  const names = ['0.bias', '0.weight', '1.bias', '1.running_mean', '1.running_var', '1.weight']
  const sizes = [2, 6, 2, 2, 2, 2]
  let end = 0
  const entries = names.map((name, i) => {
    const shape = name === '0.weight' ? [2, 3] : [2]
    return [name, { dtype: 'F32', shape, data_offsets: [end, (end += 4 * sizes[i])] }] as const
  })
  const values = Float32Array.from({ length: end / 4 }, (_, i) => i / 8)
  const header = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) })
  const model = await make()
  model.load(file(header.padEnd(Math.ceil(header.length / 8) * 8), values.buffer))
  const { parameters, buffers } = model
  expect([...parameters['0.bias'].data]).toEqual([0, 1 / 8])
  expect([...parameters['0.weight'].data]).toEqual([2, 3, 4, 5, 6, 7].map((v) => v / 8))
  expect([...buffers['1.running_var'].data]).toEqual([12 / 8, 13 / 8])
  expect([...parameters['1.weight'].data]).toEqual([14 / 8, 15 / 8])
})

test('a Buffer of Node is as it was, after each of its readers', async () => {
  const model = await make()
  const bytes = Buffer.from(model.save({ metadata: { classes: ['cat'] } }))
  const before = Buffer.from(bytes)
  expect(decodeSafetensors(bytes).size).toBe(6)
  expect(readMetadata(bytes)).toEqual(readMetadata(before))
  model.load(bytes)
  await loadModel(bytes)
  expect(bytes.equals(before)).toBe(true)
})

describe('what another program wrote anew, with our metadata but without the checksum', () => {
  // The package safetensors of Python writes them in any order. Two names are much like that of the checksum.
  test.each([['format'], ['v128.numerics'], ['v128.model'], ['v128.checkpoint']])('%s first', async (first) => {
    const from = await make(1)
    const { 'v128.checksum': checksum, ...metadata } = readMetadata(from.checkpoint())
    expect(Object.keys(metadata)).toContain(first)
    expect(checksum).toMatch(/^\w{16}$/)
    const names = [first, ...Object.keys(metadata).filter((name) => name !== first)]
    const { data, shape } = from.parameters['0.weight']
    const changed = data.map((value) => 2 * value)
    const all = { ...from.parameters, ...from.buffers, '0.weight': { shape, data: changed } }
    let end = 0
    const entries = Object.entries(all).map(([name, { shape, data }]) => {
      return [name, { dtype: 'F64', shape, data_offsets: [end, (end += data.byteLength)] }] as const
    })
    const texts = Object.fromEntries(names.map((name) => [name, metadata[name]]))
    const values = Buffer.concat(Object.values(all).map(({ data }) => Buffer.from(Float64Array.from(data).buffer)))
    const header = { __metadata__: texts, ...Object.fromEntries(entries) }
    const bytes = file(header, values)
    const model = await loadModel(bytes)
    model.restore(bytes)
    expect(model.parameters['0.weight'].data).toEqual(changed)
    // With the old one it is damaged.
    const kept = { ...header, __metadata__: { ...texts, 'v128.checksum': checksum } }
    expect(() => readSafetensors(file(kept, values))).toThrow(/checksum does not fit.*should leave out 'v128.checksum'/)
  })
})

/** A file whose memory was handed on. */
function detached(): Uint8Array {
  const bytes = file({ a: entry() }, new Uint8Array(16))
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

const entry = (change: object = {}) => ({ dtype: 'F64', shape: [2], data_offsets: [0, 16], ...change })

describe('hostile files', () => {
  const two = (a: number[], b: number[]) => ({
    a: entry({ shape: [(a[1] - a[0]) / 8], data_offsets: a }),
    b: entry({ shape: [(b[1] - b[0]) / 8], data_offsets: b }),
  })
  const body = new Uint8Array(16)
  const text = JSON.stringify({ a: entry() })
  const one = text.slice(1, -1)

  const files: [name: string, bytes: unknown, message: RegExp][] = [
    ['nothing', undefined, /want a Uint8Array/],
    ['text', 'weights', /want a Uint8Array/],
    ['an ArrayBuffer of zeros', new ArrayBuffer(16), /header is not JSON/],
    ['a SharedArrayBuffer', new SharedArrayBuffer(16), /want a Uint8Array/],
    ['floats', new Float64Array(16), /want a Uint8Array/],
    ['an empty file', new Uint8Array(0), /has 0 bytes, too few/],
    ['zeros', new Uint8Array(64), /header is not JSON/],
    ['no header', file('', body), /header is not JSON/],
    ['a header of 2^63 bytes', file(text, body, 2n ** 63n), /header claims 9223372036854776000 bytes, but \d+ follow/],
    ['a header of 2^64 - 1 bytes', file(text, body, 2n ** 64n - 1n), /header claims \d+ bytes/],
    ['a header of 2^32 bytes', file(text, body, 2n ** 32n), /header claims 4294967296 bytes/],
    ['a header a byte too long', file(text, [], BigInt(text.length) + 1n), /truncated or not safetensors/],
    ['a header cut off', file(text, body, BigInt(text.length) - 1n), /header is not JSON/],
    ['a header that is not JSON', file('{"a":}', body), /header is not JSON/],
    ['a header that is not UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /header is not JSON/],
    ['a header nested deeply', file('['.repeat(1e5) + ']'.repeat(1e5)), /nested more than 3 deep/],
    ['an array', file([entry()], body), /header is not an object/],
    ['null', file(null, body), /header is not an object/],
    ['a number', file(3, body), /header is not an object/],
    ['an entry null', file({ a: null }, body), /'a' has no description/],
    ['an entry that is an array', file({ a: [0, 16] }, body), /'a' has no description/],
    [
      'no dtype',
      file({ a: entry({ dtype: undefined }) }, body),
      /'a' has type undefined; want F64, F32, F16, BF16, I64/,
    ],
    ['dtype I32', file({ a: entry({ dtype: 'I32' }) }, body), /'a' has type "?I32/],
    ['dtype f64', file({ a: entry({ dtype: 'f64' }) }, body), /'a' has type "?f64/],
    ['dtype toString', file({ a: entry({ dtype: 'toString' }) }, body), /'a' has type "?toString/],
    ['dtype __proto__', file({ a: entry({ dtype: '__proto__' }) }, body), /'a' has type "?__proto__/],
    ['dtype a list', file({ a: entry({ dtype: ['F64'] }) }, body), /'a' has type/],
    ['dtype an object', file({ a: entry({ dtype: { toString: 1 } }) }, body), /'a' has type/],
    ['no shape', file({ a: entry({ shape: undefined }) }, body), /'a' has no valid shape/],
    ['a shape that is a number', file({ a: entry({ shape: 2 }) }, body), /'a' has no valid shape/],
    ['a negative shape', file({ a: entry({ shape: [-1, -2] }) }, body), /'a' has no valid shape/],
    ['a fractional shape', file({ a: entry({ shape: [0.5, 4] }) }, body), /'a' has no valid shape/],
    ['a shape of text', file({ a: entry({ shape: ['2'] }) }, body), /'a' has no valid shape/],
    ['a shape beyond 2^53', file({ a: entry({ shape: [2 ** 53] }) }, body), /'a' has no valid shape/],
    [
      'a shape that overflows',
      file({ a: entry({ shape: Array(40).fill(2 ** 52) }) }, body),
      /'a' of shape .* has 16 bytes/,
    ],
    ['infinity times zero', file({ a: entry({ shape: [...Array(40).fill(2 ** 52), 0] }) }, body), /'a' of shape/],
    ['a shape too large', file({ a: entry({ shape: [3] }) }, body), /'a' of shape \(3\) has 16 bytes/],
    ['a shape too small', file({ a: entry({ shape: [] }) }, body), /'a' of shape \(\) has 16 bytes/],
    ['a shape for the other dtype', file({ a: entry({ dtype: 'F32' }) }, body), /'a' of shape \(2\) has 16 bytes/],
    ['no offsets', file({ a: entry({ data_offsets: undefined }) }, body), /'a' has no valid data_offsets/],
    ['one offset', file({ a: entry({ data_offsets: [16] }) }, body), /'a' has no valid data_offsets/],
    ['three offsets', file({ a: entry({ data_offsets: [0, 8, 16] }) }, body), /'a' has no valid data_offsets/],
    ['negative offsets', file({ a: entry({ data_offsets: [-16, 0] }) }, body), /'a' has no valid data_offsets/],
    ['fractional offsets', file({ a: entry({ data_offsets: [0.5, 16.5] }) }, body), /'a' has no valid data_offsets/],
    ['offsets of text', file({ a: entry({ data_offsets: ['0', '16'] }) }, body), /'a' has no valid data_offsets/],
    ['offsets that go backward', file({ a: entry({ data_offsets: [16, 0] }) }, body), /'a' has no valid data_offsets/],
    [
      'offsets out of range',
      file({ a: entry({ data_offsets: [8, 24] }) }, body),
      /'a' ends at byte 24 of 16; .*truncated/,
    ],
    ['offsets far out', file({ a: entry({ data_offsets: [2 ** 52, 2 ** 52 + 16] }) }, body), /'a' ends at byte 4503/],
    [
      'offsets that do not begin at 0',
      file({ a: entry({ shape: [1], data_offsets: [8, 16] }) }, body),
      /begins at byte 8/,
    ],
    ['overlapping offsets', file(two([0, 16], [8, 16]), body), /'b' begins at byte 8, but the one before ends at 16/],
    ['the same offsets twice', file(two([0, 16], [0, 16]), body), /begins at byte 0, but the one before ends at 16/],
    ['a hole', file(two([0, 8], [16, 24]), new Uint8Array(24)), /'b' begins at byte 16, but the one before ends at 8/],
    ['bytes at the end', file({ a: entry() }, new Uint8Array(17)), /1 bytes after the last tensor/],
    ['bytes and no tensor', file({}, body), /16 bytes after the last tensor/],
    [
      'dtype nested 100,000 deep',
      file(text.replace('"F64"', `${'['.repeat(1e5)}${']'.repeat(1e5)}`), body),
      /nested more than 3 deep/,
    ],
    ['a dtype that is nested', file(text.replace('"F64"', '[[]]'), body), /nested more than 3 deep/],
    [
      'a dtype that is a list',
      file(text.replace('"F64"', '["F64"]'), body),
      /^weights: 'a' has type \["F64"\]; want F64, F32, F16, BF16, I64$/,
    ],
    [
      'everything nested deeply',
      file(text.replace('[2]', `${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`), body),
      /nested more than 3 deep/,
    ],
    [
      'a name of a million characters',
      file({ ['a'.repeat(1e6)]: entry({ shape: [3] }) }, body),
      /^weights: 'a{30,40}\.\.\.' of shape \(3\) has 16 bytes$/,
    ],
    ['a type of a million characters', file({ a: entry({ dtype: 'F'.repeat(1e6) }) }, body), /^.{0,160}$/],
    [
      'a shape of 100,000 sizes',
      file({ a: entry({ shape: Array(1e5).fill(7) }) }, body),
      /^weights: 'a' of shape \(7, 7, 7, 7, 7, 7, 7, 7, \.\.\.\) has 16 bytes$/,
    ],
    ['metadata that is no object', file({ __metadata__: 3, a: entry() }, body), /'__metadata__' is no object of texts/],
    ['metadata of other things', file({ __metadata__: { a: [1] }, a: entry() }, body), /is no object of texts/],
    [
      'offsets exchanged',
      file({ a: entry({ shape: [1], data_offsets: [8, 0] }), b: entry({ shape: [1], data_offsets: [8, 16] }) }, body),
      /'a' has no valid data_offsets/,
    ],
    ['a shape of NaN', file(text.replace('[2]', '[NaN]'), body), /header is not JSON/],
    ['a shape of 1e999', file(text.replace('[2]', '[1e999]'), body), /'a' has no valid shape/],
    ['an offset of -0', file(text.replace('[0,16]', '[-0,-0]'), body), /'a' of shape \(2\) has 0 bytes/],
    ['a detached buffer', detached(), /has 0 bytes/],
    ['a name twice', file(`{${one},${one}}`, body), /./],
    ['a name twice, with bytes each', file(`{${one},${one.replace('0,16', '16,32')}}`, new Uint8Array(32)), /./],
  ]

  test.each(files)('%s', (_, bytes, message) => {
    const error = errorOf(() => decodeSafetensors(bytes as Uint8Array))
    expect(error).toBeInstanceOf(FileError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message.length).toBeLessThan(300)
  })

  test('a file in shared memory', () => {
    const bytes = file({ a: entry() }, Float64Array.of(3, 4).buffer)
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    expect([...decodeSafetensors(shared).get('a')!.data]).toEqual([3, 4])
  })

  test('a file of that kind without a fault', () => {
    expect([...decodeSafetensors(file({ a: entry() }, body)).keys()]).toEqual(['a'])
    expect([...decodeSafetensors(file(two([8, 16], [0, 8]), body)).keys()]).toEqual(['a', 'b'])
    expect(decodeSafetensors(file({})).size).toBe(0)
  })

  test.each(['__proto__', 'constructor', 'toString'])('a tensor named %s is another model’s', async (name) => {
    const model = await createModel(dense(1, { bias: false }), { input: [2] })
    const entries = [
      ['weight', entry({ shape: [1, 2] })],
      [name, entry({ data_offsets: [16, 32] })],
    ]
    const header = `{${entries.map(([n, e]) => `"${n as string}":${JSON.stringify(e)}`).join()}}`
    const before = bits(model)
    const error = errorOf(() => model.load(file(header, new Uint8Array(32))))
    expect(error).toBeInstanceOf(FileError)
    expect((error as Error).message).toMatch(`has '${name}', which this model has not`)
    expect(bits(model)).toEqual(before)
    expect(({} as { shape?: unknown }).shape).toBe(undefined)
  })
})

/** Loads what may be anything: a FileError with nothing changed, or success. */
function attempt(model: Model<never>, bytes: Uint8Array): void {
  const before = bits(model)
  const error = errorOf(() => model.load(bytes))
  if (error === 'no error') return
  expect(error).toBeInstanceOf(FileError)
  expect(bits(model)).toEqual(before)
}

describe('load changes nothing unless all fits', () => {
  const others: [name: string, change: (tensors: Record<string, Tensor>) => unknown, message: RegExp][] = [
    ['a missing parameter', (t) => delete t['1.bias'], /no '1\.bias'; it is of another model/],
    ['a missing buffer', (t) => delete t['1.running_var'], /no '1\.running_var'/],
    ['one more', (t) => (t['2.weight'] = t['0.bias']), /has '2\.weight', which this model has not/],
    [
      'another shape',
      (t) => (t['0.weight'] = { ...t['0.weight'], shape: [3, 2] }),
      /'0\.weight' is \(3, 2\) .* \(2, 3\) here/,
    ],
    [
      'a shape of other rank',
      (t) => (t['0.weight'] = { ...t['0.weight'], shape: [6] }),
      /'0\.weight' is \(6\) in the file/,
    ],
    ['no tensors', (t) => Object.keys(t).forEach((name) => delete t[name]), /no '0\.weight'/],
  ]
  test.each(others)("another model's file: %s", async (_, change, message) => {
    const [from, to] = [await make(1), await make(2)]
    const tensors: Record<string, Tensor> = { ...from.parameters, ...from.buffers }
    change(tensors)
    const before = bits(to)
    const error = errorOf(() => to.load(encodeSafetensors(tensors)))
    expect(error).toBeInstanceOf(FileError)
    expect((error as Error).message).toMatch(message)
    expect(bits(to)).toEqual(before)
  })

  test('cut short at every byte', async () => {
    const [from, to] = [await make(1), await make(2)]
    const bytes = from.save()
    const before = bits(to)
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length)
      expect(
        errorOf(() => decodeSafetensors(cut)),
        `${length} bytes`,
      ).toBeInstanceOf(FileError)
      expect(
        errorOf(() => to.load(cut)),
        `${length} bytes`,
      ).toBeInstanceOf(FileError)
    }
    expect(bits(to)).toEqual(before)
    to.load(bytes)
    expect(bits(to)).toEqual(bits(from))
  })

  test('flipped bits', async () => {
    const model = await make()
    const bytes = model.save()
    const flip = fc.tuple(fc.nat(bytes.length - 1), fc.nat(7))
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 6 }), (flips) => {
        const damaged = bytes.slice()
        for (const [at, bit] of flips) damaged[at] ^= 1 << bit
        attempt(model, damaged)
      }),
      { numRuns: 1000 },
    )
  })

  test('bytes replaced in the header', async () => {
    const model = await make()
    const bytes = model.save()
    const header = 8 + Number(Buffer.from(bytes).readBigUInt64LE())
    const replaced = fc.tuple(fc.nat(header - 1), fc.constantFrom(...Buffer.from('{}[]",:0129-.e\\ \0')))
    fc.assert(
      fc.property(fc.array(replaced, { minLength: 1, maxLength: 3 }), (changes) => {
        const damaged = bytes.slice()
        for (const [at, byte] of changes) damaged[at] = byte
        attempt(model, damaged)
      }),
      { numRuns: 1000 },
    )
  })

  test('changed numbers and exchanged parts of a header: all that is said to be there lies in the file', () => {
    const bytes = encodeSafetensors({
      a: { shape: [2, 3], data: new Float64Array(6) },
      b: { shape: [4], data: new Float32Array(4) },
      c: { shape: [], data: new Float64Array(1) },
    })
    const length = Number(Buffer.from(bytes).readBigUInt64LE())
    const text = Buffer.from(bytes)
      .toString('utf8', 8, 8 + length)
      .trim()
    const body = bytes.subarray(8 + length)
    const part = fc.constantFrom(...(text.match(/"\w+"|\d+|[[\]{}:,]/g) ?? []), '64', '-1', '2e1', 'null', '"F16"')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60), part), { minLength: 1, maxLength: 4 }), fc.boolean(), (edits, cut) => {
        const parts: string[] = text.match(/"\w+"|\d+|[[\]{}:,]/g) ?? []
        for (const [at, with_] of edits) parts[at % parts.length] = with_
        let tensors
        try {
          tensors = readSafetensors(file(parts.join(''), body.subarray(0, cut ? 24 : undefined)))
        } catch (error) {
          expect(error).toBeInstanceOf(FileError)
          return
        }
        for (const { shape, decodable, decode } of tensors.values()) {
          if (decodable) expect(decode().length).toBe(shape.reduce((a, b) => a * b, 1))
        }
      }),
      { numRuns: 3000, seed: 8 },
    )
  })

  test('any JSON as header, any bytes as file', async () => {
    const model = await createModel(dense(1, { bias: false }), { input: [2] })
    const loose = fc.record(
      { dtype: fc.constantFrom('F64', 'F32', 'I8', {}), shape: fc.jsonValue(), data_offsets: fc.jsonValue() },
      { requiredKeys: [] },
    )
    const header = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('weight', 'bias'), loose))
    fc.assert(
      fc.property(header, fc.uint8Array(), (json, body) => attempt(model, file(json, body))),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => attempt(model, bytes)))
  })
})
