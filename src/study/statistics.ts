// Values and gradients of every layer, as CS231n plots them ("Babysitting the learning process").

import type { Labels, Numbers } from '../data/batches'
import { PlanError, checkOptions, finite, integer, show } from '../errors'
import { type Model, coreOf } from '../model/model'
import type { Output } from '../plan/calls'
import type { Tensor } from '../tensor'
import type { Core } from '../training/core'
import { checkBatch, checkData, loadBatch } from '../training/feed'
import { inspect } from '../training/inspect'
import { unchanged } from '../training/state'
import { needLoss, needTraining, settle } from '../training/step'

/** How often values of which size occur. */
export interface Histogram {
  /** Where the first bin begins. */
  readonly low: number
  /** Where the last bin ends. */
  readonly high: number
  /** Values in each bin; what is beyond the ends counts in the first and the last. */
  readonly counts: readonly number[]
}

/** Of some values. */
export interface Statistics {
  /** Their mean. */
  readonly mean: number
  /** Standard deviation. */
  readonly std: number
  /** If bins were asked for. */
  readonly histogram?: Histogram
}

/** One layer on one batch. */
export interface ActivationStatistics {
  /** Its place in the network, such as '3' or 'body.0'; '' for a network of one layer. */
  readonly path: string
  /** 'dense', or 'batchNorm + relu' where one does the work of two. */
  readonly kind: string
  /** Of its output, for one example. */
  readonly shape: readonly number[]
  /** Of its output. */
  readonly activations: Statistics
  /** Of the gradient of the loss by its output; only with labels or targets, and not where nothing before is trained. */
  readonly gradients?: Statistics
  /** Of ReLUs: the share of units (channels of an image) that are 0 for all examples, everywhere. */
  readonly dead?: number
  /** Of sigmoid and tanh: the share of values whose slope is less than a twentieth of the steepest. */
  readonly saturated?: number
}

/** What activationStatistics is asked for. */
export interface StatisticsOptions {
  /** Asks for histograms of so many bins; 0 unless given, which is none. */
  bins?: number
  /** Where they begin and end; three standard deviations on either side of the mean unless given. */
  range?: readonly [low: number, high: number]
}

/** The slope of a saturating unit from its output, as a share of the steepest. */
const SLOPES: Record<string, ((y: number) => number) | undefined> = {
  sigmoid: (y) => 4 * y * (1 - y),
  tanh: (y) => 1 - y * y,
}
const SATURATED = 0.05

/**
 * Mean and standard deviation of the activations of every layer on one batch, and, given labels or targets y, of their
 * gradients: the way to see a network whose signal dies away or explodes with depth. As in training: batch norm takes
 * the statistics of the batch, dropout its next masks. x holds at most the batch of rows. Leaves parameters,
 * gradients, buffers and dropout's masks as they were.
 *
 *     for (const { path, kind, activations } of activationStatistics(model, x)) console.log(path, kind, activations.std)
 *
 * Where a ReLU left its work to a pooling layer, the gradient of the pool, that of the ReLU's input, stands for its own.
 */
export function activationStatistics(
  model: Model<never>,
  x: Numbers,
  y?: undefined,
  options?: StatisticsOptions,
): ActivationStatistics[]
export function activationStatistics(
  model: Model<'loss' | 'training'>,
  x: Numbers,
  y: Labels | Numbers,
  options?: StatisticsOptions,
): ActivationStatistics[]
export function activationStatistics(
  model: Model<never>,
  x: Numbers,
  y?: Labels | Numbers,
  options: StatisticsOptions = {},
): ActivationStatistics[] {
  const where = 'activationStatistics'
  checkOptions(where, options, ['bins', 'range'])
  const bins = options.bins === undefined ? 0 : integer(where, 'bins', options.bins, 1)
  const range = options.range?.map((edge) => finite(where, 'each end of range', edge))
  if (range && !(range.length === 2 && range[0] < range[1])) {
    throw new PlanError(`${where}: range must be [low, high], low below high, got ${show(range)}`)
  }
  const core = coreOf(where, model)
  settle(core)
  if (y !== undefined) {
    needLoss(where, core)
    needTraining(where, core)
    const data = checkData(where, core, { x, y })
    checkBatch(where, core, data.rows)
    loadBatch(core, data, data.rows)
    return unchanged(core, () => layerStatistics(core, data.rows, true, bins, range))
  }
  // Checks x, and loads it.
  const [n] = model.forward(x).shape
  return unchanged(core, () => layerStatistics(core, n, false, bins, range))
}

/** What activationStatistics gives, of the n loaded rows. */
export function layerStatistics(
  core: Core,
  n: number,
  gradient: boolean,
  bins: number,
  range?: number[],
): ActivationStatistics[] {
  const found = new Map<Output, { -readonly [K in keyof ActivationStatistics]: ActivationStatistics[K] }>()
  inspect(core, n, gradient, (output, what, values) => {
    if (what === 'gradients') {
      found.get(output)!.gradients = statistics(values, bins, range)
      return
    }
    const { layer, value, beforeRelu } = output
    const activations = beforeRelu ? values.map((v) => Math.max(0, v)) : values
    const last = layer.kind.split(' + ').at(-1)!
    const slope = SLOPES[last]
    found.set(output, {
      path: layer.path,
      kind: layer.kind,
      shape: value.shape,
      activations: statistics(activations, bins, range),
      ...(last === 'relu' && { dead: deadUnits(activations, n, value.shape) }),
      ...(slope && { saturated: share(activations, (v) => slope(v) < SATURATED) }),
    })
  })
  return [...found.values()]
}

function share(values: Tensor['data'], test: (v: number) => boolean): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (test(values[i])) count++
  return count / values.length
}

/** Of (n, units, ...) values, the share of units that never are above 0. */
function deadUnits(values: Tensor['data'], n: number, [units, ...rest]: readonly number[]): number {
  const size = rest.reduce((product, d) => product * d, 1)
  let dead = 0
  for (let unit = 0; unit < units; unit++) {
    let fires = false
    for (let i = 0; i < n && !fires; i++) {
      const first = (i * units + unit) * size
      for (let j = first; j < first + size && !fires; j++) fires = !(values[j] <= 0)
    }
    if (!fires) dead++
  }
  return dead / units
}

function statistics(values: Tensor['data'], bins: number, range?: number[]): Statistics {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  const mean = sum / values.length
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2
  const std = Math.sqrt(squares / values.length)
  if (!bins) return { mean, std }
  const [low, high] = range ?? [mean - 3 * std, mean + 3 * std]
  const counts = Array<number>(bins).fill(0)
  for (let i = 0; i < values.length; i++) {
    // All the same value: in the middle. A NaN is in no bin.
    const at = high > low ? Math.floor(((values[i] - low) / (high - low)) * bins) : bins >> 1
    if (at === at) counts[Math.min(Math.max(at, 0), bins - 1)]++
  }
  return { mean, std, histogram: { low, high, counts } }
}
