// Tile sizes and the layout of scratch memory, in one place and one source: asc compiles this file into the kernels,
// tsc into the twin, and the layers call it while planning. Sizes are fixed, never a function of the machine.
//
//   C (m x n) += A (m x k) B (k x n), in tiles of MR x NR, blocks of KC x NC
//
//   scratch   | panel            | start      | edge    | block                 | the caller's own ...
//             | KC x MR splats   | MR splats  | MR x NR | NC/NR slivers KC x NR |
//             | stays in L1      | bias       | tails   | stays in L2           |

/** Rows of a tile. */
export const MR: i32 = 4
/** Steps of the reduction in one block: a panel of A (KC x MR splats of 16 bytes) takes 16 kB of L1. */
export const KC: i32 = 256
/** Steps of the reduction that are added to C block after block; more go by way of a part of their own. */
export const LONG: i32 = 256 * KC
/** Vectors in a row of a tile. */
export const NV: i32 = 2
/** Vectors in a row of a block of B (NC columns): KC x NC values take 256 kB of L2 in either precision. */
export const BLOCK_VECTORS: i32 = 64

export const START_OFFSET: i32 = 16 * MR * KC
export const EDGE_OFFSET: i32 = START_OFFSET + 16 * MR
export const BLOCK_OFFSET: i32 = EDGE_OFFSET + 16 * MR * NV
/** Bytes of the scratch of a matrix product; what a caller needs besides begins there. */
export const GEMM_SCRATCH: i32 = BLOCK_OFFSET + 16 * KC * BLOCK_VECTORS

/** Additions in a row, in one precision, before a partial sum is added to a total in float64: see reduce.ts. */
export const SUM_STEPS: i32 = 512

/** Bytes of scratch of e^x: constants, two times four vectors, an odd tail. */
export const EXP_SCRATCH: i32 = 512
/** Bytes of scratch of the curves: constants of e^x and of another function, an odd tail of x and of dy. */
export const CURVE_SCRATCH: i32 = 1024
/** Bytes of scratch of the softmax, before rows. */
export const SOFTMAX_SCRATCH: i32 = EXP_SCRATCH
/** Bytes of scratch of the binary cross-entropy: partial sums, an odd tail, constants of ln(1 + u) and of e^x. */
export const BINARY_SCRATCH: i32 = 1024
/** The same where each yes has a weight: the tail is longer. */
export const WEIGHTED_BINARY_SCRATCH: i32 = 640 + EXP_SCRATCH

/** Bytes of a row of features that batch norm takes at a time, and between what it keeps for each of them. */
export const BATCH_NORM_STRIP: i32 = 4096
export const BATCH_NORM_APART: i32 = 1088
/** Bytes of scratch of batch norm and group norm: see features.ts. */
export const NORM_SCRATCH: i32 = 64 + 7 * BATCH_NORM_STRIP + 2 * BATCH_NORM_APART

/** Queries of attention at a time. */
export const ATTENTION_ROWS: i32 = 32
/** Where the blocks begin in the scratch of attention: behind that of products, of e^x and of a mask. */
export const ATTENTION_OFFSET: i32 = GEMM_SCRATCH + EXP_SCRATCH + 64
/** Bytes of the scratch of attention: a block of queries, of probabilities, of their gradients and of those left. */
export function attentionScratch(size: i32, keys: i32, bytes: i32): i32 {
  return ATTENTION_OFFSET + ATTENTION_ROWS * (size + 3 * keys) * bytes
}

/** a / b rounded up, for positive integers. */
export function ceilDivide(a: i32, b: i32): i32 {
  return ((a + b - 1) / b) | 0
}

/** a / b rounded down, for integers a >= 0, b > 0. */
export function floorDivide(a: i32, b: i32): i32 {
  return (a / b) | 0
}
