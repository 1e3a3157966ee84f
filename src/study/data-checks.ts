// What babysit looks at in the data by themselves: the scale of inputs and targets, what is constant, and how much.

import { sizesOf } from './passes'
import { type Check, fine, look } from './check'
import { largest, least, list, norm, percent, short } from './numbers'
import type { ActivationStatistics } from './statistics'
import type { Subject } from './trial'

/** Columns of a table of rows. */
export interface Columns {
  readonly mean: Float64Array
  readonly std: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Of so many columns, each of neighbouring values (the pixels of a channel), over all rows. */
export function columnsOf(values: ArrayLike<number | bigint>, rows: number, columns: number): Columns {
  const size = values.length / rows / columns
  const column = () => new Float64Array(columns)
  const [mean, std, low, high] = [column(), column(), column().fill(Infinity), column().fill(-Infinity)]
  // Around the first value of each, lest a large mean takes the digits of a small deviation.
  const around = Float64Array.from({ length: columns }, (_, j) => Number(values[j * size]))
  let at = 0
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let k = 0; k < size; k++) {
        const value = Number(values[at++])
        const d = value - around[j]
        mean[j] += d
        std[j] += d * d
        if (value < low[j]) low[j] = value
        if (value > high[j]) high[j] = value
      }
    }
  }
  const count = rows * size
  for (let j = 0; j < columns; j++) {
    mean[j] /= count
    std[j] = Math.sqrt(Math.max(0, std[j] / count - mean[j] ** 2))
    mean[j] += around[j]
  }
  return { mean, std, low, high }
}

/** Root mean squares. */
function deviationsOf({ mean, std }: Pick<Columns, 'mean' | 'std'>): number[] {
  return Array.from(mean, (m, j) => Math.hypot(m, std[j]))
}

/** A network that begins with one of these gets inputs of another scale than they had. */
const SCALING = /^(batchNorm|embedding|groupNorm|layerNorm|normalize)\b/
/** After one of these it does not matter what the layer before it was multiplied by. */
const NORMALISING = /^(batchNorm|groupNorm|layerNorm)\b/
/** Layers that leave the scale as it is. */
const PASSING = /^(flatten|dropout|padChannels|zeroPad2d|reshape|permute|take|repeat)$/
const STANDARDIZE = 'scale the inputs to mean 0 and standard deviation 1, with standardize() of v128/data'

/**
 * The scale of the inputs. Weights are initialised for values around 1: at 20 and more, the sums of the first layer and
 * the curvature of the loss are hundreds of times what a usual learning rate bears.
 */
export function checkInputs(given: Columns, layers: readonly ActivationStatistics[]): Check {
  const name = 'inputs'
  const [first, second] = layers.filter(({ kind }) => !PASSING.test(kind))
  const scaled = first && SCALING.test(first.kind) ? first.activations : undefined
  const isNormalised = !scaled && second !== undefined && NORMALISING.test(second.kind)
  const columns = scaled ? { ...given, mean: Float64Array.of(scaled.mean), std: Float64Array.of(scaled.std) } : given
  const { mean, std } = columns
  const sizes = deviationsOf(columns)
  const top = Math.max(0, sizes.indexOf(largest(sizes)))
  const describe = (j: number) => {
    const which = scaled ? `after ${first.kind}, ` : mean.length > 1 ? `input ${j}: ` : ''
    return `${which}mean ${short(mean[j])}, standard deviation ${short(std[j])}`
  }
  const unscaled = (how: string, found: string) =>
    look(name, `the inputs are not scaled, but ${how} (${found}): ${STANDARDIZE}`)
  if (!isNormalised && !(sizes[top] <= 20)) return unscaled('large', describe(top))
  const offset = sizes.findIndex((size, j) => size > 5 && std[j] > 0 && Math.abs(mean[j]) > 20 * std[j])
  if (!isNormalised && offset >= 0) return unscaled('far from 0', describe(offset))
  if (norm(sizes) < 0.05 && norm(sizes) > 0) return unscaled('tiny', describe(top))
  // Of many inputs, such as pixels, some hardly ever vary.
  const varying = std.filter((s) => s > 0)
  const [low, high] = [least(varying), largest(varying)]
  if (!scaled && varying.length <= MANY && high > (isNormalised && high > 20 ? 20 : 1000) * low) {
    return unscaled('of different sizes', `${describe(std.indexOf(low))}; ${describe(std.indexOf(high))}`)
  }
  return fine(name, `the largest: ${describe(top)}`)
}

