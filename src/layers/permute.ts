import { PlanError, checkArguments, few, integer, numbers } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { product } from '../tensor'

/**
 * Examples with their axes in another order: axis i of the output is axis `order[i]` of the input, the batch not
 * counted. permute([1, 0]) turns (N, C, T) into (N, T, C). Where only axes of size 1 move it costs nothing.
 *
 *     permute([2, 0, 1])   // channels last, (N, H, W, C), to channels first
 */
export function permute(order: readonly number[]): Layer {
  checkArguments('permute', arguments, 1)
  const axes = numbers('permute', 'order', order, 'an array of axes', (name, axis) =>
    integer('permute', name, axis, 0, 31),
  )
  if (!axes.length || axes.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw new PlanError(`permute: order must have each of the axes 0, 1, ... once, got [${few(axes)}]`)
  }
  return {
    kind: 'permute',
    movesSteps: true,
    initBefore: 'next',
    config: { order: axes },
    plan(x, plan) {
      if (axes.length !== x.shape.length) {
        throw plan.error(`order has ${axes.length} axes, but examples have shape (${few(x.shape)})`)
      }
      const sizeOf = (list: readonly number[]) => product(list.map((axis) => x.shape[axis]))
      const target = axes.filter((axis) => x.shape[axis] > 1)
      let current = target.toSorted((a, b) => a - b)
      let y = x
      const back: (() => void)[] = []
      for (let i = 0; i < target.length; i++) {
        if (current[i] === target[i]) continue
        // What stands in the way goes behind all that is wanted here and stands together.
        const from = current.indexOf(target[i])
        let end = from
        while (end < current.length && current[end] === target[i + end - from]) end++
        const [before, first, second, rest] = [
          current.slice(0, i),
          current.slice(i, from),
          current.slice(from, end),
          current.slice(end),
        ]
        current = [...before, ...second, ...first, ...rest]
        const [n, a, b, inner] = [times(sizeOf(before)), sizeOf(first), sizeOf(second), sizeOf(rest)]
        const [read, write] = [y, plan.value(current.map((axis) => x.shape[axis]))]
        plan.forward('transposeAxes', { sizes: [n, a, b, inner], reads: [read], writes: [write] })
        back.push(() =>
          plan.backward('transposeAxes', {
            sizes: [n, b, a, inner],
            reads: [write.gradient],
            writes: [read.gradient],
          }),
        )
        y = write
      }
      for (const record of back.toReversed()) record()
      return plan.reshaped(
        y,
        axes.map((axis) => x.shape[axis]),
      )
    },
  }
}
