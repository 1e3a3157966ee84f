// Layers that join several values of a graph, number by number.

import { checkArguments, few, quote } from '../errors'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import type { Plan } from '../plan/plan'
import type { Value } from '../plan/value'
import { checkCount } from './wiring'

/**
 * The sum of two values of a graph, or more, of one shape.
 *
 *     graph(['x'], ({ x }, use) => use('sum', add(), use('body', dense(4), x), x))
 *
 * Throws a PlanError where their shapes differ.
 */
export function add(): Layer {
  checkArguments('add', arguments, 0, 'its inputs are those of a graph: use(name, add(), a, b)')
  return {
    kind: 'add',
    config: {},
    initBefore: 'next',
    inputs: [2, Infinity],
    plan(x, plan, ...others) {
      checkShapes([x, ...others], plan)
      return others.reduce((a, b) => {
        const y = plan.value(a.shape)
        // The gradient of a sum is that of each term.
        plan.shareGradient(a, y)
        plan.shareGradient(b, y)
        plan.forward('add', { sizes: [times(y.size)], reads: [a, b], writes: [y], flops: y.size })
        return y
      }, x)
    },
  }
}

/**
 * The product of two values of a graph, or more, of one shape, number by number, as for a gate.
 *
 *     graph(['x'], ({ x }, use) => use('gated', multiply(), x, use('gate', sequential(dense(4), sigmoid()), x)))
 *
 * Throws a PlanError where their shapes differ.
 */
export function multiply(): Layer {
  checkArguments('multiply', arguments, 0, 'its inputs are those of a graph: use(name, multiply(), a, b)')
  return {
    kind: 'multiply',
    config: {},
    inputs: [2, Infinity],
    plan(x, plan, ...others) {
      checkShapes([x, ...others], plan)
      const sizes = [times(x.size)]
      // Each is the product of those before.
      const products = [x]
      for (const b of others) {
        const a = products.at(-1)!
        const y = plan.value(x.shape)
        plan.forward('multiply', { sizes, reads: [a, b], writes: [y], flops: y.size })
        products.push(y)
      }
      for (let i = others.length; i > 0; i--) {
        const [a, b, { gradient }] = [products[i - 1], others[i - 1], products[i]]
        plan.backward('multiply', { sizes, reads: [gradient, b], writes: [a.gradient] })
        plan.backward('multiply', { sizes, reads: [gradient, a], writes: [b.gradient] })
      }
      return products.at(-1)!
    },
  }
}

function checkShapes(values: readonly Value[], plan: Plan): void {
  checkCount((message) => plan.error(message), values.length, [2, Infinity])
  const [{ shape }] = values
  const other = values.findIndex((value) => value.shape.join() !== shape.join())
  if (other < 0) return
  throw plan.error(`${given(values, 0, plan)}, but ${given(values, other, plan)}; they must be of one shape`)
}

/** What a value to be joined is, for an error. */
export function given(values: readonly Value[], at: number, plan: Plan): string {
  return `${quote(plan.sources[at] ?? String(at))} gives (${few(values[at].shape)})`
}
