// A network while it is put together: the layers in the order in which they were found, the values that they give, and
// what is folded into them afterwards.

import { FileError, few } from '../../errors'
import type { NamedLayer } from '../../layers/children'
import { graph, type Handle } from '../../layers/graph'
import { reshape } from '../../layers/reshape'
import { sequential } from '../../layers/sequential'
import { upsample2d } from '../../layers/upsample2d'
import type { Layer, Network } from '../../plan/layer'
import { type Tensor, product } from '../../tensor'
import type { Budget, Constant } from './constants'

/** A value that the network computes. */
export interface Active {
  readonly kind: 'active'
  /** What gives it: the place of a step, or of an input, as -1 - i. */
  readonly from: number
  /** The shape of an example, as that gives it. */
  readonly stored: readonly number[]
  /** Its shape as the file has it: with the batch, and maybe others sizes than `stored`, of as many numbers. */
  readonly shape: readonly number[]
  /** Which axis of `shape` is the batch. */
  readonly batch: number
  /** Whether it is of whole numbers. */
  readonly whole?: boolean
  /** Neighbouring axes of `shape`, the batch among them, which the file has as one: from the first to before the last. */
  readonly merged?: readonly [first: number, end: number]
}

/** What a name in the file stands for. */
export type Known = Active | Constant

/** A step that can scale and shift what it gives, by weights along the first or the last of its axes. */
export interface Foldable {
  readonly axis: 'first' | 'last'
  /** So many weights. */
  readonly size: number
  /** Makes y scale y + shift, of one number each or of one for each weight; false where it cannot. */
  apply(scale: readonly number[], shift: readonly number[]): boolean
  /** Whether it may say no: then it is asked each time, and else once for all that comes together. */
  readonly mayRefuse?: boolean
  /** Puts into the weights what is still to come. */
  settle?(): void
}

/** One number for all, or the i-th of several. */
export const at = (values: readonly number[], i: number) => values[values.length === 1 ? 0 : i]

const isNothing = (shift: readonly number[]) => shift.length === 1 && shift[0] === 0

/** A step that keeps what it is scaled and shifted by, however often, and puts it into its weights at the end, at once. */
function kept({ axis, size, apply }: Foldable, budget: Budget): Foldable {
  let scale: readonly number[] = [1]
  let shift: readonly number[] = [0]
  return {
    axis,
    size,
    apply(a, b) {
      const [before, moved] = [scale, shift]
      budget.spend(before.length + moved.length + a.length + b.length)
      scale = Array.from({ length: Math.max(before.length, a.length) }, (_, i) => at(before, i) * at(a, i))
      const length = Math.max(moved.length, a.length, b.length)
      shift = isNothing(moved) ? b : Array.from({ length }, (_, i) => at(moved, i) * at(a, i) + at(b, i))
      return true
    },
    settle() {
      if (!isNothing(shift) || scale.some((one) => one !== 1)) apply(scale, shift)
      ;[scale, shift] = [[1], [0]]
    },
  }
}

/** A layer of the network to be, which is made at the end, when all is folded into it. */
export interface Step {
  /** What it may be called. */
  readonly hint: string
  readonly make: () => Layer
  readonly of: readonly Active[]
  readonly weights: Record<string, Tensor>
  readonly fold?: Foldable
  /** Whether it only gives examples another shape. */
  readonly reshapes?: boolean
  /** What it does if it only moves numbers: the order of axes, or a part along one. */
  readonly moves?:
    { readonly order: readonly number[] } | { readonly axis: number; readonly from: number; readonly to: number }
  /** What it does if it only scales all numbers alike. */
  readonly factor?: () => number | undefined
  /** What it is of the parts of attention, which are no layers by themselves. */
  readonly role?: Role
}

/**
 * The scores of attention, their softmax, or what it sees then: products that no layer of its own takes; or a dense layer,
 * which may be a projection before them.
 */
export type Role =
  | { readonly kind: 'dense' }
  | { readonly kind: 'scores'; readonly a: Active; readonly b: Active; scale: number; mask?: number[] }
  | { readonly kind: 'shares' }
  | { readonly kind: 'seen'; readonly scores: Extract<Role, { kind: 'scores' }>; readonly values: Active }

/** The shape of an example. */
export function exampleOf({ shape, batch }: Active): readonly number[] {
  return shape.toSpliced(batch, 1)
}

/** The shape of a value as the file has it. */
export function fileShape({ shape, merged }: Active): readonly number[] {
  if (!merged) return shape
  const [first, end] = merged
  return [...shape.slice(0, first), product(shape.slice(first, end)), ...shape.slice(end)]
}

/** Puts steps together. */
export class Builder {
  readonly steps: Step[] = []

  constructor(
    readonly where: string,
    readonly budget: Budget,
  ) {}

  /** Adds a step whose output has the shape `stored`; in the file that is `shape`, with its batch at `batch`. */
  add(step: Step, stored: readonly number[], shape: readonly number[] = stored, batch = 0): Active {
    const { fold } = step
    const from = this.steps.push(fold && !fold.mayRefuse ? { ...step, fold: kept(fold, this.budget) } : step) - 1
    return { kind: 'active', from, stored, shape, batch }
  }

