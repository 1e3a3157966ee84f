// What a plan is made with, and what it holds in the end.

import type { DType } from '../tensor'
import type { Origin } from './calls'
import type { Row } from './layer'
import type { Recording } from './program'
import type { Block, Buffer, Parameter, Place } from './value'

/** What is known of an input. */
export interface InputPlan {
  /** Of one example. */
  readonly shape: readonly number[]
  /** 'int32' where it is whole numbers that name something; numbers of the model's dtype unless given. */
  readonly dtype?: 'int32'
}

/** How a network is planned. */
export interface PlanOptions {
  /** For each input. */
  readonly inputs: readonly InputPlan[]
  /** The most examples at once. */
  readonly batch: number
  readonly dtype: DType
  /** Whether it is planned without gradients. */
  readonly inference: boolean
  /** Of what is random in training. */
  readonly seed: number
  /** Whether the layer of that name is not to be trained. */
  isFrozen(path: string): boolean | undefined
  /** Of convolutions that do not say it themselves: 'direct', or whichever is faster. */
  readonly algorithm: 'auto' | 'direct'
  /** What decays: what a layer says that it does, or all parameters. 'weights' unless given. */
  readonly decay?: 'weights' | 'all'
}

/** What was recorded of a network, and what it is to be laid out with. */
export interface Recorded extends Omit<Recording, 'inputGradient'> {
  readonly rows: readonly { readonly layer: Origin; readonly row: Omit<Row, keyof Origin> }[]
  readonly parameters: readonly Parameter[]
  readonly buffers: readonly Buffer[]
  /** What goes on from batch to batch: where it lies before a pass, and where the pass leaves it. */
  readonly states: readonly { readonly before: Buffer; readonly after: Block }[]
  readonly pinned: readonly Block[]
  readonly constants: readonly { readonly place: Place; readonly values: readonly number[] }[]
  /** Where the lengths of the rows of each input lie; nothing for one of which no layer and no loss has asked. */
  readonly lengths: readonly (Block | undefined)[]
  /** Of each input that is a sequence: the first layer that reads its steps, but not the lengths, and gives no sequence. */
  readonly mixers: readonly (string | undefined)[]
}

/** The same while it is recorded, and before the outputs of the network are known. */
export type Recorder = { -readonly [K in Exclude<keyof Recorded, 'heads'>]: Writable<Recorded[K]> }
type Writable<T> = T extends readonly (infer E)[] ? Writable<E>[] : T
