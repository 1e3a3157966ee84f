// What a pass is measured by: the loss of each output, right answers, and what regularisation adds.

import { note } from '../errors'
import { countRight, countRightSides } from '../metrics'
import { runLoss, weigh } from '../plan/run'
import type { Core, Pass } from './core'

/**
 * The loss of the rows forward has run, that of each output added up, with what l2 and l1 add; with `gradient`, writes
 * those of the outputs. Puts them down in a `pass`, if there is one.
 */
export function runLosses(core: Core, gradient: boolean, pass?: Pass): number {
  const { run, heads } = core
  let all = 0
  for (let i = 0; i < heads.length; i++) {
    const weight = weigh(run, run.losses[i])
    const mean = runLoss(run, run.losses[i], weight, gradient)
    all = i ? all + mean : mean
    if (pass) record(core, pass, i, weight, mean)
  }
  const decay = decayLoss(core)
  if (pass) pass.decay = decay
  if (pass) pass.loss = all + decay
  return all + decay
}

/** Puts down the mean loss of an output. */
export function record(core: Core, pass: Pass, at: number, weight: number, mean: number): void {
  const { classes, targets, tensor, labels, values, value } = core.heads[at]
  const head = pass.heads[at]
  head.weight = weight
  // By label smoothing such rows may still teach something.
  if (pass.trains && !weight && !mean) {
    note(
      'no row of a batch counts, for their classes have weight 0: it teaches nothing; leave out rows of such classes',
    )
  }
  // Rows of no weight may still have a loss, by label smoothing.
  head.sum = mean * (weight || 1)
  head.right = classes
    ? countRight(tensor.data, labels, core.rows, classes)
    : targets === 'probabilities'
      ? countRightSides(tensor.data, values, core.rows, value.size)
      : NaN
}

/** What l2 and l1 add to the loss. */
export function decayLoss(core: Core): number {
  const { l2, l1 } = core.settings
  if (!core.regularises || !(l2 || l1)) return 0
  const { kernels, decayed, x } = core.vector
  let sum = 0
  if (l2) sum += 0.5 * l2 * kernels.sumOfSquares(decayed, x)
  if (l1) sum += l1 * kernels.sumOfMagnitudes(decayed, x)
  return sum
}

/** Adds the gradients of l2 and l1. */
export function addDecay(core: Core): void {
  const { l2, l1 } = core.settings
  if (!core.regularises) return
  const { kernels, decayed, x, dx } = core.vector
  if (l2) kernels.addScaled(decayed, l2, x, dx)
  if (l1) kernels.addSigns(decayed, l1, x, dx)
}
