// Gives everything in the memory of a model its place, before any of it exists. Nothing is allocated afterwards, so
// views never go stale.
//
//   0        64                                                                                        bytes
//   | unused | parameters        | gradients        | state   | optimizer | activations    | scratch |
//   | (null) | decayed | others  | decayed | others | frozen  | slots     | shared by time | one for |
//   |        | weights | biases  |                  | running |           |                | a thread |
//
// A block of the activations lives from the first call that mentions it to the last, in the order in which calls run:
// forward, loss, backward. What a backward pass reads of the forward pass lives until the next forward pass, so that
// backward may run again.

import type { Call } from './calls'
import type { Program } from './program'
import { type Block, type Buffer, type Parameter, type Reference, type Value, blockOf } from './value'

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
  /** Shared by all layers; one for each thread. */
  scratch: number
  /** All of it. */
  total: number
}

/** Where the regions begin, in bytes. */
export interface Pointers {
  readonly parameters: number
  readonly gradients: number
  readonly state: number
  /** Where the buffers begin in the state, behind the frozen parameters. */
  readonly buffers: number
  readonly optimizer: number
  readonly scratch: number
}

/** What is laid out. */
export interface Contents {
  readonly program: Program
  readonly parameters: readonly Parameter[]
  readonly buffers: readonly Buffer[]
  /** What goes on from batch to batch: where it lies before a pass, and where the pass leaves it. */
  readonly states: readonly { readonly before: Buffer; readonly after: Block }[]
  /** Those of which nothing else is put in their place. */
  readonly pinned: readonly Block[]
  /** Of the rows of each input, where some layer or loss has asked for them. */
  readonly lengths: readonly (Block | undefined)[]
  readonly mixers: readonly (string | undefined)[]
  /** What the network gets, and what it gives. */
  readonly inputs: readonly Value[]
  readonly heads: readonly Value[]
  /** Bytes of a value. */
  readonly bytes: number
  readonly inference: boolean
  /** What the optimizer remembers for each parameter. */
  readonly optimizerSlots: number
  /** Bytes that any call, or the step of the optimizer, needs at most. */
  readonly scratch: number
}

const ALIGN = 64
/** Bytes behind the scratch that nobody may write: tests look at them. */
const GUARD = ALIGN

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN
}

/** How many values the variables have together. */
export function countOf(variables: readonly { readonly size: number }[]): number {
  return variables.reduce((sum, { size }) => sum + size, 0)
}

/** Parameters that are trained, in the order in which they lie in memory: those that decay first. */
export function trainedOf(parameters: readonly Parameter[]): readonly Parameter[] {
  const trained = parameters.filter(({ frozen }) => !frozen)
  return [...trained.filter((p) => p.decays), ...trained.filter((p) => !p.decays)]
}

/** Gives every place its pointer. */
export function layOut(contents: Contents): { memory: Regions; pointers: Pointers } {
  const { parameters, buffers, states, bytes, inference, optimizerSlots } = contents
  const trained = trainedOf(parameters)
  const frozen = parameters.filter((p) => p.frozen)
  const kept = [...frozen, ...buffers, ...states.map(({ before }) => before)]
  const region = align(countOf(trained) * bytes)
  const sizes = {
    parameters: region,
    gradients: inference ? 0 : region,
    state: align(countOf(kept) * bytes),
    optimizer: inference ? 0 : optimizerSlots * region,
  }
  const gradients = ALIGN + region
  const state = gradients + sizes.gradients
  const optimizer = state + sizes.state
  const start = optimizer + sizes.optimizer
  putBehind(trained, ALIGN)
  for (const { pointer, gradient } of trained) if (gradient) gradient.pointer = pointer + region
  putBehind(kept, state)
  const activations = placeBlocks(livingBlocks(contents), start)
  const pointers = {
    parameters: ALIGN,
    gradients,
    state,
    buffers: state + countOf(frozen) * bytes,
    optimizer,
    scratch: start + activations,
  }
  const scratch = align(contents.scratch) + GUARD
  return { memory: { ...sizes, activations, scratch, total: pointers.scratch + scratch }, pointers }
}

/** One behind the other. */
function putBehind(variables: readonly (Parameter | Buffer)[], pointer: number): void {
  for (const variable of variables) {
    variable.pointer = pointer
    pointer += variable.bytes
  }
}

/** The blocks that some call mentions, each with the time in which it lives. */
function livingBlocks({ program, pinned, inputs, heads }: Contents): readonly Block[] {
  const { forward, losses, backward, inputGradient, wanted } = program
  const blocks = new Set<Block>()
  const mention = (reference: Reference, time: number): void => {
    const block = blockOf(reference)
    if (!block) return
    block.mention(time)
    blocks.add(block.root)
  }
  const mentionAll = (call: Call | undefined, time: number): void => {
    for (const read of call?.reads ?? []) mention(read, time)
    for (const write of call?.writes ?? []) if (wanted(write) !== 'never') mention(write, time)
  }
  forward.forEach(mentionAll)
  // The loss, or whoever calls backward instead, writes the gradient of the output.
  const middle = forward.length
  for (const { weight, loss } of losses) {
    mentionAll(weight, middle)
    mentionAll(loss, middle)
  }
  for (const { gradient } of heads) if (wanted(gradient) !== 'never') mention(gradient, middle)
  backward.forEach((call, i) => mentionAll(call, middle + 1 + i))
  // It is handed out when all is done.
  for (const { gradient } of inputGradient ? inputs : []) mention(gradient, middle + 1 + backward.length)
  for (const block of blocks) if (block.first < middle && block.last > middle) block.last = Infinity
  for (const block of [...[...inputs, ...heads].map(({ data }) => data), ...pinned]) {
    mention(block, -Infinity)
    mention(block, Infinity)
  }
  return [...blocks]
}

/**
 * The largest blocks first, each at the lowest place that no block of the same time holds. Of equal ones the latest is
 * first: so a step begins to write where the last one ended, which the cache still holds (2 % of a CNN's step). Returns
 * the bytes of all.
 */
function placeBlocks(blocks: readonly Block[], base: number): number {
  /** By their pointers. */
  const placed: Block[] = []
  let end = base
  for (const block of blocks.toReversed().toSorted((a, b) => b.bytes - a.bytes)) {
    let at = base
    for (const other of placed) {
      if (other.last < block.first || block.last < other.first) continue
      if (at + block.bytes <= other.pointer) break
      at = Math.max(at, align(other.pointer + other.bytes))
    }
    block.pointer = at
    end = Math.max(end, align(at + block.bytes))
    placed.splice(placed.findLastIndex(({ pointer }) => pointer <= at) + 1, 0, block)
  }
  return end - base
}
