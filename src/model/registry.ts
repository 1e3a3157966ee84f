// How a description of a network, which is plain data, becomes a network again: a registry from the names of layers,
// losses, optimizers, schedules and initializers to what makes them.

import { type FileError, isObject, isPlain, quote, show } from '../errors'
import { type Initializer, constant, he, normal, orthogonal, xavier, zeros } from '../initializers'
import { attention } from '../layers/attention'
import { avgPool1d } from '../layers/avg-pool1d'
import { avgPool2d } from '../layers/avg-pool2d'
import { batchNorm } from '../layers/batch-norm'
import { concat } from '../layers/concat'
import { convTranspose2d } from '../layers/conv-transpose2d'
import { conv1d } from '../layers/conv1d'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { elu } from '../layers/elu'
import { embedding } from '../layers/embedding'
import { flatten } from '../layers/flatten'
import { freeze } from '../layers/freeze'
import { gelu } from '../layers/gelu'
import { graphOf } from '../layers/graph'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { globalMaxPool2d } from '../layers/global-max-pool2d'
import { groupNorm } from '../layers/group-norm'
import { gru } from '../layers/gru'
import { hardSigmoid } from '../layers/hard-sigmoid'
import { hardSwish } from '../layers/hard-swish'
import { add, multiply } from '../layers/joins'
import { layerNorm } from '../layers/layer-norm'
import { leakyRelu } from '../layers/leaky-relu'
import { lstm } from '../layers/lstm'
import { maxPool1d } from '../layers/max-pool1d'
import { maxPool2d } from '../layers/max-pool2d'
import { maxout } from '../layers/maxout'
import { mean } from '../layers/mean'
import { normalize } from '../layers/normalize'
import { padChannels } from '../layers/pad-channels'
import { permute } from '../layers/permute'
import { positions } from '../layers/positions'
import { prelu } from '../layers/prelu'
import { relu } from '../layers/relu'
import { repeat } from '../layers/repeat'
import { reshape } from '../layers/reshape'
import { residual } from '../layers/residual'
import { rnn } from '../layers/rnn'
import { selu } from '../layers/selu'
import { sequential } from '../layers/sequential'
import { sigmoid } from '../layers/sigmoid'
import { silu } from '../layers/silu'
import { softmax } from '../layers/softmax'
import { softplus } from '../layers/softplus'
import { take } from '../layers/take'
import { tanh } from '../layers/tanh'
import { upsample2d } from '../layers/upsample2d'
import { zeroPad2d } from '../layers/zero-pad2d'
import { binaryCrossEntropy, hinge, huber, meanAbsoluteError, meanSquaredError, softmaxCrossEntropy } from '../losses'
import { adagrad } from '../optimizers/adagrad'
import { adam, adamW } from '../optimizers/adam'
import { lbfgs } from '../optimizers/lbfgs'
import { momentum } from '../optimizers/momentum'
import { nesterov } from '../optimizers/nesterov'
import type { Optimizer } from '../optimizers/optimizer'
import { rmsprop } from '../optimizers/rmsprop'
import { sgd } from '../optimizers/sgd'
import { reduceOnPlateau } from '../plateau'
import { checkLayer } from '../plan/checks'
import type { Layer, Loss } from '../plan/layer'
import {
  type Schedule,
  cosineDecay,
  cosineRestarts,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  oneCycle,
  polynomialDecay,
  stepDecay,
  timeDecay,
  warmup,
} from '../schedules'
import { type Described, isOne } from './architecture'

/**
 * What makes a layer from its config, as JSON has it; `build` makes those within it, from { kind, config }.
 *
 *     await loadModel(bytes, {
 *       layers: { mine: ({ units }) => dense(units), still: ({ layer }, build) => freeze(build(layer)) },
 *     })
 */
export type LayerFactory = (config: any, build: (description: unknown) => Layer) => Layer

/** A part of a model that a description may not hold, since a function of the user's makes it. */
export type OwnPart = 'layer' | 'initializer' | 'loss' | 'optimizer' | 'schedule'

/** Who reads descriptions, and what it says of those that it cannot read. */
export interface Reader {
  readonly where: string
  /** Where they come from, behind 'the layers', say. */
  readonly from: string
  /** What is thrown. */
  readonly Fault: typeof FileError
  /** What to do about a part that is not of this library, such as a layer of that kind. */
  cure(part: OwnPart, kind: string): string
  /** Makes an initializer; `known` does so for those of this library. */
  initializer(kind: string, config: object, known: () => Initializer): Initializer
  /** What makes layers that are not of this library. */
  readonly layers: Readonly<Record<string, LayerFactory>>
}

/** A child of a composite. */
type Child = Described & { readonly name: string }

/** Layers within layers, as in a plan; and layers in all, for a plan of very many takes very long. */
const DEEPEST = 500
const MOST_LAYERS = 10_000

const INITIALIZERS: Readonly<Record<string, (config: any) => Initializer>> = {
  constant: ({ value }) => constant(value),
  he: () => he(),
  normal: ({ std }) => normal(std),
  orthogonal,
  xavier,
  zeros: () => zeros(),
}

