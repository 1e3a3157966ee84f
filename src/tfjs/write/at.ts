// What writers of layers share: the Keras model while it is made, and values of it.
//
// Keras wants channels last. A value says how the axes of its tensor there lie to ours; they are turned where a layer
// wants them otherwise, and nowhere else.

import { PlanError, endOf, quote } from '../../errors'
import type { Layer } from '../../plan/layer'
import { type Tensor, product } from '../../tensor'
import { transpose } from '../transpose'

export const WHERE = 'toTfjs'

/** A weight, as Keras has it. */
export interface Weight {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array<ArrayBuffer>
}

/** A tensor of the Keras model. */
export interface Out {
  /** The layer that gives it, and which call of it. */
  readonly from: KerasLayer
  readonly call: number
  /** Of an example, as ours has it. */
  readonly shape: readonly number[]
  /** Whether our first axis, the channels, is the last one there. */
  readonly moved: boolean
  /** Of a vector that was an image or a sequence there: its shape here. Its numbers are in the order of channels last. */
  readonly flat?: readonly number[] | undefined
  /** Whether no number of it is below 0: then zeros around it are no larger than what is there. */
  readonly positive?: boolean
}

/** A layer of the Keras model. */
export interface KerasLayer {
  readonly className: string
  readonly config: { name: string; trainable: boolean; [setting: string]: unknown }
  readonly calls: Out[][]
  readonly weights: readonly Weight[]
}

/** What is written so far. */
export interface Draft {
  readonly layers: KerasLayer[]
  readonly names: Set<string>
  /** By the name of a layer of ours with weights: used once more, it is called once more. */
  readonly shared: Map<string, KerasLayer>
}

/** A layer of ours while it is written. */
export interface At {
  readonly path: string
  readonly layer: Layer
  readonly config: any
  readonly trainable: boolean
  readonly draft: Draft
  /** A weight of ours, of its name within the layer. */
  weight(name: string): Tensor
  fail(problem: string): PlanError
}

/** Writes a layer; throws a PlanError where Keras, or TensorFlow.js, has no such layer. */
export type Writer = (at: At, x: Out, ...others: Out[]) => Out

export function failure(path: string, kind: string, problem: string): PlanError {
  return new PlanError(`${WHERE}: ${path ? `${quote(endOf(path))} ` : ''}(${kind}) ${problem}`)
}

/** A name of Keras, which has no dots, and says what a number is of. */
function nameOf(draft: Draft, path: string, kind: string): string {
  const plain = path.replaceAll('.', '_').replace(/[^\w-]/g, '_')
  const base = /^[A-Za-z]/.test(plain) ? plain : `${kind}${plain && '_'}${plain}`
  let [name, i] = [base, 1]
  while (draft.names.has(name)) name = `${base}_${++i}`
  draft.names.add(name)
  return name
}

/** A new layer of Keras; `as` says what becomes of the value that it reads, which else keeps its axes. */
export function emit(
  at: Pick<At, 'draft' | 'path' | 'trainable' | 'layer'>,
  className: string,
  settings: object,
  of: Out | readonly Out[],
  as: Partial<Out> = {},
  weights?: (name: string) => readonly Weight[],
): Out {
  const { draft, path, trainable } = at
  const inputs = Array.isArray(of) ? (of as readonly Out[]) : [of as Out]
  const known = weights && draft.shared.get(`${path} ${className}`)
  let from = known
  if (!from) {
    const name = nameOf(draft, path, at.layer.kind)
    from = { className, config: { name, trainable, ...settings }, calls: [], weights: weights?.(name) ?? [] }
    draft.layers.push(from)
    if (weights) draft.shared.set(`${path} ${className}`, from)
  }
  from.calls.push([...inputs])
  const [{ shape, moved, flat }] = inputs
  return { shape, moved, flat, ...as, from, call: from.calls.length - 1 }
}

/** [H, W, C] of [C, H, W]. */
export function last<T>(shape: readonly T[]): T[] {
  return [...shape.slice(1), shape[0]]
}

/** The tensor with the axes as ours has them. */
export function same(at: At, x: Out): Out {
  const { flat, shape } = x
  if (flat) {
    const target_shape = last(flat)
    const image = emit(at, 'Reshape', { target_shape }, x, { shape: flat, moved: true, flat: undefined })
    return flattened(at, same(at, image))
  }
  if (!x.moved || shape.length < 2) return x
  return emit(at, 'Permute', { dims: [shape.length, ...shape.slice(1).map((_, i) => i + 1)] }, x, { moved: false })
}

/** The tensor with the channels last. */
export function moved(at: At, x: Out): Out {
  if (x.moved || x.shape.length < 2) return x
  return emit(at, 'Permute', { dims: last(x.shape.map((_, i) => i + 1)) }, x, { moved: true })
}

/** A tensor of ours that is [size]. */
export function flattened(at: At, x: Out): Out {
  return x.shape.length === 1 ? x : emit(at, 'Flatten', {}, x, { shape: [product(x.shape)], moved: false })
}

/** The same numbers in another shape; both have the axes as ours. */
export function reshaped(at: At, x: Out, shape: readonly number[]): Out {
  const y = same(at, x)
  if (y.shape.join() === shape.join()) return y
  return emit(at, 'Reshape', { target_shape: shape }, y, { shape, moved: false })
}

/** Of a vector: its numbers in the order of x, which may be that of channels last. */
export function inOrder(data: ArrayLike<number>, { flat }: Out): Float32Array<ArrayBuffer> {
  if (!flat) return Float32Array.from(data)
  return transpose(data, flat, last(flat.map((_, i) => i)))
}
