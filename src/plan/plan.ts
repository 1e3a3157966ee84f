// Lays out all the memory of a model before any of it exists. Layers say what they need and when; then every block
// gets its place. Nothing is allocated afterwards, so views never go stale.
//
//   0        64                                                                                        bytes
//   | unused | parameters        | gradients        | state   | optimizer | activations    | scratch |
//   | (null) | decayed | others  | decayed | others |         | slots     | shared by time | one for |
//   |        | weights | biases  |                  | running |           |                | all     |
//   |        |         |         |                  | frozen  |           |                |         |
//
// Activations share memory by lifetime. Time runs through the layers forward, 0 ... T, and mirrored back, so the layer
// planned at t runs forward at t and backward at M - t, with M = 2T + 1. A value lives from its writer to its last
// reader, its gradient from the reader's backward pass to the writer's. What a backward pass reads of the forward pass
// lives until the next one, so that backward may run again.

import type { Kernels } from '../kernels/index'
import { type DType, product } from '../tensor'
import { PlanError } from '../errors'
import type { Initializer } from '../initializers'

/** What runs of a planned layer. `n` is how many examples of the planned batch are in use. */
export interface Step {
  /** The output. */
  readonly y: Value
  /** Multiplications and additions of the forward pass for one example, counted apart. */
  readonly flops: number
  /** Whether this step does the next layer of its sequential as well, which then is not planned. */
  readonly fused?: boolean
  /** Of a layer made of layers: the steps that it is, in order (see chain). A run may pause between any two. */
  readonly parts?: readonly Step[]
  /** Computes y from x, for n examples. */
  forward(n: number, training: boolean): void
  /** Adds to the gradients of parameters and writes x.gradient, unless plan.wants(x) is false. */
  backward(n: number): void
}

/**
 * A step that is nothing but its parts: forward in their order, backward in reverse. What a layer made of layers does
 * besides its children is a part too.
 */
export function chain(y: Value, parts: readonly Step[]): Step {
  return {
    y,
    flops: parts.reduce((sum, part) => sum + part.flops, 0),
    parts,
    forward(n, training) {
      for (let i = 0; i < parts.length; i++) parts[i].forward(n, training)
    },
    backward(n) {
      for (let i = parts.length - 1; i >= 0; i--) parts[i].backward(n)
    },
  }
}

/** The parts of the parts, down to steps that have none. */
export function leaves(step: Step): readonly Step[] {
  return step.parts ? step.parts.flatMap(leaves) : [step]
}

/** A layer is a description: plain data, and how to plan it. */
export interface Layer {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given, as JSON has it. */
  readonly config: object
  /**
   * How weights before this layer are initialised unless told: 'he', for activations that pass about half of what they
   * get; 'next', as the layer after it says, for layers that keep the scale. Else, and by default, by Xavier.
   */
  readonly initBefore?: 'he' | 'next'
  /** Of a layer made of layers: what they are, each with its name within this one; '' where that adds nothing. */
  readonly children?: readonly (readonly [name: string, layer: Layer])[]
  /** Reserves what the layer needs on its input x, and gives the step that runs. Throws a PlanError if x does not fit. */
  plan(x: Value, plan: Plan): Step
}

/** A piece of the memory. */
export interface Place {
  /** Where it begins, in bytes, after layout. */
  readonly pointer: number
}

/** A piece of the activations, live from time `first` to time `last`. */
class Block {
  pointer = 0
  /** Once merged, the block that it became part of. */
  merged: Block | undefined
  constructor(
    readonly bytes: number,
    public first: number,
    public last: number,
  ) {}

  get root(): Block {
    return this.merged ? this.merged.root : this
  }
}

/** What flows between layers: `batch` examples of `shape`, and their gradient. Pointers are known after layout. */
export class Value {
  /** Pointer to the values, in bytes. */
  data = 0
  /** Pointer to the gradient, in bytes; 0 in a model for inference. */
  gradient = 0
  /** Whether a ReLU is still to be taken of these values: see Plan.leaveRelu. */
  beforeRelu = false
  /** Values of one example. */
  readonly size: number
  constructor(
    /** Of one example. */
    readonly shape: readonly number[],
    /** Where the values lie. @internal */
    readonly storage: Block,
    /** Where the gradient lies; none if it has none. @internal */
    readonly slope: Block | undefined,
    /** Whether nothing trainable lies before this value. */
    readonly constant: boolean,
  ) {
    this.size = product(shape)
  }
}

