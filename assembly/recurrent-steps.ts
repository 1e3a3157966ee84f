// A step of each recurrent layer for a panel of rows, between the products: see recurrent.ts, and recurrent-kinds.ts for
// the order of what is kept. Formulas are PyTorch's (torch.nn.RNN, LSTM, GRU).

import { EXPM1_LEAST } from '../src/kernels/math'
import {
  GRU, LSTM, PRODUCT_OFFSET, RNN_TANH, TABLE_OFFSET, packedColumns, paddedUnits,
} from '../src/kernels/recurrent-kinds'
import { TABLE, VALUES, expOfFour } from './exp'
import { LANES, SIZE } from './float'
import { loadFirst, storeFirst } from './lanes'

@inline
/** A vector, or the first `count` values of one. */
export function take(count: i32, from: usize): v128 {
  return count >= LANES ? v128.load(from) : loadFirst(count, from)
}

@inline
export function give(count: i32, values: v128, to: usize): void {
  if (count >= LANES) v128.store(to, values)
  else storeFirst(count, values, to)
}

@inline
function one(): v128 {
  return v128.splat<Float>(1)
}

@inline
/** y (1 - y). */
function sigmoidSlope(y: v128): v128 {
  return v128.mul<Float>(y, v128.sub<Float>(one(), y))
}

@inline
/** 1 - y^2. */
function tanhSlope(y: v128): v128 {
  return v128.sub<Float>(one(), v128.mul<Float>(y, y))
}

export function copyRow(count: i32, from: usize, to: usize): void {
  for (; count > 0; count -= LANES) {
    give(count, take(count, from), to)
    from += 16
    to += 16
  }
}

export function clearRow(count: i32, to: usize): void {
  for (; count > 0; count -= LANES) {
    give(count, v128.splat<Float>(0), to)
    to += 16
  }
}

@inline
/** Whether step t counts in a row. */
export function counts(lengths: usize, row: i32, t: i32): bool {
  return lengths == 0 || t < load<i32>(lengths + 4 * <usize>row)
}

@inline
/** What e^x, or of a tanh e^x - 1, is taken of. */
function gateExponent(bounded: bool, x: v128): v128 {
  const size = v128.abs<Float>(x)
  if (!bounded) return v128.neg<Float>(size)
  return v128.pmax<Float>(v128.mul<Float>(size, v128.splat<Float>(-2)), v128.splat<Float>(<Float>EXPM1_LEAST))
}

@inline
/** The gate at x, by e^-|x| or by e^-2|x| - 1. */
function gateOf(bounded: bool, x: v128, e: v128): v128 {
  if (!bounded) {
    const above = v128.bitselect(e, one(), v128.lt<Float>(x, v128.splat<Float>(0)))
    return v128.div<Float>(above, v128.add<Float>(one(), e))
  }
  const size = v128.div<Float>(v128.neg<Float>(e), v128.add<Float>(v128.splat<Float>(2), e))
  return v128.bitselect(x, size, v128.splat<Float>(-0.0))
}

/**
 * Sigmoids, or `bounded` by -1 as well, tanhs of four vectors: 1 / (1 + e^-x), and (1 - e) / (1 + e) with e = e^-2|x|, each
 * with one division, within 3 ulp, where sigmoidForward and tanhForward take two or three and are within 2.
 */
function gateFour(bounded: bool, x: usize, table: usize, y: usize): void {
  const work = table + TABLE
  const x0 = v128.load(x)
  const x1 = v128.load(x, 16)
  const x2 = v128.load(x, 32)
  const x3 = v128.load(x, 48)
  v128.store(work, gateExponent(bounded, x0))
  v128.store(work, gateExponent(bounded, x1), 16)
  v128.store(work, gateExponent(bounded, x2), 32)
  v128.store(work, gateExponent(bounded, x3), 48)
  expOfFour(bounded, v128.splat<Float>(0), work, table, work)
  v128.store(y, gateOf(bounded, x0, v128.load(work)))
  v128.store(y, gateOf(bounded, x1, v128.load(work, 16)), 16)
  v128.store(y, gateOf(bounded, x2, v128.load(work, 32)), 32)
  v128.store(y, gateOf(bounded, x3, v128.load(work, 48)), 48)
}

