// Values around others: zeros, or another number.

import { padChannels } from '../../layers/pad-channels'
import { zeroPad2d } from '../../layers/zero-pad2d'
import { product } from '../../tensor'
import { NEAR, affine, scalar, table } from './arithmetic'
import { type Active, exampleOf } from './builder'
import type { Converter, Op } from './op'

/** Pad: values around those that there are. */
export const padded: Converter = (op) => {
  const x = op.active(0)
  const rank = x.shape.length
  const mode = op.text('mode', 'constant')
  const pads = op.list('pads', 1) ?? op.ints('paddings') ?? []
  const axes = op.inputs[3] ? op.limited(op.constant(3, 'axes'), 'axes') : x.shape.map((_, axis) => axis)
  if (pads.length !== 2 * axes.length) throw op.fail(`pads has ${pads.length} numbers`)
  const before = Array<number>(rank).fill(0)
  const after = Array<number>(rank).fill(0)
  axes.forEach((axis, i) => {
    before[op.axis(axis, rank)] = pads[i]
    after[op.axis(axis, rank)] = pads[axes.length + i]
  })
  if (![...before, ...after].some(Boolean)) return x
  const value = op.inputs[2] ? op.number('', 2, 0) : op.float('value', 0)
  if (mode !== 'constant') throw op.fail(`no layer pads by ${mode}; zeros, or another number, there are`)
  if (before[x.batch] || after[x.batch]) throw op.fail('it pads the batch')
  if ([...before, ...after].some((pad) => pad < 0)) throw op.fail('it pads by less than nothing')
  if (!Number.isFinite(value)) throw op.fail(`it pads by ${value}`)
  const [begin, end] = [before, after].map((list) => list.toSpliced(x.batch, 1))
  if (!value) return zerosAround(op, x, begin, end)
  if (Math.abs(value) <= NEAR) {
    const done = zerosAround(op, affine(op, x, undefined, scalar(-value)), begin, end)
    return affine(op, done, undefined, scalar(value))
  }
  // Values moved so far away would not come back as they were.
  const done = zerosAround(op, x, begin, end)
  return table(op, done, rimOf(op, exampleOf(x), exampleOf(done), begin, value), false)
}

/** A table of 0 where the values within lie, and of a number around them. */
function rimOf(
  op: Op,
  within: readonly number[],
  whole: readonly number[],
  begin: readonly number[],
  value: number,
): number[] {
  const size = product(whole)
  op.builder.budget.take(size, 'what is padded by a number')
  return Array.from({ length: size }, (_, i) => {
    let rest = i
    let isWithin = true
    for (let axis = whole.length - 1; axis >= 0; axis--) {
      const at = (rest % whole[axis]) - begin[axis]
      isWithin &&= at >= 0 && at < within[axis]
      rest = Math.floor(rest / whole[axis])
    }
    return isWithin ? 0 : value
  })
}

/** Zeros before and behind values along each axis of examples. */
function zerosAround(op: Op, x: Active, before: readonly number[], after: readonly number[]): Active {
  const example = exampleOf(x)
  const { batch } = x
  const hint = 'pad'
  if (example.length === 3 && !before[0] && !after[0]) {
    const stored = example.map((size, axis) => before[axis] + size + after[axis])
    const sides = { top: before[1], left: before[2], bottom: after[1], right: after[2] }
    return op.gives(op.builder.as(x, example), stored, () => zeroPad2d(sides), { batch, hint })
  }
  let now = x
  example.forEach((size, axis) => {
    if (!before[axis] && !after[axis]) return
    const whole = before[axis] + size + after[axis]
    const target = exampleOf(now).with(axis, whole)
    const [outer, inner] = [product(target.slice(0, axis)), product(target.slice(axis + 1))]
    now =
      outer === 1
        ? op.gives(
            op.builder.as(now, [size, 1, inner]),
            [whole, 1, inner],
            () => padChannels({ before: before[axis], after: after[axis] }),
            { batch, hint, example: target },
          )
        : op.gives(
            op.builder.as(now, [outer, size, inner]),
            [outer, whole, inner],
            () => zeroPad2d({ top: before[axis], bottom: after[axis] }),
            { batch, hint, example: target },
          )
  })
  return now
}
