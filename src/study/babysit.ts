// What CS231n teaches to look at before and while a network learns ("Babysitting the learning process"), and the
// mistakes that it finds.

import type { Data } from '../data/batches'
import { MAX_SIZE, checkArguments, checkOptions, integer } from '../errors'
import { coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import { createRandom } from '../random'
import type { Tensor } from '../tensor'
import { firstNotFinite } from '../training/divergence'
import { checkOneObject } from '../training/feed'
import { type Check, look } from './check'
import { checkFeatures, checkInputs, checkRows, checkTargets, columnsOf, mostFrequent } from './data-checks'
import { checkLabels } from './label-checks'
import {
  checkDead,
  checkGradients,
  checkInitialLoss,
  checkOutputs,
  checkPenalty,
  checkSaturation,
  checkWeights,
  survey,
} from './layer-checks'
import { largest, least, norm, short } from './numbers'
import { checkModel, ratesOf, unchanged, sizesOf } from './passes'
import { rowsOf, sampleOf } from './sample'
import { type ActivationStatistics, inspect } from './statistics'
import { type Pace, checkByHeart, checkRate, tryRates } from './training-checks'
import { type Course, type Subject, isBroken, lossOfBatches, train } from './trial'

export type { Check }

/** One weight: how large it is, and how fast it moves. */
export interface WeightStatistics {
  /** Of a parameter that has not the same value everywhere, as biases have at first. */
  readonly name: string
  /** Its Euclidean norm. */
  readonly norm: number
  /** That of its gradient. */
  readonly gradientNorm: number
  /** The norm of an update, the fifth, by that of the weight; about 1e-3 is healthy. */
  readonly updateRatio: number
}

/** What babysit found. */
export interface Babysitting {
  /** Whether every check is ok. */
  readonly ok: boolean
  /** One by one. */
  readonly checks: readonly Check[]
  /** Values and gradients of each layer, on a batch. */
  readonly layers: readonly ActivationStatistics[]
  /** Weights, and how large updates are beside them. */
  readonly weights: readonly WeightStatistics[]
  /** On a batch, without regularisation. */
  readonly initialLoss: number
  /** What outputs of 0 would give: ln(classes) for softmax. */
  readonly expectedLoss: number
  /** Of a few examples, before and after training on them alone. */
  readonly overfit: {
    /** How many. */
    readonly examples: number
    /** Steps taken. */
    readonly steps: number
    /** Their loss before. */
    readonly first: number
    /** Their loss after. */
    readonly last: number
  }
  /** The report in plain words, a line for each check. */
  readonly text: string
  /** The same as text. */
  toString(): string
}

/** Rows that are copied, and values: enough for every check. */
const SAMPLED = 4096
const VALUES = 2 ** 23
/** Steps of the trainings that are compared, and of those of networks whose steps take long. */
const COURSE = 300
const SHORT_COURSE = 100
/** Parameters and values of an example beyond which they do. */
const LONG_STEP = 20_000

/**
 * Looks for the mistakes that keep a network from learning, and says in plain words what it found: the checks that
 * CS231n teaches, and those of the data that it takes for granted. See Check for what is checked. The data are looked
 * at as a whole; the trainings are on random rows, at most 4096, drawn with `seed`, 0 unless given.
 *
 *     console.log(babysit(model, { x, y }).text)
 *
 * Trains for at most `steps`, 300 unless given, steps at a time (100 where steps take long): at the highest rate of the
 * schedule, at others to compare it with, and on a few `examples`, 20 unless given (or as many as so few parameters
 * could learn), alone, without regularisation and dropout. On one half of the rows, if labels seem not to belong to
 * their rows, to see whether that helps with the other.
 *
 * Needs a loss and an optimizer. Leaves the model as it was, to the bit: parameters, buffers, the optimizer's memory,
 * random numbers, the count of steps; also if a layer or a loss throws. Synchronous: it takes as long as five to twelve
 * such trainings. Throws a PlanError or a DataError as fit does.
 */
export function babysit(
  model: Model,
  data: Data,
  options: { examples?: number; steps?: number; seed?: number } = {},
): Babysitting {
  const where = 'babysit'
  checkArguments(where, arguments, 3)
  checkModel(where, model)
  checkOneObject(where, data, 'data', `${where}(model, { x, y })`)
  const read = checkOptions(where, options, ['examples', 'steps', 'seed'])
  const steps = integer(where, 'steps', read.steps ?? 300, 1, 1e6)
  const wanted = integer(where, 'examples', read.examples ?? 20, 1, MAX_SIZE)
  const seed = integer(where, 'seed', read.seed ?? 0, 0)
  checkModel(where, model, 'loss', 'training', 'optimizer')
  const checked = rowsOf(where, model, data)
  const { rows } = checked
  const batch = Math.min(model.batch, rows)
  const order = createRandom(seed, 4).shuffle(Uint32Array.from({ length: rows }, (_, i) => i))
  const { inputSize, fullBatch } = sizesOf(model)
  // An optimizer that looks at the loss from several places wants the same rows each time.
  const most = fullBatch ? batch : Math.max(batch, Math.min(SAMPLED, Math.floor(VALUES / inputSize)))
  const sample = sampleOf(model, checked, order.subarray(0, most))
  const course = sizesOf(model).fullBatch || sizeOf(model) > LONG_STEP ? SHORT_COURSE : COURSE
  const spoilt = firstNotFinite(coreOf(where, model))
  return unchanged(model, (passes) => {
    if (spoilt) return reportSpoilt(spoilt, passes.lossOfZeros(batch))
    const { peak, first } = ratesOf(model)
    return report({
      model,
      passes,
      data: checked,
      rows,
      sample,
      batch,
      rate: peak,
      warmsUp: first < peak / 3,
      steps: Math.min(steps, course),
      heartSteps: steps,
      examples: Math.min(batch, wanted, Math.max(2, Math.floor(parametersOf(model) / sizesOf(model).targetSize / 2))),
      seed,
    })
  })
}

function parametersOf({ gradients }: Model): number {
  return Object.values(gradients).reduce((sum, { data }) => sum + data.length, 0)
}

/** Parameters and values of one example: what a step takes time for. */
function sizeOf(model: Model): number {
  const bytes = model.dtype === 'float64' ? 8 : 4
  return parametersOf(model) + model.memory.activations / bytes / model.batch
}

/** Of a model with values that are not finite, of which nothing else could be told that is not of them. */
function reportSpoilt(spoilt: string, expectedLoss: number): Babysitting {
  const cure =
    'create the model anew, or load weights that are finite; diverged, of the history of fit, says how it came'
  const overfit = { examples: 0, steps: 0, first: NaN, last: NaN }
  const checks = [look('initial weights', `${spoilt}: ${cure}`)]
  return { ...summed(checks), layers: [], weights: [], initialLoss: NaN, expectedLoss, overfit }
}

/** What the checks come to. */
function summed(checks: readonly Check[]): Pick<Babysitting, 'ok' | 'checks' | 'text' | 'toString'> {
  const text = checks.map((one) => `${one.ok ? 'ok   ' : 'LOOK '} ${one.name}: ${one.text}`).join('\n')
  return { ok: checks.every((one) => one.ok), checks, text, toString: () => text }
}

function report(subject: Subject): Babysitting {
  const { model } = subject
  const first = lookAtFirst(subject)
  const { layers, surveyed, initialLoss, expectedLoss, penalty, start } = first
  const { own, weights, pace } = trainAndWeigh(subject, first.gradientNorms)
  const after = isBroken(own) ? [] : survey(subject)

  const images = model.input.shape.length > 2
  const columns = columnsOf(subject.data.x, subject.rows, images ? model.input.shape[1] : sizesOf(model).inputSize)
  const inputs = checkInputs(columns, layers)
  const targets = checkTargets(subject)
  const isScaled = inputs.ok && targets.ok
  const weightCheck = checkWeights(subject)
  const outputs = checkOutputs(subject, surveyed)
  const gradients = checkGradients(layers)
  const atFirst = [...checkDead(surveyed, [], true), ...checkSaturation(surveyed, [], true)]

  const cause = [inputs, targets, weightCheck, outputs, ...atFirst, ...gradients].find(({ ok }) => !ok)?.name ?? ''
  const chance = expectedLoss + penalty
  const alone = cause !== '' || sizesOf(model).fullBatch || subject.rate === 0
  const rates = alone ? { start, chance, own, others: [] } : tryRates(subject, start, chance, own)
  const promising = rates.others.slice(0, 2).map(({ rate }) => rate)
  const others = sizesOf(model).fullBatch
    ? []
    : [...promising, 10 * subject.rate, subject.rate / 10, 100 * subject.rate]
  const byHeart = checkByHeart(subject, others)
  const learns = own.level < 0.5 * Math.min(start, chance)

  const checks = [
    inputs,
    checkFeatures(columns, mostFrequent(subject.sample.x)),
    targets,
    checkRows(subject),
    ...(targets.ok || sizesOf(model).targets === 'values' ? [checkLabels(subject, [subject.rate, ...promising])] : []),
    checkInitialLoss(initialLoss, expectedLoss, sizesOf(model).targets, isScaled),
    ...checkPenalty(penalty, initialLoss),
    weightCheck,
    outputs,
    ...checkDead(surveyed, after, byHeart.check.ok),
    ...checkSaturation(surveyed, after, learns),
    ...gradients,
    checkRate(subject, rates, pace, cause, clippedBy(subject, first.gradientNorms)),
    byHeart.check,
  ]
  const { overfit } = byHeart
  return { ...summed(checks), layers, weights, initialLoss, expectedLoss, overfit }
}

/** What cuts the gradients to less than a hundredth of their norm, if anything does. */
function clippedBy({ model }: Subject, gradientNorms: ReadonlyMap<string, number>): string {
  const { clipNorm, clipValue } = coreOf('babysit', model).settings
  const whole = norm([...gradientNorms.values()])
  const limits = { clipNorm, clipValue: clipValue * Math.sqrt(parametersOf(model)) }
  const found = Object.entries(limits).find(([, most]) => most < whole / 100)
  return found ? `${found[0]}, which cuts the gradients from a norm of ${short(whole)} to ${short(found[1])}` : ''
}

/** What can be seen of a model as it is. */
function lookAtFirst(subject: Subject) {
  const { passes, model, sample, batch } = subject
  passes.reset()
  const surveyed = survey(subject)
  passes.load(sample, batch)
  const layers = inspect(passes, batch, true)
  const gradientNorms = new Map(Object.entries(model.gradients).map(([name, { data }]) => [name, norm(data)]))
  const penalty = passes.penalty()
  passes.reset()
  const start = lossOfBatches(subject)
  passes.withoutRegularisation()
  passes.load(sample, batch)
  const initialLoss = passes.loss(batch)
  const expectedLoss = passes.lossOfZeros(batch)
  return { surveyed, layers, gradientNorms, penalty, start, initialLoss, expectedLoss }
}

/** Trains at the rate of the model, and weighs some updates: the fifth, one in the middle, and the last. */
function trainAndWeigh(subject: Subject, gradientNorms: ReadonlyMap<string, number>) {
  const { model, steps } = subject
  const weighed = new Set([Math.min(5, steps), (steps + 1) >> 1, steps])
  const before = new Map<string, Tensor['data']>()
  let weights: WeightStatistics[] = []
  let pace: Pace = { ratios: [], slowest: 0, fastest: 0, last: 0 }
  const names = Object.keys(model.gradients).filter((name) => {
    const { shape, data } = model.parameters[name]
    return shape.length > 1 && data.length > 1
  })
  const own: Course = train(subject, subject.rate, (step) => {
    if (weighed.has(step)) {
      const found = names.map((name) => {
        const { data, shape } = model.parameters[name]
        const was = before.get(name)!
        const size = norm(was)
        const update = norm(data.map((v, i) => v - was[i]))
        const usual = Math.sqrt((2 * data.length) / (shape[0] + data.length / shape[0]))
        const gradientNorm = gradientNorms.get(name)!
        const weight: WeightStatistics = { name, norm: size, gradientNorm, updateRatio: update / size }
        return { weight, pace: update / Math.max(size, usual) }
      })
      if (!weights.length) weights = found.map(({ weight }) => weight)
      const paces = found.map((one) => one.pace)
      const ratios = [...pace.ratios, ...found.map(({ weight }) => weight.updateRatio)]
      const last = largest(paces)
      pace = { ratios, slowest: Math.max(pace.slowest, least(paces)), fastest: Math.max(pace.fastest, last), last }
    }
    if (weighed.has(step + 1)) for (const name of names) before.set(name, model.parameters[name].data.slice())
  })
  return { own, weights, pace }
}