/** The same of `count` values, in whole vectors of four; table: filled by expTable. */
function gateRow(bounded: bool, count: i32, x: usize, table: usize, y: usize): void {
  for (; count > 0; count -= VALUES) {
    gateFour(bounded, x, table, y)
    x += 64
    y += 64
  }
}

/** to = (a + b) + (c + d); `to` and c are in scratch, where vectors are whole. */
function preactivate(count: i32, a: usize, b: usize, c: usize, d: usize, to: usize): void {
  for (; count > 0; count -= LANES) {
    const input = v128.add<Float>(take(count, a), take(count, b))
    v128.store(to, v128.add<Float>(input, v128.add<Float>(v128.load(c), take(count, d))))
    a += 16
    b += 16
    c += 16
    d += 16
    to += 16
  }
}

@inline
/** The areas of the gates in scratch, each of `rows` rows; i f o g, the cell and its tanh; or r z n and V h + c of n. */
function area(index: i32, rows: i32, r: i32, padded: i32, areas: usize): usize {
  return areas + <usize>(index * areaOf(rows, padded) + r * padded) * SIZE
}

@inline
/** Values of an area: gates are made of four vectors at a time. */
function areaOf(rows: i32, padded: i32): i32 {
  return (rows * padded + 15) & ~15
}

/** c = f c + i g, h = o tanh(c). */
export function lstmStep(
  rows: i32, units: i32, t: i32, kept: usize, keptRow: usize, biasIh: usize, biasHh: usize, lengths: usize,
  scratch: usize, areas: usize, states: usize, previous: usize, previousRow: usize, y: usize, yRow: usize,
): void {
  const padded = paddedUnits(units)
  const gate = <usize>units * SIZE
  const ldc = <usize>packedColumns(4 * units, <i32>SIZE) * SIZE
  const table = scratch + TABLE_OFFSET
  for (let r = 0; r < rows; ++r) {
    const x = kept + <usize>r * keptRow
    const h = scratch + PRODUCT_OFFSET + <usize>r * ldc
    preactivate(units, x, biasIh, h, biasHh, area(0, rows, r, padded, areas))
    preactivate(units, x + gate, biasIh + gate, h + gate, biasHh + gate, area(1, rows, r, padded, areas))
    preactivate(units, x + 2 * gate, biasIh + 2 * gate, h + 2 * gate, biasHh + 2 * gate, area(3, rows, r, padded, areas))
    preactivate(units, x + 3 * gate, biasIh + 3 * gate, h + 3 * gate, biasHh + 3 * gate, area(2, rows, r, padded, areas))
  }
  const size = areaOf(rows, padded)
  const cells = area(4, rows, 0, padded, areas)
  gateRow(false, 3 * size, areas, table, areas)
  gateRow(true, size, area(3, rows, 0, padded, areas), table, area(3, rows, 0, padded, areas))
  for (let r = 0; r < rows; ++r) {
    if (!counts(lengths, r, t)) {
      clearRow(units, area(4, rows, r, padded, areas))
      continue
    }
    let k = kept + <usize>r * keptRow
    let at = area(0, rows, r, padded, areas)
    let cell = states + (2 * <usize>r + 1) * gate
    const next = <usize>size * SIZE
    for (let count = units; count > 0; count -= LANES) {
      const i = v128.load(at)
      const f = v128.load(at + next)
      const o = v128.load(at + 2 * next)
      const g = v128.load(at + 3 * next)
      const c = take(count, cell)
      v128.store(at + 4 * next, v128.add<Float>(v128.mul<Float>(f, c), v128.mul<Float>(i, g)))
      give(count, i, k)
      give(count, f, k + gate)
      give(count, g, k + 2 * gate)
      give(count, o, k + 3 * gate)
      give(count, c, k + 4 * gate)
      at += 16
      k += 16
      cell += 16
    }
  }
  gateRow(true, size, cells, table, area(5, rows, 0, padded, areas))
  for (let r = 0; r < rows; ++r) {
    const h = states + 2 * <usize>r * gate
    if (previous) copyRow(units, h, previous + <usize>r * previousRow)
    if (!counts(lengths, r, t)) {
      if (y) clearRow(units, y + <usize>r * yRow)
      continue
    }
    const cell = area(4, rows, r, padded, areas)
    const far = area(5, rows, r, padded, areas)
    const o = area(2, rows, r, padded, areas)
    copyRow(units, cell, h + gate)
    copyRow(units, far, kept + <usize>r * keptRow + 5 * gate)
    for (let j = 0; j < units; j += LANES) {
      const at = <usize>j * SIZE
      give(units - j, v128.mul<Float>(v128.load(o + at), v128.load(far + at)), h + at)
    }
    if (y) copyRow(units, h, y + <usize>r * yRow)
  }
}