/** What makes layers, each with its config and what makes those within it. */
function layersFor(reader: Reader) {
  const { where, Fault } = reader
  const problem = (what: string) => new Fault(`${where}: ${what}`)
  /** Children named by place, or by their keys. */
  const children = (
    list: readonly Child[],
    build: (description: unknown) => Layer,
  ): Layer[] | [Record<string, Layer>] => {
    if (!Array.isArray(list)) throw problem(`the layers within a layer must be a list, got ${show(list)}`)
    if (list.length > MOST_LAYERS) throw problem(`more than ${MOST_LAYERS} layers`)
    const layers = list.map((one) => build(one))
    const names = new Set(list.map(({ name }) => name))
    const isNamed = names.size === list.length && [...names].every((name: unknown) => typeof name === 'string')
    if (!isNamed) throw problem('layers within a layer must each have a name, a text of its own')
    if (list.every(({ name }, i) => name === String(i))) return layers
    return [Object.fromEntries(list.map(({ name }, i) => [name, layers[i]]))]
  }
  const withInit = ({ init, ...rest }: { init?: { kind: string } }): object => {
    if (!init) return rest
    const { kind, ...config } = init
    const known = () => {
      const factory = factoryOf(reader, INITIALIZERS, 'initializer', kind)
      return made(reader, `the initializer ${quote(kind)}`, () => factory(config))
    }
    return { ...rest, init: reader.initializer(kind, config, known) }
  }
  return {
    attention: (config) => attention(config),
    avgPool1d: ({ kernel, ...options }) => avgPool1d(kernel, options),
    avgPool2d: ({ kernel, ...options }) => avgPool2d(kernel, options),
    batchNorm: (config) => batchNorm(config),
    conv1d: ({ filters, ...options }) => conv1d(filters, withInit(options) as Parameters<typeof conv1d>[1]),
    add: () => add(),
    concat: ({ branches, axis }, build) =>
      axis !== undefined
        ? concat({ axis: axis as number })
        : branches === undefined
          ? concat()
          : (concat as (...args: unknown[]) => Layer)(...children(branches, build)),
    conv2d: ({ filters, ...options }) => conv2d(filters, withInit(options) as Parameters<typeof conv2d>[1]),
    convTranspose2d: ({ filters, ...options }) =>
      convTranspose2d(filters, withInit(options) as Parameters<typeof convTranspose2d>[1]),
    dense: ({ units, ...options }) => dense(units, withInit(options)),
    dropout: (config) => dropout(config),
    embedding: ({ vocabulary, size, ...options }) => embedding(vocabulary, size, withInit(options)),
    elu: (config) => elu(config),
    flatten: () => flatten(),
    freeze: ({ layer }, build) => freeze(build(layer)),
    gelu: (config) => gelu(config),
    graph: (config, build) => graphOf(config, build) as Layer,
    globalAvgPool2d: () => globalAvgPool2d(),
    globalMaxPool2d: () => globalMaxPool2d(),
    groupNorm: ({ groups, ...options }) => groupNorm(groups, options),
    gru: ({ units, ...options }) => gru(units, withInit(options)),
    hardSigmoid: () => hardSigmoid(),
    hardSwish: () => hardSwish(),
    layerNorm: (config) => layerNorm(config),
    leakyRelu: (config) => leakyRelu(config),
    lstm: ({ units, ...options }) => lstm(units, withInit(options)),
    maxout: (config) => maxout(config),
    maxPool1d: ({ kernel, ...options }) => maxPool1d(kernel, options),
    maxPool2d: ({ kernel, ...options }) => maxPool2d(kernel, options),
    mean: (config) => mean(config),
    multiply: () => multiply(),
    normalize: (config) => normalize(config),
    padChannels: (config) => padChannels(config),
    permute: ({ order }) => permute(order),
    positions: (config) => positions(withInit(config)),
    prelu: (config) => prelu(config),
    relu: (config) => relu(config),
    repeat: ({ times }) => repeat(times),
    reshape: ({ shape }) => reshape(shape),
    residual: ({ body, shortcut, ...options }, build) => residual(build(body), shortcut && build(shortcut), options),
    rnn: ({ units, ...options }) => rnn(units, withInit(options)),
    selu: () => selu(),
    sequential: ({ layers }, build) => (sequential as (...args: unknown[]) => Layer)(...children(layers, build)),
    sigmoid: () => sigmoid(),
    silu: () => silu(),
    softmax: () => softmax(),
    softplus: () => softplus(),
    take: (config) => take(config),
    tanh: () => tanh(),
    upsample2d: (config) => upsample2d(config),
    zeroPad2d: ({ pad, ...sides }) => zeroPad2d(pad ?? sides),
  } satisfies Readonly<Record<string, LayerFactory>>
}

/** The names of the functions that make the layers of this library. */
export type LayerKind = keyof ReturnType<typeof layersFor>

