// Rows of a table by number, and what is added to each example alike. Ids are whole numbers among the values.

import { add } from './elementwise'
import { SIZE } from './float'

/** The id at a place, or -1 where there is none of the vocabulary: nothing is read or written beside the table. */
function idAt(ids: usize, vocabulary: i32): i32 {
  const id = load<Float>(ids)
  return id >= 0 && id < <Float>vocabulary ? <i32>id : -1
}

/** to = from, of `count` values: for rows as short as these faster than memory.copy. */
function copyRow(count: i32, from: usize, to: usize): void {
  const end = from + <usize>count * SIZE
  for (; from + 64 <= end; from += 64, to += 64) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    v128.store(to, v128.load(from, 32), 32)
    v128.store(to, v128.load(from, 48), 48)
  }
  for (; from < end; from += SIZE, to += SIZE) store<Float>(to, load<Float>(from))
}

/** y (rows x size) = the rows of w (vocabulary x size) that ids name; NaN for what is no id. */
export function embeddingForward(rows: i32, size: i32, vocabulary: i32, ids: usize, w: usize, y: usize): void {
  const row = <usize>size * SIZE
  for (; rows > 0; --rows) {
    const id = idAt(ids, vocabulary)
    if (id >= 0) copyRow(size, w + <usize>id * row, y)
    else for (let at: usize = 0; at < row; at += SIZE) store<Float>(y + at, <Float>NaN)
    ids += SIZE
    y += row
  }
}

/**
 * dw[id] += dy, row after row, but for the id `padding`; -1 if none is. Of the `all` columns of a row it does `size`, the
 * pointers are those of the first.
 */
export function embeddingBackward(
  rows: i32, size: i32, all: i32, vocabulary: i32, padding: i32, ids: usize, dy: usize, dw: usize,
): void {
  const row = <usize>all * SIZE
  for (; rows > 0; --rows) {
    const id = idAt(ids, vocabulary)
    if (id >= 0 && id != padding) {
      const to = dw + <usize>id * row
      add(size, to, dy, to)
    }
    ids += SIZE
    dy += row
  }
}

/** y (n x size) = x + table, which is the same for each example. */
export function addTable(n: i32, size: i32, x: usize, table: usize, y: usize): void {
  const row = <usize>size * SIZE
  for (; n > 0; --n) {
    add(size, x, table, y)
    x += row
    y += row
  }
}
