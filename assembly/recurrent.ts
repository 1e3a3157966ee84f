// Recurrent layers: n rows of T steps, U units, and D inputs, whose products with the weights of the inputs are made for
// all steps before, and whose gradients are made for all steps behind. What is left runs from step to step: a product of h
// (n x U) with the weights of the state (G U x U), and the gates. Rows go by panels of MR through all steps of a call, so
// that threads need not wait for each other, with weights that were packed once.
//
// Places: kept (n, T, keptOf U), of which the products of the inputs come in at the front of each row; previous (n, T, U):
// h before each step; carry (n, statesOf U): what goes on; slopes (n, T, slopesOf U): the gradients of the gates. Where
// there are lengths, steps at or behind the length of a row change nothing: its state stays, y is 0 there, and so are
// slopes. A step is counted from where the direction begins: in reverse, step s is at T - 1 - s.
//
// Formulas are PyTorch's (torch.nn.RNN, LSTM, GRU); see recurrent-kinds.ts for the order of what is kept.

import { KC, MR } from '../src/kernels/blocking'
import {
  GRU, LSTM, PRODUCT_OFFSET, RNN_TANH, TABLE_OFFSET, gateRow, gatesOf, gatesOffset, keptOf, packedColumns, slopesOf,
  statesOf,
} from '../src/kernels/recurrent-kinds'
import { SIGMOID, TANH, activateRow } from './activations'
import { expTable } from './exp'
import { LANES, NR, SIZE, SLIVER_ROW } from './float'
import { packPanel, setStart, tile } from './gemm'
import { loadFirst, storeFirst } from './lanes'

/**
 * Packs B (k x columns; strides in elements) for the products of the steps: slivers of NR columns, one behind the other,
 * each of k rows; missing columns are zero.
 */
export function packWeights(k: i32, columns: i32, bRow: i32, bColumn: i32, b: usize, packed: usize): void {
  const row = <usize>bRow * SIZE
  const column = <usize>bColumn * SIZE
  for (let j = 0; j < columns; j += NR) {
    const inner = min(NR, columns - j)
    let from = b + <usize>j * column
    for (let i = 0; i < k; ++i) {
      let at = from
      for (let l = 0; l < NR; ++l) {
        store<Float>(packed, l < inner ? load<Float>(at) : 0)
        packed += SIZE
        at += column
      }
      from += row
    }
  }
}

/** y = x where a step counts, else 0, of n rows of `time` steps of `size` values. */
export function maskSteps(n: i32, time: i32, size: i32, x: usize, lengths: usize, y: usize): void {
  const row = <usize>(time * size) * SIZE
  for (let i = 0; i < n; ++i) {
    const counted = <usize>(min(time, max(0, load<i32>(lengths + 4 * <usize>i))) * size) * SIZE
    memory.copy(y, x, counted)
    memory.fill(y + counted, 0, row - counted)
    x += row
    y += row
  }
}

@inline
/** A vector, or the first `count` values of one. */
function take(count: i32, from: usize): v128 {
  return count >= LANES ? v128.load(from) : loadFirst(count, from)
}