/** h = (1 - z) n + z h. */
export function gruStep(
  rows: i32, units: i32, t: i32, kept: usize, keptRow: usize, biasIh: usize, biasHh: usize, lengths: usize,
  scratch: usize, areas: usize, states: usize, previous: usize, previousRow: usize, y: usize, yRow: usize,
): void {
  const padded = paddedUnits(units)
  const gate = <usize>units * SIZE
  const ldc = <usize>packedColumns(3 * units, <i32>SIZE) * SIZE
  const table = scratch + TABLE_OFFSET
  for (let r = 0; r < rows; ++r) {
    const x = kept + <usize>r * keptRow
    const h = scratch + PRODUCT_OFFSET + <usize>r * ldc
    preactivate(units, x, biasIh, h, biasHh, area(0, rows, r, padded, areas))
    preactivate(units, x + gate, biasIh + gate, h + gate, biasHh + gate, area(1, rows, r, padded, areas))
  }
  const size = areaOf(rows, padded)
  const next = <usize>size * SIZE
  gateRow(false, 2 * size, areas, table, areas)
  for (let r = 0; r < rows; ++r) {
    let x = kept + <usize>r * keptRow + 2 * gate
    let h = scratch + PRODUCT_OFFSET + <usize>r * ldc + 2 * gate
    let b = biasIh + 2 * gate
    let c = biasHh + 2 * gate
    let at = area(0, rows, r, padded, areas)
    for (let count = units; count > 0; count -= LANES) {
      const v = v128.add<Float>(v128.load(h), take(count, c))
      const input = v128.add<Float>(take(count, x), take(count, b))
      v128.store(at + 3 * next, v)
      v128.store(at + 2 * next, v128.add<Float>(input, v128.mul<Float>(v128.load(at), v)))
      x += 16
      h += 16
      b += 16
      c += 16
      at += 16
    }
  }
  gateRow(true, size, area(2, rows, 0, padded, areas), table, area(2, rows, 0, padded, areas))
  for (let r = 0; r < rows; ++r) {
    let h = states + <usize>r * gate
    if (previous) copyRow(units, h, previous + <usize>r * previousRow)
    if (!counts(lengths, r, t)) {
      if (y) clearRow(units, y + <usize>r * yRow)
      continue
    }
    let k = kept + <usize>r * keptRow
    let at = area(0, rows, r, padded, areas)
    for (let count = units; count > 0; count -= LANES) {
      const z = v128.load(at + next)
      const n = v128.load(at + 2 * next)
      give(count, v128.load(at), k)
      give(count, z, k + gate)
      give(count, n, k + 2 * gate)
      give(count, v128.load(at + 3 * next), k + 3 * gate)
      const fresh = v128.mul<Float>(v128.sub<Float>(one(), z), n)
      give(count, v128.add<Float>(fresh, v128.mul<Float>(z, take(count, h))), h)
      k += 16
      at += 16
      h += 16
    }
    if (y) copyRow(units, states + <usize>r * gate, y + <usize>r * yRow)
  }
}

