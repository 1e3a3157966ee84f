// What flows between calls, and where it lies. All of it is planned before any memory exists: places get their pointers
// from the layout (layout.ts).

import type { Initializer } from '../initializers'
import { product } from '../tensor'

/** A piece of the memory of a model. */
export interface Place {
  /** Where it begins, in bytes; known after layout. */
  readonly pointer: number
  /** How large it is. */
  readonly bytes: number
}

/** A place that the layout can move. */
interface Settable {
  /** Where it begins, in bytes; known after layout. */
  pointer: number
  /** How large it is. */
  readonly bytes: number
}

/**
 * A piece of the activations. It lives from the first call that mentions it to the last; the layout finds out. Two
 * blocks of which one was shared with the other are one.
 */
export class Block implements Place {
  /** The first call that mentions it, by its place in the order in which they run. */
  first = Infinity
  /** The last call that mentions it. */
  last = -Infinity
  private at = 0
  private same: Block | undefined

  constructor(
    /** How large it is. */
    readonly bytes: number,
    /** Whether nothing else is ever put there: what is written from outside, or kept for good. */
    readonly pinned = false,
    /** The value whose gradient lies here; none where it holds values. */
    readonly gradientOf?: Value,
  ) {}

  /** The block that it is part of: itself, unless it was shared with another. */
  get root(): Block {
    return this.same ? this.same.root : this
  }

  get pointer(): number {
    return this.root.at
  }

  set pointer(pointer: number) {
    this.root.at = pointer
  }

  /** From here on this block and `other` are the same memory. */
  shareWith(other: Block): void {
    if (this.root !== other.root) this.root.same = other.root
  }

  /** Takes note that the call at `time` reads or writes it. */
  mention(time: number): void {
    const { root } = this
    root.first = Math.min(root.first, time)
    root.last = Math.max(root.last, time)
  }
}

/** Of a value of whole numbers that name rows of tables: each is from 0 to below `below`, which the tables say. */
export interface Ids {
  /** The rows of the smallest table; Infinity where nothing but functions of the user's read them. */
  below: number
}

/** What flows between layers: for each of at most `batch` examples, numbers of `shape`. A call that reads it reads them. */
export class Value {
  /** How many numbers one example has. */
  readonly size: number
  /** Where the gradient of the loss by this value lies; none in a model for inference. */
  readonly gradient: Block | undefined

  constructor(
    /** Of one example. */
    readonly shape: readonly number[],
    /** Where the numbers lie, example after example. */
    readonly data: Block,
    /** Bytes of the gradient, or the block of another value's gradient, which is then this one's as well. */
    gradient: number | Block | undefined,
    /** Of whole numbers: such a value has no gradient. */
    readonly ids?: Ids,
  ) {
    this.size = product(shape)
    this.gradient = typeof gradient === 'number' ? new Block(gradient, false, this) : gradient
  }
}

/** A named piece of the model that lives as long as it. A call that reads it reads its values. */
export class Variable implements Place {
  pointer = 0
  /** How many values it has. */
  readonly size: number
  constructor(
    /** As in a PyTorch state dict. */
    readonly name: string,
    /** Its dimensions. */
    readonly shape: readonly number[],
    /** How large it is. */
    readonly bytes: number,
  ) {
    this.size = product(shape)
  }
}

/** What the memory of a model needs to know of a parameter. */
export interface ParameterOptions {
  /** How it gets its first values. */
  init: Initializer
  /** Connections of one output. */
  fanIn: number
  /** Connections of one input. */
  fanOut: number
  /** Which values, from and to before, get no gradient although the loss depends on them. None unless given. */
  still?: readonly [from: number, to: number] | undefined
  /** Whether weight decay applies: weights yes, biases and norms no. */
  decay: boolean
}

/** What is trained, or, frozen, was. */
export class Parameter extends Variable {
  /** Where its gradient is summed up; none for a frozen parameter, nor in a model for inference. */
  readonly gradient: Settable | undefined
  /** Whether weight decay applies: to weights, or to all. */
  readonly decays: boolean
  constructor(
    name: string,
    shape: readonly number[],
    bytes: number,
    /** What the layer said of it. */
    readonly options: ParameterOptions,
    /** Whether it is not trained. */
    readonly frozen: boolean,
    inference: boolean,
    all = false,
  ) {
    super(name, shape, bytes)
    this.decays = all || options.decay
    this.gradient = frozen || inference ? undefined : { pointer: 0, bytes }
  }
}

/** What is saved but not trained, such as running statistics. */
export class Buffer extends Variable {
  constructor(
    name: string,
    shape: readonly number[],
    bytes: number,
    /** Its first values: one for all, or one for each. */
    readonly initial: number | readonly number[],
  ) {
    super(name, shape, bytes)
  }
}

/** A place and how far into it, such as the channels of one branch in the output of a concat. */
export interface Part {
  /** The whole of it. */
  readonly within: Value | Place
  /** In values. */
  readonly offset: number
}

/** What a call reads or writes. Nothing is the null pointer, which kernels take for a bias that is not there, say. */
export type Reference = Value | Place | Part | undefined

/** The place that is meant. */
export function placeOf(reference: Value | Place | Part): Place {
  const whole = 'within' in reference ? reference.within : reference
  return whole instanceof Value ? whole.data : whole
}

/** The block that is meant, if it is one. */
export function blockOf(reference: Reference): Block | undefined {
  const place = reference && placeOf(reference)
  return place instanceof Block ? place : undefined
}

/** Whether it is a value of whole numbers that name something. */
export function isIds(reference: Reference): boolean {
  const whole = reference && ('within' in reference ? reference.within : reference)
  return whole instanceof Value && whole.ids !== undefined
}
