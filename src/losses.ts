import { PlanError, checkArguments, checkOptions, few, finite, given, note, numbers } from './errors'
import { BINARY_SCRATCH, SOFTMAX_SCRATCH } from './kernels/blocking'
import { N, WEIGHT, times } from './plan/calls'
import type { Loss } from './plan/layer'
import type { Value } from './plan/value'

/** Of all losses. */
export interface LossOptions {
  /**
   * What the loss and its gradients are multiplied by, more than 0: how much it counts beside the losses of the other
   * outputs of a graph. 1 unless given.
   */
  weight?: number
}

/**
 * Softmax cross-entropy of scores (N, classes) and labels 0 ... classes - 1: the mean of ln(sum_j e^z_j) - z_label.
 * The network ends in the scores, without a softmax of its own.
 *
 * `classWeights`, one for each class, makes it a weighted mean: each example counts as the weight of its label, and the
 * sum is divided by the sum of those weights. `labelSmoothing` ε, 0 unless given (Szegedy et al., 2016), has the scores
 * aim at 1 - ε for the label and ε / classes for every class, instead of at 1. Both together are as in PyTorch's
 * CrossEntropyLoss.
 *
 *     softmaxCrossEntropy({ labelSmoothing: 0.1, classWeights: [1, 1, 5] })
 */
export function softmaxCrossEntropy(
  options: { labelSmoothing?: number; classWeights?: ArrayLike<number> } & LossOptions = {},
): Loss {
  checkArguments('softmaxCrossEntropy', arguments, 1)
  options = checkOptions('softmaxCrossEntropy', options, ['labelSmoothing', 'classWeights', 'weight'])
  const weight = weightOf('softmaxCrossEntropy', options)
  const labelSmoothing = finite('softmaxCrossEntropy', 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1)
  const classWeights = checkClassWeights(given(options.classWeights))
  return {
    kind: 'softmaxCrossEntropy',
    probabilities: 'softmax',
    config: { labelSmoothing, ...(classWeights && { classWeights }), ...weight },
    ...weight,
    plan(x, plan) {
      wantScores('softmaxCrossEntropy', x)
      if (classWeights && classWeights.length !== x.size) {
        throw new PlanError(
          `softmaxCrossEntropy: ${classWeights.length} classWeights, but the network ends in ${x.size} classes`,
        )
      }
      const target = plan.pinned(4 * plan.batch)
      const weights = classWeights
        ? plan.constant(classWeights)
        : labelSmoothing
          ? plan.constant(Array<number>(x.size).fill(1))
          : undefined
      if (classWeights) plan.weight('sumOfLabelWeights', { sizes: [N], reads: [target, weights], writes: [] })
      plan.loss('softmaxCrossEntropy', {
        sizes: [N, x.size, WEIGHT, labelSmoothing],
        // See assembly/part.ts.
        variant: weights ? undefined : 0,
        reads: [x, target, weights],
        scratch: SOFTMAX_SCRATCH + x.size * plan.bytes,
        writes: [x.gradient],
      })
      return { targets: 'labels', target }
    },
  }
}

/**
 * The multiclass hinge loss of a support vector machine (Weston & Watkins, 1999; CS231n) of scores (N, classes) and
 * labels: the mean over examples of sum_{j != label} max(0, z_j - z_label + margin), `margin` being 1 unless given.
 * At the kink, where a term is just 0, its gradient is 0.
 */
export function hinge(options: { margin?: number } & LossOptions = {}): Loss {
  checkArguments('hinge', arguments, 1)
  options = checkOptions('hinge', options, ['margin', 'weight'])
  const weight = weightOf('hinge', options)
  const margin = finite('hinge', 'margin', options.margin ?? 1, 0)
  return {
    kind: 'hinge',
    config: { margin, ...weight },
    ...weight,
    plan(x, plan) {
      wantScores('hinge', x)
      const target = plan.pinned(4 * plan.batch)
      plan.loss('hinge', {
        sizes: [N, x.size, WEIGHT, margin],
        reads: [x, target],
        writes: [x.gradient],
      })
      return { targets: 'labels', target }
    },
  }
}

/** The mean over all values of (y - target)²; targets have the shape of the output. */
export function meanSquaredError(options: LossOptions = {}): Loss {
  checkArguments('meanSquaredError', arguments, 1)
  return valuesLoss('meanSquaredError', options, 'values', 0)
}

/**
 * Binary cross-entropy of scores z, of any shape, and targets t of that shape from 0 to 1: the mean over all values of
 * -t ln σ(z) - (1 - t) ln(1 - σ(z)), computed as max(z, 0) - z t + ln(1 + e^-|z|), which is safe for every z. Each value
 * is a yes or no of its own. The network ends in the scores, without a sigmoid of its own. Accuracy is the share of
 * values with z > 0 where t > 0.5. PyTorch's BCEWithLogitsLoss.
 */
export function binaryCrossEntropy(options: LossOptions = {}): Loss {
  checkArguments('binaryCrossEntropy', arguments, 1)
  return valuesLoss('binaryCrossEntropy', options, 'probabilities', BINARY_SCRATCH)
}

/** A mean over all values of the output, each with a target of its own. */
function valuesLoss(
  kind: 'meanSquaredError' | 'binaryCrossEntropy',
  options: LossOptions,
  targets: 'values' | 'probabilities',
  scratch: number,
): Loss {
  const weight = weightOf(kind, checkOptions(kind, options, ['weight']))
  return {
    kind,
    config: { ...weight },
    ...weight,
    ...(kind === 'binaryCrossEntropy' && { probabilities: 'sigmoid' }),
    plan(x, plan) {
      const target = plan.pinned(plan.batch * x.size * plan.bytes)
      const sizes = [times(x.size), { perWeight: x.size }]
      plan.loss(kind, { sizes, reads: [x, target], scratch, writes: [x.gradient] })
      return { targets, target }
    },
  }
}

/** The weight, if it is another than 1. */
function weightOf(where: string, { weight = 1 }: LossOptions): LossOptions {
  finite(where, 'weight', weight, 0)
  if (weight) return weight === 1 ? {} : { weight }
  throw new PlanError(`${where}: weight must be more than 0, got 0: nothing could be learnt of it`)
}

function wantScores(where: string, x: Value): void {
  if (x.shape.length !== 1) {
    throw new PlanError(
      `${where}: wants scores (classes), but the network ends in (${few(x.shape)}); ` +
        `end it with flatten() and dense(classes)`,
    )
  }
  if (x.size > 1) return
  note(
    `${where}: the network ends in one class, which is always right: nothing is learnt; end in a score for each class, ` +
      'or take binaryCrossEntropy',
  )
}

/** A copy of the weights, finite, none negative and not all 0. */
function checkClassWeights(weights: ArrayLike<number> | undefined): readonly number[] | undefined {
  if (weights === undefined) return undefined
  const where = 'softmaxCrossEntropy'
  const copy = numbers(where, 'classWeights', weights, 'one number for each class', (name, v) =>
    finite(where, name, v, 0),
  )
  if (copy.some((weight) => weight > 0)) return copy
  throw new PlanError('softmaxCrossEntropy: classWeights are all 0; give a class that counts more')
}
