import { type Data, type Labels, type Numbers, checkFinite, copyLabels, copyRows, countRows } from '../data/batches'
import { createEngine } from '../engine/create'
import { type DType, type Tensor, product } from '../tensor'
import type { Engine, WasmSource } from '../engine/engine'
import { DataError, FileError, PlanError, checkOptions, finite, flag, integer, oneOf, show } from '../errors'
import { type AsyncBatches, type Batches, checkValues } from '../training/feed'
import {
  type EvaluateOptions,
  type Evaluation,
  type FitOptions,
  type History,
  type Pass,
  type Trainable,
  createPass,
  evaluate,
  fit,
} from '../training/fit'
import { decodeSafetensors, encodeSafetensors } from '../io/safetensors'
import type { Loss, LossStep } from '../losses'
import { countRight, countRightSides } from '../metrics'
import type { Optimizer, Parameters } from '../optimizers/optimizer'
import {
  type Layer,
  type Origin,
  Plan,
  type Regions,
  type Row,
  type Slot,
  type Step,
  type Value,
  countOf,
  leaves,
} from '../plan/plan'
import { type Random, createRandom } from '../random'
import type { Schedule } from '../schedules'

/** Its type parameters are what a model's abilities come from; `ModelOptions` alone may hold any loss, or none. */
export interface ModelOptions<
  L extends Loss | undefined = Loss | undefined,
  O extends Optimizer | undefined = Optimizer | undefined,
  I extends boolean = boolean,
> {
  /** Shape of one example: [features], or [channels, height, width]. */
  input: readonly number[]
  /** The most rows that a step, a forward pass or a batch of fit may have; memory is planned for it. 32 unless given. */
  batch?: number
  /** Needed by trainStep, evaluate and fit. */
  loss?: L
  /** Needed by step, trainStep and fit. */
  optimizer?: O
  /** Of the initial parameters, the shuffling and dropout. The same seed gives the same bits everywhere. 0 unless given. */
  seed?: number
  /** λ of ½ λ ‖w‖², added to the loss for weights; not for biases and norms. */
  l2?: number
  /** λ of λ ‖w‖₁, added for the same weights; its gradient at 0 is 0. With l2 as well, the elastic net. */
  l1?: number
  /** After each step, the weights into each unit or filter, if their norm is larger, are scaled down to it (CS231n). */
  maxNorm?: number
  /** Each value of the gradients is held to -clipValue ... clipValue; before clipNorm, should both be given. */
  clipValue?: number
  /** Gradients whose norm, over all parameters, is larger are scaled down to it: exactly, where PyTorch adds 1e-6. */
  clipNorm?: number
  /** The numbers that it computes with: float64 unless given; float32 is faster and half as large. */
  dtype?: DType
  /** 'auto': WebAssembly where it runs, else the TypeScript twin. */
  backend?: 'auto' | 'wasm' | 'js'
  /** Kernels for hosts that cannot compile the built-in ones. */
  wasm?: WasmSource
  /** Plans no gradients and no optimizer: less memory, no training. */
  inference?: I
  /**
   * Names of layers that are not trained, such as ['features', 'classifier.1'], with all that is in them: their
   * parameters get no gradients, no optimizer slots and no l2, and they run as in evaluation. See freeze.
   */
  frozen?: readonly string[]
}

/**
 * Plans `network`, gets its memory and fills its parameters.
 *
 *     const model = await createModel(sequential(dense(16), relu(), dense(3)), {
 *       input: [4], batch: 32, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 1e-3 }), seed: 1,
 *     })
 *
 * Throws a PlanError that names the layer where shapes do not fit, an option is unknown, or memory does not suffice.
 */
export async function createModel<
  L extends Loss | undefined = undefined,
  O extends Optimizer | undefined = undefined,
  I extends boolean = false,
>(network: Layer, options: ModelOptions<L, O, I>): Promise<Model<AbilitiesOf<L, O, I>>> {
  const { plan, step, loss, memory, settings, backend } = planModel('createModel', network, options)
  plan.checkTotal(memory)
  const engine = await createEngine(plan.dtype, memory.total, backend, options.wasm)
  plan.kernels = engine.kernels
  return new Model(plan, step, loss, engine, memory, settings)
}

/** What a model can do depends on its options: on a loss, on an optimizer, and on not being for inference alone. */
export type Ability = 'loss' | 'optimizer' | 'training'

/** Those of a model created with such options; what the compiler cannot see is taken to be there. */
export type AbilitiesOf<L, O, I> =
  | (IsExactly<L, undefined> extends true ? never : 'loss')
  | (IsExactly<O, undefined> extends true ? never : 'optimizer')
  | (IsExactly<I, true> extends true ? never : 'training')

/** Whether A is B, and neither `any` nor `never`. */
type IsExactly<A, B> = 0 extends 1 & A ? false : [A, B] extends [B, A] ? true : false

