// The precision of this compilation: `asc --use Float=f64` or `--use Float=f32`.

export const SIZE: usize = sizeof<Float>()
/** Values in a 128-bit vector. */
export const LANES: i32 = 16 / sizeof<Float>()
/** Columns of a GEMM tile: two vectors. */
export const NR: i32 = 2 * LANES
/** Bytes of the NR columns of a sliver of B. */
export const SLIVER_ROW: usize = 32
export const BLOCK_COLUMNS: i32 = 64 * LANES

/** Bytes of a value: tells the two modules apart. */
export function bytesPerValue(): i32 {
  return sizeof<Float>()
}
