// All that training changes, in one place: parameters, gradients, buffers, the optimizer's memory, counters, the clock and
// what a schedule has seen. It can be taken, given back, and listed.

import { trainedOf } from '../plan/layout'
import type { DType, Floats, Tensor } from '../tensor'
import { type Core, type State, viewOf } from './core'

/** A copy of all that training changes; into `reused`, a state of the same model, if given. */
export function takeState(core: Core, reused?: State): State {
  const memory = changing(core)
  const { numbers } = core.vector
  const state = reused ?? { memory: memory.slice(), numbers: numbers.slice(), counters: {}, clock: {} }
  state.memory.set(memory)
  state.numbers.set(numbers)
  return copyRest(core, state as State)
}

/** Brings back what takeState took, to the bit. */
export function restoreState(core: Core, state: State): void {
  changing(core).set(state.memory)
  core.vector.numbers.set(state.numbers)
  copyRest(state, core)
}

/** Copies what is neither in the memory nor of the optimizer. */
function copyRest<T extends Core | State>(from: Core | State, to: T): T {
  Object.assign(to.counters, from.counters)
  Object.assign(to.clock, from.clock)
  const { scheduleState, rate, rateByHand, lastRate, regularises } = from
  return Object.assign(to, { scheduleState: scheduleState.slice(), rate, rateByHand, lastRate, regularises })
}

function changing({ engine, pointers, memory }: Core): Uint8Array {
  return new Uint8Array(engine.buffer, pointers.parameters, pointers.optimizer + memory.optimizer - pointers.parameters)
}

/** What a trained model is: its parameters and buffers, by name, as live views. */
export function weightsOf({ tensors }: Core): Core['tensors']['parameters'] {
  return { ...tensors.parameters, ...tensors.buffers }
}

/**
 * What the optimizer remembers for each parameter that is trained, named by the parameter and its own name for it:
 * `0.weight.exp_avg`. Live views.
 */
export function slotsOf<D extends DType>(core: Core<D>): Readonly<Record<string, Tensor<D>>> {
  return (core.slots ??= makeSlots(core))
}

function makeSlots<D extends DType>(core: Core<D>) {
  const { dtype, engine, parameters, pointers, vector, settings, inference } = core
  // A model for inference has no memory for them, whatever its optimizer.
  const { slots } = (!inference && settings.optimizer) || { slots: [] }
  const entries = trainedOf(parameters).flatMap(({ name, shape, size, pointer }) =>
    slots.map((slot, i): [string, Tensor<D>] => {
      const place = vector.slots[i] + pointer - pointers.parameters
      return [`${name}.${slot}`, Object.freeze({ shape, data: viewOf(dtype, engine.buffer, place, size) })]
    }),
  )
  return Object.fromEntries(entries)
}

/** The numbers of the parameters and buffers, as live views. */
export function liveWeights(core: Core): readonly Floats[] {
  return Object.values(weightsOf(core)).map(({ data }) => data)
}

/** Parameters and buffers that are kept, such as those of the best epoch. */
export interface KeptWeights {
  /** In the order of liveWeights. */
  readonly data: readonly Floats[]
  take(): void
  restore(): void
}

/** Memory for the parameters and buffers: allocated once. */
export function keepWeights(core: Core): KeptWeights {
  const live = liveWeights(core)
  const data = live.map((one) => one.slice())
  return {
    data,
    take: () => data.forEach((one, i) => one.set(live[i])),
    restore: () => live.forEach((one, i) => one.set(data[i])),
  }
}

// ---- what goes on from batch to batch ----

/** The next pass begins with what the last one left. */
export function carryOn({ carried }: Core): void {
  for (let i = 0; i < carried.length; i++) carried[i].before.data.set(carried[i].after)
}

/** The next pass begins with nothing from those before. */
export function resetCarried({ carried }: Core): void {
  for (const { before } of carried) before.data.fill(0)
}

/** The same; gives what brings back what was there. */
export function putCarriedAside(core: Core): () => void {
  const kept = core.carried.map(({ before }) => before.data.slice())
  resetCarried(core)
  return () => {
    if (!core.closed) core.carried.forEach(({ before }, i) => before.data.set(kept[i]))
  }
}

/** Puts into the optimizer's slots what they begin with, where that is not 0. */
export function beginSlots({ dtype, engine, vector, settings, inference }: Core): void {
  const { slotsBegin } = settings.optimizer ?? {}
  if (!slotsBegin || inference) return
  slotsBegin.forEach((value, i) => viewOf(dtype, engine.buffer, vector.slots[i], vector.count).fill(value))
}

/** The optimizer begins anew: it remembers nothing, and its next step is its first. */
export function forget(core: Core): void {
  const { engine, pointers, memory, vector, counters } = core
  new Uint8Array(engine.buffer, pointers.optimizer, memory.optimizer).fill(0)
  beginSlots(core)
  vector.numbers.fill(0)
  counters.steps = 0
}