  /** A value with examples of another shape: a layer where that is not what they have. */
  as(value: Active, stored: readonly number[]): Active {
    if (value.stored.join() === stored.join()) return value
    if (product(stored) !== product(value.stored)) {
      throw new FileError(`${this.where}: (${few(value.stored)}) does not make up (${few(stored)})`)
    }
    // Of two in a row the second alone counts.
    const before = this.steps[value.from]
    const of = before?.reshapes ? before.of : [value]
    if (of[0].stored.join() === stored.join()) return { ...value, from: of[0].from, stored }
    const step = { hint: 'reshape', make: () => reshape(stored), of, weights: {}, reshapes: true }
    return { ...value, from: this.steps.push(step) - 1, stored }
  }

  /** The same value with examples of another shape, repeated along axes where it has size 1. */
  stretched(value: Active, target: readonly number[]): Active {
    let now = value
    for (let axis = 0; axis < target.length; axis++) {
      const example = exampleOf(now)
      if (example[axis] === target[axis]) continue
      // Neighbouring axes at once.
      let end = axis + 1
      while (end < target.length && example[end] === 1) end++
      const times = product(target.slice(axis, end))
      const [outer, inner] = [product(example.slice(0, axis)), product(example.slice(end))]
      const of = [this.as(now, [outer, 1, inner])]
      const step = { hint: 'repeat', make: () => upsample2d({ scale: [times, 1] }), of, weights: {} }
      const shape = [...example.slice(0, axis), ...target.slice(axis, end), ...example.slice(end)]
      now = this.add(step, [outer, times, inner], shape.toSpliced(now.batch, 0, now.shape[now.batch]), now.batch)
    }
    return now
  }

  /** The network whose inputs and outputs are called so, and its weights by their names. */
  finish(inputs: readonly string[], outputs: readonly (readonly [name: string, value: Active])[]) {
    const { steps } = this
    const wanted = new Set<number>()
    const pending = outputs.map(([, { from }]) => from)
    for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
      if (wanted.has(from)) continue
      wanted.add(from)
      if (from >= 0) for (const { from: read } of steps[from].of) pending.push(read)
    }
    const used = inputs.filter((_, i) => wanted.has(-1 - i))
    const weights: Record<string, Tensor> = {}
    const taken = new Map(inputs.map((name) => [name, 1]))
    /** Steps in the order in which they can run, each with its name and layer. */
    const made = new Map<number, NamedLayer>()
    for (const [i, { hint, make, fold, weights: own }] of steps.entries()) {
      if (!wanted.has(i)) continue
      fold?.settle?.()
      const name = freeName(hint, taken)
      made.set(i, [name, make()])
      for (const [weight, tensor] of Object.entries(own)) weights[`${name}.${weight}`] = tensor
    }
    return { used, weights, network: this.#network(inputs, used, made, outputs) }
  }

  #network(
    inputs: readonly string[],
    used: readonly string[],
    made: ReadonlyMap<number, NamedLayer>,
    outputs: readonly (readonly [name: string, value: Active])[],
  ): Layer | Network<string, string> {
    if (!used.length) throw new FileError(`${this.where}: no output of the file depends on an input of it`)
    const order = [...made.keys()]
    const [[, { from: last }]] = outputs
    const isChain =
      used.length === 1 &&
      outputs.length === 1 &&
      order.length > 0 &&
      last === order.at(-1) &&
      order.every((i, at) => {
        const { of } = this.steps[i]
        return of.length === 1 && (at ? of[0].from === order[at - 1] : of[0].from < 0)
      })
    if (isChain) return sequential(Object.fromEntries(made.values()))
    return graph(used, (handles, use) => {
      const values = new Map<number, Handle>(used.map((name) => [-1 - inputs.indexOf(name), handles[name]]))
      for (const [i, [name, layer]] of made) {
        values.set(i, use(name, layer, ...this.steps[i].of.map(({ from }) => values.get(from)!)))
      }
      const given = outputs.map(([name, { from }]) => [name, values.get(from)!] as const)
      return given.length === 1 ? given[0][1] : Object.fromEntries(given)
    }) as Layer | Network<string, string>
  }
}

const LONGEST_NAME = 80

/** A name that a layer may have, from one of the file's, and that no other has; `taken` has the next number of each. */
export function freeName(hint: string, taken: Map<string, number>): string {
  const plain = hint.replace(/[^\w-]+/g, '_').replace(/^_+|_+$/g, '')
  const short = plain.slice(-LONGEST_NAME)
  // JavaScript moves keys that are numbers before others.
  const base = /^\d*$/.test(short) ? `layer${short}` : short
  let name = base
  let next = taken.get(base) ?? 1
  while (taken.has(name)) name = `${base}_${++next}`
  taken.set(base, next)
  if (name !== base) taken.set(name, 1)
  return name
}
