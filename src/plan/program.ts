// From the recorded calls to the program that runs: what needs no gradient is left out, neighbours that one kernel can
// do are joined, and what could not work is refused.

import { PlanError } from '../errors'
import { type Call, type Origin, type Output, nameOf } from './calls'
import { Block, Parameter, type Place, type Reference, Value, placeOf } from './value'

/** Who wants what a backward call writes: every training step, or only somebody who asks for the gradient of the input. */
export type Wanted = 'always' | 'input' | 'never'

/** A network as lists of calls, in the order in which they run. */
export interface Program {
  readonly forward: readonly Call[]
  /** What the examples in use weigh in a mean; their number if there is no such call. */
  readonly weight: Call | undefined
  /** Gives the loss and writes the gradient of the output. */
  readonly loss: Call | undefined
  readonly backward: readonly Call[]
  /** The outputs of the layers, in their order. */
  readonly outputs: readonly Output[]
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
  readonly weight: Call | undefined
  readonly loss: Call | undefined
  /** Those of a layer in their order, the layers in the order in which they were planned. */
  readonly backward: readonly (readonly Call[])[]
  readonly outputs: readonly Output[]
  readonly input: Value
  readonly output: Value
  /** Whether the gradient of the input is planned for; where only a frozen part lies before it, not unless it is true. */
  readonly inputGradient: boolean | undefined
}

/** The program of a recording. Throws a PlanError that names the layer of a call that cannot work. */
export function programOf(recording: Recording): Program {
  const { weight, loss, input } = recording
  const { trained, touched, throughFrozen } = dependencies(recording.forward, input)
  const inputGradient = recording.inputGradient ?? !throughFrozen
  const wanted = (write: Reference): Wanted => {
    if (write === undefined) return 'never'
    const place = placeOf(write)
    const value = place instanceof Block ? place.gradientOf : undefined
    if (!value || trained.has(value.data)) return 'always'
    return inputGradient && touched.has(value.data) ? 'input' : 'never'
  }
  const backward = keepWanted(recording.backward.toReversed().flat(), wanted)
  checkOrder(recording, backward)
  return { ...fuse(recording, backward), weight, loss, inputGradient, wanted }
}

/** Which blocks depend on something that is trained, which on the input, and whether one on the input alone by a frozen part. */
function dependencies(forward: readonly Call[], input: Value) {
  const trained = new Set<Block>()
  const touched = new Set<Block>([input.data])
  let throughFrozen = false
  for (const { reads, writes } of forward) {
    const places = reads.flatMap((read) => (read === undefined ? [] : placeOf(read)))
    const learns = places.some((p) => (p instanceof Parameter ? !p.frozen : p instanceof Block && trained.has(p)))
    const sees = places.some((p) => p instanceof Block && touched.has(p))
    if (sees && !learns && places.some((p) => p instanceof Parameter)) throughFrozen = true
    for (const write of writes) {
      const place = write === undefined ? undefined : placeOf(write)
      if (!(place instanceof Block)) continue
      if (learns) trained.add(place)
      if (sees) touched.add(place)
    }
  }
  return { trained, touched, throughFrozen }
}

/** The calls that write a gradient that somebody wants, or what such a call reads. */
function keepWanted(calls: readonly Call[], wanted: (write: Reference) => Wanted): Call[] {
  const needed = new Set<Place>()
  const kept = calls.toReversed().filter(({ reads, writes }) => {
    if (
      !writes.some((write) => (isGradient(write) ? wanted(write) !== 'never' : write && needed.has(placeOf(write))))
    ) {
      return false
    }
    for (const read of reads) if (read !== undefined) needed.add(placeOf(read))
    return true
  })
  return kept.toReversed()
}

/** Whether it is the gradient of a value or of a parameter: all that backward writes but for what it saves for itself. */
export function isGradient(reference: Reference): boolean {
  if (reference === undefined) return false
  const place = placeOf(reference)
  return !(place instanceof Block) || place.gradientOf !== undefined
}

/** Throws a PlanError where a call reads what no call before it writes. */
function checkOrder({ forward, loss, input, output }: Recording, backward: readonly Call[]): void {
  const written = new Set<Block>([input.data.root])
  const check = (call: Call, times: string): void => {
    for (const read of call.reads) {
      const place = read === undefined ? undefined : placeOf(read)
      if (!(place instanceof Block) || place.pinned || written.has(place.root)) continue
      const what = place.gradientOf ? 'a gradient' : 'a value'
      throw errorOf(call, `reads ${what} in its ${times} pass that no call before it writes`)
    }
    for (const write of call.writes) {
      const place = write === undefined ? undefined : placeOf(write)
      if (place instanceof Block) written.add(place.root)
    }
  }
  for (const call of forward) check(call, 'forward')
  if (loss) check(loss, 'forward')
  // Without a loss, whoever calls backward writes it.
  if (output.gradient) written.add(output.gradient.root)
  for (const call of backward) check(call, 'backward')
}

