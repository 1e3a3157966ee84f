// What layers with weights share.

import { PlanError, checkNoPromise, readSafely, show } from '../errors'
import { type Initializer, he, xavier, zeros } from '../initializers'
import { type CallOptions, N } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Ahead, Layer } from '../plan/layer'
import type { Parameter, Value } from '../plan/value'

/** `init`, or undefined where it is left out; else, unless it is an initializer, a PlanError. */
export function checkInitializer(where: string, init: Initializer | null | undefined): Initializer | undefined {
  if (init === undefined || init === null) return undefined
  return readSafely(where, 'init', () => {
    checkNoPromise(where, 'init', init)
    if (typeof init.fill === 'function' && typeof init.kind === 'string') return init
    throw new PlanError(`${where}: init must be an initializer such as he(), got ${show(init)}`)
  })
}

/** Of the weights before the end of a network, so that its first outputs are near 0: a tenth of Xavier's. */
const LAST = 0.1

/**
 * He's initialisation where a ReLU or the like comes before the next weights; where nothing but the loss comes, so small
 * that the first loss is what outputs of 0 would give (ln(classes) for softmax), as CS231n asks; else Xavier's.
 */
export function defaultInitializer(ahead: Ahead): Initializer {
  return ahead === 'relu' ? he() : xavier({ gain: ahead === 'end' ? LAST : 1 })
}

/** What comes after each of `layers`, behind which comes `after`. */
export function aheadOf(layers: readonly Layer[], after: Ahead): Ahead[] {
  const ahead = Array<Ahead>(layers.length)
  let next = after
  for (let i = layers.length - 1; i >= 0; i--) {
    ahead[i] = next
    const { initBefore } = layers[i]
    if (initBefore !== 'next') next = initBefore === 'he' ? 'relu' : 'other'
  }
  return ahead
}

/** A bias for each output; zero at first, never decayed. */
export function planBias(plan: Plan, outputs: number): Parameter {
  return plan.parameter('bias', [outputs], { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
}

/** The call that adds the gradient of the bias of y: sums over its channels, of hw values each. */
export function biasGradient(y: Value, bias: Parameter, hw: number): CallOptions {
  return { sizes: [N, bias.size, bias.size, hw], reads: [y.gradient], writes: [bias.gradient] }
}
