// Shapes, and numbers of one shape.

/** The numbers that a model computes with. */
export type DType = 'float64' | 'float32'

/** An array of them. */
export type Floats<D extends DType = DType> = D extends 'float64' ? Float64Array : Float32Array

/** A shape and a live view of the model's memory: writing to `data` changes the model. */
export interface Tensor<D extends DType = DType> {
  /** Its dimensions, the last of which changes fastest in `data`. */
  readonly shape: readonly number[]
  /** The values, one after the other. */
  readonly data: Floats<D>
}

/** How many values a shape has. */
export function product(shape: readonly number[]): number {
  return shape.reduce((size, d) => size * d, 1)
}
