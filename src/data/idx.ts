// The IDX file of the MNIST family: two zero bytes, a byte for the type, a byte for the number of dimensions, the size
// of each as 32 bits, then the values, the last dimension fastest; all big-endian. http://yann.lecun.com/exdb/mnist

import { FileError, checkArguments } from '../errors'
import { type Bytes, hint, sizesOf, viewBytes } from './bytes'

/** The values of an IDX file, of the type that they have there. */
export type IdxValues = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array

/** What an IDX file holds. */
export interface IdxArray {
  /** Its dimensions, the last of which changes fastest in `data`. */
  shape: number[]
  /** The values, one after the other. */
  data: IdxValues
}

/** Pictures or other examples with their classes, ready for fit: x holds y.length examples of `shape`. */
export interface ByteData {
  /** The examples, one after the other. */
  x: Uint8Array
  /** The class of each. */
  y: Uint8Array
  /** Of one example: what createModel takes as `input`. */
  shape: number[]
}

interface Type {
  name: string
  bytes: number
  make(length: number): Exclude<IdxValues, Uint8Array>
  get(view: DataView, at: number): number
}

const UNSIGNED_BYTE = 0x08
const TYPES: Readonly<Record<number, Type>> = {
  0x09: { name: 'int8', bytes: 1, make: (n) => new Int8Array(n), get: (view, at) => view.getInt8(at) },
  0x0b: { name: 'int16', bytes: 2, make: (n) => new Int16Array(n), get: (view, at) => view.getInt16(at) },
  0x0c: { name: 'int32', bytes: 4, make: (n) => new Int32Array(n), get: (view, at) => view.getInt32(at) },
  0x0d: { name: 'float32', bytes: 4, make: (n) => new Float32Array(n), get: (view, at) => view.getFloat32(at) },
  0x0e: { name: 'float64', bytes: 8, make: (n) => new Float64Array(n), get: (view, at) => view.getFloat64(at) },
}

/**
 * The array in an IDX file, of any of the format's six types: unsigned and signed bytes, int16, int32, float32 and
 * float64. Unsigned bytes are a view of `bytes`, not a copy. Throws a FileError that says what is wrong with the file.
 *
 *     const { shape, data } = readIdx(readFileSync('train-images-idx3-ubyte')) // [60000, 28, 28], a Uint8Array
 */
export function readIdx(bytes: Bytes): IdxArray {
  checkArguments('readIdx', arguments, 1, 'in a map, write (bytes) => readIdx(bytes)')
  return parseIdx('readIdx', viewBytes('readIdx', bytes))
}

/**
 * Images and labels of MNIST, Fashion-MNIST, KMNIST or EMNIST, from the bytes of the two IDX files: pixels from 0 to
 * 255, `shape` [1, 28, 28]. Both are views of the bytes, not copies. Throws a FileError that says what is wrong with
 * which file.
 *
 *     const training = readMnist(readFileSync('train-images-idx3-ubyte'), readFileSync('train-labels-idx1-ubyte'))
 *     const model = await createModel(network, { input: training.shape, loss, optimizer })
 *     await model.fit(training)
 */
export function readMnist(images: Bytes, labels: Bytes): ByteData {
  checkArguments('readMnist', arguments, 2)
  const pixels = parseBytes('readMnist: images', images, 3, 'images x height x width')
  const { data: y, shape: counts } = parseBytes('readMnist: labels', labels, 1, 'labels')
  const [count, height, width] = pixels.shape
  if (count !== counts[0]) throw new FileError(`readMnist: ${count} images, but ${counts[0]} labels`)
  if (!pixels.data.length) throw new FileError(`readMnist: images: ${sizesOf(pixels.shape)} is no image at all`)
  return { x: pixels.data, y, shape: [1, height, width] }
}

function parseBytes(where: string, file: Bytes, dimensions: number, meaning: string) {
  const { shape, data } = parseIdx(where, viewBytes(where, file))
  if (shape.length !== dimensions) {
    throw new FileError(
      `${where}: the file has ${sizesOf(shape)} values, want ${dimensions} dimension${dimensions > 1 ? 's' : ''}, ` +
        `${meaning}; is it the other one of the two files?`,
    )
  }
  if (!(data instanceof Uint8Array))
    throw new FileError(`${where}: the file holds ${data.constructor.name}, want bytes`)
  return { shape, data }
}

function parseIdx(where: string, bytes: Uint8Array): { shape: number[]; data: IdxValues } {
  const type = bytes[2]
  const dimensions = bytes[3]
  const known = type === UNSIGNED_BYTE || Object.hasOwn(TYPES, type)
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || !known || dimensions === 0) {
    const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const came = bytes.length ? `it begins with ${start}` : 'it is empty'
    throw new FileError(
      `${where}: this is no IDX file: ${came}; want 00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the number of ` +
        `dimensions${hint(bytes)}`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 4 + 4 * dimensions
  if (bytes.length < start) {
    throw new FileError(`${where}: the file is truncated: ${bytes.length} bytes, but its header alone has ${start}`)
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i))
  // Before anything is allocated: a header may claim any size. Beyond 2^53 this rounds, but stays far too large.
  const size = shape.includes(0) ? 0 : shape.reduce((product, length) => product * length, 1)
  const { name, bytes: width } = TYPES[type] ?? { name: 'uint8', bytes: 1 }
  const want = start + size * width
  if (bytes.length !== want) {
    throw new FileError(
      `${where}: ${bytes.length} bytes, but ${sizesOf(shape)} values of ${name} and the header take ${want}; ` +
        (bytes.length < want ? 'the file is truncated' : 'the file has something after its end'),
    )
  }
  if (type === UNSIGNED_BYTE) return { shape, data: bytes.subarray(start) }
  const data = TYPES[type].make(size)
  for (let i = 0; i < size; i++) data[i] = TYPES[type].get(view, start + i * width)
  return { shape, data }
}