/** What a model will be: see describe. */
export interface Description {
  /** Values of all parameters. */
  readonly parameters: number
  /** Values of the parameters that are not frozen. */
  readonly trainable: number
  /** Multiplications and additions of the forward pass for one example, counted apart. */
  readonly flops: number
  /** Shape of the output for one example. */
  readonly output: readonly number[]
  /** What each region of the memory would take, in bytes. */
  readonly memory: Readonly<Regions>
  /** The lines of the summary. */
  readonly layers: readonly Row[]
  /** Names and shapes of parameters and buffers, as in a PyTorch state dict. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** The same table as Model.summary. */
  summary(): string
}

/**
 * Plans a model as createModel does, with the same options and errors, but allocates none of its memory: how many
 * parameters and FLOPs a network has, and what it would take to train, in milliseconds. Models larger than 4 GiB, which
 * createModel refuses, are described all the same.
 *
 *     describe(vgg16(), { input: [3, 224, 224], batch: 8 }).parameters   // 138357544
 */
export function describe(network: Layer, options: ModelOptions): Description {
  const { plan, step, memory } = planModel('describe', network, options)
  return {
    parameters: countOf(plan.parameters),
    trainable: countOf(plan.trainable),
    flops: flopsOf(plan.rows),
    output: step.y.shape,
    memory,
    layers: plan.rows,
    shapes: Object.fromEntries([...plan.parameters, ...plan.buffers].map(({ name, shape }) => [name, shape])),
    summary: () => summarise(plan, memory),
  }
}

/** Checks the options and lays everything out; allocates nothing. */
function planModel(where: string, network: Layer, options: ModelOptions) {
  checkOptions(where, options, [
    'input',
    'batch',
    'loss',
    'optimizer',
    'seed',
    'l2',
    'l1',
    'maxNorm',
    'clipValue',
    'clipNorm',
    'dtype',
    'backend',
    'wasm',
    'inference',
    'frozen',
  ])
  if (!Array.isArray(options.input) || options.input.length === 0) {
    throw new PlanError(`${where}: input must be the shape of one example, such as [4] or [1, 28, 28]`)
  }
  const input = options.input.map((d) => integer(where, 'every size in input', d, 1))
  const batch = integer(where, 'batch', options.batch ?? 32, 1)
  const dtype = oneOf(where, 'dtype', options.dtype ?? 'float64', ['float64', 'float32'])
  const backend = oneOf(where, 'backend', options.backend ?? 'auto', ['auto', 'wasm', 'js'])
  const settings: Settings = {
    seed: integer(where, 'seed', options.seed ?? 0, 0),
    l2: finite(where, 'l2', options.l2 ?? 0, 0),
    l1: finite(where, 'l1', options.l1 ?? 0, 0),
    maxNorm: limit(where, 'maxNorm', options.maxNorm),
    clipValue: limit(where, 'clipValue', options.clipValue),
    clipNorm: limit(where, 'clipNorm', options.clipNorm),
    optimizer: options.optimizer,
  }
  const { optimizer } = options
  if (optimizer && typeof optimizer.update !== 'function' && typeof optimizer.minimize !== 'function') {
    throw new PlanError(`${where}: optimizer must be one such as adam({ learningRate: 1e-3 })`)
  }
  const limits = (['maxNorm', 'clipValue', 'clipNorm'] as const).filter((name) => settings[name] !== Infinity)
  if (optimizer?.minimize && limits.length) {
    throw new PlanError(
      `${where}: ${limits[0]} does not go with ${optimizer.kind}, which searches along the gradient of the loss as it is`,
    )
  }
  if (options.loss && typeof options.loss.plan !== 'function') {
    throw new PlanError(`${where}: loss must be one such as softmaxCrossEntropy()`)
  }

  const frozen = options.frozen ?? []
  if (!Array.isArray(frozen) || !frozen.every((name) => typeof name === 'string')) {
    throw new PlanError(`${where}: frozen must be an array of names of layers, got ${show(frozen)}`)
  }
  const plan = new Plan(
    input,
    batch,
    dtype,
    flag(where, 'inference', options.inference ?? false),
    settings.seed,
    frozen,
  )
  const step = plan.child('', network, plan.input)
  for (const name of frozen) {
    if (plan.parameters.some((p) => p.name.startsWith(`${name}.`))) continue
    const names = [...new Set(plan.parameters.map((p) => p.name.replace(/\..*/, '')))]
    throw new PlanError(
      `${where}: frozen: no parameter lies in a layer named ${show(name)}; there are ${names.join(', ')}`,
    )
  }
  plan.pin(step.y)
  const loss = options.loss?.plan(step.y, plan)
  // For the norms of weights and gradients, should no layer ask for as much.
  plan.scratch(64)
  const memory = plan.layout(optimizer?.slots.length ?? 0)
  return { plan, step, loss, memory, settings, backend }
}

/** What Model.load left out; all empty unless `strict` is false. */
export interface LoadResult {
  /** What the model has and the file has not: as it was before. */
  readonly missing: readonly string[]
  /** What has another shape in the file: as it was before. */
  readonly mismatched: readonly string[]
  /** What the file has and the model has not. */
  readonly unexpected: readonly string[]
}

