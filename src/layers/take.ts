import { PlanError, checkArguments, checkOptions, few, integer } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { along, checkAxis } from './axes'

/**
 * A slice of each example along one axis, from `from`, 0 unless given, to before `to`, the end unless given; negative
 * numbers count from the end, as those of an array's slice do. `axis`, 0 unless given, is the first of an example; -1 is
 * the last.
 *
 *     take({ axis: 1, from: -1 })   // of (N, C, T) the last of each channel, (N, C, 1)
 */
export function take(options: { axis?: number; from?: number; to?: number }): Layer {
  checkArguments('take', arguments, 1)
  options = checkOptions('take', options, ['axis', 'from', 'to'])
  const axis = checkAxis('take', options.axis ?? 0)
  const place = (name: 'from' | 'to', value: number) => integer('take', name, value, Number.MIN_SAFE_INTEGER)
  const from = place('from', options.from ?? 0)
  const to = options.to === undefined ? undefined : place('to', options.to)
  if (to !== undefined && from < 0 === to < 0 && from >= to) {
    throw new PlanError(`take: to must be more than from, got ${from} and ${to}`)
  }
  return {
    kind: 'take',
    movesSteps: axis === 0 || axis < -1,
    config: { axis, from, ...(to !== undefined && { to }) },
    plan(x, plan) {
      const { at, outer, size, inner } = along(x, plan, axis)
      const [first, end] = [from, to ?? size].map((one) => (one < 0 ? one + size : one))
      if (first < 0 || end > size || first >= end) {
        throw plan.error(
          `there is nothing from ${from} to ${to ?? size} along axis ${axis} of examples of shape (${few(x.shape)})`,
        )
      }
      const count = (end - first) * inner
      if (count === size * inner) return x
      const y = plan.value(x.shape.with(at, end - first), x.ids)
      const offset = first * inner
      const blocks = times(outer)
      plan.forward('copyBlocks', {
        sizes: [blocks, count, size * inner, count],
        reads: [{ within: x, offset }],
        writes: [y],
      })
      plan.backward('fill', { sizes: [times(x.size), 0], reads: [], writes: [x.gradient] })
      plan.backward('copyBlocks', {
        sizes: [blocks, count, count, size * inner],
        reads: [y.gradient],
        writes: [x.gradient && { within: x.gradient, offset }],
      })
      return y
    },
  }
}
