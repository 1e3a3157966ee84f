// Layers that join values.

import { type At, type Out, type Writer, emit, moved, same } from '../at'

/** The values with their axes all alike. */
function alike(at: At, values: readonly Out[]): Out[] {
  const isMoved = values.some((one) => one.moved)
  return values.map((one) => (one.shape.length > 1 && isMoved ? moved(at, one) : same(at, one)))
}

const joining =
  (className: string): Writer =>
  (at, ...values) =>
    emit(at, className, {}, alike(at, values), { flat: undefined, positive: values.every(({ positive }) => positive) })

/** Along the channels, which are the first axis here. */
const concat: Writer = (at, ...values) => {
  const channels = values.reduce((sum, { shape }) => sum + shape[0], 0)
  const shape = values[0].shape.with(0, channels)
  const together = alike(at, values)
  if (together.length === 1) return together[0]
  const positive = values.every((one) => one.positive)
  const axis = together[0].moved || shape.length === 1 ? -1 : 1
  return emit(at, 'Concatenate', { axis }, together, { shape, flat: undefined, positive })
}

export const JOINS: Readonly<Record<string, Writer>> = { add: joining('Add'), multiply: joining('Multiply'), concat }