/** A limit of at least 0; none where it is not given. */
function limit(where: string, name: string, value: number | undefined): number {
  return value === undefined ? Infinity : finite(where, name, value, 0)
}

interface Settings {
  seed: number
  l2: number
  l1: number
  maxNorm: number
  clipValue: number
  clipNorm: number
  optimizer: Optimizer | undefined
}

/**
 * A network with its memory; made by createModel. Everything but fit is synchronous. `Model` alone can do all; a function
 * that takes any model takes a `Model<never>`, one that evaluates it a `Model<'loss'>`.
 */
export class Model<Can extends Ability = Ability> implements Trainable {
  /** Parameters by name, as in a PyTorch state dict: `0.weight`. Live views. */
  readonly parameters: Readonly<Record<string, Tensor>> = {}
  /** The gradient of each parameter that is trained, under its name. Live views; none in a model for inference. */
  readonly gradients: Readonly<Record<string, Tensor>> = {}
  /** What is saved but not trained, such as `1.running_mean`. Live views. */
  readonly buffers: Readonly<Record<string, Tensor>> = {}
  /** The batch of inputs, [batch, ...input shape]. */
  readonly input: Tensor
  /** The batch of outputs of the last forward pass. */
  readonly output: Tensor
  /** What computes: WebAssembly, or its TypeScript twin. */
  readonly backend: 'wasm' | 'js'
  /** The numbers that it computes with. */
  readonly dtype: DType
  /** The most rows of a step or a forward pass. */
  readonly batch: number
  /** @internal */
  random: Random
  /** Values of one example that goes in. */
  readonly inputSize: number
  readonly classes: number
  /** What the loss compares with; see Loss. */
  readonly targets: LossStep['targets']
  /** Values of one example that comes out. */
  readonly targetSize: number
  /** @internal */
  readonly fullBatch: boolean
  /** The one that it was created with. */
  readonly seed: number
  /** What each region of the memory takes, in bytes. */
  readonly memory: Readonly<Regions>
  /** The time that a learning-rate schedule sees; fit keeps it, a loop of your own may set it. */
  epoch = 0
  /** The learning rate of the last step. */
  learningRate = 0

  /** For the compiler, which tells models of different abilities apart by it. */
  declare protected readonly abilities: { readonly [A in Can]: true }
  private readonly count: number
  private readonly decayed: number
  /** Where the weights of each unit lie, one row for each, for maxNorm. */
  private readonly limited: readonly { rows: number; size: number; pointer: number }[]
  private readonly vector: Parameters
  private readonly schedule: Schedule | undefined
  private readonly scheduleState: Float64Array
  private readonly allGradients: Float64Array | Float32Array
  private readonly outputGradient: Float64Array | Float32Array
  /** Of the loaded batch. @internal */
  readonly labels: Int32Array
  private readonly values: Float64Array | Float32Array
  /** Tensors of the first n rows, made once for each n. */
  private readonly outputRows: (Tensor | undefined)[] = []
  private readonly inputGradientRows: (Tensor | undefined)[] = []
  /** Rows of the last forward pass; 0 before it. */
  private rows = 0
  private steps = 0
  private runStep = 0
  private runEpochs: number | undefined
  private runSteps: number | undefined
  private fitting = false
  /** The layers one by one, so that fit can pause between any two. */
  private readonly parts: readonly Step[]
  /** The pass in work. */
  private pass: Pass
  /** That of everything but fit. */
  private readonly ownPass: Pass = createPass()
  // What is evaluated in a step, made once: a step makes no functions.
  private loaded = 0
  private userLoss: () => number = () => NaN
  private objective = this.userLoss
  /** Training passes before it: all its evaluations in one step are one pass, with the same masks of dropout. */
  private objectivePass = 0
  private readonly evaluateLoaded = (): number => this.lossOfLoaded(this.loaded, true)
  private readonly evaluateUser = (): number => {
    const value = this.userLoss()
    if (typeof value === 'number') return value + this.decayLoss()
    throw new DataError(`step: the function must return the loss, a number, got ${show(value)}`)
  }
  /** The loss and, in `gradients`, its whole gradient, for an optimizer that asks for them several times in a step. */
  private readonly evaluateObjective = (): number => {
    this.allGradients.fill(0)
    this.plan.passes = this.objectivePass
    const value = this.objective()
    this.addDecay()
    return value
  }

