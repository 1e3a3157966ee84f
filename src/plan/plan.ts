// What layers and losses ask for while a network is planned. They get places that have no memory yet, and record calls.

import {
  DataError,
  FileError,
  MAX_SIZE,
  PlanError,
  endOf,
  few,
  finite,
  integer,
  numbers,
  quote,
  readSafely,
  show,
} from '../errors'
import { type DType, product } from '../tensor'
import { type Call, type CallOptions, type Origin, type Routine, type Size, TRAINING, doesWrite, times } from './calls'
import type { Kernels } from '../kernels/index'
import { checkLayer, checkedCall, checkedParameter } from './checks'
import { Block, Buffer, Parameter, type ParameterOptions, type Place, Value } from './value'
import type { Ahead, Layer, Loss, LossPlan, Row } from './layer'
import { countOf } from './layout'
import type { Recording } from './program'

/** How a network is planned. */
export interface PlanOptions {
  /** Of one example. */
  readonly input: readonly number[]
  /** The most examples at once. */
  readonly batch: number
  readonly dtype: DType
  /** Whether it is planned without gradients. */
  readonly inference: boolean
  /** Of what is random in training. */
  readonly seed: number
  /** Names of layers that are not to be trained. */
  readonly frozen: readonly string[]
  /** Of convolutions that do not say it themselves: 'direct', or whichever is faster. */
  readonly algorithm: 'auto' | 'direct'
}

/** Layers within layers: more would exhaust the stack of a browser. */
const DEEPEST = 500

/** What was recorded of a network, and what it is to be laid out with. */
export interface Recorded extends Omit<Recording, 'inputGradient'> {
  readonly rows: readonly { readonly layer: Origin; readonly row: Omit<Row, keyof Origin> }[]
  readonly parameters: readonly Parameter[]
  readonly buffers: readonly Buffer[]
  readonly pinned: readonly Block[]
  readonly constants: readonly { readonly place: Place; readonly values: readonly number[] }[]
}

