import { DataError, PlanError, show } from './errors'
import { SOFTMAX_SCRATCH } from './kernels/blocking'
import type { Plan, Value } from './plan'

/** A planned loss. */
export interface LossStep {
  /** 'labels': one class index for each example; 'values': as many numbers as the output has. */
  readonly targets: 'labels' | 'values'
  /** Pointer to the targets: i32 labels, or values of the model's dtype. */
  readonly target: { readonly pointer: number }
  /** The mean loss of n examples; with `gradient`, writes the gradient of the output too. */
  run(n: number, gradient: boolean): number
}

export interface Loss {
  readonly kind: string
  readonly config: object
  plan(x: Value, plan: Plan): LossStep
}

/**
 * Softmax cross-entropy of scores (N, classes) and labels 0 ... classes - 1: the mean of ln(sum_j e^z_j) - z_label.
 * The network ends in the scores, without a softmax of its own.
 */
export function softmaxCrossEntropy(): Loss {
  return {
    kind: 'softmaxCrossEntropy',
    config: {},
    plan(x, plan) {
      if (x.shape.length !== 1) {
        throw new PlanError(
          `softmaxCrossEntropy: wants scores (classes), but the network ends in (${x.shape.join(', ')}); ` +
            `end it with flatten() and dense(classes)`,
        )
      }
      const target = plan.pinned(4 * plan.batch)
      plan.scratch(SOFTMAX_SCRATCH + x.size * plan.bytes)
      return {
        targets: 'labels',
        target,
        run: (n, gradient) =>
          plan.kernels.softmaxCrossEntropy(
            n,
            x.size,
            x.data,
            target.pointer,
            plan.scratchPointer,
            gradient ? x.gradient : 0,
          ),
      }
    },
  }
}

/** The mean over all values of (y - target)²; targets have the shape of the output. */
export function meanSquaredError(): Loss {
  return {
    kind: 'meanSquaredError',
    config: {},
    plan(x, plan) {
      const target = plan.pinned(plan.batch * x.size * plan.bytes)
      plan.scratch(64)
      return {
        targets: 'values',
        target,
        run: (n, gradient) =>
          plan.kernels.meanSquaredError(
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

/** Copies n labels, `rows[first + i]` of them if given, into the model, once each is known to be a class. */
export function copyLabels(
  labels: ArrayLike<number | bigint>,
  classes: number,
  to: Int32Array,
  n: number,
  rows: ArrayLike<number> | undefined,
  first: number,
): void {
  for (let i = 0; i < n; i++) checkLabel(labels, rows ? rows[first + i] : first + i, classes)
  for (let i = 0; i < n; i++) to[i] = Number(labels[rows ? rows[first + i] : first + i])
}

/** Throws a DataError unless labels[row] is a class. */
export function checkLabel(labels: ArrayLike<number | bigint>, row: number, classes: number, name = 'y'): void {
  const given = labels[row]
  const label = typeof given === 'bigint' ? Number(given) : given
  if (Number.isInteger(label) && label >= 0 && label < classes) return
  throw new DataError(
    `${name}: the label of row ${row} is ${show(labels[row])}; want an integer from 0 to ${classes - 1}`,
  )
}
