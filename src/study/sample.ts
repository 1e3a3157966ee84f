// Rows of a user's data, copied: read once, so that they stay what they were when they were checked.

import type { Data, Numbers } from '../data/batches'
import type { Model } from '../model/model'
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
  const rows = order ? order.length : checkData(where, model, data)
  const x = new Float64Array(rows * model.inputSize)
  copy(data.x, model.inputSize, x, order)
  const y = model.classes ? new Int32Array(rows) : new Float64Array(rows * model.targetSize)
  copy(data.y, model.classes ? 1 : model.targetSize, y, order)
  // Again: what a getter gives may change, and where an order is given nobody has looked yet.
  checkData(where, model, { x, y })
  return { x, y, rows }
}

function copy(from: ArrayLike<number | bigint>, size: number, to: Float64Array | Int32Array, order?: Numbers): void {
  for (let i = 0; i < to.length; i++) {
    to[i] = Number(from[order ? order[Math.floor(i / size)] * size + (i % size) : i])
  }
}