/** A named piece of the model that lives as long as it: a parameter or a buffer. */
export interface Slot {
  /** As in a PyTorch state dict. */
  readonly name: string
  /** Its dimensions. */
  readonly shape: readonly number[]
  /** How many values it has. */
  readonly size: number
  /** Pointer to the values, in bytes, after layout. */
  data: number
  /** Pointer to the gradient, in bytes; 0 for buffers, for frozen parameters and in a model for inference. */
  gradient: number
}

/** What the memory of a model needs to know of a parameter. */
export interface ParameterOptions {
  /** How it gets its first values. */
  init: Initializer
  /** Connections of one output. */
  fanIn: number
  /** Connections of one input. */
  fanOut: number
  /** Whether weight decay applies: weights yes, biases and norms no. */
  decay: boolean
}

interface Parameter extends Slot, ParameterOptions {
  /** Not trained: it has no gradient and no optimizer slots, and lies with the state. */
  readonly frozen: boolean
}

interface Buffer extends Slot {
  readonly initial: number | readonly number[]
}

/** A line of the summary. */
export interface Row {
  /** The name of the layer in the model, such as features.0. */
  readonly path: string
  /** The function that made it. */
  readonly kind: string
  /** Of its output, for one example. */
  readonly shape: readonly number[]
  /** How many values it learns or, frozen, has learnt. */
  readonly parameters: number
  /** Multiplications and additions of the forward pass for one example, counted apart. */
  readonly flops: number
}

/** A layer: its place in the network, its kind, and that of the next if it does that one's work as well. */
export interface Origin {
  /** The name of the layer in the model. */
  readonly path: string
  /** The functions that made it and the next. */
  readonly kinds: readonly string[]
}

/** What each region of the memory takes, in bytes. */
export interface Regions {
  /** Weights and biases. */
  parameters: number
  /** As large as the parameters that are trained. */
  gradients: number
  /** What is kept but not trained, such as running statistics. */
  state: number
  /** What the optimizer remembers for each parameter. */
  optimizer: number
  /** Values between the layers and their gradients, which share memory by lifetime. */
  activations: number
  /** Shared by all layers. */
  scratch: number
  /** All of it. */
  total: number
}

const ALIGN = 64
/** 32-bit pointers. */
export const MAX_BYTES = 2 ** 32

/** How many values the parameters have together. */
export function countOf(parameters: readonly Slot[]): number {
  return parameters.reduce((sum, p) => sum + p.size, 0)
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN
}

/** The memory of a model while it is laid out: what a layer asks, in its plan, for what it needs. */
export class Plan {
  /** Bytes of a value. */
  readonly bytes: number
  /** The kernels, once the engine exists; steps read it when they run. */
  kernels!: Kernels
  /** Pointer to the scratch shared by all layers, after layout. */
  scratchPointer = 0
  /** The layers whose input comes from the one being planned, nearest first: what is known of the way ahead. */
  following: readonly Layer[] = []
  /** The next layer of the same sequential, which the one being planned may do as well (Step.fused). */
  next: Layer | undefined
  /** Training passes of the model so far, the running one included: what is random differs from one to the next. */
  passes = 0
  /** Whether the running backward pass must reach the input of the model. */
  inputGradient = false
  /** Whether what is being planned is not to be trained. */
  private frozen = false

  /** Whether what only regularises takes part in training; a check may switch it off. */
  regularises = true
  /** Of each step that does the work of a layer, which layer that is. @internal */
  readonly origins = new Map<Step, Origin>()

  /** All so far, in their order. @internal */
  readonly parameters: Parameter[] = []
  /** All so far, in their order. @internal */
  readonly buffers: Buffer[] = []
  /** What is written once, when the memory exists. @internal */
  readonly constants: { readonly block: Place; readonly values: readonly number[] }[] = []
  /** The lines of the summary so far. */
  readonly rows: Row[] = []
  /** The input of the whole model. */
  readonly input: Value
  /** Where the parameters begin, after layout. */
  parametersPointer = 0
  /** Where the gradients begin, after layout. */
  gradientsPointer = 0
  /** Where the state begins, after layout. */
  statePointer = 0
  /** Where the slots of the optimizer begin, after layout. */
  optimizerPointer = 0

