// What people hold in their hands: a model that is in a worker, behind promises.

import type { Beside } from '../data/beside'
import type { Data, Inputs, Labels, Numbers, Targets } from '../data/batches'
import type { ByName, Tensors } from '../data/named'
import type { AsyncBatches, Batches } from '../data/stream'
import { PlanError, checkArguments, flag, hasMembers, integer } from '../errors'
import type { Ability } from '../model/abilities'
import { ownMetadata, toJson } from '../model/architecture'
import type { LoadOptions, LoadResult } from '../model/weights'
import { rateOf } from '../optimizers/optimizer'
import type { Regions } from '../plan/layout'
import { type Schedule, describeRate } from '../schedules'
import type { Babysitting } from '../study/babysit'
import type { Inside, InsideOptions } from '../study/inside'
import type { ActivationStatistics, StatisticsOptions } from '../study/statistics'
import type { DType, Tensor } from '../tensor'
import type { EvaluateOptions, Evaluation } from '../training/evaluate'
import type { History } from '../training/history'
import type { FitOptions } from '../training/options'
import type { ForwardOptions, PredictOptions } from '../training/pass'
import type { Connection } from './connection'
import { fromPlain } from './errors'
import type { Places } from './parcel'
import type { Facts, PlainError } from './protocol'

/** How numbers get into the worker. */
export interface Transfer {
  /**
   * Whether arrays are moved into the worker rather than copied: that takes no time, and here they are empty afterwards.
   * What lies in a SharedArrayBuffer is neither: both sides use it. False unless given.
   */
  transfer?: boolean
}

/** How a model in a worker trains: as fit of any model, but for `transform`, which would need the memory of the model. */
export interface WorkerFitOptions<In extends string = never, Out extends string = never>
  extends Omit<FitOptions<In, Out>, 'transform'>, Transfer {}

/** What evaluate of a model in a worker is asked for. */
export interface WorkerEvaluateOptions extends Omit<EvaluateOptions, 'transform'>, Transfer {}

/** Puts a model together: for createWorkerModel. */
export function workerModelOf<M>(connection: Connection, facts: Facts): M {
  // Its constructor is nobody else's business.
  const Made = WorkerModel as unknown as new (connection: Connection, facts: Facts) => WorkerModel
  const model = new Made(connection, facts)
  dropped.register(model, connection)
  return model as M
}

/** Ends the worker of a model that nobody holds any more. */
const dropped = /* @__PURE__ */ new FinalizationRegistry<Connection>((connection) => void connection.close())

/**
 * A model in a worker, made by createWorkerModel: what a Model can do, each a promise. What it gives is a copy, never a
 * view. A call in flight keeps a Node process alive, an idle model does not; one that is dropped ends its worker.
 *
 * Should the worker end, by a crash or for want of memory, then all calls reject with a PlanError that says why. Another
 * model goes on from the last checkpoint:
 *
 *     let last: Uint8Array<ArrayBuffer> | undefined
 *     const options = { input: [4], loss, optimizer }
 *     const train = async () => {
 *       const model = await createWorkerModel(network, options)
 *       await model.fit(data, { resume: last, checkpoint: { every: { seconds: 10 }, save: (bytes) => (last = bytes) } })
 *       return model
 *     }
 *     const trained = await train().catch(train) // once more, from where it was
 */
export class WorkerModel<
  Can extends Ability = Ability,
  D extends DType = DType,
  In extends string = never,
  Out extends string = never,
