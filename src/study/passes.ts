// All that the studies ask of the inside of a model, so that each of them leaves it as it was, whatever happens.

import { type Data, copyRows } from '../data/batches'
import { PlanError, checkNoPromise, show } from '../errors'
import type { Model } from '../model/model'
import type { Origin, Value } from '../plan/plan'
import type { Tensor } from '../tensor'
import { createPass } from '../training/fit'

/** What a study may do with a model meanwhile. */
export interface Passes {
  /** Brings everything back to where it was, but gradients to zero. */
  reset(): void
  /** Switches what only regularises, such as dropout and l2, off until the next reset. */
  withoutRegularisation(): void
  /** Puts n rows where the next pass finds them: order[first], order[first + 1], ..., or the first n. y may be left out. */
  load(data: Pick<Data, 'x'> & Partial<Data>, n: number, order?: ArrayLike<number>, first?: number): void
  /** A training step on the n loaded rows at this learning rate. Returns their loss before it. */
  step(n: number, rate: number): number
  /** The training loss of the n loaded rows; every call is the same pass again, with the same masks of dropout. */
  loss(n: number): number
  /** Adds to the gradients those of that same pass, with what l2 and l1 add; returns the gradient of the input. */
  gradients(n: number): Tensor
  /** The loss of the n loaded rows if all outputs were 0, without regularisation. */
  lossOfZeros(n: number): number
  /** What regularisation adds to the loss. */
  penalty(): number
  /** That same pass forward and, with `gradient`, back: shows each layer's output and then each one's gradient. */
  see(n: number, gradient: boolean, show: See): void
}

/** Shows values of a layer while they are there: `part` is its number, and `isGradient` what they are. */
export type See = (origin: Origin, y: Value, values: Tensor['data'], part: number, isGradient: boolean) => void

/**
 * Runs `study` on a model between two steps: one that fit has begun is ended first. Puts back all that training changes
 * when it is done, and also when something throws, such as a layer or a loss of the user's.
 */
export function unchanged<T>(model: Model<never>, study: (passes: Passes) => T): T {
  const restore = model.snapshot()
  const pass = createPass()
  const next = model.passes
  const passes: Passes = {
    reset() {
      restore()
      for (const { data } of Object.values(model.gradients)) data.fill(0)
    },
    withoutRegularisation: () => model.setRegularises(false),
    load({ x, y }, n, order, first = 0) {
      if (y) model.loadBatch({ x, y }, n, order, first)
      else copyRows(x, model.inputSize, model.input.data, n, order, first)
    },
    step(n, rate) {
      model.begin(pass, n, true, rate)
      model.settle()
      return pass.loss
    },
    loss(n) {
      model.passes = next
      return model.lossOfLoaded(n, false)
    },
    gradients(n) {
      model.passes = next
      const inputs = model.gradientsOfLoaded(n)
      model.addDecay()
      return inputs
    },
    lossOfZeros(n) {
      model.output.data.fill(0)
      return model.needLoss('babysit').run(n, false)
    },
    penalty: () => model.decayLoss(),
    see(n, gradient, show) {
      model.passes = next
      const seen = new Set<number>()
      model.inspect(n, gradient, (origin, y, values, part) => {
        const isGradient = seen.has(part)
        seen.add(part)
        // Nothing that is trained lies before it, so nobody wrote a gradient there.
        if (!isGradient || !y.constant) show(origin, y, values, part, isGradient)
      })
    },
  }
  try {
    return study(passes)
  } finally {
    // Else the next step would go on with a pass in which something threw.
    pass.rows = 0
    restore()
  }
}

/** The rates of a run of 1000 epochs or steps: the highest, and that which it begins with. */
export function ratesOf(model: Model<never>): { peak: number; first: number } {
  const rate = model.needOptimizer('babysit').learningRate
  if (typeof rate === 'number') return { peak: rate, first: rate }
  const state = Float64Array.from(rate.initialState ?? [])
  let peak = 0
  for (let t = 0; t < RUN; t++) peak = Math.max(peak, checkRate(rate(t, RUN, state), t))
  return { peak, first: rate(0, RUN, state) }
}

const RUN = 1000

function checkRate(rate: number, t: number): number {
  if (rate >= 0 && rate < Infinity) return rate
  throw new PlanError(`learningRate: the schedule gives ${show(rate)} at time ${t} of ${RUN}`)
}

/** Throws a PlanError unless `model` is a model. */
export function checkModel(where: string, model: unknown): void {
  checkNoPromise(where, 'the model', model, 'createModel(...)')
  const { parameters, predict } = Object(model) as { [key in 'parameters' | 'predict']?: unknown }
  if (!parameters || typeof predict !== 'function') {
    throw new PlanError(`${where}: wants a model, as createModel gives it, got ${show(model)}`)
  }
}
