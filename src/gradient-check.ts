import type { Labels, Numbers } from './data/batches'
import { DataError, checkOptions, integer } from './errors'
import { checkData } from './feed'
import type { Model } from './model'
import type { Tensor } from './plan'
import { createRandom } from './random'

export interface GradientCheck {
  /** The largest relative error |a - n| / max(|a|, |n|, floor) of analytic against numeric gradients. */
  readonly error: number
  /** Where it is: a parameter's name and the index in its data. */
  readonly name: string
  readonly index: number
  readonly analytic: number
  readonly numeric: number
}

/**
 * Compares gradients with central differences (loss(w + h) - loss(w - h)) / 2h of the training loss, at `samples`
 * values of each parameter (all of a smaller one), drawn with `seed`. The model is left as it was. After CS231n; in
 * float64 1e-6 and less is right. The floor of the relative error is a thousandth of the largest gradient, below
 * which differences are rounding. A ReLU or a maximum that tips within h spoils a difference, so where they disagree a
 * tenth and a hundredth of h are tried as well: a wrong gradient stays wrong, a kink is left behind.
 */
export function gradientCheck(
  model: Model<'loss' | 'training'>,
  x: Numbers,
  y: Labels | Numbers,
  options: { samples?: number; seed?: number } = {},
): GradientCheck {
  checkOptions('gradientCheck', options, ['samples', 'seed'])
  const samples = integer('gradientCheck', 'samples', options.samples ?? 10, 1)
  const random = createRandom(integer('gradientCheck', 'seed', options.seed ?? 0, 0), 2)
  const data = { x, y }
  model.needLoss('gradientCheck')
  model.needTraining('gradientCheck')
  const n = checkData('gradientCheck', model, data)
  if (n > model.batch) throw new DataError(`gradientCheck: ${n} rows, more than the batch of ${model.batch}`)
  const kept = [...Object.values(model.buffers), ...Object.values(model.gradients)]
  const before = kept.map(({ data }) => data.slice())
  const { passes } = model

  for (const { data } of Object.values(model.gradients)) data.fill(0)
  model.loadBatch(data, n, undefined, 0)
  model.lossOfLoaded(n, true)
  model.addDecay()
  const gradients = Object.entries(model.gradients).map(([name, { data }]) => [name, data.slice()] as const)
  let largest = 0
  for (const [, values] of gradients) for (const value of values) largest = Math.max(largest, Math.abs(value))
  const floor = Math.max(1e-3 * largest, 1e-300)
  const unit = model.dtype === 'float64' ? 1e-5 : 1e-2

  let worst: GradientCheck = { error: 0, name: '', index: 0, analytic: 0, numeric: 0 }
  for (const [name, analytic] of gradients) {
    const values = model.parameters[name].data
    const indices = random.shuffle(Uint32Array.from(values, (_, i) => i)).subarray(0, samples)
    for (const index of indices) {
      const a = analytic[index]
      let error = Infinity
      let numeric = NaN
      for (let h = unit; h >= unit / 100 && !(error <= 1e-7); h /= 10) {
        const difference = centralDifference(model, n, values, index, h)
        const distance = Math.abs(a - difference) / Math.max(Math.abs(a), Math.abs(difference), floor)
        if (!(distance >= error)) [error, numeric] = [distance, difference]
      }
      // Written so that a NaN is the worst of all, and stays it.
      if (!(error <= worst.error || Number.isNaN(worst.error))) worst = { error, name, index, analytic: a, numeric }
    }
  }
  kept.forEach(({ data }, i) => data.set(before[i]))
  model.passes = passes
  return worst
}

/** (loss(w + h) - loss(w - h)) / 2h for w = values[index], of the loaded batch; h grows with a w above 1. */
function centralDifference(
  model: Model<'loss' | 'training'>,
  n: number,
  values: Tensor['data'],
  index: number,
  h: number,
): number {
  const value = values[index]
  const step = h * Math.max(1, Math.abs(value))
  values[index] = value + step
  const above = values[index]
  // Every pass is the same one again, with the masks of dropout that the analytic gradient had.
  model.passes--
  const up = model.lossOfLoaded(n, false)
  values[index] = value - step
  model.passes--
  const numeric = (up - model.lossOfLoaded(n, false)) / (above - values[index])
  values[index] = value
  return numeric
}
