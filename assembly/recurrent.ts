// Recurrent layers: n rows of T steps, U units, and D inputs, whose products with the weights of the inputs are made for
// all steps before, and whose gradients are made for all steps behind. What is left runs from step to step: a product of h
// (n x U) with the weights of the state (G U x U), and the gates. Rows go by panels of MR through all steps of a call, so
// that threads need not wait for each other, with weights that were packed once.
//
// Places: kept (n, T, keptOf U), of which the products of the inputs come in at the front of each row; previous (n, T, U):
// h before each step; carry (n, statesOf U): what goes on; slopes (n, T, slopesOf U): the gradients of the gates. Where
// there are lengths, steps at or behind the length of a row change nothing: its state stays, y is 0 there, and so are
// slopes. A step is counted from where the direction begins: in reverse, step s is at T - 1 - s.
// See recurrent-steps.ts for what happens in a step.

import { KC, MR } from '../src/kernels/blocking'
import {
  GRU, LSTM, PRODUCT_OFFSET, TABLE_OFFSET, gatesOf, gatesOffset, keptOf, packedColumns, slopesOf, statesOf,
} from '../src/kernels/recurrent-kinds'
import { expTable } from './exp'
import { NR, SIZE, SLIVER_ROW, LANES } from './float'
import { packPanel, setStart, tile } from './gemm'
import { clearRow, copyRow, counts, give, gruStep, lstmStep, plainStep, slopesOfStep, take } from './recurrent-steps'

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

/**
 * Steps `end` - 1 to `first` of the backward pass. `begun`: carry holds the gradient of the state after them; it is 0
 * otherwise or, unless `all`, for h that of y. previous is read by a GRU alone. sums (n, slopesOf U): of the slopes over
 * the steps so far, from 0 unless `begun`; it has what the biases need without another pass over all slopes.
 */
export function recurrentBackward(
  n: i32, time: i32, units: i32, kind: i32, reverse: i32, first: i32, end: i32, begun: i32, all: i32, yRow: i32,
  kept: usize, previous: usize, packed: usize, lengths: usize, dy: usize, scratch: usize, carry: usize, slopes: usize,
  sums: usize,
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
      memory.fill(sums + <usize>row * slopeStep, 0, <usize>rows * slopeStep)
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
            states + <usize>(r * state) * SIZE, to, sums + <usize>(row + r) * slopeStep,
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
