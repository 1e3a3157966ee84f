import { PlanError, checkArguments, checkOptions, few, finite, flag, given, integer, note, numbers } from './errors'
import { BINARY_SCRATCH, SOFTMAX_SCRATCH, WEIGHTED_BINARY_SCRATCH } from './kernels/blocking'
import { type CallOptions, N, type Size, WEIGHT, times } from './plan/calls'
import type { Loss } from './plan/layer'
import type { Plan } from './plan/plan'
import type { Value } from './plan/value'

/** Of all losses. */
export interface LossOptions {
  /**
   * What the loss and its gradients are multiplied by, more than 0: how much it counts beside the losses of the other
   * outputs of a graph. 1 unless given.
   */
  weight?: number
}

/** Of softmaxCrossEntropy. */
export interface SoftmaxOptions extends LossOptions {
  /**
   * ε, for which the scores aim at 1 - ε for the label and ε / classes for every class, instead of at 1 (Szegedy et al.,
   * 2016). 0 unless given.
   */
  labelSmoothing?: number
  /**
   * One for each class: each example counts as the weight of its label, and the sum is divided by the sum of those
   * weights. With soft labels each class counts so much in the sum of its example, and the mean is that of the examples.
   */
  classWeights?: ArrayLike<number>
  /** The label of what does not count, in the loss or among the answers, such as padding. None unless given. */
  ignoreIndex?: number
  /** Whether targets are probabilities, one for each score, instead of labels. False unless given. */
  softLabels?: boolean
}

/**
 * Softmax cross-entropy of scores (N, classes) and labels 0 ... classes - 1: the mean of ln(sum_j e^z_j) - z_label. Of
 * scores (N, T, classes) there is a label for each of T positions, row by row, and the mean is over all positions; those
 * beyond the `lengths` of sequences, if the data have some, do not count. The network ends in the scores, without a
 * softmax of its own.
 *
 * With `softLabels` the targets t are as many as the scores, from 0 to 1: -sum_c t_c ln softmax(z)_c. Labels of several
 * examples that are mixed, or what another network says. An answer is right where the highest score is that of the highest
 * target. All of it is as in PyTorch's CrossEntropyLoss.
 *
 *     softmaxCrossEntropy({ labelSmoothing: 0.1, classWeights: [1, 1, 5] })
 */
