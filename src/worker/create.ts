// Starts a worker, and has it make a model.

import { host } from '#worker'
import { type ByName, memberName } from '../data/named'
import { PlanError, callable, checkArguments, checkNoPromise, checkOptions, isPlain, readSafely, show } from '../errors'
import type { AbilitiesOf } from '../model/abilities'
import { type Described, isOne, partsOf, toJson } from '../model/architecture'
import type { LoadModelOptions } from '../model/load-model'
import { type AnyOptions, MODEL_OPTIONS, type ModelOptions } from '../model/options'
import type { Optimizer } from '../optimizers/optimizer'
import { checkLayer } from '../plan/checks'
import type { Layer, Loss, Network } from '../plan/layer'
import type { DType } from '../tensor'
import { type Connection, connect } from './connection'
import type { WorkerHandle } from './host'
import { type WorkerModel, workerModelOf } from './model'
import type { Facts, Recipe } from './protocol'

/** What a model in a worker has beside the options of a model. */
export interface InWorker {
  /**
   * Makes the worker, where the script of this package cannot be found, or the worker is to have other limits. It runs
   * `v128/worker/script`, or a module that imports it. It serves one model: each call must give another worker, and one
   * that it gave before is a PlanError. In Node:
   *
   *     const options = {
   *       input: [4],
   *       worker: () => new Worker(new URL(import.meta.resolve('v128/worker/script'))),
   *     }
   *     const model = await createWorkerModel(network, options)
   */
  worker?: () => WorkerHandle
}

/**
 * The model that createModel makes, but in a worker, so that a page never waits: a Web Worker in browsers, of
 * node:worker_threads in Node, Deno and Bun. It has the same methods, each of which gives a promise, and the same bits.
 *
 *     const model = await createWorkerModel(sequential(dense(16), relu(), dense(3)), {
 *       input: [4], batch: 32, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 1e-3 }), seed: 1,
 *     })
 *     stop.onclick = () => controller.abort()
 *     await model.fit(data, { epochs: 100, signal: controller.signal, onBatch: ({ loss }) => chart.add(loss) })
 *     const { data: scores } = await model.predict(x)
 *
 * The worker runs a file of this package, which Vite and webpack bundle by themselves; Vite before 8 must be told
 * `worker: { format: 'es' }` and `optimizeDeps: { exclude: ['v128'] }`. esbuild leaves the file out: there it is an entry
 * point beside that of the page, `v128-worker=v128/worker/script`, or `v128-worker.node` in a bundle for Node. A content
 * security policy must allow workers from 'self'. Where there is one, `threads` need blob: in worker-src as well: without
 * it the model computes on one, to the same bits, and the console says so. In Firefox one of some hundred workers never
 * comes back from `new Worker`, which threads need (seen in ESR 153, without this library too): a page that may not wait
 * keeps the worker that it hands in, terminates it after some seconds, and tries once more.
 *
 * Throws a PlanError as createModel does, where the worker cannot be started, and where a layer, an initializer, a loss, an
 * optimizer or a schedule is not one of this library: the network is sent as data, and has no code. What counts is its
 * `kind`: a layer of your own that keeps that of one of this library, as { ...relu(), plan } does, becomes that one.
 */
export async function createWorkerModel<
  In extends string,
  Out extends string,
  L extends ByName<Out, Loss> | undefined = undefined,
  O extends Optimizer | undefined = undefined,
  I extends boolean = false,
  D extends DType = 'float64',
>(
  network: Network<In, Out>,
  options: ModelOptions<L, O, I, D, NoInfer<In>> & InWorker,
): Promise<WorkerModel<AbilitiesOf<L, O, I>, D, In, Out>>
export async function createWorkerModel<
  L extends Loss | undefined = undefined,
  O extends Optimizer | undefined = undefined,
  I extends boolean = false,
  D extends DType = 'float64',