/** h = tanh(a), or max(0, a). */
export function plainStep(
  rows: i32, units: i32, kind: i32, t: i32, kept: usize, keptRow: usize, biasIh: usize, biasHh: usize, lengths: usize,
  scratch: usize, areas: usize, states: usize, previous: usize, previousRow: usize, y: usize, yRow: usize,
): void {
  const padded = paddedUnits(units)
  const gate = <usize>units * SIZE
  const ldc = <usize>packedColumns(units, <i32>SIZE) * SIZE
  const zero = v128.splat<Float>(0)
  for (let r = 0; r < rows; ++r) {
    const h = scratch + PRODUCT_OFFSET + <usize>r * ldc
    preactivate(units, kept + <usize>r * keptRow, biasIh, h, biasHh, area(0, rows, r, padded, areas))
  }
  const size = areaOf(rows, padded)
  if (kind == RNN_TANH) gateRow(true, size, areas, scratch + TABLE_OFFSET, areas)
  else {
    for (let i = 0; i < size; i += LANES) {
      const at = areas + <usize>i * SIZE
      v128.store(at, v128.pmax<Float>(v128.load(at), zero))
    }
  }
  for (let r = 0; r < rows; ++r) {
    const h = states + <usize>r * gate
    if (previous) copyRow(units, h, previous + <usize>r * previousRow)
    if (!counts(lengths, r, t)) {
      if (y) clearRow(units, y + <usize>r * yRow)
      continue
    }
    const at = area(0, rows, r, padded, areas)
    copyRow(units, at, h)
    copyRow(units, at, kept + <usize>r * keptRow)
    if (y) copyRow(units, at, y + <usize>r * yRow)
  }
}

@inline
/** Stores the slopes of a gate, and adds them to their sums. */
function addSlopes(count: i32, values: v128, slopes: usize, sums: usize): void {
  give(count, values, slopes)
  give(count, v128.add<Float>(take(count, sums), values), sums)
}

/**
 * Of one row and step: dh, and dc of an LSTM, in `states` become slopes; dc, and of a GRU z dh, stay there. Adds the slopes
 * to the sums of the row, for the biases.
 */
export function slopesOfStep(
  units: i32, kind: i32, kept: usize, previous: usize, dy: usize, states: usize, slopes: usize, sums: usize,
): void {
  const gate = <usize>units * SIZE
  const zero = v128.splat<Float>(0)
  for (let count = units; count > 0; count -= LANES) {
    let dh = take(count, states)
    if (dy) {
      dh = v128.add<Float>(dh, take(count, dy))
      dy += 16
    }
    if (kind == LSTM) {
      const i = take(count, kept)
      const f = take(count, kept + gate)
      const g = take(count, kept + 2 * gate)
      const o = take(count, kept + 3 * gate)
      const far = take(count, kept + 5 * gate)
      const ofCell = v128.mul<Float>(dh, v128.mul<Float>(o, tanhSlope(far)))
      const dc = v128.add<Float>(take(count, states + gate), ofCell)
      addSlopes(count, v128.mul<Float>(v128.mul<Float>(dc, g), sigmoidSlope(i)), slopes, sums)
      const before = take(count, kept + 4 * gate)
      addSlopes(count, v128.mul<Float>(v128.mul<Float>(dc, before), sigmoidSlope(f)), slopes + gate, sums + gate)
      addSlopes(count, v128.mul<Float>(v128.mul<Float>(dc, i), tanhSlope(g)), slopes + 2 * gate, sums + 2 * gate)
      addSlopes(count, v128.mul<Float>(v128.mul<Float>(dh, far), sigmoidSlope(o)), slopes + 3 * gate, sums + 3 * gate)
      give(count, v128.mul<Float>(dc, f), states + gate)
    } else if (kind == GRU) {
      const r = take(count, kept)
      const z = take(count, kept + gate)
      const n = take(count, kept + 2 * gate)
      const v = take(count, kept + 3 * gate)
      const dn = v128.mul<Float>(v128.mul<Float>(dh, v128.sub<Float>(one(), z)), tanhSlope(n))
      const moved = v128.sub<Float>(take(count, previous), n)
      addSlopes(count, v128.mul<Float>(v128.mul<Float>(dn, v), sigmoidSlope(r)), slopes, sums)
      addSlopes(count, v128.mul<Float>(v128.mul<Float>(dh, moved), sigmoidSlope(z)), slopes + gate, sums + gate)
      addSlopes(count, dn, slopes + 2 * gate, sums + 2 * gate)
      addSlopes(count, v128.mul<Float>(dn, r), slopes + 3 * gate, sums + 3 * gate)
      give(count, v128.mul<Float>(dh, z), states)
      previous += 16
    } else {
      const h = take(count, kept)
      const slope = kind == RNN_TANH
        ? v128.mul<Float>(dh, tanhSlope(h))
        : v128.bitselect(dh, zero, v128.gt<Float>(h, zero))
      addSlopes(count, slope, slopes, sums)
    }
    kept += 16
    states += 16
    slopes += 16
    sums += 16
  }
}
