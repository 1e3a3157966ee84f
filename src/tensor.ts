// Shapes, and numbers of one shape.

/** The numbers that a model computes with. */
export type DType = 'float64' | 'float32'

/** A shape and a live view of the model's memory: writing to `data` changes the model. */
export interface Tensor {
  /** Its dimensions, the last of which changes fastest in `data`. */
  readonly shape: readonly number[]
  /** The values, one after the other. */
  readonly data: Float64Array | Float32Array
}

/** How many values a shape has. */
export function product(shape: readonly number[]): number {
  return shape.reduce((size, d) => size * d, 1)
}