> {
  /** For the compiler, which tells models of different abilities apart by it. */
  declare protected readonly abilities: { readonly [A in Can]: true }
  readonly #connection: Connection
  readonly #facts: Facts

  private constructor(connection: Connection, facts: Facts) {
    this.#connection = connection
    this.#facts = facts
  }

  /** What computes: WebAssembly, or its TypeScript twin. */
  get backend(): 'wasm' | 'js' {
    return this.#facts.backend
  }
  /** The numbers that it computes with. */
  get dtype(): D {
    return this.#facts.dtype as D
  }
  /** The most rows of a pass. */
  get batch(): number {
    return this.#facts.batch
  }
  /** The one that it was created with. */
  get seed(): number {
    return this.#facts.seed
  }
  /** How many threads compute it, its worker one of them. */
  get threads(): number {
    return this.#open('threads').threads
  }
  /** What each region of the memory takes, in bytes. */
  get memory(): Readonly<Regions> {
    return this.#open('memory').memory as Regions
  }

  /** Copies of the parameters by name, as in a PyTorch state dict: `0.weight`. */
  get parameters(): Promise<Readonly<Record<string, Tensor<D>>>> {
    return this.#get('parameters')
  }
  /** Copies of the gradients, each under the name of its parameter. */
  get gradients(): Promise<Readonly<Record<string, Tensor<D>>>> {
    return this.#get('gradients')
  }
  /** Copies of what is saved but not trained, such as `1.running_mean`. */
  get buffers(): Promise<Readonly<Record<string, Tensor<D>>>> {
    return this.#get('buffers')
  }
  /** A copy of the batch of inputs, [batch, ...input shape]. */
  get input(): Promise<Tensors<In, D>> {
    return this.#get('input')
  }
  /** A copy of the batch of outputs of the last forward pass. */
  get output(): Promise<Tensors<Out, D>> {
    return this.#get('output')
  }
  /** Copies of what the optimizer remembers for each parameter, under PyTorch's names. */
  get optimizerState(): Promise<Readonly<Record<string, Tensor<D>>>> {
    return this.#get('optimizerState')
  }

  /** What goes into the files of this model beside its weights: see Model. */
  get metadata(): Promise<Readonly<Record<string, unknown>>> {
    return this.#get('metadata')
  }
  /** Throws a PlanError unless it is an object that JSON can hold. */
  set metadata(metadata: Readonly<Record<string, unknown>>) {
    this.#set('metadata', JSON.parse(ownMetadata('metadata', metadata)))
  }

  /** The epoch that a learning-rate schedule sees. */
  get epoch(): Promise<number> {
    return this.#get('epoch')
  }
  /** Throws a PlanError unless it is an integer of at least 0. */
  set epoch(epoch: number) {
    this.#set('epoch', integer('model', 'epoch', epoch, 0))
  }

  /** How many forward passes were of training. */
  get passes(): Promise<number> {
    return this.#get('passes')
  }
  /** Throws a PlanError unless it is an integer of at least 0. */
  set passes(passes: number) {
    this.#set('passes', integer('model', 'passes', passes, 0))
  }

  /** The learning rate of the last step; before the first, and once it was set, that of the next, if it is a number. */
  get learningRate(): Promise<number> {
    return this.#get('learningRate')
  }
  /**
   * From the next step on, while fit runs too: a number of at least 0, or a schedule of this library. Throws a PlanError
   * on anything else; what only the worker can know, such as that there is no optimizer, is said by the next call.
   *
   *     const model = await createWorkerModel(network, { input: [4], loss, optimizer })
   *     slider.oninput = () => { model.learningRate = Number(slider.value) }
   */
  set learningRate(rate: number | Schedule) {
    const described = describeRate(rateOf('model', { learningRate: rate }))
    if (described === null) {
      throw new PlanError(
        'model: learningRate must be a number or a schedule of this library, got a function, which cannot be sent to a ' +
          'worker; set a number after each epoch, in onEpoch',
      )
    }
    const { lost } = toJson(described)
    if (lost) {
      throw new PlanError(
        `model: learningRate is sent to the worker as data, but the config of its schedule holds ${lost}`,
      )
    }
    this.#set('learningRate', described)
  }

  /** Layers that are `stateful` begin the next pass with a state of 0: see Model.resetState. */
  async resetState(): Promise<void> {
    checkArguments('resetState', arguments, 0)
    return this.#call('resetState', [])
  }
  /** The output for n rows of x, n at most the batch: see Model.forward. */
  async forward(x: Inputs<In>, options: ForwardOptions<In> & Transfer = {}): Promise<Tensors<Out, D>> {
    checkArguments('forward', arguments, 2)
    return this.#call('forward', [x, options], NUMBERS)
  }

  /** Back-propagates dy, and gives the gradient of the input: see Model.backward. */
  async backward(this: WorkerModel<'training', D, In, Out>, dy: ByName<Out, Numbers>): Promise<Tensors<In, D>> {
    checkArguments('backward', arguments, 1)
    const given: object = await this.#call('backward', [dy])
    const one = ({ missing, ...tensor }: any) => (missing ? withoutData(tensor, missing) : tensor)
    if ('shape' in given) return one(given)
    return Object.fromEntries(Object.entries(given).map(([name, each]) => [name, one(each)])) as any
  }

  /** Updates the parameters by the gradients of backward, and zeroes those: see Model.step. */
  async step(this: WorkerModel<'optimizer' | 'training', D, In, Out>): Promise<void> {
    checkArguments('step', arguments, 0)
    return this.#call('step', [])
  }

  /** One step on n rows, n at most the batch; gives the loss before it: see Model.trainStep. */
  async trainStep(
    this: WorkerModel<Ability, D, In, Out>,
    x: Inputs<In>,
    y: Targets<Out>,
    beside?: Beside<In, Out>,
  ): Promise<number> {
    checkArguments('trainStep', arguments, 3)
    return this.#call('trainStep', [x, y, beside])
  }

  /** The output for any number of rows, also while fit trains, between two of its steps: see Model.predict. */
  async predict(x: Inputs<In>, options: PredictOptions<In> & Transfer = {}): Promise<Tensors<Out, D>> {
    checkArguments('predict', arguments, 2)
    return this.#call('predict', [x, options], NUMBERS)
  }

  /** The mean loss over any number of rows, and the share of right answers: see Model.evaluate. */
  async evaluate(
    this: WorkerModel<'loss', D, In, Out>,
    data: Data<In, Out> | Batches<In, Out> | AsyncBatches<In, Out>,
    options: WorkerEvaluateOptions = {},
  ): Promise<Evaluation<Out>> {
    checkArguments('evaluate', arguments, 2, 'hand in evaluate({ x, y }, options)')
    return this.#call('evaluate', [data, options], { data: ['0'], transform: '1.transform' })
  }

  /**
   * Trains as Model.fit does. Callbacks run here, each is waited for, and what they give or throw counts as it does
   * there; of an iterable one batch is fetched ahead.
   *
   *     const model = await createWorkerModel(network, { input: [4], loss, optimizer })
   *     await model.fit(data, { epochs: 30, signal: controller.signal, onEpoch: (e) => chart.add(e.loss) })
   */
  async fit(
    this: WorkerModel<Ability, D, In, Out>,
    data: Data<In, Out> | Batches<In, Out> | AsyncBatches<In, Out>,
    options: WorkerFitOptions<In, Out> = {},
  ): Promise<History<Out>> {
    checkArguments('fit', arguments, 2, 'hand in fit({ x, y }, options)')
    return this.#call('fit', [data, options], FIT)
  }

  /** Shows the loss of the epoch that has just ended to a schedule that watches it: see Model.observe. */
  async observe(loss: number): Promise<void> {
    checkArguments('observe', arguments, 1)
    return this.#call('observe', [loss])
  }

  /** A model file: see Model.save. */
  async save(options: { metadata?: object; allowNonFinite?: boolean } = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkArguments('save', arguments, 1)
    return this.#call('save', [options])
  }

  /** All that training changes, while fit runs the run as well: see Model.checkpoint. */
  async checkpoint(this: WorkerModel<'training', D, In, Out>): Promise<Uint8Array<ArrayBuffer>> {
    checkArguments('checkpoint', arguments, 0)
    return this.#call('checkpoint', [])
  }

  /** Brings the model to where it was at a checkpoint: see Model.restore. */
  async restore(this: WorkerModel<'training', D, In, Out>, bytes: Uint8Array | ArrayBuffer): Promise<void> {
    checkArguments('restore', arguments, 1)
    return this.#call('restore', [bytes])
  }

  /** Loads what save() or checkpoint() wrote: see Model.load; a function `rename` cannot be sent to a worker. */
  async load(bytes: Uint8Array | ArrayBuffer, options: Omit<LoadOptions, 'rename'> = {}): Promise<LoadResult> {
    checkArguments('load', arguments, 2)
    return this.#call('load', [bytes, options])
  }

  /** Mean and standard deviation of what every layer gives on one batch: see the function of this name. */
  async activationStatistics(
    x: Numbers,
    y?: Labels | Numbers,
    options: StatisticsOptions = {},
  ): Promise<ActivationStatistics[]> {
    checkArguments('activationStatistics', arguments, 3)
    return this.#study('activationStatistics', [x, y, options])
  }

  /**
   * What every layer gives on some rows, and gradients: see the function of this name. While the page trains, a look is
   * between two steps.
   *
   *     const model = await createWorkerModel(network, { input: [4] })
   *     const { layers } = await model.lookInside(x)
   */
  async lookInside(x: Numbers, y?: Labels | Numbers, options: InsideOptions = {}): Promise<Inside<D>> {
    checkArguments('lookInside', arguments, 3)
    return this.#study('lookInside', [x, y, options])
  }

  /** Looks for the mistakes that keep a network from learning: see the function of this name. */
  async babysit(
    this: WorkerModel<Ability, D>,
    data: Data,
    options: { examples?: number; steps?: number; seed?: number } = {},
  ): Promise<Omit<Babysitting, 'toString'>> {
    checkArguments('babysit', arguments, 2)
    return this.#study('babysit', [data, options])
  }

  /** A table of the layers, and the memory: see Model.summary. */
  async summary(): Promise<string> {
    checkArguments('summary', arguments, 0)
    return this.#call('summary', [])
  }

  /** Ends the worker at once, and with an error all that is in flight. A second call does nothing. */
  async close(): Promise<void> {
    checkArguments('close', arguments, 0)
    await this.#connection.close()
  }

  /** Calls a method in the worker. What is not of the model, `transfer`, stays here. */
  async #call(name: string, args: unknown[], places: Places = {}): Promise<any> {
    const given = args[1] as Transfer | undefined
    let moves = false
    if (places.data ?? places.numbers) {
      if (hasMembers(given) && 'transfer' in given) {
        const { transfer = false, ...options } = given
        moves = flag(name, 'transfer', transfer)
        args = [args[0], options]
      }
    }
    return this.#connection.ask({ deed: 'call', name, args, places, moves, keep: this })
  }

  #study(name: string, args: readonly unknown[]): Promise<any> {
    return this.#connection.ask({ deed: 'study', name, args, keep: this })
  }

  /** What is known of the model, where there still is one. */
  #open(name: string): Facts {
    const ended = this.#connection.ended(name)
    if (ended) throw ended
    return this.#facts
  }

  #get(name: string): Promise<any> {
    return this.#connection.ask({ deed: 'get', name, keep: this })
  }

  #set(name: string, value: unknown): void {
    this.#open(name)
    // The next call says why it failed.
    this.#connection.ask({ deed: 'set', name, args: [value], keep: this }).catch(() => {})
  }
}

const NUMBERS: Places = { numbers: ['0'] }
const FIT: Places = { data: ['0', '1.validation'], signal: '1.signal', transform: '1.transform' }

/** A tensor whose data are not there, which is an error once somebody looks at them. */
function withoutData<D extends DType>(tensor: object, missing: PlainError): Tensor<D> {
  const get = () => {
    throw fromPlain(missing, new Map())
  }
  return Object.defineProperty(tensor, 'data', { get, enumerable: true }) as Tensor<D>
}
