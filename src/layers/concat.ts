import { PlanError } from '../errors'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { configOf, namedLayers } from './children'
import { given } from './joins'
import { channelsOf } from './shapes'
import { checkCount, sideBySide } from './wiring'

/**
 * Values side by side: images along the channels, (N, C₁ + C₂ + ..., H, W), vectors along the features. In a graph,
 * `concat()` joins what it is used on. With layers it joins their outputs on the same input: Inception (Szegedy et al.,
 * 2015), DenseNet. Their parameters are named by place (`0.weight`), or, from an object, by its keys.
 *
 *     concat(conv2d(64, { kernel: 1 }), conv2d(128, { kernel: 3, pad: 1 }), sequential())   // the last: x itself
 *     graph(['a', 'b'], ({ a, b }, use) => use('both', concat(), a, b))
 *
 * Throws a PlanError where the values differ in more than their channels.
 */
export function concat(...branches: Layer[]): Layer
export function concat(branches: Readonly<Record<string, Layer>>): Layer
export function concat(...args: (Layer | Readonly<Record<string, Layer>>)[]): Layer {
  const children = namedLayers('concat', args)
  if (!args.length) return joining(2)
  if (!children.length) throw new PlanError('concat: wants one branch at least')
  const branches = children.map(([name, layer]) => ({ id: name, name, layer }))
  return sideBySide('concat', { branches: configOf(children) }, branches, joining(1))
}

/** Joins so many values at least. */
function joining(least: number): Layer {
  return {
    kind: 'concat',
    config: {},
    initBefore: 'next',
    inputs: [least, Infinity],
    plan(x, plan, ...others) {
      const parts = [x, ...others]
      checkCount((message) => plan.error(message), parts.length, [least, Infinity])
      channelsOf(x, plan)
      const [, ...rest] = x.shape
      parts.forEach(({ shape }, i) => {
        if (shape.length === rest.length + 1 && rest.every((size, axis) => size === shape[axis + 1])) return
        throw plan.error(
          `${given(parts, 0, plan)}, but ${given(parts, i, plan)}; side by side they must agree in all but the first, ` +
            'the channels',
        )
      })
      const y = plan.value([parts.reduce((sum, { shape }) => sum + shape[0], 0), ...rest])
      let offset = 0
      for (const part of parts) {
        const { size } = part
        plan.forward('copyBlocks', {
          sizes: [N, size, size, y.size],
          reads: [part],
          writes: [{ within: y, offset }],
        })
        plan.backward('copyBlocks', {
          sizes: [N, size, y.size, size],
          reads: [y.gradient && { within: y.gradient, offset }],
          writes: [part.gradient],
        })
        offset += size
      }
      return y
    },
  }
}
