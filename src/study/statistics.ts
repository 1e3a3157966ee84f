// Values and gradients of every layer, as CS231n plots them ("Babysitting the learning process").

import type { Data, Labels, Numbers, TypedNumbers } from '../data/batches'
import { PlanError, checkArguments, checkOptions, finite, integer, numbers, show } from '../errors'
import { coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import { type Output, kindOf } from '../plan/calls'
import { type Tensor, product } from '../tensor'
import { checkBatch, checkData, readInputs } from '../training/feed'
import { moments } from './numbers'
import { type Passes, checkModel, unchanged } from './passes'

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
  /** Asks for histograms of so many bins, at most 10,000. 0 unless given: none. */
  bins?: number
  /** Where they begin and end, only with `bins`; three standard deviations on either side of the mean unless given. */
  range?: readonly [low: number, high: number]
}

/** The slope of a saturating unit from its output, as a share of the steepest. */
const SLOPES = new Map<string, (y: number) => number>([
  ['sigmoid', (y) => 4 * y * (1 - y)],
  ['tanh', (y) => 1 - y * y],
])
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
  checkArguments(where, arguments, 4)
  checkModel(where, model)
  const { bins, range } = checkHistogram(where, options)
  const hasTargets = y !== undefined
  if (hasTargets) checkModel(where, model, 'loss', 'training')
  const core = coreOf(where, model)
  const examples: TypedNumbers[] = []
  const rows = readInputs(core, 'x', x, examples, false)
  const data = hasTargets ? checkData(where, core, { x, y } as Data) : { x: examples }
  checkBatch(where, core, rows)
  return unchanged(model, (passes) => {
    passes.load(data, rows)
    return inspect(passes, rows, hasTargets, bins, range)
  })
}

function checkHistogram(where: string, options: StatisticsOptions) {
  const read = checkOptions(where, options, ['bins', 'range'])
  const bins = read.bins === undefined ? 0 : integer(where, 'bins', read.bins, 1, 10_000)
  if (read.range === undefined) return { bins, range: undefined }
  const edge = (name: string, value: unknown) => finite(where, `each end of range, ${name},`, value)
  const range = numbers(where, 'range', read.range, '[low, high], low below high', edge)
  if (!(range.length === 2 && range[0] < range[1])) {
    throw new PlanError(`${where}: range must be [low, high], low below high, got ${show(range)}`)
  }
  if (!bins) throw new PlanError(`${where}: range is that of histograms, of which there are none without bins`)
  return { bins, range }
}

/** What activationStatistics gives, of the n loaded rows. */
export function inspect(
  passes: Passes,
  n: number,
  gradient: boolean,
  bins = 0,
  range?: readonly number[],
): ActivationStatistics[] {
  const found = new Map<Output, { -readonly [K in keyof ActivationStatistics]: ActivationStatistics[K] }>()
  passes.see(n, gradient, (output, values, isGradient) => {
    if (isGradient) {
      found.get(output)!.gradients = statistics(values, bins, range)
      return
    }
    const { layer, value, beforeRelu } = output
    const activations = beforeRelu ? values.map((v) => Math.max(0, v)) : values
    const last = kindOf(layer)
    found.set(output, {
      path: layer.path,
      kind: layer.kind,
      shape: value.shape,
      activations: statistics(activations, bins, range),
      ...(last === 'relu' && { dead: share(firing(activations, n, value.shape), (fires) => !fires) }),
      ...(saturates(last) && { saturated: saturation(last, activations) }),
    })
  })
  return [...found.values()]
}

/** Whether a unit of this kind has slopes that go towards 0 on both sides. */
export function saturates(kind: string): boolean {
  return SLOPES.has(kind)
}

/** The share of outputs, of units of a kind that saturates, where the slope is below a twentieth of the steepest. */
export function saturation(kind: string, values: Tensor['data']): number {
  const slope = SLOPES.get(kind)!
  return share(values, (v) => slope(v) < SATURATED)
}

function share(values: ArrayLike<number>, test: (v: number) => boolean): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (test(values[i])) count++
  return count / values.length
}

/** Of (n, units, ...) values, 1 for each unit that is above 0 somewhere; added to `fires`, if given. */
export function firing(
  values: Tensor['data'],
  n: number,
  shape: readonly number[],
  fires: Uint8Array = new Uint8Array(shape[0]),
): Uint8Array {
  const [units, ...rest] = shape
  const size = product(rest)
  for (let unit = 0; unit < units; unit++) {
    for (let i = 0; i < n && !fires[unit]; i++) {
      const first = (i * units + unit) * size
      // Written so that a NaN counts as firing: it is no dead unit.
      for (let j = first; j < first + size && !fires[unit]; j++) if (!(values[j] <= 0)) fires[unit] = 1
    }
  }
  return fires
}

function statistics(values: Tensor['data'], bins: number, range?: readonly number[]): Statistics {
  const { mean, std } = moments(values)
  if (!bins) return { mean, std }
  const [low, high] = range ?? [clamp(mean - 3 * std), clamp(mean + 3 * std)]
  const counts = Array<number>(bins).fill(0)
  // In quarters, for the distance between the ends of the range may be more than the largest number.
  const width = high / 4 - low / 4
  for (let i = 0; i < values.length; i++) {
    // All the same value: in the middle. A NaN is in no bin, and where it is, nobody knows the ends.
    const place = width > 0 ? ((values[i] / 4 - low / 4) / width) * bins : low === high ? bins / 2 : NaN
    const at = Math.floor(place)
    if (at === at) counts[Math.min(Math.max(at, 0), bins - 1)]++
  }
  return { mean, std, histogram: { low, high, counts } }
}

function clamp(edge: number): number {
  return Math.min(Math.max(edge, -Number.MAX_VALUE), Number.MAX_VALUE)
}
