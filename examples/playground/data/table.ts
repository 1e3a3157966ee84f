// A CSV file as a data set: each column brought to mean 0 and spread 1, every fifth row kept to test.

import { createRandom } from 'v128'
import { readCsv } from 'v128/data'
import type { Dataset } from './dataset'

export interface TableOptions {
  readonly title: string
  readonly label: string | number
}

const MOST_CLASSES = 20

/** Throws an Error that says what is wrong with the file. */
export function tableOf(text: string, { title, label }: TableOptions): Dataset {
  const { x, y, shape, classes } = readCsv(text, { label })
  const [columns] = shape
  if (classes.length < 2) throw new Error(`In the column ${label} there is one class alone: take another.`)
  if (classes.length > MOST_CLASSES) {
    throw new Error(`In the column ${label} there are ${classes.length} different values: take one with a few classes.`)
  }
  const rows = y.length
  const scaled = new Float32Array(x.length)
  for (let column = 0; column < columns; column++) {
    let [sum, squares] = [0, 0]
    for (let i = column; i < x.length; i += columns) {
      sum += x[i]
      squares += x[i] * x[i]
    }
    const mean = sum / rows
    const std = Math.sqrt(Math.max(squares / rows - mean * mean, 0)) || 1
    for (let i = column; i < x.length; i += columns) scaled[i] = (x[i] - mean) / std
  }
  const order = createRandom(1, 6).shuffle(Uint32Array.from({ length: rows }, (_, i) => i))
  return split({ name: `table:${title}`, title, input: [columns], classes }, scaled, Uint8Array.from(y), order)
}

/** Names of the columns. */
export const columnsOf = (text: string): string[] =>
  text
    .slice(0, text.search(/[\r\n]|$/))
    .split(',')
    .map((one) => one.trim().replace(/^"|"$/g, ''))

/** Every fifth example of an order is kept to test. */
export function split(
  head: Omit<Dataset, 'train' | 'test'>,
  x: Float32Array | Uint8Array,
  y: Uint8Array,
  order: ArrayLike<number>,
): Dataset {
  const size = x.length / y.length
  const all = Array.from(order)
  const take = (rows: number[]) => {
    const own = x instanceof Uint8Array ? new Uint8Array(rows.length * size) : new Float32Array(rows.length * size)
    rows.forEach((row, i) => own.set(x.subarray(row * size, (row + 1) * size), i * size))
    return { x: own, y: Uint8Array.from(rows, (row) => y[row]) }
  }
  return { ...head, train: take(all.filter((_, i) => i % 5)), test: take(all.filter((_, i) => i % 5 === 0)) }
}
