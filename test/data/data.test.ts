// Readers of data: IDX, CIFAR and CSV files as they are, as they are damaged, and as an attacker writes them.
import { createModel } from '../../src/model/create'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadMnist } from '../../examples/mnist-data.js'
import {
  FileError,
  PlanError,
  createRandom,
  dense,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import {
  channelsFirst,
  type CsvOptions,
  readCifar10,
  readCifar100,
  readCsv,
  readIdx,
  readMnist,
} from '../../src/entries/data'

const GZIP = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0)
const text = (string: string) => new TextEncoder().encode(string)
const PAGE = text('\n<!DOCTYPE html><html><body>404 Not Found</body></html>')
const LFS = text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9912422\n')
const tar = () => {
  const bytes = new Uint8Array(1024)
  bytes.set(text('data_batch_1.bin'))
  bytes.set(text('ustar'), 257)
  return bytes
}

/** Throws a FileError, as it must, whose message holds all of these. */
function expectFileError(action: () => unknown, ...parts: string[]) {
  expect(action).toThrow(FileError)
  for (const part of parts) expect(action).toThrow(part)
}

function catchError(action: () => unknown): Error {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('no error')
}

/** No reader may throw anything else, whatever it is given. */
function onlyFileErrors(action: () => unknown) {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(FileError)
  }
}

/** An IDX file; sizes as 32 bits big-endian. */
function idx(type: number, shape: number[], values: ArrayLike<number>): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length))
  header.setUint8(2, type)
  header.setUint8(3, shape.length)
  for (const [i, length] of shape.entries()) header.setUint32(4 + 4 * i, length)
  return Uint8Array.from([...new Uint8Array(header.buffer), ...Array.from(values)])
}

