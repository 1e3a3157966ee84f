// Rows of a user's data, copied: read once, so that they stay what they were when they were checked.

import { sizesOf } from './passes'
import type { Data, Numbers } from '../data/batches'
import { type Model, coreOf } from '../model/model'
import { checkData } from '../training/feed'

/** Some rows, in the model's numbers. */
export interface Sample extends Data {
  readonly x: Float64Array
  /** Labels, or target values. */
  readonly y: Int32Array | Float64Array
  readonly rows: number
}

/** Copies rows order[0], order[1], ... of data, or all of them, once they are known to be good. */
export function sampleOf(where: string, model: Model<'loss'>, data: Data, order?: ArrayLike<number>): Sample {
  const { x, y, rows } = checkData(where, coreOf(where, model), data)
  const { inputSize, targetSize, classes } = sizesOf(model)
  const count = order?.length ?? rows
  const sample = {
    x: new Float64Array(count * inputSize),
    y: classes ? new Int32Array(count) : new Float64Array(count * targetSize),
    rows: count,
  }
  copy(x, inputSize, sample.x, order)
  copy(y, classes ? 1 : targetSize, sample.y, order)
  return sample
}

function copy(from: Numbers, size: number, to: Float64Array | Int32Array, order?: Numbers): void {
  for (let i = 0; i < to.length; i++) to[i] = from[order ? order[Math.floor(i / size)] * size + (i % size) : i]
}
