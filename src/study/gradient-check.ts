import type { Data, Labels, Numbers } from '../data/batches'
import type { Beside } from '../data/beside'
import { MAX_SIZE, PlanError, checkArguments, checkOptions, flag, integer } from '../errors'
import { type ByName, memberName } from '../data/named'
import { type AnyModel, coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import { type Random, createRandom } from '../random'
import type { DType, Tensor } from '../tensor'
import { checkBatch, checkData } from '../training/feed'
import { norm } from './numbers'
import { type Disturb, type Passes, checkModel, sizesOf, unchanged } from './passes'

/** A value whose gradient was checked. */
export interface Coordinate {
  /** Of its parameter, or 'input'. */
  readonly name: string
  /** In the data of that. */
  readonly index: number
}

/** What gradientCheck found. */
export interface GradientCheck extends Coordinate {
  /** The largest relative error |a - n| / max(|a|, |n|, floor) of analytic against numeric gradients, at name, index. */
  readonly error: number
  /** The gradient there by back-propagation. */
  readonly analytic: number
  /** The gradient there by central differences. */
  readonly numeric: number
  /** Smaller gradients are compared with this: what rounding leaves of a difference does not tell them from 0. */
  readonly floor: number
  /** How many values were checked. */
  readonly checked: number
  /** Those at a kink, or within a step of one, where a central difference says nothing: see gradientCheck. */
  readonly kinks: readonly Coordinate[]
}

/** How differences are taken in each precision. */
function stepsOf(dtype: DType) {
  return {
    float64: {
      /** The step h; a tenth and a hundredth of it are tried as well. */
      step: 1e-5,
      /** Errors up to this are those of differences. */
      tolerance: 1e-6,
      /** How far points around a kink are from it: many steps, but near enough for slopes to stay what they are. */
      radius: 1e-3,
      /** The step there, as a share of their distance: seldom is there another kink as near as that. */
      near: 0.02,
      epsilon: 2 ** -52,
    },
    float32: { step: 1e-2, tolerance: 1e-2, radius: 1e-1, near: 0.1, epsilon: 2 ** -23 },
  }[dtype]
}
/** Points looked at around a kink. */
const POINTS = 20
/** Lines along which it is measured how large the rounding of a loss is. */
const LINES = 5

/**
 * Compares gradients with central differences (loss(w + h) - loss(w - h)) / 2h of the training loss, l2 and l1
 * included, at `samples`, 10 unless given, values of each parameter (all of a smaller one), drawn with `seed`, 0 unless
 * given; with `input`, false unless given, also of x; `weight` and `lengths` go with x and y, as in Data. After CS231n. x holds at most the batch of rows. Gradients below
 * a floor are compared with that floor: a thousandth of the largest of the same parameter, or what the rounding of the
 * loss makes of a difference, which is measured. A loss that is a million times its gradients, say by targets of 1e6,
 * has a high floor, and the check says little: scale it down.
 *
 * In float64, h is 1e-5 and an error of 1e-6 and less is right; in float32, h is 1e-2 and 1e-2 is as good as it gets:
 * check in float64. Every pass has the same masks of dropout and, in batch norm, the statistics of its own batch; the
 * model, its running statistics, gradients and passes are left as they were, also if a layer or a loss throws.
 *
 * A ReLU, hinge or maximum that tips within h spoils a difference: a kink. Where the two gradients disagree, a tenth
 * and a hundredth of h are tried as well, which leaves a kink behind and a wrong gradient wrong. A value that is on a
 * kink itself, or where several meet, has other slopes to all sides, and back-propagation leaves out any of the paths
 * that meet there. So the slopes at points around it are looked at: if the gradients are right there, one that lies
 * between these slopes, or leaves out some, is right. Many `kinks` mean that the check says little: take other data.
 *
 *     const { error, name, index, kinks } = gradientCheck(model, x.subarray(0, 10 * size), y.subarray(0, 10))
 */
export function gradientCheck<In extends string = never, Out extends string = never>(
  model: Model<'loss' | 'training', DType, In, Out>,
  x: NoInfer<ByName<In, Numbers>>,
  y: NoInfer<ByName<Out, Labels | Numbers>>,
  options: { samples?: number; seed?: number; input?: boolean } & NoInfer<Beside<In, Out>> = {},
): GradientCheck {
  const where = 'gradientCheck'
  checkArguments(where, arguments, 4)
  checkModel(where, model)
  const read = checkOptions(where, options, ['samples', 'seed', 'input', 'weight', 'lengths'])
  const samples = integer(where, 'samples', read.samples ?? 10, 1, MAX_SIZE)
  const withInput = flag(where, 'input', read.input ?? false)
  const random = createRandom(integer(where, 'seed', read.seed ?? 0, 0), 2)
  checkModel(where, model, 'loss', 'training')
  if (withInput && coreOf(where, model).inputs.every(({ value }) => value.ids)) {
    throw new PlanError(`${where}: input: true, but whole numbers that name something have no gradient; leave it out`)
  }
  if (withInput && !sizesOf(model).inputGradient) {
    throw new PlanError(`${where}: this model plans no gradient of its input; create it with inputGradient: true`)
  }
  if (!withInput && !Object.keys(model.gradients).length) {
    throw new PlanError(
      `${where}: nothing of this model is trained; create it with inputGradient: true, and check that with input: true`,
    )
  }
  const core = coreOf(where, model)
  const data = checkData(where, core, { x, y, weight: read.weight, lengths: read.lengths } as unknown as Data)
  const n = data.rows
  checkBatch(where, core, n)

  return unchanged(model, (passes) => {
    const begin = () => {
      passes.reset()
      passes.load(data, n)
    }
    begin()
    const gradients = passes.gradients(n)
    // Whole numbers that name something cannot be a little larger.
    const inputs = core.inputs.flatMap(({ name, value, tensor: { shape, data: all } }, i) => {
      const input = { name: memberName('input', name), shape, data: all.subarray(0, data.x[i].length) }
      return value.ids ? [] : [{ ...input, gradients: gradients[i].data }]
    })
    const places: Place[] = []
    const add = (name: string, values: Values, gradients: Values) => {
      let largest = 0
      for (let i = 0; i < gradients.length; i++) largest = Math.max(largest, Math.abs(gradients[i]))
      const [from, to] = core.parameters.find((parameter) => parameter.name === name)?.options.still ?? [0, 0]
      for (const index of draw(random, values.length, samples)) {
        if (index >= from && index < to) continue
        places.push({ name, index, values, gradients, analytic: gradients[index], largest })
      }
    }
    for (const [name, { data }] of Object.entries(model.gradients)) add(name, model.parameters[name].data, data)
    if (withInput) for (const { name, data, gradients: own } of inputs) add(name, data, own)

    const everything = [...Object.values(model.parameters), ...inputs]
    const { step, tolerance, epsilon } = stepsOf(core.dtype)
    const rounding = roundingOf(passes, n, begin, everything, step / 100, epsilon, random)
    begin()
    const floorOf = ({ largest }: Place) => Math.max(1e-3 * largest, rounding / (step * tolerance), 1e-300)
    const problem = { model, passes, n, begin, places, everything, inputs: inputs.length, floorOf, rounding }
    return compareAll({ ...problem, seed: read.seed ?? 0 })
  })
}

type Values = Float64Array | Float32Array

/** A value that is checked, and where it and its gradient lie. */
interface Place extends Coordinate {
  readonly values: Values
  readonly gradients: Values
  /** Its gradient. */
  readonly analytic: number
  /** The largest gradient of the same parameter, or of the input. */
  readonly largest: number
}

/** What all comparisons of one check share. */
interface Problem {
  readonly model: AnyModel
  readonly passes: Passes
  readonly n: number
  /** Brings back the model and its input as they were. */
  readonly begin: () => void
  readonly places: readonly Place[]
  /** All that the loss depends on: parameters, and the inputs last, of which there are so many. */
  readonly everything: readonly Tensor[]
  readonly inputs: number
  readonly floorOf: (place: Place) => number
  /** How much rounding moves the loss. */
  readonly rounding: number
  readonly seed: number
}

interface Comparison {
  readonly place: Place
  readonly error: number
  readonly numeric: number
  readonly kink: boolean
}

/** Differing indices below `length`, in random order: so many, or all. */
function draw(random: Random, length: number, count: number): Iterable<number> {
  if (2 * count > length) return random.shuffle(Uint32Array.from({ length }, (_, i) => i)).subarray(0, count)
  const indices = new Set<number>()
  while (indices.size < count) indices.add(random.integer(length))
  return indices
}

/** Moves each value at random by at most so much of itself, or by `absolute` where that is more. */
function jitter(values: Values, relative: number, absolute: number, random: Random): void {
  for (let i = 0; i < values.length; i++) {
    const size = Math.max(absolute, relative * Math.abs(values[i]))
    values[i] += size * (2 * random.uniform() - 1)
  }
}

/**
 * How much rounding moves the loss. Along a straight line, differences of the fourth order leave nothing of a smooth
 * loss, and of independent errors of size σ about σ √70 (Hamming; Moré & Wild, "Estimating Computational Noise", 2011).
 * Lines with a kink are not the rule. A loss is not better than the numbers that it is made of: that of outputs of 0
 * tells their size.
 */
function roundingOf(
  passes: Passes,
  n: number,
  begin: () => void,
  everything: readonly Tensor[],
  step: number,
  epsilon: number,
  random: Random,
) {
  const found: number[] = []
  for (let line = 0; line < LINES; line++) {
    begin()
    const moves = everything.map(({ data }) =>
      Float64Array.from(data, (v) => step * Math.max(1, Math.abs(v)) * (2 * random.uniform() - 1)),
    )
    const losses: number[] = []
    for (let point = 0; point < 12; point++) {
      everything.forEach(({ data }, i) => data.forEach((v, j) => (data[j] = v + moves[i][j])))
      losses.push(passes.loss(n))
    }
    let squares = 0
    for (let i = 4; i < losses.length; i++) {
      squares += (losses[i] - 4 * losses[i - 1] + 6 * losses[i - 2] - 4 * losses[i - 3] + losses[i - 4]) ** 2
    }
    found.push(Math.sqrt(squares / (losses.length - 4) / 70))
  }
  begin()
  const own = Math.abs(passes.loss(n))
  const ofZeros = Math.abs(passes.lossOfZeros(n))
  found.sort((a, b) => a - b)
  return Math.max(4 * found[LINES >> 1], epsilon * Math.max(own, Number.isFinite(ofZeros) ? ofZeros : 0))
}

/** Every place by itself; then the worst ones by what is around them, until one is wrong beyond doubt. */
function compareAll(problem: Problem): GradientCheck {
  const { places, model, floorOf } = problem
  const { tolerance } = stepsOf(model.dtype)
  const found = places.map((place) => compare(problem, place))
  const kinks = new Set(found.filter(({ kink }) => kink).map(({ place }) => place))
  let worst: Comparison | undefined
  for (const one of found) {
    if (one.error <= tolerance && !(worst && worst.error >= one.error)) worst = one
  }
  // Written so that a NaN is the worst of all.
  const doubtful = found.filter(({ error }) => !(error <= tolerance))
  doubtful.sort(
    (a, b) => (Number.isNaN(b.error) ? Infinity : b.error) - (Number.isNaN(a.error) ? Infinity : a.error) || 0,
  )
  const judge = createJudge(problem)
  for (const one of doubtful) {
    const { excused, kink } = judge(one)
    if (kink) kinks.add(one.place)
    if (excused) continue
    worst = one
    break
  }
  return {
    error: worst?.error ?? 0,
    name: worst?.place.name ?? '',
    index: worst?.place.index ?? 0,
    analytic: worst?.place.analytic ?? 0,
    numeric: worst?.numeric ?? 0,
    floor: worst ? floorOf(worst.place) : 0,
    checked: places.length,
    kinks: places.filter((place) => kinks.has(place)).map(({ name, index }) => ({ name, index })),
  }
}

/** The gradient of a place against differences of smaller and smaller steps, until they agree. */
function compare(problem: Problem, place: Place): Comparison {
  const { step, tolerance } = stepsOf(problem.model.dtype)
  let error = Infinity
  let numeric = NaN
  let first = NaN
  for (let h = step; h >= step / 150 && !(error <= tolerance / 10); h /= 10) {
    const difference = differenceAt(problem, place, h)
    const size = Math.max(Math.abs(place.analytic), Math.abs(difference), problem.floorOf(place))
    const distance = Math.abs(place.analytic - difference) / size
    if (h === step) first = distance
    if (!(distance >= error)) [error, numeric] = [distance, difference]
  }
  return { place, error, numeric, kink: error <= tolerance && first > tolerance && first > 100 * error }
}

/** The central difference of the loss by a value w, as everything is now; the step grows with a w above 1. */
function differenceAt(
  { passes, n }: Problem,
  { values, index }: Place,
  h: number,
  lossNow = () => passes.loss(n),
): number {
  const value = values[index]
  const step = h * Math.max(1, Math.abs(value))
  values[index] = value + step
  const above = values[index]
  const up = lossNow()
  values[index] = value - step
  const below = values[index]
  const down = lossNow()
  values[index] = value
  return (up - down) / (above - below)
}

/** Layers that do not read their own values again, so that these may become others, and 0 something else than 0. */
const LINEAR = /^(dense|conv2d|batchNorm|groupNorm|layerNorm|normalize|add)$/

/**
 * Tells whether a gradient that is no central difference is one of those that back-propagation may give at a kink. The
 * points around are drawn once, for all places.
 */
function createJudge(problem: Problem) {
  const { model, passes, n, begin, places, everything, inputs, rounding, seed } = problem
  const { radius, near, tolerance } = stepsOf(model.dtype)
  const h = near * radius
  const analytic: Float64Array[] = []
  const goTo = (point: number) => {
    begin()
    const random = createRandom(seed, 1000 + point)
    everything.forEach(({ shape, data }, i) => {
      // At two points all biases go the same way, so that units that meet are all off, or all on.
      const together = point < 2 && shape.length === 1 && i < everything.length - inputs
      if (together) for (let j = 0; j < data.length; j++) data[j] += point ? radius : -radius
      else jitter(data, point < 2 ? radius / 10 : radius, point < 2 ? radius / 10 : radius, random)
    })
  }
  /** At every other point, values within the network differ too: those that are equal by themselves become different. */
  const disturbAt = (point: number): Disturb | undefined => {
    if (point % 2 === 0) return undefined
    const random = createRandom(seed, 2000 + point)
    return (values, kind) => {
      const size = Math.max(1, norm(values) / Math.sqrt(values.length))
      jitter(values, radius, LINEAR.test(kind) ? radius * size : 0, random)
    }
  }
  const drawPoints = () => {
    for (let point = 0; point < POINTS; point++) {
      goTo(point)
      const disturb = disturbAt(point)
      if (disturb) passes.disturbedGradients(n, disturb)
      else passes.gradients(n)
      analytic.push(Float64Array.from(places, ({ gradients, index }) => gradients[index]))
    }
    begin()
  }
  const slopeAt = (point: number, place: Place, step: number) =>
    differenceAt(problem, place, step, () => {
      const disturb = disturbAt(point)
      return disturb ? passes.disturbedLoss(n, disturb) : passes.loss(n)
    })
  return ({ place, numeric }: Comparison): { excused: boolean; kink: boolean } => {
    const distance = Math.abs(place.analytic - numeric)
    // Below that, a difference says nothing; a NaN is no kink.
    if (!(distance > (2 * rounding) / h)) return { excused: false, kink: false }
    if (!analytic.length) drawPoints()
    const at = places.indexOf(place)
    const slopes: number[] = []
    let agree = 0
    for (let point = 0; point < POINTS; point++) {
      goTo(point)
      let slope = slopeAt(point, place, h)
      // Around a place of tiny slopes those may be large, and their differences no better than differences are.
      const agrees = () => {
        const error = tolerance * Math.max(Math.abs(slope), Math.abs(analytic[point][at]))
        return Math.abs(slope - analytic[point][at]) <= Math.max(distance / 10, rounding / h, error)
      }
      // Where many units meet, some other one is on its kink within that step.
      for (const less of [10, 100]) if (!agrees()) slope = slopeAt(point, place, h / less)
      slopes.push(slope)
      // Layers that read what was disturbed may be off a little.
      if (agrees() && !disturbAt(point)) agree++
    }
    begin()
    const low = Math.min(...slopes)
    const high = Math.max(...slopes)
    const size = Math.max(Math.abs(low), Math.abs(high))
    const spread = high - low
    const margin = 2 * spread + radius * size
    // A gradient that is wrong everywhere is so at these points too; at some of them another kink is too near.
    const excused =
      agree >= POINTS / 4 && place.analytic >= Math.min(low, 0) - margin && place.analytic <= Math.max(high, 0) + margin
    // Slopes without a kink between them differ by about as much as their places.
    return { excused, kink: excused || spread > Math.min(100 * radius, 0.5) * size }
  }
}
