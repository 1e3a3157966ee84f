// Which recurrent layer the kernels compute, and how large what they keep is: one source for both engines.

import { MR, START_OFFSET, ceilDivide } from './blocking'

/** h = tanh(a), a = W x + b + V h + c (Elman, 1990). */
export const RNN_TANH: i32 = 0
/** h = max(0, a). */
export const RNN_RELU: i32 = 1
/** Gates i, f, g, o (Hochreiter & Schmidhuber, 1997; Gers et al., 2000). */
export const LSTM: i32 = 2
/** Gates r, z, n (Cho et al., 2014), with r times what V and c give. */
export const GRU: i32 = 3

/** Gates: rows of the weights for each unit. */
export function gatesOf(kind: i32): i32 {
  return kind == LSTM ? 4 : kind == GRU ? 3 : 1
}

/**
 * What forward leaves for backward of each unit at each step, in rows of U values: h of a plain one; i, f, g, o, the cell
 * before and tanh of the cell; r, z, n and what V and c gave for n.
 */
export function keptOf(kind: i32): i32 {
  return kind == LSTM ? 6 : kind == GRU ? 4 : 1
}

/** Gradients of each unit at each step, likewise: of a; of i, f, g, o; of r, z, n and what V and c gave for n. */
export function slopesOf(kind: i32): i32 {
  return kind < LSTM ? 1 : 4
}

/** What goes on from step to step: h; of an LSTM, h and the cell. */
export function statesOf(kind: i32): i32 {
  return kind == LSTM ? 2 : 1
}

/** Columns of packed weights, of values of `bytes`: whole slivers. */
export function packedColumns(columns: i32, bytes: i32): i32 {
  return ceilDivide(columns * bytes, 32) * (32 / bytes)
}

/** A row of a gate in scratch, in values: whole vectors in either precision. */
export function paddedUnits(units: i32): i32 {
  return ceilDivide(units, 4) * 4
}

/** Where in the scratch e^x has its table, behind the panel; where the product begins, and where the gates. */
export const TABLE_OFFSET: i32 = START_OFFSET + 64
export const PRODUCT_OFFSET: i32 = TABLE_OFFSET + 512

export function gatesOffset(kind: i32, units: i32, bytes: i32): i32 {
  return PRODUCT_OFFSET + MR * packedColumns(gatesOf(kind) * units, bytes) * bytes
}

/** Bytes of scratch of a recurrent layer; four vectors behind all, since gates are made of whole ones. */
export function recurrentScratch(kind: i32, units: i32, bytes: i32): i32 {
  return gatesOffset(kind, units, bytes) + keptOf(kind) * MR * paddedUnits(units) * bytes + 64
}