  /** @internal */
  constructor(
    private readonly plan: Plan,
    private readonly network: Step,
    private readonly loss: LossStep | undefined,
    private readonly engine: Engine,
    memory: Regions,
    private readonly settings: Settings,
  ) {
    const { seed, optimizer } = settings
    this.memory = memory
    this.parts = leaves(network)
    this.seed = seed
    this.pass = this.ownPass
    this.backend = engine.backend
    this.dtype = plan.dtype
    this.batch = plan.batch
    this.random = createRandom(seed, 1)
    this.inputSize = plan.input.size
    this.targetSize = network.y.size
    this.targets = loss?.targets ?? 'values'
    this.classes = this.targets === 'labels' ? network.y.size : 0
    this.count = countOf(plan.trainable)
    this.decayed = countOf(plan.trainable.filter((p) => p.decay))
    this.limited = plan.trainable
      .filter((p) => p.decay && settings.maxNorm !== Infinity)
      .map((p) => ({ rows: p.shape[0], size: p.size / p.shape[0], pointer: p.data }))
    this.vector = {
      kernels: plan.kernels,
      count: this.count,
      decayed: this.decayed,
      x: plan.parametersPointer,
      dx: plan.gradientsPointer,
      slots: (optimizer?.slots ?? []).map((_, i) => plan.optimizerPointer + i * memory.parameters),
      numbers: new Float64Array(optimizer?.numbers ?? 0),
      scratch: plan.scratchPointer,
    }
    const rate = optimizer?.learningRate
    this.schedule = typeof rate === 'function' ? rate : undefined
    this.scheduleState = new Float64Array(this.schedule?.initialState?.length ?? 0)
    this.fullBatch = optimizer?.minimize !== undefined
    this.input = this.batchOf(plan.input)
    this.output = this.batchOf(network.y)
    const training = !plan.inference
    this.allGradients = this.view(plan.gradientsPointer, training ? this.count : 0)
    this.outputGradient = this.view(network.y.gradient, training ? plan.batch * network.y.size : 0)
    const target = loss?.target.pointer ?? 0
    this.labels = new Int32Array(engine.buffer, target, this.classes ? plan.batch : 0)
    this.values = this.view(target, loss && !this.classes ? plan.batch * this.targetSize : 0)
    for (const { block, values } of plan.constants) this.view(block.pointer, values.length).set(values)

    this.resetSchedule()
    const random = createRandom(seed)
    for (const slot of plan.parameters) {
      const tensor = this.tensor(slot, slot.data)
      slot.init.fill(tensor.data, slot.fanIn, slot.fanOut, random)
      define(this.parameters, slot.name, tensor)
      if (slot.gradient) define(this.gradients, slot.name, this.tensor(slot, slot.gradient))
    }
    for (const slot of plan.buffers) {
      const tensor = this.tensor(slot, slot.data)
      const { initial } = slot
      tensor.data.forEach((_, i, data) => {
        data[i] = typeof initial === 'number' ? initial : initial[initial.length === 1 ? 0 : i]
      })
      define(this.buffers, slot.name, tensor)
    }
  }

  /**
   * How many forward passes were of training. Dropout draws its masks from this number: set it back to n to have those
   * of pass n + 1 once more.
   */
  get passes(): number {
    return this.plan.passes
  }
  /** Throws a PlanError unless it is an integer of at least 0. */
  set passes(passes: number) {
    this.plan.passes = integer('passes', 'the number of training passes', passes, 0)
  }

  /**
   * The output for n rows of x, n at most the batch: a live view, [n, ...output shape], overwritten by the next pass.
   * `training` chooses what batch norm and the like do. Throws a DataError on a wrong length.
   */
  forward(x: Numbers, options: { training?: boolean } = {}): Tensor {
    checkOptions('forward', options, ['training'])
    const n = this.rowsOf('forward', x)
    this.settle()
    copyRows(x, this.inputSize, this.input.data, n, undefined, 0)
    this.run(n, options.training ?? false)
    return this.firstRows(this.outputRows, this.network.y, this.network.y.data, n)
  }

  /**
   * Back-propagates dy, the gradient of the outputs of the last forward pass: adds to `gradients` and returns the
   * gradient of the input, a live view [n, ...input shape].
   */
  backward(this: Model<'training'>, dy: Numbers): Tensor {
    this.needTraining('backward')
    this.settle()
    if (!this.rows) throw new DataError('backward: there was no forward pass yet; call forward first')
    const rows = countRows('dy', dy, this.targetSize, this.network.y.shape)
    if (rows !== this.rows) throw new DataError(`dy: ${rows} rows, but the last forward pass had ${this.rows}`)
    copyRows(dy, this.targetSize, this.outputGradient, rows, undefined, 0)
    this.plan.inputGradient = true
    this.backPropagate(rows)
    this.plan.inputGradient = false
    return this.inputGradientOf(rows)
  }

