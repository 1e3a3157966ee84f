// All that training changes, in one place: parameters, gradients, buffers, the optimizer's memory, counters, the clock and
// what a schedule has seen. It can be taken, given back, and listed.

import type { Core, State } from './core'

/** A copy of all that training changes; into `reused`, a state of the same model, if given. */
export function takeState(core: Core, reused?: State): State {
  const { vector, scheduleState, counters, clock, rate, lastRate, regularises } = core
  if (!reused) {
    return {
      memory: changing(core).slice(),
      numbers: vector.numbers.slice(),
      scheduleState: scheduleState.slice(),
      counters: { ...counters },
      clock: { ...clock },
      rate,
      lastRate,
      regularises,
    }
  }
  reused.memory.set(changing(core))
  reused.numbers.set(vector.numbers)
  Object.assign(reused.counters, counters)
  Object.assign(reused.clock, clock)
  return Object.assign(reused, { scheduleState: scheduleState.slice(), rate, lastRate, regularises })
}

/** Brings back what takeState took, to the bit. */
export function restoreState(core: Core, state: State): void {
  changing(core).set(state.memory)
  core.vector.numbers.set(state.numbers)
  core.scheduleState = state.scheduleState.slice()
  Object.assign(core.counters, state.counters)
  Object.assign(core.clock, state.clock)
  core.rate = state.rate
  core.lastRate = state.lastRate
  core.regularises = state.regularises
}

/** Runs `action` and brings everything back to what it was before, whether it returns or throws. */
export function unchanged<T>(core: Core, action: () => T): T {
  const state = takeState(core)
  try {
    return action()
  } finally {
    restoreState(core, state)
  }
}

function changing({ engine, pointers, memory }: Core): Uint8Array {
  return new Uint8Array(engine.buffer, pointers.parameters, pointers.optimizer + memory.optimizer - pointers.parameters)
}

/** What a trained model is: its parameters and buffers, by name, as live views. */
export function weightsOf({ tensors }: Core): Core['tensors']['parameters'] {
  return { ...tensors.parameters, ...tensors.buffers }
}

/** Memory for the parameters and buffers, such as those of the best epoch: allocated once. */
export function keepWeights(core: Core): { take(): void; restore(): void } {
  const live = Object.values(weightsOf(core)).map(({ data }) => data)
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
