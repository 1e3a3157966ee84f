// What CS231n teaches to look at before and while a network learns ("Babysitting the learning process"): a few checks
// that find most mistakes in seconds.

import type { Data } from '../data/batches'
import { MAX_SIZE, checkArguments, checkOptions, integer } from '../errors'
import type { Model } from '../model/model'
import { createRandom } from '../random'
import type { Tensor } from '../tensor'
import { checkData } from '../training/feed'
import { backgroundOf, checkFeatures, checkInputs, checkLabels, checkRows, checkTargets, columnsOf } from './data-checks'
import { checkDead, checkGradients, checkInitialLoss, checkOutputs, checkPenalty, checkSaturation, checkWeights, survey } from './layer-checks'
import { least, norm, short } from './numbers'
import { checkModel, peakRate, unchanged } from './passes'
import { sampleOf } from './sample'
import { type ActivationStatistics, inspect } from './statistics'
import { type Overfit, checkRate, isBroken, learnByHeart, tryRates } from './training-checks'
import { type Subject, lossOfBatches, trainAt } from './trial'

/** One weight: how large it is, and how fast it moves. */
export interface WeightStatistics {
  /** Of a parameter that has not the same value everywhere, as biases have at first. */
  readonly name: string
  /** Its Euclidean norm. */
  readonly norm: number
  /** That of its gradient. */
  readonly gradientNorm: number
  /** The norm of the last update by that of the weight; about 1e-3 is healthy. */
  readonly updateRatio: number
}

/** One of the checks of babysit. */
export interface Check {
  /** What is checked. */
  readonly name:
    | 'inputs'
    | 'features'
    | 'targets'
    | 'rows'
    | 'labels'
    | 'initial loss'
    | 'regularisation'
    | 'initial weights'
    | 'outputs'
    | 'gradients'
    | 'dead units'
    | 'saturation'
    | 'overfit'
    | 'learning rate'
  /** Whether it is as it should be. */
  readonly ok: boolean
  /** What was found and, unless it is ok, what to do. */
  readonly text: string
}

/** What babysit found. */
export interface Babysitting {
  /** Whether every check is. */
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
  readonly overfit: Overfit
  /** The report in plain words, a line for each check. */
  readonly text: string
  /** The same as text. */
  toString(): string
}


/** Rows that are copied: enough for every check, and at most so many values. */
const SAMPLED = 4096
const VALUES = 2 ** 23
/** Steps of the trainings that compare learning rates. */
const COURSE = 100

export function babysit(
  model: Model,
  data: Data,
  options: { examples?: number; steps?: number; seed?: number } = {},
): Babysitting {
  const where = 'babysit'
  checkArguments(where, arguments, 3)
  checkModel(where, model)
  const read = checkOptions(where, options, ['examples', 'steps', 'seed'])
  const steps = integer(where, 'steps', read.steps ?? 300, 1, 1e6)
  const wanted = integer(where, 'examples', read.examples ?? 20, 1, MAX_SIZE)
  const seed = integer(where, 'seed', read.seed ?? 0, 0)
  model.needLoss(where)
  model.needTraining(where)
  model.needOptimizer(where)
  const rows = checkData(where, model, data)
  const batch = Math.min(model.batch, rows)
  const order = createRandom(seed, 4).shuffle(Uint32Array.from({ length: rows }, (_, i) => i))
  const most = Math.max(batch, Math.min(SAMPLED, Math.floor(VALUES / model.inputSize)))
  const sample = sampleOf(where, model, data, order.subarray(0, most))
  return unchanged(model, (passes) => {
    const rate = peakRate(model)
    return report({ model, passes, data, rows, sample, batch, rate, steps: Math.min(steps, COURSE), seed }, wanted, steps)
  })
}