  private readonly blocks: Block[] = []
  private readonly values: Value[] = []
  private readonly names: string[] = []
  private readonly kinds: string[] = []
  /** What backward passes read of the forward pass. */
  private readonly kept: Block[] = []
  private readonly gradients = new Set<Block>()
  private readonly reluLeft = new Set<Value>()
  private readonly pinnedBlocks = new Set<Block>()
  private time = 0
  private scratchBytes = 0
  private randomLayers = 0

  constructor(
    inputShape: readonly number[],
    /** The most examples at once. */
    readonly batch: number,
    /** The numbers that the model computes with. */
    readonly dtype: DType,
    /** Whether it is planned without gradients. */
    readonly inference: boolean,
    /** Of what is random in training. */
    readonly seed: number,
    /** Names of layers that are not to be trained. */
    private readonly frozenLayers: readonly string[] = [],
  ) {
    this.bytes = dtype === 'float64' ? 8 : 4
    this.input = this.value(inputShape)
    this.pin(this.input)
    if (this.input.slope) this.pinnedBlocks.add(this.input.slope)
  }

  // ---- what layers ask for ----

  /** Plans `layer` on `x` as the child `name` of the layer being planned; '' for the root. */
  child(name: string, layer: Layer, x: Value, following: readonly Layer[] = this.following, next?: Layer): Step {
    if (typeof layer?.plan !== 'function') {
      const what = name || (this.kinds.length ? "''" : 'network')
      const found = Array.isArray(layer) ? 'an array; sequential(...) makes one layer of several' : typeof layer
      throw new PlanError(`${this.path || 'createModel'}: ${what} is not a layer, but ${found}`)
    }
    const outer = [this.following, this.next] as const
    this.following = following
    this.next = next
    this.kinds.push(layer.kind)
    if (name) this.names.push(name)
    this.tick()
    this.use(x)
    const row = this.rows.length
    const parameters = this.parameters.length
    const freezes = !this.frozen && this.frozenLayers.includes(this.names.join('.'))
    const step = freezes ? this.freeze(x, () => layer.plan(x, this)) : layer.plan(x, this)
    if (this.rows.length === row) this.addRow(layer.kind, step.y.shape, step.flops, parameters)
    // Of a layer made of layers, its own work is the last part.
    const own = step.parts ? step.parts[step.parts.length - 1] : step
    if (own && !this.origins.has(own)) {
      const kinds = step.fused && next ? [layer.kind, next.kind] : [layer.kind]
      this.origins.set(own, { path: this.names.join('.'), kinds })
    }
    this.kinds.pop()
    if (name) this.names.pop()
    ;[this.following, this.next] = outer
    if (step.fused && next)
      this.rows.push({ ...this.rows[this.rows.length - 1], kind: `+ ${next.kind}`, parameters: 0, flops: 0 })
    return step
  }

  /** What `plan` plans on `x` gets no gradients of its parameters, and runs as in evaluation, in training too. */
  freeze(x: Value, plan: () => Step): Step {
    const outer = this.frozen
    this.frozen = true
    const step = plan()
    this.frozen = outer
    const frozen = (part: Step): Step => {
      if (part.parts) return chain(part.y, part.parts.map(frozen))
      const step: Step = {
        ...part,
        forward: (n) => part.forward(n, false),
        backward: (n) => {
          if (this.wants(x)) part.backward(n)
        },
      }
      const origin = this.origins.get(part)
      if (origin) this.origins.set(step, origin)
      return step
    }
    return frozen(step)
  }

  /** A line of the summary for the layer being planned, with the parameters planned since the `first`. */
  addRow(kind: string, shape: readonly number[], flops: number, first = this.parameters.length): void {
    const parameters = countOf(this.parameters.slice(first))
    this.rows.push({ path: this.names.join('.'), kind, shape, parameters, flops })
  }

  /** Moves time on; a layer with children calls it before its own work begins. */
  tick(): void {
    this.time++
  }

