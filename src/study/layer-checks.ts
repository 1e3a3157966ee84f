// What babysit looks at in the layers: first values and gradients, units that cannot learn, outputs.

import type { DType } from '../tensor'
import { product } from '../tensor'
import type { Check } from './babysit'
import { largest, list, percent, short } from './numbers'
import type { Passes } from './passes'
import { type ActivationStatistics, firing, saturates, saturation } from './statistics'
import { type Subject, batchesOf } from './trial'

/** Rows that units are watched on. */
const WATCHED = 256

/** A layer, as several batches showed it. */
export interface LayerSurvey {
  /** Its place and kind, as a check names it. */
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
export function survey({ passes, model, sample, seed, batch }: Subject): LayerSurvey[] {
  const batches = Math.ceil(Math.min(WATCHED, sample.rows) / batch)
  const order = batchesOf({ sample, seed }, batches * batch)
  const layers = new Map<number, LayerSurvey & { fires?: Uint8Array }>()
  for (let i = 0; i < batches; i++) {
    passes.load(sample, batch, order, i * batch)
    passes.see(batch, false, ({ path, kinds }, y, values, part) => {
      const kind = kinds[kinds.length - 1]
      let layer = layers.get(part)
      if (!layer) {
        layer = { label: [path, kinds.join(' + ')].filter(Boolean).join(' '), kind, sumsToOne: true }
        layers.set(part, layer)
      }
      if (kind === 'relu') layer.fires = firing(values, batch, y.shape, layer.fires)
      if (saturates(kind)) layer.saturated = (layer.saturated ?? 0) + saturation(kind, values) / batches
      layer.sumsToOne &&= sumToOne(values, batch, y.shape, model.dtype)
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

/** The loss at first, against that of outputs of 0. */
export function checkInitialLoss(loss: number, expected: number, targets: string, scaled: boolean): Check {
  const name = 'initial loss'
  const near = `the loss is ${short(loss)}, outputs of 0 would give ${short(expected)}`
  const scale = scaled ? 'take smaller initial weights' : 'scale the data first (see above)'
  if (!Number.isFinite(loss)) return { name, ok: false, text: `${near}: ${scale}` }
  // Scores of unit variance add half a nat to ln(classes), values of unit variance as much as targets of that.
  const most = targets === 'values' ? 10 * expected : 3 * expected + 3
  if (loss > most) return { name, ok: false, text: `${near}: ${scale}` }
  if (loss < expected / 4) {
    return { name, ok: false, text: `${near}: the model has been trained already, or sees its targets in the data` }
  }
  if (targets === 'values' && expected > 100) return { name, ok: false, text: `${near}: scale the targets first (see above)` }
  return { name, ok: true, text: near }
}

/** What regularisation adds to the loss. */
export function checkPenalty(penalty: number, loss: number): Check[] {
  if (!penalty) return []
  const text = `regularisation adds ${short(penalty)} to the loss`
  const much = penalty > loss
  return [{ name: 'regularisation', ok: !much, text: much ? `${text}, more than the data does: take less of it` : text }]
}

/** Names of weights all of whose units have the same. */
export function equalUnits(subject: Subject): string[] {
  const { model } = subject
  return Object.keys(model.gradients).filter((name) => {
    const { shape, data } = model.parameters[name]
    const size = data.length / shape[0]
    if (shape.length < 2 || shape[0] < 2) return false
    for (let i = size; i < data.length; i++) if (data[i] !== data[i % size]) return false
    return true
  })
}

/** Units that start the same and, a few steps later, still are. */
export function checkWeights(subject: Subject): Check {
  const { passes, model, sample, batch, rate } = subject
  const name = 'initial weights'
  passes.reset()
  let same = equalUnits(subject)
  const first = same.length ? model.parameters[same[0]].data[0] : 0
  if (same.length) {
    // Weights of 0 right before the loss, or at the end of a residual branch, do not stay so.
    passes.withoutRegularisation()
    const order = batchesOf(subject, 3 * batch)
    for (let i = 0; i < 3; i++) {
      passes.load(sample, batch, order, i * batch)
      passes.step(batch, rate)
    }
    const still = new Set(equalUnits(subject))
    same = same.filter((one) => still.has(one))
  }
  if (!same.length) return { name, ok: true, text: 'units differ' }
  return {
    name,
    ok: false,
    text:
      `all units of ${list(same)} start with the same weights (${short(first)}), so that they learn the same or nothing: ` +
      `initialise them at random, with he() or xavier()`,
  }
}

/** Squashed outputs before a loss that squashes them itself. */
export function checkOutputs(subject: Subject, layers: readonly LayerSurvey[]): Check {
  const { model } = subject
  const name = 'outputs'
  const last = layers[layers.length - 1]
  const itself = model.targets === 'values' ? '' : model.targets === 'labels' ? 'softmax' : 'sigmoid'
  for (const [i, layer] of layers.entries()) {
    if (!layer.sumsToOne || /^(flatten|dropout|maxPool2d|avgPool2d|padChannels)$/.test(layer.kind)) continue
    if (layer === last && itself) {
      return {
        name,
        ok: false,
        text:
          `there is a softmax too many: what ${layer.label} gives sums up to 1, but the loss takes scores, and applies ` +
          `its own ${itself} to them: remove ${layer.label}`,
      }
    }
    if (layer === last && !areDistributions(subject)) {
      return {
        name,
        ok: false,
        text: `there is a softmax too many: what ${layer.label} gives sums up to 1, but the targets do not: remove it`,
      }
    }
    if (layer !== last && layers[i + 1] && !(i > 0 && layers[i - 1].sumsToOne)) {
      return {
        name,
        ok: false,
        text:
          `there is a softmax too many: ${layer.label} lies within the network, and leaves the next layer ${''}` +
          `values that sum up to 1: remove it, or take relu()`,
      }
    }
  }
  if (itself && squashed(subject)) {
    return {
      name,
      ok: false,
      text: `outputs lie between 0 and 1 whatever the input is, but the loss takes scores, and applies its own ${itself}: remove the sigmoid at the end`,
    }
  }
  return { name, ok: true, text: 'they are free' }
}

function areDistributions({ sample, model }: Subject): boolean {
  return sumToOne(sample.y, sample.rows, [model.targetSize], 'float32')
}

/** Whether outputs stay within 0 ... 1 however large the weights are. */
function squashed({ passes, model, sample, batch }: Subject): boolean {
  const count = batch * model.targetSize
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

/**
 * Gradients from the last layer to the first. Their norms count, for those of single values depend on the size of images;
 * that of the outputs themselves does not, for it depends on how small the last weights are.
 */
export function checkGradients(layers: readonly ActivationStatistics[]): Check[] {
  const name = 'gradients'
  const norms = layers.slice(0, -1).flatMap(({ gradients, shape }) =>
    gradients ? [Math.hypot(gradients.mean, gradients.std) * Math.sqrt(product(shape))] : [],
  )
  if (norms.length < 2) return []
  const last = norms[norms.length - 1]
  if (last === 0 && norms[0] === 0) {
    return [{ name, ok: false, text: 'no gradient reaches the layers before the last: see the initial weights, and dead units' }]
  }
  const change = norms[0] / last
  const vanish = !(change >= 1e-3)
  const explode = !(change <= 1e3)
  const course = `from the last layer to the first, gradients become ${short(change)} times as large`
  if (!vanish && !explode) return [{ name, ok: true, text: course }]
  const cure = 'initialise with he() or xavier(), normalise, or add residual connections'
  return [{ name, ok: false, text: `${course}: they ${vanish ? 'vanish' : 'explode'}; ${cure}` }]
}

/** ReLUs that never fire, at first and after a few steps, which may have killed them. */
export function checkDead(before: readonly LayerSurvey[], after: readonly LayerSurvey[]): Check[] {
  const layers = before
    .map(({ label, dead = NaN }, i) => ({ label, first: dead, last: after[i]?.dead ?? dead }))
    .filter(({ first }) => first === first)
  if (!layers.length) return []
  const most = largest(layers.flatMap(({ first, last }) => [first, last]))
  const name = 'dead units'
  const found = `at most ${percent(most)} of the ReLUs of a layer never fire`
  const born = layers.filter(({ first }) => first > 0.75)
  const killed = layers.filter(({ first, last }) => last > 0.75 || (last > 0.5 && last > first + 0.3))
  const labels = (some: typeof layers) => list(some.map(({ label }) => label))
  if (born.length) {
    return [{ name, ok: false, text: `${found} (${labels(born)}): take smaller biases and he() for the weights, scale the inputs, or take leakyRelu()` }]
  }
  if (killed.length) {
    return [{ name, ok: false, text: `${found} (${labels(killed)}), after a few steps: lower the learning rate, or take leakyRelu()` }]
  }
  return [{ name, ok: true, text: found }]
}

/** Sigmoid and tanh units where they are flat; after training, those of the output may well be. */
export function checkSaturation(before: readonly LayerSurvey[], after: readonly LayerSurvey[]): Check[] {
  const layers = before
    .map(({ label, saturated = NaN }, i) => {
      const last = i < before.length - 1 ? (after[i]?.saturated ?? saturated) : saturated
      return { label, first: saturated, most: Math.max(saturated, last) }
    })
    .filter(({ most }) => most === most)
  if (!layers.length) return []
  const name = 'saturation'
  const found = `at most ${percent(largest(layers.map(({ most }) => most)))} of the values of a layer are saturated`
  const bad = layers.filter(({ first, most }) => first > 0.5 || most > 0.8)
  if (!bad.length) return [{ name, ok: true, text: found }]
  const labels = list(bad.map(({ label }) => label))
  return [{ name, ok: false, text: `${found} (${labels}): scale the inputs, take smaller initial weights, or relu()` }]
}

export type { Passes }
