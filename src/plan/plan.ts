// What layers and losses ask for while a network is planned. They get places that have no memory yet, and record calls.

import { MAX_SIZE, PlanError, endOf, few, finite, integer, numbers, quote, show } from '../errors'
import type { DType } from '../tensor'
import {
  type Call,
  type CallOptions,
  type Origin,
  type Routine,
  type Size,
  TRAINING,
  doesWrite,
  isOfLoss,
  times,
  titleOf,
} from './calls'
import type { Kernels } from '../kernels/index'
import { ask, checkLayer, checkShared, checkedCall, checkedLoss, checkedParameter, faultOf, sizeOf } from './checks'
import { Block, Buffer, type Ids, Parameter, type ParameterOptions, type Place, Value, isIds } from './value'
import type { Ahead, Layer, Loss, LossPlan, Network } from './layer'
import { countOf } from './layout'
import type { PlanOptions, Recorded, Recorder } from './recorded'

/** Layers within layers: more would exhaust the stack of a browser. */
const DEEPEST = 500
/** Of graphs within graphs, each used twice, a few lines would be more than any time suffices for. */
const MOST_LAYERS = 100_000

/** Kernels that may read whole numbers which name something. */
const READ_IDS = /^(embedding(For|Back)ward|copyBlocks)$/

/** Kernels count with 32 bits. */
const MOST_VALUES = 2 ** 31 - 1

/** What a layer, in its `plan`, asks for what it needs. */
export class Plan {
  /** The most examples at once. */
  readonly batch: number
  /** The numbers that the model computes with. */
  readonly dtype: DType
  /** Bytes of a value. */
  readonly bytes: number
  /** Of what is random in training. */
  readonly seed: number
  /** Of convolutions that do not say it themselves. */
  readonly algorithm: 'auto' | 'direct'
  /** What comes after the layer being planned. */
  ahead: Ahead = 'end'
  /** What gives the inputs of the layer being planned, for errors; in their order, and empty outside of a graph. */
  sources: readonly string[] = []

  readonly #options: PlanOptions
  readonly #recorded: Recorder
  readonly #variables = new Map<string, Parameter | Buffer>()
  /** The layers that have been planned, each with its path. */
  readonly #planned = new Map<unknown, string>()
  /** Whether the layer being planned was so before, under the same name: then it has its parameters already. */
  #again = false
  /** The calls of the loss being planned. */
  #loss: { weight?: Call; loss?: Call } | undefined
  /** How deep the layer being planned lies in others, and the kind of the outermost. */
  #depth = 0
  #count = 0
  #root = ''
  #layer: Origin = { path: '', kind: '' }
  /** The first forward call that the layer being planned records itself, behind those of its children. */
  #own = 0
  #frozen = false
  #randomLayers = 0
  /** What the layer, or the loss, being planned reads. */
  #reads: readonly Value[] = []
  /** Of a value whose first axis is that of an input which is a sequence, the number of that input. */
  readonly #sequences = new Map<Value, number>()
  /** How often layers have asked for lengths. */
  #asked = 0