describe('readIdx', () => {
  test.each([
    ['unsigned bytes', 0x08, [0, 1, 255], Uint8Array.of(0, 1, 255)],
    ['signed bytes', 0x09, [0, 1, 255], Int8Array.of(0, 1, -1)],
    ['int16', 0x0b, [1, 2, 0xff, 0xfe, 0x80, 0], Int16Array.of(258, -2, -32768)],
    ['int32', 0x0c, [1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7], Int32Array.of(16909060, -1, 7)],
    ['float32', 0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0, 0, 0, 0, 0], Float32Array.of(1, -2.5, 0)],
    [
      'float64',
      0x0e,
      [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 4, 0, 0, 0, 0, 0, 0, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
      Float64Array.of(1, -2.5, 0.1),
    ],
  ])('%s', (_, type, values, data) => {
    expect(readIdx(idx(type, [3], values))).toEqual({ shape: [3], data })
    expect(readIdx(idx(type, [1, 3, 1, 1], values))).toEqual({ shape: [1, 3, 1, 1], data })
    expectFileError(() => readIdx(idx(type, [4], values)), 'bytes, but 4 values of', 'the file is truncated')
  })

  test('bytes are a view of the file, which may itself be one, at an odd offset', () => {
    const file = Uint8Array.of(9, ...idx(8, [2, 3], [1, 2, 3, 4, 5, 6])).subarray(1)
    const { shape, data } = readIdx(file)
    expect(shape).toEqual([2, 3])
    expect([...data]).toEqual([1, 2, 3, 4, 5, 6])
    expect(data.buffer).toBe(file.buffer)
  })

  test('an ArrayBuffer, as fetch gives it, and a Buffer, as readFile does', () => {
    const file = idx(8, [2], [7, 8])
    expect([...readIdx(file.slice().buffer).data]).toEqual([7, 8])
    expect([...readIdx(Buffer.from(file)).data]).toEqual([7, 8])
  })

  test('an array without values', () => expect(readIdx(idx(8, [0, 28, 28], []))).toMatchObject({ shape: [0, 28, 28] }))

  test.each([
    ['nothing', new Uint8Array(0), 'it is empty'],
    ['2 bytes', Uint8Array.of(0, 0), 'begins with 00 00;'],
    ['another magic number', idx(8, [1], [1]).fill(1, 0, 1), 'begins with 01 00 08 01; want 00 00, a type'],
    ['an unknown type', idx(0x0a, [1], [1]), 'begins with 00 00 0a 01'],
    ['no dimension', idx(8, [], [1]), 'begins with 00 00 08 00'],
    ['little-endian', Uint8Array.of(1, 8, 0, 0, 1, 0, 0, 0, 1), 'begins with 01 08 00 00'],
    ['half a header', idx(8, [2, 3], []).subarray(0, 11), 'truncated: 11 bytes, but its header alone has 12'],
    ['a value too few', idx(8, [2, 3], [1, 2, 3, 4, 5]), '17 bytes, but 2 x 3 values of uint8 and the header take 18'],
    ['a value too many', idx(8, [2, 3], [1, 2, 3, 4, 5, 6, 7]), 'the file has something after its end'],
    ['a product of 2^96', idx(8, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], [1]), 'the file is truncated'],
    ['a product past 2^1024', idx(14, Array<number>(255).fill(2 ** 32 - 1), [1]), 'the file is truncated'],
    [
      '4 GiB of float64',
      idx(14, [2 ** 29], [1]),
      '9 bytes, but 536870912 values of float64 and the header take 4294967304',
    ],
    ['gzip', GZIP, 'these bytes are gzip: unpack them first, with DecompressionStream or zlib'],
    ['a web page', PAGE, 'these bytes are a web page'],
    ['a pointer of Git LFS', LFS, 'a pointer of Git LFS'],
    ['a zip archive', text('PK\x03\x04aaaa'), 'these bytes are a zip archive'],
    ['a tar archive', tar(), 'these bytes are a tar archive'],
  ])('refuses %s', (_, bytes, message) => {
    expectFileError(() => readIdx(bytes), 'readIdx: ', message)
  })

  test.each([[undefined], [null], ['a path'], [7], [[0, 0, 8, 1]], [new Float64Array(4)]])('refuses %j', (value) => {
    expectFileError(() => readIdx(value as never), 'readIdx: want the bytes of the file, a Uint8Array, got')
  })

  test('bytes that are gone, or not there yet, are said to be', () => {
    for (const bytes of [idx(8, [1], [1]), idx(8, [1], [1]).buffer as ArrayBuffer]) {
      structuredClone(bytes, { transfer: [(bytes instanceof Uint8Array ? bytes.buffer : bytes) as ArrayBuffer] })
      expectFileError(() => readIdx(bytes), 'readIdx: ')
    }
    const promise = Promise.resolve(idx(8, [1], [1]))
    expectFileError(
      () => readIdx(promise as never),
      'want the bytes of the file, a Uint8Array, got a promise (await it',
    )
    expectFileError(() => readIdx({ [Symbol.toStringTag]: 'ArrayBuffer' } as never), 'want the bytes of the file')
  })

  test('signed bytes are bytes, and a Buffer gives no Buffer', () => {
    const file = idx(8, [2], [200, 1])
    expect(readIdx(new Int8Array(file.buffer) as never).data).toEqual(Uint8Array.of(200, 1))
    expect(readIdx(Buffer.from(file)).data.constructor).toBe(Uint8Array)
  })

  test('255 dimensions are told in few words', () => {
    const error = catchError(() => readIdx(idx(8, Array<number>(255).fill(1), [])))
    expect(error.message).toMatch(/but 1 x 1 x 1 x 1 x 1 x 1 x 1 x 1 x \.\.\. values of uint8/)
  })

  test('takes one argument, as in a map it must be told', () => {
    const files = [idx(8, [1], [1])]
    expect(() => files.map(readIdx as never)).toThrow(
      'readIdx: takes one argument, got another: 0; in a map, write (bytes) => readIdx(bytes)',
    )
    expect(() => (readMnist as (...args: unknown[]) => unknown)(files[0], files[0], 28)).toThrow('takes 2 arguments')
    expect(() => (readCifar10 as (...args: unknown[]) => unknown)(files[0], files[0])).toThrow(
      'readCifar10: takes one argument, got another: Uint8Array(9) [0,0,8,1,0,0,0,1,...]; several files go into one list',
    )
  })

  test('any bytes: a FileError, or an array no larger than they', () => {
    const tail = fc.uint8Array({ maxLength: 60 })
    const header = fc.tuple(fc.constantFrom(8, 9, 11, 12, 13, 14, 0), fc.array(fc.nat(4), { maxLength: 4 }))
    const near = fc.tuple(header, tail).map(([[type, shape], values]) => idx(type, shape, values))
    fc.assert(
      fc.property(fc.oneof(near, tail), (bytes) => {
        onlyFileErrors(() => expect(readIdx(bytes).data.byteLength).toBeLessThanOrEqual(bytes.length))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('readMnist', () => {
  const images = idx(8, [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  const labels = idx(8, [2], [3, 9])

  test('is ready for createModel and fit', async () => {
    const data = readMnist(images, labels)
    expect(data).toEqual({
      x: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
      y: Uint8Array.of(3, 9),
      shape: [1, 2, 3],
    })
    expect([data.x.buffer, data.y.buffer]).toEqual([images.buffer, labels.buffer])
    const flat = sequential(dense(10))
    const model = await createModel(flat, {
      input: [data.shape.reduce((a, b) => a * b)],
      loss: softmaxCrossEntropy(),
      optimizer: sgd({ learningRate: 1e-6 }),
    })
    expect((await model.fit(data)).loss[0]).toBeGreaterThan(0)
  })

  test('the genuine one', () => {
    const { x, y } = loadMnist('train', 5)
    expect([...y]).toEqual([5, 0, 4, 1, 9])
    expect(x.length).toBe(5 * 784)
  })

  test.each<[string, Uint8Array, Uint8Array, ...string[]]>([
    ['the files in the wrong order', labels, images, 'images: the file has 2 values, want 3 dimensions', 'other one'],
    ['images twice', images, images, 'labels: the file has 2 x 2 x 3 values, want 1 dimension, labels', 'other one'],
    ['another number of labels', images, idx(8, [3], [1, 2, 3]), '2 images, but 3 labels'],
    ['signed pixels', idx(9, [1, 1, 1], [1]), idx(8, [1], [1]), 'images: the file holds Int8Array, want bytes'],
    ['no images', idx(8, [0, 28, 28], []), idx(8, [0], []), 'images: 0 x 28 x 28 is no image at all'],
    ['gzip', images, GZIP, 'readMnist: labels: ', 'gzip'],
  ])('refuses %s', (_, x, y, ...messages) => expectFileError(() => readMnist(x, y), ...messages))
})

describe('readCifar10, readCifar100', () => {
  const random = createRandom(2)
  const file = (...labels: number[][]) =>
    Uint8Array.from(labels.flatMap((of) => [...of, ...Array.from({ length: 3072 }, () => random.integer(256))]))

  test('records of 3073 bytes', () => {
    const bytes = file([3], [9])
    const { x, y, shape } = readCifar10(bytes)
    expect([[...y], shape, x.length]).toEqual([[3, 9], [3, 32, 32], 2 * 3072])
    expect(x.subarray(0, 3072)).toEqual(bytes.subarray(1, 3073))
    expect(x.subarray(3072)).toEqual(bytes.subarray(3074))
  })

  test('several files, one after the other', () => {
    const files = [file([1], [2]), file([3]).buffer, file([4], [5])]
    const { x, y } = readCifar10(files)
    expect([...y]).toEqual([1, 2, 3, 4, 5])
    expect(x.subarray(2 * 3072, 3 * 3072)).toEqual(readCifar10(files[1]).x)
  })

  test('records of 3074 bytes, with two labels', () => {
    const bytes = file([19, 99], [0, 7])
    const { x, y, coarse } = readCifar100(bytes)
    expect([[...coarse], [...y]]).toEqual([
      [19, 0],
      [99, 7],
    ])
    expect(x.subarray(3072)).toEqual(bytes.subarray(3076))
  })

  test.each([
    ['nothing', new Uint8Array(0), '0 bytes are 0 records of 3073 bytes and 0 bytes; want whole records'],
    ['half a record', file([1], [2]).subarray(0, 5000), '5000 bytes are 1 records of 3073 bytes and 1927 bytes'],
    ['a label of 10', file([1], [10]), 'record 1 has label 10, want 0 to 9; the file is damaged or another one'],
    ['no file', [], 'want the bytes of at least one file, got none'],
    ['a hole among files', Array(2), 'readCifar10: file 0: want the bytes of the file, a Uint8Array, got undefined'],
    ['a promise', Promise.resolve(file([1])), 'got a promise (await it first)'],
    ['a bad file among good ones', [file([1]), GZIP], 'readCifar10: file 1: 8 bytes are 0 records of 3073 bytes and 8'],
    ['gzip', GZIP, 'gzip'],
    ['gzip of just that size', Uint8Array.of(...GZIP, ...new Uint8Array(3065)), 'gzip'],
    ['a web page', PAGE, 'a web page'],
    ['a tar archive', tar(), 'a tar archive'],
    ['a path', 'data_batch_1.bin', 'readCifar10: want the bytes of the file, a Uint8Array, got "data_batch_1.bin"'],
  ])('refuses %s', (_, bytes, message) => {
    expectFileError(() => readCifar10(bytes as Uint8Array), 'readCifar10', message)
  })

  test('each refuses the files of the other', () => {
    expectFileError(() => readCifar100(file([1], [2])), '6146 bytes are 1 records of 3074 bytes and 3072 bytes')
    expectFileError(() => readCifar10(file([1, 2])), '3074 bytes are 1 records of 3073')
    expectFileError(() => readCifar100(file([20, 1])), 'record 0 has coarse label 20, want 0 to 19')
    expectFileError(() => readCifar100(file([1, 1], [1, 100])), 'record 1 has fine label 100, want 0 to 99')
  })
})

describe('readCsv', () => {
  const iris = 'sepal length,sepal width,species\n5.1,3.5,setosa\n6.2,2.9,versicolor\n4.9,3,setosa\n'

  test('a header, numbers and a label', () => {
    expect(readCsv(iris, { label: 'species' })).toEqual({
      x: Float64Array.of(5.1, 3.5, 6.2, 2.9, 4.9, 3),
      y: Uint8Array.of(0, 1, 0),
      shape: [2],
      columns: ['sepal length', 'sepal width'],
      classes: ['setosa', 'versicolor'],
    })
  })

  test.each([
    ['bytes', text(iris)],
    ['an ArrayBuffer', text(iris).buffer],
    ['CRLF', iris.replaceAll('\n', '\r\n')],
    ['CR', iris.replaceAll('\n', '\r')],
    ['a byte order mark', `\ufeff${iris}`],
    ['a byte order mark in bytes', text(`\ufeff${iris}`)],
    ['no line ending at the end', iris.trimEnd()],
    ['blank lines', `\n\n${iris.replaceAll('\n', '\n  \n')}\n\n`],
    ['spaces', iris.replaceAll(',', ' , ')],
    ['quotes', iris.replaceAll(/[^,\n]+/g, '"$&"')],
  ])('with %s', (_, file) => {
    expect(readCsv(file, { label: 'species' })).toMatchObject({ ...readCsv(iris, { label: 'species' }), columns: {} })
  })

  test('quotes hold delimiters, line endings and quotes', () => {
    const file = 'a,"b ""x"", y\r\nz",c\n1,"2","one, two"\n3,4,"say ""no"""\n5,6,"one, two"\n'
    const { columns, classes, y } = readCsv(file, { label: 'c' })
    expect(columns).toEqual(['a', 'b "x", y\r\nz'])
    expect(classes).toEqual(['one, two', 'say "no"'])
    expect([...y]).toEqual([0, 1, 0])
  })

  test('no header; columns by number, from the front and from the end', () => {
    const options = { header: false, delimiter: ';', label: -1, ignore: [0] }
    expect(readCsv('1;2;3;b\n2;5;6;a\n', options)).toEqual({
      x: Float64Array.of(2, 3, 5, 6),
      y: Uint8Array.of(1, 0),
      shape: [2],
      columns: ['1', '2'],
      classes: ['a', 'b'],
    })
  })

  test('values to predict', () => {
    const file = 'a,price,b,rooms\n1,2.5,3,4\n5,-6e3,7,8\n'
    expect(readCsv(file, { target: 'price' })).toMatchObject({
      x: Float64Array.of(1, 3, 4, 5, 7, 8),
      y: Float64Array.of(2.5, -6000),
      classes: [],
    })
    expect([...readCsv(file, { target: ['price', -1] }).y]).toEqual([2.5, 4, -6000, 8])
    expect(readCsv(file)).toMatchObject({ shape: [4], y: new Float64Array(0) })
  })

  test('classes that are numbers are sorted by value, words by their letters', () => {
    const file = (labels: string[]) => ['x,y', ...labels.map((label, i) => `${i},${label}`)].join('\n')
    expect(readCsv(file(['10', '9', '1', '2']), { label: 'y' }).classes).toEqual(['1', '2', '9', '10'])
    expect(readCsv(file(['b', 'B', 'é', 'a', '10', '9']), { label: 'y' }).classes).toEqual(
      // Code units: no locale of a machine may change it.
      ['10', '9', 'B', 'a', 'b', 'é'],
    )
    const many = readCsv(file(Array.from({ length: 300 }, (_, i) => `class ${i}`)), { label: 'y' })
    expect(many.y).toBeInstanceOf(Uint32Array)
    expect(Math.max(...many.y)).toBe(299)
  })

  test('classes of the training set, for a test set that lacks some', () => {
    const classes = ['setosa', 'virginica', 'versicolor']
    expect([...readCsv(iris, { label: 'species', classes }).y]).toEqual([0, 2, 0])
    expectFileError(
      () => readCsv(iris, { label: 'species', classes: ['setosa'] }),
      'line 3: class "versicolor" is not among ["setosa"]',
    )
  })

  test('a header of numbers, where the user says so', () => {
    expectFileError(() => readCsv('1,2\n3,4'), 'line 1 holds numbers ("1,2"), want the names', 'header: false')
    expect(readCsv('2001,2002\n3,4', { header: true }).columns).toEqual(['2001', '2002'])
  })

  test.each([
    ['nothing', '', {}, 'the file is empty'],
    ['blank lines', '\n \r\n', {}, 'the file is empty'],
    ['a header alone', 'a,b\n', {}, 'the file has a header, but no rows'],
    ['a missing value', 'a,b\n1,2\n3,\n', {}, 'line 3, column 1 "b": the value is missing; fill it in, remove'],
    ['NA', 'a,b\n1,2\nNA,4', {}, 'line 3, column 0 "a": the value is missing ("NA")'],
    ['a missing label', 'a,b\n1, \n', { label: 'b' }, 'line 2, column 1 "b": the label is missing'],
    ['a word', 'a,b\n1,red\n', {}, 'line 2, column 1 "b": want a number, got "red"'],
    ['a word, no header', '1,red\n', { header: false }, 'line 1, column 1: want a number, got "red"'],
    ['hexadecimal', 'a\n0x10', {}, 'want a number, got "0x10"'],
    ['infinity', 'a\nInfinity', {}, 'want a number, got "Infinity"'],
    ['a number beyond float64', 'a\n1e999', {}, 'want a number, got "1e999"'],
    ['a field too many', 'a,b\n1,2,3\n', {}, 'line 2 has 3 fields, but the header has 2'],
    ['a field too few', '1,2\n\n3\n', { header: false }, 'line 3 has 1 field, but the first line has 2'],
    ['lines after a quoted one', 'a,b\n"1\n",2\n3,x', {}, 'line 4, column 1 "b": want a number'],
    ['an open quote', 'a,b\n1,"2\n3,4\n', {}, 'line 2: a quote is opened and never closed'],
    ['text after a quote', 'a,b\n"1"2,3\n', {}, 'line 2: "2" after a closing quote; want ","'],
    ['another delimiter', 'a b\n1,2\n', {}, "is the delimiter another than ','?"],
    ['only a label', 'a\nx\n', { label: 'a' }, 'no column is left for x'],
    ['gzip', GZIP, {}, 'this is no CSV file; these bytes are gzip'],
    ['a web page', PAGE, {}, 'this is no CSV file; these bytes are a web page'],
    ['a web page as text', '<html>\n<body>', {}, 'these bytes are a web page'],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 97, 0), {}, 'the file is not UTF-8'],
    ['Latin-1', Uint8Array.of(97, 0xe9, 10, 49), {}, 'the file is not UTF-8; decode it with a TextDecoder'],
    ['a number', 7, {}, 'want the bytes of the file, a Uint8Array, got 7'],
  ])('refuses %s', (_, file, options, message) => {
    expectFileError(() => readCsv(file as string, options), 'readCsv: ', message)
  })

  test.each([
    [{ label: 'd' }, 'label: no column "d"; the file has "a", "a", "b"'],
    [{ label: 3 }, 'label: no column 3; the file has 3, the first is 0'],
    [{ label: -4 }, 'label: no column -4'],
    [{ label: 'a' }, 'label: 2 columns are named "a"; give the number of one'],
    [{ label: 'b', target: 0 }, 'not both'],
    [{ label: 'b', ignore: [2] }, 'column 2 is both label and ignore'],
    [{ ignore: 'b' }, 'ignore must be a list of columns, got "b"'],
    [{ classes: ['x'] }, 'classes is of no use without label'],
    [{ delimiter: '::' }, "delimiter must be one character, such as ',' or ';', got \"::\""],
    [{ delimiter: '"' }, 'delimiter must be one character'],
    [{ header: 1 }, 'header must be true or false, got 1'],
    [{ label: 'b', classes: 5 }, "classes must be a list of names, such as ['cat', 'dog'], got 5"],
    [{ label: 'b', classes: [] }, 'classes must be a list of names'],
    [{ label: 'b', classes: [1, 2] }, 'classes must be a list of names'],
    [{ label: 'b', classes: ['x', 'y', 'x'] }, 'classes has "x" twice'],
    [{ target: [] }, 'target is a list of no columns'],
    [{ label: null }, 'label: no column null'],
    [{ label: 'b'.repeat(1e7) }, 'label: no column "bbbb'],
    [{ delimiter: 5 }, 'delimiter must be one character'],
    [{ labels: 'b' }, "unknown option 'labels'"],
  ])('refuses the options %j', (options, message) => {
    const read = () => readCsv('a,a,b\n1,2,3', options as CsvOptions)
    expect(read).toThrow(PlanError)
    expect(read).toThrow(message)
  })

  test('a million rows', () => {
    const rows = 1_200_000
    const file = `a,b\n${'1.5,x\n-2,y\n'.repeat(rows / 2)}`
    const { x, y, classes } = readCsv(file, { label: 'b' })
    expect([x.length, y.length, classes, x[0], x[rows - 1], y[rows - 1]]).toEqual([rows, rows, ['x', 'y'], 1.5, -2, 1])
  })

  test('a field of a million digits, and a text behind them, at once', () => {
    const digits = '7'.repeat(1_000_000)
    expectFileError(() => readCsv(`a\n${digits}`), 'want a number, got "777')
    expectFileError(() => readCsv(`a\n${digits}x`), 'line 2, column 0 "a": want a number, got "777')
    expect(readCsv(`a\n0.${digits}`).x[0]).toBeCloseTo(7 / 9, 14)
  })

  test('what is wrong is told in few words, whatever the file', () => {
    const long = 'n'.repeat(1e6)
    const wide = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join()
    for (const action of [
      () => readCsv(`${long}\n${long}`),
      () => readCsv(`a\n"${long}"x`),
      () => readCsv(wide, { label: 'd' }),
      () => readCsv(`a,b\n1,${long}`, { label: 'b', classes: ['x', long.slice(1)] }),
      () => readCsv(`${'1,'.repeat(1e6)}1\n`),
    ]) {
      expect(catchError(action).message.length).toBeLessThan(400)
    }
  })

  test('a text that is not there yet, and bytes in shared memory', () => {
    expectFileError(() => readCsv(Promise.resolve(iris) as never), 'got a promise (await it first)')
    const shared = new Uint8Array(new SharedArrayBuffer(8))
    shared.set(text('a,b\n1,2\n'))
    expect([...readCsv(shared).x]).toEqual([1, 2])
    expect(() => (readCsv as (...args: unknown[]) => unknown)(iris, {}, 'species')).toThrow(
      'readCsv: takes 2 arguments',
    )
  })

  test('any table comes back, quoted and all', () => {
    const name = fc.string({ unit: 'binary' }).map((s) => s.trim())
    const label = name.filter((s) => s !== '')
    // Not -0, which String writes as 0.
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
    const row = fc.tuple(number, label, fc.integer())
    const quote = (value: string | number) => `"${String(value).replaceAll('"', '""')}"`
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), fc.constantFrom('\n', '\r\n'), (rows, ending) => {
        const file = [['p', 'label', 'q'], ...rows].map((fields) => fields.map(quote).join(',')).join(ending)
        const { x, y, classes } = readCsv(file, { label: 'label' })
        expect([...x]).toEqual(rows.flatMap(([p, , q]) => [p, q]))
        expect(Array.from(y, (i) => classes[i])).toEqual(rows.map(([, word]) => word))
      }),
    )
  })

  test('any text or bytes: a FileError or a table', () => {
    const piece = fc.oneof(fc.constantFrom(',', '"', '\n', '\r', '1', '-2.5e3', 'a', ' ', '""', '\ufeff'), fc.string())
    const file = fc.array(piece).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(fc.oneof(file, fc.uint8Array()), fc.boolean(), (content, header) => {
        onlyFileErrors(() => readCsv(content, { header }))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('channelsFirst', () => {
  // Two pictures of 2 x 3 pixels; the value of a channel tells where it is: picture, row, column, channel.
  const value = (n: number, i: number, j: number, c: number) => 64 * n + 16 * i + 4 * j + c
  const pictures = (channels: number) =>
    Array.from({ length: 2 * 6 * channels }, (_, at) => {
      const pixel = Math.floor(at / channels)
      return value(Math.floor(pixel / 6), Math.floor((pixel % 6) / 3), pixel % 3, at % channels)
    })

  test.each([
    [4, undefined],
    [4, 3],
    [4, 1],
    [1, undefined],
  ])('of %d channels, of which %s are kept', (channels, keep) => {
    for (const Kind of [Uint8Array, Uint8ClampedArray, Float32Array, Float64Array, Int16Array]) {
      const x = Kind.from(pictures(channels))
      const y = channelsFirst(x, [2, 3, channels], { keep })
      expect(y).toBeInstanceOf(Kind)
      const expected = []
      for (let n = 0; n < 2; n++)
        for (let c = 0; c < (keep ?? channels); c++)
          for (let i = 0; i < 2; i++) for (let j = 0; j < 3; j++) expected.push(value(n, i, j, c))
      expect([...y]).toEqual(expected)
    }
    const { constructor } = channelsFirst(Buffer.from(pictures(channels)), [2, 3, channels])
    expect(constructor).toBe(Uint8Array)
  })

  test('says what it cannot take', () => {
    const x = new Uint8Array(24)
    expect(() => channelsFirst(x, [2, 5, 3])).toThrow(/^channelsFirst: 24 values are no whole pictures of 2 x 5 x 3$/)
    expect(() => channelsFirst(x, [2, 3] as never)).toThrow(/^channelsFirst: shape must be \[height, width, channels\]/)
    expect(() => channelsFirst(x, [2, 3, 4], { keep: 5 })).toThrow(
      /^channelsFirst: keep must be an integer of at most 4/,
    )
    expect(() => channelsFirst([1, 2, 3] as never, [1, 1, 3])).toThrow(/^channelsFirst: want a typed array of numbers/)
  })
})

test('the entries as built share their errors', async () => {
  const [{ pca }, core] = await Promise.all([import('v128/preprocessing'), import('v128')])
  expect(() => pca([1], { shape: [1] })).toThrow(core.DataError)
})
