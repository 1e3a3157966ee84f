import { PlanError, checkOptions, finite, show } from './errors'
import { BINARY_SCRATCH, SOFTMAX_SCRATCH } from './kernels/blocking'
import type { Place, Plan, Value } from './plan/plan'

/** A planned loss. */
export interface LossStep {
  /**
   * 'labels': one class index for each example; 'values': as many numbers as the output has; 'probabilities': the same,
   * from 0 to 1.
   */
  readonly targets: 'labels' | 'values' | 'probabilities'
  /** Pointer to the targets: i32 labels, or values of the model's dtype. */
  readonly target: Place
  /** What the n examples at the target weigh in a mean: n, or the sum of the weights of their classes. */
  weight(n: number): number
  /** The mean loss of n examples; with `gradient`, writes the gradient of the output too. */
  run(n: number, gradient: boolean): number
}

/** A loss is a description, as a layer is: plain data, and how to plan it. */
export interface Loss {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given. */
  readonly config: object
  /** Plans it on x, the output of the network. */
  plan(x: Value, plan: Plan): LossStep
}

/**
 * Softmax cross-entropy of scores (N, classes) and labels 0 ... classes - 1: the mean of ln(sum_j e^z_j) - z_label.
 * The network ends in the scores, without a softmax of its own.
 *
 * `classWeights`, one for each class, makes it a weighted mean: each example counts as the weight of its label, and the
 * sum is divided by the sum of those weights. `labelSmoothing` ε (Szegedy et al., 2016) has the scores aim at 1 - ε for
 * the label and ε / classes for every class, instead of at 1. Both together are as in PyTorch's CrossEntropyLoss.
 *
 *     softmaxCrossEntropy({ labelSmoothing: 0.1, classWeights: [1, 1, 5] })
 */
export function softmaxCrossEntropy(options: { labelSmoothing?: number; classWeights?: ArrayLike<number> } = {}): Loss {
  checkOptions('softmaxCrossEntropy', options, ['labelSmoothing', 'classWeights'])
  const labelSmoothing = finite('softmaxCrossEntropy', 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1)
  const classWeights = options.classWeights && checkClassWeights(options.classWeights)
  return {
    kind: 'softmaxCrossEntropy',
    config: { labelSmoothing, ...(classWeights && { classWeights }) },
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
          : { pointer: 0 }
      plan.scratch(SOFTMAX_SCRATCH + x.size * plan.bytes)
      const weight = (n: number) =>
        classWeights ? plan.kernels.sumOfLabelWeights(n, target.pointer, weights.pointer) : n
      return {
        targets: 'labels',
        target,
        weight,
        run: (n, gradient) =>
          plan.kernels.softmaxCrossEntropy(
            n,
            x.size,
            // Where no class that counts is there, the loss and its gradients are 0.
            weight(n) || 1,
            labelSmoothing,
            x.data,
            target.pointer,
            weights.pointer,
            plan.scratchPointer,
            gradient ? x.gradient : 0,
          ),
      }
    },
  }
}

/**
 * The multiclass hinge loss of a support vector machine (Weston & Watkins, 1999; CS231n) of scores (N, classes) and
 * labels: the mean over examples of sum_{j != label} max(0, z_j - z_label + margin). At the kink, where a term is just
 * 0, its gradient is 0.
 */
export function hinge(options: { margin?: number } = {}): Loss {
  checkOptions('hinge', options, ['margin'])
  const margin = finite('hinge', 'margin', options.margin ?? 1, 0)
  return {
    kind: 'hinge',
    config: { margin },
    plan(x, plan) {
      wantScores('hinge', x)
      const target = plan.pinned(4 * plan.batch)
      return {
        targets: 'labels',
        target,
        weight: (n) => n,
        run: (n, gradient) =>
          plan.kernels.hinge(n, x.size, n, margin, x.data, target.pointer, gradient ? x.gradient : 0),
      }
    },
  }
}

/** The mean over all values of (y - target)²; targets have the shape of the output. */
export function meanSquaredError(): Loss {
  return valuesLoss('meanSquaredError', 'values', 64)
}

/**
 * Binary cross-entropy of scores z, of any shape, and targets t of that shape from 0 to 1: the mean over all values of
 * -t ln σ(z) - (1 - t) ln(1 - σ(z)), computed as max(z, 0) - z t + ln(1 + e^-|z|), which is safe for every z. Each value
 * is a yes or no of its own. The network ends in the scores, without a sigmoid of its own. Accuracy is the share of
 * values with z > 0 where t > 0.5. PyTorch's BCEWithLogitsLoss.
 */
export function binaryCrossEntropy(): Loss {
  return valuesLoss('binaryCrossEntropy', 'probabilities', BINARY_SCRATCH)
}

/** A mean over all values of the output, each with a target of its own. */
function valuesLoss(
  kind: 'meanSquaredError' | 'binaryCrossEntropy',
  targets: 'values' | 'probabilities',
  scratch: number,
): Loss {
  return {
    kind,
    config: {},
    plan(x, plan) {
      const target = plan.pinned(plan.batch * x.size * plan.bytes)
      plan.scratch(scratch)
      return {
        targets,
        target,
        weight: (n) => n,
        run: (n, gradient) =>
          plan.kernels[kind](
            n * x.size,
            n * x.size,
            x.data,
            target.pointer,
            plan.scratchPointer,
            gradient ? x.gradient : 0,
          ),
      }
    },
  }
}

function wantScores(where: string, x: Value): void {
  if (x.shape.length === 1) return
  throw new PlanError(
    `${where}: wants scores (classes), but the network ends in (${x.shape.join(', ')}); ` +
      `end it with flatten() and dense(classes)`,
  )
}

/** A copy of the weights, finite, none negative and not all 0. */
function checkClassWeights(given: ArrayLike<number>): readonly number[] {
  if (typeof given !== 'object' || typeof given.length !== 'number') {
    throw new PlanError(`softmaxCrossEntropy: classWeights must be one number for each class, got ${show(given)}`)
  }
  const weights = Array.from(given, (weight, i) => finite('softmaxCrossEntropy', `classWeights[${i}]`, weight, 0))
  if (weights.some((weight) => weight > 0)) return weights
  throw new PlanError('softmaxCrossEntropy: classWeights are all 0; give a class that counts a weight above 0')
}