/** The same while it is recorded, and before the output is known. */
type Recorder = { -readonly [K in Exclude<keyof Recorded, 'output'>]: Writable<Recorded[K]> }
type Writable<T> = T extends readonly (infer E)[] ? Writable<E>[] : T

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

  readonly #options: PlanOptions
  readonly #recorded: Recorder
  readonly #names = new Set<string>()
  /** How deep the layer being planned lies in others, and the kind of the outermost. */
  #depth = 0
  #root = ''
  #layer: Origin = { path: '', kind: '' }
  /** The first forward call that the layer being planned records itself, behind those of its children. */
  #own = 0
  #frozen = false
  #randomLayers = 0

  constructor(options: PlanOptions) {
    this.#options = options
    this.batch = options.batch
    this.dtype = options.dtype
    this.bytes = options.dtype === 'float64' ? 8 : 4
    this.seed = options.seed
    this.algorithm = options.algorithm
    this.#recorded = {
      input: this.value(options.input),
      forward: [],
      backward: [[]],
      weight: undefined,
      loss: undefined,
      outputs: [],
      rows: [],
      parameters: [],
      buffers: [],
      pinned: [],
      constants: [],
    }
  }

  // ---- places ----

  /** What the layer being planned computes: `batch` examples of `shape`. */
  value(shape: readonly number[]): Value {
    const size = this.#sizeOf(shape)
    if (size > MOST_VALUES) {
      throw this.error(`an example of shape (${few(shape)}) cannot be; kernels count to ${MOST_VALUES}`)
    }
    const bytes = this.batch * size * this.bytes
    return new Value(shape, new Block(bytes), this.#options.inference ? undefined : bytes)
  }

  /** The same memory, values and gradient, under another shape. */
  reshaped(x: Value, shape: readonly number[]): Value {
    if (!(x instanceof Value) || this.#sizeOf(shape) !== x.size) {
      throw this.error(`reshaped wants a value and a shape of as many numbers, got ${show(shape)}`)
    }
    return new Value(shape, x.data, x.gradient)
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
    const block = new Block(finite(this.#where, 'bytes', bytes, 0), true)
    this.#recorded.pinned.push(block)
    return block
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
    const { inference } = this.#options
    const checked = checkedParameter(`${this.#where}: parameter ${quote(name)}`, options)
    const parameter = new Parameter(...this.#named(name, shape), checked, this.#frozen, inference)
    this.#recorded.parameters.push(parameter)
    return parameter
  }

  /** Something saved with the model but not trained. */
  buffer(name: string, shape: readonly number[], initial: number | readonly number[]): Buffer {
    const known = this.#named(name, shape)
    const values = typeof initial === 'number' ? initial : this.#numbers(quote(name), initial)
    const buffer = new Buffer(...known, values)
    if (typeof values !== 'number' && values.length !== 1 && values.length !== buffer.size) {
      throw this.error(`${quote(name)} begins with ${values.length} numbers, but holds ${buffer.size}`)
    }
    this.#recorded.buffers.push(buffer)
    return buffer
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
    this.#recorded.loss = this.#call(kernel, options)
  }

  /** Plans `loss` on the output of the network. */
  planLoss(loss: Loss, y: Value): LossPlan {
    this.#layer = { path: 'loss', kind: loss.kind }
    const planned = this.#ask(loss, y)
    if (!this.#recorded.loss) throw this.error('its plan must call plan.loss')
    return readSafely(this.#where, 'what its plan gives', () => {
      const { targets, target } = Object(planned) as LossPlan
      const bytes = targets === 'labels' ? 4 * this.batch : this.batch * y.size * this.bytes
      if (['labels', 'values', 'probabilities'].includes(targets) && target?.bytes >= bytes) return planned
      throw this.error(
        `its plan must return { targets: 'labels', 'values' or 'probabilities', target: plan.pinned(bytes) }, ` +
          `of ${bytes} bytes or more, got ${show(planned)}`,
      )
    })
  }

  /** Records the call that gives what the examples weigh in the mean; their number unless there is one. */
  weight(kernel: keyof Kernels | Routine, options: CallOptions): void {
    this.#recorded.weight = this.#call(kernel, options)
  }

  /** A number for a layer that draws random numbers, to draw others than those before it. */
  randomLayer(): number {
    return this.#randomLayers++
  }

  // ---- layers made of layers ----

  /** Plans `layer` on `x` as the child `name` of the layer being planned; '' adds nothing to the names within. */
  child(name: string, layer: Layer, x: Value, ahead: Ahead = this.ahead): Value {
    checkLayer(this.#depth ? this.#where : 'createModel', name || (this.#depth ? "''" : 'network'), layer)
    if (this.#depth > DEEPEST) {
      throw this.error(`layers are nested more than ${DEEPEST} deep; put some of them in one sequential`)
    }
    const { forward, rows, parameters, outputs } = this.#recorded
    const { kind } = layer
    const outer = [this.#layer, this.ahead, this.#frozen] as const
    const path = this.#pathOf(name)
    if (!this.#depth++) this.#root = kind
    this.#layer = { path, kind }
    this.ahead = ahead
    this.#frozen ||= this.#options.frozen.includes(path)
    const [row, parameter, call] = [rows.length, parameters.length, forward.length]
    this.#own = call
    const group = this.#group()
    const y = this.#ask(layer, x)
    this.#checkOutput(y, x, group)
    const composite = this.#own > call || rows.length > row
    if (rows.length === row) this.addRow(kind, y.shape, parameter)
    if (y !== x && (forward.length > this.#own || !composite)) {
      outputs.push({ layer: this.#layer, value: y, after: forward.findLast((call) => doesWrite(call, y.data)) })
    }
    this.#depth--
    ;[this.#layer, this.ahead, this.#frozen] = outer
    this.#own = forward.length
    this.#group()
    return y
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

  /** What has been recorded: for the model. */
  finish(output: Value): Recorded {
    return { ...this.#recorded, output }
  }

  /** The input of the whole model. */
  get input(): Value {
    return this.#recorded.input
  }

  /** The layer being planned, as errors name it: `sequential.3 conv2d`. */
  get #where(): string {
    const { path, kind } = this.#layer
    // Before the first layer there is the input, behind the last the loss.
    if (!this.#depth) return kind || 'input'
    const end = endOf(path ? `${this.#root}.${path}` : this.#root)
    return this.#depth > 1 ? `${end} ${kind}` : end
  }

  #pathOf(name: string): string {
    return [this.#layer.path, name].filter(Boolean).join('.')
  }

  #record(list: Call[], kernel: keyof Kernels | Routine, options: CallOptions): void {
    const call = this.#call(kernel, options)
    // A frozen layer never draws.
    if (this.#frozen && call.draws) return
    list.push({ ...call, draws: this.#frozen ? undefined : call.draws })
  }

  #call(kernel: keyof Kernels | Routine, options: CallOptions): Call {
    return checkedCall(this.#where, this.#layer, kernel, options)
  }

  /** What a layer or a loss plans; if that throws what is no error of ours, a PlanError that names it. */
  #ask<T>(of: { plan(x: Value, plan: Plan): T }, x: Value): T {
    const where = this.#where
    try {
      return of.plan(x, this)
    } catch (cause) {
      if (cause instanceof PlanError || cause instanceof DataError || cause instanceof FileError) throw cause
      throw new PlanError(`${where}: its plan threw ${show(cause)}`, { cause })
    }
  }

  #sizeOf(shape: readonly number[]): number {
    let size = Array.isArray(shape) && shape.length ? 1 : NaN
    for (let i = 0; size > 0 && i < shape.length; i++) size *= Number.isSafeInteger(shape[i]) ? shape[i] : NaN
    if (size > 0 && shape.every((one) => one > 0)) return size
    // Which says what is wrong.
    return product(this.#numbers('a shape', shape, (name, size) => integer(this.#where, name, size, 1)))
  }

  #numbers(
    name: string,
    list: readonly number[],
    check = (one: string, value: unknown) => finite(this.#where, one, value),
  ): number[] {
    return numbers(this.#where, name, list, 'an array of numbers', check)
  }

  /** Begins a new group of backward calls. */
  #group(): number {
    const { backward } = this.#recorded
    return backward.at(-1)!.length ? backward.push([]) - 1 : backward.length - 1
  }

  #checkOutput(y: unknown, x: Value, group: number): asserts y is Value {
    if (!(y instanceof Value)) throw this.error('its plan must return a value: its output')
    const { data, gradient } = y
    const { input, forward } = this.#recorded
    if (data !== x.data && data !== input.data && !forward.findLast((call) => doesWrite(call, data))) {
      throw this.error('no call writes the value that its plan returns; name it among the writes of a plan.forward')
    }
    if (!gradient || gradient === x.gradient) return
    if (this.#recorded.backward.slice(group).some((calls) => calls.some((call) => doesWrite(call, gradient)))) {
      throw this.error(
        'its backward pass writes the gradient of its own output, which others may read; write x.gradient alone',
      )
    }
  }

  #named(name: string, shape: readonly number[]): [name: string, shape: readonly number[], bytes: number] {
    if (typeof name !== 'string') throw this.error(`the name of a parameter or buffer must be text, got ${show(name)}`)
    const path = this.#pathOf(name)
    if (this.#names.has(path)) {
      throw this.error(`'${path}' is the name of another parameter or buffer already; rename one`)
    }
    this.#names.add(path)
    return [path, shape, this.#sizeOf(shape) * this.bytes]
  }
}
