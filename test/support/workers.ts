// What tests of models in workers share: the script as it is built, for tests load the sources, which have none.
import { Worker, type WorkerOptions } from 'node:worker_threads'
import {
  type Layer,
  type ModelOptions,
  adam,
  batchNorm,
  cosineDecay,
  createModel,
  dense,
  dropout,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { type WorkerModel, createWorkerModel } from '../../src/entries/worker'
import { learnable } from './models'

const script = new URL('../../dist/v128-worker.node.js', import.meta.url)

/** A worker with the script of the package. */
export const startWorker = (options?: WorkerOptions) => new Worker(script, options)

export const network = () => sequential(dense(8), batchNorm(), relu(), dropout({ keep: 0.8 }), dense(3))
export const settings = {
  input: [4],
  batch: 16,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: cosineDecay({ initial: 0.01, per: 'step', total: 100 }) }),
  seed: 3,
}
export const data = learnable(100)

/** The same model in a worker and in this thread. */
export async function twins(options: Partial<ModelOptions> = {}, layer: Layer = network()) {
  const remote = await createRemote(options, layer)
  const local = await createModel(layer, { ...settings, ...options })
  return { remote, local }
}

/** A model in a worker. */
export function createRemote(options: object = {}, layer: Layer = network()): Promise<WorkerModel> {
  return createWorkerModel(layer, { ...settings, worker: startWorker, ...options }) as Promise<WorkerModel>
}

/** What a promise, or what throws, ends with. */
export async function rejection(action: () => unknown): Promise<unknown> {
  try {
    await action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
