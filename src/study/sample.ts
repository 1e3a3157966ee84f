// Some rows of a user's data.

import type { Data, Numbers, TypedNumbers } from '../data/batches'
import type { Model } from '../model/model'
import { coreOf } from '../model/core-of'
import { needPlain } from '../training/core'
import { checkData } from '../training/feed'
import { sizesOf } from './passes'

/** Data of a network of one input and one output, read once and checked. */
export interface Rows {
  readonly rows: number
  readonly x: TypedNumbers
  readonly y: TypedNumbers
}

/** Reads and checks the data of a model. Throws a PlanError where it has several inputs or outputs. */
export function rowsOf(where: string, model: Model<never>, data: Data): Rows {
  const core = coreOf(where, model)
  needPlain(where, core, 'gradientCheck and activationStatistics take those')
  const { rows, x, y } = checkData(where, core, data)
  return { rows, x: x[0], y: y[0] }
}

/** Some rows that have been checked. */
export interface Sample extends Rows {
  readonly x: Float64Array
  /** Labels, or target values. */
  readonly y: Int32Array | Float64Array
}

/** Copies rows order[0], order[1], ... of data. */
export function sampleOf(model: Model<'loss'>, { x, y }: Rows, order: ArrayLike<number>): Sample {
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
