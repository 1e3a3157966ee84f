// What layers with weights share.

import { PlanError, checkNoPromise, readSafely, show } from '../errors'
import { type Initializer, he, xavier, zeros } from '../initializers'
import type { Layer, Plan, Slot } from '../plan/plan'

/** `init`, or undefined where it is left out; else, unless it is an initializer, a PlanError. */
export function checkInitializer(where: string, init: Initializer | null | undefined): Initializer | undefined {
  if (init === undefined || init === null) return undefined
  return readSafely(where, 'init', () => {
    checkNoPromise(where, 'init', init)
    if (typeof init.fill === 'function' && typeof init.kind === 'string') return init
    throw new PlanError(`${where}: init must be an initializer such as he(), got ${show(init)}`)
  })
}

/** He's initialisation where a ReLU or the like comes before the next weights, else Xavier's. */
export function defaultInitializer(following: readonly Layer[]): Initializer {
  const next = following.find(({ initBefore }) => initBefore !== 'next')
  return next?.initBefore === 'he' ? he() : xavier()
}

/** A bias for each output; zero at first, never decayed. */
export function planBias(plan: Plan, outputs: number): Slot {
  return plan.parameter('bias', [outputs], { init: zeros(), fanIn: 1, fanOut: 1, decay: false })
}
