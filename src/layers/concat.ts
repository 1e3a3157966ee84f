import { PlanError } from '../errors'
import { type Layer, type Step, chain } from '../plan/plan'
import { configOf, namedLayers, planBranches } from './children'

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
      const { outputs, parts } = planBranches(children, x, plan)
      const [, ...rest] = outputs[0].shape
      outputs.forEach(({ shape }, i) => {
        if (shape.length === rest.length + 1 && rest.every((size, axis) => size === shape[axis + 1])) return
        const given = (at: number) => `'${children[at][0]}' gives (${outputs[at].shape.join(', ')})`
        throw plan.error(
          `${given(0)}, but ${given(i)}; side by side they must agree in all but the first, the channels`,
        )
      })
      const y = plan.value([outputs.reduce((sum, { shape }) => sum + shape[0], 0), ...rest])
      plan.addRow('concat', y.shape, 0)
      const join: Step = {
        y,
        flops: 0,
        forward(n) {
          let at = y.data
          for (let i = 0; i < outputs.length; i++) {
            const { size, data } = outputs[i]
            plan.kernels.copyBlocks(n, size, size, y.size, data, at)
            at += size * plan.bytes
          }
        },
        backward(n) {
          let at = y.gradient
          for (let i = 0; i < outputs.length; i++) {
            const { size, gradient } = outputs[i]
            if (plan.wants(outputs[i])) plan.kernels.copyBlocks(n, size, y.size, size, at, gradient)
            at += size * plan.bytes
          }
        },
      }
      return chain(y, [...parts, join])
    },
  }
}
