// What babysit looks at in the layers: first values and gradients, units that cannot learn, outputs.

import { sizesOf } from './passes'
import { type Output, kindOf, titleOf } from '../plan/calls'
import { type DType, product } from '../tensor'
import { type Check, fine, look } from './check'
import { largest, list, percent, short } from './numbers'
import { type ActivationStatistics, firing, saturates, saturation } from './statistics'
import { type Subject, batchesOf } from './trial'

/** Rows that units are watched on. */
const WATCHED = 256

/** A layer, as several batches showed it. */
export interface LayerSurvey {
  /** Its place and kind. */
  readonly label: string
  readonly kind: string
  /** Of ReLUs: the share of units that never fire. */
  dead?: number
  /** Of sigmoid and tanh: the share of values that are saturated. */
  saturated?: number
  /** Whether the values of each example, at each place, are at least 0 and sum up to 1, as those of softmax. */
  sumsToOne: boolean
}

/** Looks at the layers on several batches, as the model is. */
export function survey(subject: Subject): LayerSurvey[] {
  const { passes, model, sample, batch } = subject
  const batches = Math.ceil(Math.min(WATCHED, sample.rows) / batch)
  const order = batchesOf(subject, batches)
  const layers = new Map<Output, LayerSurvey & { fires?: Uint8Array }>()
  for (let i = 0; i < batches; i++) {
    passes.load(sample, batch, order, i * batch)
    passes.see(batch, false, (output, values) => {
      const { layer: origin, value } = output
      const kind = kindOf(origin)
      let layer = layers.get(output)
      if (!layer) {
        layer = { label: titleOf(origin), kind, sumsToOne: true }
        layers.set(output, layer)
      }
      if (kind === 'relu') layer.fires = firing(values, batch, value.shape, layer.fires)
      if (saturates(kind)) layer.saturated = (layer.saturated ?? 0) + saturation(kind, values) / batches
      layer.sumsToOne &&= sumToOne(values, batch, value.shape, model.dtype)
    })
  }
  for (const layer of layers.values()) {
    if (layer.fires) layer.dead = 1 - layer.fires.reduce((sum, v) => sum + v, 0) / layer.fires.length
  }
  return [...layers.values()]
}

/** Whether the first dimension of (n, C, ...) values is a distribution everywhere. */
function sumToOne(values: ArrayLike<number>, n: number, shape: readonly number[], dtype: DType): boolean {
  const [channels, ...rest] = shape
  if (channels < 2) return false
  const size = product(rest)
  for (let i = 0; i < n; i++) {
    for (let at = 0; at < size; at++) {
      let sum = 0
      for (let c = 0; c < channels; c++) {
        const value = values[(i * channels + c) * size + at]
        if (!(value >= 0)) return false
        sum += value
      }
      if (!(Math.abs(sum - 1) < (dtype === 'float64' ? 1e-9 : 1e-4))) return false
    }
  }
  return true
}

/**
 * The loss at first, against that of outputs of 0: ln(classes) for softmax. Scores of unit variance add half a nat to
 * it, values of unit variance as much as targets of that.
 */
export function checkInitialLoss(loss: number, expected: number, targets: string, isScaled: boolean): Check {
  const name = 'initial loss'
  const near = `the loss is ${short(loss)}, outputs of 0 would give ${short(expected)}`
  const most = targets === 'values' ? 20 * expected : 3 * expected + 3
  if (!(loss <= most)) {
    return look(name, `${near}: ${isScaled ? 'take smaller initial weights' : 'scale the data, as said above'}`)
  }
  if (loss < expected / 4)
    return look(name, `${near}: the model has been trained already, or sees its targets in the data`)
  if (!isScaled && targets === 'values' && expected > 100) return look(name, `${near}: scale the data, as said above`)
  return fine(name, near)
}

/** What regularisation adds to the loss. */
export function checkPenalty(penalty: number, loss: number): Check[] {
  if (!penalty) return []
  const text = `regularisation adds ${short(penalty)} to the loss`
  if (penalty > loss) return [look('regularisation', `${text}, more than the data does: take less of it`)]
  return [fine('regularisation', text)]
}

