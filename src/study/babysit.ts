// What CS231n teaches to look at before and while a network learns ("Babysitting the learning process"): values and
// gradients of every layer, and a few checks that find most mistakes in seconds.

import type { Data } from '../data/batches'
import { checkOptions, integer } from '../errors'
import { type Model, coreOf } from '../model/model'
import { runLoss, weigh } from '../plan/run'
import { createRandom } from '../random'
import type { Tensor } from '../tensor'
import { checkData, loadBatch } from '../training/feed'
import { peakRate } from '../training/inspect'
import { restoreState, takeState } from '../training/state'
import {
  beginForward,
  decayLoss,
  lossOfLoaded,
  needLoss,
  needOptimizer,
  needTraining,
  runPass,
  settle,
} from '../training/step'
import { type ActivationStatistics, layerStatistics } from './statistics'

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
  readonly name: 'initial loss' | 'regularisation' | 'overfit' | 'updates' | 'gradients' | 'dead units' | 'saturation'
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

/** Bounds of what is healthy; the comments at each check say why. */
const HEALTHY = { initialLoss: 2, overfit: 0.05, update: [1e-5, 1e-1], gradients: 1e3, dead: 0.4, saturated: 0.5 }

/**
 * The checks that CS231n teaches, as one call, on data of which it takes a random batch, drawn with `seed`, 0 unless
 * given: the loss at initialisation against what outputs of 0 would give (ln(classes) for softmax, ln 2 for binary
 * cross-entropy); that regularisation adds to it; that a few `examples` (20 unless given) can be learnt by heart
 * without regularisation and dropout, in at most `steps` (300 unless given) steps at the highest rate of the schedule;
 * how large updates are beside the weights (about 1e-3), after 5 steps; gradients that vanish or explode; and, after
 * those steps, ReLUs that never fire and sigmoid and tanh units that are saturated.
 *
 *     console.log(babysit(model, { x, y }).text)
 *
 * Needs a loss and an optimizer. Leaves the model as it was, to the bit: parameters, buffers, the optimizer's memory,
 * random numbers, the count of steps. Synchronous: it takes as long as `steps` steps on `examples` rows.
 */
