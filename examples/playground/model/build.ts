// From a setting to what the library takes.

import {
  type Layer,
  type Loss,
  type ModelOptions,
  type Optimizer,
  adagrad,
  adam,
  adamW,
  avgPool2d,
  batchNorm,
  constant,
  conv2d,
  cosineDecay,
  dense,
  describe,
  dropout,
  elu,
  exponentialDecay,
  flatten,
  gelu,
  globalAvgPool2d,
  groupNorm,
  he,
  hinge,
  layerNorm,
  leakyRelu,
  maxPool2d,
  maxout,
  momentum,
  nesterov,
  normal,
  orthogonal,
  relu,
  rmsprop,
  selu,
  sequential,
  sgd,
  sigmoid,
  silu,
  softmax,
  softmaxCrossEntropy,
  stepDecay,
  tanh,
  warmup,
  xavier,
  zeros,
} from 'v128'
import type { LayerSpec, OptimizerSpec, Setting } from './setting'

type Config = any

const LAYERS: Record<string, (config: Config) => Layer> = {
  conv2d: ({ filters, ...options }: Config) => conv2d(filters, options),
  dense: ({ units, ...options }: Config) => dense(units, options),
  maxPool2d: ({ kernel, ...options }: Config) => maxPool2d(kernel, options),
  avgPool2d: ({ kernel, ...options }: Config) => avgPool2d(kernel, options),
  globalAvgPool2d: () => globalAvgPool2d(),
  flatten: () => flatten(),
  batchNorm,
  layerNorm,
  groupNorm: ({ groups, ...options }: Config) => groupNorm(groups, options),
  dropout,
  relu,
  leakyRelu,
  elu,
  selu: () => selu(),
  gelu,
  silu: () => silu(),
  sigmoid: () => sigmoid(),
  tanh: () => tanh(),
  softmax: () => softmax(),
  maxout,
}

export const INITIALIZERS: Record<string, () => ReturnType<typeof he>> = {
  he: () => he(),
  xavier: () => xavier(),
  orthogonal: () => orthogonal(),
  'normal 0.01': () => normal(0.01),
  'normal 1': () => normal(1),
  zeros: () => zeros(),
  'constant 0.1': () => constant(0.1),
}

const OPTIMIZERS: Record<string, (options: Config) => Optimizer> = {
  sgd,
  momentum,
  nesterov,
  adagrad,
  rmsprop,
  adam,
  adamW,
}

/** Schedules by steps; each from the rate that the slider has. */
export const SCHEDULES: Record<string, ((rate: number) => Config) | undefined> = {
  constant: undefined,
  'cosine over 1,000 steps': (initial) => cosineDecay({ initial, per: 'step', total: 1000 }),
  'half every 300 steps': (initial) => stepDecay({ initial, drop: 0.5, every: 300, per: 'step' }),
  'exponential, × 0.998 a step': (initial) => exponentialDecay({ initial, decayRate: 0.998, per: 'step' }),
  'warm-up of 100 steps': (initial) => warmup(100, initial),
}

const HAS_WEIGHTS = new Set(['conv2d', 'dense', 'maxout'])

export function layerOf({ kind, config }: LayerSpec, init: string): Layer {
  const own = INITIALIZERS[String(config.init ?? '')] ?? (HAS_WEIGHTS.has(kind) ? INITIALIZERS[init] : undefined)
  const { init: _, ...rest } = config
  return LAYERS[kind](own ? { ...rest, init: own() } : rest)
}

/** Throws the library's error where a layer cannot be. */
export function networkOf({ layers, init }: Setting): Layer {
  return sequential(...layers.map((one) => layerOf(one, init)))
}

export function optimizerOf({ kind, learningRate, options }: OptimizerSpec, schedule: string): Optimizer {
  return OPTIMIZERS[kind]({ ...options, learningRate: SCHEDULES[schedule]?.(learningRate) ?? learningRate })
}

/** Options of createModel for data of this shape. */
export function optionsOf(setting: Setting, input: readonly number[]) {
  const { batch, seed, l2, l1, clipNorm } = setting
  const loss: Loss = setting.loss === 'hinge' ? hinge() : softmaxCrossEntropy()
  return {
    input,
    batch,
    loss,
    optimizer: optimizerOf(setting.optimizer, setting.schedule),
    seed,
    dtype: 'float32',
    ...(l2 > 0 && { l2 }),
    ...(l1 > 0 && { l1 }),
    ...(clipNorm > 0 && { clipNorm }),
  } satisfies ModelOptions
}

/** The library's description of the model, or its error as a sentence. */
export function plan(setting: Setting, input: readonly number[], classes: number) {
  try {
    const found = describe(networkOf(setting), optionsOf(setting, input))
    if (found.output.length !== 1 || found.output[0] !== classes) {
      const got = found.output.join(' × ')
      const cure = `end with dense, units ${classes}`
      return { problem: `The data has ${classes} classes, but the network gives ${got} numbers: ${cure}.` }
    }
    return { description: found }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