/** Names of weights all of whose units have the same. */
function equalUnits({ model }: Subject): string[] {
  return Object.keys(model.gradients).filter((name) => {
    const { shape, data } = model.parameters[name]
    if (shape.length < 2 || shape[0] < 2) return false
    const size = data.length / shape[0]
    for (let i = size; i < data.length; i++) if (data[i] !== data[i % size]) return false
    return true
  })
}

/** Units that start the same and, a few steps later, still are. */
export function checkWeights(subject: Subject): Check {
  const { passes, model, sample, batch, rate } = subject
  const name = 'initial weights'
  passes.reset()
  const same = equalUnits(subject)
  if (!same.length) return fine(name, 'units differ')
  const value = model.parameters[same[0]].data[0]
  // Weights of 0 right before the loss, or at the end of a residual branch, do not stay so.
  passes.withoutRegularisation()
  const order = batchesOf(subject, 3)
  for (let i = 0; i < 3; i++) {
    passes.load(sample, batch, order, i * batch)
    passes.step(batch, rate)
  }
  const still = new Set(equalUnits(subject))
  const stuck = same.filter((one) => still.has(one))
  if (!stuck.length) return fine(name, 'units become different')
  return look(
    name,
    `all units of ${list(stuck)} start with the same weights (${short(value)}), so that they learn the same, or ` +
      `nothing: initialise at random, with he() or xavier()`,
  )
}

/** Layers whose values may sum up to 1 because those before them do. */
const PASSING =
  /^(flatten|dropout|padChannels|zeroPad2d|(avg|max)Pool[12]d|global(Avg|Max)Pool2d|upsample2d|reshape|permute|take|repeat|mean)$/

/** Squashed values where scores are wanted. */
export function checkOutputs(subject: Subject, layers: readonly LayerSurvey[]): Check {
  const { model } = subject
  const name = 'outputs'
  const itself = { values: '', labels: 'softmax', probabilities: 'sigmoid' }[sizesOf(model).targets]
  const at = layers.findIndex(({ sumsToOne, kind }) => sumsToOne && !PASSING.test(kind))
  const layer = layers[at]
  const ends = layers.slice(at + 1).every(({ kind }) => PASSING.test(kind))
  if (layer && ends && itself) {
    return look(
      name,
      `there is a softmax too many: what ${layer.label} gives sums up to 1, but the loss takes scores, and applies its ` +
        `own ${itself} to them: remove ${layer.label}`,
    )
  }
  if (layer && ends && !targetsSumToOne(subject)) {
    return look(
      name,
      `there is a softmax too many: what ${layer.label} gives sums up to 1, but the targets do not: remove it`,
    )
  }
  if (layer && !ends) {
    return look(
      name,
      `there is a softmax too many: what ${layer.label} gives sums up to 1, and more layers follow, which learn ` +
        `little from such small values: remove ${layer.label}, or take relu() instead`,
    )
  }
  if (itself && isSquashed(subject)) {
    return look(
      name,
      `outputs lie between 0 and 1 whatever the weights are, but the loss takes scores, and applies its own ` +
        `${itself} to them: remove the sigmoid at the end`,
    )
  }
  return fine(name, 'nothing squashes them but the loss')
}

function targetsSumToOne({ sample, model }: Subject): boolean {
  return sumToOne(sample.y, sample.rows, [sizesOf(model).targetSize], 'float32')
}

/** Whether outputs stay within 0 ... 1 however large the weights are. */
function isSquashed({ passes, model, sample, batch }: Subject): boolean {
  const count = batch * sizesOf(model).targetSize
  // So many scores are not all positive by chance.
  if (count < 16) return false
  passes.reset()
  passes.load(sample, batch)
  let differ = false
  for (let round = 0; round < 2; round++) {
    passes.loss(batch)
    const outputs = model.output.data.subarray(0, count)
    for (const value of outputs) {
      if (!(value >= 0 && value <= 1)) return false
      differ ||= value !== outputs[0]
    }
    for (const name of Object.keys(model.gradients)) {
      const { data } = model.parameters[name]
      for (let i = 0; i < data.length; i++) data[i] *= 1000
    }
  }
  return differ
}

