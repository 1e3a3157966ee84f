// From the recorded calls to the program that runs: what needs no gradient is left out, neighbours that one kernel can
// do are joined (fusion.ts), and what could not work is refused.

import { PlanError } from '../errors'
import { type Call, type LossCalls, type Origin, type Output, nameOf, titleOf } from './calls'
import { type Join, fuse } from './fusion'
import { type Block, Parameter, type Reference, Value, blockOf, placeOf } from './value'

/** Who wants what a backward call writes: every training step, or only somebody who asks for the gradient of the input. */
export type Wanted = 'always' | 'input' | 'never'

/** A network as lists of calls, in the order in which they run. */
export interface Program {
  readonly forward: readonly Call[]
  /** One for each output of the network, if it has losses. */
  readonly losses: readonly LossCalls[]
  readonly backward: readonly Call[]
  /** The outputs of the layers, in their order, before calls were joined. */
  readonly outputs: readonly Output[]
  /** The calls that were joined, in their order. */
  readonly joins: readonly Join[]
  /** Layers whose work a neighbour's call does, and what the summary calls them. */
  readonly joined: ReadonlyMap<Origin, string>
  /** Whether the gradient of the input can be had. */
  readonly inputGradient: boolean
  /** Of a place among the writes of a backward call, or of the loss. */
  wanted(write: Reference): Wanted
}

/** What was recorded of a network. */
export interface Recording {
  readonly forward: readonly Call[]
  readonly losses: readonly LossCalls[]
  /** Those of a layer in their order, the layers in the order in which they were planned. */
  readonly backward: readonly (readonly Call[])[]
  readonly outputs: readonly Output[]
  /** What the network gets, and what it gives. */
  readonly inputs: readonly Value[]
  readonly heads: readonly Value[]
  /** Whether the gradient of the input is planned for; where only a frozen part lies before it, not unless it is true. */
  readonly inputGradient: boolean | undefined
}

/** All calls of a program. */
export function callsOf({ forward, losses, backward }: Program): readonly Call[] {
  return [...forward, ...losses.flatMap(({ weight, loss }) => (weight ? [weight, loss] : [loss])), ...backward]
}

/** The program of a recording. Throws a PlanError that names the layer of a call that cannot work. */
export function programOf(recording: Recording): Program {
  const { losses, outputs } = recording
  const { trained, touched, throughFrozen } = dependencies(recording)
  let inputGradient = recording.inputGradient ?? !throughFrozen
  const wanted = (write: Reference): Wanted => {
    if (!write) return 'never'
    const of = blockOf(write)?.gradientOf?.data
    if (!of || trained.has(of)) return 'always'
    return inputGradient && touched.has(of) ? 'input' : 'never'
  }
  const backward = keepWanted(recording.backward.toReversed().flat(), wanted)
  // A first layer of the user's may do without.
  if (!checkOrder(recording, backward)) inputGradient = false
  return { ...fuse(recording.forward, backward, recording.heads), losses, outputs, inputGradient, wanted }
}

/**
 * Which blocks depend on something that is trained, which on the input, and whether one on the input alone by a frozen
 * part.
 */
function dependencies({ forward, inputs }: Recording) {
  const trained = new Set<unknown>()
  const touched = new Set<unknown>(inputs.map(({ data }) => data))
  let throughFrozen = false
  for (const { reads, writes } of forward) {
    const places = reads.map((read) => read && placeOf(read))
    const isParameter = (place: unknown) => place instanceof Parameter
    const learns = places.some((place) => trained.has(place) || (isParameter(place) && !(place as Parameter).frozen))
    const sees = places.some((place) => touched.has(place))
    if (sees && !learns && places.some(isParameter)) throughFrozen = true
    for (const block of writes.map(blockOf)) {
      if (learns) trained.add(block)
      if (sees) touched.add(block)
    }
  }
  return { trained, touched, throughFrozen }
}

/** The calls that write a gradient that somebody wants, or what such a call reads. */
function keepWanted(calls: readonly Call[], wanted: (write: Reference) => Wanted): Call[] {
  const needed = new Set<unknown>()
  const isNeeded = (write: Reference) =>
    isGradient(write) ? wanted(write) !== 'never' : write && needed.has(placeOf(write))
  const kept = calls.toReversed().filter(({ reads, writes }) => {
    if (!writes.some(isNeeded)) return false
    for (const read of reads) if (read) needed.add(placeOf(read))
    return true
  })
  return kept.toReversed()
}

/** Whether it is the gradient of a value or of a parameter: all that backward writes but for what it saves for itself. */
export function isGradient(reference: Reference): boolean {
  const block = blockOf(reference)
  return block ? block.gradientOf !== undefined : reference !== undefined
}

/**
 * Throws a PlanError where a call reads what no call before it writes, or where nobody writes the gradient of the input
 * that was asked for. Whether somebody writes it.
 */
function checkOrder({ forward, losses, inputs, heads, inputGradient }: Recording, backward: readonly Call[]): boolean {
  const written = new Set<Block | undefined>(inputs.map(({ data }) => data.root))
  const calledOn = [...forward, ...losses.map(({ loss }) => loss)]
  const check = (calls: readonly Call[], pass: string): void => {
    for (const call of calls) {
      for (const block of call.reads.map(blockOf)) {
        if (!block || block.pinned || written.has(block.root)) continue
        const reader = block.gradientOf && calledOn.findLast(({ reads }) => reads.some((read) => isOf(read, block)))
        if (reader) {
          throw new PlanError(
            `${titleOf(reader.layer)}: no call of its backward pass writes the gradient of what it reads, which ` +
              `${titleOf(call.layer)} needs; record one with that gradient, such as x.gradient, among its writes`,
          )
        }
        const what = block.gradientOf ? 'a gradient' : 'a value'
        throw errorOf(call, `reads ${what} in its ${pass} pass that no call before it writes`)
      }
      for (const write of call.writes) written.add(blockOf(write)?.root)
    }
  }
  check(calledOn, 'forward')
  // Without a loss, whoever calls backward writes it.
  if (!losses.length) for (const { gradient } of heads) written.add(gradient?.root)
  check(backward, 'backward')
  const unwritten = inputs.find(({ gradient }) => !written.has(gradient?.root))
  if (!unwritten || !inputGradient) return !unwritten
  const first = forward.find(({ reads }) => reads.some((read) => blockOf(read) === unwritten.data))
  throw new PlanError(
    `createModel: inputGradient: true, but no call of ${first ? titleOf(first.layer) : 'any layer'} writes the gradient of ` +
      'the input; record one in its backward pass with x.gradient among its writes',
  )
}

/** Whether it is a value whose gradient lies in this block. */
function isOf(read: Reference, block: Block): boolean {
  return read instanceof Value && read.gradient?.root === block.root
}

export function errorOf(call: Call, message: string): PlanError {
  return new PlanError(`${titleOf(call.layer)}: ${nameOf(call)} ${message}`)
}