  /**
   * Applies l2, l1, clipValue, clipNorm, the optimizer and maxNorm, then zeroes `gradients` for the next backward pass.
   * With `evaluate` it first calls that to fill them: a function that runs forward and backward passes, or writes
   * `gradients` (zero when it is called) itself, and returns the loss. Returns that loss, with l2 and l1. Some
   * optimizers, such as lbfgs, look at the loss from several places: they call `evaluate` once for each, and cannot do
   * without.
   *
   *     model.step(() => {
   *       const { data } = model.forward(x)
   *       model.backward(data.map((y, i) => y - target[i]))
   *       return data.reduce((sum, y, i) => sum + 0.5 * (y - target[i]) ** 2, 0)
   *     })
   */
  step(this: Model<'optimizer' | 'training'>): void
  step(this: Model<'optimizer' | 'training'>, evaluate: () => number): number
  step(this: Model<'optimizer' | 'training'>, evaluate?: () => number): number | void {
    this.needTraining('step')
    const optimizer = this.needOptimizer('step')
    if (evaluate !== undefined && typeof evaluate !== 'function') {
      throw new PlanError(`step: wants nothing, or a function that fills gradients and returns the loss`)
    }
    if (!evaluate && !optimizer.update) {
      throw new PlanError(
        `step: ${optimizer.kind} looks at the loss from several places; call trainStep(x, y) or fit, ` +
          `or hand in a function that fills gradients and returns the loss: step(() => loss)`,
      )
    }
    this.settle()
    const rate = this.rate()
    if (!evaluate) return this.apply(optimizer, rate)
    this.userLoss = evaluate
    return this.stepOn(this.evaluateUser, optimizer, rate)
  }

  /** One step on n rows, n at most the batch: forward, loss, backward, step. Returns the loss before the step. */
  trainStep(this: Model, x: Numbers, y: Labels | Numbers): number {
    this.needTraining('trainStep')
    this.needLoss('trainStep')
    this.needOptimizer('trainStep')
    const n = this.rowsOf('trainStep', x)
    checkFinite('x', x, this.inputSize)
    this.checkTargets('trainStep', y, n)
    const data = { x, y }
    this.loadBatch(data, n, undefined, 0)
    return this.runPass(n, true).loss
  }

