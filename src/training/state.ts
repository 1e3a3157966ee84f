// All that training changes, in one place: parameters, gradients, buffers, the optimizer's memory, counters, the clock and
// what a schedule has seen. It can be taken, given back, and listed.

import type { Floats } from '../tensor'
import type { Core, State } from './core'

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
  const { scheduleState, rate, lastRate, regularises } = from
  return Object.assign(to, { scheduleState: scheduleState.slice(), rate, lastRate, regularises })
}

function changing({ engine, pointers, memory }: Core): Uint8Array {
  return new Uint8Array(engine.buffer, pointers.parameters, pointers.optimizer + memory.optimizer - pointers.parameters)
}

/** What a trained model is: its parameters and buffers, by name, as live views. */
export function weightsOf({ tensors }: Core): Core['tensors']['parameters'] {
  return { ...tensors.parameters, ...tensors.buffers }
}

/** The numbers of the parameters and buffers, as live views. */
export function liveWeights(core: Core): readonly Floats[] {
  return Object.values(weightsOf(core)).map(({ data }) => data)
}

/** Memory for the parameters and buffers, such as those of the best epoch: allocated once. */
export function keepWeights(core: Core): { take(): void; restore(): void } {
  const live = liveWeights(core)
  const kept = live.map((data) => data.slice())
  return {
    take: () => kept.forEach((data, i) => data.set(live[i])),
    restore: () => live.forEach((data, i) => data.set(kept[i])),
  }
}

/** The optimizer begins anew: it remembers nothing, and its next step is its first. */
export function forget(core: Core): void {
  const { engine, pointers, memory, vector, counters } = core
  new Uint8Array(engine.buffer, pointers.optimizer, memory.optimizer).fill(0)
  vector.numbers.fill(0)
  counters.steps = 0
}
