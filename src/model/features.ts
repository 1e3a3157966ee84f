// What a frozen body makes of examples, kept: then an epoch of training costs what the head costs.

import { type Data, type TypedNumbers, allocate } from '../data/batches'
import { PlanError, checkArguments, few, integer } from '../errors'
import type { DType, Floats } from '../tensor'
import { putBehind } from '../training/door'
import { checkData } from '../training/feed'
import { type FrozenPart, frozenPart } from '../training/frozen'
import { coreOf } from './core-of'
import type { Model } from './model'

/**
 * Examples as the frozen body of a model sees them; made by features. fit and evaluate of that model take them in the place
 * of data, in the place of `validation` too.
 */
export class Features<D extends DType = DType, In extends string = never> {
  readonly #part: FrozenPart
  #x: Floats
  #y: TypedNumbers
  #rows = 0

  private constructor(part: FrozenPart) {
    this.#part = part
    this.#x = part.empty(0)
    this.#y = part.labels ? new Int32Array(0) : new Float64Array(0)
    putBehind(this, part)
  }

  /** How many examples there are. */
  get rows(): number {
    return this.#rows
  }
  /** What the body gives for one example. */
  get shape(): readonly number[] {
    return this.#part.shape
  }
  /** What it gave for each, row after row: a view, until rows come or go. */
  get x(): Floats<D> {
    return this.#x.subarray(0, this.#rows * this.#part.size) as Floats<D>
  }
  /** Their labels, or target values: a view, until rows come or go. */
  get y(): TypedNumbers {
    return this.#y.subarray(0, this.#rows * this.#part.targets)
  }

  /**
   * Sends examples through the body, and puts what it gives behind those that are there; while fit runs on others, too.
   * Throws a DataError on rows that fit would not take, a PlanError where the frozen weights have changed.
   *
   *     const examples = features(model)
   *     examples.add({ x: images, y: labels })
   */
  add(data: Data<In>): void {
    checkArguments('features.add', arguments, 1)
    const { core, size, targets } = this.#part
    const { rows, x, y, weight } = checkData('features.add', core, data)
    if (weight) throw new PlanError('features.add: examples that are kept all weigh the same; leave weight out')
    this.#part.check('features.add')
    const made = this.#part.run(x, rows)
    const before = this.#rows
    this.#x = grown(this.#x, before * size, made)
    this.#y = grown(this.#y, before * targets, y[0])
    this.#rows = before + rows
  }

  /** Takes one out; those behind it move up. Throws a PlanError where there is no such row. */
  remove(row: number): void {
    checkArguments('features.remove', arguments, 1)
    integer('features.remove', 'row', row, 0, this.#rows - 1)
    const { size, targets } = this.#part
    this.#x.copyWithin(row * size, (row + 1) * size, this.#rows * size)
    this.#y.copyWithin(row * targets, (row + 1) * targets, this.#rows * targets)
    this.#rows--
  }
}

/** `more` behind the first values of an array, in itself where there is room. */
function grown<T extends TypedNumbers>(values: T, length: number, more: TypedNumbers): T {
  const all = length + more.length
  let to = values
  if (all > values.length) {
    to = allocate('features.add', Math.max(all, 2 * values.length), values.constructor as new (length: number) => T)
    to.set(values.subarray(0, length))
  }
  to.set(more, length)
  return to
}

/**
 * Sends examples through the frozen body of a model once, and keeps what comes out: fit over that trains to the very bits
 * of fit over the examples, in a fraction of the time, for only the head is left to do. `data` may come later, or little by
 * little: see Features.add.
 *
 *     const examples = features(model, { x: images, y: labels })
 *     await model.fit(examples, { epochs: 20, validation: features(model, test) })
 *     const { data } = model.predict(images, { probabilities: true }) // of images, through all of it
 *
 * The body is what the network begins with, up to the first layer that is trained or draws random numbers: see transfer,
 * and createModel's `frozen`. What changes examples from epoch to epoch, such as fit's `transform`, cannot go with it; fit
 * refuses features where the frozen weights are not those that made them. Throws a PlanError where the model has no such
 * body, or where more than its output goes on to what is trained.
 */
export function features<D extends DType, In extends string = never>(
  model: Model<'training', D, In>,
  data?: Data<NoInfer<In>>,
): Features<D, In> {
  checkArguments('features', arguments, 2)
  const core = coreOf('features', model)
  if (core.names.outputs.length) {
    throw new PlanError(`features: is for networks of one output, but this one has ${few(core.names.outputs)}`)
  }
  const Made = Features as unknown as new (part: FrozenPart) => Features<D, In>
  const made = new Made(frozenPart('features', core))
  if (data !== undefined) made.add(data)
  return made
}
