import { PlanError, checkOptions, hasMembers } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { configOf, namedLayers } from './children'
import { given } from './joins'
import { axisOf, channelsAlong } from './shapes'
import { checkCount, sideBySide } from './wiring'

/**
 * Values side by side: images along the channels, (N, C₁ + C₂ + ..., H, W), vectors along the features; along another
 * axis of an example with `axis`, which sequences want: 0 for (N, C, T) by channels, 1 for (N, T, D) by features. In a
 * graph, `concat()` joins what it is used on. With layers it joins their outputs on the same input: Inception (Szegedy et
 * al., 2015), DenseNet. Their parameters are named by place (`0.weight`), or, from an object, by its keys.
 *
 *     concat(conv2d(64, { kernel: 1 }), conv2d(128, { kernel: 3, pad: 1 }), sequential())   // the last: x itself
 *     graph(['a', 'b'], ({ a, b }, use) => use('both', concat(), a, b))
 *     graph(['a', 'b'], ({ a, b }, use) => use('longer', concat({ axis: -1 }), a, b))
 *
 * Throws a PlanError where the values differ in more than that axis.
 */
export function concat(...branches: Layer[]): Layer
export function concat(branches: Readonly<Record<string, Layer>>): Layer
export function concat(options: { axis: number }): Layer
export function concat(...args: (Layer | Readonly<Record<string, Layer>> | { axis: number })[]): Layer {
  if (isOptions(args)) return joining(2, axisOf('concat', checkOptions('concat', args[0], ['axis']).axis))
  const children = namedLayers('concat', args as Layer[])
  if (!args.length) return joining(2)
  if (!children.length) throw new PlanError('concat: wants one branch at least')
  const branches = children.map(([name, layer]) => ({ id: name, name, layer }))
  return sideBySide('concat', { branches: configOf(children) }, branches, joining(1))
}

function isOptions(args: readonly unknown[]): args is [{ axis: number }] {
  return args.length === 1 && hasMembers(args[0]) && typeof (args[0] as { axis?: unknown }).axis === 'number'
}

/** Joins so many values at least. */
function joining(least: number, told: { axis?: number } = {}): Layer {
  return {
    kind: 'concat',
    movesSteps: (told.axis ?? 0) === 0 || told.axis! < -1,
    config: told,
    initBefore: 'next',
    inputs: [least, Infinity],
    plan(x, plan, ...others) {
      const parts = [x, ...others]
      checkCount((message) => plan.error(message), parts.length, [least, Infinity])
      const { at, rows } = channelsAlong(x, plan, told.axis)
      parts.forEach(({ shape }, i) => {
        if (shape.length === x.shape.length && shape.every((size, k) => k === at || size === x.shape[k])) return
        const axis = at === 0 ? 'the first, the channels' : `axis ${at}`
        throw plan.error(
          `${given(parts, 0, plan)}, but ${given(parts, i, plan)}; side by side they must agree in all but ${axis}`,
        )
      })
      const sum = parts.reduce((total, { shape }) => total + shape[at], 0)
      const y = plan.value(x.shape.with(at, sum))
      const n = times(rows)
      const row = y.size / rows
      let offset = 0
      for (const part of parts) {
        const size = part.size / rows
        plan.forward('copyBlocks', {
          sizes: [n, size, size, row],
          reads: [part],
          writes: [{ within: y, offset }],
        })
        plan.backward('copyBlocks', {
          sizes: [n, size, row, size],
          reads: [y.gradient && { within: y.gradient, offset }],
          writes: [part.gradient],
        })
        offset += size
      }
      return y
    },
  }
}
