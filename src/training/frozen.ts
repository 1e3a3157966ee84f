// The frozen beginning of a network: what it gives for an example is the same in every pass, so it may be kept.

import { type TypedNumbers, allocate } from '../data/batches'
import { PlanError, few } from '../errors'
import { type Call, TRAINING, titleOf } from '../plan/calls'
import { runCall } from '../plan/run'
import { Parameter, Value, Variable, blockOf, placeOf } from '../plan/value'
import type { Floats } from '../tensor'
import { type Core, type Entry, viewOf } from './core'
import type { Door } from './door'
import { loadInputs, sumOf } from './feed'
import { beginForward, settle } from './step'

/** The door behind the frozen beginning of a model, which has a trained end and nothing that goes around the door. */
export interface FrozenPart extends Door {
  /** Of what it gives for one example, and of how many numbers that is. */
  readonly shape: readonly number[]
  readonly size: number
  /** Whether targets are labels, and how many numbers an example has of them. */
  readonly labels: boolean
  readonly targets: number
  /** An array for what it gives, of so many numbers. */
  empty(length: number): Floats
  /** What it gives for so many rows of checked examples. */
  run(examples: readonly TypedNumbers[], rows: number): Floats
}

/** Finds it. Throws a PlanError where what the model begins with cannot be kept. */
export function frozenPart(where: string, core: Core): FrozenPart {
  const { program, run, dtype, engine } = core
  if (core.carried.length || core.inputs.some(({ lengths }) => lengths.length)) {
    throw new PlanError(`${where}: what a model makes of sequences with lengths, or of batches before, cannot be kept`)
  }
  const { forward } = program
  const first = forward.findIndex(differs)
  if (first <= 0) {
    const what =
      first < 0
        ? 'nothing of it is trained'
        : `${titleOf(forward[0].layer)}, with which it begins, is trained or draws random numbers`
    throw new PlanError(`${where}: wants a model that begins with a frozen body and is trained behind it, but ${what}`)
  }
  const value = door(where, core, first)
  const entry: Entry = {
    name: '',
    value,
    tensor: {
      shape: [core.batch, ...value.shape],
      data: viewOf(dtype, engine.buffer, value.data.pointer, core.batch * value.size),
    },
    mixer: undefined,
    gradientRows: [],
    lengths: new Int32Array(0),
  }
  const own: Partial<Record<string | symbol, unknown>> = {
    inputs: [entry],
    names: { ...core.names, inputs: [] },
    first,
  }
  const behind = new Proxy(core, {
    get: (of, name) => own[name] ?? of[name as keyof Core],
    set: (of, name, to) => Reflect.set(of, name, to),
  })
  const weights = new Set(forward.slice(0, first).flatMap(({ reads }) => reads.map((read) => read && placeOf(read))))
  const views = [...weights].flatMap((place) =>
    place instanceof Variable ? [viewOf(dtype, engine.buffer, place.pointer, place.size)] : [],
  )
  const sum = sumOf('', ...views)
  const [head] = core.heads
  const empty = (length: number) =>
    allocate(where, length, entry.tensor.data.constructor as new (length: number) => Floats)
  return {
    core,
    behind,
    shape: value.shape,
    size: value.size,
    labels: head.classes > 0,
    targets: head.classes ? head.positions : head.target.size,
    check(at) {
      if (sumOf('', ...views) === sum) return
      throw new PlanError(`${at}: the frozen weights are others than when these features were made; make them anew`)
    },
    empty,
    run(examples, rows) {
      settle(where, core)
      const { size } = value
      const kept = empty(rows * size)
      for (let from = 0; from < rows; from += core.batch) {
        const n = Math.min(core.batch, rows - from)
        const part = core.inputs.map((input, i) =>
          examples[i].subarray(from * input.value.size, (from + n) * input.value.size),
        )
        loadInputs(core, part, n, 'x', examples)
        beginForward(core, n, false)
        // Until a whole pass there is none that backward could go through.
        core.rows = 0
        for (let i = 0; i < first; i++) runCall(run, run.forward[i])
        kept.set(entry.tensor.data.subarray(0, n * size), from * size)
      }
      return kept
    },
  }
}

/** Whether a call gives something else from pass to pass. */
function differs({ sizes, reads, draws }: Call): boolean {
  if (draws !== undefined || sizes.some((size) => size === TRAINING || typeof size === 'function')) return true
  return reads.some((read) => {
    const place = read && placeOf(read)
    return place instanceof Parameter && !place.frozen
  })
}

/** The one value by which what comes from call `first` on, backward passes too, depends on the calls before. */
function door(where: string, { program, run, inputs }: Core, first: number): Value {
  const { forward, losses } = program
  const roots = ({ reads, writes }: Call, of: 'reads' | 'writes') =>
    (of === 'reads' ? reads : writes).flatMap((reference) => blockOf(reference)?.root ?? [])
  const before = new Set([
    ...inputs.map(({ value }) => value.data.root),
    ...forward.slice(0, first).flatMap((call) => roots(call, 'writes')),
  ])
  const behind = [
    ...forward.slice(first),
    ...losses.flatMap(({ weight, loss }) => (weight ? [weight, loss] : [loss])),
    ...run.backward.filter(({ forInput }) => !forInput).map(({ call }) => call),
  ]
  const written = new Set(forward.slice(first).flatMap((call) => roots(call, 'writes')))
  const doors = new Set(behind.flatMap((call) => roots(call, 'reads')).filter((root) => before.has(root)))
  const values = [...doors].map((root) =>
    behind.flatMap(({ reads }) => reads).find((read) => read instanceof Value && read.data.root === root),
  )
  const [value] = values
  if (values.length === 1 && value instanceof Value && !written.has(value.data.root)) return value
  const readers = forward.slice(first).filter((call) => roots(call, 'reads').some((root) => doors.has(root)))
  throw new PlanError(
    `${where}: wants a body that hands on one value, but what is trained reads several, or a part of one (` +
      `${few(readers.map(({ layer }) => titleOf(layer)))}); put all that is frozen into one layer`,
  )
}