  constructor(options: PlanOptions) {
    this.#options = options
    this.batch = options.batch
    this.dtype = options.dtype
    this.bytes = options.dtype === 'float64' ? 8 : 4
    this.seed = options.seed
    this.algorithm = options.algorithm
    this.#recorded = {
      inputs: options.inputs.map(({ shape, dtype }) =>
        this.value(shape, dtype === 'int32' ? { below: Infinity } : undefined),
      ),
      forward: [],
      backward: [[]],
      losses: [],
      outputs: [],
      rows: [],
      parameters: [],
      buffers: [],
      states: [],
      pinned: [],
      constants: [],
      lengths: options.inputs.map(() => undefined),
      mixers: options.inputs.map(() => undefined),
    }
    // An image has three axes.
    this.#recorded.inputs.forEach((x, i) => x.shape.length < 3 && this.#sequences.set(x, i))
  }

  // ---- places ----

  /**
   * What the layer being planned computes: `batch` examples of `shape`. With `ids`, those of another value, they are some
   * of its whole numbers, and have no gradient.
   */
  value(shape: readonly number[], ids?: Ids): Value {
    const size = sizeOf(() => this.#where, shape)
    if (size > MOST_VALUES) {
      throw this.error(`an example of shape (${few(shape)}) cannot be; kernels count to ${MOST_VALUES}`)
    }
    const bytes = this.batch * size * this.bytes
    return new Value(shape, new Block(bytes), this.#options.inference || ids ? undefined : bytes, ids)
  }

  /** The same memory, values and gradient, under another shape. */
  reshaped(x: Value, shape: readonly number[]): Value {
    if (!(x instanceof Value) || sizeOf(() => this.#where, shape) !== x.size) {
      throw this.error(`reshaped wants a value and a shape of as many numbers, got ${show(shape)}`)
    }
    const y = new Value(shape, x.data, x.gradient, x.ids)
    this.#follow(x, y)
    return y
  }

  /**
   * The value for each of several readers: the same numbers, each with a gradient of its own. Records that the gradient
   * of x is their sum, in their order.
   */
  fork(x: Value, readers: number): Value[] {
    if (!(x instanceof Value)) throw this.error(`fork wants a value, got ${show(x)}`)
    integer(this.#where, 'readers of fork', readers, 0, MAX_SIZE)
    const { gradient } = x
    if (!gradient || readers === 1) return Array.from({ length: readers }, () => this.reshaped(x, x.shape))
    const forks = Array.from({ length: readers }, () => new Value(x.shape, x.data, gradient.bytes))
    for (const y of forks) this.#follow(x, y)
    this.#group()
    for (let i = 1; i < readers; i++) {
      const sum = i === 1 ? forks[0].gradient : gradient
      this.backward('add', { sizes: [times(x.size)], reads: [sum, forks[i].gradient], writes: [gradient] })
    }
    this.#group()
    return forks
  }

  /** Makes the gradient of `x` the gradient of `y`, where a layer passes it on unchanged. */
  shareGradient(x: Value, y: Value): void {
    if (!(x instanceof Value && y instanceof Value)) throw this.error('shareGradient wants two values')
    if (x.gradient && y.gradient) x.gradient.shareWith(y.gradient)
  }

  /** Memory of `bytes` for what is no value: what forward leaves for backward, such as the places of maxima. */
  saved(bytes: number): Place {
    return new Block(finite(this.#where, 'bytes', bytes, 0))
  }

  /** Memory that nothing else ever uses, such as for targets, which are written from outside. */
  pinned(bytes: number): Place {
    return this.#pinned(finite(this.#where, 'bytes', bytes, 0))
  }

  /**
   * Where the lengths of the rows lie, a whole number (i32) from 1 to T for each example: how many of its T steps count,
   * all of them unless the data say otherwise (`{ x, y, lengths }`). For a layer on a sequence [T, ...] that is an input
   * of the network, or whose first axis every layer before has kept; of a layer on several values, of the first such.
   * Undefined for any other: there is nothing that lengths could be of. A routine makes an Int32Array of the memory of the
   * view that it gets.
   */
  get lengths(): Place | undefined {
    const of = this.#reads.find((x) => this.#sequences.has(x))
    return of && this.lengthsOf(of)
  }

  /** The same of one of several values that a layer reads. */
  lengthsOf(x: Value): Place | undefined {
    const input = this.#sequences.get(x)
    this.#asked++
    return input === undefined ? undefined : (this.#recorded.lengths[input] ??= this.#pinned(4 * this.batch))
  }

  /** Values that neither change nor are saved, such as class weights. */
  constant(values: readonly number[]): Place {
    values = this.#numbers('a constant', values)
    const place = this.pinned(values.length * this.bytes)
    this.#recorded.constants.push({ place, values })
    return place
  }

  /** A parameter, `name` local to the layer. */
  parameter(name: string, shape: readonly number[], options: ParameterOptions): Parameter {
    const { inference, decay } = this.#options
    const all = decay === 'all'
    const checked = checkedParameter(`${this.#where}: parameter ${quote(name)}`, options)
    return this.#named(this.#recorded.parameters, Parameter, name, shape, checked, this.#frozen, inference, all)
  }

  /** Something saved with the model but not trained. */
  buffer(name: string, shape: readonly number[], initial: number | readonly number[]): Buffer {
    const values = typeof initial === 'number' ? initial : this.#numbers(quote(String(name)), initial)
    const buffer = this.#named(this.#recorded.buffers, Buffer, name, shape, values)
    if (typeof values !== 'number' && values.length !== 1 && values.length !== buffer.size) {
      throw this.error(`${quote(name)} begins with ${values.length} numbers, but holds ${buffer.size}`)
    }
    return buffer
  }

  /** Whether the layer being planned was so before, under the same name: then its parameters are those of that time. */
  get again(): boolean {
    return this.#again
  }

  /**
   * What goes on from batch to batch, of each row as many values as `shape` says: 0 at first and after resetState. Each
   * pass reads it `before`, and must leave in `after`, for all rows of a batch, what the next is to begin with. It is named
   * by a parameter of the layer, and part of checkpoints, but not of model files.
   */
  carried(
    of: Parameter,
    shape: readonly number[],
  ): {
    /** What the last batch left, of each row; to be read. */
    readonly before: Place
    /** What this one leaves, of each row; to be written. */
    readonly after: Place
  } {
    const name = `${of.name}.state`
    const size = this.batch * sizeOf(() => this.#where, shape)
    if (this.#recorded.states.some(({ before }) => before.name === name)) {
      throw this.error('has a state, which cannot go on from two places of a network; make it another layer')
    }
    const before = new Buffer(name, [this.batch, ...shape], size * this.bytes, 0)
    const after = this.#pinned(size * this.bytes)
    this.#recorded.states.push({ before, after })
    return { before, after }
  }

  // ---- calls ----

  /** 1 in a pass that trains the layer being planned, else 0. */
  get training(): Size {
    return this.#frozen ? 0 : TRAINING
  }

  /** Records a call of the forward pass. */
  forward(kernel: keyof Kernels | Routine, options: CallOptions): void {
    this.#record(this.#recorded.forward, kernel, options)
  }

  /** Records a call of the backward pass: calls of one layer run in their order, layers in reverse. */
  backward(kernel: keyof Kernels | Routine, options: CallOptions): void {
    if (!this.#options.inference) this.#record(this.#recorded.backward.at(-1)!, kernel, options)
  }

  /**
   * Records the call that gives the loss: the mean over the examples, each by its weight. It writes the gradient of the
   * network's output; where that is not wanted, the place is missing.
   */
  loss(kernel: keyof Kernels | Routine, options: CallOptions): void {
    this.#lossCalls().loss = this.#call(kernel, options)
  }

  /** Plans `loss` on the output of the network, or on that of `name`, '' unless given. */
  planLoss(loss: Loss, y: Value, name = ''): LossPlan {
    this.#layer = { path: name ? `loss.${name}` : 'loss', kind: loss.kind }
    this.#reads = [y]
    this.#loss = {}
    const planned = this.#ask(loss, [y])
    const { weight, loss: call } = this.#loss
    const { weight: factor = 1 } = loss
    const checked = checkedLoss(this.#where, call, factor, planned, this.batch, y.size, this.bytes)
    this.#recorded.losses.push({ weight, loss: call!, factor, output: y, planned: checked })
    return checked
  }

  /** Records the call that gives what the examples weigh in the mean; their number unless there is one. */
  weight(kernel: keyof Kernels | Routine, options: CallOptions): void {
    this.#lossCalls().weight = this.#call(kernel, options)
  }

  #lossCalls(): { weight?: Call; loss?: Call } {
    if (this.#loss) return this.#loss
    throw this.error('plan.loss and plan.weight are for losses; a layer calls plan.forward and plan.backward')
  }

  /** A number for a layer that draws random numbers, to draw others than those before it. */
  randomLayer(): number {
    return this.#randomLayers++
  }

  // ---- layers made of layers ----

  /**
   * Plans `layer` on `x`, or on several values if it takes them, as the child `name` of the layer being planned; '' adds
   * nothing to the names within. The same layer with the same name, once more, has the same parameters. `sources` names
   * what gives the values.
   */
  child(
    name: string,
    layer: Layer,
    x: Value | readonly Value[],
    ahead: Ahead = this.ahead,
    sources: readonly string[] = [],
  ): Value {
    const [y, ...others] = this.#child(name, layer, [x].flat(), ahead, sources)
    if (!others.length) return y
    throw this.error(`${quote(name)} gives several outputs, which only a whole network may; make it the network`)
  }

  /** Plans the whole network; gives its outputs. */
  network(network: Layer | Network<string, string>): readonly Value[] {
    return this.#child('', network, this.#recorded.inputs, this.ahead, [])
  }

  #child(
    name: string,
    layer: Layer | Network<string, string>,
    inputs: readonly Value[],
    ahead: Ahead,
    sources: readonly string[],
  ): readonly Value[] {
    checkLayer(this.#depth ? this.#where : 'createModel', name || (this.#depth ? "''" : 'network'), layer)
    if (this.#depth > DEEPEST) {
      throw this.error(`layers are nested more than ${DEEPEST} deep; put some of them in one sequential`)
    }
    if (++this.#count > MOST_LAYERS) throw this.error(`more than ${MOST_LAYERS} layers, each use of one counted`)
    const { forward, backward, rows, parameters, outputs } = this.#recorded
    const { kind } = layer
    const outer = [this.#layer, this.ahead, this.sources, this.#frozen, this.#again, this.#reads] as const
    const path = this.#pathOf(name)
    if (!this.#depth++) this.#root = kind
    this.#layer = { path, kind }
    this.ahead = ahead
    this.sources = sources
    this.#reads = inputs
    if (path !== '') this.#frozen = this.#options.isFrozen(path) ?? this.#frozen
    this.#again ||= name !== '' && this.#planned.get(layer) === path
    this.#planned.set(layer, path)
    const [row, parameter, call] = [rows.length, parameters.length, forward.length]
    this.#own = call
    const asked = this.#asked
    const group = this.#group()
    const planned = this.#ask<Value | readonly Value[]>(layer, inputs)
    const values = 'names' in layer && Array.isArray(planned) ? (planned as readonly Value[]) : [planned as Value]
    const composite = this.#own > call || rows.length > row
    for (const y of values) {
      const fault = faultOf(y, [...inputs, ...this.inputs], forward, backward.slice(group))
      if (fault) throw this.error(fault)
      if (rows.length === row) this.addRow(kind, y.shape, parameter)
      // What layers within have kept is known already.
      if (!layer.children?.length && !layer.movesSteps) for (const x of inputs) this.#follow(x, y)
      if (!inputs.includes(y) && (forward.length > this.#own || !composite)) {
        outputs.push({ layer: this.#layer, value: y, after: forward.findLast((call) => doesWrite(call, y.data)) })
      }
    }
    if (!layer.children?.length && asked === this.#asked && !values.some((y) => this.#sequences.has(y))) {
      for (const x of inputs) {
        const input = this.#sequences.get(x)
        if (input !== undefined) this.#recorded.mixers[input] ??= titleOf({ path, kind })
      }
    }
    this.#depth--
    ;[this.#layer, this.ahead, this.sources, this.#frozen, this.#again, this.#reads] = outer
    this.#own = forward.length
    this.#group()
    return values
  }

  /** What `plan` plans gets no gradients of its parameters, and runs as in evaluation, in training too. */
  freeze(plan: () => Value): Value {
    const outer = this.#frozen
    this.#frozen = true
    const y = plan()
    this.#frozen = outer
    return y
  }

  /** A line of the summary for work of the layer being planned, with the parameters planned since the `first`. */
  addRow(kind: string, shape: readonly number[], first = this.#recorded.parameters.length): void {
    const { forward, rows, parameters } = this.#recorded
    const flops = forward.slice(this.#own).reduce((sum, call) => sum + (call.flops ?? 0), 0)
    const layer = kind === this.#layer.kind ? this.#layer : { path: this.#layer.path, kind }
    rows.push({ layer, row: { shape, parameters: countOf(parameters.slice(first)), flops } })
  }

  /** A PlanError that names the layer being planned. */
  error(message: string): PlanError {
    return new PlanError(`${this.#where}: ${message}`)
  }

  /** The inputs of the whole network. */
  get inputs(): readonly Value[] {
    return this.#recorded.inputs
  }

  /** What has been recorded: for the model. */
  finish(heads: readonly Value[]): Recorded {
    return { ...this.#recorded, heads }
  }

  /** The layer being planned, as errors name it: `sequential.3 conv2d`. */
  get #where(): string {
    const { path, kind } = this.#layer
    // Before the first layer there is the input, behind the last the loss.
    if (!this.#depth) return path.includes('.') ? titleOf(this.#layer) : kind || 'input'
    const end = endOf(path ? `${this.#root}.${path}` : this.#root)
    return this.#depth > 1 && end !== kind ? `${end} ${kind}` : end
  }

  #pathOf(name: string): string {
    return [this.#layer.path, name].filter(Boolean).join('.')
  }

  #record(list: Call[], kernel: keyof Kernels | Routine, options: CallOptions): void {
    const call = this.#call(kernel, options)
    if (typeof kernel === 'string' && !READ_IDS.test(kernel) && call.reads.some(isIds)) {
      throw this.error(
        'reads whole numbers that name something as if they were measured; put embedding() before it or, if they are, ' +
          "give the input as a shape, without dtype: 'int32'",
      )
    }
    if (call.sizes.some(isOfLoss)) throw this.error('WEIGHT is what losses divide by; a layer has none')
    // A frozen layer never draws.
    if (this.#frozen && call.draws) return
    list.push({ ...call, draws: this.#frozen ? undefined : call.draws })
  }

  #call(kernel: keyof Kernels | Routine, options: CallOptions): Call {
    return checkedCall(this.#where, this.#layer, kernel, options)
  }

  /** What a layer or a loss plans; if that throws what is no error of ours, a PlanError that names it. */
  #ask<T>(of: { plan(x: Value, plan: Plan, ...others: readonly Value[]): T }, [x, ...others]: readonly Value[]): T {
    return ask(this.#where, () => of.plan(x, this, ...others))
  }

  #numbers(
    name: string,
    list: readonly number[],
    check = (one: string, value: unknown) => finite(this.#where, one, value),
  ): number[] {
    return numbers(this.#where, name, list, 'an array of numbers', check)
  }

  #pinned(bytes: number): Block {
    const block = new Block(bytes, true)
    this.#recorded.pinned.push(block)
    return block
  }

  /** Takes note that y is the sequence that x is, if its first axis is as long, and none is lost. */
  #follow(x: Value, y: Value): void {
    const input = this.#sequences.get(x)
    if (input === undefined || this.#sequences.has(y)) return
    if (y.shape[0] !== x.shape[0] || y.shape.length < x.shape.length) return
    this.#sequences.set(y, input)
  }

  /** Begins a new group of backward calls. */
  #group(): number {
    const { backward } = this.#recorded
    return backward.at(-1)!.length ? backward.push([]) - 1 : backward.length - 1
  }

  /** A parameter or buffer under its path in the model; where the layer is planned again, that of the first time. */
  #named<T extends Parameter | Buffer, A extends unknown[]>(
    list: T[],
    Kind: new (name: string, shape: readonly number[], bytes: number, ...rest: A) => T,
    name: string,
    shape: readonly number[],
    ...rest: A
  ): T {
    if (typeof name !== 'string') throw this.error(`the name of a parameter or buffer must be text, got ${show(name)}`)
    const path = this.#pathOf(name)
    const bytes = sizeOf(() => this.#where, shape) * this.bytes
    const known = this.#variables.get(path)
    if (known) checkShared(this.#where, known, this.#again && known instanceof Kind, shape)
    if (known) return known as T
    const variable = new Kind(path, shape, bytes, ...rest)
    this.#variables.set(path, variable)
    list.push(variable)
    return variable
  }
}
