// What people hold in their hands: a network with its memory, behind a few methods. What they do is in src/training/.

import type { Beside } from '../data/beside'
import type { Data, Inputs, Numbers, Targets } from '../data/batches'
import type { ByName, Tensors } from '../data/named'
import type { AsyncBatches, Batches } from '../data/stream'
import { PlanError, checkArguments, integer } from '../errors'
import type { Regions } from '../plan/layout'
import type { Loss } from '../plan/layer'
import type { Schedule } from '../schedules'
import type { DType, Tensor } from '../tensor'
import { type Core, closeCore, needFree, needLoss, needOptimizer, needTraining } from '../training/core'
import { type EvaluateOptions, type Evaluation, evaluate } from '../training/evaluate'
import { checkOneObject } from '../training/feed'
import { fit } from '../training/fit'
import type { History } from '../training/history'
import type { FitOptions } from '../training/options'
import { type ForwardOptions, type PredictOptions, backPropagate, forward, predict } from '../training/pass'
import { observeByHand, setRate } from '../training/rate'
import { resetCarried, slotsOf } from '../training/state'
import { settle, takeStep } from '../training/step'
import { trainStep } from '../training/train-step'
import type { Ability } from './abilities'
import { ownMetadata } from './architecture'
import { checkpointOf, readCheckpoint, takeCheckpoint } from './checkpoint'
import { keepCore, open } from './core-of'
import type { Blueprint } from './options'
import { summarise } from './describe'
import { type LoadOptions, type LoadResult, loadWeights, saveWeights } from './weights'

/**
 * A network with its memory; made by createModel. Everything but fit is synchronous. `Model` alone can do all; a function
 * that takes any model takes a `Model<never>`, one that evaluates it a `Model<'loss'>`. After `close` all of it throws.
 */
export class Model<
  Can extends Ability = Ability,
  D extends DType = DType,
  In extends string = never,
  Out extends string = never,