export function softmaxCrossEntropy(options: SoftmaxOptions = {}): Loss {
  const where = 'softmaxCrossEntropy'
  checkArguments(where, arguments, 1)
  options = checkOptions(where, options, ['labelSmoothing', 'classWeights', 'ignoreIndex', 'softLabels', 'weight'])
  const weight = weightOf(where, options)
  const labelSmoothing = finite(where, 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1)
  const classWeights = checkWeights(where, 'classWeights', given(options.classWeights), 'class')
  const softLabels = flag(where, 'softLabels', options.softLabels ?? false)
  const { ignoreIndex } = options
  if (ignoreIndex !== undefined) integer(where, 'ignoreIndex', ignoreIndex, -(2 ** 31), 2 ** 31 - 1)
  if (ignoreIndex !== undefined && softLabels) {
    throw new PlanError(`${where}: ignoreIndex is a label, of which there are none with softLabels; give rows weight 0`)
  }
  return {
    kind: where,
    probabilities: 'softmax',
    config: {
      labelSmoothing,
      ...(classWeights && { classWeights }),
      ...(ignoreIndex !== undefined && { ignoreIndex }),
      ...(softLabels && { softLabels }),
      ...weight,
    },
    ...weight,
    plan(x, plan) {
      const { classes, positions, lengths } = scoresOf(where, x, plan)
      if (classWeights && classWeights.length !== classes) {
        throw new PlanError(`${where}: ${classWeights.length} classWeights, but the network ends in ${classes} classes`)
      }
      const scratch = SOFTMAX_SCRATCH + classes * plan.bytes
      const sizes: Size[] = [times(positions), classes, WEIGHT, labelSmoothing]
      if (softLabels) {
        const target = plan.pinned(plan.batch * x.size * plan.bytes)
        const weights = classWeights && plan.constant(classWeights)
        plan.loss('softCrossEntropy', { sizes, reads: [x, target, weights], scratch, writes: [x.gradient] })
        return { targets: 'probabilities', target, positions, lengths }
      }
      const target = plan.pinned(4 * plan.batch * positions)
      const weights = classWeights
        ? plan.constant(classWeights)
        : labelSmoothing
          ? plan.constant(Array<number>(classes).fill(1))
          : undefined
      if (classWeights) {
        plan.weight('sumOfLabelWeights', { sizes: [times(positions)], reads: [target, weights], writes: [] })
      }
      plan.loss('softmaxCrossEntropy', {
        sizes,
        // See assembly/part.ts.
        variant: weights ? undefined : 0,
        reads: [x, target, weights],
        scratch,
        writes: [x.gradient],
      })
      return { targets: 'labels', target, positions, ignoreIndex, lengths }
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
      if (x.shape.length > 1) throw noScores('hinge', x)
      noteOneClass('hinge', x.size)
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
  const weight = weightOf('meanSquaredError', checkOptions('meanSquaredError', options, ['weight']))
  return valuesLoss('meanSquaredError', {}, weight, 'values', (call) => ({ ...call, scratch: 0 }))
}

/**
 * The mean over all values of |y - target|, of which single targets that are far off pull less than of a square; targets
 * have the shape of the output. The gradient at 0 is 0.
 */
export function meanAbsoluteError(options: LossOptions = {}): Loss {
  checkArguments('meanAbsoluteError', arguments, 1)
  const weight = weightOf('meanAbsoluteError', checkOptions('meanAbsoluteError', options, ['weight']))
  return valuesLoss('meanAbsoluteError', {}, weight, 'values', robust(0))
}

/**
 * Huber's loss (1964), the mean over all values of r² / 2 where r = |y - target| is less than `delta`, 1 unless given,
 * and of delta (r - delta / 2) beyond: a square near the target, a straight line far from it. PyTorch's HuberLoss;
 * divided by delta it is its SmoothL1Loss.
 *
 *     huber({ delta: 0.5 })
 */
export function huber(options: { delta?: number } & LossOptions = {}): Loss {
  checkArguments('huber', arguments, 1)
  options = checkOptions('huber', options, ['delta', 'weight'])
  const delta = finite('huber', 'delta', options.delta ?? 1, 0)
  if (!Math.fround(delta)) throw new PlanError(`huber: delta must be more than 0, got ${delta}; take meanAbsoluteError`)
  return valuesLoss('huber', { delta }, weightOf('huber', options), 'values', robust(delta))
}

/**
 * Binary cross-entropy of scores z, of any shape, and targets t of that shape from 0 to 1: the mean over all values of
 * -t ln σ(z) - (1 - t) ln(1 - σ(z)), computed as max(z, 0) - z t + ln(1 + e^-|z|), which is safe for every z. Each value
 * is a yes or no of its own. The network ends in the scores, without a sigmoid of its own. Accuracy is the share of
 * values with z > 0 where t > 0.5. PyTorch's BCEWithLogitsLoss.
 *
 * `posWeight` is what the yes part is multiplied by, if it is given, -p t ln σ(z): a number, or one for each output, or
 * for each on the last axis. Above 1 it makes up for a yes that is rare.
 */
export function binaryCrossEntropy(options: { posWeight?: number | ArrayLike<number> } & LossOptions = {}): Loss {
  const where = 'binaryCrossEntropy'
  checkArguments(where, arguments, 1)
  options = checkOptions(where, options, ['posWeight', 'weight'])
  const weight = weightOf(where, options)
  const posWeight = given(options.posWeight)
  if (posWeight === undefined) {
    return valuesLoss(where, {}, weight, 'probabilities', (call) => ({ ...call, scratch: BINARY_SCRATCH }))
  }
  const weights =
    typeof posWeight === 'number'
      ? [finite(where, 'posWeight', posWeight, 0)]
      : checkWeights(where, 'posWeight', posWeight, 'output')!
  const config = { posWeight: typeof posWeight === 'number' ? posWeight : weights }
  return valuesLoss(where, config, weight, 'probabilities', (call, x, plan) => {
    if (weights.length !== 1 && weights.length !== x.size && weights.length !== x.shape.at(-1)) {
      throw new PlanError(`${where}: ${weights.length} numbers as posWeight, but the network ends in (${few(x.shape)})`)
    }
    // One for each value, for the kernel knows of no rows.
    const all = Array.from({ length: plan.batch * x.size }, (_, i) => weights[i % weights.length])
    const reads = [...call.reads, plan.constant(all)]
    return { ...call, kernel: 'weightedBinaryCrossEntropy', reads, scratch: WEIGHTED_BINARY_SCRATCH }
  })
}

/** A call of a loss of values, as it is recorded. */
interface ValuesCall extends CallOptions {
  readonly kernel: 'meanSquaredError' | 'binaryCrossEntropy' | 'weightedBinaryCrossEntropy' | 'robustError'
}

function robust(delta: number): (call: ValuesCall) => ValuesCall {
  return ({ sizes, ...call }) => ({ ...call, kernel: 'robustError', sizes: [...sizes, delta] })
}

/** A mean over all values of the output, each with a target of its own; `call` says of the call what is special. */
function valuesLoss(
  kind: string,
  config: object,
  weight: LossOptions,
  targets: 'values' | 'probabilities',
  call: (call: ValuesCall, x: Value, plan: Plan) => ValuesCall,
): Loss {
  return {
    kind,
    config: { ...config, ...weight },
    ...weight,
    ...(targets === 'probabilities' && { probabilities: 'sigmoid' }),
    plan(x, plan) {
      const target = plan.pinned(plan.batch * x.size * plan.bytes)
      // Of a sequence the steps count, or do not, each for itself.
      const lengths = x.shape.length > 1 ? plan.lengths : undefined
      const positions = lengths ? x.shape[0] : 1
      const sizes = [times(x.size), { perWeight: x.size / positions }]
      const plain: ValuesCall = {
        kernel: targets === 'values' ? 'meanSquaredError' : 'binaryCrossEntropy',
        sizes,
        reads: [x, target],
        writes: [x.gradient],
      }
      const { kernel, ...options } = call(plain, x, plan)
      plan.loss(kernel, options)
      return { targets, target, positions, lengths }
    },
  }
}

/** The weight, if it is another than 1. */
function weightOf(where: string, { weight = 1 }: LossOptions): LossOptions {
  finite(where, 'weight', weight, 0)
  if (weight) return weight === 1 ? {} : { weight }
  throw new PlanError(`${where}: weight must be more than 0, got 0: nothing could be learnt of it`)
}

/** How many classes scores (classes) or (T, classes) are of, and how many positions there are. */
function scoresOf(where: string, x: Value, plan: Plan) {
  if (x.shape.length > 2) throw noScores(where, x)
  const classes = x.shape.at(-1)!
  noteOneClass(where, classes)
  return { classes, positions: x.size / classes, lengths: x.shape.length > 1 ? plan.lengths : undefined }
}

function noScores(where: string, x: Value): PlanError {
  const each = where === 'hinge' ? '' : ' or, for each of T positions, (T, classes)'
  return new PlanError(
    `${where}: wants scores (classes)${each}, but the network ends in (${few(x.shape)}); ` +
      `end it with flatten() and dense(classes)`,
  )
}

function noteOneClass(where: string, classes: number): void {
  if (classes > 1) return
  note(
    `${where}: the network ends in one class, which is always right: nothing is learnt; end in a score for each class, ` +
      'or take binaryCrossEntropy',
  )
}

/** A copy of the weights, finite, none negative and not all 0. */
function checkWeights(
  where: string,
  name: string,
  weights: ArrayLike<number> | undefined,
  of: string,
): readonly number[] | undefined {
  if (weights === undefined) return undefined
  const copy = numbers(where, name, weights, `one number for each ${of}`, (one, v) => finite(where, one, v, 0))
  if (copy.some((weight) => weight > 0)) return copy
  throw new PlanError(`${where}: ${name} are all 0; give one that counts more`)
}