/** Units that do not learn: a share of each layer at first, and later. */
function sharesOf(before: readonly LayerSurvey[], after: readonly LayerSurvey[], key: 'dead' | 'saturated') {
  const shares = before.map((layer, i) => {
    const first = layer[key] ?? NaN
    return { label: layer.label, first, last: after[i]?.[key] ?? first }
  })
  return shares.filter(({ first }) => first === first)
}

type Shares = ReturnType<typeof sharesOf>

const labelsOf = (layers: Shares) => list(layers.map(({ label }) => label))
const mostOf = (layers: Shares) => percent(largest(layers.flatMap(({ first, last }) => [first, last])))

/**
 * ReLUs that never fire: at first, or after a few steps, which may have killed them. Some always are: of a narrow layer
 * on inputs that are all positive, easily half. `learns` tells whether the network learns in spite of them.
 */
export function checkDead(before: readonly LayerSurvey[], after: readonly LayerSurvey[], learns: boolean): Check[] {
  const layers = sharesOf(before, after, 'dead')
  if (!layers.length) return []
  const name = 'dead units'
  const most = learns ? 0.75 : 0.49
  const born = layers.filter(({ first }) => first > most)
  const killed = layers.filter(({ first, last }) => last > most || (last > 0.5 && last > first + 0.3))
  const found = `at most ${mostOf(layers)} of the ReLUs of a layer never fire`
  if (born.length) {
    const cure = 'take smaller biases, he() for the weights, and scaled inputs, or leakyRelu()'
    return [look(name, `dead ReLUs: ${found} (${labelsOf(born)}): ${cure}`)]
  }
  if (!killed.length) return [fine(name, found)]
  const cure = 'after a few steps: lower the learning rate, or take leakyRelu()'
  return [look(name, `dead ReLUs: ${found} (${labelsOf(killed)}), ${cure}`)]
}

/**
 * Sigmoid and tanh units where they are flat. After some training, those of the output may well be there, and in a
 * network that `learns` others too.
 */
export function checkSaturation(
  before: readonly LayerSurvey[],
  after: readonly LayerSurvey[],
  learns: boolean,
): Check[] {
  const layers = sharesOf(before, after.slice(0, -1), 'saturated')
  if (!layers.length) return []
  const name = 'saturation'
  const found = `at most ${mostOf(layers)} of the values of a layer are saturated`
  const born = layers.filter(({ first }) => first > (learns ? 0.75 : 0.5))
  const driven = layers.filter(({ last }) => last > 0.8 && !learns)
  if (born.length) {
    return [look(name, `${found} (${labelsOf(born)}): scale the inputs, take smaller initial weights, or relu()`)]
  }
  if (!driven.length) return [fine(name, found)]
  return [look(name, `${found} (${labelsOf(driven)}), after a few steps: lower the learning rate, or take relu()`)]
}

/**
 * Gradients from the last layer to the first. Their norms count, for those of single values depend on the size of
 * images; that of the outputs themselves does not, for it depends on how small the last weights are.
 */
export function checkGradients(layers: readonly ActivationStatistics[]): Check[] {
  const name = 'gradients'
  const norms = layers.slice(0, -1).flatMap(({ gradients, shape }) => {
    return gradients ? [Math.hypot(gradients.mean, gradients.std) * Math.sqrt(product(shape))] : []
  })
  if (norms.length < 2) return []
  const last = norms[norms.length - 1]
  if (norms[0] === 0 && last === 0) return [look(name, 'none reaches the layers before the last: see the checks above')]
  const change = norms[0] / last
  const course = `from the last layer to the first, gradients become ${short(change)} times as large`
  if (change >= 1e-3 && change <= 1e3) return [fine(name, course)]
  const cure = 'initialise with he() or xavier(), normalise, or add residual connections'
  return [look(name, `${course}: they ${change > 1 ? 'explode' : 'vanish'}; ${cure}`)]
}