/** More inputs than anybody chose one by one. */
const MANY = 50

/** Inputs that are the same in all rows. */
export function checkFeatures({ low, high }: Columns, background: number): Check {
  const name = 'features'
  const constant: number[] = []
  low.forEach((value, j) => {
    // Of many inputs, such as the pixels of flat images, some always are background.
    if (value === high[j] && !(low.length > MANY && value === background)) constant.push(j)
  })
  if (!constant.length) return fine(name, 'all inputs vary')
  if (constant.length === low.length) {
    return look(
      name,
      `all rows are the same (input 0 is ${short(low[0])} in each), so that nothing can be told from them`,
    )
  }
  const values = list(constant.map((j) => short(low[j])))
  const which = constant.length > 1 ? `inputs ${list(constant)} are` : `input ${constant[0]} is`
  return look(
    name,
    `${which} constant (${values} in all rows), and a constant feature tells nothing: look whether it was read ` +
      `rightly, or leave it out`,
  )
}

/** The most frequent of some values. */
export function mostFrequent(values: Float64Array): number {
  const counts = new Map<number, number>()
  for (const value of values.subarray(0, 100_000)) counts.set(value, (counts.get(value) ?? 0) + 1)
  let best = NaN
  let most = 0
  for (const [value, count] of counts) if (count > most) [best, most] = [value, count]
  return best
}

/** Labels or targets by themselves: whether they differ and, of values, their scale. */
export function checkTargets({ model, data, rows }: Subject): Check {
  const name = 'targets'
  if (sizesOf(model).classes) {
    const counts = new Float64Array(sizesOf(model).classes)
    // Those that are ignored are no classes.
    for (const label of data.y) counts[label]++
    const all = counts.reduce((sum, count) => sum + count, 0)
    const most = largest(counts)
    const label = counts.indexOf(most)
    if (most === all)
      return look(name, `there is one class only: the label of every row is ${label}: look at the labels`)
    const occurring = counts.filter((count) => count > 0).length
    return fine(name, `${occurring} classes; ${percent(most / all)} of the rows are of the most frequent, ${label}`)
  }
  const columns = columnsOf(data.y, rows, sizesOf(model).targetSize)
  const { mean, std, low, high } = columns
  const isClass = sizesOf(model).targets === 'probabilities'
  if (low.every((value, j) => value === high[j])) {
    const values = list(Array.from(low, short))
    return look(
      name,
      `there is one ${isClass ? 'class' : 'value'} only: the target of every row is ${values}: look at them`,
    )
  }
  const sizes = deviationsOf(columns)
  const top = sizes.indexOf(largest(sizes))
  const found = `mean ${short(mean[top])}, standard deviation ${short(std[top])}`
  if (isClass) return fine(name, found)
  const cure = 'scale the targets to mean 0 and standard deviation 1, and what the model predicts back'
  if (!(sizes[top] <= 10)) return look(name, `the targets are not scaled, but large (${found}): ${cure}`)
  if (largest(std) < 0.01) return look(name, `the targets are not scaled, but hardly differ (${found}): ${cure}`)
  return fine(name, found)
}

/** Whether there are enough rows: some in all, some for each class, and not hundreds of parameters for each. */
export function checkRows({ model, rows }: Subject): Check {
  const parameters = Object.values(model.gradients).reduce((sum, { data }) => sum + data.length, 0)
  const classes = sizesOf(model).classes || (sizesOf(model).targets === 'probabilities' ? 2 : 1)
  const each = rows / classes
  const found = `${rows} rows for ${sizesOf(model).classes ? `${classes} classes and ` : ''}${parameters} parameters`
  if (each >= 50 || (rows >= 30 && each >= 10 && parameters <= 500 * rows)) return fine('rows', found)
  return look(
    'rows',
    `too little data: ${found}, which will be learnt by heart: get more, augment() them, or take a smaller network`,
  )
}
