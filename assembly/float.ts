// The precision of this compilation: `asc --use Float=f64` or `--use Float=f32`.

import { BLOCK_VECTORS, NV } from '../src/kernels/blocking'

export const SIZE: usize = sizeof<Float>()
/** Values in a 128-bit vector. */
export const LANES: i32 = 16 / sizeof<Float>()
/** Columns of a GEMM tile. */
export const NR: i32 = NV * LANES
/** Bytes of the NR columns of a sliver of B. */
export const SLIVER_ROW: usize = 16 * NV
/** Columns of a block of B. */
export const BLOCK_COLUMNS: i32 = BLOCK_VECTORS * LANES

/** Bytes of a value: tells the two modules apart. */
export function bytesPerValue(): i32 {
  return sizeof<Float>()
}
