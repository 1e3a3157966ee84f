import { PlanError, few } from '../errors'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { configOf, namedLayers, planBranches } from './children'
import { channelsOf } from './shapes'

/**
 * The outputs of several layers on the same input, side by side: images along the channels, (N, C₁ + C₂ + ..., H, W),
 * vectors along the features. Inception (Szegedy et al., 2015), DenseNet. Parameters are named by place (`0.weight`),
 * or, from an object, by its keys.
 *
 *     concat(conv2d(64, { kernel: 1 }), conv2d(128, { kernel: 3, pad: 1 }), sequential())   // the last: x itself
 *
 * Throws a PlanError where the outputs differ in more than their channels.
 */
export function concat(...branches: Layer[]): Layer
export function concat(branches: Readonly<Record<string, Layer>>): Layer
export function concat(...args: (Layer | Readonly<Record<string, Layer>>)[]): Layer {
  const children = namedLayers('concat', args)
  if (!children.length) throw new PlanError('concat: wants one branch at least')
  return {
    kind: 'concat',
    config: { branches: configOf(children) },
    children,
    plan(x, plan) {
      const outputs = planBranches(children, x, plan)
      channelsOf(outputs[0], plan)
      const [, ...rest] = outputs[0].shape
      outputs.forEach(({ shape }, i) => {
        if (shape.length === rest.length + 1 && rest.every((size, axis) => size === shape[axis + 1])) return
        const given = (at: number) => `'${children[at][0]}' gives (${few(outputs[at].shape)})`
        throw plan.error(
          `${given(0)}, but ${given(i)}; side by side they must agree in all but the first, the channels`,
        )
      })
      const y = plan.value([outputs.reduce((sum, { shape }) => sum + shape[0], 0), ...rest])
      let offset = 0
      for (const part of outputs) {
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
      plan.addRow('concat', y.shape)
      return y
    },
  }
}