export function errorOf(call: Call, message: string): PlanError {
  const { path, kind } = call.layer
  return new PlanError(`${[path, kind].filter(Boolean).join(' ')}: ${nameOf(call)} ${message}`)
}

// ---- neighbours that one kernel can do ----

/** Where the flag for a ReLU stands among the sizes of the kernels that can do one as well. */
const RELU_FLAG = { batchNormForward: 5, batchNormBackward: 4, maxPool2dForward: 11 } as const

/** The block between two calls of which one can do the other's work, if this is such a pair. */
function between(first: Call, second: Call): Block | undefined {
  // The kernels of ReLU take NaN for no ceiling.
  const isRelu = ({ kernel, sizes }: Call) => kernel === 'reluForward' && Number.isNaN(sizes[1])
  const free = ({ sizes }: Call, at: number) => sizes[at] === 0
  const norm = first.kernel === 'batchNormForward' && free(first, RELU_FLAG.batchNormForward) && isRelu(second)
  const pool = second.kernel === 'maxPool2dForward' && free(second, RELU_FLAG.maxPool2dForward) && isRelu(first)
  if (!norm && !pool) return undefined
  const place = placeOf(second.reads[0]!)
  return place instanceof Block && place === placeOf(first.writes.at(-1)!) ? place : undefined
}

/**
 * Joins a ReLU with what is beside it: batch norm takes the ReLU behind it in the same pass over memory, and max-pooling
 * the one before it, for the pool of max(0, x) is max(0, the pool of x). The value between them is then never written.
 */
function fuse(recording: Recording, pruned: readonly Call[]) {
  const forward = [...recording.forward]
  const backward = [...pruned]
  const outputs = [...recording.outputs]
  const joined = new Map<Origin, string>()
  const replaced = new Map<Call, Call>()
  const mentions = countMentions([...forward, ...backward])
  const indexOfReluBackward = (y: Place) =>
    backward.findIndex(({ kernel, reads }) => kernel === 'reluBackward' && placeOf(reads[0]!) === y)
  const outputOf = (call: Call) => outputs.findIndex(({ layer }) => layer === call.layer)

  for (let i = 0; i + 1 < forward.length; i++) {
    const [first, second] = [forward[i], forward[i + 1]]
    const block = between(first, second)
    if (!block || block === recording.output.data) continue
    let call: Call
    if (first.kernel === 'batchNormForward') {
      const y = second.writes[0]!
      const at = indexOfReluBackward(placeOf(y))
      // Written and read: batch norm's backward pass takes the signs from x.
      if (mentions.get(block) !== 2) continue
      call = { ...withRelu(first, RELU_FLAG.batchNormForward), writes: [...first.writes.slice(0, -1), y] }
      if (at >= 0) {
        const [relu, norm] = [backward[at], backward[at + 1]]
        const reads = [...norm.reads.slice(0, -1), relu.reads[1]]
        backward.splice(at, 2, { ...withRelu(norm, RELU_FLAG.batchNormBackward), reads })
      }
      const kind = `${first.layer.kind} + ${second.layer.kind}`
      outputs[outputOf(second)] = {
        layer: { path: first.layer.path, kind },
        value: outputs[outputOf(second)].value,
        after: call,
      }
      outputs.splice(outputOf(first), 1)
      joined.set(second.layer, `+ ${second.layer.kind}`)
    } else {
      const at = indexOfReluBackward(block)
      // ReLU's backward pass reads its output, which the pool's does not need.
      if (mentions.get(block) !== (at >= 0 ? 3 : 2)) continue
      call = { ...withRelu(second, RELU_FLAG.maxPool2dForward), reads: first.reads }
      if (at >= 0) backward.splice(at - 1, 2, { ...backward[at - 1], writes: backward[at].writes })
      const relu = outputOf(first)
      const before = forward.findLast((other, j) => j < i && other.writes.includes(first.reads[0]))
      const value = first.reads[0] as Value
      outputs[relu] = { layer: first.layer, value, after: before, beforeRelu: true }
      joined.set(first.layer, first.layer.kind)
    }
    replaced.set(first, call)
    replaced.set(second, call)
    forward.splice(i, 2, call)
  }
  const latest = (call: Call): Call => (replaced.has(call) ? latest(replaced.get(call)!) : call)
  return {
    forward,
    backward,
    outputs: outputs.map((output) => ({ ...output, after: output.after && latest(output.after) })),
    joined,
  }
}

function countMentions(calls: readonly Call[]): Map<Place, number> {
  const mentions = new Map<Place, number>()
  for (const { reads, writes } of calls) {
    for (const reference of [...reads, ...writes]) {
      if (reference === undefined) continue
      const place = placeOf(reference)
      mentions.set(place, (mentions.get(place) ?? 0) + 1)
    }
  }
  return mentions
}

function withRelu(call: Call, at: number): Call {
  return { ...call, sizes: call.sizes.map((size, i) => (i === at ? 1 : size)) }
}