>(network: Layer, options: ModelOptions<L, O, I, D> & InWorker): Promise<WorkerModel<AbilitiesOf<L, O, I>, D>>
export async function createWorkerModel(
  network: Layer | Network<string, string>,
  options: AnyOptions & InWorker,
): Promise<any> {
  const where = 'createWorkerModel'
  checkArguments(where, arguments, 2)
  checkNoPromise(where, 'the network', network)
  checkLayer(where, 'network', network)
  const { recipe, worker } = recipeOf(where, options, [...MODEL_OPTIONS, 'worker'], network)
  return start(where, worker, (connection) => connection.ask({ deed: 'create', name: where, args: [recipe] }))
}

/**
 * The model that loadModel makes of a file, but in a worker: see createWorkerModel. `layers` cannot be given, for they are
 * functions.
 *
 *     const model = await loadWorkerModel(bytes, { inference: true })
 *     const { data } = await model.predict(x, { probabilities: true })
 *
 * Throws what loadModel throws, and a PlanError where the worker cannot be started.
 */
export async function loadWorkerModel<
  D extends DType = DType,
  I extends boolean = false,
  In extends string = never,
  Out extends string = never,
>(
  bytes: Uint8Array | ArrayBuffer,
  options: Omit<LoadModelOptions<D, I, NoInfer<Out>>, 'layers'> & InWorker = {},
): Promise<WorkerModel<AbilitiesOf<Loss, Optimizer, I>, D, In, Out>> {
  const where = 'loadWorkerModel'
  checkArguments(where, arguments, 2)
  checkNoPromise(where, 'the file', bytes)
  const names = MODEL_OPTIONS.filter((name) => name !== 'input')
  const { recipe, worker } = recipeOf(where, options, [...names, 'layers', 'worker'])
  if ('layers' in recipe.options) {
    throw new PlanError(
      `${where}: layers are functions, which cannot be sent to a worker; call loadModel in a worker of your own`,
    )
  }
  return start(where, worker, (connection) => connection.ask({ deed: 'load', name: where, args: [bytes, recipe] }))
}

/** What is posted of a network and its options, which are `names`, each read once; and the one that is not. */
function recipeOf(
  where: string,
  options: object,
  names: readonly string[],
  network?: Layer | Network<string, string>,
): { recipe: Recipe; worker: (() => WorkerHandle) | undefined } {
  return readSafely(where, 'options', () => {
    const given = checkOptions(where, options as Record<string, unknown>, names)
    const { loss, optimizer, worker, ...rest } = given
    const named = isPlain(loss) && !isOne(loss) && !('plan' in loss)
    for (const [name, one] of named ? Object.entries(loss) : [['', loss] as const]) {
      checkPart(where, memberName('loss', name), 'softmaxCrossEntropy()', one, ['plan'])
    }
    checkPart(where, 'optimizer', 'adam({ learningRate: 1e-3 })', optimizer, ['update', 'minimize'])
    if (worker !== undefined) callable(where, 'worker', worker, 'a function: () => new Worker(...)')
    const { json, lost } = toJson(partsOf({ network, loss: loss as Described, optimizer: optimizer as Optimizer }))
    if (json === undefined) {
      throw new PlanError(
        `${where}: the network is sent to the worker as data, but its config, or that of its loss or optimizer, holds ` +
          `${lost}; create the model with createModel in a worker of your own`,
      )
    }
    return { recipe: { parts: json, options: rest }, worker: worker as (() => WorkerHandle) | undefined }
  })
}

/** Throws a PlanError unless it is off, or describes itself and has one of those methods. */
function checkPart(where: string, name: string, example: string, value: unknown, methods: readonly string[]): void {
  checkNoPromise(where, name, value)
  if (value === undefined || value === null || value === false) return
  const { kind, config } = value as Partial<Described>
  const works = methods.some((method) => typeof (value as Record<string, unknown>)[method] === 'function')
  if (works && typeof kind === 'string' && typeof config === 'object') return
  throw new PlanError(`${where}: ${name} must be one such as ${example}, got ${show(value)}`)
}

async function start<M>(
  where: string,
  worker: (() => WorkerHandle) | undefined,
  create: (connection: Connection) => Promise<Facts>,
): Promise<M> {
  const connection = await connect(where, host, worker)
  try {
    return workerModelOf<M>(connection, await create(connection))
  } catch (error) {
    await connection.close()
    throw error
  }
}