const LOSSES: Readonly<Record<string, (config: any) => Loss>> = {
  binaryCrossEntropy,
  hinge,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  softmaxCrossEntropy,
}

const OPTIMIZERS: Readonly<Record<string, (config: any) => Optimizer>> = {
  adagrad,
  adam,
  adamW,
  lbfgs,
  momentum,
  nesterov,
  rmsprop,
  sgd,
}

const SCHEDULES: Readonly<Record<string, (config: any) => Schedule>> = {
  cosineDecay,
  cosineRestarts,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  oneCycle,
  polynomialDecay,
  reduceOnPlateau,
  stepDecay,
  timeDecay,
  warmup: ({ steps, schedule }) => warmup(steps, schedule),
}

/** The factory of a kind. Throws the reader's error, with its cure, where this library has none. */
function factoryOf<T>(reader: Reader, registry: Readonly<Record<string, T>>, part: OwnPart, kind: string): T {
  if (Object.hasOwn(registry, kind)) return registry[kind]
  throw new reader.Fault(
    `${reader.where}: the ${part} ${quote(kind)} is not one of this library; ${reader.cure(part, kind)}`,
  )
}

/** What `make` makes of a config; where that throws, an error of the reader's. */
export function made<T>({ where, from, Fault }: Reader, what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const message = cause instanceof Error ? cause.message : show(cause)
    throw new Fault(`${where}: ${what}${from} cannot be made: ${message}`, { cause })
  }
}

/** The kind and the config of a description. */
function partsOf(
  { where, from, Fault }: Reader,
  what: string,
  description: unknown,
): { kind: string; config: object; learningRate?: unknown } {
  const { kind, config, ...rest } = (isObject(description) ? description : {}) as Record<string, unknown>
  if (typeof kind === 'string' && isPlain(config)) return { kind, config, ...rest }
  throw new Fault(`${where}: ${what}${from} must be { kind, config }, got ${show(description)}`)
}

/** The layer that a description is of. */
export function layerOf(reader: Reader, description: unknown): Layer {
  const { where, Fault, layers: own } = reader
  const registry: Readonly<Record<string, LayerFactory>> = layersFor(reader)
  let layers = 0
  const factoryFor = (kind: string) => factoryOf(reader, Object.hasOwn(own, kind) ? own : registry, 'layer', kind)
  const build = (described: unknown, depth: number): Layer => {
    const named: unknown = isObject(described) && (described as Partial<Described>).kind
    // Of one that nobody knows that is said, whatever else it lacks.
    if (typeof named === 'string') factoryFor(named)
    const { kind, config } = partsOf(reader, 'a layer', described)
    if (++layers > MOST_LAYERS) throw new Fault(`${where}: more than ${MOST_LAYERS} layers`)
    if (depth > DEEPEST) throw new Fault(`${where}: layers are nested more than ${DEEPEST} deep`)
    const layer = made(reader, `the layer ${quote(kind)}`, () =>
      factoryFor(kind)(config, (inner) => build(inner, depth + 1)),
    )
    checkLayer(where, `what layers.${kind} makes`, layer)
    return layer
  }
  return build(description, 0)
}

/** The loss that a description is of, or the losses, by name. */
export function lossesOf(reader: Reader, description: unknown): Loss | Record<string, Loss> {
  const all = isPlain(description) && !isOne(description) ? Object.entries(description) : []
  if (!all.length || !all.every(([, one]) => isPlain(one))) return lossOf(reader, description)
  return Object.fromEntries(all.map(([name, one]) => [name, lossOf(reader, one)]))
}

function lossOf(reader: Reader, description: unknown): Loss {
  const { kind, config } = partsOf(reader, 'the loss', description)
  const factory = factoryOf(reader, LOSSES, 'loss', kind)
  return made(reader, `the loss ${quote(kind)}`, () => factory(config))
}

/** The optimizer that a description is of. */
export function optimizerOf(reader: Reader, description: unknown): Optimizer {
  const { kind, config, learningRate } = partsOf(reader, 'the optimizer', description)
  const factory = factoryOf(reader, OPTIMIZERS, 'optimizer', kind)
  const rate = rateOf(reader, learningRate, `the learning rate of ${kind}`)
  return made(reader, `the optimizer ${quote(kind)}`, () => factory({ ...config, learningRate: rate }))
}

/** The rate or the schedule that a description is of; `what` says what that is. */
export function rateOf(reader: Reader, description: unknown, what = 'the learning rate'): number | Schedule {
  if (typeof description === 'number') return description
  if (description === null) {
    throw new reader.Fault(`${reader.where}: ${what} was a function; ${reader.cure('schedule', what)}`)
  }
  const { kind, config } = partsOf(reader, 'the learning rate', description)
  const factory = factoryOf(reader, SCHEDULES, 'schedule', kind)
  // One within another has its own description.
  const inner = 'schedule' in config ? { schedule: rateOf(reader, config.schedule, `a schedule within ${kind}`) } : {}
  return made(reader, `the schedule ${quote(kind)}`, () => factory({ ...config, ...inner }))
}