function report(subject: Subject, wanted: number, heartSteps: number): Babysitting {
  const { model, passes, sample, batch, rate } = subject
  passes.reset()
  const before = survey(subject)
  passes.load(sample, batch)
  const layers = inspect(passes, batch, true)
  const gradients = Object.entries(model.gradients).map(([name, { data }]) => [name, data.slice()] as const)
  const penalty = passes.penalty()
  passes.reset()
  passes.withoutRegularisation()
  passes.load(sample, batch)
  const initialLoss = passes.loss(batch)
  const expectedLoss = passes.lossOfZeros(batch)

  passes.reset()
  const start = lossOfBatches(subject)
  const moves = new Map<string, Tensor['data']>()
  let weights: WeightStatistics[] = []
  let pace = 0
  const own = trainAt(subject, rate, subject.steps, (step) => {
    if (step === 4) for (const [name] of gradients) moves.set(name, model.parameters[name].data.slice())
    if (step === 5) {
      weights = weigh(subject, gradients, moves)
      pace = least(weights.map(({ name, norm, updateRatio }) => {
        const { shape, data } = model.parameters[name]
        return (updateRatio * norm) / Math.max(norm, Math.sqrt((2 * data.length) / (shape[0] + data.length / shape[0])))
      }))
    }
  })
  const after = isBroken(own) ? [] : survey(subject)

  const images = model.input.shape.length > 2
  const columns = columnsOf(subject.data.x, subject.rows, images ? model.input.shape[1] : model.inputSize)
  const inputs = checkInputs(columns, layers)
  const targets = checkTargets(subject)
  const features = checkFeatures(columns, backgroundOf(sample.x))
  const count = checkRows(subject)
  const scaled = inputs.ok && targets.ok
  const initial = [
    checkInitialLoss(initialLoss, expectedLoss, model.targets, scaled),
    ...checkPenalty(penalty, initialLoss),
  ]
  const born = [
    checkWeights(subject),
    checkOutputs(subject, before),
    ...checkDead(before, before),
    ...checkSaturation(before, before),
    ...checkGradients(layers),
  ]
  const cause = [inputs, targets, ...born].find(({ ok }) => !ok)?.name ?? ''
  const rates = cause || model.fullBatch ? { start, own, others: [] } : tryRates(subject, start, own)
  const learning = checkRate(subject, rates, { chance: expectedLoss + penalty, weights, pace, cause })
  const best = [...rates.others].toSorted((a, b) => a.level - b.level).slice(0, 2).map((course) => course.rate)
  const labels = targets.ok || model.targets === 'values' ? [checkLabels(subject, [rate, ...best])] : []
  const signal = [...born.filter(({ name }) => name !== 'dead units' && name !== 'saturation'), ...checkDead(before, after), ...checkSaturation(before, after)]

  const parameters = gradients.reduce((sum, [, { length }]) => sum + length, 0)
  const capacity = Math.max(2, Math.floor(parameters / model.targetSize / 2))
  const examples = Math.min(batch, wanted, capacity)
  let byHeart = learnByHeart(subject, examples, heartSteps, rate)
  for (const other of [...best, 10 * rate, rate / 10, 100 * rate]) {
    if (byHeart.learnt) break
    const again = learnByHeart(subject, examples, heartSteps, other)
    if (again.learnt) byHeart = again
  }
  const course = `${examples} examples alone: the loss goes from ${short(byHeart.first)} to ${short(byHeart.last)} in ${byHeart.steps} steps`
  const heart: Check = byHeart.learnt
    ? { name: 'overfit', ok: true, text: course }
    : { name: 'overfit', ok: false, text: `${course}, and should come close to 0: look for a mistake in the data, the labels or the network` }

  const checks = [inputs, features, targets, count, ...labels, ...initial, ...signal, learning, heart]
  const ok = checks.every((one) => one.ok)
  const text = checks.map((one) => `${one.ok ? 'ok   ' : 'LOOK '} ${one.name}: ${one.text}`).join('\n')
  const { learnt: _, chance: __, ...overfit } = byHeart
  return { ok, checks, layers, weights, initialLoss, expectedLoss, overfit, text, toString: () => text }
}

function weigh({ model }: Subject, gradients: readonly (readonly [string, Tensor['data']])[], before: Map<string, Tensor['data']>) {
  return gradients.flatMap(([name, gradient]): WeightStatistics[] => {
    const { data, shape } = model.parameters[name]
    if (shape.length < 2 || data.length < 2) return []
    const was = before.get(name)!
    const size = norm(was)
    return [{ name, norm: size, gradientNorm: norm(gradient), updateRatio: norm(data.map((v, j) => v - was[j])) / size }]
  })
}