export function babysit(
  model: Model,
  data: Data,
  options: { examples?: number; steps?: number; seed?: number } = {},
): Babysitting {
  const where = 'babysit'
  checkOptions(where, options, ['examples', 'steps', 'seed'])
  const steps = integer(where, 'steps', options.steps ?? 300, 1)
  const wanted = integer(where, 'examples', options.examples ?? 20, 1)
  const random = createRandom(integer(where, 'seed', options.seed ?? 0, 0), 4)
  const core = coreOf(where, model)
  settle(core)
  needLoss(where, core)
  needTraining(where, core)
  needOptimizer(where, core)
  const checked = checkData(where, core, data)
  const { rows } = checked
  const order = random.shuffle(Uint32Array.from({ length: rows }, (_, i) => i))
  const n = Math.min(model.batch, rows)
  const examples = Math.min(n, wanted)
  const state = takeState(core)
  const restore = () => restoreState(core, state)
  const rate = peakRate(core)
  const train = (count: number, first: number): number => {
    loadBatch(core, checked, count, order, first)
    return runPass(core, count, true, rate).loss
  }
  const checks: Check[] = []
  const check = (name: Check['name'], ok: boolean, text: string) => void checks.push({ name, ok, text })
  const short = (v: number) => Number(v.toPrecision(3)).toString()
  const list = (names: readonly string[]) => (names.length > 3 ? [...names.slice(0, 3), '...'] : names).join(', ')
  try {
    // The loss at initialisation, with and without regularisation.
    loadBatch(core, checked, n, order, 0)
    const penalty = decayLoss(core)
    core.regularises = false
    const initialLoss = lossOfLoaded(core, n, false)
    model.output.data.fill(0)
    const expectedLoss = runLoss(core.run, weigh(core.run), false)
    const near = `the loss is ${short(initialLoss)}, outputs of 0 would give ${short(expectedLoss)}`
    // Scores of unit variance add half a nat to ln(classes); a factor of 2 is something else.
    if (!Number.isFinite(initialLoss)) {
      check('initial loss', false, `${near}: scale the data, and take smaller initial weights`)
    } else if (initialLoss > HEALTHY.initialLoss * expectedLoss) {
      check('initial loss', false, `${near}: scale the data to about unit variance, or take smaller initial weights`)
    } else if (initialLoss < expectedLoss / HEALTHY.initialLoss) {
      check('initial loss', false, `${near}: the model has been trained already, or sees its targets in the data`)
    } else {
      check('initial loss', true, near)
    }
    core.regularises = true
    if (penalty) {
      const text = `regularisation adds ${short(penalty)} to the loss`
      const much = penalty > initialLoss
      check('regularisation', !much, much ? `${text}, more than the data does: take less of it` : text)
    }

    // Values and gradients of each layer, of the weights as they are.
    restore()
    core.allGradients.fill(0)
    loadBatch(core, checked, n, order, 0)
    const layers = layerStatistics(core, n, true, 0)
    const gradients = Object.entries(model.gradients).map(([name, { data }]) => [name, data.slice()] as const)

    // A few steps as in training, and what the last changed.
    restore()
    core.allGradients.fill(0)
    let before: Tensor['data'][] = []
    for (let i = 0; i < 5; i++) {
      before = gradients.map(([name]) => model.parameters[name].data.slice())
      train(n, Math.min(i * n, rows - n))
    }
    loadBatch(core, checked, n, order, 0)
    const later = layerStatistics(core, n, false, 0)
    const weights = gradients.flatMap(([name, gradient], i): WeightStatistics[] => {
      const { data } = model.parameters[name]
      if (before[i].length < 2 || model.parameters[name].shape.length < 2) return []
      const norm = normOf(before[i])
      const updateRatio = normOf(data.map((v, j) => v - before[i][j])) / norm
      return [{ name, norm, gradientNorm: normOf(gradient), updateRatio }]
    })

    // A few examples by heart.
    restore()
    core.allGradients.fill(0)
    core.regularises = false
    loadBatch(core, checked, examples, order, 0)
    beginForward(core, examples, false)
    model.output.data.fill(0)
    const chance = runLoss(core.run, weigh(core.run), false)
    const first = train(examples, 0)
    let last = first
    let done = 1
    while (done < steps && !(last <= (HEALTHY.overfit / 5) * chance)) {
      last = train(examples, 0)
      done++
    }
    const learnt = last <= HEALTHY.overfit * chance
    const course = `${examples} examples alone: the loss goes from ${short(first)} to ${short(last)} in ${done} steps`
    check(
      'overfit',
      learnt,
      learnt
        ? course
        : `${course}, and should come close to 0: look for a mistake in the data, the labels or the network, ` +
            `or try another learning rate than ${short(rate)}`,
    )

    // Updates beside weights.
    const slow = weights.filter(({ updateRatio }) => !(updateRatio >= HEALTHY.update[0]))
    const fast = weights.filter(({ updateRatio }) => !(updateRatio <= HEALTHY.update[1]))
    const ratios = weights.map(({ updateRatio }) => updateRatio)
    const range = weights.length ? `${short(Math.min(...ratios))} to ${short(Math.max(...ratios))}` : 'none'
    const beside = `updates are ${range} of the weights; about 0.001 is healthy`
    const name = (weight: WeightStatistics) => weight.name
    check(
      'updates',
      !slow.length && !fast.length,
      fast.length
        ? `${beside}: lower the learning rate for ${list(fast.map(name))}`
        : slow.length
          ? `${beside}: raise the learning rate, for ${list(slow.map(name))} hardly move`
          : beside,
    )

    // Gradients from the last layer to the first: their norms, for those of single values depend on the size of images.
    const norms = layers.flatMap(({ gradients: found, shape }) =>
      found ? [Math.sqrt((found.mean ** 2 + found.std ** 2) * shape.reduce((size, d) => size * d, 1))] : [],
    )
    if (norms.length > 1) {
      const change = norms[0] / norms[norms.length - 1]
      const vanish = !(change >= 1 / HEALTHY.gradients)
      const explode = !(change <= HEALTHY.gradients)
      const course = `from the last layer to the first, gradients become ${short(change)} times as large`
      check(
        'gradients',
        !vanish && !explode,
        vanish || explode
          ? `${course}: they ${vanish ? 'vanish' : 'explode'}; ` +
              `initialise with he() or xavier(), normalise, or add residual connections`
          : course,
      )
    }

    // Units that do not learn, after those few steps: too high a rate kills them.
    const dead = later.filter((layer) => layer.dead !== undefined)
    if (dead.length) {
      const bad = dead.filter((layer) => layer.dead! > HEALTHY.dead)
      const worst = `at most ${percent(Math.max(...dead.map((layer) => layer.dead!)))} of the ReLUs of a layer never fire`
      const cure = ': lower the learning rate, take smaller biases, or leakyRelu'
      check('dead units', !bad.length, bad.length ? `${worst} (${list(bad.map(label))})${cure}` : worst)
    }
    const saturated = later.filter((layer) => layer.saturated !== undefined)
    if (saturated.length) {
      const bad = saturated.filter((layer) => layer.saturated! > HEALTHY.saturated)
      const most = percent(Math.max(...saturated.map((layer) => layer.saturated!)))
      const worst = `at most ${most} of the values of a layer are saturated`
      const cure = ': scale the data, take smaller initial weights, or relu'
      check('saturation', !bad.length, bad.length ? `${worst} (${list(bad.map(label))})${cure}` : worst)
    }

    const ok = checks.every((one) => one.ok)
    const text = checks.map((one) => `${one.ok ? 'ok   ' : 'LOOK '} ${one.name}: ${one.text}`).join('\n')
    const overfit = { examples, steps: done, first, last }
    return { ok, checks, layers, weights, initialLoss, expectedLoss, overfit, text, toString: () => text }
  } finally {
    restore()
  }
}

function label({ path, kind }: ActivationStatistics): string {
  return [path, kind].filter(Boolean).join(' ')
}

function percent(part: number): string {
  return `${Number((100 * part).toPrecision(3))} %`
}

function normOf(values: Tensor['data']): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i]
  return Math.sqrt(sum)
}