  /** Says that the layer being planned reads `x` forward and writes its gradient backward, now. */
  use(x: Value): void {
    touch(x.storage.root, this.time)
    if (x.slope) touch(x.slope.root, this.time)
  }

  /** Says that the layer being planned reads `x` again when it runs backward. */
  keep(x: Value): void {
    if (!this.inference) this.kept.push(x.storage)
  }

  /** A parameter, `name` local to the layer. */
  parameter(name: string, shape: readonly number[], options: ParameterOptions): Slot {
    const parameter = { ...this.slot(name, shape), ...options, frozen: this.frozen }
    this.parameters.push(parameter)
    return parameter
  }

  /** Something saved with the model but not trained. */
  buffer(name: string, shape: readonly number[], initial: number | readonly number[]): Slot {
    const buffer = { ...this.slot(name, shape), initial }
    this.buffers.push(buffer)
    return buffer
  }

  /** The output of the layer being planned. */
  value(shape: readonly number[]): Value {
    const bytes = this.batch * product(shape) * this.bytes
    return this.addValue(shape, this.block(bytes), this.slopeOf(bytes))
  }

  /** The same memory, values and gradient, under another shape. */
  reshaped(x: Value, shape: readonly number[]): Value {
    return this.addValue(shape, x.storage, x.slope, x.constant)
  }

  /** The same values with a gradient of their own: for a reader beside another. */
  branch(x: Value): Value {
    return this.addValue(x.shape, x.storage, this.slopeOf(this.batch * x.size * this.bytes), x.constant)
  }

  /** The same value, of which a ReLU is still to be taken: by the layer that reads it, with takeRelu. */
  leaveRelu(x: Value): Value {
    const y = this.reshaped(x, x.shape)
    y.beforeRelu = true
    this.reluLeft.add(y)
    return y
  }

  /** Whether the ReLU before `x` was left to its reader, which promises to do it. */
  takeRelu(x: Value): boolean {
    return this.reluLeft.delete(x)
  }

  /** Makes the gradient of `x` the gradient of `y`, where a layer passes it on unchanged. */
  shareGradient(x: Value, y: Value): void {
    const from = x.slope?.root
    const to = y.slope?.root
    if (!from || !to || from === to) return
    touch(to, from.first)
    touch(to, from.last)
    from.merged = to
  }

  /** Memory that the layer being planned fills forward and reads backward. */
  saved(bytes: number): Place {
    const block = this.block(bytes)
    if (!this.inference) this.kept.push(block)
    return block
  }

  /** Memory that nothing else ever uses. */
  pinned(bytes: number): Place {
    const block = this.block(bytes)
    this.pinnedBlocks.add(block)
    return block
  }

  /** Values that neither change nor are saved, such as class weights. */
  constant(values: readonly number[]): Place {
    const block = this.pinned(values.length * this.bytes)
    this.constants.push({ block, values })
    return block
  }

  /** Asks for scratch of at least this size; all layers share it, at scratchPointer. */
  scratch(bytes: number): void {
    this.scratchBytes = Math.max(this.scratchBytes, bytes)
  }

  /** A number for a layer that draws random numbers, to draw others than those before it. */
  randomLayer(): number {
    return this.randomLayers++
  }

  /** Keeps the values of `x` for good: nothing else is put there. */
  pin(x: Value): void {
    this.pinnedBlocks.add(x.storage)
  }

  /** Whether the running backward pass needs the gradient of `x`. */
  wants(x: Value): boolean {
    return this.inputGradient || !x.constant
  }

  /** A PlanError that names the layer being planned. */
  error(message: string): PlanError {
    return new PlanError(`${this.path}: ${message}`)
  }

  /** The layer being planned, as errors name it: `sequential.3 conv2d`. */
  private get path(): string {
    const path = [this.kinds[0], ...this.names].join('.')
    return this.kinds.length > 1 ? `${path} ${this.kinds[this.kinds.length - 1]}` : path
  }

  /** Parameters that are trained. @internal */
  get trainable(): readonly Parameter[] {
    return this.parameters.filter((p) => !p.frozen)
  }

  // ---- layout ----

