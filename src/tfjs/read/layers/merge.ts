// Layers that join values.

import { few } from '../../../errors'
import { concat } from '../../../layers/concat'
import { add, multiply } from '../../../layers/joins'
import { maxout } from '../../../layers/maxout'
import { reshape } from '../../../layers/reshape'
import { upsample2d } from '../../../layers/upsample2d'
import type { Layer } from '../../../plan/layer'
import { product } from '../../../tensor'
import { type At, type Handler, axisOf, beside, turned } from '../at'
import { type Shape, type Value, textOf } from '../values'
import { scaled } from './scale'

/** The same values with their axes all alike. */
function alike(at: At, values: readonly Value[]): Value[] {
  const [{ shape, first, flat }] = values
  const known = flat?.join()
  if (values.every((one) => one.first === first && one.flat?.join() === known)) return [...values]
  const turnTo = shape.length > 1 && values.some((one) => one.first)
  return values.map((one) => turned(at, one, turnTo))
}

/** All of one shape; what has one place only, as the gates of squeeze and excitation do, is spread over the image. */
function sameShape(at: At, values: readonly Value[]): Value[] {
  if (values.length < 2) throw at.fail('joins two values at least')
  const axes = values[0].shape.length
  const full: Shape = values[0].shape.map((_, axis) => {
    const sizes = values.map(({ shape }) => shape[axis])
    return sizes.find((size) => size !== 1) ?? sizes[0] ?? null
  })
  const fits = values.every(({ shape }) => shape.length === axes && shape.every((size, i) => size === full[i]))
  if (fits) return alike(at, values)
  return alike(
    at,
    values.map((one) => {
      const { shape } = one
      if (shape.length === axes && shape.every((size, i) => size === full[i])) return one
      const [h, w] = full
      const isGate = axes === 3 && shape.length === 3 && shape[0] === 1 && shape[1] === 1 && shape[2] === full[2]
      if (isGate && h !== null && w !== null) {
        return beside(at, 'spread', upsample2d({ scale: [h, w] }), turned(at, one, true), { shape: full })
      }
      throw at.fail(`joins values of other shapes: ${values.map((value) => textOf(value.shape)).join(' and ')}`)
    }),
  )
}

const joining =
  (what: string, make: () => Layer): Handler =>
  (at, ...values) =>
    beside(at, what, make(), sameShape(at, values))

const average: Handler = (at, ...values) => {
  const sum = beside(at, 'sum', add(), sameShape(at, values))
  return scaled(at, sum, 1 / values.length, 0, 'mean')
}

/** The largest of each number: as channels side by side, of which maxout takes the largest. */
const maximum: Handler = (at, ...values) => {
  const same = sameShape(at, values)
  const [x] = same
  const here = x.first ? [x.shape.at(-1)!, ...x.shape.slice(0, -1)] : x.shape
  if (here.some((size) => size === null)) throw at.fail(`joins values of an open shape, ${textOf(x.shape)}`)
  const size = product(here as readonly number[])
  const flat = { shape: [1, size, 1], first: true, flat: undefined }
  const rows = same.map((one) => beside(at, 'row', reshape([1, 1, size]), one, flat))
  const all = beside(at, 'all', concat(), rows)
  const largest = beside(at, 'largest', maxout({ pieces: rows.length }), all)
  return beside(at, 'back', reshape(here as readonly number[]), largest, {
    shape: x.shape,
    first: x.first,
    flat: x.flat,
  })
}

const concatenate: Handler = (at, ...values) => {
  if (values.length < 2) throw at.fail('joins two values at least')
  const [{ shape }] = values
  const axes = shape.length
  const axis = axisOf(at, values[0], at.config.whole('axis', -1))
  const fits = values.every(
    (one) =>
      one.shape.length === axes &&
      one.shape.every((size, i) => i === axis || size === null || shape[i] === null || size === shape[i]),
  )
  if (!fits) throw at.fail(`joins values that fit in no way: ${few(values.map((one) => textOf(one.shape)))}`)
  const sizes = values.map((one) => one.shape[axis])
  const sum = sizes.every((size) => size !== null) ? sizes.reduce((a, b) => a! + b!, 0) : null
  const to = shape.with(axis, sum)
  if (axes === 1) {
    const vectors = values.map((one) => turned(at, one, false))
    return beside(at, 'concat', concat(), vectors, { shape: to, flat: undefined })
  }
  const together = alike(at, values)
  const { first } = together[0]
  const here = first ? (axis + 1) % axes : axis
  return beside(at, 'concat', here === 0 && axes === 3 ? concat() : concat({ axis: here }), together, { shape: to })
}

export const MERGES: Readonly<Record<string, Handler>> = {
  Add: joining('add', add),
  Multiply: joining('multiply', multiply),
  Average: average,
  Maximum: maximum,
  Concatenate: concatenate,
}
