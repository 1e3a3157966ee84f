// What babysit looks at before anything is trained: the data by themselves.

import type { Numbers } from '../data/batches'
import { createRandom } from '../random'
import { product } from '../tensor'
import type { Check } from './babysit'
import { agreement, dependence } from './dependence'
import { largest, least, list, percent, short } from './numbers'
import type { ActivationStatistics } from './statistics'
import { type Subject, batchesOf, trainAt } from './trial'

/** Bounds of what is healthy; the comments where they are used say why. */
const LARGE_INPUT = 20
const SMALL_INPUT = 0.05
const LARGE_TARGET = 10
const SMALL_TARGET = 0.01
const FEW_FEATURES = 50
const ROWS_PER_CLASS = 10
const PARAMETERS_PER_ROW = 500

/** The columns of a table of rows, one after the other: a column for each group of `size` values. */
export interface Columns {
  readonly mean: Float64Array
  readonly std: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Mean, standard deviation and ends of each of `groups` columns, over all rows. */
export function columnsOf(values: Numbers | ArrayLike<number | bigint>, rows: number, groups: number): Columns {
  const size = values.length / rows / groups
  const columns = () => new Float64Array(groups)
  const [mean, std, low, high] = [columns(), columns(), columns().fill(Infinity), columns().fill(-Infinity)]
  // Around the first value of each, lest a large mean takes the digits of a small deviation.
  const around = Float64Array.from({ length: groups }, (_, j) => Number(values[j * size]))
  let at = 0
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < groups; j++) {
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
  for (let j = 0; j < groups; j++) {
    mean[j] /= count
    std[j] = Math.sqrt(Math.max(0, std[j] / count - mean[j] ** 2))
    mean[j] += around[j]
  }
  return { mean, std, low, high }
}

/** The scale of the inputs, as the first layer with weights gets them. */
export function checkInputs(columns: Columns, layers: readonly ActivationStatistics[]): Check {
  const first = layers.find(({ kind }) => !/^(flatten|dropout|padChannels)$/.test(kind))
  // A first layer that scales: what comes out of it counts.
  const scales = first && /^(batchNorm|groupNorm|layerNorm|normalize)\b/.test(first.kind)
  const { mean, std } = scales
    ? { mean: [first.activations.mean], std: [first.activations.std] }
    : columns
  const sizes = Array.from(mean, (m, j) => Math.hypot(m, std[j]))
  const worst = sizes.indexOf(largest(sizes))
  const of = scales ? 'after the first layer' : mean.length > 1 ? `input ${worst}` : 'the inputs'
  const found = `${of}: mean ${short(mean[worst])}, standard deviation ${short(std[worst])}`
  const cure = 'scale the inputs to mean 0 and standard deviation 1, such as with standardize() of v128/data'
  const name = 'inputs'
  if (!(sizes[worst] <= LARGE_INPUT)) return { name, ok: false, text: `they are large (${found}): ${cure}` }
  if (sizes[worst] > 5 && Math.abs(mean[worst]) > 20 * std[worst] && std[worst] > 0) {
    return { name, ok: false, text: `they hardly differ beside their mean (${found}): ${cure}` }
  }
  const length = Math.hypot(...[norm2(sizes)])
  if (length < SMALL_INPUT && length > 0) return { name, ok: false, text: `they are tiny (${found}): ${cure}` }
  const varying = Array.from(std).filter((s) => s > 0)
  if (!scales && varying.length <= FEW_FEATURES && largest(varying) > 1000 * least(varying)) {
    const small = Array.from(std).indexOf(least(varying))
    const beside = `input ${small} has a standard deviation of ${short(std[small])}, input ${Array.from(std).indexOf(largest(varying))} of ${short(largest(varying))}`
    return { name, ok: false, text: `their scales differ (${beside}): ${cure}` }
  }
  return { name, ok: true, text: `the largest is ${found}` }
}

function norm2(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value * value
  return Math.sqrt(sum)
}

/** Inputs that are the same in all rows. */
export function checkFeatures({ mean, low, high }: Columns, background: number): Check {
  const constant: number[] = []
  for (let j = 0; j < mean.length; j++) {
    // Of many inputs, such as the pixels of flat images, some always are background: nobody chose them.
    const harmless = mean.length > FEW_FEATURES && low[j] === background
    if (low[j] === high[j] && !harmless) constant.push(j)
  }
  const name = 'features'
  if (!constant.length) return { name, ok: true, text: 'all inputs vary' }
  if (constant.length === mean.length) {
    return { name, ok: false, text: `all rows are the same (input 0 is ${short(low[0])}): nothing can be told from them` }
  }
  const which = constant.length > 1 ? `inputs ${list(constant)} are` : `input ${constant[0]} is`
  return {
    name,
    ok: false,
    text:
      `${which} constant (${list(constant.map((j) => short(low[j])))} in every row): a constant feature tells nothing ` +
      `from anything: look whether it was read rightly, or leave it out`,
  }
}

/** The most frequent input value of a few rows. */
export function backgroundOf(x: Float64Array): number {
  const counts = new Map<number, number>()
  const end = Math.min(x.length, 100_000)
  for (let i = 0; i < end; i++) counts.set(x[i], (counts.get(x[i]) ?? 0) + 1)
  let best = NaN
  let most = 0
  for (const [value, count] of counts) if (count > most) [best, most] = [value, count]
  return best
}

/** Labels or targets by themselves: whether they differ, and the scale of values. */
export function checkTargets({ model, data, rows }: Subject): Check {
  const name = 'targets'
  if (model.classes) {
    const counts = new Float64Array(model.classes)
    for (let i = 0; i < rows; i++) counts[Number(data.y[i])]++
    const share = largest(counts) / rows
    const most = counts.indexOf(largest(counts))
    if (share === 1) {
      return { name, ok: false, text: `there is one class only: the label of every row is ${most}: look at the labels` }
    }
    const present = Array.from(counts).filter((count) => count > 0).length
    return { name, ok: true, text: `${present} classes, the most frequent of which (${most}) has ${percent(share)} of the rows` }
  }
  const columns = columnsOf(data.y, rows, model.targetSize)
  const { mean, std, low, high } = columns
  if (low.every((v, j) => v === high[j])) {
    const what = model.targets === 'values' ? 'value' : 'class'
    return { name, ok: false, text: `there is one ${what} only: every target is ${short(low[0])}: look at the targets` }
  }
  const sizes = Array.from(mean, (m, j) => Math.hypot(m, std[j]))
  const worst = sizes.indexOf(largest(sizes))
  const found = `mean ${short(mean[worst])}, standard deviation ${short(std[worst])}`
  if (model.targets === 'values') {
    const cure = 'scale the targets to mean 0 and standard deviation 1, and predictions back'
    if (!(sizes[worst] <= LARGE_TARGET)) return { name, ok: false, text: `they are large (${found}): ${cure}` }
    if (largest(std) < SMALL_TARGET) return { name, ok: false, text: `they hardly differ (${found}): ${cure}` }
  }
  return { name, ok: true, text: found }
}

/** Whether there are enough rows. */
export function checkRows({ model, data, rows }: Subject): Check {
  const name = 'rows'
  const parameters = Object.values(model.gradients).reduce((sum, { data }) => sum + data.length, 0)
  const classes = model.classes || (model.targets === 'probabilities' ? 2 : 1)
  const each = rows / classes
  const found = `${rows} rows for ${model.classes ? `${classes} classes and ` : ''}${parameters} parameters`
  const few = each < ROWS_PER_CLASS || (parameters > PARAMETERS_PER_ROW * rows && each < 5 * ROWS_PER_CLASS)
  void data
  if (!few) return { name, ok: true, text: found }
  return {
    name,
    ok: false,
    text: `too little data: ${found}: they will be learnt by heart; get more, or augment() them, and take a smaller network`,
  }
}

/** Rows for tests whose time grows with the square of their number. */
const TESTED = 300
/** Inputs of a row that these look at. */
const LOOKED_AT = 1000

/**
 * Whether labels belong to their rows. If neither rows that are alike have like labels, nor a short training on one half
 * helps with the other, they might as well have been shuffled.
 */
export function checkLabels(subject: Subject, rates: readonly number[]): Check {
  const { model, sample, seed } = subject
  const name = 'labels'
  const random = createRandom(seed, 6)
  const chosen = balanced(sample.y, model.classes, sample.rows)
  const outcomes = outcomesOf(subject, chosen)
  const inputs = inputsOf(subject, chosen)
  const { found, power } = dependence(inputs, outcomes, chosen.length, random)
  const what = model.targets === 'values' ? 'targets' : 'labels'
  if (found) return { name, ok: true, text: `${what} depend on the inputs` }
  if (!(power > 12) || chosen.length < 15 * (model.classes || 2)) {
    return { name, ok: true, text: `too few rows to tell whether the ${what} belong to the inputs` }
  }
  if (rates.some((rate) => carriesOver(subject, rate))) {
    return { name, ok: true, text: `what is learnt of some rows holds for others` }
  }
  return {
    name,
    ok: false,
    text:
      `rows that are alike have ${what} no more alike than chance, and what is learnt of some rows says nothing about ` +
      `others: look whether the ${what} are in the order of the rows, or were shuffled without them`,
  }
}

/** Rows of the sample, about as many of each class. */
function balanced(y: ArrayLike<number>, classes: number, rows: number): number[] {
  if (!classes) return Array.from({ length: Math.min(rows, TESTED) }, (_, i) => i)
  const present = new Set(Array.from(y)).size
  const counts = new Map<number, number>()
  const chosen: number[] = []
  for (let i = 0; i < rows; i++) {
    const count = counts.get(y[i]) ?? 0
    if (count >= Math.ceil(TESTED / present)) continue
    counts.set(y[i], count + 1)
    chosen.push(i)
  }
  return chosen
}

/** Outcomes as rows of values: 1 for the class of a label. */
function outcomesOf({ model, sample }: Subject, chosen: readonly number[]): Float64Array {
  const size = model.targetSize
  const outcomes = new Float64Array(chosen.length * size)
  chosen.forEach((row, i) => {
    if (model.classes) outcomes[i * size + sample.y[row]] = 1
    else outcomes.set(sample.y.subarray(row * size, (row + 1) * size), i * size)
  })
  return outcomes
}

/** Inputs, of long rows every so many. */
function inputsOf({ model, sample }: Subject, chosen: readonly number[]): Float64Array {
  const stride = Math.ceil(model.inputSize / LOOKED_AT)
  const size = Math.ceil(model.inputSize / stride)
  const inputs = new Float64Array(chosen.length * size)
  chosen.forEach((row, i) => {
    for (let j = 0; j < size; j++) inputs[i * size + j] = sample.x[row * model.inputSize + j * stride]
  })
  return inputs
}

/** Whether a model trained on one half of the sample knows something of the other. */
function carriesOver(subject: Subject, rate: number): boolean {
  const { model, passes, sample, steps, seed } = subject
  const half = sample.rows >> 1
  const size = model.targetSize
  const one = { x: sample.x.subarray(0, half * model.inputSize), y: sample.y.subarray(0, half * (model.classes ? 1 : size)), rows: half }
  const batch = Math.min(subject.batch, half)
  const course = trainAt({ ...subject, sample: one, batch }, rate, steps)
  if (course.level === Infinity) return false
  passes.withoutRegularisation()
  const predictions = new Float64Array((sample.rows - half) * size)
  for (let first = half; first + batch <= sample.rows; first += batch) {
    const order = Uint32Array.from({ length: batch }, (_, i) => first + i)
    passes.load(sample, batch, order)
    passes.loss(batch)
    predictions.set(model.output.data.subarray(0, batch * size), (first - half) * size)
  }
  const others = Array.from({ length: sample.rows - half }, (_, i) => half + i)
  return agreement(predictions, outcomesOf(subject, others), others.length, createRandom(seed, 7))
}
void product
void batchesOf