> {
  /** For the compiler, which tells models of different abilities apart by it. */
  declare protected readonly abilities: { readonly [A in Can]: true }
  readonly #core: Core<D>
  readonly #blueprint: Blueprint<D>

  private constructor(core: Core<D>, blueprint: Blueprint<D>) {
    this.#core = core
    this.#blueprint = blueprint
    keepCore(this, core)
  }

  /** Parameters by name, as in a PyTorch state dict: `0.weight`. Live views. */
  get parameters(): Readonly<Record<string, Tensor<D>>> {
    return open('parameters', this.#core).tensors.parameters
  }
  /** The gradient of each parameter that is trained, under its name. Live views; none in a model for inference. */
  get gradients(): Readonly<Record<string, Tensor<D>>> {
    return open('gradients', this.#core).tensors.gradients
  }
  /** What is saved but not trained, such as `1.running_mean`. Live views. */
  get buffers(): Readonly<Record<string, Tensor<D>>> {
    return open('buffers', this.#core).tensors.buffers
  }
  /** The batch of inputs, [batch, ...input shape]; of a graph, for each input that has a name. */
  get input(): Tensors<In, D> {
    return open('input', this.#core).tensors.input as Tensors<In, D>
  }
  /** The batch of outputs of the last forward pass; of a graph, for each output that has a name. */
  get output(): Tensors<Out, D> {
    return open('output', this.#core).tensors.output as Tensors<Out, D>
  }
  /** What computes: WebAssembly, or its TypeScript twin. */
  get backend(): 'wasm' | 'js' {
    return open('backend', this.#core).engine.backend
  }
  /** How many threads compute it. */
  get threads(): number {
    return open('threads', this.#core).engine.threads
  }
  /** The numbers that it computes with. */
  get dtype(): D {
    return open('dtype', this.#core).dtype
  }
  /** The most rows of a pass. */
  get batch(): number {
    return open('batch', this.#core).batch
  }
  /** The loss that it was created with. */
  get loss(): ByName<Out, Loss> | undefined {
    return open('loss', this.#core).settings.loss as ByName<Out, Loss> | undefined
  }
  /** The one that it was created with. */
  get seed(): number {
    return open('seed', this.#core).settings.seed
  }
  /** What each region of the memory takes, in bytes. */
  get memory(): Readonly<Regions> {
    return open('memory', this.#core).memory
  }

  /**
   * What goes into the files of this model beside its weights, such as the names of classes: of the file that loadModel
   * read or restore found, {} else. It is written as it is then: an object that changes is in each file as it was.
   */
  get metadata(): Readonly<Record<string, unknown>> {
    return open('metadata', this.#core).metadata
  }
  /** Throws a PlanError unless it is an object that JSON can hold. */
  set metadata(metadata: Readonly<Record<string, unknown>>) {
    const core = open('metadata', this.#core)
    ownMetadata('metadata', metadata)
    core.metadata = metadata
  }
  /**
   * What the optimizer remembers for each parameter, under PyTorch's names: `0.weight.exp_avg` and `0.weight.exp_avg_sq`
   * of adam, `0.weight.momentum_buffer` of momentum. Live views: what is written there counts from the next step on.
   */
  get optimizerState(): Readonly<Record<string, Tensor<D>>> {
    return slotsOf(open('optimizerState', this.#core))
  }

  /** The epoch that a learning-rate schedule sees; fit keeps it, a loop of your own may set it. */
  get epoch(): number {
    return open('epoch', this.#core).clock.epoch
  }
  /** Throws a PlanError unless it is an integer of at least 0. */
  set epoch(epoch: number) {
    open('epoch', this.#core).clock.epoch = integer('model', 'epoch', epoch, 0)
  }

  /** The learning rate of the last step; before the first, and once it was set, that of the next, if it is a number. */
  get learningRate(): number {
    return open('learningRate', this.#core).lastRate
  }
  /**
   * From the next step on, while fit runs too: a number of at least 0, or a schedule. Throws a PlanError on anything else.
   *
   *     slider.oninput = () => { model.learningRate = Number(slider.value) }
   */
  set learningRate(rate: number | Schedule) {
    setRate(open('learningRate', this.#core), rate)
  }

  /** How many forward passes trained. Dropout draws its masks from it: set back to n, those of pass n + 1 once more. */
  get passes(): number {
    return open('passes', this.#core).counters.passes
  }
  /** Throws a PlanError unless it is an integer of at least 0. */
  set passes(passes: number) {
    open('passes', this.#core).counters.passes = integer('model', 'passes', passes, 0)
  }

  /**
   * The output for n rows of x, n at most the batch: a live view, [n, ...output shape], overwritten by the next pass.
   * Throws a DataError on a wrong length, or on a number that is not finite.
   */
  forward(x: Inputs<In>, options: ForwardOptions<In> = {}): Tensors<Out, D> {
    const core = this.#enter('forward', arguments, 2)
    return forward(core, x, options) as Tensors<Out, D>
  }

  /**
   * Back-propagates dy, the gradient of the outputs of the last forward pass: adds to `gradients` and returns the
   * gradient of the input, a live view [n, ...input shape]. Where frozen layers come first, that is there only in a model
   * created with `inputGradient: true`; else reading its `data` throws a PlanError that says so.
   */
  backward(this: Model<'training', D, In, Out>, dy: ByName<Out, Numbers>): Tensors<In, D> {
    const core = this.#enter('backward', arguments, 1)
    needTraining('backward', core)
    return backPropagate(core, dy) as Tensors<In, D>
  }

  /**
   * Applies l2, l1, clipValue, clipNorm, the optimizer and maxNorm, then zeroes `gradients` for the next backward pass.
   * With `evaluate` it first calls that to fill them: a function that runs forward and backward passes, or writes
   * `gradients` (zero when it is called) itself, and returns the loss. Returns that, with l2 and l1. Where it or a
   * gradient is not finite, no step is taken; without `evaluate`, that is a DataError. Some optimizers, such as lbfgs,
   * look at the loss from several places: they call `evaluate` for each, and cannot do without.
   *
   *     model.step(() => {
   *       const dy = Float64Array.from(model.forward(x).data, (y, i) => y - target[i])
   *       model.backward(dy)
   *       return dy.reduce((sum, d) => sum + 0.5 * d * d, 0)
   *     })
   */
  step(this: Model<'optimizer' | 'training', D, In, Out>): void
  step(this: Model<'optimizer' | 'training', D, In, Out>, evaluate: () => number): number
  step(this: Model<'optimizer' | 'training', D, In, Out>, evaluate?: () => number): number | void {
    const core = this.#enter('step', arguments, 1)
    needTraining('step', core)
    const optimizer = needOptimizer('step', core)
    return takeStep(core, optimizer, evaluate)
  }

  /**
   * One step on n rows, n at most the batch: forward, loss, backward, step. `beside` has their `weight` and `lengths`.
   * Returns the loss before the step; should it or a gradient not be finite, none is taken; of that, the console is told.
   */
  trainStep(this: Model<Ability, D, In, Out>, x: Inputs<In>, y: Targets<Out>, beside?: Beside<In, Out>): number
  trainStep(this: Model<Ability, D, In, Out>, x: unknown, y: unknown, beside?: any, surplus?: unknown): number {
    // `arguments` would be made anew in each step.
    if (surplus !== undefined) checkArguments('trainStep', [x, y, beside, surplus], 3)
    return trainStep(open('trainStep', this.#core), x, y, beside)
  }

  /**
   * The output for any number of rows: a copy, [rows, ...output shape]. With `probabilities`
   * scores go through softmax or the sigmoid, as the loss of the model takes them (a PlanError where it takes them for
   * neither). Throws a DataError that names the first row with something that is no finite number.
   *
   *     const { data } = model.predict(x, { probabilities: true })
   */
  predict(x: Inputs<In>, options: PredictOptions<In> = {}): Tensors<Out, D> {
    const core = this.#enter('predict', arguments, 2)
    return predict(core, x, options) as Tensors<Out, D>
  }

  /**
   * The mean loss over any number of rows, and the share of right answers (NaN where targets are values); with
   * `topK: 5` the share of rows whose label is among the 5 highest scores; with `confusion` the confusion matrix (see
   * classificationReport). An async iterable of batches gives a promise.
   *
   *     const { loss, accuracy, topKAccuracy, confusion } = model.evaluate(test, { topK: 5, confusion: true })
   *
   * Throws a DataError that names the bad row, or the bad batch.
   */
  evaluate(
    this: Model<'loss', D, In, Out>,
    data: Data<In, Out> | Batches<In, Out>,
    options?: EvaluateOptions<In>,
  ): Evaluation<Out>
  evaluate(
    this: Model<'loss', D, In, Out>,
    data: AsyncBatches<In, Out>,
    options?: EvaluateOptions<In>,
  ): Promise<Evaluation<Out>>
  evaluate(this: Model<'loss', D, In, Out>, data: any, options: EvaluateOptions<In> = {}): any {
    const core = this.#enter('evaluate', arguments, 2, 'hand in evaluate({ x, y }, options)')
    needLoss('evaluate', core)
    checkOneObject('evaluate', data)
    return evaluate(core, data, options)
  }

  /**
   * Trains on batches in random order, for `epochs` epochs or `steps` steps. Other events run meanwhile, even within a
   * step (`yieldEvery`): one that uses the model, such as a predict, first runs that step to its end. `signal` ends it
   * early. It ends by itself where the loss, the gradients or the parameters are no longer finite: `stopped` is then
   * 'diverged', and `diverged` says where that began. Arrays are checked before the first step, batches of an iterable as
   * they come: throws a DataError that names the first bad row, or the bad batch.
   */
  async fit(
    this: Model<Ability, D, In, Out>,
    data: Data<In, Out> | Batches<In, Out> | AsyncBatches<In, Out>,
    options: FitOptions<In, Out> = {},
  ): Promise<History<Out>> {
    const core = this.#enter('fit', arguments, 2, 'hand in fit({ x, y }, options)')
    const files = { take: takeCheckpoint, read: readCheckpoint }
    return (await fit(core, data as Data, options, files)) as History<Out>
  }

  /**
   * Shows the loss of the epoch that has just ended to a schedule that watches it, such as reduceOnPlateau. fit does it
   * itself; a loop of your own calls it once in each epoch. Throws a DataError where it is no finite number.
   */
  observe(loss: number): void {
    const core = this.#enter('observe', arguments, 1)
    observeByHand(core, loss)
  }

  /**
   * A model file: parameters and buffers as safetensors, with PyTorch's names and shapes, which every reader of those
   * takes; in its metadata the network, its options, and `metadata`, that of the model unless given, so that loadModel
   * needs no code of the network. Throws a PlanError where a number is not finite, unless `allowNonFinite` (false unless
   * given) is true.
   *
   *     const bytes = model.save({ metadata: { classes: ['cat', 'dog'] } })
   */
  save(options: { metadata?: object; allowNonFinite?: boolean } = {}): Uint8Array<ArrayBuffer> {
    const core = this.#enter('save', arguments, 1)
    settle('save', core)
    return saveWeights(core, options)
  }

  /**
   * All that training changes, as one safetensors file: parameters and buffers, what the optimizer remembers
   * (`0.weight.exp_avg`), counters, the learning rate and what its schedule has seen; while fit runs, the run as well, for
   * fit's `resume`, but not what a callback does after this. It is a model file too, whose weights load and loadModel take.
   * Throws a PlanError where a parameter is not finite.
   */
  checkpoint(this: Model<'training', D, In, Out>): Uint8Array<ArrayBuffer> {
    const core = this.#enter('checkpoint', arguments, 0)
    needTraining('checkpoint', core)
    return checkpointOf(core)
  }

  /**
   * Brings the model to where it was at a checkpoint, its learning rate too: what comes is, bit for bit, what would have
   * come there. Throws a FileError, and changes nothing, where the file is damaged or of another network or optimizer; a
   * PlanError while fit runs. To go on with the run that it was taken in, hand it to fit as `resume` instead.
   */
  restore(this: Model<'training', D, In, Out>, bytes: Uint8Array | ArrayBuffer): void {
    const core = this.#enter('restore', arguments, 1)
    needTraining('restore', core)
    if (core.fitting) throw new PlanError('restore: fit runs on this model; abort it, and wait for it to end')
    settle('restore', core)
    readCheckpoint('restore', core, bytes).apply()
  }

  /**
   * Loads what save() or checkpoint() wrote, or any safetensors file of F64, F32, F16 or BF16 with the same names and
   * shapes, or names that `rename` makes the same. Throws a FileError, and changes nothing, unless all of it fits. With
   * `strict: false` it loads what fits and returns what did not, as for a new head on a body trained before; then it throws
   * only if nothing fits.
   */
  load(bytes: Uint8Array | ArrayBuffer, options: LoadOptions = {}): LoadResult {
    const core = this.#enter('load', arguments, 2)
    settle('load', core)
    return loadWeights(core, bytes, options)
  }

  /** `stateful` layers begin the next pass at 0, as fit has them in each epoch, predict and evaluate in each call. */
  resetState(): void {
    const core = this.#enter('resetState', arguments, 0)
    settle('resetState', core)
    resetCarried(core)
  }

  /** A table: each layer with its output shape, parameters and FLOPs for one example, and the memory. */
  summary(): string {
    checkArguments('summary', arguments, 0)
    return summarise(this.#blueprint, open('summary', this.#core).engine.backend)
  }

  /**
   * Frees the memory of the model at once; dropping it frees it as well, but later. Whatever uses the model, or a view of
   * it, after that throws or finds nothing; a fit that runs, or waits, ends with an error. A second call does nothing.
   */
  close(): void {
    checkArguments('close', arguments, 0)
    closeCore(this.#core)
  }

  /** The core, once the call may be: there are no more arguments than it takes, and the model is open. */
  #enter(where: string, args: ArrayLike<unknown>, most: number, cure?: string): Core<D> {
    checkArguments(where, args, most, cure)
    const core = open(where, this.#core)
    needFree(where, core)
    return core
  }
}