  /** Gives everything its place. */
  layout(optimizerSlots: number): Regions {
    const { trainable } = this
    const decayed = trainable.filter((p) => p.decay)
    const others = trainable.filter((p) => !p.decay)
    const count = countOf(trainable)
    const region = align(count * this.bytes)

    this.parametersPointer = ALIGN
    this.gradientsPointer = this.parametersPointer + region
    let offset = 0
    for (const parameter of [...decayed, ...others]) {
      parameter.data = this.parametersPointer + offset
      parameter.gradient = this.inference ? 0 : this.gradientsPointer + offset
      offset += parameter.size * this.bytes
    }
    const gradients = this.inference ? 0 : region
    this.statePointer = this.gradientsPointer + gradients
    let at = this.statePointer
    for (const buffer of [...this.parameters.filter((p) => p.frozen), ...this.buffers]) {
      buffer.data = at
      at += buffer.size * this.bytes
    }
    const state = align(at - this.statePointer)
    this.optimizerPointer = this.statePointer + state
    const optimizer = this.inference ? 0 : optimizerSlots * region
    const activationsPointer = this.optimizerPointer + optimizer
    const activations = this.placeBlocks(activationsPointer)
    for (const value of this.values) {
      value.data = value.storage.root.pointer
      value.gradient = value.slope ? value.slope.root.pointer : 0
    }
    this.scratchPointer = activationsPointer + activations
    const scratch = align(this.scratchBytes)
    const total = this.scratchPointer + scratch
    return { parameters: region, gradients, state, optimizer, activations, scratch, total }
  }

  /** Throws a PlanError if that is more than WebAssembly can address. */
  checkTotal({ total, activations, scratch }: Regions): void {
    if (total <= MAX_BYTES) return
    const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
    const cure = activations + scratch > total / 2 ? `a smaller batch (now ${this.batch})` : 'fewer parameters'
    throw new PlanError(
      `createModel: this model needs ${gib(total)} (activations ${gib(activations)}), more than the 4 GiB ` +
        `that WebAssembly can address; ${cure}${this.dtype === 'float64' ? " or dtype 'float32'" : ''} would help`,
    )
  }

  /** The largest blocks first, each at the lowest place that no block of the same time holds. */
  private placeBlocks(base: number): number {
    const mirror = 2 * this.time + 1
    for (const block of this.kept) block.root.last = Infinity
    for (const block of this.gradients) {
      if (block.merged) continue
      // So far its times were those of the layers; the gradient lives when they run backward.
      const first = mirror - block.last
      block.last = mirror - block.first
      block.first = first
    }
    for (const block of this.pinnedBlocks) {
      block.root.first = 0
      block.root.last = Infinity
    }
    const placed: Block[] = []
    let end = base
    for (const block of this.blocks.filter((b) => !b.merged).sort((a, b) => b.bytes - a.bytes)) {
      let at = base
      for (const other of placed) {
        if (other.last < block.first || block.last < other.first) continue
        if (at + block.bytes <= other.pointer) break
        at = Math.max(at, align(other.pointer + other.bytes))
      }
      block.pointer = at
      end = Math.max(end, align(at + block.bytes))
      placed.push(block)
      placed.sort((a, b) => a.pointer - b.pointer)
    }
    return end - base
  }

  private block(bytes: number): Block {
    const block = new Block(bytes, this.time, this.time)
    this.blocks.push(block)
    return block
  }

  private slopeOf(bytes: number): Block | undefined {
    if (this.inference) return undefined
    const block = this.block(bytes)
    this.gradients.add(block)
    return block
  }

  private addValue(
    shape: readonly number[],
    storage: Block,
    slope: Block | undefined,
    constant = this.trainable.length === 0,
  ): Value {
    const value = new Value(shape, storage, slope, constant)
    this.values.push(value)
    return value
  }

  private slot(name: string, shape: readonly number[]): Slot {
    const path = [...this.names, name].join('.')
    if ([...this.parameters, ...this.buffers].some((slot) => slot.name === path)) {
      throw this.error(`'${path}' is the name of another parameter or buffer already; give one of them another`)
    }
    return { name: path, shape, size: product(shape), data: 0, gradient: 0 }
  }
}

function touch(block: Block, time: number): void {
  block.first = Math.min(block.first, time)
  block.last = Math.max(block.last, time)
}
