import type { Tensor } from '../tensor'
import type { Labels, Numbers } from '../data/batches'
import { PlanError, checkOptions, flag, integer } from '../errors'
import { type Core, viewOf } from '../training/core'
import { checkBatch, checkData, loadBatch } from '../training/feed'
import { unchanged } from '../training/state'
import { addDecay, lossOfLoaded, needLoss, needTraining, settle } from '../training/step'
import { type Model, coreOf } from '../model/model'
import { type Random, createRandom } from '../random'

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
  /** How many values were checked. */
  readonly checked: number
  /** Those within a step of a kink, where a central difference says nothing and a smaller step or one side was taken. */
  readonly kinks: readonly Coordinate[]
}

/**
 * Compares gradients with central differences (loss(w + h) - loss(w - h)) / 2h of the training loss, l2 and l1
 * included, at `samples`, 10 unless given, values of each parameter (all of a smaller one), drawn with `seed`, 0 unless
 * given; with `input`, false unless given, also of x. After CS231n. The floor of the relative error is a thousandth of
 * the largest gradient, below which differences are rounding. A difference of losses L is good to about 1e-11 L: a loss
 * that is a million times its gradients, say by targets of 1e6, cannot be checked; scale it down.
 *
 * In float64, h is 1e-5 and an error of 1e-6 and less is right; in float32, h is 1e-2 and 1e-2 is as good as it gets:
 * check in float64. Every pass has the same masks of dropout and, in batch norm, the statistics of its own batch; the
 * model, its running statistics, gradients and passes are left as they were.
 *
 * A ReLU, hinge or maximum that tips within h spoils a difference: a kink. Where the two gradients disagree, a tenth and
 * a hundredth of h are tried as well, which leaves a kink behind and a wrong gradient wrong. A value that is on a kink
 * itself has another slope on either side; any gradient between these is right. Many `kinks` mean that the check says
 * little: take other data, or fewer rows.
 *
 *     const { error, name, index, kinks } = gradientCheck(model, x.subarray(0, 10 * size), y.subarray(0, 10))
 */
export function gradientCheck(
  model: Model<'loss' | 'training'>,
  x: Numbers,
  y: Labels | Numbers,
  options: { samples?: number; seed?: number; input?: boolean } = {},
): GradientCheck {
  checkOptions('gradientCheck', options, ['samples', 'seed', 'input'])
  const samples = integer('gradientCheck', 'samples', options.samples ?? 10, 1)
  const withInput = flag('gradientCheck', 'input', options.input ?? false)
  const random = createRandom(integer('gradientCheck', 'seed', options.seed ?? 0, 0), 2)
  const data = { x, y }
  const core = coreOf('gradientCheck', model)
  settle(core)
  needLoss('gradientCheck', core)
  needTraining('gradientCheck', core)
  if (withInput && !core.program.inputGradient) {
    throw new PlanError('gradientCheck: this model plans no gradient of its input; create it with inputGradient: true')
  }
  const checked = checkData('gradientCheck', core, data)
  checkBatch('gradientCheck', core, checked.rows)
  loadBatch(core, checked, checked.rows)
  return unchanged(core, () => check(core, checked.rows, samples, withInput, random))
}

function check(core: Core, n: number, samples: number, withInput: boolean, random: Random): GradientCheck {
  core.allGradients.fill(0)
  lossOfLoaded(core, n, true, withInput)
  addDecay(core)
  const checks = Object.entries(core.tensors.gradients).map(([name, { data }]) => {
    return { name, values: core.tensors.parameters[name].data, analytic: data.slice() }
  })
  if (withInput) {
    const length = n * core.input.size
    const values = core.tensors.input.data.subarray(0, length)
    const gradient = viewOf(core.dtype, core.engine.buffer, core.input.gradient!.pointer, length)
    checks.push({ name: 'input', values, analytic: gradient.slice() })
  }
  let largest = 0
  for (const { analytic } of checks) for (const value of analytic) largest = Math.max(largest, Math.abs(value))
  const floor = Math.max(1e-3 * largest, 1e-300)

  core.counters.passes--
  const middle = lossOfLoaded(core, n, false)
  let worst: Comparison & Coordinate = { error: 0, kink: false, name: '', index: 0, analytic: 0, numeric: 0 }
  let checked = 0
  const kinks: Coordinate[] = []
  for (const { name, values, analytic } of checks) {
    const indices = random.shuffle(Uint32Array.from(values, (_, i) => i)).subarray(0, samples)
    for (const index of indices) {
      const result = compare(core, n, middle, values, index, analytic[index], floor)
      checked++
      if (result.kink) kinks.push({ name, index })
      // Written so that a NaN is the worst of all, and stays it.
      if (!(result.error <= worst.error || Number.isNaN(worst.error))) worst = { ...result, name, index }
    }
  }
  const { error, name, index, analytic, numeric } = worst
  return { error, name, index, analytic, numeric, checked, kinks }
}

interface Comparison {
  readonly error: number
  readonly analytic: number
  readonly numeric: number
  readonly kink: boolean
}

/** The analytic gradient of values[index] against differences of smaller and smaller steps, until they agree. */
function compare(
  core: Core,
  n: number,
  middle: number,
  values: Tensor['data'],
  index: number,
  analytic: number,
  floor: number,
): Comparison {
  const [unit, tolerance] = core.dtype === 'float64' ? [1e-5, 1e-6] : [1e-2, 1e-2]
  const distance = (to: number) => Math.abs(analytic - to) / Math.max(Math.abs(analytic), Math.abs(to), floor)
  let error = Infinity
  let numeric = NaN
  let first = NaN
  for (let h = unit; h >= unit / 100 && !(error <= 1e-7); h /= 10) {
    const difference = differences(core, n, middle, values, index, h).central
    if (h === unit) first = distance(difference)
    if (!(distance(difference) >= error)) [error, numeric] = [distance(difference), difference]
  }
  if (!(error > tolerance)) return { error, analytic, numeric, kink: first > tolerance && first > 100 * error }

  // Slopes that differ, and by as much for a smaller step: with a curve they would come together with h.
  const near = differences(core, n, middle, values, index, unit / 10)
  const far = differences(core, n, middle, values, index, unit)
  const jump = near.right - near.left
  const ratio = jump / (far.right - far.left)
  const scale = Math.max(Math.abs(near.left), Math.abs(near.right), floor)
  if (Math.abs(jump) > 0.01 * scale && ratio > 0.5 && ratio < 2) {
    const nearest = Math.min(Math.max(analytic, Math.min(near.left, near.right)), Math.max(near.left, near.right))
    return { error: distance(nearest), analytic, numeric: nearest, kink: true }
  }
  return { error, analytic, numeric, kink: false }
}

/**
 * Slopes of the loss of the n loaded rows on both sides of w = values[index], where it is `middle`, and across; h grows
 * with a w above 1.
 */
function differences(core: Core, n: number, middle: number, values: Tensor['data'], index: number, h: number) {
  const value = values[index]
  const step = h * Math.max(1, Math.abs(value))
  const lossAt = (w: number): number => {
    values[index] = w
    // Every pass is the same one again, with the masks of dropout that the analytic gradient had.
    core.counters.passes--
    return lossOfLoaded(core, n, false)
  }
  const up = lossAt(value + step)
  const above = values[index]
  const down = lossAt(value - step)
  const below = values[index]
  values[index] = value
  return {
    left: (middle - down) / (value - below),
    right: (up - middle) / (above - value),
    central: (up - down) / (above - below),
  }
}
