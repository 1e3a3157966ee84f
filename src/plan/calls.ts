// A call of a kernel as data: which kernel, its sizes, and what it reads and writes. A network is a list of them.

import { checkArguments, endOf, integer } from '../errors'
import { EXP_SCRATCH, GEMM_SCRATCH } from '../kernels/blocking'
import type { Kernels } from '../kernels/index'
import { type Place, type Reference, type Value, placeOf } from './value'

/** A number of examples times something: how large a call is depends on the batch in use. */
export interface Count {
  /** How many for each. */
  readonly perExample: number
}

/** So many for each example. */
export function times(perExample: number): Count {
  checkArguments('times', arguments, 1)
  return { perExample: integer('times', 'perExample', perExample, 0) }
}
/** The number of examples in use. */
export const N = /* @__PURE__ */ times(1)

/** 1 where the pass trains, else 0; for a backward pass as in the forward pass before it. */
export const TRAINING: unique symbol = /* @__PURE__ */ Symbol('training')
/**
 * What the examples in use weigh in a mean; for losses, which divide by it. It is less where a loss counts more: divided
 * by the `weight` of the loss.
 */
export const WEIGHT: unique symbol = /* @__PURE__ */ Symbol('weight')

/** WEIGHT times something, for losses that are a mean over several values of each example. */
export interface Divisor {
  /** How many for each. */
  readonly perWeight: number
}

/** A size or another number of a call; a function of the number of the training pass is asked in each. */
export type Size = number | Count | Divisor | typeof TRAINING | typeof WEIGHT | ((pass: number) => number)

/**
 * Computes in TypeScript what no kernel does: it gets the numbers of the call, then a view for each of its places, in
 * their order: reads, scratch, writes. `undefined` stands for a place that is not there or, among the writes, that
 * nobody wants. Views hold the whole planned batch, of which the first examples are in use.
 */
export type Routine = (...args: any[]) => number | void

/** Bytes of scratch that kernels want, for the layers of others. */
export const SCRATCH: {
  /** Of a matrix product: the kernels of dense. */
  readonly product: number
  /** Of e^x: the forward passes of sigmoid, tanh and elu. */
  readonly exp: number
} = { product: GEMM_SCRATCH, exp: EXP_SCRATCH }

/** What a call is made of, in the order of the arguments: sizes, reads, scratch, writes. */
export interface CallOptions {
  /** Sizes and other numbers, as the kernel has them. */
  readonly sizes: readonly Size[]
  /** What it reads. */
  readonly reads: readonly Reference[]
  /** Which of the reads it changes as well, such as running statistics. */
  readonly updates?: readonly Reference[]
  /**
   * Bytes of scratch, of which nothing is left after a call; 0 unless given. A kernel that takes no scratch gets no place
   * for it where this is left out.
   */
  readonly scratch?: number
  /** What it writes. Gradients of parameters are added to, all else is overwritten. */
  readonly writes: readonly Reference[]
  /** Multiplications and additions for one example, counted apart; 0 unless given. */
  readonly flops?: number
  /**
   * Which of the ways of the kernel the call goes, so that a model may load a module without the others: a number, put
   * behind the name of the kernel. Any, unless given.
   */
  readonly variant?: number
  /** true: only in passes that train and draw, such as dropout's mask; false: only in the others; always unless given. */
  readonly draws?: boolean
}

/** A layer of a network: where it is, and what it is. */
export interface Origin {
  /** The name of the layer in the model, such as features.0; '' for the root. */
  readonly path: string
  /** The function that made it. */
  readonly kind: string
}

/** A layer as people read it: the end of its path and what it is, such as `features.0 conv2d`. */
export function titleOf({ path, kind }: Origin): string {
  return [endOf(path), kind].filter(Boolean).join(' ')
}

/** What a layer did last: relu of `conv2d + relu`. */
export function kindOf({ kind }: Origin): string {
  return kind.split(' + ').at(-1)!
}

/** A recorded call. */
export interface Call extends CallOptions {
  readonly kernel: keyof Kernels | Routine
  readonly layer: Origin
}

/** Whether it depends on what examples weigh. */
export function isOfLoss(size: Size): boolean {
  return size === WEIGHT || (typeof size === 'object' && 'perWeight' in size)
}

/** The calls of a loss. */
export interface LossCalls {
  /** Gives what the examples in use weigh in a mean; their number if there is no such call. */
  readonly weight: Call | undefined
  /** Gives the loss and writes the gradient of the output. */
  readonly loss: Call
  /** What both are multiplied by. */
  readonly factor: number
}

/** The output of a layer, which is there after a call and until its memory is used again. */
export interface Output {
  readonly layer: Origin
  readonly value: Value
  /** The call that writes it last, or the first calls of the network if there is none: the input handed on. */
  readonly after: Call | undefined
  /** Whether a ReLU is still to be taken of the value: a call of the layers behind does that. */
  readonly beforeRelu?: boolean
}

/** The kernel as errors name it. */
export function nameOf({ kernel }: Call): string {
  return typeof kernel === 'string' ? kernel : kernel.name || 'routine'
}

/** Whether a call writes a place. */
export function doesWrite({ writes }: Call, place: Place): boolean {
  return writes.some((write) => write !== undefined && placeOf(write) === place)
}
