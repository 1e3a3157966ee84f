// What layers made of layers share that are no chain: a list of uses, each of values that the inputs or uses before it
// give, planned one after the other. A value with several readers is forked, so that their gradients are summed up.

import { type PlanError, count, quote } from '../errors'
import type { Ahead, Layer, Wiring } from '../plan/layer'
import type { Plan } from '../plan/plan'
import type { Value } from '../plan/value'
import type { NamedLayer } from './children'

/** Ids in a layer that is a graph inside; no layer has such a name. */
const INPUT = '.input'
const OUTPUT = '.output'

/** Plans the children as they are wired; gives the outputs. */
export function planWired(
  children: readonly NamedLayer[],
  wiring: Wiring,
  inputs: readonly Value[],
  plan: Plan,
): readonly Value[] {
  const { uses, outputs } = wiring
  checkCount((message) => plan.error(message), inputs.length, [wiring.inputs.length, wiring.inputs.length])
  const readers = new Map<string, number>()
  for (const id of [...uses.flatMap(({ of }) => of), ...outputs]) readers.set(id, (readers.get(id) ?? 0) + 1)
  const ahead = aheadOfUses(children, wiring, plan.ahead)
  /** For each value, what its readers get that have not read it yet. */
  const values = new Map<string, Value[]>()
  const give = (id: string, value: Value) => {
    const count = readers.get(id) ?? 0
    values.set(id, count > 1 ? plan.fork(value, count) : [value])
  }
  const take = (id: string) => values.get(id)!.shift()!
  wiring.inputs.forEach((id, i) => give(id, inputs[i]))
  uses.forEach(({ id, child, of }, i) => {
    const [name, layer] = children[child]
    const error = (message: string) => plan.error(`${quote(name)} ${layer.kind}: ${message}`)
    checkCount(error, of.length, layer.inputs)
    const sources = of.map((source) => (source === INPUT ? 'the input' : source))
    give(id, plan.child(name, layer, of.map(take), ahead[i], sources))
  })
  return outputs.map(take)
}

/** Throws an error where a layer that takes so many inputs, from least to most, gets another number. */
export function checkCount(
  error: (message: string) => PlanError,
  got: number,
  [least, most]: readonly [number, number] = [1, 1],
): void {
  if (got >= least && got <= most) return
  const wanted = least === most ? count(least, 'input') : `${count(least, 'input')} or more`
  throw error(
    `takes ${wanted}, got ${got}; ${got < least ? 'it joins values of a graph' : 'join them before'}, such as ` +
      "use('both', concat(), a, b)",
  )
}

/** What comes after each use, for the first weights within: a ReLU among its readers counts before all else. */
function aheadOfUses(children: readonly NamedLayer[], { uses, outputs }: Wiring, after: Ahead): Ahead[] {
  const found = new Map<string, Ahead>()
  const RANK: readonly Ahead[] = ['end', 'other', 'relu']
  const see = (id: string, ahead: Ahead) => {
    const known = found.get(id)
    if (known === undefined || RANK.indexOf(ahead) > RANK.indexOf(known)) found.set(id, ahead)
  }
  for (const id of outputs) see(id, after)
  const all = Array<Ahead>(uses.length)
  for (let i = uses.length - 1; i >= 0; i--) {
    const { id, child, of } = uses[i]
    all[i] = found.get(id) ?? 'other'
    const { initBefore } = children[child][1]
    for (const read of of) see(read, initBefore === 'he' ? 'relu' : initBefore === 'next' ? all[i] : 'other')
  }
  return all
}

/** One of several layers on the same input; without a layer, the input itself. */
export interface Branch {
  readonly id: string
  readonly name: string
  readonly layer: Layer | undefined
}

/** A layer that is a graph inside: layers side by side on its input, whose outputs `join` joins. */
export function sideBySide(kind: string, config: object, branches: readonly Branch[], join: Layer): Layer {
  const children: NamedLayer[] = []
  const uses = branches.flatMap(({ id, name, layer }) =>
    layer ? [{ id, child: children.push([name, layer]) - 1, of: [INPUT] }] : [],
  )
  const joined = { id: OUTPUT, child: children.length, of: branches.map(({ id, layer }) => (layer ? id : INPUT)) }
  const wiring: Wiring = { inputs: [INPUT], uses: [...uses, joined], outputs: [OUTPUT] }
  // It is part of the layer: its name adds nothing.
  children.push(['', join])
  return { kind, config, children, wiring, plan: (x, plan) => planWired(children, wiring, [x], plan)[0] }
}
