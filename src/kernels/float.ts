// The precision of this copy of the twin. The build bundles src/kernels twice, with FLOAT32 true and false, so that
// each copy of the code sees one kind of array only and stays fast.
declare const FLOAT32: boolean

/** Rounds the result of every operation: float32 arithmetic is float64 arithmetic, rounded each time. */
export function F(value: number): number {
  return FLOAT32 ? Math.fround(value) : value
}
/** A pointer (bytes) is a heap index << SHIFT. */
export const SHIFT = FLOAT32 ? 2 : 3
/** Values in a 128-bit vector of the WebAssembly kernels. */
export const LANES = FLOAT32 ? 4 : 2
export const Floats = FLOAT32 ? Float32Array : Float64Array

/** One linear memory, seen as floats and as 32-bit integers. */
export interface Heap {
  f: Float64Array | Float32Array
  i32: Int32Array
  /** The partial sums of reduce.ts, four vectors, and as many again for a second sum beside the first. */
  partials: Float64Array | Float32Array
  seconds: Float64Array | Float32Array
  /** What sums give back: V8 would box a number that a function returns. */
  out: Float64Array
  /**
   * For a choice that data make: pick[Number(condition)] of two values costs less than a branch that is mispredicted
   * every other time (a batch norm with ReLU took 1.5 times as long).
   */
  pick: Float64Array | Float32Array
}
