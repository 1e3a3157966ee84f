// A look at the values between the layers, and at their gradients, while they are there: what comes later may take their
// memory.

import { type Call, type Output, nameOf } from '../plan/calls'
import { runCall, wantInput } from '../plan/run'
import type { Program } from '../plan/program'
import { type Value, placeOf } from '../plan/value'
import type { Tensor } from '../tensor'
import { type Core, needLoss, viewOf } from './core'
import { rateAt } from './rate'
import { runLosses } from './losses'
import { beginForward } from './step'

/** Shown of an output of a layer: its values, or the gradient of the loss by them; a live view of the n examples. */
export type See = (output: Output, what: 'activations' | 'gradients', values: Tensor['data']) => void

/** How the rows are run. */
export interface Look {
  /** Whether backward as well, as far as the input with `toInput`, adding to the gradients. */
  readonly gradient: boolean
  readonly toInput?: boolean
  /** Whether as in training, which is what gradients are of. True unless given. */
  readonly training?: boolean
}

/** Runs the n loaded rows; shows the output of each layer, then its gradient where one is trained for. */
export function inspect(core: Core, n: number, see: See, { gradient, toInput = false, training = true }: Look): void {
  const { program, run, engine, dtype } = core
  const show = (outputs: readonly Output[] | undefined, what: 'activations' | 'gradients') => {
    for (const output of outputs ?? []) {
      const { value } = output
      const { pointer } = what === 'gradients' ? value.gradient! : value.data
      see(output, what, viewOf(dtype, engine.buffer, pointer, n * value.size))
    }
  }
  core.counters.passes++
  beginForward(core, n, training)
  const outputs = known.get(program) ?? outputsOf(program)
  known.set(program, outputs)
  const after = groupBy(outputs, (output) => output.after)
  show(after.get(undefined), 'activations')
  for (const prepared of run.forward) {
    runCall(run, prepared)
    show(after.get(prepared.call), 'activations')
  }
  if (!gradient) return
  needLoss('inspect', core)
  const last = lastWriters(core)
  const trained = outputs.filter(({ value }) => program.wanted(value.gradient) === 'always')
  const written = groupBy(trained, ({ value }) => last.get(value.gradient!.root))
  wantInput(run, toInput)
  try {
    runLosses(core, true)
    for (const { loss } of program.losses) show(written.get(loss), 'gradients')
    for (const prepared of run.backward) {
      runCall(run, prepared)
      show(written.get(prepared.call), 'gradients')
    }
  } finally {
    wantInput(run, false)
  }
}

/** The same objects each time: who looks several times tells layers apart by them. */
const known = /* @__PURE__ */ new WeakMap<Program, readonly Output[]>()

/** The outputs of the layers where the program has them: of two calls that were joined, the value between is never there. */
function outputsOf({ forward, outputs, joins }: Program): readonly Output[] {
  const found = [...outputs]
  const replaced = new Map<Call | undefined, Call>()
  for (const { first, second, call } of joins) replaced.set(first, call).set(second, call)
  const latest = (call: Call | undefined): Call | undefined => (replaced.has(call) ? latest(replaced.get(call)) : call)
  for (const { first, second, call } of joins) {
    const indexOf = ({ layer }: Call) => found.findIndex((output) => output.layer === layer)
    if (nameOf(first).startsWith('batchNorm')) {
      const { path, kind } = first.layer
      const { value } = found[indexOf(second)]
      found[indexOf(second)] = { layer: { path, kind: `${kind} + ${second.layer.kind}` }, value, after: call }
      found.splice(indexOf(first), 1)
    } else {
      const value = first.reads[0] as Value
      const earlier = forward.slice(0, forward.indexOf(latest(call)!))
      const after = earlier.findLast(({ writes }) => writes.includes(value))
      found[indexOf(first)] = { layer: first.layer, value, after, beforeRelu: true }
    }
  }
  return found.map((output) => ({ ...output, after: latest(output.after) }))
}

/** The call that writes each gradient last: from then on, and before the next call, it is whole. */
function lastWriters({ program }: Core): Map<unknown, Call> {
  const last = new Map<unknown, Call>()
  for (const call of [...program.losses.map(({ loss }) => loss), ...program.backward]) {
    for (const write of call.writes) {
      if (write === undefined) continue
      const place = placeOf(write)
      last.set('root' in place ? place.root : place, call)
    }
  }
  return last
}

/** The rates of a run of 1000 epochs or steps: the highest, and that which it begins with. */
export function rateRange(core: Core): { peak: number; first: number } {
  const rate = (t: number) => rateAt(core, { epoch: t, step: t, epochs: 1000, steps: 1000 })
  let peak = 0
  for (let t = 0; t < 1000; t++) peak = Math.max(peak, rate(t))
  return { peak, first: rate(0) }
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
