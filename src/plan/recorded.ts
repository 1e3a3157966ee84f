// What a plan is made with, and what it holds in the end.

import type { DType } from '../tensor'
import type { Origin } from './calls'
import type { Row } from './layer'
import type { Recording } from './program'
import type { Block, Buffer, Parameter, Place } from './value'

/** How a network is planned. */
export interface PlanOptions {
  /** Of one example, for each input. */
  readonly inputs: readonly (readonly number[])[]
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

/** What was recorded of a network, and what it is to be laid out with. */
export interface Recorded extends Omit<Recording, 'inputGradient'> {
  readonly rows: readonly { readonly layer: Origin; readonly row: Omit<Row, keyof Origin> }[]
  readonly parameters: readonly Parameter[]
  readonly buffers: readonly Buffer[]
  readonly pinned: readonly Block[]
  readonly constants: readonly { readonly place: Place; readonly values: readonly number[] }[]
}

/** The same while it is recorded, and before the outputs of the network are known. */
export type Recorder = { -readonly [K in Exclude<keyof Recorded, 'heads'>]: Writable<Recorded[K]> }
type Writable<T> = T extends readonly (infer E)[] ? Writable<E>[] : T
