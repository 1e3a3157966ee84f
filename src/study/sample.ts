// Some rows of a user's data.

import type { Numbers } from '../data/batches'
import type { Model } from '../model/model'
import type { Checked } from '../training/feed'
import { sizesOf } from './passes'

/** Some rows that have been checked. */
export interface Sample extends Checked {
  readonly x: Float64Array
  /** Labels, or target values. */
  readonly y: Int32Array | Float64Array
}

/** Copies rows order[0], order[1], ... of data. */
export function sampleOf(model: Model<'loss'>, { x, y }: Checked, order: ArrayLike<number>): Sample {
  const { inputSize, targetSize, classes } = sizesOf(model)
  const count = order.length
  const sample = {
    x: new Float64Array(count * inputSize),
    y: classes ? new Int32Array(count) : new Float64Array(count * targetSize),
    rows: count,
  }
  copy(x, inputSize, sample.x, order)
  copy(y, classes ? 1 : targetSize, sample.y, order)
  return sample
}

function copy(from: Numbers, size: number, to: Float64Array | Int32Array, order: Numbers): void {
  for (let i = 0; i < to.length; i++) to[i] = from[order[Math.floor(i / size)] * size + (i % size)]
}