  /** The output for any number of rows: a copy, [rows, ...output shape]. */
  predict(x: Numbers): Tensor {
    const rows = countRows('x', x, this.inputSize, this.plan.input.shape)
    const size = this.targetSize
    const data = this.dtype === 'float64' ? new Float64Array(rows * size) : new Float32Array(rows * size)
    this.settle()
    for (let first = 0; first < rows; first += this.batch) {
      const n = Math.min(this.batch, rows - first)
      copyRows(x, this.inputSize, this.input.data, n, undefined, first)
      this.run(n, false)
      data.set(this.output.data.subarray(0, n * size), first * size)
    }
    return { shape: [rows, ...this.network.y.shape], data }
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
  evaluate(this: Model<'loss'>, data: Data | Batches, options?: EvaluateOptions): Evaluation
  evaluate(this: Model<'loss'>, data: AsyncBatches, options?: EvaluateOptions): Promise<Evaluation>
  evaluate(
    this: Model<'loss'>,
    data: Data | Batches | AsyncBatches,
    options: EvaluateOptions = {},
  ): Evaluation | Promise<Evaluation> {
    this.needLoss('evaluate')
    return evaluate(this, data, options)
  }

  /**
   * Trains on batches in random order, for `epochs` epochs or `steps` steps. Other events run meanwhile, even within a
   * step (`yieldEvery`): one that uses the model, such as a predict, first runs that step to its end. `signal` ends it
   * early. Arrays are checked before the first step, batches of an iterable as they come: throws a DataError that names
   * the first bad row, or the bad batch.
   */
  async fit(this: Model, data: Data | Batches | AsyncBatches, options: FitOptions = {}): Promise<History> {
    this.needTraining('fit')
    this.needLoss('fit')
    this.needOptimizer('fit')
    if (this.fitting) throw new PlanError('fit: this model is being trained already; wait for that fit to end first')
    this.fitting = true
    this.resetSchedule()
    try {
      return await fit(this, data, options)
    } finally {
      this.fitting = false
      this.settle()
      this.runEpochs = undefined
      this.runSteps = undefined
    }
  }

  /** Parameters and buffers as a safetensors file, with PyTorch's names and shapes. */
  save(): Uint8Array {
    this.settle()
    return encodeSafetensors({ ...this.parameters, ...this.buffers })
  }

  /**
   * Loads what save() wrote, or any safetensors file of F64 or F32 with the same names and shapes. Throws a FileError,
   * and changes nothing, unless all of it fits. With `strict: false` it loads what fits and returns what did not, as
   * for a new head on a body trained before; then it throws only if nothing fits.
   */
  load(bytes: Uint8Array, options: { strict?: boolean } = {}): LoadResult {
    checkOptions('load', options, ['strict'])
    const strict = flag('load', 'strict', options.strict ?? true)
    const tensors = decodeSafetensors(bytes)
    const own = { ...this.parameters, ...this.buffers }
    const missing: string[] = []
    const mismatched: string[] = []
    for (const [name, { shape }] of Object.entries(own)) {
      const found = tensors.get(name)
      if (!found) {
        if (strict) throw new FileError(`weights: the file has no '${name}'; it is of another model`)
        missing.push(name)
      } else if (found.shape.join() !== shape.join()) {
        const shapes = `(${found.shape.join(', ')}) in the file, (${shape.join(', ')}) here`
        if (strict) throw new FileError(`weights: '${name}' is ${shapes}; { strict: false } loads what fits`)
        mismatched.push(name)
      }
    }
    // PyTorch's batch norm counts its batches; nothing here depends on that.
    const unexpected = [...tensors.keys()].filter(
      (name) => !Object.hasOwn(own, name) && !/(^|\.)num_batches_tracked$/.test(name),
    )
    if (strict && unexpected.length) {
      throw new FileError(`weights: the file has '${unexpected[0]}', which this model has not`)
    }
    const left = new Set([...missing, ...mismatched])
    const fitting = Object.entries(own).filter(([name]) => !left.has(name))
    if (left.size && !fitting.length) {
      const names = [...tensors.keys()].slice(0, 3).join(', ')
      throw new FileError(`weights: nothing in the file (${names}, ...) has a name and a shape of this model`)
    }
    this.settle()
    for (const [name, { data }] of fitting) data.set(tensors.get(name)!.data)
    return { missing, mismatched, unexpected }
  }

  /** A table: each layer with its output shape, parameters and FLOPs for one example, and the memory. */
  summary(): string {
    return summarise(this.plan, this.memory, this.backend)
  }

  // ---- for fit and gradientCheck ----

  /** @internal */
  loadBatch(data: Data, n: number, rows: ArrayLike<number> | undefined, first: number): void {
    this.settle()
    if (this.classes) copyLabels(data.y, this.classes, this.labels, n, rows, first)
    else copyRows(data.y as Numbers, this.targetSize, this.values, n, rows, first)
    copyRows(data.x, this.inputSize, this.input.data, n, rows, first)
  }

  /**
   * Begins a pass over the n loaded rows: a training step, or the loss alone. advance() runs it layer by layer, so that
   * there may be pauses within; whatever needs the model meanwhile settles it first. @internal
   */
  begin(pass: Pass, n: number, trains: boolean, rate?: number): void {
    // First of all, for a schedule may throw.
    if (trains) pass.rate = rate ?? this.rate()
    pass.rows = n
    pass.trains = trains
    pass.at = 0
    this.pass = pass
    this.rows = n
  }

  /** Runs the next part of the pass in work: a layer, the loss, or the optimizer. False once all is done. @internal */
  advance(): boolean {
    const { parts, pass } = this
    const { at, rows: n, trains } = pass
    if (!n) return false
    const optimizer = trains ? this.needOptimizer('trainStep') : undefined
    if (optimizer?.minimize) {
      // It runs as many passes as it likes; they are one part.
      pass.rows = 0
      this.loaded = n
      pass.loss = this.stepOn(this.evaluateLoaded, optimizer, pass.rate)
      pass.weight = this.needLoss('trainStep').weight(n)
      pass.right = this.rightOf(n)
      return false
    }
    const layers = parts.length
    if (at === 0 && trains) this.plan.passes++
    if (at < layers) {
      parts[at].forward(n, trains)
    } else if (at === layers) {
      const loss = this.needLoss('evaluate')
      pass.loss = loss.run(n, trains) + this.decayLoss()
      pass.weight = loss.weight(n)
      pass.right = this.rightOf(n)
    } else if (at <= 2 * layers) {
      parts[2 * layers - at].backward(n)
    }
    if (at === (trains ? 2 * layers + 1 : layers)) {
      pass.rows = 0
      if (optimizer) this.apply(optimizer, pass.rate)
      return false
    }
    pass.at++
    return true
  }

  /** A whole pass over the n loaded rows. @internal */
  runPass(n: number, trains: boolean): Pass {
    this.begin(this.ownPass, n, trains)
    this.settle()
    return this.ownPass
  }

  /** Runs the pass in work to its end. @internal */
  settle(): void {
    while (this.advance());
  }

  /** The training loss of the loaded batch; with `gradient`, adds its gradient, but for l2, to `gradients`. @internal */
  lossOfLoaded(n: number, gradient: boolean): number {
    const loss = this.needLoss('trainStep')
    this.needTraining('trainStep')
    this.run(n, true)
    const value = loss.run(n, gradient) + this.decayLoss()
    if (gradient) this.backPropagate(n)
    return value
  }

  /** Adds the gradients of the loaded batch, but for l2 and l1, to `gradients`; returns that of the input. @internal */
  gradientsOfLoaded(n: number): Tensor {
    this.plan.inputGradient = true
    this.lossOfLoaded(n, true)
    this.plan.inputGradient = false
    return this.inputGradientOf(n)
  }

  /** Adds the gradients of l2 and l1. @internal */
  addDecay(): void {
    const { plan, decayed } = this
    const { l2, l1 } = this.settings
    if (!plan.regularises) return
    if (l2) plan.kernels.addScaled(decayed, l2, plan.parametersPointer, plan.gradientsPointer)
    if (l1) plan.kernels.addSigns(decayed, l1, plan.parametersPointer, plan.gradientsPointer)
  }

  /**
   * Runs the loaded batch forward as in training and, with `gradient`, backward, adding to `gradients`; shows the output
   * of each layer, and then its gradient, while they are there, for what comes later may take their memory. Returns the
   * loss, as far as it is asked for. @internal
   */
  inspect(n: number, gradient: boolean, see: (origin: Origin, y: Value, values: Tensor['data'], part: number) => void) {
    const { parts, plan } = this
    const show = (i: number, pointer: number) => {
      const origin = plan.origins.get(parts[i])
      if (origin) see(origin, parts[i].y, this.view(pointer, n * parts[i].y.size), i)
    }
    this.rows = n
    plan.passes++
    for (let i = 0; i < parts.length; i++) {
      parts[i].forward(n, true)
      show(i, parts[i].y.data)
    }
    if (!gradient) return
    this.needLoss('activationStatistics').run(n, true)
    for (let i = parts.length - 1; i >= 0; i--) {
      show(i, parts[i].y.gradient)
      parts[i].backward(n)
    }
  }

  /** All that training changes, but the streams of random numbers, as it is now; returns the way back to it. @internal */
  snapshot(): () => void {
    this.settle()
    const { plan, memory, vector, scheduleState, epoch, steps, runStep, runEpochs, runSteps, learningRate } = this
    const end = plan.optimizerPointer + memory.optimizer
    const live = new Uint8Array(this.engine.buffer, plan.parametersPointer, end - plan.parametersPointer)
    const kept = live.slice()
    const numbers = [vector.numbers, scheduleState].map((values) => [values, values.slice()] as const)
    const { passes, regularises } = plan
    return () => {
      live.set(kept)
      for (const [values, before] of numbers) values.set(before)
      Object.assign(plan, { passes, regularises })
      Object.assign(this, { epoch, steps, runStep, runEpochs, runSteps, learningRate })
    }
  }

  /** Switches what only regularises, such as dropout and l2, on or off. @internal */
  setRegularises(on: boolean): void {
    this.plan.regularises = on
  }

  /** The highest rate of a run of 1000 epochs or steps. @internal */
  peakRate(): number {
    let peak = 0
    for (let t = 0; t < 1000; t++) {
      this.setTime(t, t, 1000, 1000)
      peak = Math.max(peak, this.rate())
    }
    return peak
  }

  /** Memory for the parameters and buffers, and the ways there and back. @internal */
  keepWeights(): { take(): void; restore(): void } {
    const { buffer } = this.engine
    const { parametersPointer, statePointer } = this.plan
    const { parameters, state } = this.memory
    const live = [new Uint8Array(buffer, parametersPointer, parameters), new Uint8Array(buffer, statePointer, state)]
    const kept = live.map((bytes) => new Uint8Array(bytes.length))
    return {
      take: () => kept.forEach((bytes, i) => bytes.set(live[i])),
      restore: () => live.forEach((bytes, i) => bytes.set(kept[i])),
    }
  }

  /**
   * Shows the loss of the epoch that has just ended to a schedule that watches it, such as reduceOnPlateau. fit does it
   * itself; a loop of your own calls it once in each epoch.
   */
  observe(loss: number): void {
    this.schedule?.observe?.(this.epoch, loss, this.scheduleState)
  }

  /** @internal */
  setTime(epoch: number, step: number, epochs: number | undefined, steps: number | undefined): void {
    this.epoch = epoch
    this.runStep = step
    this.runEpochs = epochs
    this.runSteps = steps
  }

  private rightOf(n: number): number {
    const { targets, output, classes, targetSize } = this
    if (targets === 'labels') return countRight(output.data, this.labels, n, classes)
    return targets === 'probabilities' ? countRightSides(output.data, this.values, n, targetSize) : NaN
  }

  private run(n: number, training: boolean): void {
    this.rows = n
    if (training) this.plan.passes++
    for (let i = 0; i < this.parts.length; i++) this.parts[i].forward(n, training)
  }

  private backPropagate(n: number): void {
    for (let i = this.parts.length - 1; i >= 0; i--) this.parts[i].backward(n)
  }

  /** One step of the optimizer on a loss; `evaluate` adds its gradient, but for l2, to `gradients`. */
  private stepOn(evaluate: () => number, optimizer: Optimizer, rate: number): number {
    if (!optimizer.minimize || !this.count) {
      const value = evaluate()
      this.apply(optimizer, rate)
      return value
    }
    this.objective = evaluate
    this.objectivePass = this.plan.passes
    const value = optimizer.minimize(this.vector, rate, this.evaluateObjective)
    this.endStep(rate)
    return value
  }

  private apply(optimizer: Optimizer, rate: number): void {
    const { clipNorm, clipValue, maxNorm } = this.settings
    const { plan, count, limited } = this
    this.addDecay()
    if (clipValue !== Infinity) plan.kernels.clamp(count, clipValue, plan.gradientsPointer)
    if (clipNorm !== Infinity) plan.kernels.limitRowNorms(1, count, clipNorm, plan.gradientsPointer)
    if (count) optimizer.update?.(this.vector, rate, this.steps + 1)
    for (let i = 0; i < limited.length && plan.regularises; i++) {
      const { rows, size, pointer } = limited[i]
      plan.kernels.limitRowNorms(rows, size, maxNorm, pointer)
    }
    this.endStep(rate)
  }

  private endStep(rate: number): void {
    this.steps++
    this.runStep++
    this.learningRate = rate
    this.allGradients.fill(0)
  }

  private rate(): number {
    const { schedule } = this
    if (!schedule) return this.settings.optimizer!.learningRate as number
    const rate =
      schedule.per === 'step'
        ? schedule(this.runStep, this.runSteps, this.scheduleState)
        : schedule(this.epoch, this.runEpochs, this.scheduleState)
    if (rate >= 0 && rate < Infinity) return rate
    throw new PlanError(`learningRate: the schedule gives ${show(rate)} at step ${this.runStep} of epoch ${this.epoch}`)
  }

  private resetSchedule(): void {
    if (this.schedule?.initialState) this.scheduleState.set(this.schedule.initialState)
  }

  /** What regularisation adds to the loss. @internal */
  decayLoss(): number {
    const { l2, l1 } = this.settings
    const { plan, decayed } = this
    if (!plan.regularises) return 0
    let sum = 0
    if (l2) sum += 0.5 * l2 * plan.kernels.sumOfSquares(decayed, plan.parametersPointer)
    if (l1) sum += l1 * plan.kernels.sumOfMagnitudes(decayed, plan.parametersPointer)
    return sum
  }

  private rowsOf(where: string, x: Numbers): number {
    const n = countRows('x', x, this.inputSize, this.plan.input.shape)
    if (n <= this.batch) return n
    throw new DataError(
      `${where}: ${n} rows, but the model was planned for batches of at most ${this.batch}; ` +
        `hand in fewer, or create it with batch: ${n}`,
    )
  }

  private checkTargets(where: string, y: Labels | Numbers, n: number): void {
    const loss = this.needLoss(where)
    const want = loss.targets === 'labels' ? n : n * this.targetSize
    if (y?.length !== want) {
      throw new DataError(`y: want ${want} ${loss.targets} for ${n} rows, got ${y?.length ?? typeof y}`)
    }
    checkValues('y', this, y)
  }

  /** @internal */
  needTraining(where: string): void {
    if (this.plan.inference)
      throw new PlanError(`${where}: the model was created with inference: true; create it without, to train`)
  }

  /** @internal */
  needLoss(where: string): LossStep {
    if (!this.loss) throw new PlanError(`${where}: the model was created without a loss; give one to createModel`)
    return this.loss
  }

  /** @internal */
  needOptimizer(where: string): Optimizer {
    const { optimizer } = this.settings
    if (optimizer) return optimizer
    throw new PlanError(`${where}: the model was created without an optimizer; give one to createModel`)
  }

  private inputGradientOf(n: number): Tensor {
    return this.firstRows(this.inputGradientRows, this.plan.input, this.plan.input.gradient, n)
  }

  private firstRows(cache: (Tensor | undefined)[], value: Value, pointer: number, n: number): Tensor {
    return (cache[n] ??= { shape: [n, ...value.shape], data: this.view(pointer, n * value.size) })
  }

  private batchOf(value: Value): Tensor {
    return { shape: [this.batch, ...value.shape], data: this.view(value.data, this.batch * value.size) }
  }

  private tensor(slot: Slot, pointer: number): Tensor {
    return { shape: slot.shape, data: this.view(pointer, product(slot.shape)) }
  }

  private view(pointer: number, length: number): Float64Array | Float32Array {
    const { buffer } = this.engine
    return this.plan.dtype === 'float64'
      ? new Float64Array(buffer, pointer, length)
      : new Float32Array(buffer, pointer, length)
  }
}

/** Adds an entry to a record that is read-only for everybody else. */
function define(record: Readonly<Record<string, Tensor>>, name: string, tensor: Tensor): void {
  Object.defineProperty(record, name, { value: tensor, enumerable: true })
}

function flopsOf(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + row.flops, 0)
}

/** See Model.summary. */
function summarise(plan: Plan, memory: Regions, backend?: string): string {
  const number = (value: number) => value.toLocaleString('en')
  const all = countOf(plan.parameters)
  const trainable = countOf(plan.trainable)
  const lines = [
    ['layer', 'output', 'parameters', 'FLOPs'],
    ...plan.rows.map((row) => [
      [row.path, row.kind].filter(Boolean).join(' '),
      row.shape.join(' x '),
      number(row.parameters),
      number(row.flops),
    ]),
    ['total', '', number(all), number(flopsOf(plan.rows))],
    ...(trainable === all ? [] : [['trainable', '', number(trainable), '']]),
  ]
  const { total, ...regions } = memory
  const bytes = [...Object.entries(regions), ['total', total] as const].map(([name, size]) => [name, number(size)])
  const title = ['memory in bytes: ' + plan.dtype, backend, `batches of ${plan.batch}`].filter(Boolean).join(', ')
  return `${table(lines)}\n\n${title}\n${table(bytes)}`
}

/** Columns side by side, the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}
