// What a pass is measured by: the loss of each output, right answers, and what regularisation adds.

import { note } from '../errors'
import { countRight, countRightSides, countSameBest } from '../metrics'
import type { Core, Pass } from './core'
import { countedOf, meanLoss, weightOf } from './counts'

/**
 * The loss of the rows forward has run, that of each output added up, with what l2 and l1 add; with `gradient`, writes
 * those of the outputs. Puts them down in a `pass`, if there is one.
 */
export function runLosses(core: Core, gradient: boolean, pass?: Pass): number {
  const { run, heads } = core
  let all = 0
  for (let i = 0; i < heads.length; i++) {
    const weight = weightOf(core, heads[i], run.losses[i], core.rows)
    const mean = meanLoss(core, heads[i], run.losses[i], core.rows, weight, gradient)
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
  const { classes, targets, tensor, labels, values, size, positions, counts, loss } = core.heads[at]
  const head = pass.heads[at]
  const rows = core.rows * positions
  const weights = counts.alike ? undefined : counts.weights
  head.weight = weight
  // By label smoothing such rows may still teach something.
  if (pass.trains && !weight && !mean) {
    note(
      counts.alike
        ? 'no row of a batch counts, for their classes have weight 0: it teaches nothing; leave out rows of such classes'
        : 'no row of a batch counts, for all have weight 0 or labels that are ignored: it teaches nothing',
    )
  }
  // Rows of no weight may still have a loss, by label smoothing.
  head.sum = mean * (weight || 1)
  // Where each output is a yes or no of its own, each is an answer.
  const sides = targets === 'probabilities' && loss!.probabilities !== 'softmax'
  head.counted = countedOf(core.heads[at], core.rows) * (sides ? size : 1)
  head.right = NaN
  if (classes) head.right = countRight(tensor.data, labels, rows, classes, weights)
  else if (sides) head.right = countRightSides(tensor.data, values, rows, size, weights)
  else if (targets === 'probabilities') head.right = countSameBest(tensor.data, values, rows, size, weights)
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
