// A small model, data for it, and runs of it that are written: for tests of checkpoints.
import { expect } from 'vitest'
import {
  type AsyncBatches,
  type Batches,
  type Data,
  type FitOptions,
  type Model,
  type ModelOptions,
  adam,
  createModel,
  dense,
  dropout,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { learnable } from '../support/models'
import { stateOf } from '../support/state'

export const data = learnable(22)
export const validation = learnable(9)

export function make(options: Partial<ModelOptions> = {}): Promise<Model> {
  return createModel(sequential(dense(8), relu(), dropout(), dense(3)), {
    input: [4],
    batch: 4,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.01 }),
    ...options,
  }) as Promise<Model>
}

/** Batches of an epoch: others in each. */
export const batches = (epoch: number): Data[] =>
  [0, 1, 2, 3].map((i) => ({
    x: data.x.slice(16 * i, 16 * i + 16),
    y: data.y.map((y) => (y + epoch) % 3).slice(4 * i, 4 * i + 4),
  }))

export const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

/** The checkpoints of a run, after each step and epoch. */
export async function written(model: Model, over: Data | Batches | AsyncBatches, options: FitOptions = {}) {
  const all: Uint8Array[] = []
  const checkpoint = { every: { steps: 1 }, save: (bytes: Uint8Array) => all.push(bytes) }
  const history = await model.fit(over, { ...options, checkpoint })
  return { all, history }
}

/** What comes of `bytes` in a fresh model, and what of a run that was never stopped. */
export async function expectSame(
  bytes: Uint8Array,
  over: Data | Batches | AsyncBatches,
  options: FitOptions,
  more = {},
) {
  const [whole, rest] = [await make(), await make()]
  const wanted = await whole.fit(over, options)
  expect(await rest.fit(over, { ...options, ...more, resume: bytes })).toEqual(wanted)
  expect(stateOf(rest)).toEqual(stateOf(whole))
}