@inline
function give(count: i32, values: v128, to: usize): void {
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

function copyRow(count: i32, from: usize, to: usize): void {
  for (; count > 0; count -= LANES) {
    give(count, take(count, from), to)
    from += 16
    to += 16
  }
}

function clearRow(count: i32, to: usize): void {
  for (; count > 0; count -= LANES) {
    give(count, v128.splat<Float>(0), to)
    to += 16
  }
}

/**
 * C (MR x columns) = A (rows x k) B, with B packed; A's rows lie aRow elements apart, and its columns from `jump` on lie
 * `shift` further. Rows of C, of whole slivers, one behind the other. In the order of sums of gemm().
 */
function product(
  rows: i32, k: i32, columns: i32, jump: i32, shift: i32, a: usize, aRow: i32, packed: usize, scratch: usize,
): void {
  const c = scratch + PRODUCT_OFFSET
  const start = scratch + 16 * MR * KC
  const wide = packedColumns(columns, <i32>SIZE)
  const ldc = <usize>wide * SIZE
  for (let p = 0; p < k; p += KC) {
    const kc = min(KC, k - p)
    const before = max(0, min(kc, jump - p))
    const from = a + <usize>p * SIZE
    if (before > 0) packPanel(rows, before, from, aRow, 1, scratch)
    if (before < kc) {
      packPanel(rows, kc - before, from + <usize>(before + shift) * SIZE, aRow, 1, scratch + <usize>(16 * MR * before))
    }
    let sliver = packed + <usize>p * SLIVER_ROW
    for (let j = 0; j < wide; j += NR) {
      tile(kc, i32(p == 0), scratch, sliver, start, c + <usize>j * SIZE, ldc)
      sliver += <usize>k * SLIVER_ROW
    }
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

/** Whether step t counts in a row. */
@inline
function counts(lengths: usize, row: i32, t: i32): bool {
  return lengths == 0 || t < load<i32>(lengths + 4 * <usize>row)
}

/** The areas of the gates in scratch, each of `rows` rows; i f o g, the cell and its tanh; or r z n and V h + c of n. */
@inline
function area(index: i32, rows: i32, r: i32, padded: i32, areas: usize): usize {
  return areas + <usize>((index * rows + r) * padded) * SIZE
}

/** c = f c + i g, h = o tanh(c). */
function lstmStep(
  rows: i32, units: i32, t: i32, kept: usize, keptRow: usize, biasIh: usize, biasHh: usize, lengths: usize,
  scratch: usize, areas: usize, states: usize, previous: usize, previousRow: usize, y: usize, yRow: usize,
): void {
  const padded = gateRow(units)
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
  const size = rows * padded
  const zero = v128.splat<Float>(0)
  const cells = area(4, rows, 0, padded, areas)
  activateRow(SIGMOID, 3 * size, zero, areas, table, areas)
  activateRow(TANH, size, zero, area(3, rows, 0, padded, areas), table, area(3, rows, 0, padded, areas))
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
  activateRow(TANH, size, zero, cells, table, area(5, rows, 0, padded, areas))
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
function gruStep(
  rows: i32, units: i32, t: i32, kept: usize, keptRow: usize, biasIh: usize, biasHh: usize, lengths: usize,
  scratch: usize, areas: usize, states: usize, previous: usize, previousRow: usize, y: usize, yRow: usize,
): void {
  const padded = gateRow(units)
  const gate = <usize>units * SIZE
  const ldc = <usize>packedColumns(3 * units, <i32>SIZE) * SIZE
  const table = scratch + TABLE_OFFSET
  for (let r = 0; r < rows; ++r) {
    const x = kept + <usize>r * keptRow
    const h = scratch + PRODUCT_OFFSET + <usize>r * ldc
    preactivate(units, x, biasIh, h, biasHh, area(0, rows, r, padded, areas))
    preactivate(units, x + gate, biasIh + gate, h + gate, biasHh + gate, area(1, rows, r, padded, areas))
  }
  const size = rows * padded
  const zero = v128.splat<Float>(0)
  const next = <usize>size * SIZE
  activateRow(SIGMOID, 2 * size, zero, areas, table, areas)
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
  activateRow(TANH, size, zero, area(2, rows, 0, padded, areas), table, area(2, rows, 0, padded, areas))
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
function plainStep(
  rows: i32, units: i32, kind: i32, t: i32, kept: usize, keptRow: usize, biasIh: usize, biasHh: usize, lengths: usize,
  scratch: usize, areas: usize, states: usize, previous: usize, previousRow: usize, y: usize, yRow: usize,
): void {
  const padded = gateRow(units)
  const gate = <usize>units * SIZE
  const ldc = <usize>packedColumns(units, <i32>SIZE) * SIZE
  const zero = v128.splat<Float>(0)
  for (let r = 0; r < rows; ++r) {
    const h = scratch + PRODUCT_OFFSET + <usize>r * ldc
    preactivate(units, kept + <usize>r * keptRow, biasIh, h, biasHh, area(0, rows, r, padded, areas))
  }
  const size = rows * padded
  if (kind == RNN_TANH) activateRow(TANH, size, zero, areas, scratch + TABLE_OFFSET, areas)
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

/**
 * Steps `first` to `end` - 1 of the forward pass. `begun`: carry holds the state, which is 0 otherwise. y has rows of
 * yRow values: `all`, one for each step; else one for each n, the state after `end` - 1. previous and y may be 0.
 */
export function recurrentForward(
  n: i32, time: i32, units: i32, kind: i32, reverse: i32, first: i32, end: i32, begun: i32, all: i32, yRow: i32,
  kept: usize, biasIh: usize, biasHh: usize, packed: usize, lengths: usize, scratch: usize, previous: usize,
  carry: usize, y: usize,
): void {
  const gates = gatesOf(kind) * units
  const width = keptOf(kind) * units
  const state = statesOf(kind) * units
  const areas = scratch + gatesOffset(kind, units, <i32>SIZE)
  const keptRow = <usize>time * <usize>width * SIZE
  const previousRow = <usize>time * <usize>units * SIZE
  const yStep = <usize>yRow * SIZE
  setStart(0, 0, scratch)
  expTable(scratch + TABLE_OFFSET)
  for (let row = 0; row < n; row += MR) {
    const rows = min(MR, n - row)
    const states = carry + <usize>row * <usize>state * SIZE
    const own = lengths ? lengths + 4 * <usize>row : 0
    if (!begun) memory.fill(states, 0, <usize>rows * <usize>state * SIZE)
    for (let s = first; s < end; ++s) {
      const t = reverse ? time - 1 - s : s
      const at = <usize>row * <usize>time + <usize>t
      const k = kept + at * <usize>width * SIZE
      const before = previous ? previous + at * <usize>units * SIZE : 0
      const to = all && y ? y + at * yStep : 0
      if (begun || s > first) product(rows, units, gates, units, 0, states, state, packed, scratch)
      else {
        memory.fill(scratch + PRODUCT_OFFSET, 0, <usize>(MR * packedColumns(gates, <i32>SIZE)) * SIZE)
      }
      if (kind == LSTM) {
        lstmStep(
          rows, units, t, k, keptRow, biasIh, biasHh, own, scratch, areas, states, before, previousRow, to,
          <usize>time * yStep,
        )
      } else if (kind == GRU) {
        gruStep(
          rows, units, t, k, keptRow, biasIh, biasHh, own, scratch, areas, states, before, previousRow, to,
          <usize>time * yStep,
        )
      } else {
        plainStep(
          rows, units, kind, t, k, keptRow, biasIh, biasHh, own, scratch, areas, states, before, previousRow, to,
          <usize>time * yStep,
        )
      }
    }
    for (let r = 0; !all && y && r < rows; ++r) {
      copyRow(units, states + <usize>(r * state) * SIZE, y + <usize>(row + r) * yStep)
    }
  }
}

/** Of one row and step: dh, and dc of an LSTM, in `states` become slopes; dc, and of a GRU z dh, stay there. */
function slopesOfStep(units: i32, kind: i32, kept: usize, previous: usize, dy: usize, states: usize, slopes: usize): void {
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
      give(count, v128.mul<Float>(v128.mul<Float>(dc, g), sigmoidSlope(i)), slopes)
      give(count, v128.mul<Float>(v128.mul<Float>(dc, take(count, kept + 4 * gate)), sigmoidSlope(f)), slopes + gate)
      give(count, v128.mul<Float>(v128.mul<Float>(dc, i), tanhSlope(g)), slopes + 2 * gate)
      give(count, v128.mul<Float>(v128.mul<Float>(dh, far), sigmoidSlope(o)), slopes + 3 * gate)
      give(count, v128.mul<Float>(dc, f), states + gate)
    } else if (kind == GRU) {
      const r = take(count, kept)
      const z = take(count, kept + gate)
      const n = take(count, kept + 2 * gate)
      const v = take(count, kept + 3 * gate)
      const dn = v128.mul<Float>(v128.mul<Float>(dh, v128.sub<Float>(one(), z)), tanhSlope(n))
      const moved = v128.sub<Float>(take(count, previous), n)
      give(count, v128.mul<Float>(v128.mul<Float>(dn, v), sigmoidSlope(r)), slopes)
      give(count, v128.mul<Float>(v128.mul<Float>(dh, moved), sigmoidSlope(z)), slopes + gate)
      give(count, dn, slopes + 2 * gate)
      give(count, v128.mul<Float>(dn, r), slopes + 3 * gate)
      give(count, v128.mul<Float>(dh, z), states)
      previous += 16
    } else {
      const h = take(count, kept)
      const slope = kind == RNN_TANH
        ? v128.mul<Float>(dh, tanhSlope(h))
        : v128.bitselect(dh, zero, v128.gt<Float>(h, zero))
      give(count, slope, slopes)
    }
    kept += 16
    states += 16
    slopes += 16
  }
}

/**
 * Steps `end` - 1 to `first` of the backward pass. `begun`: carry holds the gradient of the state after them; it is 0
 * otherwise or, unless `all`, for h that of y. previous is read by a GRU alone.
 */
export function recurrentBackward(
  n: i32, time: i32, units: i32, kind: i32, reverse: i32, first: i32, end: i32, begun: i32, all: i32, yRow: i32,
  kept: usize, previous: usize, packed: usize, lengths: usize, dy: usize, scratch: usize, carry: usize, slopes: usize,
): void {
  const gates = gatesOf(kind) * units
  const state = statesOf(kind) * units
  const keptStep = <usize>(keptOf(kind) * units) * SIZE
  const slopeStep = <usize>(slopesOf(kind) * units) * SIZE
  const unitStep = <usize>units * SIZE
  const yStep = <usize>yRow * SIZE
  const ldc = <usize>packedColumns(units, <i32>SIZE) * SIZE
  // The columns of a GRU's slopes that belong to the state: all but that of the inputs of n.
  const jump = kind == GRU ? 2 * units : gates
  setStart(0, 0, scratch)
  for (let row = 0; row < n; row += MR) {
    const rows = min(MR, n - row)
    const states = carry + <usize>row * <usize>state * SIZE
    const own = lengths ? lengths + 4 * <usize>row : 0
    if (!begun) {
      memory.fill(states, 0, <usize>rows * <usize>state * SIZE)
      for (let r = 0; !all && r < rows; ++r) {
        copyRow(units, dy + <usize>(row + r) * yStep, states + <usize>(r * state) * SIZE)
      }
    }
    for (let s = end - 1; s >= first; --s) {
      const t = reverse ? time - 1 - s : s
      for (let r = 0; r < rows; ++r) {
        const at = <usize>(row + r) * <usize>time + <usize>t
        const to = slopes + at * slopeStep
        if (!counts(own, r, t)) clearRow(slopesOf(kind) * units, to)
        else {
          slopesOfStep(
            units, kind, kept + at * keptStep, previous + at * unitStep, all ? dy + at * yStep : 0,
            states + <usize>(r * state) * SIZE, to,
          )
        }
      }
      // Nobody wants the gradient of the first state.
      if (s == 0) continue
      const from = slopes + (<usize>row * <usize>time + <usize>t) * slopeStep
      product(rows, gates, units, jump, units, from, time * slopesOf(kind) * units, packed, scratch)
      for (let r = 0; r < rows; ++r) {
        if (!counts(own, r, t)) continue
        const c = scratch + PRODUCT_OFFSET + <usize>r * ldc
        const dh = states + <usize>(r * state) * SIZE
        if (kind != GRU) copyRow(units, c, dh)
        else {
          for (let j = 0; j < units; j += LANES) {
            const at = <usize>j * SIZE
            give(units - j, v128.add<Float>(take(units - j, dh + at), v128.load(c + at)), dh + at)
          }
        }
      }
    }
  }
}
